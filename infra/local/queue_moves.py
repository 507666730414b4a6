"""SQS's move tasks over moto's queues: dead letters go back by the second of the virtual clock, as new messages with new ids.

One active task a queue, dead-letter queues of other queues only, 1 to 500 messages a second; without a rate ``own_rate``. Unlike
AWS's, whose end is not documented, a task ends when it has moved as many as there were at its start, or the queue is empty.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.seam import Operation, Request, Seam

Params = Mapping[str, Any]
Answer = dict[str, Any]

FASTEST = 500
_ACTIVE = ("RUNNING", "CANCELLING")


@dataclass
class _Task:
    """One move task. ``destination`` is None when each letter goes back to where it came from."""

    handle: str
    source: str
    destination: str | None
    rate: int | None
    to_move: int
    started_at: datetime
    status: str = "RUNNING"
    moved: int = 0
    failure: str = ""


class QueueMoves:
    """The move tasks of this account, newest last. A cancelled one is CANCELLING for ``cancel_s`` seconds."""

    def __init__(self, clock: Clock, seam: Seam, place: Place) -> None:
        self.own_rate = 100
        self.cancel_s = 1.0
        self._clock = clock
        self._seam = seam
        self._place = place
        self._tasks: list[_Task] = []

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "StartMessageMoveTask": self.start_message_move_task,
            "ListMessageMoveTasks": self.list_message_move_tasks,
            "CancelMessageMoveTask": self.cancel_message_move_task,
        }

    def start_message_move_task(self, params: Params, request: Request) -> Answer:
        """Start moving the letters of a dead-letter queue."""
        source = self._queue(params["SourceArn"], "SourceArn")
        if not any(queue.dead_letter_queue is source for queue in self._backend.queues.values()):
            raise AwsError("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        destination = params.get("DestinationArn")
        if destination is not None:
            target = self._queue(destination, "DestinationArn")
            if target is source:
                raise AwsError("InvalidParameterValue", "Source queue arn and destination queue arn cannot be the same.")
            if bool(target.fifo_queue) != bool(source.fifo_queue):
                raise AwsError("InvalidParameterValue", "The source queue and destination queue must be of the same queue type.")
        rate = params.get("MaxNumberOfMessagesPerSecond")
        if rate is not None and not 1 <= rate <= FASTEST:
            raise AwsError("InvalidParameterValue", f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid.")
        if any(task.source == params["SourceArn"] and task.status in _ACTIVE for task in self._tasks):
            raise AwsError(
                "InvalidParameterValue",
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            )
        task = _Task(self._seam.next_id(), params["SourceArn"], destination, rate, len(source._messages), request.at)
        self._tasks.append(task)
        self._clock.after(1, lambda: self._step(task), label="move task")
        return {"TaskHandle": task.handle}

    def list_message_move_tasks(self, params: Params, _: Request) -> Answer:
        """List the newest tasks of a queue, 1 unless more are asked for, at most 10."""
        self._queue(params["SourceArn"], "SourceArn")
        count = params.get("MaxResults", 1)
        if not 1 <= count <= 10:
            raise AwsError("InvalidParameterValue", f"Value {count} for parameter MaxResults is invalid.")
        found = [task for task in reversed(self._tasks) if task.source == params["SourceArn"]]
        return {"Results": [_described(task) for task in found[:count]]}

    def cancel_message_move_task(self, params: Params, _: Request) -> Answer:
        """Stop a running task; what it has moved stays moved."""
        task = next((task for task in self._tasks if task.handle == params["TaskHandle"]), None)
        if task is None:
            raise AwsError("ResourceNotFoundException", "Task does not exist.")
        if task.status != "RUNNING":
            raise AwsError("InvalidParameterValue", "Only active tasks can be cancelled.")
        task.status = "CANCELLING"
        self._clock.after(self.cancel_s, lambda: self._end(task, "CANCELLED"), label="move task cancelled")
        return {"ApproximateNumberOfMessagesMoved": task.moved}

    @property
    def _backend(self) -> SQSBackend:
        return sqs_backends[self._place.account][self._place.region]

    def _queue(self, arn: str, parameter: str) -> Queue:
        for queue in self._backend.queues.values():
            if queue.queue_arn == arn:
                return queue
        raise AwsError(
            "ResourceNotFoundException", f"The resource that you specified for the {parameter} parameter doesn't exist."
        )

    def _step(self, task: _Task) -> None:
        """Move one second's worth."""
        with self._seam.lock:
            if task.status != "RUNNING":
                return
            source = self._queue(task.source, "SourceArn")
            due = min(task.rate or self.own_rate, task.to_move - task.moved)
            for letter in list(source.messages)[:due]:
                target = self._target(task, source, letter)
                if target is None:
                    task.failure = "CouldNotDetermineMessageSource"
                    self._end(task, "FAILED")
                    return
                self._move(source, target, letter)
                task.moved += 1
            if task.moved >= task.to_move or not source._messages:
                self._end(task, "COMPLETED")
            else:
                self._clock.after(1, lambda: self._step(task), label="move task")

    def _target(self, task: _Task, source: Queue, letter: Message) -> Queue | None:
        """Return where a letter goes; None for one that was sent to the dead-letter queue by hand and came from nowhere."""
        if task.destination is not None:
            return self._queue(task.destination, "DestinationArn")
        origins = [queue for queue in self._backend.queues.values() if queue.dead_letter_queue is source]
        if len(origins) > 1:
            raise NotImplementedError("moto does not keep which of several queues a letter came from: give a DestinationArn")
        return origins[0] if letter.approximate_receive_count else None

    def _move(self, source: Queue, target: Queue, letter: Message) -> None:
        source._messages.remove(letter)
        source.pending_messages.discard(letter)
        # A letter keeps its body and attributes; its id, its time and its receive count begin anew.
        self._backend.send_message(
            target.name,
            letter.body,
            message_attributes=letter.message_attributes,
            delay_seconds=0,
            deduplication_id=letter.id if target.fifo_queue else None,
            group_id=letter.group_id,
            system_attributes=letter.system_attributes,
        )

    def _end(self, task: _Task, status: str) -> None:
        with self._seam.lock:
            task.status = status


def _described(task: _Task) -> Answer:
    optional = {
        "TaskHandle": task.handle if task.status == "RUNNING" else None,
        "DestinationArn": task.destination,
        "MaxNumberOfMessagesPerSecond": task.rate,
        "FailureReason": task.failure or None,
    }
    return {
        "Status": task.status,
        "SourceArn": task.source,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": round(task.started_at.timestamp() * 1000),
        **{name: value for name, value in optional.items() if value is not None},
    }
