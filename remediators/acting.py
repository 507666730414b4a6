"""The part that changes something: intent first, then the calls, then what follows; and how a broken attempt goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alarms.domain.alarm import Mode, lowest
from alarms.domain.decision import Change, GuardAnswer, Reason, Run
from alarms.domain.errors import Permanent
from alarms.domain.event import State
from alarms.domain.report import Phase
from alarms.domain.text import Text
from remediators import wording
from remediators.action import Permit, Purpose, Situation
from remediators.candidate import Candidate
from remediators.ports import Contended, Delivery, Held, Ports
from remediators.records import Lending, ResourceState, RunRecord, RunStatus, policy_id, run_id, service_key
from remediators.telling import Detail, Telling
from remediators.timers import Timer, TimerKind

# How long one delivery may act before another may take over; above the handler's own time limit.
ACTING_FOR = timedelta(seconds=90)
# The lock outlives the verify by this much, so that a late timer still finds its run in place.
GRACE = timedelta(minutes=10)


# What a read answers when the thing itself is not there any more, rather than out of sight.
GONE = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "ClusterNotFoundException",
        "ObjectNotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "ServiceNotFound",
        "ServiceNotFoundException",
    }
)


class Unwakeable(Exception):
    """No timer can be set, so nothing may be borrowed: nobody would be woken to give it back."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


