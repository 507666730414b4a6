"""Decisions: every guard can say no by name, unknown is never a pass, and limits hold together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remediation_world import SCALE_API, api_alarm

from alarms.domain.alarm import Mode
from alarms.domain.bounds import Breaker, Limit, Scope
from alarms.domain.decision import Ask, Change, Proposal, Reason, Run, Skip
from alarms.domain.event import State
from alarms.domain.text import Text
from remediators.action import Refusal
from remediators.decide import GUARDS, decide, precedence, wants_proposal
from remediators.facts import Facts, LiveAlarm
from remediators.records import Claimed, Ring, policy_id
from remediators.registry import registry
from remediators.standing import BreakerState, Counter, Hold, Lease, Lock, ResourceState, Standing
from remediators.switch import Hold as SwitchHold
from remediators.switch import Switch

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
ALARM = api_alarm()
POLICY = policy_id(ALARM, "scale-service")
PROPOSAL = Proposal("scale-service", "ecs:service/a/b", (Change("ecs:service/a/b", "MinCapacity", 2, 4),), Text("why", "이유"))


def ran(*minutes_ago: int) -> ResourceState:
    """Return a resource on which the policy ran so many minutes ago."""
    return ResourceState(counters={POLICY: Counter(tuple(NOW - timedelta(minutes=minute) for minute in minutes_ago), 1)})


def ringing(*services: str, minutes_ago: int = 5) -> dict[str, LiveAlarm]:
    """Return an alarm of each of ``services`` that began to ring so long ago, beside the own one."""
    names = [f"tocsin/dev/{service}/ecs/cpu-high/x" for service in services]
    return {name: LiveAlarm(State.ALARM, NOW - timedelta(minutes=minutes_ago)) for name in [*names, ALARM.name]}


def wider(scope: Scope, runs: int) -> Standing:
    """Return surroundings in which so many runs counted in ``scope`` within the last hour."""
    return Standing(wider={scope: Counter(tuple(NOW - timedelta(minutes=50 - index % 40) for index in range(runs)), 1)})


def switch(*, paused: bool = False, mode: Mode = Mode.AUTO) -> Switch:
    """Return a switch with one entry, for everything."""
    return Switch(SwitchHold(paused, mode, "drill"))


GOOD = Facts(
    now=NOW,
    ring=Ring("key", "key", "name", NOW - timedelta(seconds=30)),
    alarm=ALARM,
    policy=SCALE_API,
    spec=registry().get("scale-service").spec,
    claimed=Claimed.NEW,
    covered_by="",
    live=LiveAlarm(State.ALARM, NOW - timedelta(seconds=30)),
    switch=switch(),
    peers={},
    resource=ResourceState(),
    standing=Standing(),
    proposal=PROPOSAL,
)
GOOD_SPEC = replace(registry().get("scale-service").spec, scales=True)
GOOD = replace(GOOD, spec=GOOD_SPEC)
ESCALATION = replace(GOOD, policy=replace(SCALE_API, action="escalate"), spec=registry().get("escalate").spec)


def test_when_nothing_speaks_against_it_it_runs_and_every_guard_has_answered() -> None:
    decision = decide(GOOD)

    assert isinstance(decision, Run)
    assert [answer.passed for answer in decision.answers] == [True] * len(GUARDS)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"ring": replace(GOOD.ring, state=State.OK)}, Reason.NOT_AN_ALARM_STATE),
        ({"alarm": None}, Reason.NO_ROW),
        ({"row_unread": True}, Reason.UNKNOWN),
        ({"policy": None}, Reason.NO_POLICY),
        ({"problem": "max_tasks is not a count"}, Reason.INVALID),
        ({"home": "123456789012/us-east-1"}, Reason.ELSEWHERE),
        ({"spec": None}, Reason.INVALID),
        ({"policy": replace(SCALE_API, limits=())}, Reason.INVALID),
        ({"policy": replace(SCALE_API, limits=(Limit(0, 3600),))}, Reason.INVALID),
        ({"policy": replace(SCALE_API, revert=None)}, Reason.INVALID),
        ({"ring": replace(GOOD.ring, muted=True)}, Reason.SUPPRESSED),
        ({"live": LiveAlarm(State.ALARM, None, suppressed_by="Alarm")}, Reason.SUPPRESSED),
        ({"live": LiveAlarm(State.ALARM, None, actions_enabled=False)}, Reason.SUPPRESSED),
        ({"claimed": Claimed.SAME}, Reason.DUPLICATE),
        ({"claimed": Claimed.OLDER}, Reason.DUPLICATE),
        ({"claimed": None}, Reason.UNKNOWN),
        ({"covered_by": "run-1"}, Reason.COVERED),
        ({"covered_by": None}, Reason.UNKNOWN),
        ({"live": LiveAlarm(State.OK, NOW)}, Reason.STALE),
        ({"live": LiveAlarm(State.INSUFFICIENT_DATA, NOW)}, Reason.STALE),
        ({"live": LiveAlarm(State.ALARM, NOW)}, Reason.STALE),
        ({"live": LiveAlarm(State.ALARM, None, evaluation="PARTIAL_DATA")}, Reason.STALE),
        ({"live": None, "alarm_gone": True}, Reason.STALE),
        ({"live": None}, Reason.UNKNOWN),
        ({"switch": switch(paused=True)}, Reason.PAUSED),
        ({"switch": None}, Reason.UNKNOWN),
        ({"switch": switch(mode=Mode.OBSERVE)}, Reason.MODE_OBSERVE),
        ({"resource": ran(5)}, Reason.COOLDOWN),
        ({"resource": ran(50, 40, 30)}, Reason.LIMIT),
        ({"resource": None}, Reason.UNKNOWN),
        ({"resource": ResourceState(lock=Lock("other", NOW + timedelta(minutes=1), 3))}, Reason.LOCKED),
        ({"peers": None}, Reason.UNKNOWN),
        ({"standing": None}, Reason.UNKNOWN),
        ({"peers": ringing("pay", "search", "mail", "auth")}, Reason.STORM),
        ({"standing": Standing(storm_until=NOW + timedelta(minutes=1))}, Reason.STORM),
        ({"standing": Standing(hold=Hold("U0MIN", NOW + timedelta(minutes=1)))}, Reason.HELD),
        ({"standing": Standing(breaker=BreakerState((NOW,), NOW + timedelta(hours=1), 2))}, Reason.BREAKER_OPEN),
        ({"standing": wider(Scope.POLICY, 10)}, Reason.LIMIT),
        ({"standing": wider(Scope.SERVICE, 10)}, Reason.LIMIT),
        ({"standing": wider(Scope.ACCOUNT, 30)}, Reason.LIMIT),
        ({"standing": wider(Scope.ALL, 60)}, Reason.LIMIT),
        ({"alarm": replace(ALARM, depends_on=("image-db",)), "peers": ringing("image-db")}, Reason.DEPENDENCY),
        ({"resource": ResourceState(lease=Lease("other", (Change("ecs:service/a/b", "desiredCount", 1, 2),), 1))}, Reason.LOCKED),
        ({"proposal": None}, Reason.UNKNOWN),
        ({"proposal": Refusal(Reason.AT_CEILING, Text("full", "가득"))}, Reason.AT_CEILING),
        ({"proposal": replace(PROPOSAL, changes=())}, Reason.INVALID),
    ],
)
def test_every_no_has_its_name_and_its_words(facts: dict[str, Any], reason: Reason) -> None:
    decision = decide(replace(GOOD, **facts))

    assert isinstance(decision, Skip)
    assert decision.reason is reason
    assert decision.why.en
    assert decision.why.ko


def test_a_services_own_surge_is_no_storm_and_what_rings_for_long_is_known() -> None:
    """P6: peers are alarms of other services, and only those that began to ring of late."""
    own = {f"tocsin/dev/image-processing/ecs/row-{index}/x": LiveAlarm(State.ALARM, NOW) for index in range(30)}
    old = ringing("pay", "search", "mail", "auth", minutes_ago=90)

    assert isinstance(decide(replace(GOOD, peers={**own, **old})), Run)


def test_a_dependency_holds_back_only_what_loads_it() -> None:
    rings = replace(GOOD, alarm=replace(ALARM, depends_on=("image-db",)), peers=ringing("image-db"))

    assert isinstance(decide(replace(rings, spec=replace(GOOD_SPEC, scales=False))), Run)
    assert isinstance(decide(replace(rings, peers=ringing("mail"))), Run)


def test_a_breaker_lets_one_trial_through_and_a_release_by_people_resets_it() -> None:
    """P7: half-open by time, reset by a person who released the policy after its last failure."""
    tried = replace(GOOD, standing=Standing(breaker=BreakerState((NOW - timedelta(days=2),), NOW - timedelta(days=1), 2)))
    closed = replace(GOOD, standing=Standing(breaker=BreakerState((NOW - timedelta(hours=2),), NOW + timedelta(hours=9), 2)))
    released = Switch(SwitchHold(paused=False, mode=Mode.AUTO, released_at=NOW - timedelta(hours=1)))

    assert isinstance(decide(tried), Run)
    assert isinstance(decide(replace(closed, switch=released)), Run)
    assert isinstance(decide(closed), Skip)


def test_a_failed_trial_opens_the_breaker_again_by_itself() -> None:
    bounds = Breaker(no_help=2, within_s=3600, open_for_s=7200)
    once = BreakerState().failed(NOW, bounds)
    twice = once.failed(NOW + timedelta(minutes=5), bounds)
    trial = twice.failed(NOW + timedelta(hours=3), bounds)

    assert [state.is_open(NOW + timedelta(minutes=6)) for state in (once, twice)] == [False, True]
    assert not twice.is_open(NOW + timedelta(hours=2, minutes=6))
    assert trial.is_open(NOW + timedelta(hours=4))


@pytest.mark.parametrize(
    ("mode", "approval", "verdict"),
    [
        (Mode.AUTO, False, "run"),
        (Mode.AUTO, True, "answerable"),
        (Mode.APPROVE, False, "answerable"),
        (Mode.PROPOSE, False, "told"),
    ],
)
def test_modes_are_earned_one_by_one(mode: Mode, approval: bool, verdict: str) -> None:
    decision = decide(replace(GOOD, switch=switch(mode=mode), proposal=replace(PROPOSAL, approval=approval)))

    assert isinstance(decision, Run) is (verdict == "run")
    assert isinstance(decision, Ask) is (verdict != "run")
    assert getattr(decision, "answerable", False) is (verdict == "answerable")


def test_a_lock_that_has_expired_holds_nobody() -> None:
    free = ResourceState(lock=Lock("other", NOW - timedelta(seconds=1), 3))

    assert isinstance(decide(replace(GOOD, resource=free)), Run)


def test_mode_propose_asks_and_mode_observe_says_what_it_would_have_done() -> None:
    asks, observes = (
        decide(replace(GOOD, switch=switch(mode=Mode.PROPOSE))),
        decide(replace(GOOD, switch=switch(mode=Mode.OBSERVE))),
    )

    assert isinstance(asks, Ask)
    assert isinstance(observes, Skip)
    assert observes.proposal == PROPOSAL


def test_what_changes_nothing_is_never_held_back() -> None:
    """Telling people fails open: no switch, mode, limit, lock or other run stops an escalation."""
    silent = replace(
        ESCALATION, switch=None, resource=None, covered_by="run-1", proposal=replace(PROPOSAL, changes=(), action="escalate")
    )

    assert isinstance(decide(silent), Run)


def test_a_contributor_rings_inside_an_alarm_that_transitioned_later() -> None:
    """The alarm's own transition says nothing about one of its series."""
    series = replace(GOOD, ring=replace(GOOD.ring, contributor="0123"), live=LiveAlarm(State.ALARM, NOW))

    assert isinstance(decide(series), Run)


