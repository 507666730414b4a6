"""Requests, failures and a business figure a minute: now, and at this hour on the days before.

The usual is the median over the last 14 days of the half hour round this time of day, so that one odd day does not move it.
AWS keeps points of five minutes for 63 days; one call reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from alarms.domain.alarm import Alarm
from alarms.domain.errors import Permanent, Retryable
from remediators.action import Clients, Situation

SCOPES = {"regional": "REGIONAL", "global": "CLOUDFRONT"}
SHORTEST, LONGEST = timedelta(minutes=3), timedelta(minutes=10)
AFTER = timedelta(minutes=5)  # how much of the time after a change is judged
DAYS, BESIDE = 14, timedelta(minutes=15)
FEWEST_DAYS = 3  # fewer say nothing about what is usual
# What counts requests and failures, by the dimension that an alarm's target has. [facts: metric reference]
_COUNTED = (
    ("ApiName", "AWS/ApiGateway", ("ApiName", "Stage"), ("Count", "4XXError", "5XXError")),
    ("ApiId", "AWS/ApiGateway", ("ApiId", "Stage"), ("Count", "4xx", "5xx")),
    (
        "LoadBalancer",
        "AWS/ApplicationELB",
        ("LoadBalancer",),
        ("RequestCount", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count"),
    ),
)
_STOPPED = ("BlockedRequests", "CaptchaRequests", "ChallengeRequests")

Points = Mapping[str, Sequence[tuple[datetime, float]]]


@dataclass(frozen=True, slots=True)
class Rates:
    """Per minute; None where CloudWatch has no point. ``answered`` are requests without 5xx, ``good`` without 4xx and 5xx."""

    requests: float | None = None
    answered: float | None = None
    good: float | None = None
    kpi: float | None = None


@dataclass(frozen=True, slots=True)
class Aftermath:
    """Good requests a minute before and after a change, what is usual, and the share of all that our rule stopped."""

    before: float | None
    after: float | None
    usual: float | None
    stopped: float | None


def window(alarm: Alarm) -> timedelta:
    """Return how far back *now* reaches: as long as the alarm took to ring, so that the quiet before does not dilute it."""
    return max(SHORTEST, min(LONGEST, timedelta(seconds=alarm.period_s * alarm.evaluation_periods)))


def counted(alarm: Alarm) -> bool:
    """Tell whether the alarm's target is something whose requests are counted."""
    return any(key in alarm.target for key, *_ in _COUNTED)


def kpi_problem(text: str, dimensions: Sequence[str]) -> str | None:
    """Return what is wrong with a business figure's name, None when nothing is."""
    if len(text.split()) != 2:
        return "kpi is written as an alarm's metric is: `Shop OrdersPlaced`"
    if any(len(item.split("=", 1)) != 2 or not all(item.split("=", 1)) for item in dimensions):
        return "kpi_dimensions are written `Stage=prod`"
    return None


def observe(clients: Clients, alarm: Alarm, parameters: Mapping[str, Any], now: datetime) -> tuple[Rates, Rates]:
    """Return what is now and what is usual. cloudwatch GetMetricData, twice; unreadable is unknown."""
    end = now.replace(second=0, microsecond=0)
    present = _read(clients, _queries(alarm, parameters, 60), end - window(alarm), end)
    past = _read(clients, _queries(alarm, parameters, 300), end - timedelta(days=DAYS) - BESIDE, end - timedelta(hours=12))
    return _rates({key: _mean(points) for key, points in present.items()}), _usual(past, end)


def aftermath(clients: Clients, situation: Situation, acl: str, rules: Sequence[str]) -> Aftermath:
    """Return what became of the good requests since the change. ``acl`` and ``rules`` are WAF's metric names."""
    alarm, parameters = situation.alarm, situation.policy.parameters
    end = situation.now.replace(second=0, microsecond=0)
    acted = situation.acted_at or end
    queries = [*_queries(alarm, parameters, 60), *(_waf(alarm, acl, rules) if acl else ())]
    points = _read(clients, queries, max(acted - LONGEST, end - timedelta(hours=3)), end)
    past = _read(clients, _queries(alarm, parameters, 300), end - timedelta(days=DAYS) - BESIDE, end - timedelta(hours=12))
    since = max(acted + timedelta(minutes=1), end - AFTER)
    earlier = _rates({key: _mean([item for item in series if item[0] < acted]) for key, series in points.items()})
    later = _rates({key: _mean([item for item in series if item[0] >= since]) for key, series in points.items()})
    # Whether a challenged request counts as one that was answered is not documented: no more was good than WAF let through.
    allowed = _mean([item for item in points.get("all_allowedrequests", ()) if item[0] >= since])
    good = min((value for value in (later.good, allowed) if value is not None), default=None)
    return Aftermath(earlier.good, good, _usual(past, end).good, _stopped(points, since))


