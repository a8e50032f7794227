# SPDX-License-Identifier: MIT
"""Learns a frame for the fast path: finds where its values are, and what the frame does with them.

Each kind of step is a class with a method ``take``:

* ``Append``: text of content, reasoning, refusal or arguments. (all servers)
* ``Detail``: an unknown field of a delta that is a list of one object, of which only a text changes.
  (OpenRouter, Vercel: reasoning_details)
* ``Numbers``: an unknown field that is an object in which only numbers change (llama.cpp: timings), or an
  object or list that comes again unchanged and causes an Extra each time. (Azure and GitHub Copilot:
  content_filter_results; Perplexity: citations, search_results)
* ``Whole``: an unknown field whose value changes in another way, or logprobs. (OpenAI, DeepSeek, llama.cpp,
  Hugging Face)
* ``Counts``: usage in which numbers or nothing change. (vLLM, SGLang, xAI, Perplexity)

Some holes have no step: padding (OpenAI, Mistral), the id and the creation time once they are known (xAI,
Ollama), a message beside a delta (Perplexity), a copy of the delta's text and its token_id (Together).

The top of ``_fast.py`` says why a frame that was learnt may be read without parsing it. A ``Lesson`` proves
the conditions 2, 3 and 4 there, except that ``version`` did not change: ``ChatStream`` checks that. This file
knows JSON texts and the assembler. It knows nothing of bytes.
"""

from __future__ import annotations

