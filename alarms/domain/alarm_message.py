"""From the JSON of an alarm to an AlarmEvent: SNS's message, EventBridge's event and Lambda's action.

Nothing is assumed but the alarm's name and state. Old messages have no ARN, emulators leave out the Trigger, log alarms
have none at all, and a masked sample has placeholders where keys should be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from alarms.domain import readings, reason, regions, trigger
from alarms.domain.event import AlarmEvent, Contributor, Envelope, Ignored, NotAlarm, Shape, State, Trigger
from alarms.domain.readings import rows, table, text

_NAME_MAX = 255  # PutMetricAlarm: AlarmName
_ARN_MAX = 1600
_MOST_CHILDREN = 100  # the most a composite alarm may have
_STATES = {state.value: state for state in State}


# Tuples rather than dataclasses: a tenth of the time to define, and this is on the way to a Lambda's first event.
class Travel(NamedTuple):
    """How a message came: its envelope, the topic (empty if none), when it was sent, when it was received."""

    envelope: Envelope
    received_at: datetime
    topic_arn: str = ""
    sent_at: object = None


class _Change(NamedTuple):
    """The same facts of a change of state, wherever the message keeps them."""

    name: object
    arn: str
    account: object
    region: str
    state: object
    previous: object
    at: object
    reason: object
    reason_data: object
    description: object
    contributor: Contributor | None
    trigger: Trigger
    shape: Shape
    children: tuple[str, ...]


def from_notification(body: Mapping[str, object], travel: Travel) -> AlarmEvent | Ignored:
    """Read an alarm's SNS message (``AlarmName``, ``NewStateValue``, …)."""
    contributor = _contributor(body.get("AlarmContributorId"), body.get("AlarmContributorAttributes"))
    watched, shape = _notified_trigger(body, contributor)
    event = _event(
        _Change(
            name=body.get("AlarmName"),
            arn=text(body.get("AlarmArn"), _ARN_MAX),
            account=body.get("AWSAccountId"),
            region=regions.from_display_name(body.get("Region")),
            state=body.get("NewStateValue"),
            previous=body.get("OldStateValue"),
            at=body.get("StateChangeTime"),
            reason=body.get("NewStateReason"),
            reason_data=body.get("NewStateReasonData"),
            description=body.get("AlarmDescription"),
            contributor=contributor,
            trigger=watched,
            shape=shape,
            children=_children(rows(body.get("TriggeringChildren"))),
        ),
        travel,
    )
    if isinstance(event, AlarmEvent) and body.get("ActionExecutedAfterMuteWindow") in (True, "true"):
        return replace(event, after_mute=True)
    return event


def from_event(body: Mapping[str, object], travel: Travel) -> AlarmEvent | Ignored:
    """Read an EventBridge event of type 'CloudWatch Alarm State Change' or '… Contributor State Change'."""
    resources = rows(body.get("resources"))
    arn = next((text(item, _ARN_MAX) for item in resources if regions.alarm_name(item)), "")
    return _from_detail(table(body.get("detail")), arn, body.get("account"), body, travel)


def from_action(body: Mapping[str, object], travel: Travel) -> AlarmEvent | Ignored:
    """Read the event of an alarm whose action is a Lambda function."""
    arn = text(body.get("alarmArn"), _ARN_MAX)
    return _from_detail(table(body.get("alarmData")), arn, body.get("accountId"), body, travel)


def _from_detail(
    detail: Mapping[str, object], arn: str, account: object, body: Mapping[str, object], travel: Travel
) -> AlarmEvent | Ignored:
    state = table(detail.get("state"))
    configuration = table(detail.get("configuration"))
    series = table(detail.get("alarmContributor"))
    contributor = _contributor(series.get("id"), series.get("attributes"))
    watched, shape = trigger.from_configuration(configuration)
    data = readings.decoded(state.get("reasonData"))
    event = _event(
        _Change(
            name=detail.get("alarmName"),
            arn=arn,
            account=account,
            region=regions.code(body.get("region")),
            state=state.get("value"),
            previous=table(detail.get("previousState")).get("value"),
            at=state.get("timestamp"),
            reason=state.get("reason"),
            reason_data=data,
            description=configuration.get("description"),
            contributor=contributor,
            trigger=watched,
            shape=Shape.CONTRIBUTOR if contributor and shape is not Shape.LOG else shape,
            children=_children(rows(table(data).get("triggeringAlarms"))),
        ),
        travel._replace(sent_at=body.get("time") or travel.sent_at),
    )
    if isinstance(event, Ignored):
        return event
    suppressor = text(state.get("actionsSuppressedBy"), 64)
    muted = bool(table(detail.get("muteDetail")))
    return replace(event, suppressed_by=suppressor, muted=muted) if suppressor or muted else event


