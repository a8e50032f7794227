# SPDX-License-Identifier: MIT
"""What no other test would notice if it changed: found by changing the code, and by reading it.

Most of it is the fast road. Whether a frame takes it shows in no event, so the frames that were read in
full are counted: ``ROADS`` says which streams need how many.
"""

from __future__ import annotations

import json
import unittest
from unittest import mock

from tests import test_rules
from tests.reference import model as reference
from tests.reference.streams import FRAMES, pieces_of
from tests.wire import (
    DONE,
    END,
    START,
    check,
    choice_done,
    content,
    content_done,
    deliver,
    delta,
    extra,
    foreign,
    readings,
    say,
    server,
    slices,
    sse,
    sseparse,
    text_of,
)

Template = sseparse._fast.Template

MARK = "\x1a"  # stands where the text comes
OTHER = "\x1b"  # where another comes


def chunk(fields, **more):
    """A chunk that says all that chunks say; the fast road has to get over it."""
    return {"id": "i", "created": 5, "model": "m", **delta(fields), **more}


def call(**fields):
    return {"tool_calls": [{"index": 0, "id": "a", **fields}]}


def spaced(pattern):
    """JSON as Python writes it by default."""
    return json.dumps(pattern, ensure_ascii=False)


def run_of(pattern, texts, others=()):
    """One frame for each text; where the others run out, the texts are the others."""
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
ARGUMENTS = call(function={"name": "f", "arguments": "a"})
TIMED = '{"id":"i","created":\x1b,"choices":[{"index":0,"delta":{"content":"\x1a"}}]}'
LATE_TIMED = '{"id":"i","choices":[{"delta":{"content":"\x1a"}}],"created":\x1b}'

DEEP = json.loads("[" * 130 + "]" * 130)

TEXT_FIELDS = ("content", "reasoning_content", "reasoning", "reasoning_text", "thinking", "refusal")

