# SPDX-License-Identifier: MIT
"""The reference is checked by hand-written tables first, then, where they lie beside the checkout, by data.

The tables need nothing but this folder. ``../shared`` holds server quirks with what is expected of them,
vectors for the event stream, and recorded streams with facts that another assembler found in them.
"""

from __future__ import annotations

import base64
import json
import unittest
from pathlib import Path

from tests.reference import model as reference
from tests.reference.model import assemble, comparable, decode, run, scan

SHARED = Path(__file__).resolve().parents[2] / "shared"
QUIRKS = SHARED / "quirks.json"
VECTORS = SHARED / "sse_vectors.json"
RECORDINGS = sorted((SHARED / "recordings" / "chat").glob("*.expected.json"))


def data(*frames):
    """Frames as an event stream; a str stands as it is."""
    lines = [one if isinstance(one, str) else json.dumps(one) for one in frames]
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def entry(delta, index=0, finish_reason=None, **more):
    return {"index": index, "delta": delta, "finish_reason": finish_reason, **more}


def chunk(*entries, **more):
    return {"choices": list(entries), **more}


def say(text, **more):
    return chunk(entry({"content": text}), **more)


def call(*fragments):
    return chunk(entry({"tool_calls": list(fragments)}))


def fragment(index=None, id=None, name=None, arguments=None, **more):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    known = {"index": index, "id": id, "function": function or None}
    return {**{key: value for key, value in known.items() if value is not None}, **more}


STOP = chunk(entry({}, finish_reason="stop"))
CALLS = chunk(entry({}, finish_reason="tool_calls"))
END = (STOP, "[DONE]")

START = ("start", None, None, None)
STOPPED = ("choice.done", 0, "stop")
CALLED = ("choice.done", 0, "tool_calls")
DONE = ("done",)


def server(message, code, value, frame, choice=None):
    return ("error", "server", message, choice, code, value, frame)


def own(kind, data=None, frame=None, choice=None):
    """An error whose message is the library's own."""
    return ("error", kind, reference.OWN_WORDS, choice, None, data, frame)


def content(text):
    return ("content.delta", 0, text)


def content_done(text):
    return ("content.done", 0, text)


def call_done(index, id, name, arguments, status, kind="function"):
    return ("tool_call.done", 0, index, id, name, arguments, kind, status)


def call_start(index, id, name, kind="function"):
    return ("tool_call.start", 0, index, id, name, kind)


INDEXES = (
    chunk(entry({"content": "0"}, "1"), {"delta": {"content": "1"}}, entry({}, 128)),
    chunk(entry({}, -1), 5, None),
    chunk(
        entry({"tool_calls": [fragment(1.0), fragment(True), fragment(10**30, "a", "f"), None]}, 0, "length")
    ),
)

