"""The network: three zones, a way out and none in, and only the connections that somebody needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from cloud_templates import listed, only, properties, refers, statements, text
from moto import mock_aws

from infra.aws.platform.default_group_code import close

REGION = "ap-northeast-2"
GROUP, INWARD, OUTWARD = "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"


@pytest.fixture
def network(templates: Mapping[str, Any]) -> Any:
    return templates["network"]


def _name(template: Mapping[str, Any], subnet: Mapping[str, Any]) -> str:
    return str(next(tag["Value"] for tag in subnet["Tags"] if tag["Key"] == "aws-cdk:subnet-name"))


def _rules(template: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """Yield each rule as (group, direction, other side, port)."""
    named = {key: item["GroupDescription"] for key, item in properties(template, GROUP).items()}
    for key, item in properties(template, GROUP).items():
        for direction, other in (("Ingress", "CidrIp"), ("Egress", "CidrIp")):
            for rule in item.get(f"SecurityGroup{direction}", ()):
                yield named[key], direction, rule[other], rule["FromPort"]
    for kind, direction, other in (
        (INWARD, "Ingress", "SourceSecurityGroupId"),
        (OUTWARD, "Egress", "DestinationSecurityGroupId"),
    ):
        for rule in properties(template, kind).values():
            (here,), (there,) = refers(rule["GroupId"]), refers(rule[other])
            yield named[here], direction, named[there], rule["FromPort"]


def test_s5_every_kind_of_subnet_is_in_three_zones_named_in_the_stage_s_file(network: Any) -> None:
    zones: dict[str, set[str]] = {}
    for subnet in properties(network, "AWS::EC2::Subnet").values():
        zones.setdefault(_name(network, subnet), set()).add(subnet["AvailabilityZone"])

    three = {f"{REGION}a", f"{REGION}b", f"{REGION}c"}
    assert zones == {"public": three, "private": three, "isolated": three}


def test_s5_a_zone_that_fails_takes_no_other_zone_s_way_out_with_it(network: Any) -> None:
    assert len(properties(network, "AWS::EC2::NatGateway")) == 3
    routes = [item for item in properties(network, "AWS::EC2::Route").values() if "NatGatewayId" in item]
    assert len({text(item["NatGatewayId"]) for item in routes}) == len({text(item["RouteTableId"]) for item in routes}) == 3


def test_the_database_s_subnets_have_no_way_out_and_no_subnet_hands_out_public_addresses(network: Any) -> None:
    subnets = properties(network, "AWS::EC2::Subnet")
    isolated = {key for key, item in subnets.items() if _name(network, item) == "isolated"}
    tables = {
        text(item["RouteTableId"])
        for item in properties(network, "AWS::EC2::SubnetRouteTableAssociation").values()
        if refers(item["SubnetId"]) & isolated
    }
    assert len(tables) == 3
    assert not tables & {text(item["RouteTableId"]) for item in properties(network, "AWS::EC2::Route").values()}
    assert [item["MapPublicIpOnLaunch"] for item in subnets.values()] == [False] * 9


def test_s7_images_do_not_pass_the_gateways_that_bill_each_byte(network: Any) -> None:
    endpoint = only(network, "AWS::EC2::VPCEndpoint")
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert "s3" in text(endpoint["ServiceName"])
    assert len(endpoint["RouteTableIds"]) >= 3


def test_nothing_is_open_to_the_world_and_only_who_needs_the_database_reaches_it(network: Any) -> None:
    rules = list(_rules(network))

    assert not [rule for rule in rules if rule[1] == "Ingress" and rule[2] in ("0.0.0.0/0", "::/0")]
    reach = {rule[2] for rule in rules if rule[:2] == ("Aurora", "Ingress")}
    assert reach == {"Tasks of the API", "Tasks of the image consumer", "The functions that rotate secrets"}
    assert [rule for rule in rules if rule[0] == "Aurora" and rule[1] == "Egress" and rule[2] != "255.255.255.255/32"] == []
    assert {rule[2:] for rule in rules if rule[:2] == ("The load balancer", "Ingress")} == {
        ("From API Gateway into the VPC", 80),
        ("The function that tries green tasks", 8080),
    }


def test_what_tasks_open_to_the_outside_is_https_only(network: Any) -> None:
    outside = {rule for rule in _rules(network) if rule[1] == "Egress" and rule[2] == "0.0.0.0/0"}
    assert {port for *_, port in outside} == {443}


def test_the_default_group_is_closed_by_a_function_that_may_change_that_one_group(network: Any) -> None:
    policy = next(
        item["PolicyDocument"]
        for item in properties(network, "AWS::IAM::Policy").values()
        if "ec2:RevokeSecurityGroupIngress" in str(item)
    )
    changing = [item for item in statements(policy) if any(action.startswith("ec2:Revoke") for action in item["Action"])]
    assert [text(item["Resource"]).split("/")[-1] for item in changing] == ["{Vpc8378EB38.DefaultSecurityGroup}"]
    assert "DefaultSecurityGroup" in str(only(network, "AWS::CloudFormation::CustomResource")["Group"])


def test_the_function_leaves_a_default_group_without_a_rule(network: Any) -> None:
    with mock_aws():
        ec2 = boto3.client("ec2", region_name=REGION)
        vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        found = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"][0]
        assert found["IpPermissionsEgress"]

        close(ec2, found["GroupId"])
        close(ec2, found["GroupId"])

        group = ec2.describe_security_groups(GroupIds=[found["GroupId"]])["SecurityGroups"][0]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])
    code = only(network, "AWS::Lambda::Function")["Code"]["ZipFile"]
    assert "def close(" in code
    assert len(code) <= 4096


def test_every_connection_is_written_down_where_only_aws_s_log_writers_write(network: Any) -> None:
    flows = only(network, "AWS::EC2::FlowLog")
    assert flows["TrafficType"] == "ALL"
    (bucket,) = refers(flows["LogDestination"])
    policy = only(network, "AWS::S3::BucketPolicy")
    assert refers(policy["Bucket"]) == {bucket}
    writers = [
        item for item in statements(policy["PolicyDocument"]) if item["Effect"] == "Allow" and "s3:PutObject" in item["Action"]
    ]
    balancers, *others = sorted(writers, key=lambda item: "elasticloadbalancing" not in item["Principal"]["Service"])
    assert {item["Principal"]["Service"] for item in others} == {"delivery.logs.amazonaws.com", "logging.s3.amazonaws.com"}
    assert all(item["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"} for item in others)
    assert "/AWSLogs/{AWS::AccountId}/" in text(balancers["Resource"])
    assert all(text(resource).endswith("/*") for item in writers for resource in listed(item["Resource"]))
