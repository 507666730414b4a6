"""Parameters that name a dimension of the alarm's own target, so that one row serves every service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.aim import aimed, strange
from alarms.domain.alarm import Mode, Policy

PROFILE = """\
component: ecs
alarms:
  - id: cpu-high
    title: CPU is saturated
    metric: AWS/ECS CPUUtilization
    statistic: Average
    per: [ClusterName, ServiceName]
    when: ">= 80 %"
    for: 5 m
    missing: missing
    severity: warning
    runbook: docs/runbooks/ecs-cpu-high.md
    remediate:
      - action: scale-service
        with: {cluster: $ClusterName, service: $ServiceName, max_tasks: 20}
        limits: [3 per hour]
        revert: {after_ok: 30 m, at_latest: 6 h}
        otherwise: [{action: escalate, with: {message: $ServiceName}}]
"""
SERVICE = """\
service: image-processing
owner: platform
notify: ops-alerts
use:
  ecs: {targets: [{ClusterName: image, ServiceName: api}, {ClusterName: jobs, ServiceName: worker}]}
"""
Files = dict[str, str]


@pytest.fixture
def files() -> Files:
    """Return a catalogue with one profile and one service."""
    return {"profiles/ecs.yaml": PROFILE, "services/image-processing.yaml": SERVICE}


def test_each_target_is_acted_on_itself(catalogue: Any, files: Files) -> None:
    loaded = catalogue(files)

    assert loaded.errors == ()
    policies = [one.alarm.policies[0] for one in loaded.desired]
    assert [(p.parameters["cluster"], p.parameters["service"]) for p in policies] == [("image", "api"), ("jobs", "worker")]
    assert [p.otherwise[0].parameters["message"] for p in policies] == ["api", "worker"]
    assert all(p.parameters["max_tasks"] == 20 for p in policies)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "service: $ServiceName",
            "service: $Servicename",
            "profiles/ecs.yaml:15:48: error: ecs/cpu-high: service: the row's targets have no Servicename; did you mean '$Serv",
        ),
        (
            "message: $ServiceName",
            "message: $Queue",
            "profiles/ecs.yaml:18:56: error: ecs/cpu-high: message: the row's targets have",
        ),
    ],
)
def test_a_dimension_that_the_targets_do_not_have_is_one_line_in_the_profile(
    old: str, new: str, says: str, catalogue: Any, files: Files
) -> None:
    (problem,) = catalogue({**files, "profiles/ecs.yaml": PROFILE.replace(old, new)}).errors

    assert says in str(problem)


def test_a_text_that_only_holds_a_dollar_is_a_text(catalogue: Any, files: Files) -> None:
    text = PROFILE.replace("message: $ServiceName", '"message": "costs 5 $"')
    (one, _) = catalogue({**files, "profiles/ecs.yaml": text}).desired

    assert one.alarm.policies[0].otherwise[0].parameters["message"] == "costs 5 $"


VALUES = st.integers() | st.text(max_size=5) | st.sampled_from(["$A", "$B", "$C", "$a b", "$"]) | st.lists(st.just("$A"))
PARAMETERS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


@given(parameters=PARAMETERS, later=PARAMETERS, target=st.dictionaries(st.sampled_from("AB"), st.text(max_size=3)))
def test_only_whole_references_change_and_each_that_cannot_is_told(parameters: Any, later: Any, target: dict[str, str]) -> None:
    step = Policy("a", later, Mode.OBSERVE, (), 1, 1, None)
    policy = replace(step, parameters=parameters, otherwise=(step,))
    found = aimed(policy, target)

    untold = {path for path, _, _ in strange(policy, target)}
    for path, before, after in (((), policy, found), (("otherwise", 0), step, found.otherwise[0])):
        for name, value in before.parameters.items():
            known = isinstance(value, str) and value[:1] == "$" and value[1:] in target
            assert after.parameters[name] == (target[value[1:]] if known else value)
            assert ((*path, "with", name) in untold) == (value in ("$A", "$B", "$C") and not known)
