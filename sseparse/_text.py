# SPDX-License-Identifier: MIT
"""Text that grows, and that is valid Unicode wherever the server cut it.

Rule 15. Text is valid Unicode. JSON can carry one half of a surrogate pair (``"\\ud83d"``), and servers that
    cut text by UTF-16 units send the other half in the next chunk (elizaOS/eliza#30904). Two halves that meet
    become one character: ``"\\ud83d"`` and then ``"\\ude00"`` give one emoji. A half without its other half
    becomes U+FFFD. NaN and Infinity, also ``1e999``, become null, and integers stay exact (``_json.py``).

In this package a *half* is one half of a surrogate pair. A Python str can contain a half, but such a str
cannot be encoded. Text is stored as received, because the other half may come later, and is repaired when it
is read. This file knows nothing of choices or calls.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Text:
    """Text that grows.

    ``pieces`` are joined into ``blocks`` from time to time, because a string takes some 58 bytes besides its
    characters. (The rows "one open stream" show the gain, and no other row is slower.) ``held`` is a first
    half (a high surrogate) at the end of the text: no event has it until the next piece comes.
    ``has_surrogates`` is True if it may contain halves.
    """

    __slots__ = ("blocks", "has_surrogates", "held", "pieces")

    FOLD_AT = 32

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.pieces: list[str] = []
        self.held = ""
        self.has_surrogates = False

    def append(self, text: str, has_surrogates: bool) -> None:
        self.pieces.append(text)
        if has_surrogates:
            self.has_surrogates = True
        if len(self.pieces) >= self.FOLD_AT:
            self.fold()

    def fold(self) -> None:
        self.blocks.append("".join(self.pieces))
        self.pieces.clear()

    def release(self, text: str) -> str:
        """Return ``held`` and the new piece ``text`` for an event. A first half at the end is held back."""
        text = self.held + text
        self.held = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return well_formed(text[:-1] if self.held else text)

    def raw(self) -> str:
        """Return the whole text as received."""
        return "".join(self.blocks + self.pieces)

    def join(self) -> str:
        """Return the whole text, repaired."""
        text = self.raw()
        return well_formed(text) if self.has_surrogates else text

    def settle(self) -> str:
        """Return the whole text, repaired, and keep it as one string. The text must not grow after that."""
        text = self.join()
        self.blocks = [text]
        self.pieces.clear()
        self.has_surrogates = False
        self.held = ""
        return text

    def emitted(self) -> str:
        """Return the text that the events have so far: all of it, repaired, without a half that is held."""
        text = self.join()
        return text[:-1] if self.held else text

    def copy(self) -> Text:
        text = Text()
        text.blocks = self.blocks.copy()
        text.pieces = self.pieces.copy()
        text.held = self.held
        text.has_surrogates = self.has_surrogates
        return text

    def __bool__(self) -> bool:
        return bool(self.pieces or self.blocks)


def well_formed(text: str) -> str:
    """Return ``text`` repaired: two halves that meet become one character, any other half U+FFFD."""
    try:
        if not text.isascii():
            text.encode("utf-16-le")  # the fastest check: 16 us for 64 Ki characters
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def contains_surrogates(value: Any) -> bool:
    """Whether any string in a plain JSON value, also a key, has a half."""
    todo = [value]
    for one in todo:  # the list grows: recursion could overflow the caller's stack
        if one.__class__ is dict:
            todo += one
            todo += one.values()
        elif one.__class__ is list:
            todo += one
        elif one.__class__ is str and not one.isascii():
            try:
                one.encode("utf-16-le")
            except UnicodeEncodeError:
                return True
    return False


def contains_escaped_surrogate(text: str) -> bool:
    """Whether a JSON text has an escape that may be a half."""
    return "\\" in text and "\\u" in text and ("\\ud" in text or "\\uD" in text)
