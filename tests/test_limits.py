# SPDX-License-Identifier: MIT
"""The limits, to the byte and wherever the input is cut, and the time and memory that input can cost.

Time is measured as a ratio of CPU times, for an input and for one eight times as large (``growth``). Memory
is measured with ``tracemalloc``. Both tests have wide margins.
"""

from __future__ import annotations

import json
import sys
import unittest

from tests.wire import (
    ABSENT,
    DONE,
    END,
    LINE_ENDS,
    START,
    call_delta,
    call_done,
    call_start,
    calls,
    check,
    choice_done,
    content,
    content_done,
    cut,
    deliver,
    delta,
    extra,
    foreign,
    fragment,
    growth,
    limit,
    malformed,
    measures_memory,
    measures_time,
    say,
    server,
    single_bytes,
    slices,
    sse,
    sseparse,
    text_of,
    thought_done,
    tracemalloc,
    usage,
)

MIB = 1024 * 1024


def too_long(size):
    return limit(f"a line, with the lines before it, exceeds max_event_bytes ({size}); nothing more is read")


def too_many_errors(count):
    return limit(f"more than {count} errors; nothing more is read")


TOO_MUCH = limit("the stream exceeds max_total_bytes; the bytes after that are not read")


BEGUN = [START, content("a")]
ENDED = [content_done("a"), choice_done(None)]
LONG = "b" * 80


class EventBytes(unittest.TestCase):
    """max_event_bytes counts any one line without its line end, plus the data lines before it."""

    maxDiff = None
    # (name, bytes after a first frame, their size, events if the limit allows them)
    ROWS = (
        ("a data line", f'data: {{"y":"{LONG}"}}\n\n', 94, [extra("y", LONG)]),
        ("a comment", f": {LONG}\n", 82, []),
        ("a field without a meaning", f"x{LONG}\n", 81, []),
        ("an event", f"event: {LONG}\n\n", 87, []),
        ("an id", f"id: {LONG}\n\n", 84, []),
        ("a data line and those before it, whole", f'data: {{"y":\ndata: "{LONG}"\ndata:}}\n\n', 11 + 88 + 6,
         [extra("y", LONG)]),
        ("any other line and the data lines before it", f'data: {{"y":\n: {LONG}\ndata: 1}}\n\n', 11 + 82,
         [extra("y", 1)]),
        ("a whole line is delivered when the next one comes, but measured before that",
         f'data: {{"y":1}}\ndata: {{"z":"{LONG}"}}\n\n', 13 + 94, [extra("y", 1), extra("z", LONG)]),
        ("a whole line and an error line", f'data: {{"y":1}}\nerror: {LONG}\n', 13 + 87,
         [extra("y", 1), server(LONG, None, LONG, 2)]),
        ("a whole line and a bare line", f'data: {{"y":1}}\n{{"z":"{LONG}"}}\n', 13 + 88,
         [extra("y", 1), extra("z", LONG)]),
        ("a line that begins like a frame", f'data: {{"y":"{LONG}"\n\n', 93,
         [malformed("data is not JSON; the frame was ignored", 1, f'{{"y":"{LONG}"')]),
    )  # fmt: skip

    def test_to_the_byte(self):
        for name, measured, size, events in self.ROWS:
            frames = [say("a"), measured, END]
            row = (name, frames, [*BEGUN, too_long(size - 1), *ENDED], "", {"y": ABSENT})
            check(self, row, max_event_bytes=size - 1)
            for enough in (size, size + 1):
                row = (name, frames, [*BEGUN, *events, *ENDED, DONE], "done", {})
                check(self, row, max_event_bytes=enough)

    def test_a_line_that_does_not_end(self):
        for name, measured, size, events, after in (
            ("stray", f"x{LONG}", 81, [], [cut(data=f"x{LONG}")]),
            ("data", f'data: {{"y":1}}\ndata: {{"{LONG}', 13 + 88, [extra("y", 1)], [cut(2, f'{{"{LONG}')]),
        ):
            frames = [say("a"), measured]
            row = (name, frames, [*BEGUN, too_long(size - 1), *ENDED], "", {})
            check(self, row, max_event_bytes=size - 1)
            for enough in (size, size + 1):
                row = (name, frames, [*BEGUN, *events, *ENDED, *after], "truncated", {})
                check(self, row, max_event_bytes=enough)

    def test_a_delivered_line_is_not_counted(self):
        frames = ['data: {"y":1}\n', 'data: {"y":2}\n', f'data: {{"z":"{LONG}"}}\n\n', {"choices": []}, END]
        row = ("", frames, [extra("y", 1), too_long(13 + 94 - 1)], "", {"y": 1})
        check(self, row, max_event_bytes=13 + 94 - 1)
        row = ("", frames, [extra("y", 1), extra("y", 2), extra("z", LONG), DONE], "done", {"y": 2})
        check(self, row, max_event_bytes=13 + 94)

    def test_the_lines_of_a_document_are_pending_together(self):
        frames = ['{\n"error":\n', f'"{LONG}"\n', "}"]
        check(self, ("", frames, [too_long(91)], "", {}), max_event_bytes=91)
        check(self, ("", frames, [server(LONG, None, LONG, 0)], "", {}), max_event_bytes=92)

    def test_the_default_is_64_mib(self):
        stream = sseparse.ChatStream()
        self.assertEqual(stream.feed(b"x" * (64 * MIB)), [])
        self.assertEqual(stream.feed(b"x"), [too_long(64 * MIB)])

    def test_a_limit_of_zero(self):
        check(self, ("", ["x"], [too_long(0)], "", {}), max_event_bytes=0)
        check(self, ("", ["\n\n"], [cut(begun=False)], "truncated", {}), max_event_bytes=0)


