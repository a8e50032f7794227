# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Rule 16. Never guess."""

from __future__ import annotations

from tests.wire import *

ROWS = [
    ("repeated deltas are not removed, and cumulative content is not detected",
     [say("a"), say("a"), say("aa"), say("aab"), END],
     [START, content("a"), content("a"), content("aa"), content("aab"), content_done("aaaaaab"),
      choice_done(None), DONE],
     "done",
     message({"content": "aaaaaab"})),
]
