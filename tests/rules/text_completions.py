# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Legacy text completions: their entries have text, and neither delta nor message."""

from __future__ import annotations

from tests.wire import *

ROWS = [
    ("text is appended, and the object is text_completion",
     [{"id": "x", "object": "text_completion", "created": 1, "model": "m",
       "choices": [{"text": "a", "index": 0, "finish_reason": None,
                    "logprobs": {"tokens": ["a"], "token_logprobs": [-1], "text_offset": [0]}}]},
      {"choices": [{"text": "", "index": 1},
                   {"text": "b", "index": 0,
                    "logprobs": {"tokens": ["b"], "token_logprobs": [-2], "text_offset": [1]}},
                   {"text": "", "index": 0, "finish_reason": "length", "logprobs": None}], "usage": {"n": 1}},
      END],
     [sseparse.Start("x", "m", 1, "text_completion"), content("a"),
      logprobs({"tokens": ["a"], "token_logprobs": [-1], "text_offset": [0]}), content("b"),
      logprobs({"tokens": ["b"], "token_logprobs": [-2], "text_offset": [1]}), usage(n=1), content_done("ab"),
      choice_done("length", 0), choice_done(None, 1), DONE],
     "done",
     {"object": "text_completion",
      "choices": [{"index": 0, "text": "ab", "message": ABSENT, "finish_reason": "length",
                   "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-1, -2], "text_offset": [0, 1]}},
                  {"index": 1, "text": "", "finish_reason": None, "logprobs": ABSENT}]}),
    ("an entry with a delta makes the answer a chat completion",
     [{"choices": [{"text": "a"}]}, say("b"), END],
     [TEXT_START, content("a"), content("b"), content_done("ab"), choice_done(None), DONE],
     "done",
     {"object": "chat.completion", "choices": [{"text": ABSENT, "message": {"content": "ab"}}]}),
    ("text beside a delta is an unknown field",
     [{"choices": [{"text": "a", "delta": {"content": "b"}}]}, END],
     [START, content("b"), extra("text", "a", 0, place="choice"), content_done("b"), choice_done(None), DONE],
     "done",
     {"object": "chat.completion", "choices": [{"text": "a", "message": {"content": "b"}}]}),
]
