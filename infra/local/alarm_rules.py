"""What PutMetricAlarm and PutCompositeAlarm refuse, beyond what the service model can say.

Source: the members' documentation in the service model of cloudwatch; CloudWatch User Guide, "Evaluating an alarm".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.aws_error import AwsError

BAND_OPERATORS = ("LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold")
HIGH_RESOLUTION = (10, 20, 30)
DAY = 86_400
WEEK = 604_800

_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_EXTENDED = re.compile(r"(p|tm|wm|tc|ts)(100|\d{1,2})(\.\d{1,10})?|IQM|(PR|TM|WM|TC|TS)\((\d+(\.\d+)?%?)?:(\d+(\.\d+)?%?)?\)")
_SINGLE_ONLY = ("Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:.+")


def check_metric_alarm(request: Mapping[str, Any], region: str) -> None:
    """Raise AwsError for a PutMetricAlarm request that AWS would refuse."""
    check_name(request["AlarmName"])
    _check_actions(request, region)
    check_tags(request.get("Tags", ()))
    sources = [name for name in ("MetricName", "Metrics", "EvaluationCriteria") if name in request]
    if len(sources) != 1:
        raise invalid("Exactly one of MetricName, Metrics and EvaluationCriteria must be given.")
    if sources == ["EvaluationCriteria"]:
        raise NotImplementedError("PromQL alarms are not evaluated by the embedded AWS")
    _need(request, "EvaluationPeriods", "ComparisonOperator")
    if sources == ["Metrics"]:
        _check_math(request)
    else:
        _check_single(request)
    _check_window(request)
    _check_threshold(request)
    _check_words(request)


def check_name(name: str) -> None:
    """Raise AwsError for an alarm name with control characters."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise invalid("AlarmName must not contain ASCII control characters.")


