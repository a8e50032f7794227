# SPDX-License-Identifier: MIT
"""SSEDecoder, sentence by sentence of the WHATWG HTML standard, sections 9.2.5 and 9.2.6.

A row is a stream, the events it must give and, if they have changed, the attributes of the decoder at the
end. Each row is delivered whole, byte by byte, cut at every place, through copies, and with each of the line
ends that the standard allows in place of LF.
"""

from __future__ import annotations

import array
import copy
import pickle
import unittest

from tests.wire import (
    LINE_ENDS,
    deliver,
    deliver_to_copies,
    eighths,
    growth,
    measures_memory,
    measures_time,
    single_bytes,
    slices,
    sseparse,
    tracemalloc,
)

BOM = b"\xef\xbb\xbf"


def text(data, id="", event="message"):
    return sseparse.ServerSentEvent(event, data, id)


def row(name, stream, *events, last_event_id="", retry=None, comments=0):
    return name, stream, list(events), (last_event_id, retry, comments, False)


# With LF, which is replaced by the other line ends.
STREAMS = [
    row("an empty stream", b""),
    row("a blank line dispatches", b"data: a\n\n", text("a")),
    row("the end of the input discards pending data", b"data: a\n"),
    row("the end of the input discards a last line without a line end", b"data: a\n\ndata: b", text("a")),
    row("one leading BOM is stripped", BOM + b"data: a\n\n", text("a")),
    row("a second BOM, or one elsewhere, is not stripped",
        BOM + BOM + b"data: a\n\n" + BOM + b"data: b\n\ndata: c\n\n", text("c")),
    row("a BOM inside a value is text", b"data: " + BOM + b"a\n\n", text("\ufeffa")),
    row("a part of a BOM is text", BOM[:2] + b"data: a\n\ndata: b\n\n", text("b")),
    row("a BOM alone", BOM),
    row("a part of a BOM alone", BOM[:2]),
    row("a line that starts with a colon is ignored", b": ping\n:\n:data: x\ndata: a\n: y\n\n:", text("a"),
        comments=4),
    row("a line is cut at its first colon", b"data:a:b: c\n\n", text("a:b: c")),
    row("one space after the colon is removed", b"data:a\n\ndata: b\n\ndata:  c\n\ndata:\td\n\n",
        text("a"), text("b"), text(" c"), text("\td")),
    row("white space is not stripped at the end of a line", b"data: a \t\n\n", text("a \t")),
    row("a line without a colon is a field with an empty value", b"data\n\n", text("")),
    row("field names are compared exactly", b"Data: a\n data: b\ndata : c\nDATA: d\ndatas: e\ndat: f\n\n"),
    row("other fields are ignored", b"foo: a\nfoo\ndata: b\nbar: c\n\n", text("b")),
    row("data lines are joined by LF, a last LF removed", b"data: a\ndata: b\ndata:\n\n", text("a\nb\n")),
    row("the example of the standard with two empty events", b"data\n\ndata\ndata\n\ndata:", text(""),
        text("\n")),
    row("event sets the type; the last one is used", b"event: a\nevent: b\ndata: x\n\n", text("x", "", "b")),
    row("an empty type is message", b"event: a\nevent\ndata: x\n\nevent:\ndata: y\n\n", text("x"), text("y")),
    row("the type may come after the data", b"data: x\nevent: a\n\n", text("x", "", "a")),
    row("a type is used for one event only",
        b"event: a\ndata: x\n\ndata: y\n\n", text("x", "", "a"), text("y")),
    row("without data nothing is dispatched, and the type is forgotten", b"event: a\n\ndata: x\n\n",
        text("x")),
    row("blank lines alone dispatch nothing", b"\n\n\ndata: x\n\n\n\n", text("x")),
    row("id stays until it is set again", b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n", text("a", "1"),
        text("b", "1"), text("c", "2"), last_event_id="2"),
    row("an empty id unsets it", b"id: 1\ndata: a\n\nid\ndata: b\n\n", text("a", "1"), text("b")),
    row("the last id of an event is used, also after its data", b"id: 1\ndata: a\nid: 2\n\n", text("a", "2"),
        last_event_id="2"),
    row("an id with NUL is ignored", b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", text("a", "1"),
        text("b", "1"), last_event_id="1"),
    row("NUL in other fields is kept", b"event: a\0\ndata: b\0\n\n", text("b\0", "", "a\0")),
    row("the id is committed at every blank line, with data or not", b"id: 1\n\ndata: a\n\n", text("a", "1"),
        last_event_id="1"),
    row("the id is not committed at the end of the input", b"id: 1\n\nid: 2\ndata: a\n", last_event_id="1"),
    row("an id need not be a number", "id:  é \ndata: a\n\n".encode(), text("a", " é "), last_event_id=" é "),
    row("retry takes effect at its own line", b"retry: 3000\n", retry=3000),
    row("the last retry is used, and may have leading zeros", b"retry: 3000\nretry: 007\n", retry=7),
    row("retry of anything but ASCII digits is ignored",
        b"".join(b"retry: %b\n" % value.encode()
                 for value in ("1", "-5", "+5", "1_0", "5.0", "5 ", " 5", "0x5", "", "\u0663", "\u00b2")),
        retry=1),
    row("retry without a value is ignored", b"retry: 1\nretry\nretry:\nretry: \n", retry=1),
    row("a retry of 18 digits is read, a longer one is ignored",
        b"retry: 999999999999999999\nretry: 1000000000000000000\n", retry=999999999999999999),
    row("bytes that are not UTF-8 become U+FFFD, one for each possible sequence",
        b"data: \xff|\xe2\x82|\xf0\x9f\x98|\xed\xa0\x80|\xc0\xaf\n\n",
        text("\ufffd|\ufffd|\ufffd|\ufffd\ufffd\ufffd|\ufffd\ufffd")),
    row("the space after the colon may be missing", b"event:x\nid:1\nretry:5\ndata:a\n\n",
        text("a", "1", "x"), last_event_id="1", retry=5),
    row("bytes that are not UTF-8 in types and ids become U+FFFD",
        b"event: \xff\nid: \xff\ndata: a\n\n", text("a", "\ufffd", "\ufffd"),
        last_event_id="\ufffd"),
    row("a sequence ends at a line end", b"data: \xe2\n\x82\xac\ndata: a\n\n", text("\ufffd\na")),
    row("characters of several bytes", "data: é€😀\n\n".encode(), text("é€😀")),
    row("only CR and LF end a line", "data: a\v\f\x1c\x1d\x1e\x85\u0085\u2028\u2029b\n\n".encode("utf-8"),
        text("a\v\f\x1c\x1d\x1e\x85\u0085\u2028\u2029b")),
]