def test_limits_and_cooldown_say_when_it_may_run_again() -> None:
    cooling, limited = decide(replace(GOOD, resource=ran(5))), decide(replace(GOOD, resource=ran(50, 40, 30)))

    assert isinstance(cooling, Skip)
    assert cooling.next_eligible_at == NOW + timedelta(minutes=5)
    assert isinstance(limited, Skip)
    assert limited.next_eligible_at == NOW + timedelta(minutes=10)


UNKNOWN = {
    "claimed": st.sampled_from([Claimed.NEW, Claimed.SAME, None]),
    "covered_by": st.sampled_from(["", "run-1", None]),
    "live": st.sampled_from(
        [GOOD.live, LiveAlarm(State.OK, NOW), LiveAlarm(State.ALARM, NOW, evaluation="EVALUATION_ERROR"), None]
    ),
    "switch": st.sampled_from([switch(), switch(paused=True), switch(mode=Mode.OBSERVE), switch(mode=Mode.PROPOSE), None]),
    "resource": st.sampled_from([ResourceState(), ran(5), ran(50, 40, 30), None]),
    "proposal": st.sampled_from([PROPOSAL, Refusal(Reason.UNSAFE, Text("no", "안 됨")), None]),
}


@settings(deadline=None, max_examples=300)
@given(st.fixed_dictionaries(UNKNOWN))
def test_it_runs_only_when_every_guard_says_yes(facts: dict[str, Any]) -> None:
    """P11: whatever is unknown or false anywhere, it does not run; and the first that failed gives the reason."""
    decision = decide(replace(GOOD, **facts))
    all_pass = all(answer.passed is True for answer in decision.answers)

    assert isinstance(decision, Skip) is not all_pass
    assert len(decision.answers) == len(GUARDS)
    if isinstance(decision, Run):
        assert facts["switch"] == switch()


