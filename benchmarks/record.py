# SPDX-License-Identifier: MIT
"""``python -m benchmarks record URL FILE``: record one streamed answer of a real server, with its timing.

FILE gets the body, byte for byte, without the transfer coding. ``name.timed.jsonl`` beside it gets one line
for each chunk: ``{"t": seconds since the request began, "b64": the bytes}``. A recording can be shared: it
has no URL, no header and no body of the request, and no header of the answer. A stream that breaks off is
recorded up to there.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from .workloads import timing_beside


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks record",
        description="Record one streamed answer: its bytes into FILE, their timing beside it.",
        epilog="WHERE is a file name, or env:NAME for an environment variable, so that keys need not be "
        "typed into a command line. Headers are lines of 'Name: value'. Nothing of the request is recorded.",
    )
    parser.add_argument("url", metavar="URL", help="http or https")
    parser.add_argument("file", metavar="FILE", type=Path, help="where the body goes; usually ends in .sse")
    parser.add_argument("--method", help="POST if there is a body, else GET")
    parser.add_argument(
        "--headers", metavar="WHERE", action="append", default=[], help="request headers; may be repeated"
    )
    parser.add_argument(
        "--body",
        metavar="WHERE",
        help="request body; sent as application/json unless --headers say otherwise",
    )
    parser.add_argument("--timeout", type=float, default=60, help="seconds of silence before giving up (60)")
    options = parser.parse_args(arguments)
    try:
        body = _read(options.body).encode() if options.body else None
        headers = _headers([_read(where) for where in options.headers], body is not None)
        status, problem = record(options.url, options.file, options.method, headers, body, options.timeout)
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    said = f"{options.file.stat().st_size} bytes of a {status} answer in {options.file}"
    print(f"{said}; broken off: {problem}" if problem else said)
    return 0 if status == 200 else 1


def record(
    url: str, file: Path, method: str | None, headers: dict[str, str], body: bytes | None, timeout: float
) -> tuple[int, str | None]:
    """Send the request and record the answer. Return its status and, if it broke off, the reason."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http or https URL: {url}")
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    problem = None
    try:
        start = perf_counter()
        connection.request(method or ("POST" if body is not None else "GET"), target, body, headers)
        response = connection.getresponse()
        with file.open("wb") as plain, timing_beside(file).open("w", encoding="ascii") as timed:
            try:
                # read1 returns the bytes that have come, at most one chunk; read would wait.
                while piece := response.read1(65536):
                    at = round(perf_counter() - start, 6)
                    plain.write(piece)
                    timed.write(json.dumps({"t": at, "b64": base64.b64encode(piece).decode()}) + "\n")
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
        return response.status, problem
    finally:
        connection.close()


def _read(where: str) -> str:
    if where.startswith("env:"):
        value = os.environ.get(where[4:])
        if value is None:
            raise ValueError(f"there is no environment variable {where[4:]}")
        return value
    return Path(where).read_text("utf-8")


def _headers(texts: list[str], has_body: bool) -> dict[str, str]:
    headers = {"Accept": "text/event-stream"}
    if has_body:
        headers["Content-Type"] = "application/json"
    for line in "\n".join(texts).splitlines():
        name, colon, value = line.partition(":")
        if colon:
            # HTTP compares names without case, so "content-type" must replace the "Content-Type" above.
            headers = {key: kept for key, kept in headers.items() if key.lower() != name.strip().lower()}
            headers[name.strip()] = value.strip()
        elif line.strip():
            # The message does not quote the line: it may be a key.
            raise ValueError("a header line has no colon")
    return headers
