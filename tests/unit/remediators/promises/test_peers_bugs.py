"""Bugs that other engines have or had, each told on this one: what went wrong there does not go wrong here.

Where each was seen: Cloud Custodian (c7n), Robusta, Automated Security Response (ASR), a set-based kill on PostgreSQL, and the
edge-triggered reverts of several.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hostile_world import after, die
from people import OWNER, allow, answer, click, last
from remediation_world import API, API_RESOURCE, CHANGING, SCALE_API, World, api_alarm

from alarms.domain.alarm import Mode
from alarms.domain.bounds import Limit
from alarms.domain.command import CommandKind
from alarms.domain.report import Phase

OTHER = "tocsin/dev/billing/ecs/cpu-high/image-api"
DECIDES = re.compile(r"'run#|'episode#|'lock'|'in-flight'|'count#")  # what only one worker may write
ASKING = replace(SCALE_API, mode=Mode.APPROVE, approve_within_s=600)


def test_a_limit_of_nought_is_not_no_limit(story: World) -> None:
    """c7n: ``max-resources-percent: 0`` switches the check off, since 0 is falsy."""
    story.apply(api_alarm(replace(SCALE_API, limits=(Limit(0, 3600),))))
    story.ring(API)
    story.wait(120)

    assert (story.changes(), story.reasons()) == ([], ["invalid"])


def test_a_name_that_is_missing_does_not_skip_the_rate_limit(story: World) -> None:
    """Robusta: without the label that the limiter counts by, the limiter is skipped and the pod deleted anyway."""
    nameless = {name: value for name, value in SCALE_API.parameters.items() if name != "service"}
    story.apply(api_alarm(replace(SCALE_API, parameters=nameless), target={}))
    for _ in range(3):
        story.ring(API)
        story.wait(60)
        story.recover(API)
        story.wait(60)

    assert story.changes() == []
    assert set(story.reasons()) == {"invalid"}


def test_the_original_is_written_down_before_it_is_changed(story: World) -> None:
    """c7n resize: the undo tag is written after the change; a death in between loses the original for good."""
    story.apply(api_alarm())
    after(story, "RegisterScalableTarget", die)
    story.ring(API)
    story.wait(600, step=30)
    story.recover(API)
    story.wait(2400, step=60)

    assert [value for _, value in story.changes()] == [6, 4]


def test_a_second_change_does_not_overwrite_the_first_original(story: World) -> None:
    """c7n resize: a second, different change saves its own "original", and the first one is lost."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=60, verify_within_s=120)))
    story.ring(API)
    story.wait(300)
    story.recover(API)
    story.wait(120)
    story.ring(API)
    story.wait(120)
    assert [value for _, value in story.changes()] == [6, 9]
    story.recover(API)
    story.wait(2400, step=60)

    assert story.floor() == 4


def test_an_old_button_starts_nothing(story: World) -> None:
    """Robusta: its Slack path turns the check of age off, so that a button of last week still fires."""
    allow(story, OWNER)
    story.apply(api_alarm(ASKING))
    story.ring(API)
    story.wait(60)
    asked = last(story, Phase.ASKED)
    story.wait(700, step=20)
    click(story, CommandKind.APPROVE, asked.run, OWNER)
    story.wait(60)

    assert story.changes() == []
    assert "expired" in story.phases() or "escalated" in story.phases()


def test_a_button_pressed_twice_is_one_yes(story: World) -> None:
    allow(story, OWNER)
    story.apply(api_alarm(ASKING))
    story.ring(API)
    story.wait(60)
    run = answer(story)
    click(story, CommandKind.APPROVE, run, OWNER, nth=1)
    story.wait(60)

    assert [value for _, value in story.changes()] == [6]


