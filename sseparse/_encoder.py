# SPDX-License-Identifier: MIT
"""The way back: events, or a whole completion, become a stream that every known client accepts.

``ChatEncoder`` is ``ChatStream`` backwards, and ``encode`` is ``parse`` backwards. Both write through one
``_Writer``, which knows frames and no events. Numbers in comments are the rules of the canonical stream
(README). Each rule is one that some client needs; twelve clients were tried: openai-python and openai-node,
plain and with their helpers, the Vercel AI SDK, LangChain in both languages, litellm, pydantic-ai, and
simonw/llm.

Theory of operation
-------------------
*Reading an event and writing it are two steps.* The first makes JSON text of what the event carries. It looks
at nothing else, and only this step can fail. ``feed()`` takes it for all events before it takes the second
for any of them, so an exception leaves the encoder as it was.

*The header* (id, object, created, model) is open until the first chunk is written, and never changes after
that. Fields of the chunk that come earlier than ``Start`` wait until then: Azure's first chunk has no id.

*A choice* is new, open or finished. What is first written of it opens it: a frame with its role goes before.
*A call* is new or started. Its number on the wire is how many calls were started before it. Unknown fields
wait for its start; text before the start is left out.

*Usage* waits for ``Done`` or ``close()``. No text is kept.
"""

from __future__ import annotations

import json
import time
from json.encoder import encode_basestring as quote

from ._answer import id_tail
from ._assembler import REASONING_FIELDS
from ._json import is_too_deep
from ._text import has_halves, well_formed
from ._values import NOISE_FIELDS, Unreadable, add_part, grow, is_absent, overlay, plain_json, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Callable

    from ._events import Event

# The headers of a response that is an event stream. ``no-transform`` keeps proxies that compress from
# collecting frames, ``X-Accel-Buffering`` keeps nginx from it.
SSE_HEADERS = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)

# On every frame once they are known (rule 1).
HEADER_EXTRAS = ("service_tier", "system_fingerprint")

# Every entry of ``choices`` that does not finish its choice ends like this (rule 3).
TAIL = '"finish_reason":null}]}\n\n'

# Kinds of errors that say the stream has ended.
ENDS = frozenset(("truncated", "limit", "not_sse", "not_chat"))

# Where an Extra can stand (rule 9): how many containers are around it, and the fields that the encoder itself
# writes there.
PLACES: dict[str, tuple[int, tuple[str, ...]]] = {
    "chunk": (1, ("id", "object", "created", "model", "choices", "usage", "error")),
    "choice": (3, ("index", "delta", "finish_reason", "usage", "error")),
    "delta": (4, ("role",)),
    "tool_call": (6, ("index", "id", "type", "function", "custom")),
    "function": (7, ("name",)),
    "frame": (0, ()),
}

NAMES = (*REASONING_FIELDS, "reasoning_details", "thinking_blocks")  # of fields with reasoning

_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _json(value: Any, depth: int) -> str:
    """Return the JSON text of a value that stands inside ``depth`` containers.

    Keys become strings, and NaN and Infinity null, as they do in reading. Raises ValueError for what a reader
    would refuse (too deep, an integer too long to print), TypeError for what is no JSON value.
    """
    try:
        text = _dump(value)
        if not is_too_deep("[" * depth + text):
            return text
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return _dump(plain_json(value, depth + 1))
    except Unreadable as reason:
        raise ValueError(str(reason)) from None


def made_up_id() -> str:
    from os import urandom  # here, because the import costs more than most of this package

    return f"chatcmpl-{urandom(12).hex()}"


class _Call:
    """How fields of a call that was started are written: inside ``function``, or beside it."""

    __slots__ = ("after", "before", "inside", "text")

    def __init__(self, number: int, kind: str) -> None:
        self.text = '"input":' if kind == "custom" else '"arguments":'
        self.before = f'"tool_calls":[{{"index":{number},'
        self.inside = f'"{kind}":{{'
        self.after = "}}]"
        if kind == "function_call":
            self.before, self.inside, self.after = '"function_call":{', "", "}"

    def field(self, place: str, field: str) -> str:
        """Return the fields of a delta that say ``field`` of this call."""
        if place == "function":
            return f"{self.before}{self.inside}{field}{self.after}"
        return f"{self.before}{field}}}]"


