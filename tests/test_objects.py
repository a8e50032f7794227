# SPDX-License-Identifier: MIT
"""The public objects: events, the exception, the properties of a stream, and the messages about misuse."""

from __future__ import annotations

import ast
import copy
import enum
import inspect
import json
import pickle
import re
import types
import unittest
from collections import UserDict

from tests.rules import TABLES
from tests.wire import (
    DONE,
    END,
    START,
    call_delta,
    call_done,
    call_start,
    calls,
    choice_done,
    content,
    content_done,
    cut,
    deliver,
    delta,
    differences,
    extra,
    finish,
    fragment,
    say,
    server,
    single_bytes,
    sse,
    sseparse,
)

# (class, type, fields, values, another value for each field)
EVENTS = (
    ("ServerSentEvent", "sse", ("event", "data", "id"), ("message", "d", "1"), ("e", "D", "2")),
    ("Start", "start", ("id", "model", "created", "object"), ("x", "m", 1, "chat.completion"),
     (None, None, None, "text_completion")),
    ("ContentDelta", "content.delta", ("choice", "text"), (0, "a"), (1, "b")),
    ("ContentDone", "content.done", ("choice", "text"), (0, "a"), (1, "b")),
    ("ReasoningDelta", "reasoning.delta", ("choice", "text", "field"), (0, "a", "reasoning"),
     (1, "b", "thinking")),
    ("ReasoningDone", "reasoning.done", ("choice", "text"), (0, "a"), (1, "b")),
    ("RefusalDelta", "refusal.delta", ("choice", "text"), (0, "a"), (1, "b")),
    ("RefusalDone", "refusal.done", ("choice", "text"), (0, "a"), (1, "b")),
    ("ToolCallStart", "tool_call.start", ("choice", "index", "id", "name", "kind"),
     (0, 1, "i", "f", "function"), (1, None, None, None, "custom")),
    ("ToolCallDelta", "tool_call.delta", ("choice", "index", "arguments"), (0, 1, "{}"), (1, None, "[]")),
    ("ToolCallDone", "tool_call.done", ("choice", "index", "id", "name", "arguments", "kind", "status"),
     (0, 1, "i", "f", "{}", "function", "complete"), (1, None, "j", None, "", "custom", "empty")),
    ("AudioDelta", "audio.delta", ("choice", "data", "transcript"), (0, "AAAA", None), (1, None, "a")),
    ("LogprobsDelta", "logprobs.delta", ("choice", "logprobs"), (0, {"content": []}), (1, {"content": [1]})),
    ("ChoiceDone", "choice.done", ("choice", "finish_reason"), (0, "stop"), (1, None)),
    ("Usage", "usage", ("usage",), ({"n": 1},), ({"n": 2},)),
    ("Extra", "extra", ("choice", "index", "field", "value", "place"), (0, 1, "x", [1], "tool_call"),
     (None, None, "y", None, "chunk")),
    ("Error", "error", ("kind", "message", "choice", "code", "data", "frame", "server_type"),
     ("server", "M", 0, 5, {"a": 1}, 2, "t"), ("limit", "N", None, None, None, None, None)),
    ("Done", "done", (), (), ()),
    ("JSONTextDelta", "json.text", ("path", "text"), (("a", 0), "x"), ((), "y")),
    ("JSONValue", "json.value", ("path", "value"), (("a", 0), [1]), ((), None)),
)  # fmt: skip


