# SPDX-License-Identifier: MIT
"""ChatStream.frames() and ``pending``, for a proxy that passes most frames on unchanged."""

from __future__ import annotations

import copy
import pickle
import random
import unittest

from tests.fuzz import grammar
from tests.rules import TABLES
from tests.wire import (
    END,
    LINE_ENDS,
    START,
    content,
    delta,
    eighths,
    extra,
    say,
    server,
    single_bytes,
    sse,
    sseparse,
)

A, B = sse(say("a")), sse(say("b"))


def pairs_of(pieces, **options):
    stream = sseparse.ChatStream(**options)
    return stream, [pair for piece in pieces for pair in stream.frames(piece)]


class Frames(unittest.TestCase):
    maxDiff = None

    def test_a_frame_has_its_own_bytes(self):
        stream, pairs = pairs_of([A + B + A[:9], A[9:]])
        self.assertEqual(pairs, [(A, [START, content("a")]), (B, [content("b")]), (A, [content("a")])])
        self.assertEqual(stream.pending, 0)

    def test_other_lines_belong_to_a_frame_too(self):
        wire = [b": ping\n\n", b"\n", b"retry: 5\n", b"id: 1\nevent: x\n: c\n" + A, b"1f\n", b": c\n"]
        _, pairs = pairs_of([b"".join(wire)])
        self.assertEqual([raw for raw, _ in pairs], wire)
        self.assertEqual([events for _, events in pairs], [[], [], [], [START, content("a")], [], []])

    def test_frames_without_blank_lines_are_cut_between_their_lines(self):
        lines = [A[:-1], B[:-1], b"data: [DONE]\n\n"]
        _, pairs = pairs_of([b"".join(lines)])
        self.assertEqual([raw for raw, _ in pairs], lines)
        self.assertEqual(pairs[0][1], [START, content("a")])
        for pieces in (single_bytes(b"".join(lines)), eighths(b"".join(lines))):
            self.assertEqual(pairs_of(pieces)[1], pairs)

    def test_lines_that_end_in_cr_wherever_they_are_cut(self):
        wire = (A + B + A + B).replace(b"\n", b"\r")
        for at in range(len(A) + 1):
            _, pairs = pairs_of([wire[:at], wire[at : 2 * len(A) + at], wire[2 * len(A) + at :]])
            with self.subTest(at):
                self.assertEqual(b"".join(raw for raw, _ in pairs), wire)
                self.assertEqual([raw.count(b"data: ") for raw, _ in pairs if raw.strip()], [1] * 4)

    def test_a_document_is_one_frame(self):
        document = b'{\n"error":\n"M"\n}\n'
        _, pairs = pairs_of([A, document, B])
        self.assertEqual(pairs[1], (document, [server("M", None, "M", 1)]))

    def test_an_event_inside_an_unfinished_frame_has_no_bytes(self):
        _, pairs = pairs_of([b'data: {"y":\n1}\n{"z":2}\n\n', A])
        self.assertEqual(pairs[:2], [(b"", [extra("z", 2)]), (b'data: {"y":\n1}\n{"z":2}\n\n', [extra("y",
        1)])])

    def test_any_line_ends(self):
        for end in LINE_ENDS:
            frame = A.replace(b"\n", end.encode())
            stream, pairs = pairs_of([frame * 2])
            self.assertEqual(pairs, [(frame, [START, content("a")]), (frame, [content("a")])], end)
            self.assertEqual(stream.pending, 0)

    def test_after_a_limit_the_bytes_come_back_unread(self):
        stream, pairs = pairs_of([A + B, B], max_total_bytes=len(A))
        self.assertEqual([raw for raw, _ in pairs], [A, B, B])
        self.assertEqual([error.kind for error in stream.errors], ["limit"])
        stream, pairs = pairs_of([A, b"x" * 99999, B], max_event_bytes=200)
        self.assertEqual([raw for raw, _ in pairs], [A, b"x" * 99999, B])

    def test_endless_comments_are_not_kept(self):
        stream = sseparse.ChatStream(max_event_bytes=100)
        stream.frames(b"event: x\n")
        for _ in range(100):
            stream.frames(b": comment\n" * 1000)
            self.assertLess(stream.pending, 100_000)

    def test_misuse(self):
        with self.assertRaisesRegex(TypeError, "^ChatStream takes bytes, not str: pass the body"):
            sseparse.ChatStream().frames("data: x\n\n")  # type: ignore[arg-type]
        stream = sseparse.ChatStream()
        stream.close()
        with self.assertRaisesRegex(RuntimeError, "after close"):
            stream.frames(A)
        self.assertEqual(sseparse.ChatStream().frames(b""), [])

    def test_frames_and_pending_are_the_bytes_and_events_of_feed(self):
        """All frames together with the pending bytes are the bytes fed; the events are those of feed()."""
        for table in (name for name in TABLES if name[:7] in ("rule_02", "rule_12", "rule_13", "several")):
            for name, frames, *_ in TABLES[table]:
                for end in LINE_ENDS:
                    wire = sse(*frames, end=end)
                    if len(wire) > 20_000:
                        continue
                    for pieces in ([wire], eighths(wire), [sse(frame, end=end) for frame in frames]):
                        with self.subTest(name, end=end, pieces=len(pieces)):
                            self.check_law(pieces)

    def test_the_law_for_random_streams(self):
        for seed in range(60):
            dice = random.Random(seed)
            wire = grammar.stream(dice)
            cuts = sorted(dice.randrange(len(wire)) for _ in range(9))
            for places in ([], cuts, range(0, len(wire), 100)):
                with self.subTest(seed=seed, places=places):
                    places = [0, *places, len(wire)]
                    self.check_law([wire[start:stop] for start, stop in zip(places, places[1:])])

    def test_many_frames_at_once(self):
        """Frames that the fast path reads, one by one and in bulk: with one event, with two and with none."""
        same = [sse(say("a"))] * 40
        some = [sse(say(text)) for text in ("a", "\u20ac", "b\n", "") * 30]
        counted = [sse({**say("a"), "usage": {"n": number}}) for number in range(100, 140)]
        two = [sse(say("a", choice)) for choice in (0, 1) * 30]
        others = [b": c\n\n", sse(say("a", x=1)), sse("data: x\n\n")]
        frames = [*same, *others, *some, *others, *counted, *others, *two, *others, *same * 9]
        for end in ("\n", "\r\n"):
            wires = [frame.replace(b"\n", end.encode()) for frame in frames]
            other = sseparse.ChatStream(fast_path=False)
            expected = [(wire, other.feed(wire)) for wire in wires]
            whole = b"".join(wires)
            for size in (len(whole), 20_000, 1460, 333, 90, 7):
                found = []
                stream, pairs = pairs_of([whole[at : at + size] for at in range(0, len(whole), size)])
                for raw, events in pairs:
                    if not raw.strip() and found:  # the rest of a line end that was cut comes alone
                        raw, events = found[-1][0] + raw, found.pop()[1] + events
                    found.append((raw, events))
                with self.subTest(end=end, size=size):
                    self.assertTrue(found == expected)  # (the difference would be too long to show)
                    self.assertEqual(stream.pending, 0)

    def check_law(self, pieces):
        stream, other = sseparse.ChatStream(), sseparse.ChatStream()
        raw = fed = b""
        for number, piece in enumerate(pieces):
            pairs = stream.frames(piece)
            raw += b"".join(pair[0] for pair in pairs)
            fed += piece
            self.assertEqual([event for pair in pairs for event in pair[1]], other.feed(piece))
            self.assertEqual(raw, fed[: len(raw)])
            self.assertEqual(len(raw) + stream.pending, len(fed))
            self.assertEqual(bool(stream.pending), bool(other.pending))
            stream = copy.deepcopy(stream) if number % 2 else pickle.loads(pickle.dumps(stream))
        self.assertEqual(stream.close(), other.close())


