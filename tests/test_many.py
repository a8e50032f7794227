# SPDX-License-Identifier: MIT
"""Many streams at once, in tasks and in threads, from a server that stalls, cuts and resets connections.

The number of a stream decides what happens to it, so client and server need not talk about it. Only the order
of events differs between runs. No test depends on a clock: a stalled stream goes on after all others have
received their last bytes.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import socket
import struct
import threading
import unittest
from contextlib import suppress

from tests import sseparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TASKS, THREADS = 1000, 100


class Plan:
    """What the server sends for one number, and what the client must read from it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.random = random.Random(number)
        self.words = [f"<{number}.{i}>" for i in range(self.random.randint(3, 12))]
        self.fragments = ['{"of": ', *[f"{number}"] * self.random.randint(1, 3), "}"]
        frames = [self.frame({"content": word}) for word in self.words]
        call = {"index": 0, "id": f"call_{number}", "function": {"name": f"f{number}", "arguments": ""}}
        frames.append(self.frame({"tool_calls": [call]}))
        for fragment in self.fragments:
            frames.append(self.frame({"tool_calls": [{"index": 0, "function": {"arguments": fragment}}]}))
        frames += [self.frame({}, "tool_calls"), b"data: [DONE]\n\n"]
        self.fate = self.random.choice(["whole", "whole", "cut", "reset"])
        self.kept = len(frames) if self.fate == "whole" else self.random.randrange(1, len(frames) - 2)
        self.body = b"".join(frames[: self.kept])
        if self.fate != "whole":  # the rest ends inside a frame
            self.body += frames[self.kept][: self.random.randrange(8, 60)]
        self.stall = self.random.randrange(len(self.body)) if self.random.random() < 0.3 else None

    def frame(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {"id": f"c-{self.number}", "model": f"m-{self.number}", "choices": [choice]}
        return b"data: %s\n\n" % json.dumps(chunk).encode()

    def slices(self, data: bytes) -> list[bytes]:
        pieces = []
        while data:
            length = self.random.choice((1, 7, 50, 400, 2000))
            pieces.append(data[:length])
            data = data[length:]
        return pieces

    def pieces(self) -> list[bytes | None]:
        """What is sent, in slices; None where it stalls."""
        if self.stall is None:
            return [*self.slices(self.body)]
        return [*self.slices(self.body[: self.stall]), None, *self.slices(self.body[self.stall :])]

    def check(self, test: unittest.TestCase, stream: sseparse.ChatStream, events: list[Any]) -> None:
        """Compare what the client has with what was sent. After a reset, the end may be missing."""
        text = "".join(event.text for event in events if event.type == "content.delta")
        arguments = "".join(event.arguments for event in events if event.type == "tool_call.delta")
        calls = [event.type for event in events].count("tool_call.start")
        expected = [
            "".join(self.words[: self.kept]),
            "".join(self.fragments[: max(0, self.kept - len(self.words) - 1)]),
            int(self.kept > len(self.words)),
        ]
        if self.fate == "reset":
            expected = [expected[0][: len(text)], expected[1][: len(arguments)], min(expected[2], calls)]
        test.assertEqual([text, arguments, calls], expected)
        test.assertEqual(stream.text(), text)
        function = {"name": f"f{self.number}", "arguments": arguments}
        call = {"id": f"call_{self.number}", "type": "function", "function": function}
        test.assertEqual(stream.tool_calls(), [call] * calls)
        names = (f"c-{self.number}", f"m-{self.number}") if text else (None, None)
        test.assertEqual((stream.id, stream.model), names)
        whole = self.fate == "whole"
        test.assertEqual((stream.done, stream.finished, stream.truncated), (whole, whole, not whole))
        test.assertEqual([error.kind for error in stream.errors], [] if whole else ["truncated"])


class Server(threading.Thread):
    """Sends what the plan of a number says. ``most`` is the largest number of open connections."""

    def __init__(self, plans: list[Plan]) -> None:
        super().__init__()
        self.port = 0
        self.most = 0
        self._open = 0
        self._left = {plan.number for plan in plans}  # neither at their end nor stalled
        self._listens = threading.Event()

    def __enter__(self) -> Server:
        self.start()
        self._listens.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join()

    def run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over, self._none_left = asyncio.Event(), asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=TASKS)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._over.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        self.most = max(self.most, self._open)
        plan = Plan(int(await reader.readline()))
        for piece in plan.pieces():
            if piece is None:
                self._leave(plan)
                await self._none_left.wait()
            else:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(plan.random.choice((0, 0, 0.001)))
        if plan.fate == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()
        self._open -= 1
        self._leave(plan)

    def _leave(self, plan: Plan) -> None:
        self._left.discard(plan.number)
        if not self._left:
            self._none_left.set()


def setUpModule() -> None:
    """Make room for both ends of a thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * TASKS + 200
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        unittest.addModuleCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


class Many(unittest.TestCase):
    def check(self, server: Server, plans: list[Plan], results: dict[int, Any]) -> None:
        for plan in plans:
            plan.check(self, *results[plan.number])
        stalled = sum(plan.stall is not None for plan in plans)
        self.assertGreaterEqual(server.most, stalled)

    def test_tasks(self) -> None:
        plans = [Plan(number) for number in range(TASKS)]
        results = {}

        async def read(plan: Plan) -> None:
            stream, events = sseparse.ChatStream(), []
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"%d\n" % plan.number)
            with suppress(ConnectionResetError):
                while data := await reader.read(plan.random.choice((10, 100, 10000))):
                    for piece in plan.slices(data):
                        events += stream.feed(piece)
            writer.close()
            results[plan.number] = stream, events + stream.close()

        async def main() -> None:
            await asyncio.gather(*map(read, plans))

        with Server(plans) as server:
            asyncio.run(main())
        self.check(server, plans, results)

    def test_threads(self) -> None:
        plans = [Plan(number) for number in range(TASKS, TASKS + THREADS)]
        results = {}

        def read(plan: Plan) -> None:
            stream, events = sseparse.ChatStream(), []
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(b"%d\n" % plan.number)
                with suppress(ConnectionResetError):
                    while data := connection.recv(plan.random.choice((10, 100, 10000))):
                        for piece in plan.slices(data):
                            events += stream.feed(piece)
            results[plan.number] = stream, events + stream.close()

        with Server(plans) as server:
            threads = [threading.Thread(target=read, args=(plan,)) for plan in plans]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.check(server, plans, results)
