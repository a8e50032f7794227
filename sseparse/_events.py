# SPDX-License-Identifier: MIT
"""The events: everything that the readers of this package return, as plain data.

    event = ContentDelta(0, "Hel")
    event.type                      # "content.delta"
    event.as_dict()                 # {"type": "content.delta", "choice": 0, "text": "Hel"}

There is one class for each row of the table of events in the README. The classes know nothing of each other,
of bytes or of chunks. All have positional arguments, slots, equality by value, a repr that shows the fields,
``as_dict()``, and a literal ``type`` tag. Two vendored copies of this package have different classes but the
same tags, so code that must work with both compares tags. Events are not hashable, because some have dicts.

A field may be assigned. But the stream keeps some of the same objects: changing an Error event changes
``stream.errors``, and the entries of ``logprobs`` lists are shared with the final object.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Literal, Union, final

    ErrorKind = Literal["server", "malformed", "truncated", "limit", "not_sse", "not_chat"]
    Kind = Literal["function", "custom", "function_call"]
    ObjectName = Literal["chat.completion", "text_completion"]
    Place = Literal["chunk", "choice", "delta", "tool_call", "function", "frame"]
    Status = Literal["complete", "empty", "incomplete", "invalid"]
else:

    def final(cls):
        """Stand in for ``typing.final``, whose import costs more than this whole package."""
        return cls


class _Plain:
    """Plain data: compared by value, shown with its fields. ``__match_args__`` has their names, in order."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()
    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{self.__class__.__name__}({fields})"


