"""The metric half of the CloudWatch API: put data, read it back as statistics, percentiles and math, list what exists.

Unlike AWS, PutMetricData takes namespaces that begin with ``AWS/``: the platform model plays AWS's own services.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from alarms.metric_math import results
from infra.local.alarm_rules import invalid
from infra.local.alarm_watch import parsed, source_of
from infra.local.aws_error import AwsError
from infra.local.metric_store import BASIC, MAX_VALUES, MetricStore, key_of, percentile
from infra.local.paging import page
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]

OLDEST_S, FUTURE_S = 14 * 86_400, 2 * 3600  # what PutMetricData takes
MOST_DATA = 1000
MOST_POINTS = 1440  # GetMetricStatistics
LISTED = 500


class MetricOperations:
    """Answers the metric operations from ``store``."""

    def __init__(self, store: MetricStore) -> None:
        self._store = store

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "PutMetricData": self.put_metric_data,
            "GetMetricData": self.get_metric_data,
            "GetMetricStatistics": self.get_metric_statistics,
            "ListMetrics": self.list_metrics,
        }

    def put_metric_data(self, params: Params, request: Request) -> Answer:
        """Store data points: all of a request or, when one is wrong, none."""
        data = params.get("MetricData", ())
        if len(data) > MOST_DATA:
            raise AwsError("InvalidParameterValue", f"The collection MetricData must not have a size greater than {MOST_DATA}.")
        for place, datum in enumerate(data, start=1):
            _check_datum(datum, f"MetricData.member.{place}", request.at)
        for datum in data:
            self._store_datum(params["Namespace"], datum, request.at)
        return {}

    def get_metric_data(self, params: Params, request: Request) -> Answer:
        """Return the series of queries: metrics and math over them."""
        queries = params["MetricDataQueries"]
        period = _shared_period(queries)
        starts = _starts(params["StartTime"], params["EndTime"], period)
        now = request.at.timestamp()
        sources = {query["Id"]: source_of(query) for query in queries if "MetricStat" in query}
        series = {name: source.read(self._store, starts, period, now) for name, source in sources.items()}
        known = results(parsed(queries), series, period)
        ascending = params.get("ScanBy") == "TimestampAscending"
        shown = [query for query in queries if query.get("ReturnData", True)]
        return {
            "MetricDataResults": [_result(query, starts, known[query["Id"]], ascending) for query in shown],
            "Messages": [],
        }

    def get_metric_statistics(self, params: Params, request: Request) -> Answer:
        """Return one metric's statistics per period."""
        basic, extended = params.get("Statistics", ()), params.get("ExtendedStatistics", ())
        if bool(basic) == bool(extended):
            raise AwsError("InvalidParameterCombination", "Exactly one of Statistics and ExtendedStatistics must be given.")
        starts = _starts(params["StartTime"], params["EndTime"], params["Period"])
        if len(starts) > MOST_POINTS:
            asked = f"You have requested up to {len(starts)} datapoints, which exceeds the limit of {MOST_POINTS}."
            raise AwsError("InvalidParameterCombination", asked)
        key = key_of(params["Namespace"], params["MetricName"], params.get("Dimensions", ()))
        known = self._store.series(key)
        unit = known.unit if known else "None"
        columns = {
            name: self._store.points(key, name, starts, params["Period"], request.at.timestamp()) for name in (*basic, *extended)
        }
        points = [
            _datapoint(start, {name: column[place] for name, column in columns.items()}, unit)
            for place, start in enumerate(starts)
            if params.get("Unit", unit) == unit and any(column[place] is not None for column in columns.values())
        ]
        return {"Label": params["MetricName"], "Datapoints": points}

    def list_metrics(self, params: Params, request: Request) -> Answer:
        """List metrics that have data, by namespace, name and dimensions."""
        newest = request.at.timestamp() - (3 * 3600 if "RecentlyActive" in params else math.inf)
        found = [
            {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in sorted(dimensions)],
            }
            for (namespace, name, dimensions), series in self._store
            if params.get("Namespace", namespace) == namespace
            and params.get("MetricName", name) == name
            and _has(dimensions, params.get("Dimensions", ()))
            and series.newest >= newest
        ]
        shown, token = page(found, LISTED, params.get("NextToken"), error="InvalidParameterValue")
        return {"Metrics": shown, **({"NextToken": token} if token else {})}

    def _store_datum(self, namespace: str, datum: Params, now: datetime) -> None:
        key = key_of(namespace, datum["MetricName"], datum.get("Dimensions", ()))
        moment = int(_utc(datum.get("Timestamp", now)).timestamp())
        unit, resolution = datum.get("Unit", "None"), datum.get("StorageResolution", 60)
        at = now.timestamp()
        if "StatisticValues" in datum:
            self._store.put_statistics(key, moment, datum["StatisticValues"], at=at, unit=unit, resolution=resolution)
            return
        values = datum["Values"] if "Values" in datum else [datum["Value"]]
        counts = datum.get("Counts") or [1.0] * len(values)
        self._store.put(key, moment, values, counts, at=at, unit=unit, resolution=resolution)


