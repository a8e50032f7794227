# SPDX-License-Identifier: MIT
"""What lies beside the checkout in ``../shared``, where it does: server quirks with what is expected of them,
vectors for the event stream, and recorded streams with the facts that a small assembler found in them.

Without it these loops have nothing to go over; the tables of the other modules stand alone.
"""

from __future__ import annotations

import base64
import json
import random
import unittest
from pathlib import Path

from tests.wire import check_final, deliver, differences, eighths, readings, slices, sse, sseparse

SHARED = Path(__file__).resolve().parents[2] / "shared"
RECORDINGS = SHARED / "recordings"
SMALL = 16 * 1024  # bytes; recordings up to this size are also delivered byte by byte


def load(name):
    path = SHARED / name
    return json.loads(path.read_text("utf-8")) if path.exists() else []


def random_pieces(wire, seed, count=12):
    places = sorted(random.Random(seed).choices(range(len(wire) + 1), k=count))
    return [wire[start:stop] for start, stop in zip([0, *places], [*places, len(wire)])]


def check_cuts(test, wire, seed):
    """Whole, byte by byte or in small pieces, and at random cuts: the same. Return what whole gave."""
    stream, events = deliver([wire])
    seen = readings(stream)
    size = 1 if len(wire) <= SMALL else 61
    for pieces in (slices(wire, size), random_pieces(wire, seed), eighths(wire)):
        for fast_path in (True, False):
            other, found = deliver(pieces, fast_path=fast_path)
            if found != events:
                test.assertEqual(found, events)
            if readings(other) != seen:
                test.assertEqual(readings(other), seen)
    check_final(test, stream, events)
    return stream, events


class Quirks(unittest.TestCase):
    maxDiff = None

    def test_quirks(self):
        for case in load("quirks.json"):
            with self.subTest(case["id"], title=case["title"]):
                wire, expected = wire_of(case["frames"]), case["expect"]
                stream, _ = check_cuts(self, wire, case["id"])
                self.assertEqual(differences(expected.get("completion", {}), stream.snapshot()), [])
                errors = [error.as_dict() for error in stream.errors]
                self.assertEqual(differences(expected["errors"], errors), [])
                for index, text in expected.get("text", {}).items():
                    self.assertEqual(stream.text(int(index)), text)
                for index, text in expected.get("reasoning", {}).items():
                    self.assertEqual(stream.reasoning(int(index)), text)
                for key in expected.get("absent", []):
                    self.assertNotIn(key, stream.snapshot())
                for fact in ("done", "finished", "truncated"):
                    self.assertIs(getattr(stream, fact), expected[fact], fact)


def wire_of(frames):
    """The bytes of a quirk: chunks, raw text, or one of the objects that stand for other bytes."""
    wire = b""
    for frame in frames:
        if isinstance(frame, dict) and "$raw_b64" in frame:
            wire += base64.b64decode(frame["$raw_b64"])
        elif isinstance(frame, dict) and "$split_bytes" in frame:
            wire += frame["$split_bytes"].encode()
        elif isinstance(frame, dict) and "$repeat" in frame:
            wire += wire_of([frame["frame"]]) * frame["$repeat"]
        else:
            wire += sse(frame)
    return wire


class Vectors(unittest.TestCase):
    def test_vectors(self):
        for vector in load("sse_vectors.json"):
            wire = base64.b64decode(vector["input_b64"])
            expected = [(one["event"], one["data"], one["id"]) for one in vector["expected"]]
            cuts = [[wire[:place], wire[place:]] for place in range(1, len(wire))]
            for pieces in ([wire], slices(wire, 1), *cuts):
                with self.subTest(vector["name"], pieces=len(pieces), first=len(pieces[0]) if pieces else 0):
                    decoder = sseparse.SSEDecoder(flush_at_eof=vector["flush_at_eof"])
                    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()
                    self.assertEqual([(one.event, one.data, one.id) for one in events], expected)
                    self.assertEqual(decoder.last_event_id, vector["last_event_id"])
                    self.assertEqual(decoder.retry, vector["retries"][-1] if vector["retries"] else None)


class Chat(unittest.TestCase):
    maxDiff = None

    def test_recordings(self):
        for path in sorted((RECORDINGS / "chat").glob("*.expected.json")):
            name = path.name[: -len(".expected.json")]
            with self.subTest(name):
                expected = json.loads(path.read_text("utf-8"))
                stream, _ = check_cuts(self, (path.parent / f"{name}.sse").read_bytes(), name)
                self.assertEqual(facts_of(stream), facts_of_file(expected["facts"]))


