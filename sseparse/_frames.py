# SPDX-License-Identifier: MIT
"""From lines to frames, as servers send them: what the standard ignores or joins, and they mean.

``FrameParser`` stands on the grammar of ``_sse.py`` and adds the tolerances of rules 12 and 13: frames
without a blank line between them, JSON without ``data:`` (one object a line, or one document over several),
the field ``error:``. It knows JSON, and of a chunk only whether it is an error or a whole response. What a
frame says is for its subclass (``_frame``, ``_read_line``).
"""

from __future__ import annotations

from ._assembler import error_of
from ._json import TEXT_AFTER, parse_json, parse_or_none
from ._partial import BLANK, JSONScanner
from ._sse import OPENING_BYTES, EventStreamParser, data_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FIELD_NAMES = (b"data", b"event", b"id", b"retry", b"error")

ABSENT: Any = ...


class FrameParser(EventStreamParser):
    """Lines to frames. ``_document`` is the JSON document that the body may be, as far as it came."""

    __slots__ = (
        "_at_end",
        "_completed",
        "_document",
        "_foreign",
        "_framed",
        "_parsed",
        "_strays",
        "_torn",
    )

    def __init__(self, max_event_bytes: int) -> None:
        super().__init__(max_event_bytes, "")
        self._framed = False  # a data, event or error line came
        self._foreign = False  # the body began with a line that is nothing we know
        self._completed = False  # a whole response came without a frame
        self._strays = 0
        self._document: _Document | None = None
        self._parsed: Any = ABSENT  # of the pending line, where it was parsed to see whether it is whole
        self._torn: bytes | None = None  # the pending line, where it was seen not to be whole
        self._at_end = False

    def _frame(self, event: str, text: str, value: Any = ABSENT) -> None:
        """Take a frame: its event type, its data, and the value of that if it was parsed already."""

    def _read_line(self, line: bytes) -> None:
        """Take the frame of one data line."""

    @property
    def _frames(self) -> int:
        """How many frames were taken."""
        return 0

    def _stop(self) -> None:
        super()._stop()
        self._torn = None
        self._document = None

    def _dispatch(self, event: str, lines: list[bytes]) -> None:
        self._torn = None
        if self._document is not None:
            self._settle()
        if len(lines) == 1 and event != "error" and self._parsed is ABSENT:
            self._read_line(lines[0])
        else:
            self._framed = True
            value = self._parsed
            self._parsed = ABSENT
            self._frame(event, data_of(lines), value)

    def _begin(self, line: bytes) -> None:
        """Note that a data line came at the beginning of a frame."""
        self._framed = True
        self._at_start = False
        if self._opening is None:
            self._opening = line[:OPENING_BYTES]

    def _unexpected(self, line: bytes) -> None:
        """See a line without a field name of the standard, or a data line after a single one."""
        if line == b"data" or line.startswith(b"data:"):
            self._deliver_if_whole()
            return
        if line.startswith(b"error:"):
            self._end_pending()
            self._framed = True
            text = line[7:] if line[6:7] == b" " else line[6:]
            self._frame("error", text.decode("utf-8", "replace"))  # llama.cpp: ggml-org/llama.cpp#16109
        else:
            self._bare(line)

    def _end_pending(self) -> None:
        """Deliver what is pending before a frame that needs no blank line."""
        self._deliver_if_whole()
        self._settle()

    def _deliver_if_whole(self) -> None:
        """Deliver the one pending data line if it is a frame of its own: servers leave out blank lines."""
        if len(self._data) != 1 or self._data[0] is self._torn:
            return
        text = data_of(self._data)
        if text.strip(BLANK) != "[DONE]":
            value = parse_or_none(text)
            if value.__class__ is not dict:
                self._torn = self._data[0]  # looked at once, however many lines follow
                return
            self._parsed = value
        event = self._event
        self._event = self._later_event or ""
        self._later_event = None
        self._dispatch(event, self._data)
        self._forget_data()

    def _bare(self, line: bytes) -> None:
        """Read a line without a field name: JSON sent bare, part of a document, or nothing."""
        text = line.decode("utf-8", "replace")
        document = self._document
        if document is not None and document.goes_on(text):
            document.size += len(line)
            if document.size > self._max_event_bytes:  # its lines are pending, like an event's data lines
                raise self._over_event_bytes()
            return
        if document is not None and (document.failed or not document.complete):
            self._document = document = None
            self._foreign = True
        stripped = text.strip(BLANK)
        if not stripped:
            return
        self._strays += 1
        opens = self._strays == 1 and line[:OPENING_BYTES] == self._opening
        value: Any = None
        if stripped[:1] == "{":
            try:
                value = parse_json(stripped)
            except ValueError as reason:
                if self._at_end and not opens and str(reason) != TEXT_AFTER:
                    self._end_pending()
                    self._frame("", text)
        if value.__class__ is dict:
            first = not (self._framed or self._frames or self._event_seen or self._data or document)
            if first and error_of(value, value.get("choices")) is None and value.get("choices").__class__ is not list:
                self._document = _Document(text, len(line), whole=True)
                return
            self._end_pending()
            event = ""
            if not self._data:  # or the type is that of the unfinished event
                event, self._event = self._event, ""
            self._bare_frame(text, value, event)
        elif opens:
            if stripped[:1] in ("{", "["):
                self._document = _Document(text, len(line))
                if not self._document.failed:
                    return
                self._document = None
            self._foreign = True

    def _bare_frame(self, text: str, value: dict[str, Any], event: str = "") -> None:
        self._completed = self._completed or is_completion(value)
        self._frame(event, text, value)

    def _settle(self) -> None:
        """A frame follows a document: a whole one was a frame itself, an unfinished one was nothing."""
        document = self._document
        self._document = None
        if document is not None:
            value = parse_or_none(document.text())
            if value.__class__ is dict:
                self._bare_frame(document.text(), value)

    def _end_document(self, document: _Document) -> None:
        """The body was one JSON document."""
        text = document.text()
        value = parse_or_none(text)
        if value.__class__ is dict and (error_of(value, value.get("choices")) is not None or is_completion(value)):
            self._bare_frame(text, value)
        elif document.complete:
            self._foreign = True
        else:
            self._frame("", text)

    @staticmethod
    def _is_begun_field(line: bytes) -> bool:
        """Whether an unfinished first line may have become a field: then the stream was cut, not foreign."""
        return any(name.startswith(line) for name in (*_FIELD_NAMES, b"\xef\xbb\xbf"))


class _Document:
    """A JSON document that is the body, line by line, as far as it came."""

    __slots__ = ("lines", "scanner", "size", "whole")

    def __init__(self, text: str, size: int, whole: bool = False) -> None:
        self.lines = [text]
        self.size = size  # in bytes
        self.whole = whole  # the first line is all of it
        self.scanner = JSONScanner()
        if not whole:
            self.scanner.feed(text)

    @property
    def complete(self) -> bool:
        return self.whole or self.scanner.complete

    @property
    def failed(self) -> bool:
        return self.scanner.error is not None

    def goes_on(self, text: str) -> bool:
        """Take the next line, if the document is unfinished and this can be part of it."""
        if self.complete:
            return False
        self.scanner.feed("\n" + text)
        if self.failed:
            return False
        self.lines.append(text)
        return True

    def text(self) -> str:
        return "\n".join(self.lines)


def is_completion(chunk: dict[str, Any]) -> bool:
    """Whether a chunk is a whole response, as without streaming."""
    choices: Any = chunk.get("choices")
    return choices.__class__ is list and (
        chunk.get("object") in ("chat.completion", "text_completion")
        or any(entry.__class__ is dict and entry.get("message").__class__ is dict for entry in choices)
    )
