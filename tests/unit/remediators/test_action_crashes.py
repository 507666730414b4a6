"""The process dies after any call, for every action: one execution or a full revert, nothing forgotten, people told (P3).

Dying before a call is dying after the one before it, and a read leaves no state: ``World.crash_points`` says which deaths
differ. Until the intent is committed no action is involved; ``test_remediation_crashes.py`` dies there, for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from action_stories import ActionStory, every_story, stories
from remediation_world import World, world

from alarms.domain.report import Report


def problems(told: World) -> Iterator[str]:
    """Say what is not as it should be when all is over, whatever happened on the way."""
    for item in told.client("dynamodb").scan(TableName="tocsin-dev-history")["Items"]:
        name = f"{item['pk']['S']} {item['sk']['S']}"
        if item.get("lending", {}).get("S") in ("held", "returning"):
            yield f"{name}: what was borrowed is forgotten"
        if item.get("run_status", {}).get("S") == "intent":
            yield f"{name}: left in the middle"
        if item["sk"]["S"] in ("lock", "in-flight") and item.get("holder", {}).get("S"):
            yield f"{name}: still held by {item['holder']['S']}"
    said: dict[str, Any] = {}
    for report in _sent(told):
        words = (report.phase, report.headline, report.why, report.changes)
        if said.setdefault(report.id, words) != words:
            yield f"report {report.id} says two things: {said[report.id]} and {words}"


def _sent(told: World) -> list[Report]:
    """Return all reports that were sent, repeated ones too."""
    return [
        Report.from_document(json.loads(call.params["MessageBody"]))
        for call in told.calls
        if call.operation == "SendMessage" and call.params["QueueUrl"] == told.reports_url and call.error_code is None
    ]


def _from_intent(story: ActionStory, told: World) -> int:
    """Return the number of the call that made the intent durable; 0 where nothing is changed."""
    first = next((number for number, call in enumerate(told.calls) if story.is_change(call)), 0)
    return max((number for number in range(first) if told.calls[number].operation == "TransactWriteItems"), default=0)


def _usual(story: ActionStory, told: World) -> Any:
    """Live once to leave what later lives find, then return what a life without trouble does."""
    story.live(told)
    story.live(told)
    assert told.phases() == list(story.phases)
    assert list(problems(told)) == []
    return story.changes(told), story.state(told), told.phases()


@pytest.mark.parametrize(("action", "story"), every_story())
def test_whatever_call_is_the_last_it_happens_once_and_is_told(action: str, story: ActionStory) -> None:
    with world() as told:
        story.open(told)
        usual = _usual(story, told)
        points = [k for k in told.crash_points() if k >= _from_intent(story, told)]
        if story is not stories()[action][0]:  # what is not about the change itself is lived through in the first story
            near = {k for number, call in enumerate(told.calls) if story.is_change(call) for k in range(number - 1, number + 3)}
            points = [k for k in points if k in near]
        assert points

        for k in points:
            story.live(told, k)

            last = f"killed after call {k}, {told.calls[k].operation}"
            assert (story.changes(told), story.state(told), told.phases()) == usual, last
            assert list(problems(told)) == [], last


def _effects(story: ActionStory, told: World) -> list[tuple[str, str]]:
    """Return the changes that took effect, answered or not. An absolute value may be set again at once: that is no second one."""
    made = [call for call in told.calls if story.is_change(call) and call.served != "fault"]
    asked = [story.said(call) for call in made]
    return [said for number, said in enumerate(asked) if not (story.absolute and asked[number - 1 : number] == [said])]


@pytest.mark.parametrize("after_effect", [True, False], ids=["its answer is lost", "it never arrives"])
@pytest.mark.parametrize(("action", "story"), [told for told in every_story() if told.values[1].gives_back])
def test_a_changing_call_without_an_answer_is_looked_at_and_never_blindly_repeated(
    action: str, story: ActionStory, after_effect: bool
) -> None:
    with world() as told:
        story.open(told)
        changes, state, phases = _usual(story, told)
        made = [call for call in told.calls if story.is_change(call)]
        for nth, call in enumerate(made):
            skip = iter([one for one in made[:nth] if one.operation == call.operation])
            fault = told.aws.seam.fail(
                call.service,
                call.operation,
                "timeout",
                after_effect=after_effect,
                when=lambda asked, skip=skip: (  # type: ignore[misc]  # bound on purpose
                    told.handling and story.changes_by(asked) and next(skip, None) is None
                ),
            )
            story.live(told)

            assert fault.times == 0, "the fault did not strike"
            assert _effects(story, told) == changes
            assert (story.state(told), told.phases()) == (state, phases)
            assert list(problems(told)) == []
