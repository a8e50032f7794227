# SPDX-License-Identifier: MIT
"""The answer so far: choices, their calls, and the final object made of them.

This file holds the state that the assembler and the fast path change. It knows no chunks, and of the events
only the errors, which it keeps. ``Reading`` has the methods that read this state. ``ChatAssembler`` and
``ChatStream`` both inherit them. For example, after the deltas "Hel" and "lo" ``text()`` returns "Hello", and
``message()`` returns ``{"role": "assistant", "content": "Hello"}``.

Each choice has a ``stage``, which the assembler changes. It tells whether "stop" replaces the finish_reason
"tool_calls" (rule 7):

    stage      meaning                                                      next stage
    UNCALLED   finish_reason is not "tool_calls"                            CALLED at "tool_calls"
    CALLED     finish_reason is "tool_calls"; "stop" does not replace it    CONTINUED at content
    CONTINUED  the same, but content has come since; "stop" replaces it     CALLED at "tool_calls"

Any other finish_reason makes it UNCALLED again, and so does a "stop" in CONTINUED.
"""

from __future__ import annotations

from ._calls import Calls, text_field
from ._errors import StreamError, check_kinds, message_about
from ._text import Text
from ._values import fill_in, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._calls import Call
    from ._events import Error, ErrorKind
    from .types import Completion, Message, ToolCall


UNCALLED, CALLED, CONTINUED = "uncalled", "called", "continued"

# The shape of a choice. An entry with ``text`` makes it TEXT_SHAPE. An entry with a delta or a message makes
# it CHAT_SHAPE, which is final.
UNKNOWN_SHAPE, TEXT_SHAPE, CHAT_SHAPE = "unknown", "text", "chat"

_BLANKS = " \t\n\r\f\v"  # between the characters of base64 text


class Audio:
    """The audio of a message. ``data`` and ``transcript`` are true once they were sent, also as ``""``.

    ``joined`` has the size of the data at the last call of ``joined_data``, and the result of that call.
    """

    __slots__ = ("data", "fields", "joined", "transcript")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.data = Text()
        self.joined = (0, "")
        self.transcript = Text()

    def joined_data(self) -> str:
        """Return the data as one base64 string, even if each fragment was padded. (litellm does the same; no
        report of a server that pads fragments)"""
        data = self.data.join()
        if "=" not in data.rstrip("=" + _BLANKS):
            return data
        if self.joined[0] != len(data):
            self.joined = (len(data), _without_inner_padding(data))
        return self.joined[1]


def _without_inner_padding(data: str) -> str:
    """Return pieces of base64 text that were each padded as one text. Return other text as it is."""
    # Rare, and not a built-in module of every interpreter: loading it took 6 % of ``import sseparse``.
    from binascii import a2b_base64, b2a_base64

    octets = bytearray()
    stop = -1
    while stop < len(data):
        start = stop + 1
        stop = data.find("=", start)
        stop = len(data) if stop < 0 else stop
        run = data[start:stop].translate(dict.fromkeys(map(ord, _BLANKS)))
        try:
            some = a2b_base64(run + "=" * (-len(run) % 4))
        except ValueError:
            return data
        # If the lengths do not match, a2b_base64 skipped characters outside the alphabet.
        if len(some) != len(run) * 3 // 4 or len(run) % 4 == 1:
            return data
        octets += some
    return b2a_base64(octets, newline=False).decode("ascii")


class Choice:
    """One choice.

    ``emitted_reasoning`` is the reasoning that the events carried. Usually it is the same ``Text`` as the one
    in ``message_extras`` under its wire name. ``reasoning_field`` is the wire name of the piece that ended in
    a half of a surrogate pair, for the event that ``finish()`` emits if the other half does not come.
    ``message_extras`` has the reasoning under its wire names, the unknown fields of the message, and
    ``refusal`` if that came as null. ``extras`` has the unknown fields of the choice, and ``logprobs`` if
    that came as null.
    """

    __slots__ = (
        "audio",
        "calls",
        "content",
        "emitted_reasoning",
        "extras",
        "failed",
        "finish_reason",
        "function_call",
        "index",
        "logprobs",
        "message_extras",
        "parts",
        "reasoning_field",
        "refusal",
        "role",
        "shape",
        "stage",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.stage = UNCALLED
        self.shape = UNKNOWN_SHAPE
        self.role: str | None = None
        self.finish_reason: str | None = None
        self.failed = False  # whether an error on this choice was reported
        self.content: Text | None = None
        self.parts: list[Any] | None = None
        self.emitted_reasoning: Text | None = None
        self.reasoning_field = ""
        self.refusal: Text | None = None
        self.calls = Calls()
        self.function_call: Call | None = None
        self.audio: Audio | None = None
        self.logprobs: dict[str, Any] | None = None
        self.message_extras: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}


