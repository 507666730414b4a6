"""connections-aggregated: a limit of one instance compared with the sum or mean of several."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

_ONE_OWNER = ({"DBInstanceIdentifier"}, {"ProxyName"})


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for DatabaseConnections by anything but an instance (or a proxy)."""
    for series in subject.series:
        by = set(series.dimensions)
        if series.label == "AWS/RDS DatabaseConnections" and by and not any(owner <= by for owner in _ONE_OWNER):
            yield Finding(
                f"DatabaseConnections by {' + '.join(sorted(by))} mixes instances, and the maximum is each instance's own"
            )


RULE = Rule(
    level=Level.WARNING,
    what="DatabaseConnections by cluster, class or engine.",
    why=(
        "max_connections is a limit of one instance. By cluster the metric averages writer and readers: the writer can be "
        "full while the mean is at half."
    ),
    fix="alarm on each DBInstanceIdentifier",
    bad="""\
component: aurora
alarms:
  - id: connections-high
    metric: AWS/RDS DatabaseConnections
    dimensions: {DBClusterIdentifier: image-db}
    statistic: Average
    when: "> 900"
    for: 5 m
    missing: missing
""",
    good="""\
component: aurora
alarms:
  - id: connections-high
    metric: AWS/RDS DatabaseConnections
    dimensions: {DBInstanceIdentifier: image-db-1}
    statistic: Average
    when: "> 900"
    for: 5 m
    missing: missing
""",
    check=check,
)