@settings(deadline=None, max_examples=200)
@given(st.fixed_dictionaries(UNKNOWN))
def test_the_action_is_asked_only_when_its_answer_can_matter(facts: dict[str, Any]) -> None:
    known = replace(GOOD, **facts)
    decision = decide(known)
    if not wants_proposal(known):
        assert isinstance(decision, Skip)
        assert decision.answers[-1].passed is None


@settings(deadline=None, max_examples=100)
@given(
    runs=st.lists(st.integers(0, 3000), max_size=15),
    limit=st.builds(Limit, st.integers(1, 5), st.sampled_from([600, 3600, 86400])),
)
def test_no_window_ever_holds_more_runs_than_its_limit(runs: list[int], limit: Limit) -> None:
    """P4: if it runs now, the window that ends now still holds at most ``count`` runs."""
    facts = replace(
        GOOD,
        policy=replace(SCALE_API, limits=(limit,), cooldown_s=0),
        resource=ran(*sorted(runs, reverse=True)),
    )
    inside = sum(minute * 60 < limit.window_s for minute in runs)

    assert isinstance(decide(facts), Run) == (inside + 1 <= limit.count)


def test_the_one_plan_goes_by_declared_precedence() -> None:
    order = ["escalate", "scale-service", "something-new", "scale-consumers", "roll-back-deployment", "diagnose"]

    assert sorted(order, key=precedence) == [
        "diagnose",
        "roll-back-deployment",
        "scale-consumers",
        "scale-service",
        "something-new",
        "escalate",
    ]
