"""What must never stay true of the pipeline itself. Pure: the stack makes alarms of it, docs/operations.md says what to do.

Plain thresholds only, on what AWS and the functions publish by themselves. Where nothing published means that all is well,
missing data is no breach; for a heartbeat it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alarms.domain import telemetry
from infra.aws.pipeline.functions import ALIAS, TIMEOUT_S
from infra.aws.pipeline.place import Place
from infra.aws.pipeline.queues import SCHEDULES
from infra.aws.pipeline.tables import DEFINITIONS

# An ordinary wait: a timer of the remediators may be fifteen minutes away, and counts as a message's age.
OLDEST_S: Mapping[str, int] = {"notifier": 600, "remediators": 1500}
NEAR_TIMEOUT = 0.8
SLOW_MS = 120_000  # from an alarm's change of state to Slack's answer


@dataclass(frozen=True, slots=True)
class SelfAlarm:
    """Rings when ``metric`` is at or above ``threshold`` (below it when ``below``) in ``bad`` of the last ``of`` periods."""

    name: str
    meaning: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    threshold: float
    period_s: int = 60
    bad: int = 1
    of: int = 1
    below: bool = False
    missing: str = "notBreaching"


def self_alarms(place: Place, rooms: Mapping[str, int], topics: Mapping[str, str]) -> list[SelfAlarm]:
    """Return every alarm of the pipeline on itself but ``door_5xx``.

    ``rooms`` are its functions, each with how many of its executions run at once; ``topics`` are names by label.
    """
    found = [*_letters(place), *_telling(place), *_tables(place), *_timers(place)]
    found += [alarm for room, at_once in rooms.items() for alarm in _function(place, room, at_once)]
    return found + [alarm for label, name in topics.items() for alarm in _topic(label, name)]


def errors(place: Place, room: str) -> SelfAlarm:
    """Return the alarm on invocations that broke: no record does that, so it is the version. It turns a deploy back."""
    dimensions = {"FunctionName": place.named(room), "Resource": f"{place.named(room)}:{ALIAS}"}
    return SelfAlarm(f"{room}-errors", "invocations break", "AWS/Lambda", "Errors", dimensions, "Sum", 1)


def door_5xx(api_id: str) -> SelfAlarm:
    """Return the alarm on clicks that got no answer."""
    return SelfAlarm("door-5xx", "clicks get no answer", "AWS/ApiGateway", "5xx", {"ApiId": api_id}, "Sum", 3, 300)


def _letters(place: Place) -> Iterator[SelfAlarm]:
    for room, oldest in OLDEST_S.items():
        yield _visible(place, f"{room}-dead", f"{room}-dead-letters", "messages were given up after five deliveries")
        yield _visible(place, f"{room}-undelivered", f"{room}-undelivered", "SNS could not deliver to the queue")
        yield SelfAlarm(
            f"{room}-oldest-message",
            "messages wait too long",
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            {"QueueName": place.named(room)},
            "Maximum",
            oldest,
            bad=3,
            of=3,
        )
    yield _visible(place, SCHEDULES, "schedules-dead-letters", "the sweep could not be sent")


def _visible(place: Place, queue: str, name: str, meaning: str) -> SelfAlarm:
    return SelfAlarm(
        name, meaning, "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": place.named(queue)}, "Maximum", 1
    )


def _telling(place: Place) -> Iterator[SelfAlarm]:
    stage = {telemetry.STAGE: place.stage}
    yield SelfAlarm(
        "no-sweep",
        "the reconciler's heartbeat is missing",
        telemetry.NAMESPACE,
        telemetry.SWEPT.name,
        stage,
        "Sum",
        1,
        period_s=300,
        bad=3,
        of=3,
        below=True,
        missing="breaching",
    )
    yield _own(telemetry.SLACK_THROTTLED, stage, "slack-throttled", "Slack goes on asking for patience", 5, often=(3, 3))
    yield _own(telemetry.TELL_DELAY, stage, "told-late", "people hear late", SLOW_MS, often=(3, 3))
    yield _own(telemetry.SWEEP_FOUND, stage, "sweep-finds", "messages or timers get lost", 1, often=(3, 6))


def _own(
    metric: telemetry.Metric,
    dimensions: Mapping[str, str],
    name: str,
    meaning: str,
    threshold: float,
    *,
    often: tuple[int, int] = (1, 1),
) -> SelfAlarm:
    """Return an alarm on one of tocsin's own metrics, ``often`` of five minutes each; a time is judged by its p90."""
    statistic = "Sum" if metric.unit == "Count" else "p90"
    return SelfAlarm(name, meaning, telemetry.NAMESPACE, metric.name, dimensions, statistic, threshold, 300, *often)