class Pending(unittest.TestCase):
    def test_the_number_of_pending_bytes(self):
        for wire, pending in (
            (b"", 0),
            (A, 0),
            (A[:10], 10),
            (b"data: {}\n", 8),
            (b"event: x\n", 1),
            (b"id: 1\n", 1),
            (b": comment\n", 0),
            (b": comm", 6),
            (b"retry: 1\n", 0),
            (A + b'{\n"a":\n', 5),
            (b'{"y":1}\n', 7),
            (sse(END), 0),
            (b"<html>\n", 0),
        ):
            stream = sseparse.ChatStream()
            stream.feed(wire)
            self.assertEqual(stream.pending, pending, wire)
            stream.close()
            self.assertEqual(stream.pending, 0, wire)

    def test_a_cut_line_with_data_inside_is_no_lines_without_ends(self):
        for line in (b"data: x data: y", b'data: {"a": data: {}', b"data: [1] data: y", b'data: {"a":' * 200):
            stream = sseparse.ChatStream()
            stream.feed(line)
            stream.close()
            self.assertEqual([error.kind for error in stream.errors], ["truncated"], line)

    def test_an_event_line_ends_a_document(self):
        stream = sseparse.ChatStream()
        events = stream.feed(b'{\n"message": "no document",\nevent: x\ndata: {"y":1}\n\ndata: [DONE]\n\n')
        self.assertEqual(events[0], sseparse.Extra(None, None, "x", {"y": 1}, "frame"))
        self.assertEqual([error.kind for error in stream.errors], ["not_chat"])

    def test_a_comment_written_between_frames_changes_no_event(self):
        wire = sse(say("a"), delta({}, finish_reason="stop"), END)
        for place in range(len(wire)):
            stream = sseparse.ChatStream()
            stream.feed(wire[:place])
            if not stream.pending:
                events = sseparse.ChatStream().feed(wire[:place] + b": mine\n\n" + wire[place:])
                self.assertEqual(events, sseparse.ChatStream().feed(wire))


if __name__ == "__main__":
    unittest.main()
