"""Who may do what: one role for each function, written out. No managed policy of AWS's: each allows more than a function does.

What the remediators may do is not written here: it is what ``tocsin iam`` prints for the stage's catalogue, so that a row that
is added brings its permissions with it, and one that goes takes them along. CDK may not add to a role what it thinks that tracing
or a network needs: that is written out too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from alarms.domain.errors import CannotRun
from alarms.settings import PLACEHOLDER_ACCOUNT
from infra.aws.findings import accept
from infra.aws.permissions import names_of
from infra.aws.pipeline import statements as s
from infra.aws.pipeline.keys import Keys
from infra.aws.pipeline.place import Place
from infra.aws.stage_file import Stage
from remediators.permissions.grants import Grant, grants, wildcards
from remediators.permissions.policy_document import documents
from remediators.permissions.policy_document import statements as least
from remediators.registry import registry

MOST_POLICIES = 10  # managed policies on a role, by IAM's default quota
NO_RESOURCES = "X-Ray, and EC2 for the interfaces of a function in a VPC, know no narrower resource"
KEY_ACTIONS = "the actions are those of DynamoDB's and SQS's guides; the key is one, and only through that service"


def notifier(scope: Construct, place: Place, keys: Keys) -> iam.IRole:
    """Make the notifier's role: its own table, the rows, the token, its own queue."""
    threads = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")
    return _role(
        scope,
        place,
        "notifier",
        [
            s.allow("Threads", threads, [place.table("threads")]),
            s.allow("Rows", ["dynamodb:GetItem"], [place.table("catalogue")]),
            s.through("TablesKey", keys.data.key_arn, s.WRITE_KEY, "dynamodb", place),
            *_secret(place, keys),
            # Slack says how long to wait: the record comes back then, not a whole visibility timeout later.
            s.allow("OwnQueue", (*s.CONSUME, "sqs:ChangeMessageVisibility", "sqs:GetQueueUrl"), [place.queue("notifier")]),
            s.through("QueueKey", keys.messages.key_arn, ["kms:Decrypt"], "sqs", place),
        ],
    ).without_policy_updates()


def interactive(scope: Construct, place: Place, keys: Keys) -> iam.IRole:
    """Make the door's role: it verifies, looks up, and passes on. It can change nothing."""
    approvers = place.arn("ssm", f"parameter{place.parameter('approvers')}")
    return _role(
        scope,
        place,
        "interactive",
        [
            *_secret(place, keys),
            s.allow("Approvers", ["ssm:GetParameter"], [approvers]),
            s.allow("Incidents", ["dynamodb:GetItem"], [place.table("threads")]),
            s.through("TablesKey", keys.data.key_arn, s.READ_KEY, "dynamodb", place),
            s.allow("PassOn", ["sqs:SendMessage"], [place.queue("notifier"), place.queue("remediators")]),
            s.through("QueuesKey", keys.messages.key_arn, ["kms:Decrypt", "kms:GenerateDataKey"], "sqs", place),
        ],
    ).without_policy_updates()


def remediators(scope: Construct, place: Place, keys: Keys, stage: Stage, *, in_vpc: bool) -> iam.IRole:
    """Make the remediators' role: what `tocsin iam` prints, and the use of the keys that those resources are encrypted with."""
    found = needed(stage)
    policies = [
        iam.ManagedPolicy(
            scope,
            f"RemediatorsPolicy{number}",
            managed_policy_name=place.named(f"remediators-{number}"),
            description=f"What the catalogue of {place.base} needs, as tocsin iam prints it",
            document=iam.PolicyDocument.from_json(in_account(document, place)),
        )
        for number, document in enumerate(documents(least(found)), 1)
    ]
    if len(policies) > MOST_POLICIES:
        raise CannotRun(f"the catalogue needs {len(policies)} managed policies, and IAM attaches {MOST_POLICIES} to a role")
    for policy in policies:
        _accept_wildcards(policy, found, place)
    own = [
        s.through("TablesKey", keys.data.key_arn, s.WRITE_KEY, "dynamodb", place),
        s.through("QueuesKey", keys.messages.key_arn, ["kms:Decrypt", "kms:GenerateDataKey"], "sqs", place),
        *foreign_keys(found, place),
        *(s.network(place, "remediators") if in_vpc else ()),
    ]
    role = _role(scope, place, "remediators", own, policies, log=False)
    if in_vpc:
        accept(role, checkov={"CKV_AWS_111": f"{NO_RESOURCES}; the function's own code is denied them"})
    return role.without_policy_updates()


