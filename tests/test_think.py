# SPDX-License-Identifier: MIT
"""ThinkTags: a table of texts, each cut at every place and into single characters."""

from __future__ import annotations

import copy
import pickle
import unittest

from hypothesis import given
from hypothesis import strategies as st

from tests import sseparse
from tests.reference.streams import examples
from tests.wire import (
    choice_done,
    content,
    content_done,
    growth,
    logprobs,
    measures_time,
    thought,
    thought_done,
)

# (name, content, the reasoning and the content in it, the same if the tag is prefilled)
ROWS = [
    ("a block, then white space", "<think>a\nb</think>\n\nc", ("a\nb", "c"), ("a\nb", "c")),
    ("white space in the text after the block", "<think>a</think>b \n c", ("a", "b \n c"), ("a", "b \n c")),
    ("white space before the block", " \n<think>a</think>b", ("a", "b"), ("a", "b")),
    ("an empty block", "<think></think>b", ("", "b"), ("", "b")),
    ("white space in the block is kept", "<think>\n\n</think>\n\nb", ("\n\n", "b"), ("\n\n", "b")),
    ("no text after the block", "<think>a</think> ", ("a", ""), ("a", "")),
    ("a block that is never closed", "<think>a", ("a", ""), ("a", "")),
    ("a block that is cut inside the closing tag", "<think>a</thi", ("a</thi", ""), ("a</thi", "")),
    ("text like the beginning of the closing tag", "<think>a</b></think>c", ("a</b>", "c"), ("a</b>", "c")),
    ("two beginnings of the closing tag", "<think><</</think>c", ("<</", "c"), ("<</", "c")),
    (
        "two blocks: the second is text",
        "<think>a</think><think>b</think>c",
        ("a", "<think>b</think>c"),
        ("a", "<think>b</think>c"),
    ),
    ("a tag inside the block is reasoning", "<think><think>a</think>b", ("<think>a", "b"), ("<think>a", "b")),
    ("a tag in code", "`<think>`a</think>", ("", "`<think>`a</think>"), ("`<think>`a", "")),
    ("a closing tag alone", "a</think>b", ("", "a</think>b"), ("a", "b")),
    ("no tag", "a < b", ("", "a < b"), ("a < b", "")),
    ("a lone < at the end", "<", ("", "<"), ("<", "")),
    ("white space and the beginning of a tag", " <thin", ("", " <thin"), (" <thin", "")),
    ("white space, no tag", " \na", ("", " \na"), (" \na", "")),
    ("white space and nothing else", " \n", ("", " \n"), (" \n", "")),
    ("an unknown tag is text",
     "<thinking>a</thinking>", ("", "<thinking>a</thinking>"), ("<thinking>a</thinking>", "")),
    ("a tag in capitals is text", "<THINK>a</THINK>b", ("", "<THINK>a</THINK>b"), ("<THINK>a</THINK>b", "")),
]


def filtered(pieces, choice=0, **options):
    """Return the events for these deltas and for the Done events after them."""
    tags = sseparse.ThinkTags(**options)
    found = []
    for number, piece in enumerate(pieces):
        found += tags.feed([content(piece, choice)])
        tags = copy.deepcopy(tags) if number % 2 else pickle.loads(pickle.dumps(tags))
    return found + tags.feed(iter([content_done("".join(pieces), choice), choice_done("stop", choice)]))


def said(events, choice=0):
    """Return reasoning and content of the deltas, and the Done events that must come."""
    texts = {"reasoning.delta": "", "content.delta": ""}
    for event in events:
        if event.type in texts and event.choice == choice:
            assert event.text, "an empty delta"
            texts[event.type] += event.text
    return tuple(texts.values())


def cuts(text):
    yield [text]
    yield list(text)
    for place in range(1, len(text)):
        yield [text[:place], text[place:]]


class Tables(unittest.TestCase):
    def check(self, pieces, expected, **options):
        events = filtered(pieces, **options)
        self.assertEqual(said(events), expected)
        reasoning, text = expected
        dones = [content_done(text)] * bool(text) + [thought_done(reasoning)] * bool(reasoning)
        self.assertEqual([event for event in events if "done" in event.type], [*dones, choice_done()])

    def test_rows(self):
        for name, text, expected, prefilled in ROWS:
            with self.subTest(name):
                self.assertEqual(sseparse.ThinkTags().split(text), expected)
                self.assertEqual(sseparse.ThinkTags(prefilled=True).split(text), prefilled)
                for pieces in cuts(text):
                    self.check(pieces, expected)
                    self.check(pieces, prefilled, prefilled=True)

    def test_other_tags(self):
        options = {"open": "[T]", "close": "[/T]"}
        for text in ("[T]a[/T]b", " [T]a[/T]\nb"):
            for pieces in cuts(text):
                self.check(pieces, ("a", "b"), **options)
        # The beginning of ``open`` has a ``close`` in it.
        options = {"open": "[/T][T]", "close": "[/T]", "prefilled": True}
        for text, expected in (("[/T]", ("", "")), ("[/T]b", ("", "b")), ("[/T][T", ("", "[T"))):
            for pieces in cuts(text):
                self.check(pieces, expected, **options)
        for tags in (("", "x"), ("x", ""), (" ", "x")):
            with self.assertRaises(ValueError):
                sseparse.ThinkTags(*tags)

    def test_an_empty_text(self):
        self.assertEqual(sseparse.ThinkTags().split(""), ("", ""))

    @examples(200)
    @given(
        st.lists(
            st.sampled_from(["<think>", "</think>", "<", "</", "think>", " ", "\n", "a", "b"]), max_size=8
        ),
        st.lists(st.integers(0, 40), max_size=4),
        st.booleans(),
    )
    def test_any_text_and_any_cut(self, parts, places, prefilled):
        text = "".join(parts)
        expected = sseparse.ThinkTags(prefilled=prefilled).split(text)
        self.assertLessEqual(len("".join(expected)), len(text))
        places = sorted({place % (len(text) + 1) for place in places})
        pieces = [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)])]
        self.check([piece for piece in pieces if piece], expected, prefilled=prefilled)


