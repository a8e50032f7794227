# SPDX-License-Identifier: MIT
"""Decode a streamed LLM answer: bytes in, typed events and the final message out. No I/O.

    stream = sseparse.ChatStream()
    for chunk in source:                        # bytes from any socket
        for event in stream.feed(chunk): ...
    for event in stream.close(): ...
    completion = stream.completion()            # the dict that the server would send without streaming

Where things live:

    _stream.py      ChatStream, parse: the meaning of a frame, and whether the stream was cut
    _frames.py      lines to frames, including the irregular ones that servers send
    _sse.py         SSEDecoder: the event stream of the WHATWG standard
    _fast.py        the fast path: reads frames like earlier ones without parsing JSON
    _lesson.py      how the fast path learns a frame
    _assembler.py   ChatAssembler: chunks to events and to changes of the answer
    _calls.py       the tool calls of a choice, and the call that a fragment belongs to
    _answer.py      the answer so far, and the final object
    _values.py      JSON values that grow, for fields without a rule of their own
    _json.py        whole JSON texts
    _partial.py     PartialJSON: JSON that is still being written
    _http.py        HTTPBody: the body of one HTTP/1.1 response
    _encoder.py     ChatEncoder: events back to a stream
    _completion.py  encode: a whole completion back to a stream
    _writer.py      the frames that these two write
    _think.py       ThinkTags: reasoning between tags in the content
    _sources.py     iter_events, aiter_events: loops over files, sockets and responses
    _events.py      the events
    _text.py        text that grows, and stays valid Unicode
    _errors.py      StreamError, the only exception that input can cause
    __main__.py     the command line
    _input.py       the input of the command line: files, HTTP heads, gzip, recordings
    types.py        TypedDicts of the final object; other files import it only for type checkers

How a frame is read. All paths emit events and change the same answer. The fast path compares the bytes around
the values that change, and decodes only these values:

    bytes --> ChatStream.feed                                                _stream.py
                |
                |-- like an earlier frame? --> FastPath.read ------------+   _fast.py
                |                                                        |
                |-- one data line? --> _read_in_full --+                 |   _stream.py
                |                                      |                 |
                +-- anything else ---> lines           |                 |   _sse.py
                                         |             |                 |
                                       frames          |                 |   _frames.py
                                         |             |                 |
                                         +---> JSON <--+                 |   _json.py
                                                |                        |
                                         ChunkReader.read                |   _assembler.py
                                                |                        |
                                                +-----> events <---------+   _events.py
                                                |                        |
                                                +-----> Answer <---------+   _answer.py
                                                          |
                                                     completion()
"""

from __future__ import annotations

from ._assembler import ChatAssembler
from ._errors import StreamError
from ._events import (
    AudioDelta,
    ChoiceDone,
    ContentDelta,
    ContentDone,
    Done,
    Error,
    Event,
    Extra,
    JSONTextDelta,
    JSONValue,
    LogprobsDelta,
    ReasoningDelta,
    ReasoningDone,
    RefusalDelta,
    RefusalDone,
    ServerSentEvent,
    Start,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
    Usage,
)
from ._partial import JSONProblem, PartialJSON
from ._sse import SSEDecoder
from ._stream import ChatStream, parse

# Not every program needs these names, so each file is imported at its first use. With them,
# ``import sseparse`` takes 1.4 times as long. (The import statements are written out because programs like
# PyInstaller look for them. A type checker must not see ``__getattr__``, which would let each misspelt name
# pass.)
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._completion import encode
    from ._encoder import SSE_HEADERS, ChatEncoder
    from ._http import HTTPBody
    from ._sources import aiter_events, iter_events
    from ._think import ThinkTags
else:

    def __getattr__(name):
        """Import the file of a public name that was not used before."""
        global SSE_HEADERS, ChatEncoder, encode, HTTPBody, aiter_events, iter_events, ThinkTags
        if name in ("SSE_HEADERS", "ChatEncoder"):
            from ._encoder import SSE_HEADERS, ChatEncoder
        elif name == "encode":
            from ._completion import encode
        elif name == "HTTPBody":
            from ._http import HTTPBody
        elif name in ("aiter_events", "iter_events"):
            from ._sources import aiter_events, iter_events
        elif name == "ThinkTags":
            from ._think import ThinkTags
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals()[name]

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "SSE_HEADERS",
    "AudioDelta",
    "ChatAssembler",
    "ChatEncoder",
    "ChatStream",
    "ChoiceDone",
    "ContentDelta",
    "ContentDone",
    "Done",
    "Error",
    "Event",
    "Extra",
    "HTTPBody",
    "JSONProblem",
    "JSONTextDelta",
    "JSONValue",
    "LogprobsDelta",
    "PartialJSON",
    "ReasoningDelta",
    "ReasoningDone",
    "RefusalDelta",
    "RefusalDone",
    "SSEDecoder",
    "ServerSentEvent",
    "Start",
    "StreamError",
    "ThinkTags",
    "ToolCallDelta",
    "ToolCallDone",
    "ToolCallStart",
    "Usage",
    "aiter_events",
    "encode",
    "iter_events",
    "parse",
]
__version__ = "0.2.0"
