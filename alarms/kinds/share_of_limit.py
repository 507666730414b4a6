"""share_of_limit: one metric against a share of a limit that is resolved when the alarm is compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from alarms.domain.alarm import Condition
from alarms.kind import Metric, Shape, Statistic, Surroundings, Wrong, cloudwatch_dimensions, did_you_mean
from alarms.limits import Unresolved, limits
from alarms.quantity import When


@dataclass(frozen=True, slots=True)
class ShareOfLimit:
    """One metric against a share of a limit, as a plain alarm with the number that the share comes to.

    The limit is resolved at plan time from AWS, offline from what tocsin.yaml declares. Nothing is rounded: averages
    are fractions.

    Example::

        - id: connections-near-max
          title: Database connections nearly exhausted
          kind: share_of_limit
          metric: AWS/RDS DatabaseConnections
          statistic: Average
          dimensions: {DBInstanceIdentifier: image-db-1}
          when: "> 90 % of max_connections"
          for: 5 m
          missing: missing
          severity: critical
          runbook: docs/runbooks/aurora-connections-near-max.md
          no_action: "A person chooses which sessions end."
    """

    KIND: ClassVar[str] = "share_of_limit"

    metric: Metric = field(metadata={"summary": "namespace and name, in the unit of the limit"})
    when: When = field(metadata={"summary": "what must not stay true, `> 90 % of max_connections`"})
    statistic: Statistic = field(default=Statistic("Average"), metadata={"summary": "Average when left out"})

    def compile(self, surroundings: Surroundings) -> Shape:
        """Return the members of a single-metric alarm whose threshold is the share of the resolved limit."""
        share = self._share()
        try:
            resolved = surroundings.limit(self.when.of, surroundings.dimensions)
        except Unresolved as unresolved:
            raise Wrong("when", unresolved.summary, unresolved.fix) from None
        threshold = float(share * resolved.value)
        members: dict[str, Any] = {
            "Namespace": self.metric.namespace,
            "MetricName": self.metric.name,
            "Dimensions": cloudwatch_dimensions(surroundings.dimensions),
            "Period": surroundings.window.period_s,
            "ExtendedStatistic" if self.statistic.extended else "Statistic": self.statistic.name,
            "Threshold": threshold,
            "ComparisonOperator": self.when.operator.cloudwatch,
        }
        if self.statistic.percentile:
            members["EvaluateLowSampleCountPercentile"] = "evaluate"
        scale = float(100 / resolved.value)
        shown = Condition(str(self.when), str(self.metric), self.when.operator, threshold, "%", scale)
        return Shape(members, shown, (resolved.how,) if resolved.estimated else ())

    def _share(self) -> Decimal:
        known = limits()
        if not self.when.of:
            raise Wrong("when", f"`{self.when}` names no limit", f"write `… % of` and one of {', '.join(known)}")
        if self.when.of not in known:
            raise Wrong("when", f"there is no limit {self.when.of!r}", did_you_mean(self.when.of, known))
        if self.when.unit != "%" or not 0 < self.when.value <= 100:
            raise Wrong("when", f"`{self.when}` is not a share", f"write `{self.when.operator.sign} 90 % of {self.when.of}`")
        return self.when.value / 100
