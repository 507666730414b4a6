"""What can be pressed, when, and what the dialog promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from notifier_samples import event, minute, ok, report, row, unknown

from alarms.domain.alarm import Alarm
from alarms.domain.command import CommandKind
from alarms.domain.decision import Change
from alarms.domain.report import Phase, Report
from alarms.domain.text import Language
from notifier.buttons import action_id, kind_of
from notifier.limits import problems
from notifier.message import Message
from notifier.record import Thread
from notifier.render import incident
from notifier.standing import Silence
from notifier.timeline import incident_of

RUN = "a1b2c3d4e5f60718"
ASKED = report(
    "asked", minute(1), Phase.ASKED, run=RUN, until=minute(31), risk="disruptive", approvers=("U0AAAAAAA", "U0BBBBBBB")
)
ACTED = report("acted", minute(2), run=RUN, undoable=True)
HELD = report("held", minute(3), Phase.HELD, by="U0CCCCCCC", until=minute(63))
NOW = minute(4)
RESOLVED, LOST = ok(minute(21)), unknown(minute(21))


def message(*said: Report, now: datetime = NOW, of: Alarm | None = None, ended: Any = None, **more: Any) -> Message:
    """Return the incident's message once ``said`` was reported."""
    known = incident_of([event(), *([ended] if ended else [])], event())
    assert known
    thread = Thread("", "", reports=said, **more)
    return incident(known.last, of, channel="#ops", known=known, thread=thread, now=now)


def buttons(shown: Message) -> dict[str, dict[str, Any]]:
    """Return every button of a message by what it asks for."""
    assert problems(shown.payload()) == []
    return {str(one["action_id"]).removeprefix("tocsin."): one for one in _elements(shown)}


def _elements(shown: Message) -> Iterator[dict[str, Any]]:
    for block in shown.attachments[0]["blocks"]:
        if block["type"] == "actions":
            yield from block["elements"]
        if "accessory" in block:
            yield block["accessory"]


def text(shown: Message) -> str:
    return str(shown.attachments[0]["blocks"])


def test_an_open_question_has_approve_with_a_dialog_and_deny() -> None:
    found = buttons(message(ASKED, of=row()))
    assert list(found) == ["approve", "deny", "hold", "mute"]
    assert found["approve"]["style"] == "primary"
    assert found["approve"]["value"] == found["deny"]["value"] == RUN
    assert found["approve"]["confirm"]["text"]["text"] == (
        "MinCapacity 4 → 12 (ecs:service/image/image-consumer)\nRisk: disruptive, users may notice."
    )


def test_the_message_says_what_exactly_who_may_and_by_when() -> None:
    said = text(message(ASKED, of=row()))
    for words in (
        "Waits for a decision: scale-consumers",
        "• MinCapacity 4 → 12  `ecs:service/image/image-consumer`",
        "May approve: <@U0AAAAAAA>, <@U0BBBBBBB> · until <!date^1793460860^",
        "Risk: disruptive",
    ):
        assert words in said


def test_two_people_are_asked_for_where_two_are_needed_and_the_first_is_named() -> None:
    asked = replace(ASKED, needed=2, risk="destructive")
    yes = report("yes", minute(2), Phase.APPROVED, run=RUN, by="U0AAAAAAA", approvals=("U0AAAAAAA",), needed=2)
    shown = message(asked, yes, of=row())
    assert "approved so far by <@U0AAAAAAA>" in text(shown)
    assert "2 different people have to approve" in buttons(shown)["approve"]["confirm"]["text"]["text"]


@pytest.mark.parametrize("answer", [Phase.APPROVED, Phase.DENIED, Phase.EXPIRED, Phase.SKIPPED, Phase.FAILED])
def test_an_answered_question_has_no_buttons(answer: Phase) -> None:
    said = report("answer", minute(2), answer, run=RUN, approvals=("U0AAAAAAA",))
    assert list(buttons(message(ASKED, said, of=row()))) == ["hold", "mute"]


def test_an_expired_question_has_no_buttons_even_before_anyone_says_so() -> None:
    assert list(buttons(message(ASKED, of=row(), now=minute(31)))) == ["hold", "mute"]


def test_a_run_without_an_opaque_id_gets_no_button() -> None:
    assert list(buttons(message(replace(ASKED, run="x" * 65), of=row()))) == ["hold", "mute"]
    assert list(buttons(message(replace(ASKED, run="rm -rf"), of=row()))) == ["hold", "mute"]


def test_a_change_that_is_out_can_be_undone_and_the_dialog_says_what_comes_back() -> None:
    undo = buttons(message(ACTED, of=row()))["undo"]
    assert (undo["style"], undo["value"]) == ("danger", RUN)
    assert undo["confirm"]["text"]["text"] == "MinCapacity 12 → 4 (ecs:service/image/image-consumer)"


