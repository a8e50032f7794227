# SPDX-License-Identifier: MIT
"""setup.cfg and pyproject.toml describe the package as it is. ``.ci/run`` builds and installs it."""

from __future__ import annotations

import configparser
import importlib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def config(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read_string((ROOT / name).read_text("utf-8"))
    return parser


class Setup(unittest.TestCase):
    def setUp(self) -> None:
        self.config = config("setup.cfg")

    def lines(self, section: str, option: str) -> list[str]:
        return self.config[section][option].split("\n")[1:]

    def test_name_and_version(self) -> None:
        metadata = self.config["metadata"]
        self.assertEqual((metadata["name"], metadata["version"]), ("sseparse", "attr: sseparse.__version__"))

    def test_the_wheel_holds_the_package_and_all_of_it(self) -> None:
        self.assertEqual(self.config["options"]["packages"], "sseparse")
        data = self.config["options.package_data"]["sseparse"].split(", ")
        files = {file.name for file in (ROOT / "sseparse").iterdir() if file.name != "__pycache__"}
        self.assertEqual({name for name in files if not name.endswith(".py")}, set(data))
        self.assertEqual(self.config["metadata"]["license_files"], "sseparse/LICENSE")

    def test_it_needs_nothing(self) -> None:
        self.assertNotIn("install_requires", self.config["options"])
        self.assertEqual(dict(self.config["options.extras_require"]), {"test": "hypothesis"})

    def test_the_console_script_is_there(self) -> None:
        (script,) = self.lines("options.entry_points", "console_scripts")
        name, _, target = script.partition(" = ")
        module, _, function = target.partition(":")
        self.assertEqual(name, "sseparse")
        self.assertTrue(callable(getattr(importlib.import_module(module), function)))

    def test_pythons(self) -> None:
        self.assertEqual(self.config["options"]["python_requires"], ">=3.9")
        classifiers = self.lines("metadata", "classifiers")
        versions = [line.rpartition(" ")[2] for line in classifiers if "Python :: 3." in line]
        self.assertEqual(versions, [f"3.{minor}" for minor in range(9, 15)])

    def test_pyproject_names_the_backend_and_nothing_else(self) -> None:
        pyproject = config("pyproject.toml")
        self.assertEqual(pyproject.sections(), ["build-system"])
        self.assertEqual(pyproject["build-system"]["requires"], '["setuptools"]')
        self.assertEqual(pyproject["build-system"]["build-backend"], '"setuptools.build_meta"')
