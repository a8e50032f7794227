# SPDX-License-Identifier: MIT
"""The benchmarks measure what they say: the streams contain what is claimed, and the command works."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks import chart, contestants, gateway, loops, record, rows, workloads
from benchmarks.measure import TooSlow, interleaved, within
from benchmarks.workloads import FEEDS, GENERATORS, RECORDINGS, Workload

from . import sseparse

ROOT = Path(__file__).resolve().parent.parent

# The fields that are an Extra, in the streams of the generators.
CHUNK_EXTRA = (
    "system_fingerprint",
    "service_tier",
    "provider",
    "prompt_filter_results",
    "citations",
    "search_results",
    "timings",
)
CHOICE_EXTRA = ("native_finish_reason", "content_filter_results")


def small() -> dict[str, Workload]:
    return {name: generator(quick) for name, (generator, _, quick) in GENERATORS.items()}


def loop(payloads: list[bytes]) -> tuple[Counter[str], dict[str, dict[Any, str]]]:
    """Return the events and the texts of these chunks, found with json.loads and a simple loop."""
    events: Counter[str] = Counter(done=1)
    texts: dict[str, dict[Any, str]] = {
        kind: defaultdict(str) for kind in ("content", "reasoning", "arguments")
    }
    kept: dict[Any, Any] = {}
    choices = set()

    def extra(place: Any, holder: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in names:
            value = holder.get(name)
            if isinstance(value, (dict, list)) or (value is not None and kept.get((place, name)) != value):
                kept[place, name] = value
                events["extra"] += 1

    for payload in payloads:
        chunk = json.loads(payload)
        extra(None, chunk, CHUNK_EXTRA)
        for entry in chunk["choices"]:
            index, delta = entry["index"], entry["delta"]
            choices.add(index)
            extra(index, entry, CHOICE_EXTRA)
            extra((index, "delta"), delta, ("reasoning_details",))
            fields = (("content", "content"), ("reasoning_content", "reasoning"), ("reasoning", "reasoning"))
            for field, kind in fields:
                if delta.get(field):
                    texts[kind][index] += delta[field]
                    events[kind + ".delta"] += 1
            for call in delta.get("tool_calls", ()):
                events["tool_call.start"] += "name" in call["function"]
                if call["function"]["arguments"]:
                    texts["arguments"][index, call["index"]] += call["function"]["arguments"]
                    events["tool_call.delta"] += 1
            events["logprobs.delta"] += entry.get("logprobs") is not None
        if chunk.get("usage") and kept.get("usage") != chunk["usage"]:
            kept["usage"] = chunk["usage"]
            events["usage"] += 1
    events["start"] = 1
    events["choice.done"] = len(choices)
    events["content.done"] = len(texts["content"])
    events["reasoning.done"] = len(texts["reasoning"])
    events["tool_call.done"] = events["tool_call.start"]
    return +events, {kind: dict(found) for kind, found in texts.items()}


class Workloads(unittest.TestCase):
    def test_hold_what_they_say(self) -> None:
        for name, workload in small().items():
            with self.subTest(name):
                events, texts = loop(workload.payloads)
                self.assertEqual(events, workload.events)
                self.assertEqual(texts["content"], workload.content)
                self.assertEqual(texts["reasoning"], workload.reasoning)
                self.assertEqual(texts["arguments"], workload.arguments)
                self.assertEqual(workload.name, name)

    def test_have_as_many_deltas_as_asked_for(self) -> None:
        deltas = ("content.delta", "reasoning.delta", "tool_call.delta")
        for name, (generator, _, quick) in GENERATORS.items():
            if name in ("one giant frame", "weather stream"):  # whose argument is something else
                continue
            with self.subTest(name):
                events = generator(quick).events
                assert events is not None
                self.assertEqual(sum(events[delta] for delta in deltas), quick)

    def test_giant_is_as_large_as_asked_for(self) -> None:
        self.assertEqual([len(text) for text in (workloads.giant(3).content or {}).values()], [3 << 10])
        self.assertEqual([len(text) for text in (workloads.giant(2, 5).content or {}).values()], [10 << 10])

    def test_frames_carry_the_payloads(self) -> None:
        for name, workload in small().items():
            with self.subTest(name):
                data = [line[6:] for line in workload.wire.splitlines() if line.startswith(b"data: ")]
                self.assertEqual(data, [*workload.payloads, b"[DONE]"])
                comments = [line for line in workload.wire.splitlines() if line.startswith(b":")]
                self.assertEqual(len(comments), workload.comments)

    def test_are_the_same_every_time(self) -> None:
        for (name, one), two in zip(small().items(), small().values()):
            with self.subTest(name):
                self.assertEqual(one.wire, two.wire)

    def test_feeds_carry_the_wire(self) -> None:
        workload = workloads.heartbeats(20)
        for feed in FEEDS:
            if feed != "recorded":
                self.assertEqual(b"".join(workload.cut(feed)), workload.wire, feed)
            self.assertEqual(workload.pieces(feed), len(workload.cut(feed)), feed)
        self.assertEqual({len(piece) for piece in workload.cut("64b")[:-1]}, {64})
        self.assertEqual(len(workload.cut("1b")), len(workload.wire))
        self.assertEqual(workload.cut("recorded"), [])

    def test_hostile_streams_do_not_repeat_themselves(self) -> None:
        for workload, repeats in ((workloads.hostile(40), 1), (workloads.hostile_pairs(40), 2)):
            ids = Counter(json.loads(payload)["id"] for payload in workload.payloads[1:-1])
            self.assertEqual(set(ids.values()), {repeats}, workload.name)

    def test_framing_and_escapes_are_there(self) -> None:
        streams = small()
        self.assertEqual(streams["CRLF framing"].wire.count(b"\r\n\r\n"), 203)
        self.assertNotIn(b"\r", streams["plain content"].wire)
        escaped, raw = streams["non-ASCII as \\uXXXX"].wire, streams["non-ASCII and escapes"].wire
        self.assertTrue(escaped.isascii())
        self.assertIn(b"\\ud83d\\ude00", escaped)
        self.assertIn("😀".encode(), raw)
        self.assertIn(b"\\n", raw)

    def test_arguments_are_json(self) -> None:
        for text in ((workloads.tool_arguments(50).arguments or {})[0, 0], workloads.arguments(5000)):
            self.assertIn("path", json.loads(text))
        self.assertLess(abs(len(workloads.arguments(5000)) - 5000), 500)

    def test_the_library_finds_the_same(self) -> None:
        for name, workload in small().items():
            for feed in ("frame", "tcp", "64b"):
                with self.subTest(name, feed=feed):
                    stream = sseparse.ChatStream()
                    events: list[Any] = []
                    for piece in workload.cut(feed):
                        events += stream.feed(piece)
                    events += stream.close()
                    self.assertEqual(Counter(event.type for event in events), workload.events)
                    self.assertEqual(stream.errors, [])
                    self.assertEqual(stream.comments, workload.comments)
                    for choice, text in (workload.content or {}).items():
                        self.assertEqual(stream.text(choice), text)
                    for choice, text in (workload.reasoning or {}).items():
                        self.assertEqual(stream.reasoning(choice), text)
                    for (choice, index), text in (workload.arguments or {}).items():
                        self.assertEqual(stream.tool_calls(choice)[index]["function"]["arguments"], text)


class Loops(unittest.TestCase):
    def test_complete_loops_find_everything(self) -> None:
        found = loops.complete()
        self.assertIn("json loop", found)
        for workload in workloads.mixes():
            for name, loop in found.items():
                with self.subTest(workload.name, loop=name):
                    answer = loop(workload.cut("tcp"))
                    contents = {at: choice["content"] for at, choice in enumerate(answer["choices"])}
                    self.assertEqual({at: text for at, text in contents.items() if text}, workload.content)
                    first = answer["choices"][0]
                    self.assertEqual(first["reasoning"], (workload.reasoning or {}).get(0, ""))
                    arguments = [call["arguments"] for call in first["tool_calls"]]
                    self.assertEqual(arguments, [*(workload.arguments or {}).values()])
                    self.assertTrue(all(call["id"] and call["name"] for call in first["tool_calls"]))
                    ends = {choice["finish_reason"] for choice in answer["choices"]}
                    ends -= {"stop", "tool_calls", "function_call"}
                    self.assertEqual(ends, set())
                    last = json.loads(workload.payloads[-1]).get("usage")
                    self.assertEqual(answer["usage"], last)

    def test_limits_read_the_same_text(self) -> None:
        for name, feeds in contestants.LIMITS.items():
            workload = GENERATORS[name][0](600)
            for feed in feeds:
                with self.subTest(name, feed=feed):
                    limit = loops.Limit(workload)
                    read = limit.in_bulk if feed == "64k" else limit.by_frame
                    wanted = (workload.content or {}).get(0) or (workload.arguments or {})[0, 0]
                    self.assertEqual(read(workload.cut(feed)), wanted)


class Rows(unittest.TestCase):
    def test_mixes_are_fifteen_whole_answers(self) -> None:
        mixes = workloads.mixes()
        self.assertEqual(len({workload.name for workload in mixes}), 15)
        self.assertEqual([len(workload.payloads) for workload in mixes[:2]], [303, 43])
        for workload in mixes:
            with self.subTest(workload.name):
                self.assertEqual(sseparse.parse(workload.wire)["object"], "chat.completion")

    def test_the_readme_has_their_names(self) -> None:
        lines = (ROOT / "README.md").read_text("utf-8").splitlines()
        first = [line.split("|")[1].strip() if line.startswith("|") else "" for line in lines]
        streams = first[first.index("stream") + 2 :]
        self.assertLessEqual(set(streams[: streams.index("")]), set(GENERATORS))
        answers = first[first.index("whole answer, cold, in µs") + 2 :]
        self.assertEqual(
            answers[: answers.index("")], [workload.name for workload in workloads.mixes()]
        )

    def test_every_row_uses_the_library_it_is_given(self) -> None:
        other = rows.another(ROOT)
        self.assertIsNot(other, sseparse)
        asked: set[str] = set()

        class Watched:
            def __getattr__(self, name: str) -> Any:
                asked.add(name)
                return getattr(other, name)

        for name, call in rows.rows(Watched(), [workloads.plain(3)], [workloads.plain(3)]):
            with self.subTest(name):
                asked.clear()
                call()
                self.assertTrue(asked, name)


class Recordings(unittest.TestCase):
    def test_each_says_where_it_comes_from(self) -> None:
        index = json.loads((RECORDINGS / "index.json").read_text("utf-8"))
        self.assertEqual(sorted(index), sorted(path.stem for path in RECORDINGS.glob("*.sse")))

    def test_final_objects(self) -> None:
        for path in sorted(RECORDINGS.glob("*.sse")):
            with self.subTest(path.stem):
                expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
                for fast_path in (True, False):
                    stream = sseparse.ChatStream(fast_path=fast_path)
                    stream.feed(path.read_bytes())
                    stream.close()
                    self.assertEqual(stream.completion(ignore=contestants.ANY_ERROR), expected)

    def test_timings_carry_the_bytes(self) -> None:
        timed = sorted(RECORDINGS.glob("*.timed.jsonl"))
        self.assertGreater(len(timed), 1)
        for path in timed:
            workload = workloads.load(path.with_name(path.name.replace(".timed.jsonl", ".sse")))
            self.assertEqual(b"".join(workload.cut("recorded")), workload.wire)

    def test_a_timing_of_other_bytes_is_refused(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "x.sse")
            path.write_bytes(b"data: {}\n\n")
            line = json.dumps({"t": 0, "b64": base64.b64encode(b"data: []\n\n").decode()})
            path.with_name("x.timed.jsonl").write_text(line)
            with self.assertRaisesRegex(ValueError, "its bytes are others"):
                workloads.load(path)

    def test_loading_cuts_after_blank_lines(self) -> None:
        wire = b'data: {"a":1}\n\n: ping\r\n\r\ndata: {"b":\rdata: 2}\r\rdata: [DONE]\n\ndata: {"c"'
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "x.sse")
            path.write_bytes(wire)
            workload = workloads.load(path)
        self.assertEqual(workload.wire, wire)
        self.assertEqual(len(workload.frames), 5)
        self.assertEqual(workload.payloads, [b'{"a":1}', b'{"b":\n2}'])
        self.assertIsNone(workload.content)


class Measure(unittest.TestCase):
    def test_contestants_take_turns(self) -> None:
        turns: list[str] = []
        calls = {name: lambda name=name: turns.append(name) for name in "abc"}
        timings = interleaved(calls, 3, {"a": 1.0, "b": 1.0, "c": 1.0}, budget=2.0)
        # Each call is said to take a second: one loop for a sample, and no third round in two seconds.
        self.assertEqual("".join(turns), "abcabc")
        self.assertEqual(timings["c"].rounds, 2)

    @unittest.skipUnless(hasattr(__import__("signal"), "setitimer"), "needs the timers of Unix")
    def test_a_call_without_end_is_stopped(self) -> None:
        def forever() -> None:
            while True:
                pass

        with self.assertRaises(TooSlow):
            within(0.05, forever)
        self.assertEqual(within(5, lambda: "done"), "done")


class Gateway(unittest.TestCase):
    def facts(self, account: Any) -> list[tuple[float | None, str]]:
        async def run(mode: str, *arguments: Any) -> Any:
            if isinstance(account, Exception):
                raise account
            return {**account, "cpu": {"pass": 0.4, "watch": 0.5, "rewrite": 0.6}[mode]}

        with unittest.mock.patch.object(gateway, "_run", run):
            return [(fact.value, fact.note) for fact in gateway.watching(True, lambda text: None)]

    def test_what_watching_and_rewriting_add(self) -> None:
        account = {"reads": 10, "events": 0, "tokens": 0, "whole": 20, "served": 20}
        percent, each, rewriting, _ = self.facts(account)
        self.assertAlmostEqual(percent[0] or 0, 25)
        self.assertAlmostEqual(rewriting[0] or 0, 50)
        self.assertAlmostEqual(each[0] or 0, 0.1 / 20 / len(workloads.obfuscated(20).frames) * 1e6)

    def test_a_run_that_fails_is_a_line(self) -> None:
        self.assertEqual(self.facts(OSError("no sockets")), [(None, "failed: OSError no sockets")])
        account = {"reads": 10, "events": 0, "tokens": 0, "whole": 19, "served": 20}
        ((value, note),) = self.facts(account)
        self.assertIsNone(value)
        self.assertIn("of 20 streams not all came through", note)


class Command(unittest.TestCase):
    def run_it(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks", *arguments]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120
        )

    def test_json(self) -> None:
        options = (
            "--quick",
            "--json",
            "--only",
            "streams",
            "-k",
            "content",
            "--feed",
            "frame",
            "--feed",
            "64k",
        )
        with tempfile.TemporaryDirectory() as folder:
            svg = Path(folder, "chart.svg")
            done = self.run_it(*options, "--no-peers", "--svg", str(svg))
            self.assertEqual((done.stderr, done.returncode), ("", 0))
            ElementTree.parse(svg)
        report = json.loads(done.stdout)
        self.assertEqual(
            set(report), {"versions", "absent", "machine", "quick", "rounds", "streams", "facts"}
        )
        self.assertEqual(report["versions"]["sseparse"], sseparse.__version__)
        seen = [(row["stream"], row["feed"]) for row in report["streams"]]
        names = ("plain content", "reasoning then content")
        self.assertEqual(seen, [(name, feed) for feed in ("frame", "64k") for name in names])
        for row in report["streams"]:
            self.assertEqual(set(row), {"feed", "stream", "frames", "bytes", "hit_rate", "by"})
            known = {"floor", "json loop", "ours", "full", "kept"}
            self.assertLessEqual(
                known | ({"limit"} if row["stream"] == "plain content" else set()), {*row["by"]}
            )
            for name, result in row["by"].items():
                self.assertIsNone(result["failed"], name)
                self.assertGreater(result["us_per_frame"], 0, name)
                self.assertGreaterEqual(result["us_per_frame"], result["best_us_per_frame"], name)
            self.assertEqual(row["by"]["floor"]["ratio"], 1)
            self.assertEqual(
                {row["by"][name]["text"] for name in ("ours", "full", "kept", "json loop")}, {"same"}
            )

    def test_tables_of_recorded_streams(self) -> None:
        file = RECORDINGS / "aimock-slow.sse"
        done = self.run_it("--quick", "--no-peers", str(file))
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        for text in ("python ", "one frame per feed", "the chunks in which it was received", "aimock-slow"):
            self.assertIn(text, done.stdout)
        self.assertRegex(done.stdout, r"recordings cold, in all +[0-9.]+ × floor +1 streams, 17 frames")

    def test_the_other_sections(self) -> None:
        only = (
            "--only",
            "mixes",
            "--only",
            "layers",
            "--only",
            "scale",
            "--only",
            "json",
            "--only",
            "gateway",
        )
        done = self.run_it("--quick", "--json", "--no-peers", *only)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        report = json.loads(done.stdout)
        self.assertEqual(len(report["mixes"]), 15)
        facts = {fact["name"]: fact for fact in report["facts"]}
        for name, unit in (
            ("stream of 10000 frames, per frame", "µs"),
            ("events of 64 KiB, 64b feeds, per byte", "ns"),
            ("200 streams fed in turn, per frame", "µs"),
            ("a ping comment in a feed of its own", "µs"),
            ("frames(), plain content, tcp", "× feed()"),
            ("ChatAssembler on decoded chunks, plain content", "× full path less json.loads"),
            ("a stream of one word, minus its floor", "µs"),
            ("import sseparse, over import json", "×"),
            ("PartialJSON on 4-character deltas", "× stream"),
        ):
            self.assertEqual(facts[name]["unit"], unit)
            self.assertGreater(facts[name]["value"], 0, name)
        self.assertEqual(facts["CPU added by watching, in a proxy"]["unit"], "%")

    def test_against_another_checkout(self) -> None:
        done = self.run_it("--quick", "--against", str(ROOT), "plain content, frame", "ping")
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["new", "over", "old,", "CPU", "time", "median", "quartiles"])
        self.assertRegex(lines[1], r"^plain content, frame +\d\.\d+ +\d\.\d+ \d\.\d+")
        self.assertRegex(lines[2], r"^frames\(\): plain content, frame +\d")
        self.assertRegex(lines[3], r"^ping in a feed of its own +\d")
        self.assertIn("rows are worse", lines[4])

    def test_against_a_folder_without_sseparse(self) -> None:
        done = self.run_it("--against", str(RECORDINGS))
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"there is no sseparse in {RECORDINGS}", done.stderr)

    def test_absent_peers_are_said_to_be_absent(self) -> None:
        # -S hides what is installed.
        command = [sys.executable, "-S", "-m", "benchmarks", "--quick", "--only", "streams", "-k", "weather"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        absent = "orjson, msgspec, httpx-sse, sseclient, openai sse, openai, langchain, litellm"
        self.assertIn(f"absent, not measured: {absent}\n", done.stdout)


class Chart(unittest.TestCase):
    def test_colours_are_legible_on_light_and_dark(self) -> None:
        def luminance(colour: str) -> float:
            channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
            linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
            return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))

        for colour in (chart.TEXT, chart.OURS, chart.OTHERS):
            for page in ("#ffffff", "#0d1117"):
                light, dark = sorted((luminance(colour), luminance(page)), reverse=True)
                self.assertGreaterEqual((light + 0.05) / (dark + 0.05), 4, (colour, page))

    def test_draws_what_was_measured_and_nothing_else(self) -> None:
        def result(ratio: float, text: str | None = "same", failed: str | None = None) -> dict[str, Any]:
            return {"ratio": ratio, "text": text, "failed": failed}

        by = {
            "floor": result(1.0, None),
            "ours": result(0.31),
            "json loop": result(1.42, "other"),
            "openai": result(41.2),
            "litellm": result(9.0, None, "KeyError"),
        }
        row = {"stream": "plain content", "feed": "frame", "by": by}
        svg = ElementTree.fromstring(chart.draw({"versions": {"python": "3.11.7"}, "streams": [row]}))
        texts = [node.text for node in svg.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual(texts[0], "CPU time from bytes to final object, Python 3.11.7, median")
        self.assertIn("0.31", texts)
        self.assertIn("41", texts)
        self.assertNotIn("1.42", texts)
        self.assertEqual(len(list(svg.iter("{http://www.w3.org/2000/svg}circle"))), 3)
        labels = ["sseparse, frame by frame", "json.loads alone", "openai's stream helper"]
        self.assertEqual([text for text in texts if text in labels], labels)


class Server(BaseHTTPRequestHandler):
    """A server that streams three chunks and keeps the requests."""

    protocol_version = "HTTP/1.1"
    pieces = (b'data: {"choices"', b":[]}\n\nda", b"ta: [DONE]\n\n")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked = (self.command, self.path, dict(self.headers), body)  # type: ignore[attr-defined]
        self.send_response(404 if self.path == "/absent" else 200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in self.pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        if self.path == "/cut":
            self.wfile.write(b"40\r\ndata: {")
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_PUT = do_POST

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class Record(unittest.TestCase):
    def setUp(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "answer.sse"

    def record(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = record.main([*arguments])
        return status, out.getvalue(), err.getvalue()

    def timing(self) -> list[dict[str, Any]]:
        lines = (self.folder / "answer.timed.jsonl").read_text("ascii").splitlines()
        return [json.loads(line) for line in lines]

    def test_body_and_timing(self) -> None:
        status, out, err = self.record(self.url + "/v1/chat?x=1", str(self.file))
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, f"36 bytes of a 200 answer in {self.file}\n")
        self.assertEqual(self.file.read_bytes(), b"".join(Server.pieces))
        timing = self.timing()
        self.assertEqual(tuple(base64.b64decode(line["b64"]) for line in timing), Server.pieces)
        times = [line["t"] for line in timing]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[0], 0)
        method, path, _, body = self.server.asked  # type: ignore[attr-defined]
        self.assertEqual((method, path, body), ("GET", "/v1/chat?x=1", b""))
        self.assertEqual(workloads.load(self.file).cut("recorded"), list(Server.pieces))

    def test_the_request_is_not_recorded(self) -> None:
        secret = "sk-5ecre7-0f-4-k1nd"
        headers = self.folder / "headers"
        headers.write_text(f"Authorization: Bearer {secret}\nCONTENT-TYPE: text/x-json\n\n", "utf-8")
        os.environ["SSEPARSE_TEST_BODY"] = f'{{"question": "{secret} é"}}'
        self.addCleanup(os.environ.pop, "SSEPARSE_TEST_BODY")
        arguments = (self.url, str(self.file), "--headers", str(headers), "--body", "env:SSEPARSE_TEST_BODY")
        status, out, err = self.record(*arguments, "--method", "PUT")
        self.assertEqual((status, err), (0, ""))
        method, path, sent, body = self.server.asked  # type: ignore[attr-defined]
        self.assertEqual((method, path), ("PUT", "/"))
        self.assertEqual(sent["Authorization"], f"Bearer {secret}")
        self.assertEqual(sent["CONTENT-TYPE"], "text/x-json")
        self.assertNotIn("Content-Type", sent)
        self.assertEqual(body.decode(), os.environ["SSEPARSE_TEST_BODY"])
        written = {path.name: path.read_text("utf-8") for path in self.folder.iterdir() if path != headers}
        self.assertEqual(set(written), {"answer.sse", "answer.timed.jsonl"})
        decoded = b"".join(base64.b64decode(line["b64"]) for line in self.timing())
        for text in (*written.values(), out, decoded.decode()):
            self.assertNotIn(secret, text)

    def test_a_body_makes_it_a_post_of_json(self) -> None:
        body = self.folder / "body"
        body.write_text('{"stream": true}', "utf-8")
        self.assertEqual(self.record(self.url, str(self.file), "--body", str(body))[0], 0)
        method, _, sent, asked = self.server.asked  # type: ignore[attr-defined]
        self.assertEqual(
            (method, sent["Content-Type"], asked), ("POST", "application/json", b'{"stream": true}')
        )
        self.assertEqual(sent["Accept"], "text/event-stream")

    def test_a_cut_stream_is_recorded(self) -> None:
        status, out, err = self.record(self.url + "/cut", str(self.file))
        self.assertEqual((status, err), (0, ""))
        self.assertIn("broken off: IncompleteRead", out)
        self.assertTrue(self.file.read_bytes().startswith(b"".join(Server.pieces)))

    def test_another_status_is_recorded_and_reported(self) -> None:
        status, out, _ = self.record(self.url + "/absent", str(self.file))
        self.assertEqual(status, 1)
        self.assertIn("of a 404 answer", out)
        self.assertEqual(self.file.read_bytes(), b"".join(Server.pieces))

    def test_requests_that_cannot_be_made(self) -> None:
        headers = self.folder / "headers"
        headers.write_text("sk-5ecre7", "utf-8")
        for arguments, message in (
            (("ftp://127.0.0.1/",), "not an http or https URL"),
            ((self.url, "--body", "env:SSEPARSE_NOT_THERE"), "no environment variable SSEPARSE_NOT_THERE"),
            ((self.url, "--body", str(self.folder / "nowhere")), "No such file"),
            ((self.url, "--headers", str(headers)), "a header line has no colon"),
        ):
            with self.subTest(message):
                url, *rest = arguments
                status, out, err = self.record(url, str(self.file), *rest)
                self.assertEqual((status, out), (1, ""))
                self.assertIn(message, err)
                self.assertNotIn("sk-5ecre7", err)
                self.assertFalse(self.file.exists())

    def test_from_the_command_line(self) -> None:
        command = [sys.executable, "-m", "benchmarks", "record", self.url, str(self.file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.file.read_bytes(), b"".join(Server.pieces))


if __name__ == "__main__":
    unittest.main()
