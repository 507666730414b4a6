"""Reads the journal, for people: one episode's entries, or all of a stretch of months. The function itself never reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from typing import Any

from alarms.domain import readings
from alarms.domain.event import iso
from remediators.items import Item, plain, values_of
from remediators.journal import INDEX, partitions
from remediators.looking_back.chronicle import Entry


class JournalReader:
    """``client`` is a DynamoDB client whose failures have their verdict (``remediators.aws.Client``)."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def of(self, key: str) -> list[Entry]:
        """Return the entries under one key (an episode's id, a run's id), the oldest first."""
        query = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values_of({":pk": key})}
        return [entry for _, entry in self._items(query)]

    def between(self, since: datetime, until: datetime) -> list[Entry]:
        """Return all entries from ``since`` to ``until``, the oldest first."""
        found: list[tuple[str, Entry]] = []
        for partition in (each for month in months(since, until) for each in partitions(month)):
            values = values_of({":month": partition, ":since": iso(since), ":until": f"{iso(until)}~"})
            condition = "#month = :month AND sk BETWEEN :since AND :until"
            query = {"IndexName": INDEX, "KeyConditionExpression": condition, "ExpressionAttributeValues": values}
            found += self._items({**query, "ExpressionAttributeNames": {"#month": "month"}})
        return [entry for _, entry in sorted(found, key=itemgetter(0))]

    def _items(self, query: dict[str, Any]) -> Iterator[tuple[str, Entry]]:
        """Yield each entry with its sort key, which begins with its time."""
        start: Item = {}
        while True:
            answer = self._client.query(TableName=self._table, **query, **start)
            for item in answer["Items"]:
                read = plain(item)
                document = readings.decoded(read.get("document"))
                if isinstance(document, dict):
                    yield read["sk"], document
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def months(since: datetime, until: datetime) -> list[str]:
    """Return the months, ``2026-10``, from ``since`` to ``until``."""
    first, last = ((moment.year * 12 + moment.month - 1) for moment in (since, until))
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(first, last + 1)]
