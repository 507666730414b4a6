"""The contract that every file in ``alarms/kinds`` fulfils, and the nouns that kinds are made of.

A kind is a frozen dataclass: its fields are the keys that a row of this kind may carry beside the common ones, its
docstring ends in a YAML example, ``compile`` turns it into CloudWatch's members for one target.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from alarms.domain.alarm import Condition
from alarms.limits import Resolve
from alarms.quantity import Window

_METRIC = re.compile(r"([A-Za-z0-9_.\-/#:]{1,255}) ([\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?)")
_PLAIN_STATISTICS = ("Average", "Maximum", "Minimum", "Sum", "SampleCount")
_NEAR = {"avg": "Average", "mean": "Average", "max": "Maximum", "min": "Minimum", "count": "SampleCount", "total": "Sum"}
_PERCENT = r"(?:\d{1,2}(?:\.\d{1,10})?|100)"
_VALUE = r"\d{1,15}(?:\.\d{1,10})?"
# Of a range one bound may be left out, and both are percents or both are values. [CloudWatch user guide, statistics definitions]
_RANGE = "|".join(f"{bound}:(?:{bound})?|:{bound}" for bound in (f"{_PERCENT}%", _VALUE))
_EXTENDED = re.compile(
    rf"p{_PERCENT}|(?:tm|wm|tc|ts){_PERCENT}|IQM|PR\((?:{_VALUE}:(?:{_VALUE})?|:{_VALUE})\)|(?:TM|WM|TC|TS)\((?:{_RANGE})\)"
)


class Wrong(ValueError):
    """A row that cannot become an alarm: which field, what is wrong, what would be right."""

    def __init__(self, field: str, summary: str, fix: str = "") -> None:
        super().__init__(summary)
        self.field, self.summary, self.fix = field, summary, fix


class LowSamples(StrEnum):
    """What a percentile of too few samples does: ``evaluate`` it all the same, or ``ignore`` it and keep the state."""

    EVALUATE = "evaluate"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by namespace and name, written ``AWS/SQS ApproximateAgeOfOldestMessage``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace} {self.name}"

    @staticmethod
    def parse(text: str) -> Metric:
        """Read ``namespace name``; ValueError when it is something else."""
        match = _METRIC.fullmatch(text.strip())
        if match is None or match[1].startswith(":"):
            raise ValueError(f"{text!r} is not a metric: write namespace and name, as in `AWS/SQS ApproximateAgeOfOldestMessage`")
        return Metric(match[1], match[2])


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic: plain (``Average``) or extended (``p90``, ``tm99``)."""

    name: str

    @property
    def extended(self) -> bool:
        """Whether CloudWatch wants it as ExtendedStatistic."""
        return self.name not in _PLAIN_STATISTICS

    @property
    def percentile(self) -> bool:
        """Whether it is a percentile, which needs enough samples."""
        return self.name.startswith("p")

    @staticmethod
    def parse(text: str) -> Statistic:
        """Read a statistic; ValueError, with the nearest one, when there is none of that name."""
        if text in _PLAIN_STATISTICS or _EXTENDED.fullmatch(text):
            return Statistic(text)
        near = (
            _NEAR.get(text.lower())
            or nearest(text, _PLAIN_STATISTICS)
            or (text.lower() if _EXTENDED.fullmatch(text.lower()) else "")
        )
        hint = f"did you mean {near!r}?" if near else f"one of {', '.join(_PLAIN_STATISTICS)}, p90, tm90 …"
        raise ValueError(f"there is no statistic {text!r}; {hint}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a kind is compiled for: one target's dimensions, the window, and a way to resolve limits."""

    dimensions: Mapping[str, str]
    window: Window
    limit: Resolve


@dataclass(frozen=True, slots=True)
class Shape:
    """A compiled kind. ``members`` are PutMetricAlarm's members that the kind decides; ``notes`` are worth telling in `check`."""

    members: Mapping[str, Any]
    condition: Condition
    notes: tuple[str, ...] = ()


class Kind(Protocol):
    """One alarm shape."""

    KIND: ClassVar[str]

    def compile(self, surroundings: Surroundings) -> Shape:
        """Return CloudWatch's members for one target; raises Wrong when the row cannot become an alarm. Pure."""
        ...


def cloudwatch_dimensions(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    """Return ``dimensions`` as CloudWatch's members, in the order of their names."""
    return [{"Name": name, "Value": dimensions[name]} for name in sorted(dimensions)]


def metric_stat(identifier: str, metric: Metric, statistic: str, surroundings: Surroundings) -> dict[str, Any]:
    """Return one entry of ``Metrics`` that brings a metric into an expression and is not itself compared."""
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": cloudwatch_dimensions(surroundings.dimensions),
            },
            "Period": surroundings.window.period_s,
            "Stat": statistic,
        },
        "ReturnData": False,
    }


def expression(identifier: str, text: str, label: str, *, returned: bool = False) -> dict[str, Any]:
    """Return one entry of ``Metrics`` that holds an expression; exactly one of an alarm is ``returned``."""
    return {"Id": identifier, "Expression": text, "Label": label, "ReturnData": returned}


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate that ``word`` most likely means, empty when none is near."""
    names = list(candidates)
    folded = {name.casefold(): name for name in names}
    found = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return ``did you mean 'x'?``, or the candidates when none is near and they are few."""
    names = sorted(candidates)
    near = nearest(word, names)
    if near:
        return f"did you mean {near!r}?"
    return f"one of {', '.join(names)}" if 0 < len(names) <= 12 else ""
