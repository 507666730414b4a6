"""Closes a VPC's default security group: whatever is made without a group of its own can reach nothing and is reached by nobody.

CloudFormation cannot change that group, so a small function does. Its code stands in the template: no file has to be uploaded.
"""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.aws.findings import accept

CODE = Path(__file__).with_name("default_group_code.py")
ONCE = "It runs when the stack is made, for a second, and keeps nothing."


class ClosedDefaultGroup(Construct):
    """The function, its role with two rights on that one group, and the request that runs it."""

    def __init__(self, scope: Construct, ident: str, *, vpc: ec2.Vpc) -> None:
        super().__init__(scope, ident)
        stack, group = cdk.Stack.of(self), vpc.vpc_default_security_group
        log = logs.LogGroup(self, "Log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=cdk.RemovalPolicy.DESTROY)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        function = functions.Function(
            self,
            "Function",
            runtime=functions.Runtime.PYTHON_3_13,
            architecture=functions.Architecture.ARM_64,
            handler="index.handler",
            code=functions.Code.from_inline(CODE.read_text("utf-8")),
            timeout=cdk.Duration.seconds(60),
            log_group=log,
            role=role,
        )
        arn = f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:security-group/{group}"
        for actions, resource in (
            (["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"], arn),
            (["ec2:DescribeSecurityGroupRules"], "*"),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        log.grant_write(role)
        closed = cdk.CustomResource(self, "Closed", service_token=function.function_arn, properties={"Group": group})
        closed.node.add_dependency(role)
        accept(role, nag={"IAM5[Resource::*]": "DescribeSecurityGroupRules knows no resources."})
        accept(
            function,
            lint={"W3005": "CDK waits for the role's policies by naming the role too."},
            nag={"L1": "The runtime of all of tocsin's functions."},
            checkov={
                "CKV_AWS_115": ONCE,
                "CKV_AWS_116": "CloudFormation waits for its answer and shows a failure.",
                "CKV_AWS_117": "It calls EC2's interface only.",
                "CKV_AWS_158": ONCE,
            },
        )
        accept(log, checkov={"CKV_AWS_158": ONCE})
