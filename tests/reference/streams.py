# SPDX-License-Identifier: MIT
"""Hypothesis strategies for streams: as servers send them, broken ones, and ones that nobody would send.

A stream is made in three steps, each a strategy of its own: chunks (JSON values, some with wrong fields),
frames (chunks in the framing of some server), bodies (frames one after the other, cut off or not). ``runs``
are bodies of another kind: many frames that differ in one string, and sometimes another frame between them.
Only such bodies take the fast path.

The alphabets are small on purpose: two fragments must often have the same id, and a text must often be a
part of something.
"""

from __future__ import annotations

import json
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

# The suite must say the same about the same commit, on every machine and every day, so its examples are
# fixed (derandomize). To search for new ones: EXAMPLES=50 python -m unittest tests.test_invariant
FACTOR = int(os.environ.get("EXAMPLES", "1"))

# Hypothesis draws a part of its values from the constants in the project's own source (since version 6.131):
# each change of the package would change the examples. No file counts as the project's own here.
providers.is_local_module_file = lambda path: False


def examples(count):
    return settings(
        max_examples=count * FACTOR,
        derandomize=FACTOR == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


# ---------------------------------------------------------------------------------------------------
# JSON, also such as json.dumps does not write


class Raw(str):
    """JSON text, or what goes for it, that stands in a value as it is."""

    def __repr__(self):
        return f"Raw({self[:9]!r}... of {len(self)})"


class Pairs(list):
    """An object as a list of pairs: a key may come twice."""


def dumps(value, ascii=True, comma=", ", colon=": "):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        value = Pairs(value.items())
    if isinstance(value, Pairs):
        items = [dumps(key, ascii) + colon + dumps(item, ascii, comma, colon) for key, item in value]
        return "{" + comma.join(items) + "}"
    if isinstance(value, list):
        return "[" + comma.join(dumps(item, ascii, comma, colon) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii)


def nested(depth, kind="[]"):
    return Raw("[" * depth + "]" * depth if kind == "[]" else '{"a":' * depth + "1" + "}" * depth)


ABSENT = Raw("")  # says that there is no such field


# What may stand where something else belongs.
ODD = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    1.0,
    10**30,
    "",
    "0",
    "x",
    "\ud83d",
    [],
    {},
    [None],
    [{}],
    ["x"],
    {"a": 1},
    {"index": 0},
    {"message": "M", "code": 3},
    [{"type": "text", "text": "t"}],
    [{"type": "thinking", "thinking": "t"}],
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]},
    {"text": "t", "signature": "s"},
    [{"error": {"message": "M"}}],
    Raw("NaN"),
    Raw("-Infinity"),
    Raw("1e999"),
    Raw("-0.0"),
    nested(120),
    nested(200),
    nested(130, "{}"),
    Raw("1" * 5000),
]

WORDS = [
    "",
    " ",
    "A",
    "Hel",
    "lo",
    "\n",
    '"',
    "\\",
    "\u00e9",
    "\U0001f600",
    "\ud83d",
    "\ude00",
    "\0",
    "\u2028",
    "\ufffd",
    "data: x\n\n",
    "[DONE]",
    "x" * 70,
]
PIECES = [
    "",
    "{",
    "}",
    '{"a"',
    ":1",
    "{}",
    '{"a":1}',
    "[",
    "]",
    '"',
    "\\",
    " ",
    "1",
    "NaN",
    "\ud83d",
    "\ude00",
]
NAMES = ["f", "g", "get_", "get_x", "x", "", "null"]
IDS = ["a", "b", "c", "a", "b", "", None, 5, "5", 0, True, 1.0]
INDEXES = [0, 0, 0, 1, 1, 2, 7, -1, None]
ODD_INDEXES = ["0", "1", "00", "-1", "+1", 1.0, True, "x", 10**30, "\u0663", "9" * 5000, 128]
REASONS = [
    "null",
    None,
    None,
    None,
    "",
    "stop",
    "tool_calls",
    "length",
    "content_filter",
    "function_call",
    "error",
    "eos",
    "End_Turn",
    "abort",
]

SCALARS = [0, 7, 0.25, -1, False, True, 10**30, 1.0]  # where a text belongs (Cloudflare)

words = st.sampled_from(WORDS) | st.sampled_from(WORDS) | st.text(max_size=4)
odd = st.sampled_from(ODD)


