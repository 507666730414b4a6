"""`tocsin plan`, `apply`, `destroy` as typed: what is printed, what is asked, how they exit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deploy_world import PAGER, REGION
from typer.testing import CliRunner, Result

import alarms.load
import alarms.settings_file
import remediators.registry
from alarms.rows import table_definition
from cli import account
from cli.app import build
from infra.local.aws import Embedded, embedded

# Every room is imported before the clock is frozen: a pydantic model first built under frozen time fails.
ROOMS = (alarms.load, alarms.settings_file, remediators.registry)

SETTINGS = """
catalogue: shop
stages:
  dev: {account: "123456789012", region: ap-northeast-2, mode_cap: observe}
  prod: {account: "999999999999", region: ap-northeast-2, mode_cap: observe}
"""
ROW = """
  - id: %(id)s
    title: Queue backlog delays processing
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    dimensions: {QueueName: jobs}
    statistic: Maximum
    when: ">= %(threshold)s s"
    for: 15 m
    missing: not_breaching
    severity: critical
    runbook: docs/runbooks/sqs-oldest-message-age.md
    no_action: a test
"""


class Shop:
    """A small catalogue in a folder, an embedded AWS, and the command line between them."""

    def __init__(self, folder: Path, aws: Embedded) -> None:
        self.folder = folder
        self.aws = aws
        (folder / "tocsin.yaml").write_text(SETTINGS, encoding="utf-8")
        self.rows({"age": 600, "other": 900})

    def rows(self, rows: dict[str, int]) -> None:
        """Write the catalogue's rows: id to threshold."""
        head = "component: sqs\ndefaults: {notify: ops, owner: platform}\nalarms:\n"
        text = head + "".join(ROW % {"id": id_, "threshold": threshold} for id_, threshold in rows.items())
        (self.folder / "rows.yaml").write_text(text, encoding="utf-8")

    def __call__(self, verb: str, *words: str, path: Path | None = None) -> Result:
        """Type ``tocsin verb PATH words``."""
        return CliRunner().invoke(build(("plan", "apply", "destroy")), [verb, str(path or self.folder), *words])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Open a catalogue of two rows, not applied yet."""
    with embedded(datetime(2026, 10, 30, 9, tzinfo=UTC), region=REGION) as aws:
        monkeypatch.setattr(account, "sleep", aws.clock.advance)
        aws.client("dynamodb").create_table(**table_definition("tocsin-dev-catalogue"))
        yield Shop(tmp_path, aws)


def test_a_newcomer_reads_what_will_happen_and_who_changed_what(shop: Shop) -> None:
    assert shop("apply", "--yes").exit_code == 0
    name = "tocsin/dev/sqs/other/jobs"
    shop.aws.client("cloudwatch").disable_alarm_actions(AlarmNames=[name])
    shop.rows({"age": 900, "other": 900, "new": 60})

    result = shop("plan")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "~ sqs/age  Threshold 600 → 900 (you changed it)",
        "+ sqs/new  AWS/SQS ApproximateAgeOfOldestMessage >= 60 s",
        "h sqs/other  kept as people set it: actions are switched off (ActionsEnabled false)",
        "1 to create, 1 to update, 0 to delete, 1 unchanged, 1 held; about 1 s at 3 a second",
    ]


def test_exit_codes_are_terraforms(shop: Shop) -> None:
    assert shop("plan").exit_code == 0
    assert shop("plan", "--detailed-exitcode").exit_code == 2
    assert shop("apply", "--yes").exit_code == 0
    assert shop("plan", "--detailed-exitcode").exit_code == 0
    assert shop("plan", "--stage", "prod").exit_code == 1
    assert shop("plan", "--profile", "nobody").exit_code == 1


def test_apply_twice_says_that_nothing_is_to_be_done(shop: Shop) -> None:
    shop("apply", "--yes")

    assert shop("apply").stdout == "0 to create, 0 to update, 0 to delete, 2 unchanged\n"


def test_nobody_there_to_ask_means_nothing_is_written(shop: Shop) -> None:
    result = shop("apply")

    assert result.exit_code == 1
    assert "say --yes; nothing was written" in result.stderr
    assert shop("plan", "--detailed-exitcode").exit_code == 2


def test_the_wrong_account_is_one_line(shop: Shop) -> None:
    result = shop("apply", "--stage", "prod", "--yes")

    assert result.exit_code == 1
    assert result.stderr.startswith("tocsin: stage prod is account 999999999999, the credentials are of account 123456789012")
    assert len(result.stderr.splitlines()) == 1


def test_a_catalogue_with_an_error_deletes_nothing(shop: Shop) -> None:
    shop("apply", "--yes")
    shop.rows({"age": 600})
    (shop.folder / "more.yaml").write_text("alarms: [{id: x, treshold: 5}]\n", encoding="utf-8")

    result = shop("apply", "--yes")

    assert result.exit_code == 1
    assert "more.yaml:1" in result.stderr
    assert len(shop.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]) == 2


def test_a_foreign_alarm_of_the_same_name_is_named_and_the_exit_is_1(shop: Shop) -> None:
    shop.aws.client("cloudwatch").put_metric_alarm(
        AlarmName="tocsin/dev/sqs/age/jobs",
        Namespace="Theirs",
        MetricName="x",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[PAGER],
    )

    result = shop("apply", "--yes")

    assert result.exit_code == 1
    assert "! sqs/age [jobs]  refused: an alarm of this name exists and is not ours" in result.stdout
    assert "1 created, 0 updated, 0 deleted, 1 refused" in result.stdout


def test_a_saved_plan_is_applied_without_asking_and_the_json_says_all(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    assert shop("plan", "--out", str(file)).exit_code == 0

    result = shop("apply", "--format", "json", path=file)

    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert len(document["created"]) == 2
    assert document["plan"]["type"] == "tocsin.plan/1"
    assert "2 done before" in shop("apply", path=file).stdout
    assert shop("apply", "--stage", "prod", path=file).exit_code == 1


def test_one_file_of_a_catalogue_leaves_the_others_alone(shop: Shop) -> None:
    more = shop.folder / "more.yaml"
    more.write_text(
        "component: sqs\ndefaults: {notify: ops, owner: platform}\nalarms:\n" + ROW % {"id": "more", "threshold": 5},
        encoding="utf-8",
    )
    assert shop("apply", "--yes").exit_code == 0
    shop.rows({"age": 600})

    result = shop("apply", "--yes", "--allow-deletes", "9", path=more)

    assert result.exit_code == 0
    assert "0 to delete" in result.stdout
    assert "note: 2 alarms of this catalogue outside what the path prunes: left alone" in shop("plan", path=more).stdout


def test_an_empty_catalogue_says_that_nothing_is_deleted(shop: Shop) -> None:
    shop("apply", "--yes")
    (shop.folder / "rows.yaml").unlink()

    result = shop("apply", "--yes", "--allow-deletes", "9")

    assert "nothing is deleted, 2 alarms stay" in result.stdout
    assert len(shop.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]) == 2


def test_destroy_lists_asks_and_deletes_only_what_is_ours(shop: Shop) -> None:
    shop("apply", "--yes")
    assert shop("destroy").exit_code == 1

    result = shop("destroy", "--yes")

    assert result.exit_code == 0
    assert "- sqs/age  belongs to this catalogue and stage" in result.stdout
    assert result.stdout.endswith("0 created, 0 updated, 2 deleted\n")
    assert shop.aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_destroy_never_takes_one_file_for_the_whole_catalogue(shop: Shop) -> None:
    """Ownership is the catalogue's: with a file it would delete what stands in the other files."""
    shop("apply", "--yes")
    (shop.folder / "nothing").mkdir()

    for path in (shop.folder / "rows.yaml", shop.folder / "nothing"):
        result = shop("destroy", "--yes", path=path)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)

    assert len(shop.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]) == 2


