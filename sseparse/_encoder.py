# SPDX-License-Identifier: MIT
"""Writing streams: events become a stream that every client we tried accepts.

    encoder = ChatEncoder()
    encoder.feed(events)                    # b'data: {"id":"c1",...}\\n\\ndata: ...': whole frames

``ChatEncoder`` does the reverse of ``ChatStream``. It turns each event into a call of a method of ``Writer``
(a *step*), or into nothing. The writer has all state, and knows frames but no events. ``encode`` (in
``_completion.py``) makes the same steps from a whole completion, and does the reverse of ``parse``.

The stream that both write is called *canonical*. These are its rules, for both. Each rule is needed by some
client. These were tried: openai-python and openai-node, plain and with their helpers, the Vercel AI SDK,
LangChain in both languages, LlamaIndex, litellm, pydantic-ai, and simonw/llm. (``tests/test_clients.py`` runs
three of them. "Rules of reading" are those in ``_assembler.py`` and in the files that it names.)

Rule 1. Every frame is a chunk, except those of errors and ``[DONE]``. A chunk has ``id`` (not empty),
  ``object``, ``created`` and ``model`` (``""`` if not known), with the same values in all chunks, and
  ``choices``, a list. ``service_tier`` and ``system_fingerprint`` are in every chunk once they are known.
Rule 2. The first delta of a choice is ``{"role": "assistant", "content": ""}``. Its content is null if
  something other than content comes first. (``encode`` knows the whole message: the first content is ``""``
  if the final content is a string, and ``"refusal": null`` is there if the message has it.) In a text
  completion no role is written, and content is in ``text``, without a delta.
Rule 3. After that, a frame has at most one choice and one field of it, and a delta has no nulls. There are
  two exceptions. Logprobs are in the frame of the text before them, if both came in the same feed(). All
  fields that have the same reasoning are in one frame. Every entry has ``finish_reason``, null until the
  choice ends.
Rule 4. A call begins with ``{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f",
  "arguments": ""}}`` and continues with ``{"index": 0, "function": {"arguments": "{}"}}``. Its id, type and
  name are written once. So a name that grows after ToolCallStart cannot be written any more.
Rule 5. ``finish_reason`` comes in a frame of its own, with ``"delta": {}`` (``"text": ""`` in a text
  completion), once for each choice that has one.
Rule 6. Usage comes in one frame with ``"choices": []``, after the last finish_reason. Usage events before
  that are held, and the last one counts. Usage that comes after Done has another such frame.
Rule 7. ``[DONE]`` is written for a Done event, and at the end of ``encode``, but not by close(): a stream
  that was cut stays cut. After that, only usage, errors and unknown fields of the chunk are written: no
  reader reads choices there.
Rule 8. An Error is written in its place among the other events, as a frame without choices:
  ``{"error": {"message": "M", "type": "server", "param": null, "code": 5}}``. ``malformed`` is not written,
  because the answer went on after it. Two errors that a reader finds by itself are not written after certain
  error frames, and an upstream's error frame that says ``truncated`` is written at the end: see
  ``Writer.error``.
Rule 9. An Extra is written in its ``place``. A field beside ``function`` comes with an empty argument text,
  ``{"index": 0, "function": {"arguments": ""}, "extra_content": {}}``: clients fail on a fragment of a call
  without ``function``. An Extra with ``place="frame"`` is not written, because clients read any data as a
  chunk. Reasoning keeps its wire name if that is in REASONING_FIELDS; otherwise it is ``reasoning_content``.
Rule 10. A frame is one ``data: `` line and a blank line. Both end in LF. There are no ``id:``, ``event:`` or
  ``retry:`` lines. The JSON is UTF-8 without needless escapes and without spaces: ``{"id":"c"}``.
Rule 11. ContentDone, ReasoningDone, RefusalDone and ToolCallDone write nothing. So the text of deltas that a
  filter drops does not come back. A delta of a call whose ToolCallStart was not fed is dropped. The ``index``
  of a call counts the calls that were started: if the first of two is left out, the second has 0.
"""

from __future__ import annotations

from json.encoder import encode_basestring as quote