class Maker:
    """Draws the parts of a chunk. With ``is_odd``, one value in twelve is of any type at all."""

    def __init__(self, draw, is_odd):
        self.draw = draw
        self.is_odd = is_odd

    def pick(self, values):
        return self.draw(st.sampled_from(values))

    def chance(self, one_in):
        return self.draw(st.integers(1, one_in)) == one_in

    def word(self):
        return self.draw(words)

    def text(self):
        """A text, or now and then a number or a literal in its place."""
        return self.pick(SCALARS) if self.chance(12) else self.word()

    def object(self, **makers):
        """An object of these fields: a maker that says ABSENT leaves its field out."""
        made = Pairs()
        for name, make in makers.items():
            if self.is_odd and self.chance(12):
                made.append((name, self.draw(odd)))
                continue
            value = make()
            if value is not ABSENT:
                made.append((name, value))
        if self.is_odd and made and self.chance(20):
            made.append(self.pick(made))
            made.append((made[-1][0], self.draw(odd)))
        return made

    def some(self, make, one_in=4):
        """A maker that is mostly left out."""
        return lambda: make() if self.chance(one_in) else ABSENT

    def few(self, make, most=3, least=0):
        return lambda: [make() for _ in range(self.draw(st.integers(least, most)))]

    def any(self, *makers):
        return lambda: self.pick(makers)()

    def scalar(self):
        return self.pick([None, 0, 1, 1.0, "", "x", "y", True])

    def unknown(self, depth=2):
        kind = self.pick(["scalar", "scalar", "object", "list"]) if depth else "scalar"
        if kind == "scalar":
            return self.scalar()
        if kind == "list":
            return [self.unknown(depth - 1) for _ in range(self.draw(st.integers(0, 2)))]
        return self.object(
            text=self.some(self.word, 2),
            id=self.some(self.scalar, 2),
            a=self.some(lambda: self.unknown(depth - 1), 2),
            index=self.some(lambda: self.pick([0, 1]), 2),
        )

    # --- what is inside a delta

    def detail(self):
        return self.object(
            type=self.some(lambda: self.pick(["text", "thinking", "t", "u", "summary_text"]), 2),
            index=self.some(lambda: self.pick([0, 1, None]), 2),
            text=self.some(self.word, 2),
            thinking=self.some(self.word, 4),
            summary=self.some(self.any(self.word, lambda: [{"text": self.word()}]), 8),
            content=self.some(self.word, 8),
            signature=self.some(lambda: self.pick(["", "s"])),
            data=self.some(lambda: "encrypted", 8),
            id=self.some(lambda: self.pick(["", "i", "j"])),
        )

    def thoughts(self):
        """What stands under a name of reasoning: a text, or what has one inside."""
        if not self.chance(4):
            return self.text()
        return self.pick([self.detail, self.few(self.detail, 2)])()

    def part(self):
        text = self.word()
        return self.pick(
            [
                {"type": "text", "text": text},
                {"type": "output_text", "text": text},
                {"text": text},
                text,
                {"type": "thinking", "thinking": text},
                {"type": "thinking", "thinking": [{"type": "text", "text": text}]},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]},
                {"type": "reasoning", "text": text, "signature": "s"},
                {"type": "text", "text": text, "a": text},
                {"type": "image", "x": 1},
                {"type": "reference", "text": text},
                {},
            ]
        )

    def function(self):
        return self.object(
            name=lambda: self.pick(NAMES),
            arguments=self.any(
                lambda: self.pick(PIECES),
                lambda: self.pick(PIECES),
                lambda: self.pick([{"a": [1, "\ud83d"]}, {}, *SCALARS]),
                lambda: ABSENT,
            ),
            id=self.some(lambda: self.pick(IDS), 12),
            u=self.some(self.unknown, 8),
        )

    def custom(self):
        return self.object(name=lambda: self.pick(NAMES), input=lambda: self.pick(PIECES))

    def index(self):
        return self.pick(ODD_INDEXES if self.is_odd and self.chance(8) else INDEXES)

    def fragment(self):
        is_custom = self.chance(8)
        return self.object(
            index=self.any(self.index, self.index, lambda: ABSENT),
            id=lambda: self.pick(IDS),
            type=self.some(lambda: "custom" if is_custom else "function"),
            function=lambda: ABSENT if is_custom or self.chance(8) else self.function(),
            custom=lambda: self.custom() if is_custom else ABSENT,
            w=self.some(self.unknown, 8),
        )

    def audio(self):
        return self.object(
            id=self.some(lambda: "i"),
            data=self.some(lambda: self.pick(["AAAA", "AA==", "AAA", "", "AAE="]), 2),
            transcript=self.some(self.word, 2),
            expires_at=self.some(lambda: 7),
        )

    def delta(self):
        fragments = self.few(self.fragment, 2, 1)
        makers = {
            "content": self.text,
            "reasoning_content": self.thoughts,
            "reasoning": self.thoughts,
            "reasoning_text": self.text,
            "thinking": self.thoughts,
            "refusal": self.text,
            "tool_calls": self.any(fragments, fragments, fragments, self.fragment),
            "function_call": self.function,
            "audio": self.audio,
            "role": lambda: self.pick(["assistant", "", "tool"]),
            "reasoning_details": self.few(self.detail, 2),
            "thinking_blocks": self.few(self.detail, 2),
            "token_ids": self.few(lambda: self.pick([1, 2]), 2),
            "token_id": lambda: 7,
            "annotations": self.few(self.any(self.detail, self.scalar), 2),
            "v": self.unknown,
            "obfuscation": self.word,
        }
        if self.chance(12):
            makers["content"] = self.any(self.few(self.part), self.part)
        some = self.draw(
            st.lists(st.sampled_from(["content", "tool_calls", *makers]), max_size=3, unique=True)
        )
        return self.object(**{name: makers[name] for name in some})

    # --- what is around it

    def logprobs(self):
        return self.object(
            content=self.some(self.few(lambda: {"token": "t"}, 2), 2),
            refusal=self.some(self.any(self.few(self.scalar, 2), lambda: None), 2),
            tokens=self.some(self.few(self.word, 2), 2),
        )

    def usage(self):
        return self.object(
            a=self.some(lambda: self.pick([None, 1, 2]), 2),
            d=self.some(lambda: self.object(x=self.scalar, y=self.scalar), 2),
            e=self.some(self.unknown),
        )

    def error(self):
        return self.pick(
            [
                "E",
                {"message": "E", "code": 5, "type": "rate_limit_error"},
                {"error": {"message": "F", "type": "x"}},
                {"detail": "G"},
                "",
                {},
                None,
            ]
        )

    def entry(self):
        kind = self.pick(["delta"] * 6 + ["text", "message", "null"])
        return self.object(
            index=self.any(self.index, self.index, lambda: ABSENT),
            delta=lambda: {"delta": self.delta, "null": lambda: None}.get(kind, lambda: ABSENT)(),
            message=lambda: self.delta() if kind == "message" else ABSENT,
            text=lambda: self.text() if kind in ("text", "null") or self.chance(20) else ABSENT,
            token_ids=self.some(self.few(lambda: self.pick([1, 2]), 2), 8),
            annotations=self.some(self.few(self.any(self.detail, self.scalar), 2), 12),
            finish_reason=lambda: self.pick(REASONS),
            logprobs=self.some(self.logprobs, 8),
            y=self.some(self.unknown, 8),
            usage=self.some(self.usage, 12),
            error=self.some(self.error, 12),
        )

    def chunk(self):
        # Half of them begin alike, as all chunks of an answer do.
        alike = (
            (lambda value, make: lambda: value) if self.chance(2) else (lambda value, make: self.some(make))
        )
        kinds = ["chat.completion.chunk", "text_completion", "chat.completion", "error"]
        return self.object(
            id=alike("chat-1", lambda: self.pick(["chat-1", "chat-2/\u00e9", "", 7])),
            object=self.some(lambda: self.pick(kinds)),
            created=alike(1, lambda: self.pick([0, 1, 2, "0", "3", "x"])),
            model=alike("m", lambda: self.pick(["m", "n", ""])),
            choices=self.any(*[self.few(self.entry, 2, 1)] * 8, list, lambda: None, lambda: ABSENT),
            service_tier=self.some(self.scalar, 8),
            x=self.some(self.unknown, 8),
            usage=self.some(self.any(self.usage, lambda: None)),
            x_groq=self.some(lambda: self.object(usage=self.usage, error=self.some(self.error, 3)), 12),
            p=self.some(self.word, 12),
            error=self.some(self.error, 12),
            code=self.some(self.scalar, 12),
            token_ids=self.some(self.few(lambda: self.pick([1, 2]), 2), 12),
        )

    # --- what is no chunk

    def stranger(self):
        """An object of another API, or an error without the key for it."""
        return self.object(
            type=self.some(lambda: self.pick(["error", "ping", "message_start", "response.created"]), 2),
            message=self.some(lambda: self.pick(["M", "", {"content": "x"}]), 2),
            code=self.some(lambda: self.pick([0, 200, 400, "0", "200", "x", None]), 2),
            error_msg=self.some(lambda: self.pick(["M", ""]), 8),
            error_message=self.some(lambda: self.pick(["M", ""]), 8),
            error_code=self.some(lambda: self.pick([17, 0, "c"]), 8),
            error_type=self.some(lambda: self.pick(["t", "", None]), 8),
            detail=self.some(lambda: self.pick(["D", [], "", [{"msg": "S"}], [5]]), 8),
            msg=self.some(lambda: "S", 8),
            success=self.some(lambda: self.pick([False, True, 0]), 12),
            status=self.some(lambda: self.pick(["error", 200, 503, "429", "ok", True]), 12),
            statusCode=self.some(lambda: self.pick([399, 400, None]), 12),
            status_code=self.some(lambda: self.pick([0, 500]), 12),
            errors=self.some(lambda: self.pick([[], "E", ["E"], [{"message": "E", "code": 1}, 5], {}]), 12),
            base_resp=self.some(lambda: self.pick([None, {"status_code": 0}, {"status_code": 7}, "b"]), 12),
            id=self.some(lambda: "other", 8),
            model=self.some(lambda: "other", 8),
            choices=self.some(lambda: self.pick([None, [], 5]), 8),
            usage=self.some(self.any(self.usage, lambda: None), 8),
            x=self.some(self.unknown, 4),
        )

    # --- calls as servers stream them

    def calls(self):
        """Chunks of one to three calls whose fragments interleave, by a server with habits of its own."""
        ids = ["unique", "unique", "shared", "integers", "each new", "inside", "none", "late", "same"]
        indexes = ["right", "right", "all 0", "none", "from -1", "digits", "reused", "wandering"]
        names = ["first", "first", "each", "grows", "pieces", "late", "again"]
        habits = [self.pick(ways) for ways in (ids, indexes, names, ["together", "apart"], ["", "function"])]
        queues = [self.fragments(number, habits) for number in range(self.draw(st.integers(1, 3)))]
        is_interleaved = self.chance(2)
        chunks = []
        while any(queues):
            place = self.draw(st.integers(0, len(queues) - 1)) if is_interleaved else 0
            queue = queues[place] or next(queue for queue in queues if queue)
            made = [queue.pop(0)]
            if is_interleaved and self.chance(4):
                made += [other.pop(0) for other in queues if other and other is not queue]
            chunks.append({"choices": [{"index": 0, "delta": {"tool_calls": made}}]})
            if self.chance(12):
                chunks.append({"choices": [{"index": 0, "delta": {"content": "\n"}}]})
        return chunks

    def fragments(self, number, habits):
        ids, indexes, names, header, kind = habits
        name = self.pick(["get_weather", "get_time", "get"])
        text = self.pick(['{"a":1}', '{"a":"b"}', "{}", "", '{"a": [{"b": "}"}]}', "[1]", '{"a":1}{"a":1}'])
        size = self.pick([1, 3, 100])
        pieces = [text[at : at + size] for at in range(0, len(text), size)] or [""]
        pieces = (["", *pieces] if header == "apart" else pieces)[:6]
        if self.chance(12):
            pieces = [*pieces, text]  # the whole once more
        made = []
        for at, piece in enumerate(pieces):
            first, last = at == 0, at == len(pieces) - 1
            said = {
                "first": name if first else None,
                "each": name,
                "grows": name[: 3 + 4 * at],
                "pieces": name[4 * at : 4 * at + 4],
                "late": name if last else None,
                "again": name if first or last else "",
            }[names]
            call_id = {
                "unique": f"call_{number}" if first else self.pick([None, "", f"call_{number}"]),
                "shared": "call",
                "integers": number,
                "each new": f"call_{number}_{at}",
                "inside": None,
                "none": None,
                "late": f"call_{number}" if last else None,
                "same": f"call_{number}" if first else "null",
            }[ids]
            index = {
                "right": number,
                "all 0": 0,
                "none": None,
                "from -1": number - 1,
                "digits": str(number),
                "reused": number // 2,
                "wandering": number + at // 2,
            }[indexes]
            function = {"name": said, "arguments": piece}
            if ids == "inside":
                function["id"] = f"call_{number}"
            fragment = {"index": index, "id": call_id, "type": kind, "function": function}
            made.append({key: value for key, value in fragment.items() if value is not None})
        return made


