# SPDX-License-Identifier: MIT
"""The command line, mostly as a process: the tests give it bytes and compare its whole output.

If text must be shown at once, the test sends the next bytes only after it was shown. A test that waits for a
minute ends the whole run with a traceback.
"""

from __future__ import annotations

import faulthandler
import gzip
import importlib
import io
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from base64 import b64encode
from binascii import a2b_base64
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from tests import sseparse

NAME = sseparse.__name__
ROOT = Path(sseparse.__file__).parents[NAME.count(".") + 1]  # a folder or a zip: what sys.path must hold
MAIN = importlib.import_module(f"{NAME}.__main__").main
# -S: half of the start is site. (But coverage measures processes through it.)
SITE = () if "COVERAGE_RUN" in os.environ else ("-S",)
COMMAND = [sys.executable, *SITE, "-X", "dev", "-W", "error", "-m", NAME]
RECORDING = Path(__file__).resolve().parent.parent / "benchmarks" / "recordings" / "weather_tool_call.sse"
TIMEOUT = 60  # seconds after which something hangs

UNSET = ("NO_COLOR", "TERM", "PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL", "LANG")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in UNSET}
ENVIRONMENT.update(PYTHONPATH=str(ROOT), PYTHONIOENCODING="utf-8", TERM="xterm")


