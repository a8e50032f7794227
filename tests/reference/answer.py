# SPDX-License-Identifier: MIT
"""From chunks to events and the final object: sections 4 and 5, and section 6 without its rules 12 and 13.

========  =====================================================================
rule 1    is_absent, text_of, Answer.is_a
rule 2    Answer.chunk, Answer.learn_identity, Answer.keep, merge_last
rule 3    Answer.entry
rule 4    Answer.tool_call, Answer.find_call, known_call, call_at, Answer.call_id
rule 5    Call.learn_name
rule 6    Answer.argument_text, Answer.legacy_call
rule 7    Answer.learn_reason
rule 8    Answer.content, part_kind, join_parts
rule 9    Answer.reasoning, text_inside, merge_entries
rule 10   merge_delta, merge_growing
rule 11   Answer.learn_usage, merge_logprobs, Answer.audio, join_base64
rule 12   is_error, find_errors, message_and_code
rule 14   Answer.message
rule 15   Text, json_text.clean
status    Answer.status
========  =====================================================================
"""

from __future__ import annotations

import base64
import binascii
import json
import re

from .json_text import JSON_SPACE, clean, is_one_value, parse, scan

FIELDS = {
    "start": ("id", "model", "created", "object"),
    "content.delta": ("choice", "text"),
    "content.done": ("choice", "text"),
    "reasoning.delta": ("choice", "text", "field"),
    "reasoning.done": ("choice", "text"),
    "refusal.delta": ("choice", "text"),
    "refusal.done": ("choice", "text"),
    "tool_call.start": ("choice", "index", "id", "name", "kind"),
    "tool_call.delta": ("choice", "index", "arguments"),
    "tool_call.done": ("choice", "index", "id", "name", "arguments", "kind", "status"),
    "audio.delta": ("choice", "data", "transcript"),
    "logprobs.delta": ("choice", "logprobs"),
    "choice.done": ("choice", "finish_reason"),
    "usage": ("usage",),
    "extra": ("choice", "index", "field", "value", "place"),
    "error": ("kind", "message", "choice", "code", "data", "frame", "server_type"),
    "done": (),
}
# What the library says in its own words stands here as one word; comparable() takes it out.
OWN_WORDS = "(the library's own words)"

MAX_USAGE = 128  # values in the usage that is kept, or laying one over it would cost ever more
MISSING = object()

NOISE = ("obfuscation", "p")  # rule 2
TOP = ("id", "object", "created", "model", "choices", "usage", "error", *NOISE)
CHOICE = ("index", "delta", "message", "finish_reason", "logprobs", "usage", "error", *NOISE)
REASONING = ("reasoning_content", "reasoning", "reasoning_text", "thinking")  # rule 9, in this order
DETAILS = ("reasoning_details", "thinking_blocks")  # rule 9, after those
DELTA = ("role", "content", "refusal", "tool_calls", "function_call", "audio", "index", "token_id", *NOISE)
CALL = ("index", "id", "type", "function", "custom", *NOISE)
IDENTITIES = ("id", "name", "type", "model", "finish_reason")  # rule 1
APPENDED = ("text", "summary", "data", "thinking", "transcript")  # rule 10, and names with "reasoning" first
# Rule 10: lists that grow, by where they stand.
GROWING = {"chunk": ("token_ids",), "choice": ("token_ids", "annotations"), "delta": ("token_ids",)}
FINAL_REASONS = ("tool_calls", "function_call", "length", "content_filter", "error")  # rule 7
GOOD_ENDS = (  # section 4, status of what has no grammar
    "stop",
    "tool_calls",
    "function_call",
    "tool_call",
    "tool_use",
    "end_turn",
    "eos",
    "eos_token",
    "stop_sequence",
)


class Limit(Exception):
    """One of the limits of section 7 was passed; nothing more is read."""


def event(kind, *values):
    fields = FIELDS[kind]
    if len(fields) != len(values):
        raise TypeError(f"{kind} takes {fields}")
    return {"type": kind, **dict(zip(fields, values))}


# ---------------------------------------------------------------------------------------------------
# Errors that the server reports (rule 12)


def is_error(chunk, event_type=""):
    """Is this object an error, by itself or beside what else it has?"""
    if chunk.get("error") or groq_error(chunk) or chunk.get("object") == "error":
        return True
    if isinstance(chunk.get("choices"), list):
        return False
    if chunk.get("type") == "error" or any(
        chunk.get(key) for key in ("error_msg", "error_message", "error_code")
    ):
        return True
    code = chunk.get("code")
    is_bad_code = bool(code) and checked_index(code) not in (0, 200)
    if event_type not in ("", "message", "error"):
        return is_bad_code and is_text(chunk.get("message"))
    if chunk.get("errors") or failed_outcome(chunk):
        return True
    is_bad_status = any(
        one == "error" or (checked_index(one) is not None and checked_index(one) >= 400)
        for one in (chunk.get("status"), chunk.get("statusCode"), chunk.get("status_code"))
    )
    has_words = any(is_text(chunk.get(key)) for key in ("message", "detail", "msg", "error_description"))
    return has_words and (is_bad_code or is_bad_status or chunk.get("success") is False)


def groq_error(chunk):
    """Groq says under ``x_groq`` why it stopped the stream."""
    groq = chunk.get("x_groq")
    return groq.get("error") if isinstance(groq, dict) else None


def failed_outcome(chunk):
    """MiniMax says under ``base_resp`` whether all went well."""
    outcome = chunk.get("base_resp")
    return outcome if isinstance(outcome, dict) and outcome.get("status_code") else None


