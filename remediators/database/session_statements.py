"""The SQL by which sessions are seen and ended. PostgreSQL 14 or newer; no value stands in a statement, all are bound.

Times travel as whole microseconds: no time zone, date style or driver stands between what is read and what is compared.
Sources: PostgreSQL's manual on pg_stat_activity, pg_has_role (USAGE: without SET ROLE), pg_blocking_pids, server signalling.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from remediators.action import Clients
from remediators.database.database import Database, Row, Scalar
from remediators.database.sessions import Session

MOST_SEEN = 2500  # rows of some 250 bytes: well below the Data API's 1 MiB
MOST_QUERIES = 150  # of the longest in their state, each cut
QUERY_LENGTH = 300
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FACTS = """select cast(current_user as text) as role,
  cast(current_setting('max_connections') as bigint) as slots,
  cast(current_setting('superuser_reserved_connections') as bigint)
    + cast(coalesce(nullif(current_setting('reserved_connections', true), ''), '0') as bigint)
    + cast(coalesce(nullif(current_setting('rds.rds_superuser_reserved_connections', true), ''), '0') as bigint) as reserved,
  pg_has_role(current_user, 'pg_signal_backend', 'USAGE') as may_end,
  pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') as may_see,
  (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()) as held"""

# Members of RDS's own groups administer or replicate, whatever their attributes say.
SESSIONS = """with waiting as (
  select unnest(pg_blocking_pids(pid)) as blocker from pg_stat_activity where wait_event_type = 'Lock'),
blockers as (select blocker, count(*) as waiters from waiting group by blocker),
held as (select pid, count(*) as locks from pg_locks where granted and locktype <> 'virtualxid' group by pid)
select cast(a.pid as bigint) as pid, cast(coalesce(a.usename, '') as text) as "user",
  coalesce(a.application_name, '') as application, coalesce(host(a.client_addr), '') as client,
  cast(coalesce(a.datname, '') as text) as database, a.state as state,
  cast(extract(epoch from a.backend_start) * 1000000 as bigint) as backend_start,
  cast(extract(epoch from a.state_change) * 1000000 as bigint) as state_change,
  cast(extract(epoch from clock_timestamp() - a.state_change) as double precision) as age_s,
  (r.oid is null or r.rolsuper or r.rolreplication or exists (
      select 1 from pg_roles g where g.rolname in ('rds_superuser', 'rds_replication', 'rdsadmin')
      and pg_has_role(r.oid, g.oid, 'MEMBER'))) as privileged,
  a.backend_xid is not null as wrote, coalesce(b.waiters, 0) as blocks, coalesce(h.locks, 0) as locks,
  cast(extract(epoch from clock_timestamp() - a.xact_start) as double precision) as transaction_age_s,
  coalesce(a.wait_event_type = 'Lock', false) as waits,
  case when row_number() over (order by a.state_change) <= :queries then left(a.query, cast(:length as integer))
    else '' end as query
from pg_stat_activity a left join pg_roles r on r.oid = a.usesysid
  left join blockers b on b.blocker = a.pid left join held h on h.pid = a.pid
where a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
order by a.state_change limit :most"""

WAITS = """select cast(a.pid as bigint) as pid, array_to_string(pg_blocking_pids(a.pid), ',') as blockers,
  cast(extract(epoch from clock_timestamp() - a.state_change) as double precision) as age_s
from pg_stat_activity a where a.wait_event_type = 'Lock' and a.pid <> pg_backend_pid() order by a.state_change limit 200"""

# Everything that made the session a candidate is asked again in the very statement that ends it: a second delivery finds no
# row, nor does a process id that another session has by now, nor a session that was used since. One session a statement: one
# that may not be ended would abort a statement over many, after some of them are gone.
END = """with decided as materialized (
  select a.pid from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
  where a.pid = :pid and cast(extract(epoch from a.backend_start) * 1000000 as bigint) = :backend_start
    and a.state = :state and cast(extract(epoch from a.state_change) * 1000000 as bigint) = :state_change
    and a.backend_type = 'client backend' and a.pid <> pg_backend_pid() and a.usename <> current_user
    and not (r.rolsuper or r.rolreplication or exists (
      select 1 from pg_roles g where g.rolname in ('rds_superuser', 'rds_replication', 'rdsadmin')
      and pg_has_role(r.oid, g.oid, 'MEMBER'))))
select cast(pid as bigint) as pid,
  case when :cancel then pg_cancel_backend(pid) else pg_terminate_backend(pid, 2000) end as done from decided"""
BREATHE = "select 1 as waited from pg_sleep(2)"


def sessions(clients: Clients, database: Database) -> list[Session]:
    """Return the server's client sessions but our own, the longest in their state first; at most ``MOST_SEEN``."""
    bound = {"queries": MOST_QUERIES, "length": QUERY_LENGTH, "most": MOST_SEEN}
    return [_session(row) for row in database.query(clients, SESSIONS, bound)]


def end(clients: Clients, database: Database, identity: str, spell: str, *, cancel: bool = False) -> bool:
    """End the session, or only its statement, if it still is in the very ``spell`` decided upon; whether it was."""
    pid, backend_start = identity.split("@", 1)
    state, state_change = spell.rsplit(" since ", 1)
    bound: dict[str, Scalar] = {
        "pid": int(pid),
        "backend_start": _microseconds(backend_start),
        "state": state,
        "state_change": _microseconds(state_change),
        "cancel": cancel,
    }
    return bool(database.query(clients, END, bound))


def _session(row: Row) -> Session:
    known = dict(cast("Mapping[str, Any]", row))
    known["age_s"] = float("nan") if known["age_s"] is None else known["age_s"]
    known["query"] = known["query"] or ""
    for name in ("backend_start", "state_change"):
        known[name] = _moment(known[name]) if known[name] is not None else ""
    return Session(**known)


def _moment(microseconds: int) -> str:
    return (EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _microseconds(moment: str) -> int:
    return (datetime.fromisoformat(moment) - EPOCH) // timedelta(microseconds=1)
