"""What is said afterwards: a report to people and an entry in the audit trail, for every decision and every phase."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.alarm import Alarm, Mode, Policy
from alarms.domain.decision import Ask, Change, Decision, GuardAnswer, Reason, Run, Skip, decision_document
from alarms.domain.errors import Permanent
from alarms.domain.event import iso
from alarms.domain.report import Phase, Report
from alarms.domain.text import Text
from remediators import headlines, wording
from remediators.ports import Ports
from remediators.records import Ring, RunRecord

# The incident's own message says these already; a thread reply would only repeat it.
SAID_ELSEWHERE = frozenset({Reason.NOT_AN_ALARM_STATE, Reason.NO_ROW, Reason.NO_POLICY, Reason.DUPLICATE})


# Phases that show an action's further findings.
_IN_FULL = frozenset({Phase.ASKED, Phase.ACTED, Phase.ESCALATED})
Lines = tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Detail:
    """What a phase may carry beside its sentence. ``again`` tells apart what is said more than once per run and phase."""

    changes: tuple[Change, ...] = ()
    answers: tuple[GuardAnswer, ...] = ()
    request_ids: tuple[str, ...] = ()
    reason: Reason | None = None
    next_at: datetime | None = None
    again: str = ""
    undoable: bool = False
    by: str = ""
    until: datetime | None = None
    approvers: tuple[str, ...] = ()
    needed: int = 1


class Telling:
    """Sends reports and writes the audit trail."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def decision(
        self, decision: Decision, ring: Ring, alarm: Alarm | None, policy: Policy | None, now: datetime, mode: Mode | None
    ) -> None:
        """Audit a decision; tell people unless it runs (the run speaks for itself) or is said elsewhere."""
        self._audit_decision(decision, ring, alarm, policy, now, mode)
        if isinstance(decision, Run) or alarm is None or policy is None:
            return
        if isinstance(decision, Ask) and decision.answerable:
            return  # the question speaks for itself
        if isinstance(decision, Skip) and decision.reason in SAID_ELSEWHERE:
            return
        self._send(_decision_report(decision, ring, alarm, policy, now, mode))

    def _audit_decision(
        self, decision: Decision, ring: Ring, alarm: Alarm | None, policy: Policy | None, now: datetime, mode: Mode | None
    ) -> None:
        document = decision_document(decision)
        self._ports.audit(
            {
                "type": "decision",
                "at": iso(now),
                "episode": ring.episode.id,
                "subject": ring.subject,
                "alarm": ring.alarm_name,
                "row": alarm.row if alarm else "",
                "row_digest": alarm.digest if alarm else "",
                "action": policy.action if policy else "",
                "mode": mode.value if mode else "",
                **document,
                "guards": [answer.to_document() for answer in decision.answers],
            }
        )

    def decision_of_run(self, decision: Decision, run: RunRecord, now: datetime, mode: Mode | None) -> None:
        """Audit the decision taken at a click; what follows from it is told by the run."""
        self._audit_decision(decision, run.ring, run.alarm, run.policy, now, mode)

    def blind(self, ring: Ring, alarm: Alarm | None, why: Text, now: datetime) -> None:
        """Tell people that automation cannot see: the queue brings the event back, but nobody should wait for it."""
        action = alarm.policies[0].action if alarm and alarm.policies else "remediation"
        report = Report(
            id=f"{ring.episode.id}-{Reason.UNKNOWN.value}",
            episode=ring.episode,
            alarm_name=ring.alarm_name,
            at=now,
            phase=Phase.SKIPPED,
            action=action,
            mode="",
            headline=headlines.headline(Phase.SKIPPED, action, ()),
            why=why,
            reason=Reason.UNKNOWN.value,
            row_digest=alarm.digest if alarm else "",
        )
        self._ports.audit({"type": "decision", "at": iso(now), **_blind(report)})
        self._send(report)

    def run(self, run: RunRecord, phase: Phase, why: Text, now: datetime, detail: Detail | None = None) -> None:
        """Tell people of a phase of ``run`` and audit it."""
        detail = detail or Detail()
        report = Report(
            id="-".join(filter(None, (run.id, phase.value, detail.again))),
            episode=run.ring.episode,
            alarm_name=run.ring.alarm_name,
            at=now,
            phase=phase,
            action=run.policy.action,
            mode=run.mode.value,
            headline=headlines.headline(phase, run.policy.action, detail.changes),
            why=why,
            changes=detail.changes,
            answers=detail.answers,
            request_ids=detail.request_ids,
            reason=detail.reason.value if detail.reason else "",
            row_digest=run.alarm.digest,
            next_at=detail.next_at,
            run=run.id,
            lines=run.proposal.lines if phase in _IN_FULL else (),
            by=detail.by,
            until=detail.until,
            undoable=detail.undoable,
            risk=self._ports.actions.get(run.policy.action).spec.risk.value,
            approvers=detail.approvers,
            approvals=run.approvals,
            needed=detail.needed,
        )
        self.audit_run(run, phase.value, why, now, detail)
        self._send(report)

    def audit_run(self, run: RunRecord, phase: str, why: Text, now: datetime, detail: Detail | None = None) -> None:
        """Audit a phase of ``run`` that people need not hear of."""
        detail = detail or Detail()
        self._ports.audit(
            {
                "type": "revert" if phase in _REVERTS or detail.again == "revert" else "action",
                "at": iso(now),
                "phase": phase,
                "episode": run.ring.episode.id,
                "subject": run.ring.subject,
                "run": run.id,
                "alarm": run.ring.alarm_name,
                "row": run.alarm.row,
                "row_digest": run.alarm.digest,
                "action": run.policy.action,
                "step": run.step,
                "mode": run.mode.value,
                "resource": run.proposal.resource,
                "place": run.alarm.place,
                "token": run.token,
                "changes": [change.to_document() for change in detail.changes],
                "request_ids": list(detail.request_ids),
                "reason": detail.reason.value if detail.reason else "",
                "by": detail.by,
                "why": why.to_document(),
            }
        )

    def episode(
        self, ring: Ring, phase: Phase, action: str, why: Text, now: datetime, detail: Detail | None = None, lines: Lines = ()
    ) -> None:
        """Tell people something of an episode that no run stands for: what was found, who holds automation."""
        detail = detail or Detail()
        report = Report(
            id="-".join(filter(None, (ring.episode.id, phase.value, detail.again))),
            episode=ring.episode,
            alarm_name=ring.alarm_name,
            at=now,
            phase=phase,
            action=action,
            mode="",
            headline=wording.FREE if phase is Phase.HELD and detail.until is None else headlines.headline(phase, action, ()),
            why=why,
            reason=detail.reason.value if detail.reason else "",
            lines=lines,
            by=detail.by,
            until=detail.until,
        )
        self._ports.audit(
            {
                "type": "episode",
                "at": iso(now),
                "phase": phase.value,
                "episode": ring.episode.id,
                "subject": ring.subject,
                "alarm": ring.alarm_name,
                "action": action,
                "by": detail.by,
                "until": iso(detail.until) if detail.until else "",
                "reason": report.reason,
                "why": why.to_document(),
                "lines": [line.to_document() for line in lines],
            }
        )
        self._send(report)

    def _send(self, report: Report) -> None:
        """Send ``report``. A way to people that is closed for good must not keep anything borrowed: the audit says so."""
        try:
            self._ports.outbox.send(report)
        except Permanent as refused:
            self._ports.audit({"type": "untold", "at": iso(report.at), "report": report.id, "why": str(refused)[:400]})

    def note(self, about: str, subject: str, why: str, now: datetime) -> None:
        """Audit that a delivery changed nothing, and why."""
        self._ports.audit({"type": "note", "at": iso(now), "about": about, "subject": subject, "why": why})