# (name, frames, how many of them are read in full). What is first of its kind is read in full, and
# once more where it changed the state: the second one is the first that has no other effect.
ROADS = [
    *((name, run_of(chunk({name: MARK}), WORDS), 2) for name in TEXT_FIELDS),
    ("text of a completion", run_of({"id": "i", "choices": [{"index": 0, "text": MARK}]}, WORDS), 2),
    ("arguments", run_of(chunk(call(function={"name": "f", "arguments": MARK})), WORDS), 2),
    ("arguments of a call without an index",
     run_of(chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": MARK}}]}), WORDS), 2),
    ("arguments of a call never named are kept without an event",
     run_of(chunk(call(function={"arguments": MARK})), WORDS), 40),
    ("input of a custom tool", run_of(chunk(call(custom={"name": "f", "input": MARK})), WORDS), 2),
    ("function_call", run_of(chunk({"function_call": {"name": "f", "arguments": MARK}}), WORDS), 2),
    ("white space in the JSON", run_of(spaced(chunk({"content": MARK})), WORDS), 2),
    ("white space before the colons, too",
     run_of(spaced(chunk({"content": MARK})).replace(":", "\t:"), WORDS), 2),
    ("the same text each time", run_of(CONTENT, ["x"] * 40), 2),
    ("the same text as what is put in its place to try", run_of(CONTENT, ["y"] * 40), 2),
    ("no text", run_of(CONTENT, ["a", "b"] + [""] * 38), 2),
    ("text beyond ASCII", run_of(CONTENT, LETTERS * 10), 2),
    ("escapes", run_of(CONTENT, ["\\n", "\\\"", "\\u00e9", "\\\\"] * 10), 2),
    ("a text that is a key, too", run_of(CONTENT, ["content"] * 40), 2),
    ("a value before the text that is the name of its key",
     run_of({"x": "content", **CONTENT}, WORDS), 2),
    ("a text that stands beside it, too", run_of(chunk({"content": MARK}, model="w0"), WORDS), 2),
    ("the same key in the chunk, before it and with another value",
     run_of('{"x":{"content":"z"},"id":"i","choices":[{"index":0,"delta":{"content":"\x1a"}}]}', WORDS), 40),
    ("a key that comes twice",
     run_of('{"id":"i","choices":[{"index":0,"delta":{"content":"a","content":"\x1a"}}]}', WORDS), 2),
    ("a key that comes twice, with the text that is put in its place to try",
     run_of('{"id":"i","choices":[{"index":0,"delta":{"content":"\x1b","content":"\x1a"}}]}',
            ["x"] * 5 + WORDS, ["x"] * 3 + ["q", "r", *OTHERS]), 44),
    ("two texts in one delta",
     run_of(chunk({"content": MARK, "reasoning": MARK}), WORDS), 40),
    ("the same unknown field each time", run_of(chunk({"content": MARK}, x="z"), WORDS), 2),
    ("an unknown field that changes", run_of(chunk({"content": MARK}, x=MARK), WORDS), 40),
    ("usage that is null", run_of(chunk({"content": MARK}, usage=None), WORDS), 2),
    ("usage that does not change", run_of(chunk({"content": MARK}, usage={"n": 1}), WORDS), 2),
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
     run_of({**dict.fromkeys("abcd", "id"), **chunk({"content": MARK}, id=OTHER)}, WORDS, NUMBERS), 40),
    ("a time that changes", run_of(TIMED, WORDS, NUMBERS), 2),
    ("a time that changes, behind the text", run_of(LATE_TIMED, WORDS, NUMBERS), 2),
    ("a time of 18 digits", run_of(TIMED, WORDS, ["1" * 15 + number for number in NUMBERS]), 2),
    ("a time of 19 digits", run_of(TIMED, WORDS, ["1" * 16 + number for number in NUMBERS]), 40),
    ("a time that is a float", run_of(TIMED.replace(OTHER, OTHER + ".5"), WORDS, NUMBERS), 40),
    ("an id and a time that change", run_of(TIMED.replace('"i"', '"\x1a"', 1), WORDS, NUMBERS), 40),
    ("a time that is 0 once", run_of(TIMED, WORDS, [*NUMBERS[:30], "0", *NUMBERS[31:]]), 3),
    ("a time with a leading 0, which is no JSON, and an error changes the state",
     run_of(TIMED, WORDS, [*NUMBERS[:30], "0130", *NUMBERS[31:]]), 4),
    ("the same, behind the text",
     run_of(LATE_TIMED, WORDS, [*NUMBERS[:30], "0130", *NUMBERS[31:]]), 4),
    ("a time in other digits", run_of(TIMED, WORDS, [*NUMBERS[:30], "\u0661\u0663\u0660", *NUMBERS[31:]]), 4),
    ("the same text in padding, which is no string",
     run_of({"p": {"content": OTHER}, **CONTENT}, ["a"] * 40, ["a"] * 20 + ["b"] * 20), 3),
    ("the same text in padding, which is no string, beside padding that is one",
     run_of({"p": {"content": MARK}, "obfuscation": OTHER, **CONTENT}, ["a"] * 40, OTHERS), 2),
    ("the same text in too many places to try",
     run_of({"p": [{"content": "a"}] * 4, **CONTENT}, ["a"] * 40), 40),
    ("the end", [*run_of(CONTENT, WORDS), "[DONE]"], 3),
    *((f"a field more in the frame {place}",
       run_of(CONTENT, [*WORDS[:place], 'a","y":"b', *WORDS[place:]]), 4) for place in range(20, 40)),
    ("no space after the name of the field",
     [f"data:{frame}\n\n".encode() for frame in run_of(CONTENT, WORDS)], 2),
    ("what is no UTF-8, beside the text",
     [f"data: {frame}\n\n".encode("latin-1")
      for frame in run_of({**CONTENT, "x": OTHER}, WORDS, ["\xff"] * 40)], 40),
    ("what is no UTF-8, before the text",
     [f"data: {frame}\n\n".encode("latin-1")
      for frame in run_of({"x": OTHER, **CONTENT}, WORDS, ["\xff"] * 40)], 40),
    ("what is no UTF-8, before the text, and padding",
     [f"data: {frame}\n\n".replace("\\u00ff", "\xff").encode("latin-1")
      for frame in run_of({"x": "\xff", **PADDED}, WORDS, OTHERS)], 40),
    ("what is no UTF-8, inside the text",
     [f"data: {frame}\n\n".encode("latin-1")
      for frame in run_of(CONTENT, ["a"] * 20 + ["\xff"] + ["a"] * 19)], 3),
    ("two choices in turn",
     [text_of(chunk({}, choices=[{"index": number % 2, "delta": {"content": word}}]))
      for number, word in enumerate(WORDS)], 4),
    ("two calls in turn",
     [text_of(chunk({"tool_calls": [{"index": number % 2, "id": "ab"[number % 2],
                                     "function": {"name": "f", "arguments": word}}]}))
      for number, word in enumerate(WORDS)], 4),
    ("two calls without an index in turn",
     [text_of(chunk({"tool_calls": [{"id": "ab"[number % 2], "function": {"name": "f", "arguments": word}}]}))
      for number, word in enumerate(WORDS)], 40),
    *((f"text beside a fragment without any, which touches another call: {name}",
       [text_of(chunk({"tool_calls": [{"index": n, "id": id, "function": {"name": "f", "arguments": id}}]}))
        for n, id in enumerate("ab")]
       + run_of(chunk({name: MARK, "tool_calls": [fragment]}), WORDS)
       + [text_of(chunk({"tool_calls": [{"index": 1, "function": {"arguments": "1"}}]})),
          *run_of(chunk({name: MARK, "tool_calls": [fragment]}), ["a"]),
          text_of(chunk({"tool_calls": [{"function": {"arguments": "to a"}}]}))], 45)
      for name in ("content", "reasoning")
      for fragment in ({"index": 0, "function": {"arguments": ""}}, {"id": "a"})),
    # Not more than 16 are known at once.
    ("16 choices", [text_of(chunk({}, choices=[{"index": number % 16, "delta": {"content": "a"}}]))
                    for number in range(160)], 57),
    ("17 choices", [text_of(chunk({}, choices=[{"index": number % 17, "delta": {"content": "a"}}]))
                    for number in range(170)], 66),
    ("two choices in one chunk",
     run_of({"id": "i", "choices": [{"delta": {"content": MARK}}, {"index": 1, "delta": {}}]}, WORDS), 40),
    ("an entry without an index", run_of({"id": "i", "choices": [{"delta": {"content": MARK}}]}, WORDS), 2),
    ("a message instead of a delta",
     run_of({"id": "i", "choices": [{"message": {"content": MARK}}]}, WORDS), 40),
    ("a model that changes in the middle",
     run_of(CONTENT, WORDS[:20]) + run_of(chunk({"content": MARK}, model="n"), WORDS[20:]), 4),
    ("one that ends the run, and the run goes on",
     run_of(CONTENT, WORDS[:20]) + [text_of(chunk({"content": "a"}, x=1))]
     + run_of(CONTENT, WORDS[20:]), 4),
    ("an escape that is none, although int() takes it",
     run_of(CONTENT, WORDS[:20] + ["\\u+12a"] + WORDS[20:]), 4),
    ("half a character", run_of(CONTENT, ["\\ud83d", "\\ude00"] * 20), 40),
    ("a whole one of two escapes", run_of(CONTENT, ["\\ud83d\\ude00"] * 40), 2),
    ("frames of 16 KiB", run_of(CONTENT, ["x" * 16000] * 40), 2),
    ("longer ones", run_of(CONTENT, ["x" * 17000] * 40), 40),
    ("23 that are too long to be learnt, then a run", run_of(CONTENT, ["x" * 17000] * 24 + WORDS), 25),
    ("24, then a run that is not tried any more", run_of(CONTENT, ["x" * 17000] * 25 + WORDS), 65),
    ("23 that are never alike, then a run",
     [text_of(chunk({"content": "a"}, **{f"x{number}": None})) for number in range(24)]
     + run_of(CONTENT, WORDS), 25),
    ("24, then a run that is not tried any more, for all attempts are spent",
     [text_of(chunk({"content": "a"}, **{f"x{number}": None})) for number in range(25)]
     + run_of(CONTENT, WORDS), 65),
]  # fmt: skip


class Roads(unittest.TestCase):
    maxDiff = None

    def test_frames_that_are_read_in_full(self):
        for name, frames, full in ROADS:
            for end in ("\n", "\r\n"):
                wires = [sse(f"data: {f}\n\n" if isinstance(f, str) else f, end=end) for f in frames]
                slow, expected = deliver(wires, fast_path=False)
                self.assertEqual((slow._full, slow._road.templates), (len(frames), []))
                for way, pieces in (("one frame per feed", wires), ("one feed", [b"".join(wires)])):
                    with self.subTest(name, end=end, way=way):
                        stream = sseparse.ChatStream()
                        events = [event for piece in pieces for event in stream.feed(piece)]
                        self.assertEqual((stream._full, stream._frames), (full, len(frames)))
                        self.assertEqual(events + stream.close(), expected)
                        self.assertEqual(readings(stream), readings(slow))

    def test_changes_are_counted_up(self):
        """Or a template of long ago might seem to apply again."""
        streams = [(row[0], row[1]) for rows in test_rules.TABLES.values() for row in rows]
        for name, frames, _ in ROADS:
            streams.append((name, [f"data: {f}\n\n" if isinstance(f, str) else f for f in frames]))
        for name, frames in streams:
            stream = sseparse.ChatStream(fast_path=False)
            before = 0
            for frame in [*frames, END]:
                stream.feed(sse(frame))
                with self.subTest(name):
                    self.assertGreaterEqual(stream._reader.version, before)
                before = stream._reader.version

    def test_frames_that_are_read_many_at_once(self):
        """In one feed of a thousand: how many batches they are read in, of up to 64 KiB."""
        for name, batches, frames in (
            ("content", 6, run_of(CONTENT, WORDS * 25)),
            ("arguments", 7, run_of(chunk(call(function={"name": "f", "arguments": MARK})), WORDS * 25)),
            ("no text now and then", 6, run_of(CONTENT, ["a", "b", "", "c"] * 250)),
            ("padding", 6, run_of(PADDED, WORDS * 25, NUMBERS * 25)),
            ("padding before the text", 6, run_of({"p": OTHER, **CONTENT}, WORDS * 25, NUMBERS * 25)),
            ("padding with escapes", 6,
             run_of(PADDED, WORDS * 25, ["a", "\\n", "\u00e9", ""] * 250)),
            ("a time that changes", 6, run_of(TIMED, WORDS * 25, NUMBERS * 25)),
            ("text beyond ASCII", 6, run_of(CONTENT, LETTERS * 250)),
        ):  # fmt: skip
            for end in ("\n", "\r\n"):
                wire = sse(*(f"data: {frame}\n\n" for frame in frames), end=end)
                one, many = counted(Template.read), counted(Template.read_many)
                with self.subTest(name, end=end), mock.patch.multiple(Template, read=one, read_many=many):
                    stream = sseparse.ChatStream()
                    events = stream.feed(wire)
                    self.assertEqual((stream._full, stream._frames), (2, 1000))
                    self.assertEqual((one.calls, many.calls), (8, batches))
                self.assertEqual(events, sseparse.ChatStream(fast_path=False).feed(wire))


def counted(function):
    """The function, with ``calls``: how often it was called."""

    def wrapper(*args):
        wrapper.calls += 1
        return function(*args)

    wrapper.calls = 0
    return wrapper


class Pieces(unittest.TestCase):
    """1024 pieces of a text are joined into a block, wherever they are appended."""

    def test_texts(self):
        for name, fields, text in (
            ("content", {"content": "a"}, lambda choice: choice.content),
            ("reasoning", {"reasoning": "a"}, lambda choice: choice.thoughts),
            ("reasoning under a second name", {"reasoning": "a", "thinking": "a"},
             lambda choice: choice.reasoning["thinking"]),
            ("refusal", {"refusal": "a"}, lambda choice: choice.refusal),
            ("arguments", ARGUMENTS, lambda choice: choice.calls[0].arguments),
            ("a field that appends", {"summary": "a"}, lambda choice: choice.message_extras["summary"]),
        ):  # fmt: skip
            wire = sse(chunk(fields))
            for fast_path in (True, False):
                with self.subTest(name, fast_path=fast_path):
                    stream = sseparse.ChatStream(fast_path=fast_path)
                    for _ in range(2047):
                        stream.feed(wire)
                    kept = text(stream._reader.choices[0])
                    self.assertEqual((len(kept.blocks), len(kept.pieces)), (1, 1023))
                    stream.feed(wire)
                    self.assertEqual(([*map(len, kept.blocks)], kept.pieces), ([1024, 1024], []))

    def test_texts_of_many_frames_at_once(self):
        """Each feed is one piece, but for the frames before the run."""
        for name, fields, text in (
            ("content", {"content": "a"}, lambda choice: choice.content),
            ("arguments", ARGUMENTS, lambda choice: choice.calls[0].arguments),
        ):  # fmt: skip
            with self.subTest(name):
                stream = sseparse.ChatStream()
                for _ in range(10):
                    stream.feed(sse(chunk(fields)))
                wire = sse(*[chunk(fields)] * 16)
                for _ in range(1100):
                    stream.feed(wire)
                kept = text(stream._reader.choices[0])
                self.assertEqual(len(kept.blocks), 1)
                self.assertEqual(kept.join(), "a" * (10 + 1100 * 16))

    def test_texts_that_are_copied(self):
        """Content that goes on as a list of parts, and reasoning that goes on under a second name."""
        for name, fields, others, expected in (
            ("content", {"content": "a"}, {"content": [{"type": "text", "text": "b"}]},
             {"content": [{"type": "text", "text": "a" * 1100 + "b"}]}),
            ("reasoning", {"reasoning": "a"}, {"thinking": "b"}, {"reasoning": "a" * 1100, "thinking": "b"}),
        ):  # fmt: skip
            with self.subTest(name):
                stream, events = deliver([sse(chunk(fields))] * 1100 + [sse(chunk(others))])
                message = stream.message()
                self.assertEqual({key: message[key] for key in expected}, expected)
                done = [event.text for event in events if event.type == f"{name}.done"]
                self.assertEqual(done, ["a" * 1100 + "b"])


PLAIN = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}

