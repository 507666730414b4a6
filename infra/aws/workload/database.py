"""A small pool of PostgreSQL connections. Every statement stands alone, is parametrised, and may be run twice.

Sessions may be ended from outside at any time (a failover, a patch, tocsin's own end-database-sessions): a statement that
meets a dead connection is run once more on a fresh one. Nothing of the secret or of the server's message stands in a failure.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from infra.aws.workload.settings import Database

Row = dict[str, Any]

NETWORK_TIMEOUT_S = 10
STATEMENT_TIMEOUT_MS = 8_000
LOCK_TIMEOUT_MS = 3_000
BAD_PASSWORD = "28P01"  # noqa: S105 - a SQLSTATE
ENDED = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})  # the server ended, or is about to end, this session


class DatabaseFailed(Exception):
    """The database did not do it. ``code`` is the SQLSTATE, or ``network``, ``tls``, ``busy`` when there is none."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the database did not answer as it should ({code})")
        self.code = code

    @property
    def about_the_data(self) -> bool:
        """Whether the values are what it refuses (classes 22 and 23): the same statement will fail for ever."""
        return self.code[:2] in ("22", "23") and len(self.code) == 5


class Pool:
    """At most ``database.connections`` sessions as ``application``, opened when they are first needed."""

    def __init__(self, database: Database, application: str, wait_s: float = 5.0) -> None:
        self._database = database
        self._application = application
        self._wait_s = wait_s
        self._slots = threading.BoundedSemaphore(database.connections)
        self._idle: list[Any] = []
        self._lock = threading.Lock()
        self.last_failure = ""  # code of the last statement that failed; "" after one that did not

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        """Run one statement; its rows by column name. DatabaseFailed with its code."""
        if not self._slots.acquire(timeout=self._wait_s):
            raise DatabaseFailed("busy")
        try:
            rows = self._run(sql, parameters)
        except DatabaseFailed as failed:
            self.last_failure = failed.code
            raise
        else:
            self.last_failure = ""
            return rows
        finally:
            self._slots.release()

    def close(self) -> None:
        """End the idle sessions."""
        while (connection := self._kept()) is not None:
            _close(connection)

    def _run(self, sql: str, parameters: dict[str, Any]) -> list[Row]:
        while (connection := self._kept()) is not None:
            with suppress(_Dead):  # it died while it was idle: the next one, or a fresh one
                return self._with(connection, sql, parameters)
        try:
            return self._with(self._connect(), sql, parameters)
        except _Dead as dead:
            raise DatabaseFailed(dead.code) from None

    def _with(self, connection: Any, sql: str, parameters: dict[str, Any]) -> list[Row]:
        with _failures():
            try:
                # Never without a parameter: the driver would choose the simple protocol, which takes several statements.
                records = connection.run(sql, **{"_": None, **parameters})
                names = [column["name"] for column in connection.columns or ()]
            except DatabaseError as error:
                if sqlstate(error) in ENDED:
                    _close(connection)
                else:
                    self._keep(connection)
                raise
            except BaseException:
                _close(connection)
                raise
            self._keep(connection)
            return [dict(zip(names, record, strict=True)) for record in records or ()]

    def _connect(self) -> Any:
        with _failures():
            return connect(self._database, self._application)

    def _kept(self) -> Any:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: Any) -> None:
        with self._lock:
            self._idle.append(connection)


class _Dead(Exception):
    """The connection is gone."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def connect(database: Database, application: str) -> Any:
    """Open a session, with time limits, that verifies the server as libpq's verify-full does. Raises what the driver raises."""
    return pg8000.native.Connection(
        database.user,
        host=database.host,
        port=database.port,
        database=database.name,
        password=database.password,
        ssl_context=_tls(database) if database.tls else False,
        timeout=NETWORK_TIMEOUT_S,
        application_name=application,
        startup_params={"statement_timeout": str(STATEMENT_TIMEOUT_MS), "lock_timeout": str(LOCK_TIMEOUT_MS)},
    )


@contextmanager
def _failures() -> Iterator[None]:
    """Turn the driver's failures into ours."""
    try:
        yield
    except DatabaseError as error:
        code = sqlstate(error)
        raise (_Dead(code) if code in ENDED else DatabaseFailed(code)) from None
    except ssl.SSLError:
        raise DatabaseFailed("tls") from None
    except (InterfaceError, OSError):
        raise _Dead("network") from None


def sqlstate(error: DatabaseError) -> str:
    """Return the SQLSTATE of the server's answer, XX000 when it gave none."""
    told = error.args[0] if error.args else None
    code = told.get("C") if isinstance(told, dict) else None
    return code if isinstance(code, str) else "XX000"


def _tls(database: Database) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=database.authorities or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 asks more of a certificate's form than libpq's verify-full does; older authorities of RDS would fail.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _close(connection: Any) -> None:
    with suppress(DatabaseError, InterfaceError, OSError):
        connection.close()