def id_tail(id: str | None) -> str:
    """Return the middle of generated call ids: "_" and at most 16 characters of the completion's id, or "".

    For example, ``"_abc"`` of ``call_abc_0_0``.
    """
    tail = [c for c in id or "" if c.isascii() and (c.isalnum() or c in "-_")][-16:]
    return "_" + "".join(tail) if tail else ""


class Answer:
    """One answer so far. ``done``: the server declared its end. ``closed``: nothing more will be read."""

    __slots__ = (
        "_id_tail", "choices", "closed", "created", "done", "errors", "extras", "id", "model", "usage",
    )  # fmt: skip

    def __init__(self) -> None:
        self.id: str | None = None
        self.model: str | None = None
        self.created: Any = None
        self.usage: dict[str, Any] | None = None
        self.extras: dict[str, Any] = {}
        self.choices: dict[int, Choice] = {}
        self.errors: list[Error] = []
        self.done = False
        self.closed = False
        self._id_tail: str | None = None  # id_tail() of the id, computed when first needed

    def call_ids(self, choice: Choice) -> list[str]:
        """Return the ids of a choice's calls. All are different.

        A call gets a generated id if it has none, or if an earlier call has the same one: the API would
        refuse a request with that message. (Parallel calls that share an id: HKUDS/nanobot#3943)
        """
        ids: dict[str, None] = {}
        for call in choice.calls:
            id = call.id
            if id is None or id in ids:
                if self._id_tail is None and self.id is not None:
                    self._id_tail = id_tail(self.id)  # only once, because the id can be long
                id = f"call{self._id_tail or ''}_{choice.index}_{call.index}"
                while id in ids:  # the server sent an id that looks like a generated one
                    id += "_"
            ids[id] = None
        return list(ids)

    def snapshot(self) -> dict[str, Any]:
        shapes = [choice.shape for choice in self.choices.values()]
        is_text = TEXT_SHAPE in shapes and CHAT_SHAPE not in shapes
        completion: dict[str, Any] = {
            "id": self.id,
            "object": "text_completion" if is_text else "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [self._choice(self.choices[index], is_text) for index in sorted(self.choices)],
        }
        if self.usage is not None:
            completion["usage"] = render(self.usage, False)
        fill_in(completion, self.extras, False)
        return completion

    def _choice(self, choice: Choice, is_text: bool) -> dict[str, Any]:
        final: dict[str, Any] = {"index": choice.index}
        if is_text:
            final["text"] = choice.content.emitted() if choice.content else ""
        else:
            final["message"] = self.message(choice)
        if choice.logprobs is not None:
            final["logprobs"] = {
                key: value.copy() if value.__class__ is list else render(value, True)
                for key, value in choice.logprobs.items()
            }
        final["finish_reason"] = choice.finish_reason
        fill_in(final, choice.extras, False)
        return final

    def message(self, choice: Choice) -> Message:
        content: Any = choice.content
        if choice.parts is not None:
            content = render(choice.parts, True)
        elif content is not None:
            content = content.emitted()
        message: dict[str, Any] = {"role": choice.role or "assistant", "content": content}
        if choice.refusal is not None:
            message["refusal"] = choice.refusal.emitted()
        if choice.calls:
            message["tool_calls"] = self.tool_calls(choice)
        if choice.function_call is not None:
            message["function_call"] = self._inside(choice.function_call)
        if choice.audio is not None:
            message["audio"] = self._audio(choice.audio)
        fill_in(message, choice.message_extras, True)
        return message  # type: ignore[return-value]

    def tool_calls(self, choice: Choice) -> list[ToolCall]:
        finals: list[Any] = []
        for id, call in zip(self.call_ids(choice), choice.calls):
            # If the server sent a known type that contradicts the fields of the call, the fields count.
            kind = call.kind if call.type in (None, "function", "custom") else call.type
            final: dict[str, Any] = {"id": id, "type": kind}
            final[call.kind] = self._inside(call)
            fill_in(final, call.extras, False)
            finals.append(final)
        return finals

    def _inside(self, call: Call) -> dict[str, Any]:
        final = {"name": call.full_name() or "", text_field(call.kind): call.arguments.emitted()}
        fill_in(final, call.inner, False)
        return final

    def _audio(self, audio: Audio) -> dict[str, Any]:
        final: dict[str, Any] = render(audio.fields, True)
        if audio.data:
            final["data"] = audio.joined_data()
        if audio.transcript:
            final["transcript"] = audio.transcript.emitted()
        return final


