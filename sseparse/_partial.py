# SPDX-License-Identifier: MIT
"""JSON that is still being written: ``PartialJSON``.

Whoever waits for a whole JSON text sees nothing of a long tool call until it is over, and whoever
parses all of it again at each token pays quadratically. ``PartialJSON`` reads every character once,
says which string grew and which value ended, and shows the tree so far. This is the one JSON grammar
of the package; whole texts (``_json.py``) are left to the standard library. It knows nothing of streams,
choices or tool calls.

How it works. What is open is kept in an explicit stack of containers (never in Python's own), and
``_state`` says what may come next. Within a chunk, runs of characters are taken by C code: the
standard library's string scanner, and a few regexes (``json`` imports ``re`` anyway). A token that
the end of a chunk cuts is kept in ``_held`` and put before the next chunk. Only what is bounded is
ever held: the beginning of a literal, of an escape or of a surrogate pair, and, for a number, the
shortest number that can go on in the same ways. So no character is looked at more than a few times.
"""

from __future__ import annotations

import re

from ._events import JSONTextDelta, JSONValue
from ._text import well_formed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ClassVar, Final

    _Matcher = Callable[[str, int], re.Match[str]]

    def scanstring(text: str, start: int, strict: bool = True, /) -> tuple[str, int]: ...

else:
    from json.decoder import scanstring

MAX_DEPTH: Final = 128  # fixed, or the outcome would hang on how deep the caller's stack is

# What may come next. White space may come everywhere but in strings.
_VALUE: Final = 0  # a value
_FIRST_VALUE: Final = 1  # a value, or the end of the array that has just begun
_NAME: Final = 2  # a key
_FIRST_NAME: Final = 3  # a key, or the end of the object that has just begun
_COLON: Final = 4
_AFTER: Final = 5  # a comma, or the end of the container
_END: Final = 6  # nothing: the first value has ended
_IN_TEXT: Final = 7  # more of a string value
_IN_NAME: Final = 8  # more of a key
_FAILED: Final = 9  # nothing, there was an error
_CLOSED: Final = 10  # nothing, close() was called

_EXPECTED: Final = (
    "expected a value",
    "expected a value or ']'",
    "expected a key in double quotes",
    "expected a key in double quotes or '}'",
    "expected ':'",
    "expected ',' or the end of the container",
    "text after the end of the value",
    "control character or bad escape in a string",
    "control character or bad escape in a key",
)

_LITERALS: Final[dict[str, tuple[str, Any]]] = {
    "t": ("true", True),
    "f": ("false", False),
    "n": ("null", None),
}

# These two always match, if only the empty string.
_blank: _Matcher = re.compile(r"[ \t\n\r]*").match  # type: ignore[assignment]
# As much as can still become a number. It is one already if it ends in a digit.
_number: _Matcher = re.compile(  # type: ignore[assignment]
    r"(-?)(?:(0|[1-9][0-9]*)(\.[0-9]*)?((?<=[0-9])[eE][-+]?[0-9]*)?)?"
).match
# What the end of a chunk leaves undecided in a string: an escape that is cut, and the first half of
# a surrogate pair (bare or escaped) whose second half may follow or has begun. 11 characters at most.
_undecided = re.compile(
    r"(?:(?:\\u[dD][89abAB][0-9a-fA-F]{2}|[\ud800-\udbff])(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?"
    r"|\\(?:u[0-9a-fA-F]{0,3})?)\Z"
).search


class JSONProblem:
    """Why a text is no JSON. Compared by value.

    Fields: ``message`` (str, a sentence without any of the text), ``offset`` (int, how many characters
    come before the first one that no valid text can continue with; all of them if the text merely ends).
    """

    __slots__ = ("message", "offset")
    __match_args__ = ("message", "offset")
    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __init__(self, message: str, offset: int) -> None:
        self.message = message
        self.offset = offset

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JSONProblem):
            return NotImplemented
        return self.message == other.message and self.offset == other.offset

    def __repr__(self) -> str:
        return f"JSONProblem(message={self.message!r}, offset={self.offset!r})"


