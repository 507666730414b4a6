"""A change that is out is watched: harm takes it back at once, and what did no good need not stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from remediation_world import API, SCALE_API, World, api_alarm, world

from alarms.domain.text import Text
from remediators.action import Action, Overtaken
from remediators.actions.scale_service import ScaleService
from remediators.bootstrap import build
from remediators.registry import registry

HARM = Text("Error rate rose from 1 % to 9 %.", "오류율이 1 %에서 9 %로 올랐습니다.")


class Watched(ScaleService):
    """scale-service as an action that is watched every minute."""

    spec = replace(ScaleService.spec, watch_every_s=60, withdraws=True)
    harms = False
    overtaken = False

    def harm(self, *_: Any) -> Text | None:
        return HARM if self.harms else None

    def run(self, *arguments: Any) -> tuple[str, ...]:
        if self.overtaken:
            raise Overtaken(Text("Another deployment is in flight.", "다른 배포가 진행 중입니다."))
        return super().run(*arguments)


class Actions:
    """The registry with one action exchanged."""

    def __init__(self, action: Action) -> None:
        self._action = action

    def get(self, name: str) -> Action:
        return self._action if name == "scale-service" else registry().get(name)


@pytest.fixture
def action() -> Watched:
    return Watched()


@pytest.fixture
def story(action: Watched) -> Iterator[World]:
    with world() as opened:
        opened.app = build(opened.environ, opened.audit.append, actions=Actions(action))
        opened.apply(api_alarm(replace(SCALE_API, verify_within_s=900)))
        opened.ring(API)
        yield opened


def test_harm_takes_the_change_back_before_any_verify(story: World, action: Watched) -> None:
    story.wait(150)
    assert story.floor() == 6

    action.harms = True
    story.wait(70, copies=2)
    assert story.changes() == [("RegisterScalableTarget", 6), ("RegisterScalableTarget", 4)]
    assert [report.reason for report in story.reports()][:2] == ["", "harmful"]
    assert "Error rate rose" in story.reports()[-1].why.en


def test_what_did_no_good_is_given_back_at_the_verdict_and_not_watched_any_more(story: World) -> None:
    story.wait(1000, step=20)
    assert story.floor() == 4
    assert story.phases()[:2] == ["acted", "no-help"]
    assert "reverted" in story.phases()

    story.pump()
    calls = len(story.calls)
    story.wait(300, step=60)
    assert [call.operation for call in story.calls[calls:] if call.service == "ecs"] == []


def test_what_is_overtaken_right_before_the_call_changes_nothing_and_says_so(story: World, action: Watched) -> None:
    action.overtaken = True
    story.wait(60)

    assert story.changes() == []
    assert (story.reports()[-1].phase.value, story.reports()[-1].reason) == ("skipped", "stale")
    assert "Another deployment" in story.reports()[-1].why.en
