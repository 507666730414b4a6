"""The history table: every write is conditional, and the one that matters, the commit of a run, is one transaction.

Keys (``pk``, ``sk``):
    service#<service>    episode#<subject> · in-flight           all that one service's plan needs, in one Query
    resource#<resource>  lock · lease · count#<policy>           all that one resource's guards need, in one Query
    run#<id>             run                                     the intent and what became of it
    due#<account/region> <run id>                                when an outstanding run is next due, for the reconciler
``expires_at`` (epoch seconds) is the table's TTL attribute; locks have none, so that their tokens only ever grow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.errors import Retryable
from alarms.domain.event import iso
from remediators.items import episode_of, expiry, key, lock_of, plain, resource_of, values_of
from remediators.records import Claimed, EpisodeRecord, EpisodeStatus, Ring, RunRecord, ServiceState
from remediators.standing import Lock, ResourceState
from remediators.table import ConditionFailed, Table
from remediators.writes import Counts, Writes

OPEN_FOR = timedelta(days=30)
CLOSED_FOR = timedelta(days=7)
# One transition, two clocks: an open episode this much older than the event is the same one.
TOLERANCE = timedelta(seconds=5)
# Longer than an episode may stay open: nothing is that much older.
LIFETIME = timedelta(days=31)
ATTEMPTS = 6


def table_definition(name: str) -> dict[str, Any]:
    """Return the members of CreateTable that make a history table; TTL is on ``expires_at``."""
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": part, "AttributeType": "S"} for part in ("pk", "sk")],
        "BillingMode": "PAY_PER_REQUEST",
    }


class History(Table):
    """The remediators' own memory. Every method raises Retryable when the table cannot be reached."""

    def __init__(self, client: Callable[[], Any], table: str) -> None:
        super().__init__(client, table)
        self._writes = Writes(table)

    # --- episodes -----------------------------------------------------------------------------------------------------

    def claim(self, service: str, ring: Ring, now: datetime) -> tuple[Claimed, EpisodeRecord]:
        """Open the episode of ``ring`` by one conditional write: nothing open, or something older; and nothing newer known.

        What cannot prove a stay of its own (``Ring.prolongs``) opens none beside an open one.
        """
        older = ring.started_at - (TOLERANCE if not ring.prolongs else LIFETIME)
        try:
            answer = self._write(
                "update_item",
                Key=key(f"service#{service}", f"episode#{ring.subject}"),
                UpdateExpression=(
                    "SET is_open = :yes, started_at = :at, changed_at = :at, episode_status = :claimed, ring = :ring,"
                    " rechecks = :zero, ran = :none, diagnosed = :no, expires_at = :expires REMOVE run, covered_by ADD fence :one"
                ),
                ConditionExpression=(
                    "attribute_not_exists(pk) OR (is_open = :no AND changed_at < :at) OR (is_open = :yes AND started_at < :older)"
                ),
                ExpressionAttributeValues=values_of(
                    {
                        ":yes": True,
                        ":no": False,
                        ":at": iso(ring.started_at),
                        ":older": iso(older),
                        ":claimed": EpisodeStatus.CLAIMED.value,
                        ":ring": json.dumps(ring.to_document(), ensure_ascii=False),
                        ":zero": 0,
                        ":none": "[]",
                        ":one": 1,
                        ":expires": expiry(now, OPEN_FOR),
                    }
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            return Claimed.NEW, episode_of(plain(answer["Attributes"]))
        except ConditionFailed as refused:
            record = episode_of(refused.item)
        near = record.ring is not None and abs(record.ring.started_at - ring.started_at) <= TOLERANCE
        same = record.is_open and (near or ring.prolongs)
        return (Claimed.SAME if same else Claimed.OLDER), record

    def close(self, service: str, subject: str, at: datetime, now: datetime) -> EpisodeRecord | None:
        """Write that the alarm left ALARM at ``at``; None when something newer is known.

        Said twice it answers twice, so that a delivery after a crash can go on. Before any ALARM it leaves a tombstone,
        so that an ALARM that comes late opens nothing.
        """
        try:
            answer = self._write(
                "update_item",
                Key=key(f"service#{service}", f"episode#{subject}"),
                UpdateExpression="SET is_open = :no, changed_at = :at, expires_at = :expires",
                ConditionExpression="attribute_not_exists(pk) OR changed_at < :at",
                ExpressionAttributeValues=values_of({":no": False, ":at": iso(at), ":expires": expiry(now, CLOSED_FOR)}),
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as refused:
            known = episode_of(refused.item)
            return known if iso(known.changed_at) == iso(at) and not known.is_open else None
        old = plain(answer.get("Attributes", {}))
        return episode_of(old) if old else EpisodeRecord(subject, False, at, EpisodeStatus.DECIDED, 0)

    def followed(self, service: str, subject: str, at: datetime) -> None:
        """Write that the timers of the change at ``at`` are set, unless something newer is known."""
        self._try(
            "update_item",
            Key=key(f"service#{service}", f"episode#{subject}"),
            UpdateExpression="SET followed_at = :at",
            ConditionExpression="changed_at = :at",
            ExpressionAttributeValues=values_of({":at": iso(at)}),
        )

    def decided(self, service: str, episode: EpisodeRecord, *, covered_by: str = "") -> bool:
        """Write that a claimed episode has its answer; False when somebody else wrote first."""
        return self._mark(service, episode, "decided", {"covered_by": covered_by, "rechecks": episode.rechecks})

    def put_off(self, service: str, episode: EpisodeRecord) -> bool:
        """Leave the episode claimed, to be looked at once more; False when somebody else wrote first."""
        return self._mark(service, episode, "claimed", {"covered_by": "", "rechecks": episode.rechecks + 1})

    def reopen(self, service: str, episode: EpisodeRecord) -> bool:
        """Let an episode that was covered by a finished run be decided again; False when that is no longer so."""
        return self._try(
            "update_item",
            Key=key(f"service#{service}", f"episode#{episode.subject}"),
            UpdateExpression="SET episode_status = :claimed REMOVE covered_by",
            ConditionExpression="is_open = :yes AND fence = :fence AND covered_by = :by",
            ExpressionAttributeValues=values_of(
                {":claimed": "claimed", ":yes": True, ":fence": episode.token, ":by": episode.covered_by}
            ),
        )

    def diagnosed(self, service: str, episode: EpisodeRecord) -> None:
        """Write that people were told what a look at this stay in ALARM found."""
        self._try(
            "update_item",
            Key=key(f"service#{service}", f"episode#{episode.subject}"),
            UpdateExpression="SET diagnosed = :yes",
            ConditionExpression="fence = :fence",
            ExpressionAttributeValues=values_of({":yes": True, ":fence": episode.token}),
        )

    def _mark(self, service: str, episode: EpisodeRecord, status: str, values: Mapping[str, Any]) -> bool:
        return self._try(
            "update_item",
            Key=key(f"service#{service}", f"episode#{episode.subject}"),
            UpdateExpression="SET episode_status = :status, covered_by = :by, rechecks = :rechecks",
            ConditionExpression="episode_status = :claimed AND fence = :fence AND rechecks = :seen AND ran = :ran",
            ExpressionAttributeValues=values_of(
                {
                    ":status": status,
                    ":by": values["covered_by"],
                    ":rechecks": values["rechecks"],
                    ":seen": episode.rechecks,
                    ":ran": json.dumps(episode.ran),
                    ":claimed": "claimed",
                    ":fence": episode.token,
                }
            ),
        )

    # --- what a plan reads --------------------------------------------------------------------------------------------

    def service(self, service: str) -> ServiceState:
        """Return the newest episode of every alarm of ``service`` and the run in flight, in one consistent read."""
        items = self._query(f"service#{service}")
        episodes = [episode_of(item) for item in items if item["sk"].startswith("episode#")]
        flight = next((item for item in items if item["sk"] == "in-flight"), {})
        return ServiceState(tuple(episodes), lock_of(flight))

    def resource(self, resource: str) -> ResourceState:
        """Return lock, lease and counters of ``resource``, in one consistent read."""
        return resource_of({item["sk"]: item for item in self._query(f"resource#{resource}")})

    def lock(self, resource: str) -> Lock:
        """Return who holds ``resource``, in one consistent read."""
        return lock_of(self._get(f"resource#{resource}", "lock") or {})

    # --- runs ---------------------------------------------------------------------------------------------------------

    def run(self, run: str) -> RunRecord | None:
        """Return the run called ``run``."""
        item = self._get(f"run#{run}", "run")
        return RunRecord.from_document(json.loads(item["document"]), item["version"]) if item else None

    def commit(
        self,
        run: RunRecord,
        *,
        episode: EpisodeRecord,
        resource: ResourceState,
        counts: Counts | None,
        until: datetime,
        now: datetime,
    ) -> bool:
        """Make the intent durable: run, episode, and for a changing run its service, lock, lease and counts, all or nothing.

        False when any of them has moved since it was read. ``counts`` is None for what is not counted (yet): a run that
        changes nothing, and one that waits for a person. ``until`` is how long service and resource are held at most.
        """
        writes = [*self._writes.put_run(run, now, new=True), self._writes.decide_by(run, episode)]
        if run.proposal.changes:
            writes += [
                self._writes.hold(f"service#{run.service}", "in-flight", run, until, seen=None, now=now),
                self._writes.hold(f"resource#{run.resource}", "lock", run, until, seen=resource.lock.token, now=now),
            ]
        if counts is not None:
            writes += self._writes.claim(run, resource, counts, now)
        return self._try("transact_write_items", TransactItems=writes)

    def commit_approved(
        self, seen: RunRecord, run: RunRecord, *, resource: ResourceState, counts: Counts, until: datetime, now: datetime
    ) -> bool:
        """Turn the question ``seen`` into the intent ``run``: counted and lent now, held on; False when anything has moved."""
        writes = [
            *self._writes.put_run(run, now, new=False),
            self._writes.hold(f"service#{run.service}", "in-flight", run, until, seen=None, now=now),
            self._writes.hold(f"resource#{run.resource}", "lock", run, until, seen=seen.token, now=now),
            self._writes.lends_to(run),
            *self._writes.claim(run, resource, counts, now),
        ]
        return self._try("transact_write_items", TransactItems=writes)

    def take_over(self, run: RunRecord, taken: RunRecord, until: datetime, now: datetime) -> bool:
        """Let another delivery go on with ``run``: its record and the lock's token move together, so the former worker stops."""
        return self._try(
            "transact_write_items",
            TransactItems=[
                *self._writes.put_run(taken, now, new=False),
                self._writes.hold(f"resource#{run.resource}", "lock", taken, until, seen=run.token, now=now),
            ],
        )

    def change(self, run: str, to: Callable[[RunRecord], RunRecord | None], now: datetime) -> RunRecord | None:
        """Apply ``to`` to the newest record of ``run`` and store it if nobody else did meanwhile (tried again a few times).

        Returns the stored record; None when there is no such run or ``to`` returns None.
        """
        for _ in range(ATTEMPTS):
            known = self.run(run)
            wanted = to(known) if known else None
            if known is None or wanted is None:
                return None
            if self._try("transact_write_items", TransactItems=self._writes.put_run(wanted, now, new=False)):
                return RunRecord.from_document(wanted.to_document(), known.version + 1)
        raise Retryable(f"run {run} is being written by others")

    def release(self, run: RunRecord) -> None:
        """Let service and resource go, where this run still holds them. The token stays."""
        for pk, sk in ((f"resource#{run.resource}", "lock"), (f"service#{run.service}", "in-flight")):
            self._try(
                "update_item",
                Key=key(pk, sk),
                UpdateExpression="REMOVE holder, held_until",
                ConditionExpression="holder = :run",
                ExpressionAttributeValues=values_of({":run": run.id}),
            )

    def drop_lease(self, run: RunRecord) -> bool:
        """Forget what ``run`` borrowed; False when the lease belongs to a later run."""
        return self._try(
            "delete_item",
            Key=key(f"resource#{run.resource}", "lease"),
            ConditionExpression="holder = :run",
            ExpressionAttributeValues=values_of({":run": run.id}),
        )

    def lease_for_return(self, run: RunRecord, restore: RunRecord, until: datetime, now: datetime) -> bool:
        """Make the way back durable, together with the lock; False when the lease or the lock is another run's."""
        return self._try(
            "transact_write_items",
            TransactItems=[
                *self._writes.put_run(restore, now, new=False),
                self._writes.hold(f"resource#{run.resource}", "lock", restore, until, seen=restore.token - 1, now=now),
                self._writes.still_lent(run),
            ],
        )
