"""period-too-short: a period shorter than the metric's own."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Series, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each AWS metric that has fewer points than the period asks for."""
    for series in subject.series:
        shortest = _shortest(series)
        if series.period_s < shortest:
            yield Finding(
                f"{series.name} has no point every {series.period_s} s: AWS publishes it every {shortest} s or more",
                f"use a period of {shortest} s or more",
            )


def _shortest(series: Series) -> int:
    if series.fact is not None:
        return series.fact.period_s
    return 60 if series.namespace.startswith("AWS/") else 0


RULE = Rule(
    level=Level.WARNING,
    what="A period in which the metric has no point: below a minute for AWS's own metrics, below five for volume sizes.",
    why=(
        "Periods of 10, 20 and 30 s work for custom metrics stored at high resolution; on AWS's metrics the alarm has no data "
        "and costs three times as much. The size of an Aurora volume is coarser still: at 60 s most periods are empty."
    ),
    fix="use a period of 60 s or more",
    bad="""\
component: aurora
alarms:
  - id: volume-large
    metric: AWS/RDS VolumeBytesUsed
    dimensions: {DBClusterIdentifier: image-db}
    statistic: Average
    when: "> 100 TiB"
    for: 5 m
    missing: missing
""",
    good="""\
component: aurora
alarms:
  - id: volume-large
    metric: AWS/RDS VolumeBytesUsed
    dimensions: {DBClusterIdentifier: image-db}
    statistic: Average
    when: "> 100 TiB"
    for: {period: 300 s, datapoints: 1 of 1}
    missing: missing
""",
    check=check,
)
