"""scale-service: give an ECS service more tasks for a while, by the knob that its owner provides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk


class ScaleService:
    """Raises the floor of the service's scalable target; the desired count only when there is no such target."""

    spec = ActionSpec(
        name="scale-service",
        summary="Give an ECS service more tasks for a while, up to a ceiling, and take them back after recovery.",
        risk=Risk.REVERSIBLE,
        changes=True,
        parameters=(
            Parameter("cluster", ParameterKind.TEXT, "name of the ECS cluster"),
            Parameter("service", ParameterKind.TEXT, "name of the ECS service"),
            Parameter("max_tasks", ParameterKind.COUNT, "never more tasks than this", ceiling=True, maximum=5000),
            Parameter(
                "step",
                ParameterKind.PERCENT,
                "how many tasks to add, as a share of those wanted now",
                required=False,
                default=50.0,
            ),
            Parameter("min_step", ParameterKind.COUNT, "add at least this many tasks", required=False, default=1, maximum=5000),
        ),
        permissions=(
            Permission(
                "ecs:DescribeServices",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{service}",
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
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{service}",
                "the desired count of a service without a scalable target",
            ),
        ),
        example="""\
remediate:
  - action: scale-service
    with: {cluster: image, service: image-api, max_tasks: 20, step: 50 %}
    limits: [3 per hour, 10 per day]
    cooldown: 10 m
    verify_within: 10 m
    revert: {after_ok: 30 m, at_latest: 6 h}
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between parameters, None when nothing is."""
        if parameters.get("min_step", 1) > parameters.get("max_tasks", 1):
            return "min_step is above max_tasks: no step would ever fit"
        return None
