# SPDX-License-Identifier: MIT
"""A server on the loopback that answers like real ones: slowly, in odd cuts, and not always to the end.

The first part of the path chooses the behaviour: ``http://127.0.0.1:port/cut/v1`` answers
``/chat/completions`` with a stream that is cut in the middle. Bodies are chunked, with chunk boundaries
inside data lines, inside characters and inside escapes, with extensions and a trailer. Each write to the
socket is cut at other places.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CERTIFICATE = Path(__file__).with_name("localhost.pem")

WORDS = ["Good", " morning", ", Bos", 'ton! "12', " °C\"\n", "日本", " 😀"]
TEXT = "".join(WORDS)
USAGE = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}
ARGUMENTS = '{"city": "Boston \\"MA\\""}'


def chunk(delta: dict[str, Any] | None, finish_reason: str | None = None, **more: Any) -> bytes:
    """One frame, as api.openai.com writes it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    choices = [] if delta is None else [choice]
    head = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-test"}
    data = json.dumps({**head, "system_fingerprint": "fp_1", "choices": choices, **more}, ensure_ascii=False)
    return f"data: {data}\n\n".encode()


def say(words: list[str]) -> list[bytes]:
    """An answer of these words."""
    frames = [chunk({"role": "assistant", "content": "", "refusal": None})]
    frames += [chunk({"content": word}) for word in words]
    frames += [b": keep-alive\n\n", chunk({}, "stop"), chunk(None, usage=USAGE), b"data: [DONE]\n\n"]
    return frames


def call(*fragments: tuple[int, dict[str, Any]], finish_reason: str = "tool_calls") -> list[bytes]:
    """An answer that calls tools: fragments of calls, in the order in which they are sent."""
    frames = [chunk({"role": "assistant", "content": None})]
    frames += [chunk({"tool_calls": [{"index": index, **fragment}]}) for index, fragment in fragments]
    return [*frames, chunk({}, finish_reason), chunk(None, usage=USAGE), b"data: [DONE]\n\n"]


def begin(id: str, name: str, arguments: str = "") -> dict[str, Any]:
    """The first fragment of a call."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def go_on(arguments: str) -> dict[str, Any]:
    """A later one."""
    return {"function": {"arguments": arguments}}


TOOLS = call(  # two calls at once, their arguments interleaved; the second takes none
    (0, begin("call_1", "get_weather")),
    (0, go_on(ARGUMENTS[:9])),
    (1, begin("call_2", "get_time")),
    (0, go_on(ARGUMENTS[9:])),
)
INCOMPLETE = call((0, begin("call_1", "get_weather")), (0, go_on(ARGUMENTS[:9])))


class Server:
    """``with Server() as server``: it answers at ``server.url(mode)`` until the block is left.

    Modes: ``whole``; ``cut``, ``reset``, ``stall`` in the middle; ``error`` (status 500), ``page`` (status
    502, HTML); ``midway`` (an error frame); ``tools``, ``incomplete`` (calls, then, once their results
    are in the messages, a text made of them), ``tools-cut`` (the calls are there, the end is not).

    With ``hold=True`` each answer waits after its first word until ``shown`` is set: whoever reads it must
    have shown the word by then. ``requests`` are the bodies received, ``connections`` how many came.
    """

    def __init__(self, tls: bool = False, hold: bool = False) -> None:
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self.shown = threading.Event()
        self._hold = hold
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(str(CERTIFICATE))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def url(self, mode: str = "whole") -> str:
        """The base URL, as clients of the API want it."""
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/{mode}/v1"

    def __enter__(self) -> Server:
        self._threads[0].start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shown.set()
        for end in [self._listener, *self._open]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.add(connection)
            with connection, connection.makefile("rb") as requests:
                while self._answer(connection, requests):
                    pass

    def _answer(self, connection: socket.socket, requests: Any) -> bool:
        """Answer one request; say whether the connection stays open."""
        request_line = requests.readline()
        if not request_line:
            return False
        length = 0
        for line in iter(requests.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        request = json.loads(requests.read(length))
        self.requests.append(request)
        mode = request_line.split(b"/")[1].decode()
        if mode in ("error", "page"):
            self._refuse(connection, mode)
            return True
        frames = self._frames(mode, request)
        first = chunked(b"".join(frames[:2]))
        rest = chunked(b"".join(frames[2:]))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        drip(connection, head + first)
        if self._hold and not self.shown.wait(10):
            return False
        if mode in ("cut", "reset", "stall", "tools-cut"):
            drip(connection, rest[: len(rest) - 60 if mode == "tools-cut" else len(rest) // 3])
            if mode == "stall":
                requests.read(1)  # until the client has had enough
            if mode == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        drip(connection, rest + b"0\r\nServer-Timing: all;dur=1\r\n\r\n")
        return True

    def _frames(self, mode: str, request: dict[str, Any]) -> list[bytes]:
        results = [message["content"] for message in request["messages"] if message["role"] == "tool"]
        if mode in ("tools", "tools-cut", "incomplete"):
            if results:
                return say([f"Found: {', '.join(results)}."])
            return INCOMPLETE if mode == "incomplete" else TOOLS
        frames = say(WORDS)
        if mode == "midway":
            error = {"error": {"message": "The engine is overloaded.", "type": "server_error", "code": 503}}
            frames[4:] = [f"data: {json.dumps(error)}\n\n".encode(), b"data: [DONE]\n\n"]
        return frames

    @staticmethod
    def _refuse(connection: socket.socket, mode: str) -> None:
        status, kind, body = b"502 Bad Gateway", b"text/html", b"<html><h1>502 Bad Gateway</h1></html>"
        if mode == "error":
            status, kind = b"500 Internal Server Error", b"application/json"
            body = b'{\n  "error": {"message": "The model is gone.", "type": "server_error", "code": 17}\n}'
        head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
        drip(connection, head % (status, kind, len(body)) + body)


def odd_cuts(data: bytes, most: int) -> list[bytes]:
    """Pieces of 1 to ``most`` bytes, the same ones each time."""
    lengths = random.Random(len(data))
    pieces = []
    while data:
        length = lengths.randint(1, most)
        pieces.append(data[:length])
        data = data[length:]
    return pieces


def chunked(body: bytes) -> bytes:
    """The body in the chunked transfer coding (RFC 9112, 7.1), without the last chunk."""
    return b"".join(b"%x;cut=odd\r\n%s\r\n" % (len(piece), piece) for piece in odd_cuts(body, 70))


def drip(connection: socket.socket, data: bytes) -> None:
    """Send it slowly, in pieces that are not the chunks."""
    for piece in odd_cuts(data, 150):
        connection.sendall(piece)
        time.sleep(0.0005)
