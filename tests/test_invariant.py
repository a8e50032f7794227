# SPDX-License-Identifier: MIT
"""Properties of every stream with any content: *the* invariant, and that nothing raises.

The invariant: the list of all events depends on the bytes alone. The bytes of a random stream are cut, put
into other types, given other line ends, sent through copies of the object, and read without the fast path.
The events must always be the same. ``test_against_reference`` tests that they are the right ones.
"""

from __future__ import annotations

import copy
import json
import pickle
import unittest

from hypothesis import given
from hypothesis import strategies as st

from tests import sseparse
from tests.reference.streams import (
    ODD_INDEXES,
    Raw,
    bodies,
    cuts,
    decoded_chunks,
    dumps,
    encode,
    examples,
    limits,
    mutated,
    pieces_of,
    runs,
)
from tests.wire import END, calls, delta, fragment, say, sse, strict

ChatStream = sseparse.ChatStream
ChatAssembler = sseparse.ChatAssembler

any_body = st.one_of(bodies(), bodies(), mutated(bodies()), runs())


class Reading:
    """A stream that was read to its end, and all that it shows."""

    def __init__(self, pieces, stream=None, **options):
        self.stream = ChatStream(**options) if stream is None else stream
        self.events = [event.as_dict() for piece in pieces for event in self.stream.feed(piece)]
        self.close()

    def close(self):
        self.events += [event.as_dict() for event in self.stream.close()]

    def seen(self):
        stream = self.stream
        facts = (stream.done, stream.finished, stream.truncated, stream.closed, stream.comments)
        errors = [error.as_dict() for error in stream.errors]
        return [strict(event) for event in self.events], strict(stream.snapshot()), facts, strict(errors)


class InvariantCase(unittest.TestCase):
    maxDiff = 4000

    def check_same(self, pieces, expected, **options):
        self.assertEqual(Reading(pieces, **options).seen(), expected)


class TestExamples(InvariantCase):
    def test_examples_do_not_depend_on_the_package(self):
        """Otherwise a change of its source would change the examples of the properties below."""
        drawn = set()

        @examples(500)
        @given(st.text())
        def draw(text):
            drawn.add(text)

        draw()
        names = {text for text in drawn if text.isascii() and text.isidentifier() and "_" in text.strip("_")}
        self.assertEqual(names, set())  # they come out of source, not out of st.text()
        self.assertGreater(len(drawn), 10)  # fewer examples are drawn for a vendored copy


