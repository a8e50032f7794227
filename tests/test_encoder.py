# SPDX-License-Identifier: MIT
"""Writing streams: statements that hold for every stream, input that cannot be written, and cost."""

from __future__ import annotations

import copy
import json
import pickle
import random
import time
import unittest
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests import canonical, sseparse
from tests.reference.streams import bodies, decoded_chunks, examples, runs
from tests.rules import TABLES
from tests.test_shared import RECORDINGS, load, wire_of
from tests.wire import (
    DONE,
    TEXT_START,
    audio,
    call_delta,
    call_done,
    call_start,
    choice_done,
    content,
    content_done,
    deliver,
    differences,
    growth,
    logprobs,
    measures_time,
    refusal,
    refusal_done,
    sse,
    thought,
    thought_done,
    usage,
)

OWN = Path(__file__).resolve().parent.parent / "benchmarks" / "recordings"
ENDED = ("finished", "truncated")


def streams():
    """Yield the name and the bytes of each stream of the tables, the recordings, and ../shared if present."""
    for path in sorted([*OWN.glob("*.sse"), *RECORDINGS.glob("*/*.sse")]):
        yield path.name, path.read_bytes()
    if RECORDINGS.is_dir():
        for case in (*load("quirks.json"), *load("reports.json")["streams"]):
            yield case["id"], wire_of(case["frames"])
    for table, rows in TABLES.items():
        for name, frames, *_ in rows:
            yield f"{table}: {name}", sse(*frames)


def encoded(events, **options):
    encoder = sseparse.ChatEncoder(**options)
    return encoder.feed(events) + encoder.close()


def said(events):
    """Return the contents of the events, without what rule 11 and the merging of frames may change."""
    # A name that grows after the start cannot be written any more.
    names = {(one.choice, one.index): one.name for one in events if one.type == "tool_call.start"}
    texts, extras, finals, late = {}, {}, {}, {}
    for event in events:
        kind = event.type
        if kind.endswith(".delta") and hasattr(event, "text"):
            key = (kind, event.choice)
            texts[key] = texts.get(key, "") + event.text
        elif kind == "audio.delta":
            for name in ("data", "transcript"):
                key = (name, event.choice)
                texts[key] = texts.get(key, "") + (getattr(event, name) or "")
        elif kind == "logprobs.delta":
            texts.setdefault((kind, event.choice), []).append(event.logprobs)
        elif kind == "tool_call.done":
            finals.setdefault(("calls", event.choice), []).append(
                (names.get((event.choice, event.index)) or "", event.arguments, event.kind, event.status)
            )
        elif kind == "choice.done":
            finals["finish", event.choice] = event.finish_reason
        elif kind == "usage":
            finals["usage"] = event.usage
        elif kind == "done":
            finals["done"] = True
        elif kind == "extra" and event.place != "frame":
            if event.place in ("tool_call", "function") and (event.choice, event.index) not in names:
                continue  # a mirror of a call
            if event.place in ("tool_call", "function") and (event.value == "" or event.field == "id"):
                continue  # alone, neither is read as an unknown field
            if event.field in ("service_tier", "system_fingerprint", "x_groq") and event.choice is None:
                late[event.field] = merged(late.get(event.field), event.value)
            else:
                extras.setdefault((event.choice, event.place, event.field), []).append(event.value)
    for key, value in finals.items():
        if key[0] == "calls":
            value.sort()
    for value in extras.values():
        value.sort(key=repr)
    return {**texts, **finals, **late, "extras": extras}


def merged(old, new):
    """Two values of an unknown field of the chunk as one."""
    if new is None or not (isinstance(old, dict) and isinstance(new, dict)):
        return old if new is None else new
    return {**old, **{name: merged(old.get(name), value) for name, value in new.items()}}


def without(completion, other):
    """``completion`` with the id and created of ``other``, where it has none of its own."""
    return {**completion, **{name: other[name] for name in ("id", "created") if not completion[name]}}


def has_object_apart(events):
    """Whether reasoning that is an object comes after anything but its text, or is not the first."""
    objects = [is_object(event) for event in events]
    if not any(objects):
        return False
    thoughts = [place for place, event in enumerate(events) if event.type == "reasoning.delta"]
    behind = {place + 1 for place in thoughts}
    for place, found in enumerate(objects):
        if found and (place in behind or objects[place - 1]):
            behind.add(place)
        elif found:
            return bool(thoughts)
    firsts = {events[place].choice: place for place in reversed(thoughts)}
    return not all(objects[place + 1] for place in firsts.values())


def is_object(event):
    return event.type == "extra" and event.place == "delta" and event.field in canonical.REASONING


def errors_only(stream):
    return not (stream.done or stream.finished or stream.truncated)


class Laws(unittest.TestCase):
    maxDiff = None

    def completions(self, completion):
        """A completion to bytes and back is the completion."""
        least = 1 + len(str(completion)) // 2000  # thousands of frames would show nothing new
        for size in (None, least, least + 2):
            frames = list(sseparse.encode(completion, size=size))
            wire = b"".join(frames)
            self.assertEqual(len(canonical.check(wire)), len(frames))
            stream, _ = deliver([wire])
            back = stream.snapshot()
            if back != without(completion, back):
                self.assertEqual(back, without(completion, back))
            self.assertTrue(stream.done)
            errors = [error for error in stream.errors if error.kind != "server"]
            self.assertEqual(errors, [])

    def events(self, stream, events):
        """Events to bytes and back say the same; writing what came back gives the same bytes."""
        names = {
            "id": "chatcmpl-x",
            "created": 1,
            "model": "m",
        }  # a Start without a choice does not come back
        wire = encoded(events, **names)
        canonical.check(wire)
        if any(map(is_object, events)) and "\ufffd" in wire.decode():
            return  # half a surrogate pair waits for the other half, and its object does not
        back, again = deliver([wire])
        self.assertEqual(said(again), said(events))
        for fact in ("done", "finished"):
            self.assertEqual(getattr(back, fact), getattr(stream, fact), fact)
        # Two facts cannot be written: that a finished answer was cut, and that a body is whole that is not an
        # event stream or whose reading a limit ended.
        self.assertEqual(back.truncated, not (stream.done or stream.finished), "truncated")
        if any(event.type == "tool_call.start" and event.name is None for event in events):
            return  # a call that never gets a name is read as a whole at the end
        if errors_only(stream):
            return  # the body is an error and not an event stream: a stream with that error is cut
        written = encoded(again, **names)
        if written != wire:
            self.assertEqual(written.decode(), wire.decode())

    def cuts(self, events):
        """The bytes do not depend on the calls of feed(), except for logprobs, which join a frame."""
        if any(event.type == "logprobs.delta" for event in events) or has_object_apart(events):
            return
        encoder = sseparse.ChatEncoder(id="x", created=1)
        apart = [encoder.feed([event]) for event in events]
        for piece in apart:
            canonical.frames(piece)
        wire = b"".join(apart) + encoder.close()
        self.assertEqual(wire, encoded(iter(events), id="x", created=1))

    def subsets(self, events, chance):
        """A filter that drops deltas, calls, choices or any other events gives a canonical stream."""
        some = [event for event in events if chance.random() < 0.7]
        kept = {getattr(event, "choice", None): chance.random() < 0.7 for event in events}
        canonical.check(encoded(some, id="x", created=1))
        canonical.check(encoded([one for one in events if kept[getattr(one, "choice", None)]]))
        for kind in {event.type for event in events}:
            canonical.check(encoded([event for event in events if event.type != kind]))

    def check(self, wire, seed):
        stream, events = deliver([wire])
        self.completions(stream.snapshot())
        self.events(stream, events)
        self.cuts(events)
        self.subsets(events, random.Random(seed))

    def test_every_stream(self):
        for name, wire in streams():
            with self.subTest(name):
                self.check(wire, name)

    @examples(40)
    @given(bodies() | runs(), st.integers(0, 99))
    def test_random_streams(self, wire, seed):
        self.check(wire, seed)


