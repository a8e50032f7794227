# SPDX-License-Identifier: MIT
"""From lines to frames, as servers send them.

A *frame* is whatever is read as one chunk. The standard knows one kind: ``data`` lines and a blank line.
``FrameParser`` adds the frames that servers send otherwise. It builds on the grammar of ``_sse.py``. It knows
JSON, and of a chunk only whether it is an error or a whole response. What a frame says is up to the subclass
(``_frame``). These are the rules, numbered as in the README.

Rule 12. Errors, and frames without ``data:``. An error does not end the reading, and it stays an error. Its
  message and code are found where they are. An object is an error (``error_of``) if it has an ``error``
  that is not empty, or ``object: "error"``; or, without a list of choices, ``type: "error"``, or an
  ``error_msg`` or ``error_code``, or a ``message`` beside a ``code`` other than 200. So is a list of such,
  and any data under ``event: error``, even none. Without a list of choices nothing else is read of it.
  a. A line that is a whole JSON object is a frame: ``{"error": {"message": "overloaded"}}``. An ``event:``
     line before it gives its type.
  b. A JSON text over several lines is a frame, wherever it stands while no data is pending: a line that
     begins with ``{`` or ``[`` opens it, lines that can continue it do. Of a list, each object is a frame.
     If a line cannot continue it, or a data, event or error line comes first, its lines were stray lines.
  c. If such a document, or an object on one line that is neither an error nor has ``choices``, comes first,
     it may be the whole body. It is held until something else counts; then it was a frame. At close it is
     read if it is an error, a whole ``chat.completion``, or one object with the server's words under
     ``message``, ``detail``, ``msg`` or ``error_description``: ``{"detail": "Not Found"}``. Else the body is
     ``not_sse``.
  d. Pending data that begins with ``{`` and is not whole takes the lines that can continue it, for frameworks
     that put ``data:`` before the first line of pretty-printed JSON only.
  e. ``error: {...}`` is a frame of the type ``error`` (llama.cpp).
  f. A line with ``data:`` and ``{``, or with ``"choices"``, somewhere inside, which is none of the above, has
     lost its place: ``2026-01-01 data: {"choices": ...``. It is not read but reported as ``malformed``.
     Before the first frame only the first such line is kept, and reported with that frame; a body without
     any frame is ``not_sse``.
  g. Other stray lines (chunk sizes, curl's chatter) are ignored. The first is quoted if the stream was cut.
  h. A body of bare JSON alone is cut like any other, unless it brought an error or a whole completion.

Rule 13. Bad frames, frames without their blank line, and bodies that are no event stream. Data that is no
  JSON object is ``malformed``, and reading goes on. ``null``, empty data, data that begins with a colon, and
  objects with no key except ``type`` (pings) are silent. ``[DONE]`` is only that, white space aside.
  a. If another data line, an ``error:`` line or a bare object comes while the pending data is one line, and
     that is a whole object or ``[DONE]``, it is a frame of its own, delivered at once with the type before
     it.
  b. At close the last frame needs no blank line. If it does not parse, the stream was cut inside it.
  c. A body whose first line that is not blank is no field, no comment and no JSON is ``not_sse``, unless a
     data, event or error line comes.
  d. At close, one unfinished line with ``data:`` straight after a whole object is what lines without their
     ends look like (requests' iter_lines()): ``not_sse``.
  e. A body that begins with ``HTTP/1.``, ``HTTP/2 ``, a gzip header or a byte order mark of UTF-16 is
     ``not_sse`` at once, and the message says what to do. The rest is still read.
  f. If frames came, but none with a list of choices, a usage or an error, they are another API's:
     ``not_chat`` at ``[DONE]`` or at close, and not ``truncated``.

What the body is, is one field, ``_body``. What it becomes:

    state     what came so far                            at a data, event  at a frame  at a first line that
                                                          or error line                 is nothing we know
    UNKNOWN   blank lines and comments                    OPENED            LINES       FOREIGN
    STARTED   id or retry lines, or a document            OPENED            LINES       -
    FOREIGN   a first line that is nothing we know        OPENED            FOREIGN     -
    LINES     frames without ``data:``                    EVENTS            LINES       -
    ANSWERED  the same, one of them a whole completion    EVENTS            ANSWERED    -
    OPENED    a data, event or error line, no frame       OPENED            EVENTS      -
    EVENTS    both                                        EVENTS            EVENTS      -

In EVENTS nothing is held of the time before the first frame (``_aside``, ``_displaced``), so that is all that
a subclass has to look at before it counts a frame.

What is known of the pending data is one field, ``_pending``:

    state          meaning                                          followed by
    UNSEEN         nobody asked                                     any other, when a second line comes
    a dict         it is one line, and this object                  UNSEEN, once delivered
    "[DONE]"       it is one line, and that                         UNSEEN, once delivered
    INCOMPLETE     it is one line that begins with ``{``            a _Continued, when a stray line comes
    a _Continued   it begins with ``{``, and can be continued       HOPELESS
    HOPELESS       it is no object, and no line can make it one     UNSEEN, at the blank line

Each line is parsed once at most, and scanned once at most, so all of this is linear.
"""

