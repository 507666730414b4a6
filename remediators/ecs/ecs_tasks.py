"""How many tasks an ECS service has, who owns that number, and how to raise it without a fight.

With an Application Auto Scaling target only its floor (MinCapacity) is touched: target tracking scales a desired count that
others set straight back. Without one the desired count itself is the knob. Both are absolute values, so a call may be repeated.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Retryable
from alarms.domain.text import Text
from remediators.action import Clients, Permit, Refusal, Situation
from remediators.database import connections
from remediators.database.connections import Connections
from remediators.ecs import targets
from remediators.ecs.targets import Targets

FLOOR = "MinCapacity"
DESIRED = "desiredCount"
DIMENSION = "ecs:service:DesiredCount"
ATTEMPTS = 3
_SCHEDULED = re.compile(r"scheduled action name (\S+) was triggered")


@dataclass(frozen=True, slots=True)
class Target:
    """The scalable target. ``frozen`` says that somebody suspended scaling out."""

    floor: int
    maximum: int
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """One scaling activity: what it set, whether it is still going on, and who caused it."""

    sets: int | None
    under_way: bool
    failed: bool
    cause: str
    started_at: datetime | None

    @property
    def schedule(self) -> str:
        """The name of the scheduled action that caused it, "" for any other cause."""
        found = _SCHEDULED.search(self.cause)
        return found.group(1).rstrip(".") if found else ""


@dataclass(frozen=True, slots=True)
class ScheduledFloor:
    """A scheduled action that writes the floor."""

    name: str
    when: str
    floor: int


@dataclass(frozen=True, slots=True)
class Tasks:
    """One ECS service and the owner of its count. ``failed`` are tasks of the current deployment that never came to run.

    ``behind`` are its targets, one for each load balancer. ``connections`` are those of the database it calls, where the row
    names one.
    """

    cluster: str
    service: str
    desired: int
    running: int
    pending: int
    deploying: bool
    failed: int = 0
    target: Target | None = None
    behind: tuple[Targets, ...] = ()
    connections: Connections | None = None
    activities: tuple[Activity, ...] = ()
    tracking: tuple[str, ...] = ()
    scheduled: tuple[ScheduledFloor, ...] = ()

    @property
    def resource(self) -> str:
        """The lock key."""
        return lock_key(self.cluster, self.service)

    @property
    def starting(self) -> bool:
        """Whether all that is wanted runs or is on its way, and nothing has died in between."""
        return self.running + self.pending >= self.desired and not self.failed

    def scaling_out(self) -> Activity | None:
        """Return the scaling activity that is still bringing tasks, None when there is none."""
        for activity in self.activities:
            coming = activity.sets is not None and activity.sets > self.running
            if not activity.failed and coming and (activity.under_way or activity.sets == self.desired):
                return activity
        return None


def lock_key(cluster: str, service: str) -> str:
    """Return ``ecs:service/<cluster>/<service>``."""
    return f"ecs:service/{cluster}/{service}"


def refusal(tasks: Tasks) -> Refusal | None:
    """Return why this service should not be given more tasks now, whatever the wish; None when nothing speaks against it."""
    name, target = tasks.service, tasks.target
    if tasks.desired == 0:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"{name} is switched off (desired 0); starting it is a person's decision.",
                f"{name}이(가) 꺼져 있습니다(목표 0). 켜는 것은 사람이 결정해야 합니다.",
            ),
        )
    if target is not None and target.frozen:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"Somebody suspended scaling out of {name}; that is respected, not cleared.",
                f"누군가 {name}의 확장을 중지해 두었습니다. 해제하지 않고 존중합니다.",
            ),
        )
    if tasks.deploying:
        return Refusal(Reason.YIELDS, Text(f"{name} is being deployed.", f"{name} 배포가 진행 중입니다."))
    growing = tasks.scaling_out()
    if growing is not None:
        by = ", ".join(tasks.tracking) or "Application Auto Scaling"
        return Refusal(
            Reason.YIELDS,
            Text(
                f"{by} is scaling {name} out already: {tasks.running} tasks run, {growing.sets} are on their way.",
                f"{by}이(가) 이미 {name}을(를) 확장하고 있습니다. 실행 {tasks.running}개, 목표 {growing.sets}개.",
            ),
        )
    if tasks.running == 0 or (tasks.running < tasks.desired and not tasks.starting):
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"{name} runs {tasks.running} of {tasks.desired} tasks: those wanted do not stay up, nor would more.",
                f"{name} 태스크가 {tasks.desired}개 중 {tasks.running}개만 실행 중입니다. 더 늘려도 뜨지 않습니다.",
            ),
        )
    return targets.refusal(name, tasks.running, tasks.behind) or connections.refusal(tasks.connections)


def ceiling(tasks: Tasks, max_tasks: int) -> int:
    """Return the highest count allowed: the row's ceiling, or the target's own maximum when that is lower."""
    return min(max_tasks, tasks.target.maximum) if tasks.target else max_tasks


def fitting(tasks: Tasks, count: int) -> int:
    """Return ``count``, or as many tasks as the database has connections for: those that only start will open theirs too."""
    return count if tasks.connections is None else min(count, tasks.running + tasks.connections.tasks)


def at_ceiling(tasks: Tasks, max_tasks: int) -> Refusal | None:
    """Refuse when no more may be asked for; says which of the two limits it is."""
    top = ceiling(tasks, max_tasks)
    if tasks.desired < top:
        return None
    limit = f"MaxCapacity {top}" if tasks.target and tasks.target.maximum < max_tasks else f"max_tasks {top}"
    return Refusal(
        Reason.AT_CEILING,
        Text(f"{tasks.service} has {tasks.desired} tasks, {limit}.", f"{tasks.service} 태스크 {tasks.desired}개, 상한 {limit}."),
    )


def change_to(tasks: Tasks, count: int, max_tasks: int) -> Change | Refusal:
    """Return the change that brings the service to ``count`` tasks within its ceiling, or why there is none to make."""
    full = at_ceiling(tasks, max_tasks)
    if full is not None:
        return full
    wanted = fitting(tasks, min(count, ceiling(tasks, max_tasks)))
    standing = tasks.target.floor if tasks.target else tasks.desired
    if wanted <= max(standing, tasks.desired):
        return Refusal(
            Reason.NOTHING_TO_DO,
            Text(
                f"{tasks.service} has {tasks.desired} tasks already, {wanted} are needed.",
                f"{tasks.service}에 이미 태스크 {tasks.desired}개가 있습니다. 필요한 수 {wanted}개.",
            ),
        )
    return Change(tasks.resource, FLOOR if tasks.target else DESIRED, standing, wanted)


def current(tasks: Tasks, change: Change) -> int | None:
    """Return the knob's value; None when the scalable target is gone."""
    if change.knob == DESIRED:
        return tasks.desired
    return tasks.target.floor if tasks.target else None


