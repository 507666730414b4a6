"""The roles are made by statements that a real PostgreSQL takes, and can do what they are for, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pg8000.exceptions
import pytest
from postgres_server import Server, serving

from alarms.domain.errors import CannotRun
from infra.aws.platform.database_roles import NAMES, make, statements, verifier

SECRET = "Wq7RkT0vXb3LmN9pZs5Yc1DfGh8JtU2aEo6iKr4x"
OLDER = ("WITH ADMIN TRUE, INHERIT FALSE, SET FALSE", "WITH ADMIN OPTION")  # before PostgreSQL 16


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server of this module's own: roles belong to a whole server, and other stories have these names too."""
    with serving() as started:
        started.run("CREATE ROLE rds_superuser")  # Aurora's, which is no superuser
        yield started


@pytest.fixture
def database(server: Server) -> Iterator[Server]:
    """Make a database image; the roles and it go again."""
    server.run("CREATE DATABASE image")
    yield server
    server.run("DROP DATABASE image WITH (FORCE)")
    server.run(*[f"DROP ROLE IF EXISTS {role}" for role in NAMES])


def _run(server: Server, sql: list[str]) -> None:
    connection = server.connect(database="image")
    try:
        for statement in sql:
            connection.run(statement if server.version >= 160000 else statement.replace(*OLDER))
    finally:
        connection.close()


def _all() -> list[str]:
    return statements({role: verifier(SECRET, role.encode().ljust(16, b".")) for role in NAMES})


def test_each_role_comes_in_with_the_password_of_its_secret_also_after_a_second_run(database: Server) -> None:
    _run(database, _all())
    _run(database, _all())

    for role in NAMES:
        with closing(database.connect(role, database="image", password=SECRET)) as session:
            assert session.run("SELECT current_user") == [[role]]


def test_tocsin_sees_and_ends_sessions_and_sets_limits_of_the_services(database: Server) -> None:
    _run(database, _all())

    with closing(database.connect("tocsin", database="image", password=SECRET)) as session:
        session.run("ALTER ROLE image_api SET idle_session_timeout = '15min'")
        may = "SELECT pg_has_role('pg_signal_backend', 'USAGE'), pg_has_role('pg_read_all_stats', 'USAGE')"
        assert session.run(may) == [[True, True]]


def test_tocsin_neither_reads_a_service_s_tables_nor_touches_another_role(database: Server) -> None:
    _run(database, _all())
    with closing(database.connect("image_owner", database="image", password=SECRET)) as owner:
        owner.run("CREATE TABLE images (id int)")
        owner.run("GRANT SELECT ON images TO image_api")

    with closing(database.connect("tocsin", database="image", password=SECRET)) as session:
        with pytest.raises(pg8000.exceptions.DatabaseError, match="42501"):
            session.run("SET ROLE image_owner")
        if database.version >= 160000:  # the platform's is 17; an older server cannot grant the one without the other
            with pytest.raises(pg8000.exceptions.DatabaseError, match="42501"):
                session.run("SELECT * FROM images")
            with pytest.raises(pg8000.exceptions.DatabaseError, match="42501"):
                session.run("ALTER ROLE image_owner SET idle_session_timeout = '15min'")


def test_a_service_makes_no_tables(database: Server) -> None:
    _run(database, _all())

    refused = pytest.raises(pg8000.exceptions.DatabaseError, match="42501")
    with closing(database.connect("image_api", database="image", password=SECRET)) as session, refused:
        session.run("CREATE TABLE mine (id int)")


class Aws:
    """A stand-in for the three services that are called."""

    def __init__(self, cluster: dict[str, Any]) -> None:
        self.cluster, self.ran = cluster, list[dict[str, Any]]()

    def describe_db_clusters(self, **_asked: Any) -> dict[str, Any]:
        return {"DBClusters": [self.cluster]}

    def get_secret_value(self, **asked: Any) -> dict[str, Any]:
        return {"SecretString": json.dumps({"username": asked["SecretId"], "password": SECRET})}

    def execute_statement(self, **asked: Any) -> None:
        self.ran.append(asked)


def test_it_goes_through_the_data_api_as_the_master_user_and_sends_no_password() -> None:
    aws = Aws({"DBClusterArn": "arn:cluster", "MasterUserSecret": {"SecretArn": "arn:master"}})

    count = make(lambda _: aws, lambda: b"0123456789abcdef")

    assert count == len(aws.ran) > len(NAMES)
    assert {(each["resourceArn"], each["secretArn"], each["database"]) for each in aws.ran} == {
        ("arn:cluster", "arn:master", "image")
    }
    assert not [each for each in aws.ran if SECRET in each["sql"]]


def test_a_cluster_whose_master_secret_rds_does_not_keep_is_one_line() -> None:
    with pytest.raises(CannotRun, match="image-db: RDS does not keep"):
        make(lambda _: Aws({"DBClusterArn": "arn:cluster"}), lambda: b"0123456789abcdef")
