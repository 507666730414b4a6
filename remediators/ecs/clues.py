"""Reads what tells whether a deployment is the cause of an alarm: the alarm's past, what else rings, what each colour answered.

[cloudwatch DescribeAlarms, DescribeAlarmHistory, GetMetricData; elbv2 DescribeTargetGroups; AWS/ApplicationELB metrics by
TargetGroup and LoadBalancer]
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.errors import Permanent
from remediators.action import Clients, Situation
from remediators.ecs.attribution import Clues, Colour
from remediators.ecs.deployments import Deployment
from remediators.ecs.revisions import Revision

LOOKBACK = timedelta(hours=1)
BEFORE = timedelta(minutes=15)
KINDS = ["MetricAlarm", "CompositeAlarm", "LogAlarm"]
MOST = 100
_LISTS = ("MetricAlarms", "CompositeAlarms", "LogAlarms")
_DATABASE = "AWS/RDS"


class Crowded(Permanent):
    """More rings than can be looked at: nobody can say what is the cause."""


def observe(clients: Clients, situation: Situation, deployment: Deployment, known: Mapping[str, Revision]) -> Clues:
    """Read the clues of ``deployment``; ``known`` are its revisions by ARN. Raises Permanent or Retryable when it cannot see."""
    cloudwatch, name = clients("cloudwatch"), situation.alarm.name
    own = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=KINDS)
    history = cloudwatch.describe_alarm_history(
        AlarmName=name,
        AlarmTypes=KINDS,
        HistoryItemType="StateUpdate",
        StartDate=deployment.started_at - LOOKBACK,
        EndDate=deployment.started_at,
        MaxRecords=MOST,
        ScanBy="TimestampDescending",
    )["AlarmHistoryItems"]
    databases, dependencies = _others(cloudwatch, situation)
    rings_since = _since(own)
    old, new = _colours(clients, situation, deployment, known, rings_since or situation.now)
    rang = [item["Timestamp"] for item in history if _entered(item) == "ALARM"]
    return Clues(
        rings_since=rings_since,
        rang_before=max(rang, default=None),
        databases=databases,
        dependencies=dependencies,
        old=old,
        new=new,
        about_errors="5XX" in situation.alarm.condition.metric.upper(),
    )


def _since(answer: Mapping[str, Any]) -> datetime | None:
    for kind in _LISTS:
        for alarm in answer.get(kind, ()):
            if alarm["StateValue"] == "ALARM":
                since: datetime | None = alarm.get("StateTransitionedTimestamp")
                return since
    return None


def _entered(item: Mapping[str, Any]) -> str:
    """Return the state that an item of history tells of; ALARM where it cannot be read, for that is the careful answer."""
    try:
        return str(json.loads(item["HistoryData"])["newState"]["stateValue"])
    except (KeyError, TypeError, ValueError):
        return "ALARM"


def _others(cloudwatch: Any, situation: Situation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what else rings in this stage: alarms on the service's databases, and alarms of services that it calls.

    Our alarms are called ``<prefix>/<stage>/<service>/<component>/…``. [alarms.naming]
    """
    alarm = situation.alarm
    prefix = "/".join(alarm.name.split("/")[:2]) + "/"
    answer = cloudwatch.describe_alarms(AlarmNamePrefix=prefix, StateValue="ALARM", AlarmTypes=KINDS, MaxRecords=MOST)
    if answer.get("NextToken"):
        raise Crowded(f"more than {MOST} alarms ring", "crowded")
    databases, dependencies = [], []
    for other in (item for kind in _LISTS for item in answer.get(kind, ())):
        name = str(other["AlarmName"])
        service = name.split("/")[2] if name.count("/") > 2 else ""
        if name == alarm.name or service not in (alarm.service, *alarm.depends_on):
            continue
        if _DATABASE in _namespaces(other):
            databases.append(name)
        elif service != alarm.service:
            dependencies.append(name)
    return tuple(databases), tuple(dependencies)


def _namespaces(alarm: Mapping[str, Any]) -> Iterator[str]:
    yield alarm.get("Namespace", "")
    for entry in alarm.get("Metrics", ()):
        yield entry.get("MetricStat", {}).get("Metric", {}).get("Namespace", "")


def _colours(
    clients: Clients, situation: Situation, deployment: Deployment, known: Mapping[str, Revision], since: datetime
) -> tuple[Colour | None, Colour | None]:
    """Return what the revision before and the new one answered, by their target groups; None where they share one.

    The new one is measured by what it answers since as long before ``since`` as the alarm takes to ring: hours in which it was
    well tell nothing of now.
    """
    source = known.get(deployment.sources[0]) if deployment.sources else None
    target = known.get(deployment.revision)
    if not deployment.blue_green or source is None or target is None:
        return None, None
    groups = {"old": source.groups[:1], "new": target.groups[:1]}
    if not all(groups.values()) or groups["old"] == groups["new"]:
        return None, None
    arns = {colour: group[0] for colour, group in groups.items()}
    told = clients("elbv2").describe_target_groups(TargetGroupArns=list(arns.values()))["TargetGroups"]
    balancers = {item["TargetGroupArn"]: item.get("LoadBalancerArns", []) for item in told}
    queries = [query for colour, arn in arns.items() for query in _queries(colour, arn, balancers.get(arn, []))]
    if len(queries) < 4:
        return None, None
    end = situation.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    start = deployment.started_at.replace(second=0, microsecond=0) - BEFORE
    answer = clients("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )
    seen = {item["Id"]: list(zip(item["Timestamps"], item["Values"], strict=True)) for item in answer["MetricDataResults"]}
    took = timedelta(seconds=max(60, situation.alarm.period_s * situation.alarm.datapoints_to_alarm))
    return _colour("old", seen, start), _colour("new", seen, since - took)


def _colour(name: str, seen: Mapping[str, list[tuple[datetime, float]]], after: datetime) -> Colour:
    requests, errors = seen.get(f"{name}_requests", []), seen.get(f"{name}_errors", [])
    first = min((moment for moment, value in requests if value > 0), default=None)
    return Colour(
        sum(value for moment, value in requests if moment >= after),
        sum(value for moment, value in errors if moment >= after),
        first,
    )


def _queries(colour: str, group: str, balancers: list[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the two metrics of one target group behind its load balancer; none when it stands behind none."""
    if not balancers:
        return
    dimensions = {"TargetGroup": group.rsplit(":", 1)[-1], "LoadBalancer": balancers[0].rsplit(":loadbalancer/", 1)[-1]}
    for suffix, metric in (("requests", "RequestCount"), ("errors", "HTTPCode_Target_5XX_Count")):
        yield {
            "Id": f"{colour}_{suffix}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ApplicationELB",
                    "MetricName": metric,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
