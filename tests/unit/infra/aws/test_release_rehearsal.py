"""The template's own deployment settings and alarms, rehearsed on the embedded ECS: what turns a release back, what does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from release_world import Release, released

Template = Mapping[str, Any]
LOAD_BALANCER = "app/image/0123456789abcdef"


def small(value: Any) -> Any:
    """Return CloudFormation's members as ECS's API spells them."""
    if isinstance(value, Mapping):
        return {key[0].lower() + key[1:]: small(each) for key, each in value.items()}
    return [small(each) for each in value] if isinstance(value, list) else value


def filled(value: Any, known: Mapping[tuple[str, ...], str]) -> Any:
    """Return a template's value with what it refers to: by resource, and by attribute where one is named."""
    if isinstance(value, Mapping):
        if "Ref" in value:
            return known[(value["Ref"],)]
        if "Fn::GetAtt" in value:
            return known[tuple(value["Fn::GetAtt"])]
        return {key: filled(each, known) for key, each in value.items()}
    return [filled(each, known) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def services(templates: Mapping[str, Template]) -> Template:
    return templates["services"]


@contextmanager
def rehearsal(services: Template) -> Iterator[Release]:
    """Open a world whose service is deployed as the template says, with the template's alarms on its two target groups."""
    resources = services["Resources"]
    alarms = {key: item["Properties"] for key, item in resources.items() if item["Type"] == "AWS::CloudWatch::Alarm"}
    names = {(key,): alarm["AlarmName"] for key, alarm in alarms.items()}
    (how,) = [
        item["Properties"]["DeploymentConfiguration"]
        for item in resources.values()
        if item["Type"] == "AWS::ECS::Service" and item["Properties"]["ServiceName"] == "image-api"
    ]
    # The embedded ECS calls no functions; what the hook does is told in its own stories.
    configuration = {key: value for key, value in how.items() if key != "LifecycleHooks"}
    with released(**small(filled(configuration, names))) as release:
        for alarm in alarms.values():
            release.story.client("cloudwatch").put_metric_alarm(**filled(alarm, dimensions(resources, release.groups)))
        release.serve(10)
        assert set(states(release).values()) == {"OK"}
        yield release


def dimensions(resources: Mapping[str, Any], groups: list[str]) -> dict[tuple[str, ...], str]:
    """Return what the alarms' dimensions refer to, in the embedded world."""
    colours = {"image-api-blue": groups[0], "image-api-green": groups[1]}
    known = {}
    for key, item in resources.items():
        if item["Type"] == "AWS::ElasticLoadBalancingV2::TargetGroup":
            known[(key, "TargetGroupFullName")] = colours[item["Properties"]["Name"]].rsplit(":", 1)[-1]
        if item["Type"] == "AWS::ElasticLoadBalancingV2::LoadBalancer":
            known[(key, "LoadBalancerFullName")] = LOAD_BALANCER
    return known


def states(release: Release) -> dict[str, str]:
    answer = release.story.client("cloudwatch").describe_alarms(AlarmNamePrefix="deploy/tocsin-prod/")
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in answer["MetricAlarms"]}


def alarm_of(release: Release, group: str) -> str:
    """Return the alarm on the errors of one target group."""
    return f"deploy/tocsin-prod/image-api/5xx-rate/{'blue' if group == release.groups[0] else 'green'}"


def other(release: Release, group: str) -> str:
    return next(each for each in release.groups if each != group)


def until_shifted(release: Release) -> datetime:
    """Let minutes pass until green has the production traffic; return when it was."""
    for _ in range(10):
        release.serve(1)
        if release.newest()["lifecycleStage"] == "BAKE_TIME":
            return release.story.now
    raise AssertionError(release.newest())


def test_a_bad_green_is_turned_back_within_the_bake_time_by_its_own_alarm(services: Template) -> None:
    with rehearsal(services) as release:
        release.deploy()
        shifted = until_shifted(release)
        release.serve(14, new=0.5)

        ended = release.newest()

    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["alarms"]["triggeredAlarmNames"] == [alarm_of(release, other(release, release.colour))]
    assert ended["rollback"]["startedAt"] - shifted <= timedelta(minutes=8)


def test_users_see_blue_again(services: Template) -> None:
    with rehearsal(services) as release:
        before = release.colour
        release.deploy()
        until_shifted(release)
        release.serve(14, new=0.5)
        release.colour = ""

        assert release._producing() == before


@pytest.mark.parametrize("bad", [1, 2])
def test_a_bad_minute_or_two_turn_nothing_back(services: Template, bad: int) -> None:
    with rehearsal(services) as release:
        release.deploy()
        until_shifted(release)
        release.serve(bad, new=0.5)
        release.serve(20)

        ended = release.newest()

    assert ended["status"] == "SUCCESSFUL"
    assert ended["alarms"].get("triggeredAlarmNames", []) == []


def test_a_good_green_is_kept_and_the_next_one_is_watched_in_the_other_group(services: Template) -> None:
    """Blue and green change places with each deployment: both groups have their alarms."""
    with rehearsal(services) as release:
        first = release.colour
        release.deploy()
        until_shifted(release)
        release.serve(20)
        assert release.newest()["status"] == "SUCCESSFUL"

        release.deploy("api:1")
        until_shifted(release)
        release.serve(14, new=0.5)

        ended = release.newest()

    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["alarms"]["triggeredAlarmNames"] == [alarm_of(release, first)]


def test_an_ill_blue_does_not_let_an_ill_green_pass(services: Template) -> None:
    """ECS leaves an alarm out that rings when a deployment begins. Blue's does; green's does not."""
    with rehearsal(services) as release:
        release.serve(8, old=0.5)
        assert states(release)[alarm_of(release, release.colour)] == "ALARM"
        release.deploy()
        for _ in range(10):
            release.serve(1, old=0.5, new=0.5)
        release.serve(8, old=0.5, new=0.5)

        ended = release.newest()

    assert ended["alarms"]["triggeredAlarmNames"] == [alarm_of(release, other(release, release.colour))]


def test_the_cure_of_an_ill_blue_can_be_deployed(services: Template) -> None:
    """Were its ringing alarm not left out, no fix would ever get through."""
    with rehearsal(services) as release:
        release.serve(8, old=0.5)
        release.deploy()
        release.serve(30, old=0.5, new=0.0)

        ended = release.newest()

    assert ended["status"] == "SUCCESSFUL"
