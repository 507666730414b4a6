"""Signal: which targets of the load balancer are healthy, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alarms.domain.alarm import Alarm
from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis import services
from remediators.diagnosis.finding import Finding, Look, Signal

_MOST_GROUPS = 5


@dataclass(frozen=True, slots=True)
class Health:
    """One target group: how many targets take traffic, how many do not, and the reasons of those."""

    group: str
    healthy: int
    unhealthy: int
    reasons: tuple[tuple[str, int], ...] = ()


def read(clients: Clients, look: Look, left_s: Callable[[], float]) -> tuple[Health, ...]:
    """Read elbv2 DescribeTargetHealth of the target groups of the service's ECS services and of its own targets."""
    arns = [_arn(look.alarm, target["TargetGroup"]) for target in look.targets("LoadBalancer", "TargetGroup")]
    if services.wanted(look):
        arns += [arn for service in services.read(clients, look, left_s) for arn in service.groups]
    found = []
    for arn in list(dict.fromkeys(arns))[:_MOST_GROUPS]:
        described = clients("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        states = [item.get("TargetHealth", {}) for item in described]
        # A draining or unused target is on its way out: neither healthy nor a failure.
        sick = [state for state in states if state.get("State") in ("unhealthy", "unhealthy.draining", "unavailable")]
        healthy = sum(state.get("State") == "healthy" for state in states)
        reasons = Counter(state.get("Reason", "no reason given") for state in sick)
        found.append(Health(arn.rsplit(":", 1)[-1], healthy, len(sick), tuple(sorted(reasons.items()))))
    return tuple(found)


# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
_SPEAKS_FOR: Mapping[str, Mapping[Cause, int]] = {
    "Target.Timeout": {Cause.CAPACITY: 1},
    "Target.ResponseCodeMismatch": {Cause.BAD_DEPLOYMENT: 1},
    "Elb.InternalError": {Cause.AWS_OUTAGE: 2},
}


def judge(seen: tuple[Health, ...], _: Look) -> tuple[Finding, ...]:
    """Say how many targets take traffic, and what the others failed at."""
    return tuple(_finding(group) for group in seen)


def _finding(group: Health) -> Finding:
    total = group.healthy + group.unhealthy
    name = group.group.split("/")[1] if group.group.count("/") >= 2 else group.group
    facts = {"group": group.group, "healthy": group.healthy, "total": total, "reasons": dict(group.reasons)}
    if not total:
        line = Text(f"Target group {name}: no target is registered.", f"대상 그룹 {name}: 등록된 대상이 없습니다.")
        return Finding("targets", line, {Cause.CAPACITY: 1}, facts)
    if not group.unhealthy:
        line = Text(f"Target group {name}: all {total} targets are healthy.", f"대상 그룹 {name}: 대상 {total}개 모두 정상.")
        return Finding("targets", line, {}, facts)
    reasons = ", ".join(f"{reason} x {count}" for reason, count in group.reasons)
    points: dict[Cause, int] = {}
    for reason, _count in group.reasons:
        points |= _SPEAKS_FOR.get(reason, {})
    line = Text(
        f"Target group {name}: {group.unhealthy} of {total} targets are unhealthy ({reasons}).",
        f"대상 그룹 {name}: 대상 {total}개 중 {group.unhealthy}개 비정상({reasons}).",
    )
    return Finding("targets", line, points, facts)


def _arn(alarm: Alarm, group: str) -> str:
    """Return a target group's ARN from the dimension's value ``targetgroup/<name>/<id>``."""
    partition = "aws-cn" if alarm.region.startswith("cn-") else "aws-us-gov" if alarm.region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:elasticloadbalancing:{alarm.region}:{alarm.account}:{group}"


def wanted(look: Look) -> bool:
    """Whether the service stands behind a load balancer that is known."""
    return services.wanted(look) or bool(look.targets("LoadBalancer", "TargetGroup"))


SIGNAL = Signal("targets", Text("load balancer targets", "로드 밸런서 대상"), read, judge, wanted)
