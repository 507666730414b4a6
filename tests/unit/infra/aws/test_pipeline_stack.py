"""What the pipeline's template promises: who may send, what survives, what is encrypted, how a function is fed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deployed import ACCOUNT, REGION, Deployed, allows, arn

import notifier.bootstrap
import notifier.interactive_bootstrap
import remediators.bootstrap
from infra.local import stack as local
from remediators.timers import Timer, TimerKind

TOPIC = arn("sns", "tocsin-alarms")
START = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
ROOMS = {
    "notifier": notifier.bootstrap.build,
    "remediators": remediators.bootstrap.build,
    "interactive": notifier.interactive_bootstrap.build,
}
ALARM = arn("cloudwatch", "alarm:tocsin/prod/sqs/oldest-message-age/image-jobs")


@pytest.fixture(scope="module")
def pipeline(templates: Mapping[str, Any]) -> Deployed:
    return Deployed(templates["pipeline"])


def granted(statements: list[dict[str, Any]], service: str) -> list[dict[str, Any]]:
    """Return the statements of a resource's policy that are about ``service``."""
    principal = {"Service": f"{service}.amazonaws.com"}
    return [one for one in statements if one["Principal"] == principal]


def key_of(pipeline: Deployed, ident: str) -> list[dict[str, Any]]:
    (key,) = [key for name, key in pipeline.of("KMS::Key").items() if f"{name}.Arn" == ident]
    return list(key["KeyPolicy"]["Statement"])


def test_an_alarm_of_this_account_can_publish_through_the_key_and_no_other_can(pipeline: Deployed) -> None:
    topic = pipeline.named("SNS::Topic", "TopicName")["tocsin-alarms"]
    (policy,) = [one for one in pipeline.of("SNS::TopicPolicy").values() if one["Topics"] == [TOPIC]]
    ours = {"aws__SourceAccount": ACCOUNT, "aws__SourceArn": ALARM}
    foreign = {"aws__SourceAccount": "999999999999", "aws__SourceArn": ALARM.replace(ACCOUNT, "999999999999")}

    key = granted(key_of(pipeline, topic["KmsMasterKeyId"]), "cloudwatch")
    publish = granted(policy["PolicyDocument"]["Statement"], "cloudwatch")

    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert allows(key, action, "*", **ours)
        assert not allows(key, action, "*", **foreign)
    assert allows(publish, "sns:Publish", TOPIC, **ours)
    assert not allows(publish, "sns:Publish", TOPIC, **foreign)


