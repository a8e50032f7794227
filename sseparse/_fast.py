# SPDX-License-Identifier: MIT
"""The fast path: reads frames that repeat an earlier frame, except for the values in a few places.

Most frames of a stream equal the frame before them to the byte, except for one or two values. For example,
these two frames of a content stream differ only in a text:

    data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Hel"}}]}
    data: {"id":"c1","choices":[{"index":0,"delta":{"content":"lo"}}]}

A *template* is such a frame with *holes* in place of these values, and with *steps*: what the frame does.
Most steps use the value of one hole, and some holes have no step. A later frame that has the same bytes
around its holes is read by decoding only the holes. Every other frame takes the full path, which parses it
and gives the chunk to the assembler.

This file knows the bytes of frames. It does not know the fields of a chunk: ``_lesson.py`` finds the holes of
a frame and has the steps. A ``FastPath`` is in one of two stages:

    stage     what happens to a frame                                           next stage
    LEARNING  a template reads it, or the full path does and it may be learnt   GIVEN_UP at too many misses
    GIVEN_UP  the full path reads it; there are no templates                    -

A stream with ``fast_path=False`` begins in GIVEN_UP.

Why this gives the same events as the full path. Suppose that the full path has read a line, and that a later
line has the same bytes around its holes.

1. *The values in the holes.* In JSON any value can be replaced by any other value, and the inside of any
   string by the inside of any other string, without a change to how the rest is read. A hole is one of these
   two. The JSON scanner of the standard library must accept its content, and must stop exactly at the bytes
   after the hole. So a hole for a number cannot hold a part of a word, and a hole in a string cannot hold an
   unescaped quote or a line end. Four contents need no scan: printable text without a quote or a backslash;
   padding of ASCII letters and digits; the part of a growing string (of a message) that was scanned in the
   frame before; and an expected integer, whose bytes equal those that ``%d`` writes. (Integers are expected
   to change as before: a count goes up by one in each frame, a time stays the same for a second.)
   A line takes the full path if it is not UTF-8, or if a hole may have a half of a surrogate pair. If a hole
   may have a container, a line takes the full path if it may be nested too deep, or if it has a CR. (A CR
   between JSON values is white space in JSON, but a line end in SSE.) The values of padding, id and time must
   not be containers.
2. *The places of the holes.* The assembler finds a value along a path of keys. There are two ways to find the
   place of this value in the line. The short way is a search for the last key of the path. The place is right
   under two conditions: the key is an identifier that is in the line only once, between quotes and before a
   colon; and the line has no backslash except inside the strings of holes. Then no key is escaped, and each
   quote outside the holes begins or ends a string. So the text after the key is the value. The long way is a
   search for each key of the path, one after the other. It is taken if the first condition does not hold, and
   it may find another place. If either condition does not hold, the line is also parsed again with other
   values in all holes, and the result must equal the chunk with these values at these paths. This excludes a
   place on another path, a duplicate key that replaces the value later, the same text inside a string, and a
   key that is written with escapes.
   A text event is never assigned to a hole only because the text is the same: a delta with two possible
   sources of one event (``custom`` and ``function`` in one fragment, two reasoning fields) is not learnt.
3. *The effect of the values.* A value must have the properties that its effect depends on, as it had when the
   line was learnt. A text must be a non-empty string, because the effect of ``""`` may depend on other
   fields. (Content may be empty if its delta has no other field with an effect. Empty content then has no
   effect.) Logprobs must be an object. A number must be finite, and not 0.0: it equals -0.0, so no step would
   see that one replaces the other. The steps give logprobs, whole unknown fields, and usage after other usage
   to the same methods of the assembler that the full path calls. The methods report no error about such
   values, and ignore null. Three effects are written a second time, in the steps: a text is appended, also to
   a text in an unknown field; numbers are set in usage or in an unknown field that is otherwise the same; and
   an unknown field that comes again unchanged causes its Extra. The tests compare the results with those of
   the full path.
4. *The effect of the rest of the line.* The assembler counts the changes of state that can affect how a later
   chunk is read: ``version``, and ``kept`` for unknown fields. A line is learnt only if ``version`` did not
   change and each of its events belongs to one of the steps. So the rest of the line had no effect. It has no
   effect again while both numbers are the same: then the template *applies*. The template's own steps may
   change ``kept``. Four changes are in neither number:
   - A text of an event begins or grows. (The top of ``_assembler.py`` lists when it counts.) No step and no
     constant part of a learnt line asks whether a text is empty. A fragment with an id may ask whether a call
     has arguments. So the first arguments of a call count too, except in a fragment that has nothing but an
     index and arguments.
   - A scalar in usage replaces another. (Any other change of usage counts.) Only later usage depends on it.
     So a line with usage is learnt only if a step has it. A line whose choice has usage is not learnt.
   - Logprobs are extended. Only a whole message depends on them, and that is not learnt without a delta.
   - Another call becomes the last one. A fragment without an index goes to the last call. So a line with such
     a fragment is not learnt, and each step for a tool call makes that call the last. A line with fragments
     is learnt only if its one text is the arguments of its one fragment, and never with a legacy call.
5. *The order of events* is the order in which the full path emitted them.

Many frames at once. A run of bytes is cut at its line ends. From each piece, as many bytes are removed as the
template has before and after its hole, and the rest is joined again with the template's own bytes. If the
result equals the run, each piece was such a frame. Then the texts are joined with one rare character and
decoded in one call. If the result has as many of these characters as the join put in, none was inside a text.
"""

