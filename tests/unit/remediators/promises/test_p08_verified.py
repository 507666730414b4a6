"""P8: it helped only when the alarm is over and the tasks run; else the next step, once, and then a person."""

from __future__ import annotations

from dataclasses import replace

from people import last
from remediation_world import API, ESCALATE, SCALE_API, World, api_alarm

from alarms.domain.report import Phase


def test_it_helped_when_the_alarm_is_over_and_the_tasks_run(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(300)
    story.recover(API)
    story.wait(600, step=30)

    assert story.phases() == ["acted", "helped"]


def test_an_alarm_that_is_over_while_no_task_came_was_not_helped_by_us(story: World) -> None:
    story.apply(api_alarm())
    story.aws.ecs.delays.start_s = 99_999
    story.ring(API)
    story.wait(300)
    story.recover(API)
    story.wait(600, step=30)

    assert "helped" not in story.phases()
    assert "no-help" in story.phases()


def test_tasks_that_run_while_it_still_rings_are_no_help_and_a_person_is_called_once(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(3 * 3600, step=60)

    assert story.phases() == ["acted", "no-help", "escalated"]
    assert last(story, Phase.NO_HELP).why.ko


def test_every_step_is_taken_once_and_none_is_looped(story: World) -> None:
    quick = replace(SCALE_API, otherwise=(), verify_within_s=120, cooldown_s=60)
    story.apply(api_alarm(replace(quick, otherwise=(quick, ESCALATE))))
    story.ring(API)
    story.wait(2 * 3600, step=30)

    assert [value for _, value in story.changes()] == [6, 9]
    assert story.phases().count("escalated") == 1
