# SPDX-License-Identifier: MIT
"""Fuzz ``PartialJSON`` against ``json.loads``. Atheris is no dependency; from the project's root:

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris
    PYTHONPATH=. /tmp/fuzz/bin/python tests/fuzz/fuzz_partial_json.py -max_total_time=120 -max_len=400 CORPUS

An input is one byte for the number of cuts, a byte for each cut, and the text in UTF-8 (halves of
surrogate pairs in the same manner). What must hold: it never raises; it takes what
``json.loads`` takes and builds the same; whatever the cuts, the events add up to the same, and so do
value, error and end; deltas of a string joined are its value; ``.value`` only ever grows.
"""

from __future__ import annotations

import json
import re
import sys

import atheris

with atheris.instrument_imports():
    from tests import sseparse


def well_formed(text):
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def tidy(value):
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(key): tidy(item) for key, item in value.items()}
    return value


def refuse(name):
    raise ValueError(name)


def depth(text):
    """How deep containers are nested, whatever else is wrong."""
    deepest = now = 0
    for char in re.sub(r'"(?:[^"\\]|\\.)*"?', "", text, flags=re.DOTALL):
        now += (char in "[{") - (char in "]}")
        deepest = max(deepest, now)
    return deepest


def run(pieces):
    reader = sseparse.PartialJSON()
    events, strings = [], {}
    for piece in [*pieces, None]:
        for event in reader.close() if piece is None else reader.feed(piece):
            if event.type == "json.text":
                assert event.text
                strings[event.path] = strings.get(event.path, "") + event.text
                continue
            if isinstance(event.value, str):
                assert strings.pop(event.path, "") == event.value
            events.append((event.path, repr(event.value)))
        assert reader.value is reader.value
    unfinished = list(strings.items())
    return events, unfinished, repr(reader.value), reader.error, reader.end, reader.complete


def one_input(data):
    count = data[0] % 8 if data else 0
    try:
        text = data[1 + count :].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = data[1 + count :].decode("utf-8", "replace")
    places = sorted([0, *(min(cut, len(text)) for cut in data[1 : 1 + count]), len(text)])
    whole = run([text])
    assert run(text) == whole
    assert run([text[a:b] for a, b in zip(places, places[1:])]) == whole
    *_, value, error, end, complete = whole
    try:
        expected = repr(tidy(json.loads(text, parse_constant=refuse)))
    except (ValueError, RecursionError):
        assert error is not None
        assert 0 <= error.offset <= len(text)
    else:
        assert error is None or depth(text) > 128
        assert error is not None or value == expected
    assert complete is (end is not None)
    if complete:
        assert repr(tidy(json.loads(text[:end]))) == value


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
