# SPDX-License-Identifier: MIT
"""The command line: ``curl -sSN ... | python -m sseparse`` shows an answer while it is being written.

    python -m sseparse answer.sse               the answer, with reasoning and tool calls in sections
    python -m sseparse --text answer.sse        the text and nothing else
    curl -sSN ... | python -m sseparse --sse    the same answer as a canonical stream (see _encoder.py)

This file knows files and terminals, and nothing of the stream's format. The answer goes to standard output.
Messages about it go to standard error. Text of the server or the model reaches a terminal only after
``_ONE_LINE`` or ``_ESCAPES`` has escaped it, or as ASCII JSON. So it can neither move the cursor nor reorder
text.

How it works. ``_show`` reads the file piece by piece. A ``_View``, which the option chooses, turns the
events of a piece into text and gives it to ``_Output``, which writes to standard output. ``_Pace`` measures
how fast the answer came. At the end ``_show`` writes the summary (not with --text), and the reason if the
answer is not whole.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from functools import partial

from . import __version__
from ._encoder import ChatEncoder
from ._errors import StreamError
from ._events import (
    AudioDelta,
    ContentDelta,
    ReasoningDelta,
    RefusalDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from ._input import Input, Unreadable
from ._partial import PartialJSON
from ._stream import ChatStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Union

    from ._events import Event, JSONTextDelta, JSONValue

    _CallEvent = Union[ToolCallStart, ToolCallDelta, ToolCallDone]
    _Shown = Union[ContentDelta, ReasoningDelta, RefusalDelta, AudioDelta, _CallEvent]

_SHOWN = (ContentDelta, ReasoningDelta, RefusalDelta, AudioDelta, ToolCallStart, ToolCallDelta, ToolCallDone)

# Exit statuses. The last two are what a shell reports for a signal: 128 + SIGINT, 128 + SIGPIPE.
WHOLE, NOT_WHOLE, UNREADABLE, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141

# Characters that could control a terminal: C0, DEL and C1; the characters with the property Bidi_Control
# (Unicode's PropList.txt), which can make a text look like another; the two separators that some programs
# take for line ends.
_CONTROLS = [
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    *(0x2028, 0x2029),
]
_ONE_LINE = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _CONTROLS}
_ESCAPES = {code: escape for code, escape in _ONE_LINE.items() if chr(code) not in "\t\n"}

_SHORTEST = 0.1  # seconds from the first token to the last; a shorter time measures the pipe, not the server

_DIM, _BOLD = "2", "1"
_VERDICTS = {
    "empty": "no arguments",
    "incomplete": "arguments incomplete",
    "invalid": "arguments invalid",
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line with ``argv`` (``sys.argv[1:]`` if None) and return its exit status.

    0: the answer is whole. 1: it was cut, had errors, has no choice or was no event stream, or standard
    output could not be written; the reason is on standard error. 2: the input cannot be read. 130 after
    Ctrl-C and 141 after a broken pipe, both without a message. Wrong arguments raise SystemExit(2), as
    argparse does.
    """
    options = _parse(argv)
    try:
        return _show(options.file, options.show)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except OSError as reason:
        with suppress(OSError):  # perhaps standard error itself cannot be written
            _say(f"cannot write: {reason.strerror}")
        return NOT_WHOLE


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sseparse",
        description="Show a streamed Chat Completions answer (text/event-stream) as it arrives. The body may "
        "come with its HTTP head (curl -i), in gzip or deflate, or as a recording (.timed.jsonl).",
        epilog="Exit status: 0 if the answer is whole, 1 if it is not or has no choice, 2 if the file cannot "
        "be read.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="default or -: standard input")
    parser.add_argument("--version", action="version", version=f"sseparse {__version__}")
    show = parser.add_mutually_exclusive_group()
    for name, meaning in (
        ("text", "the text of choice 0 and nothing else"),
        ("json", "the final object, as far as it arrived"),
        ("events", "one JSON object per event and line"),
        ("fields", "the answer, with the arguments of tool calls field by field"),
        ("sse", "the answer as a canonical stream, which every client we tried accepts"),
    ):
        show.add_argument(f"--{name}", action="store_const", dest="show", const=name, help=meaning)
    return parser.parse_args(argv)


