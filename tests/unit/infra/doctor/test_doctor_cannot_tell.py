"""What AWS or Slack does not answer is never ok: the missing permission is named, and no more is asked than is stated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from doctor_world import ACCOUNT, BASE, REGION, START, TOPIC, World, catalogue, statement
from doctor_world import document as policy

from alarms.desired import Desired
from alarms.problem import Place
from alarms.settings import Settings
from infra.doctor.check import PIPELINE, Check, CouldNotTell, Finding, Verdict, ok
from infra.doctor.checks import checks
from infra.doctor.deployment import Deployment
from infra.doctor.report import document, lines
from infra.doctor.run import examine, exit_code
from infra.doctor.slack import SlackWeb
from infra.local.seam import Call
from infra.local.slack import Fault

SERVICES = {"resourcegroupstaggingapi": "tag"}


def asked_of_pipelines() -> dict[str, Check]:
    return {name: check for name, check in checks().items() if PIPELINE in check.asked_of and name != "spokes"}


def test_each_right_that_is_missing_is_named_and_never_passes(world: World) -> None:
    world.client("cloudwatch").put_metric_alarm(**{**world.desired[0].request, "AlarmName": "tocsin/demo/somebody-s"})  # whose?
    world.client("sqs").send_message(QueueUrl=world.queue("notifier"), MessageBody="{}")  # its age is asked for then only
    world.point("AWS/SQS", "ApproximateAgeOfOldestMessage", [{"Name": "QueueName", "Value": f"{BASE}-notifier"}], 5)
    for name, check in asked_of_pipelines().items():
        for right in check.reads:
            service, operation = right.split(":")
            called = {iam: service for service, iam in SERVICES.items()}.get(service, service)
            fault = world.aws.seam.fail(called, operation, "AccessDeniedException", times=None)
            (answered,) = world.examined(name)
            fault.lift()
            assert answered.verdict is not Verdict.OK, f"{name} passes without {right}"
            said = " ".join(finding.said for finding in answered.findings)
            assert f"the permission {right} is missing" in said, f"{name} without {right}: {said}"


def test_a_check_asks_for_no_more_than_it_states_and_only_reads(world: World) -> None:
    """The table of docs/doctor.md is what an auditor grants."""
    calls: list[Call] = []
    for name, check in asked_of_pipelines().items():
        calls.clear()
        done = world.aws.seam.observe(calls.append)
        world.examined(name)
        done()
        asked = {f"{SERVICES.get(call.service, call.service)}:{call.operation}" for call in calls if not call.internal}
        assert asked <= set(check.reads), f"{name} asks for {sorted(asked - set(check.reads))} besides"
        assert all(re.match(r"[a-z]+:(Get|List|Describe|BatchGet|Simulate)", right) for right in check.reads)


def test_slack_that_does_not_answer_is_no_answer(world: World) -> None:
    for fault in (Fault.THROTTLED, Fault.BROKEN, Fault.TIMEOUT):
        world.workspace.order(fault)
        (answered,) = world.examined("slack-token")
        assert answered.verdict is Verdict.UNKNOWN, fault


def test_without_the_scope_to_look_nothing_is_known_of_channels(world: World) -> None:
    world.workspace.scopes = ("chat:write", "chat:write.public", "users:read")

    (answered,) = world.examined("slack-channels")

    assert [(finding.verdict, finding.subject) for finding in answered.findings] == [(Verdict.UNKNOWN, "#ops-alerts")]
    assert "the scopes channels:read and groups:read are missing" in answered.findings[0].said


def test_a_slack_address_without_tls_is_not_asked() -> None:
    with pytest.raises(CouldNotTell, match="https://"):
        SlackWeb("http://slack.example.com/api/", "xoxb-1").who()


def test_what_the_embedded_aws_lacks_cannot_be_told(world: World) -> None:
    world.aws.seam.serve("iam", {"SimulatePrincipalPolicy": lambda *_: None}, others_to_moto=True)

    (answered,) = world.examined("grants")

    assert answered.verdict is Verdict.UNKNOWN


def test_a_right_that_depends_on_what_the_simulator_was_not_told_is_undecided(world: World) -> None:
    def answer(params: Any, _: object) -> Any:
        denied = {"EvalDecision": "implicitDeny", "MissingContextValues": ["ecs:cluster"]}
        return {"EvaluationResults": [{"EvalActionName": action, **denied} for action in params["ActionNames"]]}

    world.aws.seam.serve("iam", {"SimulatePrincipalPolicy": answer}, others_to_moto=True)

    (answered,) = world.examined("grants")

    assert {finding.verdict for finding in answered.findings} == {Verdict.UNKNOWN}
    assert all("it depends on ecs:cluster" in finding.said for finding in answered.findings)


def test_a_policy_that_depends_on_what_is_not_known_is_undecided(world: World) -> None:
    depends = statement("cloudwatch.amazonaws.com", "sns:Publish", TOPIC, StringEquals={"aws:PrincipalOrgID": "o-1"})
    world.client("sns").set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy(depends))

    (answered,) = world.examined("topic-policy")

    assert answered.verdict is Verdict.UNKNOWN


class Nobody:
    """A deployment that is not looked at."""

    kind = PIPELINE


def test_a_fault_in_one_check_is_its_own_and_no_pass() -> None:
    def broken(_: Deployment) -> Iterator[Finding]:
        yield ok("half", "well")
        raise KeyError("xoxb-secret")

    def silent(_: Deployment) -> Iterator[Finding]:
        yield from ()

    made = {name: Check("?", "why", "fix", (), look) for name, look in {"broken": broken, "silent": silent}.items()}

    answered = list(examine(Nobody(), made))  # type: ignore[arg-type]  # neither looks at the deployment

    assert [one.verdict for one in answered] == [Verdict.UNKNOWN, Verdict.UNKNOWN]
    assert exit_code(answered) == 2
    shown = "\n".join(line for one in answered for line in lines(one))
    assert "the check itself failed (KeyError)" in shown
    assert "xoxb" not in shown


class Vast:
    """An account with ten thousand live alarms and as many series, of which every hundredth alarm is not as it should be."""

    def __init__(self, members: dict[str, dict[str, Any]]) -> None:
        self.members = members
        self.calls = 0

    def __call__(self, service: str) -> Any:
        return self

    def get_paginator(self, _: str) -> None:
        raise AssertionError("pages are followed one by one, at a pace")

    def get_resources(self, **asked: Any) -> dict[str, Any]:
        names, start = list(self.members), int(asked.get("PaginationToken") or 0)
        tags = [{"Key": "tocsin:catalogue", "Value": "vast"}, {"Key": "tocsin:stage", "Value": "prod"}]
        part = [
            {"ResourceARN": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}", "Tags": tags}
            for name in names[start : start + 100]
        ]
        return {"ResourceTagMappingList": part, "PaginationToken": str(start + 100) if start + 100 < len(names) else ""}

    def describe_alarms(self, **asked: Any) -> dict[str, Any]:
        self.calls += 1
        names, start = list(self.members), int(asked.get("NextToken") or 0)
        found = [
            {**self.members[name], "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"}
            for name in names[start : start + 100]
        ]
        return {"MetricAlarms": found, **({"NextToken": str(start + 100)} if start + 100 < len(names) else {})}

    def list_metrics(self, **asked: Any) -> dict[str, Any]:
        names, start = list(self.members), int(asked.get("NextToken") or 0)
        found = [{"Dimensions": self.members[name]["Dimensions"]} for name in names[start : start + 500]]
        return {"Metrics": found, **({"NextToken": str(start + 500)} if start + 500 < len(names) else {})}

    def describe_alarm_history(self, **asked: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeAlarmHistory")


def test_ten_thousand_alarms_are_looked_at_page_by_page_at_a_pace_that_disturbs_nobody() -> None:
    found: list[Desired] = []
    requests: dict[str, dict[str, Any]] = {}
    settings = Settings(catalogue="vast", stage="prod", account=ACCOUNT, region=REGION, topic_arn="arn:topic")
    for number in range(10_000):
        request = {
            "AlarmName": f"tocsin/prod/sqs/age/{number}",
            "ActionsEnabled": number % 100 != 0,
            **{key: ["arn:topic"] for key in ("AlarmActions", "OKActions", "InsufficientDataActions")},
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": [{"Name": "QueueName", "Value": f"queue-{number}"}],
            "Period": 60,
            "Statistic": "Maximum",
            "Threshold": 600.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
        }
        requests[str(request["AlarmName"])] = request
        found.append(
            Desired(f"sqs/age-{number}", _row(str(request["AlarmName"]), number), "PutMetricAlarm", request, {}, Place("x", 1, 1))
        )
    waited = [0.0]

    def slept(seconds: float) -> None:
        waited[0] += seconds

    vast = Vast(requests)
    deployment = Deployment(
        settings, tuple(found), vast, lambda token: SlackWeb("", token), lambda: START + timedelta(seconds=waited[0]), slept
    )
    named = {name: check for name, check in checks().items() if name in ("alarm-actions", "dead-alarms", "failed-actions")}

    answered = {one.name: one for one in examine(deployment, named)}

    assert {name: one.verdict for name, one in answered.items()} == {
        "alarm-actions": Verdict.WRONG,
        "dead-alarms": Verdict.OK,
        "failed-actions": Verdict.UNKNOWN,
    }
    assert sum(1 for _ in lines(answered["alarm-actions"])) <= 210
    assert vast.calls == 100, "each page once, whoever asks"
    assert 20 <= waited[0] <= 120, "seconds at the quotas' pace"
    assert document(list(answered.values()), "prod")["checks"][0]["more"] == 10_000 - 200


def _row(name: str, number: int) -> Any:

    if not _ROW:
        _ROW.append(catalogue().desired[0].alarm)
    return replace(_ROW[0], name=name, target={"QueueName": f"queue-{number}"})


_ROW: list[Any] = []
