"""A hub and its spokes in tocsin.yaml: both sides say so, and a file in which they do not agree is refused with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from alarms.hub import role_name
from alarms.load import load
from alarms.settings import Settings
from remediators.registry import registry

FILE = """\
catalogue: shop
stages:
  prod:
    account: "111111111111"
    region: ap-northeast-2
    spokes:
      - {account: "222222222222", region: eu-west-1, external_id: 7d1f0c5e9b}
      - {account: "111111111111", region: us-east-1, external_id: 0c5e9b7d1f}
  prod-shop:
    account: "222222222222"
    region: eu-west-1
    hub: {stage: prod, account: "111111111111", region: ap-northeast-2, external_id: 7d1f0c5e9b}
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


def read(folder: Path, text: str, stage: str) -> tuple[Settings, list[str], list[str]]:
    """Return the settings, the errors, and the topics that the stage's one alarm tells."""
    (folder / "tocsin.yaml").write_text(text, "utf-8")
    (folder / "rows.yaml").write_text(ROW, "utf-8")
    loaded = load(folder, stage=stage, actions=registry())
    topics = [arn for one in loaded.desired for arn in one.request["AlarmActions"]]
    return loaded.settings, [str(error) for error in loaded.errors], topics


def test_a_hub_lists_places_and_a_spoke_names_its_hub(tmp_path: Path) -> None:
    hub, wrong, _ = read(tmp_path, FILE, "prod")
    assert wrong == []
    assert hub.spoke_roles == {
        "222222222222/eu-west-1": "arn:aws:iam::222222222222:role/tocsin-prod-spoke-eu-west-1",
        "111111111111/us-east-1": "arn:aws:iam::111111111111:role/tocsin-prod-spoke-us-east-1",
    }
    spoke, wrong, _ = read(tmp_path, FILE, "prod-shop")
    assert wrong == []
    assert spoke.hub is not None
    assert spoke.rows_in == "arn:aws:dynamodb:ap-northeast-2:111111111111:table/tocsin-prod-catalogue"
    assert "7d1f0c5e9b" not in repr(hub) + repr(spoke)


def test_a_spokes_alarms_tell_the_hubs_topic_in_their_own_region(tmp_path: Path) -> None:
    """CloudWatch takes a topic of another account, and none of another region."""
    _, wrong, topics = read(tmp_path, FILE, "prod-shop")

    assert wrong == []
    assert topics == ["arn:aws:sns:eu-west-1:111111111111:tocsin-alarms"]


@pytest.mark.parametrize(
    ("stage", "before", "after", "said"),
    [
        ("prod-shop", "external_id: 7d1f0c5e9b}\n      -", "external_id: another-one}\n      -", "with another external_id"),
        ("prod-shop", '      - {account: "222222222222", region: eu-west-1, external_id: 7d1f0c5e9b}\n', "", "does not list"),
        ("prod", "us-east-1", "ap-northeast-2", "the stage's own place"),
        ("prod", '"111111111111", region: us-east-1', '"222222222222", region: eu-west-1', "listed twice"),
        ("prod-shop", '    account: "222222222222"\n    region: eu-west-1\n    hub', "    hub", "declares no account"),
        (
            "prod-shop",
            '"222222222222"\n    region: eu-west-1\n',
            '"111111111111"\n    region: ap-northeast-2\n',
            "needs no spoke",
        ),
        (
            "prod-shop",
            "    hub: {",
            '    spokes: [{account: "333333333333", region: eu-west-1, external_id: abcdefgh}]\n    hub: {',
            "not both",
        ),
        ("prod-shop", "external_id: 7d1f0c5e9b}\n", "}\n", "external_id"),
        ("prod", "0c5e9b7d1f", '""', "external id"),
        ("prod", "0c5e9b7d1f", '"has space"', "external id"),
        ("prod", "region: us-east-1", "region: somewhere", "region"),
        ("prod", "catalogue: shop", "catalogue: shop\nspokes: []", "spokes"),
    ],
)
def test_what_does_not_agree_is_an_error_with_its_place(tmp_path: Path, stage: str, before: str, after: str, said: str) -> None:
    assert before in FILE
    head, _, tail = FILE.rpartition(before)
    _, wrong, _ = read(tmp_path, head + after + tail, stage)

    assert any(said in each for each in wrong), wrong
    assert all("tocsin.yaml:" in each for each in wrong)


def test_a_hub_of_another_repository_is_taken_at_its_word(tmp_path: Path) -> None:
    """A team's catalogue names a hub whose own file it does not have."""
    alone = FILE.partition("  prod:\n")[0] + "  prod-shop:\n" + FILE.partition("  prod-shop:\n")[2]
    settings, wrong, _ = read(tmp_path, alone, "prod-shop")

    assert wrong == []
    assert settings.hub is not None


def test_the_longest_names_still_make_a_role() -> None:
    """IAM takes 64 characters."""
    assert len(role_name("tocsin", "production-of-the-whole-group", "ap-northeast-2")) <= 64
