"""grants: the remediators' role may do what `tocsin iam` says that the catalogue needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alarms.domain.regions import partition_of
from infra.aws.permissions import names_of, role_of
from infra.doctor.check import PIPELINE, SPOKE, Absent, Check, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment
from remediators.permissions.grants import Grant, grants
from remediators.registry import registry

MOST_ACTIONS = 50  # in one question to the simulator: its answers are paged beyond 100
Condition = tuple[tuple[str, str, str], ...]


def look(deployment: Deployment) -> Iterator[Finding]:
    """Ask IAM's simulator for every grant, those on one resource together."""
    needed = grants((one.alarm for one in deployment.desired), registry().specs(), names_of(deployment.settings))
    role = _role(deployment)
    together: dict[tuple[str, Condition], list[Grant]] = {}
    for grant in needed:
        together.setdefault((grant.resource, grant.condition), []).append(grant)
    allowed = 0
    for (resource, condition), wanted in together.items():
        actions = sorted({grant.action for grant in wanted})
        for first in range(0, len(actions), MOST_ACTIONS):
            denied = _denied(deployment, role, resource, condition, actions[first : first + MOST_ACTIONS])
            if denied is None:
                yield wrong(role.rsplit("/", 1)[-1], "the role of the remediators' function does not exist")
                return
            allowed += len(actions[first : first + MOST_ACTIONS]) - len(denied)
            for action, lacked in denied.items():
                if lacked:
                    yield unknown(action, f"on {resource} it depends on {lacked}, which IAM's simulator was not told")
                else:
                    yield _missing(action, resource, wanted)
    if allowed:
        yield ok(role.rsplit("/", 1)[-1], f"{allowed} grants are there")
    elif not together:
        yield unknown("grants", "the catalogue needs none")


def _role(deployment: Deployment) -> str:
    """Return the role that acts: the remediators' function's own, or the one that a spoke lends."""
    if deployment.kind == SPOKE:
        partition, account = partition_of(deployment.settings.region), deployment.settings.account
        return f"arn:{partition}:iam::{account}:role/{role_of(deployment.settings)}"
    return str(deployment.function(f"{deployment.base}-remediators").get("Role", ""))


def _denied(
    deployment: Deployment, role: str, resource: str, condition: Condition, actions: Sequence[str]
) -> dict[str, str] | None:
    """Return those of ``actions`` that the role may not do, with the condition keys that were not known; None without a role."""
    # A pattern stands for what it matches: the simulator takes no wildcard inside a resource.
    concrete = resource if resource == "*" else resource.replace("*", "any").replace("?", "x")
    members = {
        "PolicySourceArn": role,
        "ActionNames": list(actions),
        "ResourceArns": [concrete],
        "ContextEntries": [
            {"ContextKeyName": key, "ContextKeyValues": [value.replace("*", "any")], "ContextKeyType": _type(operator)}
            for operator, key, value in condition
        ],
    }
    try:
        answer = deployment.aws.ask("iam", "SimulatePrincipalPolicy", **members)
    except Absent:
        return None
    return {
        one["EvalActionName"]: ", ".join(one.get("MissingContextValues") or ())
        for one in answer["EvaluationResults"]
        if one["EvalDecision"] != "allowed"
    }


def _type(operator: str) -> str:
    name = operator.lower().removesuffix("ifexists").rsplit(":", 1)[-1]
    return "boolean" if name == "bool" else "numeric" if name.startswith("numeric") else "string"


def _missing(action: str, resource: str, wanted: Sequence[Grant]) -> Finding:
    by = sorted({grant.by for grant in wanted if grant.action == action})
    who = by[0] + (f" and {len(by) - 1} more" if len(by) > 1 else "")
    return wrong(action, f"the role may not on {resource}; needed by {who}")


CHECK = Check(
    asks="May the remediators' role do all that the rows' actions and the engine need?",
    why="A missing right shows in the middle of an incident: the remediation stops half-way and people have to go on.",
    fix="attach what `tocsin iam --stage STAGE` prints to the role",
    reads=("lambda:GetFunctionConfiguration", "iam:SimulatePrincipalPolicy"),
    look=look,
    asked_of=(PIPELINE, SPOKE),
)
