"""runbook-missing: at 3 am the link leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding when the runbook is a path of this repository and no file is there."""
    runbook = subject.desired.alarm.runbook
    if subject.context.exists is None or not runbook or "://" in runbook:
        return
    if not subject.context.exists(runbook):
        yield Finding(f"no file {runbook}")


RULE = Rule(
    level=Level.WARNING,
    what="A runbook that is a path in the repository, where there is no file.",
    why="Whoever is woken by the alarm opens the runbook first. Addresses (https://…) are not looked up.",
    fix="write it (docs/runbooks/README.md shows how), or point `runbook` at what exists",
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
    runbook: docs/runbooks/not-written-yet.md
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
    runbook: docs/runbooks/sqs-oldest-message-age.md
""",
    check=check,
)