def parsed(wire):
    """The JSON of the frames of a stream, or of a part of one, without the header."""
    values = [json.loads(text) for text in canonical.frames(wire) if text != "[DONE]"]
    return [
        {name: value for name, value in frame.items() if name not in canonical.HEADER} for frame in values
    ]


def entry(delta, index=0, **more):
    return {"choices": [{"index": index, "delta": delta, **more, "finish_reason": None}]}


def role(content=None, index=0):
    return entry({"role": "assistant", "content": content}, index)


def call(index, **fields):
    return entry({"tool_calls": [{"index": index, **fields}]})


START = sseparse.Start("chatcmpl-1", "m", 7)
EXTRA = sseparse.Extra

# (name, events, frames that feed() and close() must return)
TABLE = [
    (
        "the role of a choice comes before its text",
        [content("a"), content("b")],
        [role(""), entry({"content": "a"}), entry({"content": "b"})],
    ),
    (
        "the role of each choice comes first",
        [content("a", 1), content("b", 0)],
        [role("", 1), entry({"content": "a"}, 1), role(""), entry({"content": "b"})],
    ),
    (
        "reasoning keeps one of the four names",
        [
            thought("a", field="thinking"),
            thought("b", field="reasoning_details"),
            thought("c", field="content"),
        ],
        [
            role(),
            entry({"thinking": "a"}),
            entry({"reasoning_content": "b"}),
            entry({"reasoning_content": "c"}),
        ],
    ),
    (
        "reasoning as text and as an object comes in one frame",
        [
            thought("a", field="reasoning"),
            EXTRA(0, None, "reasoning_details", [{"text": "a"}], "delta"),
            content("b"),
        ],
        [role(), entry({"reasoning": "a", "reasoning_details": [{"text": "a"}]}), entry({"content": "b"})],
    ),
    (
        "reasoning that is an object replaces its text",
        [thought("a", field="reasoning"), EXTRA(0, None, "reasoning", {"text": "a", "s": 1}, "delta")],
        [role(), entry({"reasoning": {"text": "a", "s": 1}})],
    ),
    ("refusal", [refusal("a")], [role(), entry({"refusal": "a"})]),
    (
        "a call",
        [call_start(0, "i", "f"), call_delta(0, "{"), call_delta(0, "}")],
        [
            role(),
            call(0, id="i", type="function", function={"name": "f", "arguments": ""}),
            call(0, function={"arguments": "{"}),
            call(0, function={"arguments": "}"}),
        ],
    ),
    (
        "a custom tool",
        [call_start(0, "i", "f", "custom"), call_delta(0, "x")],
        [
            role(),
            call(0, id="i", type="custom", custom={"name": "f", "input": ""}),
            call(0, custom={"input": "x"}),
        ],
    ),
    (
        "the legacy function_call",
        [call_start(None, None, "f", "function_call"), call_delta(None, "{}")],
        [
            role(),
            entry({"function_call": {"name": "f", "arguments": ""}}),
            entry({"function_call": {"arguments": "{}"}}),
        ],
    ),
    (
        "an id that is made up, and a name never sent",
        [START, call_start(3, None, None)],
        [role(), call(0, id="call_chatcmpl-1_0_3", type="function", function={"name": "", "arguments": ""})],
    ),
    (
        "two calls never have the same id",
        [call_start(0, "call_0_1", "f"), call_start(1, None, "g"), call_start(2, "call_0_1", "h")],
        [
            role(),
            call(0, id="call_0_1", type="function", function={"name": "f", "arguments": ""}),
            call(1, id="call_0_1_1", type="function", function={"name": "g", "arguments": ""}),
            call(2, id="call_0_2", type="function", function={"name": "h", "arguments": ""}),
        ],
    ),
    (
        "calls are numbered as they start",
        [call_start(2, "i", "f"), call_start(0, "j", "g"), call_delta(2, "{}")],
        [
            role(),
            call(0, id="i", type="function", function={"name": "f", "arguments": ""}),
            call(1, id="j", type="function", function={"name": "g", "arguments": ""}),
            call(0, function={"arguments": "{}"}),
        ],
    ),
    ("a call that was not started is not written", [call_delta(0, "{}"), call_done(0, "i", "f", "{}")], []),
    (
        "a call is started once",
        [call_start(0, "i", "f"), call_start(0, "i", "f")],
        [role(), call(0, id="i", type="function", function={"name": "f", "arguments": ""})],
    ),
    (
        "unknown fields of a call are held until its start",
        [
            EXTRA(0, 0, "w", 1, "tool_call"),
            EXTRA(0, 0, "u", [2], "function"),
            call_start(0, "i", "f"),
            EXTRA(0, 0, "v", 3, "function"),
        ],
        [
            role(),
            call(0, id="i", type="function", function={"name": "f", "arguments": ""}),
            call(0, function={"arguments": ""}, w=1),
            call(0, function={"u": [2]}),
            call(0, function={"v": 3}),
        ],
    ),
    (
        "an unknown field of a custom call is beside an empty input",
        [call_start(0, "i", "f", "custom"), EXTRA(0, 0, "w", 1, "tool_call")],
        [
            role(),
            call(0, id="i", type="custom", custom={"name": "f", "input": ""}),
            call(0, custom={"input": ""}, w=1),
        ],
    ),
    (
        "audio",
        [audio("AA==", None), audio(None, "a")],
        [role(), entry({"audio": {"data": "AA=="}}), entry({"audio": {"transcript": "a"}})],
    ),
    (
        "logprobs are in the frame of the text before them",
        [content("a"), logprobs({"content": []}), logprobs({"content": [1]})],
        [role(""), entry({"content": "a"}, logprobs={"content": []}), entry({}, logprobs={"content": [1]})],
    ),
    (
        "logprobs are in the frame of the last text of their choice",
        [content("a"), content("b", 1), logprobs({"content": []})],
        [
            role(""),
            entry({"content": "a"}, logprobs={"content": []}),
            role("", 1),
            entry({"content": "b"}, 1),
        ],
    ),
    (
        "finish_reason comes once, in a frame of its own",
        [content("a"), choice_done(), choice_done("length")],
        [
            role(""),
            entry({"content": "a"}),
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ],
    ),
    ("a choice without a finish_reason has no such frame", [choice_done(None)], [role()]),
    (
        "the last usage comes at the end",
        [usage(n=1), content("a"), usage(n=2)],
        [role(""), entry({"content": "a"}), {"choices": [], "usage": {"n": 2}}],
    ),
    ("an empty usage is not written", [usage()], []),
    (
        "unknown fields are written in their places",
        [
            START,
            EXTRA(None, None, "x", [1], "chunk"),
            EXTRA(0, None, "y", 2, "choice"),
            EXTRA(0, None, "z", {"a": None}, "delta"),
        ],
        [{"choices": [], "x": [1]}, role(), entry({}, y=2), entry({"z": {"a": None}})],
    ),
    (
        "a part of the content is written as a list of one part",
        [EXTRA(0, None, "content", {"type": "image"}, "delta")],
        [role(), entry({"content": [{"type": "image"}]})],
    ),
    (
        "service_tier and system_fingerprint are in every frame once they are known",
        [
            content("a"),
            EXTRA(None, None, "system_fingerprint", "f", "chunk"),
            content("b"),
            EXTRA(None, None, "service_tier", "s", "chunk"),
        ],
        [
            role(""),
            entry({"content": "a"}),
            {"system_fingerprint": "f", **entry({"content": "b"})},
            {"service_tier": "s", "system_fingerprint": "f", "choices": []},
        ],
    ),
    (
        "one of them that is no string replaces the string, and a later string replaces it",
        [
            EXTRA(None, None, "service_tier", [1], "chunk"),
            EXTRA(None, None, "service_tier", "s", "chunk"),
            EXTRA(None, None, "system_fingerprint", "f", "chunk"),
            content("a"),
            EXTRA(None, None, "system_fingerprint", 5, "chunk"),
            content("b"),
        ],
        [
            {"system_fingerprint": "f", "choices": [], "service_tier": [1]},
            {"service_tier": "s", "system_fingerprint": "f", **role("")},
            {"service_tier": "s", "system_fingerprint": "f", **entry({"content": "a"})},
            {"service_tier": "s", "choices": [], "system_fingerprint": 5},
            {"service_tier": "s", **entry({"content": "b"})},
        ],
    ),
    ("an Extra with the place frame is not written", [EXTRA(None, None, "ping", {}, "frame")], []),
    (
        "x_groq is written once, with the usage",
        [EXTRA(None, None, "x_groq", {"id": "a"}, "chunk"), usage(n=1), DONE],
        [{"choices": [], "usage": {"n": 1}, "x_groq": {"id": "a"}}],
    ),
    (
        "null says nothing",
        [
            *[EXTRA(0, 0, "x", float("nan"), place) for place in ("chunk", "choice", "delta", "tool_call")],
            EXTRA(0, 0, "x", None, "function"),
            *[EXTRA(0, None, name, None, "delta") for name in ("content", "tool_calls", "reasoning")],
            audio(None, None),
            choice_done(""),
            choice_done("stop"),
        ],
        [role(), {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}],
    ),
    (
        "after Done only usage, errors and unknown fields of the chunk are written",
        [
            content("a"),
            call_start(0, "i", "f"),
            DONE,
            content("b"),
            thought("b"),
            call_delta(0, "{}"),
            logprobs({"content": []}),
            EXTRA(0, None, "x", 1, "choice"),
            content("c", 1),
            choice_done("stop"),
            EXTRA(None, None, "y", 1, "chunk"),
            sseparse.Error("server", "E"),
            DONE,
            usage(n=1),
        ],
        [
            role(""),
            entry({"content": "a"}),
            call(0, id="i", type="function", function={"name": "f", "arguments": ""}),
            {"choices": [], "y": 1},
            {"error": {"message": "E", "type": "server", "param": None, "code": None}},
            {"choices": [], "usage": {"n": 1}},
        ],
    ),
    (
        "errors are written in their places",
        [content("a"), sseparse.Error("server", "E", None, 5, None, 0, "t"), content("b")],
        [
            role(""),
            entry({"content": "a"}),
            {"error": {"message": "E", "type": "t", "param": None, "code": 5}},
            entry({"content": "b"}),
        ],
    ),
    (
        "an error without a type of the server has its kind as type",
        [sseparse.Error("truncated", "E")],
        [{"error": {"message": "E", "type": "truncated", "param": None, "code": None}}],
    ),
    ("malformed is not written", [sseparse.Error("malformed", "E")], []),
    (
        "done events are not written",
        [content_done("a"), thought_done("a"), refusal_done("a"), call_done(0, "i", "f", "")],
        [],
    ),
    (
        "a text completion",
        [
            TEXT_START,
            content("a"),
            logprobs({"tokens": ["a"]}),
            EXTRA(0, None, "y", 1, "choice"),
            choice_done(),
        ],
        [
            {"choices": [{"text": "a", "index": 0, "logprobs": {"tokens": ["a"]}, "finish_reason": None}]},
            {"choices": [{"text": "", "index": 0, "y": 1, "finish_reason": None}]},
            {"choices": [{"text": "", "index": 0, "finish_reason": "stop"}]},
        ],
    ),
    (
        "NaN becomes null, keys become strings",
        [EXTRA(0, None, "x", {1: float("nan"), None: (float("inf"), True)}, "delta")],
        [role(), entry({"x": {"1": None, "None": [None, True]}})],
    ),
    (
        "half of a surrogate pair becomes U+FFFD",
        [content("a\ud83d"), EXTRA(0, None, "\ude00", "\ud83d\ude00", "choice")],
        [role(""), entry({"content": "a\ufffd"}), entry({}, **{"\ufffd": "\U0001f600"})],
    ),
]