def facts_of_file(facts):
    """The facts as they stand in the file, with the defaults of the final object."""
    choices = []
    for choice in facts["choices"]:
        made = [
            {**{key: call[key] for key in ("id", "name", "arguments")}, "type": call["type"] or "function"}
            for call in choice["tool_calls"]
        ]
        choices.append({**choice, "role": choice["role"] or "assistant", "tool_calls": made})
    names = ("id", "model", "created", "system_fingerprint", "service_tier", "usage", "done")
    errors = [one.get("error", one.get("not_json")) for one in facts["errors"]]
    return {**{name: facts[name] for name in names}, "errors": errors, "choices": choices}


def facts_of(stream):
    """The same of a stream. The facts do not tell an empty string from null, nor parts from their text."""
    final = stream.snapshot()
    names = ("id", "model", "created", "system_fingerprint", "service_tier")
    return {
        **{name: final.get(name) or None for name in names},
        "usage": final.get("usage"),
        "done": stream.done,
        "errors": [error.data for error in stream.errors if error.kind != "truncated"],
        "choices": [facts_of_choice(stream, choice) for choice in final["choices"]],
    }


def facts_of_choice(stream, choice):
    index, message, logprobs = choice["index"], choice["message"], choice.get("logprobs") or {}
    calls = message.get("tool_calls", [])
    return {
        "index": index,
        "role": message["role"],
        "content": stream.text(index) if isinstance(message["content"], list) else message["content"],
        "refusal": message.get("refusal"),
        "reasoning": stream.reasoning(index) or None,
        "finish_reason": choice["finish_reason"],
        "tool_calls": [{"id": call["id"], "type": call["type"], **call["function"]} for call in calls],
        "function_call": message.get("function_call"),
        "logprobs_content": len(logprobs.get("content") or []),
        "logprobs_refusal": len(logprobs.get("refusal") or []),
    }


class Completions(unittest.TestCase):
    """Legacy text completions, compared with what a loop over their frames makes of them."""

    maxDiff = None

    def test_recordings(self):
        for path in sorted((RECORDINGS / "completions").glob("*.sse")):
            with self.subTest(path.name):
                wire = path.read_bytes()
                stream, _ = check_cuts(self, wire, path.name)
                final = stream.snapshot()
                self.assertEqual(final["object"], "text_completion")
                self.assertEqual(
                    {key: final.get(key) for key in ("id", "created", "model", "usage", "choices")},
                    completion_of(wire),
                )
                self.assertEqual((stream.done, stream.finished, stream.errors), (True, True, []))


def completion_of(wire):
    """The completion of a well-behaved stream with one choice."""
    payloads = [line[6:] for line in wire.decode().splitlines() if line.startswith("data: {")]
    chunks = [json.loads(payload) for payload in payloads]
    entries = [entry for chunk in chunks for entry in chunk["choices"]]
    logprobs = {}
    for entry in entries:
        for key, value in (entry.get("logprobs") or {}).items():
            logprobs.setdefault(key, []).extend(value)
    reasons = [entry["finish_reason"] for entry in entries if entry["finish_reason"]]
    choice = {
        "index": 0,
        "text": "".join(entry["text"] for entry in entries),
        "logprobs": logprobs or None,
        "finish_reason": reasons[-1],
    }
    if not any("logprobs" in entry for entry in entries):
        del choice["logprobs"]
    for key in {key for entry in entries for key in entry} - {*choice, "logprobs"}:
        values = [entry[key] for entry in entries if entry.get(key) is not None]
        if values:
            choice[key] = values[-1]
    usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    return {
        **{key: chunks[0][key] for key in ("id", "created", "model")},
        "usage": usages[-1] if usages else None,
        "choices": [choice],
    }


class Others(unittest.TestCase):
    """Streams of other APIs: nothing is expected of them but that they do no harm."""

    def test_other_apis(self):
        for path in sorted(RECORDINGS.glob("*/*.sse")):
            if path.parent.name not in ("chat", "completions"):
                with self.subTest(path.name):
                    stream, _ = check_cuts(self, path.read_bytes(), path.name)
                    self.assertEqual(stream.snapshot()["choices"], [])
