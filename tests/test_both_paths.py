# SPDX-License-Identifier: MIT
"""The fast path and the full path give the same: a search through small frames, and random streams.

The search is systematic. Two places of a chunk are filled, each place with each other, in several ways of
writing. The stream learns the frame from two or three that are almost alike. Then the frame comes again with
every value in these places, well-formed or not. The search needs no idea of what may go wrong. It is small
enough to try nearly everything, and ``python -m tests.test_both_paths`` does. What it finds is reduced to the
frames that matter.
"""

from __future__ import annotations

import inspect
import itertools
import json
import random
import sys
import types
import unittest
from collections import UserDict
from unittest import mock

from tests import sseparse
from tests.fuzz.fuzz_grammar import both_paths
from tests.fuzz.grammar import stream

# Where a value may stand: the path to it from the chunk. The first eight are texts with a delta of their own.
ENTRY = ("choices", 0)
DELTA = (*ENTRY, "delta")
CALL = (*DELTA, "tool_calls", 0)
PLACES = {
    "content": (*DELTA, "content"),
    "reasoning_content": (*DELTA, "reasoning_content"),
    "reasoning": (*DELTA, "reasoning"),
    "refusal": (*DELTA, "refusal"),
    "text": (*ENTRY, "text"),
    "arguments": (*CALL, "function", "arguments"),
    "input": (*CALL, "custom", "input"),
    "legacy": (*DELTA, "function_call", "arguments"),
    "details": (*DELTA, "reasoning_details", 0, "text"),
    "blocks": (*DELTA, "thinking_blocks"),
    "transcript": (*DELTA, "audio", "transcript"),
    "call id": (*CALL, "id"),
    "call name": (*CALL, "function", "name"),
    "call extra": (*CALL, "x"),
    "id": ("id",),
    "created": ("created",),
    "model": ("model",),
    "p": ("p",),
    "obfuscation": ("obfuscation",),
    "extra": ("x",),
    "entry extra": (*ENTRY, "x"),
    "delta extra": (*DELTA, "x"),
    "entry p": (*ENTRY, "p"),
    "usage": ("usage", "completion_tokens"),
    "usage detail": ("usage", "details", "n"),
    "timings": ("timings", "n"),
    "logprobs": (*ENTRY, "logprobs"),
    "token": (*ENTRY, "logprobs", "content", 0, "token"),
    "finish": (*ENTRY, "finish_reason"),
    "message": (*ENTRY, "message", "content"),
    "second choice": ("choices", 1, "delta", "content"),
    "role": (*DELTA, "role"),
    "token_id": (*DELTA, "token_id"),
    "look-alike": ("noise", "content"),
}

# What a quick search leaves out, because another place is of its kind.
LEFT_OUT = (
    "obfuscation",
    "entry p",
    "entry extra",
    "call extra",
    "usage detail",
    "timings",
    "transcript",
    "model",
    "token",
)

# Pairs of raw values from which the frame is learnt: the same text in both, constant, changing, numbers.
LESSONS = (
    (('"a"', '"a"'), ('"a"', '"a"')),
    (('"a"', '"b"'), ('"a"', '"b"')),
    (('"a"', '"b"'), ('"c"', '"b"'), ('"d"', '"b"')),
    (('"a"', '"b"'), ('"c"', '"d"'), ('"e"', '"f"')),
    (('"a"', "1"), ('"a"', "1")),
    (('"a"', "1"), ('"b"', "2"), ('"c"', "3")),
    (('"a"', '""'), ('"c"', '""')),
    (('""', '"b"'), ('""', '"d"')),
    (('"a"', "[1]"), ('"b"', "[1]"), ('"c"', '[{"k":"a"}]')),
    (('"a"', "null"), ('"b"', "null")),
    (('"a"', '{"k":[1]}'), ('"b"', '{"k":[2]}')),
)
# What then stands in a place: of every type, at the edges of a string, and no JSON at all. A quick search
# tries the first few with each lesson, and the others with one or another. <rest> is what follows the places.
ALWAYS = ('"b"', '""', "x", "2", '"b"<rest>')
VALUES = (
    "[" * 124 + "]" * 124,
    '"a"', '" "', "1", "10", "-1", "0", "1.5", "1e999", "null", "true", "false", "{}", "[]",
    '[""]', '{"k":"v"}', '[{"text":"t","index":0}]', '[1,\r\r2]', '{"k":\r\n\r\n1}',
    '"\\u0061"', '"\\n"', '"a\\\\"', '"\\""', '"\\ud83d"',
    '"\\ude00"', '"\u00e9\U0001f600"', '"\ud83d"', '"\x7f"', '"\u2028"', '"stop"', ' "b" ', '\t1', '"b"\r',
    '\r"b"', '"\t"', '"\r"', "", "01", "+1", "NaN", '"a', 'a"', '"a""b"', '"a","content":"z"', '"a","x":"z"',
    "1,2",
    '"a"}', '{"a":1}}', "9" * 30, '"' + "9" * 30 + '"', "1" * 4301,
)  # fmt: skip


