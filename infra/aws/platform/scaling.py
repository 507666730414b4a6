"""How many tasks: target tracking on load, a floor at the month's end, and bounds that remediation can rely on."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_applicationautoscaling as scaling
from constructs import Construct

from infra.aws.platform.ceilings import CLUSTER
from infra.aws.platform.month_end import ScheduledAction
from infra.aws.platform.service_settings import Api, Consumer

OUT_S, IN_S = 60, 300  # tasks come fast and go slowly: what was scaled in too early is missed at once
P = scaling.CfnScalingPolicy


class Bounds(Construct):
    """The scalable target of one service (``target``), with the scheduled actions of the month's end."""

    def __init__(
        self, scope: Construct, ident: str, *, service: str, least: int, most: int, scheduled: Sequence[ScheduledAction]
    ) -> None:
        super().__init__(scope, ident)
        target = scaling.CfnScalableTarget
        self.target = target(
            self,
            "Target",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{CLUSTER}/{service}",
            min_capacity=least,
            max_capacity=most,
            scheduled_actions=[
                target.ScheduledActionProperty(
                    scheduled_action_name=action.name,
                    schedule=action.schedule,
                    timezone=action.zone,
                    # MaxCapacity is not named, so that it stays: a floor of tasks takes no ceiling away.
                    scalable_target_action=target.ScalableTargetActionProperty(min_capacity=action.least),
                )
                for action in scheduled
            ],
        )

    def track(self, name: str, target_value: float, metric: dict[str, object]) -> None:
        """Follow one metric; with several policies the one that wants most tasks wins."""
        P(
            self,
            name,
            policy_name=name,
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=P.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=target_value, scale_out_cooldown=OUT_S, scale_in_cooldown=IN_S, **metric
            ),
        )


def follow_load(bounds: Bounds, api: Api) -> None:
    """Let the API's tasks follow their CPU.

    Not requests per target beside it: that metric belongs to one target group, and blue and green change places with every
    deployment, so that the policy would be blind after each second one.
    """
    cpu = P.PredefinedMetricSpecificationProperty(predefined_metric_type="ECSServiceAverageCPUUtilization")
    bounds.track("cpu", api.cpu_target, {"predefined_metric_specification": cpu})


def follow_backlog(bounds: Bounds, consumer: Consumer, *, service: str, queue: str) -> None:
    """Let the consumers follow how many messages wait for each running task.

    The number of messages alone is no target: it says nothing of how many tasks work on them. Running tasks come from Container
    Insights; without tasks the point is dropped, and nothing is scaled. A queue that reports nothing counts as empty.
    [Amazon EC2 Auto Scaling user guide, scaling based on Amazon SQS; CloudWatch user guide, metric math]
    """
    waiting = _stat("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue})
    running = _stat("ECS/ContainerInsights", "RunningTaskCount", {"ClusterName": CLUSTER, "ServiceName": service})
    query = P.TargetTrackingMetricDataQueryProperty
    metric = P.CustomizedMetricSpecificationProperty(
        metrics=[
            query(id="waiting", metric_stat=waiting, return_data=False),
            query(id="running", metric_stat=running, return_data=False),
            query(id="backlog", expression="waiting / running", label="messages for each running task", return_data=True),
        ]
    )
    bounds.track("backlog-per-task", consumer.backlog_per_task, {"customized_metric_specification": metric})


def _stat(namespace: str, name: str, dimensions: dict[str, str]) -> scaling.CfnScalingPolicy.TargetTrackingMetricStatProperty:
    named = [P.TargetTrackingMetricDimensionProperty(name=key, value=value) for key, value in dimensions.items()]
    metric = P.TargetTrackingMetricProperty(namespace=namespace, metric_name=name, dimensions=named)
    return P.TargetTrackingMetricStatProperty(metric=metric, stat="Average")