from ._assembler import CHUNK_FIELDS, DELTA_NOISE, ENTRY_FIELDS, FRAGMENT_FIELDS
from ._calls import OTHER_IDS
from ._json import TOO_DEEP, is_too_deep, write_json
from ._text import well_formed
from ._values import MAY_HOLD_REASONING, NOISE_FIELDS, PRINTABLE_BITS, Excessive, plain_json, reasoning_in
from ._writer import Writer, json_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Callable

    from ._events import Event
    from ._writer import Step

# The headers that a response with an event stream needs. Without ``no-transform``, proxies that compress
# would buffer frames. Without ``X-Accel-Buffering``, nginx would.
SSE_HEADERS = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)

# Rule 9: the places of an Extra. For each place, the number of JSON containers around the field, and the
# names that are refused, because a reader never makes such an Extra. (``text`` and ``logprobs`` of a choice
# are allowed: a reader makes an Extra of a text beside a delta, and of logprobs that are a number.)
PLACES: dict[str, tuple[int, frozenset[str]]] = {
    "chunk": (1, CHUNK_FIELDS | {"choices"}),
    "choice": (3, ENTRY_FIELDS | {"message", "finish_reason", "usage", "error"}),
    "delta": (4, DELTA_NOISE | {"role", "refusal", "function_call"}),
    "tool_call": (6, FRAGMENT_FIELDS),
    "function": (7, frozenset(("name", *NOISE_FIELDS))),
    "frame": (0, frozenset()),
}

NONE = type(None)
TOO_LARGE = 1 << PRINTABLE_BITS


def _json(value: Any, depth: int) -> str:
    """Return the JSON text of a value that will be inside ``depth`` containers.

    Keys become strings, NaN and Infinity become null, as in reading. Raises Excessive if the
    value is nested too deep or has an integer too long to print, TypeError if it is not a JSON value.
    """
    try:
        text = json_of(value)
    except (TypeError, ValueError, RecursionError):
        text = write_json(plain_json(value, depth + 1))
    if is_too_deep(f"{'[' * depth}{text}{']' * depth}"):
        raise Excessive(TOO_DEEP)
    return text


# ``_STEP_OF`` has one function for each type of event, which makes its step. It returns None if nothing is
# written. It raises TypeError, ValueError or Excessive if no frame can carry a value of the event, and
# AttributeError if a field is missing. For a wrong text or JSON value, ``quote`` or ``_json`` raises a
# TypeError that does not name the field, so ``_refusal`` looks for the field.


def _index(event: Any, name: str = "choice") -> int:
    """Return the index of the event's choice. If ``name`` is "index", return that of its call."""
    value: Any = getattr(event, name)
    if value.__class__ is not int or value < 0:
        raise TypeError(f"its {name} is {value!r}, which is not an index")
    if value >= TOO_LARGE:
        raise ValueError(f"its {name} has too many digits for an index")
    return value


def _call_index(event: Any) -> int | None:
    """Return the index of the call, None for the legacy function_call."""
    return None if event.index is None else _index(event, "index")


def _field(event: Any, name: str, *types: type) -> Any:
    """Return a field that must be of one of these types."""
    value: Any = getattr(event, name)
    if not isinstance(value, types):
        raise TypeError(f"its {name} is of type {type(value).__name__}")
    return value


def _start(event: Any) -> Step:
    id, model = _field(event, "id", str, NONE), _field(event, "model", str, NONE)
    created = _seconds(_field(event, "created", int, float, NONE) or 0)
    return Writer.start, (id, model, created, event.object == "text_completion")


def _seconds(created: float) -> int:
    """Return the time as an integer. (time.time() returns a float.)"""
    if not abs(created) < TOO_LARGE:  # true of infinity and NaN, too
        raise ValueError("created is not a time in seconds: pass int(time.time())")
    return int(created)


def _call_start(event: Any) -> Step:
    kind, index = event.kind, _call_index(event)
    if kind not in ("function", "custom", "function_call") or (kind == "function_call") != (index is None):
        raise TypeError(f"its kind is {kind!r} and its index {index!r}")
    id, name = _field(event, "id", str, NONE), _field(event, "name", str, NONE)
    return Writer.start_call, (_index(event), index, id, name, kind, kind)


def _audio(event: Any) -> Step | None:
    values = [(name, _field(event, name, str, NONE)) for name in ("data", "transcript")]
    fields = [f'"{name}":{quote(value)}' for name, value in values if value is not None]
    return (Writer.entry, (_index(event), f'"audio":{{{",".join(fields)}}}')) if fields else None


