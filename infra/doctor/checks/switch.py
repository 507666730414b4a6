"""switch: the live switch can be read, and says what automation may do."""

from __future__ import annotations

from collections.abc import Iterator

from infra.doctor.check import Absent, Check, Finding, ok, wrong
from infra.doctor.deployment import Deployment
from remediators import switch

_UNREADABLE = ("the switch is not JSON", "the switch is not an object")


def look(deployment: Deployment) -> Iterator[Finding]:
    """Read the parameter as the remediators read it."""
    name = deployment.parameter("switch")
    try:
        text = str(deployment.aws.ask("ssm", "GetParameter", Name=name, WithDecryption=True)["Parameter"]["Value"])
    except Absent:
        yield ok(name, "does not exist: everything only observes")
        return
    read = switch.parse(text)
    held = {"everything": read.everything, **read.policies}
    bad = [scope for scope, hold in held.items() if "cannot be read" in hold.reason or "is not an object" in hold.reason]
    if read.everything.reason in _UNREADABLE or bad:
        yield wrong(name, read.everything.reason if read.everything.reason in _UNREADABLE else f"{', '.join(bad)} cannot be read")
    elif read.everything.paused:
        yield ok(name, "paused by people: nothing is changed")
    else:
        paused = sorted(scope for scope, hold in read.policies.items() if hold.paused)
        also = f"; paused: {', '.join(paused)}" if paused else ""
        yield ok(name, f"automation may {read.everything.mode.value}{also}")


CHECK = Check(
    asks="Can the live switch be read?",
    why="A switch that cannot be read holds all automation, which is safe and looks as if nothing were ever remediated.",
    fix="`tocsin resume --stage STAGE --reason …` writes it anew",
    reads=("ssm:GetParameter",),
    look=look,
)
