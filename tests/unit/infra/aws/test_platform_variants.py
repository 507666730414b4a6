"""What a stage may choose otherwise: no way to the internet, and TLS up to the load balancer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cloud_templates import only, properties, text

from infra.aws.stage_file import CATALOGUE

ROOT = Path(__file__).parents[4]
CERTIFICATE = "arn:aws:acm:ap-northeast-2:123456789012:certificate/0a1b2c3d-1111-2222-3333-444455556666"
SECTION = f"""\
platform:
  network: {{nat: none, zones: [a, b, d]}}
  uploads: {{origins: ["https://shop.example.com"], keep_days: 400}}
  balancer: {{certificate: "{CERTIFICATE}", domain: api.example.com}}
  month_end: {{time_zone: Asia/Seoul, days: 3, lead: 2 h, floor: {{image-api: 8, image-consumer: 6}}}}
"""
SYNTH = """\
import sys
from pathlib import Path
from infra.aws import node, stage_file
stage = stage_file.read("prod", Path(sys.argv[3]), stages=Path(sys.argv[1]))
node.provide()
from infra.aws.stacks import synth
synth(stage, Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Return the templates of a stage that chooses otherwise."""
    folder = tmp_path_factory.mktemp("variant")
    said = (ROOT / "infra/aws/stages/prod.yaml").read_text("utf-8").split("\nplatform:")[0]
    (folder / "prod.yaml").write_text(f"{said}\n{SECTION}", "utf-8")
    # The account is declared: that is when CDK would ask it for its zones.
    shutil.copytree(CATALOGUE, folder / "catalogue")
    settings = (CATALOGUE / "tocsin.yaml").read_text("utf-8").replace("  prod:\n", '  prod:\n    account: "210987654321"\n')
    (folder / "catalogue" / "tocsin.yaml").write_text(settings, "utf-8")
    command = [sys.executable, "-c", SYNTH, str(folder), str(folder / "out"), str(folder / "catalogue")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((folder / "out" / "manifest.json").read_text("utf-8")).get("missing") is None  # nothing is left to ask
    found = folder.glob("out/*.template.json")
    return {
        file.name.removesuffix(".template.json").removeprefix("tocsin-prod-"): json.loads(file.read_text("utf-8"))
        for file in found
    }


def test_without_nat_nothing_is_public_and_every_service_has_an_endpoint_in_each_zone(other: Mapping[str, Any]) -> None:
    network = other["network"]
    for kind in ("AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::EIP"):
        assert properties(network, kind) == {}
    endpoints = [item for item in properties(network, "AWS::EC2::VPCEndpoint").values() if item["VpcEndpointType"] == "Interface"]
    assert {len(item["SubnetIds"]) for item in endpoints} == {3}
    assert {item["PrivateDnsEnabled"] for item in endpoints} == {True}
    services = {text(item["ServiceName"]).rsplit(".", 1)[-1] for item in endpoints}
    assert {"sqs", "logs", "secretsmanager", "ssm", "dkr", "api", "kms"} <= services
    assert {item["AvailabilityZone"][-1] for item in properties(network, "AWS::EC2::Subnet").values()} == {"a", "b", "d"}


def test_the_endpoints_answer_https_of_the_vpc_only(other: Mapping[str, Any]) -> None:
    group = only(other["network"], "AWS::EC2::SecurityGroup", GroupDescription="Services of AWS inside the VPC")
    (rule,) = group["SecurityGroupIngress"]
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("10.40.0.0/16", 443, 443)


def test_with_a_certificate_requests_are_encrypted_up_to_the_load_balancer_and_its_name_is_verified(
    other: Mapping[str, Any],
) -> None:
    listeners = properties(other["services"], "AWS::ElasticLoadBalancingV2::Listener").values()
    assert {(item["Protocol"], item["Port"]) for item in listeners} == {("HTTPS", 443), ("HTTPS", 8443)}
    assert {each["CertificateArn"] for item in listeners for each in item["Certificates"]} == {CERTIFICATE}
    body = only(other["edge"], "AWS::ApiGateway::RestApi")["Body"]
    uri = body["paths"]["/uploads"]["post"]["x-amazon-apigateway-integration"]["uri"]
    assert uri == "https://api.example.com:443/uploads"
    (hook,) = [
        item["Environment"]["Variables"]
        for item in properties(other["services"], "AWS::Lambda::Function").values()
        if item["Handler"] == "infra.aws.lifecycle_hook.handler.handler"
    ]
    assert (hook["HOOK_PORT"], hook["HOOK_NAME"]) == ("8443", "api.example.com")


def test_pages_of_the_named_origins_may_upload_and_originals_go_when_the_stage_says(other: Mapping[str, Any]) -> None:
    bucket = only(other["data"], "AWS::S3::Bucket")
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["https://shop.example.com"]
    assert "POST" in rule["AllowedMethods"]
    assert "DELETE" not in rule["AllowedMethods"]
    tasks = properties(other["services"], "AWS::ECS::TaskDefinition").values()
    environments = [each["Environment"] for item in tasks for each in item["ContainerDefinitions"] if each["Name"] == "image-api"]
    assert {"Name": "ALLOWED_ORIGINS", "Value": "https://shop.example.com"} in environments[0]
    assert "options" in only(other["edge"], "AWS::ApiGateway::RestApi")["Body"]["paths"]["/uploads"]
    kept = [item["ExpirationInDays"] for item in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in item]
    assert kept == [400]
