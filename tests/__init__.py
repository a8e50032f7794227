# SPDX-License-Identifier: MIT
"""The tests. From the root of the project::

    python -m unittest                                         # all
    python -m unittest tests.test_rules                        # the rules of reassembly (tests/rules/)
    python -m unittest -k rule_04                              # one of them
    python -m unittest -k "an empty id is no id"               # one row, by its name

They reach the package through the one import below, so that they can be pointed at a copy.
``test_vendoring`` does that: it copies this folder and rewrites the line.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager

import sseparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["by_its_own_name", "sseparse"]


@contextmanager
def by_its_own_name() -> Iterator[None]:
    """Let ``import sseparse`` find the package under test, for code that is written as users write it."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "sseparse"}
    sys.modules["sseparse"] = sseparse
    try:
        yield
    finally:
        if sseparse.__name__ != "sseparse":
            for name in [name for name in sys.modules if name.partition(".")[0] == "sseparse"]:
                del sys.modules[name]
            sys.modules.update(before)
