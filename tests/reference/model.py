# SPDX-License-Identifier: MIT
"""The specification once more, as a program: slow, obvious, and written without looking at the library.

It takes the whole input at once, so that nothing in it can depend on how bytes were cut. Text grows
with ``+=``, calls are found by searching the list of everything that happened, every value is copied.
Numbers in comments are the reassembly rules of the README ("rule 4 (b)") or its other sections.

    decode(body)              what SSEDecoder gives: events, retries, last_event_id, comments, overflowed
    run(body)                 what ChatStream gives after feed(body) and close()
    assemble(chunks, done)    what ChatAssembler gives after add() of each and close(done)
    comparable(event)         an event as a dict without the sentences that are the library's own

Events are dicts in the shape of ``as_dict()``. This module imports nothing of the library.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping

# ---------------------------------------------------------------------------------------------------
# Tables

FIELDS = {
    "start": ("id", "model", "created"),
    "content.delta": ("choice", "text"),
    "content.done": ("choice", "text"),
    "reasoning.delta": ("choice", "text"),
    "reasoning.done": ("choice", "text"),
    "refusal.delta": ("choice", "text"),
    "refusal.done": ("choice", "text"),
    "tool_call.start": ("choice", "index", "id", "name", "kind"),
    "tool_call.delta": ("choice", "index", "arguments"),
    "tool_call.done": ("choice", "index", "id", "name", "arguments", "kind", "status"),
    "audio.delta": ("choice", "data", "transcript"),
    "logprobs.delta": ("choice", "logprobs"),
    "choice.done": ("choice", "finish_reason"),
    "usage": ("usage",),
    "extra": ("choice", "index", "field", "value"),
    "error": ("kind", "message", "choice", "code", "data", "frame"),
    "done": (),
}
# What the library says in its own words stands here as one word; comparable() takes it out.
OWN_WORDS = "(the library's own words)"

MAX_EVENT_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 128  # section 7: a fixed number
MAX_USAGE = 1024  # values in the usage that is kept, or laying one over it would cost ever more
JSON_SPACE = " \t\r\n"
FIELD_NAMES = ("data", "event", "id", "retry")  # the standard's; beside them there is llama.cpp's "error:"
BOM = b"\xef\xbb\xbf"
BEGINNINGS = (b"data", b"event", b"id", b"retry", b"error", BOM)
MISSING = object()

NOISE = ("obfuscation", "p")  # rule 2
TOP = ("id", "object", "created", "model", "choices", "usage", "error", *NOISE)
CHOICE = ("index", "delta", "message", "finish_reason", "logprobs", "usage", "error", *NOISE)
REASONING = ("reasoning_content", "reasoning", "reasoning_text", "thinking")  # rule 9, in this order
DELTA = ("role", "content", "refusal", "tool_calls", "function_call", "audio", "index", *NOISE)
CALL = ("index", "id", "type", "function", "custom", *NOISE)
IDENTITIES = ("id", "name", "type", "model", "finish_reason")  # rule 1
APPENDED = ("text", "summary", "data", "thinking", "transcript")  # rule 10, and names with "reasoning" first
FINAL_REASONS = ("tool_calls", "function_call", "length", "content_filter", "error")  # rule 7
CUT_REASONS = ("length", "content_filter", "error")  # section 4, status of custom tools


def event(kind, *values):
    fields = FIELDS[kind]
    if len(fields) != len(values):
        raise TypeError(f"{kind} takes {fields}")
    return {"type": kind, **dict(zip(fields, values))}


def comparable(event):
    """Return the event with the sentences that nobody can predict taken out (but they must be there)."""
    if event["type"] != "error":
        return event
    if not (isinstance(event["message"], str) and event["message"]):
        raise ValueError(f"an error without a message: {event}")
    if event["kind"] == "server" and message_and_code(event["data"], {})[0] is not None:
        return event
    return {**event, "message": OWN_WORDS}


# ---------------------------------------------------------------------------------------------------
# JSON and Unicode


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


# ---------------------------------------------------------------------------------------------------
# The event stream, as the WHATWG HTML standard has it ("Interpreting an event stream")


class Decoded:
    """What SSEDecoder gives for a whole body. ``events`` are (event, data, id)."""

    def __init__(self, last_event_id):
        self.events = []
        self.retries = []
        self.last_event_id = last_event_id
        self.comments = 0
        self.overflowed = False


def split_lines(body):
    """Return the finished lines, without their ends, and the rest that no line end follows."""
    if body.startswith(BOM):
        body = body[3:]
    *lines, rest = re.split(rb"\r\n|\n|\r", body)
    return lines, rest


def split_field(line):
    name, _, value = line.partition(":")
    return name, value[1:] if value.startswith(" ") else value


def decode(body, flush_at_eof=False, max_event_bytes=MAX_EVENT_BYTES, last_event_id=""):
    result = Decoded(last_event_id)
    lines, rest = split_lines(body)
    data = []  # the data buffer, one entry for each line
    size = 0  # of the lines in it, whole
    event_type = ""
    event_id = last_event_id
    for number, raw in enumerate([*lines, rest]):
        is_last = number == len(lines)
        if is_last and not flush_at_eof and BOM.startswith(body):
            break  # cut inside of it: no line was begun
        if size + len(raw) > max_event_bytes:
            result.overflowed = True
            return result
        if is_last and not (flush_at_eof and rest):
            break
        line = raw.decode("utf-8", "replace")
        if line == "":
            result.last_event_id = event_id
            if data:
                result.events.append((event_type or "message", "\n".join(data), event_id))
            data, size, event_type = [], 0, ""
        elif line.startswith(":"):
            result.comments += 1
        else:
            name, value = split_field(line)
            if name == "data":
                data.append(value)
                size += len(raw)
            elif name == "event":
                event_type = value
            elif name == "id" and "\0" not in value:
                event_id = value
            elif name == "retry" and re.fullmatch("[0-9]{1,18}", value):
                result.retries.append(int(value))
    if flush_at_eof and data:
        # Its own id goes with it, but it is not committed: whoever reconnects asks for this event again.
        result.events.append((event_type or "message", "\n".join(data), event_id))
    return result


# ---------------------------------------------------------------------------------------------------
# From bytes to frames (rules 12 and 13, section 7)


class Limit(Exception):
    """One of the limits of section 7 was passed; nothing more is read."""


class Result:
    """What can be read off a closed stream or assembler."""

    def __init__(self, answer, truncated=False):
        self.events = answer.events
        self.errors = [one for one in answer.events if one["type"] == "error"]
        self.snapshot = answer.snapshot()
        self.done = answer.done
        self.finished = answer.is_finished()
        self.truncated = truncated
        self.comments = answer.comments
        self.text = {index: choice.content.value or "" for index, choice in answer.choices.items()}
        self.reasoning = {index: choice.reasoning.value or "" for index, choice in answer.choices.items()}
        self.refusal = {index: choice.refusal.value or "" for index, choice in answer.choices.items()}


def run(
    body,
    *,
    max_event_bytes=MAX_EVENT_BYTES,
    max_total_bytes=None,
    max_choices=128,
    max_tool_calls=128,
    max_errors=100,
):
    answer = Answer(max_choices, max_tool_calls, max_errors)
    body = bytes(body)
    framing = Framing(answer, body, max_event_bytes, max_total_bytes)
    truncated = False
    try:
        framing.read()
        answer.finish(done=False)
        if framing.is_foreign():
            framing.report_not_sse(framing.first_line[:200])
        truncated = framing.is_cut()
        if truncated:
            frame, text = framing.cut_frame or (None, None)
            answer.error("truncated", OWN_WORDS, data=text and text[:200], frame=frame)
    except Limit:
        answer.events.append(event("error", "limit", OWN_WORDS, None, None, None, None))
        answer.finish(done=False)
        truncated = False
    return Result(answer, truncated)


def assemble(chunks, done=False, *, max_choices=128, max_tool_calls=128, max_errors=100):
    answer = Answer(max_choices, max_tool_calls, max_errors)
    try:
        for chunk in chunks:
            answer.frame += 1
            try:
                chunk = plain(chunk)
            except ValueError:
                answer.error("malformed", OWN_WORDS, frame=answer.frame)
            else:
                answer.chunk(chunk)
    except Limit:
        answer.events.append(event("error", "limit", OWN_WORDS, None, None, None, None))
    answer.finish(done)
    return Result(answer)


def bare_object(line):
    """Rule 12: the object that a whole line is, or None."""
    try:
        value = parse(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def is_whole_line(value):
    """Rule 13: may this one pending data line stand for a frame of its own?"""
    return value.strip(JSON_SPACE) == "[DONE]" or bare_object(value) is not None


def is_whole_completion(value):
    """Rule 12: is this an answer that was not streamed at all?"""
    choices = value.get("choices")
    if not isinstance(choices, list):
        return False
    return value.get("object") in ("chat.completion", "text_completion") or any(
        isinstance(entry, dict) and isinstance(entry.get("message"), dict) for entry in choices
    )


class Document:
    """Rule 12: a JSON text over several lines, from the first line that is not blank.

    ``state``: what the stray lines of the rest of the body make of it. "complete" with the line
    ``last``; "broken" by the line ``last``, which is no part of it; or "incomplete".
    """

    def __init__(self, lines, first):
        self.lines = []
        self.size = 0  # of these lines, whole
        numbers = [number for number in range(first, len(lines)) if is_stray(lines[number])]
        text = "\n".join(lines[number] for number in numbers)
        try:
            end = scan_value(text, 0, 0)
            line_end = (text + "\n").index("\n", end)
            self.state = "broken" if text[end:line_end].strip(JSON_SPACE) else "complete"
        except Ends:
            self.state, end = "incomplete", len(text)
        except Wrong as wrong:
            self.state, end = "broken", wrong.args[0]
        self.last = numbers[text[:end].count("\n")]

    def text(self):
        return "\n".join(self.lines)


def is_stray(line):
    """Is it neither blank nor a comment nor a field?"""
    return line != "" and not line.startswith((":", "error:")) and split_field(line)[0] not in FIELD_NAMES


def is_cut_object(line):
    """Does it begin like an object, without being one, and without being one with text behind it?"""
    if not line.lstrip(JSON_SPACE).startswith("{"):
        return False
    try:
        scan_value(line, 0, 0)
    except (Ends, Wrong):
        return True
    return False


class Framing:
    """One body, cut into lines, the lines into frames; each frame goes to the answer."""

    def __init__(self, answer, body, max_event_bytes, max_total_bytes):
        self.answer = answer
        self.too_long = max_total_bytes is not None and len(body) > max_total_bytes
        self.body = body[:max_total_bytes] if self.too_long else body
        self.max_event_bytes = max_event_bytes
        self.data = []  # the data buffer, one entry for each line
        self.type_before = ""  # the event type as it stood at the first of them
        self.type_after = None  # the one given since then, if any
        self.first_line = ""  # the first that is not blank
        self.begins_as_json = False  # an object, or a document that did not break
        self.document = None  # the document, while it may go on
        self.aside = None  # text and value of what came before anything that counts, see put_aside()
        self.stream_seen = False  # a data, event or error line came
        self.bare_seen = False  # a bare line or a document came
        self.whole_seen = False  # a whole completion came bare
        self.nothing_else = False  # the body is one JSON object, but none that we know
        self.not_sse = False  # that error was reported
        self.cut_frame = None  # ordinal and text of a last frame that is cut

    def read(self):
        if self.body[: self.max_event_bytes + 1].startswith((b"HTTP/1.", b"\x1f\x8b")):
            self.report_not_sse(None)  # rule 13: at once, and the rest is still read
        raws, rest = split_lines(self.body)
        raws.append(rest)
        lines = [raw.decode("utf-8", "replace") for raw in raws]
        first = next((number for number, line in enumerate(lines) if line.strip(JSON_SPACE)), len(lines))
        size = 0  # of the pending data lines, whole
        for number, (raw, line) in enumerate(zip(raws, lines)):
            is_last = number == len(lines) - 1  # no line end follows it
            pending = size + (self.document.size if self.document is not None and is_stray(line) else 0)
            if pending + len(raw) > self.max_event_bytes:
                raise Limit  # section 7; measured before rule 13 delivers anything
            if is_last and self.too_long:
                raise Limit  # section 7: the first max_total_bytes were read, buffers are dropped
            if is_last and not rest:
                break
            if number == first:
                if is_last and any(name.startswith(raw) for name in BEGINNINGS):
                    break  # cut before anything could be told; not foreign
                self.first_line = line
                if bare_object(line) is not None:
                    self.begins_as_json = True
                elif line.lstrip(JSON_SPACE).startswith(("{", "[")):
                    self.document = Document(lines, number)
                    self.begins_as_json = self.document.state != "broken"
            self.line(line, number, is_last)
            size = self.size_of_data(raw, size)
            if self.document is not None and is_stray(line):
                self.document.size += len(raw)
        self.close()

    def size_of_data(self, raw, size):
        """Section 7: how much is pending after this line."""
        if not self.data:
            return 0
        is_data = split_field(raw.decode("utf-8", "replace"))[0] == "data"
        if not is_data:
            return size
        return len(raw) if len(self.data) == 1 else size + len(raw)

    def line(self, line, number, is_last):
        if is_stray(line):
            self.stray(line, number, is_last)
            return
        if line == "":
            if self.data:
                self.frame("\n".join(self.data), self.event_type())
            self.data, self.type_before, self.type_after = [], "", None
            return
        if line.startswith(":"):
            self.answer.comments += 1
            return
        name, value = split_field(line)
        if name == "data":
            self.stream_seen = True
            self.deliver_whole_line()
            self.data.append(value)
        elif name == "event":
            self.stream_seen = True
            if self.data:
                self.type_after = value
            else:
                self.type_before = value
        elif name == "error":  # rule 12: llama.cpp's field of its own
            self.stream_seen = True
            self.deliver_whole_line()
            self.frame(value, "error", is_last)

    def stray(self, line, number, is_last):
        """Rule 12: a line without ``data:`` may be a part of a document, or an object of its own."""
        document = self.document
        if document is not None and (document.state, document.last) != ("broken", number):
            document.lines.append(line)
            if (document.state, document.last) == ("complete", number):
                self.document, self.bare_seen = None, True
                self.put_aside(document.text())
            return
        self.document = None
        value = bare_object(line)
        if value is not None:
            self.deliver_whole_line()
            is_first = not (self.stream_seen or self.bare_seen)
            self.bare_seen = True
            if is_first and not (has_error(value) or isinstance(value.get("choices"), list)):
                self.put_aside(line)
            else:
                event_type = ""
                if not self.data:
                    event_type, self.type_before, self.type_after = self.event_type(), "", None
                self.bare_frame(line, value, event_type)
        elif is_last and is_cut_object(line):
            self.deliver_whole_line()
            self.count(line)
            if not self.is_foreign():
                self.cut_frame = (self.answer.frame, line)

    def event_type(self):
        return self.type_before if self.type_after is None else self.type_after

    def deliver_whole_line(self):
        """Rule 13: a server that leaves out blank lines. An event type given since belongs to the next."""
        if len(self.data) == 1 and is_whole_line(self.data[0]):
            data, event_type = self.data[0], self.type_before
            self.data, self.type_before, self.type_after = [], self.type_after or "", None
            self.frame(data, event_type)

    def put_aside(self, text):
        """What follows tells what it is: a frame like those, if anything that counts does."""
        self.aside = (text, bare_object(text))

    def count(self, text):
        """Something that counts came: here begins the next frame."""
        self.document = None  # an unfinished one was none
        if self.aside is not None:
            (aside, value), self.aside = self.aside, None
            if value is not None:
                self.bare_frame(aside, value)
        self.answer.next_frame(text)

    def bare_frame(self, text, value, event_type=""):
        self.count(text)
        self.whole_seen = self.whole_seen or is_whole_completion(value)
        self.answer.chunk(value, event_type == "error")

    def frame(self, data, event_type, is_last=False):
        """Rule 13: one dispatched event. ``is_last``: the body ended before its blank line."""
        self.count(data)
        answer = self.answer
        if data.strip(JSON_SPACE) == "[DONE]":
            answer.finish(done=True)
            return
        if data.strip(JSON_SPACE) == "" or data.startswith(":"):
            return
        try:
            value = parse(data)
        except ValueError:
            if event_type == "error" and not (is_last and data.strip(JSON_SPACE)[0] in '{"'):
                answer.server_error(data, data)  # rule 12: data that is no JSON is its message
            elif is_last:
                self.cut_frame = (answer.frame, data)
            else:
                answer.error("malformed", OWN_WORDS, data=data[:200], frame=answer.frame)
            return
        if isinstance(value, dict):
            answer.chunk(value, event_type == "error")
        elif event_type == "error":
            if value:
                answer.server_error(value, value)
        elif value is not None:
            answer.error("malformed", OWN_WORDS, data=data[:200], frame=answer.frame)

    def close(self):
        if self.data:
            self.frame("\n".join(self.data), self.event_type(), is_last=True)
        if self.document is not None:
            text = self.document.text()
            self.count(text)
            self.cut_frame = (self.answer.frame, text)
        elif self.aside is not None:
            (text, value), self.aside = self.aside, None
            if value is not None and (has_error(value) or is_whole_completion(value)):
                self.bare_frame(text, value)
            else:
                self.nothing_else = True

    def is_foreign(self):
        """Rule 13: is the body no event stream, and no JSON that could be read instead?"""
        if self.stream_seen or self.not_sse:
            return False
        return self.nothing_else or (is_stray(self.first_line) and not self.begins_as_json)

    def report_not_sse(self, data):
        if not self.not_sse:
            self.not_sse = True
            self.answer.error("not_sse", OWN_WORDS, data=data)

    def is_cut(self):
        """Section 3: neither done nor finished, or cut inside the last frame."""
        if not self.stream_seen and (self.answer.server_errors or self.whole_seen):
            return False  # rule 12: a body of bare JSON alone that brought an error or a whole completion
        if self.cut_frame is not None:
            return True
        return not (self.answer.done or self.answer.is_finished() or self.not_sse)


# ---------------------------------------------------------------------------------------------------
# Errors that the server reports (rule 12)


def has_error(chunk):
    return bool(chunk.get("error")) or chunk.get("object") == "error"


def inner_error(value):
    """The error value: what stands under ``error``, or the whole where there is nothing."""
    return value["error"] if isinstance(value, dict) and value.get("error") else value


def message_and_code(value, around):
    """Find message and code in the error value, in an error inside it, or beside it. None: not there."""
    inside = [value.get(key) for key in ("message", "error", "detail")] if isinstance(value, dict) else []
    places = [value, *inside, around]
    message = code = None
    for place in places:
        if isinstance(place, str) and place and message is None:
            message = clean(place)
        if isinstance(place, dict):
            found = place.get("message")
            if isinstance(found, str) and found and message is None:
                message = clean(found)
            if code is None:
                code = clean(place.get("code"))
    return message, code


# ---------------------------------------------------------------------------------------------------
# Merging what is not known (rules 2, 9, 10)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_container(value):
    return isinstance(value, (dict, list))


def is_json_equal(old, new):
    """Python takes 1, 1.0 and true for equal; JSON does not."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return set(old) == set(new) and all(is_json_equal(old[key], new[key]) for key in old)
    if isinstance(old, list):
        return len(old) == len(new) and all(map(is_json_equal, old, new))
    return old == new


