# SPDX-License-Identifier: MIT
"""The tool calls of one choice, and how a fragment finds its call.

A server sends a call in fragments, mixed with fragments of other calls, and each server says in its own
way which fragment belongs to which call. ``Calls`` holds all state that this question needs, and answers
it (``find``). It knows nothing of events, chunks or bytes.

Rule 4. Tool calls. An id is a non-empty string, or an integer (then its digits); if the fragment has none,
    ``function.id`` is it. An index is any integer, or a string of an integer's digits: a key, and never a
    position. The call *at* an index is the one that last got a fragment there. A fragment that brings no id,
    no name, no argument text and no unknown field opens no call and touches none. Any other belongs to:
    (a) if its id is known: the call with that id last seen at this index; else, if it brings a name and an
        index and that id's call has argument text, a new call; else the latest call with that id. Two
        exceptions, for servers whose ids are not unique. *Another name*: its name neither equals nor extends
        that call's, and it stands at another index, or that call's arguments are whole JSON: a new call.
        *Said again*: at another index, with that call's name and its very arguments, whole: it is ignored, or
        the tool would run twice.
    (b) if a call is at its index: that call, unless it brings a name and an id and the call has a different
        id: a new call. But if the name is that call's, its arguments are unfinished JSON, and the fragment's
        own are neither empty nor begin with "{", it goes on. No call there: a new call.
    (c) without an index: the call touched last, unless it brings an id, the call has a different one, and it
        has a name or the call's arguments are whole; or it brings a name and the call has one: a new call.
    (d) Where (b) or (c) would join a fragment with a name to a call without an id, and the names differ or
        the fragment has no id either, and the call's arguments are one whole JSON value: a new call.
    Example: ``{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}`` and then
    ``{"index": 0, "function": {"arguments": "}"}}`` are one call with the arguments "{}" (b).
    A call's first id is its own, and later ones are aliases: they find it, unless only other calls were seen
    at the index. A fragment without id, index and function adds its other fields to the call touched last.

Rule 5. Name. Repeated equal: ignored. Before any argument text a different name appends, unless it starts
    with what came so far: then it replaces that. After argument text only a longer one that starts with what
    came so far counts. Example: "get_" and then "weather" is "get_weather"; "sum", arguments, "sum_all" is
    "sum_all" (unslothai/unsloth#9817).

A call is in one of three stages. The assembler moves it from one to the next:

    UNNAMED --name--> STARTED --end of its choice--> DONE
    UNNAMED: arguments are kept without an event. STARTED: its ToolCallStart has fired. DONE: it is final.
"""

from __future__ import annotations

from ._partial import JSONScanner
from ._text import Text
from ._values import SMALL_INT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

    from ._events import Kind

    Key = Union[int, str]  # a wire index; large ones are their digits, see key_of()

UNNAMED, STARTED, DONE = "unnamed", "started", "done"


class Call:
    """One tool call, or the legacy function_call.

    ``inner`` has the unknown fields of ``function`` or ``custom``, ``extras`` those beside it. ``seen`` says
    where fragments of it were seen: the greater the number, the later it became the call at that index.
    ``scanner`` has read the arguments up to ``blocks[scanned]``.
    """

    __slots__ = (
        "arguments",
        "extras",
        "id",
        "index",
        "inner",
        "kind",
        "name",
        "name_rest",
        "name_size",
        "scanned",
        "scanner",
        "seen",
        "stage",
        "type",
    )

    def __init__(self, index: int | None, kind: Kind) -> None:
        self.index = index
        self.kind: Kind = kind
        self.stage = UNNAMED
        self.id: str | None = None
        self.type: str | None = None
        self.name: str | None = None
        self.name_rest: list[str] = []
        self.name_size = 0
        self.arguments = Text()
        self.inner: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.seen: dict[Key, int] = {}
        self.scanner: JSONScanner | None = None
        self.scanned = 0

    def full_name(self) -> str | None:
        """Return the name with all that was appended to it."""
        if self.name is not None and self.name_rest:
            self.name = "".join([self.name, *self.name_rest])
            self.name_rest.clear()
        return self.name

    def is_named(self, name: str) -> bool:
        """Whether this is the call's name."""
        return len(name) == self.name_size and name == self.full_name()

    def is_begin_of(self, name: str) -> bool:
        """Whether the call's name, or that it has none yet, may have grown to this one."""
        # The sizes first: to join the name for each short piece of one would take quadratic time.
        return len(name) >= self.name_size and name.startswith(self.full_name() or "")

    def rename(self, name: str) -> bool:
        """Set, grow or keep the name (rule 5); return whether it changed.

        (split: NVIDIA-NeMo/Switchyard#785; repeated: Fireworks, TGI; grown: unslothai/unsloth#9817)
        """
        if self.is_begin_of(name):
            if self.name is not None and len(name) == self.name_size:
                return False
            self.name = name
            self.name_rest.clear()
            self.name_size = len(name)
            return True
        if self.arguments:
            return False
        self.name_rest.append(name)
        self.name_size += len(name)
        return True

    def scan(self) -> JSONScanner:
        """Return a scanner that has read all arguments. It reads only what came since the last time."""
        if self.scanner is None:
            self.scanner = JSONScanner()
        arguments = self.arguments
        if arguments.pieces:
            arguments.fold()
        for block in arguments.blocks[self.scanned :]:
            self.scanner.feed(block)
        self.scanned = len(arguments.blocks)
        return self.scanner


