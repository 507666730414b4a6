"""The failing service is found by who calls whom and who rang first; how loud the others are never matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from remediators.diagnosis.landscape import Ringing, source

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = st.sampled_from([f"s{number}" for number in range(8)])
Calls = dict[str, tuple[str, ...]]


def ringing(service: str, minute: int = 0, alarms: int = 1) -> Ringing:
    return Ringing(service, NOON + timedelta(minutes=minute), alarms)


@st.composite
def landscapes(draw: st.DrawFn) -> tuple[Calls, list[Ringing]]:
    """Draw calls without circles (a service calls only those of a higher number), and some services that ring."""
    calls = {
        f"s{number}": tuple(sorted(draw(st.sets(st.sampled_from([f"s{other}" for other in range(number + 1, 9)]), max_size=3))))
        for number in range(draw(st.integers(1, 8)))
    }
    rings = draw(st.dictionaries(NAMES, st.tuples(st.integers(0, 30), st.integers(1, 9)), min_size=1))
    return calls, [ringing(name, minute, alarms) for name, (minute, alarms) in rings.items()]


def reach(calls: Calls, start: str) -> set[str]:
    found = set(calls.get(start, ()))
    for name in tuple(found):
        found |= reach(calls, name)
    return found


def test_the_quiet_callee_is_the_source_though_its_callers_ring_louder_and_earlier() -> None:
    calls = {"web": ("orders",), "orders": ("payments",)}
    found = source(calls, [ringing("web", 0, alarms=6), ringing("orders", 1, alarms=3), ringing("payments", 2)])

    assert found is not None
    assert (found.service, found.because, found.sure) == ("payments", ("orders", "web"), True)


def test_a_service_of_which_nothing_is_known_is_no_suspect_beside_one_that_is_known() -> None:
    found = source({"api": ("db",)}, [ringing("stranger", 0, alarms=9), ringing("api", 5)])

    assert found is not None
    assert found.service == "api"


def test_in_a_circle_the_one_that_rang_first_is_suspected_and_whoever_calls_into_it_is_not() -> None:
    calls = {"a": ("b",), "b": ("a",), "web": ("a",)}
    found = source(calls, [ringing("web", 0), ringing("a", 3), ringing("b", 2)])

    assert found is not None
    assert found.service == "b"


def test_nothing_rings_nothing_is_suspected() -> None:
    assert source({"a": ("b",)}, []) is None


@given(landscapes())
def test_the_source_rings_and_all_that_it_calls_is_quiet(landscape: tuple[Calls, list[Ringing]]) -> None:
    calls, rings = landscape
    found = source(calls, rings)

    assert found is not None
    loud = {item.service for item in rings}
    assert found.service in loud
    assert not reach(calls, found.service) & loud
    assert set(found.because) == {name for name in loud if found.service in reach(calls, name)}


@given(landscapes(), st.randoms(use_true_random=False), st.integers(1, 50))
def test_neither_order_nor_loudness_changes_the_source(
    landscape: tuple[Calls, list[Ringing]], random: Random, louder: int
) -> None:
    calls, rings = landscape
    shuffled = [replace(item, alarms=item.alarms * louder) for item in rings]
    random.shuffle(shuffled)

    assert source(calls, shuffled) == source(calls, rings)


@given(landscapes(), st.integers(0, 30))
def test_one_more_ringing_caller_of_the_source_never_clears_it(landscape: tuple[Calls, list[Ringing]], minute: int) -> None:
    calls, rings = landscape
    before = source(calls, rings)
    assert before is not None
    assume(before.service in {*calls, *(name for callees in calls.values() for name in callees)})
    after = source({**calls, "caller": (before.service,)}, [*rings, ringing("caller", minute, alarms=9)])

    assert after is not None
    assert after.service == before.service
