"""What people do in the stories of remediation: they are asked, answer, undo, hold, and change things themselves."""

from __future__ import annotations

import json
from typing import Any

from remediation_world import World

from alarms.domain.command import Command, CommandKind
from alarms.domain.report import Phase, Report

OWNER, SECOND, STRANGER = "U0OWNER00", "U0SECOND0", "U0STRANGER"


def allow(told: World, *users: str) -> None:
    """Let ``users`` approve whatever can be approved."""
    risks = {risk: list(users) for risk in ("read-only", "reversible", "disruptive", "destructive")}
    told.client("ssm").put_parameter(
        Name="/tocsin/dev/approvers", Value=json.dumps({"approvers": risks}), Type="String", Overwrite=True
    )


def click(told: World, kind: CommandKind, subject: str, by: str = OWNER, *, alarm_key: str = "", nth: int = 0) -> None:
    """Press a button: the command stands on the remediators' queue. ``nth`` tells one person's clicks of a kind apart."""
    command = Command(kind, subject, by, told.now, f"{kind.value}-{subject[:20]}-{by}-{nth}", alarm_key)
    told.client("sqs").send_message(QueueUrl=told.commands_url, MessageBody=json.dumps(command.to_document()))


def last(told: World, phase: Phase) -> Report:
    """Return the newest report of ``phase``."""
    return [report for report in told.reports() if report.phase is phase][-1]


def answer(told: World, kind: CommandKind = CommandKind.APPROVE, by: str = OWNER) -> str:
    """Answer the newest question; returns its run."""
    run = last(told, Phase.ASKED).run
    click(told, kind, run, by)
    told.pump()
    return run


def records(told: World, sk: str = "run") -> list[dict[str, Any]]:
    """Return what the history holds under ``sk``."""
    found = told.client("dynamodb").scan(TableName="tocsin-dev-history")["Items"]
    return [item for item in found if item["sk"]["S"] == sk]
