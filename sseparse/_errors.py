# SPDX-License-Identifier: MIT
"""The one exception that input can cause, and what it says.

    try:
        completion = sseparse.parse(body)
    except sseparse.StreamError as error:
        log.warning("%s", error)                # server error in frame 3: Rate limit reached (code 429)
        partial = error.snapshot                # what had arrived

It knows neither bytes nor chunks: whoever raises it attaches the Error events and the answer so far. A
mistake of the caller is a plain ``TypeError``, ``ValueError``, ``IndexError`` or ``RuntimeError``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._events import Error, ErrorKind
    from .types import Completion

KINDS = ("server", "malformed", "truncated", "limit", "not_sse", "not_chat")  # of Error events
_ERRORS_TOLD = 3  # by str(); the attribute has all
_MESSAGE_CHARACTERS = 500
_CODE_CHARACTERS = 64


class LimitReached(Exception):
    """Unwinds to feed(), add() or close(), which end the reading. It never leaves the library."""


class StreamError(ValueError):
    """The answer is not whole: the server reported an error, or the stream was broken or cut.

    ``str()`` of it says what happened: the first three errors, each with at most 500 characters of the
    server's own message, and with its code where that is short. The text of the model or of the user is
    never in it, because messages end up in logs.

    Attributes:
        errors: list of the ``Error`` events that led to it, whole (empty when it came from ``HTTPBody``).
        snapshot: dict, the completion as far as it arrived, or None where there is none (``HTTPBody``).

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


def story(errors: list[Error]) -> str:
    """Return the text of a StreamError about these errors."""
    told: list[str] = []
    for error in errors[:_ERRORS_TOLD]:
        where = "" if error.frame is None else f" in frame {error.frame}"
        message = error.message[:_MESSAGE_CHARACTERS] + "..." * (len(error.message) > _MESSAGE_CHARACTERS)
        told.append(f"{error.kind} error{where}: {message}{_told_code(error.code)}")
    if len(errors) > _ERRORS_TOLD:
        told.append(f"and {len(errors) - _ERRORS_TOLD} more")
    return "; ".join(told)


def _told_code(code: Any) -> str:
    """Return the server's code as str() says it: ``""`` if it has none, or one that is long or no scalar."""
    is_short = len(code) <= _CODE_CHARACTERS if isinstance(code, str) else isinstance(code, (int, float))
    if is_short and isinstance(code, int):
        is_short = abs(code) < 10**_CODE_CHARACTERS
    return f" (code {code!r})" if is_short else ""


def check_kinds(ignore: Iterable[ErrorKind]) -> set[str]:
    """Return the kinds of errors to ignore. Raises TypeError for one string, ValueError for no kind."""
    if isinstance(ignore, str):
        raise TypeError(f"ignore takes a collection of error kinds: pass ({ignore!r},)")
    ignored: set[str] = set(ignore)
    unknown = sorted(map(repr, ignored.difference(KINDS)))
    if unknown:
        raise ValueError(f"there is no error of kind {', '.join(unknown)}: ignore takes {', '.join(KINDS)}")
    return ignored