def put(chunk, path, value):
    """Set what stands at ``path``; dicts and lists of one are made on the way."""
    for step, after in zip(path, path[1:]):
        new = [] if after == 0 else {}
        if step.__class__ is str:
            chunk = chunk.setdefault(step, new)
        else:
            if len(chunk) == step:
                chunk.append(new)
            chunk = chunk[step]
    chunk[path[-1]] = value


def skeleton(first, second, indexed=True):
    """A chunk with ``<1>`` and ``<2>`` in its two places."""
    chunk = {"id": "c", "created": 1, "choices": [{"index": 0, "delta": {}}]}
    for path, mark in ((first, "<1>"), (second, "<2>")):
        put(chunk, path, mark)
        if path[:5] == CALL and indexed:
            put(chunk, (*CALL, "index"), 0)
        if path[3:4] == ("reasoning_details",):
            put(chunk, (*path[:-1], "index"), 0)
    if not chunk["choices"][0]["delta"]:
        del chunk["choices"][0]["delta"]  # or text beside it is not read
    text = json.dumps(chunk, separators=(",", ":"))
    before, _, rest = text.partition('"<1>"')
    if '"<2>"' in before:
        before, _, middle = before.partition('"<2>"')
        return before, middle, rest, True
    middle, _, rest = rest.partition('"<2>"')
    return before, middle, rest, False


def plainly(pieces):
    return pieces


def with_first_key_escaped(pieces):
    r"""The keys up to the first place end in a letter written ``\u00XX``: no search for them finds them."""
    return [escaped_keys(pieces[0]), *pieces[1:]]


def with_second_key_escaped(pieces):
    return [pieces[0], *map(escaped_keys, pieces[1:])]


def escaped_keys(text):
    for path in PLACES.values():
        name = path[-1]
        if name.__class__ is str and name not in ("id", "x", "p", "n"):
            text = text.replace(f'"{name}":', f'"{name[:-1]}\\u{ord(name[-1]):04x}":')
    return text


def with_decoys(pieces):
    """Objects that look like the places, with the texts that they are learnt with."""
    decoys = ",".join(
        f'{{"{name}":"{text}"}}' for name in ("content", "arguments", "reasoning", "p") for text in "ac"
    )
    first, *rest = pieces
    return [first.replace("{", f'{{"noise":[{decoys}],"said":"\\"content\\":\\"a\\"",', 1), *rest]


def with_duplicates(pieces):
    """A second value for some keys, behind the first: it is the one that counts."""
    *rest, last = pieces
    return [*rest, last.replace("}", ',"content":"a","id":"c","x":"a"}', 1)]


WAYS = (plainly, with_first_key_escaped, with_second_key_escaped, with_decoys, with_duplicates)
SHARES = 12  # of a quick search
OPENINGS = {
    "function": '{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"i","function":{"name":"f"}}]}}]}',
    "custom": '{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"i","custom":{"name":"f"}}]}}]}',
    "legacy": '{"choices":[{"delta":{"function_call":{"name":"f"}}}]}',
}
OTHER_CALL = '{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"j","function":{"name":"g"}}]}}]}'
MORE_OF_IT = '{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"z"}}]}}]}'


