"""The conditional writes that a transaction on the history table is made of. Pure: they are built here and sent elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from alarms.domain.bounds import DAY_S, Limit, Scope
from alarms.domain.event import iso
from remediators.due import due_at, partition, watched_alarm
from remediators.items import Item, expiry, key, values_of
from remediators.records import EpisodeRecord, RunRecord
from remediators.standing import Around, Counter, Lease, ResourceState, Standing

RUNS_FOR = timedelta(days=400)
# What is past as it is written has just been tried: the reconciler leaves it to its own timers for a while.
TRIED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Counts:
    """Where a run is counted, and what was counted there when the decision was taken."""

    around: Around
    standing: Standing


class Writes:
    """Builds items of TransactWriteItems for one table."""

    def __init__(self, table: str) -> None:
        self._table = table

    def put_run(self, run: RunRecord, now: datetime, *, new: bool) -> list[Item]:
        """Store the run: a new one only if no run has its identity, a known one only in the version that was read.

        With it goes when it is next due, for the reconciler to find; a run that is done with is not listed (any more).
        """
        put: Item = {
            "TableName": self._table,
            "Item": values_of(
                {
                    "pk": f"run#{run.id}",
                    "sk": "run",
                    "document": json.dumps(run.to_document(), ensure_ascii=False),
                    "run_status": run.status.value,
                    "lending": run.lending.value,
                    "version": 0 if new else run.version + 1,
                    "expires_at": expiry(now, RUNS_FOR),
                }
            ),
            "ConditionExpression": "attribute_not_exists(pk)" if new else "version = :seen",
        }
        if not new:
            put["ExpressionAttributeValues"] = values_of({":seen": run.version})
        return [{"Put": put}, *self._due(run, now, new=new)]

    def _due(self, run: RunRecord, now: datetime, *, new: bool) -> list[Item]:
        moment = due_at(run)
        if moment is None:
            return [] if new else [{"Delete": {"TableName": self._table, "Key": key(partition(run.alarm.place), run.id)}}]
        found_at = max(moment, now + TRIED) if moment <= now else moment
        item = {"pk": partition(run.alarm.place), "sk": run.id, "due_at": iso(found_at), "alarm": watched_alarm(run)}
        return [{"Put": {"TableName": self._table, "Item": values_of({**item, "expires_at": expiry(now, RUNS_FOR)})}}]

    def decide_by(self, run: RunRecord, episode: EpisodeRecord) -> Item:
        """Decide the episode, which must still be open and unchanged: an OK or another decision meanwhile stops the run."""
        after = run.decides(episode)
        return {
            "Update": {
                "TableName": self._table,
                "Key": key(f"service#{run.service}", f"episode#{episode.subject}"),
                "UpdateExpression": "SET episode_status = :after, run = :run, lease_run = :lease, ran = :ran",
                "ConditionExpression": "is_open = :yes AND fence = :fence AND episode_status = :status AND ran = :seen",
                "ExpressionAttributeValues": values_of(
                    {
                        ":after": after.status.value,
                        ":run": after.run,
                        ":lease": after.lease_run,
                        ":yes": True,
                        ":fence": episode.token,
                        ":status": episode.status.value,
                        ":ran": json.dumps(after.ran),
                        ":seen": json.dumps(episode.ran),
                    }
                ),
            }
        }

    def lends_to(self, run: RunRecord) -> Item:
        """Let the episode, which must still be open and this run's, know what is lent for it: its end gives that back."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": key(f"service#{run.service}", f"episode#{run.ring.subject}"),
                "UpdateExpression": "SET run = :run" + (", lease_run = :run" if run.borrowed else ""),
                "ConditionExpression": "is_open = :yes AND run = :run",
                "ExpressionAttributeValues": values_of({":run": run.id, ":yes": True}),
            }
        }

    def hold(self, pk: str, sk: str, run: RunRecord, until: datetime, *, seen: int | None, now: datetime) -> Item:
        """Take a lock that is free, expired or ours. With ``seen`` its token must be that, and grows to the run's."""
        free = "attribute_not_exists(holder) OR held_until < :now OR holder = :run"
        condition = free if seen is None else f"({free}) AND (attribute_not_exists(fence) OR fence = :seen)"
        values: Item = {":run": run.id, ":until": iso(until), ":now": iso(now), ":fence": run.token}
        if seen is not None:
            values[":seen"] = seen
        return {
            "Update": {
                "TableName": self._table,
                "Key": key(pk, sk),
                "UpdateExpression": "SET holder = :run, held_until = :until, fence = :fence",
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values_of(values),
            }
        }

    def claim(self, run: RunRecord, resource: ResourceState, counts: Counts, now: datetime) -> list[Item]:
        """Count the run wherever it counts, and take over what it borrows."""
        own = (f"resource#{run.resource}", f"count#{counts.around.row}")
        wide = {scope: (f"bound#{scope.value}#{counts.around.of(scope)}", "count") for scope in Scope}
        bounds = run.alarm.bounds.limits
        return [
            self._count(own, resource.counter(counts.around.row), _longest(run.policy.limits, run.policy.cooldown_s), now),
            *(
                self._count(place, counts.standing.counter(scope), _longest(bounds.get(scope, ())), now)
                for scope, place in wide.items()
            ),
            *([self.lend(run, resource.lease)] if run.borrowed else []),
        ]

    def _count(self, place: tuple[str, str], seen: Counter, longest: int, now: datetime) -> Item:
        """Count a run under ``place``, if nobody counted since ``seen`` was read."""
        kept = [int(moment.timestamp()) for moment in seen.runs if moment > now - timedelta(seconds=longest)]
        return {
            "Put": {
                "TableName": self._table,
                "Item": values_of(
                    {
                        "pk": place[0],
                        "sk": place[1],
                        "runs": json.dumps([*kept, int(now.timestamp())]),
                        "version": seen.version + 1,
                        "expires_at": expiry(now, timedelta(seconds=2 * longest)),
                    }
                ),
                "ConditionExpression": "attribute_not_exists(pk) OR version = :seen",
                "ExpressionAttributeValues": values_of({":seen": seen.version}),
            }
        }

    def lend(self, run: RunRecord, seen: Lease | None) -> Item:
        """Take over what an earlier one has not given back: the lease keeps the original values."""
        return {
            "Put": {
                "TableName": self._table,
                "Item": values_of(
                    {
                        "pk": f"resource#{run.resource}",
                        "sk": "lease",
                        "holder": run.id,
                        "changes": json.dumps([change.to_document() for change in run.borrowed]),
                        "version": (seen.version if seen else 0) + 1,
                    }
                ),
                "ConditionExpression": "version = :seen" if seen else "attribute_not_exists(pk)",
                **({"ExpressionAttributeValues": values_of({":seen": seen.version})} if seen else {}),
            }
        }

    def still_lent(self, run: RunRecord) -> Item:
        """Check that the lease is still this run's."""
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": key(f"resource#{run.resource}", "lease"),
                "ConditionExpression": "holder = :run",
                "ExpressionAttributeValues": values_of({":run": run.id}),
            }
        }


def _longest(limits: tuple[Limit, ...], cooldown_s: int = 0) -> int:
    """Return how long, in seconds, a run has to be remembered to be counted."""
    return max([limit.window_s for limit in limits] + [cooldown_s, DAY_S])
