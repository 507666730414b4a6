"""The functions: code, size, time, log, and how a new version comes into use. Nothing here says what one may do (roles.py).

Each has a published version behind the alias ``live``, which the queues and the door call. A deploy shifts the alias by degrees
and turns back when the function's own alarms ring (deployments.py).
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.aws.bundle.builder import OUT, build
from infra.aws.bundle.functions import FUNCTIONS
from infra.aws.bundle.target import LAMBDA
from infra.aws.findings import accept
from infra.aws.pipeline.keys import Keys
from infra.aws.pipeline.place import Place
from infra.aws.pipeline.settings import PipelineSettings, Vpc

# The notifier's thirty seconds are two calls to Slack that time out, and room for the rest of a batch; the remediators' a
# diagnosis (20 s) or log queries (15 s), and the change. What breaks comes again after six times as long, so more would make
# every second try later. Slack gives the door three; what it was told in time is still passed on after.
TIMEOUT_S: Mapping[str, int] = {"notifier": 30, "remediators": 30, "interactive": 10}
RUNTIME = "the wheels and their bytecode are built for Python 3.13, which Lambda supports until the middle of 2029"
# A timer of the remediators is a message to their own queue. A change that is watched once a minute for hours is a chain of as
# many calls, and Lambda takes the seventeenth for a runaway loop and drops it (developer guide, recursive loop detection). Each
# chain ends by the deadline of its run, and only so many run at once.
CALL_THEMSELVES = frozenset({"remediators"})
ALIAS = "live"
DATABASE_CA = "/opt/database-ca.pem"


@dataclass(frozen=True, slots=True)
class Deployed:
    """One function, and the alias that is called."""

    room: str
    function: lambda_.Function
    alias: lambda_.Alias


def function(
    scope: Construct,
    place: Place,
    room: str,
    *,
    role: iam.IRole,
    environment: Mapping[str, str],
    settings: PipelineSettings,
    keys: Keys,
) -> Deployed:
    """Make the function of ``room`` from its zip, with its log, its version and its alias."""
    bundled = FUNCTIONS[room]
    made = lambda_.Function(
        scope,
        room.capitalize() + "Function",
        function_name=place.named(room),
        description=f"tocsin's {room}, stage {place.stage}",
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        handler=bundled.handler,
        code=lambda_.Code.from_asset(str(build(bundled, LAMBDA))),
        role=role,
        environment=dict(environment),
        memory_size=settings.memory[room],
        timeout=cdk.Duration.seconds(TIMEOUT_S[room]),
        reserved_concurrent_executions=settings.concurrency[room] if settings.reserved_concurrency else None,
        recursive_loop=lambda_.RecursiveLoop.ALLOW if room in CALL_THEMSELVES else None,
        tracing=lambda_.Tracing.ACTIVE,
        logging_format=lambda_.LoggingFormat.JSON,
        application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
        system_log_level_v2=lambda_.SystemLogLevel.INFO,
        log_group=log_group(scope, f"{room.capitalize()}Log", f"/aws/lambda/{place.named(room)}", settings, keys),
        # What was in use before stays, to be returned to.
        current_version_options=lambda_.VersionOptions(removal_policy=cdk.RemovalPolicy.RETAIN),
    )
    resource = made.node.default_child
    resource.add_deletion_override("DependsOn")  # the role says all that it may do itself, and is referred to already
    if room == "remediators" and settings.vpc:
        _into(resource, scope, settings.vpc)
    _explain(resource, room, settings)
    alias = lambda_.Alias(scope, f"{room.capitalize()}Alias", alias_name=ALIAS, version=made.current_version)
    return Deployed(room, made, alias)


def log_group(scope: Construct, ident: str, name: str, settings: PipelineSettings, keys: Keys) -> logs.LogGroup:
    """Make an encrypted log that forgets in time and outlives its stack, but not a stack that could not be made.

    Left behind by a creation that is rolled back, its name would be taken when the stack is made again.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    kept = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    made = logs.LogGroup(scope, ident, log_group_name=name, encryption_key=keys.data, removal_policy=kept)
    made.node.default_child.retention_in_days = settings.log_days
    return made


def _into(resource: lambda_.CfnFunction, scope: Construct, vpc: Vpc) -> None:
    """Put the function into the VPC of the databases, with the certificates that it shall trust beside its code."""
    resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
        subnet_ids=list(vpc.subnets), security_group_ids=list(vpc.security_groups)
    )
    if vpc.database_ca:
        layer = lambda_.LayerVersion(
            scope,
            "DatabaseCa",
            code=lambda_.Code.from_asset(str(_folder_of(vpc.database_ca))),
            description="The certificates that a direct way to a database trusts",
        )
        resource.layers = [layer.layer_version_arn]


def _folder_of(authorities: Path) -> Path:
    """Return a folder that holds the certificates only, under the name that the function is told."""
    folder = OUT / "database-ca" / hashlib.sha256(authorities.read_bytes()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(authorities, folder / Path(DATABASE_CA).name)
    return folder


def _explain(resource: lambda_.CfnFunction, room: str, settings: PipelineSettings) -> None:
    reasons = {
        "CKV_AWS_173": "the variables are names and addresses; the one secret is read from Secrets Manager",
        "CKV_AWS_116": "a queue calls it: dead letters are the queue's"
        if room != "interactive"
        else "it is called and waited for: nothing is queued",
    }
    if not (room == "remediators" and settings.vpc):
        reasons["CKV_AWS_117"] = "it speaks to AWS's and Slack's public addresses only; a VPC would add a NAT gateway to fail"
    if not settings.reserved_concurrency:
        reasons["CKV_AWS_115"] = "the stage file says so: the account's own limit leaves nothing to reserve"
    accept(resource, nag={"L1": RUNTIME}, checkov=reasons)
