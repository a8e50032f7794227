# SPDX-License-Identifier: MIT
"""iter_events and aiter_events: loops that read a source of bytes and feed a ChatStream.

    for event in iter_events(response):                 # of http.client or urllib; a file; a socket; bytes
        ...
    async for event in aiter_events(reader, body=HTTPBody()):       # a raw connection of asyncio
        ...

The loops know how to get bytes from a source and when to stop reading it. ``ChatStream`` does the rest. A
source is recognised by its methods, so ``socket``, ``http`` and ``asyncio`` are not imported. Nothing here
opens, closes or buffers a source, or runs in the background.

Reading ends at the end of the source or of ``body``, at a limit error, or at a cut. A cut is an exception
listed in ``broken``, or a response that ``body`` cannot read. A source with ``recv`` is also read no further
after ``Done``, unless ``body`` knows where the response ends. In each case the stream is closed and its last
events come. Then ``_Feeding.judge`` raises StreamError if the answer is not whole, or if the source was cut
before ``[DONE]``.

The two public functions are not generator functions: a generator function would report a wrong argument at
the first ``next()``, which may be far from the mistake. These functions report it at the call.
"""

from __future__ import annotations

from ._errors import StreamError
from ._stream import ChatStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Generator, Iterable
    from typing import Any, Protocol, Union

    from ._events import Event
    from ._http import HTTPBody
    from ._sse import BytesLike

    Broken = Union[type[BaseException], tuple[type[BaseException], ...]]

    class _HasRead1(Protocol):
        def read1(self, size: int, /) -> BytesLike: ...

    class _HasRecv(Protocol):
        def recv(self, size: int, /) -> BytesLike: ...

    class _HasRead(Protocol):
        def read(self, size: int, /) -> BytesLike | None: ...

    class _HasAsyncRead(Protocol):
        def read(self, size: int, /) -> Awaitable[BytesLike]: ...

    Source = Union[BytesLike, _HasRead1, _HasRecv, _HasRead, Iterable[BytesLike]]
    AsyncSource = Union[BytesLike, _HasAsyncRead, AsyncIterable[BytesLike]]

_READ_BYTES = 65536  # per read, at most: the size of a pipe's buffer

# The response object of an HTTP library is refused: its read() takes no size (httpx, aiohttp), or its
# iterator waits until 128 bytes have come (requests). It is recognised by these names, which no file, socket
# or StreamReader has. The order matters: ``text`` of an httpx or requests response is a property that reads
# the body, so it comes last.
_RESPONSE_METHODS = ("iter_bytes", "iter_content", "text")

_EXPECTED = (
    "iter_events() takes bytes, a binary file, a socket, response.iter_bytes() (httpx),"
    " response.iter_content(None) (requests) or another iterable of bytes"
)
_EXPECTED_ASYNC = (
    "aiter_events() takes bytes, a StreamReader, response.aiter_bytes() (httpx),"
    " response.content (aiohttp) or another asynchronous iterable of bytes"
)
_NON_BLOCKING = "the source is non-blocking, its read returned None: feed a ChatStream instead"


