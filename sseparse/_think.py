# SPDX-License-Identifier: MIT
"""ThinkTags: reasoning that stands between tags in the content, for servers without a reasoning parser.

It is a filter from events to events, and no option of the assembler: what is a tag in the answer of one model
is text in that of another. It knows nothing of bytes and chunks. Only characters that may belong to a tag
wait for what follows them.
"""

from __future__ import annotations

from ._events import ContentDelta, ContentDone, ReasoningDelta, ReasoningDone
from ._text import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._events import Event

# The states of a choice. _BEFORE: only white space came, and perhaps the beginning of ``open``. _INSIDE:
# reasoning, until ``close``. _BEHIND: white space after ``close``. _TEXT: all is text, also tags: they occur
# in code and in talk.
_BEFORE, _INSIDE, _BEHIND, _TEXT = range(4)
_OF_TEXT = ("content.delta", "reasoning.delta", "content.done", "reasoning.done", "choice.done")


class _Choice:
    """What is known of one choice: the texts that its events have carried, and what waits."""

    __slots__ = ("blanks", "content", "is_mixed", "reasoning", "state", "tag")

    def __init__(self) -> None:
        self.state = _BEFORE
        self.blanks = Text()  # white space that may be followed by ``open``
        self.tag = ""  # the beginning of a tag
        self.content = Text()
        self.reasoning = Text()
        self.is_mixed = False  # the server sends reasoning, too: its ReasoningDone will come


class ThinkTags:
    """Events in, events out: content that begins with ``open`` is reasoning up to the first ``close``.

    Args:
        open, close: the tags.
        prefilled: ``open`` was in the prompt: the content begins as reasoning (a real ``open`` is dropped).

    White space before ``open`` and just after ``close`` is dropped with them. A tag anywhere else is text.
    If ``close`` never comes, all the rest is reasoning. Each choice is read on its own. One object is for one
    answer. It pickles.

    Raises ValueError for an empty tag.
    """

    __slots__ = ("_choices", "_close", "_open", "_prefilled")

    def __init__(self, open: str = "<think>", close: str = "</think>", *, prefilled: bool = False) -> None:
        self._open = open.lstrip()
        self._close = close
        self._prefilled = prefilled
        self._choices: dict[int, _Choice] = {}
        if not (self._open and close):
            raise ValueError("open and close must not be empty")

    def __repr__(self) -> str:
        return f"<ThinkTags {len(self._choices)} choices>"

    def feed(self, events: Iterable[Event]) -> list[Event]:
        """Return the events. Content that is reasoning becomes ReasoningDelta.

        ContentDone and ReasoningDone carry what their deltas did. All other events pass as they are. Text
        that may be the beginning of a tag is held back until the next delta, ContentDone or ChoiceDone.
        Raises TypeError for an item that is not an event.
        """
        passed: list[Event] = []
        event: Any
        for event in events:
            kind = getattr(event, "type", None)
            if kind not in _OF_TEXT:
                if kind is None:
                    name = type(event).__name__
                    raise TypeError(f"feed() takes the events that ChatStream.feed() returns, not {name}")
                passed.append(event)
                continue
            choice = self._choices.get(event.choice)
            if choice is None:
                choice = self._choices[event.choice] = _Choice()
            reasoning = content = ""
            if kind == "content.delta":
                reasoning, content = self._read(choice, event.text)
            elif kind == "content.done" or kind == "choice.done":
                reasoning, content = self._end(choice)
            elif kind == "reasoning.delta":
                choice.is_mixed = True
                choice.reasoning.append(event.text, False)
            if reasoning:
                choice.reasoning.append(reasoning, False)
                passed.append(ReasoningDelta(event.choice, reasoning))
            if content:
                choice.content.append(content, False)
                passed.append(ContentDelta(event.choice, content))
            if kind == "content.done" and choice.content:
                passed.append(ContentDone(event.choice, choice.content.join()))
            if kind in ("reasoning.delta", "choice.done") or (
                kind == "reasoning.done" and not choice.reasoning
            ):
                passed.append(event)
            elif choice.reasoning and kind == ("reasoning.done" if choice.is_mixed else "content.done"):
                passed.append(ReasoningDone(event.choice, choice.reasoning.join()))
        return passed

    def split(self, text: str) -> tuple[str, str]:
        """Return (reasoning, content) of a whole text, for example of the content of a message."""
        choice = _Choice()
        reasoning, content = self._read(choice, text)
        rest_of_reasoning, rest_of_content = self._end(choice)
        return reasoning + rest_of_reasoning, content + rest_of_content

    def _read(self, choice: _Choice, text: str) -> tuple[str, str]:
        """Return what of the content so far is now known to be reasoning, and what to be content."""
        text, choice.tag = choice.tag + text, ""
        if choice.state == _BEFORE:
            rest = text.lstrip()
            choice.blanks.append(text[: len(text) - len(rest)], False)
            if rest.startswith(self._open):
                text = rest[len(self._open) :]
                choice.state = _INSIDE
            elif self._open.startswith(rest):
                choice.tag = rest
                return "", ""
            else:
                text = choice.blanks.join() + rest
                choice.state = _INSIDE if self._prefilled else _TEXT
        reasoning = ""
        if choice.state == _INSIDE:
            reasoning, close, text = text.partition(self._close)
            if not close:
                starts = range(max(0, len(reasoning) - len(self._close) + 1), len(reasoning))
                end = next((at for at in starts if self._close.startswith(reasoning[at:])), len(reasoning))
                choice.tag = reasoning[end:]
                return reasoning[:end], ""
            choice.state = _BEHIND
        if choice.state == _BEHIND:
            text = text.lstrip()
            choice.state = _TEXT if text else _BEHIND
        return reasoning, text

    def _end(self, choice: _Choice) -> tuple[str, str]:
        """Return the same of what is held back: no tag ends there."""
        text, choice.tag = choice.tag, ""
        state, choice.state = choice.state, _TEXT
        if state == _BEFORE:
            text = choice.blanks.join() + text
            state = _INSIDE if self._prefilled else _TEXT
        return (text, "") if state == _INSIDE else ("", text)
