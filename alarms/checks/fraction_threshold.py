"""fraction-threshold: percent where the metric is a fraction, or a fraction where it is percent."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.metrics import Trait
from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding when the threshold is off by the factor 100 between a share and percent."""
    series, threshold = subject.single, subject.threshold
    if series is None or threshold is None or series.fact is None:
        return
    if series.has(Trait.FRACTION) and series.stat == "Average" and threshold > 1:
        yield Finding(
            f"Average of {series.name} is a share from 0 to 1 and never reaches {threshold:g}",
            f"write `{threshold:g} %`, which compiles to {threshold / 100:g}",
        )
    if series.fact.unit == "Percent" and series.stat != "SampleCount" and 0 < threshold < 1:
        yield Finding(
            f"{series.name} is measured in percent: {threshold:g} is less than one percent",
            f"write `{threshold * 100:g} %`",
        )


RULE = Rule(
    level=Level.WARNING,
    what="A threshold that is 100 times too large or too small: percent against a share, or a share against percent.",
    why=(
        "The Average of API Gateway's 5XXError and of S3's 5xxErrors is errors by requests, from 0 to 1: compared with more than "
        "1 it can never ring. CPU and memory are measured in percent: 0.8 is less than one percent and always rings."
    ),
    fix="write percent as people say it, `80 %`: tocsin converts it to the metric's unit",
    bad="""\
component: ecs
alarms:
  - id: cpu-high
    metric: AWS/ECS CPUUtilization
    dimensions: {ClusterName: image, ServiceName: image-api}
    statistic: Average
    when: ">= 0.8 %"
    for: 5 m
    missing: missing
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
""",
    check=check,
)
