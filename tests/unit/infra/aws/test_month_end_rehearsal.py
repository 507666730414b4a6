"""The template's month-end schedules in the embedded Application Auto Scaling: tasks stand ready before the rise, and go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from remediation_world import world

UP = datetime(2026, 11, 27, 13, 0, tzinfo=UTC)  # 22:00 in Seoul, two hours before the 28th
DOWN = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)  # midnight there


def test_tasks_stand_ready_before_the_rise_and_traffic_alone_decides_after_it(templates: Mapping[str, Any]) -> None:
    found = templates["services"]["Resources"].values()
    targets = [item["Properties"] for item in found if item["Type"] == "AWS::ApplicationAutoScaling::ScalableTarget"]
    (target,) = [item for item in targets if item["ResourceId"] == "service/image/image-api"]
    which = {name: target[name] for name in ("ServiceNamespace", "ScalableDimension", "ResourceId")}
    with world() as story:
        scaling, ecs = story.client("application-autoscaling"), story.client("ecs")
        story.aws.clock.advance((UP - story.now).total_seconds() - 3600)
        scaling.register_scalable_target(**which, MinCapacity=target["MinCapacity"], MaxCapacity=target["MaxCapacity"])
        for action in target["ScheduledActions"]:
            scaling.put_scheduled_action(**which, **action)

        def bounds_and_desired() -> tuple[int, int, int]:
            (bounds,) = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[target["ResourceId"]])[
                "ScalableTargets"
            ]
            (service,) = ecs.describe_services(cluster="image", services=["image-api"])["services"]
            return bounds["MinCapacity"], bounds["MaxCapacity"], service["desiredCount"]

        story.aws.clock.advance((UP - story.now).total_seconds() - 60)
        before = bounds_and_desired()
        story.aws.clock.advance(120)
        ahead = bounds_and_desired()
        story.aws.clock.advance((DOWN - story.now).total_seconds() - 60)
        still = bounds_and_desired()
        story.aws.clock.advance(120)
        after = bounds_and_desired()

    assert before[:2] == (3, 20)
    assert ahead == still == (8, 20, 8)
    assert after == (3, 20, 8)  # a lower floor stops no task; target tracking does, when nobody needs it