def frame(index=0, finish=None, **delta) -> bytes:
    """Return a frame with one choice."""
    chunk = {"id": "c", "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def text(content: str, index: int = 0) -> bytes:
    return frame(index, content=content)


def call(arguments: str | None = None, *, at=0, choice=0, **function) -> bytes:
    """Return a frame with a fragment of a tool call; with a name, it gets an id."""
    fragment = {"index": at, "function": function}
    if arguments is not None:
        function["arguments"] = arguments
    if "name" in function:
        fragment["id"] = f"call_{at}"
    return frame(choice, tool_calls=[fragment])


def usage(**tokens) -> bytes:
    return b"data: " + json.dumps({"choices": [], "usage": tokens}).encode() + b"\n\n"


def stop(reason: str = "stop", index: int = 0) -> bytes:
    return frame(index, reason)


DONE = b"data: [DONE]\n\n"
HI = text("Hi") + stop() + DONE
HI_SUMMARY = "sseparse: model m; choice 0: stop; 5 events\n"

# The recorded call, for a copy of the tests without the recording.
WEATHER = b"".join(
    (
        call("", name="get_current_weather"),
        *map(call, ("{\n", " ", ' "', "location", '":', ' "', "Boston", '"\n', "}")),
        stop("tool_calls"),
        DONE,
    )
)


class Process(subprocess.Popen):
    """A running command line. Its output is read as far as expected."""

    def __init__(self, *arguments, **options) -> None:
        options = {"stdin": -1, "stdout": -1, "stderr": -1, "env": ENVIRONMENT, "bufsize": 0, **options}
        super().__init__([*COMMAND, *arguments], **options)

    def expect(self, expected: str) -> None:
        """Read standard output until it is as long as expected, and compare."""
        found = b""
        while len(found) < len(expected.encode()):
            more = self.stdout.read(len(expected.encode()) - len(found))
            if not more:
                break
            found += more
        if found.decode() != expected:
            raise AssertionError(f"{found!r} instead of {expected!r}")


class CLI(unittest.TestCase):
    def setUp(self) -> None:
        faulthandler.dump_traceback_later(TIMEOUT, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)

    def run_cli(self, body: bytes, *arguments: str, **environment: str):
        """Return exit status, standard output, standard error."""
        done = subprocess.run(
            [*COMMAND, *arguments], input=body, capture_output=True, env={**ENVIRONMENT, **environment}
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def start(self, *arguments: str, **options) -> Process:
        process = Process(*arguments, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for file in (process.stdin, process.stdout, process.stderr):
            if file is not None:
                self.addCleanup(file.close)
        return process

    def check(self, body: bytes, output: str, *arguments: str) -> None:
        """Compare the output for a whole answer, in this process, because there are many such tests."""
        stdin, stdout = io.TextIOWrapper(io.BytesIO(body + DONE)), io.TextIOWrapper(io.BytesIO(), "utf-8")
        stderr = io.StringIO()
        with mock.patch("sys.stdin", stdin), redirect_stdout(stdout), redirect_stderr(stderr):
            status = MAIN(list(arguments))
        self.assertEqual(stdout.buffer.getvalue().decode(), output)
        self.assertRegex(stderr.getvalue(), r"\Asseparse: [^\n]+ events\n\Z")
        self.assertEqual(status, 0)


class TheMainJob(CLI):
    def test_the_recorded_call(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = RECORDING
            if not path.exists():
                path = Path(folder, "weather.sse")
                path.write_bytes(WEATHER)
            shown = '[tool call 0: get_current_weather]\n{\n  "location": "Boston"\n}\n'
            summary = r"\Asseparse: model (gpt-4-0613|m); choice 0: tool_calls; 14 events\n\Z"
            for arguments in (str(path),), (), ("-",):
                status, stdout, stderr = self.run_cli(path.read_bytes(), *arguments)
                self.assertEqual((status, stdout), (0, shown))
                self.assertRegex(stderr, summary)

    def test_events(self) -> None:
        body = text("Zür") + call('{"a": "\x7f\x9b"}', name="f") + usage(total_tokens=3) + stop() + DONE
        stream = sseparse.ChatStream()
        expected = [event.as_dict() for event in stream.feed(body) + stream.close()]
        status, stdout, stderr = self.run_cli(body, "--events")
        self.assertEqual([json.loads(line) for line in stdout.splitlines()], expected)
        self.assertTrue(stdout.isascii() and "\x7f" not in stdout)
        self.assertEqual(status, 0)
        self.assertEqual(stderr, "sseparse: model m; choice 0: stop; 3 total_tokens; 9 events\n")
        status, stdout, _ = self.run_cli(body[:-30], "--events")  # each event, also of what is not whole
        self.assertEqual((status, json.loads(stdout.splitlines()[-1])["kind"]), (1, "truncated"))

    def test_json(self) -> None:
        status, stdout, stderr = self.run_cli(HI, "--json")
        self.assertEqual((status, stdout, stderr), (0, json.dumps(sseparse.parse(HI)) + "\n", HI_SUMMARY))
        stream = sseparse.ChatStream()
        stream.feed(text("Hi"))
        status, stdout, stderr = self.run_cli(text("Hi"), "--json")
        self.assertEqual((status, stdout), (1, json.dumps(stream.snapshot()) + "\n"))

    def test_the_console_script(self) -> None:
        program = f"import sys; from {NAME}.__main__ import main; sys.exit(main(['--json', '-']))"
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=HI, capture_output=True, env=ENVIRONMENT)
        self.assertEqual((done.returncode, json.loads(done.stdout)), (0, sseparse.parse(HI)))


class Layout(CLI):
    def test_content(self) -> None:
        self.check(text("Hel") + text("lo\n\twörld") + stop(), "Hello\n\twörld\n")
        self.check(text("Hello\n") + stop(), "Hello\n")
        self.check(stop(), "")

    def test_reasoning_apart(self) -> None:
        body = frame(reasoning="Let me\n") + frame(reasoning="see.\n\nYes") + text("42") + stop()
        self.check(body, "> Let me\n> see.\n> \n> Yes\n\n42\n")

    def test_tool_calls(self) -> None:
        body = text("Well.") + call("", name="f") + call('{"a":') + call("1}")
        body += call("{}", at=1, name="g") + stop("tool_calls")
        self.check(body, 'Well.\n\n[tool call 0: f]\n{"a":1}\n\n[tool call 1: g]\n{}\n')

    def test_interleaved_calls(self) -> None:
        body = call('{"a":', name="f") + call("{", at=1, name="g") + call("1}") + call("}", at=1) + stop()
        head_f, head_g = "[tool call 0: f]\n", "[tool call 1: g]\n"
        self.check(body, f'{head_f}{{"a":\n\n{head_g}{{\n\n{head_f}1}}\n\n{head_g}}}\n')

    def test_content_after_a_call(self) -> None:
        body = call("{}", name="f") + text("So.") + stop()
        self.check(body, "[tool call 0: f]\n{}\n\n[content]\nSo.\n")

    def test_function_call_and_custom_tools(self) -> None:
        body = frame(function_call={"name": "old", "arguments": "{}"}) + stop("function_call")
        self.check(body, "[function call: old]\n{}\n")
        custom = [{"index": 0, "id": "x", "type": "custom", "custom": {"name": "sh", "input": "ls\n-l"}}]
        for option in ((), ("--fields",)):
            self.check(frame(tool_calls=custom) + stop(), "[tool call 0: sh]\nls\n-l\n", *option)

    def test_arguments_that_cannot_be_used(self) -> None:
        for arguments, shown in (
            ("", "[no arguments]\n"),
            ('{"a', '{"a\n[arguments incomplete]\n'),
            ("nonsense", "nonsense\n[arguments invalid]\n"),
        ):
            with self.subTest(arguments):
                self.check(call(arguments, name="f") + stop(), f"[tool call 0: f]\n{shown}")

    def test_a_name_that_comes_in_parts_or_never(self) -> None:
        body = call("", name="get_") + call(None, name="time") + call("{}") + stop()
        self.check(body, "[tool call 0: get_]\n{}\n[its name is get_time]\n")
        self.check(call("{}") + stop(), "[tool call 0: None]\n{}\n[no name]\n")

    def test_refusal_and_audio(self) -> None:
        body = frame(refusal="I ") + frame(refusal="can't.") + stop()
        self.check(body, "[refusal]\nI can't.\n")
        body = b"".join(frame(audio=part) for part in ({"data": "AA=="}, {"transcript": "Hel"}))
        self.check(body + frame(audio={"data": "AA==", "transcript": "lo"}) + stop(), "[audio]\nHello\n")

    def test_several_choices(self) -> None:
        body = b"".join(text(word, index) for word in ("One ", "two ", "three") for index in (0, 1))
        body += frame(2, reasoning="Hm") + text("2", 2) + b"".join(stop(index=index) for index in range(3))
        self.check(body, "One two three\n\n[choice 1]\nOne two three\n\n[choice 2]\n> Hm\n\n2\n")
        body = text("B", 1) + text("A", 0)  # and no finish_reason: [DONE] ends both
        self.check(body, "A\n\n[choice 1]\nB\n")

    def test_whole_completions(self) -> None:
        message = {"role": "assistant", "content": "Hi"}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        body = {"id": "c", "object": "chat.completion", "model": "m", "choices": choices}
        status, stdout, _ = self.run_cli(json.dumps(body, indent=1).encode())
        self.assertEqual((status, stdout), (0, "Hi\n"))

    def test_summary(self) -> None:
        body = text("A") + text("B", 1) + stop(index=1)
        tokens = usage(prompt_tokens=7, completion_tokens=2, total_tokens=9, cost=0.5, x_tokens=None)
        _, _, stderr = self.run_cli(body + tokens + DONE)
        self.assertEqual(
            stderr,
            "sseparse: model m; choice 0: no finish_reason; choice 1: stop;"
            " 7 prompt_tokens, 2 completion_tokens, 9 total_tokens; 9 events\n",
        )


class Fields(CLI):
    def test_all_kinds_of_values(self) -> None:
        arguments = {
            "to": "Bob",
            "text": "Dear Bob,\n\nhi\tthere\n",
            "list": ["a", {"b": [1, -2.5]}, []],
            "none": None,
            "yes": True,
            "empty": "",
            "nothing": {},
            "a key": {"0": "zero", "x\ny": 1},
            "last": "end",
        }
        shown = """\
[tool call 0: send]
to: Bob
text: Dear Bob,
{margin}
  hi\tthere
list[0]: a
list[1].b[0] = 1
list[1].b[1] = -2.5
list[2] = []
none = null
yes = true
empty = ""
nothing = {}
["a key"]["0"]: zero
["a key"]["x\\ny"] = 1
last: end
""".replace("{margin}", "  ")
        dumped = json.dumps(arguments)
        self.check(call(dumped, name="send") + stop(), shown, "--fields")
        body = call("", name="send") + b"".join(map(call, dumped)) + stop()
        self.check(body, shown, "--fields")

    def test_arguments_that_are_not_an_object(self) -> None:
        for arguments, shown in (
            ("7", "value = 7\n[arguments invalid]\n"),
            ('"x"', "value: x\n[arguments invalid]\n"),
            (
                '{"a": "b',
                "a: b\n[arguments incomplete: the text ends before its value does, at character 8]\n",
            ),
            ('{"a": 1, b', "a = 1\n[arguments invalid: expected a key in double quotes, at character 9]\n"),
            ('{"a": 1}{', "a = 1\n[arguments invalid: text after the end of the value, at character 8]\n"),
            ("", "[no arguments]\n"),
        ):
            with self.subTest(arguments):
                self.check(call(arguments, name="f") + stop(), f"[tool call 0: f]\n{shown}", "--fields")

    def test_content_between_the_fragments_of_a_call(self) -> None:
        body = call('{"a": "b', name="f") + text("!") + call('c"}') + stop()
        self.check(
            body, "[tool call 0: f]\na: b\n\n[content]\n!\n\n[tool call 0: f]\na: c\n", "--fields"
        )

    def test_content_between_fragments_before_the_closing_quote(self) -> None:
        body = call('{"a": "b', name="f") + text("!") + call('", "c": "", "d": 1}') + stop()
        shown = '[tool call 0: f]\na: b\n\n[content]\n!\n\n[tool call 0: f]\nc = ""\nd = 1\n'
        self.check(body, shown, "--fields")

    def test_the_same_key_twice(self) -> None:
        body = call('{"a": "b", "a": "c"}', name="f") + stop()
        self.check(body, "[tool call 0: f]\na: b\na: c\n", "--fields")

    def test_as_they_grow(self) -> None:
        process = self.start("--fields")
        for body, shown in (
            (call("", name="send"), "[tool call 0: send]\n"),
            (call('{"mess'), ""),
            (call('age": "Hel'), "message: Hel"),
            (call("lo\\n"), "lo\n"),
            (call('you", "n": 1'), "  you\n"),
            (call("2}"), "n = 12\n"),
        ):
            process.stdin.write(body)
            process.expect(shown)
        process.stdin.write(stop() + DONE)
        process.stdin.close()
        self.assertEqual((process.stdout.read(), process.wait()), (b"", 0))


class AsItArrives(CLI):
    def test_token_by_token(self) -> None:
        process = self.start()
        for body, shown in (
            (frame(role="assistant", reasoning="Hm"), "> Hm"),
            (b": ping\n\n", ""),
            (frame(reasoning="m.\nSo"), "m.\n> So"),
            (text("Hel"), "\n\nHel"),
            (text("lo")[:-1], "lo"[:0]),
            (b"\n", "lo"),
            (call("", name="f"), "\n\n[tool call 0: f]\n"),
            (call("{"), "{"),
            (call("}"), "}"),
        ):
            process.stdin.write(body)
            process.expect(shown)
        process.stdin.write(stop() + DONE)
        process.stdin.close()
        self.assertEqual((process.stdout.read(), process.wait()), (b"\n", 0))

    def test_events_and_a_fifo(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fifo")
            os.mkfifo(path)
            process = self.start("--events", path)
            with open(path, "wb", 0) as fifo:
                fifo.write(text("Hi"))
                process.expect(json.dumps(sseparse.Start("c", "m", None, "chat.completion").as_dict()) + "\n")
                process.expect('{"type": "content.delta", "choice": 0, "text": "Hi"}\n')
                fifo.write(stop() + DONE)
            self.assertEqual(process.wait(), 0)

    def test_the_next_choice_is_shown_after_the_finish_reason(self) -> None:
        process = self.start()
        for body, shown in (
            (text("A"), "A"),
            (text("B", 1), ""),
            (text("a"), "a"),
            (stop(), "\n\n[choice 1]\nB"),
            (text("b", 1), "b"),
        ):
            process.stdin.write(body)
            process.expect(shown)
        process.stdin.write(text("!") + stop(index=1) + DONE)  # content after the finish_reason does occur
        process.stdin.close()
        self.assertEqual((process.stdout.read(), process.wait()), (b"\n\n[choice 0]\n!\n", 0))

    def test_a_limit_ends_the_reading(self) -> None:
        process = self.start()
        process.stdin.write(text("Hi") + b"data: x\n\n" * 101)
        self.assertEqual(process.wait(), 1)  # though standard input is still open
        self.assertEqual(process.stdout.read(), b"Hi\n")
        self.assertRegex(process.stderr.read(), b": malformed error in frame 1: [^\n]*; and 98 more\n\\Z")

    def test_done_does_not_end_the_reading(self) -> None:
        process = self.start()
        process.stdin.write(HI)
        process.expect("Hi")
        process.stdin.write(usage(total_tokens=3))  # and the writer gets no broken pipe
        process.stdin.close()
        self.assertIn(b"; 3 total_tokens; ", process.stderr.read())


class TextAndStream(CLI):
    """``--text`` and ``--sse``: for other programs."""

    def test_the_text_and_nothing_else(self) -> None:
        words = "Z\u00fcr\tich\n\x1b[31m\u202e"
        body = frame(reasoning="Hm") + text(words) + text("other", 1) + call("{}", name="f") + text("!")
        self.assertEqual(self.run_cli(body + stop() + DONE, "--text"), (0, words + "!", ""))
        self.assertEqual(self.run_cli(HI, "--text"), (0, "Hi", ""))
        self.assertEqual(self.run_cli(stop() + DONE, "--text"), (0, "", ""))
        legacy = b'data: {"choices":[{"index":0,"text":"A"}]}\n\n'
        self.assertEqual(self.run_cli(legacy + DONE, "--text"), (0, "A", ""))

    def test_the_reason_why_the_text_is_not_whole(self) -> None:
        status, stdout, stderr = self.run_cli(text("Hi"), "--text")
        self.assertEqual((status, stdout), (1, "Hi"))
        self.assertRegex(stderr, r"\Asseparse: the answer is not whole: truncated error: [^\n]*\n\Z")

    def test_text_as_it_arrives(self) -> None:
        process = self.start("--text")
        for body, shown in ((text("Hel"), "Hel"), (frame(reasoning="x"), ""), (text("lo"), "lo")):
            process.stdin.write(body)
            process.expect(shown)
        process.stdin.write(stop() + DONE)
        process.stdin.close()
        self.assertEqual((process.stdout.read(), process.wait()), (b"", 0))

    def test_the_canonical_stream(self) -> None:
        for body in (
            frame(reasoning="Hm") + text("Z\u00fcr\x1b") + text("B", 1) + call('{"a":', name="f") + call("1}")
            + stop("tool_calls") + stop(index=1) + usage(total_tokens=3) + DONE,
            text("Hi"),
            text("Hi") + b'data: {"error":{"message":"E","code":5}}\n\n' + DONE,
            text("Hi").replace(b"\n", b"\r\n") + b": ping\n\n" + stop() + DONE,
        ):  # fmt: skip
            done = subprocess.run([*COMMAND, "--sse"], input=body, capture_output=True, env=ENVIRONMENT)
            stream = sseparse.ChatStream()
            events = stream.feed(body) + stream.close()
            encoder = sseparse.ChatEncoder(created=json.loads(done.stdout[6:].partition(b"\n")[0])["created"])
            self.assertEqual(done.stdout, encoder.feed(events) + encoder.close())
            self.assertIn(b"sseparse: model m; ", done.stderr)
            again = sseparse.ChatStream()
            again.feed(done.stdout)
            again.close()
            self.assertEqual(again.snapshot()["choices"], stream.snapshot()["choices"])
            self.assertEqual((again.done, again.usage), (stream.done, stream.usage))

    def test_the_canonical_stream_is_utf_8_and_comes_at_once(self) -> None:
        process = self.start("--sse", env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"})
        process.stdin.write(text("Z\u00fcr"))
        while "Z\u00fcr".encode() not in process.stdout.read(65536):
            pass
        process.stdin.close()
        self.assertEqual(process.wait(), 1)


class Wrapped(CLI):
    """What a body may be wrapped in: an HTTP head, chunks, gzip, deflate, a recording."""

    BODY = frame(reasoning="Hm") + text("Z\u00fcrich") + text("!" * 300) + stop() + DONE
    TEXT = "Z\u00fcrich" + "!" * 300

    def test_bytes_before_the_damage(self):
        until = importlib.import_module(f"{sseparse.__name__}._input")._until
        good = zlib.compress(self.BODY)
        self.assertEqual(until(zlib.error, zlib.decompressobj(), good), self.BODY)
        self.assertTrue(self.BODY.startswith(until(zlib.error, zlib.decompressobj(), good[:-4] + b"xxxx")))

    def check_text(self, wire: bytes, *sizes: int) -> None:
        """The text comes out, however the wire is cut."""
        for size in sizes or (len(wire), 64, 1):
            stdin, stdout = mock.Mock(), io.TextIOWrapper(io.BytesIO(), "utf-8")
            pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
            stdin.buffer.read1.side_effect = [*pieces, b""]
            stderr = io.StringIO()
            with mock.patch("sys.stdin", stdin), redirect_stdout(stdout), redirect_stderr(stderr):
                status = MAIN(["--text"])
            shown = stdout.buffer.getvalue().decode()
            self.assertEqual((status, shown, stderr.getvalue()), (0, self.TEXT, ""), size)

    @staticmethod
    def chunked(body: bytes, size: int = 50) -> bytes:
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

    @staticmethod
    def raw_deflate(body: bytes) -> bytes:
        machine = zlib.compressobj(9, zlib.DEFLATED, -15)
        return machine.compress(body) + machine.flush()

    @staticmethod
    def recorded(*pieces: tuple[float, bytes]) -> bytes:
        lines = [json.dumps({"t": at, "b64": b64encode(data).decode()}) for at, data in pieces]
        return "".join(f"{line}\n" for line in lines).encode()

    def test_heads(self) -> None:
        for head in (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/2 200 \r\ncontent-type: text/event-stream\r\n\r\n",
            b"HTTP/3 200\r\nx: y\r\n\r\n",
            b"HTTP/1.1 200 OK\nA: b\n\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: x\r\n\r\nHTTP/2 200 \r\n\r\n",
            # What curl prints above a body that it has decoded.
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/2 200 \r\ncontent-encoding: gzip\r\n\r\n",
            b"HTTP/2 200 \r\ncontent-encoding: deflate\r\ncontent-length: 9\r\n\r\n",
            b"HTTP/2 200 \r\ncontent-encoding: br\r\n\r\n",
        ):
            with self.subTest(head):
                self.check_text(head + self.BODY)

    def test_a_chunked_body(self) -> None:
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
        for size in (1, 50, 65536):
            self.check_text(head + self.chunked(self.BODY, size))
        self.check_text(head + self.chunked(self.BODY).replace(b"32\r\n", b"0032 ;a=b\r\n"))
        self.check_text(head + self.chunked(gzip.compress(self.BODY)))

    def test_compressed_bodies(self) -> None:
        half = len(self.BODY) // 2
        members = gzip.compress(self.BODY[:half]) + gzip.compress(self.BODY[half:])
        for name, body in (
            ("gzip", gzip.compress(self.BODY)),
            ("two members", members),
            ("something after it", gzip.compress(self.BODY) + bytes(9)),
            ("stored", gzip.compress(self.BODY, 0)),
            *((f"zlib {level}", zlib.compress(self.BODY, level)) for level in (1, 3, 6, 9)),
        ):
            with self.subTest(name):
                self.check_text(body)
                self.check_text(b"HTTP/2 200 \r\ncontent-encoding: gzip\r\n\r\n" + body)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n"
        self.check_text(head + self.raw_deflate(self.BODY))
        self.check_text(head + zlib.compress(self.BODY))
        # What curl has decoded is plain, also if it begins with llama.cpp's field.
        self.assertIn("full", self.run_cli(head + b'error: {"message": "full"}\n\n')[2])

    def test_compressed_bytes_as_they_arrive(self) -> None:
        machine = zlib.compressobj(wbits=31)
        process = self.start("--text")
        for word in ("Hel", "lo"):
            process.stdin.write(machine.compress(text(word)) + machine.flush(zlib.Z_SYNC_FLUSH))
            process.expect(word)
        process.stdin.write(machine.compress(stop() + DONE) + machine.flush())
        process.stdin.close()
        self.assertEqual(process.wait(), 0)

    def test_a_python_without_zlib(self) -> None:
        stdin = mock.Mock()
        stdin.buffer.read1.side_effect = [gzip.compress(HI), b""]
        stdout, stderr = io.StringIO(), io.StringIO()
        absent = mock.patch.dict(sys.modules, zlib=None)
        with mock.patch("sys.stdin", stdin), absent, redirect_stdout(stdout), redirect_stderr(stderr):
            status = MAIN([])
        self.assertEqual((status, stdout.getvalue()), (1, ""))
        self.assertIn("; the body is gzip, and this Python has no zlib\n", stderr.getvalue())

    def test_recordings(self) -> None:
        half = len(self.BODY) // 2
        pieces = [(0.25, self.BODY[:half]), (1.5, self.BODY[half:])]
        self.check_text(self.recorded(*pieces))
        self.check_text(self.recorded(*pieces)[:-1])  # no line end
        self.check_text(b"\n".join([*self.recorded(*pieces).splitlines(), b"", b" "]))
        body = gzip.compress(self.BODY)
        self.check_text(self.recorded((0.1, body[:20]), (0.2, body[20:])))
        self.check_text(gzip.compress(self.recorded(*pieces)))

    def test_the_projects_own_recordings(self) -> None:
        found = list(RECORDING.parent.glob("*.timed.jsonl"))
        if RECORDING.exists():
            self.assertTrue(found)
        for path in found:
            body = b"".join(a2b_base64(json.loads(line)["b64"]) for line in path.read_text().splitlines())
            stream = sseparse.ChatStream()
            stream.feed(body)
            stream.close()
            _, stdout, stderr = self.run_cli(b"", str(path), "--json")
            self.assertEqual(json.loads(stdout), stream.snapshot())
            self.assertRegex(stderr, r"; first token after \d+\.\d\d s; ")

    def test_bodies_that_only_look_wrapped(self) -> None:
        for body, words in (
            (b"HTTP/1.1 is a protocol\n\n", "not_sse error: the body begins with "),
            (b'{"t": 1}', "not_sse error: the body is not an event stream"),
            (b'{"t": [[[[', "the answer is not whole: "),
            (b"HTTP/2", "the answer is not whole: "),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5", "; it begins: 5"),
            (b"x^y", "; the deflate body was cut"),
        ):
            with self.subTest(body):
                status, stdout, stderr = self.run_cli(body)
                self.assertEqual((status, stdout), (1, ""))
                self.assertIn(words, stderr)
        # A body of JSON lines whose first key is t.
        lines = b'{"t":1,"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n'
        self.assertEqual(self.run_cli(lines, "--text"), (0, "Hi", ""))

    def test_damaged_and_cut_wrappings(self) -> None:
        body = gzip.compress(text("Hi"), 0)
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n: abc\r\n"
        record = self.recorded((0.5, text("Hi")))
        for wire, shown, words in (
            (body[:-9], "Hi\n", "; the gzip body was cut"),
            (body[:-8] + b"\0" * 8, "Hi\n", "; the gzip body is damaged"),
            (b"\x1f\x8b\x08\xff" * 9, "", "; the gzip body "),
            (b"\x1f\x8b", "", "; the gzip body was cut"),
            (zlib.compress(text("Hi"), 0)[:-5], "Hi\n", "; the deflate body was cut"),
            (chunked, "", "; The HTTP response was cut in its chunk size, after 5 bytes of body: ask again."),
            (chunked + b"x\r\n", "", "; The HTTP response has a wrong chunk size: discard it and reconnect."),
            (record + b"nonsense\n" + record, "Hi\n", "; line 2 of the recording cannot be read"),
            (record + record[:-9], "Hi\n", "; line 2 of the recording cannot be read"),
        ):
            with self.subTest(words):
                status, stdout, stderr = self.run_cli(wire)
                self.assertEqual((status, stdout), (1, shown))
                self.assertIn("sseparse: the answer is not whole: truncated error", stderr)
                self.assertIn(words, stderr)
        status, _, stderr = self.run_cli(b"HTTP/2 200 \r\ncontent-encoding: br\r\n\r\n\x8b\x0a\x80")
        self.assertEqual(status, 1)
        self.assertIn("; the head says Content-Encoding br: let curl decode it (--compressed); ", stderr)
        # After [DONE] nothing was missing.
        self.assertEqual(self.run_cli(gzip.compress(HI, 0)[:-9], "--text"), (0, "Hi", ""))

    def test_any_damage_to_any_wrapping(self) -> None:
        """The command ends with a status and a sentence, the same for a whole body and for single bytes."""

        def run(pieces) -> tuple[int, bytes, str]:
            stdin, stdout, stderr = mock.Mock(), io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
            stdin.buffer.read1.side_effect = [*pieces, b""]
            with mock.patch("sys.stdin", stdin), redirect_stdout(stdout), redirect_stderr(stderr):
                status = MAIN(["--json"])
            said = re.sub("first token[^;]*; ([^;]*/s; )?", "", stderr.getvalue())
            return status, stdout.buffer.getvalue(), said

        randomness = random.Random(1)
        heads = [b"HTTP/1.1 200 OK\r\n" + field + b"\r\n" for field in (
            b"", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: deflate\r\n"
        )]  # fmt: skip
        wrappings = (
            gzip.compress, zlib.compress, self.raw_deflate, self.chunked,
            lambda body: randomness.choice(heads) + body,
            lambda body: self.recorded((0.1, body[:9]), (0.2, body[9:])),
        )  # fmt: skip
        for _ in range(200):
            wire = text("Hi") + text("x" * randomness.randrange(9)) + stop() + DONE
            for wrap in randomness.choices(wrappings, k=randomness.randrange(4)):
                wire = wrap(wire)
            damaged = bytearray(wire)
            for _ in range(randomness.randrange(3)):
                at = randomness.randrange(len(damaged))
                other = randomness.choice([b"", b"\0", b"\n", b"{", b"\xff"])
                damaged[at : at + randomness.randrange(3)] = other
            wire = bytes(damaged)
            with self.subTest(wire):
                whole = run([wire])
                self.assertEqual(whole, run(wire[at : at + 1] for at in range(len(wire))))
                self.assertEqual(len(whole[2].splitlines()), 2 if whole[0] else 1)

    def test_an_http_status_of_failure(self) -> None:
        said = b'{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}'
        status, stdout, stderr = self.run_cli(b"HTTP/2 401 \r\nserver: x\r\n\r\n" + said)
        self.assertEqual((status, stdout), (1, ""))
        self.assertEqual(
            stderr,
            "sseparse: HTTP 401; model unknown; 1 event; 1 error\nsseparse: the answer is not whole:"
            " server error in frame 0: Incorrect API key (code 'invalid_api_key')\n",
        )

    def test_the_servers_own_words(self) -> None:
        for body, words in (
            (b'{"error":{"message":"Overloaded","type":"overloaded_error"}}', ": Overloaded\n"),
            (b'{"detail":"Not Found"}', ": Not Found\n"),
            (b'{"message":"no Route matched"}', ": no Route matched\n"),
            (b"upstream connect error\n", "; it begins: upstream connect error\n"),
            (b"<html>\n<h1>502 Bad\x1b[2J Gateway</h1>", "; it begins: <html>"),
        ):
            with self.subTest(body):
                status, stdout, stderr = self.run_cli(body)
                self.assertEqual((status, stdout), (1, ""))
                self.assertIn(words, stderr)
                self.assertNotIn("\x1b", stderr)
                self.assertEqual(len(stderr.splitlines()), 2)

    def test_utf_16_is_named(self) -> None:
        for encoding in ("utf-16", "utf-16-be"):
            mark = b"" if encoding == "utf-16" else b"\xfe\xff"
            status, _, stderr = self.run_cli(mark + HI.decode().encode(encoding))
            self.assertEqual(status, 1)
            self.assertIn("UTF-16", stderr)


class Pace(CLI):
    """Time to the first token, and how many a second."""

    def facts(self, body: bytes) -> str:
        _, _, stderr = self.run_cli(body)
        return stderr.splitlines()[0].partition(": ")[2]

    def test_pace_of_a_recording(self) -> None:
        record = Wrapped.recorded
        words = (0.5, frame(role="assistant")), *((0.75, text("a")), (1.5, text("b" * 10)))
        words += ((2.75, text("c" * 20)),)
        end = (9.0, stop()), (9.0, DONE)
        self.assertEqual(
            self.facts(record(*words, *end)),
            "model m; choice 0: stop; first token after 0.75 s; 15.0 characters/s; 7 events",
        )
        tokens = (9.0, usage(prompt_tokens=0, completion_tokens=4))
        self.assertEqual(
            self.facts(record(*words, tokens, *end)),
            "model m; choice 0: stop; 4 completion_tokens; first token after 0.75 s; 2.0 tokens/s; 8 events",
        )
        same = record(words[1], (0.75, text("b")), *end)
        self.assertIn("; first token after 0.75 s; 6 events", self.facts(same))
        self.assertNotIn("first token", self.facts(record(words[0], *end)))
        reasoning = (1.0, frame(reasoning="a")), (2.0, frame(refusal="b" * 4)), (3.0, text("c" * 4))
        calls = (4.0, call("", name="f")), (5.0, call("{}"))
        facts = self.facts(record(*reasoning, *calls, *end))
        self.assertIn("; first token after 1.00 s; 2.5 characters/s; ", facts)

    def test_pace_of_bytes_that_arrive_live(self) -> None:
        process = self.start()
        for body in (text("a"), text("b"), text("c")):
            process.stdin.write(body)
            process.expect(body.decode().partition('"content": "')[2][0])
            time.sleep(0.2)
        process.stdin.write(usage(completion_tokens=3) + stop() + DONE)
        process.stdin.close()
        words = process.stderr.read().decode()
        found = re.search(r"; first token after (\d+\.\d\d) s; (\d+\.\d) tokens/s; ", words)
        self.assertIsNotNone(found, words)
        self.assertLess(float(found[2]), 3 / 0.4 + 0.1)

    def test_no_pace_of_a_file(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "answer.sse")
            path.write_bytes(text("x" * 1000) * 1000 + stop() + DONE)
            _, _, stderr = self.run_cli(b"", str(path))
            self.assertEqual(stderr, "sseparse: model m; choice 0: stop; 1004 events\n")


class Statuses(CLI):
    def test_not_whole(self) -> None:
        head = "sseparse: the answer is not whole: "
        for name, body, shown, reason in (
            ("empty", b"", "", "truncated error: the stream ended before its first frame"),
            ("cut", text("Hi"), "Hi\n", "truncated error: the stream ended without a finish_reason"),
            ("cut in a frame", HI[:-6], "Hi\n", "truncated error in frame 2: the stream was cut inside"),
            ("cut in the first", HI[:9], "", "truncated error in frame 0: the stream was cut inside"),
            ("malformed", b"data: {]\n\n" + HI, "Hi\n", "malformed error in frame 0: data is not JSON"),
            ("binary", bytes(range(256)) * 9, "", "not_sse error: the body is not an event stream"),
            ("page", b"<!DOCTYPE html>\n<p>x: y</p>\n", "", "not_sse error: the body is not an event stream"),
            ("JSON", b'{"object":"list",\n "data":[]}', "", "not_sse error: the body is not an event stream"),
            ("JSON error", b'{"error":{"message":"a\\nb"}}', "", "server error in frame 0: a\\x0ab"),
        ):
            with self.subTest(name):
                status, stdout, stderr = self.run_cli(body)
                self.assertEqual((status, stdout), (1, shown))
                summary, why = stderr.splitlines()
                self.assertRegex(summary, r"^sseparse: model (m|unknown); .*\d events?; 1 error$")
                self.assertEqual(why[: len(head + reason)], head + reason)
                stream = sseparse.ChatStream()
                stream.feed(body)
                stream.close()
                with self.assertRaises(sseparse.StreamError) as caught:
                    stream.completion()
                self.assertEqual(reason.split()[0], caught.exception.errors[0].kind)
                self.assertEqual(stream.text() + "\n" * (shown > ""), shown)

    def test_no_choice(self) -> None:
        for body, summary in (
            (DONE, "model unknown; 1 event"),
            (usage(total_tokens=1) + DONE, "model unknown; 1 total_tokens; 2 events"),
        ):
            status, stdout, stderr = self.run_cli(body)
            self.assertEqual((status, stdout), (1, ""))
            self.assertEqual(stderr, f"sseparse: {summary}\nsseparse: the answer has no choice\n")
            self.assertEqual(sseparse.parse(body)["choices"], [])

    def test_misuse(self) -> None:
        for arguments in (("--nonsense",), ("--json", "--events"), ("--fields", "--json"), ("a", "b")):
            status, stdout, stderr = self.run_cli(b"", *arguments)
            self.assertEqual((status, stdout), (2, ""))
            self.assertRegex(stderr, r"\Ausage: sseparse [\s\S]*\nsseparse: error: [^\n]+\n\Z")
        status, stdout, _ = self.run_cli(b"", "--help")
        self.assertEqual((status, stdout.startswith("usage: sseparse ")), (0, True))
        self.assertIn("1 if it is not or has no choice", " ".join(stdout.split()))
        self.assertEqual(self.run_cli(b"", "--version"), (0, f"sseparse {sseparse.__version__}\n", ""))

    def test_unreadable(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            missing = os.path.join(folder, "no\nsuch\x1b[2J")
            status, stdout, stderr = self.run_cli(b"", missing)
            self.assertEqual((status, stdout), (2, ""))
            self.assertRegex(stderr, r"\Asseparse: cannot read .*no\\x0asuch\\x1b\[2J: No such .*\n\Z")
            status, stdout, stderr = self.run_cli(b"", "--json", folder)
            self.assertEqual((status, stdout), (2, ""))
            self.assertEqual(stderr, f"sseparse: cannot read {folder}: Is a directory\n")
        with open(os.devnull, "wb") as unreadable:
            process = self.start(stdin=unreadable)
            self.assertEqual((process.wait(), process.stdout.read()), (2, b""))
            self.assertRegex(process.stderr.read(), b"\\Asseparse: cannot read standard input: Bad f.*\n\\Z")

    def test_a_read_that_fails(self) -> None:
        stdin = mock.Mock()
        stdin.buffer.read1.side_effect = [text("Hi"), OSError(5, "Input/output error")]
        stdout, stderr = io.StringIO(), io.StringIO()
        with mock.patch("sys.stdin", stdin), redirect_stdout(stdout), redirect_stderr(stderr):
            status = MAIN([])
        self.assertEqual((status, stdout.getvalue()), (2, "Hi\n"))
        self.assertEqual(stderr.getvalue(), "sseparse: cannot read standard input: Input/output error\n")

    def test_closed_descriptors(self) -> None:
        for redirection, status in (("<&-", 2), (">&-", 0), ("2>&-", 0)):
            with self.subTest(redirection):
                shell = ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", NAME]
                done = subprocess.run(shell, input=HI, capture_output=True, env=ENVIRONMENT)
                self.assertEqual(done.returncode, status)
                self.assertEqual(done.stdout, b"Hi\n" if redirection == "2>&-" else b"")
                words = "sseparse: cannot read standard input: it is closed\n" if status else HI_SUMMARY
                self.assertEqual(done.stderr.decode(), "" if redirection == "2>&-" else words)

    def test_output_that_cannot_be_written(self) -> None:
        with open(os.devnull, "rb") as unwritable:
            process = self.start(stdout=unwritable)
            process.stdin.write(HI)
            process.stdin.close()
            self.assertEqual(process.wait(), 1)
            self.assertRegex(process.stderr.read(), b"\\Asseparse: cannot write: Bad file descriptor\n\\Z")
        stdin, stdout, stderr = io.TextIOWrapper(io.BytesIO(HI)), io.StringIO(), mock.Mock()
        stderr.write.side_effect = OSError(28, "No space left on device")
        with mock.patch("sys.stdin", stdin), redirect_stdout(stdout), redirect_stderr(stderr):
            self.assertEqual((MAIN([]), stdout.getvalue()), (1, "Hi\n"))

    def test_a_broken_pipe_is_quiet(self) -> None:
        for option in ("--events", "--json"):
            process = self.start(option)
            process.stdout.close()
            process.stdin.write(HI)
            process.stdin.close()
            self.assertEqual((process.wait(), process.stderr.read()), (141, b""))
        both, end = os.pipe()
        process = self.start(stdout=end, stderr=end)
        os.close(end)
        process.stdin.write(text("Hi"))
        self.assertEqual(os.read(both, 10), b"Hi")
        os.close(both)
        process.stdin.write(HI)
        self.assertEqual(process.wait(), 141)

    def test_control_c_is_quiet(self) -> None:
        self.addCleanup(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # an ignored SIGINT is inherited
        process = self.start()
        process.stdin.write(text("Hi"))
        process.expect("Hi")
        process.send_signal(signal.SIGINT)
        self.assertEqual((process.wait(), process.stdout.read(), process.stderr.read()), (130, b"", b""))


class Terminal(CLI):
    def on_terminal(self, body: bytes, *arguments: str, **environment: str) -> str:
        """Return what appears on a terminal."""
        master, slave = pty.openpty()
        process = self.start(*arguments, stdout=slave, env={**ENVIRONMENT, **environment})
        os.close(slave)
        process.stdin.write(body)
        process.stdin.close()
        shown = b""
        while True:
            try:
                more = os.read(master, 65536)
            except OSError:  # on Linux, this is the end
                break
            if not more:
                break
            shown += more
        os.close(master)
        self.assertEqual(process.wait(), 0)
        return shown.decode().replace("\r\n", "\n")

    BODY = b"".join(
        (frame(reasoning="Hm,\nso"), frame(reasoning="!"), text("Yes."), call("{}", name="f"), stop(), DONE)
    )

    def test_reasoning_is_dimmed(self) -> None:
        reasoning = "\x1b[2mHm,\n\x1b[0m\x1b[2mso\x1b[0m\x1b[2m!\x1b[0m"
        title = "\x1b[1m[tool call 0: f]\x1b[0m"
        shown = self.on_terminal(self.BODY, NO_COLOR="")
        self.assertEqual(shown, f"{reasoning}\n\nYes.\n\n{title}\n{{}}\n")

    def test_no_color(self) -> None:
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertEqual(
                self.on_terminal(self.BODY, **environment), "> Hm,\n> so!\n\nYes.\n\n[tool call 0: f]\n{}\n"
            )

    def test_fields(self) -> None:
        body = call('{"a": "b\\nc"}', name="f") + stop() + DONE
        self.assertEqual(
            self.on_terminal(body, "--fields"), "\x1b[1m[tool call 0: f]\x1b[0m\n\x1b[1ma:\x1b[0m b\n  c\n"
        )

    def test_control_characters(self) -> None:
        codes = [*range(9), *range(11, 32), *range(0x7F, 0xA0)]
        codes += [0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
        controls = "".join(map(chr, codes))
        escaped = "".join(f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in codes)
        fine = "\t\u00a0é\u200b\u200d日😀"
        body = frame(reasoning=controls) + text(fine + controls) + text("\x1b") + text("[31m")
        body += call("", name=f"f{controls}\n") + call(controls + fine) + stop() + DONE
        shown = self.on_terminal(body, NO_COLOR="1")
        self.assertEqual(
            shown,
            f"> {escaped}\n\n{fine}{escaped}\\x1b[31m\n\n[tool call 0: f{escaped}\\x0a]\n{escaped}{fine}\n"
            "[arguments invalid]\n",
        )
        arguments = json.dumps({controls: controls, "k": [controls], "é\u202e": fine + controls})
        shown = self.on_terminal(call(arguments, name="f") + stop() + DONE, "--fields", NO_COLOR="1")
        self.assertEqual([character for character in shown if character in controls], [])
        self.assertIn(f"k[0]: {escaped}\n", shown)
        model = b'data: {"model":"m\\n\\u001b[2J","choices":[{"index":0,"finish_reason":"s\\rp"}]}\n\n'
        error = b'data: {"error":{"message":"a\\nb\\u009b\\u202e","code":"\\u001b]"}}\n\n'
        _, _, stderr = self.run_cli(model + error + DONE)
        self.assertEqual(
            stderr,
            "sseparse: model m\\x0a\\x1b[2J; choice 0: s\\x0dp; 4 events; 1 error\nsseparse: the answer is"
            " not whole: server error in frame 1: a\\x0ab\\x9b\\u202e (code '\\x1b]')\n",
        )

    def test_json_is_ascii(self) -> None:
        body = text("\x7f\x9b\u202e日") + stop() + DONE
        for option in ("--events", "--json"):
            shown = self.on_terminal(body, option)
            self.assertTrue(shown.isascii() and "\x7f" not in shown)
            self.assertIn("\\u007f\\u009b\\u202e\\u65e5", shown)


    def test_text(self) -> None:
        body = text("a\x1b[2J\u202eb") + stop() + DONE
        self.assertEqual(self.on_terminal(body, "--text"), "a\\x1b[2J\\u202eb\n")
        self.assertEqual(self.on_terminal(text("a\n") + stop() + DONE, "--text"), "a\n")

    def test_the_canonical_stream_is_escaped(self) -> None:
        body = text("a\x7f\x9b\u202eb\u65e5") + stop() + DONE
        shown = self.on_terminal(body, "--sse")
        self.assertEqual([character for character in shown if character in "\x7f\x9b\u202e"], [])
        self.assertIn("a\\x7f\\x9b\\u202eb\u65e5", shown)
        self.assertTrue(shown.endswith("data: [DONE]\n\n"))

    def test_a_terminal_as_standard_input_is_told_what_it_waits_for(self) -> None:
        master, slave = pty.openpty()
        for arguments in ((), ("-",), ("--json",)):
            process = self.start(*arguments, stdin=slave)
            said = process.stderr.readline().decode()
            self.assertRegex(said, r"\Asseparse: waiting for an event stream .*curl -sSN \.\.\. \| .*\n\Z")
            os.write(master, HI + b"\x04")
            self.assertEqual(process.wait(), 0)
            self.assertIn(b"Hi", process.stdout.read())
        os.close(slave)
        os.close(master)
        with tempfile.TemporaryDirectory() as folder:  # nothing is printed for a file
            path = Path(folder, "answer.sse")
            path.write_bytes(HI)
            master, slave = pty.openpty()
            process = self.start(str(path), stdin=slave)
            self.assertEqual((process.wait(), process.stderr.read().decode()), (0, HI_SUMMARY))
            os.close(slave)
            os.close(master)


class Encodings(CLI):
    def test_any_encoding(self) -> None:
        body = text("Zürich 日") + call('{"é":"ß"}', name="ñ") + stop() + DONE
        shown = 'Zürich 日\n\n[tool call 0: ñ]\n{"é":"ß"}\n'
        for encoding in ("utf-8", "ascii", "ascii:strict", "cp1252:strict", "utf-16-le", "shift_jis"):
            name = encoding.partition(":")[0]
            with self.subTest(encoding):
                environment = {**ENVIRONMENT, "PYTHONIOENCODING": encoding}
                done = subprocess.run(COMMAND, input=body, capture_output=True, env=environment)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout, shown.encode(name, "backslashreplace"))
        plain = {**ENVIRONMENT, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        del plain["PYTHONIOENCODING"]
        done = subprocess.run(COMMAND, input=body, capture_output=True, env=plain)
        self.assertEqual((done.returncode, done.stdout), (0, shown.encode("ascii", "backslashreplace")))


if __name__ == "__main__":
    unittest.main()
