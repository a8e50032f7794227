# SPDX-License-Identifier: MIT
"""``HTTPBody``: recorded bytes, a table with a row per sentence of RFC 9112, properties, and its cost.

Each row and each small recording goes in whole, one byte at a time, cut at every place, and through a pickled
and a deep copy at every cut. Random responses, valid and broken, are compared with ``reference``, a slow and
simple reading of all the bytes at once. The valid ones are also compared with ``http.client``.
"""

from __future__ import annotations

import copy
import http.client
import io
import pickle
import random
import re
import sys
import unittest
from pathlib import Path
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st

from tests import sseparse
from tests.reference.streams import examples

_http = sys.modules[sseparse.HTTPBody.__module__]
HTTPBody = sseparse.HTTPBody
StreamError = sseparse.StreamError

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "recordings"
LIMIT = 65536  # bytes of a head, of a chunk size, of a trailer section
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

# What the messages say, each after "The HTTP response ".
NO_HTTP = "does not begin with HTTP/1: feed the connection from its status line on, after TLS."
NO_HEAD = "has no valid status line or header fields: discard it and reconnect."
NO_SIZE = "has a wrong chunk size: discard it and reconnect."


def cut(where, size=0):
    return f"was cut in its {where}, after {size} bytes of body: ask again."


def long(where):
    return f"has a {where} longer than {LIMIT} bytes: discard it and reconnect."


def transfer(value):
    return f"has transfer-encoding {value!a}: use HTTP/1.1, send no TE."


def encoding(value):
    return f"has content-encoding {value!a}: accept only identity."


def length(value):
    return f"has content-length {value!a}: discard it and reconnect."


# ---- delivering -------------------------------------------------------------------------------------


def deliver(pieces, step=lambda body: body):
    """Feed the pieces and close. Return everything that can be known afterwards.

    That is the returned bytes, joined; the error without its first words, or None; status; headers; complete;
    and the repr. ``step`` is called after each piece and may replace the object.
    """
    body, out, error = HTTPBody(), [], None
    try:
        for piece in pieces:
            out.append(body.feed(piece))
            body = step(body)
    except StreamError as raised:
        error = str(raised)
    try:
        body.close()
    except StreamError as raised:
        assert error in (None, str(raised)), "close() repeats what feed() raised"
        error = str(raised)
    else:
        assert error is None, "what feed() raised, close() raises again"
    error = error and re.fullmatch("The HTTP response (.*)", error)[1]
    return b"".join(out), error, body.status, body.headers, body.complete, repr(body)


def singles(wire):
    return [wire[i : i + 1] for i in range(len(wire))]


def cuts(wire):
    """The wire in two pieces, for every place."""
    return ((wire[:i], wire[i:]) for i in range(len(wire) + 1))


def at_random(wire, randomness, most=40):
    places = sorted(randomness.randrange(len(wire) + 1) for _ in range(randomness.randrange(most)))
    return [wire[i:j] for i, j in zip([0, *places], [*places, len(wire)])]


def pickled(body):
    return pickle.loads(pickle.dumps(body))


# ---- the reference: slow and simple ------------------------------------------------------------------


def reference(wire):
    """Read a whole response. Return its body so far, and whether it is whole and valid."""
    status = None
    while status is None or (100 <= status < 200 and status != 101):
        end = re.search(rb"\n\r?\n", wire)
        if not end or end.end() > LIMIT:
            return b"", False
        lines = [line[:-1] if line.endswith(b"\r") else line for line in wire[: end.start()].split(b"\n")]
        wire = wire[end.end() :]
        if any(b"\r" in line or b"\0" in line for line in lines):
            return b"", False
        start = re.match(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: |\Z)", lines[0])
        if not start:
            return b"", False
        status, version = int(start[2]), start[1]
        values = {}
        name = b"the status line"  # a line folded into it says nothing
        for line in lines[1:]:
            if line[0] in b" \t":
                found = values.setdefault(name, [b""])
                found[-1] = found[-1].rstrip(b" \t") + b" " + line.lstrip(b" \t")
                continue
            name, colon, value = line.partition(b":")
            if not colon or not re.fullmatch(rb"[!#$%&'*+.^_`|~A-Za-z0-9-]+", name):
                return b"", False
            name = name.lower()
            values.setdefault(name, []).append(value)
    if status in (101, 204, 304):
        return b"", True

    def elements(name):
        found = [part.strip(b" \t").lower() for value in values[name] for part in value.split(b",")]
        return [part for part in found if part]

    if b"content-encoding" in values and not {b"identity", b"none"}.issuperset(
        elements(b"content-encoding")
    ):
        return b"", False
    if b"transfer-encoding" in values:
        if version == b"0" or elements(b"transfer-encoding") != [b"chunked"]:
            return b"", False
        return reference_chunks(wire)
    if b"content-length" not in values:
        return wire, True
    found = elements(b"content-length")
    if not found or not all(re.fullmatch(b"0*[0-9]{1,16}", part) for part in found):
        return b"", False
    size = int(found[0].lstrip(b"0") or b"0")
    if any(int(part.lstrip(b"0") or b"0") != size for part in found):
        return b"", False
    return wire[:size], len(wire) >= size


def reference_chunks(wire):
    body, at = b"", 0
    while True:
        line = re.compile(rb"0*([0-9a-fA-F]{1,16})[ \t]*(;[^\r\n]*)?\r\n").match(wire, at)
        if not line or line.end() - at + 2 * (at > 0) > LIMIT:
            return body, False
        at, size = line.end(), int(line[1], 16)
        if size == 0:
            end = re.compile(rb"\n\r?\n").search(wire, at - 1)
            return body, end is not None and end.end() - at + 1 <= LIMIT
        body += wire[at : at + size]
        at += size
        if wire[at : at + 2] != b"\r\n":
            return body, False
        at += 2


# ---- the table --------------------------------------------------------------------------------------


def head(*fields, start=b"HTTP/1.1 200 OK"):
    return b"".join(line + b"\r\n" for line in (start, *fields, b""))