def needed(stage: Stage) -> tuple[Grant, ...]:
    """Return what `tocsin iam` finds for the stage."""
    return grants((one.alarm for one in stage.desired), registry().specs(), names_of(stage.settings))


def in_account(value: Any, place: Place) -> Any:
    """Return IAM's JSON with the placeholder account, where the catalogue declares none, replaced by the stack's own."""
    if isinstance(value, str):
        return value.replace(f":{PLACEHOLDER_ACCOUNT}:", f":{place.account}:")
    if isinstance(value, Mapping):
        return {name: in_account(member, place) for name, member in value.items()}
    return [in_account(member, place) for member in value]


def _secret(place: Place, keys: Keys) -> tuple[s.Statement, ...]:
    # Secrets Manager adds a hyphen and six characters to the name.
    arn = place.arn("secretsmanager", f"secret:{place.secret}-??????")
    return (
        s.allow("SlackSecret", ["secretsmanager:GetSecretValue"], [arn]),
        s.through("SecretKey", keys.data.key_arn, ["kms:Decrypt"], "secretsmanager", place),
    )


def foreign_keys(found: Iterable[Grant], place: Place) -> list[s.Statement]:
    """Return the use of keys that are not ours: those of the secrets and queues that the rows name, whatever key each has.

    Which keys these are stands in no row, so the service that asks, and for a secret its ARN, narrow it. A key whose own policy
    does not let the account's roles in stays closed.
    """
    keys = place.arn("kms", "key/*")
    secrets = sorted({in_account(one.resource, place) for one in found if one.action == "secretsmanager:GetSecretValue"})
    statements = []
    if secrets:
        via = {"kms:ViaService": place.via("secretsmanager")}
        of = {"kms:EncryptionContext:SecretARN": secrets}
        statements.append(s.allow("DatabaseSecretsKeys", ["kms:Decrypt"], [keys], StringEquals=via, ArnLike=of))
    if any(one.action == "sqs:StartMessageMoveTask" for one in found):
        statements.append(s.through("RedriveKeys", keys, ["kms:Decrypt", "kms:GenerateDataKey"], "sqs", place))
    return statements


def _role(
    scope: Construct,
    place: Place,
    room: str,
    own: list[s.Statement],
    policies: list[iam.ManagedPolicy] | None = None,
    *,
    log: bool = True,
) -> iam.Role:
    """Make a function's role, with what it needs to run beside ``own``."""
    statements = [*own, *([s.log(place, room)] if log else []), s.trace()]
    role = iam.Role(
        scope,
        f"{room.capitalize()}Role",
        role_name=place.named(room),
        description=f"What the function {place.named(room)} may do",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={room: iam.PolicyDocument.from_json(s.document(statements))},
        managed_policies=policies or [],
    )
    for statement in statements:
        for resource in statement["Resource"]:
            if "*" in str(resource):
                accept(role, nag={f"IAM5[Resource::{_shown(resource, place)}]": _why(statement)})
        for action in statement["Action"]:
            if "*" in action:
                accept(role, nag={f"IAM5[Action::{action}]": KEY_ACTIONS})
    return role


def _why(statement: s.Statement) -> str:
    return {
        "OwnLog": "the function's log; its streams are named by Lambda",
        "DatabaseSecretsKeys": "no row names the key of its secret: the condition narrows it to those secrets",
        "RedriveKeys": "no row names the key of its queue: the condition narrows it to SQS",
    }.get(statement["Sid"], NO_RESOURCES)


def _accept_wildcards(policy: iam.ManagedPolicy, found: tuple[Grant, ...], place: Place) -> None:
    for (action, resource), why in wildcards(found).items():
        accept(policy, nag={f"IAM5[Resource::{_shown(in_account(resource, place), place)}]": f"{action}: {why}"})


def _shown(resource: str, place: Place) -> str:
    """Return how cdk-nag writes an ARN whose account is CloudFormation's own."""
    return resource.replace(place.account, "<AWS::AccountId>") if cdk.Token.is_unresolved(place.account) else resource
