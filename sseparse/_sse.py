# SPDX-License-Identifier: MIT
"""From bytes to frames: an event stream as the WHATWG HTML standard defines it, and nothing more.

It follows "Server-sent events" of the HTML standard, sections "Parsing an event stream" (9.2.5)
and "Interpreting an event stream" (9.2.6), to the letter. It knows no JSON and no chat.

``EventStreamParser`` is the grammar: bytes are cut into lines, lines change its few fields, a blank
line dispatches. Two classes stand on it. ``SSEDecoder`` collects what is dispatched, strictly.
``ChatStream`` needs more than the standard grants (servers that leave out blank lines, send JSON
without ``data:``), so there is one hook, ``_unexpected``, called before a line that the standard
would ignore or add to an event which might be whole already. The hook decides nothing here.

Time is linear in the bytes however they are cut: an unfinished line grows in a bytearray and is
looked at again only once its end has come.
"""

from __future__ import annotations

from ._errors import LimitReached
from ._events import ServerSentEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    BytesLike = Union[bytes, bytearray, memoryview]

MAX_EVENT_BYTES = 64 * 1024 * 1024

OPENING_BYTES = 800  # kept of the first line: 200 characters, whatever they are

_BOM = b"\xef\xbb\xbf"
LF, CR = 10, 13
_MAX_RETRY_DIGITS = 18  # some 31 million years; int() of an unbounded number is quadratic


def as_bytes(data: BytesLike) -> bytes:
    """Return ``data`` as bytes, or raise the TypeError that says what to pass instead."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        raise TypeError(
            "feed() takes bytes, not str: pass the body as it came"
            " (response.iter_bytes(), not iter_text() or iter_lines())"
        )
    try:
        return memoryview(data).tobytes()
    except TypeError:
        raise TypeError(f"feed() takes bytes, bytearray or memoryview, not {type(data).__name__}") from None


def data_of(lines: list[bytes]) -> str:
    """Return the data of an event from its ``data`` lines, whole as they stood in the stream.

    UTF-8 with U+FFFD for what is not; decoding after the cut into lines is the same as before it,
    because no line end is part of a multi-byte sequence.
    """
    values = [line[6:] if line[5:6] == b" " else line[5:] for line in lines]
    return (values[0] if len(values) == 1 else b"\n".join(values)).decode("utf-8", "replace")


class EventStreamParser:
    """The grammar and its state. Subclasses say what an event is worth.

    ``_line`` is the unfinished line, ``_data`` the data lines of the unfinished event as they stood,
    ``_data_bytes`` their size. ``_event`` is the event type buffer as it was when the first of them
    came, ``_later_event`` what an ``event`` line after that made of it (None if there was none).
    ``_id`` is the last event ID buffer if an ``id`` line came since the last blank line (else None).
    ``_opening`` is the first line that is not blank. ``_stopped``: a limit was passed, nothing is read.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_data",
        "_data_bytes",
        "_event",
        "_event_seen",
        "_id",
        "_later_event",
        "_line",
        "_max_event_bytes",
        "_opening",
        "_stopped",
        "closed",
        "comments",
        "last_event_id",
        "retry",
    )

    def __init__(self, max_event_bytes: int, last_event_id: str) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()
        self._at_start = True
        self._after_cr = False
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._event = ""
        self._later_event: str | None = None
        self._event_seen = False
        self._id: str | None = None
        self._opening: bytes | None = None
        self._stopped = False
        self.closed = False
        self.comments = 0
        self.last_event_id = last_event_id
        self.retry: int | None = None

    def _dispatch(self, event: str, lines: list[bytes]) -> None:
        """Take an event: its type (``""``: the default) and its data lines, to be read before returning."""

    def _unexpected(self, line: bytes) -> None:
        """See a line that has no field name of the standard, or a ``data`` line after a single one."""

    def _parse(self, data: bytes) -> None:
        """Cut ``data`` into lines and interpret those that are complete (section 9.2.5)."""
        unfinished = self._line
        if self._at_start:
            data = bytes(unfinished) + data
            unfinished.clear()
            if len(data) < 3 and _BOM.startswith(data):
                unfinished += data
                return
            self._at_start = False
            if data.startswith(_BOM):
                data = data[3:]
        elif self._after_cr and data:
            self._after_cr = False
            if data[0] == LF:
                data = data[1:]
        if not data:
            return
        if LF not in data and CR not in data:
            unfinished += data
            self._check_unfinished()
            return
        if unfinished:
            unfinished += data
            data = bytes(unfinished)
            unfinished.clear()
        lines = data.splitlines()  # of bytes, so the line ends are just those of the standard
        if data[-1] == CR:
            self._after_cr = True
        elif data[-1] != LF:
            unfinished += lines.pop()
        self._interpret(lines)
        self._check_unfinished()

    def _check_unfinished(self) -> None:
        if len(self._line) + self._data_bytes > self._max_event_bytes:
            raise self._over_event_bytes()

    def _over_event_bytes(self) -> LimitReached:
        limit = self._max_event_bytes
        what = f"a line, with the lines before it, exceeds max_event_bytes ({limit}); nothing more is read"
        return LimitReached(what)

    def _stop(self) -> None:
        """Read nothing more and let go of what was buffered."""
        self._stopped = True
        self._line.clear()
        self._forget_data()

    def _interpret(self, lines: list[bytes]) -> None:
        """Interpret complete lines (section 9.2.6)."""
        if self._opening is None:
            self._opening = next((line[:OPENING_BYTES] for line in lines if line.strip(b" \t")), None)
        pending = self._data
        for line in lines:
            if not line:  # about every second line
                if self._id is not None:
                    self.last_event_id = self._id
                    self._id = None
                if pending:
                    self._end_event()
                else:
                    self._event = ""
                continue
            size = self._data_bytes + len(line)
            if size > self._max_event_bytes:
                raise self._over_event_bytes()
            if line.startswith(b"data:") or line == b"data":  # nearly all others
                if len(pending) == 1:
                    self._unexpected(line)
                    size = self._data_bytes + len(line)
                pending.append(line)
                self._data_bytes = size
            elif line[0] == 58:  # a colon: a comment, which is how servers keep a connection alive
                self.comments += 1
            else:
                self._field(line)

    def _field(self, line: bytes) -> None:
        """Process a field other than ``data``."""
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"event":
            self._event_seen = True
            if self._data:
                self._later_event = value.decode("utf-8", "replace")
            else:
                self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry":
            if value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:  # bytes.isdigit() is ASCII only
                self.retry = int(value)
        else:
            self._unexpected(line)

    def _end_event(self) -> None:
        """Dispatch what is pending, as its blank line demands."""
        event = self._event if self._later_event is None else self._later_event
        self._event = ""
        self._later_event = None
        self._dispatch(event, self._data)
        self._forget_data()

    def _forget_data(self) -> None:
        self._data.clear()
        self._data_bytes = 0

    def _end_input(self) -> None:
        """Take the last line for complete and the last event for ended, against the standard."""
        if self._line:
            line = bytes(self._line)
            self._line.clear()
            self._interpret([line])
        if self._data:
            self._end_event()

    def _feedable(self, data: BytesLike) -> bytes:
        """Return ``data`` as bytes; raise what misuse of feed() deserves."""
        data = as_bytes(data)
        if self.closed:
            raise RuntimeError(f"feed() after close(): make a new {type(self).__name__} for the next stream")
        return data


