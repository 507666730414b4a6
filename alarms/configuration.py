"""What an alarm is set to, in one normal form: the same whether it comes from a request or from DescribeAlarms.

CloudWatch fills in what a request leaves out, reorders lists and turns whole numbers into floats; two configurations are
equal here when CloudWatch would treat them alike. Everything is pure.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alarms.desired import Operation

Json = Any  # a JSON value

PUT_METRIC: Operation = "PutMetricAlarm"
PUT_COMPOSITE: Operation = "PutCompositeAlarm"

ACTION_FIELDS = ("AlarmActions", "OKActions", "InsufficientDataActions")
TAGS = "tags"  # stands beside the members in the record of the last apply

# The members that say what an alarm is, in the order people read them. New members go to the END: the record of the last
# apply is positional (see Applied), and a shorter record then means "was not set".
_METRIC_FIELDS = (
    "AlarmDescription",
    "ActionsEnabled",
    "Namespace",
    "MetricName",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Metrics",
    "Unit",
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "ComparisonOperator",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "EvaluationWindow",
    "WarmUpConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
    "ActionConfiguration",
    TAGS,
)
_COMPOSITE_FIELDS = (
    "AlarmDescription",
    "ActionsEnabled",
    "AlarmRule",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
    "ActionConfiguration",
    TAGS,
)
# What CloudWatch does when a member is left out. [botocore cloudwatch PutMetricAlarmInput]
_DEFAULTS: Mapping[str, Json] = {
    "AlarmDescription": "",
    "ActionsEnabled": True,
    "TreatMissingData": "missing",
    "EvaluateLowSampleCountPercentile": "evaluate",
    "EvaluationWindow": {"SlidingWindow": {}},
}
_METRIC_ONLY_DEFAULTS = frozenset({"TreatMissingData", "EvaluateLowSampleCountPercentile", "EvaluationWindow"})
_WHOLE_NUMBERS = (
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "EvaluationInterval",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)

Configuration = Mapping[str, Json]


def fields(operation: Operation) -> tuple[str, ...]:
    """Return the members that are compared for alarms made by ``operation``, action lists last."""
    ordered = _COMPOSITE_FIELDS if operation == PUT_COMPOSITE else _METRIC_FIELDS
    return tuple(field for field in ordered if field != TAGS) + ACTION_FIELDS


def normal(operation: Operation, members: Mapping[str, Json], account: str = "") -> dict[str, Json]:
    """Return the normal form of a request or of one alarm of DescribeAlarms; members that say nothing are left out.

    ``account`` is the alarm's own: a metric that names it says the same as one that names none.
    """
    found: dict[str, Json] = {}
    for field in fields(operation):
        value = members.get(field)
        if value is None and (operation == PUT_METRIC or field not in _METRIC_ONLY_DEFAULTS):
            value = _DEFAULTS.get(field)
        value = _normal_value(field, value, account)
        if value is not None and value != []:
            found[field] = value
    if operation == PUT_METRIC and "EvaluationPeriods" in found:
        found.setdefault("DatapointsToAlarm", found["EvaluationPeriods"])
    return found


def _normal_value(field: str, value: Json, account: str) -> Json:
    if value is None:
        return None
    if field == "Metrics":
        return _by((_normal_query(query, account) for query in value), "Id")
    return _NORMAL.get(field, _plain)(value)


def _normal_query(query: Mapping[str, Json], account: str) -> dict[str, Json]:
    """One MetricDataQuery of an alarm: ReturnData is true unless it says otherwise, an own account id says nothing."""
    entry = {key: _plain(value) for key, value in query.items() if value is not None}
    entry.setdefault("ReturnData", True)
    if account and entry.get("AccountId") == account:
        del entry["AccountId"]
    if "MetricStat" in entry:
        stat = dict(entry["MetricStat"])
        metric = dict(stat.get("Metric", {}))
        metric["Dimensions"] = _by(metric.get("Dimensions", ()), "Name")
        entry["MetricStat"] = {**stat, "Metric": metric}
    return entry


def _normal_action_configuration(value: Mapping[str, Json]) -> Json:
    """Propagation that is switched off says nothing; the key lists are sets."""
    propagation = {
        key: sorted(item) if isinstance(item, list) else item for key, item in value.get("AlarmTagsPropagation", {}).items()
    }
    return {"AlarmTagsPropagation": propagation} if propagation.get("Enabled") else None


def _by(items: Iterable[Mapping[str, Json]], key: str) -> list[dict[str, Json]]:
    return sorted((dict(item) for item in items), key=lambda item: str(item[key]))


def _plain(value: Json) -> Json:
    """Return ``value`` as JSON types, without members that are None."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def alarm_name(reference: str) -> str:
    """Return the alarm's name from a name or an alarm ARN."""
    return reference.split(":alarm:", 1)[1] if reference.startswith("arn:") and ":alarm:" in reference else reference


