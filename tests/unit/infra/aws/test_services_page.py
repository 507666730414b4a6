"""The page on services shows the real defaults, and figures that the prices give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alarms import yaml_door
from infra.aws import stage_file
from infra.aws.platform import settings
from infra.aws.platform.deployment_alarms import detection_s
from infra.aws.platform.month_end import hours_a_month
from infra.aws.platform.release_settings import Release
from infra.aws.platform.service_settings import Services
from infra.aws.platform.settings import Platform
from infra.written import Node

PAGE = (Path(__file__).parents[4] / "docs" / "services.md").read_text("utf-8")
PRICES = Path(settings.__file__).with_name("prices.yaml")


@pytest.fixture(scope="module")
def prod() -> Platform:
    return settings.parse(stage_file.read("prod").sections["platform"])


def price(name: str) -> float:
    found = yaml_door.read_path(PRICES).value
    assert isinstance(found, dict)
    return float(found[name])


def test_what_the_page_shows_is_what_holds_where_nothing_is_said(tmp_path: Path, prod: Platform) -> None:
    (tmp_path / "page.yaml").write_text(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0], "utf-8")
    document = yaml_door.read_path(tmp_path / "page.yaml")
    assert not document.problems

    shown = settings.parse(Node(document.value, document.spot).fields("platform")["platform"])

    assert shown.services == Services()
    assert shown.release == Release()
    assert shown.month_end == prod.month_end


def test_the_floors_price_is_what_the_arithmetic_gives(prod: Platform) -> None:
    plan, services = prod.month_end, prod.services
    hours = hours_a_month(plan)
    on_spot = services.consumer.spot / 4
    share = 1 - on_spot + on_spot * 0.3
    dollars = 0.0
    for service, size, least, part in (
        ("image-api", services.api.size, services.api.least, 1.0),
        ("image-consumer", services.consumer.size, services.consumer.least, share),
    ):
        task = size.cpu / 1024 * price("fargate_vcpu_hour") + size.memory / 1024 * price("fargate_gb_hour")
        dollars += hours * (plan.floors[service] - least) * task * part

    assert f"{hours:.0f} hours a month" in PAGE
    assert f"**${dollars:.0f} a month**" in PAGE


def test_the_page_says_how_long_an_alarm_needs_to_ring(prod: Platform) -> None:
    longest = max(detection_s(each) for each in prod.release.alarms.values())

    assert f"5 + 3 = {longest // 60} minutes" in PAGE
