"""Questions to people: asked with the resource held, answered once by whoever may, and only for exactly what was shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alarms.domain.alarm import Mode
from alarms.domain.approvers import needed
from alarms.domain.command import Command
from alarms.domain.decision import Ask, Change, Reason, Run, Skip
from alarms.domain.errors import Permanent
from alarms.domain.event import State
from alarms.domain.report import Phase
from alarms.domain.text import Text
from remediators import wording
from remediators.acting import GRACE, Acting, Unready
from remediators.candidate import Candidate
from remediators.decide import decide
from remediators.gather import Gathered, Gatherer
from remediators.intents import record
from remediators.ports import Contended, Delivery, Ports
from remediators.records import EpisodeStatus, RunRecord, RunStatus
from remediators.scheduler import LONGEST_DELAY_S
from remediators.telling import Detail, Telling
from remediators.timers import Timer, TimerKind

# A timer may fire a little before its second by another clock.
EARLY = timedelta(seconds=5)


class Questions:
    """Asks, and takes the answers."""

    def __init__(self, ports: Ports, telling: Telling, acting: Acting, gatherer: Gatherer) -> None:
        self._ports = ports
        self._telling = telling
        self._acting = acting
        self._gatherer = gatherer

    def ask(self, decision: Ask, candidate: Candidate, gathered: Gathered, mode: Mode, delivery: Delivery) -> RunRecord:
        """Hold the resource and ask. Raises Contended when another worker was quicker."""
        spec = gathered.facts.spec
        run = record(decision, candidate, gathered.resource, mode, delivery, spec) if spec else None
        if run is None or spec is None or run.asked_until is None:
            raise AssertionError("a question has a row, a policy and an end")
        self._set_timer(run, delivery)
        self._acting.keep_evidence(run, gathered, delivery)
        committed = self._ports.history.commit(
            run,
            episode=candidate.episode,
            resource=gathered.resource,
            counts=None,
            until=run.asked_until + GRACE,
            now=delivery.now,
        )
        if not committed:
            raise Contended("another worker moved first")
        self.tell(run, delivery, decision)
        return run

    def tell(self, run: RunRecord, delivery: Delivery, decision: Ask | None = None) -> None:
        """Show the question: exactly what would be done, who may say yes, until when. Said twice it is shown once."""
        risk = self._ports.actions.get(run.policy.action).spec.risk
        allowed: frozenset[str] = frozenset()
        try:
            allowed = self._ports.approvers.read().of(run.alarm.service, risk)
        except Permanent as failure:
            self._telling.note("approvers", run.id, str(failure), delivery.now)
        detail = Detail(
            run.proposal.changes,
            decision.answers if decision else (),
            until=run.asked_until,
            approvers=tuple(sorted(allowed)),
            needed=needed(risk),
        )
        self._telling.run(run, Phase.ASKED, run.proposal.why, delivery.now, detail)
        self._ports.history.change(run.id, lambda known: replace(known, told=True), delivery.now)

    # --- answers ------------------------------------------------------------------------------------------------------

    def approve(self, command: Command, delivery: Delivery) -> None:
        """Take a yes: from whoever may, in time; then look again, and do what was shown if it is still what would be done."""
        run = self._open(command, delivery)
        if run is None:
            return
        risk = self._ports.actions.get(run.policy.action).spec.risk
        if command.by not in self._ports.approvers.read().of(run.alarm.service, risk):
            why = wording.not_allowed(command.by, run.alarm.service, risk.value)
            self._refuse(run, why, Reason.NOT_ALLOWED, command, delivery)
            return
        run = self._yes(run, command, delivery)
        if run is None:
            return
        wanted = needed(risk)
        if len(run.approvals) < wanted:
            why = wording.one_more(len(run.approvals), wanted)
            detail = Detail(run.proposal.changes, by=command.by, until=run.asked_until, needed=wanted, again=command.by)
            self._telling.run(run, Phase.APPROVED, why, delivery.now, detail)
            return
        self._carry_out(run, command, delivery)

    def deny(self, command: Command, delivery: Delivery) -> None:
        """Take a no. Stopping is for anybody whom the door let in."""
        run = self._open(command, delivery)
        if run is not None:
            self._end(run, RunStatus.DENIED, wording.denied(command.by), Reason.DENIED, delivery, by=command.by)

    def expire(self, run_id: str, delivery: Delivery) -> None:
        """Close a question that nobody answered, and call for a person."""
        run = self._ports.history.run(run_id)
        if run is None or run.status is not RunStatus.ASKED or (run.asked_until and run.asked_until > delivery.now + EARLY):
            self._telling.note("expire", run_id, "answered already, or not yet due", delivery.now)
            return
        self._telling.run(run, Phase.ESCALATED, wording.NOBODY_ANSWERED, delivery.now, Detail(reason=Reason.EXPIRED))
        self._end(run, RunStatus.EXPIRED, wording.NOBODY_ANSWERED, Reason.EXPIRED, delivery)

    def recovered(self, run: RunRecord, delivery: Delivery) -> None:
        """Close a question whose alarm is over: there is nothing left to decide. One that still rings stays open."""
        try:
            live = self._acting.site(run, delivery).alarms.states([run.ring.alarm_name]).get(run.ring.alarm_name)
        except Permanent as failure:  # it lapses by its own timer
            self._telling.note("recovered", run.id, str(failure), delivery.now)
            return
        if live is not None and live.state is State.OK:
            self._end(run, RunStatus.ABANDONED, wording.RECOVERED_FIRST, Reason.STALE, delivery)

    def uncover(self, run: RunRecord) -> None:
        """Let covered alarms be decided. Those that an attempt before this one reopened wait too, perhaps without a timer."""
        episodes = [item for item in self._ports.history.service(run.service).episodes if item.is_open]
        covered = [item for item in episodes if item.covered_by == run.id]
        for item in covered:
            self._ports.history.reopen(run.service, item)
        if covered or any(item.status is EpisodeStatus.CLAIMED for item in episodes):
            self._ports.timers.after(0, Timer(TimerKind.SETTLE, run.service))

    # --- their parts --------------------------------------------------------------------------------------------------

    def _set_timer(self, run: RunRecord, delivery: Delivery) -> None:
        lapse, due = Timer(TimerKind.EXPIRE, run.id), run.asked_until or delivery.now
        left = (due - delivery.now).total_seconds()
        if left <= LONGEST_DELAY_S:
            self._ports.timers.after(int(left), lapse)
        else:
            self._ports.timers.at(due, lapse, delivery.now)

    def _open(self, command: Command, delivery: Delivery) -> RunRecord | None:
        """Return the run that still waits for this answer; None when there is none, which the clicker is told."""
        run = self._ports.history.run(command.subject)
        if run is None:
            self._telling.note("command", command.subject, f"{command.kind.value} of an unknown run", delivery.now)
            return None
        if run.status is RunStatus.INTENT and command.by in run.approvals:
            self._acting.resume(run, delivery)  # a delivery before this one came that far
            return None
        if run.status is not RunStatus.ASKED:
            if command.by not in (*run.approvals, run.by):
                self._refuse(run, wording.ANSWERED_ALREADY, Reason.STALE, command, delivery)
            return None
        if run.asked_until is not None and run.asked_until <= command.at:
            self._refuse(run, wording.NOBODY_ANSWERED, Reason.EXPIRED, command, delivery)
            return None
        return run

    def _refuse(self, run: RunRecord, why: Text, reason: Reason, command: Command, delivery: Delivery) -> None:
        detail = Detail(reason=reason, by=command.by, again=command.id)
        self._telling.run(run, Phase.SKIPPED, why, delivery.now, detail)

    def _yes(self, run: RunRecord, command: Command, delivery: Delivery) -> RunRecord | None:
        """Write down who said yes, each once; None when the question was closed meanwhile."""

        def said(known: RunRecord) -> RunRecord | None:
            if known.status is not RunStatus.ASKED:
                return None
            return replace(known, approvals=tuple(dict.fromkeys((*known.approvals, command.by))))

        return self._ports.history.change(run.id, said, delivery.now)

    def _carry_out(self, run: RunRecord, command: Command, delivery: Delivery) -> None:
        """Look again, at everything; act only on what was shown."""
        decision, gathered = self._decided_anew(run, delivery)
        mode = gathered.facts.mode() if gathered else None
        if isinstance(decision, Skip):
            self._abandon(run, decision.why, decision.reason, command, delivery)
        elif gathered is None or mode is None or mode.rank < Mode.APPROVE.rank:
            self._abandon(run, wording.OBSERVES, Reason.MODE_OBSERVE, command, delivery)
        elif not (left := self._as_shown(run, gathered, decision)):
            self._abandon(run, wording.NOT_AS_SHOWN, Reason.STALE, command, delivery)
        else:
            self._act(replace(run, proposal=replace(run.proposal, changes=left)), gathered, mode, delivery)

    def _as_shown(self, run: RunRecord, gathered: Gathered, decision: Run | Ask) -> tuple[Change, ...]:
        """Return what of the changes shown still stands as it was shown, and would still be touched today.

        Nothing that was not shown is ever added: figures may have moved on, what people said yes to has not.
        """
        action = self._ports.actions.get(run.policy.action)
        touched = {(change.resource, change.knob) for change in decision.proposal.changes}
        return tuple(
            change
            for change in run.proposal.changes
            if (change.resource, change.knob) in touched and action.current(gathered.observed, change) == change.before
        )

    def _decided_anew(self, run: RunRecord, delivery: Delivery) -> tuple[Run | Ask | Skip, Gathered | None]:
        service = self._ports.history.service(run.service)
        episode = next((item for item in service.episodes if item.subject == run.ring.subject), None)
        row = self._ports.rows.row(run.alarm.key)
        allowed = row.policies[run.policy_index : run.policy_index + 1] if row else ()
        if episode is None or allowed != (run.alarm.policies[run.policy_index],):
            return Skip(Reason.STALE, wording.ROW_MOVED), None
        candidate = Candidate(episode, run.ring, run.alarm, run.policy_index, run.step)
        flight = service.in_flight
        covered_by = flight.run if flight.held(delivery.now, by_other_than=run.id) else ""
        seen = self._gatherer.look([candidate], delivery.now)
        gathered = self._gatherer.gather(candidate, seen, covered_by, delivery, run=run.id, approved=True)
        decision = decide(gathered.facts)
        self._telling.decision_of_run(decision, run, delivery.now, gathered.facts.mode())
        return decision, gathered

    def _act(self, run: RunRecord, gathered: Gathered, mode: Mode, delivery: Delivery) -> None:
        try:
            intent = self._acting.approved(run, gathered, mode, delivery)
        except Unready as refused:
            self._end(run, RunStatus.ABANDONED, refused.why, Reason.UNSAFE, delivery)
            return
        if intent is None:
            raise Contended("another worker moved first")
        self._acting.act(intent, delivery)

    def _abandon(self, run: RunRecord, why: Text, reason: Reason, command: Command, delivery: Delivery) -> None:
        self._telling.run(run, Phase.ESCALATED, why, delivery.now, Detail(reason=reason, again="approval"))
        self._end(run, RunStatus.ABANDONED, why, reason, delivery, by=command.by)

    def _end(self, run: RunRecord, status: RunStatus, why: Text, reason: Reason, delivery: Delivery, *, by: str = "") -> None:
        """Close a question for good, say so, let the resource go and its service's other alarms be decided.

        The record says so last: a crash before that comes back here, by the same message.
        """
        phase = {RunStatus.DENIED: Phase.DENIED, RunStatus.EXPIRED: Phase.EXPIRED}.get(status, Phase.SKIPPED)
        closing = self._ports.history.change(
            run.id, lambda known: replace(known, by=by or known.by) if known.status is RunStatus.ASKED else None, delivery.now
        )
        if closing is None:
            return
        self._telling.run(run, phase, why, delivery.now, Detail(run.proposal.changes, reason=reason, by=by))
        self._ports.history.release(run)
        self.uncover(run)

        def ended(known: RunRecord) -> RunRecord | None:
            if known.status is not RunStatus.ASKED:
                return None
            return replace(known, status=status, verdict=why, concluded=True)

        self._ports.history.change(run.id, ended, delivery.now)