# Choices, or whole chunks, that come after chunks with nothing but content, and before others.
INTERRUPTIONS = [
    *([{**PLAIN, "finish_reason": reason}] for reason in ("stop", "", 5)),
    *([{**PLAIN, "logprobs": value}] for value in (None, {}, {"content": [{"token": "a"}]}, 5)),
    *([{**PLAIN, "delta": value}] for value in (None, [], {}, 5, "a")),
    *([{**PLAIN, "delta": {"content": value}}]
      for value in ("", None, 5, [], [{"type": "text", "text": "b"}])),
    *([{**PLAIN, "delta": {"content": "b", name: value}}]
      for name in ("role", "reasoning", "tool_calls", "x", "index", "p") for value in (None, "", "c", 1)),
    *([{**PLAIN, "delta": {"content": "b", "refusal": value}}] for value in (None, "", "c")),
    *([{**PLAIN, "delta": value}] for value in ({"reasoning": "b"}, {"refusal": None}, {"refusal": "b"})),
    *([{**PLAIN, "index": value}] for value in (None, True, "0", 1, 1.0, -1, 0.0, False)),
    *([{**PLAIN, name: value}]
      for name in ("error", "text", "message", "x", "usage") for value in (None, 1, "b", {"n": 1})),
    [{"delta": {"content": "b"}}],
    [{"index": 0}],
    [PLAIN, PLAIN],
    [PLAIN, {**PLAIN, "index": 1}],
    [None],
    [None, PLAIN],
    [5],
    [],
    None,
    {},
    5,
    *([{**PLAIN, "delta": {"content": value}}] for value in ("\ud83d", "\ude00", "\ud83d\ude00")),
    *({name: value}
      for name in ("id", "model", "created", "object", "obfuscation", "p", "x", "usage", "error")
      for value in (None, "", "b", 1, True, 0, {"n": 1}, [1])),
]  # fmt: skip


