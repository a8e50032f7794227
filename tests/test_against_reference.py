# SPDX-License-Identifier: MIT
"""Random streams through the library and through the reference: the same events, properties, final object.

The library gets each stream in pieces, the reference gets it whole. So this also tests the cuts. Below the
properties, ``FOUND`` has one input for each disagreement that they have found.
"""

from __future__ import annotations

import copy
import types
import unittest

from hypothesis import given
from hypothesis import strategies as st

from tests import sseparse
from tests.reference import model
from tests.reference.streams import (
    ODD,
    bodies,
    call_bodies,
    cuts,
    decoded_chunks,
    dumps,
    encode,
    examples,
    limits,
    mutated,
    nested,
    pieces_of,
    runs,
)
from tests.wire import strict

ChatStream = sseparse.ChatStream


def comparable(events):
    return [strict(model.comparable(event)) for event in events]


def read(pieces, **options):
    """Return a closed ChatStream and its events as dicts."""
    stream = ChatStream(**options)
    events = [event.as_dict() for piece in pieces for event in stream.feed(piece)]
    events += [event.as_dict() for event in stream.close()]
    return stream, events


class ComparedCase(unittest.TestCase):
    maxDiff = 4000

    def check_reader(self, reader, events, expected):
        """Compare everything that a stream or an assembler shows."""
        self.assertEqual(comparable(events), comparable(expected.events))
        self.assertEqual(strict(reader.snapshot()), strict(expected.snapshot))
        self.assertEqual((reader.done, reader.finished), (expected.done, expected.finished))
        errors = [error.as_dict() for error in reader.errors]
        self.assertEqual(comparable(errors), comparable(expected.errors))
        final = expected.snapshot
        self.assertEqual((reader.id, reader.model), (final["id"], final["model"]))
        self.assertEqual(strict(reader.usage), strict(final.get("usage")))
        for choice in final["choices"]:
            index = choice["index"]
            self.assertEqual(reader.text(index), expected.text[index])
            self.assertEqual(reader.reasoning(index), expected.reasoning[index])
            self.assertEqual(reader.refusal(index), expected.refusal[index])
            self.assertEqual(reader.finish_reason(index), choice["finish_reason"])
            if "message" in choice:
                self.assertEqual(strict(reader.message(index)), strict(choice["message"]))
                self.assertEqual(
                    strict(reader.tool_calls(index)), strict(choice["message"].get("tool_calls", []))
                )

    def check_stream(self, body, cut=65536, fast_path=(True, False), **options):
        expected = model.run(body, **options)
        for is_fast in fast_path:
            stream, events = read(pieces_of(body, cut), fast_path=is_fast, **options)
            self.check_reader(stream, events, expected)
            self.assertEqual((stream.truncated, stream.comments), (expected.truncated, expected.comments))


class TestStreams(ComparedCase):
    @examples(500)
    @given(bodies(), cuts, limits)
    def test_a_few_frames(self, body, cut, options):
        self.check_stream(body, 65536, **options)
        self.check_stream(body, cut, **options)

    @examples(300)
    @given(call_bodies(), cuts)
    def test_tool_calls(self, body, cut):
        self.check_stream(body, cut)

    @examples(200)
    @given(mutated(bodies()), cuts, limits)
    def test_damaged_bytes(self, body, cut, options):
        self.check_stream(body, cut, **options)

    @examples(120)
    @given(runs(), cuts)
    def test_many_similar_frames(self, body, cut):
        self.check_stream(body, cut)

    @examples(40)
    @given(mutated(runs()), cuts, limits)
    def test_many_similar_frames_damaged(self, body, cut, options):
        self.check_stream(body, cut, **options)