class TotalBytes(unittest.TestCase):
    FRAMES = (
        *(say("a"), 'data: {"y":\ndata: 1}\n\n', text_of(say("b")) + "\n", "error: E\n"),
        *(END, {"usage": {"n": 1}}),
    )

    def test_the_first_bytes_are_read_and_no_more(self):
        for end in LINE_ENDS:
            wire = sse(*self.FRAMES, end=end)
            for size in range(len(wire)):
                stream = sseparse.ChatStream()
                events = [*stream.feed(wire[:size]), TOO_MUCH]
                stream._stop()
                events += [event for event in stream.close() if event.type != "error"]
                cuts = ([wire[:place], wire[place:]] for place in (size - 1, size, size + 1) if place >= 0)
                for pieces in ([wire], slices(wire, 7), *cuts):
                    stream, found = deliver(pieces, max_total_bytes=size)
                    self.assertEqual(found, events, (end, size))
                    self.assertIs(stream.truncated, False)

    def test_the_limit_itself_is_allowed(self):
        for end in LINE_ENDS:
            wire = sse(*self.FRAMES, end=end)
            _, events = deliver([wire])
            for size in (len(wire), len(wire) + 1, None):
                for pieces in ([wire], single_bytes(wire), [wire, b""]):
                    self.assertEqual(deliver(pieces, max_total_bytes=size)[1], events)

    def test_rows(self):
        frame = sse(say("a"))
        for name, frames, events, facts, limits in (
            ("nothing allowed, nothing sent", [b""], [cut(begun=False)], "truncated", {"max_total_bytes": 0}),
            ("nothing allowed", [b"\n"], [TOO_MUCH], "", {"max_total_bytes": 0}),
            ("one too many", [frame, b"\n"], [*BEGUN, TOO_MUCH, *ENDED], "", {"max_total_bytes": len(frame)}),
            ("after [DONE]", [b"data: [DONE]\n\n", b"\n"], [DONE, TOO_MUCH], "done", {"max_total_bytes": 14}),
            ("the other first", [b"x" * 9], [too_long(5)], "", {"max_total_bytes": 7, "max_event_bytes": 5}),
            ("this first", [b"x" * 9], [TOO_MUCH], "", {"max_total_bytes": 5, "max_event_bytes": 7}),
        ):
            check(self, (name, frames, events, facts, {}), **limits)


BAD = "data: x\n\n"


def bad(frame):
    return malformed("data is not JSON; the frame was ignored", frame, "x")


class Errors(unittest.TestCase):
    maxDiff = None
    # (name, max_errors, frames, events, facts)
    ROWS = (
        ("two errors are allowed, and two come",
         2, [say("a"), BAD, BAD, END], [*BEGUN, bad(1), bad(2), *ENDED, DONE], "done"),
        ("two errors are allowed, and three come: the third is a limit error", 2,
         [say("a"), BAD, BAD, BAD, say("b"), END], [*BEGUN, bad(1), bad(2), too_many_errors(2), *ENDED], ""),
        ("no error is allowed", 0, [say("a"), BAD, BAD, END], [*BEGUN, too_many_errors(0), *ENDED], ""),
        ("the choices of the frame with the error are dropped", 0,
         [say("a"), {"error": "E", **say("b"), "y": 1}, say("b")], [*BEGUN, too_many_errors(0), *ENDED], ""),
        ("the entries after the error are dropped, and usage", 0,
         [say("a"), {"choices": [{"index": -1}, {"index": 0, "delta": {"content": "b"}}], "usage": {"n": 1}}],
         [*BEGUN, too_many_errors(0), *ENDED], ""),
        ("fields before the error are read", 0,
         [delta({"content": "a", "refusal": [5], "audio": {"data": "AAAA"}})],
         [*BEGUN, too_many_errors(0), *ENDED], ""),
        ("the line after an error line is dropped", 0, ["error: E\n", say("b")], [too_many_errors(0)], ""),
        ("the frame that an error line delivers is read", 0,
         [f"data: {text_of(say('a'))}\n", "error: E\n", say("b")],
         [*BEGUN, too_many_errors(0), *ENDED], ""),
        ("the error is in a frame that a data line delivers", 0, ['data: {"error":"E"}\n', say("b")],
         [too_many_errors(0)], ""),
        ("the error is in a frame that an error line delivers",
         0, ['data: {"error":"E"}\n', "error: F\n", say("b")],
         [too_many_errors(0)], ""),
        ("the error is in a frame that a bare line delivers", 0, ['data: {"error":"E"}\n', text_of(say("b"))],
         [too_many_errors(0)], ""),
        ("the error is a document before a frame",
         0, ['{"object":"error"}\n', say("b")], [too_many_errors(0)], ""),
        ("the error is a document before an error line", 0, ['{"choices":5}\n', "error: E\n"],
         [too_many_errors(0)], ""),
        ("the error is a document before a bare line", 0, ['{"choices":5}\n', text_of(say("b"))],
         [too_many_errors(0)], ""),
        ("the error is an HTTP head", 0, ["HTTP/1.1 200 OK\n\n", say("b")], [too_many_errors(0)], ""),
        ("the error is a web page", 0, ["<html>"], [too_many_errors(0)], ""),
        ("the error is a cut, and truncated stays False", 0,
         [say("a")], [*BEGUN, *ENDED, too_many_errors(0)], ""),
        ("the error is a cut frame, and truncated stays False",
         0, [say("a"), "data: {"], [*BEGUN, *ENDED, too_many_errors(0)], ""),
        ("the error is in the last frame",
         0, [say("a"), 'data: {"error":"E"}'], [*BEGUN, too_many_errors(0), *ENDED], ""),
        ("the error is in the last bare line",
         0, [say("a"), '{"error":"E"}'], [*BEGUN, too_many_errors(0), *ENDED], ""),
        ("the error is in a frame that a cut bare line delivers", 0,
         [say("a"), 'data: {"error":"E"}\n{"cut'], [*BEGUN, too_many_errors(0), *ENDED], ""),
        ("the error is in a document", 0, ['{\n"error":"E"}'], [too_many_errors(0)], ""),
        ("the frames after the limit are dropped", 1, ["\n", *[{"error": "E"}] * 4],
         [server("E", None, "E", 0), too_many_errors(1)], ""),
    )  # fmt: skip

    def test_rows(self):
        for name, count, frames, events, facts in self.ROWS:
            check(self, (name, frames, events, facts, {}), max_errors=count)

    def test_the_default_is_100(self):
        stream, events = deliver([sse(*[BAD] * 102)])
        self.assertEqual(events, [*map(bad, range(100)), too_many_errors(100)])
        self.assertEqual(stream.errors, events)

    def test_in_the_assembler(self):
        assembler = sseparse.ChatAssembler(max_errors=1)
        events = [assembler.add(chunk) for chunk in ({"error": "E"}, {"choices": 5, "y": 1}, say("b"))]
        self.assertEqual(events, [[server("E", None, "E", 0)], [too_many_errors(1)], []])
        self.assertEqual((assembler.close(), assembler.snapshot()["choices"]), ([], []))


