# SPDX-License-Identifier: MIT
"""encode: a whole completion becomes the stream that a server would have sent.

    frames = encode({"choices": [{"message": {"content": "Hi"}}]})      # one frame at a time, as bytes

``encode`` does the reverse of ``parse``. It first changes the completion to the shape that a reader returns,
then makes the steps of ``Writer``. It knows no events. The rules cited here are those of writing, at the top
of ``_encoder.py``, unless they are called rules of reading.
"""

from __future__ import annotations

from json.encoder import encode_basestring as quote

from ._assembler import DELTA_NOISE, ChatAssembler
from ._calls import OTHER_IDS, id_of, text_field
from ._values import (
    MAY_HOLD_REASONING,
    NOISE_FIELDS,
    REASONING_FIELDS,
    Excessive,
    add_part,
    grow,
    is_absent,
    is_appended,
    is_empty_function,
    is_identity,
    plain_json,
    render,
)
from ._writer import Writer, dump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from ._writer import Step

    Table = dict[str, Any]

# The types that each field with a rule of reading may have, besides null. A table in place of types means an
# object with such fields. A table in a list means a list of such objects. () means that the field must be
# absent or empty, because a reader would not take it for a field of the answer.
_TEXT, _OBJECT = (str,), (dict,)
_ARGUMENTS = (str, dict)  # an object is read as its JSON text
_FUNCTION: Table = {"name": _TEXT, "arguments": _ARGUMENTS}
_CUSTOM: Table = {"name": _TEXT, "input": _ARGUMENTS}
_CALL: Table = {"id": _TEXT, "type": _TEXT, "function": _FUNCTION, "custom": _CUSTOM}
_MESSAGE: Table = {
    "role": _TEXT,
    "content": (str, list),
    "refusal": _TEXT,
    "tool_calls": [_CALL],
    "function_call": _FUNCTION,
    "audio": _OBJECT,
    **dict.fromkeys(REASONING_FIELDS, (str, dict, list)),
}
_CHOICE: Table = {
    "index": (int,),
    "finish_reason": _TEXT,
    "logprobs": (dict, int, float),
    **dict.fromkeys(("delta", "usage", "error"), ()),
}
_CHAT_CHOICE: Table = {**_CHOICE, "message": _MESSAGE}
_TEXT_CHOICE: Table = {**_CHOICE, "text": _TEXT, "message": ()}
_COMPLETION: Table = {
    "id": _TEXT,
    "model": _TEXT,
    "created": (int, float),
    "choices": (list,),
    "usage": _OBJECT,
    "error": (),
}
_TYPE_NAMES = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}

# This is written in the first entry of a choice whose logprobs are null.
_NULL_LOGPROBS = '"logprobs":null,'


def encode(completion: Mapping[str, Any], *, usage: bool = True, size: int | None = None) -> Iterator[bytes]:
    """Return the frames of a whole answer, one at a time, ``[DONE]`` last.

    Args:
        completion: a Chat Completions response or a legacy text completion, as a dict.
        usage: if False, the token counts are left out.
        size: the number of characters of text in one frame; None for all of them.

    ``parse(b"".join(encode(c)))`` equals ``c`` if ``parse()`` or ``snapshot()`` returned ``c``. (If ``c`` has
    no ``id`` or no ``created``, one is generated. If a finish_reason is "error", parse() needs
    ``ignore=("server",)``.) Any other completion comes back in the shape that these return: without unknown
    fields that are null, without the ``index`` of calls, and with the choices in order.

    Raises ValueError, which names the field, if no stream can carry it: a field of a wrong type, two calls of
    a choice with one id, an ``error``. Raises ValueError, too, if ``size`` is below 1, and TypeError if
    ``completion`` is not a mapping or ``size`` is not an integer. The call itself raises these exceptions,
    before the first frame.
    """
    if size is not None:
        if not isinstance(size, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"size takes a number of characters, not {size!r}")
        if size < 1:
            raise ValueError(f"size must be at least 1 character, not {size}")
    if not hasattr(completion, "items"):
        name = type(completion).__name__
        raise TypeError(f"encode() takes a completion (a dict), not {name}: pass response.model_dump()")
    try:
        plain = render(plain_json(completion, 1), True)
    except (TypeError, Excessive) as reason:
        raise ValueError(f"{_path_to_bad(completion)}: {reason}") from None
    return _frames(_completion_steps(plain, _normalise(plain), size), usage)