def _show(path: str, show: str | None) -> int:
    """Read the file and show the answer as it comes, then the summary. Return the exit status."""
    source = Input(path)
    if source.is_terminal():
        _say(
            "waiting for an event stream to be pasted here, up to Ctrl-D;"
            " usually one is piped in: curl -sSN ... | python -m sseparse"
        )
    stream = ChatStream()
    output = _Output()
    view = _VIEWS[show](output, stream)
    pace = _Pace(source)
    count = 0
    try:
        for at, events in _batches(source, stream):
            count += len(events)
            pace.see(at, events)
            view.take(events)
            output.flush()
    except Unreadable as reason:
        output.end()
        _say(f"cannot read {source.name}: {reason}")
        return UNREADABLE
    view.end()
    output.end()
    if show != "text":
        _say(_summary(stream, source, count, pace))
    flaw = _flaw(stream, source)
    if flaw:
        _say(flaw)
    return NOT_WHOLE if flaw else WHOLE


def _batches(source: Input, stream: ChatStream) -> Iterator[tuple[float, list[Event]]]:
    """Yield the events of each read with its time, and at last the events of close()."""
    at = 0.0
    for at, data in source.pieces():
        yield at, stream.feed(data)
        if stream.errors and stream.errors[-1].kind == "limit":
            break
    yield at, stream.close()


def _flaw(stream: ChatStream, source: Input) -> str:
    """Return the reason why the answer is not whole, ``""`` if it is whole.

    If the body is no chat stream, its beginning is quoted.
    """
    flaws: list[str] = []
    try:
        completion = stream.completion()
    except StreamError as reason:
        flaws.append(f"the answer is not whole: {reason}")
    else:
        if not completion["choices"]:
            flaws.append("the answer has no choice")
    if source.flaw and not stream.done:
        flaws.append(source.flaw)
    for error in stream.errors:
        if error.kind in ("not_sse", "not_chat") and error.data:
            flaws.append(f"it begins: {error.data}")
    return "; ".join(flaws)


def _summary(stream: ChatStream, source: Input, count: int, pace: _Pace) -> str:
    facts = [] if source.status in (None, 200) else [f"HTTP {source.status}"]
    facts.append(f"model {stream.model or 'unknown'}")
    for choice in stream.snapshot()["choices"]:
        facts.append(f"choice {choice['index']}: {choice['finish_reason'] or 'no finish_reason'}")
    usage = stream.usage or {}
    tokens = [f"{usage[key]} {key}" for key in usage if key.endswith("_tokens") and _is_count(usage[key])]
    if tokens:
        facts.append(", ".join(tokens))
    facts += pace.facts(usage)
    for number, noun in ((count, "event"), (len(stream.errors), "error")):
        if number:
            facts.append(f"{number} {noun}" if number == 1 else f"{number} {noun}s")
    return "; ".join(facts)


def _is_count(value: Any) -> bool:
    return type(value) is int and value != 0


class _Pace:
    """Measures how fast the answer came. This works for recordings, and if most of the time was waiting."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self._first: float | None = None  # the time of the first piece with a delta
        self._last = 0.0  # the time of the last one
        self._waited = 0.0  # seconds spent waiting between the two
        self._waited_before = 0.0  # seconds spent waiting before the first
        self._characters = 0  # of all deltas after the first piece

    def see(self, at: float, events: list[Event]) -> None:
        deltas = [event for event in events if isinstance(event, _SHOWN) and event.type != "tool_call.done"]
        if not deltas:
            return
        if self._first is None:
            self._first, self._waited_before = at, self._source.waited
        else:
            for event in deltas:
                self._characters += len(getattr(event, "text", "") or getattr(event, "arguments", ""))
        self._last, self._waited = at, self._source.waited - self._waited_before

    def facts(self, usage: dict[str, Any]) -> list[str]:
        """Return the time to the first token, and tokens or characters a second. ``[]`` if not known."""
        if self._first is None:
            return []
        span = self._last - self._first
        if not self._source.is_recording and (span < _SHORTEST or self._waited < span / 2):
            return []  # a file, or a pipe with the whole answer: only this program's own time was measured
        facts = [f"first token after {self._first:.2f} s"]
        tokens = usage.get("completion_tokens")
        number, noun = (tokens, "tokens") if _is_count(tokens) else (self._characters, "characters")
        if span > 0 and number:
            facts.append(f"{number / span:.1f} {noun}/s")
        return facts


def _say(text: str) -> None:
    """Write one line to standard error, which may be closed."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr.write(f"sseparse: {text.translate(_ONE_LINE)}\n")
        sys.stderr.flush()


