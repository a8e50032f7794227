# SPDX-License-Identifier: MIT
"""Fuzz ``SSEDecoder`` against its own cuts and ``tests/reference/model.py``. From the project's root:

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris
    mkdir -p CORPUS && PYTHONPATH=. /tmp/fuzz/bin/python tests/fuzz/fuzz_decoder.py -max_total_time=120 \
        -max_len=600 CORPUS

An input is a byte of options, a byte that seeds the cuts, and the stream. What must hold: nothing is
raised; the events are those of the reference, and so are retry, last_event_id, comments and overflow,
whatever the cuts, whatever bytes-like is fed, and through pickled and deep-copied copies, while the
original goes its own way.
"""

from __future__ import annotations

import copy
import os
import pickle
import random
import sys

import atheris

with atheris.instrument_imports():
    from tests import sseparse
from tests.reference import model as reference

LIMITS = (None, None, None, 0, 1, 6, 12, 30)
KINDS = (bytes, bytearray, memoryview)

# What lines are made of. Most mutations put one of these somewhere, because few strings of bytes mean
# anything in an event stream.
WORDS = (
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\r",
    b"\n\r",
    b"\xef\xbb\xbf",
    b"\xef\xbb",
    b"\xf0\x9f\x98\x80",
    b"\xf0\x9f",
    b"\xed\xa0\x80",
    b"\xff",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\0",
    b":",
    b": ",
    b" ",
    b"\x0b",
    b"\x1c",
    b"data",
    b"data:",
    b"data: ",
    b"data: x\n",
    b"data: x\n\n",
    b"data:\n\n",
    b"data\ndata\n\n",
    b" data: x\n",
    b"Data: x\n",
    b"data : x\n",
    b"event",
    b"event: e\n",
    b"event:\n",
    b"id",
    b"id: 1\n",
    b"id:\n",
    b"id: a\0b\n",
    b"retry: 3\n",
    b"retry: \xd9\xa3\n",
    b"retry: 1_0\n",
    b"retry:" + b"9" * 18 + b"\n",
    b"retry:" + b"9" * 19 + b"\n",
    b"retry",
    b"error: e\n",
    b": comment\n",
)
SEEDS = (
    b"\0\0data: a\n\ndata: b\n\ndata: c\n\n",
    b"\1\1\xef\xbb\xbfevent: e\r\nid: 7\r\ndata: a\r\ndata:  b\r\n\r\nretry: 10\r\n\r\n: x\r\ndata: c",
    b"\x05\2id: 1\rdata\rdata\r\r\rid\r\rdata: \xf0\x9f\x98\x80\xff\r\revent: x\r\r",
)


def facts(decoder):
    return decoder.retry, decoder.last_event_id, decoder.comments, decoder.overflowed


def run(pieces, options, copied_at=-1):
    decoder, events = sseparse.SSEDecoder(**options), []
    for number, piece in enumerate(pieces):
        if number == copied_at:
            original = decoder
            decoder = pickle.loads(pickle.dumps(decoder)) if number % 2 else copy.deepcopy(decoder)
            assert repr(original) == repr(decoder)
            assert facts(original) == facts(decoder)
            original.feed(b"data: not for the copy\n\n")
            original.close()
        events += decoder.feed(KINDS[number % 3](piece))
    events += decoder.close()
    assert decoder.close() == []
    for event in events:
        assert event.type == "sse"
        assert event.data or event.event
        (event.event + event.data + event.id).encode()  # which takes no lone surrogate
    return [(event.event, event.data, event.id) for event in events], facts(decoder)


def one_input(data):
    if len(data) < 2:
        return
    options = {"flush_at_eof": bool(data[0] & 1), "last_event_id": "before" if data[0] & 2 else ""}
    limit = LIMITS[data[0] >> 2 & 7]
    if limit is not None:
        options["max_event_bytes"] = limit
    wire = data[2:]
    whole = run([wire], options)
    expected = reference.decode(wire, **options)
    assert whole[0] == expected.events, "reference"
    retry = expected.retries[-1] if expected.retries else None
    assert whole[1] == (retry, expected.last_event_id, expected.comments, expected.overflowed), "reference"
    randomness = random.Random(data[1])
    assert run([wire[i : i + 1] for i in range(len(wire))], options, randomness.randrange(40)) == whole, (
        "bytes"
    )
    places = sorted(randomness.randrange(len(wire) + 1) for _ in range(randomness.randrange(1, 8)))
    pieces = [wire[i:j] for i, j in zip([0, *places], [*places, len(wire)])]
    assert run(pieces, options, randomness.randrange(len(pieces))) == whole, f"cut at {places}"
    assert run([wire[: places[0]], b"", wire[places[0] :]], options, 1) == whole, "an empty chunk"


def mutate(data, max_size, seed):
    randomness = random.Random(seed)
    if len(data) < 2 or randomness.randrange(3) == 0:
        return atheris.Mutate(data, max_size)
    head, wire = data[:2], data[2:]
    for _ in range(randomness.choice((1, 1, 2, 4))):
        start = randomness.randrange(len(wire) + 1)
        stop = min(len(wire), start + randomness.choice((0, 0, 1, 2, 8, 40)))
        way = randomness.randrange(6)
        if way < 3:
            wire = wire[:start] + randomness.choice(WORDS) + wire[stop:]
        elif way == 3:
            wire = wire[:stop] + wire[start:stop] + wire[stop:]
        elif way == 4:
            old, new = randomness.sample((b"\n", b"\r", b"\r\n"), 2)
            wire = wire[:start] + wire[start:].replace(old, new)
        else:
            other = randomness.choice(SEEDS)
            wire = wire[:start] + other[randomness.randrange(2, len(other)) :] + wire[stop:]
    return (head + wire)[:max_size]


def plant(folder, seeds):
    """Write what the first round begins with."""
    for number, seed in enumerate(seeds):
        with open(os.path.join(folder, f"seed{number}"), "wb") as file:
            file.write(seed)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        if os.path.isdir(argument):
            plant(argument, SEEDS)
    atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()