from __future__ import annotations

from ._json import is_too_deep, parse_json, parse_or_none, scan_json
from ._partial import BLANK, JSONScanner
from ._sse import ENDING, LF, EventStreamParser, data_of
from ._values import error_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNKNOWN, STARTED, FOREIGN = "unknown", "started", "foreign"
LINES, ANSWERED, OPENED, EVENTS = "lines", "answered", "opened", "events"
UNSEEN, INCOMPLETE, HOPELESS = "unseen", "incomplete", "hopeless"

QUOTED = 200  # characters of the input that an Error quotes
WORDS = ("message", "detail", "msg", "error_description")  # (FastAPI, Kong, AWS, Portkey)
_BEGINNINGS = (b"data", b"event", b"id", b"retry", b"error", b"\xef\xbb\xbf")

ABSENT: Any = ...


class FrameParser(EventStreamParser):
    """Lines to frames. ``_document`` is the JSON text over several lines that is open, if one is. ``_aside``
    is a document that may be the whole body: its text and event type. ``_displaced`` is the first line that
    carried a frame (12f) before there was any, ``_skipped`` the beginning of what was ignored first. ``_cut``
    is the last frame, if the stream was cut inside it: its ordinal and the beginning of its text.
    """

    __slots__ = ("_aside", "_body", "_cut", "_displaced", "_document", "_pending", "_skipped")

    def __init__(self, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes, "")
        self._body = UNKNOWN
        self._pending: Any
        self._pending = UNSEEN
        self._document: _Document | None = None
        self._aside: tuple[str, str] | None = None
        self._displaced: str | None = None
        self._skipped: str | None = None
        self._cut: tuple[int, str] | None = None

    # What the subclass does.

    @property
    def _frames(self) -> int:
        """How many frames were counted."""
        return 0

    def _count(self) -> None:
        """Count the frame that begins here. Unless ``_body`` is EVENTS, call ``_before_frame`` first."""

    def _frame(self, event: str, text: str, value: Any = ABSENT) -> None:
        """Read a frame: its event type, its data, and the value of that if it was parsed already."""

    def _read_line(self, line: bytes, event: str) -> None:
        """Read the frame of one data line, whose event type is not ``error``."""

    def _read_words(self, words: str, value: dict[str, Any]) -> None:
        """Read the server's words, found in the object that is the whole body."""

    def _report(self, kind: Any, message: str, text: str | None) -> None:
        """Report an Error that quotes ``text``."""

    def _is_other(self) -> bool:
        """Whether it is reported already that this is no event stream, or no chat."""
        return False

    # Before a frame

    def _see_stream(self) -> None:
        """A data, event or error line: the body is an event stream."""
        if self._document is not None:
            self._break_document()
        if self._aside is not None:
            self._release_aside()
        self._body = EVENTS if self._frames else OPENED

    def _before_frame(self) -> None:
        """A frame will be counted: what was held until there is one comes first."""
        if self._aside is not None:
            self._release_aside()
        if self._body in (UNKNOWN, STARTED):
            self._body = LINES
        elif self._body == OPENED:
            self._body = EVENTS
        if self._displaced is not None:
            text = self._displaced
            self._displaced = None
            self._report_lost(text)

    def _may_be_all(self) -> bool:
        """Whether a document that comes now may be the whole body."""
        return self._aside is None and not self._frames and self._body in (UNKNOWN, STARTED, FOREIGN)

    def _release_aside(self) -> None:
        """Something else counts, so the document that was held is a frame."""
        aside: Any = self._aside
        self._aside = None
        self._read_document(*aside)

    # Data lines and the blank line

    def _dispatch(self, event: str, lines: list[bytes]) -> None:
        value = self._pending
        if len(lines) == 1 and event != "error" and value.__class__ is not dict:
            self._read_line(lines[0], event)
        else:
            self._frame(event, data_of(lines), value if value.__class__ is dict else ABSENT)

    def _end_without_data(self) -> None:
        event = self._event
        self._event = ""
        if event == "error":  # (Nest, with an empty message: bayesimpact/bayes-platform#639)
            self._frame(event, "")

    def _forget_data(self) -> None:
        self._data.clear()
        self._pending_bytes = 0
        self._pending = UNSEEN

    def _stop(self) -> None:
        super()._stop()
        self._document = self._aside = None

    def _before_data(self) -> None:
        if self._data:
            self._deliver_whole_line()
        elif self._body != EVENTS or self._document is not None:
            self._see_stream()

    def _look(self) -> None:
        """Find out what the one pending line is."""
        text = data_of(self._data).strip(BLANK)
        if text == "[DONE]":
            self._pending = text
        elif text[:1] not in ("{", ""):
            self._pending = HOPELESS
        else:
            value = parse_or_none(text)
            self._pending = value if value.__class__ is dict else INCOMPLETE

    def _deliver_whole_line(self) -> None:
        """If the pending data is one line that is a whole frame, deliver it (rule 13a)."""
        if len(self._data) != 1:
            return
        if self._pending == UNSEEN:
            self._look()
        value = self._pending
        if value.__class__ is not dict:
            if value != "[DONE]":
                return
            value = ABSENT
        text = data_of(self._data)
        event = self._event
        self._event = self._later_event or ""  # an event type given since belongs to the next frame
        self._later_event = None
        self._forget_data()
        self._frame(event, text, value)

    def _take_event(self) -> str:
        """Return the event type for a frame that is no data. Pending data keeps it for itself."""
        if self._data:
            return ""
        event = self._event
        self._event = ""
        return event

    def _continues(self, text: str) -> bool:
        """Whether a stray line, with its end, continues the pending data (rule 12d)."""
        if self._pending == UNSEEN:
            self._look()
        if self._pending == INCOMPLETE:
            self._pending = _Continued()
        continued: Any = self._pending
        if continued.__class__ is not _Continued:
            return False
        if not continued.catch_up(self._data):
            self._pending = HOPELESS
            return False
        return continued.takes(text)

    # Fields and stray lines

    def _field(self, line: bytes) -> None:
        name = line.partition(b":")[0]
        if name == b"event":
            if self._document is not None:
                self._break_document()
        elif name not in (b"id", b"retry"):
            self._other_field(line)
            return
        if carries_frame(line):
            self._ignore(line)  # event: messagedata: {"choices": ...
        else:
            if name == b"event" and self._body != EVENTS:
                self._see_stream()
            super()._field(line)
        if self._body == UNKNOWN:
            self._body = STARTED

    def _other_field(self, line: bytes) -> None:
        if not line.startswith(b"error:"):
            self._stray(line)
            return
        self._see_stream()
        self._deliver_whole_line()
        text = line[7:] if line[6:7] == b" " else line[6:]
        self._frame("error", text.decode("utf-8", "replace"))  # (llama.cpp: ggml-org/llama.cpp#16109)

    def _stray(self, line: bytes) -> None:
        """Handle a line without a field name: JSON sent bare, part of a document or of data, or nothing."""
        text = line.decode("utf-8", "replace")
        with_end = text if self._reading == ENDING else text + "\n"  # close() passes a line that has no end
        if self._data:
            if self._continues(with_end):
                self._data.append(b"data: " + line)
                self._pending_bytes += len(line)
                return
        elif self._document is not None:
            if self._document.size + len(line) > self._max_event_bytes:  # pending, like data lines
                raise self._over_event_bytes()
            if self._document.takes(line, with_end):
                self._end_document_if_whole()
                return
            self._break_document()
        stripped = text.strip(BLANK)
        if stripped and not self._read_bare(line, text, stripped, with_end):
            if self._body == UNKNOWN and not self.comments:
                self._body = FOREIGN
            self._ignore(line)

    def _read_bare(self, line: bytes, text: str, stripped: str, with_end: str) -> bool:
        """Read a bare object (rule 12a), or open a document (12b). Return False if the line is neither."""
        value: Any = parse_or_none(stripped) if stripped[0] == "{" else None
        if value.__class__ is dict:
            self._deliver_whole_line()
            event = self._take_event()
            if self._may_be_all() and not is_chunk(value):
                self._set_aside(text, event)
            else:
                self._bare_frame(event, text, value)
            return True
        if stripped[0] not in "{[":
            return False
        if not self._data:
            document = _Document(self._body == UNKNOWN and not self.comments)
            if not document.takes(line, with_end):
                return False
            document.event = self._take_event()
            self._document = document
            if self._body == UNKNOWN:
                self._body = STARTED
            self._end_document_if_whole()
            return True
        if self._reading != ENDING or stripped[0] != "{":
            return False
        scanner = JSONScanner()
        scanner.feed(stripped)
        if scanner.complete:  # with text after it
            return False
        self._deliver_whole_line()
        self._cut_at(text)
        return True

    def _bare_frame(self, event: str, text: str, value: dict[str, Any]) -> None:
        is_whole = is_completion(value)  # (asked before the value is taken apart)
        self._frame(event, text, value)
        if is_whole and (self._body == LINES or (self._body == FOREIGN and self._is_other())):
            self._body = ANSWERED

    def _ignore(self, line: bytes) -> None:
        """Skip a stray line, and report it if a frame is lost with it (rules 12f and 12g)."""
        text = line.decode("utf-8", "replace")
        if self._skipped is None and text.strip(BLANK):
            self._skipped = text[:QUOTED]
        if carries_frame(line):
            self._report_displaced(text)

    def _report_displaced(self, text: str) -> None:
        """Report a line with a frame inside: now, or with the first frame there is."""
        if self._frames:
            self._report_lost(text)
        elif self._displaced is None:
            self._displaced = text[:QUOTED]

    def _report_lost(self, text: str) -> None:
        self._count()
        what = "a frame does not begin its line with data:, so the line was not read"
        self._report("malformed", what, text)

    # Documents

    def _end_document_if_whole(self) -> None:
        """If the document is whole, it is a frame, or may be the whole body."""
        document: Any = self._document
        if not document.scanner.complete:
            return
        self._document = None
        if self._may_be_all():
            self._set_aside(document.text(), document.event)
        else:
            self._read_document(document.text(), document.event)

    def _set_aside(self, text: str, event: str) -> None:
        self._aside = (text, event)
        if self._body == UNKNOWN:
            self._body = STARTED

    def _break_document(self) -> None:
        """The document cannot be continued: its lines were stray lines."""
        document: Any = self._document
        self._document = None
        if document.is_first and self._body == STARTED:
            self._body = FOREIGN
        if self._skipped is None:
            self._skipped = document.text()[:QUOTED]
        for line in document.data.split(b"\n"):
            self._ignore(bytes(line))

    def _read_document(self, text: str, event: str) -> None:
        """Read a document, or each object in a list, as a frame. (Google sends its errors in a list)"""
        try:
            value = parse_json(text)
        except ValueError:
            self._frame(event, text)  # too deep, or a number too long: report it
            return
        for one in value if value.__class__ is list else [value]:
            if one.__class__ is dict:
                self._bare_frame(event, text, one)

    # The end

    def _end_body(self) -> None:
        """Read what has no end yet: the last line, the last event, the document."""
        line = bytes(self._line)
        is_first = self._body == UNKNOWN and not self.comments
        if is_first and line and any(name.startswith(line) for name in _BEGINNINGS):
            self._line.clear()  # it was cut before it could be told what it is
        elif line and not self._data and lacks_line_ends(line):
            self._line.clear()
            what = "lines were fed without their ends: pass iter_content() or iter_bytes(), not iter_lines()"
            self._report("not_sse", what, line.decode("utf-8", "replace"))
        self._end_input()
        if self._document is not None:
            text = self._document.text()
            self._document = None
            self._cut_at(text)
        elif self._aside is not None:
            self._end_aside(*self._aside)

    def _end_aside(self, text: str, event: str) -> None:
        """The body is one document (rule 12c)."""
        self._aside = None
        value = parse_or_none(text)
        objects = [one for one in (value if value.__class__ is list else [value]) if one.__class__ is dict]
        if any(is_error(one) or is_completion(one) for one in objects):
            self._read_document(text, event)
            return
        if value.__class__ is dict and value.get("choices").__class__ is not list:
            found = [value.get(key) for key in WORDS]
            words = next((one for one in found if one and one.__class__ is str), None)
            if words is not None:
                self._read_words(words, value)
                return
        self._body = FOREIGN
        self._skipped = text[:QUOTED]

    def _cut_at(self, text: str) -> None:
        """The last frame is cut, and this is what came of it."""
        self._count()
        if self._body != FOREIGN or self._is_other():
            self._cut = (self._frames - 1, text[:QUOTED])


