"""What a stage's file may say of the two services, and what it is told when Fargate or the arithmetic would not have it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import yaml_door
from alarms.domain.errors import BadInput
from infra.aws.platform.service_settings import SIZES, Api, Consumer, Services, Size
from infra.aws.platform.settings import parse
from infra.written import Node


def parsed(said: str) -> Services:
    document = yaml_door.read(f"platform:\n  services: {said}\n".encode(), "prod.yaml")
    return parse(Node(document.value, document.spot).fields("platform")["platform"]).services


def test_what_is_said_wins_and_the_rest_stays() -> None:
    said = parsed(
        "{image-api: {min: 6, max: 60, cpu: 1024, memory: 2048}, image-consumer: {wait: 5 m, per_image: 2 s, spot: 0 %}}"
    )

    assert said.api == Api(size=Size(1024, 2048), least=6, most=60)
    assert said.consumer == Consumer(wait_s=300, image_s=2, spot=0)


@given(wait=st.integers(1, 3600), image=st.integers(1, 60))
def test_a_task_works_off_its_share_of_the_backlog_in_the_time_that_an_image_may_wait(wait: int, image: int) -> None:
    """Never zero: a target of nothing would want a task for every message."""
    if image > wait:
        with pytest.raises(BadInput, match="a time for one image above 0 and within `wait`"):
            parsed(f"{{image-consumer: {{wait: {wait} s, per_image: {image} s}}}}")
        return
    share = parsed(f"{{image-consumer: {{wait: {wait} s, per_image: {image} s}}}}").consumer.backlog_per_task

    assert share >= 1
    assert share * image <= wait < (share + 1) * image


@given(st.sampled_from(sorted(SIZES)), st.integers(0, 64))
def test_a_size_is_one_that_fargate_has(cpu: int, half: int) -> None:
    memory = 512 * (half + 1)
    if memory in SIZES[cpu]:
        assert parsed(f"{{image-api: {{cpu: {cpu}, memory: {memory}}}}}").api.size == Size(cpu, memory)
        return
    with pytest.raises(BadInput):
        parsed(f"{{image-api: {{cpu: {cpu}, memory: {memory}}}}}")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{image-api: {min: 1}}", "services.image-api.min: at least 2: with one task the failure of one is an outage"),
        ("{image-api: {min: 6, max: 5}}", "services.image-api.max: a whole number from 6 to"),
        ("{image-api: {cpu: 300}}", "services.image-api.cpu: CPU units out of 256, 512, 1024, 2048, 4096"),
        ("{image-api: {memory: 600}}", "services.image-api.memory: MiB from 1024 to 4096 in steps of 1024 for 512 CPU units"),
        ("{image-api: {cpu_target: 95}}", "services.image-api.cpu_target: a whole number from 20 to 90"),
        ("{image-consumer: {spot: 60 %}}", "services.image-consumer.spot: 0 %, 25 %, 50 %, 75 % or 100 %"),
        ("{image-consumer: {per_image: 0 s}}", "services.image-consumer.per_image: a time for one image above 0"),
        ("{image-consumr: {}}", "services.image-consumr: unknown key; did you mean image-consumer?"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(said: str, told: str) -> None:
    with pytest.raises(BadInput) as failure:
        parsed(said)

    assert told in str(failure.value)
    assert "\n" not in str(failure.value)