def same(old, new):
    return is_json_equal(clean(old), clean(new))


def merge_last(key, old, new):
    """Rule 2: last non-null; objects are merged, lists and strings replaced."""
    if old is MISSING:
        return new
    if new is None or (new == "" and key in IDENTITIES and old):
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        return merge_objects(old, new, merge_last)
    return new


def merge_delta(key, old, new):
    """Rules 9 and 10, for a delta's own fields and what is inside them."""
    if isinstance(new, list):
        entries = [entry for entry in new if entry is not None]
        if not entries and old is not MISSING:
            return old  # it adds nothing
        if entries and all(isinstance(entry, dict) for entry in entries):
            kept = old if isinstance(old, list) and all(isinstance(entry, dict) for entry in old) else []
            return merge_entries(kept, entries)
    if isinstance(new, dict):
        return merge_objects(old if isinstance(old, dict) else {}, new, merge_delta)
    if isinstance(new, str) and isinstance(old, str) and is_appended(key):
        return old + new
    return merge_last(key, old, new)


def is_appended(key):
    return key in APPENDED or key.startswith("reasoning")


def merge_objects(old, new, merge):
    merged = dict(old)
    for key, value in new.items():
        merged[key] = merge(key, merged.get(key, MISSING), value)
    return merged


def merge_entries(old, new):
    """Rule 9: a list of objects, by (type, index)."""
    entries = list(old)
    for entry in new:
        place = find_entry(entries, entry)
        if place is None:
            entries.append(merge_delta(None, MISSING, entry))
        else:
            entries[place] = merge_delta(None, entries[place], entry)
    return entries


