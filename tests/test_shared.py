# SPDX-License-Identifier: MIT
"""The material in ``../shared``, beside the checkout: reports, server quirks, vectors, recorded streams.

Each item has the expected result. The package is compared with it in every way of delivery. So is the
reference, which must also give the same events. Without the folder these tests are skipped and say so; the
tables of ``tests/rules`` do not need it.
"""

from __future__ import annotations

import base64
import json
import random
import unittest
from pathlib import Path

from tests.reference import model
from tests.test_against_reference import comparable
from tests.wire import check_final, deliver, differences, eighths, readings, slices, sse, sseparse, strict

SHARED = Path(__file__).resolve().parents[2] / "shared"
RECORDINGS = SHARED / "recordings"
SMALL = 16 * 1024  # bytes; recordings up to this size are also delivered byte by byte

needs_shared = unittest.skipUnless(SHARED.is_dir(), f"there is no {SHARED}")


def load(name):
    return json.loads((SHARED / name).read_text("utf-8"))


def random_pieces(wire, seed, count=12):
    places = sorted(random.Random(seed).choices(range(len(wire) + 1), k=count))
    return [wire[start:stop] for start, stop in zip([0, *places], [*places, len(wire)])]


def wire_of(frames):
    """The bytes of a case: chunks, raw text, or one of the objects that stand for other bytes."""
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


class SharedCase(unittest.TestCase):
    def check(self, wire, seed):
        """Compare with the reference: whole, in small pieces, at random cuts, on both paths."""
        expected = model.run(wire)
        stream, events = deliver([wire])
        self.check_alike(comparable([event.as_dict() for event in events]), comparable(expected.events))
        self.check_alike([strict(stream.snapshot())], [strict(expected.snapshot)])
        for fact in ("done", "finished", "truncated", "comments"):
            self.assertEqual(getattr(stream, fact), getattr(expected, fact), fact)
        seen = readings(stream)
        size = 1 if len(wire) <= SMALL else 61
        for pieces in (slices(wire, size), random_pieces(wire, seed), eighths(wire)):
            for fast_path in (True, False):
                other, found = deliver(pieces, fast_path=fast_path)
                self.check_alike(found, events)
                self.check_alike(readings(other), seen)
        check_final(self, stream, events)
        self.check_assembler(wire, expected)
        return expected

    def check_alike(self, found, expected):
        """Compare two lists. Show only the first difference: a diff of thousands of events takes minutes."""
        if found != expected:
            pairs = enumerate(zip(found, expected))
            at = next((at for at, (one, other) in pairs if one != other), min(len(found), len(expected)))
            self.assertEqual(found[at : at + 3], expected[at : at + 3], f"from number {at} on")

    def check_assembler(self, wire, expected):
        """Compare ChatAssembler with the reference, if each frame is a chunk and nothing else."""
        chunks, done = chunks_of(wire)
        if chunks is None:
            return
        assembler = sseparse.ChatAssembler()
        events = [event.as_dict() for chunk in chunks for event in assembler.add(chunk)]
        events += [event.as_dict() for event in assembler.close(done)]
        framing = ("truncated", "not_chat")  # only a reader of frames has these
        events_expected = [
            {**event, "data": None} if event.get("kind") == "malformed" else event
            for event in expected.events
            if not (event["type"] == "error" and event["kind"] in framing)
        ]
        self.check_alike(comparable(events), comparable(events_expected))
        self.check_alike([strict(assembler.snapshot())], [strict(expected.snapshot)])


def chunks_of(wire):
    """The chunks of a stream, and whether [DONE] ends it. None if a frame is not a chunk."""
    lines = wire.replace(b"\r", b"\n").split(b"\n")
    if not all(line.startswith((b"data:", b":")) for line in lines if line):
        return None, False
    decoder = sseparse.SSEDecoder(flush_at_eof=True)
    payloads = [event.data for event in decoder.feed(wire) + decoder.close()]
    done = payloads[-1:] == ["[DONE]"]
    try:
        chunks = [json.loads(payload) for payload in payloads[: len(payloads) - done]]
    except ValueError:
        return None, False
    return (chunks, done) if all(isinstance(chunk, dict) for chunk in chunks) else (None, False)


def problems(expected, result):
    """Return the parts of an expectation that the result does not meet."""
    found = differences(expected.get("completion", {}), result.snapshot)
    found += differences(expected["errors"], result.errors, "errors")
    for channel in ("text", "reasoning"):
        for index, text in expected.get(channel, {}).items():
            found += differences(text, getattr(result, channel).get(int(index)), channel)
    found += [f"{key!r} is there" for key in expected.get("absent", []) if key in result.snapshot]
    for fact in ("done", "finished", "truncated"):
        found += differences(expected[fact], getattr(result, fact), fact)
    return found + event_problems(expected.get("events", []), result)


def event_problems(expected, result):
    """Check events that must come in this order, must not come, or must come a number of times."""
    found, at = [], 0
    types = [event["type"] for event in result.events]
    for one in expected:
        if "none_of" in one:
            found += [f"there is a {one['none_of']}"] if one["none_of"] in types else []
        elif "count" in one:
            found += differences(one["n"], types.count(one["count"]), f"number of {one['count']}")
        elif "distinct_tool_ids" in one:
            ids = [event["id"] for event in result.events if event["type"] == "tool_call.done"]
            found += [f"the same id twice: {ids}"] if len(set(ids)) != len(ids) else []
        else:
            places = range(at, len(types))
            at = next((place + 1 for place in places if not differences(one, result.events[place])), -1)
            if at < 0:
                return [*found, f"there is no {one} in its place"]
    return found


