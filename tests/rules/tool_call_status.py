# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""ToolCallDone.status: for each kind of text, and for each end of the choice."""

from __future__ import annotations

from tests.wire import *


def status_rows():
    """ToolCallDone.status for each kind of text, and each end of the choice."""
    deep = '{"a":' * 127 + "[]" + "}" * 127
    texts = {
        "complete": ["{}", ' {"a": [1, -2.5e+3, true, null, "\\u00e9\\n"]}\n', '{"a":1e999}',
                     '{"a":"\ufffd"}', deep],
        "empty": ["", " ", "\n\t\r "],
        "incomplete": ["{", '{"', '{"a', '{"a\\', '{"a\\u00', '{"a"', '{"a":', '{"a":"', '{"a":tr', '{"a":-',
                       '{"a":1', '{"a":1.', '{"a":1e', '{"a":1e+', '{"a":1,', '{"a":[', '{"a":[1,', '{"a":{}',
                       " {", '{"a":"NaN', deep[:-1]],
        "invalid": ["{}{}", '{"a":1}{"a":1}', "{} {}", "{}x", '{"a":1}}', '{"a":1},', "[]", "[1]", '"x"', "1",
                    "true", "null", "x", "None", "{'a'", '{"a":1,}', '{"a" 1', '{"a":NaN}', '{"a":Infinity',
                    '{"a":-Infinity}', '{"a":01}', '{"a":"\n"}', '{"a":"\\x', '{"a":+', '{"a":.5}', "{a",
                    '{"a":tru}', "\ufeff{}", '{"a":{' + deep, "```json\n{}",
                    # The beginning of no object, also where the text merely ends:
                    "[", '"x', "tru", "-", "12", "1.", '[{"a":1', "{]", '{"a":N', '{"a":-I', "\ufeff{",
                    '{"a":"x\n', '{"\r', '{"a":tr ', '{"a":1.\t'],
    }
    for status, examples in texts.items():
        for text in examples:
            yield (
                f"status: {text[:40]!r} is {status}",
                [calls(fragment(0, "i", "f", text)), CALLED, END],
                [
                    START,
                    call_start(0, "i", "f"),
                    *([call_delta(0, text)] if text else []),
                    call_done(0, "i", "f", text, status),
                    *CALLS_DONE,
                ],
                "done finished",
                final_calls(("i", "f", text)),
            )
    # Text without a grammar, or no text: the status depends only on the end of the choice.
    for reason, ended, custom, none in (
        ("tool_calls", True, "complete", "empty"),
        ("tool_calls", False, "complete", "empty"),
        ("stop", False, "complete", "empty"),
        ("unknown", False, "incomplete", "incomplete"),
        ("abort", True, "incomplete", "incomplete"),
        ("model_length", True, "incomplete", "incomplete"),
        ("network_error", True, "incomplete", "incomplete"),
        ("Eos_Token", False, "complete", "empty"),
        ("TOOL_USE", False, "complete", "empty"),
        (None, True, "complete", "empty"),
        (None, False, "incomplete", "incomplete"),
        ("length", True, "incomplete", "incomplete"),
        ("content_filter", True, "incomplete", "incomplete"),
        ("error", True, "incomplete", "incomplete"),
        ("error", False, "incomplete", "incomplete"),
    ):
        facts = " ".join(["done"] * ended + ["finished"] * bool(reason)) or "truncated"
        yield (
            f"status: custom input and no arguments, {reason}, {'with' if ended else 'without'} [DONE]",
            [
                calls({"index": 0, "id": "i", "custom": {"name": "f", "input": "{"}}, fragment(1, "j", "g")),
                calls({"index": 2, "id": "k", "custom": {"name": "h"}}, fragment(3, "l", "m", "{}")),
                finish(reason),
                *([END] * ended),
            ],
            [
                START,
                call_start(0, "i", "f", "custom"),
                call_delta(0, "{"),
                call_start(1, "j", "g"),
                call_start(2, "k", "h", "custom"),
                call_start(3, "l", "m"),
                call_delta(3, "{}"),
                *([server("error", None, "error", 2, 0)] if reason == "error" else []),
                call_done(0, "i", "f", "{", custom, "custom"),
                call_done(1, "j", "g", "", none),
                call_done(2, "k", "h", "", custom, "custom"),
                call_done(3, "l", "m", "{}", "complete"),
                choice_done(reason),
                *([DONE] if ended else [] if reason else [cut()]),
            ],
            facts,
            message({}, finish_reason=reason),
        )
    yield (
        "status: a cut function_call is incomplete",
        [delta({"function_call": {"name": "f", "arguments": '{"a"'}}), finish("function_call"), END],
        [
            START,
            call_start(None, None, "f", "function_call"),
            call_delta(None, '{"a"'),
            call_done(None, None, "f", '{"a"', "incomplete", "function_call"),
            choice_done("function_call"),
            DONE,
        ],
        "done finished",
        message({}),
    )


ROWS = list(status_rows())
