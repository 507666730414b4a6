"""end-database-sessions: free connection slots of a PostgreSQL server by ending sessions that nobody uses.

    remediate:
      - action: end-database-sessions
        with: {cluster: image-db, database: image, secret: "arn:aws:secretsmanager:…:secret:tocsin-image-db-AbCdEf",
               max_sessions: 20, idle_for: 10 m}

Risk: destructive (what a session has not committed is gone). Changes: sessions, each by one statement that asks again whether
it still is what was decided upon. Bounds: ``max_sessions``; ``keep_per_application`` stay; roles that administer, replicate or
are protected are never touched. Refuses when it cannot see (unknown), when slots are not short, when there is none to end.
Verify: the count came down and stays down after the pools have refilled. No revert: an ended session stays ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Risk
from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from alarms.domain.masking import normalised
from alarms.domain.text import Text
from remediators.action import Clients, Permit, Purpose, Refusal, Situation
from remediators.database import database, server_sight, session_statements
from remediators.database.database_access import PARAMETERS, PERMISSIONS
from remediators.database.server_sight import Sight
from remediators.database.sessions import ACTIVE, IDLE, SPARED, STATES, Choice, Rules, Session, census, choose

ENDED = "ended"
USED_FROM = 70.0


class EndDatabaseSessions:
    """Ends idle sessions, the longest idle first, one guarded statement each."""

    spec = ActionSpec(
        name="end-database-sessions",
        summary="End database sessions that nobody uses, so that others can connect; one at a time, each looked at again.",
        risk=Risk.DESTRUCTIVE,
        changes=True,
        lends=False,
        approval=True,
        parameters=(
            *PARAMETERS,
            Parameter(
                "max_sessions", ParameterKind.COUNT, "never end more sessions than this in one run", ceiling=True, maximum=100
            ),
            Parameter("idle_for", ParameterKind.DURATION, "only sessions that long in their state", required=False, default=600),
            Parameter(
                "states",
                ParameterKind.TEXTS,
                "which states: idle, idle in transaction, idle in transaction (aborted), active",
                required=False,
                default=(IDLE,),
            ),
            Parameter(
                "keep_per_application",
                ParameterKind.COUNT,
                "leave each application_name at least this many sessions",
                required=False,
                default=1,
            ),
            Parameter("protect", ParameterKind.TEXTS, "roles whose sessions are never ended", required=False),
            Parameter(
                "used_from",
                ParameterKind.PERCENT,
                "act only while this share of the slots for ordinary roles is taken",
                required=False,
                default=USED_FROM,
            ),
        ),
        permissions=PERMISSIONS,
        example="""\