class TestInvariant(InvariantCase):
    @examples(150)
    @given(any_body, cuts, cuts, limits)
    def test_cuts_and_the_fast_path(self, body, cut, other, options):
        expected = Reading([body], **options).seen()
        self.check_same(pieces_of(body, cut), expected, **options)
        self.check_same(pieces_of(body, other), expected, fast_path=False, **options)

    @examples(40)
    @given(bodies(max_size=3), limits)
    def test_every_byte_and_every_cut_in_two(self, body, options):
        body = body[:600]
        expected = Reading([body], **options).seen()
        self.check_same(pieces_of(body, 1), expected, **options)
        for at in range(len(body) + 1):
            self.check_same([body[:at], b"", body[at:]], expected, **options)

    @examples(100)
    @given(bodies() | runs(), cuts)
    def test_line_ends(self, body, cut):
        expected = Reading([body]).seen()  # all of its line ends are LF
        for end in (b"\r", b"\r\n"):
            self.check_same(pieces_of(body.replace(b"\n", end), cut), expected)

    @examples(60)
    @given(any_body, cuts, limits)
    def test_any_bytes_like(self, body, cut, options):
        expected = Reading([body], **options).seen()
        for form in (bytearray, memoryview):
            self.check_same([form(piece) for piece in pieces_of(body, cut)], expected, **options)

    @examples(60)
    @given(any_body)
    def test_a_buffer_that_is_used_again(self, body):
        """The caller may overwrite a buffer as soon as feed() returns, as readinto() does."""
        buffer = bytearray(64)
        stream, events = ChatStream(), []
        for piece in pieces_of(body, 64):
            buffer[: len(piece)] = piece
            events += [event.as_dict() for event in stream.feed(memoryview(buffer)[: len(piece)])]
        reading = Reading([], stream)
        reading.events[:0] = events
        buffer[:] = b"\0" * 64
        self.assertEqual(reading.seen(), Reading([body]).seen())

    @examples(60)
    @given(any_body, st.integers(0, 1 << 16), st.integers(0, 1 << 16), limits)
    def test_through_copies(self, body, first, second, options):
        """A copy is independent: it does not see what the original reads."""
        expected = Reading([body], **options).seen()
        at, end = sorted((first % (len(body) + 1), second % (len(body) + 1)))
        for copied in (copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))):
            stream = ChatStream(**options)
            events = [event.as_dict() for event in stream.feed(body[:at])]
            other = copied(stream)
            snapshot = strict(stream.snapshot())
            events += [event.as_dict() for event in other.feed(body[at:end])]
            self.assertEqual(strict(stream.snapshot()), snapshot)
            reading = Reading([body[end:]], copied(other))
            reading.events[:0] = events
            self.assertEqual(reading.seen(), expected)

    @examples(60)
    @given(any_body, cuts)
    def test_snapshots_change_nothing_and_stay_as_they_are(self, body, cut):
        expected = Reading([body]).seen()
        stream, events, snapshots = ChatStream(), [], []
        for piece in pieces_of(body, cut)[:200]:
            events += [event.as_dict() for event in stream.feed(piece)]
            snapshot = stream.snapshot()
            snapshots.append((snapshot, strict(snapshot)))
        reading = Reading([body[sum(map(len, pieces_of(body, cut)[:200])) :]], stream)
        reading.events[:0] = events
        self.assertEqual(reading.seen(), expected)
        for snapshot, text in snapshots:
            self.assertEqual(strict(snapshot), text)

    @examples(150)
    @given(decoded_chunks, st.booleans())
    def test_assembler_and_stream(self, chunks, done):
        """Decoded chunks give the events of the body, except for what an error says of the frame."""

        def without_frame(events):
            return [
                strict(
                    {**event, "data": None, "message": None} if event.get("kind") == "malformed" else event
                )
                for event in events
                if event.get("kind") not in ("truncated", "not_chat")  # an assembler sees no framing
            ]

        body = b"".join(encode(f"data: {json.dumps(chunk)}\n\n") for chunk in chunks)
        reading = Reading([body + b"data: [DONE]\n\n" * done])
        assembler = ChatAssembler()
        events = [event.as_dict() for chunk in chunks for event in assembler.add(chunk)]
        events += [event.as_dict() for event in assembler.close(done)]
        self.assertEqual(without_frame(events), without_frame(reading.events))
        self.assertEqual(strict(assembler.snapshot()), strict(reading.stream.snapshot()))


def texts_of(events):
    """Return the joined deltas, by what they belong to, and the texts of the Done events in the same way."""
    joined, done = {}, {}
    for event in events:
        kind, _, stage = event["type"].partition(".")
        key = (kind, event.get("choice"), event.get("index"))
        text = event.get("arguments" if kind == "tool_call" else "text")
        if stage == "delta" and text is not None:
            joined[key] = joined.get(key, "") + text
        elif stage == "done":
            done.setdefault(key, []).append(text)
    return joined, done