from ._assembler import DELTA_NOISE, FIELDS_WITH_RULES, IGNORED
from ._events import ContentDelta, Extra, LogprobsDelta, ReasoningDelta, RefusalDelta, ToolCallDelta, Usage
from ._json import scan_json
from ._partial import blank, scanstring
from ._text import Text
from ._values import (
    DETAIL_FIELDS,
    NOISE_FIELDS,
    REASONING_FIELDS,
    SCALARS,
    Items,
    as_key,
    containers_in,
    copy_of,
    is_appended,
    is_number,
    is_shallow,
    render,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Union

    from ._answer import Choice
    from ._assembler import ChunkReader
    from ._calls import Call
    from ._events import Event

    Path = tuple[Union[str, int], ...]

# The kinds of holes. The first four are the inside of a string, the others are whole values. (The order
# matters: ``_fast.py`` compares kinds with ``<``.)
TEXT, CONTENT = 0, 1  # a text that must not be empty; content that may be empty
PADDING, GROWING = 2, 3  # without an effect; the second usually begins with its earlier value
NUMBER, SCALAR = 4, 5  # a finite number, except 0.0; anything except a container
OBJECT, ANY = 6, 7  # an object; anything

LARGEST = 1 << 60  # larger integers are always scanned

_TEXT_EVENTS = (ContentDelta, ReasoningDelta, RefusalDelta, ToolCallDelta)
_NOISE = frozenset(NOISE_FIELDS)
_ALONE = DELTA_NOISE | {"content", "role"}  # a delta with no other fields may have empty content
_FOLD_AT = Text.FOLD_AT
_new = object.__new__


# -- the kinds of steps -----------------------------------------------------------------------------------


class Step:
    """What a frame does with the values in some holes. ``hole`` is the number of the first of these.

    (No other hole is between them.)
    """

    __slots__ = ("hole",)
    hole: int

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        """Do what the full path does with the value."""


class Append(Step):
    """Append a text and emit its event."""

    __slots__ = ("call", "calls", "event", "field", "index", "is_simple", "pieces", "text")

    def __init__(self, event: Any, choice: Choice, text: Text, call: Call | None = None) -> None:
        self.event = event.__class__
        self.index = choice.index
        self.field: Any = event.field if self.event is ReasoningDelta else None
        self.text = text
        self.pieces = text.pieces  # a Text never replaces this list
        self.call = call
        self.calls = choice.calls
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
        """Set the other fields of an event of arguments or reasoning. Its choice is set."""
        call = self.call
        if call is None:
            event.text = text
            event.field = self.field
        else:
            event.index = call.index
            event.arguments = text
            self.calls.last = call

    def take_many(self, texts: list[str], events: list[Event]) -> None:
        """Take this step with many texts."""
        kind: Any = self.event
        index = self.index
        is_simple = self.is_simple
        fill = self.fill
        for text in texts:
            event = _new(kind)
            event.choice = index
            if is_simple:
                event.text = text
            else:
                fill(event, text)
            events.append(event)
        self.text.append("".join(texts), False)


class Whole(Step):
    """Give a whole value to the reader: logprobs, or an unknown field whose value changes."""

    __slots__ = ("choice", "field", "place")

    def __init__(self, choice: Any, field: str, place: str) -> None:
        self.choice: Choice = choice
        self.field = field
        self.place = place

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        value = values[self.hole]
        if self.field == "logprobs":
            reader.logprobs(self.choice, value)
        elif self.place == "delta":
            reader.keep_in_delta(self.choice, {self.field: value})
        elif self.place == "choice":
            reader.keep(self.choice.extras, {self.field: value}, self.choice.index, None, "choice")
        else:
            reader.keep(reader.answer.extras, {self.field: value}, None, None, "chunk")


class Numbers(Step):
    """Set numbers in an unknown field, and emit its Extra.

    ``paths`` are the places of the numbers that change. There may be none. ``whole`` is the kept value: while
    the template applies, nothing else changes it. ``places`` has the container of each number, and the key of
    the number there. ``inner`` is for ``copy_of``.
    """

    __slots__ = ("choice", "field", "inner", "paths", "place", "places", "whole")

    def __init__(self, event: Any, whole: Any, paths: list[Path]) -> None:
        self.choice = event.choice
        self.field = event.field
        self.place = event.place
        self.paths = tuple(paths)
        self.find(whole)

    def find(self, whole: Any) -> None:
        """Find the numbers in the kept value."""
        self.whole = whole
        self.inner = containers_in(whole)
        self.places = tuple([(_at(whole, path[:-1]), path[-1]) for path in self.paths])

    def set(self, values: Sequence[Any]) -> bool:
        """Set the numbers. Return whether any of them changed."""
        is_changed = False
        for (kept, key), number in zip(self.places, values[self.hole :]):
            old = kept[key]
            if old != number or old.__class__ is not number.__class__:
                kept[key] = number
                is_changed = True
        return is_changed

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        if self.paths:
            reader.note_kept(self.set(values))
        # These lines are worth 5 % of the rows "Azure filters" and "Perplexity citations".
        event = _new(Extra)
        event.choice = self.choice
        event.index = None
        event.field = self.field
        event.place = self.place
        copy = event.value = self.whole.copy()
        for key, container, deeper in self.inner:  # as in copy_of()
            copy[key] = copy_of(container, deeper) if deeper else container.copy()
        reader.events.append(event)


class Counts(Numbers):
    """Update usage in which only the numbers at ``paths`` change. There may be none.

    The first time, the whole usage is merged into the kept usage. After that, its other fields would change
    nothing until different usage comes. So only the numbers are set while ``reader.counted`` is this step:
    the step that changed the kept usage last. ``value`` is the usage as it came when it was learnt.
    """

    __slots__ = ("value",)

    def __init__(self, value: dict[str, Any], paths: list[Path]) -> None:
        self.paths = tuple(paths)
        self.value = value

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        if reader.counted is not self:
            usage = render(self.value, False)
            for path, number in zip(self.paths, values[self.hole :]):
                _put(usage, path, number)
            reader.usage(usage)
            self.find(reader.answer.usage)
            reader.counted = self
        elif self.set(values):
            reader.events.append(Usage(copy_of(self.whole, self.inner)))


class Detail(Step):
    """Append to the text of a kept object in a delta, and emit its Extra.

    ``entry`` is the object as it came when it was learnt, ``key`` the key of its text. While the template
    applies, nothing else changes the kept object.
    """

    __slots__ = ("choice", "entry", "field", "key", "text")

    def __init__(self, event: Any, key: str, text: Text) -> None:
        self.choice = event.choice
        self.field = event.field
        self.entry: dict[str, Any] = event.value[0].copy()
        self.key = key
        self.text = text

    def take(self, values: Sequence[Any], reader: ChunkReader) -> None:
        text = values[self.hole]
        entry = self.entry.copy()
        entry[self.key] = text
        self.text.append(text, False)
        reader.kept += 1
        reader.events.append(Extra(self.choice, None, self.field, [entry], "delta"))


# -- learning ---------------------------------------------------------------------------------------------


class Lesson:
    """Learns one line: finds its steps and its holes.

    ``text`` is the data of the line, ``chunk`` its JSON value, ``earlier`` the usage and the unknown fields
    of an earlier chunk.
    While it learns: ``parts`` are the chunk, its entry of ``choices`` and the delta of that. ``found`` has
    the steps, each with the paths of its values. ``holes`` has the kind of each hole, by path. ``same`` has
    the paths of two holes that must have the same text.
    What it has learnt: ``pieces`` is the text around the holes. ``kinds`` has the kind of each hole, in the
    order of the line. ``steps`` are what the frame does. ``echo`` has the numbers of two holes that must have
    the same text. If one hole has a text and all others have integers, ``numbers`` has these, and ``at`` is
    the number of the hole with the text. Then the steps take the text as the last value.

    Where a chunk has its parts and its texts is written in ``paths``, ``find_parts`` and ``_source``. Names
    of other fields are in ``explains``, ``_arguments``, ``_usage`` and ``find_passing``.
    """

    __slots__ = (
        "at", "chunk", "earlier", "echo", "found", "holes", "kinds", "numbers", "parts", "pieces", "reader",
        "same", "steps", "text",
    )  # fmt: skip
    paths: Mapping[str, Path] = {"chunk": (), "choice": ("choices", 0), "delta": ("choices", 0, "delta")}

    def __init__(
        self, text: str, chunk: dict[str, Any], reader: ChunkReader, earlier: dict[str, Any]
    ) -> None:
        self.text = text
        self.chunk = chunk
        self.reader = reader
        self.earlier = earlier
        self.parts: dict[str, Any] = {}
        self.holes: dict[Path, int] = {}
        self.same: tuple[Path, ...] = ()
        self.found: list[tuple[Step, list[Path]]] = []
        self.at = 0
        self.numbers: tuple[int, ...] = ()

    def learn(self, caused: list[Event], changes: int) -> bool:
        """Learn the line. Return False if it has no hole, or if a condition in ``_fast.py`` does not hold.

        ``caused`` are the events of the line. ``changes`` is the number of kept unknown fields that changed.
        """
        if not self.explains(caused, changes):
            return False
        self.find_passing()
        text, holes = self.text, self.holes
        if not holes:
            return False
        spans: dict[Path, tuple[int, int]] = {}
        is_proven = _find(text, holes, spans)
        if len(spans) < len(holes):
            return False
        order = sorted(spans, key=spans.__getitem__)
        pieces: list[str] = []
        backslashes = text.count("\\")  # outside the strings of holes
        pos = 0
        for path in order:
            start, stop = spans[path]
            if holes[path] <= GROWING:
                start += 1
                stop -= 1
                backslashes -= text.count("\\", start, stop)
            pieces.append(text[pos:start])
            pos = stop
        pieces.append(text[pos:])
        if not ((is_proven and not backslashes) or self.proves(order, pieces)):
            return False
        self.pieces = pieces
        self.kinds = [holes[path] for path in order]
        self.echo = tuple(map(order.index, self.same))
        numbers = list(filter(is_countable, [_at(self.chunk, path) for path in order]))
        texts = [number for number, kind in enumerate(self.kinds) if kind <= CONTENT]
        if texts and len(numbers) == len(order) - 1:
            self.numbers = tuple(numbers)
            self.at = texts[0]
            order.append(order.pop(self.at))
        for step, paths in self.found:
            step.hole = order.index(paths[0]) if paths else 0
        self.steps = tuple([step for step, _ in self.found])
        return True

    def proves(self, order: list[Path], pieces: list[str]) -> bool:
        """Parse the line with other values in its holes. Return whether the result has these values at the
        paths of the holes, and otherwise equals the chunk."""
        changed: list[str] = []
        values: list[str] = []
        for number, (path, piece) in enumerate(zip(order, pieces)):
            value = f"{number}x" if _at(self.chunk, path) != f"{number}x" else f"{number}y"
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
        """Find the step for each event. Return False if there is an event without one, a fragment of a call
        without arguments, or a legacy call.

        ``changes`` is the number of kept unknown fields that changed.
        """
        if not self.find_parts():
            return False
        delta = self.parts["delta"]
        texts = [event.__class__ for event in caused if event.__class__ in _TEXT_EVENTS]
        if delta.get("function_call") or (delta.get("tool_calls") and texts != [ToolCallDelta]):
            return False  # the call of a fragment without a text becomes the last one, too
        # An unknown field of a delta that causes an Extra increases ``kept``. If nothing else did, all other
        # unknown fields came again unchanged.
        is_again = not changes or changes == sum(
            [event.__class__ is Extra and event.place == "delta" for event in caused]
        )
        usage: Any = self.chunk.get("usage")
        has_usage = usage.__class__ is dict and len(usage) > 0  # {} has no effect, so it needs no step
        for event in caused:
            kind = event.__class__
            if kind is Extra:
                explained = self._extra(event, is_again)
            elif kind is LogprobsDelta:
                explained = True
                step = Whole(self.reader.choices[event.choice], "logprobs", "choice")
                self._step(step, [(*self.paths["choice"], "logprobs")], OBJECT)
            elif kind is Usage:
                explained = has_usage and event is caused[-1]
            else:
                explained = kind in _TEXT_EVENTS and self._text(event)
            if not explained:
                return False
        return not has_usage or self._usage(usage)

    def find_parts(self) -> bool:
        """Find the parts of the chunk. Return False if it has more than one entry, or none, or if the entry
        has usage, a delta that is no object, or a message in place of a delta."""
        choices: Any = self.chunk.get("choices")
        if choices.__class__ is not list or len(choices) != 1 or choices[0].__class__ is not dict:
            return False
        entry: Any = choices[0]
        delta: Any = entry.get("delta")
        self.parts = {"chunk": self.chunk, "choice": entry, "delta": {} if delta is None else delta}
        if entry.get("usage"):
            return False  # it would have an effect after a chunk with other usage
        return delta.__class__ is dict or (delta is None and entry.get("message") is None)

    def _usage(self, usage: dict[str, Any]) -> bool:
        """Compare usage with earlier usage to find the numbers that change in it."""
        kept = self.reader.answer.usage
        before: Any = self.earlier.get("usage")
        if kept is None or self.reader.usage_stage == IGNORED:
            return False
        if before.__class__ is not dict or not all(map(is_shallow, (usage, kept))):
            return False
        paths = _differences(before, usage)
        if paths is None:
            return False
        self._step(Counts(render(usage, False), paths), [("usage", *path) for path in paths], NUMBER)
        return True

    def _step(self, step: Step, paths: list[Path], kind: int = ANY) -> None:
        self.found.append((step, paths))
        self.holes.update(dict.fromkeys(paths, kind))

    def _text(self, event: Any) -> bool:
        """Find the one field that a text event can come from."""
        source = self._source(event)
        if source is None:
            return False
        path, step, kind = source
        try:
            if _at(self.chunk, path) != (event.arguments if step.call else event.text):
                return False
        except (LookupError, TypeError):
            return False
        self._step(step, [path], kind)
        return True

    def _source(self, event: Any) -> tuple[Path, Append, int] | None:
        """Return the path of the text of an event, its step, and the kind of its hole.

        Return None if the event might come from anything else in the chunk.
        """
        choice: Any = self.reader.choices[event.choice]
        delta = self.parts["delta"]
        path = self.paths["delta"]
        kind = event.__class__
        if kind is ToolCallDelta:
            return self._arguments(event, choice, delta)
        if not delta:
            return (*self.paths["choice"], "text"), Append(event, choice, choice.content), TEXT
        if kind is ReasoningDelta:
            if [one for one in REASONING_FIELDS if delta.get(one) is not None] != [event.field]:
                return None
            return (*path, event.field), Append(event, choice, choice.emitted_reasoning), TEXT
        if kind is RefusalDelta:
            return (*path, "refusal"), Append(event, choice, choice.refusal), TEXT
        # Empty content has no effect if no other field does. (llama-cpp-python sends it)
        is_alone = _ALONE.issuperset([key for key, value in delta.items() if value is not None])
        return (*path, "content"), Append(event, choice, choice.content), CONTENT if is_alone else TEXT

    def _arguments(self, event: Any, choice: Any, delta: dict[str, Any]) -> tuple[Path, Append, int] | None:
        """Do the same for arguments, which must come from the one fragment in the delta.

        Without an index, the call of the fragment would depend on the frames before.
        """
        fragments: Any = delta.get("tool_calls")
        if fragments.__class__ is not list or len(fragments) != 1 or fragments[0].get("index") is None:
            return None
        fragment = fragments[0]
        inside: Path = ("function", "arguments")
        if fragment.get("custom") is not None:
            inside = ("custom", "input")
            if fragment.get("function") is not None:
                return None
        call = choice.calls[event.index]
        path = (*self.paths["delta"], "tool_calls", 0, *inside)
        return path, Append(event, choice, call.arguments, call), TEXT

    def _extra(self, event: Any, is_again: bool) -> bool:
        """Find the unknown field that an Extra comes from."""
        field = event.field
        path = self.paths.get(event.place)
        if path is None or field in FIELDS_WITH_RULES:
            return False
        if event.place == "delta" and field in DETAIL_FIELDS:
            texts = map(self.parts["delta"].get, REASONING_FIELDS)
            if not any(text.__class__ is str and text for text in texts):
                return False  # the reasoning is the text inside this field
        path = (*path, field)
        value: Any = self.parts[event.place].get(field)
        if value != event.value:
            return False
        choice = self.reader.choices.get(event.choice)  # None if the field is not in a choice
        if event.place == "delta":
            detail = self._detail(event)
            if detail is None:
                self._step(Whole(choice, field, event.place), [path])
            else:
                self._step(detail, [(*path, 0, detail.key)], TEXT)
            return True
        kept = (choice or self.reader.answer).extras.get(field)
        is_container = value.__class__ in (dict, list) and is_shallow(value)
        is_kept = is_container and _is_twin(kept, value)
        before: Any = self.earlier.get(field)
        paths: list[Path] | None = None
        if is_again and is_container:
            paths = []
        elif is_kept and before.__class__ is dict is value.__class__:
            paths = _differences(before, value)
        if paths is None:
            self._step(Whole(choice, field, event.place), [path])
        else:
            step = Numbers(event, kept if is_kept else render(value, False), paths)
            self._step(step, [(*path, *inside) for inside in paths], NUMBER)
        return True

    def _detail(self, event: Any) -> Detail | None:
        """Return the step for a list of one object in which only a text grows, None for anything else."""
        value = event.value
        if value.__class__ is not list or len(value) != 1 or value[0].__class__ is not dict:
            return None
        entry = value[0]
        kept: Any = self.reader.choices[event.choice].message_extras.get(event.field)
        if kept.__class__ is not Items:
            return None
        kept = kept.by_key.get((as_key(entry.get("type")), as_key(entry.get("index"))))
        if kept is None or entry.get("index") is None:
            return None
        growing: list[str] = []
        for key, one in entry.items():
            if one.__class__ is str and one and is_appended(key):
                growing.append(key)
            elif one.__class__ not in SCALARS or is_appended(key) or not _is_twin(kept[key], one):
                return None
        if len(growing) != 1 or kept[growing[0]].__class__ is not Text:
            return None
        return Detail(event, growing[0], kept[growing[0]])

    def find_passing(self) -> None:
        """Add the holes without a step: their values have no effect."""
        answer = self.reader.answer
        for place, names in (("chunk", _NOISE), ("choice", _NOISE), ("delta", DELTA_NOISE)):
            fields = self.parts[place]
            for name in names & fields.keys():
                self._passing((*self.paths[place], name), fields[name])
        for name, known in (("id", answer.id), ("created", answer.created)):
            if known and self.chunk.get(name) != known:
                self._passing((name,), self.chunk.get(name))
        path, entry = self.paths["choice"], self.parts["choice"]
        message = entry.get("message")
        if message.__class__ is dict and message.get("content").__class__ is str:
            self.holes[(*path, "message", "content")] = GROWING
        content = (*self.paths["delta"], "content")
        if content in self.holes and entry.get("text") == _at(self.chunk, content):
            self.holes[(*path, "text")] = PADDING
            self.same = (content, (*path, "text"))

    def _passing(self, path: Path, value: Any) -> None:
        if value.__class__ is str:
            self.holes[path] = PADDING
        elif value.__class__ not in (dict, list, None.__class__):
            self.holes[path] = SCALAR


def is_countable(value: Any) -> bool:
    """Whether a value is an integer that is not too large for ``_fast.py`` to expect the next one."""
    return value.__class__ is int and -LARGEST < value < LARGEST


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _put(chunk: Any, path: Path, value: Any) -> None:
    _at(chunk, path[:-1])[path[-1]] = value


def _is_twin(one: Any, other: Any) -> bool:
    """Whether two values have the same JSON text, except for white space and escapes."""
    return bool(one == other) and repr(one) == repr(other)  # 1 == True, 0.0 == -0.0, and keys have an order


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
        elif not _is_twin(before, value):
            return None
    return paths


def _find(text: str, holes: dict[Path, int], spans: dict[Path, tuple[int, int]]) -> bool:
    """Find the start and the end of each hole's value, and put them into ``spans`` until one is not found.

    Return whether the last key of each path is an identifier that is in the line only once.
    """
    is_unique = True
    for path in holes:
        name: Any = path[-1]
        key = f'"{name}":'
        pos = text.find(key)
        if text.count(key[:-1]) != 1 or not name.isidentifier():
            is_unique = False
            pos = 0
            for name in path:
                if name.__class__ is str:
                    pos = text.find(f'"{name}":', pos)
        if pos < 0:
            break
        pos += len(key)
        if text[pos] in " \t\r\n":
            pos = blank(text, pos).end()
        try:
            end = (scanstring(text, pos + 1) if text[pos] == '"' else scan_json(text, pos))[1]
        except (ValueError, StopIteration):  # a key such as "," was found between two strings, or inside one
            break
        spans[path] = pos, end
    return is_unique
