# SPDX-License-Identifier: MIT
"""From bytes to events: the event stream of the WHATWG HTML standard, and nothing more.

This file follows "Server-sent events" of the HTML standard, sections "Parsing an event stream" (9.2.5) and
"Interpreting an event stream" (9.2.6). The limits are an addition, and a ``retry`` of more than 18 digits is
ignored. This file knows no JSON and no chat. For example, these two pieces contain two ``data`` lines and a
blank line, and so one event with the data ``"a\\nb"``:

    b"data: a\\r\\ndata"    b": b\\n\\n"

``EventStreamParser`` is the grammar. It cuts the bytes into lines. Each line changes a few fields, and a
blank line dispatches the event. Two classes build on this one. ``SSEDecoder`` collects the events.
``FrameParser`` (``_frames.py``) accepts more than the standard does. For that it also overrides the methods
that are called before a ``data`` line, for any other field, at a blank line without data, and to drop data.

``_reading`` is the state of the reading:

    state     meaning                                        next state
    OPEN      feed() reads bytes                             STOPPED at a limit; ENDING or CLOSED at close()
    ENDING    close() reads the unfinished line and event    STOPPED at a limit; CLOSED
    STOPPED   a limit was exceeded: feed() ignores bytes     CLOSED at close()
    CLOSED    feed() raises RuntimeError                     -

Only feed() and close() change it, also through ``_stop()``. The methods below them raise ``LimitReached`` at
a limit, and feed() or close() catches it.

Limits. ``max_event_bytes`` limits the size of any one line (also of a comment) without its line end, plus
the pending ``data`` lines before it. With a limit of 10, ``data: abc`` (9 bytes) is read. ``data: abcde`` is
too long, and so is a second ``data: a`` after a first one. The received part of an unfinished line counts
too, so nothing over the limit is ever kept.

Time is linear in the number of bytes, however they are cut: an unfinished line grows in a bytearray, and is
searched again only when its end has come.
"""

from __future__ import annotations

from ._errors import LimitReached, check_limits
from ._events import ServerSentEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    BytesLike = Union[bytes, bytearray, memoryview]

MAX_EVENT_BYTES = 64 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
LF, CR, COLON = 10, 13, 58
OPEN, ENDING, STOPPED, CLOSED = "open", "ending", "stopped", "closed"
_MAX_RETRY_DIGITS = 18  # about 31 million years in milliseconds; int() takes quadratic time in the digits


def data_of(lines: list[bytes | bytearray]) -> str:
    """Return the data of an event. ``lines`` are its ``data`` lines, field name included.

    Bytes that are not UTF-8 become U+FFFD. The standard decodes before it cuts lines. The result is the
    same, because no multi-byte sequence contains a line end.
    """
    values = [line[6:] if line[5:6] == b" " else line[5:] for line in lines]
    return (values[0] if len(values) == 1 else b"\n".join(values)).decode("utf-8", "replace")


