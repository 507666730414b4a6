"""Whether a resource's policy lets a service do something: as IAM reads it, undecided where it asks what is not known here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from alarms.domain import regions

ITSELF = "*"  # the resource that the policy is of: a trust policy names none, a key's policy says `*`

Context = Mapping[str, str]  # the condition keys that are known, in lower case

_EQUAL = frozenset({"stringequals", "stringequalsignorecase", "bool"})
_LIKE = frozenset({"stringlike", "arnlike", "arnequals"})


def allows(policy: str, principal: str, action: str, resource: str, context: Context) -> bool | None:
    """Tell whether ``policy`` (JSON) lets ``principal`` do ``action`` on ``resource``; None where it depends.

    ``principal`` is a service (``sns.amazonaws.com``) or the ARN of a role. A statement counts when all of its conditions hold
    in ``context``; one that asks for a key which ``context`` lacks may or may not count.
    """
    try:
        document = json.loads(policy)
    except ValueError:
        return None
    found = [one for one in _statements(document) if _speaks_of(one, principal, action, resource)]
    denied = [_holds(one, context) for one in found if one.get("Effect") == "Deny"]
    allowed = [_holds(one, context) for one in found if one.get("Effect") == "Allow"]
    if True in denied:
        return False
    if True in allowed:
        return None if None in denied else True
    return None if None in allowed else False


def _statements(document: Any) -> Iterator[Mapping[str, Any]]:
    statements = document.get("Statement", ()) if isinstance(document, dict) else ()
    yield from (one for one in _listed(statements) if isinstance(one, dict))


def _speaks_of(statement: Mapping[str, Any], principal: str, action: str, resource: str) -> bool:
    if "NotPrincipal" in statement or "NotAction" in statement or "NotResource" in statement:
        return True  # its conditions decide, and where it has none it is taken as it stands
    return (
        _is_meant(statement.get("Principal"), principal)
        and any(fnmatchcase(action.lower(), str(one).lower()) for one in _listed(statement.get("Action", ())))
        and (resource == ITSELF or any(fnmatchcase(resource, str(one)) for one in _listed(statement.get("Resource", "*"))))
    )


def _is_meant(stated: Any, principal: str) -> bool:
    if stated == "*":
        return True
    if not isinstance(stated, dict):
        return False
    account = regions.arn(principal, "iam").account
    named = [str(one) for one in _listed(stated.get("AWS", ()))]
    # An account stands for all its roles; its own policies decide which of them may.
    whole = any(one == account or one.endswith(f"::{account}:root") for one in named) if account else False
    return principal in _listed(stated.get("Service", ())) or principal in named or "*" in named or whole


def _holds(statement: Mapping[str, Any], context: Context) -> bool | None:
    conditions = statement.get("Condition") or {}
    if not isinstance(conditions, dict) or not all(isinstance(keys, dict) for keys in conditions.values()):
        return None
    answers = [
        _condition(str(operator).lower(), str(key).lower(), [str(value) for value in _listed(values)], context)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    ]
    if False in answers:
        return False
    return None if None in answers else True


def _condition(operator: str, key: str, values: Iterable[str], context: Context) -> bool | None:
    name = operator.removesuffix("ifexists")
    known = context.get(key)
    if known is None or name not in _EQUAL | _LIKE:
        return None
    if name in _LIKE:
        return any(fnmatchcase(known, value) for value in values)
    return any(known.lower() == value.lower() for value in values)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
