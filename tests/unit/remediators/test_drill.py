"""`tocsin drill`: one policy exercised from alarm to revert in virtual time, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from people import OWNER, allow, answer
from remediation_world import ACCOUNT, REGION, World
from typer.testing import CliRunner

from alarms.domain.errors import Refused
from alarms.domain.report import Phase
from cli import account
from cli.app import build
from infra.local.slack import TOKEN, Workspace
from notifier import bootstrap as notifier_bootstrap
from notifier.dynamodb import table_definition
from notifier.slack import SlackApi

NAME = "tocsin/dev/drill/ecs/cpu-high/image,image-api"
CATALOGUE = """\
catalogue: image
stages:
  dev: {account: "123456789012", region: ap-northeast-2, topic: tocsin-alarms, mode_cap: MODE}
  prod: {account: "123456789012", region: ap-northeast-2, topic: tocsin-alarms}
"""
ROW = """\
defaults: {notify: ops, owner: platform}
alarms:
  - id: cpu-high
    title: CPU
    component: ecs
    metric: AWS/ECS CPUUtilization
    statistic: Average
    dimensions: {ClusterName: image, ServiceName: image-api}
    when: ">= 80 %"
    for: 5 m
    severity: warning
    runbook: https://wiki.example/cpu
    remediate:
      - action: scale-service
        with: {cluster: image, service: image-api, max_tasks: 20}
        mode: auto
        limits: [3 per hour, 10 per day]
        cooldown: 10 m
        verify_within: 15 m
        revert: {after_ok: 30 m, at_latest: 6 h}
        otherwise: [{action: escalate}]
  - id: nothing
    title: Nothing
    component: ecs
    metric: AWS/ECS MemoryUtilization
    statistic: Average
    dimensions: {ClusterName: image, ServiceName: image-api}
    when: ">= 80 %"
    for: 5 m
    severity: warning
    runbook: https://wiki.example/cpu
    no_action: nobody knows what would help
