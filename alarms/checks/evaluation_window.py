"""evaluation-window: periods and data points that CloudWatch refuses."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

DAY_S = 86_400
SHORT_PERIODS_S = (10, 20, 30)


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each rule of PutMetricAlarm's Period, EvaluationPeriods and DatapointsToAlarm that is broken."""
    if not subject.is_metric:
        return
    period, periods, datapoints = subject.period_s, subject.periods, subject.datapoints
    if period not in SHORT_PERIODS_S and (period < 60 or period % 60):
        yield Finding(f"a period of {period} s: CloudWatch takes 10, 20, 30 s and multiples of 60 s", "use 60 s")
    if not 1 <= datapoints <= periods:
        yield Finding(f"{datapoints} of {periods} data points cannot be", f"ask for 1 to {periods}")
    longest = 7 * DAY_S if period >= 3600 else DAY_S
    if period * periods > longest:
        yield Finding(
            f"{periods} periods of {period} s look back {period * periods} s; CloudWatch allows {longest} s at this period",
            "use longer periods, of an hour or more for up to seven days" if longest == DAY_S else "look back seven days at most",
        )
    if len({series.period_s for series in subject.series}) > 1:
        yield Finding("the metrics of one alarm have different periods", "give all of them the same period")


RULE = Rule(
    level=Level.ERROR,
    what="An evaluation window that CloudWatch refuses.",
    why=(
        "An alarm looks back at most a day (period times number of periods), or seven days with periods of an hour or more. A "
        "period is 10, 20 or 30 s or a multiple of 60 s, and no more data points can breach than are looked at."
    ),
    fix="use fewer or longer periods",
    bad="""\
component: sqs
alarms:
  - id: nothing-sent
    metric: AWS/SQS NumberOfMessagesSent
    dimensions: {QueueName: image-jobs}
    statistic: Sum
    when: "<= 0"
    for: {period: 300 s, datapoints: 300 of 300}
    missing: breaching
""",
    good="""\
component: sqs
alarms:
  - id: nothing-sent
    metric: AWS/SQS NumberOfMessagesSent
    dimensions: {QueueName: image-jobs}
    statistic: Sum
    when: "<= 0"
    for: {period: 3600 s, datapoints: 25 of 25}
    missing: not_breaching
""",
    check=check,
)
