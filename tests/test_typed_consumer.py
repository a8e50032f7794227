# SPDX-License-Identifier: MIT
"""The code that the type checkers read does what it says."""

from __future__ import annotations

import asyncio
import io
import socket
import sys
import unittest

from tests import by_its_own_name, sseparse

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
    (sseparse.Extra(None, None, "citations", []), "citations"),
    (sseparse.Error("malformed", "data is no JSON", frame=2), "malformed: data is no JSON (frame 2)"),
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
