# SPDX-License-Identifier: MIT
"""A recorded stream against the answer of the same server to the same request without streaming.

The recordings are of llama.cpp's own server (see ``benchmarks/recordings/index.json``). ``name.whole.json``
is its answer without streaming. Both were made with a fixed seed, so the model gave the same answer. Only
what the server generates for each answer may differ: ids, times, timings.
"""

from __future__ import annotations

import json
import unittest
from pathlib import Path

from tests import sseparse

RECORDINGS = Path(__file__).resolve().parents[1] / "benchmarks" / "recordings"
ANSWERS = ("logprobs", "n2", "plain", "schema", "tool-cut", "tools")


def read(name):
    """Feed one recording; return the closed stream and its events."""
    stream = sseparse.ChatStream()
    body = (RECORDINGS / f"llamacpp-server-{name}.sse").read_bytes()
    return stream, stream.feed(body) + stream.close()


def whole(name):
    return json.loads((RECORDINGS / f"llamacpp-server-{name}.whole.json").read_bytes())


def comparable(completion):
    """The answer without what the server generates for each answer."""
    answer = {key: value for key, value in completion.items() if key not in ("id", "created", "timings")}
    for choice in answer["choices"]:
        for call in choice["message"].get("tool_calls", ()):
            call["id"] = "made up"
    return answer


class LlamaCpp(unittest.TestCase):
    maxDiff = None

    def test_a_stream_says_what_the_whole_answer_says(self):
        for name in ANSWERS:
            with self.subTest(name):
                streamed, answered = comparable(read(name)[0].completion()), comparable(whole(name))
                if name == "n2":  # without streaming, this server counts the tokens of one choice only
                    self.assertEqual(streamed.pop("usage")["completion_tokens"], 48)
                    self.assertEqual(answered.pop("usage")["completion_tokens"], 4)
                self.assertEqual(streamed, answered)

    def test_the_calls_of_the_tool_recordings(self):
        _, events = read("tools")
        done = [event for event in events if event.type == "tool_call.done"]
        calls = whole("tools")["choices"][0]["message"]["tool_calls"]
        self.assertEqual([event.name for event in done], [call["function"]["name"] for call in calls])
        self.assertEqual({event.status for event in done}, {"complete"})
        _, events = read("tool-cut")
        self.assertEqual([e.status for e in events if e.type == "tool_call.done"], ["incomplete"])

    def test_an_error_instead_of_a_stream(self):
        stream, _ = read("overflow")
        error = whole("overflow")["error"]
        self.assertEqual([(e.kind, e.code, e.message, e.server_type) for e in stream.errors],
                         [("server", 400, error["message"], "exceed_context_size_error")])  # fmt: skip
        self.assertFalse(stream.truncated)

    def test_an_error_in_the_middle_of_a_stream(self):
        stream, _ = read("mid-error")
        self.assertEqual([(e.kind, e.code, e.message) for e in stream.errors if e.kind == "server"],
                         [("server", 500, "Context size has been exceeded.")])  # fmt: skip
        self.assertEqual(len(stream.snapshot()["choices"]), 2)
        self.assertFalse(stream.done)

    def test_a_server_that_was_killed(self):
        stream, _ = read("killed")
        self.assertEqual([error.kind for error in stream.errors], ["truncated"])
        self.assertTrue(stream.truncated)
        self.assertGreater(len(stream.text()), 50)
