# SPDX-License-Identifier: MIT
"""Speed and memory: ``python -m benchmarks``, from the checkout. The package does not need this folder.

    workloads.py      the streams, and what each contains
    contestants.py    the readers that are compared: floors, sseparse, other packages
    loops.py          the readers that a user would write by hand
    rows.py           the parts of sseparse, and sseparse against another checkout of it
    cold.py           whole answers, each read by a new stream
    scale.py          long streams, large events, memory, import time, PartialJSON
    gateway.py        many streams through a proxy
    measure.py        how time is measured
    record.py         recording a stream of a real server
    chart.py          the chart in the README
    __main__.py       the command line, and the tables
"""
