"""ceiling-too-low: a ceiling under which the action can never act."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

LEAST = 2  # one task is what runs already; MaximumConcurrency of an event source mapping starts at 2


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each ceiling that leaves nothing to raise."""
    specs = subject.context.actions.specs()
    for policy in subject.desired.alarm.policies:
        for step in (policy, *policy.otherwise):
            spec = specs.get(step.action)
            for parameter in spec.parameters if spec and step.action.startswith("scale-") else ():
                value = step.parameters.get(parameter.name)
                if parameter.ceiling and isinstance(value, int) and value < LEAST:
                    yield Finding(f"{step.action} may never go above {parameter.name}: {value}, and so never acts")


RULE = Rule(
    level=Level.WARNING,
    what="A ceiling below which there is nothing left to raise.",
    why=(
        "One task is what runs before any remediation, and Lambda's MaximumConcurrency starts at 2. The policy would skip "
        "every time with the reason `at-ceiling`, and nobody would notice before the incident."
    ),
    fix="raise the ceiling, or state no_action",
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
        with: {cluster: image, service: image-api, max_tasks: 1}
        limits: [3 per hour, 10 per day]
        cooldown: 10 m
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
