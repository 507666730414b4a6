"""What runs in a task: image, environment, secrets, log, health check, and two roles with no more than that container needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.platform.data import DataStack
from infra.aws.platform.service_settings import Size
from infra.aws.workload.settings import Variable

DIGEST = "sha256:[0-9a-f]{64}"
TOKENS = "ecr:GetAuthorizationToken knows no resource; every other statement names its own."
OBJECTS = "The objects in one folder of one bucket: their keys are drawn at random."


@dataclass(frozen=True, slots=True)
class Container:
    """One container of one task.

    ``image`` is its repository. ``variables`` are all that it reads, ``environment`` what is said here; ``secret`` is that of its
    role in the database. ``health`` is its health check (none for what ends by itself), ``command`` another one than the image's,
    ``stop_s`` the time from SIGTERM to SIGKILL, ``port`` where it listens.
    """

    name: str
    image: str
    size: Size
    variables: Sequence[Variable]
    environment: Mapping[str, str]
    secret: str
    health: Sequence[str]
    stop_s: int
    port: int | None = None
    command: Sequence[str] = ()


class Task(Construct):
    """A task definition (``definition``) with log and roles (``role``, ``execution``); its image's digest is a parameter."""

    def __init__(
        self,
        scope: Construct,
        ident: str,
        *,
        container: Container,
        data: DataStack,
        may: Iterable[iam.PolicyStatement],
        folders: Iterable[str],
    ) -> None:
        super().__init__(scope, ident)
        self._data, self._container = data, container
        stack = cdk.Stack.of(self)
        # A digest and no tag: what was tested is what runs, in every zone and after every restart.
        self.image = cdk.CfnParameter(
            stack,
            f"{ident}Image",
            description=f"Digest of the image of {container.name} in the repository {container.image}, sha256:...",
            allowed_pattern=DIGEST,
            constraint_description="must be a digest, sha256: and 64 digits",
        )
        self.log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/ecs/{container.name}",
            retention=logs.RetentionDays.ONE_MONTH,
            encryption_key=data.key,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.role = _role(self, "Role", f"What the code of {container.name} may do", may)
        bucket = stack.resolve(data.export_value(data.bucket.bucket_arn))["Fn::ImportValue"]
        accept(self.role, nag={f"IAM5[Resource::{bucket}/{folder}*]": OBJECTS for folder in folders})
        self.execution = _role(self, "Execution", f"What ECS may do to start {container.name}", self._starting())
        accept(self.execution, nag={"IAM5[Resource::*]": TOKENS})
        self.definition = ecs.CfnTaskDefinition(
            self,
            "Definition",
            family=container.name,
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE"],
            runtime_platform=ecs.CfnTaskDefinition.RuntimePlatformProperty(
                cpu_architecture="ARM64", operating_system_family="LINUX"
            ),
            cpu=str(container.size.cpu),
            memory=str(container.size.memory),
            task_role_arn=self.role.role_arn,
            execution_role_arn=self.execution.role_arn,
            container_definitions=[self._container_definition()],
        )
        accept(
            self.definition,
            nag={"ECS2": "Names, addresses and numbers only; what is secret comes by `secrets`, which the log never shows."},
        )

    def _container_definition(self) -> ecs.CfnTaskDefinition.ContainerDefinitionProperty:
        container, property_ = self._container, ecs.CfnTaskDefinition
        known = {variable.name for variable in container.variables if not variable.injected}
        told = {"STOP_WITHIN_S": str(container.stop_s)} if "STOP_WITHIN_S" in known else {}
        environment = {**told, **container.environment}
        if unknown := environment.keys() - known:
            raise ValueError(f"{container.name} does not read {', '.join(sorted(unknown))}")
        repository = self._data.repositories[container.image]
        return property_.ContainerDefinitionProperty(
            name=container.name,
            image=f"{repository.repository_uri}@{self.image.value_as_string}",
            essential=True,
            readonly_root_filesystem=True,  # and no volume: neither container writes a file
            user="10001:10001",
            linux_parameters=property_.LinuxParametersProperty(
                capabilities=property_.KernelCapabilitiesProperty(drop=["ALL"]), init_process_enabled=True
            ),
            environment=[property_.KeyValuePairProperty(name=name, value=value) for name, value in sorted(environment.items())],
            secrets=[property_.SecretProperty(name=name, value_from=source) for name, source in self._injected().items()],
            command=list(container.command) or None,
            health_check=_health(container.health),
            port_mappings=_ports(container.port),
            stop_timeout=container.stop_s,
            log_configuration=property_.LogConfigurationProperty(
                log_driver="awslogs",
                options={
                    "awslogs-group": self.log.log_group_name,
                    "awslogs-region": cdk.Aws.REGION,
                    "awslogs-stream-prefix": "task",
                    # A log that cannot be written must not stop the service: lines are dropped then, and counted.
                    "mode": "non-blocking",
                    "max-buffer-size": "8m",
                },
            ),
        )

    def _injected(self) -> dict[str, str]:
        """Return what ECS reads at a task's start, and where it is."""
        sources = {"DATABASE_SECRET": self._container.secret, "IMAGE_SETTINGS": self._data.settings.parameter_arn}
        return {each.name: sources[each.name] for each in self._container.variables if each.injected}

    def _starting(self) -> list[iam.PolicyStatement]:
        data, repository = self._data, self._data.repositories[self._container.image]
        return [
            allow(["ecr:GetAuthorizationToken"], ["*"]),
            allow(
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                [repository.repository_arn],
            ),
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], [f"{self.log.log_group_arn}"]),
            allow(["secretsmanager:GetSecretValue"], [self._container.secret]),
            *([allow(["ssm:GetParameters"], [data.settings.parameter_arn])] if "IMAGE_SETTINGS" in self._injected() else []),
            through(["kms:Decrypt"], data.key.key_arn, "secretsmanager"),
        ]


def _health(command: Sequence[str]) -> ecs.CfnTaskDefinition.HealthCheckProperty | None:
    if not command:
        return None
    check = ecs.CfnTaskDefinition.HealthCheckProperty
    return check(command=["CMD", *command], interval=10, timeout=5, retries=3, start_period=30)


def _ports(port: int | None) -> list[ecs.CfnTaskDefinition.PortMappingProperty]:
    return [ecs.CfnTaskDefinition.PortMappingProperty(container_port=port, protocol="tcp")] if port else []


def allow(actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    """Return a statement that allows ``actions`` on ``resources``."""
    return iam.PolicyStatement(actions=list(actions), resources=list(resources))


def through(actions: Sequence[str], key: str, service: str) -> iam.PolicyStatement:
    """Return a statement that allows the use of ``key``, by ``service`` of this region only."""
    conditions = {"StringEquals": {"kms:ViaService": f"{service}.{cdk.Aws.REGION}.{cdk.Aws.URL_SUFFIX}"}}
    return iam.PolicyStatement(actions=list(actions), resources=[key], conditions=conditions)


def _role(scope: Construct, ident: str, description: str, may: Iterable[iam.PolicyStatement]) -> iam.Role:
    """Make a role that only tasks of this account take.

    The conditions shut out a confused deputy. [ECS developer guide, task IAM role]
    """
    stack = cdk.Stack.of(scope)
    tasks = iam.ServicePrincipal(
        "ecs-tasks.amazonaws.com",
        conditions={
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:*"},
        },
    )
    statements = list(may)
    policies = {"least": iam.PolicyDocument(statements=statements)} if statements else None
    return iam.Role(scope, ident, assumed_by=tasks, description=description, inline_policies=policies)
