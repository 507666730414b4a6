"""The section ``pipeline`` of a stage file: what the pipeline needs to know beside the catalogue. Read strictly, with places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alarms.domain.action import Risk
from alarms.domain.errors import BadInput
from infra.written import Node

ROOMS = ("notifier", "remediators", "interactive")
FIELDS = (
    "slack_team",
    "default_channel",
    "alarm_emails",
    "approvers",
    "log_days",
    "evidence_days",
    "journal_days",
    "memory",
    "concurrency",
    "reserved_concurrency",
    "vpc",
)
# What CloudWatch Logs takes for RetentionInDays.
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
# Lambda gives CPU by memory, a whole one at 1,769 MB. The door has three seconds for everything, its cold start included; the
# others are waited for by nobody, and half a CPU starts them in about a second.
MEMORY: Mapping[str, int] = {"notifier": 1024, "remediators": 1024, "interactive": 1769}
# Messages at once: Slack takes about one a second and channel, and one change a service is in flight anyway. A queue keeps the
# rest. Reserved are the same numbers, so that a storm elsewhere in the account cannot silence the bell. What a hub of many
# accounts needs, and what then binds instead: docs/scale.md.
CONCURRENCY: Mapping[str, int] = {"notifier": 5, "remediators": 5, "interactive": 5}
MOST_AT_ONCE = range(2, 1001)  # what an event source mapping takes for MaximumConcurrency
_TEAM = re.compile(r"T[A-Z0-9]{6,14}")
_USER = re.compile(r"[UW][A-Z0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")


@dataclass(frozen=True, slots=True)
class Vpc:
    """Where the remediators stand to reach a database directly. ``database_ca`` is a file of certificates, None: the system's."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    database_ca: Path | None


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What the file says, with the defaults of what it leaves out.

    Without ``slack_team`` there is no door for buttons. ``approvers`` None: the parameter is not the stack's. ``memory`` is in
    MB by function, ``concurrency`` how many of its executions run at once; ``journal_days`` None keeps the journal for ever.
    ``reserved_concurrency``: whether each function has executions of its own that nobody else in the account can use up.
    """

    slack_team: str | None
    default_channel: str
    alarm_emails: tuple[str, ...]
    approvers: Mapping[str, tuple[str, ...]] | None
    log_days: int
    evidence_days: int
    journal_days: int | None
    memory: Mapping[str, int]
    concurrency: Mapping[str, int]
    reserved_concurrency: bool
    vpc: Vpc | None


def read(section: Node | None) -> PipelineSettings:
    """Return what ``section`` says. BadInput with place and remedy for what is wrong or missing."""
    if section is None:
        raise BadInput("the stage file has no section pipeline; stages/prod.yaml shows one")
    given = section.fields(*FIELDS)
    for name, holds in {
        "default_channel": "the Slack channel of alarms without a row",
        "alarm_emails": "who is mailed when the pipeline itself fails ([] where nobody is)",
    }.items():
        if name not in given:
            raise section.lacks(f"{name}, {holds},")
    return PipelineSettings(
        slack_team=_matching(given["slack_team"], _TEAM, "a workspace's id like T0123456789") if "slack_team" in given else None,
        default_channel=given["default_channel"].text(),
        alarm_emails=tuple(_matching(one, _EMAIL, "an e-mail address") for one in given["alarm_emails"].items()),
        approvers=_approvers(given["approvers"]) if "approvers" in given else None,
        log_days=_log_days(given["log_days"]) if "log_days" in given else 90,
        evidence_days=given["evidence_days"].count(1, 3650) if "evidence_days" in given else 14,
        journal_days=_journal_days(given["journal_days"]) if "journal_days" in given else 400,
        memory=_memory(given["memory"]) if "memory" in given else MEMORY,
        concurrency=_concurrency(given["concurrency"]) if "concurrency" in given else CONCURRENCY,
        reserved_concurrency=_yes(given["reserved_concurrency"]) if "reserved_concurrency" in given else True,
        vpc=_vpc(given["vpc"]) if "vpc" in given else None,
    )


def _approvers(node: Node) -> dict[str, tuple[str, ...]]:
    risks = node.fields(*(risk.value for risk in Risk))
    return {
        risk: tuple(_matching(user, _USER, "a Slack user's id like U0123456789") for user in users.items())
        for risk, users in risks.items()
    }


def _memory(node: Node) -> dict[str, int]:
    return {**MEMORY, **{room: given.count(128, 10240) for room, given in node.fields(*ROOMS).items()}}


def _concurrency(node: Node) -> dict[str, int]:
    least, most = MOST_AT_ONCE.start, MOST_AT_ONCE.stop - 1
    return {**CONCURRENCY, **{room: given.count(least, most) for room, given in node.fields(*ROOMS).items()}}


def _log_days(node: Node) -> int:
    if node.value not in LOG_DAYS or isinstance(node.value, bool):
        raise node.fail(f"one of the days that CloudWatch Logs knows ({', '.join(map(str, LOG_DAYS))})")
    return int(node.value)


def _journal_days(node: Node) -> int | None:
    return None if node.value == "keep" else node.count(1, 36500)


def _yes(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise node.fail("true or false")
    return node.value


def _vpc(node: Node) -> Vpc:
    given = node.fields("subnets", "security_groups", "database_ca")
    for name in ("subnets", "security_groups"):
        if name not in given or not given[name].items():
            raise node.lacks(name)
    authorities = Path(given["database_ca"].text()) if "database_ca" in given else None
    if authorities and not authorities.is_file():
        raise given["database_ca"].fail("a file of certificates (PEM), seen from here")
    return Vpc(
        tuple(_matching(one, _SUBNET, "a subnet's id like subnet-0123456789abcdef0") for one in given["subnets"].items()),
        tuple(
            _matching(one, _GROUP, "a security group's id like sg-0123456789abcdef0") for one in given["security_groups"].items()
        ),
        authorities,
    )


def _matching(node: Node, pattern: re.Pattern[str], wanted: str) -> str:
    if not pattern.fullmatch(node.text()):
        raise node.fail(wanted)
    return node.text()
