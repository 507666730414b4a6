"""Who may do what in the deployed pipeline: each call that a function is seen to make, and little else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from deployed import ACCOUNT, REGION, Deployed, allows, arn
from typer.testing import CliRunner

import notifier.bootstrap
import notifier.interactive_bootstrap
import remediators.bootstrap
from alarms import deploy
from alarms.domain.command import CommandKind
from alarms.load import load
from benchmarks import recording
from cli.app import build as command_line
from cli.catalogue import catalogue_path
from infra.local.aws import Embedded, embedded
from infra.local.pipeline import Context
from infra.local.seam import Call
from infra.local.slack import Shown, Workspace
from infra.local.slack_http import serving
from infra.local.slack_people import APPROVER, everybody, payload, request
from infra.local.stack import Stack, build
from notifier.buttons import action_id
from notifier.message import actions, button
from notifier.queue import Visibility
from remediators.permissions.iam_actions import knows_no_resource, needed
from remediators.registry import registry

START = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
Params = Mapping[str, Any]
ROOMS = ("notifier", "remediators", "interactive")


@pytest.fixture(scope="module")
def pipeline(templates: Mapping[str, Any]) -> Deployed:
    return Deployed(templates["pipeline"])


class Recorded:
    """The calls of each room in one life of an alarm: told, reported on, pressed at, put off."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Call]] = {room: [] for room in ROOMS}

    def during(self, aws: Embedded, room: str, work: Callable[[], object]) -> None:
        stop = aws.seam.observe(self.calls[room].append)
        work()
        stop()


@pytest.fixture(scope="module")
def recorded() -> Iterator[Mapping[str, list[Call]]]:
    loaded = load(catalogue_path(None), stage="prod", actions=registry())
    desired = [one for one in loaded.desired if one.id == "ecs/cpu-high"]
    found = Recorded()
    with embedded(START, region=loaded.settings.region, account=ACCOUNT) as aws:
        workspace = Workspace(lambda: aws.clock.now)
        workspace.people.update({name: person.document() for name, person in everybody().items()})
        with serving(workspace) as url:
            stack = build(aws, loaded.settings, slack_url=url, channel="#ops-alerts")
            recording.platform(aws)
            clients = deploy.clients_of(aws.session, loaded.settings.region)
            deploy.apply(clients, desired, loaded.settings, now=lambda: aws.clock.now, sleep=aws.clock.advance)
            recording.ring(aws, desired[0])
            live(aws, stack, found)
            yield found.calls


def live(aws: Embedded, stack: Stack, found: Recorded) -> None:
    apps = {
        "notifier": notifier.bootstrap.build(stack.environ, log=print),
        "remediators": remediators.bootstrap.build(stack.environ, audit=print),
    }
    queues = {"notifier": stack.notifier, "remediators": stack.remediators}
    taken: list[dict[str, Any]] = []
    for _ in range(3):
        for room in ("remediators", "notifier"):
            taken = take(aws, queues[room].url)
            for message in taken:
                event = recording.lambda_event(message, queues[room].arn)
                found.during(
                    aws, room, lambda room=room, event=event: apps[room].handle(event, Context(room, "1"), aws.clock.now)
                )
        aws.clock.advance(30)
    record = {"eventSourceARN": stack.notifier.arn, "receiptHandle": taken[0]["ReceiptHandle"] if taken else "gone"}
    postponed = Visibility(lambda: aws.client("sqs"))
    found.during(aws, "notifier", lambda: postponed.postpone(record, 30))
    for kind in (CommandKind.APPROVE, CommandKind.MUTE):
        found.during(aws, "interactive", lambda kind=kind: press(aws, stack, kind))


def take(aws: Embedded, url: str) -> list[dict[str, Any]]:
    sqs = aws.client("sqs")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return list(messages)


def press(aws: Embedded, stack: Stack, kind: CommandKind) -> None:
    pressed = button("Press", action_id(kind), "a1b2c3d4e5f60718")
    block = actions("tocsin.decide.a1b2c3d4e5f60718.1", pressed)
    message = {"text": "CRITICAL", "blocks": [], "attachments": [{"blocks": [block]}]}
    shown = Shown("C00000001", "1.000001", message, aws.clock.now)
    click = payload(shown, block, pressed, APPROVER, now=aws.clock.now, address="")
    door = notifier.interactive_bootstrap.build(stack.environ, log=print)
    assert door.handle(request(click, now=aws.clock.now), aws.clock.now)["statusCode"] == 200