@st.composite
def call_chunks(draw):
    """A whole answer of tool calls, and how it ends."""
    maker = Maker(draw, is_odd=False)
    reason = draw(st.sampled_from(["tool_calls", "tool_calls", "stop", "length", "abort", None]))
    return [*maker.calls(), {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}]


@st.composite
def strangers(draw):
    return Maker(draw, draw(st.booleans())).stranger()


@st.composite
def chunks(draw, is_odd=None):
    """One chunk; ``is_odd``: may its values be of any type? None: draw that, too."""
    if is_odd is None:
        is_odd = draw(st.integers(0, 2)) == 2
    return Maker(draw, is_odd).chunk()


def loads(text):
    """What json makes of it, or None where it refuses."""
    try:
        return json.loads(text)
    except ValueError:
        return None  # an integer of more digits than the interpreter takes


# Chunks as those have them who call ChatAssembler.
decoded_chunks = call_chunks() | st.lists(
    chunks().map(dumps).map(loads).filter(lambda chunk: chunk is not None), max_size=6
)


# ---------------------------------------------------------------------------------------------------
# Frames


def encode(text):
    return text.encode("utf-8", "surrogatepass")  # what is half a pair is no UTF-8


# How a chunk's text is framed. All but the first are rare.
FRAMINGS = {
    "plain": "data: {}\n\n",
    "no space": "data:{}\n\n",
    "no blank line": "data: {}\n",
    "bare": "{}\n",
    "error event": "event: error\ndata: {}\n\n",
    "late error event": "data: {}\nevent: error\n\n",
    "error field": "error: {}\n",
    "all fields": "event: x\n: c\nid: 1\nretry: 5\ndata: {}\n\n",
    "heartbeat before its blank line": "data: {}\n: c\n\n",
    "spaces": "data:   {} \n\n",
    "message event": "event: message\ndata: {}\n\n",
    "stray prefix": "1a data: {}\n\n",
    "stray bytes": "\0\0data: {}\n\n",
    "spliced": "event: messagedata: {}\n\n",
    "list": "data: [{}]\n\n",
    "bare list": "[{}]\n",
    "event and bare": "event: error\n{}\n",
}
# What stands between frames.
NOISE = [
    ": heartbeat\n\n",
    ":\n",
    "\n",
    "id: 3\n",
    "retry: 10\n",
    "event: x\n",
    "event: error\n\n",
    "data\n\n",
    "data: \n\n",
    "data: null\n\n",
    "data: [1]\n\n",
    "data: : c\n\n",
    'data: {"type": "ping"}\n\n',
    "data: {}\n\n",
    "data: {\n\n",
    "data: [DONE]\n\n",
    "data: [DONE]\n",
    "data:  [DONE] \n\n",
    "data: [DONE]x\n\n",
    "error: E\n",
    "error: {}\n",
    "event: error\ndata: E\n\n",
    "5\n",
    "stray\n",
    "{}\n",
    '{"x": 1}\n',
    '{"x": 1} y\n',
    '{\n"x": 1\n}\n',
    '{\n"error": "E"\n}\n',
    '{\n"choices": [\n{"message": {"content": "A"}}\n]\n}\n',
    '{\n"x":\n',
    "[1]\n",
    "}\n",
    "id: 1\0\n",
    "unknown: {}\n",
    "[DONE]\n",
    "data: DONE\n\n",
    "event: error\n",
    "event: error\nid: 1\n\n",
    "event: error\ndata:\n\n",
    "event: error\ndata: null\n\n",
    "event: error\ndata: {}\n\n",
    "event: error\ndata: []\n\n",
    "event: error\ndata: 5\n\n",
    "event: ping\ndata: {}\n\n",
    'event: ping\ndata: {"type": "ping"}\n\n',
    'event: ping\ndata: {"a": 1}\n\n',
    'event: message_start\ndata: {"type": "message_start", "message": {"id": "x"}}\n\n',
    'event: message_delta\ndata: {"type": "message_delta", "usage": {"a": 1}}\n\n',
    'data: {"type": "response.created", "response": {"id": "x"}}\n\n',
    'data: {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}\n\n',
    'data: [{"error": {"message": "M", "code": 400}}]\n\n',
    'data: [{"error": "M"}, {"a": 1}]\n\n',
    '[{"error": {"message": "M", "code": 400}}]\n',
    '[\n{\n"error": "M"\n}\n]\n',
    '[{"a": 1},\n{"choices": []}\n]\n',
    '{\n"error": {\n: c\n"message": "M"\n\n}\n}\n',
    '{\n"detail": "M"\n}\n',
    '{"detail": "M"}\n',
    '{\n"a": "x\n"}\n',
    '{\n"a": 1\ndata: {"b": 1}\n\n',
    '{"choices": [\nx\n',
    'data: {\n"error": "M"\n}\n\n',
    'event: error\ndata: {\n"message": "M"\n}\n\n',
    'data: {"choices": [\n{"delta": {"content": "A"}}\n]}\n\n',
    'data: {\n"a": 1\n: c\n}\n{"b": 1}\n\n',
    'data: {"a":\nx\n1}\n\n',
    'x "choices" y\n',
    "data : {\n",
    "<p>data: {</p>\n",
    'data: {"a": 1}data: {"b": 1}',
]
START = [
    b"\xef\xbb\xbf",
    b"HTTP/1.1 200 OK\nserver: x\n\n",
    b"HTTP/2 200\n\n",
    b"\x1f\x8b",
    b"\xff\xfe",
    b"\xfe\xff",
    b"<html>\n",
    b" \n",
    b"\n",
    b"retry: 3000\n\n",
    b": c\n",
    b"\0\0{}\0data: {}\n",
]

