"""How an ECS service's tasks do behind their load balancers: elbv2's own health checks. Pure but for ``observe``.

A service that is deployed blue/green has two target groups, of which one is empty while no deployment is under way: both
colours count as one. [elbv2 DescribeTargetHealth; ecs LoadBalancer.advancedConfiguration]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.domain.decision import Reason
from alarms.domain.errors import Permanent
from alarms.domain.text import Text
from remediators.action import Clients, Refusal

# States that tell nothing of the target: its group is in no use, or its checks are off.
_SILENT = ("unused", "unavailable")


@dataclass(frozen=True, slots=True)
class Target:
    """One registered target. ``address`` is its id (an IP address of a task), ``reason`` elbv2's code, "" when healthy."""

    address: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Targets:
    """What stands behind one load balancer of the service. ``unread`` is why it could not be read, "" when it could."""

    found: tuple[Target, ...] = ()
    unread: str = ""

    def count(self, *states: str) -> int:
        """Return how many targets are in one of ``states``."""
        return sum(target.state in states for target in self.found)

    def of(self, address: str) -> Target | None:
        """Return the target with this address, None when there is none."""
        return next((target for target in self.found if target.address == address), None)


def observe(clients: Clients, balancers: Sequence[Mapping[str, Any]]) -> tuple[Targets, ...]:
    """Read the targets of each of the service's ``loadBalancers`` (ecs DescribeServices); () when it has none.

    elbv2 DescribeTargetHealth, once a balancer, twice when the first colour is empty. What may not be read says so.
    """
    return tuple(_one(clients, balancer) for balancer in balancers)


def refusal(service: str, running: int, behind: Sequence[Targets]) -> Refusal | None:
    """Return why a service whose targets look like this should not be given more tasks; None when all are well.

    Three-valued: unhealthy targets are UNSAFE, targets of which nothing is known are UNKNOWN. Neither is a pass.
    """
    for targets in behind:
        unhealthy, healthy = targets.count("unhealthy", "unhealthy.draining"), targets.count("healthy")
        if unhealthy:
            return Refusal(Reason.UNSAFE, _unhealthy(service, targets, unhealthy, healthy))
        if targets.unread:
            return Refusal(
                Reason.UNKNOWN,
                Text(
                    f"Whether the targets of {service} are healthy could not be read ({targets.unread}).",
                    f"{service} 대상의 상태를 읽지 못했습니다({targets.unread}).",
                ),
            )
        if targets.count(*_SILENT) or not healthy or healthy + targets.count("initial") < running:
            return Refusal(
                Reason.UNKNOWN,
                Text(
                    f"{running} tasks of {service} run, {healthy} are known to be healthy behind the load balancer.",
                    f"{service} 태스크 {running}개가 실행 중이나 로드 밸런서에서 정상으로 확인된 것은 {healthy}개입니다.",
                ),
            )
    return None


def _one(clients: Clients, balancer: Mapping[str, Any]) -> Targets:
    groups = [balancer.get("targetGroupArn"), balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn")]
    if not groups[0]:
        return Targets(unread="a classic load balancer")
    try:
        found = tuple(_read(clients, groups[0]))
        if groups[1] and not any(target.state != "draining" for target in found):
            found += tuple(_read(clients, groups[1]))
    except Permanent as failure:
        return Targets(unread=failure.code or "error")
    return Targets(found)


def _read(clients: Clients, group: str) -> Iterator[Target]:
    for item in clients("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]:
        health = item.get("TargetHealth", {})
        yield Target(item["Target"]["Id"], health.get("State", "unavailable"), health.get("Reason", ""))


def _unhealthy(service: str, targets: Targets, unhealthy: int, healthy: int) -> Text:
    reasons = ", ".join(
        sorted({target.reason for target in targets.found if target.state.startswith("unhealthy") and target.reason})
    )
    why = f" ({reasons})" if reasons else ""
    return Text(
        f"{unhealthy} of {unhealthy + healthy} targets of {service} are unhealthy{why}: more tasks of the same would be so too.",
        f"{service} 대상 {unhealthy + healthy}개 중 {unhealthy}개가 비정상입니다{why}. 같은 태스크를 늘려도 마찬가지입니다.",
    )
