# SPDX-License-Identifier: MIT
"""JSON text that is still being written: tool arguments, structured output.

Whoever waits for a whole JSON text sees nothing of a long tool call until it is over, and whoever
parses all of it again at each token pays quadratically. ``PartialJSON`` reads every character once,
says which string grew and which value ended, and shows the tree so far. It knows nothing of streams,
events of a chat or tool calls; the assembler asks it only for its verdict on arguments (a value that
ended, a text that merely ends, or no JSON). This is the one JSON grammar of the package.

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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Final

    _Matcher = Callable[[str, int], re.Match[str]]

    def scanstring(text: str, start: int, strict: bool, /) -> tuple[str, int]: ...

else:
    from json.decoder import scanstring

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

# These always match, if only the empty string.
_blank: _Matcher = re.compile(r"[ \t\n\r]*").match  # type: ignore[assignment]
# As much of a number as can still become one. It is one already if it ends in a digit.
_number: _Matcher = re.compile(  # type: ignore[assignment]
    r"(-?)(?:(0|[1-9][0-9]*)(\.[0-9]*)?((?<=[0-9])[eE][-+]?[0-9]*)?)?"
).match
_plain: _Matcher = re.compile(r'[^"\\\x00-\x1f]*').match  # type: ignore[assignment]
_escape_begun: _Matcher = re.compile(r"(?:\\(?:u[0-9a-fA-F]{0,3})?)?").match  # type: ignore[assignment]
_escape = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})').match
# What the end of a chunk leaves undecided in a string: an escape that is cut, and the first half of
# a surrogate pair (bare or escaped) whose second half may follow or has begun. 11 characters at most.
_undecided = re.compile(
    r"(?:(?:\\u[dD][89abAB][0-9a-fA-F]{2}|[\ud800-\udbff])(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?"
    r"|\\(?:u[0-9a-fA-F]{0,3})?)\Z"
).search


class JSONProblem:
    """Why a text is no JSON.

    Fields: ``message`` (str, a sentence without any of the text), ``offset`` (int, characters from the
    start of the text to the first one that no valid text can continue with; the length of the text if
    it merely ends).
    """

    __slots__ = ("message", "offset")
    __match_args__ = ("message", "offset")

    def __init__(self, message: str, offset: int) -> None:
        self.message = message
        self.offset = offset

    def __repr__(self) -> str:
        return f"JSONProblem({self.message!r}, {self.offset})"


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
        self._held = ""
        # The string or number that is being read, in pieces; blocks are joined pieces.
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
        if self._state == _FAILED:
            return []
        return self._read(text)

    def close(self) -> list[JSONTextDelta | JSONValue]:
        """End of the text. Settles a number at the top level; a text without a whole value is an error.

        Returns the event of such a number, else ``[]``. Closing again does nothing.
        """
        events: list[JSONTextDelta | JSONValue] = []
        if self.error is None:
            seen = self._seen
            if self._pieces and not self._stack and self._held[-1:].isdigit():  # a number that is one
                events = self._read(" ")
            if self.end is None and self.error is None:
                self._settle()
                self.error = JSONProblem("the text ends before its value", seen)
        self._state = _CLOSED
        return events

    def __repr__(self) -> str:
        return (
            f"<PartialJSON read={self._seen} depth={len(self._stack)}"
            f" complete={self.complete} error={self.error!r}>"
        )

    def _keep(self, piece: str) -> None:
        """Add to the string or number that is being read."""
        pieces = self._pieces
        pieces.append(piece)
        if len(pieces) >= 1024:
            self._blocks.append("".join(pieces))
            pieces.clear()

    def _taken(self) -> str:
        """Take out the string or number that is being read."""
        whole = "".join(self._blocks) + "".join(self._pieces)
        self._blocks.clear()
        self._pieces.clear()
        return whole

    def _settle(self) -> None:
        """Bring a string that grew into the tree."""
        if self._state == _IN_TEXT and self._pieces:
            text = self._taken()
            self._blocks.append(text)
            self._container[self._key] = text

    def _read(self, text: str) -> list[JSONTextDelta | JSONValue]:
        events: list[JSONTextDelta | JSONValue] = []
        held = self._held
        base = self._seen - len(held)  # offset of text[0]; not true of a held number's own characters
        self._seen += len(text)
        if held:
            text = held + text
            self._held = ""
        stack = self._stack
        container = self._container
        path = self._path
        key = self._key
        state = self._state
        pos = 0
        length = len(text)
        problem = ""
        while pos < length:
            if state >= _IN_TEXT:
                piece, stop = "", length
                ended = text.find('"', pos) >= 0
                if ended:
                    try:
                        piece, pos = scanstring(text, pos, True)
                        piece = _unicode(piece)
                    except ValueError:  # the quotes were escaped ones, or something is bad
                        ended = False
                if not ended:
                    piece, pos, stop = _unfinished(text, pos)
                if piece:
                    if state == _IN_TEXT:
                        events.append(JSONTextDelta(self._at, piece))
                    self._keep(piece)
                if not ended:
                    self._held = text[pos:stop]
                    pos = stop
                    break
                piece = self._taken()
                if state == _IN_NAME:
                    key = piece
                    state = _COLON
                    continue
                container[key] = piece
                events.append(JSONValue(self._at, piece))
                state = _AFTER
            else:
                char = text[pos]
                if char in " \t\n\r":
                    pos = _blank(text, pos).end()
                    continue
                if state <= _FIRST_VALUE and char != "]":
                    if container.__class__ is list:
                        key = len(container)
                    at = (*path, key) if stack else ()
                    value: Any
                    if char == '"':
                        if container.__class__ is list:
                            container.append("")
                        else:
                            container[key] = ""
                        self._at = at
                        state = _IN_TEXT
                        pos += 1
                        continue
                    if char in "{[":
                        if len(stack) >= self._max_depth:
                            problem = "nested too deep"
                            break
                        value = [] if char == "[" else {}
                        if container.__class__ is list:
                            container.append(value)
                        else:
                            container[key] = value
                        stack.append(container)
                        container = value
                        path = at
                        state = _FIRST_NAME if char == "{" else _FIRST_VALUE
                        pos += 1
                        continue
                    if char in _LITERALS:
                        word, value = _LITERALS[char]
                        if not text.startswith(word, pos):
                            start = pos
                            while pos < length and text[pos] == word[pos - start]:
                                pos += 1
                            if pos == length:
                                self._held = text[start:]
                            problem = f"expected {word}"
                            break
                        pos += len(word)
                    else:
                        match = _number(text, pos)
                        start = len(held) if self._pieces else pos
                        pos = match.end()
                        self._keep(text[start:pos])
                        if pos == length:
                            self._held = "".join([part[:3] for part in match.groups("")])
                            break
                        if not match[0]:
                            break
                        if not text[pos - 1].isdigit():
                            problem = "expected a digit"
                            break
                        raw = self._taken()
                        if match[3] or match[4]:
                            value = float(raw)
                        else:
                            try:
                                value = int(raw)
                            except ValueError:
                                problem = "an integer with too many digits"
                                break
                    if container.__class__ is list:
                        container.append(value)
                    else:
                        container[key] = value
                    events.append(JSONValue(at, value))
                    state = _AFTER
                elif state == _AFTER and char == ",":
                    state = _VALUE if container.__class__ is list else _NAME
                    pos += 1
                    continue
                elif state == _COLON and char == ":":
                    state = _VALUE
                    pos += 1
                    continue
                elif char == '"' and (state == _NAME or state == _FIRST_NAME):
                    state = _IN_NAME
                    pos += 1
                    continue
                elif (
                    (state == _FIRST_VALUE or (state == _AFTER and container.__class__ is list))
                    if char == "]"
                    else char == "}" and (state == _FIRST_NAME or (state == _AFTER and container.__class__ is dict))
                ):
                    events.append(JSONValue(path, container))
                    container = stack.pop()
                    path = path[:-1]
                    state = _AFTER
                    pos += 1
                else:
                    break
            if not stack:  # a value has ended, and it was the first
                state = _END
                self.end = base + pos
        self._container = container
        self._path = path
        self._key = key
        self._state = state
        if pos < length:
            self._settle()
            self._state = _FAILED
            self.error = JSONProblem(problem or _EXPECTED[state], base + pos)
        return events


def _scan_strictly(text: str, start: int, strict: bool, /) -> tuple[str, int]:
    """Stand in for the string scanner where the standard library's takes ``\\u+12a`` and the like."""
    piece, end = _scan_laxly(text, start, strict)
    if _first_bad(text, start) < end - 1:
        raise ValueError
    return piece, end


