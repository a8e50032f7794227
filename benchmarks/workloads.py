# SPDX-License-Identifier: MIT
"""The streams: generated ones, each with the events and texts that a reader must find, and recorded ones.

This module does not import sseparse, so its counts are independent of it. Each generator counts its events
and collects its text while it writes the frames. The tests check both with a loop of ``json.loads``. The
frames imitate real servers to the byte (order of keys, separators, the place of ``obfuscation``), because the
fast path depends on such details. All random choices are seeded: the same name and size give the same bytes
everywhere.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"

# How the bytes are cut into feeds. A number is a size in bytes; a string names another rule.
FEEDS: dict[str, int | str] = {
    "frame": "one frame per feed",
    "tcp": 1460,
    "64k": 65536,
    "64b": 64,
    "1b": 1,
    "recorded": "the chunks in which it was received",
}


class Workload:
    """One stream and its contents.

    ``frames`` has the bytes, cut after each blank line. ``payloads`` has the JSON objects in them, as bytes.
    ``events`` counts the events by type, ``comments`` the comment lines. The keys of ``content`` and
    ``reasoning`` are choices, those of ``arguments`` are (choice, index). For a recording ``comments`` is 0,
    ``content`` is known if its final object is beside it, and the others are None.
    """

    def __init__(self, name: str, frames: list[bytes], payloads: list[bytes]) -> None:
        self.name = name
        self.frames = frames
        self.payloads = payloads
        self.events: Counter[str] | None = None
        self.comments = 0
        self.content: dict[int, str] | None = None
        self.reasoning: dict[int, str] | None = None
        self.arguments: dict[tuple[int, int], str] | None = None
        self.chunks: list[bytes] = []  # as received; only of a recording with its timing

    @property
    def wire(self) -> bytes:
        return b"".join(self.frames)

    def cut(self, feed: str) -> list[bytes]:
        """Return the bytes in pieces. ``feed`` is a key of ``FEEDS``. ``[]`` if the pieces are not known."""
        size, wire = FEEDS[feed], self.wire
        if isinstance(size, int):
            return [wire[at : at + size] for at in range(0, len(wire), size)]
        return self.frames if feed == "frame" else self.chunks

    def pieces(self, feed: str) -> int:
        """Return the number of pieces of ``cut(feed)``."""
        size = FEEDS[feed]
        if isinstance(size, int):
            return -(-sum(map(len, self.frames)) // size)
        return len(self.cut(feed))


# ---- writing a stream ----------------------------------------------------------------------------


def _compact(chunk: dict[str, Any]) -> str:
    return json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))


class _Script:
    """Writes one stream, and counts its events."""

    def __init__(self, dumps: Callable[[dict[str, Any]], str] = _compact, end: bytes = b"\n\n") -> None:
        self.dumps = dumps
        self.end = end
        self.frames: list[bytes] = []
        self.payloads: list[bytes] = []
        self.events: Counter[str] = Counter(start=1, done=1)
        self.comments = 0
        self.parts: dict[str, Any] = defaultdict(lambda: defaultdict(list))

    def send(self, chunk: dict[str, Any]) -> None:
        payload = self.dumps(chunk).encode()
        self.payloads.append(payload)
        self.frames.append(b"data: " + payload + self.end)

    def comment(self, text: bytes) -> None:
        self.comments += 1
        self.frames.append(b": " + text + self.end)

    def content(self, text: str, choice: int = 0) -> str:
        """Count a text that is sent as content, and return it."""
        self.events["content.delta"] += 1
        self.parts["content"][choice].append(text)
        return text

    def reasoning(self, text: str, choice: int = 0) -> str:
        self.events["reasoning.delta"] += 1
        self.parts["reasoning"][choice].append(text)
        return text

    def arguments(self, text: str, index: int = 0, choice: int = 0) -> str:
        self.events["tool_call.delta"] += 1
        self.parts["arguments"][choice, index].append(text)
        return text

    def finish(self, name: str, choices: int = 1) -> Workload:
        """End the stream, and count the events that come once for each choice or call."""
        self.frames.append(b"data: [DONE]" + self.end)
        workload = Workload(name, self.frames, self.payloads)
        joined = {kind: {key: "".join(texts) for key, texts in of.items()} for kind, of in self.parts.items()}
        workload.content = joined.get("content", {})
        workload.reasoning = joined.get("reasoning", {})
        workload.arguments = joined.get("arguments", {})
        self.events["content.done"] = len(workload.content)
        self.events["reasoning.done"] = len(workload.reasoning)
        self.events["tool_call.start"] = self.events["tool_call.done"] = len(workload.arguments)
        self.events["choice.done"] = choices
        workload.events = +self.events  # the plus removes the zeros
        workload.comments = self.comments
        return workload


_WORDS = re.findall(
    r"\w+",
    "the of and to in a is that for it as was with be by on not he his but at are this have from or had an "
    "they which one you were her all she there would their we him been has when who will more no if out so "
    "said what up its about into than them can only other new some could time these two may then do first "
    "stream parser answer token because between function value index message however example",
)


def _tokens(name: str, count: int) -> Iterator[str]:
    """Yield pieces of English as a tokenizer cuts it: mostly a space and a word."""
    dice = random.Random(f"sseparse/{name}")
    for _ in range(count):
        roll = dice.random()
        if roll < 0.80:
            yield " " + dice.choice(_WORDS)
        elif roll < 0.88:
            yield dice.choice((",", ".", ":", "-", "s", "'s", "ing"))
        elif roll < 0.96:
            yield dice.choice(_WORDS)
        else:
            yield dice.choice((".\n\n", ":\n", ' "', '"', "**"))


def _head(model: str, **more: Any) -> dict[str, Any]:
    """Return the first fields of a chunk of api.openai.com."""
    return {
        "id": "chatcmpl-ABfw5sXq7DkQm2LrT9vN3yWc8ZpHe",
        "object": "chat.completion.chunk",
        "created": 1770853433,
        "model": model,
        **more,
    }


def _entry(
    delta: dict[str, Any], finish: str | None = None, index: int = 0, logprobs: Any = None
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


_ROLE = {"role": "assistant", "content": "", "refusal": None}


def _usage(completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": 19,
        "completion_tokens": completion,
        "total_tokens": 19 + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


# ---- the generators: ``count`` is the number of deltas ----------------------------------------------


def plain(count: int, name: str = "plain content", tokens: Callable[[str, int], Any] = _tokens) -> Workload:
    """OpenAI before obfuscation, and most servers that imitate it: only the text changes."""
    script = _Script()
    head = _head("gpt-4o-2024-08-06", system_fingerprint="fp_5050236cbd")
    script.events["extra"] += 1  # the fingerprint
    script.send({**head, "choices": [_entry(_ROLE)]})
    for text in tokens(name, count):
        script.send({**head, "choices": [_entry({"content": script.content(text)})]})
    script.send({**head, "choices": [_entry({}, "stop")]})
    script.events["usage"] += 1
    script.send({**head, "choices": [], "usage": _usage(count)})
    return script.finish(name)


def _obfuscation(dice: random.Random, text: str) -> str:
    """Return padding that hides the length of the text on the wire."""
    return "".join(dice.choices(_BASE62, k=(12 - len(text)) % 16))


_BASE62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def obfuscated(count: int) -> Workload:
    """OpenAI today, with ``stream_options.include_usage``: a second string changes in every frame."""
    name, script = "with obfuscation", _Script()
    dice = random.Random(name)
    head = _head("gpt-4.1-2025-04-14", service_tier="default", system_fingerprint="fp_a127cc0295", usage=None)
    script.events["extra"] += 2  # tier and fingerprint
    script.send({**head, "choices": [_entry(_ROLE)], "obfuscation": _obfuscation(dice, "")})
    for text in _tokens(name, count):
        entry = _entry({"content": script.content(text)})
        script.send({**head, "choices": [entry], "obfuscation": _obfuscation(dice, text)})
    script.send({**head, "choices": [_entry({}, "stop")], "obfuscation": _obfuscation(dice, "stop")})
    del head["usage"]
    script.events["usage"] += 1
    script.send({**head, "choices": [], "usage": _usage(count), "obfuscation": ""})
    return script.finish(name)


def _call(index: int, tool_id: str, tool: str) -> dict[str, Any]:
    return {"index": index, "id": tool_id, "type": "function", "function": {"name": tool, "arguments": ""}}


def _fragments(name: str, count: int) -> list[str]:
    """Return the arguments of a call that writes a file, cut into ``count`` pieces as models cut them."""
    inside = [json.dumps(text)[1:-1] for text in _tokens(name, max(0, count - 8))]
    return ['{"', "path", '":"', "notes.txt", '","', "content", '":"', *inside, '"}']


def tool_stream(name: str, fragments: list[str]) -> Workload:
    """OpenAI with one tool call, its arguments in these pieces."""
    script = _Script()
    head = _head("gpt-4o-2024-08-06", system_fingerprint="fp_5050236cbd")
    script.events["extra"] += 1
    opening = {"role": "assistant", "content": None, "tool_calls": [_call(0, "call_7rLq2ZtY", "write_file")]}
    script.send({**head, "choices": [_entry(opening)]})
    for text in fragments:
        function = {"arguments": script.arguments(text)}
        script.send({**head, "choices": [_entry({"tool_calls": [{"index": 0, "function": function}]})]})
    script.send({**head, "choices": [_entry({}, "tool_calls")]})
    return script.finish(name)


def tool_arguments(count: int) -> Workload:
    return tool_stream("tool arguments", _fragments("tool arguments", count))


def arguments(size: int) -> str:
    """Return arguments of about ``size`` characters, a list of changes to a file.

    They have strings, integers, floats, booleans, objects and lists.
    """
    edits: list[dict[str, Any]] = []
    tokens = _tokens("arguments", size)
    while size > 0:
        old, new = ("".join(next(tokens) for _ in range(count)) for count in (6, 24))
        edits.append({"line": size % 997, "old": old, "new": new, "sure": len(edits) % 3 > 0, "score": 0.5})
        size -= len(old) + len(new) + 60
    return json.dumps({"path": "notes.txt", "edits": edits})


def two_calls(count: int) -> Workload:
    """Two calls that are written at the same time, fragment by fragment in turn."""
    name, script = "two calls interleaved", _Script()
    head = _head("gpt-4o-2024-08-06", system_fingerprint="fp_5050236cbd")
    script.events["extra"] += 1
    opening: dict[str, Any] = {"role": "assistant", "content": None}
    for index, tool in enumerate(("write_file", "append_file")):
        opening["tool_calls"] = [_call(index, f"call_{tool}", tool)]
        script.send({**head, "choices": [_entry(opening)]})
        opening = {}
    half = max(9, count // 2)
    for pair in zip(_fragments(name, half), _fragments(name + " 2", half)):
        for index, text in enumerate(pair):
            function = {"arguments": script.arguments(text, index)}
            script.send(
                {**head, "choices": [_entry({"tool_calls": [{"index": index, "function": function}]})]}
            )
    script.send({**head, "choices": [_entry({}, "tool_calls")]})
    return script.finish(name)


def reasoning_then_content(count: int) -> Workload:
    """DeepSeek: both fields in every delta, one of them null. Two thirds are reasoning, then content."""
    name, script = "reasoning then content", _Script()
    head = {
        "id": "66e83c57-5cb1-4eb9-b727-28651c2220c7",
        "object": "chat.completion.chunk",
        "created": 1779989387,
        "model": "deepseek-v4-pro",
        "system_fingerprint": "fp_9954b31ca7_prod0820_fp8_kvcache_20260402",
    }
    script.events["extra"] += 1

    def send(delta: dict[str, Any], finish: str | None = None, usage: Any = None) -> None:
        script.send({**head, "choices": [_entry(delta, finish)], "usage": usage})

    send({"role": "assistant", "content": None, "reasoning_content": ""})
    for number, text in enumerate(_tokens(name, count)):
        if number < count * 2 // 3:
            send({"content": None, "reasoning_content": script.reasoning(text)})
        else:
            send({"content": script.content(text), "reasoning_content": None})
    script.events["usage"] += 1
    send({"content": "", "reasoning_content": None}, "stop", _usage(count))
    return script.finish(name)


def four_choices(count: int) -> Workload:
    """``n=4``: the choices take turns, frame by frame."""
    name, script = "n=4 interleaved", _Script()
    head = _head("gpt-4o-2024-08-06", system_fingerprint="fp_5050236cbd")
    script.events["extra"] += 1
    for index in range(4):
        script.send({**head, "choices": [_entry(_ROLE, index=index)]})
    for number, text in enumerate(_tokens(name, count)):
        index = number % 4
        entry = _entry({"content": script.content(text, index)}, index=index)
        script.send({**head, "choices": [entry]})
    for index in range(4):
        script.send({**head, "choices": [_entry({}, "stop", index)]})
    script.events["usage"] += 1
    script.send({**head, "choices": [], "usage": _usage(count)})
    return script.finish(name, choices=4)


def logprobs(count: int) -> Workload:
    """``logprobs`` with two alternatives: every frame has new numbers."""
    name, script = "logprobs", _Script()
    dice = random.Random(name)
    head = _head("gpt-4o-2024-08-06", system_fingerprint="fp_5050236cbd")
    script.events["extra"] += 1

    def token(text: str) -> dict[str, Any]:
        return {"token": text, "logprob": round(-dice.expovariate(2.0), 8), "bytes": list(text.encode())}

    # The lists of the first frame are empty, but it has logprobs.
    script.events["logprobs.delta"] += 1 + count
    script.send({**head, "choices": [_entry(_ROLE, logprobs={"content": [], "refusal": None})]})
    for text in _tokens(name, count):
        likely = {**token(text), "top_logprobs": [token(text), token(" " + dice.choice(_WORDS))]}
        entry = _entry({"content": script.content(text)}, logprobs={"content": [likely], "refusal": None})
        script.send({**head, "choices": [entry]})
    script.send({**head, "choices": [_entry({}, "stop")]})
    return script.finish(name)


def usage_every_frame(count: int) -> Workload:
    """vLLM with ``continuous_usage_stats``: two numbers change in every frame."""
    name, script = "usage in every frame", _Script()
    head = {
        "id": "chatcmpl-5b0c1f7e2d8f4a4c9e3f1d2b6a7c8d9e",
        "object": "chat.completion.chunk",
        "created": 1762855698,
        "model": "Qwen/Qwen3-8B",
    }

    def usage(completion: int) -> dict[str, int]:
        script.events["usage"] += 1
        return {"prompt_tokens": 31, "total_tokens": 31 + completion, "completion_tokens": completion}

    role = {"role": "assistant", "content": ""}
    script.send({**head, "choices": [_entry(role)], "usage": usage(0)})
    for number, text in enumerate(_tokens(name, count), 1):
        script.send({**head, "choices": [_entry({"content": script.content(text)})], "usage": usage(number)})
    script.send({**head, "choices": [_entry({}, "stop")], "usage": usage(count + 1)})
    return script.finish(name)


def _clock(created: int, number: int) -> int:
    """Return the second in which this frame is sent, for servers that send it in every frame."""
    return created + number // 60


def xai(count: int) -> Workload:
    """xAI: the whole nested usage and the current time in every frame."""
    name, script = "nested usage (xAI)", _Script()
    script.events["extra"] += 1  # the fingerprint
    prompt = {"text_tokens": 466, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 192}

    def send(number: int, choices: list[Any]) -> None:
        script.events["usage"] += 1
        details = _usage(number)["completion_tokens_details"]
        usage = {
            "prompt_tokens": 466,
            "completion_tokens": number,
            "total_tokens": 466 + number,
            "prompt_tokens_details": prompt,
            "completion_tokens_details": details,
            "num_sources_used": 0,
        }
        head = {"id": "34fd1eff-a2d7-3ed8-5cf5-1ff1333419bd", "object": "chat.completion.chunk"}
        head.update(created=_clock(1773345608, number), model="grok-4-fast", choices=choices)
        script.send({**head, "usage": usage, "system_fingerprint": "fp_99052e9f23"})

    for number, text in enumerate(_tokens(name, count), 1):
        delta = {"content": script.content(text), **({"role": "assistant"} if number == 1 else {})}
        send(number, [{"index": 0, "delta": delta}])
    send(count + 1, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    return script.finish(name)


def perplexity(count: int, message: bool = False) -> Workload:
    """Perplexity: five citations, search results and a growing usage in every frame.

    ``message``: the whole text so far is in every frame as well, as its servers send it by default.
    """
    name, script = "Perplexity with message" if message else "Perplexity citations", _Script()
    dice = random.Random("perplexity")
    words = [" ".join(dice.choices(_WORDS, k=24)) for _ in range(5)]
    urls = [f"https://{text[:20].replace(' ', '-')}.example/{at}/index.html" for at, text in enumerate(words)]
    results = [
        {"title": text[:48], "url": url, "date": "2026-04-02", "snippet": text, "source": "web"}
        for url, text in zip(urls, words)
    ]
    said: list[str] = []
    for number, text in enumerate((*_tokens(name, count), ""), 1):
        delta = {"role": "assistant", "content": script.content(text) if text else ""}
        said.append(text)
        entry: dict[str, Any] = {"index": 0}
        if message:
            entry["message"] = {"role": "assistant", "content": "".join(said)}
        entry["delta"] = delta
        if not text:
            entry["finish_reason"] = "stop"
        usage = {"prompt_tokens": 45, "completion_tokens": number, "total_tokens": 45 + number}
        cost = {"input_tokens_cost": 0, "output_tokens_cost": 0, "total_cost": 0}
        script.events["usage"] += 1
        script.events["extra"] += 2  # citations and search results, each time
        head = {"id": "4d1e8cc3-39dd-4fa8-a223-bfe32f45b6e3", "model": "sonar-pro"}
        head.update(created=_clock(1780944596, number), usage={**usage, "cost": cost})
        head.update(citations=urls, search_results=results)
        script.send({**head, "object": "chat.completion.chunk", "choices": [entry]})
    return script.finish(name)


def perplexity_message(count: int) -> Workload:
    return perplexity(count, True)


def openrouter(count: int) -> Workload:
    """OpenRouter with a reasoning model: each piece comes as text and in ``reasoning_details``."""
    name, script = "OpenRouter reasoning", _Script()
    script.events["extra"] += 2  # provider and native_finish_reason

    def send(delta: dict[str, Any], finish: str | None = None, **more: Any) -> None:
        entry = {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish}
        head = {"id": "gen-1777319882-wHdEm7r8yf7gRyPRhoJy", "object": "chat.completion.chunk"}
        head.update(created=1777319882, model="z-ai/glm-5-turbo-20260315", provider="Z.AI")
        script.send({**head, "choices": [entry], **more})

    for number, text in enumerate(_tokens(name, count)):
        delta: dict[str, Any] = {"content": "", "role": "assistant"}
        if number < count * 2 // 3:
            detail = {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
            delta.update(reasoning=script.reasoning(text), reasoning_details=[detail])
            script.events["extra"] += 1
        else:
            delta["content"] = script.content(text)
        send(delta)
    script.events["usage"] += 1
    send({"content": "", "role": "assistant"}, "stop", usage=_usage(count))
    return script.finish(name)


def together(count: int) -> Workload:
    """Together: the text in the delta and beside it, and the number of its token."""
    name, script = "Together text beside delta", _Script()
    dice = random.Random(name)

    def send(text: str, token: int, finish: str | None = None, usage: Any = None) -> None:
        delta = {"token_id": token, "role": "assistant", "content": text}
        entry = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish, "seed": None}
        head = {"id": "ovCb55p-zfFMX-a273a0f90faa9289", "object": "chat.completion.chunk"}
        head.update(created=1786077894, choices=[{**entry, "delta": delta}])
        script.send({**head, "model": "meta-llama/Llama-3.3-70B-Instruct-Turbo", "usage": usage})

    for text in _tokens(name, count):
        send(script.content(text), dice.randrange(100, 128000))
    script.events["usage"] += 1
    send("", 128009, "stop", _usage(count))
    return script.finish(name)


def ollama(count: int) -> Workload:
    """Ollama: the current time in every frame, usage in a frame of its own."""
    name, script = "Ollama", _Script()
    script.events["extra"] += 1  # the fingerprint

    def send(number: int, choices: list[Any], **more: Any) -> None:
        head = {
            "id": "chatcmpl-604",
            "object": "chat.completion.chunk",
            "created": _clock(1786615901, number),
        }
        head.update(model="gpt-oss:120b", system_fingerprint="fp_ollama", choices=choices)
        script.send({**head, **more})

    for number, text in enumerate(_tokens(name, count)):
        delta = {**({} if number else {"role": "assistant"}), "content": script.content(text)}
        send(number, [{"index": 0, "delta": delta, "finish_reason": None}])
    send(count, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    script.events["usage"] += 1
    send(count, [], usage={"prompt_tokens": 223, "completion_tokens": count, "total_tokens": 223 + count})
    return script.finish(name)


def timings(count: int) -> Workload:
    """llama.cpp with ``timings_per_token``: four of nine numbers change in every frame."""
    name, script = "timings (llama.cpp)", _Script()
    dice = random.Random(name)
    milliseconds = 0.0

    def send(number: int, delta: dict[str, Any], finish: str | None = None) -> None:
        nonlocal milliseconds
        milliseconds = round(milliseconds + dice.uniform(6, 9), 3)
        each = milliseconds / max(1, number)
        prompt = {"cache_n": 83, "prompt_n": 1, "prompt_ms": 8.996, "prompt_per_token_ms": 8.996}
        predicted = {"prompt_per_second": 111.16051578479323, "predicted_n": number}
        predicted.update(
            predicted_ms=milliseconds, predicted_per_token_ms=each, predicted_per_second=1e3 / each
        )
        script.events["extra"] += 1
        head: dict[str, Any] = {"choices": [{"finish_reason": finish, "index": 0, "delta": delta}]}
        head.update(created=1795360992, id="chatcmpl-3nMDF1dLu44coYQWJ2v9GR95nFDJL6Ls", model="qwen3-8b")
        head.update(system_fingerprint="b10499-6d05498", object="chat.completion.chunk")
        script.send({**head, "timings": {**prompt, **predicted}})

    script.events["extra"] += 1  # the fingerprint
    send(0, {"role": "assistant", "content": None})
    for number, text in enumerate(_tokens(name, count), 1):
        send(number, {"content": script.content(text)})
    send(count, {}, "stop")
    return script.finish(name)


_SAFE = {"filtered": False, "severity": "safe"}
_FOUND = {"detected": False, "filtered": False}
_VERDICTS = {
    "hate": _SAFE,
    "protected_material_code": _FOUND,
    "protected_material_text": _FOUND,
    "self_harm": _SAFE,
    "sexual": _SAFE,
    "violence": _SAFE,
}


def azure(count: int) -> Workload:
    """Azure: the same nested filter results in every frame, and a first frame about the prompt."""
    name, script = "Azure filters", _Script()
    dice = random.Random(name)

    def send(verdicts: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> None:
        script.events["extra"] += 1  # an Extra for each of the filter results
        entry = {"content_filter_results": verdicts, "delta": delta, "finish_reason": finish}
        script.send(
            {
                "choices": [{**entry, "index": 0, "logprobs": None}],
                "created": 1774962768,
                "id": "chatcmpl-DPTBg29yUne0qG2XCotTwUgvJqaSb",
                "model": "gpt-4.1-mini-2025-04-14",
                "obfuscation": _obfuscation(dice, delta.get("content", "")),
                "object": "chat.completion.chunk",
                "system_fingerprint": "fp_b6f445fc1c",
            }
        )

    prompt = {"prompt_index": 0, "content_filter_results": _VERDICTS}
    head = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [prompt],
    }
    script.send(head)
    script.events["extra"] += 2  # the results for the prompt, and the fingerprint
    send({}, {"content": "", "refusal": None, "role": "assistant"})
    for text in _tokens(name, count):
        send(_VERDICTS, {"content": script.content(text)})
    send({}, {}, "stop")
    return script.finish(name)


def _python_chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """Return a chunk of llama-cpp-python."""
    return {
        "id": "chatcmpl-34f3c795-4798-4f4e-a8c7-3b5ac45505ed",
        "model": "tiny",
        "created": 1795359797,
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }


def crlf(count: int, name: str = "CRLF framing", tokens: Callable[[str, int], Any] = _tokens) -> Workload:
    """Python servers on sse-starlette: CRLF, and spaces in the JSON, as ``json.dumps`` writes by default."""
    script = _Script(dumps=json.dumps, end=b"\r\n\r\n")
    script.send(_python_chunk({"role": "assistant"}))
    for text in tokens(name, count):
        script.send(_python_chunk({"content": script.content(text)}))
    script.send(_python_chunk({}, "stop"))
    return script.finish(name)


def heartbeats(count: int) -> Workload:
    """OpenRouter: comments as heartbeats, here one before every fourth frame."""
    name, script = "heartbeats", _Script()

    def send(delta: dict[str, Any], finish: str | None = None) -> None:
        entry = {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": finish}
        script.send(
            {
                "id": "gen-1767213726-HSkonWv4oSxGI26MJq4w",
                "provider": "OpenAI",
                "model": "openai/gpt-4o-mini-2024-07-18",
                "object": "chat.completion.chunk",
                "created": 1767213727,
                "choices": [{**entry, "logprobs": None}],
                "system_fingerprint": "fp_8bbc38b4db",
            }
        )

    for _ in range(4):
        script.comment(b"OPENROUTER PROCESSING")
    script.events["extra"] += 3  # provider, fingerprint, native_finish_reason
    for number, text in enumerate(_tokens(name, count)):
        if number % 4 == 0:
            script.comment(b"OPENROUTER PROCESSING")
        send({"role": "assistant", "content": script.content(text)})
    send({"role": "assistant", "content": ""}, "stop")
    return script.finish(name)


_FOREIGN = (
    "é",
    "ü",
    " naïve",
    "日本",
    "語",
    "、",
    "。",
    " Привет",
    "مر",
    "한국",
    "😀",
    "👩‍💻",
    "∑",
    " “",
    "”",
    "—",
)
_CODE = ("\n    ", '"', "\\n", ' = "', "\t", "\r\n", "</b>", "\\", "\u2028", "f'{x}'")


def _foreign_tokens(name: str, count: int) -> Iterator[str]:
    dice = random.Random(f"sseparse/{name}")
    for _ in range(count):
        yield dice.choice(_FOREIGN if dice.random() < 0.6 else _CODE)


def non_ascii(count: int) -> Workload:
    """Chinese, emoji and code in UTF-8 with backslash escapes, as most servers send it."""
    return plain(count, "non-ASCII and escapes", _foreign_tokens)


def escaped(count: int) -> Workload:
    r"""The same with ``\uXXXX`` for every character that is not ASCII, as Python servers send it."""
    return crlf(count, "non-ASCII as \\uXXXX", _foreign_tokens)


def _letters(name: str, count: int) -> Iterator[str]:
    dice = random.Random(f"sseparse/{name}")
    return (dice.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(count))


def one_character(count: int) -> Workload:
    return plain(count, "one-character deltas", _letters)


def giant(count: int, frames: int = 1) -> Workload:
    """Frames with ``count`` KiB of text each (a file, an image in base64)."""
    dice = random.Random("giant")
    block = "".join(" " + dice.choice(_WORDS) for _ in range(400))[:1024]
    return plain(frames, "one giant frame", lambda name, frames: [block * count] * frames)


def hostile(count: int, repeats: int = 1, name: str = "hostile, no two alike") -> Workload:
    """Every frame has a random order of keys and a new id, so learning never pays."""
    script, dice = _Script(), random.Random(name)
    script.send(_head("m", choices=[_entry(_ROLE)]))
    for number, text in enumerate(_tokens(name, count)):
        if number % repeats == 0:
            head = _head("m", choices=None)
            head["id"] = f"chatcmpl-{dice.getrandbits(64):016x}"
            keys = list(head)
            dice.shuffle(keys)
        head["choices"] = [_entry({"content": script.content(text)})]
        script.send({key: head[key] for key in keys})
    script.send(_head("m", choices=[_entry({}, "stop")]))
    return script.finish(name)


def hostile_pairs(count: int) -> Workload:
    """Two frames in a row have the same order of keys and the same id. What is learnt then is useless."""
    return hostile(count, 2, "hostile, in pairs")


def weather(count: int) -> Workload:
    """A recording of 11 frames and [DONE]: one tool call of ``gpt-4-0613``. ``count`` has no effect."""
    workload = load(RECORDINGS / "weather_tool_call.sse")
    workload.name = "weather stream"
    types = {"start": 1, "tool_call.start": 1, "tool_call.delta": 9, "tool_call.done": 1}
    workload.events = Counter({**types, "choice.done": 1, "done": 1})
    workload.content, workload.reasoning = {}, {}
    workload.arguments = {(0, 0): '{\n  "location": "Boston"\n}'}
    return workload


# Each stream by name: its generator, and the argument of the generator in a full run and in a quick one.
GENERATORS: dict[str, tuple[Callable[[int], Workload], int, int]] = {
    "plain content": (plain, 2000, 200),
    "with obfuscation": (obfuscated, 2000, 200),
    "tool arguments": (tool_arguments, 2000, 200),
    "reasoning then content": (reasoning_then_content, 2000, 200),
    "n=4 interleaved": (four_choices, 2000, 200),
    "two calls interleaved": (two_calls, 2000, 200),
    "logprobs": (logprobs, 2000, 200),
    "usage in every frame": (usage_every_frame, 2000, 200),
    "nested usage (xAI)": (xai, 2000, 200),
    "Azure filters": (azure, 2000, 200),
    "Perplexity citations": (perplexity, 2000, 200),
    "Perplexity with message": (perplexity_message, 400, 200),
    "OpenRouter reasoning": (openrouter, 2000, 200),
    "Together text beside delta": (together, 2000, 200),
    "Ollama": (ollama, 2000, 200),
    "timings (llama.cpp)": (timings, 2000, 200),
    "CRLF framing": (crlf, 2000, 200),
    "heartbeats": (heartbeats, 2000, 200),
    "non-ASCII and escapes": (non_ascii, 2000, 200),
    "non-ASCII as \\uXXXX": (escaped, 2000, 200),
    "one-character deltas": (one_character, 100_000, 1000),
    "one giant frame": (giant, 8192, 256),
    "hostile, no two alike": (hostile, 2000, 200),
    "hostile, in pairs": (hostile_pairs, 2000, 200),
    "weather stream": (weather, 0, 0),
}


def mixes() -> list[Workload]:
    """Return fifteen usual answers of usual lengths, each to be read by a new stream."""
    made = [
        ("chat of 303 frames", plain(300)),
        ("chat of 43 frames", plain(40)),
        ("tool call", tool_arguments(30)),
        ("weather stream", weather(0)),
        ("reasoning", reasoning_then_content(150)),
        ("n=4", four_choices(160)),
        ("usage (vLLM)", usage_every_frame(150)),
        ("nested usage (xAI)", xai(150)),
        ("Perplexity", perplexity_message(150)),
        ("OpenRouter reasoning", openrouter(150)),
        ("Azure filters", azure(150)),
        ("Together", together(150)),
        ("Ollama", ollama(150)),
        ("timings (llama.cpp)", timings(150)),
        ("logprobs", logprobs(100)),
    ]
    for name, workload in made:
        workload.name = name
    return [workload for _, workload in made]


# ---- recorded streams ------------------------------------------------------------------------------


def load(path: Path) -> Workload:
    """Return a recorded body. Its final object (``.json``) and timing (``.timed.jsonl``) may be beside it."""
    wire = path.read_bytes()
    # Cut after each blank line, for any line ends.
    frames = [frame for frame in re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r)", wire) if frame]
    workload = Workload(path.stem, frames, [found for frame in frames for found in _payload(frame)])
    timed = timing_beside(path)
    if timed.exists():
        lines = timed.read_text("utf-8").splitlines()
        workload.chunks = [base64.b64decode(json.loads(line)["b64"]) for line in lines]
        if b"".join(workload.chunks) != wire:
            raise ValueError(f"{timed} is not the timing of {path}: its bytes are others")
    final = path.with_suffix(".json")
    if final.exists():
        workload.content = _content(json.loads(final.read_text("utf-8")))
    return workload


def timing_beside(path: Path) -> Path:
    """Return the path of the timing of a recording: ``name.timed.jsonl`` for ``name.sse``."""
    return path.with_suffix(".timed.jsonl")


def recordings() -> list[Path]:
    """Return all recorded chat streams: those in this folder, and a collection beside the checkout."""
    beside = HERE.parent.parent / "shared" / "recordings" / "chat"
    return sorted(RECORDINGS.glob("*.sse")) + sorted(beside.glob("*.sse"))


def _payload(frame: bytes) -> Iterator[bytes]:
    """Yield the data of a frame if it is a JSON object: that is what a floor decodes."""
    lines = [line[5:].lstrip(b" ") for line in frame.splitlines() if line.startswith(b"data:")]
    payload = b"\n".join(lines)
    try:
        if isinstance(json.loads(payload), dict):
            yield payload
    except ValueError:
        return


def _content(completion: dict[str, Any]) -> dict[int, str] | None:
    """Return the text of each choice of a final object. None for another object or content that is a list."""
    try:
        texts = {choice["index"]: choice["message"].get("content") for choice in completion["choices"]}
    except (KeyError, TypeError):
        return None
    if not all(isinstance(text, (str, type(None))) for text in texts.values()):
        return None
    return {index: text for index, text in texts.items() if text}
