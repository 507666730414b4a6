"""statistic-fit: a statistic that means nothing, or hides the fault, for its metric."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.metrics import Trait
from alarms.problem import Level
from alarms.rule import Finding, Rule, Series, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each metric read by a statistic that cannot say what is meant."""
    for series in subject.series:
        if (finding := _misfit(series)) is not None:
            yield finding


def _misfit(series: Series) -> Finding | None:
    name, stat = series.name, series.stat
    if series.has(Trait.ONES) and stat not in ("Sum", "SampleCount"):
        return Finding(f"{stat} of {name} is 1 in every period that has data: every sample is 1", "use Sum")
    if series.has(Trait.AGE) and stat != "Maximum":
        return Finding(f"{stat} of {name} hides the oldest message behind younger readings", "use Maximum")
    if series.has(Trait.FRACTION) and stat in ("Maximum", "Minimum"):
        return Finding(f"{stat} of {name} is 1 or 0: each sample is one request", "use Average (the rate) or Sum (the number)")
    if stat == "Sum" and series.has(Trait.LEVEL):
        return Finding(f"Sum of {name} adds readings up, and grows with how many there are", f"use {_useful(series)}")
    if stat == "Sum" and series.has(Trait.LATENCY):
        return Finding(f"Sum of {name} adds the times of all requests up", "use p90, p99 or Average")
    return None


def _useful(series: Series) -> str:
    useful = [stat for stat in series.fact.statistics if stat != "Sum"] if series.fact else []
    return " or ".join(useful) or "Average"


RULE = Rule(
    level=Level.WARNING,
    what="A statistic that means nothing for its metric, or hides what the alarm is for.",
    why=(
        "A load balancer reports each counted answer as one sample of value 1: its Average is always 1. Adding up readings of "
        "a level (CPU, queue depth, age) gives a number that depends on how often it was read. The oldest message is a "
        "maximum, and an average over readings can stay low while one message is stuck."
    ),
    fix="use the statistic that the metric is made for: Sum for counts, Average or Maximum for levels, Maximum for ages",
    bad="""\
component: alb
alarms:
  - id: elb-5xx
    metric: AWS/ApplicationELB HTTPCode_ELB_5XX_Count
    dimensions: {LoadBalancer: app/image/0123456789abcdef}
    statistic: Average
    when: "> 10"
    for: 5 m
    missing: not_breaching
""",
    good="""\
component: alb
alarms:
  - id: elb-5xx
    metric: AWS/ApplicationELB HTTPCode_ELB_5XX_Count
    dimensions: {LoadBalancer: app/image/0123456789abcdef}
    statistic: Sum
    when: "> 10"
    for: 5 m
    missing: not_breaching
""",
    check=check,
)
