# SPDX-License-Identifier: MIT
"""StreamError, the only exception that input can cause, and its message.

    try:
        completion = sseparse.parse(body)
    except sseparse.StreamError as error:
        log.warning("%s", error)                # server error in frame 3: Rate limit reached (code 429)
        partial = error.snapshot                # the answer as far as it arrived

This file knows neither bytes nor chunks: the code that raises a StreamError attaches the Error events and
the answer so far. A mistake of the caller is a plain ``TypeError``, ``ValueError``, ``IndexError`` or
``RuntimeError``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._events import Error, ErrorKind
    from .types import Completion

# The kinds of Error events. ``ErrorKind`` of _events.py, which exists only for type checkers, has the same.
KINDS = ("server", "malformed", "truncated", "limit", "not_sse", "not_chat")
QUOTED = 200  # characters of the input that an Error event quotes
_MAX_ERRORS = 3  # in the message; the attribute ``errors`` has all of them
_MAX_MESSAGE = 500  # characters of the server's message
_MAX_CODE = 64  # characters or digits


class LimitReached(Exception):
    """A limit was exceeded. feed(), add() or close() catches it and stops reading. Callers never see it."""


class StreamError(ValueError):
    """The answer is not whole: the server reported an error, or the stream was broken or cut.

    The message names the first three errors. Each has at most 500 characters of the server's own message,
    and the server's code if that is short. Text of the model or the user is never in the message, because
    messages end up in logs.

    Attributes:
        errors: list of the ``Error`` events of the stream, unabridged. (Empty if ``HTTPBody`` raised it, or
            if the connection broke after each choice got its finish_reason.)
        snapshot: dict, the completion as far as it arrived (None if ``HTTPBody`` raised it).

    It can be pickled. Input causes no other exception: if it does, that is a bug of this library.
    """

    errors: list[Error]
    snapshot: Completion | None

    def __init__(
        self, message: str, errors: Iterable[Error] = (), snapshot: Completion | None = None
    ) -> None:
        super().__init__(message)
        self.errors = list(errors)
        self.snapshot = snapshot

    def __reduce__(self) -> tuple[type[StreamError], tuple[str, list[Error], Completion | None]]:
        return type(self), (str(self), self.errors, self.snapshot)


def message_about(errors: list[Error]) -> str:
    """Return the message of a StreamError about these errors."""
    parts: list[str] = []
    for error in errors[:_MAX_ERRORS]:
        where = "" if error.frame is None else f" in frame {error.frame}"
        message = error.message[:_MAX_MESSAGE] + "..." * (len(error.message) > _MAX_MESSAGE)
        code = f" (code {error.code!r})" if _is_short(error.code) else ""
        parts.append(f"{error.kind} error{where}: {message}{code}")
    if len(errors) > _MAX_ERRORS:
        parts.append(f"and {len(errors) - _MAX_ERRORS} more")
    return "; ".join(parts)


def _is_short(code: Any) -> bool:
    """Whether the server's code can be in the message: a short string or a number, no object or list."""
    if isinstance(code, str):
        return len(code) <= _MAX_CODE
    if isinstance(code, int):
        limit: int = 10**_MAX_CODE
        return abs(code) < limit
    return isinstance(code, float)


def check_limits(**limits: int) -> None:
    """Check the caller's limits. Raises TypeError for a limit that is not an int, ValueError below 0."""
    for name, limit in limits.items():
        is_int = isinstance(limit, int)  # pyright: ignore[reportUnnecessaryIsInstance]
        if not is_int or limit < 0:
            raise (ValueError if is_int else TypeError)(f"{name} takes an integer from 0, not {limit!r}")


def check_kinds(ignore: Iterable[ErrorKind]) -> set[str]:
    """Return the kinds to ignore as a set. Raises TypeError for a string, ValueError for an unknown kind."""
    if isinstance(ignore, str):
        raise TypeError(f"ignore takes a collection of error kinds: pass ({ignore!r},)")
    ignored: set[str] = set(ignore)
    unknown = sorted(map(repr, ignored.difference(KINDS)))
    if unknown:
        raise ValueError(f"there is no error of kind {', '.join(unknown)}: ignore takes {', '.join(KINDS)}")
    return ignored
