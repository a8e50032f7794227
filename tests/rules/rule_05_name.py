# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Rule 5. The name of a call that comes more than once."""

from __future__ import annotations

from tests.wire import *

ROWS = [
    ("a repeated name changes nothing",
     [calls(fragment(0, "i", "f")), calls(fragment(0, "i", "f", "{")), calls(fragment(0, "i", "f", "}")),
      END],
     [START, call_start(0, "i", "f"), call_delta(0, "{"), call_delta(0, "}"), call_done(0, "i", "f", "{}"),
      choice_done(None), DONE],
     "done",
     final_calls(("i", "f", "{}"))),
    ("a different name before any argument text is appended; the start event has the first part",
     [calls(fragment(0, "i", "get_")), calls(fragment(0, name="wea", arguments="")),
      calls(fragment(0, name="ther", arguments="{}")), END],
     [START, call_start(0, "i", "get_"), call_delta(0, "{}"), call_done(0, "i", "get_weather", "{}"),
      choice_done(None), DONE],
     "done",
     final_calls(("i", "get_weather", "{}"))),
    ("a longer name that begins with the name so far replaces it",
     [calls(fragment(0, "i", "get")), calls(fragment(0, name="get_weather")), END],
     [START, call_start(0, "i", "get"), call_done(0, "i", "get_weather", "", "empty"), choice_done(None),
      DONE],
     "done",
     final_calls(("i", "get_weather", ""))),
    ("a different name after argument text is ignored",
     [calls(fragment(0, "i", "f", "{")), calls(fragment(0, name="g", arguments="}")), END],
     [START, call_start(0, "i", "f"), call_delta(0, "{"), call_delta(0, "}"), call_done(0, "i", "f", "{}"),
      choice_done(None), DONE],
     "done",
     final_calls(("i", "f", "{}"))),
    ("a first name after argument text is read",
     [calls(fragment(0, "i", arguments="{")), calls(fragment(0, name="f", arguments="}")), END],
     [START, call_start(0, "i", "f"), call_delta(0, "{"), call_delta(0, "}"), call_done(0, "i", "f", "{}"),
      choice_done(None), DONE],
     "done",
     final_calls(("i", "f", "{}"))),
    ("after argument text only a longer name that begins with the name so far is read",
     [calls(fragment(0, "i", "sum", "{")), calls(fragment(0, name="sum_all")),
      calls(fragment(0, name="other")),
      calls(fragment(0, name="sum", arguments="}")), CALLED, END],
     [START, call_start(0, "i", "sum"), call_delta(0, "{"), call_delta(0, "}"),
      call_done(0, "i", "sum_all", "{}"), *CALLS_DONE],
     "done finished",
     final_calls(("i", "sum_all", "{}"))),
]
