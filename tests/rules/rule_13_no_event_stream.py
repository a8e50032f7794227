# SPDX-License-Identifier: MIT
# ruff: noqa: F403, F405
"""Rule 13. Bodies that are no event stream."""

from __future__ import annotations

import gzip

from tests.wire import *

PAGE = "<!DOCTYPE html>\n<html>\n<p>502: Bad Gateway</p>\n</html>\n"
ROWS = [
    ("an empty body is a cut stream",
     [b""],
     [cut(begun=False)],
     "truncated",
     {"choices": [], "object": "chat.completion"}),
    ("so is one of comments, of other fields, of blank lines",
     [": ping\n\nid: 1\nretry: 2\n\n"],
     [cut(begun=False)],
     "truncated",
     {}),
    ("and of white space", [" \n\n \t\n  "], [cut(begun=False)], "truncated", {"choices": []}),
    ("and one cut inside its first field name", ["eve"], [cut(begun=False)], "truncated", {}),
    ("[DONE] alone is an end", [END], [DONE], "done", {"choices": []}),
    ("a web page", [PAGE], [foreign("<!DOCTYPE html>")], "", {"choices": []}),
    ("a line of text, also one that looks like a field",
     ["\n\nupstream: timed out"],
     [foreign("upstream: timed out")],
     "",
     {}),
    ("a binary file", [b"\x89PNG\r\n\x1a\n\x00\x00"], [foreign("\ufffdPNG")], "", {}),
    ("a data, event or error line makes it an event stream",
     [PAGE, "event: x\n\n"],
     [cut(begun=False)],
     "truncated",
     {}),
    ("an HTTP head is told at once, and the rest is still read",
     ["HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n3f\n", say("a"),
      "\n5\n", STOP, "0\n\n"],
     [foreign(None, "the body begins with an HTTP head: feed the body only (HTTPBody splits them)"), START,
      content("a"), content_done("a"), choice_done()],
     "finished",
     message({"content": "a"})),
    ("after an HTTP head nothing else is said, but where the last frame is cut",
     [b"HTTP/1.0 200 OK\r\n\r\n", say("a"), "data: {"],
     [foreign(None, "the body begins with an HTTP head: feed the body only (HTTPBody splits them)"), START,
      content("a"), content_done("a"), choice_done(None), cut(1, "{")],
     "truncated",
     message({"content": "a"})),
    ("a gzip header likewise",
     [gzip.compress(sse(say("a"), END), mtime=0)],
     [foreign(None, "the body is gzip: decode Content-Encoding before feeding, or ask for identity")],
     "",
     {"choices": []}),
    ("what only begins like them is neither",
     ["HTTP/2 is no head\n"],
     [foreign("HTTP/2 is no head")],
     "",
     {}),
    ("the error quotes 200 characters of the first line",
     ["\u9875" * 300 + "\nmore"],
     [foreign("\u9875" * 200)],
     "",
     {}),
    ("an HTTP head inside a frame is text, wherever the stream is cut",
     ['data: {"choices":[{"delta":{"content":"HTTP/1.1"}}]}\n\n', END],
     [START, content("HTTP/1.1"), content_done("HTTP/1.1"), choice_done(None), DONE], "done", {}),
    *((f"a body of white space that is none of JSON's: {body!r}", [body], [foreign(body.strip("\n"))], "", {})
      for body in ("\x0b", "\x0c\n", "\n\x0b")),
]