# (name, wire, events): events as tuples, the tag first, then the fields in their order.
EVENTS = [
    ("an empty body is a cut stream", b"", [own("truncated")]),
    ("only [DONE]", b"data: [DONE]\n\n", [DONE]),
    (
        "text, usage after the finish",
        data(
            say("Hel", id="x-1", model="m", created=7),
            say("lo"),
            STOP,
            {"choices": [], "usage": {"n": 1}},
            "[DONE]",
        ),
        [
            ("start", "x-1", "m", 7),
            content("Hel"),
            content("lo"),
            ("usage", {"n": 1}),
            content_done("Hello"),
            STOPPED,
            DONE,
        ],
    ),
    (
        "cut after two deltas",
        data(say("4"), say("2")),
        [START, content("4"), content("2"), content_done("42"), ("choice.done", 0, None), own("truncated")],
    ),
    (
        "cut inside the last frame",
        data(say("4"), STOP) + b'data: {"choices": [{"ind',
        [START, content("4"), content_done("4"), STOPPED, own("truncated", '{"choices": [{"ind', 2)],
    ),
    (
        "the order within one chunk",
        data(
            {
                "x": 1,
                "usage": {"n": 2},
                "error": {"message": "E", "code": 5},
                "choices": [
                    {
                        "error": "F",
                        "logprobs": {"content": []},
                        "y": True,
                        "delta": {
                            "z": "Z",
                            "audio": {"data": "AAAA"},
                            "tool_calls": [fragment(0, "a", "f", "{}", w=[1])],
                            "refusal": "R",
                            "content": "C",
                            "reasoning": "T",
                        },
                    }
                ],
            },
            "[DONE]",
        ),
        [
            server("E", 5, {"message": "E", "code": 5}, 0),
            START,
            ("extra", None, None, "x", 1),
            ("reasoning.delta", 0, "T"),
            content("C"),
            ("refusal.delta", 0, "R"),
            call_start(0, "a", "f"),
            ("tool_call.delta", 0, 0, "{}"),
            ("extra", 0, 0, "w", [1]),
            ("audio.delta", 0, "AAAA", None),
            ("extra", 0, None, "z", "Z"),
            ("extra", 0, None, "y", True),
            ("logprobs.delta", 0, {"content": []}),
            server("F", None, "F", 0, 0),
            ("usage", {"n": 2}),
            content_done("C"),
            ("reasoning.done", 0, "T"),
            ("refusal.done", 0, "R"),
            call_done(0, "a", "f", "{}", "complete"),
            ("choice.done", 0, "error"),
            DONE,
        ],
    ),
    (
        "a late name, a name in pieces, arguments that came earlier as one delta",
        data(
            call(fragment(5, arguments="{")),
            call(fragment(5, arguments='"a"')),
            call(fragment(5, "id", "f", ":1}")),
            call(fragment(6, "jd", "g"), fragment(6, name="h")),
            CALLS,
            "[DONE]",
        ),
        [
            START,
            call_start(0, "id", "f"),
            ("tool_call.delta", 0, 0, '{"a"'),
            ("tool_call.delta", 0, 0, ":1}"),
            call_start(1, "jd", "g"),
            call_done(0, "id", "f", '{"a":1}', "complete"),
            call_done(1, "jd", "gh", "", "empty"),
            CALLED,
            DONE,
        ],
    ),
    (
        "a call that is never named gets its start at the end, and an id made up",
        data({"id": "chatcmpl-0123456789/abcdef"}, call(fragment(0, arguments="[1")), CALLS, "[DONE]"),
        [
            ("start", "chatcmpl-0123456789/abcdef", None, None),
            call_start(0, None, None),
            ("tool_call.delta", 0, 0, "[1"),
            call_done(0, "call_0123456789abcdef_0_0", None, "[1", "incomplete"),
            CALLED,
            DONE,
        ],
    ),
    (
        "status: cut, doubled, no object, NaN, one object; and a call cut before its arguments",
        data(
            call(fragment(0, "a", "f", '{"a')),
            call(fragment(1, "b", "f", "{}{}")),
            call(fragment(2, "c", "f", "[]")),
            call(fragment(3, "d", "f", '{"a":NaN}')),
            call(fragment(4, "e", "f", ' {"a":1e999} ')),
            chunk(entry({"tool_calls": [fragment(5, "g", "f")]}, finish_reason="length")),
        ),
        [
            START,
            call_start(0, "a", "f"),
            ("tool_call.delta", 0, 0, '{"a'),
            call_start(1, "b", "f"),
            ("tool_call.delta", 0, 1, "{}{}"),
            call_start(2, "c", "f"),
            ("tool_call.delta", 0, 2, "[]"),
            call_start(3, "d", "f"),
            ("tool_call.delta", 0, 3, '{"a":NaN}'),
            call_start(4, "e", "f"),
            ("tool_call.delta", 0, 4, ' {"a":1e999} '),
            call_start(5, "g", "f"),
            call_done(0, "a", "f", '{"a', "incomplete"),
            call_done(1, "b", "f", "{}{}", "invalid"),
            call_done(2, "c", "f", "[]", "invalid"),
            call_done(3, "d", "f", '{"a":NaN}', "invalid"),
            call_done(4, "e", "f", ' {"a":1e999} ', "complete"),
            call_done(5, "g", "f", "", "incomplete"),
            ("choice.done", 0, "length"),
        ],
    ),
    (
        "a custom tool; the legacy call; arguments as an object",
        data(
            chunk(entry({"function_call": {"name": "old", "arguments": {"a": [1, None]}}})),
            call({"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}),
            chunk(entry({"function_call": {"arguments": " "}})),
            CALLS,
            "[DONE]",
        ),
        [
            START,
            call_start(None, None, "old", "function_call"),
            ("tool_call.delta", 0, None, '{"a":[1,null]}'),
            call_start(0, "c", "sql", "custom"),
            ("tool_call.delta", 0, 0, "SELECT"),
            ("tool_call.delta", 0, None, " "),
            call_done(0, "c", "sql", "SELECT", "complete", "custom"),
            call_done(None, None, "old", '{"a":[1,null]} ', "complete", "function_call"),
            CALLED,
            DONE,
        ],
    ),
    (
        "Extra: appears, stays, changes, is appended to, null is nothing",
        data(
            {"a": 1, "choices": [entry({"reasoning_opaque": "x", "note": "n"}, p="noise")]},
            {
                "a": 1,
                "b": None,
                "choices": [entry({"reasoning_opaque": "y", "note": "n"}, obfuscation="noise")],
            },
            {"a": 2, "service_tier": "s", "choices": [entry({"reasoning_opaque": "", "note": "m"})]},
            "[DONE]",
        ),
        [
            START,
            ("extra", None, None, "a", 1),
            ("extra", 0, None, "reasoning_opaque", "x"),
            ("extra", 0, None, "note", "n"),
            ("extra", 0, None, "reasoning_opaque", "y"),
            ("extra", None, None, "a", 2),
            ("extra", None, None, "service_tier", "s"),
            ("extra", 0, None, "note", "m"),
            ("choice.done", 0, None),
            DONE,
        ],
    ),
    (
        "bad frames: malformed; null, empty, a wrapped comment and pings are silent but counted",
        data("null", "", ": x", "{}", '{"type": "ping"}', "[1]", "[DONE]x", " [DONE] "),
        [own("malformed", "[1]", 5), own("malformed", "[DONE]x", 6), DONE],
    ),
    (
        "errors in the stream",
        data({"error": "A", "code": 1}, {"object": "error", "message": "B", "code": "c"}, {"error": {}})
        + b'event: error\ndata: plain\n\nevent: error\ndata: {"message": "D"}\n\nerror: {"message": "E"}\n\n'
        + data("[DONE]"),
        [
            server("A", 1, "A", 0),
            server("B", "c", {"object": "error", "message": "B", "code": "c"}, 1),
            server("plain", None, "plain", 3),
            server("D", None, {"message": "D"}, 4),
            server("E", None, {"message": "E"}, 5),
            DONE,
        ],
    ),
    (
        "blank lines left out; an event type belongs to the data after it",
        b'event: error\ndata: {"message": "A"}\nevent: x\ndata: {"choices": [{"delta": {"content": "B"}}]}\n'
        b'{"error": "C"}\nerror: D\ndata: {"choices":\ndata: []}\ndata: \n\n'
        b'data: [DONE]\ndata: {"usage": {"n": 1}}',
        [
            server("A", None, {"message": "A"}, 0),
            START,
            content("B"),
            server("C", None, "C", 2),
            server("D", None, "D", 3),
            content_done("B"),
            ("choice.done", 0, None),
            DONE,
            ("usage", {"n": 1}),
        ],
    ),
    ("a bare error", b'{"error": {"message": "A"}}', [server("A", None, {"message": "A"}, 0)]),
    (
        "one JSON document over several lines: an error",
        b'{\n  "error": {\n    "message": "A"\n  },\n  "x": [\n    {"error": "B"}\n  ]\n}\n',
        [server("A", None, {"message": "A"}, 0)],
    ),
    (
        "one JSON document over several lines: a whole completion",
        b'{\n"object": "chat.completion", "choices": [\n{"message": {"content": "A"}}\n]}',
        [START, content("A"), content_done("A"), ("choice.done", 0, None)],
    ),
    ("one JSON document over several lines: neither", b'{\n"a": 1\n}\n', [own("not_sse", "{")]),
    ("one JSON document over several lines: cut", b'{\n"a": 1,\n', [own("truncated", '{\n"a": 1,', 0)]),
    ("a bare object that is neither", b'{"detail": "A"}\n', [own("not_sse", '{"detail": "A"}')]),
    ("a page", b"\n<html>\nx: y\n</html>\n", [own("not_sse", "<html>")]),
    ("only heartbeats", b": a\n\n: b\n\n", [own("truncated")]),
    (
        "raw HTTP: said at once, read all the same",
        b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n5\r\n" + data("[DONE]"),
        [own("not_sse"), DONE],
    ),
    (
        "bare lines alone are cut like any other",
        b'{"choices": []}\n{"x": 1}\n',
        [("extra", None, None, "x", 1), own("truncated")],
    ),
    (
        "an object on the first line is put aside: a frame, if anything that counts follows",
        b': c\n{"x": 1}\n' + data("[1]", "[DONE]"),
        [("extra", None, None, "x", 1), own("malformed", "[1]", 1), DONE],
    ),
    (
        "a document put aside",
        b'{\n"x": 1\n}\nstray\nerror: E\n',
        [("extra", None, None, "x", 1), server("E", None, "E", 1), own("truncated")],
    ),
    ("a document that is no object is nothing", b"[\n1\n]\n" + data("[DONE]"), [DONE]),
    ("an unfinished document before a frame is dropped", b'{\n"x":\n' + data("[DONE]"), [DONE]),
    (
        "comments and fields are no part of a document",
        b'{\n: c\n"error":\nid: 1\n"A"}\n',
        [server("A", None, "A", 0)],
    ),
    ("a document that broke", b'{\n"x": 1\ny\n}\n', [own("not_sse", "{")]),
    ("a document with text behind it", b'{\n"error": 1\n} x\n', [own("not_sse", "{")]),
    (
        "cut in a bare line, which makes the first a frame",
        b'{"x": 1}\n{"y": ',
        [("extra", None, None, "x", 1), own("truncated", '{"y": ', 1)],
    ),
    (
        "cut in a bare line behind a pending one",
        b'data: {"x": 1}\n {y',
        [("extra", None, None, "x", 1), own("truncated", " {y", 1)],
    ),
    (
        "an object with text behind it is no cut frame",
        b'data: {"x": 1}\n{} y',
        [("extra", None, None, "x", 1), own("truncated")],
    ),
    ("foreign, whatever the last line is", b'x\n{"y":', [own("not_sse", "x")]),
    *[
        ("cut in its first word", start, [own("truncated")])
        for start in (b"d", b"data", b"\nerr", b"\xef", b"\xef\xbb", b"\xef\xbb\xbfid")
    ],
    ("no first word of ours", b"dates", [own("not_sse", "dates")]),
    (
        "error: with choices, all the rest is read; with [DONE], it is that",
        b'error: {"choices": [{"delta": {"content": "B"}}]}\nerror: [DONE]\n',
        [
            server(reference.OWN_WORDS, None, {"choices": [{"delta": {"content": "B"}}]}, 0),
            START,
            content("B"),
            content_done("B"),
            ("choice.done", 0, None),
            DONE,
        ],
    ),
    (
        "indexes: a string of digits, too far, negative, a float, a bool; no index is the position",
        data(*INDEXES, "[DONE]"),
        [
            START,
            ("content.delta", 1, "0"),
            ("content.delta", 1, "1"),
            *[own("malformed", json.dumps(INDEXES[0])[:200], 0)],
            *[own("malformed", json.dumps(INDEXES[1])[:200], 1)] * 2,
            *[own("malformed", json.dumps(INDEXES[2])[:200], 2, choice=0)] * 2,
            call_start(0, "a", "f"),
            call_done(0, "a", "f", "", "incomplete"),
            ("choice.done", 0, "length"),
            ("content.done", 1, "01"),
            ("choice.done", 1, None),
            DONE,
        ],
    ),
    (
        "halves of a pair: joined over two deltas; one that stays alone; one that is followed by text",
        data(say("A\ud83d"), say("\ude00\ud83d"), say(""), say("B\ude00"), say("\ud83d"), "[DONE]"),
        [
            START,
            content("A"),
            content("\U0001f600"),
            content("\ufffdB\ufffd"),
            content("\ufffd"),
            content_done("A\U0001f600\ufffdB\ufffd\ufffd"),
            ("choice.done", 0, None),
            DONE,
        ],
    ),
]


def final(*messages, finish_reason="stop", **more):
    choices = [
        {"index": index, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
        for index, message in enumerate(messages)
    ]
    return {"object": "chat.completion", "choices": choices, **more}


def function(id, name, arguments, **more):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


# (name, wire, the final object)
FINALS = [
    ("no choices", data("[DONE]"), {"object": "chat.completion", "choices": []}),
    ("content never sent is null", data(STOP), final({"content": None})),
    ("content that was only empty is empty", data(say(""), STOP), final({"content": ""})),
    (
        "identity: id first, created first, model last; empty is nothing",
        data(
            {"id": "", "created": 0, "model": "", "choices": []},
            {"id": "a", "created": 1, "model": "m", "choices": None},
            {"id": "b", "created": 2, "model": "n", "object": "x"},
            {"model": "", "p": "noise", "obfuscation": "noise"},
        ),
        {"object": "chat.completion", "id": "a", "created": 1, "model": "n", "choices": []},
    ),
    (
        "unknown fields: objects are merged, lists and strings replaced; a null inside stays",
        data(
            {"a": {"b": {"c": 1}, "n": None}, "l": [1], "text": "x"},
            {"a": {"b": {"c": None, "d": 2}}, "l": [2]},
            {"text": "y"},
        ),
        {
            "object": "chat.completion",
            "a": {"b": {"c": 1, "d": 2}, "n": None},
            "l": [2],
            "text": "y",
            "choices": [],
        },
    ),
    (
        "the finish reason: the last, but stop replaces no better one",
        data(
            chunk(entry({}, finish_reason="abort")),
            chunk(entry({}, finish_reason="length")),
            STOP,
            chunk(entry({}, finish_reason="")),
        ),
        final({"content": None}, finish_reason="length"),
    ),
    (
        "refusal and logprobs are there wherever the key was",
        data(chunk(entry({"refusal": None, "role": ""}, logprobs=None)), STOP),
        {
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": None, "refusal": None},
                    "finish_reason": "stop",
                    "logprobs": None,
                }
            ],
        },
    ),
    (
        "every list in logprobs extends",
        data(
            chunk(entry({}, logprobs={"content": [1], "refusal": None})),
            chunk(entry({}, logprobs={"content": [2], "x": [3]})),
        ),
        {
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": None},
                    "finish_reason": None,
                    "logprobs": {"content": [1, 2], "refusal": None, "x": [3]},
                }
            ],
        },
    ),
    (
        "rule 4 (a): a known id at a reused index, at another index, without one",
        data(
            call(fragment(0, "a", "f", "1")),
            call(fragment(0, "b", "g", "2")),
            call(fragment(0, "a", "f", "3")),
            call(fragment(7, "a", arguments="4")),
            call(fragment(8, "a", "f", "5")),
            call(fragment(None, "a", arguments="6")),
            STOP,
        ),
        final(
            {
                "content": None,
                "tool_calls": [function("a", "f", "134"), function("b", "g", "2"), function("a", "f", "56")],
            }
        ),
    ),
    (
        "rule 4 (b): what is at the index; an id without a name is an alias",
        data(
            call(fragment(3, "a", "f", "1")),
            call(fragment(3, "x", arguments="2")),
            call(fragment(None, "y", "g", "3")),
            call(fragment(9, "x", arguments="4")),
            call(fragment(3, "z", "h", "5"), fragment(3, arguments="6")),
            STOP,
        ),
        final(
            {
                "content": None,
                "tool_calls": [function("a", "f", "124"), function("y", "g", "3"), function("z", "h", "56")],
            }
        ),
    ),
    (
        "rule 4 (c): without an index, the call touched last",
        data(
            call(fragment(None, None, "f", "1")),
            call(fragment(None, "a", None, "2"), fragment(None, None, None, "3")),
            call(fragment(None, "b", None, "4")),
            call(fragment(None, None, "g", "5"), {"w": 1}),
            call(fragment(None, None, "h", "6")),
            STOP,
        ),
        final(
            {
                "content": None,
                "tool_calls": [
                    function("a", "f", "123"),
                    function("b", "g", "45", w=1),
                    function("call_0_2", "h", "6"),
                ],
            }
        ),
    ),
    (
        "rule 4 (d): no id, and the arguments are whole already",
        data(
            call(fragment(0, None, "f", "{}")),
            call(fragment(0, None, "f", "[")),
            call(fragment(0, None, "f", "]")),
            call(fragment(0, "a", "f", " ")),
            call(fragment(0, None, None, "1")),
            STOP,
        ),
        final({"content": None, "tool_calls": [function("call_0_0", "f", "{}"), function("a", "f", "[] 1")]}),
    ),
    (
        "rule 5: names",
        data(
            call(
                fragment(0, "a", "get"),
                fragment(0, "a", "get"),
                fragment(0, "a", "get_x"),
                fragment(0, "a", "y", "1"),
            ),
            call(fragment(0, "a", "zzz")),
            STOP,
        ),
        final({"content": None, "tool_calls": [function("a", "get_xy", "1")]}),
    ),
    (
        "rule 6: the legacy call beside tool calls is kept",
        data(
            chunk(
                entry(
                    {
                        "function_call": {"name": "g", "arguments": "2"},
                        "tool_calls": fragment(0, "a", "f", "1"),
                    }
                )
            ),
            STOP,
        ),
        final(
            {
                "content": None,
                "tool_calls": [function("a", "f", "1")],
                "function_call": {"name": "g", "arguments": "2"},
            }
        ),
    ),
    (
        "rule 8: parts",
        data(
            say("A"),
            say([{"type": "text", "text": "B"}, {"type": "image", "x": 1}]),
            say(
                [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "C"}]},
                    {"type": "thinking", "thinking": "D"},
                ]
            ),
            say("E"),
            STOP,
        ),
        final(
            {
                "content": [
                    {"type": "text", "text": "AB"},
                    {"type": "image", "x": 1},
                    {"type": "thinking", "thinking": [{"type": "text", "text": "CD"}]},
                    {"type": "text", "text": "E"},
                ]
            }
        ),
    ),
    (
        "rule 9: lists of objects merge by type and index, or join the last of a type without a signature",
        data(
            chunk(
                entry(
                    {
                        "reasoning": "R",
                        "details": [
                            {"type": "t", "index": 0, "text": "a", "id": "i"},
                            {"type": "u", "index": 0},
                        ],
                    }
                )
            ),
            chunk(
                entry(
                    {
                        "reasoning_content": "S",
                        "details": [
                            {"type": "t", "index": 0, "text": "b", "id": ""},
                            {"type": "t", "text": "c"},
                        ],
                    }
                )
            ),
            chunk(
                entry(
                    {
                        "blocks": [
                            {"type": "thinking", "thinking": "d"},
                            {"type": "thinking", "thinking": "e", "signature": "s"},
                        ]
                    }
                )
            ),
            chunk(entry({"blocks": [{"type": "thinking", "thinking": "f"}], "list": [1]})),
            chunk(entry({"list": [2]})),
            STOP,
        ),
        final(
            {
                "content": None,
                "reasoning": "R",
                "reasoning_content": "S",
                "details": [
                    {"type": "t", "index": 0, "text": "ab", "id": "i"},
                    {"type": "u", "index": 0},
                    {"type": "t", "text": "c"},
                ],
                "blocks": [
                    {"type": "thinking", "thinking": "de", "signature": "s"},
                    {"type": "thinking", "thinking": "f"},
                ],
                "list": [2],
            }
        ),
    ),
    (
        "rule 11: usage is laid over, from wherever it comes",
        data(
            {"usage": {"a": 1, "d": {"x": 1, "y": None}, "n": None}},
            {"usage": None, "x_groq": {"usage": {"a": 2}}},
            chunk(entry({}, usage={"d": {"x": None, "z": 3}}), usage=[]),
        ),
        {
            "object": "chat.completion",
            "usage": {"a": 2, "d": {"x": 1, "y": None, "z": 3}, "n": None},
            "x_groq": {"usage": {"a": 2}},
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": None}
            ],
        },
    ),
    (
        "rule 11: audio in padded fragments",
        data(
            chunk(entry({"audio": {"id": "i", "data": "AA=="}})),
            chunk(entry({"audio": {"data": "AQ", "transcript": "t"}})),
            STOP,
        ),
        final({"content": None, "audio": {"id": "i", "data": "AAE=", "transcript": "t"}}),
    ),
    (
        "rule 14: a whole message fills gaps, beside a delta it is nothing; no choices after [DONE]",
        data(
            say("A"),
            chunk({"message": {"role": "user", "content": "B", "refusal": "C", "x": 1}}),
            chunk({"delta": {"x": 2}, "message": {"content": "D"}}),
            STOP,
            "[DONE]",
            say("E", late=1, usage={"n": 1}),
        ),
        {**final({"role": "user", "content": "A", "refusal": "C", "x": 2}), "late": 1, "usage": {"n": 1}},
    ),
    (
        "a text completion",
        data(
            chunk({"text": "A", "logprobs": None}),
            chunk({"text": "B", "index": 0, "finish_reason": "length", "delta": None}),
        ),
        {
            "object": "text_completion",
            "choices": [{"index": 0, "text": "AB", "finish_reason": "length", "logprobs": None}],
        },
    ),
]

