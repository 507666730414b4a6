"""What remediation decided about one episode, with every guard's answer: Run, Ask or Skip(reason)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from alarms.domain.event import iso
from alarms.domain.text import Text


class Reason(StrEnum):
    """Every "no" has a name. The value is shown in logs, metrics, Slack and `explain`."""

    NOT_AN_ALARM_STATE = "not-an-alarm-state"  # OK or INSUFFICIENT_DATA: nothing to remedy
    NO_ROW = "no-row"  # an alarm that no catalogue row describes
    ELSEWHERE = "elsewhere"  # the alarm lives in another account or region than this remediator
    NO_POLICY = "no-policy"  # the row states why nothing is safe to do
    SUPPRESSED = "suppressed"  # muted, or a composite's suppressor holds it
    DUPLICATE = "duplicate"  # this episode is claimed already
    STALE = "stale"  # the alarm is no longer in ALARM, or the signal is not trusted
    PAUSED = "paused"  # the kill switch
    MODE_OBSERVE = "mode-observe"  # only says what it would have done
    COOLDOWN = "cooldown"
    LIMIT = "limit"
    LOCKED = "locked"  # another run holds the resource
    COVERED = "covered"  # another alarm of the same service got the one plan
    NOTHING_TO_DO = "nothing-to-do"  # already as the action would leave it
    YIELDS = "yields"  # the owner of the resource (target tracking, a deployment) is at work
    AT_CEILING = "at-ceiling"
    UNSAFE = "unsafe"  # a predicate of the action does not hold
    UNKNOWN = "unknown"  # state could not be read: unknown is never a pass
    INVALID = "invalid"  # the policy's parameters are not valid for its action
    DRIFTED = "drifted"  # somebody else has changed what a revert would give back
    HELD = "held"  # a person holds automation of this service for a while
    STORM = "storm"  # too many other services ring: one cause outside, not this service's
    BREAKER_OPEN = "breaker-open"  # it did not help the last times
    DEPENDENCY = "dependency-rings"  # a service that this one calls rings: more load would only hurt it
    UNDECIDED = "undecided"  # the evidence does not say which of two opposite answers is right
    NOT_ALLOWED = "not-allowed"  # whoever decided may not decide this
    DENIED = "denied"  # a person said no
    EXPIRED = "expired"  # nobody answered in time
    FIRST_SEEN = "first-seen"  # the reconciler found it ringing and only tells, this time
    HARMFUL = "harmful"  # the change did harm and was taken back


@dataclass(frozen=True, slots=True)
class GuardAnswer:
    """One guard's answer. ``passed`` is None when it could not be known or was not asked; None never counts as a pass."""

    guard: str
    passed: bool | None
    why: Text

    def to_document(self) -> dict[str, Any]:
        """Return ``{"guard", "passed", "why": {"en", "ko"}}``."""
        return {"guard": self.guard, "passed": self.passed, "why": self.why.to_document()}

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> GuardAnswer:
        """Read what ``to_document`` wrote."""
        return GuardAnswer(document["guard"], document["passed"], Text.from_document(document["why"]))


# What a knob can be set to; None: it is not set.
Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One knob of one resource, before and after. ``None`` means the knob is not set.

    ``resource`` is the lock key (``ecs:service/image/image-consumer``), ``knob`` the API's own member name (``MinCapacity``).
    ``via``: what the action has to know to reach the resource, where its name does not say it (ARNs; never a secret). Not shown.
    """

    resource: str
    knob: str
    before: Value
    after: Value
    via: str = ""

    def to_document(self) -> dict[str, Any]:
        """Return ``{"resource", "knob", "before", "after"}``, and ``via`` where there is one."""
        document = {"resource": self.resource, "knob": self.knob, "before": self.before, "after": self.after}
        return document | ({"via": self.via} if self.via else {})

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Change:
        """Read what ``to_document`` wrote."""
        return Change(document["resource"], document["knob"], document["before"], document["after"], document.get("via", ""))


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an action would do now: the exact changes, in order, and why in a sentence. Pure data, shown as is.

    ``approval``: a person has to decide this one, even in mode auto. ``lines`` are further findings, one a line, shown in the
    incident's thread (signals of a surge, a diagnosis).
    """

    action: str
    resource: str
    changes: tuple[Change, ...]
    why: Text
    approval: bool = False
    lines: tuple[Text, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Return the JSON document stored as the intent and shown to people."""
        return {
            "action": self.action,
            "resource": self.resource,
            "changes": [change.to_document() for change in self.changes],
            "why": self.why.to_document(),
            "approval": self.approval,
            "lines": [line.to_document() for line in self.lines],
        }

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Proposal:
        """Read what ``to_document`` wrote."""
        return Proposal(
            document["action"],
            document["resource"],
            tuple(Change.from_document(item) for item in document["changes"]),
            Text.from_document(document["why"]),
            document.get("approval", False),
            tuple(Text.from_document(line) for line in document.get("lines", ())),
        )


@dataclass(frozen=True, slots=True)
class Run:
    """Do it."""

    proposal: Proposal
    answers: tuple[GuardAnswer, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Everything but the mode allows it: tell people exactly what would be done.

    ``answerable``: their yes is enough for it to be done (mode approve); otherwise they do it themselves (mode propose).
    """

    proposal: Proposal
    answers: tuple[GuardAnswer, ...]
    answerable: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """Do nothing, for a named reason. ``proposal`` is what would have been done, where that is known."""

    reason: Reason
    why: Text
    answers: tuple[GuardAnswer, ...] = ()
    proposal: Proposal | None = None
    next_eligible_at: datetime | None = None


Decision = Run | Ask | Skip


def decision_document(decision: Decision) -> dict[str, Any]:
    """Return ``{"verdict": "run"|"ask"|"skip", "reason", "why", "proposal", "next_eligible_at"}`` for output and audit."""
    if isinstance(decision, Skip):
        eligible = decision.next_eligible_at
        return {
            "verdict": "skip",
            "reason": decision.reason.value,
            "why": decision.why.to_document(),
            "proposal": decision.proposal.to_document() if decision.proposal else None,
            "next_eligible_at": iso(eligible) if eligible else None,
        }
    return {
        "verdict": "run" if isinstance(decision, Run) else "ask",
        "reason": None,
        "why": decision.proposal.why.to_document(),
        "proposal": decision.proposal.to_document(),
        "next_eligible_at": None,
    }
