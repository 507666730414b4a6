"""Which sessions of a PostgreSQL server may be ended, told from what the server says of them. Pure.

Ending a session throws away what it has not committed. So only what is unused for long is chosen: an idle session loses nothing,
one idle in a transaction that has written nothing loses nothing, one that has written is chosen only while others wait for its
locks, and a running statement only when the policy names that state. Whoever administers or replicates is never chosen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.domain.text import Text

IDLE, IN_TRANSACTION, ABORTED, ACTIVE = "idle", "idle in transaction", "idle in transaction (aborted)", "active"
STATES = (IDLE, IN_TRANSACTION, ABORTED, ACTIVE)
# What RDS and its proxy run themselves.
ALWAYS_PROTECTED = frozenset({"rdsadmin", "rdsproxyadmin", "rdsrepladmin", "rdstopmgr"})


@dataclass(frozen=True, slots=True)
class Session:
    """One session as pg_stat_activity shows it. Times are the server's, as text in UTC with microseconds; ages in seconds.

    ``privileged``: its role is a superuser, replicates, is one of RDS's own groups, or is gone. ``wrote``: it has a transaction
    id, so there is something to roll back. ``blocks``: how many sessions wait for it. ``state`` None: it cannot be seen.
    """

    pid: int
    user: str
    application: str
    client: str
    database: str
    state: str | None
    backend_start: str
    state_change: str
    age_s: float
    privileged: bool
    wrote: bool = False
    blocks: int = 0
    locks: int = 0
    transaction_age_s: float | None = None
    waits: bool = False
    query: str = ""

    @property
    def identity(self) -> str:
        """What no later session has: a process id is used again, together with its start it is not."""
        return f"{self.pid}@{self.backend_start}"

    @property
    def spell(self) -> str:
        """The state and since when: what was decided upon. One statement in between, and it is another spell."""
        return f"{self.state} since {self.state_change}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a policy allows. ``idle_for_s`` is how long a session must have been in its state, by the server's clock."""

    states: frozenset[str]
    idle_for_s: float
    max_sessions: int
    keep_per_application: int
    protect: frozenset[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """The sessions to end, oldest first, and how many were spared for which reason (a key of ``SPARED``)."""

    chosen: tuple[Session, ...]
    spared: Mapping[str, int]


SPARED = {
    "protected": Text("of protected or administrative roles", "보호 대상 또는 관리자 역할"),
    "unseen": Text("whose state cannot be seen", "상태를 볼 수 없음"),
    "state": Text("in a state that the policy does not name", "정책에 없는 상태"),
    "young": Text("not idle for long enough", "유휴 시간이 짧음"),
    "uncommitted": Text("with uncommitted work that nobody waits for", "기다리는 세션이 없는 미커밋 작업 보유"),
    "kept": Text("kept for their application's pool", "애플리케이션 풀에 남겨 둠"),
    "ceiling": Text("beyond the ceiling of one run", "1회 상한 초과"),
}


def choose(sessions: Sequence[Session], rules: Rules, own_role: str) -> Choice:
    """Return which of a server's sessions to end: the longest in their state first, within all of ``rules``.

    ``sessions`` are all client sessions of the server: those of an application that must stay are counted among them.
    """
    spared: Counter[str] = Counter()
    left = Counter(session.application for session in sessions)
    chosen: list[Session] = []
    for session in sorted(sessions, key=_turn):
        reason = _why_not(session, rules, own_role)
        if not reason and left[session.application] <= rules.keep_per_application:
            reason = "kept"
        if not reason and len(chosen) >= rules.max_sessions:
            reason = "ceiling"
        if reason:
            spared[reason] += 1
        else:
            left[session.application] -= 1
            chosen.append(session)
    return Choice(tuple(chosen), dict(spared))


def _turn(session: Session) -> tuple[float, int]:
    """Return what sorts the oldest first; an age that is not known comes last (not a number would spoil the order)."""
    return (math.inf if math.isnan(session.age_s) else -session.age_s, session.pid)


def _why_not(session: Session, rules: Rules, own_role: str) -> str:
    """Return the reason to spare one session, whatever the others are; "" when there is none."""
    if session.privileged or session.user in rules.protect | ALWAYS_PROTECTED | {own_role, ""}:
        return "protected"
    if session.state is None:
        return "unseen"
    if session.state not in rules.states or session.state not in STATES:
        return "state"
    if not session.age_s >= rules.idle_for_s:  # not a number is not old enough
        return "young"
    if session.state == IN_TRANSACTION and session.wrote and not session.blocks:
        return "uncommitted"
    return ""


def census(sessions: Iterable[Session]) -> list[dict[str, Any]]:
    """Return how many sessions there are by user, application, client and state, most first."""
    counted = Counter((one.user, one.application, one.client, one.state or "unseen") for one in sessions)
    names = ("user", "application", "client", "state")
    return [dict(zip(names, key, strict=True)) | {"sessions": number} for key, number in counted.most_common()]
