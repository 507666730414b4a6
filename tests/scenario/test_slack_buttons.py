"""Buttons with every real adapter: botocore against moto, plain HTTP and slack_sdk against the stand-in, signed as by Slack."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from notifier_samples import REGION, event, minute, ok, record, report, row

from alarms.domain.command import Command, CommandKind
from alarms.domain.report import Phase
from alarms.rows import table_definition as catalogue_definition
from infra.local.slack import TOKEN, Fault, Shown, Workspace
from infra.local.slack_http import serving
from infra.local.slack_people import APPROVER, GUEST, MEMBER, SIGNING_SECRET, STRANGER, TEAM, buttons, everybody, press
from notifier.bootstrap import App
from notifier.bootstrap import build as build_notifier
from notifier.dynamodb import table_definition
from notifier.interactive import SAID, Door, Refused
from notifier.interactive_bootstrap import build as build_door

SECRET, PARAMETER = "tocsin/prod/slack", "/tocsin/prod/approvers"
RUN = "a1b2c3d4e5f60718"
ASKED = report("asked", minute(1), Phase.ASKED, run=RUN, until=minute(31), risk="reversible", approvers=(APPROVER,))


@dataclass
class World:
    """Both functions of the notifier's room, and the queue that the remediators would read."""

    app: App
    door: Door
    workspace: Workspace
    sqs: Any
    queues: Mapping[str, str]
    log: list[Mapping[str, Any]]
    address: str
    now: datetime = field(default_factory=lambda: minute(2))

    def tell(self, *said: Any) -> None:
        """Hand messages to the notifier."""
        for number, one in enumerate(said):
            self.app.handle({"Records": [record(f"m{number}", one)]}, None, self.now)
            self.now += timedelta(seconds=2)

    def press(self, kind: CommandKind, user: str) -> int:
        """Press a button of the only message, and let the notifier read what that puts on its queue."""
        sent = press(self.shown, f"tocsin.{kind.value}", user, now=self.now, address=self.address)
        status = self.door.handle(sent, self.now)["statusCode"]
        for body in self.drained("notifier"):
            self.tell(body)
        return int(status)

    def drained(self, room: str) -> list[dict[str, Any]]:
        """Take all messages from a room's queue."""
        found = self.sqs.receive_message(QueueUrl=self.queues[room], MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.queues[room], ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    def commands(self) -> list[Command]:
        """Return what the remediators' queue got."""
        found = [Command.from_document(document) for document in self.drained("remediators")]
        assert all(found)
        return [one for one in found if one]

    @property
    def shown(self) -> Shown:
        (only,) = self.workspace.messages("#ops-alerts")
        return only


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
        dynamodb.create_table(**table_definition("threads"))
        dynamodb.create_table(**catalogue_definition("catalogue"))
        item = {"alarm": {"S": row().key}, "version": {"S": "current"}, "document": {"S": json.dumps(row().to_document())}}
        dynamodb.put_item(TableName="catalogue", Item=item)
        held = json.dumps({"bot_token": TOKEN, "signing_secret": SIGNING_SECRET})
        boto3.client("secretsmanager").create_secret(Name=SECRET, SecretString=held)
        allowed = json.dumps({"approvers": {"reversible": [APPROVER]}})
        boto3.client("ssm").put_parameter(Name=PARAMETER, Value=allowed, Type="String")
        queues = {room: sqs.create_queue(QueueName=f"tocsin-prod-{room}")["QueueUrl"] for room in ("notifier", "remediators")}
        log: list[Mapping[str, Any]] = []
        workspace = Workspace(lambda: world.now)
        workspace.people.update({name: person.document() for name, person in everybody().items()})
        with serving(workspace) as slack_url:
            environ = {
                "TOCSIN_THREADS_TABLE": "threads",
                "TOCSIN_CATALOGUE_TABLE": "catalogue",
                "TOCSIN_SLACK_SECRET": SECRET,
                "TOCSIN_SLACK_URL": slack_url,
                "TOCSIN_SLACK_TEAM": TEAM,
                "TOCSIN_DEFAULT_CHANNEL": "#default",
                "TOCSIN_APPROVERS_PARAMETER": PARAMETER,
                "TOCSIN_COMMANDS_QUEUE_URL": queues["remediators"],
                "TOCSIN_REPORTS_QUEUE_URL": queues["notifier"],
            }
            app, door = build_notifier(environ, log=log.append), build_door(environ, log=log.append)
            world = World(app, door, workspace, sqs, queues, log, slack_url.removesuffix("api/"))
            yield world


def test_an_approval_goes_from_the_button_to_the_remediators_queue(world: World) -> None:
    world.tell(event(), ASKED)
    assert world.press(CommandKind.APPROVE, APPROVER) == 200
    (command,) = world.commands()
    assert (command.kind, command.subject, command.by) == (CommandKind.APPROVE, RUN, APPROVER)
    assert world.workspace.whispers == []
    assert [call.method for call in world.workspace.calls].count("users.info") == 1


def test_the_buttons_are_gone_once_the_question_is_answered(world: World) -> None:
    world.tell(event(), ASKED, report("yes", minute(2), Phase.APPROVED, run=RUN, by=APPROVER))
    assert set(buttons(world.shown)) == {"tocsin.hold", "tocsin.mute"}
    with pytest.raises(KeyError):
        world.press(CommandKind.APPROVE, APPROVER)


@pytest.mark.parametrize(
    ("user", "why"), [(MEMBER, Refused.NO_APPROVER), (GUEST, Refused.NO_MEMBER), (STRANGER, Refused.OTHER_TEAM)]
)
def test_whoever_may_not_approve_is_told_so_alone(world: World, user: str, why: Refused) -> None:
    world.tell(event(), ASKED)
    assert world.press(CommandKind.APPROVE, user) == 200
    assert world.commands() == []
    assert world.workspace.whispers == [(user, SAID[why].en)]


def test_a_guest_of_our_own_workspace_may_not_even_stop(world: World) -> None:
    world.tell(event())
    world.press(CommandKind.HOLD, GUEST)
    assert world.commands() == []


def test_any_full_member_may_hold_and_undo(world: World) -> None:
    world.tell(event(), report("acted", minute(1), run=RUN, undoable=True))
    world.press(CommandKind.HOLD, MEMBER)
    world.press(CommandKind.UNDO, MEMBER)
    hold, undo = world.commands()
    assert (hold.kind, hold.alarm_key) == (CommandKind.HOLD, event().alarm_key)
    assert (undo.kind, undo.subject) == (CommandKind.UNDO, RUN)


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.THROTTLED, Fault.TIMEOUT])
def test_while_slack_is_down_one_may_stop_and_not_start(world: World, fault: Fault) -> None:
    world.tell(event(), ASKED)
    world.workspace.order(fault)
    world.press(CommandKind.APPROVE, APPROVER)
    assert world.commands() == []
    assert world.workspace.whispers == [(APPROVER, SAID[Refused.UNVERIFIED].en)]
    world.workspace.order(fault)
    world.press(CommandKind.HOLD, APPROVER)
    assert [command.kind for command in world.commands()] == [CommandKind.HOLD]


