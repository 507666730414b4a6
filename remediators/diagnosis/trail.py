"""Signal: who changed what by AWS's API in the last hour. CloudTrail shows a call some minutes after it was made.

https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html: two calls a second, management events only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alarms.domain.cause import Cause
from alarms.domain.readings import decoded, table
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis.finding import WINDOW, Finding, Look, Signal, minutes_before, short, when

_PAGES, _PAGE = 3, 50
_MOST_LINES = 3
_OWN = "tocsin-"  # tocsin's own roles begin so: what it did itself is told elsewhere
_SOURCES: Mapping[str, tuple[Cause, int]] = {
    "secretsmanager": (Cause.EXPIRED_TOKEN, 2),
    "ssm": (Cause.BAD_DEPLOYMENT, 3),
    "ecs": (Cause.BAD_DEPLOYMENT, 1),
    "rds": (Cause.SLOW_DATABASE, 1),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One changing call: ``source`` is the service's short name; ``touches`` the names of the service's resources in it."""

    name: str
    source: str
    user: str
    at: datetime
    touches: tuple[str, ...]


def read(clients: Clients, look: Look, left_s: Callable[[], float]) -> tuple[Event, ...]:
    """Read cloudtrail LookupEvents: changing calls of the last hour, three pages at most, those on the service's resources."""
    asked: dict[str, Any] = {
        "LookupAttributes": [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}],
        "StartTime": look.now - WINDOW,
        "EndTime": look.now,
        "MaxResults": _PAGE,
    }
    found: list[Event] = []
    for _ in range(_PAGES):
        answer = clients("cloudtrail").lookup_events(**asked)
        found.extend(event for event in (_event(item, look) for item in answer["Events"]) if event.touches)
        if "NextToken" not in answer or left_s() < 2:
            break
        asked["NextToken"] = answer["NextToken"]
    return tuple(found)


def judge(seen: tuple[Event, ...], look: Look) -> tuple[Finding, ...]:
    """Say the newest changes before the symptom; those made after it are somebody's answer to it."""
    before = [event for event in seen if minutes_before(look, event.at) >= 0 and _OWN not in event.user]
    newest = sorted(before, key=lambda event: (event.at, event.name), reverse=True)
    return tuple(_finding(event, look) for event in newest[:_MOST_LINES])


def _finding(event: Event, look: Look) -> Finding:
    at, what, user = when(look, event.at), short(", ".join(event.touches), 80), short(event.user, 60)
    cause = _SOURCES.get(event.source)
    line = Text(f"{event.name} on {what} {at.en}, by {user}.", f"{event.name}({what}): {at.ko}, {user}.")
    facts = {"event": event.name, "source": event.source, "user": event.user, "at": event.at, "touches": event.touches}
    return Finding("change", line, {cause[0]: cause[1]} if cause else {}, facts)


def _event(item: Mapping[str, Any], look: Look) -> Event:
    resources = " ".join(str(entry.get("ResourceName", "")) for entry in item.get("Resources", ()))
    # Only what was asked for: a name may stand anywhere else in the record, in a client's version for one.
    asked = table(table(decoded(item.get("CloudTrailEvent"))).get("requestParameters"))
    text = f"{resources} {json.dumps(asked, ensure_ascii=False)}"
    touches = tuple(sorted(name for name in look.names if name and _names(text, name)))
    source = str(item.get("EventSource", "")).split(".")[0]
    return Event(short(item.get("EventName", ""), 60), source, short(item.get("Username", "?"), 120), item["EventTime"], touches)


def _names(text: str, name: str) -> bool:
    """Tell whether ``name`` stands in ``text`` as a whole: ``image`` is not in ``image-api``."""
    start = text.find(name)
    while start >= 0:
        around = text[start - 1 : start], text[start + len(name) : start + len(name) + 1]
        if not any(letter.isalnum() or letter in "-_" for letter in around if letter):
            return True
        start = text.find(name, start + 1)
    return False


# Often unreachable from inside a VPC, as AWS Health is.
SIGNAL = Signal(
    "changes",
    Text("changes (CloudTrail)", "변경 이력(CloudTrail)"),
    read,
    judge,
    lambda look: bool(look.names),
    least_s=11.0,
)
