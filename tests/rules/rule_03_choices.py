# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Rule 3. Choices are keyed by index."""

from __future__ import annotations

from tests.wire import *


def odd_choice_index(index, why):
    frame = {"choices": [{"index": index, "delta": {}}, {"index": 0, "delta": {"content": "a"}}], "y": 1}
    return (
        f"{index!r} is not an index of a choice; the rest of the frame is read",
        [frame, END],
        [START, extra("y", 1), malformed(f"index of a choice {why}; the entry was ignored", 0, frame),
         content("a"), content_done("a"), choice_done(None), DONE],
        "done",
        {"choices": [{"index": 0}], "y": 1},
    )


ROWS = [
    ("a choice is found by its index, and any index may come first",
     [say("c", 2), say("a", 0), say("C", 2), finish("length", 2), finish("stop", 0), END],
     [START, content("c", 2), content("a", 0), content("C", 2), content_done("a", 0), choice_done("stop", 0),
      content_done("cC", 2), choice_done("length", 2), DONE],
     "done finished",
     {"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"},
                  {"index": 2, "message": {"content": "cC"}, "finish_reason": "length"}]}),
    ("an entry without an index, or with null, has its place in this chunk's list as index",
     [{"choices": [{"delta": {"content": "a"}}, {"index": None, "delta": {"content": "b"}}]},
      {"choices": [None, {"delta": {"content": "B"}}]}, END],
     [START, content("a", 0), content("b", 1), content("B", 1), content_done("a", 0), choice_done(None, 0),
      content_done("bB", 1), choice_done(None, 1), DONE],
     "done",
     {"choices": [{"index": 0}, {"index": 1}]}),
    ("entries with the same index in one chunk are applied in order",
     [{"choices": [{"index": 1, "delta": {"content": "a"}}, {"index": 0, "delta": {"content": "x"}},
                   {"index": 1, "delta": {"content": "b"}, "finish_reason": "length"},
                   {"index": 1, "delta": {"content": "c"}, "finish_reason": "stop"}]}, END],
     [START, content("a", 1), content("x", 0), content("b", 1), content("c", 1), content_done("x", 0),
      choice_done(None, 0), content_done("abc", 1), choice_done("length", 1), DONE],
     "done",
     {"choices": [{"index": 0, "finish_reason": None}, {"index": 1, "finish_reason": "length"}]}),
    ("a string of digits is an index",
     [say("a", "1"), say("b", 1), say("c", "01"), END],
     [START, content("a", 1), content("b", 1), content("c", 1), content_done("abc", 1), choice_done(None, 1),
      DONE],
     "done",
     {"choices": [{"index": 1}]}),
    *(odd_choice_index(index, "is not an integer from 0 on")
      for index in (-1, True, 1.0, "", "-1", "-0", "-00", "1_0", " 1", "\u0663", [], {})),
    *(odd_choice_index(index, "is not below max_choices (128)") for index in (128, "128", 10**30)),
    ("an entry that is not an object is malformed; the other entries are read",
     [{"choices": [5, "x", {"delta": {"content": "a"}}]}, END],
     [START,
      malformed("entry of choices is not an object; it was ignored", 0,
                {"choices": [5, "x", {"delta": {"content": "a"}}]}),
      malformed("entry of choices is not an object; it was ignored", 0,
                {"choices": [5, "x", {"delta": {"content": "a"}}]}), content("a", 2), content_done("a", 2),
      choice_done(None, 2), DONE],
     "done",
     {"choices": [{"index": 2}]}),
    ("choices that is not a list is malformed; the rest of the frame is read",
     [{"choices": {"0": {}}, "id": "x", "usage": {"n": 1}}, END],
     [malformed("choices is not a list; it was ignored", 0,
                {"choices": {"0": {}}, "id": "x", "usage": {"n": 1}}), usage(n=1), DONE],
     "done",
     {"id": "x", "usage": {"n": 1}, "choices": []}),
]