def _check_datum(datum: Params, where: str, now: datetime) -> None:
    given = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if len(given) != 1:
        raise AwsError("InvalidParameterCombination", f"{where}: exactly one of Value, Values and StatisticValues must be given.")
    values = datum.get("Values") or [datum.get("Value", 0.0)]
    numbers = [*values, *datum.get("Counts", ()), *datum.get("StatisticValues", {}).values()]
    if any(not math.isfinite(number) for number in numbers):
        raise AwsError("InvalidParameterValue", f"The value NaN or Infinity for parameter {where} is invalid.")
    if len(values) > MAX_VALUES or len(datum.get("Counts", values)) != len(values):
        raise AwsError("InvalidParameterValue", f"{where}: Values and Counts must have the same length, at most {MAX_VALUES}.")
    if datum.get("StorageResolution", 60) not in (1, 60):
        raise AwsError("InvalidParameterValue", f"{where}.StorageResolution must be 1 or 60.")
    age = (now - _utc(datum.get("Timestamp", now))).total_seconds()
    if not -FUTURE_S <= age <= OLDEST_S:
        raise AwsError("InvalidParameterValue", f"{where}.Timestamp must be within the past two weeks or the next two hours.")


def _shared_period(queries: Sequence[Params]) -> int:
    """Return the queries' period. Different ones in one request are not needed by the product."""
    ids = [query["Id"] for query in queries]
    if len(set(ids)) != len(ids):
        raise invalid("The values for parameter id in MetricDataQueries are not unique.")
    if len(queries) > 500:
        raise invalid("The collection MetricDataQueries must not have a size greater than 500.")
    if any(("MetricStat" in query) == ("Expression" in query) for query in queries):
        raise invalid("Exactly one of MetricStat and Expression must be given for each query.")
    periods = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    periods |= {query["Period"] for query in queries if "Period" in query}
    if len(periods) > 1:
        raise NotImplementedError("the embedded CloudWatch answers one period in a GetMetricData")
    return int(periods.pop()) if periods else 60


def _starts(start: datetime, end: datetime, period: int) -> range:
    """Return the beginnings of the periods in [start, end), on multiples of the period."""
    first, last = int(_utc(start).timestamp()) // period * period, _utc(end).timestamp()
    if last <= first:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    return range(first, math.ceil(last), period)


def _result(query: Params, starts: Sequence[int], points: Sequence[float | None], ascending: bool) -> Answer:
    there = [(start, float(point)) for start, point in zip(starts, points, strict=True) if point is not None]
    if not ascending:
        there.reverse()
    name = query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or name,
        "Timestamps": [datetime.fromtimestamp(start, UTC) for start, _ in there],
        "Values": [value for _, value in there],
        "StatusCode": "Complete",
    }


def _datapoint(start: int, values: Mapping[str, float | None], unit: str) -> Answer:
    point: Answer = {"Timestamp": datetime.fromtimestamp(start, UTC), "Unit": unit}
    point |= {name: float(value) for name, value in values.items() if name in BASIC and value is not None}
    extended = {name: float(value) for name, value in values.items() if percentile(name) is not None and value is not None}
    return {**point, "ExtendedStatistics": extended} if extended else point


def _has(dimensions: frozenset[tuple[str, str]], wanted: Sequence[Params]) -> bool:
    held = dict(dimensions)
    return all(item["Name"] in held and item.get("Value", held[item["Name"]]) == held[item["Name"]] for item in wanted)


def _utc(moment: Any) -> datetime:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, (int, float)):
        return datetime.fromtimestamp(moment, UTC)
    found: datetime = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return found.astimezone(UTC)
