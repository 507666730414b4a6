"""What an alarm watches, read from a message: SNS's ``Trigger``, or the ``configuration`` of EventBridge and Lambda.

The two spell the same facts differently (``MetricStat`` or ``metricStat``, dimensions as a list or as a map, statistics in
upper case or not); this gives one ``Trigger`` and says what kind of alarm it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from alarms.domain.event import Shape, Trigger
from alarms.domain.readings import number, rows, table, text, whole

_RULE_MAX = 10240  # PutCompositeAlarm: AlarmRule
_EXPRESSION_MAX = 10000  # the longest of math (2048), Metrics Insights and PromQL
_MOST_METRICS = 30  # what is read of a list; CloudWatch allows ten metrics and thirty dimensions
# SNS shouts, PutMetricAlarm does not.
_STATISTICS = {
    "average": "Average",
    "sum": "Sum",
    "minimum": "Minimum",
    "maximum": "Maximum",
    "samplecount": "SampleCount",
    "sample_count": "SampleCount",
}
_MISSING = {
    "missing": "missing",
    "ignore": "ignore",
    "breaching": "breaching",
    "notbreaching": "notBreaching",
    "nonbreaching": "notBreaching",
}


def from_notification(trigger: Mapping[str, object]) -> tuple[Trigger, Shape]:
    """Read the ``Trigger`` of an SNS message."""
    listed, shape = _from_metrics(rows(trigger.get("Metrics")))
    statistic = text(trigger.get("Statistic"), 64) or text(trigger.get("ExtendedStatistic"), 64)
    if shape is Shape.UNKNOWN and text(trigger.get("MetricName")):
        shape = _statistic_shape(statistic, extended=trigger.get("StatisticType") == "ExtendedStatistic")
    operator = text(trigger.get("ComparisonOperator"), 64)
    if operator.endswith(("LowerThreshold", "UpperThreshold")):
        shape = Shape.ANOMALY
    seen = Trigger(
        namespace=text(trigger.get("Namespace")) or listed.namespace,
        metric=text(trigger.get("MetricName")) or listed.metric,
        statistic=_statistic(statistic) or listed.statistic,
        dimensions=listed.dimensions if trigger.get("Dimensions") is None else dimensions(trigger["Dimensions"]),
        period_s=whole(trigger.get("Period")) or listed.period_s,
        evaluation_periods=whole(trigger.get("EvaluationPeriods")),
        datapoints_to_alarm=whole(trigger.get("DatapointsToAlarm")),
        operator=operator or None,
        threshold=number(trigger.get("Threshold")),
        missing=missing(trigger.get("TreatMissingData")),
        unit=text(trigger.get("Unit"), 64) or None,
        metrics=listed.metrics,
        expression=listed.expression,
    )
    return seen, shape


def from_configuration(configuration: Mapping[str, object]) -> tuple[Trigger, Shape]:
    """Read the ``configuration`` of an EventBridge event or of a Lambda action."""
    rule = text(configuration.get("alarmRule"), _RULE_MAX)
    if rule:
        return composite(rule), Shape.COMPOSITE
    if any("scheduledquery" in key.casefold() for key in configuration):
        return Trigger(), Shape.LOG
    return _from_metrics(rows(configuration.get("metrics")))


def composite(rule: str) -> Trigger:
    """Return what a composite alarm watches."""
    return Trigger(alarm_rule=rule[:_RULE_MAX])


def dimensions(value: object) -> dict[str, str]:
    """Read dimensions from a list of ``{name, value}`` in either case, or from a map; an empty one from anything else."""
    if isinstance(value, dict):
        return {text(key): text(item) for key, item in list(value.items())[:_MOST_METRICS]}
    pairs = (table(item) for item in rows(value)[:_MOST_METRICS])
    named = ((text(_get(pair, "Name")), text(_get(pair, "Value"))) for pair in pairs)
    return {name: item for name, item in named if name}


def missing(value: object) -> str | None:
    """Return TreatMissingData as PutMetricAlarm spells it; old messages wrote ``- TreatMissingData:   missing``."""
    word = text(value, 128).rpartition(":")[2].strip().casefold()
    return _MISSING.get(word)


def _from_metrics(entries: list[object]) -> tuple[Trigger, Shape]:
    stats, expression, banded = [], "", ""
    for entry in map(table, entries[:_MOST_METRICS]):
        written = text(_get(entry, "Expression"), _EXPRESSION_MAX)
        if "ANOMALY_DETECTION_BAND" in written:
            banded = written
        elif written and (not expression or _get(entry, "ReturnData") is True):
            expression = written
        elif stat := table(_get(entry, "MetricStat")):
            stats.append(stat)
    if banded:
        return _described(stats[:1], banded, alone=not expression), Shape.ANOMALY
    if len(stats) == 1 and not expression:
        return _described(stats, "", alone=True), _statistic_shape(text(_get(stats[0], "Stat"), 64), extended=False)
    if stats or expression:
        return _described(stats, expression, alone=False), Shape.METRIC_MATH
    return Trigger(), Shape.UNKNOWN


def _described(stats: list[Mapping[str, object]], expression: str, *, alone: bool) -> Trigger:
    """Return what a Metrics list says; ``alone`` when one metric is what is watched, so that its name is the alarm's."""
    metrics = [table(_get(stat, "Metric")) for stat in stats]
    names = [(text(_get(metric, "Namespace")), text(metric.get("MetricName") or metric.get("name"))) for metric in metrics]
    targets = [dimensions(_get(metric, "Dimensions")) for metric in metrics]
    first = stats[0] if stats else {}
    single = alone and len(names) == 1
    return Trigger(
        namespace=names[0][0] or None if single else None,
        metric=names[0][1] or None if single else None,
        statistic=_statistic(text(_get(first, "Stat"), 64)) if single else None,
        # A math alarm over one resource has a target too: the dimensions that all its metrics share.
        dimensions=targets[0] if targets and all(target == targets[0] for target in targets) else None,
        period_s=whole(_get(first, "Period")),
        metrics=tuple(dict.fromkeys(f"{namespace} {name}".strip() for namespace, name in names)),
        expression=expression or None,
    )


def _get(entry: Mapping[str, object], name: str) -> object:
    """Return a member in SNS's spelling (``MetricStat``) or EventBridge's (``metricStat``)."""
    value = entry.get(name)
    return entry.get(name[0].lower() + name[1:]) if value is None else value


def _statistic(written: str) -> str | None:
    return _STATISTICS.get(written.casefold(), written) or None


def _statistic_shape(written: str, *, extended: bool) -> Shape:
    known = not written or written.casefold() in _STATISTICS
    return Shape.EXTENDED_STATISTIC if extended or not known else Shape.METRIC