def find_errors(value):
    """A list of nothing but errors (Google's); of anything else, nothing."""
    if isinstance(value, list) and all(isinstance(one, dict) and is_error(one) for one in value):
        return value
    return []


def inner_error(value, event_type=""):
    """The error value: what stands under ``error`` or ``base_resp``, or the whole where there is nothing."""
    if not isinstance(value, dict):
        return value
    if value.get("error") or groq_error(value):
        return value.get("error") or groq_error(value)
    is_stronger = (
        value.get("object") == "error"
        or isinstance(value.get("choices"), list)
        or value.get("type") == "error"
        or any(value.get(key) for key in ("error_msg", "error_message", "error_code", "errors"))
    )
    if is_stronger or event_type not in ("", "message", "error"):
        return value
    return failed_outcome(value) or value


def message_and_code(value, around):
    """Find message, code and type in the error value, in an error inside it, or beside it; else None."""
    places, level = [], [value]
    while level:
        places += level
        inside = []
        for one in level:
            if isinstance(one, dict):
                inside += [one.get(key) for key in ("message", "error", "detail", "errors")]
            elif isinstance(one, list) and one and isinstance(one[0], dict):
                inside.append(one[0])
        level = inside
    places.append(around)
    message = code = status = server_type = None
    for number, place in enumerate(places):
        if is_text(place) and message is None:
            message = clean(place)
        if isinstance(place, dict):
            for name in ("message", "error_msg", "error_message", "msg", "status_msg", "error_description"):
                if is_text(place.get(name)) and message is None:
                    message = clean(place[name])
            for name in ("code", "error_code"):
                if code is None:
                    code = clean(place.get(name))
            if status is None:
                status = clean(place.get("status_code"))
            if is_text(place.get("type")) and server_type is None and number < len(places) - 1:
                server_type = clean(place["type"])
            if is_text(place.get("error_type")) and server_type is None:
                server_type = clean(place["error_type"])
    return message, status if code is None else code, server_type


# ---------------------------------------------------------------------------------------------------
# Merging what is not known (rules 2, 9, 10)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_container(value):
    return isinstance(value, (dict, list))


def is_json_equal(old, new):
    """Python takes 1, 1.0 and true for equal; JSON does not."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return set(old) == set(new) and all(is_json_equal(old[key], new[key]) for key in old)
    if isinstance(old, list):
        return len(old) == len(new) and all(map(is_json_equal, old, new))
    return old == new


def same(old, new):
    return is_json_equal(clean(old), clean(new))


def merge_last(key, old, new):
    """Rule 2: last non-null; objects are merged, lists and strings replaced."""
    if old is MISSING:
        return new
    if new is None or (new == "" and key in IDENTITIES and old):
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        return merge_objects(old, new, merge_last)
    return new


def merge_growing(place):
    """Rule 10: lists that grow outside a delta; the rest by rule 2."""

    def merge(key, old, new):
        if key in GROWING[place] and isinstance(old, list) and isinstance(new, list):
            return old + new
        return merge_last(key, old, new)

    return merge


def merge_own(key, old, new):
    """Rule 10, for a delta's own fields."""
    if key in GROWING["delta"] and isinstance(old, list) and isinstance(new, list):
        return old + new
    if key in REASONING:
        # Rule 9: strings and an object under one name: the object, the text under ``text``.
        if isinstance(old, str) and isinstance(new, dict):
            old = {"text": old}
        elif isinstance(old, dict) and isinstance(new, str):
            new = {"text": new}
    return merge_delta(key, old, new, key in (*REASONING, "reasoning_details", "thinking_blocks"))


def merge_delta(key, old, new, has_thoughts):
    """Rules 9 and 10, for a delta's own fields and what is inside them."""

    def merge(key, old, new):
        return merge_delta(key, old, new, has_thoughts)

    if isinstance(new, list):
        entries = [entry for entry in new if entry is not None]
        if not entries and old is not MISSING:
            return old  # it adds nothing
        if entries and all(isinstance(entry, dict) for entry in entries):
            kept = old if isinstance(old, list) and all(isinstance(entry, dict) for entry in old) else []
            return merge_entries(kept, entries, merge)
    if isinstance(new, dict):
        return merge_objects(old if isinstance(old, dict) else {}, new, merge)
    grows = is_appended(key) or (has_thoughts and key == "content")
    if isinstance(new, str) and isinstance(old, str) and grows:
        return old + new
    return merge_last(key, old, new)


def is_appended(key):
    return key in APPENDED or key.startswith("reasoning")


def merge_objects(old, new, merge):
    merged = dict(old)
    for key, value in new.items():
        merged[key] = merge(key, merged.get(key, MISSING), value)
    return merged


def merge_entries(old, new, merge):
    """Rule 9: a list of objects, by (type, index)."""
    entries = list(old)
    for entry in new:
        place = find_entry(entries, entry)
        if place is None:
            entries.append(merge(None, MISSING, entry))
        else:
            entries[place] = merge(None, entries[place], entry)
    return entries


def find_entry(entries, entry):
    kind, index = entry.get("type"), entry.get("index")
    places = [place for place, one in enumerate(entries) if is_json_equal(one.get("type"), kind)]
    if index is not None:
        places = [place for place in places if is_json_equal(entries[place].get("index"), index)]
        return places[0] if places else None
    joins = kind in ("thinking", "text") or (kind is None and is_all_text(entry))
    if joins and places and not entries[places[-1]].get("signature"):
        return places[-1]
    return None


