# SPDX-License-Identifier: MIT
"""From lines to frames, including the irregular frames that servers send.

A *frame* is a piece of the body that is read as one chunk. The standard knows one kind: ``data`` lines and a
blank line. ``FrameParser`` builds on the grammar of ``_sse.py`` and adds the other kinds that servers send.
This file knows JSON. About an object it knows only whether it is an error, is a whole response, or has
``choices``, and where a message of the server is in it (rule 12c). The subclass reads the frames
(``_frame``). These are the rules, numbered as in the README.

A *stray line* is a line without a field name of the standard, for example ``{"error": "overloaded"}`` or
``1f4``. A *document* is a JSON text that begins on a stray line.

Rule 12. Errors, and frames without ``data:``. An error is reported, and reading goes on. ``error_details``
  finds its message and code in several places. An object is an error (``error_of``) in these cases:
    - It has an ``error`` that is not empty, also inside ``x_groq``, or ``object: "error"``.
    - It has no list of ``choices``, but ``type: "error"``, or an ``error_msg``, ``error_message`` or
      ``error_code``.
    - It has no list of ``choices``, but a ``message`` beside a ``code`` other than 0 and 200.
    - It has no list of ``choices`` and no event type of its own, but ``errors``, a ``base_resp`` with a
      ``status_code`` other than 0, or a message of the server (under one of the names in c) beside a ``code``
      other than 0 and 200, ``success: false``, or a status of "error" or from 400 on.
  A list of such objects is an error. So is any data under ``event: error``, even empty data. If an error has
  no list of ``choices``, nothing else in it is read.
  a. A line that is a whole JSON object (a *bare object*) is a frame:
     ``{"error": {"message": "overloaded"}}``. An ``event:`` line before it sets its type.
  b. A JSON text over several stray lines is a document, if no data is pending. A line that begins with ``{``
     or ``[`` opens it, and each following line that can continue the JSON text belongs to it. A whole
     document is a frame; if it is a list, each object in it is a frame. If a line cannot continue the
     document, or a data, event or error line comes before its end, its lines are ignored (see f and g).
  c. A document may be the whole body if no frame and no data, event or error line came before it. So may an
     object on one line, if it is no error and has no ``choices``. It is held. If a frame or a data, event or
     error line comes later, the held document is a frame. If none comes, it is read at close in three cases:
     it is an error; it is a whole ``chat.completion``; it is one object with a message of the server under
     ``message``, ``detail``, ``msg`` or ``error_description``, like ``{"detail": "Not Found"}``, or inside
     ``detail``, like ``{"detail": [{"msg": "Field required"}]}``. Otherwise the body is ``not_sse``.
  d. If the pending data begins with ``{`` and is not whole, stray lines that can continue it belong to it.
     (Some frameworks put ``data:`` before the first line of pretty-printed JSON only.)
  e. ``error: {...}`` is a frame of the type ``error`` (llama.cpp).
  f. A line with ``data:`` and ``{`` inside, or with ``"choices"``, that no rule above reads is a displaced
     frame: ``2026-01-01 data: {"choices": ...``. It is not read but reported as ``malformed``. Before the
     first frame only the first such line is kept, and it is reported with that frame. If no frame comes, the
     body is ``not_sse``.
  g. Other stray lines (chunk sizes, messages of curl) are ignored. The first one is quoted if the stream was
     cut.
  h. If all frames came without ``data:``, the stream can still be truncated (no ``[DONE]`` and no
     ``finish_reason``), except if there was an error or a whole completion.

Rule 13. Bad frames, frames without their blank line, and bodies that are no event stream. Data that is no
  JSON object is ``malformed``, and reading goes on. Nothing is reported for ``null``, empty data, data that
  begins with a colon, and objects with no key except ``type`` (pings). ``[DONE]`` must be the whole data,
  except for white space around it.
  a. Some servers leave out blank lines. If a data line, an ``error:`` line or a bare object comes while one
     data line is pending, and that one is a whole object or ``[DONE]``, the pending line is a frame. It is
     delivered at once, with the event type that was set before it.
  b. At close the last frame needs no blank line. If it does not parse, the stream was cut inside it.
  c. If the first line that is not blank is no field and no comment, and begins no JSON object or list, the
     body is ``not_sse``, unless a data, event or error line comes later.
  d. If the body ends in an unfinished line like ``data: {"a": 1}data: {"a``, with ``data:`` straight after a
     whole object, its lines were fed without their ends (requests' iter_lines()): ``not_sse``.
  e. A body that begins with ``HTTP/1.``, ``HTTP/2 ``, a gzip header or a byte order mark of UTF-16 is
     ``not_sse`` at once, and the message says what to do. The rest is still read.
  f. If frames came that are no pings, but none has a list of choices, an error, or a usage without an event
     type and a ``type``, they belong to another API. (Anthropic's message_delta has a usage, but also both.)
     That is ``not_chat`` at ``[DONE]`` or at close, and not ``truncated``.

``_body`` is the state of the body. The last three columns are the next state (``-``: the same one):

    state     what came so far                            at a data, event  at a frame   at a stray line
                                                          or error line                  that is no JSON
    UNKNOWN   blank lines, comments, then stray lines     OPENED            LINES        FOREIGN (1)
    STARTED   id or retry lines, or a document            OPENED            LINES        FOREIGN (2)
    FOREIGN   a first line that is not an event stream's  OPENED (3)        - (4)        -
    LINES     frames without ``data:``                    EVENTS            - (4)        -
    ANSWERED  the same, one of them a whole completion    EVENTS            -            -
    OPENED    a data, event or error line, no frame       -                 EVENTS       -
    EVENTS    such a line and a frame                     -                 -            -

    (1) if no comment came before it
    (2) if it breaks off a document that began on the first line of the body
    (3) EVENTS if there was a frame
    (4) ANSWERED if the frame is a whole completion; in FOREIGN only after a ``not_sse`` of rule 13e

At close STARTED becomes FOREIGN if the held document is none of the three cases of rule 12c.

``_held_document`` and ``_displaced`` hold what came before the first frame. In EVENTS there is neither, so a
subclass that counts a frame needs ``_before_frame`` in the other states only (see ``_count``).

``_pending`` is what is known about the pending data. When the data is delivered, the state is UNSEEN again:

    state          the pending data                                      next state before that
    UNSEEN         was not looked at                                     any other one, at the next line
    a dict         is one line, and this is the object in it             -
    DONE           is one line, ``[DONE]``                               -
    INCOMPLETE     begins with a line that is empty or begins with       a _Continuation, at a stray line
                   ``{``, and is not whole
    _Continuation  is the beginning of an object; this scans it          NO_OBJECT
    NO_OBJECT      cannot be continued by a stray line                   -

Each line is parsed and scanned at most a few times, so the time is linear.
"""

