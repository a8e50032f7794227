# SPDX-License-Identifier: MIT
"""The package in other people's projects: a part of this suite, run against copies under other names.

The test makes a project with two copies of the package, and the same project in a zip. It copies the tests
beside each, rewrites the one import line in ``tests/__init__.py``, and runs them in an isolated process with
warnings as errors. The name ``sseparse`` cannot be imported there.

``PART`` lists the tests that depend on the name: import, pickling, copying, the start of the command line,
and one delivery of each rule. With the environment variable ``SSEPARSE_VENDORED=whole`` the whole suite is
run, as ``.ci/run`` does. That takes more than twice as long as all other tests together: each process that
imports from the zip compiles the package again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path

import tests

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(tests.sseparse.__file__).parent

# These are not run against a copy: they test the files around the package, and this one would never end.
AROUND = ("test_benchmarks", "test_readme", "test_setup", "test_type_checkers", "test_vendoring")
PART = ("test_package", "test_objects", "test_decoder.Objects", "test_cli.TheMainJob", "test_rules")
WHOLE = os.environ.get("SSEPARSE_VENDORED") == "whole"
MODULES = sorted(path.stem for path in (ROOT / "tests").glob("test_*.py") if path.stem not in AROUND)
NAMES = [f"tests.{name}" for name in (MODULES if WHOLE else PART)]

# Each property gets a twentieth of its examples, and each row of a rule one delivery: the other examples and
# deliveries do not depend on the name of the package.
RUNNER = """
import sys, unittest
packages, suite, third_party, *names = sys.argv[1:]
sys.path[:0] = [packages, suite]
sys.path.append(third_party)
sys.modules["sseparse"] = None

from hypothesis import settings
as_given = settings.__init__

def fewer(self, parent=None, **options):
    if "max_examples" in options:
        options["max_examples"] = max(1, options["max_examples"] // 20)
    as_given(self, parent, **options)

settings.__init__ = fewer
settings.register_profile("copy", max_examples=100, deadline=None)
settings.load_profile("copy")

from tests import wire
wire.ways = wire.one_way

program = unittest.main(module=None, argv=["unittest", *names], exit=False)
print("tests found:", program.test.countTestCases())
sys.exit(not program.result.wasSuccessful())
"""

SIDE_BY_SIDE = """
import pickle, sys
sys.path.insert(0, sys.argv[1])
sys.modules["sseparse"] = None
from host._vendor import stream_a as a, stream_b as b
body = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"Hi"}}]}\\n\\n'
streams = a.ChatStream(), b.ChatStream()
(start, delta), others = [stream.feed(body) for stream in streams]
assert start != others[0] and not isinstance(delta, b.Event) and isinstance(delta, a.Event)
assert [event.as_dict() for event in (start, delta)] == [event.as_dict() for event in others]
assert [event.type for event in others] == ["start", "content.delta"]
for stream, module, other in zip(streams, (a, b), (b, a)):
    pickled = pickle.dumps(stream)
    assert module.__name__.encode() in pickled and other.__name__.encode() not in pickled
    assert type(pickle.loads(pickled)) is module.ChatStream is not other.ChatStream
    stream.close()
    try:
        stream.completion()
    except module.StreamError as error:
        assert not isinstance(error, other.StreamError)
print(a.__file__, b.__file__)
"""


def third_party() -> str:
    """The folder with the packages that the tests need: -I leaves out some of the places."""
    spec = find_spec("hypothesis")
    assert spec is not None and spec.origin is not None
    return str(Path(spec.origin).parent.parent)


class Vendored(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(place.cleanup)
        top = Path(place.name)
        if (ROOT.parent / "shared").is_dir():
            (top / "shared").symlink_to(ROOT.parent / "shared")
        vendor = top / "folder" / "host" / "_vendor"
        for name in ("stream_a", "stream_b"):
            shutil.copytree(PACKAGE, vendor / name, ignore=shutil.ignore_patterns("__pycache__"))
        for package in (vendor, vendor.parent):
            (package / "__init__.py").touch()
        (top / "zip").mkdir()
        archive = shutil.make_archive(str(top / "zip" / "program"), "zip", top / "folder", "host")
        cls.packages = {"folder": str(top / "folder"), "zip": archive}
        cls.runs = {}
        for kind, name in (("folder", "stream_b"), ("zip", "stream_a")):  # both at once
            cls.copy_suite(top / kind / "tests", f"from host._vendor import {name} as sseparse")
            shutil.copytree(ROOT / "benchmarks" / "recordings", top / kind / "benchmarks" / "recordings")
            given = [cls.packages[kind], str(top / kind), third_party(), *NAMES]
            output = (top / f"{kind}.txt").open("w+b")
            cls.addClassCleanup(output.close)
            command = [sys.executable, "-I", "-W", "error", "-c", RUNNER, *given]
            run = subprocess.Popen(command, cwd=top / kind, stdout=output, stderr=output)
            cls.addClassCleanup(run.wait)
            cls.addClassCleanup(run.kill)
            cls.runs[kind] = (run, output)

    @staticmethod
    def copy_suite(where: Path, line: str) -> None:
        ignore = shutil.ignore_patterns("__pycache__", *(f"{name}.py" for name in AROUND))
        shutil.copytree(ROOT / "tests", where, ignore=ignore)
        init = where / "__init__.py"
        source, replaced = re.subn("^import sseparse$", line, init.read_text("utf-8"), flags=re.MULTILINE)
        if replaced != 1:
            raise AssertionError("tests/__init__.py must import the package in one line")
        init.write_text(source, "utf-8")

    def check(self, kind: str) -> None:
        run, output = self.runs[kind]
        run.wait(timeout=1800)
        output.seek(0)
        report = output.read().decode("utf-8", "replace")
        self.assertEqual(run.returncode, 0, report)
        here = unittest.defaultTestLoader.loadTestsFromNames(NAMES)
        self.assertIn(f"tests found: {here.countTestCases()}\n", report)

    def test_the_suite_against_one_of_two_copies(self) -> None:
        self.check("folder")

    def test_the_suite_against_a_copy_in_a_zip(self) -> None:
        self.check("zip")

    def test_two_copies_share_nothing(self) -> None:
        for kind, where in self.packages.items():
            command = [sys.executable, "-I", "-W", "error", "-c", SIDE_BY_SIDE, where]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            with self.subTest(kind):
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(done.stdout.count(where), 2)