class PartialJSON:
    """Reads one JSON text as it arrives, cut anywhere.

    ``max_depth`` is how many containers may be open at once; the bracket that opens one more is an
    error. Nothing in the text makes it raise. What it accepts is what ``json.loads`` accepts, save NaN
    and Infinity, and what it builds is the same, save that halves of surrogate pairs are joined, or
    become U+FFFD where they are alone. (``1e999`` is a valid number and too large for a float: it
    gives ``inf``, as in ``json.loads``. Integers with more digits than the interpreter converts,
    ``sys.set_int_max_str_digits``, are errors.) It pickles and copies mid-way.

    Attributes:
        error: None, or the ``JSONProblem`` that ended the reading; what was read before it stays.
        end: int, offset just after the first value, or None as long as that has not ended. (A number at
            the top level ends with the white space after it, or at ``close()``.)
    """

    __slots__ = (
        "_at",
        "_blocks",
        "_container",
        "_held",
        "_key",
        "_max_depth",
        "_path",
        "_pieces",
        "_seen",
        "_stack",
        "_state",
        "_top",
        "end",
        "error",
    )

    def __init__(self, *, max_depth: int = 128) -> None:
        self.error: JSONProblem | None = None
        self.end: int | None = None
        self._max_depth = max_depth
        self._state = _VALUE
        self._seen = 0  # how many characters were fed
        self._held: str = ""
        # The string or number that is being read: pieces, and before them blocks of joined pieces, because
        # a str of 4 characters takes 60 bytes. There are no blocks without pieces.
        self._pieces: list[str] = []
        self._blocks: list[str] = []
        # The top of the tree is a list with at most one entry: so every value has a container.
        self._top: list[Any] = []
        self._container: Any = self._top
        self._key: Any = 0  # where in the container: the key last read, or the position
        self._path: tuple[str | int, ...] = ()  # of the container
        self._at: tuple[str | int, ...] = ()  # path of the string that is being read
        self._stack: list[Any] = []  # the containers around it

    @property
    def complete(self) -> bool:
        """Whether the first value has ended. Text after it is an error, but the value stays complete."""
        return self.end is not None

    @property
    def value(self) -> Any:
        """The tree so far, None before there is one: a part of the end result, and alive: copy it to keep it.

        A string that is still growing counts; a number, literal or key does not until it has ended.
        Nothing is parsed for it. Reading it costs nothing, unless a string grew since the last time:
        then that one string is joined anew, one copy of its text so far.
        """
        self._settle()
        return self._top[0] if self._top else None

    def feed(self, text: str) -> list[JSONTextDelta | JSONValue]:
        """Read on. Returns what this text brought, in order; after an error always ``[]``.

        ``TypeError`` for anything but str, ``RuntimeError`` after ``close()``.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"PartialJSON.feed() takes str, not {type(text).__name__}: feed the arguments of a"
                " ToolCallDelta or the text of a ContentDelta, and decode bytes incrementally first"
            )
        # The common delta: a few characters more of a string, with nothing special among them.
        if (
            self._state == _IN_TEXT
            and not self._held
            and 0 < len(text) < 256
            and '"' not in text
            and "\\" not in text
            and text.isprintable()  # no control characters, no surrogates
        ):
            self._seen += len(text)
            self._keep(text)
            return [JSONTextDelta(self._at, text)]
        if self._state == _CLOSED:
            raise RuntimeError("PartialJSON.feed() after close(): use a new PartialJSON for another text")
        if self._state == _FAILED or not text:
            return []
        return self._read(text)

    def close(self) -> list[JSONTextDelta | JSONValue]:
        """End of the text. Settles a number at the top level; a text without a whole value is an error.

        Returns the event of such a number, else ``[]``. Closing again does nothing.
        """
        events: list[JSONTextDelta | JSONValue] = []
        if self._ends_in_number():
            events = self._read(" ")
            self._seen -= 1
        elif self.end is None and self.error is None:
            self._settle()
            self.error = JSONProblem("the text ends before its value does", self._seen)
        self._state = _CLOSED
        return events

    def _ends_in_number(self) -> bool:
        """Whether all that was read is a number, which only the end of the text can tell."""
        return self._state == _VALUE and not self._stack and self._held[-1:].isdigit()

    def __repr__(self) -> str:
        return (
            f"<PartialJSON read={self._seen} depth={len(self._stack)}"
            f" complete={self.complete} error={self.error!r}>"
        )

    def _keep(self, piece: str) -> None:
        """Add to the string or number that is being read."""
        pieces = self._pieces
        if len(pieces) >= 1024:
            self._blocks.append("".join(pieces))
            pieces.clear()
        pieces.append(piece)

    def _taken(self) -> str:
        """Take out the string or number that is being read."""
        whole = "".join(self._blocks) + "".join(self._pieces)
        self._blocks.clear()
        self._pieces.clear()
        return whole

    def _settle(self) -> None:
        """Bring a string that grew into the tree."""
        if self._state == _IN_TEXT:
            text = self._taken()
            self._keep(text)
            self._container[self._key] = text

    def _read(self, text: str) -> list[JSONTextDelta | JSONValue]:
        """Read on, wherever we are. The whole grammar is here."""
        events: list[JSONTextDelta | JSONValue] = []
        held = self._held
        base = self._seen - len(held)  # offset of text[0] (of a held number, only what follows it counts)
        self._seen += len(text)
        text = held + text
        self._held = ""
        state = self._state
        stack = self._stack
        container = self._container
        array = container.__class__ is list
        path = self._path
        key = self._key
        at = self._at
        value: Any
        problem = ""
        quoted = ""  # the text as far as strings in it can be decoded, and a quote: made when needed
        pos = 0
        length = len(text)
        while pos < length:
            if state >= _IN_TEXT:
                if not quoted:
                    plain = "\\" not in text and text.isascii()  # most are: half of what a small delta costs
                    quoted = (text if plain else text[: _decidable(text)]) + '"'
                try:
                    value, pos = scanstring(quoted, pos, True)
                except ValueError:
                    # At most once: read again what is good, as if the text ended there.
                    length = _first_bad(text, pos)
                    text = text[:length]
                    quoted = ""
                    problem = _EXPECTED[state]
                    continue
                if len(value) == length:
                    # Nothing to decode. To keep the caller's str and not a second one of the same makes a
                    # long string in large pieces three times as fast: fewer pages of memory are touched.
                    value = text
                if not value.isascii():
                    value = well_formed(value)
                if value and state == _IN_TEXT:
                    events.append(JSONTextDelta(at, value))
                if pos == len(quoted):  # it has met our quote: the string goes on in the next chunk
                    if value:
                        self._keep(value)
                    self._held = text[pos - 1 :]
                    pos = length
                    break
                if self._pieces:
                    self._keep(value)
                    value = self._taken()
                if state == _IN_NAME:
                    key = value
                    state = _COLON
                    continue
                container[key] = value
                events.append(JSONValue(at, value))
                state = _AFTER
            else:
                char = text[pos]
                if char in " \t\n\r":
                    pos += 1
                    if text[pos : pos + 1] in " \t\n\r":  # a longer run: less common than a single blank
                        pos = _blank(text, pos).end()
                    continue
                if state <= _FIRST_VALUE and char != "]":
                    if char == '"':
                        value, after = "", _IN_TEXT
                    elif char == "{":
                        value, after = {}, _FIRST_NAME
                    elif char == "[":
                        value, after = [], _FIRST_VALUE
                    elif char in _LITERALS:
                        word, value = _LITERALS[char]
                        after = _AFTER
                        if not text.startswith(word, pos):
                            start = pos
                            while pos < length and text[pos] == word[pos - start]:
                                pos += 1
                            self._held = text[start:]
                            problem = "" if pos == length else f"expected {word}"
                            break
                        pos += len(word)
                    else:
                        match = _number(text, pos)
                        word = match[0]
                        if self._pieces:  # it began in an earlier chunk, and what is held only stands for it
                            self._keep(word[len(held) :])
                        elif match.end() == length:
                            self._keep(word)
                        pos = match.end()
                        if pos == length:
                            self._held = "".join([part[:3] for part in match.groups("")])
                            break
                        if not word[-1:].isdigit():
                            problem = word and "expected a digit"  # if there is no sign of a number: a value
                            break
                        if self._pieces:
                            word = self._taken()
                        try:
                            value = int(word) if match.lastindex == 2 else float(word)
                        except ValueError:  # more than sys.get_int_max_str_digits(); a fraction could follow
                            problem = "an integer of too many digits"
                            break
                        after = _AFTER
                    if array:
                        key = len(container)
                    at = path + (key,) if stack else ()
                    if after == _AFTER:
                        events.append(JSONValue(at, value))
                    elif after != _IN_TEXT and len(stack) >= self._max_depth:
                        problem = f"nested deeper than {self._max_depth}"
                        break
                    if array:
                        container.append(value)
                    else:
                        container[key] = value
                    state = after
                    if after != _AFTER:
                        pos += 1
                        if after != _IN_TEXT:
                            stack.append(container)
                            container = value
                            array = after == _FIRST_VALUE
                            path = at
                        continue
                elif char == "," and state == _AFTER:
                    state = _VALUE if array else _NAME
                    pos += 1
                elif char == ":" and state == _COLON:
                    state = _VALUE
                    pos += 1
                elif char == '"' and _NAME <= state <= _FIRST_NAME:
                    state = _IN_NAME
                    pos += 1
                elif (
                    state == _FIRST_VALUE or (state == _AFTER and array)
                    if char == "]"
                    else char == "}" and (state == _FIRST_NAME or (state == _AFTER and not array))
                ):
                    events.append(JSONValue(path, container))
                    container = stack.pop()
                    array = container.__class__ is list
                    path = path[:-1]
                    state = _AFTER
                    pos += 1
                else:
                    break
            if not stack:  # a value has ended, and nothing is around it
                state = _END
                self.end = base + pos
        self._state = state
        self._container = container
        self._path = path
        self._key = key
        self._at = at
        if pos < length:
            problem = problem or _EXPECTED[state]
        if problem:
            self._settle()
            self._state = _FAILED
            self.error = JSONProblem(problem, base + pos)
        return events


def _scan_strictly(text: str, start: int, strict: bool = True, /) -> tuple[str, int]:
    """Stand in for the string scanner where the standard library's takes ``\\u+12a`` and the like."""
    piece, end = _scan_laxly(text, start, strict)
    if _first_bad(text, start) < end - 1:
        raise ValueError
    return piece, end


_scan_laxly = scanstring
is_lax = True
try:  # the one written in Python, up to 3.12 and in PyPy, reads the digits with int()
    scanstring('\\u+000"', 0, True)
except ValueError:
    is_lax = False
if is_lax:
    scanstring = _scan_strictly


def _first_bad(text: str, pos: int) -> int:
    """Return where a string whose inside starts at pos ends or has its first bad character."""
    # Needed once at most, so it is not for the import to compile.
    good = re.compile(r'[^"\\\x00-\x1f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})').match
    while True:
        match = good(text, pos)
        if match is None:
            break
        pos = match.end()
    match = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?").match(text, pos)
    return match.end() if match else pos


def _decidable(text: str) -> int:
    """Return how much of a text that ends inside a string can be decoded, whatever follows it."""
    pos = max(0, len(text) - 11)
    while True:
        match = _undecided(text, pos)
        if match is None:
            return len(text)
        pos = match.start()
        # After an odd number of backslashes it is escaped itself, and begins nothing.
        if (pos - len(text[:pos].rstrip("\\"))) % 2 == 0:
            return pos
        pos += 1