# (a chunk with X where a value of another type belongs, the choice that is blamed)
WRONG = [
    ({"choices": "X"}, None),
    ({"usage": "X"}, None),
    ({"choices": [{"delta": "X"}]}, 0),
    ({"choices": [{"message": "X"}]}, 0),
    ({"choices": [{"index": 7, "text": "X"}]}, 7),
    *[
        (chunk(entry(delta)), 0)
        for delta in (
            {"content": "X"},
            {"refusal": "X"},
            {"tool_calls": "X"},
            {"function_call": "X"},
            {"audio": "X"},
            {"tool_calls": [{"function": "X"}]},
            {"tool_calls": [{"custom": "X"}]},
            {"tool_calls": [{"function": {"arguments": "X"}}]},
            {"tool_calls": [{"custom": {"input": "X"}}]},
            {"function_call": {"arguments": "X"}},
        )
    ],
]

# (name, wire, limits, events)
LIMITS = [
    (
        "an event of exactly max_event_bytes",
        b"data: []\ndata: 1\n\n",
        {"max_event_bytes": 15},
        [own("malformed", "[]\n1", 0), own("truncated")],
    ),
    (
        "one byte more; what is pending is dropped",
        b": 345678901234\n\ndata: {}\ndata: 1\n\n",
        {"max_event_bytes": 14},
        [own("limit")],
    ),
    (
        "a document is pending like data",
        b'{\n"error":1\n}\n',
        {"max_event_bytes": 10},
        [own("limit")],
    ),
    (
        "measured before a pending line is delivered",
        b'data: {"a":1}\n{"b":1}\n',
        {"max_event_bytes": 19},
        [own("limit")],
    ),
    (
        "the first max_total_bytes are read",
        data(say("A")) + b"\n",
        {"max_total_bytes": len(data(say("A")))},
        [START, content("A"), own("limit"), content_done("A"), ("choice.done", 0, None)],
    ),
    (
        "instead of the error after the max_errors-th; the rest of its frame is dropped",
        data("[]", {"error": "A", "choices": [entry({"content": "B"})]}),
        {"max_errors": 1},
        [own("malformed", "[]", 0), own("limit")],
    ),
    (
        "too many choices and calls",
        data(
            chunk(entry({}, 1)),
            call(fragment(0, "a", "f"), fragment(1, "b", "g"), fragment(0, None, None, "{}")),
            "[DONE]",
        ),
        {"max_choices": 1, "max_tool_calls": 1},
        [
            START,
            own("malformed", json.dumps(chunk(entry({}, 1))), 0),
            call_start(0, "a", "f"),
            own(
                "malformed",
                json.dumps(call(fragment(0, "a", "f"), fragment(1, "b", "g"), fragment(0, None, None, "{}")))[
                    :200
                ],
                1,
                0,
            ),
            ("tool_call.delta", 0, 0, "{}"),
            call_done(0, "a", "f", "{}", "complete"),
            ("choice.done", 0, None),
            DONE,
        ],
    ),
    (
        "nested deeper than 128 levels",
        data('{"a":' + "[" * 127 + "]" * 127 + "}", '{"a":' + "[" * 128 + "]" * 128 + "}", "[DONE]"),
        {},
        [
            ("extra", None, None, "a", json.loads("[" * 127 + "]" * 127)),
            own("malformed", ('{"a":' + "[" * 200)[:133] + "]" * 67, 1),
            DONE,
        ],
    ),
]

