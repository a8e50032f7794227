# SPDX-License-Identifier: MIT
"""From chunks to the message: all state of choices and tool calls, and nowhere else.

It takes chunks (decoded JSON objects), emits events and keeps what the non-streaming response would
have said. It knows no bytes, no frames and no ``[DONE]``; whoever sees those calls ``close()``.

Theory of operation
-------------------
A *choice* is new, open or finished. It is new until an entry of ``choices`` names its index, then
open; a finish_reason finishes it, but only for the record: servers send content, usage, even whole
tool calls after it, so nothing is closed by it. ``close()`` ends all choices at once, fires every
Done event, and from then on entries of ``choices`` are not read any more.

A *call* is unnamed, started or done. It is made by the first fragment that the rules of
``Calls.find`` give to no existing call. While it is unnamed its arguments are kept silently; the
name starts it (``ToolCallStart``, then what was kept as one delta, then deltas as they come). It is
done with its choice, never before: arguments that parse as JSON may still go on.

Who may touch them: ``_choice`` makes choices, ``_fragment`` and ``_function_call`` make calls,
``_finish`` ends both. Two numbers tell the fast path (``_fast.py``) what a chunk changed. ``kept``
increases when the kept value of an unknown field changes. ``version`` increases with every other state
change that can affect how a later chunk is read, except for text appended to an existing text, usage,
logprobs, and which call was touched last. A chunk that changes neither number would have the same effects
again, with another text. Whatever else changes such state here must increase ``version``.

Text that grows is kept in pieces (``Text``), never in a string. Strings may hold halves of
surrogate pairs (``"\\ud83d"`` alone in one chunk); text is stored as it came and mended when read,
so that halves which meet are one character.
"""

from __future__ import annotations

import json

from ._answer import Answer, Audio, Choice, Reading
from ._calls import DONE, STARTED, UNNAMED, Call
from ._errors import LimitReached
from ._events import (
    AudioDelta,
    ChoiceDone,
    ContentDelta,
    ContentDone,
    Done,
    Error,
    Extra,
    LogprobsDelta,
    ReasoningDelta,
    ReasoningDone,
    RefusalDelta,
    RefusalDone,
    Start,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
    Usage,
)
from ._json import status_of
from ._partial import BLANK
from ._text import Text, has_halves, well_formed
from ._values import (
    CHANGED,
    GROWN,
    NOISE_FIELDS,
    Unreadable,
    add_part,
    as_index,
    copy_of,
    count_values,
    grow,
    is_absent,
    is_number,
    is_same,
    overlay,
    plain_json,
    render,
    replaces,
    says_nothing,
    thoughts_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ._events import ErrorKind, Event, ObjectName, Place, Status

MAX_CHOICES = 128
MAX_TOOL_CALLS = 128
MAX_ERRORS = 100
MAX_USAGE_VALUES = 1024  # each Usage event copies them, so their number is bounded; servers send 5 to 40

# Each table names in a comment the server or the report that showed the need for it.

# Fields of a delta that are reasoning. The first that has text feeds the events, all are kept under
# their own name. (DeepSeek, Qwen, xAI; OpenRouter, Groq, vLLM: vllm-project/vllm#27755; GitHub
# Copilot: ericc-ch/copilot-api#152; both at once: OpenRouter, azrtydxb/Fastllm-proxy#23)
REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "thinking")

# A later "stop" does not replace these. (ChatMock and other converters: RayBytes/ChatMock#114)
LASTING_FINISH_REASONS = frozenset(("tool_calls", "function_call", "length", "content_filter", "error"))

# Neither a custom tool's input nor a call without arguments has a grammar that tells whether it was
# cut; these ends of the choice do. (no report seen)
CUTTING_FINISH_REASONS = frozenset(("length", "content_filter", "error"))

# Known fields of a chunk beside ``choices``, and those of them that mean nothing once they are known.
CHUNK_FIELDS = frozenset(("id", "object", "created", "model", "usage", "error", *NOISE_FIELDS))
PASSING_FIELDS = ("id", "created", "obfuscation", "p")

# Known fields of a fragment of tool_calls. ("extra_content" and the like are kept: Gemini's thought
# signatures must be sent back, earendil-works/pi#3234)
FRAGMENT_FIELDS = frozenset(("index", "id", "type", "function", "custom", *NOISE_FIELDS))


def error_of(chunk: dict[str, Any], choices: Any) -> Any:
    """Return the error that an object is (rule 12), or None: what stands under ``error``, else the object.

    ``choices`` is what the chunk has under that key. (``error_msg``: Langchain-Chatchat#1922)
    """
    if chunk.get("error"):
        return chunk["error"]
    if chunk.get("object") == "error":
        return chunk
    if choices.__class__ is list:
        return None
    if chunk.get("type") == "error" or chunk.get("error_msg") or chunk.get("error_code"):
        return chunk
    code: Any = chunk.get("code")
    message: Any = chunk.get("message")
    is_code = bool(code) and code != 200
    return chunk if is_code and message.__class__ is str and message else None


