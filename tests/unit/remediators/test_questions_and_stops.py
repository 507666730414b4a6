"""People decide: approvals that mean exactly what was shown, and stops that anybody may press."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from remediation_world import API, API_RESOURCE, SCALE_API, World, api_alarm, world

from alarms.domain.alarm import Alarm, Mode
from alarms.domain.command import Command, CommandKind
from alarms.domain.event import State
from alarms.domain.report import Report

ASKS = replace(SCALE_API, mode=Mode.APPROVE)
MIN, KIM = "U0MIN", "U0KIM"


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        approvers = {"approvers": {"reversible": [MIN, KIM], "destructive": [MIN, KIM]}}
        opened.client("ssm").put_parameter(Name="/tocsin/dev/approvers", Value=json.dumps(approvers), Type="String")
        yield opened


def asked(story: World, alarm: Alarm | None = None) -> Report:
    """Let the API ring until its question stands; return it."""
    story.apply(alarm or api_alarm(ASKS))
    story.ring(API)
    story.wait(60)
    (question,) = [report for report in story.reports() if report.phase.value == "asked"]
    return question


def press(story: World, kind: CommandKind, subject: str, by: str = MIN, **changes: Any) -> Command:
    """Press a button; the command reaches the remediators' queue."""
    command = Command(kind, subject, by, story.now, f"{kind.value}-{by}-{story.now:%H%M%S}", f"123456789012/ap-northeast-2/{API}")
    command = replace(command, **changes)
    story.client("sqs").send_message(QueueUrl=story.commands_url, MessageBody=json.dumps(command.to_document()))
    return command


# --- approvals --------------------------------------------------------------------------------------------------------


def test_mode_approve_asks_shows_the_change_and_does_nothing(story: World) -> None:
    question = asked(story)

    assert story.changes() == []
    assert [(change.knob, change.before, change.after) for change in question.changes] == [("MinCapacity", 4, 6)]
    assert question.approvers == (KIM, MIN)
    assert question.until == question.at + timedelta(minutes=30)


def test_a_yes_does_what_was_shown_once_and_it_is_verified_and_given_back(story: World) -> None:
    question = asked(story)
    for _ in range(2):
        press(story, CommandKind.APPROVE, question.run)
    story.wait(30, copies=2)

    assert story.changes() == [("RegisterScalableTarget", 6)]
    acted = story.reports()[-1]
    assert (acted.phase.value, acted.by, acted.undoable) == ("acted", MIN, True)

    story.recover(API)
    story.wait(2400, step=60)
    assert story.floor() == 4
    assert story.phases() == ["asked", "acted", "helped", "reverted"]


def test_somebody_who_may_not_approve_changes_nothing_and_the_question_stays(story: World) -> None:
    question = asked(story)
    press(story, CommandKind.APPROVE, question.run, by="U0EVE")
    story.wait(30)
    assert story.changes() == []
    assert (story.reports()[-1].reason, story.reports()[-1].by) == ("not-allowed", "U0EVE")

    press(story, CommandKind.APPROVE, question.run)
    story.wait(30)
    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_no_ends_the_question(story: World) -> None:
    question = asked(story)
    press(story, CommandKind.DENY, question.run, by=KIM)
    story.wait(30)
    press(story, CommandKind.APPROVE, question.run)
    story.wait(30)

    assert story.changes() == []
    assert story.phases()[:2] == ["asked", "denied"]
    assert story.reports()[1].by == KIM


def test_an_unanswered_question_lapses_and_calls_a_person(story: World) -> None:
    question = asked(story)
    story.wait(1860, step=60)
    assert story.phases() == ["asked", "escalated", "expired"]

    press(story, CommandKind.APPROVE, question.run)
    story.wait(60)
    assert story.changes() == []


def test_what_moved_since_it_was_shown_is_not_done(story: World) -> None:
    """Somebody set the floor meanwhile: the yes was for 4 → 6, not for what is there now."""
    question = asked(story)
    story.target(API_RESOURCE, 3)
    press(story, CommandKind.APPROVE, question.run)
    story.wait(60)

    assert story.changes() == []
    assert story.floor() == 3
    assert "stale" in {report.reason for report in story.reports()}


def test_an_alarm_that_recovered_closes_its_question(story: World) -> None:
    question = asked(story)
    story.recover(API)
    story.wait(120)
    press(story, CommandKind.APPROVE, question.run)
    story.wait(60)

    assert story.changes() == []
    assert story.reports()[1].reason == "stale"


def test_the_resource_is_held_while_people_decide(story: World) -> None:
    """A second policy on the same service does not slip in while the first waits for its answer."""
    asked(story)
    other = api_alarm(SCALE_API, name=API + "-2", row="image-processing/ecs/memory-high")
    story.apply(other)
    story.ring(other.name)
    story.wait(120)

    assert story.changes() == []
    assert "covered" in story.reasons()


def test_the_switch_thrown_before_the_yes_holds(story: World) -> None:
    question = asked(story)
    story.switch(paused=True)
    press(story, CommandKind.APPROVE, question.run)
    story.wait(60)

    assert story.changes() == []
    assert story.reports()[-1].reason == "paused"


