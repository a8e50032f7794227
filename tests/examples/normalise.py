# SPDX-License-Identifier: MIT
"""A gateway that turns the stream of any server into a stream that every client can read.

    python normalise.py 8001 127.0.0.1 8000 [--no-reasoning]

listens on port 8001 and passes requests on as they are. Answers that are event streams are read and written
again: one change per frame, usage once, and an id for each call that has none. With ``--no-reasoning`` the
reasoning is left out. Other answers (errors, lists of models) are passed on as they are. Each connection
carries one answer.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the package of this checkout

import sseparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HEARTBEAT = 5.0  # seconds of silence before a comment is sent


class Rewriter:
    """The bytes of one response in, the bytes of the response to send out."""

    def __init__(self, keep_reasoning: bool = True) -> None:
        self.keep_reasoning = keep_reasoning
        self.body = sseparse.HTTPBody()
        self.stream = sseparse.ChatStream()
        self.encoder = sseparse.ChatEncoder()
        self.comments = 0
        self.head = bytearray()  # the bytes so far, until it is known what they are
        self.state = "head"  # then "stream" (written again) or "other" (passed on), and "ended"

    def rewrite(self, content: bytes) -> bytes:
        """Return what is to be sent for this part of the body."""
        frames = self.encoder.feed(self.keep(self.stream.feed(content)))
        if self.stream.comments > self.comments:  # the server's heartbeat is the client's
            self.comments = self.stream.comments
            frames += self.encoder.comment()
        return frames

    def finish(self) -> bytes:
        """Return what is to be sent at the end of the body."""
        return self.encoder.feed(self.keep(self.stream.close())) + self.encoder.close()

    def keep(self, events: Iterable[sseparse.Event]) -> Iterator[sseparse.Event]:
        return (event for event in events if self.keep_reasoning or not is_reasoning(event))

    def feed(self, data: bytes) -> bytes:
        """Return what may be sent on now; ``b""`` for data is the end of the connection."""
        if self.state == "other":
            return data
        content = b""
        try:
            content = self.body.feed(data) if data else self.body.close()
        except sseparse.StreamError:  # no HTTP, compressed, or cut
            if self.state == "head":
                return self.give_up(data)
        out = b""
        if self.state == "head":
            self.head += data
            if self.body.status is None:
                return self.give_up(b"") if not data else b""
            headers = dict(self.body.headers)
            if self.body.status != 200 or not headers.get("content-type", "").startswith("text/event-stream"):
                return self.give_up(b"")
            self.state = "stream"
            lines = "".join(f"{name}: {value}\r\n" for name, value in sseparse.SSE_HEADERS)
            out = (
                f"HTTP/1.1 200 OK\r\n{lines}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            )
        out += self.chunk(self.rewrite(content))
        if (self.body.complete or not data) and self.state == "stream":
            self.state = "ended"
            out += self.chunk(self.finish()) + b"0\r\n\r\n"
        return out

    def give_up(self, data: bytes) -> bytes:
        """Pass on the bytes so far, and all that follow, as they came."""
        self.state = "other"
        return bytes(self.head) + data

    def silence(self) -> bytes:
        """Return what keeps the connection alive while the server says nothing."""
        return self.chunk(self.encoder.comment()) if self.state == "stream" else b""

    @staticmethod
    def chunk(data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def is_reasoning(event: sseparse.Event) -> bool:
    return event.type == "reasoning.delta" or (
        event.type == "extra" and event.field.startswith(("reasoning", "thinking"))
    )


async def answer(
    server: asyncio.StreamReader, client: asyncio.StreamWriter, rewriter: Rewriter, heartbeat: float
) -> None:
    """Read one response to its end, and send it on."""
    with suppress(OSError):
        while rewriter.state != "ended":
            try:
                data = await asyncio.wait_for(server.read(65536), heartbeat)
            except asyncio.TimeoutError:
                client.write(rewriter.silence())
                continue
            except OSError:
                data = b""  # the connection broke: the client is told that the answer was cut
            client.write(rewriter.feed(data))
            await client.drain()
            if not data:
                break
    client.close()


async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


async def serve(
    port: int, host: str, host_port: int, make: Callable[[], Rewriter], heartbeat: float = HEARTBEAT
) -> asyncio.AbstractServer:
    """Start the gateway before the server at ``host``; ``make`` gives each connection its rewriter."""

    async def connected(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection(host, host_port)
        except OSError:
            to_client.close()
            return
        asking = asyncio.ensure_future(relay(client, to_server))
        await answer(server, to_client, make(), heartbeat)
        to_server.close()
        await asking

    return await asyncio.start_server(connected, "127.0.0.1", port)


async def main(port: str, host: str, host_port: str, no_reasoning: bool) -> None:
    server = await serve(int(port), host, int(host_port), lambda: Rewriter(not no_reasoning))
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for argument in ("port", "host", "host_port"):
        parser.add_argument(argument)
    parser.add_argument("--no-reasoning", action="store_true", help="leave the reasoning out")
    with suppress(KeyboardInterrupt):
        asyncio.run(main(**vars(parser.parse_args())))
