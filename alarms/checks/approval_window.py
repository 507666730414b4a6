"""approval-window: a question that nobody can answer in time, or that outlives what it was asked about."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.domain.alarm import Policy, Severity
from alarms.problem import Level
from alarms.quantity import duration_text
from alarms.rule import Finding, Rule, Subject

SHORTEST_S = 300  # to be reached, read, decide and press
LONGEST_S = 4 * 3600
LONGEST_CRITICAL_S = 3600


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each step whose `approve_within` is too short to answer, or so long that the question grows stale."""
    longest = LONGEST_CRITICAL_S if subject.desired.alarm.severity is Severity.CRITICAL else LONGEST_S
    for policy in subject.desired.alarm.policies:
        for step in (policy, *policy.otherwise):
            if (finding := _window(step, longest)) is not None:
                yield finding


def _window(step: Policy, longest_s: int) -> Finding | None:
    waits = duration_text(step.approve_within_s)
    if step.approve_within_s < SHORTEST_S:
        return Finding(f"{step.action} waits {waits} for an approval: nobody is at the keyboard by then", "approve_within: 15 m")
    if step.approve_within_s <= longest_s:
        return None
    summary = (
        f"{step.action} waits {waits} for an approval: until then nothing else may act on the resource, and nobody is called"
    )
    return Finding(summary, f"approve_within: {duration_text(longest_s)} at most", level=Level.NOTE)


RULE = Rule(
    level=Level.WARNING,
    what="An `approve_within` below five minutes, or above four hours (one hour for a critical alarm).",
    why=(
        "People need minutes to be reached, to read and to press. While a question is open it holds the resource's lock, so no "
        "other remediation acts there, and only its end calls people. An answer to an old question is refused anyway as soon "
        "as the proposed change would be another one."
    ),
    fix="ask for as long as someone on call may need, and no longer than the situation lasts",
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
        approve_within: 2 m
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
        approve_within: 20 m
        revert: {after_ok: 30 m, at_latest: 6 h}
""",
    check=check,
)