class EventStreamParser:
    """The grammar and its state. Subclasses handle the events.

    ``_line``: the unfinished line.
    ``_skippable``: a prefix to remove from the next bytes, if they begin with it. It is the byte order mark
    at the start of the input, LF after a CR, otherwise empty.
    ``_data``: the ``data`` lines of the pending event, as received. ``_pending_bytes`` is their size.
    ``_event``: the event type that was set before the first of these lines, or ``""``.
    ``_later_event``: the type set by an ``event`` line after that, or None.
    ``_id``: the id set since the last blank line, or None.
    """

    __slots__ = (
        "_data",
        "_event",
        "_id",
        "_last_event_id",
        "_later_event",
        "_line",
        "_max_event_bytes",
        "_pending_bytes",
        "_reading",
        "_retry",
        "_skippable",
        "comments",
    )

    def __init__(self, max_event_bytes: int, last_event_id: str) -> None:
        check_limits(max_event_bytes=max_event_bytes)
        if not isinstance(last_event_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"last_event_id takes a string, not {last_event_id!r}")
        self._max_event_bytes = max_event_bytes
        self._line: bytearray = bytearray()
        self._skippable = _BOM
        self._data: list[bytes | bytearray] = []
        self._pending_bytes: int = 0
        self._event = ""
        self._later_event: str | None = None
        self._id: str | None = None
        self._last_event_id = last_event_id
        self._retry: int | None = None
        self._reading = OPEN
        self.comments: int = 0

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._reading == CLOSED

    # Methods for subclasses. (FrameParser also overrides _field(), _forget_data() and _stop().)

    def _dispatch(self, event: str, lines: list[bytes | bytearray]) -> None:
        """Handle an event: its type (``""`` is the default) and its data lines.

        The caller clears ``lines`` afterwards.
        """

    def _before_data(self) -> None:
        """Called before the first and before the second ``data`` line of an event is kept."""

    def _other_field(self, line: bytes) -> None:
        """Called for a line with a field name that the standard does not know."""

    def _end_without_data(self) -> None:
        """Called at a blank line or the end of the input, if an ``event`` line came and no data.

        The standard has no event then.
        """
        self._event = ""

    def _parse(self, data: bytes) -> None:
        """Cut ``data`` into lines, and interpret the complete ones (section 9.2.5)."""
        unfinished = self._line
        if self._skippable and data:
            if self._skippable == _BOM:
                data = bytes(unfinished) + data
                unfinished.clear()
                if len(data) < 3 and _BOM.startswith(data):
                    unfinished += data
                    return
            if data.startswith(self._skippable):
                data = data[len(self._skippable) :]
            self._skippable = b""
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
        lines = data.splitlines()  # bytes.splitlines() cuts at LF, CR and CRLF; str.splitlines() cuts at more
        if data[-1] == CR:
            self._skippable = b"\n"
        elif data[-1] != LF:
            unfinished += lines.pop()
        self._interpret(lines)
        self._check_unfinished()

    def _check_unfinished(self) -> None:
        if len(self._line) + self._pending_bytes > self._max_event_bytes:
            raise self._over_event_bytes()

    def _over_event_bytes(self) -> LimitReached:
        limit = self._max_event_bytes
        what = f"a line, with the lines before it, exceeds max_event_bytes ({limit}); nothing more is read"
        return LimitReached(what)

    def _stop(self) -> None:
        """Read nothing more, and drop the unfinished line and event."""
        self._reading = STOPPED
        self._line.clear()
        self._event = ""
        self._later_event = self._id = None
        self._forget_data()

    def _interpret(self, lines: list[bytes]) -> None:
        """Interpret complete lines (section 9.2.6)."""
        pending = self._data
        for line in lines:
            if not line:  # a blank line: about every second one
                if self._id is not None:
                    self._last_event_id = self._id
                    self._id = None
                if pending:
                    self._end_event()
                elif self._event:
                    self._end_without_data()
                continue
            size = self._pending_bytes + len(line)
            if size > self._max_event_bytes:
                raise self._over_event_bytes()
            if line.startswith(b"data:") or line == b"data":  # nearly all other lines
                if len(pending) < 2:
                    self._before_data()
                    size = self._pending_bytes + len(line)
                pending.append(line)
                self._pending_bytes = size
            elif line[0] == COLON:  # a comment, which is how servers keep a connection alive
                self.comments += 1
            else:
                self._field(line)

    def _field(self, line: bytes) -> None:
        """Process a field other than ``data``."""
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"event":
            if self._data:
                self._later_event = value.decode("utf-8", "replace")
            else:
                self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry":
            if value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:  # bytes.isdigit() is ASCII only
                self._retry = int(value)
        else:
            self._other_field(line)

    def _end_event(self) -> None:
        """The blank line has come: dispatch the pending event."""
        event = self._event if self._later_event is None else self._later_event
        self._event = ""
        self._later_event = None
        self._dispatch(event, self._data)
        self._forget_data()

    def _forget_data(self) -> None:
        self._data.clear()
        self._pending_bytes = 0

    def _end_input(self) -> None:
        """Treat the unfinished last line and event as complete. (The standard discards them.)"""
        if self._line:
            line = bytes(self._line)
            self._line.clear()
            self._interpret([line])
        if self._data:
            self._end_event()
        elif self._event:
            self._end_without_data()

    def _feedable(self, data: BytesLike) -> bytes:
        """Return ``data`` as bytes. Raise TypeError if it is not bytes-like, RuntimeError after close().

        (The messages do not name feed(), because iter_events(), parse() and frames() come here, too.)
        """
        if isinstance(data, str):
            raise TypeError(
                f"{type(self).__name__} takes bytes, not str: pass the body as it came"
                " (response.iter_bytes(), not iter_text() or iter_lines())"
            )
        try:
            data = data if isinstance(data, bytes) else memoryview(data).tobytes()
        except TypeError:
            what = f"takes bytes, bytearray or memoryview, not {type(data).__name__}"
            raise TypeError(f"{type(self).__name__} {what}") from None
        if self._reading == CLOSED:
            raise RuntimeError(f"bytes after close(): make a new {type(self).__name__} for the next stream")
        return data


