# SPDX-License-Identifier: MIT
"""Inputs that the fuzzers under ``tests/fuzz/`` found, as small as they get, and what was wrong with them.

Each is fed whole and in the pieces that it went wrong in; both must say the same, and what is right.
"""

from __future__ import annotations

from unittest import TestCase

from tests import sseparse


def run(pieces, **options):
    stream = sseparse.ChatStream(**options)
    events = [event for piece in pieces for event in stream.feed(piece)]
    return [*events, *stream.close()], stream


class TestFindings(TestCase):
    def check(self, pieces, errors, **options):
        for fast in True, False:
            for cut in pieces, [b"".join(pieces)]:
                with self.subTest(cut=cut, fast=fast):
                    events, stream = run(cut, fast_path=fast, **options)
                    found = [(event.kind, event.frame) for event in events if event.type == "error"]
                    self.assertEqual(found, errors)
                    self.assertEqual(events, run(pieces, **options)[0])
                    self.assertEqual(stream.truncated, errors[-1][0] == "truncated")

    def test_a_frame_in_a_feed_of_its_own_after_a_stray_line_is_a_frame(self):
        # It was read, and still the body was said to be no event stream.
        self.check([b"x\n\n", b'data: {"choices":[{}],"id":""}\n\n'], [("truncated", None)])

    def test_after_too_many_errors_no_feed_of_one_frame_is_read(self):
        # Each further frame was another limit error, without end.
        frame = b'data: {"error":"E"}\n\n'
        self.check([b"\n", frame, frame, frame, frame], [("server", 0), ("limit", None)], max_errors=1)

    def test_an_error_that_is_half_a_pair(self):
        # The half came out as it was, because only the fields of a chunk were looked at.
        body = b'event: error\ndata: "\\ude00"\n\nevent: error\ndata: ["\\ud83d"]\n\nerror: "\\ud83d"\n'
        self.check([body], [("server", 0), ("server", 1), ("server", 2), ("truncated", None)])
        events, _ = run([body])
        self.assertEqual([event.data for event in events[:3]], ["\ufffd", ["\ufffd"], "\ufffd"])