from __future__ import annotations

from ._errors import QUOTED
from ._json import is_too_deep, parse_json, parse_or_none, scan_deep
from ._partial import BLANK, JSONScanner
from ._sse import ENDING, LF, EventStreamParser, data_of
from ._values import MESSAGE_KEYS, error_details, error_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNKNOWN, STARTED, FOREIGN = "unknown", "started", "foreign"
LINES, ANSWERED, OPENED, EVENTS = "lines", "answered", "opened", "events"
UNSEEN, INCOMPLETE, NO_OBJECT = "unseen", "incomplete", "no object"

DONE = "[DONE]"  # the data of the last frame
# How the first line of an event stream may begin.
BEGINNINGS = (b"data", b"event", b"id", b"retry", b"error", b"\xef\xbb\xbf")

ABSENT: Any = ...  # no value was parsed yet; None is the value of "null"


class FrameParser(EventStreamParser):
    """Lines to frames. Each of these fields is None if there is no such thing.

    ``_document``: the unfinished document.
    ``_held_document``: a document that may be the whole body (rule 12c), as its text and event type.
    ``_displaced``: the first displaced frame (rule 12f), until the first frame comes.
    ``_skipped``: the beginning of the first ignored line or document.
    ``_cut``: the last frame, if the stream was cut inside it, as its number and the beginning of its text.
    """

    __slots__ = ("_body", "_cut", "_displaced", "_document", "_held_document", "_pending", "_skipped")

    def __init__(self, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes, "")
        self._body = UNKNOWN
        self._pending: Any = UNSEEN
        self._document: _Document | None = None
        self._held_document: tuple[str, str] | None = None
        self._displaced: str | None = None
        self._skipped: str | None = None
        self._cut: tuple[int, str] | None = None

    if TYPE_CHECKING:  # methods of the subclass

        @property
        def _frame_count(self) -> int:
            """The number of frames so far."""
            raise NotImplementedError

        def _count(self) -> None:
            """Count a frame. The subclass calls ``_before_frame`` first, unless ``_body`` is EVENTS."""

        def _frame(self, event: str, text: str, value: Any = ABSENT) -> None:
            """Read a frame: its event type, its data, and the parsed data (ABSENT if not parsed yet)."""

        def _read_line(self, line: bytes, event: str) -> None:
            """Read a frame of one data line. Its event type is not ``error``."""

        def _server_message(self, message: str, value: dict[str, Any]) -> None:
            """Report a message of the server. It was found in ``value``, which is the whole body."""

        def _report(self, kind: Any, message: str, text: str | None) -> None:
            """Report an Error that quotes ``text``."""

        def _is_not_chat(self) -> bool:
            """Whether an Error of kind ``not_sse`` or ``not_chat`` was reported."""
            raise NotImplementedError

    # Before a frame

    def _see_stream(self) -> None:
        """A data, event or error line has come: the body is an event stream."""
        if self._document is not None:
            self._break_document()
        if self._held_document is not None:
            self._read_held_document()
        self._body = EVENTS if self._frame_count else OPENED

    def _before_frame(self) -> None:
        """A frame will be counted. A held document and a displaced frame come before it."""
        if self._held_document is not None:
            self._read_held_document()
        if self._body in (UNKNOWN, STARTED):
            self._body = LINES
        elif self._body == OPENED:
            self._body = EVENTS
        if self._displaced is not None:
            text = self._displaced
            self._displaced = None
            self._report_displaced(text)

    def _may_be_whole_body(self) -> bool:
        """Whether a document that ends now may be the whole body (rule 12c)."""
        return self._held_document is None and not self._frame_count and self._body != OPENED

    def _read_held_document(self) -> None:
        """Read the held document as a frame, because it is not the whole body."""
        held: Any = self._held_document
        self._held_document = None
        self._read_document(*held)

    # Data lines and the blank line

    def _dispatch(self, event: str, lines: list[bytes | bytearray]) -> None:
        value = self._pending
        if len(lines) == 1 and event != "error" and value.__class__ is not dict:
            self._read_line(bytes(lines[0]), event)
        else:
            self._frame(event, data_of(lines), value if value.__class__ is dict else ABSENT)

    def _end_without_data(self) -> None:
        event = self._event
        self._event = ""
        if event == "error":  # an error without a message (Nest: bayesimpact/bayes-platform#639)
            self._frame(event, "")

    def _forget_data(self) -> None:
        self._data.clear()
        self._pending_bytes = 0
        self._pending = UNSEEN

    def _stop(self) -> None:
        super()._stop()
        self._document = self._held_document = None

    def _before_data(self) -> None:
        if self._data:
            self._deliver_whole_line()
        elif self._body != EVENTS or self._document is not None:
            self._see_stream()

    def _parse_line(self) -> None:
        """Parse the one pending line, and set ``_pending``."""
        text = data_of(self._data).strip(BLANK)
        if is_end(text):
            self._pending = DONE
        elif text[:1] not in ("{", ""):
            self._pending = NO_OBJECT
        else:
            value = parse_or_none(text)
            self._pending = value if value.__class__ is dict else INCOMPLETE

    def _deliver_whole_line(self) -> None:
        """If the pending data is one line that is a whole frame, deliver it (rule 13a)."""
        if len(self._data) != 1:
            return
        if self._pending == UNSEEN:
            self._parse_line()
        value = self._pending
        if value.__class__ is not dict:
            if value != DONE:
                return
            value = ABSENT
        text = data_of(self._data)
        event = self._event
        self._event = self._later_event or ""  # an event type set after the line belongs to the next frame
        self._later_event = None
        self._forget_data()
        self._frame(event, text, value)

    def _take_event(self) -> str:
        """Return the event type for a frame without ``data:``. (Pending data keeps its event type.)"""
        if self._data:
            return ""
        event = self._event
        self._event = ""
        return event

    def _continues(self, text: str) -> bool:
        """Whether a stray line (``text``, with its line end) continues the pending data (rule 12d)."""
        if self._pending == UNSEEN:
            self._parse_line()
        if self._pending == INCOMPLETE:
            self._pending = _Continuation()
        continued: Any = self._pending
        if continued.__class__ is not _Continuation:
            return False
        if not continued.catch_up(self._data):
            self._pending = NO_OBJECT
            return False
        return continued.takes(text)

    def _append(self, line: bytes) -> None:
        """Append a stray line to the pending data.

        Stray lines that follow each other share one bytearray: a bytes object for each would take 50 bytes,
        even if the line has only two.
        """
        last = self._data[-1]
        if last.__class__ is bytearray:
            last += b"\n" + line
        else:
            self._data.append(bytearray(b"data: " + line))
            self._pending.count += 1
        self._pending_bytes += len(line)

    # Fields and stray lines

    def _field(self, line: bytes) -> None:
        name = line.partition(b":")[0]
        if name == b"event":
            if self._document is not None:
                self._break_document()
        elif name not in (b"id", b"retry"):
            self._other_field(line)
            return
        if (b'"' in line or b"{" in line) and carries_frame(line):
            self._ignore(line)  # for example: event: messagedata: {"choices": ...
        else:
            if name == b"event" and self._body != EVENTS:
                self._see_stream()
            EventStreamParser._field(self, line)  # super() would take longer than the rest of this method
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
        """Handle a stray line: JSON, a part of a document or of the pending data, or nothing."""
        text = line.decode("utf-8", "replace")
        with_end = text if self._reading == ENDING else text + "\n"  # close() passes a line that has no end
        if self._data:
            if self._continues(with_end):
                self._append(line)
                return
        elif self._document is not None:
            if self._document.size + len(line) > self._max_event_bytes:  # counted like pending data lines
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
        """Read a bare object (rule 12a), or open a document (12b). Return False if the line is neither.

        At close, a line that begins an object after pending data is the last frame: the stream was cut in it.
        """
        value: Any = parse_or_none(stripped) if stripped[0] == "{" else None
        if value.__class__ is dict:
            self._deliver_whole_line()
            event = self._take_event()
            has_choices = value.get("choices").__class__ is list
            if self._may_be_whole_body() and not (has_choices or is_error(value)):
                self._hold_document(text, event)
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
        if scanner.complete:  # an object with text after it
            return False
        self._deliver_whole_line()
        self._cut_at(text)
        return True

    def _bare_frame(self, event: str, text: str, value: dict[str, Any]) -> None:
        is_whole = is_completion(value)  # ask first, because _frame() changes the value
        self._frame(event, text, value)
        if is_whole and (self._body == LINES or (self._body == FOREIGN and self._is_not_chat())):
            self._body = ANSWERED

    def _ignore(self, line: bytes) -> None:
        """Skip a stray line. Report a displaced frame, or keep it until the first frame (rules 12f, 12g)."""
        text = line.decode("utf-8", "replace")
        if self._skipped is None and text.strip(BLANK):
            self._skipped = text[:QUOTED]
        if not carries_frame(line):
            return
        if self._frame_count:
            self._report_displaced(text)
        elif self._displaced is None:
            self._displaced = text[:QUOTED]

    def _report_displaced(self, text: str) -> None:
        self._count()
        what = "the line of a frame does not begin with data:, so it was not read"
        self._report("malformed", what, text)

    # Documents

    def _end_document_if_whole(self) -> None:
        """If the document is whole, read it as a frame, or hold it if it may be the whole body."""
        document: Any = self._document
        if not document.scanner.complete:
            return
        self._document = None
        if self._may_be_whole_body():
            self._hold_document(document.text(), document.event)
        else:
            self._read_document(document.text(), document.event)

    def _hold_document(self, text: str, event: str) -> None:
        self._held_document = (text, event)
        if self._body == UNKNOWN:
            self._body = STARTED

    def _break_document(self) -> None:
        """The document cannot be continued: ignore its lines."""
        document: Any = self._document
        self._document = None
        if document.is_first and self._body == STARTED:
            self._body = FOREIGN
        if self._skipped is None:
            self._skipped = document.text()[:QUOTED]
        for line in document.data.split(b"\n"):
            self._ignore(bytes(line))

    def _read_document(self, text: str, event: str) -> None:
        """Read a document as a frame. In a list, each object is one. (Google sends its errors in a list.)"""
        try:
            value = parse_json(text)
        except ValueError:
            self._frame(event, text)  # nested too deep, or an integer too long: _frame() reports it
            return
        for one in value if value.__class__ is list else [value]:
            if one.__class__ is dict:
                self._bare_frame(event, text, one)

    # The end

    def _end_body(self) -> None:
        """At close: read the unfinished line, event or document."""
        line = bytes(self._line)
        is_first = self._body == UNKNOWN and not self.comments
        if is_first and line and any(name.startswith(line) for name in BEGINNINGS):
            self._line.clear()  # the stream was cut inside the first field name
        elif line and not self._data and lacks_line_ends(line):
            self._line.clear()
            what = "lines were fed without their ends: pass iter_content() or iter_bytes(), not iter_lines()"
            self._report("not_sse", what, line.decode("utf-8", "replace"))
        self._end_input()
        if self._document is not None:
            text = self._document.text()
            self._document = None
            self._cut_at(text)
        elif self._held_document is not None:
            self._end_held_document(*self._held_document)

    def _end_held_document(self, text: str, event: str) -> None:
        """At close: the held document is the whole body (rule 12c)."""
        self._held_document = None
        value = parse_or_none(text)
        objects = [one for one in (value if value.__class__ is list else [value]) if one.__class__ is dict]
        if any(is_error(one) or is_completion(one) for one in objects):
            self._read_document(text, event)
            return
        if value.__class__ is dict and value.get("choices").__class__ is not list:
            found = [value.get(key) for key in MESSAGE_KEYS]
            message = next((one for one in found if one and one.__class__ is str), None)
            message = message or error_details(value.get("detail"), {})[0]  # (FastAPI: a list or an object)
            if message is not None:
                self._server_message(message, value)
                return
        self._body = FOREIGN
        self._skipped = text[:QUOTED]

    def _cut_at(self, text: str) -> None:
        """The stream was cut inside a frame. ``text`` is the part that came."""
        self._count()
        if self._body != FOREIGN or self._is_not_chat():
            self._cut = (self._frame_count - 1, text[:QUOTED])