# With line ends of their own.
MIXED = [
    row("CR, LF and CRLF in one stream", b"data: a\rdata: b\ndata: c\r\n\r\ndata: d\n\r", text("a\nb\nc"),
        text("d")),
    row("CR LF is one end, LF CR are two", b"data: a\r\ndata: b\n\rdata: c\r\n\n", text("a\nb"), text("c")),
    row("CR CR LF are two", b"data: a\r\r\ndata: b\r\r\n", text("a"), text("b")),
    row("any character but LF after a CR begins the next line, also a tab or NUL",
        b"data: a\r\tdata: b\r\0data: c\r\r", text("a")),
    row("an LF after a CR at the very start", b"\r\ndata: a\r\n\r\n", text("a")),
    row("a BOM before a line end", BOM + b"\r\ndata: a\r\r", text("a")),
]


def decode(pieces, **options):
    return deliver(pieces, sseparse.SSEDecoder(**options))


def readings(decoder):
    return (decoder.last_event_id, decoder.retry, decoder.comments, decoder.overflowed)


class Standard(unittest.TestCase):
    maxDiff = None

    def check(self, case, wire, **options):
        name, _, events, facts = case
        cuts = [[wire[:place], wire[place:]] for place in range(1, len(wire))]
        with self.subTest(name, wire=wire):
            for pieces in ([wire], single_bytes(wire), [b"", wire, b""], *cuts):
                decoder, found = decode(pieces, **options)
                self.assertEqual(found, events, pieces)
                self.assertEqual(readings(decoder), facts, pieces)
            for pieces in ([bytearray(wire)], [memoryview(wire)]):
                self.assertEqual(decode(pieces, **options)[1], events)
            decoder, found = deliver_to_copies(eighths(wire), sseparse.SSEDecoder(**options))
            self.assertEqual((found, readings(decoder)), (events, facts))

    def test_streams(self):
        for case in STREAMS:
            for end in LINE_ENDS:
                self.check(case, case[1].replace(b"\n", end.encode()))

    def test_mixed_line_ends(self):
        for case in MIXED:
            self.check(case, case[1])

    def test_flush_at_eof_dispatches_the_event_without_a_blank_line(self):
        for case in (
            row("a last line", b"data: a\n\ndata: b", text("a"), text("b")),
            row("a last event", b"event: e\ndata: a\ndata: b\n", text("a\nb", "", "e")),
            row("its id goes with it, but is not committed", b"id: 1\n\nid: 2\ndata: a", text("a", "2"),
                last_event_id="1"),
            row("a last line that changes it", b"data: a\nevent: e", text("a", "", "e")),
            row("without data nothing", b"event: e\nid: 1\n"),
            row("a last retry, a last comment", b"retry: 5\nretry: 7\n: c", retry=7, comments=1),
            row("a field name alone", b"data", text("")),
            row("nothing", b""),
            row("a part of a BOM is a line", BOM[:2]),
        ):
            for end in LINE_ENDS:
                self.check(case, case[1].replace(b"\n", end.encode()), flush_at_eof=True)

    def test_last_event_id_begins_with_the_argument(self):
        for case in (
            row("until it is set", b"data: a\n\nid: 1\ndata: b\n\n", text("a", "0"), text("b", "1"),
                last_event_id="1"),
            row("and is not committed by the end", b"id: 1\ndata: a\n", last_event_id="0"),
        ):
            self.check(case, case[1], last_event_id="0")


