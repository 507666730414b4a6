"""restart-tasks: stop a task that ECS or its load balancer calls unhealthy; the service starts another in its place.

    remediate:
      - action: restart-tasks
        with: {cluster: image, service: image-api}

Risk: disruptive (requests that the task still serves end). Changes: one task, unless ``max_tasks`` says more. Bounds:
``max_tasks`` in one run; never during a deployment, never when no other task is known to be healthy, never when most are
unhealthy (what they share is not in one of them). Each task is looked at again right before it is stopped.
Verify: its replacement runs and is healthy, the count is back, the alarm is OK. Nothing is lent: no revert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk
from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.text import Text
from remediators.action import Clients, Overtaken, Permit, Refusal, Situation
from remediators.ecs import ecs_tasks, sick_tasks
from remediators.ecs.sick_tasks import Group, Task

KNOB = "lastStatus"
RUNNING, STOPPED = "RUNNING", "STOPPED"
_PREFIX = "ecs:task/"


class RestartTasks:
    """Stops unhealthy tasks one at a time, and lets the verify prove the replacement healthy before the next."""

    spec = ActionSpec(
        name="restart-tasks",
        summary="Stop a task that ECS or its load balancer calls unhealthy, so that the service starts another in its place.",
        risk=Risk.DISRUPTIVE,
        changes=True,
        lends=False,
        parameters=(
            Parameter("cluster", ParameterKind.TEXT, "name of the ECS cluster"),
            Parameter("service", ParameterKind.TEXT, "name of the ECS service"),
            Parameter(
                "max_tasks",
                ParameterKind.COUNT,
                "never stop more tasks than this in one run",
                required=False,
                default=1,
                ceiling=True,
                maximum=10,
            ),
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
            Permission("ecs:ListTasks", "*", "the service's tasks; bound to the cluster by a condition"),
            Permission(
                "ecs:DescribeTasks",
                "arn:{partition}:ecs:{region}:{account}:task/{cluster}/*",
                "health, and why tasks ended: their ids are not known before",
            ),
            Permission("elasticloadbalancing:DescribeTargetHealth", "*", "what the load balancer says; knows no resources"),
            Permission(
                "ecs:StopTask",
                "arn:{partition}:ecs:{region}:{account}:task/{cluster}/*",
                "stop an unhealthy one: its id is not known before",
            ),
        ),
        example="""\
remediate:
  - action: restart-tasks
    with: {cluster: image, service: image-api, max_tasks: 1}
    limits: [3 per hour, 6 per day]
    cooldown: 10 m
    verify_within: 10 m
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return None: the parameters are of one another's concern in nothing."""

    def resource(self, situation: Situation) -> str:
        """Return ``ecs:service/<cluster>/<service>``: whatever changes the service shares its lock."""
        parameters = situation.policy.parameters
        return ecs_tasks.lock_key(parameters["cluster"], parameters["service"])

    def observe(self, clients: Clients, situation: Situation) -> Group:
        """Read the service, its tasks and their health."""
        parameters = situation.policy.parameters
        return sick_tasks.observe(clients, parameters["cluster"], parameters["service"], situation)

    def propose(self, observed: Group, situation: Situation) -> Proposal | Refusal:
        """Propose to stop the unhealthy tasks that run longest, at most ``max_tasks``, always leaving a healthy one."""
        refused = sick_tasks.refusal(observed)
        if refused is not None:
            return refused
        chosen = observed.sick[: situation.policy.parameters.get("max_tasks", 1)]
        changes = tuple(
            Change(f"{_PREFIX}{observed.cluster}/{task.id}", KNOB, RUNNING, STOPPED, observed.service) for task in chosen
        )
        return Proposal(self.spec.name, observed.resource, changes, _why(observed, chosen), lines=_lines(observed))

    def evidence(self, observed: Group, _: Situation) -> Mapping[str, Any]:
        """Return the tasks with their health, and those that ended lately, as they were before the stop."""
        return {
            "service": observed.resource,
            "tasks": [
                {
                    "id": task.id,
                    "status": task.status,
                    "health": task.health,
                    "address": task.address,
                    "started_at": task.started_at.isoformat() if task.started_at else None,
                    "targets": [list(state) for state in task.behind],
                }
                for task in observed.tasks
            ],
            "stopped": [
                {
                    "id": stop.id,
                    "at": stop.told_at.isoformat() if stop.told_at else None,
                    "code": stop.code,
                    "reason": stop.reason,
                    "exits": [list(exit_) for exit_ in stop.exits],
                }
                for stop in observed.stops[: sick_tasks.STOPS_SHOWN]
            ],
        }

    def current(self, observed: Group, change: Change) -> str:
        """Return RUNNING while ECS means the task to run, STOPPED from the moment on that it was told to stop."""
        return RUNNING if observed.task(_number(change)) else STOPPED

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Stop one task. Overtaken when it is gone, healthy again, or the only one left by now."""
        cluster, number = change.resource.removeprefix(_PREFIX).split("/", 1)
        group = sick_tasks.look_again(clients, cluster, change.via)
        no = sick_tasks.overtaken(group, number)
        if no is not None:
            raise Overtaken(no)
        task = group.task(number)
        permit()
        why = f"tocsin: unhealthy ({task.sick if task else ''})"
        answer = clients("ecs").stop_task(cluster=cluster, task=number, reason=why)
        return (str(answer["ResponseMetadata"]["RequestId"]),)

    def moved(self, observed: Group, proposal: Proposal) -> bool | None:
        """Tell whether the replacements run and are healthy, and the count is back."""
        return sick_tasks.moved(observed, tuple(_number(change) for change in proposal.changes))

    def harm(self, _: Group, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is watched."""

    def restore(self, _: Group, proposal: Proposal, situation: Situation) -> Refusal:  # noqa: ARG002 - the contract's
        """Return that there is nothing to give back."""
        return Refusal(Reason.NOTHING_TO_DO, Text("A stopped task does not come back.", "중지한 태스크는 되돌릴 수 없습니다."))


def _number(change: Change) -> str:
    return change.resource.rsplit("/", 1)[-1]


def _why(group: Group, chosen: tuple[Task, ...]) -> Text:
    named = ", ".join(f"{task.id[:12]} ({task.sick})" for task in chosen)
    return Text(
        f"{len(group.sick)} of {len(group.tasks)} tasks of {group.service} are unhealthy, {len(group.healthy)} are healthy; "
        f"{named} is stopped and replaced.",
        f"{group.service} 태스크 {len(group.tasks)}개 중 {len(group.sick)}개가 비정상, {len(group.healthy)}개가 정상입니다. "
        f"{named}을(를) 중지하여 교체합니다.",
    )


def _lines(group: Group) -> tuple[Text, ...]:
    """Tell why tasks ended lately: what a restart hides comes back."""
    ends = [f"{stop.code or '?'}: {stop.reason or '?'}" for stop in group.stops]
    counted = {end: ends.count(end) for end in dict.fromkeys(ends)}
    return tuple(
        Text(f"Ended lately, {count} times: {end}", f"최근 종료 {count}회: {end}") for end, count in list(counted.items())[:3]
    )