def _extra(event: Any) -> Step | None:
    place, name, value = event.place, event.field, event.value
    if place not in PLACES:
        raise ValueError(f"its place is {place!r}, not one of {', '.join(PLACES)}")
    depth, known = PLACES[place]
    if name in known:
        raise ValueError(f"it is {name!r} at the place {place!r}, which is not an unknown field")
    is_one = name == "content" or (name == "tool_calls" and value.__class__ is not list)
    if is_one and place == "delta" and value is not None:
        value = [value]  # one part, one fragment
    text = _json(value, depth)
    field = f"{quote(name)}:{text}"
    if place == "frame" or text == "null":
        return None
    if place == "chunk":
        return Writer.chunk_extra, (name, text)
    if place == "choice":
        return Writer.entry, (_index(event), "", f"{field},")
    if place != "delta":
        return _call_extra(event, text)
    if name in MAY_HOLD_REASONING and value.__class__ in (str, dict, list):
        return Writer.reason_object, (_index(event), name, text, quote(reasoning_in(value)))
    return Writer.entry, (_index(event), field)


def _call_extra(event: Any, text: str) -> Step | None:
    """Return the step of an unknown field of a call, or None for two kinds of fields that cannot stand alone.

    A reader ignores a fragment with nothing but an empty string, and takes one of OTHER_IDS for the id of the
    call (rule 4 of reading).
    """
    if event.value == "" or (event.place, event.field) in OTHER_IDS:
        return None
    call = _call_index(event) if event.place == "function" else _index(event, "index")
    return Writer.call_extra, (_index(event), call, event.place, event.field, text)


def _error(event: Any) -> Step:
    kind = _field(event, "kind", str)
    type = _field(event, "server_type", str, NONE) or kind
    code = _json(event.code, 2)
    body = f'{{"message":{quote(event.message)},"type":{quote(type)},"param":null,"code":{code}}}'
    # A reader makes such an Error of the finish_reason "error".
    is_finish = kind == "server" and event.choice is not None and event.data == "error"
    return Writer.error, (kind, type, body, is_finish)


_STEP_OF: dict[str, Callable[[Any], Step | None]] = {
    "start": _start,
    "content.delta": lambda event: (Writer.text, (_index(event), f'"content":{quote(event.text)}')),
    "reasoning.delta": lambda event: (Writer.reason, (_index(event), event.field, quote(event.text))),
    "refusal.delta": lambda event: (Writer.text, (_index(event), f'"refusal":{quote(event.text)}')),
    "tool_call.start": _call_start,
    "tool_call.delta": lambda event: (
        Writer.arguments,
        (_index(event), _call_index(event), quote(event.arguments)),
    ),
    "audio.delta": _audio,
    "logprobs.delta": lambda event: (
        Writer.logprobs,
        (_index(event), f'"logprobs":{_json(_field(event, "logprobs", dict), 3)}'),
    ),
    "choice.done": lambda event: (
        Writer.finish,
        (_index(event), _field(event, "finish_reason", str, NONE) or None),
    ),
    "usage": lambda event: (Writer.set_usage, (plain_json(_field(event, "usage", dict), 2),)),
    "extra": _extra,
    "error": _error,
    "done": lambda event: (Writer.done, ()),
    # Rule 11.
    **dict.fromkeys(("content.done", "reasoning.done", "refusal.done", "tool_call.done"), lambda event: None),
}


