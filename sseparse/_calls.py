# SPDX-License-Identifier: MIT
"""The tool calls of one choice, and the rules that decide which call a fragment belongs to.

A *fragment* is one entry of ``tool_calls`` in a delta. A server sends a call in several fragments, perhaps
with fragments of other calls between them. Servers differ in how they mark which fragment belongs to which
call. ``Calls`` holds all state that is needed for this decision, and ``Calls.find`` makes it. This file knows
nothing of events, chunks or bytes.

Rule 4. Tool calls. A fragment's id is a non-empty string, or an integer (then its digits are the id). If it
    has none, ``function.id`` is used. Its index is an integer, or a string of an integer's digits. An index
    is a key, never a position in a list. The call *at* an index is the call of the last fragment with that
    index. A fragment with no id, no name, no argument text and no unknown field is ignored. For any other,
    the first row that fits tells which call it belongs to. Each row has an example of two fragments: the row
    is about the second. A fragment is written as its id, index, name and arguments, with "-" for what it does
    not have.

        The id is known. KNOWN: of the calls with this id, the one that was seen last at the index, or else
        the latest. *Elsewhere*: the fragment has an index, but no call with its id was seen there.
    a1  no name                                         KNOWN       a 0 f {    +  a 0 - }
    a2  elsewhere, with KNOWN's name and arguments,     ignored     a 0 f {}   +  a 1 f {}
        and the arguments are whole JSON
    a3  a name that does not begin with KNOWN's, and    a new call  a 0 f {}   +  a 0 g {}
        it is elsewhere or KNOWN's arguments are whole  a new call  a 0 f {    +  a 1 g {
    a4  elsewhere, a name, and KNOWN has arguments      a new call  a 0 f {    +  a 1 f {
    a5  any other                                       KNOWN       a 0 f -    +  a 1 f {}

        It has an index. HERE: the call at it.
    b1  there is none                                   a new call  a 0 f {}   +  b 1 f {}
    b2  another id than HERE's, but HERE's name, and    HERE        a 0 f {    +  b 0 f }
        arguments that do not begin with "{", while
        HERE's are unfinished
    b3  a name, and another id than HERE's              a new call  a 0 f {    +  b 0 f {
    b4  any other: HERE, but see d                      HERE        a 0 f {    +  - 0 - }

        It has no index. LAST: the call that the last fragment belonged to.
    c1  a name, and LAST has one                        a new call  a - f {    +  b - f {
    c2  another id than LAST's, and it has a name or    a new call  a - f {}   +  b - - {}
        LAST's arguments are whole
    c3  any other: LAST, but see d; a new call if       LAST        a - f {    +  - - - }
        there is no call yet

        Instead of b4 and c3, if that call has whole arguments and no id, and is not of a custom tool.
    d   a name, but no id                               a new call  - 0 f {}   +  - 0 f {}
        a name other than the call's                    a new call  - 0 f {}   +  a 0 g {}

    a2 is for a server that sends all calls again: otherwise the tool would run twice. a3 is for ids that are
    not unique, d for ids that are missing. b2 is for a server that makes a new id for each fragment.
    The first id of a call is its own, later ids are aliases. A known alias counts as a known id, unless only
    other calls were seen at the fragment's index. A fragment without id, index and function (or custom) adds
    its other fields to the call of the last fragment. If there is none, it is an Extra.

Rule 5. The name of a call, if it comes more than once. A repeated name changes nothing. Before any argument
    text, a different name is appended to the name so far; but if it begins with the name so far, it replaces
    it. After argument text only such a longer name counts. Example: "get_" and then "weather" give
    "get_weather"; "sum", arguments, "sum_all" give "sum_all" (unslothai/unsloth#9817).

A call is in one of three stages. The assembler changes the stage:

    stage      meaning                                            next stage
    UNSTARTED  no name has come: arguments are kept, not emitted  STARTED at the name, or just before DONE
    STARTED    its ToolCallStart was emitted                      DONE at the end of the answer
    DONE       it is final                                        -

A legacy function_call does not start while its choice has tool calls (rule 6). It then stays UNSTARTED, also
if it has a name.
"""

from __future__ import annotations

