"""one-datapoint: one minute decides, and late data decides again."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.metrics import Trait
from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

_NOISY = (Trait.LATENCY, Trait.FRACTION, Trait.ONES, Trait.ONLY_WHILE_RUNNING)


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a note when a single minute of a noisy metric rings."""
    if subject.periods == 1 and subject.period_s <= 60 and any(s.has(trait) for s in subject.series for trait in _NOISY):
        yield Finding("one bad minute rings, and one good minute resolves: expect flapping")


RULE = Rule(
    level=Level.NOTE,
    what="An alarm on a rate, a latency or a load that one minute decides.",
    why=(
        "A single minute of such a metric is noisy, at low traffic most of all. AWS also revises the newest minute for a "
        "minute or two, so the state may change back on data that came late."
    ),
    fix="ask for two of three minutes, or keep it where the first minute matters",
    bad="""\
component: alb
alarms:
  - id: response-time-p90
    metric: AWS/ApplicationELB TargetResponseTime
    dimensions: {LoadBalancer: app/image/0123456789abcdef}
    statistic: p90
    when: ">= 2 s"
    for: 1 m
    missing: not_breaching
""",
    good="""\
component: alb
alarms:
  - id: response-time-p90
    metric: AWS/ApplicationELB TargetResponseTime
    dimensions: {LoadBalancer: app/image/0123456789abcdef}
    statistic: p90
    when: ">= 2 s"
    for: {period: 60 s, datapoints: 2 of 3}
    missing: not_breaching
""",
    check=check,
)
