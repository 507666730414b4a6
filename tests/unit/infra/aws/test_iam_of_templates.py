"""Every policy in every template: actions and conditions that exist, no more than is needed, and nobody unnamed."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data, get_actions_for_service
from policy_sentry.querying.conditions import get_condition_keys_for_service

# Actions that AWS has and the data of the tool does not know yet.
NEWER: frozenset[str] = frozenset({"ecs:ContinueServiceDeployment"})
# Actions that could name a resource in theory, and why "*" is meant.
EVERYWHERE = {
    "cloudwatch:DescribeAlarms": "composite alarms are returned on * only",
    "cloudwatch:DescribeAlarmHistory": "composite alarms are returned on * only",
    "cloudwatch:ListAlarmMuteRules": "a list has no resource",
    "health:DescribeAffectedEntities": "the events are AWS's own, and not known before",
    "logs:GetQueryResults": "the caller's own query, by an id that was not known before",
}
# What a key's own policy says of "*": the key itself.
KEYS = "AWS::KMS::Key"
IDENTITY = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
# Services that act for whoever asks: without a source, anybody's resource could make them act on ours.
ASKED_BY_OTHERS = {f"{name}.amazonaws.com" for name in ("sns", "cloudwatch", "events", "scheduler", "s3")}
# Condition keys that say whose a caller is.
WHOSE = {
    *("aws:sourceaccount", "aws:sourcearn", "aws:sourceowner", "aws:principalorgid", "aws:principalaccount"),
    "kms:calleraccount",
}
# Keys of one service that a request to any other carries too (Lambda developer guide, lambda:SourceFunctionArn).
FOR_ALL = frozenset({"lambda:SourceFunctionArn"})


@dataclass(frozen=True)
class Statement:
    """One statement: where it stands, and whether it says what a role may do, whom it trusts, or whom a resource is open to."""

    where: str
    kind: str
    body: Mapping[str, Any]
    role: str

    @property
    def allows(self) -> bool:
        return bool(self.body["Effect"] == "Allow")

    def each(self, member: str) -> list[Any]:
        found = self.body.get(member, [])
        return found if isinstance(found, list) else [found]

    def __str__(self) -> str:
        return f"{self.where}: {json.dumps(self.body)[:300]}"


def statements(templates: Mapping[str, Any]) -> Iterator[Statement]:
    for stack, template in templates.items():
        for ident, resource in template["Resources"].items():
            for path, body in found(resource.get("Properties", {}), ""):
                trust = "AssumeRolePolicyDocument" in path
                kind = resource["Type"]
                role = "trusted" if trust else "may" if kind in IDENTITY else "open to"
                yield Statement(f"{stack}/{ident}", kind, body, role)


def found(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        if value.get("Effect") in ("Allow", "Deny"):
            yield path, value
        for key, item in value.items():
            yield from found(item, f"{path}/{key}")
    elif isinstance(value, list):
        for item in value:
            yield from found(item, path)


@pytest.fixture(scope="session")
def every(templates: Mapping[str, Any]) -> list[Statement]:
    return list(statements(templates))


@cache
def known(service: str) -> dict[str, str]:
    return {action.lower(): action for action in get_actions_for_service(service)}


def expanded(pattern: str) -> list[str]:
    if pattern in NEWER:
        return [pattern]
    return [name for low, name in known(pattern.split(":", maxsplit=1)[0]).items() if fnmatch.fnmatchcase(low, pattern.lower())]


@cache
def needs_no_resource(action: str) -> bool:
    """Tell whether AWS knows "*" only for ``action``."""
    service, name = action.split(":")
    rows = get_action_data(service, name)[service]
    return all(row["resource_arn_format"] == "*" for row in rows)


def test_there_is_something_to_look_at(every: list[Statement]) -> None:
    assert {statement.role for statement in every} == {"may", "trusted", "open to"}


def test_every_action_is_one_that_aws_has(every: list[Statement]) -> None:
    unknown = {
        f"{action} in {statement.where}"
        for statement in every
        for action in statement.each("Action")
        if action != "*" and not expanded(action)
    }
    assert sorted(unknown) == []


def test_nobody_may_do_everything_of_a_service(every: list[Statement]) -> None:
    wide = [
        str(statement)
        for statement in every
        if statement.allows
        and any(action.endswith("*") and (action == "*" or action.split(":")[1] == "*") for action in statement.each("Action"))
        and not owner_of_a_key(statement)
    ]
    assert wide == []


def owner_of_a_key(statement: Statement) -> bool:
    """Tell whether a key's policy lets its own account decide by IAM, without which nobody could manage it any more."""
    return statement.kind == KEYS and ":root" in json.dumps(statement.body["Principal"])


def test_no_statement_says_what_is_not_allowed_instead_of_what_is(every: list[Statement]) -> None:
    turned = ("NotAction", "NotResource", "NotPrincipal")
    assert [str(statement) for statement in every if statement.allows and any(key in statement.body for key in turned)] == []


def test_everything_stands_only_beside_actions_that_know_no_resource(every: list[Statement]) -> None:
    wide = [
        f"{action} in {statement.where}"
        for statement in every
        if statement.allows
        and statement.role == "may"
        and "*" in statement.each("Resource")
        and "Condition" not in statement.body
        for pattern in statement.each("Action")
        for action in expanded(pattern)
        if action not in NEWER and action not in EVERYWHERE and not needs_no_resource(action)
    ]
    assert sorted(set(wide)) == []


def test_a_resource_is_open_to_nobody_unnamed(every: list[Statement]) -> None:
    """A principal "*" may stand only in what is denied, or beside a condition that says whose it is."""
    unnamed = [
        str(statement)
        for statement in every
        if statement.allows and statement.body.get("Principal") in ("*", {"AWS": "*"}) and not narrowed(statement)
    ]
    assert unnamed == []


def narrowed(statement: Statement) -> bool:
    keys = {key.lower() for test in statement.body.get("Condition", {}).values() for key in test}
    return bool(keys & WHOSE)


def test_a_service_that_acts_for_anybody_acts_only_for_this_account(every: list[Statement]) -> None:
    """The confused deputy: each grant to such a service says for which account or resource."""
    loose = [
        str(statement)
        for statement in every
        if statement.allows and services(statement) & ASKED_BY_OTHERS and not narrowed(statement)
    ]
    assert loose == []


def services(statement: Statement) -> set[str]:
    principal = statement.body.get("Principal")
    named = principal.get("Service", []) if isinstance(principal, Mapping) else []
    return {name for name in (named if isinstance(named, list) else [named]) if isinstance(name, str)}


def test_every_condition_key_is_one_that_aws_has(every: list[Statement]) -> None:
    """A misspelt key is a condition that never holds, or always."""
    unknown = set()
    for statement in every:
        of_services = {pattern.split(":")[0] for pattern in statement.each("Action") if ":" in pattern}
        known_keys = {bare(key) for service in of_services for key in get_condition_keys_for_service(service)}
        for test in statement.body.get("Condition", {}).values():
            for key in test:
                known = key in FOR_ALL or key.lower().startswith("aws:")
                if not known and not any(f"{bare(key)}:".startswith(f"{one}:") for one in known_keys):
                    unknown.add(f"{key} in {statement.where}")
    assert sorted(unknown) == []


def bare(key: str) -> str:
    """Return a condition key without the part that a policy fills in: ``kms:EncryptionContext`` of its ``…:${Name}``."""
    return key.split("/", maxsplit=1)[0].split(":${", maxsplit=1)[0].lower()
