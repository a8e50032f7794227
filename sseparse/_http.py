# SPDX-License-Identifier: MIT
"""The body of one HTTP/1.1 response, for programs that read a raw connection.

    body, stream = HTTPBody(), ChatStream()
    while not body.complete and (data := connection.recv(65536)):
        events = stream.feed(body.feed(data))
    body.close()                                    # raises StreamError if the response was cut

This file follows RFC 9112. (A number alone, as in "2.2", is one of its sections.) It knows nothing of
requests or events. It refuses a response that two readers could understand in two ways: a lone CR or a NUL in
a head (2.2; RFC 9110, 5.5), a field name that is not a token (5.1), Transfer-Encoding in HTTP/1.0 (6.1). It
also refuses codings other than chunked. A lone LF may end a line of a head or of a trailer section (2.2), but
not a chunk size or a chunk (7.1).

``_state`` is the part of the response that comes next. Only unfinished protocol text is kept, never a body:

    state        next state
    _HEAD        _SIZE, _LENGTH, _REST or _COMPLETE, as the head says; _HEAD after an informational response
    _SIZE        _CHUNK; _TRAILER after the last chunk
    _CHUNK       _SIZE
    _TRAILER     _COMPLETE
    _LENGTH      _COMPLETE after as many bytes as content-length says
    _REST        _COMPLETE at close()
"""

from __future__ import annotations

import re  # the json module has imported it already; patterns are compiled at first use

from ._errors import StreamError

_MAX_PROTOCOL = 65536  # bytes of one head, of one chunk size with its extensions, or of one trailer section
_HEAD, _SIZE, _TRAILER = "head", "chunk size", "trailer section"
_CHUNK, _LENGTH, _REST, _COMPLETE = "chunk", "body by content-length", "body until close", "complete"


