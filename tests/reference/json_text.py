# SPDX-License-Identifier: MIT
"""JSON texts and Unicode: section 7 (depth, integers), rule 15, and the one grammar of section 8."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

MAX_DEPTH = 128  # section 7: a fixed number
JSON_SPACE = " \t\r\n"


def clean(value):
    """Rule 15: the two halves of a pair become one character, a lone half becomes U+FFFD."""
    if isinstance(value, str):
        whole = re.sub(
            "[\ud800-\udbff][\udc00-\udfff]",
            lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"),
            value,
        )
        return re.sub("[\ud800-\udfff]", "\ufffd", whole)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value


def plain(value, depth=0):
    """Copy a value down to JSON's own types: NaN and Infinity become null. ValueError: too deep."""
    if isinstance(value, (Mapping, list, tuple)) and depth == MAX_DEPTH:
        raise ValueError("too deep")
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError("no JSON at all")  # the caller's mistake


def depth(text):
    """How deep is this JSON text nested, also where a key that comes twice hides it?"""
    deepest = level = 0
    for bracket in re.findall(r"[][{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def parse(text):
    """Return the one JSON value that the text is, halves of pairs still in it, or raise ValueError."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("too deep") from None
    if depth(text) > MAX_DEPTH:
        raise ValueError("too deep")
    return plain(value)


class Ends(Exception):
    """The text merely ends; more text could make it valid."""


class Wrong(Exception):
    """No text at all can make it valid: ``args[0]`` is the offset of the first character that is wrong."""


def scan(text):
    """Say what a text is as ONE JSON value: "complete", "incomplete" or "invalid", and where it is wrong."""
    try:
        at = skip_space(text, scan_value(text, 0, 0))
    except Ends:
        return "incomplete", None
    except Wrong as wrong:
        return "invalid", wrong.args[0]
    return ("complete", None) if at == len(text) else ("invalid", at)


def is_one_value(text):
    """Is it complete? (Asks json first: what that refuses need not be scanned.)"""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):
        pass  # longer numbers or deeper nesting than json takes
    return scan(text)[0] == "complete"


def skip_space(text, at):
    while at < len(text) and text[at] in JSON_SPACE:
        at += 1
    return at


def expect(text, at, allowed):
    """Return the character there, which must be one of the allowed."""
    if at == len(text):
        raise Ends
    if text[at] not in allowed:
        raise Wrong(at)
    return text[at]


def scan_value(text, at, depth):
    at = skip_space(text, at)
    first = expect(text, at, '{["-0123456789tfn')
    if first in "{[" and depth == MAX_DEPTH:
        raise Wrong(at)
    if first == "{":
        return scan_items(text, at + 1, depth + 1, "}", keys=True)
    if first == "[":
        return scan_items(text, at + 1, depth + 1, "]", keys=False)
    if first == '"':
        return scan_string(text, at)
    if first in "tfn":
        for letter in {"t": "true", "f": "false", "n": "null"}[first]:
            expect(text, at, letter)
            at += 1
        return at
    return scan_number(text, at)


def scan_items(text, at, depth, end, keys):
    at = skip_space(text, at)
    if at < len(text) and text[at] == end:
        return at + 1
    while True:
        if keys:
            at = skip_space(text, at)
            expect(text, at, '"')
            at = skip_space(text, scan_string(text, at))
            expect(text, at, ":")
            at += 1
        at = skip_space(text, scan_value(text, at, depth))
        if expect(text, at, "," + end) == end:
            return at + 1
        at += 1


def scan_string(text, at):
    at += 1
    while True:
        if at == len(text):
            raise Ends
        if text[at] == '"':
            return at + 1
        if text[at] < " ":
            raise Wrong(at)
        if text[at] == "\\":
            at += 1
            if expect(text, at, '"\\/bfnrtu') == "u":
                for _ in range(4):
                    at += 1
                    expect(text, at, "0123456789abcdefABCDEF")
        at += 1


def scan_number(text, at):
    def digits(at):
        expect(text, at, "0123456789")
        while at < len(text) and text[at] in "0123456789":
            at += 1
        return at

    if text[at] == "-":
        at += 1
    at = at + 1 if text[at : at + 1] == "0" else digits(at)
    if text[at : at + 1] == ".":
        at = digits(at + 1)
    if text[at : at + 1] in ("e", "E"):
        at += 1
        if text[at : at + 1] in ("+", "-"):
            at += 1
        at = digits(at)
    return at

