# SPDX-License-Identifier: MIT
"""Writing streams: events, or a whole completion, become a stream that every known client accepts.

    encoder = ChatEncoder()
    encoder.feed(events)                    # b'data: {"id":"c1",...}\\n\\ndata: ...': whole frames

``ChatEncoder`` does the reverse of ``ChatStream``, and ``encode`` the reverse of ``parse``. Both write with
``_Writer``, which knows frames but no events.

The stream that both write is called canonical. Each of its rules is needed by some client. Twelve clients
were tried: openai-python and openai-node, plain and with their helpers, the Vercel AI SDK, LangChain in both
languages, litellm, pydantic-ai, and simonw/llm. (A "rule of reading" is a rule in ``_assembler.py`` or in the
files that it names.)

Rule 1. Every frame has ``id`` (not empty), ``object``, ``created`` and ``model`` (``""`` if not known), with
  the same values in all frames, and ``choices``, a list. ``service_tier`` and ``system_fingerprint`` are in
  every frame once they are known.
Rule 2. The first frame of a choice has only its role: ``{"role": "assistant", "content": ""}``, with
  ``"content": null`` if no text comes first. An entry of a text completion has ``text`` and no delta.
Rule 3. A frame has one choice and one field of it. But logprobs are in the frame of the text before them, if
  both came in the same feed(). A delta has no nulls. Every entry has ``finish_reason``, null until the choice
  ends.
Rule 4. A call begins with ``{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f",
  "arguments": ""}}`` and continues with ``{"index": 0, "function": {"arguments": "{}"}}``. Its id, type and
  name are written once. So a name that grows after ToolCallStart cannot be written any more.
Rule 5. ``finish_reason`` comes in a frame of its own, with ``"delta": {}``, once for each choice.
Rule 6. Usage comes in one frame with ``"choices": []``, after the last finish_reason. Usage events before
  that are held, and the last one counts.
Rule 7. ``[DONE]`` is written for a Done event, and in no other case: a stream that was cut stays cut.
Rule 8. An Error is written in its place among the other events, as a frame without choices:
  ``{"error": {"message": "M", "type": "server", "param": null, "code": 5}}``. ``malformed`` is not written,
  because the answer went on after it.
Rule 9. An Extra is written in its ``place``. One with ``place="frame"`` is not written, because clients read
  any data as a chunk. Reasoning keeps its wire name if that is one of the four; otherwise it is
  ``reasoning_content``.
Rule 10. Lines end in LF. Each line begins with ``data: ``: there are no ``id:``, ``event:`` or ``retry:``
  lines. The JSON is UTF-8 without escapes and without spaces: ``{"id":"c"}``.
Rule 11. ContentDone, ReasoningDone, RefusalDone and ToolCallDone write nothing. So the text of deltas that a
  filter drops does not come back. A delta of a call whose ToolCallStart was not fed is dropped. The ``index``
  of a call counts the calls that were started: if the first of two is left out, the second has 0.

Theory of operation
-------------------
A *step* is a method of the writer and its arguments. An event becomes one step or none, a completion becomes
many. Only making a step can fail. ``feed()`` makes all its steps before it takes the first, so an exception
leaves the encoder as it was.

Five things wait before they are written:

* chunks, for the header. It is open until ``Start`` or the first entry of ``choices``, because Azure's first
  chunk has no id yet;
* unknown fields of a call, for its start;
* usage, for ``Done`` or ``close()``;
* an error that reports a cut, for ``close()``;
* a frame with reasoning, for the next event. Reasoning may come as text and then as an object (OpenRouter:
  ``reasoning`` and ``reasoning_details``). Both must be in one delta, because a reader would take two deltas
  for two thoughts. The first such frame of each choice waits. If a choice had an object, all of them wait.

Nothing else is kept.
"""

from __future__ import annotations

import json
import time
from json.encoder import encode_basestring as quote
from os import urandom

from ._answer import id_tail
from ._assembler import DELTA_NOISE, REASONING_FIELDS, ChatAssembler
from ._json import TOO_DEEP, is_too_deep, parse_json, write_json
from ._text import well_formed
from ._values import (
    NOISE_FIELDS,
    Unreadable,
    add_part,
    as_id,
    grow,
    is_absent,
    overlay,
    plain_json,
    render,
    thought_in,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Callable

    from ._events import Event

    # A method of the writer, and its arguments.
    Step = tuple[Callable[..., object], tuple[Any, ...]]

    Table = dict[str, Any]

# The headers that a response with an event stream needs. Without ``no-transform``, proxies that compress
# would buffer frames. Without ``X-Accel-Buffering``, nginx would.
SSE_HEADERS = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)

# Rule 1: fields that every frame has once they are known.
LATE_HEADER = ("service_tier", "system_fingerprint")

# Rule 2: the first delta of a choice that does not begin with text.
NO_TEXT = '"role":"assistant","content":null'

