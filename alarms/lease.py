"""One apply at a time: a lease in the catalogue table. Two at once, one waits; a lease whose holder died runs out.

The item is ``alarm = lease#<catalogue>/<stage>``, ``version = lease``; in a hub's table account and region stand before it. Its
``fence`` grows by one with every holder: rows written under an older number never overwrite newer ones. CloudWatch knows no such
condition: see docs/deploying.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alarms.calls import Caller, Now, Sleep
from alarms.domain.alarm import alarm_key
from alarms.domain.errors import Permanent, Refused
from alarms.domain.event import from_iso, iso
from alarms.plan_types import Target
from alarms.rows import CONDITION_FAILED, in_table

LEASE_S = 120
RENEW_AFTER_S = 40
POLL_S = 5.0
WAIT_S = 900.0  # how long a second apply waits before it gives up

Say = Callable[[str], None]


@dataclass(slots=True)
class _Held:
    fence: int
    until: datetime


class Lease:
    """The right to write the alarms of one catalogue and stage."""

    def __init__(self, clients: Callable[[str], Any], target: Target, owner: str, *, now: Now, sleep: Sleep) -> None:
        self._clients = clients
        self._target = target
        self._owner = owner
        self._now = now
        self._sleep = sleep
        self._call = Caller(sleep)
        self._held: _Held | None = None

    @property
    def fence(self) -> int:
        """The number of this lease; 0 when none is held."""
        return self._held.fence if self._held else 0

    def take(self, say: Say, wait_s: float = WAIT_S) -> None:
        """Take the lease, waiting for its holder at most ``wait_s`` seconds; Refused when it is still held then."""
        give_up = self._now() + timedelta(seconds=wait_s)
        told = False
        while not self._try():
            holder, until = self._holder()
            if self._now() >= give_up:
                raise Refused(f"{holder} is still applying {self._of} (its lease runs to {until}): nothing was written")
            if not told:
                say(f"{holder} is applying {self._of} right now; waiting for it, at most {wait_s:.0f} s")
                told = True
            self._sleep(POLL_S)

    def keep(self) -> None:
        """Renew the lease when it is due; Refused when somebody else holds it by now. Called before every write."""
        if self._held is None:
            return
        left = (self._held.until - self._now()).total_seconds()
        if left <= LEASE_S - RENEW_AFTER_S and not self._renew():
            self._lost()

    def release(self) -> None:
        """Give the lease back. Its number stays, for the next holder to grow from."""
        if self._held is not None:
            self._update(
                "SET expires_at = :past REMOVE holder", "holder = :me AND fence = :fence", {":past": {"S": iso(self._now())}}
            )
            self._held = None

    def remember(self, names: Sequence[str]) -> None:
        """Note whose rows are about to be removed, so that a run cut off between alarm and row is finished by the next."""
        update, values = (
            ("SET removing = :names", {":names": {"S": json.dumps(list(names))}}) if names else ("REMOVE removing", {})
        )
        if self._update(update, "holder = :me AND fence = :fence", values) is None:
            self._lost()

    def remembered(self) -> tuple[str, ...]:
        """Return what a run that was cut off has left to remove; readable without holding the lease."""
        return tuple(json.loads(self._item().get("removing", {}).get("S", "[]")))

    def _lost(self) -> None:
        self._held = None
        raise Refused(f"the lease on {self._of} was lost: another apply has taken over; run this one again")

    @property
    def _of(self) -> str:
        return f"{self._target.catalogue}/{self._target.stage}"

    def _try(self) -> bool:
        now = self._now()
        until = now + timedelta(seconds=LEASE_S)
        answer = self._update(
            "SET holder = :me, expires_at = :until ADD fence :one",
            "attribute_not_exists(holder) OR expires_at < :now",
            {":until": {"S": iso(until)}, ":now": {"S": iso(now)}, ":one": {"N": "1"}},
        )
        if answer is None:
            return False
        self._held = _Held(int(answer["Attributes"]["fence"]["N"]), until)
        return True

    def _renew(self) -> bool:
        until = self._now() + timedelta(seconds=LEASE_S)
        answer = self._update("SET expires_at = :until", "holder = :me AND fence = :fence", {":until": {"S": iso(until)}})
        if answer is not None and self._held:
            self._held.until = until
        return answer is not None

    def _update(self, update: str, condition: str, values: dict[str, Any]) -> Any:
        """Change the item under ``condition``; None when the condition does not hold."""
        client = self._clients("dynamodb")
        known = {":me": {"S": self._owner}, ":fence": {"N": str(self.fence)}, **values}
        used = {key: value for key, value in known.items() if key in f"{update} {condition}".replace(",", " ").split()}
        members = {
            "TableName": self._target.table,
            "Key": self._key,
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": used,
            "ReturnValues": "ALL_NEW",
        }
        try:
            return in_table(self._call, self._target, "UpdateItem", lambda: client.update_item(**members))
        except Permanent as error:
            if error.code != CONDITION_FAILED:
                raise
            return None

    def _holder(self) -> tuple[str, str]:
        item = self._item()
        until = item.get("expires_at", {}).get("S")
        return item.get("holder", {}).get("S", "another apply"), f"{from_iso(until):%H:%M:%S} UTC" if until else "an unknown time"

    def _item(self) -> Mapping[str, Any]:
        client = self._clients("dynamodb")
        asked = {"TableName": self._target.table, "Key": self._key, "ConsistentRead": True}
        answer = in_table(self._call, self._target, "GetItem", lambda: client.get_item(**asked))
        found: Mapping[str, Any] = answer.get("Item", {})
        return found

    @property
    def _key(self) -> dict[str, Any]:
        name = f"lease#{self._of}"
        if self._target.rows_in:  # a hub lets each account write only what begins with its own number
            name = alarm_key(self._target.account, self._target.region, name)
        return {"alarm": {"S": name}, "version": {"S": "lease"}}
