"""A recorded series is played through the same path: CloudWatch rings, Slack is told, the incident resolves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import app

START = datetime(2014, 4, 10, 0, 2, tzinfo=UTC)
RDS = "AWS/RDS CPUUtilization DBInstanceIdentifier=x"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Return a day of five-minute points of a quiet database with ten bad minutes, in the form of the public recordings."""
    bad = {100: 76.23, 101: 65.835}
    lines = [f"{(START + timedelta(minutes=5 * place)):%Y-%m-%d %H:%M:%S},{bad.get(place, 14.0)}" for place in range(288)]
    path = tmp_path / "rds.csv"
    path.write_text("timestamp,value\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def demo(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `tocsin demo …`; return its exit code."""
    monkeypatch.setattr("sys.argv", ["tocsin", "demo", *arguments])
    monkeypatch.setattr(app.build, "__defaults__", (("check", "demo"),))
    with pytest.raises(SystemExit) as left:  # typer leaves this way after a success too
        app.main()
    return int(left.value.code or 0)


def kind(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [entry for entry in document["timeline"] if entry["kind"] == name]


def test_a_row_made_on_the_spot_rings_in_the_bad_window_and_resolves(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    assert demo(monkeypatch, "--metrics", str(recorded), "--as", RDS, "--when", "> 50 %", "--out", str(out)) == 0

    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    states = [(entry["at"], entry["new"]) for entry in kind(document, "alarm") if entry["old"] != "INSUFFICIENT_DATA"]
    calls = [call["method"] for call in kind(document, "slack_call") if not call["thread_ts"]]
    assert states == [("2014-04-10T08:27:00.000Z", "ALARM"), ("2014-04-10T08:37:00.000Z", "OK")]
    assert calls == ["chat.postMessage", "chat.update"]
    assert document["summary"]["incidents_resolved"] == 1
    assert (out / "report.html").exists()
    assert "1 alarm rang, 1 resolved" in capsys.readouterr().out


def test_a_row_of_the_catalogue_is_found_by_metric_and_target(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped row wants 80 % for five minutes: the recording never reaches it. Its values are held for their step."""
    subject = "AWS/RDS CPUUtilization DBInstanceIdentifier=image-db-1"

    assert demo(monkeypatch, "--metrics", str(recorded), "--as", subject, "--out", str(tmp_path)) == 0

    said = capsys.readouterr()
    assert "nothing rang, and nothing was said in Slack" in said.out
    assert said.err == "note: the rows look at periods of 1 m: each value is held for its 5 m\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--as", "AWS/RDS CPUUtilization"), "no row of "),
        (("--as", "AWS/RDS"), "--as 'AWS/RDS': write 'NAMESPACE METRIC DIMENSION=VALUE'"),
        (("--as", RDS), "its rows for this metric watch DBInstanceIdentifier=image-db-1 or DBInstanceIdentifier=image-db-2"),
        (("--as", RDS, "--when", "> 50 ms"), "write `> 50 %`"),
        (("--as", RDS, "--when", ">> 50 %"), "is not a condition"),
        (("--as", RDS, "--when", "> 50 %", "--for", "7 m"), "the series has a point every 5 m; give a multiple of that"),
        (("--as", RDS, "--when", "> 50 %", "--for", "6 of 5"), "can never hold"),
        (("--as", RDS, "--for", "10 m"), "--for goes with --when"),
        ((), "say with --as what the series is"),
        (("--as", RDS, "--scenario", "x.yaml"), "play one of them at a time"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_1(
    recorded: Path, arguments: tuple[str, ...], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(monkeypatch, "--metrics", str(recorded), *arguments) == 1

    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_options_of_a_series_without_a_series_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(monkeypatch, "--when", "> 50 %") == 1
    assert capsys.readouterr().err == "tocsin: --as, --when and --for go with --metrics FILE.csv\n"


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_run(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("--metrics", str(recorded), "--as", RDS, "--when", "> 50 %", "--out", str(tmp_path / "file"))

    assert demo(monkeypatch, *arguments) == 1

    said = capsys.readouterr()
    assert said.err == f"tocsin: --out {tmp_path / 'file'}: cannot be written to (File exists)\n"
    assert "rang" not in said.out


def test_a_scenario_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(monkeypatch, "--scenario", str(tmp_path / "none.yaml")) == 1
    assert "no such scenario file" in capsys.readouterr().err


def test_without_the_embedded_aws_installed_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "moto", None)

    assert demo(monkeypatch) == 2
    assert "the demo needs the extra `local`" in capsys.readouterr().err
