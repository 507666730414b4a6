"""Wake-up calls: seconds by a delayed message on the own queue, minutes and hours by one-shots of EventBridge Scheduler."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from alarms.domain.errors import Permanent, Retryable
from alarms.domain.event import utc
from remediators.aws import Clients
from remediators.timers import Timer

LONGEST_DELAY_S = 900  # SQS's own limit for DelaySeconds
SOONEST = timedelta(seconds=60)  # a one-shot fires within the minute; one in the past never does


class Scheduler:
    """Sends timers to the remediators' own queue. Saying the same twice is harmless."""

    def __init__(self, clients: Clients, *, queue_url: str, queue_arn: str, group: str, role_arn: str) -> None:
        self._clients = clients
        self._queue_url = queue_url
        self._queue_arn = queue_arn
        self._group = group
        self._role_arn = role_arn

    def after(self, seconds: int, timer: Timer) -> None:
        """Deliver ``timer`` after ``seconds`` (0 to 900)."""
        self._clients("sqs").send_message(
            QueueUrl=self._queue_url,
            MessageBody=json.dumps(timer.to_document()),
            DelaySeconds=min(max(seconds, 0), LONGEST_DELAY_S),
        )

    def soon(self, timers: Sequence[tuple[int, Timer]]) -> None:
        """Deliver each timer after its seconds (0 to 900), in one call; Retryable when the queue did not take all of them."""
        entries = [
            {
                "Id": str(place),
                "MessageBody": json.dumps(timer.to_document()),
                "DelaySeconds": min(max(seconds, 0), LONGEST_DELAY_S),
            }
            for place, (seconds, timer) in enumerate(timers)
        ]
        answer = self._clients("sqs").send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        if refused := answer.get("Failed"):
            raise Retryable(f"{len(refused)} wake-up calls were not taken: {refused[0].get('Code', '')}")

    def at(self, moment: datetime, timer: Timer, now: datetime) -> None:
        """Deliver ``timer`` at ``moment``, to the second and never before it; a moment past or near comes in a minute."""
        due = max(_whole_second(moment), _whole_second(now + SOONEST)).astimezone(UTC)
        name = f"{timer.kind.value}-{_short(timer.subject)}-{int(due.timestamp())}"
        try:
            self._clients("scheduler").create_schedule(
                Name=name,
                GroupName=self._group,
                ClientToken=name,
                ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={"Arn": self._queue_arn, "RoleArn": self._role_arn, "Input": json.dumps(timer.to_document())},
            )
        except Permanent as failure:
            if failure.code != "ConflictException":  # it stands already: a delivery after a crash says it again
                raise


def _short(subject: str) -> str:
    """Return ``subject`` where it may stand in a schedule's name (64 of ``[0-9a-zA-Z-_.]``), else its hash."""
    fits = len(subject) <= 32 and subject.isascii() and subject.isalnum()
    return subject if fits else hashlib.sha256(subject.encode("utf-8", "replace")).hexdigest()[:32]


def _whole_second(moment: datetime) -> datetime:
    return utc(math.ceil(moment.timestamp()))
