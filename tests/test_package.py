# SPDX-License-Identifier: MIT
"""The folder: its files, its imports, and that it works in every place."""

from __future__ import annotations

import ast
import json
import pickle
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from importlib import resources
from pathlib import Path

from tests import sseparse

NAME = sseparse.__name__
ROOT = Path(sseparse.__file__).parents[NAME.count(".") + 1]  # a folder or a zip: what sys.path must hold
FILES = {file.name: file for file in resources.files(sseparse).iterdir() if file.name != "__pycache__"}
SOURCES = {name: file.read_text("utf-8") for name, file in FILES.items() if name.endswith(".py")}

FRAMES = (
    b'data: {"id":"c-1","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Good "}}]}\n\n',
    b'data: {"id":"c-1","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"day"}}]}\n\n',
    b'data: {"id":"c-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)
BODY = b"".join(FRAMES)

# The beginning of a program that imports the package under its name here. argv: ROOT, then more arguments.
PROLOGUE = f"""\
import json, os, sys  # os is there as soon as Python has started in the usual way, without -S
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import {NAME} as sseparse
imported = sorted(set(sys.modules) - before)
"""


def run(program: str, *arguments: str, flags: tuple[str, ...] = ("-I", "-S"), root: Path = ROOT) -> str:
    """What the program prints. Warnings are errors; standard error must stay empty."""
    command = [sys.executable, *flags, "-W", "error", "-c", PROLOGUE + program, str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tempfile.gettempdir())
    if done.returncode or done.stderr:
        raise AssertionError(f"exit status {done.returncode}:\n{done.stderr}")
    return done.stdout


def imports(source: str) -> list[ast.Import | ast.ImportFrom]:
    """The import statements that run: all but those for type checkers."""
    found = []
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.append(node)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return found


class Files(unittest.TestCase):
    def test_nothing_but_code_the_licence_and_the_marker(self) -> None:
        self.assertEqual(set(FILES) - set(SOURCES), {"LICENSE", "py.typed"})
        self.assertEqual(FILES["py.typed"].read_bytes(), b"")
        self.assertTrue(FILES["LICENSE"].read_text("utf-8").startswith("MIT License\n"))

    def test_each_file_says_its_licence_first(self) -> None:
        for name, source in SOURCES.items():
            with self.subTest(name):
                self.assertTrue(source.startswith("# SPDX-License-Identifier: MIT\n"))
                self.assertEqual(source.count("SPDX"), 1)

    def test_each_file_has_a_docstring_and_late_annotations(self) -> None:
        for name, source in SOURCES.items():
            with self.subTest(name):
                tree = ast.parse(source)
                self.assertTrue(ast.get_docstring(tree))
                self.assertIn("\nfrom __future__ import annotations\n", source)

    def test_each_public_name_has_a_docstring(self) -> None:
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        public = set(sseparse.__all__) - {"Event", "SSE_HEADERS", "__version__"}
        for source in SOURCES.values():  # not by __doc__, which -OO drops
            for node in ast.parse(source).body:
                if isinstance(node, kinds) and node.name in public:
                    public.remove(node.name)
                    for each in (node, *(node.body if isinstance(node, ast.ClassDef) else [])):
                        if isinstance(each, kinds) and not each.name.startswith("_"):
                            self.assertTrue(ast.get_docstring(each), f"{node.name}, {each.name}")
        self.assertFalse(public)

    def test_the_syntax_is_that_of_3_9(self) -> None:
        for name, source in SOURCES.items():
            ast.parse(source, name, feature_version=(3, 9))

    def test_the_map_names_each_file(self) -> None:
        named = re.findall(r"^    (\w+\.py)  ", sseparse.__doc__ or "", re.MULTILINE)
        if sseparse.__doc__ is not None:  # -OO drops it
            self.assertEqual(sorted(named), sorted(set(SOURCES) - {"__init__.py"}))

    def test_version_is_a_literal(self) -> None:
        (version,) = re.findall(r'^__version__ = "(\d+\.\d+\.\d+)"$', SOURCES["__init__.py"], re.MULTILINE)
        self.assertEqual(sseparse.__version__, version)


class Imports(unittest.TestCase):
    def test_its_own_modules_only_relatively(self) -> None:
        for name, source in SOURCES.items():
            for node in imports(source):
                modules = [each.name for each in node.names]
                if isinstance(node, ast.ImportFrom):
                    self.assertLessEqual(node.level, 1, f"{name} reaches beyond its folder")
                    modules = [] if node.level else [node.module or ""]
                for module in modules:
                    self.assertNotEqual(module.partition(".")[0], "sseparse", f"in {name}")

    def test_imports_have_no_cycle(self) -> None:
        needs = {}
        for name, source in SOURCES.items():
            own = [n for n in imports(source) if isinstance(n, ast.ImportFrom) and n.level]
            needs[name] = {f"{n.module or '__init__'}.py" for n in own}
        for name in ("_events.py", "_errors.py", "types.py"):
            self.assertEqual(needs[name], set(), name)
        while needs:
            lowest = {name for name in needs if not needs[name] & set(needs)}
            self.assertTrue(lowest, f"they import each other: {sorted(needs)}")
            needs = {name: needs[name] for name in needs if name not in lowest}

    def test_import_loads_nothing_beyond_json(self) -> None:
        """typing, dataclasses or asyncio would each take longer than the whole package."""
        used = "sseparse.ChatStream, sseparse.ChatAssembler, sseparse.PartialJSON"
        imported = run(f"{used}; print(*set(sys.modules) - before)").split()
        self.assertIn(f"{NAME}._stream", imported)
        foreign = {module for module in imported if module.partition(".")[0] != NAME.partition(".")[0]}
        self.assertLessEqual(foreign, {"__future__", "zlib"})  # zlib: where it is read from a zip
        self.assertFalse({f"{NAME}.types", f"{NAME}.__main__"} & set(imported))

    def test_reading_a_stream_imports_nothing(self) -> None:
        program = f"""
sseparse.ChatStream
imported = set(sys.modules)
for frame in {FRAMES!r}:
    stream = sseparse.ChatStream()
    stream.feed(frame * 9)
    stream.close()
    stream.snapshot()
print(sorted(set(sys.modules) - imported))
"""
        self.assertEqual(run(program), "[]\n")

    def test_names(self) -> None:
        self.assertLessEqual(set(sseparse.__all__), set(dir(sseparse)))
        with self.assertRaisesRegex(AttributeError, "has no attribute 'nothing'"):
            sseparse.nothing  # noqa: B018

    def test_each_file_is_imported_at_the_first_use_of_a_name(self) -> None:
        own = {f"{NAME}.{name[:-3]}" for name in SOURCES if name[0] == "_" and name[1] != "_"}
        self.assertFalse(own & set(run("print(*imported)").split()))
        program = """
assert set(sseparse.__all__) <= set(dir(sseparse))
try:
    sseparse.nothing
except AttributeError as error:
    assert "has no attribute 'nothing'" in str(error)
names = {}
exec(f"from {sseparse.__name__} import *", names)
assert set(sseparse.__all__) <= set(names)
assert names["encode"] is sseparse.encode and vars(sseparse)["encode"] is sseparse.encode
print(*sorted(set(sys.modules) - before))
try:
    sseparse.chatencoder
except AttributeError as error:
    print(error)
"""
        modules, error = run(program).splitlines()
        self.assertEqual(own - set(modules.split()), {f"{NAME}._input"})  # for the command line
        self.assertEqual(error, f"module {NAME!r} has no attribute 'chatencoder'")

    def test_a_file_is_imported_once_also_if_sys_modules_forgets_it(self) -> None:
        """As after ``with mock.patch.dict(sys.modules, ...)`` around the first use of a stream."""
        program = f"""
(start, *_) = sseparse.ChatStream().feed({FRAMES[0]!r})
for name in set(sys.modules) - before - {{sseparse.__name__}}:
    del sys.modules[name]
print(isinstance(start, sseparse.Start), isinstance(start, sseparse.Event))
"""
        self.assertEqual(run(program), "True True\n")

    def test_types_at_runtime(self) -> None:
        printed = run(f"from {NAME}.types import Completion; print(*sorted(Completion.__required_keys__))")
        self.assertEqual(printed.split(), ["choices", "created", "id", "model", "object"])

    def test_all_is_what_is_there(self) -> None:
        exported = sseparse.__all__
        self.assertEqual(exported, sorted(exported, key=lambda name: (not name.isupper(), name)))
        for name in exported:
            self.assertIsNotNone(getattr(sseparse, name))
        there = {n for n, value in vars(sseparse).items() if n[0] != "_" and not isinstance(value, type(sys))}
        self.assertEqual(there, {*exported, "annotations", "TYPE_CHECKING"})


class Places(unittest.TestCase):
    """One program has the same output for each way to start Python and each place of the package."""

    PROGRAM = f"""
import pickle
stream = sseparse.ChatStream()
frames = {FRAMES!r}
stream.feed(frames[0])
stream = pickle.loads(pickle.dumps(stream))
events = stream.feed(frames[1] + frames[2]) + stream.close()
assert stream.completion() == sseparse.parse(b"".join(frames))
print(*[event.type for event in events], stream.text())
"""
    PRINTED = "content.delta content.done choice.done done Good day\n"

    def test_however_it_is_started(self) -> None:
        for flags in (("-I",), ("-I", "-S"), ("-I", "-O"), ("-I", "-OO"), ("-I", "-bb"), ("-I", "-X", "dev")):
            with self.subTest(flags=flags):
                self.assertEqual(run(self.PROGRAM, flags=flags), self.PRINTED)

    def test_from_a_zip(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            where = Path(folder) / "program.zip"
            packages = NAME.split(".")
            with zipfile.ZipFile(where, "w") as archive:
                for depth in range(1, len(packages)):
                    archive.writestr("/".join([*packages[:depth], "__init__.py"]), "")
                for name, file in FILES.items():
                    archive.writestr("/".join([*packages, name]), file.read_bytes())
            self.assertEqual(run(self.PROGRAM, root=where), self.PRINTED)
            self.assertIn(str(where), run("print(sseparse.__file__)", root=where))

    def test_streams_go_on_in_another_process(self) -> None:
        halves, expected = [], []
        for cut in range(len(BODY)):
            stream = sseparse.ChatStream()
            stream.feed(BODY[:cut])
            halves.append((pickle.dumps(stream).hex(), BODY[cut:].hex()))
            expected.append([repr(event) for event in stream.feed(BODY[cut:]) + stream.close()])
        program = """
import pickle
with open(sys.argv[2], "rb") as file:
    halves = json.load(file)
for stream, rest in halves:
    stream = pickle.loads(bytes.fromhex(stream))
    print(json.dumps([repr(event) for event in stream.feed(bytes.fromhex(rest)) + stream.close()]))
"""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "halves.json"
            file.write_text(json.dumps(halves), "utf-8")
            printed = run(program, str(file))
        self.assertEqual([json.loads(line) for line in printed.splitlines()], expected)