class TestTexts(InvariantCase):
    def final_texts(self, stream):
        """Return the same texts from the final object."""
        texts = {}
        snapshot = stream.snapshot()
        for choice in snapshot["choices"]:
            index = choice["index"]
            texts["content", index, None] = stream.text(index)
            texts["reasoning", index, None] = stream.reasoning(index)
            texts["refusal", index, None] = stream.refusal(index)
            message = choice.get("message", {"content": choice.get("text")})
            if isinstance(message["content"], list):
                parts = [
                    part
                    for part in message["content"]
                    if isinstance(part, dict) and part.get("type") == "text"
                ]
                text = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
            else:
                text = message["content"] or ""
            self.assertEqual(text, stream.text(index))
            self.assertEqual(message.get("refusal") or "", stream.refusal(index))
            for place, call in enumerate(message.get("tool_calls", [])):
                inside = call["custom"] if "custom" in call else call["function"]
                texts["tool_call", index, place] = inside["input" if "custom" in call else "arguments"]
        return texts

    @examples(200)
    @given(any_body)
    def test_deltas_done_and_the_final_object_are_one_text(self, body):
        reading = Reading([body])
        joined, done = texts_of(reading.events)
        final = self.final_texts(reading.stream)
        for key, texts in done.items():
            self.assertEqual(len(texts), 1, key)  # every Done event exactly once
            if key[0] != "choice" and key[0] != "done":
                self.assertEqual(joined.get(key, ""), texts[0])
        for key, text in final.items():
            self.assertEqual(joined.get(key, ""), text)
            if text:
                self.assertEqual(done[key], [text])
        for key in joined:
            self.assertTrue(key in final or key[0] == "tool_call", key)  # the legacy call has no place
            self.assertTrue(key in done or key[0] == "audio", key)

    @examples(200)
    @given(bodies(sound=True) | runs(sound=True), st.lists(st.integers(0, 1 << 16), min_size=1, max_size=6))
    def test_every_prefix_closes_into_a_prefix(self, body, ends):
        whole = self.final_texts(Reading([body]).stream)
        for end in ends:
            self.check_prefix(body[: end % (len(body) + 1)], whole)

    def check_prefix(self, prefix, whole):
        reading = Reading([prefix])
        self.check_shape(reading.stream.snapshot())
        for key, text in self.final_texts(reading.stream).items():
            if not whole[key].startswith(text):
                self.assertTrue(text.endswith("\ufffd"), (key, text))
                self.assertTrue(whole[key].startswith(text[:-1]), (key, text))

    def check_shape(self, snapshot):
        """Check what every final object has."""
        strict(snapshot)
        kind = snapshot["object"]
        self.assertIn(kind, ("chat.completion", "text_completion"))
        self.assertLessEqual({"id", "created", "model", "choices"}, set(snapshot))
        indexes = [choice["index"] for choice in snapshot["choices"]]
        self.assertEqual(indexes, sorted(set(indexes)))
        for choice in snapshot["choices"]:
            self.assertIn("finish_reason", choice)
            if kind == "text_completion":
                self.assertIsInstance(choice["text"], str)
                continue
            message = choice["message"]
            self.assertIsInstance(message["role"], str)
            self.assertIn(type(message["content"]), (str, list, type(None)))
            for call in message.get("tool_calls", []):
                inside = call.get("function") or call["custom"]
                self.assertIsInstance(inside["name"], str)
                self.assertIsInstance(call["id"], str)
                self.assertNotIn("index", call)

    def test_every_prefix_of_a_few_streams(self):
        def data(*chunks):
            return encode("".join(f"data: {dumps(chunk, False)}\n\n" for chunk in chunks))

        custom = {"type": "custom", "custom": {"name": "g", "input": "\u00e9"}}
        legacy = {"function_call": {"name": "h", "arguments": {"a": 1}}, "reasoning": "B"}
        for body in (
            data(say("\u00e9\ud83d"), say("\ude00\U0001f600\ud83d"), say("A")) + sse(END),
            b'\xef\xbb\xbfevent: x\ndata: {"choices": [\ndata: {"text": "A"}]}\n: c\n\n{"choices": []}\n'
            b"error: E\n",
            data(
                calls(fragment(0, arguments='{"a":"\ud83d')),
                calls(fragment(0, "a", "f", '\ude00"}')),
                calls(custom),
                delta(legacy, finish_reason="stop"),
            ),
            b'{\n"object": "chat.completion",\n"choices": [\n{"message": {"content": "A"}}\n]\n}\n',
            b'{"choices": [{"delta": {"content": "A"}}]}\n{"choices": [{"text": "B"}]}\n{"error": "E"}',
        ):
            whole = self.final_texts(Reading([body]).stream)
            for end in range(len(body) + 1):
                with self.subTest(body[:end]):
                    self.check_prefix(body[:end], whole)


DEEP = 100_000
LONG = "9" * 10_000