class Counts(unittest.TestCase):
    maxDiff = None

    def test_max_choices(self):
        frames = [{"choices": [{"index": index, "delta": {"content": "a"}} for index in (1, 2, 0)]}, END]
        says = "index of a choice is not below max_choices (2); the entry was ignored"
        events = [START, content("a", 1), malformed(says, 0, frames[0]), content("a", 0)]
        for index in (0, 1):
            events += [content_done("a", index), choice_done(None, index)]
        final = {"choices": [{"index": 0}, {"index": 1}]}
        check(self, ("", frames, [*events, DONE], "done", final), max_choices=2)

    def test_max_tool_calls_is_per_choice(self):
        fragments = (fragment(0, "i", "f"), fragment(1, "j", "g"), fragment(0, arguments="{}"))
        frames = [calls(*fragments, choice=choice) for choice in (0, 1)]
        says = "more than max_tool_calls (1) calls; the fragment was ignored"
        events = [START]
        for choice in (0, 1):
            events += [
                call_start(0, "i", "f", choice=choice),
                malformed(says, choice, frames[choice], choice),
                call_delta(0, "{}", choice),
            ]
        for choice in (0, 1):
            events += [call_done(0, "i", "f", "{}", choice=choice), choice_done(None, choice)]
        check(self, ("", [*frames, END], [*events, DONE], "done", {}), max_tool_calls=1)

    def test_fragments_of_a_refused_call_go_to_no_other_call(self):
        says = "more than max_tool_calls (1) calls; the fragment was ignored"
        first = calls(fragment(0, "i", "f", "{}"))
        for name, refused, *more in (
            ("no index", fragment(id="j", name="g"), fragment(arguments="1"), fragment(arguments="2")),
            ("the index of the other", fragment(0, "j", "g"), fragment(0, arguments="1")),
            ("another index, then none", fragment(1, "j", "g"), fragment(arguments="1")),
        ):
            frames = [first, *(calls(one) for one in (refused, *more)), calls({"x": 1}), END]
            events = [START, call_start(0, "i", "f"), call_delta(0, "{}")]
            events += [malformed(says, frame + 1, frames[frame + 1], 0) for frame in range(len(more) + 1)]
            events += [extra("tool_calls", {"x": 1}, 0), call_done(0, "i", "f", "{}"), choice_done(None)]
            events += [DONE]
            check(self, (name, frames, events, "done", {}), max_tool_calls=1)
        # A fragment that names the other call goes to that call.
        frames = [first, calls(fragment(0, "j", "g")), calls(fragment(0, "i", arguments=" ")), END]
        events = [START, call_start(0, "i", "f"), call_delta(0, "{}"), malformed(says, 1, frames[1], 0)]
        events += [call_delta(0, " "), call_done(0, "i", "f", "{} "), choice_done(None), DONE]
        check(self, ("by its id", frames, events, "done", {}), max_tool_calls=1)

    def test_the_defaults_are_128(self):
        many = [fragment(index, f"i{index}", "f") for index in range(129)]
        stream, _ = deliver([sse(say("a", 127), say("b", 128), calls(*many))])
        self.assertEqual([error.kind for error in stream.errors], ["malformed", "malformed", "truncated"])
        self.assertEqual(len(stream.tool_calls()), 128)

    def test_usage_has_at_most_128_values(self):
        many = {f"k{number}": number for number in range(129)}
        says = "usage has more than 128 values; this one was ignored, and later ones are"
        frames = [{"usage": many}, {"usage": {"k0": 7}}, END]
        events = [usage(**many), malformed(says, 1, frames[1]), DONE]
        self.assertEqual(deliver([sse(*frames)])[1], events)
        # Only the first is reported, on both paths.
        counts = [{**say("a"), "usage": {**many, "k0": number}} for number in range(150)]
        for fast_path in (True, False):
            stream = sseparse.ChatStream(fast_path=fast_path)
            kinds = [event.type for event in stream.feed(sse(*counts, END))]
            self.assertEqual([error.frame for error in stream.errors], [1])
            self.assertEqual([kinds.count("usage"), kinds.count("content.delta")], [1, 150])
            self.assertEqual(stream.usage, many)
        del many["k128"]
        self.assertEqual(deliver([sse(*frames)])[1], [usage(**many), usage(**{**many, "k0": 7}), DONE])
        # In any place, and from any field.
        for grown in ({"k0": 0, "k": many}, {"k0": [0] * 128}, {"k0": 0, "k": [many]}):
            frames = [{"usage": {"k0": 0}}, {"usage": grown}, {"usage": {"k0": 7}}, END]
            with self.subTest(list(grown)):
                events = [usage(k0=0), usage(**grown), malformed(says, 2, frames[2]), DONE]
                self.assertEqual(deliver([sse(*frames)])[1], events)


