# SPDX-License-Identifier: MIT
"""The code that the type checkers read also runs, and does what it says."""

from __future__ import annotations

import asyncio
import io
import socket
import sys
import unittest
from importlib import import_module
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tests import by_its_own_name, sseparse
from tests.wire import calls, delta, finish, fragment, say

with by_its_own_name():
    from tests import typed_consumer

    if sys.version_info >= (3, 10):
        from tests import typed_consumer_match

EVENTS = (
    (sseparse.Start("c-1", "m", 7), "c-1 m 7"),
    (sseparse.ContentDelta(0, "a"), "a"),
    (sseparse.ContentDone(0, "b"), "b"),
    (sseparse.ReasoningDelta(0, "c"), "c"),
    (sseparse.ReasoningDone(0, "d"), "d"),
    (sseparse.RefusalDelta(0, "e"), "e"),
    (sseparse.RefusalDone(0, "f"), "f"),
    (sseparse.ToolCallStart(0, 1, "call_1", "look", "function"), "1 call_1 look function"),
    (sseparse.ToolCallDelta(0, 1, "{}"), "{}"),
    (
        sseparse.ToolCallDone(0, 1, "call_1", "look", "{}", "function", "complete"),
        "1 call_1 look {} function complete",
    ),
    (sseparse.AudioDelta(0, None, "g"), "g"),
    (sseparse.LogprobsDelta(0, {"content": []}), "content"),
    (sseparse.ChoiceDone(0, "stop"), "0 stop"),
    (sseparse.Usage({"total_tokens": 3}), "3"),
    (sseparse.Extra(None, None, "citations", [], "chunk"), "citations"),
    (sseparse.Error("malformed", "data is not JSON", frame=2), "malformed: data is not JSON (frame 2)"),
    (sseparse.Done(), "done"),
)
CHUNKS = [
    {"id": "c-1", "created": 7, "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}}]},
    {
        "choices": [{"index": 0, "delta": {"tool_calls": [{"id": "t", "function": {"name": "f"}}]}}],
        "usage": {"total_tokens": 3},
    },
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
BODY = (
    b'data: {"id":"c-1","created":7,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)

types = import_module(f"{sseparse.__name__}.types")
ANSWERS = (
    [
        say("A", id="c-1", created=7, model="m", service_tier="default", system_fingerprint="fp"),
        delta({"refusal": "N"}),
        delta({}, logprobs={"content": []}),
        calls(fragment(0, "call_1", "look", "{}"), fragment(1, "call_2", custom={"name": "f", "input": "x"})),
        {**finish("tool_calls"), "usage": {"total_tokens": 3}},
    ],
    [
        delta({"audio": {"id": "audio_1", "data": "AAA=", "transcript": "Hi", "expires_at": 9}}),
        delta({"function_call": {"name": "look", "arguments": "{}"}}, 1),
        finish(),
    ],
    [delta({"content": [{"type": "text", "text": "A"}]}), delta({"refusal": None}, logprobs=None), finish()],
    [delta({name: "hm"}) for name in ("reasoning_content", "reasoning", "reasoning_text", "thinking")],
    [delta({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]})],
    [delta({"thinking_blocks": [{"type": "thinking", "thinking": "hm"}]})],
    [
        {"id": "c", "object": "text_completion", "choices": [{"index": 0, "text": "A", "logprobs": None}]},
        {"choices": [], "usage": {"total_tokens": 3}, "service_tier": "default", "system_fingerprint": "fp"},
    ],
    [],
)


class TypedConsumer(unittest.TestCase):
    def test_each_event_is_told_apart(self) -> None:
        self.assertEqual({type(event) for event, _ in EVENTS}, set(sseparse.Event))
        ways = [typed_consumer.by_tag, typed_consumer.by_class]
        if sys.version_info >= (3, 10):
            ways.append(typed_consumer_match.by_pattern)
        for way in ways:
            for event, expected in EVENTS:
                with self.subTest(way=way.__name__, event=event):
                    self.assertEqual(way(event), expected)

    def test_final_object(self) -> None:
        completion = typed_consumer.assemble(CHUNKS)
        self.assertEqual(typed_consumer.read_answer(completion), ("Hi (3)", ["t f "]))
        completion = typed_consumer.assemble([{"choices": [{"index": 0, "text": "Hi"}]}])
        self.assertEqual(typed_consumer.read_answer(completion), ("Hi", []))

    def test_stream(self) -> None:
        self.assertEqual(typed_consumer.drive_a_stream([BODY[:99], BODY[99:]]), sseparse.parse(BODY))
        self.assertIsNone(typed_consumer.mend(BODY))
        self.assertEqual(typed_consumer.mend(BODY[:99]), "truncated")

    def test_parts(self) -> None:
        self.assertEqual(typed_consumer.decode(b"event: a\ndata: b\n\ndata: c"), ["a b 7", "message c 7"])
        self.assertEqual(typed_consumer.read_arguments(['{"a": "b', 'c"}']), ["b", "c", "('a',)", "()"])
        self.assertEqual(typed_consumer.read_arguments(["[1}"])[-1][-5:], " at 2")
        wire = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 2\r\n\r\nHi"
        self.assertEqual(typed_consumer.unwrap(wire), (200, "text/event-stream", b"Hi"))

    def test_sources(self) -> None:
        server, client = socket.socketpair()
        with server, client:
            server.sendall(BODY)
            self.assertEqual(typed_consumer.every_source(BODY, io.BytesIO(BODY), client), 7 * 5)

    def test_async_sources(self) -> None:
        async def main() -> int:
            reader = asyncio.StreamReader()
            reader.feed_data(BODY)
            reader.feed_eof()
            return await typed_consumer.every_async_source(BODY, reader)

        self.assertEqual(asyncio.run(main()), 3 * 5)

    def test_the_final_object_is_what_its_types_say(self) -> None:
        said = set()
        for chunks in ANSWERS:
            assembler = sseparse.ChatAssembler()
            for chunk in chunks:
                self.assertNotIn("error", [event.type for event in assembler.add(chunk)])
            final = assembler.snapshot()
            of = types.TextCompletion if final["object"] == "text_completion" else types.Completion
            self.check(final, of, said)
        known = {kind for kind in vars(types).values() if hasattr(kind, "__required_keys__")}
        fields = {(kind.__name__, field) for kind in known for field in get_type_hints(kind)}
        bases = {field for field in fields if field[0].endswith("Base")}
        self.assertEqual(said, fields - bases)

    def check(self, value: Any, hint: Any, said: set[tuple[str, str]]) -> None:
        """Check that a value is of a type. Add the fields of TypedDicts that it has."""
        if hasattr(hint, "__required_keys__"):
            hints = get_type_hints(hint)
            self.assertLessEqual(hint.__required_keys__, value.keys())
            self.assertLessEqual(value.keys(), hints.keys())
            for field in value:
                said.add((hint.__name__, field))
                self.check(value[field], hints[field], said)
        elif get_origin(hint) is list:
            for item in value:
                self.check(item, *get_args(hint), said)
        elif get_origin(hint) is Literal:
            self.assertIn(value, get_args(hint))
        elif hint is types.ToolCall:
            self.check(value, types.FunctionToolCall if "function" in value else types.CustomToolCall, said)
        elif get_origin(hint) is Union:
            possible = [get_origin(one) or one for one in get_args(hint)]
            self.assertIn(type(value), possible)
        elif hint is not Any:
            self.assertIs(type(value), get_origin(hint) or hint)


if __name__ == "__main__":
    unittest.main()
