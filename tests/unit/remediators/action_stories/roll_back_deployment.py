"""roll-back-deployment: version 2 goes bad in its bake time, at a pause, or when it is over and a person agrees to go back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from release_world import PAUSE, ROLL_BACK, Release, errors_alarm, tagged
from remediation_world import World

from action_stories import ActionStory, nothing, often
from alarms.domain.command import Command, CommandKind
from alarms.domain.report import Phase
from infra.local.seam import Call

ROW = errors_alarm(often(ROLL_BACK, revert=None, verify_within_s=900))
AGREES = "U0OWNER00"


def serving(**configuration: Any) -> Callable[[World], None]:
    """Return what puts version 1 there, released blue/green."""

    def prepare(told: World) -> None:
        told.release = Release(told, **configuration)  # type: ignore[attr-defined]  # the stories' own

    return prepare


def gone_bad(told: World) -> None:
    """Release version 2 an hour after all was quiet; it fails as soon as it has the traffic."""
    told.wait(3900, step=600)
    release: Release = told.release  # type: ignore[attr-defined]  # see ``serving``
    release.deploy()
    release.serve(3, new=0.2)


def over(told: World) -> None:
    """Release version 3, by its tag, and then version 4, which goes bad when it is done."""
    told.wait(3900, step=600)
    release: Release = told.release  # type: ignore[attr-defined]  # see ``serving``
    release.deploy("api:4")
    release.serve(14)
    release.serve(3, new=0.2)


def tagged_then(told: World) -> None:
    """Let version 3 run, deployed by a tag of the account's own registry."""
    serving(bakeTimeInMinutes=5)(told)
    tagged(told.release)  # type: ignore[attr-defined]  # see ``serving``
    risks = {risk: [AGREES] for risk in ("read-only", "reversible", "disruptive", "destructive")}
    told.client("ssm").put_parameter(Name="/tocsin/dev/approvers", Value=json.dumps({"approvers": risks}), Type="String")


def agreed(told: World) -> None:
    """Let a person say yes to the newest question."""
    asked = [report for report in told.reports() if report.phase is Phase.ASKED]
    for report in asked[-1:]:
        command = Command(CommandKind.APPROVE, report.run, AGREES, told.now, f"approve-{report.run[:20]}")
        told.client("sqs").send_message(QueueUrl=told.commands_url, MessageBody=json.dumps(command.to_document()))
    told.wait(540, step=60)


def deployed(told: World) -> tuple[str, str]:
    """Return the task definition that the service wants, and how its newest deployment stands."""
    release: Release = told.release  # type: ignore[attr-defined]  # see ``serving``
    return release.service()["taskDefinition"][-5:], release.newest()["status"]


def rolls_back(call: Call) -> bool:
    return call.operation in ("StopServiceDeployment", "ContinueServiceDeployment", "UpdateService")


def story(name: str, prepare: Callable[[World], None], again: Callable[[World], None], **more: Any) -> ActionStory:
    usual: dict[str, Any] = {"phases": ("acted", "helped"), "during": nothing}
    return ActionStory(
        name,
        replace(ROW, policies=ROW.policies),
        deployed,
        prepare,
        again,
        is_change=rolls_back,
        gives_back=False,
        absolute=False,
        fresh=("serviceDeploymentArn", "hookId"),
        **{**usual, **more},
    )


STORIES = (
    story("in its bake time", serving(), gone_bad),
    story("at a pause", serving(lifecycleHooks=[PAUSE]), gone_bad),
    story("when it is over", tagged_then, over, during=agreed, phases=("asked", "acted", "helped")),
)
