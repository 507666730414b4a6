"""`tocsin incidents`, `report` and `scoreboard` read a stage's journal and evidence, and say in one line when they cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from past_samples import EPISODE, T0, evening, months
from typer.testing import CliRunner

from alarms.domain.errors import CannotRun, Refused
from cli import past
from cli.app import build
from infra.local.aws import Embedded, embedded
from remediators.dynamodb import table_definition
from remediators.evidence import EvidenceTable
from remediators.journal import Journal
from remediators.journal import table_definition as journal_definition

NOW = T0 + timedelta(hours=2)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedded]:
    monkeypatch.setattr(past, "now", lambda: NOW)
    with embedded(NOW) as aws:
        yield aws


@pytest.fixture
def remembered(aws: Embedded) -> Embedded:
    """Open an account whose stage has had one evening."""
    client = aws.client("dynamodb")
    client.create_table(**journal_definition("tocsin-demo-journal"))
    client.create_table(**table_definition("tocsin-demo-evidence"))
    write(aws, evening())
    EvidenceTable(lambda: client, "tocsin-demo-evidence").keep(EPISODE, "diagnose", {"cause": "capacity"}, T0)
    return aws


def write(aws: Embedded, entries: list[dict[str, Any]]) -> None:
    client = aws.client("dynamodb")

    def later(text: str, seconds: int) -> None:
        raise AssertionError(f"the journal is there: {text} {seconds}")

    book = Journal(lambda: client, "tocsin-demo-journal", kept_for=None, say=lambda entry: entry.clear, later=later)
    for start in range(0, len(entries), 100):
        for entry in entries[start : start + 100]:
            book.note(entry)
        book.flush(NOW)


def run(*words: str) -> str:
    result = CliRunner().invoke(build(("incidents", "report", "scoreboard")), [*words, "--stage", "demo"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_an_evening_is_listed_and_told(remembered: Embedded) -> None:
    listed = run("incidents")
    assert f"{EPISODE}  2026-10-31 15:03    9 min  helped" in listed
    assert "scale-consumers; given back" in listed

    report = run("report", EPISODE, "--language", "en")
    assert report.startswith("# CRITICAL Queue backlog delays processing")
    assert f"`{EPISODE}/diagnose#" in report
    assert "`5f1c2b3a-1111-2222`" in report


def test_everything_is_json_too(remembered: Embedded) -> None:
    (listed,) = json.loads(run("incidents", "--format", "json"))
    told = json.loads(run("report", EPISODE, "--format", "json"))
    (score,) = json.loads(run("scoreboard", "--format", "json"))

    assert listed == told["incident"]
    assert told["cause"] == "capacity"
    assert (score["runs"], score["helped"]) == (1, 1)


def test_a_report_speaks_korean(remembered: Embedded) -> None:
    assert "## 타임라인" in run("report", EPISODE, "--language", "ko")


def test_only_what_is_asked_for_is_listed(remembered: Embedded) -> None:
    assert run("incidents", "--service", "orders") == ""
    assert run("incidents", "--since", "30 m") == ""
    assert run("incidents", "--service", "image-processing") != ""


def test_months_are_read_through(remembered: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each month stands by itself in the index."""
    write(remembered, months(observed=30, alone=12, helped=10, no_help=2))
    (score,) = json.loads(run("scoreboard", "--since", "30 d", "--format", "json"))
    assert score["episodes"] == 3  # what lies ahead of the present is not looked at

    monkeypatch.setattr(past, "now", lambda: T0 + timedelta(days=40))
    (score,) = json.loads(run("scoreboard", "--since", "60 d", "--format", "json"))
    assert (score["episodes"], score["would_have"], score["alone"], score["runs"]) == (43, 30, 12, 13)
    assert len(json.loads(run("incidents", "--since", "60 d", "--format", "json"))) == 43


def test_a_report_without_the_right_to_evidence_is_a_report(remembered: Embedded) -> None:
    remembered.seam.fail(
        "dynamodb", "Query", "AccessDeniedException", times=None, when=lambda params: "evidence" in params["TableName"]
    )

    assert "No raw evidence is kept (any more)." in run("report", EPISODE, "--language", "en")


@pytest.mark.parametrize("words", [("incidents",), ("report", "x"), ("scoreboard",)])
def test_a_missing_table_is_one_line(words: tuple[str, ...], aws: Embedded) -> None:
    with pytest.raises(CannotRun, match=r"the journal: the table is not there; .*docs/deploying\.md") as told:
        run(*words)

    assert "\n" not in str(told.value)


def test_a_missing_right_is_one_line(remembered: Embedded) -> None:
    remembered.seam.fail("dynamodb", "Query", "AccessDeniedException", times=None)

    with pytest.raises(CannotRun, match="these credentials may not read it"):
        run("incidents")


def test_what_nobody_knows_is_refused(remembered: Embedded) -> None:
    with pytest.raises(Refused, match="knows no incident 'abc'; `tocsin incidents` lists them"):
        run("report", "abc")
    for wrong in ("0 d", "7 parsecs", "-3d", "500 d"):
        with pytest.raises(Refused, match="--since"):
            run("incidents", "--since", wrong)
