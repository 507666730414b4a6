"""The catalogue table: compiled rows, written by `apply` and looked up by the handlers when an alarm rings.

Partition key ``alarm`` (``account/region/name``), sort key ``version``: ``row#<digest>`` never changes once written,
``current`` is a copy of the newest, so one GetItem finds an alarm's row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alarms.calls import Caller, Sleep
from alarms.cloudwatch import batches
from alarms.configuration import canonical
from alarms.domain.alarm import alarm_key
from alarms.domain.errors import CannotRun, Permanent, Refused
from alarms.plan_types import Published, Target

CURRENT = "current"
READ_BATCH = 100  # keys in one BatchGetItem
CONDITION_FAILED = "ConditionalCheckFailedException"


def table_definition(name: str) -> dict[str, Any]:
    """Return the members of CreateTable that make a catalogue table."""
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": "alarm", "KeyType": "HASH"}, {"AttributeName": "version", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "alarm", "AttributeType": "S"},
            {"AttributeName": "version", "AttributeType": "S"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


class Rows:
    """The rows of one stage."""

    def __init__(self, clients: Callable[[str], Any], target: Target, *, sleep: Sleep) -> None:
        self._clients = clients
        self._target = target
        self._call = Caller(sleep)

    def digests(self, names: Sequence[str]) -> dict[str, Published]:
        """Return the digest of the current row of each of ``names`` that has one. CannotRun when the table is missing."""
        return {
            _name(item): Published(item["digest"]["S"])
            for batch in batches(names, READ_BATCH)
            for item in self._read(batch, "alarm, #d")
        }

    def documents(self, names: Sequence[str]) -> dict[str, Published]:
        """Return the current row of each of ``names`` that has one, document included."""
        return {
            _name(item): Published(item["digest"]["S"], json.loads(item["document"]["S"]))
            for batch in batches(names, READ_BATCH)
            for item in self._read(batch, "alarm, #d, document")
        }

    def publish(self, name: str, document: Mapping[str, Any], digest: str, *, at: str, fence: int) -> None:
        """Write a row and point ``current`` at it.

        ``fence`` is the number of our lease: a row that a later lease has written is never overwritten by an earlier one,
        however late its writer wakes up (Refused).
        """
        item = {
            "alarm": {"S": self._key(name)},
            "document": {"S": canonical(document)},
            "digest": {"S": digest},
            "applied_at": {"S": at},
        }
        self._put({**item, "version": {"S": f"row#{digest}"}}, "attribute_not_exists(alarm)", {})
        written = self._put(
            {**item, "version": {"S": CURRENT}, "fence": {"N": str(fence)}},
            "attribute_not_exists(fence) OR fence <= :fence",
            {":fence": {"N": str(fence)}},
        )
        if not written:
            raise Refused(f"row of {name}: a later apply has written it; this one has lost its lease and stops")

    def remove(self, name: str) -> None:
        """Remove ``current``, so that nothing is done for an alarm that is gone; its ``row#…`` stay for the history."""
        client = self._clients("dynamodb")
        key = {"alarm": {"S": self._key(name)}, "version": {"S": CURRENT}}
        self._table("DeleteItem", lambda: client.delete_item(TableName=self._target.table, Key=key))

    def _read(self, names: Sequence[str], projection: str) -> list[Mapping[str, Any]]:
        client = self._clients("dynamodb")
        keys = [{"alarm": {"S": self._key(name)}, "version": {"S": CURRENT}} for name in names]
        asked: dict[str, Any] = {
            self._target.table: {
                "Keys": keys,
                "ProjectionExpression": projection,
                "ExpressionAttributeNames": {"#d": "digest"},
                "ConsistentRead": True,
            }
        }
        found: list[Mapping[str, Any]] = []
        while asked:  # DynamoDB returns at most 16 MB at once and says what it left out
            page = self._table("BatchGetItem", lambda: client.batch_get_item(RequestItems=asked))  # noqa: B023 - called at once
            found += [item for items in page["Responses"].values() for item in items]  # one table: by its name or its ARN
            asked = page.get("UnprocessedKeys") or {}
        return found

    def _put(self, item: Mapping[str, Any], condition: str, values: Mapping[str, Any]) -> bool:
        """Write ``item`` under ``condition``; False when the condition does not hold."""
        client = self._clients("dynamodb")
        members: dict[str, Any] = {"TableName": self._target.table, "Item": dict(item), "ConditionExpression": condition}
        if values:
            members["ExpressionAttributeValues"] = dict(values)
        try:
            self._table("PutItem", lambda: client.put_item(**members))
        except Permanent as error:
            if error.code != CONDITION_FAILED:
                raise
            return False
        return True

    def _table(self, what: str, call: Callable[[], Any]) -> Any:
        return in_table(self._call, self._target, what, call)

    def _key(self, name: str) -> str:
        return alarm_key(self._target.account, self._target.region, name)


def in_table(caller: Caller, target: Target, what: str, call: Callable[[], Any]) -> Any:
    """Make one call to the catalogue table; a table that does not exist is CannotRun, with what to do about it."""
    try:
        return caller(f"{what} {target.table}", call)
    except Permanent as error:
        if error.code != "ResourceNotFoundException":
            raise
        if target.rows_in:
            raise CannotRun(
                f"there is no table {target.rows_in}: deploy the hub's pipeline first (docs/scale.md); --no-rows deploys alarms "
                f"without remediation"
            ) from error
        raise CannotRun(
            f"there is no table {target.table} in account {target.account}, {target.region}: it is part of the pipeline and "
            f"holds what handlers may do (docs/deploying.md, 'The catalogue table'); --no-rows deploys alarms without remediation"
        ) from error


def _name(item: Mapping[str, Any]) -> str:
    return str(item["alarm"]["S"]).split("/", 2)[2]
