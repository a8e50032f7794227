# SPDX-License-Identifier: MIT
"""Random streams in the shapes that servers send, with anything in them that could go wrong.

A stream has one to three speakers that take turns. Each speaker has the shape of one server and a choice or
a call of its own. Most frames of a speaker differ only in their text, so that the fast path learns them. Some
are odd: a value of another type, a key that comes or goes, the text of one field in another field, white
space that is allowed in JSON but ends a line in SSE. ``stream(dice)`` depends on the dice alone.
"""

from __future__ import annotations

import json

TEXTS = (
    "a", " word", "", "b", "stop", "\u00e9", "\U0001f600", '"', "\\", "\n", "\r", "\t", "\x7f", "\u2028",
    "\0", "\ud83d", "\ude00", "x\ud83d", "\ude00x", "{", '{"a":1}', "0", "1.5", "null",
    "<think>", "word " * 30,
    "\ufeff", '","content":"z', "data: x", "[DONE]",
)  # fmt: skip
VALUES = (
    None, True, False, 0, 1, -1, 2**31, 10**30, 1.5, -0.0, 1e300, "", "a", "1", [], {}, [""], [None], [{}],
    [[1]],
    {"a": None}, {"text": "t"}, [{"type": "text", "text": "t"}], [{"index": 0, "text": "t"}],
    {"content": "x"}, {"message": "E", "code": 3}, {"n": 1, "d": {"m": 2}},
)  # fmt: skip
RAW = (
    "NaN",
    "1e999",
    "x",
    "",
    "01",
    '"a',
    '"\\x"',
    "[" * 130 + "]" * 130,
    "9" * 4400,
    '"\\u12"',
    "1,2",
    "}",
    '"a":',
    "-0",
    "00",
    "1_0",
    "\u0661",
    "1e2",
    "5.0",
    "+5",
)
KEYS = (
    "id", "object", "created", "model", "choices", "usage", "error", "obfuscation", "p", "service_tier",
    "x", "type", "index", "delta", "message", "text", "finish_reason", "logprobs", "content",
    "reasoning_content", "reasoning", "thinking", "refusal", "tool_calls", "function_call", "audio",
    "role", "reasoning_details", "function", "custom", "name", "arguments", "input", "token_id", "seed",
    "citations", "timings", "system_fingerprint",
)  # fmt: skip


# ---- shapes: each takes the dice and a choice, and returns what makes its next chunk -------------------


def head(dice, **more):
    return {
        "id": dice.choice(("c", "c", "chatcmpl-1")),
        "created": dice.choice((1, 1, 7)),
        "model": "m",
        **more,
    }


def entry(choice, delta, **more):
    return {"index": choice, "delta": delta, **more}


def plain(dice, choice):
    first, field = head(dice, object="chat.completion.chunk"), dice.choice(("content", "content", "refusal"))
    nulls = dice.choice(({}, {"logprobs": None, "finish_reason": None}))
    return lambda text, number: {**first, "choices": [entry(choice, {field: text}, **nulls)]}


def padded(dice, choice):
    first, name = head(dice), dice.choice(("obfuscation", "p"))
    pad = dice.choice((lambda: "xyz"[: dice.randrange(4)], lambda: dice.randrange(1000)))

    def frame(text, number):
        chunk = {**first, "choices": [entry(choice, {"content": text})], name: pad()}
        return dict(sorted(chunk.items())) if first["created"] == 7 else chunk

    return frame


def thinking(dice, choice):
    first = head(dice)
    name = dice.choice(("reasoning_content", "reasoning", "thinking", "reasoning_text"))
    both = dice.random() < 0.2
    return lambda text, number: {
        **first,
        "choices": [entry(choice, {"content": text if both else None, name: text})],
        "usage": None,
    }


def details(dice, choice):
    first, kind = head(dice, provider="P"), dice.choice(("text", "summary"))
    more = dice.choice(({"index": 0}, {}, {"format": "f", "index": 0}))

    def frame(text, number):
        detail = {"type": f"reasoning.{kind}", kind: text, **more}
        delta = {"role": "assistant", "content": "", "reasoning": text, "reasoning_details": [detail]}
        return {**first, "choices": [entry(choice, delta, native_finish_reason=None)]}

    return frame


