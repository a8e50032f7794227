# SPDX-License-Identifier: MIT
"""The types of the final object, which ``completion()``, ``snapshot()`` and ``message()`` return.

    if TYPE_CHECKING:
        from sseparse.types import Completion

    def bill(completion: Completion) -> int:
        return completion.get("usage", {}).get("total_tokens", 0)

Nothing in the package imports this module at run time, because it imports ``typing``. At run time all these
objects are plain dicts in the shape of the OpenAI API's non-streaming response, so a message can be appended
to ``messages`` as it is. A dict may have other fields too: unknown fields are kept where the server put them.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Union, final


class Function(TypedDict):
    """``function`` of a tool call, or the legacy ``function_call``. ``name`` is ``""`` if never sent."""

    name: str
    arguments: str


class Custom(TypedDict):
    """``custom`` of a custom tool call. ``name`` is ``""`` if never sent; ``input`` may be any text."""

    name: str
    input: str


@final
class FunctionToolCall(TypedDict):
    """A call of a function. ``id`` is generated if none was sent, or that of an earlier call.

    ``type`` is ``"function"``. If the server sent a type that is not in the API, that type is kept.
    """

    id: str
    type: Literal["function"]
    function: Function


@final
class CustomToolCall(TypedDict):
    """A call of a custom tool. ``id`` is generated if none was sent, or that of an earlier call."""

    id: str
    type: Literal["custom"]
    custom: Custom


# An entry of ``tool_calls``. To tell the two apart, test ``"function" in call`` or ``call["type"]``.
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
    """A message. It always has ``role`` and ``content``; it has the other fields if they were sent.

    ``content`` is None if never sent, and a list of parts if the server sent parts. Reasoning has the name
    that the server gave it. If the server sent an object or a list there, for example with a signature, the
    field is one, whatever its type here.
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
    thinking_blocks: list[dict[str, Any]]


class _ChoiceBase(TypedDict):
    index: int
    finish_reason: Union[str, None]


class _ChatChoiceBase(_ChoiceBase):
    message: Message


class _TextChoiceBase(_ChoiceBase):
    text: str


class Choice(_ChatChoiceBase, total=False):
    """A choice of a chat completion. It has ``logprobs`` if any chunk had that key."""

    logprobs: Union[dict[str, Any], None]


class TextChoice(_TextChoiceBase, total=False):
    """A choice of a text completion. It has ``text`` instead of ``message``."""

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
    """The final object. ``id``, ``created`` and ``model`` are None if the server did not send them.
    ``created`` is in seconds since the Unix epoch. (It is a float if the server sent one.)

    If ``object`` is ``"text_completion"``, it is a ``TextCompletion``: ``cast(TextCompletion, completion)``.
    """

    choices: list[Choice]


class TextCompletion(_OptionalCompletionBase):
    """The final object of the legacy Completions API."""

    choices: list[TextChoice]
