# SPDX-License-Identifier: MIT
"""The example servers, between a scripted server and the clients that people use.

``agent_api.py`` (an agent's API), ``normalise.py`` (a gateway) and ``cache.py`` run on the loopback. The
test controls what the server behind them sends: it can hold back a frame until the client has shown the
frames before it. Clients: http.client always; httpx and the openai SDK if they are installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import unittest
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from tests import sseparse
from tests.test_examples import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

WEATHER = Path(__file__).resolve().parents[1] / "benchmarks" / "recordings" / "weather_tool_call.sse"
QUESTION: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "up"}
END = b"data: [DONE]\n\n"


def frame(
    delta: dict[str, Any] | None, finish_reason: str | None = None, choice: int = 0, **more: Any
) -> bytes:
    entries = [] if delta is None else [{"index": choice, "delta": delta, "finish_reason": finish_reason}]
    return f"data: {json.dumps({**HEAD, 'choices': entries, **more})}\n\n".encode()


def fragment(index: int, arguments: str, id: str | None = None, name: str | None = None) -> bytes:
    """A frame with one fragment of a call; with ``id`` and ``name``, its first."""
    body: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
    if id is not None:
        body.update(id=id, type="function", function={"name": name, "arguments": arguments})
    return frame({"tool_calls": [body]})


class Upstream:
    """Sends a script on each connection: bytes of the body, or an Event to wait for."""

    def __init__(self, *script: Any, status: str = "200 OK", kind: str = "text/event-stream") -> None:
        self.script = script
        self.head = (
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        self.questions: list[Any] = []
        self.cut = False  # end without the last chunk

    def __enter__(self) -> Upstream:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.listener.close()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            pass  # wakes accept() up
        self.thread.join(10)

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection, connection.makefile("rb") as request:
                self.answer(connection, request)

    def answer(self, connection: socket.socket, request: Any) -> None:
        length = 0
        for line in iter(request.readline, b"\r\n"):
            if not line:
                return
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.questions.append(json.loads(request.read(length) or "null"))
        connection.sendall(self.head)
        for step in self.script:
            if isinstance(step, threading.Event):
                if not step.wait(10):
                    return
            else:
                connection.sendall(b"%x\r\n%s\r\n" % (len(step), step))
        if not self.cut:
            connection.sendall(b"0\r\n\r\n")


@contextlib.contextmanager
def running(start: Any) -> Iterator[str]:
    """Run an asyncio server in a thread of its own; yield its base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:

        async def stop() -> None:
            server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=10)

        asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def agent_api(upstream: Upstream, heartbeat: float = 60.0) -> Any:
    module = load("agent_api.py")
    behind = module["Upstream"](f"http://127.0.0.1:{upstream.port}/v1", "up")
    return running(lambda: module["serve"](0, behind, heartbeat))


def normalise(upstream: Upstream, keep_reasoning: bool = True, heartbeat: float = 60.0) -> Any:
    module = load("normalise.py")
    make = lambda: module["Rewriter"](keep_reasoning)  # noqa: E731
    return running(lambda: module["serve"](0, "127.0.0.1", upstream.port, make, heartbeat))


def drop_reasoning(upstream: Upstream) -> Any:
    module = load("drop_reasoning.py")
    return running(lambda: module["serve"](0, "127.0.0.1", upstream.port, module["Dropper"]))


