# SPDX-License-Identifier: MIT
"""A cache before a server: it sends a kept answer again, streamed or not, as the client asks.

    python cache.py 8001 http://127.0.0.1:8000/v1

listens on port 8001 for ``POST /v1/chat/completions``. It asks the upstream server without streaming, with
the client's Authorization header, and keeps each whole answer under its question. It sends the answer as one
JSON object or, for ``"stream": true``, as an event stream in pieces of 20 characters.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the package of this checkout

import sseparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Cache(ThreadingHTTPServer):
    """Keeps the answers. ``asked`` is the number of questions that were sent upstream."""

    daemon_threads = True

    def __init__(self, port: int, base_url: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.base_url = base_url
        self.answers: dict[str, Any] = {}
        self.asked = 0

    def answer(self, question: dict[str, Any], authorization: str) -> Any:
        """Return the whole answer; raises HTTPError or URLError if there is none."""
        key = json.dumps(question, sort_keys=True)
        if key not in self.answers:
            headers = {"Content-Type": "application/json", "Authorization": authorization}
            request = urllib.request.Request(f"{self.base_url}/chat/completions", key.encode(), headers)
            with urllib.request.urlopen(request, timeout=600) as response:
                self.answers[key] = json.load(response)
            self.asked += 1
        return self.answers[key]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Cache

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stream = question.pop("stream", False)
        usage = (question.pop("stream_options", None) or {}).get("include_usage", False)
        try:
            completion = self.server.answer(question, self.headers.get("Authorization", ""))
        except urllib.error.HTTPError as refusal:  # not kept: the next time may be better
            self.reply(refusal.code, refusal.read())
        except OSError as error:
            self.reply(502, json.dumps({"error": {"message": str(error), "type": "cache_error"}}).encode())
        else:
            if stream:
                self.reply_in_pieces(completion, usage)
            else:
                self.reply(200, json.dumps(completion).encode())

    def reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def reply_in_pieces(self, completion: Any, usage: bool) -> None:
        self.send_response(200)
        for name, value in sseparse.SSE_HEADERS:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for frame in sseparse.encode(completion, usage=usage, size=20):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(frame), frame))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("port", type=int)
    parser.add_argument("base_url")
    with suppress(KeyboardInterrupt), Cache(**vars(parser.parse_args())) as cache:
        cache.serve_forever()