class Events(unittest.TestCase):
    def test_fields_in_their_order(self):
        for name, tag, fields, values, _ in EVENTS:
            with self.subTest(name):
                event = getattr(sseparse, name)(*values)
                self.assertEqual(tuple(getattr(event, field) for field in fields), values)
                self.assertEqual((event.type, type(event).type), (tag, tag))
                self.assertEqual(event.__match_args__, fields)
                self.assertEqual(list(event.as_dict().items()), [("type", tag), *zip(fields, values)])
                said = ", ".join(f"{field}={value!r}" for field, value in zip(fields, values))
                self.assertEqual(repr(event), f"{name}({said})")
                self.assertEqual(getattr(sseparse, name)(**dict(zip(fields, values))), event)

    def test_equality_by_value(self):
        for name, _, fields, values, others in EVENTS:
            with self.subTest(name):
                make = getattr(sseparse, name)
                self.assertEqual(make(*values), make(*values))
                self.assertFalse(make(*values) != make(*values))
                for place in range(len(fields)):
                    changed = (*values[:place], others[place], *values[place + 1 :])
                    self.assertNotEqual(make(*values), make(*changed))
                self.assertNotEqual(make(*values), values)
                self.assertIs(make(*values).__eq__(values), NotImplemented)

    def test_events_of_different_types_differ(self):
        self.assertNotEqual(content("a"), content_done("a"))
        self.assertNotEqual(sseparse.ReasoningDelta(0, "a"), sseparse.RefusalDelta(0, "a"))

    def test_no_hash_no_dict(self):
        for name, _, fields, values, others in EVENTS:
            with self.subTest(name):
                event = getattr(sseparse, name)(*values)
                with self.assertRaises(TypeError):
                    hash(event)
                self.assertFalse(hasattr(event, "__dict__"))
                with self.assertRaises(AttributeError):
                    event.other = 1
                for field, value in zip(fields, others):  # but what it has may be assigned
                    setattr(event, field, value)
                self.assertEqual(event, getattr(sseparse, name)(*others))

    def test_copies(self):
        for name, _, _, values, _ in EVENTS:
            event = getattr(sseparse, name)(*values)
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
                with self.subTest(name, protocol=protocol):
                    self.assertEqual(pickle.loads(pickle.dumps(event, protocol)), event)
            for twin in (copy.copy(event), copy.deepcopy(event)):
                self.assertIsNot(twin, event)
                self.assertEqual(twin, event)

    def test_defaults_of_server_sent_event_and_error(self):
        self.assertEqual(sseparse.ServerSentEvent("e", "d"), sseparse.ServerSentEvent("e", "d", ""))
        self.assertEqual(sseparse.Error("limit", "M"), sseparse.Error("limit", "M", None, None, None, None))

    def test_value_of_a_call(self):
        for arguments, kind, status, value in (
            ('{"a": [1, {"b": "\\u00e9"}]}', "function", "complete", {"a": [1, {"b": "\xe9"}]}),
            (' {"a": 1}\n', "function_call", "complete", {"a": 1}),
            ("{}", "function", "complete", {}),
            ("", "function", "empty", {}),
            (" ", "function_call", "empty", {}),
            ("", "custom", "empty", {}),
            ('{"a": 1}', "function", "invalid", None),
            ('{"a": 1', "function", "incomplete", None),
            ("", "function", "incomplete", None),
            ('{"a": 1}', "custom", "complete", None),
            ("text", "custom", "complete", None),
        ):
            with self.subTest(arguments, kind=kind, status=status):
                event = sseparse.ToolCallDone(0, 0, "i", "f", arguments, kind, status)
                self.assertEqual(event.value, value)
                self.assertNotIn("value", event.as_dict())
                if value is not None:
                    self.assertIsNot(event.value, event.value)
        with self.assertRaises(AttributeError):
            event.value = {}

    def test_the_union(self):
        apart = ("ServerSentEvent", "JSONTextDelta", "JSONValue")
        names = [name for name, *_ in EVENTS if name not in apart]
        self.assertEqual([one.__name__ for one in sseparse.Event], names)
        self.assertIsInstance(DONE, sseparse.Event)
        self.assertNotIsInstance(sseparse.ServerSentEvent("e", "d"), sseparse.Event)


SECRET = "hunter2"


class Messages(unittest.TestCase):
    """A repr and a message have state, sizes and the server's words, and never the text of an answer."""

    FRAMES = (
        {**say(SECRET), "y": SECRET},
        delta({"reasoning": SECRET, "refusal": SECRET, "x": SECRET}),
        calls(fragment(0, "i", SECRET, SECRET)),
        f": {SECRET}\nid: {SECRET}\nevent: {SECRET}\n\n{SECRET}\n",
        # From here on each has as many errors as its number.
        (1, f"data: {SECRET}\n\n"),
        (1, f'data: "{SECRET}"\n\n'),
        (1, f'data: {{"a":{SECRET}\n\n'),
        (1, f"data: {{}}{SECRET}\n\n"),
        (1, {"choices": SECRET}),
        (4, {"choices": [SECRET, {"index": SECRET}, {"delta": SECRET}, {"message": SECRET}]}),
        (1, {"choices": [{"text": [SECRET]}]}),
        (1, {"usage": SECRET}),
        (2, delta({"content": {SECRET: SECRET}, "refusal": [SECRET], "audio": SECRET})),
        (3, delta({"tool_calls": SECRET, "function_call": SECRET}, logprobs=SECRET)),
        (3, calls(SECRET, {"index": SECRET}, {"index": 0, "function": SECRET})),
        (1, calls({"index": 0, "custom": [SECRET]})),
        (1, calls({"index": 0, "function": {"arguments": [SECRET]}})),
    )
    COUNT = sum(frame[0] for frame in FRAMES if isinstance(frame, tuple))
    BODY = sse(*(frame[1] if isinstance(frame, tuple) else frame for frame in FRAMES))

    def test_no_message_quotes_text(self):
        for body, count in (
            (self.BODY + sse(END), self.COUNT),
            (self.BODY + sse('data: {"a":"' + SECRET), self.COUNT + 1),
            (sse(f"<html>{SECRET}"), 1),
            (sse(f'{{"{SECRET}":\n"{SECRET}"}}'), 1),
            (sse(f"HTTP/1.1 200 {SECRET}\n"), 1),
            (b"\x1f\x8b" + SECRET.encode(), 1),
        ):
            stream, _ = deliver([body])
            self.assertEqual(len(stream.errors), count)
            for error in stream.errors:
                self.assertNotIn(SECRET, error.message)
                self.assertLessEqual(len(error.data or ""), 200)
            with self.assertRaises(sseparse.StreamError) as caught:
                stream.completion()
            for said in (str(caught.exception), repr(caught.exception), repr(stream)):
                self.assertNotIn(SECRET, said)

    def test_repr_of_a_stream(self):
        stream = sseparse.ChatStream()
        self.assertEqual(repr(stream), "<ChatStream open, 0 frames, 0 bytes pending, 0 errors>")
        stream.feed(sse(say("a"), "data: x\n\n") + b"data: 123\ndata")
        self.assertEqual(repr(stream), "<ChatStream open, 2 frames, 13 bytes pending, 1 errors>")
        stream.feed(b"\n\n" + sse(END))
        self.assertEqual(repr(stream), "<ChatStream done, 4 frames, 0 bytes pending, 2 errors>")
        stream.close()
        self.assertEqual(repr(stream), "<ChatStream closed, 4 frames, 0 bytes pending, 2 errors>")
        stream, _ = deliver([b""])
        self.assertEqual(repr(stream), "<ChatStream truncated, 0 frames, 0 bytes pending, 1 errors>")
        stream = sseparse.ChatStream()
        stream.feed(b'{"error":\n')  # a document without field names
        self.assertEqual(repr(stream), "<ChatStream open, 0 frames, 9 bytes pending, 0 errors>")
        stream = sseparse.ChatStream(max_total_bytes=1)
        stream.feed(b"data")
        self.assertEqual(repr(stream), "<ChatStream stopped, 0 frames, 0 bytes pending, 1 errors>")

    def test_repr_of_an_assembler(self):
        assembler = sseparse.ChatAssembler(max_errors=1)
        self.assertEqual(repr(assembler), "<ChatAssembler open, 0 choices, 0 tool calls, 0 errors>")
        assembler.add(calls(fragment(0, "i", "f"), fragment(1, "j", "g")))
        assembler.add(calls(fragment(0, "i", "f"), 5, choice=3))
        self.assertEqual(repr(assembler), "<ChatAssembler open, 2 choices, 3 tool calls, 1 errors>")
        twin = copy.deepcopy(assembler)
        twin.close(done=True)
        self.assertEqual(repr(twin), "<ChatAssembler done, 2 choices, 3 tool calls, 1 errors>")
        twin = copy.deepcopy(assembler)
        twin.close()
        self.assertEqual(repr(twin), "<ChatAssembler closed, 2 choices, 3 tool calls, 1 errors>")
        assembler.add({"choices": 5})
        self.assertEqual(repr(assembler), "<ChatAssembler stopped, 2 choices, 3 tool calls, 2 errors>")

    def test_repr_of_the_others(self):
        decoder = sseparse.SSEDecoder()
        decoder.feed(f"data: {SECRET}\n: {SECRET}\n{SECRET}".encode())
        scanner = sseparse.PartialJSON()
        scanner.feed(f'{{"{SECRET}": "{SECRET}')
        broken = sseparse.PartialJSON()
        broken.feed(f'["{SECRET}" {SECRET}')
        body = sseparse.HTTPBody()
        body.feed(f"HTTP/1.1 200 OK\r\nX: {SECRET}\r\n\r\n{SECRET}".encode())
        tags = sseparse.ThinkTags()
        tags.feed([sseparse.ContentDelta(0, f"<think>{SECRET}")])
        for one in (decoder, scanner, broken, broken.error, body, tags):
            self.assertNotIn(SECRET, repr(one))
            self.assertRegex(repr(one), "[0-9]")


