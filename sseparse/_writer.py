# SPDX-License-Identifier: MIT
"""Frames of a stream as text: the frames that ``ChatEncoder`` and ``encode`` write.

    writer = Writer(None, None, None, True)
    writer.text(0, '"content":"Hi"')
    writer.take()                           # b'data: {"id":"chatcmpl-...","choices":[...]}\\n\\ndata: ...'

``Writer`` knows frames. It knows neither events nor whole completions. The rules cited here are those of
writing, at the top of ``_encoder.py``.

Theory of operation
-------------------
A *step* is a method of the writer and its arguments. An event becomes at most one step, a completion becomes
many. Making a step may fail, but the method itself never fails. ``ChatEncoder.feed()`` makes all its steps
before it calls the first method, so an exception leaves the encoder as it was.

Six things wait before they are written:

* chunks without choices wait for the header, and errors after such a chunk wait with it. The header is
  incomplete until ``Start`` or the first entry of ``choices``, because Azure's first chunk has no id yet.
  ``keepalive()`` and the end of the stream complete it, too;
* a field of LATE_HEADER waits for the next chunk, or for the end of the stream if no chunk comes;
* unknown fields of a call wait for the start of the call;
* usage and ``x_groq``, which has a copy of it, wait for ``Done`` or ``close()``;
* an error of the server that says that its own stream was cut waits for ``close()``;
* a frame with reasoning that is text waits for the next frame. The same reasoning may follow as an object
  (OpenRouter: ``reasoning`` and ``reasoning_details``). Both must be in one delta, because a reader would
  take two deltas for two thoughts.

Most servers never send reasoning as an object. So whether a frame with reasoning waits depends on the
reasoning that its choice had before (``_Choice.reasoning``):

    state      the reasoning of the choice so far   does a text wait?   next state
    UNSEEN     nothing                              yes                 TEXT at a text, OBJECTS at an object
    TEXT       text only                            no                  OBJECTS at an object
    OBJECTS    an object, and perhaps text          yes                 -
"""

from __future__ import annotations

import json
import time
from json.encoder import encode_basestring as quote
from os import urandom

from ._answer import id_tail
from ._calls import text_field
from ._frames import DONE
from ._json import parse_json, write_json
from ._text import well_formed
from ._values import REASONING_FIELDS, overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    # A method of the writer, and its arguments.
    Step = tuple[Callable[..., object], tuple[Any, ...]]

# Rule 1: fields that every frame has once they are known.
LATE_HEADER = ("service_tier", "system_fingerprint")

# Rule 2: the first delta of a choice that does not begin with text.
NO_TEXT = '"role":"assistant","content":null'

# Rule 3: the end of every frame with an entry, except the one with the finish_reason. (Vercel AI's schema
# requires ``finish_reason``.)
TAIL = '"finish_reason":null}]}\n\n'

# The states of the reasoning of a choice.
UNSEEN, TEXT, OBJECTS = "unseen", "text", "objects"

# The errors written so far: none; some, and reading went on after each; reading ended with one of them.
NO_ERROR, ERROR, LAST_ERROR = "no error", "error", "last error"

# Kinds of errors after which nothing more is read.
ENDS = frozenset(("truncated", "limit", "not_sse", "not_chat"))

json_of = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def dump(value: Any) -> str:
    """Return the JSON text of a value in plain JSON types."""
    try:
        return json_of(value)
    except RecursionError:
        return write_json(value)


class _Choice:
    """A choice whose first frame was written."""

    __slots__ = ("calls", "finished", "ids", "reasoning", "text_at")

    def __init__(self) -> None:
        # The calls that were started, by their index in the events: the index that is written, and the kind.
        self.calls: dict[int | None, tuple[int, str]] = {}
        self.ids: set[str] = set()
        self.finished = False
        self.text_at = -1  # the number of the frame with its last text; -1 if none, or if it has logprobs
        self.reasoning = UNSEEN


class _LastReasoning:
    """The last frame with reasoning that take() has not returned.

    ``frame``: its number, -1 if there is none. ``choice``: the index of its choice. ``fields``: the fields of
    its delta, by name. ``waits``: whether take() holds it back.
    """

    __slots__ = ("choice", "fields", "frame", "waits")

    def __init__(self) -> None:
        self.frame = self.choice = -1
        self.fields: dict[str, str] = {}
        self.waits = False

    def text(self) -> str:
        """Return the fields as they are in the delta."""
        return ",".join([f"{quote(name)}:{value}" for name, value in self.fields.items()])


