# SPDX-License-Identifier: MIT
"""Arguments, progress, tables. See ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from . import chart, cold, contestants, gateway, record, rows, scale, workloads
from .measure import Fact, TooSlow, interleaved, once, set_apart, within
from .workloads import FEEDS, GENERATORS, Workload

SECTIONS = ("streams", "mixes", "recordings", "layers", "scale", "json", "gateway")

# All readers are measured with these feeds. With other feeds only SOME of the readers are.
ALL_TAKE_PART = ("frame", "64k", "recorded")
SOME = ("floor", "json loop", "ours", "full")
MOST_PIECES = 1_000_000  # a stream of more pieces is left out: it would take minutes and show nothing new


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the CPU time from bytes to events to the final object, as a multiple of the "
        "floor: bytes.decode and json.loads of each frame, and nothing else.",
        epilog="python -m benchmarks record URL FILE records a stream of a server; see its --help.",
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="recorded streams to read instead of the generated ones",
    )
    parser.add_argument(
        "--against",
        metavar="CHECKOUT",
        type=Path,
        help="compare with the sseparse of another checkout, in turn; each FILE then selects the rows with "
        "this text in their name",
    )
    parser.add_argument("--quick", action="store_true", help="small streams and few rounds, as a test")
    parser.add_argument(
        "--rounds", type=int, help="measurements of each at most (7; 2 with --quick; 15 with --against)"
    )
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="run only this section (may be repeated)"
    )
    parser.add_argument("-k", metavar="TEXT", default="", help="read only streams with TEXT in their name")
    parser.add_argument(
        "--feed",
        action="append",
        choices=FEEDS,
        help="feed only pieces of this size (may be repeated): one frame, 1460 bytes, 64 KiB, 64 bytes, "
        "1 byte, or as recorded",
    )
    parser.add_argument("--no-peers", action="store_true", help="do not measure other packages")
    parser.add_argument("-v", "--verbose", action="store_true", help="show a row for each recording")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--svg", metavar="FILE", type=Path, help="write the chart of the README to this file")
    options = parser.parse_args(argv)
    if options.rounds is None:
        options.rounds = 2 if options.quick else 15 if options.against else 7
    if options.against:
        if not (options.against / "sseparse" / "__init__.py").is_file():
            parser.error(f"there is no sseparse in {options.against}")
    else:
        for path in options.files:
            if not path.is_file():
                parser.error(f"there is no file {path}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def progress(text: str) -> None:
    """Show a line on standard error, in place of the line before, if that is a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text[:100]}")
        sys.stderr.flush()


# ---- streams: each reader on each stream --------------------------------------------------------------


def streams(options: argparse.Namespace) -> list[Workload]:
    if options.files:
        found = [workloads.load(path) for path in options.files]
    else:
        found = [make(quick if options.quick else full) for make, full, quick in GENERATORS.values()]
    return [workload for workload in found if options.k in workload.name and workload.payloads]


def _row(
    options: argparse.Namespace, field: contestants.Field, workload: Workload, feed: str
) -> dict[str, Any]:
    """Measure all readers on one stream in pieces of one size. Return one row of a table."""
    pieces = workload.cut(feed)
    set_apart()
    limit, budget = (2.0, 0.2) if options.quick else (60.0, 2.0)
    results: dict[str, dict[str, Any]] = {}
    calls: dict[str, Any] = {}
    first: dict[str, float] = {}
    for name, run in field.runs.items():
        if name == "limit" and feed not in contestants.LIMITS.get(workload.name, ()):
            continue
        if feed in ALL_TAKE_PART or name in SOME:
            progress(f"{feed}: {workload.name}: {name}")
            call = partial(run, workload, pieces)
            taken, results[name] = _try_out(call, workload, limit, budget / 4)
            if taken is not None:
                calls[name], first[name] = call, taken
    progress(f"{feed}: {workload.name}")
    frames = len(workload.payloads)
    for name, timing in interleaved(calls, options.rounds, first, budget).items():
        results[name].update(
            us_per_frame=timing.median / frames * 1e6,
            best_us_per_frame=timing.best / frames * 1e6,
            ratio=timing.ratio,
            best_ratio=timing.best_ratio,
            rounds=timing.rounds,
        )
    hits = contestants.hits(pieces)
    return {
        "feed": feed,
        "stream": workload.name,
        "frames": frames,
        "bytes": sum(map(len, pieces)),
        "hit_rate": None if hits is None else hits / frames,
        "by": results,
    }


