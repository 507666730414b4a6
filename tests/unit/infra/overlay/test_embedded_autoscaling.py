"""Application Auto Scaling: bounds that move the service, target tracking, schedules, and why nothing was scaled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded
from infra.local.clock import METERS

WHERE = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/image/image-api",
    "ScalableDimension": "ecs:service:DesiredCount",
}
CPU = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
DIMENSIONS = [{"Name": "ClusterName", "Value": "image"}, {"Name": "ServiceName", "Value": "image-api"}]


class Scaled:
    """A service of four tasks with a scalable target of two to ten."""

    def __init__(self, aws: Embedded) -> None:
        self._aws = aws
        self.ecs, self.scaling = aws.client("ecs"), aws.client("application-autoscaling")
        self.ecs.create_cluster(clusterName="image")
        self.ecs.register_task_definition(family="api", containerDefinitions=[{"name": "api", "image": "api:1"}])
        self.ecs.create_service(cluster="image", serviceName="image-api", taskDefinition="api", desiredCount=4)
        aws.ecs.settle("image", "image-api")
        self.register(MinCapacity=2, MaxCapacity=10)

    def register(self, **members: Any) -> None:
        self.scaling.register_scalable_target(**WHERE, **members)

    def track(self, target: float = 50, **members: Any) -> None:
        configuration = {"TargetValue": target, "PredefinedMetricSpecification": CPU, **members}
        self.scaling.put_scaling_policy(
            **WHERE, PolicyName="cpu", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=configuration
        )

    def cpu(self, value: float, minutes: int) -> int:
        """Publish CPU for so many minutes; returns the desired count afterwards."""
        cloudwatch, clock = self._aws.client("cloudwatch"), self._aws.clock

        def publish() -> None:
            moment = clock.now - timedelta(minutes=1)
            datum = {"MetricName": "CPUUtilization", "Dimensions": DIMENSIONS, "Timestamp": moment, "Value": value}
            cloudwatch.put_metric_data(Namespace="AWS/ECS", MetricData=[datum])

        recurring = clock.every(60, publish, order=METERS)
        clock.advance(60 * minutes)
        recurring.cancel()
        return self.desired()

    def desired(self) -> int:
        service = self.ecs.describe_services(cluster="image", services=["image-api"])["services"][0]
        return int(service["desiredCount"])

    def target(self) -> dict[str, Any]:
        return dict(self.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0])

    def activities(self, **members: Any) -> list[dict[str, Any]]:
        return list(self.scaling.describe_scaling_activities(ServiceNamespace="ecs", **members)["ScalingActivities"])


@pytest.fixture
def scaled(aws: Embedded) -> Scaled:
    return Scaled(aws)


def test_a_raised_floor_moves_the_service_at_once(aws: Embedded, scaled: Scaled) -> None:
    """What is not named stays; the activity ends when ECS runs it."""
    scaled.register(MinCapacity=6)
    assert scaled.desired() == 6
    assert (scaled.target()["MinCapacity"], scaled.target()["MaxCapacity"]) == (6, 10)
    assert scaled.activities()[0]["StatusCode"] == "InProgress"
    aws.clock.advance(40)
    activity = scaled.activities()[0]
    assert (activity["StatusCode"], activity["Description"]) == ("Successful", "Setting desired count to 6.")


def test_a_lowered_floor_leaves_the_service_where_it_is(scaled: Scaled) -> None:
    """Scaling in is the policies' business."""
    scaled.register(MinCapacity=6)
    scaled.register(MinCapacity=1)
    assert scaled.desired() == 6


def test_a_lowered_ceiling_pulls_the_service_down(scaled: Scaled) -> None:
    """Outside of the bounds is corrected in both directions."""
    scaled.register(MaxCapacity=3)
    assert scaled.desired() == 3


