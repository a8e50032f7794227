# SPDX-License-Identifier: MIT
"""The one exception that input can cause, and the only place it is defined.

It knows neither bytes nor chunks: whoever raises it says what happened in the message and attaches
what arrived. Misuse by the caller is a plain ``TypeError``, ``IndexError`` or ``RuntimeError``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._events import Error


class LimitReached(Exception):
    """Unwinds to feed(), add() or close(), which end the reading. It never leaves the library."""


class StreamError(ValueError):
    """The answer is not whole: the server reported an error, or the stream was broken or cut.

    ``str()`` of it says what happened, with the server's own message and code; the text of the
    model or of the user is never in it, because messages end up in logs.

    Attributes:
        errors: list of the ``Error`` events that led to it (empty when it came from ``HTTPBody``).
        snapshot: dict, the completion as far as it arrived, or None where there is none (``HTTPBody``).

    It pickles. Nothing else that input can do raises: any other exception is a bug of this library.
    """

    errors: list[Error]
    snapshot: dict[str, Any] | None

    def __init__(
        self, message: str, errors: Iterable[Error] = (), snapshot: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.errors = list(errors)
        self.snapshot = snapshot

    def __reduce__(self) -> tuple[type[StreamError], tuple[str, list[Error], dict[str, Any] | None]]:
        return type(self), (str(self), self.errors, self.snapshot)
