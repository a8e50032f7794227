# SPDX-License-Identifier: MIT
"""JSON that is still being written: ``PartialJSON`` and ``JSONScanner``, which share one grammar.

The arguments of a tool call arrive in pieces. A program that waits for the whole text can show nothing until
the call is over. A program that parses all of it again at each piece takes quadratic time. The classes here
read each character once. ``PartialJSON`` returns events for each piece:

    reader = PartialJSON()
    reader.feed('{"city": "Par')    # [JSONTextDelta(path=("city",), text="Par")]
    reader.feed('is"')              # [JSONTextDelta(("city",), "is"), JSONValue(("city",), "Paris")]
    reader.feed("}")                # [JSONValue((), {"city": "Paris"})]

``JSONScanner`` keeps no values. It only tells whether the text is whole, unfinished or wrong.

How it works. The reader is always in one of the states below. For each state, ``_NEXT`` has the characters
that may come next and the state that each of them leads to. The open containers are in a list, not on
Python's stack. Long runs are read by C code: the standard library's string scanner, and a few regexes (the
``json`` module imports ``re`` anyway).

If a piece ends inside a token, the undecided part of the token is kept in ``_held`` and put before the next
piece. That part is always short: the beginning of a literal, of an escape or of a surrogate pair. For a
number it is the shortest number that can continue in the same ways. So each character is read only a few
times. This file knows nothing of streams, choices or tool calls.
"""

from __future__ import annotations

import re

from ._errors import check_limits
from ._events import JSONTextDelta, JSONValue, _Plain  # pyright: ignore[reportPrivateUsage]
from ._text import well_formed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ClassVar, Final

    _Matcher = Callable[[str, int], re.Match[str]]

    def scanstring(text: str, start: int, strict: bool = True, /) -> tuple[str, int]: ...

else:
    from json.decoder import scanstring

MAX_DEPTH: Final = 128  # fixed, so that the result does not depend on the depth of the caller's stack
BLANK: Final = " \t\n\r"  # JSON's white space
_SLICE: Final = 16384  # characters that JSONScanner reads at once: this limits the memory that it needs

# The states. In the first two the reader is inside a string. The comments of the others say what must come.
_IN_TEXT: Final = 0  # a string value
_IN_NAME: Final = 1  # a key
_NAME: Final = 2  # a key
_VALUE: Final = 3  # a value
_FIRST_NAME: Final = 4  # a key, or the end of the object that has just begun
_FIRST_VALUE: Final = 5  # a value, or the end of the array that has just begun
_COLON: Final = 6  # the colon after a key
_AFTER_ITEM: Final = 7  # a comma, or the end of the array
_AFTER_MEMBER: Final = 8  # a comma, or the end of the object
_END: Final = 9  # nothing: the first value has ended
_FAILED: Final = 10  # nothing: there was an error
_CLOSED: Final = 11  # nothing: close() was called

# A character leads to the next state, or to one of these.
_BLANK: Final = 12
_ENDS: Final = 13  # the container ends
_LITERAL: Final = 14
_NUMBER: Final = 15

_BLANKS: Final = dict.fromkeys(BLANK, _BLANK)
_VALUES: Final = {
    **_BLANKS,
    **dict.fromkeys("tfn", _LITERAL),
    **dict.fromkeys("-0123456789", _NUMBER),
    '"': _IN_TEXT,
    "{": _FIRST_NAME,
    "[": _FIRST_VALUE,
}
# The grammar: for each state, the characters that may come next and the state that each leads to.
_NEXT: Final[tuple[dict[str, int], ...]] = (
    {},  # inside a string: the string scanner reads on
    {},
    {**_BLANKS, '"': _IN_NAME},
    _VALUES,
    {**_BLANKS, '"': _IN_NAME, "}": _ENDS},
    {**_VALUES, "]": _ENDS},
    {**_BLANKS, ":": _VALUE},
    {**_BLANKS, ",": _VALUE, "]": _ENDS},
    {**_BLANKS, ",": _NAME, "}": _ENDS},
    _BLANKS,
)
_EXPECTED: Final = (
    "control character or bad escape in a string",
    "control character or bad escape in a key",
    "expected a key in double quotes",
    "expected a value",
    "expected a key in double quotes or '}'",
    "expected a value or ']'",
    "expected ':'",
    "expected ',' or the end of the container",
    "expected ',' or the end of the container",
    "text after the end of the value",
)

