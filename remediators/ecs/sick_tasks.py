"""Which tasks of an ECS service are unhealthy, by explicit word of ECS or its load balancer only. Pure but for ``observe``.

A task that says nothing of itself is not unhealthy: no health check, a grace period that still lasts, a check that the load
balancer itself could not make. [ecs Task.healthStatus; elbv2 TargetHealth.Reason: Target.* speaks of the target, Elb.* of itself]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.decision import Reason
from alarms.domain.errors import Permanent
from alarms.domain.text import Text
from remediators.action import Clients, Refusal, Situation
from remediators.ecs import ecs_reading, targets
from remediators.ecs.ecs_tasks import lock_key
from remediators.ecs.targets import Targets

PAGE = 100
MOST_PAGES = 5
STOPS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Task:
    """One task that should run. ``health`` is its containers' word, ``behind`` its state and reason at each load balancer."""

    id: str
    status: str
    health: str
    address: str
    started_at: datetime | None
    behind: tuple[tuple[str, str], ...] = ()

    @property
    def sick(self) -> str:
        """Why it is called unhealthy; "" when nobody says so."""
        if self.status != "RUNNING":
            return ""
        if self.health == "UNHEALTHY":
            return "container health check"
        return next((reason for state, reason in self.behind if state == "unhealthy" and reason.startswith("Target.")), "")

    @property
    def healthy(self) -> bool:
        """Whether every check that there is says so, and at least one is there."""
        checked = self.health == "HEALTHY" or bool(self.behind)
        return (
            self.status == "RUNNING"
            and checked
            and self.health in ("HEALTHY", "UNKNOWN")
            and all(state == "healthy" for state, _ in self.behind)
        )


