"""Signal: the ECS services. How many tasks run of those wanted, and what ECS itself says of placing and replacing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis.finding import Finding, Look, Signal, short

_EARLIER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Service:
    """One ECS service; ``events`` are ECS's own sentences, newest first."""

    cluster: str
    name: str
    running: int
    desired: int
    groups: tuple[str, ...] = ()  # ARNs of its target groups
    events: tuple[tuple[datetime, str], ...] = ()


def read(clients: Clients, look: Look, _: Callable[[], float]) -> tuple[Service, ...]:
    """Read ecs DescribeServices, a call for each cluster (ten services at most)."""
    found: list[Service] = []
    for cluster, names in by_cluster(look).items():
        answer = clients("ecs").describe_services(cluster=cluster, services=names)
        found.extend(_service(cluster, item) for item in answer["services"] if item.get("status") == "ACTIVE")
    return tuple(found)


def by_cluster(look: Look) -> dict[str, list[str]]:
    """Return the names of the service's ECS services by cluster."""
    found: dict[str, list[str]] = {}
    for target in look.targets("ClusterName", "ServiceName"):
        found.setdefault(target["ClusterName"], []).append(target["ServiceName"])
    return found


def judge(seen: tuple[Service, ...], look: Look) -> tuple[Finding, ...]:
    """Say which services have fewer tasks than they want, and what ECS cannot do."""
    return tuple(finding for service in seen for finding in (*_counts(service), *_events(service, look)))


def _counts(service: Service) -> Iterator[Finding]:
    name, facts = short(service.name, 60), {"service": service.name, "running": service.running, "desired": service.desired}
    if service.running < service.desired:
        line = Text(
            f"{name}: {service.running} of {service.desired} tasks run.",
            f"{name}: 태스크 {service.desired}개 중 {service.running}개 실행 중.",
        )
    else:
        line = Text(f"{name}: all {service.desired} tasks run.", f"{name}: 태스크 {service.desired}개 모두 실행 중.")
    yield Finding("tasks", line, {}, facts)


# What ECS says, in lower case, and what it speaks for.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
_SAID: Mapping[str, Mapping[Cause, int]] = {
    "unable to place a task": {Cause.CAPACITY: 3},
    "capacity is unavailable": {Cause.CAPACITY: 3, Cause.AWS_OUTAGE: 2},
    "failed elb health checks": {},
    "is unhealthy in": {},
    "unable to consistently start tasks": {Cause.BAD_DEPLOYMENT: 2},
    "deployment failed": {Cause.BAD_DEPLOYMENT: 3},
}


def _events(service: Service, look: Look) -> Iterator[Finding]:
    told: set[str] = set()
    for at, message in service.events:
        mark = next((mark for mark in _SAID if mark in message.lower()), None)
        if mark is None or mark in told or at < look.began - _EARLIER:
            continue
        told.add(mark)
        sentence = short(message, 160)
        yield Finding(
            "ecs-event", Text(f"ECS says: {sentence}", f"ECS 이벤트: {sentence}"), _SAID[mark], {"at": at, "event": message}
        )


def _service(cluster: str, item: Mapping[str, Any]) -> Service:
    return Service(
        cluster,
        item["serviceName"],
        item["runningCount"],
        item["desiredCount"],
        tuple(entry["targetGroupArn"] for entry in item.get("loadBalancers", ()) if entry.get("targetGroupArn")),
        tuple((event["createdAt"], event.get("message", "")) for event in item.get("events", ())),
    )


def wanted(look: Look) -> bool:
    """Whether the service runs on ECS."""
    return bool(look.targets("ClusterName", "ServiceName"))


SIGNAL = Signal("services", Text("ECS services", "ECS 서비스"), read, judge, wanted)
