# SPDX-License-Identifier: MIT
"""The body of one HTTP/1.1 response, out of the bytes of its connection, for those who read raw sockets.

It follows RFC 9112 (bare numbers are its sections), knows no requests and no events, and is strict where
two readers could end up with two different bodies. A lone LF ends a line of a head or a trailer section,
as 2.2 permits, never a chunk size or a chunk (7.1). A lone CR or a NUL in a head (2.2; RFC 9110, 5.5),
white space in or around a field's name (5.1), Transfer-Encoding in HTTP/1.0 (6.1) and every coding that
is not undone here are errors; folded lines are unfolded (5.2). 101 is final, unlike other 1xx, and has no
body, like 204 and 304: what follows it is not HTTP. Whatever follows a body is dropped (6.3).
"""

from __future__ import annotations

import re  # json has imported it; patterns are compiled on first use, so that importing stays free

from ._errors import StreamError

_MAX_PROTOCOL = 65536  # bytes of any one head, chunk size with its extensions, or trailer section
# The states, in words for repr() and messages: first those that read protocol text line by line.
_HEAD, _SIZE, _TRAILER = "head", "chunk size", "trailer section"
_CHUNK, _LENGTH, _REST, _COMPLETE = "chunk", "body by content-length", "body until close", "complete"


class HTTPBody:
    """The bytes of one HTTP/1.1 response in, its body out (RFC 9112, sections 6 and 7).

    It does not see the request, so answers to HEAD and CONNECT are not for it. Attributes: ``status`` (int,
    None before the end of the head; 1xx before it are skipped), ``headers`` (list of (name, value) as str,
    Latin-1, names in lower case, values stripped, in wire order, without trailers), ``complete`` (bool).
    """

    __slots__ = ("_closed", "_error", "_left", "_pending", "_received", "_state", "headers", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self._state = _HEAD
        self._pending = bytearray()  # protocol text that is not whole yet; the body is never kept
        self._left = 0  # bytes to come of the chunk or the body
        self._received = 0  # bytes of body
        self._error = ""
        self._closed = False

    @property
    def complete(self) -> bool:
        """Whether the whole body was returned; one that lasts until close is complete after close()."""
        return self._state == _COMPLETE

    def __repr__(self) -> str:
        state = f"{'failed in ' * bool(self._error)}{self._state}{', closed' * self._closed}"
        return f"<HTTPBody {state}: status {self.status}, {self._received} bytes of body>"

    def feed(self, data: bytes | bytearray | memoryview) -> bytes:
        """Take bytes of the connection, return the bytes of body among them, ``b""`` if there are none.

        ``b""`` is an empty piece, not the end. Linear in the bytes, of which at most 64 KiB are kept.
        Raises StreamError where they are no response, or none that can be read here. Body before the fault
        is returned first and the next call raises, so that the outcome does not depend on the cuts; so does
        every later call. TypeError for what is not bytes, RuntimeError after close().
        """
        try:
            data = memoryview(data).tobytes()  # not bytes(data): that makes bytes of an int, too
        except TypeError:
            raise TypeError(f"feed() takes bytes as recv() returns them, not {type(data).__name__}") from None
        if self._closed:
            raise RuntimeError("feed() after close(): make a new HTTPBody for each response")
        at, body = 0, bytearray()
        while at < len(data) and not self._error and not self.complete:
            if self._state in (_HEAD, _SIZE, _TRAILER):
                at = self._read_line(data, at)
                continue
            piece = data[at : at + self._left]
            body += piece
            at += len(piece)
            self._received += len(piece)
            self._left -= len(piece)
            if not self._left:
                self._state = _SIZE if self._state == _CHUNK else _COMPLETE
        if self._error and not body:
            raise StreamError(self._error)
        return bytes(body)

    def close(self) -> None:
        """Say that the connection has ended. Raises StreamError, each time, if the response could not be
        read or was cut (even of the empty line after its last chunk, 7.1)."""
        self._closed = True
        if self._state == _REST:
            self._state = _COMPLETE
        elif not self._error and not self.complete:
            self._fail(f"was cut in its {self._state}, after {self._received} bytes of body: ask again")
        if self._error:
            raise StreamError(self._error)

    def _fail(self, what: str) -> str:
        self._error = f"The HTTP response {what}."
        return self._state

    def _read_line(self, data: bytes, at: int) -> int:
        """Keep the text up to the end of a line, act on it once it is whole; return where the line ends."""
        text = self._pending
        room = _MAX_PROTOCOL - len(text)
        end = data.find(b"\n", at, at + room) + 1 or min(at + room, len(data))
        text += data[at:end]
        if self._state == _HEAD and not b"HTTP/1.".startswith(bytes(text[:7])):
            self._fail("does not begin with HTTP/1: feed the connection from its status line on, after TLS")
        elif self._state == _SIZE and text.endswith(b"\n") and len(text) > 2:  # 2: a CRLF that ends a chunk
            self._state = self._read_size(text.decode("latin-1"))
            text[:] = b"\n" * (self._state == _TRAILER)  # so that it ends like a head, even if it is empty
        elif self._state != _SIZE and text.endswith((b"\n\n", b"\n\r\n")):
            self._state = self._read_head(text.decode("latin-1")) if self._state == _HEAD else _COMPLETE
            text.clear()
        elif len(text) == _MAX_PROTOCOL:
            self._fail(f"has a {self._state} longer than {_MAX_PROTOCOL} bytes: discard it and reconnect")
        return end

    def _read_size(self, line: str) -> str:
        """Read the line before a chunk (7.1), ignore extensions (7.1.1) and padding (h11 issue 133)."""
        size = re.fullmatch(r"(\r\n)?0*([0-9a-fA-F]{1,16})[ \t]*(;[^\r]*)?\r\n", line)
        if not size or bool(size[1]) != bool(self._received):
            return self._fail("has a wrong chunk size: discard it and reconnect")
        self._left = int(size[2], 16)
        return _CHUNK if self._left else _TRAILER

    def _read_head(self, text: str) -> str:
        """Read status line and fields (4, 5), decide what ends the body (6.3); return the next state."""
        text = text.replace("\r\n", "\n").replace("\n ", "  ").replace("\n\t", "  ")
        head = re.fullmatch(r"HTTP/1\.([01]) ([0-9]{3})( [^\r\n\0]*)?\n(([^\s:\0]+:[^\r\n\0]*\n)*)\n", text)
        if not head:
            return self._fail("has no valid status line or header fields: discard it and reconnect")
        if head[2][0] == "1" and head[2] != "101":
            return _HEAD
        self.status = int(head[2])
        self.headers = [(n.lower(), v.strip(" \t")) for n, v in re.findall("(.+?):(.*)\n", head[4])]
        if self.status in (101, 204, 304):
            return _COMPLETE
        listed = [(name, part.strip(" \t").lower()) for name, v in self.headers for part in v.split(",")]
        encoding = [part for name, part in listed if name == "content-encoding"]
        transfer = [part for name, part in listed if name == "transfer-encoding"]
        length = [part for name, part in listed if name == "content-length"]
        if set(encoding) - {"", "identity"}:
            return self._fail(f"has content-encoding {','.join(encoding)[:40]!a}: accept only identity")
        if transfer:
            if head[1] == "1" and [part for part in transfer if part] == ["chunked"]:
                return _SIZE
            return self._fail(f"has transfer-encoding {','.join(transfer)[:40]!a}: use HTTP/1.1, send no TE")
        size = ",".join({part.lstrip("0") or "0" for part in length if part})
        if length and not re.fullmatch("[0-9]{1,16}", size):
            return self._fail(f"has content-length {','.join(length)[:40]!a}: discard it and reconnect")
        self._left = int(size) if length else 1 << 64  # until close: more than 16 hex digits can say
        return _COMPLETE if not self._left else _LENGTH if length else _REST
