"""Opens an SQS batch: each record becomes a letter (alarm events, a report, a command, or why it is none), oldest first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alarms.domain import readings
from alarms.domain.command import COMMAND_TYPE, Command, CommandKind
from alarms.domain.event import AlarmEvent, Ignored, NotAlarm, timely
from alarms.domain.payload import parse_all
from alarms.domain.report import REPORT_TYPE, Report

SILENCING = (CommandKind.MUTE, CommandKind.UNMUTE)
_OURS = '"tocsin.'  # every message of our own has a type that begins so


@dataclass(frozen=True, slots=True)
class Letter:
    """One SQS record, read. ``receives`` counts its deliveries. ``problem`` says why it can never be told."""

    id: str
    record: Mapping[str, Any]
    receives: int
    at: datetime
    events: tuple[AlarmEvent, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    report: Report | None = None
    command: Command | None = None
    problem: str = ""


def opened(event: Mapping[str, Any], now: datetime) -> list[Letter]:
    """Return the letters of a Lambda event, sorted by the time of what they tell, so that no OK overtakes its ALARM."""
    records = event.get("Records")
    letters = [_letter(record, now) for record in records if _is_sqs(record)] if isinstance(records, list) else []
    return sorted(letters, key=lambda letter: (letter.at, letter.report is not None))


def _is_sqs(record: object) -> bool:
    return isinstance(record, dict) and isinstance(record.get("messageId"), str) and isinstance(record.get("body"), str)


def _letter(record: Mapping[str, Any], now: datetime) -> Letter:
    attributes = readings.table(record.get("attributes"))
    receives = readings.whole(attributes.get("ApproximateReceiveCount")) or 1
    sent = _sent_at(attributes, now)
    own = _own(record["body"])
    if own is not None:
        return (_command if own["type"] == COMMAND_TYPE else _report)(record, receives, sent, own)
    found = parse_all(dict(record), received_at=sent)
    events = tuple(timely(item, sent, now) for item in found if isinstance(item, AlarmEvent))
    ignored = tuple(item for item in found if isinstance(item, Ignored))
    broken = next((item for item in ignored if item.why is NotAlarm.UNREADABLE_ALARM), None)
    problem = f"{broken.why.value}: {broken.detail}" if broken else ""
    at = min((item.changed_at for item in events), default=sent)
    return Letter(record["messageId"], record, receives, at, events, ignored, problem=problem)


def _report(record: Mapping[str, Any], receives: int, sent: datetime, document: Mapping[str, Any]) -> Letter:
    try:
        if document["type"] != REPORT_TYPE:
            raise ValueError(f"unknown type {document['type']!r}")
        report = Report.from_document(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Letter(record["messageId"], record, receives, sent, problem=f"unreadable report: {error!r}"[:300])
    return Letter(record["messageId"], record, receives, report.at, report=report)


def _command(record: Mapping[str, Any], receives: int, sent: datetime, document: Mapping[str, Any]) -> Letter:
    command = Command.from_document(document)
    if command is None or command.kind not in SILENCING:
        return Letter(record["messageId"], record, receives, sent, problem="a command that is not for the notifier")
    return Letter(record["messageId"], record, receives, command.at, command=command)


def _own(body: str) -> Mapping[str, Any] | None:
    """Return a message of our own as JSON; None for everything else. An alarm that merely quotes us is not ours."""
    if _OURS not in body:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    ours = isinstance(document, dict) and isinstance(document.get("type"), str) and document["type"].startswith("tocsin.")
    return document if ours else None


def _sent_at(attributes: Mapping[str, Any], now: datetime) -> datetime:
    """Return when SQS took the message: unlike the time of receipt it is the same for each delivery of it."""
    sent = readings.moment(readings.whole(attributes.get("SentTimestamp")))
    return sent or now