class ChunkReader:
    """Read chunks: change the answer, emit events. ``ChatStream`` and ``ChatAssembler`` each own one.

    ``events`` is the list that events are appended to. ``frame`` is the ordinal of the current frame.
    ``version`` and ``kept`` increase with state changes that can affect how a later chunk is read (above).
    ``stopped``: a limit was passed, and nothing more is read.
    """

    __slots__ = (
        "_core",
        "_halves",
        "_header",
        "_max_choices",
        "_max_errors",
        "_max_tool_calls",
        "_source",
        "_started",
        "_usage_values",
        "answer",
        "choices",
        "counted",
        "events",
        "frame",
        "kept",
        "stopped",
        "version",
    )

    def __init__(self, max_choices: int, max_tool_calls: int, max_errors: int) -> None:
        self._max_choices = max_choices
        self._max_tool_calls = max_tool_calls
        self._max_errors = max_errors
        self.answer = Answer()
        self.choices = self.answer.choices
        self._usage_values = 0
        self._header: dict[str, Any] | None = None
        self._core: dict[str, Any] | None = None
        self._source: str | None = None  # the text of the chunk at hand
        self._halves = False  # the chunk at hand has halves of surrogate pairs
        self._started = False
        self.events: list[Event] = []
        self.frame: int | None = 0
        self.version = 0
        self.kept = 0
        self.counted: object = None  # whoever recounts usage: the last change of it was theirs
        self.stopped = False

    def take(self) -> list[Event]:
        """Return the list of events and begin a new one."""
        events = self.events
        self.events = []
        return events

    def read(self, chunk: dict[str, Any], source: str | None, halves: bool, error: Any = None) -> None:
        """Read a chunk that is ours to change. ``source``: the text it was; ``error``: what the framing
        said is an error, if it did."""
        self._halves = halves and (has_halves(chunk) or has_halves(error))
        self._source = source
        choices: Any = chunk.pop("choices", ...)
        usage: Any = chunk.get("usage")
        if usage is not None:
            del chunk["usage"]
        try:
            is_usual = choices.__class__ is list and (usage is None or usage.__class__ is dict)
            if not is_usual or error is not None or not self._repeats(chunk):
                self._chunk(chunk, choices, usage, error)
            elif usage is None and len(choices) == 1 and choices[0].__class__ is dict:
                usage = self._entry(choices[0], 0)  # nearly all that come here
                if usage is not None:
                    self.overlay_usage([usage])
            else:
                self._entries(choices, usage)
        finally:
            self._source = None

    def report(self, kind: ErrorKind, message: str, data: Any = None) -> None:
        """Emit an Error that whoever sees the framing found."""
        self._error(kind, message, data=data)

    def server_error(self, error: Any, around: dict[str, Any], halves: bool) -> None:
        """Emit the server's error, which is all that a frame says. ``around`` is the object it stood in."""
        self._halves = halves
        self._server_error(render(error, False), around)

    def foreign_frame(self, event: str, value: dict[str, Any], halves: bool) -> None:
        """Emit the object of a frame that is no chunk, under its event type (rule 2)."""
        self.events.append(Extra(None, None, event, render(value, halves), "frame"))

    def limit(self, message: str) -> None:
        """Emit the limit error: from now on nothing is read."""
        error = Error("limit", message)
        self.stopped = True
        self.answer.errors.append(error)
        self.events.append(error)

    def finish(self, done: bool) -> None:
        """Fire the Done events unless they were, and note which end it was."""
        answer = self.answer
        if not (answer.closed or answer.done):
            for index in sorted(self.choices):
                self._finish(self.choices[index], done)
        if not done:
            answer.closed = True
        elif not (answer.done or answer.closed):
            answer.done = True
            self._header = self._core = None
            self.events.append(Done())
        self.version += 1

    # -- reading a chunk ----------------------------------------------------------------------------

    def _error(
        self,
        kind: ErrorKind,
        message: str,
        choice: int | None = None,
        code: Any = None,
        data: Any = None,
        server_type: str | None = None,
    ) -> None:
        self.version += 1
        if len(self.answer.errors) >= self._max_errors:
            self.limit(f"more than {self._max_errors} errors; nothing more is read")
            raise LimitReached
        frame = self.frame
        if self._halves:
            message = well_formed(message)
            code = render(code, True)
            data = render(data, True)
        error = Error(kind, message, choice, code, data, frame, server_type)
        self.answer.errors.append(error)
        self.events.append(error)

    def _malformed(self, what: str, choice: int | None = None) -> None:
        """Report an entry that cannot be read; ``what`` is a whole clause."""
        self._error("malformed", what, choice, data=None if self._source is None else self._source[:200])

    def _server_error(self, error: Any, around: dict[str, Any], choice: int | None = None) -> None:
        """Report an error of the server, with message and code found where they are.

        (nine shapes: vllm-project and sglang error frames, OpenRouter with choices, Groq's
        ``event: error``, llama.cpp ggml-org/llama.cpp#16109, old vLLM aaif-goose/goose#8027, RFC 9457)
        """
        places = [error, around]
        if error.__class__ is dict:
            places[1:1] = map(error.get, ("message", "error", "detail"))
        message = code = None
        for place in places:
            found: Any = place
            if place.__class__ is dict:
                found = place.get("message") or place.get("error_msg")
                code = place.get("code") if code is None else code
                code = place.get("error_code") if code is None else code
            if not message and found.__class__ is str:
                message = found
        kind: Any = error.get("type") if error.__class__ is dict else None
        kind = self._text(kind) if kind.__class__ is str and kind else None
        if not message:
            message = "the server reported an error without a message"
            if kind is not None:
                message += f", of type {kind}"
        self._error("server", message, choice, code, error, kind)

    def _chunk(self, chunk: dict[str, Any], choices: Any, usage: Any, error: Any) -> None:
        """Read a chunk, whose ``choices`` and ``usage`` were taken out."""
        if error is None:
            error = error_of(chunk, choices)
        if error is chunk:
            error = chunk.copy()
            if choices is not ...:
                error["choices"] = choices
            if usage is not None:
                error["usage"] = usage
        if choices is ...:
            choices = None
        if error:
            self._server_error(render(error, False), chunk)
            if choices.__class__ is not list:
                return
        if choices.__class__ is not list or self.answer.done:
            if choices and not self.answer.done:
                self._malformed("choices is not a list; it was ignored")
            choices = []
        self._entries(choices, self._header_fields(chunk, choices, usage))  # pyright: ignore

    def _entries(self, choices: Iterable[Any], usage: Any) -> None:
        """Read the entries of ``choices``, then usage: the chunk's, else that of the entries."""
        usages: list[Any] = [] if usage is None else [usage]
        for position, entry in enumerate(choices):
            if entry.__class__ is dict:
                of_choice = self._entry(entry, position)
                if of_choice is not None and usage is None:
                    usages.append(of_choice)
            elif not is_absent(entry):
                self._malformed("entry of choices is not an object; it was ignored")
        if usages:
            self.overlay_usage(usages)

    def _repeats(self, chunk: dict[str, Any]) -> bool:
        """Whether these fields are those of the last chunk, which had no effect, save for what means
        nothing, or nothing any more."""
        if chunk == self._header:
            return True
        if self._header is None:
            return False
        if self._core is None:
            self._core = self._header.copy()
            for name in PASSING_FIELDS:
                self._core.pop(name, None)
        pop = chunk.pop
        passing = (pop("id", ...), pop("created", ...), pop("obfuscation", ...), pop("p", ...))
        if chunk == self._core:
            return True
        chunk.update({name: value for name, value in zip(PASSING_FIELDS, passing) if value is not ...})
        return False

    def _header_fields(self, chunk: dict[str, Any], choices: list[Any], usage: Any) -> Any:
        """Read the fields of a chunk beside ``choices``; return its usage, None if there is none.

        Where reading them again would change nothing they are remembered: ``_header``, and ``_core``
        without those that have no effect any more. (Strings and nulls only, because 1 == True.)
        """
        answer = self.answer
        id: Any = chunk.get("id")
        created: Any = chunk.get("created")
        model: Any = chunk.get("model")
        # Not believed: Azure sends "", Perplexity "chat.completion.done".
        repeats = chunk.get("object") != "error" and chunk.get("error") is None
        extras: dict[str, Any] | None = None
        for key, value in chunk.items():
            if key not in CHUNK_FIELDS and value is not None:
                if extras is None:
                    extras = {}
                extras[key] = value
                if value.__class__ is not str:
                    repeats = False
        if not self.answer.done:
            if answer.id is None and id.__class__ is str and id:
                answer.id = self._text(id)
                self.version += 1
            if model.__class__ is str and model and model != answer.model:
                answer.model = self._text(model)
                self.version += 1
            if answer.created is None and is_number(created) and created:
                answer.created = created
                self.version += 1
        if not self._started and not all(map(is_absent, choices)):
            self._started = True
            self.version += 1
            first = next(entry for entry in choices if not is_absent(entry))
            is_text = first.__class__ is dict and first.get("text") is not None
            is_text = is_text and first.get("delta") is None and first.get("message") is None
            name: ObjectName = "text_completion" if is_text else "chat.completion"
            self.events.append(Start(answer.id, answer.model, answer.created, name))
        fallback: Any = None
        if extras is not None:
            fallback = extras.get("x_groq")
            fallback = fallback.get("usage") if fallback.__class__ is dict else None
            self.keep_extras(answer.extras, extras, None, None, "chunk")
        is_settled = self._started and answer.id and answer.created and not (self._halves or answer.done)
        self._header = chunk if repeats and is_settled else None
        self._core = None
        if usage.__class__ is dict:
            return usage
        if usage:
            self._malformed("usage is not an object; it was ignored")
        return fallback if fallback.__class__ is dict else None

    def overlay_usage(self, usages: list[dict[str, Any]]) -> None:
        """Overlay usage field by field. (cumulative on each chunk: vLLM, SGLang, Perplexity; null again
        later, details dropped later: pydantic/pydantic-ai#5889)"""
        answer = self.answer
        self.counted = None
        if self._usage_values > MAX_USAGE_VALUES:
            self._malformed(f"usage has more than {MAX_USAGE_VALUES} values; it was ignored")
            return
        changed = CHANGED if answer.usage is None else 0
        before = render(answer.usage, False) if len(usages) > 1 else None
        if answer.usage is None:
            answer.usage = {}
        for usage in usages:
            changed |= overlay(answer.usage, render(usage, True) if self._halves else usage)
        if changed:
            if changed & GROWN:
                self._usage_values = count_values(answer.usage)
            if not is_same(answer.usage, before):  # one choice may undo what another did
                self.events.append(Usage(render(answer.usage, False)))

    def recount(self, places: list[tuple[dict[str, Any], str]], numbers: list[Any], inner: list[Any]) -> None:
        """Overlay usage that says again what is kept, except for numbers. ``places`` is where these are kept,
        ``inner`` where in usage there are containers."""
        changed = False
        for (kept, key), number in zip(places, numbers):
            old = kept[key]
            if old != number or old.__class__ is not number.__class__:
                kept[key] = number
                changed = True
        if changed:
            self.events.append(Usage(copy_of(self.answer.usage, inner)))

    def _entry(self, entry: dict[str, Any], position: int) -> Any:
        """Read one entry of ``choices``; return the usage it carries, if any."""
        index: Any = entry.get("index")
        if index is None:
            index = position
        choice = self.choices.get(index) if index.__class__ is int else None
        if choice is None:
            choice = self._choice(index)
            if choice is None:
                return None
        delta: Any = entry.pop("delta", None)
        logprobs: Any = None
        finish_reason: Any = None
        rest: dict[str, Any] | None = None
        for key, value in entry.items():
            if value is None:
                if key == "logprobs" and not choice.logprobs_seen:
                    choice.logprobs_seen = True
                    self.version += 1
            elif key == "finish_reason":
                finish_reason = value
            elif key == "logprobs" and value.__class__ is dict:
                logprobs = value
            elif key != "index":
                if rest is None:
                    rest = {}
                rest[key] = value
        if delta.__class__ is dict:
            choice.is_chat = True
            piece: Any = delta.get("content")
            if len(delta) == 1 and piece.__class__ is str:
                self._content(choice, piece)
            else:
                self._delta(choice, delta)
        elif delta:  # null and PHP's [] are no delta
            self._malformed("delta is not an object; it was ignored", choice.index)
        if finish_reason.__class__ is str and finish_reason:
            self._finish_reason(choice, finish_reason)
        if rest is not None:
            return self._rest_of_entry(choice, rest, delta, logprobs)
        if logprobs is not None:
            self.logprobs(choice, logprobs)
        return None

    def _choice(self, index: Any) -> Choice | None:
        """Return the choice of this index, new or named in an odd way; None if it cannot be one."""
        number = as_index(index)
        if number is None or number >= self._max_choices:
            reason = "is no index" if number is None else f"is not below max_choices ({self._max_choices})"
            self._malformed(f"index of a choice {reason}; the entry was ignored")
            return None
        choice = self.choices.get(number)
        if choice is None:
            choice = self.choices[number] = Choice(number)
            self.version += 1
        return choice

    def _finish_reason(self, choice: Choice, reason: str) -> None:
        reason = self._text(reason)
        kept = choice.finish_reason
        if reason != kept and not (reason == "stop" and kept in LASTING_FINISH_REASONS):
            choice.finish_reason = reason
            self.version += 1

    def _rest_of_entry(self, choice: Choice, rest: dict[str, Any], delta: Any, logprobs: Any) -> Any:
        """Read what few entries have: a message, a text, an error, unknown fields, logprobs beside these."""
        message: Any = rest.pop("message") if "message" in rest else None
        is_whole = delta.__class__ is not dict and message.__class__ is dict
        if delta.__class__ is not dict:
            if is_whole:
                choice.is_chat = True
                self._message_as_delta(choice, message)
            else:
                if message:
                    self._malformed("message is not an object; it was ignored", choice.index)
                text: Any = rest.pop("text", None)
                if text.__class__ is str:
                    choice.is_text = True
                    self._content(choice, text)
                elif text:
                    self._malformed("text is not a string; it was ignored", choice.index)
        if "logprobs" in rest and not is_number(rest["logprobs"]):
            logprobs = rest.pop("logprobs")
        error: Any = rest.pop("error") if "error" in rest else None
        usage: Any = rest.pop("usage") if "usage" in rest else None
        for name in NOISE_FIELDS:
            rest.pop(name, None)
        if rest:
            self.keep_extras(choice.extras, rest, choice.index, None, "choice")
        if is_whole and logprobs.__class__ is dict and choice.logprobs is not None:
            kept = choice.logprobs
            logprobs = {key: value for key, value in logprobs.items() if not kept.get(key)} or None
        if logprobs is not None:
            self.logprobs(choice, logprobs)
        if error:
            self._server_error(error, {**rest, "message": message}, choice.index)
            self._finish_reason(choice, "error")
        return usage if usage.__class__ is dict else None

    def _message_as_delta(self, choice: Choice, message: dict[str, Any]) -> None:
        """Read a whole message as one delta of the fields that nothing was accumulated for. (simulated
        streaming: Amm1rr/WebAI-to-API#55; a final snapshot: abundantbeing/hermes-browser-extension#11)"""
        have: set[str] = set(REASONING_FIELDS) if choice.thoughts else set()
        for name, kept in (
            ("content", choice.content or choice.parts),
            ("refusal", choice.refusal),
            ("tool_calls", choice.calls),
            ("function_call", choice.function_call),
            ("audio", choice.audio),
        ):
            if kept:
                have.add(name)
        extras = choice.message_extras
        fields = {
            key: value
            for key, value in message.items()
            if key not in have and (key in REASONING_FIELDS or key not in extras)
        }
        self._delta(choice, fields, bool(choice.thoughts))

    def logprobs(self, choice: Choice, logprobs: Any) -> None:
        """Extend every list. (extra lists: sgl-project/sglang#28601; arrays of text completions; a number
        is a field nobody knows: togethercomputer/openapi#27)"""
        if logprobs.__class__ is not dict:
            choice.logprobs_seen = True
            self.version += 1
            if not logprobs:
                return
            self._malformed("logprobs is not an object; it was ignored", choice.index)
            return
        if self._halves:
            logprobs = render(logprobs, True)
        kept = choice.logprobs
        if kept is None:
            kept = choice.logprobs = {}
        for key, value in logprobs.items():
            old: Any = kept.get(key)
            if value.__class__ is list:
                if old.__class__ is list:
                    old.extend(value)
                else:
                    kept[key] = value.copy()
            elif value is not None or key not in kept:
                kept[key] = render(value, False)
        self.events.append(LogprobsDelta(choice.index, logprobs))

    def keep_extras(
        self,
        kept: dict[str, Any],
        extras: dict[str, Any],
        choice: int | None,
        index: int | None,
        place: Place,
    ) -> None:
        """Keep unknown fields outside of deltas: the last non-null one; objects are merged."""
        if place == "chunk":
            self._header = None  # it says which of these fields were kept last
        for key, value in (render(extras, True) if self._halves else extras).items():
            kind = value.__class__
            if value is None:
                continue
            old: Any = kept.get(key)
            if kind is dict and old.__class__ is dict:
                if overlay(old, value):
                    self.kept += 1
            elif kind is dict or kind is list:
                if not is_same(old, value):
                    kept[key] = render(value, False)
                    self.kept += 1
            elif replaces(key, old, value):
                kept[key] = value
                self.kept += 1
            else:
                continue
            self._extra(choice, index, key, value, place)

    def _extra(self, choice: int | None, index: int | None, field: str, value: Any, place: Place) -> None:
        if self._halves:
            field = well_formed(field)
            value = render(value, True)
        self.events.append(Extra(choice, index, field, value, place))

    def _text(self, text: str) -> str:
        return well_formed(text) if self._halves else text

    # -- reading a delta ------------------------------------------------------------------------------

    def _delta(self, choice: Choice, delta: dict[str, Any], thought: bool = False) -> None:
        """Read a delta; ``thought``: the events have said its reasoning already."""
        content: Any = None
        rest: dict[str, Any] | None = None
        for key, value in delta.items():
            if value is None:
                if key == "refusal" and not choice.refusal_seen:
                    choice.refusal_seen = True
                    self.version += 1
            elif key == "content":
                content = value
            elif key == "role":
                if choice.role is None and value.__class__ is str and value:
                    choice.role = self._text(value)
                    self.version += 1
            elif key != "index" and key not in NOISE_FIELDS:
                if rest is None:
                    rest = {}
                rest[key] = value
        if rest is None and content.__class__ is str:
            self._content(choice, content)
        elif rest is not None or content is not None:
            self._delta_in_order(choice, content, rest or {}, thought)

    def _delta_in_order(self, choice: Choice, content: Any, rest: dict[str, Any], thought: bool) -> None:
        """Read the fields of a delta in the order in which their events are promised."""
        fed = False
        for name in REASONING_FIELDS:
            if name in rest and rest[name].__class__ is str:
                fed = self._reasoning(choice, name, rest.pop(name), fed)
        if content.__class__ is str:
            self._content(choice, content)
        elif content.__class__ is list and not all(map(is_absent, content)):
            self._content_parts(choice, content, thought)
        elif content and content.__class__ is not list:
            self._malformed("content is neither string nor list; it was ignored", choice.index)
        if "refusal" in rest:
            self._refusal(choice, rest.pop("refusal"))
        if "tool_calls" in rest:
            self._tool_calls(choice, rest.pop("tool_calls"))
        if "function_call" in rest:
            self._function_call(choice, rest.pop("function_call"))
        if "audio" in rest:
            self._audio(choice, rest.pop("audio"))
        if rest:
            self.keep_delta_extras(choice, rest)

    def keep_delta_extras(self, choice: Choice, fields: dict[str, Any]) -> None:
        """Keep unknown fields of a delta (rules 9 and 10)."""
        for key, value in fields.items():
            if grow(choice.message_extras, key, value, self._halves):
                self.kept += 1
                self._extra(choice.index, None, key, value, "delta")

    def _utter(self, text: Text, piece: str) -> str:
        """Append to a text; return what an event may say of it."""
        text.pieces.append(piece)
        if len(text.pieces) >= Text.FOLD_AT:
            text.fold()
        if self._halves or text.held:
            text.halves = True
            self.version += 1
            return text.utter(piece)
        return piece

    def _content(self, choice: Choice, piece: str) -> None:
        content = choice.content
        if content is None:
            content = choice.content = Text()
            self.version += 1
        if piece:
            if choice.parts is not None:
                self.version += 1
                add_part(choice.parts, {"type": "text", "text": piece}, self._halves)
            if self._halves or content.held:
                piece = self._utter(content, piece)
            else:
                content.append(piece, False)
            if piece:
                self.events.append(ContentDelta(choice.index, piece))

    def _content_parts(self, choice: Choice, parts: list[Any], thought: bool) -> None:
        """Read content that is a list of parts: text is text, thinking is reasoning. (Mistral)"""
        self.version += 1
        if choice.content is None:
            choice.content = Text()
        if choice.parts is None:
            choice.parts = [{"type": "text", "text": choice.content.copy()}] if choice.content else []
        for part in parts:
            if is_absent(part):
                continue
            add_part(choice.parts, part, self._halves)
            if part.__class__ is not dict:
                continue
            if part.get("type") == "text" and part.get("text").__class__ is str:
                piece = self._utter(choice.content, part["text"]) if part["text"] else ""
                if piece:
                    self.events.append(ContentDelta(choice.index, piece))
            elif part.get("type") == "thinking" and not thought:
                piece = "".join(thoughts_of(part))
                if piece:
                    self._think(choice, piece, "content")

    def _reasoning(self, choice: Choice, name: str, piece: str, fed: bool) -> bool:
        """Append reasoning under its wire name; return whether this delta has fed the events by now."""
        text = choice.reasoning.get(name)
        if text is None:
            text = choice.reasoning[name] = Text()
            if choice.thoughts is None:
                choice.thoughts = text  # nearly always the only name: what the events say is kept once
            self.version += 1
        if not piece:
            return fed
        if text is choice.thoughts:
            self._utter_reasoning(choice, text, piece, name)
        else:
            self.version += 1
            text.append(piece, self._halves)
            if not fed:
                self._think(choice, piece, name)
        return True

    def _think(self, choice: Choice, piece: str, field: str) -> None:
        """Let the events say reasoning from a second source; from now on it is kept apart from the first."""
        thoughts = choice.thoughts
        if thoughts is None:
            thoughts = choice.thoughts = Text()
        elif any(thoughts is text for text in choice.reasoning.values()):
            choice.thoughts = thoughts.copy()
            thoughts.held = ""
            thoughts = choice.thoughts
        self._utter_reasoning(choice, thoughts, piece, field)

    def _utter_reasoning(self, choice: Choice, thoughts: Text, piece: str, field: str) -> None:
        piece = self._utter(thoughts, piece)
        choice.thoughts_field = field
        if piece:
            self.events.append(ReasoningDelta(choice.index, piece, field))

    def _refusal(self, choice: Choice, piece: Any) -> None:
        if piece.__class__ is not str:
            choice.refusal_seen = True
            self.version += 1
            if piece:
                self._malformed("refusal is not a string; it was ignored", choice.index)
            return
        if choice.refusal is None:
            choice.refusal = Text()
            self.version += 1
        if piece:
            piece = self._utter(choice.refusal, piece)
            if piece:
                self.events.append(RefusalDelta(choice.index, piece))

    def _audio(self, choice: Choice, audio: Any) -> None:
        if audio.__class__ is not dict:
            if audio:
                self._malformed("audio is not an object; it was ignored", choice.index)
            return
        self.version += 1
        kept = choice.audio
        if kept is None:
            kept = choice.audio = Audio()
        data = transcript = None
        for key, value in audio.items():
            if key == "data" and value.__class__ is str:
                if kept.data is None:
                    kept.data = Text()
                kept.data.append(value, self._halves)
                data = self._text(value) or None
            elif key == "transcript" and value.__class__ is str:
                if kept.transcript is None:
                    kept.transcript = Text()
                transcript = self._utter(kept.transcript, value) if value else None
            elif key not in NOISE_FIELDS:
                grow(kept.fields, key, value, self._halves)
        if data or transcript:
            self.events.append(AudioDelta(choice.index, data, transcript or None))

    # -- tool calls -------------------------------------------------------------------------------------

    def _tool_calls(self, choice: Choice, fragments: Any) -> None:
        if fragments.__class__ is dict:
            fragments = [fragments]
        elif fragments.__class__ is not list:
            if not fragments:
                return
            self._malformed("tool_calls is not a list; it was ignored", choice.index)
            return
        for fragment in fragments:
            if fragment.__class__ is dict:
                self._fragment(choice, fragment)
            elif not is_absent(fragment):
                self._malformed("entry of tool_calls is not an object; it was ignored", choice.index)

    def _fragment(self, choice: Choice, fragment: dict[str, Any]) -> None:
        """Give one entry of a delta's ``tool_calls`` to its call."""
        wire_index: Any = fragment.get("index")
        index = None if wire_index is None else as_index(wire_index)
        if index is None and wire_index is not None:
            what = "index of a tool call is no index; the fragment was ignored"
            self._malformed(what, choice.index)
            return
        id: Any = fragment.get("id")
        id = self._text(id) if id.__class__ is str and id else None
        kind, body = self._body_of(choice, fragment)
        calls = choice.calls
        if id is None and index is None and body is None:
            call = calls.last
            if call is None:
                if any(value is not None for value in fragment.values()):
                    self._extra(choice.index, None, "tool_calls", fragment, "delta")
                return
        else:
            name: Any = body.get("name") if body else None
            if name.__class__ is not str or not name:
                name = None
            call = calls.find(id, index, name)
            if call is None:
                if len(calls) >= self._max_tool_calls:
                    calls.forget(index)
                    what = f"more than max_tool_calls ({self._max_tool_calls}) calls; the fragment was ignored"
                    self._malformed(what, choice.index)
                    return
                call = calls.add()
                self.version += 1
            if name is not None and call.id is None:
                self.version += 1  # rule (d) looks at the arguments each time
        is_custom = kind == "custom" or fragment.get("type") == "custom"
        if is_custom and call.kind == "function" and call.stage == UNNAMED and not call.arguments:
            call.kind = "custom"
            self.version += 1
        if calls.note(call, id, index):
            self.version += 1
        if body:
            self._grow_call(choice, call, body, "input" if kind == "custom" else "arguments")
        if len(fragment) > 2 or index is None or body is None:
            self._rest_of_fragment(choice, call, fragment)

    def _body_of(self, choice: Choice, fragment: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """Return the kind of a fragment and what has its name and text; None if it has neither."""
        kind = "function"
        body: Any = fragment.get(kind)
        if "custom" in fragment and says_nothing(body):
            custom: Any = fragment["custom"]
            if custom or (custom.__class__ is dict and body.__class__ is not dict):
                kind = "custom"
                body = custom
        if body.__class__ is dict:
            return kind, body
        if body:
            self._malformed(f"{kind} is not an object; it was ignored", choice.index)
            return kind, {}
        return kind, None

    def _grow_call(self, choice: Choice, call: Call, body: dict[str, Any], field: str) -> None:
        """Read the inside of a fragment: name, arguments (``input`` of a custom tool), unknown fields."""
        piece: Any = None
        for key, value in body.items():
            if value is None:
                continue
            if key == field:
                piece = value
            elif key == "name":
                if value.__class__ is str and value and call.rename(self._text(value)):
                    self.version += 1
            elif key not in NOISE_FIELDS:
                self.version += 1
                overlay(call.inner, render({key: value}, self._halves))
        if piece.__class__ is dict:
            # (TGI until huggingface/text-generation-inference#2949, koboldcpp)
            piece = json.dumps(piece, ensure_ascii=False, separators=(",", ":"))
        elif piece.__class__ is not str:
            if piece:
                self._malformed(f"{field} is neither string nor object; it was ignored", choice.index)
            piece = None
        if call.stage == UNNAMED and call.name is not None and not (call.index is None and choice.calls):
            self._start(choice, call)
        if piece:
            if not call.arguments:
                self.version += 1
            piece = self._utter(call.arguments, piece)
            if call.stage == UNNAMED:
                self.version += 1  # text without an event
            elif piece:
                self.events.append(ToolCallDelta(choice.index, call.index, piece))

    def _start(self, choice: Choice, call: Call) -> None:
        """Fire the start of a call, and what came before it as one delta."""
        call.stage = STARTED
        self.version += 1
        self.events.append(ToolCallStart(choice.index, call.index, call.id, call.full_name(), call.kind))
        earlier = call.arguments.uttered()
        if earlier:
            self.events.append(ToolCallDelta(choice.index, call.index, earlier))

    def _rest_of_fragment(self, choice: Choice, call: Call, fragment: dict[str, Any]) -> None:
        """Read the type and the unknown fields of a fragment."""
        extras = {key: value for key, value in fragment.items() if key not in FRAGMENT_FIELDS}
        kind: Any = fragment.get("type")
        if call.type is None and kind.__class__ is str and kind:
            call.type = self._text(kind)
            self.version += 1
        if extras:
            self.keep_extras(call.extras, extras, choice.index, call.index, "tool_call")

    def _function_call(self, choice: Choice, body: Any) -> None:
        """Read the legacy field. Beside tool_calls it is kept silently: some servers mirror one call in
        both (llama-cpp-python)."""
        if body.__class__ is not dict:
            if body:
                self._malformed("function_call is not an object; it was ignored", choice.index)
            return
        call = choice.function_call
        if call is None:
            if says_nothing(body):
                return
            call = choice.function_call = Call(None, "function_call")
            self.version += 1
        self._grow_call(choice, call, body, "arguments")

    # -- the end ----------------------------------------------------------------------------------------

    def _finish(self, choice: Choice, done: bool) -> None:
        """Fire the Done events of one choice."""
        index = choice.index
        emit = self.events.append
        for text, delta, whole in (
            (choice.content, ContentDelta, ContentDone),
            (choice.thoughts, ReasoningDelta, ReasoningDone),
            (choice.refusal, RefusalDelta, RefusalDone),
        ):
            if text:
                if text.held and text is choice.thoughts:
                    emit(ReasoningDelta(index, "\ufffd", choice.thoughts_field))
                elif text.held:
                    emit(delta(index, "\ufffd"))
                emit(whole(index, text.settle()))
        calls = choice.calls.in_order.copy()
        legacy = choice.function_call
        if legacy is not None:
            if legacy.stage == STARTED or not calls:
                calls.append(legacy)
            else:
                legacy.arguments.settle()
        for call in calls:
            self._finish_call(choice, call, done)
        if choice.audio is not None and choice.audio.transcript is not None and choice.audio.transcript.held:
            choice.audio.transcript.held = ""
            emit(AudioDelta(index, None, "\ufffd"))
        emit(ChoiceDone(index, choice.finish_reason))

    def _finish_call(self, choice: Choice, call: Call, done: bool) -> None:
        if call.stage == UNNAMED:
            self._start(choice, call)
        if call.arguments.held:
            self.events.append(ToolCallDelta(choice.index, call.index, "\ufffd"))
        arguments = call.arguments.settle()
        status: Status
        if call.kind != "custom" and arguments.strip(BLANK):
            status = status_of(arguments)
        elif choice.finish_reason in CUTTING_FINISH_REASONS or not (choice.finish_reason or done):
            status = "incomplete"  # without a grammar, only the end of the choice tells
        else:
            status = "complete" if call.kind == "custom" else "empty"
        call.stage = DONE
        id = self.answer.call_id(choice, call)
        self.events.append(
            ToolCallDone(choice.index, call.index, id, call.full_name(), arguments, call.kind, status)
        )


class ChatAssembler(Reading):
    """Chunks in, events out, and the final message: for those who hold decoded chunks already.

    Args:
        max_choices: choice indexes must be below it.
        max_tool_calls: calls per choice.
        max_errors: Error events before it gives up with one of kind ``limit``.

    Attributes: ``done`` (bool: closed with ``done=True``), ``finished`` (bool: there is a choice, and each
    has a finish_reason), ``closed`` (bool), ``errors`` (list of the Error events so far), ``id``, ``model``
    (str or None until known), ``usage`` (dict or None).

    It neither changes nor keeps the chunks it is given. It pickles and deep-copies at any point.
    """

    __slots__ = ("_answer", "_reader")

    def __init__(
        self,
        *,
        max_choices: int = MAX_CHOICES,
        max_tool_calls: int = MAX_TOOL_CALLS,
        max_errors: int = MAX_ERRORS,
    ) -> None:
        self._reader = ChunkReader(max_choices, max_tool_calls, max_errors)
        self._answer = self._reader.answer

    @property
    def closed(self) -> bool:
        """Whether ``close()`` was called."""
        return self._answer.closed

    def add(self, chunk: Mapping[str, Any]) -> list[Event]:
        """Return the events that ``chunk`` causes, in order.

        ``chunk`` is a mapping as ``json.loads`` or an SDK's ``model_dump()`` gives it, keys in any order.
        Nothing it says raises: type confusion and nesting beyond 128 levels are Error events. After a
        limit error it returns ``[]``; after ``close(done=True)`` only usage and unknown fields are read.
        Raises TypeError for what is no mapping of JSON values, RuntimeError after ``close()``.
        """
        if not hasattr(chunk, "items"):
            raise TypeError(
                f"add() takes a decoded chunk (a mapping), not {type(chunk).__name__}:"
                " pass json.loads(data) or chunk.model_dump(), or feed bytes to ChatStream"
            )
        if self.closed:
            raise RuntimeError("add() after close(): make a new ChatAssembler for the next answer")
        reader = self._reader
        if not reader.stopped:
            try:
                self._read(chunk)
            except LimitReached:
                pass
            reader.frame = (reader.frame or 0) + 1
        return reader.take()

    def _read(self, chunk: Mapping[str, Any]) -> None:
        try:
            plain = plain_json(chunk, 1)
        except Unreadable as reason:
            self._reader.report("malformed", f"{reason}; the chunk was not read")
        else:
            if plain.keys() != {"type"}:  # a ping
                self._reader.read(plain, None, True)

    def close(self, done: bool = False) -> list[Event]:
        """End the answer: return the Done events, each exactly once, with ``Done`` last if ``done``.

        Idempotent; ``done=True`` says that the server declared the end. Truncation is not judged here,
        but by those who see the framing.
        """
        self._reader.finish(done)
        return self._reader.take()

    def __repr__(self) -> str:
        state = "done" if self.done else "closed" if self.closed else "open"
        if self._reader.stopped:
            state = "stopped"
        calls = sum(len(choice.calls) for choice in self._answer.choices.values())
        return (
            f"<ChatAssembler {state}, {len(self._answer.choices)} choices, {calls} tool calls,"
            f" {len(self.errors)} errors>"
        )
