# SPDX-License-Identifier: MIT
"""The input of the command line: the bytes of the body, whatever a tool put around them.

People save and pipe streams as their tools print them. Besides a plain body, these inputs are read:

    curl -i ... > answer.txt                    a response of any HTTP version: its head, then the body
    nc ... > answer.txt                         the same, with a chunked body
    curl -H 'Accept-Encoding: gzip' ...         a body in gzip or deflate
    python -m benchmarks record ...             the project's own recordings, name.timed.jsonl

How it works. A ``_Source`` yields pieces of bytes, each with the time at which it came, and can look at the
first bytes without taking them. These bytes decide which wrapping is removed: a head, then chunks, then gzip
or deflate, then a recording. A look waits for more bytes only while the bytes so far do not decide. The head
alone never decides, because curl prints ``Transfer-Encoding: chunked`` and ``Content-Encoding`` above a body
that it has decoded. But chunks, and deflate without zlib's header, are looked for only if the head says so.
This file knows nothing of events.
"""

from __future__ import annotations

import re
import sys
from binascii import a2b_base64
from contextlib import nullcontext, suppress
from time import perf_counter

from ._errors import StreamError
from ._frames import BEGINNINGS
from ._http import HTTPBody
from ._json import parse_or_none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Pieces = Iterator[tuple[float, bytes]]

_READ_BYTES = 65536
_INFLATE_BYTES = 4096  # decompressed at once; the output can be a thousand times larger
_MAX_HEAD = 65536  # bytes
_MAX_SIZE_LINE = 100  # bytes
_MAX_RECORD = 1 << 20  # bytes of one line of a recording; a piece in it is 64 KiB at most

# The beginnings of plain bodies. (Deflate without a header has no mark of its own, so a body is taken for it
# only if it has none of these beginnings.)
_PLAIN = (*BEGINNINGS, b":", b"{", b"[", b"<", b"\r", b"\n")


class Unreadable(Exception):
    """The input cannot be read. (A failure of the output is an OSError.)"""


class Input:
    """A file or standard input (``"-"``).

    Attributes: ``status`` (int, of the last HTTP head so far, or None), ``flaw`` (str, the reason why the
    body could not be read to its end, or ``""``), ``is_recording`` (bool: the times are those of a
    recording), ``waited`` (float, seconds spent waiting for bytes so far).
    """

    def __init__(self, path: str) -> None:
        self.name = "standard input" if path == "-" else path
        self.status: int | None = None
        self.flaw = ""
        self.is_recording = False
        self.waited = 0.0
        self._path = path
        self._coding = ""  # Content-Encoding of the last head
        self._is_chunked = False  # Transfer-Encoding of the last head

    def is_terminal(self) -> bool:
        """Whether the input is a terminal, where somebody has to type or paste it."""
        return self._path == "-" and sys.stdin is not None and sys.stdin.isatty() is True  # pyright: ignore

    def pieces(self) -> Pieces:
        """Yield the body in pieces as they come, each with its time in seconds from the start."""
        source = _Source(self._reads())
        while head := source.take_head():
            self._read_head(head)
        if self._is_chunked and source.begins_with_a_chunk_size():
            source = _Source(self._dechunked(source))
        source = self._inflated(source)
        if source.begins(b'{"t":') and _record(source.peek_line()) is not None:
            self.is_recording = True
            source = self._inflated(_Source(self._replayed(source)))
        yield from source

    def _reads(self) -> Pieces:
        """Yield the bytes of the file, read by read."""
        start = perf_counter()
        if self._path == "-" and sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise Unreadable("it is closed")
        try:
            with nullcontext(sys.stdin.buffer) if self._path == "-" else open(self._path, "rb") as opened:
                file: Any = opened
                while True:
                    before = perf_counter()
                    data = file.read1(_READ_BYTES)
                    now = perf_counter()
                    self.waited += now - before
                    if not data:
                        return
                    yield now - start, data
        except OSError as reason:
            raise Unreadable(reason.strerror or reason) from None

    def _read_head(self, head: bytes) -> None:
        lines = head.decode("latin-1").splitlines()
        self.status = int(lines[0].split()[1])
        fields = [line.partition(":") for line in lines[1:]]
        values = {name.strip().lower(): value.strip().lower() for name, _, value in fields}
        self._coding = values.get("content-encoding", "")
        self._is_chunked = "chunked" in values.get("transfer-encoding", "")

    def _dechunked(self, source: Iterable[tuple[float, bytes]]) -> Pieces:
        body = HTTPBody()
        body.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for at, data in source:
                yield at, body.feed(data)
            body.close()
        except StreamError as reason:
            self.flaw = str(reason)

    def _inflated(self, source: _Source) -> _Source:
        """Return the source, decompressed if it is gzip or deflate."""
        if source.begins(b"\x1f\x8b"):
            return _Source(self._inflate(source, "gzip", 31))
        if any(source.begins(bytes((0x78, flags))) for flags in (0x01, 0x5E, 0x9C, 0xDA)):
            return _Source(self._inflate(source, "deflate", 15))
        if self._coding in ("", "identity", "none") or any(source.begins(start) for start in _PLAIN):
            return source
        if self._coding == "deflate":  # without zlib's header, as some servers send it
            return _Source(self._inflate(source, "deflate", -15))
        self.flaw = f"the head says Content-Encoding {self._coding[:40]}: let curl decode it (--compressed)"
        return source

    def _inflate(self, source: Iterable[tuple[float, bytes]], name: str, wbits: int) -> Pieces:
        try:
            import zlib  # rarely needed, and not in every build of Python
        except ImportError:
            self.flaw = f"the body is {name}, and this Python has no zlib"
            return
        machine, members = zlib.decompressobj(wbits), 0
        is_fresh = True  # no byte of this member was read yet
        for at, data in source:
            for start in range(0, len(data), _INFLATE_BYTES):
                rest = data[start : start + _INFLATE_BYTES]
                while rest:
                    before = machine.copy()
                    try:
                        out = machine.decompress(rest)
                    except zlib.error:
                        # Bytes after a whole member that do not begin another are ignored.
                        if not members or not is_fresh:
                            self.flaw = f"the {name} body is damaged"
                            yield at, _until(zlib.error, before, rest)
                        return
                    if out:
                        yield at, out
                    is_fresh, rest = machine.eof, machine.unused_data
                    if machine.eof:  # gzip may go on with another member
                        machine, members = zlib.decompressobj(wbits), members + 1
        if not is_fresh or not members:
            self.flaw = f"the {name} body was cut"

    def _replayed(self, source: Iterable[tuple[float, bytes]]) -> Pieces:
        """Yield the pieces of a recording (``benchmarks/record.py``) with their times."""
        for number, line in enumerate(_lines(source), 1):
            record = _record(line)
            if record is not None:
                yield record
            elif line.strip():
                self.flaw = f"line {number} of the recording cannot be read"
                return