# One chunk of each kind. Two chunks with the same ids come before and after it.
KINDS = [
    {
        "id": "i",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "service_tier": "s",
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "A"},
                "finish_reason": "stop",
                "y": {"z": 1},
            }
        ],
        "usage": {"a": 1, "b": {"c": 2}},
    },
    {
        "choices": [
            {"delta": {"tool_calls": [{"index": 0, "id": "a", "type": "function", "w": "x"}]}},
            {
                "index": 0,
                "delta": {
                    "reasoning": "B",
                    "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}],
                },
            },
        ],
        "x_groq": {"usage": {"a": 2}},
    },
    {
        "choices": [
            {
                "delta": {
                    "refusal": "C",
                    "function_call": {"name": "f", "arguments": "D"},
                    "audio": {"id": "i", "data": "AA==", "transcript": "E", "expires_at": 1},
                    "reasoning_details": [{"type": "text", "index": 0, "text": "F", "signature": "s"}],
                },
                "logprobs": {"content": [{"token": "G"}], "refusal": None},
                "usage": {"a": 3},
                "error": {"message": "H", "code": 4},
            }
        ]
    },
    {
        "choices": [
            {
                "delta": {
                    "content": [
                        {"type": "text", "text": "I"},
                        {"type": "thinking", "thinking": [{"type": "text", "text": "J"}]},
                    ],
                    "tool_calls": {"id": "b", "type": "custom", "custom": {"name": "g", "input": "K"}},
                }
            }
        ]
    },
    {"choices": [{"index": 1, "message": {"role": "tool", "content": "L", "refusal": None}, "text": "M"}]},
    {"choices": [{"index": 2, "text": "N", "finish_reason": "length", "delta": None}]},
    {"error": {"message": "O", "code": 5}, "choices": [{"delta": {"content": "P"}}]},
    {"object": "error", "message": "Q", "code": 6},
]


def replaced(value, other):
    """Yield copies of ``value``. In each, one node is replaced by ``other``."""
    yield other
    if isinstance(value, dict):
        for key in value:
            for item in replaced(value[key], other):
                yield {**value, key: item}
    elif isinstance(value, list):
        for place, one in enumerate(value):
            for item in replaced(one, other):
                yield [*value[:place], item, *value[place + 1 :]]


class TestAnyValueOfAnyType(ComparedCase):
    def test_each_node_replaced_by_each_type(self):
        """A chunk with one value of another type comes between two copies of the unchanged chunk."""
        for kind in KINDS:
            whole = dumps(kind)
            for other in ODD:
                for value in replaced(kind, other):
                    body = encode(
                        f"data: {whole}\n\ndata: {dumps(value)}\n\ndata: {whole}\n\ndata: [DONE]\n\n"
                    )
                    with self.subTest(dumps(value)[:300]):
                        self.check_stream(body, fast_path=(True,))


class Unusual(dict):
    """A dict whose type is not dict."""


def as_mappings(value):
    """Return the same value with mappings that are not dicts."""
    if isinstance(value, dict):
        return types.MappingProxyType({key: as_mappings(item) for key, item in value.items()})
    return [as_mappings(item) for item in value] if isinstance(value, list) else value


def as_subclasses(value):
    if isinstance(value, dict):
        return Unusual({key: as_subclasses(item) for key, item in value.items()})
    return [as_subclasses(item) for item in value] if isinstance(value, list) else value


class TestAssembler(ComparedCase):
    @examples(300)
    @given(
        decoded_chunks,
        st.booleans(),
        st.sampled_from([copy.deepcopy, as_mappings, as_subclasses]),
        st.sampled_from([{}, {}, {"max_choices": 1}, {"max_tool_calls": 1}, {"max_errors": 1}]),
    )
    def test_decoded_chunks(self, chunks, done, form, options):
        expected = model.assemble(chunks, done, **options)
        assembler = sseparse.ChatAssembler(**options)
        given_chunks = [form(chunk) for chunk in chunks]
        events = [event.as_dict() for chunk in given_chunks for event in assembler.add(chunk)]
        events += [event.as_dict() for event in assembler.close(done)]
        self.check_reader(assembler, events, expected)
        for chunk, given_chunk in zip(chunks, given_chunks):
            self.assertEqual(repr(form(chunk)), repr(given_chunk))  # not mutated (and NaN is NaN in a repr)


