"""What a hub allows its spokes, as statements: their alarms tell its topics, their deployers write their own rows. No more.

Every statement names the accounts. A service's principal is narrowed by the account (and organisation) it acts for, a person's
by the role's name; the table's by the key: it begins with the number of the account that writes it.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_iam as iam

from infra.aws.pipeline.place import Place
from infra.aws.spokes.settings import HubSettings

# What `apply`, `plan` and `destroy` do in the catalogue's table: rows and the lease.
ROWS = ("dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
KEY = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


def spokes_publish(topic_arn: str, region: str, hub: HubSettings, partition: str) -> iam.PolicyStatement:
    """Let the alarms of the spokes in ``region`` tell the hub's topic there."""
    return iam.PolicyStatement(
        sid="AlarmsOfSpokes",
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=["sns:Publish"],
        resources=[topic_arn],
        conditions=_alarms_of(region, hub, partition),
    )


def spokes_use_key(region: str, hub: HubSettings, partition: str) -> iam.PolicyStatement:
    """Let those alarms use the key that the topic is encrypted with."""
    return iam.PolicyStatement(
        sid="AlarmsOfSpokesMayPublish",
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        resources=["*"],  # in a key's policy: this key
        conditions=_alarms_of(region, hub, partition),
    )


def deployers_write_rows(place: Place, hub: HubSettings) -> dict[str, Any]:
    """Return the policy of the catalogue's table: each spoke's deployer reads and writes what begins with its own account.

    A row is an order to act in the place that its key names, so no account may write another's.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-examples.html
    """
    statement = {
        "Sid": "DeployersOfSpokes",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:{place.partition}:iam::{account}:root" for account in hub.accounts]},
        "Action": list(ROWS),
        "Resource": place.table("catalogue"),
        "Condition": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["${aws:PrincipalAccount}/*"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
            **_deployers(place, hub),
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def deployers_use_key(place: Place, hub: HubSettings) -> iam.PolicyStatement:
    """Let the deployers use the key of the tables, through DynamoDB only."""
    conditions = _deployers(place, hub)
    via = {"kms:ViaService": f"dynamodb.{place.region}.amazonaws.com"}
    conditions["StringEquals"] = {**conditions.get("StringEquals", {}), **via}
    return iam.PolicyStatement(
        sid="DeployersOfSpokes",
        principals=[iam.ArnPrincipal(f"arn:{place.partition}:iam::{account}:root") for account in hub.accounts],
        actions=list(KEY),
        resources=["*"],  # in a key's policy: this key
        conditions=conditions,
    )


def _alarms_of(region: str, hub: HubSettings, partition: str) -> dict[str, Any]:
    accounts = list(hub.accounts_in(region))
    equal: dict[str, Any] = {"aws:SourceAccount": accounts}
    if hub.organisation:
        equal["aws:SourceOrgID"] = hub.organisation
    alarms = [f"arn:{partition}:cloudwatch:{region}:{account}:alarm:*" for account in accounts]
    return {"StringEquals": equal, "ArnLike": {"aws:SourceArn": alarms}}


def _deployers(place: Place, hub: HubSettings) -> dict[str, Any]:
    roles = [f"arn:{place.partition}:iam::{account}:role/{hub.deployer}" for account in hub.accounts]
    found: dict[str, Any] = {"ArnLike": {"aws:PrincipalArn": roles}}
    return {**found, "StringEquals": {"aws:PrincipalOrgID": hub.organisation}} if hub.organisation else found