from __future__ import annotations

import sys
from itertools import repeat
from operator import add, itemgetter

from ._events import Extra
from ._json import scan_json, scan_number
from ._lesson import CONTENT, GROWING, NUMBER, OBJECT, PADDING, SCALAR, TEXT, Lesson, is_countable
from ._partial import scanstring
from ._text import Text, contains_escaped_surrogate, contains_surrogates
from ._values import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._assembler import ChunkReader
    from ._events import Event

    Marks = list[tuple[int, int]]

MAX_TEMPLATES = 16
# These constants limit the cost of learning. A line is searched for keys, and may be parsed with other
# values. So to learn a long line takes at most as long as parsing it twice. (A short one takes longer: see
# ``learn``.) The characters that may be parsed are FIRST_CREDIT, half of each line that could be learnt, and
# 64 for each frame that a template read. A *miss* is a chunk that the full path read and that left
# ``version`` as it was. (Before the first template, only a chunk with events is a miss.) There are
# MAX_ATTEMPTS attempts at first, one more for every eight misses, and one more for every four frames that a
# template read. Learning stops, and all templates are dropped, after MAX_MISSES misses and two more for each
# frame that a template read.
FIRST_CREDIT = 49152
MAX_ATTEMPTS = 4
MAX_MISSES = 26
MAX_SEEN = 64  # hashes that ``_knows`` remembers
MAX_BRACKETS = 96  # in a line after its first hole, if a hole may have a container: few are open before that
MAX_LINE = 16384  # characters; templates for longer frames gain nothing
SMALLEST_BULK = 2048  # bytes
LARGEST_BULK = 65536  # bytes that are read at once, and the longest line that is read here

LEARNING, GIVEN_UP = "learning", "given up"

_HAS_BULK = sys.implementation.name != "pypy"  # on PyPy, one frame at a time is faster
_SEPARATOR = "\x7f"  # DEL is rare in text. After a backslash it is an invalid escape, so none is swallowed.
_LF = 10
_new = object.__new__
_FOLD_AT = Text.FOLD_AT