class Frames(unittest.TestCase):
    maxDiff = None

    def test_table(self):
        for name, events, frames in TABLE:
            with self.subTest(name):
                wire = encoded(events)
                canonical.check(wire)
                self.assertEqual(parsed(wire), frames)

    def test_the_bytes_of_a_stream(self):
        encoder = sseparse.ChatEncoder()
        head = 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","choices":['
        first = head + '{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
        text = head + '{"index":0,"delta":{"content":"\\n\u00e9\u2028\\""},"finish_reason":null}]}\n\n'
        end = head + '{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        self.assertEqual(encoder.feed([START]), b"")
        self.assertEqual(encoder.feed([content('\n\u00e9\u2028"')]), (first + text).encode())
        self.assertEqual(encoder.feed(iter([content_done("x"), choice_done(), DONE])), end.encode())
        self.assertEqual(encoder.close(), b"")
        self.assertEqual(encoder.close(), b"")

    def test_a_late_start_and_a_second_done_write_nothing(self):
        encoder = sseparse.ChatEncoder()
        wire = encoder.feed([content("a")]) + encoder.feed([START])
        self.assertEqual(parsed(wire), [role(""), entry({"content": "a"})])
        self.assertEqual(encoder.feed([DONE, DONE]), b"data: [DONE]\n\n")

    def test_a_cut_stream_is_written_without_done(self):
        # Many clients stop at the first line that contains [DONE].
        whole = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
        for wire in (b"", whole, whole + b'data: {"choices"', b": ping\n\n", whole + b"[DONE"):
            events = deliver([wire])[1]
            self.assertEqual([event.kind for event in events if event.type == "error"], ["truncated"])
            self.assertNotIn(b"[DONE]", encoded(events))

    def test_the_header(self):
        def header(*events, **options):
            (text,) = canonical.frames(encoded([*events, EXTRA(None, None, "x", 1, "chunk")], **options))
            return tuple(json.loads(text)[name] for name in ("id", "created", "model"))

        self.assertEqual(header(START), ("chatcmpl-1", 7, "m"))
        self.assertEqual(header(START, id="i", created=1, model="n"), ("i", 1, "n"))
        self.assertEqual(header(START, model=""), ("chatcmpl-1", 7, ""))
        before = int(time.time())
        id, created, model = header(sseparse.Start(None, None, None))
        self.assertRegex(id, r"\Achatcmpl-[0-9a-f]{24}\Z")
        self.assertTrue(before <= created <= time.time())
        self.assertEqual(model, "")
        self.assertNotEqual(header()[0], id)
        self.assertTrue(before <= header()[1] <= time.time())

    def test_an_extra_before_the_start_is_held_until_it(self):
        encoder = sseparse.ChatEncoder()
        filters = EXTRA(None, None, "prompt_filter_results", [], "chunk")
        self.assertEqual(encoder.feed([filters]), b"")
        (frame,) = canonical.check(encoder.feed([START]))
        self.assertEqual(json.loads(frame)["id"], "chatcmpl-1")

    def test_reasoning_is_held_for_its_details_only_after_details_came(self):
        encoder = sseparse.ChatEncoder(id="x", created=1)
        details = EXTRA(0, None, "reasoning_details", [{"text": "a"}], "delta")
        self.assertEqual(parsed(encoder.feed([thought("a")])), [role()])
        both = [entry({"reasoning_content": "a"}), entry({"reasoning_content": "b"})]
        self.assertEqual(parsed(encoder.feed([thought("b")])), both)
        self.assertEqual(parsed(encoder.feed([details])), [entry({"reasoning_details": [{"text": "a"}]})])
        self.assertEqual(parsed(encoder.feed([thought("c")])), [])
        self.assertEqual(
            parsed(encoder.feed([details, content("d")])),
            [
                entry({"reasoning_content": "c", "reasoning_details": [{"text": "a"}]}),
                entry({"content": "d"}),
            ],
        )

    def test_reasoning_and_logprobs_share_a_frame_once(self):
        encoder = sseparse.ChatEncoder(id="x", created=1)
        wire = b"".join(
            encoder.feed([event])
            for event in (thought("a"), logprobs({"content": [1]}), logprobs({"content": [2]}))
        )
        self.assertEqual(
            parsed(wire + encoder.close()),
            [
                role(),
                entry({"reasoning_content": "a"}, logprobs={"content": [1]}),
                entry({}, logprobs={"content": [2]}),
            ],
        )

    def test_options(self):
        events = [
            content("a"),
            usage(n=1),
            EXTRA(None, None, "x_groq", {"id": 1, "usage": {"n": 1}}, "chunk"),
        ]
        *_, last = parsed(encoded(events))
        self.assertEqual(last, {"choices": [], "usage": {"n": 1}, "x_groq": {"id": 1, "usage": {"n": 1}}})
        *_, last = parsed(encoded(events, usage=False))
        self.assertEqual(last, {"choices": [], "x_groq": {"id": 1}})
        *_, last = parsed(encoded([thought("a", field="thinking")], reasoning="reasoning"))
        self.assertEqual(last, entry({"reasoning": "a"}))

    def test_heartbeats(self):
        encoder = sseparse.ChatEncoder(id="x", created=1)
        self.assertEqual(encoder.comment(), b": ping\n\n")
        self.assertEqual(encoder.comment("a\u00e9"), ": a\u00e9\n\n".encode())
        self.assertEqual(parsed(encoder.keepalive()), [{"choices": []}])
        for text in ("a\nb", "\r"):
            with self.assertRaises(ValueError):
                encoder.comment(text)
        wire = (
            encoder.feed([content("a")])
            + encoder.comment()
            + encoder.keepalive()
            + encoder.feed([content("b")])
        )
        stream, _ = deliver([wire + encoder.close()])
        self.assertEqual((stream.text(), stream.comments, stream.errors[1:]), ("ab", 1, []))

    def test_after_close(self):
        encoder = sseparse.ChatEncoder()
        encoder.close()
        for call in (lambda: encoder.feed([content("a")]), encoder.comment, encoder.keepalive):
            with self.assertRaises(RuntimeError):
                call()

    def test_arguments_that_are_not_events(self):
        wrong = [
            None,
            5,
            "text",
            b"data",
            content("a"),
            [None],
            ["text"],
            [{"type": "content.delta"}],
            [content(5)],
            [content("a", "0")],
            [content("a", -1)],
            [content("a", True)],
            [content("a", None)],
            [sseparse.ServerSentEvent("message", "x")],
            [sseparse.JSONValue((), 1)],
            [call_start(None, "i", "f")],
            [call_start(0, None, "f", "function_call")],
            [call_start(0, 5, "f")],
            [call_start("0", "i", "f")],
            [call_start(0, "i", "f", "other")],
            [call_delta(0, {})],
            [choice_done(5)],
            [audio(5, None)],
            [logprobs({1, 2})],
            [logprobs([])],
            [sseparse.Usage([1])],
            [sseparse.Usage(None)],
            [EXTRA(0, None, "x", object(), "delta")],
            [EXTRA(0, None, 5, 1, "delta")],
            [EXTRA(None, None, "x", 1, "delta")],
            [EXTRA(0, None, "x", 1, "tool_call")],
            [sseparse.Error("server", None)],
            [sseparse.Start(5, None, None)],
            [sseparse.Start(None, None, "x")],
        ]
        for events in wrong:
            with self.subTest(repr(events)):
                encoder = sseparse.ChatEncoder(id="x", created=1)
                before = pickle.dumps(encoder)
                with self.assertRaises(TypeError) as caught:
                    encoder.feed(
                        [START, content("a"), call_start(0, "i", "f"), *events]
                        if isinstance(events, list)
                        else events
                    )
                self.assertIn("feed()", str(caught.exception))
                self.assertEqual(pickle.dumps(encoder), before)

    def test_a_message_names_the_field(self):
        deep = json.loads("[" * 200 + "]" * 200)
        wrong = [
            (content(5), "ContentDelta: its text is of type int"),
            (refusal(None), "RefusalDelta: its text is of type NoneType"),
            (call_delta(0, {}), "ToolCallDelta: its arguments is of type dict"),
            (content("a", "0"), "ContentDelta: its choice is '0', which is not an index"),
            (EXTRA(None, None, 5, 1, "chunk"), "Extra: its field is of type int"),
            (EXTRA(None, None, "x", {1}, "chunk"), "Extra: its value is not JSON"),
            (sseparse.Error(5, "M"), "Error: its kind is of type int"),
            (sseparse.Error(5, "M", code=deep), "Error: its kind is of type int"),
            (sseparse.Error("server", 5), "Error: its message is of type int"),
            (sseparse.Error("server", "M", code={1}), "Error: its code is not JSON"),
            (sseparse.Usage({"a": {1}}), "Usage: its usage is not JSON"),
            (logprobs({"content": {1}}), "LogprobsDelta: its logprobs is not JSON"),
        ]
        for event, message in wrong:
            with self.subTest(message), self.assertRaises(TypeError) as caught:
                sseparse.ChatEncoder().feed([event])
            self.assertEqual(str(caught.exception), f"feed() cannot write this {message}")

    def test_wrong_arguments(self):
        for name in ("id", "model", "reasoning"):
            with self.assertRaisesRegex(TypeError, f"^{name} takes a string, not 5$"):
                sseparse.ChatEncoder(**{name: 5})
        for name in ("", "content", "tool_calls", "refusal", "p"):
            with self.assertRaisesRegex(ValueError, f"^reasoning takes the name .* not '{name}'$"):
                sseparse.ChatEncoder(reasoning=name)
        with self.assertRaisesRegex(TypeError, "^created takes a number of seconds, not '5'$"):
            sseparse.ChatEncoder(created="5")
        for text in (5, None, b"ping"):
            with self.assertRaisesRegex(TypeError, "^comment.. takes a string, not "):
                sseparse.ChatEncoder().comment(text)

    def test_odd_arguments(self):
        wire = encoded([thought("a"), DONE], id="x", created=5.7, model="", reasoning='a"b')
        first, second = canonical.frames(wire)[:2]
        self.assertEqual(json.loads(first)["created"], 5)
        self.assertEqual(json.loads(second)["choices"][0]["delta"], {'a"b': "a"})

    def test_values_that_no_frame_can_carry(self):
        deep = 1
        for _ in range(125):
            deep = [deep]
        for event in (
            EXTRA(0, None, "x", deep, "delta"),
            EXTRA(0, None, "x", [[deep]] * 1000, "delta"),
            EXTRA(0, None, "x", 10**5000, "delta"),
            EXTRA(None, None, "error", {"message": "E"}, "chunk"),
            EXTRA(None, None, "choices", [], "chunk"),
            EXTRA(0, None, "index", 1, "choice"),
            EXTRA(0, 0, "id", "i", "tool_call"),
            EXTRA(0, None, "x", 1, "elsewhere"),
            # A reader drops these, or takes them for what they are not.
            EXTRA(None, None, "p", "x", "chunk"),
            EXTRA(0, None, "message", {"content": "x"}, "choice"),
            EXTRA(0, None, "refusal", "x", "delta"),
            EXTRA(0, None, "function_call", {"name": "x"}, "delta"),
            EXTRA(0, None, "index", 1, "delta"),
            EXTRA(0, 0, "obfuscation", "x", "function"),
            *[sseparse.Start("i", "m", number) for number in (float("inf"), float("nan"), 10**5000)],
            content("x", 10**5000),
            call_start(10**5000, "i", "f"),
        ):
            encoder = sseparse.ChatEncoder()
            before = pickle.dumps(encoder)
            with self.assertRaises(ValueError):
                encoder.feed([content("a"), event])
            self.assertEqual(pickle.dumps(encoder), before)
            self.assertEqual(parsed(encoder.close()), [])
        for number in (float("inf"), float("nan"), 10**5000):
            with self.assertRaisesRegex(ValueError, "^created is not a time"):
                sseparse.ChatEncoder(created=number)
        wire = encoded([EXTRA(0, None, "x", deep[0], "delta")])
        canonical.check(wire)
        self.assertEqual([error.kind for error in deliver([wire])[0].errors], ["truncated"])

    def test_a_reader_takes_the_deepest_value_that_is_written(self):
        for place, depth in (("chunk", 1), ("choice", 3), ("delta", 4), ("tool_call", 6), ("function", 7)):
            with self.subTest(place):
                deepest = json.loads("[" * (128 - depth) + "]" * (128 - depth))
                event = EXTRA(None if place == "chunk" else 0, 0, "x", deepest, place)
                wire = encoded([call_start(0, "i", "f"), event, DONE])
                stream, events = deliver([wire])
                self.assertEqual(stream.errors, [])
                self.assertIn(deepest, [one.value for one in events if one.type == "extra"])
                event.value = [deepest]
                with self.assertRaisesRegex(ValueError, "nested deeper than 128 levels"):
                    encoded([event])

    def test_an_unknown_field_with_the_name_of_the_text(self):
        """A server sends one call under ``function`` and under ``custom``, or a ``text`` beside a delta."""
        for kind, other, name in (("function", "custom", "arguments"), ("custom", "function", "input")):
            for first in ({"index": 0, kind: {"name": "f"}}, {"index": 0, kind: {"x": 1}}):
                then = ({"index": 0, other: {name: "x"}}, {"index": 0, kind: {"name": "f"}})
                fragments = (first, *then)
                self.assert_comes_back(
                    [{"choices": [{"delta": {"tool_calls": [one]}}]} for one in fragments]
                )
        for delta in ({}, {"content": "b"}):
            for index in (0, 1):
                text, beside = ({"index": 0, "text": "a"}, {"index": index, "delta": delta, "text": "c"})
                self.assert_comes_back([{"choices": [text]}, {"choices": [beside]}])

    def test_a_part_of_the_content_of_a_text_completion(self):
        part = [{"type": "image"}]
        self.assert_comes_back([{"choices": [{"text": "a"}]}, {"choices": [{"delta": {"content": part}}]}])

    def assert_comes_back(self, chunks):
        assembler = sseparse.ChatAssembler()
        events = [event for chunk in chunks for event in assembler.add({**chunk, "id": "c", "created": 1})]
        events += assembler.close(done=True)
        wire = encoded(events, model="m")
        canonical.check(wire)
        self.assertEqual(sseparse.parse(wire), {**assembler.snapshot(), "model": "m"})

    def test_an_iterable_that_raises(self):
        def events():
            yield content("a")
            raise KeyError("mine")

        encoder = sseparse.ChatEncoder()
        with self.assertRaises(KeyError):
            encoder.feed(events())
        self.assertEqual(encoder.close(), b"")

    def test_events_of_another_copy(self):
        class ContentDelta:
            type = "content.delta"
            choice = 0
            text = "a"

        self.assertEqual(parsed(encoded([ContentDelta()])), [role(""), entry({"content": "a"})])

    def test_copies_go_on_alone(self):
        encoder = sseparse.ChatEncoder(id="x", created=1)
        encoder.feed([content("a"), call_start(0, "i", "f"), usage(n=1)])
        for other in (pickle.loads(pickle.dumps(encoder)), copy.deepcopy(encoder)):
            self.assertEqual(len(parsed(other.feed([call_delta(0, "{}")]) + other.close())), 2)
        self.assertIn("open, 1 choices", repr(encoder))
        self.assertEqual(len(parsed(encoder.close())), 1)

    @measures_time
    def test_linear(self):
        work = {
            "text": lambda size: [content("ab" * size)],
            "deltas": lambda size: [content("a")] * size,
            "choices": lambda size: [content("a", index) for index in range(size)],
            "calls": lambda size: [call_start(index, None, "f") for index in range(size)],
            "fields of calls that never start": lambda size: [EXTRA(0, 0, "x", 1, "function")] * size,
            "fields before the start": lambda size: [EXTRA(None, None, "x", 1, "chunk")] * size,
            "fingerprints": lambda size: [
                EXTRA(None, None, "service_tier", str(n), "chunk") for n in range(size)
            ],
            "logprobs": lambda size: [content("a"), logprobs({"content": []})] * size,
            "objects": lambda size: [thought("a"), EXTRA(0, None, "reasoning_details", [1], "delta")] * size,
        }
        for name, make in work.items():
            with self.subTest(name):
                self.assertLess(growth(encoded, make, 500), 24)
                self.assertLess(growth(lambda events: [encoder_of(events)], make, 500), 24)