class Moments(unittest.TestCase):
    def test_dispatch_as_soon_as_the_blank_line_is_seen(self):
        for feeds in (
            [(b"data: a\n", 0), (b"\n", 1), (b"", 0)],
            [(b"data: a\r\r", 1), (b"\n", 0), (b"data: b\n\n", 1)],
            [(b"data: a\r\n\r", 1), (b"\n", 0), (b"\n", 0), (b"data: b\r", 0), (b"\r", 1)],
            [(b"data: a\r", 0), (b"\n", 0), (b"\n", 1)],
            [(b"data: a\r", 0), (b"", 0), (b"\n", 0), (b"\r\n", 1)],
            [(BOM[:1], 0), (BOM[1:], 0), (b"\r", 0), (b"\ndata: a\n\n", 1)],
        ):
            decoder = sseparse.SSEDecoder()
            for data, count in feeds:
                self.assertEqual(len(decoder.feed(data)), count, feeds)

    def test_attributes_change_with_their_line(self):
        decoder = sseparse.SSEDecoder()
        for data, retry, last_event_id, comments in (
            (b"retry: 5", None, "", 0),
            (b"\r", 5, "", 0),
            (b"id: 1\ndata: a\n: ", 5, "", 0),
            (b"\n", 5, "", 1),
            (b"\n", 5, "1", 1),
            (b"id: 2\n", 5, "1", 1),
        ):
            decoder.feed(data)
            self.assertEqual(readings(decoder), (last_event_id, retry, comments, False), data)

    def test_close_is_idempotent(self):
        decoder = sseparse.SSEDecoder(flush_at_eof=True)
        decoder.feed(b"data: a")
        self.assertFalse(decoder.closed)
        self.assertEqual(decoder.close(), [text("a")])
        self.assertEqual((decoder.close(), decoder.closed), ([], True))


