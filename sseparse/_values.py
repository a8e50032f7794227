# SPDX-License-Identifier: MIT
"""JSON values that are kept, compared and merged, for fields without a rule of their own.

Rule 1. Null means absent, at every level. Null and a missing key never overwrite a value and never cause an
    error. Nor does ``[]`` in place of an object (PHP's empty object) in a field that has a rule. An empty
    string never overwrites an id, a name, a type, a model or a finish_reason: after ``{"model": "m"}`` and
    ``{"model": ""}`` the model is "m". The string "null" is no name of a tool (BerriAI/litellm#12513) and no
    finish_reason (DashScope, astron-agent). If a number, ``true`` or ``false`` stands in place of a text, its
    JSON is the text: ``"content": 6`` is the text "6" (cloudflare/ai#651).

Rule 10. A string inside an unknown field of a delta is appended if its key is in APPENDED_FIELDS or begins
    with "reasoning". So is a string under ``content`` inside one of MAY_HOLD_REASONING, because rule 9 reads
    it as a piece of reasoning: ``{"reasoning": {"content": "a"}}``. Any other string is replaced.
    ``{"x": {"text": "a", "id": "1"}}`` and then ``{"x": {"text": "b", "id": "2"}}`` give
    ``{"x": {"text": "ab", "id": "2"}}``. A list that no rule merges is replaced, unless it is in
    GROWING_LISTS.

This file knows JSON values and how they grow (also for rules 2, 8 and 9). It knows names of fields, but it
has no state of choices and makes no events. A kept value may have a ``Text`` in place of a string and
``Items`` in place of a list; ``render`` returns it as plain JSON. Only functions for shallow values call
themselves. The others keep a list of the values that are still to do (``todo``), because values may be 128
levels deep and the caller's stack nearly full. A RecursionError would leave a chunk half applied.
"""

from __future__ import annotations

import json
from itertools import repeat

from ._json import TOO_DEEP, write_json
from ._partial import MAX_DEPTH
from ._text import Text, contains_surrogates, well_formed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._events import Place

# Every interpreter prints an integer of so many bits: 2000 bits are 603 digits, and
# sys.set_int_max_str_digits() accepts no limit under 640.
PRINTABLE_BITS = 2000
SMALL_INT = 1 << 30  # on any build, of the integers between -this and this only -1 and -2 share a hash
CHANGED, GROWN = 1, 2  # results of overlay()
SCALARS = frozenset((str, int, float, bool, None.__class__))
STRINGS = frozenset((str, None.__class__))
OBJECTS = frozenset((dict, None.__class__))
NULLS = frozenset((None.__class__,))

# Keys of strings that are appended (rule 10), besides those that begin with "reasoning". (OpenRouter:
# agno-agi/agno#8794; LiteLLM thinking_blocks)
APPENDED_FIELDS = frozenset(("text", "summary", "data", "thinking", "transcript"))

# Fields of a delta that are reasoning (rule 9). (DeepSeek, Qwen, xAI; OpenRouter, Groq, vLLM:
# vllm-project/vllm#27755; GitHub Copilot: ericc-ch/copilot-api#152; two at once: OpenRouter,
# azrtydxb/Fastllm-proxy#23)
REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "thinking")

# Fields that may hold reasoning if no string does. (OpenRouter: BerriAI/litellm#27483; LiteLLM:
# BerriAI/litellm#16854; objects and lists in REASONING_FIELDS: envoyproxy/ai-gateway#1222,
# anima-research/animachat#129)
DETAIL_FIELDS = ("reasoning_details", "thinking_blocks")

# All of them, in order of preference. A string under ``content`` in one is appended. (any-llm's gateway:
# reasoning; claude-code-router: thinking)
MAY_HOLD_REASONING = dict.fromkeys((*REASONING_FIELDS, *DETAIL_FIELDS)).keys()

# Unknown fields whose lists are extended and not replaced, and the objects in which they are. (vLLM's
# token_ids: vllm-project/vllm#27482; annotations on a choice: a list of links that comes in parts)
GROWING_LISTS: dict[str, tuple[Place, ...]] = {
    "token_ids": ("chunk", "choice", "delta"),
    "annotations": ("choice",),
}