class _Document:
    """An unfinished document (rule 12b). ``is_first``: it began on the first line of the body."""

    __slots__ = ("data", "event", "is_first", "scanner", "size")

    def __init__(self, is_first: bool) -> None:
        self.is_first = is_first
        self.event = ""
        self.data = bytearray()  # the lines, joined: a list of short lines would take 40 times the memory
        self.size = 0  # bytes of the lines without their ends
        self.scanner = JSONScanner()

    def takes(self, line: bytes, with_end: str) -> bool:
        """Add the next line, if it can continue the JSON text. Return False if it cannot."""
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


class _Continuation:
    """Scans pending data that stray lines continue (rule 12d).

    ``count`` is the number of entries of ``_data`` that were scanned. ``first`` is the first character of the
    data that is not white space.
    """

    __slots__ = ("count", "first", "scanner")

    def __init__(self) -> None:
        self.scanner = JSONScanner()
        self.count = 0
        self.first = ""

    def catch_up(self, lines: list[bytes | bytearray]) -> bool:
        """Scan the lines that were not scanned yet. Return whether more lines can complete an object."""
        while self.count < len(lines):
            text = data_of(lines[self.count : self.count + 1])
            self.scanner.feed(text + "\n")
            self.first = self.first or text.strip(BLANK)[:1]
            self.count += 1
        return self.first in ("{", "") and self.scanner.error is None and not self.scanner.complete

    def takes(self, with_end: str) -> bool:
        """Scan a line. If it cannot continue the data, return False and stay as before."""
        if not self.first:
            return False
        scanner = self.scanner.copy()  # cheap: a scanner holds the open containers, at most 128
        scanner.feed(with_end)
        if scanner.error is not None:
            return False
        self.scanner = scanner
        return True