class Streams(unittest.TestCase):
    maxDiff = None

    def test_text_that_cannot_be_a_tag_comes_at_once(self):
        tags = sseparse.ThinkTags()
        self.assertEqual(tags.feed([content(" <th")]), [])
        self.assertEqual(tags.feed([content("ink>a <")]), [thought("a ")])
        self.assertEqual(tags.feed([content(" b</think>")]), [thought("< b")])
        self.assertEqual(tags.feed([content(" \n")]), [])
        self.assertEqual(tags.feed([content(" c <think>")]), [content("c <think>")])

    def test_choices_are_read_apart(self):
        tags = sseparse.ThinkTags()
        events = tags.feed([content("<think>a", 0), content("b<think>", 1), content("</think>c", 0)])
        self.assertEqual(events, [thought("a", 0), content("b<think>", 1), content("c", 0)])
        done = tags.feed(
            [content_done("<think>a</think>c", 0), choice_done("stop", 0), content_done("b<think>", 1)]
        )
        self.assertEqual(
            done,
            [content_done("c", 0), thought_done("a", 0), choice_done("stop", 0), content_done("b<think>", 1)],
        )

    def test_a_server_that_also_sends_reasoning(self):
        events = [
            thought("x", field="reasoning"),
            content("<think>a</think>b"),
            thought("y", field="reasoning"),
            content_done("<think>a</think>b"),
            thought_done("xy"),
            choice_done(),
        ]
        self.assertEqual(
            sseparse.ThinkTags().feed(events),
            [
                thought("x", field="reasoning"),
                thought("a"),
                content("b"),
                thought("y", field="reasoning"),
                content_done("b"),
                thought_done("xay"),
                choice_done(),
            ],
        )

    def test_a_server_that_sends_nothing_but_reasoning(self):
        events = [thought("x", field="reasoning"), thought_done("x"), choice_done("length")]
        self.assertEqual(sseparse.ThinkTags().feed(events), events)

    def test_held_text_comes_before_choice_done(self):
        events = [content("<thi"), choice_done()]
        self.assertEqual(sseparse.ThinkTags().feed(events), [content("<thi"), choice_done()])

    def test_all_other_events_pass(self):
        others = [
            sseparse.Start(None, None, None),
            logprobs({"content": []}),
            sseparse.RefusalDelta(0, "<think>"),
            sseparse.ToolCallStart(0, 0, "a", "f", "function"),
            sseparse.Usage({"n": 1}),
            sseparse.Error("server", "E"),
            thought_done("<think>"),
            choice_done(),
            sseparse.Done(),
        ]
        self.assertEqual(sseparse.ThinkTags().feed(others), others)

    def test_arguments_that_are_not_events_are_refused(self):
        frame = sseparse.ServerSentEvent("message", "{}")
        for wrong in (["<think>"], "<think>", b"<think>", [None], [{"type": "content.delta"}], [frame]):
            with self.subTest(wrong), self.assertRaisesRegex(
                TypeError, "^feed.. takes the events that ChatStream.feed.. returns, not .*: feed bytes to a "
            ):
                sseparse.ThinkTags().feed(wrong)
        for wrong in (None, 5, content("a")):
            with self.assertRaisesRegex(TypeError, "^feed.. takes a list of events, not "):
                sseparse.ThinkTags().feed(wrong)
        for tags in ((None,), (b"<think>",), ("<think>", 5)):
            with self.assertRaisesRegex(TypeError, "^(open|close) is a string, not "):
                sseparse.ThinkTags(*tags)
        for text in (None, b"<think>a", 5):
            for event in (content(text), thought(text)):
                with self.assertRaisesRegex(TypeError, "^text is a string, not "):
                    sseparse.ThinkTags().feed([event])
            with self.assertRaisesRegex(TypeError, "^text is a string, not "):
                sseparse.ThinkTags().split(text)

    def test_before_an_encoder(self):
        body = sseparse.ChatEncoder(id="x", created=1)
        tags = sseparse.ThinkTags()
        stream = sseparse.ChatStream()
        wire = body.feed(
            tags.feed(
                [sseparse.Start("x", "m", 1), content("<think>a</think>\nb"), content_done(""), choice_done()]
            )
        )
        stream.feed(wire + body.close())
        message = stream.message()
        self.assertEqual((message["reasoning_content"], message["content"]), ("a", "b"))

    @measures_time
    def test_linear(self):
        for text in (" ", "<", "</think", "a", "<think>"):
            with self.subTest(text):
                deltas = lambda size, text=text: [content(one) for one in text * size]  # noqa: E731
                self.assertLess(growth(lambda events: sseparse.ThinkTags().feed(events), deltas, 1000), 24)
                self.assertLess(
                    growth(sseparse.ThinkTags().split, lambda size, text=text: text * size, 20000), 24
                )


if __name__ == "__main__":
    unittest.main()