# Rule 3: the end of every entry that does not finish its choice. (Vercel AI's schema needs it)
TAIL = '"finish_reason":null}]}\n\n'

# Rule 9: the places of an Extra. For each, the number of containers around the field, and the names that no
# unknown field can have there.
PLACES: dict[str, tuple[int, tuple[str, ...]]] = {
    "chunk": (1, ("id", "object", "created", "model", "choices", "usage", "error")),
    "choice": (3, ("index", "delta", "finish_reason", "usage", "error")),
    "delta": (4, ("role",)),
    "tool_call": (6, ("index", "id", "type", "function", "custom")),
    "function": (7, ("name",)),
    "frame": (0, ()),
}

# Fields of a delta that are reasoning, as text or as an object.
REASONING_NAMES = (*REASONING_FIELDS, "reasoning_details", "thinking_blocks")

# Kinds of errors after which nothing more is read.
ENDS = frozenset(("truncated", "limit", "not_sse", "not_chat"))

NONE = type(None)

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _dump(value: Any) -> str:
    """Return the JSON text of a value in plain JSON types."""
    try:
        return _write(value)
    except RecursionError:
        return write_json(value)


def _json(value: Any, depth: int) -> str:
    """Return the JSON text of a value that will be inside ``depth`` containers.

    Keys become strings, NaN and Infinity become null, as in reading. Raises Unreadable or ValueError if a
    reader would refuse the value (nested too deep, an integer too long to print), TypeError if it is not a
    JSON value.
    """
    try:
        text = _write(value)
    except (TypeError, ValueError, RecursionError):
        text = write_json(plain_json(value, depth + 1))
    if is_too_deep("[" * depth + text):
        raise Unreadable(TOO_DEEP)
    return text


class _Choice:
    """A choice that was opened."""

    __slots__ = ("calls", "finished", "has_objects", "ids", "text_at")

    def __init__(self) -> None:
        self.calls: dict[int | None, tuple[int, str]] = {}  # by index in the events: written index, kind
        self.ids: set[str] = set()
        self.finished = False
        self.text_at = -1  # the number of the frame with its last text, -1 once that has logprobs
        self.has_objects: bool | None = None  # whether its reasoning has objects too; None if not known yet


