"""shortfall: less runs than is wanted, by metric math."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from alarms.domain.alarm import Condition, Operator
from alarms.kind import Metric, Shape, Surroundings, Wrong, expression, metric_stat
from alarms.quantity import When


@dataclass(frozen=True, slots=True)
class Shortfall:
    """How many of the desired are not running.

    The value is ``desired - running``. Where one count has no point CloudWatch takes it for 0 in a subtraction, so a
    service of which nothing runs is short of all, one that is switched off (desired 0) of nothing; FILL, which would
    invent the newest minute while it is not published yet, is not needed. That newest minute can still lack one of
    the two: say ``5 of 6`` rather than ``5 of 5``, and wait at least the time that tasks take to start.

    Example::

        - id: running-below-desired
          title: Fewer tasks run than are wanted
          kind: shortfall
          desired: ECS/ContainerInsights DesiredTaskCount
          running: ECS/ContainerInsights RunningTaskCount
          dimensions: {ClusterName: image, ServiceName: image-api}
          when: "> 0"
          for: {period: 60 s, datapoints: 5 of 6}
          missing: missing
          severity: critical
          runbook: docs/runbooks/ecs-running-below-desired.md
          no_action: "Tasks that fail to start need their cause found."
    """

    KIND: ClassVar[str] = "shortfall"

    desired: Metric = field(metadata={"summary": "how many should run, by its Average"})
    running: Metric = field(metadata={"summary": "how many run, by its Average"})
    when: When = field(
        default_factory=lambda: When(Operator.GT, Decimal(0), ""),
        metadata={"summary": "how many may be short, `> 0` when left out"},
    )

    def compile(self, surroundings: Surroundings) -> Shape:
        """Return the members of a metric-math alarm that returns exactly one series, the shortfall as a count."""
        if self.when.unit or self.when.of or self.when.operator not in (Operator.GT, Operator.GE):
            raise Wrong("when", f"`{self.when}` is not a number that may be short", "write `> 0` or `>= 2`")
        if self.when.value < 0 or (self.when.value == 0 and self.when.operator is Operator.GE):
            raise Wrong("when", f"`{self.when}` always holds", "write `> 0`")
        if self.desired == self.running:
            raise Wrong("running", "desired and running are one metric", "name two")
        metrics = [
            metric_stat("m1", self.desired, "Average", surroundings),
            metric_stat("m2", self.running, "Average", surroundings),
            expression("shortfall", "m1-m2", "short of desired", returned=True),
        ]
        threshold = float(self.when.value)
        members = {"Metrics": metrics, "Threshold": threshold, "ComparisonOperator": self.when.operator.cloudwatch}
        measured = f"{self.desired.namespace} {self.desired.name} - {self.running.name}"
        return Shape(members, Condition(str(self.when), measured, self.when.operator, threshold, ""))
