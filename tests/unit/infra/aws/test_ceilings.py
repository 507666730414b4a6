"""The platform's numbers and the catalogue's must not contradict each other; where they do, one line says so."""

from __future__ import annotations

import pytest

from alarms.desired import Desired
from alarms.domain.errors import BadInput
from alarms.load import load
from infra.aws.platform.ceilings import agrees, ceiling
from infra.aws.platform.month_end import MonthEnd
from infra.aws.stage_file import CATALOGUE
from remediators.registry import registry


@pytest.fixture(scope="module")
def desired() -> tuple[Desired, ...]:
    return load(CATALOGUE, stage="prod", actions=registry()).desired


def test_more_than_the_rows_want_is_allowed(desired: tuple[Desired, ...]) -> None:
    assert ceiling(desired, "image-api", least=3, most=60, plan=MonthEnd()) == 60


def test_a_service_that_no_row_scales_has_a_ceiling_all_the_same() -> None:
    assert ceiling((), "image-api", least=3, most=None, plan=MonthEnd()) == 20


@pytest.mark.parametrize(
    ("least", "most", "floor", "told"),
    [
        (3, 15, 0, "platform.services.image-api.max: 15 tasks, but ecs/cpu-high may scale to 20: raise it"),
        (30, None, 0, "platform.services.image-api.max: 20 tasks at most is below the 30 that always run"),
        (3, None, 21, "platform.month_end.floor.image-api: 21 tasks; it must lie between min (3) and max (20)"),
        (3, None, 2, "platform.month_end.floor.image-api: 2 tasks; it must lie between min (3) and max (20)"),
    ],
)
def test_a_contradiction_is_said_in_one_line(
    desired: tuple[Desired, ...], least: int, most: int | None, floor: int, told: str
) -> None:
    plan = MonthEnd(floors={"image-api": floor} if floor else {})

    with pytest.raises(BadInput) as failure:
        ceiling(desired, "image-api", least=least, most=most, plan=plan)

    assert str(failure.value).startswith(told)
    assert "\n" not in str(failure.value)


def test_the_floor_stands_on_the_days_that_rows_expect(desired: tuple[Desired, ...]) -> None:
    agrees(desired, MonthEnd(days=3, floors={"image-api": 8}))

    with pytest.raises(BadInput, match=r"platform\.month_end\.days: 5, but api-gateway/.* expects month-end 3 d"):
        agrees(desired, MonthEnd(days=5, floors={"image-api": 8}))


def test_without_a_floor_there_is_nothing_to_agree_on(desired: tuple[Desired, ...]) -> None:
    agrees(desired, MonthEnd(days=5))