class _Output:
    """Standard output. It collects text until flush(). ``at_margin`` is True at the beginning of a line."""

    def __init__(self) -> None:
        self._file = sys.stdout
        self._pieces: list[str] = []
        self.at_margin = True
        self.is_terminal = False
        self.styled = False
        if self._file is not None:  # pyright: ignore[reportUnnecessaryComparison]
            self.is_terminal = self._file.isatty()
            self.styled = (
                self.is_terminal
                and os.name == "posix"  # a Windows console may not know escape sequences
                and os.environ.get("TERM") != "dumb"
                and not os.environ.get("NO_COLOR")
            )
            if hasattr(self._file, "reconfigure"):
                self._file.reconfigure(errors="backslashreplace")  # pyright: ignore

    def write(self, text: str, margin: str = "", style: str = "") -> None:
        """Write text, with ``margin`` before each line. The style is reset after each line and at the end."""
        for line in text.translate(_ESCAPES).splitlines(keepends=True):  # LF is the only line end left
            if self.at_margin:
                self._pieces.append(margin)
            self._pieces.append(f"\x1b[{style}m{line}\x1b[0m" if style and self.styled else line)
            self.at_margin = line.endswith("\n")

    def write_as_it_is(self, text: str) -> None:
        """Write text unchanged to a file or another program, and escaped to a terminal."""
        if self.is_terminal:
            self.write(text)
        else:
            self._pieces.append(text)

    def write_bytes(self, data: bytes) -> None:
        """Write UTF-8, whatever the encoding of standard output is. A terminal gets it escaped."""
        if self.is_terminal or not hasattr(self._file, "buffer"):
            self.write(data.decode())
        elif data:
            self._file.buffer.write(data)
            self._file.buffer.flush()

    def end_line(self) -> None:
        if not self.at_margin:
            self.write("\n")

    def end(self) -> None:
        """End the last line, and write all text to the file."""
        self.end_line()
        self.flush()

    def head(self, text: str, end: str = "\n") -> None:
        """Write a heading on a line of its own, or before other text. Line ends in ``text`` are escaped."""
        self.end_line()
        self.write(text.translate(_ONE_LINE), style=_BOLD)
        self.write(end)

    def flush(self) -> None:
        if self._pieces and self._file is not None:  # pyright: ignore[reportUnnecessaryComparison]
            self._file.write("".join(self._pieces))
            self._file.flush()
        self._pieces.clear()


class _View:
    """The view of one option: it shows events as they come (``take``) and at the end (``end``)."""

    def __init__(self, output: _Output, stream: ChatStream) -> None:
        self._output = output
        self._stream = stream

    def take(self, events: list[Event]) -> None:
        """Show the latest events of the stream."""

    def end(self) -> None:
        """Show what is known only at the end."""


class _Events(_View):
    def take(self, events: list[Event]) -> None:
        for event in events:
            self._output.write(json.dumps(event.as_dict()) + "\n")


class _Final(_View):
    def end(self) -> None:
        self._output.write(json.dumps(self._stream.snapshot()) + "\n")


class _Text(_View):
    def take(self, events: list[Event]) -> None:
        for event in events:
            if event.type == "content.delta" and event.choice == 0:
                self._output.write_as_it_is(event.text)


class _Canonical(_View):
    def __init__(self, output: _Output, stream: ChatStream) -> None:
        super().__init__(output, stream)
        self._encoder = ChatEncoder()

    def take(self, events: list[Event]) -> None:
        self._output.write_bytes(self._encoder.feed(events))

    def end(self) -> None:
        self._output.write_bytes(self._encoder.close())


