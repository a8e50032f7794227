# SPDX-License-Identifier: MIT
"""Read random streams of ``grammar.py`` in many ways; nothing but the standard library is needed.

    python -m tests.fuzz.fuzz_grammar --seconds 3600              # all of oracle.py
    python -m tests.fuzz.fuzz_grammar --streams 1000000 --paths   # the two paths only, in three cuts
    python -m tests.fuzz.fuzz_grammar --seed 4711 --streams 1     # one of them again

What goes wrong is printed with the smallest body that does it, and with its seed.
"""

from __future__ import annotations

import argparse
import random
import re
import time

from tests import sseparse
from tests.fuzz import oracle
from tests.fuzz.grammar import stream

LIMITS = (
    {"max_event_bytes": 300},
    {"max_total_bytes": 900},
    {"max_errors": 1},
    {"max_choices": 2, "max_tool_calls": 1, "max_errors": 3},
)


def both_paths(body, options, randomness):
    """Only that the fast path says what the full one says, in three cuts."""
    whole = read([body], options, False)
    ends = [found.end() for found in oracle.BLANK.finditer(body)]
    places = [sorted(randomness.randrange(len(body) + 1) for _ in range(5)), ends, []]
    for at in places:
        pieces = [body[here:there] for here, there in zip([0, *at], [*at, len(body)])]
        found = read(pieces, options, True)
        assert found == whole, f"cut at {at}:\n{found}\n{whole}"


def read(pieces, options, fast_path):
    reader = sseparse.ChatStream(fast_path=fast_path, **options)
    events = [event for piece in pieces for event in reader.feed(piece)]
    events += reader.close()
    return repr(events), repr(reader.snapshot())


def problem(examine, body, options, seed):
    """Return what goes wrong with this body, None if nothing does."""
    try:
        examine(body, options, random.Random(seed))
    except Exception as error:  # whatever it is
        return f"{type(error).__name__}: {error}"
    return None


def smallest(examine, body, options, seed):
    """Leave out lines, then bytes, as long as something goes wrong."""
    for parts in (re.split(rb"(?<=\n)", body), None):
        parts = [body[at : at + 1] for at in range(len(body))] if parts is None else parts
        if len(parts) > 3000:
            break
        size = max(1, len(parts) // 2)
        while size:
            at = 0
            while at < len(parts):
                fewer = parts[:at] + parts[at + size :]
                # Cuts depend on the dice, and the dice on the length: a few throws each.
                if any(problem(examine, b"".join(fewer), options, throw) for throw in (seed, 1, 2)):
                    parts = fewer
                else:
                    at += size
            size //= 2
        body = b"".join(parts)
    return body


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--streams", type=int, default=10**12)
    parser.add_argument("--seed", type=int, default=0, help="of the first stream; the next has the next")
    parser.add_argument("--paths", action="store_true", help="compare the two paths only")
    parser.add_argument("--most", type=int, default=20, help="how many findings are enough")
    options = parser.parse_args()
    examine = both_paths if options.paths else oracle.examine
    start, found, size, seed = time.monotonic(), 0, 0, options.seed
    for seed in range(options.seed, options.seed + options.streams):
        dice = random.Random(seed)
        body = stream(dice)
        size += len(body)
        limits = dice.choice(LIMITS) if dice.random() < 0.1 else {}
        if problem(examine, body, limits, seed):
            found += 1
            body = smallest(examine, body, limits, seed)
            told = next(filter(None, (problem(examine, body, limits, throw) for throw in (seed, 1, 2))), "")
            print(f"seed {seed}, {limits}\n  {body!r}\n  {told[:3000]}", flush=True)
        if found >= options.most or time.monotonic() - start > options.seconds:
            break
    taken = time.monotonic() - start
    print(f"{seed - options.seed + 1} streams, {size} bytes, {taken:.0f} s, {found} findings")
    return found > 0


if __name__ == "__main__":
    raise SystemExit(main())
