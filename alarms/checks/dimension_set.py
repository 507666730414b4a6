"""dimension-set: a combination of dimensions under which AWS publishes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Series, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each metric whose dimensions are certainly not a published set."""
    for series in subject.series:
        fact = series.fact
        if fact is None or not fact.dimensions_whole or frozenset(series.dimensions) in fact.dimensions:
            continue
        yield Finding(f"{series.label} has no data by {_written(frozenset(series.dimensions))}", _fix(series))


def _fix(series: Series) -> str:
    known = sorted(series.fact.dimensions, key=lambda names: (len(names), sorted(names))) if series.fact else []
    return f"it is published by {'; '.join(_written(names) for names in known)}"


def _written(names: frozenset[str]) -> str:
    return " + ".join(sorted(names)) if names else "no dimension at all"


RULE = Rule(
    level=Level.WARNING,
    what="Dimensions that do not form a set by which AWS publishes the metric.",
    why=(
        "CloudWatch matches all dimensions exactly and nothing else: one too many or one too few is another metric, which "
        "does not exist, and the alarm never has data. Only metrics whose sets are wholly known to tocsin are judged."
    ),
    fix="use exactly one of the published sets",
    bad="""\
component: alb
alarms:
  - id: elb-5xx
    metric: AWS/ApplicationELB HTTPCode_ELB_5XX_Count
    dimensions: {LoadBalancer: app/image/0123456789abcdef, TargetGroup: targetgroup/image/0123456789abcdef}
    statistic: Sum
    when: "> 10"
    for: 5 m
    missing: not_breaching
""",
    good="""\
component: alb
alarms:
  - id: target-5xx
    metric: AWS/ApplicationELB HTTPCode_Target_5XX_Count
    dimensions: {LoadBalancer: app/image/0123456789abcdef, TargetGroup: targetgroup/image/0123456789abcdef}
    statistic: Sum
    when: "> 10"
    for: 5 m
    missing: not_breaching
""",
    check=check,
)
