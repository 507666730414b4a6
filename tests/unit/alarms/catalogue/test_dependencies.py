"""Which services a service calls: through others, nearest first, and never round in a circle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.dependencies import MAX_DEPENDENCIES, Calls, dependencies, nearest_first
from alarms.problem import Level, Place

SERVICE = "services/image-processing.yaml"


def services(house: Any, **depends_on: str) -> dict[str, Any]:
    """Return a catalogue of services (underscores for dashes), each with its ``depends_on``."""
    template = house[SERVICE]
    files = {name: content for name, content in house.items() if name != SERVICE}
    for service, stated in depends_on.items():
        name = service.replace("_", "-")
        text = template.replace("image-processing", name)
        files[f"services/{name}.yaml"] = text.replace("use:", f"depends_on: [{stated}]\nuse:") if stated else text
    return files


def test_a_row_carries_whom_its_service_calls_the_nearest_first(catalogue: Any, house: Any) -> None:
    loaded = catalogue(services(house, web="orders, users", orders="database", users="database, mail", mail="", database=""))

    assert loaded.errors == ()
    assert {one.alarm.service: one.alarm.depends_on for one in loaded.desired} == {
        "web": ("orders", "users", "database", "mail"),
        "orders": ("database",),
        "users": ("database", "mail"),
        "mail": (),
        "database": (),
    }


@pytest.mark.parametrize(
    ("calls", "says"),
    [
        ("databse", "services/web.yaml:4:14: error: web: depends_on: there is no service 'databse'; did you mean 'database'?"),
        ("orders", "there is no service 'orders'; one of database"),
        ("web", "services/web.yaml:4:14: error: web: depends_on goes round: web → web"),
        ("database, database", "services/web.yaml:4:24: error: web: depends_on: 'database' stands twice; keep one"),
        ("The Database", "'The Database' is not a short name"),
    ],
)
def test_one_mistake_is_one_line_at_the_name_that_is_wrong(calls: str, says: str, catalogue: Any, house: Any) -> None:
    (problem,) = catalogue(services(house, web=calls, database="")).errors

    assert says in str(problem)


def test_services_that_call_each_other_are_told_once_with_the_way_round(catalogue: Any, house: Any) -> None:
    (problem,) = catalogue(services(house, edge="web", web="orders", orders="stock", stock="web")).errors

    assert str(problem).startswith(
        "services/orders.yaml:4:14: error: orders: depends_on goes round: orders → stock → web → orders"
    )


def test_a_service_whose_file_is_broken_is_still_a_service(catalogue: Any, house: Any) -> None:
    files = services(house, web="database", database="")
    files["services/database.yaml"] = files["services/database.yaml"].replace("owner: platform\n", "")

    assert ["'owner' is missing" in str(problem) for problem in catalogue(files).errors] == [True]


def test_a_dependency_without_alarms_in_the_stage_never_rings_and_that_is_noted(catalogue: Any, house: Any) -> None:
    files = services(house, web="database", database="")
    stage = 'dev: {mode_cap: auto, overrides: {sqs: {oldest-message-age: {disable: "no load in dev"}}}}'
    files["services/database.yaml"] = files["services/database.yaml"].replace("dev: {mode_cap: observe}", stage)

    (note,) = catalogue(files, stage="dev").problems
    assert (note.level, str(note.place)) == (Level.NOTE, "services/web.yaml:4:14")
    assert "'database' has no alarm in this stage" in note.summary
    assert catalogue(files, stage="prod").problems == ()


def test_rows_that_stand_alone_may_say_it_for_their_service(catalogue: Any, house: Any) -> None:
    rows = """\
service: shop
depends_on: [database]
component: sqs
defaults: {notify: ops-alerts, owner: platform}
alarms:
  - {id: age, title: Old, metric: AWS/SQS ApproximateAgeOfOldestMessage, statistic: Maximum, when: ">= 600 s", for: 15 m,
     dimensions: {QueueName: orders}, missing: not_breaching, severity: critical, runbook: docs/a.md, no_action: nothing}
"""
    files = {**services(house, database=""), "shop.yaml": rows}

    loaded = catalogue(files)
    (one,) = (one.alarm for one in loaded.desired if one.alarm.service == "shop")
    assert (one.depends_on, one.resources, loaded.errors) == (("database",), {"sqs": ({"QueueName": "orders"},)}, ())
    (problem,) = catalogue({**files, "shop.yaml": rows.replace("service: shop\n", "")}).errors
    assert "shop.yaml:1:1: error: 'depends_on' stands without 'service'" in str(problem)


def test_of_very_many_the_nearest_are_kept_and_a_note_says_so() -> None:
    place = Place("f.yaml", 1, 1)
    names = tuple(f"s{n}" for n in range(MAX_DEPENDENCIES + 5))
    stated = {"web": Calls(names[:-1], (place,) * (len(names) - 1)), names[0]: Calls(names[-1:], (place,))}

    found, (note,) = dependencies(stated, {"web", *names}, {"web", *names})

    assert found["web"] == names[:MAX_DEPENDENCIES]
    assert note.level is Level.NOTE
    assert "web depends on 55 services" in note.summary


NAMES = st.sampled_from("abcdefg")


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4, unique=True), max_size=7))
def test_any_graph_ends_and_a_way_round_is_told_exactly_where_there_is_one(graph: dict[str, list[str]]) -> None:
    place = Place("f.yaml", 1, 1)
    stated = {name: Calls(tuple(called), (place,) * len(called)) for name, called in graph.items() if called}

    found, problems = dependencies(stated, set("abcdefg"), set("abcdefg"))

    for name, reached in found.items():
        assert name not in reached
        assert len(set(reached)) == len(reached)
        assert set(graph[name]) - {name} <= set(reached)
        assert reached == nearest_first(name, graph)
    through = {name: {further for called in graph[name] for further in (called, *nearest_first(called, graph))} for name in graph}
    assert bool(problems) == any(name in reached for name, reached in through.items())
    assert all("goes round" in problem.summary for problem in problems)


def test_a_row_carries_who_calls_whom_around_its_service(catalogue: Any, house: Any) -> None:
    """A diagnosis tells the source from those that suffer by the calls between others."""
    loaded = catalogue(services(house, web="orders, users", orders="database", users="database", database="", alone=""))

    assert loaded.errors == ()
    seen = {one.alarm.service: one.alarm.resources.get("landscape", ()) for one in loaded.desired}
    orders = {"service": "orders", "calls": "database"}
    users, web = {"service": "users", "calls": "database"}, {"service": "web", "calls": "orders,users"}
    assert seen["alone"] == ()
    assert sorted(seen["web"], key=str) == sorted([orders, users], key=str)
    assert sorted(seen["orders"], key=str) == sorted([web], key=str)
    assert sorted(seen["database"], key=str) == sorted([orders, users, web], key=str)
