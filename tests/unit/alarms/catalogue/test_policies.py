"""What a step of remediation may say: parameters of every kind, and what each mode must have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Risk
from alarms.domain.alarm import Mode, Policy
from alarms.policies import Policies
from alarms.problem import Place
from alarms.schema.rows import StepModel
from alarms.yaml_door import Spot

KINDS = tuple(ParameterKind)
SPEC = ActionSpec(
    name="mend",
    summary="mends",
    risk=Risk.REVERSIBLE,
    changes=True,
    parameters=(
        Parameter("most", ParameterKind.COUNT, "never more", ceiling=True),
        Parameter("capacity", ParameterKind.NUMBER, "capacity units", required=False, maximum=256),
        Parameter("users", ParameterKind.TEXTS, "who is left alone", required=False, default=("admin", "backup")),
        Parameter("gently", ParameterKind.FLAG, "in small steps", required=False, default=True),
        *(Parameter(f"any-{kind}", kind, "of a kind", required=False) for kind in KINDS),
    ),
    permissions=(),
    example="",
)
ASKS = replace(SPEC, name="ask", approval=True)
GIVES_NOTHING_BACK = ActionSpec("end", "ends", Risk.DISRUPTIVE, True, SPEC.parameters[:1], (), "", lends=False)
REVERT = {"after_ok": "30 m", "at_latest": "6 h"}
FULL: dict[str, Any] = {"action": "mend", "with": {"most": 3}, "mode": "approve", "limits": ["3 per hour"], "revert": REVERT}


class TwoActions:
    """A registry of the actions of this page."""

    def specs(self) -> Mapping[str, ActionSpec]:
        return {"mend": SPEC, "ask": ASKS, "end": GIVES_NOTHING_BACK}

    def problem(self, action: str, parameters: Mapping[str, Any]) -> str | None:
        return None


def notes(**step: Any) -> list[str]:
    """Return what is worth knowing of one step."""
    policies = Policies(TwoActions(), TwoActions().specs(), "row", complete=True)
    policies.build([StepModel.model_validate(step)], Spot(Place("f.yaml", 1, 1)))
    return [str(note) for note in policies.notes]


def build(**step: Any) -> tuple[tuple[Policy, ...], list[str]]:
    """Return the policies of one step, and what is wrong with it."""
    policies = Policies(TwoActions(), TwoActions().specs(), "row", complete=True)
    built = policies.build([StepModel.model_validate(step)], Spot(Place("f.yaml", 1, 1)))
    return built, [problem.summary for problem in policies.problems]


def parameter(name: str, value: Any) -> tuple[Any, list[str]]:
    """Return what the action would receive for ``name``, and what is wrong with it."""
    built, problems = build(**{**FULL, "with": {"most": 3, name: value}})
    return (built[0].parameters[name] if built else None), problems


@pytest.mark.parametrize("mode", ["propose", "approve", "auto"])
@pytest.mark.parametrize(
    ("missing", "said"), [("limits", "needs limits"), ("with", "needs a ceiling"), ("revert", "needs a revert")]
)
def test_what_may_change_something_says_how_often_how_far_and_how_long(mode: str, missing: str, said: str) -> None:
    step = {key: value for key, value in {**FULL, "mode": mode}.items() if key != missing}

    built, problems = build(**step)

    assert built == ()
    assert f"mode {mode} of mend {said}" in problems


def test_what_lends_nothing_needs_no_revert_and_may_not_state_one() -> None:
    step = {**FULL, "action": "end"}

    assert build(**step) == ((), ["end lends nothing that could be given back"])
    (policy,), problems = build(**{key: value for key, value in step.items() if key != "revert"})
    assert (policy.mode, policy.revert, problems) == (Mode.APPROVE, None, [])


def test_an_approval_waits_half_an_hour_unless_the_row_says_otherwise() -> None:
    assert build(**FULL)[0][0].approve_within_s == 1800
    assert build(**FULL, approve_within="2 h")[0][0].approve_within_s == 7200


def test_auto_of_what_always_asks_is_a_note_that_says_so() -> None:
    (note,) = notes(**{**FULL, "action": "ask", "mode": "auto"})

    assert "ask asks a person, also in mode auto; say `mode: approve`" in note
    assert notes(**{**FULL, "action": "ask"}) == notes(**{**FULL, "mode": "auto"}) == []


@pytest.mark.parametrize("value", [0.5, 16, 256])
def test_a_number_is_passed_as_it_was_written(value: float) -> None:
    assert parameter("capacity", value) == (value, [])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("capacity", 0, "capacity: 0 is not a number above 0, as in 0.5 or 16"),
        ("capacity", -1.5, "capacity: -1.5 is not a number above 0, as in 0.5 or 16"),
        ("capacity", True, "capacity: True is not a number above 0, as in 0.5 or 16"),
        ("capacity", "16", "capacity: '16' is not a number above 0, as in 0.5 or 16"),
        ("capacity", 10**400, "is not a number above 0"),
        ("capacity", 256.5, "capacity: 256.5 is above 256, the most that is possible"),
        ("users", [], "users: the list is empty, which means neither nothing nor everything; name at least one"),
        ("users", "admin", "users: 'admin' is not a list of texts, as in [a, b]"),
        ("users", ["admin", ""], "users: '' is not text"),
        ("users", ["admin", 5], "users: 5 is not text"),
        ("users", ["u"] * 101, "users: 101 texts; at most 100"),
        ("gently", "yes", "gently: 'yes' is neither true nor false"),
        ("gently", 1, "gently: 1 is neither true nor false"),
        ("gently", None, "gently: None is neither true nor false"),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_one_line_that_says_what_would_be_right(name: str, value: Any, said: str) -> None:
    _, (line,) = parameter(name, value)

    assert said in line


def test_defaults_arrive_as_json_has_them() -> None:
    (policy,), _ = build(**FULL)

    assert policy.parameters == {"most": 3, "users": ["admin", "backup"], "gently": True}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["10 m", "25 %"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
ACCEPTED = {
    ParameterKind.COUNT: int,
    ParameterKind.DURATION: int,
    ParameterKind.TEXT: str,
    ParameterKind.PERCENT: float,
    ParameterKind.NUMBER: (int, float),
    ParameterKind.TEXTS: list,
    ParameterKind.FLAG: bool,
}


@given(kind=st.sampled_from(KINDS), value=JSON)
def test_whatever_is_written_is_of_its_kind_and_survives_json_or_is_told(kind: ParameterKind, value: Any) -> None:
    read, problems = parameter(f"any-{kind}", value)

    if problems:
        assert len(problems) == 1
    else:
        assert isinstance(read, ACCEPTED[kind])
        assert read is not True or kind is ParameterKind.FLAG
        assert json.loads(json.dumps(read, allow_nan=False)) == read