def streams(first, second, shares=1):
    """The streams that two places make: what to call each, and its frames.

    ``shares``: in how many parts the values are dealt out to the lessons. With more than one, each way of
    writing gets every other lesson.
    """
    rotation = itertools.count(len(first + second))
    opening = "legacy" if "legacy" in (first, second) else "function"
    if "input" in (first, second) and "arguments" not in (first, second):
        opening = "custom"
    is_call = any(PLACES[name][:5] == CALL for name in (first, second))
    for way, indexed in itertools.product(WAYS, (True, False) if is_call else (True,)):
        *pieces, is_turned = skeleton(PLACES[first], PLACES[second], indexed)
        pieces = way(pieces)

        def frame(one, two, pieces=pieces, is_turned=is_turned):
            values = (two, one) if is_turned else (one, two)
            text = f"data: {pieces[0]}{values[0]}{pieces[1]}{values[1]}{pieces[2]}\n\n"
            text = text.replace("<rest>", pieces[2])
            return text.encode("utf-8", "surrogatepass")

        turn = next(rotation)
        for number, lesson in enumerate(LESSONS):
            if shares > 1 and (number + turn) % 2:
                continue
            taught = [frame(*values) for values in lesson]
            # A fragment without an index goes to the last call: both calls have begun, and then take turns.
            before = [OPENINGS[opening]] if indexed else [OTHER_CALL, MORE_OF_IT, OPENINGS[opening]]
            frames = [*(f"data: {chunk}\n\n".encode() for chunk in before), *taught]
            one, two = lesson[-1]
            for value in (*ALWAYS, *VALUES[next(rotation) % shares :: shares]):
                frames += [frame(value, two), taught[-1], frame(one, value), taught[-1]]
            if is_call:
                turn_of_other = f"data: {OTHER_CALL if indexed else MORE_OF_IT}\n\n".encode()
                frames += [turn_of_other, frame('"b"', two), frame(one, '"b"')]
            yield f"{first}, {second}, {way.__name__}, indexed={indexed}, lesson {number}", frames


def outcome(pieces, fast_path):
    stream = sseparse.ChatStream(fast_path=fast_path, max_errors=10**6)
    events = [stream.feed(piece) for piece in pieces]
    events.append(stream.close())
    return events, stream.snapshot()


def outcome_or_exception(pieces):
    try:
        return outcome(pieces, True)
    except Exception as error:
        return repr(error)


def difference(frames):
    """Return the smallest part of the frames that the two paths read differently, None if there is none."""
    if outcome(frames, True) == outcome(frames, False):
        return None
    size = len(frames) // 2
    while size:
        at = 0
        while at < len(frames):
            fewer = frames[:at] + frames[at + size :]
            if outcome(fewer, True) != outcome(fewer, False):
                frames = fewer
            else:
                at += size
        size //= 2
    return frames


def search(pairs, shares):
    """Yield what to call each stream that the two paths read differently, and its smallest part."""
    for first, second in pairs:
        for name, frames in streams(first, second, shares):
            found = difference(frames)
            if found:
                yield name, found


def described(found):
    wire = b"".join(found).decode("utf-8", "replace")
    (fast, kept_fast), (full, kept_full) = outcome(found, True), outcome(found, False)
    told = [f"  fast: {one}\n  full: {other}" for one, other in zip(fast, full) if one != other]
    return "\n".join([wire, *told, f"  fast: {kept_fast}\n  full: {kept_full}" if not told else ""])