@pytest.mark.parametrize(
    "bounds", [{"MinCapacity": 11}, {"MaxCapacity": 1}, {"MinCapacity": -1}, {"MinCapacity": 5, "MaxCapacity": 4}]
)
def test_impossible_bounds_are_refused_and_change_nothing(scaled: Scaled, bounds: dict[str, int]) -> None:
    """Moto takes a floor above the ceiling."""
    before = scaled.target()
    with pytest.raises(ClientError, match="ValidationException"):
        scaled.register(**bounds)
    assert scaled.target() == before
    assert scaled.desired() == 4


def test_a_new_target_needs_both_bounds(scaled: Scaled) -> None:
    """Only an update may leave one out."""
    with pytest.raises(ClientError, match="required"):
        scaled.scaling.register_scalable_target(**{**WHERE, "ResourceId": "service/image/other"}, MinCapacity=1)


def test_a_service_that_is_not_there_cannot_be_a_target(scaled: Scaled) -> None:
    """A misspelt service would otherwise look scaled."""
    with pytest.raises(ClientError, match="ECS service doesn't exist: service/image/imgae-api"):
        scaled.scaling.register_scalable_target(
            **{**WHERE, "ResourceId": "service/image/imgae-api"}, MinCapacity=1, MaxCapacity=2
        )


def test_tracking_scales_out_after_three_hot_minutes_in_proportion(scaled: Scaled) -> None:
    """Four tasks at 80 % against 50 % are seven."""
    scaled.track()
    assert scaled.cpu(80, 2) == 4
    assert scaled.cpu(80, 1) == 7
    assert "triggered policy cpu" in scaled.activities()[0]["Cause"]


def test_the_cool_down_holds_a_smaller_wish_and_lets_a_larger_through(scaled: Scaled) -> None:
    """Capacity already added counts: at 62 % seven tasks would be nine, which is more than seven, so it comes."""
    scaled.track(ScaleOutCooldown=600)
    assert scaled.cpu(80, 3) == 7
    assert scaled.cpu(51, 1) == 8
    assert scaled.cpu(40, 3) == 8


