"""newest-minute: the newest data point of an expression is not whole yet, and the alarm waits for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

_FILL = re.compile(r"\bFILL\(", re.IGNORECASE)
_DIFFERENCE = re.compile(r"\bm\d+\s*-\s*m\d+\b")


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding when all data points must breach and the newest one is made of what is not published yet."""
    if not subject.expression or subject.datapoints < subject.periods:
        return
    all_of = f"{subject.datapoints} of {subject.periods}"
    fix = f"ask for {subject.datapoints} of {subject.periods + 1}"
    if _FILL.search(subject.expression):
        yield Finding(f"FILL invents the newest minute each time, and {all_of} counts it", fix)
    elif _DIFFERENCE.search(subject.expression):
        yield Finding(f"a count that is not published yet is taken for 0 in the newest minute, and {all_of} counts it", fix)


RULE = Rule(
    level=Level.WARNING,
    what="A difference of two metrics, or an expression with FILL, that asks for all of its data points.",
    why=(
        "CloudWatch evaluates before the newest minute of every metric is published. In a subtraction it takes the missing one "
        "for 0; FILL puts its own value there each time. Where all points must breach, that invented one decides: the alarm "
        "rings late, ends too early, or never rings."
    ),
    fix="ask for one data point less than there are periods (5 of 6)",
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