LINES = [
    b"data: a",
    b"data:b",
    b"data",
    b"data:",
    b"data:  c",
    b"data: \xc3\xa9",
    b"data: \xff\xf0\x9f",
    b"datax: 1",
    b" data: 1",
    b"event: e",
    b"event:",
    b"id: 1",
    b"id:",
    b"id: 2\x003",
    b"retry: 100",
    b"retry: 1x",
    b"retry: -1",
    b"retry: \xd9\xa3",
    b"retry: 00012",
    b"retry: " + b"9" * 18,
    b"retry: " + b"9" * 30,
    b"retry",
    b": comment",
    b":",
    b"",
    b"",
    b"",
    b"unknown: 1",
    b"\xef\xbb\xbfdata: d",
    b"\0",
]
# FF, VT, NEL and LINE SEPARATOR end no line.
ENDS = [b"\n", b"\n", b"\r", b"\r\n", b"\r\n", b"\x0c", b"\x0b", b"\xc2\x85", b"\xe2\x80\xa8", b""]
sse_bodies = st.builds(
    lambda bom, rows: bom + b"".join(line + end for line, end in rows),
    st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\xef\xbb\xbf\xef\xbb\xbf"]),
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(ENDS)), max_size=12),
)


class TestDecoder(ComparedCase):
    @examples(500)
    @given(
        sse_bodies,
        cuts,
        st.fixed_dictionaries(
            {},
            optional={
                "flush_at_eof": st.booleans(),
                "max_event_bytes": st.sampled_from([0, 1, 5, 7, 8, 14, 20]),
                "last_event_id": st.just("0"),
            },
        ),
    )
    def test_event_streams(self, body, cut, options):
        expected = model.decode(body, **options)
        decoder = sseparse.SSEDecoder(**options)
        events = [event for piece in pieces_of(body, cut) for event in decoder.feed(piece)] + decoder.close()
        self.assertEqual([(event.event, event.data, event.id) for event in events], expected.events)
        self.assertEqual(decoder.last_event_id, expected.last_event_id)
        self.assertEqual(decoder.retry, expected.retries[-1] if expected.retries else None)
        self.assertEqual((decoder.comments, decoder.overflowed), (expected.comments, expected.overflowed))


