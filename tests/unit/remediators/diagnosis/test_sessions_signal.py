"""The sessions of a real PostgreSQL as the diagnosis sees them: slots, holders, locks; by statements that can only read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import databases
import pytest
from diagnosis_world import alarm
from postgres_server import PASSWORD, Server

from infra.local.aws import Embedded, embedded
from remediators.diagnosis import sessions
from remediators.diagnosis.finding import Look
from remediators.diagnosis.sessions import Sight

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROLE = "diagnosis_role"


@pytest.fixture(scope="module", autouse=True)
def _role(postgres_server: Server) -> Iterator[None]:
    postgres_server.run(f"create role {ROLE} login password '{PASSWORD}'")
    postgres_server.run(f"grant pg_read_all_stats to {ROLE}")
    postgres_server.run(f"alter role {ROLE} set default_transaction_read_only = on")
    yield
    postgres_server.run(f"drop role {ROLE}")


@pytest.fixture
def place(postgres_server: Server) -> Iterator[tuple[Embedded, Look]]:
    with embedded(START) as aws:
        databases.attach(aws, postgres_server)
        stated = {
            "DBClusterIdentifier": databases.CLUSTER,
            "DatabaseSecret": databases.secret(aws, postgres_server, ROLE),
            "Database": "postgres",
        }
        yield aws, Look(replace(alarm(), resources={"database": (stated,)}), START, START)


def seen(place: tuple[Embedded, Look], server: Server) -> Sight:
    _, look = place
    (sight,) = sessions.read(databases.clients(server), look, lambda: 20.0)
    return sight


def test_slots_and_holders_are_read_by_a_role_that_may_only_read(place: tuple[Embedded, Look], postgres_server: Server) -> None:
    pool = [postgres_server.connect("postgres", application_name="diagnosed-pool") for _ in range(3)]
    try:
        sight = seen(place, postgres_server)
    finally:
        for session in pool:
            session.close()

    assert sight.held >= 4
    assert sight.slots >= sight.held
    assert {"application": "diagnosed-pool", "state": "idle", "sessions": 3} in [
        {key: row[key] for key in ("application", "state", "sessions")} for row in sight.holders
    ]
    (said, *_) = sessions.judge([sight], place[1])
    assert f"{sight.held} of {sight.slots} connection slots are taken" in said.line.en


def test_no_slot_left_for_the_question_is_an_answer() -> None:
    (found,) = sessions.judge([Sight("shop-db", full=True)], None)  # type: ignore[arg-type]  # the place says nothing here

    assert "every connection slot is taken" in found.line.en
    assert found.weight >= 5


def test_a_role_that_sees_nobody_is_not_an_empty_server() -> None:
    (found,) = sessions.judge([Sight("shop-db", slots=100)], None)  # type: ignore[arg-type]  # as above

    assert "cannot see other sessions" in found.line.en
    assert found.points == {}


def test_who_waits_for_a_lock_is_counted(place: tuple[Embedded, Look], postgres_server: Server) -> None:
    holder: Any = postgres_server.connect("postgres", application_name="migration")
    waiter: Any = postgres_server.connect("postgres", application_name="image-api")
    holder.run("begin")
    holder.run("select pg_advisory_xact_lock(7)")
    waiting = threading.Thread(target=waiter.run, args=("select pg_advisory_lock(7)",))
    waiting.start()
    try:
        sight = next(found for found in iter(lambda: seen(place, postgres_server), None) if found.waiting)
    finally:
        holder.run("rollback")
        waiting.join()
        holder.close()
        waiter.close()

    assert sight.waiting == 1
    assert any(row["state"] == "idle in transaction" and row["application"] == "migration" for row in sight.holders)
    assert "sessions that wait for locks: 1" in sessions.judge([sight], place[1])[-1].line.en