class Acting:
    """Makes intents durable, applies them, and resumes what was left in between."""

    def __init__(self, ports: Ports, telling: Telling) -> None:
        self._ports = ports
        self._telling = telling

    def intent(
        self, decision: Run, candidate: Candidate, resource: ResourceState, mode: Mode, delivery: Delivery
    ) -> RunRecord | None:
        """Write down what will be done, and take service, resource and count with it; None when another was quicker.

        The wake-up calls stand before anything else does: what is borrowed after them cannot be forgotten. Raises Unwakeable.
        """
        run = _record(decision, candidate, resource, mode, delivery)
        if run is None:
            return None
        changes = bool(run.proposal.changes)
        policy = policy_id(run.alarm, run.policy.action)
        self._set_timers(run, delivery)
        if not changes:  # telling people fails open: said first, written down then; said twice it is shown once
            self._tell(run, delivery)
        committed = self._ports.history.commit(
            run,
            episode=candidate.episode,
            resource=resource,
            counter=(policy, resource.counter(policy)) if changes else None,
            until=(run.verify_at or delivery.now) + GRACE,
            now=delivery.now,
        )
        return run if committed else None

    def act(self, run: RunRecord, delivery: Delivery, answers: tuple[GuardAnswer, ...] = ()) -> None:
        """Apply the intent's changes, each after its permit, then say so."""
        if run.proposal.changes:
            self._telling.audit_run(run, "intent", run.proposal.why, delivery.now, Detail(changes=run.proposal.changes))
            self._apply(run, run.proposal.changes, delivery, answers)

    def resume(self, run: RunRecord, delivery: Delivery) -> None:
        """Go on with an intent left behind: never again what is applied already, nothing where others changed it."""
        if run.status is not RunStatus.INTENT:
            return
        run = self.take_over(run, delivery)
        action = self._ports.actions.get(run.policy.action)
        try:
            observed = action.observe(self._ports.clients, self.situation(run, delivery, Purpose.VERIFY))
        except Permanent as failure:
            why = wording.refused(failure.code, str(failure))
            self._end(run, RunStatus.FAILED, why, delivery, Reason.UNKNOWN, perhaps=failure.code not in GONE)
            return
        left: list[Change] = []
        for change in run.proposal.changes:
            current = action.current(observed, change)
            if current not in (change.before, change.after):
                self._end(run, RunStatus.FAILED, wording.moved_meanwhile(change, current), delivery, Reason.DRIFTED)
                return
            left += [change] if current != change.after else []
        over = self._is_over(run) if left else None
        if over is not None:
            self._end(run, RunStatus.ABANDONED, over, delivery, Reason.STALE)
            return
        self._apply(run, tuple(left), delivery, ())

    def take_over(self, run: RunRecord, delivery: Delivery) -> RunRecord:
        """Make this delivery the one that acts; the former one's token is worth nothing from now on."""
        if run.owner != delivery.owner and run.acting_until > delivery.now:
            raise Contended(f"run {run.id} is being worked on by another delivery")
        taken = replace(run, token=run.token + 1, owner=delivery.owner, acting_until=delivery.now + ACTING_FOR)
        if not self._ports.history.take_over(run, taken, (run.verify_at or delivery.now) + GRACE, delivery.now):
            raise Contended(f"run {run.id} was taken over by another delivery")
        return replace(taken, version=run.version + 1)

    def permit(self, run: RunRecord, *, changing: bool = True) -> Permit:
        """Return the last check before a changing call: nobody holds automation, and the resource is still ours."""

        def check() -> None:
            hold = self._ports.switch.read().of(run.alarm.row, run.policy.action)
            if hold.paused:
                raise Held(wording.paused(hold.scope, hold.reason))
            if changing and lowest(run.policy.mode, hold.mode) is not Mode.AUTO:
                raise Held(wording.mode(hold.mode))
            lock = self._ports.history.lock(run.resource)
            if (lock.run, lock.token) != (run.id, run.token):
                raise Contended(f"{run.resource} belongs to another worker")

        return check

    def situation(self, run: RunRecord, delivery: Delivery, purpose: Purpose) -> Situation:
        """Return what an action is told of ``run``."""
        return Situation(run.alarm, run.policy, run.ring.value, delivery.now, purpose, run.acted_at or run.created_at)

    def _apply(self, run: RunRecord, left: tuple[Change, ...], delivery: Delivery, answers: tuple[GuardAnswer, ...]) -> None:
        action = self._ports.actions.get(run.policy.action)
        ids: list[str] = []
        try:
            for change in left:
                ids += action.run(self._ports.clients, change, self.permit(run))
        except Held as held:
            self._stopped(run, RunStatus.ABANDONED, held.why, delivery, Reason.PAUSED)
        except Permanent as failure:
            self._stopped(run, RunStatus.FAILED, wording.refused(failure.code, str(failure)), delivery, Reason.UNKNOWN)
        else:
            self._done(run, tuple(ids), delivery, answers)

    def _stopped(self, run: RunRecord, status: RunStatus, why: Text, delivery: Delivery, reason: Reason) -> None:
        """Look before saying that nothing was done: an attempt without an answer may have taken effect before the "no" came."""
        action = self._ports.actions.get(run.policy.action)
        try:
            observed = action.observe(self._ports.clients, self.situation(run, delivery, Purpose.VERIFY))
        except Permanent as failure:
            self._end(run, status, why, delivery, reason, perhaps=failure.code not in GONE)
            return
        applied = [action.current(observed, change) == change.after for change in run.proposal.changes]
        if all(applied):
            self._done(run, (), delivery, ())
        else:
            self._end(run, status, why, delivery, reason, perhaps=any(applied))

    def _set_timers(self, run: RunRecord, delivery: Delivery) -> None:
        try:
            if run.verify_at:
                self._ports.timers.at(run.verify_at, Timer(TimerKind.VERIFY, run.id), delivery.now)
            if run.at_latest:
                self._ports.timers.at(run.at_latest, Timer(TimerKind.REVERT, run.id), delivery.now)
        except Permanent as failure:
            raise Unwakeable(wording.no_timer(failure.code, str(failure))) from failure

    def _done(self, run: RunRecord, ids: tuple[str, ...], delivery: Delivery, answers: tuple[GuardAnswer, ...]) -> None:
        """Tell people; the record says ACTED last, so that a crash before that comes back here."""
        self._telling.run(
            run,
            Phase.ACTED,
            run.proposal.why,
            delivery.now,
            Detail(run.proposal.changes, answers, ids, next_at=run.verify_at),
        )
        self._ports.history.change(
            run.id,
            lambda known: (
                replace(known, status=RunStatus.ACTED, acted_at=delivery.now, request_ids=ids)
                if known.status is RunStatus.INTENT
                else None
            ),
            delivery.now,
        )

    def _tell(self, run: RunRecord, delivery: Delivery) -> None:
        self._telling.run(run, Phase.ESCALATED, run.proposal.why, delivery.now)

    def _end(
        self, run: RunRecord, status: RunStatus, why: Text, delivery: Delivery, reason: Reason, *, perhaps: bool = False
    ) -> None:
        """Close a run that changed nothing. What an earlier run of ours had borrowed stays this run's to give back.

        ``perhaps``: nobody can see whether it changed something, so all of it stays to be given back. The record changes
        before the locks go: whoever comes after a crash in between finds a finished run. The verify timer's way does the
        rest: the next step of a failed run, and the alarms that this one covered.
        """
        borrowed, failed = run.borrowed if perhaps else _inherited(run), status is RunStatus.FAILED
        self._telling.run(run, Phase.FAILED if failed else Phase.SKIPPED, why, delivery.now, Detail(reason=reason))
        self._ports.timers.after(0, Timer(TimerKind.VERIFY, run.id))
        ended = replace(
            run,
            status=status,
            verdict=why,
            borrowed=borrowed,
            lending=Lending.HELD if borrowed else Lending.NOTHING,
            next_due=failed,
        )
        self._ports.history.change(
            run.id, lambda known: replace(ended, version=known.version, recovered_at=known.recovered_at), delivery.now
        )
        if not borrowed:
            self._ports.history.drop_lease(run)
        self._ports.history.release(run)

    def _is_over(self, run: RunRecord) -> Text | None:
        """Return why an intent that was left behind is not gone on with; None when alarm and row still ask for it."""
        try:
            live = self._ports.alarms.states([run.ring.alarm_name]).get(run.ring.alarm_name)
            row = self._ports.rows.row(run.alarm.key)
        except Permanent:
            return wording.ALARM_UNREAD
        if live is None or live.state is not State.ALARM:
            return wording.RECOVERED_FIRST
        allowed = row.policies[run.policy_index : run.policy_index + 1] if row else ()
        return None if allowed == (run.alarm.policies[run.policy_index],) else wording.ROW_MOVED