def test_the_topics_keep_their_owner_and_refuse_what_is_not_encrypted(pipeline: Deployed) -> None:
    for policy in pipeline.of("SNS::TopicPolicy").values():
        (topic,) = policy["Topics"]
        statements = policy["PolicyDocument"]["Statement"]
        owner = [one for one in statements if one["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}]
        (denied,) = [one for one in statements if one["Effect"] == "Deny"]

        assert allows(owner, "sns:SetTopicAttributes", topic)
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert denied["Principal"] in ("*", {"AWS": "*"})


@pytest.mark.parametrize("room", ["notifier", "remediators"])
def test_each_room_hears_the_topic_and_loses_nothing_that_cannot_be_delivered(pipeline: Deployed, room: str) -> None:
    queue, undelivered = arn("sqs", f"tocsin-prod-{room}"), arn("sqs", f"tocsin-prod-{room}-undelivered")
    (told,) = [one for one in pipeline.of("SNS::Subscription").values() if one["Endpoint"] == queue]
    policies = {one["Queues"][0]: one["PolicyDocument"]["Statement"] for one in pipeline.of("SQS::QueuePolicy").values()}
    logical = {arn("sqs", item["QueueName"]): name for name, item in pipeline.of("SQS::Queue").items()}

    assert (told["TopicArn"], told["RawMessageDelivery"]) == (TOPIC, False)
    assert told["RedrivePolicy"] == {"deadLetterTargetArn": undelivered}
    for target in (queue, undelivered):
        sender = granted(policies[logical[target]], "sns")
        assert allows(sender, "sqs:SendMessage", target, aws__SourceArn=TOPIC)
        assert not allows(sender, "sqs:SendMessage", target, aws__SourceArn=arn("sns", "somebody-elses"))


def test_sns_may_use_the_key_of_every_queue_that_it_delivers_to(pipeline: Deployed) -> None:
    for name, queue in pipeline.named("SQS::Queue", "QueueName").items():
        statements = granted(key_of(pipeline, queue["KmsMasterKeyId"]), "sns")

        assert allows(statements, "kms:GenerateDataKey", "*", aws__SourceAccount=ACCOUNT, aws__SourceArn=TOPIC), name


@pytest.mark.parametrize("room", ["notifier", "remediators"])
def test_a_queue_is_patient_as_long_as_its_function_and_gives_up_as_the_tests_suppose(pipeline: Deployed, room: str) -> None:
    queues, function = pipeline.named("SQS::Queue", "QueueName"), pipeline.named("Lambda::Function", "FunctionName")
    queue, dead = queues[f"tocsin-prod-{room}"], queues[f"tocsin-prod-{room}-dead"]

    assert queue["VisibilityTimeout"] == local.VISIBILITY_S
    assert queue["VisibilityTimeout"] >= 6 * function[f"tocsin-prod-{room}"]["Timeout"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": arn("sqs", dead["QueueName"]), "maxReceiveCount": local.RECEIVES}
    assert (queue["MessageRetentionPeriod"], dead["MessageRetentionPeriod"]) == (local.RETENTION_S, local.DEAD_RETENTION_S)


@pytest.mark.parametrize("room", ["notifier", "remediators"])
def test_a_failed_record_comes_again_alone_through_the_alias(pipeline: Deployed, room: str) -> None:
    queue = arn("sqs", f"tocsin-prod-{room}")
    (mapping,) = [one for one in pipeline.of("Lambda::EventSourceMapping").values() if one["EventSourceArn"] == queue]
    aliases, functions = pipeline.of("Lambda::Alias"), pipeline.of("Lambda::Function")
    called = functions[aliases[mapping["FunctionName"]]["FunctionName"]]

    assert called["FunctionName"] == f"tocsin-prod-{room}"
    assert aliases[mapping["FunctionName"]]["Name"] == "live"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] <= called["ReservedConcurrentExecutions"]


def test_every_function_is_traced_logs_in_json_and_forgets_in_time(pipeline: Deployed) -> None:
    logs = pipeline.of("Logs::LogGroup")
    for name, function in pipeline.named("Lambda::Function", "FunctionName").items():
        log = logs[function["LoggingConfig"]["LogGroup"]]

        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["LoggingConfig"]["LogFormat"] == "JSON"
        assert log["LogGroupName"] == f"/aws/lambda/{name}"
        assert log["RetentionInDays"] == 90
        assert "KmsKeyId" in log


def test_only_the_remediators_may_send_themselves_messages_again_and_again(pipeline: Deployed) -> None:
    """Watching a change sends a timer a minute to the own queue; by default Lambda drops the seventeenth of such a chain."""
    loops = {name: one.get("RecursiveLoop") for name, one in pipeline.named("Lambda::Function", "FunctionName").items()}

    assert {name for name, may in loops.items() if may == "Allow"} == {"tocsin-prod-remediators"}


def test_the_stack_cannot_be_deleted_by_a_slip(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text("utf-8"))

    assert manifest["artifacts"]["tocsin-prod-pipeline"]["properties"]["terminationProtection"] is True


def test_the_sweep_comes_every_five_minutes_as_the_reconciler_reads_it(pipeline: Deployed) -> None:
    sweep = pipeline.named("Scheduler::Schedule", "Name")["sweep"]
    target = sweep["Target"]

    assert (sweep["Name"], sweep["GroupName"], sweep["ScheduleExpression"]) == ("sweep", "tocsin-prod", "rate(5 minutes)")
    assert Timer.from_document(json.loads(target["Input"])) == Timer(TimerKind.SWEEP, f"{ACCOUNT}/{REGION}")
    assert target["Arn"] == arn("sqs", "tocsin-prod-remediators")
    assert target["DeadLetterConfig"] == {"Arn": arn("sqs", "tocsin-prod-schedules-dead")}


@pytest.mark.parametrize("room", ["notifier", "remediators"])
def test_a_pulse_calls_the_alias_once_a_minute_with_nothing_to_do(pipeline: Deployed, room: str) -> None:
    pulse = pipeline.named("Scheduler::Schedule", "Name")[f"pulse-{room}"]
    environ = pipeline.named("Lambda::Function", "FunctionName")[f"tocsin-prod-{room}"]["Environment"]["Variables"]
    alias = pipeline.of("Lambda::Alias")[pulse["Target"]["Arn"]]

    answer = ROOMS[room](environ).handle(json.loads(pulse["Target"]["Input"]), object(), START)

    assert answer == {"batchItemFailures": []}
    assert pulse["ScheduleExpression"] == "rate(1 minute)"
    assert alias["Name"] == "live"


def test_the_door_has_one_route_is_throttled_and_logs_no_word_that_was_said(pipeline: Deployed) -> None:
    (route,) = pipeline.of("ApiGatewayV2::Route").values()
    (stage,) = pipeline.of("ApiGatewayV2::Stage").values()
    (integration,) = pipeline.of("ApiGatewayV2::Integration").values()

    assert route["RouteKey"] == "POST /slack"
    assert integration["PayloadFormatVersion"] == "2.0"
    assert 0 < stage["DefaultRouteSettings"]["ThrottlingRateLimit"] <= 50
    assert not re.search(r"body|header|authorizer", stage["AccessLogSettings"]["Format"], re.IGNORECASE)
    assert pipeline.outputs["DoorUrl"].endswith("/slack")


def test_the_secret_has_its_shape_and_no_value(pipeline: Deployed) -> None:
    """Another shape here would make CloudFormation write a new value over the one that people filled in."""
    (secret,) = pipeline.of("SecretsManager::Secret").values()

    assert secret["Name"] == "tocsin/prod/slack"
    assert "SecretString" not in secret
    assert secret["GenerateSecretString"] == {
        "SecretStringTemplate": '{"bot_token": "xoxb-not-set"}',
        "GenerateStringKey": "signing_secret",
        "PasswordLength": 64,
    }


def test_no_deploy_touches_the_live_switch(pipeline: Deployed) -> None:
    assert not any("switch" in str(one.get("Name")) for one in pipeline.of("SSM::Parameter").values())


def test_nothing_is_tagged_as_an_alarm_of_the_catalogue(templates: Mapping[str, Any]) -> None:
    """`tocsin apply` deletes an alarm with these two tags that no row asks for."""
    assert not re.search(r"tocsin:(catalogue|stage)\b", json.dumps(templates))


class Watched(dict[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, *given: Mapping[str, str]) -> None:
        super().__init__(*given)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("room", ROOMS)
def test_a_function_is_told_what_it_asks_for_and_nothing_else(pipeline: Deployed, room: str) -> None:
    """The stage is asked for by what writes the metrics. This one has no stand-in for Slack, no VPC, and is no hub."""
    elsewhere = {"TOCSIN_SLACK_URL", "TOCSIN_DATABASE_CA", "TOCSIN_SPOKES_PARAMETER"}
    told = pipeline.named("Lambda::Function", "FunctionName")[f"tocsin-prod-{room}"]["Environment"]["Variables"]
    watched = Watched(told)

    ROOMS[room](watched)

    assert set(told) - watched.asked <= {"TOCSIN_STAGE"}
    assert {name for name in watched.asked - set(told) if name.startswith("TOCSIN_")} <= elsewhere
