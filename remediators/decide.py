"""May this be done, now? Every guard in order, each "no" with its name. Pure: what is known comes in, a Decision goes out.

A guard answers True (pass), False (no) or None (cannot be known, which is never a pass). The first that does not pass
decides; those after it are not asked and say so. Mode observe is the one exception: the last guard, the action itself,
is still asked what it would have done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alarms.domain.action import ActionSpec
from alarms.domain.alarm import Mode, Policy
from alarms.domain.bounds import Limit
from alarms.domain.decision import Ask, Change, Decision, GuardAnswer, Proposal, Reason, Run, Skip
from alarms.domain.event import State
from alarms.domain.text import Text
from remediators import wording
from remediators.action import Refusal
from remediators.facts import Facts, group_of
from remediators.records import Claimed, policy_id

# Which of several alarms of one service gets the one plan. What is not named stands between the last two.
PRECEDENCE = (
    "diagnose",
    "roll-back-deployment",
    "end-database-sessions",
    "set-idle-timeouts",
    "raise-database-capacity",
    "answer-traffic-surge",
    "restart-tasks",
    "scale-consumers",
    "scale-service",
    "redrive-dead-letters",
    "escalate",
)
# Two clocks name one transition: the event's StateChangeTime and DescribeAlarms' StateTransitionedTimestamp.
SAME_TRANSITION = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Answer:
    """A guard's answer with the reason that a "no" is known by."""

    passed: bool | None
    why: Text
    reason: Reason = Reason.UNKNOWN
    next_eligible_at: datetime | None = None


Guard = Callable[[Facts], Answer]


def decide(facts: Facts) -> Decision:
    """Ask every guard in order and return the decision with all answers."""
    answers: list[GuardAnswer] = []
    blocked: Answer | None = None
    for name, guard in GUARDS:
        asked = blocked is None or (name == PROPOSAL and blocked.reason is Reason.MODE_OBSERVE)
        answer = guard(facts) if asked else Answer(None, wording.NOT_ASKED)
        answers.append(GuardAnswer(name, answer.passed, answer.why))
        if blocked is None and answer.passed is not True:
            blocked = answer
    return _verdict(facts, blocked, tuple(answers))


def wants_proposal(facts: Facts) -> bool:
    """Tell whether the action has to be asked at all: no guard before it says no, or only the mode observes."""
    for name, guard in GUARDS:
        answer = guard(facts) if name != PROPOSAL else None
        if answer is not None and answer.passed is not True:
            return answer.reason is Reason.MODE_OBSERVE
    return True


def precedence(action: str) -> int:
    """Return the rank of ``action`` among alarms that settled together; the smallest goes first."""
    last = len(PRECEDENCE) - 1
    return 2 * PRECEDENCE.index(action) if action in PRECEDENCE else 2 * last - 1


def _verdict(facts: Facts, blocked: Answer | None, answers: tuple[GuardAnswer, ...]) -> Decision:
    proposal = facts.proposal if isinstance(facts.proposal, Proposal) else None
    if blocked is not None:
        known = proposal if blocked.reason is Reason.MODE_OBSERVE else None
        why = blocked.why
        if blocked.reason is Reason.MODE_OBSERVE and isinstance(facts.proposal, Refusal):
            why = wording.observes_a_refusal(facts.proposal.reason, facts.proposal.why)
        return Skip(blocked.reason, why, answers, known, blocked.next_eligible_at)
    if proposal is None:  # the last guard passes only with a proposal; this keeps the types honest
        return Skip(Reason.UNKNOWN, wording.UNREAD, answers)
    mode, spec = facts.mode(), facts.spec
    if not facts.changes or facts.approved:
        return Run(proposal, answers)
    if mode is Mode.AUTO and not proposal.approval and not (spec and spec.approval):
        return Run(proposal, answers)
    return Ask(proposal, answers, answerable=mode in (Mode.APPROVE, Mode.AUTO))


def _alarm_state(facts: Facts) -> Answer:
    if facts.ring.state is State.ALARM:
        return Answer(True, wording.RINGS)
    return Answer(False, wording.not_ringing(facts.ring.state), Reason.NOT_AN_ALARM_STATE)


def _row(facts: Facts) -> Answer:
    if facts.row_unread:
        return Answer(None, wording.ROW_UNREAD)
    if facts.alarm is None:
        return Answer(False, wording.NO_ROW, Reason.NO_ROW)
    return Answer(True, wording.row(facts.alarm.row))


def _place(facts: Facts) -> Answer:
    lives = facts.alarm.place if facts.alarm else ""
    if facts.home in ("", lives):
        return Answer(True, wording.HERE)
    if facts.reached is None:
        return Answer(None, wording.SPOKES_UNREAD)
    if not facts.reached:
        return Answer(False, wording.elsewhere(lives, facts.home), Reason.ELSEWHERE)
    return Answer(True, wording.spoke(lives))


