# SPDX-License-Identifier: MIT
"""The helpers that the tables of tests are written with: frames, events, and every way to deliver bytes.

A row is ``(name, frames, events, facts, final)``. ``frames`` is a list of what the server sends: a dict or
list is the data of a frame; a str is sent as it is, with LF for the line ends that are varied; bytes are sent
as they are. ``events`` lists all events that must come out, in order. ``facts`` has the names of those among
done, finished and truncated that are true at the end. ``final`` is a part of the final object: a dict in it
may have more keys, but a list must have exactly these entries.
"""

from __future__ import annotations

import copy
import gc
import json
import pickle
import sys
import time
from pathlib import Path
from unittest import TestCase, skipIf

try:
    import tracemalloc
except ImportError:  # PyPy
    tracemalloc = None

from tests import sseparse

RECORDINGS = sorted((Path(__file__).resolve().parents[1] / "benchmarks" / "recordings").glob("*.sse"))
LINE_ENDS = ("\n", "\r\n", "\r")
ABSENT = object()  # in ``final``: this key must not be there


# -- frames ---------------------------------------------------------------------------------------------


def text_of(frame):
    """The data of a frame."""
    return frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))


def sse(*frames, end="\n"):
    """The bytes of an event stream."""
    wire = b""
    for frame in frames:
        if isinstance(frame, (dict, list)):
            frame = f"data: {text_of(frame)}\n\n"
        wire += frame if isinstance(frame, bytes) else frame.replace("\n", end).encode()
    return wire


def strict(value):
    """Strict JSON text in valid Unicode, in which 1, 1.0 and true differ and the order of keys does not."""
    text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    return text


END = "data: [DONE]\n\n"


def delta(fields, choice=0, **entry):
    """A chunk with one entry, and with a second key, because no server sends ``choices`` alone."""
    return {"object": "", "choices": [{"index": choice, "delta": fields, **entry}]}


def chunk(fields, **more):
    """A chunk with one entry and the fields that all servers send."""
    return {"id": "i", "created": 5, "model": "m", **delta(fields), **more}


def say(text, choice=0, **chunk):
    return {**chunk, **delta({"content": text}, choice)}


def finish(reason="stop", choice=0):
    return delta({}, choice, finish_reason=reason)


def calls(*fragments, choice=0):
    return delta({"tool_calls": list(fragments)}, choice)


