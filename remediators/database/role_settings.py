"""A role's own time limits for idle sessions: what they are, whether they may be changed, and the change as compare-and-swap.

ALTER ROLE takes no bound values, so its text is written by the server itself (``format`` with %I and %L, from bound values) and
then run as it came back. It compares before it sets, in one statement: what another has set meanwhile is left alone.
PostgreSQL 14 or newer. Sources: its manual on idle_session_timeout, ALTER ROLE, CREATEROLE (16: with ADMIN OPTION).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from remediators.action import Clients
from remediators.database.database import Database
from remediators.database.sessions import ALWAYS_PROTECTED

KNOBS = ("idle_session_timeout", "idle_in_transaction_session_timeout")
MOVED = "TC001"  # our own SQLSTATE: the value is no longer the one that was compared with
# Plain names only: a list of them travels as text, and the server's quoting has nothing to do.
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
_UNITS = {"us": 0.001, "": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"\s*(\d+)\s*(us|ms|s|min|h|d|)\s*")

READ = """select cast(r.rolname as text) as role,
  (r.rolsuper or r.rolreplication or exists (
    select 1 from pg_roles g where g.rolname in ('rds_superuser', 'rds_replication', 'rdsadmin')
    and pg_has_role(r.oid, g.oid, 'MEMBER'))) as privileged,
  (select split_part(c, '=', 2) from unnest(r.rolconfig) c where split_part(c, '=', 1) = 'idle_session_timeout')
    as idle_session_timeout,
  (select split_part(c, '=', 2) from unnest(r.rolconfig) c
    where split_part(c, '=', 1) = 'idle_in_transaction_session_timeout') as idle_in_transaction_session_timeout,
  exists (select 1 from pg_db_role_setting s, unnest(s.setconfig) c where s.setrole = r.oid and s.setdatabase <> 0
    and split_part(c, '=', 1) in ('idle_session_timeout', 'idle_in_transaction_session_timeout')) as by_database,
  (m.rolsuper or (m.rolcreaterole and (cast(current_setting('server_version_num') as integer) < 160000
    or pg_has_role(m.oid, r.oid, 'MEMBER WITH ADMIN OPTION')))) as may_change,
  cast(current_user as text) as me
from pg_roles r join pg_roles m on m.rolname = current_user
where r.rolname = any (string_to_array(:roles, ','))"""

WRITE = """select format('do $$ begin
  if not exists (select 1 from pg_roles r where r.rolname = %1$L and (select split_part(c, ''='', 2)
    from unnest(r.rolconfig) c where split_part(c, ''='', 1) = %2$L) is not distinct from %3$L) then
    raise exception using errcode = %4$L, message = ''moved'';
  end if;
  alter role %1$I ' || case when cast(:after as text) is null then 'reset %2$I' else 'set %2$I = %5$L' end || ';
end $$', cast(:role as text), cast(:knob as text), cast(:before as text), cast(:moved as text),
  cast(:after as text)) as statement"""


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """One role's limits as they stand (None: not set for it), and what speaks against touching them."""

    role: str
    privileged: bool
    by_database: bool
    may_change: bool
    me: str
    idle_session_timeout: str | None = None
    idle_in_transaction_session_timeout: str | None = None

    def value(self, knob: str) -> str | None:
        """Return the limit called ``knob`` as somebody wrote it."""
        found: str | None = getattr(self, knob)
        return found

    @property
    def protected(self) -> bool:
        """Whether it is a role that administers, or our own."""
        return self.privileged or self.role in ALWAYS_PROTECTED or self.role == self.me


def read(clients: Clients, database: Database, roles: Sequence[str]) -> dict[str, RoleSettings]:
    """Return the settings of those of ``roles`` (plain names) that exist."""
    rows = database.query(clients, READ, {"roles": ",".join(roles)})
    found = (RoleSettings(**cast("Mapping[str, Any]", row)) for row in rows)
    return {settings.role: settings for settings in found}


def write(clients: Clients, database: Database, role: str, knob: str, before: str | None, after: str | None) -> None:
    """Set the role's ``knob`` to ``after`` (None: reset it) if it is ``before``; Permanent with code ``MOVED`` when it is not."""
    bound = {"role": role, "knob": knob, "before": before, "after": after, "moved": MOVED}
    (row,) = database.query(clients, WRITE, bound)
    database.query(clients, str(row["statement"]))


def milliseconds(value: str | None) -> float | None:
    """Return a limit in milliseconds as PostgreSQL reads it (no unit: milliseconds); None when it is not set or not readable."""
    found = _DURATION.fullmatch(value or "")
    return int(found.group(1)) * _UNITS[found.group(2)] if found else None