class _Document:
    """A JSON text over several lines, as far as it came. ``is_first``: the body began with it."""

    __slots__ = ("data", "event", "is_first", "scanner", "size")

    def __init__(self, is_first: bool) -> None:
        self.is_first = is_first
        self.event = ""
        self.data = bytearray()  # the lines, joined: a list of short ones would take 40 times as much
        self.size = 0  # of the lines without their ends
        self.scanner = JSONScanner()

    def takes(self, line: bytes, with_end: str) -> bool:
        """Take the next line if it can continue the text; else the document is broken."""
        self.scanner.feed(with_end)
        if self.scanner.error is not None:
            return False
        if self.size:
            self.data.append(LF)
        self.data += line
        self.size += len(line)
        return True

    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


class _Continued:
    """The scanner of pending data that lines without a prefix continue. ``count``: data lines it has read.
    ``begins``: how the text begins, white space aside.
    """

    __slots__ = ("begins", "count", "scanner")

    def __init__(self) -> None:
        self.scanner = JSONScanner()
        self.count = 0
        self.begins = ""

    def catch_up(self, lines: list[bytes]) -> bool:
        """Read the lines that came since. Return whether others can still make an object of them."""
        while self.count < len(lines):
            text = data_of(lines[self.count : self.count + 1])
            self.scanner.feed(text + "\n")
            self.begins = self.begins or text.strip(BLANK)[:1]
            self.count += 1
        return self.begins in ("{", "") and self.scanner.error is None and not self.scanner.complete

    def takes(self, with_end: str) -> bool:
        """Read a line if it can continue the data. A line that cannot leaves no trace."""
        if not self.begins:
            return False
        scanner = self.scanner.copy()  # small: the containers that are open, 128 at most
        scanner.feed(with_end)
        if scanner.error is not None:
            return False
        self.scanner = scanner
        self.count += 1
        return True