def carries_frame(line: bytes) -> bool:
    """Whether a line that is not read is a displaced frame (rule 12f)."""
    return (b"data:" in line and b"{" in line) or b'"choices"' in line


def lacks_line_ends(line: bytes) -> bool:
    """Whether a line is several data lines that lost their line ends (rule 13d)."""
    if not line.startswith(b"data:") or line.count(b"data:") < 2:
        return False
    text = data_of([line])
    start = len(text) - len(text.lstrip(BLANK))
    if not text.startswith("{", start) or is_too_deep(text):
        return False
    try:
        return text.startswith("data:", scan_deep(text, start)[1])
    except ValueError:
        return False


def is_error(value: dict[str, Any]) -> bool:
    """Whether an object says that it is an error."""
    return error_of(value, value.get("choices")) is not None


def is_end(text: str) -> bool:
    """Whether the data of a frame says that the stream is complete (rule 13)."""
    return text.strip(BLANK) == DONE


def is_list_of_errors(value: Any) -> bool:
    """Whether the value is a list with at least one error, and nothing else."""
    if value.__class__ is not list or not value:
        return False
    return all(one.__class__ is dict and is_error(one) for one in value)


def is_completion(chunk: dict[str, Any]) -> bool:
    """Whether a chunk is a whole response, as a server sends it without streaming."""
    choices: Any = chunk.get("choices")
    return choices.__class__ is list and (
        chunk.get("object") in ("chat.completion", "text_completion")
        or any(entry.__class__ is dict and entry.get("message").__class__ is dict for entry in choices)
    )
