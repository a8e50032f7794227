# SPDX-License-Identifier: MIT
"""Fuzz ``ChatStream`` against itself. Atheris is no dependency; from the project's root:

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris
    mkdir -p CORPUS && PYTHONPATH=. /tmp/fuzz/bin/python tests/fuzz/fuzz_stream.py -max_total_time=120 \
        -max_len=3000 CORPUS

An input is a byte that picks limits, a byte that seeds the cuts, and the body. What must hold of it is in
``oracle.py``.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys

import atheris

with atheris.instrument_imports():
    from tests.fuzz.oracle import BLANK, examine

LIMITS = (
    {},
    {},
    {},
    {},
    {"max_event_bytes": 100},
    {"max_total_bytes": 300},
    {"max_errors": 1},
    {"max_choices": 2, "max_tool_calls": 2, "max_errors": 3},
)

# ---------------------------------------------------------------------------------------------------
# What bodies are made of. Blind mutations break JSON at once; most of ours exchange a value, a string,
# a line or a whole frame, and repeat frames often enough for the fast path.

VALUES = r"""
null true false 0 1 2 -1 1.5 1e999 NaN 10000000000000000000000000000000 128 127 [] {} [[]] [{}] [null]
"" "0" "1" "x" "y" "a" "stop" "length" "tool_calls" "error" "assistant" "function" "custom" "text" "thinking"
"\ud83d" "\ude00" "\ud83d\ude00"
"\"" "\\" "\n" "\u0000" "é" "😀" "[DONE]" "{" "}" "{}" "{\"a\":1}" ":1" "NaN"
"AA==" "AAAA" {"message":"E","code":3} [{"index":0,"text":"t"}] [{"type":"text","text":"t"}]
[{"type":"thinking","thinking":"t"}] {"a":null,"b":{"c":2}} {"content":[{"token":"t"}]} {"prompt_tokens":1}
{"name":"g","arguments":"{}"} {"content":"x"} {"tool_calls":[{"id":"b"}]} {"index":1,"delta":{"content":"z"}}
""".encode().split()
VALUES += [b'"\xed\xa0\xbd"', b'"\xe2\x80\xa8"']
VALUES += [b'"' + 70 * b"x" + b'"', b"[" * 130 + b"]" * 130, b"9" * 4500]
KEYS = (
    b"id object created model choices usage error obfuscation p service_tier x x_groq index delta message"
    b" text finish_reason logprobs content reasoning_content reasoning thinking refusal tool_calls"
    b" function_call audio role reasoning_details type function custom name arguments input data transcript"
).split(b" ")

# All but the first and the whole message have a second key, as chunks that take the fast path do.
CHUNKS = (
    b'{"choices":[{"delta":{"content":"A"}}]}',
    b'{"id":"c","model":"m","created":1,"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}',
    b'{"id": "c-1", "choices": [{"index": 1, "delta": {"content": "B"}, "logprobs": null}], "p": "q"}',
    b'{"p":"pad","id":"c-2","choices":[{"index":0,"delta":{"reasoning_content":"R"}}]}',
    b'{"created":12,"choices":[{"index":0,"delta":{"refusal":"N"}}],"id":"c-1"}',
    b'{"choices":[{"index":0,"text":"T"}],"object":"text_completion"}',
    b'{"id":"c","choices":[{"delta":{"role":"assistant","content":""}}],"model":"m"}',
    b'{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":'
    b'{"name":"f","arguments":""}}]}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\":"}}]}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"function":{"arguments":"1}"}}]}}]}',
    b'{"id":"c","choices":[{"delta":{"tool_calls":[{"custom":{"input":"i"},"index":0}]}}],"obfuscation":"o"}',
    b'{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"id":"d","type":"custom","custom":{"name":"h","input":"i"}}]}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"function_call":{"name":"f","arguments":"{"}}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"audio":{"id":"u","data":"AA==","transcript":"t"}}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"content":[{"type":"text","text":"p"},{"type":"thinking","thinking":"q"}]}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"reasoning_details":[{"type":"text","text":"r","index":0}],"reasoning":"r"}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"content":"\\ude00"}}]}',
    b'{"id":"c","choices":[{"index":0,"delta":{"content":"l"},"logprobs":{"content":[{"token":"l"}]}}],"x":{"y":1}}',
    b'{"choices":[{"index":0,"message":{"content":"whole"},"finish_reason":"stop"}],"object":"chat.completion"}',
    b'{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}',
    b'{"id":"c","choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}',
    b'{"choices":[],"usage":{"prompt_tokens":1,"details":{"a":2}}}',
    b'{"error":{"message":"E","code":5}}',
    b'{"type":"ping"}',
    b"null",
    b"[DONE]",
    b": x",
    b"",
)
LINES = (
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n\r\n",
    b": heartbeat\n\n",
    b"event: error\n",
    b"event: x\n",
    b"id: 1\n",
    b"retry: 1\n",
    b"data\n",
    b"data: \n\n",
    b"data:[DONE]\n",
    b"data: [DONE]\n\n",
    b'error: {"message":"E"}\n',
    b"error: e\n\n",
    b"2f\n",
    b"\xef\xbb\xbf",
    b"HTTP/1.1 200 OK\n",
    b"\x1f\x8b",
    b"<html>\n",
    b"{\n",
    b"}\n",
    b'"choices": [\n',
    b"[\n",
    b"\xff",
    b"\xf0\x9f\x98",
)
# A scalar, a list or object without another inside, or a key with its colon.
TOKEN = re.compile(rb'"(?:[^"\\\r\n]|\\.)*"(?:\s*:)?|\[[^\[\]]*\]|\{[^{}]*\}|[-\w.]+')
TEXT = re.compile(
    rb'("(?:content|reasoning_content|arguments|refusal|text|input|obfuscation|id)": ?)"(?:[^"\\\r\n]|\\.)*"'
)


def seeds():
    """Bodies of made-up frames: answers that take the fast path, and all the framings."""
    ends = (b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b"\n\n\n")
    named = b"data: " + CHUNKS[7] + b"\n\n"
    for number, chunk in enumerate(CHUNKS):
        for end in ends[: 2 if number > 12 else 5]:
            yield b"data: " + chunk + end
        many = [again(chunk, step) for step in range(100, 100 + 2300 // (len(chunk) + 8))]
        frames = b"".join(b"data: " + one + b"\n\n" for one in many)
        yield frames + b"data: [DONE]\n\n"
        yield frames.replace(b"\n", b"\r\n")
        yield b"".join(one + b"\n" for one in many[:4])
        if b"arguments" in chunk or b"input" in chunk:  # deltas fire only once the name is known
            yield named + frames
            yield named.replace(b"\n", b"\r\n") + frames.replace(b"\n", b"\r\n")
    call = b"data: " + CHUNKS[8] + b"\n\n"
    other = call.replace(b'"index":0,"function"', b'"index":1,"function"')
    yield named + b"data: " + CHUNKS[9] + b"\n\n" + (call + other) * 8
    yield b"data: " + CHUNKS[12] + b"\n\n" + call * 16
    for first, second in ((0, 1), (1, 2), (3, 2), (7, 9), (8, 10), (0, 3)):
        pair = b"data: " + CHUNKS[first] + b"\n\ndata: " + CHUNKS[second] + b"\n\n"
        yield pair * 12 + b"data: " + CHUNKS[21] + b"\n\ndata: [DONE]\n\n"
    yield b"".join(b"data: " + chunk + b"\n\n" for chunk in CHUNKS)
    yield b"".join(b"data: " + chunk + b"\n" for chunk in CHUNKS)
    yield json.dumps(json.loads(CHUNKS[20]), indent=1).encode()
    yield b'{\n"error":\n{"message": "E"}\n}\n'
    yield from LINES


def again(chunk, step):
    """The chunk with other texts, and another time where it has one (an id stays)."""
    chunk = TEXT.sub(
        lambda found: found.group() if b'"id"' in found.group() else found.group(1) + b'"%d"' % step, chunk
    )
    return re.sub(rb'"created":\d+', b'"created":%d' % step, chunk)


def fresh_text(randomness, frame):
    text = randomness.choice(
        (b"%d" % randomness.randrange(10**6), b"", b"a\\n", "é\U0001f600".encode(), b'\\"')
    )
    return TEXT.sub(
        lambda found: found.group(1) + b'"' + text + b'"', frame, count=randomness.choice((1, 1, 2, 0))
    )


def mutate(data, max_size, seed):
    randomness = random.Random(seed)
    if len(data) < 2 or randomness.randrange(5) == 0:
        return atheris.Mutate(data, max_size)
    head, body = data[:2], data[2:]
    if randomness.randrange(8) == 0:
        head = bytes((randomness.randrange(256), randomness.randrange(256)))
    for _ in range(randomness.choice((1, 1, 1, 2, 3, 5))):
        body = mutate_body(randomness, body)
    return (head + body)[:max_size]


def mutate_body(randomness, body):
    way = randomness.randrange(10)
    if way < 4:  # inside a frame
        tokens = list(TOKEN.finditer(body))
        if tokens:
            token = randomness.choice(tokens)
            old = token.group()
            if old.endswith(b":"):
                new = b'"' + randomness.choice(KEYS) + b'":'
                if randomness.randrange(2):
                    new += randomness.choice(VALUES) + b"," + old
            else:
                new = randomness.choice(VALUES)
            return body[: token.start()] + new + body[token.end() :]
    if way < 8:  # whole frames
        pieces = BLANK.split(body)
        frames = [b"".join(pieces[place : place + 2]) for place in range(0, len(pieces), 2)]
        place = randomness.randrange(len(frames))
        deed = randomness.randrange(8)
        if deed == 0:
            del frames[place]
        elif deed == 1:
            count = randomness.choice((1, 2, 12, 30))
            frames[place:place] = [fresh_text(randomness, frames[place]) for _ in range(count)]
        elif deed > 5:  # for the fast path, which begins with the tenth frame of a kind
            count = 2400 // (len(frames[place]) + 1)
            frames[place:place] = [again(frames[place], step) for step in range(100, 100 + count)]
        elif deed == 2:
            frames.insert(randomness.randrange(len(frames)), frames[place])
        elif deed == 3:
            made = (
                b"data: "
                + fresh_text(randomness, randomness.choice(CHUNKS))
                + (pieces[1] if pieces[1:] else b"\n\n")
            )
            frames[place:place] = [made] * randomness.choice((1, 1, 3))
        elif deed == 4:
            frames[place] = randomness.choice(
                (frames[place].lstrip(b"data: "), frames[place].rstrip() + b"\n")
            )
        else:
            frames[place] = fresh_text(randomness, frames[place])
        return b"".join(frames)
    start = randomness.randrange(len(body) + 1)
    if way == 8:  # lines
        start = body.rfind(b"\n", 0, start) + randomness.choice((0, 1))
        return body[:start] + randomness.choice(LINES) + body[start:]
    old, new = randomness.choice(
        ((b"\n", b"\r\n"), (b"\r\n", b"\n"), (b"\n", b"\r"), (b"\n\n", b"\n"), (b'": ', b'":'))
    )
    if randomness.randrange(2):
        return body.replace(old, new)
    stop = start + randomness.choice((1, 4, 40, 400))
    return body[:start] + body[start:stop].replace(old, new) + body[stop:]


def one_input(data):
    if len(data) >= 2:
        examine(data[2:], LIMITS[data[0] & 7], random.Random(data[1]))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        if os.path.isdir(argument):
            for number, seed in enumerate(seeds()):
                with open(os.path.join(argument, f"seed{number}"), "wb") as file:
                    file.write(b"\0%c" % (number % 256) + seed)
    atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()
