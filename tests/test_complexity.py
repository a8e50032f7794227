# SPDX-License-Identifier: MIT
"""The cost that a hostile server can cause, without a clock: each dict, list and loop that input controls.

*Work* is the number of lines of Python that run and of bytes that are allocated meanwhile: sixteen times the
input must give sixteen times both. A loop in C that allocates nothing changes neither number. Input can
control two such loops. One is a search in pending bytes: ``Time`` in ``test_limits`` measures it with a
clock. The other is the lookup in a dict whose keys have one hash, so these tests look at the dicts. *Memory*
is the most that is held at any moment. A feed of many frames also holds their events: see ``Large``.
"""

from __future__ import annotations

import gc
import gzip
import importlib
import json
import sys
import unittest
from collections import Counter
from contextlib import suppress

from tests.wire import (
    END,
    calls,
    delta,
    fragment,
    measures_memory,
    say,
    slices,
    sse,
    sseparse,
    text_of,
    tracemalloc,
)

_input = importlib.import_module(sseparse.__name__ + "._input")
UNLIMITED = {"max_choices": 10**9, "max_tool_calls": 10**9, "max_errors": 10**9}
TIMES = 16  # how much more there is of an attack in the larger of two measurements
PER_BYTE = 96  # a list in a list, two bytes of JSON, takes 64 and a place in a list; a choice more
EVERY = 8  # lines of Python from one look at the memory to the next
FIXED = 300_000  # templates, blocks of text, what the interpreter keeps for next time


def feed_all(pieces, writes=True):
    """Read a stream, and write it again: what comes from the wire is what an encoder is fed."""
    stream, tags, encoder = sseparse.ChatStream(**UNLIMITED), sseparse.ThinkTags(), sseparse.ChatEncoder()
    for piece in pieces:
        events = tags.feed(stream.feed(piece))
        if writes:
            encoder.feed(events)
    encoder.feed(tags.feed(stream.close()) if writes else ())
    encoder.close()
    completion = stream.snapshot()
    if writes:
        with suppress(ValueError):  # not everything that came in can be written
            for _frame in sseparse.encode(completion, size=100):
                pass


def work(call, *given):
    """Return how many lines of Python a call runs, how many bytes are allocated meanwhile, and the most that
    is held at any moment.

    Of ``EVERY`` lines only the peak counts. A look at each line takes 2.5 times as long and finds less,
    because the small sums of all lines hide a large one. (With a copy of all bytes so far at each feed, the
    text of single characters grew 1.9 times as much as its input, here 4.7 times.)
    """
    lines = allocated = before = most = 0

    def look():
        nonlocal allocated, before, most
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        allocated += peak - before
        most = max(most, peak)
        before = now

    def trace(frame, kind, argument):
        nonlocal lines
        lines += 1
        if not lines % EVERY:
            look()
        return trace

    outer = sys.gettrace()
    gc.collect()
    tracemalloc.start()
    try:
        sys.settrace(trace)
        call(*given)
        sys.settrace(outer)
        look()
    finally:
        sys.settrace(outer)
        tracemalloc.stop()
    return lines, allocated, most


