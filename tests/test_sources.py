# SPDX-License-Identifier: MIT
"""iter_events and aiter_events with real sources: files, pipes, sockets, responses, streams.

Events must come as soon as their bytes were written. So each piece is written only after the events of the
piece before it have come: a reader that waits for more bytes waits forever. A test that waits for a minute
ends the whole run with a traceback.
"""

from __future__ import annotations

import array
import asyncio
import faulthandler
import gc
import http.client
import inspect
import io
import mmap
import os
import pathlib
import socket
import sys
import tempfile
import threading
import unittest
import urllib.request
import warnings
import zipfile
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests import sseparse

ChatStream, StreamError = sseparse.ChatStream, sseparse.StreamError
iter_events, aiter_events = sseparse.iter_events, sseparse.aiter_events

TIMEOUT = 60  # seconds after which something hangs

HELLO = b'data: {"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
WORLD = b'data: {"choices":[{"index":0,"delta":{"content":" world"}}]}\r\n\r\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"

# Pieces of a body, and the events that are complete with each.
PIECES = (
    (HELLO[:30], []),
    (HELLO[30:], [sseparse.Start("c", "m", 1), sseparse.ContentDelta(0, "Hello")]),
    (b": ping\n\n", []),
    (WORLD[:-1], [sseparse.ContentDelta(0, " world")]),
    (WORLD[-1:] + STOP, []),
    (
        DONE,
        [sseparse.ContentDone(0, "Hello world"), sseparse.ChoiceDone(0, "stop"), sseparse.Done()],
    ),
)
CHUNKS = [piece for piece, _ in PIECES]
BODY = b"".join(CHUNKS)
EVENTS = [event for _, events in PIECES for event in events]
BEGUN = EVENTS[:2]  # the events of HELLO
LATER = b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n'  # usage after [DONE]
LATER_EVENTS = [sseparse.Usage({"total_tokens": 3})]


class Boom(Exception):
    """An exception that only a source raises."""


class Hanging(unittest.TestCase):
    """The base of all tests here: a test that hangs fails, and so does a warning in a destructor."""

    def setUp(self) -> None:
        faulthandler.dump_traceback_later(TIMEOUT, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)
        unraisable: list[object] = []
        self.addCleanup(self.assertEqual, unraisable, [])
        self.addCleanup(setattr, sys, "unraisablehook", sys.unraisablehook)
        sys.unraisablehook = lambda args: unraisable.append(args.exc_value)
        catching = warnings.catch_warnings()
        catching.__enter__()
        self.addCleanup(catching.__exit__, None, None, None)
        warnings.simplefilter("error")
        self.addCleanup(gc.collect)  # the first of these to run

    def collect(self, source, stream=None):
        """Return the events before the exception, and the exception."""
        events = iter_events(source, stream)
        seen = []
        while True:
            try:
                seen.append(next(events))
            except StopIteration:
                return seen, None
            except Exception as error:
                return seen, error

    def check_live(self, source, write) -> None:
        """Write each piece only after the events of the piece before it have come."""
        stream = ChatStream()
        events = iter_events(source, stream)
        for piece, expected in PIECES:
            write(piece)
            self.assertEqual([next(events) for _ in expected], expected)
        write(b"")
        self.assertEqual(list(events), [])
        self.assertTrue(stream.closed)
        self.assertEqual(stream.completion(), sseparse.parse(BODY))

    async def check_live_async(self, source, write) -> None:
        stream = ChatStream()
        events = aiter_events(source, stream)
        for piece, expected in PIECES:
            await write(piece)
            self.assertEqual([await events.__anext__() for _ in expected], expected)
        await write(b"")
        self.assertEqual([event async for event in events], [])
        self.assertEqual(stream.completion(), sseparse.parse(BODY))


