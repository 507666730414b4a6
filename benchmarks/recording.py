"""Makes the recording that a cold start is answered from: the first event of each room, once, on the embedded AWS.

The event is an ALARM that posts (notifier), one that reaches Run and makes the changing call (remediators; `settle` is 0, so
that the whole way from event to change lies in one invocation), or an approver's press of Approve (interactive).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import notifier.bootstrap
import notifier.interactive_bootstrap
import remediators.bootstrap
from alarms import deploy
from alarms.desired import Desired
from alarms.domain.command import CommandKind
from alarms.load import load
from cli.catalogue import catalogue_path
from infra.local.aws import Embedded, embedded
from infra.local.pipeline import Context
from infra.local.seam import Call
from infra.local.slack import Shown, Workspace
from infra.local.slack_http import serving
from infra.local.slack_people import APPROVER, SIGNING_SECRET, everybody, payload, request
from infra.local.stack import build
from notifier.buttons import action_id
from notifier.message import actions, button
from remediators.registry import registry

START = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
SIGNING_NAMES = {"cloudwatch": "monitoring", "application-autoscaling": "application-autoscaling"}
CHANGING = {"RegisterScalableTarget", "UpdateService"}
TASKS = 4


@dataclass(frozen=True)
class Recording:
    """One room's first event: the Lambda event, the environment, the answers, the clients, the calls in order."""

    event: dict[str, Any]
    environ: dict[str, str]
    answers: dict[str, list[Any]]
    services: tuple[str, ...]
    calls: tuple[str, ...]


def record(room: str) -> Recording:
    """Play the first event of ``room`` and return what it was answered."""
    loaded = load(catalogue_path(None), stage="demo", actions=registry())
    desired = [one for one in loaded.desired if one.id == "ecs/cpu-high"]
    desired = [replace(one, alarm=replace(one.alarm, settle_s=0)) for one in desired]
    with embedded(START, region=loaded.settings.region, account=loaded.settings.account) as aws:
        workspace = Workspace(lambda: aws.clock.now)
        workspace.people.update({name: person.document() for name, person in everybody().items()})
        with serving(workspace) as url:
            stack = build(aws, loaded.settings, slack_url=url, channel="#ops-alerts")
            platform(aws)
            clients = deploy.clients_of(aws.session, loaded.settings.region)
            deploy.apply(clients, desired, loaded.settings, now=lambda: aws.clock.now, sleep=aws.clock.advance)
            ring(aws, desired[0])
            if room == "interactive":
                event = {"sign": SIGNING_SECRET, "payload": _click(aws)}
                calls = _pressed(aws, dict(stack.environ), event)
            else:
                queue = getattr(stack, room)
                event = lambda_event(alarm_message(aws, queue.url), queue.arn)
                calls = _handled(aws, room, dict(stack.environ), event)
            slack = list(workspace.calls)
    answers: dict[str, list[Any]] = defaultdict(list)
    for call in calls:
        answers[f"{SIGNING_NAMES.get(call.service, call.service)}.{call.operation}"].append(_answer(call))
    for said in slack:
        answers[f"slack.{said.method}"].append({"body": dict(said.answer)})
    # The floor posts, whether the room does or not.
    answers.setdefault("slack.chat.postMessage", [{"body": {"ok": True}}])
    _made_its_point(room, calls, slack)
    services = tuple(dict.fromkeys(call.service for call in calls))
    names = (*(f"{call.service}.{call.operation}" for call in calls), *(f"slack.{said.method}" for said in slack))
    return Recording(event, dict(stack.environ), dict(answers), services, names)


def _made_its_point(room: str, calls: list[Call], slack: list[Any]) -> None:
    """Refuse a recording whose first event did not do what the benchmark claims to measure."""
    made = {call.operation for call in calls if not call.error_code}
    reached = {"notifier": bool(slack), "interactive": "SendMessage" in made}.get(room, bool(made & CHANGING))
    if not reached:
        raise RuntimeError(f"the {room}'s first event did not reach its end: {[call.operation for call in calls]}")