def counted(dice, choice):
    first, deep = head(dice), dice.random() < 0.5

    def frame(text, number):
        usage = {"prompt_tokens": 3, "completion_tokens": number, "total_tokens": 3 + number}
        if deep:
            usage["details"] = {"cached": 0, "reasoning": number // 3, "cost": number / 8}
        return {**first, "choices": [entry(choice, {"content": text})], "usage": usage}

    return frame


def accounted(dice, choice):
    """Usage of all kinds, in three places: for some frames the same, then another."""
    first = head(dice)
    values = (None, {}, {"n": 1}, {"n": 2, "d": {"m": None}}, {f"k{number}": number for number in range(140)})
    now = [dice.choice(values), "chunk"]

    def frame(text, number):
        if dice.random() < 0.2:
            now[:] = dice.choice(values), dice.choice(("chunk", "chunk", "choice", "x_groq"))
        usage, place = now
        one = entry(choice, {"content": text}, **({"usage": usage} if place == "choice" else {}))
        chunk = {**first, "choices": [one]}
        if place != "choice":
            chunk.update({"usage": usage} if place == "chunk" else {"x_groq": {"usage": usage}})
        return chunk

    return frame


def stepping(dice, choice):
    """Integers that change by as much in each frame, mostly: in usage, in timings, the time; before and after
    the text."""
    ways = [
        (dice.choice((0, 1, 7, -3, 98, 10**9, 2**60 - 2, -(2**60))), dice.choice((0, 1, 1, 2, -1, 13, 2**59)))
        for _ in range(4)
    ]
    names, each, slip = ["created", "usage", "timings", "choices", "p"], dice.choice((1, 1, 3)), dice.random()
    dice.shuffle(names)

    def frame(text, number):
        number = number // each + (dice.random() < slip / 4)
        one, two, three, four = (start + step * number for start, step in ways)
        fields = {
            "created": one,
            "usage": {"total": two, "d": {"n": three}},
            "timings": {"n": four, "100%d": "%s"},
            "choices": [entry(choice, {"content": text})],
            "p": one,
        }
        return {"id": "c", **{name: fields[name] for name in names[:left_out]}, "choices": fields["choices"]}

    left_out = dice.randrange(1, 6)
    return frame


def judged(dice, choice):
    first, safe = head(dice), {"filtered": False, "severity": "safe"}
    verdicts = dict.fromkeys(("hate", "violence"), safe)
    at = dice.choice(("content_filter_results", "x"))
    return lambda text, number: {
        "choices": [{at: verdicts, **entry(choice, {"content": text}, finish_reason=None)}],
        **first,
        "obfuscation": "xyz"[: number % 4],
    }


def cited(dice, choice):
    first, said, whole = head(dice), [], dice.random() < 0.5

    def frame(text, number):
        said.append(text)
        one = entry(choice, {"role": "assistant", "content": text})
        if whole:
            one["message"] = {"role": "assistant", "content": "".join(said)}
        usage = {"completion_tokens": number}
        return {**first, "usage": usage, "citations": ["u", "v"], "results": [{"t": "a"}], "choices": [one]}

    return frame


def doubled(dice, choice):
    first = head(dice)

    def frame(text, number):
        delta = {"token_id": number * 7 % 50, "role": "assistant", "content": text}
        return {
            **first,
            "choices": [{"index": choice, "text": text, "seed": None, "delta": delta}],
            "usage": None,
        }

    return frame


def timed(dice, choice):
    first = head(dice)
    return lambda text, number: {
        "choices": [entry(choice, {"content": text}, finish_reason=None)],
        **first,
        "timings": {"n": number, "ms": number * 1.25, "each": 1.25, "rate": 1 / (number + 1)},
    }


def likely(dice, choice):
    first, name = head(dice), dice.choice(("content", "refusal"))

    def frame(text, number):
        token = {"token": text, "logprob": -number / 7, "bytes": [number % 256], "top_logprobs": []}
        return {**first, "choices": [entry(choice, {name: text}, logprobs={name: [token]})]}

    return frame


def moving(dice, choice):
    first = head(dice, system_fingerprint="f")
    return lambda text, number: {
        **first,
        "created": 1 + number // 3,
        "choices": [entry(choice, {"content": text})],
    }


def completions(dice, choice):
    first = head(dice, object="text_completion")
    return lambda text, number: {**first, "choices": [{"index": choice, "text": text, "finish_reason": None}]}


def calling(dice, choice):
    """Fragments of one call, or of two in turn; with an index, without, with the id said again."""
    first, count = head(dice), dice.choice((1, 1, 2, 3))
    kind, field = dice.choice((("function", "arguments"), ("function", "arguments"), ("custom", "input")))
    way = dice.randrange(4)

    def frame(text, number):
        at = number % count
        fragment = {kind: {field: text}}
        if way != 1:
            fragment = {"index": at, **fragment}
        if number < count:
            fragment["id"] = f"i{choice}{at}"
            fragment[kind] = {"name": "f", field: text if way == 2 else ""}
        elif way == 3:
            fragment["id"] = f"i{choice}{at}"
        return {**first, "choices": [entry(choice, {"tool_calls": [fragment]})]}

    return frame


def calling_loosely(dice, choice):
    """Two calls that are open; then fragments for the one, for the other, and for the one touched last."""
    first = head(dice)
    weights = dice.choice(((0, None), (0, 1, None), (0, 0, 0, 0, 1, None, None, None)))

    def frame(text, number):
        at = number if number < 2 else dice.choice(weights)
        function = {"arguments": text} if number > 1 else {"name": "f", "arguments": ""}
        fragment = {"id": f"i{choice}{at}", "function": function} if number < 2 else {"function": function}
        if at is not None:
            fragment = {"index": at, **fragment}
        return {**first, "choices": [entry(choice, {"tool_calls": [fragment]})]}

    return frame


def legacy(dice, choice):
    first = head(dice)

    def frame(text, number):
        call = {"arguments": text} if number else {"name": "f", "arguments": ""}
        return {**first, "choices": [entry(choice, {"function_call": call})]}

    return frame


def spoken(dice, choice):
    first = head(dice)
    return lambda text, number: {
        **first,
        "choices": [entry(choice, {"audio": {"id": "u", "data": "AAAA" * (number % 3), "transcript": text}})],
    }


def in_parts(dice, choice):
    first = head(dice)
    return lambda text, number: {
        **first,
        "choices": [entry(choice, {"content": [{"type": "text", "text": text}]})],
    }


def mingled(dice, choice):
    """Two frames that begin two calls, then frames of two forms. A form has some of the fields in MINGLED. In
    some streams the fragments of calls have an id or an index but no text. The key that stands for "mark" may
    be a character of JSON's own syntax."""
    first, mark = head(dice), dice.choice(("x", "text", ",", ":", "0x", "\\", '"'))
    by = dice.choice((("id",), ("index",), ("id", "index")))
    forms = [{name for part in MINGLED for name in part if dice.random() < 0.3} for _ in range(2)]
    order, slip, has_text = dice.random() < 0.5, dice.choice((0.0, 0.1, 0.3)), dice.random() < 0.5
    counts = [5, 5]

    def call(text):
        at = dice.choice((0, 0, 0, 1))
        fragment = {"id": f"i{choice}{at}", "index": at}
        fragment = {name: fragment[name] for name in by if dice.random() < 0.9}
        return {**fragment, "function": {"arguments": text}} if has_text or not fragment else fragment

    def frame(text, number):
        if number < 2:
            function = {"name": "f", "arguments": "1"}
            fragment = {"index": number, "id": f"i{choice}{number}", "function": function}
            return {**first, "choices": [entry(choice, {"tool_calls": [fragment]})]}
        one, two = counts
        if dice.random() < slip:  # the next frames count as if this one had not come
            one, two = one + dice.choice((0, 1, 7)), two + dice.choice((0, 0, 3))
        else:
            counts[:] = one + 1, two + (slip > 0.1)
        values = {
            "usage": {"n": one, "d": {"k": two}}, "mark": {"m": two, "l": [one]}, "urls": ["u"], "p": text,
            "logprobs": {"content": [{"token": "t", "logprob": -two}]}, "y": {"q": one},
            "content": text, "reasoning": text, "refusal": text, "role": "assistant", "z": text,
            "tool_calls": [call(text)], "token_id": one, "function_call": {"arguments": text},
            "reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}],
        }
        chosen = forms[dice.random() < 0.2]
        around, inside, delta = (
            {mark if name == "mark" else name: values[name] for name in part if name in chosen}
            for part in MINGLED
        )
        choices = {"choices": [entry(choice, delta, **inside)]}
        return {**first, **around, **choices} if order else {**first, **choices, **around}

    return frame


MINGLED = (  # the fields of a chunk, of a choice and of a delta
    ("usage", "mark", "urls", "p"),
    ("logprobs", "y"),
    ("content", "reasoning", "refusal", "role", "z", "tool_calls", "token_id", "function_call",
     "reasoning_details"),
)  # fmt: skip


SHAPES = (
    plain, padded, thinking, details, counted, accounted, stepping, judged, cited, doubled, timed, likely,
    moving, completions, calling, calling_loosely, legacy, spoken, in_parts, mingled,
)  # fmt: skip


# ---- oddities ----------------------------------------------------------------------------------------------


def holders(value):
    """All dicts and lists in a value, with what stands in them."""
    found = [value]
    for one in found:
        inside = one.values() if one.__class__ is dict else one
        found.extend(each for each in inside if each.__class__ in (dict, list) and each)
    return found


class Raw(str):
    """Text that is written as it is."""


def changed(before, chunk):
    """Where a chunk differs from the one before it: all places on the way to what differs."""
    found = []
    if before.__class__ is chunk.__class__ is dict:
        for key in chunk:
            if key in before and before[key] != chunk[key]:
                found += [(chunk, key), *changed(before[key], chunk[key])]
    elif before.__class__ is chunk.__class__ is list and len(before) == len(chunk):
        for key, (one, other) in enumerate(zip(before, chunk)):
            if one != other:
                found += [(chunk, key), *changed(one, other)]
    return found


def loosely(dice, value):
    """Write a value with white space inside it, where there is a place for it."""
    blank = dice.choice(("\r", "\r\r", "\n", " ", "\t", "\r\n"))
    return Raw(json.dumps(value, separators=(dice.choice((",", f",{blank}", f"{blank},")), f":{blank}")))


def odd(dice, chunk, before):
    """Change one thing in a chunk, most likely where it differs from the one before it."""
    chunk = json.loads(json.dumps(chunk))
    places = [
        (holder, key)
        for holder in holders(chunk)
        for key in (holder if holder.__class__ is dict else range(len(holder)))
    ]
    holder, key = dice.choice(places)
    news = changed(before, chunk)
    if news and dice.random() < 0.7:
        holder, key = dice.choice(news)
        if dice.random() < 0.3:
            holder[key] = loosely(dice, holder[key])
            return chunk
    deed = dice.randrange(9)
    if deed == 0:
        holder[key] = dice.choice(VALUES)
    elif deed == 1:
        holder[key] = Raw(dice.choice(RAW))
    elif deed == 2:
        del holder[key]
    elif deed == 3:
        leaves = [holder[key] for holder, key in places if isinstance(holder[key], (str, int, float))]
        holder[key] = dice.choice(leaves or [None])
    elif deed == 4:
        old = holder[key]
        holder[key] = old + 0.5 if old.__class__ is int else 5 if old.__class__ is str else str(old)
    elif deed == 5 and holder.__class__ is dict:
        items = list(holder.items())
        dice.shuffle(items)
        holder.clear()
        holder.update(items)
    else:
        into = dice.choice([one for one in holders(chunk) if one.__class__ is dict])
        if deed == 6:
            into[dice.choice(KEYS)] = dice.choice(VALUES)
        elif deed == 7:
            into[dice.choice(KEYS)] = dice.choice(TEXTS)
        else:
            into[f"k{dice.randrange(3)}"] = dice.choice((1, "a", [1], {"a": 1}))
    return chunk


# ---- writing -----------------------------------------------------------------------------------------------


class Writer:
    """How one server writes JSON, and how it goes wrong: ``blanks`` is how likely white space is anywhere."""

    def __init__(self, dice):
        self.dice = dice
        self.comma, self.colon = dice.choice(((",", ":"), (",", ":"), (", ", ": ")))
        self.ascii = dice.random() < 0.4
        self.blanks = 0.0
        self.escapes = 0.0

    def write(self, value):
        if value.__class__ is Raw:
            text = str(value)
        elif value.__class__ is dict:
            items = (self.string(key) + self.colon + self.write(one) for key, one in value.items())
            text = "{" + self.comma.join(items) + "}"
        elif value.__class__ is list:
            text = "[" + self.comma.join(map(self.write, value)) + "]"
        elif value.__class__ is str:
            text = self.string(value)
        else:
            text = json.dumps(value)
        if self.blanks and self.dice.random() < self.blanks:
            text = self.dice.choice((" ", "\t", "\r", "\n", "\r\n", "  ")) + text
        if self.blanks and self.dice.random() < self.blanks:
            text += self.dice.choice((" ", "\t", "\r", "\n", "\r\ndata: "))
        return text

    def string(self, text):
        has_half = any("\ud800" <= letter <= "\udfff" for letter in text)
        said = json.dumps(text, ensure_ascii=self.ascii or has_half)
        if self.escapes and text and self.dice.random() < self.escapes:
            at = self.dice.randrange(len(text))
            if text[at] < "\ud800":
                parts = [json.dumps(part)[1:-1] for part in (text[:at], text[at + 1 :])]
                said = f'"{parts[0]}\\u{ord(text[at]):04x}{parts[1]}"'
        return said


BETWEEN = (
    b": ping\n", b": ping\n\n", b":\n", b"\n", b"id: 5\n", b"id: 6\n\n", b"retry: 100\n", b"event: message\n",
    b"event: x\n", b"event: error\n", b"2f\n", b"\r\n", b"data: {}\n\n", b"data:\n\n", b"error: e\n", b"{\n",
    b"\xff\n",
    b'data: {"type":"ping"}\n\n', b'{"error":"E"}\n', b"data: [DONE]\n\n",
)  # fmt: skip
ENDS = (b"\n\n", b"\n\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b"\n\r\n", b"\r\n\n")
FINISH = ("stop", "tool_calls", "length", None, "error")


def stream(dice):
    """Return the bytes of a stream."""
    writer = Writer(dice)
    mark, end = dice.choice((b"data: ", b"data: ", b"data: ", b"data:")), dice.choice(ENDS[:5])
    speakers = [
        dice.choice(SHAPES)(dice, dice.choice((0, 0, number))) for number in range(dice.choice((1, 1, 2, 3)))
    ]
    counts, latest = [0] * len(speakers), [None] * len(speakers)
    how_odd, how_loud = dice.choice((0.0, 0.03, 0.1, 0.3)), dice.choice((0.0, 0.0, 0.05, 0.3))
    texts = dice.choice((TEXTS[:4], TEXTS[:2], TEXTS))
    run, number = dice.choice((1, 1, 4, 12)), 0
    body = [dice.choice((b"", b"", b"", b"\xef\xbb\xbf", b": hi\n\n"))]
    for turn in range(dice.choice((6, 14, 30, 60))):
        if turn % run == 0:
            number = dice.randrange(len(speakers)) if dice.random() < 0.3 else (number + 1) % len(speakers)
        chunk = speakers[number](dice.choice(texts), counts[number])
        before, latest[number] = latest[number], chunk
        counts[number] += 1
        writer.blanks = writer.escapes = 0.0
        if dice.random() < how_odd:
            for _ in range(dice.choice((0, 1, 1, 2))):
                chunk = odd(dice, chunk, before)
            writer.blanks, writer.escapes = dice.choice(((0.0, 0.0), (0.0, 0.0), (0.04, 0.0), (0.0, 0.3)))
        if dice.random() < how_loud:
            body.append(dice.choice(BETWEEN))
        line_end = end if dice.random() > 0.2 * how_odd else dice.choice(ENDS)
        body.append(mark + writer.write(chunk).encode("utf-8", "surrogatepass") + line_end)
    writer.blanks = writer.escapes = 0.0
    for choice in range(len(speakers)):
        if dice.random() < 0.6:
            last = {"choices": [entry(choice, {}, finish_reason=dice.choice(FINISH))]}
            body.append(mark + writer.write(last).encode() + end)
    if dice.random() < 0.3:
        body.append(mark + writer.write({"choices": [], "usage": {"completion_tokens": 9}}).encode() + end)
    body.append(dice.choice((b"data: [DONE]" + end, b"data: [DONE]" + end, b"", b'data: {"cut')))
    return b"".join(body)
