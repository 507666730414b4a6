"""People press buttons while month-end is played: through Slack's signed request, the real door and both queues."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from alarms.domain.command import CommandKind
from alarms.load import load
from infra.local import demo, scenario
from infra.local.metric_sources import PlatformSource
from infra.local.play import Catalogue, Played, play
from infra.local.report_html import render
from infra.local.scenario import Press
from infra.local.slack_people import GUEST, MEMBER
from remediators.registry import registry

CATALOGUE = Path(__file__).parents[2] / "alarms" / "catalog"
AGE = "sqs/oldest-message-age"
CLICKS = (
    Press(45 * 60, CommandKind.HOLD, "guest", AGE),
    Press(46 * 60, CommandKind.MUTE, "member", AGE),
    Press(47 * 60, CommandKind.MUTE, "member", "a message that nobody wrote"),
)


@pytest.fixture(scope="module")
def played() -> Played:
    """Return the run that every test of this file looks at."""
    loaded = load(CATALOGUE, stage="demo", actions=registry())
    source = PlatformSource(replace(scenario.read(scenario.MONTH_END), lasts=90 * 60, clicks=CLICKS))
    with Path("/dev/null").open("w") as nowhere:
        screen = demo.screen(Console(file=nowhere), source, loaded.desired, 0)
        return play(source, Catalogue(loaded.desired, loaded.settings), screen)


def clicks(played: Played) -> list[dict[str, Any]]:
    return [entry for entry in played.timeline if entry["kind"] == "click"]


def test_a_guest_is_refused_and_told_so(played: Played) -> None:
    guest, _, _ = clicks(played)
    assert (guest["by"], guest["status"]) == (GUEST, 200)
    assert guest["told"].startswith("Only full members")
    sent = [call for call in played.timeline if call.get("invocation") == guest["invocation"] and call["kind"] == "aws_call"]
    assert "SendMessage" not in {call["operation"] for call in sent}


def test_a_muted_incident_goes_on_changing_and_its_thread_is_silent(played: Played) -> None:
    _, mute, nothing = clicks(played)
    assert (mute["by"], mute["status"], mute["told"]) == (MEMBER, 200, None)
    assert nothing["status"] == 0
    after = [entry for entry in played.timeline if entry["kind"] == "slack_call" and entry["at"] > mute["at"] and entry["ok"]]
    of_it = [entry for entry in after if mute["ts"] in (entry["ts"], entry["thread_ts"])]
    assert of_it
    assert {entry["method"] for entry in of_it} == {"chat.update"}
    assert f"Muted by <@{MEMBER}>" in str(of_it[0]["payload"])


def test_the_report_shows_the_clicks_and_the_buttons(played: Played) -> None:
    page = render({**played.summary, "real_s": 1.0}, played.timeline)
    assert f"{MEMBER} presses mute: passed on" in page
    assert 's-button">Unmute</span>' in page
