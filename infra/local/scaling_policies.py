"""Target tracking, decided once a minute. Pure but for what a policy remembers.

AWS's rules as documented: out when the metric was above the target for three minutes, in when it was below nine tenths of it
for fifteen; capacity is sized in proportion; a larger need is met during the cool-down of a scale-out, a smaller one waits.
[Application Auto Scaling user guide, target tracking]
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from infra.local.scaling_model import Tracking

OUT_AFTER = 3
IN_AFTER = 15
IN_BELOW = 0.9
COOLDOWN_S = 300  # ECS's default for both directions


def track(policy: Tracking, value: float | None, current: int, now: datetime) -> int | None:
    """Take one minute's ``value`` in; return the capacity that the policy wants, None when it wants nothing.

    A minute without data ends neither count and changes nothing. With no tasks there is nothing to multiply.
    """
    if value is None or current == 0:
        return None
    target = float(policy.configuration["TargetValue"])
    policy.above = policy.above + 1 if value > target else 0
    policy.below = policy.below + 1 if value < IN_BELOW * target else 0
    wanted = max(math.ceil(current * value / target), 1)
    if policy.above >= OUT_AFTER and wanted > current:
        cooling = _cools(policy.out_at, policy.configuration, "ScaleOutCooldown", now)
        return None if cooling and wanted <= policy.out_to else wanted
    if policy.below >= IN_AFTER and wanted < current and not policy.configuration.get("DisableScaleIn", False):
        waits = _cools(policy.in_at, policy.configuration, "ScaleInCooldown", now)
        return None if waits or _cools(policy.out_at, policy.configuration, "ScaleOutCooldown", now) else wanted
    return None


def metric_of(policy: Tracking, cluster: str, service: str) -> dict[str, Any]:
    """Return what a policy watches: Namespace, MetricName, Dimensions, Statistic.

    NotImplementedError for predefined metrics of other services and for math.
    """
    predefined = policy.configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    names = {"ECSServiceAverageCPUUtilization": "CPUUtilization", "ECSServiceAverageMemoryUtilization": "MemoryUtilization"}
    if predefined in names:
        dimensions = [{"Name": "ClusterName", "Value": cluster}, {"Name": "ServiceName", "Value": service}]
        return {"Namespace": "AWS/ECS", "MetricName": names[predefined], "Dimensions": dimensions, "Statistic": "Average"}
    customised = policy.configuration.get("CustomizedMetricSpecification")
    if not customised or "MetricName" not in customised:
        raise NotImplementedError(f"the embedded Application Auto Scaling cannot track {predefined or 'metric math'}")
    return {"Statistic": "Average", "Dimensions": [], **customised}


def _cools(since: datetime | None, configuration: dict[str, Any], name: str, now: datetime) -> bool:
    return since is not None and (now - since).total_seconds() < configuration.get(name, COOLDOWN_S)
