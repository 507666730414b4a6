"""check, export, show, schema as a user runs them: data on stdout, words on stderr, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alarms.domain.errors import BadInput, CannotRun
from cli.app import build

GOOD = """\
component: sqs
defaults: {notify: ops-alerts, owner: platform}
alarms:
  - id: oldest-message-age
    title: 큐 처리가 밀린다
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    statistic: Maximum
    dimensions: {QueueName: image-jobs}
    when: ">= 600 s"
    for: 15 m
    missing: not_breaching
    severity: critical
    runbook: https://wiki.example.com/queue
    no_action: "nothing is safe"
"""


def run(*arguments: str) -> Result:
    """Run `tocsin`."""
    return CliRunner().invoke(build(("check", "export", "show", "schema")), list(arguments))


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with one good row, in the folder where the command runs."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rows.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_check_of_the_packaged_catalogue_is_clean() -> None:
    done = run("check")

    assert done.exit_code == 0
    assert "no problems in 20 alarms, stages dev, staging, prod, demo" in done.stderr
    assert "error:" not in done.stdout


def test_check_of_a_good_file_says_nothing_on_stdout(rows: Path) -> None:
    done = run("check", "rows.yaml")

    assert (done.exit_code, done.stderr) == (0, "no problems in 1 alarm, stage dev\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("missing:", "mising:"),
        ("600 s", "600 %"),
        ("15 m", "{period: 60 s, datapoints: 6 of 5}"),
        ("OldestMessage", "OldestMesage"),
        ("notify: ops-alerts, owner: platform", "notify: #ops"),
        ("image-jobs", "012345678901"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_exit_1(old: str, new: str, rows: Path) -> None:
    rows.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    done = run("check", "rows.yaml")

    (line,) = [line for line in done.stdout.splitlines() if ": note:" not in line]
    assert done.exit_code == 1
    assert line.startswith("rows.yaml:")
    assert ": error: " in line


@pytest.mark.parametrize(
    "content", [b"", b"a: b\n" * 1_000_000, b"a: &a [x]\nb: [*a,*a]\n", GOOD.encode() + GOOD.split("alarms:\n")[1].encode()]
)
def test_what_is_no_catalogue_is_one_line_and_exit_1(content: bytes, rows: Path) -> None:
    """An empty file, one of five megabytes, an alias bomb, colliding names."""
    rows.write_bytes(content)
    done = run("check", "rows.yaml")

    assert done.exit_code == 1
    assert len([line for line in done.stdout.splitlines() if ": note:" not in line]) == 1


def test_findings_as_json_are_one_document(rows: Path) -> None:
    rows.write_text(GOOD.replace("600 s", "600 %"), encoding="utf-8")
    body = json.loads(run("check", "rows.yaml", "--format", "json").stdout)

    (problem,) = body["problems"]
    assert (problem["file"], problem["line"], problem["column"], problem["level"]) == ("rows.yaml", 9, 11, "error")


def test_export_prints_boto3_members(rows: Path) -> None:
    done = run("export", "rows.yaml", "--format", "json")
    body: dict[str, Any] = json.loads(done.stdout)

    (one,) = body["alarms"]
    assert (one["id"], one["operation"]) == ("sqs/oldest-message-age", "PutMetricAlarm")
    assert one["request"]["Threshold"] == 600.0
    assert "큐 처리가 밀린다" in done.stdout


def test_export_refuses_a_catalogue_with_an_error(rows: Path) -> None:
    rows.write_text(GOOD.replace("600 s", "600 %"), encoding="utf-8")
    done = run("export", "rows.yaml")

    assert (done.exit_code, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


def test_export_prints_a_template(rows: Path) -> None:
    body = json.loads(run("export", "rows.yaml", "--format", "cloudformation").stdout)

    assert [resource["Type"] for resource in body["Resources"].values()] == ["AWS::CloudWatch::Alarm"]


def test_show_prints_every_value_with_its_place(rows: Path) -> None:
    done = run("show", "sqs/oldest-message-age", "rows.yaml")

    assert done.exit_code == 0
    assert "rows.yaml:9:11" in done.stdout
    assert "rows.yaml:2:20" in done.stdout  # from the file's defaults


def test_show_of_an_unknown_row_is_refused_with_the_nearest(rows: Path) -> None:
    done = run("show", "sqs/oldest-mesage-age", "rows.yaml")

    assert isinstance(done.exception, BadInput)
    assert "did you mean 'sqs/oldest-message-age'?" in str(done.exception)


def test_a_path_that_is_not_there_cannot_run() -> None:
    assert isinstance(run("check", "nowhere").exception, CannotRun)


@pytest.mark.parametrize("file", ["any", "rows", "service", "tocsin"])
def test_schema_prints_json_schema_whose_references_resolve(file: str) -> None:
    body = json.loads(run("schema", file).stdout)

    references = {part.split('"')[0] for part in json.dumps(body).split("#/$defs/")[1:]}
    assert references <= set(body["$defs"])
