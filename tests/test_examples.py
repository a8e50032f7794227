# SPDX-License-Identifier: MIT
"""The examples do what they show, against a server on the loopback that answers slowly and in odd cuts.

Each client runs as a script. The server waits after its first words until they were printed, so an example
that shows the answer only at its end does not pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import runpy
import socket
import sys
import unittest
from importlib.util import find_spec
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

from tests import by_its_own_name, sseparse
from tests.examples.server import ARGUMENTS, CERTIFICATE, TEXT, USAGE, Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

EXAMPLES = Path(__file__).with_name("examples")
FIRST = TEXT[: TEXT.index("ton")]  # what is there before the server breaks off in the middle
OVERLOADED = "server error in frame 4: The engine is overloaded. (code 503)"
GONE = "server error in frame 0: The model is gone. (code 17)"


class Screen(io.StringIO):
    """Standard output of an example. The server goes on when something is written to it."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def write(self, text: str) -> int:
        self._server.shown.set()
        return super().write(text)


def load(name: str) -> dict[str, Any]:
    with by_its_own_name(), mock.patch.object(sys, "path", [str(EXAMPLES), *sys.path]):
        return runpy.run_path(str(EXAMPLES / name))


def help_of(name: str) -> str:
    """Return what ``python NAME --help`` prints."""
    path = mock.patch.object(sys, "path", [str(EXAMPLES), *sys.path])  # as when each is a command
    arguments = mock.patch.object(sys, "argv", [name, "--help"])
    with by_its_own_name(), path, arguments, contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        except SystemExit as exit:
            if not exit.code:
                return printed.getvalue()
    raise AssertionError(f"{name} --help does not end with status 0")


class Script:
    """The tests of every client. A subclass names its exceptions for a cut and for a reset connection."""

    name: str
    tls = False
    cut: str
    reset: str
    reads_refusals = True

    @classmethod
    def setUpClass(cls) -> None:
        """Collect warnings about resources left open: they come from finalizers and cannot be caught."""
        cls.left_open: list[Any] = []
        hook = mock.patch.object(sys, "unraisablehook", cls.left_open.append)
        hook.start()
        cls.addClassCleanup(hook.stop)

    @classmethod
    def tearDownClass(cls) -> None:
        gc.collect()
        if cls.left_open:
            raise AssertionError(f"{cls.name}: {[str(each.exc_value) for each in cls.left_open]}")

    def play(self: Any, mode: str) -> tuple[str, str, str]:
        """Run the script. Return what it prints, its exit message, and the name of the exception."""
        with Server(self.tls, hold=True) as server, Screen(server) as screen, by_its_own_name():
            arguments = [self.name, server.url(mode), "m", "Weather?", *[str(CERTIFICATE)] * self.tls]
            code, reason = "", ""
            path = mock.patch.object(sys, "path", [str(EXAMPLES), *sys.path])  # as when each is a command
            with mock.patch.object(sys, "argv", arguments), path, contextlib.redirect_stdout(screen):
                try:
                    runpy.run_path(str(EXAMPLES / self.name), run_name="__main__")
                except SystemExit as exit:
                    raised = exit.__context__
                    code, reason = str(exit.code), type(raised.__cause__ or raised).__name__
            self.assertEqual([request["stream"] for request in server.requests], [True])
            return screen.getvalue(), code, reason

    def test_help(self: Any) -> None:
        self.assertTrue(help_of(self.name).startswith(f"usage: {self.name} [-h] [URL]"))

    def test_a_whole_answer(self: Any) -> None:
        self.assertEqual(self.play("whole"), (f"{TEXT}\ngpt-test: stop, {USAGE}\n", "", ""))

    def test_a_cut_one(self: Any) -> None:
        shown, code, reason = self.play("cut")
        self.assertEqual((shown, reason), (FIRST, self.cut))
        self.assertTrue(code.startswith("\nThe answer is not whole: "), code)

    def test_a_reset_connection(self: Any) -> None:
        shown, code, reason = self.play("reset")
        self.assertEqual((shown, reason), (FIRST, self.reset))
        self.assertTrue(code.startswith("\nThe answer is not whole: "), code)

    def test_an_error_midway(self: Any) -> None:
        self.assertEqual(
            self.play("midway"), (FIRST, f"\nThe answer is not whole: {OVERLOADED}", "StreamError")
        )

    def test_a_refusal(self: Any) -> None:
        shown, code, reason = self.play("error")
        self.assertEqual(shown, "")
        if self.reads_refusals:
            self.assertEqual((code, reason), (f"\nThe answer is not whole: {GONE}", "StreamError"))
        else:
            self.assertIn("The model is gone.", code)

    def test_a_web_page_instead(self: Any) -> None:
        shown, code, _ = self.play("page")
        self.assertEqual(shown, "")
        self.assertIn("not an event stream" if self.reads_refusals else "502", code)


