"""Signal: what was deployed or scaled before the symptom. What changed last is the first suspect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis.finding import WINDOW, Finding, Look, Signal, minutes_before, short, when

_SHORTLY = 30  # minutes
_FULL = "AlreadyAtMaxCapacity"


@dataclass(frozen=True, slots=True)
class Deployed:
    """One ECS service deployment: its status as ECS names it, when it began and, if it has, ended."""

    service: str
    status: str
    created_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scaled:
    """One scaling activity; ``full``: it was wanted and not done, because the target's maximum is reached."""

    service: str
    at: datetime
    description: str
    full: bool = False


@dataclass(frozen=True, slots=True)
class Moves:
    """Deployments and scaling activities of the last hour before the symptom, and since."""

    deployed: tuple[Deployed, ...] = ()
    scaled: tuple[Scaled, ...] = field(default=())


def read(clients: Clients, look: Look, _: Callable[[], float]) -> Moves:
    """Read ecs ListServiceDeployments and application-autoscaling DescribeScalingActivities of each ECS service."""
    since = look.began - WINDOW
    deployed: list[Deployed] = []
    scaled: list[Scaled] = []
    for target in look.targets("ClusterName", "ServiceName"):
        cluster, service = target["ClusterName"], target["ServiceName"]
        listed = clients("ecs").list_service_deployments(
            cluster=cluster, service=service, createdAt={"after": since}, maxResults=20
        )
        deployed += [_deployed(service, item) for item in listed["serviceDeployments"]]
        activities = clients("application-autoscaling").describe_scaling_activities(
            ServiceNamespace="ecs",
            ResourceId=f"service/{cluster}/{service}",
            ScalableDimension="ecs:service:DesiredCount",
            IncludeNotScaledActivities=True,
            MaxResults=20,
        )
        scaled += [_scaled(service, item) for item in activities["ScalingActivities"] if item["StartTime"] >= since]
    return Moves(tuple(deployed), tuple(scaled))


def judge(seen: Moves, look: Look) -> tuple[Finding, ...]:
    """Suspect a deployment that began within the half hour before the symptom; a later one may be somebody's repair."""
    newest = sorted(seen.deployed, key=lambda item: item.created_at, reverse=True)
    return (*(_deployment(item, look) for item in newest[:3]), *_scaling(seen, look))


def _deployment(item: Deployed, look: Look) -> Finding:
    minutes, name, at = minutes_before(look, item.created_at), short(item.service, 60), when(look, item.created_at)
    rolled_back = item.status.startswith("ROLLBACK") or item.status == "STOPPED"
    # A deployment that ended well long before has proven itself for a while; one under way is the likelier suspect.
    points = 6 if 0 <= minutes <= _SHORTLY else 2 if minutes > _SHORTLY else 0
    status = item.status.lower().replace("_", " ")
    line = Text(f"{name} was deployed {at.en} ({status}).", f"{name} 배포: {at.ko} ({status}).")
    facts = {"service": item.service, "status": item.status, "created_at": item.created_at, "rolled_back": rolled_back}
    return Finding("deployment", line, {Cause.BAD_DEPLOYMENT: points} if points else {}, facts)


def _scaling(seen: Moves, look: Look) -> Iterator[Finding]:
    recent = [item for item in seen.scaled if item.at >= look.began - timedelta(minutes=_SHORTLY)]
    for service in dict.fromkeys(item.service for item in recent):
        own = [item for item in recent if item.service == service]
        name, last = short(service, 60), max(own, key=lambda item: item.at)
        if any(item.full for item in own):
            line = Text(
                f"{name}: more tasks are wanted, MaxCapacity does not allow them.",
                f"{name}: 태스크가 더 필요하지만 MaxCapacity에 막혀 있습니다.",
            )
            yield Finding("scaling", line, {Cause.CAPACITY: 4}, {"service": service, "full": True})
        else:
            said, at = short(last.description, 120), when(look, last.at)
            line = Text(f"{name} was scaled {at.en}: {said}", f"{name} 스케일링: {at.ko}. {said}")
            yield Finding("scaling", line, {}, {"service": service, "at": last.at, "description": last.description})


def _deployed(service: str, item: Mapping[str, Any]) -> Deployed:
    return Deployed(service, item.get("status", ""), item["createdAt"], item.get("finishedAt"))


def _scaled(service: str, item: Mapping[str, Any]) -> Scaled:
    full = any(reason.get("Code") == _FULL for reason in item.get("NotScaledReasons", ()))
    return Scaled(service, item["StartTime"], item.get("Description", ""), full)


def wanted(look: Look) -> bool:
    """Whether the service runs on ECS."""
    return bool(look.targets("ClusterName", "ServiceName"))


SIGNAL = Signal("deployments", Text("deployments and scaling", "배포·스케일링"), read, judge, wanted)
