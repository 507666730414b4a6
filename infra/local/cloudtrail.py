"""CloudTrail's event history: the changing calls that were made to this account, from the seam itself, some minutes late.

Reads and the data plane (messages, items, metrics, log lines) are no management events and are not there. Values of secrets and
parameters never are. https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.paging import page
from infra.local.seam import Call, Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]

KEPT = 5000
_READS = (
    *("Describe", "Get", "List", "Lookup", "BatchGet", "TransactGet"),
    *("Query", "Scan", "Head", "Search", "Filter", "Start", "Stop"),
)
_CHANGES_THOUGH = ("StartMessageMoveTask", "StopServiceDeployment", "StopTask", "StartTask")
_DATA_PLANE = {
    "cloudwatch": {"PutMetricData"},
    "dynamodb": {
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "TransactWriteItems",
        "BatchWriteItem",
        "BatchGetItem",
        "TransactGetItems",
    },
    "logs": {"PutLogEvents"},
    "rds-data": {"ExecuteStatement", "BatchExecuteStatement", "BeginTransaction", "CommitTransaction", "RollbackTransaction"},
    "sns": {"Publish", "PublishBatch"},
    "sqs": {
        "SendMessage",
        "SendMessageBatch",
        "ReceiveMessage",
        "DeleteMessage",
        "DeleteMessageBatch",
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
    },
}
_SOURCES = {"cloudwatch": "monitoring", "elbv2": "elasticloadbalancing", "application-autoscaling": "autoscaling"}
_HIDDEN = ("SecretString", "SecretBinary", "Value", "MasterUserPassword", "Password")


@dataclass(frozen=True, slots=True)
class _Event:
    id: str
    name: str
    source: str
    user: str
    at: datetime
    parameters: Mapping[str, Any]
    resources: tuple[tuple[str, str], ...] = ()

    def describe(self, place: Place) -> Answer:
        """Return the event as LookupEvents shows it."""
        record = {
            "eventVersion": "1.11",
            "userIdentity": {"type": "AssumedRole", "arn": place.arn("sts", f"assumed-role/{self.user}/session")},
            "eventTime": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": self.source,
            "eventName": self.name,
            "awsRegion": place.region,
            "requestParameters": self.parameters,
            "readOnly": False,
            "eventID": self.id,
        }
        return {
            "EventId": self.id,
            "EventName": self.name,
            "ReadOnly": "false",
            "EventTime": self.at,
            "EventSource": self.source,
            "Username": self.user,
            "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in self.resources],
            "CloudTrailEvent": json.dumps(record, default=str, ensure_ascii=False),
        }


class CloudTrail:
    """The event history. ``delay_s``: how late a call is seen (AWS: some minutes). ``user`` is who calls from now on."""

    def __init__(self, place: Place, next_id: Callable[[], str]) -> None:
        self.delay_s = 300.0
        self.user = "engineer"
        self._place = place
        self._next_id = next_id
        self._events: deque[_Event] = deque(maxlen=KEPT)

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {"LookupEvents": self.lookup_events}

    def hear(self, call: Call) -> None:
        """Take a finished call of the seam; what is no changing management call is left out."""
        if call.internal or call.error_code is not None or not _changes(call.service, call.operation):
            return
        source = f"{_SOURCES.get(call.service, call.service)}.amazonaws.com"
        # The request's own id: an id drawn here would change all that are drawn after it.
        self._events.append(_Event(call.request_id, call.operation, source, self.user, call.at, _shown(call.params)))

    def preload(
        self,
        name: str,
        source: str,
        parameters: Params,
        at: datetime,
        *,
        user: str = "",
        resources: Mapping[str, str] | None = None,
    ) -> None:
        """Put an event there: ``source`` like ``ecs.amazonaws.com``, ``resources`` by name, each with its type."""
        kept = tuple((kind, resource) for resource, kind in (resources or {}).items())
        self._events.append(_Event(self._next_id(), name, source, user or self.user, at, _shown(parameters), kept))

    def lookup_events(self, params: Params, request: Request) -> Answer:
        """List events, the newest first, of one attribute where asked."""
        attributes = params.get("LookupAttributes", ())
        if len(attributes) > 1:
            raise AwsError("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
        start, end = params.get("StartTime"), params.get("EndTime")
        if start and end and end < start:
            raise AwsError("InvalidTimeRangeException", "The start time is after the end time.")
        seen_until = request.at - timedelta(seconds=self.delay_s)
        found = [
            event
            for _, event in sorted(enumerate(self._events), key=lambda entry: (entry[1].at, entry[0]), reverse=True)
            if event.at <= seen_until
            and (start is None or event.at >= start)
            and (end is None or event.at <= end)
            and all(_fits(event, item["AttributeKey"], item["AttributeValue"]) for item in attributes)
        ]
        shown, token = page(found, params.get("MaxResults", 50), params.get("NextToken"), error="InvalidNextTokenException")
        answer: Answer = {"Events": [event.describe(self._place) for event in shown]}
        return {**answer, "NextToken": token} if token else answer


def _changes(service: str, operation: str) -> bool:
    if operation in _CHANGES_THOUGH:
        return True
    return not operation.startswith(_READS) and operation not in _DATA_PLANE.get(service, ())


def _shown(parameters: Params) -> dict[str, Any]:
    return {f"{key[:1].lower()}{key[1:]}": value for key, value in parameters.items() if key not in _HIDDEN}


def _fits(event: _Event, key: str, value: str) -> bool:
    known = {
        "EventId": {event.id},
        "EventName": {event.name},
        "EventSource": {event.source},
        "ReadOnly": {"false"},
        "Username": {event.user},
        "ResourceName": {name for _, name in event.resources},
        "ResourceType": {kind for kind, _ in event.resources},
        "AccessKeyId": {"EMBEDDED"},
    }
    return value in known[key]
