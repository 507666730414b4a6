"""An alarm's change of state, whatever envelope it came in.

The shapes are facts of AWS (CloudWatch User Guide, "Notify users on alarm changes" and "Alarm events and EventBridge"); the
reading of them lives in ``alarms.domain.payload``, so that this file holds nouns only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from alarms.domain.alarm import alarm_key

SKEW = timedelta(minutes=5)  # two clocks may differ by so much


class State(StrEnum):
    """A CloudWatch alarm's StateValue."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Envelope(StrEnum):
    """How the message travelled."""

    SNS_SQS = "sns-sqs"  # SQS record whose body is an SNS notification
    SNS_LAMBDA = "sns-lambda"  # Records[].Sns
    SNS = "sns"  # an SNS notification by itself
    SQS_RAW = "sqs-raw"  # SQS record whose body is the alarm message (raw delivery)
    BARE = "bare"  # the alarm message by itself
    EVENTBRIDGE = "eventbridge"
    LAMBDA_ACTION = "lambda-action"


class Shape(StrEnum):
    """What kind of alarm speaks."""

    METRIC = "metric"
    EXTENDED_STATISTIC = "extended-statistic"
    METRIC_MATH = "metric-math"
    ANOMALY = "anomaly"
    COMPOSITE = "composite"
    CONTRIBUTOR = "contributor"  # one series of a Metrics Insights or PromQL alarm
    LOG = "log"
    UNKNOWN = "unknown"  # an alarm for certain, of a kind newer than this code


class NotAlarm(StrEnum):
    """Why a message is not an alarm's change of state; the value is the name people see."""

    SUBSCRIPTION_CONFIRMATION = "subscription-confirmation"
    UNSUBSCRIBE_CONFIRMATION = "unsubscribe-confirmation"
    CONFIGURATION_CHANGE = "configuration-change"
    PLAIN_TEXT = "plain-text"
    OTHER_EVENT = "other-event"
    OTHER_JSON = "other-json"
    EMPTY = "empty"
    UNREADABLE_ALARM = "unreadable-alarm"  # looks like an alarm, but its name or state is missing or malformed


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that is no alarm event: ``why`` by name, ``detail`` in one sentence."""

    why: NotAlarm
    detail: str


@dataclass(frozen=True, slots=True)
class Contributor:
    """One series of a multi-series alarm."""

    id: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What the alarm watches, as far as the message says; None where it does not.

    ``operator`` is CloudWatch's ComparisonOperator. ``metrics`` are readable names of a math alarm's inputs
    (``AWS/EC2 NetworkOut``), ``expression`` the one that is compared, ``alarm_rule`` a composite's rule.
    """

    namespace: str | None = None
    metric: str | None = None
    statistic: str | None = None
    dimensions: Mapping[str, str] | None = None
    period_s: int | None = None
    evaluation_periods: int | None = None
    datapoints_to_alarm: int | None = None
    operator: str | None = None
    threshold: float | None = None
    missing: str | None = None
    unit: str | None = None
    metrics: tuple[str, ...] = ()
    expression: str | None = None
    alarm_rule: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One change of state of one alarm (or of one contributor of it).

    ``alarm_arn`` is empty in old payloads. ``account`` and ``region`` are empty when no part of the message gives a
    plausible one. ``changed_at`` is the time of the transition, in UTC; ``changed_at_known`` is False when the message had
    none that can be read and the time of receipt stands in. ``values`` are the recent data points, newest last, and
    ``band`` the newest (lower, upper) of an anomaly alarm. ``children`` are the names of a composite's triggering alarms.
    ``no_data`` says that the state came from missing data, not from points.
    """

    alarm_name: str
    alarm_arn: str
    account: str
    region: str
    partition: str
    state: State
    previous_state: State | None
    changed_at: datetime
    changed_at_known: bool
    reason: str
    description: str
    envelope: Envelope
    shape: Shape
    trigger: Trigger
    contributor: Contributor | None = None
    values: tuple[float, ...] = ()
    band: tuple[float, float] | None = None
    children: tuple[str, ...] = ()
    no_data: bool = False
    suppressed_by: str = ""
    muted: bool = False
    after_mute: bool = False
    topic_arn: str = ""

    @property
    def alarm_key(self) -> str:
        """``account/region/name``: how the catalogue finds the alarm's row."""
        return alarm_key(self.account, self.region, self.alarm_name)

    @property
    def subject_key(self) -> str:
        """Identity of what changed state: the alarm, or the contributor of it (``…#<id>``). One open episode each."""
        return f"{self.alarm_key}#{self.contributor.id}" if self.contributor else self.alarm_key

    @property
    def value(self) -> float | None:
        """The newest data point, None when the message carries none."""
        return self.values[-1] if self.values else None

    @staticmethod
    def parse(message: object, *, received_at: datetime) -> AlarmEvent | Ignored:
        """Read one message in any envelope and shape, text or decoded JSON; never raises. See ``alarms.domain.payload``."""
        from alarms.domain.payload import parse

        return parse(message, received_at=received_at)


def timely(event: AlarmEvent, sent: datetime, now: datetime) -> AlarmEvent:
    """Return ``event`` unless its time lies ahead of ``now``: taken as it is, it would outdate all that follows.

    Its time then counts as not known, and ``sent``, when the queue took the message, stands in for it.
    """
    if event.changed_at <= now + SKEW:
        return event
    return replace(event, changed_at=min(sent, now), changed_at_known=False)


def utc(seconds: float) -> datetime:
    """Return epoch ``seconds`` as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


def iso(moment: datetime) -> str:
    """Return ``2026-10-31T15:03:20.123Z``: UTC, milliseconds, sortable as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def from_iso(text: str) -> datetime:
    """Read what ``iso`` wrote; a time without a zone is UTC."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)