framings = st.integers(0, 3 * len(FRAMINGS)).map(
    lambda die: list(FRAMINGS.values())[max(0, die - 2 * len(FRAMINGS) - 1)]
)
event_names = st.sampled_from(["", "", "", "", "", "", "", "", "event: x\n", "event: message_delta\n"])


@st.composite
def frames(draw, is_odd=None, sound=False):
    """The bytes of one frame. ``sound``: no part of it is a frame, so several lines end in a blank one."""
    chunk = draw(st.one_of(chunks(is_odd), chunks(is_odd), chunks(is_odd), strangers()))
    ascii = draw(st.booleans())
    comma, colon = draw(st.sampled_from([(", ", ": "), (",", ":"), (", ", ": "), (",\n", ": ")]))
    text = dumps(chunk, ascii, comma, colon)
    head, tail = (draw(event_names) + draw(framings)).split("{}")
    field = head.rpartition("\n")[2]
    if field.startswith("data:") and draw(st.integers(0, 3)):
        text = text.replace("\n", "\n" + field)  # else only its first line has the prefix
    elif field == "error: ":
        text = text.replace("\n", " ")
    if sound and "\n" in text and not tail.endswith("\n\n"):
        tail += "\n"
    return encode(head + text + tail)


noise = st.sampled_from(NOISE).map(encode)


