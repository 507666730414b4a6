"""How values stand in the history table, and how they are read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.decision import Change
from alarms.domain.event import from_iso, utc
from remediators.records import EpisodeRecord, EpisodeStatus, Ring
from remediators.standing import BreakerState, Counter, Hold, Lease, Lock, ResourceState

Item = dict[str, Any]


def key(pk: str, sk: str) -> Item:
    """Return the primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def values_of(values: Mapping[str, Any]) -> Item:
    """Return plain values as DynamoDB's typed attributes."""
    return {name: _typed(value) for name, value in values.items()}


def _typed(value: Any) -> Item:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


def plain(item: Mapping[str, Any]) -> Item:
    """Return typed attributes as plain values."""
    return {name: _untyped(value) for name, value in item.items()}


def _untyped(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return int(content) if kind == "N" else content


def expiry(now: datetime, after: timedelta) -> int:
    """Return the TTL attribute's value: epoch seconds."""
    return int((now + after).timestamp())


def episode_of(item: Item) -> EpisodeRecord:
    """Read an episode."""
    return EpisodeRecord(
        subject=item["sk"].removeprefix("episode#"),
        is_open=item["is_open"],
        changed_at=from_iso(item["changed_at"]),
        status=EpisodeStatus(item.get("episode_status", "decided")),
        token=item.get("fence", 0),
        ring=Ring.from_document(json.loads(item["ring"])) if "ring" in item else None,
        run=item.get("run", ""),
        lease_run=item.get("lease_run", ""),
        covered_by=item.get("covered_by", ""),
        rechecks=item.get("rechecks", 0),
        ran=tuple(json.loads(item.get("ran", "[]"))),
        diagnosed=item.get("diagnosed", False),
        followed_at=from_iso(item["followed_at"]) if "followed_at" in item else None,
    )


def lock_of(item: Item) -> Lock:
    """Read a lock; an empty item is a lock that nobody ever held."""
    until = item.get("held_until")
    return Lock(run=item.get("holder", ""), until=from_iso(until) if until else None, token=item.get("fence", 0))


def lease_of(item: Item) -> Lease:
    """Read a lease."""
    return Lease(item["holder"], tuple(Change.from_document(change) for change in json.loads(item["changes"])), item["version"])


def counter_of(item: Item) -> Counter:
    """Read a counter."""
    return Counter(tuple(utc(second) for second in json.loads(item["runs"])), item["version"])


def resource_of(items: Mapping[str, Item]) -> ResourceState:
    """Read what is kept of one resource, by sort key."""
    lease = items.get("lease")
    return ResourceState(
        lock=lock_of(items.get("lock", {})),
        lease=lease_of(lease) if lease else None,
        counters={sk.removeprefix("count#"): counter_of(item) for sk, item in items.items() if sk.startswith("count#")},
    )


def breaker_of(item: Item) -> BreakerState:
    """Read a breaker; an empty item is one that never opened."""
    failures = tuple(utc(second) for second in json.loads(item.get("failures", "[]")))
    until = item.get("open_until")
    return BreakerState(failures, from_iso(until) if until else None, item.get("version", 0))


def hold_of(item: Item) -> Hold:
    """Read a person's hold."""
    return Hold(item["held_by"], from_iso(item["held_until"]))