def test_a_change_can_still_be_undone_after_the_alarm_recovered() -> None:
    assert list(buttons(message(ACTED, of=row(), ended=RESOLVED, now=minute(22)))) == ["undo"]


@pytest.mark.parametrize("back", [Phase.REVERTED, Phase.KEPT, Phase.DRIFTED])
def test_what_was_given_back_cannot_be_undone_again(back: Phase) -> None:
    assert "undo" not in buttons(message(ACTED, report("back", minute(3), back, run=RUN), of=row()))


def test_two_changes_that_are_out_have_a_button_each() -> None:
    other = replace(ACTED, id="other", run="ffff", action="raise-database-capacity")
    shown = message(ACTED, other, of=row())
    assert [one["value"] for one in _elements(shown) if one["action_id"] == "tocsin.undo"] == [RUN, "ffff"]


def test_automation_can_be_held_while_the_incident_is_open_and_something_may_be_done() -> None:
    assert list(buttons(message(of=row()))) == ["hold", "mute"]
    assert list(buttons(message(of=row(policies=())))) == ["mute"]
    assert list(buttons(message(of=None))) == ["mute"]
    assert list(buttons(message(of=row(), ended=LOST))) == ["hold", "mute"]
    assert list(buttons(message(of=row(), ended=RESOLVED))) == []


def test_a_hold_shows_its_owner_and_its_end_and_can_be_released_even_after_recovery() -> None:
    shown = message(HELD, of=row())
    assert "held by <@U0CCCCCCC> until <!date^1793462780^" in text(shown)
    assert list(buttons(shown)) == ["release", "mute"]
    assert list(buttons(message(HELD, of=row(), ended=RESOLVED))) == ["release"]


def test_a_hold_that_ended_is_not_shown() -> None:
    shown = message(HELD, of=row(), now=minute(63))
    assert "is held by" not in text(shown)
    assert list(buttons(shown)) == ["hold", "mute"]


def test_a_silence_shows_its_owner_and_its_end() -> None:
    silence = Silence("U0DDDDDDD", minute(3), minute(63))
    shown = message(of=row(), silence=silence)
    assert "Muted by <@U0DDDDDDD> until <!date^1793462780^" in text(shown)
    assert list(buttons(shown)) == ["hold", "unmute"]
    assert list(buttons(message(of=row(), silence=silence, now=minute(63)))) == ["hold", "mute"]


def test_whoever_decided_is_mentioned_only_by_a_users_id() -> None:
    assert "· <@U0AAAAAAA>" in text(message(report("x", minute(1), Phase.DENIED, by="U0AAAAAAA"), of=row()))
    for forged in ("!channel", "U0aaaaaaa", "U0AAAAAAA> <!here", "S0AAAAAAA"):
        shown = message(report("x", minute(1), Phase.HELD, by=forged, until=minute(30)), of=row())
        assert problems(shown.payload()) == []
        assert "<!here" not in text(shown)
        assert "<!channel" not in text(shown)


def test_a_dialog_never_cuts_a_change_in_half_and_says_how_many_are_left_out() -> None:
    many = tuple(Change(f"ecs:service/image/{'worker' * 9}-{index}", "MinCapacity", index, index * 2) for index in range(9))
    said = buttons(message(replace(ASKED, changes=many), of=row()))["approve"]["confirm"]["text"]["text"]
    assert len(said) <= 300
    *shown, more, risk = said.split("\n")
    assert all(line.startswith("MinCapacity ") and line.endswith(")") for line in shown)
    assert more == f"and {9 - len(shown)} more: see the message"
    assert risk == "Risk: disruptive, users may notice."


def test_a_value_is_an_opaque_id_and_every_edit_has_block_ids_of_its_own() -> None:
    first, second = (message(ASKED, ACTED, HELD, of=row(), revision=revision) for revision in (1, 2))
    ids = [{block["block_id"] for block in one.attachments[0]["blocks"] if "block_id" in block} for one in (first, second)]
    assert ids[0]
    assert ids[0] & ids[1] == set()
    assert first.digest == second.digest
    assert all(str(one["value"]).isalnum() for one in _elements(first))


def test_every_button_speaks_korean() -> None:
    shown = message(ASKED, ACTED, of=row(language=Language.KO))
    labels = [one["text"]["text"] for one in _elements(shown)]
    assert labels == ["지금 되돌리기", "자동 조치 1시간 보류", "1시간 알림 끄기"]
    labels = [one["text"]["text"] for one in _elements(message(ASKED, of=row(language=Language.KO)))]
    assert labels[:2] == ["승인", "거부"]


@pytest.mark.parametrize("kind", CommandKind)
def test_action_ids_are_stable_and_mean_one_thing(kind: CommandKind) -> None:
    assert action_id(kind) == f"tocsin.{kind.value}"
    assert kind_of(action_id(kind)) is kind
    assert kind_of(kind.value) is None