class Depth(unittest.TestCase):
    """JSON nested deeper than 128 levels is malformed, for any size of the stack."""

    maxDiff = None
    TOO_DEEP = "data is not JSON (JSON nested deeper than 128 levels); the frame was ignored"

    @staticmethod
    def lists(depth):
        return "[" * depth + "]" * depth

    def test_frames(self):
        for more in ("", '"y":1,'):  # one key, and two: a frame that might be a chunk
            for depth in (129, 130, 900, 5000, 100_000):
                data = f'{{{more}"x":{self.lists(depth - 1)}}}'
                lines = f"{data[:5]}\n{data[5:]}"
                for text, wire in (
                    (data, f"data: {data}\n\n"),
                    (data, f"data:{data}\r\r"),
                    (lines, "data: " + lines.replace("\n", "\ndata: ") + "\n\n"),
                ):
                    for pieces in ([wire.encode()], slices(wire.encode(), 997)):
                        with self.subTest(depth=depth, more=more, wire=wire[:12], pieces=len(pieces)):
                            _, events = deliver([*pieces, sse(END)])
                            self.assertEqual(events, [malformed(self.TOO_DEEP, 0, text), DONE])
            value = json.loads(self.lists(127))
            _, events = deliver([sse(f'data: {{{more}"x":{self.lists(127)}}}\n\n', {"choices": []}, END)])
            self.assertEqual(events, [*([extra("y", 1)] if more else []), extra("x", value), DONE])

    def test_beside_half_a_surrogate_pair(self):
        for depth in (129, 600, 900, 5000):
            data = f'{{"x":{self.lists(depth - 1)},"y":"\\ud83d"}}'
            for fast_path in (True, False):
                _, events = deliver([sse(f"data: {data}\n\n", END)], fast_path=fast_path)
                self.assertEqual(events, [malformed(self.TOO_DEEP, 0, data), DONE])

    def test_a_deep_value_that_a_later_key_replaces(self):
        """In each place, in short and long frames, and after frames that are otherwise equal."""
        lists = self.lists(200)
        head = '{"id":"x","created":1,"object":"o","model":"m","choices":[{"index":0,"delta":{'
        for name, opening in (
            ("chunk", head.replace('"id":', f'"id":{lists},"id":')),
            ("entry", head.replace('"index":', f'"index":{lists},"index":')),
            ("delta", head + f'"content":{lists},'),
        ):
            for text in ("d", "e" * 3000, "\\ud83d\\ude00", "\\ud83d"):
                deep = f'{opening}"content":"{text}"}}}}]}}'
                frames = [f'data: {head}"content":"{letter}"}}}}]}}\n\n' for letter in "abc"]
                expected = [malformed(self.TOO_DEEP, frame, deep) for frame in (3, 4)]
                for end in (END, ""):
                    wire = sse(*frames, *[f"data: {deep}\n\n"] * 2, *frames, end)
                    for fast_path in (True, False):
                        for pieces in ([wire], slices(wire, 100)):
                            stream, _ = deliver(pieces, fast_path=fast_path)
                            with self.subTest(name, text=text[:7], fast_path=fast_path, pieces=len(pieces)):
                                self.assertEqual((stream.errors[:2], stream.text()), (expected, "abcabc"))

    def test_behind_a_bad_escape(self):
        for depth in (129, 900, 5000):
            data = f'{{"y":"\\u+12a","x":{self.lists(depth - 1)}}}'
            for fast_path in (True, False):
                _, events = deliver([sse(f"data: {data}\n\n", END)], fast_path=fast_path)
                error = malformed("data is not JSON; the frame was ignored", 0, data)
                self.assertEqual(events, [error, DONE])

    def test_the_result_does_not_depend_on_the_stack(self):
        wire = sse('data: {"y":1,"x":' + self.lists(600) + "}\n\n", END)
        expected = deliver([wire])[1]

        def deeper(levels):
            return deliver([wire])[1] if levels == 0 else deeper(levels - 1)

        for levels in (100, 400, sys.getrecursionlimit() - 200):
            self.assertEqual(deeper(levels), expected)

    def test_a_chunk_too_deep_where_no_error_is_allowed(self):
        assembler = sseparse.ChatAssembler(max_errors=0)
        (event,) = assembler.add({"x": json.loads(self.lists(200))})
        self.assertEqual((event.kind, event.message), ("limit", too_many_errors(0).message))
        self.assertEqual(assembler.add(say("a")), [])

    def test_a_chunk_that_contains_itself(self):
        endless = []
        endless.append(endless)
        loop = {"content": "a"}
        loop["x"] = {"y": loop}
        for chunk in ({"x": endless}, {"choices": endless}, {"choices": [{"index": 0, "delta": loop}]}):
            assembler = sseparse.ChatAssembler()
            (event,) = assembler.add(chunk)
            self.assertEqual(event.message, "JSON nested deeper than 128 levels; the chunk was not read")
            for text in "ab":
                entry = {"index": 0, "delta": {"content": text}}
                assembler.add({"id": "c", "created": 1, "choices": [entry]})
            (event,) = assembler.add({"id": "c", "created": 1, **chunk})
            self.assertEqual((event.kind, assembler.text()), ("malformed", "ab"))

    def test_beside_a_long_text(self):
        for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
            for depth in (126, 130):
                count = depth // len(closing)
                value = opening * count + json.dumps("x" * 20_000) + closing * count
                for data in (f'{{"x":1,"y":{value}}}', f'{{"x":1,"y":{value},"z":"{"[{" * 100}"}}'):
                    _, events = deliver([sse(f"data: {data}\n\n", END)])
                    self.assertEqual(events[0].type, "extra" if depth == 126 else "error")

    def test_brackets_in_strings_are_no_levels(self):
        text = "[{" * 200 + '\\"' + "[" * 200
        for more in ("", "x" * 20_000):
            for end in ("", "\\", '"', '\\"'):
                said = text + more + end
                _, events = deliver([sse(say(said), END)])
                self.assertEqual(events[1], content(said))
            # Nothing is read after an invalid string.
            for end in ("", "\\x", "\x01"):
                _, (event, *_) = deliver([sse(f'data: {{"a":"{more}{end}{"[" * 200}\n\n', END)])
                self.assertTrue(event.message.endswith("; the frame was ignored"))
                self.assertNotIn("nested", event.message)

    def test_deep_json_outside_data_lines(self):
        deep = self.lists(128)
        for name, frames, events, facts in (
            ("bare, on one line", [f'{{"error":{deep}}}\n'], [foreign(f'{{"error":{deep}}}'[:200])], ""),
            ("bare, after a frame", [END, f'{{"error":{deep}}}\n'], [DONE], "done"),
            ("a document", [f'{{"error":\n{deep}}}\n'], [foreign('{"error":')], ""),
            ("an error line", [f"error: {deep}[]\n", END],
             [server(deep + "[]", None, deep + "[]", 0), DONE], "done"),
            ("event: error", [f'event: error\ndata: {{"a":{deep}}}\n\n', END],
             [server(f'{{"a":{deep}}}', None, f'{{"a":{deep}}}', 0), DONE], "done"),
            ("without blank lines", [f'data: {{"a":{deep}}}\n', "data: {}\n\n", END],
             [malformed(self.TOO_DEEP, 0, f'{{"a":{deep}}}\n{{}}'), DONE], "done"),
        ):  # fmt: skip
            check(self, (name, frames, events, facts, {"choices": []}))

    def test_in_the_assembler(self):
        def nested(depth):
            value = []
            for level in range(depth - 2):
                value = {"a": value} if level % 2 else [value]
            return {"x": value}

        assembler = sseparse.ChatAssembler()
        self.assertEqual(assembler.add(nested(128)), [extra("x", nested(128)["x"])])
        # CPython on WebAssembly cannot free deeper ones: its stack ends.
        for depth in (129, 1000) if sys.platform == "emscripten" else (129, 2000, 100_000):
            (event,) = assembler.add(nested(depth))
            says = "JSON nested deeper than 128 levels; the chunk was not read"
            self.assertEqual((event.kind, event.message), ("malformed", says))
        self.assertEqual(assembler.add(say("a"))[1:], [content("a")])

    def test_an_object_that_contains_itself(self):
        chunk = {}
        for value in (chunk, [chunk] * 2, [chunk] * 1000):  # each level has so many times the values
            chunk["x"] = value
            (event,) = sseparse.ChatAssembler().add(chunk)
            self.assertEqual(event.kind, "malformed")

    def test_arguments(self):
        for depth, status in ((128, "complete"), (129, "invalid"), (100_000, "invalid")):
            text = f'{{"a":{self.lists(depth - 1)}}}'
            _, events = deliver([sse(calls(fragment(0, "i", "f", text)), END)])
            self.assertEqual(events[3], call_done(0, "i", "f", text, status))


