"""threshold-reach: a condition that is always, or never, true."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding when no value, or every value, of an AWS metric breaches. AWS's own metrics are never negative."""
    series, threshold = subject.single, subject.threshold
    if series is None or threshold is None or series.fact is None:
        return
    operator = str(subject.request.get("ComparisonOperator"))
    if threshold < 0 or (threshold == 0 and operator in ("GreaterThanOrEqualToThreshold", "LessThanThreshold")):
        verdict = "always" if subject.above else "never"
        yield Finding(f"{subject.desired.alarm.condition.text!r} is {verdict} true: {series.name} is never below 0")


RULE = Rule(
    level=Level.WARNING,
    what="A condition that every value meets, or none.",
    why="Counts, times, sizes and shares are never negative: `>= 0` rings as long as there is data, `< 0` never does.",
    fix="use > 0 for «any at all» and <= 0 for «none»",
    bad="""\
component: sqs
alarms:
  - id: dlq-not-empty
    metric: AWS/SQS ApproximateNumberOfMessagesVisible
    dimensions: {QueueName: image-jobs-dead}
    statistic: Maximum
    when: ">= 0"
    for: 1 m
    missing: not_breaching
""",
    good="""\
component: sqs
alarms:
  - id: dlq-not-empty
    metric: AWS/SQS ApproximateNumberOfMessagesVisible
    dimensions: {QueueName: image-jobs-dead}
    statistic: Maximum
    when: "> 0"
    for: 1 m
    missing: not_breaching
""",
    check=check,
)
