# SPDX-License-Identifier: MIT
"""The specification once more, as a program: slow, simple, and written without looking at the library.

It takes the whole input at once, so nothing in it can depend on how the bytes were cut. Text grows with
``+=``, calls are found by searching the list of everything that happened, and every value is copied. It was
written from the contract alone. Each comment names the rule or the section that it follows.

    decode(body)              what SSEDecoder gives: events, retries, last_event_id, comments, overflowed
    run(body)                 what ChatStream gives after feed(body) and close()
    assemble(chunks, done)    what ChatAssembler gives after add() of each and close(done)
    comparable(event)         an event as a dict, without the messages that are the library's own

``lines`` has the event stream, ``frames`` rules 12 and 13, ``answer`` the other rules, ``json_text`` the
grammar of JSON. Events are dicts in the shape of ``as_dict()``. Nothing here imports the library.
"""

from __future__ import annotations

from .answer import OWN_WORDS, Answer, Limit, event, message_and_code
from .frames import Framing
from .json_text import plain, scan
from .lines import MAX_EVENT_BYTES, decode

__all__ = ["OWN_WORDS", "Result", "assemble", "comparable", "decode", "event", "run", "scan"]


def comparable(event):
    """Return the event with the sentences that nobody can predict taken out (but they must be there)."""
    if event["type"] != "error":
        return event
    if not (isinstance(event["message"], str) and event["message"]):
        raise ValueError(f"an error without a message: {event}")
    if event["kind"] == "server" and message_and_code(event["data"], {})[0] is not None:
        return event
    return {**event, "message": OWN_WORDS}


class Result:
    """What can be read off a closed stream or assembler."""

    def __init__(self, answer, truncated=False):
        self.events = answer.events
        self.errors = [one for one in answer.events if one["type"] == "error"]
        self.snapshot = answer.snapshot()
        self.done = answer.done
        self.finished = answer.is_finished()
        self.truncated = truncated
        self.comments = answer.comments
        self.text = {index: choice.content.value or "" for index, choice in answer.choices.items()}
        self.reasoning = {index: choice.reasoning.value or "" for index, choice in answer.choices.items()}
        self.refusal = {index: choice.refusal.value or "" for index, choice in answer.choices.items()}


def run(
    body,
    *,
    max_event_bytes=MAX_EVENT_BYTES,
    max_total_bytes=None,
    max_choices=128,
    max_tool_calls=128,
    max_errors=100,
):
    answer = Answer(max_choices, max_tool_calls, max_errors)
    framing = Framing(answer, bytes(body), max_event_bytes, max_total_bytes)
    try:
        framing.read()
        answer.finish(done=False)
        truncated = framing.report_end()
    except Limit:
        answer.events.append(event("error", "limit", OWN_WORDS, None, None, None, None, None))
        answer.finish(done=False)
        truncated = False
    return Result(answer, truncated)


def assemble(chunks, done=False, *, max_choices=128, max_tool_calls=128, max_errors=100):
    answer = Answer(max_choices, max_tool_calls, max_errors)
    try:
        for chunk in chunks:
            answer.frame += 1
            try:
                chunk = plain(chunk)
            except ValueError:
                answer.error("malformed", OWN_WORDS, frame=answer.frame)
            else:
                answer.chunk(chunk)
    except Limit:
        answer.events.append(event("error", "limit", OWN_WORDS, None, None, None, None, None))
    answer.finish(done)
    return Result(answer)