def _tables(params: Params) -> list[str]:
    items = [next(iter(item.values())) for item in params.get("TransactItems", ())] or [params]
    named = {item["TableName"] for item in items if "TableName" in item} | set(params.get("RequestItems", ()))
    return [arn("dynamodb", f"table/{name}") for name in sorted(named)]


RESOURCES: Mapping[str, Callable[[Params], list[str]]] = {
    "dynamodb": _tables,
    "scheduler": lambda params: [arn("scheduler", f"schedule/{params['GroupName']}/{params['Name']}")],
    "secretsmanager": lambda params: [arn("secretsmanager", f"secret:{params['SecretId']}-a1B2c3")],
    "sqs": lambda params: [arn("sqs", params.get("QueueUrl", params.get("QueueName", "")).rsplit("/", 1)[-1])],
    "ssm": lambda params: [arn("ssm", f"parameter{params['Name']}")],
}


def refused(calls: list[Call], statements: list[dict[str, Any]]) -> set[str]:
    """Return what of ``calls`` the statements do not allow. A service without resources here is held to the action's name."""
    found = set()
    for call in calls:
        for action in needed(call.service, call.operation, call.params):
            if knows_no_resource(action):
                on = ["*"]
            elif call.service in RESOURCES:
                on = RESOURCES[call.service](call.params)
            else:
                on = [resource for one in statements for resource in _listed(one["Resource"])]
            context = {"ecs__cluster": arn("ecs", f"cluster/{call.params['cluster']}")} if "cluster" in call.params else {}
            if call.service in RESOURCES and not knows_no_resource(action):
                found |= {f"{action} on {one}" for one in on if not allows(statements, action, one)}
            elif not any(allows(statements, action, one, **context) for one in on):
                found.add(action)
    return found


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


