"""dead-letter-age: what lies in a dead-letter queue ages for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alarms.metrics import Trait
from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

_DEAD_LETTERS = re.compile(r"(^|[-_.])(dlq|dead|deadletters?|dead[-_.]letters?)([-_.]|$)", re.IGNORECASE)


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for an age alarm whose queue is named like a dead-letter queue."""
    for series in subject.series:
        queue = series.dimensions.get("QueueName", "")
        if series.has(Trait.AGE) and _DEAD_LETTERS.search(queue.removesuffix(".fifo")):
            yield Finding(f"{queue} looks like a dead-letter queue: its messages only grow older, and the alarm never ends")


RULE = Rule(
    level=Level.WARNING,
    what="An age alarm on a queue that is named like a dead-letter queue.",
    why=(
        "Nothing consumes a dead-letter queue. Its oldest message ages until someone moves it or it expires: the alarm rings "
        "once and then for days, and scaling consumers does nothing for it."
    ),
    fix="watch that it is empty: AWS/SQS ApproximateNumberOfMessagesVisible, Maximum, > 0",
    bad="""\
component: sqs
alarms:
  - id: oldest-message-age
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    dimensions: {QueueName: image-jobs-dlq}
    statistic: Maximum
    when: ">= 600 s"
    for: 15 m
    missing: not_breaching
""",
    good="""\
component: sqs
alarms:
  - id: dlq-not-empty
    metric: AWS/SQS ApproximateNumberOfMessagesVisible
    dimensions: {QueueName: image-jobs-dlq}
    statistic: Maximum
    when: "> 0"
    for: 1 m
    missing: not_breaching
""",
    check=check,
)
