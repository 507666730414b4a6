"""Stands where Lambda's event source mapping stands: takes records from a queue, calls the handler, deletes what succeeded.

Records look as AWS builds them. A record that the handler names in ``batchItemFailures`` is left alone: it
becomes visible again after the queue's visibility timeout, and SQS moves it to the dead-letter queue when it has come too
often. Every record is delivered more than once on purpose, because SNS and SQS promise no less: each successful record
comes again, at once or late.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from infra.local.clock import Clock, Due
from infra.local.recorder import POLLER, Recorder
from infra.local.scenario import Deliveries

BATCH = 10  # Lambda's default for a standard queue
# From a message being visible to the handler being called: a long poll answers within a second.
HAND_OVER_S = 1.0
AFTER_ALARMS = 20

Handle = Callable[[dict[str, Any], object, datetime], Mapping[str, Any]]
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue as the pipeline knows it."""

    room: str
    name: str
    url: str
    arn: str
    region: str


@dataclass(frozen=True, slots=True)
class Context:
    """Lambda's context object, as far as handlers look at it."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 256

    @property
    def invoked_function_arn(self) -> str:
        """An ARN of the right form."""
        return f"arn:aws:lambda:ap-northeast-2:123456789012:function:{self.function_name}"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return what is left of thirty seconds: time stands still inside a handler."""
        return 30_000


@dataclass
class EventSource:
    """Feeds one queue's records to one handler on the virtual clock.

    ``next_visible`` tells when the queue's next message can be received (None: nothing there), so that empty queues cost
    nothing. ``after_call`` runs inside every invocation, after the handler: it collects what others wrote down of it.
    """

    queue: Queue
    handle: Handle
    sqs: Any
    clock: Clock
    recorder: Recorder
    deliveries: Deliveries
    next_visible: Callable[[], datetime | None]
    after_call: Callable[[], object] = lambda: None
    _due: Due | None = None
    _copies: int = 0

    def look(self) -> None:
        """Put a poll on the agenda for when the next message can be received, unless one stands there already."""
        visible = self.next_visible()
        if visible is None:
            return
        when = max(visible, self.clock.now) + timedelta(seconds=HAND_OVER_S)
        if self._due is not None and not self._due.cancelled and self._due.when <= when:
            return
        if self._due is not None:
            self._due.cancel()
        self._due = self.clock.at(when, self._poll, order=AFTER_ALARMS, label=f"poll {self.queue.name}")

    def _poll(self) -> None:
        self._due = None
        while records := self._receive():
            done = self._invoke(records, duplicate=False)
            self._delete(done)
            for copy in range(1, self.deliveries.copies):
                self._again(done, copy)
        self.look()

    def _again(self, records: Sequence[Record], copy: int) -> None:
        """Deliver ``records`` once more: every other batch at once, the rest late."""
        if not records:
            return
        self._copies += 1
        copies = [_received_again(record, copy) for record in records]
        late = self.deliveries.late * copy if self._copies % 2 else 0.0
        if late:
            self.clock.after(late, lambda: self._invoke(copies, duplicate=True), order=AFTER_ALARMS, label="late copy")
        else:
            self._invoke(copies, duplicate=True)

    def _receive(self) -> list[Record]:
        with self.recorder.acting_as(POLLER):
            answer = self.sqs.receive_message(
                QueueUrl=self.queue.url,
                MaxNumberOfMessages=BATCH,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        return [event_record(message, self.queue) for message in answer.get("Messages", [])]

    def _delete(self, records: Sequence[Record]) -> None:
        if not records:
            return
        entries = [{"Id": str(place), "ReceiptHandle": record["receiptHandle"]} for place, record in enumerate(records)]
        with self.recorder.acting_as(POLLER):
            self.sqs.delete_message_batch(QueueUrl=self.queue.url, Entries=entries)

    def _invoke(self, records: Sequence[Record], *, duplicate: bool) -> list[Record]:
        """Call the handler with one batch; return the records that it did not name as failed."""
        start = len(self.recorder.timeline)
        with self.recorder.invoking(self.queue.room) as invocation:
            failed, error = self._call({"Records": [dict(record) for record in records]}, invocation)
            self.after_call()
        effects = self.recorder.effects(start)
        for record in records:
            bad = failed is None or record["messageId"] in failed
            self.recorder.add(
                self.clock.now,
                "delivery",
                queue=self.queue.name,
                invocation=invocation,
                message_id=record["messageId"],
                receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
                duplicate=duplicate,
                what=describe(record["body"]),
                outcome="failed" if bad else "done",
                error=error if bad else None,
                batch=len(records),
                **effects,
            )
        return [] if failed is None else [record for record in records if record["messageId"] not in failed]

    def _call(self, event: dict[str, Any], invocation: str) -> tuple[set[str] | None, str | None]:
        """Return the ids that failed, or None when the whole batch did, and why."""
        try:
            answer = self.handle(event, Context(f"tocsin-demo-{self.queue.room}", invocation), self.clock.now)
        except Exception as error:  # noqa: BLE001 - Lambda, too, turns whatever a handler raises into a failed batch
            return None, f"{type(error).__name__}: {error}"
        return failures(answer), "named in batchItemFailures"


def failures(answer: Mapping[str, Any] | None) -> set[str] | None:
    """Read ``batchItemFailures`` as Lambda does: none means all is well, an identifier that is none means that all failed."""
    items = (answer or {}).get("batchItemFailures") or []
    ids = {item.get("itemIdentifier") for item in items}
    return None if any(not isinstance(each, str) or not each for each in ids) else ids


def event_record(message: Mapping[str, Any], queue: Queue) -> Record:
    """Return a received message as the record that Lambda gives to a function."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": queue.region,
    }


def _received_again(record: Record, copy: int) -> Record:
    attributes = dict(record["attributes"])
    attributes["ApproximateReceiveCount"] = str(int(attributes["ApproximateReceiveCount"]) + copy)
    return {**record, "attributes": attributes}


def describe(body: str) -> dict[str, Any]:
    """Say what a message is: an alarm's change of state, a report, a timer; ``id`` is the same for every copy of it."""
    document = _json(body)
    if isinstance(document.get("Message"), str):
        document = _json(document["Message"])
    if "AlarmName" in document:
        state, changed_at = document.get("NewStateValue"), document.get("StateChangeTime")
        return {
            "type": "alarm",
            "id": f"{document['AlarmName']} {state} {changed_at}",
            "alarm": document["AlarmName"],
            "state": state,
        }
    kind = str(document.get("type", "other")).removeprefix("tocsin.").split("/")[0]
    detail = document.get("phase") or document.get("kind") or ""
    name = document.get("id") or document.get("subject") or ""
    return {"type": kind, "id": f"{kind} {detail} {name}".strip(), "detail": detail}


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
