"""slow-detection: how long the fault lasts before a critical alarm can ring."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.domain.alarm import Severity
from alarms.metrics import Trait
from alarms.problem import Level
from alarms.rule import METRIC_DELAY_S, Finding, Rule, Subject

SLOW_S = 20 * 60


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a note when a critical alarm needs SLOW_S or more from the fault's beginning to its first notification."""
    if subject.desired.alarm.severity is not Severity.CRITICAL or not subject.series:
        return
    detection_s = _ages_first(subject) + subject.datapoints * subject.period_s + METRIC_DELAY_S
    if detection_s >= SLOW_S:
        yield Finding(f"a critical alarm that rings {detection_s // 60:.0f} minutes after the fault began, at the earliest")


def _ages_first(subject: Subject) -> float:
    """Return how long an age grows to its threshold before the first point breaches."""
    series, threshold = subject.single, subject.threshold
    return threshold if series is not None and series.has(Trait.AGE) and threshold is not None else 0


RULE = Rule(
    level=Level.NOTE,
    what="A critical alarm that needs twenty minutes or more to ring.",
    why=(
        "All data points must breach first, AWS publishes them up to three minutes late, and an age must grow to its "
        "threshold before the first of them does."
    ),
    fix="shorten `for`, lower the threshold of an age, or give it a lower severity",
    bad="""\
component: sqs
alarms:
  - id: oldest-message-age
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    dimensions: {QueueName: image-jobs}
    statistic: Maximum
    when: ">= 600 s"
    for: 15 m
    missing: not_breaching
    severity: critical
""",
    good="""\
component: sqs
alarms:
  - id: oldest-message-age
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    dimensions: {QueueName: image-jobs}
    statistic: Maximum
    when: ">= 300 s"
    for: 5 m
    missing: not_breaching
    severity: critical
""",
    check=check,
)
