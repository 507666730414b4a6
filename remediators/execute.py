"""From an alarm to a change, on one screen: claim → settle → gather → decide → intent → act.

Whatever is written here may stop after any line: every step can be taken again, by this worker or another, and what was
done already is found in the history and in AWS, never assumed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alarms.domain.alarm import Alarm
from alarms.domain.decision import Ask, Decision, Reason, Run, Skip
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.event import AlarmEvent, State
from alarms.domain.incident import Ending, ending_of
from remediators import wording
from remediators.acting import Acting, Unready, Wake
from remediators.action import Situation, unfit
from remediators.aws import Unreadable
from remediators.candidate import Candidate, rank
from remediators.decide import decide
from remediators.facts import Facts
from remediators.gather import Gatherer, Seen
from remediators.looking_back import chronicle
from remediators.ports import Contended, Delivery, Ports
from remediators.questions import Questions
from remediators.records import (
    Claimed,
    EpisodeRecord,
    EpisodeStatus,
    Lending,
    Ring,
    RunRecord,
    RunStatus,
    ServiceState,
    policy_id,
    run_id,
    service_key,
)
from remediators.telling import Telling
from remediators.timers import Timer, TimerKind

# Decided once more a little later, because what stands in the way passes by itself and no further event will come.
PASSING = frozenset({Reason.YIELDS, Reason.LOCKED, Reason.UNKNOWN, Reason.STORM, Reason.DEPENDENCY, Reason.HELD})
RECHECK_AFTER_S = 300
RECHECKS = 3
ATTEMPTS = 3
# A storm's mark may be this much older than the storm.
STORM_STEP = timedelta(minutes=1)


class Engine:
    """Takes alarm events and settle timers."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._telling = Telling(ports)
        self._acting = Acting(ports, self._telling)
        self._gatherer = Gatherer(ports, self._telling)
        self.questions = Questions(ports, self._telling, self._acting, self._gatherer)

    # --- the transaction ----------------------------------------------------------------------------------------------

    def on_event(self, event: AlarmEvent, delivery: Delivery) -> None:
        """Take one change of state. Raises what should bring it back, such as an unreachable table; tells people first."""
        ring, alarm = Ring.of(event), None
        try:
            alarm = self._ports.rows.row(event.alarm_key)
            if alarm is None or not alarm.policies or not self._reaches(ring, delivery):
                self._refuse(Facts(delivery.now, ring, alarm), delivery)
            elif event.state is State.ALARM:
                self._rings(alarm, ring, delivery)
            else:
                self._is_over(alarm, event, ring, delivery)
        except Contended:
            raise
        except (Retryable, Permanent) as failure:
            if event.state is State.ALARM:
                why = wording.ROW_UNREAD if isinstance(failure, Unreadable) else wording.STORE_UNREAD
                self._telling.blind(ring, alarm, why, delivery.now)
            raise

    def _reaches(self, ring: Ring, delivery: Delivery) -> bool:
        """Tell whether the alarm lives where this remediator acts: the same name elsewhere is another alarm."""
        return self._ports.sites.reaches(ring.place, delivery.now) is True

    def _rings(self, alarm: Alarm, ring: Ring, delivery: Delivery) -> None:
        service = service_key(alarm)
        claimed, episode = self._ports.history.claim(service, ring, delivery.now)
        if claimed is Claimed.OLDER or (claimed is Claimed.SAME and episode.followed(episode.changed_at)):
            self._refuse(Facts(delivery.now, ring, alarm, claimed=claimed), delivery)
            return
        self._ports.audit(chronicle.rang(ring, alarm, delivery.now))
        if episode.lease_run:
            self._keep_what_was_lent(episode.lease_run, delivery)
        waits = episode.status is EpisodeStatus.CLAIMED  # opened just now, or by a delivery that did not get further
        look = Timer(TimerKind.DIAGNOSE, service)
        if waits and alarm.settle_s > 0:
            self._ports.timers.soon([(0, look), (alarm.settle_s, Timer(TimerKind.SETTLE, service))])
            self._ports.history.followed(service, ring.subject, episode.changed_at)
        elif waits or alarm.settle_s == 0:
            self.plan(service, delivery, known={ring.alarm_key: alarm}, wake=() if episode.diagnosed else (look,))
        if claimed is Claimed.SAME and not waits:
            self._refuse(Facts(delivery.now, ring, alarm, claimed=claimed), delivery)

    def plan(self, service: str, delivery: Delivery, known: dict[str, Alarm] | None = None, wake: Wake = ()) -> None:
        """Give the alarms of ``service`` that rang one plan. ``known`` are rows read in this very delivery.

        ``wake`` are calls that go out with the run's own, or by themselves where nothing is run.
        """
        for attempt in range(ATTEMPTS):
            try:
                self._plan(service, delivery, known or {}, wake)
                return
            except Contended:
                if attempt == ATTEMPTS - 1:
                    raise

    def _plan(self, service: str, delivery: Delivery, known: dict[str, Alarm], wake: Wake) -> None:
        state = self._resumed(service, delivery)
        waiting = [episode for episode in state.episodes if episode.status is EpisodeStatus.CLAIMED and episode.ring]
        if not waiting:
            self._telling.note("settle", service, "nothing waits for a decision", delivery.now)
            return
        candidates = self._candidates(waiting, known)
        seen = self._gatherer.look(candidates, delivery.now)
        covered_by = state.in_flight.run if state.in_flight.held(delivery.now) else ""
        decisions: dict[str, list[Decision]] = {episode.subject: [] for episode in waiting}
        newest = {episode.subject: episode for episode in waiting}
        for listed in candidates:
            subject = listed.episode.subject
            candidate = replace(listed, episode=newest[subject])
            decision, run = self._take(candidate, seen, covered_by, delivery, wake)
            wake = () if run is not None else wake
            decisions[subject].append(decision)
            if run is not None:
                newest[subject] = run.decides(candidate.episode)
                covered_by = run.id if run.proposal.changes else covered_by
        if wake:
            self._ports.timers.soon([(0, timer) for timer in wake])
        for episode in waiting:
            skips = [decision for decision in decisions[episode.subject] if isinstance(decision, Skip)]
            self._settle(service, newest[episode.subject], skips, covered_by, delivery)

    def _take(
        self, candidate: Candidate, seen: Seen, covered_by: str, delivery: Delivery, wake: Wake = ()
    ) -> tuple[Decision, RunRecord | None]:
        """Gather, decide, make the intent (or the question) durable, act. Returns the run when there is one."""
        gathered = self._gatherer.gather(candidate, seen, covered_by, delivery)
        decision, mode = decide(gathered.facts), gathered.facts.mode()
        if not isinstance(decision, Run):
            self._still_ours(candidate)
        if candidate.unread:
            self._telling.blind(candidate.ring, None, wording.ROW_UNREAD, delivery.now)
        self._telling.decision(decision, candidate.ring, candidate.alarm, candidate.policy, delivery.now, mode)
        self._remember_storm(decision, candidate, gathered.facts)
        if isinstance(decision, Skip) or candidate.alarm is None or mode is None:
            return decision, None
        if isinstance(decision, Ask) and not decision.answerable:
            return decision, None
        try:
            if isinstance(decision, Ask):
                return decision, self.questions.ask(decision, candidate, gathered, mode, delivery)
            run = self._acting.intent(decision, candidate, gathered, mode, delivery, wake)
        except Unready as refused:
            decision = Skip(Reason.UNSAFE, refused.why, decision.answers)
            self._telling.decision(decision, candidate.ring, candidate.alarm, candidate.policy, delivery.now, mode)
            return decision, None
        if run is None:
            raise Contended("another worker moved first")
        self._acting.act(run, delivery, decision.answers, wake if run.at_latest else ())
        return decision, run

    def _remember_storm(self, decision: Decision, candidate: Candidate, facts: Facts) -> None:
        """Let a storm that was seen hold for its cool-down, whoever asks next.

        All of a stage share that one item: it is written once a minute, not once for each alarm of the storm.
        """
        until = decision.next_eligible_at if isinstance(decision, Skip) and decision.reason is Reason.STORM else None
        alarm, known = candidate.alarm, facts.standing.storm_until if facts.standing else None
        if alarm is not None and until is not None and (known is None or known < until - STORM_STEP):
            self._ports.surroundings.storm(f"{alarm.place}/{alarm.stage}", until)

    def step(self, run: RunRecord, delivery: Delivery) -> Decision | None:
        """Take the step after ``run``, which did not help. None when its episode is over or there is no further step."""
        service = self._ports.history.service(run.service)
        episode = next((item for item in service.episodes if item.subject == run.ring.subject), None)
        if episode is None or not episode.is_open or episode.ring is None or episode.ring.episode != run.ring.episode:
            return None
        if run.step >= len(run.alarm.policies[run.policy_index].otherwise):
            return None
        candidate = Candidate(episode, run.ring, run.alarm, run.policy_index, run.step + 1)
        taken = self._taken(candidate)
        if taken is not None:  # a delivery before this one came that far
            self._acting.resume(taken, delivery)
            return Run(taken.proposal, ())
        flight = service.in_flight
        covered_by = flight.run if flight.held(delivery.now, by_other_than=run.id) else ""
        return self._take(candidate, self._gatherer.look([candidate], delivery.now), covered_by, delivery)[0]

    # --- its parts ----------------------------------------------------------------------------------------------------

    def _taken(self, candidate: Candidate) -> RunRecord | None:
        """Return the run of a step that was taken already, None when it was not."""
        action, policy, alarm = self._gatherer.action(candidate.policy), candidate.policy, candidate.alarm
        if action is None or policy is None or alarm is None or unfit(action, policy):
            return None
        resource = action.resource(Situation(alarm, policy, candidate.ring.value, candidate.ring.started_at))
        return self._ports.history.run(run_id(policy_id(alarm, policy.action), resource, candidate.ring.episode, candidate.step))

    def _resumed(self, service: str, delivery: Delivery) -> ServiceState:
        """Return the service's state, after an intent that somebody left behind has been brought to its end."""
        state = self._ports.history.service(service)
        if not state.in_flight.run:
            return state
        run = self._ports.history.run(state.in_flight.run)
        if run is not None and run.status is RunStatus.ASKED and not run.told:
            self.questions.tell(run, delivery)  # a delivery before this one ended right there
        if run is None or run.status is not RunStatus.INTENT:
            return state
        self._acting.resume(run, delivery)
        return self._ports.history.service(service)

    def _candidates(self, waiting: list[EpisodeRecord], known: dict[str, Alarm]) -> list[Candidate]:
        """Return who might run, the first in precedence first; an alarm whose row is gone is there to be refused by name."""
        found: list[Candidate] = []
        for episode in waiting:
            if episode.ring is None:
                continue
            alarm, unread = known.get(episode.ring.alarm_key), False
            try:
                alarm = alarm or self._ports.rows.row(episode.ring.alarm_key)
            except Permanent:
                unread = True
            left = set(range(len(alarm.policies) if alarm and alarm.policies else 1)) - set(episode.ran)
            found += [Candidate(episode, episode.ring, alarm, index, unread=unread) for index in left]
        return sorted(found, key=rank)

    def _still_ours(self, candidate: Candidate) -> None:
        """Check, before a "no" is said, that it was not another worker's run for this very episode that stood in the way."""
        if candidate.alarm is None:
            return
        state = self._ports.history.service(service_key(candidate.alarm))
        known = next((item for item in state.episodes if item.subject == candidate.episode.subject), None)
        read = candidate.episode
        if known is None or (known.status, known.token, known.run, known.ran) != (read.status, read.token, read.run, read.ran):
            raise Contended("another worker has decided this episode")

    def _settle(self, service: str, episode: EpisodeRecord, skips: list[Skip], covered_by: str, delivery: Delivery) -> None:
        """Write down that the episode has its answer, or look again later where the obstacle passes by itself."""
        if episode.status is EpisodeStatus.DECIDED:  # by the commit of its last run
            return
        passing = [skip for skip in skips if skip.reason in PASSING]
        if passing and episode.rechecks < RECHECKS:
            # Whatever the write answers: a lost answer, asked again by the SDK, looks like somebody else's write.
            self._ports.history.put_off(service, episode)
            self._look_again(service, passing, delivery)
            return
        by = covered_by if any(skip.reason is Reason.COVERED for skip in skips) else ""
        self._ports.history.decided(service, episode, covered_by=by)
        if by and self._ports.history.service(service).in_flight.run != by:
            # It was verified in between and looked for those it covered before this one was.
            self._ports.history.reopen(service, replace(episode, covered_by=by))
            self._ports.timers.after(0, Timer(TimerKind.SETTLE, service))

    def _look_again(self, service: str, passing: list[Skip], delivery: Delivery) -> None:
        """Set the next look: in a while, or when the obstacle is known to end."""
        soonest = delivery.now + timedelta(seconds=RECHECK_AFTER_S)
        ends = min((skip.next_eligible_at or soonest for skip in passing), default=soonest)
        if ends <= soonest:
            self._ports.timers.after(RECHECK_AFTER_S, Timer(TimerKind.SETTLE, service))
        else:
            self._ports.timers.at(ends, Timer(TimerKind.SETTLE, service), delivery.now)

    def _is_over(self, alarm: Alarm, event: AlarmEvent, ring: Ring, delivery: Delivery) -> None:
        """Close the episode; only a recovery seen in data starts the way back."""
        service = service_key(alarm)
        episode = self._ports.history.close(service, ring.subject, event.changed_at, delivery.now)
        if episode is None:
            self._telling.note("over", ring.subject, "something newer is known of this alarm", delivery.now)
            return
        if episode.followed(event.changed_at):
            self._telling.note("over", ring.subject, "this ending is known already", delivery.now)
            return
        ending = ending_of(event)
        self._telling.note("over", ring.subject, ending.value if ending else "", delivery.now)
        if episode.ring is not None:
            self._ports.audit(chronicle.ended(episode.ring, ending, event.changed_at, delivery.now))
        # It had rung: an OK from data after INSUFFICIENT_DATA is no first evaluation.
        if ending is not Ending.RECOVERED and not (ending is Ending.FIRST_OK and episode.ring):
            return
        if episode.lease_run:
            self._recovered(episode.lease_run, event, delivery)
        if episode.run:  # perhaps it helped already: the sooner that is known, the sooner the service is free
            self._ports.timers.after(0, Timer(TimerKind.VERIFY, episode.run))
        if episode.lease_run or episode.run:
            self._ports.history.followed(service, ring.subject, event.changed_at)

    def _recovered(self, run_id: str, event: AlarmEvent, delivery: Delivery) -> None:
        """Start the wait for the way back."""
        run = self._ports.history.change(
            run_id,
            lambda known: replace(known, recovered_at=event.changed_at) if known.lending is Lending.HELD else None,
            delivery.now,
        )
        due = run.give_back_at() if run else None
        if due is not None:
            self._ports.timers.at(due, Timer(TimerKind.REVERT, run_id), delivery.now)

    def _keep_what_was_lent(self, run_id: str, delivery: Delivery) -> None:
        """Cancel a pending way back: it rings again. The timer may still fire and will find nothing due."""
        self._ports.history.change(
            run_id, lambda run: replace(run, recovered_at=None) if run.recovered_at else None, delivery.now
        )

    def _refuse(self, facts: Facts, delivery: Delivery) -> None:
        policy = facts.alarm.policies[0] if facts.alarm and facts.alarm.policies else None
        action = self._gatherer.action(policy)
        reached = bool(policy) and self._ports.sites.reaches(facts.ring.place, delivery.now)  # without a policy nobody asks
        spec = action.spec if action else None
        facts = replace(facts, policy=policy, spec=spec, home=self._ports.sites.home, reached=reached)
        self._telling.decision(decide(facts), facts.ring, facts.alarm, policy, delivery.now, None)
