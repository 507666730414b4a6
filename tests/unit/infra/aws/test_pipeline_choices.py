"""What a stage file can choose otherwise: no door, a VPC with its certificates, approvers in the file, no reserved executions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from deployed import Deployed, allows, arn

from infra.aws import node, stage_file

LEAST = "default_channel: '#ops'\n  alarm_emails: []\n"
RICH = f"""{LEAST}
  approvers: {{reversible: [U0123456789]}}
  journal_days: keep
  memory: {{notifier: 512}}
  reserved_concurrency: false
  vpc:
    subnets: [subnet-0123456789abcdef0]
    security_groups: [sg-0123456789abcdef0]
    database_ca: CA
"""


def synthesised(folder: Path, section: str) -> Deployed:
    """Return the pipeline's template for a stage file with ``section``."""
    node.provide()
    import aws_cdk as cdk

    from infra.aws.pipeline.stack import PipelineStack

    (folder / "stages").mkdir()
    (folder / "stages" / "prod.yaml").write_text(f"pipeline:\n  {section}", "utf-8")
    app = cdk.App(outdir=str(folder / "out"))
    PipelineStack(app, "pipeline", stage=stage_file.read("prod", stages=folder / "stages"))
    app.synth()
    return Deployed(json.loads((folder / "out" / "pipeline.template.json").read_text("utf-8")))


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return synthesised(tmp_path_factory.mktemp("least"), LEAST)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    folder = tmp_path_factory.mktemp("rich")
    (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n", "utf-8")
    return synthesised(folder, RICH.replace("CA", str(folder / "ca.pem")))


def functions(deployed: Deployed) -> Mapping[str, Mapping[str, Any]]:
    return deployed.named("Lambda::Function", "FunctionName")


def test_without_a_workspace_there_is_no_door_nor_anything_that_belongs_to_it(least: Deployed) -> None:
    assert set(functions(least)) == {"tocsin-prod-notifier", "tocsin-prod-remediators"}
    assert least.of("ApiGatewayV2::Api") == {}
    assert "DoorUrl" not in least.outputs
    assert not any(name.endswith("interactive") for name in least.named("IAM::Role", "RoleName"))
    assert not any("door" in name or "press" in name for name in least.named("CloudWatch::Alarm", "AlarmName"))


def test_nobody_is_mailed_where_the_file_says_nobody(least: Deployed) -> None:
    assert {one["Protocol"] for one in least.of("SNS::Subscription").values()} == {"sqs"}


def test_in_a_vpc_stand_the_remediators_alone_with_the_certificates_beside_their_code(rich: Deployed) -> None:
    found = functions(rich)
    (layer,) = rich.of("Lambda::LayerVersion")
    inside = found["tocsin-prod-remediators"]

    assert inside["VpcConfig"]["SubnetIds"] == ["subnet-0123456789abcdef0"]
    assert inside["Layers"] == [layer]
    assert inside["Environment"]["Variables"]["TOCSIN_DATABASE_CA"] == "/opt/database-ca.pem"
    assert "VpcConfig" not in found["tocsin-prod-notifier"]
    assert allows(rich.may("tocsin-prod-remediators"), "ec2:CreateNetworkInterface", "*")
    assert not allows(rich.may("tocsin-prod-notifier"), "ec2:CreateNetworkInterface", "*")


def test_nothing_is_asked_of_the_network_without_a_vpc(least: Deployed) -> None:
    assert not allows(least.may("tocsin-prod-remediators"), "ec2:CreateNetworkInterface", "*")
    assert "TOCSIN_DATABASE_CA" not in functions(least)["tocsin-prod-remediators"]["Environment"]["Variables"]


def test_the_files_own_choices_reach_the_functions(rich: Deployed) -> None:
    found = functions(rich)

    assert not any("ReservedConcurrentExecutions" in function for function in found.values())
    assert (found["tocsin-prod-notifier"]["MemorySize"], found["tocsin-prod-remediators"]["MemorySize"]) == (512, 1024)
    assert found["tocsin-prod-remediators"]["Environment"]["Variables"]["TOCSIN_JOURNAL_DAYS"] == "keep"


def test_approvers_in_the_file_are_the_stacks_parameter(rich: Deployed, least: Deployed) -> None:
    parameter = rich.named("SSM::Parameter", "Name")["/tocsin/prod/approvers"]
    asked = arn("ssm", "parameter/tocsin/prod/approvers")

    assert json.loads(parameter["Value"]) == {"approvers": {"reversible": ["U0123456789"]}}
    assert least.of("SSM::Parameter") == {}
    assert allows(least.may("tocsin-prod-remediators"), "ssm:GetParameter", asked)


def test_a_stage_without_a_platform_deploys_the_pipeline_alone(tmp_path: Path) -> None:
    node.provide()
    from infra.aws.stacks import synth

    (tmp_path / "prod.yaml").write_text(f"pipeline:\n  {LEAST}", "utf-8")
    synth(stage_file.read("prod", stages=tmp_path), tmp_path / "out")

    assert [file.name for file in (tmp_path / "out").glob("*.template.json")] == ["tocsin-prod-pipeline.template.json"]