_LITERALS: Final[dict[str, tuple[str, Any]]] = {
    "t": ("true", True),
    "f": ("false", False),
    "n": ("null", None),
}

blank: _Matcher = re.compile(r"[ \t\n\r]*").match  # type: ignore[assignment]  # it always matches


def _number(text: str, pos: int) -> re.Match[str]:
    """Match the longest text that is a number or begins one, perhaps empty. It is a number if it ends in a
    digit.

    The first call replaces this function by the regex. Compiling it takes 5 % of ``import sseparse``.
    """
    global _number
    _number = re.compile(  # type: ignore[assignment]
        r"(-?)(?:(0|[1-9][0-9]*)(\.[0-9]*)?((?<=[0-9])[eE][-+]?[0-9]*)?)?"
    ).match
    return _number(text, pos)


# The undecided end of a piece inside a string: a cut escape, or a high surrogate (bare or escaped) whose low
# surrogate may follow or has begun. At most 11 characters.
_UNDECIDED: Final = (
    r"(?:(?:\\u[dD][89abAB][0-9a-fA-F]{2}|[\ud800-\udbff])(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?"
    r"|\\(?:u[0-9a-fA-F]{0,3})?)\Z"
)


class JSONProblem(_Plain):
    """The reason why a text is not JSON. Compared by value.

    Fields: ``message`` (str, a sentence that quotes nothing of the text), ``offset`` (int, the position of
    the first character that cannot be there in any valid text; the length of the text if it only ends too
    early).
    """

    __slots__ = __match_args__ = ("message", "offset")

    def __init__(self, message: str, offset: int) -> None:
        self.message = message
        self.offset = offset


