# SPDX-License-Identifier: MIT
"""Whole answers, each read once by a new stream, one frame per feed.

``Mixes`` measures fifteen usual answers and compares the loops of ``loops.py``. ``Cold`` compares each
recording with its floor. ``fixed_cost`` measures what a stream costs besides its frames.
"""

from __future__ import annotations

from functools import partial
from statistics import median

from . import loops, workloads
from .contestants import floor, hits, ours
from .measure import Fact, interleaved, once, pair, set_apart
from .workloads import Workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class Mixes:
    """Microseconds for a whole answer, for each reader."""

    def __init__(self, rounds: int, only: str, progress: Callable[[str], None]) -> None:
        self.rows: list[dict[str, Any]] = []
        for workload in workloads.mixes():
            if only not in workload.name:
                continue
            progress(f"mixes: {workload.name}")
            frames = workload.frames
            calls: dict[str, Any] = {"floor": partial(floor, workload, frames)}
            calls["ours"] = partial(ours, workload, frames)
            calls.update((name, partial(run, frames)) for name, run in loops.complete().items())
            set_apart()
            first = {name: min(once(call) for _ in range(3)) for name, call in calls.items()}
            taken = interleaved(calls, rounds, first, budget=2.0)
            by = {name: timing.median * 1e6 for name, timing in taken.items()}
            self.rows.append({"stream": workload.name, "frames": len(workload.payloads), "us": by})

    def facts(self) -> Iterator[Fact]:
        for name in ("json loop", "orjson loop", "msgspec loop"):
            won = [row["us"]["ours"] < row["us"][name] for row in self.rows if name in row["us"]]
            note = f"of {len(won)}" if won or not self.rows else "absent: not installed"
            yield Fact(f"whole answers read faster than by the {name}", sum(won) if won else None, "", note)


class Cold:
    """Each recording, as a multiple of its floor."""

    def __init__(self, streams: list[Workload], rounds: int, progress: Callable[[str], None]) -> None:
        self.rows: list[dict[str, Any]] = []
        totals = [0.0, 0.0]
        for workload in streams:
            if not workload.payloads:  # an empty body, or an error as plain JSON, has no floor
                continue
            progress(f"cold: {workload.name}")
            mine, its = pair(partial(ours, workload, workload.frames), partial(floor, workload, []), rounds)
            totals[0] += mine.median
            totals[1] += its.median
            found = hits(workload.frames)
            self.rows.append(
                {
                    "stream": workload.name,
                    "frames": len(workload.payloads),
                    "floor_us": its.median / len(workload.payloads) * 1e6,
                    "ratio": mine.ratio,
                    "hit_rate": None if found is None else found / len(workload.payloads),
                }
            )
        self.total = totals[0] / totals[1] if totals[1] else None

    def facts(self) -> Iterator[Fact]:
        count = len(self.rows)
        frames = sum(row["frames"] for row in self.rows)
        ratios = sorted(row["ratio"] for row in self.rows if row["ratio"])
        yield Fact("recordings cold, in all", self.total, "× floor", f"{count} streams, {frames} frames")
        yield Fact("recordings cold, median stream", median(ratios) if ratios else None, "× floor")
        note = "nine of ten streams take at most this"
        yield Fact("recordings cold, p90", ratios[len(ratios) * 9 // 10] if ratios else None, "× floor", note)
        rates = [(row["hit_rate"], row["frames"]) for row in self.rows if row["hit_rate"] is not None]
        if rates:
            hit = sum(rate * frames for rate, frames in rates) / frames
            yield Fact("recordings, frames on the fast path", hit * 100, "%")


def fixed_cost(quick: bool, rounds: int) -> Iterator[Fact]:
    """Measure a stream of one word with its constructor, close() and completion(), minus its floor."""
    workload = workloads.plain(1)
    mine, its = pair(partial(ours, workload, workload.frames), partial(floor, workload, []), rounds * 3)
    note = f"{len(workload.payloads)} frames, of which json.loads takes {its.median * 1e6:.1f} µs"
    yield Fact("a stream of one word, minus its floor", (mine.median - its.median) * 1e6, "µs", note)
