"""verify-too-early: the verdict falls before recovery could be seen."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.domain.alarm import Policy
from alarms.problem import Level
from alarms.rule import METRIC_DELAY_S, Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each changing policy that is judged before the alarm could be OK again."""
    specs = subject.context.actions.specs()
    for policy in subject.desired.alarm.policies:
        spec = specs.get(policy.action)
        if spec is None or not spec.changes:
            continue
        needed_s = subject.recovery_s + _work_s(policy)
        if policy.verify_within_s < needed_s:
            yield Finding(
                f"{policy.action} is judged after {policy.verify_within_s // 60} min, "
                f"but recovery cannot show before {-(-needed_s // 60)} min",
                f"verify_within: {-(-needed_s // 60)} m or more",
            )


def _work_s(policy: Policy) -> int:
    """Scaled consumers are given ``drain_within`` to empty the backlog; other actions are counted as instant."""
    drain = policy.parameters.get("drain_within", 0)
    return int(drain) if isinstance(drain, int | float) else 0


RULE = Rule(
    level=Level.WARNING,
    what="A `verify_within` that ends before the alarm could show recovery.",
    why=(
        "After the action works, as many good data points as break «M of N» must be published, up to "
        f"{METRIC_DELAY_S // 60} minutes late, and consumers first need their `drain_within`. Judged earlier, a run that helped "
        "is called no help, and people are called for nothing."
    ),
    fix="lengthen verify_within",
    bad="""\
component: ecs
alarms:
  - id: cpu-high
    metric: AWS/ECS CPUUtilization
    dimensions: {ClusterName: image, ServiceName: image-api}
    statistic: Average
    when: ">= 80 %"
    for: {period: 60 s, datapoints: 3 of 5}
    missing: missing
    remediate:
      - action: scale-service
        with: {cluster: image, service: image-api, max_tasks: 20}
        limits: [3 per hour, 10 per day]
        cooldown: 10 m
        verify_within: 5 m
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
    for: {period: 60 s, datapoints: 3 of 5}
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
