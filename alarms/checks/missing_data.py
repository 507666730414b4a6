"""missing-data: silence is treated as a fault where it is normal, or as health where it is the fault."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.metrics import Trait
from alarms.problem import Level
from alarms.rule import Finding, Rule, Series, Subject

# What silence means for a metric of each kind, and why `breaching` is wrong for it.
_SILENT_BY_NATURE = {
    Trait.ONLY_NONZERO: "minutes without errors have no data",
    Trait.FRACTION: "minutes without requests have no data",
    Trait.LATENCY: "minutes without requests have no data",
    Trait.IDLE_STOPS: "an idle queue stops reporting",
    Trait.ONLY_WHILE_RUNNING: "a service scaled to zero has no data",
}


def check(subject: Subject) -> Iterator[Finding]:
    """Yield findings about ``missing`` where the metric's own silence is known."""
    if subject.missing == "breaching":
        yield from _silence_rings(subject)
    for series in subject.series:
        if series.name == "HealthyHostCount" and not subject.above and subject.missing != "breaching":
            yield Finding(
                "without any registered target HealthyHostCount is missing, not 0: the worst case does not ring",
                "use missing: breaching",
            )
        if series.has(Trait.ONLY_WHILE_RUNNING) and subject.missing == "notBreaching":
            yield Finding(
                f"a service that died looks healthy: {series.name} stops when no task runs",
                "use missing: missing, and a shortfall row for the tasks",
                level=Level.NOTE,
            )


def _silence_rings(subject: Subject) -> Iterator[Finding]:
    # Without FILL the math has no point where its inputs have none, and a ratio none where its base is zero.
    if "FILL(" in subject.expression:
        return
    if "/" in subject.expression:
        yield Finding("without requests the rate has no data, and missing: breaching rings then", "use missing: not_breaching")
        return
    for series in subject.series:
        reason = next((why for trait, why in _SILENT_BY_NATURE.items() if series.has(trait)), None)
        if reason is not None:
            yield Finding(f"{reason}, and missing: breaching rings then ({series.name})", _better(series))


def _better(series: Series) -> str:
    return "use missing: missing" if series.has(Trait.ONLY_WHILE_RUNNING) else "use missing: not_breaching"


RULE = Rule(
    level=Level.WARNING,
    what="`missing` that does not fit how the metric falls silent.",
    why=(
        "Error counts have no point in minutes without errors, rates and latencies none without requests, an idle queue stops "
        "after about six hours, a service's CPU when its last task ends. With `breaching` such an alarm rings at night about "
        "nothing. A count of healthy targets is the other way round: with no target at all it is missing, and only "
        "`breaching` sees that."
    ),
    fix="use not_breaching for errors, rates, latencies and queues, missing for utilisation, breaching for liveness",
    bad="""\
component: api-gateway
alarms:
  - id: 5xx-rate
    metric: AWS/ApiGateway 5XXError
    dimensions: {ApiName: image-api, Stage: prod}
    statistic: Average
    when: ">= 5 %"
    for: 3 m
    missing: breaching
""",
    good="""\
component: api-gateway
alarms:
  - id: 5xx-rate
    metric: AWS/ApiGateway 5XXError
    dimensions: {ApiName: image-api, Stage: prod}
    statistic: Average
    when: ">= 5 %"
    for: 3 m
    missing: not_breaching
""",
    check=check,
)
