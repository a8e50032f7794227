# SPDX-License-Identifier: MIT
"""The rules of reading: what a server sends and what must come out, one table for each rule.

A file is found by its rule's number or name: ``rule_04_tool_calls.py``. Files without a number are about
events, about several rules at once, or about the fast path. Each module has ``ROWS``; ``tests/wire.py``
explains the parts of a row. The rows are made up: each is the smallest that shows what its name says.

``tests/test_rules.py`` runs each row as a test of its own and says how to run one. A new file here needs no
other change.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

__all__ = ["TABLES"]

NAMES = sorted(module.name for module in iter_modules(__path__))
TABLES = {name: import_module(f"{__name__}.{name}").ROWS for name in NAMES}