def iter_events(
    source: Source, stream: ChatStream | None = None, *, body: HTTPBody | None = None, broken: Broken = ()
) -> Generator[Event, None, None]:
    """Return an iterator over the events of ``source``. Each comes when its bytes have come.

    Args:
        source: a bytes-like object; or an object with ``read1``, ``recv`` or ``read`` (a response of
            ``http.client`` or ``urllib``, a binary file, a pipe, a socket); or an iterable of bytes-like
            objects (``response.iter_bytes()``). If it is several of these, the first one counts. Its reads
            must wait until there are bytes.
        stream: the ChatStream to feed, if the caller needs it during or after the loop; None for a new one.
        body: an HTTPBody, if the source is a raw connection and the head of the response is still to come.
        broken: exception classes of the transport that mean a cut, e.g. ``(OSError, httpx.TransportError)``.

    A source is read to its end, also after ``Done``, so that its connection can be reused. A source with
    ``recv`` may never end, so reading stops after ``Done``, unless ``body`` knows the end of the response. A
    limit error stops the reading. The stream is closed after the last byte, and ``body`` at the end of the
    source. The source is not closed.

    Raises TypeError for any other source: at the call if possible, else when the source yields anything but
    bytes. Raises TypeError, too, for a wrong ``stream``, ``body`` or ``broken``, and RuntimeError if
    ``stream`` or ``body`` is closed already. Raises StreamError after the last event if
    ``stream.completion()`` does.

    If the source raises one of ``broken``, or ``body`` finds its response cut or unreadable, the stream is
    closed, its last events come, and then StreamError is raised from that exception. But if ``[DONE]`` had
    come, the exception is ignored. Any other exception of the source comes through unchanged, after the
    events that are complete. It leaves the stream open: feed it from elsewhere, or close it.
    """
    chunks: Iterable[Any]
    endless = False
    if _is_bytes_like(source):
        chunks = (source,)
    elif _is_no_source(source):
        raise _refusal(source, _EXPECTED)
    elif hasattr(source, "__aiter__") and not hasattr(source, "__iter__"):
        raise TypeError(f"{type(source).__name__} is an asynchronous source: use aiter_events()")
    elif hasattr(source, "encoding"):
        raise TypeError(f"{type(source).__name__} is a text file: open it with 'rb', or pass its .buffer")
    else:
        name = next((name for name in ("read1", "recv", "read") if hasattr(source, name)), None)
        if name is not None:
            chunks = _Reads(getattr(source, name))
            endless = name == "recv"
        elif hasattr(source, "__iter__"):
            chunks = source  # type: ignore[assignment]
        else:
            raise _refusal(source, _EXPECTED)
    return _events(chunks, _Feeding(stream, body, broken, endless))


def aiter_events(
    source: AsyncSource,
    stream: ChatStream | None = None,
    *,
    body: HTTPBody | None = None,
    broken: Broken = (),
) -> AsyncGenerator[Event, None]:
    """Return an asynchronous iterator over the events of ``source``. Each comes when its bytes have come.

    Args:
        source: a bytes-like object; or an object whose ``read(size)`` is awaitable
            (``asyncio.StreamReader``, ``response.content`` of aiohttp); or an asynchronous iterable of
            bytes-like objects (``response.aiter_bytes()`` of httpx). If it is several of these, the first
            one counts.
        stream, body, broken: as in ``iter_events``.

    Everything else is as in ``iter_events``. No task is started. If you may leave the loop early and the
    iterator must end then, wrap it in ``contextlib.aclosing``, like any asynchronous generator.
    """
    chunks: AsyncIterable[Any]
    if _is_bytes_like(source):
        return _as_async(iter_events(source, stream, body=body, broken=broken))  # type: ignore[arg-type]
    if _is_no_source(source):
        raise _refusal(source, _EXPECTED_ASYNC)
    if not hasattr(source, "__aiter__"):
        if any(hasattr(source, name) for name in ("__iter__", "read1", "recv")):
            raise TypeError(f"{type(source).__name__} is not an asynchronous source: use iter_events()")
        if not hasattr(source, "read"):
            raise _refusal(source, _EXPECTED_ASYNC)
    chunks = _Reads(source.read) if hasattr(source, "read") else source  # type: ignore[assignment]
    return _aevents(chunks, _Feeding(stream, body, broken, endless=False))


class _Reads:
    """An iterator that calls a read method until it returns no bytes."""

    __slots__ = ("_read",)

    def __init__(self, read: Any) -> None:
        self._read = read

    def __iter__(self) -> _Reads:
        return self

    def __next__(self) -> Any:
        data = self._read(_READ_BYTES)
        if data is None:
            raise TypeError(_NON_BLOCKING)
        if hasattr(data, "__await__"):
            if hasattr(data, "close"):
                data.close()  # otherwise Python warns that it was never awaited
            raise TypeError("the source's read is asynchronous: use aiter_events()")
        if not data:
            response: Any = getattr(self._read, "__self__", None)
            if hasattr(response, "isclosed") and getattr(response, "length", None) == 0:
                response.read()  # otherwise it does not release its connection: python/cpython#113199
            raise StopIteration
        return data

    def __aiter__(self) -> _Reads:
        return self

    async def __anext__(self) -> Any:
        reading = self._read(_READ_BYTES)
        if not hasattr(reading, "__await__"):
            raise TypeError("the source's read is not awaitable: use iter_events()")
        data = await reading
        if data is None:
            raise TypeError(_NON_BLOCKING)
        if not data:
            raise StopAsyncIteration
        return data