def test_a_muted_incident_is_silent_in_slack_and_both_rooms_know(world: World) -> None:
    world.tell(event())
    world.press(CommandKind.MUTE, MEMBER)
    (command,) = world.commands()
    assert (command.kind, command.by) == (CommandKind.MUTE, MEMBER)
    assert f"Muted by <@{MEMBER}> until" in str(world.shown.payload)
    world.tell(ok(minute(21)))
    assert world.workspace.replies("#ops-alerts", world.shown.ts) == ()


def test_unmuted_it_speaks_again(world: World) -> None:
    world.tell(event())
    for kind in (CommandKind.MUTE, CommandKind.UNMUTE):
        world.press(kind, MEMBER)
        world.now += timedelta(minutes=1)
    world.tell(ok(minute(21)))
    assert len(world.workspace.replies("#ops-alerts", world.shown.ts)) == 1


def test_without_a_parameter_nobody_may_approve_and_anyone_may_still_hold(world: World) -> None:
    boto3.client("ssm").delete_parameter(Name=PARAMETER)
    world.tell(event(), ASKED)
    world.press(CommandKind.APPROVE, APPROVER)
    world.press(CommandKind.HOLD, APPROVER)
    assert [command.kind for command in world.commands()] == [CommandKind.HOLD]


def test_a_rotated_signing_secret_is_taken_up_at_the_first_click(world: World) -> None:
    world.tell(event())
    world.press(CommandKind.HOLD, MEMBER)
    rotated = json.dumps({"bot_token": TOKEN, "signing_secret": "rotated"})
    boto3.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=rotated)
    world.now += timedelta(minutes=1)
    sent = press(world.shown, "tocsin.hold", MEMBER, now=world.now, secret="rotated", address=world.address)
    assert world.door.handle(sent, world.now)["statusCode"] == 200
    assert len(world.commands()) == 2


def test_no_secret_is_in_any_log(world: World) -> None:
    world.tell(event(), ASKED)
    for user in (APPROVER, MEMBER, GUEST, STRANGER):
        world.press(CommandKind.APPROVE, user)
    said = json.dumps(world.log)
    for secret in (TOKEN, SIGNING_SECRET, "v0=", "actions/", world.address):
        assert secret not in said
