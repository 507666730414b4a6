"""remediate-mismatch: an action that cannot help this alarm."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.domain.alarm import Policy
from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each step whose action does not act on what the alarm measures."""
    for policy in subject.desired.alarm.policies:
        for step in (policy, *policy.otherwise):
            if (finding := _mismatch(subject, step)) is not None:
                yield finding


def _mismatch(subject: Subject, step: Policy) -> Finding | None:
    namespaces = {series.namespace for series in subject.series}
    if step.action == "scale-consumers" and subject.series and "AWS/SQS" not in namespaces:
        return Finding("scale-consumers needs a queue, and this alarm reads none", "use it on an AWS/SQS metric with a QueueName")
    if step.action == "redrive-dead-letters":
        return _redrive(subject, step)
    if step.action != "scale-service":
        return None
    if "AWS/RDS" in namespaces:
        return Finding(
            "scale-service on a database alarm: more tasks open more connections and make it worse",
            "state no_action, or remediate the database itself",
        )
    if "AWS/SQS" in namespaces:
        return Finding("scale-service does not look at the backlog", "use scale-consumers, which sizes by it", level=Level.NOTE)
    return _another_service(subject, step)


def _redrive(subject: Subject, step: Policy) -> Finding | None:
    """Return a finding for an alarm without a dead-letter queue, or for letters that would go back to where they lie."""
    if subject.series and all(series.namespace != "AWS/SQS" for series in subject.series):
        return Finding(
            "redrive-dead-letters needs a dead-letter queue, and this alarm reads none", "use it on the queue's own alarm"
        )
    watched = {series.dimensions.get("QueueName") for series in subject.series}
    if step.parameters.get("source") not in watched:
        return None
    summary = f"redrive-dead-letters moves letters of {step.parameters['source']} back to itself: the alarm watches the source"
    return Finding(summary, "let the row watch the dead-letter queue; `source` is the queue that the letters came from")


def _another_service(subject: Subject, step: Policy) -> Finding | None:
    """Return a finding for a service's own alarm that scales another service: a slip of the pen, most likely."""
    watched = {s.dimensions["ServiceName"] for s in subject.series if "ServiceName" in s.dimensions}
    scaled = step.parameters.get("service")
    if not watched or scaled is None or scaled in watched:
        return None
    return Finding(f"watches the service {', '.join(sorted(watched))} and scales {scaled}", "let each service scale itself")


RULE = Rule(
    level=Level.WARNING,
    what="A remediation that does not act on what the alarm measures.",
    why=(
        "scale-consumers reads a queue's backlog and needs one. More tasks in front of a full database open more connections. "
        "An alarm of one service that scales another one cannot be verified by its own metric. Dead letters are moved from the "
        "queue that the alarm watches."
    ),
    fix="choose an action that moves the alarm's own metric, or state no_action",
    bad="""\
component: aurora
alarms:
  - id: cpu-high
    metric: AWS/RDS CPUUtilization
    dimensions: {DBInstanceIdentifier: image-db-1}
    statistic: Average
    when: ">= 80 %"
    for: 5 m
    missing: missing
    remediate:
      - action: scale-service
        with: {cluster: image, service: image-api, max_tasks: 20}
        limits: [3 per hour, 10 per day]
        cooldown: 10 m
        verify_within: 10 m
        revert: {after_ok: 30 m, at_latest: 6 h}
""",
    good="""\
component: aurora
alarms:
  - id: cpu-high
    metric: AWS/RDS CPUUtilization
    dimensions: {DBInstanceIdentifier: image-db-1}
    statistic: Average
    when: ">= 80 %"
    for: 5 m
    missing: missing
    no_action: "A slow query would fill a larger instance too: a person looks first."
""",
    check=check,
)
