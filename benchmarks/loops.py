# SPDX-License-Identifier: MIT
"""Loops that a user would write by hand for speed, each for well-behaved servers only.

The *complete* loops return the whole answer: content, reasoning, calls, finish reason and usage of each
choice. They make no events, report no errors and tolerate nothing irregular. The *limit* does only what the
results of sseparse need: it decodes the text, makes an event for each delta and keeps the pieces. It knows
the frames beforehand, so sseparse cannot become faster.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import repeat
from json.decoder import scanstring
from typing import Optional

import sseparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .workloads import Workload

    Loop = Callable[[list[bytes]], dict[str, Any]]


def payloads(pieces: list[bytes]) -> Iterator[bytes]:
    """Yield the data of each line. All lines of a piece are cut at once, which is fastest."""
    rest = b""
    for piece in pieces:
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                yield data


class _Choice:
    """The parts of one choice."""

    __slots__ = ("calls", "content", "finish", "reasoning")

    def __init__(self) -> None:
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.calls: dict[int, dict[str, Any]] = {}
        self.finish: str | None = None

    def message(self) -> dict[str, Any]:
        calls = [{**call, "arguments": "".join(call["arguments"])} for call in self.calls.values()]
        texts = {"content": "".join(self.content), "reasoning": "".join(self.reasoning)}
        return {**texts, "tool_calls": calls, "finish_reason": self.finish}


def _answer(choices: dict[int, _Choice], usage: Any) -> dict[str, Any]:
    return {"choices": [choices[index].message() for index in sorted(choices)], "usage": usage}


def complete_json(loads: Callable[[bytes], Any], pieces: list[bytes]) -> dict[str, Any]:
    """Read with any parser that returns dicts."""
    choices: dict[int, _Choice] = {}
    usage = None
    for data in payloads(pieces):
        chunk = loads(data)
        for entry in chunk["choices"]:
            index = entry["index"]
            if index not in choices:
                choices[index] = _Choice()
            choice = choices[index]
            delta = entry["delta"]
            text = delta.get("content")
            if text:
                choice.content.append(text)
            text = delta.get("reasoning_content") or delta.get("reasoning")
            if text:
                choice.reasoning.append(text)
            for fragment in delta.get("tool_calls") or ():
                function = fragment["function"]
                call = choice.calls.get(fragment["index"])
                if call is None:
                    call = {"id": fragment["id"], "name": function["name"], "arguments": []}
                    choice.calls[fragment["index"]] = call
                call["arguments"].append(function["arguments"])
            if entry.get("finish_reason"):
                choice.finish = entry["finish_reason"]
        if chunk.get("usage"):
            usage = chunk["usage"]
    return _answer(choices, usage)


def complete_msgspec() -> Callable[[list[bytes]], dict[str, Any]]:
    """Read with msgspec and types: it builds only the named fields and skips all others."""
    msgspec = import_module("msgspec")

    def struct(title: str, **fields: Any) -> Any:
        return msgspec.defstruct(title, [(key, kind, None) for key, kind in fields.items()], gc=False)

    text = Optional[str]
    function = struct("Function", name=text, arguments=text)
    fragment = struct("Fragment", index=int, id=text, function=function)
    calls = Optional[list[fragment]]
    delta = struct("Delta", content=text, reasoning_content=text, reasoning=text, tool_calls=calls)
    entry = struct("Entry", index=int, delta=delta, finish_reason=text)
    chunk_type = struct("Chunk", choices=list[entry], usage=Optional[dict])
    decode = msgspec.json.Decoder(chunk_type).decode

    def run(pieces: list[bytes]) -> dict[str, Any]:
        choices: dict[int, _Choice] = {}
        usage = None
        for data in payloads(pieces):
            chunk = decode(data)
            for entry in chunk.choices:
                index = entry.index
                if index not in choices:
                    choices[index] = _Choice()
                choice = choices[index]
                delta = entry.delta
                if delta.content:
                    choice.content.append(delta.content)
                text = delta.reasoning_content or delta.reasoning
                if text:
                    choice.reasoning.append(text)
                for fragment in delta.tool_calls or ():
                    function = fragment.function
                    call = choice.calls.get(fragment.index)
                    if call is None:
                        call = {"id": fragment.id, "name": function.name, "arguments": []}
                        choice.calls[fragment.index] = call
                    call["arguments"].append(function.arguments)
                if entry.finish_reason:
                    choice.finish = entry.finish_reason
            if chunk.usage:
                usage = chunk.usage
        return _answer(choices, usage)

    return run


def complete() -> dict[str, Loop]:
    """Return the complete loops by name, without those whose package is not installed."""
    # Decoding first is a third faster than json.loads(bytes), which guesses the encoding.
    loops: dict[str, Loop] = {"json loop": partial(complete_json, lambda data: json.loads(data.decode()))}
    with suppress(ImportError):
        loops["orjson loop"] = partial(complete_json, import_module("orjson").loads)
    with suppress(ImportError):
        loops["msgspec loop"] = complete_msgspec()
    return loops


# ---- the limit ---------------------------------------------------------------------------------------


class _Template:
    """The bytes of a frame around its text. ``seam`` has those between the text and the padding, if any."""

    def __init__(self, frame: bytes) -> None:
        before, key, rest = frame.partition(b'"arguments":"' if b'"arguments":"' in frame else b'"content":"')
        text = rest[: scanstring(rest.decode("latin-1"), 0)[1] - 1]
        self.head, self.tail, self.seam = before + key, rest[len(text) :], b""
        if b'"obfuscation":"' in self.tail:
            seam, key, self.tail = self.tail.partition(b'"obfuscation":"')
            self.seam, self.tail = seam + key, self.tail[self.tail.index(b'"') :]
        chunk = json.loads(frame[6:])
        self.choice = chunk["choices"][0]["index"]
        calls = chunk["choices"][0]["delta"].get("tool_calls")
        self.call = calls[0]["index"] if calls else None


class Limit:
    """The limit for a workload whose frames differ only in their texts."""

    def __init__(self, workload: Workload) -> None:
        found: dict[bytes, _Template] = {}
        for frame in workload.frames[5:-6]:
            template = _Template(frame)
            found.setdefault(template.head, template)
        self.templates = sorted(found.values(), key=lambda template: (template.choice, template.call or 0))

    def by_frame(self, pieces: list[bytes]) -> str:
        parts: list[list[str]] = [[] for _ in self.templates]
        due = [
            (t.head, len(t.head), t.tail, -len(t.tail), t.seam.decode(), t.choice, t.call, kept.append)
            for t, kept in zip(self.templates, parts)
        ]
        number, count = 0, len(due)
        for piece in pieces:
            head, start, tail, stop, seam, choice, call, keep = due[number]
            if piece.startswith(head) and piece.endswith(tail):
                text = piece[start:stop].decode()
                if seam:
                    text = text.partition(seam)[0]
                if not text.isprintable() or "\\" in text:
                    text = scanstring(text + '"', 0)[0]
                keep(text)
                if call is None:
                    _ = [sseparse.ContentDelta(choice, text)]
                else:
                    _ = [sseparse.ToolCallDelta(choice, call, text)]
                number = (number + 1) % count
            elif piece.startswith(b"data: {"):
                json.loads(piece[6:])
        return "".join(parts[0])

    def in_bulk(self, pieces: list[bytes]) -> str:
        """Read frames of one template: cut them at the bytes between two texts."""
        (template,) = self.templates
        front, back = len(template.head.decode()), 2 - len(template.tail.decode())
        head, tail, seam = template.head.decode(), template.tail.decode(), template.seam.decode()
        parts: list[str] = []
        rest = b""
        for piece in pieces:
            data = rest + piece
            first, last = data.find(template.head), data.rfind(template.head)
            if first == last:
                rest = data
                continue
            rest = data[last:]
            run = data[first:last].decode()
            # Cut at each LF: the search for one character takes half the time of that for a longer string.
            texts = [line[front:back] for line in run.split("\n")[:-1:2]]
            if f"{head}{(tail + head).join(texts)}{tail}" != run:
                raise ValueError("not this template")
            if seam:
                texts = [text.partition(seam)[0] for text in texts]
            if "\\" in "".join(texts):
                texts = [scanstring(text + '"', 0)[0] if "\\" in text else text for text in texts]
            if template.call is None:
                _ = list(map(sseparse.ContentDelta, repeat(template.choice), texts))
            else:
                _ = list(map(sseparse.ToolCallDelta, repeat(template.choice), repeat(template.call), texts))
            parts.extend(texts)
        return "".join(parts) + self.by_frame([frame + b"\n\n" for frame in rest.split(b"\n\n")])
