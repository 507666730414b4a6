"""set-idle-timeouts: let a PostgreSQL server end a role's idle sessions by itself, for a while.

    remediate:
      - action: set-idle-timeouts
        with: {cluster: image-db, database: image, secret: "arn:aws:secretsmanager:…:secret:tocsin-image-db-AbCdEf",
               roles: [image_api], idle_session: 15 m}

Risk: reversible. Changes: ``idle_session_timeout`` and ``idle_in_transaction_session_timeout`` of named roles, by ALTER ROLE …
SET; sessions opened from then on have them, those that are open keep what they have. Bounds: the named roles only; a shorter
limit that is there is never made longer. Verify: the limits stand. Revert: each goes back, or is reset, if it still is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Risk
from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from alarms.domain.text import Text
from remediators.action import Clients, Overtaken, Permit, Refusal, Situation
from remediators.database import database, role_settings, server_sight
from remediators.database.database_access import PARAMETERS, PERMISSIONS
from remediators.database.role_settings import KNOBS, RoleSettings

MOST_ROLES = 10
SHORTEST_S = 10
_BY_PARAMETER = dict(zip(("idle_session", "idle_in_transaction"), KNOBS, strict=True))


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of the roles that exist, by name, and the ways to where they stand (as a change carries them)."""

    roles: Mapping[str, RoleSettings]
    via: str


