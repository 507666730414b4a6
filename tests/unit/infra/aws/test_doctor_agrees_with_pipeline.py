"""What the pipeline's template deploys is what `tocsin doctor` calls well: names, policies, variables, consumers, the sweep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from deployed import ACCOUNT, REGION, Deployed, arn

from alarms.settings import Settings
from infra.aws.pipeline.functions import ALIAS as DEPLOYED_ALIAS
from infra.aws.pipeline.tables import DEFINITIONS, EXPIRES
from infra.doctor.checks import dead_letters, function_environment, functions, queue_redrive, sweep, table_recovery, tables
from infra.doctor.deployment import ALIAS, FUNCTIONS, ROOMS, Deployment
from infra.doctor.policies import allows
from infra.doctor.slack import SlackWeb

BASE = "tocsin-prod"
TOPIC = arn("sns", "tocsin-alarms")
ALARM = arn("cloudwatch", "alarm:tocsin/prod/a/b/c")
CLOUDWATCH = {"aws:sourceaccount": ACCOUNT, "aws:sourceowner": ACCOUNT, "aws:sourcearn": ALARM, "aws:securetransport": "true"}
SNS = {"aws:sourceaccount": ACCOUNT, "aws:sourcearn": TOPIC, "aws:securetransport": "true"}


@pytest.fixture(scope="module")
def pipeline(templates: Mapping[str, Any]) -> Deployed:
    return Deployed(templates["pipeline"])


@pytest.fixture
def deployment() -> Deployment:
    settings = Settings(prefix="tocsin", stage="prod", account=ACCOUNT, region=REGION, topic_arn=TOPIC)
    return Deployment(settings, (), lambda _: None, lambda token: SlackWeb("", token), lambda: None, lambda _: None)  # type: ignore[arg-type,return-value]  # only its names are asked


def keys(pipeline: Deployed) -> list[str]:
    return [json.dumps(key["KeyPolicy"]) for key in pipeline.of("KMS::Key").values()]


def test_some_key_serves_alarms_and_topics(pipeline: Deployed) -> None:
    for service, context in (("cloudwatch.amazonaws.com", CLOUDWATCH), ("sns.amazonaws.com", SNS)):
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert True in [allows(key, service, action, "*", context) for key in keys(pipeline)], (service, action)


def test_the_topic_takes_what_cloudwatch_publishes(pipeline: Deployed) -> None:
    policies = [json.dumps(one["PolicyDocument"]) for one in pipeline.of("SNS::TopicPolicy").values() if TOPIC in one["Topics"]]
    assert [allows(policy, "cloudwatch.amazonaws.com", "sns:Publish", TOPIC, CLOUDWATCH) for policy in policies] == [True]


@pytest.mark.parametrize("room", ROOMS)
def test_the_queues_take_what_the_topic_delivers_and_give_up_in_time(pipeline: Deployed, room: str) -> None:
    queues = pipeline.named("SQS::Queue", "QueueName")
    queue = queues[f"{BASE}-{room}"]
    documents = [json.dumps(one["PolicyDocument"]) for one in pipeline.of("SQS::QueuePolicy").values()]
    answers = {allows(one, "sns.amazonaws.com", "sqs:SendMessage", arn("sqs", f"{BASE}-{room}"), SNS) for one in documents}

    assert True in answers
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= queue_redrive.FEWEST_RECEIVES
    assert {f"{BASE}-{room}-{kind}" for kind in dead_letters.KINDS} <= set(queues)
    assert f"{BASE}-{dead_letters.SCHEDULES}" in queues
    function = pipeline.named("Lambda::Function", "FunctionName")[f"{BASE}-{room}"]
    assert queue["VisibilityTimeout"] >= function["Timeout"]


@pytest.mark.parametrize("room", FUNCTIONS)
def test_functions_run_and_are_told_what_is_asked_for(pipeline: Deployed, deployment: Deployment, room: str) -> None:
    function = pipeline.named("Lambda::Function", "FunctionName")[f"{BASE}-{room}"]
    variables = function["Environment"]["Variables"]
    meant = function_environment._meant(deployment)

    assert (function["Runtime"], function["Architectures"]) == (functions.RUNTIME, [functions.ARCHITECTURE])
    assert set(function_environment.NEEDED[room]) <= set(variables)
    for name in set(variables) & set(meant):
        assert function_environment._names(str(variables[name]), meant[name]), f"{name} is {variables[name]}"
    assert ALIAS == DEPLOYED_ALIAS


@pytest.mark.parametrize("room", ROOMS)
def test_consumers_give_single_records_back(pipeline: Deployed, room: str) -> None:
    (mapping,) = (
        one for one in pipeline.of("Lambda::EventSourceMapping").values() if one["EventSourceArn"].endswith(f":{BASE}-{room}")
    )
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    function = pipeline.named("Lambda::Function", "FunctionName")[f"{BASE}-{room}"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] <= function["ReservedConcurrentExecutions"]


def test_the_sweep_is_the_one_that_is_looked_for(pipeline: Deployed, deployment: Deployment) -> None:
    schedule = pipeline.named("Scheduler::Schedule", "Name")[sweep.NAME]
    role = pipeline.named("IAM::Role", "RoleName")[f"{BASE}-scheduler"]
    context = {"aws:sourceaccount": ACCOUNT, "aws:sourcearn": arn("scheduler", f"schedule-group/{BASE}")}

    assert schedule["GroupName"] == BASE
    assert list(sweep._faults(deployment, schedule)) == []
    trusted = json.dumps(role["AssumeRolePolicyDocument"])
    assert allows(trusted, "scheduler.amazonaws.com", "sts:AssumeRole", "*", context) is True


def test_tables_and_what_expires_in_them_are_the_same() -> None:
    assert tables.DEFINITIONS == DEFINITIONS
    assert table_recovery.EXPIRES == EXPIRES


def test_the_secret_is_found_under_its_name(pipeline: Deployed, deployment: Deployment) -> None:
    assert deployment.secret in pipeline.named("SecretsManager::Secret", "Name")
