"""Deployment alarms come from rows; what cannot become one, or rings too late, is said in one line before it is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import yaml_door
from alarms.domain.errors import BadInput
from alarms.load import load
from alarms.row import Row
from infra.aws.app import main
from infra.aws.platform.deployment_alarms import deployment_alarms, detection_s, long_enough
from infra.aws.platform.release_settings import Datapoints, Release
from infra.aws.stage_file import CATALOGUE, STAGES
from infra.written import Node
from remediators.registry import registry

GROUPS = {"blue": "targetgroup/image-api-blue/1", "green": "targetgroup/image-api-green/2"}


@pytest.fixture(scope="module")
def rows() -> tuple[Row, ...]:
    return tuple(item.row for item in load(CATALOGUE, stage="prod", actions=registry()).expansions.values())


def made(rows: tuple[Row, ...], release: Release) -> dict[str, dict[str, object]]:
    found = deployment_alarms(rows, release, base="tocsin-prod", service="image-api", balancer="app/image/0", groups=GROUPS)
    return {alarm.name: dict(alarm.members) for alarm in found}


def test_a_quiet_minute_counts_as_good(rows: tuple[Row, ...]) -> None:
    """One failed request of two at night is no reason to turn back."""
    alarm = made(rows, Release(min_requests=50))["deploy/tocsin-prod/image-api/5xx-rate/green"]

    assert "IF(e2>=50,100*e1/e2,0)" in str(alarm["Metrics"])


def test_a_row_that_does_not_exist_is_named_with_those_that_do(rows: tuple[Row, ...]) -> None:
    with pytest.raises(BadInput, match=r"alb/5xx-ratio: the catalogue has no such row; .*: alb/5xx-rate, alb/response-time-p90"):
        made(rows, Release(alarms={"alb/5xx-ratio": Datapoints(3, 5)}))


@pytest.mark.parametrize("name", ["ecs/cpu-high", "sqs/dlq-not-empty", "aurora/connections-near-max", "api-gateway/5xx-rate"])
def test_a_row_that_cannot_tell_green_from_blue_is_refused(rows: tuple[Row, ...], name: str) -> None:
    with pytest.raises(BadInput, match=f"{name}: its metric knows no target groups"):
        made(rows, Release(alarms={name: Datapoints(3, 5)}))


@given(bake=st.integers(1, 60), bad=st.integers(2, 30), of=st.integers(2, 30))
def test_a_deployment_bakes_for_longer_than_any_alarm_needs_to_ring(bake: int, bad: int, of: int) -> None:
    release = Release(bake_m=bake, alarms={"alb/5xx-rate": Datapoints(min(bad, of), of)})
    if bake * 60 > of * 60 + 180:
        long_enough(release)
    else:
        with pytest.raises(BadInput, match="may ring only after"):
            long_enough(release)


def test_detection_is_the_whole_window_and_the_time_until_aws_shows_it() -> None:
    assert detection_s(Datapoints(3, 5)) == 8 * 60


def test_a_bake_time_that_is_too_short_fails_synth_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found before anything is deployed; afterwards blue is gone, and there is nothing to turn back to."""
    pipeline = (STAGES / "prod.yaml").read_text("utf-8").split("\nplatform:")[0]
    (tmp_path / "prod.yaml").write_text(f"{pipeline}\nplatform: {{release: {{bake: 8 m}}}}\n", "utf-8")

    assert main(["--stage", "prod", "--stages", str(tmp_path), "--out", str(tmp_path / "out")]) == 1

    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("tocsin: platform.release.bake: 8 m, but alb/5xx-rate (3 of 5) may ring only after 8 m")
    assert "bake for 9 m or longer" in said[-1]


def test_settings_are_read(tmp_path: Path) -> None:
    said = "bake: 30 m\nalarms: {alb/5xx-rate: 4 of 10}\nmin_requests: 100\ntry: {rounds: 10, failures: 0, slowest_ms: 400}\n"

    assert parsed(tmp_path, said) == Release(30, {"alb/5xx-rate": Datapoints(4, 10)}, 100, 10, 0, 400)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("bake: 30 s\n", "bake: whole minutes from 1 m to 24 h"),
        ("alarms: {}\n", "alarms: a mapping of at least one row"),
        ("alarms: {alb/5xx-rate: 1 of 1}\n", "alarms.alb/5xx-rate: written like 3 of 5: at least 2 bad minutes"),
        ("alarms: {alb/5xx-rate: 6 of 5}\n", "written like 3 of 5"),
        ("bakes: 3 m\n", "bakes: unknown key; did you mean bake?"),
    ],
)
def test_settings_that_cannot_be_are_said_in_one_line(tmp_path: Path, said: str, told: str) -> None:
    with pytest.raises(BadInput) as failure:
        parsed(tmp_path, said)

    assert told in str(failure.value)
    assert "\n" not in str(failure.value)


def parsed(folder: Path, text: str) -> Release:
    (folder / "release.yaml").write_text(text, "utf-8")
    document = yaml_door.read_path(folder / "release.yaml")
    return Release.read(Node(document.value, document.spot))