remediate:
  - action: end-database-sessions
    with:
      cluster: image-db
      database: image
      secret: "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:tocsin-image-db-AbCdEf"
      reserved_secret: "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:tocsin-image-db-admin-GhIjKl"
      max_sessions: 20
      idle_for: 10 m
      protect: [migrations, backup]
    limits: [1 per hour, 3 per day]
    cooldown: 30 m
    verify_within: 10 m
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between parameters, None when nothing is."""
        unknown = sorted(set(parameters.get("states", ())) - set(STATES))
        if unknown:
            return f"states has {unknown[0]!r}; what PostgreSQL knows is {', '.join(STATES)}"
        if parameters.get("used_from", USED_FROM) > 100:
            return "used_from is above 100 %: slots would never be short"
        return database.problem(parameters)

    def resource(self, situation: Situation) -> str:
        """Return ``postgres:<cluster>``."""
        return server_sight.lock_key(situation.policy.parameters)

    def observe(self, clients: Clients, situation: Situation) -> Sight:
        """Read slots, grants and sessions. Where sessions cannot be seen, only a decision goes on: it says so."""
        sight = server_sight.look(clients, situation)
        if not sight.may_see and situation.purpose is not Purpose.DECIDE:
            raise Permanent("the role may not see other roles' sessions", "cannot-see")
        return sight

    def propose(self, observed: Sight, situation: Situation) -> Proposal | Refusal:
        """Choose the sessions to end, or say why none is."""
        refused = _unable(observed) or _not_short(observed, situation.policy.parameters)
        if refused is not None:
            return refused
        choice = choose(observed.sessions, rules(situation.policy.parameters), observed.role)
        if not choice.chosen:
            return _none(observed, choice)
        via = server_sight.carried(observed.ways, observed.held)
        changes = tuple(
            Change(f"postgres:{observed.cluster}/session/{one.identity}", "state", one.spell, ENDED, via) for one in choice.chosen
        )
        return Proposal(self.spec.name, self.resource(situation), changes, _why(observed, choice), lines=_lines(observed, choice))

    def evidence(self, observed: Sight, _: Situation) -> Mapping[str, Any]:
        """Return every session with its query's shape, who waits for whom, and the counts; no literal of any query."""
        return {
            "server": {"slots": observed.slots, "reserved": observed.reserved, "held": observed.held, "role": observed.role},
            "through_reserved_slot": observed.exhausted,
            "all_seen": observed.whole,
            "counts": census(observed.sessions),
            "waits": [dict(wait) for wait in observed.waits],
            "sessions": [_kept(one) for one in observed.sessions[:500]],
        }

    def current(self, observed: Sight, change: Change) -> str | None:
        """Return the spell decided upon while it lasts; afterwards it is over, as if ended: nothing is left to do."""
        found = observed.session(change.resource.rsplit("/", 1)[-1])
        if found is None and not observed.whole:
            return str(change.before)
        return str(change.before) if found is not None and found.spell == change.before else ENDED

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """End one session if it still is what was decided upon; else do nothing. A running statement is cancelled first."""
        identity, spell, ways = change.resource.rsplit("/", 1)[-1], str(change.before), server_sight.ways_of(change.via)
        permit()
        if spell.startswith(f"{ACTIVE} since"):
            found = server_sight.first_open(ways, lambda way: session_statements.end(clients, way, identity, spell, cancel=True))
            if not found:
                return ()
            server_sight.first_open(ways, lambda way: way.query(clients, session_statements.BREATHE))
            permit()
        done = server_sight.first_open(ways, lambda way: session_statements.end(clients, way, identity, spell))
        return (f"pg_terminate_backend {identity}",) if done else ()

    def moved(self, observed: Sight, proposal: Proposal) -> bool | None:
        """Tell whether the sessions are gone and at least half of their slots are still free: pools refill a leak in minutes."""
        if not observed.whole:
            return None
        if any(self.current(observed, change) != ENDED for change in proposal.changes):
            return False
        return observed.held <= server_sight.held_before(proposal.changes[0].via) - (len(proposal.changes) + 1) // 2

    def harm(self, _: Sight, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is lent."""

    def restore(self, _: Sight, _proposal: Proposal, _situation: Situation) -> Refusal:
        """Refuse: an ended session stays ended; its client opens another."""
        return Refusal(
            Reason.NOTHING_TO_DO,
            Text(
                "Ended sessions are not given back; their clients open new ones.",
                "종료된 세션은 되돌리지 않습니다. 클라이언트가 다시 연결합니다.",
            ),
        )


def rules(parameters: Mapping[str, Any]) -> Rules:
    """Return what a policy's parameters allow."""
    return Rules(
        states=frozenset(parameters.get("states", (IDLE,))),
        idle_for_s=parameters.get("idle_for", 600),
        max_sessions=parameters["max_sessions"],
        keep_per_application=parameters.get("keep_per_application", 1),
        protect=frozenset(parameters.get("protect", ())),
    )


def _unable(sight: Sight) -> Refusal | None:
    """Refuse when sessions cannot be seen (unknown, never "none") or may not be ended."""
    if not sight.may_see:
        return Refusal(
            Reason.UNKNOWN,
            Text(
                f"{sight.role} cannot see other roles' sessions: grant pg_read_all_stats to it, and let it INHERIT.",
                f"{sight.role} 역할은 다른 역할의 세션을 볼 수 없습니다. pg_read_all_stats를 INHERIT로 부여하세요.",
            ),
        )
    if not sight.may_end:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"{sight.role} may not end sessions: grant pg_signal_backend to it, and let it INHERIT.",
                f"{sight.role} 역할은 세션을 종료할 수 없습니다. pg_signal_backend를 INHERIT로 부여하세요.",
            ),
        )
    return None


