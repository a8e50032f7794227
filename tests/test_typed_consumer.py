# SPDX-License-Identifier: MIT
"""The code that the type checkers read does what it says."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tests import by_its_own_name, sseparse
from tests.wire import calls, delta, finish, fragment, say

with by_its_own_name():
    from tests import typed_consumer

    if sys.version_info >= (3, 10):
        from tests import typed_consumer_match

EVENTS = (
    (sseparse.Start("c-1", "m", 7), "c-1 m 7"),
    (sseparse.ContentDelta(0, "a"), "a"),
    (sseparse.ContentDone(0, "b"), "b"),
    (sseparse.ReasoningDelta(0, "c"), "c"),
    (sseparse.ReasoningDone(0, "d"), "d"),
    (sseparse.RefusalDelta(0, "e"), "e"),
    (sseparse.RefusalDone(0, "f"), "f"),
    (sseparse.ToolCallStart(0, 1, "call_1", "look", "function"), "1 call_1 look function"),
    (sseparse.ToolCallDelta(0, 1, "{}"), "{}"),
    (
        sseparse.ToolCallDone(0, 1, "call_1", "look", "{}", "function", "complete"),
        "1 call_1 look {} function complete",
    ),
    (sseparse.AudioDelta(0, None, "g"), "g"),
    (sseparse.LogprobsDelta(0, {"content": []}), "content"),
    (sseparse.ChoiceDone(0, "stop"), "0 stop"),
    (sseparse.Usage({"total_tokens": 3}), "3"),
    (sseparse.Extra(None, None, "citations", [], "chunk"), "citations"),
    (sseparse.Error("malformed", "data is no JSON", frame=2), "malformed: data is no JSON (frame 2)"),
    (sseparse.Done(), "done"),
)
CHUNKS = [
    {"id": "c-1", "created": 7, "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}}]},
    {
        "choices": [{"index": 0, "delta": {"tool_calls": [{"id": "t", "function": {"name": "f"}}]}}],
        "usage": {"total_tokens": 3},
    },
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
BODY = (
    b'data: {"id":"c-1","created":7,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)

types = import_module(f"{sseparse.__name__}.types")
ANSWERS = (
    [
        say("A", id="c-1", created=7, model="m", service_tier="default", system_fingerprint="fp"),
        delta({"refusal": "N"}),
        delta({}, logprobs={"content": []}),
        calls(fragment(0, "call_1", "look", "{}"), fragment(1, "call_2", custom={"name": "f", "input": "x"})),
        {**finish("tool_calls"), "usage": {"total_tokens": 3}},
    ],
    [
        delta({"audio": {"id": "audio_1", "data": "AAA=", "transcript": "Hi", "expires_at": 9}}),
        delta({"function_call": {"name": "look", "arguments": "{}"}}, 1),
        finish(),
    ],
    [delta({"content": [{"type": "text", "text": "A"}]}), delta({"refusal": None}, logprobs=None), finish()],
    [delta({name: "hm"}) for name in ("reasoning_content", "reasoning", "reasoning_text", "thinking")],
    [delta({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]})],
    [
        {"id": "c", "object": "text_completion", "choices": [{"index": 0, "text": "A", "logprobs": None}]},
        {"choices": [], "usage": {"total_tokens": 3}, "service_tier": "default", "system_fingerprint": "fp"},
    ],
    [],
)


class TypedConsumer(unittest.TestCase):
    def test_each_event_is_told_apart(self) -> None:
        self.assertEqual({type(event) for event, _ in EVENTS}, set(sseparse.Event))
        ways = [typed_consumer.by_tag, typed_consumer.by_class]
        if sys.version_info >= (3, 10):
            ways.append(typed_consumer_match.by_pattern)
        for way in ways:
            for event, expected in EVENTS:
                with self.subTest(way=way.__name__, event=event):
                    self.assertEqual(way(event), expected)

    def test_final_object(self) -> None:
        completion = typed_consumer.assemble(CHUNKS)
        self.assertEqual(typed_consumer.read_answer(completion), ("Hi (3)", ["t f "]))
        completion = typed_consumer.assemble([{"choices": [{"index": 0, "text": "Hi"}]}])
        self.assertEqual(typed_consumer.read_answer(completion), ("Hi", []))

    def test_stream(self) -> None:
        self.assertEqual(typed_consumer.drive_a_stream([BODY[:99], BODY[99:]]), sseparse.parse(BODY))
        self.assertIsNone(typed_consumer.mend(BODY))
        self.assertEqual(typed_consumer.mend(BODY[:99]), "truncated")

    def test_parts(self) -> None:
        self.assertEqual(typed_consumer.decode(b"event: a\ndata: b\n\ndata: c"), ["a b 7", "message c 7"])
        self.assertEqual(typed_consumer.read_arguments(['{"a": "b', 'c"}']), ["b", "c", "('a',)", "()"])
        self.assertEqual(typed_consumer.read_arguments(["[1}"])[-1][-5:], " at 2")
        wire = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 2\r\n\r\nHi"
        self.assertEqual(typed_consumer.unwrap(wire), (200, "text/event-stream", b"Hi"))

    def test_sources(self) -> None:
        server, client = socket.socketpair()
        with server, client:
            server.sendall(BODY)
            self.assertEqual(typed_consumer.every_source(BODY, io.BytesIO(BODY), client), 7 * 5)

    def test_async_sources(self) -> None:
        async def main() -> int:
            reader = asyncio.StreamReader()
            reader.feed_data(BODY)
            reader.feed_eof()
            return await typed_consumer.every_async_source(BODY, reader)

        self.assertEqual(asyncio.run(main()), 3 * 5)

    def test_the_final_object_is_what_its_types_say(self) -> None:
        said = set()
        for chunks in ANSWERS:
            assembler = sseparse.ChatAssembler()
            for chunk in chunks:
                self.assertNotIn("error", [event.type for event in assembler.add(chunk)])
            final = assembler.snapshot()
            of = types.TextCompletion if final["object"] == "text_completion" else types.Completion
            self.check(final, of, said)
        known = {kind for kind in vars(types).values() if hasattr(kind, "__required_keys__")}
        fields = {(kind.__name__, field) for kind in known for field in get_type_hints(kind)}
        bases = {field for field in fields if field[0].endswith("Base")}
        self.assertEqual(said, fields - bases)

    def check(self, value: Any, hint: Any, said: set[tuple[str, str]]) -> None:
        """That a value is of a type; add the fields of TypedDicts that it has."""
        if hasattr(hint, "__required_keys__"):
            hints = get_type_hints(hint)
            self.assertLessEqual(hint.__required_keys__, value.keys())
            self.assertLessEqual(value.keys(), hints.keys())
            for field in value:
                said.add((hint.__name__, field))
                self.check(value[field], hints[field], said)
        elif get_origin(hint) is list:
            for item in value:
                self.check(item, *get_args(hint), said)
        elif get_origin(hint) is Literal:
            self.assertIn(value, get_args(hint))
        elif hint is types.ToolCall:
            self.check(value, types.FunctionToolCall if "function" in value else types.CustomToolCall, said)
        elif get_origin(hint) is Union:
            possible = [get_origin(one) or one for one in get_args(hint)]
            self.assertIn(type(value), possible)
        elif hint is not Any:
            self.assertIs(type(value), get_origin(hint) or hint)


# ---- what type checkers say ---------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parent.parent
BESIDE = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
MYPY = shutil.which("mypy", path=BESIDE)
PYRIGHT = shutil.which("basedpyright", path=BESIDE) or shutil.which("pyright", path=BESIDE)
ABSENT = "mypy and basedpyright are not installed; .ci/run has them"
# The names that README's snippets take for given.
GIVEN = """from collections.abc import AsyncIterable, Iterable
from typing import Any