# (name, wire, events, retries, last event id)
STREAMS = [
    (
        "line ends",
        b"data: a\r\rdata: b\r\n\ndata: c\n\r\n",
        [("message", "a", ""), ("message", "b", ""), ("message", "c", "")],
        [],
        "",
    ),
    (
        "id committed by a blank line, type dropped",
        b"id: 1\nevent: e\n\ndata\n\nid: 2\n",
        [("message", "", "1")],
        [],
        "1",
    ),
    (
        "NUL in an id; digits only",
        b"id: 1\0\nretry: 1x\nretry: 20\nretry: -3\ndata:  x\n\n",
        [("message", " x", "")],
        [20],
        "",
    ),
    ("no blank line", b"data: a\n\ndata: b\n", [("message", "a", "")], [], ""),
]

# (text, what it is as one JSON value)
SCANS = [
    ("", "incomplete"),
    (" ", "incomplete"),
    ("{}", "complete"),
    (' [1, -2.5e+3, "\\u00e9\\n", {"a": null}] ', "complete"),
    ("{} {}", "invalid"),
    ('{"a"', "incomplete"),
    ('{"a":1,}', "invalid"),
    ('{"a":1,', "incomplete"),
    ("[1,]", "invalid"),
    ('"\\u12', "incomplete"),
    ('"\\x"', "invalid"),
    ('"\n"', "invalid"),
    ("tru", "incomplete"),
    ("trx", "invalid"),
    ("NaN", "invalid"),
    ("01", "invalid"),
    ("-", "incomplete"),
    ("-0", "complete"),
    ("1.", "incomplete"),
    ("1.e", "invalid"),
    ("1e+", "incomplete"),
    ("[" * 128, "incomplete"),
    ("[" * 129, "invalid"),
]


