# SPDX-License-Identifier: MIT
"""From chunks to events and the final message.

This file reads chunks (decoded JSON objects), emits events, and keeps in ``Answer`` what the non-streaming
response would contain. It knows no bytes and no ``[DONE]``, and of a frame only its number and its event
type. The caller that knows the rest calls ``finish()`` at the end.

The other rules are in ``_values.py`` (1 and 10), ``_calls.py`` (4 and 5), ``_frames.py`` (12 and 13) and
``_text.py`` (15). These are in this file:

Rule 2. Top level. These are kept: the first non-empty ``id``, the first ``created`` that is not zero, the
    last non-empty ``model``. After ``{"id": "a"}`` and ``{"id": "b"}`` the id is "a". If the id is an
    integer, its digits are the id. If ``created`` is digits in a string, their number counts. Of an unknown
    field, here and on choices and calls, the last value that is not null is kept; objects are merged, and
    lists in GROWING_LISTS are extended. The ``object`` of a chunk is ignored: Azure sends "", Perplexity
    "chat.completion.done".

Rule 3. A choice is identified by its ``index``, or by its position in the chunk if it has none. Choices may
    come in any order.

Rule 6. Arguments are appended as they are and never repaired. If they are an object, its compact JSON is the
    text: ``"arguments": {"a": 1}`` is ``{"a":1}``. The legacy ``function_call`` does not start, and causes no
    events, while its choice has tool calls, because some servers send one call in both places
    (llama-cpp-python).

Rule 7. The first ``role`` and the last non-empty ``finish_reason`` count. But "stop" does not replace one of
    LASTING_FINISH_REASONS, unless that is "tool_calls" and content came after it. The finish_reason "error"
    without an error is itself reported as an Error.

Rule 8. Content is a string or a list of parts. Text parts are text, ``thinking`` and ``reasoning`` parts are
    reasoning, any other part is an Extra. ``[{"type": "text", "text": "Hi"}]`` is the text "Hi". In the
    message adjacent parts of a kind are merged, but nothing is added to reasoning that has a signature.

Rule 9. Reasoning has the names in REASONING_FIELDS, and each is kept under its own name. If several come in
    one delta, the events have only one: the first in the table whose text is not empty. If there is none, the
    events have the text inside an object or a list: under one of these names, or else in DETAIL_FIELDS.
    ``{"reasoning_details": [{"text": "Hm"}]}`` is the reasoning "Hm". In a list of objects, entries with the
    same type and index are merged. An entry without an index is merged with the last entry of its type, if
    the type is in JOINED_TYPES and that entry has no signature. Otherwise it is appended. An entry with
    neither index nor type is merged only if it has nothing but text and a signature, because search results
    have no type either.

Rule 11. Usage is updated field by field and never summed: ``{"a": 1}`` and then ``{"b": 2}`` give both. It
    may also be in ``x_groq`` or on a choice. Each list in logprobs is extended. The data and the transcript
    of audio are appended. Its other fields are replaced, and objects are merged.

Rule 14. A whole ``message`` in place of a delta is read as one delta, but only for fields that are still
    empty. After ``[DONE]`` usage, errors and unknown fields of the chunk are still read, choices are not.

Rule 16. Never guess: a delta that comes twice counts twice, and text that repeats earlier text is not cut.

Theory of operation
-------------------
A *choice* begins with the first entry of ``choices`` that has its index. A finish_reason ends nothing,
because servers send content, usage and even whole tool calls after it. ``finish()`` ends all choices at once
and emits every Done event. After that, entries of ``choices`` are ignored. A *call* goes through the stages
in ``_calls.py``. It ends with its choice and never before, because arguments that are valid JSON may still
continue.

The fast path (``_fast.py``) appends texts, sets numbers that change, marks the last call, and emits the
events of these effects and of unchanged unknown fields itself. For other effects it calls methods of
``ChunkReader``: ``logprobs``, ``usage``, ``keep``, ``keep_in_delta`` and ``note_kept``. Two numbers tell it
what a chunk has changed. ``kept`` increases when the kept value of an unknown field changes or may have
changed. ``version`` increases with every other state change that can affect how a later chunk is read,
except these four. (The reasons are in ``_fast.py``, at 4.)

- A text of an event begins or grows. (It counts if the chunk has a half of a surrogate pair or the text
  ended in one, and if arguments begin in a fragment that ``_more_arguments`` does not read. It always counts
  in audio, once content had parts, and once reasoning came under a second name.)
- A scalar in usage replaces another. (Any other change of usage counts.)
- Logprobs are extended.
- Another call becomes the last one.

If a chunk changed neither number, the same chunk with another text would have the same effects. If you add
state here, increase ``version`` where it changes.
"""

from __future__ import annotations

