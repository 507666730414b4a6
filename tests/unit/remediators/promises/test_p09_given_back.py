"""P9: what we changed is given back unless somebody else changed it, after recovery or at the latest; a failure calls people."""

from __future__ import annotations

import pytest
from hostile_world import acted
from remediation_world import API, API_RESOURCE, World

from alarms.domain.event import State


def test_it_is_given_back_after_a_stable_recovery(story: World) -> None:
    acted(story)
    story.recover(API)
    story.wait(1700, step=60)
    assert story.floor() == 6
    story.wait(200)

    assert story.floor() == 4
    assert story.phases()[-1] == "reverted"


def test_without_any_recovery_it_is_given_back_at_the_latest(story: World) -> None:
    acted(story)
    story.wait(6 * 3600 + 120, step=120)

    assert story.floor() == 4


def test_ringing_again_keeps_it(story: World) -> None:
    acted(story)
    story.recover(API)
    story.wait(900, step=60)
    story.ring(API)
    story.wait(3600, step=60)

    assert story.floor() >= 6


@pytest.mark.parametrize("theirs", [3, 8])
def test_what_a_person_set_meanwhile_stays_and_is_reported(story: World, theirs: int) -> None:
    acted(story)
    story.target(API_RESOURCE, theirs)
    story.recover(API)
    story.wait(2400, step=60)

    assert story.floor() == theirs
    assert story.phases()[-1] == "drifted"


def test_a_revert_that_is_refused_calls_a_person(story: World) -> None:
    acted(story)
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "AccessDeniedException", times=None)
    story.recover(API)
    story.wait(2400, step=60)

    assert story.phases()[-2:] == ["failed", "escalated"]


def test_ok_for_want_of_data_gives_nothing_back(story: World) -> None:
    acted(story)
    story.state(API, State.OK, "Unchecked: Initial alarm creation")
    story.wait(60)
    story.state(API, State.INSUFFICIENT_DATA, "Insufficient Data: 5 datapoints were unknown.")
    story.wait(3600, step=60)

    assert story.floor() == 6
