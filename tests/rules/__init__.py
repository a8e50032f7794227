# SPDX-License-Identifier: MIT
"""What a server sends and what must come out, one table for each rule of reassembly.

A file is found by its rule's number or name: ``rule_04_tool_calls.py``. Files without a number are about
events, about several rules at once, or about the fast path. Each module has ``ROWS``; ``tests/wire.py``
says how to read a row. The rows are made up, the smallest that show the sentence in their name.

``tests/test_rules.py`` delivers each row as a test of its own and says how to run one. A new file here
needs no other change.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

__all__ = ["TABLES"]

NAMES = sorted(module.name for module in iter_modules(__path__))
TABLES = {name: import_module(f"{__name__}.{name}").ROWS for name in NAMES}