def find_entry(entries, entry):
    kind, index = entry.get("type"), entry.get("index")
    places = [place for place, one in enumerate(entries) if is_json_equal(one.get("type"), kind)]
    if index is not None:
        places = [place for place in places if is_json_equal(entries[place].get("index"), index)]
        return places[0] if places else None
    if kind in ("thinking", "text") and places and not entries[places[-1]].get("signature"):
        return places[-1]
    return None


def merge_logprobs(old, new):
    """Rule 11: every list extends."""
    if new is None:
        return old
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    if isinstance(old, dict) and isinstance(new, dict):
        merged = dict(old)
        for key, value in new.items():
            merged[key] = merge_logprobs(merged.get(key), value)
        return merged
    return new


def count_values(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count_values, children))


def join_base64(fragments):
    """Rule 11: what ends in padding is a string of its own, wherever it was cut."""
    runs = [re.sub(r"\s", "", run) for run in re.split("=+", "".join(fragments))]
    runs = [run for run in runs if run]
    if len(runs) < 2:
        return "".join(fragments)
    try:
        octets = b"".join(base64.b64decode(run + "=" * (-len(run) % 4), validate=True) for run in runs)
    except (binascii.Error, ValueError):
        return "".join(fragments)
    return base64.b64encode(octets).decode("ascii")


