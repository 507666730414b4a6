"""quotas: what one alarm may hold."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

# PutMetricAlarmInput and PutCompositeAlarmInput; the ten metrics are a hard limit of math alarms.
MOST_METRICS = 10
LONGEST_EXPRESSION = 2048
MOST_DIMENSIONS = 30
MOST_TAGS = 50
LONGEST_TAG = (128, 256)
MOST_ACTIONS = 5
LONGEST_RULE = 10_240
LONGEST_DESCRIPTION = 1024


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each quota that the compiled alarm exceeds."""
    for what, number, most in _counted(subject):
        if number > most:
            yield Finding(f"{number} {what}, CloudWatch takes {most}")
    for key, value in subject.desired.tags.items():
        if len(key) > LONGEST_TAG[0] or len(value) > LONGEST_TAG[1]:
            yield Finding(f"the tag {key[:40]!r} is longer than {LONGEST_TAG[0]} characters of key or {LONGEST_TAG[1]} of value")


def _counted(subject: Subject) -> Iterator[tuple[str, int, int]]:
    request = subject.request
    yield "characters in the description (title, runbook, notes)", len(request.get("AlarmDescription", "")), LONGEST_DESCRIPTION
    yield "metrics in one expression", len(subject.series), MOST_METRICS
    for expression in subject.expression.split("\n"):
        yield "characters in one expression", len(expression), LONGEST_EXPRESSION
    yield "characters in the rule of a composite alarm", len(request.get("AlarmRule", "")), LONGEST_RULE
    for series in subject.series:
        yield f"dimensions of {series.name}", len(series.dimensions), MOST_DIMENSIONS
    yield "tags", len(subject.desired.tags) + 1, MOST_TAGS  # apply adds one: the digest of what it wrote
    for kind in ("AlarmActions", "OKActions", "InsufficientDataActions"):
        yield kind, len(request.get(kind, ())), MOST_ACTIONS


RULE = Rule(
    level=Level.ERROR,
    what="An alarm with more in it than CloudWatch takes: description, metrics, expression, dimensions, tags or actions.",
    why=(
        "CloudWatch refuses the whole alarm when one part is too large: 1024 characters of description, 10 metrics and 2048 "
        "characters of expression, 30 dimensions, 50 tags, 5 actions per state."
    ),
    fix="shorten or split the row",
    bad=f"""\
component: jobs
alarms:
  - id: backlog
    metric: Example/Jobs Backlog
    dimensions: {{{", ".join(f"Part{n}: all" for n in range(1, 32))}}}
    statistic: Maximum
    when: "> 100"
    for: 5 m
    missing: missing
""",
    good="""\
component: jobs
alarms:
  - id: backlog
    metric: Example/Jobs Backlog
    dimensions: {Queue: images, Part: all}
    statistic: Maximum
    when: "> 100"
    for: 5 m
    missing: missing
""",
    check=check,
)
