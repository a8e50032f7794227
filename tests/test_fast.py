# SPDX-License-Identifier: MIT
"""The fast path: most frames are not parsed in full, and the events are the same.

No event shows which path a frame took. So these tests count work instead of measuring time: ``read_in_full``
returns the number of frames that the stream parsed. ``Version`` tests the numbers that the fast path needs.
"""

from __future__ import annotations

import inspect
import itertools
import json
import re
import unittest
from unittest import mock

from tests.rules import TABLES
from tests.wire import END, RECORDINGS, chunk, deliver, delta, readings, sse, sseparse, text_of


def read_in_full(stream):
    """Return how many frames of the stream were read in full."""
    return stream._full


MARK = "\x1a"  # stands where the text comes
OTHER = "\x1b"  # where another comes


def call(**fields):
    return {"tool_calls": [{"index": 0, "id": "a", **fields}]}


def spaced(pattern):
    """JSON as Python writes it by default."""
    return json.dumps(pattern, ensure_ascii=False)


def run_of(pattern, texts, others=()):
    """Return one frame for each text. If there are no others left, the texts are the others."""
    line = text_of(pattern).replace(json.dumps(MARK)[1:-1], MARK).replace(json.dumps(OTHER)[1:-1], OTHER)
    return [
        line.replace(MARK, text).replace(OTHER, other)
        for text, other in zip(texts, others or texts)
    ]


WORDS = [f"w{number}" for number in range(40)]
OTHERS = [*WORDS[1:], "w"]
LETTERS = ["\u00e9", "\u20ac", "\U0001f600", "\u00fc"]
NUMBERS = [str(number) for number in range(100, 140)]

CONTENT = chunk({"content": MARK})
PADDED = chunk({"content": MARK}, p=OTHER)
TIMED = '{"id":"i","created":\x1b,"choices":[{"index":0,"delta":{"content":"\x1a"}}]}'
COUNTED = text_of(chunk({"content": MARK}, usage={"n": OTHER})).replace(json.dumps(OTHER), OTHER)
COUNTED_FIRST = '{"id":"i","usage":{"n":\x1b},"choices":[{"index":0,"delta":{"content":"\x1a"}}]}'
LATE_TIMED = '{"id":"i","choices":[{"delta":{"content":"\x1a"}}],"created":\x1b}'

TEXT_FIELDS = ("content", "reasoning_content", "reasoning", "reasoning_text", "thinking", "refusal")