def is_all_text(entry):
    """Does this entry without a type bring nothing but text? (Groq's results of a search stay apart.)"""
    keys = [key for key, value in entry.items() if value is not None]
    return bool(keys) and all(is_appended(key) or key == "signature" for key in keys)


def merge_logprobs(old, new):
    """Rule 11: every list extends."""
    if new is None:
        return old
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    if isinstance(old, dict) and isinstance(new, dict):
        merged = dict(old)
        for key, value in new.items():
            merged[key] = merge_logprobs(merged.get(key), value)
        return merged
    return new


def count_values(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(count_values, children))


def join_base64(fragments):
    """Rule 11: what ends in padding is a string of its own, wherever it was cut."""
    runs = [re.sub(r"\s", "", run) for run in re.split("=+", "".join(fragments))]
    runs = [run for run in runs if run]
    if len(runs) < 2:
        return "".join(fragments)
    try:
        octets = b"".join(base64.b64decode(run + "=" * (-len(run) % 4), validate=True) for run in runs)
    except (binascii.Error, ValueError):
        return "".join(fragments)
    return base64.b64encode(octets).decode("ascii")


# ---------------------------------------------------------------------------------------------------
# The state of an answer


class Text:
    """A text that grows. ``value``: None until something came, then all of it that is settled."""

    def __init__(self):
        self.value = None
        self.raw = ""  # with the halves of pairs still in it
        self.held = ""  # the first half of a pair, while it waits for the other

    def add(self, piece):
        """Append; return what is settled by it (rule 15)."""
        self.raw += piece
        piece = self.held + piece
        self.held = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
        settled = clean(piece[: len(piece) - len(self.held)])
        self.value = (self.value or "") + settled
        return settled

    def finish(self):
        """Settle a half that stayed alone; return it."""
        settled = clean(self.held)
        self.held = ""
        if settled:
            self.value += settled
        return settled


class Call:
    """One tool call, or the legacy function_call (whose ``index`` is None)."""

    def __init__(self, index):
        self.index = index
        self.ids = []  # the first is its id, the others are aliases
        self.type = None
        self.name = None
        self.arguments = Text()
        self.is_custom = False  # settled by its name and its text
        self.is_started = False
        self.inside = {}  # unknown fields of function (or custom)
        self.extra = {}  # unknown fields beside it

    @property
    def kind(self):
        if self.index is None:
            return "function_call"
        return "custom" if self.is_custom else "function"

    def has_text(self):
        return bool(self.arguments.raw)

    def learn_name(self, name):
        """Rule 5."""
        if self.name is None or name.startswith(self.name):
            self.name = name
        elif not self.has_text():
            self.name += name


class Choice:
    def __init__(self, index):
        self.index = index
        self.role = None
        self.finish_reason = None
        self.content_since = False  # text of content came after the finish_reason
        self.error_seen = False
        self.is_chat = False  # an entry had a delta or a message
        self.is_text = False  # an entry had text and neither of them
        self.content = Text()
        self.parts = None  # the list, once content came as one
        self.reasoning = Text()  # what the events say, whatever its name was
        self.reasoning_field = None  # the name under which the last of it came
        self.refusal = Text()
        self.refusal_seen = False
        self.calls = []
        self.touches = []  # (call, index or None) of the fragments so far, in the order of the last of each
        self.last = None  # the call touched last
        self.function_call = None
        self.audio = None
        self.audio_data = []
        self.transcript = Text()
        self.logprobs = None
        self.logprobs_seen = False
        self.fields = {}  # a delta's own fields that are unknown, and reasoning under its names
        self.extra = {}  # unknown fields beside the delta

    def calls_at(self, index):
        """Rule 4: the calls that got a fragment at this index; the last of them is *the* call there."""
        return [call for call, at in self.touches if index is not None and at == index]


