"""A day on which nothing is wrong: the service says nothing and touches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from alarms.load import load
from infra.local import demo, scenario
from infra.local.metric_sources import PlatformSource
from infra.local.play import Catalogue, Played, play
from infra.local.report_html import render
from remediators.registry import registry

CATALOGUE = Path(__file__).parents[2] / "alarms" / "catalog"
QUIET_DAY = scenario.MONTH_END.with_name("quiet-day.yaml")
ROOMS = {"notifier", "remediators"}


@pytest.fixture(scope="module")
def played() -> Played:
    """Return the run that every test of this file looks at."""
    loaded = load(CATALOGUE, stage="demo", actions=registry())
    source = PlatformSource(scenario.read(QUIET_DAY))
    with Path("/dev/null").open("w") as nowhere:
        screen = demo.screen(Console(file=nowhere), source, loaded.desired, 0)
        return play(source, Catalogue(loaded.desired, loaded.settings), screen)


def kind(played: Played, name: str) -> list[dict[str, Any]]:
    return [entry for entry in played.timeline if entry["kind"] == name]


def test_no_alarm_rings_and_no_incident_is_opened(played: Played) -> None:
    assert {entry["new"] for entry in kind(played, "alarm")} == {"OK"}
    assert kind(played, "slack_call") == []
    assert (played.summary["alarms_rung"], played.summary["incidents"]) == (0, 0)


def test_the_day_is_busy_enough_that_silence_means_something(played: Played) -> None:
    """Every alarm left INSUFFICIENT_DATA, so each was judged; events did reach both rooms, twice."""
    heard = {entry["queue"].rsplit("-", 1)[-1] for entry in kind(played, "delivery")}
    judged = {entry["name"] for entry in kind(played, "alarm")}
    uploads = [entry["value"] for entry in kind(played, "metric") if entry["name"] == "NumberOfMessagesSent"]

    assert heard == ROOMS
    assert len(judged) == 20
    assert max(uploads) > 2 * min(uploads)


def test_the_rooms_change_nothing_and_every_decision_is_a_no_with_a_name(played: Played) -> None:
    """Their own tables aside, where each event is remembered so that a second copy is known."""
    changing = [
        call
        for call in kind(played, "aws_call")
        if call["caller"] in ROOMS and call["changing"] and call["service"] != "dynamodb"
    ]

    assert changing == []
    assert kind(played, "action") == kind(played, "revert") == []
    assert {(entry["verdict"], entry["reason"]) for entry in kind(played, "decision")} == {("skip", "not-an-alarm-state")}
    assert all(entry["outcome"] == "done" and entry["changed"] == 0 for entry in kind(played, "delivery"))


def test_the_ending_and_the_report_say_that_nothing_rang(played: Played) -> None:
    page = render(played.summary, played.timeline)

    assert demo.ending(played)[0] == "nothing rang, and nothing was said in Slack"
    assert "Nothing rang." in page
    assert "No message was written." in page
