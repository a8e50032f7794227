# SPDX-License-Identifier: MIT
"""Streams that ChatEncoder and encode wrote, read by the clients that people use.

Each client reads the same nine answers from a server on the loopback: text, two calls, two calls with a
field that only Gemini has, a refusal, reasoning, two choices, usage, an error in the middle, a cut. The
clients are the openai SDK (plain and with its helper), LangChain's ChatOpenAI and httpx. A client that is not
installed is skipped; ``.ci/run`` installs all of them.
"""

from __future__ import annotations

import json
import unittest
from importlib.util import find_spec

from tests import sseparse
from tests.test_systems import QUESTION, USAGE, Upstream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ARGUMENTS = ('{"city": "Oslo"}', '{"city": "Bergen", "unit": "C"}')
CALLS = [
    {"id": f"call_{n}", "type": "function", "function": {"name": f"get_{n}", "arguments": arguments}}
    for n, arguments in enumerate(ARGUMENTS)
]


def answer(message: dict[str, Any], finish_reason: str = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, **message}
    choices = [{"index": 0, "message": message, "finish_reason": finish_reason}]
    return {"id": "c1", "object": "chat.completion", "created": 5, "model": "m", "choices": choices, **more}


TWO = answer({"content": "one"})
TWO["choices"].append({**TWO["choices"][0], "index": 1, "message": {"role": "assistant", "content": "two"}})
COMPLETIONS = {
    "text": answer({"content": "Hello, 日本 😀"}),
    "calls": answer({"tool_calls": CALLS}, "tool_calls"),
    "signed": answer({"tool_calls": [{**call, "extra_content": {"s": call["id"]}} for call in CALLS]}),
    "refusal": answer({"refusal": "I will not."}),
    "reasoning": answer({"content": "4", "reasoning_content": "2 + 2"}),
    "two": TWO,
    "usage": answer({"content": "a"}, usage=USAGE),
}


def wire(name: str) -> bytes:
    """The stream of one of the answers."""
    if name in COMPLETIONS:
        return b"".join(sseparse.encode(COMPLETIONS[name], size=4))
    encoder = sseparse.ChatEncoder(id="c1", model="m", created=5)
    data = encoder.feed(
        [sseparse.Start("c1", "m", 5), sseparse.ContentDelta(0, "Hel"), sseparse.ContentDelta(0, "lo")]
    )
    if name == "error":
        error = sseparse.Error("server", "stopped by policy", code=451, server_type="policy")
        data += encoder.feed([error, sseparse.ChoiceDone(0, "stop"), sseparse.Done()])
    return data + encoder.comment() + encoder.close()


class Serving(unittest.TestCase):
    """A server that answers each question with the stream that its model names."""

    maxDiff = None

    def serve(self, name: str) -> Any:
        return Upstream(wire(name))

    @staticmethod
    def url(upstream: Upstream) -> str:
        return f"http://127.0.0.1:{upstream.port}/v1"