class FastPath:
    """The fast path of one stream: its templates, and the one that is expected next.

    ``read`` reads frames while templates fit. The first other frame is left to the full path. ``ChatStream``
    calls ``learn`` after it has read a frame in full, and then ``predict`` or ``resume``. It sets ``blank``
    while there are no templates, and changes nothing else here.
    ``stage``: LEARNING or GIVEN_UP (above).
    ``due``: the template that the next frame should fit, None if no template applies.
    ``hits``: the number of frames that were read here.
    ``blank``: the line end and the blank line of this stream.
    """

    __slots__ = (
        "_attempts", "_credit", "_earlier", "_heads", "_last", "_misses", "_reader", "_seen", "blank", "due",
        "hits", "stage", "templates",
    )  # fmt: skip

    def __init__(self, reader: ChunkReader, is_on: bool) -> None:
        self._reader = reader
        self._attempts = 0  # lines that it tried to learn
        self._credit = FIRST_CREDIT  # characters that learning may still parse
        self._misses = 0
        self._seen: tuple[int, ...] = ()  # hashes of the unknown fields and the key orders of earlier frames
        self._earlier: dict[str, Any] = {}  # usage and unknown fields of the frame before: see ``_note``
        self._last: Any = None  # the template that read the last frame, or was learnt from it
        self._heads: tuple[bytes, ...] = ()  # the beginnings of the templates' frames
        self.stage = LEARNING if is_on else GIVEN_UP
        self.templates: list[Template] = []
        self.due: Template | None = None
        self.hits = 0
        self.blank = b"\n\n"

    def read(self, data: bytes, pos: int, events: list[Event], marks: Marks | None = None) -> int:
        """Read frames from ``pos`` on. Return the position of the first frame that no template fits.

        ``marks`` gets the end of each frame and the number of events up to there. The entry of the last frame
        may be missing.
        """
        due = self.due
        if due is None:
            return pos
        # Most feeds are just one frame that fits ``due``: one text, and perhaps padding after it. (Removing
        # the bytes around the text takes half the time of startswith(), endswith() and a slice.)
        size = len(data)
        if size < due.most and not pos:
            text = ""
            inside = data.removeprefix(due.head).removesuffix(due.last)
            if size - len(inside) == due.around:
                try:
                    if due.middle:
                        inside, _, padding = inside.partition(due.middle)
                        if not padding.isalnum():
                            inside = b""
                    text = inside.decode()
                    if "\\" in text or '"' in text or not text.isprintable():  # one text in ten
                        text = _string(text)
                except ValueError:
                    text = ""
            if text:
                only = due.only
                if only is None:
                    due.take(text, self._reader, events)
                else:  # inlined from Append.add(): 8 % of the row "plain content"
                    pieces = only.pieces
                    pieces.append(text)
                    if len(pieces) >= _FOLD_AT:
                        only.text.fold()
                    event = _new(only.event)
                    event.choice = only.index
                    if only.is_simple:
                        event.text = text
                    else:
                        only.fill(event, text)
                    events.append(event)
                self.hits += 1
                if due.then != due.number:
                    self._last = due
                    other = self.templates[due.then]
                    applies = other.version == due.version and other.kept == due.kept
                    self.due = other if applies else self._after(due)
                return size
        if not data.startswith(self._heads, pos):
            return pos  # without this, the row "ping in a feed of its own" takes 2.6 times as long
        return self._read_on(due, data, pos, events, marks)

    def _read_on(
        self, due: Template, data: bytes, pos: int, events: list[Event], marks: Marks | None
    ) -> int:
        """Read frames one by one. ``due`` is the template for the first."""
        reader = self._reader
        size = len(data)
        streak = 0
        hits = 0
        while True:
            text = ""
            end = pos
            if due.is_plain:
                end = data.find(_LF, pos) + due.line_end
                frame = data[pos:end] if end - pos <= LARGEST_BULK else b""
                # The next lines are as in read(). A function for both would cost a call for each frame.
                inside = frame.removeprefix(due.head).removesuffix(due.last)
                if len(frame) - len(inside) == due.around:
                    try:
                        if due.middle:
                            inside, _, padding = inside.partition(due.middle)
                            if not padding.isalnum():
                                inside = b""
                        text = inside.decode()
                        if "\\" in text or '"' in text or not text.isprintable():
                            text = _string(text)
                    except ValueError:
                        text = ""
            if text:
                only = due.only
                if only is not None:
                    only.add(text, events)
                else:
                    due.take(text, reader, events)
            elif not due.is_plain and (end := due.read(data, pos, reader, events)):
                pass
            else:  # an empty text, unusual padding, or another template than expected
                if data.find(_LF, pos) < 0:
                    break  # the frame is not complete yet
                other, end = self._read_other(due, data, pos, events)
                if other is None:
                    break
                if other is not due:
                    self.due = due = other
                    streak = 0
            hits += 1
            pos = end
            if marks is not None:
                marks.append((pos, len(events)))
            self._last = due
            if due.then != due.number:
                other = self.templates[due.then]
                applies = other.version == due.version and other.kept == due.kept
                following = self.due = other if applies else self._after(due)
                if pos == size or following is None:
                    break
                due = following
            elif pos == size:
                break
            else:
                streak += 1
                if streak >= 8 and due.bulk and size - pos >= 1024:
                    pos = self._read_many(due, data, pos, events, marks)
                    streak = 0
                    if pos == size:
                        break
        self.hits += hits
        return pos

    def resume(self, data: bytes, pos: int, events: list[Event]) -> int:
        """Read frames like ``read()``, after the full path has read one."""
        self.predict()
        return self.read(data, pos, events)

    def predict(self) -> None:
        """Set ``due``: the template that followed the last one earlier, or else the first that applies."""
        last = self._last  # no template is newer: if ``version`` has changed since, none applies any more
        self.due = self._after(last) if last.version == self._reader.version else None

    def _after(self, last: Template) -> Template | None:
        templates = self.templates
        following = templates[last.then]
        if following.applies(self._reader):
            return following
        return next((template for template in templates if template.applies(self._reader)), None)

    def _read_other(
        self, due: Template, data: bytes, pos: int, events: list[Event]
    ) -> tuple[Template | None, int]:
        """Read the frame at ``pos``. Return the first template that fits it, or None, and its end."""
        reader = self._reader
        templates = self.templates if data.startswith(self._heads, pos) else []  # one call checks all
        for template in (due, *templates) if due.is_plain else templates:
            if template.applies(reader):
                end = template.read(data, pos, reader, events)
                if end:
                    if template is not due:
                        self._last.then = template.number
                    return template, end
        return None, pos

    def _read_many(
        self, template: Template, data: bytes, pos: int, events: list[Event], marks: Marks | None
    ) -> int:
        """Read frames in bulk while all fit ``template``. Return the end of the last one."""
        append: Any = template.only
        while len(data) - pos >= 1024:
            end = pos
            texts, pos = template.read_many(data, pos)
            if not texts:
                if template.bulk == SMALLEST_BULK:
                    break
                template.bulk = max(template.bulk // 8, SMALLEST_BULK)
                continue
            self.hits += len(texts)
            if marks is not None:
                count = len(events)
                for text in texts:
                    end = data.find(_LF, end) + len(self.blank) // 2 + 1
                    count += text != ""
                    marks.append((end, count))
            if "" in texts:
                texts = list(filter(None, texts))
            append.take_many(texts, events)
            template.bulk = min(template.bulk * 2, LARGEST_BULK)
        return pos

    def learn(self, begin: bytes, text: str, chunk: dict[str, Any], caused: list[Any], kept: int) -> None:
        """Learn the frame of one data line. The full path just read it, and ``version`` did not change.

        ``begin`` is ``data:``, perhaps with a space, ``text`` the rest of the line, and ``chunk`` its JSON
        value. ``caused`` are the events of the frame. ``kept`` is the value of ``reader.kept`` before it.
        """
        if not caused and not self.templates:
            return
        self._misses += 1
        if self._misses > MAX_MISSES + 2 * self.hits:
            self.stage = GIVEN_UP
            self.templates.clear()
            self._heads = ()
            self.due = self._last = None
            return
        if not caused:
            return
        earlier = self._earlier
        self._note(chunk, caused, kept)
        # A frame is learnt only if the order of its top keys and its unknown fields have come before, for
        # three reasons. If all orders differ, no template would ever fit. Whether a field changes is known
        # only when it comes again. And learning takes as long as reading four frames: an answer of one word
        # has fewer.
        keys = [tuple(chunk), *[event.field for event in caused if event.__class__ is Extra]]
        if not (self._knows(keys) and self._affords(len(text))):
            return
        lesson = Lesson(text, chunk, self._reader, earlier)
        try:
            is_learnt = lesson.learn(caused, self._reader.kept - kept)
        except RecursionError:  # a deep value, while the stack is nearly full
            return
        if is_learnt:
            self._add(Template(lesson, begin, self.blank))

    def _note(self, chunk: dict[str, Any], caused: list[Any], kept: int) -> None:
        """Remember usage for the next lesson, which compares the numbers in it. If an unknown field changed,
        remember the objects in unknown fields outside the delta, too."""
        usage = chunk.get("usage")
        self._earlier = {} if usage is None else {"usage": render(usage, False)}
        if self._reader.kept != kept:
            for event in caused:
                if event.__class__ is Extra and event.place != "delta" and event.value.__class__ is dict:
                    self._earlier[event.field] = render(event.value, False)

    def _affords(self, size: int) -> bool:
        """Whether a line of this size may be learnt now. If so, count it."""
        self._credit += size // 2
        attempts = MAX_ATTEMPTS + self._misses // 8 + self.hits // 4
        if self._attempts >= attempts or 2 * size > self._credit + 64 * self.hits or size > MAX_LINE:
            return False
        self._credit -= 2 * size
        self._attempts += 1
        return True

    def _knows(self, keys: list[Any]) -> bool:
        """Whether all of these keys have come before. Remember them."""
        seen = self._seen  # a tuple, because an open stream keeps it: a set takes 150 bytes more
        missing = [key for key in map(hash, keys) if key not in seen]
        if missing and len(seen) < MAX_SEEN:
            self._seen = (*seen, *missing)
        return not missing

    def _add(self, template: Template) -> None:
        """Add a template. It replaces an earlier one for the same frames."""
        templates = self.templates
        number = next((one.number for one in templates if one.shape == template.shape), len(templates))
        if number == MAX_TEMPLATES:
            return
        template.number = template.then = number
        templates[number : number + 1] = [template]
        self._heads = tuple([one.prefix for one in templates])
        if self._last is not None:
            self._last.then = number
        self._last = template


class Template:
    """One frame with holes, and its steps.

    ``shape`` is a hash of the text around the holes and of the kinds of the holes. Templates for the same
    frames have the same. ``prefix`` is the bytes before the first hole. ``kinds`` are the kinds of the holes.
    Each of ``holes`` has its kind, the text after it, and the length of that text. ``read()`` reads any
    frame.

    A *plain* template has one text, perhaps padding after it, and no other hole. ``FastPath`` reads its usual
    frames in less time. Their bytes are ``head``, the text, ``middle`` and the padding if there is any, and
    ``last``. Such a template seldom needs ``holes``, which repeat these bytes. So it has none until
    ``read()`` is called.

    A template is plain, too, while it has one text, and all its other values have been integers. Then
    ``head`` and ``last`` have the integers that are expected in the next frame. A count is expected to change
    by as much as it did in the frame before, a time to stay the same. (Counts of vLLM, xAI and Perplexity;
    the time of Ollama) The steps take the text as the last value, after these.

    ``around``: the number of bytes in ``head`` and ``last``.
    ``line_end``: the number of bytes from the first LF of a frame to its end.
    ``steps``: what the frame does. ``only``: the step of a plain template that has only one.
    ``version``, ``kept``: the numbers of the reader for which the template applies.
    ``nests``: whether a hole may have a container.
    ``at``: the number of the hole with the text. ``numbers``: the integers in the other holes, as they were
    in the last frame. ``gains``: by how much each of them is expected to change. ``expected``: the integers
    that are expected next. ``forms``: ``head`` and ``last`` with ``%d`` in place of integers, b"" if they
    have none. ``moving``: the forms in which an integer is expected to change, b"" in place of the other;
    None if there is none.
    ``blank``: as in ``FastPath``.
    ``grown``: the inside of the string in a GROWING hole, as it was in the last frame.
    ``echo``: the numbers of two holes that must have the same text.
    ``number``, ``then``: the numbers of this template and of the one that came after it the last time. (A
    reference would make a cycle, and so work for the garbage collector.)
    ``most``: a feed with fewer bytes has at most one frame.
    ``bulk``: the number of bytes to read at once, 0 for no bulk reading.
    """

    __slots__ = (
        "around", "at", "blank", "bulk", "echo", "expected", "forms", "gains", "grown", "head", "holes",
        "is_plain", "kept", "kinds", "last", "line_end", "middle", "most", "moving", "nests",
        "number", "numbers", "only", "prefix", "shape", "steps", "then", "version",
    )  # fmt: skip

    def __init__(self, lesson: Lesson, begin: bytes, blank: bytes) -> None:
        pieces, kinds, steps = lesson.pieces, lesson.kinds, lesson.steps
        pieces[0] = begin.decode() + pieces[0]
        self.shape = hash((*pieces, *kinds))
        has_padding = kinds in ([TEXT, PADDING], [CONTENT, PADDING]) and not lesson.echo
        self.is_plain = has_padding or kinds in ([TEXT], [CONTENT])
        self.blank = blank
        self.steps = steps
        self.echo = lesson.echo
        self.nests = max(kinds) >= OBJECT
        self.prefix = self.head = pieces[0].encode()
        self.middle = pieces[1].encode() if has_padding else b""
        self.last = pieces[-1].encode() + blank
        self.around = len(self.head) + len(self.last)
        self.line_end = len(blank) // 2 + 1
        self.grown = ""
        self.at = lesson.at
        self.numbers: tuple[int, ...] = lesson.numbers
        self.expected: tuple[int, ...] = ()
        self.gains = (0,) * len(self.numbers)
        self.forms = (b"", b"")
        self.moving: tuple[bytes, bytes] | None = None
        self.kinds = tuple(kinds)
        self.holes: tuple[tuple[int, str, int], ...] = ()
        if not self.is_plain:
            self._find_holes(pieces[1:])
        if self.numbers:
            at = lesson.at + 1
            self.forms = self.moving = (_form(pieces[:at]), _form(pieces[at:], blank))
            self.is_plain = True
            self._expect()
            self.moving = None
        self.only: Any = steps[0] if self.is_plain and len(steps) == 1 else None
        self.bulk = SMALLEST_BULK if _HAS_BULK and self.only is not None else 0
        self.most = 2 * self.around if self.is_plain else 0
        self.number = self.then = 0
        self.version = lesson.reader.version
        self.kept = lesson.reader.kept

    def applies(self, reader: ChunkReader) -> bool:
        """Whether a frame of this template has the same effects as the one that was learnt (4. above)."""
        return self.version == reader.version and self.kept == reader.kept

    def _find_holes(self, pieces: list[str]) -> None:
        """Set ``holes``. ``pieces`` is the text after each hole."""
        # Without the closing quote, which the string scanner reads.
        behind = [piece[kind <= GROWING :] for kind, piece in zip(self.kinds, pieces)]
        self.holes = tuple(zip(self.kinds, behind, map(len, behind)))

    def _compare(self, values: list[Any]) -> None:
        """Compare the numbers with those of the frame before. Expect the same changes in the next frame.

        Expect nothing any more after a number that is not an integer.
        """
        del values[-1]  # the text
        if not all(map(is_countable, values)):
            self.is_plain = False
            self.moving = None
            return
        factors = [kind != SCALAR for kind in self.kinds if kind > CONTENT]  # 0: a time, which stays
        gains = tuple([(new - old) * factor for new, old, factor in zip(values, self.numbers, factors)])
        self.gains = gains
        self.numbers = tuple(values)
        before, after = self.moving = self.forms
        self._expect()
        before = before if any(gains[: self.at]) else b""
        after = after if any(gains[self.at :]) else b""
        self.moving = (before, after) if any(gains) else None

    def _expect(self) -> None:
        """Write the integers that are expected in the next frame into ``head`` and ``last``."""
        numbers = self.expected = tuple(map(add, self.numbers, self.gains))
        before, after = self.moving or (b"", b"")
        if before:
            self.head = before % numbers[: self.at]
        if after:
            self.last = after % numbers[self.at :]
        self.around = len(self.head) + len(self.last)

    def read(self, data: bytes, pos: int, reader: ChunkReader, events: list[Event]) -> int:
        """Read the frame at ``pos``. Return its end, 0 if it does not fit."""
        blank = self.blank
        stop = data.find(_LF, pos) + 1 - len(blank) // 2
        fits = pos < stop <= pos + LARGEST_BULK and data.startswith(self.prefix, pos)
        if not (fits and data.startswith(blank, stop)):
            return 0
        if not self.holes:
            behind = filter(None, (self.middle, self.last[: -len(blank)]))
            self._find_holes([piece.decode() for piece in behind])
        values = self._values(data[pos + len(self.prefix) : stop])
        if values is None:
            return 0
        held = reader.events
        reader.events = events
        for step in self.steps:
            step.take(values, reader)
        reader.events = held
        self.kept = reader.kept
        if self.numbers and self.is_plain:
            self._compare(values)
        return stop + len(blank)

    def _values(self, rest: bytes) -> list[Any] | None:
        """Return the values of the holes, None if one does not fit. ``rest`` begins at the first hole."""
        values: list[Any] = []
        value: Any
        grown = self.grown
        try:
            line = rest.decode()
            if self.nests:
                # An object inside another takes at least five characters, {"":}. So a short line has few, and
                # they need not be counted. (This is worth 2 % of the row "logprobs".)
                spare = MAX_BRACKETS - line.count("[")
                if "\r" in line or (len(line) > 5 * spare and line.count("{") > spare):
                    return None
            has_escapes = "\\" in line
            pos = 0
            for kind, piece, size in self.holes:
                begin = pos
                if kind < GROWING:
                    value, pos = scanstring(line, pos)
                    if not value and kind == TEXT:
                        return None
                elif kind == GROWING:
                    if line.startswith(grown, pos):  # scan only the rest
                        begin = pos + len(grown)
                    value, end = scanstring(line, begin)
                    grown = line[pos : end - 1]
                    pos = end
                elif kind <= SCALAR and line[pos] in "{[":  # the scanner could overflow WebAssembly's stack
                    return None
                elif kind == NUMBER:
                    value, pos = scan_number(line, pos)
                    if value.__class__ is not int and (
                        value.__class__ is not float or not value or not -1e400 < value < 1e400
                    ):
                        return None
                else:
                    value, pos = scan_json(line, pos)
                    if kind == OBJECT and value.__class__ is not dict:
                        return None
                if not line.startswith(piece, pos):
                    return None
                if has_escapes and contains_escaped_surrogate(line[begin:pos]):
                    return None
                pos += size
                values.append(value)
        except (ValueError, StopIteration, IndexError, RecursionError):
            return None
        if pos != len(line) or (self.echo and values[self.echo[0]] != values[self.echo[1]]):
            return None
        self.grown = grown
        if self.numbers:
            values.append(values.pop(self.at))  # the text
        return values

    def take(self, text: str, reader: ChunkReader, events: list[Event]) -> None:
        """Take the steps of a frame with this text and the numbers that were expected."""
        numbers = self.numbers = self.expected
        values = (*numbers, text)
        # These lines are those of read(). A function for both would cost each frame a call.
        held = reader.events
        reader.events = events
        for step in self.steps:
            step.take(values, reader)
        reader.events = held
        self.kept = reader.kept
        if self.moving is not None:
            self._expect()

    def read_many(self, data: bytes, pos: int) -> tuple[list[str], int]:
        """Return the texts of the next frames, and the end of these. No texts if not all frames fit."""
        stop = data.rfind(self.last, pos, pos + self.bulk)
        if stop < pos:
            return [], pos
        stop += len(self.last)
        run = data[pos:stop]
        inside = itemgetter(slice(len(self.head), self.line_end - len(self.last)))
        # Cut at each LF and not at blank lines: the search for one byte takes half the time.
        holes: Sequence[bytes] = list(map(inside, run.split(b"\n")[:-1:2]))
        if b"".join((self.head, (self.last + self.head).join(holes), self.last)) != run:
            return [], pos
        if self.middle:
            holes, middles, padding = zip(*map(bytes.partition, holes, repeat(self.middle)))
            if b"" in middles or not (b"".join(padding).isalnum() or _strings_of(padding) is not None):
                return [], pos
        texts = _strings_of(holes)
        if texts is None or ("" in texts and self.kinds[self.at] == TEXT):
            return [], pos
        return texts, stop


def _string(inside: str) -> str:
    """Decode the inside of a JSON string. Raise ValueError if it is invalid or has a half of a pair."""
    inside += '"'
    text, end = scanstring(inside, 0)
    if end != len(inside) or (len(text) != end - 1 and contains_surrogates(text)):
        raise ValueError
    return text


def _form(pieces: list[str], blank: bytes = b"") -> bytes:
    """Return a format of bytes with ``%d`` between the pieces, b"" for a single piece."""
    if len(pieces) == 1:
        return b""
    return "%d".join([piece.replace("%", "%%") for piece in pieces]).encode() + blank


def _strings_of(insides: Sequence[bytes]) -> list[str] | None:
    """Decode the insides of many JSON strings. None if any is invalid or has a half of a pair."""
    try:
        texts = _string(_SEPARATOR.encode().join(insides).decode()).split(_SEPARATOR)
    except ValueError:
        return None
    return texts if len(texts) == len(insides) else None
