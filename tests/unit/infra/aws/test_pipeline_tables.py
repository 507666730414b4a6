"""The deployed tables are those that the rooms' own tests run on, and neither a deploy nor a mistake takes one away."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import pytest
from deployed import Deployed

from alarms import rows
from notifier import dynamodb as threads
from remediators import dynamodb as history
from remediators import journal

OWN = {
    "catalogue": rows.table_definition,
    "threads": threads.table_definition,
    "history": history.table_definition,
    "evidence": history.table_definition,
    "journal": journal.table_definition,
}


@pytest.fixture(scope="module")
def tables(templates: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return Deployed(templates["pipeline"]).named("DynamoDB::Table", "TableName")


def test_the_tables_are_those_of_the_rooms_and_no_more(tables: Mapping[str, Any]) -> None:
    assert set(tables) == {f"tocsin-prod-{name}" for name in OWN}


@pytest.mark.parametrize("name", OWN)
def test_keys_and_indexes_are_the_rooms_own(tables: Mapping[str, Any], name: str) -> None:
    wanted = OWN[name](f"tocsin-prod-{name}")
    table = tables[wanted["TableName"]]

    assert {member: table.get(member) for member in wanted} == wanted
    assert table.get("GlobalSecondaryIndexes") == wanted.get("GlobalSecondaryIndexes")


@pytest.mark.parametrize("name", OWN)
def test_items_expire_by_the_attribute_that_the_room_writes(tables: Mapping[str, Any], name: str) -> None:
    expires = tables[f"tocsin-prod-{name}"].get("TimeToLiveSpecification", {}).get("AttributeName")
    said = inspect.getdoc(OWN[name]) or ""

    assert (f"``{expires}``" in said) if expires else "TTL" not in said


def test_every_table_is_encrypted_by_our_key_restorable_and_stays(
    templates: Mapping[str, Any], tables: Mapping[str, Any]
) -> None:
    for table in tables.values():
        assert table["SSESpecification"]["SSEType"] == "KMS"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["DeletionProtectionEnabled"] is True
    assert Deployed(templates["pipeline"]).kept("DynamoDB::Table") == {"Retain"}