def _policy(facts: Facts) -> Answer:
    if facts.policy is None:
        return Answer(False, wording.no_policy(facts.alarm.no_action if facts.alarm else ""), Reason.NO_POLICY)
    if facts.spec is None:
        return Answer(False, wording.no_such_action(facts.policy.action), Reason.INVALID)
    if facts.problem:
        return Answer(False, wording.unfit(facts.policy.action, facts.problem), Reason.INVALID)
    if facts.changes and facts.policy.mode in (Mode.APPROVE, Mode.AUTO) and not _bounded(facts.policy, facts.spec):
        return Answer(False, wording.UNBOUNDED, Reason.INVALID)
    return Answer(True, wording.policy(facts.policy.action))


def _bounded(policy: Policy, spec: ActionSpec) -> bool:
    given_back = policy.revert is not None or not spec.lends
    return bool(policy.limits) and given_back and all(limit.count >= 1 for limit in policy.limits)


def _suppressed(facts: Facts) -> Answer:
    by = facts.ring.suppressed_by or (facts.live.suppressed_by if facts.live else "")
    if facts.ring.muted or by:
        return Answer(False, wording.suppressed(by), Reason.SUPPRESSED)
    if facts.live is not None and not facts.live.actions_enabled:
        return Answer(False, wording.ACTIONS_DISABLED, Reason.SUPPRESSED)
    return Answer(True, wording.NOT_SUPPRESSED)


def _episode(facts: Facts) -> Answer:
    if facts.claimed is None:
        return Answer(None, wording.STORE_UNREAD)
    if facts.claimed is Claimed.NEW:
        return Answer(True, wording.CLAIMED)
    return Answer(False, wording.DUPLICATE if facts.claimed is Claimed.SAME else wording.LATE, Reason.DUPLICATE)


def _settled(facts: Facts) -> Answer:
    if facts.covered_by is None:
        return Answer(None, wording.STORE_UNREAD)
    if facts.covered_by and facts.changes:
        return Answer(False, wording.covered(facts.covered_by), Reason.COVERED)
    return Answer(True, wording.SETTLED)


def _stale(facts: Facts) -> Answer:
    live = facts.live
    if facts.alarm_gone:
        return Answer(False, wording.ALARM_GONE, Reason.STALE)
    if live is None:
        return Answer(None, wording.ALARM_UNREAD)
    if live.state is not State.ALARM:
        return Answer(False, wording.no_longer_rings(live.state), Reason.STALE)
    if live.evaluation:
        return Answer(False, wording.untrusted(live.evaluation), Reason.STALE)
    # A contributor rings inside an alarm that may ring since long or since just now: only the alarm's own time tells anything.
    newer = live.transitioned_at and live.transitioned_at > facts.ring.started_at + SAME_TRANSITION
    if newer and not facts.ring.contributor:
        return Answer(False, wording.RANG_AGAIN, Reason.STALE)
    return Answer(True, wording.STILL_RINGS)


def _storm(facts: Facts) -> Answer:
    if not facts.changes:
        return Answer(True, wording.CHANGES_NOTHING)
    groups = facts.ringing_groups()
    if groups is None or facts.standing is None or facts.alarm is None:
        return Answer(None, wording.PEERS_UNREAD)
    bounds = facts.alarm.bounds.storm
    if len(groups) >= bounds.services:
        until = facts.now + timedelta(seconds=bounds.cool_down_s)
        return Answer(False, wording.storm(sorted(groups), bounds.services), Reason.STORM, until)
    if facts.standing.storm_until and facts.now < facts.standing.storm_until:
        return Answer(False, wording.after_storm(facts.standing.storm_until), Reason.STORM, facts.standing.storm_until)
    return Answer(True, wording.peers(len(groups), bounds.services))


def _held(facts: Facts) -> Answer:
    if not facts.changes:
        return Answer(True, wording.CHANGES_NOTHING)
    if facts.standing is None:
        return Answer(None, wording.STORE_UNREAD)
    hold = facts.standing.hold
    if hold is not None and hold.holds(facts.now):
        return Answer(False, wording.held(hold.by, hold.until), Reason.HELD, hold.until)
    return Answer(True, wording.NOT_HELD)


def _breaker(facts: Facts) -> Answer:
    if not facts.changes:
        return Answer(True, wording.CHANGES_NOTHING)
    if facts.standing is None:
        return Answer(None, wording.STORE_UNREAD)
    state, hold = facts.standing.breaker, facts.hold()
    reset = bool(hold and hold.released_at and state.failures and hold.released_at > state.failures[-1])
    if state.is_open(facts.now) and state.open_until and not reset:
        return Answer(False, wording.breaker(len(state.failures), state.open_until), Reason.BREAKER_OPEN, state.open_until)
    return Answer(True, wording.TRIAL if state.open_until and not reset else wording.BREAKER_CLOSED)


def _kill_switch(facts: Facts) -> Answer:
    hold = facts.hold()
    if not facts.changes:
        return Answer(True, wording.CHANGES_NOTHING)
    if hold is None:
        return Answer(None, wording.SWITCH_UNREAD)
    if hold.paused:
        return Answer(False, wording.paused(hold.scope, hold.reason), Reason.PAUSED)
    return Answer(True, wording.NOT_PAUSED)


