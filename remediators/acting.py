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


class Acting:
    """Makes intents durable, applies them, and resumes what was left in between."""

    def __init__(self, ports: Ports, telling: Telling) -> None:
        self._ports = ports
        self._telling = telling

    def intent(
        self, decision: Run, candidate: Candidate, resource: ResourceState, mode: Mode, delivery: Delivery
    ) -> RunRecord | None:
        """Write down what will be done, and take service, resource and count with it; None when another was quicker."""
        run = _record(decision, candidate, resource, mode, delivery)
        if run is None:
            return None
        changes = bool(run.proposal.changes)
        policy = policy_id(run.alarm, run.policy.action)
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
        """Apply the intent's changes, each after its permit, then schedule what follows and say so."""
        if run.proposal.changes:
            self._telling.audit_run(run, "intent", run.proposal.why, delivery.now, Detail(changes=run.proposal.changes))
            self._apply(run, run.proposal.changes, delivery, answers)

    def resume(self, run: RunRecord, delivery: Delivery) -> None:
        """Go on with an intent left behind: never again what is applied already, nothing where others changed it."""
        if run.status is not RunStatus.INTENT:
            return
        run = self.take_over(run, delivery)
        action = self._ports.actions.get(run.policy.action)
        observed = action.observe(self._ports.clients, self.situation(run, delivery, Purpose.VERIFY))
        left: list[Change] = []
        for change in run.proposal.changes:
            current = action.current(observed, change)
            if current not in (change.before, change.after):
                self._end(run, RunStatus.FAILED, wording.moved_meanwhile(change, current), delivery, Reason.DRIFTED)
                return
            left += [change] if current != change.after else []
        if left and self._is_over(run):
            self._end(run, RunStatus.ABANDONED, wording.RECOVERED_FIRST, delivery, Reason.STALE)
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
            self._end(run, RunStatus.ABANDONED, held.why, delivery, Reason.PAUSED)
        except Permanent as failure:
            self._end(run, RunStatus.FAILED, wording.refused(failure.code, str(failure)), delivery, Reason.UNKNOWN)
        else:
            self._follow_up(run, tuple(ids), delivery, answers)

    def _follow_up(self, run: RunRecord, ids: tuple[str, ...], delivery: Delivery, answers: tuple[GuardAnswer, ...]) -> None:
        """Schedule verify and revert, tell people; the record says ACTED last, so that a crash before that comes back here."""
        if run.verify_at:
            self._ports.timers.at(run.verify_at, Timer(TimerKind.VERIFY, run.id), delivery.now)
        if run.at_latest:
            self._ports.timers.at(run.at_latest, Timer(TimerKind.REVERT, run.id), delivery.now)
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

    def _end(self, run: RunRecord, status: RunStatus, why: Text, delivery: Delivery, reason: Reason) -> None:
        """Close a run that changed nothing. What an earlier run of ours had borrowed stays this run's to give back.

        The record changes before the locks go: whoever comes after a crash in between finds a finished run.
        """
        inherited, failed = _inherited(run), status is RunStatus.FAILED
        self._telling.run(run, Phase.FAILED if failed else Phase.SKIPPED, why, delivery.now, Detail(reason=reason))
        if inherited and run.at_latest:
            self._ports.timers.at(run.at_latest, Timer(TimerKind.REVERT, run.id), delivery.now)
        if failed:  # the verify timer's way: whoever it wakes takes the next step
            self._ports.timers.after(0, Timer(TimerKind.VERIFY, run.id))
        ended = replace(
            run,
            status=status,
            verdict=why,
            borrowed=inherited,
            lending=Lending.HELD if inherited else Lending.NOTHING,
            concluded=not failed,
            next_due=failed,
        )
        self._ports.history.change(
            run.id, lambda known: replace(ended, version=known.version, recovered_at=known.recovered_at), delivery.now
        )
        if not inherited:
            self._ports.history.drop_lease(run)
        self._ports.history.release(run)

    def _is_over(self, run: RunRecord) -> bool:
        live = self._ports.alarms.states([run.ring.alarm_name]).get(run.ring.alarm_name)
        return live is None or live.state is not State.ALARM


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