class Reading:
    """The methods and properties that read an answer, for ``ChatAssembler`` and ``ChatStream``."""

    __slots__ = ()
    _answer: Answer

    @property
    def done(self) -> bool:
        """Whether the server declared the end (``[DONE]``)."""
        return self._answer.done

    @property
    def errors(self) -> list[Error]:
        """The list of Error events so far."""
        return self._answer.errors

    @property
    def id(self) -> str | None:
        """The completion's id: the first non-empty one. None until known."""
        return self._answer.id

    @property
    def model(self) -> str | None:
        """The model: the last non-empty one. None until known."""
        return self._answer.model

    @property
    def usage(self) -> dict[str, Any] | None:
        """A copy of the token counts known so far, or None."""
        return render(self._answer.usage, False)  # type: ignore[no-any-return]

    @property
    def finished(self) -> bool:
        """Whether there is at least one choice and each choice has a finish_reason."""
        return bool(self._answer.choices) and all(one.finish_reason for one in self._answer.choices.values())

    def text(self, choice: int = 0) -> str:
        """Return the answer's text so far, ``""`` if there is none."""
        kept = self._answer.choices.get(choice)
        return kept.content.emitted() if kept and kept.content else ""

    def reasoning(self, choice: int = 0) -> str:
        """Return the reasoning so far (the text of its events), ``""`` if there is none."""
        kept = self._answer.choices.get(choice)
        return kept.emitted_reasoning.emitted() if kept and kept.emitted_reasoning else ""

    def refusal(self, choice: int = 0) -> str:
        """Return the refusal so far, ``""`` if there is none."""
        kept = self._answer.choices.get(choice)
        return kept.refusal.emitted() if kept and kept.refusal else ""

    def finish_reason(self, choice: int = 0) -> str | None:
        """Return the finish_reason, None if there is none yet."""
        kept = self._answer.choices.get(choice)
        return kept.finish_reason if kept else None

    def tool_calls(self, choice: int = 0) -> list[ToolCall]:
        """Return the tool calls so far, in the shape of the final object; ``[]`` if there are none."""
        kept = self._answer.choices.get(choice)
        return self._answer.tool_calls(kept) if kept else []

    def message(self, choice: int = 0) -> Message:
        """Return the message so far, in the shape of the final object.

        Raises IndexError for a choice that was never seen.
        """
        kept = self._answer.choices.get(choice)
        if kept is None:
            seen = ", ".join(map(str, sorted(self._answer.choices))) or "none"
            raise IndexError(f"no choice {choice!r} in this stream; seen so far: {seen}")
        return self._answer.message(kept)

    def snapshot(self) -> Completion:
        """Return the answer so far, in the shape of the non-streaming response. Never raises.

        Later chunks do not change it, but the entries of ``logprobs`` lists are shared with the events.
        """
        return self._answer.snapshot()  # type: ignore[return-value]

    def completion(self, ignore: Iterable[ErrorKind] = ()) -> Completion:
        """Return the whole answer, in the shape of the non-streaming response.

        Args:
            ignore: kinds of errors to tolerate, e.g. ``("malformed",)``.

        Raises StreamError if the answer is not whole: there was an error of any other kind. Raises
        RuntimeError before ``[DONE]`` or ``close()``, TypeError if ``ignore`` is one string, ValueError if it
        names a kind that does not exist.
        """
        ignored = check_kinds(ignore)
        if not (self._answer.done or self._answer.closed):
            raise RuntimeError(
                "completion() before the end: feed up to [DONE] or call close(), or use snapshot()"
            )
        grave = [error for error in self._answer.errors if error.kind not in ignored]
        if grave:
            raise StreamError(message_about(grave), self._answer.errors, self.snapshot())
        return self.snapshot()
