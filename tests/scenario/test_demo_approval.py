"""Month-end in mode approve: asked, refused to whoever may not, approved by who may, undone by anyone, held and released."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from alarms.desired import Desired
from alarms.domain.alarm import Mode
from alarms.domain.command import CommandKind
from alarms.load import load
from infra.local import demo, scenario
from infra.local.metric_sources import PlatformSource
from infra.local.play import Catalogue, Played, play
from infra.local.scenario import Press
from infra.local.slack_people import APPROVER, MEMBER
from remediators.registry import registry

CATALOGUE = Path(__file__).parents[2] / "alarms" / "catalog"
AGE = "sqs/oldest-message-age"
MINUTE = 60
CLICKS = (
    Press(44 * MINUTE, CommandKind.APPROVE, "member", AGE),
    Press(45 * MINUTE, CommandKind.APPROVE, "approver", AGE),
    Press(45 * MINUTE + 0.5, CommandKind.APPROVE, "approver", AGE),  # twice, before the picture changed
    Press(48 * MINUTE, CommandKind.UNDO, "member", AGE),
    Press(50 * MINUTE, CommandKind.UNDO, "member", AGE),  # there is nothing left to undo
    Press(52 * MINUTE, CommandKind.RELEASE, "member", AGE),
)


@pytest.fixture(scope="module")
def played() -> Played:
    """Return the run that every test of this file looks at."""
    loaded = load(CATALOGUE, stage="demo", actions=registry())
    source = PlatformSource(replace(scenario.read(scenario.MONTH_END), lasts=60 * MINUTE, clicks=CLICKS))
    desired = tuple(map(_approving, loaded.desired))
    with Path("/dev/null").open("w") as nowhere:
        screen = demo.screen(Console(file=nowhere), source, desired, 0)
        return play(source, Catalogue(desired, loaded.settings), screen)


def _approving(one: Desired) -> Desired:
    """Return a queue's row in mode approve; every other row as it is."""
    if AGE not in one.name:
        return one
    policies = tuple(replace(policy, mode=Mode.APPROVE) for policy in one.alarm.policies)
    return replace(one, alarm=replace(one.alarm, policies=policies))


def clicks(played: Played) -> list[dict[str, Any]]:
    return [entry for entry in played.timeline if entry["kind"] == "click"]


def phases(played: Played) -> list[str]:
    """Return what became of the run that was asked for, in order; what a second copy made the engine say again is said once."""
    return list(
        dict.fromkeys(
            entry["phase"]
            for entry in played.timeline
            if entry["kind"] in ("action", "revert") and AGE in entry["alarm"] and entry["phase"] not in ("intent", "returning")
        )
    )


def wordings(played: Played) -> list[str]:
    """Return every wording of the incident's live message, as text."""
    ts = next(entry["ts"] for entry in clicks(played))
    return [
        str(entry["payload"]) for entry in played.timeline if entry["kind"] == "slack_call" and entry["ts"] == ts and entry["ok"]
    ]


def test_only_an_approver_starts_it_and_it_starts_once(played: Played) -> None:
    member, approver, again, *_ = clicks(played)
    assert "not among this stage's approvers" in member["told"]
    assert [click["told"] for click in (approver, again)] == [None, None]
    assert phases(played) == ["asked", "acted", "reverted"]
    made = [
        entry for entry in played.timeline if entry["kind"] == "action" and AGE in entry["alarm"] and entry["phase"] == "acted"
    ]
    assert len(made) == 1


def test_what_was_shown_is_what_is_done(played: Played) -> None:
    asked, acted = (
        next(
            entry for entry in played.timeline if entry["kind"] == "action" and entry["phase"] == phase and AGE in entry["alarm"]
        )
        for phase in ("asked", "acted")
    )
    assert asked["changes"] == acted["changes"]
    (change,) = asked["changes"]
    shown = f"{change['knob']} {change['before']} → {change['after']}"
    asking = next(text for text in wordings(played) if "tocsin.approve" in text)
    assert asking.count(shown) >= 2  # beside the buttons, and in the dialog that asks again


def test_the_buttons_follow_what_stands_open(played: Played) -> None:
    offered = [
        [name for name in ("approve", "undo", "release", "hold") if f"'tocsin.{name}'" in text] for text in wordings(played)
    ]
    order = [now for before, now in zip([[], *offered], offered, strict=False) if now != before]
    assert order[:3] == [["hold"], ["approve", "hold"], ["undo", "hold"]]
    assert ["undo"] not in order[-1:]
    assert "approve" not in str(order[2:])


def test_undo_gives_back_at_once_holds_the_service_and_both_say_who(played: Played) -> None:
    undo, again, release = clicks(played)[3:]
    reverted = next(entry for entry in played.timeline if entry["kind"] == "revert" and AGE in entry["alarm"])
    assert undo["at"] < reverted["at"] < again["at"]
    assert (undo["status"], again["status"], release["status"]) == (200, 0, 200)
    text = " ".join(wordings(played))
    assert f"is held by <@{MEMBER}> until" in text
    assert f"<@{APPROVER}>" in text


def test_the_door_makes_no_call_that_its_page_does_not_name(played: Played) -> None:
    page = (Path(__file__).parents[2] / "docs" / "slack.md").read_text("utf-8")
    calls = {(entry["service"], entry["operation"]) for entry in played.timeline if entry.get("caller") == "interactive"}
    assert calls == {
        ("secretsmanager", "GetSecretValue"),
        ("ssm", "GetParameter"),
        ("dynamodb", "GetItem"),
        ("sqs", "SendMessage"),
    }
    assert [f"{service}:{name}" for service, name in calls if f"`{service}:{name}`" not in page] == []


def test_no_click_was_left_in_a_queue(played: Played) -> None:
    commands = [entry for entry in played.timeline if entry["kind"] == "delivery" and entry["what"]["type"] == "command"]
    assert commands
    assert {entry["outcome"] for entry in commands} == {"done"}