class _Answer(_View):
    """The answer as text, in sections: reasoning, content and tool calls of each choice.

    One choice is shown as it grows, choice 0 first. The others wait until that choice has its finish_reason,
    because a terminal cannot show two texts that grow.
    """

    def __init__(self, output: _Output, stream: ChatStream, fields: bool = False) -> None:
        super().__init__(output, stream)
        self._fields = fields
        self._choice = 0  # the choice that is shown
        self._waiting: dict[int, list[_Shown]] = {}
        self._section: tuple[int, str] | None = None
        self._calls: dict[str, tuple[str | None, PartialJSON | None]] = {}
        self._field: tuple[str | int, ...] | None = None  # path of the string whose text was shown last

    def take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, _SHOWN):
                if event.choice == self._choice:
                    self._show(event)
                else:
                    self._waiting.setdefault(event.choice, []).append(event)
        while self._waiting and self._is_over():
            self._choice = min(self._waiting)
            for waiting in self._waiting.pop(self._choice):
                self._show(waiting)

    def _is_over(self) -> bool:
        """Whether the shown choice has ended, or nothing of it has come while another choice has ended."""
        stream = self._stream
        if stream.done or stream.closed or stream.finish_reason(self._choice) is not None:
            return True
        return self._section is None and any(stream.finish_reason(choice) for choice in self._waiting)

    def _show(self, event: _Shown) -> None:
        output = self._output
        if event.type == "reasoning.delta":
            self._turn_to(event.choice, "reasoning")
            output.write(event.text, margin="" if output.styled else "> ", style=_DIM)
        elif event.type == "content.delta" or event.type == "refusal.delta":
            self._turn_to(event.choice, event.type.partition(".")[0])
            output.write(event.text)
        elif event.type == "audio.delta":
            if event.transcript:
                self._turn_to(event.choice, "audio")
                output.write(event.transcript)
        else:
            self._show_call(event)

    def _show_call(self, event: _CallEvent) -> None:
        place = "function call" if event.index is None else f"tool call {event.index}"
        key = f"{event.choice} {place}"
        if event.type == "tool_call.start":
            is_json = self._fields and event.kind != "custom"
            self._calls[key] = (event.name, PartialJSON() if is_json else None)
        name, reader = self._calls[key]
        title = f"{place}: {name}"
        if event.type != "tool_call.done":
            self._turn_to(event.choice, title)
        if event.type == "tool_call.delta":
            if reader is None:
                self._output.write(event.arguments)
            else:
                self._show_fields(reader.feed(event.arguments))
        elif event.type == "tool_call.done":
            if reader is not None:
                self._show_fields(reader.close())
            for note in _notes(event, name, reader):
                self._turn_to(event.choice, title)
                self._output.head(f"[{note}]")

    def _show_fields(self, parts: list[JSONTextDelta | JSONValue]) -> None:
        """Show strings as ``path: text``, their further lines indented, other values as ``path = JSON``."""
        for part in parts:
            if part.type == "json.text":
                if self._field != part.path:
                    self._output.head(_dotted(part.path) + ":", end=" ")
                    self._field = part.path
                self._output.write(part.text, margin="  ")
            elif self._field == part.path:
                self._output.end_line()
                self._field = None
            elif not part.value or not isinstance(part.value, (dict, list, str)):
                self._output.head(_dotted(part.path) + " =", end=f" {json.dumps(part.value)}\n")

    def _turn_to(self, choice: int, section: str) -> None:
        """Begin a section, unless it is the current one."""
        before, self._section = self._section, (choice, section)
        if before == self._section:
            return
        self._field = None
        self._output.end_line()
        if before is not None:
            self._output.write("\n")
        if choice != (before[0] if before else 0):
            self._output.head(f"[choice {choice}]")
            before = None
        # The content needs no title if it comes first, or after the reasoning, which has its own style.
        if section != "reasoning" and not (section == "content" and (not before or before[1] == "reasoning")):
            self._output.head(f"[{section}]")


def _notes(event: ToolCallDone, name: str | None, reader: PartialJSON | None) -> list[str]:
    """Return the name of a call if it is not ``name`` any more, and what is wrong with its arguments."""
    notes = [f"its name is {event.name}"] if event.name != name else []
    if event.status in _VERDICTS:
        verdict = "no name" if event.name is None else _VERDICTS[event.status]
        if event.arguments and reader is not None and reader.error is not None:
            verdict += f": {reader.error.message}, at character {reader.error.offset}"
        notes.append(verdict)
    return notes


def _dotted(path: tuple[str | int, ...]) -> str:
    """Return a path in the usual notation: ``to[0].name``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key.isidentifier():
            text += f".{key}" if text else key
        else:
            text += f"[{json.dumps(key)}]"
    return text or "value"


_VIEWS: dict[str | None, Callable[[_Output, ChatStream], _View]] = {
    None: _Answer,
    "text": _Text,
    "json": _Final,
    "events": _Events,
    "fields": partial(_Answer, fields=True),
    "sse": _Canonical,
}


if __name__ == "__main__":
    sys.exit(main())