class Interruptions(unittest.TestCase):
    """What follows chunks that said nothing but content is told from them, and so is what follows that."""

    def test_interruptions(self):
        for one in INTERRUPTIONS:
            other = {"choices": [PLAIN], **one} if isinstance(one, dict) and one else {"choices": one}
            plain = {"id": "i", "created": 5, "model": "m", "choices": [PLAIN]}
            frames = [plain, plain, plain, {**plain, **other}, {**plain, **other}, plain, plain]
            wire = sse(*frames, "data: [DONE]\n\n")
            expected = reference.run(wire)
            for fast_path in (True, False):
                for size in (len(wire), 100):
                    with self.subTest(other, fast_path=fast_path, size=size):
                        stream, events = deliver(slices(wire, size), fast_path=fast_path)
                        self.assertEqual(
                            [reference.comparable(event.as_dict()) for event in events],
                            [reference.comparable(event) for event in expected.events],
                        )
                        self.assertEqual(strict(stream.snapshot()), strict(expected.snapshot))


class Wires(unittest.TestCase):
    """Compared with the reference, whole, frame by frame and byte by byte."""

    WIRES = (
        ("a CR inside JSON ends the line",
         b'data: {"choices":[{"delta":\r{"content":"a"}}]}\n\ndata: [DONE]\n\n', {}),
        ("a CR between two frames without a blank line",
         b'data: {"choices":[{"text":"a"}]}\rdata: {"choices":[{"text":"b"}]}\n\n', {}),
        ("a bare chunk, then a bare line without choices",
         b'{"choices":[{"delta":{"content":"a"}}]}\n{"x":1}\n', {}),
        ("a first bare line without choices, then one that is cut", b'{"id":"i"}\n{"choices":[{', {}),
        ("a whole document, then a line that is cut", b'{\n"id":"i"\n}\n{"choices":[{', {}),
        ("a whole document, then an error line", b'{\n"id":"i"\n}\nerror: {"message":"M"}\n', {}),
        ("an unfinished document, then a frame",
         b'{\n"id":\ndata: {"choices":[{"delta":{"content":"a"}}]}\n\n', {}),
        ("a fragment without an index, with an unknown field",
         sse({"choices": [{"delta": {"tool_calls": [{"function": {"name": "f"}, "y": 1}]}}]}), {}),
        ("a fragment without an index, with a type",
         sse({"choices": [{"delta": {"tool_calls": [{"function": {"name": "f"}, "type": "t"}]}}]}), {}),
        ("a fragment with an index and an unknown field, without a function",
         sse({"choices": [{"delta": {"tool_calls": [{"index": 0, "y": 1}]}}]}), {}),
        ("a type that is empty, then another",
         sse({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "type": ""}]}}]},
             {"choices": [{"delta": {"tool_calls": [{"index": 0, "type": "t", "y": 1}]}}]}), {}),
        ("the first and the last half of a pair that can be",
         sse(*({"choices": [{"delta": {"content": half}}]}
               for half in ("\ud800", "\udc00", "\udbff", "\udfff", "\udc00", "\ud800", "a"))), {}),
        ("text after a document, in its last line", b'{\n"a":1\n} x\n', {}),
        ("text after a document, in its last line, and a frame", b'{\n"a":1\n} x\ndata: {"x":1}\n\n', {}),
        ("text after a document, in its last line, and a bare line", b'{\n"a":1\n} x\n{"x":1}\n', {}),
        ("a run of function_call does not touch the calls",
         sse({"choices": [{"delta": {"function_call": {"name": "f", "arguments": "0"}}}]},
             {"choices": [{"delta": {"tool_calls": [{"id": "a", "function": {"name": "g"}}]}}]},
             *[{"id": "i", "choices": [{"delta": {"function_call": {"arguments": "1"}}}]}] * 40,
             {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "2"}}]}}]}), {}),
        ("a run of one call, then a fragment without an index",
         sse({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}}]},
             {"choices": [{"delta": {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g"}}]}}]},
             *[{"id": "i", **delta({"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]})}] * 40,
             {"choices": [{"delta": {"tool_calls": [{"index": 1, "function": {"arguments": "2"}}]}}]},
             *[{"id": "i", **delta({"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]})}] * 2,
             {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "3"}}]}}]}), {}),
        ("a run of one call around a frame of another, then a fragment without an index",
         sse(*[chunk({"tool_calls": [{"index": index, "id": "ab"[index],
                                      "function": {"name": "f", "arguments": "1"}}]}) for index in (0, 1)],
             *[chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]})] * 30,
             'data: {"choices":\ndata: [{"delta":{"tool_calls":[{"index":1,"function":'
             '{"arguments":"2"}}]}}]}\n\n',
             *[chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]})] * 30,
             {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "3" * 1500}}]}}]}), {}),
        ("fragments without an index in turn with those of one call, and another call between",
         sse(*[chunk({"tool_calls": [{"index": index, "id": "ab"[index],
                                      "function": {"name": "f", "arguments": "1"}}]}) for index in (0, 1)],
             *[chunk({"tool_calls": [{"index": 0, "function": {"arguments": "2"}}]}),
               chunk({"tool_calls": [{"function": {"arguments": "3"}}]})] * 6,
             chunk({"tool_calls": [{"index": 0, "function": {"arguments": "4"}}]}),
             'data: {"choices":\ndata: [{"delta":{"tool_calls":[{"index":1,"function":'
             '{"arguments":"5"}}]}}]}\n\n',
             chunk({"tool_calls": [{"function": {"arguments": "6"}}]}),
             chunk({"tool_calls": [{"index": 0, "function": {"arguments": "7"}}]}),
             *[chunk({"tool_calls": [{"function": {"arguments": "8"}}]})] * 2), {}),
        ("two fragments of which one says nothing, then a fragment without an index",
         sse(*[chunk({"tool_calls": [{"index": index, "id": "ab"[index],
                                      "function": {"name": "f", "arguments": "1"}}]}) for index in (0, 1)],
             *[chunk({"tool_calls": [{"index": 0, "function": {"arguments": "2"}},
                                     {"index": 1, "function": {"arguments": ""}}]})] * 3,
             {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "3"}}]}}]}), {}),
        ("a name after arguments that came without one",
         sse(chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}),
             *(chunk({"tool_calls": [{"index": 0, "function": inside}]})
               for inside in ({"arguments": "1"}, {"name": "g"}))), {}),
        ("a call without an index that is whole and gets a name",
         sse(*(chunk({"tool_calls": [{"function": inside}]})
               for inside in ({"arguments": "{}"}, {"name": "f", "arguments": "{}"}))), {}),
        ("a custom tool of which nothing is known",
         sse(chunk({"tool_calls": [{"index": 0, "custom": {}}]})), {}),
        ("null for a field that nobody knows, and for one that never comes",
         sse(chunk({"content": "a", "x": None, "reasoning": None})), {}),
        ("an id of the choice that changes, where that of the chunk does not",
         sse(*({"choices": [{"id": of_choice, "index": 0, "delta": {"content": "a"}}], "created": 5, "id": id}
               for id, of_choice in (*[("i", "x")] * 2, *[("j", "x")] * 2, ("j", "y"), ("j", "z")))), {}),
        ("an error in two data lines", b'data: {"error":\ndata: "M"}\n\n', {}),
        ("a bare completion, then a bare chunk",
         b'{"object":"chat.completion","choices":[{"message":{"content":"a"}}]}\n'
         b'{"x":1,"choices":[]}\n', {}),
        ("a bare completion that does not say so", b'{"choices":[{"message":{"content":"a"}}]}\n', {}),
        ("a bare error that says so in another way", b'{"object":"error","message":"M"}\n', {}),
        ("a document that says so", b'{\n"object":"error","message":"M"\n}\n', {}),
        ("a function_call, and a whole message that has it, too",
         sse(chunk({"function_call": {"name": "f", "arguments": "{}"}}),
             chunk({}, choices=[{"message": {"function_call": {"name": "f", "arguments": "{}"}}}])), {}),
        ("two thoughts in one part",
         sse(chunk({"content": [{"type": "thinking",
                                 "thinking": [{"type": "text", "text": text} for text in "ab"]}]})), {}),
        ("a name on each fragment and no id, until the arguments are whole",
         sse(*(chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": arguments}}]})
               for arguments in ("{", " ", "}", "{}", "{}"))), {}),
        ("a second call without identity behind what is no JSON",
         sse(*[chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}x"}}]})] * 2),
         {}),
        ("a last line that is an object and more", b'data: {"x":1}\n\n{"x":1} y', {}),
        ("a BOM between two frames", sse(CONTENT) + b"\xef\xbb\xbf" + sse(CONTENT), {}),
        *((f"what means nothing is nested too deep: {name}",
           sse(*[chunk({"content": "a"}), {"id": "i", **delta({"role": "r", "content": "b"}, 1)}] * 12,
               chunk({"content": "a"}), {"id": "i", **delta({"content": "c", **inside}, 1), **deep}), {})
          for name, inside, deep in (
              ("p", {}, {"p": DEEP}), ("id", {}, {"id": DEEP}), ("role", {"role": DEEP}, {}))),
        ("arguments with many brackets, none of them deep",
         sse(chunk(call(function={"name": "f", "arguments": json.dumps({"a": [[]] * 200})})), END), {}),
        ("the type of a custom tool, and nothing else of it",
         sse(chunk({"tool_calls": [{"index": 0, "id": "a", "type": "custom"}]})), {}),
        ("null and then another unknown field of a fragment",
         sse(chunk({"tool_calls": [{"index": 0, "id": "a", "x": None, "y": 1}]})), {}),
        ("a run in which one text has the character that others are joined by",
         sse(*(chunk({"content": text}) for text in ["a"] * 20 + ["\x7f"] + ["b"] * 20)), {}),
        ("a text that is no part of the message beside it",
         sse(chunk({"content": ""}),
             *(chunk({}, choices=[{"message": {"content": content_}, "text": text}])
               for content_, text in (("", "a"), ("a", "a"), ("a", "b"), ("a", "c")))), {}),
        ("chunks after the end, one like the other", sse(*[chunk({"content": "a"})] * 2, END)
         + sse(*[chunk({"content": "a"})] * 3), {}),
        ("entries whose indexes are no numbers",
         sse(*[chunk({"annotations": [{"type": "text", "text": "a"},
                                      *({"type": "text", "text": "b", "index": index}
                                        for index in (True, 1, "1", 1.0, {}, [], {"x": 1}, None)),
                                      *({"type": kind, "text": "c", "index": 0}
                                        for kind in (True, 1, "1", {}, "text", None))]})] * 2), {}),
        ("unknown fields of audio",
         sse(*[chunk({"audio": {"id": "i", "expires_at": at, "x": {"text": "a", "y": "b"}, "\ud83d": "\ude00",
                                "z": [{"type": "text", "text": "\ud83d"}]}}) for at in (1, 2)]), {}),
        ("usage of one choice that takes back what another said",
         sse(*({"choices": [{"index": index, "delta": {}, "usage": {"n": n}} for index, n in enumerate(pair)]}
               for pair in ((1, 2), (1, 2), (2, 1), (1, 1)))), {}),
        ("usage of which a number changes and a list does not",
         sse({"usage": {"a": 1, "b": [1]}}, {"usage": {"a": 2, "b": [1]}}), {}),
        ("a ping with something else, on two lines", b'data: {"type":"ping",\ndata: "x":1}\n\n', {}),
        ("a long string instead of an object", sse('data: "' + "x" * 300 + '"\n\n'), {}),
        ("a whole response on two lines, of which the first says something",
         b'{"id":"i","object":"chat.completion",\n"choices":[{"message":{"content":"a"}}]}\n', {}),
        ("chunks after the limit, each of them wrong",
         sse(*[{"choices": 5, "y": 1}] * 3, {"x": 1}), {"max_errors": 1}),
        ("a line that was the first of an unfinished document, again",
         b'{\ndata: {"choices":[{"text":"a"}]}\n\n{\n', {}),
        ("half a character in the name of a field", sse({"choices": [], "\ud83d": 1}), {}),
        ("thinking as text, as a list, and as text again",
         sse(*({"choices": [{"delta": {"content": [{"type": "thinking", "thinking": one}]}}]}
               for one in ("a", [{"type": "text", "text": "b"}], "c"))), {}),
        # The last error allowed comes in every place from which reading might go on.
        ("the end of the input after the limit",
         b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"X"}}]}\nerror: M', {"max_errors": 0}),
        ("the end of the input after the limit, which would be another",
         b'data: "x"\nerror: M', {"max_errors": 0}),
        *((f"an HTTP head and lines of {size} bytes", b"HTTP/1.1 200 OK\n\n", {"max_event_bytes": size})
          for size in range(5, 8)),
        ("gzip and lines of no bytes", b"\x1f\x8b", {"max_event_bytes": 0}),
        ("a line that is the name of no field of the standard", b"error\n", {}),
        ("a frame after the limit", b"data: x\n\ndata: y\n\ndata: {\"x\":1}\n\n", {"max_errors": 1}),
        ("a frame after the limit, with CR",
         b"data: x\r\rdata: y\r\rdata: {\"x\":1}\r\r", {"max_errors": 1}),
        ("a line without its blank line after the limit",
         b'data: x\n\ndata: {"error":"M"}\ndata: {"x":1}\n\n', {"max_errors": 1}),
        ("an error line after the limit",
         b"error: M\nerror: N\nerror: O\ndata: {\"x\":1}\n\n", {"max_errors": 1}),
        ("an error line that delivers the last error",
         b'data: {"error":"M"}\nerror: N\ndata: {"x":1}\n\n', {"max_errors": 0}),
        ("a bare line that delivers the last error", b'data: {"error":"M"}\n{"x":1}\n\n', {"max_errors": 0}),
        ("a bare line that is cut and delivers the last error",
         b'data: {"error":"M"}\n{"x":', {"max_errors": 0}),
        ("a document that is the last error, then a frame",
         b'{\n"error":"M"\n}\ndata: {"x":1}\n\n', {"max_errors": 0}),
        ("a document that is the last error, then an error line",
         b'{"error":\n"M"}\nerror: N\n', {"max_errors": 0}),
        ("a document that is the last error, then a bare line",
         b'{"error":\n"M"}\n{"x":1}\n', {"max_errors": 0}),
        ("an HTTP head and no error allowed", b'HTTP/1.1 200 OK\n\ndata: {"x":1}\n\n', {"max_errors": 0}),
        ("a page and no error allowed", b"<html>\n", {"max_errors": 0}),
        ("a cut frame and no error allowed", b'data: {"x":1}\n\ndata: {', {"max_errors": 0}),
    )  # fmt: skip

    def test_wires(self):
        for name, wire, options in self.WIRES:
            expected = reference.run(wire, **options)
            for fast_path in (True, False):
                for cut in (len(wire), FRAMES, 1):
                    with self.subTest(name, fast_path=fast_path, cut=cut):
                        stream, events = deliver(pieces_of(wire, cut), fast_path=fast_path, **options)
                        self.assertEqual(
                            [reference.comparable(event.as_dict()) for event in events],
                            [reference.comparable(event) for event in expected.events],
                        )
                        self.assertEqual(strict(stream.snapshot()), strict(expected.snapshot))
                        facts = (stream.done, stream.finished, stream.truncated)
                        self.assertEqual(facts, (expected.done, expected.finished, expected.truncated))


