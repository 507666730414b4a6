"""The failures that rooms tell each other about, each with its verdict.

TocsinError
├── Refused             the request cannot be done as asked: say so, do nothing      (exit 1)
│   └── BadInput        a user's file or argument is wrong: where, what, what is right
├── CannotRun           the surroundings are wrong: credentials, a missing extra      (exit 2)
├── Retryable           a vendor is slow, throttling or down: the queue brings it back
└── Permanent           a vendor said no for good: report it, do not repeat
"""

from __future__ import annotations


class TocsinError(Exception):
    """Base of every failure that tocsin raises on purpose."""


class Refused(TocsinError):
    """What was asked is understood and not done; the text says why and what would be right."""


class BadInput(Refused):
    """A user's file or argument is wrong; ``str(error)`` is one line ``file:line:column: what; what is right``."""


class CannotRun(TocsinError):
    """The surroundings do not allow the command to run at all (credentials, a missing extra, no network)."""


class Retryable(TocsinError):
    """A dependency failed for now. Raised through a queue handler so that the record is delivered again.

    ``after_s`` is the dependency's own wish (Slack's Retry-After), in seconds, where it gave one.
    """

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Permanent(TocsinError):
    """A dependency refused for good. ``code`` is its own error code (``channel_not_found``, ``AccessDenied``)."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code
