# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Rule 7. Role and finish_reason."""

from __future__ import annotations

from tests.wire import *

ROWS = [
    ("the first role is kept",
     [delta({"role": "tool"}), delta({"role": "assistant", "content": "a"}), delta({"role": ""}), END],
     [START, content("a"), content_done("a"), choice_done(None), DONE],
     "done",
     message({"role": "tool"})),
    ("the role is assistant if none came, and a wrong role has no Extra",
     [delta({"role": ""}), delta({"role": 5}), END],
     [START, choice_done(None), DONE],
     "done",
     message({"role": "assistant", "content": None})),
    ("the last non-empty finish_reason is kept, also an unknown one",
     [finish("stop"), finish("eos_token"), finish(""), finish(None), finish(5), END],
     [START, choice_done("eos_token"), DONE],
     "done finished",
     message({}, finish_reason="eos_token")),
    *(
        (
            f"a later stop does not replace {reason}; another reason does",
            [finish(reason), finish("stop"), finish(reason, 1), finish("other", 1), END],
            [
                START,
                *(server("error", None, "error", *where) for where in ((0, 0), (2, 1)) if reason == "error"),
                choice_done(reason),
                choice_done("other", 1),
                DONE,
            ],
            "done finished",
            {"choices": [{"finish_reason": reason}, {"finish_reason": "other"}]},
        )
        for reason in ("tool_calls", "function_call", "length", "content_filter", "error")
    ),
    ("a later reason replaces stop",
     [finish("stop"), finish("tool_calls"), END],
     [START, *CALLS_DONE],
     "done finished",
     message({}, finish_reason="tool_calls")),
    ("stop replaces tool_calls if content came after tool_calls",
     [calls(fragment(0, "i", "f", "{}")), CALLED, say("a"), STOP, END],
     [START, call_start(0, "i", "f"), call_delta(0, "{}"), content("a"), content_done("a"),
      call_done(0, "i", "f", "{}"), *STOPPED],
     "done finished",
     message({"content": "a"}, finish_reason="stop")),
    ("stop does not replace tool_calls after earlier or empty content, reasoning, or a second tool_calls",
     [say("a"), delta({"content": "b"}, finish_reason="tool_calls"), say(""), delta({"reasoning": "r"}), STOP,
      say("c", 1), finish("tool_calls", 1), say("d", 1), finish("tool_calls", 1), finish("stop", 1), END],
     [START, content("a"), content("b"), thought("r", field="reasoning"), content("c", 1), content("d", 1),
      content_done("ab"), thought_done("r"), choice_done("tool_calls"), content_done("cd", 1),
      choice_done("tool_calls", 1), DONE],
     "done finished",
     {"choices": [{"finish_reason": "tool_calls"}, {"finish_reason": "tool_calls"}]}),
    ("stop does not replace length, also if content came between",
     [finish("length"), say("a"), STOP, END],
     [START, content("a"), content_done("a"), choice_done("length"), DONE],
     "done finished",
     message({}, finish_reason="length")),
    ("finish_reason error is one server error for each choice, unless an error was reported already",
     [finish("error"), finish("error"), delta({}, 1, error="E"), finish("error", 1),
      {"error": "F", **finish("error", 2)}, END],
     [START, server("error", None, 'error', 0, 0), server("E", None, 'E', 2, 1),
      server("F", None, 'F', 4, None), choice_done("error"), choice_done("error", 1), choice_done("error", 2),
      DONE],
     "done finished",
     {"choices": [{"finish_reason": "error"}] * 3}),
]
