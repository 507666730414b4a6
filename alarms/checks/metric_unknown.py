"""metric-unknown: a name that AWS does not publish."""

from __future__ import annotations

from collections.abc import Iterator

from alarms import metrics
from alarms.problem import Level
from alarms.rule import Finding, Rule, Series, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield one finding for each metric that is certainly, or very likely, misspelt."""
    for series in subject.series:
        if series.fact is None:
            yield from _unknown(series)


def _unknown(series: Series) -> Iterator[Finding]:
    if (namespace := metrics.suggest_namespace(series.namespace)) is not None:
        yield Finding(f"no namespace {series.namespace!r}", f"did you mean {namespace!r}?")
    elif series.namespace in metrics.COMPLETE:
        yield Finding(f"{series.namespace} has no metric {series.name!r}", _meant(series) or RULE.fix)
    elif _meant(series):
        yield Finding(f"{series.namespace} is not known to have a metric {series.name!r}", _meant(series), level=Level.WARNING)


def _meant(series: Series) -> str:
    near = metrics.suggest(series.namespace, series.name)
    return f"did you mean {near!r}?" if near else ""


RULE = Rule(
    level=Level.ERROR,
    what="A metric or namespace that AWS does not publish under this name.",
    why="CloudWatch accepts an alarm on any name. An alarm on a metric that does not exist never has data and never rings.",
    fix="write the name as AWS spells it; a metric newer than this tocsin goes into alarms/metrics_supplement.json",
    bad="""\
component: sqs
alarms:
  - id: oldest-message-age
    metric: AWS/SQS ApproximateAgeOfOldestMesage
    dimensions: {QueueName: image-jobs}
    statistic: Maximum
    when: ">= 600"
    for: 15 m
    missing: not_breaching
""",
    good="""\
component: sqs
alarms:
  - id: oldest-message-age
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    dimensions: {QueueName: image-jobs}
    statistic: Maximum
    when: ">= 600 s"
    for: 15 m
    missing: not_breaching
""",
    check=check,
)
