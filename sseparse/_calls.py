# SPDX-License-Identifier: MIT
"""The tool calls of one choice, and how a fragment finds its call (rules 4 and 5).

A server sends a call in fragments, mixed with fragments of other calls, and each server says in its own
way which fragment belongs to which call. ``Calls`` holds all state that this question needs, and answers
it (``find``). It knows nothing of events, chunks or bytes.

A call is in one of three stages. UNNAMED: its name has not come, so its arguments are kept without an
event. STARTED: its ToolCallStart has fired. DONE: its choice has ended. Only the assembler moves a call
from one stage to the next.
"""

from __future__ import annotations

from ._partial import JSONScanner
from ._text import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._events import Kind

UNNAMED, STARTED, DONE = "unnamed", "started", "done"  # the stages of a call


class Call:
    """One tool call, or the legacy function_call.

    ``inner`` has the unknown fields of ``function`` or ``custom``, ``extras`` those beside it. ``scanner`` has
    read the arguments up to ``blocks[scanned]``.
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
        "stage",
        "type",
    )

    def __init__(self, index: int | None, kind: Kind) -> None:
        self.index = index
        self.kind = kind
        self.stage = UNNAMED
        self.id: str | None = None
        self.type: str | None = None
        self.name: str | None = None
        self.name_rest: list[str] = []
        self.name_size = 0
        self.arguments = Text()
        self.inner: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.scanner: JSONScanner | None = None
        self.scanned = 0

    def full_name(self) -> str | None:
        """Return the name with all that was appended to it."""
        if self.name is not None and self.name_rest:
            self.name = "".join([self.name, *self.name_rest])
            self.name_rest.clear()
        return self.name

    def rename(self, name: str) -> bool:
        """Set, grow or keep the name (rule 5); return whether it changed.

        (split: NVIDIA-NeMo/Switchyard#785; repeated: Fireworks, TGI)
        """
        if self.name is not None:
            if self.arguments:
                return False
            if len(name) < self.name_size or not name.startswith(self.full_name() or ""):
                self.name_rest.append(name)
                self.name_size += len(name)
                return True
            if len(name) == self.name_size:
                return False
        self.name = name
        self.name_size = len(name)
        return True

    def is_whole(self) -> bool:
        """Whether the arguments so far are one complete JSON value. Reads only what came since the last time."""
        if self.scanner is None:
            self.scanner = JSONScanner()
        arguments = self.arguments
        if arguments.pieces:
            arguments.fold()
        for block in arguments.blocks[self.scanned :]:
            self.scanner.feed(block)
        self.scanned = len(arguments.blocks)
        return self.scanner.is_whole()


class Calls:
    """The calls of one choice, in order of appearance.

    ``last`` is the call touched last. The others tables find a call by its wire index (``at``), by its id
    (``by_id``), and by both (``at_id``).
    """

    __slots__ = ("at", "at_id", "by_id", "in_order", "last")

    def __init__(self) -> None:
        self.in_order: list[Call] = []
        self.at: dict[int, Call] = {}
        self.by_id: dict[str, Call] = {}
        self.at_id: dict[tuple[str, int], Call] = {}
        self.last: Call | None = None

    def __len__(self) -> int:
        return len(self.in_order)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.in_order)

    def __getitem__(self, index: int) -> Call:
        return self.in_order[index]

    def find(self, id: str | None, index: int | None, name: str | None) -> Call | None:
        """Return the call that a fragment belongs to (rule 4), None if it begins a new one."""
        here = None if index is None else self.at.get(index)
        if here is not None and id is None and name is None:
            return here  # most fragments
        # (a) The id is known. (repeated on each fragment: Fireworks, TGI, SillyTavern/SillyTavern#5948)
        if id is not None and id in self.by_id:
            if index is not None and (id, index) in self.at_id:
                return self.at_id[id, index]
            latest = self.by_id[id]
            if here is not None and (here is latest or here.id == id):
                return here
            if here is None or latest.id == id:
                return None if name is not None and index is not None and latest.arguments else latest
            # A call's second id says less than a call at this index. (id "null": zed-industries/zed#54058)
        if index is not None:
            # (b) A call is at this index. (all calls at index 0: ollama/ollama#15457; an id that changes
            # without a name: poolsideai/pool#9; indexes from 1: router-for-me/CLIProxyAPI#5229)
            if here is None or (name is not None and id is not None and here.id is not None):
                return None
            return None if _begins_anew(here, id, name) else here
        # (c) No index: the call touched last. (Mistral, Gemini: openai/openai-python#2806; continuations
        # with nothing at all: OCI, oracle/langchain-oracle#253)
        last = self.last
        if last is None or (id is not None and last.id is not None):
            return None
        if name is not None and last.name is not None:
            return None
        return None if _begins_anew(last, id, name) else last

    def add(self) -> Call:
        """Return a new call."""
        call = Call(len(self.in_order), "function")
        self.in_order.append(call)
        return call

    def forget(self, index: int | None) -> None:
        """Note that a fragment at this index was ignored: what follows it belongs to no call either."""
        self.last = None
        if index is not None:
            self.at.pop(index, None)

    def note(self, call: Call, id: str | None, index: int | None) -> bool:
        """Note where a call was seen, and under which id; return whether any of that is new.

        The first id is the call's own, others are aliases. (an id after the arguments began: vercel/ai
        back-fills it)
        """
        self.last = call  # the fast path does the same, or checks it
        is_new = False
        if index is not None and self.at.get(index) is not call:
            self.at[index] = call
            is_new = True
        if id is None:
            return is_new
        if call.id is None:
            call.id = id
            is_new = True
        known = self.by_id.get(id)
        if known is None or (known.index or 0) < (call.index or 0):  # they all have one
            self.by_id[id] = call
            is_new = True
        if index is not None and self.at_id.get((id, index)) is not call:
            self.at_id[id, index] = call
            is_new = True
        return is_new


def _begins_anew(call: Call, id: str | None, name: str | None) -> bool:
    """(d) A second whole call without any identity. (local servers: huggingface/smolagents#1958)"""
    if name is None or call.id is not None or call.kind == "custom":
        return False
    if id is not None and call.full_name() in (None, name):
        return False
    return call.is_whole()
