"""Reads the journal, for people: one episode's entries, or all of a stretch of months. The function itself never reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from alarms.domain import readings
from alarms.domain.event import iso
from remediators.items import Item, plain, values_of
from remediators.journal import INDEX
from remediators.looking_back.chronicle import Entry


class JournalReader:
    """``client`` is a DynamoDB client whose failures have their verdict (``remediators.aws.Client``)."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def of(self, key: str) -> list[Entry]:
        """Return the entries under one key (an episode's id, a run's id), the oldest first."""
        query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values_of({":pk": key})}
        return list(self._entries(query))

    def between(self, since: datetime, until: datetime) -> list[Entry]:
        """Return all entries from ``since`` to ``until``, the oldest first."""
        found: list[Entry] = []
        for month in months(since, until):
            values = values_of({":month": month, ":since": iso(since), ":until": f"{iso(until)}~"})
            condition = "#month = :month AND sk BETWEEN :since AND :until"
            query = {"IndexName": INDEX, "KeyConditionExpression": condition, "ExpressionAttributeValues": values}
            found += self._entries({**query, "ExpressionAttributeNames": {"#month": "month"}})
        return found

    def _entries(self, query: dict[str, Any]) -> Iterator[Entry]:
        start: Item = {}
        while True:
            answer = self._client.query(TableName=self._table, **query, **start)
            for item in answer["Items"]:
                document = readings.decoded(plain(item).get("document"))
                if isinstance(document, dict):
                    yield document
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def months(since: datetime, until: datetime) -> list[str]:
    """Return the months, ``2026-10``, from ``since`` to ``until``."""
    first, last = ((moment.year * 12 + moment.month - 1) for moment in (since, until))
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(first, last + 1)]
