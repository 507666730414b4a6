"""What one metric alarm reads and how it is judged, prepared once per configuration. Pure but for the store it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.domain.alarm import Missing, Operator
from alarms.evaluate import Rule, low_sample
from alarms.metric_math import Expression, ExpressionError, results
from infra.local.alarm_rules import BAND_OPERATORS, invalid, period_of, returned
from infra.local.metric_store import Key, MetricStore, key_of, percentile

_OPERATORS = {operator.cloudwatch: operator for operator in Operator}
_MISSING = {missing.cloudwatch: missing for missing in Missing}


@dataclass(frozen=True, slots=True)
class Source:
    """One metric under one statistic; ``unit`` filters, None takes any."""

    key: Key
    statistic: str
    unit: str | None

    def read(self, store: MetricStore, starts: Sequence[int], period: int, now: float) -> list[float | None]:
        """Return one value per period. A metric in another unit than asked for has no data."""
        series = store.series(self.key)
        if self.unit is not None and series is not None and series.unit != self.unit:
            return [None] * len(starts)
        return store.points(self.key, self.statistic, starts, period, now)


@dataclass(frozen=True, slots=True)
class Watch:
    """A metric alarm, ready to be judged: what it reads, what is computed of it, which of all that is compared."""

    period_s: int
    rule: Rule
    sources: Mapping[str, Source]
    expressions: Mapping[str, Expression]
    compared: str
    statistic: str | None
    unit: str | None
    low_percentile: float | None

    def points(self, store: MetricStore, end: int, now: float) -> tuple[float | None, ...]:
        """Return the values of the evaluation range that ends at ``end`` (epoch seconds), newest last."""
        starts = range(end - self.rule.range * self.period_s, end, self.period_s)
        series = {name: source.read(store, starts, self.period_s, now) for name, source in self.sources.items()}
        return results(self.expressions, series, self.period_s)[self.compared]

    def too_few_samples(self, store: MetricStore, end: int, now: float) -> bool:
        """Tell whether the newest period has too few samples for the percentile, and the alarm asks to ignore such periods."""
        if self.low_percentile is None:
            return False
        source = self.sources[self.compared]
        samples = store.samples(source.key, end - self.period_s, self.period_s, now)
        return samples > 0 and low_sample(self.low_percentile, int(samples))


def prepare(config: Mapping[str, Any], beyond: int | None = None) -> Watch | None:
    """Read an alarm's members; None for an anomaly band, which is stored but not judged here.

    ``beyond`` is how many periods the evaluation range reaches beyond EvaluationPeriods. AwsError for math that cannot be read.
    """
    if config["ComparisonOperator"] in BAND_OPERATORS:
        return None
    if "Metrics" in config:
        sources, expressions, compared = _math(config["Metrics"])
        statistic = None
    else:
        statistic = config.get("Statistic") or config["ExtendedStatistic"]
        key = key_of(config["Namespace"], config["MetricName"], config.get("Dimensions", ()))
        sources, expressions, compared = {"m": Source(key, statistic, config.get("Unit"))}, {}, "m"
    low = percentile(statistic or "") if config.get("EvaluateLowSampleCountPercentile") == "ignore" else None
    return Watch(period_of(config), _rule(config, beyond), sources, expressions, compared, statistic, config.get("Unit"), low)


def parsed(entries: Sequence[Mapping[str, Any]]) -> dict[str, Expression]:
    """Read the expressions among ``entries``. AwsError for one that cannot be read, is unknown or needs itself."""
    expressions = {}
    for entry in entries:
        if "Expression" in entry:
            try:
                expressions[entry["Id"]] = Expression.parse(entry["Expression"])
            except ExpressionError as error:
                raise invalid(f"Error in expression '{entry['Id']}': {error}") from None
    series = {entry["Id"]: (None,) for entry in entries if "Expression" not in entry}
    try:
        results(expressions, series, 60)
    except ExpressionError as error:
        raise invalid(f"Error in Metrics: {error}") from None
    return expressions


def source_of(entry: Mapping[str, Any]) -> Source:
    """Read an entry with a MetricStat."""
    stat = entry["MetricStat"]
    metric = stat["Metric"]
    return Source(key_of(metric["Namespace"], metric["MetricName"], metric.get("Dimensions", ())), stat["Stat"], stat.get("Unit"))


def _math(
    entries: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, Source], dict[str, Expression], str]:
    sources = {entry["Id"]: source_of(entry) for entry in entries if "MetricStat" in entry}
    return sources, parsed(entries), returned(entries)[0]["Id"]


def _rule(config: Mapping[str, Any], beyond: int | None) -> Rule:
    periods = config["EvaluationPeriods"]
    return Rule(
        operator=_OPERATORS[config["ComparisonOperator"]],
        threshold=float(config["Threshold"]),
        evaluation_periods=periods,
        datapoints_to_alarm=config.get("DatapointsToAlarm", periods),
        missing=_MISSING[config.get("TreatMissingData", "missing")],
        evaluation_range=None if beyond is None else periods + beyond,
    )
