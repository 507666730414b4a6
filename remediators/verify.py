"""Did it help? Asked once, at the deadline: by symptom (the alarm) and by mechanism (the resource). Then the next step, once."""

from __future__ import annotations

from dataclasses import replace

from alarms.domain.decision import Run, Skip
from alarms.domain.errors import Permanent
from alarms.domain.event import State
from alarms.domain.report import Phase
from remediators import wording
from remediators.acting import Acting
from remediators.action import Purpose
from remediators.execute import Engine
from remediators.ports import Delivery, Ports
from remediators.questions import EARLY, Questions
from remediators.records import Lending, RunRecord, RunStatus, around
from remediators.standing import BreakerState
from remediators.telling import Detail, Telling
from remediators.timers import Timer, TimerKind

PHASES = {RunStatus.HELPED: Phase.HELPED, RunStatus.NO_HELP: Phase.NO_HELP}


class Verifier:
    """Takes verify timers."""

    def __init__(self, ports: Ports, engine: Engine, questions: Questions) -> None:
        self._ports = ports
        self._engine = engine
        self._questions = questions
        self._telling = Telling(ports)
        self._acting = Acting(ports, self._telling)

    def on_timer(self, run_id: str, delivery: Delivery, *, early: bool = False) -> None:
        """Verify the run, unless that is done; a run that was left in the middle is brought to its end first."""
        run = self._ports.history.run(run_id)
        if run is not None and run.status is RunStatus.INTENT:
            self._acting.resume(run, delivery)
            run = self._ports.history.run(run_id)
        if run is not None and run.status is RunStatus.ASKED:
            self._questions.recovered(run, delivery)
            return
        if run is None or run.concluded:
            self._telling.note("verify", run_id, "no such run, or verified already", delivery.now)
            return
        if run.status is RunStatus.ACTED:
            due = early or run.verify_at is None or delivery.now + EARLY >= run.verify_at
            run = self._judged(run, delivery, due=due)
        if run is not None:
            self._conclude(run, delivery)

    def _judged(self, run: RunRecord, delivery: Delivery, *, due: bool) -> RunRecord | None:
        """Look at symptom and mechanism and write the verdict down; None when it is too early for a "no".

        A recovery may wake the verify before its deadline: a "yes" then frees the service for its other alarms.
        """
        state, moved = self._symptom(run, delivery), self._moved(run, delivery)
        helped = state is State.OK and moved is True
        if not helped and not due:
            self._telling.note("verify", run.id, "not yet", delivery.now)
            if run.verify_at:
                self._ports.timers.at(run.verify_at, Timer(TimerKind.VERIFY, run.id), delivery.now)
            return None
        verdict = wording.helped() if helped else wording.no_help(state, moved)

        def judged(known: RunRecord) -> RunRecord | None:
            if known.status is not RunStatus.ACTED:
                return None
            status = RunStatus.HELPED if helped else RunStatus.NO_HELP
            return replace(known, status=status, verdict=verdict, next_due=state is not State.OK)

        return self._ports.history.change(run.id, judged, delivery.now)

    def _symptom(self, run: RunRecord, delivery: Delivery) -> State | None:
        """Return the alarm's present state, None when nobody can say. Of one series of an alarm only its own messages tell."""
        if run.ring.contributor:
            episodes = self._ports.history.service(run.service).episodes
            known = next((item for item in episodes if item.subject == run.ring.subject), None)
            return State.OK if known and not known.is_open else State.ALARM
        try:
            live = self._acting.site(run, delivery).alarms.states([run.ring.alarm_name]).get(run.ring.alarm_name)
        except Permanent:
            return None
        return live.state if live and not live.evaluation else None

    def _moved(self, run: RunRecord, delivery: Delivery) -> bool | None:
        action = self._ports.actions.get(run.policy.action)
        try:
            clients = self._acting.site(run, delivery).clients
            observed = action.observe(clients, self._acting.situation(run, delivery, Purpose.VERIFY))
        except Permanent:
            return None
        return action.moved(observed, run.proposal)

    def _conclude(self, run: RunRecord, delivery: Delivery) -> None:
        """Say the verdict, let the resource go, take the next step once, and let covered alarms have their own decision."""
        out = run.lending is Lending.HELD
        breaker = self._count(run, delivery)
        if run.status in PHASES:
            why = run.verdict or wording.UNREAD
            if breaker is not None and breaker.is_open(delivery.now) and breaker.open_until is not None:
                why = wording.and_closed(why, len(breaker.failures), breaker.open_until)
            detail = Detail(changes=run.proposal.changes, undoable=out)
            self._telling.run(run, PHASES[run.status], why, delivery.now, detail)
        if out:
            self._withdraw(run, delivery)
        self._ports.history.release(run)
        if run.next_due:
            self._next_step(run, delivery)
        self._questions.uncover(run)
        self._ports.history.change(run.id, lambda known: replace(known, concluded=True), delivery.now)

    def _count(self, run: RunRecord, delivery: Delivery) -> BreakerState | None:
        """Open the policy's breaker a little more, or close it; None where the run says nothing of the policy."""
        policy = around(run.alarm, run.policy.action, run.proposal.resource).policy
        if run.status is RunStatus.HELPED:
            self._ports.surroundings.helped(policy)
        if run.status in (RunStatus.NO_HELP, RunStatus.FAILED) and run.proposal.changes:
            return self._ports.surroundings.no_help(policy, run.id, run.alarm.bounds.breaker, delivery.now)
        return None

    def _withdraw(self, run: RunRecord, delivery: Delivery) -> None:
        """Give back now what did no good and should not stay out."""
        withdraws = self._ports.actions.get(run.policy.action).spec.withdraws
        if withdraws and run.status is RunStatus.NO_HELP:
            self._ports.history.change(
                run.id, lambda known: replace(known, withdraw=known.withdraw or wording.NO_GOOD), delivery.now
            )
            self._ports.timers.after(0, Timer(TimerKind.REVERT, run.id))

    def _next_step(self, run: RunRecord, delivery: Delivery) -> None:
        decision = self._engine.step(run, delivery)
        if isinstance(decision, Run):
            return
        episode_is_over = decision is None and run.step < len(run.alarm.policies[run.policy_index].otherwise)
        if not episode_is_over:
            why = decision.why if isinstance(decision, Skip) else wording.needs_a_person(run.policy.action)
            self._telling.run(run, Phase.ESCALATED, why, delivery.now)
