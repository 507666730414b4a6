"""container-insights: a metric that exists only when someone switched it on."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield one note for an alarm that reads any metric of Container Insights."""
    names = sorted({series.name for series in subject.series if series.namespace == "ECS/ContainerInsights"})
    if names:
        yield Finding(f"{' and '.join(names)}: published only with Container Insights on the cluster")


RULE = Rule(
    level=Level.NOTE,
    what="An alarm on a metric of Container Insights.",
    why=(
        "The cluster publishes these only after Container Insights is switched on (a paid setting of the cluster). Without it "
        "the alarm has no data: it stays in INSUFFICIENT_DATA, or rings with `missing: breaching`."
    ),
    fix="aws ecs update-cluster-settings --cluster NAME --settings name=containerInsights,value=enabled",
    bad="""\
component: ecs
alarms:
  - id: no-running-task
    metric: ECS/ContainerInsights RunningTaskCount
    dimensions: {ClusterName: image, ServiceName: image-api}
    statistic: Average
    when: "<= 0"
    for: 5 m
    missing: breaching
""",
    good="""\
component: ecs
alarms:
  - id: cpu-high
    metric: AWS/ECS CPUUtilization
    dimensions: {ClusterName: image, ServiceName: image-api}
    statistic: Average
    when: ">= 80 %"
    for: 5 m
    missing: missing
""",
    check=check,
)
