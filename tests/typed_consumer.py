# SPDX-License-Identifier: MIT
"""Code as users write it, for type checkers: mypy --strict and pyright strict must find no error here.

Each ``assert_type`` checks the type that a name has at that line. Each ``assert_never`` checks that all cases
were handled. ``test_typed_consumer`` runs the same functions. Code that needs ``match`` is in
``typed_consumer_match.py``.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Union, cast

import sseparse

if TYPE_CHECKING:
    from typing_extensions import assert_type

    from sseparse.types import (
        Choice,
        Completion,
        Custom,
        CustomToolCall,
        Function,
        FunctionToolCall,
        Message,
        TextChoice,
        TextCompletion,
        ToolCall,
    )
else:

    def assert_type(value: object, kind: object) -> object:
        return value


def assert_never(value: NoReturn) -> NoReturn:
    raise AssertionError(f"a kind of event that this code does not know: {value!r}")


def by_tag(event: sseparse.Event) -> str:
    """Distinguish events by their tags, as code for two copies of the package does."""
    if event.type == "start":
        assert_type(event, sseparse.Start)
        assert_type(event.model, "Union[str, None]")
        return f"{event.id} {event.model} {event.created}"
    if event.type == "content.delta":
        assert_type(event, sseparse.ContentDelta)
        return event.text
    if event.type == "content.done":
        assert_type(event, sseparse.ContentDone)
        return event.text
    if event.type == "reasoning.delta":
        assert_type(event, sseparse.ReasoningDelta)
        return event.text
    if event.type == "reasoning.done":
        assert_type(event, sseparse.ReasoningDone)
        return event.text
    if event.type == "refusal.delta":
        assert_type(event, sseparse.RefusalDelta)
        return event.text
    if event.type == "refusal.done":
        assert_type(event, sseparse.RefusalDone)
        return event.text
    if event.type == "tool_call.start":
        assert_type(event, sseparse.ToolCallStart)
        assert_type(event.index, "Union[int, None]")
        return f"{event.index} {event.id} {event.name} {event.kind}"
    if event.type == "tool_call.delta":
        assert_type(event, sseparse.ToolCallDelta)
        return event.arguments
    if event.type == "tool_call.done":
        assert_type(event, sseparse.ToolCallDone)
        assert_type(event.name, "Union[str, None]")
        assert_type(event.arguments, str)
        assert_type(event.value, "Union[dict[str, Any], None]")
        assert_type(event.status, Literal["complete", "empty", "incomplete", "invalid"])
        assert_type(event.kind, Literal["function", "custom", "function_call"])
        return f"{event.index} {event.id} {event.name} {event.arguments} {event.kind} {event.status}"
    if event.type == "audio.delta":
        assert_type(event, sseparse.AudioDelta)
        return event.transcript or event.data or ""
    if event.type == "logprobs.delta":
        assert_type(event, sseparse.LogprobsDelta)
        return ",".join(event.logprobs)
    if event.type == "choice.done":
        assert_type(event, sseparse.ChoiceDone)
        return f"{event.choice} {event.finish_reason}"
    if event.type == "usage":
        assert_type(event, sseparse.Usage)
        return str(event.usage.get("total_tokens"))
    if event.type == "extra":
        assert_type(event, sseparse.Extra)
        assert_type(event.place, Literal["chunk", "choice", "delta", "tool_call", "function", "frame"])
        return event.field
    if event.type == "error":
        assert_type(event, sseparse.Error)
        return f"{event.kind}: {event.message} (frame {event.frame})"
    if event.type == "done":
        assert_type(event, sseparse.Done)
        return "done"
    assert_never(event)


def by_class(event: sseparse.Event) -> str:
    """Distinguish events by their classes."""
    if isinstance(event, (sseparse.ContentDelta, sseparse.ReasoningDelta, sseparse.RefusalDelta)):
        assert_type(event.text, str)
        return event.text
    if isinstance(event, (sseparse.ContentDone, sseparse.ReasoningDone, sseparse.RefusalDone)):
        return event.text
    if isinstance(event, sseparse.ToolCallStart):
        assert_type(event.name, "Union[str, None]")
        return f"{event.index} {event.id} {event.name} {event.kind}"
    if isinstance(event, sseparse.ToolCallDelta):
        return event.arguments
    if isinstance(event, sseparse.ToolCallDone):
        return f"{event.index} {event.id} {event.name} {event.arguments} {event.kind} {event.status}"
    if isinstance(event, sseparse.Error):
        assert_type(event.frame, "Union[int, None]")
        return f"{event.kind}: {event.message} (frame {event.frame})"
    if isinstance(event, sseparse.Start):
        assert_type(event.created, "Union[int, None]")
        return f"{event.id} {event.model} {event.created}"
    if isinstance(event, sseparse.AudioDelta):
        return event.transcript or event.data or ""
    if isinstance(event, sseparse.LogprobsDelta):
        return ",".join(event.logprobs)
    if isinstance(event, sseparse.ChoiceDone):
        return f"{event.choice} {event.finish_reason}"
    if isinstance(event, sseparse.Usage):
        return str(event.usage.get("total_tokens"))
    if isinstance(event, sseparse.Extra):
        return event.field
    assert_type(event, sseparse.Done)
    return "done"


def read_answer(completion: Completion) -> tuple[str, list[str]]:
    """Read the final object: the text of the first choice and its calls."""
    assert_type(completion["id"], "Union[str, None]")
    assert_type(completion["created"], "Union[int, None]")
    assert_type(completion["choices"], "list[Choice]")
    choice: Choice = completion["choices"][0]
    assert_type(choice["index"], int)
    assert_type(choice["finish_reason"], "Union[str, None]")
    if completion["object"] == "text_completion":
        legacy: TextChoice = cast("TextCompletion", completion)["choices"][0]
        return legacy["text"], []
    message: Message = choice["message"]
    assert_type(message["role"], str)
    content = message["content"]
    assert_type(content, "Union[str, list[Any], None]")
    text = content if isinstance(content, str) else ""
    calls: list[str] = []
    for call in message.get("tool_calls", []):
        assert_type(call, "Union[FunctionToolCall, CustomToolCall]")
        if "function" in call:
            function: Function = call["function"]
            assert_type(function["arguments"], str)
            calls.append(f"{call['id']} {function['name']} {function['arguments']}")
        else:
            custom: Custom = call["custom"]
            calls.append(f"{call['id']} {custom['name']} {custom['input']}")
        if call["type"] == "function":
            of_function: FunctionToolCall = call
            assert_type(of_function["function"], "Function")
        else:
            of_custom: CustomToolCall = call
            assert_type(of_custom["custom"], "Custom")
    usage: dict[str, Any] = completion.get("usage", {})
    return f"{text} ({usage.get('total_tokens')})", calls


def drive_a_stream(chunks: list[bytes]) -> Completion:
    """Feed a stream by hand and read all of its attributes."""
    stream = sseparse.ChatStream(fast_path=True, max_total_bytes=None, max_choices=4)
    events: list[sseparse.Event] = []
    for chunk in chunks:
        events += stream.feed(memoryview(chunk))
    events += stream.close()
    assert_type(stream.done, bool)
    assert_type(stream.finished, bool)
    assert_type(stream.truncated, bool)
    assert_type(stream.closed, bool)
    assert_type(stream.errors, "list[sseparse.Error]")
    assert_type(stream.id, "Union[str, None]")
    assert_type(stream.model, "Union[str, None]")
    assert_type(stream.usage, "Union[dict[str, Any], None]")
    assert_type(stream.comments, int)
    assert_type(stream.text(), str)
    assert_type(stream.reasoning(choice=0), str)
    assert_type(stream.refusal(0), str)
    assert_type(stream.finish_reason(), "Union[str, None]")
    calls: list[ToolCall] = stream.tool_calls()
    message: Message = stream.message()
    snapshot: Completion = stream.snapshot()
    assert_type((calls, message, snapshot), "tuple[list[ToolCall], Message, Completion]")
    return stream.completion(ignore=("malformed",))


def mend(body: bytes) -> Union[str, None]:
    """Describe what was wrong with a body."""
    try:
        assert_type(sseparse.parse(body), "Completion")
    except sseparse.StreamError as error:
        assert_type(error.errors, "list[sseparse.Error]")
        assert_type(error.snapshot, "Union[Completion, None]")
        return ", ".join(each.kind for each in error.errors)
    return None


def assemble(chunks: list[Mapping[str, Any]]) -> Completion:
    """Read chunks that are decoded already."""
    assembler = sseparse.ChatAssembler(max_errors=10)
    events: list[sseparse.Event] = []
    for chunk in chunks:
        events += assembler.add(chunk)
    events += assembler.close(done=True)
    return assembler.completion()


def decode(body: bytes) -> list[str]:
    """Read any event stream."""
    decoder = sseparse.SSEDecoder(flush_at_eof=True, last_event_id="7")
    events = decoder.feed(body) + decoder.close()
    assert_type(events, "list[sseparse.ServerSentEvent]")
    assert_type(decoder.retry, "Union[int, None]")
    assert_type(decoder.last_event_id, str)
    return [f"{event.event} {event.data} {event.id}" for event in events]


def read_arguments(fragments: list[str]) -> list[str]:
    """Read JSON that is still being written."""
    arguments = sseparse.PartialJSON(max_depth=16)
    seen: list[str] = []
    for fragment in fragments:
        for event in arguments.feed(fragment):
            if event.type == "json.text":
                assert_type(event, sseparse.JSONTextDelta)
                assert_type(event.path, "tuple[Union[str, int], ...]")
                seen.append(event.text)
            else:
                assert_type(event, sseparse.JSONValue)
                seen.append(f"{event.path}")
    if arguments.error is not None:
        assert_type(arguments.error, sseparse.JSONProblem)
        seen.append(f"{arguments.error.message} at {arguments.error.offset}")
    assert_type(arguments.complete, bool)
    assert_type(arguments.end, "Union[int, None]")
    return seen


def unwrap(wire: bytes) -> tuple[int, str, bytes]:
    """Take the body out of a response."""
    body = sseparse.HTTPBody()
    content = body.feed(bytearray(wire))
    body.close()
    assert_type(content, bytes)
    assert_type(body.status, "Union[int, None]")
    assert_type(body.headers, "list[tuple[str, str]]")
    assert_type(body.complete, bool)
    return body.status or 0, dict(body.headers).get("content-type", ""), content


def every_source(body: bytes, response: http.client.HTTPResponse, peer: socket.socket) -> int:
    """Each kind of source is accepted without a cast."""

    def generate() -> Iterator[bytes]:
        yield body

    stream = sseparse.ChatStream()
    count = 0
    for events in (
        sseparse.iter_events(body, stream=stream),
        sseparse.iter_events(memoryview(body)),
        sseparse.iter_events([body]),
        sseparse.iter_events(generate()),
        sseparse.iter_events(io.BytesIO(body)),
        sseparse.iter_events(response),
        sseparse.iter_events(peer),
    ):
        for event in events:
            assert_type(event, sseparse.Event)
            count += 1
    return count


async def every_async_source(body: bytes, reader: asyncio.StreamReader) -> int:
    """Each kind of asynchronous source is accepted without a cast."""

    async def generate() -> AsyncIterator[bytes]:
        yield body

    count = 0
    for source in (body, generate(), reader):
        events = sseparse.aiter_events(source)
        async for event in events:
            assert_type(event, sseparse.Event)
            count += 1
    return count
