"""The door: any message that may be an alarm's change of state, in any envelope, becomes an AlarmEvent or a named refusal.

CloudWatch speaks through SNS (enveloped in SQS, raw in SQS, or in Lambda's ``Records[].Sns``), EventBridge (also through
SNS or SQS) and its direct Lambda action. Envelopes are opened one by one until an alarm is found; nothing here raises,
whatever the message is, and no address in a message is ever followed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from alarms.domain import alarm_message
from alarms.domain.alarm_message import Travel
from alarms.domain.event import AlarmEvent, Envelope, Ignored, NotAlarm
from alarms.domain.readings import table, text

_DEEPEST = 8  # envelopes in envelopes; a real message has at most four
_ALARM_EVENTS = ("CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change")
_CONFIRMATIONS = {
    "SubscriptionConfirmation": (
        NotAlarm.SUBSCRIPTION_CONFIRMATION,
        "SNS asks to confirm a subscription; nothing is confirmed here",
    ),
    "UnsubscribeConfirmation": (NotAlarm.UNSUBSCRIBE_CONFIRMATION, "SNS says that a subscription has ended"),
}

Parsed = AlarmEvent | Ignored


def parse(message: object, *, received_at: datetime) -> AlarmEvent | Ignored:
    """Read one message: an SQS record or its body, an SNS record or notification, or an alarm's own JSON (text or decoded).

    Never raises. A message that turns out to hold several is refused by name: ``parse_all`` reads those.
    """
    found = parse_all(message, received_at=received_at)
    if len(found) == 1:
        return found[0]
    return Ignored(NotAlarm.OTHER_JSON, f"{len(found)} messages in one, where one was expected")


def parse_all(payload: object, *, received_at: datetime) -> tuple[AlarmEvent | Ignored, ...]:
    """Read a whole Lambda event (``Records``), a list of messages, or any single message; at least one answer, in order."""
    return tuple(_opened(payload, Travel(Envelope.BARE, received_at), 0))


def _opened(message: object, travel: Travel, depth: int) -> Iterator[Parsed]:
    if depth > _DEEPEST:
        yield Ignored(NotAlarm.OTHER_JSON, "envelopes are nested too deep")
    elif isinstance(message, (bytes, bytearray)):
        yield from _opened(message.decode("utf-8", "replace"), travel, depth + 1)
    elif isinstance(message, str):
        yield from _opened_text(message, travel, depth)
    elif message is None or message in ({}, []):
        yield Ignored(NotAlarm.EMPTY, "the message is empty")
    elif isinstance(message, list):
        for item in message:
            yield from _opened(item, travel, depth + 1)
    elif isinstance(message, dict):
        yield from _opened_object(message, travel, depth)
    else:
        yield Ignored(NotAlarm.OTHER_JSON, f"a JSON {type(message).__name__}, not an alarm")


def _opened_text(message: str, travel: Travel, depth: int) -> Iterator[Parsed]:
    if not message.strip():
        yield Ignored(NotAlarm.EMPTY, "the message is empty")
        return
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        yield Ignored(NotAlarm.PLAIN_TEXT, f"plain text, not an alarm: {text(' '.join(message[:200].split()), 80)!r}")
        return
    yield from _opened(value, travel, depth + 1)


def _opened_object(message: Mapping[str, object], travel: Travel, depth: int) -> Iterator[Parsed]:
    if isinstance(message.get("Records"), list):
        yield from _opened(message["Records"], travel, depth + 1)
    elif isinstance(message.get("Sns"), dict):
        yield from _opened(message["Sns"], travel._replace(envelope=Envelope.SNS_LAMBDA), depth + 1)
    elif _is_sqs_record(message):
        body = message.get("body", message.get("Body"))
        yield from _opened(body, travel._replace(envelope=Envelope.SQS_RAW), depth + 1)
    elif message.get("Type") == "Notification" and "Message" in message:
        yield from _opened(message["Message"], _posted(message, travel), depth + 1)
    else:
        yield _read(message, travel)


def _is_sqs_record(message: Mapping[str, object]) -> bool:
    """Lambda writes ``body`` and ``messageId``, ReceiveMessage ``Body`` and ``MessageId``."""
    return ("body" in message and ("messageId" in message or message.get("eventSource") == "aws:sqs")) or (
        "Body" in message and "MessageId" in message
    )


def _posted(notification: Mapping[str, object], travel: Travel) -> Travel:
    """Note what the SNS envelope says; how it came decides the name of the way."""
    way = {Envelope.SQS_RAW: Envelope.SNS_SQS, Envelope.BARE: Envelope.SNS}.get(travel.envelope, travel.envelope)
    return travel._replace(
        envelope=way, topic_arn=text(notification.get("TopicArn"), 1024), sent_at=notification.get("Timestamp")
    )


def _read(message: Mapping[str, object], travel: Travel) -> Parsed:
    """Tell the innermost message's kind by its keys and read it."""
    for fits, read in _READERS:
        if fits(message):
            return read(message, travel)
    kind = message.get("Type")
    if isinstance(kind, str) and kind in _CONFIRMATIONS:
        return Ignored(*_CONFIRMATIONS[kind])
    keys = ", ".join(text(key, 40) for key in list(message)[:5])
    return Ignored(NotAlarm.OTHER_JSON, f"JSON without an alarm's name and state; it has {keys}")


def _read_event(message: Mapping[str, object], travel: Travel) -> Parsed:
    kind = text(message.get("detail-type"), 200)
    # Anyone may put an event of this type on a bus; only AWS may call its source aws.cloudwatch.
    if message.get("source") != "aws.cloudwatch":
        return Ignored(NotAlarm.OTHER_EVENT, f"EventBridge event {kind!r} of {text(message.get('source'), 100)!r}")
    if kind in _ALARM_EVENTS:
        return alarm_message.from_event(message, travel._replace(envelope=Envelope.EVENTBRIDGE))
    if kind == "CloudWatch Alarm Configuration Change":
        operation = text(table(message.get("detail")).get("operation"), 40) or "change"
        return Ignored(NotAlarm.CONFIGURATION_CHANGE, f"an alarm's configuration, not its state ({operation})")
    return Ignored(NotAlarm.OTHER_EVENT, f"EventBridge event {kind!r} of 'aws.cloudwatch'")


def _read_action(message: Mapping[str, object], travel: Travel) -> Parsed:
    return alarm_message.from_action(message, travel._replace(envelope=Envelope.LAMBDA_ACTION))


def _is_notification(message: Mapping[str, object]) -> bool:
    return "NewStateValue" in message or "AlarmName" in message


_READERS: tuple[tuple[Callable[[Mapping[str, object]], bool], Callable[[Mapping[str, object], Travel], Parsed]], ...] = (
    (_is_notification, alarm_message.from_notification),
    (lambda message: "detail-type" in message, _read_event),
    (lambda message: "alarmData" in message, _read_action),
)
