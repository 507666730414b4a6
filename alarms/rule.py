"""What a lint rule is, and how it sees one compiled alarm.

A rule judges the request as CloudWatch would get it, not the YAML: every kind is held to the same rules, and a new kind
needs no new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alarms.desired import Desired
from alarms.domain.action import Actions
from alarms.metrics import MetricFact, Trait, metric
from alarms.problem import Level
from alarms.settings import Settings

METRIC_DELAY_S = 180  # how late AWS's one-minute points may be visible: one to three minutes


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found in one alarm. ``level`` replaces the rule's own where a case is milder or graver."""

    summary: str
    fix: str = ""
    why: str = ""
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One metric that an alarm reads. ``stat`` is a Statistic or an ExtendedStatistic; ``fact`` None when nothing is known."""

    id: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    stat: str
    period_s: int
    fact: MetricFact | None

    @property
    def label(self) -> str:
        """``AWS/SQS SentMessageSize``, as the YAML writes it."""
        return f"{self.namespace} {self.name}"

    def has(self, trait: Trait) -> bool:
        """Tell whether the metric is known to behave like ``trait``."""
        return self.fact is not None and self.fact.has(trait)

    @property
    def percentile(self) -> float | None:
        """99.9 for ``p99.9``; None for every other statistic."""
        if not self.stat.startswith("p"):
            return None
        try:
            return float(self.stat[1:])
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Context:
    """What rules may know beside the alarm. ``exists`` tells whether a path in the repository does; None: nobody can say."""

    settings: Settings
    actions: Actions
    exists: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """One alarm under judgement.

    ``series`` are the metrics it reads, ``expression`` its math, one expression a line (empty: none), ``context`` what else
    may be known.
    """

    desired: Desired
    series: tuple[Series, ...]
    expression: str
    context: Context

    @property
    def request(self) -> Mapping[str, Any]:
        """The members of PutMetricAlarm or PutCompositeAlarm."""
        return self.desired.request

    @property
    def single(self) -> Series | None:
        """The one metric that is compared as it is; None for math and for composites."""
        return self.series[0] if len(self.series) == 1 and not self.expression else None

    @property
    def threshold(self) -> float | None:
        """Threshold, in the metric's own unit."""
        value = self.request.get("Threshold")
        return None if value is None else float(value)

    @property
    def above(self) -> bool:
        """Whether large values breach."""
        return str(self.request.get("ComparisonOperator", "")).startswith("Greater")

    @property
    def missing(self) -> str:
        """TreatMissingData: missing, ignore, breaching or notBreaching."""
        return str(self.request.get("TreatMissingData", "missing"))

    @property
    def period_s(self) -> int:
        """Length of one period in seconds (the first metric's: all of one alarm are equal)."""
        return self.series[0].period_s if self.series else int(self.request.get("Period", 0))

    @property
    def periods(self) -> int:
        """EvaluationPeriods, N."""
        return int(self.request.get("EvaluationPeriods", 1))

    @property
    def datapoints(self) -> int:
        """DatapointsToAlarm, M."""
        return int(self.request.get("DatapointsToAlarm", self.periods))

    @property
    def recovery_s(self) -> int:
        """The earliest that good data can end the ALARM: as many good points as break M of N, and AWS's delay."""
        return (self.periods - self.datapoints + 1) * self.period_s + METRIC_DELAY_S


@dataclass(frozen=True, slots=True)
class Rule:
    """One lint rule. Its name is its file's: ``metric_unknown.py`` is ``metric-unknown``.

    ``what`` it finds, ``why`` that matters, the ``fix``; ``bad`` and ``good`` are YAML of a catalogue file, without the keys
    that do not matter here (title, severity, runbook, owner).
    """

    level: Level
    what: str
    why: str
    fix: str
    bad: str
    good: str
    check: Callable[[Subject], Iterable[Finding]]


def read(desired: Desired, context: Context) -> Subject:
    """Return ``desired`` as rules see it."""
    request = desired.request
    if "Metrics" in request:
        entries = request["Metrics"]
        series = tuple(_math_series(entry) for entry in entries if "MetricStat" in entry)
        return Subject(desired, series, _expressions(entries), context)
    if "MetricName" in request:
        return Subject(desired, (_single_series(request),), "", context)
    return Subject(desired, (), "", context)


def _expressions(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return every expression of a math alarm, one a line, the returned one last."""
    expressions = [entry for entry in entries if "Expression" in entry]
    return "\n".join(str(entry["Expression"]) for entry in sorted(expressions, key=lambda e: bool(e.get("ReturnData", True))))


def _single_series(request: Mapping[str, Any]) -> Series:
    stat = request.get("ExtendedStatistic") or request.get("Statistic") or ""
    return _series("", request, str(stat), int(request.get("Period", 60)))


def _math_series(entry: Mapping[str, Any]) -> Series:
    stat = entry["MetricStat"]
    return _series(str(entry["Id"]), stat["Metric"], str(stat["Stat"]), int(stat["Period"]))


def _series(identifier: str, source: Mapping[str, Any], stat: str, period_s: int) -> Series:
    namespace, name = str(source.get("Namespace", "")), str(source["MetricName"])
    dimensions = {item["Name"]: item["Value"] for item in source.get("Dimensions", ())}
    return Series(identifier, namespace, name, dimensions, stat, period_s, metric(namespace, name))