class StreamError(unittest.TestCase):
    def raised(self, *frames, ignore=()):
        stream, _ = deliver([sse(*frames)])
        with self.assertRaises(sseparse.StreamError) as caught:
            stream.completion(ignore)
        return stream, caught.exception

    def test_str_has_the_message_and_code_of_the_server(self):
        three = "server error in frame 0: A; server error in frame 1: B; server error in frame 2:"
        for frames, says in (
            ([{"error": {"message": "M", "code": 429}}, END], "server error in frame 0: M (code 429)"),
            ([{"error": {"message": "M", "code": "c"}}, END], "server error in frame 0: M (code 'c')"),
            ([END, {"error": "M"}], "server error in frame 1: M"),
            ([say("a")], "truncated error: the stream ended without a finish_reason and without DONE"),
            ([say("a"), "data: {"], "truncated error in frame 1: the stream was cut inside its last frame"),
            (["data: x\n\n", END], "malformed error in frame 0: data is not JSON; the frame was ignored"),
            ([{"error": "A"}, {"error": "B"}, {"error": "C"}, END],
             f"{three} C"),
            ([{"error": "A"}, {"error": "B"}, {"error": "C"}, {"error": "D"}, {"error": "E"}, END],
             f"{three} C; and 2 more"),
        ):  # fmt: skip
            with self.subTest(says):
                stream, error = self.raised(*frames)
                self.assertEqual((str(error), error.errors), (says, stream.errors))
                self.assertEqual(error.snapshot, stream.snapshot())

    def test_str_is_short_for_any_message(self):
        long, numbers = "x" * 1_000_000, list(range(1_000_000))
        for error, says in (
            ({"message": long}, "x" * 500 + "..."),
            ({"message": "x" * 501}, "x" * 500 + "..."),
            ({"message": "x" * 500}, "x" * 500),
            ({"message": "M", "code": numbers}, "M"),
            ({"message": "M", "code": {"a": "b"}}, "M"),
            ({"message": "M", "code": []}, "M"),
            ({"message": "M", "code": long}, "M"),
            ({"message": "M", "code": "c" * 65}, "M"),
            ({"message": "M", "code": "c" * 64}, f"M (code {'c' * 64!r})"),
            ({"message": "M", "code": 10**64}, "M"),
            ({"message": "M", "code": -(10**64)}, "M"),
            ({"message": "M", "code": 10**64 - 1}, f"M (code {10**64 - 1})"),
            ({"message": "M", "code": 1.5}, "M (code 1.5)"),
            ({"message": "M", "code": "a\nb"}, "M (code 'a\\nb')"),
        ):
            with self.subTest(says[:80]):
                stream, raised = self.raised({"error": error}, END)
                self.assertEqual(str(raised), f"server error in frame 0: {says}")
                self.assertEqual(raised.errors, stream.errors)
                self.assertEqual((raised.errors[0].message, raised.errors[0].code),
                                 (error["message"], error.get("code")))
        _, raised = self.raised(*[{"error": {"message": long, "code": long}}] * 9, END)
        self.assertLess(len(str(raised)), 1700)
        self.assertEqual([len(one.message) for one in raised.errors], [1_000_000] * 9)
        twin = pickle.loads(pickle.dumps(raised))
        self.assertEqual((str(twin), twin.errors, twin.snapshot),
                         (str(raised), raised.errors, raised.snapshot))

    def test_str_without_a_code_that_python_cannot_print(self):
        error = sseparse.Error("server", "M", code=10**5000)
        assembler = sseparse.ChatAssembler()
        assembler.errors.append(error)
        assembler.close()
        with self.assertRaisesRegex(sseparse.StreamError, "^server error: M$"):
            assembler.completion()

    def test_ignore_takes_kinds_that_there_are(self):
        stream, _ = deliver([sse("data: x\n\n", say("a"), END)])
        kinds = ("server", "malformed", "truncated", "limit", "not_sse", "not_chat")
        for ignore in (kinds, list(kinds), set(kinds), iter(kinds), dict.fromkeys(kinds), ["malformed"]):
            self.assertEqual(stream.completion(ignore), stream.snapshot())
        for wrong, named in ((["malfromed"], "'malfromed'"), (("server", "Malformed"), "'Malformed'"),
                             ({None}, "None"), (["b", "server", "a"], "'a', 'b'")):
            says = f"^there is no error of kind {named}: ignore takes server, malformed, truncated"
            with self.assertRaisesRegex(ValueError, says):
                stream.completion(wrong)
            with self.assertRaisesRegex(ValueError, "^there is no error of kind "):
                sseparse.parse(sse(say("a"), END), wrong)
            with self.assertRaisesRegex(ValueError, "^there is no error of kind "):
                sseparse.ChatStream().completion(wrong)
        with self.assertRaisesRegex(TypeError, r"pass \('malformed',\)"):
            stream.completion("malformed")

    def test_the_kinds_are_those_of_the_events(self):
        source = inspect.getsource(sseparse._events)
        literal = re.search(r"ErrorKind = (Literal\[.*?\])", source, re.S)[1]
        names = [ast.literal_eval(one) for one in re.findall('".*?"', literal)]
        self.assertEqual(names, list(sseparse._errors.KINDS))

    def test_an_ignored_error_is_in_errors_and_not_in_str(self):
        _, error = self.raised("data: x\n\n", {"error": "A"}, END, ignore=("malformed",))
        self.assertEqual(str(error), "server error in frame 1: A")
        self.assertEqual([one.kind for one in error.errors], ["malformed", "server"])

    def test_it_is_a_value_error_and_copies(self):
        _, error = self.raised(say("a"), {"error": "A"}, END)
        self.assertIsInstance(error, ValueError)
        for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
            self.assertIs(type(twin), sseparse.StreamError)
            self.assertEqual(str(twin), str(error))
            self.assertEqual((twin.errors, twin.snapshot), (error.errors, error.snapshot))

    def test_constructed_by_a_caller(self):
        error = sseparse.StreamError("M")
        self.assertEqual((str(error), error.errors, error.snapshot), ("M", [], None))
        error = sseparse.StreamError("M", (DONE,), {"a": 1})
        self.assertEqual((error.errors, error.snapshot), ([DONE], {"a": 1}))