# ---------------------------------------------------------------------------------------------------
# The state of an answer


class Text:
    """A text that grows. ``value``: None until something came, then all of it that is settled."""

    def __init__(self):
        self.value = None
        self.raw = ""  # with the halves of pairs still in it
        self.held = ""  # the first half of a pair, while it waits for the other

    def add(self, piece):
        """Append; return what is settled by it (rule 15)."""
        self.raw += piece
        piece = self.held + piece
        self.held = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
        settled = clean(piece[: len(piece) - len(self.held)])
        self.value = (self.value or "") + settled
        return settled

    def finish(self):
        """Settle a half that stayed alone; return it."""
        settled = clean(self.held)
        self.held = ""
        if settled:
            self.value += settled
        return settled


class Call:
    """One tool call, or the legacy function_call (whose ``index`` is None)."""

    def __init__(self, index):
        self.index = index
        self.ids = []  # the first is its id, the others are aliases
        self.type = None
        self.name = None
        self.arguments = Text()
        self.is_custom = False  # settled by its name and its text
        self.is_started = False
        self.inside = {}  # unknown fields of function (or custom)
        self.extra = {}  # unknown fields beside it

    @property
    def kind(self):
        if self.index is None:
            return "function_call"
        return "custom" if self.is_custom else "function"

    def has_text(self):
        return bool(self.arguments.raw)

    def learn_name(self, name):
        """Rule 5."""
        if self.name is None:
            self.name = name
        elif self.has_text() or name == self.name:
            pass
        elif name.startswith(self.name):
            self.name = name
        else:
            self.name += name


