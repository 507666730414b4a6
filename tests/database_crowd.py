"""Sessions of every kind on a real PostgreSQL: what a server at its limits is full of."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Iterator
from typing import Any

from pg8000.exceptions import DatabaseError, InterfaceError
from postgres_server import PASSWORD, Server

APP, TOCSIN, RESCUE, PROTECTED, ADMIN, REPLICATOR = "app", "tocsin", "rescue", "migrations", "dba", "replicator"
BLIND, NOT_INHERITING, SEES_ONLY = "blind", "not_inheriting", "sees_only"
ROLES = {
    APP: "",
    TOCSIN: "in role pg_signal_backend, pg_read_all_stats",
    RESCUE: "superuser",
    PROTECTED: "",
    ADMIN: "in role rds_superuser",
    REPLICATOR: "replication",
    BLIND: "in role pg_signal_backend",
    NOT_INHERITING: "noinherit in role pg_signal_backend, pg_read_all_stats",
    SEES_ONLY: "in role pg_read_all_stats",
}
TABLES = (
    "create table if not exists public.jobs (id int)",
    "create table if not exists public.ledger (id int)",
    f"grant all on public.jobs, public.ledger to {APP}",
)
PATIENCE = 500
LEFT = """select pid, usename, backend_type, state, pg_terminate_backend(pid) from pg_stat_activity
          where pid <> pg_backend_pid() and backend_type in ('client backend', 'walsender')"""


class Crowd:
    """Opens sessions and closes them all at the end. A session is known by its process id."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._open: list[Any] = []

    def idle(self, application: str = "image-api", *, user: str = APP, count: int = 1, **more: Any) -> set[int]:
        """Open sessions that do nothing."""
        return {self._pid(self.session(application, user, **more)) for _ in range(count)}

    def session(self, application: str = "image-api", user: str = APP, **more: Any) -> Any:
        """Open one session."""
        opened = self.server.connect(user, application_name=application, **more)
        self._open.append(opened)
        return opened

    def in_transaction(self, *statements: str, application: str = "batch") -> set[int]:
        """Leave a session idle in a transaction that has run ``statements``."""
        opened = self.session(application)
        for statement in ("begin", *statements):
            opened.run(statement)
        return {self._pid(opened)}

    def running(self, statement: str, application: str = "report") -> set[int]:
        """Start a statement and do not wait for it."""
        opened = self.session(application)
        _fire(opened, statement)
        return {self._pid(opened)}

    def replicating(self) -> set[int]:
        """Start a real walsender that streams."""
        opened = self.session("standby", REPLICATOR, replication="true", database=None)
        position = opened.run("IDENTIFY_SYSTEM")[0][2]
        _fire(opened, f"START_REPLICATION PHYSICAL {position}")
        return {self._pid(opened)}

    def alive(self, *, but: str = "test-teller") -> set[int]:
        """Return the process ids of all sessions but those of the application ``but``."""
        sql = """select pid from pg_stat_activity
                 where backend_type in ('client backend', 'walsender') and application_name <> :but and usename <> :me"""
        return {row[0] for row in self.server.run(sql, but=but, me=TOCSIN)}

    def close(self) -> None:
        """End all sessions, and wait until the server has seen it."""
        for _ in range(PATIENCE):  # counted, not timed: the clock may be a virtual one
            left = self.server.run(LEFT)
            if not left:
                break
            time.sleep(0.01)
        else:
            raise AssertionError(f"sessions that do not end: {left}")
        for opened in self._open:
            with contextlib.suppress(InterfaceError, DatabaseError, OSError):
                opened.close()
        self._open.clear()

    @staticmethod
    def _pid(opened: Any) -> int:
        return int(struct.unpack("!i", opened._backend_key_data[:4])[0])


def make_roles(server: Server) -> None:
    """Make every role and table, once."""
    known = {row[0] for row in server.run("select rolname from pg_roles")}
    missing = [] if "rds_superuser" in known else ["create role rds_superuser"]
    missing += [f"create role {name} login password '{PASSWORD}' {more}" for name, more in ROLES.items() if name not in known]
    server.run("select 1", *missing, *TABLES)


@contextlib.contextmanager
def crowd(server: Server) -> Iterator[Crowd]:
    """Open a crowd on ``server``, with every role there is."""
    make_roles(server)
    found = Crowd(server)
    found.close()  # whoever was here before
    try:
        yield found
    finally:
        found.close()


def _fire(opened: Any, statement: str) -> None:
    """Send a statement without waiting for its answer."""
    text = statement.encode() + b"\x00"
    opened._sock.write(b"Q" + struct.pack("!i", len(text) + 4) + text)
    opened._sock.flush()
