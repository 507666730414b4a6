"""Messages that the remediators send to themselves, to be woken later. A timer carries no truth: the history does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

TIMER_TYPE = "tocsin.timer/1"
LONGEST_SUBJECT = 1000  # it becomes part of a key of the history table


class TimerKind(StrEnum):
    """What to look at when it fires."""

    DIAGNOSE = "diagnose"  # a service whose alarm rang: look, change nothing, tell
    SETTLE = "settle"  # the alarms of a service that rang: give them one plan
    VERIFY = "verify"  # a run: did it help?
    REVERT = "revert"  # a run: is it time to give back what it borrowed?
    WATCH = "watch"  # a run whose change is out: does it do harm?
    EXPIRE = "expire"  # a run that waits for a person: nobody answered
    SWEEP = "sweep"  # everything: what rings without an episode, what is overdue (the reconciler's schedule)


@dataclass(frozen=True, slots=True)
class Timer:
    """``subject`` is the service key for diagnose and settle, ``account/region`` for sweep, the run id for all others."""

    kind: TimerKind
    subject: str

    def to_document(self) -> dict[str, str]:
        """Return ``{"type", "kind", "subject"}``."""
        return {"type": TIMER_TYPE, "kind": self.kind.value, "subject": self.subject}

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Timer | None:
        """Read what ``to_document`` wrote; None when it is something else, or no timer of this version."""
        kind, subject = document.get("kind"), document.get("subject")
        if document.get("type") != TIMER_TYPE or kind not in tuple(TimerKind):
            return None
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            return None
        return Timer(TimerKind(kind), subject)
