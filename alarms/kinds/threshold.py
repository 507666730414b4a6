"""threshold: one metric's statistic against a fixed number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from alarms.kind import LowSamples, Metric, Shape, Statistic, Surroundings, Wrong, cloudwatch_dimensions
from alarms.quantity import When
from alarms.threshold_unit import condition


@dataclass(frozen=True, slots=True)
class Threshold:
    """One metric's statistic against a fixed number; the default kind.

    Example::

        - id: oldest-message-age
          title: Queue backlog delays processing
          metric: AWS/SQS ApproximateAgeOfOldestMessage
          statistic: Maximum
          dimensions: {QueueName: image-jobs}
          when: ">= 600 s"
          for: 15 m
          missing: not_breaching
          severity: critical
          runbook: docs/runbooks/sqs-oldest-message-age.md
          no_action: "The consumers are scaled by hand."
    """

    KIND: ClassVar[str] = "threshold"

    metric: Metric = field(metadata={"summary": "namespace and name, `AWS/SQS ApproximateAgeOfOldestMessage`"})
    statistic: Statistic = field(metadata={"summary": "Average, Maximum, Minimum, Sum, SampleCount, or p90, p99.9, tm90 …"})
    when: When = field(metadata={"summary": "what must not stay true, `>= 600 s`, in a unit that fits the metric's"})
    low_samples: LowSamples = field(
        default=LowSamples.EVALUATE,
        metadata={"summary": "percentiles only: `ignore` keeps the state while samples are few, even in ALARM"},
    )

    def compile(self, surroundings: Surroundings) -> Shape:
        """Return the members of a single-metric alarm. Unit is never sent: a wrong one would silence the alarm for ever."""
        members: dict[str, Any] = {
            "Namespace": self.metric.namespace,
            "MetricName": self.metric.name,
            "Dimensions": cloudwatch_dimensions(surroundings.dimensions),
            "Period": surroundings.window.period_s,
        }
        found = condition(self.when, self.metric, self.statistic.name)
        members |= self._statistic()
        return Shape(members | {"Threshold": found.threshold, "ComparisonOperator": found.operator.cloudwatch}, found)

    def _statistic(self) -> dict[str, str]:
        if self.low_samples is LowSamples.IGNORE and not self.statistic.percentile:
            raise Wrong("low_samples", f"{self.statistic.name} is no percentile", "leave out `low_samples`")
        if not self.statistic.extended:
            return {"Statistic": self.statistic.name}
        extended = {"ExtendedStatistic": self.statistic.name}
        return extended | ({"EvaluateLowSampleCountPercentile": self.low_samples.value} if self.statistic.percentile else {})
