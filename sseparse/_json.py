# SPDX-License-Identifier: MIT
"""Whole JSON texts: the data of a frame, and the arguments of a call.

    parse_json('{"a": NaN}')            # {"a": None}
    parse_json("[" * 200)               # ValueError: JSON nested deeper than 128 levels
    status_of('{"a": "b')               # "incomplete"

The standard library reads and writes the texts. This file adds checks that the library lacks: whether a text
is nested too deep, and how the arguments of a call ended. Where the library's scanner is written in Python,
it may accept bad escapes and digits of other scripts; here they are refused. NaN, Infinity and floats that
are too large are read as null. If the caller's stack is nearly full, this file reads and writes without
recursion. It knows nothing of streams, choices or tool calls.
"""

from __future__ import annotations

import json
import re

from ._partial import BLANK, MAX_DEPTH, JSONScanner, blank, is_lax, scanstring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Final

    from ._events import Status

TOO_DEEP: Final = f"JSON nested deeper than {MAX_DEPTH} levels"
TEXT_AFTER: Final = "text after the JSON value"


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if -1e400 < number < 1e400 else None


def _null(constant: str) -> None:
    """Read NaN, Infinity and -Infinity as null. Python's json module writes them, so servers send them."""


def _strictly(scan: Callable[[str, int], tuple[Any, int]]) -> Callable[[str, int], tuple[Any, int]]:
    """Return a scanner like ``scan`` that refuses bad escapes (see ``is_lax``)."""

    def scan_strictly(text: str, pos: int) -> tuple[Any, int]:
        value, end = scan(text, pos)
        # A good escape is found whole, but only the "u" of a bad one.
        if "u" in re.compile(r"\\(u[0-9a-fA-F]{4}|.)").findall(text, pos, end):
            raise ValueError
        return value, end

    return scan_strictly


