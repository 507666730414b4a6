"""Signal: what AWS itself says is broken. AWS Health's API needs a paid support plan; without one that is said, not guessed.

https://docs.aws.amazon.com/health/latest/APIReference/API_DescribeEvents.html (SubscriptionRequiredException)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis.finding import Finding, Look, Signal, clock, short

_PAGE = 50
_FRESH = timedelta(hours=24)
_ALWAYS = frozenset({"EC2", "VPC", "IAM", "KMS", "MULTIPLE_SERVICES", "INTERNETCONNECTIVITY", "DIRECTCONNECT"})
_OF: Mapping[str, frozenset[str]] = {
    "ServiceName": frozenset({"ECS", "FARGATE", "ECR", "CLOUDMAP"}),
    "LoadBalancer": frozenset({"ELASTICLOADBALANCING"}),
    "ApiName": frozenset({"APIGATEWAY"}),
    "ApiId": frozenset({"APIGATEWAY"}),
    "DBInstanceIdentifier": frozenset({"RDS", "AURORA"}),
    "DBClusterIdentifier": frozenset({"RDS", "AURORA"}),
    "QueueName": frozenset({"SQS"}),
    "FunctionName": frozenset({"LAMBDA"}),
    "BucketName": frozenset({"S3"}),
    "TableName": frozenset({"DYNAMODB"}),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One open issue at AWS; ``ours`` are resources of this service that AWS names as affected."""

    arn: str
    service: str
    code: str
    started_at: datetime
    zone: str = ""
    ours: tuple[str, ...] = ()


def read(clients: Clients, look: Look, _: Callable[[], float]) -> tuple[Event, ...]:
    """Read health DescribeEvents (open issues in the region or global) and, where there are any, DescribeAffectedEntities."""
    health = clients("health")
    found = health.describe_events(
        filter={
            "regions": [look.alarm.region, "global"],
            "eventTypeCategories": ["issue"],
            "eventStatusCodes": ["open"],
        },
        maxResults=_PAGE,
    )["events"]
    events = [event for event in (_event(item) for item in found) if event is not None]
    if not events:
        return ()
    arns = [event.arn for event in events][:10]
    entities = health.describe_affected_entities(filter={"eventArns": arns}, maxResults=_PAGE)["entities"]
    return tuple(_affecting(event, entities, look) for event in events)


def judge(seen: tuple[Event, ...], look: Look) -> tuple[Finding, ...]:
    """Suspect AWS where an open issue is of a service that this one stands on, and is not older than the symptom by a day."""
    return tuple(_finding(event, look) for event in seen)


def stands_on(look: Look) -> frozenset[str]:
    """Return the AWS services, as AWS Health names them, that the service stands on."""
    every = (look.alarm.target, *(target for found in look.alarm.resources.values() for target in found))
    keys = {key for target in every for key in target}
    found = frozenset().union(*(_OF.get(key, frozenset()) for key in keys))
    return _ALWAYS | found | ({"SECRETSMANAGER"} if look.named("secrets") else set())


def _finding(event: Event, look: Look) -> Finding:
    name, since, zone = short(event.service, 40), clock(event.started_at), f" ({short(event.zone, 30)})" if event.zone else ""
    ours = event.service in stands_on(look) or event.ours
    facts = {"arn": event.arn, "service": event.service, "code": event.code, "since": event.started_at, "ours": event.ours}
    if not ours:
        line = Text(
            f"AWS has an open issue with {name}{zone} since {since}; this service does not stand on it.",
            f"AWS {name}{zone} 장애가 {since}부터 진행 중이나 이 서비스와는 관련이 없습니다.",
        )
        return Finding("aws-health", line, {}, facts | {"concerns": False})
    line = Text(
        f"AWS reports an open issue with {name}{zone} since {since}: {short(event.code, 80)}.",
        f"AWS가 {name}{zone} 장애를 {since}부터 진행 중으로 알렸습니다: {short(event.code, 80)}.",
    )
    fresh = event.started_at >= look.began - _FRESH
    return Finding(
        "aws-health", line, {Cause.AWS_OUTAGE: (9 if fresh else 3) + (2 if event.ours else 0)}, facts | {"concerns": True}
    )


def _event(item: Mapping[str, Any]) -> Event | None:
    if "startTime" not in item or "arn" not in item:
        return None
    return Event(
        item["arn"], item.get("service", "?"), item.get("eventTypeCode", ""), item["startTime"], item.get("availabilityZone", "")
    )


def _affecting(event: Event, entities: list[Mapping[str, Any]], look: Look) -> Event:
    values = [str(item.get("entityValue", "")) for item in entities if item.get("eventArn") == event.arn]
    ours = sorted({name for name in look.names for value in values if value == name or value.endswith((f"/{name}", f":{name}"))})
    return Event(event.arn, event.service, event.code, event.started_at, event.zone, tuple(ours))


# Often unreachable from inside a VPC: three connections that time out take about ten seconds.
SIGNAL = Signal("aws-health", Text("AWS Health", "AWS Health"), read, judge, least_s=11.0)