from ._answer import (
    CALLED,
    CHAT_SHAPE,
    CONTINUED,
    TEXT_SHAPE,
    UNCALLED,
    UNKNOWN_SHAPE,
    Answer,
    Audio,
    Choice,
    Reading,
)
from ._calls import DONE, STARTED, UNSTARTED, Call, id_of, key_of, text_field
from ._errors import QUOTED, LimitReached, check_limits
from ._events import (
    AudioDelta,
    ChoiceDone,
    ContentDelta,
    ContentDone,
    Done,
    Error,
    Extra,
    LogprobsDelta,
    ReasoningDelta,
    ReasoningDone,
    RefusalDelta,
    RefusalDone,
    Start,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
    Usage,
)
from ._json import status_of, write_json
from ._text import Text, contains_surrogates, well_formed
from ._values import (
    CHANGED,
    GROWING_LISTS,
    GROWN,
    MAY_HOLD_REASONING,
    NOISE_FIELDS,
    REASONING_FIELDS,
    STRINGS,
    Excessive,
    add_part,
    as_id,
    as_index,
    count_values,
    error_details,
    error_of,
    extend,
    grow,
    is_absent,
    is_empty_function,
    is_identity,
    is_number,
    is_same,
    is_text,
    overlay,
    part_kind,
    plain_copy,
    plain_json,
    reasoning_in,
    render,
    replaces,
    text_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._calls import Key
    from ._events import ErrorKind, Event, ObjectName, Place, Status

MAX_CHOICES = 128
MAX_TOOL_CALLS = 128
MAX_ERRORS = 100
MAX_USAGE_VALUES = 128  # each Usage event copies them, so their number is limited; servers send 5 to 40

# The stage of usage. FULL: it has more than MAX_USAGE_VALUES values, so the next usage is an error. IGNORED:
# that error was reported. It is reported only once, because some servers send usage in every chunk and would
# use up max_errors.
KNOWN, FULL, IGNORED = "known", "full", "ignored"

# A later "stop" does not replace these. (ChatMock and other converters: RayBytes/ChatMock#114)
LASTING_FINISH_REASONS = frozenset(("tool_calls", "function_call", "length", "content_filter", "error"))

# A custom tool's input, and empty arguments, do not show whether they were cut off. These finish reasons, in
# upper or lower case, mean that they were not. (Beyond the API's: vllm-project/vllm#57082,
# agentjido/req_llm#935)
GOOD_ENDS = frozenset((
    "stop", "tool_calls", "function_call", "tool_call", "tool_use", "end_turn", "eos", "eos_token",
    "stop_sequence",
))  # fmt: skip

# Known fields of a chunk besides ``choices``.
CHUNK_FIELDS = frozenset(("id", "object", "created", "model", "usage", "error", *NOISE_FIELDS))

# Fields of a chunk that have no effect once the answer has an id. In some streams they differ in each chunk.
PASSING_FIELDS = ("id", *NOISE_FIELDS)

_LAST_BEFORE_FOLD = Text.FOLD_AT - 1  # a Text with fewer pieces than this does not fold at the next piece

# Fields of a delta that have no effect.
DELTA_NOISE = frozenset(("index", "token_id", *NOISE_FIELDS))

# Known fields of a fragment of tool_calls. ("extra_content" and the like are kept: Gemini's thought
# signatures must be sent back, earendil-works/pi#3234)
FRAGMENT_FIELDS = frozenset(("index", "id", "type", "function", "custom", *NOISE_FIELDS))

# Known fields of an entry of ``choices`` besides finish_reason: those that ``_fields_of_entry`` leaves out,
# and those that it leaves among the unknown fields, because they are rare (logprobs only if not an object).
ENTRY_FIELDS = frozenset(("index", "delta", *NOISE_FIELDS))
RARE_FIELDS = frozenset(("message", "text", "logprobs", "error", "usage"))

# Fields of a chunk, a choice or a delta that have a rule. If one comes as an Extra, the Extra may not be its
# only effect (x_groq, audio, GROWING_LISTS), or its value has the wrong type for the rule and the next value
# may have the right one. So the fast path never learns such an Extra. If you add a rule for a field, add the
# field here. (The signs of an error without choices need not be here: the fast path reads only chunks with a
# choice.)
FIELDS_WITH_RULES = frozenset((
    "audio", "choices", "content", "delta", "error", "finish_reason", "function_call", "index", "logprobs",
    "message", "refusal", "role", "text", "tool_calls", "usage", "x_groq", *GROWING_LISTS, *REASONING_FIELDS,
))  # fmt: skip


class ChunkReader:
    """Reads chunks: changes the answer and emits events. ``ChatStream`` and ``ChatAssembler`` each have one.

    ``events`` is the list that events are appended to. ``frame`` is the number of the current frame.
    ``version`` and ``kept`` are counters; the top of this file says what increases them. ``stopped`` is True
    after a limit error: then nothing more is read.
    """

    __slots__ = (
        "_failed",
        "_has_surrogates",
        "_header",
        "_max_choices",
        "_max_errors",
        "_max_tool_calls",
        "_source",
        "_started",
        "answer",
        "choices",
        "counted",
        "events",
        "frame",
        "kept",
        "stopped",
        "usage_stage",
        "version",
    )

    def __init__(self, max_choices: int, max_tool_calls: int, max_errors: int) -> None:
        check_limits(max_choices=max_choices, max_tool_calls=max_tool_calls, max_errors=max_errors)
        self._max_choices = max_choices
        self._max_tool_calls = max_tool_calls
        self._max_errors = max_errors
        self.answer = Answer()
        self.choices = self.answer.choices
        self.usage_stage = KNOWN
        self._started = False
        # The fields of the last chunk except choices and usage, if reading them again would change nothing.
        # Most chunks repeat them, and then only choices and usage are read.
        self._header: dict[str, Any] | None = None
        # The next three are about the current chunk.
        self._source: str | None = None  # its JSON text
        self._has_surrogates = False  # it has a half of a surrogate pair
        self._failed = False  # it has an error
        self.events: list[Event] = []
        self.frame: int | None = 0
        self.version = 0
        self.kept = 0
        self.counted: object = None  # the step of the fast path that made the last change of usage
        self.stopped = False

    def read(
        self, chunk: dict[str, Any], source: str | None, has_surrogates: bool, error: Any = None
    ) -> None:
        """Read a chunk that nobody else uses: it is modified, and its values are kept without a copy.

        ``source`` is its JSON text, for error messages. ``has_surrogates`` is True if it may have a half of a
        surrogate pair. ``error`` is the error in it (rule 12), or None; it is found here if ``choices`` is a
        list.
        """
        self._source = source
        self._has_surrogates = has_surrogates and (contains_surrogates(chunk) or contains_surrogates(error))
        choices: Any = chunk.pop("choices", ...)
        usage: Any = chunk.pop("usage", ...)
        try:
            if (
                choices.__class__ is list
                and (usage is ... or usage is None or usage.__class__ is dict)
                and error is None
                and (chunk == self._header or self._repeats_header(chunk))
            ):
                usage = None if usage is ... else usage
                if len(choices) == 1 and choices[0].__class__ is dict:  # the common case
                    entry: Any = choices[0]
                    of_choice: Any = None if self._common_entry(entry, False) else self._entry(entry, 0)
                    if usage or of_choice:
                        self.usage(usage or of_choice)
                else:
                    self._entries(choices, usage)
            else:
                self._chunk(chunk, choices, usage, error)
        finally:
            self._source = None
            self._has_surrogates = False

    def read_borrowed(self, chunk: dict[str, Any]) -> None:
        """Read a chunk that belongs to the caller: it is not modified, and its values are copied if kept.

        If a value is not JSON, it raises TypeError before anything is read.
        """
        fields = chunk.copy()
        choices: Any = fields.pop("choices", None)
        usage: Any = fields.pop("usage", None)
        if choices.__class__ is list and (fields == self._header or self._repeats_header(fields)):
            # The other fields have no effect. So only these two are copied, the common entry not at all.
            copy: Any = plain_copy(usage) if usage.__class__ is dict else None
            if copy is not None or usage is None:
                is_one = len(choices) == 1 and choices[0].__class__ is dict
                if is_one and self._common_entry(choices[0], True):
                    if copy:
                        self.usage(copy)
                    return
                choices = plain_copy(choices)
                if choices is not None:
                    self._entries(choices, copy)
                    return
        self._read_copy(chunk)

    def _read_copy(self, chunk: dict[str, Any]) -> None:
        """Read a copy of any chunk of the caller."""
        copy = plain_copy(chunk)
        is_copied = copy is not None
        if copy is None:
            try:
                copy = plain_json(chunk, 1)
            except Excessive as reason:
                self._malformed(f"{reason}; the chunk was not read")
                return
        if not copy.keys() <= {"type"} or copy.get("type") == "error":  # otherwise it is a ping
            self.read(copy, None, not is_copied, error_of(copy, copy.get("choices")))

    def server_error(self, error: Any, around: dict[str, Any], has_surrogates: bool) -> None:
        """Emit the error of a frame that has no choices. ``around`` is the object that contains the error."""
        self._has_surrogates = has_surrogates
        self._server_error(render(error, False), around)

    def foreign_frame(self, event: str, value: dict[str, Any], has_surrogates: bool) -> None:
        """Emit an Extra for a frame that has an event type and is not a chunk. Its field is the event type.

        (coddy-project/coddy-agent#210)
        """
        has_surrogates = has_surrogates and (contains_surrogates(value) or contains_surrogates(event))
        event = well_formed(event) if has_surrogates else event
        self.events.append(Extra(None, None, event, render(value, has_surrogates), "frame"))

    def limit(self, message: str) -> None:
        """Emit the limit error. Nothing is read after that."""
        error = Error("limit", message)
        self.stopped = True
        self.answer.errors.append(error)
        self.events.append(error)

    def finish(self, done: bool) -> None:
        """Emit the Done events once, and record whether the server declared the end."""
        answer = self.answer
        if not (answer.closed or answer.done):
            for index in sorted(self.choices):
                self._finish(self.choices[index], done)
        if not done:
            answer.closed = True
        elif not (answer.done or answer.closed):
            answer.done = True
            self._header = None
            self.events.append(Done())
        self.version += 1

    # -- errors -------------------------------------------------------------------------------------

    def report(
        self,
        kind: ErrorKind,
        message: str,
        choice: int | None = None,
        code: Any = None,
        data: Any = None,
        server_type: str | None = None,
    ) -> None:
        """Emit an Error. Raises LimitReached if there were too many before: then it emits the limit error."""
        self.version += 1
        if len(self.answer.errors) >= self._max_errors:
            self.limit(f"more than {self._max_errors} errors; nothing more is read")
            raise LimitReached
        if self._has_surrogates:
            message = well_formed(message)
            code = render(code, True)
            data = render(data, True)
            server_type = render(server_type, True)
        error = Error(kind, message, choice, code, data, self.frame, server_type)
        self.answer.errors.append(error)
        self.events.append(error)

    def _malformed(self, what: str, choice: int | None = None) -> None:
        """Report something that cannot be read. ``what`` is the message."""
        self.report("malformed", what, choice, data=None if self._source is None else self._source[:QUOTED])

    def _server_error(self, error: Any, around: dict[str, Any], choice: int | None = None) -> None:
        """Report an error of the server. ``error_details`` finds its message, code and type."""
        message, code, kind = error_details(error, around)
        if not message:
            message = "the server reported an error without a message"
            if kind is not None:
                message += f", of type {kind}"
        self.report("server", message, choice, render(code, False), render(error, False), kind)

    # -- reading a chunk ----------------------------------------------------------------------------

    def _chunk(self, chunk: dict[str, Any], choices: Any, usage: Any, error: Any) -> None:
        """Read any chunk. ``choices`` and ``usage`` were taken out of it; ``...`` means that it had none."""
        if error is None and choices.__class__ is list:
            error = error_of(chunk, choices)
        if error is chunk:
            error = chunk.copy()
            if choices is not ...:
                error["choices"] = choices
            if usage is not ...:
                error["usage"] = usage
        choices = None if choices is ... else choices
        usage = None if usage is ... else usage
        if error:
            self._server_error(error, chunk)
            if choices.__class__ is not list:
                return
        if choices.__class__ is not list or self.answer.done:
            if choices and not self.answer.done:
                self._malformed("choices is not a list; it was ignored")
            choices = []
        self._failed = bool(error)
        entries: list[Any] = choices  # pyright: ignore[reportAssignmentType]
        self._entries(entries, self._fields(chunk, entries, usage))
        self._failed = False

    def _entries(self, choices: list[Any], usage: Any) -> None:
        """Read the entries of ``choices``, then the usage: the chunk's, or else that of the entries."""
        usages: list[Any] = [usage] if usage else []
        for position, entry in enumerate(choices):
            if entry.__class__ is dict:
                of_choice = None if self._common_entry(entry, False) else self._entry(entry, position)
                if of_choice and not usage:
                    usages.append(of_choice)
            elif not is_absent(entry):
                self._malformed("entry of choices is not an object; it was ignored")
        if usages:
            self.usage(*usages)

    def _repeats_header(self, fields: dict[str, Any]) -> bool:
        """Whether the fields equal the header except in PASSING_FIELDS. Then reading them has no effect.

        The header takes over the passing fields, because the next chunks may have the same ones.
        """
        header = self._header
        if header is None:
            return False
        for name in PASSING_FIELDS:
            value: Any = fields.get(name)
            # (Other types from a caller would have to be checked and copied.)
            if value.__class__ is str and value != header.get(name):
                header[name] = value
                if fields == header:
                    return True
        return False

    def _fields(self, chunk: dict[str, Any], choices: list[Any], usage: Any) -> Any:
        """Read the fields of a chunk except ``choices``. Return its usage, or None."""
        if not self.answer.done:
            self._identify(chunk)
        if not self._started:
            self._start_answer(choices)
        extras = {key: one for key, one in chunk.items() if one is not None and key not in CHUNK_FIELDS}
        groq: Any = extras.get("x_groq")
        # This usage is copied, because the Extra has it too.
        of_groq = render(groq.get("usage"), False) if groq.__class__ is dict else None
        if groq.__class__ is dict and groq.get("error"):  # it was reported, so no encoder may write it again
            extras["x_groq"] = {key: one for key, one in groq.items() if key != "error"}
        if extras:
            self.keep(self.answer.extras, extras, None, None, "chunk")
        self._header = chunk if self._is_repeatable(extras) else None
        if usage.__class__ is dict and usage:
            return usage
        if usage and usage.__class__ is not dict:
            self._malformed("usage is not an object; it was ignored")
        return of_groq if of_groq.__class__ is dict else None

    def _is_repeatable(self, extras: dict[str, Any]) -> bool:
        """Whether reading the fields of this chunk again would change nothing.

        The unknown fields (``extras``) must be strings: ``_repeats_header`` cannot tell 1 from ``true``.
        """
        answer = self.answer
        return bool(
            self._started
            and answer.id
            and answer.created
            and not (self._has_surrogates or self._failed or answer.done)
            and STRINGS.issuperset(map(type, extras.values()))
        )

    def _identify(self, chunk: dict[str, Any]) -> None:
        """Read what rule 2 keeps of a chunk: the first id, the first time, the last model.

        (An integer as id: diegosouzapw/OmniRoute#3426; a string as time: sashabaranov/go-openai#1003)
        """
        answer = self.answer
        if answer.id is None:
            id = as_id(chunk.get("id"))
            if id is not None:
                answer.id = self._text(id)
                self.version += 1
        if answer.created is None:
            created: Any = chunk.get("created")
            created = created if is_number(created) else as_index(created)
            if created:
                answer.created = created
                self.version += 1
        model: Any = chunk.get("model")
        if model.__class__ is str and model and model != answer.model:
            answer.model = self._text(model)
            self.version += 1

    def _start_answer(self, choices: list[Any]) -> None:
        """Emit Start before the events of the first entry, if there is one."""
        for entry in choices:
            if not is_absent(entry):
                self._started = True
                self.version += 1
                shape: ObjectName = "text_completion" if _is_text_entry(entry) else "chat.completion"
                answer = self.answer
                self.events.append(Start(answer.id, answer.model, answer.created, shape))
                break

    def usage(self, *usages: dict[str, Any]) -> None:
        """Update the known usage, field by field.

        (Cumulative in each chunk: vLLM, SGLang, Perplexity; null again later, or without details later:
        pydantic/pydantic-ai#5889; ``{}``: zed-industries/zed#42893)
        """
        answer = self.answer
        self.counted = None
        if self.usage_stage != KNOWN:
            if self.usage_stage == FULL:
                self.usage_stage = IGNORED
                what = f"usage has more than {MAX_USAGE_VALUES} values"
                self._malformed(f"{what}; this one was ignored, and later ones are")
            return
        kept = answer.usage
        before = render(kept, False) if len(usages) > 1 else None
        changed = 0
        for usage in usages:
            if kept is None:
                kept = answer.usage = render(usage, True) if self._has_surrogates else usage
                changed = CHANGED | GROWN
            else:
                changed |= overlay(kept, render(usage, True) if self._has_surrogates else usage)
        if changed & GROWN:
            self.version += 1
            if count_values(kept) > MAX_USAGE_VALUES:
                self.usage_stage = FULL
        # Within one chunk, one choice's usage may restore what another's changed.
        if changed and not (before is not None and is_same(kept, before)):
            self.events.append(Usage(render(kept, False)))

    def _common_entry(self, entry: dict[str, Any], is_borrowed: bool) -> bool:
        """Read an entry of the most common kind: only its delta has an effect, and perhaps its logprobs.

        Return False for any other entry; then nothing was read. A caller's entry (``is_borrowed``) may have
        values of any type and halves of surrogate pairs. So it is read here only if it has one piece of
        content or of arguments. (As two methods, it took 3 % longer to read a frame in full.)
        """
        delta: Any = entry.get("delta")
        # (The first condition repeats a later one: it saves 3 % of add() with "Together text beside delta".)
        if len(entry) > 4 or delta.__class__ is not dict or (is_borrowed and len(delta) != 1):
            return False
        index: Any = entry.get("index")
        choice = self.choices.get(index) if index.__class__ is int else None
        if choice is None or choice.shape != CHAT_SHAPE or entry.get("finish_reason", "") is not None:
            return False
        logprobs: Any = entry.get("logprobs", "")
        has_logprobs = logprobs.__class__ is dict and not is_borrowed
        # index, delta, finish_reason; perhaps logprobs: an object, or null if it was null before.
        if len(entry) != 3 + (has_logprobs or (logprobs is None and "logprobs" in choice.extras)):
            return False
        content: Any = delta.get("content")
        if len(delta) != 1:
            self._delta(choice, delta)
        elif content.__class__ is str:
            if is_borrowed and not content.isascii() and contains_surrogates(content):
                return False
            self.content(choice, content)
        elif is_borrowed:
            fragments: Any = delta.get("tool_calls")
            is_one = fragments.__class__ is list and len(fragments) == 1
            return is_one and self._more_arguments(choice, fragments[0], True)
        elif "tool_calls" in delta:
            self._tool_calls(choice, delta["tool_calls"])
        else:
            self._delta(choice, delta)
        if has_logprobs:
            self.logprobs(choice, entry["logprobs"])
        return True

    def _entry(self, entry: dict[str, Any], position: int) -> Any:
        """Read an entry of ``choices`` with any fields. Return its usage, or None."""
        index: Any = entry.get("index", position)
        choice = self.choices.get(index) if index.__class__ is int else None
        if choice is None:
            choice = self._choice(position if index is None else index)
            if choice is None:
                return None
        delta: Any = entry.get("delta")
        reason, logprobs, rest = self._fields_of_entry(choice, entry)
        if delta.__class__ is dict:
            if choice.shape != CHAT_SHAPE:
                choice.shape = CHAT_SHAPE
                self.version += 1
            self._delta(choice, delta)
        elif delta:  # null and [] (PHP's empty object) count as absent
            self._malformed("delta is not an object; it was ignored", choice.index)
        self._finish_reason(choice, reason)
        error: Any = None
        usage: Any = None
        if rest:
            if not RARE_FIELDS.isdisjoint(rest):
                error = rest.pop("error", None)
                usage = rest.pop("usage", None)
                if "logprobs" in rest and not is_number(rest["logprobs"]):
                    logprobs = rest.pop("logprobs")
                logprobs = self._message_or_text(choice, rest, delta, logprobs)
            if rest:
                self.keep(choice.extras, rest, choice.index, None, "choice")
        if logprobs is not None:
            self._any_logprobs(choice, logprobs)
        if error or reason == "error":
            self._fail(choice, error, entry)
        return usage if usage.__class__ is dict else None

    def _fields_of_entry(self, choice: Choice, entry: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """Return the finish_reason of an entry, its logprobs if they are an object, and the fields that
        ``_entry`` does not read elsewhere."""
        reason: Any = None
        logprobs: Any = None
        rest: dict[str, Any] = {}
        for key, value in entry.items():
            if value is None:
                if key == "logprobs" and key not in choice.extras:
                    choice.extras[key] = None
                    self.version += 1
            elif key in ENTRY_FIELDS:
                continue
            elif key == "finish_reason":
                reason = value
            elif key == "logprobs" and value.__class__ is dict:
                logprobs = value
            else:
                rest[key] = value
        return reason, logprobs, rest

    def _fail(self, choice: Choice, error: Any, entry: dict[str, Any]) -> None:
        """Report the error of an entry. If it has only the finish_reason "error", that is reported, unless an
        error of this choice or chunk was reported before."""
        if error:
            choice.failed = True
            self._server_error(error, entry, choice.index)
            self._finish_reason(choice, "error")
        elif not (choice.failed or self._failed):
            choice.failed = True
            self._server_error("error", {}, choice.index)

    def _choice(self, index: Any) -> Choice | None:
        """Return the choice with this index, a new one if needed. If the index is bad, report it and return
        None."""
        number = as_index(index)
        if number is None or number < 0 or (index.__class__ is str and index[0] == "-"):
            self._malformed("index of a choice is not an integer from 0 on; the entry was ignored")
            return None
        if number >= self._max_choices:
            reason = f"is not below max_choices ({self._max_choices})"
            self._malformed(f"index of a choice {reason}; the entry was ignored")
            return None
        choice = self.choices.get(number)
        if choice is None:
            choice = self.choices[number] = Choice(number)
            self.version += 1
        return choice

    def _finish_reason(self, choice: Choice, reason: Any) -> None:
        """Set the finish_reason (rule 7). ("stop" after calls and content: 2witstudios/PageSpace#1553)"""
        if not is_identity(reason):
            return
        reason = self._text(reason)
        kept = choice.finish_reason
        if reason == "stop" and kept in LASTING_FINISH_REASONS and choice.stage != CONTINUED:
            return
        stage = CALLED if reason == "tool_calls" else UNCALLED
        if reason != kept or stage != choice.stage:
            choice.finish_reason = reason
            choice.stage = stage
            self.version += 1

    def _message_or_text(self, choice: Choice, rest: dict[str, Any], delta: Any, logprobs: Any) -> Any:
        """Read ``message`` and ``text`` of an entry, which are in ``rest``.

        Return the logprobs that are still to be read: beside a message, only those that the choice has not.
        """
        message: Any = rest.pop("message", None)
        text: Any = rest.get("text")
        if delta.__class__ is dict:
            # A text that repeats the delta's content has no effect. (Together)
            if is_text(text) and is_same(text, delta.get("content")):
                del rest["text"]
            return logprobs
        if message.__class__ is dict:
            choice.shape = CHAT_SHAPE
            self._message_as_delta(choice, message)
            kept = choice.logprobs
            if kept is not None and logprobs.__class__ is dict:
                return {key: one for key, one in logprobs.items() if not kept.get(key)} or None
            return logprobs
        if message:
            self._malformed("message is not an object; it was ignored", choice.index)
        rest.pop("text", None)
        if is_text(text):
            if choice.shape == UNKNOWN_SHAPE:
                choice.shape = TEXT_SHAPE
                self.version += 1
            self.content(choice, text_of(text))
        elif text:
            self._malformed("text is not a string; it was ignored", choice.index)
        return logprobs

    def _message_as_delta(self, choice: Choice, message: dict[str, Any]) -> None:
        """Read a whole message as one delta, but only for fields that are still empty. (Simulated
        streaming: Amm1rr/WebAI-to-API#55; a final snapshot: abundantbeing/hermes-browser-extension#11)"""
        is_emitted = bool(choice.emitted_reasoning)
        have: dict[str, Any] = {
            "content": choice.content or choice.parts,
            "refusal": choice.refusal,
            "tool_calls": len(choice.calls),
            "function_call": choice.function_call,
            "audio": choice.audio,
            **dict.fromkeys(MAY_HOLD_REASONING, is_emitted),
        }
        extras = choice.message_extras
        fields = {
            key: value
            for key, value in message.items()
            if not (have[key] if key in have else extras.get(key) is not None)
        }
        self._delta(choice, fields, is_emitted)

    def _any_logprobs(self, choice: Choice, logprobs: Any) -> None:
        """Read logprobs of any type except null and numbers. (Numbers are kept as an unknown field.)

        (togethercomputer/openapi#27)
        """
        if logprobs.__class__ is dict:
            self.logprobs(choice, logprobs)
        else:
            if choice.extras.setdefault("logprobs", None) is None:
                self.version += 1
            if logprobs:
                self._malformed("logprobs is not an object; it was ignored", choice.index)

    def logprobs(self, choice: Choice, logprobs: dict[str, Any]) -> None:
        """Extend every list in logprobs. (Lists that the API does not have: sgl-project/sglang#28601; text
        completions)"""
        if self._has_surrogates:
            logprobs = render(logprobs, True)
        if choice.logprobs is None:
            choice.logprobs = {}
        extend(choice.logprobs, logprobs)
        self.events.append(LogprobsDelta(choice.index, logprobs))

    # -- unknown fields -----------------------------------------------------------------------------

    def keep(
        self,
        into: dict[str, Any],
        fields: dict[str, Any],
        choice: int | None,
        index: int | None,
        place: Place,
        silent: bool = False,
    ) -> None:
        """Keep unknown fields outside deltas: the last value that is not null.

        Objects are merged, and lists in GROWING_LISTS are extended.

        ``silent``: emit no Extra.
        """
        if place == "chunk":
            self._header = None  # other values are kept now, so a chunk that repeats the header must be read
        for key, value in (render(fields, True) if self._has_surrogates else fields).items():
            kind = value.__class__
            if value is None:
                continue
            old: Any = into.get(key)
            if kind is list and old.__class__ is list and place in GROWING_LISTS.get(key, ()):
                old += render(value, False)
                self.kept += 1
            elif kind is dict and old.__class__ is dict:
                if overlay(old, value):
                    self.kept += 1
            elif kind is dict or kind is list:
                if not is_same(old, value):
                    into[key] = render(value, False)
                    self.kept += 1
            elif replaces(key, old, value):
                into[key] = value
                self.kept += 1
            else:
                continue
            if not silent:
                self._extra(choice, index, key, value, place)

    def note_kept(self, is_changed: bool) -> None:
        """Record that the fast path has kept an unknown field itself. ``is_changed``: its value changed."""
        self._header = None
        self.kept += is_changed

    def keep_in_delta(self, choice: Choice, fields: dict[str, Any]) -> None:
        """Keep unknown fields of a delta (rules 9 and 10)."""
        into = choice.message_extras
        for key, value in fields.items():
            old: Any = into.get(key)
            if value.__class__ is dict and old.__class__ is Text and key in REASONING_FIELDS:
                into[key] = {"text": old}  # a string came first, then an object (a signature)
            if value.__class__ is list and old.__class__ is list and "delta" in GROWING_LISTS.get(key, ()):
                old += render(value, self._has_surrogates)
            elif not grow(into, key, value, self._has_surrogates):
                continue
            self.kept += 1
            self._extra(choice.index, None, key, value, "delta")

    def _extra(self, choice: int | None, index: int | None, field: str, value: Any, place: Place) -> None:
        if self._has_surrogates:
            field = well_formed(field)
            value = render(value, True)
        self.events.append(Extra(choice, index, field, value, place))

    def _text(self, text: str) -> str:
        return well_formed(text) if self._has_surrogates else text

    # -- reading a delta ----------------------------------------------------------------------------

    def _delta(self, choice: Choice, delta: dict[str, Any], is_emitted: bool = False) -> None:
        """Read a delta. ``is_emitted``: its reasoning was emitted before.

        (With two methods in place of this one, a chunk with reasoning takes 2 % longer.)
        """
        content: Any = None
        fragments: Any = None
        name = None  # the name and the text of a reasoning field
        thinking = ""
        rest: dict[str, Any] = {}
        for key, value in delta.items():
            if value is None:
                if key == "refusal" and key not in choice.message_extras:
                    choice.message_extras[key] = None
                    self.version += 1
            elif key == "content":
                content = value
            elif key == "tool_calls":
                fragments = value
            elif key == "role":
                if choice.role is None and value.__class__ is str and value:
                    choice.role = self._text(value)
                    self.version += 1
            elif name is None and value.__class__ is str and key in REASONING_FIELDS:
                name = key
                thinking = value
            elif key not in DELTA_NOISE:
                rest[key] = value
        if rest or not (content is None or content.__class__ is str):
            if name is not None:
                rest[name] = thinking
            self._delta_in_order(choice, content, fragments, rest, is_emitted)
            return
        if name is not None:
            self.reasoning(choice, name, thinking)
        if content is not None:
            self.content(choice, content)
        if fragments is not None:
            self._tool_calls(choice, fragments)

    def _delta_in_order(
        self, choice: Choice, content: Any, fragments: Any, rest: dict[str, Any], is_emitted: bool
    ) -> None:
        """Read the fields of a delta in the order that events have, whatever their order in the delta."""
        if not MAY_HOLD_REASONING.isdisjoint(rest):
            self._read_reasoning(choice, rest)
        if content.__class__ is str:
            self.content(choice, content)
        elif is_text(content):
            self.content(choice, text_of(content))
        elif content is not None:
            parts: list[Any] = content if content.__class__ is list else [content]
            if not all(map(is_absent, parts)):
                self._content_parts(choice, parts, is_emitted)
        if "refusal" in rest:
            refusal = rest.pop("refusal")
            if is_text(refusal):
                self.refusal(choice, text_of(refusal))
            else:
                choice.message_extras.setdefault("refusal", None)
                self.version += 1
                if refusal:
                    self._malformed("refusal is not a string; it was ignored", choice.index)
        if fragments is not None:
            self._tool_calls(choice, fragments)
        if "function_call" in rest:
            self._function_call(choice, rest.pop("function_call"))
        if "audio" in rest:
            self._audio(choice, rest.pop("audio"))
        if rest:
            self.keep_in_delta(choice, rest)

    def _read_reasoning(self, choice: Choice, rest: dict[str, Any]) -> None:
        """Read the reasoning in a delta (rule 9). Strings are taken out of ``rest``, objects are not."""
        is_emitted = False
        for name in REASONING_FIELDS:
            if name in rest and is_text(rest[name]):
                is_emitted = self.reasoning(choice, name, text_of(rest.pop(name)), is_emitted)
        if rest and not is_emitted:
            for name in MAY_HOLD_REASONING:
                piece = reasoning_in(rest[name]) if name in rest else ""
                if piece:
                    self._emit_reasoning(choice, self._separate_reasoning(choice), piece, name)
                    break

    def _append(self, text: Text, piece: str) -> str:
        """Append a piece to a text. Return the part that can be emitted now.

        The content, reasoning, refusal, arguments and transcript of events are appended here, except in
        content(), in reasoning() and on the fast path, which append them directly.
        """
        pieces = text.pieces
        pieces.append(piece)
        if len(pieces) >= Text.FOLD_AT:
            text.fold()
        if self._has_surrogates or text.held:
            text.has_surrogates = True
            self.version += 1
            return text.release(piece)
        return piece

    def content(self, choice: Choice, piece: str) -> None:
        """Append a piece to the content."""
        content = choice.content
        if content is None:
            content = choice.content = Text()
        if piece:
            if choice.stage == CALLED:
                choice.stage = CONTINUED
                self.version += 1
            if choice.parts is not None:
                self.version += 1
                add_part(choice.parts, {"type": "text", "text": piece}, self._has_surrogates)
            pieces = content.pieces
            if len(pieces) < _LAST_BEFORE_FOLD and not (content.held or self._has_surrogates):
                pieces.append(piece)  # inlined from _append(), for speed
            else:
                piece = self._append(content, piece)
            if piece:
                self.events.append(ContentDelta(choice.index, piece))

    def _content_parts(self, choice: Choice, parts: list[Any], is_emitted: bool) -> None:
        """Read content that is a list of parts (rule 8). (Mistral; one part in place of a list:
        vercel/ai#4747)"""
        self.version += 1
        if choice.content is None:
            choice.content = Text()
        kept = choice.parts
        if kept is None:
            before = choice.content.copy()
            before.held = ""  # events do not use this copy, so nothing is held back in it
            kept = [{"type": "text", "text": before}] if before else []
        choice.parts = None  # otherwise content() would add the texts to it, too
        for part in parts:
            if is_absent(part):
                continue
            add_part(kept, part, self._has_surrogates)
            kind = part_kind(part)
            if kind == "text":
                self.content(choice, part if part.__class__ is str else part["text"])
            elif kind is None:
                self._extra(choice.index, None, "content", part, "delta")
            elif not is_emitted:
                piece = reasoning_in(part)
                if piece:
                    self._emit_reasoning(choice, self._separate_reasoning(choice), piece, "content")
        choice.parts = kept

    def reasoning(self, choice: Choice, name: str, piece: str, is_emitted: bool = False) -> bool:
        """Append reasoning under its wire name.

        ``is_emitted``: another name in this delta was emitted already. Return its new value.
        """
        kept = choice.message_extras
        found: Any = kept.get(name)
        key = name
        if found.__class__ is dict:
            kept, key = found, "text"  # an object came under this name, and this is the field for its text
            found = kept.get(key)
        text: Text = found
        if found.__class__ is not Text:
            text = kept[key] = Text()
            if choice.emitted_reasoning is None and not is_emitted:
                # With one name, what is emitted and what is kept is one object.
                choice.emitted_reasoning = text
            else:
                self.version += 1
        if not piece:
            return is_emitted
        if text is not choice.emitted_reasoning:
            self.version += 1
            text.append(piece, self._has_surrogates)
            if is_emitted:
                return True
            text = self._separate_reasoning(choice)
        if len(text.pieces) < _LAST_BEFORE_FOLD and not (text.held or self._has_surrogates):
            text.pieces.append(piece)  # inlined from _emit_reasoning(), for speed
            self.events.append(ReasoningDelta(choice.index, piece, name))
        else:
            self._emit_reasoning(choice, text, piece, name)
        return True

    def _separate_reasoning(self, choice: Choice) -> Text:
        """Return the text of the emitted reasoning. From now on it is not the text kept under a wire name,
        because reasoning comes from a part, an object or a second name."""
        emitted: Any = choice.emitted_reasoning
        for name in REASONING_FIELDS:
            kept: Any = choice.message_extras.get(name)
            if kept.__class__ is dict:
                kept = kept.get("text")
            if kept is emitted and emitted is not None:
                choice.emitted_reasoning = emitted.copy()
                emitted.held = ""
                self.version += 1
        if choice.emitted_reasoning is None:
            choice.emitted_reasoning = Text()
        return choice.emitted_reasoning

    def _emit_reasoning(self, choice: Choice, text: Text, piece: str, field: str) -> None:
        piece = self._append(text, piece)
        if text.held:
            choice.reasoning_field = field
        if piece:
            self.events.append(ReasoningDelta(choice.index, piece, field))

    def refusal(self, choice: Choice, piece: str) -> None:
        """Append a piece to the refusal."""
        if choice.refusal is None:
            choice.refusal = Text()
        if piece:
            piece = self._append(choice.refusal, piece)
            if piece:
                self.events.append(RefusalDelta(choice.index, piece))

    def _audio(self, choice: Choice, audio: Any) -> None:
        if audio.__class__ is not dict:
            if audio:
                self._malformed("audio is not an object; it was ignored", choice.index)
            return
        self.version += 1
        kept = choice.audio
        if kept is None:
            kept = choice.audio = Audio()
        fields = {key: one for key, one in audio.items() if one is not None and key not in NOISE_FIELDS}
        data = transcript = ""
        if fields.get("data").__class__ is str:
            data = self._text(fields["data"])
            kept.data.append(fields.pop("data"), self._has_surrogates)
        if fields.get("transcript").__class__ is str:
            transcript = self._append(kept.transcript, fields.pop("transcript"))
        if data or transcript:
            self.events.append(AudioDelta(choice.index, data or None, transcript or None))
        if fields:
            overlay(kept.fields, render(fields, self._has_surrogates))
            self._extra(choice.index, None, "audio", fields, "delta")

    # -- tool calls ---------------------------------------------------------------------------------

    def _tool_calls(self, choice: Choice, fragments: Any) -> None:
        if fragments.__class__ is dict:
            fragments = [fragments]
        elif fragments.__class__ is not list:
            if not fragments:
                return
            self._malformed("tool_calls is not a list; it was ignored", choice.index)
            return
        for fragment in fragments:
            if self._more_arguments(choice, fragment, False):
                pass
            elif fragment.__class__ is dict:
                self._fragment(choice, fragment)
            elif not is_absent(fragment):
                self._malformed("entry of tool_calls is not an object; it was ignored", choice.index)

    def _more_arguments(self, choice: Choice, fragment: Any, is_borrowed: bool) -> bool:
        """Read a fragment of the most common kind: more arguments for the call at its index (row b4).
        Return False for any other; then nothing was read. ``is_borrowed``: see ``_common_entry``."""
        if fragment.__class__ is not dict or len(fragment) != 2:
            return False
        index: Any = fragment.get("index")
        body: Any = fragment.get("function")
        if index.__class__ is not int or body.__class__ is not dict or len(body) != 1:
            return False
        call = choice.calls.at.get(index)
        piece: Any = body.get("arguments")
        if call is None or call.stage != STARTED or piece.__class__ is not str or not piece:
            return False
        if is_borrowed and not piece.isascii() and contains_surrogates(piece):
            return False
        choice.calls.last = call
        piece = self._append(call.arguments, piece)
        if piece:
            self.events.append(ToolCallDelta(choice.index, call.index, piece))
        return True

    def _fragment(self, choice: Choice, fragment: dict[str, Any]) -> None:
        """Find the call of a fragment (rule 4), and add the fields to it."""
        index = key_of(fragment.get("index"))
        if index is None and fragment.get("index") is not None:
            what = "index of a tool call cannot be read as an integer; the fragment was ignored"
            self._malformed(what, choice.index)
            return
        kind, body = self._body_of(choice, fragment)
        name, text, inner = self._read_body(choice, body or {}, kind)
        extras = {key: one for key, one in fragment.items() if key not in FRAGMENT_FIELDS}
        id = id_of(fragment.get("id"), extras, inner)
        id = None if id is None else self._text(id)
        if id is None and name is None and not text and not _is_information(inner, extras):
            return  # (lmstudio-ai/lmstudio-bug-tracker#830)
        if id is None and index is None and body is None and choice.calls.last is None:
            self._extra(choice.index, None, "tool_calls", fragment, "delta")
            return
        call = self._find_call(choice, id, index, name, text)
        if call is None:
            return
        self._set_kind(call, fragment.get("type"), kind)
        self._add_body(choice, call, name, text, inner)
        self.keep(call.extras, extras, choice.index, call.index, "tool_call")

    def _add_body(
        self, choice: Choice, call: Call, name: str | None, text: str, inner: dict[str, Any]
    ) -> None:
        """Add to a call what ``_read_body`` returned."""
        if name is not None and call.rename(name):
            self.version += 1
        self.arguments(choice, call, text)
        if inner:
            is_silent = call.index is None and call.stage == UNSTARTED and len(choice.calls) > 0
            self.keep(call.inner, inner, choice.index, call.index, "function", is_silent)

    def _read_body(
        self, choice: Choice, body: dict[str, Any], kind: str
    ) -> tuple[str | None, str, dict[str, Any]]:
        """Return the name, the text and the unknown fields of a body: ``function``, ``custom`` or
        ``function_call``."""
        field = text_field(kind)
        name: Any = body.get("name")
        text: Any = body.get(field)
        if text.__class__ is not str:
            text = self._argument_text(choice, text, field)
        known = ("name", field, *NOISE_FIELDS)
        inner = {key: one for key, one in body.items() if key not in known and one is not None}
        return self._text(name) if is_identity(name) else None, text, inner

    def _set_kind(self, call: Call, wire_type: Any, kind: str) -> None:
        """Keep the first ``type`` of a call. It is a custom tool if its first fragments say so."""
        if call.type is None and wire_type.__class__ is str and wire_type:
            call.type = self._text(wire_type)
            self.version += 1
        is_custom = kind == "custom" or wire_type == "custom"
        if is_custom and call.kind == "function" and call.stage == UNSTARTED and not call.arguments:
            call.kind = "custom"
            self.version += 1

    def _find_call(
        self, choice: Choice, id: str | None, index: Key | None, name: str | None, text: str
    ) -> Call | None:
        """Return the call that a fragment belongs to, new if needed. None if the fragment is ignored."""
        calls = choice.calls
        scans = calls.scans
        call, is_repetition = calls.find(id, index, name, text)
        if calls.scans != scans:
            self.version += 1  # it depended on argument text, which ``version`` does not count
        if is_repetition:
            return None
        if call is None:
            self.version += 1
            if len(calls) >= self._max_tool_calls:
                calls.forget(index)
                limit = f"more than max_tool_calls ({self._max_tool_calls}) calls"
                self._malformed(f"{limit}; the fragment was ignored", choice.index)
                return None
            call = calls.add()
        if calls.record(call, id, index):
            self.version += 1
        return call

    def _body_of(self, choice: Choice, fragment: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """Return the kind of a fragment, and the object with its name and text, or None if it has no such
        object."""
        kind = "function"
        body: Any = fragment.get(kind)
        if "custom" in fragment and is_empty_function(body):
            custom: Any = fragment["custom"]
            if custom or (custom.__class__ is dict and body.__class__ is not dict):
                kind = "custom"
                body = custom
        if body.__class__ is dict:
            return kind, body
        if body:
            self._malformed(f"{kind} is not an object; it was ignored", choice.index)
            return kind, {}
        return kind, None

    def _argument_text(self, choice: Choice, value: Any, field: str) -> str:
        """Return the value of ``arguments`` or ``input`` as text (rules 1 and 6).

        (An object: TGI until huggingface/text-generation-inference#2949, koboldcpp)
        """
        if is_text(value):
            return text_of(value)
        if value.__class__ is dict:
            return write_json(value)
        if value:
            self._malformed(f"{field} is neither string nor object; it was ignored", choice.index)
        return ""

    def arguments(self, choice: Choice, call: Call, piece: str) -> None:
        """Append a piece to the arguments of a call. If its name is known, the call starts first."""
        # If the choice has tool calls, a legacy call does not start (rule 6).
        if call.stage == UNSTARTED and call.name is not None and not (call.index is None and choice.calls):
            self._start(choice, call)
        if piece:
            if not call.arguments:
                self.version += 1  # rule 4 asks whether a call with this id has any
            piece = self._append(call.arguments, piece)
            if call.stage == UNSTARTED:
                self.version += 1  # text was stored but not emitted
            elif piece:
                self.events.append(ToolCallDelta(choice.index, call.index, piece))

    def _start(self, choice: Choice, call: Call) -> None:
        """Emit the ToolCallStart of a call, and the arguments that came before its name as one delta."""
        call.stage = STARTED
        self.version += 1
        self.events.append(ToolCallStart(choice.index, call.index, call.id, call.full_name(), call.kind))
        earlier = call.arguments.emitted()
        if earlier:
            self.events.append(ToolCallDelta(choice.index, call.index, earlier))

    def _function_call(self, choice: Choice, body: Any) -> None:
        """Read the legacy field ``function_call``."""
        if body.__class__ is not dict:
            if body:
                self._malformed("function_call is not an object; it was ignored", choice.index)
            return
        call = choice.function_call
        if call is None:
            if is_empty_function(body):
                return
            call = choice.function_call = Call(None, "function_call")
            self.version += 1
        self._add_body(choice, call, *self._read_body(choice, body, "function"))

    # -- the end ------------------------------------------------------------------------------------

    def _finish(self, choice: Choice, done: bool) -> None:
        """Emit the Done events of one choice."""
        index = choice.index
        emit = self.events.append
        delta: Any
        for text, delta, whole, field in (
            (choice.content, ContentDelta, ContentDone, ()),
            (choice.emitted_reasoning, ReasoningDelta, ReasoningDone, (choice.reasoning_field,)),
            (choice.refusal, RefusalDelta, RefusalDone, ()),
        ):
            if text:
                if text.held:
                    emit(delta(index, "\ufffd", *field))
                emit(whole(index, text.settle()))
        if choice.calls.in_order:
            for id, call in zip(self.answer.call_ids(choice), choice.calls):
                self._finish_call(choice, call, id, done)
        legacy = choice.function_call
        if legacy is not None:
            if legacy.stage == STARTED or not choice.calls:
                self._finish_call(choice, legacy, None, done)
            else:
                legacy.arguments.settle()
        if choice.audio is not None and choice.audio.transcript.held:
            choice.audio.transcript.held = ""
            emit(AudioDelta(index, None, "\ufffd"))
        emit(ChoiceDone(index, choice.finish_reason))

    def _finish_call(self, choice: Choice, call: Call, id: str | None, done: bool) -> None:
        if call.stage == UNSTARTED:
            self._start(choice, call)
        if call.arguments.held:
            self.events.append(ToolCallDelta(choice.index, call.index, "\ufffd"))
        call.stage = DONE
        arguments = call.arguments.settle()
        name = call.full_name()
        status: Status = "complete" if call.kind == "custom" else status_of(arguments)
        if call.kind == "custom" or status == "empty":
            # There is no JSON to parse, so the status depends on the finish_reason.
            reason = choice.finish_reason
            if not (done if reason is None else reason.lower() in GOOD_ENDS):
                status = "incomplete"
        if name is None and status in ("complete", "empty"):
            status = "invalid"  # (A second call that never gets its name: vllm-project/vllm#43640)
        self.events.append(ToolCallDone(choice.index, call.index, id, name, arguments, call.kind, status))


def _is_text_entry(entry: Any) -> bool:
    """Whether an entry of ``choices`` has ``text``, and neither ``delta`` nor ``message``."""
    return (
        entry.__class__ is dict
        and is_text(entry.get("text"))
        and not any(entry.get(key).__class__ is dict for key in ("delta", "message"))
    )


def _is_information(*extras: dict[str, Any]) -> bool:
    """Whether any of these unknown fields has a value other than null and ``""``."""
    return any(value is not None and value != "" for fields in extras for value in fields.values())


class ChatAssembler(Reading):
    """Chunks in, events and the final object out: for programs that get decoded chunks, not bytes.

    Args:
        max_choices: every choice index must be below it.
        max_tool_calls: maximum number of calls per choice.
        max_errors: maximum number of Error events. The next one has the kind ``limit``, and reading ends.

    Attributes: ``done`` (bool: closed with ``done=True``), ``finished`` (bool: there is a choice, and each
    has a finish_reason), ``closed`` (bool: closed without ``done=True``), ``errors`` (list of the Error
    events so far), ``id``, ``model`` (str or None until known), ``usage`` (dict or None).

    It has the methods of ``ChatStream`` that read the answer: ``text()``, ``completion()`` and so on.

    Raises TypeError at once if a limit is not an int, ValueError if it is below 0.

    It does not change the chunks and does not keep them. It can be pickled and deep-copied at any point.
    """

    __slots__ = ("_answer", "_reader")

    def __init__(
        self,
        *,
        max_choices: int = MAX_CHOICES,
        max_tool_calls: int = MAX_TOOL_CALLS,
        max_errors: int = MAX_ERRORS,
    ) -> None:
        self._reader = ChunkReader(max_choices, max_tool_calls, max_errors)
        self._answer = self._reader.answer

    @property
    def closed(self) -> bool:
        """Whether ``close()`` was called without ``done``. (After ``[DONE]`` usage may still come.)"""
        return self._answer.closed

    def add(self, chunk: Mapping[str, Any]) -> list[Event]:
        """Return the events that ``chunk`` causes, in order.

        ``chunk`` is a mapping as ``json.loads`` or an SDK's ``model_dump()`` returns it, keys in any order.
        No JSON value makes it raise: wrong types and nesting beyond 128 levels cause Error events. After a
        limit error add() returns ``[]``. After ``close(done=True)`` only usage, unknown fields and errors are
        read. Raises TypeError if ``chunk`` is not a mapping of JSON values, RuntimeError after ``close()``
        without ``done``.
        """
        plain: Any = chunk
        if plain.__class__ is not dict and not (hasattr(plain, "items") and hasattr(plain, "keys")):
            raise TypeError(
                f"add() takes a decoded chunk (a mapping), not {type(plain).__name__}:"
                " pass json.loads(data) or chunk.model_dump(), or feed bytes to ChatStream"
            )
        if self._answer.closed:
            raise RuntimeError("add() after close(): make a new ChatAssembler for the next answer")
        reader = self._reader
        if not reader.stopped:
            try:
                reader.read_borrowed(plain if plain.__class__ is dict else dict(plain.items()))
            except LimitReached:
                pass
            reader.frame = (reader.frame or 0) + 1
        events = reader.events
        reader.events = []
        return events

    def close(self, done: bool = False) -> list[Event]:
        """End the answer: return the Done events, each exactly once, with ``Done`` last if ``done``.

        ``done=True`` says that the server declared the end (``[DONE]``). Idempotent. It reports no
        truncation: only the caller knows whether more chunks should have come. So completion() returns an
        answer that was cut: check ``finished`` first.
        """
        reader = self._reader
        reader.finish(done)
        events = reader.events
        reader.events = []
        return events

    def __repr__(self) -> str:
        state = "done" if self.done else "closed" if self.closed else "open"
        if self._reader.stopped:
            state = "stopped"
        calls = sum(len(choice.calls) for choice in self._answer.choices.values())
        return (
            f"<ChatAssembler {state}, {len(self._answer.choices)} choices, {calls} tool calls,"
            f" {len(self.errors)} errors>"
        )