class ChatEncoder:
    """Events in, the bytes of a Chat Completions stream out.

    Args:
        id, model, created: fields of every chunk. They replace those of ``Start``. (An ``id`` of ``""`` and
            a ``created`` of 0 mean that none is given, as in reading. A ``model`` of ``""`` is written.) A
            field that neither has is generated once: ``chatcmpl-`` and random digits, ``""``, the current
            time.
        usage: if False, the token counts are left out.
        reasoning: the field for the text of all reasoning, e.g. ``"reasoning"``. If None, each event keeps
            its own field if that is one of the usual four (rule 9 of reading). Other fields become
            ``"reasoning_content"``.

    It takes the events of ``ChatStream`` and ``ChatAssembler``, also those of another copy of this package.
    You may filter or change them, or make your own. Use one encoder for one answer. It can be pickled.

    Raises TypeError for an argument of a wrong type, ValueError if ``created`` is NaN or too large, or if
    ``reasoning`` is a field that means something else.
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
        for name, value in (("id", id), ("model", model), ("reasoning", reasoning)):
            if value is not None and not isinstance(value, str):  # pyright: ignore
                raise TypeError(f"{name} takes a string, not {value!r}")
        if reasoning in PLACES["delta"][1] | {"", "content", "tool_calls"}:
            raise ValueError(f"reasoning takes the name of a field for reasoning, not {reasoning!r}")
        if created is not None:
            if not isinstance(created, (int, float)):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"created takes a number of seconds, not {created!r}")
            created = _seconds(created)
        self._writer = Writer(id, model, created, usage, reasoning)
        self._closed = False

    def feed(self, events: Iterable[Event]) -> bytes:
        """Return the frames of ``events`` (any iterable): zero or more whole frames.

        If the ``ToolCallStart`` of a call is not fed, nothing of the call is written. The first text of
        reasoning of a choice, and each one after reasoning in an object, is held back until the next frame:
        an Extra with the same reasoning as an object may follow, and both must be in one frame. Raises
        TypeError if ``events`` is not an iterable of events or a field has a wrong type, ValueError for an
        event that no frame can carry (an Extra that is nested too deep, or whose field is a known one),
        RuntimeError after close(). If it raises, nothing of ``events`` is written.
        """
        self._check_open("feed")
        if isinstance(events, (str, bytes, bytearray, memoryview)) or not hasattr(events, "__iter__"):
            name = type(events).__name__
            raise TypeError(f"feed() takes a list of events, not {name}: pass what ChatStream.feed() returns")
        steps: list[Step] = []
        for event in events:
            kind: Any = getattr(event, "type", None)
            try:
                step = _STEP_OF[kind](event)
            except Excessive as reason:
                raise ValueError(str(reason)) from None
            except (AttributeError, KeyError, TypeError) as reason:
                raise TypeError(_refusal(event, reason)) from reason
            if step is not None:
                steps.append(step)
        writer = self._writer
        for write, arguments in steps:
            if not writer.is_done or write in Writer.AFTER_DONE:
                write(writer, *arguments)
        return writer.take(may_wait=True)

    def comment(self, text: str = "ping") -> bytes:
        """Return a comment, which clients ignore: a heartbeat, safe between any two feeds.

        Raises TypeError if the text is no string, ValueError if it has a line end, RuntimeError after
        close().
        """
        self._check_open("comment")
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"comment() takes a string, not {type(text).__name__}")
        if "\n" in text or "\r" in text:
            raise ValueError("a comment must not contain a line end: call comment() once for each line")
        return well_formed(f": {text}\n\n").encode()

    def keepalive(self) -> bytes:
        """Return a chunk without choices: a heartbeat for clients that wait for events, not for bytes.

        If it comes before ``Start``, each of id, model and created that was not given is generated, and stays
        the same for the whole answer. Raises RuntimeError after close().
        """
        self._check_open("keepalive")
        self._writer.complete_header()
        self._writer.chunk()
        return self._writer.take()

    def close(self) -> bytes:
        """Return the frames that were held back, e.g. usage if no ``Done`` was fed. Later calls: ``b""``."""
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


def _refusal(value: Any, reason: Exception) -> str:
    """Return a message that says why feed() cannot write this value."""
    name = type(value).__name__
    kind = getattr(value, "type", None)
    if kind == "sse":
        return f"feed() takes the events of a ChatStream: write a {name} with its own encode()"
    if kind not in _STEP_OF:
        return f"feed() takes the events that ChatStream.feed() returns, not {name}"
    what = str(reason)
    for field in ("text", "arguments", "message", "field"):
        text = getattr(value, field, "")
        if not isinstance(text, str):
            what = f"its {field} is of type {type(text).__name__}"
    for field in ("value", "code", "usage", "logprobs"):
        try:
            plain_json(getattr(value, field, None), 1)
        except TypeError:
            what = f"its {field} is not JSON"
        except Excessive:
            pass  # not the reason: feed() raises ValueError for such a value
    return f"feed() cannot write this {name}: {what}"
