"""A PostgreSQL full of sessions: exactly the right ones end, each once, and what cannot be seen is never "none"."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import databases
import pytest
from database_crowd import ADMIN, BLIND, NOT_INHERITING, PROTECTED, RESCUE, SEES_ONLY, TOCSIN, Crowd, crowd
from postgres_server import SLOTS, SUPERUSER_SLOTS, Server
from remediation_world import api_alarm, policy

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from infra.local.aws import Embedded, embedded
from remediators.action import Purpose, Refusal, Situation
from remediators.actions.end_database_sessions import EndDatabaseSessions
from remediators.database.database import Way

START = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
ACTION = EndDatabaseSessions()
WAYS = pytest.mark.parametrize("way", Way)
OLD_S = 0.3
ORDINARY = SLOTS - SUPERUSER_SLOTS


class Scene:
    """A server, its crowd, and one policy's eyes and hands."""

    def __init__(self, aws: Embedded, server: Server, people: Crowd) -> None:
        self.aws = aws
        self.server = server
        self.people = people
        self.clients = databases.clients(server)
        self.permits = 0

    def situation(self, user: str = TOCSIN, purpose: Purpose = Purpose.DECIDE, **parameters: Any) -> Situation:
        given = {
            "cluster": databases.CLUSTER,
            "database": "postgres",
            "secret": databases.secret(self.aws, self.server, user),
            "max_sessions": 50,
            "idle_for": OLD_S,
            "used_from": 1.0,
            "protect": [PROTECTED],
            **parameters,
        }
        alarm = api_alarm(policy("end-database-sessions", given))
        return Situation(alarm, alarm.policies[0], 27.0, START, purpose)

    def decide(self, user: str = TOCSIN, **parameters: Any) -> Proposal | Refusal:
        situation = self.situation(user, **parameters)
        assert ACTION.problem(situation.policy.parameters) is None
        return ACTION.propose(ACTION.observe(self.clients, situation), situation)

    def run(self, change: Change) -> tuple[str, ...]:
        def permit() -> None:
            self.permits += 1

        return ACTION.run(self.clients, change, permit)

    def moved(self, proposal: Proposal, **parameters: Any) -> bool | None:
        observed = ACTION.observe(self.clients, self.situation(purpose=Purpose.VERIFY, **parameters))
        return ACTION.moved(observed, proposal)


@pytest.fixture
def scene(postgres_server: Server) -> Iterator[Scene]:
    with crowd(postgres_server) as people, embedded(START) as aws:
        databases.attach(aws, postgres_server)
        yield Scene(aws, postgres_server, people)


def grow_old(seconds: float = OLD_S) -> None:
    """Let the server's own clock pass: no virtual one reaches it."""
    time.sleep(seconds + 0.05)


def pids(answer: Proposal | Refusal) -> set[int]:
    assert isinstance(answer, Proposal), answer
    return {int(change.resource.rsplit("/", 1)[1].split("@")[0]) for change in answer.changes}


def refused(answer: Proposal | Refusal) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


@WAYS
def test_of_a_full_server_exactly_the_right_sessions_end_and_twice_delivered_changes_nothing(scene: Scene, way: Way) -> None:
    people = scene.people
    leaked = people.idle("image-api", count=5)
    kept = people.idle("only-one")
    harmless = people.in_transaction("select count(*) from jobs")
    empty = people.in_transaction()
    uncommitted = people.in_transaction("insert into jobs values (1)")
    blocking = people.in_transaction("lock table ledger in access exclusive mode", application="nightly")
    waiting = people.running("select * from ledger", application="waiting")
    running = people.running("select pg_sleep(30)", application="waiting")
    spared = (
        kept
        | uncommitted
        | waiting
        | running
        | people.idle("psql", user="postgres", count=2)
        | people.idle("dbeaver", user=ADMIN, count=2)
        | people.idle("flyway", user=PROTECTED, count=2)
        | people.replicating()
    )
    grow_old(3)
    spared |= people.idle("image-api", count=2) | people.idle("nightly")  # young
    states = ["idle", "idle in transaction"]

    decided = scene.decide(way=way, states=states, idle_for=3, keep_per_application=1)
    assert isinstance(decided, Proposal)
    # Of the application "batch" one session stays: the youngest of the three.
    assert pids(decided) == leaked | harmless | empty | blocking

    done = [scene.run(change) for _ in range(2) for change in decided.changes]

    assert [bool(ids) for ids in done] == [True] * len(decided.changes) + [False] * len(decided.changes)
    assert scene.permits == 2 * len(decided.changes)
    assert people.alive() == spared
    assert scene.moved(decided, way=way)