@dataclass(frozen=True, slots=True)
class Stop:
    """A task that ended lately: when it was told to, and why, as ECS and its containers tell it."""

    id: str
    told_at: datetime | None
    code: str
    reason: str
    exits: tuple[tuple[int | None, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A service and its tasks. ``grace_s`` is how long after a start health checks do not count; ``unread`` what was not seen."""

    cluster: str
    service: str
    desired: int
    running: int
    deploying: bool
    failed: int
    grace_s: float
    tasks: tuple[Task, ...]
    now: datetime
    unread: str = ""
    stops: tuple[Stop, ...] = ()
    acted_at: datetime | None = None

    @property
    def resource(self) -> str:
        """The lock key."""
        return lock_key(self.cluster, self.service)

    @property
    def sick(self) -> tuple[Task, ...]:
        """Unhealthy tasks beyond their grace period, the longest running first."""
        since = self.now - timedelta(seconds=self.grace_s)
        found = [task for task in self.tasks if task.sick and task.started_at is not None and task.started_at <= since]
        return tuple(sorted(found, key=lambda task: (task.started_at or self.now, task.id)))

    @property
    def healthy(self) -> tuple[Task, ...]:
        """Tasks known to be healthy."""
        return tuple(task for task in self.tasks if task.healthy)

    def task(self, number: str) -> Task | None:
        """Return the task with this id while it should run; None when it does not any more."""
        return next((task for task in self.tasks if task.id == number), None)


def observe(clients: Clients, cluster: str, service: str, situation: Situation) -> Group:
    """Read the service, its tasks and their health, and those that ended lately.

    ecs DescribeServices, ListTasks, DescribeTasks; elbv2 DescribeTargetHealth. Raises Permanent when there is no such service.
    """
    group = look_again(clients, cluster, service)
    stops = tuple(_stop(item) for item in _tasks(clients, cluster, service, "STOPPED", pages=1))
    return replace(group, now=situation.now, stops=stops, acted_at=situation.acted_at)


def look_again(clients: Clients, cluster: str, service: str) -> Group:
    """Read the service and its tasks as they are at this moment; what time that is the caller says."""
    found = ecs_reading.active(clients, cluster, service)
    behind = targets.observe(clients, found.get("loadBalancers", ()))
    tasks = tuple(_task(item, behind) for item in _tasks(clients, cluster, service, "RUNNING"))
    primary: Mapping[str, Any] = next((item for item in found.get("deployments", ()) if item.get("status") == "PRIMARY"), {})
    return Group(
        cluster=cluster,
        service=service,
        desired=found["desiredCount"],
        running=found["runningCount"],
        deploying=ecs_reading.deploying(clients, found),
        failed=primary.get("failedTasks", 0),
        grace_s=float(found.get("healthCheckGracePeriodSeconds", 0)),
        tasks=tasks,
        now=found["createdAt"],
        unread=next((one.unread for one in behind if one.unread), ""),
    )


def refusal(group: Group) -> Refusal | None:
    """Return why no task of this service should be stopped now; None when an unhealthy one may be."""
    return _service(group) or _shares(group)


def _service(group: Group) -> Refusal | None:
    """Refuse while the service itself is in no state to lose a task."""
    name = group.service
    if group.desired == 0:
        return _no(Reason.UNSAFE, f"{name} is switched off (desired 0).", f"{name}이(가) 꺼져 있습니다(목표 0).")
    if group.deploying:
        return _no(Reason.YIELDS, f"{name} is being deployed.", f"{name} 배포가 진행 중입니다.")
    if group.unread:
        return _no(
            Reason.UNKNOWN,
            f"Whether the targets of {name} are healthy could not be read ({group.unread}).",
            f"{name} 대상의 상태를 읽지 못했습니다({group.unread}).",
        )
    if group.failed:
        return _no(
            Reason.UNSAFE,
            f"{group.failed} new tasks of {name} never came to run: a stopped one would not be replaced.",
            f"{name}의 새 태스크 {group.failed}개가 실행되지 못했습니다. 중지하면 대체되지 않습니다.",
        )
    if group.running < group.desired:
        return _no(
            Reason.YIELDS,
            f"{name} runs {group.running} of {group.desired} tasks: another is on its way first.",
            f"{name} 태스크가 {group.desired}개 중 {group.running}개 실행 중입니다. 먼저 채워지기를 기다립니다.",
        )
    return None


def _shares(group: Group) -> Refusal | None:
    """Refuse when nobody is unhealthy, or too many are: then the cause is not in one task."""
    name, sick, healthy = group.service, len(group.sick), len(group.healthy)
    if not sick:
        return _no(
            Reason.NOTHING_TO_DO,
            f"No task of {name} is called unhealthy by ECS or its load balancer.",
            f"ECS나 로드 밸런서가 비정상이라고 하는 {name} 태스크가 없습니다.",
        )
    if not healthy:
        return _no(
            Reason.UNSAFE,
            f"No task of {name} is known to be healthy: the last that serves would be taken away.",
            f"{name}에 정상으로 확인된 태스크가 없어 중지하면 서비스가 멈출 수 있습니다.",
        )
    if sick > healthy:
        return _no(
            Reason.UNSAFE,
            f"{sick} tasks of {name} are unhealthy and {healthy} healthy: what most of them share is not in one task.",
            f"{name} 태스크 {sick}개가 비정상, {healthy}개가 정상입니다. 다수의 공통 원인은 태스크 하나에 있지 않습니다.",
        )
    return None


def overtaken(group: Group, number: str) -> Text | None:
    """Return why this task should not be stopped any more, right before it is; None when all still is as decided."""
    task = group.task(number)
    if task is None:
        return Text(f"Task {number} is gone already.", f"태스크 {number}이(가) 이미 없습니다.")
    if not task.sick:
        return Text(f"Task {number} is not unhealthy any more.", f"태스크 {number}이(가) 더 이상 비정상이 아닙니다.")
    if group.deploying or group.unread or not group.healthy:
        return Text(
            f"{group.service} is being deployed, or no other task is known to be healthy by now.",
            f"{group.service} 배포가 진행 중이거나 정상으로 확인된 다른 태스크가 없습니다.",
        )
    return None


def moved(group: Group, stopped: tuple[str, ...]) -> bool | None:
    """Tell whether those stopped are gone and their replacements run and are healthy; None while they come.

    What started since the first of them was told to stop is a replacement; ECS says when that was, for it may have been an
    attempt that died before it could write down that it acted.
    """
    if any(group.task(number) is not None for number in stopped):
        return False
    told = [stop.told_at for stop in group.stops if stop.id in stopped and stop.told_at is not None]
    since = min(told, default=group.acted_at)
    fresh = [task for task in group.healthy if since is not None and task.started_at is not None and task.started_at >= since]
    if group.running >= group.desired and len(fresh) >= len(stopped):
        return True
    return False if group.failed else None


def _tasks(clients: Clients, cluster: str, service: str, status: str, pages: int = MOST_PAGES) -> Iterator[Mapping[str, Any]]:
    """Yield the service's tasks of a desired status as DescribeTasks shows them; Permanent when there are too many to judge."""
    ecs = clients("ecs")
    token: dict[str, str] = {}
    for _ in range(pages):
        answer = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus=status, maxResults=PAGE, **token)
        if answer["taskArns"]:
            yield from ecs.describe_tasks(cluster=cluster, tasks=answer["taskArns"])["tasks"]
        token = {"nextToken": answer["nextToken"]} if answer.get("nextToken") else {}
        if not token:
            return
    if status == "RUNNING":
        raise Permanent(f"{service} has more tasks than can be judged", "TooManyTasks")


def _task(item: Mapping[str, Any], behind: tuple[Targets, ...]) -> Task:
    details = [detail for attachment in item.get("attachments", ()) for detail in attachment.get("details", ())]
    address = next((detail.get("value", "") for detail in details if detail.get("name") == "privateIPv4Address"), "")
    found = [(group.of(address), group) for group in behind]
    return Task(
        id=item["taskArn"].rsplit("/", 1)[-1],
        status=item.get("lastStatus", ""),
        health=item.get("healthStatus", "UNKNOWN"),
        address=address,
        started_at=item.get("startedAt"),
        behind=tuple((target.state, target.reason) if target else ("unregistered", "") for target, _ in found),
    )


def _stop(item: Mapping[str, Any]) -> Stop:
    return Stop(
        id=item["taskArn"].rsplit("/", 1)[-1],
        told_at=item.get("stoppingAt") or item.get("stoppedAt"),
        code=item.get("stopCode", ""),
        reason=item.get("stoppedReason", "")[:300],
        exits=tuple((one.get("exitCode"), one.get("reason", "")[:200]) for one in item.get("containers", ())),
    )


def _no(reason: Reason, en: str, ko: str) -> Refusal:
    return Refusal(reason, Text(en, ko))
