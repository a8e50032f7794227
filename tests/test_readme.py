# SPDX-License-Identifier: MIT
"""The README is true: its snippets run, its tables have the names that exist, its commands work."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import io
import re
import unittest
from pathlib import Path

from tests import by_its_own_name, sseparse
from tests.rules import TABLES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"

WIRE = b"".join(
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[%s]}\n\n' % entry
    for entry in (
        b'{"index":0,"delta":{"role":"assistant","content":"{\\"a\\": "},"finish_reason":null}',
        b'{"index":0,"delta":{"content":"1}"},"finish_reason":null}',
        b'{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function",'
        b'"function":{"name":"f","arguments":"{\\"location\\":"}}]},"finish_reason":null}',
        b'{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" \\"Bos"}}]}}',
        b'{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ton\\"}"}}]}}',
        b'{"index":0,"delta":{},"finish_reason":"tool_calls"}',
    )
) + b"data: [DONE]\n\n"
PRINTED = [
    """{"a": 1}f {'location': 'Boston'}\n""",
    '{"a": 1}',
    'f {"location": "Boston"}\n',
    "",
    "Boston",
    "start\ncontent.delta\ncontent.delta\ntool_call.start\ntool_call.delta\ntool_call.delta\ntool_call.delta\n"
    '{"a": 1}\n',
    "add ['1', '2']\n",
    '200 {"a": 1}\n',
    "alias\n",
    "True\n",
    "2 + 2 4\n",
]


async def each(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


class TestSnippets(unittest.TestCase):
    def test_each_prints_what_it_is_for(self) -> None:
        snippets = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
        self.assertEqual(len(snippets), len(PRINTED))
        for snippet, expected in zip(snippets, PRINTED):
            with self.subTest(snippet):
                source = [WIRE[i : i + 7] for i in range(0, len(WIRE), 7)]
                names = {"source": source, "body": WIRE, "messages": []}
                names["asource"] = each(source)
                printed = io.StringIO()
                with by_its_own_name(), contextlib.redirect_stdout(printed):
                    exec(compile(snippet, "README.md", "exec"), names)
                    if "answer" in names and callable(names["answer"]):
                        self.assertEqual(asyncio.run(names["answer"]()), '{"a": 1}')
                self.assertEqual(printed.getvalue(), expected)
                if "completion" in names:
                    self.assertEqual(names["completion"], sseparse.parse(WIRE))


class TestTables(unittest.TestCase):
    def rows(self, *header: str) -> list[list[str]]:
        """Return the rows of each table whose header begins with these cells."""
        rows: list[list[str]] = []
        is_in = False
        for line in README.read_text("utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not line.startswith("|"):
                is_in = False
            elif is_in and not line.startswith("|-"):
                rows.append(cells)
            elif tuple(cells[: len(header)]) == header:
                is_in = True
        return rows

    def test_events(self) -> None:
        told = {}
        for name, tag, fields, _ in self.rows("name", "`type`"):
            told[name.strip("`")] = (tag.strip("`"), tuple(re.findall(r"`(\w+)`", fields)))
        made = {
            name: (value.type, value.__match_args__)
            for name, value in ((name, getattr(sseparse, name)) for name in sseparse.__all__)
            if isinstance(value, type) and hasattr(value, "as_dict")
        }
        self.assertEqual(told, made)

    def test_all_public_names(self) -> None:
        told = [name for cells in self.rows("name") for name in re.findall(r"`(\w+)`", cells[0])]
        self.assertEqual(sorted(told), sorted(sseparse.__all__))

    def test_what_a_stream_shows(self) -> None:
        rows = self.rows("method or attribute")
        told = [name for cells in rows for name in re.findall(r"`(\w+)", cells[0])]
        self.assertEqual(sorted(told), [name for name in dir(sseparse.ChatStream()) if name[0] != "_"])

    def test_kinds_of_errors_and_limits(self) -> None:
        kinds = [name.strip("`") for name, *_ in self.rows("`Error.kind`")]
        self.assertEqual(sorted(kinds), sorted(sseparse._errors.KINDS))
        told = {name: cells[1] for cells in self.rows("limit") for name in re.findall(r"`(\w+)`", cells[0])}
        defaults = sseparse.ChatStream.__init__.__kwdefaults__
        words = {"64 MiB": 64 << 20, "none": None}
        self.assertEqual(
            {name: words[said] if said in words else int(said) for name, said in told.items()},
            {name: value for name, value in defaults.items() if name != "fast_path"},
        )

    def test_how_often_sseparse_is_faster(self) -> None:
        """The sentences below the two tables count the rows where sseparse is faster than each loop."""
        told = re.findall(
            r"faster than the json loop in (\d+) of (\d+) \w+, than the orjson loop in (\d+),"
            r" than the msgspec loop in (\d+)\.",
            " ".join(README.read_text("utf-8").split()),
        )
        counted = []
        for header in ("stream", "one frame per feed"), ("whole answer, cold, in µs",):
            rows = [[float(cell) for cell in cells[3:]] for cells in self.rows(*header)]
            json_loop, *others = (sum(ours < loops[at] for ours, *loops in rows) for at in range(3))
            counted.append(tuple(map(str, (json_loop, len(rows), *others))))
        self.assertEqual(told, counted)

    def test_the_names_of_reasoning(self) -> None:
        values = importlib.import_module(f"{sseparse.__name__}._values")
        types = importlib.import_module(f"{sseparse.__name__}.types")
        rule_9 = [line for line in README.read_text("utf-8").splitlines() if line.startswith("| 9 |")]
        for name in values.MAY_HOLD_REASONING:
            self.assertIn(name, types.Message.__annotations__)
            self.assertIn(f"`{name}`", "\n".join(rule_9))


class TestCommands(unittest.TestCase):
    def test_ci_runs_the_command_that_the_readme_gives(self) -> None:
        commands = re.findall(r"^    (python3 -m venv .*)$", README.read_text("utf-8"), re.MULTILINE)
        self.assertEqual(len(commands), 1)
        self.assertIn(commands[0], (ROOT / ".ci" / "run").read_text("utf-8"))

    def test_links_lead_somewhere(self) -> None:
        targets = re.findall(r"\]\(([^)#:]+)\)", README.read_text("utf-8"))
        self.assertGreater(len(targets), 15)
        for target in targets:
            self.assertTrue((ROOT / target).exists(), target)



RULE = re.compile(r"^Rule (\d+)\b(.*?)(?=^Rule \d|\Z)", re.DOTALL | re.MULTILINE)
CITED = re.compile(r"\brules? (\d+[a-z]?(?:(?:, | and | to | or )\d+[a-z]?)*)( of reading)?", re.IGNORECASE)
WRITING = ("_encoder.py", "_writer.py", "_completion.py", "_think.py", "test_encoder.py", "test_think.py")


class TestRules(unittest.TestCase):
    """Each rule is written once in the package, at the top of the file that implements it.

    The rules of reading have the numbers 1 to 16. Those of writing, in ``_encoder.py``, have their own.
    """

    @staticmethod
    def texts(writing: bool) -> dict[int, str]:
        """Return the text of each rule: a paragraph of a module's docstring that begins with its number."""
        texts: dict[int, str] = {}
        for path in sorted((ROOT / "sseparse").glob("*.py")):
            if (path.name in WRITING) is writing:
                docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
                for number, text in RULE.findall(docstring or ""):
                    if int(number) in texts:
                        raise AssertionError(f"rule {number} stands twice, again in {path.name}")
                    texts[int(number)] = text
        return texts

    def test_each_cited_rule_is_there(self) -> None:
        books = {writing: self.texts(writing) for writing in (False, True)}
        for path in [README, *(ROOT / "sseparse").glob("*.py"), *(ROOT / "tests").rglob("*.py")]:
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                for found, of_reading in CITED.findall(line):
                    texts = books[path.name in WRITING and not of_reading]
                    numbers = re.findall(r"(\d+)([a-z]?)", found)
                    if " to " in found:
                        first, last = int(numbers[0][0]), int(numbers[-1][0])
                        numbers = [(str(one), "") for one in range(first, last + 1)]
                    for rule, letter in numbers:
                        where = f"{path.relative_to(ROOT)}:{number}: rule {rule}{letter}"
                        with self.subTest(where):
                            self.assertIn(int(rule), texts)
                            if letter:
                                self.assertRegex(texts[int(rule)], rf"(?m)^ *{letter}\. |\({letter}\)")

    def test_each_rule_of_reading_has_a_table_of_tests(self) -> None:
        tables = {int(name.split("_")[1]) for name in TABLES if name.startswith("rule_")}
        self.assertEqual(tables, set(self.texts(writing=False)))

    def test_each_rule_has_an_example(self) -> None:
        for writing in (False, True):
            for number, text in self.texts(writing).items():
                with self.subTest(rule=number, writing=writing):
                    self.assertRegex(text, r"for example|For example|``.+?``|[a-z]: [^ ]")


if __name__ == "__main__":
    unittest.main()
