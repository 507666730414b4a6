"""Builds in the embedded AWS what the pipeline of one stage needs: topic, queues, tables, secret, switch, schedule group.

Names follow docs/deploying.md: ``<prefix>-<stage>-…``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.backends import get_backend

from alarms import rows
from alarms.domain.action import Risk
from alarms.settings import Settings
from infra.local.aws import Embedded
from infra.local.pipeline import Queue
from infra.local.slack import TEAM, TOKEN
from infra.local.slack_people import APPROVER, SECOND_APPROVER, SIGNING_SECRET
from notifier import dynamodb as threads
from remediators import dynamodb as history
from remediators import journal
from remediators.timers import Timer, TimerKind

ROOMS = ("notifier", "remediators")
# Six times the functions' timeout of 30 s, as Lambda's documentation asks for.
VISIBILITY_S = 180
RECEIVES = 5
RETENTION_S = 4 * 86400
DEAD_RETENTION_S = 14 * 86400


@dataclass(frozen=True, slots=True)
class Stack:
    """What was built: the two queues, and the environment that the handlers read."""

    notifier: Queue
    remediators: Queue
    environ: Mapping[str, str]


def build(aws: Embedded, settings: Settings, *, slack_url: str, channel: str, mode: str = "auto") -> Stack:
    """Build the pipeline of ``settings``' stage. ``slack_url`` is the Slack API's address, ``mode`` what the switch allows."""
    base = f"{settings.prefix}-{settings.stage}"
    queues = {room: _queue(aws, room, f"{base}-{room}") for room in ROOMS}
    _topic(aws, settings, queues)
    tables = {name: f"{base}-{name}" for name in ("catalogue", "threads", "history", "evidence", "journal")}
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(**rows.table_definition(tables["catalogue"]))
    dynamodb.create_table(**threads.table_definition(tables["threads"]))
    dynamodb.create_table(**history.table_definition(tables["history"]))
    dynamodb.create_table(**history.table_definition(tables["evidence"]))
    dynamodb.create_table(**journal.table_definition(tables["journal"]))
    secret, switch = f"{settings.prefix}/{settings.stage}/slack", f"/{settings.prefix}/{settings.stage}/switch"
    signing = json.dumps({"bot_token": TOKEN, "signing_secret": SIGNING_SECRET})
    aws.client("secretsmanager").create_secret(Name=secret, SecretString=signing)
    allowed = json.dumps({"paused": False, "reason": "", "mode": mode, "policies": {}})
    aws.client("ssm").put_parameter(Name=switch, Value=allowed, Type="String")
    approvers = f"/{settings.prefix}/{settings.stage}/approvers"
    may = {risk.value: [APPROVER, SECOND_APPROVER] for risk in Risk}
    aws.client("ssm").put_parameter(Name=approvers, Value=json.dumps({"approvers": may}), Type="String")
    aws.client("scheduler").create_schedule_group(Name=base)
    remediators = queues["remediators"]
    role = f"arn:aws:iam::{aws.place.account}:role/{base}-scheduler"
    _reconciler(aws, base, remediators, role)
    environ = {
        "TOCSIN_STAGE": settings.stage,
        "TOCSIN_CATALOGUE_TABLE": tables["catalogue"],
        "TOCSIN_THREADS_TABLE": tables["threads"],
        "TOCSIN_HISTORY_TABLE": tables["history"],
        "TOCSIN_EVIDENCE_TABLE": tables["evidence"],
        "TOCSIN_JOURNAL_TABLE": tables["journal"],
        "TOCSIN_SLACK_SECRET": secret,
        "TOCSIN_SLACK_URL": slack_url,
        "TOCSIN_SLACK_TEAM": TEAM,
        "TOCSIN_APPROVERS_PARAMETER": approvers,
        "TOCSIN_DEFAULT_CHANNEL": channel,
        "TOCSIN_LANGUAGE": settings.language.value,
        "TOCSIN_REPORTS_QUEUE_URL": queues["notifier"].url,
        "TOCSIN_COMMANDS_QUEUE_URL": remediators.url,
        "TOCSIN_COMMANDS_QUEUE_ARN": remediators.arn,
        "TOCSIN_SCHEDULER_GROUP": base,
        "TOCSIN_SCHEDULER_ROLE_ARN": role,
        "TOCSIN_SWITCH_PARAMETER": switch,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_REGION": settings.region,
    }
    return Stack(queues["notifier"], remediators, environ)


def _reconciler(aws: Embedded, group: str, queue: Queue, role: str) -> None:
    """Wake the reconciler every five minutes."""
    sweep = Timer(TimerKind.SWEEP, f"{aws.place.account}/{aws.place.region}")
    aws.client("scheduler").create_schedule(
        Name="sweep",
        GroupName=group,
        ScheduleExpression="rate(5 minutes)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue.arn, "RoleArn": role, "Input": json.dumps(sweep.to_document())},
    )


def next_visible(aws: Embedded, queue: Queue) -> datetime | None:
    """Return when the queue's next message can be received, None when it holds none.

    A real poller long-polls for the answer; here it is read from moto's own queue, so that hours of silence cost nothing.
    """
    held = get_backend("sqs")[aws.place.account][aws.place.region].queues[queue.name]
    times = [max(message.visible_at, message.delayed_until) for message in held._messages]
    if not times:
        return None
    return max(aws.clock.now, datetime.fromtimestamp(min(times) / 1000, UTC))


def _queue(aws: Embedded, room: str, name: str) -> Queue:
    """Create a queue and its dead-letter queue."""
    sqs = aws.client("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dead", Attributes={"MessageRetentionPeriod": str(DEAD_RETENTION_S)})["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": _arn(sqs, dead), "maxReceiveCount": RECEIVES})
    attributes = {
        "VisibilityTimeout": str(VISIBILITY_S),
        "MessageRetentionPeriod": str(RETENTION_S),
        "RedrivePolicy": redrive,
    }
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return Queue(room, name, url, _arn(sqs, url), aws.place.region)


def _arn(sqs: Any, url: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def _topic(aws: Embedded, settings: Settings, queues: Mapping[str, Queue]) -> None:
    """Create the topic and subscribe both queues; the notifier's gets enveloped messages, the remediators' too."""
    sns = aws.client("sns")
    topic = sns.create_topic(Name=settings.topic_arn.rsplit(":", 1)[-1])["TopicArn"]
    for queue in queues.values():
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
