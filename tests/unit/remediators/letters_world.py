"""A queue, its consumers and its dead letters on the embedded AWS: what the stories of redriving are told in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from remediation_world import policy, queue_alarm

from alarms.domain.alarm import Alarm
from alarms.domain.decision import Proposal
from infra.local.aws import Embedded, embedded
from infra.local.seam import Call
from remediators.action import Purpose, Refusal, Situation
from remediators.actions.redrive_dead_letters import RedriveDeadLetters
from remediators.aws import Client

START = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
REDRIVE = policy(
    "redrive-dead-letters", {"source": "jobs", "cluster": "image", "consumer": "image-consumer", "max_messages": 100, "rate": 5}
)


def letters_alarm() -> Alarm:
    """Return the alarm of the dead-letter queue."""
    return replace(
        queue_alarm(REDRIVE),
        name="tocsin/dev/image-processing/sqs/dlq-not-empty/jobs-dead",
        row="image-processing/sqs/dlq-not-empty",
        target={"QueueName": "jobs-dead"},
        policies=(REDRIVE,),
    )


class Letters:
    """Twenty jobs that failed twenty minutes ago; consumers that have worked well for the last ten."""

    action = RedriveDeadLetters()

    def __init__(self, aws: Embedded) -> None:
        self.aws = aws
        self.sqs = aws.client("sqs")
        self.calls: list[Call] = []
        self.permits = 0
        self.dead_url = self.sqs.create_queue(QueueName="jobs-dead")["QueueUrl"]
        self.work_url = self.sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
        self.hand_on("jobs")
        ecs = aws.client("ecs")
        ecs.create_cluster(clusterName="image")
        ecs.register_task_definition(family="image", containerDefinitions=[{"name": "app", "image": "image:1"}])
        ecs.create_service(cluster="image", serviceName="image-consumer", taskDefinition="image", desiredCount=3)
        aws.ecs.settle("image", "image-consumer")
        self.die(*(f'{{"job": {n}, "token": "s3cr3t-{n}"}}' for n in range(20)))
        aws.clock.advance(1200)
        self.metrics()
        aws.seam.observe(self.calls.append)

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.aws.clock.now

    def clients(self, service: str) -> Any:
        """Return clients as the action gets them."""
        return Client(self.aws.client(service))

    def hand_on(self, queue: str) -> None:
        """Let ``queue`` hand its letters to the dead-letter queue after one try."""
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        redrive = {"deadLetterTargetArn": self.aws.place.arn("sqs", "jobs-dead"), "maxReceiveCount": 1}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(redrive)})

    def die(self, *bodies: str) -> None:
        """Let these jobs, and all that waits, fail and become dead letters."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.work_url, MessageBody=body)
        for _ in range(2):
            while self.sqs.receive_message(QueueUrl=self.work_url, MaxNumberOfMessages=10).get("Messages"):
                pass
            self.aws.clock.advance(6)

    def metrics(
        self, *, letters: Mapping[int, float] | None = None, age: float = 30, received: float = 100, deleted: float = 97
    ) -> None:
        """Publish the last 20 minutes. ``letters`` gives the count by minutes ago where it differs from 20."""
        end = self.now.replace(second=0, microsecond=0)
        for ago in range(1, 21):
            count = (letters or {}).get(ago, 20)
            self._put("jobs-dead", "ApproximateNumberOfMessagesVisible", count, end - timedelta(minutes=ago))
            self._put("jobs", "ApproximateAgeOfOldestMessage", age, end - timedelta(minutes=ago))
            self._put("jobs", "NumberOfMessagesReceived", received, end - timedelta(minutes=ago))
            self._put("jobs", "NumberOfMessagesDeleted", deleted, end - timedelta(minutes=ago))

    def invocations(self, errors: float) -> None:
        """Publish, or add to, ten invocations a minute of the function and ``errors`` in the last ten minutes."""
        end = self.now.replace(second=0, microsecond=0)
        for name, value in (("Invocations", 10.0), ("Errors", errors / 10)):
            for ago in range(1, 11):
                series = {
                    "MetricName": name,
                    "Dimensions": [{"Name": "FunctionName", "Value": "thumbnails"}],
                    "Value": value,
                    "Timestamp": end - timedelta(minutes=ago),
                }
                self.aws.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=[series])

    def situation(self, purpose: Purpose = Purpose.DECIDE, **parameters: Any) -> Situation:
        """Return what the engine would hand to the action."""
        named = {name: value for name, value in {**REDRIVE.parameters, **parameters}.items() if value is not None}
        changed = replace(REDRIVE, parameters=named)
        return Situation(letters_alarm(), changed, 20.0, self.now, purpose, self.now)

    def decide(self, **parameters: Any) -> Proposal | Refusal:
        """Gather and decide."""
        situation = self.situation(**parameters)
        return self.action.propose(self.action.observe(self.clients, situation), situation)

    def proposal(self, **parameters: Any) -> Proposal:
        """Gather, decide, and expect a yes."""
        answer = self.decide(**parameters)
        assert isinstance(answer, Proposal), answer
        return answer

    def start(self, **parameters: Any) -> Proposal:
        """Decide and start the move."""
        proposal = self.proposal(**parameters)
        self.action.run(self.clients, proposal.changes[0], self.permit)
        return proposal

    def permit(self) -> None:
        """Count how often leave was asked for."""
        self.permits += 1

    def counts(self) -> tuple[int, int]:
        """Return how many wait in the work queue and in the dead-letter queue."""
        return self._count(self.work_url), self._count(self.dead_url)

    def _count(self, url: str) -> int:
        name = "ApproximateNumberOfMessages"
        return int(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    def _put(self, queue: str, name: str, value: float, at: datetime) -> None:
        series = {"MetricName": name, "Dimensions": [{"Name": "QueueName", "Value": queue}], "Value": value, "Timestamp": at}
        self.aws.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[series])


@contextmanager
def letters_world() -> Iterator[Letters]:
    """Open the world."""
    with embedded(START) as aws:
        yield Letters(aws)