class Choice:
    def __init__(self, index):
        self.index = index
        self.role = None
        self.finish_reason = None
        self.is_chat = False  # an entry had a delta or a message
        self.is_text = False  # an entry had text and neither of them
        self.content = Text()
        self.parts = None  # the list, once content came as one
        self.reasoning = Text()  # what the events say, whatever its name was
        self.refusal = Text()
        self.refusal_seen = False
        self.calls = []
        self.touches = []  # (call, index or None) of the fragments so far, in the order of the last of each
        self.last = None  # the call touched last
        self.seen = {}  # by id and index: the call that got a fragment with both last
        self.function_call = None
        self.audio = None
        self.audio_data = []
        self.transcript = Text()
        self.logprobs = None
        self.logprobs_seen = False
        self.thoughts = {}  # reasoning under its names
        self.fields = {}  # a delta's own fields that are unknown
        self.extra = {}  # unknown fields beside the delta


class Answer:
    """All that is known, and the events so far. Rules 1 to 11, 14, 15."""

    def __init__(self, max_choices, max_tool_calls, max_errors):
        self.max_choices = max_choices
        self.max_tool_calls = max_tool_calls
        self.max_errors = max_errors
        self.events = []
        self.comments = 0
        self.frame = -1  # ordinal of the frame that is read
        self.frame_text = None
        self.server_errors = 0
        self.id = self.model = self.created = None
        self.usage = None
        self.extra = {}
        self.choices = {}
        self.is_started = False
        self.is_final = False  # the Done events are out
        self.done = False

    # --- errors

    def next_frame(self, text):
        self.frame += 1
        self.frame_text = text

    def error(self, kind, message, choice=None, code=None, data=None, frame=None):
        if sum(one["type"] == "error" for one in self.events) >= self.max_errors:
            raise Limit  # section 7: instead of the error after the max_errors-th
        self.emit("error", kind, message, choice, code, data, frame)

    def server_error(self, value, around, choice=None):
        message, code = message_and_code(value, around if isinstance(around, dict) else {})
        self.error("server", message or OWN_WORDS, choice, code, clean(value), self.frame)
        self.server_errors += 1

    def malformed(self, choice):
        data = None if self.frame_text is None else self.frame_text[:200]
        self.error("malformed", OWN_WORDS, choice, None, data, self.frame)

    def is_a(self, kinds, value, choice):
        """Is a known field of its type? Empty values of another are ignored, others reported."""
        if isinstance(value, kinds):
            return True
        if value:
            self.malformed(choice)
        return False

    def is_given(self, kinds, value, choice):
        """The same for ``function`` and ``custom``: one that is reported is still there, as an empty one."""
        return self.is_a(kinds, value, choice) or bool(value)

    def emit(self, kind, *values):
        self.events.append(event(kind, *values))

    # --- one chunk

    def chunk(self, chunk, is_error_event=False):
        if has_error(chunk) or (is_error_event and chunk):
            self.server_error(inner_error(chunk), chunk)
            if not isinstance(chunk.get("choices"), list):
                return  # rule 12: nothing but the error
        elif set(chunk) <= {"type"}:
            return  # rule 13: a ping
        entries = chunk.get("choices")
        if self.is_final:
            entries = None  # rule 14: after [DONE], choices are not read
        if not self.is_a(list, entries, None):
            entries = []
        if not self.is_final:
            self.learn_identity(chunk)
        if not self.is_started and any(not is_absent(entry) for entry in entries):
            self.is_started = True
            self.emit("start", self.id, self.model, self.created)
        for field, value in chunk.items():
            if field not in TOP:
                self.keep(None, None, self.extra, field, value, merge_last)
        usages = []
        self.is_a(dict, chunk.get("usage"), None)
        for position, entry in enumerate(entries):
            self.entry(position, entry, usages)
        self.learn_usage(chunk, usages)

    def learn_identity(self, chunk):
        """Rule 2."""
        if is_text(chunk.get("id")) and self.id is None:
            self.id = clean(chunk["id"])
        if is_text(chunk.get("model")):
            self.model = clean(chunk["model"])
        created = chunk.get("created")
        if (
            isinstance(created, (int, float))
            and not isinstance(created, bool)
            and created
            and not self.created
        ):
            self.created = created

    def learn_usage(self, chunk, usages):
        """Rule 11: the chunk's own, else x_groq's, else a choice's."""
        groq = chunk.get("x_groq")
        if isinstance(chunk.get("usage"), dict):
            usages = [chunk["usage"]]
        elif isinstance(groq, dict) and isinstance(groq.get("usage"), dict):
            usages = [groq["usage"]]
        before = self.usage
        for usage in usages:
            if count_values(self.usage) > MAX_USAGE:
                self.malformed(None)
            else:
                self.usage = merge_objects(self.usage or {}, usage, merge_last)
        if not same(before, self.usage):
            self.emit("usage", clean(self.usage))

    def keep(self, choice, index, kept, field, value, merge):
        """Keep a field that has no event of its own, and say so when it appears or changes (section 4)."""
        if value is None:
            return
        old = kept.get(field, MISSING)
        new = merge(field, old, value)
        kept[field] = new
        if is_container(value) or old is MISSING or not same(old, new):
            self.emit("extra", choice, index, clean(field), clean(value))

    # --- one choice

    def entry(self, position, entry, usages):
        if is_absent(entry):
            return
        if not isinstance(entry, dict):
            self.malformed(None)
            return
        index = entry.get("index")
        index = position if index is None else checked_index(index)  # rule 3
        if index is None or index >= self.max_choices:
            self.malformed(None)
            return
        choice = self.choices.setdefault(index, Choice(index))

        known = CHOICE
        has_delta = self.is_a(dict, entry.get("delta"), index)
        if has_delta:
            choice.is_chat = True
            self.delta(choice, entry["delta"])
        # Where this stands can only be seen where a limit cuts the entry off.
        reason = entry.get("finish_reason")
        if is_text(reason) and not (reason == "stop" and choice.finish_reason in FINAL_REASONS):
            choice.finish_reason = clean(reason)  # rule 7
        if has_delta:
            pass
        elif self.is_a(dict, entry.get("message"), index):
            choice.is_chat = True
            self.message(choice, entry["message"])
        else:
            known = (*CHOICE, "text")
            if self.is_a(str, entry.get("text"), index):
                choice.is_text = True
                self.content(choice, entry["text"])
        if isinstance(entry.get("usage"), dict):
            usages.append(entry["usage"])
        for field, value in entry.items():
            if field not in known or (field == "logprobs" and is_number(value)):
                self.keep(index, None, choice.extra, field, value, merge_last)
        is_whole = not has_delta and isinstance(entry.get("message"), dict)
        if "logprobs" in entry and not is_number(entry["logprobs"]):
            choice.logprobs_seen = True
            if self.is_a(dict, entry["logprobs"], index):
                logprobs = entry["logprobs"]
                if is_whole and choice.logprobs is not None:  # rule 14: a whole message only fills gaps
                    logprobs = {key: value for key, value in logprobs.items() if not choice.logprobs.get(key)}
                if logprobs or choice.logprobs is None or not is_whole:
                    choice.logprobs = merge_logprobs(choice.logprobs, logprobs)
                    self.emit("logprobs.delta", index, clean(logprobs))
        if entry.get("error"):
            self.server_error(entry["error"], entry, index)
            choice.finish_reason = "error"  # rule 12

    def delta(self, choice, delta, quiet_reasoning=False):
        if is_text(delta.get("role")) and choice.role is None:
            choice.role = clean(delta["role"])  # rule 7
        # Rule 9: each name is kept; the first that has text feeds the events.
        heard = quiet_reasoning
        for name in REASONING:
            if isinstance(delta.get(name), str):
                choice.thoughts[name] = choice.thoughts.get(name, "") + delta[name]
                if delta[name] and not heard:
                    heard = True
                    self.say_reasoning(choice, delta[name])
        self.content(choice, delta.get("content"), quiet_reasoning)
        if "refusal" in delta:
            choice.refusal_seen = True
            if self.is_a(str, delta["refusal"], choice.index):
                self.say("refusal.delta", choice, choice.refusal, delta["refusal"])
        calls = delta.get("tool_calls")
        if self.is_a((dict, list), calls, choice.index):
            for fragment in [calls] if isinstance(calls, dict) else calls:
                self.tool_call(choice, fragment)
        if self.is_a(dict, delta.get("function_call"), choice.index):
            self.legacy_call(choice, delta["function_call"])
        if self.is_a(dict, delta.get("audio"), choice.index):
            self.audio(choice, delta["audio"])
        for field, value in delta.items():
            if field not in DELTA and not (field in REASONING and isinstance(value, str)):
                self.keep(choice.index, None, choice.fields, field, value, merge_delta)

    def message(self, choice, message):
        """Rule 14: a whole message fills what nothing has come for; that is all of it, if nothing came."""
        gaps = {
            "role": choice.role is None,
            "content": not choice.content.raw and choice.parts is None,
            "refusal": not choice.refusal.raw,
            "tool_calls": not choice.calls,
            "function_call": choice.function_call is None,
            "audio": choice.audio is None,
            **dict.fromkeys(REASONING, not choice.reasoning.raw),
        }
        missing = {
            field: value
            for field, value in message.items()
            if gaps.get(field, field not in choice.fields) or (field == "refusal" and value is None)
        }
        self.delta(choice, missing, quiet_reasoning=bool(choice.reasoning.raw))

    def say(self, kind, choice, text, piece):
        settled = text.add(piece)
        if settled:
            self.emit(kind, choice.index, settled)

    def say_reasoning(self, choice, piece):
        self.say("reasoning.delta", choice, choice.reasoning, piece)

    # --- content (rule 8)

    def content(self, choice, content, quiet_reasoning=False):
        if isinstance(content, str):
            if choice.parts is not None and content:
                self.text_part(choice, {"type": "text", "text": content})
            self.say("content.delta", choice, choice.content, content)
        elif self.is_a(list, content, choice.index):
            for part in content:
                if is_absent(part):
                    continue
                if choice.parts is None:
                    before = choice.content.raw
                    choice.parts = [{"type": "text", "text": before}] if before else []
                if is_text_part(part):
                    self.text_part(choice, part)
                    self.say("content.delta", choice, choice.content, part["text"])
                elif is_thinking_part(part):
                    self.thinking_part(choice, part)
                    if not quiet_reasoning:
                        self.say_reasoning(choice, thinking_text(part["thinking"]))
                else:
                    choice.parts.append(part)

    def text_part(self, choice, part):
        last = choice.parts[-1] if choice.parts else None
        if is_text_part(last):
            choice.parts[-1] = {**merge_objects(last, part, merge_last), "text": last["text"] + part["text"]}
        else:
            choice.parts.append(part)

    def thinking_part(self, choice, part):
        last = choice.parts[-1] if choice.parts else None
        if is_thinking_part(last):
            merged = merge_objects(last, part, merge_last)
            merged["thinking"] = join_thinking(last["thinking"], part["thinking"])
            choice.parts[-1] = merged
        else:
            choice.parts.append({**part, "thinking": join_thinking([], part["thinking"])})

    # --- tool calls (rules 4 to 6)

    def tool_call(self, choice, fragment):
        if is_absent(fragment):
            return
        if not isinstance(fragment, dict):
            self.malformed(choice.index)
            return
        index = fragment.get("index")
        if index is not None:
            index = checked_index(index)
            if index is None:
                self.malformed(choice.index)
                return
        # Where name and text are, and what the text is called there.
        is_custom, inner, text_name = False, None, "arguments"
        function, custom = fragment.get("function"), fragment.get("custom")
        if is_nothing(function) and (custom or (custom == {} and not isinstance(function, dict))):
            self.is_given(dict, custom, choice.index)
            is_custom, inner, text_name = True, custom, "input"
        elif self.is_given(dict, function, choice.index):
            inner = function
        has_inner = inner is not None
        inner = inner if isinstance(inner, dict) else {}
        call_id = clean(fragment["id"]) if is_text(fragment.get("id")) else None
        name = clean(inner["name"]) if is_text(inner.get("name")) else None

        if call_id is None and index is None and not has_inner:
            if choice.last is None:  # rule 4, for a fragment with other fields only
                if any(value is not None for value in fragment.values()):
                    self.emit("extra", choice.index, None, "tool_calls", clean(fragment))
                return
            call = choice.last
        else:
            call = self.find_call(choice, call_id, index, name)
            if call is None:
                if len(choice.calls) >= self.max_tool_calls:
                    # It is as if none had been there: what comes next is not of a call that was.
                    choice.touches = [(call, at) for call, at in choice.touches if at != index]
                    choice.last = None
                    self.malformed(choice.index)
                    return
                call = Call(len(choice.calls))
                choice.calls.append(call)
            choice.touches = [touch for touch in choice.touches if touch != (call, index)] + [(call, index)]
            choice.last = call
            choice.seen[call_id, index] = call
            if call_id is not None and call_id not in call.ids:
                call.ids.append(call_id)  # its id, or an alias

        if is_text(fragment.get("type")) and call.type is None:
            call.type = clean(fragment["type"])
        if call.name is None and not call.has_text() and (is_custom or fragment.get("type") == "custom"):
            call.is_custom = True
        if name is not None:
            call.learn_name(name)
        self.say_arguments(choice, call, self.argument_text(inner.get(text_name), choice.index))
        for field, value in inner.items():
            if field not in ("name", text_name, *NOISE) and value is not None:
                call.inside[field] = merge_last(field, call.inside.get(field, MISSING), value)
        for field, value in fragment.items():
            if field not in CALL:
                self.keep(choice.index, call.index, call.extra, field, value, merge_last)

    def find_call(self, choice, call_id, index, name):
        """Rule 4: the call that a fragment belongs to, or None for a new one."""
        # (a) the id is known
        known = [call for call in choice.calls if call_id is not None and call_id in call.ids]
        there = [call for call, at in choice.touches if index is not None and at == index]
        if known:
            if index is not None and (call_id, index) in choice.seen:
                return choice.seen[call_id, index]
            if there and (there[-1] is known[-1] or there[-1].ids[:1] == [call_id]):
                return there[-1]
            # (a second id says less than the index, where a call is)
            if call_id == known[-1].ids[0] or not there:
                if name is not None and index is not None and known[-1].has_text():
                    return None
                return known[-1]
        if index is not None:
            # (b) what is there? The id is not its id, so a call that has one has a different one.
            if not there or (name is not None and call_id is not None and there[-1].ids):
                return None
            call = there[-1]
        else:
            # (c) the call touched last
            if choice.last is None:
                return None
            call = choice.last
            if (call_id is not None and call.ids) or (name is not None and call.name is not None):
                return None
        # (d) two calls without identity
        if name is not None and not call.ids and not call.is_custom:
            differ = call.name is not None and call.name != name
            if (differ or call_id is None) and is_one_value(clean(call.arguments.raw)):
                return None
        return call

    def argument_text(self, value, choice):
        """Rule 6: strings as they are, an object compactly."""
        if not self.is_a((str, dict), value, choice):
            return ""
        if isinstance(value, dict):
            return json.dumps(clean(value), ensure_ascii=False, separators=(",", ":"))
        return value

    def say_arguments(self, choice, call, piece, silent=False):
        """Section 4: the start as soon as there is a name, then what came before it, then this."""
        before = call.arguments.value
        settled = call.arguments.add(piece)
        if silent:
            return
        if not call.is_started:
            if call.name is None:
                return
            self.start_call(choice, call)
            if before:
                self.emit("tool_call.delta", choice.index, call.index, before)
        if settled:
            self.emit("tool_call.delta", choice.index, call.index, settled)

    def start_call(self, choice, call):
        call.is_started = True
        call_id = call.ids[0] if call.ids else None
        self.emit("tool_call.start", choice.index, call.index, call_id, call.name, call.kind)

    def legacy_call(self, choice, function_call):
        """Rule 6: kept always, but silent beside tool calls, unless it began before them."""
        if choice.function_call is None:
            if is_nothing(function_call):
                return
            choice.function_call = Call(None)
        call = choice.function_call
        if is_text(function_call.get("name")):
            call.learn_name(clean(function_call["name"]))
        piece = self.argument_text(function_call.get("arguments"), choice.index)
        silent = bool(choice.calls) and not call.is_started
        self.say_arguments(choice, call, piece, silent)
        for field, value in function_call.items():
            if field not in ("name", "arguments", *NOISE) and value is not None:
                call.inside[field] = merge_last(field, call.inside.get(field, MISSING), value)

    # --- audio (rule 11)

    def audio(self, choice, audio):
        if choice.audio is None:
            choice.audio = {}
        data = transcript = None
        if isinstance(audio.get("data"), str):
            choice.audio_data.append(audio["data"])
            data = clean(audio["data"]) or None
        if isinstance(audio.get("transcript"), str):
            transcript = choice.transcript.add(audio["transcript"]) or None
        for field, value in audio.items():
            is_text_field = field in ("data", "transcript") and isinstance(value, str)
            if not is_text_field and field not in NOISE:
                choice.audio[field] = merge_delta(field, choice.audio.get(field, MISSING), value)
        if data is not None or transcript is not None:
            self.emit("audio.delta", choice.index, data, transcript)

    # --- the end (section 4)

    def is_finished(self):
        return bool(self.choices) and all(one.finish_reason is not None for one in self.choices.values())

    def finish(self, done):
        """Fire every Done event, once."""
        if self.is_final:
            return
        self.is_final = True
        self.done = done
        for index in sorted(self.choices):
            choice = self.choices[index]
            for name in ("content", "reasoning", "refusal"):
                text = getattr(choice, name)
                tail = text.finish()
                if tail:
                    self.emit(name + ".delta", index, tail)
                if text.value:
                    self.emit(name + ".done", index, text.value)
            for call in choice.calls:
                self.finish_call(choice, call)
            if choice.function_call is not None:
                if choice.function_call.is_started or not choice.calls:
                    self.finish_call(choice, choice.function_call)
                else:
                    choice.function_call.arguments.finish()
            tail = choice.transcript.finish()
            if tail:
                self.emit("audio.delta", index, None, tail)
            self.emit("choice.done", index, choice.finish_reason)
        if done:
            self.emit("done")

    def finish_call(self, choice, call):
        before = call.arguments.value
        tail = call.arguments.finish()
        if not call.is_started:  # never named
            self.start_call(choice, call)
            if before:
                self.emit("tool_call.delta", choice.index, call.index, before)
        if tail:
            self.emit("tool_call.delta", choice.index, call.index, tail)
        text = call.arguments.value or ""
        call_id = None if call.index is None else self.call_id(choice, call)
        status = self.status(choice, call, text)
        self.emit("tool_call.done", choice.index, call.index, call_id, call.name, text, call.kind, status)

    def status(self, choice, call, text):
        is_cut = choice.finish_reason in CUT_REASONS or (choice.finish_reason is None and not self.done)
        if call.kind == "custom":
            return "incomplete" if is_cut else "complete"
        if text.strip(JSON_SPACE) == "":
            return "incomplete" if is_cut else "empty"
        state, _ = scan(text)
        if state == "complete":
            return "complete" if bare_object(text) is not None else "invalid"
        if not text.lstrip(JSON_SPACE).startswith("{"):
            return "invalid"  # it cannot become an object
        return state

    def call_id(self, choice, call):
        """Rule 4: the id, or one that is made up."""
        if call.ids:
            return call.ids[0]
        letters = re.sub("[^A-Za-z0-9_-]", "", self.id or "")[-16:]
        return "_".join(["call", *([letters] if letters else []), str(choice.index), str(call.index)])

    # --- the final object (section 5)

    def snapshot(self):
        choices = [self.choices[index] for index in sorted(self.choices)]
        is_text = any(one.is_text for one in choices) and not any(one.is_chat for one in choices)
        completion = dict(self.extra)
        completion["object"] = "text_completion" if is_text else "chat.completion"
        completion.update({"id": self.id, "created": self.created, "model": self.model})
        if self.usage is not None:
            completion["usage"] = self.usage
        completion["choices"] = [self.choice_dict(choice, is_text) for choice in choices]
        return clean(completion)

    def choice_dict(self, choice, is_text):
        result = dict(choice.extra)
        result["index"] = choice.index
        if is_text:
            result["text"] = choice.content.value or ""
        else:
            result["message"] = self.message_dict(choice)
        result["finish_reason"] = choice.finish_reason
        if choice.logprobs is not None or (choice.logprobs_seen and "logprobs" not in result):
            result["logprobs"] = choice.logprobs
        return result

    def message_dict(self, choice):
        message = {**choice.fields, **choice.thoughts}
        message["role"] = choice.role or "assistant"
        message["content"] = choice.content.value if choice.parts is None else choice.parts
        if choice.refusal_seen:
            message["refusal"] = choice.refusal.value
        if choice.calls:
            message["tool_calls"] = [self.call_dict(choice, call) for call in choice.calls]
        if choice.function_call is not None:
            call = choice.function_call
            message["function_call"] = {
                **call.inside,
                "name": call.name or "",
                "arguments": call.arguments.value or "",
            }
        if choice.audio is not None:
            audio = dict(choice.audio)
            if choice.audio_data:
                audio["data"] = join_base64(choice.audio_data)
            if choice.transcript.value is not None:
                audio["transcript"] = choice.transcript.value
            message["audio"] = audio
        return message

    def call_dict(self, choice, call):
        inside = {**call.inside, "name": call.name or ""}
        inside["input" if call.is_custom else "arguments"] = call.arguments.value or ""
        place = "custom" if call.is_custom else "function"
        call_type = place if call.type in (None, "function", "custom") else call.type
        return {**call.extra, "id": self.call_id(choice, call), "type": call_type, place: inside}