class Answer:
    """All that is known, and the events so far."""

    def __init__(self, max_choices, max_tool_calls, max_errors):
        self.max_choices = max_choices
        self.max_tool_calls = max_tool_calls
        self.max_errors = max_errors
        self.events = []
        self.comments = 0
        self.frame = -1  # ordinal of the frame that is read
        self.frame_text = None
        self.server_errors = 0
        self.id = self.model = self.created = None
        self.usage = None
        self.ignores_usage = False  # and that was reported
        self.extra = {}
        self.choices = {}
        self.is_started = False
        self.is_final = False  # the Done events are out
        self.done = False

    # --- errors

    def next_frame(self, text):
        self.frame += 1
        self.frame_text = text

    def error(self, kind, message, choice=None, code=None, data=None, frame=None, server_type=None):
        if sum(one["type"] == "error" for one in self.events) >= self.max_errors:
            raise Limit  # section 7: instead of the error after the max_errors-th
        self.emit("error", kind, message, choice, code, data, frame, server_type)

    def server_error(self, value, around, choice=None):
        message, code, server_type = message_and_code(value, around if isinstance(around, dict) else {})
        self.error("server", message or OWN_WORDS, choice, code, clean(value), self.frame, server_type)
        self.server_errors += 1

    def malformed(self, choice):
        data = None if self.frame_text is None else self.frame_text[:200]
        self.error("malformed", OWN_WORDS, choice, None, data, self.frame)

    def is_a(self, kinds, value, choice):
        """Is a known field of its type? Empty values of another are ignored, others reported."""
        if isinstance(value, kinds):
            return True
        if value:
            self.malformed(choice)
        return False

    def is_given(self, kinds, value, choice):
        """The same for ``function`` and ``custom``: one that is reported is still there, as an empty one."""
        return self.is_a(kinds, value, choice) or bool(value)

    def emit(self, kind, *values):
        self.events.append(event(kind, *values))

    # --- one chunk

    def chunk(self, chunk, event_type=""):
        is_reported = event_type == "error" or is_error(chunk, event_type)
        if is_reported:
            self.server_error(inner_error(chunk, event_type), chunk)
            if not isinstance(chunk.get("choices"), list):
                return  # rule 12: nothing but the error
        elif set(chunk) <= {"type"}:
            return  # rule 13: a ping
        elif event_type not in ("", "message") and chunk.get("choices") is chunk.get("usage") is None:
            self.emit("extra", None, None, clean(event_type), clean(chunk), "frame")
            return  # rule 2: a stranger's frame
        entries = chunk.get("choices")
        if self.is_final:
            entries = None  # rule 14: after [DONE], choices are not read
        if not self.is_a(list, entries, None):
            entries = []
        if not self.is_final:
            self.learn_identity(chunk)
        if not self.is_started and any(not is_absent(entry) for entry in entries):
            self.is_started = True
            first = next(entry for entry in entries if not is_absent(entry))
            is_text_completion = isinstance(first, dict) and has_text_alone(first)
            kind = "text_completion" if is_text_completion else "chat.completion"
            self.emit("start", self.id, self.model, self.created, kind)
        for field, value in chunk.items():
            if field == "x_groq" and groq_error(chunk):
                value = {key: one for key, one in value.items() if key != "error"}
            if field not in TOP:
                self.keep("chunk", None, None, self.extra, field, value, merge_growing("chunk"))
        usages = []
        self.is_a(dict, chunk.get("usage"), None)
        for position, entry in enumerate(entries):
            self.entry(position, entry, usages, is_reported)
        self.learn_usage(chunk, usages)

    def learn_identity(self, chunk):
        """Rule 2."""
        if identity(chunk.get("id")) is not None and self.id is None:
            self.id = clean(identity(chunk["id"]))
        if is_text(chunk.get("model")):
            self.model = clean(chunk["model"])
        created = chunk.get("created")
        if isinstance(created, str):
            created = checked_index(created)
        if (
            isinstance(created, (int, float))
            and not isinstance(created, bool)
            and created
            and not self.created
        ):
            self.created = created

    def learn_usage(self, chunk, usages):
        """Rule 11: the chunk's own, else x_groq's, else a choice's."""
        groq = chunk.get("x_groq")
        if isinstance(chunk.get("usage"), dict) and chunk["usage"]:
            usages = [chunk["usage"]]
        elif isinstance(groq, dict) and isinstance(groq.get("usage"), dict) and groq["usage"]:
            usages = [groq["usage"]]
        before = self.usage
        for usage in usages:
            if count_values(self.usage) > MAX_USAGE + 1:  # it counts itself
                if not self.ignores_usage:
                    self.malformed(None)
                self.ignores_usage = True
            else:
                self.usage = merge_objects(self.usage or {}, usage, merge_last)
        if not same(before, self.usage):
            self.emit("usage", clean(self.usage))

    def keep(self, place, choice, index, kept, field, value, merge, silent=False):
        """Keep a field that has no event of its own, and say so when it appears or changes (section 4)."""
        if value is None:
            return
        old = kept.get(field, MISSING)
        new = merge(field, old, value)
        kept[field] = new
        if not silent and (is_container(value) or old is MISSING or not same(old, new)):
            self.emit("extra", choice, index, clean(field), clean(value), place)

    # --- one choice

    def entry(self, position, entry, usages, error_beside):
        if is_absent(entry):
            return
        if not isinstance(entry, dict):
            self.malformed(None)
            return
        index = entry.get("index")
        if isinstance(index, str) and index.startswith("-"):
            index = ""  # "-0" is no string of digits
        index = position if index is None else checked_index(index)  # rule 3
        if index is None or not 0 <= index < self.max_choices:
            self.malformed(None)
            return
        choice = self.choices.setdefault(index, Choice(index))

        known = CHOICE
        has_delta = self.is_a(dict, entry.get("delta"), index)
        if has_delta:
            choice.is_chat = True
            self.delta(choice, entry["delta"])
            if is_text_like(entry.get("text")) and entry["text"] == entry["delta"].get("content"):
                known = (*CHOICE, "text")  # rule 10: noise
        # Where this stands can only be seen where a limit cuts the entry off.
        self.learn_reason(choice, entry.get("finish_reason"))
        if has_delta:
            pass
        elif self.is_a(dict, entry.get("message"), index):
            choice.is_chat = True
            self.message(choice, entry["message"])
        else:
            known = (*CHOICE, "text")
            if self.is_a(TEXT_TYPES, entry.get("text"), index):
                choice.is_text = True
                self.content(choice, text_of(entry["text"]))
        if isinstance(entry.get("usage"), dict) and entry["usage"]:
            usages.append(entry["usage"])
        for field, value in entry.items():
            if field not in known or (field == "logprobs" and is_number(value)):
                self.keep("choice", index, None, choice.extra, field, value, merge_growing("choice"))
        is_whole = not has_delta and isinstance(entry.get("message"), dict)
        if "logprobs" in entry and not is_number(entry["logprobs"]):
            choice.logprobs_seen = True
            if self.is_a(dict, entry["logprobs"], index):
                logprobs = entry["logprobs"]
                if is_whole and choice.logprobs is not None:  # rule 14: a whole message only fills gaps
                    logprobs = {key: value for key, value in logprobs.items() if not choice.logprobs.get(key)}
                if logprobs or choice.logprobs is None or not is_whole:
                    choice.logprobs = merge_logprobs(choice.logprobs, logprobs)
                    self.emit("logprobs.delta", index, clean(logprobs))
        if entry.get("error"):
            self.server_error(entry["error"], entry, index)
            choice.finish_reason = "error"  # rule 12
            choice.error_seen = True
        elif entry.get("finish_reason") == "error" and not error_beside and not choice.error_seen:
            self.server_error("error", {}, index)  # rule 7
            choice.error_seen = True

    def learn_reason(self, choice, reason):
        """Rule 7."""
        if not is_known(reason):
            return
        is_answered = choice.finish_reason == "tool_calls" and choice.content_since
        if reason == "stop" and choice.finish_reason in FINAL_REASONS and not is_answered:
            return
        choice.finish_reason = clean(reason)
        choice.content_since = False

    def delta(self, choice, delta, quiet_reasoning=False):
        if is_text(delta.get("role")) and choice.role is None:
            choice.role = clean(delta["role"])  # rule 7
        if not quiet_reasoning:
            self.reasoning(choice, delta)
        # Reasoning is kept before the rest is read, because an error in the rest may end the reading.
        for name in REASONING:
            if is_text_like(delta.get(name)):
                text = text_of(delta[name])
                self.keep("delta", choice.index, None, choice.fields, name, text, merge_own, silent=True)
        self.content(choice, delta.get("content"), quiet_reasoning)
        if "refusal" in delta:
            choice.refusal_seen = True
            if self.is_a(TEXT_TYPES, delta["refusal"], choice.index):
                self.say("refusal.delta", choice, choice.refusal, text_of(delta["refusal"]))
        calls = delta.get("tool_calls")
        if self.is_a((dict, list), calls, choice.index):
            for fragment in [calls] if isinstance(calls, dict) else calls:
                self.tool_call(choice, fragment)
        if self.is_a(dict, delta.get("function_call"), choice.index):
            self.legacy_call(choice, delta["function_call"])
        if self.is_a(dict, delta.get("audio"), choice.index):
            self.audio(choice, delta["audio"])
        for field, value in delta.items():
            if field not in DELTA and not (field in REASONING and is_text_like(value)):
                self.keep("delta", choice.index, None, choice.fields, field, value, merge_own)

    def reasoning(self, choice, delta):
        """Rule 9: each name is kept; the first that has text feeds the events."""
        strings = [name for name in REASONING if is_text_like(delta.get(name)) and text_of(delta[name])]
        others = [name for name in REASONING if is_container(delta.get(name))] + list(DETAILS)
        for name in strings:
            self.say_reasoning(choice, text_of(delta[name]), name)
            return
        for name in others:
            if text_inside(delta.get(name)):
                self.say_reasoning(choice, text_inside(delta[name]), name)
                return

    def message(self, choice, message):
        """Rule 14: a whole message fills what nothing has come for; that is all of it, if nothing came."""
        gaps = {
            "role": choice.role is None,
            "content": not choice.content.raw and choice.parts is None,
            "refusal": not choice.refusal.raw,
            "tool_calls": not choice.calls,
            "function_call": choice.function_call is None,
            "audio": choice.audio is None,
            **dict.fromkeys((*REASONING, *DETAILS), not choice.reasoning.raw),
        }
        missing = {
            field: value
            for field, value in message.items()
            if gaps.get(field, field not in choice.fields) or (field == "refusal" and value is None)
        }
        self.delta(choice, missing, quiet_reasoning=bool(choice.reasoning.raw))

    def say(self, kind, choice, text, piece, *more):
        settled = text.add(piece)
        if settled:
            self.emit(kind, choice.index, settled, *more)

    def say_reasoning(self, choice, piece, field):
        choice.reasoning_field = field
        self.say("reasoning.delta", choice, choice.reasoning, piece, field)

    # --- content (rule 8)

    def content(self, choice, content, quiet_reasoning=False):
        if is_text_like(content):
            text = text_of(content)
            if choice.parts is not None and text:
                choice.parts = join_parts(choice.parts, {"type": "text", "text": text})
            self.say_content(choice, text)
        elif self.is_a((list, dict), content, choice.index):
            for part in content if isinstance(content, list) else [content]:
                if not is_absent(part):
                    self.content_part(choice, part, quiet_reasoning)

    def content_part(self, choice, part, quiet_reasoning):
        if choice.parts is None:
            before = choice.content.raw
            choice.parts = [{"type": "text", "text": before}] if before else []
        kind = part_kind(part)
        if isinstance(part, str):
            part = {"type": "text", "text": part}
        choice.parts = join_parts(choice.parts, part)
        if kind == "text":
            self.say_content(choice, part["text"])
        elif kind is not None:
            if not quiet_reasoning:
                self.say_reasoning(choice, text_inside(part), "content")
        else:
            self.emit("extra", choice.index, None, "content", clean(part), "delta")

    def say_content(self, choice, piece):
        choice.content_since = choice.content_since or bool(piece)
        self.say("content.delta", choice, choice.content, piece)

    # --- tool calls (rules 4 to 6)

    def tool_call(self, choice, fragment):
        if is_absent(fragment):
            return
        if not isinstance(fragment, dict):
            self.malformed(choice.index)
            return
        index = fragment.get("index")
        if index is not None:
            index = checked_index(index)
            if index is None:
                self.malformed(choice.index)
                return
        # Where name and text are, and what the text is called there.
        is_custom, inner, text_name = False, None, "arguments"
        function, custom = fragment.get("function"), fragment.get("custom")
        if is_nothing(function) and (custom or (custom == {} and not isinstance(function, dict))):
            self.is_given(dict, custom, choice.index)
            is_custom, inner, text_name = True, custom, "input"
        elif self.is_given(dict, function, choice.index):
            inner = function
        has_inner = inner is not None
        inner = inner if isinstance(inner, dict) else {}
        call_id = identity(fragment.get("id"))
        known = ("name", text_name, *NOISE)
        if call_id is None and identity(inner.get("id")) is not None:
            call_id = identity(inner["id"])
            known = ("id", *known)
        name = clean(inner["name"]) if is_known(inner.get("name")) else None
        text = self.argument_text(inner.get(text_name), choice.index)
        inside = {field: value for field, value in inner.items() if field not in known}
        beside = {field: value for field, value in fragment.items() if field not in CALL}

        is_empty = all(value is None or value == "" for value in [*inside.values(), *beside.values()])
        if call_id is None and name is None and not text and is_empty:
            return  # it brings nothing
        if call_id is None and index is None and not has_inner:
            if choice.last is None:  # rule 4, for a fragment with other fields only
                self.emit("extra", choice.index, None, "tool_calls", clean(fragment), "delta")
                return
            call = choice.last
        else:
            call = self.find_call(choice, call_id, index, name, text)
            if call == "said again":
                return
            if call is None:
                if len(choice.calls) >= self.max_tool_calls:
                    # It is as if none had been there: what comes next is not of a call that was.
                    choice.touches = [(call, at) for call, at in choice.touches if at != index]
                    choice.last = None
                    self.malformed(choice.index)
                    return
                call = Call(len(choice.calls))
                choice.calls.append(call)
            choice.touches = [touch for touch in choice.touches if touch != (call, index)] + [(call, index)]
            choice.last = call
            if call_id is not None and call_id not in call.ids:
                call.ids.append(call_id)  # its id, or an alias

        if is_text(fragment.get("type")) and call.type is None:
            call.type = clean(fragment["type"])
        if call.name is None and not call.has_text() and (is_custom or fragment.get("type") == "custom"):
            call.is_custom = True
        if name is not None:
            call.learn_name(name)
        self.say_arguments(choice, call, text)
        for field, value in inside.items():
            self.keep("function", choice.index, call.index, call.inside, field, value, merge_last)
        for field, value in beside.items():
            self.keep("tool_call", choice.index, call.index, call.extra, field, value, merge_last)

    def find_call(self, choice, call_id, index, name, text):
        """Rule 4: the call that a fragment belongs to, None for a new one, or "said again" for no call."""
        # (a) its id is known; a second id says less than an index where only other calls were seen
        there = choice.calls_at(index)
        known = [call for call in choice.calls if call_id is not None and call_id in call.ids]
        if known and (known[-1].ids[0] == call_id or not there or any(call in there for call in known)):
            return self.known_call(choice, known, index, name, text)
        if index is not None:
            # (b) an index is given
            if not there:
                return None
            call = there[-1]
            if name is not None and call_id is not None and call.ids:
                new_id_each = name == call.name and is_unfinished(call) and text and text[:1] != "{"
                return call if new_id_each else None
        else:
            # (c) no index: the call touched last
            call = choice.last
            if call is None:
                return None
            if call_id is not None and call.ids and (name is not None or is_whole(call)):
                return None
            if name is not None and call.name is not None:
                return None
        # (d) two calls without identity
        if name is not None and not call.ids and not call.is_custom:
            differ = call.name is not None and call.name != name
            if (differ or call_id is None) and is_whole(call):
                return None
        return call

    def known_call(self, choice, known, index, name, text):
        """Rule 4 (a)."""
        there = [call for call in choice.calls_at(index) if call in known]
        call = there[-1] if index is not None and there else known[-1]
        is_elsewhere = index is not None and not there
        is_named = name is not None and name == call.name
        if is_elsewhere and is_named and text == call.arguments.raw and is_whole(call):
            return "said again"
        is_another = name is not None and call.name is not None and not name.startswith(call.name)
        if is_another and (is_elsewhere or is_whole(call)):
            return None
        if is_elsewhere and name is not None and call.has_text():
            return None
        return call

    def argument_text(self, value, choice):
        """Rule 6: strings as they are, an object compactly; rule 1: a number as its JSON text."""
        if isinstance(value, dict):
            return json.dumps(clean(value), ensure_ascii=False, separators=(",", ":"))
        return text_of(value) if self.is_a(TEXT_TYPES, value, choice) else ""

    def say_arguments(self, choice, call, piece, silent=False):
        """Section 4: the start as soon as there is a name, then what came before it, then this."""
        before = call.arguments.value
        settled = call.arguments.add(piece)
        if silent:
            return
        if not call.is_started:
            if call.name is None:
                return
            self.start_call(choice, call)
            if before:
                self.emit("tool_call.delta", choice.index, call.index, before)
        if settled:
            self.emit("tool_call.delta", choice.index, call.index, settled)

    def start_call(self, choice, call):
        call.is_started = True
        call_id = call.ids[0] if call.ids else None
        self.emit("tool_call.start", choice.index, call.index, call_id, call.name, call.kind)

    def legacy_call(self, choice, function_call):
        """Rule 6: kept always, but silent beside tool calls, unless it began before them."""
        if choice.function_call is None:
            if is_nothing(function_call):
                return
            choice.function_call = Call(None)
        call = choice.function_call
        if is_known(function_call.get("name")):
            call.learn_name(clean(function_call["name"]))
        piece = self.argument_text(function_call.get("arguments"), choice.index)
        silent = bool(choice.calls) and not call.is_started
        self.say_arguments(choice, call, piece, silent)
        for field, value in function_call.items():
            if field not in ("name", "arguments", *NOISE):
                self.keep("function", choice.index, None, call.inside, field, value, merge_last, silent)

    # --- audio (rule 11)

    def audio(self, choice, audio):
        if choice.audio is None:
            choice.audio = {}
        data = transcript = None
        if isinstance(audio.get("data"), str):
            choice.audio_data.append(audio["data"])
            data = clean(audio["data"]) or None
        if isinstance(audio.get("transcript"), str):
            transcript = choice.transcript.add(audio["transcript"]) or None
        others = {}
        for field, value in audio.items():
            is_text_field = field in ("data", "transcript") and isinstance(value, str)
            if not is_text_field and field not in NOISE and value is not None:
                choice.audio[field] = merge_last(field, choice.audio.get(field, MISSING), value)
                others[field] = value
        if data is not None or transcript is not None:
            self.emit("audio.delta", choice.index, data, transcript)
        if others:
            self.emit("extra", choice.index, None, "audio", clean(others), "delta")

    # --- the end (section 4)

    def is_finished(self):
        return bool(self.choices) and all(one.finish_reason is not None for one in self.choices.values())

    def finish(self, done):
        """Fire every Done event, once."""
        if self.is_final:
            return
        self.is_final = True
        self.done = done
        for index in sorted(self.choices):
            choice = self.choices[index]
            for name in ("content", "reasoning", "refusal"):
                text = getattr(choice, name)
                tail = text.finish()
                if tail:
                    more = (choice.reasoning_field,) if name == "reasoning" else ()
                    self.emit(name + ".delta", index, tail, *more)
                if text.value:
                    self.emit(name + ".done", index, text.value)
            for call in choice.calls:
                self.finish_call(choice, call)
            if choice.function_call is not None:
                if choice.function_call.is_started or not choice.calls:
                    self.finish_call(choice, choice.function_call)
                else:
                    choice.function_call.arguments.finish()
            tail = choice.transcript.finish()
            if tail:
                self.emit("audio.delta", index, None, tail)
            self.emit("choice.done", index, choice.finish_reason)
        if done:
            self.emit("done")

    def finish_call(self, choice, call):
        before = call.arguments.value
        tail = call.arguments.finish()
        if not call.is_started:  # never named
            self.start_call(choice, call)
            if before:
                self.emit("tool_call.delta", choice.index, call.index, before)
        if tail:
            self.emit("tool_call.delta", choice.index, call.index, tail)
        text = call.arguments.value or ""
        call_id = None if call.index is None else self.call_id(choice, call)
        status = self.status(choice, call, text)
        self.emit("tool_call.done", choice.index, call.index, call_id, call.name, text, call.kind, status)

    def status(self, choice, call, text):
        """Section 4."""
        reason = choice.finish_reason
        ended_well = self.done if reason is None else reason.lower() in GOOD_ENDS
        is_blank = text.strip(JSON_SPACE) == ""
        if call.kind == "custom" or is_blank:
            verdict = "empty" if is_blank and call.kind != "custom" else "complete"
            verdict = verdict if ended_well else "incomplete"
        elif not text.lstrip(JSON_SPACE).startswith("{"):
            verdict = "invalid"  # the beginning of no object
        else:
            verdict, _ = scan(text)
            if verdict == "complete" and not is_readable(text):
                verdict = "invalid"
        if call.name is None and verdict in ("complete", "empty"):
            return "invalid"
        return verdict

    def call_id(self, choice, call):
        """Rule 4: the id, or one that is made up where there is none, or an earlier call has it."""
        letters = re.sub("[^A-Za-z0-9_-]", "", self.id or "")[-16:]
        ids = []
        for one in choice.calls[: call.index + 1]:
            call_id = one.ids[0] if one.ids else None
            if call_id is None or call_id in ids:
                words = ["call", *([letters] if letters else []), str(choice.index), str(one.index)]
                call_id = "_".join(words)
                while call_id in ids:  # a server that sent just this one
                    call_id += "_"
            ids.append(call_id)
        return ids[-1]

    # --- the final object (section 5)

    def snapshot(self):
        choices = [self.choices[index] for index in sorted(self.choices)]
        is_text = any(one.is_text for one in choices) and not any(one.is_chat for one in choices)
        completion = dict(self.extra)
        completion["object"] = "text_completion" if is_text else "chat.completion"
        completion.update({"id": self.id, "created": self.created, "model": self.model})
        if self.usage is not None:
            completion["usage"] = self.usage
        completion["choices"] = [self.choice_dict(choice, is_text) for choice in choices]
        return clean(completion)

    def choice_dict(self, choice, is_text):
        result = dict(choice.extra)
        result["index"] = choice.index
        if is_text:
            result["text"] = choice.content.value or ""
        else:
            result["message"] = self.message_dict(choice)
        result["finish_reason"] = choice.finish_reason
        if choice.logprobs is not None or (choice.logprobs_seen and "logprobs" not in result):
            result["logprobs"] = choice.logprobs
        return result

    def message_dict(self, choice):
        message = dict(choice.fields)
        message["role"] = choice.role or "assistant"
        message["content"] = choice.content.value if choice.parts is None else choice.parts
        if choice.refusal_seen:
            message["refusal"] = choice.refusal.value
        if choice.calls:
            message["tool_calls"] = [self.call_dict(choice, call) for call in choice.calls]
        if choice.function_call is not None:
            call = choice.function_call
            message["function_call"] = {
                **call.inside,
                "name": call.name or "",
                "arguments": call.arguments.value or "",
            }
        if choice.audio is not None:
            audio = dict(choice.audio)
            if choice.audio_data:
                audio["data"] = join_base64(choice.audio_data)
            if choice.transcript.value is not None:
                audio["transcript"] = choice.transcript.value
            message["audio"] = audio
        return message

    def call_dict(self, choice, call):
        inside = {**call.inside, "name": call.name or ""}
        inside["input" if call.is_custom else "arguments"] = call.arguments.value or ""
        place = "custom" if call.is_custom else "function"
        call_type = place if call.type in (None, "function", "custom") else call.type
        return {**call.extra, "id": self.call_id(choice, call), "type": call_type, place: inside}


