"""AWS Health: what AWS itself says is broken. Without a paid support plan its API refuses, as it does for most accounts.

https://docs.aws.amazon.com/health/latest/APIReference/Welcome.html (SubscriptionRequiredException)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.paging import page
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass
class _Event:
    """One event of category issue; open until ``ended_at``."""

    arn: str
    service: str
    code: str
    region: str
    zone: str
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    affected: tuple[str, ...] = field(default=())

    @property
    def status(self) -> str:
        """``open`` or ``closed``."""
        return "open" if self.ended_at is None else "closed"


class AwsHealth:
    """AWS Health of this account. ``subscribed``: it has a support plan; the first ``preload`` gives it one."""

    def __init__(self, clock: Clock, place: Place) -> None:
        self.subscribed = False
        self._clock = clock
        self._place = place
        self._events: dict[str, _Event] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {"DescribeEvents": self.describe_events, "DescribeAffectedEntities": self.describe_affected_entities}

    def preload(
        self,
        service: str,
        code: str = "",
        *,
        region: str = "",
        zone: str = "",
        affected: tuple[str, ...] = (),
        started_at: datetime | None = None,
    ) -> str:
        """Let AWS report an open issue of ``service`` (``RDS``), by default in this region from now on; returns its ARN."""
        self.subscribed = True
        region, code = region or self._place.region, code or f"AWS_{service}_OPERATIONAL_ISSUE"
        arn = f"arn:aws:health:{region}::event/{service}/{code}/{code}_{len(self._events) + 1:05d}"
        start = started_at or self._clock.now
        self._events[arn] = _Event(arn, service, code, region, zone, start, start, affected=affected)
        return arn

    def end(self, arn: str) -> None:
        """Let AWS close an issue."""
        event = self._events[arn]
        event.ended_at = event.updated_at = self._clock.now

    def describe_events(self, params: Params, _: Request) -> Answer:
        """List events by region, service, category and status."""
        self._check_plan()
        wanted = params.get("filter", {})
        unknown = set(wanted) - {"regions", "services", "eventTypeCategories", "eventStatusCodes", "eventArns"}
        if unknown:
            raise NotImplementedError(f"the embedded AWS Health does not filter by {', '.join(sorted(unknown))}")
        found = [
            _shown(event)
            for event in self._events.values()
            if event.region in wanted.get("regions", [event.region])
            and event.service in wanted.get("services", [event.service])
            and event.status in wanted.get("eventStatusCodes", [event.status])
            and event.arn in wanted.get("eventArns", [event.arn])
            and "issue" in wanted.get("eventTypeCategories", ["issue"])
        ]
        shown, token = page(found, params.get("maxResults", 100), params.get("nextToken"), error="InvalidPaginationToken")
        return {"events": shown, **({"nextToken": token} if token else {})}

    def describe_affected_entities(self, params: Params, _: Request) -> Answer:
        """List what the given events affect; events that are not known affect nothing."""
        self._check_plan()
        events = [self._events[arn] for arn in params["filter"]["eventArns"] if arn in self._events]
        found = [
            {
                "entityArn": f"{event.arn}/{number}",
                "eventArn": event.arn,
                "entityValue": value,
                "awsAccountId": self._place.account,
                "lastUpdatedTime": event.updated_at,
                "statusCode": "IMPAIRED" if event.ended_at is None else "RESOLVED",
            }
            for event in events
            for number, value in enumerate(event.affected)
        ]
        shown, token = page(found, params.get("maxResults", 100), params.get("nextToken"), error="InvalidPaginationToken")
        return {"entities": shown, **({"nextToken": token} if token else {})}

    def _check_plan(self) -> None:
        if not self.subscribed:
            raise AwsError(
                "SubscriptionRequiredException", "AWS Premium Support Subscription is required to use this service.", 400
            )


def _shown(event: _Event) -> Answer:
    shown: Answer = {
        "arn": event.arn,
        "service": event.service,
        "eventTypeCode": event.code,
        "eventTypeCategory": "issue",
        "region": event.region,
        "startTime": event.started_at,
        "lastUpdatedTime": event.updated_at,
        "statusCode": event.status,
        "eventScopeCode": "ACCOUNT_SPECIFIC" if event.affected else "PUBLIC",
    }
    if event.zone:
        shown["availabilityZone"] = event.zone
    return {**shown, "endTime": event.ended_at} if event.ended_at else shown
