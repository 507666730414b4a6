"""The direct way to a database: one TLS connection for one statement, with time limits, as the role that a secret names.

A connection lives no longer than its statement: a Lambda that is frozen with an open one would hold a slot of the very
database that runs out of them. The secret is what RDS itself writes: ``{"username", "password", "host", "port"}``, read once a
process and again when its password is refused. Nothing of it, nor of the server's message, stands in a failure.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from alarms.domain.errors import Permanent, Retryable
from remediators.database import sqlstate
from remediators.database.database import Row, Scalar

APPLICATION = "tocsin"
NETWORK_TIMEOUT_S = 12
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 3_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who connects and where to."""

    user: str
    host: str
    port: int
    password: str = field(repr=False)


class Postgres:
    """Databases reached directly. ``secrets`` gives the client of Secrets Manager, ``authorities`` a file of certificates."""

    def __init__(self, secrets: Callable[[], Any], authorities: str = "") -> None:
        self._secrets = secrets
        self._authorities = authorities
        self._known: dict[str, Credentials] = {}

    def query(self, secret: str, database: str, sql: str, parameters: Mapping[str, Scalar]) -> list[Row]:
        """Connect as ``secret`` says, run one statement, leave; its rows by column name. Failures as ``Database.query``."""
        known = self._known.get(secret)
        credentials = known or self._read(secret)
        try:
            return self._run(credentials, database, sql, parameters)
        except Permanent as refused:
            if refused.code != sqlstate.BAD_PASSWORD or known is None:
                raise
        return self._run(self._read(secret), database, sql, parameters)  # the password was changed since it was read

    def _run(self, who: Credentials, database: str, sql: str, parameters: Mapping[str, Scalar]) -> list[Row]:
        try:
            with self._connect(who, database) as connection:
                # Never without a parameter: the driver would choose the simple protocol, which takes several statements.
                records = connection.run(sql, **{"_": None, **parameters})
                names = [column["name"] for column in connection.columns or ()]
        except DatabaseError as error:
            raise sqlstate.failure(_code(error)) from None
        except ssl.SSLCertVerificationError:
            raise Permanent("the database's certificate is not one that is trusted for its host name", "tls") from None
        except (InterfaceError, OSError) as error:
            if str(error) == "Server refuses SSL":
                raise Permanent("the database does not speak TLS", "tls") from None
            raise Retryable("the database could not be reached, or did not answer in time") from None
        return [dict(zip(names, record, strict=True)) for record in records or ()]

    def _connect(self, who: Credentials, database: str) -> Any:
        return pg8000.native.Connection(
            who.user,
            host=who.host,
            port=who.port,
            database=database,
            password=who.password,
            ssl_context=self._tls(),
            timeout=NETWORK_TIMEOUT_S,
            application_name=APPLICATION,
            startup_params={"statement_timeout": str(STATEMENT_TIMEOUT_MS), "lock_timeout": str(LOCK_TIMEOUT_MS)},
        )

    def _tls(self) -> ssl.SSLContext:
        """Return what libpq calls verify-full: the chain and the host name are verified."""
        try:
            context = ssl.create_default_context(cafile=self._authorities or None)
        except OSError:
            raise Permanent("TOCSIN_DATABASE_CA names no readable file of certificates", "tls") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Python 3.13 asks more of a certificate's form than libpq's verify-full does; older authorities of RDS would fail.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def _read(self, secret: str) -> Credentials:
        answer = self._secrets().get_secret_value(SecretId=secret)
        try:
            given = json.loads(answer["SecretString"])
            found = Credentials(str(given["username"]), str(given["host"]), int(given.get("port", 5432)), str(given["password"]))
        except (KeyError, TypeError, ValueError):
            raise Permanent("the database's secret is not JSON with username, password and host", "secret-unreadable") from None
        self._known[secret] = found
        return found


def _code(error: DatabaseError) -> str:
    """Return the SQLSTATE of the server's answer, XX000 when it gave none."""
    told = error.args[0] if error.args else None
    code = told.get("C") if isinstance(told, dict) else None
    return code if isinstance(code, str) else "XX000"
