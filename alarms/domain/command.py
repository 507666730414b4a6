"""What a person presses in Slack, as a message: from the notifier's door to the remediators' queue.

It carries who and what, never how: what is done is what the remediators stored and showed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from alarms.domain import readings
from alarms.domain.event import iso

COMMAND_TYPE = "tocsin.command/1"
LONGEST = 64  # characters of an id


class CommandKind(StrEnum):
    """What is asked. Stopping is for any full member, starting for approvers."""

    APPROVE = "approve"  # subject: the run that waits
    DENY = "deny"  # subject: the run that waits
    UNDO = "undo"  # subject: the run whose change is out
    HOLD = "hold"  # subject: the episode whose service automation leaves alone for an hour
    RELEASE = "release"  # subject: the episode whose service's hold ends
    MUTE = "mute"  # subject: the episode that people silenced: the reconciler leaves it alone too
    UNMUTE = "unmute"


@dataclass(frozen=True, slots=True)
class Command:
    """One click. ``id`` is the same for each delivery of it. ``by`` is the Slack user id, checked to be a full member.

    ``subject`` is opaque: a run's or an episode's id. ``alarm_key`` names the alarm of an episode (hold, release, mute).
    """

    kind: CommandKind
    subject: str
    by: str
    at: datetime
    id: str
    alarm_key: str = ""

    def to_document(self) -> dict[str, Any]:
        """Return the JSON message; ``type`` tells it from an alarm message."""
        return {
            "type": COMMAND_TYPE,
            "kind": self.kind.value,
            "subject": self.subject,
            "by": self.by,
            "at": iso(self.at),
            "id": self.id,
            "alarm_key": self.alarm_key,
        }

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Command | None:
        """Read what ``to_document`` wrote; None when it is something else or misses a part."""
        kind, at = document.get("kind"), readings.moment(document.get("at"))
        if document.get("type") != COMMAND_TYPE or kind not in tuple(CommandKind) or at is None:
            return None
        subject, by, ident = (readings.text(document.get(name), LONGEST + 1) for name in ("subject", "by", "id"))
        if not all(0 < len(part) <= LONGEST for part in (subject, by, ident)):
            return None
        return Command(CommandKind(kind), subject, by, at, ident, readings.text(document.get("alarm_key"), 1024))
