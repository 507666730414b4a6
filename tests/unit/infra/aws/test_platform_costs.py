"""The bill on the page is the one that the settings and prices make; its arithmetic can be followed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cloud_templates import properties
from hypothesis import given
from hypothesis import strategies as st

from alarms.domain.errors import BadInput
from infra.aws.platform import costs
from infra.aws.platform.costs import MONTH_END, QUIET, Use, bill, main, read_prices, table
from infra.aws.platform.network import SERVICES
from infra.aws.platform.settings import Nat, Network, Platform

PAGE = Path(__file__).parents[4] / "docs" / "platform.md"
PRICES = read_prices()


def _dollars(platform: Platform, use: Use) -> dict[str, float]:
    return {line.what: line.dollars for line in bill(platform, PRICES, use)}


def test_the_page_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert costs.main(["--stage", "prod"]) == 0
    shown = PAGE.read_text("utf-8").split("<!-- costs -->\n")[1].split("\n<!-- /costs -->")[0]
    assert shown == capsys.readouterr().out.strip()


def test_s7_the_quiet_month_pays_for_being_there_and_the_traffic_s_lines_are_near_nothing() -> None:
    quiet = _dollars(Platform(), QUIET)
    assert sum(quiet[name] for name in ("API Gateway", "SQS", "images in S3", "requests to S3")) < 2
    assert max(quiet, key=lambda name: quiet[name]) in ("Aurora", "NAT gateways")


@given(uploads=st.floats(0, 1e7), more=st.floats(0, 1e7))
def test_s7_nothing_gets_cheaper_by_more_traffic(uploads: float, more: float) -> None:
    less_of_it, more_of_it = _dollars(Platform(), Use(uploads)), _dollars(Platform(), Use(uploads + more))
    assert all(more_of_it[name] >= dollars for name, dollars in less_of_it.items())


def test_each_way_out_of_the_vpc_has_its_own_line_and_price() -> None:
    ways = {nat: _dollars(dataclasses.replace(Platform(), network=Network(nat=nat)), QUIET) for nat in Nat}
    assert "interface endpoints" in ways[Nat.NONE]
    assert "NAT gateways" not in ways[Nat.NONE]
    assert ways[Nat.ONE]["NAT gateways"] < ways[Nat.PER_ZONE]["NAT gateways"] < ways[Nat.NONE]["interface endpoints"]


def test_what_is_counted_is_what_the_templates_have(templates: Mapping[str, Any]) -> None:
    (acl,) = properties(templates["edge"], "AWS::WAFv2::WebACL").values()
    assert len(acl["Rules"]) == costs.RULES
    assert len(properties(templates["data"], "AWS::SecretsManager::Secret")) + 1 == costs.SECRETS  # and the master's
    assert len(SERVICES) == costs.ENDPOINTS
    assert len(properties(templates["network"], "AWS::EC2::NatGateway")) == 3


def test_the_total_is_the_sum_of_what_is_shown_and_left_out() -> None:
    last = table(Platform(), PRICES).splitlines()[-1]
    assert f"**{sum(_dollars(Platform(), MONTH_END).values()):,.0f}**" in last


def test_a_price_that_is_missing_or_misspelt_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("acu_hours: 0.2\n", "utf-8")
    with pytest.raises(BadInput, match=r"prices\.yaml:1:1: acu_hours: unknown key; did you mean acu_hour\?"):
        read_prices(file)
    file.write_text("acu_hour: 0.2\n", "utf-8")
    with pytest.raises(BadInput, match=r"fargate_vcpu_hour is missing"):
        read_prices(file)


def test_a_file_of_prices_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--prices", str(tmp_path / "prices.yaml")]) == 1
    assert capsys.readouterr().err == f"tocsin: {tmp_path / 'prices.yaml'}: there is no such file of prices\n"
