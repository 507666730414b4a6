"""Time limits of roles on a real PostgreSQL: set, held against other hands, given back or reset."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import databases
import pytest
from database_crowd import ADMIN, APP, TOCSIN, crowd
from postgres_server import PASSWORD, Server
from remediation_world import api_alarm, policy

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from infra.local.aws import Embedded, embedded
from remediators.action import Overtaken, Purpose, Refusal, Situation
from remediators.actions.set_idle_timeouts import SetIdleTimeouts
from remediators.database import role_settings
from remediators.database.database import Way

START = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
ACTION = SetIdleTimeouts()
KEEPER, API, CONSUMER = "keeper", "image_api", "image_consumer"
SESSION, TRANSACTION = role_settings.KNOBS


class Scene:
    """A server with two applications' roles and one that may alter them."""

    def __init__(self, aws: Embedded, server: Server) -> None:
        self.aws = aws
        self.server = server
        self.clients = databases.clients(server)

    def situation(self, user: str = KEEPER, **parameters: Any) -> Situation:
        given = {
            "cluster": databases.CLUSTER,
            "database": "postgres",
            "secret": databases.secret(self.aws, self.server, user),
            "roles": [API, CONSUMER],
            "idle_session": 900,
            **parameters,
        }
        alarm = api_alarm(policy("set-idle-timeouts", given))
        return Situation(alarm, alarm.policies[0], 27.0, START, Purpose.DECIDE)

    def decide(self, user: str = KEEPER, **parameters: Any) -> Proposal | Refusal:
        situation = self.situation(user, **parameters)
        assert ACTION.problem(situation.policy.parameters) is None
        return ACTION.propose(ACTION.observe(self.clients, situation), situation)

    def restore(self, proposal: Proposal, **parameters: Any) -> Proposal | Refusal:
        situation = self.situation(**parameters)
        return ACTION.restore(ACTION.observe(self.clients, situation), proposal, situation)

    def run(self, *changes: Change) -> None:
        for change in changes:
            assert ACTION.run(self.clients, change, lambda: None)

    def alter(self, role: str, what: str) -> None:
        self.server.run(f"alter role {role} {what}")

    def settings(self, role: str) -> list[str]:
        return self.server.run("select rolconfig from pg_roles where rolname = :role", role=role)[0][0] or []


@pytest.fixture
def scene(postgres_server: Server) -> Iterator[Scene]:
    with crowd(postgres_server), embedded(START) as aws:
        postgres_server.run(
            *(f"create role {name} login password '{PASSWORD}'" for name in (API, CONSUMER)),
            f"create role {KEEPER} login createrole password '{PASSWORD}'",
            f"grant {API}, {CONSUMER} to {KEEPER} with admin option",
        )
        databases.attach(aws, postgres_server)
        yield Scene(aws, postgres_server)
        postgres_server.run(*(f"drop role {name}" for name in (API, CONSUMER, KEEPER)))


def decided(answer: Proposal | Refusal) -> Proposal:
    assert isinstance(answer, Proposal), answer
    return answer


def reason(answer: Proposal | Refusal) -> Reason:
    assert isinstance(answer, Refusal), answer
    return answer.reason


@pytest.mark.parametrize("way", Way)
def test_limits_are_set_and_go_back_to_what_they_were_or_to_nothing(scene: Scene, way: Way) -> None:
    scene.alter(CONSUMER, "set idle_session_timeout = '2h'")
    proposal = decided(scene.decide(way=way, idle_in_transaction=60))
    assert [(change.resource.rsplit("/", 1)[1], change.knob, change.before, change.after) for change in proposal.changes] == [
        (API, SESSION, None, "900s"),
        (API, TRANSACTION, None, "60s"),
        (CONSUMER, SESSION, "2h", "900s"),
        (CONSUMER, TRANSACTION, None, "60s"),
    ]

    scene.run(*proposal.changes, *proposal.changes)  # delivered twice

    assert scene.settings(API) == [f"{SESSION}=900s", f"{TRANSACTION}=60s"]
    session = scene.server.connect(API)
    assert session.run("show idle_session_timeout") == [["15min"]]
    session.close()
    observed = ACTION.observe(scene.clients, scene.situation(way=way))
    assert ACTION.moved(observed, proposal)

    back = decided(scene.restore(proposal, way=way))
    scene.run(*back.changes, *back.changes)

    assert scene.settings(API) == []
    assert scene.settings(CONSUMER) == [f"{SESSION}=2h"]
    assert reason(scene.restore(proposal)) is Reason.NOTHING_TO_DO