@pytest.mark.parametrize("out", ["missing/plan.json", ".", "plan.yaml"])
def test_a_plan_that_cannot_be_saved_is_one_line(shop: Shop, out: str) -> None:
    result = shop("plan", "--out", str(shop.folder / out))

    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert result.stderr.startswith("tocsin: ")


def test_a_file_of_any_other_kind_is_no_plan(shop: Shop) -> None:
    path = shop.folder / "picture.png"
    path.write_bytes(b"\x89PNG\xff\xfe")

    result = shop("apply", path=path)

    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "not a saved plan" in result.stderr


def test_a_missing_table_is_one_line_and_no_rows_does_without(shop: Shop) -> None:
    shop.aws.client("dynamodb").delete_table(TableName="tocsin-dev-catalogue")

    result = shop("apply", "--yes")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "--no-rows" in result.stderr

    assert shop("apply", "--yes", "--no-rows").exit_code == 0


def test_the_products_own_catalogue_is_deployed_and_then_needs_nothing_more(shop: Shop) -> None:
    shop.aws.client("dynamodb").create_table(**table_definition("tocsin-demo-catalogue"))
    catalogue = Path(alarms.__file__).parent / "catalog"

    assert shop("apply", "--stage", "demo", "--yes", path=catalogue).exit_code == 0
    assert shop("plan", "--stage", "demo", "--detailed-exitcode", path=catalogue).exit_code == 0
    assert shop("plan", "--stage", "demo", "--detailed-exitcode", path=catalogue / "profiles" / "sqs.yaml").exit_code == 0
