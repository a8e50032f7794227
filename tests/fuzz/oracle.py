# SPDX-License-Identifier: MIT
"""What must be true of every stream, however its bytes are cut. Both fuzzers check it.

Nothing raises. These all give the same events, the same final object and the same properties: any cuts, any
bytes-like type, with and without the fast path, and pickled and deep-copied copies after the original was
closed. The deltas joined are the text of their Done event. Each snapshot is strict JSON and UTF-8, and later
feeds do not change it. frames() gives the same events, and the same frames wherever the bytes are cut. If a
body of plain data lines of JSON is cut off anywhere, its text is the beginning of the whole text.
"""

from __future__ import annotations

import copy
import json
import pickle
import re

from tests import sseparse

KINDS = (bytes, bytearray, memoryview)
DONES = {"content": "text", "reasoning": "text", "refusal": "text", "tool_call": "arguments"}
BLANK = re.compile(rb"(\r\n\r\n|\n\n|\r\r)")


def dump(snapshot):
    text = json.dumps(snapshot, allow_nan=False)
    json.dumps(snapshot, ensure_ascii=False).encode()  # which takes no lone surrogate
    return text


def facts(stream):
    """Whatever a stream tells but for its events."""
    choices = [*range(3), 127]
    return (
        dump(stream.snapshot()),
        stream.done,
        stream.finished,
        stream.truncated,
        stream.closed,
        repr(stream.errors),
        stream.id,
        stream.model,
        repr(stream.usage),
        stream.comments,
        [
            (
                stream.text(choice),
                stream.reasoning(choice),
                stream.refusal(choice),
                stream.finish_reason(choice),
                repr(stream.tool_calls(choice)),
            )
            for choice in choices
        ],
    )


def run(pieces, options, fast, copied_at=-1, before=(), kinds=(bytes,)):
    """Return all events and the stream. The copied one is closed, and ``before`` gets its events."""
    stream, events = sseparse.ChatStream(fast_path=fast, **options), []
    for number, piece in enumerate(pieces):
        if number == copied_at:
            original = stream
            stream = pickle.loads(pickle.dumps(stream)) if number % 2 else copy.deepcopy(stream)
            now = facts(original)
            assert facts(stream) == now, "copy"
            snapshot = original.snapshot()
            early = [*events, *original.close()]
            assert json.dumps(snapshot) == now[0], "a snapshot changed"
            check(early, original)
            before.append(early)
        events += stream.feed(kinds[number % len(kinds)](piece))
    events += stream.close()
    assert stream.close() == []
    return events, stream


def framed(pieces, options, fast):
    """Return what frames() gives, each frame with the blank lines behind it, and the whole result."""
    stream, events, frames, size, begun = sseparse.ChatStream(fast_path=fast, **options), [], [], 0, []
    for number, piece in enumerate(pieces):
        if number % 7 == 5:
            stream = pickle.loads(pickle.dumps(stream))
        size += len(piece)
        for data, caused in stream.frames(piece):
            size -= len(data)
            events += caused
            begun += caused
            if frames and not data.strip(b"\r\n") and data:
                frames[-1] = frames[-1][0] + data, frames[-1][1] + begun
            elif data and data != b"\xef\xbb\xbf":
                frames.append((data, begun))
            begun = begun if not data else []
        assert stream.pending == size or any(error.kind == "limit" for error in stream.errors), "pending"
    events += stream.close()
    return [(data[3 * data.startswith(b"\xef\xbb\xbf") :], found) for data, found in frames], (events, stream)


def key_of(event):
    return event.type.partition(".")[0], event.choice, getattr(event, "index", None)


