"""breaker-never-opens: a policy runs so seldom that its failures are never counted together."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.domain.alarm import Policy
from alarms.domain.bounds import Breaker
from alarms.problem import Level
from alarms.quantity import duration_text
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each changing policy that cannot fail often enough on one resource to be closed."""
    specs, breaker = subject.context.actions.specs(), subject.desired.alarm.bounds.breaker
    for policy in subject.desired.alarm.policies:
        spec = specs.get(policy.action)
        runs = most_runs(policy, breaker) if spec is not None and spec.changes else breaker.no_help
        if runs < breaker.no_help:
            yield Finding(
                f"{policy.action} runs at most {runs} time{'s' * (runs > 1)} in {duration_text(breaker.within_s)}, "
                f"and is closed only after {breaker.no_help} that did not help in that time",
                "say a longer `breaker: {within: …}` in tocsin.yaml, or let a person decide: `mode: approve`",
            )


def most_runs(policy: Policy, breaker: Breaker) -> int:
    """Return how often ``policy`` can run on one resource within the breaker's time, one run ended before the next begins."""
    apart_s = max(policy.cooldown_s, 1)
    allowed = [limit.count * -(-breaker.within_s // limit.window_s) for limit in policy.limits]
    return min([breaker.within_s // apart_s + 1, *allowed])


RULE = Rule(
    level=Level.NOTE,
    what="A policy whose limits or cooldown let it run too seldom for its breaker ever to open.",
    why=(
        "The breaker closes a policy that did not help several times within its time. Where one run a day is allowed and the "
        "breaker looks back six hours, a remedy that never helps is tried again every day, for ever."
    ),
    fix="make the breaker look back as far as the policy's own limits do",
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
        limits: [1 per day]
        cooldown: 15 m
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
