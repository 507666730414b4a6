"""P10: whatever is not done has a named reason in words, in Slack and in the audit, with the row's version and the episode."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hostile_world import delete_service
from remediation_world import API, SCALE_API, World, api_alarm, policy

from alarms.domain.alarm import Mode
from alarms.domain.decision import Reason

NOES: dict[str, Callable[[World], object]] = {
    "paused": lambda told: told.switch(paused=True),
    "mode-observe": lambda told: told.switch(mode="observe"),
    "unknown": delete_service,
    "unsafe": lambda told: told.client("ecs").update_service(cluster="image", service="image-api", desiredCount=0),
    "yields": lambda told: told.client("ecs").update_service(cluster="image", service="image-api", forceNewDeployment=True),
}


@pytest.mark.parametrize("reason", NOES)
def test_a_no_is_told_with_its_name_and_in_two_languages(story: World, reason: str) -> None:
    story.apply(api_alarm())
    story.pump()
    NOES[reason](story)
    story.calls.clear()
    story.ring(API)
    story.wait(20)
    story.wait(5)

    assert story.changes() == []
    assert reason in story.reasons()
    said = [entry for entry in story.audit if entry["type"] == "decision"][-1]
    assert said["why"]["en"]
    assert said["why"]["ko"]
    assert said["row_digest"] == api_alarm().digest
    assert said["episode"]
    assert [guard for guard in said["guards"] if guard["passed"] is not True], "the guard that said no stands in the audit"


def test_a_ceiling_that_is_reached_is_named(story: World) -> None:
    story.apply(api_alarm(policy("scale-service", {**SCALE_API.parameters, "max_tasks": 4})))
    story.ring(API)
    story.wait(60)

    (report,) = [one for one in story.reports() if one.reason == "at-ceiling"]
    assert "max_tasks 4" in report.why.en
    assert report.row_digest
    assert report.episode.id


def test_a_proposal_is_told_with_what_it_would_change(story: World) -> None:
    story.apply(api_alarm(policy("scale-service", SCALE_API.parameters, mode=Mode.PROPOSE)))
    story.ring(API)
    story.wait(60)

    (report,) = story.reports()
    assert report.phase.value == "proposed"
    assert [(one.before, one.after) for one in report.changes] == [(4, 6)]
    assert story.changes() == []


def test_every_reason_has_a_name_that_people_can_search_for() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason)
    assert all(reason.value == reason.value.lower() and " " not in reason.value for reason in Reason)
