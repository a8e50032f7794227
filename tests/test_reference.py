# SPDX-License-Identifier: MIT
"""The reference gives the result of each row: the tables of the rules and of the decoder.

``test_shared`` runs the reference on ``../shared``, and ``test_against_reference`` on random streams. This
module also tests the parts of the reference that no row reaches.
"""

from __future__ import annotations

import json
import unittest

from tests.reference import model
from tests.reference.model import assemble, comparable, decode, run, scan
from tests.rules import TABLES
from tests.test_decoder import STREAMS
from tests.wire import differences, sse

# Texts and what they are as one JSON value.
SCANS = [
    ("", "incomplete"),
    (" ", "incomplete"),
    ("{}", "complete"),
    (' [1, -2.5e+3, "\\u00e9\\n", {"a": null}] ', "complete"),
    ("{} {}", "invalid"),
    ('{"a"', "incomplete"),
    ('{"a":1,}', "invalid"),
    ('{"a":1,', "incomplete"),
    ("[1,]", "invalid"),
    ('"\\u12', "incomplete"),
    ('"\\x"', "invalid"),
    ('"\n"', "invalid"),
    ("tru", "incomplete"),
    ("trx", "invalid"),
    ("NaN", "invalid"),
    ("01", "invalid"),
    ("-", "incomplete"),
    ("-0", "complete"),
    ("1.", "incomplete"),
    ("1.e", "invalid"),
    ("1e+", "incomplete"),
    ("[" * 128, "incomplete"),
    ("[" * 129, "invalid"),
]


class Rows(unittest.TestCase):
    maxDiff = 4000

    def test_each_row_of_the_rules(self):
        for table, rows in TABLES.items():
            for name, frames, events, facts, final in rows:
                with self.subTest(name, table=table):
                    result = run(sse(*frames))
                    expected = [comparable(event.as_dict()) for event in events]
                    self.assertEqual([comparable(event) for event in result.events], expected)
                    found = [fact for fact in ("done", "finished", "truncated") if getattr(result, fact)]
                    self.assertEqual(" ".join(found), facts)
                    self.assertEqual(differences(final, result.snapshot), [])

    def test_each_row_of_the_decoder(self):
        for name, stream, events, (last_event_id, retry, comments, _) in STREAMS:
            with self.subTest(name):
                result = decode(stream)
                self.assertEqual(result.events, [(event.event, event.data, event.id) for event in events])
                self.assertEqual(result.retries[-1:], [] if retry is None else [retry])
                self.assertEqual((result.last_event_id, result.comments), (last_event_id, comments))


class Parts(unittest.TestCase):
    def test_scan(self):
        for text, state in SCANS:
            with self.subTest(text):
                self.assertEqual(scan(text)[0], state)

    def test_assemble_gives_the_result_of_run(self):
        chunks = [
            {"id": "i", "choices": [{"delta": {"content": "A\ud83d"}}, {"index": True, "delta": {}}]},
            {"error": "E"},
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        ]
        result, streamed = assemble(chunks, done=True), run(sse(*chunks, "data: [DONE]\n\n"))
        self.assertEqual(result.snapshot, streamed.snapshot)
        self.assertEqual([event["kind"] for event in result.errors], ["malformed", "server"])
        for one, other in zip(result.events, streamed.events):
            self.assertEqual({**one, "data": None}, {**other, "data": None})
        self.assertEqual((result.done, result.truncated), (True, False))

    def test_usage_that_grows_without_end(self):
        usages = [{"usage": {str(number): [number] * 9}} for number in range(200)]
        result = assemble(usages)
        self.assertEqual(len(result.snapshot["usage"]), 13)  # 1 + 13 * 10 values, the first time over 128
        self.assertEqual([one["frame"] for one in result.errors], [13])

    def test_comparable_blanks_what_is_the_librarys_own(self):
        mine = model.event("error", "limit", "too much", None, None, None, None, None)
        self.assertEqual(comparable(mine)["message"], model.OWN_WORDS)
        theirs = model.event("error", "server", "E", None, None, {"message": "E"}, 0, None)
        self.assertEqual(comparable(theirs), theirs)
        with self.assertRaises(ValueError):
            comparable({**mine, "message": ""})

    def test_a_result_is_plain_json(self):
        result = run(sse({"choices": [{"delta": {"content": float("nan"), "x": [float("inf")]}}]}))
        json.dumps([result.snapshot, result.events], allow_nan=False)


if __name__ == "__main__":
    unittest.main()