# -- a server on loopback -------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """Sends each piece that the test puts as one chunk; ``b""`` is the end. The path selects the framing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.connections.add(self.client_address)
        framing = self.path[1:]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if framing == "length":
            self.send_header("Content-Length", str(len(BODY)))
        elif framing == "until-close":
            self.send_header("Connection", "close")
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.server.permits.acquire(timeout=TIMEOUT)
            piece = self.server.pieces.pop(0)
            if framing == "chunked" or (framing == "cut" and piece):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            elif framing == "cut":
                self.close_connection = True
            else:
                self.wfile.write(piece)
            if not piece:
                self.server.ended.release()
                return

    def log_message(self, format, *args) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.permits = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.pieces: list[bytes] = []
        self.connections: set[object] = set()
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def put(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.permits.release()


class OverHTTP(Hanging):
    def setUp(self) -> None:
        super().setUp()
        self.server = Server()
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=TIMEOUT)
        self.addCleanup(self.connection.close)

    def get(self, path: str) -> http.client.HTTPResponse:
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        self.addCleanup(response.close)
        return response

    def test_http_client(self) -> None:
        for framing in ("/chunked", "/length", "/until-close"):
            with self.subTest(framing):
                self.check_live(self.get(framing), self.server.put)
                self.connection.close()
                self.server.ended.acquire(timeout=TIMEOUT)  # or the next test takes this end

    def test_urllib(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for framing in ("chunked", "until-close"):
            with self.subTest(framing), opener.open(self.server.url + framing, timeout=TIMEOUT) as response:
                self.check_live(response, self.server.put)
                self.server.ended.acquire(timeout=TIMEOUT)

    def test_the_connection_is_reused(self) -> None:
        for _ in range(2):  # [DONE] and the end of the body come separately, and both are awaited
            for piece in (*CHUNKS, LATER, b""):
                self.server.put(piece)
            self.assertEqual(list(iter_events(self.get("/chunked"))), EVENTS + LATER_EVENTS)
        for _ in range(2):
            for piece in (*CHUNKS, b""):
                self.server.put(piece)
            self.assertEqual(list(iter_events(self.get("/length"))), EVENTS)
        self.assertEqual(len(self.server.connections), 1)

    def test_a_connection_that_drops_is_the_clients_error(self) -> None:
        self.server.put(HELLO)
        self.server.put(b"")
        stream = ChatStream()
        seen, error = self.collect(self.get("/cut"), stream)
        self.assertIsInstance(error, http.client.IncompleteRead)
        self.assertEqual(seen, BEGUN)
        self.assertFalse(stream.closed)


# -- files, pipes, sockets ------------------------------------------------------------------------------


class FromDescriptors(Hanging):
    def pipe(self, buffering: int):
        """Return the reading end as a file, and a function that writes to the other (``b""`` closes)."""
        read, write = os.pipe()
        file = os.fdopen(read, "rb", buffering)
        self.addCleanup(file.close)
        return file, lambda piece: os.write(write, piece) if piece else os.close(write)

    def test_pipe(self) -> None:
        for buffering in (-1, 0):
            with self.subTest(buffering=buffering):
                self.check_live(*self.pipe(buffering))

    def test_socket(self) -> None:
        here, there = socket.socketpair()
        with here, there:
            self.check_live(here, lambda piece: there.sendall(piece) if piece else there.close())

    def test_a_socket_is_not_read_after_done(self) -> None:
        here, there = socket.socketpair()
        with here, there:
            there.sendall(BODY)  # and the connection stays open
            self.assertEqual(list(iter_events(here)), EVENTS)
            there.sendall(b"next")
            self.assertEqual(here.recv(10), b"next")
            stream = ChatStream()
            stream.feed(BODY)
            self.assertEqual(list(iter_events(here, stream)), [])

    def test_a_socket_that_closes_without_done(self) -> None:
        here, there = socket.socketpair()
        with here:
            with there:
                there.sendall(HELLO + STOP)
            self.assertEqual([event.type for event in iter_events(here)][-1], "choice.done")

    def test_reading_goes_on_after_a_timeout_of_the_socket(self) -> None:
        here, there = socket.socketpair()
        with here, there:
            here.settimeout(0.01)
            there.sendall(HELLO)
            stream = ChatStream()
            seen, error = self.collect(here, stream)
            self.assertIsInstance(error, socket.timeout)
            there.sendall(BODY[len(HELLO) :])
            seen.extend(iter_events(here, stream))
            self.assertEqual(seen, EVENTS)

    def test_binary_file(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "answer.sse")
            path.write_bytes(BODY)
            for buffering in (-1, 0):
                with path.open("rb", buffering) as file:
                    self.assertEqual(list(iter_events(file)), EVENTS)
                    self.assertFalse(file.closed)
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                self.assertEqual(list(iter_events(mapped)), EVENTS)
            with urllib.request.urlopen(path.as_uri()) as response:
                self.assertEqual(list(iter_events(response)), EVENTS)
            with zipfile.ZipFile(pathlib.Path(folder, "zip"), "w") as archive:
                archive.writestr("body", BODY)
                with archive.open("body") as member:
                    self.assertEqual(list(iter_events(member)), EVENTS)
            with path.open("r", encoding="utf-8") as file:
                with self.assertRaisesRegex(TypeError, "TextIOWrapper is a text file: open it with"):
                    iter_events(file)
                self.assertEqual(list(iter_events(file.buffer)), EVENTS)

    def test_a_file_longer_than_one_read(self) -> None:
        text = "x" * 300_000
        body = b'data: {"choices":[{"delta":{"content":"%s"},"finish_reason":"stop"}]}\n\n' % text.encode()
        stream = ChatStream()
        self.assertEqual(len(list(iter_events(io.BytesIO(body * 3), stream))), 1 + 3 + 2)
        self.assertEqual(stream.text(), text * 3)

    def test_a_non_blocking_source_is_refused(self) -> None:
        file, write = self.pipe(0)
        os.set_blocking(file.fileno(), False)
        write(HELLO)
        seen, error = self.collect(file)
        self.assertEqual(seen, BEGUN)
        self.assertIsInstance(error, TypeError)
        self.assertRegex(str(error), "^the source is non-blocking, its read returned None: feed a ChatStream")
        write(b"")


# -- things in memory -----------------------------------------------------------------------------------


class Recorder:
    """A source with the given methods. Each method records its name and returns the next chunk."""

    def __init__(self, chunks, *names) -> None:
        self.chunks = iter(chunks)
        self.calls: list[str] = []
        for name in names:
            setattr(self, name, lambda size, name=name: self.take(name))

    def take(self, name: str) -> bytes:
        self.calls.append(name)
        return next(self.chunks, b"")


class InMemory(Hanging):
    def test_bytes_likes(self) -> None:
        striped = bytearray(2 * len(BODY))
        striped[::2] = BODY
        likes = (BODY, bytearray(BODY), memoryview(BODY), memoryview(striped)[::2], array.array("B", BODY))
        for source in likes:
            with self.subTest(type(source).__name__):
                self.assertEqual(list(iter_events(source)), EVENTS)

    def test_iterables(self) -> None:
        likes = [memoryview(bytearray(chunk)) for chunk in CHUNKS]
        for source in (CHUNKS, tuple(CHUNKS), iter(CHUNKS), likes, Both()):
            self.assertEqual(list(iter_events(source)), EVENTS)

    def test_an_empty_chunk_is_not_the_end(self) -> None:
        self.assertEqual(list(iter_events([HELLO, b"", BODY[len(HELLO) :]])), EVENTS)

    def test_a_generator_is_asked_no_earlier_than_needed(self) -> None:
        written = []

        def source():
            for piece in CHUNKS:
                written.append(piece)
                yield piece

        events = iter_events(source())
        self.assertEqual(written, [])
        seen = 0
        for count, (_, expected) in enumerate(PIECES, 1):
            for event in expected:
                self.assertEqual(next(events), event)
                self.assertEqual(len(written), count)
                seen += 1
        self.assertEqual(list(events), [])
        self.assertEqual(seen, len(EVENTS))

    def test_which_method_is_called(self) -> None:
        for names, called in (
            (("read1", "recv", "read"), "read1"),
            (("read", "recv"), "recv"),
            (("read", "__iter__"), "read"),
        ):
            source = Recorder(CHUNKS, *names)
            self.assertEqual(list(iter_events(source)), EVENTS)
            self.assertEqual(source.calls, [called] * (len(CHUNKS) + (called != "recv")))

    def test_all_sources_but_sockets_are_read_to_the_end(self) -> None:
        for name, expected in (("read1", LATER_EVENTS), ("read", LATER_EVENTS), ("recv", [])):
            source = Recorder([*CHUNKS, LATER], name)
            self.assertEqual(list(iter_events(source)), EVENTS + expected)
        self.assertEqual(list(iter_events([*CHUNKS, LATER])), EVENTS + LATER_EVENTS)

    def test_a_source_and_an_iterator_used_twice(self) -> None:
        self.assertEqual(list(iter_events(CHUNKS)), list(iter_events(CHUNKS)))
        events = iter_events(CHUNKS)
        self.assertEqual((list(events), list(events)), (EVENTS, []))


# -- how it ends ----------------------------------------------------------------------------------------


class Endings(Hanging):
    def test_a_stream_of_the_caller(self) -> None:
        stream = ChatStream()
        texts = [stream.text() for event in iter_events(CHUNKS, stream) if event.type == "content.delta"]
        self.assertEqual(texts, ["Hello", "Hello world"])
        self.assertEqual((stream.closed, stream.done, stream.finish_reason()), (True, True, "stop"))
        with self.assertRaisesRegex(RuntimeError, "close"):
            iter_events(CHUNKS, stream)
        with self.assertRaisesRegex(RuntimeError, "close"):
            aiter_events(CHUNKS[0], stream)

    def test_a_stream_that_was_fed_before(self) -> None:
        stream = ChatStream()
        seen = stream.feed(BODY[:40])
        seen.extend(iter_events(BODY[40:], stream))
        self.assertEqual(seen, EVENTS)

    def test_empty(self) -> None:
        for source in (b"", [], [b""], io.BytesIO(), iter(())):
            stream = ChatStream()
            seen, error = self.collect(source, stream)
            self.assertEqual([event.kind for event in seen], ["truncated"])
            self.assertIsInstance(error, StreamError)
            self.assertEqual(error.errors, seen)
            self.assertTrue(stream.truncated)

    def test_cut(self) -> None:
        seen, error = self.collect([HELLO, WORLD])
        self.assertEqual(
            [event.type for event in seen],
            ["start", "content.delta", "content.delta", "content.done", "choice.done", "error"],
        )
        self.assertIsInstance(error, StreamError)
        self.assertEqual(error.snapshot["choices"][0]["message"]["content"], "Hello world")

    def test_an_error_is_raised_after_the_last_event(self) -> None:
        body = [HELLO, b'data: {"error":{"message":"overloaded","code":529}}\n\n', *CHUNKS[2:]]
        seen, error = self.collect(body)
        self.assertEqual(seen[2].as_dict()["message"], "overloaded")
        self.assertEqual([*seen[:2], *seen[3:]], EVENTS)
        self.assertRegex(str(error), "overloaded")
        self.assertIsInstance(error, StreamError)

    def test_a_source_that_raises(self) -> None:
        boom = Boom()

        def source():
            yield HELLO + WORLD[:20]
            raise boom

        stream = ChatStream()
        seen, error = self.collect(source(), stream)
        self.assertEqual(seen, BEGUN)
        self.assertIs(error, boom)
        self.assertEqual((error.__cause__, error.__context__), (None, None))
        self.assertEqual((stream.closed, stream.truncated, stream.errors), (False, False, []))
        seen.extend(iter_events([WORLD[20:], STOP, DONE], stream))
        self.assertEqual(seen, EVENTS)

    def test_a_read_that_raises(self) -> None:
        def failing():
            yield HELLO
            raise boom

        boom = OSError("reset")
        seen, error = self.collect(Recorder(failing(), "read"))
        self.assertEqual(seen, BEGUN)
        self.assertIs(error, boom)

    def test_a_limit_ends_the_reading(self) -> None:
        def source():
            yield BODY
            raise AssertionError("read on")

        for limits in ({"max_total_bytes": len(HELLO)}, {"max_event_bytes": len(HELLO) - 5}):
            generator = source()
            stream = ChatStream(**limits)
            seen, error = self.collect(generator, stream)
            self.assertIsInstance(error, StreamError)
            self.assertEqual([event.kind for event in error.errors], ["limit"])
            self.assertEqual(inspect.getgeneratorstate(generator), "GEN_SUSPENDED")  # not closed by us
            reader = Recorder([HELLO, WORLD], "read")
            stream = ChatStream(**limits)
            stream.feed(BODY)
            seen, error = self.collect(reader, stream)
            self.assertIsInstance(error, StreamError)
            self.assertEqual((reader.calls, "error" in [event.type for event in seen]), ([], False))

    def test_a_stream_that_the_caller_closes(self) -> None:
        stream = ChatStream()
        events = iter_events(CHUNKS, stream)
        next(events)
        stream.close()
        with self.assertRaisesRegex(RuntimeError, r"bytes after close\(\)"):
            list(events)


class BothWays(Hanging):
    """Runs each test for iter_events and for aiter_events."""

    def outcomes(self, pieces, error, **options):
        """Yield, for each function, its events, its exception and its stream.

        The source gives the pieces and then raises the error, if there is one. ``body`` is a function that
        makes one.
        """
        for name in ("iter_events", "aiter_events"):
            stream, seen = ChatStream(), []
            given = {key: value() if key == "body" else value for key, value in options.items()}

            def source():
                yield from pieces
                if error is not None:
                    raise error

            async def asource(source=source):
                for piece in source():
                    yield piece

            async def collect(seen=seen, stream=stream, asource=asource, given=given):
                async for event in aiter_events(asource(), stream, **given):
                    seen.append(event)

            raised = None
            try:
                if name == "iter_events":
                    for event in iter_events(source(), stream, **given):
                        seen.append(event)  # noqa: PERF402 (it may raise in the middle)
                else:
                    asyncio.run(collect())
            except Exception as reason:
                raised = reason
            with self.subTest(name):
                yield seen, raised, stream


class Broken(BothWays):
    """``broken=``: the exceptions of the transport that mean a cut."""

    KINDS = (Boom, (Boom,), (OSError, Boom), (Exception,))

    def test_a_cut(self) -> None:
        for broken in self.KINDS:
            boom = Boom("reset")
            for seen, raised, stream in self.outcomes([HELLO, WORLD[:20]], boom, broken=broken):
                expected = ChatStream()
                events = expected.feed(HELLO + WORLD[:20]) + expected.close()
                self.assertEqual(seen, events)
                self.assertEqual(seen[-1].kind, "truncated")
                self.assertTrue(stream.closed and stream.truncated)
                self.assertIsInstance(raised, StreamError)
                self.assertIs(raised.__cause__, boom)
                self.assertEqual((raised.errors, raised.snapshot), (stream.errors, stream.snapshot()))
                with self.assertRaises(StreamError) as caught:
                    expected.completion()
                self.assertEqual(str(raised), str(caught.exception))

    def test_no_error_after_done(self) -> None:
        for broken in self.KINDS:
            for seen, raised, stream in self.outcomes([BODY, LATER], Boom(), broken=broken):
                self.assertEqual((seen, raised), (EVENTS + LATER_EVENTS, None))
                self.assertTrue(stream.closed and stream.done)

    def test_done_does_not_hide_what_the_server_said(self) -> None:
        said = b'data: {"error":{"message":"overloaded"}}\n\n'
        for _, raised, _ in self.outcomes([HELLO, said, STOP, DONE], Boom(), broken=Boom):
            self.assertEqual(str(raised), "server error in frame 1: overloaded")
            self.assertIsNone(raised.__cause__)

    def test_after_a_finish_reason_without_done(self) -> None:
        boom = Boom()
        for seen, raised, stream in self.outcomes([HELLO, STOP], boom, broken=Boom):
            self.assertEqual([event.type for event in seen][-2:], ["content.done", "choice.done"])
            self.assertEqual((stream.finished, stream.truncated, stream.errors), (True, False, []))
            self.assertEqual(str(raised), "the stream was cut before [DONE]")
            self.assertIs(raised.__cause__, boom)
            self.assertEqual(raised.snapshot, stream.snapshot())

    def test_before_anything(self) -> None:
        for seen, raised, _ in self.outcomes([], Boom(), broken=Boom):
            self.assertEqual([event.kind for event in seen], ["truncated"])
            self.assertIsInstance(raised, StreamError)

    def test_other_exceptions_come_through(self) -> None:
        for broken in ((), OSError, (KeyError, OSError)):
            boom = Boom()
            for seen, raised, stream in self.outcomes([HELLO], boom, broken=broken):
                self.assertEqual((seen, stream.closed), (BEGUN, False))
                self.assertIs(raised, boom)

    def test_a_mistake_of_the_caller_is_not_a_cut(self) -> None:
        for seen, raised, _ in self.outcomes([HELLO, "text"], None, broken=Exception):
            self.assertEqual(seen, BEGUN)
            self.assertIsInstance(raised, TypeError)

    def test_an_exception_of_the_loop_body_is_not_a_cut(self) -> None:
        events = iter_events([HELLO, WORLD], broken=Exception)
        next(events)
        with self.assertRaises(Boom):
            events.throw(Boom())

    def test_a_read_and_a_socket(self) -> None:
        def failing():
            yield HELLO
            raise ConnectionResetError("reset")

        for method in ("read1", "recv", "read"):
            with self.assertRaises(StreamError) as caught:
                list(iter_events(Recorder(failing(), method), broken=OSError))
            self.assertIsInstance(caught.exception.__cause__, ConnectionResetError)

    def test_misuse(self) -> None:
        for broken in (OSError(), "OSError", (OSError, 5), [OSError], None, (int,), ((OSError,),)):
            with self.subTest(broken):
                with self.assertRaisesRegex(TypeError, "^broken takes exception classes, not "):
                    iter_events(CHUNKS, broken=broken)
                with self.assertRaisesRegex(TypeError, "^broken takes exception classes, not "):
                    aiter_events(pieces([]), broken=broken)


def response(*chunks: bytes, head: bytes = b"Transfer-Encoding: chunked", end: bytes = b"0\r\n\r\n") -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + framed + end


class RawConnections(BothWays):
    """``body=``: an HTTPBody between a raw connection and the stream."""

    WIRES = (
        response(*CHUNKS),
        response(end=BODY, head=b"Content-Length: %d" % len(BODY)),
        response(end=BODY, head=b"Connection: close"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + response(BODY),
    )

    def test_a_whole_response(self) -> None:
        for wire in self.WIRES:
            for size in (1, 7, len(wire)):
                pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
                for seen, raised, stream in self.outcomes(pieces, None, body=sseparse.HTTPBody):
                    self.assertEqual((seen, raised), (EVENTS, None))
                    self.assertTrue(stream.closed)

    def test_the_body_object_is_the_callers(self) -> None:
        body = sseparse.HTTPBody()
        self.assertEqual(list(iter_events(response(BODY), body=body)), EVENTS)
        self.assertEqual((body.status, body.complete), (200, True))

    def test_nothing_is_read_after_the_end_of_the_response(self) -> None:
        def connection(wire):
            yield wire
            raise AssertionError("read on")

        for wire in self.WIRES[:2]:
            for method in ("read1", "recv", "read"):
                source = Recorder(connection(wire + b"HTTP/1.1 200 OK"), method)
                self.assertEqual(list(iter_events(source, body=sseparse.HTTPBody())), EVENTS)
            for seen, raised, _ in self.outcomes([wire], AssertionError("read on"), body=sseparse.HTTPBody
            ):
                self.assertEqual((seen, raised), (EVENTS, None))

    def test_a_socket_is_read_to_the_end_of_a_framed_response(self) -> None:
        # The response is read to its end, so that the connection can be reused. If only a close ends the
        # response, Done ends the reading.
        for wire, reads in (
            (response(BODY, LATER), 3),
            (response(end=BODY + LATER, head=b"Content-Length: %d" % len(BODY + LATER)), 3),
            (response(end=BODY + LATER, head=b"Connection: close"), 1),
        ):
            at = wire.index(DONE) + len(DONE)
            source = Recorder([wire[:at], wire[at : at + 9], wire[at + 9 :]], "recv")
            seen = list(iter_events(source, body=sseparse.HTTPBody()))
            self.assertEqual(seen, EVENTS + LATER_EVENTS * (reads == 3))
            self.assertEqual(len(source.calls), reads)

    def test_a_cut(self) -> None:
        wire = response(HELLO, WORLD)
        for end in (len(wire) - 5, len(wire) - 20, wire.index(b"Hello"), 20, 0):
            for seen, raised, stream in self.outcomes([wire[:end]], None, body=sseparse.HTTPBody):
                self.assertTrue(stream.closed)
                self.assertEqual(seen[-1].type, "error")
                self.assertIsInstance(raised, StreamError)
                self.assertIsInstance(raised.__cause__, StreamError)
                says = r"^truncated error.*; The HTTP response was cut in its .*: ask again"
                self.assertRegex(str(raised), says)
                self.assertEqual((raised.errors, raised.snapshot), (stream.errors, stream.snapshot()))

    def test_a_cut_after_the_finish_reason(self) -> None:
        wire = response(HELLO, STOP, end=b"")
        for seen, raised, _ in self.outcomes([wire], None, body=sseparse.HTTPBody):
            self.assertEqual(seen[-1].type, "choice.done")
            says = r"^the stream was cut before \[DONE\]; The HTTP response was cut in its"
            self.assertRegex(str(raised), says)

    def test_a_cut_after_done(self) -> None:
        for end in (b"", b"0\r\n", b"no size\r\n"):
            for seen, raised, _ in self.outcomes([response(BODY, end=end)], None, body=sseparse.HTTPBody
            ):
                self.assertEqual((seen, raised), (EVENTS, None))

    def test_a_response_that_cannot_be_read(self) -> None:
        for wire, says in (
            (BODY, "does not begin with HTTP/1"),
            (response(head=b"Content-Encoding: gzip"), "has content-encoding 'gzip'"),
            (response(HELLO, end=b"no size\r\n"), "has a wrong chunk size"),
        ):
            for _, raised, stream in self.outcomes([wire], None, body=sseparse.HTTPBody):
                self.assertTrue(stream.closed)
                self.assertRegex(str(raised), f"; The HTTP response {says}")

    def test_with_broken(self) -> None:
        wire = response(HELLO, end=b"")
        boom = Boom()
        for seen, raised, _ in self.outcomes([wire], boom, body=sseparse.HTTPBody, broken=Boom):
            self.assertEqual(seen[:2], BEGUN)
            self.assertIs(raised.__cause__, boom)

    def test_a_limit_is_not_a_cut(self) -> None:
        stream = ChatStream(max_total_bytes=len(HELLO))
        with self.assertRaises(StreamError) as caught:
            list(iter_events([response(BODY)], stream, body=sseparse.HTTPBody()))
        self.assertRegex(str(caught.exception), "^limit error: ")
        self.assertNotIn("HTTP", str(caught.exception))

    def test_an_error_in_the_body(self) -> None:
        said = b'{"error":{"message":"bad key","code":401}}'
        for wire in (response(said), response(end=said, head=b"Content-Length: %d" % len(said))):
            for _, raised, _ in self.outcomes([wire], None, body=sseparse.HTTPBody):
                self.assertRegex(str(raised), r"^server error in frame 0: bad key \(code 401\)$")

    def test_over_a_real_connection(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(response(*CHUNKS))  # and stays open
            self.assertEqual(list(iter_events(ours, body=sseparse.HTTPBody())), EVENTS)

    def test_misuse(self) -> None:
        closed = sseparse.HTTPBody()
        with suppress(StreamError):
            closed.close()
        for function, source in ((iter_events, CHUNKS), (aiter_events, pieces([]))):
            for stream in (OSError, 5, sseparse.ChatAssembler(), sseparse.SSEDecoder()):
                says = f"^stream takes a ChatStream, not {type(stream).__name__}$"
                with self.assertRaisesRegex(TypeError, says):
                    function(source, stream)
            for body in (BODY, "body", 5, ChatStream()):
                says = f"^body takes an HTTPBody, not {type(body).__name__}$"
                with self.assertRaisesRegex(TypeError, says):
                    function(source, body=body)
            with self.assertRaisesRegex(RuntimeError, r"bytes after close\(\): make a new HTTPBody"):
                function(source, body=closed)
            with self.assertRaises(TypeError):
                function(source, None, sseparse.HTTPBody())  # by name only


class Abandoned(Hanging):
    def test_break(self) -> None:
        ended = []

        def source():
            try:
                yield from CHUNKS
            finally:
                ended.append(True)

        threads = threading.active_count()
        generator = source()
        stream = ChatStream()
        for _ in iter_events(generator, stream):
            break
        gc.collect()
        self.assertEqual((ended, stream.closed), ([], False))  # the generator is the caller's, and goes on
        self.assertEqual(next(generator), CHUNKS[2])
        for _ in iter_events(source()):
            break
        del generator
        gc.collect()  # CPython does not need it, PyPy does
        self.assertEqual(ended, [True, True])
        self.assertEqual(threading.active_count(), threads)

    def test_closing(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(BODY * 100)
            file.seek(0)
            with closing(iter_events(file)) as events:
                self.assertEqual(next(events), EVENTS[0])
            self.assertEqual(list(events), [])
            self.assertFalse(file.closed)

    def test_async(self) -> None:
        ended = []

        async def source():
            try:
                for piece in CHUNKS:
                    yield piece
            finally:
                ended.append(True)

        async def main() -> None:
            tasks = asyncio.all_tasks()
            async for _ in aiter_events(source()):
                self.assertEqual(asyncio.all_tasks(), tasks)
                break
            gc.collect()
            for _ in range(10):  # the loop closes abandoned generators in its next turns
                await asyncio.sleep(0)
            self.assertEqual(ended, [True])
            self.assertEqual(asyncio.all_tasks(), tasks)
            events = aiter_events(BODY)
            self.assertEqual(await events.__anext__(), EVENTS[0])
            await events.aclose()
            self.assertEqual([event async for event in events], [])
            self.assertEqual(asyncio.all_tasks(), tasks)

        asyncio.run(main())


# -- asynchronous sources -------------------------------------------------------------------------------


class AsyncRecorder:
    """An asynchronous file with ``read(size)``. Iterating over its lines fails the test."""

    def __init__(self, chunks) -> None:
        self.chunks = iter(chunks)

    async def read(self, size: int) -> bytes:
        await asyncio.sleep(0)
        return next(self.chunks, b"")

    def __aiter__(self):
        raise AssertionError("iterated")


class Both:
    """A source for both loops, as the byte streams of httpx are."""

    def __iter__(self):
        return iter(CHUNKS)

    def __aiter__(self):
        return pieces(CHUNKS)


async def pieces(chunks):
    for chunk in chunks:
        await asyncio.sleep(0)
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


class Asynchronous(Hanging):
    async def collect_async(self, source, stream=None):
        seen = []
        try:
            async for event in aiter_events(source, stream):
                seen.append(event)
        except Exception as error:
            return seen, error
        return seen, None

    def run_all(self, *tests) -> None:
        async def main() -> None:
            for test in tests:
                await asyncio.wait_for(test, TIMEOUT)

        asyncio.run(main())

    def test_stream_reader_over_loopback(self) -> None:
        async def main() -> None:
            connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

            async def serve(reader, writer) -> None:
                connected.set_result(writer)

            async def write(piece: bytes) -> None:
                writer.write(piece)
                await writer.drain()
                if not piece:
                    writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, client = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer = await connected
            await self.check_live_async(reader, write)
            client.close()
            server.close()
            for ending in (writer, client):
                with suppress(ConnectionError):
                    await ending.wait_closed()
            await server.wait_closed()

        self.run_all(main())

    def test_async_generator(self) -> None:
        async def main() -> None:
            queue: asyncio.Queue[bytes] = asyncio.Queue()

            async def source():
                while True:
                    piece = await queue.get()
                    if not piece:
                        return
                    yield piece

            await self.check_live_async(source(), queue.put)

        self.run_all(main())

    def test_the_same_events(self) -> None:
        async def main() -> None:
            likes = (BODY, bytearray(BODY), memoryview(BODY))
            for source in (*likes, pieces(CHUNKS), AsyncRecorder(CHUNKS), Both()):
                self.assertEqual(await self.collect_async(source), (EVENTS, None))
            for source in (pieces([*CHUNKS, LATER]), AsyncRecorder([*CHUNKS, LATER])):
                self.assertEqual(await self.collect_async(source), (EVENTS + LATER_EVENTS, None))

        self.run_all(main())

    def test_a_source_that_raises(self) -> None:
        async def main() -> None:
            boom = Boom()
            stream = ChatStream()
            seen, error = await self.collect_async(pieces([HELLO, boom]), stream)
            self.assertEqual(seen, BEGUN)
            self.assertIs(error, boom)
            self.assertEqual((stream.closed, stream.errors), (False, []))

        self.run_all(main())

    def test_cancelling(self) -> None:
        async def main() -> None:
            stream = ChatStream()
            reader = asyncio.StreamReader()
            reader.feed_data(HELLO)
            task = asyncio.ensure_future(self.collect_async(reader, stream))
            while not stream.text():
                await asyncio.sleep(0)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertEqual((stream.closed, stream.text()), (False, "Hello"))
            reader.feed_data(BODY[len(HELLO) :])
            reader.feed_eof()
            self.assertEqual(await self.collect_async(reader, stream), (EVENTS[2:], None))

        self.run_all(main())

    def test_endings(self) -> None:
        async def main() -> None:
            for source in (b"", pieces([]), AsyncRecorder([])):
                stream = ChatStream()
                seen, error = await self.collect_async(source, stream)
                self.assertEqual([event.kind for event in seen], ["truncated"])
                self.assertIsInstance(error, StreamError)
            stream = ChatStream(max_total_bytes=len(HELLO))
            source = AsyncRecorder([BODY, BODY])
            seen, error = await self.collect_async(source, stream)
            self.assertIsInstance(error, StreamError)
            self.assertEqual(list(source.chunks), [BODY])
            stream = ChatStream(max_total_bytes=1)
            stream.feed(BODY)
            source = AsyncRecorder([BODY])
            seen, error = await self.collect_async(source, stream)
            self.assertEqual([item.kind for item in error.errors], ["limit"])
            self.assertEqual(list(source.chunks), [BODY])

        self.run_all(main())


# -- misuse ---------------------------------------------------------------------------------------------


class HttpxResponse:
    """Like httpx.Response: read() takes no size and reads everything."""

    def read(self) -> bytes:
        raise AssertionError("read")

    def iter_bytes(self):
        raise AssertionError("read")

    @property
    def text(self) -> str:
        raise AssertionError("read")


class RequestsResponse:
    """Like requests.Response: iterating gives blocks of 128 bytes."""

    @property
    def text(self) -> str:
        raise AssertionError("read")

    def __iter__(self):
        raise AssertionError("read")

    def iter_content(self, size):
        raise AssertionError("read")


class AiohttpResponse:
    """Like aiohttp.ClientResponse."""

    async def read(self) -> bytes:
        raise AssertionError("read")

    async def text(self) -> str:
        raise AssertionError("read")


class SyncReader:
    def read(self, size: int) -> bytes:
        return BODY


class AsyncReader:
    async def read(self, size: int) -> bytes:
        return BODY


SYNC = r"^iter_events\(\) takes bytes, a binary file, a socket, response.iter_bytes\(\) .*, not {}$"
ASYNC = r"^aiter_events\(\) takes bytes, a StreamReader, response.aiter_bytes\(\) .*, not {}$"


class Misuse(Hanging):
    def test_refused_by_the_call(self) -> None:
        for source in (
            "data: x",
            {"choices": []},
            None,
            7,
            pathlib.Path("answer.sse"),
            HttpxResponse(),
            RequestsResponse(),
            AiohttpResponse(),
            pieces,
        ):
            name = type(source).__name__
            with self.subTest(name):
                with self.assertRaisesRegex(TypeError, SYNC.format(name)):
                    iter_events(source)
                with self.assertRaisesRegex(TypeError, ASYNC.format(name)):
                    aiter_events(source)

    def test_the_other_function(self) -> None:
        async def main() -> None:
            for source in (pieces([]), asyncio.StreamReader(), AsyncRecorder([])):
                with self.assertRaisesRegex(TypeError, r" is an asynchronous source: use aiter_events\(\)$"):
                    iter_events(source)

        asyncio.run(main())
        with socket.socket() as unconnected:
            for source in (CHUNKS, iter(CHUNKS), io.BytesIO(BODY), unconnected, io.StringIO("")):
                with self.assertRaisesRegex(TypeError, r" not an asynchronous source: use iter_events\(\)$"):
                    aiter_events(source)

    def test_refused_at_the_first_read(self) -> None:
        with self.assertRaisesRegex(TypeError, r"read is asynchronous: use aiter_events\(\)$"):
            list(iter_events(AsyncReader()))
        future = type("Future", (), {"__await__": lambda self: iter(())})  # one that cannot be closed
        with self.assertRaisesRegex(TypeError, r"read is asynchronous: use aiter_events\(\)$"):
            list(iter_events(type("Reader", (), {"read": lambda self, size: future()})()))

        async def main() -> None:
            async for _ in aiter_events(SyncReader()):
                self.fail("an event")

        with self.assertRaisesRegex(TypeError, r"read is not awaitable: use iter_events\(\)$"):
            asyncio.run(main())

        async def nothing_yet(size: int) -> None:
            return None

        async def read() -> None:
            async for _ in aiter_events(type("Reader", (), {"read": staticmethod(nothing_yet)})()):
                self.fail("an event")

        with self.assertRaisesRegex(TypeError, "^the source is non-blocking, its read returned None"):
            asyncio.run(read())

    def test_text_files(self) -> None:
        with self.assertRaisesRegex(TypeError, "^StringIO is a text file: open it with 'rb'"):
            iter_events(io.StringIO(BODY.decode()))

    def test_a_response_that_cannot_be_read_ends_the_reading(self) -> None:
        source = iter([b"no head\r\n", b"more"])
        with self.assertRaisesRegex(StreamError, "does not begin with HTTP/1"):
            list(iter_events(source, body=sseparse.HTTPBody()))
        self.assertEqual(next(source), b"more")

    def test_sources_that_do_not_give_bytes(self) -> None:
        async def collect_async(source) -> None:
            async for event in aiter_events(source):
                seen.append(event)

        for wrong, message in (
            (WORLD.decode(), r"^ChatStream takes bytes, not str: pass the body as it came"),
            (7, "^ChatStream takes bytes, bytearray or memoryview, not int"),
            (None, "takes bytes, bytearray or memoryview, not NoneType"),
            ({}, "takes bytes, bytearray or memoryview, not dict"),
        ):
            with self.subTest(wrong):
                seen, error = self.collect([HELLO, wrong])
                self.assertEqual(seen, BEGUN)
                self.assertIsInstance(error, TypeError)
                self.assertRegex(str(error), message)
                seen = []
                with self.assertRaisesRegex(TypeError, message):
                    asyncio.run(collect_async(pieces([HELLO, wrong])))
                self.assertEqual(seen, BEGUN)
        with self.assertRaisesRegex(TypeError, "takes bytes, not str"):
            list(iter_events(Recorder(["text"], "read")))


if __name__ == "__main__":
    unittest.main()
