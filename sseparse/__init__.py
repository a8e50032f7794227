# SPDX-License-Identifier: MIT
"""Decode a streamed LLM answer: bytes in, typed events and the final message out. No I/O.

    stream = sseparse.ChatStream()
    for chunk in source:                        # bytes from any socket
        for event in stream.feed(chunk): ...
    for event in stream.close(): ...
    completion = stream.completion()            # what the server would have sent without streaming

Where things live:

    _stream.py     ChatStream, parse: what a frame says, and when the stream was cut
    _frames.py     lines to frames, as servers send them
    _sse.py        SSEDecoder: the event stream of the WHATWG standard
    _fast.py       the fast path: frames like earlier ones, read without parsing JSON
    _assembler.py  ChatAssembler: what a chunk changes, and the events that tell of it
    _calls.py      the tool calls of a choice, and which of them a fragment belongs to
    _answer.py     the answer so far, and the final object
    _values.py     JSON values that grow, for fields without a rule of their own
    _json.py       whole JSON texts
    _partial.py    PartialJSON: JSON that is still being written
    _http.py       HTTPBody: the body of one HTTP/1.1 response
    _encoder.py    ChatEncoder, encode: the way back, from events or a completion to a stream
    _think.py      ThinkTags: reasoning between tags in the content
    _sources.py    iter_events, aiter_events: whatever can be read
    _events.py     what comes out
    _text.py       text that grows, and stays valid Unicode
    _errors.py     the one exception
    __main__.py    the command line
    _input.py      what the command line is given: files, heads, gzip, recordings
    types.py       TypedDicts of the final object, imported only when asked for

How a frame travels. Each arrow is a call, and both paths end in the same answer:

    bytes --> ChatStream.feed                                                        _stream.py
                |
                |-- like an earlier frame? --> FastPath.read: compare the bytes      _fast.py
                |                              around the values, decode these --------------------+
                |                                                                                  |
                |-- one data line? ---------> _read_in_full ------+                  _stream.py    |
                |                                                 |                                |
                +-- anything else ----------> lines               |                  _sse.py       |
                                                |                 |                                |
                                              frames              |                  _frames.py    |
                                                |                 |                                |
                                                +--> JSON --------+                  _json.py      |
                                                                  |                                |
                                              ChunkReader.read <--+                  _assembler.py |
                                                |                                                  |
                events <------------------------+--> Answer <--------------------------------------+
                                                       |                             _answer.py
                completion() <-------------------------+
"""

from __future__ import annotations

from ._assembler import ChatAssembler
from ._encoder import SSE_HEADERS, ChatEncoder, encode
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
from ._http import HTTPBody
from ._partial import JSONProblem, PartialJSON
from ._sources import aiter_events, iter_events
from ._sse import SSEDecoder
from ._stream import ChatStream, parse
from ._think import ThinkTags

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
