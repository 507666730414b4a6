"""What the reconciler reads and remembers, in the history table: outstanding runs, and what it saw ringing the last time.

Keys (``pk``, ``sk``):
    due#<account/region>  <run id>            an outstanding run and when it is due, written with the run itself
    sweep                 <account/region>    what rang at the last sweep, and how far it came
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alarms.domain.event import from_iso, iso
from remediators.aws import translated
from remediators.due import Due, partition
from remediators.items import key, plain, values_of
from remediators.table import Table

SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Seen:
    """One alarm as the last sweep found it: since when it rings, and when people were told that no message had come.

    Without ``told_at`` all is well with it: its episode is known, or nothing is remedied.
    """

    since: datetime
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known from one sweep to the next. ``first`` until there was one; ``alarm`` and ``run`` are how far it came."""

    first: bool = True
    seen: Mapping[str, Seen] = field(default_factory=dict)
    alarm: str = ""
    run: str = ""
    version: int = 0


class Outstanding(Table):
    """Every method raises Retryable when the table cannot be reached."""

    def due(self, place: str, after: str, most: int) -> tuple[list[Due], str]:
        """Return up to ``most`` outstanding runs of ``place`` after the run ``after``, and where to go on, "" at the end."""
        start = {"ExclusiveStartKey": key(partition(place), after)} if after else {}
        with translated():
            answer = self._client().query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=values_of({":pk": partition(place)}),
                ConsistentRead=True,
                Limit=most,
                **start,
            )
        items = [plain(item) for item in answer["Items"]]
        last = plain(answer["LastEvaluatedKey"])["sk"] if "LastEvaluatedKey" in answer else ""
        return [Due(item["sk"], from_iso(item["due_at"]), item.get("alarm", "")) for item in items], last

    def put_off(self, place: str, due: Due, until: datetime) -> None:
        """Look at ``due`` again at ``until`` only, unless its run was written meanwhile."""
        self._try(
            "update_item",
            Key=key(partition(place), due.run),
            UpdateExpression="SET due_at = :until",
            ConditionExpression="due_at = :seen",
            ExpressionAttributeValues=values_of({":until": iso(until), ":seen": iso(due.at)}),
        )

    def memory(self, place: str) -> Memory:
        """Return what the last sweep of ``place`` left; nothing before the first."""
        item = self._get(SWEEP, place)
        if item is None:
            return Memory()
        seen = {name: _seen(entry) for name, entry in json.loads(item["seen"]).items()}
        return Memory(False, seen, item.get("alarm", ""), item.get("run", ""), item["version"])

    def remember(self, place: str, memory: Memory) -> bool:
        """Keep ``memory`` for the next sweep; False when another sweep has written meanwhile."""
        document = {name: [iso(seen.since), iso(seen.told_at) if seen.told_at else ""] for name, seen in memory.seen.items()}
        values = {
            "pk": SWEEP,
            "sk": place,
            "seen": json.dumps(document, ensure_ascii=False),
            "alarm": memory.alarm,
            "run": memory.run,
            "version": memory.version + 1,
        }
        return self._try(
            "put_item",
            Item=values_of(values),
            ConditionExpression="attribute_not_exists(pk) OR version = :seen",
            ExpressionAttributeValues=values_of({":seen": memory.version}),
        )


def _seen(entry: Any) -> Seen:
    since, told_at = entry
    return Seen(from_iso(since), from_iso(told_at) if told_at else None)
