"""What the real workload stands on in a demonstration: a PostgreSQL with its schema, and the environment of its containers."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.aws.workload import migrate, settings
from infra.local import postgres
from infra.local.loopback_aws import LoopbackAws

DATABASE = "image"
ROLES = {"image-api": "image_api", "image-consumer": "image_consumer"}
BUCKET = "image-uploads"
# Small ones: what a demonstration shows is that they are made.
RULES = {"thumbnails": [96, 256], "most_bytes": 2 * 2**20}


@dataclass(frozen=True)
class World:
    """A running database, with a password for each role, and a folder for the logs of processes."""

    port: int
    folder: Path
    passwords: Mapping[str, str]

    def environ(self, service: str, aws: LoopbackAws, **more: str) -> dict[str, str]:
        """Return the environment of a service's container."""
        role = ROLES[service]
        return {
            "AWS_ACCESS_KEY_ID": aws.keys.access,
            "AWS_SECRET_ACCESS_KEY": aws.keys.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": aws.region,
            "AWS_ENDPOINT_URL": aws.address,
            "UPLOAD_BUCKET": BUCKET,
            "IMAGE_SETTINGS": json.dumps(RULES),
            "DATABASE_HOST": postgres.HOST,
            "DATABASE_PORT": str(self.port),
            "DATABASE_NAME": DATABASE,
            "DATABASE_SECRET": json.dumps({"username": role, "password": self.passwords[role]}),
            "DATABASE_TLS": "off",
            **more,
        }

    def ask(self, sql: str) -> list[list[object]]:
        """Return the rows of a question to the database, asked as its superuser."""
        session = postgres.connect(self.port, postgres.ADMIN, self.passwords[postgres.ADMIN], database=DATABASE)
        try:
            found: list[list[object]] = session.run(sql)
            return found
        finally:
            session.close()


@contextlib.contextmanager
def standing() -> Iterator[World]:
    """Start a database, create roles and schema; stop it at the end. CannotRun when this machine has no PostgreSQL."""
    passwords = {role: secrets.token_hex(16) for role in (postgres.ADMIN, *ROLES.values())}
    admin = passwords[postgres.ADMIN]
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-workload-") as folder,
        postgres.serving(admin, {"max_connections": 60}) as port,
    ):
        session = postgres.connect(port, postgres.ADMIN, admin, database="postgres")
        session.run(f"CREATE DATABASE {DATABASE}")
        for role in ROLES.values():
            session.run(f"CREATE ROLE {role} LOGIN PASSWORD '{passwords[role]}'")  # hexadecimal digits, made above
        session.close()
        migrate.migrate(
            settings.Database(postgres.HOST, port, DATABASE, postgres.ADMIN, admin, tls=False, authorities="", connections=1)
        )
        yield World(port, Path(folder), passwords)
