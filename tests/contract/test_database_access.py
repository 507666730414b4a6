"""Both ways to a database, held together on one real PostgreSQL: the same rows, the same verdicts, nothing of a secret told."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import databases
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres_server import PASSWORD, SLOTS, SUPERUSER_SLOTS, Server

from alarms.domain.errors import Permanent, Retryable
from infra.local import rds_data
from infra.local.aws import Embedded, embedded
from remediators.database import postgres
from remediators.database.database import Database, Way

START = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
ROLE = "contract_role"
WAYS = pytest.mark.parametrize("way", Way)


@pytest.fixture(scope="module", autouse=True)
def _role(postgres_server: Server) -> Iterator[None]:
    postgres_server.run(f"create role {ROLE} login password '{PASSWORD}'")
    yield
    postgres_server.run(f"drop role {ROLE}")


@pytest.fixture
def opened(postgres_server: Server) -> Iterator[tuple[Embedded, str]]:
    with embedded(START) as aws:
        databases.attach(aws, postgres_server)
        yield aws, databases.secret(aws, postgres_server, ROLE)


@pytest.fixture
def ask(opened: tuple[Embedded, str], postgres_server: Server) -> Any:
    """Return ``ask(way, sql, parameters)``."""
    aws, arn = opened
    clients = databases.clients(postgres_server)
    return lambda way, sql, parameters=None: databases.database(aws, arn, way).query(clients, sql, parameters)


PLAIN = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)


@given(
    text=st.none() | PLAIN,
    whole=st.none() | st.integers(-(2**63), 2**63 - 1),
    number=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    flag=st.none() | st.booleans(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_bound_comes_back_the_same_by_both_ways(
    opened: tuple[Embedded, str],
    postgres_server: Server,
    text: str | None,
    whole: int | None,
    number: float | None,
    flag: bool | None,
) -> None:
    aws, arn = opened
    sql = """select cast(:a_text as text) as "text", cast(:whole as bigint) as whole,
                    cast(:number as double precision) as number, cast(:flag as boolean) as flag"""
    bound = {"a_text": text, "whole": whole, "number": number, "flag": flag}
    for way in Way:
        (row,) = databases.database(aws, arn, way).query(databases.clients(postgres_server), sql, bound)
        assert row == {"text": text, "whole": whole, "number": number, "flag": flag}
        assert number is None or math.copysign(1, row["number"]) == math.copysign(1, number)  # type: ignore[arg-type]  # it is a float


@WAYS
def test_text_that_looks_like_sql_stays_text(ask: Any, way: Way) -> None:
    evil = "x'; drop role contract_role; --"
    assert ask(way, "select cast(:it as text) as it, ':it' as quoted", {"it": evil}) == [{"it": evil, "quoted": ":it"}]


@WAYS
def test_no_rows_and_no_columns_are_an_empty_list(ask: Any, way: Way) -> None:
    assert ask(way, "select 1 as one where false") == []
    assert ask(way, "set local work_mem = '1MB'") == []


@WAYS
@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select * from pg_authid", "42501"),
        ("selec 1", "42601"),
        ("select * from nowhere", "42P01"),
        ("select 1; select 2", "42601"),
        ("alter role nobody_knows set work_mem = '1MB'", "42704"),
    ],
)
def test_the_servers_no_has_its_own_code_and_none_of_its_words(ask: Any, way: Way, sql: str, code: str) -> None:
    with pytest.raises(Permanent) as refused:
        ask(way, sql)
    assert refused.value.code == code
    assert "nowhere" not in str(refused.value)
    assert "pg_authid" not in str(refused.value)


@WAYS
def test_an_ended_session_is_tried_again(ask: Any, way: Way) -> None:
    with pytest.raises(Retryable):
        ask(way, "select pg_terminate_backend(pg_backend_pid())")


@WAYS
def test_a_wrong_password_is_a_no_that_tells_nobody_the_password(
    opened: tuple[Embedded, str], postgres_server: Server, way: Way
) -> None:
    aws, _ = opened
    arn = databases.secret(aws, postgres_server, ROLE, "wr0ng-passw0rd")
    with pytest.raises(Permanent) as refused:
        databases.database(aws, arn, way).query(databases.clients(postgres_server), "select 1 as one")
    assert refused.value.code == "28P01"
    assert "wr0ng" not in "".join(map(repr, (refused.value, refused.value.__cause__, refused.value.__context__)))


@WAYS
def test_full_slots_are_told_by_their_code(ask: Any, postgres_server: Server, way: Way) -> None:
    taken: list[Any] = []
    try:
        taken.extend(postgres_server.connect(ROLE) for _ in range(SLOTS - SUPERUSER_SLOTS))
        with pytest.raises(Permanent) as refused:
            ask(way, "select 1 as one")
    finally:
        for connection in taken:
            connection.close()
    assert refused.value.code == "53300"


@WAYS
def test_a_statement_that_takes_too_long_is_ended_and_tried_again(ask: Any, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "STATEMENT_TIMEOUT_MS", 50)
    monkeypatch.setattr(rds_data, "STATEMENT_TIMEOUT_MS", 50)
    with pytest.raises(Retryable):
        ask(way, "select 1 as slept from pg_sleep(20)")


def test_a_password_changed_since_is_read_again(opened: tuple[Embedded, str], postgres_server: Server) -> None:
    aws, _ = opened
    postgres_server.run(f"create role rotated login password '{PASSWORD}'")
    arn = databases.secret(aws, postgres_server, "rotated")
    database, clients = databases.database(aws, arn, Way.DIRECT), databases.clients(postgres_server)
    assert database.query(clients, "select 1 as one") == [{"one": 1}]

    postgres_server.run("alter role rotated password 'another'")
    text = aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=text.replace(PASSWORD, "another"))

    assert database.query(clients, "select 1 as one") == [{"one": 1}]
    postgres_server.run("drop role rotated")


def test_our_own_connections_say_who_they_are_and_end_with_their_statement(ask: Any, postgres_server: Server) -> None:
    sql = """select current_setting('application_name') as name, current_setting('statement_timeout') as statement,
                    current_setting('lock_timeout') as lock,
                    (select count(*) from pg_stat_activity where usename = :me) as mine"""
    assert ask(Way.DIRECT, sql, {"me": ROLE}) == [{"name": "tocsin", "statement": "10s", "lock": "3s", "mine": 1}]


@pytest.mark.parametrize(
    ("changes", "authorities", "failure"),
    [
        ({}, "", "tls"),  # the system's authorities do not know this certificate
        ({"host": "localhost"}, None, "tls"),  # the certificate is another host's
        ({}, "/nonexistent", "tls"),
    ],
)
def test_only_a_trusted_certificate_of_the_right_host_will_do(
    opened: tuple[Embedded, str], postgres_server: Server, changes: dict[str, Any], authorities: str | None, failure: str
) -> None:
    from remediators.aws import Clients

    aws, _ = opened
    arn = databases.secret(aws, postgres_server, ROLE, **changes)
    clients = databases.clients(postgres_server) if authorities is None else Clients(authorities)
    with pytest.raises(Permanent) as refused:
        databases.database(aws, arn, Way.DIRECT).query(clients, "select 1 as one")
    assert refused.value.code == failure


def test_a_server_that_is_not_there_is_tried_again(opened: tuple[Embedded, str], postgres_server: Server) -> None:
    aws, _ = opened
    arn = databases.secret(aws, postgres_server, ROLE, port=1)
    with pytest.raises(Retryable):
        databases.database(aws, arn, Way.DIRECT).query(databases.clients(postgres_server), "select 1 as one")


@pytest.mark.parametrize("text", ["no json", "[]", json.dumps({"username": "x"}), json.dumps({"password": "s3cret", "host": 1})])
@WAYS
def test_a_secret_that_is_none_is_not_shown(opened: tuple[Embedded, str], postgres_server: Server, text: str, way: Way) -> None:
    aws, _ = opened
    arn = str(aws.client("secretsmanager").create_secret(Name=aws.seam.next_id(), SecretString=text)["ARN"])
    with pytest.raises(Permanent) as refused:
        databases.database(aws, arn, way).query(databases.clients(postgres_server), "select 1 as one")
    assert "s3cret" not in str(refused.value)


def test_the_data_api_has_its_own_limits(ask: Any, opened: tuple[Embedded, str], postgres_server: Server) -> None:
    aws, arn = opened
    with pytest.raises(Permanent) as refused:
        ask(Way.DATA_API, "select repeat('x', 1024 * 1024 + 1) as big")
    assert refused.value.code == "UnsupportedResultException"
    with pytest.raises(Permanent) as refused:
        ask(Way.DATA_API, "select 1 as one where :it > 0", {"it": "1"})  # text is not taken for a number
    assert refused.value.code == "42883"

    other = Database(aws.place.arn("rds", "cluster:other"), arn, "postgres")
    clients = databases.clients(postgres_server)
    with pytest.raises(Permanent, match="no instance"):
        other.query(clients, "select 1 as one")
    aws.rds_data.attach(other.cluster, None)
    with pytest.raises(Permanent, match="way: direct"):
        other.query(clients, "select 1 as one")
    aws.seam.fail("rds-data", "ExecuteStatement", "DatabaseResumingException")
    with pytest.raises(Retryable) as resuming:
        ask(Way.DATA_API, "select 1 as one")
    assert resuming.value.after_s


def test_a_batch_runs_once_for_each_set(opened: tuple[Embedded, str]) -> None:
    aws, arn = opened
    sets = [[{"name": "n", "value": {"longValue": number}}] for number in (1, 2)]
    answer = aws.client("rds-data").batch_execute_statement(
        resourceArn=databases.cluster_arn(aws), secretArn=arn, sql="select :n", parameterSets=sets
    )
    assert len(answer["updateResults"]) == 2
