"""function-environment: each function is told all that it needs, and told of this stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from infra.doctor.check import Check, Finding, each, judged, wrong
from infra.doctor.deployment import FUNCTIONS, Deployment

# What the rooms refuse to start without: a test holds it against them.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "notifier": ("TOCSIN_CATALOGUE_TABLE", "TOCSIN_THREADS_TABLE", "TOCSIN_SLACK_SECRET", "TOCSIN_DEFAULT_CHANNEL"),
    "remediators": (
        "TOCSIN_STAGE",
        "TOCSIN_CATALOGUE_TABLE",
        "TOCSIN_HISTORY_TABLE",
        "TOCSIN_EVIDENCE_TABLE",
        "TOCSIN_JOURNAL_TABLE",
        "TOCSIN_REPORTS_QUEUE_URL",
        "TOCSIN_COMMANDS_QUEUE_URL",
        "TOCSIN_COMMANDS_QUEUE_ARN",
        "TOCSIN_SCHEDULER_GROUP",
        "TOCSIN_SCHEDULER_ROLE_ARN",
        "TOCSIN_SWITCH_PARAMETER",
    ),
    "interactive": (
        "TOCSIN_THREADS_TABLE",
        "TOCSIN_SLACK_SECRET",
        "TOCSIN_SLACK_TEAM",
        "TOCSIN_APPROVERS_PARAMETER",
        "TOCSIN_COMMANDS_QUEUE_URL",
        "TOCSIN_REPORTS_QUEUE_URL",
    ),
}


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the variables of each function."""
    yield from each(FUNCTIONS, lambda room: _judged(deployment, room))


def _judged(deployment: Deployment, room: str) -> Iterable[Finding]:
    found = deployment.environment(room)
    faults = [f"{name} is not set" for name in NEEDED[room] if not found.get(name, "").strip()]
    meant = _meant(deployment)
    for name in NEEDED[room]:
        value = found.get(name, "").strip()
        if value and name in meant and not _names(value, meant[name]):
            faults.append(f"{name} is {value}, not this stage's {meant[name]}")
    return [judged(wrong, f"{deployment.base}-{room}", faults, f"{len(NEEDED[room])} variables are set")]


def _names(value: str, meant: str) -> bool:
    """Tell whether ``value`` names ``meant``: by its name, by an address or a path that ends with it, or by an ARN around it."""
    return value == meant or value.rstrip("/").endswith(f"/{meant}") or (value.startswith("arn:") and meant in value)


def _meant(deployment: Deployment) -> Mapping[str, str]:
    """Return what the variables that name resources have to say; of an address the last part."""
    base = deployment.base
    return {
        **{
            f"TOCSIN_{name.upper()}_TABLE": f"{base}-{name}"
            for name in ("catalogue", "threads", "history", "evidence", "journal")
        },
        "TOCSIN_STAGE": deployment.settings.stage,
        "TOCSIN_SLACK_SECRET": deployment.secret,
        "TOCSIN_SWITCH_PARAMETER": deployment.parameter("switch"),
        "TOCSIN_APPROVERS_PARAMETER": deployment.parameter("approvers"),
        "TOCSIN_REPORTS_QUEUE_URL": f"{base}-notifier",
        "TOCSIN_COMMANDS_QUEUE_URL": f"{base}-remediators",
        "TOCSIN_COMMANDS_QUEUE_ARN": deployment.arn("sqs", f"{base}-remediators"),
        "TOCSIN_SCHEDULER_GROUP": base,
    }


CHECK = Check(
    asks="Is every variable set that the functions start with, and does it name this stage's resources?",
    why="A function without one of them refuses every record; one that names another stage's table acts on another stage's rows.",
    fix="set the variables as docs/deploying.md lists them: deploy the pipeline's stack again",
    reads=("lambda:GetFunctionConfiguration",),
    look=look,
)
