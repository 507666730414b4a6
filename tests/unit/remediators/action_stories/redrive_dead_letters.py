"""redrive-dead-letters: letters go back to their queue; a move that still runs when it is to be given back is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from remediation_world import ACCOUNT, REGION, World, policy, queue_alarm

from action_stories import ActionStory, often
from alarms.domain.alarm import Revert
from infra.local.seam import Call

ECS = {"source": "jobs", "cluster": "image", "consumer": "image-consumer", "max_messages": 1000, "rate": 50, "idempotent": True}
FUNCTION = {"source": "jobs", "function": "worker", "max_messages": 1000, "rate": 50, "idempotent": True}


def row(parameters: Mapping[str, Any], name: str, **changes: Any) -> Any:
    return replace(
        queue_alarm(often(policy("redrive-dead-letters", parameters), **changes)),
        name=f"tocsin/dev/image-processing/sqs/dlq-not-empty/{name}",
        row="image-processing/sqs/dlq-not-empty",
        target={"QueueName": "jobs-dead"},
    )


def arn(queue: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


def queues(told: World) -> None:
    told.client("sqs").create_queue(QueueName="jobs-dead")
    told.client("sqs").create_queue(
        QueueName="jobs",
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("jobs-dead"), "maxReceiveCount": 1})},
    )


def hasty(told: World) -> None:
    """Let a failed delivery come again in seconds: the move of the story lasts two minutes."""
    queues(told)
    told.client("sqs").set_queue_attributes(QueueUrl=told.commands_url, Attributes={"VisibilityTimeout": "10"})


def mapped(told: World) -> None:
    queues(told)
    told.aws.mappings.preload(function="worker", queue_arn=arn("jobs"))


def died(letters: int) -> Callable[[World], None]:
    """Return what brings ``letters`` dead letters, an hour after any move, and consumers that have worked well since."""

    def again(told: World) -> None:
        sqs = told.client("sqs")
        urls = {name: sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("jobs", "jobs-dead")}
        for url in urls.values():
            sqs.purge_queue(QueueUrl=url)
        told.wait(3700, step=600)
        for start in range(0, letters, 10):
            entries = [{"Id": str(n), "MessageBody": f'{{"job": {n}}}'} for n in range(start, min(letters, start + 10))]
            sqs.send_message_batch(QueueUrl=urls["jobs-dead"], Entries=entries)
        told.wait(1200, step=600)
        measured(told, letters)

    return again


def measured(told: World, letters: int) -> None:
    """Publish twenty quiet minutes."""
    end = told.now.replace(second=0, microsecond=0)
    series = [
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "jobs-dead"}, letters),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "jobs"}, 30),
        ("AWS/SQS", "NumberOfMessagesReceived", {"QueueName": "jobs"}, 100),
        ("AWS/SQS", "NumberOfMessagesDeleted", {"QueueName": "jobs"}, 98),
        ("AWS/Lambda", "Invocations", {"FunctionName": "worker"}, 100),
        ("AWS/Lambda", "Errors", {"FunctionName": "worker"}, 1),
    ]
    for namespace, name, dimensions, value in series:
        named = [{"Name": key, "Value": held} for key, held in dimensions.items()]
        points = [
            {"MetricName": name, "Dimensions": named, "Value": value, "Timestamp": end - timedelta(minutes=ago)}
            for ago in range(1, 21)
        ]
        told.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=points)


def running(told: World) -> bool:
    tasks = told.client("sqs").list_message_move_tasks(SourceArn=arn("jobs-dead"))["Results"]
    return any(task["Status"] == "RUNNING" for task in tasks)


def moves(call: Call) -> bool:
    return call.operation in ("StartMessageMoveTask", "CancelMessageMoveTask")


SLOW = {"verify_within_s": 600, "revert": Revert(after_ok_s=5, at_latest_s=900)}
KEPT = ("acted", "helped", "kept")
STORIES = (
    ActionStory("all", row(ECS, "all"), running, queues, died(20), is_change=moves, phases=KEPT, absolute=False),
    ActionStory(
        "stopped on the way",
        row({**ECS, "rate": 1}, "slow", **SLOW),
        running,
        hasty,
        died(260),
        is_change=moves,
        phases=("acted", "no-help", "reverted"),
        rings_s=70,
        fresh=("TaskHandle",),
        absolute=False,
    ),
    ActionStory(
        "a function's", row(FUNCTION, "function"), running, mapped, died(20), is_change=moves, phases=KEPT, absolute=False
    ),
)