class Calls:
    """The calls of one choice, in order of appearance.

    ``at`` finds a call by its wire index, ``by_id`` all calls that have an id, in order; ``last`` is the call
    touched last. ``looks`` is how often the arguments were looked at to find a call.
    """

    __slots__ = ("_seen", "at", "by_id", "in_order", "last", "looks")

    def __init__(self) -> None:
        self.in_order: list[Call] = []
        self.at: dict[Key, Call] = {}
        self.by_id: dict[str, list[Call]] = {}
        self.last: Call | None = None
        self.looks = 0
        self._seen = 0

    def __len__(self) -> int:
        return len(self.in_order)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.in_order)

    def __getitem__(self, index: int) -> Call:
        return self.in_order[index]

    def find(
        self, id: str | None, index: Key | None, name: str | None, text: str
    ) -> tuple[Call | None, bool]:
        """Return the call that a fragment belongs to (rule 4), None if it begins a new one; and whether the
        fragment says again what that call has, and is to be ignored."""
        here = None if index is None else self.at.get(index)
        known = None if id is None else self.by_id.get(id)
        # An alias says less than an index where only other calls were seen. (id "null" everywhere:
        # zed-industries/zed#54058)
        is_alias = known is not None and known[-1].id != id
        if known and not (is_alias and here is not None and not any(index in one.seen for one in known)):
            return self._by_id(known, index, name, text)
        call = self._by_recency(id, name) if index is None else self._by_index(here, id, name, text)
        if call is not None and name is not None and self._is_second(call, id, name):
            call = None
        return call, False

    def _by_id(
        self, known: list[Call], index: Key | None, name: str | None, text: str
    ) -> tuple[Call | None, bool]:
        """(a) The id is known. (repeated on each fragment: Fireworks, TGI, SillyTavern/SillyTavern#5948)"""
        call = known[-1]
        is_elsewhere = index is not None
        if index is not None:
            seen = [one for one in known if index in one.seen]
            if seen:
                call = max(seen, key=lambda one: one.seen[index])
                is_elsewhere = False
        if name is None:
            return call, False
        # Said again. (a server that sends all calls once more at the end, at other indexes: no report seen)
        if is_elsewhere and call.is_named(name) and text == call.arguments.raw() and self._is_whole(call):
            return call, True
        # Another name. (parallel calls that share an id: HKUDS/nanobot#3943; id and index:
        # skye-harris/hass_local_openai_llm#92)
        if not call.is_begin_of(name) and (is_elsewhere or self._is_whole(call)):
            return None, False
        return (None if is_elsewhere and call.arguments else call), False

    def _by_index(self, here: Call | None, id: str | None, name: str | None, text: str) -> Call | None:
        """(b) An index is given. (all calls at index 0: ollama/ollama#15457; an id that changes without a
        name: poolsideai/pool#9; indexes from 1: router-for-me/CLIProxyAPI#5229)"""
        if here is not None and name is not None and id is not None and here.id is not None:
            # A server that makes up an id for each fragment. (vllm-project/vllm#23522)
            goes_on = here.is_named(name) and text and text[0] != "{" and self._is_unfinished(here)
            return here if goes_on else None
        return here

    def _by_recency(self, id: str | None, name: str | None) -> Call | None:
        """(c) No index: the call touched last. (Mistral, Gemini: openai/openai-python#2806; continuations
        with nothing at all: OCI, oracle/langchain-oracle#253)"""
        last = self.last
        if last is None or (name is not None and last.name is not None):
            return None
        if id is not None and last.id is not None and (name is not None or self._is_whole(last)):
            return None
        return last

    def _is_second(self, call: Call, id: str | None, name: str) -> bool:
        """(d) A second whole call without any identity. (local servers: huggingface/smolagents#1958)"""
        if call.id is not None or call.kind == "custom":
            return False
        differ = call.name is not None and not call.is_named(name)
        return (differ or id is None) and self._is_whole(call)

    def _is_whole(self, call: Call) -> bool:
        """Whether the arguments so far are one complete JSON value."""
        self.looks += 1
        return call.scan().is_whole()

    def _is_unfinished(self, call: Call) -> bool:
        """Whether the arguments so far are the beginning of a JSON value."""
        self.looks += 1
        scanner = call.scan()
        return bool(call.arguments) and scanner.error is None and not scanner.is_whole()

    def add(self) -> Call:
        """Return a new call."""
        call = Call(len(self.in_order), "function")
        self.in_order.append(call)
        return call

    def forget(self, index: Key | None) -> None:
        """Note that a fragment at this index was refused: what follows it belongs to no call either."""
        self.last = None
        if index is not None:
            self.at.pop(index, None)
            for call in self.in_order:
                call.seen.pop(index, None)

    def note(self, call: Call, id: str | None, index: Key | None) -> bool:
        """Note where a call was seen, and under which id; return whether any of that is new.

        The first id is the call's own, others are aliases. (an id after the arguments began: vercel/ai
        back-fills it)
        """
        self.last = call  # the fast path does the same, or checks it
        is_new = False
        if index is not None and self.at.get(index) is not call:
            self.at[index] = call
            self._seen += 1
            call.seen[index] = self._seen
            is_new = True
        if id is not None:
            known = self.by_id.setdefault(id, [])
            if call not in known:
                known.append(call)
                known.sort(key=_place)
                is_new = True
                if call.id is None:
                    call.id = id
        return is_new


def _place(call: Call) -> int:
    return call.index or 0


def key_of(index: int) -> Key:
    """Return what a wire index is looked up by.

    Small numbers are their own keys. Large ones are their digits, because the wire could choose any number of
    them that have the same hash: the multiples of 2**61 - 1 all have.
    """
    return index if -SMALL_INT < index < SMALL_INT else str(index)