def peak(call, *given):
    """Return the most that a call holds at any moment."""
    gc.collect()
    tracemalloc.start()
    try:
        call(*given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# ---- the table -------------------------------------------------------------------------------------------


def repeated(*frames):
    """The shape of a stream that repeats its frames."""
    return lambda count: [sse(*frames)] * count


def numbered(make):
    return lambda count: [sse(make(number)) for number in range(count)]


def after(first, make):
    """The shape of a stream whose first frames grow as well."""
    return lambda count: [*first(count), *make(count)]


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}
ATTACKS = {
    "text of single characters": repeated(say("x")),
    "reasoning, content and refusal": repeated(delta({"reasoning": "x", "content": "y", "refusal": "z"})),
    "arguments of single characters": repeated(calls(fragment(0, arguments="x"))),
    "arguments with a name each time": repeated(
        calls(fragment(0, None, "f", '"x'), fragment(0, None, "f", '"'))
    ),
    "arguments that could be whole each time": repeated(
        calls(fragment(0, None, "f", " "), fragment(None, None, "f", "1"))
    ),
    "names in pieces": numbered(lambda number: calls(fragment(0, "i", f"{number}" + "x" * 1000))),
    "names in pieces, without an id": numbered(lambda number: calls(fragment(0, None, f"{number}"))),
    "aliases": numbered(lambda number: calls(fragment(0, f"i{number}", None, "x"))),
    "one id at many indexes": numbered(lambda number: calls(fragment(number, "i", None, "x"))),
    "many calls": numbered(lambda number: calls(fragment(number, f"i{number}", "f", "{}"))),
    "many calls without id": numbered(lambda number: {**calls(fragment(None, None, "f")), "id": "x" * 500}),
    "many choices": numbered(lambda number: say("x", number)),
    "all choices in each chunk": lambda count: (
        [sse({"choices": [say("x" * 200, at)["choices"][0] for at in range(count)]})]
    ),
    "finish reasons that change": repeated(
        {"choices": [{"delta": {}, "finish_reason": "a"}]},
        {"choices": [{"delta": {}, "finish_reason": "b"}]},
    ),
    "a new key on the chunk": numbered(lambda number: {f"k{number}": 1}),
    "a new key in an unknown object of the chunk": numbered(lambda number: {"x": {f"k{number}": 1}}),
    "a new key on the choice": numbered(lambda number: delta({}, **{f"k{number}": 1})),
    "a new key in the delta": numbered(lambda number: delta({f"k{number}": 1})),
    "a new key in an unknown object of the delta": numbered(lambda number: delta({"x": {f"k{number}": 1}})),
    "a new key on a call and in its function": numbered(
        lambda number: calls({"index": 0, f"k{number}": 1, "function": {f"k{number}": 1}})
    ),
    "a new value of usage": after(
        lambda _: [sse({"usage": {f"k{at}": at for at in range(100)}})],
        numbered(lambda number: {"usage": {"n": number}}),
    ),
    "more usage than is kept": after(
        lambda _: [sse({"usage": {f"k{at}": at for at in range(2000)}})],
        numbered(lambda number: {"usage": {"n": number}}),
    ),
    "usage with a long text": after(
        lambda count: [sse({"usage": {"s": "\u00e9" * 100 * count}})],
        numbered(lambda number: {"usage": {"n": number, "h": "\ud83d"}}),
    ),
    "usage with a long text, and two choices that undo each other": after(
        lambda count: [sse({"usage": {"s": "\u00e9" * 1000 * count}})],
        repeated({"choices": [{"index": 0, "usage": {"n": 1}}, {"index": 1, "usage": {"n": 0}}]}),
    ),
    "a long id, and calls that have none": after(
        lambda count: [sse({"id": "x" * 500 * count, "choices": []})],
        numbered(lambda number: calls(fragment(None, None, "f"))),
    ),
    "entries with an index": numbered(
        lambda number: delta({"reasoning_details": [{"type": "t", "index": number, "text": "x"}]})
    ),
    "entries without an index": repeated(
        delta({"reasoning_details": [{"type": "t", "text": "x"}, {"type": "text", "text": "y"}]})
    ),
    "a list that is replaced": numbered(lambda number: delta({"list": [number] * 20}, list=[number] * 20)),
    "logprobs": repeated(
        delta({"content": "x"}, logprobs={"content": [{"token": "x", "logprob": -1, "top_logprobs": []}]})
    ),
    "content parts": repeated(delta({"content": [{"type": "text", "text": "x"}, {"type": "ref", "id": 1}]})),
    "thinking parts": repeated(delta({"content": [THINKING, {"type": "text", "text": "x"}]})),
    "one growing part": repeated(delta({"content": [THINKING]}), delta({"content": [THINKING]})),
    "audio with padding": repeated(delta({"audio": {"data": "YQ==", "transcript": "x"}})),
    "halves of pairs": repeated(
        delta({"content": "\ud83d", "reasoning": "\ude00\ud83d"}),
        calls(fragment(0, None, None, "\ud83d")),
    ),
    "whole messages": repeated(
        {"choices": [{"message": {"content": "x", "tool_calls": [fragment(0, "i", "f", "{}")]}}]}
    ),
    "whole messages after unknown fields": after(
        numbered(lambda number: delta({f"k{number}": 1})), repeated({"choices": [{"message": {}}]})
    ),
    "whole messages after many logprobs": after(
        lambda count: [sse(delta({}, logprobs={f"k{number}": None for number in range(20 * count)}))],
        repeated({"choices": [{"message": {}, "logprobs": {}}]}),
    ),
    "errors with choices": repeated({"error": {"message": "E", "code": 5}, **say("x")}),
    "bad frames": repeated("data: {\n\n"),
    "frames without blank lines": repeated(f"data: {text_of(say('x'))}\n"),
    "bare lines": repeated(text_of(say("x")) + "\n"),
    "a cut line before empty error lines": lambda count: [
        sse('data: {"' + "x" * 50 * count + "\n"),
        *[b"error:\n"] * count,
    ],
    "a cut line before bare lines": lambda count: [
        sse('data: {"' + "x" * 50 * count + "\n"),
        *[b"{}\n"] * count,
    ],
    "a cut line before data lines": lambda count: [
        sse('data: {"' + "x" * 50 * count + "\n"),
        *[b"data:{}\n"] * count,
    ],
    "a document": lambda count: [b"[\n", *[b'{"a": 1},\n'] * count],
    "a document that never ends a line": lambda count: [b'{"a":"', *[b"xxxxxxxxxx"] * count],
    "stray lines": repeated("x: y\n{\n"),
    "many templates": repeated(*(delta({"content": "x", "role": None}, at) for at in range(20))),
    "texts that are never the same frame": numbered(
        lambda number: {**say("x"), "id": f"i{number}", "n": number}
    ),
    "deep objects": repeated(
        'data: {"x":' + "[" * 100 + "]" * 100 + ',"y":' + '{"a":' * 100 + "1" + "}" * 101 + "\n\n"
    ),
    "long keys": repeated({"k" * 10_000: {"k" * 10_000: 1}}, {"usage": {"k" * 10_000: 1}}),
    # -- calls
    "indexes of one hash": numbered(lambda number: calls(fragment(number * (2**61 - 1), f"i{number}", "f"))),
    "indexes of one hash, as strings": numbered(
        lambda number: calls(fragment(str(number * (2**61 - 1)), f"i{number}", "f"))
    ),
    "indexes that differ in high bits": numbered(
        lambda number: calls(fragment(number << 64, f"i{number}", "f"))
    ),
    "negative indexes": numbered(lambda number: calls(fragment(-number * (2**61 - 1), f"i{number}", "f"))),
    "one call, at indexes of one hash": numbered(
        lambda number: calls(fragment(number * (2**61 - 1), "i", "f", "{}"))
    ),
    "ids that are numbers": numbered(lambda number: calls(fragment(number, number, "f"))),
    "fragments of one chunk": lambda count: (
        [sse(calls(*[fragment(number, f"i{number}", "f", "{}") for number in range(count)]))] * 4
    ),
    "an id made up for each fragment": after(
        lambda count: [sse(calls(fragment(0, "i", "f", '{"a":"' + "x" * 500 * count)))],
        numbered(lambda number: calls(fragment(0, f"j{number}", "f", "x"))),
    ),
    "a call said again and again": after(
        lambda count: [sse(calls(fragment(0, "i", "f", '{"a":"' + "x" * 500 * count + '"}')))],
        numbered(lambda number: calls(fragment(number + 1, "i", "f", '{"a":1}'))),
    ),
    "a call said again, without arguments": after(
        lambda count: [sse(calls(fragment(0, "i", "f", '{"a":"' + "x" * 500 * count + '"}')))],
        numbered(lambda number: calls(fragment(number + 1, "i", "f"))),
    ),
    "other names at an index whose arguments are whole": after(
        lambda count: [sse(calls(fragment(0, None, "f", '{"a":"' + "x" * 500 * count + '"}')))],
        repeated(calls(fragment(0, None, "g", " "))),
    ),
    "fragments for whatever was touched last": after(
        lambda count: [sse(calls(fragment(0, "i", "f")))],
        numbered(lambda number: calls({f"k{number % 7}": "x"})),
    ),
    "fragments that bring nothing": numbered(
        lambda number: calls({"index": number, "id": "", "function": None})
    ),
    "two calls in turn, without an index": numbered(
        lambda number: calls(fragment(None, f"i{number % 2}", "f", "x"))
    ),
    "custom calls": repeated(calls({"index": 0, "id": "i", "custom": {"name": "f", "input": "x"}})),
    "a legacy call, and calls": repeated(
        delta({"function_call": {"name": "f", "arguments": "x"}, "tool_calls": [fragment(0, "i", "f", "x")]})
    ),
    "arguments of many small values": after(
        lambda count: [sse(calls(fragment(0, "i", "f", "[" * 127)))],
        repeated(calls(fragment(0, None, None, "1,"))),
    ),
    "arguments of many small values, and a name each time": after(
        lambda count: [sse(calls(fragment(0, None, "f", "[" * 127)))],
        repeated(calls(fragment(0, None, "f", "1,"))),
    ),
    # -- tags in the content
    "white space where a tag may come": repeated(say(" ")),
    "beginnings of a tag": repeated(say("<thi")),
    "beginnings of a tag, after one": after(lambda _: [sse(say("<think>"))], repeated(say("</thi"))),
    "tags in many choices": numbered(lambda number: say("<think>x", number // 2)),
    # -- templates
    "decoys of a text": numbered(
        lambda number: {"x": [{"reasoning": "t"}] * 30, **say("t"), "y": number},
    ),
    "decoys of padding": numbered(
        lambda number: {
            "x": [{"obfuscation": "a"}, {"id": "a"}, {"p": 1}] * 20,
            **say("t"),
            "obfuscation": "a",
        },
    ),
    "decoys of each field": numbered(
        lambda number: {"x": [{"content": "a"}, {"arguments": "a"}, {"usage": {}}] * 20, **say(f"a{number}")},
    ),
    "frames in pairs": numbered(lambda number: {f"k{number // 2 % 50}": 1, **say("x"), "n": number // 2}),
    "templates that come in every order": numbered(
        lambda number: {f"k{number * number % 17}": 1, **say("x")}
    ),
    "a template for each choice": numbered(lambda number: say("x", number % 40)),
    "holes of every type": numbered(
        lambda number: {**say("x"), "v": (1, "a", [1], {"a": 1}, None, 1.5, True)[number % 7]}
    ),
    "a large constant beside each text": repeated({**say("x"), "citations": [f"u{at}" for at in range(60)]}),
    "a large object that changes beside each text": numbered(
        lambda number: {**say("x"), "citations": {"n": number, "u": list(range(60))}}
    ),
    # -- usage
    "a usage of many nested values": after(
        lambda _: [sse({"usage": {f"k{at}": {"a": at} for at in range(250)}})],
        numbered(lambda number: {"usage": {"": number % 2}}),
    ),
    "a usage of many lists": after(
        lambda _: [sse({"usage": {"k": [[at] for at in range(400)]}})],
        numbered(lambda number: {"usage": {"": number % 2}}),
    ),
    "usage of choices": numbered(
        lambda number: {"choices": [{"index": 0, "delta": {}, "usage": {"n": number}}]}
    ),
    "usage of groq": numbered(lambda number: {"choices": [], "x_groq": {"usage": {"n": number}}}),
    # -- lists, objects and texts that are kept
    "entries with indexes of one hash": numbered(
        lambda number: delta(
            {"reasoning_details": [{"type": "t", "index": number * (2**61 - 1), "text": "x"}]}
        )
    ),
    "entries of many types": numbered(
        lambda number: delta({"reasoning_details": [{"type": f"t{number}", "index": 0, "text": "x"}]})
    ),
    "entries that are signed": repeated(
        delta({"reasoning_details": [{"type": "text", "text": "x"}, {"type": "text", "signature": "s"}]})
    ),
    "entries of one chunk": lambda count: (
        [sse(delta({"reasoning_details": [{"type": "t", "index": at, "text": "x"} for at in range(count)]}))]
        * 4
    ),
    "thoughts in objects": repeated(delta({"reasoning": {"text": "x", "n": 1}, "thinking": ["x"]})),
    "parts of many types": numbered(lambda number: delta({"content": [{"type": f"t{number}", "x": number}]})),
    "parts in turn": repeated(delta({"content": [{"type": "text", "text": "x"}, THINKING]}), say("y")),
    "token ids": numbered(
        lambda number: {**delta({"token_ids": [number]}, token_ids=[number]), "token_ids": [1]}
    ),
    "annotations": numbered(lambda number: delta({}, annotations=[{"n": number}])),
    "logprobs with other keys": numbered(lambda number: delta({}, logprobs={f"k{number}": [1]})),
    "audio whose padding is everywhere": repeated(delta({"audio": {"data": "AAAA=", "expires_at": 1}})),
    "audio": numbered(
        lambda number: delta({"audio": {"id": f"u{number}", "data": "AAAA", "transcript": "x"}})
    ),
    "a nested object that grows": numbered(lambda number: {"x": {"a": {"b": {f"k{number}": [number]}}}}),
    "an extra text that grows": numbered(
        lambda number: delta({"summary": "x", "x": {"text": "y", "n": number}})
    ),
    "two texts that undo each other": repeated({"x": "a"}, {"x": "b"}),
    "ids and models that change": numbered(
        lambda number: {"id": f"c{number}", "model": f"m{number}", "created": number, **say("x")}
    ),
    "duplicate keys": lambda count: [b'data: {"x":[' + b",".join([b'{"a":1,"a":2}'] * count) + b"]}\n\n"] * 4,
    "keys that are numbers": lambda count: [
        sse({"x": {str(number * (2**61 - 1)): 1 for number in range(count)}, "choices": []})
    ],
    # -- frames and lines
    "event types": lambda count: [b'event: e%d\ndata: {"x":1}\n\n' % number for number in range(count)],
    "ids of events": lambda count: [b"id: %d\nretry: %d\n\n" % (number, number) for number in range(count)],
    "comments": repeated(": x\n\n"),
    "errors in each chunk": repeated({"error": {"message": "E" * 300}}),
    "errors on choices": numbered(
        lambda number: delta({}, number % 9, error={"message": "E", "code": number})
    ),
    "error lines": repeated("error: E\n"),
    "stray lines that carry frames": repeated('x data: {"a":1}\n', {"choices": []}),
    "a frame of many data lines": lambda count: [
        b"data: [\n",
        *[b"data: 1,\n"] * (20 * count),
        b"data: 1]\n\n",
    ],
    "a data line, and lines that go on with it": lambda count: [
        b'data: {"a":[\n',
        *[b"1,\n"] * (6 * count),
        b"1]}\n\n",
    ],
    "documents that open and break": repeated("[\n1,\nx\n"),
    "pretty-printed chunks": lambda count: [json.dumps(say("x"), indent=1).encode() + b"\n"] * count,
    "chunks in a bare list": lambda count: [
        b"[",
        b",\n".join([text_of(say("x")).encode()] * (4 * count)),
        b"]",
    ],
    "after the end": after(
        lambda _: [sse(END)], numbered(lambda number: {f"k{number}": 1, "usage": {"n": number}})
    ),
    "many ends": repeated(END),
    "CR alone, in small feeds": lambda count: slices(sse(*[say("x")] * count, end="\r"), 7),
    "text of escapes": repeated('data: {"choices":[{"delta":{"content":"' + "\\u0061" * 50 + '"}}]}\n\n'),
    "bytes that are no UTF-8": lambda count: [sse(say("x")).replace(b'"x"', b'"\xff\xf0\x9f"')] * count,
    "long integers": repeated('data: {"x":' + "9" * 4000 + "}\n\n"),
    "numbers out of range": repeated('data: {"x":[' + ",".join(["1e999", "NaN"] * 20) + "]}\n\n"),
}


# -- the other readers


def read_body(pieces):
    body = sseparse.HTTPBody()
    with suppress(sseparse.StreamError):
        for piece in pieces:
            body.feed(piece)
        body.close()


def read_json(pieces):
    reader = sseparse.PartialJSON()
    for piece in pieces:
        reader.feed(piece)
    reader.close()


def read_events(pieces):
    decoder = sseparse.SSEDecoder(flush_at_eof=True)
    for piece in pieces:
        decoder.feed(piece)
    decoder.close()


class Reads(_input.Input):
    """The input of the command line, read in these pieces."""

    def __init__(self, pieces):
        super().__init__("-")
        self.given = pieces

    def _reads(self):
        return ((0.0, piece) for piece in self.given)


def read_input(pieces):
    for _piece in Reads(pieces).pieces():
        pass


def writes_of(pieces):
    """Write the events of a stream without reading them again."""
    stream = sseparse.ChatStream(**UNLIMITED)
    events = [event for piece in pieces for event in stream.feed(piece)]
    events += stream.close()
    completion = stream.snapshot()

    def write(_):
        encoder = sseparse.ChatEncoder(reasoning="reasoning")
        for event in events:
            encoder.feed([event])
            encoder.comment()
            encoder.keepalive()
        encoder.close()
        for _frame in sseparse.encode(completion, size=3):
            pass
        for event in events:
            for text in filter(None, (getattr(event, name, "") for name in ("text", "arguments"))):
                sseparse.ServerSentEvent("x", text + "\r\n\n" * 9).encode()

    return write


def in_bytes(data):
    return [data[at : at + 1] for at in range(len(data))]


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
READERS = {
    # HTTPBody: a head, a size line and a trailer section have at most 64 KiB.
    "heads of informational responses": (read_body, lambda n: [b"HTTP/1.1 103\r\na: b\r\n\r\n"] * n),
    "a head in single bytes": (read_body, lambda n: in_bytes(OK + b"a: b\r\n" * n)),
    "folded lines": (read_body, lambda n: [OK + b"a: b\r\n", *[b" \r\n"] * n, b"\r\n"]),
    "blanks without a folded line": (read_body, lambda n: [OK + b"a:" + b" \t" * 9 * n]),
    "lengths": (read_body, lambda n: [OK, *[b"content-length: 5\r\n"] * n, b"\r\n"]),
    "chunks of one byte": (read_body, lambda n: [CHUNKED, b"1\r\nx", *[b"\r\n1\r\nx"] * n]),
    "chunks of one byte, in single bytes": (read_body, lambda n: in_bytes(CHUNKED + b"1\r\nx\r\n" * n)),
    "zeros before a size": (read_body, lambda n: [CHUNKED, *[b"0"] * 40 * n, b"x\r\n"]),
    "extensions": (read_body, lambda n: [CHUNKED, b"1", *[b";a=b"] * 9 * n, b"\r\n"]),
    "trailers": (read_body, lambda n: [CHUNKED, b"0\r\n", *[b"a: b\r\n"] * 9 * n, b"\r\n"]),
    "a body until close": (read_body, lambda n: [OK + b"\r\n", *[b"xxxxxxxxx"] * n]),
    # PartialJSON
    "a text of single characters": (read_json, lambda n: ['"', *"x" * 9 * n, '"']),
    "a key of single characters": (read_json, lambda n: ['{"', *"x" * 9 * n, '":1}']),
    "a number of single digits": (read_json, lambda n: [*"1" * 9 * n]),
    "a fraction and an exponent": (read_json, lambda n: ["[1.", *"0" * 5 * n, "e", *"0" * 5 * n, "]"]),
    "white space": (read_json, lambda n: ["[", *" " * 9 * n, "]"]),
    "escapes of single characters": (read_json, lambda n: ['"', *"\\ud83d\\ude00\\n" * n, '"']),
    "first halves of pairs": (read_json, lambda n: ['"', *["\\ud83d"] * n, '"']),
    "small values": (read_json, lambda n: ["[", *["1,[],{},"] * n, "1]"]),
    "small values, deep inside": (read_json, lambda n: ["[" * 100, *["1,"] * n, "1", "]" * 100]),
    "keys": (read_json, lambda n: ["{", *[f'"k{number}":1,' for number in range(n)], '"":1}']),
    "one key again and again": (read_json, lambda n: ["{", *['"k":[1],'] * n, '"k":1}']),
    "text after the value": (read_json, lambda n: ["{}", *["x "] * 9 * n]),
    # SSEDecoder
    "many data lines": (read_events, lambda n: [*[b"data: x\n"] * 9 * n, b"\n"]),
    "a line of single bytes": (read_events, lambda n: [b"data:", *[b"x"] * 20 * n, b"\n\n"]),
    "ids and event types": (read_events, lambda n: [b"id: x\nevent: y\nretry: 1\n"] * n),
    # The command line
    "heads of curl": (read_input, lambda n: [OK + b"a: b\r\n\r\n"] * n),
    "a head of curl in single bytes": (read_input, lambda n: in_bytes(OK + b"a: b\r\n" * n)),
    "a recording whose first line never ends": (read_input, lambda n: [b'{"t":0,"b64":"', *[b"x"] * 90 * n]),
    "a recording of small pieces": (read_input, lambda n: [b'{"t":0,"b64":"ZGF0YQ=="}\n'] * n),
    "a recording in single bytes": (read_input, lambda n: in_bytes(b'{"t":0,"b64":"ZGF0YQ=="}\n' * n)),
    "members of gzip": (read_input, lambda n: [gzip.compress(b"x", mtime=0)] * n),
    "chunks": (read_input, lambda n: [CHUNKED, *[b"1\r\nx\r\n"] * n, b"0\r\n\r\n"]),
    # Events to bytes
    "texts and calls of many choices, written": (writes_of, lambda n: [
        *[sse(say("x", number % 9), calls(fragment(number, f"i{number}", "f", "{}"))) for number in range(n)],
        *[sse(delta({"reasoning": "x", "refusal": "y", "audio": {"data": "AAAA"}}))] * n,
    ]),
    "unknown fields and usage, written": (writes_of, lambda n: [
        sse({f"k{number}": 1, "usage": {"n": number}, **delta({"y": [number]}, z={"n": number})})
        for number in range(n)
    ]),
    "fields of a call that does not begin, written": (writes_of, lambda n: [
        sse(calls({"index": 0, f"k{number}": 1})) for number in range(n)
    ]),
}  # fmt: skip


# Read, and not written: each frame says the id again.
ONLY_READ = ("a long id, and calls that have none",)

# How many frames, where six would not show it: the first few hide what the others add, or another reader
# takes over at some size. Or where six are a lot.
SIZES = {
    "text of single characters": 60, "arguments of single characters": 20, "stray lines": 20, "comments": 40,
    "all choices in each chunk": 50, "deep objects": 2, "a usage of many lists": 4, "many templates": 4,
    "chunks in a bare list": 5, "a usage of many nested values": 4, "a long id, and calls that have none": 3,
}  # fmt: skip


def made(name, count):
    return [*ATTACKS[name](count * SIZES.get(name, 6))]


def size(pieces):
    return sum(map(len, pieces))


def dicts_of(stream):
    """All dicts that a stream holds, its own and those of the answer."""
    found, todo, seen = [], [stream], set()
    while todo:
        one = todo.pop()
        if id(one) not in seen and not isinstance(one, type):
            seen.add(id(one))
            todo += gc.get_referents(one)
            if one.__class__ in (dict, set):
                found.append(one)
    return found


@measures_memory
class Complexity(unittest.TestCase):
    def test_work_and_memory_are_linear(self):
        for name in ATTACKS:
            few, many, writes = made(name, 1), made(name, TIMES), name not in ONLY_READ
            feed_all(few)  # what is made once
            grown = max(TIMES, size(many) / size(few))
            with self.subTest(name):
                small, large = work(feed_all, few, writes), work(feed_all, many, writes)
                self.assertLess(large[0] / small[0], 1.4 * grown, "lines")
                self.assertLess(large[1] / small[1], 1.4 * grown, "bytes")
                self.assertLess(large[2], PER_BYTE * size(many) + FIXED, "held")

    def test_the_other_readers(self):
        for name, (read, make) in READERS.items():
            few, many = make(10), make(10 * TIMES)
            run, run_many = (read(few), read(many)) if read is writes_of else (read, read)
            run(few)
            with self.subTest(name):
                small, large = work(run, few), work(run_many, many)
                grown = max(TIMES, size(many) / size(few))
                self.assertLess(large[0] / small[0], 1.4 * grown, "lines")
                self.assertLess(large[1] / small[1], 1.4 * grown, "bytes")
                self.assertLess(large[2], PER_BYTE * size(many) + FIXED, "held")

    def test_no_dict_has_many_keys_of_one_hash(self):
        for name in ATTACKS:
            if "of one hash" in name or "high bits" in name or name == "ids that are numbers":
                stream = sseparse.ChatStream(**UNLIMITED)
                for piece in made(name, 4):
                    stream.feed(piece)
                dicts = dicts_of(stream)
                with self.subTest(name):
                    most = [max(Counter(map(hash, one)).values(), default=0) for one in dicts]
                    self.assertLess(max(most), 4)


@measures_memory
class Large(unittest.TestCase):
    """What is small on the wire and might be large in memory; in single fragments, and cut."""

    def test_arguments_of_many_small_values(self):
        for name, opening, value in (
            ("numbers", "[" * 127, "1,"),
            ("numbers in an object", '{"a":[', "1,"),
            ("lists", '{"a":[', "[],"),
            ("keys", "{", '"":1,'),
        ):
            text = opening + value * (60_000 // len(value))
            fragments = [fragment(None, None, "f" * (place == 0), text[place : place + 10_000])
                         for place in range(0, len(text), 10_000)]  # fmt: skip
            for way, chunks in (
                ("whole", [calls(fragment(0, "i", "f", text))]),
                ("cut", [calls(one) for one in fragments]),
                ("looked at", [calls(fragment(0, None, "f", text)), calls(fragment(0, None, "g", " "))]),
            ):
                pieces = [sse(one) for one in chunks]
                with self.subTest(name, way=way):
                    self.assertLess(peak(feed_all, pieces) - size(pieces), 6 * len(text) + FIXED)

    def test_documents(self):
        for opening in ("[" * 127, '{"a":['):
            lines = [(opening + "\n").encode(), *[b"1,\n" * 1000] * 20]
            with self.subTest(opening[:6]):
                self.assertLess(peak(feed_all, lines), 48 * size(lines) + FIXED)  # 42 measured

    def test_lines_without_a_prefix(self):
        """What is held before the frame is whole; it is read as one with the lines joined."""
        for opening, line in (('{"a":[1', b",1\n"), ('{"a":1', b" \n")):
            stream = sseparse.ChatStream()
            pieces = [f"data: {opening}\n".encode(), *[line * 500] * 40]
            with self.subTest(line=line):
                self.assertLess(peak(lambda s=stream, p=pieces: [s.feed(one) for one in p]),
                                4 * size(pieces) + FIXED)  # fmt: skip
        stream = sseparse.ChatStream()
        begin = b'data: {"choices":[\n', b'{"delta":\n{"content":\n'
        for piece in (*begin, b'data: "a"\n', b"}}\n", b"]}\n\n"):
            events = stream.feed(piece)
        self.assertEqual([event.type for event in events], ["start", "content.delta"])

    def test_usage_that_hardly_changes(self):
        for kept in ({f"k{at}": {"a": at} for at in range(250)}, {"k": [[at] for at in range(400)]}):
            wire = sse({"usage": kept}, *[{"usage": {"": at % 2}} for at in range(2500)])
            self.assertLess(peak(feed_all, slices(wire, 65536)), 400 * len(wire))

    def test_snapshots_of_audio(self):
        stream = sseparse.ChatStream()
        piece, count = sse(delta({"audio": {"data": "AAAA="}})), 20_000
        for _ in range(count // 100):
            stream.feed(piece * 100)
        for _ in range(3):
            self.assertLess(peak(stream.snapshot), 5 * 5 * count + FIXED)


class Stack(unittest.TestCase):
    """Whoever feeds, at whatever depth of the stack: the outcome is that of a shallow call.

    Up to Python 3.11 json's scanner and writer in C take a level of the stack for each level of JSON. In the
    last fifty frames Python itself gives no promise.
    """

    # Where JSON can stand in a frame; "@" is it.
    PLACES = (
        '{"choices":[{"delta":{"content":@}}]}',
        '{"choices":[{"delta":{"content":["a",{"type":"thinking","thinking":@},{"type":"x","y":@}]}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"id":"i","x":@,"function":{"name":"f","arguments":@,"y":@}}]}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"index":@,"id":@,"custom":{"name":"f","input":@}}]}}]}',
        '{"choices":[{"delta":{"function_call":{"name":"f","arguments":@}}}]}',
        '{"choices":[{"message":{"content":"a","x":@,"tool_calls":[{"function":{"arguments":@}}]}}]}',
        '{"choices":[{"delta":{"reasoning":@,"audio":{"data":"AA==","x":@}}}]}',
        '{"choices":[{"delta":{"reasoning_details":[{"type":"x","index":@,"text":"a","y":@}]}}]}',
        '{"choices":[{"index":0,"x":@,"delta":{"content":"a","x":@},"logprobs":{"content":[@]}}],"x":@}',
        '{"id":@,"choices":[{"delta":{"content":"\\ud83d","x":@}}],"usage":{"x":@}}',
        '{"choices":[{"delta":{"content":"a"},"finish_reason":@,"error":@}],"error":{"code":@}}',
        '{"error":@}',
        '{"x":[@,-1.5e3,true,null,"\\u00e4",NaN, [ ] ,{ } , { "a" : @ , "a" : [ 1 , 2 ] }]}',
        '{"x":[@,]}',
        '{"x":{"a":@,1:2}}',
        '{"x":{"a":@,"b"}}',
        '{"x":{"a":@]}',
        '{"x":[@,\'a\']}',
    )
    FIRST = '{"id":"c","created":1,"choices":[{"index":0,"delta":{"content":"a"}}]}'

    def wires(self, data):
        first = f"data: {self.FIRST}\n\n"
        yield [f"data: {data}\n\n"]
        yield [first, *[f"data: {data}\n\n"] * 3, "data: [DONE]\n\n"]
        yield [first, f"data: {data}\ndata: {self.FIRST}\n\n"]
        yield [first, f"event: x\ndata: {data}\n\nevent: error\ndata: {data}\n\nerror: {data}\n"]
        yield [f"{data}\n"]
        yield [f"{data}\n", first]
        yield [first, data.replace(":", ":\n", 1) + "\n", first]
        yield [first, f"data: {data}".replace(":{", ":\n{", 1) + "\n\n"]
        yield [f"[{data}]\n"]
        yield [f"data: {data}data: {data}"]

    def test_everywhere(self):
        nested = ("[" * 60 + "1" + "]" * 60, '{"text":' * 110 + '"a"' + "}" * 110)
        levels = sys.getrecursionlimit() - 50
        for place in self.PLACES:
            for value in nested:
                for wire in self.wires(place.replace("@", value)):
                    pieces = [piece.encode() for piece in wire]
                    for fast_path in (True, False):
                        with self.subTest(place=place, value=value[:8], wire=wire[0][:8], fast=fast_path):
                            here = outcome(pieces, fast_path, lambda call: call())
                            there = outcome(pieces, fast_path, lambda call: at_depth(levels, call))
                            self.assertEqual(there, here)

    def test_limits_of_the_stack(self):
        """Also where the program set another limit."""
        wire = [sse(calls(fragment(0, "i", "f", '@'))).replace(b'"@"', b'{"a":' * 100 + b"1" + b"}" * 100)]
        here = outcome(wire, True, lambda call: call())
        self.assertEqual(here[0][-1].kind, "truncated")
        types = [event.type for event in here[0]]
        self.assertEqual(types[:3], ["start", "tool_call.start", "tool_call.delta"])
        before = sys.getrecursionlimit()
        try:
            for limit in (500, 1000, 5000):
                sys.setrecursionlimit(limit)
                for levels in (limit // 2, limit - 200, limit - 130, limit - 80, limit - 50):
                    there = outcome(wire, True, lambda call, levels=levels: at_depth(levels, call))
                    self.assertEqual(there, here, (limit, levels))
        finally:
            sys.setrecursionlimit(before)

    def test_chunks_and_the_way_back(self):
        levels = sys.getrecursionlimit() - 50
        for place in self.PLACES:
            for value in ("[" * 60 + "1" + "]" * 60, '{"text":' * 110 + '"a"' + "}" * 110):
                try:
                    chunk = json.loads(place.replace("@", value))
                except ValueError:
                    continue
                with self.subTest(place=place, value=value[:8]):
                    here = assembled(chunk, lambda call: call())
                    there = assembled(chunk, lambda call: at_depth(levels, call))
                    self.assertEqual(there, here)

    def test_too_deep(self):
        wire = [b'data: {"x":' + b"[" * 128 + b"]" * 128 + b"}\n\n"]
        levels = sys.getrecursionlimit() - 50
        for run in (lambda call: call(), lambda call: at_depth(levels, call)):
            events, snapshot = outcome(wire, True, run)
            self.assertEqual([event.kind for event in events], ["malformed", "truncated"])
            self.assertEqual(snapshot, sseparse.ChatStream().snapshot())


def outcome(pieces, fast_path, run):
    stream = sseparse.ChatStream(fast_path=fast_path)
    events = [event for piece in pieces for event in run(lambda piece=piece: stream.feed(piece))]
    return events + run(stream.close), run(stream.snapshot)


def assembled(chunk, run):
    assembler = sseparse.ChatAssembler()
    encoder = sseparse.ChatEncoder(id="c", model="m", created=1)
    events = [*run(lambda: assembler.add(chunk)), *run(lambda: assembler.add(chunk))]
    events += run(lambda: assembler.close(done=True))
    return events, run(assembler.snapshot), run(lambda: encoder.feed(events))


def at_depth(levels, call):
    """Call with so many frames of the stack in use."""
    below = 0
    frame = sys._getframe()
    while frame is not None:
        below, frame = below + 1, frame.f_back
    return deeper(levels - below, call)


def deeper(levels, call):
    return call() if levels <= 0 else deeper(levels - 1, call)


if __name__ == "__main__":
    unittest.main()