source: Iterable[bytes] = []
asource: AsyncIterable[bytes]
body: bytes = b""
messages: list[Any] = []
"""
# Each line that ends with "# typo" has one misspelt word, which both checkers must find; where it is compared
# with what it can never equal, pyright says so only in its strict mode.
TYPOS = """
def typos(stream: sseparse.ChatStream, event: sseparse.Event, body: bytes) -> None:
    if event.type == "tool_call.dnoe": ...  # typo
    if event.type == "tool_call.done":
        if event.status == "completed": ...  # typo
        if event.kind == "functional": ...  # typo
        event.values  # typo
    if event.type == "extra":
        if event.place == "tool call": ...  # typo
    if event.type == "error":
        if event.kind == "not-sse": ...  # typo
    if event.type == "start":
        if event.object == "chat_completion": ...  # typo
    stream.completion(ignore=("truncate",))  # typo
    stream.completion(["malfromed"])  # typo
    sseparse.parse(body, ignore={"truncate"})  # typo
    stream.completion()["choises"]  # typo
    stream.completion()["choices"][0]["mesage"]  # typo
    stream.message()["contents"]  # typo
    if stream.tool_calls()[0]["type"] == "functions": ...  # typo
    sseparse.ToolCallDone(0, 0, "i", "f", "{}", "function", "completed")  # typo
    sseparse.Error("truncate", "M")  # typo
    sseparse.Extra(None, None, "x", 1, "chunks")  # typo
    sseparse.iter_events("text")  # typo