class Integers(unittest.TestCase):
    """Python reads integers of at most 4300 digits."""

    def test_frames(self):
        digits = "9" * 4300
        _, events = deliver([sse(f'data: {{"x":{digits}}}\n\n', f'data: {{"x":-{digits}}}\n\n',
        {"choices": []}, END)])
        self.assertEqual(events, [extra("x", int(digits)), extra("x", -int(digits)), DONE])
        stream, events = deliver([sse(f'data: {{"x":{digits}9,"y":1}}\n\n', say("a"), END)])
        error = events[0]
        self.assertEqual((error.kind, error.data, error.frame), ("malformed", '{"x":' + "9" * 195, 0))
        self.assertEqual(events[1:], [*BEGUN, *ENDED, DONE])
        json.dumps(stream.snapshot())

    def test_digits_of_other_scripts(self):
        for digits in ("1\u0661", "1.\u0661", "1e\u0661", "\u0661", "-\u0661"):
            text = f'{{"choices":[],"x":{digits}}}'
            _, events = deliver([sse(f"data: {text}\n\n", END)])
            self.assertEqual(events[0], malformed("data is not JSON; the frame was ignored", 0, text))
            _, events = deliver([sse(calls(fragment(0, "i", "f", f'{{"x":{digits}}}')), END)])
            self.assertEqual(events[3].status, "invalid")
            numbers = [sse(f'data: {{"choices":[{{"delta":{{"content":"a"}}}}],"x":{{"n":{number}}}}}\n\n')
                       for number in (1, 2, 4, 5.5, digits)]
            stream, _ = deliver(numbers)
            self.assertEqual([error.kind for error in stream.errors], ["malformed", "truncated"])
            self.assertEqual(stream.text(), "aaaa")

    def test_lines_without_data(self):
        """They are JSON, whatever the interpreter converts. So they are frames, and none is skipped."""
        digits = "9" * 4301
        for text in (f'{{"x":{digits}}}', f'{{"x":\n{digits}\n}}', f'[{{"x":1}},\n{digits}]'):
            _, events = deliver([sse(say("a"), text + "\n\n", END)])
            error = events[2]
            self.assertEqual((error.kind, error.data, error.frame), ("malformed", text[:200], 1))
            self.assertEqual(events[3:], [*ENDED, DONE])

    def test_in_the_assembler(self):
        assembler = sseparse.ChatAssembler()
        for number in (10**4300 - 1, 1 - 10**4300):
            self.assertEqual(assembler.add({"x": number}), [extra("x", number)])
            json.dumps(assembler.snapshot())
        for number in (10**4300, -(10**4300), 10**10_000):
            says = "an integer too large for the interpreter to print; the chunk was not read"
            for chunk in ({"x": number}, {number: 1}):
                (event,) = assembler.add(chunk)
                self.assertEqual((event.kind, event.message), ("malformed", says))

    def test_in_the_assembler_where_the_limit_was_set_lower(self):
        limit = sys.get_int_max_str_digits()
        self.addCleanup(sys.set_int_max_str_digits, limit)
        sys.set_int_max_str_digits(640)
        assembler = sseparse.ChatAssembler()
        said = []
        for digits in (640, 641):
            arguments = {"n": 10**digits - 1}
            said += assembler.add(calls(fragment(0, "i", "f", arguments)))
        kinds = ["start", "tool_call.start", "tool_call.delta", "error"]
        self.assertEqual([event.type for event in said], kinds)

    def test_arguments(self):
        for digits, status in ((4300, "complete"), (4301, "invalid")):
            text = '{"a":' + "9" * digits + "}"
            _, events = deliver([sse(calls(fragment(0, "i", "f", text)), END)])
            self.assertEqual(events[3], call_done(0, "i", "f", text, status))

    def test_a_string_as_an_index(self):
        for digits, events in (
            (4300, [call_start(0, "i", "f"), call_done(0, "i", "f", "", "empty"), choice_done(None), DONE]),
            (4301, [choice_done(None), DONE]),
        ):
            frame = calls(fragment("9" * digits, "i", "f"))
            if digits > 4300:
                says = "index of a tool call cannot be read as an integer; the fragment was ignored"
                events = [malformed(says, 0, frame, 0), *events]
            self.assertEqual(deliver([sse(frame, END)])[1], [START, *events])

    def test_as_an_index(self):
        for index in (10**30, 10**4299, "9" * 30):
            _, events = deliver([sse(calls(fragment(index, "i", "f")), say("a", index), END)])
            self.assertEqual(events[1], call_start(0, "i", "f"))
            says = "index of a choice is not below max_choices (128); the entry was ignored"
            self.assertEqual((events[2].kind, events[2].message), ("malformed", says))