def test_a_limit_changed_meanwhile_is_never_written_over(scene: Scene) -> None:
    proposal = decided(scene.decide(roles=[API]))
    scene.alter(API, "set idle_session_timeout = '20min'")

    with pytest.raises(Overtaken):
        scene.run(*proposal.changes)
    assert scene.settings(API) == [f"{SESSION}=20min"]


def test_what_others_set_after_us_is_theirs(scene: Scene) -> None:
    proposal = decided(scene.decide())
    scene.run(*proposal.changes)
    scene.alter(API, "set idle_session_timeout = '5min'")

    back = decided(scene.restore(proposal))

    assert [change.resource.rsplit("/", 1)[1] for change in back.changes] == [CONSUMER]
    scene.run(*back.changes)
    assert reason(scene.restore(proposal)) is Reason.DRIFTED
    assert scene.settings(API) == [f"{SESSION}=5min"]


def test_a_shorter_limit_stays(scene: Scene) -> None:
    scene.alter(API, "set idle_session_timeout = '600000'")  # milliseconds
    assert reason(scene.decide(roles=[API])) is Reason.NOTHING_TO_DO


def test_a_limit_switched_off_on_purpose_is_respected(scene: Scene) -> None:
    scene.alter(API, "set idle_session_timeout = 0")
    assert reason(scene.decide()) is Reason.UNSAFE


def test_a_database_with_limits_of_its_own_is_told(scene: Scene) -> None:
    scene.alter(API, "in database postgres set idle_session_timeout = '3h'")
    assert reason(scene.decide()) is Reason.UNSAFE


@pytest.mark.parametrize("roles", [["nobody_knows"], [KEEPER], ["postgres"], [ADMIN]])
def test_roles_that_are_not_there_or_administer_are_refused(scene: Scene, roles: list[str]) -> None:
    answer = scene.decide(roles=roles)
    assert reason(answer) is Reason.UNSAFE
    assert roles[0] in str(answer)


def test_who_may_not_alter_roles_is_told_what_is_missing(scene: Scene) -> None:
    answer = scene.decide(TOCSIN)
    assert reason(answer) is Reason.UNSAFE
    assert "CREATEROLE" in str(answer)


def test_the_servers_own_refusal_passes_through(scene: Scene) -> None:
    via = decided(scene.decide(roles=[API])).changes[0].via
    with pytest.raises(Permanent) as refused:
        scene.run(Change("postgres:image-db/role/postgres", SESSION, None, "900s", via))
    assert refused.value.code == "42501"


@pytest.mark.parametrize("evil", ['x"; drop role app; --', "x'; drop role app; --", "$$; drop role app; $$"])
def test_text_in_a_name_or_a_value_never_becomes_a_statement(scene: Scene, evil: str) -> None:
    via = decided(scene.decide(roles=[API])).changes[0].via
    with pytest.raises((Permanent, Overtaken)):
        scene.run(Change(f"postgres:image-db/role/{evil}", SESSION, None, "900s", via))
    with pytest.raises(Permanent):
        scene.run(Change(f"postgres:image-db/role/{API}", SESSION, None, evil, via))
    assert scene.server.run("select count(*) from pg_roles where rolname = :app", app=APP) == [[1]]
    assert scene.settings(API) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [("10min", 600_000), ("600000", 600_000), ("90s", 90_000), ("0", 0), (None, None), ("soon", None), ("2h", 7_200_000)],
)
def test_limits_are_read_as_the_server_reads_them(value: str | None, expected: float | None) -> None:
    assert role_settings.milliseconds(value) == expected


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"roles": ["a b"], "idle_session": 60}, "letters"),
        ({"roles": ["a"]}, "nothing to do"),
        ({"roles": ["a"], "idle_session": 5}, "below 10 s"),
        ({"roles": [f"r{number}" for number in range(11)], "idle_session": 60}, "10 are the most"),
        ({"roles": ["a"], "idle_session": 60, "secret": "no"}, "ARN"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(parameters: dict[str, Any], wrong: str) -> None:
    assert wrong in str(ACTION.problem(parameters))