def encoder_of(events):
    encoder = sseparse.ChatEncoder()
    for event in events:
        encoder.feed([event])


def answer(message=None, **fields):
    """A completion as a server without streaming sends it; ``fields`` are of the completion or the choice."""
    choice = {
        "index": 0,
        "message": message or {"role": "assistant", "content": "a"},
        "finish_reason": "stop",
    }
    for name in ("index", "message", "finish_reason", "logprobs", "text", "delta"):
        if name in fields:
            choice[name] = fields.pop(name)
    return {"id": "i", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **fields}


def calling(*calls):
    return answer({"role": "assistant", "content": None, "tool_calls": list(calls)})


def as_completion(chunks):
    """Chunks as one completion: their fields, and all their entries, whose deltas are whole messages."""
    completion = {"id": "i", "created": 1}
    choices = []
    for chunk in chunks:
        completion.update(chunk)
        choices += chunk["choices"] if isinstance(chunk.get("choices"), list) else []
    for number, choice in enumerate(choices):
        if isinstance(choice, dict):
            choice["index"] = number
            if "delta" in choice:
                choice["message"] = choice.pop("delta")
    return {**completion, "choices": choices, "error": None}


FUNCTION = {"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}

# What encode() refuses, and the field that it names.
REFUSED = [
    ({}, "choices"),
    ({"choices": None}, "choices"),
    ({"choices": {}}, "choices"),
    ({"choices": [None]}, "choices[0]"),
    ({"choices": [5]}, "choices[0]"),
    ({"choices": [{}]}, "choices[0].message"),
    (answer(id=5), "id"),
    (answer(model=5), "model"),
    (answer(created="1"), "created"),
    (answer(created=True), "created"),
    (answer(usage=[1]), "usage"),
    (answer(error="E"), "error"),
    (answer(error={"message": "E"}), "error"),
    (answer(x_groq={"id": "r", "error": "E"}), "x_groq.error"),
    (answer(index="0"), "choices[0].index"),
    (answer(index=-1), "choices[0].index"),
    (answer(index=True), "choices[0].index"),
    ({"choices": answer()["choices"] * 2}, "choices[1].index"),
    (answer(message="a"), "choices[0].message"),
    (answer(message=None) | {"choices": [{"message": None}]}, "choices[0].message"),
    (answer(finish_reason=5), "choices[0].finish_reason"),
    (answer(logprobs=[]), "choices[0].logprobs"),
    (answer(logprobs="x"), "choices[0].logprobs"),
    (answer(delta={"content": "a"}), "choices[0].delta"),
    ({"choices": [{"text": 5}]}, "choices[0].text"),
    ({"choices": [{"text": "a"}, answer()["choices"][0]]}, "choices[1].message"),
    (answer({"role": 5}), "choices[0].message.role"),
    (answer({"content": 5}), "choices[0].message.content"),
    (answer({"content": {}}), "choices[0].message.content"),
    (answer({"refusal": []}), "choices[0].message.refusal"),
    (answer({"reasoning": 5}), "choices[0].message.reasoning"),
    (answer({"audio": "AA=="}), "choices[0].message.audio"),
    (answer({"tool_calls": {}}), "choices[0].message.tool_calls"),
    (answer({"function_call": "f"}), "choices[0].message.function_call"),
    (answer({"function_call": {"name": 5}}), "choices[0].message.function_call.name"),
    (calling(None), "choices[0].message.tool_calls[0]"),
    (calling("f"), "choices[0].message.tool_calls[0]"),
    (calling({"id": "i"}), "choices[0].message.tool_calls[0]"),
    (calling({**FUNCTION, "custom": {"name": "f"}}), "choices[0].message.tool_calls[0]"),
    (calling({**FUNCTION, "id": 5}), "choices[0].message.tool_calls[0].id"),
    (calling({**FUNCTION, "type": 5}), "choices[0].message.tool_calls[0].type"),
    (calling({**FUNCTION, "function": "f"}), "choices[0].message.tool_calls[0].function"),
    (calling({**FUNCTION, "function": {"name": []}}), "choices[0].message.tool_calls[0].function.name"),
    (
        calling({**FUNCTION, "function": {"arguments": 5}}),
        "choices[0].message.tool_calls[0].function.arguments",
    ),
    (calling({"id": "i", "custom": {"input": []}}), "choices[0].message.tool_calls[0].custom.input"),
    (calling(FUNCTION, FUNCTION), "choices[0].message.tool_calls[1].id"),
    (answer({"content": "a", "x": {1, 2}}), "choices[0].message.x"),
    (answer({"content": "a", "x": [0, object()]}), "choices[0].message.x[1]"),
    (answer(x=10**5000), "x"),
]


class Completions(unittest.TestCase):
    maxDiff = None

    def test_invalid_completions(self):
        for number, (completion, field) in enumerate(REFUSED):
            with self.subTest(field, number=number):
                with self.assertRaises(ValueError) as caught:
                    sseparse.encode(completion)
                self.assertIn(f"{field} ", f"{caught.exception} ".replace(":", " "))

    def test_messages_of_other_shapes(self):
        def encoded(**fields):
            message = {"role": "assistant", "content": None, **fields}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            frames = sseparse.encode({"object": "chat.completion", "choices": [choice]})
            return sseparse.parse(b"".join(frames))["choices"][0]["message"]

        part = {"type": "text", "text": "a"}
        self.assertEqual(encoded(content=[None, part])["content"], [part])
        body = {"name": "f", "arguments": "{}"}
        calls = encoded(tool_calls=[{"type": "function", "function": {"id": "x", **body}}])["tool_calls"]
        self.assertEqual(calls, [{"id": "x", "type": "function", "function": body}])
        nameless = [{**calls[0], "function": {"name": "", "arguments": "{}"}}]
        named = [{**calls[0], "function": {"name": "null", "arguments": "{}"}}]
        frames = [[*sseparse.encode(answer({"tool_calls": calls}))] for calls in (nameless, named)]
        self.assertEqual(*frames)
        # The type "custom" would make a custom tool of a function.
        self.assertEqual(encoded(tool_calls=[{**calls[0], "type": "custom"}])["tool_calls"], calls)
        thoughts = [{"type": "thinking", "thinking": [{"type": "text", "text": text}]} for text in "ab"]
        parts = [thoughts[0], part, thoughts[1]]  # they stay apart, as objects in an unknown list would not
        self.assertEqual(encoded(content=parts)["content"], parts)
        alike = [{"type": "t", "index": 0, "text": text} for text in "ab"]
        with self.assertRaisesRegex(ValueError, "reasoning_details has objects that would be read as one"):
            encoded(reasoning_details=alike)
        for fields in (
            {"thinking_blocks": "abc"},
            {"thinking_blocks": False},
            {"reasoning_details": 5, "reasoning": "abc"},
            {"thinking_blocks": "abc", "reasoning_details": "abc", "thinking": ["a"], "content": "a"},
        ):
            message = {"role": "assistant", "content": None, **fields}
            for size in (None, 1, 2):
                wire = b"".join(sseparse.encode(answer(message), size=size))
                self.assertEqual(sseparse.parse(wire)["choices"][0]["message"], message)

    def test_a_call_that_has_the_text_of_the_other_kind_as_an_unknown_field(self):
        for kind, text, field in (("function", "arguments", "input"), ("custom", "input", "arguments")):
            for value in (5, True, [1], "x", {"a": 1}):
                body = {"name": "f", text: "{}", field: value}
                calls = [calling({"id": "i", "type": kind, kind: body})]
                if kind == "function":
                    calls.append(answer({"role": "assistant", "content": None, "function_call": body}))
                for completion in calls:
                    self.assertEqual(sseparse.parse(b"".join(sseparse.encode(completion))), completion)

    def test_arguments_that_are_not_a_completion(self):
        for completion in (None, 5, "text", [], b"{}"):
            with self.assertRaises(TypeError):
                sseparse.encode(completion)
        for size in (0, -1):
            with self.assertRaises(ValueError):
                sseparse.encode(answer(), size=size)
        for size in ("5", 1.5, float("nan")):
            with self.assertRaisesRegex(TypeError, "^size takes a number of characters, not "):
                sseparse.encode(answer(), size=size)

    def test_the_frames(self):
        frames = list(sseparse.encode(answer(usage={"n": 1}), size=1))
        self.assertEqual(frames[-1], b"data: [DONE]\n\n")
        self.assertEqual(
            parsed(b"".join(frames)),
            [
                role(""),
                entry({"content": "a"}),
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                {"choices": [], "usage": {"n": 1}},
            ],
        )
        self.assertEqual(len(list(sseparse.encode(answer(usage={"n": 1}), usage=False))), 4)

    def test_completions_of_other_programs_are_normalised(self):
        for completion, expected in (
            ({"choices": []}, {"choices": [], "model": None}),
            ({"choices": [{"text": "a"}]}, {"choices": [{"index": 0, "text": "a", "finish_reason": None}]}),
            (answer(error=None, p="x", usage=None, x=None), answer()),
            (answer(x_groq={}), answer(x_groq={})),
            (answer(x_groq={"usage": "a"}), answer(x_groq={"usage": "a"})),
            (answer(x_groq={"usage": {"n": 1}}), answer(x_groq={"usage": {"n": 1}}, usage={"n": 1})),
            (
                {"choices": [{"message": {}}, {"message": {"content": "b", "tool_calls": None}}]},
                {
                    "choices": [
                        {
                            "index": 0,
                            "message": {"role": "assistant", "content": None},
                            "finish_reason": None,
                        },
                        {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": None},
                    ]
                },
            ),
            (
                calling(
                    {"index": 0, "id": "", "type": None, "function": {"name": "f", "arguments": {"a": 1}}}
                ),
                calling(
                    {
                        "id": "call_i_0_0",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"a":1}'},
                    }
                ),
            ),
            (
                answer({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
                answer({"role": "assistant", "content": [{"type": "text", "text": "ab"}]}),
            ),
            (
                answer({"content": "a", "x": (1, float("nan"))}),
                answer({"role": "assistant", "content": "a", "x": [1, None]}),
            ),
            (  # no arguments, as an object (Ollama)
                calling({"id": "i", "type": "function", "function": {"name": "f", "arguments": {}}}),
                calling({"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}),
            ),
            (answer({"function_call": {"name": ""}}), answer({"role": "assistant", "content": None})),
            (answer({"content": "a\ud83d"}), answer({"role": "assistant", "content": "a\ufffd"})),
            (
                answer({"audio": {"transcript": "a", "data": "QQ==QQ==", "id": "i", "expires_at": None}}),
                answer(
                    {
                        "role": "assistant",
                        "content": None,
                        "audio": {"id": "i", "data": "QUE=", "transcript": "a"},
                    }
                ),
            ),
            (
                answer({"content": "a", "audio": {"data": None}}),
                answer({"role": "assistant", "content": "a", "audio": {}}),
            ),
        ):
            with self.subTest(repr(completion)):
                wire = b"".join(sseparse.encode(completion))
                canonical.check(wire)
                normal = sseparse.parse(wire)
                self.assertEqual(differences(expected, normal), [])
                self.assertEqual(b"".join(sseparse.encode(normal)), wire)

    @examples(150)
    @given(st.builds(as_completion, decoded_chunks))
    def test_random_completions_of_other_programs(self, completion):
        try:
            wire = b"".join(sseparse.encode(completion))
        except ValueError:
            return
        canonical.check(wire)
        stream, _ = deliver([wire])
        normal = stream.snapshot()
        self.assertEqual(b"".join(sseparse.encode(normal)).decode(), wire.decode())

    def test_the_completion_is_copied(self):
        completion = calling({"index": 0, "function": {"name": "f"}})
        before = copy.deepcopy(completion)
        frames = sseparse.encode(completion)
        completion["choices"].clear()
        self.assertEqual(
            sseparse.parse(b"".join(frames))["choices"][0]["message"]["tool_calls"][0]["id"], "call_i_0_0"
        )
        self.assertNotEqual(completion, before)

    @measures_time
    def test_linear(self):
        for message in (
            lambda size: {"content": "a" * size},
            lambda size: {"content": None, "reasoning": "a" * size, "reasoning_content": "b" * size},
            lambda size: {"tool_calls": [{**FUNCTION, "id": str(number)} for number in range(size)]},
            lambda size: {"content": "", **{str(number): number for number in range(size)}},
        ):
            self.assertLess(
                growth(
                    lambda given: list(sseparse.encode(given, size=1)),
                    lambda size, message=message: answer(message(size)),
                    500,
                ),
                24,
            )
        ten_megabytes = answer({"role": "assistant", "content": "\u00e9" * 5_000_000})
        back = sseparse.parse(b"".join(sseparse.encode(ten_megabytes)))
        self.assertEqual(back["choices"], ten_megabytes["choices"])


class ServerSentEvents(unittest.TestCase):
    def test_table(self):
        for event, wire in (
            (sseparse.ServerSentEvent("message", "a"), b"data: a\n\n"),
            (sseparse.ServerSentEvent("", "a"), b"data: a\n\n"),
            (sseparse.ServerSentEvent(data="a"), b"data: a\n\n"),
            (sseparse.ServerSentEvent("x", "a\nb", "7"), b"event: x\nid: 7\ndata: a\ndata: b\n\n"),
            (sseparse.ServerSentEvent("message", " a\r\n\rb\n"), b"data:  a\ndata: \ndata: b\ndata: \n\n"),
            (
                sseparse.ServerSentEvent("message", "\u2028\u00e9\ud83d"),
                "data: \u2028\u00e9\ufffd\n\n".encode(),
            ),
            (sseparse.ServerSentEvent("message", "\ufeff"), b"data: \xef\xbb\xbf\n\n"),
        ):
            with self.subTest(repr(event)):
                self.assertEqual(event.encode(), wire)

    def test_fields_that_no_stream_can_carry(self):
        for fields in (
            ("a\nb", "x"),
            ("a\r", "x"),
            ("a", "x", "1\n"),
            ("a", "x", "\r"),
            ("a", "x", "\0"),
            ("a", ""),
            ("a",),
        ):
            with self.assertRaises(ValueError):
                sseparse.ServerSentEvent(*fields).encode()
        for fields in ((None, "x"), ("a", 5), ("a", b"x"), ("a", {"x": 1}), ("a", "x", None), ("a", None)):
            with self.assertRaisesRegex(TypeError, "^(event|data|id) is a string, not "):
                sseparse.ServerSentEvent(*fields).encode()

    @examples(200)
    @given(
        *[st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), min_size=1)] * 2,
        st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])),
    )
    def test_encoded_and_read_back(self, event, data, id):
        sent = sseparse.ServerSentEvent(event.replace("\n", "") or "message", data, id)
        self.assertEqual(sseparse.SSEDecoder(last_event_id=id).feed(sent.encode()), [sent])

    def test_headers(self):
        self.assertEqual(
            dict(sseparse.SSE_HEADERS),
            {
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache, no-transform",
                "X-Accel-Buffering": "no",
            },
        )


if __name__ == "__main__":
    unittest.main()