class Readers(unittest.TestCase):
    maxDiff = None
    WIRE = sse(
        *({**say("Hel", id="x", model="m"), "usage": {"n": 1}}, say("lo"), ": ping\n", say("other", 2)),
        *(delta({"reasoning": "hm", "refusal": "no"}), calls(fragment(0, "i", "f", "{")), ": ping\n"),
        *(calls(fragment(0, arguments="}")), finish("tool_calls"), {"usage": {"n": 2}}, END),
        {"usage": {"n": 3}},
    )

    def read(self, one):
        return (
            *(one.id, one.model, one.usage, one.text(), one.reasoning(), one.refusal(), one.tool_calls()),
            *(one.finish_reason(), one.text(2), one.finish_reason(2), one.done, one.finished, one.closed),
        )

    def test_before_anything(self):
        for one in (sseparse.ChatStream(), sseparse.ChatAssembler()):
            nothing = (None, None, None, "", "", "", [], None, "", None, False, False, False)
            self.assertEqual(self.read(one), nothing)
            final = {"id": None, "object": "chat.completion", "created": None, "model": None, "choices": []}
            self.assertEqual((one.snapshot(), one.errors), (final, []))

    def test_in_the_middle_and_at_the_end(self):
        stream = sseparse.ChatStream()
        self.assertEqual((stream.comments, stream.truncated), (0, False))
        stream.feed(self.WIRE[: self.WIRE.index(b'"lo"')])
        self.assertEqual(self.read(stream)[:5], ("x", "m", {"n": 1}, "Hel", ""))
        stream.feed(self.WIRE[self.WIRE.index(b'"lo"') : self.WIRE.index(b"[DONE]")])
        call = {"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        known = ("x", "m", {"n": 2}, "Hello", "hm", "no", [call], "tool_calls", "other", None)
        self.assertEqual(self.read(stream), (*known, False, False, False))
        stream.feed(self.WIRE[self.WIRE.index(b"[DONE]") :])
        known = ("x", "m", {"n": 3}, "Hello", "hm", "no", [call], "tool_calls", "other", None)
        self.assertEqual(self.read(stream), (*known, True, False, False))
        stream.close()
        self.assertEqual(self.read(stream), (*known, True, False, True))
        self.assertEqual((stream.comments, stream.truncated, stream.errors), (2, False, []))

    def test_the_assembler_has_the_same_readers(self):
        assembler = sseparse.ChatAssembler()
        for line in self.WIRE.splitlines():
            if line.startswith(b"data: {"):
                assembler.add(json.loads(line[6:]))
        assembler.close(done=True)
        stream, _ = deliver([self.WIRE])
        self.assertEqual(self.read(assembler)[:-1], self.read(stream)[:-1])
        self.assertEqual(assembler.message(), stream.message())

    def test_the_message_can_be_appended(self):
        stream, _ = deliver([self.WIRE])
        message = stream.message()
        call = {"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        said = {"role": "assistant", "content": "Hello", "reasoning": "hm", "refusal": "no"}
        self.assertEqual(message, {**said, "tool_calls": [call]})
        self.assertEqual(list(message)[:2], ["role", "content"])
        messages = [choice["message"] for choice in stream.snapshot()["choices"]]
        self.assertEqual(messages, [message, stream.message(2)])

    def test_a_choice_that_was_never_seen(self):
        for one in (deliver([self.WIRE])[0], sseparse.ChatStream(), sseparse.ChatAssembler()):
            seen = "0, 2" if one.text() else "none"
            for choice in (1, -1, "0"):
                with self.assertRaises(IndexError) as caught:
                    one.message(choice)
                says = f"no choice {choice!r} in this stream; seen so far: {seen}"
                self.assertEqual(str(caught.exception), says)
            self.assertEqual((one.text(1), one.reasoning(1), one.refusal(1)), ("", "", ""))
            self.assertEqual((one.tool_calls(1), one.finish_reason(1)), ([], None))

    def test_comments_are_counted(self):
        stream = sseparse.ChatStream()
        frames = sse(say("a"), ":\n", say("b"), ":\n")
        for data, comments in ((b": ping", 0), (b"\n", 1), (b":\r\r:x\r", 3), (frames, 5)):
            stream.feed(data)
            self.assertEqual(stream.comments, comments)

    def test_a_returned_object_belongs_to_the_caller(self):
        wire = sse(
            delta({"content": [{"type": "text", "text": "a"}], "x": {"y": [1]}}, z={"y": [1]}),
            delta({"audio": {"id": "i"}, "function_call": {"name": "f"}}, logprobs={"c": [1]}),
            delta({"reasoning_details": [{"text": "a"}]}),
            calls({**fragment(0, "i", "f", "{}"), "w": [1]}),
            {"usage": {"n": {"m": 1}}, "v": [{"u": 1}]},
        )
        stream = sseparse.ChatStream()
        stream.feed(wire)
        before = copy.deepcopy(stream.snapshot())
        for read in (
            stream.snapshot,
            stream.message,
            stream.tool_calls,
            lambda: stream.usage,
            lambda: sseparse.parse(wire, ignore=["truncated"]),
        ):
            spoil(read())
            self.assertEqual(stream.snapshot(), before)
        first = stream.snapshot()
        stream.feed(wire)
        self.assertEqual(first, before)
        self.assertNotEqual(stream.snapshot(), before)

    def test_an_event_belongs_to_the_caller(self):
        wire = sse(
            delta({"content": [{"type": "ref", "ids": [1]}], "x": {"y": [1]}, "l": [[1]]}),
            delta({}, z={"y": [1]}, k=[[1]]),
            delta({"reasoning_details": [{"text": "a", "more": {"n": 1}}]}),
            calls({**fragment(0, "i", "f", "{}"), "w": [[1]]}),
            {"usage": {"n": {"m": 1}}, "v": [{"u": 1}], "error": {"a": [1]}, "choices": []},
            {"object": "error", "o": {"p": 1}, "choices": []},
        )
        stream = sseparse.ChatStream()
        events = stream.feed(wire)
        before = stream.snapshot()
        for event in events:
            spoil([getattr(event, field) for field in event.__match_args__])
        self.assertEqual(stream.snapshot(), before)


def spoil(value):
    """Change everything in a JSON value that can be changed."""
    if isinstance(value, dict):
        for inner in value.values():
            spoil(inner)
        value.clear()
        value["spoilt"] = True
    elif isinstance(value, list):
        for inner in value:
            spoil(inner)
        value.append("spoilt")


READERS = """closed completion done errors finish_reason finished id message model reasoning refusal snapshot
    text tool_calls usage"""


class Names(unittest.TestCase):
    """An object shows the documented names. All other names begin with an underscore."""

    def test_names(self):
        for shown, names in (
            (sseparse.ChatStream(), f"close comments feed frames pending truncated {READERS}"),
            (sseparse.ChatAssembler(), f"add close {READERS}"),
            (sseparse.HTTPBody(), "close complete feed headers status"),
            (sseparse.PartialJSON(), "close complete end error feed value"),
        ):
            with self.subTest(type(shown).__name__):
                found = {name for name in dir(shown) if not name.startswith("_")}
                self.assertEqual(found, set(names.split()))


class Completion(unittest.TestCase):
    def test_before_the_end(self):
        for one in (sseparse.ChatStream(), sseparse.ChatAssembler()):
            with self.assertRaises(RuntimeError) as caught:
                one.completion()
            says = "completion() before the end: feed up to [DONE] or call close(), or use snapshot()"
            self.assertEqual(str(caught.exception), says)

    def test_at_done_or_at_close(self):
        stream = sseparse.ChatStream()
        stream.feed(sse(say("a"), finish(), END))
        self.assertEqual(stream.completion(), stream.snapshot())
        stream.feed(sse({"usage": {"n": 1}}))
        self.assertEqual(stream.completion()["usage"], {"n": 1})
        stream = sseparse.ChatStream()
        stream.feed(sse(say("a"), finish()))
        self.assertRaises(RuntimeError, stream.completion)
        stream.close()
        self.assertEqual(stream.completion(), stream.snapshot())

    def test_ignore(self):
        wire = sse(say("a"), "data: x\n\n", {"error": "E"})
        stream, _ = deliver([wire])
        for ignore in ((), ("malformed",), ["server", "malformed"], {"truncated", "server"}):
            self.assertRaises(sseparse.StreamError, stream.completion, ignore)
        every = ("malformed", "server", "truncated")
        for ignore in (every, list(every), set(every), iter(every), (*every, "limit")):
            self.assertEqual(stream.completion(ignore), stream.snapshot())
        self.assertEqual(stream.completion(ignore=every), sseparse.parse(wire, ignore=every))

    def test_ignore_refuses_a_str(self):
        for one in (deliver([b""])[0], sseparse.ChatStream(), sseparse.ChatAssembler()):
            with self.assertRaises(TypeError) as caught:
                one.completion("truncated")
            says = "ignore takes a collection of error kinds: pass ('truncated',)"
            self.assertEqual(str(caught.exception), says)

    def test_parse(self):
        wire = sse(say("a"), finish(), END)
        final = deliver([wire])[0].snapshot()
        for body in (wire, bytearray(wire), memoryview(wire), wire[:-16]):
            self.assertEqual(sseparse.parse(body), final)
        self.assertRaises(TypeError, sseparse.parse, wire.decode())
        self.assertRaises(TypeError, sseparse.parse, None)
        with self.assertRaises(sseparse.StreamError) as caught:
            sseparse.parse(b"")
        self.assertEqual(caught.exception.errors, [cut(begun=False)])


class Misuse(unittest.TestCase):
    def test_feed(self):
        stream = sseparse.ChatStream()
        for wrong in (None, 5, [b"a"], object()):
            with self.assertRaises(TypeError) as caught:
                stream.feed(wrong)
            says = f"ChatStream takes bytes, bytearray or memoryview, not {type(wrong).__name__}"
            self.assertEqual(str(caught.exception), says)
        with self.assertRaises(TypeError) as caught:
            stream.feed("data: {}\n\n")
        self.assertEqual(
            str(caught.exception),
            "ChatStream takes bytes, not str: pass the body as it came"
            " (response.iter_bytes(), not iter_text() or iter_lines())",
        )
        self.assertEqual(stream.feed(sse(say("a"))), [START, content("a")])  # it was not harmed

    def test_feed_after_close(self):
        for frames in ([], [say("a")], [say("a"), say("b"), say("c")], [END], ["<html>"]):
            stream = sseparse.ChatStream()
            stream.feed(sse(*frames))
            stream.close()
            for data in (b"", b"\n", sse(say("d")), sse(END)):
                with self.assertRaises(RuntimeError) as caught:
                    stream.feed(data)
                says = "bytes after close(): make a new ChatStream for the next stream"
                self.assertEqual(str(caught.exception), says)
            self.assertRaises(TypeError, stream.feed, "data")
            self.assertEqual(stream.close(), [])

    def test_options_are_keywords(self):
        for make in (sseparse.ChatStream, sseparse.ChatAssembler):
            self.assertRaises(TypeError, make, 5)

    def test_bytes_likes(self):
        wire = sse(say("a"), say("b"), say("c"), END)
        expected = deliver([wire])[1]
        for make in (bytes, bytearray, memoryview, lambda data: memoryview(data + data)[: len(data)]):
            for size in (1, 7, 55, len(wire)):
                pieces = [make(wire[at : at + size]) for at in range(0, len(wire), size)]
                self.assertEqual(deliver(pieces)[1], expected)

    def test_a_subclass_of_bytes(self):
        class Chunk(bytes):
            pass

        wire = sse(say("a"), say("b"), say("c"), END)
        self.assertEqual(deliver(map(Chunk, single_bytes(wire)))[1], deliver([wire])[1])

    def test_a_buffer_may_be_used_again_after_feed(self):
        wire = sse(say("a"), say("b"), say("c"), say("d"), END)
        stream = sseparse.ChatStream()
        events = []
        buffer = bytearray(10)
        for start in range(0, len(wire), 10):
            piece = wire[start : start + 10]
            buffer[:] = piece
            events += stream.feed(buffer)
        self.assertEqual(events + stream.close(), deliver([wire])[1])


class Text(str):
    """A subclass of str, as an SDK may return it."""


class Number(enum.IntEnum):
    ZERO = 0
    ONE = 1


class Fields(UserDict):
    """A Mapping that is not a dict."""


def reversed_keys(value, under=None):
    """The same with the keys in another order, but where the order is the text of arguments."""
    if isinstance(value, dict) and under != "arguments":
        return {key: reversed_keys(value[key], key) for key in reversed(list(value))}
    return [reversed_keys(inner) for inner in value] if isinstance(value, list) else value


def as_mappings(value):
    if isinstance(value, dict):
        return Fields({key: as_mappings(inner) for key, inner in value.items()})
    return tuple(as_mappings(inner) for inner in value) if isinstance(value, list) else value


def as_proxies(value):
    if isinstance(value, dict):
        return types.MappingProxyType({Text(key): as_proxies(inner) for key, inner in value.items()})
    if isinstance(value, str):
        return Text(value)
    if type(value) is int and value in (0, 1):
        return Number(value)
    return [as_proxies(inner) for inner in value] if isinstance(value, list) else value


class Assembler(unittest.TestCase):
    """ChatAssembler gives the events of ChatStream, from decoded chunks in any kind of mapping."""

    maxDiff = None

    @staticmethod
    def assemble(frames, make):
        assembler = sseparse.ChatAssembler()
        events = []
        for frame in frames:
            events += assembler.close(done=True) if frame == END else assembler.add(make(frame))
        return assembler, events + assembler.close()

    @staticmethod
    def comparable(events):
        """Without what only the framing knows: the text of a frame, its place, that the stream was cut."""
        kept = []
        for event in events:
            if event.type == "error":
                if event.kind in ("truncated", "not_chat"):
                    continue
                data = event.data if event.kind == "server" else None
                event = sseparse.Error(event.kind, event.message, event.choice, event.code, data, None)
            kept.append(event)
        return kept

    def test_pings_are_silent(self):
        for chunk in ({"type": "ping"}, {}):
            assembler = sseparse.ChatAssembler()
            self.assertEqual(assembler.add(chunk), [])
            self.assertNotIn("type", assembler.snapshot())

    def rows(self):
        for table in TABLES.values():
            for name, frames, events, _, final in table:
                if all(isinstance(frame, dict) or frame == END for frame in frames):
                    yield name, frames, events, final

    def test_rows(self):
        seen = 0
        for name, frames, events, final in self.rows():
            seen += 1
            for make in (copy.deepcopy, as_mappings, as_proxies):
                with self.subTest(name, make=make.__name__):
                    assembler, found = self.assemble(frames, make)
                    self.assertEqual(self.comparable(found), self.comparable(events))
                    snapshot = assembler.snapshot()
                    self.assertEqual(differences(final, snapshot), [])
                    self.assertEqual(snapshot, deliver([sse(*frames)])[0].snapshot())
                    self.assertEqual(plain_types(snapshot), [])
        self.assertGreater(seen, 150)

    def test_keys_in_any_order(self):
        for name, frames, _, _ in self.rows():
            with self.subTest(name):
                ones, twos = (self.assemble(frames, make) for make in (copy.deepcopy, reversed_keys))
                self.assertEqual(ones[0].snapshot(), twos[0].snapshot())
                self.assertEqual(*(self.apart_from_extras(events) for _, events in (ones, twos)))
                self.assertEqual(*(self.extras_by_field(events) for _, events in (ones, twos)))

    def apart_from_extras(self, events):
        return [event for event in self.comparable(events) if event.type != "extra"]

    @staticmethod
    def extras_by_field(events):
        """Extra events of one chunk come in the order of its keys, so only that of each field counts."""
        fields = {}
        for event in events:
            if event.type == "extra":
                fields.setdefault((event.choice, event.index, event.field), []).append(event.value)
        return fields

    def test_it_neither_changes_nor_keeps_what_it_is_given(self):
        for name, frames, _, _ in self.rows():
            with self.subTest(name):
                given = copy.deepcopy(frames)
                assembler, _ = self.assemble(given, lambda frame: frame)
                self.assertEqual(given, frames)
                before = assembler.snapshot()
                for frame in given:
                    spoil(frame)
                self.assertEqual(assembler.snapshot(), before)

    def test_frame_counts_the_chunks(self):
        assembler = sseparse.ChatAssembler()
        found = [assembler.add(chunk) for chunk in ({}, {"error": "E"}, say("a"), {"choices": 5})]
        says = "choices is not a list; it was ignored"
        self.assertEqual(found[:3], [[], [server("E", None, "E", 1)], [START, content("a")]])
        self.assertEqual(found[3], [sseparse.Error("malformed", says, None, None, None, 3)])

    def test_close(self):
        for done in (False, True):
            assembler = sseparse.ChatAssembler()
            assembler.add(say("a"))
            ended = [content_done("a"), choice_done(None), *([DONE] if done else [])]
            self.assertEqual(assembler.close(done=done), ended)
            self.assertEqual((assembler.close(done=done), assembler.close()), ([], []))
            self.assertEqual((assembler.done, assembler.closed), (done, True))
            self.assertEqual(assembler.close(done=True), [])
            self.assertIs(assembler.done, done)

    def test_after_done_usage_is_read_and_after_close_nothing(self):
        assembler = sseparse.ChatAssembler()
        assembler.close(done=True)
        events = [extra("y", 1), sseparse.Usage({"n": 1})]
        self.assertEqual(assembler.add({**say("a"), "usage": {"n": 1}, "y": 1}), events)
        for one in (assembler, sseparse.ChatAssembler()):
            one.close()
            with self.assertRaises(RuntimeError) as caught:
                one.add(say("a"))
            says = "add() after close(): make a new ChatAssembler for the next answer"
            self.assertEqual(str(caught.exception), says)

    def test_nan_and_infinity_become_null(self):
        assembler = sseparse.ChatAssembler()
        nan, infinite = float("nan"), float("inf")
        events = assembler.add({"x": [nan, infinite, -infinite, 1.5], "y": nan, "usage": {"n": infinite}})
        self.assertEqual(events, [extra("x", [None, None, None, 1.5]), sseparse.Usage({"n": None})])
        json.dumps(assembler.snapshot(), allow_nan=False)

    def test_an_index_of_a_subclass_of_int_or_str(self):
        for index, seen in ((Number.ONE, [1]), (Text("1"), [1]), (True, []), (1.0, [])):
            assembler = sseparse.ChatAssembler()
            assembler.add(say("a", index))
            self.assertEqual([choice["index"] for choice in assembler.snapshot()["choices"]], seen)

    def test_halves_of_pairs_in_decoded_text(self):
        assembler = sseparse.ChatAssembler()
        for chunk, events in (
            (say("\ud83d"), [START]),
            (say("\ude00"), [content("\U0001f600")]),
            (say("a\ud83d"), [content("a")]),
            ({"\ud83d": "\ud83d"}, [extra("\ufffd", "\ufffd")]),
        ):
            self.assertEqual(assembler.add(chunk), events)
        whole = "\U0001f600a\ufffd"
        self.assertEqual(assembler.close(), [content("\ufffd"), content_done(whole), choice_done(None)])
        json.dumps(assembler.snapshot(), ensure_ascii=False).encode()

    def test_arguments_that_are_not_chunks(self):
        assembler = sseparse.ChatAssembler()
        for wrong in ("{}", b"{}", bytearray(b"{}"), None, 5, [say("a")], object()):
            with self.assertRaises(TypeError) as caught:
                assembler.add(wrong)
            self.assertEqual(
                str(caught.exception),
                f"add() takes a decoded chunk (a mapping), not {type(wrong).__name__}:"
                " pass json.loads(data) or chunk.model_dump(), or feed bytes to ChatStream",
            )
        for wrong in (object(), b"x", {1, 2}, 1j, say):
            for chunk in ({"x": wrong}, delta({"content": wrong}), {"x": [{"y": wrong}]}):
                with self.assertRaises(TypeError) as caught:
                    assembler.add(chunk)
                says = f"a chunk holds JSON values, not {type(wrong).__name__}:"
                self.assertEqual(str(caught.exception), f"{says} pass json.loads(data) or model_dump()")
        self.assertEqual((assembler.errors, assembler.snapshot()["choices"]), ([], []))

    def test_keys_that_are_not_strings(self):
        self.assertEqual(sseparse.ChatAssembler().add({5: {None: 1}}), [extra("5", {"None": 1})])

    def test_copies_go_on_alone(self):
        assembler = sseparse.ChatAssembler()
        assembler.add(calls(fragment(0, "i", "f", "{")))
        twins = [copy.deepcopy(assembler), pickle.loads(pickle.dumps(assembler))]
        for number, one in enumerate([assembler, *twins]):
            text = f"{number}}}"
            self.assertEqual(one.add(calls(fragment(0, arguments=text))), [call_delta(0, text)])
        for number, one in enumerate([assembler, *twins]):
            done = call_done(0, "i", "f", f"{{{number}}}", "invalid")
            self.assertEqual(one.close(), [done, choice_done(None)])

    def test_the_same_chunk_object_twice(self):
        """One chunk object is added several times, as a cache may do."""
        assembler = sseparse.ChatAssembler()
        chunk = calls(fragment(0, "i", "f", "x"))
        self.assertEqual(assembler.add(chunk), [START, call_start(0, "i", "f"), call_delta(0, "x")])
        self.assertEqual(assembler.add(chunk), [call_delta(0, "x")])
        self.assertEqual(assembler.add(chunk), [call_delta(0, "x")])


def plain_types(value, path="final"):
    """Return the places in a JSON value that are of other than JSON's own types."""
    if type(value) is dict:
        odd = [f"{path}: key {key!r}" for key in value if type(key) is not str]
        return odd + [one for key, inner in value.items() for one in plain_types(inner, f"{path}.{key}")]
    if type(value) is list:
        return [one for place, inner in enumerate(value) for one in plain_types(inner, f"{path}[{place}]")]
    is_plain = value is None or type(value) in (str, int, float, bool)
    return [] if is_plain else [f"{path}: {type(value).__name__}"]


if __name__ == "__main__":
    unittest.main()