class Misuse(unittest.TestCase):
    def test_what_is_not_bytes_like(self):
        decoder = sseparse.SSEDecoder()
        with self.assertRaises(TypeError) as caught:
            decoder.feed("data: a\n\n")
        self.assertEqual(
            str(caught.exception),
            "SSEDecoder takes bytes, not str: pass the body as it came"
            " (response.iter_bytes(), not iter_text() or iter_lines())",
        )
        for wrong in (None, 5, [b"a"], object()):
            with self.assertRaises(TypeError) as caught:
                decoder.feed(wrong)
            says = f"SSEDecoder takes bytes, bytearray or memoryview, not {type(wrong).__name__}"
            self.assertEqual(str(caught.exception), says)
        self.assertEqual(decoder.feed(b"data: a\n\n"), [text("a")])

    def test_a_last_event_id_that_is_no_string(self):
        with self.assertRaisesRegex(TypeError, "^last_event_id takes a string, not 5$"):
            sseparse.SSEDecoder(last_event_id=5)

    def test_feed_after_close(self):
        decoder = sseparse.SSEDecoder()
        decoder.close()
        with self.assertRaises(RuntimeError) as caught:
            decoder.feed(b"")
        says = "bytes after close(): make a new SSEDecoder for the next stream"
        self.assertEqual(str(caught.exception), says)

    def test_options_are_keywords(self):
        with self.assertRaises(TypeError):
            sseparse.SSEDecoder(5)

    def test_a_buffer_of_items_larger_than_bytes_is_read_as_its_bytes(self):
        words = array.array("H", [int.from_bytes(pair, "little") for pair in (b"da", b"ta", b":a", b"\n\n")])
        if words.tobytes() != b"data:a\n\n":  # a machine that counts its bytes from the other end
            words.byteswap()
        self.assertEqual(sseparse.SSEDecoder().feed(words), [text("a")])

    def test_a_buffer_may_be_used_again_after_feed(self):
        buffer = bytearray(b"data: a")
        decoder = sseparse.SSEDecoder()
        decoder.feed(buffer)
        buffer[:] = b"\n\nxxxx"
        self.assertEqual(decoder.feed(buffer), [text("a")])


class Limit(unittest.TestCase):
    """max_event_bytes: any one line without its line end, plus the pending data lines before it."""

    # (name, stream, the largest sum that it needs, events before that place)
    ROWS = (
        ("one data line", b"data: aaaa\n\n", 10, []),
        ("a comment", b"data: a\n\n: aaaaaaaaa\n\n", 11, [text("a")]),
        ("an unknown field", b"data: a\n\nxxxxxxxxxxx\n\n", 11, [text("a")]),
        ("an event, an id, a retry", b"data: a\n\nevent: aaaaaa\n\n", 13, [text("a")]),
        ("data lines before a data line", b"data: a\n\ndata: b\ndata:\n\n", 12, [text("a")]),
        ("data lines before any other line", b"data: a\n\ndata: b\n: cc\ndata\n\n", 11, [text("a")]),
        ("a line that does not end", b"data: a\n\ndata: bcd", 9, [text("a")]),
        ("data lines before a line that does not end", b"data: a\n\ndata: b\ni", 8, [text("a")]),
    )

    def test_the_limit_to_the_byte_for_every_cut(self):
        for name, stream, size, before in self.ROWS:
            for end in LINE_ENDS:
                wire = stream.replace(b"\n", end.encode())
                for pieces in (
                    [wire],
                    single_bytes(wire),
                    *([wire[:place], wire[place:]] for place in range(1, len(wire))),
                ):
                    with self.subTest(name, end=end, pieces=pieces):
                        decoder, found = decode(pieces, max_event_bytes=size - 1)
                        self.assertEqual((found, decoder.overflowed), (before, True))
                        for enough in (size, size + 1):
                            decoder, found = decode(pieces, max_event_bytes=enough)
                            self.assertEqual((found[: len(before)], decoder.overflowed), (before, False))

    def test_a_bom_does_not_count(self):
        for pieces in ([BOM + b"data\n\n"], single_bytes(BOM + b"data\n\n")):
            decoder, found = decode(pieces, max_event_bytes=4)
            self.assertEqual((found, decoder.overflowed), ([text("")], False))

    def test_an_unfinished_bom_at_the_end_counts(self):
        for limit, overflowed in ((2, False), (1, True)):
            decoder = sseparse.SSEDecoder(max_event_bytes=limit, flush_at_eof=True)
            self.assertEqual((decoder.feed(b"\xef\xbb"), decoder.overflowed), ([], False))
            self.assertEqual((decoder.close(), decoder.overflowed), ([], overflowed))

    def test_nothing_is_read_after_the_limit(self):
        decoder = sseparse.SSEDecoder(max_event_bytes=10, flush_at_eof=True)
        self.assertEqual(decoder.feed(b"data: a\n\nretry: 5\n: c\ndata: bcdefgh\nretry: 7\n\n"), [text("a")])
        self.assertEqual(readings(decoder), ("", 5, 1, True))
        self.assertEqual((decoder.feed(b"data: d\n\n"), decoder.close()), ([], []))
        self.assertEqual(readings(decoder), ("", 5, 1, True))

    def test_the_default_is_64_mib(self):
        decoder = sseparse.SSEDecoder()
        decoder.feed(b"x" * (64 * 1024 * 1024))
        self.assertFalse(decoder.overflowed)
        decoder.feed(b"x")
        self.assertTrue(decoder.overflowed)

    @measures_memory
    def test_held_bytes_are_released_at_the_limit(self):
        tracemalloc.start()
        try:
            decoder = sseparse.SSEDecoder(max_event_bytes=1 << 20)
            line = b"data: " + b"x" * 1000 + b"\n"
            for _ in range(4 << 10):
                decoder.feed(line)
            _, peak = tracemalloc.get_traced_memory()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertTrue(decoder.overflowed)
        self.assertLess(peak, 4 << 20)
        self.assertLess(held, 64 << 10)


