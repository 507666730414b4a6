"""What people see: one or more episodes of alarms, kept as one live message."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alarms.domain.event import AlarmEvent, State, from_iso, iso


@dataclass(frozen=True, slots=True)
class Episode:
    """One stay of an alarm (or contributor) in ALARM.

    ``subject`` is ``AlarmEvent.subject_key``; ``started_at`` the time of the transition into ALARM. The identity is the
    subject and its open episode, never a message id (facts: one transition may be delivered many times).
    """

    subject: str
    started_at: datetime

    @property
    def id(self) -> str:
        """12 hex digits, safe in names of schedules and in Slack block ids."""
        return hashlib.sha256(f"{self.subject}|{iso(self.started_at)}".encode()).hexdigest()[:12]

    def to_document(self) -> dict[str, str]:
        """Return ``{"subject", "started_at"}``."""
        return {"subject": self.subject, "started_at": iso(self.started_at)}

    @staticmethod
    def from_document(document: dict[str, str]) -> Episode:
        """Read what ``to_document`` wrote."""
        return Episode(document["subject"], from_iso(document["started_at"]))


class Ending(StrEnum):
    """How a stay in ALARM ended, or that the message is no ending. Only RECOVERED turns green or starts a revert."""

    RECOVERED = "recovered"  # OK, decided from data
    NO_DATA_OK = "no-data-ok"  # OK because missing data counts as good
    INSUFFICIENT = "insufficient-data"  # nobody knows
    FIRST_OK = "first-ok"  # the first evaluation after creation; nothing had rung


def ending_of(event: AlarmEvent) -> Ending | None:
    """Tell the four kinds of "not in ALARM any more" apart; None while the event is an ALARM."""
    if event.state is State.ALARM:
        return None
    if event.state is State.INSUFFICIENT_DATA:
        return Ending.INSUFFICIENT
    if event.no_data:
        return Ending.NO_DATA_OK
    if event.previous_state is State.INSUFFICIENT_DATA:
        return Ending.FIRST_OK
    return Ending.RECOVERED