CL, TE, CE, S = b"Content-Length: ", b"Transfer-Encoding: ", b"Content-Encoding: ", b"HTTP/1.1 "
LAST = b"0\r\n\r\n"
# (what the RFC says, wire, body, error or None)
ROWS = [
    # 2.2, 2.3, 4, 5: as far as a head has to be read
    ("2.2 a lone LF may end a line of a head", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", b"ab", None),
    ("2.2 LF and CRLF mixed", b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nab", b"ab", None),
    ("2.2 a bare CR is invalid: in a value", head(b"A: b\rc"), b"", NO_HEAD),
    ("2.2 a bare CR in a name", head(b"A\r: b"), b"", NO_HEAD),
    ("2.2 a bare CR before CRLF", head(CL + b"2\r"), b"", NO_HEAD),
    ("2.2 a bare CR in the status line", head(start=S + b"200 O\rK"), b"", NO_HEAD),
    ("2.2 white space before the first field is ignored", head(b" Content-Length: 2") + b"abc", b"abc", None),
    ("2.2 several lines of white space before the first field are ignored",
     head(b"\tA: b", b" c", CL + b"2") + b"abc", b"ab", None),
    ("2.2 a line with leading white space never continues the status line",
     b"HTTP/1.1\r\n 200 OK\r\n\r\n", b"", NO_HEAD),
    ("2.2 a line with a leading tab never continues the status line",
     b"HTTP/1.1 20\r\n\t0 OK\r\n\r\n", b"", NO_HEAD),
    ("2.2 an empty line comes before requests only", b"\r\n" + head(), b"", NO_HTTP),
    ("2.3 the name of the protocol is case-sensitive", head(start=b"http/1.1 200 OK"), b"", NO_HTTP),
    ("2.3 HTTP/1.0 is read", head(start=b"HTTP/1.0 200 OK") + b"abc", b"abc", None),
    ("2.3 another major version is refused", head(start=b"HTTP/2 200"), b"", NO_HTTP),
    ("2.3 a minor version that does not exist is refused", head(start=b"HTTP/1.2 200 OK"), b"", NO_HEAD),
    ("4 the reason may be empty", head(start=S + b"200 ") + b"a", b"a", None),
    ("4 the reason may be left out with its space, as by many servers",
     head(start=S + b"200") + b"a", b"a", None),
    ("4 the reason is ignored", head(start=S + b"200 Content-Length: 0\xff") + b"a", b"a", None),
    ("4 a status has three digits: two", head(start=S + b"20 OK"), b"", NO_HEAD),
    ("4 a status that begins with 0", head(start=S + b"099 OK"), b"", NO_HEAD),
    ("4 a status of four digits", head(start=S + b"2000 OK"), b"", NO_HEAD),
    ("4 no status", head(start=S + b"OK"), b"", NO_HEAD),
    ("4 a status with a sign", head(start=S + b"-20 OK"), b"", NO_HEAD),
    ("4 a status that is not ASCII", head(start=S + b"2\xb20 OK"), b"", NO_HEAD),
    ("4 two spaces before the status", head(start=S + b" 200 OK"), b"", NO_HEAD),
    ("5 no field at all", head() + b"abc", b"abc", None),
    ("5 white space around a value is not part of it", head(CL + b"\t 2 \t") + b"abc", b"ab", None),
    ("5 white space around a value may be missing", head(b"Content-Length:2") + b"abc", b"ab", None),
    ("5 names are case-insensitive", head(b"cOnTeNt-LeNgTh: 2") + b"abc", b"ab", None),
    ("5.1 no white space between name and colon", head(b"Content-Length : 2") + b"abc", b"", NO_HEAD),
    ("5.1 no tab between name and colon", head(b"Transfer-Encoding\t: chunked") + b"abc", b"", NO_HEAD),
    ("5.1 no vertical tab between name and colon, which some readers strip",
     head(b"Transfer-Encoding\x0b: chunked") + b"abc", b"", NO_HEAD),
    ("5.1 no NEL before the name, which str.strip() strips",
     head(b"\x85Content-Length: 2") + b"abc", b"", NO_HEAD),
    ("5.1 a line without a colon", head(b"Content-Length 2"), b"", NO_HEAD),
    ("5.1 a field without a name", head(b": 2"), b"", NO_HEAD),
    # http.client ends the head at such a line and finds another body.
    ("5.1 a name is a token: no byte beyond ASCII", head(b"\xe9: x", TE + b"chunked") + LAST, b"", NO_HEAD),
    ("5.1 no byte beyond ASCII after the name", head(TE + b"chunked", b"x\xa0: x") + LAST, b"", NO_HEAD),
    ("5.1 no control character", head(b"a\x01: x", CL + b"1") + b"ab", b"", NO_HEAD),
    ("5.1 no DEL", head(b"a\x7f: x", CL + b"1") + b"ab", b"", NO_HEAD),
    *[
        (f"5.1 no {char}", head(b"a%cb: x" % char, CL + b"1") + b"ab", b"", NO_HEAD)
        for char in b'"(),/;<=>?@[\\]{}'
    ],
    ("5.1 all characters that a token may have",
     head(b"!#$%&'*+-.^_`|~09azAZ: x", CL + b"1") + b"ab", b"a", None),
    ("5.1 the name before a field value is the first one", head(b"a: b: c", CL + b"1") + b"ab", b"a", None),
    ("5.1 a name in an informational head is a token, too",
     head(b"\xe9: x", start=S + b"100 Continue") + head(), b"", NO_HEAD),
    ("5.1 a name in a response without a body is a token, too",
     head(b"\xe9: x", start=S + b"204 No Content"), b"", NO_HEAD),
    ("5.2 a folded line begins with a space", head(b"Transfer-Encoding:", b" chunked") + LAST, b"", None),
    ("5.2 a folded line begins with a tab", head(CL + b"2,", b"\t2") + b"abc", b"ab", None),
    ("5.2 a fold does not join digits", head(CL + b"1", b" 2") + b"abc", b"", length("1 2")),
    ("5.2 all blanks around a fold are one", head(CL + b"1 \t", b"\t  2") + b"abc", b"", length("1 2")),
    ("5.2 all blanks around several folds are one",
     head(CL + b"1", b" ", b"\t", b" 2") + b"abc", b"", length("1 2")),
    ("5.2 a fold with lone LFs", b"HTTP/1.1 200 OK\nContent-Length: 1 \n \n 2\n\nabc", b"", length("1 2")),
    ("5.2 blanks inside a line are kept", head(CL + b"1  2") + b"abc", b"", length("1  2")),
    ("5.2 a folded name is not a token", head(b"Content", b" -Length: 2") + b"abc", b"", NO_HEAD),
    ("5.2 a folded transfer coding", head(CE + b"none,", b" br") + b"abc", b"", encoding("none,br")),
    ("5.2 a folded line may be empty", head(CL + b"2", b" ") + b"abc", b"ab", None),
    ("9110, 5.5 a NUL is invalid: in a value", head(b"A: \0"), b"", NO_HEAD),
    ("9110, 5.5 a NUL in a name", head(b"A\0: b"), b"", NO_HEAD),
    ("9110, 5.5 a NUL in the status line", head(start=S + b"200 \0"), b"", NO_HEAD),
    # no response at all
    ("a body without its head", b"data: a\n\n", b"", NO_HTTP),
    ("an alert of TLS", b"\x15\x03\x01\x00\x02\x02\x46", b"", NO_HTTP),
    ("settings of HTTP/2", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", b"", NO_HTTP),
    ("no bytes", b"", b"", cut("head")),
    ("the beginning of a status line", b"HTTP", b"", cut("head")),
    ("8 a head without its empty line", head(CL + b"2")[:-2], b"", cut("head")),
    # 6.1
    ("6.1 names of codings are case-insensitive (7)", head(TE + b"CHunked") + LAST, b"", None),
    ("6.1 chunked may stand among empty elements", head(TE + b",chunked ,") + LAST, b"", None),
    ("6.1 chunked may stand beside an empty field",
     head(b"Transfer-Encoding:", TE + b"chunked") + LAST, b"", None),
    ("6.1 chunked only once", head(TE + b"chunked, chunked"), b"", transfer("chunked,chunked")),
    ("6.1 chunked only once, also in two fields",
     head(*[TE + b"chunked"] * 2), b"", transfer("chunked,chunked")),
    ("6.1 another coding before chunked", head(TE + b"gzip, chunked"), b"", transfer("gzip,chunked")),
    ("6.1 another coding after chunked", head(TE + b"chunked, gzip"), b"", transfer("chunked,gzip")),
    ("6.1 another coding instead of chunked", head(TE + b"deflate"), b"", transfer("deflate")),
    ("6.1 an unknown coding", head(TE + b"identity"), b"", transfer("identity")),
    ("6.1 a coding that looks like chunked", head(TE + b"xchunked"), b"", transfer("xchunked")),
    ("6.1 chunked with a blank that is not ASCII", head(TE + b"\x0bchunked"), b"", transfer("\x0bchunked")),
    ("6.1 an empty transfer-encoding", head(b"Transfer-Encoding:"), b"", transfer("")),
    ("6.1 a long value is shortened", head(TE + b"x" * 99), b"", transfer("x" * 40)),
    ("6.1 transfer-encoding in HTTP/1.0 is refused", head(TE + b"chunked", start=b"HTTP/1.0 200 OK"), b"",
     transfer("chunked")),
    ("6.1 transfer-encoding in HTTP/1.0 is refused, also with a length",
     head(CL + b"1", TE + b"chunked", start=b"HTTP/1.0 200 OK"), b"",
     transfer("chunked")),
    # 6.2, and RFC 9110, 8.6
    ("6.2 the decimal value is the length", head(CL + b"12") + b"a" * 12, b"a" * 12, None),
    ("6.2 the length may be zero", head(CL + b"0"), b"", None),
    ("6.2 any number of leading zeros", head(CL + b"0" * 5000 + b"2") + b"ab", b"ab", None),
    ("6.2 a length of zeros only", head(CL + b"0" * 5000), b"", None),
    ("6.2 a length of sixteen digits",
     head(CL + b"9999999999999999") + b"a", b"a", cut("body by content-length", 1)),
    ("9110, 8.6 a length of more than sixteen digits is refused",
     head(CL + b"1" + b"0" * 16), b"", length("1" + "0" * 16)),
    ("9110, 8.6 a length that int() refuses is refused", head(CL + b"9" * 5000), b"", length("9" * 40)),
    # 6.3, in its order
    ("6.3 1 a 204 ends with its head", head(start=S + b"204 No Content") + b"abc", b"", None),
    ("6.3 1 a 304 ends with its head", head(start=S + b"304 Not Modified") + b"abc", b"", None),
    ("6.3 1 a 304 with a length ends with its head",
     head(CL + b"3", start=S + b"304 Not Modified") + b"abc", b"", None),
    ("6.3 1 a 204 with an invalid length ends with its head",
     head(CL + b"x", start=S + b"204 No Content") + b"abc", b"", None),
    ("6.3 1 a 304 with codings ends with its head",
     head(TE + b"gzip", CE + b"br", start=S + b"304 OK"), b"", None),
    ("6.3 1 a 1xx ends with its head, and another head follows",
     head(start=S + b"100 Continue") + head() + b"abc", b"abc", None),
    ("6.3 1 several 1xx heads", head(b"Link: x", start=S + b"103 Hints") * 3 + head() + b"abc", b"abc", None),
    ("6.3 1 the fields of a 1xx are ignored",
     head(CL + b"9", start=S + b"102 P") + head() + b"a", b"a", None),
    ("6.3 1 invalid fields of a 1xx are refused",
     head(b"Content-Length 9", start=S + b"102 P") + head() + b"a", b"", NO_HEAD),
    ("6.3 1 a 1xx must be followed by a head", head(start=S + b"100 Continue") + b"abc", b"", NO_HTTP),
    ("6.3 1 a response of a 1xx alone is cut", head(start=S + b"100 Continue"), b"", cut("head")),
    ("6.3 1 after a 101 comes no HTTP (9110, 15.2.2)", head(start=S + b"101 Switching") + b"abc", b"", None),
    ("6.3 3 chunked overrides a length", head(CL + b"9", TE + b"chunked")
     + b"2\r\nab\r\n0\r\n\r\n", b"ab", None),
    ("6.3 3 chunked overrides a length before it, and an invalid one", head(TE + b"chunked", CL + b"-1")
     + b"2\r\nab\r\n0\r\n\r\n", b"ab", None),
    ("6.3 4 chunked: read until that says it is complete", CHUNKED + b"2\r\nab\r\n0\r\n\r\n", b"ab", None),
    ("6.3 5 an invalid length is an error: a sign", head(CL + b"-5") + b"abc", b"", length("-5")),
    ("6.3 5 an invalid length: the other sign", head(CL + b"+5") + b"abc", b"", length("+5")),
    ("6.3 5 an invalid length that int() accepts", head(CL + b"1_0") + b"abc", b"", length("1_0")),
    ("6.3 5 an invalid length: hexadecimal", head(CL + b"a") + b"abc", b"", length("a")),
    ("6.3 5 an invalid length: a fraction", head(CL + b"1.0") + b"abc", b"", length("1.0")),
    ("6.3 5 an invalid length: digits of Latin-1", head(CL + b"\xb2") + b"abc", b"", length("\xb2")),
    ("6.3 5 an invalid length: digits of another script",
     head(CL + "٣".encode()) + b"abc", b"", length("\xf9\xa3")),
    ("6.3 5 an invalid length: a blank of Unicode", head(CL + b"\xa05") + b"abc", b"", length("\xa05")),
    ("6.3 5 an invalid length: no value", head(b"Content-Length:") + b"abc", b"", length("")),
    ("6.3 5 an invalid length: only commas", head(CL + b",") + b"abc", b"", length(",")),
    ("6.3 5 a list of one valid length is that length", head(CL + b"2, 2") + b"abc", b"ab", None),
    ("6.3 5 the same length in two fields is that length", head(*[CL + b"2"] * 2) + b"abc", b"ab", None),
    ("6.3 5 the same decimal value with other zeros is that length",
     head(CL + b"2, 02,") + b"abc", b"ab", None),
    ("6.3 5 two lengths are refused", head(CL + b"2, 3") + b"abc", b"", length("2,3")),
    ("6.3 5 two lengths in two fields are refused", head(CL + b"2", CL + b"3") + b"abc", b"", length("2,3")),
    ("6.3 5 a valid and an invalid length are refused", head(CL + b"2, b") + b"abc", b"", length("2,b")),
    ("6.3 6 a valid length is the length", head(CL + b"3") + b"abc", b"abc", None),
    ("6.3 6 fewer bytes are an incomplete message", head(CL + b"3") + b"ab", b"ab",
     cut("body by content-length", 2)),
    ("6.3 6 no bytes are an incomplete message", head(CL + b"3"), b"", cut("body by content-length")),
    ("6.3 8 without a length the body lasts until the connection closes",
     head() + b"abc" * 99, b"abc" * 99, None),
    ("6.3 8 the body until the connection closes may be empty", head(), b"", None),
    ("6.3 additional data is dropped, after a length", head(CL + b"2") + b"ab" + head() + b"c", b"ab", None),
    ("6.3 additional data is dropped, after chunks",
     CHUNKED + b"2\r\nab\r\n0\r\n\r\n" + CHUNKED + b"1\r\nc\r\n0\r\n\r\n", b"ab", None),
    # RFC 9110, 8.4
    ("9110, 8.4 a content coding is not undone", head(CE + b"gzip") + b"abc", b"", encoding("gzip")),
    ("9110, 8.4 a content coding is not undone, one of several",
     head(CE + b"identity, br") + b"a", b"", encoding("identity,br")),
    ("9110, 8.4 a content coding is not undone, with chunks", head(CE + b"zstd", TE + b"chunked"), b"",
     encoding("zstd")),
    ("9110, 8.4 identity is allowed", head(CE + b"Identity,") + b"abc", b"abc", None),
    ("9110, 8.4 none is allowed (Vercel's advice for Next.js)", head(CE + b"none") + b"abc", b"abc", None),
    ("9110, 8.4 none is allowed in capitals, and beside identity",
     head(CE + b"None", CE + b"identity") + b"abc", b"abc", None),
    ("9110, 8.4 a coding that looks like none is refused",
     head(CE + b"nonesuch") + b"abc", b"", encoding("nonesuch")),
    ("9110, 8.4 none beside a content coding is refused",
     head(CE + b"none, gzip") + b"abc", b"", encoding("none,gzip")),
    ("9110, 8.4 none is not a transfer coding", head(TE + b"none") + b"abc", b"", transfer("none")),
    # 7.1
    ("7.1 chunks, each with its size", CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc", None),
    ("7.1 sizes are hex digits, both cases", CHUNKED + b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
     b"0123456789" * 2, None),
    ("7.1 a size of two digits", CHUNKED + b"1F\r\n" + b"a" * 31 + b"\r\n0\r\n\r\n", b"a" * 31, None),
    ("7.1 a size with leading zeros", CHUNKED + b"0" * 40 + b"2\r\nab\r\n0\r\n\r\n", b"ab", None),
    ("7.1 the last chunk is 1*\"0\"", CHUNKED + b"2\r\nab\r\n0000\r\n\r\n", b"ab", None),
    ("7.1 no chunk but the last", CHUNKED + LAST, b"", None),
    ("7.1 a chunk may hold CRLF and what looks like chunks", CHUNKED + b"9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n",
     b"\r\n0\r\n\r\n\r\n", None),
    ("7.1 a size of sixteen digits", CHUNKED + b"ffffffffffffffff\r\na", b"a", cut("chunk", 1)),
    ("7.1 a size of seventeen digits is refused", CHUNKED + b"10000000000000000\r\na", b"", NO_SIZE),
    ("7.1 no parameters of the coding", head(TE + b"chunked;q=1"), b"", transfer("chunked;q=1")),
    ("7.1 chunk-size = 1*HEXDIG: none", CHUNKED + b"\r\nab\r\n", b"", NO_SIZE),
    ("7.1 an extension without a size", CHUNKED + b";a\r\nab\r\n", b"", NO_SIZE),
    ("7.1 a size with a sign", CHUNKED + b"-2\r\nab\r\n", b"", NO_SIZE),
    ("7.1 a size with the other sign", CHUNKED + b"+2\r\nab\r\n", b"", NO_SIZE),
    ("7.1 a size with an underscore", CHUNKED + b"1_0\r\nab\r\n", b"", NO_SIZE),
    ("7.1 a size with the prefix 0x", CHUNKED + b"0x2\r\nab\r\n", b"", NO_SIZE),
    ("7.1 a size with a letter that is not a hex digit", CHUNKED + b"2g\r\nab\r\n", b"", NO_SIZE),
    ("7.1 a size with a digit of another script", CHUNKED + "٣".encode() + b"\r\nabc\r\n", b"", NO_SIZE),
    ("7.1 a blank before the size", CHUNKED + b" 2\r\nab\r\n", b"", NO_SIZE),
    ("7.1 a blank inside the size", CHUNKED + b"1 0\r\nab\r\n", b"", NO_SIZE),
    ("7.1 blanks after the size are ignored: some servers pad",
     CHUNKED + b"2 \t\r\nab\r\n0   \r\n\r\n", b"ab", None),
    ("7.1 no lone LF after a size", CHUNKED + b"2\nab\r\n0\r\n\r\n", b"", NO_SIZE),
    ("7.1 no lone LF after an extension", CHUNKED + b"2;a\nab\r\n0\r\n\r\n", b"", NO_SIZE),
    ("7.1 no lone LF after the data", CHUNKED + b"2\r\nab\n0\r\n\r\n", b"ab", NO_SIZE),
    ("7.1 no lone LF after the last size", CHUNKED + b"2\r\nab\r\n0\n\r\n", b"ab", NO_SIZE),
    ("7.1 LFs instead of a size", CHUNKED + b"\n\n\n", b"", NO_SIZE),
    ("7.1 LFs instead of a size, cut", CHUNKED + b"\n\n", b"", cut("chunk size")),
    ("7.1 LFs instead of the end of a chunk", CHUNKED + b"2\r\nab\n\n\n", b"ab", NO_SIZE),
    ("7.1 LFs instead of the end of a chunk, cut", CHUNKED + b"2\r\nab\n\n", b"ab", cut("chunk size", 2)),
    ("7.1 no lone CR after a size", CHUNKED + b"2\rab\r\n", b"", NO_SIZE),
    ("7.1 no lone CR before CRLF", CHUNKED + b"2;a\r\r\nab\r\n", b"", NO_SIZE),
    ("7.1 no lone CR in an extension", CHUNKED + b"2;\ra\r\nab\r\n0\r\n\r\n", b"", NO_SIZE),
    ("7.1 data longer than its size", CHUNKED + b"2\r\nabc\r\n0\r\n\r\n", b"ab", NO_SIZE),
    ("7.1 data shorter than its size", CHUNKED + b"3\r\nab\r\n0\r\n\r\n", b"ab\r", NO_SIZE),
    ("7.1 no CRLF after the data", CHUNKED + b"2\r\nab0\r\n\r\n", b"ab", NO_SIZE),
    ("7.1 CRLF twice after the data", CHUNKED + b"2\r\nab\r\n\r\n0\r\n\r\n", b"ab", NO_SIZE),
    ("7.1 CRLF before the first size", CHUNKED + b"\r\n2\r\nab\r\n0\r\n\r\n", b"", NO_SIZE),
    ("7.1 incomplete without any chunk", CHUNKED, b"", cut("chunk size")),
    ("7.1 incomplete within a size", CHUNKED + b"2", b"", cut("chunk size")),
    ("7.1 incomplete within data", CHUNKED + b"2\r\na", b"a", cut("chunk", 1)),
    ("7.1 incomplete after data", CHUNKED + b"2\r\nab", b"ab", cut("chunk size", 2)),
    ("7.1 incomplete without the last chunk", CHUNKED + b"2\r\nab\r\n", b"ab", cut("chunk size", 2)),
    ("7.1 incomplete without the last empty line",
     CHUNKED + b"2\r\nab\r\n0\r\n", b"ab", cut("trailer section", 2)),
    ("7.1 incomplete within the last empty line",
     CHUNKED + b"2\r\nab\r\n0\r\n\r", b"ab", cut("trailer section", 2)),
    # 7.1.1
    ("7.1.1 extensions are ignored", CHUNKED + b"2;a\r\nab\r\n0\r\n\r\n", b"ab", None),
    ("7.1.1 an extension with a value", CHUNKED + b"2;a=b\r\nab\r\n0;c=d\r\n\r\n", b"ab", None),
    ("7.1.1 an extension with a quoted value", CHUNKED + b'2;a="b;\\"0,"\r\nab\r\n0\r\n\r\n', b"ab", None),
    ("7.1.1 several extensions with white space", CHUNKED + b"2 ; a = b\t;c\r\nab\r\n0\r\n\r\n", b"ab", None),
    ("7.1.1 an invalid extension", CHUNKED + b"2;;\0\xff\r\nab\r\n0\r\n\r\n", b"ab", None),
    # 7.1.2
    ("7.1.2 trailers may be discarded", CHUNKED + b"2\r\nab\r\n0\r\nA: b\r\nC: d\r\n\r\nx", b"ab", None),
    ("7.1.2 a trailer with a length is discarded",
     CHUNKED + b"0\r\nContent-Length: 3\r\nno field\r\n\r\nabc", b"", None),
    ("7.1.2 lines of trailers may end in LF (2.2)", CHUNKED + b"0\r\nA: b\n\nabc", b"", None),
    ("7.1.2 an empty trailer section may end in LF", CHUNKED + b"0\r\n\nabc", b"", None),
    ("7.1.2 incomplete without the empty line", CHUNKED + b"0\r\nA: b\r\n", b"", cut("trailer section")),
    # 7.2
    ("7.2 compression is not undone", head(TE + b"x-gzip"), b"", transfer("x-gzip")),
]


class Table(unittest.TestCase):
    def check(self, wire, body, error):
        whole = deliver([wire])
        self.assertEqual((body, error, error is None), (*whole[:2], whole[4]))
        self.assertEqual((body, error is None), reference(wire), "the reference")
        self.assertEqual(whole, deliver(singles(wire)), "byte by byte")
        self.assertEqual(whole, deliver([bytearray(wire)]), "a bytearray")
        self.assertEqual(whole, deliver([b"", memoryview(wire), b""]), "a memoryview, between empty pieces")
        for pieces in cuts(wire):
            self.assertEqual(whole, deliver(pieces), pieces)
            self.assertEqual(whole, deliver(pieces, pickled), pieces)
            self.assertEqual(whole, deliver(pieces, copy.deepcopy), pieces)

    def test_every_row(self):
        for name, wire, body, error in ROWS:
            with self.subTest(name):
                if len(wire) > 1000:  # too long to be cut at every place: it has one long number
                    self.assertEqual((body, error), deliver([wire])[:2])
                    self.assertEqual(deliver([wire]), deliver(singles(wire)))
                else:
                    self.check(wire, body, error)

    def test_every_beginning_of_a_framed_response_is_cut(self):
        for wire in (
            CHUNKED + b"2;a\r\nab\r\n1\r\nc\r\n0\r\nA: b\r\n\r\n",
            head(b"Content-Length: 3") + b"abc",
            head(start=b"HTTP/1.1 100 Continue") + head(b"Content-Length: 3") + b"abc",
        ):
            self.assertEqual((b"abc", None), deliver([wire])[:2])
            for i in range(len(wire)):
                body, error, *_ = deliver([wire[:i]])
                self.assertTrue(b"abc".startswith(body))
                self.assertRegex(error, r"\Awas cut in its .*, after \d bytes of body: ask again\.\Z")


class Limits(unittest.TestCase):
    """A head, a chunk size and a trailer section may have 64 KiB each; a byte more is an error."""

    def check(self, before, begin, fill, end, body, where):
        for more, error in ((0, None), (1, long(where))):
            wire = before + begin + fill * (LIMIT - len(begin) - len(end) + more) + end
            tail = b"x" if where == "head" else b"" if where == "trailer section" else b"a\r\n0\r\n\r\n"
            with self.subTest(where, more=more):
                expected = (body if error is None else b"", error)
                whole = deliver([wire + tail])
                self.assertEqual(expected, whole[:2])
                self.assertEqual((expected[0], error is None), reference(wire + tail))
                randomness = random.Random(1)
                for _ in range(10):
                    self.assertEqual(whole, deliver(at_random(wire + tail, randomness)))
                self.assertEqual(whole, deliver(singles(wire + tail)))

    def test_a_head(self):
        self.check(b"", b"HTTP/1.1 200 OK\r\nA: ", b"b", b"\r\n\r\n", b"x", "head")

    def test_each_informational_head_is_counted_alone(self):
        interim = head(b"A: " + b"b" * 60000, start=b"HTTP/1.1 103 Early Hints")
        self.check(interim * 2, b"HTTP/1.1 200 OK\r\nA: ", b"b", b"\r\n\r\n", b"x", "head")

    def test_a_head_of_many_short_lines(self):
        wire = b"HTTP/1.1 200 OK\n" + b"A:\n" * 21839
        self.assertEqual(LIMIT - 3, len(wire))
        self.assertEqual((b"x", None), deliver([wire + b"\r\nx"])[:2])
        self.assertEqual((b"", long("head")), deliver([wire + b"A:\n\n"])[:2])

    def test_a_chunk_size(self):
        self.check(CHUNKED, b"1;", b"b", b"\r\n", b"a", "chunk size")
        self.check(CHUNKED, b"", b"0", b"1\r\n", b"a", "chunk size")

    def test_a_trailer_section(self):
        self.check(CHUNKED + b"0\r", b"\nA: ", b"b", b"\r\n\r\n", b"", "trailer section")

    def test_a_line_that_never_ends(self):
        for before, where in (
            (b"HTTP/1.1 200 OK\r\n", "head"),
            (CHUNKED, "chunk size"),
            (CHUNKED + b"1\r\na\r\n", "chunk size"),
            (CHUNKED + b"0\r\n", "trailer section"),
        ):
            body = HTTPBody()
            body.feed(before)
            with self.assertRaises(StreamError) as raised:
                body.feed(b"1;" * LIMIT)
            self.assertEqual("The HTTP response " + long(where), str(raised.exception))


class Life(unittest.TestCase):
    """Attributes, misuse, errors, the end."""

    def test_status_and_headers(self):
        body = HTTPBody()
        self.assertEqual((None, [], False), (body.status, body.headers, body.complete))
        body.feed(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 401 No\r\nX-B: \t\xe9 : c\t\r\n")
        self.assertEqual((None, [], False), (body.status, body.headers, body.complete))
        body.feed(b"Set-Cookie: a\r\nX-Empty:\r\nset-cookie:b\r\n c\r\n\r\nabc")
        headers = [("x-b", "\xe9 : c"), ("set-cookie", "a"), ("x-empty", ""), ("set-cookie", "b c")]
        self.assertEqual((401, headers, False), (body.status, body.headers, body.complete))
        self.assertIsNone(body.close())
        self.assertEqual((401, headers, True), (body.status, body.headers, body.complete))

    def test_status_and_headers_are_there_after_a_framing_error(self):
        body = HTTPBody()
        with self.assertRaises(StreamError):
            body.feed(head(b"Content-Encoding: gzip", start=b"HTTP/1.1 500 Oh"))
        self.assertEqual((500, [("content-encoding", "gzip")]), (body.status, body.headers))

    def test_trailers_are_no_headers(self):
        self.assertEqual([("transfer-encoding", "chunked")], deliver([CHUNKED + b"0\r\nA: b\r\n\r\n"])[3])

    def test_body_comes_as_soon_as_it_is_there(self):
        body = HTTPBody()
        pieces = [CHUNKED + b"5", b"\r\nab", b"", b"cde", b"\r\n1\r", b"\nf\r\n0\r\n", b"\r\n", b"g"]
        found = [body.feed(piece) for piece in pieces]
        self.assertEqual([b"", b"ab", b"", b"cde", b"", b"f", b"", b""], found)

    def test_complete(self):
        for pieces, complete in (
            ([CHUNKED + b"1\r\na\r\n0\r\n", b"\r", b"\n", b"x"], [False, False, True, True]),
            ([head(b"Content-Length: 2") + b"a", b"b", b"x"], [False, True, True]),
            ([head(start=b"HTTP/1.1 204 No Content"), b"x"], [True, True]),
            ([head(), b"x"], [False, False]),
        ):
            body = HTTPBody()
            self.assertEqual(complete, [(body.feed(piece), body.complete)[1] for piece in pieces])
            body.close()
            self.assertIs(True, body.complete)

    def test_feed_returns_bytes_for_any_bytes_like(self):
        for make in (bytes, bytearray, memoryview):
            body = HTTPBody()
            self.assertIs(bytes, type(body.feed(make(head() + b"ab"))))
            self.assertIs(bytes, type(body.feed(make(b"ab"))))
        self.assertEqual(b"bd", body.feed(memoryview(b"abcd")[1::2]))

    def test_what_is_not_bytes(self):
        for wrong, name in (("a", "str"), (5, "int"), (None, "NoneType"), ([97], "list")):
            body = HTTPBody()
            with self.assertRaises(TypeError) as raised:
                body.feed(wrong)
            self.assertEqual(f"HTTPBody takes bytes as recv() gives them, not {name}", str(raised.exception))
            self.assertEqual(b"a", body.feed(head() + b"a"), "and nothing has happened")

    def test_close_is_idempotent_and_final(self):
        for wire in (head(b"Content-Length: 0"), head(), head() + b"a"):
            body = HTTPBody()
            body.feed(wire)
            self.assertEqual([None, None], [body.close(), body.close()])
            self.assertTrue(body.complete)
            with self.assertRaisesRegex(RuntimeError, "make a new HTTPBody for each response"):
                body.feed(b"")

    def test_close_raises_for_a_cut_each_time(self):
        body = HTTPBody()
        body.feed(head(b"Content-Length: 2") + b"a")
        for _ in range(2):
            with self.assertRaises(StreamError) as raised:
                body.close()
            self.assertEqual("The HTTP response " + cut("body by content-length", 1), str(raised.exception))
            self.assertEqual(([], None), (raised.exception.errors, raised.exception.snapshot))
            self.assertFalse(body.complete)
        with self.assertRaises(RuntimeError):
            body.feed(b"b")

    def test_the_body_before_an_error_is_returned_first(self):
        body = HTTPBody()
        self.assertEqual(b"ab", body.feed(CHUNKED + b"2\r\nabc\r\n"))
        for _ in range(2):
            with self.assertRaises(StreamError) as raised:
                body.feed(b"")
            self.assertEqual("The HTTP response " + NO_SIZE, str(raised.exception))
        with self.assertRaises(StreamError):
            body.close()
        with self.assertRaises(RuntimeError):
            body.feed(b"")

    def test_repr_has_the_state(self):
        seen = []
        body = HTTPBody()
        for piece in (b"", CHUNKED, b"5\r\n", b"se", b"cre\r\n", b"0\r\n", b"\r\n"):
            body.feed(piece)
            seen.append(repr(body))
        body.close()
        self.assertEqual(
            [
                "<HTTPBody head: status None, 0 bytes of body>",
                "<HTTPBody chunk size: status 200, 0 bytes of body>",
                "<HTTPBody chunk: status 200, 0 bytes of body>",
                "<HTTPBody chunk: status 200, 2 bytes of body>",
                "<HTTPBody chunk size: status 200, 5 bytes of body>",
                "<HTTPBody trailer section: status 200, 5 bytes of body>",
                "<HTTPBody complete: status 200, 5 bytes of body>",
                "<HTTPBody complete, closed: status 200, 5 bytes of body>",
            ],
            [*seen, repr(body)],
        )
        failed = deliver([b"secret"])[-1]
        self.assertEqual("<HTTPBody failed in head, closed: status None, 0 bytes of body>", failed)
        body = HTTPBody()
        body.feed(head() + b"secret")
        self.assertEqual("<HTTPBody body until close: status 200, 6 bytes of body>", repr(body))

    def test_no_content_in_messages(self):
        for wire in (
            b"data: SECRET\n\n",
            head(b"data: SECRET", b"SECRET") + b"SECRET",
            head(b"X: SECRET", start=b"HTTP/1.1 x SECRET"),
            head(b"Authorization: SECRET", b"Content-Length: 9") + b"SECRET",
            CHUNKED + b"2\r\nSECRET\r\n0\r\n\r\n",
            CHUNKED + b"SECRET\r\n",
            CHUNKED + b"9;SECRET\r\nSECRET",
            CHUNKED + b"0\r\nSECRET",
            CHUNKED + b"1;SECRET" * LIMIT,
        ):
            _, error, _, _, _, shown = deliver([wire])
            self.assertIsNotNone(error)
            self.assertNotIn("SECRET", error + shown)

    def test_has_no_dict(self):
        with self.assertRaises(AttributeError):
            HTTPBody().note = 1


class Recordings(unittest.TestCase):
    """Bytes of real servers, if their recordings are beside the checkout."""

    @unittest.skipUnless(RECORDINGS.is_dir(), f"there is no {RECORDINGS}")
    def test_every_recording(self):
        paths = sorted(RECORDINGS.glob("*/*.chunked"))
        self.assertTrue(paths)
        for path in paths:
            with self.subTest(path.name):
                wire, body = CHUNKED + path.read_bytes(), path.with_suffix(".sse").read_bytes()
                error = None if wire.endswith(b"\r\n0\r\n\r\n") else cut("chunk size", len(body))
                whole = deliver([wire])
                self.assertEqual((body, error), whole[:2])
                if len(wire) < 4500:
                    self.assertEqual(whole, deliver(singles(wire)))
                    for pieces in cuts(wire):
                        self.assertEqual(whole, deliver(pieces))
                randomness = random.Random(path.name)
                for _ in range(5):
                    self.assertEqual(whole, deliver(at_random(wire, randomness)))
                    self.assertEqual(whole, deliver(at_random(wire, randomness, 4), pickled))


# ---- properties -------------------------------------------------------------------------------------

blanks = st.text(" \t", max_size=2).map(str.encode)
tokens = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8).map(str.encode)
values = st.binary(max_size=12).map(lambda value: re.sub(rb"[\r\n\0]", b"", value))
fields = st.builds(lambda name, value: b"X" + name + b": " + value + b"\r\n", tokens, values)
quoted = values.map(lambda value: b'"' + re.sub(rb'["\\]', b"", value) + b'"')
extensions = st.builds(
    lambda *parts: b"%b;%b%b%b=%b%b" % parts, blanks, blanks, tokens, blanks, blanks, tokens | quoted
)
bodies = st.binary(max_size=200) | st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b"0\r\n\r\n", b"5\r\n", b"data: x\n\n"])
).map(b"".join)


@st.composite
def chunked(draw, body):
    """The body in chunks of any size, with sizes in any spelling, extensions and trailers."""
    wire = []
    while body:
        size = draw(st.integers(1, len(body)))
        wire += [draw(spellings(size)), body[:size], b"\r\n"]
        body = body[size:]
    wire += [draw(spellings(0)), *draw(st.lists(fields, max_size=2)), b"\r\n"]
    return b"".join(wire)


def spellings(size):
    return st.builds(
        lambda zeros, form, more: b"0" * zeros + form % size + b"".join(more) + b"\r\n",
        st.integers(0, 20),
        st.sampled_from([b"%x", b"%X"]),
        st.lists(extensions, max_size=2),
    )


@st.composite
def responses(draw):
    """A valid response and its body."""
    body = draw(bodies)
    framing, wire = draw(
        st.one_of(
            st.tuples(st.just(b"Transfer-Encoding: chunked\r\n"), chunked(body)),
            st.tuples(st.just(b"content-LENGTH:%d\r\n" % len(body)), st.just(body)),
            st.tuples(st.just(b""), st.just(body)),
        )
    )
    before = draw(st.lists(fields, max_size=2))
    after = draw(st.lists(fields, max_size=2))
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    return interim + b"HTTP/1.1 200 OK\r\n" + b"".join([*before, framing, *after]) + b"\r\n" + wire, body


@st.composite
def mutants(draw):
    """A valid response, or a row of the table, damaged."""
    wire = bytearray(draw(responses().map(lambda pair: pair[0]) | st.sampled_from([row[1] for row in ROWS])))
    for _ in range(draw(st.integers(1, 4))):
        i, j = sorted((draw(st.integers(0, len(wire))), draw(st.integers(0, len(wire)))))
        how = draw(st.sampled_from(["flip", "drop", "duplicate", "splice", "truncate"]))
        if how == "flip" and i < len(wire):
            wire[i] ^= draw(st.sampled_from([1 << bit for bit in range(8)]))
        elif how == "drop":
            del wire[i : min(j, i + 8)]
        elif how == "duplicate":
            wire[j:j] = wire[i:j]
        elif how == "splice":
            wire[i:i] = draw(st.sampled_from([b"\r\n", *singles(b"\r\n \0;:,01f-")]))
        elif how == "truncate":
            del wire[j:]
    return bytes(wire)


class Socket(io.BytesIO):
    """The part of a socket that http.client uses."""

    def makefile(self, mode):
        return self


class Properties(unittest.TestCase):
    @examples(100)
    @given(responses(), st.randoms(use_true_random=False))
    def test_any_cut_of_any_response_gives_its_body(self, response, randomness):
        wire, body = response
        whole = deliver([wire])
        self.assertEqual((body, None), whole[:2])
        self.assertEqual(whole, deliver(at_random(wire, randomness)))
        self.assertEqual(whole, deliver(at_random(wire, randomness, 4), pickled))
        self.assertEqual(whole, deliver(singles(wire)))
        self.assertEqual((body, True), reference(wire))

    @examples(100)
    @given(responses())
    def test_http_client_reads_the_same(self, response):
        wire, body = response
        answer = http.client.HTTPResponse(Socket(wire))
        answer.begin()
        self.assertEqual(body, answer.read())
        self.assertEqual((answer.status, body), deliver([wire])[2::-2])

    @examples(100)
    @given(mutants(), st.randoms(use_true_random=False))
    @example(CHUNKED + b"2\r\nab\r\n\n", random.Random(0))
    def test_damage_raises_nothing_but_stream_error_and_the_same_for_every_cut(self, wire, randomness):
        whole = deliver([wire])
        self.assertEqual((whole[0], whole[1] is None), reference(wire))
        self.assertEqual(whole, deliver(singles(wire)))
        for _ in range(3):
            self.assertEqual(whole, deliver(at_random(wire, randomness)))

    @examples(100)
    @given(st.binary(max_size=99), st.sampled_from([b"", b"HTTP/1.1 ", head()[:-2], CHUNKED, CHUNKED + b"1"]))
    def test_random_bytes(self, noise, before):
        whole = deliver([before + noise])
        self.assertEqual((whole[0], whole[1] is None), reference(before + noise))
        self.assertEqual(whole, deliver(singles(before + noise)))


# ---- what it costs ----------------------------------------------------------------------------------


def work(wire, step):
    """Feed the wire in pieces of ``step`` bytes. Return the number of calls on bytes that come or are kept,
    plus the number of bytes that these calls touched.
    """
    done = 0

    def count(touched):
        nonlocal done
        done += 1 + touched

    class Came(bytes):
        def __getitem__(self, index):
            found = bytes.__getitem__(self, index)
            count(len(found))
            return found

        def find(self, what, start, stop):
            found = bytes.find(self, what, start, stop)
            count((found if found >= 0 else min(stop, len(self))) - start)
            return found

    class Kept(bytearray):
        def __iadd__(self, more):
            count(len(more))
            return bytearray.__iadd__(self, more)

        def __getitem__(self, index):
            found = bytearray.__getitem__(self, index)
            count(len(found))
            return found

        def decode(self, encoding):
            count(len(self))
            return bytearray.decode(self, encoding)

    class View:
        def __init__(self, data):
            count(len(data))
            self.tobytes = lambda: Came(data)

    body = HTTPBody()
    body._pending = Kept()
    with mock.patch.object(_http, "memoryview", View, create=True):
        for at in range(0, len(wire), step):
            body.feed(wire[at : at + step])
    assert type(body._pending) is Kept, "counted to the end"
    body.close()
    return done


class Linear(unittest.TestCase):
    """Four times the bytes are four times the work, for any bytes and any cuts."""

    SHAPES = (
        ("a body by length", 16384, lambda n: head(b"Content-Length: %d" % n) + b"a" * n),
        ("a body until close", 16384, lambda n: head() + b"a" * n),
        ("a huge chunk", 16384, lambda n: CHUNKED + b"%x\r\n" % n + b"a" * n + b"\r\n0\r\n\r\n"),
        ("tiny chunks", 16384, lambda n: CHUNKED + b"1\r\na\r\n" * (n // 6) + b"0\r\n\r\n"),
        ("interim heads", 16384, lambda n: head(start=b"HTTP/1.1 100 Continue") * (n // 25) + head()),
        ("a long field", 16000, lambda n: head(b"A: " + b"b" * n)),
        ("many fields", 16000, lambda n: head(*[b"A: b"] * (n // 6))),
        ("many folds", 16000, lambda n: head(b"A: b", *[b" b"] * (n // 4))),
        ("a long extension", 16000, lambda n: CHUNKED + b"1;" + b"a" * n + b"\r\na\r\n0\r\n\r\n"),
        ("many zeros", 16000, lambda n: CHUNKED + b"0" * n + b"1\r\na\r\n0\r\n\r\n"),
        ("long trailers", 16000, lambda n: CHUNKED + b"0\r\n" + b"A: b\r\n" * (n // 6) + b"\r\n"),
    )

    def test_work_grows_with_the_bytes(self):
        for name, size, make in self.SHAPES:
            for step in (1, 64, 1 << 20):
                with self.subTest(name, step=step):
                    small, large = work(make(size), step), work(make(4 * size), step)
                    self.assertLess(large, 5 * small)  # 16 times, were anything read again
                    self.assertLess(large, 20 * len(make(4 * size)))  # 17 measured, a head in single bytes

    def test_a_mebibyte(self):
        huge = CHUNKED + b"100000\r\n" + b"a" * (1 << 20) + b"\r\n0\r\n\r\n"
        self.assertLess(work(huge, 64), 3 * len(huge))  # 2.03 measured

    def test_no_pattern_backtracks(self):
        """Protocol text of the greatest length, nearly right: a regex that backtracks does not end."""
        full = LIMIT - 100
        for wire, error in (
            (head(b"A" * full), NO_HEAD),
            (head(b"A:" + b" " * full + b"\0"), NO_HEAD),
            (head(b"A:" * (full // 2) + b"\0"), NO_HEAD),
            (head(*[b"A:b"] * (full // 5), b"C"), NO_HEAD),
            (head(*[b" "] * (full // 3), b"C"), NO_HEAD),
            (head(b"A:b", *[b" "] * (full // 3), b"C"), NO_HEAD),
            (head(b"A:" + b" \t" * (full // 2), b"C"), NO_HEAD),
            (head(b"A:" + b" " * (full // 2), b" " * (full // 2) + b"\0"), NO_HEAD),
            (head(b"Content-Length: " + b"0" * full + b"x"), length("0" * 40)),
            (head(b"Content-Length: " + b"1," * (full // 2) + b"2"), length("1," * 20)),
            (head(b"Transfer-Encoding: " + b" ," * (full // 2) + b"x"), transfer("," * 40)),
            (CHUNKED + b"0" * full + b"g\r\n", NO_SIZE),
            (CHUNKED + b"1" * full + b"\r\n", NO_SIZE),
            (CHUNKED + b"1" + b" \t" * (full // 2) + b"x\r\n", NO_SIZE),
            (CHUNKED + b"1" + b";" * full + b"\r\r\n", NO_SIZE),
        ):
            self.assertEqual((b"", error), deliver([wire])[:2])


if __name__ == "__main__":
    unittest.main()
