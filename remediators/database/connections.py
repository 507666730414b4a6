"""How many more tasks a database has connections for: scaling out is load on what the tasks call. Pure but for ``observe``.

A share of the connections stays free whatever is asked for: PostgreSQL keeps some for its superusers, and an alarm on
connections rings before the last one is taken. [RDS: AWS/RDS DatabaseConnections; PostgreSQL superuser_reserved_connections]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.action import Parameter, ParameterKind, Permission
from alarms.domain.decision import Reason
from alarms.domain.text import Text
from remediators.action import Clients, Refusal

WINDOW = timedelta(minutes=5)
RESERVE_SHARE = 0.1
RESERVE_LEAST = 5
NAMES = ("database", "connections_per_task", "max_connections")

PARAMETERS = (
    Parameter(
        "database",
        ParameterKind.TEXT,
        "DB instance, or Aurora cluster, that each task connects to: scale out only as far as it has connections left",
        required=False,
    ),
    Parameter("connections_per_task", ParameterKind.COUNT, "size of one task's connection pool", required=False, maximum=10_000),
    Parameter("max_connections", ParameterKind.COUNT, "max_connections of that database", required=False, maximum=262_143),
)
PERMISSION = Permission(
    "cloudwatch:GetMetricData", "*", "connections of the database that the tasks call; knows no resources", only_with="database"
)


@dataclass(frozen=True, slots=True)
class Connections:
    """A database's connections: ``used`` at most in the last five minutes, None when CloudWatch does not say."""

    database: str
    used: float | None
    most: int
    per_task: int

    @property
    def reserve(self) -> int:
        """Connections that are never planned for."""
        return max(RESERVE_LEAST, math.ceil(self.most * RESERVE_SHARE))

    @property
    def tasks(self) -> int:
        """How many more tasks fit; 0 when that is not known."""
        if self.used is None:
            return 0
        return max(0, math.floor((self.most - self.reserve - self.used) / self.per_task))


def problem(parameters: Mapping[str, Any]) -> str | None:
    """Return what is wrong between the three parameters: all of them or none."""
    given = [name for name in NAMES if name in parameters]
    missing = [name for name in NAMES if name not in given]
    return f"{', '.join(missing)} missing: {', '.join(NAMES)} go together" if given and missing else None


def observe(clients: Clients, parameters: Mapping[str, Any], now: datetime) -> Connections | None:
    """Read the database's connections (cloudwatch GetMetricData); None when the row names no database.

    Of an Aurora cluster the writer's count, and the sum over its instances only where there is no such series.
    """
    if "database" not in parameters:
        return None
    name = str(parameters["database"])
    dimensions = {
        "instance": {"DBInstanceIdentifier": name},
        "writer": {"DBClusterIdentifier": name, "Role": "WRITER"},
        "cluster": {"DBClusterIdentifier": name},
    }
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    answer = clients("cloudwatch").get_metric_data(
        MetricDataQueries=[_query(key, found) for key, found in dimensions.items()], StartTime=end - WINDOW, EndTime=end
    )
    seen = {
        item["Id"]: max(item["Values"])
        for item in answer["MetricDataResults"]
        if item["StatusCode"] == "Complete" and item.get("Values")
    }
    used = next((seen[key] for key in dimensions if key in seen), None)
    return Connections(name, used, int(parameters["max_connections"]), int(parameters["connections_per_task"]))


def refusal(connections: Connections | None) -> Refusal | None:
    """Return why the database bears no further task; None when one fits, or when the row names no database."""
    if connections is None or connections.tasks > 0:
        return None
    name = connections.database
    if connections.used is None:
        return Refusal(
            Reason.UNKNOWN,
            Text(
                f"How many connections {name} has is not known: CloudWatch has no point of the last five minutes.",
                f"{name}의 연결 수를 알 수 없습니다. 최근 5분간 지표가 없습니다.",
            ),
        )
    return Refusal(
        Reason.UNSAFE,
        Text(
            f"{name} has {connections.used:,.0f} of {connections.most:,} connections in use, {connections.reserve:,} stay free: "
            f"not one more task with {connections.per_task} fits.",
            f"{name} 연결 {connections.most:,}개 중 {connections.used:,.0f}개 사용 중, {connections.reserve:,}개는 남겨 둡니다. "
            f"연결 {connections.per_task}개를 쓰는 태스크를 더 늘릴 수 없습니다.",
        ),
    )


def held_back(connections: Connections | None, wanted: int, granted: int) -> Text:
    """Say that only a part of what was wanted fits; empty when all of it does."""
    if connections is None or granted >= wanted:
        return Text("", "")
    return Text(
        f" {wanted} would be right; {connections.database} has connections for {granted} "
        f"({connections.used or 0:,.0f} of {connections.most:,} in use).",
        f" 필요한 수는 {wanted}개이나 {connections.database} 연결 여유로는 {granted}개까지입니다"
        f"({connections.most:,}개 중 {connections.used or 0:,.0f}개 사용 중).",
    )


def _query(key: str, dimensions: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "Id": key,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/RDS",
                "MetricName": "DatabaseConnections",
                "Dimensions": [{"Name": dimension, "Value": value} for dimension, value in dimensions.items()],
            },
            "Period": 60,
            "Stat": "Maximum",
        },
    }