def check(events, stream):
    """What holds of any whole list of events."""
    texts = {}
    done = {}
    for event in events:
        kind, _, what = event.type.partition(".")
        if kind in DONES and what == "delta":
            assert key_of(event) not in done, "a delta after its Done"
            text = getattr(event, DONES[kind])
            assert text, "an empty delta"
            texts.setdefault(key_of(event), []).append(text)
        elif kind in DONES and what == "done":
            assert key_of(event) not in done, "two Dones"
            done[key_of(event)] = text = getattr(event, DONES[kind])
            assert "".join(texts.pop(key_of(event), [])) == text, "deltas joined are the Done"
            if kind == "tool_call" and event.index is not None:
                call = stream.message(event.choice)["tool_calls"][event.index]
                assert (call["id"], call[event.kind]["name"]) == (event.id, event.name or "")
                assert call[event.kind]["input" if event.kind == "custom" else "arguments"] == text
            elif kind == "content":
                assert stream.text(event.choice) == text
        json.dumps(event.as_dict(), ensure_ascii=False, allow_nan=False).encode()
    assert not texts, "deltas without a Done"
    assert [event for event in events if event.type == "error"] == stream.errors
    assert sum(event.type == "start" for event in events) <= 1
    return done


def outcome(result):
    events, stream = result
    return repr(events), facts(stream)


def compare(whole, result, how):
    for here, there in zip(whole, outcome(result)):
        assert here == there, f"{how}:\n{here}\n{there}"


def cuts(body, randomness):
    """Seven ways to cut a body: what to call each, and its pieces."""
    size = len(body)

    def at(places):
        places = sorted({place for place in places if 0 < place < size})
        return [body[here:there] for here, there in zip([0, *places], [*places, size])]

    def every(width):
        return [body[place : place + width] for place in range(0, size, width)]

    ends = [found.end() for found in BLANK.finditer(body)]
    lines = [found.end() for found in re.finditer(rb"\r\n|\n|\r", body)]
    width = 1 if size < 300 else randomness.choice((3, 16, 61, 200))
    few = [randomness.randrange(size + 1) for _ in range(randomness.randrange(1, 8))]
    yield "a frame a feed", at(ends)
    yield "a line a feed", at(lines)
    yield "just before each end", at(place - randomness.choice((1, 2, 3)) for place in ends)
    yield "just behind each end", at(place + randomness.choice((1, 2, 9)) for place in ends)
    yield "like packets", every(randomness.choice((536, 1460)))
    yield f"in pieces of {width}", every(width)
    yield f"at {sorted(few)}", at(few)


def examine(body, options, randomness):
    """Read a body in every way; raise AssertionError where one way says something else."""
    result = run([body], options, True)
    whole = outcome(result)
    done = check(*result)
    if not result[0]:
        assert result[1].completion()["choices"] == []
    compare(whole, run([body], options, False), "without the fast path")
    early = []
    frames, result_of_frames = framed([body], options, True)
    compare(whole, result_of_frames, "by frames()")
    for name, pieces in cuts(body, randomness):
        fast = randomness.randrange(4) > 0
        copied_at = randomness.randrange(-1, len(pieces)) if randomness.randrange(2) else -1
        kinds = KINDS if randomness.randrange(2) else (bytes,)
        result_of_cut = run(pieces, options, fast, copied_at, early, kinds)
        compare(whole, result_of_cut, f"{name}, fast={fast}, copied at {copied_at}")
        frames_of_cut, result_of_frames = framed(pieces, options, fast)
        compare(whole, result_of_frames, f"{name}, fast={fast}, by frames()")
        assert options or repr(frames_of_cut) == repr(frames), f"{name}, fast={fast}: other frames"
    # (A line that is no JSON may begin with some: cut there, it is read. A limit takes back lines that are
    # frames of their own once the next line comes, or the end.)
    broken = any(event.type == "error" and event.kind in ("malformed", "limit") for event in result[0])
    if not broken and all(line == b"" or line.startswith(b"data: ") for line in body.splitlines()):
        for events in early:
            for event in events:
                if event.type == "content.done":
                    text = event.text[:-1] if event.text.endswith("\ufffd") else event.text
                    assert done.get(key_of(event), "").startswith(text), "not the beginning of the whole text"
