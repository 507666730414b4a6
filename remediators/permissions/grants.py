"""What a catalogue needs in IAM: the actions' permissions filled in from the rows, and who needs each. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import Formatter

from alarms.domain.action import ActionSpec, Permission
from alarms.domain.alarm import Alarm, Policy
from alarms.domain.errors import CannotRun
from remediators.permissions.engine_permissions import HUB_NEEDS, NEEDS, SPOKE_NEEDS
from remediators.permissions.iam_actions import CONDITIONS, Condition, knows_no_resource

DIAGNOSE = "diagnose"  # runs for every alarm that rings, without standing in any row
# What a diagnosis may ask of a service that need not have one: dimensions of the catalogue's components, as variables.
_DIMENSIONS = frozenset(
    {
        *("api", "cluster", "db_cluster", "db_instance", "function", "load_balancer"),
        *("database_secret", "log_group", "queue", "secret", "service", "target_group", "web_acl"),
    }
)
_UNSAFE = re.compile(r"[*?${}\s\x00-\x1f]")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SECRETS_TAIL = re.compile(r"-[A-Za-z0-9]{6}$")
_TAIL = re.compile(r"_(name|identifier|id)$")


@dataclass(frozen=True, slots=True)
class Names:
    """Where the pipeline stands: its names begin with ``<prefix>-<stage>``.

    ``spoke_roles`` are the roles that a hub assumes elsewhere. ``is_spoke``: the pipeline stands elsewhere, and what is granted
    is what this account and region lend it.
    """

    prefix: str
    stage: str
    partition: str
    region: str
    account: str
    spoke_roles: tuple[str, ...] = ()
    is_spoke: bool = False

    def values(self) -> dict[str, tuple[str, ...]]:
        """Return them as the variables of a template."""
        return {name: (getattr(self, name),) for name in ("prefix", "stage", "partition", "region", "account")}


@dataclass(frozen=True, slots=True)
class Grant:
    """One IAM action on one resource. ``sid`` is set for the engine's own, ``by`` are the rows and actions that need it."""

    action: str
    resource: str
    condition: tuple[tuple[str, str, str], ...]  # operator, key, value
    why: str
    sid: str = ""
    by: str = "the engine"


def grants(alarms: Iterable[Alarm], specs: Mapping[str, ActionSpec], names: Names) -> tuple[Grant, ...]:
    """Return all that the catalogue's rows, the diagnosis and the engine need; CannotRun where a row cannot fill in a name."""
    found: dict[Grant, None] = dict.fromkeys(_engine(names))
    for alarm in alarms:
        for policy in _steps(alarm.policies):
            if policy.action != DIAGNOSE and (spec := specs.get(policy.action)):
                found.update(dict.fromkeys(_of(spec, alarm, policy, names)))
        if DIAGNOSE in specs:
            found.update(dict.fromkeys(_of(specs[DIAGNOSE], alarm, None, names)))
    return tuple(found)


def _engine(names: Names) -> Iterator[Grant]:
    needs = SPOKE_NEEDS if names.is_spoke else (*NEEDS, *(HUB_NEEDS if names.spoke_roles else ()))
    values = {**names.values(), "spoke_role": names.spoke_roles}
    for need in needs:
        for permission in need.permissions:
            yield from _filled(permission, {}, values, need.sid, "the engine")


def _steps(policies: Iterable[Policy]) -> Iterator[Policy]:
    for policy in policies:
        yield policy
        yield from _steps(policy.otherwise)


def _of(spec: ActionSpec, alarm: Alarm, policy: Policy | None, names: Names) -> Iterator[Grant]:
    """Fill in one action's permissions for one row. ``policy`` is None for the diagnosis, which looks at the whole service."""
    by = f"{alarm.row}: {spec.name}" if policy else spec.name
    values = {**_known(spec, alarm, policy), **names.values()}
    for permission in spec.permissions:
        conditions = permission.condition or CONDITIONS.get(permission.action, {})
        if _is_left_out(permission, conditions, values, spec, diagnosing=policy is None):
            continue
        try:
            yield from _filled(permission, conditions, values, "", by)
        except KeyError as missing:
            raise CannotRun(
                f"{by}: {permission.action} is needed on {permission.resource}, and {missing} stands nowhere"
            ) from None


