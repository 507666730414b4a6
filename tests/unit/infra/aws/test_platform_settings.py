"""What a stage's file may say of the platform, and how it is told what is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from alarms import yaml_door
from alarms.domain.errors import BadInput
from infra.aws.platform.settings import Balancer, Nat, Platform, parse
from infra.written import Node


def _parsed(text: str) -> Platform:
    document = yaml_door.read(text.encode(), "prod.yaml")
    return parse(Node(document.value, document.spot).fields("platform")["platform"])


def test_a_stage_that_says_nothing_gets_a_whole_platform() -> None:
    assert parse(None) == _parsed("platform: {}\n") == Platform()


def test_what_is_said_wins_and_the_rest_stays() -> None:
    said = _parsed(
        """\
platform:
  network: {nat: one, zones: [a, b, d]}
  uploads: {origins: ["https://shop.example.com"], keep_days: 400}
  queue: {hidden: 2 m}
  database: {min_acu: 1, max_acu: 64, connections: 4000}
"""
    )
    assert (said.network.nat, said.network.zones, said.network.cidr) == (Nat.ONE, ("a", "b", "d"), "10.40.0.0/16")
    assert (said.uploads.origins, said.uploads.keep_days, said.uploads.prefix) == (("https://shop.example.com",), 400, "uploads/")
    assert (said.queue.hidden_s, said.queue.attempts) == (120, 5)
    assert (said.database.min_acu, said.database.max_acu, said.database.connections) == (1, 64, 4000)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("network: {nat: two}", "platform.network.nat: one of none, one, per zone, not 'two'"),
        ("network: {zones: [a, b]}", "platform.network.zones: three different letters of zones"),
        ("network: {cidr: 8.8.0.0/16}", "platform.network.cidr: a private network of /16 to /20"),
        ("network: {cidr: 10.40.1.1/16}", "platform.network.cidr: a network like 10.40.0.0/16"),
        ("netwerk: {}", "platform.netwerk: unknown key; did you mean network?"),
        ("uploads: {prefix: uploads}", "platform.uploads.prefix: one folder like uploads/"),
        ("uploads: {origins: ['*']}", "platform.uploads.origins[0]: written like https://shop.example.com"),
        ("queue: {hidden: 10 s}", "platform.queue.hidden: whole seconds from 30 s to 43200 s"),
        ("database: {min_acu: 0.7}", "platform.database.min_acu: capacity units in halves"),
        ("database: {min_acu: 8, max_acu: 4}", "platform.database.max_acu: max_acu of at least 1 and not below min_acu (8)"),
        ("database: {connections: 3000}", "platform.database.connections: a whole number from 50 to 2000"),
        ("balancer: {domain: api.example.com}", "platform.balancer: certificate is missing"),
        ("balancer: {domain: api.example.com, certificate: mine}", "platform.balancer.certificate: written like arn:aws:acm"),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place(line: str, told: str) -> None:
    with pytest.raises(BadInput) as failure:
        _parsed(f"platform:\n  {line}\n")
    assert str(failure.value).startswith("prod.yaml:2:")
    assert told in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_page_s_example_is_one_that_a_stage_may_have() -> None:
    page = (Path(__file__).parents[4] / "docs" / "platform.md").read_text("utf-8")
    said = _parsed(page.split("```yaml\n")[1].split("```")[0])
    assert dataclasses.replace(said, uploads=Platform().uploads, balancer=Balancer()) == Platform()  # the defaults, as it says


def test_with_a_certificate_the_balancer_answers_on_the_ports_of_tls() -> None:
    arn = "arn:aws:acm:ap-northeast-2:123456789012:certificate/0a1b2c3d-1111-2222-3333-444455556666"
    balancer = _parsed(f"platform:\n  balancer: {{certificate: '{arn}', domain: api.example.com}}\n").balancer
    assert (balancer.port, balancer.test_port) == (443, 8443)
    assert (Balancer().port, Balancer().test_port) == (80, 8080)
