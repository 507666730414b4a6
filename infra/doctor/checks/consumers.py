"""consumers: each room's function takes from its queue, and gives single records back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.doctor.check import Absent, Check, Finding, each, judged, wrong
from infra.doctor.deployment import ALIAS, ROOMS, Deployment


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the event source mappings of each room's queue."""
    yield from each(ROOMS, lambda room: _judged(deployment, room))


def _judged(deployment: Deployment, room: str) -> Iterable[Finding]:
    name = f"{deployment.base}-{room}"
    found: list[Mapping[str, Any]] = []
    for page in deployment.aws.pages(
        "lambda", "ListEventSourceMappings", "NextMarker", 20, EventSourceArn=deployment.arn("sqs", name)
    ):
        found += page["EventSourceMappings"]
    mine = [one for one in found if _function(one)[0] == name]
    others = sorted({_function(one)[0] for one in found if one not in mine})
    faults = [f"{other} takes messages away from it" for other in others]
    if not mine:
        faults.append("nothing takes from it: its function has no event source mapping")
    for one in mine:
        faults += _faults(one, expected=ALIAS if _has_alias(deployment, name) else "")
    return [judged(wrong, name, faults, "its function takes from it")]


def _faults(mapping: Mapping[str, Any], *, expected: str) -> Iterator[str]:
    state = mapping.get("State")
    if state not in ("Enabled", "Enabling", "Updating", "Creating"):
        yield f"its consumer is {str(state).lower()}: messages wait unheard"
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or ()):
        yield "its consumer lacks ReportBatchItemFailures: one bad message brings its whole batch again"
    if expected and _function(mapping)[1] != expected:
        yield f"its consumer calls {_function(mapping)[1] or 'the unpublished version'}, not the alias {expected}"
    if str(mapping.get("LastProcessingResult") or "").startswith("PROBLEM"):
        yield "its consumer reports a problem: " + str(mapping["LastProcessingResult"])[:120]


def _has_alias(deployment: Deployment, name: str) -> bool:
    try:
        deployment.aws.ask("lambda", "GetAlias", FunctionName=name, Name=ALIAS)
    except Absent:
        return False
    return True


def _function(mapping: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a mapping's function, and the alias or version that is called (empty: the unpublished one)."""
    name, _, qualifier = str(mapping.get("FunctionArn", "")).rsplit(":function:", 1)[-1].partition(":")
    return name, qualifier


CHECK = Check(
    asks="Does each room's function take from its own queue, through its alias, giving single records back?",
    why="A consumer that is disabled, missing or somebody else's makes no error: messages only grow old.",
    fix="enable the queue's event source mapping, on the function's alias, with FunctionResponseTypes [ReportBatchItemFailures]",
    reads=("lambda:ListEventSourceMappings", "lambda:GetAlias"),
    look=look,
)