def test_the_longest_idle_go_first_and_never_more_than_the_ceiling(scene: Scene) -> None:
    first = scene.people.idle("a")
    second = scene.people.idle("b")
    scene.people.idle("c")
    scene.people.idle("a", count=2)
    scene.people.idle("b")
    grow_old()

    decided = scene.decide(max_sessions=2)

    assert pids(decided) == first | second
    assert "2 beyond the ceiling" in " ".join(line.en for line in decided.lines)  # type: ignore[union-attr]  # pids says so


def test_a_session_used_since_is_left_alone(scene: Scene) -> None:
    session = scene.people.session("image-api")
    others = scene.people.idle("image-api", count=3)
    grow_old()
    decided = scene.decide()
    assert isinstance(decided, Proposal)
    session.run("select 1")

    done = [scene.run(change) for change in decided.changes]

    assert [bool(ids) for ids in done].count(True) == len(decided.changes) - 1
    assert len(scene.people.alive() & others) == 1
    assert session.run("select 2") == [[2]]


def test_a_process_id_that_another_session_has_by_now_is_left_alone(scene: Scene) -> None:
    (there,) = scene.people.idle("image-api", count=1)
    scene.people.idle("image-api")
    grow_old()
    decided = scene.decide()
    assert isinstance(decided, Proposal)
    (change,) = decided.changes
    assert pids(decided) == {there}
    former = change.resource.replace("@20", "@19")  # the same process id, a session of another time

    assert scene.run(Change(former, change.knob, change.before, change.after, change.via)) == ()
    assert there in scene.people.alive()


def test_one_that_may_no_longer_be_ended_stops_none_of_the_others(scene: Scene) -> None:
    """A kill over a set of rows aborts at the first superuser, after some are gone and with the list of them lost."""
    scene.server.run("create role promoted login password 'correct-horse'")
    try:
        first = scene.people.idle("tool", user="promoted")
        others = scene.people.idle("image-api", count=3)
        scene.people.idle("tool", user="promoted")
        grow_old()
        decided = scene.decide()
        assert isinstance(decided, Proposal)
        assert pids(decided) > first
        scene.server.run("alter role promoted superuser")

        done = [scene.run(change) for change in decided.changes]

        assert [bool(ids) for ids in done] == [False, True, True]
        assert first < scene.people.alive()
        assert len(scene.people.alive() & others) == 1
    finally:
        scene.people.close()
        scene.server.run("drop role promoted")


def test_a_running_statement_is_cancelled_first_and_its_session_lives_when_that_helps(scene: Scene) -> None:
    running = scene.people.running("select pg_sleep(30)")
    scene.people.idle("report", count=1)
    grow_old()
    decided = scene.decide(states=["active"])
    assert pids(decided) == running
    assert isinstance(decided, Proposal)
    (change,) = decided.changes

    assert scene.run(change) == ()

    assert scene.permits == 2
    assert running < scene.people.alive()
    state = scene.server.run("select state from pg_stat_activity where pid = :pid", pid=min(running))
    assert state == [["idle"]]


@pytest.mark.parametrize(
    ("user", "reason", "told"),
    [
        (BLIND, Reason.UNKNOWN, "pg_read_all_stats"),
        (NOT_INHERITING, Reason.UNKNOWN, "INHERIT"),
        (SEES_ONLY, Reason.UNSAFE, "pg_signal_backend"),
    ],
)
def test_missing_grants_are_told_and_never_taken_for_no_sessions(scene: Scene, user: str, reason: Reason, told: str) -> None:
    scene.people.idle("image-api", count=4)
    grow_old()

    answer = refused(scene.decide(user))

    assert answer.reason is reason
    assert told in answer.why.en
    assert told in answer.why.ko


def test_who_cannot_see_verifies_nothing(scene: Scene) -> None:
    with pytest.raises(Permanent) as failure:
        ACTION.observe(scene.clients, scene.situation(BLIND, Purpose.VERIFY))
    assert failure.value.code == "cannot-see"


