"""The network's stack: three zones, what may be reached from where, and the records of who tried."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.platform.default_group import ClosedDefaultGroup
from infra.aws.platform.settings import Nat, Platform
from infra.aws.platform.traffic import HTTPS, Groups

# What tasks and functions in the VPC call. S3 has a gateway, which costs nothing, and carries the images and ECR's layers.
SERVICES = {
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Parameters": ec2.InterfaceVpcEndpointAwsService.SSM,
    "Queues": ec2.InterfaceVpcEndpointAwsService.SQS,
    "Keys": ec2.InterfaceVpcEndpointAwsService.KMS,
    "Deployments": ec2.InterfaceVpcEndpointAwsService.ECS,
    "Traces": ec2.InterfaceVpcEndpointAwsService.XRAY,
}
FLOWS, ACCESS = "flows", "access"
LOGS_OF_LOGS = "This is the bucket that access logs go to: its own would fill it for ever."


class NetworkStack(cdk.Stack):
    """The VPC (``vpc``), its security groups (``groups``), and the bucket that others write their access logs to (``logs``)."""

    def __init__(self, scope: Construct, ident: str, *, platform: Platform, **kwargs: Any) -> None:
        super().__init__(scope, ident, **kwargs)
        network = platform.network
        self._zones = [f"{self.region}{zone}" for zone in network.zones]
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(network.cidr),
            availability_zones=self._zones,
            nat_gateways={Nat.NONE: 0, Nat.ONE: 1, Nat.PER_ZONE: len(network.zones)}[network.nat],
            subnet_configuration=_subnets(network.nat),
            restrict_default_security_group=False,
        )
        for subnet in self.vpc.node.find_all():
            if isinstance(subnet, ec2.CfnSubnet):  # zones by name: without an account CDK knows two zones, and we want three
                accept(subnet, lint={"W3010": "Zones by name, chosen in the stage file."})
        self.groups = Groups(self, "Groups", vpc=self.vpc, balancer=platform.balancer)
        self.logs = self._log_bucket(network.keep_flow_logs)
        ClosedDefaultGroup(self, "DefaultGroup", vpc=self.vpc)
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        if network.nat is Nat.NONE:
            self._interfaces(network.cidr)
        self.vpc.add_flow_log("Flows", destination=ec2.FlowLogDestination.to_s3(self.logs, FLOWS))

    @property
    def availability_zones(self) -> list[str]:
        """The zones by name: CDK would ask the account for them, which a finished template must not wait for."""
        return self._zones

    @property
    def tasks(self) -> ec2.SubnetSelection:
        """Where tasks, functions and the load balancer are: out to AWS's services, and nothing comes in from outside."""
        return ec2.SubnetSelection(subnet_group_name="private")

    @property
    def isolated(self) -> ec2.SubnetSelection:
        """Where the database is: no way out at all."""
        return ec2.SubnetSelection(subnet_group_name="isolated")

    def _log_bucket(self, days: int) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,  # the writers of S3's and the balancer's access logs know no other
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=cdk.RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=cdk.Duration.days(days), abort_incomplete_multipart_upload_after=cdk.Duration.days(1))
            ],
        )
        accept(
            bucket,
            nag={"S1": LOGS_OF_LOGS},
            checkov={"CKV_AWS_18": LOGS_OF_LOGS, "CKV_AWS_21": "Written once, by AWS, and expired."},
        )
        ours = {"StringEquals": {"aws:SourceAccount": self.account}}
        for service, folder in {"delivery.logs": FLOWS, "logging.s3": ACCESS}.items():
            writer = iam.ServicePrincipal(f"{service}.amazonaws.com")
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[writer],
                    actions=["s3:PutObject"],
                    resources=[bucket.arn_for_objects(f"{folder}/*")],
                    conditions=ours,
                )
            )
        # Load balancers write below the number of the account that they are of: no other account's can write here.
        balancers = iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")
        own = bucket.arn_for_objects(f"{ACCESS}/balancer/AWSLogs/{self.account}/*")
        bucket.add_to_resource_policy(iam.PolicyStatement(principals=[balancers], actions=["s3:PutObject"], resources=[own]))
        acl = iam.ServicePrincipal("delivery.logs.amazonaws.com")
        bucket.add_to_resource_policy(
            iam.PolicyStatement(principals=[acl], actions=["s3:GetBucketAcl"], resources=[bucket.bucket_arn], conditions=ours)
        )
        return bucket

    def _interfaces(self, cidr: str) -> None:
        group = ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, description="Services of AWS inside the VPC", allow_all_outbound=False
        )
        group.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(HTTPS), "From within the VPC")
        for name, service in SERVICES.items():
            self.vpc.add_interface_endpoint(name, service=service, security_groups=[group], subnets=self.tasks, open=False)


def _subnets(nat: Nat) -> list[ec2.SubnetConfiguration]:
    """Return three kinds of subnets; without a NAT gateway nothing is public, and the private ones have no way out."""
    inside = ec2.SubnetType.PRIVATE_ISOLATED if nat is Nat.NONE else ec2.SubnetType.PRIVATE_WITH_EGRESS
    public = [
        ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=26, map_public_ip_on_launch=False)
    ]
    return [
        ec2.SubnetConfiguration(name="private", subnet_type=inside, cidr_mask=23),
        ec2.SubnetConfiguration(name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=26),
        *(public if nat is not Nat.NONE else []),
    ]