class _Choice:
    """A choice that something was written of. ``entry`` begins its entries, up to the fields of the delta."""

    __slots__ = ("calls", "entry", "finished", "ids", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self.entry = f'"choices":[{{"index":{index},"delta":{{'
        self.calls: dict[int | None, _Call] = {}  # by the index that the events have
        self.ids: set[str] = set()
        self.finished = False


class _Writer:
    """Writes frames. ``frames`` holds those that nobody has taken yet."""

    __slots__ = (
        "base", "call_ids", "choices", "created", "cut", "early", "extras", "frames", "groq", "has_news", "head", "id",
        "is_over", "is_text", "model", "reasoning", "says_usage", "texts", "usage", "waiting",
    )  # fmt: skip

    def __init__(
        self, id: str | None, model: str | None, created: Any, says_usage: bool, reasoning: str | None = None
    ) -> None:
        self.id = id
        self.model = model
        self.created = created
        self.says_usage = says_usage
        self.reasoning = reasoning
        self.is_text = False  # a text completion
        self.is_over = False  # an error has said that the stream ended early
        self.call_ids = "call"  # how ids begin that are made up for calls
        self.base = ""  # the header, "" while it is open
        self.head = ""  # what all chunks begin with: the header and what is known of HEADER_EXTRAS
        self.extras: dict[str, str] = {}
        self.has_news = False  # one of the extras is in no frame yet
        self.early: list[str] = []  # fields of the chunk that wait for the header, and error frames behind them
        self.choices: dict[int, _Choice] = {}
        self.waiting: dict[tuple[int, int | None], list[tuple[str, str]]] = {}  # fields of calls not started
        self.usage = ""
        self.groq: dict[str, Any] = {}  # x_groq, which has the usage again
        self.cut = ""  # the frame of an error that says the stream was cut, from a stream that says so itself
        self.frames: list[str] = []
        self.texts: dict[int, int] = {}  # the place in ``frames`` of each choice's last text without logprobs

    def take(self) -> bytes:
        """Return what was written, as UTF-8 (rule 10)."""
        text = "".join(self.frames)
        self.frames.clear()
        self.texts.clear()
        try:
            return text.encode()
        except UnicodeEncodeError:
            return well_formed(text).encode()

    # -- chunks ---------------------------------------------------------------------------------------

    def open(self) -> None:
        """Close the header; what nobody has said is made up (rule 1)."""
        if self.base:
            return
        id = quote(self.id or made_up_id())
        name = "text_completion" if self.is_text else "chat.completion.chunk"
        created = _dump(self.created or int(time.time()))
        self.base = f'data: {{"id":{id},"object":"{name}","created":{created},"model":{quote(self.model or "")},'
        self.set_head()
        for text in self.early:
            if text[0] == '"':
                self.chunk(text)
            else:
                self.frames.append(text)
        self.early = []

    def set_head(self) -> None:
        known = [f'"{name}":{self.extras[name]},' for name in HEADER_EXTRAS if name in self.extras]
        self.head = self.base + "".join(known)

    def chunk(self, *fields: str) -> None:
        """Write a chunk whose list of choices is empty, but there (rule 1)."""
        self.open()
        self.has_news = False
        self.frames.append(",".join((f'{self.head}"choices":[]', *fields)) + "}\n\n")

    def choice(self, index: int, content: str = "null") -> _Choice:
        """Return a choice; of a new one the role is written first (rule 2)."""
        choice = self.choices.get(index)
        if choice is None:
            choice = self.new_choice(index)
            if not self.is_text:
                self.delta(choice, f'"role":"assistant","content":{content}')
        return choice

    def new_choice(self, index: int) -> _Choice:
        self.open()
        choice = self.choices[index] = _Choice(index)
        return choice

    def delta(self, choice: _Choice, fields: str, more: str = "") -> None:
        """Write an entry: the fields of its delta, and ``more`` beside it."""
        self.has_news = False
        self.frames.append(f"{self.head}{choice.entry}{fields}}},{more}{TAIL}")

    def entry(self, choice: _Choice, text: str, tail: str) -> None:
        """Write an entry that is the same in both APIs: ``text``, or a delta with it as content."""
        self.has_news = False
        if self.is_text:
            text = text or '""'
            start = f'"choices":[{{"text":{text},"index":{choice.index},'
        else:
            text = text and f'"content":{text}'
            start = f"{choice.entry}{text}}},"
        self.frames.append(f"{self.head}{start}{tail}")

    def open_early(self) -> None:
        if self.early:
            self.open()

    def settle(self) -> None:
        """Write the usage, and what else has waited for a frame that does not come any more."""
        self.open_early()
        usage = self.usage and f'"usage":{self.usage}'
        if not usage:
            self.groq.pop("usage", None)
        groq = self.groq and f'"x_groq":{_dump(self.groq)}'
        if usage or groq or self.has_news:
            self.chunk(*[field for field in (usage, groq) if field])
        self.usage = ""
        self.groq = {}

    def finish(self, choice: _Choice, reason: str) -> None:
        """Write the finish_reason once, in an entry with nothing else (rule 5)."""
        if not choice.finished:
            choice.finished = True
            self.entry(choice, "", f'"finish_reason":{reason}}}]}}\n\n')

    # -- calls ----------------------------------------------------------------------------------------

    def start_call(
        self, choice: _Choice, index: int | None, id: str | None, name: str | None, kind: str, type: str
    ) -> None:
        """Start a call: its id, type and name are said here and never again (rule 4).

        The number on the wire counts the calls that were started (rule 11).
        """
        number = len(choice.calls) - (None in choice.calls)
        call = choice.calls[index] = _Call(number, kind)
        inside = f'"name":{quote(name or "")},{call.text}""'
        if index is None:
            self.delta(choice, call.field("function", inside))
        else:
            id = self.call_id(choice, index, id)
            outside = f'"id":{quote(id)},"type":{quote(type)},'
            self.delta(choice, f"{call.before}{outside}{call.inside}{inside}{call.after}")
        for place, field in self.waiting.pop((choice.index, index), ()):
            self.delta(choice, call.field(place, field))

    def call_id(self, choice: _Choice, index: int, id: str | None) -> str:
        """Return the id, or one made up (rule 4 of reading). Two calls with one id would be read as one."""
        made_up = f"{self.call_ids}_{choice.index}_{index}"
        id = id if id and id not in choice.ids else made_up
        while id in choice.ids:
            id = f"{id}_{len(choice.ids)}"
        choice.ids.add(id)
        return id

    def call_field(self, choice: int, index: int | None, place: str, field: str) -> None:
        """Write a field of a call; before its start, keep it."""
        kept = self.choices.get(choice)
        call = kept and kept.calls.get(index)
        if kept and call:
            self.delta(kept, call.field(place, field))
        else:
            self.waiting.setdefault((choice, index), []).append((place, field))


# -- events -------------------------------------------------------------------------------------------
#
# For each type of event two functions: what makes JSON text of it, and what writes that. The first raises
# TypeError or ValueError for what cannot be written, the second raises nothing.


def _check_choice(event: Any) -> None:
    if event.choice.__class__ is not int or event.choice < 0:
        raise TypeError(f"its choice is {event.choice!r}, not an index")


def _check_call(event: Any) -> None:
    _check_choice(event)
    if event.index is not None and (event.index.__class__ is not int or event.index < 0):
        raise TypeError(f"its index is {event.index!r}, not the place of a call")


def _text_of(value: Any, what: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"its {what} is {type(value).__name__}, not str")
    return value


def _read_start(event: Any) -> tuple[str | None, str | None, int]:
    created = event.created
    if created is not None and not isinstance(created, (int, float)):
        raise TypeError(f"its created is {type(created).__name__}, not int")
    return _text_of(event.id, "id"), _text_of(event.model, "model"), int(created or 0)


def _write_start(writer: _Writer, event: Any, read: tuple[str | None, str | None, int]) -> None:
    id, model, created = read
    writer.call_ids = "call" + id_tail(id)
    if not writer.base:
        writer.id = writer.id or id
        writer.model = model if writer.model is None else writer.model
        writer.created = writer.created or created
        writer.is_text = event.object == "text_completion"
        writer.open()


def _read_text(event: Any) -> str:
    _check_choice(event)
    return quote(event.text)


def _write_content(writer: _Writer, event: Any, text: str) -> None:
    choice = writer.choices.get(event.choice) or writer.choice(event.choice, '""')
    writer.entry(choice, text, TAIL)
    writer.texts[event.choice] = len(writer.frames) - 1


def _write_reasoning(writer: _Writer, event: Any, text: str) -> None:
    """Rule 9. (Vercel AI reads reasoning_content and reasoning, LangChain reasoning_content)"""
    field = event.field if event.field in REASONING_FIELDS else REASONING_FIELDS[0]
    writer.delta(writer.choice(event.choice), f'"{writer.reasoning or field}":{text}')
    writer.texts[event.choice] = len(writer.frames) - 1


def _write_refusal(writer: _Writer, event: Any, text: str) -> None:
    writer.delta(writer.choice(event.choice), f'"refusal":{text}')
    writer.texts[event.choice] = len(writer.frames) - 1


def _read_call(event: Any) -> None:
    _check_call(event)
    _text_of(event.id, "id")
    _text_of(event.name, "name")
    if event.kind not in ("function", "custom", "function_call"):
        raise TypeError(f"its kind is {event.kind!r}")
    if (event.kind == "function_call") != (event.index is None):
        raise TypeError("a call has an index, and a legacy function_call has none")


def _write_call(writer: _Writer, event: Any, _: None) -> None:
    choice = writer.choice(event.choice)
    if event.index not in choice.calls:
        writer.start_call(choice, event.index, event.id, event.name, event.kind, event.kind)


def _read_arguments(event: Any) -> str:
    _check_call(event)
    return quote(event.arguments)


def _write_arguments(writer: _Writer, event: Any, text: str) -> None:
    """Rule 11: without a start there is no call."""
    choice = writer.choices.get(event.choice)
    call = choice and choice.calls.get(event.index)
    if choice and call:
        writer.delta(choice, call.field("function", call.text + text))


def _read_audio(event: Any) -> str:
    _check_choice(event)
    pairs = (("data", event.data), ("transcript", event.transcript))
    said = [f'"{name}":{quote(value)}' for name, value in pairs if value is not None]
    return f'"audio":{{{",".join(said)}}}'


def _write_audio(writer: _Writer, event: Any, field: str) -> None:
    writer.delta(writer.choice(event.choice), field)


def _read_logprobs(event: Any) -> str:
    _check_choice(event)
    return f'"logprobs":{_json(event.logprobs, 3)},'


def _write_logprobs(writer: _Writer, event: Any, field: str) -> None:
    """Rule 3: on the text before them, if that is in the same feed()."""
    choice = writer.choice(event.choice)
    at = writer.texts.pop(event.choice, None)
    if at is None:
        writer.entry(choice, "", field + TAIL)
    else:
        writer.frames[at] = writer.frames[at][: -len(TAIL)] + field + TAIL


def _read_finish(event: Any) -> str:
    _check_choice(event)
    reason = _text_of(event.finish_reason, "finish_reason")
    return "null" if reason is None else quote(reason)


def _write_finish(writer: _Writer, event: Any, reason: str) -> None:
    is_new = event.choice not in writer.choices
    choice = writer.choice(event.choice)
    if reason != "null" or (is_new and writer.is_text):
        writer.finish(choice, reason)


def _read_usage(event: Any) -> str:
    return _json(event.usage, 1) if event.usage else ""


def _write_usage(writer: _Writer, event: Any, usage: str) -> None:
    """Rule 6: held. (on other frames: LangChain adds them up)"""
    if writer.says_usage:
        writer.usage = usage


def _read_extra(event: Any) -> tuple[str, str]:
    if event.place not in PLACES:
        raise TypeError(f"its place is {event.place!r}")
    depth, own = PLACES[event.place]
    if event.place in ("choice", "delta"):
        _check_choice(event)
    elif event.place in ("tool_call", "function"):
        _check_call(event)
        if event.index is None and event.place == "tool_call":
            raise TypeError("it has no index, and a legacy function_call is no tool call")
    if event.field in own:
        raise ValueError(f"an Extra cannot say {event.field} of a {event.place}: there are events for it")
    value = event.value
    # Both are lists, and one entry stands for the list.
    if event.place == "delta" and event.field in ("content", "tool_calls") and value.__class__ is not list:
        value = [value]
    return quote(event.field), _json(value, depth)


def _write_extra(writer: _Writer, event: Any, read: tuple[str, str]) -> None:
    """Rule 9: back to its place. A frame of somebody else's is not written."""
    name, value = read
    field = f"{name}:{value}"
    place = event.place
    if place == "delta":
        writer.delta(writer.choice(event.choice), field)
    elif place == "choice":
        writer.entry(writer.choice(event.choice), "", f"{field},{TAIL}")
    elif place != "chunk":
        if place != "frame":
            writer.call_field(event.choice, event.index, place, field)
    elif event.field in HEADER_EXTRAS and value[0] == '"':
        writer.has_news = writer.has_news or writer.extras.get(event.field) != value
        writer.extras[event.field] = value
        if writer.base:
            writer.set_head()
    elif event.field == "x_groq" and event.value.__class__ is dict:
        overlay(writer.groq, json.loads(value))
    elif writer.base:
        writer.chunk(field)
    else:
        writer.early.append(field)


def _read_error(event: Any) -> str:
    kind = _text_of(event.server_type, "server_type") or event.kind
    error = f'"message":{quote(event.message)},"type":{quote(kind)},"param":null'
    return f'{{"error":{{{error},"code":{_json(event.code, 2)}}}}}'


def _write_error(writer: _Writer, event: Any, error: str) -> None:
    """Rule 8. What was read until its end is not said to be cut again by whoever reads what was written."""
    frame = f"data: {error}\n\n"
    if event.kind == "malformed" or (event.kind == "truncated" and writer.is_over):
        return
    if (event.server_type or event.kind) in ENDS:
        writer.is_over = True
    if event.kind == "server" and event.server_type == "truncated":
        writer.cut = frame
    elif writer.early:
        writer.early.append(frame)
    else:
        writer.frames.append(frame)


def _write_done(writer: _Writer, event: Any, _: None) -> None:
    """Rule 7."""
    writer.settle()
    writer.frames.append("data: [DONE]\n\n")


def _nothing(*_: Any) -> None:
    """What an event says that the deltas have said (rule 11)."""


_EVENTS: dict[str, tuple[Callable[[Any], Any], Callable[[_Writer, Any, Any], None]]] = {
    "start": (_read_start, _write_start),
    "content.delta": (_read_text, _write_content),
    "content.done": (_nothing, _nothing),
    "reasoning.delta": (_read_text, _write_reasoning),
    "reasoning.done": (_nothing, _nothing),
    "refusal.delta": (_read_text, _write_refusal),
    "refusal.done": (_nothing, _nothing),
    "tool_call.start": (_read_call, _write_call),
    "tool_call.delta": (_read_arguments, _write_arguments),
    "tool_call.done": (_nothing, _nothing),
    "audio.delta": (_read_audio, _write_audio),
    "logprobs.delta": (_read_logprobs, _write_logprobs),
    "choice.done": (_read_finish, _write_finish),
    "usage": (_read_usage, _write_usage),
    "extra": (_read_extra, _write_extra),
    "error": (_read_error, _write_error),
    "done": (_nothing, _write_done),
}


class ChatEncoder:
    """Events in, the bytes of a Chat Completions stream out.

    Args:
        id, model, created: what every chunk says; where given, they win over what ``Start`` says.
            What nobody says is made up once: an id of ``chatcmpl-`` and random digits, the time, ``""``.
        usage: False leaves the token counts out.
        reasoning: the one field that reasoning is written under, e.g. ``"reasoning_content"``. None keeps
            the name it came under.

    It takes the events of ``ChatStream`` and ``ChatAssembler``, of this copy of the package or another one,
    filtered or rewritten as you like, and events of your own making. Deltas may be left out, and whole
    choices; a call without its ``ToolCallStart`` is left out, too. It keeps no text, and pickles.
    """

    __slots__ = ("_closed", "_writer")

    def __init__(
        self,
        *,
        id: str | None = None,
        model: str | None = None,
        created: int | None = None,
        usage: bool = True,
        reasoning: str | None = None,
    ) -> None:
        self._writer = _Writer(id, model, created, usage, reasoning)
        self._closed = False

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the frames of ``events`` (any iterable of them): zero or more, never part of one.

        Raises TypeError for what is no event, ValueError for an ``Extra`` or ``Usage`` that no frame can carry
        (deeper than 128 levels, a field that has events of its own), RuntimeError after ``close()``. Then
        nothing of ``events`` was written, and the encoder is as before.
        """
        self._check_open("feed")
        if isinstance(events, (str, bytes, bytearray, memoryview)) or not hasattr(events, "__iter__"):
            raise TypeError(
                f"feed() takes an iterable of events, not {type(events).__name__}:"
                " pass what ChatStream.feed() returns, or a list of events"
            )
        read: list[tuple[Any, Event, Any]] = []
        for event in events:
            kind: Any = getattr(event, "type", None)
            if kind.__class__ is not str or kind not in _EVENTS:
                raise TypeError(_no_event(event))
            prepare, write = _EVENTS[kind]
            try:
                read.append((write, event, prepare(event)))
            except (AttributeError, TypeError) as reason:
                raise TypeError(f"{_no_event(event)}; {reason}") from reason
        writer = self._writer
        for write, event, text in read:
            write(writer, event, text)
        return writer.take()

    def comment(self, text: str = "ping") -> bytes:
        """Return a comment, which no client shows: a heartbeat, safe between any two feeds.

        Raises ValueError for a text with a line end, RuntimeError after ``close()``.
        """
        self._check_open("comment")
        if "\n" in text or "\r" in text:
            raise ValueError("a comment is one line")
        return well_formed(f": {text}\n\n").encode()

    def keepalive(self) -> bytes:
        """Return a chunk without a choice: a heartbeat for clients that wait for events, not bytes.

        Before ``Start`` it makes up what the constructor was not given. Raises RuntimeError after ``close()``.
        """
        self._check_open("keepalive")
        self._writer.chunk()
        return self._writer.take()

    def close(self) -> bytes:
        """Return what was held back: the usage, where no ``Done`` was fed. Idempotent, then ``b""``."""
        if self._closed:
            return b""
        self._closed = True
        if self._writer.cut:
            self._writer.open_early()
            self._writer.frames.append(self._writer.cut)
        self._writer.settle()
        return self._writer.take()

    def _check_open(self, name: str) -> None:
        if self._closed:
            raise RuntimeError(f"{name}() after close(): make a new ChatEncoder for the next answer")

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<ChatEncoder {state}, {len(self._writer.choices)} choices>"


def _no_event(value: Any) -> str:
    name = type(value).__name__
    if getattr(value, "type", None) == "sse":
        return f"feed() does not take a {name}: write it with its own encode()"
    return f"feed() takes the events of a ChatStream, and this {name} is none"


# -- a whole completion ---------------------------------------------------------------------------------

_STRING = (str,)
_OBJECT = (dict,)
_LIST = (list,)
_ARGUMENTS = (str, dict)  # an object is written as its text (rule 6 of reading)

# What each field of a completion may be besides null. Fields that are not here may be anything.
_COMPLETION = {"id": _STRING, "model": _STRING, "created": (int, float), "choices": _LIST, "usage": _OBJECT}
_CHOICE = {"index": (int,), "message": _OBJECT, "finish_reason": _STRING, "logprobs": (dict, int, float)}
_TEXT_CHOICE = {**_CHOICE, "text": _STRING}
_MESSAGE = {
    "role": _STRING,
    "content": (str, list),
    "refusal": _STRING,
    "tool_calls": _LIST,
    "function_call": _OBJECT,
    "audio": _OBJECT,
    **dict.fromkeys(REASONING_FIELDS, (str, dict, list)),
}
_CALL = {"id": _STRING, "type": _STRING, "function": _OBJECT, "custom": _OBJECT}
_BODY = {"name": _STRING, "arguments": _ARGUMENTS, "input": _ARGUMENTS}
_JSON_NAMES = {dict: "object", list: "list", str: "string", int: "number", float: "number", bool: "boolean"}


def encode(
    completion: Mapping[str, Any], *, usage: bool = True, size: int | None = None
) -> Iterator[bytes]:
    """Return the frames of a whole answer, one at a time, ``[DONE]`` last.

    Args:
        completion: a Chat Completions response, or a legacy text completion, as a dict.
        usage: False leaves the token counts out.
        size: text goes in pieces of so many characters, None for whole.

    ``parse(b"".join(encode(c)))`` is ``c`` for all that ``parse()`` and ``snapshot()`` return.

    Raises ValueError, which names the field, for what no stream can say (a field of the wrong type, two calls of
    a choice with one id, an ``error``), before the first frame; TypeError for what is no mapping.
    """
    if size is not None and size < 1:
        raise ValueError("size is a number of characters, at least 1")
    if not hasattr(completion, "items"):
        name = type(completion).__name__
        raise TypeError(f"encode() takes a completion (a dict), not {name}: pass model_dump()")
    try:
        plain = plain_json(completion, 1)
    except (TypeError, Unreadable) as reason:
        raise ValueError(f"{_where(completion)}: {reason}") from None
    if has_halves(plain):
        plain = render(plain, True)
    return _frames(_checked(plain), usage, size)


def _where(value: Any, path: str = "completion", depth: int = 1) -> str:
    """Return the path of what plain_json() does not take."""
    pairs: Any = enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, inner in value.items() if hasattr(value, "items") else pairs:
        try:
            plain_json(inner, depth + 1)
        except (TypeError, Unreadable):
            return _where(inner, f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}", depth + 1)
    return path


def _check(value: Any, path: str, shape: Mapping[str, tuple[type, ...]]) -> None:
    if value.__class__ is not dict:
        raise ValueError(f"{path} is no object")
    for name, kinds in shape.items():
        inner = value.get(name)
        if inner is not None and inner.__class__ not in kinds:
            names = " or ".join(dict.fromkeys([_JSON_NAMES[kind] for kind in kinds]))
            raise ValueError(f"{path}.{name} is no {names}")


def _checked(plain: dict[str, Any]) -> dict[str, Any]:
    """Return the completion as a reader of its stream would see it; raise ValueError for what it would not."""
    _check(plain, "completion", _COMPLETION)
    if plain.get("choices") is None:
        raise ValueError("completion.choices is missing")
    if plain.get("error"):
        raise ValueError("completion.error would be read as an error: write an Error event with ChatEncoder")
    choices: dict[int, dict[str, Any]] = {}
    is_text = any("text" in one and "message" not in one for one in plain["choices"] if one.__class__ is dict)
    for position, choice in enumerate(plain["choices"]):
        path = f"choices[{position}]"
        _check(choice, path, _TEXT_CHOICE if is_text else _CHOICE)
        index = position if choice.get("index") is None else choice["index"]
        if index < 0 or index in choices:
            raise ValueError(f"{path}.index is {index}, " + ("which is no index" if index < 0 else "again"))
        for name in ("error", "delta", "usage"):
            if choice.get(name):
                raise ValueError(f"{path}.{name} would be read as something else")
        choices[index] = choice
        name = "text" if is_text else "message"
        if choice.get(name) is None:
            raise ValueError(f"{path}.{name} is missing")
        if not is_text:
            choice["message"] = _checked_message(choice["message"], f"{path}.message")
    plain["object"] = "text_completion" if is_text else "chat.completion"
    plain["choices"] = [{**choices[index], "index": index} for index in sorted(choices)]
    return plain


def _checked_message(message: dict[str, Any], path: str) -> dict[str, Any]:
    _check(message, path, _MESSAGE)
    content = message.get("content")
    if content.__class__ is list:
        parts: list[Any] = []
        for part in content:
            if not is_absent(part):
                add_part(parts, part, False)
        message["content"] = render(parts, False) or None
    ids: set[str] = set()
    for position, call in enumerate(message.get("tool_calls") or ()):
        where = f"{path}.tool_calls[{position}]"
        _check(call, where, _CALL)
        if (call.get("function") is None) == (call.get("custom") is None):
            raise ValueError(f"{where} has not one of function and custom")
        kind = "custom" if call.get("function") is None else "function"
        _check(call[kind], f"{where}.{kind}", _BODY)
        if call.get("id") and call["id"] in ids:
            raise ValueError(f"{where}.id is that of another call, and they would be read as one")
        ids.add(call.get("id") or "")
    if message.get("function_call") is not None:
        _check(message["function_call"], f"{path}.function_call", _BODY)
    kept: dict[str, Any] = {}
    for name, value in message.items():
        if name not in _MESSAGE or name in REASONING_FIELDS:
            grow(kept, name, value, False)
            if value is not None and render(kept[name], False) != value:
                raise ValueError(f"{path}.{name} has entries of one type and index, which would be read as one")
    return message


def _cuts(text: str, size: int | None) -> Iterator[str]:
    """Return the JSON texts of the pieces."""
    step = size or len(text) or 1
    return (quote(text[at : at + step]) for at in range(0, len(text), step))


def _unknown(fields: dict[str, Any], known: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield the fields that nobody has a rule for; null is absence."""
    return (
        (name, value)
        for name, value in fields.items()
        if value is not None and name not in known and name not in NOISE_FIELDS
    )


def _frames(completion: dict[str, Any], usage: bool, size: int | None) -> Iterator[bytes]:
    writer = _Writer(completion.get("id"), completion.get("model"), completion.get("created"), usage)
    for _ in _write(writer, completion, size):
        if writer.frames:
            yield writer.take()


def _write(writer: _Writer, completion: dict[str, Any], size: int | None) -> Iterator[None]:
    """Write the completion, and yield after each frame."""
    writer.is_text = completion["object"] == "text_completion"
    writer.call_ids += id_tail(completion.get("id"))
    fields: list[str] = []
    for name, value in _unknown(completion, (*_COMPLETION, "object", "error")):
        if name in HEADER_EXTRAS and value.__class__ is str:
            writer.extras[name] = quote(value)
        elif name == "x_groq" and value.__class__ is dict:
            writer.groq = value
        else:
            fields.append(f"{quote(name)}:{_dump(value)}")
    for field in fields:
        writer.chunk(field)
        yield
    for choice in completion["choices"]:
        yield from _write_choice(writer, choice, size)
    if completion.get("usage") and writer.says_usage:
        writer.usage = _dump(completion["usage"])
    if not (completion["choices"] or fields):
        writer.has_news = True  # or the stream would not say the id and the model
    writer.settle()
    yield
    writer.frames.append("data: [DONE]\n\n")
    yield


def _write_choice(writer: _Writer, choice: dict[str, Any], size: int | None) -> Iterator[None]:
    kept = writer.new_choice(choice["index"])
    logprobs = choice.get("logprobs")
    lacks = '"logprobs":null,' if logprobs is None and "logprobs" in choice else ""
    content = choice["text"] if writer.is_text else choice["message"].get("content")
    message: dict[str, Any] = {} if writer.is_text else choice["message"]
    if not writer.is_text:
        said = "null" if content.__class__ is list else _dump(content and "")
        refusal = ',"refusal":null' if message.get("refusal", "") is None else ""
        role = quote(message.get("role") or "assistant")
        writer.delta(kept, f'"role":{role},"content":{said}{refusal}', lacks)
        yield
    elif lacks or not content:
        writer.entry(kept, "", lacks + TAIL)
        yield
    for fields in _reasoning(message, size):
        writer.delta(kept, fields)
        yield
    tail = TAIL if logprobs is None else f'"logprobs":{_dump(logprobs)},{TAIL}'
    if content.__class__ is list:
        writer.delta(kept, f'"content":{_dump(content)}')
        yield
    elif content:
        size = size or len(content)
        for at in range(0, len(content), size):
            is_last = at + size >= len(content)
            writer.entry(kept, quote(content[at : at + size]), tail if is_last else TAIL)
            yield
    if logprobs is not None and not (content and content.__class__ is str):
        writer.entry(kept, "", tail)
        yield
    yield from _write_message(writer, kept, message, size)
    own = (*_CHOICE, "text", "error", "delta") if writer.is_text else (*_CHOICE, "error", "delta")
    for name, value in _unknown(choice, own):
        writer.entry(kept, "", f"{quote(name)}:{_dump(value)},{TAIL}")
        yield
    if choice.get("finish_reason"):
        writer.finish(kept, quote(choice["finish_reason"]))
        yield


def _reasoning(message: dict[str, Any], size: int | None) -> Iterator[str]:
    """Yield the fields of deltas with reasoning. All of its names go together, or readers would take what one
    of them says for more than what another has said."""
    said = {name: message[name] for name in NAMES if message.get(name) is not None}
    strings = {name: value for name, value in said.items() if value.__class__ is str}
    longest = max([1, *map(len, strings.values())])
    step = size or longest
    for at in range(0, longest if said else 0, step):
        pieces = {name: text[at : at + step] for name, text in strings.items() if at < len(text) or not at}
        yield _dump({**said, **pieces} if not at else pieces)[1:-1]


def _write_message(
    writer: _Writer, choice: _Choice, message: dict[str, Any], size: int | None
) -> Iterator[None]:
    """Write what a message has besides role, reasoning and content."""
    refusal = message.get("refusal")
    if refusal is not None:
        for piece in _cuts(refusal, size) if refusal else ('""',):
            writer.delta(choice, f'"refusal":{piece}')
            yield
    for index, call in enumerate(message.get("tool_calls") or ()):
        yield from _write_call_of(writer, choice, index, call, size)
    if message.get("function_call") is not None:
        call = {"function_call": message["function_call"]}
        yield from _write_call_of(writer, choice, None, call, size)
    known = ("role", "content", "refusal", "tool_calls", "function_call", *NAMES)
    for name, value in _unknown(message, known):
        if name != "index":
            writer.delta(choice, f"{quote(name)}:{_dump(value)}")
            yield


def _write_call_of(
    writer: _Writer, choice: _Choice, index: int | None, call: dict[str, Any], size: int | None
) -> Iterator[None]:
    kind = next(name for name in ("function", "custom", "function_call") if call.get(name) is not None)
    body = call[kind]
    type = call.get("type")
    type = type if type and type not in ("function", "custom") else kind
    writer.start_call(choice, index, call.get("id"), body.get("name"), kind, type)
    yield
    written = choice.calls[index]
    text_field = "input" if kind == "custom" else "arguments"
    arguments = body.get(text_field) or ""
    for piece in _cuts(arguments if arguments.__class__ is str else _dump(arguments), size):
        writer.delta(choice, written.field("function", written.text + piece))
        yield
    for name, value in _unknown(body, ("name", text_field)):
        writer.delta(choice, written.field("function", f"{quote(name)}:{_dump(value)}"))
        yield
    for name, value in _unknown(call, (*_CALL, "index", kind)):
        writer.delta(choice, written.field("tool_call", f"{quote(name)}:{_dump(value)}"))
        yield
