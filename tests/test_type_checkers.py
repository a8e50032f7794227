# SPDX-License-Identifier: MIT
"""mypy and pyright on code as users write it: the README's snippets must pass, and typos must be found.

The code is checked beside the package and with a vendored copy of it. The tests do not depend on the
checkers: without them these tests are skipped. ``.ci/run`` has them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BESIDE = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
MYPY = shutil.which("mypy", path=BESIDE)
PYRIGHT = shutil.which("basedpyright", path=BESIDE) or shutil.which("pyright", path=BESIDE)
ABSENT = "mypy and basedpyright are not installed; .ci/run has them"
# The names that the README's snippets use without defining them.
GIVEN = """from collections.abc import AsyncIterable, Iterable
from typing import Any


def given() -> Any: ...


source: Iterable[bytes] = given()
asource: AsyncIterable[bytes] = given()
body: bytes = given()
response: Any = given()
connection: Any = given()
messages: list[Any] = []
"""
# Each line that ends with "# typo" has one misspelt word, which both checkers must find. pyright finds a
# comparison with a value that can never be equal only in its strict mode.
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
    sseparse.iter_events(body, body=body)  # typo
    sseparse.iter_events(body, broken=OSError())  # typo
    sseparse.iter_events(body, borken=OSError)  # typo
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
