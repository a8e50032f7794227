# SPDX-License-Identifier: MIT
"""Writing streams: the laws, over every stream there is; what cannot be written; and the speed of it."""

from __future__ import annotations

import random
import unittest
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests import canonical, sseparse
from tests.reference.streams import bodies, examples, runs
from tests.rules import TABLES
from tests.test_shared import RECORDINGS, load, wire_of
from tests.wire import deliver, sse

OWN = Path(__file__).resolve().parent.parent / "benchmarks" / "recordings"
ENDED = ("finished", "truncated")


def streams():
    """Every stream that is no product of chance: name and bytes. Those in ../shared where that is there."""
    for path in sorted([*OWN.glob("*.sse"), *RECORDINGS.glob("*/*.sse")]):
        yield path.name, path.read_bytes()
    shared = [*load("quirks.json"), *dict(load("reports.json") or {}).get("streams", [])]
    for case in shared:
        yield case["id"], wire_of(case["frames"])
    for table, rows in TABLES.items():
        for name, frames, *_ in rows:
            yield f"{table}: {name}", sse(*frames)


def encoded(events, **options):
    encoder = sseparse.ChatEncoder(**options)
    return encoder.feed(events) + encoder.close()


def said(events):
    """What the events say, without what rule 11 of section 12 and the merging of frames may change."""
    # A name that grows after the start cannot be said any more.
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
            if event.field in ("service_tier", "system_fingerprint", "x_groq") and event.choice is None:
                old = late.get(event.field)
                if isinstance(old, dict):
                    late[event.field] = {**old, **{k: v for k, v in event.value.items() if v is not None}}
                else:
                    late[event.field] = event.value
            else:
                extras.setdefault((event.choice, event.place, event.field), []).append(event.value)
    for key, value in finals.items():
        if key[0] == "calls":
            value.sort()
    for value in extras.values():
        value.sort(key=repr)
    return {**texts, **finals, **late, "extras": extras}


def without(completion, other):
    """``completion`` with the id and created of ``other``, where it has none of its own."""
    return {**completion, **{name: other[name] for name in ("id", "created") if not completion[name]}}


def errors_only(stream):
    return not (stream.done or stream.finished or stream.truncated)


class Laws(unittest.TestCase):
    maxDiff = None

    def completions(self, completion):
        """A completion to bytes and back is the completion."""
        for size in (None, 1, 3):
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
        names = {"id": "chatcmpl-x", "created": 1}
        wire = encoded(events, **names)
        canonical.check(wire)
        back, again = deliver([wire])
        self.assertEqual(said(again), said(events))
        for fact in ("done", "finished"):
            self.assertEqual(getattr(back, fact), getattr(stream, fact), fact)
        # Neither can be said: that an answer was cut which is finished, or that a body is whole which is no
        # event stream, or whose reading a limit ended.
        self.assertEqual(back.truncated, not (stream.done or stream.finished), "truncated")
        if errors_only(stream):
            return  # a body that is an error and no event stream: a stream that says the same is cut
        written = encoded(again, **names)
        if written != wire:
            self.assertEqual(written.decode(), wire.decode())

    def cuts(self, events):
        """The bytes do not depend on the calls of feed(), but for logprobs, which are added to a frame."""
        if any(event.type == "logprobs.delta" for event in events):
            return
        encoder = sseparse.ChatEncoder(id="x", created=1)
        apart = [encoder.feed([event]) for event in events]
        for piece in apart:
            canonical.frames(piece)
        wire = b"".join(apart) + encoder.close()
        self.assertEqual(wire, encoded(iter(events), id="x", created=1))

    def subsets(self, events, chance):
        """A filter that leaves out deltas, calls, choices or any events at all gives a canonical stream."""
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
