"""Gives back what was borrowed: after recovery or at the latest, and only what is still as we left it.

AWS offers no conditional write for scalable targets or services, so it is read, compare, write; the little that can move in
between is what the report says when it is found the next time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from alarms.domain.event import State
from alarms.domain.report import Phase
from alarms.domain.text import Text
from remediators import wording
from remediators.acting import GONE, GRACE, Acting
from remediators.action import Overtaken, Purpose, Refusal
from remediators.intents import ACTING_FOR
from remediators.ports import Delivery, Held, Ports
from remediators.questions import EARLY
from remediators.records import Lending, RunRecord, RunStatus
from remediators.telling import Detail, Telling
from remediators.timers import Timer, TimerKind
from remediators.verify import Verifier

AGAIN = timedelta(minutes=10)


class Reverter:
    """Takes revert timers."""

    def __init__(self, ports: Ports, verifier: Verifier) -> None:
        self._ports = ports
        self._verifier = verifier
        self._telling = Telling(ports)
        self._acting = Acting(ports, self._telling)

    def on_timer(self, run_id: str, delivery: Delivery) -> None:
        """Give back what the run borrowed, when that is due; a timer that was overtaken by events finds nothing to do."""
        run = self._ports.history.run(run_id)
        if run is not None and run.status is RunStatus.INTENT:
            self._acting.resume(run, delivery)
            run = self._ports.history.run(run_id)
        if run is None or run.lending not in (Lending.HELD, Lending.RETURNING):
            self._telling.note("revert", run_id, "nothing is borrowed (any more)", delivery.now)
        elif run.lending is Lending.RETURNING:
            self._resume(run, delivery)
        elif self._is_due(run, delivery):
            if not run.concluded:
                self._verifier.on_timer(run_id, delivery, early=True)
                run = self._ports.history.run(run_id) or run
            self._start(run, delivery)

    def _is_due(self, run: RunRecord, delivery: Delivery) -> bool:
        due = run.give_back_at()
        if due is None or due > delivery.now + EARLY:
            self._telling.note("revert", run.id, "not due: it rings again, or the timer came early", delivery.now)
            return False
        if run.withdraw is not None or (run.at_latest and run.at_latest <= delivery.now + EARLY):
            return True
        return self._has_recovered(run, delivery)

    def _has_recovered(self, run: RunRecord, delivery: Delivery) -> bool:
        """Read the alarm once more; without an OK only the latest moment gives back."""
        try:
            live = self._acting.site(run, delivery).alarms.states([run.ring.alarm_name]).get(run.ring.alarm_name)
        except Permanent:
            live = None
        if live is None or live.state is not State.OK:
            self._telling.note("revert", run.id, "the alarm is not OK now", delivery.now)
            return False
        state = self._ports.history.service(run.service)
        if any(item.is_open and item.covered_by == run.id for item in state.episodes):
            self._postpone(run, delivery, wording.COVERED_STILL_RINGS)
            return False
        return True

    def _start(self, run: RunRecord, delivery: Delivery) -> None:
        """Compare, write down the way back together with the lock, then go it."""
        resource = self._ports.history.resource(run.resource)
        if resource.lease is None or resource.lease.run != run.id:
            self._drop(run, Lending.DROPPED, "superseded", wording.SUPERSEDED, delivery)
            return
        action = self._ports.actions.get(run.policy.action)
        situation = self._acting.situation(run, delivery, Purpose.REVERT)
        try:
            observed = action.observe(self._acting.site(run, delivery).clients, situation)
        except Permanent as failure:
            self._out_of_sight(run, failure, delivery)
            return
        answer = action.restore(observed, self._lent(run), situation)
        if isinstance(answer, Refusal):
            self._refused(run, answer, delivery)
            return
        way_back = replace(
            run,
            lending=Lending.RETURNING,
            restore=answer,
            token=resource.lock.token + 1,
            owner=delivery.owner,
            acting_until=delivery.now + ACTING_FOR,
        )
        if resource.lock.held(delivery.now, by_other_than=run.id) or not self._ports.history.lease_for_return(
            run, way_back, delivery.now + ACTING_FOR + GRACE, delivery.now
        ):
            self._postpone(run, delivery, wording.locked(resource.lock.run))
            return
        self._go_back(replace(way_back, version=run.version + 1), answer.changes, delivery)

    def _resume(self, run: RunRecord, delivery: Delivery) -> None:
        """Go on with a way back that somebody left: what is back is not touched again, what others changed not at all."""
        lease = self._ports.history.resource(run.resource).lease
        if lease is not None and lease.run != run.id:
            self._drop(run, Lending.DROPPED, "superseded", wording.SUPERSEDED, delivery)
            return
        run = self._acting.take_over(run, delivery)
        action = self._ports.actions.get(run.policy.action)
        try:
            clients = self._acting.site(run, delivery).clients
            observed = action.observe(clients, self._acting.situation(run, delivery, Purpose.REVERT))
        except Permanent as failure:
            self._out_of_sight(run, failure, delivery)
            return
        left: list[Change] = []
        for change in run.restore.changes if run.restore else ():
            current = action.current(observed, change)
            if current not in (change.before, change.after):
                self._refused(run, Refusal(Reason.DRIFTED, wording.moved_meanwhile(change, current)), delivery)
                return
            left += [change] if current != change.after else []
        self._go_back(run, tuple(left), delivery)

    def _go_back(self, run: RunRecord, left: tuple[Change, ...], delivery: Delivery) -> None:
        action = self._ports.actions.get(run.policy.action)
        ids: list[str] = []
        try:
            clients = self._acting.site(run, delivery).clients
            for change in left:
                ids += action.run(clients, change, self._acting.permit(run, returning=True))
        except Held as held:
            self._telling.run(run, Phase.SKIPPED, held.why, delivery.now, Detail(reason=Reason.PAUSED, again="revert"))
            self._lent_again(run, left, delivery)
            self._postpone(run, delivery, held.why)
        except Overtaken as news:
            self._refused(run, Refusal(Reason.DRIFTED, news.why), delivery)
        except Permanent as failure:
            self._failed(run, failure, delivery)
        else:
            self._returned(run, tuple(ids), delivery)

    def _out_of_sight(self, run: RunRecord, failure: Permanent, delivery: Delivery) -> None:
        """Close a lease whose resource cannot be seen: it is gone, or a person has to look."""
        if failure.code in GONE:
            self._refused(run, Refusal(Reason.DRIFTED, wording.gone(str(failure))), delivery)
        else:
            self._failed(run, failure, delivery)

    def _failed(self, run: RunRecord, failure: Permanent, delivery: Delivery) -> None:
        why = wording.refused(failure.code, str(failure))
        self._telling.run(run, Phase.FAILED, why, delivery.now, Detail(changes=run.borrowed, again="revert"))
        self._telling.run(run, Phase.ESCALATED, why, delivery.now, Detail(again="revert"))
        self._drop(run, Lending.FAILED, "revert-failed", why, delivery)

    def _lent_again(self, run: RunRecord, left: tuple[Change, ...], delivery: Delivery) -> None:
        """Nothing was given back yet: forget the way back, so that a later look starts from what is then true."""
        if run.restore is None or left != run.restore.changes:
            return
        self._ports.history.change(run.id, lambda known: replace(known, lending=Lending.HELD, restore=None), delivery.now)
        self._ports.history.release(run)

    def _returned(self, run: RunRecord, ids: tuple[str, ...], delivery: Delivery) -> None:
        changes = run.restore.changes if run.restore else ()
        after_recovery = not (run.at_latest and run.at_latest <= delivery.now + EARLY)
        why = wording.given_back(after_recovery=after_recovery, withdraw=run.withdraw)
        note = run.restore.why if run.restore else why
        said = Text(f"{why.en} {note.en}".strip(), f"{why.ko} {note.ko}".strip())
        self._telling.run(run, Phase.REVERTED, said, delivery.now, Detail(changes=changes, request_ids=ids, by=run.by))
        self._finish(run, Lending.RETURNED, delivery)

    def _refused(self, run: RunRecord, refusal: Refusal, delivery: Delivery) -> None:
        if refusal.reason is Reason.YIELDS:
            self._postpone(run, delivery, refusal.why)
            return
        phase = Phase.DRIFTED if refusal.reason is Reason.DRIFTED else Phase.KEPT
        self._telling.run(run, phase, refusal.why, delivery.now, Detail(changes=run.borrowed, reason=refusal.reason))
        self._finish(run, Lending.DROPPED, delivery)

    def _drop(self, run: RunRecord, lending: Lending, phase: str, why: Text, delivery: Delivery) -> None:
        """Close a lease that is not this run's to return; whoever asked for it by hand is told."""
        self._telling.audit_run(run, phase, why, delivery.now)
        if run.by and lending is Lending.DROPPED:
            self._telling.run(run, Phase.KEPT, why, delivery.now, Detail(by=run.by))
        self._finish(run, lending, delivery)

    def _finish(self, run: RunRecord, lending: Lending, delivery: Delivery) -> None:
        self._ports.history.drop_lease(run)
        self._ports.history.release(run)
        self._ports.history.change(run.id, lambda known: replace(known, lending=lending), delivery.now)

    def _postpone(self, run: RunRecord, delivery: Delivery, why: Text) -> None:
        self._telling.audit_run(run, "postponed", why, delivery.now)
        self._ports.timers.at(delivery.now + AGAIN, Timer(TimerKind.REVERT, run.id), delivery.now)

    @staticmethod
    def _lent(run: RunRecord) -> Proposal:
        return Proposal(run.policy.action, run.proposal.resource, run.borrowed, run.proposal.why)
