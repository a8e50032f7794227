# SPDX-License-Identifier: MIT
"""Each row of ``tests/rules/`` is delivered in every way, as a test of its own.

The name of the test is the name of the row. So these commands run one row, one rule, and one table::

    python -m unittest -k "a string of digits is an index"
    python -m unittest -k rule_03
    python -m unittest tests.test_rules.rule_03_choices

A row is delivered whole, byte by byte, cut at every place, with all line ends, through copies, with and
without the fast path.
"""

from __future__ import annotations

import importlib
import re
import unittest

from tests.rules import TABLES
from tests.rules.events import MOMENTS
from tests.rules.frames_alike import LIKE, alike
from tests.wire import check, deliver, delta, differences, slices, sse, sseparse


def test_of(row):
    return lambda self: check(self, row)


def load(table, rows):
    """Make a class of the table with a test for each row."""
    tests = {f"test {row[0]}": test_of(row) for row in rows}
    if len(tests) != len(rows):
        raise AssertionError(f"{table}: two rows have the same name")
    return type(table, (unittest.TestCase,), {**tests, "maxDiff": None, "__module__": __name__})


globals().update({table: load(table, rows) for table, rows in TABLES.items()})


class Rule4(unittest.TestCase):
    """The table in ``_calls.py``, each row of which has an example."""

    def test_table(self):
        calls = importlib.import_module(sseparse.__name__ + "._calls").__spec__
        text = calls.loader.get_source(calls.name)  # ``python -OO`` has no docstrings
        words = r"(\S+) (\S+) (\S+) (\S+)"
        row = rf"(KNOWN|HERE|LAST|a new call|ignored) +{words} +\+ +{words}$"
        rows = re.findall(row, text, re.M)
        self.assertEqual(len(rows), 15)
        for result, *words in rows:
            with self.subTest(" ".join(words)):
                assembler = sseparse.ChatAssembler()
                for id, index, name, arguments in (words[:4], words[4:]):
                    function = {"name": name, "arguments": arguments}
                    fragment = {"id": id, "index": index, "function": without_dashes(function)}
                    assembler.add(delta({"tool_calls": [without_dashes(fragment)]}))
                first, second = words[3].strip("-"), words[7].strip("-")
                expected = {"a new call": [first, second], "ignored": [first]}.get(result, [first + second])
                found = [call["function"]["arguments"] for call in assembler.tool_calls()]
                self.assertEqual(found, expected)


def without_dashes(fields):
    return {key: value for key, value in fields.items() if value != "-"}


class Runs(unittest.TestCase):
    """The rows of ``frames_alike`` with many frames, some kilobytes in one feed."""

    def test_runs(self):
        for one in LIKE:
            name, frames, events, _, final = alike(*one, letters="abcdef" * 30)
            for size in (1500, 4000, 65536):
                for fast_path in (True, False):
                    with self.subTest(name, size=size, fast_path=fast_path):
                        stream, found = deliver(slices(sse(*frames), size), fast_path=fast_path)
                        self.assertEqual(found, events)
                        self.assertEqual(differences(final, stream.snapshot()), [])


class Moments(unittest.TestCase):
    """The feed in which each event comes."""

    def test_moments(self):
        for name, feeds, moments in MOMENTS:
            for fast_path in (True, False):
                with self.subTest(name, fast_path=fast_path):
                    stream = sseparse.ChatStream(fast_path=fast_path, max_event_bytes=1000)
                    found = [stream.feed(data) for data in feeds]
                    self.assertEqual([*found, stream.close()], moments)
                    self.assertEqual(stream.close(), [])


if __name__ == "__main__":
    unittest.main()
