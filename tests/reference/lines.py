# SPDX-License-Identifier: MIT
"""The event stream, as the WHATWG HTML standard has it ("Interpreting an event stream")."""

from __future__ import annotations

import re

MAX_EVENT_BYTES = 64 * 1024 * 1024
BOM = b"\xef\xbb\xbf"


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

