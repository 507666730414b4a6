"""From a condition as people write it to the number that CloudWatch compares, and back for messages."""

from __future__ import annotations

from decimal import Decimal

from alarms import metrics
from alarms.domain.alarm import Condition
from alarms.kind import Metric, Wrong, did_you_mean
from alarms.quantity import FRACTION, STANDARD, WRITTEN, When, plain

_FAMILY_NAMES = {
    "time": "time",
    "size": "bytes",
    "rate": "bytes per second",
    "share": "percent",
    "count": "a count",
    "frequency": "per second",
}

_LONG_UNITS = {
    "sec": "s",
    "second": "s",
    "msec": "ms",
    "milli": "ms",
    "millisecond": "ms",
    "minute": "min",
    "hour": "h",
    "day": "d",
    "percent": "%",
    "pct": "%",
    "byte": "B",
    "gb": "GB",
    "mb": "MB",
    "gib": "GiB",
    "mib": "MiB",
}


def condition(when: When, metric: Metric, statistic: str) -> Condition:
    """Return the condition on a metric's own statistic; raises Wrong when the unit does not fit the metric's.

    A metric of unknown unit takes the number as it is written.
    """
    if when.of:
        raise Wrong("when", f"`{when}` takes a share of a limit", "say `kind: share_of_limit`, or leave out `of …`")
    if when.unit not in WRITTEN:
        raise Wrong("when", f"there is no unit {when.unit!r}", _unit_hint(when.unit))
    own = _own_unit(metric, statistic)
    if own is None:
        return _condition(when, metric, when.value, Decimal(1))
    family, factor, sign = own
    written_family, written_factor = WRITTEN[when.unit]
    if family != written_family:
        raise Wrong("when", _misfit(when, metric, family), f"write `{_example(when, sign)}`")
    return _condition(when, metric, when.value * written_factor / factor, factor / written_factor)


def _unit_hint(unit: str) -> str:
    folded = unit.lower().rstrip("s") or unit
    meant = next((short for word, short in _LONG_UNITS.items() if folded in (word, f"{word}s")), "")
    return f"did you mean {meant!r}?" if meant else did_you_mean(unit, (known for known in WRITTEN if known))


def _condition(when: When, metric: Metric, threshold: Decimal, scale: Decimal) -> Condition:
    return Condition(str(when), str(metric), when.operator, float(threshold), when.unit, float(scale))


def _own_unit(metric: Metric, statistic: str) -> tuple[str, Decimal, str] | None:
    if statistic == "SampleCount":
        return STANDARD["Count"]
    fact = metrics.metric(metric.namespace, metric.name)
    if fact is None or fact.unit is None:
        return None
    if fact.has(metrics.Trait.FRACTION) and statistic != "Sum":
        return FRACTION
    return STANDARD.get(fact.unit)


def _misfit(when: When, metric: Metric, family: str) -> str:
    if not when.unit:
        return f"`{when}` has no unit, and {metric} is measured in {_FAMILY_NAMES[family]}"
    return f"`{when}` does not fit {metric}, which is measured in {_FAMILY_NAMES[family]}"


def _example(when: When, sign: str) -> str:
    return f"{when.operator.sign} {plain(when.value)} {sign}".rstrip()
