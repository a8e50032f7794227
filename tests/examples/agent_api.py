# SPDX-License-Identifier: MIT
"""An agent's API: the model speaks by calling ``send_message``, and its words are streamed as they grow.

    python agent_api.py 8001 http://127.0.0.1:8000/v1 gpt-4o

listens on port 8001 for ``POST /v1/chat/completions`` and asks the upstream server, with the key in
OPENAI_API_KEY. The answer is a stream of chat completion chunks, which any client of that API can read:

* the ``message`` argument of a ``send_message`` call is sent as content before the call has ended;
* other calls are passed on as they are;
* a comment is sent while the upstream server sends nothing;
* an error of the server is passed on, and an answer that was cut ends in an error and without ``[DONE]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the package of this checkout

import sseparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

HEARTBEAT = 5.0  # seconds of silence before a comment is sent
SPEAK = "send_message"
TOOL = {
    "type": "function",
    "function": {
        "name": SPEAK,
        "description": "Say something to the user. This is the only way to be heard.",
        "parameters": {
            "type": "object",
            "properties": {"message": {"type": "string"}},
            "required": ["message"],
        },
    },
}


class Spoken:
    """A filter over events: what the model says through ``send_message`` becomes content."""

    def __init__(self) -> None:
        self.speeches: dict[tuple[int, int | None], sseparse.PartialJSON] = {}
        self.callers: set[int] = set()  # the choices that call another tool, too

    def __call__(self, events: Iterable[sseparse.Event]) -> Iterator[sseparse.Event]:
        for event in events:
            if event.type == "tool_call.start" and event.name == SPEAK:
                self.speeches[event.choice, event.index] = sseparse.PartialJSON()
            elif event.type == "tool_call.delta" and (event.choice, event.index) in self.speeches:
                for part in self.speeches[event.choice, event.index].feed(event.arguments):
                    if part.type == "json.text" and part.path == ("message",):
                        yield sseparse.ContentDelta(event.choice, part.text)
            elif event.type == "tool_call.done" and (event.choice, event.index) in self.speeches:
                if event.status == "invalid":
                    yield sseparse.Error("server", f"the model called {SPEAK} with invalid arguments")
            elif event.type == "choice.done" and event.choice not in self.callers:
                # Nothing is left to call, so the client need not answer a call.
                reason = "stop" if event.finish_reason == "tool_calls" else event.finish_reason
                yield sseparse.ChoiceDone(event.choice, reason)
            else:
                if event.type == "tool_call.start":
                    self.callers.add(event.choice)
                yield event


class Upstream:
    """The upstream server, which is asked once for each question."""

    def __init__(self, base_url: str, model: str, api_key: str = "") -> None:
        self.address = urlsplit(base_url)
        self.model = model
        self.api_key = api_key

    async def ask(self, question: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send the question; return the connection that the answer comes on."""
        secure = self.address.scheme == "https"
        port = self.address.port or (443 if secure else 80)
        tls = ssl.create_default_context() if secure else None
        reader, writer = await asyncio.open_connection(self.address.hostname, port, ssl=tls)
        tools = [TOOL, *question.get("tools", ())]
        options = {"include_usage": True}
        body = {**question, "model": self.model, "tools": tools, "stream": True, "stream_options": options}
        content = json.dumps(body).encode()
        writer.write(
            f"POST {self.address.path}/chat/completions HTTP/1.1\r\nHost: {self.address.netloc}\r\n"
            f"Authorization: Bearer {self.api_key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
            + content
        )
        return reader, writer


class Answer:
    """The response to one client: a head, then chunks as they become known, then the end."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client

    async def begin(self) -> None:
        head = "".join(f"{name}: {value}\r\n" for name, value in sseparse.SSE_HEADERS)
        await self.send_raw(f"HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode())

    async def send(self, data: bytes) -> None:
        if data:
            await self.send_raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send_raw(b"0\r\n\r\n")

    async def refuse(self, status: str, message: str) -> None:
        content = json.dumps({"error": {"message": message, "type": "agent_error"}}).encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        await self.send_raw(head.encode() + content)

    async def send_raw(self, data: bytes) -> None:
        self.client.write(data)
        await self.client.drain()


async def speak(reader: asyncio.StreamReader, answer: Answer, heartbeat: float) -> None:
    """Read the upstream's answer to its end, and send on what the client may see."""
    body, stream = sseparse.HTTPBody(), sseparse.ChatStream()
    spoken, encoder = Spoken(), sseparse.ChatEncoder()
    while not body.complete:
        try:
            data = await asyncio.wait_for(reader.read(65536), heartbeat)
            content = body.feed(data) if data else body.close()
        except asyncio.TimeoutError:
            await answer.send(encoder.comment())
            continue
        except (OSError, sseparse.StreamError):  # the connection broke, or this is no HTTP
            break
        if content:
            await answer.send(encoder.feed(spoken(stream.feed(content))))
        if not data:
            break
    await answer.send(encoder.feed(spoken(stream.close())) + encoder.close())


async def read_question(reader: asyncio.StreamReader) -> tuple[str, Any]:
    """Return the target and the JSON body of one request. Raises ValueError if it is not a valid one."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii", "replace")
    method, target, *_ = head.split(" ", 2)
    lengths = [
        line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")
    ]
    if method != "POST" or len(lengths) != 1:
        raise ValueError("POST a question as JSON, with its Content-Length")
    question = json.loads(await reader.readexactly(int(lengths[0])))
    if not isinstance(question, dict):
        raise ValueError("a question is a JSON object with messages")
    return target, question


async def serve(port: int, upstream: Upstream, heartbeat: float = HEARTBEAT) -> asyncio.AbstractServer:
    """Start the API on this port of the loopback interface."""

    async def connected(reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        answer = Answer(client)
        with suppress(OSError):  # the client is gone
            try:
                target, question = await read_question(reader)
                if target != "/v1/chat/completions":
                    await answer.refuse("404 Not Found", f"there is no {target}")
                    return
                try:
                    source, to_upstream = await upstream.ask(question)
                except OSError as error:
                    await answer.refuse("502 Bad Gateway", f"the model is out of reach: {error}")
                    return
                try:
                    await answer.begin()
                    await speak(source, answer, heartbeat)
                    await answer.end()
                finally:
                    to_upstream.close()
            except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                await answer.refuse("400 Bad Request", str(error))
            finally:
                client.close()

    return await asyncio.start_server(connected, "127.0.0.1", port)


async def main(port: str, base_url: str, model: str) -> None:
    upstream = Upstream(base_url, model, os.environ.get("OPENAI_API_KEY", ""))
    server = await serve(int(port), upstream)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for argument in ("port", "base_url", "model"):
        parser.add_argument(argument)
    with suppress(KeyboardInterrupt):
        asyncio.run(main(**vars(parser.parse_args())))
