"""tocsin.yaml says how much may be done at all; what it leaves out has a default and is never unlimited."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarms.domain.bounds import DEFAULT_LIMITS, Bounds, Breaker, Limit, Scope, Storm
from alarms.problem import Level
from alarms.schema.bounds import limit_text

TOCSIN = """\
catalogue: test
limits: {service: [5 per hour, 9 per day], all: [20 per hour]}
storm: {services: 6}
breaker: {no_help: 3, within: 2 h}
stages:
  dev: {mode_cap: auto}
  prod:
    mode_cap: auto
    limits: {service: [2 per 30 m]}
    storm: {cool_down: 1 h}
    breaker: {no_help: 1, open_for: 12 h}
"""


def bounds(catalogue: Any, house: Any, stage: str, text: str = TOCSIN) -> Bounds:
    """Return what the one alarm of the catalogue carries."""
    loaded = catalogue({**house, "tocsin.yaml": text}, stage=stage)
    assert loaded.errors == ()
    found: Bounds = loaded.desired[0].alarm.bounds
    return found


def test_a_catalogue_that_says_nothing_has_the_defaults(catalogue: Any, house: Any) -> None:
    assert bounds(catalogue, house, "dev", "catalogue: test\nstages: {dev: {mode_cap: auto}}\n") == Bounds()


def test_what_the_whole_catalogue_says_holds_in_every_stage_and_the_rest_has_its_default(catalogue: Any, house: Any) -> None:
    found = bounds(catalogue, house, "dev")

    assert found.limits == {
        **DEFAULT_LIMITS,
        Scope.SERVICE: (Limit(5, 3600), Limit(9, 86400)),
        Scope.ALL: (Limit(20, 3600),),
    }
    assert (found.storm, found.breaker) == (Storm(6, 900), Breaker(3, 7200, 86400))


def test_a_stage_wins_key_by_key(catalogue: Any, house: Any) -> None:
    found = bounds(catalogue, house, "prod")

    assert found.limits[Scope.SERVICE] == (Limit(2, 1800),)
    assert found.limits[Scope.ALL] == (Limit(20, 3600),)
    assert (found.storm, found.breaker) == (Storm(6, 3600), Breaker(1, 7200, 43200))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "[20 per hour]",
            "[]",
            "tocsin.yaml:2:49: error: all: the list is empty, which never means unlimited; leave the key out",
        ),
        ("[20 per hour]", "[0 per hour]", "allows nothing and does not mean unlimited"),
        ("[20 per hour]", "20 per hour", "tocsin.yaml:2:49: error: all: a list is expected here"),
        ("[20 per hour]", "[20 an hour]", "tocsin.yaml:2:50: error: all: '20 an hour' is not a limit"),
        ("all:", "everything:", "there is no key 'everything' in 'limits'"),
        ("all:", "acount:", "tocsin.yaml:2:44: error: there is no key 'acount' in 'limits'; did you mean 'account'?"),
        ("{service: [5 per hour, 9 per day], all: [20 per hour]}", "{}", "limits: nothing is in it, which never means unlimited"),
        ("{service: [5 per hour, 9 per day], all: [20 per hour]}", "5", "limits: a map (key: value) is expected here"),
        ("services: 6", "services: 0", "tocsin.yaml:3:19: error: services: a whole number of at least 1 is expected"),
        ("services: 6", "services: true", "services: a whole number of at least 1 is expected"),
        ("services: 6", "service: 6", "there is no key 'service' in 'storm'; did you mean 'services'?"),
        ("services: 6", "cool_down: 0 s", "cool_down: '0 s' is not a whole number of seconds from 1 s"),
        ("no_help: 3", "no_help: 0", "no_help: a whole number of at least 1 is expected"),
        ("within: 2 h", "within: 2", "within: '2' is not a duration"),
        ("{services: 6}", "{}", "storm: nothing is in it, which never means unlimited"),
    ],
)
def test_a_bound_that_bounds_nothing_is_one_clear_line(old: str, new: str, says: str, catalogue: Any, house: Any) -> None:
    assert old in TOCSIN

    (problem,) = catalogue({**house, "tocsin.yaml": TOCSIN.replace(old, new, 1)}, stage="dev").errors

    assert says in str(problem)
    assert str(problem).startswith("tocsin.yaml:")


@pytest.mark.parametrize(
    ("stage", "place"), [("dev", "tocsin.yaml:3:19"), ("prod", "tocsin.yaml:3:19"), ("test", "tocsin.yaml:12:28")]
)
def test_a_storm_of_more_services_than_there_are_is_a_note_where_it_is_said(
    stage: str, place: str, catalogue: Any, house: Any
) -> None:
    (note,) = catalogue({**house, "tocsin.yaml": f"{TOCSIN}  test: {{storm: {{services: 1}}}}\n"}, stage=stage).problems

    assert (note.level, str(note.place)) == (Level.NOTE, place)
    assert "other services in ALARM are a storm, and this catalogue has 0" in note.summary


def test_a_storm_that_can_come_or_that_nobody_stated_is_no_finding(catalogue: Any, house: Any) -> None:
    other = {"services/other.yaml": house["services/image-processing.yaml"].replace("image-processing", "other")}
    reached = TOCSIN.replace("services: 6", "services: 1")

    assert catalogue({**house, **other, "tocsin.yaml": reached}, stage="dev").problems == ()
    assert catalogue({**house, "tocsin.yaml": TOCSIN.replace("storm: {services: 6}\n", "")}, stage="dev").problems == ()


def test_who_may_approve_is_not_for_a_pull_request_to_say(catalogue: Any, house: Any) -> None:
    (problem,) = catalogue({**house, "tocsin.yaml": "approvers: [U0123]\n"}, stage="dev").errors

    assert "there is no key 'approvers'; who may approve stands in the parameter /<prefix>/<stage>/approvers" in str(problem)


LIMITS = st.lists(st.builds(Limit, st.integers(1, 999_999), st.integers(1, 999_999)), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=st.dictionaries(st.sampled_from(list(Scope)), LIMITS, min_size=1),
    stage=st.dictionaries(st.sampled_from(list(Scope)), LIMITS, min_size=1),
)
def test_every_scope_has_a_limit_the_nearest_that_was_written(whole: Any, stage: Any, catalogue: Any, house: Any) -> None:
    def written(limits: Any) -> str:
        return ", ".join(f"{scope}: [{', '.join(map(limit_text, said))}]" for scope, said in limits.items())

    text = f"limits: {{{written(whole)}}}\nstages: {{dev: {{limits: {{{written(stage)}}}}}}}\n"
    found = bounds(catalogue, house, "dev", text)

    assert found.limits == {scope: tuple(stage.get(scope) or whole.get(scope) or DEFAULT_LIMITS[scope]) for scope in Scope}
    assert Bounds.from_document(found.to_document()) == found