from ._partial import JSONScanner
from ._text import Text
from ._values import SMALL_INT, as_id, as_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

    from ._events import Kind

    Key = Union[int, str]  # an index as sent, or the digits of a large one: see key_of()

UNSTARTED, STARTED, DONE = "unstarted", "started", "done"

# Fields that are the id of a fragment without an ``id``, each with its place (as in Extra). In any other
# fragment they are unknown fields. (An id inside function: ggml-org/llama.cpp#13774)
OTHER_IDS = (("function", "id"),)


class Call:
    """One tool call, or the legacy function_call.

    ``index`` is the call's place in the final ``tool_calls``, not an index on the wire; None for the legacy
    function_call. ``kind`` is "function", "custom" or "function_call", ``type`` the ``type`` as sent.
    ``inner`` has the unknown fields of ``function`` or ``custom``, ``extras`` those beside it.
    ``name`` and ``name_rest`` are the pieces of the name, ``name_size`` is their total length.
    ``seen`` has the indexes at which the call was seen. Of the calls that were seen at one index, the one
    with the greatest value came there last.
    ``scanner`` has read the first ``scanned`` blocks of the arguments.
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
        self.stage = UNSTARTED
        self.id: str | None = None
        self.type: str | None = None
        self.name: str | None = None
        self.name_rest: list[str] = []
        self.name_size = 0
        self.arguments = Text()
        self.inner: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.seen: dict[Key | None, int] = {}
        self.scanner: JSONScanner | None = None
        self.scanned = 0

    def full_name(self) -> str | None:
        """Return the name: its pieces joined, or None if none has come."""
        if self.name is not None and self.name_rest:
            self.name = "".join([self.name, *self.name_rest])
            self.name_rest.clear()
        return self.name

    def is_named(self, name: str) -> bool:
        """Whether ``name`` is the call's name."""
        return len(name) == self.name_size and name == self.full_name()

    def is_prefix_of(self, name: str) -> bool:
        """Whether the call's name is a prefix of ``name``, or the call has no name."""
        # Compare the sizes first: to join the name for each short piece would take quadratic time.
        return len(name) >= self.name_size and name.startswith(self.full_name() or "")

    def rename(self, name: str) -> bool:
        """Set the name, append to it, or keep it (rule 5). Return whether it changed.

        (In pieces: NVIDIA-NeMo/Switchyard#785; repeated: Fireworks, TGI; longer: unslothai/unsloth#9817)
        """
        if self.is_prefix_of(name):
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
        """Return a scanner that has read all arguments. Each call reads only the new part of them."""
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

    ``at`` has the call at each index, as sent.
    ``by_id`` has the calls with each id, which may be an alias, in order.
    ``last`` is the call that the last fragment belonged to.
    ``scans`` counts how often ``find`` asked whether arguments are whole. If a fragment increases it, the
    assembler increases ``version``: the fast path must not learn from this fragment.
    """

    __slots__ = ("_seen", "at", "by_id", "in_order", "last", "scans")

    def __init__(self) -> None:
        self.in_order: list[Call] = []
        self.at: dict[Key | None, Call] = {}  # here and in by_id, None is looked up but never set
        self.by_id: dict[str | None, list[Call]] = {}
        self.last: Call | None = None
        self.scans = 0
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
        """Return the call that a fragment belongs to (rule 4), or None if it begins a new call.

        The second result is True if the fragment is a repetition (a2). The caller must ignore it.
        """
        here = self.at.get(index)
        known = self.by_id.get(id)
        # An alias does not count at an index where only other calls were seen. (A server that sends the id
        # "null" in all fragments: zed-industries/zed#54058)
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
        """Rows a1 to a5: the id is known. (Servers that repeat the id in each fragment: Fireworks, TGI,
        SillyTavern/SillyTavern#5948)"""
        seen = [one for one in known if index in one.seen]
        is_elsewhere = index is not None and not seen
        call = max(seen, key=lambda one: one.seen[index]) if seen else known[-1]
        if name is None:
            return call, False
        # a2. (A server that sends all calls again at the end, with other indexes; no report found)
        if is_elsewhere and call.is_named(name) and text == call.arguments.raw() and self._is_whole(call):
            return call, True
        # a3. (Parallel calls that share an id: HKUDS/nanobot#3943; that share id and index:
        # skye-harris/hass_local_openai_llm#92)
        if not call.is_prefix_of(name) and (is_elsewhere or self._is_whole(call)):
            return None, False
        return (None if is_elsewhere and call.arguments else call), False

    def _by_index(self, here: Call | None, id: str | None, name: str | None, text: str) -> Call | None:
        """Rows b1 to b4: there is an index. (All calls at index 0: ollama/ollama#15457; an id that changes
        without a name: poolsideai/pool#9; indexes from 1: router-for-me/CLIProxyAPI#5229)"""
        if here is not None and name is not None and id is not None and here.id is not None:
            # b2. Some servers generate a new id for each fragment. (vllm-project/vllm#23522)
            goes_on = here.is_named(name) and text and text[0] != "{" and self._is_unfinished(here)
            return here if goes_on else None
        return here

    def _by_recency(self, id: str | None, name: str | None) -> Call | None:
        """Rows c1 to c3: there is no index. (Mistral, Gemini: openai/openai-python#2806; fragments with
        neither id nor index nor name: OCI, oracle/langchain-oracle#253)"""
        last = self.last
        if last is None or (name is not None and last.name is not None):
            return None
        if id is not None and last.id is not None and (name is not None or self._is_whole(last)):
            return None
        return last

    def _is_second(self, call: Call, id: str | None, name: str) -> bool:
        """Row d: a new call after one with whole arguments and no id. (Local servers:
        huggingface/smolagents#1958)"""
        if call.id is not None or call.kind == "custom":
            return False
        differ = call.name is not None and not call.is_named(name)
        return (differ or id is None) and self._is_whole(call)

    def _is_whole(self, call: Call) -> bool:
        """Whether the arguments so far are one complete JSON value."""
        self.scans += 1
        return call.scan().is_whole()

    def _is_unfinished(self, call: Call) -> bool:
        """Whether the arguments so far are the beginning of a JSON value."""
        self.scans += 1
        scanner = call.scan()
        return bool(call.arguments) and scanner.error is None and not scanner.is_whole()

    def add(self) -> Call:
        """Add a new call at the end, and return it."""
        call = Call(len(self.in_order), "function")
        self.in_order.append(call)
        return call

    def forget(self, index: Key | None) -> None:
        """Forget the call at an index, and the last call. A fragment there was refused because there were too
        many calls, and the fragments that continue it must not go to another call."""
        self.last = None
        self.at.pop(index, None)
        for call in self.in_order:
            call.seen.pop(index, None)

    def record(self, call: Call, id: str | None, index: Key | None) -> bool:
        """Record the index and the id of a fragment of this call. Return whether one of them is new for it.

        The first id is the call's own, even if it comes after the arguments began. (vercel/ai does the same)
        """
        self.last = call  # _more_arguments() and the fast path set this too
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
                known.sort(key=lambda one: one.index or 0)
                is_new = True
                if call.id is None:
                    call.id = id
        return is_new


def id_of(id: Any, outer: dict[str, Any], inner: dict[str, Any]) -> str | None:
    """Return the id of a fragment whose field ``id`` has this value, or None (rule 4).

    ``outer`` and ``inner`` are the fields beside and inside ``function`` or ``custom``. If the id is one of
    OTHER_IDS, it is taken out of them. (Integers: anomalyco/opencode#19947)
    """
    found = as_id(id)
    for place, name in OTHER_IDS:
        if found is None:
            fields = inner if place == "function" else outer
            found = as_id(fields.get(name))
            if found is not None:
                del fields[name]
    return found


def text_field(kind: str) -> str:
    """Return the name of the field that has the arguments of a call of this kind."""
    return "input" if kind == "custom" else "arguments"


def key_of(index: Any) -> Key | None:
    """Return the dict key for an index on the wire, or None if it cannot be read as an integer.

    Small integers are their own keys. The key of a large one is its digits, for the reason at ``as_key()``.
    """
    number = as_index(index)
    if number is None or -SMALL_INT < number < SMALL_INT:
        return number
    return str(number)
