# SPDX-License-Identifier: MIT
"""ChatStream: from the bytes of a streamed answer to events and the final object.

This file connects the other layers and does not know how they work. It makes three decisions: what a frame is
(a chunk, ``[DONE]``, an error, a ping, or a frame of another API), which path reads the next bytes, and what
is wrong with a body that has ended. For example, ``data: {"type":"ping"}`` is a ping, which has no effect.

Theory of operation. There are four paths. All give the same events, and feed() takes the first that can read
the bytes:

1. ``FastPath.read``, at the beginning of a frame: reads frames like earlier ones without parsing JSON.
2. A comment that comes alone is counted.
3. ``_read_in_full`` reads one data line and its blank line. If it is a chunk, the assembler reads it, and the
   fast path learns from it. Otherwise ``_frame`` reads it. (A line longer than _HUGE goes to ``_frame`` at
   once, because it is too long for the fast path.)
4. ``_parse`` reads everything else, with the grammar of ``_sse.py`` and the rules of ``_frames.py``. These
   give each frame to ``_frame`` or, if it is one data line, to ``_read_line``, which tries the fast path and
   then ``_read_in_full``.

What a JSON value is (a chunk, an error, a ping, a frame of another API) is decided in ``_is_chunk``,
``_object`` and ``_without_choices``.

``_where`` is the position of the next bytes. It tells feed() what to try at once:

    state      the next bytes                                     what feed() tries at once
    BETWEEN    begin a frame                                      1, 2 and 3
    INSIDE     continue the first line of a frame (``_line``)     1, with ``_line`` put before them
    ELSEWHERE  may be anything                                    nothing

What is left goes to ``_read_any``. It checks max_total_bytes and the beginning of the body, and sets the next
state. It calls ``_read_frames``, which takes path 1, 3 or 4 for each frame, but only 4 while
``_may_take_short_path`` is False. Only feed(), frames() and close() change ``_where``.

The first state is BETWEEN. But with max_total_bytes, or with a max_event_bytes that is too low for the fast
path, the state is always ELSEWHERE. Otherwise a feed sets ELSEWHERE if ``_may_take_short_path`` is then
False, or if the first bytes may be the beginning of one of _HEADS.

A frame is counted either in ``_full`` or by the fast path (``hits``). The number of a frame in an Error is
the sum of the two before that frame: the first frame is 0.
"""

from __future__ import annotations

from ._answer import Reading
from ._assembler import MAX_CHOICES, MAX_ERRORS, MAX_TOOL_CALLS, ChunkReader
from ._errors import QUOTED, LimitReached, check_limits
from ._fast import LARGEST_BULK, LEARNING, FastPath
from ._frames import ABSENT, ANSWERED, EVENTS, FOREIGN, OPENED, FrameParser, is_end, is_list_of_errors
from ._json import parse_json
from ._partial import BLANK
from ._sse import CLOSED, COLON, CR, ENDING, LF, MAX_EVENT_BYTES, OPEN
from ._text import contains_escaped_surrogate
from ._values import error_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._events import ErrorKind, Event
    from ._fast import Marks
    from ._sse import BytesLike
    from .types import Completion

    Frames = list[tuple[bytes, list[Event]]]  # the bytes of each frame, and its events

