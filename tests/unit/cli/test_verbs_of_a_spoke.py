"""What stands with the hub is asked of the hub: the verbs say so in one line instead of looking for tables that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import build
from infra.local.aws import Embedded, embedded

SETTINGS = """\
catalogue: shop
stages:
  shop:
    account: "123456789012"
    region: eu-west-1
    mode_cap: observe
    hub: {stage: prod, account: "111111111111", region: ap-northeast-2, external_id: 0c5e9b7d1f}
"""
ROW = """\
defaults: {notify: ops, owner: platform}
alarms:
  - id: cpu-high
    title: CPU
    component: ecs
    metric: AWS/ECS CPUUtilization
    statistic: Average
    dimensions: {ClusterName: image, ServiceName: image-api}
    when: ">= 80 %"
    for: 5 m
    severity: warning
    runbook: https://wiki.example/cpu
    no_action: nothing is safe to do
"""


@pytest.fixture
def aws() -> Iterator[Embedded]:
    with embedded(datetime(2026, 10, 31, 15, tzinfo=UTC), region="eu-west-1", account="123456789012") as opened:
        yield opened


@pytest.mark.parametrize("verb", [("pause", "--reason", "min: why"), ("incidents",), ("scoreboard",), ("report", "abcdefabcdef")])
def test_a_verb_of_the_pipeline_names_the_hubs_stage(aws: Embedded, tmp_path: Path, verb: tuple[str, ...]) -> None:
    (tmp_path / "tocsin.yaml").write_text(SETTINGS, "utf-8")
    (tmp_path / "rows.yaml").write_text(ROW, "utf-8")
    name, *more = verb
    result = CliRunner().invoke(build((name, "check")), [name, *more, str(tmp_path), "--stage", "shop"])

    told = f"{result.exception} {result.output}"
    assert result.exit_code != 0
    assert "stands with its hub, stage prod in 111111111111, ap-northeast-2; ask there with --stage prod" in told
    assert aws.place.account == "123456789012"
