"""A cluster of the embedded AWS with a real PostgreSQL behind it, its secrets, and both ways in."""

from __future__ import annotations

import json
from typing import Any

from moto.backends import get_backend
from postgres_server import HOST, PASSWORD, Server

from infra.local.aws import Embedded
from remediators.aws import Clients
from remediators.database.database import Database, Way

CLUSTER = "image-db"
STORY_SECRET = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:image/story-AbCdEf"


def cluster_arn(aws: Embedded) -> str:
    """Return the ARN of the cluster."""
    return aws.place.arn("rds", f"cluster:{CLUSTER}")


def attach(aws: Embedded, server: Server) -> None:
    """Let the cluster's Data API run its statements on ``server``, as AWS's own client."""

    def connect(user: str, password: str, database: str) -> Any:
        return server.connect(user, application_name="RDS Data API", database=database, password=password)

    aws.rds_data.attach(cluster_arn(aws), connect)


def secret(aws: Embedded, server: Server, user: str, password: str = PASSWORD, **changes: Any) -> str:
    """Keep a role's secret as RDS writes it; returns its ARN."""
    given = {"username": user, "password": password, "host": HOST, "port": server.tls_port, "engine": "postgres", **changes}
    made = aws.client("secretsmanager").create_secret(Name=f"image-db/{aws.seam.next_id()}", SecretString=json.dumps(given))
    return str(made["ARN"])


def secret_of(aws: Embedded, server: Server, user: str, name: str, suffix: str = "AbCdEf") -> None:
    """Keep a role's secret under the ARN that a row names: AWS would choose its last letters."""
    given = {"username": user, "password": PASSWORD, "host": HOST, "port": server.tls_port}
    aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(given))
    kept = get_backend("secretsmanager")[aws.place.account][aws.place.region].secrets[name]
    kept.arn = aws.place.arn("secretsmanager", f"secret:{name}-{suffix}")


def clients(server: Server) -> Clients:
    """Return an action's clients, trusting the server's certificate."""
    return Clients(authorities=server.authorities)


def database(aws: Embedded, arn: str, way: Way) -> Database:
    """Return the database as the role in the secret ``arn`` sees it."""
    return Database(cluster_arn(aws), arn, "postgres", way)