def apply(clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
    """Set the knob: RegisterScalableTarget(MinCapacity) or UpdateService(desiredCount). Concurrent updates are tried again."""
    cluster, service = change.resource.removeprefix("ecs:service/").split("/", 1)
    for attempt in range(ATTEMPTS):
        permit()
        try:
            if change.knob == FLOOR:
                answer = clients("application-autoscaling").register_scalable_target(
                    **scalable(cluster, service), MinCapacity=change.after
                )
            else:
                answer = clients("ecs").update_service(cluster=cluster, service=service, desiredCount=change.after)
        except Retryable:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return (str(answer["ResponseMetadata"]["RequestId"]),)
    raise AssertionError("unreachable: the last attempt returns or raises")


def moved(tasks: Tasks, proposal: Proposal) -> bool:
    """Tell whether as many tasks run as were asked for, not only whether they were asked for."""
    return all(tasks.running >= int(change.after or 0) for change in proposal.changes)


def restore(tasks: Tasks, proposal: Proposal, situation: Situation) -> Proposal | Refusal:
    """Return the way back for what still is as we left it; a floor that a schedule owns by now is kept."""
    (lent,) = proposal.changes
    now = current(tasks, lent)
    if now == lent.before:
        return Refusal(Reason.NOTHING_TO_DO, Text(f"It is back at {now} already.", f"이미 {now}(으)로 돌아와 있습니다."))
    if now != lent.after:
        return Refusal(Reason.DRIFTED, _drifted(lent, now))
    if lent.knob == DESIRED and tasks.target is not None:
        return Refusal(
            Reason.DRIFTED,
            Text("Application Auto Scaling owns the count by now.", "이제 Application Auto Scaling이 태스크 수를 관리합니다."),
        )
    if lent.knob == DESIRED and tasks.deploying:
        return Refusal(Reason.YIELDS, Text(f"{tasks.service} is being deployed.", f"{tasks.service} 배포가 진행 중입니다."))
    owned = _owned_by_schedule(tasks, lent, situation)
    if owned is not None:
        return owned
    return Proposal(proposal.action, proposal.resource, (Change(lent.resource, lent.knob, now, lent.before),), _notes(tasks))


def _owned_by_schedule(tasks: Tasks, lent: Change, situation: Situation) -> Refusal | None:
    """Refuse when a scheduled action fired after our change and set this very floor: it is the schedule's now."""
    for activity in tasks.activities:
        since = activity.started_at and situation.acted_at and activity.started_at > situation.acted_at
        if activity.schedule and since and activity.sets is not None and activity.sets >= int(lent.after or 0):
            return Refusal(
                Reason.NOTHING_TO_DO,
                Text(
                    f"The scheduled action {activity.schedule} has set the floor to {activity.sets} since; it is kept.",
                    f"그 사이 예약 작업 {activity.schedule}이(가) 최소 용량을 {activity.sets}(으)로 설정하여 유지합니다.",
                ),
            )
    return None


def _notes(tasks: Tasks) -> Text:
    """Say which schedules write the same floor."""
    if not tasks.scheduled:
        return Text("", "")
    said = ", ".join(f"{item.name} {item.when} → {item.floor}" for item in tasks.scheduled)
    return Text(f"Scheduled actions write this floor too: {said}.", f"예약 작업도 이 최소 용량을 바꿉니다: {said}.")


def _drifted(lent: Change, now: int | None) -> Text:
    return Text(
        f"We set {lent.knob} to {lent.after}; it is {now} now. Someone else changed it, so it is left alone.",
        f"{lent.knob}을(를) {lent.after}(으)로 설정했으나 현재 {now}입니다. 다른 변경이 있어 그대로 둡니다.",
    )


def scalable(cluster: str, service: str) -> dict[str, str]:
    """Return what names the service to Application Auto Scaling."""
    return {"ServiceNamespace": "ecs", "ResourceId": f"service/{cluster}/{service}", "ScalableDimension": DIMENSION}


def share(count: int, percent: float) -> int:
    """Return ``percent`` of ``count``, rounded up, at least 1."""
    return max(1, math.ceil(count * percent / 100))