class OtherCommands(unittest.TestCase):
    def test_help(self) -> None:
        for name in ("agent_api.py", "cache.py", "drop_reasoning.py", "normalise.py", "proxy.py", "sdk.py"):
            with self.subTest(name):
                self.assertTrue(help_of(name).startswith(f"usage: {name} [-h]"))


def third_party(package: str) -> Callable[[type], type]:
    return unittest.skipUnless(find_spec(package), f"{package} is not installed")


class HTTPClient(Script, unittest.TestCase):
    name, cut, reset = "http_client.py", "IncompleteRead", "ConnectionResetError"


class Urllib(Script, unittest.TestCase):
    name, cut, reset = "urllib_request.py", "IncompleteRead", "ConnectionResetError"


class PlainSocket(Script, unittest.TestCase):
    name, cut, reset = "plain_socket.py", "StreamError", "ConnectionResetError"


class AsyncioStreams(Script, unittest.TestCase):
    name, cut, reset = "asyncio_streams.py", "StreamError", "ConnectionResetError"


class AsyncioStreamsTLS(AsyncioStreams):
    tls = True


@third_party("httpx")
class HttpxSync(Script, unittest.TestCase):
    name, cut, reset = "httpx_sync.py", "RemoteProtocolError", "ReadError"


@third_party("httpx")
class HttpxAsync(Script, unittest.TestCase):
    name, cut, reset = "httpx_async.py", "RemoteProtocolError", "ReadError"


@third_party("aiohttp")
class Aiohttp(Script, unittest.TestCase):
    name, cut, reset = "aiohttp_client.py", "ClientPayloadError", "ClientPayloadError"


@third_party("requests")
class Requests(Script, unittest.TestCase):
    name, cut, reset = "requests_client.py", "ChunkedEncodingError", "ChunkedEncodingError"


@third_party("urllib3")
class Urllib3(Script, unittest.TestCase):
    name, cut, reset = "urllib3_client.py", "ProtocolError", "ProtocolError"


@third_party("openai")
class OpenAI(Script, unittest.TestCase):
    name, cut, reset = "openai_raw.py", "RemoteProtocolError", "ReadError"
    reads_refusals = False  # the SDK reads them itself