# (name, body, the kinds of its errors)
EXTREMES = [
    ("deep lists", b'data: {"a": ' + b"[" * DEEP + b"]" * DEEP + b"}\n\n", ["malformed"]),
    ("deep objects", b"data: " + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"\n\n", ["malformed"]),
    ("deep open lists", b"data: " + b"[" * DEEP + b"\n\n", ["malformed"]),
    ("deep objects, cut", b"data: " + b'{"a":' * DEEP, ["truncated"]),
    ("deep lists on a bare line", b'{"a": ' + b"[" * DEEP + b"]" * DEEP + b"}\n", ["not_sse"]),
    ("deep lists in a document", b'{\n"a": ' + b"[" * DEEP + b"\n" + b"]" * DEEP + b"}\n", ["not_sse"]),
    ("deep lists in an error event",
     b"event: error\ndata: " + b"[" * DEEP + b"]" * DEEP + b"\n\n", ["server"]),
    (
        "deep arguments",
        sse(
            calls(fragment(name="f", arguments="[" * DEEP)),
            calls(fragment(arguments="]" * DEEP)),
        ),
        [],
    ),
    (
        "arguments that differ in their end",
        sse(*[calls(fragment(0, None, "f", "{}" + "x" * 9))] * 9),
        [],
    ),
    ("a long integer", f'data: {{"created": {LONG}, "a": {LONG}}}\n\n'.encode(), ["malformed"]),
    ("a long integer as a float", f'data: {{"created": {LONG}.0, "a": {LONG}e9}}\n\n'.encode(), ["not_chat"]),
    ("a long integer as an index", f'data: {{"choices": [{{"index": {LONG}}}]}}\n\n'.encode(), ["malformed"]),
    (
        "a long string as an index",
        f'data: {{"choices": [{{"index": "{LONG}"}}]}}\n\n'.encode(),
        ["malformed"],
    ),
    (
        "a long string as a tool index",
        sse(calls(fragment(LONG, "a"))),
        ["malformed"],
    ),
    ("a long integer on a line without data:", LONG.encode() + b"\n" + LONG.encode(), ["not_sse"]),
    ("a long retry", b"retry: " + LONG.encode() + b"\n\n", []),
    (
        "keys that are repeated",
        b'data: {"choices": [{"delta": {'
        + b'"content": "A", ' * 9999
        + b'"content": "B"}}], "choices": null}\n\n',
        ["not_chat"],
    ),
    ("NUL", b"\0\n\0\0: \0\ndata: \0\nid: \0\nevent: \0\n\ndata: {\0}\n\n", ["malformed"] * 2),
    (
        "10 000 choices",
        sse({"choices": [{"index": index} for index in range(10_000)]}),
        None,
    ),
    (
        "10 000 choices, one by one",
        sse(*(say("A", index) for index in range(10_000))),
        None,
    ),
    (
        "10 000 calls",
        sse(calls(*(fragment(index, str(index)) for index in range(10_000)))),
        None,
    ),
    ("10 000 errors", b'data: {"error": "E"}\n\n' * 10_000, None),
    ("nothing but line ends", b"\n" * 5000 + b"\r" * 5000 + b"\r\n" * 5000, []),
    ("all bytes", bytes(range(256)) * 4, ["not_sse"]),
]


