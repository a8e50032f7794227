# SPDX-License-Identifier: MIT
"""Many streams at once through a small proxy on one core: the cost of reading and of writing them again.

The proxy is a process of its own (``python -m benchmarks.gateway PORT MODE``). It runs on one core if the
system allows that, and measures its own CPU time. The server and the clients are in this process. All streams
are sent at the speed of a model, so the proxy gets a frame or two at a time. In the mode ``pass`` the proxy
passes bytes on as they come. In the mode ``watch`` it also feeds them to a ``ChatStream`` for each
connection, looks at each event, and adds up the usage. In the mode ``rewrite`` it sends what a
``ChatEncoder`` makes of the events, as ``tests/examples/normalise.py`` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import process_time

from . import workloads
from .measure import Fact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
ASK = b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SECONDS = 90  # a run is stopped after that


# ---- the proxy, in its own process ------------------------------------------------------------------


async def _proxy(upstream: int, mode: str) -> None:
    """Serve until standard input ends. Print the port first and the measurements last, as JSON lines."""
    if mode != "pass":
        import sseparse
    account = {"reads": 0, "events": 0, "tokens": 0, "whole": 0}
    # Before Python 3.12 nothing else has a reference to the task that serves a connection. So the task could
    # be collected while it waits for the other side (on PyPy it is).
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        ask = await reader.readuntil(b"\r\n\r\n")
        source, sink = await asyncio.open_connection("127.0.0.1", upstream)
        sink.write(ask)
        writer.write(await source.readuntil(b"\r\n\r\n"))
        stream = None if mode == "pass" else sseparse.ChatStream()
        encoder = sseparse.ChatEncoder() if mode == "rewrite" else None
        while data := await source.read(65536):
            account["reads"] += 1
            if encoder is None or stream is None:
                writer.write(data)
            else:
                writer.write(encoder.feed(stream.feed(data)))
            await writer.drain()
            if stream is not None and encoder is None:
                for event in stream.feed(data):
                    account["events"] += 1
                    if event.type == "usage":
                        account["tokens"] += event.usage["completion_tokens"]
        if stream is not None:
            stream.close()
            account["whole"] += stream.done and not stream.errors
        sink.close()
        writer.close()
        tasks.discard(asyncio.current_task())

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    before = process_time()
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps({**account, "cpu": process_time() - before}), flush=True)


# ---- server and clients, in this process ------------------------------------------------------------


async def _load(
    mode: str, port: int, streams: int, frames: list[bytes], tick: float, upstream: _Upstream
) -> int:
    """Run many clients at once. Return how many got every byte (``rewrite``: the same answer)."""
    sent = b"".join(frames)

    def is_right(body: bytes) -> bool:
        if mode != "rewrite":
            return body == HEAD + sent
        import sseparse

        before, after = sseparse.ChatStream(), sseparse.ChatStream()
        before.feed(sent)
        after.feed(body[len(HEAD) :])
        return after.done and (after.text(), after.usage) == (before.text(), before.usage)

    async def client() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK)
        body = await reader.read(-1)
        writer.close()
        return is_right(body)

    clients = [asyncio.ensure_future(client()) for _ in range(streams)]
    await upstream.play(streams, frames, tick)
    return sum(await asyncio.gather(*clients))


class _Upstream:
    """The server. It waits for all clients, then sends each client one frame per tick, not all at once."""

    def __init__(self) -> None:
        self.callers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def open(self) -> asyncio.AbstractServer:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        self.callers.append(writer)

    async def play(self, streams: int, frames: list[bytes], tick: float) -> None:
        while len(self.callers) < streams:
            await asyncio.sleep(0.01)
        callers, self.callers = self.callers, []
        for frame in frames:
            for group in range(10):
                for caller in callers[group::10]:
                    caller.write(frame)
                await asyncio.sleep(tick / 10)
        for caller in callers:
            caller.close()


async def _run(mode: str, streams: int, frames: list[bytes], tick: float) -> dict[str, Any]:
    """Run the clients through a new proxy. Return its measurements and the number of right answers."""
    upstream = _Upstream()
    server = await upstream.open()
    command = [sys.executable, "-m", "benchmarks.gateway", str(upstream.port), mode]
    proxy = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent
    )
    assert proxy.stdin and proxy.stdout
    try:
        port = json.loads(await proxy.stdout.readline())["port"]
        served = await _load(mode, port, streams, frames, tick, upstream)
        proxy.stdin.close()
        account: dict[str, Any] = json.loads(await proxy.stdout.readline())
        return {**account, "served": served}
    finally:
        server.close()
        with contextlib.suppress(ProcessLookupError):
            proxy.kill()
        await proxy.wait()


def watching(quick: bool, progress: Callable[[str], None]) -> Iterator[Fact]:
    """Measure the CPU time that ``watch`` and ``rewrite`` add to ``pass``, in per cent.

    A run that fails (sockets, processes) becomes a line of the table, and the other runs go on.
    """
    streams = min(_descriptors() // 2 - 32, 20 if quick else 500)
    frames = workloads.obfuscated(20 if quick else 100).frames
    tick = 0.01 if quick else 0.05
    taken: dict[str, list[float]] = {"pass": [], "watch": [], "rewrite": []}
    reads = 0
    name = "CPU added by watching, in a proxy"
    for number in range(1 if quick else 3):
        for mode in taken:
            progress(f"gateway: {streams} streams, mode {mode}, round {number + 1}")
            try:
                account = asyncio.run(asyncio.wait_for(_run(mode, streams, frames, tick), SECONDS))
            except (OSError, ValueError, asyncio.TimeoutError) as error:
                yield Fact(name, None, "%", f"failed: {type(error).__name__} {error}")
                return
            if account["served"] != streams or (mode != "pass" and account["whole"] != streams):
                yield Fact(name, None, "%", f"failed: of {streams} streams not all came through: {account}")
                return
            taken[mode].append(account["cpu"])
            reads += account["reads"]
    plain, watched, rewritten = map(median, taken.values())
    sent = streams * len(frames)
    note = (
        f"{streams} streams at once, {1 / tick:.0f} frames/s each; the proxy alone {plain / sent * 1e6:.1f} "
        f"µs/frame, {sent * len(taken['pass']) * 3 / reads:.2f} frames a read"
    )
    yield Fact(name, (watched - plain) / plain * 100, "%", note)
    yield Fact("the same, per frame", (watched - plain) / sent * 1e6, "µs")
    yield Fact("CPU added by writing again, in a proxy", (rewritten - plain) / plain * 100, "%")
    yield Fact("the same, per frame", (rewritten - plain) / sent * 1e6, "µs")


def _descriptors() -> int:
    """Raise the limit of open sockets as far as the system allows, and return it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return 4096
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft


if __name__ == "__main__":
    _descriptors()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with contextlib.suppress(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(_proxy(int(sys.argv[1]), sys.argv[2]), SECONDS))