@st.composite
def bodies(draw, is_odd=None, max_size=5, sound=False):
    """A body of LF lines. If it is not ``sound``, it may end anywhere."""
    start = draw(st.sampled_from([b""] * 12 + START))
    frame = frames(is_odd, sound)
    parts = draw(st.lists(frame | frame | frame | noise, max_size=max_size))
    body = (
        start + b"".join(parts) + draw(st.sampled_from([b"data: [DONE]\n\n", b"data: [DONE]\n\n", b"", b""]))
    )
    if not sound and draw(st.booleans()):
        body = body[: draw(st.integers(0, len(body)))]
    return body


@st.composite
def call_bodies(draw):
    """A body of tool calls, with or without what comes before, and now and then cut."""
    sent = draw(call_chunks())
    if draw(st.booleans()):
        sent = [{**chunk, "id": "chat-1", "object": "chat.completion.chunk"} for chunk in sent]
    body = encode("".join(f"data: {dumps(chunk, comma=',', colon=':')}\n\n" for chunk in sent))
    body += draw(st.sampled_from([b"data: [DONE]\n\n", b"data: [DONE]\n\n", b""]))
    return body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 7)) == 0 else body


# ---------------------------------------------------------------------------------------------------
# Runs: what the fast path is for

MARK = "\x1a"  # stands where the text comes
VALUE = "\x1b"  # stands where a value of another kind comes