_NORMAL: Mapping[str, Callable[[Json], Json]] = {
    **dict.fromkeys(ACTION_FIELDS, lambda actions: sorted(set(actions))),
    **dict.fromkeys(_WHOLE_NUMBERS, int),
    "Dimensions": lambda dimensions: _by(dimensions, "Name"),
    "Threshold": float,
    "ActionsSuppressor": alarm_name,
    "ActionConfiguration": _normal_action_configuration,
}


def canonical(value: Json) -> str:
    """Return one text for equal values: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def digest(value: Json) -> str:
    """Return the first 16 hex digits of the SHA-256 of ``value``."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]


_MARK = 4  # characters (24 bits) that stand for one value in the record


def _mark(value: Json) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(canonical(value).encode()).digest()[:3]).decode()


_RECORD_VERSION = "1"
_NOT_SET = _mark(None)


@dataclass(frozen=True, slots=True)
class Applied:
    """What was last applied, as the tag ``tocsin:applied`` remembers it: a digest, a mark per member, a mark per action.

    A tag holds 256 characters, so not the values: enough to say of each member who moved it. The text is
    ``1/<digest>/<marks in the order of the members>/<AlarmActions>/<OKActions>/<InsufficientDataActions>``.
    """

    text: str
    digest: str
    marks: Mapping[str, str]
    actions: Mapping[str, frozenset[str]]

    @staticmethod
    def of(operation: Operation, wanted: Configuration, tags: Mapping[str, str]) -> Applied:
        """Return the record of applying ``wanted`` (in normal form) with ``tags``."""
        ordered = _COMPOSITE_FIELDS if operation == PUT_COMPOSITE else _METRIC_FIELDS
        values = {**wanted, TAGS: dict(tags)}
        marks = "".join(_mark(values.get(field)) for field in ordered)
        actions = ("".join(_mark(action) for action in wanted.get(field, ())) for field in ACTION_FIELDS)
        text = "/".join((_RECORD_VERSION, digest(values), marks, *actions))
        record = Applied.parse(operation, text)
        assert record is not None  # noqa: S101 - what was just written can be read
        return record

    @staticmethod
    def parse(operation: Operation, text: str | None) -> Applied | None:
        """Read a record; None when there is none, or when it was not written by this version of tocsin."""
        parts = (text or "").split("/")
        if len(parts) != 3 + len(ACTION_FIELDS) or parts[0] != _RECORD_VERSION:
            return None
        ordered = _COMPOSITE_FIELDS if operation == PUT_COMPOSITE else _METRIC_FIELDS
        marks = dict(zip(ordered, _split(parts[2]), strict=False))
        actions = {field: frozenset(_split(part)) for field, part in zip(ACTION_FIELDS, parts[3:], strict=True)}
        return Applied(text or "", parts[1], marks, actions)

    def was(self, field: str, value: Json) -> bool:
        """Tell whether ``field`` was last applied as ``value`` (normal form; None when not set)."""
        return self.marks.get(field, _NOT_SET) == _mark(value)

    def wrote(self, field: str, action: str) -> bool:
        """Tell whether ``action`` is one that the last apply put into the action list ``field``."""
        return _mark(action) in self.actions[field]

    def wrote_all(self, field: str, actions: Iterable[str]) -> bool:
        """Tell whether the action list ``field`` was last applied as exactly ``actions``."""
        return self.actions[field] == frozenset(_mark(action) for action in actions)


def _split(text: str) -> list[str]:
    return [text[start : start + _MARK] for start in range(0, len(text), _MARK)]