def as_dicts(rows):
    return [reference.event(kind, *values) for kind, *values in rows]


def differences(expected, actual, path=""):
    """Say where ``expected`` is no subset of ``actual``: dicts may have more keys, lists may not."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        missing = [f"{path}.{key}: missing" for key in expected if key not in actual]
        return missing + [
            one
            for key in expected
            if key in actual
            for one in differences(expected[key], actual[key], f"{path}.{key}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual))
        return [one for place, pair in pairs for one in differences(*pair, f"{path}[{place}]")]
    if type(expected) is type(actual) and expected == actual:
        return []
    return [f"{path}: {actual!r} is not {expected!r}"]


class TestTables(unittest.TestCase):
    maxDiff = None

    def test_events(self):
        for name, wire, events in EVENTS:
            with self.subTest(name):
                self.assertEqual([comparable(one) for one in run(wire).events], as_dicts(events))

    def test_finals(self):
        for name, wire, snapshot in FINALS:
            with self.subTest(name):
                never_sent = {"id": None, "created": None, "model": None}
                self.assertEqual(run(wire).snapshot, {**never_sent, **snapshot})

    def test_wrong_types(self):
        for frame, choice in WRONG:
            for value, is_error in ((12, True), (True, True), (0, False), (False, False), (None, False)):
                text = json.dumps(frame).replace('"X"', json.dumps(value))
                with self.subTest(text):
                    error = reference.event(*own("malformed", text, 0, choice))
                    wire = f"data: {text}\n\ndata: [DONE]\n\n".encode()
                    self.assertEqual(run(wire).errors, [error] if is_error else [])
                    chunks = [json.loads(text)]
                    self.assertEqual(assemble(chunks).errors, [{**error, "data": None}] if is_error else [])

    def test_a_wrong_type_is_as_if_absent(self):
        result = run(
            data(
                chunk({"delta": 1, "message": 2, "text": "A", "logprobs": "3"}),
                chunk({"delta": {"reasoning": {"a": 4}, "audio": {"data": 5, "transcript": [6]}}}),
                chunk({"delta": {"tool_calls": [{"function": 7}]}}),
                chunk({"delta": {"reasoning": "B", "thinking": 8}}),
            )
        )
        call = {"id": "call_0_0", "type": "function", "function": {"name": "", "arguments": ""}}
        message = {
            "role": "assistant",
            "content": "A",
            "reasoning": "B",
            "thinking": 8,
            "audio": {"data": 5, "transcript": [6]},
            "tool_calls": [call],
        }
        choice = {"index": 0, "message": message, "finish_reason": None, "logprobs": None}
        self.assertEqual(result.snapshot["choices"], [choice])
        self.assertEqual([one["kind"] for one in result.errors], ["malformed"] * 4 + ["truncated"])

    def test_usage_that_grows_without_end(self):
        usages = [{"usage": {str(number): [number] * 9}} for number in range(200)]
        result = assemble(usages)
        self.assertEqual(len(result.snapshot["usage"]), 103)  # 1 + 103 * 10 values, the first time over 1024
        self.assertEqual([one["frame"] for one in result.errors], list(range(103, 200)))

    def test_limits(self):
        for name, wire, limits, events in LIMITS:
            with self.subTest(name):
                result = run(wire, **limits)
                self.assertEqual([comparable(one) for one in result.events], as_dicts(events))
                self.assertEqual(result.truncated, events[-1] == own("truncated"))

    def test_three_facts(self):
        for wire, facts in (
            (b"", (False, False, True)),
            (data("[DONE]"), (True, False, False)),
            (data(STOP), (False, True, False)),
            (data(STOP) + b"data: {", (False, True, True)),
            (data(say("A"), chunk(entry({}, 1, "stop")), "[DONE]"), (True, False, False)),
            (b"<html>", (False, False, False)),
            (b"HTTP/1.1 200 OK\r\n\r\n" + data(say("A")), (False, False, False)),
            (b'{"error": "A"}', (False, False, False)),
            (b'{"error": "A"}\n' + data(say("A")), (False, False, True)),
        ):
            with self.subTest(wire):
                result = run(wire)
                self.assertEqual((result.done, result.finished, result.truncated), facts)

    def test_assemble_is_run_without_framing(self):
        chunks = [chunk(entry({"content": "A\ud83d"}), entry({}, True), id="i"), {"error": "E"}, STOP]
        result = assemble(chunks, done=True)
        streamed = run(data(*chunks, "[DONE]"))
        self.assertEqual(result.snapshot, streamed.snapshot)
        self.assertEqual(
            [{**one, "data": None} if one["type"] == "error" else one for one in result.events],
            [{**one, "data": None} if one["type"] == "error" else one for one in streamed.events],
        )
        self.assertEqual((result.done, result.truncated), (True, False))
        self.assertEqual(assemble([{"a": float("nan"), "b": (1, float("inf"))}]).snapshot["b"], [1, None])
        self.assertEqual(
            [one["kind"] for one in assemble([{}, {"error": 1}, {"error": 2}], max_errors=1).errors],
            ["server", "limit"],
        )

    def test_streams(self):
        for name, wire, events, retries, last_event_id in STREAMS:
            with self.subTest(name):
                decoded = decode(wire)
                self.assertEqual(
                    (decoded.events, decoded.retries, decoded.last_event_id), (events, retries, last_event_id)
                )

    def test_stream_options(self):
        decoded = decode(b":\nid: 1\ndata: a", flush_at_eof=True, last_event_id="0")
        self.assertEqual(
            (decoded.events, decoded.last_event_id, decoded.comments), ([("message", "a", "1")], "0", 1)
        )
        decoded = decode(b"data: a\n\ndata: bc\n\n", max_event_bytes=7)
        self.assertEqual((decoded.events, decoded.overflowed), ([("message", "a", "")], True))

    def test_scan(self):
        for text, state in SCANS:
            with self.subTest(text):
                self.assertEqual(scan(text)[0], state)

    def test_comparable_blanks_what_is_the_librarys_own(self):
        mine = reference.event("error", "limit", "too much", None, None, None, None)
        self.assertEqual(comparable(mine)["message"], reference.OWN_WORDS)
        theirs = reference.event("error", "server", "E", None, None, {"message": "E"}, 0)
        self.assertEqual(comparable(theirs), theirs)
        with self.assertRaises(ValueError):
            comparable({**mine, "message": ""})


class TestData(unittest.TestCase):
    """What lies beside the checkout; without it, these loops have nothing to go over."""

    def check_invariants(self, result):
        """Deltas joined are the Done text, each Done event comes once, the final object is strict JSON."""
        joined, seen = {}, set()
        for one in result.events:
            kind, _, stage = one["type"].partition(".")
            key = (kind, one.get("choice"), one.get("index"))
            text = one.get("arguments" if kind == "tool_call" else "text")
            if stage == "delta" and text is not None:
                joined[key] = joined.get(key, "") + text
            elif stage == "done":
                self.assertNotIn(key, seen)
                seen.add(key)
                if text is not None:
                    self.assertEqual(joined.get(key, ""), text)
        for choice in result.snapshot["choices"]:
            message = choice.get("message", {})
            if isinstance(message.get("content"), str):
                self.assertEqual(joined.get(("content", choice["index"], None), ""), message["content"])
            for index, call in enumerate(message.get("tool_calls", [])):
                inside = call.get("function") or call["custom"]
                text = inside.get("arguments", inside.get("input"))
                self.assertEqual(joined.get(("tool_call", choice["index"], index), ""), text)
        json.dumps([result.snapshot, result.events], allow_nan=False, ensure_ascii=False).encode()

    def test_vectors(self):
        for vector in json.loads(VECTORS.read_text("utf-8")) if VECTORS.exists() else []:
            with self.subTest(vector["name"]):
                decoded = decode(base64.b64decode(vector["input_b64"]), vector["flush_at_eof"])
                events = [(one["event"], one["data"], one["id"]) for one in vector["expected"]]
                self.assertEqual(decoded.events, events)
                self.assertEqual(decoded.retries, vector["retries"])
                self.assertEqual(decoded.last_event_id, vector["last_event_id"])

    def test_quirks(self):
        for case in json.loads(QUIRKS.read_text("utf-8")) if QUIRKS.exists() else []:
            with self.subTest(case["id"], title=case["title"]):
                wire, expected = wire_of(case["frames"]), case["expect"]
                result = run(wire)
                self.assertEqual(differences(expected.get("completion", {}), result.snapshot), [])
                self.assertEqual(differences(expected["errors"], result.errors), [])
                for index, text in expected.get("text", {}).items():
                    self.assertEqual(result.text[int(index)], text)
                for index, text in expected.get("reasoning", {}).items():
                    self.assertEqual(result.reasoning[int(index)], text)
                for key in expected.get("absent", []):
                    self.assertNotIn(key, result.snapshot)
                for fact in ("done", "finished", "truncated"):
                    self.assertEqual(getattr(result, fact), expected[fact], fact)
                self.check_invariants(result)
                for part in range(8):  # every prefix closes into something well-formed
                    prefix = run(wire[: len(wire) * part // 8])
                    self.check_invariants(prefix)
                    for index, text in prefix.text.items():
                        self.assertTrue(result.text[index].startswith(text.rstrip("\ufffd")))

    def test_recordings(self):
        for path in RECORDINGS:
            with self.subTest(path.name):
                facts = json.loads(path.read_text("utf-8"))["facts"]
                result = run(path.with_name(path.name.replace(".expected.json", ".sse")).read_bytes())
                self.assertEqual(facts_of(result), comparable_facts(facts))
                self.assertEqual(
                    sum(one["kind"] != "truncated" for one in result.errors),
                    len(facts["errors"]),
                    result.errors,
                )
                self.check_invariants(result)


def wire_of(frames):
    wire = b""
    for frame in frames:
        if isinstance(frame, str):
            wire += frame.encode()
        elif "$raw_b64" in frame:
            wire += base64.b64decode(frame["$raw_b64"])
        elif "$split_bytes" in frame:
            wire += frame["$split_bytes"].encode()
        elif "$repeat" in frame:
            wire += wire_of([frame["frame"]]) * frame["$repeat"]
        else:
            wire += data(frame)
    return wire


def comparable_facts(facts):
    """The facts of a recording's ``.expected.json``, with the defaults that the design gives filled in."""
    choices = [
        {
            **choice,
            "role": choice["role"] or "assistant",
            "tool_calls": [
                {
                    "id": call["id"],
                    "type": call["type"] or "function",
                    "name": call["name"],
                    "arguments": call["arguments"],
                }
                for call in choice["tool_calls"]
            ],
        }
        for choice in facts["choices"]
    ]
    names = ("id", "model", "created", "system_fingerprint", "service_tier", "usage", "done")
    return {**{name: facts[name] for name in names}, "choices": choices}


def facts_of(result):
    """The same of a result. In the facts an empty string and null are one."""
    final = result.snapshot
    facts = {
        key: final.get(key) or None
        for key in ("id", "model", "created", "system_fingerprint", "service_tier")
    }
    facts.update(usage=final.get("usage"), done=result.done, choices=[])
    for choice in final["choices"]:
        index, message, logprobs = choice["index"], choice["message"], choice.get("logprobs") or {}
        content = result.text[index] if isinstance(message["content"], list) else message["content"]
        facts["choices"].append(
            {
                "index": index,
                "role": message["role"],
                "content": content,
                "refusal": message.get("refusal"),
                "reasoning": result.reasoning[index] or None,
                "finish_reason": choice["finish_reason"],
                "tool_calls": [
                    {"id": call["id"], "type": call["type"], **call["function"]}
                    for call in message.get("tool_calls", [])
                ],
                "function_call": message.get("function_call"),
                "logprobs_content": len(logprobs.get("content") or []),
                "logprobs_refusal": len(logprobs.get("refusal") or []),
            }
        )
    return facts