def platform(aws: Embedded) -> None:
    """Build the service that the row is about, with a scalable target."""
    ecs, resource = aws.client("ecs"), "service/image/image-api"
    ecs.create_cluster(clusterName="image")
    ecs.register_task_definition(family="image", containerDefinitions=[{"name": "app", "image": "image:1"}])
    ecs.create_service(cluster="image", serviceName="image-api", taskDefinition="image", desiredCount=TASKS)
    aws.ecs.settle("image", "image-api")
    aws.clock.advance(300)
    aws.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=resource,
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=TASKS,
        MaxCapacity=20,
    )


def ring(aws: Embedded, alarm: Desired) -> None:
    """Let the API's CPU stand at 95 % until the alarm rings."""
    request = alarm.request
    for _ in range(int(request["EvaluationPeriods"]) + 2):
        datum = {
            "MetricName": request["MetricName"],
            "Dimensions": request["Dimensions"],
            "Value": 95.0,
            "Timestamp": aws.clock.now,
        }
        aws.client("cloudwatch").put_metric_data(Namespace=request["Namespace"], MetricData=[datum])
        aws.client("cloudwatch").put_metric_data(Namespace="AWS/RDS", MetricData=[_connections(aws)])
        aws.clock.advance(60)


def _connections(aws: Embedded) -> dict[str, Any]:
    """Return the point that scaling out asks for: the database that the tasks call has connections to spare."""
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": "image-db-1"}]
    return {"MetricName": "DatabaseConnections", "Dimensions": dimensions, "Value": 40.0, "Timestamp": aws.clock.now}


def alarm_message(aws: Embedded, queue_url: str) -> dict[str, Any]:
    """Return the message of the ALARM: the alarm's first OK came before it."""
    messages = aws.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
    return next(message for message in messages if '\\"NewStateValue\\":\\"ALARM\\"' in message["Body"].replace(" ", ""))


def lambda_event(message: dict[str, Any], queue_arn: str) -> dict[str, Any]:
    """Return the event that Lambda gets for one message of a queue."""
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": "recorded",
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    return {"Records": [record]}


def _handled(aws: Embedded, room: str, environ: dict[str, str], event: dict[str, Any]) -> list[Call]:
    """Run the real handler's application once and return the AWS calls it made."""
    calls: list[Call] = []
    stop = aws.seam.observe(calls.append)
    apps: dict[str, Callable[[], Any]] = {
        "notifier": lambda: notifier.bootstrap.build(environ, log=_silent),
        "remediators": lambda: remediators.bootstrap.build(environ, audit=_silent),
    }
    answer = apps[room]().handle(event, Context(room, "recorded"), aws.clock.now)
    stop()
    if answer["batchItemFailures"]:
        raise RuntimeError(f"the {room}'s first event failed: {answer}")
    return calls


def _click(aws: Embedded) -> dict[str, Any]:
    """Return Slack's payload for an approver's press of Approve, on a message that stands for the incident's."""
    approve = button("Approve", action_id(CommandKind.APPROVE), "a1b2c3d4e5f60718")
    block = actions("tocsin.decide.a1b2c3d4e5f60718.1", approve)
    message = {"text": "CRITICAL", "blocks": [], "attachments": [{"blocks": [block]}]}
    return payload(
        Shown("C00000001", "1.000001", message, aws.clock.now), block, approve, APPROVER, now=aws.clock.now, address=""
    )


def _pressed(aws: Embedded, environ: dict[str, str], event: dict[str, Any]) -> list[Call]:
    """Press the button once and return the AWS calls that the door made."""
    calls: list[Call] = []
    stop = aws.seam.observe(calls.append)
    door = notifier.interactive_bootstrap.build(environ, log=_silent)
    answer = door.handle(request(event["payload"], now=aws.clock.now), aws.clock.now)
    stop()
    if answer["statusCode"] != 200:
        raise RuntimeError(f"the first click failed: {answer}")
    return calls


def _silent(entry: Mapping[str, Any]) -> None:
    """Keep the recording's own log out of the benchmark's output."""


def _answer(call: Call) -> dict[str, Any]:
    if call.error_code:
        return {"error": {"__type": call.error_code, "message": call.error_message}}
    body = {name: value for name, value in (call.response or {}).items() if name != "ResponseMetadata"}
    return {"body": json.loads(json.dumps(body, default=_plain))}


def _plain(value: Any) -> Any:
    """Write what JSON has no form for: the JSON protocols send a time as epoch seconds."""
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"not recordable: {type(value)}")
