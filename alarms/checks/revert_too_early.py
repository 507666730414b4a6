"""revert-too-early: capacity is taken back before anyone knows whether it helped."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each policy whose latest revert falls before its verdict or before a stable recovery."""
    for policy in subject.desired.alarm.policies:
        if policy.revert is None:
            continue
        at_latest, after_ok = policy.revert.at_latest_s, policy.revert.after_ok_s
        if at_latest <= policy.verify_within_s:
            yield Finding(
                f"{policy.action} is undone after {at_latest // 60} min at the latest, "
                f"and judged only after {policy.verify_within_s // 60} min"
            )
        elif at_latest < after_ok + subject.recovery_s:
            yield Finding(
                f"{policy.action} is undone after {at_latest // 60} min at the latest: {after_ok // 60} min of recovery "
                "can never pass before",
                "make at_latest longer than verify_within and after_ok together",
            )


RULE = Rule(
    level=Level.WARNING,
    what="A revert whose `at_latest` comes before the verdict, or before `after_ok` could ever pass.",
    why=(
        "`at_latest` is the deadline for a recovery that never comes. When it is shorter than the verification, help is taken "
        "back in the middle of the incident; when it is shorter than `after_ok`, recovery never decides anything."
    ),
    fix="give at_latest several hours: it is a safety net for cost, not a schedule",
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
        cooldown: 15 m
        verify_within: 15 m
        revert: {after_ok: 5 m, at_latest: 10 m}
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
