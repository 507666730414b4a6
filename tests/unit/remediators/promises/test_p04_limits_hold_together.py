"""P4: cooldown and every limit hold together, in each scope, counted when the run is claimed; a store out of reach is a no."""

from __future__ import annotations

from dataclasses import replace

import pytest
from remediation_world import API, SCALE_API, World, api_alarm

from alarms.domain.bounds import Bounds, Limit, Scope
from alarms.domain.report import Phase

OTHER = "tocsin/dev/billing/ecs/cpu-high/image-api"


def again(told: World, times: int, name: str = API) -> None:
    """Let the alarm ring and recover ``times``, with everything given back in between."""
    for _ in range(times):
        told.ring(name)
        told.wait(120, step=30)
        told.recover(name)
        told.wait(2400, step=120)
        told.scale_in()


@pytest.mark.parametrize("limits", [(Limit(2, 86400),), (Limit(2, 86400), Limit(50, 3600)), (Limit(50, 3600), Limit(2, 86400))])
def test_the_smallest_of_several_windows_holds(story: World, limits: tuple[Limit, ...]) -> None:
    story.apply(api_alarm(replace(SCALE_API, limits=limits, cooldown_s=60)))
    again(story, 3)

    assert [value for _, value in story.changes()].count(6) == 2
    assert story.reasons()[-1] == "limit"


def test_the_cooldown_holds_and_says_until_when(story: World) -> None:
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=7200)))
    again(story, 2)

    refused = [report for report in story.reports() if report.reason == "cooldown"]
    assert [value for _, value in story.changes()].count(6) == 1
    assert refused
    assert all(report.next_at is not None for report in refused)


@pytest.mark.parametrize("scope", [Scope.POLICY, Scope.SERVICE, Scope.ACCOUNT, Scope.ALL])
def test_a_wider_scope_holds_where_the_rows_own_limits_do_not(story: World, scope: Scope) -> None:
    bounds = Bounds(limits={**Bounds().limits, scope: (Limit(1, 86400),)})
    story.apply(api_alarm(replace(SCALE_API, limits=(Limit(50, 86400),), cooldown_s=60), bounds=bounds))
    again(story, 2)

    assert [value for _, value in story.changes()].count(6) == 1
    assert "limit" in story.reasons()


def test_two_services_share_the_accounts_limit(story: World) -> None:
    bounds = Bounds(limits={**Bounds().limits, Scope.ACCOUNT: (Limit(1, 86400),)})
    story.apply(api_alarm(bounds=bounds))
    story.apply(api_alarm(name=OTHER, service="billing", row="billing/ecs/cpu-high", bounds=bounds))
    again(story, 1)
    again(story, 1, OTHER)

    assert [value for _, value in story.changes()].count(6) == 1


def test_with_its_memory_out_of_reach_nothing_is_done_and_people_are_told(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    story.aws.seam.fail("dynamodb", "*", "InternalServerError", times=None, when=lambda params: "catalogue" not in str(params))
    story.ring(API)
    story.wait(600, step=60)

    assert story.changes() == []
    assert any(report.phase is Phase.SKIPPED and report.why.en for report in story.reports())
