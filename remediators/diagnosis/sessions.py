"""Signal: the sessions inside a PostgreSQL server. How many of its slots are taken, by whom, and who waits for whose lock.

The server is asked by what a row's policy names (``cluster``, ``secret``, ``database``), or by what the service states under
``resources``. No query text is read. That no slot is left even for the question is an answer too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.domain.alarm import Policy
from alarms.domain.cause import Cause
from alarms.domain.errors import Permanent
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.database import sqlstate
from remediators.database.database import Database, Row
from remediators.diagnosis.finding import Finding, Look, Signal, short

_ROOM = """
select current_setting('max_connections')::int as slots,
  (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as held,
  (select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0)::int as waiting
"""
_HOLDERS = """
select coalesce(nullif(left(application_name, 60), ''), '?') as application, coalesce(state, '?') as state,
  count(*)::int as sessions,
  coalesce(max(extract(epoch from clock_timestamp() - state_change)), 0)::float8 as longest_s
from pg_stat_activity where backend_type = 'client backend' group by 1, 2 order by 3 desc, 1, 2 limit 5
"""
_NEARLY, _LONG_S, _MANY_WAIT = 0.9, 60.0, 3
_KEYS = ("cluster", "secret", "database")


@dataclass(frozen=True, slots=True)
class Sight:
    """What one server said; ``full``: it had no slot left for the question."""

    cluster: str
    slots: int = 0
    held: int = 0
    waiting: int = 0
    holders: tuple[Row, ...] = ()
    full: bool = False


def asked(look: Look) -> list[tuple[str, Database]]:
    """Return the databases that may be asked, each with its cluster's name, at most three."""
    stated = [
        {"cluster": entry["DBClusterIdentifier"], "secret": entry["DatabaseSecret"], "database": entry["Database"]}
        for entry in look.alarm.resources.get("database", ())
        if {"DBClusterIdentifier", "DatabaseSecret", "Database"} <= set(entry)
    ]
    named = [parameters for parameters in _parameters(look.alarm.policies) if all(parameters.get(key) for key in _KEYS)]
    found = {str(parameters["cluster"]): Database.of(look.alarm, parameters) for parameters in (*stated, *named)}
    return list(found.items())[:3]


def read(clients: Clients, look: Look, _: Callable[[], float]) -> tuple[Sight, ...]:
    """Ask each server two statements (rds-data ExecuteStatement, or a connection of our own)."""
    return tuple(_ask(clients, cluster, database) for cluster, database in asked(look))


def _ask(clients: Clients, cluster: str, database: Database) -> Sight:
    try:
        (room,) = database.query(clients, _ROOM)
        holders = tuple(database.query(clients, _HOLDERS))
    except Permanent as refused:
        if refused.code == sqlstate.SLOTS_FULL:
            return Sight(cluster, full=True)
        raise
    return Sight(cluster, int(room["slots"] or 0), int(room["held"] or 0), int(room["waiting"] or 0), holders)


def judge(seen: Sequence[Sight], _: Look) -> tuple[Finding, ...]:
    """Say how full the server is, who holds the slots, and how many wait for locks."""
    return tuple(finding for sight in seen for finding in _findings(sight))


def _findings(sight: Sight) -> Iterator[Finding]:
    name, facts = short(sight.cluster, 60), {"cluster": sight.cluster, "slots": sight.slots, "held": sight.held}
    if sight.full:
        line = Text(f"{name}: every connection slot is taken.", f"{name}: 모든 연결 슬롯이 사용 중입니다.")
        yield Finding("sessions", line, {Cause.DB_CONNECTIONS: 7}, {"cluster": sight.cluster, "full": True})
        return
    if not sight.held:  # our own session is one: none seen means that the role may not see them
        line = Text(
            f"{name}: the role cannot see other sessions (grant it pg_read_all_stats).",
            f"{name}: 역할이 다른 세션을 볼 수 없습니다(pg_read_all_stats 권한 필요).",
        )
        yield Finding("sessions", line, {}, facts)
        return
    share = sight.held / max(1, sight.slots)
    line = Text(
        f"{name}: {sight.held} of {sight.slots} connection slots are taken{_most(sight.holders).en}.",
        f"{name}: 연결 슬롯 {sight.slots}개 중 {sight.held}개 사용{_most(sight.holders).ko}.",
    )
    holders = [dict(row) for row in sight.holders]
    yield Finding("sessions", line, {Cause.DB_CONNECTIONS: 5} if share >= _NEARLY else {}, {**facts, "holders": holders})
    if sight.waiting:
        line = Text(f"{name}: sessions that wait for locks: {sight.waiting}.", f"{name}: 잠금 대기 세션 {sight.waiting}개.")
        points = {Cause.SLOW_DATABASE: 5 if sight.waiting >= _MANY_WAIT else 2}
        yield Finding("locks", line, points, {"cluster": sight.cluster, "waiting": sight.waiting})


def _most(holders: Sequence[Row]) -> Text:
    """Return who holds most, in which state and since when."""
    if not holders:
        return Text("", "")
    first = holders[0]
    who, state, count = short(first["application"], 60), short(first["state"], 40), first["sessions"]
    longest = float(first["longest_s"] or 0)
    since = f", {longest / 60:.0f} min" if longest >= _LONG_S and state != "active" else ""
    return Text(f"; most by {who}: {count} {state}{since}", f", 최다 {who}: {state} {count}개{since}")


def _parameters(policies: Sequence[Policy]) -> Iterator[Mapping[str, Any]]:
    for policy in policies:
        yield policy.parameters
        yield from _parameters(policy.otherwise)


SIGNAL = Signal(
    "sessions",
    Text("database sessions", "데이터베이스 세션"),
    read,
    judge,
    lambda look: bool(asked(look)),
    least_s=4.0,
)