class HTTPBody:
    """Takes the bytes of one HTTP/1.1 response (RFC 9112) and returns its body.

    It is not for responses to HEAD and CONNECT requests. It refuses a content coding (ask for identity), a
    transfer coding other than chunked, and a head over 64 KiB.

    Attributes: ``status`` (int, None before the end of the head; 1xx responses are skipped, except 101),
    ``headers`` (list of (name, value) in the order received: str, decoded as Latin-1, names in lower case, no
    trailers), ``complete`` (bool: the whole body was returned).
    """

    __slots__ = ("_closed", "_error", "_left", "_pending", "_received", "_state", "headers", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self._state = _HEAD
        self._pending = bytearray()  # unfinished protocol text
        self._left = 0  # number of bytes of the chunk or of the body still to come
        self._received = 0  # number of bytes of body returned
        self._error = ""
        self._closed = False

    @property
    def complete(self) -> bool:
        """Whether the whole body was returned. A body that lasts until close is complete after close()."""
        return self._state == _COMPLETE

    def __repr__(self) -> str:
        state = f"{'failed in ' * bool(self._error)}{self._state}{', closed' * self._closed}"
        return f"<HTTPBody {state}: status {self.status}, {self._received} bytes of body>"

    def feed(self, data: bytes | bytearray | memoryview) -> bytes:
        """Take bytes of the connection. Return the bytes of the body among them, ``b""`` if there are none.

        ``b""`` is an empty piece, not the end. Raises StreamError if the response is invalid or unsupported.
        If ``data`` has bytes of the body before the fault, they are returned and the next call raises. Raises
        TypeError if ``data`` is not bytes-like, RuntimeError after close().
        """
        try:
            data = memoryview(data).tobytes()  # bytes(data) would also take an int
        except TypeError:
            raise TypeError(f"HTTPBody takes bytes as recv() gives them, not {type(data).__name__}") from None
        if self._closed:
            raise RuntimeError("bytes after close(): make a new HTTPBody for each response")
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
        """Say that the connection ended. Raises StreamError if the response is cut, wrong or unsupported."""
        self._closed = True
        if self._state == _REST:
            self._state = _COMPLETE
        elif not self._error and not self.complete:
            self._fail(f"was cut in its {self._state}, after {self._received} bytes of body: ask again")
        if self._error:
            raise StreamError(self._error)

    def _fail(self, what: str) -> str:
        """Keep the message of the StreamError. Return the state, which stays as it is."""
        self._error = f"The HTTP response {what}."
        return self._state

    def _read_line(self, data: bytes, at: int) -> int:
        """Keep the bytes up to the end of a line, and act if a size, head or trailer section is whole.

        Return the end of the bytes used.
        """
        text = self._pending
        room = _MAX_PROTOCOL - len(text)
        end = data.find(b"\n", at, at + room) + 1 or min(at + room, len(data))
        text += data[at:end]
        if self._state == _HEAD and not b"HTTP/1.".startswith(bytes(text[:7])):
            self._fail("does not begin with HTTP/1: feed the connection from its status line on, after TLS")
        elif self._state == _SIZE and text.endswith(b"\n") and len(text) > 2:  # 2: a CRLF that ends a chunk
            self._state = self._read_size(text.decode("latin-1"))
            # With a line end first, a trailer section ends in a blank line like a head, even if it is empty.
            text[:] = b"\n" * (self._state == _TRAILER)
        elif self._state != _SIZE and text.endswith((b"\n\n", b"\n\r\n")):
            self._state = self._read_head(text.decode("latin-1")) if self._state == _HEAD else _COMPLETE
            text.clear()
        elif len(text) == _MAX_PROTOCOL:
            self._fail(f"has a {self._state} longer than {_MAX_PROTOCOL} bytes: discard it and reconnect")
        return end

    def _read_size(self, line: str) -> str:
        """Read the line before a chunk (7.1) and return the next state.

        Extensions (7.1.1) and blanks after the size (h11 issue 133) are ignored.
        """
        size = re.fullmatch(r"(\r\n)?0*([0-9a-fA-F]{1,16})[ \t]*(;[^\r]*)?\r\n", line)
        # Only the CRLF that ends the chunk before may stand before a size, so none before the first size.
        if not size or bool(size[1]) != bool(self._received):
            return self._fail("has a wrong chunk size: discard it and reconnect")
        self._left = int(size[2], 16)
        return _CHUNK if self._left else _TRAILER

    def _read_head(self, text: str) -> str:
        """Read the status line and the fields (4, 5). Return the next state."""
        first, end, rest = text.replace("\r\n", "\n").partition("\n")
        # A folded line is joined to the line before it with one space (5.2). Just after the status line it is
        # ignored (2.2).
        rest = re.sub(r"(?<![ \t])[ \t]*(?:\n[ \t]+)+", " ", end + rest)
        head = re.fullmatch(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\0]*)?", first)
        fields = re.fullmatch(r"(?: [^\r\n\0]*)?\n((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[^\r\n\0]*\n)*)\n", rest)
        if not head or not fields:
            return self._fail("has no valid status line or header fields: discard it and reconnect")
        if head[2][0] == "1" and head[2] != "101":
            return _HEAD
        self.status = int(head[2])
        self.headers = [(n.lower(), v.strip(" \t")) for n, v in re.findall("(.+?):(.*)\n", fields[1])]
        if self.status in (101, 204, 304):
            return _COMPLETE
        return self._begin_body(head[1] == "1")

    def _begin_body(self, may_be_chunked: bool) -> str:
        """Decide what ends the body (6.3). Return the next state."""
        encoding = self._listed("content-encoding")
        transfer = self._listed("transfer-encoding")
        length = self._listed("content-length")
        if set(encoding) - {"", "identity", "none"}:  # "none": Vercel's advice to users of Next.js
            return self._fail(f"has content-encoding {','.join(encoding)[:40]!a}: accept only identity")
        if may_be_chunked and [part for part in transfer if part] == ["chunked"]:
            return _SIZE
        if transfer:
            return self._fail(f"has transfer-encoding {','.join(transfer)[:40]!a}: use HTTP/1.1, send no TE")
        size = ",".join({part.lstrip("0") or "0" for part in length if part})
        if length and not re.fullmatch("[0-9]{1,16}", size):
            return self._fail(f"has content-length {','.join(length)[:40]!a}: discard it and reconnect")
        self._left = int(size) if length else 1 << 64  # without a length: until close
        return _COMPLETE if not self._left else _LENGTH if length else _REST

    def _listed(self, name: str) -> list[str]:
        """Return the parts of a field that is a list with commas, in lower case. Such a field may repeat."""
        return [part.strip(" \t").lower() for n, v in self.headers if n == name for part in v.split(",")]
