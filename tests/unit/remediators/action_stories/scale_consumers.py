"""scale-consumers: more tasks for a queue, or more concurrency for the function that reads it."""

from __future__ import annotations

from dataclasses import replace

from hostile_world import deregister
from remediation_world import (
    ACCOUNT,
    CONSUMER_RESOURCE,
    REGION,
    SCALE_CONSUMERS,
    SCALE_FUNCTION,
    World,
    queue_alarm,
)

from action_stories import ActionStory, often
from action_stories.scale_service import CAREFUL, balanced, connected, growing

ROW = queue_alarm(often(replace(SCALE_CONSUMERS, parameters={**SCALE_CONSUMERS.parameters, **CAREFUL})))
ALONE = replace(queue_alarm(often(SCALE_CONSUMERS)), name=ROW.name + "-alone")


def quiet(told: World) -> None:
    connected(told)
    told.rates(sent=100, received=62, deleted=62)


def busy(told: World) -> None:
    """Let the consumers be scaled out by somebody, and the queue be measured right before the alarm rings."""
    growing("image-consumer")(told)
    told.rates(sent=100, received=62, deleted=62)


def mapping(told: World) -> None:
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:image-jobs"
    told.aws.mappings.preload(function="thumbnails", queue_arn=queue, maximum_concurrency=5)


def concurrency(told: World) -> int:
    (found,) = told.client("lambda").list_event_source_mappings(FunctionName="thumbnails")["EventSourceMappings"]
    return int(found["ScalingConfig"]["MaximumConcurrency"])


def floor(told: World) -> int:
    return told.floor(CONSUMER_RESOURCE)


STORIES = (
    ActionStory("tasks", ROW, floor, prepare=balanced("image-consumer"), again=quiet),
    ActionStory(
        "tasks without a target",
        ALONE,
        lambda told: told.desired("image-consumer"),
        prepare=lambda told: deregister(told, CONSUMER_RESOURCE),
        again=quiet,
    ),
    ActionStory("after what grows already", ALONE, floor, again=busy, rings_s=600),
    ActionStory("a function", queue_alarm(often(SCALE_FUNCTION)), concurrency, prepare=mapping, again=quiet),
)
