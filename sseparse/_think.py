# SPDX-License-Identifier: MIT
"""ThinkTags: reasoning between tags in the content, for servers without a reasoning parser.

    tags = ThinkTags()
    events = tags.feed(stream.feed(data))   # the content "<think>Hm</think>Hi" becomes the reasoning "Hm"
                                            # and the content "Hi"

This is a filter from events to events. It is not an option of the assembler, because a tag of one model is
text for another. It knows nothing of bytes and chunks.

Each choice has a ``state``. Two things are held back until the next characters come: characters that may be
part of a tag, and white space in _BEFORE. White space is dropped in _AFTER, and in _BEFORE if ``open``
follows it.

    state     the content so far                                    next state
    _BEFORE   white space, and perhaps the beginning of ``open``    _INSIDE at ``open``, otherwise _TEXT
    _INSIDE   reasoning, and perhaps the beginning of ``close``     _AFTER at ``close``
    _AFTER    ``close``, and perhaps white space                    _TEXT at any other character
    _TEXT     text. A tag is text too: code may have one.           -

With ``prefilled``, _INSIDE takes the place of _TEXT after _BEFORE. At the end of the content, every state
becomes _TEXT.
"""

from __future__ import annotations

from ._events import ContentDelta, ContentDone, Event, ReasoningDelta, ReasoningDone
from ._text import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_BEFORE, _INSIDE, _AFTER, _TEXT = range(4)
_ALL: Any = Event
_TYPES = frozenset([event.type for event in _ALL])
# The events of the content and the reasoning. (ChoiceDone ends the content if no ContentDone came.)
_OF_TEXT = ("content.delta", "reasoning.delta", "content.done", "reasoning.done", "choice.done")


def _string(value: str, name: str) -> str:
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{name} is a string, not {type(value).__name__}")
    return value


class _Choice:
    """One choice: the texts of its events so far, and the characters that are held back."""

    __slots__ = ("blanks", "content", "is_mixed", "reasoning", "state", "tag")

    def __init__(self) -> None:
        self.state = _BEFORE
        self.blanks = Text()  # white space in _BEFORE: ``open`` may follow it
        self.tag = ""  # characters that may begin a tag
        self.content = Text()
        self.reasoning = Text()
        self.is_mixed = False  # the server sends reasoning too, so a ReasoningDone will come


class ThinkTags:
    """Events in, events out: content that begins with ``open`` is reasoning up to the first ``close``.

    Args:
        open, close: the tags.
        prefilled: True if the prompt ends in ``open``, so that the content begins with reasoning. (If the
            content begins with ``open`` anyway, that is dropped.)

    White space before ``open`` and just after ``close`` is dropped with the tag. A tag anywhere else is text.
    If ``close`` never comes, the rest is reasoning. Each choice is read on its own. Use one ThinkTags for one
    answer. It can be pickled.

    Raises TypeError for a tag that is no string, ValueError for an empty one.
    """

    __slots__ = ("_choices", "_close", "_open", "_prefilled")

    def __init__(self, open: str = "<think>", close: str = "</think>", *, prefilled: bool = False) -> None:
        self._open = _string(open, "open").lstrip()
        self._close = _string(close, "close")
        self._prefilled = prefilled
        self._choices: dict[int, _Choice] = {}
        if not (self._open and close):
            raise ValueError("open and close must not be empty")

    def __repr__(self) -> str:
        return f"<ThinkTags {len(self._choices)} choices>"

    def feed(self, events: Iterable[Event]) -> list[Event]:
        """Return the events, with ReasoningDelta in place of each ContentDelta that is reasoning.

        The text of ContentDone and ReasoningDone is that of their deltas. All other events are returned as
        they are. Text that may be the beginning of a tag is held back until a later delta shows what it is,
        or until ContentDone or ChoiceDone. Raises TypeError for an item that is not an event, or whose text
        is no string.
        """
        if not hasattr(events, "__iter__"):
            name = type(events).__name__
            raise TypeError(f"feed() takes a list of events, not {name}: pass what ChatStream.feed() returns")
        passed: list[Event] = []
        for event in events:
            kind: Any = getattr(event, "type", None)
            if kind not in _TYPES:
                name = type(event).__name__
                raise TypeError(
                    f"feed() takes the events that ChatStream.feed() returns, not {name}:"
                    " feed bytes to a ChatStream first, or pass a whole text to split()"
                )
            if kind in _OF_TEXT:
                self._filter(event, kind, passed)
            else:
                passed.append(event)
        return passed

    def _filter(self, event: Any, kind: str, passed: list[Event]) -> None:
        """Append to ``passed`` the events that take the place of an event of the content or the reasoning."""
        choice = self._choices.get(event.choice)
        if choice is None:
            choice = self._choices[event.choice] = _Choice()
        reasoning = content = ""
        if kind == "content.delta":
            reasoning, content = self._read(choice, _string(event.text, "text"))
        elif kind == "content.done" or kind == "choice.done":
            reasoning, content = self._end(choice)
        elif kind == "reasoning.delta":
            choice.is_mixed = True
            choice.reasoning.append(_string(event.text, "text"), False)
        if reasoning:
            choice.reasoning.append(reasoning, False)
            passed.append(ReasoningDelta(event.choice, reasoning))
        if content:
            choice.content.append(content, False)
            passed.append(ContentDelta(event.choice, content))
        if kind == "content.done" and choice.content:
            passed.append(ContentDone(event.choice, choice.content.join()))
        if kind in ("reasoning.delta", "choice.done") or (kind == "reasoning.done" and not choice.reasoning):
            passed.append(event)
        # One ReasoningDone with all reasoning: in place of the server's own, or else after the content.
        elif choice.reasoning and kind == ("reasoning.done" if choice.is_mixed else "content.done"):
            passed.append(ReasoningDone(event.choice, choice.reasoning.join()))

    def split(self, text: str) -> tuple[str, str]:
        """Return (reasoning, content) of a whole text, for example of the content of a message.

        Raises TypeError if it is no string.
        """
        choice = _Choice()
        reasoning, content = self._read(choice, _string(text, "text"))
        rest_of_reasoning, rest_of_content = self._end(choice)
        return reasoning + rest_of_reasoning, content + rest_of_content

    def _read(self, choice: _Choice, text: str) -> tuple[str, str]:
        """Read more content. Return the reasoning and the content in it, except what is held back."""
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
            choice.state = _AFTER
        if choice.state == _AFTER:
            text = text.lstrip()
            choice.state = _TEXT if text else _AFTER
        return reasoning, text

    def _end(self, choice: _Choice) -> tuple[str, str]:
        """The content has ended. Return the text held back, as reasoning and content."""
        reasoning = content = ""
        if choice.state == _BEFORE:
            text, choice.tag = choice.blanks.join() + choice.tag, ""
            choice.state = _INSIDE if self._prefilled else _TEXT
            reasoning, content = self._read(choice, text)
        reasoning += choice.tag
        choice.tag = ""
        choice.state = _TEXT
        return reasoning, content
