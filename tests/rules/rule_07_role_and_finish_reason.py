# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Rule 7. Role and finish_reason."""

from __future__ import annotations

from tests.wire import *

ROWS = [
    ("role is set once",
     [delta({"role": "tool"}), delta({"role": "assistant", "content": "a"}), delta({"role": ""}), END],
     [START, content("a"), content_done("a"), choice_done(None), DONE],
     "done",
     message({"role": "tool"})),
    ("role defaults to assistant, and is no field that fires",
     [delta({"role": ""}), delta({"role": 5}), END],
     [START, choice_done(None), DONE],
     "done",
     message({"role": "assistant", "content": None})),
    ("finish_reason: last non-empty, unknown values verbatim",
     [finish("stop"), finish("eos_token"), finish(""), finish(None), finish(5), END],
     [START, choice_done("eos_token"), DONE],
     "done finished",
     message({}, finish_reason="eos_token")),
    *(
        (
            f"a later stop does not replace {reason}, another reason does",
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
    ("a stop is replaced by what comes later",
     [finish("stop"), finish("tool_calls"), END],
     [START, *CALLS_DONE],
     "done finished",
     message({}, finish_reason="tool_calls")),
]