def is_absent(value):
    """Rule 1: null, or PHP's empty object."""
    return value is None or value == []


def is_nothing(body):
    """Is it no function (or function_call): absent, or all its values are null or empty strings?"""
    return not body or (isinstance(body, dict) and all(value != {} and not value for value in body.values()))


def is_text(value):
    return isinstance(value, str) and value != ""


def checked_index(value):
    """Section 7: an integer from 0, or a string of digits; None for anything else."""
    if isinstance(value, str) and re.fullmatch("[0-9]+", value):
        try:
            return int(value)
        except ValueError:
            return None  # more digits than the interpreter takes
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def is_text_part(part):
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def is_thinking_part(part):
    return (
        isinstance(part, dict)
        and part.get("type") == "thinking"
        and isinstance(part.get("thinking"), (str, list))
    )


def thinking_text(thinking):
    if isinstance(thinking, str):
        return thinking
    return "".join(part["text"] for part in thinking if is_text_part(part))


def join_thinking(old, new):
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    if not old:
        old = []
    if isinstance(old, str):
        old = [{"type": "text", "text": old}]
    if isinstance(new, str):
        if not old:
            return new
        new = [{"type": "text", "text": new}]
    joined = list(old)
    for part in new:
        if part is None:
            continue
        if joined and is_text_part(joined[-1]) and is_text_part(part):
            joined[-1] = {**joined[-1], **part, "text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    return joined
