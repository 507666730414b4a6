"""table-recovery: what is remembered can be had back, and what has expired goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from infra.doctor.check import Check, Finding, each, judged, wrong
from infra.doctor.checks.tables import DEFINITIONS
from infra.doctor.deployment import Deployment

# Rows of the catalogue never expire: they stay under their digest.
EXPIRES: Mapping[str, str] = {"threads": "expires", "history": "expires_at", "evidence": "expires_at", "journal": "expires_at"}


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge point-in-time recovery and expiry of each table."""
    names = {f"{deployment.base}-{name}": name for name in DEFINITIONS}
    yield from each(names, lambda table: _judged(deployment, table, EXPIRES.get(names[table], "")))


def _judged(deployment: Deployment, table: str, expires: str) -> Iterable[Finding]:
    faults = []
    backups = deployment.aws.ask("dynamodb", "DescribeContinuousBackups", TableName=table)["ContinuousBackupsDescription"]
    if (backups.get("PointInTimeRecoveryDescription") or {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        faults.append("it cannot be restored to a point in time")
    if expires:
        live = deployment.aws.ask("dynamodb", "DescribeTimeToLive", TableName=table)["TimeToLiveDescription"]
        if live.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            faults.append(f"nothing in it expires: time to live is off, its room writes {expires}")
        elif live.get("AttributeName") != expires:
            faults.append(f"it expires by {live.get('AttributeName')}, its room writes {expires}")
    return [judged(wrong, table, faults, "restorable" + (f", expires by {expires}" if expires else ""))]


CHECK = Check(
    asks="Can each table be restored, and does it forget what has expired?",
    why="The history is what keeps a run from happening twice; without expiry it only grows.",
    fix="turn on point-in-time recovery, and time to live on the attribute that the room writes",
    reads=("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTimeToLive"),
    look=look,
)
