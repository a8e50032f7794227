# SPDX-License-Identifier: MIT
"""The command line: it is given bytes, and what it writes is compared whole, mostly from outside.

Where it matters that something is shown at once, the next bytes are held back until it was. A test that
waits for a minute ends the whole run with a traceback.
"""

from __future__ import annotations

import faulthandler
import gzip
import importlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from tests import sseparse

NAME = sseparse.__name__
ROOT = Path(sseparse.__file__).parents[NAME.count(".") + 1]  # a folder or a zip: what sys.path must hold
MAIN = importlib.import_module(f"{NAME}.__main__").main
COMMAND = [sys.executable, "-S", "-X", "dev", "-W", "error", "-m", NAME]  # -S: half of the start is site
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
HI_SUMMARY = "sseparse: model m; choice 0: stop; 5 events; 0 errors\n"

# The recorded call, for where the recording itself is not at hand.
WEATHER = b"".join(
    (
        call("", name="get_current_weather"),
        *map(call, ("{\n", " ", ' "', "location", '":', ' "', "Boston", '"\n', "}")),
        stop("tool_calls"),
        DONE,
    )
)


class Process(subprocess.Popen):
    """A running command line, whose pipes are read as far as expected."""

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
        """Compare what is shown of a whole answer; in this process, because there are many of them."""
        stdin, stdout = io.TextIOWrapper(io.BytesIO(body + DONE)), io.TextIOWrapper(io.BytesIO(), "utf-8")
        stderr = io.StringIO()
        with mock.patch("sys.stdin", stdin), redirect_stdout(stdout), redirect_stderr(stderr):
            status = MAIN(list(arguments))
        self.assertEqual(stdout.buffer.getvalue().decode(), output)
        self.assertRegex(stderr.getvalue(), r"\Asseparse: [^\n]+; 0 errors\n\Z")
        self.assertEqual(status, 0)


class TheMainJob(CLI):
    def test_the_recorded_call(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = RECORDING
            if not path.exists():
                path = Path(folder, "weather.sse")
                path.write_bytes(WEATHER)
            shown = '[tool call 0: get_current_weather]\n{\n  "location": "Boston"\n}\n'
            summary = r"\Asseparse: model (gpt-4-0613|m); choice 0: tool_calls; 14 events; 0 errors\n\Z"
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
        self.assertEqual(stderr, "sseparse: model m; choice 0: stop; 3 total_tokens; 9 events; 0 errors\n")
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

    def test_other_calls(self) -> None:
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
        self.check(call("{}") + stop(), "[tool call 0: None]\n{}\n")

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
        self.check(body, "[choice 1]\nB\n\n[choice 0]\nA\n")

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
            " 7 prompt_tokens, 2 completion_tokens, 9 total_tokens; 9 events; 0 errors\n",
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

    def test_what_is_no_object(self) -> None:
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

    def test_interrupted(self) -> None:
        body = call('{"a": "b', name="f") + text("!") + call('c"}') + stop()
        self.check(
            body, "[tool call 0: f]\na: b\n\n[content]\n!\n\n[tool call 0: f]\na: c\n", "--fields"
        )

    def test_interrupted_before_the_quote(self) -> None:
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
                process.expect('{"type": "start", "id": "c", "model": "m", "created": null}\n')
                process.expect('{"type": "content.delta", "choice": 0, "text": "Hi"}\n')
                fifo.write(stop() + DONE)
            self.assertEqual(process.wait(), 0)

    def test_the_next_choice_once_one_is_finished(self) -> None:
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
        process.stdin.write(usage(total_tokens=3))  # and whoever writes gets no broken pipe
        process.stdin.close()
        self.assertIn(b"; 3 total_tokens; ", process.stderr.read())


class Statuses(CLI):
    def test_not_whole(self) -> None:
        head = "sseparse: the answer is not whole: "
        for name, body, shown, reason in (
            ("empty", b"", "", "truncated error: the stream ended before its first frame"),
            ("cut", text("Hi"), "Hi\n", "truncated error: the stream ended without a finish_reason"),
            ("cut in a frame", HI[:-6], "Hi\n", "truncated error in frame 2: the stream was cut inside"),
            ("cut in the first", HI[:9], "", "truncated error in frame 0: the stream was cut inside"),
            ("malformed", b"data: {]\n\n" + HI, "Hi\n", "malformed error in frame 0: data is no JSON"),
            ("binary", bytes(range(256)) * 9, "", "not_sse error: the body is no event stream"),
            ("web page", b"<!DOCTYPE html>\n<p>x: y</p>\n", "", "not_sse error: the body is no event stream"),
            ("gzip", gzip.compress(HI), "", "not_sse error: the body is gzip: decode Content-Encoding"),
            ("head", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n" + HI, "Hi\n", "not_sse error: the body begins with"),
            ("JSON", b'{"object":"list",\n "data":[]}', "", "not_sse error: the body is no event stream"),
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
            (DONE, "model unknown; 1 event; 0 errors"),
            (usage(total_tokens=1) + DONE, "model unknown; 1 total_tokens; 2 events; 0 errors"),
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
        signal.signal(signal.SIGINT, signal.default_int_handler)  # if it is ignored, that is inherited
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
            except OSError:  # how Linux tells the end
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