class Found(unittest.TestCase):
    """What the streams of ``grammar.py`` found, as small as it gets."""

    def test_usage_that_is_none_after_fields_that_changed(self):
        # feed() raised TypeError: a usage that is a number reached the counting of values.
        text = 'data:{{"id":"c","created":1,"model":"m","choices":[{{"delta":{{"content":"{}"}}}}],{}}}\n\n'
        frame = text.format
        body = frame("a", '"":{"":0}') + frame("a", '"usage":0') + frame("", '"usage":{"":3}')
        both_paths(body.encode(), {}, random.Random(1))
        self.assertEqual(sseparse.parse(body.encode(), ("malformed", "truncated"))["usage"], {"": 3})

    def test_usage_that_says_nothing_after_too_many_values(self):
        # The fast path gave the assembler the empty usage, and so an Error came.
        text = 'data:{"id":"c","created":1,"model":"m","choices":[{"delta":{"content":"a"}}],"usage":<1>}\n\n'
        values = json.dumps({f"k{number}": number for number in range(140)})
        frames = [text.replace("<1>", value) for value in ("null", values, *["{}"] * 6)]
        self.assertIsNone(difference([frame.encode() for frame in frames]))

    def test_usage_of_a_choice_that_comes_back(self):
        # The fast path took it for a part of the line without an effect.
        start = 'data:{"id":"c","created":1,"model":"m",'
        same = start + '"choices":[{"index":0,"delta":{"content":"a"},"usage":{"n":1}}]}\n\n'
        other = start + '"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"n":2}}\n\n'
        self.assertIsNone(difference([frame.encode() for frame in [same] * 6 + [other, same]]))


class RandomStreams(unittest.TestCase):
    """``python -m tests.fuzz.fuzz_grammar`` goes on with the seeds after these."""

    def test_in_the_shapes_of_servers(self):
        for seed in range(600):
            body = stream(random.Random(seed))
            with self.subTest(seed=seed):
                both_paths(body, {}, random.Random(seed))


class Word(str):
    __slots__ = ()


class Number(int):
    pass


class Entries(list):
    pass


def odd_types(value, dice, share):
    """The same JSON value; a part of its values are of subclasses, tuples and other mappings."""
    is_odd = dice.random() < share
    if value.__class__ is dict:
        value = {key: odd_types(one, dice, share) for key, one in value.items()}
        return UserDict(value) if is_odd else value
    if value.__class__ is list:
        value = [odd_types(one, dice, share) for one in value]
        return dice.choice((tuple, Entries))(value) if is_odd else value
    kind = {str: Word, int: Number}.get(value.__class__)
    return kind(value) if is_odd and kind else value


def overwrite(value):
    todo = [value]
    for one in todo:
        if one.__class__ is dict or one.__class__ is list:
            todo += one.values() if one.__class__ is dict else one
            one.clear()


class CallersChunks(unittest.TestCase):
    """ChatAssembler.add() reads chunks of any types alike, does not change them, and does not keep them."""

    @staticmethod
    def assembled(chunks, dice, share=0.0):
        assembler = sseparse.ChatAssembler(max_errors=10**6)
        said = []
        for chunk in chunks:
            given = odd_types(chunk, dice, share)
            before = repr(given)
            events = assembler.add(given)
            said.append(repr(events))
            assert repr(given) == before, "changed"
            overwrite(given)
            assert repr(events) == said[-1], "the events have parts of the chunk"
        return [*said, repr(assembler.close(done=True)), repr(assembler.snapshot())]

    def test_types_and_later_changes_make_no_difference(self):
        for seed in range(150):
            dice = random.Random(seed)
            chunks = []
            for line in stream(dice).splitlines():
                try:
                    chunks.append(json.loads(line.partition(b":")[2].decode("utf-8", "replace")))
                except (ValueError, RecursionError):
                    continue
            chunks = [chunk for chunk in chunks if chunk.__class__ is dict]
            with self.subTest(seed=seed):
                plain = self.assembled(chunks, dice)
                for share in (0.02, 0.2):
                    self.assertEqual(self.assembled(chunks, dice, share), plain)

    def test_half_a_surrogate_pair_in_common_chunks(self):
        for field in ("content", "arguments"):
            assembler = sseparse.ChatAssembler()
            for text in ("a", "b", "\ud83d", "\ude00", "c"):
                fragment = {"index": 0, "function": {"arguments": text}}
                if text == "a":
                    fragment.update(id="i", function={"name": "f", "arguments": text})
                delta = {"content": text} if field == "content" else {"tool_calls": [fragment]}
                entry = {"index": 0, "delta": delta, "finish_reason": None}
                assembler.add({"id": "c", "created": 1, "choices": [entry]})
            message = assembler.message()
            body = message if field == "content" else message["tool_calls"][0]["function"]
            self.assertEqual(body[field], "ab\U0001f600c")

    def test_a_value_without_an_effect_is_checked_too(self):
        chunk = {"id": "c", "created": 1, "p": "x", "choices": [{"index": 0, "delta": {"content": "a"}}]}
        assembler = sseparse.ChatAssembler()
        for _ in range(3):
            assembler.add(chunk)
        for odd in (object(), [object()], {"k": b""}):
            with self.assertRaises(TypeError):
                assembler.add({**chunk, "p": odd})
        for fine in (5, [1], None, "\ud83d"):
            assembler.add({**chunk, "p": fine})
        self.assertEqual((assembler.text(), assembler.errors), ("a" * 7, []))
        self.assertEqual(assembler.add({True: 1})[0].field, "True")