class SSEDecoder(EventStreamParser):
    """An incremental decoder of any ``text/event-stream``: bytes in, ``ServerSentEvent``s out.

    Args:
        max_event_bytes: limit in bytes for any one line plus the data lines pending before it.
        flush_at_eof: dispatch at close() an event that lacks its blank line, which the standard discards.
        last_event_id: str, where a reconnected stream goes on.

    Attributes: ``last_event_id`` (str, committed at each blank line), ``retry`` (int, milliseconds, or
    None), ``comments`` (int, how many), ``overflowed`` (bool, the limit was passed), ``closed``.

    Source: WHATWG HTML, section "Interpreting an event stream". It pickles and deep-copies at any point.
    """

    __slots__ = ("_events", "flush_at_eof")

    def __init__(
        self,
        *,
        max_event_bytes: int = MAX_EVENT_BYTES,
        flush_at_eof: bool = False,
        last_event_id: str = "",
    ) -> None:
        super().__init__(max_event_bytes, last_event_id)
        self.flush_at_eof = flush_at_eof
        self._events: list[ServerSentEvent] = []

    @property
    def overflowed(self) -> bool:
        """True once ``max_event_bytes`` was passed: nothing more is read."""
        return self._stopped

    def feed(self, data: BytesLike) -> list[ServerSentEvent]:
        """Return the events that ``data`` (any bytes-like) completes, in order.

        ``b""`` is an empty chunk, not the end. Nothing the bytes say makes it raise; after an overflow
        it returns ``[]``. Raises TypeError for what is not bytes-like, RuntimeError after close().
        """
        data = self._feedable(data)
        if not self._stopped:
            try:
                self._parse(data)
            except LimitReached:
                self._stop()
        return self._take()

    def close(self) -> list[ServerSentEvent]:
        """End the input. Returns ``[]``, or with ``flush_at_eof`` the event that lacked its blank line.

        The last event ID is not committed by it. Idempotent.
        """
        if self.flush_at_eof and not self._stopped:
            try:
                self._end_input()
            except LimitReached:
                self._stop()
        self.closed = True
        return self._take()

    def _dispatch(self, event: str, lines: list[bytes]) -> None:
        id = self.last_event_id if self._id is None else self._id  # the latter only at the end of input
        self._events.append(ServerSentEvent(event or "message", data_of(lines), id))

    def _take(self) -> list[ServerSentEvent]:
        events = self._events
        self._events = []
        return events

    def __repr__(self) -> str:
        state = "overflowed" if self._stopped else "closed" if self.closed else "open"
        pending = len(self._line) + self._data_bytes
        return f"<SSEDecoder {state}, {pending} bytes pending, {self.comments} comments>"