def strict(value):
    """JSON text, in which 1, 1.0 and true differ and the order of keys does not."""
    return json.dumps(value, sort_keys=True)


START_OF_TEXT = 'data: {"choices":[{"text":"a"}]}\n\n'

# Rows of ``tests.wire``.
ROWS = [
    ("an HTTP head inside a frame is text, wherever the stream is cut",
     ['data: {"choices":[{"delta":{"content":"HTTP/1.1"}}]}\n\n', END],
     [START, content("HTTP/1.1"), content_done("HTTP/1.1"), choice_done(None), DONE], "done", {}),
    ("a data line inside a comment is none, wherever the stream is cut",
     [START_OF_TEXT, ': data: {"choices":[{"text":"b"}]}\n\n', END],
     [START, content("a"), content_done("a"), choice_done(None), DONE], "done", {}),
    ("the stray error line is text with U+FFFD for what is no UTF-8",
     [b"error: \xffM\n", END], [server("\ufffdM", None, "\ufffdM", 0), DONE], "done", {}),
    ("two data lines that are whole together are no frame before their blank line comes",
     ['data: {"choices":[{"text":"a"}],\ndata: "y":1}\nerror: M\n\n', END],
     [server("M", None, "M", 0), START, extra("y", 1), content("a"), content_done("a"), choice_done(None),
      DONE], "done", {}),
    ("an error whose message is empty, and one beside it",
     [{"error": {"message": ""}, "message": "M"}, END],
     [server("M", None, {"message": ""}, 0), DONE], "done", {}),
    ("an error that is a chunk like those before it: as it came, with its nulls",
     [say("a", id="i"), say("b", id="i"), {**say("c"), "object": "error", "id": None, "p": None}, END],
     [sseparse.Start("i", None, None), content("a"), content("b"),
      server("the server reported an error without a message", None,
             {**say("c"), "object": "error", "id": None, "p": None}, 2),
      content("c"), content_done("abc"), choice_done(None), DONE], "done", {}),
    *((f"a body of white space that is none of JSON's: {body!r}", [body], [foreign(body.strip("\n"))], "", {})
      for body in ("\x0b", "\x0c\n", "\n\x0b")),
    ("an error with a type that is none",
     [{"error": {"type": 5}}, END],
     [server("the server reported an error without a message", None, {"type": 5}, 0), DONE], "done", {}),
]  # fmt: skip


class Rows(unittest.TestCase):
    maxDiff = None

    def test_rows(self):
        for row in ROWS:
            check(self, row)


class OnlyItems:
    def items(self):
        return [("a", 1)]


class OnlyKeys:
    def keys(self):
        return ["a"]


class Misuse(unittest.TestCase):
    def test_what_is_neither_json_nor_a_mapping_inside_a_chunk(self):
        for value in (object(), {1}, b"a", 1j, OnlyItems(), OnlyKeys()):
            for chunk_ in ({"x": value}, {"choices": [{"delta": {"content": value}}]}):
                with self.subTest(value), self.assertRaises(TypeError):
                    sseparse.ChatAssembler().add(chunk_)


if __name__ == "__main__":
    unittest.main()