class Writer:
    """Writes frames. Its methods expect arguments that were checked before.

    The argument ``index`` is the index of a choice. ``call_index`` is that of a call, as the events have it:
    None for the legacy function_call. ``field`` or ``fields`` is JSON text with names, ``"a":1,"b":2``.
    ``text`` and ``value`` are JSON text of one value. ``more`` has the fields beside the delta, each with a
    comma after it.

    ``id``, ``model``, ``created``, ``is_text`` (a text completion): what the header says.
    ``base``: the header without the fields of LATE_HEADER, ``""`` while it is incomplete.
    ``late``: the fields of LATE_HEADER that are known and strings. ``head``: the header with these.
    ``last_head``: the header of the last frame: a late field that came after it still needs a frame.
    ``waiting_chunks``: chunks that wait for the header, and the error frames after them.
    ``waiting_fields``: unknown fields of calls that wait for the start, by choice and call.
    ``usage``, ``groq``: the last usage, and the value of ``x_groq``.
    ``cut_error``: the error frame that waits for ``close()``, ``""`` if there is none.
    ``frames``: the frames since the last take(). ``taken``: the number of frames before these.
    """

    __slots__ = (
        "base", "call_ids", "choices", "created", "cut_error", "errors", "frames", "groq", "head", "id",
        "is_done", "is_text", "last_head", "last_reasoning", "late", "model", "reasoning", "says_usage",
        "taken", "usage", "waiting_chunks", "waiting_fields",
    )  # fmt: skip

    def __init__(
        self, id: str | None, model: str | None, created: Any, says_usage: bool, reasoning: str | None = None
    ) -> None:
        self.says_usage = says_usage
        self.reasoning = reasoning  # the name for all reasoning
        self.id = id
        self.model = model
        self.created = created
        self.is_text = False
        self.base = self.head = self.last_head = ""
        self.late: dict[str, str] = {}
        self.call_ids = "call"  # the beginning of generated call ids
        self.choices: dict[int, _Choice] = {}
        self.waiting_chunks: list[str] = []
        self.waiting_fields: dict[tuple[int, int | None], list[tuple[str, str, str]]] = {}
        self.usage: dict[str, Any] = {}
        self.groq: dict[str, Any] = {}
        self.errors = NO_ERROR
        self.cut_error = ""
        self.frames: list[str] = []
        self.taken = 0
        self.last_reasoning = _LastReasoning()  # always the same: a new one for each frame takes a tenth more
        self.is_done = False

    def take(self, may_wait: bool = False) -> bytes:
        """Return the frames as UTF-8 (rule 10). If ``may_wait``, hold back the last one if it waits."""
        frames, self.frames = self.frames, []
        last = self.last_reasoning
        if may_wait and last.waits and last.frame == self.taken + len(frames) - 1:
            self.frames.append(frames.pop())
        else:
            last.frame = -1
        self.taken += len(frames)
        text = "".join(frames)
        try:
            return text.encode()
        except UnicodeEncodeError:
            return well_formed(text).encode()

    # -- the chunk ------------------------------------------------------------------------------------

    def start(self, id: str | None, model: str | None, created: int, is_text: bool) -> None:
        """Read a Start: it gives the header what the caller of the encoder did not give."""
        self.call_ids = "call" + id_tail(id)  # as in ToolCallDone, so that the ids are the same
        if not self.base:
            self.id = self.id or id
            self.model = model if self.model is None else self.model
            self.created = self.created or created
            self.is_text = is_text
            self.complete_header()

    def complete_header(self) -> None:
        """Generate the fields of the header that are not known (rule 1). Write the chunks that wait for it.

        Later calls add the fields of LATE_HEADER that came since.
        """
        if not self.base:
            name = "text_completion" if self.is_text else "chat.completion.chunk"
            id = quote(self.id or f"chatcmpl-{urandom(12).hex()}")
            created = dump(self.created or int(time.time()))
            self.base = f'data: {{"id":{id},"object":"{name}","created":{created},'
            self.base += f'"model":{quote(self.model or "")},'
            self.last_head = self.base
        self.head = self._head_without("")
        for frame in self.waiting_chunks:
            if not frame.startswith("data: "):  # an error frame is whole, a chunk lacks the header
                self.last_head = self._head_without(frame)
                frame = self.last_head + frame
            self.frames.append(frame)
        self.waiting_chunks = []

    def _head_without(self, frame: str) -> str:
        """Return the header without the fields of LATE_HEADER that ``frame`` has itself."""
        names = [name for name in LATE_HEADER if name in self.late and f'"{name}":' not in frame]
        return self.base + "".join([f'"{name}":{self.late[name]},' for name in names])

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
                self.complete_header()
        elif name == "x_groq" and value[0] == "{" and value != "{}":
            # It has a copy of the usage, which a reader uses if the chunk has no other. So both must be in
            # one frame.
            overlay(self.groq, parse_json(value))
        else:
            if self.late.pop(name, None) and self.base:
                self.complete_header()  # this value, which is no string, replaces the one in the header
            self.chunk(f"{quote(name)}:{value}")

    def set_usage(self, usage: dict[str, Any]) -> None:
        """Hold usage. Only the last one is written, after everything else (rule 6: LangChain adds all up)."""
        if self.says_usage:
            self.usage = usage  # not as JSON text: a long string in it is encoded only once, at the end

    def error(self, kind: str, type: str, error: str, is_finish: bool) -> None:
        """Write an error (rule 8).

        Two errors are left out, because a reader of this writer's frames emits them itself: that the stream
        was cut, after an error frame with a type in ENDS; and that the finish_reason of a choice is ``error``
        (``is_finish``), after any error frame.

        An error of the server that says that its own stream was cut waits for ``close()``. A reader emits
        this error at once, but the ChoiceDone events only at the end. So the frames of the ChoiceDone events
        must be written before the error frame, as they were in the stream that was read.
        """
        is_known = (kind == "truncated" and self.errors == LAST_ERROR) or (
            is_finish and self.errors != NO_ERROR
        )
        if kind == "malformed" or is_known:
            return
        if type in ENDS:
            self.errors = LAST_ERROR
        elif self.errors == NO_ERROR:
            self.errors = ERROR
        frame = f'data: {{"error":{error}}}\n\n'
        if kind == "server" and type == "truncated":
            self.cut_error = frame
        else:
            (self.waiting_chunks or self.frames).append(frame)

    def settle(self) -> None:
        """Write what waits: the usage, the chunks that wait for the header, and late fields of the header."""
        of_groq = self.groq.get("usage")
        if not self.usage and of_groq and of_groq.__class__ is dict:
            del self.groq["usage"]
        fields = [f'"usage":{dump(self.usage)}'] if self.usage else []
        if self.groq:
            fields.append(f'"x_groq":{dump(self.groq)}')
        if fields or self.waiting_chunks or self.late:
            self.complete_header()
        if fields or self.last_head != self.head:
            self.chunk(*fields)
        self.usage = {}
        self.groq = {}

    def done(self) -> None:
        """Write [DONE] (rule 7)."""
        if not self.is_done:
            self.is_done = True
            self.settle()
            self.frames.append(f"data: {DONE}\n\n")

    def close(self) -> None:
        """Write what waits, ``cut_error`` first."""
        if self.cut_error:
            (self.waiting_chunks or self.frames).append(self.cut_error)
        self.settle()

    # The steps that are also taken after [DONE] (rule 7).
    AFTER_DONE = frozenset((start, chunk_extra, set_usage, error, done))

    # -- choices --------------------------------------------------------------------------------------

    def choice(self, index: int, role: str, more: str = "") -> _Choice:
        """Begin a choice: write its role, alone (rule 2)."""
        self.complete_header()
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
        # An unknown field ``text`` must be beside a delta: a reader takes one without a delta for content.
        is_text = self.is_text and not more.startswith('"text":')
        if is_text and (not fields or fields.startswith('"content":"')):
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
        """Write reasoning that is text."""
        name = self.reasoning or (name if name in REASONING_FIELDS else REASONING_FIELDS[0])
        choice = self.text(index, f"{quote(name)}:{text}")
        last = self.last_reasoning
        last.frame, last.choice, last.fields = choice.text_at, index, {name: text}
        last.waits = choice.reasoning != TEXT
        if choice.reasoning == UNSEEN:
            choice.reasoning = TEXT

    def reason_object(self, index: int, name: str, value: str, text: str) -> None:
        """Write reasoning that is an object, or a string in its place. ``text`` is the text inside it.

        If take() has not returned the last frame with reasoning, the object goes into that frame. If that
        frame has only a field of the same name with the same text, the object replaces the field. If it has a
        field of the same name in any other case, the object gets a frame of its own.
        """
        last = self.last_reasoning
        if last.frame >= 0 and last.choice == index:
            self.choices[index].reasoning = OBJECTS
            if name not in last.fields or last.fields == {name: text}:
                before = last.text()
                last.fields[name] = value
                at = last.frame - self.taken
                self.frames[at] = self.frames[at].replace(before, last.text(), 1)
                return
        self.entry(index, f'"{name}":{value}').reasoning = OBJECTS

    def logprobs(self, index: int, field: str) -> None:
        """Add logprobs to the frame of the last text (rule 3).

        Write them alone if take() has returned that frame, or if it has logprobs.
        """
        choice = self.choices.get(index)
        if choice is None or choice.text_at < self.taken:
            self.entry(index, "", f"{field},")
        else:
            at = choice.text_at - self.taken
            self.frames[at] = f"{self.frames[at][: -len(TAIL)]}{field},{TAIL}"
            choice.text_at = -1

    def finish(self, index: int, reason: str | None) -> None:
        """Write the finish_reason, once and in a frame of its own (rule 5).

        A finish_reason of None is written only in a text completion, for a choice without any other frame.
        (In a chat completion, each choice has the frame with its role.)
        """
        is_new = index not in self.choices
        choice = self.choices.get(index) or self.choice(index, NO_TEXT)
        if not choice.finished and (reason is not None or (is_new and self.is_text)):
            choice.finished = True
            self.entry(index, "", "", f'"finish_reason":{dump(reason)}}}]}}\n\n')

    # -- calls ----------------------------------------------------------------------------------------

    def start_call(
        self, index: int, call_index: int | None, id: str | None, name: str | None, kind: str, type: str,
        inner: str = "", outer: str = "",
    ) -> None:  # fmt: skip
        """Begin a call: write its id, type and name, which are written only once (rule 4).

        ``inner`` and ``outer`` are fields inside ``function`` and beside it, each with a comma before it.
        """
        choice = self.choices.get(index) or self.choice(index, NO_TEXT)
        if call_index in choice.calls:
            return
        call = choice.calls[call_index] = len(choice.calls) - (None in choice.calls), kind
        fields = f'"name":{quote(name or "")},"{text_field(kind)}":""{inner}'
        if call_index is not None:
            generated = f"{self.call_ids}_{index}_{call_index}"
            id = id if id and id not in choice.ids else generated
            while id in choice.ids:  # a reader would take two calls with one id for one call
                id = f"{id}_{len(choice.ids)}"
            choice.ids.add(id)
            fields = f'"id":{quote(id)},"type":{quote(type)},"{kind}":{{{fields}}}{outer}'
        self.entry(index, _in_call(call, "tool_call", fields))
        for field in self.waiting_fields.pop((index, call_index), ()):
            self.call_extra(index, call_index, *field)

    def arguments(self, index: int, call_index: int | None, text: str) -> None:
        """Write arguments of a call. They are dropped if the call was not started (rule 11)."""
        choice = self.choices.get(index)
        if choice and call_index in choice.calls:
            call = choice.calls[call_index]
            self.entry(index, _in_call(call, "function", f'"{text_field(call[1])}":{text}'))

    def call_extra(self, index: int, call_index: int | None, place: str, name: str, value: str) -> None:
        """Write an unknown field of a call. It waits if the call was not started yet.

        Beside ``function`` or ``custom``, it is written with an empty text of the call (rule 9). Otherwise
        openai-python's helper, Vercel AI and LlamaIndex would fail. (Gemini sends its signatures there, in
        ``extra_content``.) Inside, a field with the name of the text is not written, because a reader would
        append it to the text. (There is such an Extra if a server sends one call under both.)
        """
        choice = self.choices.get(index)
        if choice and call_index in choice.calls:
            call = choice.calls[call_index]
            field, text = f"{quote(name)}:{value}", text_field(call[1])
            if place == "tool_call":
                self.entry(index, _in_call(call, place, f'"{call[1]}":{{"{text}":""}},{field}'))
            elif name != text:
                self.entry(index, _in_call(call, place, field))
        else:
            self.waiting_fields.setdefault((index, call_index), []).append((place, name, value))


def _in_call(call: tuple[int, str], place: str, field: str) -> str:
    """Return the field of a delta that has ``field`` of a call, at ``place`` (as in Extra)."""
    number, kind = call
    if kind == "function_call":
        return f'"function_call":{{{field}}}'
    if place == "tool_call":
        return f'"tool_calls":[{{"index":{number},{field}}}]'
    return f'"tool_calls":[{{"index":{number},"{kind}":{{{field}}}}}]'
