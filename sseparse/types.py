# SPDX-License-Identifier: MIT
"""The final object, for type checkers: what ``completion()``, ``snapshot()`` and ``message()`` return.

    if TYPE_CHECKING:
        from sseparse.types import Completion

    def bill(completion: Completion) -> int:
        return completion.get("usage", {}).get("total_tokens", 0)

Imported only when asked for, because it imports typing. At runtime all of these are plain dicts in the shape
of the OpenAI API's non-streaming response, so that a message can be appended to ``messages`` as it is. Fields
that no rule knows are kept beside these, where the server put them.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Union, final


class Function(TypedDict):
    """``function`` of a tool call, or the legacy ``function_call``. ``name`` is ``""`` if never sent."""

    name: str
    arguments: str


class Custom(TypedDict):
    """``custom`` of a custom tool call: name (``""`` if never sent) and input, a text without a grammar."""

    name: str
    input: str


@final
class FunctionToolCall(TypedDict):
    """A call of a function. ``id`` is made up where none was sent.

    ``type`` is ``"function"`` unless the server sent a type of its own, which is kept.
    """

    id: str
    type: Literal["function"]
    function: Function


@final
class CustomToolCall(TypedDict):
    """A call of a custom tool. ``id`` is made up where none was sent."""

    id: str
    type: Literal["custom"]
    custom: Custom


# An entry of ``tool_calls``: test ``"function" in call``, or ``call["type"]``.
ToolCall = Union[FunctionToolCall, CustomToolCall]


class _Audio(TypedDict, total=False):
    id: str
    data: str
    expires_at: int
    transcript: str


class _MessageBase(TypedDict):
    role: str
    content: Union[str, list[Any], None]


class Message(_MessageBase, total=False):
    """A message: ``role`` and ``content`` always, the rest where it was sent.

    ``content`` is None when never sent, a list of parts where the server sent parts. Reasoning is
    under the name the wire had.
    """

    refusal: Union[str, None]
    tool_calls: list[ToolCall]
    function_call: Function
    audio: _Audio
    reasoning_content: str
    reasoning: str
    reasoning_text: str
    thinking: str
    reasoning_details: list[dict[str, Any]]


class _ChoiceBase(TypedDict):
    index: int
    finish_reason: Union[str, None]


class _ChatChoiceBase(_ChoiceBase):
    message: Message


class _TextChoiceBase(_ChoiceBase):
    text: str


class Choice(_ChatChoiceBase, total=False):
    """A choice of a chat completion. ``logprobs`` is there if any chunk had the key."""

    logprobs: Union[dict[str, Any], None]


class TextChoice(_TextChoiceBase, total=False):
    """A choice of a text completion: ``text`` instead of a message."""

    logprobs: Union[dict[str, Any], None]


class _CompletionBase(TypedDict):
    id: Union[str, None]
    object: Literal["chat.completion", "text_completion"]
    created: Union[int, None]
    model: Union[str, None]


class _OptionalCompletionBase(_CompletionBase, total=False):
    usage: dict[str, Any]
    service_tier: str
    system_fingerprint: str


class Completion(_OptionalCompletionBase):
    """The final object. ``id``, ``created`` (seconds since the Unix epoch) and ``model`` are None where the
    server said nothing.

    If ``object`` is ``"text_completion"``, it is a ``TextCompletion``: ``cast(TextCompletion, completion)``.
    """

    choices: list[Choice]


class TextCompletion(_OptionalCompletionBase):
    """The final object of the legacy Completions API."""

    choices: list[TextChoice]