class _Feeding:
    """The part that the two loops share: it feeds the stream, and knows when and how the reading ended."""

    __slots__ = ("body", "broken", "cut", "endless", "stream")

    def __init__(
        self, stream: ChatStream | None, body: HTTPBody | None, broken: Broken, endless: bool
    ) -> None:
        self.stream = ChatStream() if stream is None else stream
        self.body = body
        self.broken = broken if isinstance(broken, tuple) else (broken,)
        self.endless = endless  # the source may not end after the answer (a socket)
        self.cut: BaseException | None = None  # the exception that ended the reading too early
        if not (hasattr(self.stream, "feed") and hasattr(self.stream, "completion")):
            raise TypeError(f"stream takes a ChatStream, not {type(stream).__name__}")
        if body is not None and not hasattr(body, "complete"):
            raise TypeError(f"body takes an HTTPBody, not {type(body).__name__}")
        for kind in self.broken:
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):  # pyright: ignore
                raise TypeError(f"broken takes exception classes, not {kind!r}")
        for reader in (self.stream, body):
            if reader is not None:
                reader.feed(b"")  # raises RuntimeError if it is closed

    def feed(self, chunk: Any) -> list[Event]:
        if self.body is not None:
            try:
                chunk = self.body.feed(chunk)
            except StreamError as reason:
                self.cut = reason
                return []
        return self.stream.feed(chunk)

    def is_over(self) -> bool:
        """Whether to stop reading."""
        errors = self.stream.errors
        if self.cut is not None or (errors and errors[-1].kind == "limit"):
            return True
        if self.body is None:
            return self.endless and self.stream.done
        has_length = any(name in ("content-length", "transfer-encoding") for name, _ in self.body.headers)
        return self.body.complete or (self.endless and self.stream.done and not has_length)

    def end(self) -> None:
        """The source has ended: check that the response of ``body`` has ended too."""
        if self.body is not None:
            try:
                self.body.close()
            except StreamError as reason:
                self.cut = reason

    def judge(self) -> None:
        """Raise StreamError if the answer is not whole, or if the source was cut before ``[DONE]``."""
        if self.cut is None or self.stream.done:
            self.stream.completion()
            return
        message = "the stream was cut before [DONE]"
        try:
            self.stream.completion()
        except StreamError as error:
            message = str(error)
        if isinstance(self.cut, StreamError):
            message = f"{message}; {self.cut}"
        raise StreamError(message, self.stream.errors, self.stream.snapshot()) from self.cut


def _events(chunks: Iterable[Any], feeding: _Feeding) -> Generator[Event, None, None]:
    source = iter(chunks)
    while not feeding.is_over():
        try:
            chunk = next(source)
        except StopIteration:
            feeding.end()
            break
        except feeding.broken as reason:
            feeding.cut = reason
            break
        yield from feeding.feed(chunk)
    yield from feeding.stream.close()
    feeding.judge()


async def _aevents(chunks: AsyncIterable[Any], feeding: _Feeding) -> AsyncGenerator[Event, None]:
    source = chunks.__aiter__()
    while not feeding.is_over():
        try:
            chunk = await source.__anext__()
        except StopAsyncIteration:
            feeding.end()
            break
        except feeding.broken as reason:
            feeding.cut = reason
            break
        for event in feeding.feed(chunk):
            yield event
    for event in feeding.stream.close():
        yield event
    feeding.judge()


async def _as_async(events: Iterable[Event]) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event


def _is_bytes_like(source: Any) -> bool:
    try:
        memoryview(source).release()
    except TypeError:
        return False
    return True


def _is_no_source(source: Any) -> bool:
    """Whether an object looks like a source but must be refused: text, a decoded body, a response object."""
    return isinstance(source, (str, dict)) or any(hasattr(source, name) for name in _RESPONSE_METHODS)


def _refusal(source: Any, expected: str) -> TypeError:
    return TypeError(f"{expected}, not {type(source).__name__}")
