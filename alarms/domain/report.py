"""What remediation says afterwards: a message from the remediators' room to the notifier's, the only tie between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from alarms.domain.decision import Change, GuardAnswer
from alarms.domain.event import from_iso, iso
from alarms.domain.incident import Episode
from alarms.domain.text import Text

REPORT_TYPE = "tocsin.report/1"


class Phase(StrEnum):
    """Where in its life a run (or a non-run) speaks."""

    SKIPPED = "skipped"  # a named guard said no
    OBSERVED = "observed"  # mode observe: what it would have done
    PROPOSED = "proposed"  # mode propose: what a person may do
    ASKED = "asked"  # mode approve: it waits for a person; ``run`` is what Approve and Deny name
    APPROVED = "approved"  # a person said yes (one of two, where two are needed)
    DENIED = "denied"  # a person said no
    EXPIRED = "expired"  # nobody answered in time
    DIAGNOSED = "diagnosed"  # what a read-only look found; ``lines`` are the findings
    HELD = "held"  # a person holds automation, or released it again
    ACTED = "acted"
    FAILED = "failed"  # the changing call was refused or its outcome is unknown
    HELPED = "helped"  # verified by symptom and mechanism
    NO_HELP = "no-help"  # the deadline passed and the symptom is still there
    ESCALATED = "escalated"
    REVERTED = "reverted"  # what was borrowed is given back
    KEPT = "kept"  # nothing to give back, or the revert would do harm (why says it)
    DRIFTED = "drifted"  # someone else changed it meanwhile: the lease is dropped


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that remediation has to say about one episode.

    ``id`` makes it idempotent: the notifier shows each id once. ``request_ids`` are AWS's own, for the audit trail.
    ``headline`` and ``why`` are plain text for people; ``changes`` and ``answers`` the facts behind them. ``lines`` are
    further findings, one a line. ``run`` is the execution that buttons name (Approve, Deny, Undo now), "" when there is
    none. ``by`` is the Slack user id of the person who decided. ``until`` is when an unanswered question, or a hold, ends.
    ``undoable``: the run's change is out and Undo now would give it back. Of a question: ``risk`` (a Risk's value), the Slack
    user ids of those who may say yes (``approvers``) and of those who did (``approvals``), and how many are ``needed``.
    """

    id: str
    episode: Episode
    alarm_name: str
    at: datetime
    phase: Phase
    action: str
    mode: str
    headline: Text
    why: Text
    changes: tuple[Change, ...] = ()
    answers: tuple[GuardAnswer, ...] = ()
    request_ids: tuple[str, ...] = ()
    reason: str = ""
    row_digest: str = ""
    next_at: datetime | None = None
    run: str = ""
    lines: tuple[Text, ...] = ()
    by: str = ""
    until: datetime | None = None
    undoable: bool = False
    risk: str = ""
    approvers: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    needed: int = 1

    def to_document(self) -> dict[str, Any]:
        """Return the JSON message put on the notifier's queue; ``type`` tells it from an alarm message."""
        return {
            "type": REPORT_TYPE,
            "id": self.id,
            "episode": self.episode.to_document(),
            "alarm_name": self.alarm_name,
            "at": iso(self.at),
            "phase": self.phase.value,
            "action": self.action,
            "mode": self.mode,
            "headline": self.headline.to_document(),
            "why": self.why.to_document(),
            "changes": [replace(change, via="").to_document() for change in self.changes],  # for people: how it is reached is not
            "answers": [answer.to_document() for answer in self.answers],
            "request_ids": list(self.request_ids),
            "reason": self.reason,
            "row_digest": self.row_digest,
            "next_at": iso(self.next_at) if self.next_at else None,
            "run": self.run,
            "lines": [line.to_document() for line in self.lines],
            "by": self.by,
            "until": iso(self.until) if self.until else None,
            "undoable": self.undoable,
            "risk": self.risk,
            "approvers": list(self.approvers),
            "approvals": list(self.approvals),
            "needed": self.needed,
        }

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Report:
        """Read what ``to_document`` wrote; KeyError or ValueError when it is not a report."""
        return Report(
            id=document["id"],
            episode=Episode.from_document(document["episode"]),
            alarm_name=document["alarm_name"],
            at=from_iso(document["at"]),
            phase=Phase(document["phase"]),
            action=document["action"],
            mode=document["mode"],
            headline=Text.from_document(document["headline"]),
            why=Text.from_document(document["why"]),
            changes=tuple(Change.from_document(item) for item in document["changes"]),
            answers=tuple(GuardAnswer.from_document(item) for item in document["answers"]),
            request_ids=tuple(document["request_ids"]),
            reason=document["reason"],
            row_digest=document["row_digest"],
            next_at=from_iso(document["next_at"]) if document["next_at"] else None,
            run=document.get("run", ""),
            lines=tuple(Text.from_document(item) for item in document.get("lines", ())),
            by=document.get("by", ""),
            until=from_iso(document["until"]) if document.get("until") else None,
            undoable=document.get("undoable") is True,
            risk=document.get("risk", ""),
            approvers=tuple(document.get("approvers", ())),
            approvals=tuple(document.get("approvals", ())),
            needed=document.get("needed", 1),
        )