class SSEDecoder(EventStreamParser):
    """An incremental decoder of any ``text/event-stream``: bytes in, ``ServerSentEvent``s out.

    Args:
        max_event_bytes: limit in bytes for any one line plus the pending data lines before it.
        flush_at_eof: if True, close() dispatches an event that has no blank line yet. (The standard discards
            such an event.)
        last_event_id: str, the ID to start with, for a stream that continues after a reconnection.

    Attributes: ``last_event_id`` (str), ``retry`` (int or None), ``comments`` (int, their number),
    ``overflowed`` (bool: ``max_event_bytes`` was exceeded, and nothing more is read), ``closed`` (bool).

    Raises TypeError at once if ``max_event_bytes`` is not an int or ``last_event_id`` is not a string,
    ValueError if ``max_event_bytes`` is below 0.

    Source: WHATWG HTML, section "Interpreting an event stream". It can be pickled and deep-copied at any
    point.
    """

    __slots__ = ("_events", "flush_at_eof", "overflowed")

    def __init__(
        self,
        *,
        max_event_bytes: int = MAX_EVENT_BYTES,
        flush_at_eof: bool = False,
        last_event_id: str = "",
    ) -> None:
        super().__init__(max_event_bytes, last_event_id)
        self.flush_at_eof = flush_at_eof
        self.overflowed = False
        self._events: list[ServerSentEvent] = []

    @property
    def last_event_id(self) -> str:
        """The last event ID. An ``id`` line sets it at the next blank line, never at the end of the input."""
        return self._last_event_id

    @property
    def retry(self) -> int | None:
        """The reconnection time in milliseconds, or None."""
        return self._retry

    def feed(self, data: BytesLike) -> list[ServerSentEvent]:
        """Return the events that ``data`` (any bytes-like object) completes, in order.

        ``b""`` is an empty piece, not the end. No content of the bytes makes it raise. After an overflow it
        returns ``[]``. Raises TypeError if ``data`` is not bytes-like, RuntimeError after close().
        """
        data = self._feedable(data)
        if self._reading == OPEN:
            try:
                self._parse(data)
            except LimitReached:
                self._overflow()
        return self._take()

    def close(self) -> list[ServerSentEvent]:
        """End the input. Returns ``[]``, or with ``flush_at_eof`` the event that has no blank line yet.

        It does not change ``last_event_id``. A second call does nothing.
        """
        if self.flush_at_eof and self._reading == OPEN:
            self._reading = ENDING
            try:
                self._end_input()
            except LimitReached:
                self._overflow()
        self._reading = CLOSED
        return self._take()

    def _overflow(self) -> None:
        self.overflowed = True
        self._stop()

    def _dispatch(self, event: str, lines: list[bytes | bytearray]) -> None:
        # At a blank line `_interpret` has moved `_id` to `_last_event_id`. So `_id` is set here only if
        # close() flushes an event.
        id = self._last_event_id if self._id is None else self._id
        self._events.append(ServerSentEvent(event or "message", data_of(lines), id))

    def _take(self) -> list[ServerSentEvent]:
        events = self._events
        self._events = []
        return events

    def __repr__(self) -> str:
        state = "overflowed" if self.overflowed else self._reading
        pending = len(self._line) + self._pending_bytes
        return f"<SSEDecoder {state}, {pending} bytes pending, {self.comments} comments>"