def test_at_the_ceiling_it_says_why_nothing_is_scaled(scaled: Scaled) -> None:
    """AlreadyAtMaxCapacity, once, and only when asked for."""
    scaled.track()
    scaled.register(MinCapacity=2, MaxCapacity=4)
    assert scaled.cpu(95, 6) == 4
    assert scaled.activities() == []
    (activity,) = scaled.activities(IncludeNotScaledActivities=True)
    assert activity["NotScaledReasons"] == [{"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 4}]


def test_it_scales_in_slowly_and_not_below_the_floor(scaled: Scaled) -> None:
    """After a quarter of an hour below nine tenths of the target."""
    scaled.track()
    assert scaled.cpu(10, 14) == 4
    assert scaled.cpu(10, 1) == 2
    scaled.cpu(10, 20)
    assert scaled.activities(IncludeNotScaledActivities=True)[0]["NotScaledReasons"][0]["Code"] == "AlreadyAtMinCapacity"


@pytest.mark.parametrize(
    ("suspended", "hot", "cold"), [("DynamicScalingOutSuspended", 4, 2), ("DynamicScalingInSuspended", 10, 10)]
)
def test_a_suspended_direction_stands_still(scaled: Scaled, suspended: str, hot: int, cold: int) -> None:
    """Somebody froze it: the other direction goes on."""
    scaled.track()
    scaled.register(SuspendedState={suspended: True})
    assert scaled.cpu(99, 12) == hot
    assert scaled.cpu(5, 30) == cold
    assert scaled.target()["SuspendedState"][suspended] is True


def test_scale_in_is_off_while_a_deployment_runs(aws: Embedded, scaled: Scaled) -> None:
    """Scale-out is not."""
    scaled.track()
    aws.ecs.delays.start_s = 3600
    scaled.ecs.update_service(cluster="image", service="image-api", forceNewDeployment=True)
    assert scaled.cpu(5, 30) == 4
    assert scaled.cpu(80, 3) == 7


def test_any_published_metric_can_be_tracked(aws: Embedded, scaled: Scaled) -> None:
    """Backlog per task, say; a minute without data changes nothing."""
    metric = {"MetricName": "BacklogPerTask", "Namespace": "Platform", "Statistic": "Average", "Dimensions": DIMENSIONS}
    configuration = {"TargetValue": 100, "CustomizedMetricSpecification": metric}
    scaled.scaling.put_scaling_policy(
        **WHERE, PolicyName="backlog", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=configuration
    )
    cloudwatch = aws.client("cloudwatch")
    for _ in range(3):
        point = {"MetricName": "BacklogPerTask", "Dimensions": DIMENSIONS, "Timestamp": aws.clock.now, "Value": 200}
        cloudwatch.put_metric_data(Namespace="Platform", MetricData=[point])
        aws.clock.advance(120)
    assert scaled.desired() == 8


def test_a_scheduled_action_sets_the_bounds_at_its_time(aws: Embedded, scaled: Scaled) -> None:
    """The last day of the month at 22:30 in Seoul, again a month later; a bound that is not named stays."""
    scaled.scaling.put_scheduled_action(
        **WHERE,
        ScheduledActionName="month-end",
        Schedule="cron(30 22 L * ? *)",
        Timezone="Asia/Seoul",
        ScalableTargetAction={"MinCapacity": 8},
    )
    aws.clock.advance(1799)
    assert scaled.desired() == 4
    aws.clock.advance(1)
    assert scaled.desired() == 8
    assert (scaled.target()["MinCapacity"], scaled.target()["MaxCapacity"]) == (8, 10)
    assert "scheduled action name month-end" in scaled.activities()[0]["Cause"]
    scaled.register(MinCapacity=2)
    aws.clock.advance(31 * 86_400)
    assert scaled.target()["MinCapacity"] == 8


def test_suspended_schedules_and_deleted_ones_do_nothing(aws: Embedded, scaled: Scaled) -> None:
    """The action stays listed while suspended."""
    action = {"ScheduledActionName": "soon", "Schedule": "at(2026-10-31T13:10:00)", "ScalableTargetAction": {"MinCapacity": 8}}
    scaled.scaling.put_scheduled_action(**WHERE, **action)
    scaled.register(SuspendedState={"ScheduledScalingSuspended": True})
    aws.clock.advance(3600)
    assert scaled.desired() == 4
    scaled.register(SuspendedState={"ScheduledScalingSuspended": False})
    scaled.scaling.put_scheduled_action(**WHERE, **{**action, "Schedule": "at(2026-10-31T14:10:00)"})
    assert len(scaled.scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]) == 1
    scaled.scaling.delete_scheduled_action(**WHERE, ScheduledActionName="soon")
    aws.clock.advance(3600)
    assert scaled.desired() == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"Schedule": "at(garbage)"},
        {"Schedule": "at(2026-10-31T12:00:00)"},
        {"Timezone": "Nowhere"},
        {"ScalableTargetAction": {"MinCapacity": 9, "MaxCapacity": 3}},
    ],
)
def test_a_wrong_scheduled_action_is_refused(scaled: Scaled, changes: dict[str, Any]) -> None:
    """Before it can fire."""
    action = {"ScheduledActionName": "x", "Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 3}, **changes}
    with pytest.raises(ClientError, match="ValidationException"):
        scaled.scaling.put_scheduled_action(**WHERE, **action)


def test_unknown_things_are_object_not_found(scaled: Scaled) -> None:
    """Policies, schedules and targets that are not there."""
    for call, members in (
        (scaled.scaling.delete_scaling_policy, {"PolicyName": "none"}),
        (scaled.scaling.delete_scheduled_action, {"ScheduledActionName": "none"}),
    ):
        with pytest.raises(ClientError, match="ObjectNotFoundException"):
            call(**WHERE, **members)
    scaled.scaling.deregister_scalable_target(**WHERE)
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        scaled.track()
