# SPDX-License-Identifier: MIT
"""How time is measured: CPU seconds of this process, all readers in turn.

``time.process_time`` does not count other processes, but a busy machine still changes it (caches, clock
rate). So no reader is measured alone. A round runs each reader once, and a ratio is the median over all
rounds of this reader's time divided by the floor's time in the same round.
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

# A call is repeated until a sample takes this long. A stream of twelve frames takes 30 µs, and the clock has
# steps of about 1 µs.
SAMPLE_SECONDS = 0.01


class TooSlow(Exception):
    """A reading took too long and was stopped."""


class Fact:
    """One measured number. ``note`` explains it."""

    def __init__(self, name: str, value: float | None, unit: str, note: str = "") -> None:
        self.name = name
        self.value = value
        self.unit = unit
        self.note = note


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return the result of ``call``. Raise ``TooSlow`` if it takes longer than ``seconds``.

    Some readers take quadratic time, and would need days for a stream that others read in a second. The timer
    counts wall time: while a timer of CPU time runs, ``process_time`` has steps of 4 ms on Linux. Windows has
    no such timer, so nothing is stopped there.
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
    """Keep the garbage collector from visiting what exists now: imported packages, prepared streams.

    A visit to a list of a million pieces takes milliseconds, and visits happen while time is measured. (PyPy
    has no such function.)
    """
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()


def once(call: Callable[[], Any], loops: int = 1) -> float:
    """Return the CPU seconds of a call, the mean of ``loops`` calls. Garbage is collected before."""
    gc.collect()
    start = process_time()
    for _ in range(loops):
        call()
    return (process_time() - start) / loops


def loops_for(seconds: float) -> int:
    """Return how often a call that takes ``seconds`` is repeated for one sample."""
    return max(1, round(SAMPLE_SECONDS / max(seconds, 1e-7)))


class Timing:
    """The samples of one reader: CPU seconds for the whole stream."""

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
    """Measure all calls in turn: A B C, A B C, … The ratios are to the first one, the floor.

    ``first`` has the approximate time of each. A call that has used up its ``budget`` of seconds is left out
    of the remaining rounds. Each call is measured at least once.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    floor = next(iter(calls))
    for number in range(rounds):
        for name, call in calls.items():
            loops = loops_for(first[name])
            if number == 0 or (number + 1) * first[name] * loops <= budget:
                samples[name].append(once(call, loops))
    # A call is left out only of the last rounds, so sample k is always of round k.
    return {name: Timing(taken, samples[floor]) for name, taken in samples.items()}


def pair(call: Callable[[], Any], reference: Callable[[], Any], rounds: int) -> tuple[Timing, Timing]:
    """Measure a call and its reference in turn. The ratios of both are to the reference."""
    set_apart()
    calls = {"reference": reference, "call": call}
    first = {name: once(run) for name, run in calls.items()}
    timings = interleaved(calls, rounds, first, budget=5.0)
    return timings["call"], timings["reference"]
