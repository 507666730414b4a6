"""limits-never-reached: a limit that something tighter always comes before."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.domain.alarm import Policy
from alarms.domain.bounds import Bounds, Limit
from alarms.problem import Level
from alarms.quantity import duration_text
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each limit of a row that a wider bound, or another word of the row itself, makes unreachable."""
    alarm = subject.desired.alarm
    for policy in alarm.policies:
        for step in (policy, *policy.otherwise):
            for limit in step.limits:
                if (finding := _unreachable(limit, step, alarm.bounds)) is not None:
                    yield finding


def _unreachable(limit: Limit, step: Policy, bounds: Bounds) -> Finding | None:
    for scope, held in bounds.limits.items():
        for bound in held:
            if limit.count > at_most(bound, limit.window_s):
                what = f"`limits.{scope}` of tocsin.yaml ({written(bound)}) stops it before"
                return Finding(f"{step.action} never runs {written(limit)}: {what}", "say less here, or more there")
    for other in step.limits:
        if limit.count > at_most(other, limit.window_s):
            what = f"the row's other limit ({written(other)}) stops it before"
            return Finding(f"{step.action} never runs {written(limit)}: {what}", "remove the limit", level=Level.NOTE)
    if limit.count > limit.window_s // step.cooldown_s + 1:
        what = f"the cooldown of {duration_text(step.cooldown_s)} lets it run less often on one resource"
        return Finding(f"{step.action} never runs {written(limit)}: {what}", "say less, or a shorter cooldown", level=Level.NOTE)
    return None


def at_most(bound: Limit, window_s: int) -> int:
    """Return how many runs ``bound`` lets into any window of ``window_s`` seconds."""
    return bound.count * -(-window_s // bound.window_s)


def written(limit: Limit) -> str:
    """Write a limit as people say it: ``10 per h``."""
    return f"{limit.count} per {duration_text(limit.window_s).removeprefix('1 ')}"


RULE = Rule(
    level=Level.WARNING,
    what="A limit that is never reached, because a wider bound, another limit or the cooldown comes first.",
    why=(
        "All limits hold together: the row's, and those of the policy, the service, the account and everything in tocsin.yaml. "
        "One that can never be reached promises more than will happen, and people wait for a run that never comes."
    ),
    fix="let the row's limits be the tightest of all: they count one policy on one resource",
    bad="""\
component: ecs
alarms:
  - id: cpu-high
    metric: AWS/ECS CPUUtilization
    dimensions: {ClusterName: image, ServiceName: image-api}
    statistic: Average
    when: ">= 80 %"
    for: 5 m
    missing: missing
    remediate:
      - action: scale-service
        with: {cluster: image, service: image-api, max_tasks: 20}
        limits: [20 per hour]
        cooldown: 1 m
        verify_within: 15 m
        revert: {after_ok: 30 m, at_latest: 6 h}
""",
    good="""\
component: ecs
alarms:
  - id: cpu-high
    metric: AWS/ECS CPUUtilization
    dimensions: {ClusterName: image, ServiceName: image-api}
    statistic: Average
    when: ">= 80 %"
    for: 5 m
    missing: missing
    remediate:
      - action: scale-service
        with: {cluster: image, service: image-api, max_tasks: 20}
        limits: [3 per hour, 10 per day]
        cooldown: 15 m
        verify_within: 15 m
        revert: {after_ok: 30 m, at_latest: 6 h}
""",
    check=check,
)