BETWEEN, INSIDE, ELSEWHERE = "between", "inside", "elsewhere"
_SMALL = 4096  # bytes; a larger feed probably has more than one frame
_HUGE = 1 << 18  # bytes; a longer line is decoded without copying it
CHAT = "chat"
# Other APIs: a frame is of one if its ``type`` has one of the beginnings here, or if it has all keys here.
OTHER_APIS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Anthropic Messages", ("message_start", "message_delta", "message_stop", "content_block_"), ()),
    ("OpenAI Responses", ("response.",), ()),
    ("Gemini", (), ("candidates",)),
    ("Gemini", (), ("promptFeedback",)),
    ("Ollama", (), ("model", "created_at", "done")),
    (
        "AI SDK UI",  # not "tool-" and "message-": Cohere's types begin so, too
        ("start", "finish", "text-", "reasoning-", "tool-input-", "tool-output-", "source-", "data-"),
        (),
    ),
)
_HEADS = (
    (b"HTTP/1.", "the body begins with an HTTP head: feed the body only (HTTPBody splits them)"),
    (b"HTTP/2 ", "the body begins with an HTTP head: feed the body only (curl -i writes both)"),
    (b"\x1f\x8b", "the body is gzip: decode Content-Encoding before feeding, or ask for identity"),
    (b"\xff\xfe", "the body is UTF-16: feed it as UTF-8"),
    (b"\xfe\xff", "the body is UTF-16: feed it as UTF-8"),
)
# A body that begins with one of these bytes begins with none of _HEADS. (The first bytes of "data", of a
# comment, of "event" and of "id".)
_FIRST_BYTES = (b"d", b":", b"e", b"i")
_OVER_TOTAL = "the stream exceeds max_total_bytes; the bytes after that are not read"