class SDK(unittest.TestCase):
    """The tool loop."""

    def setUp(self) -> None:
        self.client = load("sdk.py")["Client"]
        self.ran: list[Any] = []
        self.shown: list[str] = []
        self.asked = [{"role": "user", "content": "Weather?"}]

    def get_weather(self, city: str) -> dict[str, str]:
        self.ran.append(city)
        return {"temperature": "12 °C"}

    def get_time(self) -> str:
        self.ran.append("time")
        return "09:30"

    def run_it(self, server: Server, mode: str, **tools: Any) -> list[Any]:
        tools = tools or {"get_weather": self.get_weather, "get_time": self.get_time}
        return self.client(server.url(mode), show=self.shown.append).run(self.asked, tools, model="m")

    def test_it_is_short(self) -> None:
        client, main, _ = (EXAMPLES / "sdk.py").read_text("utf-8").partition("\nif __name__")
        self.assertTrue(main)
        self.assertLessEqual(len(client.splitlines()), 80)

    def test_an_answer_without_tools(self) -> None:
        with Server() as server:
            messages = self.run_it(server, "whole")
        self.assertEqual(messages, [*self.asked, {"role": "assistant", "content": TEXT, "refusal": None}])
        self.assertEqual("".join(self.shown), TEXT)
        self.assertEqual(server.requests, [{"messages": self.asked, "model": "m", "stream": True}])

    def test_two_tools_at_once(self) -> None:
        with Server() as server:
            messages = self.run_it(server, "tools")
        self.assertEqual(self.ran, ['Boston "MA"', "time"])
        weather, time = '{"temperature": "12 °C"}', '"09:30"'
        calls = [
            {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ARGUMENTS}},
            {"id": "call_2", "type": "function", "function": {"name": "get_time", "arguments": ""}},
        ]
        conversation = [
            *self.asked,
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "call_1", "content": weather},
            {"role": "tool", "tool_call_id": "call_2", "content": time},
        ]
        answer = f"Found: {weather}, {time}."
        self.assertEqual(messages, [*conversation, {"role": "assistant", "content": answer, "refusal": None}])
        self.assertEqual("".join(self.shown), answer)
        self.assertEqual(server.requests[1]["messages"], conversation)

    def test_an_answer_without_choices(self) -> None:
        client = self.client("http://127.0.0.1")
        client.events = lambda stream, **question: stream.feed(b"data: [DONE]\n\n") + stream.close()
        with self.assertRaisesRegex(ValueError, "the server sent no answer"):
            client.run(self.asked, {})

    def test_calls_of_a_cut_answer_are_not_run(self) -> None:
        with Server() as server, self.assertRaises(sseparse.StreamError) as raised:
            self.run_it(server, "tools-cut")
        self.assertEqual([error.kind for error in raised.exception.errors], ["truncated"])
        calls = raised.exception.snapshot["choices"][0]["message"]["tool_calls"]
        self.assertEqual([call["function"]["name"] for call in calls], ["get_weather", "get_time"])
        self.assertEqual((self.ran, len(server.requests)), ([], 1))

    def test_other_answers_that_are_not_whole(self) -> None:
        for mode, message in (
            ("cut", "truncated"),
            ("reset", "truncated"),
            ("midway", OVERLOADED),
            ("error", GONE),
            ("page", "not an event stream"),
        ):
            with self.subTest(mode), Server() as server, self.assertRaises(sseparse.StreamError) as raised:
                self.run_it(server, mode)
            self.assertIn(message, str(raised.exception))

    def test_a_call_with_incomplete_arguments_is_answered_not_run(self) -> None:
        with Server() as server:
            messages = self.run_it(server, "incomplete")
        error = "Error: the arguments are incomplete, they must be one JSON object."
        self.assertEqual([m["content"] for m in messages[1:]], [None, error, f"Found: {error}."])
        self.assertEqual(self.ran, [])

    def test_a_tool_that_is_not_there_and_one_that_fails(self) -> None:
        with Server() as server:
            messages = self.run_it(server, "tools", get_weather=lambda city: 1 // 0)
        results = [message["content"] for message in messages if message["role"] == "tool"]
        self.assertEqual(
            results, ["Error: integer division or modulo by zero", "Error: there is no tool 'get_time'."]
        )


QUESTION = json.dumps({"messages": []}).encode()


async def fetch(port: int, mode: str, times: int = 1, leave: bool = False) -> list[bytes]:
    """Ask ``times`` on one connection and return the answers. ``leave``: close after the first words."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for _ in range(times):
        head = f"POST /{mode}/v1/chat/completions HTTP/1.1\r\nContent-Length: {len(QUESTION)}\r\n\r\n"
        writer.write(head.encode() + QUESTION)
        body, answer = sseparse.HTTPBody(), bytearray()
        with contextlib.suppress(OSError):
            while not body.complete and not (leave and b"Good" in answer):
                data = await reader.read(65536)
                if not data:
                    break
                answer += data
                body.feed(data)
        answers.append(bytes(answer))
    writer.close()
    return answers


async def all_others() -> None:
    """Wait until the tasks of the proxy have ended and their connections are closed."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, pending = await asyncio.wait(others, timeout=30)
        if pending:
            raise AssertionError(f"still running: {pending}")
    await asyncio.sleep(0.01)


class Proxy(unittest.TestCase):
    def check(self, mode: str, times: int = 1, leave: bool = False, **expected: Any) -> None:
        """The proxy passes the same bytes as come without it, and its report describes them."""

        async def main(server: Server) -> tuple[list[bytes], list[bytes], list[dict[str, Any]]]:
            to_port = urlsplit(server.url()).port
            seen: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            proxy = await serve(0, "127.0.0.1", to_port, seen.put_nowait)
            port = proxy.sockets[0].getsockname()[1]
            direct = await fetch(to_port, mode, times, leave)
            through = await fetch(port, mode, times, leave)
            reports = [await asyncio.wait_for(seen.get(), 30) for _ in range(times)]
            await fetch(port, "whole")  # it is still there for others
            self.assertEqual((await asyncio.wait_for(seen.get(), 30))["truncated"], False)
            proxy.close()
            await all_others()
            return direct, through, reports

        serve = load("proxy.py")["serve"]
        with Server() as server:
            direct, through, reports = asyncio.run(main(server))
        if leave:
            self.assertTrue(direct[0].startswith(through[0]) or through[0].startswith(direct[0]))
        else:
            self.assertEqual(through, direct)
        whole = {"status": 200, "model": "gpt-test", "usage": USAGE, "tool_calls": []}
        whole.update(truncated=False, fault="", errors=[])
        self.assertEqual(reports, [{**whole, **expected}] * times)
        self.assertEqual(server.connections, 3)  # one without the proxy, one with it, one for the others

    def test_whole_answers_on_one_connection(self) -> None:
        self.check("whole", times=3)

    def test_tool_calls(self) -> None:
        weather, time = {"name": "get_weather", "status": "complete"}, {"name": "get_time", "status": "empty"}
        self.check("tools", tool_calls=[weather, time])
        self.check("incomplete", tool_calls=[{"name": "get_weather", "status": "incomplete"}])

    def test_errors(self) -> None:
        self.check("midway", errors=["server"], usage=None)
        self.check("error", status=500, errors=["server"], model=None, usage=None)
        self.check("page", status=502, errors=["not_sse"], model=None, usage=None)

    def test_the_server_ends_suddenly(self) -> None:
        self.check("cut", truncated=True, errors=["truncated"], usage=None)
        self.check("reset", truncated=True, errors=["truncated"], usage=None)

    def test_the_client_ends_suddenly(self) -> None:
        self.check("stall", leave=True, truncated=True, errors=["truncated"], usage=None)

    def test_bytes_that_are_not_http_pass_too(self) -> None:
        async def main() -> tuple[bytes, dict[str, Any]]:
            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"SSH-2.0-x\r\n")
                writer.close()

            other = await asyncio.start_server(answer, "127.0.0.1", 0)
            seen: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            proxy = await serve(0, "127.0.0.1", other.sockets[0].getsockname()[1], seen.put_nowait)
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            data = await reader.read()
            writer.close()
            report = await asyncio.wait_for(seen.get(), 30)
            other.close()
            proxy.close()
            await all_others()
            return data, report

        serve = load("proxy.py")["serve"]
        data, report = asyncio.run(main())
        self.assertEqual((data, report["status"]), (b"SSH-2.0-x\r\n", None))
        self.assertIn("does not begin with HTTP/1", report["fault"])

    def test_no_server_behind_it(self) -> None:
        async def main() -> bytes:
            with socket.create_server(("127.0.0.1", 0)) as nobody:
                port = nobody.getsockname()[1]
            proxy = await load("proxy.py")["serve"](0, "127.0.0.1", port, self.fail)
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            data = await reader.read()
            writer.close()
            proxy.close()
            await all_others()
            return data

        self.assertEqual(asyncio.run(main()), b"")

    def test_as_a_command(self) -> None:
        async def main(server: Server) -> None:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            proxy = asyncio.ensure_future(load("proxy.py")["main"](str(port), *behind))
            while not (answers := await self.try_to_fetch(port)):
                await asyncio.sleep(0.01)
            self.assertTrue(answers[0].endswith(b"\r\n\r\n"))
            proxy.cancel()
            await all_others()

        with Server() as server, contextlib.redirect_stdout(io.StringIO()) as printed:
            behind = "127.0.0.1", str(urlsplit(server.url()).port)
            asyncio.run(main(server))
        self.assertEqual(json.loads(printed.getvalue())["usage"], USAGE)

    @staticmethod
    async def try_to_fetch(port: int) -> list[bytes]:
        try:
            return await fetch(port, "whole")
        except ConnectionRefusedError:
            return []