def _record(decision: Run, candidate: Candidate, resource: ResourceState, mode: Mode, delivery: Delivery) -> RunRecord | None:
    alarm, policy, proposal = candidate.alarm, candidate.policy, decision.proposal
    if alarm is None or policy is None:
        return None
    changes, now = bool(proposal.changes), delivery.now
    borrowed = _borrowed(proposal.changes, resource) if policy.revert else ()
    return RunRecord(
        id=run_id(policy_id(alarm, policy.action), proposal.resource, candidate.ring.episode, candidate.step),
        service=service_key(alarm),
        ring=candidate.ring,
        alarm=alarm,
        policy_index=candidate.policy_index,
        step=candidate.step,
        mode=mode,
        proposal=proposal,
        borrowed=borrowed,
        token=resource.lock.token + 1,
        owner=delivery.owner,
        acting_until=now + ACTING_FOR,
        created_at=now,
        status=RunStatus.INTENT if changes else RunStatus.ACTED,
        acted_at=None if changes else now,
        verify_at=now + timedelta(seconds=policy.verify_within_s) if changes else None,
        at_latest=now + timedelta(seconds=policy.revert.at_latest_s) if borrowed and policy.revert else None,
        lending=Lending.HELD if borrowed else Lending.NOTHING,
        concluded=not changes,
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


def _inherited(run: RunRecord) -> tuple[Change, ...]:
    """Return what was borrowed before this run and not by it."""
    present = {(change.resource, change.knob): change.before for change in run.proposal.changes}
    return tuple(
        replace(change, after=present[change.resource, change.knob])
        for change in run.borrowed
        if change.before != present[change.resource, change.knob]
    )