def is_absent(value):
    """Rule 1: null, or PHP's empty object."""
    return value is None or value == []


def is_nothing(body):
    """Is it no function (or function_call): absent, or all its values are null, empty or noise?"""
    if not isinstance(body, dict):
        return not body
    return not is_known(body.get("name")) and all(
        value is None or value == "" or value == [] or key in ("name", *NOISE) for key, value in body.items()
    )


def is_text(value):
    return isinstance(value, str) and value != ""


def is_known(value):
    """Rule 1: a name or a finish_reason; some servers write the string "null" where they mean null."""
    return is_text(value) and value != "null"


def text_of(value):
    """Rule 1: a number, true or false in the place of a text is its JSON text."""
    return value if isinstance(value, str) else json.dumps(value)


TEXT_TYPES = (str, int, float)  # bool is an int


def is_text_like(value):
    return isinstance(value, TEXT_TYPES)


def has_text_alone(entry):
    return is_text_like(entry.get("text")) and not any(
        isinstance(entry.get(key), dict) for key in ("delta", "message")
    )


def identity(value):
    """Rule 4: an id is a string that is not empty, or an integer (then its digits); else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return clean(value) if is_text(value) else None


def checked_index(value):
    """An integer, or a string of an integer's digits; None for anything else."""
    if isinstance(value, str) and re.fullmatch("-?[0-9]+", value):
        try:
            return int(value)
        except ValueError:
            return None  # more digits than the interpreter takes
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return None


