"""From a decision to the record of its run: what will be done, what is borrowed for it, until when. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from alarms.domain.action import ActionSpec
from alarms.domain.alarm import Mode
from alarms.domain.decision import Ask, Change, Run
from remediators.candidate import Candidate
from remediators.ports import Delivery
from remediators.records import Lending, RunRecord, RunStatus, policy_id, run_id, service_key
from remediators.standing import ResourceState

# How long one delivery may act before another may take over; above the handler's own time limit.
ACTING_FOR = timedelta(seconds=90)


def record(
    decision: Run | Ask, candidate: Candidate, resource: ResourceState, mode: Mode, delivery: Delivery, spec: ActionSpec
) -> RunRecord | None:
    """Return the run that a decision leads to: an intent, or for a question one that waits. None without row or policy."""
    alarm, policy, proposal = candidate.alarm, candidate.policy, decision.proposal
    if alarm is None or policy is None:
        return None
    now = delivery.now
    run = RunRecord(
        id=run_id(policy_id(alarm, policy.action), proposal.resource, candidate.ring.episode, candidate.step),
        service=service_key(alarm),
        ring=candidate.ring,
        alarm=alarm,
        policy_index=candidate.policy_index,
        step=candidate.step,
        mode=mode,
        proposal=proposal,
        borrowed=(),
        token=resource.lock.token + 1,
        owner=delivery.owner,
        acting_until=now + ACTING_FOR,
        created_at=now,
        status=RunStatus.ACTED,
        acted_at=now,
        concluded=True,
    )
    if not proposal.changes:
        return run
    if isinstance(decision, Ask):
        until = now + timedelta(seconds=policy.approve_within_s)
        return replace(run, status=RunStatus.ASKED, acted_at=None, concluded=False, asked_until=until)
    return _intent(run, resource, now, spec)


def answered(asked: RunRecord, resource: ResourceState, mode: Mode, delivery: Delivery, spec: ActionSpec) -> RunRecord:
    """Return the intent that a question becomes once people have said yes; its token grows with it."""
    run = replace(asked, mode=mode, token=asked.token + 1, owner=delivery.owner, acting_until=delivery.now + ACTING_FOR)
    return _intent(run, resource, delivery.now, spec)


def _intent(run: RunRecord, resource: ResourceState, now: datetime, spec: ActionSpec) -> RunRecord:
    policy = run.policy
    borrowed = _borrowed(run.proposal.changes, resource) if policy.revert and spec.lends else ()
    return replace(
        run,
        status=RunStatus.INTENT,
        acted_at=None,
        concluded=False,
        borrowed=borrowed,
        lending=Lending.HELD if borrowed else Lending.NOTHING,
        verify_at=now + timedelta(seconds=policy.verify_within_s),
        at_latest=now + timedelta(seconds=policy.revert.at_latest_s) if borrowed and policy.revert else None,
    )


def _borrowed(changes: tuple[Change, ...], resource: ResourceState) -> tuple[Change, ...]:
    """Return what has to be given back: to the original value, where the present one is an earlier run's of ours."""
    ours = {(change.resource, change.knob): change for change in resource.lease.changes} if resource.lease else {}
    back = []
    for change in changes:
        earlier = ours.get((change.resource, change.knob))
        original = earlier.before if earlier is not None and earlier.after == change.before else change.before
        back.append(replace(change, before=original))
    return tuple(back)


def inherited(run: RunRecord) -> tuple[Change, ...]:
    """Return what was borrowed before this run and not by it."""
    present = {(change.resource, change.knob): change.before for change in run.proposal.changes}
    return tuple(
        replace(change, after=present[change.resource, change.knob])
        for change in run.borrowed
        if change.before != present[change.resource, change.knob]
    )