# One input for each difference that the comparison found and in which the library was wrong.
# (what the library did, body, limits, the right events)
FOUND = [
    (
        "an error frame went out without the delta of its choices, and `choices` became an unknown field",
        b'event: error\ndata: {"choices": [{"delta": {"content": "A"}}]}\n\n',
        {},
        "error=server start content.delta content.done choice.done error=truncated",
    ),
    (
        "an error frame lost `choices` where it was null",
        b'data: {"object": "error", "choices": null, "p": "x"}\n\n',
        {},
        "error=server error=truncated",
    ),
    (
        "an error frame with nothing but that was no error",
        b'error: {"choices": null}\n',
        {},
        "error=server error=truncated",
    ),
    (
        "an error after the end kept its choices as an unknown field",
        b'data: [DONE]\n\nerror: {"choices": [{"delta": {}}]}\n',
        {},
        "done error=server",
    ),
    (
        "a cut bare line did not count, so the one before it was taken for all there is",
        b'{"a": 1}\n{"b":',
        {},
        "extra error=not_chat",
    ),
    (
        "a cut bare line after a line of another kind did not count",
        b'foo\n{"a": 1}\n{"b":',
        {},
        "extra error=not_sse",
    ),
    (
        "a document that broke was forgotten over a cut bare line",
        b'{\n"a": 1}}\n{"b":',
        {},
        "error=not_sse",
    ),
    (
        "beside a message of the wrong type, text was an unknown field",
        b'data: {"choices": [{"message": 7, "text": "B"}]}\n\n',
        {},
        "start error=malformed content.delta content.done choice.done error=truncated",
    ),
    (
        "logprobs and refusal of the wrong type were not there at all",
        b'data: {"choices": [{"delta": {"refusal": [7]}, "logprobs": "x"}]}\n\n',
        {},
        "start error=malformed error=malformed choice.done error=truncated",
    ),
    (
        "a document over max_event_bytes was dropped in silence",
        b'{\n"a": 1,\n"error": 2\n}',
        {"max_event_bytes": 9},
        "error=limit",
    ),
    (
        "a cut bare line was reported without its blanks",
        b'data: {}\n\n {"choices": 5 ',
        {},
        "error=truncated",
    ),
    (
        "TypeError on the fast path: fragments of the legacy call",
        b'data: {"choices": [{"delta": {"function_call": {"name": "f"}}}]}\n\n'
        + b'data: {"choices": [{"delta": {"function_call": {"arguments": "1"}}}]}\n\n' * 3,
        {},
        "start tool_call.start tool_call.delta tool_call.delta tool_call.delta tool_call.done choice.done"
        " error=truncated",
    ),
    (
        "a limit error on a first line in two pieces did not stop the reading",
        b'error: {"code": 400}\n\n: c\n\ndata: [DONE]\n\n',
        {"max_errors": 0},
        "error=limit",
    ),
    (
        "a limit error in a document before a frame did not stop the reading",
        b'{\n"choices": [{"index": "x"}]\n}\ndata: [DONE]\n\n',
        {"max_errors": 0},
        "start error=limit",
    ),
    (
        "a limit error in a first bare line did not stop the reading: two limit errors",
        b'{"x": 1, "choices": 5}\ndata: []\n\n',
        {"max_errors": 0},
        "error=limit",
    ),
    (
        "a part of the content that is empty made a Done event without a delta",
        b'data: {"choices": [{"delta": {"content": [{"type": "text", "text": ""}]}}]}\n\n',
        {},
        "start choice.done error=truncated",
    ),
    (
        "no parts at all made a list of parts",
        b'data: {"choices": [{"delta": {"content": []}}]}\n\n'
        b'data: {"choices": [{"delta": {"content": "A"}}]}\n\n',
        {},
        "start content.delta content.done choice.done error=truncated",
    ),
    (
        "a list of nulls took the place of what was there",
        b'data: {"choices": [{"delta": {"v": [1]}}]}\n\ndata: {"choices": [{"delta": {"v": [null]}}]}\n\n',
        {},
        "start extra extra choice.done error=truncated",
    ),
    (
        "two thinking parts stayed two, because one was a list and one a string",
        b'data: {"choices": [{"delta": {"content": [{"type": "thinking", "thinking": ['
        b'{"type": "text", "text": "A"}]}, {"type": "thinking", "thinking": "B"}]}}]}\n\n',
        {},
        "start reasoning.delta reasoning.delta reasoning.done choice.done error=truncated",
    ),
    (
        "half a pair at the end of a legacy call beside tool calls was lost",
        b'data: {"choices": [{"delta": {"tool_calls": [{"id": "a", "function": '
        b'{"name": "f"}}], "function_call": {"arguments": "\\ud83d"}}}]}\n\n',
        {},
        "start tool_call.start tool_call.done choice.done error=truncated",
    ),
    (
        "parts of the content that are false, 0 or empty were dropped",
        b'data: {"choices": [{"delta": {"content": [false, 0, "", 1, "x"]}}]}\n\n',
        {},
        "start extra extra extra content.delta content.done choice.done error=truncated",
    ),
    (
        "an error event nested too deep was no server error",
        b'event: error\ndata: {"x": ' + b"[" * 200 + b"]" * 200 + b"}\n\n",
        {},
        "error=server error=truncated",
    ),
    (
        "usage that is false hid the one of x_groq",
        b'data: {"choices": [], "usage": false, "x_groq": {"usage": {"a": 1}}}\n\n',
        {},
        "extra usage error=truncated",
    ),
    (
        "a first bare line with NaN in it was dropped",
        b'{"x": NaN, "y": 1}\ndata: 1\n\n',
        {},
        "extra error=malformed error=not_chat",
    ),
    (
        "a piece that begins with a data line: not_sse at the end, as if none had come",
        b"html>\ndata: [DONE]\n\n",
        {},
        "done",
    ),
    (
        "the same piece after a line of blanks: not_sse at the end",
        b" \ndata: [DONE]\n\n",
        {},
        "done",
    ),
    (
        "an empty list as function hid custom",
        b'data: {"choices": [{"delta": {"tool_calls": [{"id": "a", "function": [], "custom": '
        b'{"name": "g"}}]}}]}\n\n',
        {},
        "start tool_call.start tool_call.done choice.done error=truncated",
    ),
    (
        "an Extra did not carry what the chunk did",
        b'data: {"choices": [{"delta": {"tool_calls": [{"function": null, "w": true}]}}]}\n\n',
        {},
        "start extra choice.done error=truncated",
    ),
    (
        "a last frame that is nested too deep was reported twice: as malformed, and the stream as cut",
        b'data: {}\n\ndata: {"x": 1, "y": ' + b"[" * 200 + b"]" * 200 + b"}",
        {},
        "error=truncated",
    ),
    (
        "a field that said half a pair, then U+FFFD, was told of twice",
        b'data: {"choices": [{"delta": {"v": "\\ud83d"}}]}\n\n'
        b'data: {"choices": [{"delta": {"v": "\xff"}}]}\n\n',
        {},
        "start extra choice.done error=truncated",
    ),
    (
        "a data line after an unfinished document was measured together with that",
        b'{\n"x":\ndata: ',
        {"max_event_bytes": 10},
        "error=truncated",
    ),
    (
        "a second chunk of `object: error`, the same but for what is not read twice, was no error",
        b'data: {"choices": [{"delta": {}}]}\n\n'
        + b'data: {"id": "i", "object": "error", "created": 1, "choices": [{"delta": {}}]}\n\n' * 2,
        {},
        "start error=server error=server choice.done error=truncated",
    ),
    (
        "a text part went into the list that another text part was",
        b'data: {"choices": [{"delta": {"content": [{"type": "text", "text": ["A"]}, '
        b'{"type": "text", "text": "B"}]}}]}\n\n',
        {},
        "start extra content.delta content.done choice.done error=truncated",
    ),
    (
        "a custom tool beside a function that is nothing was a call without a name",
        b'data: {"choices": [{"delta": {"tool_calls": [{"function": "", "custom": {"name": "f"}}]}}]}\n\n',
        {},
        "start tool_call.start tool_call.done choice.done error=truncated",
    ),
    (
        "a function that is nothing, and nothing else, was a call",
        b'data: {"choices": [{"delta": {"tool_calls": [{"function": []}]}}]}\n\n',
        {},
        "start choice.done error=truncated",
    ),
    (
        "objects without a type or an index, such as results of a search, became one",
        b'data: {"choices": [{"delta": {"v": [{"url": "A"}, {"url": "B"}]}}]}\n\n',
        {},
        "start extra choice.done error=truncated",
    ),
    (
        "after half a pair in a string, a content of parts lost its last character in the final object",
        b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n'
        b'data: {"choices": [{"delta": {"content": [{"type": "text", "text": "AB"}]}}]}\n\n',
        {},
        "start content.delta content.done choice.done error=truncated",
    ),
    (
        "the value of an error lost its usage where that was null",
        b'data: {"object": "error", "choices": [], "usage": null}\n\n',
        {},
        "error=server error=truncated",
    ),
    (
        "an event without a name, but with a type and a usage, was a chat",
        b'data: {"type": "message_delta", "usage": {"a": 1}}\n\ndata: [DONE]\n\n',
        {},
        "extra usage error=not_chat done",
    ),
]


