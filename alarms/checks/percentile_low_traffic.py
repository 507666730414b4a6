"""percentile-low-traffic: a percentile needs samples, and CloudWatch does not wait for them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a note for each percentile, with the number of samples a period it needs and what happens below."""
    series = subject.single
    if series is None or series.percentile is None or not 0 < series.percentile < 100:
        return
    samples = _samples_needed(series.percentile)
    if subject.request.get("EvaluateLowSampleCountPercentile") == "ignore":
        yield Finding(f"below {samples} samples a period the state freezes, even in ALARM ({series.stat}, low_samples: ignore)")
    else:
        yield Finding(f"below {samples} samples a period a few slow requests decide {series.stat} alone")


def _samples_needed(percentile: float) -> int:
    """CloudWatch's own border of "low": 10/(1-p) samples from the median up, 10/p below it."""
    p = percentile / 100
    return math.ceil(round(10 / (1 - p if p >= 0.5 else p), 6))


RULE = Rule(
    level=Level.NOTE,
    what="A percentile, with the number of samples a period that it needs to mean something.",
    why=(
        "CloudWatch calls a period low on samples below 10/(1-p): 100 requests for p90, 1000 for p99. It then either "
        "evaluates anyway, and a handful of slow requests at night rings, or (`low_samples: ignore`) leaves the state as it "
        "is, so that an alarm can stay in ALARM for as long as it is quiet."
    ),
    fix="expect it in quiet hours, use a lower percentile or a longer period, or Average where traffic is always low",
    bad="""\
component: api-gateway
alarms:
  - id: latency-p99
    metric: AWS/ApiGateway Latency
    dimensions: {ApiName: image-api, Stage: prod}
    statistic: p99
    when: ">= 2500 ms"
    for: 5 m
    missing: not_breaching
""",
    good="""\
component: api-gateway
alarms:
  - id: latency
    metric: AWS/ApiGateway Latency
    dimensions: {ApiName: image-api, Stage: prod}
    statistic: Average
    when: ">= 2500 ms"
    for: 5 m
    missing: not_breaching
""",
    check=check,
)