@unittest.skipUnless(find_spec("openai"), "openai is not installed")
class OpenAI(Serving):
    def client(self, upstream: Upstream) -> Any:
        import openai

        return openai.OpenAI(base_url=self.url(upstream), api_key="none", max_retries=0, timeout=30)

    def plain(self, name: str) -> list[Any]:
        with self.serve(name) as upstream, self.client(upstream) as client:
            return list(client.chat.completions.create(**QUESTION, stream=True))

    def final(self, name: str) -> Any:
        with self.serve(name) as upstream, self.client(upstream) as client:
            stream = client.chat.completions.stream(**QUESTION, n=2 if name == "two" else 1)
            with stream as opened:
                return opened.get_final_completion()

    def test_plain_iteration(self) -> None:
        chunks = self.plain("text")
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), "Hello, 日本 😀")
        self.assertEqual([c.choices[0].finish_reason for c in chunks][-1], "stop")
        self.assertEqual(self.plain("usage")[-1].usage.total_tokens, USAGE["total_tokens"])
        self.assertEqual(
            [c.choices[0].index for c in self.plain("two") if c.choices[0].finish_reason], [0, 1]
        )
        thoughts = [getattr(c.choices[0].delta, "reasoning_content", None) for c in self.plain("reasoning")]
        self.assertEqual("".join(filter(None, thoughts)), "2 + 2")
        parts = [
            c.choices[0].delta.tool_calls[0] for c in self.plain("calls") if c.choices[0].delta.tool_calls
        ]
        self.assertEqual([p.id for p in parts if p.id], ["call_0", "call_1"])
        for index, arguments in enumerate(ARGUMENTS):
            said = "".join(part.function.arguments for part in parts if part.index == index)
            self.assertEqual(said, arguments)

    def test_the_helper(self) -> None:
        for name, completion in COMPLETIONS.items():
            with self.subTest(name):
                final = self.final(name)
                for choice, expected in zip(final.choices, completion["choices"]):
                    message = expected["message"]
                    self.assertEqual(choice.finish_reason, expected["finish_reason"])
                    self.assertEqual(choice.message.content, message["content"])
                    self.assertEqual(choice.message.refusal, message.get("refusal"))
                    calls = [
                        (c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or ()
                    ]
                    self.assertEqual(calls, [(c["id"], c["function"]["name"], c["function"]["arguments"])
                                             for c in message.get("tool_calls", ())])  # fmt: skip
                self.assertEqual(len(final.choices), len(completion["choices"]))
        self.assertEqual(self.final("usage").usage.completion_tokens, USAGE["completion_tokens"])

    def test_an_error_in_the_middle(self) -> None:
        import openai

        with self.assertRaisesRegex(openai.APIError, "stopped by policy"):
            self.plain("error")
        with self.assertRaisesRegex(openai.APIError, "stopped by policy"):
            self.final("error")

    def test_a_cut(self) -> None:
        chunks = self.plain("cut")
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks), "Hello")
        self.assertEqual({c.choices[0].finish_reason for c in chunks}, {None})


@unittest.skipUnless(find_spec("langchain_openai"), "langchain-openai is not installed")
class LangChain(Serving):
    def run_it(self, name: str) -> Any:
        from langchain_openai import ChatOpenAI

        with self.serve(name) as upstream:
            model = ChatOpenAI(
                base_url=self.url(upstream),
                api_key="none",
                model="m",
                max_retries=0,
                timeout=30,
                stream_usage=True,
            )
            whole = None
            for chunk in model.stream("Hi"):
                whole = chunk if whole is None else whole + chunk
            return whole

    def test_text_and_usage(self) -> None:
        message = self.run_it("text")
        self.assertEqual(message.content, "Hello, 日本 😀")
        self.assertEqual(message.response_metadata["finish_reason"], "stop")
        self.assertEqual(self.run_it("usage").usage_metadata["total_tokens"], USAGE["total_tokens"])
        self.assertEqual(self.run_it("reasoning").content, "4")

    def test_calls(self) -> None:
        for name in ("calls", "signed"):
            calls = [(call["id"], call["name"], call["args"]) for call in self.run_it(name).tool_calls]
            self.assertEqual(calls, [("call_0", "get_0", {"city": "Oslo"}),
                                     ("call_1", "get_1", {"city": "Bergen", "unit": "C"})])  # fmt: skip

    def test_a_refusal_which_it_does_not_show(self) -> None:
        message = self.run_it("refusal")
        self.assertEqual((message.content, message.response_metadata["finish_reason"]), ("", "stop"))

    def test_an_error_in_the_middle_and_a_cut(self) -> None:
        with self.assertRaisesRegex(Exception, "stopped by policy"):
            self.run_it("error")
        self.assertEqual(self.run_it("cut").content, "Hello")


@unittest.skipUnless(find_spec("httpx"), "httpx is not installed")
class Httpx(Serving):
    def lines(self, name: str) -> list[str]:
        import httpx

        with self.serve(name) as upstream:
            url = f"{self.url(upstream)}/chat/completions"
            with httpx.stream("POST", url, json={**QUESTION, "stream": True}, timeout=30) as response:
                return [line for line in response.iter_lines() if line]

    def test_each_line_is_a_frame_or_a_comment(self) -> None:
        for name in (*COMPLETIONS, "error", "cut"):
            with self.subTest(name):
                lines = self.lines(name)
                frames = [json.loads(line[6:]) for line in lines if line not in ("data: [DONE]", ": ping")]
                self.assertTrue(all(line.startswith(("data: ", ": ")) for line in lines))
                self.assertTrue(
                    all("error" in frame or isinstance(frame["choices"], list) for frame in frames)
                )
                self.assertEqual("data: [DONE]" in lines, name != "cut")
