"""What the hostile stories share: a world with a dead-letter queue, and what goes wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remediation_world import (
    API,
    API_RESOURCE,
    Killed,
    World,
    api_alarm,
)

from infra.local.seam import Call

RECEIVES = 5


def dead_letters(story: World) -> int:
    """Return how many records the queue gave up."""
    url = story.dead_url  # type: ignore[attr-defined]  # see the fixture
    found = story.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def after(story: World, operation: str, do: Callable[[], object]) -> None:
    """Do something right after the handlers' next call of ``operation``."""
    pending = [do]

    def saw(call: Call) -> None:
        if call.operation == operation and not call.internal and pending:
            pending.pop()()

    story.aws.seam.observe(saw)


def acted(story: World, alarm: Any = None) -> None:
    """Let the API's alarm ring and the floor be raised."""
    story.apply(alarm or api_alarm())
    story.ring(API)
    story.wait(60)
    assert story.floor() == 6


def delete_service(story: World, name: str = "image-api") -> None:
    story.aws.ecs.registry.clusters["image"].services.pop(name)


def die() -> None:
    """End the process right after the call that has just taken effect."""
    raise Killed


def floor(story: World) -> int:
    """Return the floor as it is, whatever answers AWS gives at the moment."""
    return story.aws.autoscaling.target(API_RESOURCE).minimum


def deregister(story: World, resource: str = API_RESOURCE) -> None:
    story.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="ecs", ResourceId=resource, ScalableDimension="ecs:service:DesiredCount"
    )