class Objects(unittest.TestCase):
    def test_repr_has_state_and_sizes_and_no_content(self):
        decoder = sseparse.SSEDecoder(max_event_bytes=20)
        self.assertEqual(repr(decoder), "<SSEDecoder open, 0 bytes pending, 0 comments>")
        decoder.feed(b": secret\ndata: secret\nda")
        self.assertEqual(repr(decoder), "<SSEDecoder open, 14 bytes pending, 1 comments>")
        decoder.feed(b"ta: too much")
        self.assertEqual(repr(decoder), "<SSEDecoder overflowed, 0 bytes pending, 1 comments>")
        decoder = sseparse.SSEDecoder()
        decoder.close()
        self.assertEqual(repr(decoder), "<SSEDecoder closed, 0 bytes pending, 0 comments>")

    def test_a_copy_goes_on_alone(self):
        decoder = sseparse.SSEDecoder()
        decoder.feed(b"id: 1\ndata: a\nda")
        twins = [copy.deepcopy(decoder), pickle.loads(pickle.dumps(decoder))]
        self.assertEqual(decoder.feed(b"ta: b\n\n"), [text("a\nb", "1")])
        self.assertEqual(twins[0].feed(b"ta: c\n\n"), [text("a\nc", "1")])
        self.assertEqual(twins[1].feed(b"ta: d\n\n"), [text("a\nd", "1")])


def count_events(given):
    pieces, options = given
    decoder = sseparse.SSEDecoder(**options)
    return sum(len(decoder.feed(piece)) for piece in pieces) + len(decoder.close())


@measures_time
class Linear(unittest.TestCase):
    """Eight times the bytes cost about eight times the time, for any lines and any cuts."""

    def check(self, make, size, events):
        self.assertEqual(count_events((make(size), {})), events(size))
        self.assertLess(growth(count_events, lambda size: (make(size), {}), size), 24)

    def test_a_line_of_4_mib_in_chunks_of_64_bytes(self):
        self.check(lambda size: [*slices(b"data: " + b"x" * size, 64), b"\n\n"], 1 << 20, lambda size: 1)

    def test_a_line_that_never_ends(self):
        self.check(lambda size: slices(b"x" * size, 64), 1 << 20, lambda size: 0)

    def test_a_million_empty_lines(self):
        self.check(lambda size: slices(b"\n" * size, 4096), 250_000, lambda size: 0)

    def test_a_stream_with_cr_only(self):
        self.check(lambda size: slices(b"data: a\r\r" * size, 100), 10_000, lambda size: size)

    def test_crlf_cut_between(self):
        self.check(lambda size: [b"data: a\r", b"\n\r", b"\n"] * size, 10_000, lambda size: size)

    def test_endless_unknown_fields(self):
        self.check(lambda size: slices(b"x: y\n" * size, 1000), 50_000, lambda size: 0)

    def test_endless_comments_between_data(self):
        self.check(lambda size: [b"data: a\n", *slices(b": c\n" * size, 1000), b"\n"], 50_000, lambda size: 1)

    def test_an_event_of_100_000_data_lines(self):
        self.check(lambda size: [*slices(b"data: a\n" * size, 1000), b"\n"], 25_000, lambda size: 1)

    def test_an_event_of_data_lines_byte_by_byte(self):
        self.check(lambda size: [*single_bytes(b"data: a\n" * size), b"\n"], 5_000, lambda size: 1)

    def test_many_ids_and_types_without_an_event(self):
        self.check(lambda size: slices(b"id: 1\nevent: e\nretry: 1\n" * size, 1000), 20_000, lambda size: 0)


if __name__ == "__main__":
    unittest.main()