def _try_out(
    call: Callable[[], str | None], workload: Workload, limit: float, soon: float
) -> tuple[float | None, dict[str, Any]]:
    """Read the stream once: check the text, and return the time of about one reading.

    The first reading includes what is done only once (imports, caches). So if it was short, it is repeated.
    """
    found: list[str | None] = []
    result = {"text": None, "failed": None}
    try:
        taken = within(limit, lambda: once(lambda: found.append(call())))
        if taken < soon:
            taken = once(call)
    except TooSlow:
        return None, {**result, "failed": "too slow"}
    except Exception as error:  # other packages may raise anything for an unusual stream
        return None, {**result, "failed": type(error).__name__}
    if found[0] is None or workload.content is None:
        return taken, result
    return taken, {**result, "text": "same" if found[0] == workload.content.get(0, "") else "other"}


# ---- facts: all other numbers ----------------------------------------------------------------------------


def facts(options: argparse.Namespace, section: str) -> Iterator[Fact]:
    quick, rounds = options.quick, options.rounds
    groups: dict[str, list[Any]] = {
        "layers": [lambda: rows.layers(quick, rounds), lambda: cold.fixed_cost(quick, rounds)],
        "scale": [
            lambda: scale.long_streams(quick, rounds),
            lambda: scale.large_events(quick, rounds),
            lambda: scale.memory(quick),
            lambda: scale.open_streams(quick, rounds),
            lambda: scale.import_time(quick),
        ],
        "json": [lambda: scale.partial_json(quick, rounds)],
        "gateway": [lambda: gateway.watching(quick, progress)],
    }
    for group in groups[section]:
        progress(section)
        for fact in group():
            yield fact
            progress(f"{section}: {fact.name}")


# ---- tables ------------------------------------------------------------------------------------------------


def _cell(result: dict[str, Any] | None, key: str = "ratio") -> str:
    if result is None:
        return ""
    if result["failed"]:
        return ">" if result["failed"] == "too slow" else "fails"
    value = result[key]
    if value is None:
        return "-"
    shown = f"{value:.2f}" if value < 9.995 else f"{value:.0f}"
    return shown + ("*" if result["text"] == "other" else "")


def _hits(row: dict[str, Any]) -> str:
    return "-" if row["hit_rate"] is None else f"{row['hit_rate']:.1%}"


def _over_orjson(row: dict[str, Any]) -> str:
    """Return the time of sseparse divided by that of orjson.loads alone."""
    ours, its = row["by"]["ours"], row["by"]["orjson"]
    failed = ours["failed"] or its["failed"]
    return "-" if failed else f"{ours['us_per_frame'] / its['us_per_frame']:.2f}"


def _table(rows: list[dict[str, Any]], columns: dict[str, Any], title: str) -> str:
    width = 40
    lines = [f"{title:<{width}}" + "".join(f"{name:>13}" for name in columns)]
    for row in rows:
        lines.append(
            f"{row['stream'][: width - 1]:<{width}}" + "".join(f"{get(row):>13}" for get in columns.values())
        )
    return "\n".join(lines)


def _tables(rows: list[dict[str, Any]], field: contestants.Field, feed: str) -> Iterator[str]:
    """Yield the table of sseparse, the loops and the floors, and then the table of the other packages."""

    def of(name: str, key: str = "ratio") -> Any:
        return lambda row: _cell(row["by"].get(name), key)

    size = FEEDS[feed]
    title = size if isinstance(size, str) else f"feeds of {size} byte{'s'[: size > 1]}"
    seen = {name for row in rows for name in row["by"]}
    columns: dict[str, Any] = {
        "frames": lambda row: str(row["frames"]),
        "floor µs": lambda row: f"{row['by']['floor']['us_per_frame']:.2f}",
        "its best": lambda row: f"{row['by']['floor']['best_us_per_frame']:.2f}",
        "ours": of("ours"),
        "best": of("ours", "best_ratio"),
        "hits": _hits,
        "no fast": of("full"),
    }
    if "orjson" in seen:
        columns["/ orjson"] = _over_orjson
    others = [name for name in field.own if name in seen and name not in ("floor", "ours", "full")]
    columns.update((name, of(name)) for name in others)
    yield _table(rows, columns, title)
    peers = {name: of(name) for name in field.peers if name in seen}
    if peers:
        yield _table(rows, peers, "  the same, peers")


def _say(fact: Fact) -> str:
    value = "-" if fact.value is None else f"{fact.value:.4g}"
    return f"{fact.name:<56}{value:>9} {fact.unit:<12} {fact.note}".rstrip()


LEGEND = """\
Most numbers are a CPU time divided by that of the floor: decode and json.loads of each payload, which was
cut out beforehand. They are medians of at most {rounds} rounds in turn, with the garbage collector on. floor
µs: the time of the floor for one frame. its best: the shortest one. ours: sseparse. best: the shortest time
of sseparse divided by that of the floor. hits: the share of frames on the fast path. no fast: sseparse
without the fast path. / orjson: sseparse over orjson.loads of each payload. kept: sseparse, and all events
are kept. limit: a loop for one stream only, which knows its frames beforehand and does only what the results
of sseparse need. json, orjson, msgspec loop: loops to the whole answer, by hand. orjson, msgspec: only decode
each payload. *: the reader returned another text. >: too slow, stopped. fails: it raised an exception."""


