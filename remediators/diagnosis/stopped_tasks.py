"""Signal: tasks that stopped, read as an expert reads them: an exit code alone seldom tells why.

137 is SIGKILL: for lack of memory only when ECS says OutOfMemory, else a stop that took too long or a failed health check. 143
is SIGTERM, a stop that was asked for. 139 is a crash in native code, 1 the application's own. ECS keeps stopped tasks for about
an hour.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis.finding import Finding, Look, Signal, short

_EARLIER = timedelta(minutes=10)
_MOST = 100  # DescribeTasks takes a hundred


class Death(StrEnum):
    """Why a task stopped."""

    OOM = "oom"
    HEALTH_CHECK = "health-check"
    KILLED = "killed"
    CRASH = "crash"
    SEGFAULT = "segfault"
    NOT_STARTED = "not-started"
    NO_SECRET = "no-secret"  # noqa: S105 - a kind of death, no secret
    NO_CAPACITY = "no-capacity"
    HARDWARE = "hardware"
    ASKED = "asked"  # a scale-in, a deployment, a person: no failure
    ENDED = "ended"  # the essential container ended by itself without an error


@dataclass(frozen=True, slots=True)
class Stopped:
    """One stopped task. ``exits`` are (exit code or None, ECS's reason) of its containers."""

    service: str
    at: datetime
    code: str
    reason: str
    exits: tuple[tuple[int | None, str], ...] = ()


def read(clients: Clients, look: Look, _: Callable[[], float]) -> tuple[Stopped, ...]:
    """Read ecs ListTasks (STOPPED) and DescribeTasks of each of the service's ECS services."""
    found: list[Stopped] = []
    for target in look.targets("ClusterName", "ServiceName"):
        cluster, service, ecs = target["ClusterName"], target["ServiceName"], clients("ecs")
        arns = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED", maxResults=_MOST)["taskArns"]
        if arns:
            tasks = ecs.describe_tasks(cluster=cluster, tasks=arns[:_MOST])["tasks"]
            found.extend(_stopped(service, item) for item in tasks if item.get("stoppedAt") or item.get("stoppingAt"))
    return tuple(found)


def death(task: Stopped) -> Death:
    """Return why ``task`` stopped. The words come before the numbers."""
    said = " ".join((task.reason, *(reason for _, reason in task.exits))).lower()
    codes = {code for code, _ in task.exits if code is not None}
    if "outofmemory" in said or "out of memory" in said:
        return Death.OOM
    if task.code == "TaskFailedToStart" or "cannotpull" in said or "resourceinitializationerror" in said:
        return _not_started(said)
    if "health check" in said:
        return Death.HEALTH_CHECK
    known = _BY_STOP_CODE.get(task.code) or next((kind for code, kind in _BY_EXIT_CODE if code in codes), None)
    return known or (Death.CRASH if codes - {0} else Death.ENDED)


_BY_STOP_CODE = {
    "SpotInterruption": Death.HARDWARE,
    "TerminationNotice": Death.HARDWARE,
    "InfrastructureHealth": Death.HARDWARE,
    "ServiceSchedulerInitiated": Death.ASKED,
    "UserInitiated": Death.ASKED,
}
_BY_EXIT_CODE = ((139, Death.SEGFAULT), (137, Death.KILLED), (143, Death.ASKED))


def _not_started(said: str) -> Death:
    if "secret" in said or "parameter" in said:
        return Death.NO_SECRET
    return Death.NO_CAPACITY if "capacity" in said else Death.NOT_STARTED


_SPEAKS_FOR: Mapping[Death, Mapping[Cause, int]] = {
    Death.OOM: {Cause.OOM: 7},
    Death.NO_SECRET: {Cause.EXPIRED_TOKEN: 4},
    Death.NO_CAPACITY: {Cause.CAPACITY: 4, Cause.AWS_OUTAGE: 2},
    Death.NOT_STARTED: {Cause.BAD_DEPLOYMENT: 3},
    Death.SEGFAULT: {Cause.BAD_DEPLOYMENT: 2},
    Death.CRASH: {Cause.BAD_DEPLOYMENT: 2},
    Death.KILLED: {},
    Death.HEALTH_CHECK: {},
    Death.HARDWARE: {Cause.AWS_OUTAGE: 2},
}
_WORDS: Mapping[Death, Text] = {
    Death.OOM: Text("killed for lack of memory", "메모리 부족으로 종료"),
    Death.NO_SECRET: Text("not started: a secret or parameter could not be read", "비밀값·파라미터를 읽지 못해 시작 실패"),
    Death.NO_CAPACITY: Text("not started: no capacity", "용량 부족으로 시작 실패"),
    Death.NOT_STARTED: Text("not started", "시작 실패"),
    Death.SEGFAULT: Text("crashed in native code (exit 139)", "네이티브 코드 오류로 종료(exit 139)"),
    Death.CRASH: Text("ended by an error of the application", "애플리케이션 오류로 종료"),
    Death.KILLED: Text(
        "killed (exit 137) without a word on memory: a stop that took too long",
        "강제 종료(exit 137), 종료가 너무 오래 걸림",
    ),
    Death.HEALTH_CHECK: Text("replaced after failed health checks", "상태 확인 실패로 교체"),
    Death.HARDWARE: Text("lost with their host or a Spot notice", "호스트 장애 또는 스팟 회수로 종료"),
}


def judge(seen: tuple[Stopped, ...], look: Look) -> tuple[Finding, ...]:
    """Say how many tasks of each service died, of what; stops that were asked for are no deaths."""
    return tuple(_findings([task for task in seen if task.at >= look.began - _EARLIER]))


def _findings(tasks: list[Stopped]) -> Iterator[Finding]:
    counts = Counter((task.service, death(task)) for task in tasks)
    for (service, kind), count in sorted(counts.items()):
        if kind not in _SPEAKS_FOR:
            continue
        name, words = short(service, 60), _WORDS[kind]
        example = next(task for task in tasks if task.service == service and death(task) is kind)
        line = Text(f"{name}: tasks {words.en}: {count}.", f"{name}: 태스크 {count}개 {words.ko}.")
        facts = {
            "service": service,
            "death": kind.value,
            "count": count,
            "example": [example.code, example.reason, example.exits],
        }
        yield Finding("stopped-tasks", line, _SPEAKS_FOR[kind], facts)


def _stopped(service: str, item: Mapping[str, Any]) -> Stopped:
    exits = tuple((box.get("exitCode"), box.get("reason", "")) for box in item.get("containers", ()))
    moment = item.get("stoppedAt") or item["stoppingAt"]
    return Stopped(service, moment, item.get("stopCode", ""), item.get("stoppedReason", ""), exits)


def wanted(look: Look) -> bool:
    """Whether the service runs on ECS."""
    return bool(look.targets("ClusterName", "ServiceName"))


SIGNAL = Signal("stopped-tasks", Text("stopped tasks", "중지된 태스크"), read, judge, wanted)