def counted_shares(clients: Clients, alarm: Alarm, acl: str, rules: Mapping[str, str], now: datetime) -> Mapping[str, float]:
    """Return which share of all requests each rule counts while it only counts: what it would take once it is turned.

    ``acl`` and the values of ``rules`` (by rule) are WAF's metric names. Empty when WAF has no point: unknown, not nothing.
    cloudwatch GetMetricData. A rule that counted nothing publishes nothing. [WAF metrics: reporting criteria]
    """
    end, where = now.replace(second=0, microsecond=0), {"Region": alarm.region, "WebACL": acl}
    numbers = dict(enumerate(rules))
    queries = [
        _query(f"ours_{number}", "AWS/WAFV2", "CountedRequests", {**where, "Rule": rules[rule]}, 60)
        for number, rule in numbers.items()
    ]
    points = _read(clients, [*queries, *_waf(alarm, acl, ())], end - window(alarm), end)
    totals = {key: sum(value for _, value in series) for key, series in points.items()}
    everything = sum(value for key, value in totals.items() if key.startswith("all_"))
    return {rule: totals.get(f"ours_{number}", 0.0) / everything for number, rule in numbers.items()} if everything else {}


def _usual(past: Points, end: datetime) -> Rates:
    days: dict[str, list[float]] = {}
    for key, series in past.items():
        for back in range(1, DAYS + 1):
            noon = end - timedelta(days=back)
            beside = [item for item in series if abs(item[0] - noon) <= BESIDE]
            if beside:
                days.setdefault(key, []).append((_mean(beside) or 0.0) / 5)
    # Failures are published only when there are any: a day with requests and no point of them had none.
    known = len(days.get("requests", ()))
    for key in ("refused", "failed"):
        if key in days:
            days[key] += [0.0] * (known - len(days[key]))
    return _rates({key: median(values) for key, values in days.items() if len(values) >= FEWEST_DAYS})


def _rates(means: Mapping[str, float | None]) -> Rates:
    requests, kpi = means.get("requests"), means.get("kpi")
    if requests is None:
        return Rates(kpi=kpi)
    answered = max(0.0, requests - (means.get("failed") or 0.0))
    return Rates(requests, answered, max(0.0, answered - (means.get("refused") or 0.0)), kpi)


def _stopped(points: Points, since: datetime) -> float | None:
    """Return the share of all requests that our rule stopped; None when WAF has no point."""
    totals = {key: sum(value for at, value in series if at >= since) for key, series in points.items()}
    everything = sum(value for key, value in totals.items() if key.startswith("all_"))
    return sum(value for key, value in totals.items() if key.startswith("ours_")) / everything if everything else None


def _queries(alarm: Alarm, parameters: Mapping[str, Any], period: int) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for key, namespace, names, metrics in _COUNTED:
        if key in alarm.target:
            dimensions = {name: alarm.target[name] for name in names if name in alarm.target}
            for label, metric in zip(("requests", "refused", "failed"), metrics, strict=True):
                found.append(_query(label, namespace, metric, dimensions, period))
            break
    if "kpi" in parameters:
        namespace, metric = parameters["kpi"].split()
        dimensions = dict(item.split("=", 1) for item in parameters.get("kpi_dimensions", ()))
        found.append(_query("kpi", namespace, metric, dimensions, period))
    return found


def _waf(alarm: Alarm, acl: str, rules: Sequence[str]) -> list[Mapping[str, Any]]:
    where = {"Region": alarm.region, "WebACL": acl}
    ours = [
        _query(f"ours_{number}_{name.lower()}", "AWS/WAFV2", name, {**where, "Rule": rule}, 60)
        for number, rule in enumerate(rules)
        for name in _STOPPED
    ]
    names = ("AllowedRequests", *_STOPPED)
    return ours + [_query(f"all_{name.lower()}", "AWS/WAFV2", name, {**where, "Rule": "ALL"}, 60) for name in names]


def _query(key: str, namespace: str, metric: str, dimensions: Mapping[str, str], period: int) -> Mapping[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    whole = {"Namespace": namespace, "MetricName": metric, "Dimensions": named}
    return {"Id": key, "MetricStat": {"Metric": whole, "Period": period, "Stat": "Sum"}}


def _read(clients: Clients, queries: Sequence[Mapping[str, Any]], start: datetime, end: datetime) -> Points:
    if not queries:
        return {}
    try:
        answer = clients("cloudwatch").get_metric_data(MetricDataQueries=list(queries), StartTime=start, EndTime=end)
    except (Permanent, Retryable):
        return {}
    return {item["Id"]: list(zip(item["Timestamps"], item["Values"], strict=True)) for item in answer["MetricDataResults"]}


def _mean(points: Sequence[tuple[datetime, float]]) -> float | None:
    return sum(value for _, value in points) / len(points) if points else None
