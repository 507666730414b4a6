"""`tocsin iam`: the policy that a catalogue needs, as IAM takes it, and who needs what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.app import build

PROD = """\
catalogue: image
prefix: bell
stages:
  prod: {account: "210987654321", region: cn-north-1}
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
    remediate:
      - action: scale-service
        with: {cluster: CLUSTER, service: image-api, max_tasks: 20}
"""


def run(*words: str) -> Any:
    result = CliRunner().invoke(build(("iam", "check")), ["iam", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def catalogue(folder: Path, cluster: str = "image") -> str:
    (folder / "tocsin.yaml").write_text(PROD, "utf-8")
    (folder / "rows.yaml").write_text(ROW.replace("CLUSTER", cluster), "utf-8")
    return str(folder)


def test_what_is_printed_is_iams_own_json_for_the_stages_place(tmp_path: Path) -> None:
    shown = run(catalogue(tmp_path), "--stage", "prod")

    statements = {one["Sid"]: one for one in json.loads(shown.stdout)["Statement"]}
    assert statements["EcsChange"]["Resource"] == "arn:aws-cn:ecs:cn-north-1:210987654321:service/image/image-api"
    assert statements["SchedulesMaySend"]["Resource"] == "arn:aws-cn:iam::210987654321:role/bell-prod-scheduler"
    assert statements["Switch"]["Resource"].endswith(":parameter/bell/prod/switch")
    assert "documentation account" not in shown.stderr


def test_every_wildcard_is_named_with_its_reason(tmp_path: Path) -> None:
    shown = run(catalogue(tmp_path), "--stage", "prod", "--format", "json")

    data = json.loads(shown.stdout)
    (policy,) = data["policies"]
    listed = {(action, on) for action, on in wild(policy["document"])}
    assert {(one["action"], one["resource"]) for one in data["wildcards"]} == listed
    assert all(one["reason"] for one in data["wildcards"])
    assert all(f"note: {action} on {on}: " in shown.stderr for action, on in listed)
    by = {str(one["by"]) for one in data["needs"] if one["action"].startswith("ecs:")}
    assert all("cpu-high" in who or "diagnose" in who for who in by)


def wild(document: Any) -> set[tuple[str, str]]:
    def listed(value: Any) -> list[str]:
        return value if isinstance(value, list) else [value]

    return {
        (action, on)
        for one in document["Statement"]
        for action in listed(one["Action"])
        for on in listed(one["Resource"])
        if "*" in on or "?" in on
    }


def test_each_policy_is_a_file_of_its_own_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "iam"
    shown = run(catalogue(tmp_path), "--stage", "prod", "--out", str(out))

    (file,) = out.iterdir()
    assert (file.name, shown.stdout.strip()) == ("bell-prod-remediators-1.json", str(file))
    assert json.loads(file.read_text("utf-8"))["Version"] == "2012-10-17"


# --- a hub and its spokes ---------------------------------------------------------------------------------------------

HUB = """\
catalogue: image
prefix: bell
stages:
  prod:
    account: "111111111111"
    region: eu-west-1
    spokes: [{account: "222222222222", region: us-east-1, external_id: 7d1f0c5e9b}]
  prod-shop:
    account: "222222222222"
    region: us-east-1
    hub: {stage: prod, account: "111111111111", region: eu-west-1, external_id: 7d1f0c5e9b}
"""
LENT = "arn:aws:iam::222222222222:role/bell-prod-spoke-us-east-1"


def hub_and_spoke(folder: Path) -> str:
    where = catalogue(folder)
    (folder / "tocsin.yaml").write_text(HUB, "utf-8")
    return where


def test_a_hub_may_become_exactly_the_roles_on_its_list(tmp_path: Path) -> None:
    shown = run(hub_and_spoke(tmp_path), "--stage", "prod")

    statements = {one["Sid"]: one for one in json.loads(shown.stdout)["Statement"]}
    assert statements["SpokeRoles"]["Action"] == "sts:AssumeRole"
    assert statements["SpokeRoles"]["Resource"] == LENT
    assert statements["Spokes"]["Resource"] == "arn:aws:ssm:eu-west-1:111111111111:parameter/bell/prod/spokes"


def test_who_has_no_spokes_may_become_nobody(tmp_path: Path) -> None:
    assert "sts:" not in run(catalogue(tmp_path), "--stage", "prod").stdout


def test_a_spoke_lends_a_role_to_one_role_alone_and_only_what_its_rows_need(tmp_path: Path) -> None:
    shown = json.loads(run(hub_and_spoke(tmp_path), "--stage", "prod-shop").stdout)

    assert shown["role"] == LENT.rsplit("/", 1)[-1]
    (trust,) = shown["trust"]["Statement"]
    assert trust["Principal"] == {"AWS": "arn:aws:iam::111111111111:role/bell-prod-remediators"}
    assert trust["Action"] == "sts:AssumeRole"
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "7d1f0c5e9b"}}
    (policy,) = shown["policies"]
    statements = {one["Sid"]: one for one in policy["Statement"]}
    assert statements["EcsChange"]["Resource"] == "arn:aws:ecs:us-east-1:222222222222:service/image/image-api"
    assert "Alarms" in statements
    allowed = json.dumps(policy)
    for of_the_hub in ("dynamodb:", "sqs:SendMessage", "scheduler:", "ssm:GetParameter", "sts:", "111111111111"):
        assert of_the_hub not in allowed


def test_a_spokes_policies_and_trust_are_files_of_their_own(tmp_path: Path) -> None:
    run(hub_and_spoke(tmp_path), "--stage", "prod-shop", "--out", str(tmp_path / "out"))

    role = LENT.rsplit("/", 1)[-1]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {f"{role}-1.json", f"{role}-trust.json"}
