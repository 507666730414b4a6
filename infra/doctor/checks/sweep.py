"""sweep: the reconciler is woken every few minutes, by a role that may do it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.doctor.check import Absent, Check, Finding, judged, wrong
from infra.doctor.deployment import Deployment
from infra.doctor.policies import allows
from remediators.timers import Timer, TimerKind

NAME = "sweep"
_QUICK = re.compile(r"rate\((?:[1-9]|1[0-5]) minutes?\)")


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the schedule of the reconciler, then the role that every timer is sent by."""
    try:
        found = deployment.aws.ask("scheduler", "GetSchedule", GroupName=deployment.base, Name=NAME)
    except Absent:
        yield wrong(f"{deployment.base}/{NAME}", "there is no such schedule: nothing finds what a lost message left behind")
        return
    yield judged(wrong, f"{deployment.base}/{NAME}", _faults(deployment, found), str(found.get("ScheduleExpression")))
    yield _role(deployment, str(found.get("Target", {}).get("RoleArn", "")))


def _faults(deployment: Deployment, found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("State", "ENABLED") != "ENABLED":
        yield "it is disabled: nothing finds what a lost message left behind"
    if not _QUICK.fullmatch(str(found.get("ScheduleExpression"))):
        yield f"it runs by {found.get('ScheduleExpression')}, not every few minutes"
    target = found.get("Target", {})
    queue = deployment.arn("sqs", f"{deployment.base}-remediators")
    if target.get("Arn") != queue:
        yield f"it wakes {target.get('Arn')}, not the remediators' queue"
    place = f"{deployment.settings.account}/{deployment.settings.region}"
    if Timer.from_document(_parsed(target.get("Input"))) != Timer(TimerKind.SWEEP, place):
        yield f"what it says is no sweep of {place}: the remediators ignore it"


def _role(deployment: Deployment, arn: str) -> Finding:
    name = arn.rsplit("/", 1)[-1]
    try:
        role = deployment.aws.ask("iam", "GetRole", RoleName=name)["Role"]
    except Absent:
        return wrong(name or "its role", "the role of the schedules does not exist: no timer ever fires")
    trust = role.get("AssumeRolePolicyDocument", {})
    group = deployment.arn("scheduler", f"schedule-group/{deployment.base}")
    context = {"aws:sourceaccount": deployment.settings.account, "aws:sourcearn": group}
    text = trust if isinstance(trust, str) else json.dumps(trust)
    may = allows(text, "scheduler.amazonaws.com", "sts:AssumeRole", "*", context)
    faults = ["scheduler.amazonaws.com may not take the role: no timer ever fires"] if may is False else []
    return judged(wrong, name, faults, "the schedules may take it")


def _parsed(text: object) -> dict[str, Any]:
    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


CHECK = Check(
    asks="Is the reconciler woken every few minutes, with the right words, by a role that schedules may take?",
    why="Messages get lost. The sweep finds alarms that ring without an episode, and verdicts and returns that are overdue.",
    fix="deploy the pipeline's stack again, or enable the schedule `sweep` of the stage's group",
    reads=("scheduler:GetSchedule", "iam:GetRole"),
    look=look,
)