def _blind(report: Report) -> dict[str, Any]:
    return {
        "episode": report.episode.id,
        "subject": report.episode.subject,
        "alarm": report.alarm_name,
        "action": report.action,
        "verdict": "skip",
        "reason": report.reason,
        "why": report.why.to_document(),
        "guards": [],
    }


_REVERTS = frozenset(
    {Phase.REVERTED.value, Phase.KEPT.value, Phase.DRIFTED.value, "returning", "postponed", "superseded", "revert-failed"}
)
_SKIP_PHASES = {Reason.MODE_OBSERVE: Phase.OBSERVED}


def _decision_report(decision: Ask | Skip, ring: Ring, alarm: Alarm, policy: Policy, now: datetime, mode: Mode | None) -> Report:
    reason = decision.reason if isinstance(decision, Skip) else None
    phase = _SKIP_PHASES.get(reason, Phase.SKIPPED) if reason else Phase.PROPOSED
    if phase is Phase.OBSERVED and decision.proposal is None:
        phase = Phase.SKIPPED
    proposal = decision.proposal
    changes = proposal.changes if proposal else ()
    why = decision.why if isinstance(decision, Skip) and not proposal else (proposal.why if proposal else wording.UNREAD)
    eligible = decision.next_eligible_at if isinstance(decision, Skip) else None
    return Report(
        id=f"{ring.episode.id}-{policy.action}-{reason.value if reason else phase.value}",
        episode=ring.episode,
        alarm_name=ring.alarm_name,
        at=now,
        phase=phase,
        action=policy.action,
        mode=mode.value if mode else "",
        headline=headlines.headline(phase, policy.action, changes),
        why=why,
        changes=changes,
        answers=decision.answers,
        reason=reason.value if reason else "",
        row_digest=alarm.digest,
        next_at=eligible if eligible and eligible > now - timedelta(days=1) else None,
        lines=proposal.lines if proposal else (),
    )