def _mode(facts: Facts) -> Answer:
    if not facts.changes:
        return Answer(True, wording.CHANGES_NOTHING)
    mode = facts.mode()
    if mode is None:
        return Answer(None, wording.SWITCH_UNREAD)
    if mode is Mode.OBSERVE:
        return Answer(False, wording.OBSERVES, Reason.MODE_OBSERVE)
    return Answer(True, wording.mode(mode))


def _cooldown(facts: Facts) -> Answer:
    if not facts.changes:
        return Answer(True, wording.CHANGES_NOTHING)
    runs = _runs(facts)
    if runs is None or facts.policy is None:
        return Answer(None, wording.STORE_UNREAD)
    if runs and facts.now < (until := runs[-1] + timedelta(seconds=facts.policy.cooldown_s)):
        return Answer(False, wording.cooldown(runs[-1], until), Reason.COOLDOWN, until)
    return Answer(True, wording.COOL)


def _limits(facts: Facts) -> Answer:
    if not facts.changes:
        return Answer(True, wording.CHANGES_NOTHING)
    runs = _runs(facts)
    if runs is None or facts.policy is None or facts.alarm is None or facts.standing is None:
        return Answer(None, wording.STORE_UNREAD)
    counted = [("", runs, facts.policy.limits)]
    counted += [(scope.value, facts.standing.counter(scope).runs, held) for scope, held in facts.alarm.bounds.limits.items()]
    for scope, ran, limits in counted:
        for limit in limits:
            reached = _reached(scope, ran, limit, facts.now)
            if reached is not None:
                return reached
    return Answer(True, wording.WITHIN_LIMITS)


def _reached(scope: str, runs: tuple[datetime, ...], limit: Limit, now: datetime) -> Answer | None:
    """Say that ``limit`` is reached, None when there is room."""
    window = timedelta(seconds=limit.window_s)
    inside = [run for run in runs if run > now - window]
    if limit.count < 1:
        return Answer(False, wording.UNBOUNDED, Reason.INVALID)
    if len(inside) < limit.count:
        return None
    until = inside[-limit.count] + window
    return Answer(False, wording.limit(limit, len(inside), until, scope), Reason.LIMIT, until)


def _runs(facts: Facts) -> tuple[datetime, ...] | None:
    if facts.resource is None or facts.alarm is None or facts.policy is None:
        return None
    return facts.resource.counter(policy_id(facts.alarm, facts.policy.action)).runs


def _lock(facts: Facts) -> Answer:
    if not facts.changes:
        return Answer(True, wording.CHANGES_NOTHING)
    if facts.resource is None:
        return Answer(None, wording.STORE_UNREAD)
    lock = facts.resource.lock
    if lock.held(facts.now, by_other_than=facts.run):
        return Answer(False, wording.locked(lock.run), Reason.LOCKED, lock.until)
    return Answer(True, wording.UNLOCKED)


def _dependency(facts: Facts) -> Answer:
    alarm = facts.alarm
    if alarm is None or facts.spec is None or not facts.spec.scales or not alarm.depends_on:
        return Answer(True, wording.NO_DEPENDENCY)
    if facts.peers is None:
        return Answer(None, wording.PEERS_UNREAD)
    ringing = {group_of(name) for name in facts.peers}
    for service in alarm.depends_on:
        if service in ringing:
            return Answer(False, wording.dependency(service), Reason.DEPENDENCY)
    return Answer(True, wording.DEPENDENCIES_QUIET)


def _proposal(facts: Facts) -> Answer:
    if facts.proposal is None:
        return Answer(None, wording.UNREAD)
    if isinstance(facts.proposal, Refusal):
        return Answer(False, facts.proposal.why, facts.proposal.reason)
    if facts.changes and not facts.proposal.changes:
        return Answer(False, wording.EMPTY_PROPOSAL, Reason.INVALID)
    lease = facts.resource.lease if facts.resource else None
    if lease is not None and not {_knob(change) for change in lease.changes} <= {_knob(each) for each in facts.proposal.changes}:
        return Answer(False, wording.lent_otherwise(lease.run), Reason.LOCKED)
    return Answer(True, facts.proposal.why)


def _knob(change: Change) -> tuple[str, str]:
    return change.resource, change.knob


PROPOSAL = "proposal"
GUARDS: tuple[tuple[str, Guard], ...] = (
    ("alarm-state", _alarm_state),
    ("row", _row),
    ("policy", _policy),
    ("place", _place),
    ("suppressed", _suppressed),
    ("episode", _episode),
    ("settled", _settled),
    ("fresh", _stale),
    ("storm", _storm),
    ("kill-switch", _kill_switch),
    ("held", _held),
    ("mode", _mode),
    ("breaker", _breaker),
    ("cooldown", _cooldown),
    ("limits", _limits),
    ("lock", _lock),
    ("dependency", _dependency),
    (PROPOSAL, _proposal),
)
