"""end-database-sessions: two unused sessions of a real PostgreSQL end, after two people have said yes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import databases
from database_crowd import RESCUE, TOCSIN, Crowd, make_roles
from postgres_server import shared
from remediation_world import World, api_alarm, policy

from action_stories import ActionStory, often
from alarms.domain.command import Command, CommandKind
from alarms.domain.report import Phase
from infra.local.seam import Call
from remediators.database.session_statements import END

APPROVERS = ("U0ONE", "U0TWO")
PARAMETER = "/tocsin/dev/approvers"
MANY, ENDED, IDLE_S = 24, 2, 1
crowds: list[Crowd] = []  # the one of this process: its sessions serve many lives


def prepare(told: World) -> None:
    """Attach the server, keep the secrets that the row names, say who may approve."""
    make_roles(shared())
    crowds[:] = crowds or [Crowd(shared())]
    databases.attach(told.aws, shared())
    databases.secret_of(told.aws, shared(), TOCSIN, "image/story")
    databases.secret_of(told.aws, shared(), RESCUE, "image/story-admin")
    allowed = json.dumps({"approvers": {"destructive": list(APPROVERS)}})
    told.client("ssm").put_parameter(Name=PARAMETER, Value=allowed, Type="String", Overwrite=True)


def again(_: World) -> None:
    """See to it that there are sessions old enough: many at once, because the server's clock is no virtual one."""
    if len(crowds[0].alive()) < ENDED + 2:
        crowds[0].close()
        crowds[0].idle("image-api", count=MANY)
        time.sleep(IDLE_S + 0.1)
    begun[:] = [len(crowds[0].alive())]


begun: list[int] = []


def ended(_: World) -> Any:
    return begun[0] - len(crowds[0].alive())


def yes(told: World) -> None:
    """Let both approvers press the button of the newest question, and wait for what comes late."""
    (question,) = [report for report in told.reports() if report.phase is Phase.ASKED]
    for number, by in enumerate(APPROVERS):
        command = Command(CommandKind.APPROVE, question.run, by, told.now, f"{question.run}-{number}")
        told.client("sqs").send_message(QueueUrl=told.commands_url, MessageBody=json.dumps(command.to_document()))
    told.wait(420, step=30)


def is_change(call: Call) -> bool:
    return call.operation == "ExecuteStatement" and call.params["sql"] == END


STORIES = (
    ActionStory(
        "two people say yes",
        replace(
            api_alarm(
                often(
                    policy(
                        "end-database-sessions",
                        {
                            "cluster": databases.CLUSTER,
                            "database": "postgres",
                            "secret": databases.STORY_SECRET,
                            "reserved_secret": databases.STORY_SECRET.replace("story", "story-admin"),
                            "max_sessions": ENDED,
                            "idle_for": IDLE_S,
                            "used_from": 1.0,
                        },
                    ),
                    revert=None,
                )
            ),
            name="tocsin/dev/image-processing/aurora/connections-near-max/image-db-1",
            row="image-processing/aurora/connections-near-max",
            target={"DBInstanceIdentifier": "image-db-1"},
        ),
        state=ended,
        prepare=prepare,
        again=again,
        during=yes,
        is_change=is_change,
        phases=("asked", "approved", "acted", "helped"),
        gives_back=False,
        absolute=False,
        fresh=("parameters",),
    ),
)