class _Reader:
    """The state of a reader, and the method ``_read`` that both classes share."""

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
    _keeps: ClassVar[bool]  # True if the class builds the tree and returns events

    def __init__(self, *, max_depth: int = MAX_DEPTH) -> None:
        check_limits(max_depth=max_depth)
        self.error: JSONProblem | None = None
        self.end: int | None = None
        self._max_depth = max_depth
        self._state = _VALUE
        self._seen = 0  # number of characters fed
        self._held: str = ""
        # The string or number that is being read is in pieces. Full lists of pieces are joined into blocks,
        # because a str of 4 characters takes 53 bytes. There are no blocks without pieces.
        self._pieces: list[str] = []
        self._blocks: list[str] = []
        # The top of the tree is a list with at most one entry, so that each value has a container.
        self._top: list[Any] = []
        self._container: Any = self._top
        self._key: Any = 0  # the place in the container: the last key, or the position
        self._path: tuple[str | int, ...] = ()  # path of the container
        self._at: tuple[str | int, ...] = ()  # path of the string that is being read
        self._stack: list[Any] = []  # the containers around the container

    @property
    def complete(self) -> bool:
        """Whether the first value has ended. Text after it is an error, but the value stays complete."""
        return self.end is not None

    def _ends_in_number(self) -> bool:
        """Whether the text so far is one number. (Only the end of the text shows that a number has ended.)"""
        return self._state == _VALUE and not self._stack and self._held[-1:].isdigit()

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} read={self._seen} depth={len(self._stack)}"
            f" complete={self.complete} error={self.error!r}>"
        )

    def _keep(self, piece: str) -> None:
        """Add a piece to the string or number that is being read."""
        pieces = self._pieces
        if len(pieces) >= 1024:
            self._blocks.append("".join(pieces))
            pieces.clear()
        pieces.append(piece)

    def _taken(self) -> str:
        """Return the string or number that was being read, and forget its pieces."""
        whole = "".join(self._blocks) + "".join(self._pieces)
        self._blocks.clear()
        self._pieces.clear()
        return whole

    def _settle(self) -> None:
        """Put the unfinished string into the tree, as far as it has come."""
        if self._state == _IN_TEXT and self._keeps:
            text = self._taken()
            self._keep(text)
            self._container[self._key] = text

    def _read(self, text: str) -> list[JSONTextDelta | JSONValue]:
        """Read ``text``, from any state. One turn of the loop reads one token, or the rest of a string.

        It is one long loop on purpose. With the call of the string scanner in a method of its own,
        ``JSONScanner`` took 2 to 10 % longer, and ``PartialJSON`` up to 8 %. With one method for literals and
        numbers, both took 13 to 17 % longer on arrays of literals. (Measured in pairs, on texts that were
        whole or in pieces of at most 64 characters.)
        """
        events: list[JSONTextDelta | JSONValue] = []
        held = self._held
        base = self._seen - len(held)  # offset of text[0]: the held characters were counted already
        self._seen += len(text)
        text = held + text
        self._held = ""
        keeps = self._keeps
        follows = _NEXT
        state = self._state
        stack = self._stack
        container = self._container
        path = self._path
        key = self._key
        at = self._at
        value: Any
        problem = ""
        quoted = ""  # the decidable text, and a quote that ends any string; set at the first string
        pos = 0
        length = len(text)
        while pos < length:
            if state <= _IN_NAME:
                if not quoted:
                    plain = "\\" not in text and text.isascii()  # common, and _decidable() is slow
                    quoted = (text if plain else text[: _decidable(text)]) + '"'
                try:
                    value, pos = scanstring(quoted, pos, True)
                except ValueError:
                    # This happens at most once: read the good part again, as if the text ended there.
                    length = _first_bad(text, pos)
                    text = text[:length]
                    quoted = ""
                    problem = _EXPECTED[state]
                    continue
                if keeps:
                    if len(value) == length:
                        # Nothing was decoded, so keep the caller's str and not an equal copy. A long string
                        # in large pieces is read three times as fast that way: it touches less memory.
                        value = text
                    if not value.isascii():
                        value = well_formed(value)
                    if value and state == _IN_TEXT:
                        events.append(JSONTextDelta(at, value))
                if pos == len(quoted):  # the quote added above: the string continues in the next piece
                    if value and keeps:
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
                if keeps:
                    container[key] = value
            else:
                try:
                    step = follows[state][text[pos]]
                except KeyError:
                    problem = _EXPECTED[state]
                    break
                if _IN_NAME <= step <= _VALUE:  # a comma, a colon, or the quote before a key
                    state = step
                    pos += 1
                    continue
                if step == _BLANK:
                    pos += 1
                    if text[pos : pos + 1] in " \t\n\r":  # more white space: less common than one blank
                        pos = blank(text, pos).end()
                    continue
                if step == _ENDS:
                    value, at = container, path
                    container = stack.pop()
                    path = path[:-1]
                    pos += 1
                else:
                    if step == _IN_TEXT:
                        value = ""
                    elif step == _NUMBER:
                        value, pos, problem = self._read_number(text, pos, held)
                        if pos == length or problem:
                            break
                    elif step == _LITERAL:
                        word, value = _LITERALS[text[pos]]
                        if not text.startswith(word, pos):
                            pos, problem = self._cut_literal(text, pos, word)
                            break
                        pos += len(word)
                    elif len(stack) >= self._max_depth:
                        problem = f"nested deeper than {self._max_depth}"
                        break
                    else:
                        value = [] if step == _FIRST_VALUE else {}
                    if keeps:
                        if container.__class__ is list:
                            key = len(container)
                            container.append(value)
                        else:
                            container[key] = value
                        at = path + (key,) if stack else ()
                    if step < _BLANK:  # the value is a string or a container, and has only begun
                        pos += 1
                        state = step
                        if step != _IN_TEXT:
                            stack.append(container)
                            container = value
                            path = at
                        continue
            # A value has ended.
            if keeps:
                events.append(JSONValue(at, value))
            if stack:
                state = _AFTER_ITEM if container.__class__ is list else _AFTER_MEMBER
            else:
                state = _END
                self.end = base + pos
        self._state = state
        self._container = container
        self._path = path
        self._key = key
        self._at = at
        if problem:
            self._settle()
            self._state = _FAILED
            self.error = JSONProblem(problem, base + pos)
        return events

    def _read_number(self, text: str, pos: int, held: str) -> tuple[Any, int, str]:
        """Return the number at ``pos``, its end, and an error message or ``""``.

        A number at the end of the text may continue in the next piece. It is held, and the value is None.
        """
        match = _number(text, pos)
        word = match[0]
        pos = match.end()
        if self._pieces:  # the number began in an earlier piece, and the held one only represents it
            self._keep(word[len(held) :])
        if pos == len(text):
            if not self._pieces:
                self._keep(word)
            # Keep the shortest number that can continue in the same ways, e.g. "-1.5e+3" for "-123.55e+38".
            # The pieces have the rest.
            self._held = "".join([part[:3] for part in match.groups("")])
            return None, pos, ""
        if not word[-1:].isdigit():
            return None, pos, "expected a digit"
        if self._pieces:
            word = self._taken()
        if not self._keeps:  # the result of JSONScanner does not depend on sys.set_int_max_str_digits
            return None, pos, ""
        try:
            return int(word) if match.lastindex == 2 else float(word), pos, ""
        # More digits than sys.get_int_max_str_digits(). A float may have as many, so check only at the end.
        except ValueError:
            return None, pos, "an integer with too many digits"

    def _cut_literal(self, text: str, start: int, word: str) -> tuple[int, str]:
        """Hold the beginning of a literal. Return its end, and an error message if it is another word."""
        pos = start
        while pos < len(text) and text[pos] == word[pos - start]:
            pos += 1
        self._held = text[start:]
        return pos, "" if pos == len(text) else f"expected {word}"


