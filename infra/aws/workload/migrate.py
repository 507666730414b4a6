"""Brings the schema up to date: ``python -m infra.aws.workload.migrate``, before the containers that need it start.

Several may start at once: one migrates, the others wait and find nothing left to do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from pg8000.exceptions import DatabaseError, InterfaceError

from infra.aws.workload import settings
from infra.aws.workload.database import connect, sqlstate
from infra.aws.workload.settings import CannotStart, Database

FILES = Path(__file__).parent / "migrations"
LOCK = 0x746F_6373_696E  # any number that nobody else locks


def migrate(database: Database) -> list[str]:
    """Apply the files that the database does not have yet, each in one transaction; return their names. Raises as the driver."""
    connection = connect(database, "image-migration")
    try:
        connection.run("SET lock_timeout = '60s'")
        connection.run("SET statement_timeout = '60s'")
        connection.run("SELECT pg_advisory_lock(:key)", key=LOCK)  # released with the session
        connection.run(
            "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
        )
        known = {name for (name,) in connection.run("SELECT name FROM schema_migrations")}
        return [_apply(connection, path) for path in sorted(FILES.glob("*.sql")) if path.name not in known]
    finally:
        connection.close()


def _apply(connection: Any, path: Path) -> str:
    connection.run("BEGIN")
    try:
        connection.run(path.read_text("utf-8"))
        connection.run("INSERT INTO schema_migrations (name) VALUES (:name)", name=path.name)
        connection.run("COMMIT")
    except DatabaseError:
        connection.run("ROLLBACK")
        raise
    return path.name


def main() -> int:
    """Migrate what the environment names; return the exit code. A known failure is one line on stderr."""
    try:
        applied = migrate(settings.migration(os.environ))
    except CannotStart as error:
        print(error, file=sys.stderr)  # noqa: T201 - the container's own last word
        return 2
    except DatabaseError as error:
        print(f"migration failed: the database answered {sqlstate(error)}", file=sys.stderr)  # noqa: T201 - the same
        return 1
    except (InterfaceError, OSError):
        print("migration failed: the database could not be reached", file=sys.stderr)  # noqa: T201 - the same
        return 1
    print(f"migrations applied: {', '.join(applied) or 'none, the schema is up to date'}")  # noqa: T201 - the container's log
    return 0


if __name__ == "__main__":
    sys.exit(main())
