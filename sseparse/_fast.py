# SPDX-License-Identifier: MIT
"""The fast path: reads frames that repeat an earlier frame, except for the values in a few places.

Most frames of a stream equal the frame before them to the byte, except for one or two values. For example,
these two frames of a content stream differ only in a text:

    data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Hel"}}]}
    data: {"id":"c1","choices":[{"index":0,"delta":{"content":"lo"}}]}

A *template* is such a frame with *holes* in place of these values, and with *steps*: what the frame does with
the value of each hole. A later frame that has the same bytes around its holes is read by decoding only the
holes. Every other frame takes the full path, which parses it and gives the chunk to the assembler.

Each kind of step is a class with a method ``take``:

* ``Append``: text of content, reasoning, refusal or arguments. (all servers)
* ``Again``: an unknown field that comes again unchanged. It causes an Extra each time, but changes no state.
  (Azure and GitHub Copilot: content_filter_results; Perplexity: citations, search_results)
* ``Detail``: an unknown field of a delta that is one object in a list, in which only a text grows.
  (OpenRouter, Vercel: reasoning_details)
* ``Numbers``: an unknown field that is an object in which only numbers change. (llama.cpp: timings)
* ``Unknown``: an unknown field whose value changes in another way.
* ``Counts``: usage in which only numbers change, or nothing. (vLLM, SGLang, xAI, Perplexity)
* ``Logprobs``: logprobs. (OpenAI, DeepSeek, llama.cpp, Hugging Face)

Some holes have no step: padding (OpenAI, Mistral), the id and the creation time once they are known (xAI,
Ollama), a message beside a delta (Perplexity), a copy of the delta's text and its token_id (Together).

Why this gives the same events as the full path. Suppose that the full path has read a line, and that a later
line has the same bytes around its holes.

1. *The values in the holes.* In JSON any value can be replaced by any other value, and the inside of any
   string by the inside of any other string, without a change to how the rest is read. A hole is one of these
   two. The C scanner of the standard library must accept its content, and must stop exactly at the bytes
   after the hole. So a hole for a number cannot have a part of a word, and a hole in a string cannot have an
   unescaped quote or a line end. A raw CR between the values of an object is white space in JSON, but a line
   end in SSE: a line with such a hole takes the full path if it has a CR. So does a line that may be nested
   too deep, is not UTF-8, or has escaped halves of surrogate pairs in a hole. The values of padding, id and
   time must not be containers. Two things are not scanned again. The inside of a string that grows (of a
   message) is scanned only behind what it was in the frame before, because that was a whole string. Integers
   that come as expected (counts that go up by one in each frame, a time that stays for a second) are compared
   with the bytes that ``%d`` makes of them.
2. *The places of the holes.* The assembler finds a value along a path of keys. There are two ways to find its
   place in the line. The short way needs two conditions: the last key of each path is in the line only once,
   between quotes and before a colon; and the line has no backslash except inside the strings of holes. Then
   no key is escaped, and from the first hole to the last each quote begins or ends a string, so the text
   after the key is the value. Otherwise the place is found by a walk along the path. Then the line is parsed
   again with other values in all holes, and the result must equal the chunk with these values at these paths.
   This excludes a duplicate key that replaces the value later, the same text inside a string, and an escaped
   key that looks like another. A text event is never assigned to a hole only because the text is the same: a
   delta with two possible sources of one event (``custom`` and ``function`` in one fragment, two reasoning
   fields) is not learnt.
3. *The effect of the values.* A text must be a non-empty string, as it was. A line with ``""`` takes the full
   path, because the effect of an empty text may depend on other fields. (Only content without other fields
   may be empty, and has no effect then.) Usage and logprobs must be non-empty objects, as they were. The
   value of an unknown field must not be null, and was not. These three are given to the same methods of the
   assembler that the full path calls. The methods report no error about such values, and if usage might
   become too large, ``version`` changes. Only two effects are written a second time here: the append of a
   text, also to a text in an unknown field, and the update of numbers in usage or in an unknown field that is
   otherwise the same. The tests compare their results with the full path.
4. *The effect of the rest of the line.* The assembler counts the changes of state that can affect how a later
   chunk is read: ``version``, and ``kept`` for unknown fields. A line is learnt only if ``version`` did not
   change and each of its events belongs to one of the steps. So the rest of the line had no effect. It has no
   effect again while both numbers are the same: then the template *applies*. The template's own steps may
   change ``kept``. Neither number counts that a text begins, because no step and no constant part of a learnt
   line asks whether a text is empty. (A fragment with an id does, so the first arguments that come with one
   are counted.) Neither number counts which call is the last one. A fragment without an index goes to that
   call, so such a template compares it, and each step for a call sets it. A line with fragments and another
   text is not learnt.
5. *The order of events* is the order in which the full path emitted them.

Many frames at once. A run of bytes is cut at its line ends. From each piece, as many bytes are removed as the
template has before and after its hole, and the rest is joined again with the template's own bytes. If the
result equals the run, each piece was such a frame. Then the texts are joined with one rare character and
decoded in one call. If the result has exactly one such character between two texts, none was inside a text.
"""

from __future__ import annotations

import sys
from itertools import repeat
from operator import add, itemgetter