def _streams(
    options: argparse.Namespace, field: contestants.Field, say: Callable[..., None]
) -> Iterator[Any]:
    """Yield all rows. Print the table of each size of feeds as soon as it is complete."""
    found = streams(options)
    say(LEGEND.format(rounds=options.rounds))
    for feed in options.feed or FEEDS:
        rows = [_row(options, field, it, feed) for it in found if 0 < it.pieces(feed) <= MOST_PIECES]
        progress("")
        if rows:
            say("", *_tables(rows, field, feed), sep="\n\n")
        yield from rows


def _recordings(options: argparse.Namespace, report: dict[str, Any], found: list[Fact]) -> str:
    paths = [path for path in options.files or workloads.recordings() if options.k in path.stem]
    read = cold.Cold([workloads.load(path) for path in paths], options.rounds, progress)
    report["recordings"] = read.rows
    progress("")
    found += read.facts()
    columns: dict[str, Any] = {
        "frames": lambda row: str(row["frames"]),
        "floor µs": lambda row: f"{row['floor_us']:.2f}",
        "ours": lambda row: f"{row['ratio']:.2f}",
        "hits": _hits,
    }
    table = [_table(read.rows, columns, "recordings, cold"), ""] if options.verbose else []
    return "\n".join(["", *table, *map(_say, read.facts())])


def _mixes(options: argparse.Namespace, report: dict[str, Any], found: list[Fact]) -> str:
    read = cold.Mixes(options.rounds, options.k, progress)
    report["mixes"] = read.rows
    progress("")
    found += read.facts()
    names = dict.fromkeys(name for row in read.rows for name in row["us"])
    columns: dict[str, Any] = {"frames": lambda row: str(row["frames"])}
    columns.update((name, lambda row, name=name: f"{row['us'][name]:.0f}") for name in names)
    columns["/ floor"] = lambda row: f"{row['us']['ours'] / row['us']['floor']:.2f}"
    return "\n".join(
        ["", _table(read.rows, columns, "whole answers, cold, in µs"), "", *map(_say, read.facts())]
    )


def _against(options: argparse.Namespace) -> int:
    """Compare with another checkout, row by row."""
    wanted = [str(text) for text in options.files] + [options.k] * bool(options.k)
    print(f"{'new over old, CPU time':<52}{'median':>8}{'quartiles':>16}", flush=True)
    worse = 0
    for row in rows.against(options.against, wanted, options.quick, options.rounds, progress):
        progress("")
        mark = "  worse" if row["low"] > 1.03 else ""
        worse += bool(mark)
        print(f"{row['row']:<52}{row['ratio']:>8.3f}{row['low']:>9.3f} {row['high']:.3f}{mark}", flush=True)
    print(f"{worse} rows are worse: by more than 3 % in three quarters of the pairs")
    return 0


def main(argv: list[str]) -> int:
    if argv[:1] == ["record"]:
        return record.main(argv[1:])
    options = _arguments(argv)
    if options.against:
        return _against(options)
    field = contestants.Field(peers=not options.no_peers)
    sections = options.only or (("streams", "recordings") if options.files else SECTIONS)
    report: dict[str, Any] = {
        "versions": field.versions,
        "absent": field.absent,
        "machine": _machine(),
        "quick": options.quick,
        "rounds": options.rounds,
    }
    say: Callable[..., None] = (lambda *_, **__: None) if options.json else partial(print, flush=True)
    say(", ".join(f"{name} {version}" for name, version in field.versions.items()))
    say(report["machine"])
    if field.absent:
        say(f"absent, not measured: {', '.join(field.absent)}")
    found: list[Fact] = []
    if "streams" in sections:
        report["streams"] = list(_streams(options, field, say))
    if "mixes" in sections:
        say(_mixes(options, report, found))
    if "recordings" in sections:
        say(_recordings(options, report, found))
    for section in ("layers", "scale", "json", "gateway"):
        if section in sections:
            for fact in facts(options, section):
                found.append(fact)
                progress("")
                say(_say(fact))
    progress("")
    report["facts"] = [vars(fact) for fact in found]
    if options.json:
        print(json.dumps(report, indent=1))
    if options.svg:
        options.svg.write_text(chart.draw(report), "utf-8")
    return 0


def _machine() -> str:
    """Return the machine and its load, because on a busy machine CPU times are longer."""
    name = f"{platform.python_implementation()} on {platform.system()} {platform.machine()}"
    if not hasattr(os, "getloadavg"):
        return name
    return f"{name}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