def fragment(index=None, id=None, name=None, arguments=None, **more):
    """An entry of tool_calls, without the keys that are not given."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    known = {"index": index, "id": id, "function": function or None}
    return {**{key: value for key, value in known.items() if value is not None}, **more}


STOP = finish()
CALLED = finish("tool_calls")
UPSTREAM = {"message": "M", "code": 5, "type": "t"}  # an error object
HALF_1, HALF_2, WHOLE = "\ud83d", "\ude00", "\U0001f600"  # a surrogate pair, and the character it is


# -- the final object -------------------------------------------------------------------------------------


def message(fields, **choice):
    """A final object with one choice."""
    return {"choices": [{"index": 0, **choice, "message": fields}]}


def final_calls(*expected, **fields):
    """A final object with one choice and these tool calls, given as (id, name, arguments)."""
    made = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for id, name, arguments in expected
    ]
    return message({**fields, "tool_calls": made})


# -- events -----------------------------------------------------------------------------------------------

START = sseparse.Start(None, None, None)
TEXT_START = sseparse.Start(None, None, None, "text_completion")
DONE = sseparse.Done()


def content(text, choice=0):
    return sseparse.ContentDelta(choice, text)


def content_done(text, choice=0):
    return sseparse.ContentDone(choice, text)


def thought(text, choice=0, field="reasoning_content"):
    return sseparse.ReasoningDelta(choice, text, field)


def thought_done(text, choice=0):
    return sseparse.ReasoningDone(choice, text)


def refusal(text, choice=0):
    return sseparse.RefusalDelta(choice, text)


def refusal_done(text, choice=0):
    return sseparse.RefusalDone(choice, text)


def call_start(index, id, name, kind="function", choice=0):
    return sseparse.ToolCallStart(choice, index, id, name, kind)


def call_delta(index, arguments, choice=0):
    return sseparse.ToolCallDelta(choice, index, arguments)


def call_done(index, id, name, arguments, status="complete", kind="function", choice=0):
    return sseparse.ToolCallDone(choice, index, id, name, arguments, kind, status)


def audio(data, transcript, choice=0):
    return sseparse.AudioDelta(choice, data, transcript)


def logprobs(value, choice=0):
    return sseparse.LogprobsDelta(choice, value)


def choice_done(reason="stop", choice=0):
    return sseparse.ChoiceDone(choice, reason)


STOPPED = [choice_done(), DONE]
CALLS_DONE = [choice_done("tool_calls"), DONE]


def usage(**fields):
    return sseparse.Usage(fields)


def extra(field, value, choice=None, index=None, place=None):
    """An Extra. If ``place`` is not given, it is the usual one for the choice and the index."""
    usual = "chunk" if choice is None else "delta" if index is None else "tool_call"
    return sseparse.Extra(choice, index, field, value, place or usual)


def server(message, code, data, frame, choice=None, kind=None):
    """An error of the server. Its ``server_type`` is the ``type`` of ``data``, else ``kind``, if a string."""
    kind = data.get("type", kind) if isinstance(data, dict) else kind
    kind = kind if isinstance(kind, str) else None
    return sseparse.Error("server", message, choice, code, data, frame, kind)


NO_MESSAGE = "the server reported an error without a message"


def malformed(what, frame, data, choice=None):
    """A malformed error. ``data`` is the frame as in the row; the error quotes 200 characters of it."""
    return sseparse.Error("malformed", what, choice, None, text_of(data)[:200], frame)


def cut(frame=None, data=None, begun=True):
    """The error of a stream that was cut: inside ``frame``, before its end, or before its beginning."""
    what = (
        "the stream ended before its first frame"
        if not begun
        else "the stream ended without a finish_reason and without DONE"
        if frame is None
        else "the stream was cut inside its last frame"
    )
    return sseparse.Error("truncated", what, None, None, data, frame)


NO_STREAM = "the body is not an event stream (a web page or plain text?): look at HTTP status and headers"


def foreign(data, what=NO_STREAM):
    return sseparse.Error("not_sse", what, None, None, data, None)


def not_chat(data, api=None):
    what = "frames came, but none is of a Chat Completions stream"
    what += f": they look like {api}" if api else ""
    return sseparse.Error("not_chat", what, None, None, data, None)


def limit(what):
    return sseparse.Error("limit", what, None, None, None, None)


# -- delivery -----------------------------------------------------------------------------------------------


def deliver(pieces, stream=None, **options):
    """Feed the pieces, close, and return the stream (or another reader of bytes) with all its events."""
    stream = stream or sseparse.ChatStream(**options)
    events = []
    for piece in pieces:
        events += stream.feed(piece)
    return stream, events + stream.close()


def deliver_to_copies(pieces, stream=None, **options):
    """Like deliver(), but each piece goes to a pickled or deep copy of the stream so far."""
    stream = stream or sseparse.ChatStream(**options)
    events = []
    for number, piece in enumerate(pieces):
        stream = copy.deepcopy(stream) if number % 2 else pickle.loads(pickle.dumps(stream))
        events += stream.feed(piece)
    stream = pickle.loads(pickle.dumps(stream))
    return stream, events + stream.close()


def slices(wire, size):
    return [wire[start : start + size] for start in range(0, len(wire), size)]


def single_bytes(wire):
    return slices(wire, 1)


def eighths(wire):
    places = [len(wire) * part // 8 for part in range(9)]
    return [wire[start:stop] for start, stop in zip(places, places[1:])]


CUT_BEFORE = set()  # frames that were cut at every place, each with the limits of that stream


def places(pieces, every, limits):
    """Yield the places at which to cut the bytes in two. Each piece is a frame.

    If ``every``, a frame that no row has had before is cut at each place. All other frames are cut at every
    seventh place, which is enough and much faster.
    """
    start = 0
    for piece in pieces:
        is_new = every and (piece, limits) not in CUT_BEFORE
        yield from range(start + 1, start + len(piece) + 1, 1 if is_new else 7)
        start += len(piece)
    if every:
        CUT_BEFORE.update((piece, limits) for piece in pieces)


def ways(frames, **options):
    """Deliver the frames in every way; yield a name of the way, the stream and its events."""
    for fast_path in (True, False):
        for end in LINE_ENDS:
            pieces = [sse(frame, end=end) for frame in frames]
            wire = b"".join(pieces)
            options["fast_path"] = fast_path
            way = f"fast_path={fast_path}, {end!r}, "
            yield (way + "whole", *deliver([wire], **options))
            yield (way + "byte by byte", *deliver(single_bytes(wire), **options))
            yield (way + "frame by frame", *deliver(pieces, **options))
            yield (way + "copied", *deliver_to_copies(eighths(wire), **options))
            every = fast_path and end == "\n"
            for place in places(pieces, every, str(options)):
                yield (way + f"cut at {place}", *deliver([wire[:place], wire[place:]], **options))


def one_way(frames, **options):
    """Use this in place of ways() to deliver the frames byte by byte only."""
    yield ("byte by byte", *deliver(single_bytes(sse(*frames)), **options))


def readings(stream):
    """Return everything that a stream shows, except its events."""
    facts = [name for name in ("done", "finished", "truncated") if getattr(stream, name)]
    return (" ".join(facts), stream.errors, stream.snapshot(), stream.comments)


def differences(expected, actual, path="final"):
    """Return the places at which ``expected`` is not part of ``actual``."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found = []
        for key, value in expected.items():
            if (value is ABSENT) != (key not in actual):
                found.append(f"{path}[{key!r}] is {'there' if value is ABSENT else 'missing'}")
            elif value is not ABSENT:
                found += differences(value, actual[key], f"{path}[{key!r}]")
        return found
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual))
        return [one for place, pair in pairs for one in differences(*pair, f"{path}[{place}]")]
    if type(expected) is type(actual) and expected == actual:
        return []
    return [f"{path} is {actual!r}, not {expected!r}"]


