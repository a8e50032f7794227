# SPDX-License-Identifier: MIT
"""Fuzz HTTPBody: pip install atheris; PYTHONPATH=. python tests/fuzz/fuzz_http_body.py -max_total_time=120

The first byte of an input says how to cut the rest and whether to put
a head in front of it. The outcome must not depend on the cuts, and nothing but StreamError may be raised.
"""

from __future__ import annotations

import random
import sys

import atheris

with atheris.instrument_imports():
    from tests import sseparse

HEADS = (
    b"",
    b"HTTP/1.1 ",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length:",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
)


def outcome(pieces):
    body, out, error = sseparse.HTTPBody(), [], None
    try:
        for piece in pieces:
            out.append(body.feed(piece))
        body.close()
    except sseparse.StreamError as raised:
        error = str(raised)
    return b"".join(out), error, body.status, body.headers, body.complete


def test_one_input(data):
    seed, wire = data[:1], HEADS[data[0] % len(HEADS)] + data[1:] if data else b""
    whole = outcome([wire])
    assert whole == outcome([wire[i : i + 1] for i in range(len(wire))]), "in single bytes"
    randomness = random.Random(seed)
    places = sorted(randomness.randrange(len(wire) + 1) for _ in range(randomness.randrange(8)))
    pieces = [wire[i:j] for i, j in zip([0, *places], [*places, len(wire)])]
    assert whole == outcome(pieces), f"cut at {places}"
    assert whole[4] is (whole[1] is None), "whole and sound, or an error"


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