def _not_short(sight: Sight, parameters: Mapping[str, Any]) -> Refusal | None:
    """Refuse when this server has slots left: the alarm is another instance's (the Data API knows the writer only), or over."""
    used = 100 * sight.held / sight.usable
    if used >= parameters.get("used_from", USED_FROM):
        return None
    return Refusal(
        Reason.UNSAFE,
        Text(
            f"{sight.held} of {sight.usable} slots ({used:.0f} %) are taken here: slots are not short on this instance.",
            f"슬롯 {sight.usable}개 중 {sight.held}개({used:.0f} %)만 사용 중입니다. 이 인스턴스는 슬롯이 부족하지 않습니다.",
        ),
    )


def _none(sight: Sight, choice: Choice) -> Refusal:
    en, ko = (_spared(choice, korean=korean) for korean in (False, True))
    return Refusal(
        Reason.NOTHING_TO_DO,
        Text(f"None of {sight.held} sessions may be ended: {en}.", f"세션 {sight.held}개 중 종료할 수 있는 것이 없습니다: {ko}."),
    )


def _why(sight: Sight, choice: Choice) -> Text:
    oldest, chosen = _age(choice.chosen[0].age_s), len(choice.chosen)
    return Text(
        f"{sight.held} of {sight.slots} slots are taken ({sight.usable} are for ordinary roles). {chosen} unused sessions can "
        f"go, the oldest for {oldest}; this cannot be undone, their clients open new ones.",
        f"슬롯 {sight.slots}개(일반 역할용 {sight.usable}개) 중 {sight.held}개 사용 중. 미사용 세션 {chosen}개(최장 {oldest})를 "
        "종료할 수 있습니다. 되돌릴 수 없으며 클라이언트는 다시 연결합니다.",
    )


def _lines(sight: Sight, choice: Choice) -> tuple[Text, ...]:
    by_application = Counter(f"{one.application or '-'} ({one.user})"[:60] for one in choice.chosen).most_common(8)
    listed = ", ".join(f"{name} {number}" for name, number in by_application)
    found = [Text(f"To be ended, by application: {listed}", f"애플리케이션별 종료 대상: {listed}")]
    if choice.spared:
        found.append(Text(f"Left alone: {_spared(choice, korean=False)}", f"제외: {_spared(choice, korean=True)}"))
    blocking = sum(one.blocks for one in choice.chosen)
    if blocking:
        found.append(Text(f"{blocking} sessions wait for locks of these.", f"세션 {blocking}개가 이들의 잠금을 기다립니다."))
    if any(one.state == ACTIVE for one in choice.chosen):
        found.append(
            Text(
                "Running statements are cancelled first; the session ends only if that does not help.",
                "실행 중인 문장은 먼저 취소하고, 효과가 없을 때만 세션을 종료합니다.",
            )
        )
    if sight.exhausted:
        found.append(
            Text(
                "No slot was free for the ordinary role: seen and done through a slot reserved for administrators.",
                "일반 역할에 남은 슬롯이 없어 관리자 예약 슬롯으로 확인하고 실행합니다.",
            )
        )
    return tuple(found)


def _spared(choice: Choice, *, korean: bool) -> str:
    said = ((SPARED[reason], number) for reason, number in choice.spared.items())
    return ", ".join(f"{text.ko} {number}개" if korean else f"{number} {text.en}" for text, number in said) or (
        "없음" if korean else "none"
    )


def _age(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} m" if seconds >= 90 else f"{seconds:.0f} s"


def _kept(session: Session) -> dict[str, Any]:
    return {
        "pid": session.pid,
        "user": session.user,
        "application": session.application,
        "client": session.client,
        "database": session.database,
        "state": session.state,
        "backend_start": session.backend_start,
        "state_change": session.state_change,
        "transaction_age_s": session.transaction_age_s,
        "wrote": session.wrote,
        "locks": session.locks,
        "blocks": session.blocks,
        "query": normalised(session.query),
    }