def _function(place: Place, room: str, at_once: int) -> Iterator[SelfAlarm]:
    of_function = {"FunctionName": place.named(room)}
    own = {telemetry.STAGE: place.stage, telemetry.FUNCTION: room}
    near = NEAR_TIMEOUT * TIMEOUT_S[room] * 1000
    yield errors(place, room)
    if room == telemetry.Function.INTERACTIVE:
        yield _own(telemetry.PRESS_REFUSED, own, "presses-refused", "somebody tries the door", 20)
    yield _own(telemetry.FAILED, own, f"{room}-failed", "records are given back to their queue", 5, often=(2, 3))
    if room in OLDEST_S:
        yield SelfAlarm(
            f"{room}-silent",
            "nothing calls it, not even its pulse",
            "AWS/Lambda",
            "Invocations",
            of_function,
            "Sum",
            1,
            period_s=300,
            bad=2,
            of=2,
            below=True,
            missing="breaching",
        )
    yield SelfAlarm(
        f"{room}-throttled", "Lambda refuses to run it", "AWS/Lambda", "Throttles", of_function, "Sum", 1, 300, bad=2, of=2
    )
    yield SelfAlarm(
        f"{room}-slow", "it nearly runs out of time", "AWS/Lambda", "Duration", of_function, "Maximum", near, 300, bad=2, of=3
    )
    yield SelfAlarm(
        f"{room}-busy",
        "all that may run at once runs, and goes on",
        "AWS/Lambda",
        "ConcurrentExecutions",
        of_function,
        "Maximum",
        at_once,
        bad=10,
        of=10,
    )


def _tables(place: Place) -> Iterator[SelfAlarm]:
    for table in DEFINITIONS:
        for way in ("Read", "Write"):
            yield SelfAlarm(
                f"{table}-{way.lower()}s-throttled",
                f"DynamoDB refuses {way.lower()}s",
                "AWS/DynamoDB",
                f"{way}ThrottleEvents",
                {"TableName": place.named(table)},
                "Sum",
                1,
                bad=2,
                of=5,
            )


def _timers(place: Place) -> Iterator[SelfAlarm]:
    group = {"ScheduleGroup": place.base}
    refused = "the remediators' queue refuses timers"
    yield SelfAlarm("timers-refused", refused, "AWS/Scheduler", "TargetErrorCount", group, "Sum", 1, 300, bad=2, of=2)
    dropped = "timers were given up"
    yield SelfAlarm("timers-dropped", dropped, "AWS/Scheduler", "InvocationDroppedCount", group, "Sum", 1, 300)


def _topic(label: str, name: str) -> Iterator[SelfAlarm]:
    of_topic = {"TopicName": name}
    yield SelfAlarm(
        f"{label}-not-delivered", "SNS could not deliver", "AWS/SNS", "NumberOfNotificationsFailed", of_topic, "Sum", 1, 300
    )
    yield SelfAlarm(
        f"{label}-lost",
        "SNS could not keep what it could not deliver",
        "AWS/SNS",
        "NumberOfNotificationsFailedToRedriveToDlq",
        of_topic,
        "Sum",
        1,
        300,
    )
