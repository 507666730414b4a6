"""The five tables, as the rooms themselves define them: what a room's tests run on is what is deployed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from alarms import rows
from infra.aws.pipeline.place import Place
from notifier import dynamodb as threads
from remediators import dynamodb as history
from remediators import journal

DEFINITIONS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "catalogue": rows.table_definition,
    "threads": threads.table_definition,
    "history": history.table_definition,
    "evidence": history.table_definition,
    "journal": journal.table_definition,
}
# Rows never expire: what was published stays under its digest, for the history.
EXPIRES: Mapping[str, str] = {"threads": "expires", "history": "expires_at", "evidence": "expires_at", "journal": "expires_at"}


def tables(scope: Construct, place: Place, key: kms.IKey) -> dict[str, dynamodb.CfnTable]:
    """Make them: on demand, encrypted, restorable to any second of 35 days; neither a deploy nor a deleted stack removes one."""
    return {name: _table(scope, name, define(place.named(name)), key) for name, define in DEFINITIONS.items()}


def _table(scope: Construct, name: str, definition: Mapping[str, Any], key: kms.IKey) -> dynamodb.CfnTable:
    expires = EXPIRES.get(name)
    made = dynamodb.CfnTable(
        scope,
        f"{name.capitalize()}Table",
        table_name=definition["TableName"],
        key_schema=_key_schema(definition),
        attribute_definitions=[
            dynamodb.CfnTable.AttributeDefinitionProperty(
                attribute_name=one["AttributeName"], attribute_type=one["AttributeType"]
            )
            for one in definition["AttributeDefinitions"]
        ],
        global_secondary_indexes=[_index(one) for one in definition.get("GlobalSecondaryIndexes", ())] or None,
        billing_mode=definition["BillingMode"],
        deletion_protection_enabled=True,
        point_in_time_recovery_specification=dynamodb.CfnTable.PointInTimeRecoverySpecificationProperty(
            point_in_time_recovery_enabled=True
        ),
        sse_specification=dynamodb.CfnTable.SSESpecificationProperty(
            sse_enabled=True, sse_type="KMS", kms_master_key_id=key.key_arn
        ),
        time_to_live_specification=dynamodb.CfnTable.TimeToLiveSpecificationProperty(attribute_name=expires, enabled=True)
        if expires
        else None,
    )
    made.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return made


def _index(index: Mapping[str, Any]) -> dynamodb.CfnTable.GlobalSecondaryIndexProperty:
    return dynamodb.CfnTable.GlobalSecondaryIndexProperty(
        index_name=index["IndexName"],
        key_schema=_key_schema(index),
        projection=dynamodb.CfnTable.ProjectionProperty(projection_type=index["Projection"]["ProjectionType"]),
    )


def _key_schema(of: Mapping[str, Any]) -> list[dynamodb.CfnTable.KeySchemaProperty]:
    return [
        dynamodb.CfnTable.KeySchemaProperty(attribute_name=one["AttributeName"], key_type=one["KeyType"])
        for one in of["KeySchema"]
    ]
