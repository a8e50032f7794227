# SPDX-License-Identifier: MIT
"""A gateway that passes everything through, byte for byte, and reports what it saw.

    python proxy.py 8001 127.0.0.1 8000

listens on port 8001 and prints one line of JSON per answer. The observer gets the same bytes as the client,
after the client. If it cannot read them, they are passed on all the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the package of this checkout

import sseparse

Report = Callable[[dict[str, Any]], object]


class Observer:
    """Watches what a server sends on one connection: one answer after the other."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.fault = ""
        self.begin()

    def begin(self) -> None:
        self.body = sseparse.HTTPBody()
        self.stream = sseparse.ChatStream(max_total_bytes=64 * 1024 * 1024)
        self.calls: list[dict[str, Any]] = []

    def feed(self, data: bytes) -> None:
        if self.fault:
            return
        try:
            self.see(self.stream.feed(self.body.feed(data)))
        except sseparse.StreamError as error:  # it is not HTTP, or compressed: nothing more can be seen
            self.fault = str(error)
        if self.body.complete:
            self.end()
            self.begin()

    def see(self, events: list[sseparse.Event]) -> None:
        for event in events:
            if event.type == "tool_call.done":
                self.calls.append({"name": event.name, "status": event.status})

    def end(self) -> None:
        """Report on the answer that has ended or was cut, unless it never began."""
        if self.body.status is None and not self.fault:
            return
        stream = self.stream
        self.see(stream.close())
        seen = {"status": self.body.status, "model": stream.model, "usage": stream.usage}
        seen.update(tool_calls=self.calls, truncated=stream.truncated, fault=self.fault)
        self.report({**seen, "errors": [error.kind for error in stream.errors]})


async def relay(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, observer: Observer | None = None
) -> None:
    """Pass on the bytes of one side until it ends or the other side is gone."""
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            if observer:
                observer.feed(data)
            await target.drain()
    target.close()


async def serve(port: int, host: str, host_port: int, report: Report) -> asyncio.AbstractServer:
    """Start the gateway before the server at ``host``; ``report`` is called once per answer."""

    async def connected(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection(host, host_port)
        except OSError:
            to_client.close()
            return
        observer = Observer(report)
        await asyncio.gather(relay(client, to_server), relay(server, to_client, observer))
        observer.end()

    return await asyncio.start_server(connected, "127.0.0.1", port)


async def main(port: str, host: str, host_port: str) -> None:
    server = await serve(int(port), host, int(host_port), lambda seen: print(json.dumps(seen), flush=True))
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for argument in ("port", "host", "host_port"):
        parser.add_argument(argument)
    with suppress(KeyboardInterrupt):
        asyncio.run(main(**vars(parser.parse_args())))