class _Writer:
    """Writes frames. ``frames`` has the frames since the last take(). All arguments were checked before.

    Arguments called ``field`` or ``fields`` are JSON text with names, ``"a":1,"b":2``. ``text`` and ``value``
    are JSON text of one value.
    """

    __slots__ = (
        "base", "call_ids", "choices", "created", "cut_error", "failure", "frames", "groq", "head", "id",
        "is_done", "is_text", "last_head", "last_reasoning", "late", "model", "reasoning", "says_usage",
        "taken", "usage", "waiting_chunks", "waiting_fields",
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
        self.is_done = False
        self.failure = ""  # "error" after an error, "end" after one that ends the reading
        self.call_ids = "call"  # the beginning of generated call ids
        self.base = ""  # the header without LATE_HEADER, "" while it is open
        self.late: dict[str, str] = {}  # the known fields of LATE_HEADER
        self.head = ""  # the header with these
        self.last_head = ""  # the header of the last frame
        self.choices: dict[int, _Choice] = {}
        self.waiting_chunks: list[str] = []  # without their header, and the error frames after them
        self.waiting_fields: dict[tuple[int, int | None], list[tuple[str, str]]] = {}
        self.usage: dict[str, Any] = {}
        self.groq: dict[str, Any] = {}
        self.cut_error = ""  # the frame of an error that reports a cut
        self.frames: list[str] = []
        self.taken = 0  # the number of frames before these
        # The last frame with reasoning: its number, its choice, whether it waits, and its fields by name.
        self.last_reasoning: tuple[int, int, bool, dict[str, str]] | None = None

    def take(self, is_end: bool = True) -> bytes:
        """Return the frames as UTF-8 (rule 10). If more events may come, a last frame that waits stays."""
        frames, self.frames = self.frames, []
        if self.last_reasoning is not None:
            number, _, waits, _ = self.last_reasoning
            if waits and not is_end and number == self.taken + len(frames) - 1:
                self.frames.append(frames.pop())
            else:
                self.last_reasoning = None
        self.taken += len(frames)
        text = "".join(frames)
        try:
            return text.encode()
        except UnicodeEncodeError:
            return well_formed(text).encode()

    # -- the chunk ------------------------------------------------------------------------------------

    def start(self, id: str | None, model: str | None, created: int, is_text: bool) -> None:
        self.call_ids = "call" + id_tail(id)  # as in ToolCallDone, so that the ids are the same
        if not self.base:
            self.id = self.id or id
            self.model = model if self.model is None else self.model
            self.created = self.created or created
            self.is_text = is_text
            self.open()

    def open(self) -> None:
        """Close the header: generate the fields that are not known (rule 1). Later calls add LATE_HEADER."""
        if not self.base:
            name = "text_completion" if self.is_text else "chat.completion.chunk"
            id = quote(self.id or f"chatcmpl-{urandom(12).hex()}")
            created = _dump(self.created or int(time.time()))
            self.base = f'data: {{"id":{id},"object":"{name}","created":{created},'
            self.base += f'"model":{quote(self.model or "")},'
            self.last_head = self.base
        self.head = self.base + "".join([f'"{k}":{self.late[k]},' for k in LATE_HEADER if k in self.late])
        for frame in self.waiting_chunks:
            self.frames.append(frame if frame.startswith("data: ") else self.head + frame)
            self.last_head = self.head
        self.waiting_chunks = []

    def chunk(self, *fields: str) -> None:
        """Write a chunk with an empty list of choices (rule 1: openai-python and LangChain need it)."""
        self.last_head = self.head
        frames = self.frames if self.base else self.waiting_chunks
        frames.append(",".join((f'{self.head}"choices":[]', *fields)) + "}\n\n")

    def chunk_extra(self, name: str, value: str) -> None:
        """Write an unknown field of the chunk."""
        if name in LATE_HEADER and value[0] == '"':
            self.late[name] = value
            if self.base:
                self.open()
        elif name == "x_groq" and value[0] == "{":
            # It contains the usage again. A reader uses that if the chunk has no other usage, so both must be
            # in one frame.
            overlay(self.groq, parse_json(value))
        else:
            self.chunk(f"{quote(name)}:{value}")

    def set_usage(self, usage: dict[str, Any]) -> None:
        """Hold the usage. The last one is written, after everything else (rule 6: LangChain adds them up)."""
        if self.says_usage:
            self.usage = usage  # not as JSON text: a long string in it is encoded only once, at the end

    def error(self, kind: str, type: str, error: str, is_finish: bool) -> None:
        """Write an error (rule 8).

        A reader of the stream may report two errors again that a frame has reported: that the stream was cut,
        and that the finish_reason of a choice is ``error`` (``is_finish``). These are not written twice. The
        event of the cut comes before those that finish the choices, so this frame waits for ``close()``.
        """
        is_known = (kind == "truncated" and self.failure == "end") or (is_finish and self.failure)
        if kind == "malformed" or is_known:
            return
        self.failure = "end" if type in ENDS else self.failure or "error"
        frame = f'data: {{"error":{error}}}\n\n'
        if kind == "server" and type == "truncated":
            self.cut_error = frame
        else:
            (self.waiting_chunks or self.frames).append(frame)

    def settle(self) -> None:
        """Write everything that waits: the header, the usage, and chunks that wait for the header."""
        if not self.usage and self.groq.get("usage"):
            del self.groq["usage"]
        fields = [f'"usage":{_dump(self.usage)}'] if self.usage else []
        if self.groq:
            fields.append(f'"x_groq":{_dump(self.groq)}')
        if fields or self.waiting_chunks or self.late:
            self.open()
        if fields or self.last_head != self.head:
            self.chunk(*fields)
        self.usage = {}
        self.groq = {}

    def done(self) -> None:
        """Write [DONE] (rule 7)."""
        if not self.is_done:
            self.is_done = True
            self.settle()
            self.frames.append("data: [DONE]\n\n")

    def close(self) -> None:
        """Write everything that waits, and an error that reports a cut before that."""
        if self.cut_error:
            (self.waiting_chunks or self.frames).append(self.cut_error)
        self.settle()

    # -- choices --------------------------------------------------------------------------------------

    def choice(self, index: int, role: str, more: str = "") -> _Choice:
        """Open a choice: write its role, alone (rule 2)."""
        self.open()
        choice = self.choices[index] = _Choice()
        if not self.is_text:
            self.entry(index, role, more)
        return choice

    def entry(self, index: int, fields: str, more: str = "", tail: str = TAIL) -> _Choice:
        """Write one entry: the fields of its delta, and ``more`` beside it (rule 3). Return its choice."""
        choice = self.choices.get(index)
        if choice is None:
            content = '""' if fields.startswith('"content":"') else "null"
            choice = self.choice(index, f'"role":"assistant","content":{content}')
        self.last_head = self.head
        if self.is_text and (not fields or fields.startswith('"content":')):
            text = fields[len('"content":') :] or '""'
            start = f'"text":{text},"index":{index}'
        else:
            start = f'"index":{index},"delta":{{{fields}}}'
        self.frames.append(f'{self.head}"choices":[{{{start},{more}{tail}')
        return choice

    def text(self, index: int, field: str) -> _Choice:
        """Write a text. Logprobs may be added to its frame later."""
        choice = self.entry(index, field)
        choice.text_at = self.taken + len(self.frames) - 1
        return choice

    def reason(self, index: int, name: str, text: str) -> None:
        name = self.reasoning or (name if name in REASONING_FIELDS else REASONING_FIELDS[0])
        choice = self.text(index, f'"{name}":{text}')
        self.last_reasoning = (choice.text_at, index, choice.has_objects is not False, {name: text})
        choice.has_objects = choice.has_objects or False

    def reason_object(self, index: int, name: str, value: str, text: str) -> None:
        """Write reasoning that is an object. If the last reasoning frame has its text, add it to that frame.

        ``text`` is the text inside the object.
        """
        if self.last_reasoning is not None and self.last_reasoning[1] == index:
            at, _, _, fields = self.last_reasoning
            self.choices[index].has_objects = True
            if name not in fields or fields == {name: text}:  # the object replaces its own text
                before = _joined(fields)
                fields[name] = value
                frame = self.frames[at - self.taken]
                self.frames[at - self.taken] = frame.replace(before, _joined(fields), 1)
                return
        self.entry(index, f'"{name}":{value}').has_objects = True

    def logprobs(self, index: int, field: str) -> None:
        """Add logprobs to the last text since take(). If there is none, write them alone (rule 3)."""
        choice = self.choices.get(index)
        if choice is None or choice.text_at < self.taken:
            self.entry(index, "", f"{field},")
        else:
            at = choice.text_at - self.taken
            self.frames[at] = f"{self.frames[at][: -len(TAIL)]}{field},{TAIL}"
            choice.text_at = -1

    def finish(self, index: int, reason: str | None) -> None:
        """Write the finish_reason, once and in a frame of its own (rule 5).

        None is written only for a choice of a text completion of which nothing else was written.
        """
        is_unsaid = index not in self.choices
        choice = self.choices.get(index) or self.choice(index, NO_TEXT)
        if not choice.finished and (reason is not None or (is_unsaid and self.is_text)):
            choice.finished = True
            self.entry(index, "", "", f'"finish_reason":{_dump(reason)}}}]}}\n\n')

    # -- calls ----------------------------------------------------------------------------------------

    def start_call(
        self, index: int, place: int | None, id: str | None, name: str | None, kind: str, type: str,
        inner: str = "", outer: str = "",
    ) -> None:  # fmt: skip
        """Write the id, the type and the name of a call, which are written only once (rule 4)."""
        choice = self.choices.get(index) or self.choice(index, NO_TEXT)
        if place in choice.calls:
            return
        call = choice.calls[place] = len(choice.calls) - (None in choice.calls), kind
        fields = f'"name":{quote(name or "")},"{"input" if kind == "custom" else "arguments"}":""{inner}'
        if place is not None:
            made_up = f"{self.call_ids}_{index}_{place}"
            id = id if id and id not in choice.ids else made_up
            while id in choice.ids:  # a reader would take two calls with one id for one call
                id = f"{id}_{len(choice.ids)}"
            choice.ids.add(id)
            fields = f'"id":{quote(id)},"type":{quote(type)},"{kind}":{{{fields}}}{outer}'
        self.entry(index, _in_call(call, "tool_call", fields))
        for where, field in self.waiting_fields.pop((index, place), ()):
            self.entry(index, _in_call(call, where, field))

    def call(self, index: int, place: int | None, where: str, field: str) -> None:
        """Write a field of a call. Before its start, unknown fields wait, arguments are dropped (rule 11)."""
        choice = self.choices.get(index)
        if choice and place in choice.calls:
            self.entry(index, _in_call(choice.calls[place], where, field))
        elif where != "arguments":
            self.waiting_fields.setdefault((index, place), []).append((where, field))


def _in_call(call: tuple[int, str], place: str, field: str) -> str:
    """Return the field of a delta that has ``field`` of a call, at ``place``."""
    number, kind = call
    if kind == "function_call":
        return f'"function_call":{{{field}}}'
    if place == "tool_call":
        return f'"tool_calls":[{{"index":{number},{field}}}]'
    if place == "arguments" and kind == "custom":
        field = field.replace("arguments", "input", 1)
    return f'"tool_calls":[{{"index":{number},"{kind}":{{{field}}}}}]'


def _joined(fields: dict[str, str]) -> str:
    return ",".join([f'"{name}":{value}' for name, value in fields.items()])


# -- events -------------------------------------------------------------------------------------------
#
# These functions make the step of an event of each type. None writes nothing (rule 11). They raise TypeError
# (``quote`` raises it for anything but a string), ValueError or Unreadable if no frame can have a value of
# the event, AttributeError if it is not an event of its type.


def _index(event: Any, name: str = "choice") -> int:
    value: Any = getattr(event, name)
    if value.__class__ is not int or value < 0:
        raise TypeError(f"its {name} is {value!r}, which is not an index")
    return value


def _place(event: Any) -> int | None:
    return None if event.index is None else _index(event, "index")


def _field(event: Any, name: str, *kinds: type) -> Any:
    value: Any = getattr(event, name)
    if not isinstance(value, kinds):
        raise TypeError(f"its {name} is of type {type(value).__name__}")
    return value


def _start(event: Any) -> Step:
    id, model = _field(event, "id", str, NONE), _field(event, "model", str, NONE)
    created = int(_field(event, "created", int, float, NONE) or 0)
    return _Writer.start, (id, model, created, event.object == "text_completion")


def _call_start(event: Any) -> Step:
    kind, place = event.kind, _place(event)
    if kind not in ("function", "custom", "function_call") or (kind == "function_call") != (place is None):
        raise TypeError(f"its kind is {kind!r} and its index {place!r}")
    id, name = _field(event, "id", str, NONE), _field(event, "name", str, NONE)
    return _Writer.start_call, (_index(event), place, id, name, kind, kind)


def _audio(event: Any) -> Step:
    said = [(name, _field(event, name, str, NONE)) for name in ("data", "transcript")]
    fields = [f'"{name}":{quote(value)}' for name, value in said if value is not None]
    return _Writer.entry, (_index(event), f'"audio":{{{",".join(fields)}}}')


def _extra(event: Any) -> Step | None:
    place, name, value = event.place, event.field, event.value
    depth, taken = PLACES.get(place, (0, (name,)))
    if name in taken:
        raise ValueError(f"it is {name!r} at the place {place!r}, which is not an unknown field")
    if place == "delta" and name in ("content", "tool_calls") and value.__class__ is not list:
        value = [value]  # one part, one fragment
    text = _json(value, depth)
    field = f"{quote(name)}:{text}"
    if place == "chunk":
        return _Writer.chunk_extra, (name, text)
    if place == "delta" and name in REASONING_NAMES and value.__class__ in (dict, list):
        return _Writer.reason_object, (_index(event), name, text, quote(thought_in(value)))
    if place == "delta":
        return _Writer.entry, (_index(event), field)
    if place == "choice":
        return _Writer.entry, (_index(event), "", f"{field},")
    if place == "frame" or value == "" or (place == "function" and name == "id"):
        return None  # "" alone would not be read, an id alone would be the call's (rule 4 of reading)
    where = _place(event) if place == "function" else _index(event, "index")
    return _Writer.call, (_index(event), where, place, field)


def _error(event: Any) -> Step:
    kind = _field(event, "server_type", str, NONE) or event.kind
    said = f'"message":{quote(event.message)},"type":{quote(kind)},"param":null,"code":{_json(event.code, 2)}'
    is_finish = event.kind == "server" and event.choice is not None and event.data == "error"
    return _Writer.error, (event.kind, kind, f"{{{said}}}", is_finish)


_READ: dict[str, Callable[[Any], Step | None]] = {
    "start": _start,
    "content.delta": lambda event: (_Writer.text, (_index(event), f'"content":{quote(event.text)}')),
    "reasoning.delta": lambda event: (_Writer.reason, (_index(event), event.field, quote(event.text))),
    "refusal.delta": lambda event: (_Writer.text, (_index(event), f'"refusal":{quote(event.text)}')),
    "tool_call.start": _call_start,
    "tool_call.delta": lambda event: (
        _Writer.call,
        (_index(event), _place(event), "arguments", f'"arguments":{quote(event.arguments)}'),
    ),
    "audio.delta": _audio,
    "logprobs.delta": lambda event: (
        _Writer.logprobs,
        (_index(event), f'"logprobs":{_json(_field(event, "logprobs", dict), 3)}'),
    ),
    "choice.done": lambda event: (_Writer.finish, (_index(event), _field(event, "finish_reason", str, NONE))),
    "usage": lambda event: (_Writer.set_usage, (plain_json(_field(event, "usage", dict), 2),)),
    "extra": _extra,
    "error": _error,
    "done": lambda event: (_Writer.done, ()),
    **dict.fromkeys(("content.done", "reasoning.done", "refusal.done", "tool_call.done"), lambda event: None),
}


class ChatEncoder:
    """Events in, the bytes of a Chat Completions stream out.

    Args:
        id, model, created: fields of every chunk. They replace those of ``Start``. A field that neither has
            is generated once: ``chatcmpl-`` and random digits, ``""``, the current time.
        usage: if False, the token counts are left out.
        reasoning: the field for all reasoning, e.g. ``"reasoning_content"``. If None, each event keeps its
            own field.

    It takes the events of ``ChatStream`` and ``ChatAssembler``, also those of another copy of this package.
    You may filter or change them, or make your own. Use one encoder for one answer. It can be pickled.
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
        """Return the frames of ``events`` (any iterable): zero or more whole frames.

        If the ``ToolCallStart`` of a call is not fed, nothing of the call is written. The first reasoning of
        a choice is returned with the next event, because an object may have to go in the same frame. Raises
        TypeError for an item that is not an event, ValueError for an event that no frame can have (an Extra
        that is nested too deep, or whose field is a known one), RuntimeError after close(). If it raises,
        nothing of ``events`` is written.
        """
        self._check_open("feed")
        if isinstance(events, (str, bytes, bytearray, memoryview)) or not hasattr(events, "__iter__"):
            name = type(events).__name__
            raise TypeError(f"feed() takes a list of events, not {name}: pass what ChatStream.feed() returns")
        steps: list[Step] = []
        for event in events:
            kind: Any = getattr(event, "type", None)
            try:
                step = _READ[kind](event)
            except (Unreadable, OverflowError) as reason:  # Start(created=inf)
                raise ValueError(str(reason)) from None
            except (AttributeError, KeyError, TypeError) as reason:
                raise TypeError(_no_event(event, reason)) from reason
            if step is not None:
                steps.append(step)
        writer = self._writer
        for write, arguments in steps:
            write(writer, *arguments)
        return writer.take(False)

    def comment(self, text: str = "ping") -> bytes:
        """Return a comment, which clients ignore: a heartbeat, safe between any two feeds.

        Raises ValueError for a text with a line end, RuntimeError after close().
        """
        self._check_open("comment")
        if "\n" in text or "\r" in text:
            raise ValueError("a comment must not contain a line end: call comment() once for each line")
        return well_formed(f": {text}\n\n").encode()

    def keepalive(self) -> bytes:
        """Return a chunk without choices: a heartbeat for clients that wait for events, not for bytes.

        If it comes before ``Start``, each of id, model and created that was not given is generated, and stays
        the same for the whole answer. Raises RuntimeError after close().
        """
        self._check_open("keepalive")
        self._writer.open()
        self._writer.chunk()
        return self._writer.take()

    def close(self) -> bytes:
        """Return the frames held back, e.g. the usage if no ``Done`` was fed. Later calls return ``b""``."""
        if self._closed:
            return b""
        self._closed = True
        self._writer.close()
        return self._writer.take()

    def _check_open(self, name: str) -> None:
        if self._closed:
            raise RuntimeError(f"{name}() after close(): make a new ChatEncoder for the next answer")

    def __repr__(self) -> str:
        return f"<ChatEncoder {'closed' if self._closed else 'open'}, {len(self._writer.choices)} choices>"


def _no_event(value: Any, reason: Exception) -> str:
    name = type(value).__name__
    if getattr(value, "type", None) in _READ:
        return f"feed() cannot write this {name}: {reason}"
    if getattr(value, "type", None) == "sse":
        return f"feed() takes the events of a ChatStream: write a {name} with its own encode()"
    return f"feed() takes the events that ChatStream.feed() returns, not {name}"


# -- a whole completion ---------------------------------------------------------------------------------

# The types that each field with a rule of reading may have, besides null. () means none: a reader would take
# the field for something else. A table in place of types means an object with such fields. A table in a list
# means a list of such objects.
_TEXT, _OBJECT, _ARGUMENTS = (str,), (dict,), (str, dict)  # arguments that are an object are read as its text
_BODY: Table = {"name": _TEXT, "arguments": _ARGUMENTS, "input": _ARGUMENTS}
_CALL: Table = {"id": _TEXT, "type": _TEXT, "function": _BODY, "custom": _BODY}
_MESSAGE: Table = {
    "role": _TEXT,
    "content": (str, list),
    "refusal": _TEXT,
    "tool_calls": [_CALL],
    "function_call": _BODY,
    "audio": _OBJECT,
    **dict.fromkeys(REASONING_FIELDS, (str, dict, list)),
}
_CHOICE: Table = {
    "index": (int,),
    "finish_reason": _TEXT,
    "logprobs": (dict, int, float),
    **dict.fromkeys(("delta", "usage", "error"), ()),
}
_CHAT_CHOICE: Table = {**_CHOICE, "message": _MESSAGE}
_TEXT_CHOICE: Table = {**_CHOICE, "text": _TEXT, "message": ()}
_COMPLETION: Table = {
    "id": _TEXT,
    "model": _TEXT,
    "created": (int, float),
    "choices": (list,),
    "usage": _OBJECT,
    "error": (),
}
_NAMES = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}


def encode(completion: Mapping[str, Any], *, usage: bool = True, size: int | None = None) -> Iterator[bytes]:
    """Return the frames of a whole answer, one at a time, ``[DONE]`` last.

    Args:
        completion: a Chat Completions response or a legacy text completion, as a dict.
        usage: if False, the token counts are left out.
        size: the number of characters of text in one frame; None for all of them.

    ``parse(b"".join(encode(c)))`` equals ``c`` if ``parse()`` or ``snapshot()`` returned ``c``. Any other
    completion comes back in the shape that these return: without nulls, without the ``index`` of calls, and
    with the choices in order.

    Raises ValueError, which names the field, if no stream can have it: a field of a wrong type, two calls of
    a choice with one id, an ``error``. Raises TypeError if ``completion`` is not a mapping. The call itself
    raises them, before the first frame.
    """
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1 character, not {size}")
    if not hasattr(completion, "items"):
        name = type(completion).__name__
        raise TypeError(f"encode() takes a completion (a dict), not {name}: pass response.model_dump()")
    try:
        plain = render(plain_json(completion, 1), True)
    except (TypeError, Unreadable) as reason:
        raise ValueError(f"{_path_to_bad(completion)}: {reason}") from None
    return _frames(_completion_steps(plain, _normalise(plain), size), usage)


def _frames(steps: Iterator[Step], usage: bool) -> Iterator[bytes]:
    writer = _Writer(None, None, None, usage)
    for write, arguments in steps:
        write(writer, *arguments)
        frames, writer.frames = writer.frames, []
        for frame in frames:
            yield frame.encode()


def _path_to_bad(value: Any, path: str = "completion", depth: int = 1) -> str:
    """Return the path of the first value that plain_json() refuses."""
    items: Any = value.items() if hasattr(value, "items") else ()
    if isinstance(value, (list, tuple)):
        items = enumerate(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for key, item in items:
        try:
            plain_json(item, depth + 1)
        except (TypeError, Unreadable):
            where = f"[{key}]" if isinstance(key, int) else f".{key}"
            return _path_to_bad(item, path + where, depth + 1)
    return path


def _check(value: Any, path: str, allowed: Any) -> None:
    """Raise ValueError, which names the field, unless the table allows the value."""
    if value is None or (allowed == () and not value):
        return
    if allowed == ():
        raise ValueError(f"{path} would not be read as a field of the answer")
    kinds: Any = (allowed.__class__,) if allowed.__class__ in (dict, list) else allowed
    if value.__class__ not in kinds:
        raise ValueError(f"{path} is not {' or '.join(dict.fromkeys([_NAMES[kind] for kind in kinds]))}")
    if allowed.__class__ is dict:
        for name, inner in allowed.items():
            _check(value.get(name), f"{path}.{name}", inner)
    elif allowed.__class__ is list:
        for position, entry in enumerate(value):
            _check([] if entry is None else entry, f"{path}[{position}]", allowed[0])  # null is no entry


def _normalise(completion: dict[str, Any]) -> bool:
    """Change a completion to the shape that a reader returns. Return whether it is a text completion."""
    _check(completion, "completion", _COMPLETION)
    choices: list[dict[str, Any]] | None = completion.get("choices")
    if choices is None:
        raise ValueError("completion.choices is missing")
    is_text = any(one.__class__ is dict and "text" in one and "message" not in one for one in choices)
    body = "text" if is_text else "message"
    _check(choices, "completion.choices", [_TEXT_CHOICE if is_text else _CHAT_CHOICE])
    taken: set[int] = set()
    for position, choice in enumerate(choices):
        path = f"completion.choices[{position}]"
        if choice.get(body) is None:
            raise ValueError(f"{path}.{body} is missing")
        index = position if choice.get("index") is None else choice["index"]
        if index < 0 or index in taken:
            raise ValueError(f"{path}.index is {index}, which is {'no index' if index < 0 else 'taken'}")
        choice["index"] = index
        taken.add(index)
        if not is_text:
            _normalise_message(choice["message"], f"{path}.message")
    choices.sort(key=lambda choice: choice["index"])
    return is_text


def _normalise_message(message: dict[str, Any], path: str) -> None:
    if message.get("content").__class__ is list:
        parts: list[Any] = []
        for part in message["content"]:
            if not is_absent(part):
                add_part(parts, part, False)
        message["content"] = render(parts, False) or None
    if message.get("audio"):
        reader = ChatAssembler()
        reader.add({"choices": [{"delta": {"audio": message["audio"]}}]})
        message["audio"] = reader.message().get("audio")
    ids: set[str] = set()
    for position, call in enumerate(message.get("tool_calls") or ()):
        where = f"{path}.tool_calls[{position}]"
        kinds = [kind for kind in ("function", "custom") if call.get(kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"{where} has neither function nor custom, or both")
        body = call[kinds[0]]
        if not call.get("id") and as_id(body.get("id")):
            call["id"] = as_id(body.pop("id"))  # rule 4 of reading
        if call.get("id") in ids:
            raise ValueError(f"{where}.id is that of another call: they would be read as one")
        if call.get("id"):
            ids.add(call["id"])
    read: dict[str, Any] = {}
    for name, value in message.items():
        has_rule = name in DELTA_NOISE or (name in _MESSAGE and name not in REASONING_FIELDS)
        if value is not None and not has_rule:
            grow(read, name, value, False)
            if render(read[name], False) != value:
                raise ValueError(f"{path}.{name} has objects that would be read as one: equal type and index")


def _unknown(fields: dict[str, Any], *known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the JSON text of each field that has no rule and is not null."""
    for name, value in fields.items():
        if value is not None and name not in NOISE_FIELDS and not any(name in names for names in known):
            yield name, _dump(value)


def _pieces(name: str, text: str, size: int | None, more: str = "") -> Iterator[tuple[str, str]]:
    """Yield the pieces of a text as fields with this name, each with the fields beside it.

    Only the last piece has fields beside it: ``more``.
    """
    size = size or len(text) or 1
    for at in range(0, len(text), size):
        yield f'"{name}":{quote(text[at : at + size])}', more if at + size >= len(text) else ""


# The steps of a completion. Each writes at most one frame.


def _completion_steps(completion: dict[str, Any], is_text: bool, size: int | None) -> Iterator[Step]:
    for name, value in _unknown(completion, _COMPLETION, ("object",)):
        yield _Writer.chunk_extra, (name, value)
    yield _Writer.start, (completion.get("id"), completion.get("model"), completion.get("created"), is_text)
    if not completion["choices"]:
        yield _Writer.chunk, ()  # otherwise there might be no frame with the header
    for choice in completion["choices"]:
        yield from _choice_steps(choice, choice.get("message") or {}, is_text, size)
    if completion.get("usage"):
        yield _Writer.set_usage, (completion["usage"],)
    yield _Writer.settle, ()
    yield _Writer.done, ()


def _choice_steps(
    choice: dict[str, Any], message: dict[str, Any], is_text: bool, size: int | None
) -> Iterator[Step]:
    index = choice["index"]
    content = choice["text"] if is_text else message.get("content")
    logprobs = choice.get("logprobs")
    null = '"logprobs":null,' if logprobs is None and "logprobs" in choice else ""
    if not is_text:
        begun = "null" if content is None or content.__class__ is list else '""'
        refusal = ',"refusal":null' if message.get("refusal", "") is None else ""
        role = f'"role":{quote(message.get("role") or "assistant")},"content":{begun}{refusal}'
        yield _Writer.choice, (index, role, null)
    elif null or not content:
        yield _Writer.entry, (index, "", null)
    more = "" if logprobs is None else f'"logprobs":{_dump(logprobs)},'
    # All names must be in the same deltas. Otherwise a reader takes the text of one name for more text of
    # another.
    texts = {name: message[name] for name in REASONING_NAMES if message.get(name).__class__ is str}
    objects = {name: message[name] for name in REASONING_NAMES if message.get(name).__class__ in (dict, list)}
    longest = max([1, *map(len, texts.values())])
    step = size or longest
    for at in range(0, longest if texts or objects else 0, step):
        cut = {name: text[at : at + step] for name, text in texts.items() if at < len(text) or not at}
        yield _Writer.entry, (index, _dump({**cut, **objects})[1:-1])
        objects = {}
    if content.__class__ is list:
        yield _Writer.entry, (index, f'"content":{_dump(content)}')
    text: Any = content if content.__class__ is str else ""
    for piece in _pieces("content", text, size, more):
        yield _Writer.entry, (index, *piece)
    if more and not text:
        yield _Writer.entry, (index, "", more)
    if message.get("refusal") == "":
        yield _Writer.entry, (index, '"refusal":""')
    for piece in _pieces("refusal", message.get("refusal") or "", size):
        yield _Writer.entry, (index, *piece)
    for place, call in enumerate(message.get("tool_calls") or ()):
        yield from _call_steps(index, place, call, size)
    if message.get("function_call") is not None:
        yield from _call_steps(index, None, {"function_call": message["function_call"]}, size)
    for name, value in _unknown(message, _MESSAGE, REASONING_NAMES, DELTA_NOISE):
        yield _Writer.entry, (index, f"{quote(name)}:{value}")
    if message.get("audio") is not None:
        yield _Writer.entry, (index, f'"audio":{_dump(message["audio"])}')
    for name, value in _unknown(choice, _TEXT_CHOICE if is_text else _CHAT_CHOICE):
        yield _Writer.entry, (index, "", f"{quote(name)}:{value},")
    if choice.get("finish_reason"):
        yield _Writer.finish, (index, choice["finish_reason"])


def _call_steps(index: int, place: int | None, call: dict[str, Any], size: int | None) -> Iterator[Step]:
    kind = next(name for name in ("function", "custom", "function_call") if call.get(name) is not None)
    body = call[kind]
    text_name = "input" if kind == "custom" else "arguments"
    text = body.get(text_name) or ""
    type = call.get("type") or kind
    if type in ("function", "custom"):
        type = kind
    # A fragment with only an empty string would be ignored, and an id inside function alone would be the
    # call's (rule 4 of reading). So these are in the first fragment.
    inner, outer = _unknown(body, ("name", text_name)), _unknown(call, _CALL, ("index", kind))
    first = {"function": "", "tool_call": ""}
    then: list[Step] = []
    for where, fields in (("function", inner), ("tool_call", outer)):
        for name, value in fields:
            if value == '""' or name == "id":
                first[where] += f",{quote(name)}:{value}"
            else:
                then.append((_Writer.call, (index, place, where, f"{quote(name)}:{value}")))
    yield _Writer.start_call, (index, place, call.get("id"), body.get("name"), kind, type, *first.values())
    for piece, _ in _pieces(text_name, text if text.__class__ is str else _dump(text), size):
        yield _Writer.call, (index, place, "function", piece)
    yield from then
