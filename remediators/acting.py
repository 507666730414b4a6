"""The part that changes something: intent first, then the calls, then what follows; and how a broken attempt goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from alarms.domain.action import ActionSpec
from alarms.domain.alarm import Mode, Policy, lowest
from alarms.domain.decision import Change, GuardAnswer, Reason, Run
from alarms.domain.errors import Permanent
from alarms.domain.event import State
from alarms.domain.report import Phase
from alarms.domain.text import Text
from remediators import wording
from remediators.action import Overtaken, Permit, Purpose, Situation
from remediators.candidate import Candidate
from remediators.gather import Gathered
from remediators.intents import ACTING_FOR, answered, inherited, record
from remediators.ports import Contended, Delivery, Held, Ports, Site
from remediators.records import Lending, RunRecord, RunStatus
from remediators.scheduler import LONGEST_DELAY_S
from remediators.telling import Detail, Telling
from remediators.timers import Timer, TimerKind

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


Wake = Sequence[Timer]


class Unready(Exception):
    """What has to stand before a change cannot be had: the wake-up call that ends it, or the evidence of its need."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


class Acting:
    """Makes intents durable, applies them, and resumes what was left in between."""

    def __init__(self, ports: Ports, telling: Telling) -> None:
        self._ports = ports
        self._telling = telling

    def intent(
        self, decision: Run, candidate: Candidate, gathered: Gathered, mode: Mode, delivery: Delivery, wake: Wake = ()
    ) -> RunRecord | None:
        """Write down what will be done, and take service, resource and counts with it; None when another was quicker.

        The wake-up call stands before anything else does: what is borrowed after it cannot be forgotten. ``wake`` are
        others that go with it. What has to be kept as evidence is kept first. Raises Unready.
        """
        run = record(decision, candidate, gathered.resource, mode, delivery, self._spec(candidate.policy))
        if run is None:
            return None
        self._set_timers(run, delivery, wake)
        if not run.proposal.changes:  # telling people fails open: said first, written down then; said twice it is shown once
            self._tell(run, delivery)
        self.keep_evidence(run, gathered, delivery)
        committed = self._ports.history.commit(
            run,
            episode=candidate.episode,
            resource=gathered.resource,
            counts=gathered.counts if run.proposal.changes else None,
            until=(run.verify_at or delivery.now) + GRACE,
            now=delivery.now,
        )
        return run if committed else None

    def approved(self, asked: RunRecord, gathered: Gathered, mode: Mode, delivery: Delivery) -> RunRecord | None:
        """Turn a question that was answered with yes into an intent; None when another was quicker. Raises Unready."""
        run = answered(asked, gathered.resource, mode, delivery, self._spec(asked.policy))
        self._set_timers(run, delivery)
        self.keep_evidence(run, gathered, delivery)
        until = (run.verify_at or delivery.now) + GRACE
        counts = gathered.counts
        if counts is None or not self._ports.history.commit_approved(
            asked, run, resource=gathered.resource, counts=counts, until=until, now=delivery.now
        ):
            return None
        return replace(run, version=asked.version + 1)

    def keep_evidence(self, run: RunRecord, gathered: Gathered, delivery: Delivery) -> None:
        """Keep what the action wants kept, before anything is changed. Raises Unready."""
        if gathered.evidence is None:
            return
        try:
            self._ports.evidence.keep(run.ring.episode.id, run.policy.action, gathered.evidence, delivery.now)
        except Permanent as failure:
            raise Unready(wording.no_evidence(failure.code, str(failure))) from failure

    def act(self, run: RunRecord, delivery: Delivery, answers: tuple[GuardAnswer, ...] = (), wake: Wake = ()) -> None:
        """Apply the intent's changes, each after its permit, then say so. The commit has just taken the lock."""
        if run.proposal.changes:
            self._telling.audit_run(run, "intent", run.proposal.why, delivery.now, Detail(changes=run.proposal.changes))
            self._apply(run, run.proposal.changes, self.permit(run, just_taken=True), delivery, answers, wake=wake)

    def resume(self, run: RunRecord, delivery: Delivery) -> None:
        """Go on with an intent left behind: never again what is applied already, nothing where others changed it."""
        if run.status is not RunStatus.INTENT:
            return
        run = self.take_over(run, delivery)
        action = self._ports.actions.get(run.policy.action)
        try:
            observed = action.observe(self.site(run, delivery).clients, self.situation(run, delivery, Purpose.VERIFY))
        except Permanent as failure:
            why = wording.refused(failure.code, str(failure))
            self._end(run, RunStatus.FAILED, why, delivery, Reason.UNKNOWN, perhaps=failure.code not in GONE)
            return
        current = {change: action.current(observed, change) for change in run.proposal.changes}
        left = tuple(change for change, value in current.items() if value == change.before != change.after)
        applied = [change for change, value in current.items() if value == change.after]
        if not left and not applied:
            change, value = next(iter(current.items()))
            self._end(run, RunStatus.FAILED, wording.moved_meanwhile(change, value), delivery, Reason.DRIFTED)
            return
        over = self._is_over(run, delivery) if left else None
        if over is not None and not applied:
            self._end(run, RunStatus.ABANDONED, over, delivery, Reason.STALE)
            return
        if over is not None:
            self._done(run, tuple(applied), (), delivery, ())
            return
        self._apply(run, left, self.permit(run), delivery, (), tuple(applied))

    def take_over(self, run: RunRecord, delivery: Delivery) -> RunRecord:
        """Make this delivery the one that acts; the former one's token is worth nothing from now on."""
        if run.owner != delivery.owner and run.acting_until > delivery.now:
            raise Contended(f"run {run.id} is being worked on by another delivery")
        taken = replace(run, token=run.token + 1, owner=delivery.owner, acting_until=delivery.now + ACTING_FOR)
        if not self._ports.history.take_over(run, taken, (run.verify_at or delivery.now) + GRACE, delivery.now):
            raise Contended(f"run {run.id} was taken over by another delivery")
        return replace(taken, version=run.version + 1)

    def permit(self, run: RunRecord, *, returning: bool = False, just_taken: bool = False) -> Permit:
        """Return the last check before a changing call: nobody holds automation, and the resource is still ours.

        ``returning``: the change gives something back, so the mode does not matter, nor does a pause where a person asked
        for it. ``just_taken``: the lock was taken by the call before, so the first check need not read it again.
        """
        needed = Mode.APPROVE if run.approvals else Mode.AUTO
        fresh = [True] if just_taken else []

        def check() -> None:
            if not (returning and run.by):
                hold = self._ports.switch.read().of(run.alarm.row, run.policy.action)
                if hold.paused:
                    raise Held(wording.paused(hold.scope, hold.reason))
                if not returning and lowest(run.policy.mode, hold.mode).rank < needed.rank:
                    raise Held(wording.mode(hold.mode))
            if fresh:
                fresh.clear()
                return
            lock = self._ports.history.lock(run.resource)
            if (lock.run, lock.token) != (run.id, run.token):
                raise Contended(f"{run.resource} belongs to another worker")

        return check

    def situation(self, run: RunRecord, delivery: Delivery, purpose: Purpose) -> Situation:
        """Return what an action is told of ``run``."""
        since = run.acted_at or run.created_at
        return Situation(run.alarm, run.policy, run.ring.value, delivery.now, purpose, since, delivery.left_s)

    def site(self, run: RunRecord, delivery: Delivery) -> Site:
        """Return where ``run`` reads and acts, in its own name. Raises Retryable, Permanent where it may not (any more)."""
        return self._ports.sites.at(run.alarm.place, delivery.now, run.id)

    def _spec(self, policy: Policy | None) -> ActionSpec:
        if policy is None:
            raise AssertionError("a decision to run has a policy")
        return self._ports.actions.get(policy.action).spec

    def _apply(
        self,
        run: RunRecord,
        left: tuple[Change, ...],
        permit: Permit,
        delivery: Delivery,
        answers: tuple[GuardAnswer, ...],
        applied: tuple[Change, ...] = (),
        wake: Wake = (),
    ) -> None:
        """Make the changes that are ``left``; one that is overtaken by events is left out, the others stand on their own."""
        action = self._ports.actions.get(run.policy.action)
        ids: list[str] = []
        overtaken: Text | None = None
        try:
            clients = self.site(run, delivery).clients
            for change in left:
                try:
                    ids += action.run(clients, change, permit)
                except Overtaken as news:
                    overtaken = news.why
                else:
                    applied = (*applied, change)
        except Held as held:
            self._stopped(run, RunStatus.ABANDONED, held.why, delivery, Reason.PAUSED)
        except Permanent as failure:
            self._stopped(run, RunStatus.FAILED, wording.refused(failure.code, str(failure)), delivery, Reason.UNKNOWN)
        else:
            if overtaken is not None and not applied:
                self._end(run, RunStatus.ABANDONED, overtaken, delivery, Reason.STALE)
            else:
                self._done(run, applied, tuple(ids), delivery, answers, wake)

    def _stopped(self, run: RunRecord, status: RunStatus, why: Text, delivery: Delivery, reason: Reason) -> None:
        """Look before saying that nothing was done: an attempt without an answer may have taken effect before the "no" came."""
        action = self._ports.actions.get(run.policy.action)
        try:
            observed = action.observe(self.site(run, delivery).clients, self.situation(run, delivery, Purpose.VERIFY))
        except Permanent as failure:
            self._end(run, status, why, delivery, reason, perhaps=failure.code not in GONE)
            return
        applied = tuple(change for change in run.proposal.changes if action.current(observed, change) == change.after)
        if len(applied) == len(run.proposal.changes):
            self._done(run, applied, (), delivery, ())
        else:
            self._end(run, status, why, delivery, reason, perhaps=bool(applied))

    def _set_timers(self, run: RunRecord, delivery: Delivery, wake: Wake = ()) -> None:
        """Before anything is changed: set the call that gives back what is lent, else the one that verifies.

        ``wake`` goes along where that is a message of its own; otherwise it follows with the verify's.
        """
        try:
            if run.at_latest:
                self._ports.timers.at(run.at_latest, Timer(TimerKind.REVERT, run.id), delivery.now)
            else:
                self._wake_to_verify(run, delivery, wake)
        except Permanent as failure:
            raise Unready(wording.no_timer(failure.code, str(failure))) from failure

    def _wake_to_verify(self, run: RunRecord, delivery: Delivery, wake: Wake = ()) -> None:
        """Set the calls that verify and watch the run, and those that go along: in one message where they fit."""
        soon = [(0, timer) for timer in wake]
        watch = self._spec(run.policy).watch_every_s
        if watch and run.at_latest:
            soon.append((watch, Timer(TimerKind.WATCH, run.id)))
        left = (run.verify_at - delivery.now).total_seconds() if run.verify_at else None
        if left is not None and left <= LONGEST_DELAY_S:
            soon.append((int(left), Timer(TimerKind.VERIFY, run.id)))
        elif run.verify_at is not None:
            self._ports.timers.at(run.verify_at, Timer(TimerKind.VERIFY, run.id), delivery.now)
        if soon:
            self._ports.timers.soon(soon)

    def _done(
        self,
        run: RunRecord,
        applied: tuple[Change, ...],
        ids: tuple[str, ...],
        delivery: Delivery,
        answers: tuple[GuardAnswer, ...],
        wake: Wake = (),
    ) -> None:
        """Tell people; the record says ACTED last, so that a crash before that comes back here.

        What was overtaken is no part of the run any more: neither verified nor given back.
        """
        knobs = {(change.resource, change.knob) for change in applied}
        borrowed = tuple(change for change in run.borrowed if (change.resource, change.knob) in knobs)
        self._telling.run(
            run,
            Phase.ACTED,
            run.proposal.why,
            delivery.now,
            Detail(applied, answers, ids, next_at=run.verify_at, undoable=bool(borrowed), by=", ".join(run.approvals[-1:])),
        )
        if run.at_latest:
            self._wake_to_verify(run, delivery, wake)
        proposal = replace(run.proposal, changes=applied)

        def acted(known: RunRecord) -> RunRecord | None:
            if known.status is not RunStatus.INTENT:
                return None
            return replace(
                known, status=RunStatus.ACTED, acted_at=delivery.now, request_ids=ids, proposal=proposal, borrowed=borrowed
            )

        self._ports.history.change(run.id, acted, delivery.now)

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
        borrowed, failed = run.borrowed if perhaps else inherited(run), status is RunStatus.FAILED
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

    def _is_over(self, run: RunRecord, delivery: Delivery) -> Text | None:
        """Return why an intent that was left behind is not gone on with; None when alarm and row still ask for it."""
        try:
            live = self.site(run, delivery).alarms.states([run.ring.alarm_name]).get(run.ring.alarm_name)
            row = self._ports.rows.row(run.alarm.key)
        except Permanent:
            return wording.ALARM_UNREAD
        if live is None or live.state is not State.ALARM:
            return wording.RECOVERED_FIRST
        allowed = row.policies[run.policy_index : run.policy_index + 1] if row else ()
        return None if allowed == (run.alarm.policies[run.policy_index],) else wording.ROW_MOVED
