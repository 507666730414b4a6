"""spokes: a hub's own list of where else it may act is the one of tocsin.yaml, and its function reads it."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.domain.errors import BadInput
from infra.doctor.check import Absent, Check, Finding, judged, ok, wrong
from infra.doctor.deployment import Deployment
from remediators.spokes import Spoke, parse

VARIABLE = "TOCSIN_SPOKES_PARAMETER"


def look(deployment: Deployment) -> Iterator[Finding]:
    """Compare the parameter that the remediators read with what tocsin.yaml lists."""
    settings, name = deployment.settings, deployment.parameter("spokes")
    if not settings.spokes:
        yield ok("spokes", "this stage serves no other place")
        return
    told = deployment.environment("remediators").get(VARIABLE, "")
    yield judged(wrong, f"{deployment.base}-remediators", [] if told == name else [f"{VARIABLE} is not {name}"], "reads the list")
    try:
        text = str(deployment.aws.ask("ssm", "GetParameter", Name=name, WithDecryption=True)["Parameter"]["Value"])
        listed = parse(text, f"{settings.account}/{settings.region}")
    except Absent:
        yield wrong(name, "does not exist: nothing is acted on in any spoke")
        return
    except BadInput as error:
        yield wrong(name, f"cannot be read: {error}")
        return
    roles = settings.spoke_roles
    for one in settings.spokes:
        found = listed.get(one.place)
        meant = Spoke(one.account, one.region, roles[one.place], one.external_id)
        faults = ["the list lacks it: nothing is acted on there"] if found is None else []
        faults += ["the list has another role or external id for it"] if found not in (None, meant) else []
        yield judged(wrong, one.place, faults, "on the list")
    for place in sorted(listed.keys() - roles.keys()):
        yield wrong(place, "the list has it, and tocsin.yaml does not")


CHECK = Check(
    asks="Does the hub's list name the spokes of tocsin.yaml, and does its function read it?",
    why="What is not on the list is refused: a spoke's alarms are told, and nothing is done about them.",
    fix="deploy the pipeline's stack of the hub again",
    reads=("ssm:GetParameter", "lambda:GetFunctionConfiguration"),
    look=look,
)