class Search(unittest.TestCase):
    def test_a_text_and_another_place(self):
        texts = list(PLACES)[:8]
        others = [name for name in PLACES if name not in LEFT_OUT]
        pairs = [(first, second) for first in texts for second in others if first != second]
        for name, found in search(pairs, SHARES):
            with self.subTest(name):
                self.fail(described(found))


# (What makes it right, its source, the source without it, two places that then show it.)
GUARDS = (
    ("a number without an effect must be a number again",
     "value, pos = scan_json(line, pos)", "value, pos = 1, max(pos, line.find(piece, pos))", "content", "p"),
    ("a text comes from the one place that may cause its event",
     'if fragment.get("function") is not None:', "if False:", "input", "arguments"),
    ("an empty text is read in full",
     "if not value and kind == TEXT:", "if False:", "reasoning", "details"),
    ("an empty text is read in full, also if it is the only hole",
     "if not value and kind == TEXT:", "if False:", "reasoning", "blocks"),
    ("reasoning that is not the text of one field is not learnt",
     "if [one for one in REASONING_FIELDS if delta.get(one) is not None] != [event.field]:", "if False:",
     "content", "blocks"),
    ("a key that comes twice is not found by a search",
     "text.count(key[:-1]) != 1 or ", "", "content", "id"),
    ("the line ends with the frame",
     "if pos != len(line) or (", "if (", "content", "message"),
    ("two texts that were the same must be the same again",
     " or (self.echo and values[self.echo[0]] != values[self.echo[1]])", "", "content", "text"),
    ("a line has one choice, or is not learnt",
     "len(choices) != 1 or", "", "content", "second choice"),
    ("a place that the search for its key found is proven, if the line has escaped keys",
     "if not ((is_proven and not backslashes) or self.proves(order, pieces)):", "if False:",
     "content", "look-alike"),
    ("a fragment without an index goes to the last call",
     ' or fragments[0].get("index") is None', "", "arguments", "p"),
    ("logprobs must be an object again",
     "if kind == OBJECT and value.__class__ is not dict:", "if False:", "reasoning", "logprobs"),
)  # fmt: skip


class Guards(unittest.TestCase):
    """The search finds it if a condition is taken out of the fast path. So it can fail."""

    def test_the_search_fails_without_each_condition(self):
        stream = sys.modules[sseparse.ChatStream.__module__]
        fast = sys.modules[stream.FastPath.__module__]
        lesson = sys.modules[fast.Lesson.__module__]
        for name, code, without, first, second in GUARDS:
            with self.subTest(name):
                sources = {one: inspect.getsource(one) for one in (lesson, fast)}
                count = sum(source.count(code) for source in sources.values())
                self.assertEqual(count, 1, f"name its new form here: {code}")
                with mock.patch.dict(sys.modules):
                    for one, source in sources.items():
                        mutant = types.ModuleType(one.__name__)
                        mutant.__package__ = one.__package__
                        exec(compile(source.replace(code, without), one.__file__, "exec"), mutant.__dict__)
                        sys.modules[one.__name__] = mutant
                frames = [frames for _, frames in streams(first, second, SHARES)]
                right = [outcome(pieces, False) for pieces in frames]
                with mock.patch.object(stream, "FastPath", mutant.FastPath):
                    found = [outcome_or_exception(pieces) for pieces in frames]
                self.assertTrue(found != right, "the search does not find it")


if __name__ == "__main__":
    # All places with all others, all values after all lessons: some minutes.
    for name, found in search(itertools.permutations(PLACES, 2), 1):
        print(name, described(found), sep="\n", flush=True)