def carries_frame(line: bytes) -> bool:
    """Whether a line that is not read has a frame in it (rule 12f)."""
    return (b"data:" in line and b"{" in line) or b'"choices"' in line


def lacks_line_ends(line: bytes) -> bool:
    """Whether a line is several data lines without their ends (rule 13d)."""
    if not line.startswith(b"data:") or line.count(b"data:") < 2:
        return False
    text = data_of([line])
    start = len(text) - len(text.lstrip(BLANK))
    if not text.startswith("{", start) or is_too_deep(text):
        return False
    try:
        return text.startswith("data:", scan_json(text, start)[1])
    except (ValueError, StopIteration, RecursionError):
        return False


def is_error(value: dict[str, Any]) -> bool:
    """Whether an object says that it is an error."""
    return error_of(value, value.get("choices")) is not None


def is_list_of_errors(value: Any) -> bool:
    """Whether data is a list of errors, and of nothing else."""
    if value.__class__ is not list or not value:
        return False
    return all(one.__class__ is dict and is_error(one) for one in value)


def is_chunk(value: dict[str, Any]) -> bool:
    """Whether an object sent bare is surely a frame: an error, or something with choices."""
    return value.get("choices").__class__ is list or is_error(value)


def is_completion(chunk: dict[str, Any]) -> bool:
    """Whether a chunk is a whole response, as without streaming."""
    choices: Any = chunk.get("choices")
    return choices.__class__ is list and (
        chunk.get("object") in ("chat.completion", "text_completion")
        or any(entry.__class__ is dict and entry.get("message").__class__ is dict for entry in choices)
    )