class TestNothingRaises(InvariantCase):
    def check_survives(self, body, cut=65536, **options):
        stream = ChatStream(**options)
        events = []
        for number, piece in enumerate(pieces_of(body, cut)):
            events += stream.feed(piece)
            if number % 50 == 0:
                strict(stream.snapshot())
        events += stream.close()
        for event in events:
            strict(event.as_dict())
            repr(event)
        strict(stream.snapshot())
        self.assertEqual(stream.close(), [])
        self.check_readers(stream)
        try:
            stream.completion()
        except sseparse.StreamError as error:
            self.assertTrue(stream.errors)
            self.assertTrue(str(error))
            self.assertEqual(str(pickle.loads(pickle.dumps(error))), str(error))
        else:
            self.assertEqual(stream.errors, [])
        return stream

    def check_readers(self, reader):
        for choice in reader.snapshot()["choices"]:
            index = choice["index"]
            strict(
                [reader.text(index), reader.reasoning(index), reader.refusal(index), reader.tool_calls(index)]
            )
            strict(
                [reader.message(index), reader.finish_reason(index), reader.usage, reader.id, reader.model]
            )
        repr(reader)

    @examples(200)
    @given(mutated(mutated(bodies())), cuts, limits, st.booleans())
    def test_damaged_bytes(self, body, cut, options, fast_path):
        self.check_survives(body, cut, fast_path=fast_path, **options)

    @examples(40)
    @given(mutated(runs()), cuts, st.booleans())
    def test_damaged_bytes_among_many(self, body, cut, fast_path):
        self.check_survives(body, cut, fast_path=fast_path)

    @examples(150)
    @given(
        st.lists(st.sampled_from(b'dat:{}[]",\\ \n\r0e\x00\xef\xbb\xbf\xff\xd8'), max_size=40).map(bytes),
        cuts,
    )
    def test_random_bytes_that_look_like_frames(self, body, cut):
        self.check_survives(body, cut)
        self.check_survives(b'data: {"choices": [{"delta": {"content": ' + body, cut)

    def test_extremes(self):
        for name, body, kinds in EXTREMES:
            with self.subTest(name):
                stream = self.check_survives(body)
                if kinds is not None:
                    found = [
                        error.kind
                        for error in stream.errors
                        if error.kind != "truncated" or "truncated" in kinds
                    ]
                    self.assertEqual(found, kinds)

    def test_limits_hold(self):
        for name, body, _ in EXTREMES[-7:-2]:
            with self.subTest(name):
                stream = self.check_survives(body)
                choices = stream.snapshot()["choices"]
                self.assertLessEqual(len(choices), 128)
                self.assertLessEqual(len(stream.errors), 101)
                if choices:
                    self.assertLessEqual(len(stream.tool_calls(choices[0]["index"])), 128)

    def test_odd_indexes(self):
        """A value that is not an index is reported, and nothing else is."""
        for index in [
            *ODD_INDEXES,
            [],
            {},
            [0],
            {"a": 0},
            "",
            " 0",
            "+0",
            "-0",
            "1_0",
            Raw("NaN"),
            Raw("1e999"),
        ]:
            text = dumps(index)
            with self.subTest(text[:50]):
                is_index = (
                    index in ("0", "1", "00") or text in ("1", "128", "NaN", "1e999") or text == str(10**30)
                )
                is_choice_index = is_index and text not in ("128", str(10**30))
                body = f'data: {{"choices": [{{"index": {text}, "delta": {{"content": "A"}}}}]}}\n\n'.encode()
                stream = self.check_survives(body + b"data: [DONE]\n\n")
                self.assertEqual(
                    [error.kind for error in stream.errors], ["malformed"] * (not is_choice_index)
                )
                body = encode(f"data: {dumps(calls(fragment(index, 'a')))}\n\ndata: [DONE]\n\n")
                stream = self.check_survives(body)
                is_index = is_index or index in ("-0", "-1", -1)  # a key: any integer will do
                self.assertEqual([error.kind for error in stream.errors], ["malformed"] * (not is_index))
                self.assertEqual(len(stream.tool_calls()), int(is_index))

    def test_assembler_and_values_that_are_not_json(self):
        """A mistake of the caller raises TypeError and leaves the assembler as it was."""

        class Own:
            pass

        class OnlyItems:
            def items(self):
                return [("a", 1)]

        class OnlyKeys:
            def keys(self):
                return ["a"]

        for value in (Own(), OnlyItems(), OnlyKeys(), {1, 2}, b"x", object, 1j, (1, {"a": Own()})):
            for chunk in (
                {"choices": value},
                {"choices": [{"delta": {"content": value}}]},
                {"choices": [{"delta": {"content": "B"}}], "x": value},
            ):
                with self.subTest(chunk):
                    assembler = ChatAssembler()
                    assembler.add({"choices": [{"delta": {"content": "A"}}]})
                    before = strict(assembler.snapshot())
                    with self.assertRaisesRegex(TypeError, "model_dump"):
                        assembler.add(chunk)
                    self.assertEqual(strict(assembler.snapshot()), before)
                    assembler.add({"choices": [{"delta": {"content": "C"}}]})
                    self.assertEqual(assembler.text(), "AC")

    def test_assembler_and_values_that_are_nearly_json(self):
        for value in (
            (1, {"a": ()}),
            {1: 2},
            {None: [3]},
            float("nan"),
            {"a": [float("-inf")]},
            "\ud83d",
            10**5000,
        ):
            for chunk in (
                {"choices": value},
                {"choices": [value]},
                {"choices": [{"delta": value}]},
                {"choices": [{"delta": {"content": value, "x": value, "tool_calls": [value]}}]},
                {"choices": [{"delta": {"tool_calls": [{"id": value, "index": value, "function": value}]}}]},
                {"choices": ({"delta": {"content": "A"}},), "usage": value, "error": value, "id": value},
            ):
                with self.subTest(chunk.keys()):
                    assembler = ChatAssembler()
                    events = assembler.add(chunk) + assembler.close()
                    strict([event.as_dict() for event in events])
                    strict(assembler.snapshot())
                    self.check_readers(assembler)


if __name__ == "__main__":
    unittest.main()
