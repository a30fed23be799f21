"""The one error of the SDK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BotErrorCode = Literal[
    "INVALID_EVENT",
    "INVALID_OPTION",
    "NO_UPSTREAM",
    "BUFFER_FULL",
    "CLOSED",
    "NOT_CONFIRMED",
    "NOT_FLUSHED",
    "SPOOL_IN_USE",
    "SPOOL_FAILED",
]


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field: ``field`` is ``ts_utc`` or ``payload.price``, empty for the event as a whole."""

    field: str
    #: Of the rules: ``REQUIRED``, ``NOT_A_DECIMAL``, …
    code: str
    message: str


class BotError(Exception):
    """What the SDK raises. The message says what failed, with values, then the remedy.

    - ``INVALID_EVENT``: it breaks a rule; ``problem`` names the first field that does. Nothing was buffered.
    - ``INVALID_OPTION``: an option of the producer is missing or wrong.
    - ``NO_UPSTREAM``: ``child`` was given no event to follow.
    - ``BUFFER_FULL``: no room within the limit of the policy. Nothing was buffered.
    - ``CLOSED``: emitted after ``close``. Nothing was buffered.
    - ``NOT_CONFIRMED``: closed before the broker acknowledged; with a spool the next start sends it.
    - ``NOT_FLUSHED``: not all was acknowledged in time; it is still being sent.
    - ``SPOOL_IN_USE``, ``SPOOL_FAILED``: another process has the folder, or it cannot be read or written.
    """

    def __init__(
        self, code: BotErrorCode, message: str, problem: FieldProblem | None = None
    ) -> None:
        super().__init__(message)
        self.code: BotErrorCode = code
        self.problem = problem
