# SPDX-License-Identifier: MIT
"""The fast road: frames that differ from an earlier one only inside one string.

Most frames of a stream repeat their neighbour to the byte but for one string: content, reasoning or
arguments. A template is such a frame with a hole where that string sits, and perhaps a second hole
for a field that means nothing. A frame that has the same bytes around the holes is read by decoding
one JSON string with the C scanner of the standard library. All else takes the full road. It knows
the shape of chunks and the text inside the assembler that a delta goes to, but decides nothing: what
it does is what the assembler was seen to do.

Why that is sound. Let a line be ``head hole tail`` and let the full road have read it.

1. *Shape.* ``head`` ends in the opening quote of a JSON string and ``tail`` begins with its closing
   one. In JSON any string may be replaced by any other string without changing how the rest is read.
   So ``head X tail`` says, for every X that is the inside of one JSON string, what the line said, but
   for that one string. Which string it is, is not guessed: the line is parsed once more with another
   text in the hole, and that text must be what stands at the leaf now (``learn``). This excludes a
   duplicate key that wins later, a key instead of a value, a look-alike inside another string.
2. *X is the inside of one JSON string* if the C scanner reads it, from the opening quote, exactly up
   to the closing one. So no unescaped quote, no control character (hence no line end), no bad escape.
   Where X is printable and has neither quote nor backslash, it is all that and says itself. UTF-8 is
   decoded strictly; what is not UTF-8 takes the full road, and so do halves of surrogate pairs.
3. *Effect.* The assembler counts in ``version`` all changes of state that are not text appended, but
   for which call was touched last. A line is learnt only if the full road emitted one text delta and
   left the version alone: the rest of the line had no effect on this state. As long as the version
   is the same, it has none again. The call touched last is noted here as there; a fragment of
   ``tool_calls`` without an index goes to it, so this is compared too. No line that has entries there
   beside its text is learnt.
4. *A second hole* may hold only what can have no effect: padding that the assembler drops, the id or
   the creation time once they are known. It is proven like the first, its value is read
   by the same scanner, or must be digits.

Many frames at once: a run of bytes is cut at its blank lines, each piece is stripped of as many
characters as ``head`` and ``tail`` have, and what is left is joined again by ``tail``, blank line and
``head``. If that gives the run, each piece was ``head X tail``. The X of all are then scanned in one
call, joined by one character; if the result has as many of it as there are joints, none was inside.
"""

from __future__ import annotations

import re
from itertools import repeat

from ._assembler import REASONING_FIELDS
from ._events import ContentDelta, ReasoningDelta, RefusalDelta, ToolCallDelta
from ._json import scan_json
from ._partial import scanstring
from ._text import has_halves
from ._values import NOISE_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, AnyStr, Callable

    from ._answer import Call, Choice
    from ._assembler import ChunkReader
    from ._events import Event
    from ._text import Text

    Scanner = Callable[[str, int], tuple[Any, int]]
    Hole = tuple[int, int, Any, str]  # where it begins and ends, another value for it, its key

MAX_TEMPLATES = 16
# An attempt to learn costs as much as reading three or four frames in full. So beyond the first few
# there is one for every four frames that were read by a template and one for every eight that might
# have been; and all is given up after this many of these, beyond two for each of those.
MAX_ATTEMPTS = 4
MAX_MISSES = 24
MAX_LINE = 16384  # bytes; longer frames gain nothing
SMALL = 4096  # bytes; more than this in one feed is likely more than one frame
LARGEST_BULK = 65536  # bytes that are read at once, and the longest line that is read here

_JOINT = "\x7f"  # rare, and no escape when it follows a backslash

_colon = re.compile(rb"[ \t]*:[ \t]*").match
_digits = re.compile(rb"[0-9]*").match


