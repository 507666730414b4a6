"""What the scaling actions propose, refuse and give back, from what they see alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remediation_world import SCALE_API, SCALE_CONSUMERS, SCALE_FUNCTION, api_alarm, queue_alarm

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.text import Text
from remediators.action import Purpose, Refusal, Situation
from remediators.actions.scale_consumers import Consumers, ScaleConsumers
from remediators.actions.scale_service import ScaleService
from remediators.ecs.ecs_tasks import Activity, Target, Tasks
from remediators.queues.backlog import Backlog
from remediators.queues.lambda_mapping import Mapped

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
API_TASKS = Tasks("image", "image-api", desired=4, running=4, pending=0, deploying=False, target=Target(4, 20))
CONSUMERS = replace(API_TASKS, service="image-consumer", desired=3, running=3, target=Target(3, 40))
BACKLOG = Backlog("image-jobs", "arn", visible=1240, in_flight=0, sent=100.0, received=62.0, deleted=62.0)
MAPPED = Mapped("thumbnails", "u-1", "Enabled", concurrency=5, reserved=None, provisioned=False)
API = Situation(api_alarm(), SCALE_API, 91.0, NOW)
QUEUE = Situation(queue_alarm(), SCALE_CONSUMERS, 700.0, NOW)
FUNCTION = Situation(queue_alarm(SCALE_FUNCTION), SCALE_FUNCTION, 700.0, NOW)
COMING = Activity(6, under_way=True, failed=False, cause="monitor alarm TargetTracking", started_at=NOW)


def proposed(answer: Proposal | Refusal) -> Change:
    """Return the one change proposed."""
    assert isinstance(answer, Proposal), answer
    (change,) = answer.changes
    return change


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"deploying": True}, Reason.YIELDS),
        ({"activities": (COMING,), "tracking": ("cpu50",)}, Reason.YIELDS),
        ({"desired": 6, "running": 4, "pending": 2, "activities": (replace(COMING, under_way=False),)}, Reason.YIELDS),
        ({"target": Target(4, 20, frozen=True)}, Reason.UNSAFE),
        ({"running": 2}, Reason.UNSAFE),
        ({"running": 3, "pending": 1, "failed": 5}, Reason.UNSAFE),
        ({"running": 0, "pending": 4}, Reason.UNSAFE),
        ({"desired": 0, "running": 0}, Reason.UNSAFE),
        ({"target": Target(4, 4)}, Reason.AT_CEILING),
        ({"desired": 20, "running": 20}, Reason.AT_CEILING),
        ({"target": Target(8, 20)}, Reason.NOTHING_TO_DO),
    ],
)
def test_a_service_is_not_scaled_when_it_would_not_help_or_somebody_is_at_it(seen: dict[str, Any], reason: Reason) -> None:
    answer = ScaleService().propose(replace(API_TASKS, **seen), API)

    assert isinstance(answer, Refusal)
    assert answer.reason is reason


@pytest.mark.parametrize(
    "seen",
    [
        {"running": 3, "pending": 1},  # the last task is on its way, and none has died
        {"activities": (replace(COMING, sets=4),)},  # what target tracking asked for runs already, and it still rings
        {"activities": (replace(COMING, failed=True),)},
    ],
)
def test_what_is_already_there_is_no_reason_to_wait(seen: dict[str, Any]) -> None:
    assert proposed(ScaleService().propose(replace(API_TASKS, **seen), API)).after == 6


def test_only_the_floor_is_touched_and_never_above_the_maximum() -> None:
    assert proposed(ScaleService().propose(API_TASKS, API)) == Change("ecs:service/image/image-api", "MinCapacity", 4, 6)
    assert proposed(ScaleService().propose(replace(API_TASKS, target=Target(4, 5)), API)).after == 5
    assert proposed(ScaleService().propose(replace(API_TASKS, target=None), API)).knob == "desiredCount"


counts = st.integers(0, 60)


@settings(deadline=None, max_examples=300)
@given(
    desired=counts,
    running=counts,
    floor=counts,
    maximum=counts,
    ceiling=st.integers(1, 60),
    step=st.floats(1, 400),
    targeted=st.booleans(),
)
def test_a_service_never_gets_fewer_tasks_nor_more_than_its_ceiling(
    desired: int, running: int, floor: int, maximum: int, ceiling: int, step: float, targeted: bool
) -> None:
    target = Target(min(floor, maximum), maximum) if targeted else None
    tasks = replace(API_TASKS, desired=desired, running=running, target=target)
    policy = replace(SCALE_API, parameters={**SCALE_API.parameters, "max_tasks": ceiling, "step": step})
    answer = ScaleService().propose(tasks, replace(API, policy=policy))
    if isinstance(answer, Proposal):
        change = proposed(answer)
        assert isinstance(change.after, int)
        assert max(desired, change.before or 0) < change.after <= ceiling
        assert target is None or change.after <= target.maximum


def test_the_backlog_decides_how_many_and_the_words_carry_the_figures() -> None:
    answer = ScaleConsumers().propose(Consumers(BACKLOG, CONSUMERS), QUEUE)

    assert proposed(answer).after == 11
    assert isinstance(answer, Proposal)
    assert answer.why.en == "Backlog 1,240, 100/min arrive, 3 tasks drain 62/min; 11 tasks empty it in 10 min."


def test_a_stated_message_time_replaces_the_estimate() -> None:
    """3 s a message is 20 a minute and task: (124 + 100) / 20, rounded up."""
    policy = replace(SCALE_CONSUMERS, parameters={**SCALE_CONSUMERS.parameters, "message_time": 3})

    assert proposed(ScaleConsumers().propose(Consumers(BACKLOG, CONSUMERS), replace(QUEUE, policy=policy))).after == 12


def test_the_ceiling_is_kept_and_said() -> None:
    flood = replace(BACKLOG, visible=100_000)
    answer = ScaleConsumers().propose(Consumers(flood, CONSUMERS), QUEUE)

    assert proposed(answer).after == 40
    assert isinstance(answer, Proposal)
    assert "40 are allowed" in answer.why.en


@pytest.mark.parametrize(
    ("queue", "consumer", "reason"),
    [
        ({"deleted": 0.0}, {}, Reason.UNSAFE),  # received, none finished: poison, or the consumer's own fault
        ({"deleted": 0.0, "received": 0.0}, {}, Reason.UNSAFE),
        ({"deleted": None, "received": None}, {}, Reason.UNKNOWN),
        ({}, {"running": 0}, Reason.UNSAFE),
        ({}, {"running": 1}, Reason.UNSAFE),
        ({}, {"deploying": True}, Reason.YIELDS),
        ({"visible": 10, "sent": 10.0}, {}, Reason.NOTHING_TO_DO),
    ],
)
def test_consumers_that_fail_get_no_company(queue: dict[str, Any], consumer: dict[str, Any], reason: Reason) -> None:
    answer = ScaleConsumers().propose(Consumers(replace(BACKLOG, **queue), replace(CONSUMERS, **consumer)), QUEUE)

    assert isinstance(answer, Refusal)
    assert answer.reason is reason


@settings(deadline=None, max_examples=300)
@given(
    visible=st.integers(0, 500_000),
    more=st.integers(0, 100_000),
    sent=st.floats(0, 5000),
    deleted=st.floats(0.5, 5000),
    running=st.integers(1, 40),
    ceiling=st.integers(1, 60),
)
def test_sizing_is_bounded_and_grows_with_the_backlog(
    visible: int, more: int, sent: float, deleted: float, running: int, ceiling: int
) -> None:
    """Never above the ceiling, never below what is there, and a longer queue never means fewer consumers."""
    policy = replace(SCALE_CONSUMERS, parameters={**SCALE_CONSUMERS.parameters, "max_tasks": ceiling})
    tasks = replace(CONSUMERS, desired=running, running=running, target=Target(running, 50))

    def wanted(messages: int) -> int:
        queue = replace(BACKLOG, visible=messages, sent=sent, deleted=deleted, received=deleted)
        answer = ScaleConsumers().propose(Consumers(queue, tasks), replace(QUEUE, policy=policy))
        return int(proposed(answer).after or 0) if isinstance(answer, Proposal) else running

    assert running <= wanted(visible) <= max(running, min(ceiling, 50))
    assert wanted(visible) <= wanted(visible + more)


@pytest.mark.parametrize(
    ("mapped", "reason"),
    [
        ({"state": "Disabled"}, Reason.UNSAFE),
        ({"state": "Updating"}, Reason.YIELDS),
        ({"provisioned": True}, Reason.UNSAFE),
        ({"concurrency": None}, Reason.NOTHING_TO_DO),
        ({"concurrency": 100}, Reason.AT_CEILING),
        ({"reserved": 5}, Reason.AT_CEILING),
    ],
)
def test_a_mapping_is_not_raised_when_it_would_not_help(mapped: dict[str, Any], reason: Reason) -> None:
    answer = ScaleConsumers().propose(Consumers(BACKLOG, replace(MAPPED, **mapped)), FUNCTION)

    assert isinstance(answer, Refusal)
    assert answer.reason is reason


def test_a_mapping_never_exceeds_what_the_function_has_reserved() -> None:
    """Beyond the reservation invocations are throttled, receives burnt, and good messages end as dead letters."""
    assert proposed(ScaleConsumers().propose(Consumers(BACKLOG, MAPPED), FUNCTION)).after == 19
    assert proposed(ScaleConsumers().propose(Consumers(BACKLOG, replace(MAPPED, reserved=12)), FUNCTION)).after == 12


# --- the way back -----------------------------------------------------------------------------------------------------

LENT = Proposal("scale-service", API_TASKS.resource, (Change(API_TASKS.resource, "MinCapacity", 4, 9),), Text("", ""))
BACK = replace(API, purpose=Purpose.REVERT, acted_at=NOW - timedelta(hours=1))


def test_the_floor_goes_back_only_while_it_is_ours() -> None:
    ours = ScaleService().restore(replace(API_TASKS, target=Target(9, 20)), LENT, BACK)
    others = ScaleService().restore(replace(API_TASKS, target=Target(12, 20)), LENT, BACK)
    gone = ScaleService().restore(replace(API_TASKS, target=None), LENT, BACK)
    back = ScaleService().restore(replace(API_TASKS, target=Target(4, 20)), LENT, BACK)

    assert proposed(ours) == Change(API_TASKS.resource, "MinCapacity", 9, 4)
    assert [answer.reason for answer in (others, gone, back) if isinstance(answer, Refusal)] == [
        Reason.DRIFTED,
        Reason.DRIFTED,
        Reason.NOTHING_TO_DO,
    ]


def test_a_floor_that_a_schedule_has_set_since_belongs_to_the_schedule() -> None:
    """Same number, other owner: giving it back would undo the month-end schedule."""
    fired = Activity(9, under_way=False, failed=False, cause="scheduled action name month-end was triggered", started_at=NOW)
    tasks = replace(API_TASKS, target=Target(9, 20), activities=(fired,))
    before_ours = replace(fired, started_at=NOW - timedelta(hours=2))

    kept = ScaleService().restore(tasks, LENT, BACK)
    assert isinstance(kept, Refusal)
    assert kept.reason is Reason.NOTHING_TO_DO
    assert "month-end" in kept.why.en
    assert isinstance(ScaleService().restore(replace(tasks, activities=(before_ours,)), LENT, BACK), Proposal)
