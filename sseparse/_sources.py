# SPDX-License-Identifier: MIT
"""iter_events and aiter_events: the loop around ChatStream, for whatever can be read.

They know how to get bytes out of things (files, responses, sockets, iterables) and when to stop; all
else is ``ChatStream``'s. Sources are recognised by what they can do, so nothing of ``socket``, ``http``
or ``asyncio`` is imported, and nothing here opens, closes, buffers, or runs in the background.

What can be seen to be wrong is refused by the call itself: a generator function would wait for the
first ``next()``, which may be far from the mistake.
"""

from __future__ import annotations

from ._stream import ChatStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Generator,
        Iterable,
    )
    from typing import Any, Protocol, Union

    from ._events import Event
    from ._sse import BytesLike

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

_READ_BYTES = 65536  # at most, per read: what a pipe holds; more is one system call less for replays only

# A response object of an HTTP library cannot be read itself: its read() takes no size (httpx, aiohttp),
# or its iterator waits until 128 bytes are together (requests). It has one of these, in this order: the
# text of an httpx or requests response is a property that reads. No file, socket or StreamReader has any.
_RESPONSE_METHODS = ("iter_bytes", "iter_content", "text")

_EXPECTED = (
    "iter_events() takes bytes, a binary file, a socket, response.iter_bytes() (httpx),"
    " response.iter_content(None) (requests) or another iterable of bytes"
)
_EXPECTED_ASYNC = (
    "aiter_events() takes bytes, a StreamReader, response.aiter_bytes() (httpx),"
    " response.content (aiohttp) or another asynchronous iterable of bytes"
)


def iter_events(source: Source, stream: ChatStream | None = None) -> Generator[Event, None, None]:
    """Return an iterator over the events of ``source``, each as soon as its bytes are there.

    Args:
        source: the first of these that it is: a bytes-like; an object with ``read1``, ``recv`` or
            ``read`` (a response of ``http.client`` or ``urllib``, a binary file, a pipe, a socket); an
            iterable of bytes-likes (``response.iter_bytes()``). It must block until there is something.
        stream: the ChatStream to feed, to be read during and after; a new one if None.

    A source is read to its end, also after ``Done``, so that its connection can be reused; but one with
    ``recv`` may never end, so it is read no further then. A limit error stops the reading. Nothing is
    closed but the stream, after the last byte.

    Raises TypeError for any other source, at once where that can be seen, else when it yields something
    else than bytes; RuntimeError if ``stream`` is closed already; after the last event StreamError where
    ``stream.completion()`` does. An exception of the source comes through unchanged, after the events
    already complete, and leaves the stream open: feed it from elsewhere, or close it.
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
    return _events(chunks, _opened(stream), endless)


def aiter_events(source: AsyncSource, stream: ChatStream | None = None) -> AsyncGenerator[Event, None]:
    """Return an asynchronous iterator over the events of ``source``, each as soon as its bytes are there.

    Args:
        source: the first of these that it is: a bytes-like; an object whose ``read(size)`` is awaitable
            (``asyncio.StreamReader``, ``response.content`` of aiohttp); an asynchronous iterable of
            bytes-likes (``response.aiter_bytes()`` of httpx).
        stream: the ChatStream to feed, to be read during and after; a new one if None.

    All else is as in ``iter_events``. No task is started. Whoever may leave the loop early and cares
    when the iterator ends wraps it in ``contextlib.aclosing``, as any asynchronous generator.
    """
    chunks: AsyncIterable[Any]
    if _is_bytes_like(source):
        return _at_once(iter_events(source, stream))  # type: ignore[arg-type]
    if _is_no_source(source):
        raise _refusal(source, _EXPECTED_ASYNC)
    if not hasattr(source, "__aiter__"):
        if any(hasattr(source, name) for name in ("__iter__", "read1", "recv")):
            raise TypeError(f"{type(source).__name__} is no asynchronous source: use iter_events()")
        if not hasattr(source, "read"):
            raise _refusal(source, _EXPECTED_ASYNC)
    chunks = _Reads(source.read) if hasattr(source, "read") else source  # type: ignore[assignment]
    return _aevents(chunks, _opened(stream))


class _Reads:
    """The chunks that repeated calls of a read method give, up to the empty one."""

    __slots__ = ("_read",)

    def __init__(self, read: Any) -> None:
        self._read = read

    def __iter__(self) -> _Reads:
        return self

    def __next__(self) -> Any:
        data = self._read(_READ_BYTES)
        if data is None:
            raise TypeError("the source is non-blocking, its read returned None: feed a ChatStream instead")
        if hasattr(data, "__await__"):
            if hasattr(data, "close"):
                data.close()  # or Python warns that it was never awaited
            raise TypeError("the source's read is asynchronous: use aiter_events()")
        if not data:
            response: Any = getattr(self._read, "__self__", None)
            if hasattr(response, "isclosed") and getattr(response, "length", None) == 0:
                response.read()  # or it does not let go of its connection: python/cpython#113199
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
            raise TypeError("the source is non-blocking, its read returned None: feed a ChatStream instead")
        if not data:
            raise StopAsyncIteration
        return data


def _events(chunks: Iterable[Any], stream: ChatStream, endless: bool) -> Generator[Event, None, None]:
    if not _is_over(stream, endless):
        for chunk in chunks:
            yield from stream.feed(chunk)
            if _is_over(stream, endless):
                break
    yield from stream.close()
    stream.completion()


async def _aevents(chunks: AsyncIterable[Any], stream: ChatStream) -> AsyncGenerator[Event, None]:
    if not _is_over(stream, False):
        async for chunk in chunks:
            for event in stream.feed(chunk):
                yield event
            if _is_over(stream, False):
                break
    for event in stream.close():
        yield event
    stream.completion()


async def _at_once(events: Iterable[Event]) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event


def _is_over(stream: ChatStream, endless: bool) -> bool:
    """Whether nothing more is to be read: after a limit error, or after ``[DONE]`` if no end can come."""
    errors = stream.errors
    return (endless and stream.done) or (bool(errors) and errors[-1].kind == "limit")


def _opened(stream: ChatStream | None) -> ChatStream:
    stream = ChatStream() if stream is None else stream
    stream.feed(b"")  # raises if it is closed
    return stream


def _is_bytes_like(source: Any) -> bool:
    try:
        memoryview(source).release()
    except TypeError:
        return False
    return True


def _is_no_source(source: Any) -> bool:
    """Whether it has what a source has, and is none: text, a decoded body, a response object."""
    return isinstance(source, (str, dict)) or any(hasattr(source, name) for name in _RESPONSE_METHODS)


def _refusal(source: Any, expected: str) -> TypeError:
    return TypeError(f"{expected}, not {type(source).__name__}")