# An entry of one of these types without an index is merged with the last entry of its type, until that has a
# signature. (LiteLLM thinking_blocks: its own client drops blocks without a signature. None is for entries
# with nothing but text: BerriAI/litellm#27483)
JOINED_TYPES = frozenset(("thinking", "text", None))

# The fields that have the text of reasoning, in order of preference. Encrypted data is not among them.
# (Databricks: summary)
REASONING_TEXT_FIELDS = ("text", "thinking", "summary", "content")

# Padding against traffic analysis: these fields mean nothing. (OpenAI; Mistral's "p")
NOISE_FIELDS = ("obfuscation", "p")

# The keys under which an object has the server's message. The object is an error if it also has a code or a
# status of failure, or if it is the whole body. (FastAPI, Kong, AWS, Portkey; ``msg``: Zhipu)
MESSAGE_KEYS = ("message", "detail", "msg", "error_description")
STATUS_KEYS = ("status", "statusCode", "status_code")

# Each of these keys makes an object without a list of choices an error, unless its value is empty.
# (Langchain-Chatchat#1922; ``error_message``: DeepInfra, NousResearch/hermes-agent#65631)
ERROR_KEYS = ("error_msg", "error_message", "error_code")

# The keys under which an error has its message, and other errors. (``errors``: watsonx; a list under
# ``detail``: FastAPI, Mistral)
WORDS_KEYS = ("message", "error_msg", "error_message", "msg", "status_msg", "error_description")
INNER_ERROR_KEYS = ("message", "error", "detail", "errors")

# An empty string never overwrites these fields, in any object. (Azure: meilisearch/meilisearch#6477; TGI's
# usage chunk: microsoft/foundry-local#144; Ollama: ollama/ollama#4357)
IDENTITY_FIELDS = frozenset(("id", "name", "type", "model", "finish_reason"))


class Excessive(Exception):
    """A value of the caller is too deep or has an integer too large to print."""