class SetIdleTimeouts:
    """Sets and gives back the time limits of roles."""

    spec = ActionSpec(
        name="set-idle-timeouts",
        summary="Let the database end idle sessions of named roles by itself, for a while; new sessions only.",
        risk=Risk.REVERSIBLE,
        changes=True,
        parameters=(
            *PARAMETERS,
            Parameter("roles", ParameterKind.TEXTS, "the roles whose limits are set, and no others", ceiling=True),
            Parameter("idle_session", ParameterKind.DURATION, "end a session idle for this long", required=False),
            Parameter(
                "idle_in_transaction", ParameterKind.DURATION, "end a session idle in a transaction for this long", required=False
            ),
        ),
        permissions=PERMISSIONS,
        example="""\
remediate:
  - action: set-idle-timeouts
    with:
      cluster: image-db
      database: image
      secret: "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:tocsin-image-db-AbCdEf"
      roles: [image_api, image_consumer]
      idle_session: 15 m
      idle_in_transaction: 1 m
    limits: [2 per day]
    cooldown: 1 h
    verify_within: 10 m
    revert: {after_ok: 2 h, at_latest: 24 h}
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between parameters, None when nothing is."""
        roles = parameters.get("roles", ())
        strange = [role for role in roles if not role_settings.PLAIN.fullmatch(role)]
        if strange:
            return f"roles has {strange[0]!r}; a name is of letters, digits, _ . and - here"
        if len(roles) > MOST_ROLES:
            return f"roles has {len(roles)} names, {MOST_ROLES} are the most"
        given = [name for name in _BY_PARAMETER if name in parameters]
        if not given:
            return f"neither {' nor '.join(_BY_PARAMETER)} is set: there would be nothing to do"
        short = [name for name in given if parameters[name] < SHORTEST_S]
        if short:
            return f"{short[0]} is below {SHORTEST_S} s: every pool would lose its sessions between two requests"
        return database.problem(parameters)

    def resource(self, situation: Situation) -> str:
        """Return ``postgres:<cluster>``."""
        return server_sight.lock_key(situation.policy.parameters)

    def observe(self, clients: Clients, situation: Situation) -> Limits:
        """Read the roles' settings, in one statement."""
        parameters = situation.policy.parameters
        ways = server_sight.ways_in(situation)
        found = server_sight.first_open(ways, lambda way: role_settings.read(clients, way, parameters["roles"]))
        return Limits(found, server_sight.carried(ways))

    def propose(self, observed: Limits, situation: Situation) -> Proposal | Refusal:
        """Set each limit that is not there, or longer; refuse as a whole when one role may not be touched."""
        parameters = situation.policy.parameters
        for name in parameters["roles"]:
            refused = _untouchable(name, observed.roles.get(name))
            if refused is not None:
                return refused
        changes: list[Change] = []
        for settings in (observed.roles[name] for name in dict.fromkeys(parameters["roles"])):
            for parameter, knob in _BY_PARAMETER.items():
                now, wanted = settings.value(knob), parameters.get(parameter)
                if role_settings.milliseconds(now) == 0:
                    return _switched_off(settings.role, knob)
                if wanted is not None and (role_settings.milliseconds(now) or float("inf")) > wanted * 1000:
                    changes.append(Change(_name(parameters["cluster"], settings.role), knob, now, f"{wanted}s", observed.via))
        if not changes:
            return Refusal(
                Reason.NOTHING_TO_DO,
                Text("Every role has these limits already, or shorter ones.", "모든 역할에 이미 같거나 더 짧은 제한이 있습니다."),
            )
        return Proposal(self.spec.name, self.resource(situation), tuple(changes), _why(changes))

    def evidence(self, _: Limits, situation: Situation) -> None:
        """Return None: the intent says it all."""

    def current(self, observed: Limits, change: Change) -> str | None:
        """Return the limit as it stands; None when it is not set, or the role is gone."""
        settings = observed.roles.get(change.resource.rsplit("/", 1)[-1])
        return settings.value(change.knob) if settings else None

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Set or reset one limit if it is as decided; where it is so already, that is success."""
        role, ways = change.resource.rsplit("/", 1)[-1], server_sight.ways_of(change.via)
        before, after = (None if value is None else str(value) for value in (change.before, change.after))
        permit()
        try:
            server_sight.first_open(ways, lambda way: role_settings.write(clients, way, role, change.knob, before, after))
        except Permanent as refused:
            if refused.code != role_settings.MOVED:
                raise
            found = server_sight.first_open(ways, lambda way: role_settings.read(clients, way, [role]))
            if role not in found or found[role].value(change.knob) != after:
                raise Overtaken(_moved(role, change.knob)) from None
        return (f"alter role {role}",)

    def moved(self, observed: Limits, proposal: Proposal) -> bool:
        """Tell whether the limits stand."""
        return all(self.current(observed, change) == change.after for change in proposal.changes)

    def harm(self, _: Limits, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is watched."""

    def restore(self, observed: Limits, proposal: Proposal, situation: Situation) -> Proposal | Refusal:
        """Propose the way back for what still is ours; a limit that others changed since is theirs."""
        ours = [change for change in proposal.changes if self.current(observed, change) == change.after]
        if ours:
            back = tuple(Change(one.resource, one.knob, one.after, one.before, observed.via) for one in ours)
            return Proposal(self.spec.name, self.resource(situation), back, Text("", ""))
        if all(self.current(observed, change) == change.before for change in proposal.changes):
            return Refusal(Reason.NOTHING_TO_DO, Text("The limits are back already.", "제한이 이미 원래대로 돌아와 있습니다."))
        first = next(change for change in proposal.changes if self.current(observed, change) != change.before)
        return Refusal(Reason.DRIFTED, _moved(first.resource.rsplit("/", 1)[-1], first.knob))


def _name(cluster: str, role: str) -> str:
    return f"postgres:{cluster}/role/{role}"


def _untouchable(name: str, settings: RoleSettings | None) -> Refusal | None:
    """Return why this role's limits may not be set, None when they may."""
    if settings is None:
        return Refusal(Reason.UNSAFE, Text(f"There is no role {name}.", f"{name} 역할이 없습니다."))
    if settings.protected:
        return Refusal(
            Reason.UNSAFE,
            Text(f"{name} administers, replicates or is our own role.", f"{name}은(는) 관리·복제 역할이거나 자체 역할입니다."),
        )
    if not settings.may_change:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"{settings.me} may not alter {name}: it needs CREATEROLE, and from PostgreSQL 16 {name} WITH ADMIN OPTION.",
                f"{settings.me}은(는) {name}을(를) 변경할 수 없습니다. CREATEROLE(16부터는 ADMIN OPTION도)이 필요합니다.",
            ),
        )
    if settings.by_database:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"{name} has limits of its own in single databases, which would win over ours.",
                f"{name}에 데이터베이스별 제한이 있어 이 설정보다 우선합니다.",
            ),
        )
    return None


def _switched_off(role: str, knob: str) -> Refusal:
    return Refusal(
        Reason.UNSAFE,
        Text(
            f"Somebody set {knob} of {role} to 0 on purpose; that is respected.",
            f"누군가 {role}의 {knob}을(를) 0으로 설정했습니다. 존중합니다.",
        ),
    )


def _moved(role: str, knob: str) -> Text:
    return Text(
        f"{knob} of {role} was changed by someone else meanwhile; it is left alone.",
        f"그 사이 {role}의 {knob}이(가) 변경되어 그대로 둡니다.",
    )


def _why(changes: list[Change]) -> Text:
    said = ", ".join(f"{change.resource.rsplit('/', 1)[-1]} {change.knob} {change.after}" for change in changes[:6])
    return Text(
        f"New sessions end when idle: {said}. Sessions that are open already keep their limits.",
        f"새 세션은 유휴 시 종료됩니다: {said}. 이미 열린 세션에는 적용되지 않습니다.",
    )
