# SPDX-License-Identifier: MIT
"""Bodies that a small change of the code would read differently, compared with the reference."""

from __future__ import annotations

import json
import unittest

from tests.reference.streams import FRAMES
from tests.test_against_reference import ComparedCase
from tests.wire import END, RECORDINGS, chunk, delta, sse


def call(**fields):
    return {"tool_calls": [{"index": 0, "id": "a", **fields}]}


CONTENT = chunk({"content": "a"})
DEEP = json.loads("[" * 130 + "]" * 130)


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


class Interruptions(ComparedCase):
    """A different chunk comes after chunks with nothing but content, and before more of them."""

    def test_interruptions(self):
        for one in INTERRUPTIONS:
            other = {"choices": [PLAIN], **one} if isinstance(one, dict) and one else {"choices": one}
            plain = {"id": "i", "created": 5, "model": "m", "choices": [PLAIN]}
            frames = [plain, plain, plain, {**plain, **other}, {**plain, **other}, plain, plain]
            for cut in (65536, 100):
                with self.subTest(other, cut=cut):
                    self.check_stream(sse(*frames, END), cut)


# (name, body, limits)
WIRES = [
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
    # The last allowed error comes in each place after which reading might continue.
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
]  # fmt: skip


class Wires(ComparedCase):
    """Each body is read whole, frame by frame and byte by byte."""

    def test_wires(self):
        for name, wire, options in WIRES:
            for cut in (len(wire), FRAMES, 1):
                with self.subTest(name, cut=cut):
                    self.check_stream(wire, cut, **options)


class Recordings(ComparedCase):
    """Recordings of real servers; ``benchmarks/recordings/index.json`` names the servers."""

    def test_recordings(self):
        self.assertGreater(len(RECORDINGS), 20)
        for path in RECORDINGS:
            for cut in (65536, FRAMES, 100, 7):
                with self.subTest(path.name, cut=cut):
                    self.check_stream(path.read_bytes(), cut)


if __name__ == "__main__":
    unittest.main()
