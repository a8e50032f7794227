# SPDX-License-Identifier: MIT
"""Whole JSON texts: the data of a frame, and the arguments of a call.

    parse_json('{"a": NaN}')            # {"a": None}
    parse_json("[" * 200)               # ValueError: JSON nested deeper than 128 levels
    status_of('{"a": "b')               # "incomplete"

The standard library parses the texts. This file adds two checks that the library lacks: whether a text is
nested too deep, and how the arguments of a call ended. It knows nothing of streams, choices or tool calls.
"""

from __future__ import annotations

import json
import re

from ._partial import BLANK, MAX_DEPTH, JSONScanner, is_lax, scanstring

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


def _strictly(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return a decoder like ``read`` that refuses bad escapes (see ``is_lax``).

    ``read(text)`` returns the value, ``read(text, pos)`` returns the value and its end.
    """

    def read_strictly(text: str, *pos: int) -> Any:
        try:
            result = read(text, *pos)
        except RecursionError:  # is_too_deep() stops counting at a bad escape
            raise ValueError from None
        start, end = (pos[0], result[1]) if pos else (0, len(text))
        if "u" in re.compile(r"\\(u[0-9a-fA-F]{4}|.)").findall(text, start, end):
            raise ValueError
        return result

    return read_strictly


# scan_once is called directly, because the decoder's public methods take 1.5 times as long.
_decoder: Any = json.JSONDecoder(parse_float=_finite, parse_constant=_null)
scan_json: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once
_LONG = 16384  # characters; a longer text is likely to be mostly one string
_BATCH = 256  # strings that is_too_deep() skips at once: it limits the memory for the text between them


def is_too_deep(text: str) -> bool:
    """Whether a JSON text nests deeper than MAX_DEPTH levels."""
    if len(text) > _LONG:
        if not any(_has_many(text, bracket) for bracket in "[{"):
            return False
    else:
        # A level takes at least two characters if it is an array ([]), five if it is an object ({"":}).
        arrays = text.count("[")
        if len(text) < 5 * MAX_DEPTH - 3 * arrays or arrays + text.count("{") <= MAX_DEPTH:
            return False
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


def parse_json(text: str) -> Any:
    """Return the JSON value of ``text``.

    Raises ValueError if it is not JSON, is nested too deep, or has an integer with more digits than the
    interpreter converts.
    """
    if is_too_deep(text):
        raise ValueError(TOO_DEEP)
    try:
        value, end = scan_json(text, len(text) - len(text.lstrip(BLANK)))
    except StopIteration:
        raise ValueError from None
    except RecursionError:  # up to Python 3.11, if the caller's stack is nearly full
        raise ValueError("JSON nested too deep for what is left of the stack") from None
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
    raise ValueError(f"{name} is no JSON")


_loads: Callable[[str], Any] = json.JSONDecoder(parse_constant=_refuse_constant).decode
if is_lax:
    scan_json = _strictly(scan_json)
    _loads = _strictly(_loads)


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
            _loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return "complete"
    scanner = JSONScanner()
    scanner.feed(text)
    if scanner.error is not None:
        return "invalid"
    return "complete" if scanner.complete else "incomplete"
