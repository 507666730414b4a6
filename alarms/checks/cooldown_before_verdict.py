"""cooldown-before-verdict: the next run may start before this one is judged."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each changing policy whose cooldown ends before its own verification."""
    specs = subject.context.actions.specs()
    for policy in subject.desired.alarm.policies:
        spec = specs.get(policy.action)
        if spec is not None and spec.changes and policy.cooldown_s < policy.verify_within_s:
            yield Finding(
                f"{policy.action} may run again after {policy.cooldown_s // 60} min, "
                f"before the last run is judged ({policy.verify_within_s // 60} min)",
                "make cooldown at least verify_within",
            )


RULE = Rule(
    level=Level.NOTE,
    what="A cooldown shorter than the time in which a run is verified.",
    why=(
        "An alarm that flaps (rings, recovers, rings) begins a new episode. With a short cooldown it may be acted on again "
        "while the first run's effect is still being waited for. The resource's lock and the limits still hold."
    ),
    fix="make cooldown at least as long as verify_within",
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
        limits: [3 per hour, 10 per day]
        cooldown: 5 m
        verify_within: 10 m
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
        cooldown: 10 m
        verify_within: 10 m
        revert: {after_ok: 30 m, at_latest: 6 h}
""",
    check=check,
)