def test_an_approved_change_is_counted_and_an_unanswered_one_is_not(story: World) -> None:
    alarm = api_alarm(replace(ASKS, cooldown_s=3600))
    question = asked(story, alarm)
    press(story, CommandKind.DENY, question.run)
    story.wait(30)
    story.recover(API)
    story.wait(60)
    story.ring(API)
    story.wait(60)
    assert story.phases().count("asked") == 2

    press(story, CommandKind.APPROVE, story.reports()[-1].run)
    story.wait(300)
    story.recover(API)
    story.wait(60)
    story.ring(API)
    story.wait(60)
    assert story.reasons()[-1] == "cooldown"


# --- stops ------------------------------------------------------------------------------------------------------------


def acted(story: World) -> Report:
    """Let the API ring until it was acted on."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    (report,) = [report for report in story.reports() if report.phase.value == "acted"]
    return report


def test_undo_now_gives_back_at_once_and_automation_rests_for_an_hour(story: World) -> None:
    done = acted(story)
    press(story, CommandKind.UNDO, done.run, by="U0ANY")
    story.wait(30, copies=2)

    assert story.changes() == [("RegisterScalableTarget", 6), ("RegisterScalableTarget", 4)]
    assert [(report.phase.value, report.by) for report in story.reports()[1:]] == [("held", "U0ANY"), ("reverted", "U0ANY")]

    story.recover(API)
    story.wait(60)
    story.ring(API)
    story.wait(60)
    assert story.reasons()[-1] == "held"
    assert len(story.changes()) == 2


def test_undo_works_while_everything_is_paused(story: World) -> None:
    """Stopping is easy: a person who undoes need not release the switch first."""
    done = acted(story)
    story.switch(paused=True)
    press(story, CommandKind.UNDO, done.run)
    story.wait(30)

    assert story.floor() == 4


def test_what_somebody_changed_since_is_not_undone(story: World) -> None:
    done = acted(story)
    story.target(API_RESOURCE, 9)
    press(story, CommandKind.UNDO, done.run)
    story.wait(30)

    assert story.floor() == 9
    assert story.phases()[-1] == "drifted"


def test_a_hold_keeps_automation_away_until_it_is_released(story: World) -> None:
    story.apply(api_alarm(settle_s=60))
    story.ring(API)
    story.pump()
    episode = story.audit[-1]["episode"] if story.audit and "episode" in story.audit[-1] else ""
    story.wait(5)
    episode = episode or next(entry["episode"] for entry in story.audit if "episode" in entry)
    press(story, CommandKind.HOLD, episode, by="U0ANY")
    story.wait(90)
    assert story.changes() == []
    assert story.reasons()[-1] == "held"

    press(story, CommandKind.RELEASE, episode, by="U0ANY")
    story.wait(400)
    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_policy_that_did_not_help_twice_is_closed_until_people_or_time_open_it(story: World) -> None:
    """P7: the third episode within the window is not answered, and people are told until when."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=0, verify_within_s=300)))
    for _ in range(2):
        story.ring(API)
        story.wait(480, step=20)
        story.state(API, State.INSUFFICIENT_DATA)
        story.wait(60)
    assert story.phases().count("no-help") == 2
    assert "closed until" in [report.why.en for report in story.reports() if report.phase.value == "no-help"][-1]

    story.ring(API)
    story.wait(60)
    assert story.reasons()[-1] == "breaker-open"


def test_a_storm_holds_every_service_and_a_while_after(story: World) -> None:
    """P6: four other services ring at once; nothing is changed, people are told why, and it is looked at again later."""
    story.apply(api_alarm())
    others = [
        api_alarm(name=f"tocsin/dev/{name}/ecs/cpu-high/x", service=name, row=f"{name}/ecs/cpu-high", no_action="x", policies=())
        for name in ("pay", "search", "mail", "auth")
    ]
    for other in others:
        story.apply(other)
        story.ring(other.name)
    story.ring(API)
    story.wait(60)
    assert story.changes() == []
    assert story.reports()[-1].reason == "storm"

    for other in others:
        story.recover(other.name)
    story.wait(400)
    assert story.changes() == []
    story.wait(700)
    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_buttons_that_name_nothing_known_are_harmless(story: World) -> None:
    for kind in CommandKind:
        press(story, kind, "0123456789abcdef")
    story.wait(30)

    assert story.changes() == []
    assert story.failed == 0


def rung(story: World) -> str:
    """Let the API ring, settled in a minute; return its episode's id."""
    story.apply(api_alarm(settle_s=60))
    story.ring(API)
    story.wait(5)
    return str(next(entry["episode"] for entry in story.audit if "episode" in entry))


def test_a_late_copy_of_a_release_does_not_end_a_newer_hold(story: World) -> None:
    episode = rung(story)
    press(story, CommandKind.HOLD, episode)
    story.wait(5)
    released = press(story, CommandKind.RELEASE, episode)
    story.wait(5)
    press(story, CommandKind.HOLD, episode, by=KIM)
    story.wait(5)
    press(story, CommandKind.RELEASE, episode, at=released.at, id=released.id)
    story.wait(90)

    assert story.changes() == []
    assert story.reasons()[-1] == "held"


def test_a_late_copy_of_a_hold_does_not_bring_it_back_after_its_release(story: World) -> None:
    episode = rung(story)
    held = press(story, CommandKind.HOLD, episode)
    story.wait(5)
    press(story, CommandKind.RELEASE, episode, by=KIM)
    story.wait(5)
    press(story, CommandKind.HOLD, episode, at=held.at, id=held.id)
    story.wait(400)

    assert story.changes() == [("RegisterScalableTarget", 6)]
