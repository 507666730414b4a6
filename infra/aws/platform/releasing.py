"""How a new version of the API comes into use: ECS's own blue/green, tried by a function, watched by alarms, with a way back.

Nothing outside ECS drives a deployment: a new task definition is all that it takes. Green starts beside blue in the other target
group, gets test traffic, is tried by the lifecycle hook, gets all traffic, and bakes. Until the bake time is over any failure
moves the traffic back to blue, which still runs. [ECS developer guide, blue/green deployments]
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.aws.bundle.builder import build
from infra.aws.bundle.functions import FUNCTIONS
from infra.aws.bundle.target import LAMBDA
from infra.aws.findings import accept
from infra.aws.lifecycle_hook.called import TEST_TRAFFIC
from infra.aws.platform.balancer import ApplicationBalancer
from infra.aws.platform.containers import allow
from infra.aws.platform.data import DataStack
from infra.aws.platform.deployment_alarms import DeploymentAlarm, deployment_alarms, long_enough
from infra.aws.platform.network import NetworkStack
from infra.aws.platform.service_settings import API
from infra.aws.platform.settings import Platform
from infra.aws.platform.traffic import API_PORT
from infra.aws.stage_file import Stage

HOOK = "lifecycle-hook"
HOOK_TIMEOUT_S = 120  # all requests of all rounds at their slowest, and one that times out
HOOK_WAIT_M = 15  # a hook that hangs holds the service between two versions: roll back rather than wait a day
# Without conditions on the source, as its guide has it: which context keys ECS sends while it deploys is not documented.
ECS = "ecs.amazonaws.com"
LOOKING = "EC2 knows no resource for describing interfaces and subnets."
INTERFACES = (
    "Lambda makes the interfaces of a function in a VPC as its role; its guide wants all interfaces of account and region."
)
TRAFFIC_POLICY = "AmazonECSInfrastructureRolePolicyForLoadBalancers"


class Releasing(Construct):
    """``configuration`` and ``load_balancer`` are what the service is made with."""

    def __init__(
        self,
        scope: Construct,
        ident: str,
        *,
        stage: Stage,
        platform: Platform,
        network: NetworkStack,
        data: DataStack,
        balancing: ApplicationBalancer,
    ) -> None:
        super().__init__(scope, ident)
        self._stage, self._platform, self._network, self._data = stage, platform, network, data
        self._balancing = balancing
        long_enough(platform.release)
        function = self._function()
        alarms = self._alarms()
        self.load_balancer = self._load_balancer()
        service = ecs.CfnService
        self.configuration = service.DeploymentConfigurationProperty(
            strategy="BLUE_GREEN",
            bake_time_in_minutes=platform.release.bake_m,
            maximum_percent=200,
            minimum_healthy_percent=100,
            # For a green whose tasks never come up, which no metric of a target group shows.
            # [ECS developer guide, deployment failure detection: both methods are for both strategies]
            deployment_circuit_breaker=service.DeploymentCircuitBreakerProperty(enable=True, rollback=True),
            alarms=service.DeploymentAlarmsProperty(alarm_names=[alarm.ref for alarm in alarms], enable=True, rollback=True),
            lifecycle_hooks=[
                service.DeploymentLifecycleHookProperty(
                    hook_target_arn=function.function_arn,
                    role_arn=self._caller(function).role_arn,
                    lifecycle_stages=[TEST_TRAFFIC],
                    timeout_configuration=service.HookTimeoutConfigProperty(timeout_in_minutes=HOOK_WAIT_M, action="ROLLBACK"),
                )
            ],
        )

    def _load_balancer(self) -> ecs.CfnService.LoadBalancerProperty:
        balancing = self._balancing
        self.traffic = iam.Role(
            self,
            "Traffic",
            description="What ECS may do to the load balancer to move traffic from blue to green and back",
            assumed_by=iam.ServicePrincipal(ECS),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(TRAFFIC_POLICY)],
        )
        policy = f"arn:<AWS::Partition>:iam::aws:policy/{TRAFFIC_POLICY}"
        reason = "AWS's own, made for this and nothing else: it changes with what ECS needs."
        accept(self.traffic, nag={f"IAM4[Policy::{policy}]": reason})
        return ecs.CfnService.LoadBalancerProperty(
            container_name=API,
            container_port=API_PORT,
            target_group_arn=balancing.blue.target_group_arn,
            advanced_configuration=ecs.CfnService.AdvancedConfigurationProperty(
                alternate_target_group_arn=balancing.green.target_group_arn,
                production_listener_rule=balancing.production_rule.listener_rule_arn,
                test_listener_rule=balancing.test_rule.listener_rule_arn,
                role_arn=self.traffic.role_arn,
            ),
        )

    def _alarms(self) -> Sequence[cloudwatch.CfnAlarm]:
        balancing = self._balancing
        found = deployment_alarms(
            self._stage.rows,
            self._platform.release,
            base=self._stage.base,
            service=API,
            balancer=balancing.balancer.load_balancer_full_name,
            groups={"blue": balancing.blue.target_group_full_name, "green": balancing.green.target_group_full_name},
        )
        return [self._alarm(alarm) for alarm in found]

    def _alarm(self, alarm: DeploymentAlarm) -> cloudwatch.CfnAlarm:
        ident = "".join(part.capitalize() for part in alarm.name.split("/")[-2:])
        members = _lower(dict(alarm.members))
        return cloudwatch.CfnAlarm(self, ident, alarm_name=alarm.name, alarm_description=alarm.description, **members)

    def _function(self) -> lambda_.Function:
        """Make the hook's function, in the VPC: the test listener is reached from nowhere else."""
        release, network, data = self._platform.release, self._network, self._data
        bundled, name = FUNCTIONS[HOOK], f"{self._stage.base}-{HOOK}"
        log = logs.LogGroup(
            self,
            "HookLog",
            log_group_name=f"/aws/lambda/{name}",
            retention=logs.RetentionDays.ONE_MONTH,
            encryption_key=data.key,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        role = iam.Role(
            self,
            "HookRole",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="The lifecycle hook: its log, and the interfaces of a function in a VPC",
            inline_policies={"least": iam.PolicyDocument(statements=_hook_may(self, name, log))},
        )
        stack = cdk.Stack.of(self)
        account = "<AWS::AccountId>" if cdk.Token.is_unresolved(stack.account) else stack.account  # as cdk-nag writes it
        here = f"arn:<AWS::Partition>:ec2:{stack.region}:{account}:*/*"
        accept(role, nag={"IAM5[Resource::*]": LOOKING, f"IAM5[Resource::{here}]": INTERFACES})
        balancer = self._platform.balancer
        function = lambda_.Function(
            self,
            "Hook",
            function_name=name,
            description="Tries green by test traffic before it gets any other",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=bundled.handler,
            code=lambda_.Code.from_asset(str(build(bundled, LAMBDA))),
            role=role.without_policy_updates(),
            memory_size=256,
            timeout=cdk.Duration.seconds(HOOK_TIMEOUT_S),
            vpc=network.vpc,
            vpc_subnets=network.tasks,
            security_groups=[network.groups.hook],
            logging_format=lambda_.LoggingFormat.JSON,
            log_group=log,
            environment={
                "HOOK_HOST": self._balancing.balancer.load_balancer_dns_name,
                "HOOK_PORT": str(balancer.test_port),
                **({"HOOK_NAME": balancer.domain} if balancer.domain else {}),
                "HOOK_BUCKET": data.bucket.bucket_name,
                "HOOK_PREFIX": self._platform.uploads.prefix,
                "HOOK_ROUNDS": str(release.rounds),
                "HOOK_FAILURES": str(release.failures),
                "HOOK_SLOWEST_MS": str(release.slowest_ms),
            },
        )
        function.node.default_child.add_deletion_override("DependsOn")  # the role is referred to already, and says it all
        accept(
            function,
            nag={"L1": "The zip is built and compiled for Python 3.13, which Lambda supports until the middle of 2029."},
            checkov={
                "CKV_AWS_115": "ECS calls it a few times in a deployment; what it must not be is kept from running.",
                "CKV_AWS_116": "ECS calls it and waits for the answer: a failure rolls the deployment back, no letter is lost.",
                "CKV_AWS_173": "Addresses and numbers only.",
            },
        )
        return function

    def _caller(self, function: lambda_.Function) -> iam.Role:
        """Return the role as which ECS calls the hook, and nothing else."""
        return iam.Role(
            self,
            "Caller",
            description="ECS calls the lifecycle hook",
            assumed_by=iam.ServicePrincipal(ECS),
            inline_policies={"least": iam.PolicyDocument(statements=[allow(["lambda:InvokeFunction"], [function.function_arn])])},
        )


def _hook_may(scope: Construct, name: str, log: logs.LogGroup) -> list[iam.PolicyStatement]:
    """Return what Lambda needs in the name of the function called ``name``; the function's own code is kept from the interfaces.

    [Lambda developer guide, giving functions access to resources in a VPC]
    """
    stack = cdk.Stack.of(scope)
    function = f"arn:{stack.partition}:lambda:{stack.region}:{stack.account}:function:{name}"
    looks = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")
    changes = (
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    )
    return [
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn]),
        allow(looks, ["*"]),
        allow(changes, [f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:*/*"]),
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=[*looks, *changes],
            resources=["*"],
            conditions={"ArnEquals": {"lambda:SourceFunctionArn": function}},
        ),
    ]


def _lower(members: dict[str, object]) -> dict[str, object]:
    """Return PutMetricAlarm's members as CDK spells them: the first letter is small, and so on downwards."""

    def spelt(value: object) -> object:
        if isinstance(value, dict):
            return {key[0].lower() + key[1:]: spelt(each) for key, each in value.items()}
        return [spelt(each) for each in value] if isinstance(value, list) else value

    return {_snake(key): spelt(value) for key, value in members.items()}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
