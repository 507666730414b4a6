"""scale-consumers: more consumers for a queue, as many as empty its backlog in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk


class ScaleConsumers:
    """Sizes ECS tasks, or the concurrency of a Lambda event source mapping, from backlog and drain time."""

    spec = ActionSpec(
        name="scale-consumers",
        summary="Give a queue as many consumers as empty its backlog in time, up to a ceiling; take them back after recovery.",
        risk=Risk.REVERSIBLE,
        changes=True,
        parameters=(
            Parameter("drain_within", ParameterKind.DURATION, "the backlog should be gone after this time"),
            Parameter("cluster", ParameterKind.TEXT, "ECS: name of the cluster", required=False),
            Parameter("consumer", ParameterKind.TEXT, "ECS: name of the service that consumes", required=False),
            Parameter(
                "max_tasks", ParameterKind.COUNT, "ECS: never more tasks than this", required=False, ceiling=True, maximum=5000
            ),
            Parameter("function", ParameterKind.TEXT, "Lambda: name of the function that consumes", required=False),
            Parameter(
                "max_concurrency",
                ParameterKind.COUNT,
                "Lambda: never more than this many at once",
                required=False,
                ceiling=True,
                maximum=1000,
            ),
            Parameter(
                "message_time",
                ParameterKind.DURATION,
                "mean time that one task needs for one message; estimated from metrics when left out",
                required=False,
            ),
        ),
        permissions=(
            Permission("sqs:GetQueueUrl", "arn:{partition}:sqs:{region}:{account}:{queue}", "find the queue"),
            Permission("sqs:GetQueueAttributes", "arn:{partition}:sqs:{region}:{account}:{queue}", "the live backlog"),
            Permission("cloudwatch:GetMetricData", "*", "arrivals and deletions per minute; knows no resources"),
            Permission(
                "ecs:DescribeServices",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{consumer}",
                "tasks that run, are wanted, are being deployed",
            ),
            Permission("application-autoscaling:DescribeScalableTargets", "*", "the floor and the maximum; knows no resources"),
            Permission("application-autoscaling:DescribeScalingPolicies", "*", "whether target tracking owns the count"),
            Permission("application-autoscaling:DescribeScalingActivities", "*", "whether target tracking is at work already"),
            Permission("application-autoscaling:DescribeScheduledActions", "*", "what is about to rewrite the floor"),
            Permission(
                "application-autoscaling:RegisterScalableTarget",
                "arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/*",
                "raise the floor, and give it back",
            ),
            Permission(
                "ecs:UpdateService",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{consumer}",
                "the desired count of a service without a scalable target",
            ),
            Permission("lambda:ListEventSourceMappings", "*", "the mapping between queue and function"),
            Permission(
                "lambda:GetFunctionConcurrency",
                "arn:{partition}:lambda:{region}:{account}:function:{function}",
                "what the function has reserved bounds the mapping",
            ),
            Permission(
                "lambda:UpdateEventSourceMapping",
                "arn:{partition}:lambda:{region}:{account}:event-source-mapping:*",
                "MaximumConcurrency, up and back",
            ),
        ),
        example="""\
remediate:
  - action: scale-consumers
    with: {drain_within: 10 m, cluster: image, consumer: image-consumer, max_tasks: 40}
    limits: [3 per hour, 10 per day]
    cooldown: 10 m
    verify_within: 15 m
    revert: {after_ok: 30 m, at_latest: 6 h}
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between parameters, None when nothing is."""
        ecs = {"cluster", "consumer", "max_tasks"} & set(parameters)
        mapping = {"function", "max_concurrency"} & set(parameters)
        if ecs and mapping:
            return "either cluster, consumer, max_tasks (ECS) or function, max_concurrency (Lambda), not both"
        wanted = ("function", "max_concurrency") if mapping else ("cluster", "consumer", "max_tasks")
        missing = [name for name in wanted if name not in parameters]
        if missing:
            return f"{', '.join(missing)} missing: give cluster, consumer, max_tasks (ECS) or function, max_concurrency (Lambda)"
        if mapping and parameters["max_concurrency"] < 2:
            return "max_concurrency is at least 2: Lambda allows no smaller MaximumConcurrency"
        return None