SEEN = {
    "notifier": {"PutItem", "GetItem", "Query", "UpdateItem", "GetSecretValue", "ChangeMessageVisibility", "GetQueueUrl"},
    "remediators": {"TransactWriteItems", "SendMessage", "GetParameter", "DescribeAlarms"},
    "interactive": {"GetSecretValue", "GetParameter", "GetItem", "SendMessage"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_every_call_that_a_function_makes_is_one_that_its_role_allows(
    pipeline: Deployed, recorded: Mapping[str, list[Call]], room: str
) -> None:
    calls = recorded[room]

    assert SEEN[room] <= {call.operation for call in calls}
    assert refused(calls, pipeline.may(f"tocsin-prod-{room}")) == set()


@pytest.mark.parametrize(
    ("room", "action", "resource"),
    [
        ("notifier", "dynamodb:PutItem", arn("dynamodb", "table/tocsin-prod-history")),
        ("notifier", "dynamodb:DeleteItem", arn("dynamodb", "table/tocsin-prod-threads")),
        ("notifier", "sqs:SendMessage", arn("sqs", "tocsin-prod-remediators")),
        ("notifier", "secretsmanager:GetSecretValue", arn("secretsmanager", "secret:image/database-a1B2c3")),
        ("notifier", "ecs:UpdateService", arn("ecs", "service/image/image-api")),
        ("interactive", "dynamodb:PutItem", arn("dynamodb", "table/tocsin-prod-threads")),
        ("interactive", "ssm:GetParameter", arn("ssm", "parameter/tocsin/prod/switch")),
        ("interactive", "ssm:PutParameter", arn("ssm", "parameter/tocsin/prod/approvers")),
        ("interactive", "sqs:ReceiveMessage", arn("sqs", "tocsin-prod-remediators")),
        ("remediators", "secretsmanager:GetSecretValue", arn("secretsmanager", "secret:tocsin/prod/slack-a1B2c3")),
        ("remediators", "ssm:PutParameter", arn("ssm", "parameter/tocsin/prod/switch")),
        ("remediators", "dynamodb:DeleteItem", arn("dynamodb", "table/tocsin-prod-journal")),
        ("remediators", "dynamodb:UpdateItem", arn("dynamodb", "table/tocsin-prod-catalogue")),
        ("remediators", "ecs:UpdateService", arn("ecs", "service/billing/billing-api")),
        ("remediators", "logs:PutLogEvents", arn("logs", "log-group:/aws/lambda/tocsin-prod-notifier:log-stream:x")),
        ("scheduler", "sqs:SendMessage", arn("sqs", "tocsin-prod-notifier")),
        ("pulse", "lambda:InvokeFunction", arn("lambda", "function:somebody-elses:live")),
        ("scheduler", "lambda:InvokeFunction", arn("lambda", "function:tocsin-prod-notifier:live")),
        ("deploys", "lambda:UpdateFunctionCode", arn("lambda", "function:tocsin-prod-notifier")),
        ("deploys", "lambda:UpdateAlias", arn("lambda", "function:somebody-elses:live")),
    ],
)
def test_what_a_role_has_no_business_with_is_refused(pipeline: Deployed, room: str, action: str, resource: str) -> None:
    assert not allows(pipeline.may(f"tocsin-prod-{room}"), action, resource)


def test_the_remediators_may_do_just_what_tocsin_iam_prints(pipeline: Deployed) -> None:
    printed = CliRunner().invoke(command_line(("iam", "check")), ["iam", "--stage", "prod", "--format", "json"])
    wanted = {one["name"]: one["document"] for one in json.loads(printed.stdout)["policies"]}

    deployed = {name: item["PolicyDocument"] for name, item in pipeline.named("IAM::ManagedPolicy", "ManagedPolicyName").items()}
    role = pipeline.named("IAM::Role", "RoleName")["tocsin-prod-remediators"]

    assert canonical(deployed) == canonical(wanted)
    assert set(role["ManagedPolicyArns"]) == {arn("iam", f"policy/{name}") for name in wanted}


def canonical(value: Any) -> Any:
    """Return a policy as IAM reads it: one element stands for the list of it, and order says nothing."""
    if isinstance(value, Mapping):
        return {name: canonical(member) for name, member in value.items()}
    if isinstance(value, list):
        items = [canonical(item) for item in value]
        return items[0] if len(items) == 1 else sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    return value


def test_beside_them_they_may_use_keys_through_one_service_only_and_be_traced(pipeline: Deployed) -> None:
    role = pipeline.named("IAM::Role", "RoleName")["tocsin-prod-remediators"]
    own = [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
    service = {"kms__ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    database, slack = (arn("secretsmanager", f"secret:{name}") for name in ("image/tocsin-AbCdEf", "tocsin/prod/slack-AbCdEf"))
    key = arn("kms", "key/0f0f")

    assert {action.split(":")[0] for one in own for action in _listed(one["Action"])} == {"kms", "xray"}
    assert all("kms:ViaService" in str(one["Condition"]) for one in own if "kms:Decrypt" in one["Action"])
    assert allows(own, "kms:Decrypt", key, **service, kms__EncryptionContext__SecretARN=database)
    assert not allows(own, "kms:Decrypt", key, **service, kms__EncryptionContext__SecretARN=slack)
    assert not allows(own, "kms:Decrypt", key)


def test_no_role_carries_a_managed_policy_of_awss(pipeline: Deployed) -> None:
    attached = [one for role in pipeline.of("IAM::Role").values() for one in role.get("ManagedPolicyArns", ())]

    assert attached
    assert all(one.startswith(f"arn:aws:iam::{ACCOUNT}:policy/tocsin-prod-") for one in attached)


def test_a_schedule_reaches_the_remediators_queue_and_its_role_is_taken_by_our_group_only(pipeline: Deployed) -> None:
    role = pipeline.named("IAM::Role", "RoleName")["tocsin-prod-scheduler"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]

    assert allows(pipeline.may("tocsin-prod-scheduler"), "sqs:SendMessage", arn("sqs", "tocsin-prod-remediators"))
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": ACCOUNT,
        "aws:SourceArn": arn("scheduler", "schedule-group/tocsin-prod"),
    }
