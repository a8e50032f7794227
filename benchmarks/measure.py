# SPDX-License-Identifier: MIT
"""Taking the time: CPU seconds of this process, contestants in turn, so that a slow minute hits all.

``time.process_time`` does not count what other processes do, but a busy machine still shows in it
(caches, clock rate). So nobody is measured alone: a round runs everyone once, and a ratio is the median over
the rounds of (this one / the floor of the same round).
"""

from __future__ import annotations

import gc
import signal
from statistics import median
from time import process_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

# A sample lasts at least this long, by repetition: a stream of twelve frames takes 30 µs, the clock's
# own steps and cost are near 1 µs.
SAMPLE_SECONDS = 0.01


class TooSlow(Exception):
    """Stopped, because it took longer than one reading may."""


class Fact:
    """One measured number that stands for itself; ``note`` says how to read it."""

    def __init__(self, name: str, value: float | None, unit: str, note: str = "") -> None:
        self.name = name
        self.value = value
        self.unit = unit
        self.note = note


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Call, but raise ``TooSlow`` after so many seconds (not on Windows, which has no such timer).

    Some readers are quadratic, and would take days for a stream that others read in a second. The timer is
    the one of the wall clock: while the one of CPU time runs, Linux moves ``process_time`` in steps of 4 ms.
    """
    if not hasattr(signal, "setitimer"):
        return call()

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def set_apart() -> None:
    """Take what exists now out of the collector's rounds: imported packages, prepared streams.

    A list of a million pieces costs milliseconds each time the collector walks it, and it walks while the
    clock runs. (Not on PyPy, whose collector knows no such thing.)
    """
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()


def once(call: Callable[[], Any], loops: int = 1) -> float:
    """CPU seconds of one call, the mean of ``loops``; the collector is on, but starts with a clean slate."""
    gc.collect()
    start = process_time()
    for _ in range(loops):
        call()
    return (process_time() - start) / loops


def loops_for(seconds: float) -> int:
    """How often a call that takes so long is repeated to fill a sample."""
    return max(1, round(SAMPLE_SECONDS / max(seconds, 1e-7)))


class Timing:
    """Samples of one contestant, in seconds of CPU for one reading of the whole stream."""

    def __init__(self, samples: list[float], floors: list[float]) -> None:
        self.median = median(samples)
        self.best = min(samples)
        self.pairs = [mine / its for mine, its in zip(samples, floors) if its]
        self.ratio = median(self.pairs) if self.pairs else None
        self.best_ratio = min(samples) / min(floors) if floors and min(floors) else None
        self.rounds = len(samples)


def interleaved(
    calls: dict[str, Callable[[], Any]], rounds: int, first: dict[str, float], budget: float
) -> dict[str, Timing]:
    """Time all of them in turn: A B C, A B C, … The first one is the floor that the others are divided by.

    ``first`` says roughly what each takes. Who has used up its ``budget`` of seconds sits out
    the remaining rounds, but takes part at least once.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    floor = next(iter(calls))
    for number in range(rounds):
        for name, call in calls.items():
            loops = loops_for(first[name])
            if number == 0 or (number + 1) * first[name] * loops <= budget:
                samples[name].append(once(call, loops))
    # Whoever sat out sat out the last rounds: sample k is always of round k.
    return {name: Timing(taken, samples[floor]) for name, taken in samples.items()}


def pair(call: Callable[[], Any], reference: Callable[[], Any], rounds: int) -> tuple[Timing, Timing]:
    """Time a call and what it is compared with, in turn."""
    set_apart()
    calls = {"reference": reference, "call": call}
    first = {name: once(run) for name, run in calls.items()}
    timings = interleaved(calls, rounds, first, budget=5.0)
    return timings["call"], timings["reference"]