def ask(url: str, seen: Any = None, **question: Any) -> tuple[sseparse.ChatStream, list[Any], bytes]:
    """Ask with http.client. Return the stream, its events and its bytes. ``seen`` gets each event."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    with contextlib.closing(connection):
        body = json.dumps({**QUESTION, "stream": True, **question})
        connection.request(
            "POST", f"{parts.path}/chat/completions", body, {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        stream, events, wire = sseparse.ChatStream(), [], b""
        while piece := response.read1(65536):
            wire += piece
            for event in stream.feed(piece):
                events.append(event)
                if seen is not None:
                    seen(event)
        events += stream.close()
    return stream, events, wire


def words(first: threading.Event | None = None) -> list[Any]:
    """An upstream answer that says "Hello, you" through send_message, and waits in the middle."""
    wait = [] if first is None else [first]
    return [
        frame({"role": "assistant", "content": None}),
        fragment(0, "", "call_a", "send_message"),
        fragment(0, '{"mess'),
        fragment(0, 'age": "Hel'),
        *wait,
        fragment(0, 'lo, \\u0079ou"}'),
        frame({}, "tool_calls"),
        frame(None, usage=USAGE),
        END,
    ]


class AgentAPI(unittest.TestCase):
    maxDiff = None

    def test_a_message_is_seen_while_the_upstream_holds_back_its_end(self) -> None:
        shown = threading.Event()
        with Upstream(*words(shown)) as upstream, agent_api(upstream) as url:
            stream, events, _ = ask(url, lambda e: shown.set() if e.type == "content.delta" else None)
        self.assertEqual([e.text for e in events if e.type == "content.delta"], ["Hel", "lo, you"])
        message = stream.completion()["choices"][0]["message"]
        self.assertEqual(message, {"role": "assistant", "content": "Hello, you"})
        self.assertEqual((stream.finish_reason(), stream.usage, stream.done), ("stop", USAGE, True))
        question = upstream.questions[0]
        self.assertEqual([tool["function"]["name"] for tool in question["tools"]], ["send_message"])
        self.assertEqual((question["model"], question["stream"]), ("up", True))

    def test_the_weather_call_passes_as_it_is(self) -> None:
        recorded = WEATHER.read_bytes()
        with Upstream(recorded) as upstream, agent_api(upstream) as url:
            stream, _, _ = ask(url)
        calls = sseparse.parse(recorded)["choices"][0]["message"]["tool_calls"]
        self.assertEqual(stream.tool_calls(), calls)
        self.assertEqual((stream.finish_reason(), stream.errors), ("tool_calls", []))

    def test_a_message_and_another_call(self) -> None:
        script = [
            *words()[:3],
            fragment(1, "", "call_b", "get_weather"),
            *words()[3:5],
            fragment(1, '{"city": "Oslo"}'),
            *words()[5:],
        ]
        with Upstream(*script) as upstream, agent_api(upstream) as url:
            stream, _, _ = ask(url)
        call = {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
        self.assertEqual(stream.text(), "Hello, you")
        self.assertEqual(stream.tool_calls(), [{"id": "call_b", "type": "function", "function": call}])
        self.assertEqual(stream.finish_reason(), "tool_calls")

    def test_heartbeats_while_nothing_comes(self) -> None:
        release = threading.Event()
        with Upstream(*words(release)) as upstream, agent_api(upstream, heartbeat=0.02) as url:
            parts = urlsplit(url)
            with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as client:
                content = json.dumps(QUESTION).encode()
                head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(content)}\r\n\r\n"
                client.sendall(head.encode() + content)
                body, stream = sseparse.HTTPBody(), sseparse.ChatStream()
                while not body.complete:
                    stream.feed(body.feed(client.recv(65536)))
                    if stream.comments >= 3:
                        release.set()
        self.assertEqual((stream.text(), stream.done), ("Hello, you", True))
        self.assertGreaterEqual(stream.comments, 3)

    def test_an_error_of_the_upstream_is_passed_on(self) -> None:
        error = {"message": "overloaded", "type": "server_error", "code": 503}
        upstream = Upstream(*words()[:4], b"data: " + json.dumps({"error": error}).encode() + b"\n\n")
        with upstream, agent_api(upstream) as url:
            stream, events, _ = ask(url)
        self.assertEqual(stream.text(), "Hel")
        first = next(event for event in events if event.type == "error")
        self.assertEqual((first.kind, first.message, first.code, first.server_type),
                         ("server", "overloaded", 503, "server_error"))  # fmt: skip
        self.assertFalse(stream.done)

    def test_a_cut_is_passed_on(self) -> None:
        upstream = Upstream(*words()[:4])
        upstream.cut = True
        with upstream, agent_api(upstream) as url:
            stream, _, wire = ask(url)
        self.assertEqual((stream.text(), stream.done), ("Hel", False))
        self.assertNotIn(END, wire)
        self.assertEqual(
            [error.server_type for error in stream.errors if error.kind == "server"], ["truncated"]
        )

    def test_a_refusal_of_the_upstream(self) -> None:
        refusal = b'{"error": {"message": "no such model", "type": "invalid_request_error", "code": 404}}'
        upstream = Upstream(refusal, status="404 Not Found", kind="application/json")
        with upstream, agent_api(upstream) as url:
            stream, _, _ = ask(url)
        self.assertEqual([(e.message, e.code) for e in stream.errors if e.kind == "server"],
                         [("no such model", 404)])  # fmt: skip

    def test_no_upstream_and_an_invalid_question(self) -> None:
        with Upstream() as upstream:
            pass
        with agent_api(upstream) as url:
            stream, _, _ = ask(url)
            self.assertIn("out of reach", stream.errors[0].message)
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
            connection.request("POST", "/v1/chat/completions", b"[]")
            response = connection.getresponse()
            self.assertEqual((response.status, response.read()[:10]), (400, b'{"error": '))
            connection.close()

    @unittest.skipUnless(find_spec("httpx"), "httpx is not installed")
    def test_read_with_httpx(self) -> None:
        import httpx

        shown = threading.Event()
        with Upstream(*words(shown)) as upstream, agent_api(upstream) as url:
            body = {**QUESTION, "stream": True}
            with httpx.stream("POST", f"{url}/chat/completions", json=body, timeout=30) as response:
                stream = sseparse.ChatStream()
                for event in sseparse.iter_events(response.iter_bytes(), stream):
                    if event.type == "content.delta":
                        shown.set()
        self.assertEqual(stream.text(), "Hello, you")
        self.assertEqual(response.headers["content-type"], "text/event-stream; charset=utf-8")

    @unittest.skipUnless(find_spec("openai"), "openai is not installed")
    def test_read_with_the_helper_of_openai(self) -> None:
        import openai

        shown = threading.Event()
        with Upstream(*words(shown)) as upstream, agent_api(upstream) as url:
            client = openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=30)
            with client, client.chat.completions.stream(**QUESTION) as stream:
                deltas = []
                for event in stream:
                    if event.type == "content.delta" and event.delta:
                        deltas.append(event.delta)
                        shown.set()
                final = stream.get_final_completion()
        self.assertEqual(deltas, ["Hel", "lo, you"])
        self.assertEqual(
            (final.choices[0].message.content, final.choices[0].finish_reason), ("Hello, you", "stop")
        )


class Normalise(unittest.TestCase):
    maxDiff = None

    MESSY = (
        b": hello\n\n",
        frame({"reasoning": "Hm"}, x_unknown=1),
        frame({"role": "assistant", "content": "a", "reasoning": "."}, usage={"total_tokens": 1}),
        b'data: {"choices":[{"delta":{"content":"b"}}]}\n\n',
        fragment(0, "{}", "", "f"),
        frame({}, "tool_calls", usage=USAGE),
        END,
    )

    def test_any_stream_becomes_the_canonical_one(self) -> None:
        with Upstream(*self.MESSY) as upstream, normalise(upstream) as url:
            stream, _, wire = ask(url)
        expected = sseparse.parse(b"".join(self.MESSY))
        self.assertEqual(stream.completion(), expected)
        self.assertEqual(stream.comments, 1)
        frames = [json.loads(line[6:]) for line in wire.split(b"\n") if line.startswith(b"data: {")]
        self.assertEqual([f["usage"] for f in frames if "usage" in f], [USAGE])
        self.assertEqual({(f["id"], f["model"]) for f in frames}, {("chatcmpl-1", "up")})

    def test_without_reasoning(self) -> None:
        with Upstream(*self.MESSY) as upstream, normalise(upstream, keep_reasoning=False) as url:
            stream, _, wire = ask(url)
        self.assertNotIn(b"reasoning", wire)
        self.assertEqual((stream.text(), stream.reasoning(), stream.errors), ("ab", "", []))

    def test_other_answers_pass_unchanged(self) -> None:
        refusal = b'{"error": {"message": "no", "code": 401}}'
        upstream = Upstream(refusal, status="401 Unauthorized", kind="application/json")
        with upstream, normalise(upstream) as url:
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
            connection.request("POST", "/v1/chat/completions", json.dumps(QUESTION))
            response = connection.getresponse()
            self.assertEqual((response.status, response.read()), (401, refusal))
            connection.close()

    def test_a_cut_and_heartbeats(self) -> None:
        release = threading.Event()
        upstream = Upstream(*self.MESSY[:3], release)
        upstream.cut = True
        with upstream, normalise(upstream, heartbeat=0.02) as url:
            stream = sseparse.ChatStream()
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
            with contextlib.closing(connection):
                connection.request("POST", "/v1/chat/completions", json.dumps(QUESTION))
                response = connection.getresponse()
                while piece := response.read1(65536):
                    stream.feed(piece)
                    if stream.comments >= 3:
                        release.set()
            stream.close()
        self.assertEqual((stream.text(), stream.done), ("a", False))
        self.assertEqual(
            [error.server_type for error in stream.errors if error.kind == "server"], ["truncated"]
        )


COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-9",
    "object": "chat.completion",
    "created": 5,
    "model": "up",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "abc" * 20}, "finish_reason": "stop"}
    ],
    "usage": USAGE,
}


class DropReasoning(unittest.TestCase):
    def test_frames_of_reasoning_are_left_out_and_all_others_pass_byte_for_byte(self) -> None:
        frames = [
            frame({"role": "assistant", "content": ""}),
            b": ping\n\n",
            frame({"reasoning": "Hm"}),
            b'data:{"choices":[{"delta":{"content":"a"}}]}\r\n\r\n',
            frame({"reasoning_content": ".", "content": ""}),
            frame({"reasoning": "and", "content": "b"}),
            frame({}, "stop"),
            b"data: [DONE]",
        ]
        with Upstream(*frames) as upstream, drop_reasoning(upstream) as url:
            _, _, wire = ask(url)
        self.assertEqual(wire, b"".join(frames[:2] + frames[3:4] + frames[5:]))


class Cached(unittest.TestCase):
    def test_one_answer_as_an_object_and_as_a_stream(self) -> None:
        answer = json.dumps(COMPLETION).encode()
        make = load("cache.py")["Cache"]
        with Upstream(answer, kind="application/json") as upstream:
            cache = make(0, f"http://127.0.0.1:{upstream.port}/v1")
            with cache:
                thread = threading.Thread(target=cache.serve_forever, kwargs={"poll_interval": 0.01})
                thread.start()
                url = f"http://127.0.0.1:{cache.server_address[1]}/v1"
                streams = [ask(url, stream_options={"include_usage": True}) for _ in range(2)]
                whole = ask(url, stream=False)[0]
                cache.shutdown()
                thread.join(10)
        self.assertEqual([stream.completion() for stream, _, _ in streams], [COMPLETION] * 2)
        self.assertEqual([e.text for e in streams[0][1] if e.type == "content.delta"],
                         ["abc" * 6 + "ab", "c" + "abc" * 6 + "a", "bc" + "abc" * 6])  # fmt: skip
        self.assertEqual(whole.completion(), COMPLETION)
        self.assertEqual((len(upstream.questions), cache.asked), (1, 1))
