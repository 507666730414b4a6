"""The few calls that everything kept in the history table is made of, each failure with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from alarms.domain.errors import Retryable
from remediators.aws import Failure, translated
from remediators.items import Item, key, plain, values_of

ATTEMPTS = 3


class Table:
    """Reads are consistent, writes conditional."""

    def __init__(self, client: Callable[[], Any], table: str) -> None:
        self._client = client
        self._table = table

    def _get(self, pk: str, sk: str) -> Item | None:
        with translated():
            answer = self._client().get_item(TableName=self._table, Key=key(pk, sk), ConsistentRead=True)
        return plain(answer["Item"]) if "Item" in answer else None

    def _query(self, pk: str) -> list[Item]:
        found: list[Item] = []
        start: Item = {}
        while True:
            with translated():
                answer = self._client().query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues=values_of({":pk": pk}),
                    ConsistentRead=True,
                    **start,
                )
            found += [plain(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _batch(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        """Return those of the items under ``keys`` that exist, in one consistent read of up to a hundred."""
        found: dict[tuple[str, str], Item] = {}
        wanted: list[Item] = [key(pk, sk) for pk, sk in keys]
        for _ in range(ATTEMPTS):
            request = {self._table: {"Keys": wanted, "ConsistentRead": True}}
            with translated():
                answer = self._client().batch_get_item(RequestItems=request)
            for item in map(plain, answer["Responses"].get(self._table, ())):
                found[item["pk"], item["sk"]] = item
            wanted = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if not wanted:
                return found
        raise Retryable(f"{len(wanted)} items of {self._table} are throttled")

    def _try(self, operation: str, **request: Any) -> bool:
        try:
            self._write(operation, **request)
        except ConditionFailed:
            return False
        return True

    def _write(self, operation: str, **request: Any) -> Item:
        if operation != "transact_write_items":
            request["TableName"] = self._table
        try:
            with translated():
                answer: Item = getattr(self._client(), operation)(**request)
            return answer
        except Failure as failure:
            if failure.code in ("ConditionalCheckFailedException", "TransactionCanceledException"):
                raise ConditionFailed(plain(failure.response.get("Item", {}))) from failure
            raise


class ConditionFailed(Exception):
    """The condition did not hold; ``item`` is what stands there, where the call returns it."""

    def __init__(self, item: Item) -> None:
        super().__init__("condition failed")
        self.item = item
