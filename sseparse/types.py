# SPDX-License-Identifier: MIT
"""The final object, for type checkers: what ``completion()``, ``snapshot()`` and ``message()`` return.

Imported only when asked for (``from sseparse.types import Completion``), because it imports typing.
They are plain dicts at runtime, in the shape of the OpenAI API's non-streaming response, so that a
message can be appended to ``messages`` as it is. Fields that no rule knows are kept beside these,
where the server put them.
"""

from __future__ import annotations

from typing import Any, TypedDict, Union


class Function(TypedDict):
    """``function`` of a tool call, or the legacy ``function_call``. ``name`` is ``""`` if never sent."""

    name: str
    arguments: str


class Custom(TypedDict):
    """``custom`` of a custom tool call: name (``""`` if never sent) and input, a text without a grammar."""

    name: str
    input: str


class ToolCall(TypedDict, total=False):
    """An entry of ``tool_calls``, with ``function`` or ``custom``. ``id`` is made up where none was sent."""

    id: str
    type: str
    function: Function
    custom: Custom


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


class Choice(_ChoiceBase, total=False):
    """A choice: ``message``, or ``text`` in a text completion; ``logprobs`` where any chunk had the key."""

    message: Message
    text: str
    logprobs: Union[dict[str, Any], None]


class _CompletionBase(TypedDict):
    id: Union[str, None]
    object: str
    created: Union[int, None]
    model: Union[str, None]
    choices: list[Choice]


class Completion(_CompletionBase, total=False):
    """The final object: ``object`` is ``"chat.completion"`` or ``"text_completion"``.

    ``id``, ``created`` (seconds since the Unix epoch) and ``model`` are None where the server said nothing.
    """

    usage: dict[str, Any]
    service_tier: str
    system_fingerprint: str