class ChatStream(FrameParser, Reading):
    """A streamed Chat Completions answer: feed it bytes, get events, ask for the final object.

    Args:
        fast_path: if False, each frame is read in full. This is for tests: slower, with the same events.
        max_event_bytes: limit in bytes for any one line plus the pending data lines before it.
        max_total_bytes: limit in bytes for the whole stream, or None.
        max_choices: every choice index must be below it.
        max_tool_calls: maximum number of calls per choice.
        max_errors: maximum number of Error events. The next one has the kind ``limit``, and reading ends.

    Attributes: ``done`` (bool: ``[DONE]`` came), ``finished`` (bool: there is a choice, and each has a
    finish_reason), ``truncated`` (bool: it was closed while neither was True, or cut inside its last frame;
    False if the body is no chat stream, or after a limit error), ``closed`` (bool), ``errors`` (list of the
    Error events so far), ``id``, ``model`` (str, or None until known), ``usage`` (dict or None), ``comments``
    (int, the number of comments: heartbeats of the server).

    Raises TypeError at once if a limit is not an int, ValueError if it is below 0.

    Source: OpenAI's API reference, "The chat completion chunk object". The README has the rules for what
    other servers send.

    It can be pickled and deep-copied at any point. Only one thread at a time may use a stream. Streams share
    no state.
    """

    __slots__ = (
        "_answer",
        "_api",
        "_budget",
        "_fast",
        "_foreign",
        "_full",
        "_head",
        "_held",
        "_reader",
        "_where",
        "truncated",
    )

    def __init__(
        self,
        *,
        fast_path: bool = True,
        max_event_bytes: int = MAX_EVENT_BYTES,
        max_total_bytes: int | None = None,
        max_choices: int = MAX_CHOICES,
        max_tool_calls: int = MAX_TOOL_CALLS,
        max_errors: int = MAX_ERRORS,
    ) -> None:
        super().__init__(max_event_bytes)
        if max_total_bytes is not None:
            check_limits(max_total_bytes=max_total_bytes)
        self._reader = ChunkReader(max_choices, max_tool_calls, max_errors)
        self._answer = self._reader.answer
        self._fast = FastPath(self._reader, fast_path)
        self._budget = max_total_bytes  # bytes that may still come, or None
        self._full = 0  # number of frames that the fast path did not read
        self._head: bytes | None = b""  # the first bytes of the body, while they may begin one of _HEADS
        self._api: str | None = None  # the API of the stream: CHAT, a name in OTHER_APIS, or not known
        self._foreign: str | None = None  # the beginning of the first frame that may be of another API
        self.truncated = False
        # What feed() tries at once checks no limits, so it tries nothing if a limit could be exceeded.
        is_limited = max_event_bytes < 2 * LARGEST_BULK or max_total_bytes is not None
        self._where = ELSEWHERE if is_limited else BETWEEN
        self._held: bytearray | None = None  # the bytes of the unfinished frame, if frames() is used

    # -- bytes in -----------------------------------------------------------------------------------

    def feed(self, data: BytesLike) -> list[Event]:
        """Return the events that ``data`` (any bytes-like object) completes, in order.

        ``b""`` is an empty piece, not the end. No content of the bytes makes it raise. After a limit error it
        returns ``[]`` and reads nothing. Raises TypeError if ``data`` is not bytes-like, RuntimeError after
        close().
        """
        events: list[Event] = []
        piece: Any = data
        only: bytes | None = None
        if self._where == BETWEEN and piece.__class__ is bytes:
            # Most feeds are one frame, and most frames are read here.
            pos = self._fast.read(piece, 0, events)
            if pos == len(piece):
                return events
            piece = piece[pos:]
            if piece[0] == COLON and self._is_comment(piece):
                self.comments += 1
                return events
            only = self._only_data(piece)
        elif self._where == INSIDE and piece.__class__ is bytes and len(piece) < _SMALL:
            rest = self._read_inside(piece, events)
            if rest is None:
                return events
            piece = rest
        else:
            piece = self._feedable(piece)
            if self._reading != OPEN or not piece:
                return events
        fast = self._fast
        self._reader.events = events
        try:
            if only is not None:
                self._read_in_full(only)
            else:
                self._read_any(piece)
            if fast.templates:
                fast.predict()
        except LimitReached as limit:
            self._end_reading(limit)
        self._reader.events = []
        return events

    def _read_inside(self, data: bytes, events: list[Event]) -> bytes | None:
        """Read bytes that continue the first line of a frame. Return the rest for the full path, or None.

        TCP cuts anywhere, so one feed may end a frame, have whole frames and begin another. (This method is
        worth 20 % of the rows "tcp".)
        """
        length = len(self._line) + len(data)
        if LF not in data and CR not in data and length <= self._max_event_bytes:
            self._line += data
            return None
        if length > 2 * _SMALL:
            return data
        whole = bytes(self._line + data)
        pos = self._fast.read(whole, 0, events)
        if not pos:
            return data
        rest = whole[pos:]
        if LF in rest or CR in rest:
            self._line.clear()
            return rest
        self._line[:] = rest
        self._where = INSIDE if rest else BETWEEN
        return None

    def _read_any(self, data: bytes) -> None:
        """Read any bytes, and set ``_where``."""
        budget = self._budget
        is_over = False
        if budget is not None:
            is_over = len(data) > budget
            data = data[:budget]
            self._budget = budget - len(data)
        if self._head is not None:
            self._sniff(data)
        self._read_frames(data)
        if is_over:
            raise LimitReached(_OVER_TOTAL)
        if budget is None and self._head is None and self._may_take_short_path():
            self._where = INSIDE if self._line else BETWEEN
        else:
            self._where = ELSEWHERE

    def frames(self, data: BytesLike) -> Frames:
        """Read bytes like feed(), but return pairs: the bytes of a frame, and its events.

        It is for a proxy that changes few frames and passes the others on unchanged. Everything that the
        server sends belongs to a frame, also comments, blank lines and ignored lines. So the bytes of all
        pairs, then the ``pending`` bytes, are the bytes fed. The events of all pairs are the events that
        feed() returns. A pair may have no events (a comment) or no bytes (an event that came before the end
        of its frame). After a limit error the bytes are returned unread. Use either frames() or feed() for a
        stream, not both. It raises the same exceptions as feed().

        No method returns the pending bytes. Keep the last ``pending`` bytes that you fed, and send them when
        the body ends.
        """
        events: list[Event] = []
        marks: Marks = []
        pos = 0
        if self._where == BETWEEN and not self._held and isinstance(data, bytes):
            # Most feeds are one frame. (A method for this would cost 9 % of the rows "frames(): ..., frame".)
            pos = self._fast.read(data, 0, events, marks)
            if pos == len(data) and len(marks) < 2:
                return [(data, events)] if pos else []
        elif self._where != INSIDE or not isinstance(data, bytes):
            data = self._feedable(data)
        held = self._held
        if held is None:
            held = self._held = bytearray()
        if self._where == INSIDE and LF in data and len(held) == len(self._line) < LARGEST_BULK:
            # The rest of a line came. Put the line together, because the fast path reads whole lines only.
            data = bytes(held) + data
            held.clear()
            self._line.clear()
            self._where = BETWEEN
            pos = self._fast.read(data, 0, events, marks)
        frames = split_at(marks, data, 0, pos, events)
        while pos < len(data):
            pos = self._read_held(data, pos, held, frames)
            if self._where == BETWEEN and not held and pos < len(data):
                start = pos
                events, marks = [], []
                pos = self._fast.read(data, start, events, marks)
                frames += split_at(marks, data, start, pos, events)
        return frames

    def _read_held(self, data: bytes, pos: int, held: bytearray, frames: Frames) -> int:
        """Read one line with feed(), and hold it until its frame ends. Return the end of the line."""
        if self._where == BETWEEN and self._head is None and len(data) - pos < _SMALL:
            rest = data[pos:]
            if LF not in rest and CR not in rest:  # the beginning of a line
                held += rest
                self._line += rest
                self._where = INSIDE
                return len(data)
        end = self._end_of_piece(data, pos)
        piece = data[pos:end]
        first = self._data[:1]
        begun = len(self._line)
        events = self.feed(piece)
        if self._reading != OPEN:
            frames.append((bytes(held) + data[pos:], events))
            held.clear()
            return len(data)
        if first and self._data and first[0] is not self._data[0]:
            # This line belongs to the next frame: it delivered the pending frame (rule 13a).
            before = len(held) - begun
            frames.append((bytes(held[:before]), events))
            del held[:before]
            events = []
        held += piece
        # (Comments after an event type are held too, so there is a limit.)
        if self._is_at_boundary() or len(held) > self._max_event_bytes + LARGEST_BULK:
            frames.append((bytes(held), events))
            held.clear()
        elif events:
            frames.append((b"", events))
        return end

    def _end_of_piece(self, data: bytes, pos: int) -> int:
        """Return the end of the line that begins at ``pos``.

        A blank line after it is included, unless a data line is pending: then the line may deliver that one
        (rule 13a), and the events of two frames must not come from one feed.
        """
        end = data.find(b"\n", pos) + 1 or len(data)
        cr = data.find(b"\r", pos, end) + 1
        if cr and data[cr : cr + 1] != b"\n":
            return cr  # a line that ends in CR alone
        for blank in (b"\n", b"\r\n"):
            if not self._data and data.startswith(blank, end):
                return end + len(blank)
        return end

    @property
    def pending(self) -> int:
        """The number of bytes held of an unfinished frame: with frames(), the last bytes that were fed.

        A proxy may write frames of its own if it is 0. close() does not change it after frames().
        """
        if self._held is not None:
            return len(self._held)
        if self._reading != OPEN or self._is_at_boundary():
            return 0
        held = len(self._line) + self._pending_bytes
        if self._document is not None:
            held += self._document.size
        if self._held_document is not None:
            held += len(self._held_document[0].encode())
        return held or 1  # only an event type or an id

    def _is_at_boundary(self) -> bool:
        """Whether no part of a frame is held."""
        return not self._line and self._is_between_frames()

    def _end_reading(self, limit: LimitReached) -> None:
        """A limit was exceeded: report it, unless the assembler did, and read nothing more."""
        if not self._reader.stopped:
            self._reader.limit(limit.args[0])
        self._where = ELSEWHERE
        self._stop()

    def close(self) -> list[Event]:
        """End the input. Return the last events, with an Error among them if the stream was cut.

        If no ``[DONE]`` came, ContentDone, ToolCallDone, ChoiceDone and the like come from here. A last frame
        without its blank line is read. Later calls return ``[]``.
        """
        if self._reading == CLOSED:
            return []
        events: list[Event] = []
        reader = self._reader
        reader.events = events
        self._where = ELSEWHERE
        try:
            if self._reading == OPEN:
                self._reading = ENDING
                self._end_body()
        except LimitReached as limit:
            self._end_reading(limit)
        reader.frame = None
        reader.finish(False)
        try:
            if self._reading == ENDING:
                self._judge()
        except LimitReached:  # the Error about the truncation was one too many
            self.truncated = False
        self._stop()
        self._reading = CLOSED
        reader.events = []
        return events

    def _sniff(self, data: bytes) -> None:
        """Check the first bytes for inputs that are often fed by mistake (``_HEADS``)."""
        if not self._head and data[:1] in _FIRST_BYTES:
            self._head = None
            self._skippable = b""
            return
        # Look at max_event_bytes at most. Otherwise the result would depend on how the input is cut.
        head = self._head = ((self._head or b"") + data[:7])[: self._max_event_bytes + 1]
        for begin, what in _HEADS:
            if head.startswith(begin):
                self._head = None
                self._report("not_sse", what, None)
                return
        if not any(begin.startswith(head) for begin, _ in _HEADS):
            self._head = None

    def _report(self, kind: ErrorKind, message: str, text: str | None) -> None:
        """Report an Error that quotes ``text``.

        Of the errors reported here, only ``malformed`` has the number of a frame. Of ``not_sse`` and
        ``not_chat`` only the first is reported.
        """
        if kind in ("not_sse", "not_chat") and self._is_not_chat():
            return
        reader = self._reader
        frame = reader.frame
        if kind != "malformed":
            reader.frame = None
        reader.report(kind, message, data=None if text is None else text[:QUOTED])
        reader.frame = frame

    def _is_not_chat(self) -> bool:
        return any(error.kind in ("not_sse", "not_chat") for error in self.errors)

    def _judge(self) -> None:
        """At the end of the input: report truncation, or that the body is not a chat stream."""
        if self._answer.done and self._body == EVENTS and self._api == CHAT and self._cut is None:
            return  # nearly all streams
        if self._body == FOREIGN or self._displaced is not None:
            what = (
                "the body is not an event stream (a web page or plain text?):"
                " look at HTTP status and headers"
            )
            self._report("not_sse", what, self._skipped)
        self._judge_api()
        kinds = {error.kind for error in self.errors}
        is_stream = self._body in (OPENED, EVENTS)
        if "not_chat" in kinds or (not is_stream and ("server" in kinds or self._body == ANSWERED)):
            return
        if self._cut is not None:
            self.truncated = True
            self._reader.frame, data = self._cut
            self._reader.report("truncated", "the stream was cut inside its last frame", data=data)
        elif not (self.done or self.finished or "not_sse" in kinds):
            self.truncated = True
            # The message says DONE without brackets: ChatEncoder writes it, and many clients look for [DONE]
            # in any line.
            what = "the stream ended without a finish_reason and without DONE"
            what = what if self._frame_count else "the stream ended before its first frame"
            self._report("truncated", what, self._skipped)

    def _judge_api(self) -> None:
        """If all frames were those of another API, report that."""
        if self._foreign is not None and self._api != CHAT:
            what = "frames came, but none is of a Chat Completions stream"
            what = what if self._api is None else f"{what}: they look like {self._api}"
            self._report("not_chat", what, self._foreign)

    # -- frames ---------------------------------------------------------------------------------------

    @property
    def _frame_count(self) -> int:
        """The number of frames so far, on all paths."""
        return self._full + self._fast.hits

    def _count(self) -> None:
        if self._body != EVENTS:
            self._before_frame()
        self._reader.frame = self._full + self._fast.hits
        self._full += 1

    def _frame(self, event: str, text: str, value: Any = ABSENT) -> None:
        self._count()
        if value is ABSENT:
            if is_end(text):
                self._judge_api()
                self._reader.finish(True)
                return
            try:
                value = parse_json(text)
            except ValueError as reason:
                self._no_json(event, text, reason)
                return
        if value.__class__ is dict:
            self._object(event, text, value)
        elif is_list_of_errors(value):  # (Google: langroid/langroid#988)
            for one in value:
                self._server_error(error_of(one, None), one, contains_escaped_surrogate(text))
        elif event == "error":
            self._server_error(value, value, contains_escaped_surrogate(text))
        elif value is not None:
            self._report("malformed", "data is JSON but not an object; the frame was ignored", text)

    def _is_chunk(self, value: dict[str, Any]) -> bool:
        """Whether an object is a chunk that has choices. (Any of its other fields may be an error.)"""
        return value.get("choices").__class__ is list

    def _object(self, event: str, text: str, value: dict[str, Any]) -> None:
        """Read a frame whose data is an object: a chunk, an error, a ping, or another API's."""
        has_surrogates = contains_escaped_surrogate(text)
        error = error_of(value, value.get("choices"), event not in ("", "message", "error"))
        if event == "error" and error is None:
            error = value
        if self._is_chunk(value):
            self._api = CHAT
            self._reader.read(value, text, has_surrogates, error)
        elif error is not None:
            self._server_error(error, value, has_surrogates)
        elif not value.keys() <= {"type"}:  # otherwise it is a ping
            self._without_choices(event, text, value, has_surrogates)

    def _without_choices(self, event: str, text: str, value: dict[str, Any], has_surrogates: bool) -> None:
        """Read an object that is neither an error nor a ping: a chunk without choices, or another API's."""
        usage: Any = value.get("usage")
        is_named = event not in ("", "message")
        # Anthropic's message_delta has a usage too, but also an event type and a ``type``.
        if usage.__class__ is dict and not (is_named or value.get("type").__class__ is str):
            self._api = CHAT
        elif self._api != CHAT:
            self._foreign = self._foreign or text[:QUOTED]
            self._api = self._api or other_api(value)
        if is_named and usage is None and value.get("choices") is None:
            self._reader.foreign_frame(event, value, has_surrogates)
        else:
            self._reader.read(value, text, has_surrogates)

    def _server_error(self, error: Any, around: Any, has_surrogates: bool) -> None:
        self._api = CHAT
        self._reader.server_error(error, around if around.__class__ is dict else {}, has_surrogates)

    def _server_message(self, message: str, value: dict[str, Any]) -> None:
        self._count()
        self._server_error(value, {"message": message}, True)

    def _no_json(self, event: str, text: str, reason: ValueError) -> None:
        """Read a frame whose data is not JSON: an error message, a heartbeat or a bad frame."""
        stripped = text.strip(BLANK)
        if event == "error" and not stripped:
            self._server_error(stripped, {}, False)  # without a message, also if there is white space
        elif event == "error" and not (self._reading == ENDING and stripped[0] in '{"'):
            self._server_error(text, {}, False)
        elif not stripped or text[0] == ":":
            pass  # a heartbeat
        elif self._reading == ENDING:
            self._cut = (self._frame_count - 1, text[:QUOTED])
        else:
            detail = f" ({reason})" if reason.__class__ is ValueError and reason.args else ""
            self._report("malformed", f"data is not JSON{detail}; the frame was ignored", text)

    # -- the fast path --------------------------------------------------------------------------------

    def _is_between_frames(self) -> bool:
        """Whether no part of a frame is held, except perhaps the beginning of its first line."""
        return not (
            self._data
            or self._event
            or self._id is not None
            or self._document is not None
            or self._held_document is not None
        )

    def _may_take_short_path(self) -> bool:
        """Whether a shorter path than ``_parse`` may read the next bytes.

        It may if they begin a frame, or continue its first line. The fast path does not check
        max_event_bytes, so this must be higher than all that the fast path reads at once.
        """
        is_high = self._max_event_bytes >= 2 * LARGEST_BULK
        return is_high and not self._skippable and self._is_between_frames()

    def _only_data(self, data: bytes) -> bytes | None:
        """Return the data if a feed is one data line and its blank line, otherwise None.

        (Without this shortcut, the row "hostile, no two alike" takes 20 % longer.)
        """
        if len(data) >= _SMALL:
            return None
        inside = data.removeprefix(b"data: ").removesuffix(self._fast.blank)
        return None if len(data) - len(inside) < 8 or LF in inside or CR in inside else inside

    def _is_comment(self, data: bytes) -> bool:
        """Whether a feed is one comment and its blank line. (Most heartbeats come alone.)"""
        lines = data.splitlines() if len(data) < _SMALL and data[-1] == LF and self._head is None else ()
        return len(lines) == 2 and not lines[1]

    def _end_of_line(self, data: bytes | bytearray, pos: int) -> int:
        """Return the end of the data line at ``pos``, if a blank line follows it; otherwise -1.

        A CR inside the line would end it earlier. The callers check for one, each in its cheapest way.
        """
        if not data.startswith(b"data: ", pos):
            return -1
        blank = self._fast.blank
        end = data.find(b"\n", pos) + 1 - len(blank) // 2
        is_line = end > pos and data.startswith(blank, end)
        return end if is_line and end - pos <= self._max_event_bytes else -1

    def _read_line(self, line: bytes, event: str) -> None:
        fast = self._fast
        if not fast.templates or not fast.resume(line + fast.blank, 0, self._reader.events):
            begin = b"data: " if line[5:6] == b" " else b"data:"
            self._read_in_full(line[len(begin) :], event, begin)

    def _read_frames(self, data: bytes) -> None:
        """Read any number of frames, each on the shortest path."""
        if not self._may_take_short_path():
            self._parse(data)
            return
        fast = self._fast
        if not fast.templates:
            # The search for one byte is more than fifty times as fast as that for two.
            fast.blank = b"\r\n\r\n" if CR in data and b"\r\n" in data else b"\n\n"
        if self._line:
            if LF not in data:
                self._parse(data)
                return
            data = self._continued(data)
        blank = fast.blank
        events = self._reader.events
        pos = 0
        while pos < len(data):
            if fast.templates and data.startswith(b"data:", pos):
                pos = fast.resume(data, pos, events)
                if pos == len(data):
                    return
            end = self._read_one(data, pos)
            if end == pos:
                end = data.find(blank, pos)
                end = len(data) if end < 0 else end + len(blank)
                self._parse(data[pos:end])
                if not self._may_take_short_path():
                    self._parse(data[end:])
                    return
            pos = end

    def _read_one(self, data: bytes, pos: int) -> int:
        """Read the frame at ``pos`` in full, if it is one data line and its blank line. Return its end.

        Return ``pos`` if it is anything else.
        """
        end = self._end_of_line(data, pos)
        if end < 0:
            return pos
        if end - pos > _HUGE:
            text = self._text_of_huge(data, pos, end)
            if text is None:
                return pos
            self._frame("", text)
        else:
            inside = data[pos + 6 : end]
            if CR in inside:
                return pos
            self._read_in_full(inside)
        return end + len(self._fast.blank)

    def _continued(self, data: bytes) -> bytes:
        """Return the unfinished line with ``data``. A huge frame that is complete now is read and removed."""
        unfinished = self._line
        if len(unfinished) > _HUGE:
            unfinished += data
            data = b""
            end = self._end_of_line(unfinished, 0)
            text = self._text_of_huge(unfinished, 0, end) if end >= 0 else None
            if text is not None:
                # Delete it before the JSON is parsed. Otherwise it would be in memory three times.
                del unfinished[: end + len(self._fast.blank)]
                self._frame("", text)
        data = bytes(unfinished) + data
        unfinished.clear()
        return data

    def _text_of_huge(self, data: bytes | bytearray, pos: int, end: int) -> str | None:
        """Return the data of a huge line without copying the line. None if it has a CR inside."""
        if data.find(b"\r", pos, end) >= 0:
            return None
        if self._body != EVENTS:
            self._begin()
        with memoryview(data) as whole, whole[pos + 6 : end] as value:
            return str(value, "utf-8", "replace")

    def _begin(self) -> None:
        """Do what ``_parse`` does before the first frame. (A shorter path will read this frame.)"""
        self._head = None
        if self._skippable != b"\n":
            self._skippable = b""  # no byte order mark can come any more
        self._see_stream()
        self._before_frame()

    def _read_in_full(self, data: bytes, event: str = "", begin: bytes = b"data: ") -> None:
        """Read the frame of one data line: parse it, judge it, read it, and let the fast path learn it.

        ``data`` is the line after ``begin``.
        """
        if self._body != EVENTS:
            self._begin()
        try:
            text = data.decode()  # less work than with an error handler
        except UnicodeDecodeError:
            text = data.decode("utf-8", "replace")
        if text[:1] != "{":  # usually ``[DONE]``
            self._frame(event, text)
            return
        try:
            value = parse_json(text)
        except ValueError:
            self._frame(event, text)
            return
        if not self._is_chunk(value):
            self._frame(event, text, value)
            return
        self._api = CHAT
        reader = self._reader
        fast = self._fast
        # Inlined from _count(): 1 % of the row "hostile, no two alike".
        reader.frame = self._full + fast.hits
        self._full += 1
        has_surrogates = "\\" in text and contains_escaped_surrogate(text)
        if fast.stage != LEARNING:
            reader.read(value, text, has_surrogates)
            return
        events = reader.events
        version, kept = reader.version, reader.kept
        count = len(events)
        chunk = value.copy()  # read() takes fields out of it
        reader.read(value, text, has_surrogates)
        if reader.version == version:
            fast.learn(begin, text, chunk, events[count:], kept)

    def __repr__(self) -> str:
        if self._reader.stopped:
            state = "stopped"
        elif self.truncated:
            state = "truncated"
        elif self.closed:
            state = CLOSED
        else:
            state = "done" if self.done else OPEN
        counts = f"{self._frame_count} frames, {self.pending} bytes pending, {len(self.errors)} errors"
        return f"<ChatStream {state}, {counts}>"


def split_at(marks: Marks, data: bytes, start: int, end: int, events: list[Event]) -> Frames:
    """Return the frames between ``start`` and ``end`` with their events. ``FastPath.read`` marked them."""
    frames: Frames = []
    first = 0
    for stop, last in marks:
        frames.append((data[start:stop], events[first:last]))
        start, first = stop, last
    if start < end:
        frames.append((data[start:end], events[first:]))
    return frames


def other_api(value: dict[str, Any]) -> str | None:
    """Return the name of the API that a frame with this object belongs to, or None if not known."""
    kind: Any = value.get("type")
    for name, types, keys in OTHER_APIS:
        is_type = kind.__class__ is str and kind.startswith(types)
        if is_type or (keys and all(key in value for key in keys)):
            return name
    return None


def parse(body: BytesLike, ignore: Iterable[ErrorKind] = ()) -> Completion:
    """Return the final object of a whole recorded stream.

    ``body`` is any bytes-like object; anything else is a TypeError. ``ignore`` is as in
    ``ChatStream.completion()``, and so are the exceptions.
    """
    stream = ChatStream()
    stream.feed(body)
    stream.close()
    return stream.completion(ignore)
