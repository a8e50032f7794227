# SPDX-License-Identifier: MIT
"""JSON values that are kept, compared and laid over each other: the rules for what nobody has a rule for.

It knows what a JSON value is and how one grows (rules 1, 2, 9, 10), and nothing of choices or events. What
is kept may hold ``Text`` and ``Items`` where plain JSON has strings and lists; ``render`` makes it plain.
"""

from __future__ import annotations

import json

from ._json import TOO_DEEP
from ._partial import MAX_DEPTH
from ._text import Text, well_formed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PRINTED = 10**640  # sys.set_int_max_str_digits() takes no lower limit; 4300 digits are the default
CHANGED, GROWN = 1, 2  # what overlay() says of what it did

# Strings inside unknown structure of a delta that grow by appending, besides all whose name begins
# with "reasoning". All others are replaced. (OpenRouter: agno-agi/agno#8794; LiteLLM thinking_blocks)
APPENDED_FIELDS = frozenset(("text", "summary", "data", "thinking", "transcript"))

# Entries of these types without an index join the last entry of their type until it is signed.
# (LiteLLM thinking_blocks: its own client drops blocks without signature)
JOINED_TYPES = frozenset(("thinking", "text"))

# Padding against traffic analysis. (OpenAI; Mistral's "p")
NOISE_FIELDS = ("obfuscation", "p")

# An empty string never overwrites these, wherever they stand. (Azure: meilisearch/meilisearch#6477; TGI's
# usage chunk: microsoft/foundry-local#144; Ollama: ollama/ollama#4357)
IDENTITY_FIELDS = frozenset(("id", "name", "type", "model", "finish_reason"))


class Unreadable(Exception):
    """Unwinds to add(): the caller's chunk is one that no parser would have let through."""


class Items:
    """A list of objects in a delta that grows by key: entries found by (type, index), never by search."""

    __slots__ = ("by_key", "by_type", "entries")

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.by_key: dict[tuple[Any, Any], dict[str, Any]] = {}
        self.by_type: dict[Any, dict[str, Any]] = {}

    def add(self, entry: dict[str, Any], halves: bool) -> None:
        kind = _as_key(entry.get("type"))
        index = _as_key(entry.get("index"))
        kept: dict[str, Any] | None
        if index is not None:
            kept = self.by_key.get((kind, index))
        else:
            kept = self.by_type.get(kind) if kind in JOINED_TYPES else None
            if kept is not None and kept.get("signature"):
                kept = None
        if kept is None:
            kept = {}
            self.entries.append(kept)
            self.by_type[kind] = kept
            if index is not None:
                self.by_key[kind, index] = kept
        for key, value in entry.items():
            grow(kept, key, value, halves)


def _as_key(value: Any) -> Any:
    """Return a key for a JSON value: true is not 1, and lists are hashed as their text."""
    return value if value.__class__ in (str, int, None.__class__) else (json.dumps(value, sort_keys=True),)


def as_index(value: Any) -> int | None:
    """Return an index from an integer or a string of ASCII digits, else None."""
    if value.__class__ is int:
        return value if value >= 0 else None
    if value.__class__ is str and value.isascii() and value.isdigit():
        try:
            return int(value)
        except ValueError:  # more digits than the interpreter takes
            return None
    return None


def is_number(value: Any) -> bool:
    return value.__class__ is int or value.__class__ is float


def is_absent(value: Any) -> bool:
    """Whether a value stands for an object that is not there: null, or PHP's []."""
    return value is None or value == []


def says_nothing(body: Any) -> bool:
    """Whether a ``function`` is none: absent, empty, or all null or ``""``."""
    return not body or (body.__class__ is dict and not any(value or value == {} for value in body.values()))


def is_same(old: Any, new: Any) -> bool:
    """Whether two JSON values are the same; to Python 1 is true, too."""
    if old is new or old.__class__ is not new.__class__:
        return old is new
    if old.__class__ is dict:
        return old.keys() == new.keys() and all(is_same(value, new[key]) for key, value in old.items())
    if old.__class__ is list:
        return len(old) == len(new) and all(map(is_same, old, new))
    return bool(old == new)


def replaces(key: str, old: Any, new: Any) -> bool:
    """Whether a new scalar under this key replaces the old value and is not the same anyway."""
    if old == new and old.__class__ is new.__class__:  # 1 == True
        return False
    return not (new == "" and old and key in IDENTITY_FIELDS)


def overlay(kept: dict[str, Any], new: dict[str, Any]) -> int:
    """Lay ``new`` over ``kept``, field by field and deep; return 0 if that changed nothing, else CHANGED
    and, where there may be more or fewer values than before, GROWN."""
    changed = 0
    for key, value in new.items():
        if key not in kept:
            kept[key] = render(value, False)
            changed |= GROWN
            continue
        old = kept[key]
        kind = value.__class__
        if value is None or value is old:  # mostly the same True, 0 or 1
            continue
        if kind is dict and old.__class__ is dict:
            changed |= overlay(old, value)
        elif kind is dict or kind is list or old.__class__ is dict or old.__class__ is list:
            changed |= 0 if is_same(old, value) else GROWN
            kept[key] = render(value, False)
        elif replaces(key, old, value):
            kept[key] = value
            changed |= CHANGED
    return changed