def is_whole(call):
    """Are its arguments one whole JSON value?"""
    return is_one_value(clean(call.arguments.raw))


def is_unfinished(call):
    """Are its arguments the beginning of a JSON value?"""
    return call.has_text() and scan(clean(call.arguments.raw))[0] == "incomplete"


def is_readable(text):
    try:
        parse(text)
    except ValueError:
        return False
    return True


def text_inside(value):
    """Rule 9: the text in an object or a list: under text, else thinking, else summary, else content."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(text_inside, value))
    if isinstance(value, dict):
        for key in ("text", "thinking", "summary", "content"):
            if text_inside(value.get(key)):
                return text_inside(value[key])
    return ""


def part_kind(part):
    """Rule 8: "text", "thinking", "reasoning", or None for any other part of a content."""
    if isinstance(part, str):
        return "text"
    if not isinstance(part, dict):
        return None
    kind = part.get("type")
    if (kind is None or kind in ("text", "output_text")) and isinstance(part.get("text"), str):
        return "text"
    return kind if kind in ("thinking", "reasoning") else None


PART_TEXTS = ("thinking", "summary", "text", "content")


def join_parts(parts, part):
    """Rule 8: adjacent text parts become one, adjacent thinking or reasoning parts, too.

    Thinking that is neither null, a text nor a list stays in a part of its own, or it would be lost. A part
    with a signature is closed: nothing is added to it.
    """
    kind, sent = part_kind(part), part
    if kind in ("thinking", "reasoning"):
        kinds = (list, type(None))
        lists = {name: part[name] for name in PART_TEXTS if name in part and isinstance(part[name], kinds)}
        part = {**part, **{name: join_thinking([], value) for name, value in lists.items()}}
    last = parts[-1] if parts else None
    if kind is None or kind != part_kind(last):
        return [*parts, part]
    if kind != "text" and last.get("signature"):
        return [*parts, part]
    thoughts = [one.get(name) for one in (last, part) for name in PART_TEXTS]
    if kind != "text" and not all(one is None or isinstance(one, (str, list)) for one in thoughts):
        return [*parts, part]
    if kind == "text":
        merged = {**merge_objects(last, part, merge_last), "text": last["text"] + part["text"]}
    else:
        merged = merge_objects(last, part, merge_last)
        for name in PART_TEXTS:
            if name in last and name in part:
                merged[name] = join_thinking(last[name], sent[name])
    return [*parts[:-1], merged]


def is_text_part(part):
    kinds = (None, "text", "summary_text")
    return isinstance(part, dict) and part.get("type") in kinds and isinstance(part.get("text"), str)


def join_thinking(old, new):
    """Two texts, each a string or a list of text parts."""
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    if new is None:
        return old
    if isinstance(new, str) and old in ([], "", None):
        return new
    old = [{"type": "text", "text": old}] if isinstance(old, str) and old else old or []
    new = [{"type": "text", "text": new}] if isinstance(new, str) and new else new or []
    if not isinstance(old, list) or not isinstance(new, list):
        return new
    joined = list(old)
    for part in new:
        if part is None:
            continue
        is_open = bool(joined) and is_text_part(joined[-1]) and not joined[-1].get("signature")
        if is_open and is_text_part(part):
            joined[-1] = {**joined[-1], **part, "text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    return joined