class PartialJSON(_Reader):
    """Reads one JSON text as it arrives, cut anywhere, and returns events for each piece.

    ``max_depth`` is the number of containers that may be open at once. The bracket that opens one more is an
    error. Raises TypeError at once if it is not an int, ValueError if it is below 0.

    No content of the text makes it raise. It accepts the same texts as ``json.loads`` (RFC 8259), except
    those with NaN or Infinity and those that nest too deep, and builds the same value. Two details: a lone
    surrogate becomes U+FFFD (two that meet are joined), and an integer with more digits than the interpreter
    converts (``sys.set_int_max_str_digits``) is an error. It can be pickled and copied at any point.

    Attributes:
        complete: bool, whether the first value has ended.
        error: None, or the ``JSONProblem`` that ended the reading. The values before it remain.
        end: int, the offset just after the first value, or None until that has ended. (A number at the top
            level ends at the white space after it, or at ``close()``.)
    """

    __slots__ = ()
    _keeps = True

    @property
    def value(self) -> Any:
        """The tree so far, or None before there is one. It continues to grow: copy it to keep it as it is.

        It contains the unfinished string as far as it has come, but no unfinished number, literal or key.
        Access parses nothing. If a string has grown since the last access, its pieces are joined again, which
        copies its text so far. Otherwise access costs nothing.
        """
        self._settle()
        return self._top[0] if self._top else None

    def feed(self, text: str) -> list[JSONTextDelta | JSONValue]:
        """Read the next piece. Return the events that it causes, in order; after an error always ``[]``.

        Raises TypeError for anything but str, RuntimeError after ``close()``.
        """
        if text.__class__ is not str:
            text = _as_plain_str(text)
        # The common case: a few more characters of a string, with no special ones among them.
        if (
            self._state == _IN_TEXT
            and not self._held
            and 0 < len(text) < 256
            and '"' not in text
            and "\\" not in text
            and text.isprintable()  # no control characters and no surrogates
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
        """End the text. If it ends in a number at the top level, return its event, else ``[]``.

        If the text has no whole value, ``error`` is set. Idempotent.
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


class JSONScanner(_Reader):
    """Reads one JSON text as it arrives and keeps no values, only to tell whether the text is whole.

        scanner = JSONScanner()
        scanner.feed('{"a": [1, ')
        scanner.is_whole()              # False, and scanner.error is None: it is unfinished

    Its memory is bounded, except for the text of an unfinished number. An integer may have any number of
    digits.

    Attributes:
        error: None, or the ``JSONProblem`` that ended the reading.
        end: int, the offset just after the first value, or None until that has ended.
    """

    __slots__ = ()
    _keeps = False

    def feed(self, text: str) -> None:
        """Read ``text``. After an error it does nothing."""
        for start in range(0, len(text), _SLICE):
            if self._state == _FAILED:
                return
            self._read(text[start : start + _SLICE])

    def copy(self) -> JSONScanner:
        """Return a scanner in the same state, to try a text that may not be the next one."""
        other = JSONScanner(max_depth=self._max_depth)
        for name in _Reader.__slots__:
            value = getattr(self, name)
            setattr(other, name, value[:] if value.__class__ is list else value)
        return other

    def is_whole(self) -> bool:
        """Whether the text so far is one complete JSON value."""
        return self.error is None and (self.complete or self._ends_in_number())


def _as_plain_str(text: str) -> str:
    """Return an instance of a subclass of str as a plain str."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"PartialJSON.feed() takes str, not {type(text).__name__}: feed the arguments of a"
            " ToolCallDelta or the text of a ContentDelta, and decode bytes incrementally first"
        )
    return str.__str__(text)


