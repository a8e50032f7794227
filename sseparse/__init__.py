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

# Each file is imported when one of its names is first used. So ``import sseparse`` alone takes little time in
# a program that may never read a stream. A type checker must not see ``__getattr__``, which would let each
# misspelt name pass. (The import statements are also for programs like PyInstaller, which look for them.)
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._assembler import ChatAssembler
    from ._completion import encode
    from ._encoder import SSE_HEADERS, ChatEncoder
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
else:
    # The file of each public name. The other names of ``__all__`` are in ``_events``.
    _FILES = {
        "ChatAssembler": "_assembler",
        "ChatEncoder": "_encoder",
        "ChatStream": "_stream",
        "HTTPBody": "_http",
        "JSONProblem": "_partial",
        "PartialJSON": "_partial",
        "SSEDecoder": "_sse",
        "SSE_HEADERS": "_encoder",
        "StreamError": "_errors",
        "ThinkTags": "_think",
        "aiter_events": "_sources",
        "encode": "_completion",
        "iter_events": "_sources",
        "parse": "_stream",
    }

    def __getattr__(name):
        """Import the file of a public name that was not used before."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        file = _FILES.get(name, "_events")
        # A file that was imported before is not imported again, even if sys.modules has lost it (as after
        # mock.patch.dict). A second import would make other classes with the same names.
        module = globals().get(file) or __import__(file, globals(), None, [name], 1)  # from .file import name
        value = globals()[name] = getattr(module, name)
        return value

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
