"""What an alarm says when its state changes, in AWS's own shapes: the SNS message and the EventBridge event. Pure.

Sources: CloudWatch User Guide, "Schema of Amazon SNS notifications" and "Alarm events and EventBridge"; recorded messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.alarm_store import COMPOSITE, AlarmRecord
from infra.local.arns import DISPLAY_NAMES, Place

# CloudWatch's own words for the statistics, in the SNS message only.
_STATISTICS = {
    "Average": "AVERAGE",
    "Sum": "SUM",
    "Minimum": "MINIMUM",
    "Maximum": "MAXIMUM",
    "SampleCount": "SAMPLE_COUNT",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of state: what was, what is, when. ``children`` are the alarms that made a composite move."""

    previous: str
    previous_reason: str
    previous_reason_data: str
    previous_at: datetime
    at: datetime
    children: Sequence[Mapping[str, Any]] = ()


def stamp(moment: datetime) -> str:
    """Return a time as CloudWatch writes it in messages: ``2026-10-31T15:03:20.123+0000``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def subject(alarm: AlarmRecord, place: Place) -> str:
    """Return the SNS subject, at most 100 characters as SNS allows."""
    return f'{alarm.state}: "{alarm.name}" in {display_name(place.region)}'[:100]


def display_name(region: str) -> str:
    """Return a region's name for people, its code when none is known here."""
    return DISPLAY_NAMES.get(region, region)


def sns_message(alarm: AlarmRecord, change: Change, place: Place) -> dict[str, Any]:
    """Return the message of a metric or composite alarm that has just changed to its present state."""
    config = alarm.config
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": config.get("AlarmDescription"),
        "AWSAccountId": place.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.updated_at),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": stamp(change.at),
        "Region": display_name(place.region),
        "AlarmArn": alarm.arn,
        "OldStateValue": change.previous,
        "OKActions": config["OKActions"],
        "AlarmActions": config["AlarmActions"],
        "InsufficientDataActions": config["InsufficientDataActions"],
    }
    if alarm.type == COMPOSITE:
        del message["AlarmConfigurationUpdatedTimestamp"]
        message |= {"AlarmRule": config["AlarmRule"], "TriggeringChildren": list(change.children)}
    else:
        message["Trigger"] = _trigger(config)
    return message


def state_change_event(alarm: AlarmRecord, change: Change, place: Place, event_id: str) -> dict[str, Any]:
    """Return the EventBridge event "CloudWatch Alarm State Change"."""
    state = {"value": alarm.state, "reason": alarm.reason, "reasonData": alarm.reason_data, "timestamp": stamp(change.at)}
    previous = {
        "value": change.previous,
        "reason": change.previous_reason,
        "reasonData": change.previous_reason_data,
        "timestamp": stamp(change.previous_at),
    }
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": place.account,
        "time": change.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": place.region,
        "resources": [alarm.arn],
        "detail": {
            "alarmName": alarm.name,
            "state": _without_empty(state),
            "previousState": _without_empty(previous),
            "configuration": _event_configuration(alarm.config),
        },
    }


def _trigger(config: Mapping[str, Any]) -> dict[str, Any]:
    head = {"Metrics": None} if "Metrics" in config else _single_trigger(config)
    count = config["EvaluationPeriods"]
    trigger: dict[str, Any] = {**head, "Period": _period(config), "EvaluationPeriods": count}
    if config.get("DatapointsToAlarm", count) != count:
        trigger["DatapointsToAlarm"] = config["DatapointsToAlarm"]
    trigger["ComparisonOperator"] = config["ComparisonOperator"]
    if "Threshold" in config:
        trigger["Threshold"] = config["Threshold"]
    else:
        trigger["ThresholdMetricId"] = config["ThresholdMetricId"]
    trigger["TreatMissingData"] = config.get("TreatMissingData", "missing")
    trigger["EvaluateLowSampleCountPercentile"] = config.get("EvaluateLowSampleCountPercentile", "")
    if "Metrics" in config:
        trigger["Metrics"] = trigger.pop("Metrics") or [_sns_entry(entry) for entry in config["Metrics"]]
    return trigger


def _single_trigger(config: Mapping[str, Any]) -> dict[str, Any]:
    trigger: dict[str, Any] = {"MetricName": config["MetricName"], "Namespace": config["Namespace"]}
    if "Statistic" in config:
        trigger |= {"StatisticType": "Statistic", "Statistic": _STATISTICS[config["Statistic"]]}
    else:
        trigger |= {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": config["ExtendedStatistic"]}
    return {**trigger, "Unit": config.get("Unit"), "Dimensions": _lower(config["Dimensions"])}


def _sns_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: entry[name] for name in ("Expression", "Id", "Label") if name in entry}
    if "MetricStat" in entry:
        metric = entry["MetricStat"]["Metric"]
        shown["MetricStat"] = {
            "Metric": {
                "Dimensions": _lower(metric["Dimensions"]),
                "MetricName": metric["MetricName"],
                "Namespace": metric["Namespace"],
            },
            "Period": entry["MetricStat"]["Period"],
            "Stat": entry["MetricStat"]["Stat"],
        }
    return {**shown, "ReturnData": entry["ReturnData"]}


def _lower(dimensions: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"value": item["Value"], "name": item["Name"]} for item in dimensions]


def _period(config: Mapping[str, Any]) -> int:
    if "Period" in config:
        return int(config["Period"])
    entry = next(entry for entry in config["Metrics"] if "MetricStat" in entry or "Period" in entry)
    return int(entry.get("Period") or entry["MetricStat"]["Period"])


def _event_configuration(config: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": config["AlarmDescription"]} if "AlarmDescription" in config else {}
    if "AlarmRule" in config:
        return {**shown, "alarmRule": config["AlarmRule"], **_suppressor(config)}
    if "Metrics" in config:
        return {**shown, "metrics": [_event_entry(entry) for entry in config["Metrics"]]}
    stat = config.get("Statistic") or config["ExtendedStatistic"]
    metric = _event_metric(config, config["Period"], stat)
    # The id of a single metric is a fresh UUID in AWS; here it says what it is.
    return {**shown, "metrics": [{"id": "metric", "metricStat": metric, "returnData": True}]}


def _suppressor(config: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "ActionsSuppressor": "actionsSuppressor",
        "ActionsSuppressorWaitPeriod": "actionsSuppressorWaitPeriod",
        "ActionsSuppressorExtensionPeriod": "actionsSuppressorExtensionPeriod",
    }
    return {shown: config[name] for name, shown in names.items() if name in config}


def _event_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": entry["Id"]}
    if "Expression" in entry:
        shown["expression"] = entry["Expression"]
    else:
        stat = entry["MetricStat"]
        shown["metricStat"] = _event_metric(stat["Metric"], stat["Period"], stat["Stat"])
    if "Label" in entry:
        shown["label"] = entry["Label"]
    return {**shown, "returnData": entry["ReturnData"]}


def _event_metric(metric: Mapping[str, Any], period: int, stat: str) -> dict[str, Any]:
    dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
    named = {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions}
    return {"metric": named, "period": period, "stat": stat}


def _without_empty(state: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in state.items() if value}
