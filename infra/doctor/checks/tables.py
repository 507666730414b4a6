"""tables: the five tables exist, with the keys that the rooms read and write by, encrypted by a key of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from alarms import rows
from infra.doctor.check import Check, Finding, each, judged, wrong
from infra.doctor.deployment import Deployment
from notifier import dynamodb as threads
from remediators import dynamodb as history
from remediators import journal

DEFINITIONS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "catalogue": rows.table_definition,
    "threads": threads.table_definition,
    "history": history.table_definition,
    "evidence": history.table_definition,
    "journal": journal.table_definition,
}


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge each table against its room's own definition."""
    names = {f"{deployment.base}-{name}": name for name in DEFINITIONS}
    yield from each(names, lambda table: _judged(deployment, names[table]))


def _judged(deployment: Deployment, name: str) -> Iterable[Finding]:
    wanted = DEFINITIONS[name](f"{deployment.base}-{name}")
    found = deployment.aws.ask("dynamodb", "DescribeTable", TableName=wanted["TableName"])["Table"]
    faults = []
    if found.get("TableStatus") not in ("ACTIVE", "UPDATING"):
        faults.append(f"it is {found.get('TableStatus')}")
    if _keys(found) != _keys(wanted):
        faults.append(f"its keys are {', '.join(_keys(found))}, its room reads by {', '.join(_keys(wanted))}")
    indexes = {index["IndexName"]: _keys(index) for index in found.get("GlobalSecondaryIndexes", ())}
    faults += [
        f"it has no index {index['IndexName']} by {', '.join(_keys(index))}"
        for index in wanted.get("GlobalSecondaryIndexes", ())
        if indexes.get(index["IndexName"]) != _keys(index)
    ]
    described = found.get("SSEDescription") or {}
    if described.get("SSEType") != "KMS" or described.get("Status") not in ("ENABLED", "UPDATING"):
        faults.append("it is not encrypted by a key of yours")
    return [judged(wrong, wanted["TableName"], faults, f"keys {', '.join(_keys(wanted))}, encrypted by a key of yours")]


def _keys(of: Mapping[str, Any]) -> list[str]:
    """Return key attributes with their role and, where it is stated, their type: ``pk HASH S``."""
    types = {one["AttributeName"]: one["AttributeType"] for one in of.get("AttributeDefinitions", ())}
    return [
        " ".join([one["AttributeName"], one["KeyType"], types.get(one["AttributeName"], "")]).strip() for one in of["KeySchema"]
    ]


CHECK = Check(
    asks="Do the five tables exist, with the keys of their rooms, encrypted by a key of yours?",
    why="A room whose table has other keys can neither claim nor remember: it refuses to act, or tells one incident many times.",
    fix="deploy the pipeline's stack; a table with other keys has to be made anew",
    reads=("dynamodb:DescribeTable",),
    look=look,
)
