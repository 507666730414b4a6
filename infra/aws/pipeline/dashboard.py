"""The pipeline's own dashboard: is anybody told, is anything acted on, does anything wait. Drawn as CloudWatch's JSON.

What the platform does is on the dashboards of the catalogue; this one is about the bell itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from alarms.domain import telemetry
from infra.aws.pipeline.place import Place
from infra.aws.pipeline.queues import SCHEDULES
from infra.aws.pipeline.tables import DEFINITIONS

WIDTH, HEIGHT = 8, 6  # three widgets in CloudWatch's 24 columns
Lines = list[list[Any]]


def dashboard(scope: Construct, place: Place, rooms: Sequence[str], alarm_arns: Sequence[str]) -> cloudwatch.CfnDashboard:
    """Make it. ``alarm_arns`` are the pipeline's alarms on itself, whose states stand at the top."""
    widgets: list[dict[str, Any]] = [_status(alarm_arns)]
    for number, (title, lines, view) in enumerate(_graphs(place, rooms)):
        row, column = divmod(number, 3)
        widgets.append(_graph(title, lines, view, place.region, x=column * WIDTH, y=HEIGHT + row * HEIGHT))
    name = place.named("pipeline")
    return cloudwatch.CfnDashboard(scope, "Dashboard", dashboard_name=name, dashboard_body=json.dumps({"widgets": widgets}))


def address(place: Place) -> str:
    """Return where a browser opens the dashboard."""
    console = {"aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}.get(place.partition, "aws.amazon.com")
    where = f"cloudwatch/home?region={place.region}#dashboards/dashboard/{place.named('pipeline')}"
    return f"https://{place.region}.console.{console}/{where}"


def _status(arns: Sequence[str]) -> dict[str, Any]:
    properties = {"title": "The pipeline's alarms on itself", "alarms": list(arns), "sortBy": "stateUpdatedTimestamp"}
    return {"type": "alarm", "x": 0, "y": 0, "width": 3 * WIDTH, "height": HEIGHT, "properties": properties}


def _graph(title: str, lines: Lines, view: dict[str, Any], region: str, *, x: int, y: int) -> dict[str, Any]:
    properties = {"title": title, "metrics": lines, "region": region, "period": 60, "stat": "Sum", "view": "timeSeries", **view}
    return {"type": "metric", "x": x, "y": y, "width": WIDTH, "height": HEIGHT, "properties": properties}


def _graphs(place: Place, rooms: Sequence[str]) -> list[tuple[str, Lines, dict[str, Any]]]:
    """Return each graph's title, its metrics, and what its view differs in."""
    queues = [place.named(room) for room in ("notifier", "remediators")]
    dead = [f"{queue}-{kind}" for queue in queues for kind in ("dead", "undelivered")] + [place.named(SCHEDULES)]
    tables = [place.named(name) for name in DEFINITIONS]
    found: list[tuple[str, Lines, dict[str, Any]]] = [
        ("Told in Slack", _own(place, telemetry.TOLD, telemetry.SLACK_THROTTLED), {}),
        ("From change of state to Slack, ms", _delay(place), {}),
        ("Heartbeat: sweeps, and what they found", _own(place, telemetry.SWEPT, telemetry.SWEEP_FOUND), {"period": 300}),
        ("Changes", _own(place, telemetry.CHANGED, telemetry.GIVEN_BACK, telemetry.ESCALATED), {"period": 300}),
        ("Did it help", _own(place, telemetry.HELPED, telemetry.NOT_HELPED, telemetry.REFUSED), {"period": 300}),
        ("Presses", _own(place, telemetry.PRESSED, telemetry.PRESS_REFUSED), {"period": 300}),
        ("Messages waiting", _aws("SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queues), {"stat": "Maximum"}),
        ("Oldest message, s", _aws("SQS", "ApproximateAgeOfOldestMessage", "QueueName", queues), {"stat": "Maximum"}),
        ("Dead letters", _aws("SQS", "ApproximateNumberOfMessagesVisible", "QueueName", dead), {"stat": "Maximum"}),
    ]
    functions = [place.named(room) for room in rooms]
    for metric, view in {
        "Invocations": {},
        "Errors": {},
        "Duration": {"stat": "p99"},
        "ConcurrentExecutions": {"stat": "Maximum"},
    }.items():
        found.append((f"Functions: {metric}", _aws("Lambda", metric, "FunctionName", functions), view))
    used = ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
    return [*found, *((f"Tables: {metric}", _aws("DynamoDB", metric, "TableName", tables), {}) for metric in used)]


def _own(place: Place, *metrics: telemetry.Metric) -> Lines:
    return [[telemetry.NAMESPACE, metric.name, telemetry.STAGE, place.stage] for metric in metrics]


def _delay(place: Place) -> Lines:
    line = [telemetry.NAMESPACE, telemetry.TELL_DELAY.name, telemetry.STAGE, place.stage]
    return [[*line, {"stat": stat, "label": stat}] for stat in ("p50", "p90", "p99")]


def _aws(service: str, metric: str, dimension: str, names: Sequence[str]) -> Lines:
    return [[f"AWS/{service}", metric, dimension, name] for name in names]
