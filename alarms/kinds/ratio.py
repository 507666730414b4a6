"""ratio: errors as a share of requests, by metric math."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from alarms.domain.alarm import Condition
from alarms.kind import Metric, Shape, Surroundings, Wrong, expression, metric_stat
from alarms.quantity import When, plain

_MAX_METRICS = 10  # of one math alarm, CloudWatch's hard limit


@dataclass(frozen=True, slots=True)
class Ratio:
    """Errors as a share of requests, in percent.

    The base is the larger of requests and errors, because a balancer does not count requests for which it found no
    target: the rate never passes 100 % and never vanishes in a full outage. A minute without either has no point.

    Example::

        - id: 5xx-rate
          title: Requests fail at the load balancer
          kind: ratio
          errors: [AWS/ApplicationELB HTTPCode_ELB_5XX_Count, AWS/ApplicationELB HTTPCode_Target_5XX_Count]
          of: AWS/ApplicationELB RequestCount
          min_requests: 20
          dimensions: {LoadBalancer: app/image/0123456789abcdef}
          when: ">= 3 %"
          for: 1 m
          missing: not_breaching
          severity: critical
          runbook: docs/runbooks/alb-5xx-rate.md
          no_action: "The cause decides."
    """

    KIND: ClassVar[str] = "ratio"

    errors: tuple[Metric, ...] = field(metadata={"summary": "the counters that are added up, each by its Sum"})
    of: Metric = field(metadata={"summary": "the counter of all requests, by its Sum"})
    when: When = field(metadata={"summary": "what must not stay true, `>= 3 %`"})
    min_requests: int | None = field(
        default=None, metadata={"summary": "with fewer requests in a period the rate counts as 0; left out: no such guard"}
    )

    def compile(self, surroundings: Surroundings) -> Shape:
        """Return the members of a metric-math alarm that returns exactly one series, the rate in percent."""
        self._check()
        counters = [metric_stat(f"m{n}", metric, "Sum", surroundings) for n, metric in enumerate((*self.errors, self.of), 1)]
        requests = f"m{len(counters)}"
        errors = "+".join(f"m{n}" for n in range(1, len(counters)))
        rate = "100*e1/e2" if self.min_requests is None else f"IF(e2>={self.min_requests},100*e1/e2,0)"
        metrics: list[dict[str, Any]] = [
            *counters,
            expression("e1", errors, "errors"),
            expression("e2", f"MAX([{requests},e1])", "requests"),
            expression("rate", rate, "error rate (%)", returned=True),
        ]
        threshold = float(self.when.value)
        members = {"Metrics": metrics, "Threshold": threshold, "ComparisonOperator": self.when.operator.cloudwatch}
        names = " + ".join(metric.name for metric in self.errors)
        measured = f"{self.of.namespace} ({names}) / {self.of.name}"
        return Shape(members, Condition(str(self.when), measured, self.when.operator, threshold, "%"))

    def _check(self) -> None:
        if self.when.unit != "%" or self.when.of:
            raise Wrong("when", f"`{self.when}` is not a rate", f"write `{self.when.operator.sign} {plain(self.when.value)} %`")
        if not 1 <= len(self.errors) <= _MAX_METRICS - 1:
            raise Wrong("errors", f"{len(self.errors)} counters of errors", f"from 1 to {_MAX_METRICS - 1}")
        if len({*self.errors, self.of}) != len(self.errors) + 1:
            raise Wrong("errors", "one counter is named twice", "errors and `of` are different metrics")