def _event(change: _Change, travel: Travel) -> AlarmEvent | Ignored:
    arn = regions.arn(change.arn, "cloudwatch")
    name = text(change.name, _NAME_MAX + 1) or regions.alarm_name(change.arn)
    state = _STATES.get(change.state) if isinstance(change.state, str) else None
    if not name or len(name) > _NAME_MAX:
        return Ignored(NotAlarm.UNREADABLE_ALARM, f"an alarm's message without a name of 1 to {_NAME_MAX} characters")
    if state is None:
        seen = text(change.state, 40)
        return Ignored(NotAlarm.UNREADABLE_ALARM, f"alarm {name!r} has state {seen!r}, not OK, ALARM or INSUFFICIENT_DATA")
    sentence = text(change.reason, readings.REASON_MAX)
    said = reason.read(text(change.reason, 4 * readings.REASON_MAX), _data(change.reason_data))
    topic = regions.arn(travel.topic_arn, "sns")
    region = arn.region or change.region or topic.region
    changed_at = readings.moment(change.at)
    return AlarmEvent(
        alarm_name=name,
        alarm_arn=change.arn,
        account=arn.account or regions.account(change.account) or topic.account,
        region=region,
        partition=(arn.partition if arn.region else "") or regions.partition_of(region),
        state=state,
        previous_state=_STATES.get(change.previous) if isinstance(change.previous, str) else None,
        changed_at=changed_at or readings.moment(travel.sent_at) or _aware(travel.received_at),
        changed_at_known=changed_at is not None,
        reason=sentence,
        description=text(change.description, readings.DESCRIPTION_MAX),
        envelope=travel.envelope,
        shape=change.shape,
        trigger=_completed(change.trigger, said),
        contributor=change.contributor,
        values=said.values,
        band=said.band,
        children=change.children or _children_in(sentence, change.shape),
        no_data=reason.speaks_of_missing_data(sentence, state),
        topic_arn=travel.topic_arn,
    )


def _data(value: object) -> object:
    return readings.decoded(value) if isinstance(value, str) else value


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _completed(watched: Trigger, said: reason.Said) -> Trigger:
    """Fill in what only the reason says: EventBridge's configuration has neither threshold nor comparison."""
    if watched.threshold is not None and watched.operator and watched.period_s and (watched.statistic or watched.expression):
        return watched
    return replace(
        watched,
        threshold=said.threshold if watched.threshold is None else watched.threshold,
        operator=watched.operator or said.operator,
        period_s=watched.period_s or said.period_s,
        statistic=watched.statistic or (None if watched.expression else said.statistic),
    )


def _notified_trigger(body: Mapping[str, object], contributor: Contributor | None) -> tuple[Trigger, Shape]:
    rule = text(body.get("AlarmRule"), 10240)
    if rule:
        return trigger.composite(rule), Shape.COMPOSITE
    watched, shape = trigger.from_notification(table(body.get("Trigger")))
    if shape is Shape.UNKNOWN and "NewStateReasonData" in body:
        return watched, Shape.LOG  # the only kind whose SNS message carries its data, and no Trigger
    return watched, Shape.CONTRIBUTOR if contributor else shape


def _contributor(identity: object, attributes: object) -> Contributor | None:
    named = trigger.dimensions(attributes)
    # Without its id a series is known by its attributes: it must not be taken for the whole alarm.
    known = text(identity, 64) or ",".join(f"{key}={value}" for key, value in sorted(named.items()))[:256]
    return Contributor(known, named) if known else None


def _children(listed: list[object]) -> tuple[str, ...]:
    """Read triggering children given as ARNs, as names, or as objects that hold an ARN."""
    found = []
    for item in listed[:_MOST_CHILDREN]:
        given = text(item, _ARN_MAX) or text(table(item).get("Arn") or table(item).get("arn"), _ARN_MAX)
        found.append(regions.alarm_name(given) or given)
    return tuple(name for name in dict.fromkeys(found) if name)


def _children_in(sentence: str, shape: Shape) -> tuple[str, ...]:
    """Name the child that moved, from the reason: the list of a composite's message may be empty."""
    arn, found, _ = sentence.partition(" transitioned to ")
    name = regions.alarm_name(arn) if found and shape is Shape.COMPOSITE else ""
    return (name,) if name else ()