def data(*chunks):
    return b"".join(b"data: " + encode(dumps(chunk)) + b"\n\n" for chunk in chunks)


def say(index=0, **fields):
    return {"id": "i", "created": 1, "model": "m", "choices": [{"index": index, **fields}]}


def call(*fragments):
    return say(delta={"tool_calls": list(fragments)})


HELLO = data(say(delta={"role": "assistant", "content": "A"}), say(delta={"content": "B"}))
AGAIN = data(say(delta={"content": "C"})) * 3

# Inputs for single lines of the library that no random stream has reached.
NARROW = [
    (
        "an error event on a bare line with a number that is too long for Python",
        b'event: error\n{"choices": [{"index": ' + b"1" * 5000 + b"}]}\n\n",
        {},
    ),
    (
        "a body of JSON lines with NaN",
        b'{"choices": [{"delta": {"content": "A"}}], "usage": {"n": NaN}}\n' * 3,
        {},
    ),
    (
        "reasoning in the delta whose call is the error that ends the reading",
        data(say(delta={"reasoning_text": "", "tool_calls": [{"id": "a", "function": {"name": "f"}}]})),
        {"max_tool_calls": 0, "max_errors": 0},
    ),
    ("a data line without a colon after a whole one", b'data: {"x": 1, "y": 2}\ndata\n\ndata: x\n\n', {}),
    ("a document, a blank line and a frame", b'{"x": 1, "y": 2}\n\ndata: {"x": 2, "y": 1}\n\n', {}),
    ("a BOM that is not the first thing", HELLO + b"\xef\xbb\xbf" + AGAIN, {}),
    ("a document that is not the first thing", HELLO + b'{\n"error": "E"\n}\n' + AGAIN, {}),
    ("a stray line after frames", HELLO + b"foo\n" + AGAIN, {}),
    (
        "an escape in capitals",
        HELLO + b'data: {"x": 1, "choices": [{"delta": {"content": "\\uD83D"}}]}\n\n',
        {},
    ),
    ("the same in an event with a type", b'event: x\ndata: {"x": "\\uD83D", "y": 1}\n\n', {}),
    (
        "a frame over the limit in a run",
        HELLO + AGAIN * 20 + data(say(delta={"content": "x" * 300})),
        {"max_event_bytes": 250},
    ),
    ("a control character in a run", HELLO + AGAIN * 20 + AGAIN.replace(b"C", b"\t", 1) + AGAIN, {}),
    ("half a character in a run", HELLO + AGAIN * 20 + AGAIN.replace(b"C", b"\\ud83d", 1) + AGAIN, {}),
    (
        "a frame without its padding, in a run",
        data(*({**say(delta={"content": f"t{number}"}), "p": f"p{number}"} for number in range(60)))
        + b'data: {"id": "i", "created": 1, "model": "m", "choices": [{"index": 0, '
        b'"delta": {"content": "x"}\n\n'
        + data(*({**say(delta={"content": f"t{number}"}), "p": f"p{number}"} for number in range(20))),
        {},
    ),
    (
        "a text beside a delta whose key is written with an escape",
        data(*[say(text="A", delta={"Content": "A"})] * 4).replace(b"Content", b"c\\u006fntent")
        + data(say(text="B", delta={"Content": "A"})).replace(b"Content", b"c\\u006fntent"),
        {},
    ),
    ("fragments that are no objects", HELLO + data(call("ab"), call(["a", "b"]), call(None)) + AGAIN, {}),
    (
        "a fragment that is no object, where the calls go on",
        data(call({"index": 0, "id": "a", "function": {"name": "f", "arguments": "x"}}))
        + data(call({"index": 0, "function": {"arguments": "y"}}), call("ab"), call(["index", "function"])),
        {},
    ),
    (
        "text after whole arguments, then a name",
        data(call({"index": 0, "function": {"name": "f", "arguments": "{} x"}}))
        + data(call({"index": 0, "function": {"name": "f", "arguments": "{}"}})),
        {},
    ),
    (
        "an error without words",
        data({"error": {"message": "", "code": 1}}, {"error": {"message": {"message": ""}}}),
        {},
    ),
    (
        "a creation time that comes late",
        data(*[{"id": "i", "choices": [{"index": 0, "delta": {"content": text}}]} for text in "AB"])
        + data({"id": "i", "created": 7, "choices": [{"index": 0, "delta": {"content": "C"}}]}),
        {},
    ),
    (
        "two texts in one delta, the role being known",
        HELLO
        + data(
            *[say(delta={"reasoning": "R", "content": "C"}), say(delta={"content": "C", "reasoning": "R"})]
            * 3
        ),
        {},
    ),
    (
        "a delta after texts of the legacy kind",
        data(say(), say(text="A"), say(delta={"content": "B"}), say(delta={"content": "C"})),
        {},
    ),
    (
        "an unknown object beside logprobs, over and over",
        data(*[say(delta={"content": "A"}, logprobs={"content": [1]}, y={"a": 1})] * 4),
        {},
    ),
    (
        "a message after parts without text",
        data(say(delta={"content": [{"type": "image"}]}), say(message={"content": "A"})),
        {},
    ),
    (
        "half a character in a key",
        data(say(delta={"\ud83d": 1}, **{"\ude00": 1}), {"\ud83d": [1], "choices": []}),
        {},
    ),
    (
        "a run of one call's arguments, some empty, then a fragment without an index",
        data(
            *[
                call({"index": at, "id": "ab"[at], "function": {"name": "f", "arguments": "x"}})
                for at in (0, 1)
            ]
        )
        + data(*[call({"index": 0, "function": {"arguments": text}}) for text in ["y", "", "z"] * 20])
        + data(call({"function": {"arguments": "!"}})),
        {},
    ),
    (
        "finish reasons that come with text and take turns",
        data(
            *[
                say(delta={"content": "A"}, finish_reason=reason)
                for reason in ["a", "a", "b", "b"] * 3 + ["a"]
            ]
        ),
        {},
    ),
    (
        "logprobs nested too deep after others",
        data(*[say(delta={"content": "A"}, logprobs={"content": [1]})] * 3)
        + data(say(delta={"content": "A"}, logprobs={"content": nested(130)})),
        {},
    ),
    (
        "half a character in capitals in two data lines",
        b'data: {"x":\ndata: "\\uD83D", "y": 1}\n\n',
        {},
    ),
    (
        "another id with an empty name",
        data(call({"index": 0, "id": "a", "function": {"name": "f", "arguments": "x"}}))
        + data(call({"index": 0, "id": "b", "function": {"name": "", "arguments": "y"}})),
        {},
    ),
    (
        "another kind of body after the name",
        data(call({"index": 0, "id": "a", "function": {"name": "f"}}))
        + data(call({"index": 0, "custom": {"input": "x"}})),
        {},
    ),
    (
        "a null among the details",
        data(say(delta={"reasoning_details": [{"type": "t", "text": "A"}, None]})) * 2,
        {},
    ),
    (
        "a fragment with both kinds of bodies",
        data(call({"id": "a", "function": {"name": "f"}, "custom": {"name": "g", "input": "x"}})),
        {},
    ),
    (
        "a custom tool that says so first",
        data(
            call({"index": 0, "id": "a", "type": "custom"}),
            call({"index": 0, "custom": {"name": "g", "input": "x"}}),
        ),
        {},
    ),
    (
        "usage that stays the same, with a list in it",
        data(*[{"choices": [], "usage": {"a": [1], "b": 0}}] * 3),
        {},
    ),
    (
        "usage beside a chunk that repeats",
        HELLO
        + data(
            *[
                {**say(delta={"content": "C"}), "usage": usage}
                for usage in ({"n": 1}, {"n": 1}, {"n": 2}, None, 0, 7, [])
            ]
        ),
        {},
    ),
    (
        "padding beside a chunk that repeats, and an error",
        HELLO + AGAIN + data({**say(delta={}), "p": "x", "error": "E"}),
        {},
    ),
    (
        "chunks that repeat, without a list of choices",
        HELLO + data({**say(), "choices": 5}, {**say(), "choices": None}),
        {},
    ),
]


class TestFound(ComparedCase):
    def test_found(self):
        for what, body, options, tags in FOUND:
            with self.subTest(what):
                events = model.run(body, **options).events
                found = [f"error={one['kind']}" if one["type"] == "error" else one["type"] for one in events]
                self.assertEqual(found, tags.split())
                for at in range(len(body) + 1):
                    self.check_stream(body, [at], **options)

    def test_a_line_of_json_gives_its_events_at_once(self):
        for body in (b'{"error": "E"}\n', b'{"choices": [{"delta": {"content": "A"}}]}\n'):
            self.assertTrue(ChatStream().feed(body))

    def test_narrow(self):
        for what, body, options in NARROW:
            with self.subTest(what):
                self.check_stream(body, 65536, **options)
                self.check_stream(body, 1, **options)
                frames = [at + 2 for at in range(len(body)) if body.startswith(b"\n\n", at)]
                self.check_stream(body, frames, **options)
                for at in frames[:8]:
                    self.check_stream(body, [at], **options)


if __name__ == "__main__":
    unittest.main()
