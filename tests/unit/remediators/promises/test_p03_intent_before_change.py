"""P3: the intent is durable before the first change; a crash leads to a resume or a revert, never to a blind repeat.

Every crash point of every action: ``test_action_crashes.py``.
"""

from __future__ import annotations

from hostile_world import after, die
from people import last, records
from remediation_world import API, API_RESOURCE, CHANGING, World, api_alarm

from alarms.domain.report import Phase


def test_the_record_and_the_wake_up_calls_stand_before_anything_is_changed(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    story.calls.clear()
    story.ring(API)
    story.wait(60)

    operations = [call.operation for call in story.calls]
    change = next(number for number, name in enumerate(operations) if name in CHANGING)
    commit = max(number for number, name in enumerate(operations[:change]) if name == "TransactWriteItems")
    kept = str(story.calls[commit].params)
    assert "run#" in kept
    assert '\\"status\\": \\"intent\\"' in kept or '"status": "intent"' in kept
    woken = str([call.params for call in story.calls[:commit] if call.operation in ("CreateSchedule", "SendMessage")])
    assert '"revert"' in woken, "who gives it back is woken whatever becomes of this worker"


def test_people_are_told_what_changed_from_what_to_what_with_awss_own_id(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    said = last(story, Phase.ACTED)
    change = next(call for call in story.calls if call.operation in CHANGING)
    assert [(one.before, one.after) for one in said.changes] == [(4, 6)]
    assert change.request_id in said.request_ids


def test_a_worker_that_dies_after_the_change_leaves_it_to_be_found_not_made_again(story: World) -> None:
    story.apply(api_alarm())
    after(story, "RegisterScalableTarget", die)
    story.ring(API)
    story.wait(600, step=30)

    assert [value for _, value in story.changes()] == [6]
    assert [item["run_status"]["S"] for item in records(story)] == ["acted"]
    assert story.phases() == ["acted"]


def test_what_somebody_changed_while_the_worker_was_dead_is_not_overwritten(story: World) -> None:
    story.apply(api_alarm())
    done: list[int] = []

    def dies_and_a_person_sets_nine() -> None:
        if not done:
            done.append(1)
            die()

    after(story, "RegisterScalableTarget", dies_and_a_person_sets_nine)
    story.ring(API)
    story.wait(30)
    story.target(API_RESOURCE, 9)
    story.wait(900, step=30)

    assert story.floor() == 9
    assert [value for _, value in story.changes()] == [6]