def chat(delta):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }


RUNS = [
    chat({"content": MARK}),
    chat({"content": "", "reasoning_content": MARK}),
    chat({"reasoning": MARK, "content": None}),
    chat({"refusal": MARK}),
    chat({"role": "assistant", "content": MARK}),
    chat({"tool_calls": [{"index": 0, "function": {"arguments": MARK}}]}),
    chat({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": MARK}}]}),
    chat({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": MARK}}]}),
    chat({"tool_calls": [{"index": 1, "function": {"arguments": MARK}}]}),
    chat({"tool_calls": [{"function": {"arguments": MARK}}]}),
    chat({"tool_calls": [{"id": "b", "function": {"arguments": MARK}}]}),
    chat({"tool_calls": [{"index": 0, "custom": {"input": MARK}}]}),
    chat({"function_call": {"arguments": MARK}}),
    chat({"content": MARK, "v": "x"}),
    chat({"v": MARK}),
    chat({"content": MARK, "reasoning": MARK}),
    chat({"audio": {"transcript": MARK}}),
    chat({"content": [{"type": "text", "text": MARK}]}),
    {**chat({"content": MARK}), "obfuscation": MARK},
    {**chat({"content": MARK}), "obfuscation": "xyz"},
    {**chat({"content": MARK}), "usage": None},
    {**chat({"content": MARK}), "usage": {"n": 1}},
    {**chat({"content": MARK}), "x": MARK},
    {"id": MARK, "choices": [{"index": 1, "delta": {"content": "same"}}]},
    {"choices": [{"index": 0, "text": MARK, "logprobs": None, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"content": MARK}, "logprobs": {"content": [{"token": MARK}]}}]},
    {"choices": [{"index": 0, "delta": {"content": MARK}}, {"index": 1, "delta": {"content": MARK}}]},
    {"choices": [{"message": {"content": MARK}}]},
    # What popular servers send beside the text.
    {**chat({"content": MARK}), "usage": {"n": VALUE, "d": {"x": 1}}},
    {**chat({"content": MARK}), "usage": {"n": 1, "d": {"x": VALUE, "y": None}}},
    {**chat({"content": MARK}), "usage": VALUE},
    {**chat({"content": MARK}), "created": VALUE},
    {**chat({"content": MARK}), "x": {"a": VALUE}},
    {**chat({"content": MARK}), "token_ids": [VALUE]},
    {**chat({"content": MARK}), "x_groq": {"usage": {"n": VALUE}}},
    {**chat({"content": MARK}), "p": VALUE},
    chat({"content": MARK, "token_id": VALUE}),
    chat({"content": MARK, "v": {"text": MARK, "n": VALUE}}),
    chat({"content": VALUE}),
    chat({"reasoning": MARK, "reasoning_details": [{"type": "t", "index": 0, "text": MARK}]}),
    chat({"reasoning_details": [{"type": "t", "index": 0, "text": MARK}]}),
    chat({"reasoning": {"text": MARK, "n": VALUE}}),
    chat({"tool_calls": [{"index": VALUE, "function": {"arguments": MARK}}]}),
    chat({"tool_calls": [{"index": 0, "id": VALUE, "function": {"arguments": MARK}}]}),
    {"choices": [{"index": 0, "delta": {"content": MARK}, "text": MARK}]},
    {"choices": [{"index": 0, "delta": {"content": MARK}, "y": {"a": VALUE}, "token_ids": [VALUE]}]},
    {"choices": [{"index": 0, "delta": {"content": MARK}, "logprobs": {"content": [{"n": VALUE}]}}]},
    {"choices": [{"index": 0, "delta": {"content": MARK}, "finish_reason": VALUE}]},
    {"choices": [{"index": VALUE, "delta": {"content": MARK}}]},
]
# What comes where VALUE stands.
JSON_VALUES = ["0", "1", "2", "1.5", "1.0", "-1", "true", "null", "NaN"]
JSON_VALUES += ['""', '"s"', "{}", "[]", '{"a": 1}', "[1]"]
# Strings as they stand in JSON: whole ones, such as look like the frame around them, and broken ones.
JSON_STRINGS = [
    '""',
    '"A"',
    '" the"',
    '"lo, wor"',
    '"\\n"',
    '"\\u00e9\\"\\\\"',
    '"\\\\"',
    '"\u00e9\U0001f600"',
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ud83d\\ude00"',
    '"\ufffd"',
    '"\u2028\x7f"',
    '"}"',
    '"},\\"finish_reason\\":\\"stop\\""',
    '"' + "x" * 200 + '"',
]
BROKEN_STRINGS = [
    '"A"}}]}',  # the frame is over here: the one that is not sound
    '"A", "role": "tool"',
    '"A"}, "delta": {"content": "B"',
    '"\\x"',
    '"\\ud83"',
    '"\t"',
    '"',
    '"A',
    "",
    "null",
    "1",
    "{}",
    '["A"]',
    '"A" ',
]
RUN_FRAMINGS = ["data: {}\n\n"] * 4 + [
    "data: {}\n",
    "data:{}\n\n",
    "{}\n",
    "event: x\ndata: {}\n\n",
    "id: 1\ndata: {}\n\n",
]


@st.composite
def runs(draw, sound=False):
    """A body of many frames from a few patterns, in turn and not, with others between them."""
    patterns = draw(st.lists(st.sampled_from(RUNS), min_size=1, max_size=4))
    order = draw(st.one_of(st.just([0, 1]), st.lists(st.integers(0, 3), min_size=1, max_size=12)))
    comma, colon = draw(st.sampled_from([(", ", ": "), (",", ":")]))
    patterns = [dumps(pattern, False, comma, colon) for pattern in patterns]
    strings = st.sampled_from(JSON_STRINGS) | words.map(json.dumps)
    texts = draw(st.lists(strings, min_size=1, max_size=8))
    values = draw(st.lists(st.sampled_from(JSON_VALUES), min_size=1, max_size=6))
    framing = draw(st.sampled_from(RUN_FRAMINGS))
    count = draw(st.integers(20, 60) | st.integers(20, 300))
    step = draw(st.integers(1, 7))
    rows = []
    for number in range(count):
        pattern = patterns[order[number // step % len(order)] % len(patterns)]
        text = pattern.replace(json.dumps(MARK), texts[number * (number + 1) // 2 % len(texts)])
        text = text.replace(json.dumps(VALUE), values[number // step % len(values)])
        rows.append(encode(framing.replace("{}", text)))
    # What comes between: another frame, noise, the same with a broken string or broken UTF-8, a change.
    last = patterns[-1]
    changes = [
        ('"m"', '"n"'),
        ("1700000000", "1700000001"),
        ("chatcmpl-1", "chatcmpl-2"),
        ('"index"', '"delta"'),
    ]
    between = st.one_of(
        frames(sound=sound),
        noise,
        st.sampled_from(BROKEN_STRINGS[sound:]).map(
            lambda one: encode(framing.replace("{}", last.replace(json.dumps(MARK), one)))
        ),
        st.sampled_from([b"\xff", b"\xf0\x9f", b"\xed\xa0\xbd"]).map(
            lambda one: encode(framing.replace("{}", last)).replace(b"\\u001a", one)
        ),
        st.sampled_from(changes).map(
            lambda pair: encode(framing.replace("{}", last.replace(json.dumps(MARK), '"B"').replace(*pair)))
        ),
    )
    for other in draw(st.lists(between, max_size=5)):
        rows.insert(draw(st.integers(0, len(rows))), other)
    for old, new in draw(st.lists(st.sampled_from(changes), max_size=1)):
        rows[len(rows) // 2 :] = [row.replace(encode(old), encode(new)) for row in rows[len(rows) // 2 :]]
    body = b"".join(rows) + draw(st.sampled_from([b"data: [DONE]\n\n", b""]))
    if draw(st.integers(0, 3)) == 0:
        body = body[: len(body) - draw(st.integers(1, 200))]
    return body


# ---------------------------------------------------------------------------------------------------
# Mutations, cuts, limits


@st.composite
def mutated(draw, body):
    """The body with some bytes flipped, dropped, doubled, moved, put in, or cut off."""
    body = draw(body)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        end = min(len(body), at + draw(st.sampled_from([1, 1, 2, 10, 100])))
        piece = body[at:end]
        other = draw(st.integers(0, len(body)))
        inserted = draw(
            st.sampled_from([b"\n", b"\r", b'"', b"{", b"}", b"[", b"]", b":", b"\\", b"\0", b"\xff", b"1"])
        )
        body = draw(
            st.sampled_from(
                [
                    body[:at] + bytes(byte ^ 1 << at % 8 for byte in piece) + body[end:],
                    body[:at] + body[end:],
                    body[:at] + piece + body[at:],
                    (body[:at] + body[end:])[:other] + piece + (body[:at] + body[end:])[other:],
                    body[:at] + inserted + body[at:],
                    body[:at],
                ]
            )
        )
    return body


# A cut is the size of every piece, FRAMES, or a list of places (taken modulo the length).
FRAMES = 0  # one frame per piece, as servers send them
cuts = st.one_of(
    st.just(FRAMES),
    st.sampled_from([1, 2, 3, 7, 64, 1000, 65536]),
    st.lists(st.integers(0, 1 << 16), max_size=8),
)


def pieces_of(body, cut):
    if cut == FRAMES:
        blank = next((blank for blank in (b"\r\n\r\n", b"\r\r") if blank in body), b"\n\n")
        *frames, rest = body.split(blank)
        return [*(frame + blank for frame in frames), rest]
    if isinstance(cut, int):
        return [body[at : at + cut] for at in range(0, len(body), cut)]
    places = sorted(place % (len(body) + 1) for place in cut)
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)])]


limits = st.one_of(
    st.just({}),
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "max_event_bytes": st.sampled_from([10, 100, 200, 400]),
            "max_total_bytes": st.sampled_from([0, 1, 50, 500, 2000]),
            "max_choices": st.sampled_from([1, 2]),
            "max_tool_calls": st.sampled_from([0, 1, 2]),
            "max_errors": st.sampled_from([0, 1, 3]),
        },
    ),
)
