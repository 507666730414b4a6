"""`tocsin pause` and `resume`: automation is held in one move, and only what was held is released."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from alarms.domain.alarm import Mode
from alarms.domain.errors import Refused
from cli.app import build
from infra.local.aws import Embedded, embedded
from remediators.switch import parse
from remediators.switching import paused, resumed

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
NAME = "/tocsin/demo/switch"
SAID = {"reason": "min: deploying by hand", "by": "min", "at": NOW}
ENTRIES = st.fixed_dictionaries({}, optional={"paused": st.booleans(), "mode": st.sampled_from(list(Mode)), "note": st.text()})
SWITCHES = st.builds(
    lambda entry, policies: json.dumps({**entry, "policies": policies}),
    ENTRIES,
    st.dictionaries(st.sampled_from(["scale-service", "image-processing/ecs/cpu-high"]), ENTRIES),
)


@pytest.fixture
def aws() -> Iterator[Embedded]:
    with embedded(NOW) as aws:
        yield aws


def run(*words: str) -> Any:
    result = CliRunner().invoke(build(("pause", "resume")), [*words, "--stage", "demo"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def value(aws: Embedded) -> str:
    return str(aws.client("ssm").get_parameter(Name=NAME)["Parameter"]["Value"])


def allow(aws: Embedded, text: str = '{"paused": false, "mode": "auto", "policies": {}}') -> None:
    aws.client("ssm").put_parameter(Name=NAME, Value=text, Type="String", Overwrite=True)


def test_everything_is_held_and_released_and_the_mode_stays(aws: Embedded) -> None:
    allow(aws)

    assert "paused: everything; mode at most auto" in run("pause", "--reason", "min: storm").stdout
    held = parse(value(aws)).of("image-processing/ecs/cpu-high", "scale-service")
    assert (held.paused, held.reason) == (True, "min: storm")

    assert "paused: nothing; mode at most auto" in run("resume", "--reason", "min: over").stdout
    assert not parse(value(aws)).of("image-processing/ecs/cpu-high", "scale-service").paused


def test_who_holds_it_and_what_ends_it_is_shown(aws: Embedded) -> None:
    """A pause has no end of its own: whoever finds it must know whom to ask."""
    allow(aws)
    run("pause", "--policy", "ecs/cpu-high", "--reason", "min: load test")
    shown = run("pause", "--reason", "kim: storm").stdout

    assert "  everything: by " in shown
    assert ": kim: storm; no end until `tocsin resume`" in shown
    assert "min: load test; no end until `tocsin resume --policy image-processing/ecs/cpu-high`" in shown


def test_a_stage_that_asks_people_asks_them_again_after_a_pause(aws: Embedded) -> None:
    allow(aws, '{"paused": false, "mode": "approve", "policies": {}}')
    run("pause", "--reason", "min: storm")
    run("resume", "--reason", "min: over")

    assert parse(value(aws)).everything.mode is Mode.APPROVE


def test_one_row_is_held_by_its_short_id_and_the_others_go_on(aws: Embedded) -> None:
    allow(aws)
    run("pause", "--policy", "ecs/cpu-high", "--reason", "min: load test")

    switch = parse(value(aws))
    assert switch.of("image-processing/ecs/cpu-high", "scale-service").paused
    assert not switch.of("image-processing/sqs/oldest-message-age", "scale-consumers").paused


def test_a_stage_without_a_switch_is_paused_too_and_only_observes_afterwards(aws: Embedded) -> None:
    run("pause", "--reason", "min: before the first deploy")
    assert parse(value(aws)).everything.paused

    run("resume", "--reason", "min: go")
    assert parse(value(aws)).everything.mode is Mode.OBSERVE


def test_a_switch_that_cannot_be_read_can_be_paused_but_not_released(aws: Embedded) -> None:
    allow(aws, "{paused: yes")
    with pytest.raises(Refused, match="cannot be read"):
        run("resume", "--reason", "min: go")

    run("pause", "--reason", "min: stop")
    assert parse(value(aws)).everything.reason == "min: stop"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("pause", "--policy", "scale-servise", "--reason", "x"), "did you mean 'scale-service'?"),
        (("pause", "--reason", "  "), "the reason is empty"),
        (("resume", "--policy", "scale-service", "--reason", "x"), "scale-service is not paused; what is: nothing"),
    ],
)
def test_what_is_not_meant_is_one_line_and_changes_nothing(words: tuple[str, ...], says: str, aws: Embedded) -> None:
    allow(aws)
    before = value(aws)

    with pytest.raises(Refused, match=says.replace("?", r"\?")) as refused:
        run(*words)

    assert "\n" not in str(refused.value)
    assert value(aws) == before


@settings(deadline=None, max_examples=60)
@given(SWITCHES, st.sampled_from([None, "scale-service"]))
def test_pausing_always_holds_and_releasing_restores_all_modes(text: str, policy: str | None) -> None:
    """Whatever the switch says, a pause holds; taking it back neither loosens a mode nor releases anything else."""
    row, action = "image-processing/ecs/cpu-high", "scale-service"
    before, held = parse(text), paused(text, policy=policy, **SAID)
    assert parse(held).of(row, action).paused
    assert parse(held).of(row, action).mode is before.of(row, action).mode

    after = parse(resumed(held, policy=policy, **SAID))
    others = [scope for scope, hold in before.policies.items() if hold.paused and scope != policy]
    assert all(after.policies[scope].paused for scope in others)
    assert after.of(row, action).mode is before.of(row, action).mode