class HugeLines(unittest.TestCase):
    """Large lines are not copied, and give the same events as short ones, for any cut."""

    def test_cuts(self):
        text = "x" * 300_000
        huge, small = sse(say(text)), sse(say("a"))
        for name, body, options, told in (
            ("a chunk", huge, {}, "start delta ..."),
            ("several", huge + small + huge + huge, {}, "start delta delta delta delta ..."),
            ("CRLF", (small + huge + small).replace(b"\n", b"\r\n"), {}, "start delta delta delta ..."),
            ("CR", (small + huge + small).replace(b"\n", b"\r"), {}, "start delta delta delta ..."),
            (
                "a CR in the line",
                small + huge.replace(b"xxx", b"x\rx", 1) + small,
                {},
                "start delta malformed delta ...",
            ),
            ("no blank line", huge[:-1] + huge[:-1] + small, {}, "start delta delta delta ..."),
            ("a comment behind it", huge[:-1] + b": c\n\n" + small, {}, "start delta delta ..."),
            ("of another type", b"event: error\n" + huge + small, {}, "server start delta delta ..."),
            ("no JSON", huge.replace(b"}", b"") + small, {}, "malformed start delta ..."),
            ("no UTF-8", huge.replace(b"xxx", b"\xffx", 1) + small, {}, "start delta delta ..."),
            ("no space", huge.replace(b"data: ", b"data:") + small, {}, "start delta delta ..."),
            ("bare", huge.replace(b"data: ", b"")[:-1] + small, {}, "start delta delta ..."),
            ("a comment", b":" + huge + small, {}, "start delta ..."),
            ("padding around the end", sse("data: [DONE]" + " " * 300_000 + "\n\n") + small, {}, "done"),
            ("an error too many", huge.replace(b"}", b"") + huge, {"max_errors": 0}, "limit"),
            ("cut", huge[:-9], {}, "truncated"),
            ("an error and nothing else", sse({"error": text}), {}, "server truncated"),
            ("as long as may be", huge + small, {"max_event_bytes": len(huge) - 2}, "start delta delta ..."),
            ("longer", huge + small, {"max_event_bytes": len(huge) - 3}, "limit"),
            (
                "the total",
                small + huge + small,
                {"max_total_bytes": len(small + huge)},
                "start delta delta limit content.done choice.done",
            ),
        ):
            expected = None
            for fast_path in (True, False):
                for pieces in (
                    [body],
                    *(
                        [body[:at], body[at:]]
                        for at in (1, 5, 9, len(small) + 3, len(huge) - 2, len(huge) - 1)
                    ),
                    *([body[:-at], body[-at:]] for at in (1, 2, 3, 5, len(small), len(small) + 1)),
                    slices(body, 65536),
                    slices(body, 1000),
                ):
                    stream = sseparse.ChatStream(fast_path=fast_path, **options)
                    found = [event for piece in pieces for event in stream.feed(piece)] + stream.close()
                    found = [event.as_dict() for event in found], stream.snapshot(), stream.truncated
                    with self.subTest(name, fast_path=fast_path, pieces=len(pieces), first=len(pieces[0])):
                        self.assertTrue(expected in (None, found))
                    expected = found
            with self.subTest(name):
                found = " ".join(event.get("kind", event["type"]) for event in expected[0])
                found = found.replace("content.delta", "delta")
                self.assertEqual(found.replace(" content.done choice.done truncated", " ..."), told)

    def test_they_are_counted_once(self):
        _, events = deliver([sse(say("x" * 300_000), BAD)])
        self.assertEqual(events[2], bad(1))


