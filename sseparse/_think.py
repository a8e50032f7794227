# SPDX-License-Identifier: MIT
"""ThinkTags: reasoning that stands between tags in the content, for servers without a reasoning parser.

It is a filter from events to events, and no option of the assembler: what is a tag in the answer of one model
is text in that of another. It knows nothing of bytes and chunks.

How it works. The content of a choice goes through up to four states. ``_BEFORE``: nothing but white space
came, and perhaps the beginning of ``open``. ``_INSIDE``: reasoning, until ``close``. ``_BEHIND``: white space
after ``close``. ``_TEXT``: everything is text, also tags, because they occur in code and in talk. Only
characters that may belong to a tag wait for what follows them.
"""

from __future__ import annotations

from ._events import ContentDelta, ContentDone, ReasoningDelta, ReasoningDone
from ._text import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._events import Event

_BEFORE, _INSIDE, _BEHIND, _TEXT = range(4)


class _Choice:
    """What is known of one choice: the texts that the events have carried, and what waits for a tag's end.

    ``is_mixed``: the server sends reasoning of its own, too, so a ReasoningDone of its own will come.
    """

    __slots__ = ("blanks", "content", "is_mixed", "reasoning", "state", "tag")

    def __init__(self) -> None:
        self.state = _BEFORE
        self.blanks = Text()  # white space that may be followed by ``open``
        self.tag = ""  # the beginning of a tag
        self.content = Text()
        self.reasoning = Text()
        self.is_mixed = False


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
            if kind is None:
                name = type(event).__name__
                raise TypeError(f"feed() takes the events that ChatStream.feed() returns, not {name}")
            if kind == "content.delta":
                self._say(passed, event, *self._read(self._choice(event.choice), event.text))
            elif kind == "reasoning.delta":
                choice = self._choice(event.choice)
                choice.is_mixed = True
                choice.reasoning.append(event.text, False)
                passed.append(event)
            elif kind == "content.done" or kind == "reasoning.done" or kind == "choice.done":
                self._done(passed, event, self._choice(event.choice))
            else:
                passed.append(event)
        return passed

    def _done(self, passed: list[Event], event: Any, choice: _Choice) -> None:
        """Append what a ContentDone, ReasoningDone or ChoiceDone becomes."""
        is_content = event.type == "content.done"
        if event.type != "reasoning.done":
            self._say(passed, event, *self._end(choice))
        if is_content and choice.content:
            passed.append(ContentDone(event.choice, choice.content.join()))
        if event.type == "choice.done" or not (is_content or choice.reasoning):
            passed.append(event)
        elif choice.reasoning and is_content is not choice.is_mixed:
            passed.append(ReasoningDone(event.choice, choice.reasoning.join()))

    def split(self, text: str) -> tuple[str, str]:
        """Return (reasoning, content) of a whole text, for example of the content of a message."""
        choice = _Choice()
        reasoning, content = self._read(choice, text)
        rest_of_reasoning, rest_of_content = self._end(choice)
        return reasoning + rest_of_reasoning, content + rest_of_content

    def __repr__(self) -> str:
        return f"<ThinkTags {len(self._choices)} choices>"

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def _say(self, passed: list[Event], event: Any, reasoning: str, content: str) -> None:
        """Append the deltas of a choice; ``event`` is what they came of."""
        choice = self._choices[event.choice]
        if reasoning:
            choice.reasoning.append(reasoning, False)
            passed.append(ReasoningDelta(event.choice, reasoning))
        if content:
            choice.content.append(content, False)
            passed.append(ContentDelta(event.choice, content))

    def _read(self, choice: _Choice, text: str) -> tuple[str, str]:
        """Return what of the content so far is now known to be reasoning, and what to be content."""
        if choice.state == _BEFORE:
            if not choice.tag:
                rest = text.lstrip()
                choice.blanks.append(text[: len(text) - len(rest)], False)
                text = rest
            text = choice.tag + text
            choice.tag = ""
            if text.startswith(self._open):
                text = text[len(self._open) :]
                choice.state = _INSIDE
            elif self._open.startswith(text):
                choice.tag = text
                return "", ""
            else:
                text = choice.blanks.join() + text
                choice.state = _INSIDE if self._prefilled else _TEXT
        reasoning = ""
        if choice.state == _INSIDE:
            reasoning, close, text = (choice.tag + text).partition(self._close)
            choice.tag = ""
            if not close:
                size = _overlap(reasoning, self._close)
                choice.tag = reasoning[len(reasoning) - size :]
                return reasoning[: len(reasoning) - size], ""
            choice.state = _BEHIND
        if choice.state == _BEHIND:
            text = text.lstrip()
            if text:
                choice.state = _TEXT
        return reasoning, text

    def _end(self, choice: _Choice) -> tuple[str, str]:
        """Return the same of what is held back: no tag ends there."""
        text, choice.tag = choice.tag, ""
        state, choice.state = choice.state, _TEXT
        if state == _BEFORE:
            text = choice.blanks.join() + text
            state = _INSIDE if self._prefilled else _TEXT
        return (text, "") if state == _INSIDE else ("", text)


def _overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of ``text`` may be the beginning of ``tag``."""
    sizes = range(min(len(text), len(tag) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(tag[:size])), 0)