"""


class Staging(World):
    """The world with a notifier beside the remediators; waiting lets both take what is on their queues."""

    def __init__(self, aws: Any) -> None:
        super().__init__(aws)
        self.waited = 0
        self.on_wait: list[Any] = []
        sns, dynamodb = self.client("sns"), self.client("dynamodb")
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:tocsin-alarms"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:tocsin-dev-notifier")
        dynamodb.create_table(**table_definition("tocsin-dev-threads"))
        workspace = Workspace(lambda: self.now, channels={"#ops": "C00000OPS"})
        environ = {**self.environ, "TOCSIN_THREADS_TABLE": "tocsin-dev-threads", "TOCSIN_DEFAULT_CHANNEL": "C00000OPS"}
        slack = SlackApi(workspace, lambda _, fresh=False: TOKEN)  # noqa: ARG005 - the port's signature
        self.notifier = notifier_bootstrap.build(environ, slack=slack, log=lambda _: None)

    def sleep(self, seconds: float) -> None:
        self.waited += 1
        for do in self.on_wait:
            do()
        self.aws.clock.advance(seconds)
        self.pump()
        own, self.commands_url = self.commands_url, self.reports_url
        try:
            while records := self.receive():
                self.notifier.handle({"Records": records}, None, self.now)
                for record in records:
                    self.client("sqs").delete_message(QueueUrl=self.reports_url, ReceiptHandle=record["receiptHandle"])
        finally:
            self.commands_url = own

    def left(self) -> tuple[int, int]:
        """Return how many alarms and rows of drills there are."""
        alarms = self.client("cloudwatch").describe_alarms(AlarmNamePrefix="tocsin/dev/drill/")["MetricAlarms"]
        rows = self.client("dynamodb").scan(TableName="tocsin-dev-catalogue")["Items"]
        return len(alarms), sum("/drill/" in row["alarm"]["S"] for row in rows)


@pytest.fixture
def staging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Staging]:
    from remediation_world import START

    from infra.local.aws import embedded

    with embedded(START, region=REGION, account=ACCOUNT) as aws:
        told = Staging(aws)
        monkeypatch.setattr(account, "sleep", told.sleep)
        yield told


def run(folder: Path, *words: str, mode: str = "auto") -> Any:
    (folder / "tocsin.yaml").write_text(CATALOGUE.replace("MODE", mode), "utf-8")
    (folder / "rows.yaml").write_text(ROW, "utf-8")
    result = CliRunner().invoke(build(("drill", "check")), ["drill", words[0], str(folder), *words[1:]])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_policy_in_mode_auto_is_seen_from_its_alarm_to_its_revert(staging: Staging, tmp_path: Path) -> None:
    done = run(tmp_path, "ecs/cpu-high", "--stage", "dev", "--format", "json")

    steps = json.loads(done.stdout)
    assert [step["step"] for step in steps if not step["passed"]] == []
    assert [step["note"] for step in steps][-3:] == ["", "helped", "reverted"]
    assert done.exit_code == 0
    assert (staging.floor(), staging.left()) == (4, (0, 0))
    assert [value for _, value in staging.changes()] == [6, 4]


def test_where_the_stage_only_observes_nothing_is_changed_and_the_drill_passes(staging: Staging, tmp_path: Path) -> None:
    done = run(tmp_path, "ecs/cpu-high", "--stage", "dev", mode="observe")

    assert done.exit_code == 0, done.output
    assert "mode-observe" in done.stdout
    assert staging.changes() == []
    assert staging.left() == (0, 0)


def test_in_mode_approve_a_person_is_waited_for(staging: Staging, tmp_path: Path) -> None:
    allow(staging, OWNER)

    def approves() -> None:
        if any(report.phase is Phase.ASKED for report in staging.reports()) and not staging.changes():
            answer(staging)

    staging.on_wait.append(approves)
    done = run(tmp_path, "ecs/cpu-high", "--stage", "dev", mode="approve")

    assert done.exit_code == 0, done.output
    assert "somebody approves in Slack" in done.stdout
    assert staging.floor() == 4


def test_a_policy_that_refuses_fails_the_drill_by_its_reason(staging: Staging, tmp_path: Path) -> None:
    staging.client("ecs").update_service(cluster="image", service="image-api", desiredCount=0)
    done = run(tmp_path, "ecs/cpu-high", "--stage", "dev")

    assert done.exit_code == 1
    assert "FAIL" in done.stdout
    assert "unsafe" in done.stdout
    assert staging.left() == (0, 0)


def test_broken_off_it_still_tidies_up_and_says_what_is_out(staging: Staging, tmp_path: Path) -> None:
    def interrupted() -> None:
        if staging.changes():
            raise KeyboardInterrupt

    staging.on_wait.append(interrupted)
    done = run(tmp_path, "ecs/cpu-high", "--stage", "dev")

    assert done.exit_code == 1
    assert "given back at the latest" in done.stderr
    assert staging.left() == (0, 0)
    staging.on_wait.clear()
    for _ in range(80):
        staging.sleep(60)
    assert staging.floor() == 4


def test_a_second_drill_takes_over_what_a_first_one_left(staging: Staging, tmp_path: Path) -> None:
    staging.client("cloudwatch").put_metric_alarm(
        AlarmName=NAME, Namespace="Tocsin/Drill", MetricName="Ringing", Statistic="Maximum", Period=60, EvaluationPeriods=1,
        Threshold=1.0, ComparisonOperator="GreaterThanOrEqualToThreshold",
    )  # fmt: skip
    assert run(tmp_path, "ecs/cpu-high", "--stage", "dev").exit_code == 0
    assert staging.left() == (0, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ecs/cpu-high", "--stage", "prod"), "prod looks like production"),
        (("ecs/cpu-hihg", "--stage", "dev"), "did you mean 'ecs/cpu-high'"),
        (("ecs/nothing", "--stage", "dev"), "has no policy to exercise: nobody knows what would help"),
    ],
)
def test_what_cannot_be_drilled_is_one_line_and_makes_nothing(
    staging: Staging, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    with pytest.raises(Refused, match=says) as refused:
        run(tmp_path, *words)

    assert "\n" not in str(refused.value)
    assert staging.left() == (0, 0)


def test_an_alarm_that_is_not_a_drills_is_left_alone(staging: Staging, tmp_path: Path) -> None:
    row = {"Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1}
    staging.client("cloudwatch").put_metric_alarm(
        AlarmName=NAME, Threshold=1.0, ComparisonOperator="GreaterThanOrEqualToThreshold", **row
    )
    with pytest.raises(Refused, match="is not a drill's"):
        run(tmp_path, "ecs/cpu-high", "--stage", "dev")
