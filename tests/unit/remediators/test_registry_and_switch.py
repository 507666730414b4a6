"""Actions are found by their files and keep their contract; the live switch fails closed."""

from __future__ import annotations

import inspect
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain.alarm import Mode
from alarms.domain.errors import CannotRun
from remediators.action import Action
from remediators.registry import Registry, registry
from remediators.switch import absent, parse

ROOT = Path(__file__).parents[3]
ACTIONS = sorted(registry().specs())


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_has_every_part_of_the_contract(name: str) -> None:
    wanted = {part for part, _ in inspect.getmembers(Action, inspect.isfunction) if not part.startswith("_")}
    action = registry().get(name)

    assert wanted <= {part for part in dir(action) if not part.startswith("_")}
    for part in wanted:
        assert (
            len(inspect.signature(getattr(action, part)).parameters)
            == len(inspect.signature(getattr(Action, part)).parameters) - 1
        )


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_that_changes_something_has_a_ceiling_and_permissions(name: str) -> None:
    spec = registry().get(name).spec

    assert spec.changes == any(parameter.ceiling for parameter in spec.parameters)
    assert spec.permissions or not spec.changes
    assert f"action: {name}" in spec.example


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_has_its_page_and_the_page_names_every_parameter_and_permission(name: str) -> None:
    page = (ROOT / "docs" / "actions" / f"{name}.md").read_text(encoding="utf-8")
    spec = registry().get(name).spec

    assert spec.example.strip() in page
    assert [item.name for item in spec.parameters if f"`{item.name}`" not in page] == []
    assert [item.action for item in spec.permissions if item.action not in page] == []


def test_an_unknown_action_is_said_with_the_nearest_name() -> None:
    with pytest.raises(KeyError, match="did you mean 'scale-service'"):
        registry().get("scale-servce")


@pytest.mark.parametrize("body", ["", "class A:\n    spec = SPEC\nclass B:\n    spec = SPEC\n"])
def test_a_file_with_no_action_or_two_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "escalate.py").write_text(f"from remediators.actions.escalate import Escalate as E\nSPEC = E.spec\ndel E\n{body}")
    package = types.ModuleType("planted")
    package.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "planted", package)
    with pytest.raises(CannotRun, match="holds exactly one"):
        Registry(package).get("escalate")
    sys.modules.pop("planted.escalate", None)


@pytest.mark.parametrize(
    ("action", "parameters", "problem"),
    [
        ("scale-consumers", {"drain_within": 600, "cluster": "c", "consumer": "s", "max_tasks": 4}, None),
        ("scale-consumers", {"drain_within": 600, "function": "f", "max_concurrency": 10}, None),
        ("scale-consumers", {"drain_within": 600, "cluster": "c", "consumer": "s"}, "max_tasks missing"),
        ("scale-consumers", {"drain_within": 600}, "cluster, consumer, max_tasks missing"),
        ("scale-consumers", {"drain_within": 600, "function": "f", "max_tasks": 4}, "not both"),
        ("scale-consumers", {"drain_within": 600, "function": "f", "max_concurrency": 1}, "at least 2"),
        ("scale-service", {"cluster": "c", "service": "s", "max_tasks": 4, "min_step": 5}, "min_step is above max_tasks"),
        ("no-such-action", {}, None),
    ],
)
def test_parameters_that_contradict_each_other_are_said(action: str, parameters: dict[str, object], problem: str | None) -> None:
    said = registry().problem(action, parameters)

    assert (said is None) if problem is None else (said is not None and problem in said)


def test_an_absent_switch_observes() -> None:
    assert absent().of("row", "scale-service").mode is Mode.OBSERVE


def test_any_pause_pauses_and_the_lowest_mode_counts() -> None:
    read = parse(
        '{"mode": "auto", "policies": {"a/b/c": {"mode": "propose"}, "scale-service": {"paused": true, "reason": "tests"}}}'
    )

    assert read.of("x", "y").mode is Mode.AUTO
    assert read.of("a/b/c", "y").mode is Mode.PROPOSE
    assert (read.of("x", "scale-service").paused, read.of("x", "scale-service").reason) == (True, "tests")


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(str)))
def test_what_cannot_be_read_never_allows_anything(text: str) -> None:
    assert parse(text).of("row", "action").mode is Mode.OBSERVE


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"paused": "no", "mode": "auto"}', '{"mode": "AUTO"}', '{"mode": "auto", "policies": []}']
)
def test_a_malformed_switch_holds(text: str) -> None:
    assert parse(text).of("row", "action").paused