class Items:
    """A list of objects in a delta. Entries with the same type and index are merged (rule 9).

    ``by_key`` has the entries by (type, index), so that no search is needed. ``by_type`` has the last entry
    of each type.
    """

    __slots__ = ("by_key", "by_type", "entries")

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.by_key: dict[tuple[Any, Any], dict[str, Any]] = {}
        self.by_type: dict[Any, dict[str, Any]] = {}

    def at(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Return the kept entry that ``entry`` is to be merged with, or a new one."""
        kind = as_key(entry.get("type"))
        index = as_key(entry.get("index"))
        kept: dict[str, Any] | None
        if index is not None:
            kept = self.by_key.get((kind, index))
        else:
            kept = self.by_type.get(kind) if kind in JOINED_TYPES else None
            if kept is not None and (kept.get("signature") or (kind is None and not is_all_text(entry))):
                kept = None
        if kept is None:
            kept = {}
            self.entries.append(kept)
            self.by_type[kind] = kept
            if index is not None:
                self.by_key[kind, index] = kept
        return kept


def is_appended(key: str) -> bool:
    """Whether a string under this key grows by appending (rule 10)."""
    return key in APPENDED_FIELDS or key.startswith("reasoning")


def is_all_text(entry: dict[str, Any]) -> bool:
    """Whether an entry has only appended fields and a signature.

    (Otherwise Groq's 16 search results, which have no type, would become one.)
    """
    fields = [key for key, value in entry.items() if value is not None]
    return bool(fields) and all(key == "signature" or is_appended(key) for key in fields)


def as_key(value: Any) -> Any:
    """Return the dict key for a JSON value. Different values have different keys, also ``true`` and 1.

    The key of a list or of a large integer is its JSON text. Otherwise a server could send many integers
    with the same hash (such as the multiples of 2**61 - 1), and lookups would take quadratic time.
    """
    kind = value.__class__
    if kind is str or value is None or (kind is int and -SMALL_INT < value < SMALL_INT):
        return value
    return (write_json(value, sort_keys=True),)


def as_index(value: Any) -> int | None:
    """Return an index as an int: the wire may have an integer or its digits in a string. Else None."""
    if value.__class__ is int:
        return value
    if value.__class__ is str and value.isascii() and value[value[:1] == "-" :].isdigit():
        try:
            return int(value)
        except ValueError:  # more digits than the interpreter converts
            return None
    return None


def error_of(chunk: dict[str, Any], choices: Any, is_named: bool = False) -> Any:
    """Return the error in an object (rule 12): the object itself, or what it has under ``error``,
    ``x_groq.error`` or ``base_resp``. None if it is no error.

    ``choices`` is ``chunk["choices"]``, or None. ``is_named``: the frame has an event type of its own.
    (``errors``: watsonx, langchain-ai/langchainjs#10721; ``base_resp``: MiniMax; ``x_groq.error``:
    groq-python's XGroq)
    """
    if chunk.get("error"):
        return chunk["error"]
    groq: Any = chunk.get("x_groq")
    if groq.__class__ is dict and groq.get("error"):
        return groq["error"]
    if chunk.get("object") == "error":
        return chunk
    if choices.__class__ is list:
        return None
    if chunk.get("type") == "error" or any(map(chunk.get, ERROR_KEYS)):
        return chunk
    if not is_named:  # otherwise it may be the result of a tool
        if chunk.get("errors"):
            return chunk
        outcome: Any = chunk.get("base_resp")
        if outcome.__class__ is dict and outcome.get("status_code"):
            return outcome
    return chunk if _is_failure(chunk, is_named) else None


def _is_failure(chunk: dict[str, Any], is_named: bool) -> bool:
    """Whether an object has a code or a status of failure, and also a message about it."""
    code: Any = chunk.get("code")
    has_failed = bool(code) and as_index(code) not in (0, 200)
    keys: tuple[str, ...] = MESSAGE_KEYS[:1]
    if not is_named:
        has_failed = has_failed or chunk.get("success") is False
        has_failed = has_failed or any(map(_is_bad, map(chunk.get, STATUS_KEYS)))
        keys = MESSAGE_KEYS
    return has_failed and any(one and one.__class__ is str for one in map(chunk.get, keys))


def _is_bad(status: Any) -> bool:
    """Whether a status means failure: "error", or an HTTP status from 400 on."""
    return status == "error" or (as_index(status) or 0) >= 400


def error_details(error: Any, around: dict[str, Any]) -> tuple[str | None, Any, str | None]:
    """Return the message, the code and the type of an error, or None for each.

    They may be in the error, in the objects inside it, or in ``around``, the object that contains it. (The
    shapes: vllm-project and sglang error frames, OpenRouter with choices, Groq's ``event: error``, llama.cpp
    ggml-org/llama.cpp#16109, old vLLM aaif-goose/goose#8027, RFC 9457, Langchain-Chatchat#1922, watsonx,
    MiniMax. ``error_type``: TGI beside the error, DeepInfra)
    """
    places: list[Any] = [*_places_in(error), around]
    message = code = status = kind = None
    for number, place in enumerate(places, 1):
        if place.__class__ is str:
            message = message or place
        elif place.__class__ is dict:
            for found in map(place.get, WORDS_KEYS):
                if found.__class__ is str:
                    message = message or found
            code = place.get("code") if code is None else code
            code = place.get("error_code") if code is None else code
            status = place.get("status_code") if status is None else status
            if place.get("type").__class__ is str and number < len(places):  # not the type of ``around``
                kind = kind or place["type"]
            if place.get("error_type").__class__ is str:
                kind = kind or place["error_type"]
    return message, status if code is None else code, kind or None


def _places_in(error: Any) -> list[Any]:
    """Return an error and the values inside it that may have its message, code and type."""
    places = [error]
    for place in places:  # the list grows
        if place.__class__ is dict:
            places += map(place.get, INNER_ERROR_KEYS)
        elif place.__class__ is list and place and place[0].__class__ is dict:
            places.append(place[0])
    return places


def as_id(value: Any) -> str | None:
    """Return an id as a string: the wire may have a string or an integer. None if it has neither."""
    if value.__class__ is str and value:
        return value
    return str(value) if value.__class__ is int else None


def is_identity(value: Any) -> bool:
    """Whether a value is a name or a finish_reason: a string that is neither empty nor "null" (rule 1)."""
    return value.__class__ is str and value not in ("", "null")


def is_number(value: Any) -> bool:
    return value.__class__ is int or value.__class__ is float


def is_text(value: Any) -> bool:
    """Whether a value counts as a text (rule 1): a string, a number, ``true`` or ``false``."""
    return value is not None and value.__class__ in SCALARS


def text_of(value: Any) -> str:
    """Return the text of a value that counts as one: a string as it is, anything else as JSON."""
    return value if value.__class__ is str else json.dumps(value)


def is_absent(value: Any) -> bool:
    """Whether a value in place of an object means that there is no object: null, or PHP's []."""
    return value is None or value == []


def is_empty_function(body: Any) -> bool:
    """Whether a ``function`` has no information: it is absent, or each value is null, "" or [], or noise."""
    if body.__class__ is not dict:
        return not body
    fields = {key: value for key, value in body.items() if key not in NOISE_FIELDS}
    if not is_identity(fields.get("name")):
        fields["name"] = None
    return all(value is None or value == "" or value == [] for value in fields.values())


def is_same(old: Any, new: Any) -> bool:
    """Whether two JSON values are the same. (For Python's ==, 1 and true are.)"""
    todo: list[tuple[Any, Any]] = [(old, new)]
    for one, other in todo:
        kind = one.__class__
        is_object = kind is dict
        if kind is not other.__class__:
            return False
        inner = one.values() if is_object else one
        if not (is_object or kind is list) or STRINGS.issuperset(map(type, inner)):
            if one != other:  # a text equals nothing but a text, and null nothing but null
                return False
        elif is_object:
            if one.keys() != other.keys():
                return False
            todo += [(value, other[key]) for key, value in one.items() if value is not other[key]]
        elif len(one) != len(other):
            return False
        else:
            todo += zip(one, other)
    return True


def replaces(key: str, old: Any, new: Any) -> bool:
    """Whether the scalar ``new`` under this key replaces the kept value ``old``."""
    if old.__class__ is new.__class__ and old == new:  # the class counts, because 1 == True
        return False
    return not (new == "" and old and key in IDENTITY_FIELDS)


def overlay(kept: dict[str, Any], new: dict[str, Any]) -> int:
    """Update ``kept`` with ``new``, field by field, also in objects inside.

    Return flags: 0 if nothing changed, CHANGED if a value was replaced, GROWN if ``kept`` may now have more
    or fewer values than before.
    """
    changed = 0
    todo = [(kept, new)]
    for kept, new in todo:
        for key, value in new.items():
            old: Any = kept.get(key, ...)
            if value is old:  # most values are null, true, false or small
                continue
            kind = value.__class__
            if kind is old.__class__:
                if kind is dict:
                    todo.append((old, value))
                elif kind is list:
                    if not is_same(old, value):
                        kept[key] = render(value, False)
                        changed |= GROWN
                elif value != old and (value or replaces(key, old, value)):
                    kept[key] = value
                    changed |= CHANGED
            elif kind in SCALARS and old.__class__ in SCALARS:
                if value is not None and replaces(key, old, value):
                    kept[key] = value
                    changed |= CHANGED
            elif value is not None or old is ...:
                kept[key] = render(value, False)
                changed |= GROWN
    return changed


def extend(kept: dict[str, Any], new: dict[str, Any]) -> None:
    """Update ``kept`` with ``new``, but extend every list. The entries of lists are shared with ``new``."""
    todo = [(kept, new)]
    for kept, new in todo:
        for key, value in new.items():
            old: Any = kept.get(key)
            kind = value.__class__
            if kind is list:
                if old.__class__ is list:
                    old.extend(value)
                else:
                    kept[key] = value.copy()
            elif kind is dict:
                if old.__class__ is dict:
                    todo.append((old, value))
                else:
                    kept[key] = render(value, False)
            elif value is not None or key not in kept:
                kept[key] = value


def grow(kept: dict[str, Any], key: str, value: Any, has_surrogates: bool) -> bool:
    """Merge one unknown field of a delta (rules 9 and 10). Return whether it needs an Extra event."""
    if value.__class__ is not dict and value.__class__ is not list:
        return _grow_scalar(kept, key, value, has_surrogates)
    has_thoughts = key in MAY_HOLD_REASONING
    # Each iterator yields the object to merge into, the key, and the value.
    todo: list[Iterator[tuple[Any, str, Any]]] = [iter(((kept, key, value),))]
    while todo:
        into, key, value = next(todo[-1], (None, "", None))
        if into is None:
            todo.pop()
            continue
        if value.__class__ is dict:
            if into.__class__ is Items:
                into = into.at(value)
            else:
                if into.get(key).__class__ is not dict:
                    into[key] = {}
                into = into[key]
            if SCALARS.issuperset(map(type, value.values())):  # the common case
                for name, inner in value.items():
                    old = into.get(name)
                    if old is None or old.__class__ is not inner.__class__ or old != inner:  # few change
                        _grow_scalar(into, name, inner, has_surrogates, has_thoughts)
            else:
                todo.append(zip(repeat(into), value, value.values()))
        elif value.__class__ is not list:
            _grow_scalar(into, key, value, has_surrogates, has_thoughts)
        elif NULLS.issuperset(map(type, value)):
            if into.get(key) is None:
                into[key] = value.copy()
        elif OBJECTS.issuperset(map(type, value)):
            if into.get(key).__class__ is not Items:
                into[key] = Items()
            todo.append(zip(repeat(into[key]), repeat(key), (entry for entry in value if entry is not None)))
        else:
            into[key] = render(value, has_surrogates)
    return True


def _grow_scalar(
    kept: dict[str, Any], key: str, value: Any, has_surrogates: bool, has_thoughts: bool = False
) -> bool:
    old: Any = kept.get(key)
    if value is None:
        kept.setdefault(key, None)
        return False
    if value.__class__ is str and (is_appended(key) or (has_thoughts and key == "content")):
        if old.__class__ is not Text:
            old = kept[key] = Text()
        elif not value:
            return False
        old.append(value, has_surrogates)
        return True
    if has_surrogates:
        value = render(value, True)
    if not replaces(key, old, value):
        return False
    kept[key] = value
    return True


def reasoning_in(value: Any) -> str:
    """Return the reasoning in a value: a string, a list of such values, or an object that holds one.

    In an object it is the first of REASONING_TEXT_FIELDS that has any text.
    """
    pieces: list[str] = []
    todo = [value]
    while todo:
        one = todo.pop()
        if one.__class__ is str:
            if one:
                pieces.append(one)
        elif one.__class__ is list:
            todo += one[::-1]
        elif one.__class__ is dict:
            todo.append((one, 0, len(pieces)))
        elif one.__class__ is tuple:  # an object, the number of its next field, the pieces before it
            inner, number, count = one
            if len(pieces) == count and number < len(REASONING_TEXT_FIELDS):
                todo += [(inner, number + 1, count), inner.get(REASONING_TEXT_FIELDS[number])]
    return "".join(pieces)


def part_kind(part: Any) -> str | None:
    """Return the kind of a part of content: "text", "thinking" or "reasoning"; None for any other.

    (Parts without a type, and ``output_text``: reports like vercel/ai#4747. Reasoning: Databricks)
    """
    if part.__class__ is str:
        return "text"
    if part.__class__ is not dict:
        return None
    kind: Any = part.get("type")
    if kind in (None, "text", "output_text"):
        return "text" if part.get("text").__class__ in (str, Text) else None
    return kind if kind in ("thinking", "reasoning") else None


def add_part(parts: list[Any], part: Any, has_surrogates: bool) -> None:
    """Add a part to a message's content. Adjacent texts are merged, and so are adjacent thinking parts.

    Two thinking parts stay apart if the first has a signature, or if a text in one is neither a string nor a
    list. Otherwise something would be lost. Of the other fields of merged parts the last value counts.
    """
    kind = part_kind(part)
    if kind is None:
        parts.append(render(part, False))
        return
    if part.__class__ is str:
        part = {"type": "text", "text": part}
    last: Any = parts[-1] if parts else None
    if part_kind(last) != kind or not (
        kind == "text" or (_is_joinable(last) and _is_joinable(part) and not last.get("signature"))
    ):
        last = {"text": Text()} if kind == "text" else {}
        parts.append(last)
    rest: dict[str, Any] = {}
    for key, value in part.items():
        if kind == "text" and key == "text":
            last[key].append(value, has_surrogates)
        elif kind != "text" and key in REASONING_TEXT_FIELDS:
            last[key] = _join_reasoning(last.get(key), value, has_surrogates)
        else:
            rest[key] = value
    overlay(last, rest)


def _is_joinable(part: dict[str, Any]) -> bool:
    """Whether each reasoning text in a part is null, a text or a list."""
    return all(
        part.get(field).__class__ in (str, Text, list, None.__class__) for field in REASONING_TEXT_FIELDS
    )


def _join_reasoning(kept: Any, new: Any, has_surrogates: bool) -> Any:
    """Return two reasoning texts as one. Each is a string or a list of parts; adjacent texts are merged."""
    if new is None:
        return [] if kept is None else kept
    if new.__class__ is str:
        if not kept:
            kept = Text()
        if kept.__class__ is Text:
            kept.append(new, has_surrogates)
            return kept
        new = [{"type": "text", "text": new}] if new else []
    if new.__class__ is not list:
        return render(new, False)
    if kept.__class__ is Text:
        kept = [{"type": "text", "text": kept}]
    elif kept.__class__ is not list:
        kept = []
    _add_reasoning_parts(kept, new, has_surrogates)
    return kept


def _add_reasoning_parts(kept: list[Any], new: list[Any], has_surrogates: bool) -> None:
    """Add parts to a list of parts. Adjacent texts are merged, up to a signature."""
    for entry in new:
        if _is_text_part(entry):
            if not (kept and _is_text_part(kept[-1]) and not kept[-1].get("signature")):
                kept.append({"text": Text()})
            kept[-1]["text"].append(entry["text"], has_surrogates)
            overlay(kept[-1], {key: value for key, value in entry.items() if key != "text"})
        elif entry is not None:
            kept.append(render(entry, False))


def _is_text_part(entry: Any) -> bool:
    return (
        entry.__class__ is dict
        and entry.get("type") in (None, "text", "summary_text")
        and entry.get("text").__class__ in (str, Text)
    )


def render(value: Any, repair: bool) -> Any:
    """Return a copy of a kept value as plain JSON. With ``repair``, its strings become valid Unicode."""
    if repair:
        return _repaired(value)
    if value.__class__ in SCALARS:
        return value
    top = value.copy()
    todo: list[Any] = [top]
    for one in todo:
        for key, inner in one.items() if one.__class__ is dict else enumerate(one):
            if inner.__class__ in SCALARS:
                continue
            if inner.__class__ is Text:
                one[key] = inner.emitted()
            else:
                one[key] = inner = inner.entries.copy() if inner.__class__ is Items else inner.copy()
                todo.append(inner)
    return top


def _repaired(value: Any) -> Any:
    top: list[Any] = []
    todo: list[tuple[Any, Any]] = [([value], top)]
    for old, new in todo:
        key: Any
        for key, inner in old.items() if old.__class__ is dict else enumerate(old):
            kind = inner.__class__
            made: Any = inner
            if kind is str:
                made = well_formed(inner)
            elif kind is Text:
                made = inner.emitted()
            elif kind is dict:
                made = {}
                todo.append((inner, made))
            elif kind is list or kind is Items:
                made = []
                todo.append((inner.entries if kind is Items else inner, made))
            if new.__class__ is dict:
                new[well_formed(key)] = made
            else:
                new.append(made)
    return top[0]


def fill_in(final: dict[str, Any], extras: dict[str, Any], repair: bool) -> None:
    """Add the unknown fields to an object, after the fields it has. They replace none."""
    if extras:
        for key, value in render(extras, repair).items():
            final.setdefault(key, value)


def is_shallow(value: Any, levels: int = 8) -> bool:
    """Whether a container has at most this many levels, so that recursion into it is safe."""
    values = value.values() if value.__class__ is dict else value
    inner = [one for one in values if one.__class__ in (dict, list)]
    return not inner or (levels > 1 and all(is_shallow(one, levels - 1) for one in inner))


def containers_in(value: Any) -> tuple[Any, ...]:
    """Return the containers inside a shallow container, for ``copy_of``.

    Each is a key, the container under that key, and the containers inside that. For example,
    ``{"a": [1], "b": 2}`` gives ``(("a", [1], ()),)``.
    """
    items = value.items() if value.__class__ is dict else enumerate(value)
    return tuple([(key, item, containers_in(item)) for key, item in items if item.__class__ in (dict, list)])


def copy_of(value: Any, inner: tuple[Any, ...]) -> Any:
    """Return a deep copy of a container. ``inner`` is what ``containers_in`` returned for it; since then, no
    container inside was replaced.

    A copy that looks at each value takes four times as long.
    """
    copy = value.copy()
    for key, container, deeper in inner:
        copy[key] = copy_of(container, deeper) if deeper else container.copy()
    return copy


def count_values(value: Any) -> int:
    """Return the number of values inside a JSON object or array, at all levels."""
    values = [value]
    for one in values:  # the list grows
        if one.__class__ is dict:
            values += one.values()
        elif one.__class__ is list:
            values += one
    return len(values) - 1


def plain_copy(value: Any) -> Any:
    """Return a deep copy of a caller's object or list for ``add()``, or None if ``plain_json`` must make it.

    That is so if it has other types than ``json.loads`` returns, NaN, an infinity, an integer that may be too
    large to print, a half of a surrogate pair, a key that is not ASCII, or so many containers that it may be
    too deep (in a chunk, which is one more level).
    """
    top = value.copy()
    todo = [top]
    for one in todo:
        is_object = one.__class__ is dict
        key: Any
        for key, inner in one.items() if is_object else enumerate(one):
            kind = inner.__class__
            if kind is str:
                if not inner.isascii() and contains_surrogates(inner):
                    return None
            elif inner is None or kind is bool:
                pass
            elif kind is dict or kind is list:
                if len(todo) == MAX_DEPTH - 1:  # perhaps too deep; endless if it contains itself
                    return None
                one[key] = inner = inner.copy()
                todo.append(inner)
            elif kind is int:
                if inner.bit_length() > PRINTABLE_BITS:
                    return None
            elif kind is not float or not -1e400 < inner < 1e400:
                return None
            if is_object and not (key.__class__ is str and key.isascii()):
                return None
    return top


def plain_json(value: Any, depth: int) -> Any:
    """Return a deep copy of the caller's value in plain JSON types. ``depth`` is 1 for a whole chunk.

    Raises Excessive if it is too deep or has an integer too large to print, TypeError if it has a value that
    is not JSON.
    """
    top: list[Any] = []
    todo: list[tuple[Any, Any, int]] = [((value,), top, depth - 1)]
    while todo:
        # The last one first: then a list that contains itself is too deep before it has taken much memory.
        old, new, level = todo.pop()
        if level > MAX_DEPTH:
            raise Excessive(TOO_DEEP)
        for key, inner in old.items() if new.__class__ is dict else enumerate(old):
            made: Any = inner
            if inner is None or inner is True or inner is False:
                pass
            elif isinstance(inner, str):
                made = str.__str__(inner)
            elif isinstance(inner, int):
                made = _printable(inner)
            elif isinstance(inner, float):
                made = float(inner) if -1e400 < inner < 1e400 else None
            elif isinstance(inner, (list, tuple)):
                made = []
                todo.append((inner, made, level + 1))  # pyright: ignore[reportUnknownArgumentType]
            elif hasattr(inner, "items") and hasattr(inner, "keys"):
                made = {}
                todo.append((inner, made, level + 1))
            else:
                what = f"a chunk holds JSON values, not {type(inner).__name__}"
                raise TypeError(f"{what}: pass json.loads(data) or model_dump()")
            if new.__class__ is dict:
                new[str(_printable(key) if isinstance(key, int) else key)] = made
            else:
                new.append(made)
    return top[0]


def _printable(value: int) -> Any:
    """Return a plain int or bool. Raises Excessive for an int that the interpreter refuses to print."""
    if value is True or value is False:
        return value
    if value.bit_length() > PRINTABLE_BITS:
        try:
            int.__repr__(value)
        except ValueError:
            raise Excessive("an integer too large for the interpreter to print") from None
    return int(value)
