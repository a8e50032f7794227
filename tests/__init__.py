# SPDX-License-Identifier: MIT
"""The tests. From the root of the project::

    python -m unittest                                         # all
    python -m unittest tests.test_rules                        # the rules of reading (tests/rules/)
    python -m unittest -k rule_04                              # one rule
    python -m unittest -k "an empty id is no id"               # one row of a table, by its name

Where to find a test:

    a rule of reading (1 to 16)     rules/rule_NN_*.py, run by test_rules; wire.py says how a row is written
    a rule of writing               test_encoder; canonical.py checks written bytes against these rules
    the event stream standard       test_decoder
    the same bytes, cut elsewhere   test_invariant
    an unusual body                 test_wires (compared with the reference)
    the fast path                   test_both_paths (the full path gives the same), test_fast (how many frames
                                    it reads)
    limits, time and memory         test_limits, test_complexity
    a class or function             test_partial_json, test_http_body, test_sources, test_think, test_frames,
                                    test_objects (events, errors, properties), test_cli
    a server or a client            test_shared, test_servers, test_clients, test_many
    an example, the README          test_examples, test_systems, test_readme
    the folder, a copy, the types   test_package, test_setup, test_vendoring, test_type_checkers,
                                    test_typed_consumer
    the benchmarks                  test_benchmarks

``reference/`` is a second implementation, slow and simple. ``test_against_reference`` compares random streams
with it, ``test_reference`` compares it with the rows of the rules. All tests import the package through the
one import below, so they can be run against a copy. ``test_vendoring`` does that: it copies this folder and
rewrites that line.
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