def _known(spec: ActionSpec, alarm: Alarm, policy: Policy | None) -> dict[str, tuple[str, ...]]:
    """Return the variables that a row sets: its target's dimensions (the service's, for a diagnosis), then its parameters."""
    targets = [alarm.target] if policy else [alarm.target, *itertools.chain.from_iterable(alarm.resources.values())]
    found: dict[str, tuple[str, ...]] = {}
    for dimension, value in itertools.chain.from_iterable(target.items() for target in targets):
        long = _WORDS.sub("_", dimension).lower()
        for name in {long, _TAIL.sub("", long)}:
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), value)))
    for parameter in spec.parameters if policy else ():
        given = policy.parameters.get(parameter.name, parameter.default) if policy else None
        if given is not None:
            found[parameter.name] = tuple(str(item) for item in (given if isinstance(given, (list, tuple)) else (given,)))
    return found


def _named(value: str) -> str:
    """Return the name in an ARN, without the six characters that Secrets Manager adds; a value that is no ARN is itself."""
    *parts, name = value.split(":")
    return (_SECRETS_TAIL.sub("", name) if "secretsmanager" in parts else name) if value.startswith("arn:") else value


def _is_left_out(
    permission: Permission, conditions: Condition, values: Mapping[str, object], spec: ActionSpec, *, diagnosing: bool
) -> bool:
    """Tell whether the row does without: it leaves out an optional parameter, or the service has nothing of that kind."""
    optional = {parameter.name for parameter in spec.parameters if not parameter.required}
    may_lack = _DIMENSIONS if diagnosing else optional
    templates = [permission.resource, *(value for keys in conditions.values() for value in keys.values())]
    if permission.only_with and permission.only_with not in values:
        return True
    return any(name in may_lack and name not in values for template in templates for name in variables(template))


def _filled(
    permission: Permission, conditions: Condition, values: Mapping[str, tuple[str, ...]], sid: str, by: str
) -> Iterator[Grant]:
    conditions = permission.condition or conditions
    flat = [(operator, key, value) for operator, keys in conditions.items() for key, value in keys.items()]
    needed = sorted({name for template in (permission.resource, *(value for *_, value in flat)) for name in variables(template)})
    for chosen in itertools.product(*(values[name] for name in needed)):
        of = dict(zip(needed, chosen, strict=True))
        condition = tuple(sorted((operator, key, fill(value, of)) for operator, key, value in flat))
        yield Grant(permission.action, fill(permission.resource, of), condition, permission.why, sid, by)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return ``template`` with its variables filled in. CannotRun where a value would widen or forge what it stands in.

    A wildcard or a policy variable in a row's value would grant more than the row names; a colon would move the parts of an
    ARN: an ARN stands for its name in a longer template. KeyError for a variable without a value.
    """
    filled = {}
    for name in variables(template):
        value = values[name]
        filled[name] = value if template == f"{{{name}}}" else _named(value)
        if not value or _UNSAFE.search(value) or (":" in filled[name] and template != f"{{{name}}}"):
            raise CannotRun(f"{name} {value[:80]!r} cannot stand in {template}: it would name more, or something else")
    return template.format(**filled)


def variables(template: str) -> tuple[str, ...]:
    """Return the names in braces."""
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


def wildcards(found: Iterable[Grant]) -> dict[tuple[str, str], str]:
    """Return what is granted on a wildcard, (action, resource), with the stated reason."""
    unknown = "AWS knows no resource for it"
    return {
        (grant.action, grant.resource): unknown if grant.resource == "*" and knows_no_resource(grant.action) else grant.why
        for grant in found
        if set(grant.resource) & set("*?")
    }
