"""approvers: where rows ask people, somebody may say yes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from alarms.domain import approvers
from alarms.domain.action import Risk
from alarms.domain.alarm import Mode, Policy
from infra.doctor.check import Absent, Check, Finding, judged, ok, wrong
from infra.doctor.deployment import Deployment


def look(deployment: Deployment) -> Iterator[Finding]:
    """Read the parameter as the remediators read it, against what the rows ask."""
    name = deployment.parameter("approvers")
    asking = sorted({one.alarm.row for one in deployment.desired if any(_asks(policy) for policy in one.alarm.policies)})
    try:
        text = str(deployment.aws.ask("ssm", "GetParameter", Name=name, WithDecryption=True)["Parameter"]["Value"])
    except Absent:
        if asking:
            yield wrong(name, f"does not exist, and {len(asking)} rows ask people ({asking[0]}): nobody can say yes")
        else:
            yield ok(name, "does not exist, and no row asks anybody")
        return
    found = approvers.parse(text)
    faults = []
    if not _is_object(text):
        faults.append("it is no JSON object: nobody can say yes")
    elif asking and not found.anyone():
        faults.append(f"it names nobody, and {len(asking)} rows ask people ({asking[0]})")
    elif (destructive := found.general.get(Risk.DESTRUCTIVE)) is not None and len(destructive) == 1:
        faults.append("destructive has one person, and two have to say yes")
    yield judged(wrong, name, faults, f"{len(found.anyone())} people may say yes")


def _asks(policy: Policy) -> bool:
    return policy.mode is Mode.APPROVE or any(_asks(step) for step in policy.otherwise)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


CHECK = Check(
    asks="Can the approvers' parameter be read, and is there somebody for what the rows ask?",
    why="A question that nobody may answer lapses, and what rang stays as it is.",
    fix="write the parameter as docs/slack.md shows it: Slack user ids by risk, two or more for destructive",
    reads=("ssm:GetParameter",),
    look=look,
)
