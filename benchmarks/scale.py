# SPDX-License-Identifier: MIT
"""Long streams, large events, memory, import time, and PartialJSON.

Each function yields facts, one for each line of the table. Times are medians of CPU time. Memory is what
``tracemalloc`` counts: what was allocated for Python objects since the measurement began. PyPy has no
``tracemalloc``, so the lines about memory are missing there.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import chain, repeat
from pathlib import Path
from statistics import median

import sseparse

from . import workloads
from .contestants import ANY_ERROR, floor
from .measure import Fact, once, pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

try:
    import tracemalloc
except ImportError:  # PyPy
    tracemalloc = None  # type: ignore[assignment]

KIB, MIB = 1 << 10, 1 << 20


def _bytes(size: float) -> str:
    if size < KIB:
        return f"{size:.0f} B"
    return f"{size / KIB:.3g} KiB" if size < MIB else f"{size / MIB:.3g} MiB"


# ---- does the cost grow -----------------------------------------------------------------------------


def long_streams(quick: bool, rounds: int) -> Iterator[Fact]:
    """Measure longer and longer streams: the cost of one frame must not grow."""
    block = workloads.plain(1000)
    head, middle, tail = block.frames[:1], block.frames[1:1001], block.frames[1001:]
    payloads = block.payloads[1:1001]
    for count in (1000, 10_000) if quick else (1000, 10_000, 100_000, 1_000_000):
        times = count // 1000

        def read(times: int = times) -> None:
            _read(chain(head, chain.from_iterable(repeat(middle, times)), tail))

        def parse(times: int = times) -> None:
            for payload in chain.from_iterable(repeat(payloads, times)):
                json.loads(payload.decode())

        mine, _ = pair(read, parse, rounds)
        note = f"{mine.ratio:.2f}× the floor" if mine.ratio else ""
        yield Fact(f"stream of {count} frames, per frame", mine.median / count * 1e6, "µs", note)


def _read(pieces: Iterable[bytes]) -> None:
    stream = sseparse.ChatStream()
    for piece in pieces:
        for _event in stream.feed(piece):
            pass
    for _event in stream.close():
        pass
    stream.completion(ignore=ANY_ERROR)


def large_events(quick: bool, rounds: int) -> Iterator[Fact]:
    """Measure frames of several sizes, in feeds of 64 KiB and of 64 bytes: the cost of a byte must not grow.

    Each stream has at least 1 MiB.
    """
    for kib in (1, 64) if quick else (1, 16, 256, 1024, 4096, 16384):
        workload = workloads.giant(kib, frames=max(1, (64 if quick else 1024) // kib))
        size = len(workload.wire)
        for feed in ("64k", "64b"):
            pieces = workload.cut(feed)
            mine, _ = pair(partial(_read, pieces), partial(floor, workload, []), rounds)
            note = f"{mine.ratio:.2f}× the floor" if mine.ratio else ""
            name = f"events of {_bytes(kib * KIB)}, {feed} feeds, per byte"
            yield Fact(name, mine.median / size * 1e9, "ns", note)


# ---- memory -----------------------------------------------------------------------------------------


def memory(quick: bool) -> Iterator[Fact]:
    if tracemalloc is None:
        return
    streams = [
        workloads.one_character(1000 if quick else 100_000),
        workloads.plain(1000 if quick else 100_000),
        workloads.giant(64 if quick else 8192),
    ]
    for workload in streams:
        text = sum(len(part.encode()) for part in (workload.content or {}).values())
        pieces = workload.cut("64k")
        peak = _peak(partial(_read, pieces))
        # The goal is 2.2 times the text (once in pieces, once joined, and a little) plus 256 KiB.
        note = f"peak {_bytes(peak)} for {_bytes(text)} of text, {_bytes(peak - 2.2 * text)} over 2.2 ×"
        yield Fact(f"peak memory over the text, {workload.name}", peak / text, "×", note)


def _peak(call: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def open_streams(quick: bool, rounds: int) -> Iterator[Fact]:
    """Measure many open streams, as a gateway has them. All read the same answer, a frame each in turn."""
    count = 200 if quick else 10_000
    frames = workloads.obfuscated(50).frames[:44]
    if tracemalloc is not None:
        beginnings: tuple[tuple[str, list[bytes]], ...] = (
            ("new", []),
            ("after 44 frames, plain", workloads.plain(50).frames[:44]),
            ("after 44 frames, obfuscation", frames),
            ("after 44 frames, Azure", workloads.azure(50).frames[:44]),
        )
        for name, fed in beginnings:
            gc.collect()
            tracemalloc.start()
            streams = _open(1000, fed)
            size = tracemalloc.get_traced_memory()[0] / len(streams)
            tracemalloc.stop()
            yield Fact(f"one open stream, {name}", size / KIB, "KiB", "mean of 1 000")
        del streams
        gc.collect()
        tracemalloc.start()
        streams = _open(count, frames)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        yield Fact(f"{count} open streams", size / MIB, "MiB", f"{size / count / KIB:.2f} KiB each")
        del streams

    def in_turn() -> None:
        _open(count, frames)

    def one_by_one() -> None:
        for _ in range(count):
            _open(1, frames)

    # The garbage collector visits all open streams again and again. That is a cost of many streams, and
    # ``pair`` leaves the collector on.
    mine, _ = pair(in_turn, one_by_one, 1 if quick else min(3, rounds))
    note = f"{mine.ratio:.2f}× the same streams one after the other" if mine.ratio else ""
    yield Fact(f"{count} streams fed in turn, per frame", mine.median / count / len(frames) * 1e6, "µs", note)


def _open(count: int, frames: list[bytes]) -> list[Any]:
    streams = [sseparse.ChatStream() for _ in range(count)]
    for frame in frames:
        for stream in streams:
            stream.feed(frame)
    return streams


def import_time(quick: bool) -> Iterator[Fact]:
    """Measure ``import sseparse`` after ``import json``, in new processes, from compiled files.

    The second row includes the first use of ``ChatStream``, which imports what it needs.
    """
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from time import process_time_ns as now\n"
        "a = now(); import json; b = now(); import sseparse; c = now(); sseparse.ChatStream; d = now()\n"
        "print(b - a, c - b, d - b)"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(Path(sseparse.__file__).parent.parent)]
    taken = []
    for _ in range(4 if quick else 31):
        found = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout.split()
        taken.append([int(one) / 1e6 for one in found])
    del taken[0]  # the first process compiles the files
    its, *mine = (median(times) for times in zip(*taken))
    rows = ("import sseparse", "import sseparse and use ChatStream")
    for at, (row, time) in enumerate(zip(rows, mine), 1):
        ratio = median(times[at] / times[0] for times in taken)
        yield Fact(f"{row}, over import json", ratio, "×", f"{time:.2f} ms beyond {its:.2f} ms")


# ---- JSON inside the arguments ----------------------------------------------------------------------


def partial_json(quick: bool, rounds: int) -> Iterator[Fact]:
    count = 1000 if quick else 20_000
    fragments = list(_cut(workloads.arguments(count * 4), 4))
    script = workloads.tool_stream("arguments in 4-character deltas", fragments)
    mine, its = pair(partial(_scan, fragments), partial(_read, script.frames), rounds)
    each = 1e9 / len(fragments)
    note = f"{mine.median * each:.0f} ns a delta, the stream itself {its.median * each:.0f} ns"
    yield Fact("PartialJSON on 4-character deltas", mine.ratio, "× stream", note)

    text = json.dumps({"content": "word " * ((40 if quick else 4000) * KIB // 5)})
    pieces = list(_cut(text, 65536))
    mine, _ = pair(partial(_scan, pieces), partial(json.loads, text), rounds)
    name = f"PartialJSON, one string of {_bytes(len(text))} in 64 KiB pieces"
    yield Fact(name, mine.ratio, "× json.loads")

    for size in (10_000, 100_000) if quick else (100_000, 10_000_000):
        deltas = list(_cut(workloads.arguments(size), 4))
        taken = median(once(partial(_scan, deltas)) for _ in range(1 if quick else min(3, rounds)))
        yield Fact(f"PartialJSON, {_bytes(size)} of arguments, per delta", taken / len(deltas) * 1e9, "ns")

    text = workloads.arguments(2000 if quick else 16384)
    deltas = list(_cut(text, 4))
    for name, parser in _parsers():
        mine, its = pair(partial(_again, parser, deltas), partial(_scan, deltas), 1)
        each = 1e6 / len(deltas)
        note = f"{mine.median * each:.1f} µs a delta, ours {its.median * each:.2f} µs"
        yield Fact(f"re-parsing {_bytes(len(text))} at each delta, {name}", mine.ratio, "× ours", note)


def _cut(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def _scan(deltas: list[str]) -> Any:
    reader = sseparse.PartialJSON()
    for delta in deltas:
        for _event in reader.feed(delta):
            pass
    reader.close()
    return reader.value


def _parsers() -> Iterator[tuple[str, Callable[[str], Any]]]:
    """Yield the parsers of unfinished JSON that are installed."""
    with suppress(ImportError):
        from_json = import_module("jiter").from_json
        yield "jiter", lambda text: from_json(text.encode(), partial_mode="trailing-strings")
    with suppress(ImportError):
        yield "langchain-core", import_module("langchain_core.utils.json").parse_partial_json


def _again(parse: Callable[[str], Any], deltas: list[str]) -> None:
    """Parse the whole text so far at each delta, as a program without PartialJSON does."""
    text = ""
    for delta in deltas:
        text += delta
        parse(text)