def grow(kept: dict[str, Any], key: str, value: Any, halves: bool) -> bool:
    """Merge one unknown field of a delta, rules 9 and 10; return whether Extra should tell of it."""
    old: Any = kept.get(key)
    if value is None:
        kept.setdefault(key, None)
        return False
    if value.__class__ is str and (key in APPENDED_FIELDS or key.startswith("reasoning")):
        if old.__class__ is not Text:
            old = kept[key] = Text()
        elif not value:
            return False
        old.append(value, halves)
        return True
    if value.__class__ is dict:
        if old.__class__ is not dict:
            old = kept[key] = {}
        for name, inner in value.items():
            grow(old, name, inner, halves)
        return True
    if value.__class__ is list:
        if not any(entry is not None for entry in value):
            if old is None:
                kept[key] = value.copy()
        elif all(entry.__class__ is dict or entry is None for entry in value):
            if old.__class__ is not Items:
                old = kept[key] = Items()
            for entry in value:
                if entry is not None:
                    old.add(entry, halves)
        else:
            kept[key] = render(value, False)
        return True
    if halves:
        value = render(value, True)
    if not replaces(key, old, value):
        return False
    kept[key] = value
    return True


def add_part(parts: list[Any], part: Any, halves: bool) -> None:
    """Add a part to a message's content: adjacent text is merged, so is adjacent thinking."""
    last: Any = parts[-1] if parts else None
    kind = part.get("type") if part.__class__ is dict else None
    kinds: Any = (Text, list)
    if kind == "text" and part.get("text").__class__ is str:
        field = "text"
        kinds = (Text,)  # a list there is no text: left alone
    elif kind == "thinking" and part.get("thinking").__class__ in (str, list):
        field = "thinking"
    else:
        parts.append(render(part, False))
        return
    if not (last.__class__ is dict and last.get("type") == kind and last.get(field).__class__ in kinds):
        last = {"type": kind, field: Text() if part[field].__class__ is str else []}
        parts.append(last)
    inner = part[field]
    if inner.__class__ is str and last[field].__class__ is Text:
        last[field].append(inner, halves)
    else:
        if last[field].__class__ is Text:
            last[field] = [{"type": "text", "text": last[field]}]
        for thought in [{"type": "text", "text": inner}] if inner.__class__ is str else inner:
            if thought is not None:
                add_part(last[field], thought, halves)
    overlay(last, {key: value for key, value in part.items() if key not in ("type", field)})


def thoughts_of(part: dict[str, Any]) -> list[str]:
    """Return the strings of a thinking part."""
    thinking: Any = part.get("thinking")
    if thinking.__class__ is str:
        return [thinking]
    return [
        thought["text"]
        for thought in (thinking if thinking.__class__ is list else ())
        if thought.__class__ is dict
        and thought.get("type") == "text"
        and thought.get("text").__class__ is str
    ]


SCALARS = frozenset((str, int, float, bool, None.__class__))


def render(value: Any, halves: bool) -> Any:
    """Return plain JSON of a kept value, copied; with ``halves``, mended where a half may be."""
    kind = value.__class__
    if kind is str:
        return well_formed(value) if halves and not value.isascii() else value
    if kind is dict:
        if halves:
            return {render(key, True): render(inner, True) for key, inner in value.items()}
        return {
            key: inner if inner.__class__ in SCALARS else render(inner, False)
            for key, inner in value.items()
        }
    if kind is list:
        if halves:
            return [render(inner, True) for inner in value]
        return [inner if inner.__class__ in SCALARS else render(inner, False) for inner in value]
    if kind is Text:
        return value.join()
    if kind is Items:
        return [render(entry, halves) for entry in value.entries]
    return value


def fill_in(final: dict[str, Any], extras: dict[str, Any], halves: bool) -> None:
    """Add the unknown fields to an object, behind those it has."""
    if extras:
        for key, value in render(extras, halves).items():
            final.setdefault(key, value)


def containers_in(value: Any) -> list[Any]:
    """Return where the containers inside a container are: pairs of a key and the same of what is there."""
    items = value.items() if value.__class__ is dict else enumerate(value)
    return [(key, containers_in(item)) for key, item in items if item.__class__ in (dict, list)]


def copy_of(value: Any, inner: list[Any]) -> Any:
    """Return a deep copy of a container, of which ``inner`` tells where containers are: in a quarter of the
    time that it takes to look at each value."""
    copy = value.copy()
    for key, deeper in inner:
        copy[key] = copy_of(copy[key], deeper) if deeper else copy[key].copy()
    return copy


def count_values(value: Any) -> int:
    """Return how many values there are inside a JSON object or array."""
    inner = value.values() if value.__class__ is dict else value
    return len(value) + sum([count_values(item) for item in inner if item.__class__ in (dict, list)])


def plain_json(value: Any, depth: int) -> Any:
    """Return a deep copy of the caller's value in plain JSON types."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        if not -PRINTED < value < PRINTED:
            try:
                int.__repr__(value)
            except ValueError:
                raise Unreadable("an integer too large for the interpreter to print") from None
        return int(value)
    if isinstance(value, float):
        return float(value) if -1e400 < value < 1e400 else None
    if depth > MAX_DEPTH:
        raise Unreadable(TOO_DEEP)
    if isinstance(value, (list, tuple)):
        return [plain_json(inner, depth + 1) for inner in value]  # pyright: ignore
    if hasattr(value, "items") and hasattr(value, "keys"):
        return {
            str(plain_json(key, depth) if isinstance(key, int) else key): plain_json(inner, depth + 1)
            for key, inner in value.items()
        }
    raise TypeError(
        f"a chunk holds JSON values, not {type(value).__name__}: pass json.loads(data) or model_dump()"
    )