def _until(error: type[Exception], machine: Any, data: bytes) -> bytes:
    """Return the bytes before the damage: the call of decompress() that found it returned none of them."""
    out = bytearray()
    with suppress(error):
        for at in range(len(data)):
            out += machine.decompress(data[at : at + 1])
    return bytes(out)


class _Source:
    """Pieces with their times. The first bytes can be looked at before they are taken."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._held = bytearray()
        self._at = 0.0

    def __iter__(self) -> Pieces:
        if self._held:
            yield self._at, bytes(self._held)
            self._held.clear()
        yield from self._pieces

    def _pull(self) -> bool:
        """Read one more piece and hold it. Return False at the end."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._at = piece[0]
        self._held += piece[1]
        return True

    def begins(self, prefix: bytes) -> bool:
        """Whether the first bytes are ``prefix``. Waits for more bytes only while the ones so far agree."""
        while len(self._held) < len(prefix) and prefix.startswith(bytes(self._held)) and self._pull():
            pass
        return self._held.startswith(prefix)

    def begins_with_a_chunk_size(self) -> bool:
        """Whether the body begins with a chunk size. (curl prints the head of a chunked body above a body
        without chunks.)"""
        while re.fullmatch(rb"[0-9a-fA-F]*[ \t]*(;[^\n]*|\r)?", self._held[:_MAX_SIZE_LINE]):
            if len(self._held) > _MAX_SIZE_LINE or not self._pull():
                return False
        return re.match(rb"[0-9a-fA-F]+[ \t]*(;[^\n]*)?\r\n", self._held) is not None

    def take_head(self) -> bytes:
        """Take an HTTP head with its blank line. If there is none, take nothing and return ``b""``."""
        end = self._find(rb"\r?\n\r?\n", _MAX_HEAD) if self.begins(b"HTTP/") else -1
        if end < 0 or not re.match(rb"HTTP/[0-9.]+ [0-9]{3}[ \r\n]", self._held):
            return b""
        head = bytes(self._held[:end])
        del self._held[:end]
        return head

    def peek_line(self) -> bytes:
        """Return the first line without taking it. A line too long for a recording is cut."""
        self._find(rb"\n", _MAX_RECORD)
        return bytes(self._held.partition(b"\n")[0])

    def _find(self, pattern: bytes, limit: int) -> int:
        """Hold more until the pattern is found. Return its end, or -1 if about ``limit`` bytes have none."""
        begin = 0
        while True:
            found = re.compile(pattern).search(self._held, begin)
            if found is not None:
                return found.end()
            begin = max(0, len(self._held) - 3)  # the last three bytes may begin the pattern
            if len(self._held) > limit or not self._pull():
                return -1


def _lines(source: Iterable[tuple[float, bytes]]) -> Iterator[bytes]:
    """Yield the lines of the pieces, also a last line without its end, in linear time for any pieces."""
    begun: list[bytes] = []
    for _, data in source:
        *whole, rest = data.split(b"\n")
        for line in whole:
            yield b"".join([*begun, line])
            begun.clear()
        begun.append(rest)
    yield b"".join(begun)


def _record(line: bytes) -> tuple[float, bytes] | None:
    """Return the time and the bytes in one line of a recording, or None if it is not such a line."""
    record = parse_or_none(line.decode("utf-8", "replace"))
    if record.__class__ is not dict:
        return None
    at, data = record.get("t"), record.get("b64")
    if not isinstance(at, (int, float)) or not isinstance(data, str):
        return None
    try:
        return float(at), a2b_base64(data)
    except (ValueError, OverflowError):
        return None