def _in_ascii(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function like ``read`` that refuses a number with digits of another script."""

    def read_ascii(digits: str) -> Any:
        if not digits.isascii():
            raise ValueError
        return read(digits)

    return read_ascii


# scan_once is called directly, because the decoder's public methods take 1.5 times as long.
_plain: Any = json.JSONDecoder()
# The scanner that is written in Python (in PyPy) takes the digits of any script for a number.
_hooks: Any = {}
if _plain.scan_once("1\u0661", 0)[1] == 2:
    _hooks = {"parse_int": _in_ascii(int), "parse_float": _in_ascii(_finite)}
    _plain = json.JSONDecoder(**_hooks)
_options: Any = {"parse_float": _finite, "parse_constant": _null, **_hooks}
_decoder: Any = json.JSONDecoder(**_options)
scan_json: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once
# This takes 200 ns less for a float than scan_json, which calls a function. (It may return inf and nan.)
scan_number: Callable[[str, int], tuple[Any, int]] = _plain.scan_once
_SHORT = 2 * MAX_DEPTH  # characters; no whole text up to this length nests too deep
_LONG = 16384  # characters; a longer text is likely to be mostly one string
_BATCH = 256  # strings that is_too_deep() skips at once: it limits the memory for the text between them


def is_too_deep(text: str) -> bool:
    """Whether a JSON text nests deeper than MAX_DEPTH levels."""
    if len(text) > _LONG:
        has_enough = _has_many(text, "[") or _has_many(text, "{")
    else:
        # A level takes at least two characters if it is an array ([]), five if it is an object ({"":}).
        arrays = text.count("[")
        has_enough = len(text) >= 5 * MAX_DEPTH - 3 * arrays and arrays + text.count("{") > MAX_DEPTH
    return has_enough and _nests_too_deep(text)


def _nests_too_deep(text: str) -> bool:
    """Whether the brackets outside the strings nest deeper than MAX_DEPTH levels."""
    depth = end = 0
    while end < len(text):
        between: list[str] = []  # the text between the strings of this batch
        while end < len(text) and len(between) < _BATCH:
            start = text.find('"', end) + 1 or len(text)
            between.append(text[end:start])
            try:
                end = scanstring(text, start, True)[1]
            except ValueError:
                end = len(text)  # the text ends here, or this string is bad and the parser will refuse it
        bare = "".join(between)
        opened = bare.count("[") + bare.count("{")
        if depth + opened <= MAX_DEPTH:
            depth += opened - bare.count("]") - bare.count("}")
            continue
        for at in range(0, len(bare), _LONG):
            for bracket in re.findall(r"[][{}]", bare[at : at + _LONG]):
                depth += 1 if bracket in "[{" else -1
                if depth > MAX_DEPTH:
                    return True
    return False


def _has_many(text: str, bracket: str) -> bool:
    """Whether the text has more than MAX_DEPTH / 2 of this bracket.

    If brackets are rare, find() from one to the next is ten times faster than count().
    """
    pos = -1
    for _ in range(MAX_DEPTH // 2 + 1):
        pos = text.find(bracket, pos + 1)
        if pos < 0:
            return False
    return True


def scan_deep(text: str, pos: int) -> tuple[Any, int]:
    """Scan like ``scan_json``, but raise no other exception than ValueError.

    Up to Python 3.11 the scanner uses one level of the caller's stack for each level of JSON.
    """
    try:
        try:
            return scan_json(text, pos)
        except RecursionError:
            return _scan_without_recursion(text, pos)
    except StopIteration:
        raise ValueError from None


def _scan_without_recursion(text: str, pos: int) -> tuple[Any, int]:
    """Scan the strings, numbers and literals one by one, and build the containers here.

    This takes ten times as long as ``scan_json``.
    """
    around: list[Any] = []  # the open containers
    keys: list[str] = []  # the keys of the values that go into the open objects
    value: Any
    while True:
        if around and around[-1].__class__ is dict:
            key, pos = scan_json(text, pos)
            pos = blank(text, pos).end()
            if key.__class__ is not str or text[pos : pos + 1] != ":":
                raise ValueError
            keys.append(key)
            pos = blank(text, pos + 1).end()
        first = text[pos : pos + 1]
        if first in ("{", "["):
            value = {} if first == "{" else []
            pos = blank(text, pos + 1).end()
            if text[pos : pos + 1] != ("}" if first == "{" else "]"):
                around.append(value)
                continue
            pos += 1
        else:
            value, pos = scan_json(text, pos)
        while around:
            into = around[-1]
            if into.__class__ is dict:
                into[keys.pop()] = value
            else:
                into.append(value)
            pos = blank(text, pos).end() + 1
            mark = text[pos - 1 : pos]
            if mark == ",":
                pos = blank(text, pos).end()
                break
            if mark != ("}" if into.__class__ is dict else "]"):
                raise ValueError
            value = around.pop()
        else:
            return value, pos


def write_json(value: Any, sort_keys: bool = False) -> str:
    """Return the shortest JSON text of a plain value, even if the caller's stack is nearly full."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort_keys)
    except RecursionError:  # up to Python 3.11
        pass
    pieces: list[str] = []
    todo: list[Any] = [value]  # values, and tuples of the text between them
    while todo:
        one = todo.pop()
        inner: list[Any] = []
        if one.__class__ is tuple:
            pieces += one
        elif one.__class__ is dict:
            pieces.append("{")
            for key, item in sorted(one.items()) if sort_keys else one.items():
                inner += [("," if inner else "", json.dumps(key, ensure_ascii=False), ":"), item]
            todo.append(("}",))
        elif one.__class__ is list:
            pieces.append("[")
            for item in one:
                inner += [("," if inner else "",), item]
            todo.append(("]",))
        else:
            pieces.append(json.dumps(one, ensure_ascii=False))
        todo += reversed(inner)
    return "".join(pieces)


def parse_json(text: str) -> Any:
    """Return the JSON value of ``text``.

    Raises ValueError if it is not JSON, is nested too deep, or has an integer with more digits than the
    interpreter converts.
    """
    # Check the depth before the recursive scanner runs: it overflows WebAssembly's stack at 3000 levels. The
    # cheap test: a level takes at least two characters if it is an array, five if it is an object, and there
    # are at most as many arrays as characters from the first "[" to the last. (Finding these two takes half
    # the time of counting the brackets. Most frames are too short to be too deep: asking for the length first
    # is worth 7 % of the row "hostile, no two alike".)
    if len(text) > _SHORT:
        arrays = text.rfind("[") - text.find("[") + 1
        if len(text) > 5 * MAX_DEPTH - 3 * arrays and is_too_deep(text):
            raise ValueError(TOO_DEEP)
    try:
        value, end = scan_json(text, 0)  # less work than scan_deep() for the common case
        if end == len(text):
            return value
    except (ValueError, StopIteration, RecursionError):
        pass
    if is_too_deep(text):  # a text that is not whole may be deeper than its length tells
        raise ValueError(TOO_DEEP)
    value, end = scan_deep(text, len(text) - len(text.lstrip(BLANK)))
    if end != len(text) and text[end:].strip(BLANK):
        raise ValueError(TEXT_AFTER)
    return value


def parse_or_none(text: str) -> Any:
    """Return the JSON value of ``text``, or None if ``parse_json`` would raise."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_arguments: Any = json.JSONDecoder(parse_constant=_refuse_constant, **_hooks)
_scan_arguments: Callable[[str, int], tuple[Any, int]] = _arguments.scan_once
if is_lax:
    scan_json = _strictly(scan_json)
    _scan_arguments = _strictly(_scan_arguments)


def status_of(arguments: str) -> Status:
    """Return the status of a function's arguments.

    ``"empty"``: nothing but white space. ``"complete"``: one JSON object. ``"incomplete"``: the beginning of
    one. ``"invalid"``: anything else, for example text after the object.
    """
    text = arguments.strip(BLANK)
    if not text:
        return "empty"
    if text[0] != "{":
        return "invalid"
    # Parse only a text that ends like an object. For any other the scanner is enough, and it builds no tree.
    if text[-1] == "}" and not is_too_deep(text):
        try:
            if _scan_arguments(text, 0)[1] == len(text):
                return "complete"
        except (ValueError, StopIteration, RecursionError):
            pass
    scanner = JSONScanner()
    scanner.feed(arguments)  # with the white space at the end: inside a string, a line end is an error
    if scanner.error is not None:
        return "invalid"
    if not scanner.complete:
        return "incomplete"
    return "invalid" if parse_or_none(text) is None else "complete"  # an integer may be too long
