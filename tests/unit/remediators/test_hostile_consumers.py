"""Consumers that are gone, stuck or bounded: more of them is no remedy, and the bounds hold."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_world import acted, after, dead_letters, deregister, die
from remediation_world import (
    ACCOUNT,
    API,
    API_RESOURCE,
    CONSUMER_RESOURCE,
    QUEUE_AGE,
    REGION,
    SCALE_FUNCTION,
    World,
    api_alarm,
    queue_alarm,
)


def mapping(story: World, **members: Any) -> str:
    """Return the UUID of a fresh mapping between the queue and the function."""
    uuid: str = story.aws.mappings.preload(
        function="thumbnails", queue_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:image-jobs", **members
    )
    return uuid


def test_a_mapping_that_is_deleted_is_reported_not_forgotten(story: World) -> None:
    uuid = mapping(story, maximum_concurrency=5)
    story.apply(queue_alarm(SCALE_FUNCTION))
    story.ring(QUEUE_AGE)
    story.wait(60)
    assert [value["MaximumConcurrency"] for _, value in story.changes()] == [19]
    story.recover(QUEUE_AGE)
    story.aws.mappings._mappings.pop(uuid)
    story.wait(2400)

    assert story.phases()[-1] == "drifted"
    assert dead_letters(story) == 0


@pytest.mark.parametrize(
    "trouble",
    [
        {"fault": ("sqs", "GetQueueAttributes", "AccessDenied")},
        {"fault": ("cloudwatch", "GetMetricData", "AccessDenied")},
        {"rates": None},
        {"desired": 0},
        {"deleted": 0},
    ],
)
def test_consumers_are_not_scaled_on_what_is_not_known_or_not_working(story: World, trouble: dict[str, Any]) -> None:
    story.apply(queue_alarm())
    story.pump()
    if "fault" in trouble:
        story.aws.seam.fail(*trouble["fault"], times=None)
    if "rates" in trouble:
        story.aws.clock.advance(3600)
    if "desired" in trouble:
        deregister(story, CONSUMER_RESOURCE)
        story.client("ecs").update_service(cluster="image", service="image-consumer", desiredCount=0)
        story.aws.ecs.settle("image", "image-consumer")
    if "deleted" in trouble:
        story.aws.clock.advance(900)
        story.rates(sent=100, received=90, deleted=0)
    story.ring(QUEUE_AGE)
    story.wait(60)

    assert story.changes() == []
    assert story.reports()[0].reason in ("unknown", "unsafe")


def lowered(story: World) -> None:
    story.target(API_RESOURCE, 4, 5)
    die()


def test_a_maximum_lowered_between_intent_and_change_is_not_passed(story: World) -> None:
    """Killed after the intent, then MaxCapacity goes from 20 to 5: the floor never goes above it."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    after(story, "TransactWriteItems", lambda: lowered(story))
    story.wait(600)

    assert story.floor() == 4
    assert story.phases()[0] == "failed"


def test_giving_the_floor_back_leaves_the_running_capacity_to_autoscaling(story: World) -> None:
    """Twelve tasks run by the time of the way back: only the floor moves, not one task is stopped by it."""
    acted(story)
    story.recover(API)
    story.client("ecs").update_service(cluster="image", service="image-api", desiredCount=12)
    story.aws.ecs.settle("image", "image-api")
    story.wait(2400)

    assert (story.floor(), story.desired()) == (4, 12)
