"""fill-trap: FILL invents the newest minute, so N of N is decided by an invention."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

_FILLED = re.compile(r"FILL\(\s*([a-z][A-Za-z0-9_]*)", re.IGNORECASE)


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding when every data point must breach and FILL decides the newest one."""
    filled = set(_FILLED.findall(subject.expression))
    if filled and subject.datapoints == subject.periods:
        yield Finding(f"FILL({', '.join(sorted(filled))}) stands in for the newest minute, and all {subject.periods} must breach")


RULE = Rule(
    level=Level.WARNING,
    what="An expression with FILL whose alarm asks for N of N data points.",
    why=(
        "CloudWatch evaluates before the newest minute of every metric is published. FILL puts its value there each time, so "
        "the newest data point is always the invented one: with N of N the alarm never rings, or never stops."
    ),
    fix="ask for one point less than there are periods (5 of 6)",
    bad="""\
component: ecs
alarms:
  - id: running-below-desired
    kind: shortfall
    desired: ECS/ContainerInsights DesiredTaskCount
    running: ECS/ContainerInsights RunningTaskCount
    dimensions: {ClusterName: image, ServiceName: image-api}
    when: "> 0"
    for: {period: 60 s, datapoints: 5 of 5}
    missing: missing
""",
    good="""\
component: ecs
alarms:
  - id: running-below-desired
    kind: shortfall
    desired: ECS/ContainerInsights DesiredTaskCount
    running: ECS/ContainerInsights RunningTaskCount
    dimensions: {ClusterName: image, ServiceName: image-api}
    when: "> 0"
    for: {period: 60 s, datapoints: 5 of 6}
    missing: missing
""",
    check=check,
)
