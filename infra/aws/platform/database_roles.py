"""Makes the roles of the database, which CloudFormation cannot: ``python -m infra.aws.platform.database_roles --stage prod``.

It goes through the Data API, since nothing outside the VPC reaches the database, as the master user that RDS keeps. May be run
again: it then sets what differs, passwords included. A password is sent as its SCRAM verifier, so that no log ever holds one.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from typing import Any

from alarms.domain.errors import CannotRun, TocsinError
from infra.aws import stage_file

CLUSTER, DATABASE = "image-db", "image"
# The secret of each role.
NAMES = {
    "image_owner": "image/database-owner",
    "image_api": "image/database",
    "image_consumer": "image/database-consumer",
    "tocsin": "image/tocsin",
    "tocsin_admin": "image/tocsin-admin",
}
ROUNDS = 4096  # of PostgreSQL's own SCRAM verifiers
TRAITS = {
    "image_owner": "LOGIN CONNECTION LIMIT 5",
    "image_api": "LOGIN",
    "image_consumer": "LOGIN",
    "tocsin": "LOGIN INHERIT CREATEROLE CONNECTION LIMIT 3",
    "tocsin_admin": "LOGIN INHERIT CONNECTION LIMIT 2",
}
GRANTS = (
    # The schema belongs to the role that migrates; what each service may do with which table is said by the migrations.
    f"GRANT CREATE, CONNECT ON DATABASE {DATABASE} TO image_owner",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "GRANT CREATE, USAGE ON SCHEMA public TO image_owner",
    "GRANT USAGE ON SCHEMA public TO image_api, image_consumer",
    "ALTER ROLE image_api SET statement_timeout = '10s'",
    "ALTER ROLE image_consumer SET statement_timeout = '30s'",
    # tocsin sees sessions and ends them, and sets limits of the two services; it neither reads their tables nor becomes them.
    "GRANT pg_signal_backend, pg_read_all_stats TO tocsin",
    "GRANT image_api, image_consumer TO tocsin WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
    # For the moment when no slot is left: this one has reserved slots.
    "GRANT rds_superuser TO tocsin_admin",
)


def verifier(password: str, salt: bytes) -> str:
    """Return what PostgreSQL stores for a password (RFC 5803). Pure."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${ROUNDS}:{salt_text}${stored_text}:{server_text}"


def statements(verifiers: Mapping[str, str]) -> list[str]:
    """Return the SQL that makes the roles with these verifiers, in order. Pure; each statement may run twice."""
    made = []
    for role, traits in TRAITS.items():
        create = f"IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role}; END IF;"
        made += [f"DO $$ BEGIN {create} END $$", f"ALTER ROLE {role} WITH {traits} PASSWORD '{verifiers[role]}'"]
    return [*made, *GRANTS]


def make(clients: Callable[[str], Any], salt: Callable[[], bytes]) -> int:
    """Make the roles of the stage's account; return how many statements ran. CannotRun when there is no such cluster or secret.

    Calls RDS DescribeDBClusters, Secrets Manager GetSecretValue, the Data API's ExecuteStatement.
    """
    cluster = clients("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
    master = cluster.get("MasterUserSecret", {}).get("SecretArn")
    if not master:
        raise CannotRun(f"{CLUSTER}: RDS does not keep its master user's secret; the data's stack makes it so")
    verifiers = {role: verifier(_password(clients("secretsmanager"), name), salt()) for role, name in NAMES.items()}
    where = {"resourceArn": cluster["DBClusterArn"], "secretArn": master, "database": DATABASE}
    made = statements(verifiers)
    for statement in made:
        clients("rds-data").execute_statement(sql=statement, **where)
    return len(made)


def _password(client: Any, name: str) -> str:
    document = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    password = document.get("password")
    if not isinstance(password, str) or not password.isascii():
        raise CannotRun(f"secret {name}: there is no password of ASCII characters in it")
    return password


def main(argv: list[str] | None = None) -> int:
    """Make the roles of one stage; return the exit code. A known failure is one line on stderr."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    parser = argparse.ArgumentParser(prog="python -m infra.aws.platform.database_roles", description=__doc__)
    parser.add_argument("--stage", required=True, help="a stage of the packaged catalogue")
    said = parser.parse_args(argv)
    try:
        region = stage_file.read(said.stage).settings.region
        session: Any = boto3.Session(region_name=region)
        count = make(session.client, lambda: secrets.token_bytes(16))
    except (TocsinError, BotoCoreError, ClientError) as error:
        print(f"tocsin: {error}", file=sys.stderr)  # noqa: T201 - the one place where a failure becomes a line
        return 1
    print(f"{len(NAMES)} roles are as they should be ({count} statements)")  # noqa: T201 - what the command says
    return 0


if __name__ == "__main__":
    sys.exit(main())