# (name, frames, how many besides the first may be read in full; None: only the events are compared)
# The first frame of each kind is read in full, the second if the first changed the state, and one more: a
# frame is learnt only if its order of keys came before.
RUNS = [
    *((name, run_of(chunk({name: MARK}), WORDS), 2) for name in TEXT_FIELDS),
    ("text of a completion", run_of({"id": "i", "choices": [{"index": 0, "text": MARK}]}, WORDS), 2),
    ("arguments", run_of(chunk(call(function={"name": "f", "arguments": MARK})), WORDS), 2),
    ("arguments of a call without an index",
     run_of(chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": MARK}}]}), WORDS), None),
    ("arguments of a call never named are kept without an event",
     run_of(chunk(call(function={"arguments": MARK})), WORDS), None),
    ("input of a custom tool", run_of(chunk(call(custom={"name": "f", "input": MARK})), WORDS), 2),
    ("function_call", run_of(chunk({"function_call": {"name": "f", "arguments": MARK}}), WORDS), None),
    ("white space in the JSON", run_of(spaced(chunk({"content": MARK})), WORDS), 2),
    ("white space before the colons, too",
     run_of(spaced(chunk({"content": MARK})).replace(":", "\t:"), WORDS), None),
    ("the same text each time", run_of(CONTENT, ["x"] * 40), 2),
    ("the same text as what is put in its place to try", run_of(CONTENT, ["y"] * 40), 2),
    ("no text", run_of(CONTENT, ["a", "b", "c"] + [""] * 37), 2),
    ("text beyond ASCII", run_of(CONTENT, LETTERS * 10), 2),
    ("an escaped key, and a value that is the key",
     run_of('{"id":"i","p":"content","choices":[{"delta":{"c\\u006fntent":"\x1a"}}]}', WORDS), None),
    ("an empty list under a key that comes again",
     run_of('{"id":"i","p":"content","choices":[],"choices":[{"delta":{"c\\u006fntent":"\x1a"}}]}',
            WORDS), None),
    ("escapes", run_of(CONTENT, ["\\n", "\\\"", "\\u00e9", "\\\\"] * 10), 2),
    ("a text that is a key, too", run_of(CONTENT, ["content"] * 40), 2),
    ("a value before the text that is the name of its key",
     run_of({"x": "content", **CONTENT}, WORDS), 2),
    ("a text that stands beside it, too", run_of(chunk({"content": MARK}, model="w0"), WORDS), 2),
    ("the same key in the chunk, before it and with another value",
     run_of('{"x":{"content":"z"},"id":"i","choices":[{"index":0,"delta":{"content":"\x1a"}}]}', WORDS),
     None),
    ("a key that comes twice",
     run_of('{"id":"i","choices":[{"index":0,"delta":{"content":"a","content":"\x1a"}}]}', WORDS), None),
    ("a key that comes twice, with the text that is put in its place to try",
     run_of('{"id":"i","choices":[{"index":0,"delta":{"content":"\x1b","content":"\x1a"}}]}',
            ["x"] * 5 + WORDS, ["x"] * 3 + ["q", "r", *OTHERS]), None),
    *((f"a key that is also found where no value follows: {key}",
       run_of(chunk({"content": MARK, "x": value, key: OTHER}), WORDS, OTHERS), None)
      for key, value in (("a\\", 'a":!'), (",", ["", ":b"]))),
    ("a key that is also found where an unfinished string follows",
     run_of({**chunk({"content": MARK, "\\": OTHER}), "x": '":'}, WORDS, OTHERS), None),
    *((f"a value that is what is put in its place to try, below an unchanged look-alike: {key}, {value}",
       [text_of({"x": {"choices": {"delta": {key: decoy}}},
                 **chunk({"content": "a", key: other})}).replace("0x", value)
        for decoy, other in (("0x", "a"), ("0x", "b"), ("0x", "0x"), ("c", "0x"), ("0x", "d"))], None)
      for key in ("y", "y-z") for value in ("0x", "0\\u0078")),
    ("two texts in one delta",
     run_of(chunk({"content": MARK, "reasoning": MARK}), WORDS), None),
    ("the same unknown field each time", run_of(chunk({"content": MARK}, x="z"), WORDS), 2),
    *((f"an unknown field with {levels} levels that changes after some time",
       run_of('{"id":"i","x":\x1b,"choices":[{"index":0,"delta":{"content":"\x1a"}}]}', WORDS,
              ["[" * levels + "]" * levels] * 15 + ["[" * levels + "1" + "]" * levels] * 25), full)
      for levels, full in ((2, 5), (9, 5), (90, 5), (120, None))),
    ("an unknown field that changes", run_of(chunk({"content": MARK}, x=MARK), WORDS), None),
    ("usage that is null", run_of(chunk({"content": MARK}, usage=None), WORDS), 2),
    ("usage that does not change", run_of(chunk({"content": MARK}, usage={"n": 1}), WORDS), 3),
    ("padding", run_of({**CONTENT, "obfuscation": OTHER}, WORDS, OTHERS), 2),
    ("padding of Mistral", run_of(PADDED, WORDS, OTHERS), 2),
    ("padding before the text", run_of({"p": OTHER, **CONTENT}, WORDS, OTHERS), 2),
    ("padding that is the text", run_of(chunk({"content": MARK}, obfuscation=MARK), WORDS), 2),
    ("padding that is what is put in its place to try",
     run_of(chunk({"content": MARK}, obfuscation="x"), WORDS), 2),
    ("padding with escapes",
     run_of(PADDED, WORDS, ["a", "b", "\\n", "-", "\\u00e9", "", "a b", "\u00fc"] * 5),
     2),
    *((f"padding that ends {how}",
       [*run_of(PADDED, WORDS, OTHERS)[:30], run_of(PADDED, ["a"], ["b"])[0].replace('"b"', end),
        *run_of(PADDED, WORDS, OTHERS)[:10]], 4)
      for how, end in (("as it begins", '"'), ("in a wrong escape", '"\\x"'), ("early", '"a"b"'))),
    ("an id that changes", run_of(chunk({"content": MARK}, id=OTHER), WORDS, NUMBERS), 2),
    ("an id that changes, behind the text",
     run_of({**delta({"content": MARK}), "created": 5, "id": OTHER}, WORDS, NUMBERS), 2),
    ("an id that changes, behind four values that are the name of its key",
     run_of({**dict.fromkeys("abcd", "id"), **chunk({"content": MARK}, id=OTHER)}, WORDS, NUMBERS), None),
    ("a time that changes", run_of(TIMED, WORDS, NUMBERS), 2),
    ("a time that changes, behind the text", run_of(LATE_TIMED, WORDS, NUMBERS), 2),
    ("a time of 18 digits", run_of(TIMED, WORDS, ["1" * 15 + number for number in NUMBERS]), 2),
    ("a time of 19 digits", run_of(TIMED, WORDS, ["1" * 16 + number for number in NUMBERS]), None),
    ("a time that is a float", run_of(TIMED.replace(OTHER, OTHER + ".5"), WORDS, NUMBERS), None),
    ("an id and a time that change", run_of(TIMED.replace('"i"', '"\x1a"', 1), WORDS, NUMBERS), None),
    ("a time that is 0 once", run_of(TIMED, WORDS, [*NUMBERS[:30], "0", *NUMBERS[31:]]), 3),
    ("a time with a leading 0, which is no JSON, and an error changes the state",
     run_of(TIMED, WORDS, [*NUMBERS[:30], "0130", *NUMBERS[31:]]), 4),
    ("the same, behind the text",
     run_of(LATE_TIMED, WORDS, [*NUMBERS[:30], "0130", *NUMBERS[31:]]), 4),
    ("a time in other digits", run_of(TIMED, WORDS, [*NUMBERS[:30], "\u0661\u0663\u0660", *NUMBERS[31:]]), 4),
    *((f"counts that {how}", run_of(pattern, WORDS, [*NUMBERS[:20], *numbers, *NUMBERS[20:]][:40]), full)
      for pattern in (COUNTED, COUNTED.replace('"id"', '"%d%%":"%s","id"'), COUNTED_FIRST)
      for how, numbers, full in (
          ("go up by one", [], 3),
          ("go up in another way", ["7", "9", "11", "14", "16", "16", "16", "9", "8", "7"], 3),
          ("go below zero and back", ["2", "1", "0", "-1", "-2", "-1", "0", "1"], 3),
          ("are written in another way", ["119", "120.0", "121", "122e0", "123", "12.4e1", "125"], None),
          ("come as expected after one that is no integer", ["1.5", "120", "120", "121", "120"], None),
          ("have a zero before, which is no JSON", ["0120"], None),
          ("have a minus before zero", ["2", "1", "-0", "-1"], 3),
          ("are true instead of 1", ["0", "1", "true", "2", "3"], None),
          ("are large", ["9" * 18, "1" + "0" * 18, "9" * 30, "1" + "0" * 30, "1" * 5000], None))),
    ("counts before and behind the text, and the frame that was expected comes after another one",
     [text_of({"usage": {"n": before}, "id": "i", **delta({"content": "w"}), "x": {"m": behind}})
      for before, behind in ((2, 2), (4, 3), (12, 6), (13, 6), (14, 7), (14, 6), (15, 6))], None),
    ("the same text in padding, which is no string",
     run_of({"p": {"content": OTHER}, **CONTENT}, ["a"] * 40, ["a"] * 20 + ["b"] * 20), 3),
    ("the same text in padding, which is no string, beside padding that is one",
     run_of({"p": {"content": MARK}, "obfuscation": OTHER, **CONTENT}, ["a"] * 40, OTHERS), 2),
    ("the same text in too many places to try",
     run_of({"p": [{"content": "a"}] * 4, **CONTENT}, ["a"] * 40), None),
    *((f"padding that was {first} and is no JSON any more",
       [*run_of(padded, ["a"] * 3, [first] * 3), *run_of(padded, "a", "x"), *run_of(padded, "b", "5")],
       None)
      for padded in (text_of(pattern).replace(json.dumps(OTHER), OTHER)
                     for pattern in (PADDED, {"p": OTHER, **CONTENT}))
      for first in ("1", "1.5", "true", "null", "{}", "[]")),
    *((f"both kinds of call in one fragment, {key}, {before}, then {after}",
       [text_of(chunk(call(function={"name": "f"})))] * kind
       + [text_of(chunk(call(custom={"name": "f", "input": one}, function={"arguments": two})))
          .replace('"arguments"', key) for one, two in [before] * 3 + [after]], None)
      for kind in (0, 1) for key in ('"arguments"', '"argument\\u0073"')
      for before in (("a", "b"), ("a", "a"), ("", "b"), ("a", ""))
      for after in (("a", ""), ("", "a"), ("c", "b"), ("a", "c"), ("c", "a"), ("", ""))),
    ("the end", [*run_of(CONTENT, WORDS), "[DONE]"], 3),
    *((f"a field more in the frame {place}",
       run_of(CONTENT, [*WORDS[:place], 'a","y":"b', *WORDS[place:]]), 4) for place in range(20, 40)),
    ("no space after the name of the field",
     [f"data:{frame}\n\n".encode() for frame in run_of(CONTENT, WORDS)], 2),
    ("what is no UTF-8, beside the text",
     [f"data: {frame}\n\n".encode("latin-1")
      for frame in run_of({**CONTENT, "x": OTHER}, WORDS, ["\xff"] * 40)], None),
    ("what is no UTF-8, before the text",
     [f"data: {frame}\n\n".encode("latin-1")
      for frame in run_of({"x": OTHER, **CONTENT}, WORDS, ["\xff"] * 40)], None),
    ("what is no UTF-8, before the text, and padding",
     [f"data: {frame}\n\n".replace("\\u00ff", "\xff").encode("latin-1")
      for frame in run_of({"x": "\xff", **PADDED}, WORDS, OTHERS)], None),
    ("what is no UTF-8, inside the text",
     [f"data: {frame}\n\n".encode("latin-1")
      for frame in run_of(CONTENT, ["a"] * 20 + ["\xff"] + ["a"] * 19)], 3),
    ("an unknown field of a delta whose name only sounds like reasoning",
     run_of(chunk({"content": MARK, "thinking_budget": OTHER}), WORDS, NUMBERS), 4),
    ("two choices in turn",
     [text_of(chunk({}, choices=[{"index": number % 2, "delta": {"content": word}}]))
      for number, word in enumerate(WORDS)], 4),
    ("two calls in turn",
     [text_of(chunk({"tool_calls": [{"index": number % 2, "id": "ab"[number % 2],
                                     "function": {"name": "f", "arguments": word}}]}))
      for number, word in enumerate(WORDS)], 4),
    ("two calls without an index in turn",
     [text_of(chunk({"tool_calls": [{"id": "ab"[number % 2], "function": {"name": "f", "arguments": word}}]}))
      for number, word in enumerate(WORDS)], None),
    *((f"text beside a fragment without any, which touches another call: {name}",
       [text_of(chunk({"tool_calls": [{"index": n, "id": id, "function": {"name": "f", "arguments": id}}]}))
        for n, id in enumerate("ab")]
       + run_of(chunk({name: MARK, "tool_calls": [fragment]}), WORDS)
       + [text_of(chunk({"tool_calls": [{"index": 1, "function": {"arguments": "1"}}]})),
          *run_of(chunk({name: MARK, "tool_calls": [fragment]}), ["a"]),
          text_of(chunk({"tool_calls": [{"function": {"arguments": "to a"}}]}))], None)
      for name in ("content", "reasoning")
      for fragment in ({"index": 0, "function": {"arguments": ""}}, {"id": "a"})),
    *((f"numbers beside {fragment}, which touches another call",
       [text_of(chunk({"tool_calls": [{"index": n, "id": id, "function": {"name": "f", "arguments": id}}]}))
        for n, id in enumerate("ab")]
       + [text_of(chunk({"tool_calls": [fragment]}, usage={"n": n})) for n in range(5)]
       + [text_of(chunk({"tool_calls": [{"index": 1, "function": {"arguments": "1"}}]})),
          text_of(chunk({"tool_calls": [fragment]}, usage={"n": 5})),
          text_of(chunk({"tool_calls": [{"function": {"arguments": "to a"}}]}))], None)
      for fragment in ({"index": 0, "id": "a"}, {"id": "a"})),
    ("16 choices", [text_of(chunk({}, choices=[{"index": number % 16, "delta": {"content": "a"}}]))
                    for number in range(160)], 57),
    ("17 choices", [text_of(chunk({}, choices=[{"index": number % 17, "delta": {"content": "a"}}]))
                    for number in range(170)], 66),
    ("two choices in one chunk",
     run_of({"id": "i", "choices": [{"delta": {"content": MARK}}, {"index": 1, "delta": {}}]}, WORDS), None),
    ("an entry without an index", run_of({"id": "i", "choices": [{"delta": {"content": MARK}}]}, WORDS), 2),
    ("a message instead of a delta",
     run_of({"id": "i", "choices": [{"message": {"content": MARK}}]}, WORDS), None),
    ("a model that changes in the middle",
     run_of(CONTENT, WORDS[:20]) + run_of(chunk({"content": MARK}, model="n"), WORDS[20:]), 4),
    ("one that ends the run, and the run goes on",
     run_of(CONTENT, WORDS[:20]) + [text_of(chunk({"content": "a"}, x=1))]
     + run_of(CONTENT, WORDS[20:]), 4),
    ("an escape that is none, although int() takes it",
     run_of(CONTENT, WORDS[:20] + ["\\u+12a"] + WORDS[20:]), 4),
    ("half a character", run_of(CONTENT, ["\\ud83d", "\\ude00"] * 20), None),
    ("a whole one of two escapes", run_of(CONTENT, ["\\ud83d\\ude00"] * 40), 2),
    ("frames of 16 KiB", run_of(CONTENT, ["x" * 16000] * 40), 2),
    ("longer ones", run_of(CONTENT, ["x" * 17000] * 40), None),
    ("23 that are too long to be learnt, then a run", run_of(CONTENT, ["x" * 17000] * 24 + WORDS), 25),
    ("23 that are never alike, then a run",
     [text_of(chunk({"content": "a"}, **{f"x{number}": None})) for number in range(24)]
     + run_of(CONTENT, WORDS), 26),
    *((f"usage that grows to {size} values between frames that are known, and {after} of these",
       [*run_of(COUNTED, WORDS, NUMBERS)[:9],
        text_of(chunk({"content": "a"}, usage={f"x{number}": 1 for number in range(size)})),
        *run_of(COUNTED, WORDS, NUMBERS)[:after]], None)
      for size in (126, 127, 128, 300) for after in (1, 3)),
    # A thousand frames, many in each feed of some kilobytes.
    ("content, many", run_of(CONTENT, WORDS * 25), 2),
    ("arguments, many", run_of(chunk(call(function={"name": "f", "arguments": MARK})), WORDS * 25), 2),
    ("no text now and then", run_of(CONTENT, ["a", "b", "c", ""] * 250), 2),
    ("no reasoning now and then, so that it comes from another field, many",
     run_of(chunk({"reasoning": MARK, "thinking_blocks": "b"}), [*WORDS[:20], *WORDS, ""] * 10), None),
    ("no text for long, and a bad frame, whose number counts all of them",
     [*run_of(CONTENT, WORDS + [""] * 200), "x", *run_of(CONTENT, WORDS)], 4),
    ("padding, many", run_of(PADDED, WORDS * 25, NUMBERS * 25), 2),
    ("padding before the text, many", run_of({"p": OTHER, **CONTENT}, WORDS * 25, NUMBERS * 25), 2),
    ("padding with escapes, many", run_of(PADDED, WORDS * 25, ["a", "\\n", "\u00e9", ""] * 250), 2),
    ("a time that changes, many", run_of(TIMED, WORDS * 25, NUMBERS * 25), 2),
    ("text beyond ASCII, many", run_of(CONTENT, LETTERS * 250), 2),
]  # fmt: skip


def wires_of(frames, end="\n"):
    return [sse(f"data: {frame}\n\n" if isinstance(frame, str) else frame, end=end) for frame in frames]


class Runs(unittest.TestCase):
    maxDiff = None

    def test_frames_that_are_read_in_full(self):
        for name, frames, most in RUNS:
            for end in ("\n", "\r\n"):
                wires = wires_of(frames, end)
                slow, expected = deliver(wires, fast_path=False)
                self.assertEqual(read_in_full(slow), len(frames))
                for way, pieces in (("one frame per feed", wires), ("one feed", [b"".join(wires)])):
                    with self.subTest(name, end=end, way=way):
                        stream, events = deliver(pieces)
                        self.assertEqual(events, expected)
                        self.assertEqual(readings(stream), readings(slow))
                        if most is not None:
                            self.assertLessEqual(read_in_full(stream), 1 + most)

    def test_zeros_of_both_signs(self):
        """They are equal, but their JSON texts differ."""
        for pattern in ({"x": {"n": OTHER}}, {"x": {"n": OTHER, "m": 1}}, {"x": {"n": [OTHER]}},
                        {"x": {"n": 1, "m": [{"n": OTHER}]}}, {"usage": {"n": OTHER}}):  # fmt: skip
            line = text_of(chunk({"content": MARK}, **pattern)).replace(json.dumps(OTHER), OTHER)
            for numbers in itertools.product(("0.0", "-0.0", "1.5"), repeat=5):
                wires = wires_of(run_of(line, WORDS, numbers))
                whole, events = deliver(wires, fast_path=False)
                fast, others = deliver(wires)
                self.assertEqual(repr(others), repr(events))
                self.assertEqual(repr(fast.snapshot()), repr(whole.snapshot()))

    def test_a_lesson_without_room_on_the_stack(self):
        wires = wires_of(run_of(CONTENT, WORDS))
        with mock.patch.object(sseparse._fast.Lesson, "learn", side_effect=RecursionError):
            stream, events = deliver(wires)
        self.assertEqual(events, deliver(wires, fast_path=False)[1])
        self.assertEqual(read_in_full(stream), len(wires))

    def test_a_long_line_of_a_template_with_several_holes(self):
        frames = run_of(COUNTED, WORDS, NUMBERS)
        frames[30:30] = run_of(COUNTED, ["w" * sseparse._fast.LARGEST_BULK], ["7"])
        stream, events = deliver(wires_of(frames))
        self.assertEqual(events, deliver(wires_of(frames), fast_path=False)[1])
        others, _ = deliver(wires_of(frames[:30] + frames[31:]))
        self.assertEqual(read_in_full(stream), read_in_full(others) + 1)

    def test_a_lesson_whose_event_has_no_source(self):
        text = chunk({"refusal": "a"})
        stream, _ = deliver(wires_of([text_of(chunk({"content": "a", "refusal": "b"}))]))
        for kind in (sseparse.ContentDelta, sseparse.RefusalDelta):
            lesson = sseparse._lesson.Lesson(text_of(text), text, stream._fast._reader, {})
            with self.subTest(kind):
                self.assertEqual(lesson.learn([kind(0, "a")], 0), kind is sseparse.RefusalDelta)

    def test_comments_between_frames(self):
        wires = [wire for frame in wires_of(run_of(CONTENT, WORDS)) for wire in (frame, b": ping\n\n")]
        stream, events = deliver(wires)
        self.assertEqual(events, deliver(wires, fast_path=False)[1])
        self.assertLessEqual(read_in_full(stream), 3)

    def test_a_whole_body_that_begins_with_another_line(self):
        """The grammar reads only the first frame of the feed. OpenRouter begins with a comment."""
        body = b"".join(wires_of(run_of(CONTENT, WORDS)))
        for first in (b"", b": OPENROUTER PROCESSING\n\n", b"event: message\n", b"id: 1\n"):
            stream = Watched()
            stream.feed(first + body)
            with self.subTest(first):
                self.assertEqual(stream.text(), "".join(WORDS))
                self.assertLess(stream.parsed, len(first + body) / 10)


class Watched(sseparse.ChatStream):
    """A stream that counts the bytes which the grammar reads."""

    parsed = 0

    def _parse(self, data):
        self.parsed += len(data)
        super()._parse(data)


def with_usage(number):
    return {"n": number, "m": 3, "d": {"k": number, "l": 0}, "x": None}


HOLE = "\x1a\x1a"  # stands where a JSON value comes
FIELDS = chunk({"content": MARK})
DETAILS = [{"type": "reasoning.text", "text": MARK, "index": 0}]
# Frames as servers send them: a chunk with holes for texts (MARK) and for values (HOLE), and such a value
# in which # stands for a number.
PATTERNS = [
    ("padding", {**FIELDS, "obfuscation": MARK}, None),
    ("padding of any kind", {**FIELDS, "p": HOLE}, '"x#"'),
    ("padding of any kind before the text", {"p": HOLE, **FIELDS}, "7#"),
    ("an id", {**FIELDS, "id": HOLE}, '"j#"'),
    ("a time", {"id": "i", "created": HOLE, **delta({"content": MARK})}, "8#"),
    ("a time behind the text", {"id": "i", **delta({"content": MARK}), "created": HOLE}, "8#"),
    ("usage (vLLM)", {**FIELDS, "usage": HOLE}, '{"n":#,"m":3}'),
    ("numbers of usage (xAI)", {**FIELDS, "usage": with_usage(HOLE)}, "#5"),
    ("arguments and usage",
     chunk(call(function={"name": "f", "arguments": MARK}), usage=with_usage(HOLE)), "#5"),
    ("an unknown field of a chunk (llama.cpp)", {**FIELDS, "timings": HOLE}, '{"a":1.#,"b":[1]}'),
    ("numbers of an unknown field (llama.cpp)", {**FIELDS, "timings": with_usage(HOLE)}, "#5"),
    ("numbers of an unknown field of a choice",
     chunk({}, choices=[{"index": 0, "delta": {"content": MARK}, "x": with_usage(HOLE)}]), "#5"),
    ("one that stays (Perplexity)", {"citations": ["a", {"b": HOLE}], **FIELDS}, "1"),
    ("signs of an error without choices, beside choices (MiniMax)",
     {**FIELDS, "base_resp": {"status_code": 0, "status_msg": ""}, "error_code": HOLE, "detail": "d"}, "0"),
    ("one of a choice (Azure)",
     chunk({}, choices=[{"index": 0, "delta": {"content": MARK}, "x": {"y": HOLE}}]), "true"),
    ("one of a delta", chunk({"content": MARK, "x": HOLE}), '{"text":"a#"}'),
    ("reasoning and its details (OpenRouter)",
     chunk({"reasoning": MARK, "reasoning_details": DETAILS, "content": ""}), None),
    ("reasoning and details with something else",
     chunk({"reasoning": MARK, "reasoning_details": [{**DETAILS[0], "format": HOLE}]}), '"f"'),
    ("reasoning and details of any kind", chunk({"reasoning": MARK, "reasoning_details": HOLE}), '[{"a":#}]'),
    ("content and details of any kind", chunk({"content": MARK, "thinking_blocks": HOLE}), '[{"data":"a#"}]'),
    ("two reasoning fields", chunk({"reasoning": MARK, "reasoning_content": HOLE}), '"a#"'),
    ("content and reasoning", chunk({"reasoning": MARK, "content": MARK}), None),
    ("text beside a delta (Together)",
     chunk({}, choices=[{"index": 0, "text": MARK, "delta": {"token_id": HOLE, "content": MARK}}]), "#5"),
    ("text behind a delta",
     chunk({}, choices=[{"index": 0, "delta": {"content": MARK}, "text": MARK}]), None),
    ("a message beside a delta (Perplexity)",
     chunk({}, choices=[{"index": 0, "message": HOLE, "delta": {"content": MARK}}]), '{"content":"a#"}'),
    ("logprobs", chunk({}, choices=[{"index": 0, "delta": {"content": MARK}, "logprobs": HOLE}]),
     '{"content":[{"token":"a","logprob":-0.#}]}'),
    ("both kinds of call",
     chunk(call(custom={"name": "f", "input": MARK}, function={"arguments": HOLE})), '"b#"'),
    ("an unknown field of a choice that is a number",
     chunk({}, choices=[{"index": 0, "x": HOLE, "delta": {"content": MARK}}]), "#5"),
    ("a fragment without an index", chunk({"tool_calls": [{"function": {"arguments": MARK}}]}), None),
    ("other usage", chunk({"refusal": MARK}, usage={**with_usage(HOLE), "m": 4}), "6#"),
    ("a fragment of the first call",
     chunk({"tool_calls": [{"index": 0, "function": {"arguments": MARK}}]}), None),
    ("a fragment of the second call",
     chunk({"tool_calls": [{"index": 1, "function": {"arguments": MARK}}]}), None),
]  # fmt: skip

# The events of these frames depend on more than one value, or on the frames before.
NEVER_KNOWN = {
    "content and details of any kind", "two reasoning fields", "both kinds of call",
    "a fragment without an index",
}  # fmt: skip

# Lines in which a key stands in another place, with an escape, or twice.
LOOKALIKES = [
    r'''{"content":{"x":1},"choices":[{"index":0,"delta":{"\u0063ontent":"#"}}]}''',
    r'''{"x":"\"content","y":"#","choices":[{"index":0,"delta":{"c\u006fntent":"#"}}]}''',
    r'''{"x":"\"content":"#","choices":[{"index":0,"delta":{"c\u006fntent":"#"}}]}''',
    r'''{"choices":[{"index":0,"delta":{"content":"#"},"delta":{"content":"v"}}]}''',
    r'''{"choices":[{"index":0,"delta":{"content":"#"},"delta":{"c\u006fntent":"v"}}]}''',
    r'''{"choices":[{"index":0,"delta":{"content":"v","c\u006fntent":"#"}}]}''',
    r'''{"choices":[{"index":0,"delta":{"c\u006fntent":"v","content":"#"}}]}''',
    r'''{"choices":[{"index":0,"delta":{"content":"#"}}],"choices":[{"index":0,"delta":{"content":"v"}}]}''',
    r'''{"choices":[{"index":0,"delta":{"content":"v"}}],"choices":[{"index":0,"delta":{"content":"#"}}]}''',
    r'''{"choices":[{"index":0,"delta":{"content":"#","x":"content","content\"":"#"}}]}''',
    r'''{"id":"content","a":",","choices":[{"index":0,"delta":{"content":"#",",":{"a":"#"}}}]}''',
]


TEXTS = [
    *("b", "", "\\n", '\\"', "\\\\", "\u00e9", "\U0001f600", "\\u00e9", "\\ud83d", "\\ud83d\\ude00", "\t"),
    *("\r", "\x7f", "\u2028", "\\x", 'a"', 'x","y":"z', '"},"z":{"a":"'),
]
VALUES = [
    *("0", "-1", "01", "2.5", "1e999", "NaN", "true", "null", "x", '"s"', '""', '"\\n"', '"a', '"\\ud83d"'),
    *("[]", "{}", "[1]", '{"n":6,"m":3}', '{"n":{"a":1}}', '{"content":[{"token":"b"}],"x":1}'),
    *('{"a":\r1}', '{"a":\t1}', " 5", "5 ", "5\r", "\t5", '5,"y":6', "", "9" * 30, '{"a":1,"a":2}'),
    '"w0"',
    *('[{"type":"reasoning.text","text":"q"}]', "[" * 130 + "]" * 130),
]


CALLS = [
    text_of(chunk({"tool_calls": [{"index": index, "id": id, "function": {"name": "f", "arguments": "1"}}]}))
    for index, id in enumerate("ab")
]


def filled(line, number, value):
    """A frame of this kind: the number is in each of its texts and values."""
    return line.replace(MARK, f"w{number}").replace(OTHER, (value or "").replace("#", str(number + 1)))


def line_of(pattern):
    """The JSON of a kind of frame, with MARK and OTHER where its texts and values come."""
    return text_of(pattern).replace(json.dumps(HOLE), OTHER).replace(json.dumps(MARK)[1:-1], MARK)


class Holes(unittest.TestCase):
    """A frame comes often enough to be learnt, and then with another value in one of its holes."""

    def check(self, frames, end):
        wires = wires_of(frames, end)
        whole = b"".join(wires)
        slow, expected = deliver(wires, fast_path=False)
        known = expected, json.dumps(slow.snapshot())  # as text, because 1 == True
        for pieces in (wires, [whole], [whole[at : at + 333] for at in range(0, len(whole), 333)]):
            stream, events = deliver(pieces)
            self.assertEqual(list(map(repr, events)), list(map(repr, expected)))
            self.assertEqual((events, json.dumps(stream.snapshot())), known)

    def test_each_frame_with_each_text_and_value(self):
        for name, pattern, value in PATTERNS:
            line = line_of(pattern)
            frames = [*CALLS, *(filled(line, number, value) for number in range(6))]
            value = filled(OTHER, 3, value)
            stream, _ = deliver(wires_of([*frames, *frames[2:]]))
            if name not in NEVER_KNOWN:
                self.assertLessEqual(read_in_full(stream), 8, name)
            odd = [line.replace(MARK, text).replace(OTHER, value or "") for text in TEXTS if MARK in line]
            odd += [frame.replace(MARK, "w") for frame in (
                line.replace(MARK, text, 1).replace(OTHER, value or "") for text in TEXTS
            )]  # fmt: skip
            odd += [line.replace(MARK, "w").replace(OTHER, other) for other in VALUES if value]
            odd += [frames[-1] + end for end in (" ", "x", "}", "\r")]
            for number, frame in enumerate(odd):
                with self.subTest(name, frame=frame):
                    self.check([*frames, frame, frame, *frames[:4]], ("\n", "\r\n")[number % 2])

    def test_keys_that_look_like_others(self):
        texts = ["a", "b", "content", '\\"content\\":', "v", "w", "\\u0063", "y", ":", ","]
        for line in LOOKALIKES:
            with self.subTest(line):
                self.check([line.replace("#", text) for text in [*texts, *texts]], "\n")

    def test_values_that_come_and_go(self):
        for name, pattern, value in PATTERNS:
            if value:
                line = line_of(pattern)
                values = [*[value] * 6, "null", *[value] * 3, *VALUES[:2] * 3, *[value] * 4]
                frames = [*CALLS, *(filled(line, number, one) for number, one in enumerate(values))]
                with self.subTest(name):
                    self.check(frames, "\n")

    def test_frames_in_turn(self):
        """Each two kinds of frames, in turn."""
        lines = [(line_of(pattern), value) for _, pattern, value in PATTERNS]
        for first in lines:
            for second in lines:
                frames = [*CALLS, *(
                    filled(line, number, value) for number in range(5) for line, value in (first, second)
                )]  # fmt: skip
                with self.subTest(first=first, second=second):
                    self.check(frames, "\n")


# Each word in quotes in the modules of the rules. All fields that have a rule are among these words.
WORDS_OF_RULES = sorted({
    word
    for module in (sseparse._assembler, sseparse._values)
    for word in re.findall('"([a-z_]+)"', inspect.getsource(module))
})  # fmt: skip
OF_EACH_TYPE = ("w", 5, True, [1], {"a": 1}, [{"text": "a"}])


class Types(unittest.TestCase):
    """A field comes often enough with one type to be learnt, and then with another type."""

    def test_each_field_with_each_type(self):
        some = {"content", "finish_reason", "logprobs", "obfuscation", "refusal", "tool_calls", "usage"}
        self.assertLess(some, set(WORDS_OF_RULES))
        for name in WORDS_OF_RULES:
            for place in ("chunk", "choice", "delta"):
                for first in OF_EACH_TYPE:
                    wires = [sse(chunk_with(place, name, first)) for _ in range(4)]
                    wires += [sse(chunk_with(place, name, value)) for value in (*OF_EACH_TYPE, first)]
                    expected = deliver(wires, fast_path=False)[1]
                    if deliver(wires)[1] != expected:
                        with self.subTest(name, place=place, first=first):
                            self.assertEqual(deliver(wires)[1], expected)


def chunk_with(place, name, value):
    """A chunk with this field."""
    choice = {"index": 0, "delta": {"role": "assistant"}}
    whole = {"id": "i", "created": 1, "choices": [choice]}
    {"chunk": whole, "choice": choice, "delta": choice["delta"]}[place].setdefault(name, value)
    return whole


# Attributes that may change while ``version`` does not: the results of a chunk; the memory of the last chunk,
# which is compared with the next chunk before it is used; the call of the last fragment, which the fast path
# sets; usage and logprobs, which it always passes on.
PASSING = {
    *("_header", "_source", "events", "frame", "kept", "last", "logprobs", "usage", "version"),
    "reasoning_field",  # used only while half a character is held, and then every frame is read in full
}
# These may change, too, when only ``kept`` does.
KEPT = {"extras", "message_extras"}


# Texts that may begin.
BEGINNING = {"content", "emitted_reasoning", "refusal"}
REASONING = {repr(name) for name in sseparse._values.REASONING_FIELDS}


def state_of(value, seen, passing=frozenset(PASSING)):
    """All that can be reached from an object, without the length of texts, also if there is none yet."""
    kind = value.__class__
    if isinstance(value, (str, int, float, type(None))):
        return repr(value)
    if id(value) in seen:
        return ("seen", seen[id(value)])
    if isinstance(value, sseparse._text.Text):
        return ("text", value.has_surrogates)
    seen[id(value)] = len(seen)
    if isinstance(value, dict):
        items = [(repr(key), state_of(item, seen, passing)) for key, item in value.items()]
        return [(key, item) for key, item in items if item != ("text", False) or key not in REASONING]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [kind.__name__, *(state_of(item, seen, passing) for item in value)]
    names = {name for base in kind.__mro__ for name in getattr(base, "__slots__", ())}
    if not names:
        raise AssertionError(f"an object without __slots__: {kind}")
    values = {name: getattr(value, name, None) for name in names - passing}
    for name in BEGINNING & values.keys():
        if values[name] is None:
            values[name] = sseparse._text.Text()
    return [(name, state_of(values[name], seen, passing)) for name in sorted(values)]


class Version(unittest.TestCase):
    """``version`` and ``kept`` increase with each change that can affect how a later chunk is read.

    The fast path uses what it has learnt only while both are the same as when it learnt. While both are the
    same, only texts that grow, usage, logprobs and the call of the last fragment may change. While
    ``version`` alone is the same, unknown fields may change too.
    """

    def test_what_changes_while_version_and_kept_do_not(self):
        streams = [(name, wires_of(frames)) for name, frames, _ in RUNS if len(frames) < 100]
        streams += [(row[0], [sse(one) for one in row[1]]) for rows in TABLES.values() for row in rows]
        streams += [(path.name, re.findall(rb".+?\n\n", path.read_bytes(), re.DOTALL)) for path in RECORDINGS]
        for name, wires in streams:
            stream = sseparse.ChatStream(fast_path=False)
            reader = stream._reader
            before = self.facts(reader)
            with self.subTest(name):
                for wire in [*wires, sse(END)]:
                    stream.feed(wire)
                    now = self.facts(reader)
                    self.assertGreaterEqual(now[:2], before[:2])
                    if now[0] == before[0]:
                        self.assertEqual(now[2], before[2], wire)
                        if now[1] == before[1]:
                            self.assertEqual(now[3], before[3], wire)
                    before = now

    def facts(self, reader):
        return reader.version, reader.kept, state_of(reader, {}, PASSING | KEPT), state_of(reader, {})


if __name__ == "__main__":
    unittest.main()