"""


def flaws(report: str, file: str) -> set[int]:
    """The lines of this file that a checker complains about."""
    return {int(line) for line in re.findall(rf"{re.escape(file)}:(\d+)(?::\d+)?.*error", report)}


@unittest.skipUnless(MYPY and PYRIGHT, ABSENT)
class Checkers(unittest.TestCase):
    """mypy --strict, and pyright in its standard and its strict mode, on code as users write it."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    if sys.version_info < (3, 11):

        def enterContext(self, context: Any) -> Any:
            value = context.__enter__()
            self.addCleanup(context.__exit__, None, None, None)
            return value

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def run_checkers(self, *files: str) -> dict[str, str]:
        reports = {"mypy": self.run_tool(MYPY, "--strict", "--cache-dir", "cache", *files)}
        for mode in ("standard", "strict"):
            settings = {"include": files, "typeCheckingMode": mode, "pythonVersion": "3.11"}
            self.write("pyrightconfig.json", json.dumps(settings))
            reports[f"pyright {mode}"] = self.run_tool(PYRIGHT, "--level", "error")
        return reports

    def run_tool(self, *command: Any) -> str:
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        done = subprocess.run(
            command, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600
        )
        self.assertIn(done.returncode, (0, 1), done.stdout)
        return done.stdout.decode()

    def test_snippets_and_typos(self) -> None:
        copied = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "sseparse", self.folder / "sseparse", ignore=copied)
        shutil.copytree(ROOT / "sseparse", self.folder / "host" / "_vendor" / "stream", ignore=copied)
        for package in ("host", "host/_vendor"):
            self.write(f"{package}/__init__.py", "")
        snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
        self.assertTrue(snippets)
        files: list[str] = []
        for name, line in (
            ("own", "import sseparse"),
            ("vendored", "from host._vendor import stream as sseparse"),
        ):
            for number, snippet in enumerate(snippets):
                file = f"{name}_{number}.py"
                self.write(file, GIVEN + snippet.replace("import sseparse\n", f"{line}\n"))
                files.append(file)
            self.write(f"{name}_typos.py", line + TYPOS)
            files.append(f"{name}_typos.py")
        typos = [at for at, text in enumerate(f"{line}{TYPOS}".splitlines(), 1) if text.endswith("# typo")]
        compared = [at for at in typos if "==" in f"{line}{TYPOS}".splitlines()[at - 1]]
        for checker, report in self.run_checkers(*files).items():
            expected = set(typos) - (set(compared) if checker == "pyright standard" else set())
            for file in files:
                with self.subTest(checker, file=file):
                    found = flaws(report, file)
                    self.assertEqual(found, expected if file.endswith("typos.py") else set(), report)


if __name__ == "__main__":
    unittest.main()