_scan_laxly = scanstring
try:  # the one written in Python, up to 3.12 and in PyPy, reads the digits with int()
    scanstring('\\u+000"', 0, True)
except ValueError:
    pass
else:
    scanstring = _scan_strictly


def _unfinished(text: str, start: int) -> tuple[str, int, int]:
    """Read on in a string that does not end in this text.

    Returns what it says, decoded; up to where that is decided; and where the first bad character is
    (the length of the text if there is none).
    """
    stop = len(text)
    cut = _decidable(text, start, stop)
    try:
        piece = scanstring(text[start:cut] + '"', 0, True)[0]
    except ValueError:
        stop = _first_bad(text, start)
        cut = _decidable(text, start, stop)
        piece = scanstring(text[start:cut] + '"', 0, True)[0]
    return _unicode(piece), cut, stop


def _first_bad(text: str, pos: int) -> int:
    """Return where the inside of a string that starts at pos has its first bad character."""
    while True:
        pos = _plain(text, pos).end()
        match = _escape(text, pos)
        if match is None:
            return _escape_begun(text, pos).end()
        pos = match.end()


def _decidable(text: str, start: int, end: int) -> int:
    """Return how far the inside of a string from start to end can be decoded, whatever follows."""
    pos = max(start, end - 11)
    while True:
        match = _undecided(text, pos, end)
        if match is None:
            return end
        pos = match.start()
        if text[pos] != "\\" or (pos - start - len(text[start:pos].rstrip("\\"))) % 2 == 0:
            return pos
        pos += 1


def _unicode(text: str) -> str:
    """Join halves of surrogate pairs, and replace those that are alone."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