class _Record(_Plain):
    """The base class of all events."""

    __slots__ = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the event as a dict: ``type`` first, then its fields in order, values not copied."""
        return {name: getattr(self, name) for name in ("type", *self.__match_args__)}


@final
class ServerSentEvent(_Record):
    """One dispatched event of a ``text/event-stream`` (WHATWG HTML, "Interpreting an event stream").

    Fields: ``event`` (str, the event type, ``"message"`` if none was given), ``data`` (str, the data
    lines joined with LF), ``id`` (str, the last event ID so far, ``""`` if none).
    """

    __slots__ = __match_args__ = ("event", "data", "id")
    type: Literal["sse"] = "sse"

    def __init__(self, event: str = "message", data: str = "", id: str = "") -> None:
        self.event = event
        self.data = data
        self.id = id

    def encode(self) -> bytes:
        """Return this event as the lines of an event stream, with the blank line at the end.

        Each line of ``data`` becomes a data line of its own, so CR and CRLF in it are LF when read back.
        Raises ValueError if no event stream can carry the event: a line end in ``event`` or ``id``, NUL in
        ``id``, or empty ``data`` (some decoders do not dispatch such an event). Raises TypeError if a field
        is no string.
        """
        for name, text, refused in (
            ("event", self.event, "\r\n"), ("id", self.id, "\r\n\0"), ("data", self.data, ""),
        ):  # fmt: skip
            if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"{name} is a string, not {type(text).__name__}")
            if any(char in text for char in refused):
                raise ValueError(f"{name} holds a line end or NUL, which no event stream can carry")
        if not self.data:
            raise ValueError("data is empty, and some decoders do not dispatch such an event")
        lines = [f"data: {line}" for line in self.data.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
        if self.id:
            lines.insert(0, f"id: {self.id}")
        if self.event not in ("", "message"):
            lines.insert(0, f"event: {self.event}")
        text = "\n".join([*lines, "", ""])
        try:
            return text.encode()
        except UnicodeEncodeError:
            # A lone surrogate. well_formed() of _text.py does the same, but this file imports no other.
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


@final
class Start(_Record):
    """The answer begins. It comes once, with the first chunk that has a choice.

    Fields: ``id``, ``model`` (str, or None if not known yet), ``created`` (int, seconds since the Unix
    epoch, or None; a float if the server sent one), ``object`` (``"chat.completion"``, or
    ``"text_completion"`` if the first entry of ``choices`` has ``text`` and neither ``delta`` nor
    ``message``).
    """

    __slots__ = __match_args__ = ("id", "model", "created", "object")
    type: Literal["start"] = "start"

    def __init__(
        self, id: str | None, model: str | None, created: int | None, object: ObjectName = "chat.completion"
    ) -> None:
        self.id = id
        self.model = model
        self.created = created
        self.object: ObjectName = object


class _Text(_Record):
    """The base class of events with a choice and a text."""

    __slots__ = __match_args__ = ("choice", "text")

    def __init__(self, choice: int, text: str) -> None:
        self.choice = choice
        self.text = text


@final
class ContentDelta(_Text):
    """Text of the answer (``content`` of a delta, ``text`` of a text completion).

    Fields: ``choice`` (int, the choice's index), ``text`` (str, never empty).
    """

    __slots__ = ()
    type: Literal["content.delta"] = "content.delta"


@final
class ContentDone(_Text):
    """The content of one choice is final. It comes only if there was a ContentDelta.

    Fields: ``choice`` (int), ``text`` (str, all deltas joined).
    """

    __slots__ = ()
    type: Literal["content.done"] = "content.done"


@final
class ReasoningDelta(_Record):
    """Text of the reasoning, under any of its names.

    Fields: ``choice`` (int), ``text`` (str, never empty), ``field`` (str, its name on the wire, e.g.
    ``"reasoning_content"``).
    """

    __slots__ = __match_args__ = ("choice", "text", "field")
    type: Literal["reasoning.delta"] = "reasoning.delta"

    def __init__(self, choice: int, text: str, field: str = "reasoning_content") -> None:
        self.choice = choice
        self.text = text
        self.field = field


@final
class ReasoningDone(_Text):
    """The reasoning of one choice is final. It comes only if there was a ReasoningDelta.

    Fields: ``choice`` (int), ``text`` (str, all deltas joined).
    """

    __slots__ = ()
    type: Literal["reasoning.done"] = "reasoning.done"


@final
class RefusalDelta(_Text):
    """Text of a refusal (``refusal`` of a delta). Fields: ``choice`` (int), ``text`` (str, never empty)."""

    __slots__ = ()
    type: Literal["refusal.delta"] = "refusal.delta"


@final
class RefusalDone(_Text):
    """The refusal of one choice is final. It comes only if there was a RefusalDelta.

    Fields: ``choice`` (int), ``text`` (str, all deltas joined).
    """

    __slots__ = ()
    type: Literal["refusal.done"] = "refusal.done"


@final
class ToolCallStart(_Record):
    """A tool call begins: its name has come, or at least the first part of it.

    Fields: ``choice`` (int), ``index`` (int, its place in the final ``tool_calls``; None for the
    legacy ``function_call``), ``id`` (str, or None if not sent yet), ``name`` (str as known so far; None
    if the call never got a name, and then this event comes just before its ``ToolCallDone``), ``kind``
    (``"function"``, ``"custom"`` or ``"function_call"``).
    """

    __slots__ = __match_args__ = ("choice", "index", "id", "name", "kind")
    type: Literal["tool_call.start"] = "tool_call.start"

    def __init__(self, choice: int, index: int | None, id: str | None, name: str | None, kind: Kind) -> None:
        self.choice = choice
        self.index = index
        self.id = id
        self.name = name
        self.kind: Kind = kind


@final
class ToolCallDelta(_Record):
    """A fragment of a call's ``arguments`` (of the ``input``, for a custom tool), verbatim.

    Fields: ``choice`` (int), ``index`` (int or None, as in ``ToolCallStart``), ``arguments`` (str, never
    empty; seldom valid JSON by itself).
    """

    __slots__ = __match_args__ = ("choice", "index", "arguments")
    type: Literal["tool_call.delta"] = "tool_call.delta"

    def __init__(self, choice: int, index: int | None, arguments: str) -> None:
        self.choice = choice
        self.index = index
        self.arguments = arguments


@final
class ToolCallDone(_Record):
    """A tool call is final. Run it only if ``status`` is ``"complete"`` (or ``"empty"``, meaning ``{}``).

    Fields: ``choice`` (int), ``index`` (int or None, as in ``ToolCallStart``), ``id`` (str, generated if
    the server sent none or that of an earlier call; None for the legacy ``function_call``), ``name`` (str, or
    None if never sent), ``arguments`` (str, as sent, never repaired), ``kind`` (as in ``ToolCallStart``),
    ``status``.

    The status of a function's arguments: ``"complete"`` is one JSON object, ``"empty"`` no argument text,
    ``"incomplete"`` the beginning of a JSON object, ``"invalid"`` anything else. The input of a custom tool
    is ``"complete"`` or ``"incomplete"``. If the choice ended badly (for example with the finish_reason
    ``"length"``, or cut), that input and empty arguments are ``"incomplete"``. A call without a name is
    ``"invalid"`` if it would otherwise be ``"complete"`` or ``"empty"``.
    """

    __slots__ = __match_args__ = ("choice", "index", "id", "name", "arguments", "kind", "status")
    type: Literal["tool_call.done"] = "tool_call.done"

    def __init__(
        self,
        choice: int,
        index: int | None,
        id: str | None,
        name: str | None,
        arguments: str,
        kind: Kind,
        status: Status,
    ) -> None:
        self.choice = choice
        self.index = index
        self.id = id
        self.name = name
        self.arguments = arguments
        self.kind: Kind = kind
        self.status: Status = status

    @property
    def value(self) -> dict[str, Any] | None:
        """The arguments, parsed anew at each access: a dict if ``status`` is ``"complete"``, ``{}`` if it is
        ``"empty"``, else None. The input of a custom tool is text, so it gives None.
        """
        if self.status == "empty":
            return {}
        if self.status == "complete" and self.kind != "custom":
            arguments: dict[str, Any] = json.loads(self.arguments)
            return arguments
        return None


@final
class AudioDelta(_Record):
    """A piece of the answer's audio (``audio`` of a delta).

    Fields: ``choice`` (int), ``data`` (str in base64, or None), ``transcript`` (str or None).
    """

    __slots__ = __match_args__ = ("choice", "data", "transcript")
    type: Literal["audio.delta"] = "audio.delta"

    def __init__(self, choice: int, data: str | None, transcript: str | None) -> None:
        self.choice = choice
        self.data = data
        self.transcript = transcript


@final
class LogprobsDelta(_Record):
    """Log probabilities of this chunk's tokens (``logprobs`` of a choice).

    Fields: ``choice`` (int), ``logprobs`` (dict, as the server sent it).
    """

    __slots__ = __match_args__ = ("choice", "logprobs")
    type: Literal["logprobs.delta"] = "logprobs.delta"

    def __init__(self, choice: int, logprobs: dict[str, Any]) -> None:
        self.choice = choice
        self.logprobs = logprobs


@final
class ChoiceDone(_Record):
    """A choice is final. Each choice has this event, also in a stream that was cut.

    Fields: ``choice`` (int), ``finish_reason`` (str, or None if the server gave none).
    """

    __slots__ = __match_args__ = ("choice", "finish_reason")
    type: Literal["choice.done"] = "choice.done"

    def __init__(self, choice: int, finish_reason: str | None) -> None:
        self.choice = choice
        self.finish_reason = finish_reason


@final
class Usage(_Record):
    """The token counts (``usage`` of a chunk) have changed. It may come after ``Done``.

    Field: ``usage`` (dict, all counts so far).
    """

    __slots__ = __match_args__ = ("usage",)
    type: Literal["usage"] = "usage"

    def __init__(self, usage: dict[str, Any]) -> None:
        self.usage = usage


@final
class Extra(_Record):
    """A field that has no event of its own has come.

    An object or a list causes an Extra each time it comes. Any other value causes one if it differs from the
    value that was kept, or is appended to it.

    Fields: ``choice`` (int, or None for a field of the chunk), ``index`` (int, the tool call that has the
    field, or None), ``field`` (str, its name), ``value`` (JSON, as in this chunk), ``place`` (the object
    that has the field: ``"chunk"``, ``"choice"``, ``"delta"``, ``"tool_call"``, or ``"function"`` for
    ``function`` and ``custom``). If ``place`` is ``"frame"``, the value is a whole frame whose SSE event
    type is not one of this API's, and ``field`` is that type.

    Reasoning in an object or a list (``reasoning_details``) is an Extra too, besides the ReasoningDelta.
    """

    __slots__ = __match_args__ = ("choice", "index", "field", "value", "place")
    type: Literal["extra"] = "extra"

    def __init__(
        self, choice: int | None, index: int | None, field: str, value: Any, place: Place
    ) -> None:
        self.choice = choice
        self.index = index
        self.field = field
        self.value = value
        self.place: Place = place


@final
class Error(_Record):
    """Something is wrong with the stream. Reading goes on unless ``kind`` is ``"limit"``.

    Kinds: ``"server"``: the server reported an error. ``"malformed"``: a frame, or an entry in it, could not
    be read. ``"truncated"``: the stream was cut. ``"limit"``: one of the limits was exceeded. ``"not_sse"``:
    the body is not an event stream. ``"not_chat"``: its frames are those of another API.

    Fields: ``kind``, ``message`` (str, a sentence; for ``server`` the server's own), ``choice`` (int or
    None), ``code`` (the server's, as sent, or None), ``data`` (for ``server`` the error value as parsed; for
    other kinds at most 200 characters of the input, or None), ``frame`` (int, the number of the frame,
    counted from 0, ``[DONE]`` and empty frames included, or None), ``server_type`` (str, the server's own
    ``type``, e.g. ``"rate_limit_error"``, or None).
    """

    __slots__ = __match_args__ = ("kind", "message", "choice", "code", "data", "frame", "server_type")
    type: Literal["error"] = "error"

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        choice: int | None = None,
        code: Any = None,
        data: Any = None,
        frame: int | None = None,
        server_type: str | None = None,
    ) -> None:
        self.kind: ErrorKind = kind
        self.message = message
        self.choice = choice
        self.code = code
        self.data = data
        self.frame = frame
        self.server_type = server_type


@final
class Done(_Record):
    """The server sent ``[DONE]``. No fields. It comes after the events of all classes named ``...Done``.

    A stream that was cut has none. Usage, Extra and Error may come after it.
    """

    __slots__ = __match_args__ = ()
    type: Literal["done"] = "done"


@final
class JSONTextDelta(_Record):
    """A string value inside a JSON text grew (from ``PartialJSON``).

    Fields: ``path`` (tuple of keys (str) and positions (int) from the top), ``text`` (str, decoded,
    never empty).
    """

    __slots__ = __match_args__ = ("path", "text")
    type: Literal["json.text"] = "json.text"

    def __init__(self, path: tuple[str | int, ...], text: str) -> None:
        self.path = path
        self.text = text


@final
class JSONValue(_Record):
    """A value inside a JSON text has ended (from ``PartialJSON``). Inner values come before outer ones.

    Fields: ``path`` (tuple of keys (str) and positions (int) from the top, ``()`` for the whole text),
    ``value`` (JSON; a list or dict is the one in ``PartialJSON.value``: copy it before you change it).
    """

    __slots__ = __match_args__ = ("path", "value")
    type: Literal["json.value"] = "json.value"

    def __init__(self, path: tuple[str | int, ...], value: Any) -> None:
        self.path = path
        self.value = value


# Everything that ChatStream.feed() can return: a Union for type checkers, and a tuple at run time, because
# isinstance() takes a tuple too.
# fmt: off
if TYPE_CHECKING:
    Event = Union[
        Start, ContentDelta, ContentDone, ReasoningDelta, ReasoningDone, RefusalDelta, RefusalDone,
        ToolCallStart, ToolCallDelta, ToolCallDone, AudioDelta, LogprobsDelta, ChoiceDone, Usage, Extra,
        Error, Done,
    ]
else:
    Event = (
        Start, ContentDelta, ContentDone, ReasoningDelta, ReasoningDone, RefusalDelta, RefusalDone,
        ToolCallStart, ToolCallDelta, ToolCallDone, AudioDelta, LogprobsDelta, ChoiceDone, Usage, Extra,
        Error, Done,
    )
