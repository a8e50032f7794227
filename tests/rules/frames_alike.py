# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Frames that differ only in a text, with one frame among them that differs in something else."""

from __future__ import annotations

from tests.wire import *


def alike(name, frame, odd, letters="abcdef"):
    """``frame``: JSON with ``%s`` for its text; ``odd``: almost that, with the text A, or no JSON at all."""
    middle = 2 * len(letters) // 3
    frames = [f"data: {frame % letter}\n\n" for letter in letters]
    frames[middle:middle] = [f"data: {odd}\n\n"]
    broken = malformed("data is not JSON; the frame was ignored", middle, odd)
    among = broken if "\\x" in odd else content("A")
    whole = letters[:middle] + getattr(among, "text", "") + letters[middle:]
    return (
        name,
        [*frames, END],
        [sseparse.Start(None, None, 5 if "created" in frame else None), *map(content, letters[:middle]),
         among, *map(content, letters[middle:]), content_done(whole), choice_done(None), DONE],
        "done",
        message({"content": whole}),
    )


PLAIN = '{"object":"","choices":[{"delta":{"content":"%s"}}]}'
PADDED = '{"choices":[{"delta":{"content":"%s"}}],"obfuscation":"x-y"}'
TIMED = '{"created":5,"choices":[{"delta":{"content":"%s"}}]}'
LIKE = [
    ("obfuscation is half of a surrogate pair", PADDED, PADDED.replace("x-y", "\\ud83d") % "A"),
    ("obfuscation is a number", PADDED, PADDED.replace('"x-y"', "5") % "A"),
    ("obfuscation has an invalid escape", PADDED, PADDED.replace("x-y", "\\x") % "A"),
    ("obfuscation has a valid escape", PADDED, PADDED.replace("x-y", "\\n") % "A"),
    ("the key obfuscation is written with an escape", PADDED.replace("fus", "f\\u0075s"), PADDED % "A"),
    ("obfuscation also comes earlier, inside the ignored index",
     PADDED.replace('"%s"', '"%s","index":{"obfuscation":"x-y"}'), PADDED % "A"),
    ("the key content also stands in ignored values, before the text and after it",
     '{"p":"","choices":[{"delta":{"index":[{"content":"%%s"},{"content":5},"content"],"content":"%s",'
     '"p":{"content":"z"}}}]}', PLAIN % "A"),
    ("the key content stands in five more places",
     '{"choices":[{"delta":{"content":"%s"}}],"p":[' + '{"content":"b"},' * 5 + "0]}", PLAIN % "A"),
    ("the key content is written with an escape", PLAIN.replace("ten", "t\\u0065n"), PLAIN % "A"),
    ("choices has a second entry, null", PLAIN.replace("]}", ",null]}"), PLAIN % "A"),
    ("created differs", TIMED, TIMED.replace("5", "50") % "A"),
    ("created is a string", TIMED, TIMED.replace("5", '"5"') % "A"),
]
ROWS = [
    *(alike(*one) for one in LIKE),
    ("an escaped key content in the delta, and text on the choice",
     [*['data: {"object":"","choices":[{"delta":{"cont\\u0065nt":"a"},"text":"a"}]}\n\n'] * 6, END],
     [START, *[content("a")] * 6, content_done("a" * 6), choice_done(None), DONE],
     "done",
     message({"content": "a" * 6}, text=ABSENT)),
    ("reasoning_content stands inside the ignored index, beside reasoning",
     [*[delta({"reasoning": "a", "index": {"reasoning_content": "a"}})] * 4, delta({"reasoning": "b"}), END],
     [START, *[thought(letter, field="reasoning") for letter in "aaaab"], thought_done("aaaab"),
      choice_done(None), DONE],
     "done",
     message({"reasoning": "aaaab", "reasoning_content": ABSENT})),
    ("created changes and also stands inside the ignored index",
     [*({**delta({"content": "a", "index": {"created": 7}}), "created": time} for time in range(5, 12)), END],
     [sseparse.Start(None, None, 5), *[content("a")] * 7, content_done("a" * 7), choice_done(None), DONE],
     "done",
     {"created": 5}),
    ("tool_calls is one object, or has a null entry",
     [calls(fragment(0, "i", "f")), *[delta({"tool_calls": fragment(0, arguments="a")})] * 4,
      *[calls(fragment(0, arguments="b"), None)] * 4, END],
     [START, call_start(0, "i", "f"), *[call_delta(0, "a")] * 4, *[call_delta(0, "b")] * 4,
      call_done(0, "i", "f", "aaaabbbb", "invalid"), choice_done(None), DONE],
     "done",
     final_calls(("i", "f", "aaaabbbb"))),
]
