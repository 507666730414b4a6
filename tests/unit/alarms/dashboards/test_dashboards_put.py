"""`tocsin dashboards` as typed: what is printed, what is written to CloudWatch, and what is never touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import alarms.load
import alarms.settings_file
import remediators.registry
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
  - id: age
    title: Queue backlog delays processing
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    dimensions: {QueueName: jobs}
    statistic: Maximum
    when: ">= %s s"
    for: 15 m
    missing: not_breaching
    severity: critical
    runbook: docs/runbooks/sqs-oldest-message-age.md
    no_action: a test
"""


class Shop:
    """A catalogue in a folder, an embedded AWS, and the command line between them."""

    def __init__(self, folder: Path, aws: Embedded) -> None:
        self.folder = folder
        self.cloudwatch = aws.client("cloudwatch")
        (folder / "tocsin.yaml").write_text(SETTINGS, encoding="utf-8")
        self.component("sqs", 600)

    def component(self, name: str, seconds: int) -> None:
        """Write one component with one row."""
        head = f"component: {name}\ndefaults: {{notify: ops, owner: platform}}\nalarms:\n"
        (self.folder / f"{name}.yaml").write_text(head + ROW % seconds, encoding="utf-8")

    def __call__(self, *words: str, path: Path | None = None) -> Result:
        """Type ``tocsin dashboards PATH words``."""
        return CliRunner().invoke(build(("check", "dashboards")), ["dashboards", str(path or self.folder), *words])

    def names(self) -> list[str]:
        return sorted(entry["DashboardName"] for entry in self.cloudwatch.list_dashboards()["DashboardEntries"])

    def body(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
        return found


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with embedded(datetime(2026, 10, 30, 9, tzinfo=UTC), region="ap-northeast-2") as aws:
        monkeypatch.setattr(account, "sleep", aws.clock.advance)
        yield Shop(tmp_path, aws)


def test_the_first_run_makes_them_and_the_second_has_nothing_to_do(shop: Shop) -> None:
    first = shop("--put", "--yes")

    assert first.exit_code == 0, first.output
    assert first.stdout.splitlines()[-1] == "2 to create, 0 to update, 0 to delete, 0 unchanged"
    assert shop.names() == ["tocsin-dev-overview", "tocsin-dev-sqs"]
    assert shop("--put").stdout == "0 to create, 0 to update, 0 to delete, 2 unchanged\n"


def test_a_moved_threshold_says_which_widget_changes_and_writes_only_its_pages(shop: Shop) -> None:
    shop("--put", "--yes")
    shop.component("sqs", 900)

    result = shop("--put", "--yes")

    assert result.exit_code == 0
    graph = "Queue backlog delays processing: ApproximateAgeOfOldestMessage Maximum >= 900 s, 15 of 15 x 60 s"
    assert f"    + {graph}" in result.stdout.splitlines()
    values = [
        ring["value"]
        for widget in shop.body("tocsin-dev-sqs")["widgets"]
        for ring in widget["properties"].get("annotations", {}).get("horizontal", ())
    ]
    assert values == [900.0]


def test_what_somebody_changed_by_hand_is_named_and_put_right(shop: Shop) -> None:
    shop("--put", "--yes")
    body = shop.body("tocsin-dev-sqs")
    (graph,) = (w for w in body["widgets"] if w["properties"].get("title", "").startswith("Queue backlog"))
    graph["properties"]["period"] = 3600
    shop.cloudwatch.put_dashboard(DashboardName="tocsin-dev-sqs", DashboardBody=json.dumps(body))

    result = shop("--put", "--yes")

    assert ": period" in result.stdout.splitlines()[0]
    assert "0 to create, 1 to update, 0 to delete, 1 unchanged" in result.stdout
    assert shop("--put").stdout.startswith("0 to create, 0 to update")


def test_a_dashboard_of_the_same_name_that_is_not_ours_is_never_replaced(shop: Shop) -> None:
    foreign = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "mine"}}]})
    shop.cloudwatch.put_dashboard(DashboardName="tocsin-dev-sqs", DashboardBody=foreign)

    result = shop("--put", "--yes")

    assert result.exit_code == 1
    assert "! tocsin-dev-sqs  refused: a dashboard of this name exists and is not ours" in result.stdout
    assert shop.body("tocsin-dev-sqs") == json.loads(foreign)
    assert "tocsin-dev-overview" in shop.names()