def test_the_first_write_is_conditional_too(story: World) -> None:
    """ASR: later writes compare, the very first put does not: two cold starts both believe they were first."""
    story.apply(api_alarm())
    story.pump()
    story.calls.clear()
    story.ring(API)
    story.wait(60)

    writes = [call for call in story.calls if call.service == "dynamodb" and call.operation in ("PutItem", "UpdateItem")]
    claims = [call for call in writes if call.params["TableName"].endswith("-history")]
    assert claims
    assert all(call.params.get("ConditionExpression") for call in claims)
    parts = [part for call in story.calls if call.operation == "TransactWriteItems" for part in call.params["TransactItems"]]
    deciding = [item for part in parts for item in part.values() if DECIDES.search(str(item.get("Item", item.get("Key"))))]
    assert len(deciding) >= 3
    assert all(item.get("ConditionExpression") for item in deciding)


def test_the_desired_count_is_not_fought_over_with_its_owner(story: World) -> None:
    """c7n resize: UpdateService before the scalable target, which then clamps it back."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    assert {call.operation for call in story.calls if call.operation in CHANGING} == {"RegisterScalableTarget"}


def test_a_question_that_waits_counts_as_a_run_in_progress(story: World) -> None:
    """StackStorm: paused and pending runs do not count for concurrency, so a second one slips in while a person decides."""
    allow(story, OWNER)
    story.apply(api_alarm(ASKING))
    story.apply(api_alarm(name=OTHER, service="billing", row="billing/ecs/cpu-high"))
    story.ring(API)
    story.wait(60)
    story.ring(OTHER)
    story.wait(120)

    assert story.changes() == []
    assert "locked" in story.reasons()


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PROPOSE, Mode.APPROVE, Mode.AUTO])
def test_a_guard_holds_in_every_mode(story: World, mode: Mode) -> None:
    """c7n: ``max-resources`` is asked in poll mode only; an event-driven policy never asks it."""
    allow(story, OWNER)
    story.apply(api_alarm(replace(SCALE_API, mode=mode)))
    story.client("ecs").update_service(cluster="image", service="image-api", desiredCount=0)
    story.ring(API)
    story.wait(120)

    assert story.changes() == []
    assert "asked" not in story.phases()
    assert "proposed" not in story.phases()


def test_an_exception_does_not_erase_that_it_ran(story: World) -> None:
    """The record is removed when the work fails, so that the redelivery runs it again."""
    story.apply(api_alarm())
    story.aws.seam.fail("sqs", "SendMessage", "AccessDenied", times=2, when=lambda params: "acted" in str(params))
    story.ring(API)
    story.wait(900, step=30)

    assert [value for _, value in story.changes()] == [6]


def test_a_revert_needs_no_ok_event(story: World) -> None:
    """Reverts that hang on the OK: the message may never come."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.client("cloudwatch").delete_alarms(AlarmNames=[API])
    story.wait(6 * 3600 + 120, step=300)

    assert story.floor() == 4
    assert story.phases()[-1] == "reverted"


def test_a_run_that_died_does_not_hold_others_for_ever(story: World) -> None:
    """Keep: one execution stuck in progress starves all that come after it."""
    story.apply(api_alarm())
    story.apply(api_alarm(name=OTHER, service="billing", row="billing/ecs/cpu-high"))
    after(story, "RegisterScalableTarget", die)
    story.ring(API)
    story.pump()
    story.wait(1200, step=30)
    story.recover(API)
    story.wait(3600, step=60)
    story.scale_in()
    story.ring(OTHER)
    story.wait(120)

    assert [value for _, value in story.changes()] == [6, 4, 6]


def test_a_failed_change_still_gives_back_what_another_put_out(story: World) -> None:
    """Robusta: after an action that failed the next one goes on as if nothing had happened."""
    story.apply(api_alarm())
    story.aws.seam.fail(
        "application-autoscaling", "RegisterScalableTarget", "AccessDeniedException", when=lambda _: story.handling
    )
    story.ring(API)
    story.wait(120)

    assert story.changes() == []
    assert "failed" in story.phases()
    assert story.floor(API_RESOURCE) == 4