@needs_shared
class Cases(SharedCase):
    """Streams from public reports. A case has one expectation, or several, of which one must hold."""

    def check_case(self, case, alternatives):
        with self.subTest(case["id"], title=case["title"]):
            result = self.check(wire_of(case["frames"]), case["id"])
            found = [problems(expected, result) for expected in alternatives]
            self.assertIn([], found)

    def test_reports(self):
        for case in load("reports.json")["streams"]:
            self.check_case(case, case["any_of"])

    def test_quirks(self):
        for case in load("quirks.json"):
            self.check_case(case, [case["expect"]])


@needs_shared
class Responses(unittest.TestCase):
    """HTTP responses from public reports, whole and cut everywhere."""

    def read(self, pieces):
        http = sseparse.HTTPBody()
        try:
            return b"".join([http.feed(piece) for piece in pieces]), http.close(), None
        except sseparse.StreamError as error:
            return None, None, type(error).__name__

    def test_reports(self):
        for case in load("reports.json")["http"]:
            wire, expect = base64.b64decode(case["input_b64"]), case["expect"]
            for pieces in ([wire], slices(wire, 1), slices(wire, 7)):
                with self.subTest(case["id"], title=case["title"], pieces=len(pieces)):
                    body, _, error = self.read(pieces)
                    self.assertEqual(error, expect["error"])
                    if expect["body_contains"]:
                        self.assertEqual(sseparse.parse(body)["choices"][0]["message"]["content"], "Hello")
                    elif error is None:
                        self.assertEqual(body, wire.partition(b"\r\n\r\n")[2][:150])


@needs_shared
class Vectors(unittest.TestCase):
    def test_vectors(self):
        for vector in load("sse_vectors.json"):
            wire = base64.b64decode(vector["input_b64"])
            expected = [(one["event"], one["data"], one["id"]) for one in vector["expected"]]
            decoded = model.decode(wire, vector["flush_at_eof"])
            self.assertEqual(
                (decoded.events, decoded.retries, decoded.last_event_id),
                (expected, vector["retries"], vector["last_event_id"]),
            )
            retry = vector["retries"][-1] if vector["retries"] else None
            cuts = [[wire[:place], wire[place:]] for place in range(1, len(wire), 1 + len(wire) // 1000)]
            with self.subTest(vector["name"]):
                for pieces in ([wire], slices(wire, 1), *cuts):
                    decoder = sseparse.SSEDecoder(flush_at_eof=vector["flush_at_eof"])
                    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()
                    where = f"{len(pieces)} pieces, the first of {len(pieces[0])} bytes" if pieces else ""
                    self.assertEqual([(one.event, one.data, one.id) for one in events], expected, where)
                    self.assertEqual(decoder.last_event_id, vector["last_event_id"], where)
                    self.assertEqual(decoder.retry, retry, where)


@needs_shared
class Recordings(SharedCase):
    def test_chat(self):
        """Compared with the facts that a small assembler found in the recordings."""
        paths = sorted((RECORDINGS / "chat").glob("*.expected.json"))
        self.assertTrue(paths)
        for path in paths:
            name = path.name[: -len(".expected.json")]
            with self.subTest(name):
                expected = facts_of_file(json.loads(path.read_text("utf-8"))["facts"])
                if name == "snowflake-logprobs-1":  # its reasoning is in reasoning_details alone
                    for choice in expected["choices"]:
                        del choice["reasoning"]
                result = self.check((path.parent / f"{name}.sse").read_bytes(), name)
                self.assertEqual(differences(expected, facts_of(result)), [])

    def test_text_completions(self):
        """Legacy text completions, compared with the result of a loop over their frames."""
        paths = sorted((RECORDINGS / "completions").glob("*.sse"))
        self.assertTrue(paths)
        for path in paths:
            with self.subTest(path.name):
                wire = path.read_bytes()
                result = self.check(wire, path.name)
                final = result.snapshot
                self.assertEqual(final["object"], "text_completion")
                self.assertEqual(
                    {key: final.get(key) for key in ("id", "created", "model", "usage", "choices")},
                    completion_of(wire),
                )
                self.assertEqual((result.done, result.finished, result.errors), (True, True, []))

    def test_other_apis(self):
        """A stream of another API has no choices."""
        paths = [path for path in sorted(RECORDINGS.glob("*/*.sse"))
                 if path.parent.name not in ("chat", "completions")]  # fmt: skip
        self.assertTrue(paths)
        for path in paths:
            with self.subTest(path.name):
                result = self.check(path.read_bytes(), path.name)
                self.assertEqual(result.snapshot["choices"], [])


def facts_of_file(facts):
    """The facts in the file, with the defaults of the final object."""
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


def facts_of(result):
    """The same facts of a result. An empty string counts as null, and parts count as their text."""
    final = result.snapshot
    names = ("id", "model", "created", "system_fingerprint", "service_tier")
    return {
        **{name: final.get(name) or None for name in names},
        "usage": final.get("usage"),
        "done": result.done,
        "errors": [error["data"] for error in result.errors if error["kind"] != "truncated"],
        "choices": [facts_of_choice(result, choice) for choice in final["choices"]],
    }


def facts_of_choice(result, choice):
    index, message, logprobs = choice["index"], choice["message"], choice.get("logprobs") or {}
    calls = message.get("tool_calls", [])
    return {
        "index": index,
        "role": message["role"],
        "content": result.text[index] if isinstance(message["content"], list) else message["content"],
        "refusal": message.get("refusal"),
        "reasoning": result.reasoning[index] or None,
        "finish_reason": choice["finish_reason"],
        "tool_calls": [{"id": call["id"], "type": call["type"], **call["function"]} for call in calls],
        "function_call": message.get("function_call"),
        "logprobs_content": len(logprobs.get("content") or []),
        "logprobs_refusal": len(logprobs.get("refusal") or []),
    }


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


if __name__ == "__main__":
    unittest.main()