def check_final(test, stream, events):
    """Check that the joined deltas, the Done events and the final object agree. It must be strict JSON."""
    joined = {}
    done = {}
    for event in events:
        kind, _, stage = event.type.partition(".")
        key = (kind, getattr(event, "choice", None), getattr(event, "index", None))
        text = getattr(event, "arguments" if kind == "tool_call" else "text", None)
        if stage == "delta" and text is not None:
            joined[key] = joined.get(key, "") + text
        elif stage == "done":
            test.assertNotIn(key, done)
            done[key] = event
            if text is not None:
                test.assertEqual(joined.get(key, ""), text, key)
    final = stream.snapshot()
    json.dumps(final, allow_nan=False, ensure_ascii=False).encode()
    for choice in final["choices"]:
        index = choice["index"]
        message = choice.get("message") or {"content": choice["text"]}
        if isinstance(message["content"], str):
            test.assertEqual(joined.get(("content", index, None), ""), message["content"])
        for place, call in enumerate(message.get("tool_calls", [])):
            inside = call.get("function") or call["custom"]
            text = inside["arguments"] if "arguments" in inside else inside["input"]
            said = done["tool_call", index, place]
            test.assertEqual((call["id"], inside["name"], text), (said.id, said.name or "", said.arguments))


def check(test: TestCase, row, **options):
    """Deliver a row in every way, and check that each way gives the result in the row."""
    name, frames, events, facts, final = row
    with test.subTest(name):
        errors = [event for event in events if event.type == "error"]
        stream, found = deliver([sse(*frames)], **options)
        test.assertEqual(found, events)
        seen = readings(stream)
        test.assertEqual(seen[:2], (facts, errors))
        test.assertEqual(differences(final, seen[2]), [])
        check_final(test, stream, events)
        said = repr((found, seen))  # 1 is not true
        for way, stream, found in ways(frames, **options):
            if repr((found, readings(stream))) != said:
                test.assertEqual(found, events, way)
                test.assertEqual(readings(stream), seen, way)
                test.assertEqual(repr((found, readings(stream))), said, way)


_COMPILES = sys.implementation.name != "cpython" or sys.platform == "emscripten"
measures_time = skipIf(_COMPILES, "what compiles on the way has no steady times")
measures_memory = skipIf(tracemalloc is None, "this Python has no tracemalloc")


def growth(work, make, size):
    """Return the ratio of the CPU times for ``4 * size`` and for ``size / 2``, an eighth of that.

    Linear work gives 8 and quadratic work 64. Each time is the best of several runs, so a limit of 24
    separates the two.
    """
    return best_time(work, make(4 * size), 3) / best_time(work, make(size // 2), 6)


def best_time(work, given, runs):
    times = []
    gc.disable()  # otherwise a run of the garbage collector could change a short time
    try:
        for _ in range(runs):
            start = time.process_time()
            work(given)
            times.append(time.process_time() - start)
    finally:
        gc.enable()
    return min(times)
