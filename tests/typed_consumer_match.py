# SPDX-License-Identifier: MIT
"""Like ``typed_consumer.py``, with ``match``, which Python 3.9 cannot parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NoReturn

import sseparse

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:

    def assert_type(value: object, kind: object) -> object:
        return value


def assert_never(value: NoReturn) -> NoReturn:
    raise AssertionError(f"a kind of event that this code does not know: {value!r}")


def by_pattern(event: sseparse.Event) -> str:
    """Take the events apart by position and by name."""
    match event:
        case sseparse.ContentDelta(choice, text) | sseparse.ReasoningDelta(choice, text):
            assert_type(choice, int)
            assert_type(text, str)
            return text
        case sseparse.RefusalDelta(_, text) | sseparse.RefusalDone(_, text):
            return text
        case sseparse.ContentDone(text=text) | sseparse.ReasoningDone(text=text):
            return text
        case sseparse.ToolCallStart(_, index, id, name, kind):
            assert_type(index, "int | None")
            assert_type(name, "str | None")
            return f"{index} {id} {name} {kind}"
        case sseparse.ToolCallDelta(arguments=arguments):
            assert_type(arguments, str)
            return arguments
        case sseparse.ToolCallDone(_, index, id, name, arguments, kind, status):
            assert_type(status, Literal["complete", "empty", "incomplete", "invalid"])
            return f"{index} {id} {name} {arguments} {kind} {status}"
        case sseparse.Start(id, model, created):
            assert_type(created, "int | None")
            return f"{id} {model} {created}"
        case sseparse.AudioDelta(_, data, transcript):
            return transcript or data or ""
        case sseparse.LogprobsDelta(_, logprobs):
            return ",".join(logprobs)
        case sseparse.ChoiceDone(choice, reason):
            return f"{choice} {reason}"
        case sseparse.Usage(usage):
            return str(usage.get("total_tokens"))
        case sseparse.Extra(field=field):
            return field
        case sseparse.Error(kind, message, frame=frame):
            assert_type(frame, "int | None")
            return f"{kind}: {message} (frame {frame})"
        case sseparse.Done():
            return "done"
        case _:
            assert_never(event)


def by_tag(event: sseparse.Event) -> str:
    """Distinguish events by the tag alone."""
    match event.type:
        case "content.delta" | "reasoning.delta" | "refusal.delta":
            return "text"
        case "tool_call.start" | "tool_call.delta" | "tool_call.done":
            return "call"
        case _:
            return "else"
