"""One look at a PostgreSQL server: its slots, what our role may do there, its sessions, and by which way it was seen.

When the ordinary role finds all slots taken, the look is taken again as the role in ``reserved_secret``, which may use the slots
kept for administrators (superuser_reserved_connections, reserved_connections, RDS's own).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from alarms.domain.errors import Permanent
from remediators.action import Clients, Purpose, Situation
from remediators.database import session_statements, sqlstate
from remediators.database.database import Database, Row
from remediators.database.sessions import Session

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen. ``ways`` lead to the server, the one that worked first; ``exhausted``: the ordinary one found no slot.

    ``held`` counts client sessions, ``slots`` is max_connections, ``reserved`` how many of those are kept for administrators.
    """

    cluster: str
    ways: tuple[Database, ...]
    role: str
    slots: int
    reserved: int
    held: int
    may_see: bool
    may_end: bool
    sessions: tuple[Session, ...] = ()
    waits: tuple[Row, ...] = ()
    exhausted: bool = False

    @property
    def usable(self) -> int:
        """How many sessions ordinary roles can hold."""
        return max(1, self.slots - self.reserved)

    @property
    def whole(self) -> bool:
        """Whether every session was seen, not only the oldest."""
        return self.may_see and len(self.sessions) < session_statements.MOST_SEEN

    def session(self, identity: str) -> Session | None:
        """Return the session of this identity, None when there is none."""
        return next((one for one in self.sessions if one.identity == identity), None)


def lock_key(parameters: Mapping[str, Any]) -> str:
    """Return ``postgres:<cluster>``: slots are the server's, whichever database a session is in."""
    return f"postgres:{parameters['cluster']}"


def ways_in(situation: Situation) -> tuple[Database, ...]:
    """Return the ways to the database that the policy knows, the ordinary one first."""
    parameters, alarm = situation.policy.parameters, situation.alarm
    ordinary = Database.of(alarm, parameters)
    return (ordinary, Database.of(alarm, parameters, reserved=True)) if "reserved_secret" in parameters else (ordinary,)


def look(clients: Clients, situation: Situation) -> Sight:
    """Read the server. Permanent with code 53300 when no way in has a slot, or the driver's own failures."""
    ways = ways_in(situation)
    return first_open(ways, lambda way: _look(clients, way, ways[ways.index(way) :], situation))


def _look(clients: Clients, way: Database, ways: tuple[Database, ...], situation: Situation) -> Sight:
    facts = cast("Mapping[str, Any]", way.query(clients, session_statements.FACTS)[0])
    parameters = situation.policy.parameters
    cluster, exhausted = parameters["cluster"], way.secret != parameters["secret"]
    if not facts["may_see"]:
        return Sight(cluster, ways, **facts, exhausted=exhausted)
    sessions = tuple(session_statements.sessions(clients, way))
    waits: tuple[Row, ...] = ()
    if situation.purpose is Purpose.DECIDE and any(one.waits for one in sessions):
        waits = tuple(way.query(clients, session_statements.WAITS))
    return Sight(cluster, ways, **facts, sessions=sessions, waits=waits, exhausted=exhausted)


def carried(ways: tuple[Database, ...], held: int = 0) -> str:
    """Return what a change carries of the look that led to it: the ways in, and how many sessions there were."""
    return json.dumps({"ways": [way.to_text() for way in ways], "held": held})


def ways_of(via: str) -> tuple[Database, ...]:
    """Return the ways in that ``carried`` wrote."""
    return tuple(Database.from_text(text) for text in json.loads(via)["ways"])


def held_before(via: str) -> int:
    """Return how many sessions there were when it was decided."""
    return int(json.loads(via)["held"])


def first_open(ways: tuple[Database, ...], ask: Callable[[Database], Answer]) -> Answer:
    """Return ``ask(way)`` of the first way that has a slot; Permanent with code 53300 when none has."""
    for number, way in enumerate(ways):
        try:
            return ask(way)
        except Permanent as refused:
            if refused.code != sqlstate.SLOTS_FULL or number == len(ways) - 1:
                raise
    raise AssertionError("unreachable: there is at least one way, and the last one returns or raises")
