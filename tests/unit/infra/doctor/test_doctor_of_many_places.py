"""A hub and its spokes: each is asked what is its own, and both sides have to mean each other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from doctor_world import ACCOUNT, REGION, World

from alarms import deploy
from alarms.hub import Hub, SpokePlace
from infra.aws.permissions import role_of, trust
from infra.doctor.check import SPOKE, Verdict
from infra.doctor.checks import checks
from remediators.spokes import Spoke, text_of

ELSEWHERE = SpokePlace("222222222222", "eu-west-1", "a-shared-word-1")
HUB = Hub("central", "999999999999", REGION, "a-shared-word-2")


@pytest.fixture
def hub(world: World) -> World:
    """Let the stage serve one other place."""
    world.settings = replace(world.settings, spokes=(ELSEWHERE,))
    listed = {
        ELSEWHERE.place: Spoke(ELSEWHERE.account, ELSEWHERE.region, *world.settings.spoke_roles.values(), ELSEWHERE.external_id)
    }
    world.client("ssm").put_parameter(Name="/tocsin/demo/spokes", Value=text_of(listed), Type="String")
    world.environment("remediators", TOCSIN_SPOKES_PARAMETER="/tocsin/demo/spokes")
    return world


@pytest.fixture
def spoke(world: World) -> World:
    """Let another stage's pipeline serve this one, and lend it the role."""
    world.settings = replace(world.settings, hub=HUB)
    lend(world, json.dumps(trust(world.settings)))
    return world


def lend(world: World, trusted: str) -> None:
    world.client("iam").create_role(RoleName=role_of(world.settings), AssumeRolePolicyDocument=trusted)


def test_a_hub_that_lists_its_spokes_is_well(hub: World) -> None:
    assert hub.troubles("spokes", "grants") == {}
    hub.denied.add("sts:AssumeRole")
    assert [finding.subject for finding in hub.troubles("grants")["grants"]] == ["sts:AssumeRole"]


def test_a_hub_whose_list_says_otherwise_is_named(hub: World) -> None:
    other = {"333333333333/eu-west-1": Spoke("333333333333", "eu-west-1", "arn:aws:iam::333333333333:role/x", "another-word")}
    hub.client("ssm").put_parameter(Name="/tocsin/demo/spokes", Value=text_of(other), Overwrite=True)

    assert [(finding.subject, finding.said) for finding in hub.troubles("spokes")["spokes"]] == [
        (ELSEWHERE.place, "the list lacks it: nothing is acted on there"),
        ("333333333333/eu-west-1", "the list has it, and tocsin.yaml does not"),
    ]


@pytest.mark.parametrize("text", ["{", '{"places": {"x": {}}}'])
def test_a_list_that_cannot_be_read_is_named(hub: World, text: str) -> None:
    hub.client("ssm").put_parameter(Name="/tocsin/demo/spokes", Value=text, Overwrite=True)

    (found,) = hub.troubles("spokes")["spokes"]
    assert found.said.startswith("cannot be read: ")


def test_a_hub_that_does_not_read_its_list_or_has_none_is_named(hub: World) -> None:
    hub.environment("remediators", TOCSIN_SPOKES_PARAMETER=None)
    hub.client("ssm").delete_parameter(Name="/tocsin/demo/spokes")

    said = [finding.said for finding in hub.troubles("spokes")["spokes"]]
    assert said == ["TOCSIN_SPOKES_PARAMETER is not /tocsin/demo/spokes", "does not exist: nothing is acted on in any spoke"]


def test_a_spoke_is_asked_what_is_its_own_and_no_more(spoke: World) -> None:
    asked = {one.name: one.verdict for one in spoke.examined()}

    assert set(asked) == {name for name, check in checks().items() if SPOKE in check.asked_of}
    assert "spoke-role" in asked
    assert "topic-policy" not in asked
    assert asked["spoke-role"] is Verdict.OK


def test_a_role_that_the_hub_cannot_take_or_that_asks_nobody_anything_is_named(world: World) -> None:
    world.settings = replace(world.settings, hub=HUB)
    assert [one.said for one in world.troubles("spoke-role")["spoke-role"]] == ["does not exist: the hub can do nothing here"]

    lend(world, json.dumps(trust(replace(world.settings, hub=replace(HUB, external_id="another-word")))))
    (found,) = world.troubles("spoke-role")["spoke-role"]
    assert "may not take it with the external id of tocsin.yaml" in found.said
    assert "a-shared-word" not in found.said

    anybody = trust(world.settings) or {}
    (statement,) = anybody["Statement"]
    open_to_all = {**anybody, "Statement": [{key: value for key, value in statement.items() if key != "Condition"}]}
    world.client("iam").update_assume_role_policy(RoleName=role_of(world.settings), PolicyDocument=json.dumps(open_to_all))
    (found,) = world.troubles("spoke-role")["spoke-role"]
    assert found.said.startswith("it asks for no external id")


def test_the_rows_of_a_spoke_are_looked_for_where_the_hub_keeps_them(spoke: World) -> None:
    clients = deploy.clients_of(spoke.aws.session, REGION)
    deployment = replace(spoke.deployment(), hub=clients)

    assert deployment.kind == SPOKE
    assert deployment.settings.account == ACCOUNT