def _scan_strictly(text: str, start: int, strict: bool = True, /) -> tuple[str, int]:
    """Read a string like ``scanstring``, but refuse escapes like ``\\u+12a`` (see ``is_lax``)."""
    piece, end = _scan_laxly(text, start, strict)
    if _first_bad(text, start) < end - 1:
        raise ValueError
    return piece, end


_scan_laxly = scanstring
is_lax = True
# The scanner that is written in Python (up to 3.12, and in PyPy) reads the digits of an escape with int(),
# which also accepts a sign.
try:
    scanstring('\\u+000"', 0, True)
except ValueError:
    is_lax = False
if is_lax:
    scanstring = _scan_strictly


def _first_bad(text: str, pos: int) -> int:
    """Return the position of the first bad character of the string whose text starts at ``pos``. If all are
    good, return that of its closing quote."""
    # Compiled here and not at import: where the scanner is not lax, it is needed at most once per text.
    good = re.compile(r'[^"\\\x00-\x1f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})').match
    while True:
        match = good(text, pos)
        if match is None:
            break
        pos = match.end()
    match = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?").match(text, pos)
    return match.end() if match else pos


def _decidable(text: str) -> int:
    """Return how many characters of a text that ends inside a string can be decoded already."""
    pos = max(0, len(text) - 11)
    if text.find("\\", pos) < 0 and not "\ud800" <= text[-1:] <= "\udbff":
        return len(text)
    undecided = re.compile(_UNDECIDED).search  # at import it would take as long as two files of the package
    while True:
        match = undecided(text, pos)
        if match is None:
            return len(text)
        pos = match.start()
        # After an odd number of backslashes the match begins with an escaped character: it is no cut escape.
        if (pos - len(text[:pos].rstrip("\\"))) % 2 == 0:
            return pos
        pos += 1