def _frames(steps: Iterator[Step], usage: bool) -> Iterator[bytes]:
    writer = Writer(None, None, None, usage)
    for write, arguments in steps:
        write(writer, *arguments)
        frames, writer.frames = writer.frames, []
        for frame in frames:
            yield frame.encode()


def _path_to_bad(value: Any, path: str = "completion", depth: int = 1) -> str:
    """Return the path of the first value that plain_json() refuses."""
    items: Any = value.items() if hasattr(value, "items") else ()
    if isinstance(value, (list, tuple)):
        items = enumerate(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for key, item in items:
        try:
            plain_json(item, depth + 1)
        except (TypeError, Excessive):
            where = f"[{key}]" if isinstance(key, int) else f".{key}"
            return _path_to_bad(item, path + where, depth + 1)
    return path


def _check(value: Any, path: str, allowed: Any) -> None:
    """Raise ValueError, which names the field, unless the table allows the value."""
    if value is None or (allowed == () and not value):
        return
    if allowed == ():
        raise ValueError(f"{path} would not be read as a field of the answer")
    kinds: Any = (allowed.__class__,) if allowed.__class__ in (dict, list) else allowed
    if value.__class__ not in kinds:
        raise ValueError(f"{path} is not {' or '.join(dict.fromkeys([_TYPE_NAMES[kind] for kind in kinds]))}")
    if allowed.__class__ is dict:
        for name, inner in allowed.items():
            _check(value.get(name), f"{path}.{name}", inner)
    elif allowed.__class__ is list:
        for position, entry in enumerate(value):
            _check([] if entry is None else entry, f"{path}[{position}]", allowed[0])  # null is refused here


def _normalise(completion: dict[str, Any]) -> bool:
    """Change a completion to the shape that a reader returns. Return whether it is a text completion."""
    _check(completion, "completion", _COMPLETION)
    groq: Any = completion.get("x_groq")
    if groq.__class__ is dict:
        _check(groq.get("error"), "completion.x_groq.error", ())
        if groq.get("usage").__class__ is dict:  # rule 11 of reading
            completion["usage"] = completion.get("usage") or groq["usage"]
    choices: list[dict[str, Any]] | None = completion.get("choices")
    if choices is None:
        raise ValueError("completion.choices is missing")
    is_text = any(one.__class__ is dict and "text" in one and "message" not in one for one in choices)
    body = "text" if is_text else "message"
    _check(choices, "completion.choices", [_TEXT_CHOICE if is_text else _CHAT_CHOICE])
    taken: set[int] = set()
    for position, choice in enumerate(choices):
        path = f"completion.choices[{position}]"
        if choice.get(body) is None:
            raise ValueError(f"{path}.{body} is missing")
        index = position if choice.get("index") is None else choice["index"]
        if index < 0 or index in taken:
            raise ValueError(f"{path}.index is {index}, which is {'no index' if index < 0 else 'taken'}")
        choice["index"] = index
        taken.add(index)
        if not is_text:
            _normalise_message(choice["message"], f"{path}.message")
    choices.sort(key=lambda choice: choice["index"])
    return is_text


def _normalise_message(message: dict[str, Any], path: str) -> None:
    if message.get("content").__class__ is list:
        parts: list[Any] = []
        for part in message["content"]:
            if not is_absent(part):
                add_part(parts, part, False)
        message["content"] = render(parts, False) or None
    if message.get("audio"):
        reader = ChatAssembler()  # it joins base64 that has padding inside (rule 11 of reading)
        reader.add({"choices": [{"delta": {"audio": message["audio"]}}]})
        message["audio"] = reader.message().get("audio")
    _normalise_calls(message.get("tool_calls") or (), path)
    for name, value in message.items():
        has_rule = name in DELTA_NOISE or (name in _MESSAGE and name not in REASONING_FIELDS)
        if value is not None and not has_rule:
            read: dict[str, Any] = {}
            grow(read, name, value, False)
            if render(read, False)[name] != value:
                raise ValueError(f"{path}.{name} has objects that would be read as one: equal type and index")


def _normalise_calls(calls: Iterable[dict[str, Any]], path: str) -> None:
    ids: set[str] = set()
    for position, call in enumerate(calls):
        where = f"{path}.tool_calls[{position}]"
        kinds = [kind for kind in ("function", "custom") if call.get(kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"{where} has neither function nor custom, or both")
        body = call[kinds[0]]
        id = call["id"] = id_of(call.get("id"), call, body)
        if id in ids:
            raise ValueError(f"{where}.id is that of another call: they would be read as one")
        if id:
            ids.add(id)


def _unknown(fields: dict[str, Any], *known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the JSON text of each field that has no rule and is not null."""
    for name, value in fields.items():
        if value is not None and name not in NOISE_FIELDS and not any(name in names for names in known):
            yield name, dump(value)


def _pieces(text: str, size: int | None) -> Iterator[str]:
    """Yield the JSON text of each piece of a text."""
    size = size or len(text) or 1
    for at in range(0, len(text), size):
        yield quote(text[at : at + size])


# The functions below yield the steps of a completion. ``_frames`` yields the frames of a step before it asks
# for the next step, so the frames are never all in memory.


def _completion_steps(completion: dict[str, Any], is_text: bool, size: int | None) -> Iterator[Step]:
    for name, value in _unknown(completion, _COMPLETION, ("object",)):
        yield Writer.chunk_extra, (name, value)
    yield Writer.start, (completion.get("id"), completion.get("model"), completion.get("created"), is_text)
    if not completion["choices"]:
        yield Writer.chunk, ()  # otherwise there might be no frame with the header
    for choice in completion["choices"]:
        yield from _choice_steps(choice, choice.get("message") or {}, is_text, size)
    if completion.get("usage"):
        yield Writer.set_usage, (completion["usage"],)
    yield Writer.settle, ()
    yield Writer.done, ()


def _choice_steps(
    choice: dict[str, Any], message: dict[str, Any], is_text: bool, size: int | None
) -> Iterator[Step]:
    index = choice["index"]
    if is_text:
        yield from _text_steps(index, choice, size)
    else:
        yield from _message_steps(index, choice, message, size)
    for name, value in _unknown(choice, _TEXT_CHOICE if is_text else _CHAT_CHOICE):
        yield Writer.entry, (index, "", f"{quote(name)}:{value},")
    if is_identity(choice.get("finish_reason")):
        yield Writer.finish, (index, choice["finish_reason"])


def _text_steps(index: int, choice: dict[str, Any], size: int | None) -> Iterator[Step]:
    """Yield the steps of the text of a text completion."""
    text = choice["text"]
    has_null_logprobs = choice.get("logprobs", "") is None
    if has_null_logprobs or not text:
        yield Writer.entry, (index, "", _NULL_LOGPROBS if has_null_logprobs else "")
    yield from _content_steps(index, text, choice.get("logprobs"), size)


def _message_steps(
    index: int, choice: dict[str, Any], message: dict[str, Any], size: int | None
) -> Iterator[Step]:
    content: Any = message.get("content")
    first_content = '""' if content.__class__ is str else "null"
    first_refusal = ',"refusal":null' if message.get("refusal", "") is None else ""
    role = f'"role":{quote(message.get("role") or "assistant")},"content":{first_content}{first_refusal}'
    yield Writer.choice, (index, role, _NULL_LOGPROBS if choice.get("logprobs", "") is None else "")
    yield from _reasoning_steps(index, message, size)
    if content.__class__ is list:
        yield Writer.entry, (index, f'"content":{dump(content)}')
    yield from _content_steps(
        index, content if content.__class__ is str else "", choice.get("logprobs"), size
    )
    if message.get("refusal") == "":
        yield Writer.entry, (index, '"refusal":""')
    for piece in _pieces(message.get("refusal") or "", size):
        yield Writer.entry, (index, f'"refusal":{piece}')
    for call_index, call in enumerate(message.get("tool_calls") or ()):
        yield from _call_steps(index, call_index, call, size)
    if not is_empty_function(message.get("function_call")):  # a reader ignores an empty one
        yield from _call_steps(index, None, {"function_call": message["function_call"]}, size)
    for name, value in _unknown(message, _MESSAGE, MAY_HOLD_REASONING, DELTA_NOISE):
        yield Writer.entry, (index, f"{quote(name)}:{value}")
    if message.get("audio") is not None:
        yield Writer.entry, (index, f'"audio":{dump(message["audio"])}')


def _reasoning_steps(index: int, message: dict[str, Any], size: int | None) -> Iterator[Step]:
    """Yield the steps of the reasoning. The texts under all names are cut at the same places.

    All names must be in the same deltas. Otherwise a reader would emit the text of a second name as more
    reasoning.
    """
    others = {name: message[name] for name in MAY_HOLD_REASONING if message.get(name) is not None}
    # A string under any other name must not be cut: a reader does not append its pieces, and keeps the last.
    may_be_cut = [name for name in others if name in REASONING_FIELDS or is_appended(name)]
    texts = {name: others[name] for name in may_be_cut if others[name].__class__ is str}
    for name in texts:
        del others[name]
    if not texts and not others:
        return
    longest = max([1, *map(len, texts.values())])
    for at in range(0, longest, size or longest):
        end = at + (size or longest)
        cut = {name: text[at:end] for name, text in texts.items() if at < len(text) or not at}
        yield Writer.entry, (index, dump({**cut, **others})[1:-1])
        others = {}  # in the first delta only


def _content_steps(index: int, text: str, logprobs: Any, size: int | None) -> Iterator[Step]:
    """Yield the steps of content that is text. The logprobs are in the frame of its last piece."""
    more = "" if logprobs is None else f'"logprobs":{dump(logprobs)},'
    last = ""
    for piece in _pieces(text, size):
        if last:
            yield Writer.entry, (index, last)
        last = f'"content":{piece}'
    if last or more:
        yield Writer.entry, (index, last, more)


def _call_steps(index: int, call_index: int | None, call: dict[str, Any], size: int | None) -> Iterator[Step]:
    kind = next(name for name in ("function", "custom", "function_call") if call.get(name) is not None)
    body = call[kind]
    text_name = text_field(kind)
    text = "" if body.get(text_name) is None else body[text_name]
    type = call.get("type") or kind
    if type in ("function", "custom"):
        type = kind
    # Two kinds of unknown fields must be in the first fragment (rule 4 of reading). In a fragment of its own,
    # an empty string would be ignored, and one of OTHER_IDS would be the id of the call.
    inner, outer = _unknown(body, ("name", text_name)), _unknown(call, _CALL, ("index", kind))
    first = {"function": "", "tool_call": ""}
    then: list[Step] = []
    for place, fields in (("function", inner), ("tool_call", outer)):
        for name, value in fields:
            if value == '""' or (place, name) in OTHER_IDS:
                first[place] += f",{quote(name)}:{value}"
            else:
                then.append((Writer.call_extra, (index, call_index, place, name, value)))
    known_name = body["name"] if is_identity(body.get("name")) else None
    start = (index, call_index, call.get("id"), known_name, kind, type, *first.values())
    yield Writer.start_call, start
    for piece in _pieces(text if text.__class__ is str else dump(text), size):
        yield Writer.arguments, (index, call_index, piece)
    yield from then
