"""scale-service: give an ECS service more tasks for a while, by the knob that its owner provides.

    remediate:
      - action: scale-service
        with: {cluster: image, service: image-api, max_tasks: 20, step: 50 %}

Risk: reversible (costs tasks). Changes: the floor (MinCapacity) of the service's scalable target; the desired count only when
there is no such target. Bounds: ``max_tasks``, and the target's own MaxCapacity, which is never raised.
Refuses while a deployment or target tracking is at work, while scaling out is suspended, while tasks do not stay up or their
targets are not healthy, and where the database that they call has no connections left for them (``database``,
``connections_per_task``, ``max_connections``); where a part fits it takes the smaller step.
Verify: as many tasks run as were asked for, and the alarm is OK. Revert: the floor goes back if it is still ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk
from alarms.domain.decision import Change, Proposal
from alarms.domain.text import Text
from remediators.action import Clients, Permit, Refusal, Situation
from remediators.database import connections
from remediators.ecs import ecs_reading, ecs_tasks
from remediators.ecs.ecs_tasks import Tasks


class ScaleService:
    """Raises the floor of the service's scalable target; the desired count only when there is no such target."""

    spec = ActionSpec(
        name="scale-service",
        summary="Give an ECS service more tasks for a while, up to a ceiling, and take them back after recovery.",
        risk=Risk.REVERSIBLE,
        changes=True,
        scales=True,
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
            *connections.PARAMETERS,
        ),
        permissions=(
            Permission(
                "ecs:DescribeServices",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{service}",
                "tasks that run, are wanted, are being deployed",
            ),
            Permission(
                "ecs:DescribeServiceDeployments",
                "arn:{partition}:ecs:{region}:{account}:service-deployment/{cluster}/{service}/*",
                "whether the deployment that the service names is over",
            ),
            Permission("elasticloadbalancing:DescribeTargetHealth", "*", "whether the tasks are healthy; knows no resources"),
            connections.PERMISSION,
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
        return connections.problem(parameters)

    def resource(self, situation: Situation) -> str:
        """Return ``ecs:service/<cluster>/<service>``."""
        parameters = situation.policy.parameters
        return ecs_tasks.lock_key(parameters["cluster"], parameters["service"])

    def observe(self, clients: Clients, situation: Situation) -> Tasks:
        """Read the service and the owner of its count."""
        parameters = situation.policy.parameters
        return ecs_reading.observe(clients, parameters["cluster"], parameters["service"], situation)

    def propose(self, observed: Tasks, situation: Situation) -> Proposal | Refusal:
        """Add ``step`` percent of what is wanted now, at least ``min_step`` tasks, up to the ceiling."""
        parameters = situation.policy.parameters
        refused = ecs_tasks.refusal(observed)
        if refused is not None:
            return refused
        step = max(parameters.get("min_step", 1), ecs_tasks.share(observed.desired, parameters.get("step", 50.0)))
        change = ecs_tasks.change_to(observed, observed.desired + step, parameters["max_tasks"])
        if isinstance(change, Refusal):
            return change
        wanted = min(observed.desired + step, ecs_tasks.ceiling(observed, parameters["max_tasks"]))
        return Proposal(self.spec.name, observed.resource, (change,), _why(observed, change, wanted, situation))

    def evidence(self, _: Tasks, situation: Situation) -> None:
        """Return None: the intent says it all."""

    def current(self, observed: Tasks, change: Change) -> int | None:
        """Return the floor or the desired count."""
        return ecs_tasks.current(observed, change)

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Set the floor or the desired count; the value is absolute, so it may be repeated."""
        return ecs_tasks.apply(clients, change, permit)

    def moved(self, observed: Tasks, proposal: Proposal) -> bool:
        """Tell whether the tasks run."""
        return ecs_tasks.moved(observed, proposal)

    def harm(self, _: Tasks, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is watched."""

    def restore(self, observed: Tasks, proposal: Proposal, situation: Situation) -> Proposal | Refusal:
        """Propose the way back for what is still ours."""
        return ecs_tasks.restore(observed, proposal, situation)


def _why(tasks: Tasks, change: Change, wanted: int, situation: Situation) -> Text:
    condition = situation.alarm.condition
    shown = f"{situation.value * condition.scale:,.4g} {condition.unit}" if situation.value is not None else "?"
    held = tasks.target.floor if tasks.target else tasks.desired
    less = connections.held_back(tasks.connections, wanted, int(change.after or 0))
    return Text(
        f"{tasks.service} runs {tasks.running} tasks at {shown} ({condition.text}); "
        f"{'floor' if tasks.target else 'desired count'} {held} → {change.after}.{less.en}",
        f"{tasks.service} 태스크 {tasks.running}개 실행 중, 현재 {shown} ({condition.text}); "
        f"{'최소 용량' if tasks.target else '목표 수'} {held} → {change.after}.{less.ko}",
    )
