# SPDX-License-Identifier: MIT
"""The parts of sseparse, and sseparse against another checkout of it, row by row.

``layers`` measures what the tables of streams do not: heartbeats, ``frames()``, decoded chunks, and writing.
``against`` measures sseparse and another checkout of it in one process, in turn. The ratio of two such times
is much steadier than a time, so a row that is 3 % worse can be seen on a busy machine.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import partial
from pathlib import Path
from statistics import quantiles

import sseparse

from . import workloads
from .contestants import ANY_ERROR, floor, ours
from .measure import Fact, interleaved, once, pair, set_apart
from .workloads import GENERATORS, Workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

    Call = Callable[[], Any]

PINGS = 500
PAIRED_FEEDS = ("frame", "tcp", "64k")


# ---- the calls: ``library`` is the package to measure ------------------------------------------------------


def ping(library: Any) -> None:
    """Feed comments, each alone, in the middle of an answer."""
    stream = library.ChatStream()
    for frame in _BEGINNING:
        stream.feed(frame)
    for _ in range(PINGS):
        stream.feed(b": ping\n\n")


_BEGINNING = workloads.plain(20).frames[:21]


def cut(library: Any, pieces: list[bytes]) -> None:
    """Read with ``frames()``, as a proxy does that passes on most frames unchanged."""
    stream = library.ChatStream()
    for piece in pieces:
        for _raw, events in stream.frames(piece):
            for _event in events:
                pass
    stream.close()
    stream.completion(ignore=ANY_ERROR)


def assemble(library: Any, chunks: list[Any]) -> None:
    """Read chunks that are decoded already."""
    assembler = library.ChatAssembler()
    for chunk in chunks:
        for _event in assembler.add(chunk):
            pass
    assembler.close(True)
    assembler.completion(ignore=ANY_ERROR)


def write(library: Any, events: list[list[Any]]) -> None:
    """Write events as bytes. Each item of ``events`` came from one feed."""
    encoder = library.ChatEncoder()
    for some in events:
        encoder.feed(some)
    encoder.close()


def pass_on(library: Any, pieces: list[bytes]) -> None:
    """Read bytes and write the events as bytes, like a gateway without a filter."""
    stream, encoder = library.ChatStream(), library.ChatEncoder()
    for piece in pieces:
        encoder.feed(stream.feed(piece))
    encoder.feed(stream.close())
    encoder.close()


def rows(library: Any, streams: list[Workload], cold: list[Workload]) -> Iterator[tuple[str, Call]]:
    """Yield all rows of a checkout: a name and a call."""
    for workload in streams:
        for feed in PAIRED_FEEDS:
            pieces = workload.cut(feed)
            yield f"{workload.name}, {feed}", partial(ours, workload, pieces, library=library)
            if hasattr(library.ChatStream, "frames"):
                yield f"frames(): {workload.name}, {feed}", partial(cut, library, pieces)
    for workload in cold:
        yield f"cold: {workload.name}", partial(ours, workload, workload.frames, library=library)
    recorded = [workloads.load(path) for path in workloads.recordings()]

    def all_recordings() -> None:
        for workload in recorded:
            ours(workload, workload.frames, library=library)

    yield "cold: all recordings", all_recordings
    one_word = workloads.plain(1)
    yield "cold: one word", partial(ours, one_word, one_word.frames, library=library)
    yield "ping in a feed of its own", partial(ping, library)
    for workload in streams:
        yield (
            f"{workload.name}, without the fast path",
            partial(ours, workload, workload.frames, False, library),
        )
        chunks = [json.loads(payload) for payload in workload.payloads]
        yield f"{workload.name}, decoded chunks", partial(assemble, library, chunks)
        if hasattr(library, "ChatEncoder"):
            yield f"{workload.name}, to bytes", partial(write, library, events(library, workload.frames))
            yield f"{workload.name}, passed on", partial(pass_on, library, workload.frames)


def events(library: Any, pieces: list[bytes]) -> list[list[Any]]:
    stream = library.ChatStream()
    return [*map(stream.feed, pieces), stream.close()]


# ---- layers ------------------------------------------------------------------------------------------------


def layers(quick: bool, rounds: int) -> Iterator[Fact]:
    count = 200 if quick else 2000
    taken = min(once(partial(ping, sseparse), 5) for _ in range(rounds)) / PINGS
    yield Fact("a ping comment in a feed of its own", taken * 1e6, "µs", f"best of {rounds}")
    for make in (workloads.plain, workloads.obfuscated, workloads.azure):
        workload = make(count)
        for feed in PAIRED_FEEDS:
            pieces = workload.cut(feed)
            mine, _ = pair(partial(cut, sseparse, pieces), partial(ours, workload, pieces), rounds)
            yield Fact(f"frames(), {workload.name}, {feed}", mine.ratio, "× feed()")
    for make in (workloads.plain, workloads.azure, workloads.usage_every_frame, workloads.tool_arguments):
        workload = make(count)
        chunks = [json.loads(payload) for payload in workload.payloads]
        full, loads = pair(
            partial(ours, workload, workload.frames, False), partial(floor, workload, []), rounds
        )
        mine, _ = pair(partial(assemble, sseparse, chunks), partial(floor, workload, []), rounds)
        rest = full.median - loads.median
        name = f"ChatAssembler on decoded chunks, {workload.name}"
        note = f"{mine.median / len(chunks) * 1e6:.2f} µs a chunk"
        yield Fact(name, mine.median / rest, "× full path less json.loads", note)
    for make in (workloads.plain, workloads.tool_arguments, workloads.azure):
        workload = make(count)
        chunks = [json.loads(payload) for payload in workload.payloads]
        called = partial(write, sseparse, events(sseparse, workload.frames))
        mine, _ = pair(called, partial(_dump, chunks), rounds)
        yield Fact(f"events to bytes, {workload.name}", mine.ratio, "× json.dumps of the chunks")
        mine, _ = pair(partial(pass_on, sseparse, workload.frames), partial(_both, workload), rounds)
        yield Fact(f"bytes to events to bytes, {workload.name}", mine.ratio, "× loads and dumps")


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _dump(chunks: list[Any]) -> None:
    for chunk in chunks:
        _compact(chunk).encode()


def _both(workload: Workload) -> None:
    for payload in workload.payloads:
        _compact(json.loads(payload.decode())).encode()


# ---- against another checkout ------------------------------------------------------------------------------


def another(checkout: Path) -> ModuleType:
    """Import the package of another checkout under another name."""
    init = checkout / "sseparse" / "__init__.py"
    spec = importlib.util.spec_from_file_location("other_sseparse", init)
    assert spec is not None and spec.loader is not None  # as for any name that ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules["other_sseparse"] = module
    spec.loader.exec_module(module)
    return module


def against(
    checkout: Path, wanted: list[str], quick: bool, rounds: int, progress: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Yield the median and the quartiles of new over old for each row with one of the texts in its name."""
    old = another(checkout)
    streams = [make(small if quick else full) for make, full, small in GENERATORS.values()]
    # The row "plain content" shows the same with fewer frames than these 100 000.
    streams = [it for it in streams if it.name != "one-character deltas"]
    there = dict(rows(old, streams, workloads.mixes()))
    for name, call in rows(sseparse, streams, workloads.mixes()):
        if name not in there or not (not wanted or any(text in name for text in wanted)):
            continue
        progress(name)
        set_apart()
        calls = {"old": there[name], "new": call}
        first = {who: min(once(run) for _ in range(2)) for who, run in calls.items()}
        timings = interleaved(calls, rounds, first, budget=30.0)
        low, middle, high = quantiles(timings["new"].pairs, n=4) if rounds > 1 else timings["new"].pairs * 3
        yield {"row": name, "ratio": middle, "low": low, "high": high}
