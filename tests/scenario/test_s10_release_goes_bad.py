"""S10: a blue/green release goes bad. While it bakes it is rolled back by itself; when it is over, people are asked first."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from release_source import CATALOGUE, ReleaseSource
from rich.console import Console

from alarms.domain.command import CommandKind
from alarms.load import load
from infra.local import demo
from infra.local.play import Catalogue, Played, play
from infra.local.scenario import Press
from remediators.registry import registry

Entry = dict[str, Any]
CHANGING = {"StopServiceDeployment", "ContinueServiceDeployment", "UpdateService"}


def played(folder: Path, source: ReleaseSource) -> Played:
    """Play ``source`` through the whole service."""
    for name, text in CATALOGUE.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    loaded = load(folder, stage="demo", actions=registry())
    assert not loaded.errors, [str(error) for error in loaded.errors]
    with Path("/dev/null").open("w") as nowhere:
        screen = demo.screen(Console(file=nowhere), source, loaded.desired, 0)
        return play(source, Catalogue(loaded.desired, loaded.settings), screen)


@pytest.fixture(scope="module")
def in_bake_time(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Version 2 fails as soon as it has traffic; it would bake for half an hour."""
    return played(tmp_path_factory.mktemp("bake"), ReleaseSource(bake_minutes=30))


@pytest.fixture(scope="module")
def when_over(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Version 2 bakes for three minutes and fails from minute 20 on; an approver agrees to go back at minute 25."""
    agree = Press(25 * 60, CommandKind.APPROVE, "approver", "5xx-rate")
    return played(
        tmp_path_factory.mktemp("over"), ReleaseSource(bake_minutes=3, fails_at=20 * 60, lasts_s=75 * 60, clicks=(agree,))
    )


def kind(run: Played, name: str) -> list[Entry]:
    return [entry for entry in run.timeline if entry["kind"] == name]


def at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["at"])


def states(run: Played) -> list[tuple[str, datetime]]:
    return [(entry["new"], at(entry)) for entry in kind(run, "alarm") if entry["new"] != "INSUFFICIENT_DATA"]


def made(run: Played) -> list[Entry]:
    """Return the remediators' changing calls."""
    return [call for call in kind(run, "aws_call") if call["caller"] == "remediators" and call["operation"] in CHANGING]


def phases(run: Played) -> list[str]:
    return [entry["phase"] for entry in kind(run, "action") if entry["action"] == "roll-back-deployment"]


def said(run: Played) -> str:
    return "\n".join(str(call["payload"]) for call in kind(run, "slack_call") if call["ok"])


# --- in bake time -----------------------------------------------------------------------------------------------------------


def test_it_is_rolled_back_within_a_minute_of_the_bell(in_bake_time: Played) -> None:
    (rang,) = [moment for state, moment in states(in_bake_time) if state == "ALARM"]
    (call,) = made(in_bake_time)
    assert call["operation"] == "StopServiceDeployment"
    assert call["params"]["stopType"] == "ROLLBACK"
    assert at(call) - rang < timedelta(minutes=1)


def test_users_are_well_again_within_minutes(in_bake_time: Played) -> None:
    """Blue still runs, so the way back is the traffic's alone."""
    assert [state for state, _ in states(in_bake_time)][-2:] == ["ALARM", "OK"]
    (rang, well) = [moment for _, moment in states(in_bake_time)][-2:]
    assert well - rang <= timedelta(minutes=3)


def test_it_is_verified_and_nothing_is_given_back(in_bake_time: Played) -> None:
    assert "acted" in phases(in_bake_time)
    assert "helped" in phases(in_bake_time)
    assert not {"no-help", "failed", "escalated", "reverted", "drifted"} & set(phases(in_bake_time))
    assert kind(in_bake_time, "revert") == []


def test_people_read_why_and_whom_to_tell(in_bake_time: Played) -> None:
    told = said(in_bake_time)
    assert "api:2 of image-api" in told
    assert "of its requests with 5xx, the revision before 0.0%" in told
    assert "will deploy it again: hold it until the fix is released" in told


# --- when it is over ----------------------------------------------------------------------------------------------------------


def test_a_person_is_asked_before_anything_is_deployed(when_over: Played) -> None:
    (asked,) = [entry for entry in kind(when_over, "action") if entry["phase"] == "asked"]
    (click,) = kind(when_over, "click")
    assert click["status"] == 200
    (call,) = made(when_over)
    assert at(asked) < at(click) <= at(call)
    assert (call["operation"], call["params"]["taskDefinition"].rsplit("/", 1)[-1]) == ("UpdateService", "api:1")
    assert "desiredCount" not in call["params"]


def test_the_revision_before_is_deployed_and_verified(when_over: Played) -> None:
    found = phases(when_over)
    assert found.index("asked") < found.index("acted") < found.index("helped")
    assert not {"no-help", "failed", "escalated", "expired", "reverted"} & set(found)
    assert [state for state, _ in states(when_over)][-1] == "OK"