class Road:
    """The fast road of one stream: the templates it has learnt, and which of them is due.

    ``take`` reads frames for as long as templates fit: it is given where a frame begins, and returns where
    the first one begins that it did not read. That one is for the full road, and then for ``learn``. Nothing
    else in the library knows templates. ``last`` is the template that read the latest frame; ``hits`` is
    how many frames were read here; ``blank`` is how this stream ends a frame.
    """

    __slots__ = ("_attempts", "_misses", "_reader", "blank", "due", "hits", "is_open", "last", "templates")

    def __init__(self, reader: ChunkReader, is_open: bool) -> None:
        self._reader = reader
        self.is_open = is_open  # False: nothing is learnt, so nothing is read here
        self.due: Template | None = None  # what the next feed is expected to be
        self._attempts = 0  # to learn
        self._misses = 0  # frames that a template might have read
        self.templates: list[Template] = []
        self.last: Template | None = None
        self.hits = 0
        self.blank = b"\n\n"

    def take_frame(self, due: Template, data: bytes, events: list[Event]) -> bool:
        """Read a feed that is just the frame that is due: the most common one by far."""
        text = due.read(data, due.end)
        if text is None:
            return False
        self.hits += 1
        if text and due.call is None:  # emit() inlined: 4 % of the row "content"
            kept = due.text
            kept.pieces.append(text)
            if len(kept.pieces) >= kept.FOLD_AT:
                kept.fold()
            if due.field is None:
                events.append(due.event(due.choice.index, text))
            else:
                events.append(ReasoningDelta(due.choice.index, text, due.field))
        else:
            due.emit(text, events)
        if due.then != due.number:
            self.last = due
            self.aim()
        return True

    def take(self, last: Template, data: bytes, pos: int, events: list[Event]) -> int:
        """Read frames from ``pos`` on; return where the first begins that no template fits."""
        blank = self.blank
        width = len(blank) // 2
        while True:
            if last.streak >= 8 and last.applies(self._reader):
                pos = self._take_many(last, data, pos, events)
            end = data.find(b"\n", pos) + 1 - width
            if not (pos <= end <= pos + LARGEST_BULK and data.startswith(blank, end)):
                return pos
            template = self.take_line(data[pos:end], events)
            if template is None:
                return pos
            last = template
            pos = end + len(blank)

    def take_line(self, line: bytes, events: list[Event]) -> Template | None:
        """Read the frame of one data line, if a template fits; return that."""
        last = self.last
        if last is None:
            return None
        reader = self._reader
        due = self.templates[last.then]
        text = due.read(line, due.tail) if due.applies(reader) else None
        if text is None:
            for template in self.templates:
                if line.startswith(template.head) and template is not due and template.applies(reader):
                    text = template.read(line, template.tail)
                    if text is not None:
                        last.then = template.number
                        due = template
                        break
            else:
                last.streak = 0
                return None
        last.streak = last.streak + 1 if due is last else 0
        due.emit(text, events)
        self.hits += 1
        self.last = due
        return due

    def _take_many(self, template: Template, data: bytes, pos: int, events: list[Event]) -> int:
        """Read frames of one template until it cannot tell; return where they end."""
        while len(data) - pos >= 1024:
            texts, pos = template.read_many(data, pos)
            if not texts:
                template.bulk = max(template.bulk // 8, 2048)
                template.streak = 0
                break
            template.emit_many(texts, events)
            self.hits += len(texts)
            template.bulk = min(template.bulk * 2, LARGEST_BULK)
        return pos

    def learn(self, line: bytes, event: Any) -> None:
        """Learn a frame that the full road just read with this one effect, or see it has no other still."""
        if event.__class__ not in (ContentDelta, ReasoningDelta, RefusalDelta, ToolCallDelta):
            return
        self._misses += 1
        reader = self._reader
        text = event.arguments if event.__class__ is ToolCallDelta else event.text
        template = next((one for one in self.templates if one.read(line, one.tail) == text), None)
        if template is None:
            if self._misses > MAX_MISSES + 2 * self.hits:
                self.is_open = False
                self.templates.clear()
                self.last = None
                return
            attempts = MAX_ATTEMPTS + self._misses // 8 + self.hits // 4
            if len(self.templates) >= MAX_TEMPLATES or self._attempts >= attempts or len(line) > MAX_LINE:
                return
            self._attempts += 1
            template = learn(line, scan_json, reader, event, self.blank)
            if template is None:
                return
            template.number = template.then = len(self.templates)
            self.templates.append(template)
        template.bind(reader, event)
        if self.last is not None:
            self.last.then = template.number
        self.last = template

    def aim(self) -> None:
        """Expect the template that came after the last one, if the state is still the one it was seen in."""
        due = None if self.last is None else self.templates[self.last.then]
        self.due = due if due is not None and due.applies(self._reader) else None


class Template:
    """One frame with holes. ``head``, ``seam`` and ``tail`` are the bytes around them, ``seam`` None with one
    hole. ``end`` is ``tail`` with the blank line that follows. ``choice``, ``call`` and ``text`` are where
    the assembler puts the delta, ``state`` when that was seen; ``indexed`` is
    False for a fragment that goes to the call touched last. ``then`` is the number of the one that
    came after it last (a reference would make a cycle, and each stream work for the garbage collector).
    """

    __slots__ = (
        "bulk",
        "call",
        "choice",
        "dead_first",
        "dead_is_number",
        "end",
        "event",
        "field",
        "head",
        "indexed",
        "number",
        "seam",
        "seam_size",
        "start",
        "state",
        "streak",
        "strings",
        "tail",
        "text",
        "then",
    )

    def __init__(self, head: bytes, seam: bytes | None, tail: bytes, blank: bytes) -> None:
        self.head = head
        self.start = len(head)
        self.seam = seam
        self.seam_size = len(seam or b"")
        self.tail = tail
        self.end = tail + blank
        self.strings: tuple[str, str, str] | None = None
        self.dead_first = False
        self.dead_is_number = False
        self.indexed = True
        self.state: tuple[int, int]
        self.streak = 0
        self.bulk = 2048
        self.number: int
        self.then: int
        self.event: Any
        self.field: str | None
        self.choice: Choice
        self.call: Call | None
        self.text: Text

    def read(self, frame: bytes, tail: bytes) -> str | None:
        """Return the text of ``frame``, which ends in ``tail``, or None if it is not this frame."""
        if not (frame.startswith(self.head) and frame.endswith(tail)):
            return None
        start = self.start
        stop = len(frame) - len(tail)  # less than start where head and tail overlap
        try:
            if self.seam is not None:
                seam = frame.find(b'"', start)  # in half the time of a search for all of it
                if not frame.startswith(self.seam, seam):
                    seam = frame.find(self.seam, start)
                    if seam < 0:
                        return None
                behind = seam + self.seam_size
                if self.dead_first:
                    dead = frame[start:seam]
                    start = behind
                else:
                    dead = frame[behind:stop]
                    stop = seam
                if self.dead_is_number:
                    if not is_plain_number(dead):
                        return None
                elif not dead.isalnum() and (
                    behind + len(tail) > len(frame) or _strings_of([dead.decode()]) is None
                ):
                    return None
            text = frame[start:stop].decode()
            # Nearly always the string is what stands there: no quote, no escape, no control character.
            if text.isprintable() and "\\" not in text and '"' not in text:
                return text if start <= stop else None
            hole = text + '"'
            text, end = scanstring(hole, 0)
        except ValueError:
            return None
        if end != len(hole) or (len(text) != end - 1 and has_halves(text)):
            return None
        return text

    def read_many(self, data: bytes, pos: int) -> tuple[list[str], int]:
        """Return the texts of the frames from ``pos`` on, and where they end; none where it cannot tell."""
        nothing: tuple[list[str], int] = ([], pos)
        stop = data.rfind(self.end, pos, pos + self.bulk)
        if stop < pos:
            return nothing
        stop += len(self.end)
        if self.strings is None:
            head = self.head.decode()
            behind = self.end.decode()
            # head, the line's end up to its LF, and what is between two holes
            self.strings = (head, behind[: behind.index("\n")], behind + head)
        head, tail, joint = self.strings
        try:
            run = data[pos:stop].decode()
        except UnicodeDecodeError:
            return nothing
        start = len(head)
        end = -len(tail)
        # Cut at each LF, not at blank lines: to search for one character takes half the time.
        holes: Sequence[str] = [line[start:end] for line in run.split("\n")[:-1:2]]
        if f"{head}{joint.join(holes)}{joint[: -start]}" != run:
            return nothing
        if self.seam is not None:
            seam = self.seam.decode()
            holes, seams, dead = zip(*map(str.partition, holes, repeat(seam)))
            if self.dead_first:
                holes, dead = dead, holes
            if "" in seams or not _are_dead(dead, self.dead_is_number):
                return nothing
        texts = _strings_of(holes)
        return nothing if texts is None else (texts, stop)

    def applies(self, reader: ChunkReader) -> bool:
        """Whether the state is still the one in which this frame was seen to have no other effect."""
        if self.state != (reader.version, reader.kept):
            return False
        return self.indexed or self.choice.calls.last is self.call

    def emit(self, text: str, events: list[Event]) -> None:
        """Do what the assembler does with this frame."""
        call = self.call
        if call is not None and call.index is not None:
            self.choice.calls.last = call
        if text:
            kept = self.text
            kept.pieces.append(text)
            if len(kept.pieces) >= kept.FOLD_AT:
                kept.fold()
            if call is None:
                args = () if self.field is None else (self.field,)
                events.append(self.event(self.choice.index, text, *args))
            else:
                events.append(ToolCallDelta(self.choice.index, call.index, text))

    def emit_many(self, texts: list[str], events: list[Event]) -> None:
        """Do what the assembler does with these frames."""
        index = self.choice.index
        call = self.call
        if call is not None:
            place = call.index
            if place is not None:
                self.choice.calls.last = call
            events += map(ToolCallDelta, repeat(index), repeat(place), filter(None, texts))
        else:
            args = () if self.field is None else (repeat(self.field),)
            events += map(self.event, repeat(index), filter(None, texts), *args)
        text = "".join(texts)
        if text:
            self.text.append(text, False)

    def bind(self, reader: ChunkReader, event: Any) -> None:
        """Note where the assembler put the delta that the full road just emitted."""
        choice: Any = reader.choices[event.choice]
        self.event = event.__class__
        self.field = event.field if self.event is ReasoningDelta else None
        self.choice = choice
        self.call = None
        if self.event is ToolCallDelta:
            call: Any = choice.function_call if event.index is None else choice.calls[event.index]
            self.call = call
            text = call.arguments
        elif self.event is ContentDelta:
            text = choice.content
        elif self.event is ReasoningDelta:
            text = choice.thoughts
        else:
            text = choice.refusal
        self.text = text
        self.state = (reader.version, reader.kept)


def _strings_of(holes: Sequence[str]) -> list[str] | None:
    """Return the strings that these are the insides of, None unless all are and hold no lone surrogate."""
    joined = _JOINT.join(holes) + '"'
    try:
        text, end = scanstring(joined, 0)
    except ValueError:
        return None
    texts = text.split(_JOINT)
    if end != len(joined) or len(texts) != len(holes) or (len(text) != end - 1 and has_halves(text)):
        return None
    return texts


def _are_dead(holes: Sequence[str], numbers: bool) -> bool:
    """Whether each is the inside of a string, or a number, without any effect."""
    if numbers:
        return all(hole.isascii() and is_plain_number(hole) for hole in holes)
    return "".join(holes).isalnum() or _strings_of(holes) is not None


def is_plain_number(digits: AnyStr) -> bool:
    """Whether these are an integer that neither JSON nor the interpreter refuses, nor zero."""
    return digits.isdigit() and digits[0] not in (48, "0") and len(digits) <= 18


def learn(line: bytes, scan: Scanner, reader: ChunkReader, event: Any, blank: bytes) -> Template | None:
    """Return a template of a line that the full road just read, None if it cannot be proven.

    ``event`` is the one event that came of it.
    """
    names, text = _sources(event)
    noise = next((name for name in NOISE_FIELDS if f'"{name}"'.encode() in line), None)
    for name in names:
        for hole in _holes(line, name, text):
            template = None if noise is None else _cut_twice(line, hole, noise, scan, event, blank)
            if template is None:
                chunk = _with(line, [hole], scan)
                path = _leaf(chunk, event, name, hole[2])
                if path is None:
                    continue
                dead = _dead_field(chunk, reader)
                if dead is None:
                    return _cut(line, [hole], path, chunk, blank)
                template = _cut_twice(line, hole, dead, scan, event, blank)
            if template is not None:
                return template
    return None


def _cut_twice(
    line: bytes, hole: Hole, dead: str, scan: Scanner, event: Any, blank: bytes
) -> Template | None:
    """Return a template with a second hole for the field ``dead``, None if that cannot be proven."""
    for second in _holes(line, dead, None):
        holes = sorted([hole, second])
        chunk = _with(line, holes, scan)
        if chunk is not None and chunk.get(dead) == second[2]:
            path = _leaf(chunk, event, hole[3], hole[2])
            if path is not None:
                return _cut(line, holes, path, chunk, blank)
    return None


def _cut(line: bytes, holes: list[Hole], path: tuple[Any, ...], chunk: Any, blank: bytes) -> Template:
    first = holes[0]
    last = holes[-1]
    seam = line[first[1] : last[0]] if len(holes) == 2 else None
    template = Template(line[: first[0]], seam, line[last[1] :], blank)
    if len(holes) == 2:
        template.dead_first = first[3] != path[-1]
        dead = first if template.dead_first else last
        template.dead_is_number = dead[2].__class__ is int
    if "tool_calls" in path:
        template.indexed = chunk["choices"][0]["delta"]["tool_calls"][0].get("index") is not None
    return template


def _with(line: bytes, holes: list[Hole], scan: Scanner) -> Any:
    """Return the chunk that the line is with other values in the holes, None if it is none any more."""
    pieces: list[bytes] = []
    pos = 0
    for start, stop, value, _ in holes:
        pieces += [line[pos:start], str(value).encode()]
        pos = stop
    pieces.append(line[pos:])
    try:
        text = b"".join(pieces).decode()
        return scan(text, 6 if text[5] == " " else 5)[0]
    except ValueError:
        return None  # the line was no UTF-8


def _sources(event: Any) -> tuple[tuple[str, ...], str]:
    """Return the fields that a text delta may come from, and its text."""
    if event.__class__ is ContentDelta:
        return ("content", "text"), event.text
    if event.__class__ is ReasoningDelta:
        return REASONING_FIELDS, event.text
    if event.__class__ is RefusalDelta:
        return ("refusal",), event.text
    return ("arguments", "input"), event.arguments


def _leaf(chunk: Any, event: Any, name: str, text: str) -> tuple[Any, ...] | None:
    """Return the path of the field that the event would come from, if ``text`` stands there now."""
    choices: Any = chunk.get("choices") if chunk is not None else None
    if choices.__class__ is not list or len(choices) != 1:
        return None
    entry: Any = choices[0]
    path: tuple[Any, ...] = ("choices", 0, "delta", name)
    if name == "text":
        path = ("choices", 0, name)
        if entry.get("delta") is not None or entry.get("message") is not None:
            return None
    else:
        delta: Any = entry.get("delta")
        calls: Any = delta.get("tool_calls") if delta.__class__ is dict else None
        if event.__class__ is ToolCallDelta and event.index is not None:
            if calls.__class__ is not list or len(calls) != 1:
                return None
            if calls[0].get("custom") is not None and calls[0].get("function") is not None:
                return None  # which of them counts hangs on what is in them
            path = ("choices", 0, "delta", "tool_calls", 0, "custom" if name == "input" else "function", name)
        elif calls:
            return None  # they may change which call was touched last
        elif event.__class__ is ToolCallDelta:
            path = ("choices", 0, "delta", "function_call", name)
    found: Any = chunk
    try:
        for step in path:
            found = found[step]
    except (LookupError, TypeError):
        return None
    return path if found == text else None


def _holes(line: bytes, name: str, text: str | None) -> Iterator[Hole]:
    """Yield the first few places where a key of this name has a string, or a number, as its value.

    If ``text`` is given, only where it has that.
    """
    key = f'"{name}"'.encode()
    pos = 0
    for _ in range(4):
        pos = line.find(key, pos) + len(key)
        if pos < len(key):
            return
        colon = _colon(line, pos)
        if colon is None:
            continue
        start = colon.end()
        if line.startswith(b'"', start):
            try:
                rest = line[start + 1 :].decode()
                found, end = scanstring(rest, 0)
            except ValueError:
                continue
            if text is None or text == found:
                stop = start + 1 + len(rest[: end - 1].encode())
                yield start + 1, stop, "y" if found == "x" else "x", name
        elif text is None:
            digits = line[start : _digits(line, start).end()]  # type: ignore[union-attr]
            if is_plain_number(digits):
                yield start, start + len(digits), int(digits) + 1, name


def _dead_field(chunk: Any, reader: ChunkReader) -> str | None:
    """Return the name of the top-level field that differs from frame to frame and means nothing."""
    id = chunk.get("id")
    if id.__class__ is str and id and id != reader.answer.id:
        return "id"
    created = chunk.get("created")
    return "created" if created != reader.answer.created and is_plain_number(str(created)) else None