from ._assembler import DELTA_NOISE, DETAIL_FIELDS, FIELDS_WITH_RULES, REASONING_FIELDS
from ._events import ContentDelta, Extra, LogprobsDelta, ReasoningDelta, RefusalDelta, ToolCallDelta, Usage
from ._json import scan_json, scan_number
from ._partial import blank, scanstring
from ._text import Text, contains_escaped_surrogate, contains_surrogates
from ._values import (
    NOISE_FIELDS,
    SCALARS,
    Items,
    as_key,
    containers_in,
    copy_of,
    is_appended,
    is_number,
    is_same,
    is_shallow,
    render,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Union

    from ._answer import Choice
    from ._assembler import ChunkReader
    from ._calls import Call
    from ._events import Event

    Marks = list[tuple[int, int]]
    Path = tuple[Union[str, int], ...]

MAX_TEMPLATES = 16
# These constants limit the cost of learning. Learning a line parses it at most twice: in a walk, and once
# with other values. The bytes that may be parsed are FIRST_CREDIT, half of the bytes that were read in full,
# and 64 bytes for each frame that a template read. A *miss* is a frame that a template could have read but
# none did. There are MAX_ATTEMPTS attempts at first, one more for eight misses, and one more for four frames
# that a template read. Learning stops, and all templates are dropped, after MAX_MISSES misses and two more
# for each frame that a template read.
FIRST_CREDIT = 49152
MAX_ATTEMPTS = 4
MAX_MISSES = 26
MAX_SEEN = 64
MAX_BRACKETS = 96  # after the first hole of a line, if a hole may have a container: this limits the depth
MAX_LINE = 16384  # bytes; templates for longer frames gain nothing
SMALLEST_BULK = 2048  # bytes
LARGEST_BULK = 65536  # bytes that are read at once, and the longest line that is read here

LEARNING, GIVEN_UP = "learning", "given up"

# The kinds of values that a hole may have. Those up to GROWING are the inside of a string: a non-empty text,
# content, and two without an effect, of which the second begins with its earlier value. NUMBER and SCALAR
# exclude containers. OBJECT is a non-empty object, PRESENT is anything but null.
TEXT, CONTENT, PADDING, GROWING, NUMBER, SCALAR, OBJECT, PRESENT, ANY = range(9)

COUNTABLE = frozenset((TEXT, CONTENT, NUMBER, SCALAR))
LARGEST = 1 << 60  # larger integers are always scanned
_HAS_BULK = sys.implementation.name != "pypy"  # on PyPy, one frame at a time is faster
_SEPARATOR = "\x7f"  # DEL: rare in text; after a backslash it is an invalid escape, so it cannot be hidden
_QUOTE, _LF, _SPACE = 34, 10, 32
_new = object.__new__
_FOLD_AT = Text.FOLD_AT

TEXTS = (ContentDelta, ReasoningDelta, RefusalDelta, ToolCallDelta)
_NOISE = frozenset(NOISE_FIELDS)
_ALONE = DELTA_NOISE | {"content", "role"}  # the only fields that an empty content may be learnt with


class FastPath:
    """The fast path of one stream: its templates, and the one that is expected next.

    ``read`` reads frames while templates fit. It leaves the first other frame to the full path, which calls
    ``learn`` after that. Nothing outside this file knows templates.
    ``stage``: LEARNING or GIVEN_UP.
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
        self._attempts = 0
        self._credit = FIRST_CREDIT  # bytes that learning may still parse
        self._misses = 0  # frames that a template could have read
        self._seen: set[Any] | None = None  # unknown fields of earlier frames, and hashes of their key orders
        self._earlier: dict[str, Any] = {}  # usage and unknown fields of the last frame that was to be learnt
        self._last: Any = None  # the template that read the last frame, or was learnt from it
        self._heads: tuple[bytes, ...] = ()  # the beginnings of the templates' frames
        self.stage = LEARNING if is_on else GIVEN_UP
        self.templates: list[Template] = []
        self.due: Template | None = None
        self.hits = 0
        self.blank = b"\n\n"

    def read(self, data: bytes, pos: int, events: list[Event], marks: Marks | None = None) -> int:
        """Read frames from ``pos`` on. Return the position of the first frame that no template fits.

        ``marks`` gets the end of each frame and the number of events up to there, except perhaps those of the
        last frame.
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
                    is_sure = other.version == due.version and other.kept == due.kept and other.waits is None
                    self.due = other if is_sure else self._following(due)
                return size
        if data[pos : pos + 1] == b":":  # a heartbeat
            return pos
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
                # These lines are those of read(). A function for both would cost each frame a call.
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
            elif not due.is_plain and due.read_holes(data, pos, reader, events):
                end = due.ended
            else:  # an empty text, escapes in the padding, or another template than expected
                if data.find(_LF, pos) < 0:
                    break  # the frame is not complete yet
                other = self._read_other(due, data, pos, events)
                if other is None:
                    break
                if other is not due:
                    self.due = due = other
                    streak = 0
                end = due.ended
            hits += 1
            pos = end
            if marks is not None:
                marks.append((pos, len(events)))
            self._last = due
            if due.then != due.number:
                other = self.templates[due.then]
                is_sure = other.version == due.version and other.kept == due.kept and other.waits is None
                following = self.due = other if is_sure else self._following(due)
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
        """Set ``due``: the template that followed the last one before, or else the first that applies."""
        self.due = self._following(self._last)

    def _following(self, last: Template) -> Template | None:
        templates = self.templates
        following = templates[last.then]
        if following.applies(self._reader):
            return following
        return next((template for template in templates if template.applies(self._reader)), None)

    def _read_other(self, due: Template, data: bytes, pos: int, events: list[Event]) -> Template | None:
        """Read the frame at ``pos`` with the first template that fits it, and return that, or None."""
        if not data.startswith(self._heads, pos):  # one call checks all templates
            return None
        reader = self._reader
        if due.is_plain and due.read(data, pos, reader, events):
            return due
        for template in self.templates:
            if template is not due and template.applies(reader) and template.read(data, pos, reader, events):
                self._last.then = template.number
                return template
        return None

    def _read_many(
        self, template: Template, data: bytes, pos: int, events: list[Event], marks: Marks | None
    ) -> int:
        """Read frames in bulk while all fit one template. Return the end of the last one."""
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

    def learn(self, line: bytes, text: str, chunk: dict[str, Any], caused: list[Any], kept: int) -> None:
        """Learn the frame of one data line. The full path just read it, and ``version`` did not change.

        ``text`` is the data of the line, ``chunk`` the JSON value of that, and ``caused`` are its events.
        ``kept`` is the value of ``reader.kept`` before the frame.
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
        # A frame is learnt only if its order of keys and its unknown fields came before. If all orders
        # differ, no template would ever fit. Whether a field changes or stays is known the second time. And
        # learning takes as long as four frames, which an answer of one word does not have.
        if self._knows([hash(tuple(chunk)), *[event.field for event in caused if event.__class__ is Extra]]):
            self._learn(line, text, chunk, caused, kept)
        else:
            self._note(chunk, caused, kept)

    def _note(self, chunk: dict[str, Any], caused: list[Any], kept: int) -> None:
        """Remember the usage and the unknown fields of a frame whose numbers may change."""
        usage = chunk.get("usage")
        self._earlier = {} if usage is None else {"usage": render(usage, False)}
        if self._reader.kept != kept:
            for event in caused:
                if event.__class__ is Extra and event.place != "delta" and event.value.__class__ is dict:
                    self._earlier[event.field] = render(event.value, False)

    def _learn(self, line: bytes, text: str, chunk: dict[str, Any], caused: list[Any], kept: int) -> None:
        reader = self._reader
        cost = 2 * len(line)
        self._credit += len(line) // 2
        attempts = MAX_ATTEMPTS + self._misses // 8 + self.hits // 4
        if self._attempts >= attempts or cost > self._credit + 64 * self.hits or len(line) > MAX_LINE:
            return
        self._credit -= cost
        self._attempts += 1
        lesson = Lesson(text, chunk, reader, self._earlier)
        self._note(chunk, caused, kept)
        try:
            template = lesson.learn(caused, reader.kept - kept, line[: 5 + (line[5] == _SPACE)], self.blank)
        except RecursionError:  # a deep value, while the stack is nearly full
            return
        if template is not None:
            self._add(template)

    def _knows(self, marks: list[Any]) -> bool:
        """Whether all of these marks came before. Remember them."""
        seen = self._seen
        if seen is None:
            seen = self._seen = set()
        knows = seen.issuperset(marks)
        if not knows and len(seen) < MAX_SEEN:
            seen.update(marks)
        return knows

    def _add(self, template: Template) -> None:
        """Add a template. It replaces an earlier one for the same frames."""
        templates = self.templates
        number = next((one.number for one in templates if one.is_like(template)), len(templates))
        if number == MAX_TEMPLATES:
            return
        template.number = template.then = number
        templates[number : number + 1] = [template]
        self._heads = tuple([one.prefix for one in templates])
        if self._last is not None:
            self._last.then = number
        self._last = template


class Template:
    """One frame with holes, and the steps that it takes.

    A *plain* template has one text, perhaps padding after it, and no other hole. Its bytes are ``head``, the
    text, ``middle`` and the padding if there is any, and ``last``. Any other template has ``head`` and
    ``holes``. Each of these is a kind, the text after the hole, and the length of that text.

    A template with ``holes`` is plain, too, while it has one text, all other values are integers, and each of
    them changes in each frame by as much as in the frame before. Then ``head`` and ``last`` have the integers
    that are expected in the next frame. (Counts of vLLM, xAI and Perplexity; the time of Ollama)

    ``prefix``: the bytes before the first hole. ``around``: the number of bytes in ``head`` and ``last``.
    ``line_end``: the number of bytes of a frame from its first LF on.
    ``steps``: what the frame does. ``only``: the step of a plain template that has only one.
    ``version``, ``kept``: the numbers of the reader for which the template applies.
    ``waits``: a step for a fragment without an index, which goes to the last call, or None.
    ``is_loose``: whether the text of a plain template may be empty.
    ``at``: the number of the hole with the text. ``numbers``: the integers in the last frame's other holes.
    ``gains``: the difference of each to the frame before. ``following``: the integers that are
    expected next. ``forms``: ``head`` and ``last`` with ``%d`` in place of integers, b"" if they have none;
    None if there are other values than integers.
    ``grown``: the inside of the string in a GROWING hole, as it was in the last frame.
    ``echo``: the numbers of two holes that must have the same text.
    ``number``, ``then``: the numbers of this template and of the one that came after it the last time. (A
    reference would make a cycle, and so work for the garbage collector.)
    ``most``: a feed of fewer bytes is at most one frame.
    ``bulk``: the number of bytes to read at once, 0 for no bulk reading. ``ended``: the end of the last frame
    that ``read()`` took.
    """

    __slots__ = (
        "around", "at", "blank", "bulk", "echo", "ended", "following", "forms", "gains", "grown",
        "head", "holes", "is_loose", "is_plain", "kept", "last", "line_end", "middle", "most",
        "nests", "number", "numbers", "only", "prefix", "steps", "then", "version", "waits",
    )  # fmt: skip

    def __init__(
        self,
        pieces: list[str],
        kinds: list[int],
        values: list[Any],
        steps: list[Step],
        echo: list[int],
        blank: bytes,
    ) -> None:
        texts = [number for number, kind in enumerate(kinds) if kind <= CONTENT]
        numbers = [value for value, kind in zip(values, kinds) if kind > CONTENT]
        self.blank = blank
        self.steps = steps
        self.echo = echo
        self.is_loose = CONTENT in kinds
        has_padding = kinds in ([TEXT, PADDING], [CONTENT, PADDING]) and not echo
        self.is_plain = has_padding or (
            len(texts) == 1 and COUNTABLE.issuperset(kinds) and all(map(_is_countable, numbers))
        )
        self.nests = max(kinds) >= OBJECT
        self.holes: list[tuple[int, str, int]] = []
        self.at = texts[0] if texts else 0
        self.numbers: tuple[Any, ...] = ()
        self.following: tuple[Any, ...] = ()
        self.gains: tuple[int, ...] = ()
        self.forms: tuple[bytes, bytes] | None = None
        self.prefix = self.head = pieces[0].encode()
        self.middle = pieces[1].encode() if has_padding else b""
        self.grown = ""
        self.last = pieces[-1].encode() + blank
        self.around = len(self.head) + len(self.last)
        self.line_end = len(blank) // 2 + 1
        if kinds not in ([TEXT], [CONTENT]) and not has_padding:
            for kind, piece in zip(kinds, pieces[1:]):
                behind = piece[kind <= GROWING :]  # without the closing quote, which the string scanner reads
                self.holes.append((kind, behind, len(behind)))
            if self.is_plain:
                self.numbers = tuple(numbers)
                self.gains = (0,) * len(numbers)
                self.forms = (_form(pieces[: self.at + 1]), _form(pieces[self.at + 1 :], blank))
        if self.forms is not None:
            self._expect()
        self.only: Any = steps[0] if self.is_plain and len(steps) == 1 else None
        self.bulk = SMALLEST_BULK if _HAS_BULK and self.only is not None else 0
        self.most = 2 * self.around if self.is_plain else 0
        self.ended = 0
        self.number = self.then = 0
        self.waits = None
        for step in steps:
            if step.needs_last:
                self.waits = step
        self.version = 0
        self.kept = 0

    def applies(self, reader: ChunkReader) -> bool:
        """Whether this frame has the same effects as when it was learnt (4. above)."""
        if self.version != reader.version or self.kept != reader.kept:
            return False
        waits = self.waits
        return waits is None or waits.call is waits.calls.last

    def is_like(self, other: Template) -> bool:
        """Whether two templates are for the same frames."""
        if self.prefix != other.prefix or self.holes != other.holes:
            return False
        return bool(self.holes) or (self.middle == other.middle and self.last == other.last)

    def _expect(self) -> None:
        """Write the integers that are expected in the next frame into ``head`` and ``last``."""
        numbers = self.following = tuple(map(add, self.numbers, self.gains))
        before, after = self.forms or (b"", b"")
        if before:
            self.head = before % numbers[: self.at]
        if after:
            self.last = after % numbers[self.at :]
        self.around = len(self.head) + len(self.last)

    def _compare(self, values: list[Any]) -> None:
        """Compare the numbers of two frames. Expect the same change again if it came twice."""
        del values[self.at]
        if not all(map(_is_countable, values)):
            self.forms = None
            self.is_plain = False
            return
        counted = [kind == NUMBER for kind, _, _ in self.holes if kind > CONTENT]
        gains = tuple([(new - old) * factor for new, old, factor in zip(values, self.numbers, counted)])
        self.is_plain = gains == self.gains or not any(self.gains)
        self.gains = gains
        self.numbers = tuple(values)
        if self.is_plain:
            self._expect()

    def read(self, data: bytes, pos: int, reader: ChunkReader, events: list[Event]) -> bool:
        """Read the frame at ``pos`` and set ``ended``. Return False if it does not fit."""
        if self.holes:
            return self.read_holes(data, pos, reader, events)
        self.ended = data.find(_LF, pos) + self.line_end
        frame = data[pos : self.ended] if self.ended - pos <= LARGEST_BULK else b""
        inside = frame.removeprefix(self.head).removesuffix(self.last)
        if len(frame) - len(inside) != self.around:
            return False
        try:
            if self.middle:
                inside, middle, padding = inside.partition(self.middle)
                if not middle:
                    return False
                _string(padding.decode())
            text = _string(inside.decode())
        except ValueError:
            return False
        if not (text or self.is_loose):
            return False
        self.take(text, reader, events)
        return True

    def read_holes(self, data: bytes, pos: int, reader: ChunkReader, events: list[Event]) -> bool:
        """Read the frame at ``pos`` like ``read()``, for a template that is not plain."""
        blank = self.blank
        stop = data.find(_LF, pos) + 1 - len(blank) // 2
        if not data.startswith(self.prefix, pos) or not data.startswith(blank, stop):
            return False
        if not pos < stop <= pos + LARGEST_BULK:
            return False
        values = self._values(data[pos + len(self.prefix) : stop])
        if values is None:
            return False
        self.ended = stop + len(blank)
        held = reader.events
        reader.events = events
        for step in self.steps:
            step.take(values, reader)
        reader.events = held
        self.kept = reader.kept
        if self.forms is not None:
            self._compare(values)
        return True

    def _values(self, rest: bytes) -> list[Any] | None:
        """Return the values of the holes in ``rest``, which begins with the first. None if it does not fit."""
        values: list[Any] = []
        value: Any
        grown = self.grown
        try:
            line = rest.decode()
            if self.nests and ("\r" in line or line.count("{") + line.count("[") > MAX_BRACKETS):
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
                elif kind <= SCALAR and line[pos] in "{[":
                    return None
                elif kind == NUMBER:
                    value, pos = scan_number(line, pos)
                    if value.__class__ is not int and (
                        value.__class__ is not float or not -1e400 < value < 1e400
                    ):
                        return None
                else:
                    value, pos = scan_json(line, pos)
                    if kind == OBJECT and (value.__class__ is not dict or not value):
                        return None
                    if kind == PRESENT and value is None:
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
        return values

    def take(self, text: str, reader: ChunkReader, events: list[Event]) -> None:
        """Take the steps of a frame with this text and the numbers that were expected."""
        numbers = self.numbers = self.following
        at = self.at
        values = (*numbers[:at], text, *numbers[at:]) if at else (text, *numbers)
        held = reader.events
        reader.events = events
        for step in self.steps:
            step.take(values, reader)
        reader.events = held
        self.kept = reader.kept
        if self.forms is not None:
            self._expect()

    def read_many(self, data: bytes, pos: int) -> tuple[list[str], int]:
        """Return the texts of the next frames and their end. No texts if not all of them fit."""
        nothing: tuple[list[str], int] = ([], pos)
        stop = data.rfind(self.last, pos, pos + self.bulk)
        if stop < pos:
            return nothing
        stop += len(self.last)
        run = data[pos:stop]
        inside = itemgetter(slice(len(self.head), self.line_end - len(self.last)))
        # Cut at each LF and not at blank lines: the search for one byte takes half the time.
        holes: Sequence[bytes] = list(map(inside, run.split(b"\n")[:-1:2]))
        if b"".join((self.head, (self.last + self.head).join(holes), self.last)) != run:
            return nothing
        if self.middle:
            holes, middles, padding = zip(*map(bytes.partition, holes, repeat(self.middle)))
            if b"" in middles or not (b"".join(padding).isalnum() or _strings_of(padding) is not None):
                return nothing
        texts = _strings_of(holes)
        if texts is None or ("" in texts and not self.is_loose):
            return nothing
        return texts, stop


def _string(inside: str) -> str:
    """Decode the inside of a JSON string. Raise ValueError if it is invalid or has half a surrogate pair."""
    inside += '"'
    text, end = scanstring(inside, 0)
    if end != len(inside) or (len(text) != end - 1 and contains_surrogates(text)):
        raise ValueError
    return text


def _is_countable(value: Any) -> bool:
    return value.__class__ is int and -LARGEST < value < LARGEST


def _form(pieces: list[str], blank: bytes = b"") -> bytes:
    """Return a format of bytes with ``%d`` between the pieces, b"" for a single piece."""
    if len(pieces) == 1:
        return b""
    return "%d".join([piece.replace("%", "%%") for piece in pieces]).encode() + blank


def _strings_of(insides: Sequence[bytes]) -> list[str] | None:
    """Decode the insides of many JSON strings. None if any is invalid or has a lone surrogate."""
    try:
        joined = _SEPARATOR.encode().join(insides).decode() + '"'
        text, end = scanstring(joined, 0)
    except ValueError:
        return None
    texts = text.split(_SEPARATOR)
    if end != len(joined) or len(texts) != len(insides):
        return None
    if len(text) != end - 1 and contains_surrogates(text):
        return None
    return texts


# -- the kinds of steps -----------------------------------------------------------------------------------


class Step:
    """What a frame does with the value in the hole with the number ``hole``.

    ``needs_last``: the step is for a fragment without an index, which goes to ``call`` only while that is the
    last call.
    """

    __slots__ = ("hole",)
    needs_last = False
    call: Call | None = None
    calls: Any = None

    def place(self, order: list[Path], path: Path) -> None:
        """Set ``hole``. ``order`` has the paths of all holes in the order of the line."""
        self.hole = order.index(path)

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        """Do what the full path does with the value."""


def _with_value(event: Extra, value: Any) -> Extra:
    """Return the same Extra with another value. (Two thirds of the time of a call with five arguments)"""
    other = _new(Extra)
    other.choice = event.choice
    other.index = None
    other.field = event.field
    other.value = value
    other.place = event.place
    return other


class Append(Step):
    """Append a text and emit its event."""

    __slots__ = ("call", "calls", "event", "field", "index", "is_simple", "needs_last", "pieces", "text")

    def __init__(self, event: Any, choice: Choice, text: Text, call: Call | None, needs_last: bool) -> None:
        self.event = event.__class__
        self.index = choice.index
        self.field: Any = event.field if self.event is ReasoningDelta else None
        self.text = text
        self.pieces = text.pieces  # always the same list
        self.call = call
        self.calls = choice.calls
        self.needs_last = needs_last
        self.is_simple = call is None and self.field is None

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        text = values[self.hole]
        if text:
            self.add(text, reader.events)

    def add(self, text: str, events: list[Event]) -> None:
        """Append a text and emit its event."""
        pieces = self.pieces
        pieces.append(text)
        if len(pieces) >= _FOLD_AT:
            self.text.fold()
        event = _new(self.event)
        event.choice = self.index
        if self.is_simple:
            event.text = text
        else:
            self.fill(event, text)
        events.append(event)

    def fill(self, event: Any, text: str) -> None:
        """Set the fields of an event of arguments or reasoning, except the choice."""
        call = self.call
        if call is None:
            event.text = text
            event.field = self.field
        else:
            event.index = call.index
            event.arguments = text
            if call.index is not None:
                self.calls.last = call

    def take_many(self, texts: list[str], events: list[Event]) -> None:
        """Take this step with many texts."""
        index = self.index
        call = self.call
        if call is not None:
            if call.index is not None:
                self.calls.last = call
            events += map(ToolCallDelta, repeat(index), repeat(call.index), texts)
        elif self.field is not None:
            events += map(ReasoningDelta, repeat(index), texts, repeat(self.field))
        else:
            kind: Any = self.event
            for text in texts:
                event = _new(kind)
                event.choice = index
                event.text = text
                events.append(event)
        self.text.append("".join(texts), False)


class Again(Step):
    """Emit the Extra of an unknown field that comes again unchanged."""

    __slots__ = ("event", "inner")

    def __init__(self, event: Extra) -> None:
        self.event = event
        self.inner = containers_in(event.value)

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        reader.events.append(_with_value(self.event, copy_of(self.event.value, self.inner)))


class Unknown(Step):
    """Keep an unknown field whose value changes."""

    __slots__ = ("choice", "field", "place_of")

    def __init__(self, event: Extra, choice: Any) -> None:
        self.choice: Choice = choice
        self.field = event.field
        self.place_of = event.place

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        fields = {self.field: values[self.hole]}
        if self.place_of == "delta":
            reader.keep_in_delta(self.choice, fields)
        elif self.place_of == "choice":
            reader.keep(self.choice.extras, fields, self.choice.index, None, "choice")
        else:
            reader.keep(reader.answer.extras, fields, None, None, "chunk")


class Numbers(Step):
    """Set the numbers at ``paths`` in a kept object. It is an unknown field in which only they change.

    ``whole`` is the kept object. While the template applies, nothing else changes it.
    """

    __slots__ = ("event", "inner", "paths", "places", "start", "stop", "whole")

    def __init__(self, event: Any, whole: dict[str, Any], paths: list[Path]) -> None:
        self.event = event
        self.paths = paths
        self.find(whole)

    def find(self, whole: dict[str, Any]) -> None:
        """Find the numbers in the kept object."""
        self.whole = whole
        self.inner = containers_in(whole)
        self.places = [(_at(whole, path[:-1]), path[-1]) for path in self.paths]

    def place(self, order: list[Path], path: Path) -> None:
        count = len(self.paths)
        self.paths.sort(key=lambda inside: order.index(path + inside))
        self.start = order.index(path + self.paths[0]) if count else 0
        self.stop = self.start + count  # the holes of one object follow each other in the line
        self.find(self.whole)

    def set(self, values: Sequence[Any]) -> bool:
        """Set the numbers. Return whether any of them changed."""
        is_changed = False
        for (kept, key), number in zip(self.places, values[self.start : self.stop]):
            old = kept[key]
            if old != number or old.__class__ is not number.__class__:
                kept[key] = number
                is_changed = True
        return is_changed

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        reader.note_kept(self.set(values))
        reader.events.append(_with_value(self.event, copy_of(self.whole, self.inner)))


class Counts(Numbers):
    """Update usage in which only numbers change, or nothing.

    The first time, the whole usage is merged into the kept one. After that, the rest of it changes nothing
    until other usage comes. So while ``reader.counted`` is this step, only the numbers are set. ``value`` is
    usage as it came.
    """

    __slots__ = ("value",)

    def __init__(self, value: dict[str, Any], paths: list[Path]) -> None:
        super().__init__(None, value, paths)
        self.value = value

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        if reader.counted is not self:
            usage = render(self.value, False)
            for path, number in zip(self.paths, values[self.start : self.stop]):
                _put(usage, path, number)
            reader.usage(usage)
            kept: Any = reader.answer.usage
            self.find(kept)
            reader.counted = self
        elif self.set(values):
            reader.events.append(Usage(copy_of(self.whole, self.inner)))


class Detail(Step):
    """Append to the text of a kept object in a delta, and emit its Extra.

    ``entry`` is the object as it came, ``key`` the key of its text. While the template applies, nothing else
    changes the kept one.
    """

    __slots__ = ("entry", "event", "key", "text")

    def __init__(self, event: Any, key: str, text: Text) -> None:
        self.event = Extra(event.choice, None, event.field, None, "delta")
        self.entry: dict[str, Any] = event.value[0].copy()
        self.key = key
        self.text = text

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        text = values[self.hole]
        entry = self.entry.copy()
        entry[self.key] = text
        self.text.append(text, False)
        reader.kept += 1
        reader.events.append(_with_value(self.event, [entry]))


class Logprobs(Step):
    """Extend the logprobs of a choice."""

    __slots__ = ("choice",)

    def __init__(self, choice: Choice) -> None:
        self.choice = choice

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        reader.logprobs(self.choice, values[self.hole])


# -- learning ---------------------------------------------------------------------------------------------


class Lesson:
    """Learns one line: finds its steps and its holes, and makes the template.

    ``text`` is the data of the line, ``chunk`` the JSON value of that, ``earlier`` the usage and the unknown
    fields of an earlier chunk. ``holes`` has the kind of each hole, by path.
    """

    __slots__ = ("chunk", "delta", "earlier", "echo", "entry", "holes", "reader", "steps", "text")

    def __init__(
        self, text: str, chunk: dict[str, Any], reader: ChunkReader, earlier: dict[str, Any]
    ) -> None:
        self.text = text
        self.chunk = chunk
        self.reader = reader
        self.earlier = earlier
        self.entry: dict[str, Any] = {}
        self.delta: dict[str, Any] | None = None
        self.holes: dict[Path, int] = {}
        self.echo: list[Path] = []  # two holes that must have the same text
        self.steps: list[tuple[Step, Path | None]] = []

    def learn(self, caused: list[Event], changes: int, begin: bytes, blank: bytes) -> Template | None:
        """Return a template of the line, or None if one of the conditions above does not hold.

        ``caused`` are the events of the line. ``changes`` is the number of kept unknown fields it changed.
        ``begin`` and ``blank`` are the bytes of the frame before and after ``text``.
        """
        if not self.explains(caused, changes):
            return None
        self.find_passing()
        text, holes = self.text, self.holes
        if not holes:
            return None
        spans: dict[Path, tuple[int, int]] = {}
        is_proven = _find(text, holes, spans)
        if not is_proven:
            spans.clear()
            _walk(text, 0, self.tree(), spans)
        order = sorted(spans, key=spans.__getitem__) if len(spans) > 1 else [*spans]
        pieces: list[str] = []
        insides: list[str] = []
        pos = 0
        for path in order:
            start, stop = spans[path]
            if holes[path] <= GROWING:
                start += 1
                stop -= 1
            is_proven = is_proven and start >= pos
            pieces.append(text[pos:start])
            insides.append(text[start:stop])
            pos = stop
        pieces.append(text[pos:])
        if "\\" in text and is_proven:
            others = [inside for path, inside in zip(order, insides) if holes[path] > GROWING]
            is_proven = not any("\\" in piece for piece in pieces + others)
        if not (is_proven or self.proves(order, pieces, insides)):
            return None
        return self.template(order, pieces, begin, blank)

    def proves(self, order: list[Path], pieces: list[str], insides: list[str]) -> bool:
        """Whether the line, parsed with other values in its holes, has these values at the paths of the
        holes, and is otherwise the same."""
        changed: list[str] = []
        values: list[str] = []
        for number, (path, piece, inside) in enumerate(zip(order, pieces, insides)):
            value = f"{number}x" if inside != f"{number}x" else f"{number}y"
            changed += (piece, value if self.holes[path] <= GROWING else f'"{value}"')
            values.append(value)
        try:
            chunk = scan_json("".join([*changed, pieces[-1]]), 0)[0]
            for path, value in zip(order, values):
                if _at(chunk, path) != value:
                    return False
                _put(chunk, path, _at(self.chunk, path))
        except (ValueError, StopIteration, LookupError, TypeError):
            return False  # a place is wrong
        return bool(chunk == self.chunk)

    def explains(self, caused: list[Any], changes: int) -> bool:
        """Find the step that each event comes from. Return False if there is an event without one.

        ``changes`` is the number of kept unknown fields that changed.
        """
        choices: Any = self.chunk.get("choices")
        if choices.__class__ is not list or len(choices) != 1 or choices[0].__class__ is not dict:
            return False
        self.entry = choices[0]
        delta = self.entry.get("delta")
        if delta.__class__ is dict:
            self.delta = delta
        elif delta is not None or self.entry.get("message") is not None:
            return False
        # Each unknown field of a delta counts as changed.
        is_again = not changes or changes == sum(
            [event.__class__ is Extra and event.place == "delta" for event in caused]
        )
        has_usage = self.chunk.get("usage").__class__ is dict
        for event in caused:
            kind = event.__class__
            if kind is Extra:
                explained = self._extra(event, is_again)
            elif kind is LogprobsDelta:
                path = ("choices", 0, "logprobs")
                explained = self.entry.get("logprobs").__class__ is dict
                self._step(Logprobs(self.reader.choices[event.choice]), path, OBJECT)
            elif kind is Usage:
                explained = has_usage and event is caused[-1]
            else:
                explained = kind in TEXTS and self._text(event)
            if not explained:
                return False
        return not has_usage or self._usage(self.chunk["usage"])

    def _usage(self, usage: dict[str, Any]) -> bool:
        """Find the numbers that change in usage, by a comparison with an earlier one."""
        kept = self.reader.answer.usage  # None if every usage so far was {}
        before: Any = self.earlier.get("usage")
        if kept is None or self.reader.ignores_usage:
            return False
        if before.__class__ is not dict or not all(map(is_shallow, (usage, kept))):
            return False
        paths = _differences(before, usage)
        if paths is None:
            return False
        self.steps.append((Counts(render(usage, False), paths), ("usage",)))
        self.holes.update((("usage", *path), NUMBER) for path in paths)
        return True

    def _step(self, step: Step, path: Path | None, kind: int = ANY) -> None:
        self.steps.append((step, path))
        if path is not None:
            self.holes[path] = kind

    def _text(self, event: Any) -> bool:
        """Find the one field that a text event can come from."""
        kind = event.__class__
        choice: Any = self.reader.choices[event.choice]
        delta = self.delta
        call: Any = None
        needs_last = False
        path: Path = ("choices", 0, "delta")
        leaf: Any = delta
        text: Any = choice.content
        name = "content"
        if delta is None:
            path, leaf, name = ("choices", 0), self.entry, "text"
        elif kind is ToolCallDelta:
            calls: Any = delta.get("tool_calls")
            name = "arguments"
            if event.index is None:
                call = choice.function_call
                path += ("function_call",)
                leaf = None if calls else delta.get("function_call")
            elif calls.__class__ is list and len(calls) == 1 and not delta.get("function_call"):
                call = choice.calls[event.index]
                path += ("tool_calls", 0)
                needs_last = calls[0].get("index") is None
                if not _only_continues(calls[0], call):
                    return False
                inside = "function" if calls[0].get("custom") is None else "custom"
                name = "arguments" if inside == "function" else "input"
                path += (inside,)
                leaf = calls[0].get(inside)
            else:
                return False
            text = call.arguments
        elif delta.get("tool_calls") or delta.get("function_call"):
            return False  # they may change the last call
        elif kind is ReasoningDelta:
            name = event.field
            text = choice.emitted_reasoning
            if [one for one in REASONING_FIELDS if delta.get(one) is not None] != [name]:
                return False
        elif kind is RefusalDelta:
            name = "refusal"
            text = choice.refusal
        if leaf.__class__ is not dict or leaf.get(name) != (event.arguments if call else event.text):
            return False
        # Empty content without other fields has no effect. (llama-cpp-python sends it)
        is_alone = kind is ContentDelta and _ALONE.issuperset(
            [key for key, value in leaf.items() if value is not None]
        )
        step = Append(event, choice, text, call, needs_last)
        self._step(step, (*path, name), CONTENT if is_alone else TEXT)
        return True

    def _extra(self, event: Any, is_again: bool) -> bool:
        """Find the unknown field that an Extra comes from."""
        field = event.field
        path: Path = (field,)
        leaf: Any = self.chunk
        if event.place == "choice":
            path, leaf = ("choices", 0, field), self.entry
        elif event.place == "delta":
            path, leaf = ("choices", 0, "delta", field), self.delta
            # If no string is the reasoning, one of these fields might be.
            if field in DETAIL_FIELDS and not self._has_reasoning():
                return False
        elif event.place != "chunk":
            return False
        value: Any = leaf.get(field) if leaf is not None else None
        if field in FIELDS_WITH_RULES or event.index is not None or value != event.value:
            return False
        if event.place == "delta":
            key = self._growing(event)
            if key is None:
                self._step(Unknown(event, self.reader.choices[event.choice]), path, PRESENT)
            else:
                text = self._kept_entry(event)[key]
                self._step(Detail(event, key, text), (*path, 0, key), TEXT)
            return True
        kept = self._owner(event).extras.get(field)
        is_container = value.__class__ in (dict, list) and is_shallow(value)
        is_kept = is_container and _is_twin(kept, value)
        if is_again:
            # The kept value is the same, and ``kept`` does not change while it stays. So use it, not a copy.
            value = kept if is_kept else render(value, False)
            self._step(Again(Extra(event.choice, None, field, value, event.place)), None)
            return is_container
        before: Any = self.earlier.get(field)
        paths = None
        if is_kept and before.__class__ is dict is value.__class__:
            paths = _differences(before, value)
        if paths is None:
            self._step(Unknown(event, self.reader.choices.get(event.choice)), path, PRESENT)
        else:
            silent = Extra(event.choice, None, field, None, event.place)
            self.steps.append((Numbers(silent, kept, paths), path))
            self.holes.update(((*path, *inside), NUMBER) for inside in paths)
        return True

    def _kept_entry(self, event: Any) -> Any:
        """Return the kept object that the one object in a list is merged with, if an index tells it."""
        value = event.value
        kept: Any = self.reader.choices[event.choice].message_extras.get(event.field)
        if kept.__class__ is not Items or len(value) != 1 or value[0].__class__ is not dict:
            return None
        index = value[0].get("index")
        return None if index is None else kept.by_key.get((as_key(value[0].get("type")), as_key(index)))

    def _growing(self, event: Any) -> str | None:
        """Return the key of the one text that grows in the one object of a list, None if more changes."""
        kept = self._kept_entry(event) if event.value.__class__ is list else None
        if kept is None:
            return None
        growing: list[str] = []
        for key, value in event.value[0].items():
            if value.__class__ is str and value and is_appended(key):
                growing.append(key)
            elif value.__class__ not in SCALARS or is_appended(key) or not _is_twin(kept[key], value):
                return None
        return growing[0] if len(growing) == 1 and kept[growing[0]].__class__ is Text else None

    def _owner(self, event: Any) -> Any:
        """Return the object whose ``extras`` keep the field of an Extra: a choice or the answer."""
        return self.reader.choices[event.choice] if event.place == "choice" else self.reader.answer

    def _has_reasoning(self) -> bool:
        found = [self.delta.get(name) for name in REASONING_FIELDS] if self.delta is not None else []
        return any(text.__class__ is str and text for text in found)

    def find_passing(self) -> None:
        """Add the holes without a step."""
        answer = self.reader.answer
        entry: Path = ("choices", 0)
        places: tuple[tuple[Path, Any, Any], ...] = (
            ((), self.chunk, _NOISE),
            (entry, self.entry, _NOISE),
            ((*entry, "delta"), self.delta or {}, DELTA_NOISE),
        )
        for path, fields, names in places:
            if not names.isdisjoint(fields):
                for name in names & fields.keys():
                    self._passing((*path, name), fields[name])
        for name, known in (("id", answer.id), ("created", answer.created)):
            if known and self.chunk.get(name) != known:
                self._passing((name,), self.chunk.get(name))
        message: Any = None if self.delta is None else self.entry.get("message")
        if message.__class__ is dict and message.get("content").__class__ is str:
            self.holes[(*entry, "message", "content")] = GROWING
        elif message is not None:
            self.holes[(*entry, "message")] = ANY
        content = (*entry, "delta", "content")
        if content in self.holes and self.entry.get("text") == _at(self.chunk, content):
            self.holes[(*entry, "text")] = PADDING
            self.echo = [content, (*entry, "text")]

    def _passing(self, path: Path, value: Any) -> None:
        if value.__class__ is str:
            self.holes[path] = PADDING
        elif value.__class__ not in (dict, list, None.__class__):
            self.holes[path] = SCALAR

    def tree(self) -> dict[Any, Any]:
        """Return the paths of the holes as a tree of dicts, with the whole path at each leaf."""
        tree: dict[Any, Any] = {}
        for path in self.holes:
            node = tree
            for key in path[:-1]:
                node = node.setdefault(key, {})
            node[path[-1]] = path
        return tree

    def template(self, order: list[Path], pieces: list[str], begin: bytes, blank: bytes) -> Template:
        steps: list[Step] = []
        for step, path in self.steps:
            if path is not None:
                step.place(order, path)
            steps.append(step)
        echo = [order.index(path) for path in self.echo]
        pieces[0] = begin.decode() + pieces[0]
        kinds = [self.holes[path] for path in order]
        template = Template(pieces, kinds, [_at(self.chunk, path) for path in order], steps, echo, blank)
        template.version = self.reader.version
        template.kept = self.reader.kept
        return template


def _only_continues(fragment: Any, call: Call) -> bool:
    """Whether a fragment belongs to its call whatever the arguments are: it has only the call's own name and
    id, or none, and only one of ``function`` and ``custom``."""
    function = fragment.get("function")
    custom = fragment.get("custom")
    body = custom if function is None else function
    if body.__class__ is not dict or not (function is None or custom is None):
        return False
    name = body.get("name")
    id = fragment.get("id")
    return (not id or id == call.id) and (not name or (bool(id) and name == call.full_name()))


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _put(chunk: Any, path: Path, value: Any) -> None:
    _at(chunk, path[:-1])[path[-1]] = value


def _is_twin(one: Any, other: Any) -> bool:
    """Whether two values are the same, including the order of keys."""
    kind = one.__class__
    if kind is not other.__class__:
        return False
    if kind is dict:
        return list(one) == list(other) and all(map(_is_twin, one.values(), other.values()))
    if kind is list:
        return len(one) == len(other) and all(map(_is_twin, one, other))
    return bool(one == other)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[Path] | None:
    """Return the paths of the numbers that differ between two objects. None if anything else differs."""
    if list(old) != list(new):
        return None
    paths: list[Path] = []
    for key, value in new.items():
        before = old[key]
        if value.__class__ is dict and before.__class__ is dict:
            inner = _differences(before, value)
            if inner is None:
                return None
            paths += [(key, *path) for path in inner]
        elif is_number(value) and is_number(before):
            if value != before:
                paths.append((key,))
        elif not is_same(before, value):
            return None
    return paths


def _find(text: str, holes: dict[Path, int], spans: dict[Path, tuple[int, int]]) -> bool:
    """Find the start and the end of each hole's value by its key, and put them into ``spans``.

    Return False if a key is not exactly once in the line, or is not followed by a colon.
    """
    for path in holes:
        name: Any = path[-1]
        key = f'"{name}"'
        pos = text.find(key)
        if pos < 0 or text.find(key, pos + 1) >= 0 or not name.isidentifier():
            return False
        pos = _skip(text, pos + len(key))
        if text[pos] != ":":
            return False
        pos = _skip(text, pos + 1)
        spans[path] = pos, (scanstring(text, pos + 1) if text[pos] == '"' else scan_json(text, pos))[1]
    return True


def _walk(text: str, pos: int, tree: dict[Any, Any], spans: dict[Path, tuple[int, int]]) -> int:
    """Walk the JSON container at ``pos`` and return its end. The text must be valid JSON.

    The start and the end of each value at a leaf of ``tree`` are put into ``spans``.
    """
    is_object = text[pos] == "{"
    number = 0
    pos = _skip(text, pos + 1)
    if text[pos] in "}]":
        return pos + 1
    while True:
        key: Any = number
        if is_object:
            key, pos = scanstring(text, pos + 1)
            pos = _skip(text, _skip(text, pos) + 1)
        wanted: Any = tree.get(key)
        if wanted.__class__ is dict and text[pos] in "{[":
            end = _walk(text, pos, wanted, spans)
        else:
            end = scan_json(text, pos)[1]
            if wanted.__class__ is tuple:
                spans[wanted] = (pos, end)
        pos = _skip(text, end)
        if text[pos] in "}]":
            return pos + 1
        pos = _skip(text, pos + 1)
        number += 1


def _skip(text: str, pos: int) -> int:
    """Return the end of the white space at ``pos``."""
    return pos if text[pos] not in " \t\r\n" else blank(text, pos).end()