def check_composite_alarm(request: Mapping[str, Any], region: str) -> None:
    """Raise AwsError for a PutCompositeAlarm request that AWS would refuse, the rule itself aside."""
    check_name(request["AlarmName"])
    _check_actions(request, region)
    check_tags(request.get("Tags", ()))
    waits = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    if "ActionsSuppressor" in request:
        _need(request, *waits)
    elif any(name in request for name in waits):
        raise invalid("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor.")


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    """Raise AwsError for tags that AWS would refuse."""
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) != len(keys):
        raise invalid("Tag keys must be unique.")
    if len(keys) > 50:
        raise invalid("A resource can have at most 50 tags.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise invalid("Tag keys must not start with aws:.")


def invalid(message: str) -> AwsError:
    """Return the error of a request that is well formed and wrong."""
    return AwsError("ValidationError", message)


def period_of(alarm: Mapping[str, Any]) -> int:
    """Return an alarm's period in seconds: its own, or the one its metrics share."""
    if "Period" in alarm:
        return int(alarm["Period"])
    periods = [entry["MetricStat"]["Period"] for entry in alarm["Metrics"] if "MetricStat" in entry]
    periods += [entry["Period"] for entry in alarm["Metrics"] if "Period" in entry]
    return int(periods[0])


def returned(metrics: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the entries whose data comes back: all that do not say ReturnData=False."""
    return [entry for entry in metrics if entry.get("ReturnData", True)]


def _need(request: Mapping[str, Any], *names: str) -> None:
    missing = [name for name in names if name not in request]
    if missing:
        raise AwsError("MissingParameter", f"The parameter {missing[0]} is required.")


def _check_actions(request: Mapping[str, Any], region: str) -> None:
    for action in (arn for kind in _ACTIONS for arn in request.get(kind, ())):
        if not _ARN.fullmatch(action):
            raise invalid(f"Invalid arn syntax: {action}")
        where = action.split(":")[3]
        if where not in ("", region):
            raise invalid(f"Invalid region {where} specified. Only {region} is supported.")


def _check_single(request: Mapping[str, Any]) -> None:
    _need(request, "Namespace", "Period")
    if ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise invalid("Exactly one of Statistic and ExtendedStatistic must be given.")
    extended = request.get("ExtendedStatistic")
    if extended is not None and not _EXTENDED.fullmatch(extended):
        raise invalid(f"The value {extended} for parameter ExtendedStatistic is not supported.")
    if "ThresholdMetricId" in request:
        raise invalid("ThresholdMetricId needs Metrics.")


def _check_math(request: Mapping[str, Any]) -> None:
    metrics = request["Metrics"]
    extra = [name for name in _SINGLE_ONLY if name in request]
    if extra:
        raise invalid(f"Metrics list and {extra[0]} are mutually exclusive.")
    ids = [entry["Id"] for entry in metrics]
    if len(set(ids)) != len(ids):
        raise invalid("The values for parameter Id in Metrics are not unique.")
    if sum("MetricStat" in entry for entry in metrics) > 10:
        raise invalid("An alarm can be based on at most 10 metrics.")
    for entry in metrics:
        _check_entry(entry)
    expected = 2 if "ThresholdMetricId" in request else 1
    if len(returned(metrics)) != expected:
        raise invalid(f"Exactly {expected} element(s) of the metrics list should return data.")
    if "ThresholdMetricId" in request and request["ThresholdMetricId"] not in ids:
        raise invalid(f"ThresholdMetricId {request['ThresholdMetricId']} is not the Id of any of Metrics.")
    periods = {entry["MetricStat"]["Period"] for entry in metrics if "MetricStat" in entry}
    periods |= {entry["Period"] for entry in metrics if "Period" in entry}
    if len(periods) != 1:
        raise invalid("All metrics of an alarm must have the same Period.")


def _check_entry(entry: Mapping[str, Any]) -> None:
    if not _ID.fullmatch(entry["Id"]):
        raise invalid(f"Id {entry['Id']} must start with a lower-case letter and hold letters, digits and underscores only.")
    if ("MetricStat" in entry) == ("Expression" in entry):
        raise invalid(f"Metric {entry['Id']}: exactly one of MetricStat and Expression must be given.")
    if "MetricStat" in entry:
        if "Period" in entry:
            raise invalid(f"Metric {entry['Id']}: Period belongs into MetricStat.")
        stat = entry["MetricStat"]["Stat"]
        if stat not in ("SampleCount", "Average", "Sum", "Minimum", "Maximum") and not _EXTENDED.fullmatch(stat):
            raise invalid(f"The value {stat} for parameter Stat is not supported.")
    elif re.search(r"\bSEARCH\s*\(", entry["Expression"]):
        raise invalid("SEARCH is not supported on Metric Alarms.")


def _check_window(request: Mapping[str, Any]) -> None:
    period, count = period_of(request), request["EvaluationPeriods"]
    if period not in HIGH_RESOLUTION and period % 60 != 0:
        raise invalid("Period must be 10, 20, 30 or a multiple of 60.")
    if period * count > WEEK or (period < 3600 and period * count > DAY):
        raise invalid("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).")
    if request.get("DatapointsToAlarm", count) > count:
        raise invalid("DatapointsToAlarm must be smaller than or equal to EvaluationPeriods.")


def _check_threshold(request: Mapping[str, Any]) -> None:
    band = request["ComparisonOperator"] in BAND_OPERATORS
    if band != ("ThresholdMetricId" in request):
        raise invalid(f"ComparisonOperator {request['ComparisonOperator']} and ThresholdMetricId do not go together.")
    if band == ("Threshold" in request):
        raise invalid("Exactly one of Threshold and ThresholdMetricId must be given.")


def _check_words(request: Mapping[str, Any]) -> None:
    if request.get("TreatMissingData", "missing") not in ("breaching", "notBreaching", "ignore", "missing"):
        raise invalid(f"The value {request['TreatMissingData']} for parameter TreatMissingData is not supported.")
    low = request.get("EvaluateLowSampleCountPercentile")
    if low is not None and low not in ("evaluate", "ignore"):
        raise invalid(f"Option {low} is not supported for EvaluateLowSampleCountPercentile.")
    if low is not None and not request.get("ExtendedStatistic", "").startswith("p"):
        raise invalid("EvaluateLowSampleCountPercentile is for alarms on percentiles only.")