def test_none_to_end_says_why_each_was_spared(scene: Scene) -> None:
    scene.people.idle("image-api", count=2)

    answer = refused(scene.decide(idle_for=600))

    assert answer.reason is Reason.NOTHING_TO_DO
    assert "not idle for long enough" in answer.why.en


def test_where_slots_are_not_short_nothing_ends(scene: Scene) -> None:
    """The Data API reaches the writer only: an alarm of a reader must not cost the writer its sessions."""
    scene.people.idle("image-api", count=4)
    grow_old()

    answer = refused(scene.decide(used_from=70.0))

    assert answer.reason is Reason.UNSAFE
    assert f"of {ORDINARY} slots" in answer.why.en


@WAYS
def test_with_all_slots_taken_the_reserved_one_is_used_and_said_so(scene: Scene, way: Way) -> None:
    held = scene.people.idle("image-api", count=ORDINARY)
    grow_old()
    reserved = databases.secret(scene.aws, scene.server, RESCUE)

    decided = scene.decide(reserved_secret=reserved, way=way, max_sessions=5, used_from=90.0)

    assert isinstance(decided, Proposal)
    assert "reserved for administrators" in decided.lines[-1].en
    assert all(scene.run(change) for change in decided.changes)
    assert len(held - scene.people.alive()) == 5
    assert scene.moved(decided, way=way)


def test_with_all_slots_taken_and_none_reserved_it_cannot_see(scene: Scene) -> None:
    scene.people.idle("image-api", count=ORDINARY)
    with pytest.raises(Permanent) as failure:
        scene.decide()
    assert failure.value.code == "53300"


def test_slots_that_fill_between_decision_and_deed_are_no_obstacle(scene: Scene) -> None:
    scene.people.idle("image-api", count=ORDINARY - 1)
    grow_old()
    reserved = databases.secret(scene.aws, scene.server, RESCUE)
    decided = scene.decide(reserved_secret=reserved, max_sessions=1)
    assert isinstance(decided, Proposal)
    scene.people.idle("late")

    assert scene.run(decided.changes[0])


def test_what_the_pools_refill_has_not_helped(scene: Scene) -> None:
    scene.people.idle("image-api", count=7)
    grow_old()
    decided = scene.decide()
    assert isinstance(decided, Proposal)
    assert len(decided.changes) == 6
    assert scene.moved(decided) is False  # not yet done
    for change in decided.changes:
        scene.run(change)
    assert scene.moved(decided) is True

    scene.people.idle("image-api", count=4)

    assert scene.moved(decided) is False


def test_a_resumed_run_sees_what_is_left_to_do(scene: Scene) -> None:
    scene.people.idle("image-api", count=3)
    grow_old()
    decided = scene.decide()
    assert isinstance(decided, Proposal)
    first, second = decided.changes
    scene.run(first)

    observed = ACTION.observe(scene.clients, scene.situation(purpose=Purpose.VERIFY))

    assert ACTION.current(observed, first) == first.after
    assert ACTION.current(observed, second) == second.before


def test_the_evidence_holds_sessions_waits_and_counts_and_no_value_of_a_query(scene: Scene) -> None:
    blocker = scene.people.in_transaction("lock table jobs in access exclusive mode")
    waiter = scene.people.running("select * from jobs where id = 8811223344", application="waiting")
    session = scene.people.session("image-api")
    session.run("select 'kim@example.com', 900101")
    grow_old()
    situation = scene.situation()

    kept = ACTION.evidence(ACTION.observe(scene.clients, situation), situation)

    assert kept["server"] == {"slots": SLOTS, "reserved": SUPERUSER_SLOTS, "held": 3, "role": TOCSIN}
    assert kept["waits"][0]["pid"] in waiter
    assert {int(pid) for pid in kept["waits"][0]["blockers"].split(",")} == blocker
    assert {"user": "app", "application": "image-api", "client": "127.0.0.1", "state": "idle", "sessions": 1} in kept["counts"]
    assert "select ?" in [one["query"] for one in kept["sessions"]]
    assert not any(value in str(kept) for value in ("kim@", "900101", "8811223344", "correct-horse"))


def test_what_a_change_carries_is_no_secret(scene: Scene) -> None:
    scene.people.idle("image-api", count=2)
    grow_old()
    decided = scene.decide()
    assert isinstance(decided, Proposal)
    assert Proposal.from_document(decided.to_document()) == decided
    assert "correct-horse" not in str(decided)