def test_one_of_another_catalogue_is_left_to_it(shop: Shop) -> None:
    shop("--put", "--yes")
    (shop.folder / "tocsin.yaml").write_text(SETTINGS.replace("catalogue: shop", "catalogue: other"), encoding="utf-8")

    result = shop("--put", "--yes")

    assert result.exit_code == 1
    assert result.stdout.count("belongs to another catalogue or stage") == 2


def test_what_nothing_asks_for_any_more_goes_and_others_beside_it_stay(shop: Shop) -> None:
    shop.component("queue", 600)
    shop("--put", "--yes")
    shop.cloudwatch.put_dashboard(DashboardName="tocsin-dev-pipeline", DashboardBody='{"widgets": []}')
    (shop.folder / "queue.yaml").unlink()

    result = shop("--put", "--yes")

    assert result.exit_code == 0, result.output
    assert "- tocsin-dev-queue  nothing in the catalogue asks for it any more" in result.stdout.splitlines()
    assert shop.names() == ["tocsin-dev-overview", "tocsin-dev-pipeline", "tocsin-dev-sqs"]


def test_more_deletes_than_are_allowed_stop_the_run_before_it_writes(shop: Shop) -> None:
    for name in ("a", "b", "c"):
        shop.component(name, 600)
    shop("--put", "--yes")
    for name in ("a", "b", "c"):
        (shop.folder / f"{name}.yaml").unlink()

    stopped = shop("--put", "--yes")

    assert stopped.exit_code == 1
    assert "3 of 5 dashboards would be deleted, 1 allowed: nothing was written" in str(stopped.exception)
    assert len(shop.names()) == 5
    assert shop("--put", "--yes", "--allow-deletes", "3").exit_code == 0
    assert shop.names() == ["tocsin-dev-overview", "tocsin-dev-sqs"]


def test_an_empty_catalogue_deletes_nothing(shop: Shop) -> None:
    shop("--put", "--yes")
    (shop.folder / "sqs.yaml").unlink()

    result = shop("--put", "--yes")

    assert "the catalogue is empty: nothing is deleted, 2 stay" in result.stdout, result.output
    assert len(shop.names()) == 2


def test_one_file_the_wrong_account_or_nobody_to_ask_write_nothing(shop: Shop) -> None:
    assert "give its folder" in str(shop("--put", "--yes", path=shop.folder / "sqs.yaml").exception)
    assert "the credentials are of account 123456789012" in str(shop("--put", "--yes", "--stage", "prod").exception)
    assert "nobody is there to ask: say --yes; nothing was written" in str(shop("--put").exception)
    assert shop.names() == []


def test_files_json_and_template_hold_the_same_bodies(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert shop("--out", str(out)).stdout.split() == [str(out / "tocsin-dev-overview.json"), str(out / "tocsin-dev-sqs.json")]
    printed = json.loads(shop("--format", "json").stdout)["dashboards"]
    resources = json.loads(shop("--format", "cloudformation").stdout)["Resources"].values()

    assert {one["name"]: one["body"] for one in printed} == {
        file.stem: json.loads(file.read_text("utf-8")) for file in out.iterdir()
    }
    assert {one["Properties"]["DashboardName"]: json.loads(one["Properties"]["DashboardBody"]) for one in resources} == {
        one["name"]: one["body"] for one in printed
    }


def test_a_body_that_is_none_is_foreign(shop: Shop) -> None:
    for text in ('{"widgets": []}', '{"widgets": [3, {"properties": []}]}', '{"widgets": [{}], "start": 5}'):
        shop.cloudwatch.put_dashboard(DashboardName="tocsin-dev-sqs", DashboardBody=text)
        assert "refused: a dashboard of this name exists and is not ours" in shop("--put", "--yes").stdout


@pytest.mark.parametrize(
    "words", [("--put", "--out", "files"), ("--put", "--format", "cloudformation"), ("--out", "files", "--format", "json")]
)
def test_ways_that_exclude_each_other_are_refused(shop: Shop, words: tuple[str, ...]) -> None:
    done = shop(*words)
    assert done.exit_code != 0
    assert "leave out --" in str(done.exception)
    assert not shop.cloudwatch.list_dashboards()["DashboardEntries"]
