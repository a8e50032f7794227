# SPDX-License-Identifier: MIT
"""From bytes to frames: rules 12 (lines without ``data:``) and 13 (bad frames), section 7 (limits).

The whole body is there at once. So a document is found by one look at all lines from its first line on.
"""

from __future__ import annotations

from .answer import OWN_WORDS, Limit, find_errors, inner_error, is_error, message_and_code
from .json_text import JSON_SPACE, Ends, Wrong, parse, scan, scan_value
from .lines import BOM, split_field, split_lines

FIELD_NAMES = ("data", "event", "id", "retry")  # the standard's; beside them there is llama.cpp's "error:"
BEGINNINGS = (b"data", b"event", b"id", b"retry", b"error", BOM)
# Rule 13: HTTP heads, gzip, UTF-16's byte order marks.
FOREIGN_HEADS = (b"HTTP/1.", b"HTTP/2 ", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff")
WORDS = ("message", "detail", "msg", "error_description")  # rule 12: where a server's own words are


# --- lines


def is_blank(line):
    return line.strip(JSON_SPACE) == ""


def is_stray(line):
    """Is it neither empty nor a comment nor a field?"""
    return line != "" and not line.startswith((":", "error:")) and split_field(line)[0] not in FIELD_NAMES


def begins_a_frame(line):
    return line.startswith("error:") or split_field(line)[0] in ("data", "event")


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


def is_cut_object(line):
    """Does it begin like an object, without being one, and without being one with text behind it?"""
    if not line.lstrip(JSON_SPACE).startswith("{"):
        return False
    try:
        scan_value(line, 0, 0)
    except (Ends, Wrong):
        return True
    return False


def carries_a_frame(line):
    """Rule 12: a line that is no data line, but has a frame in it."""
    return ("data:" in line and "{" in line) or '"choices"' in line


def is_displaced(line):
    """Is it another field with a frame in it, as "event: messagedata: {" is? It counts as a stray line."""
    return split_field(line)[0] in ("event", "id", "retry") and carries_a_frame(line)


def goes_on(data, line):
    """Rule 12: is this line more of the pending data, of which only the first line has its prefix?"""
    if not data.lstrip(JSON_SPACE).startswith("{") or scan(data)[0] != "incomplete":
        return False
    return scan(data + "\n" + line)[0] != "invalid"


def lacks_line_ends(line):
    """Rule 13: is this several lines without their ends, as requests' iter_lines() gives them?"""
    name, value = split_field(line)
    if name != "data" or not value.lstrip(JSON_SPACE).startswith("{"):
        return False
    try:
        return value.startswith("data:", scan_value(value, 0, 0))
    except (Ends, Wrong):
        return False


class Document:
    """Rule 12: a JSON text over several lines (or a list on one), from the line ``first`` on.

    ``numbers``: the lines that are its own. ``state``: "complete"; "incomplete", where the body ends before
    it does; "broken", where a line cannot go on with it, or is the line of a frame.
    """

    def __init__(self, lines, first):
        numbers, text = [], ""
        is_over = False  # a frame goes on without it
        for number in range(first, len(lines)):
            if is_stray(lines[number]):
                numbers.append(number)
                # The last line of a body has no line end, and may be cut inside a string.
                text += lines[number] + ("\n" if number < len(lines) - 1 else "")
            elif begins_a_frame(lines[number]):
                is_over = True
                break
        try:
            end = scan_value(text, 0, 0)
            line_end = (text + "\n").index("\n", end)
            self.state = "complete" if is_blank(text[end:line_end]) else "broken"
        except Ends:
            self.state, end = "broken" if is_over else "incomplete", len(text)
        except Wrong as wrong:
            self.state, end = "broken", wrong.args[0]
        own = text[:end].count("\n")  # whole lines before the place where it ends or breaks
        self.numbers = numbers[: own + 1 if self.state == "complete" else own]
        if self.state == "incomplete" or (is_over and own == len(numbers)):
            self.numbers = numbers
        self.text = "\n".join(lines[number] for number in self.numbers)


class Framing:
    """One body, cut into lines, the lines into frames; each frame goes to the answer."""

    def __init__(self, answer, body, max_event_bytes, max_total_bytes):
        self.answer = answer
        self.too_long = max_total_bytes is not None and len(body) > max_total_bytes
        self.body = body[:max_total_bytes] if self.too_long else body
        self.max_event_bytes = max_event_bytes
        self.lines = []
        # What is pending.
        self.data = []  # the data buffer, one entry for each line
        self.type_before = ""  # the event type as it stood at the first of them
        self.type_after = None  # the one given since then, if any
        self.document = None  # the document that the next stray lines belong to
        self.document_type = ""  # the event type as it stood at its first line
        self.aside = None  # text of a document (or bare line) that may be all there is, see put_aside()
        self.displaced = None  # the first line that carried a frame, while there was none
        # What came so far.
        self.frame_seen = False  # anything that counts
        self.stream_seen = False  # a data, event or error line
        self.whole_seen = False  # a whole completion came bare
        self.first_line = ""  # the first that is not blank
        self.begins_as_json = False  # an object (also one with NaN), or a document that did not break
        self.skipped = None  # the first stray line (or broken document) that was ignored
        self.foreign_frame = None  # the first frame that was an object, but no chat
        self.chat_seen = False  # a frame had a list of choices, a usage or an error
        # What came of it.
        self.nothing_else = False  # the body is one document, but none that we know
        self.reported = None  # "not_sse" or "not_chat", once that error is out
        self.cut_frame = None  # ordinal and text of a last frame that is cut

    def read(self):
        if self.body[: self.max_event_bytes + 1].startswith(FOREIGN_HEADS):
            self.report("not_sse", None)  # rule 13: at once, and the rest is still read
        raws, rest = split_lines(self.body)
        raws.append(rest)
        lines = self.lines = [raw.decode("utf-8", "replace") for raw in raws]
        first = next((number for number, line in enumerate(lines) if not is_blank(line)), len(lines))
        size = document_size = 0  # of the lines that are pending, whole
        for number, (raw, line) in enumerate(zip(raws, lines)):
            is_last = number == len(lines) - 1  # no line end follows it
            if size + (document_size if is_stray(line) else 0) + len(raw) > self.max_event_bytes:
                raise Limit  # section 7; measured before rule 13 delivers anything
            if is_last and self.too_long:
                raise Limit  # section 7: the first max_total_bytes were read, buffers are dropped
            if is_last and not rest:
                break
            if number == first:
                if is_last and any(name.startswith(raw) for name in BEGINNINGS):
                    break  # cut before anything could be told; not foreign
                self.first_line = line
                may_be_json = line.lstrip(JSON_SPACE).startswith(("{", "["))
                self.begins_as_json = may_be_json and (
                    bare_object(line) is not None or Document(lines, number).state != "broken"
                )
            if is_last and not self.data and lacks_line_ends(line):
                self.report("not_sse", line[:200])
                break
            before = len(self.data)
            self.leave_broken_document(line, number)
            self.line(line, number, is_last)
            size = self.data_size(line, len(raw), size, before)
            document_size += len(raw) if is_stray(line) else 0
            document_size = 0 if self.document is None else document_size
        self.close()

    def data_size(self, line, length, size, before):
        """Section 7: how much data is pending after this line."""
        if not self.data:
            return 0
        if len(self.data) == before and split_field(line)[0] != "data":
            return size
        return length if len(self.data) == 1 else size + length  # one: the line before was delivered

    # --- one line

    def line(self, line, number, is_last):
        if line.startswith(":"):
            self.answer.comments += 1
        elif line == "":
            if self.data or self.event_type() == "error":
                self.frame("\n".join(self.data), self.event_type())
            self.data, self.type_before, self.type_after = [], "", None
        elif is_stray(line):
            self.stray(line, number, is_last)
        elif is_displaced(line):
            self.ignore(line)
        else:
            self.field(*split_field(line), is_last)

    def field(self, name, value, is_last):
        if name in ("data", "event", "error"):
            self.stream_seen = True
            self.release_aside()
        if name == "data":
            self.deliver_whole_line()
            self.data.append(value)
        elif name == "event":
            if self.data:
                self.type_after = value
            else:
                self.type_before = value
        elif name == "error":  # rule 12: llama.cpp's field of its own
            self.deliver_whole_line()
            self.frame(value, "error", is_last)

    def event_type(self):
        return self.type_before if self.type_after is None else self.type_after

    def take_event_type(self):
        """The event type for a frame that is no data, if no data has a better right to it."""
        if self.data:
            return ""
        event_type, self.type_before, self.type_after = self.event_type(), "", None
        return event_type

    def deliver_whole_line(self):
        """Rule 13: a server that leaves out blank lines. An event type given since belongs to the next."""
        if len(self.data) == 1 and is_whole_line(self.data[0]):
            data, event_type = self.data[0], self.type_before
            self.data, self.type_before, self.type_after = [], self.type_after or "", None
            self.frame(data, event_type)

    # --- lines without ``data:`` (rule 12)

    def stray(self, line, number, is_last):
        if self.data and goes_on("\n".join(self.data), line + ("" if is_last else "\n")):
            self.data.append(line)
            return
        if self.document is not None:
            self.go_on_with_document(number)
            return
        value = bare_object(line)
        if value is not None:
            self.deliver_whole_line()
            event_type = self.take_event_type()
            if self.may_be_all() and not (is_error(value) or isinstance(value.get("choices"), list)):
                self.put_aside(line, event_type)
            else:
                self.bare_frames(line, [value], event_type)
        elif not self.data and line.lstrip(JSON_SPACE).startswith(("{", "[")):
            self.begin_document(line, number)
        elif is_last and is_cut_object(line):
            self.deliver_whole_line()
            self.cut(line)
        else:
            self.ignore(line)

    def begin_document(self, line, number):
        document = Document(self.lines, number)
        if number not in document.numbers:  # it cannot even begin
            self.ignore(line)
            return
        self.document, self.document_type = document, self.take_event_type()
        self.go_on_with_document(number)

    def go_on_with_document(self, number):
        document = self.document
        if document.state == "complete" and number == document.numbers[-1]:
            self.document = None
            if self.may_be_all():
                self.put_aside(document.text, self.document_type)
            else:
                self.read_document(document.text, self.document_type)

    def leave_broken_document(self, line, number):
        """This line is the one that breaks it: then its lines were stray ones like any other."""
        document = self.document
        if document is None or document.state != "broken" or number <= document.numbers[-1]:
            return
        if is_stray(line) or begins_a_frame(line):
            self.document = None
            if self.skipped is None:
                self.skipped = document.text
            for own in document.numbers:
                self.ignore(self.lines[own])

    def may_be_all(self):
        """May this still be a body that is no stream, but one JSON document?"""
        return not (self.stream_seen or self.frame_seen or self.aside is not None)

    def put_aside(self, text, event_type):
        """What follows tells what it is: a frame like those, if anything that counts does."""
        self.aside = (text, event_type)

    def release_aside(self):
        if self.aside is not None:
            (text, event_type), self.aside = self.aside, None
            self.read_document(text, event_type)

    def read_document(self, text, event_type=""):
        try:
            value = parse(text)
        except ValueError:  # JSON, but deeper or with longer numbers than can be read
            self.count(text)
            if event_type == "error":
                self.chat_seen = True
                self.answer.server_error(text, text)  # as in frame()
            else:
                self.answer.malformed(None)
            return
        objects = value if isinstance(value, list) else [value]
        self.bare_frames(text, [one for one in objects if isinstance(one, dict)], event_type)

    def bare_frames(self, text, values, event_type):
        for value in values:
            self.count(text)
            self.whole_seen = self.whole_seen or is_whole_completion(value)
            self.chunk(text, value, event_type)

    def ignore(self, line):
        """A stray line that is nothing: chunk sizes, what curl says. But a frame in it is said to be lost."""
        if self.skipped is None and not is_blank(line):
            self.skipped = line
        if carries_a_frame(line):
            self.report_displaced(line)

    def report_displaced(self, line):
        if self.frame_seen:
            self.count(line)
            self.answer.malformed(None)
        elif self.displaced is None:
            self.displaced = line

    # --- frames

    def count(self, text):
        """Something that counts came: here begins the next frame."""
        self.release_aside()
        self.frame_seen = True
        if self.displaced is not None:
            line, self.displaced = self.displaced, None
            self.report_displaced(line)
        self.answer.next_frame(text)

    def cut(self, text):
        self.count(text)
        if not self.is_foreign():
            self.cut_frame = (self.answer.frame, text)

    def frame(self, data, event_type, is_last=False):
        """Rule 13: one dispatched event. ``is_last``: the body ended before its blank line."""
        self.count(data)
        answer = self.answer
        is_error_event = event_type == "error"
        if data.strip(JSON_SPACE) == "[DONE]":
            self.report_not_chat()
            answer.finish(done=True)
            return
        if is_blank(data):
            if is_error_event:
                self.chat_seen = True
                answer.server_error("", "")
            return
        if data.startswith(":") and not is_error_event:
            return
        try:
            value = parse(data)
        except ValueError:
            if is_error_event and not (is_last and data.strip(JSON_SPACE)[0] in '{"'):
                self.chat_seen = True
                answer.server_error(data, data)  # rule 12: data that is no JSON is its message
            elif is_last:
                self.cut_frame = (answer.frame, data)
            else:
                answer.malformed(None)
            return
        if isinstance(value, dict):
            self.chunk(data, value, event_type)
        elif is_error_event or find_errors(value):
            self.chat_seen = True
            for one in find_errors(value) or [value]:
                answer.server_error(inner_error(one), one)
        elif value is not None:
            answer.malformed(None)

    def chunk(self, text, value, event_type):
        # Anthropic has a usage, too, in an event of its own name and type: no sign of a chat.
        is_named = event_type not in ("", "message") or isinstance(value.get("type"), str)
        has_usage = isinstance(value.get("usage"), dict) and not is_named
        has_choices = isinstance(value.get("choices"), list)
        if has_usage or has_choices or event_type == "error" or is_error(value, event_type):
            self.chat_seen = True
        elif not set(value) <= {"type"} and self.foreign_frame is None:
            self.foreign_frame = text
        self.answer.chunk(value, event_type)

    # --- the end

    def close(self):
        if self.data or self.event_type() == "error":
            self.frame("\n".join(self.data), self.event_type(), is_last=True)
        if self.document is not None:
            self.cut(self.document.text)
        elif self.aside is not None:
            self.read_body()

    def read_body(self):
        """Rule 12: a document that is the whole body."""
        (text, event_type), self.aside = self.aside, None
        try:
            value = parse(text)
        except ValueError:
            value = None
        objects = value if isinstance(value, list) else [value]
        if any(isinstance(one, dict) and (is_error(one) or is_whole_completion(one)) for one in objects):
            self.read_document(text, event_type)
        elif isinstance(value, dict) and not isinstance(value.get("choices"), list) and words_of(value):
            self.count(text)
            self.chat_seen = True
            self.answer.server_error(value, {"message": words_of(value)})
        else:
            self.nothing_else = True
            self.skipped = text

    def report_end(self):
        """Say what is wrong with the whole, if anything is; return whether it was cut off."""
        if self.is_foreign():
            self.report("not_sse", self.skipped and self.skipped[:200])
        self.report_not_chat()
        if not self.is_cut():
            return False
        frame, text = self.cut_frame or (None, self.skipped)
        self.answer.error("truncated", OWN_WORDS, data=text and text[:200], frame=frame)
        return True

    def is_foreign(self):
        """Rules 12 and 13: is the body no event stream, and no JSON that could be read instead?"""
        if self.reported:
            return False
        if self.nothing_else or self.displaced is not None:  # one document, or no frame that begins a line
            return True
        return not self.stream_seen and is_stray(self.first_line) and not self.begins_as_json

    def report(self, kind, data):
        if self.reported is None:
            self.reported = kind
            self.answer.error(kind, OWN_WORDS, data=data)

    def report_not_chat(self):
        """Rule 13: frames came, but of another API."""
        if self.foreign_frame is not None and not self.chat_seen:
            self.report("not_chat", self.foreign_frame[:200])

    def is_cut(self):
        """Section 3: neither done nor finished, or cut inside the last frame."""
        if self.reported == "not_chat":
            return False
        if not self.stream_seen and (self.answer.server_errors or self.whole_seen):
            return False  # rule 12: a body of bare JSON alone that brought an error or a whole completion
        if self.cut_frame is not None:
            return True
        return not (self.answer.done or self.answer.is_finished() or self.reported)


def is_whole_completion(value):
    """Rule 12: is this an answer that was not streamed at all?"""
    choices = value.get("choices")
    if not isinstance(choices, list):
        return False
    return value.get("object") in ("chat.completion", "text_completion") or any(
        isinstance(entry, dict) and isinstance(entry.get("message"), dict) for entry in choices
    )


def words_of(value):
    """Rule 12: the server's words, in an object that is all there is."""
    words = next((value[key] for key in WORDS if isinstance(value.get(key), str) and value[key]), None)
    return words or message_and_code(value.get("detail"), {})[0]