class InvalidLimits(unittest.TestCase):
    def test_invalid_limits_raise_at_once(self):
        size = ("max_event_bytes",)
        counts = ("max_choices", "max_tool_calls", "max_errors")
        wrong = (-1, ValueError), (-(10**30), ValueError), (1.5, TypeError), ("5", TypeError)
        for kind, names in (
            (sseparse.ChatStream, (*size, "max_total_bytes", *counts)),
            (sseparse.ChatAssembler, counts),
            (sseparse.SSEDecoder, size),
        ):
            for name in names:
                for value, refused in wrong:
                    with self.subTest(kind=kind, name=name, value=value):
                        with self.assertRaises(refused) as caught:
                            kind(**{name: value})
                        told = f"{name} takes an integer from 0, not {value!r}"
                        self.assertEqual(str(caught.exception), told)
                kind(**{name: 0}).close()
                kind(**{name: 10**30}).close()

    def test_none_is_a_limit_of_the_whole_stream_only(self):
        sseparse.ChatStream(max_total_bytes=None).close()
        for name in ("max_event_bytes", "max_choices", "max_tool_calls", "max_errors"):
            with self.subTest(name), self.assertRaises(TypeError):
                sseparse.ChatStream(**{name: None})


class AfterALimit(unittest.TestCase):
    def test_nothing_is_pending(self):
        for name, pieces in (
            ("in one piece", [b"data: x\n\n" + b"data: y" * 100_000]),
            ("in a long frame", [b"data: " + b"x" * 300_000 + b"\n\n" + b"data: y" * 100_000]),
            ("in two pieces", [b"data: " + b"x" * 300_000, b"\n\n" + b"data: y" * 100_000]),
            ("in small pieces", [b"data: x", b"\n\ndata: y", b"data: y"]),
        ):
            stream = sseparse.ChatStream(max_errors=0)
            for piece in pieces:
                stream.feed(piece)
            with self.subTest(name):
                self.assertIn(" stopped, 1 frames, 0 bytes pending", repr(stream))

    def test_nothing_is_read(self):
        for limits, over in (
            ({"max_event_bytes": 100}, b"x" * 101),
            ({"max_total_bytes": 200}, b"\n" * 200),
            ({"max_errors": 0}, sse(BAD)),
        ):
            stream = sseparse.ChatStream(**limits)
            stream.feed(sse(say("a")))
            (error,) = stream.feed(over)
            self.assertEqual(error.kind, "limit")
            for data in (sse(say("b")), b"\n\n", b"", sse(END), b"x" * 1000):
                self.assertEqual(stream.feed(data), [])
            self.assertEqual((stream.text(), stream.done, stream.closed), ("a", False, False))
            with self.assertRaises(RuntimeError):
                stream.completion()
            self.assertEqual((stream.close(), stream.close()), (ENDED, []))
            self.assertEqual((stream.truncated, stream.closed, stream.errors), (False, True, [error]))
            with self.assertRaises(sseparse.StreamError) as caught:
                stream.completion(ignore=("malformed", "truncated", "server", "not_sse"))
            self.assertEqual(str(caught.exception), f"limit error: {error.message}")
            self.assertEqual(stream.completion(ignore=("limit",))["choices"][0]["message"]["content"], "a")

    def test_misuse_still_raises(self):
        stream = sseparse.ChatStream(max_total_bytes=0)
        stream.feed(b"x")
        self.assertRaises(TypeError, stream.feed, "x")
        stream.close()
        self.assertRaises(RuntimeError, stream.feed, b"x")


