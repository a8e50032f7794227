# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Rule 10. Strings and lists inside fields that the library does not know."""

from __future__ import annotations

from tests.wire import *

ROWS = [
    ("other lists of objects merge likewise, lists of other things are replaced",
     [delta({"annotations": [{"index": 1, "url": "u"}, None], "tags": [1], "mixed": [{"index": 0}, 5]}),
      delta({"annotations": [{"index": 1, "url": "v", "n": 1}], "tags": [2, 3],
             "mixed": [{"index": 0, "a": 1}]}), delta({"annotations": [], "tags": []}), END],
     [START, extra("annotations", [{"index": 1, "url": "u"}, None], 0), extra("tags", [1], 0),
      extra("mixed", [{"index": 0}, 5], 0), extra("annotations", [{"index": 1, "url": "v", "n": 1}], 0),
      extra("tags", [2, 3], 0), extra("mixed", [{"index": 0, "a": 1}], 0), extra("annotations", [], 0),
      extra("tags", [], 0), choice_done(None), DONE],
     "done",
     message({"annotations": [{"index": 1, "url": "v", "n": 1}], "tags": [2, 3],
              "mixed": [{"index": 0, "a": 1}]})),
    ("a string in unknown structure appends if its key is in the table; else the last non-null one wins",
     [delta({"x": {"text": "a", "summary": "a", "data": "a", "thinking": "a", "transcript": "a",
                   "reasoning_x": "a", "signature": "a", "url": "a", "n": 1}, "data": "A",
             "reasoning_mode": "A", "mode": "A"}),
      delta({"x": {"text": "b", "summary": "b", "data": "b", "thinking": "b", "transcript": "b",
                   "reasoning_x": "b", "signature": "b", "url": None, "n": 2}, "data": "B",
             "reasoning_mode": "B", "mode": "B"}), END],
     [START,
      extra("x",
            {"text": "a", "summary": "a", "data": "a", "thinking": "a", "transcript": "a", "reasoning_x": "a",
             "signature": "a", "url": "a", "n": 1}, 0), extra("data", "A", 0),
      extra("reasoning_mode", "A", 0), extra("mode", "A", 0),
      extra("x",
            {"text": "b", "summary": "b", "data": "b", "thinking": "b", "transcript": "b", "reasoning_x": "b",
             "signature": "b", "url": None, "n": 2}, 0), extra("data", "B", 0),
      extra("reasoning_mode", "B", 0), extra("mode", "B", 0), choice_done(None), DONE],
     "done",
     message({"x": {"text": "ab", "summary": "ab", "data": "ab", "thinking": "ab", "transcript": "ab",
                    "reasoning_x": "ab", "signature": "b", "url": "a", "n": 2}, "data": "AB",
              "reasoning_mode": "AB", "mode": "B"})),
]
