# SPDX-License-Identifier: MIT
"""A checker of the eleven rules of writing: is this stream canonical?

The checker was written from the rules and does not use the encoder. ``check(wire)`` raises AssertionError,
which names the rule and the frame.
"""

from __future__ import annotations

import json

HEADER = ("id", "object", "created", "model")
LATER = ("service_tier", "system_fingerprint")
REASONING = ("reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details",
             "thinking_blocks")  # fmt: skip


def pairs_once(pairs):
    value = dict(pairs)
    assert len(value) == len(pairs), "rule 10: a key stands twice"
    return value


def no_constant(name):
    raise AssertionError(f"rule 10: {name} is no JSON")


def strict(text):
    value = json.loads(text, object_pairs_hook=pairs_once, parse_constant=no_constant)
    again = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert again == text, "rule 10: no spaces in the JSON, nothing escaped that need not be"
    return value


class Stream:
    """The answer in the frames so far."""

    def __init__(self):
        self.header = None
        self.later = {}
        self.choices = {}
        self.usages = 0
        self.is_done = False

    def frame(self, text):
        if text == "[DONE]":
            assert not self.is_done, "rule 7: [DONE] twice"
            self.is_done = True
            return
        value = strict(text)
        assert isinstance(value, dict), "rule 1: a frame is an object"
        if "error" in value:
            self.error(value)
        else:
            self.chunk(value)

    def error(self, value):
        assert list(value) == ["error"], "rule 8: nothing beside an error"
        error = value["error"]
        assert list(error) == ["message", "type", "param", "code"], "rule 8: message, type, param, code"
        assert isinstance(error["message"], str) and isinstance(error["type"], str), "rule 8: strings"
        assert error["type"] != "malformed", "rule 8: malformed is not written"
        assert error["param"] is None, "rule 8: param"

    def chunk(self, chunk):
        names = list(chunk)
        assert names[:4] == list(HEADER), f"rule 1: {HEADER} come first"
        header = {name: chunk[name] for name in HEADER}
        assert header["id"] and isinstance(header["id"], str), "rule 1: an id"
        assert header["object"] in ("chat.completion.chunk", "text_completion"), "rule 1: object"
        assert isinstance(header["created"], (int, float)), "rule 1: created"
        assert isinstance(header["model"], str), "rule 1: model"
        assert self.header in (None, header), "rule 1: the same in all"
        self.header = header
        self.is_text = header["object"] == "text_completion"
        rest = names[4:]
        later = [name for name in LATER if name in chunk and isinstance(chunk[name], str)]
        assert rest[: len(later)] == later, "rule 1: service_tier and system_fingerprint before choices"
        replaced = {name for name in LATER if name in chunk} - set(later)  # by a value that is no string
        assert set(self.later) - replaced <= set(later), "rule 1: on every frame once known"
        self.later = {name: chunk[name] for name in later}
        assert rest[len(later) : len(later) + 1] == ["choices"], "rule 1: choices, always"
        others = rest[len(later) + 1 :]
        assert isinstance(chunk["choices"], list), "rule 1: choices is a list"
        assert len(chunk["choices"]) <= 1, "rule 3: one choice per frame"
        assert None not in [chunk[name] for name in others], "rule 3: no nulls"
        if chunk["choices"]:
            assert not others, "rule 3: one thing per frame"
            assert not self.is_done, "rule 7: a choice after [DONE]"
            self.entry(chunk["choices"][0])
        elif "usage" in others:
            assert others in (["usage"], ["usage", "x_groq"]), "rule 6: usage alone"
            assert isinstance(chunk["usage"], dict) and chunk["usage"], "rule 6: an object"
            self.usages += not self.is_done
            assert self.usages <= 1, "rule 6: one frame with usage"
        else:
            assert len(others) <= 1, "rule 3: one thing per frame"

    def entry(self, entry):
        names = list(entry)
        assert names[-1] == "finish_reason", "rule 3: finish_reason on each entry"
        index = entry["index"]
        assert isinstance(index, int) and not isinstance(index, bool) and index >= 0, "rule 1: index"
        is_new = index not in self.choices
        new = {"calls": [], "ids": set(), "legacy": False, "finished": False}
        choice = self.choices.setdefault(index, new)
        assert not self.usages, "rule 6: usage after everything of the choices"
        if "delta" in entry:
            assert names[:2] == ["index", "delta"], "rule 1: order of keys"
            said = self.delta(choice, entry["delta"], is_new and not self.is_text)
        else:
            assert self.is_text, "rule 2: a delta"
            assert names[:2] == ["text", "index"], "rule 2: text"
            assert isinstance(entry["text"], str), "rule 2: text"
            said = bool(entry["text"])
        beside = names[2:-1]
        assert len(beside) <= 1, "rule 3: one thing beside the delta"
        if beside != ["logprobs"] or entry["logprobs"] is not None:
            assert not said or beside in ([], ["logprobs"]), "rule 3: only logprobs stand beside text"
            assert None not in [entry[name] for name in beside], "rule 3: no nulls"
        if entry["finish_reason"] is not None:
            assert isinstance(entry["finish_reason"], str), "rule 5: finish_reason"
            assert not said and not beside and entry.get("delta", {}) == {}, "rule 5: a frame of its own"
            assert not choice["finished"], "rule 5: once"
            choice["finished"] = True

    def delta(self, choice, delta, is_first):
        if is_first:
            assert list(delta)[:2] == ["role", "content"], "rule 2: the role first, and alone"
            assert delta["role"] and isinstance(delta["role"], str), "rule 2: role"
            assert delta["content"] in ("", None), "rule 2: content is empty or null"
            assert list(delta)[2:] in ([], ["refusal"]) and delta.get("refusal") is None, "rule 2: refusal"
            return False
        assert "role" not in delta, "rule 2: one role"
        assert None not in list(delta.values()), "rule 3: no nulls in a delta"
        assert len(delta) <= 1 or set(delta) <= set(REASONING), "rule 3: one thing per frame"
        if "tool_calls" in delta:
            assert isinstance(delta["tool_calls"], list) and len(delta["tool_calls"]) == 1, "rule 4: one call"
            if "index" in delta["tool_calls"][0]:
                self.call(choice, delta["tool_calls"][0])
        if isinstance(delta.get("function_call"), dict):
            self.body(delta["function_call"], not choice["legacy"])
            choice["legacy"] = True
        return "content" in delta or bool(set(delta) & {*REASONING, "refusal"})

    def call(self, choice, call):
        index = call["index"]
        calls = choice["calls"]
        kinds = [name for name in ("function", "custom") if name in call]
        if index == len(calls):
            # Only the first fragment may have empty strings, and an id inside function.
            said = [name for name in call if call[name] != "" or name == "id"]
            assert said == ["index", "id", "type", *kinds], "rule 4: index, id, type, function"
            assert len(kinds) == 1, "rule 4: function or custom"
            assert call["id"] and isinstance(call["id"], str), "rule 4: an id"
            assert call["id"] not in choice["ids"], "rule 4: one id, one call"
            assert call["type"] and isinstance(call["type"], str), "rule 4: a type"
            choice["ids"].add(call["id"])
            calls.append(kinds)
            self.body(call[kinds[0]], True)
            return
        assert index in range(len(calls)), "rule 11: no gaps in the indexes of calls"
        assert kinds == calls[index], "rule 4: a call does not change its kind"
        assert not set(call) & {"id", "type"}, "rule 4: id and type once"
        body = call[kinds[0]]
        self.body(body, False)
        if len(call) > 2:
            assert len(call) == 3, "rule 3: one thing per frame"
            assert body in ({"arguments": ""}, {"input": ""}), "rule 9: an extra beside no text"

    def body(self, body, is_first):
        if is_first:
            assert list(body)[:2] in (["name", "arguments"], ["name", "input"]), "rule 4: name and arguments"
            others = [name for name in list(body)[2:] if body[name] != "" and name != "id"]
            assert not others, "rule 4: and nothing else"
            assert isinstance(body["name"], str), "rule 4: a name"
            assert list(body.values())[1] == "", "rule 4: arguments begin empty"
        else:
            assert len(body) == 1 and "name" not in body, "rule 4: the arguments and nothing else"


def frames(wire):
    """The data of all frames; comments are left out."""
    assert wire.endswith(b"\n\n") or not wire, "rule 10: whole frames"
    assert b"\r" not in wire, "rule 10: LF"
    found = []
    for frame in wire.decode("utf-8").split("\n\n")[:-1]:
        assert "\n" not in frame, "rule 10: one line"
        if not frame.startswith(": "):
            assert frame.startswith("data: "), "rule 10: data lines only"
            found.append(frame[6:])
    return found


def check(wire):
    """Raise AssertionError unless the stream is canonical. Return the data of its frames."""
    stream = Stream()
    texts = frames(wire)
    for number, text in enumerate(texts):
        try:
            stream.frame(text)
        except AssertionError as reason:
            raise AssertionError(f"frame {number}: {reason}: {text[:300]}") from None
    return texts