@measures_memory
class Memory(unittest.TestCase):
    """A stream holds at most three times the text and 1 MiB, as tracemalloc counts."""

    def measure(self, pieces, **options):
        """Return the stream, the largest memory at any moment, and the memory before close()."""
        tracemalloc.start()
        try:
            stream = sseparse.ChatStream(**options)
            for piece in pieces:
                stream.feed(piece)
            held, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return stream, peak, held

    def test_an_endless_line(self):
        for line in (b"x" * 65536, b"data: " + b"x" * 65536, b":" * 65536):
            stream, peak, held = self.measure([line] * 64, max_event_bytes=MIB)
            self.assertEqual(stream.errors, [too_long(MIB)])
            self.assertLess(peak, 3 * MIB)
            self.assertLess(held, 64 * 1024)

    def test_long_fields_before_an_endless_line(self):
        fields = [name + b"x" * (MIB - 10) + b"\n" for name in (b"event: ", b"id: ", b"data: ", b"event: ")]
        stream, _, held = self.measure([*fields, b"x" * MIB], max_event_bytes=MIB)
        self.assertEqual(stream.errors, [too_long(MIB)])
        self.assertLess(held, 64 * 1024)

    def test_an_endless_event(self):
        for lines in (b"data: {\n" * 8192, b"data:\n" * 8192, b"data: " + b"x" * 65536 + b"\n"):
            stream, peak, held = self.measure([lines] * 256, max_event_bytes=MIB)
            self.assertEqual(stream.errors, [too_long(MIB)])
            self.assertLess(peak, 16 * MIB)  # a line of 5 bytes is an object of 38 and a place in a list
            self.assertLess(held, 64 * 1024)

    def test_an_endless_document(self):
        lines = [b"[\n", *[b'"' + b"x" * 1000 + b'",\n'] * 4096]
        stream, peak, _ = self.measure(lines, max_event_bytes=MIB)
        self.assertEqual(stream.errors, [too_long(MIB)])
        self.assertLess(peak, 4 * MIB)

    def test_endless_errors(self):
        text = "x" * 1000
        for frame in (f"data: {text}\n\n", f"error: {text}\n", {"error": text}):
            stream, peak, _ = self.measure([sse(frame)] * 1000)
            self.assertEqual((len(stream.errors), stream.errors[-1]), (101, too_many_errors(100)))
            self.assertLess(peak, MIB)

    def test_endless_choices(self):
        stream, peak, _ = self.measure([sse(say("x", number)) for number in range(1000)])
        self.assertEqual(stream.errors[-1], too_many_errors(100))
        self.assertEqual(len(stream.snapshot()["choices"]), 128)
        self.assertLess(peak, MIB)

    def test_endless_calls(self):
        frames = [sse(calls(fragment(number, f"i{number}", "f", "{}"))) for number in range(1000)]
        stream, peak, _ = self.measure(frames)
        self.assertEqual(stream.errors[-1], too_many_errors(100))
        self.assertEqual(len(stream.tool_calls()), 128)
        self.assertLess(peak, MIB)

    def test_frames_without_effect_are_not_kept(self):
        for line in (b": x\n", b"\n", b"x: y\n", b"id: 5\n\n", b"data: {}\n\n", b"data: [DONE]\n\n"):
            stream, _, held = self.measure([line * 1000] * 40)
            self.assertEqual(stream.errors, [])
            self.assertLess(held, 64 * 1024)

    def test_text_in_small_pieces(self):
        """A list of pieces would take 59 bytes for 2 bytes of text."""
        count = 5 * 1024
        for name, fields, frames in (
            ("content", {"content": "xy"}, 1),
            ("content, many frames at once", {"content": "xy"}, 16),
            ("reasoning", {"reasoning": "xy"}, 1),
            ("reasoning under two names", {"reasoning": "xy", "thinking": "xy"}, 1),
            ("refusal", {"refusal": "xy"}, 1),
            ("arguments", {"tool_calls": [fragment(0, "i", "f", "xy")]}, 1),
            ("arguments, many frames at once", {"tool_calls": [fragment(0, "i", "f", "xy")]}, 16),
            ("a field that appends", {"summary": "xy"}, 1),
        ):
            for fast_path in (True, False):
                wire = sse(delta(fields)) * frames
                _, _, held = self.measure([wire] * (count // frames), fast_path=fast_path)
                with self.subTest(name, fast_path=fast_path):
                    self.assertLess(held, 3 * 2 * count + 64 * 1024)

    def test_a_huge_frame(self):
        for piece in ("x" * 64, "\u00e9" * 32, "x" * 62 + "\n"):
            text = piece * 65536
            frame = sse(say(text))
            for pieces in ([frame], [frame[:100], frame[100:]], slices(frame, 65536)):
                stream, peak, _ = self.measure([sse(say("")), *pieces])
                self.assertEqual(stream.text(), text)
                self.assertLess(peak, 3 * len(frame) + MIB)

    def test_an_idle_stream(self):
        streams = []
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(100):
                stream = sseparse.ChatStream()
                stream.feed(sse(say("x"), say("y")))
                streams.append(stream)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(held - before, 100 * 8 * 1024)


class ManyPieces(unittest.TestCase):
    """Text of so many pieces that they were joined, which then continues in another form."""

    maxDiff = None

    def test_content_that_goes_on_as_a_list_of_parts(self):
        frames = [sse(say("a"))] * 1100
        stream, events = deliver([*frames, sse(delta({"content": [{"type": "text", "text": "b"}]}))])
        text = "a" * 1100 + "b"
        self.assertEqual(stream.message()["content"], [{"type": "text", "text": text}])
        self.assertIn(content_done(text), events)

    def test_reasoning_that_goes_on_under_a_second_name(self):
        frames = [sse(delta({"reasoning": "a"}))] * 1100
        stream, events = deliver([*frames, sse(delta({"thinking": "b"}))])
        message = stream.message()
        self.assertEqual((message["reasoning"], message["thinking"]), ("a" * 1100, "b"))
        self.assertIn(thought_done("a" * 1100 + "b"), events)


UNLIMITED = {"max_choices": 10**9, "max_tool_calls": 10**9, "max_errors": 10**9}


def feed_all(pieces):
    stream = sseparse.ChatStream(**UNLIMITED)
    for piece in pieces:
        stream.feed(piece)
    stream.close()


@measures_time
class Time(unittest.TestCase):
    """Each feed takes time linear in its bytes. More such tests are in ``test_complexity``."""

    def test_an_event_byte_by_byte(self):
        for make in (
            lambda size: single_bytes(sse(say("x" * size))),
            lambda size: slices(sse({"error": "x" * size * 64}), 64),
            lambda size: slices(sse(say("x" * size * 64), END).replace(b"\n", b"\r"), 64),
        ):
            self.assertLess(growth(feed_all, make, 8192), 24)

    def test_readers_called_after_each_feed_change_nothing(self):
        """Calling a reader after each feed is not linear in time, but does not change the events."""
        frame = sse(calls(fragment(0, None, "f", '"x"')))
        stream, quiet = sseparse.ChatStream(), sseparse.ChatStream()
        for _ in range(50):
            self.assertEqual(stream.feed(frame), quiet.feed(frame))
            stream.snapshot()
            stream.tool_calls()
        self.assertEqual(stream.close(), quiet.close())


if __name__ == "__main__":
    unittest.main()
