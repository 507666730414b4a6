"""concurrency: the functions may run at all, and their queues do not ask for more than they may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infra.doctor.check import Check, Finding, each, judged, wrong
from infra.doctor.deployment import FUNCTIONS, ROOMS, Deployment


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the reserved concurrency of each function against its queue's mapping."""
    yield from each(FUNCTIONS, lambda room: _judged(deployment, room))


def _judged(deployment: Deployment, room: str) -> Iterable[Finding]:
    name = f"{deployment.base}-{room}"
    deployment.function(name)  # a function that does not exist has nothing reserved either
    reserved = deployment.aws.ask("lambda", "GetFunctionConcurrency", FunctionName=name).get("ReservedConcurrentExecutions")
    faults = ["its reserved concurrency is 0: somebody switched it off"] if reserved == 0 else []
    asked = _asked(deployment, name) if room in ROOMS and reserved else ()
    faults += [
        f"its queue calls it {most} times at once, and {reserved} are reserved: the rest is throttled"
        for most in asked
        if most > int(reserved or 0)
    ]
    well = "not limited beyond the account" if reserved is None else f"{reserved} at once"
    return [judged(wrong, name, faults, well)]


def _asked(deployment: Deployment, name: str) -> Iterator[int]:
    """Return how many calls at once the mappings of the room's queue may make."""
    arn = deployment.arn("sqs", name)
    for page in deployment.aws.pages("lambda", "ListEventSourceMappings", "NextMarker", 20, EventSourceArn=arn):
        for mapping in page["EventSourceMappings"]:
            if most := (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"):
                yield int(most)


CHECK = Check(
    asks="May each function run, as often at once as its queue calls it?",
    why="Reserved concurrency 0 stops a function without an error; a queue that calls too often makes dead letters.",
    fix="reserve at least as much as the event source mapping's MaximumConcurrency, or remove the reservation",
    reads=("lambda:GetFunctionConfiguration", "lambda:GetFunctionConcurrency", "lambda:ListEventSourceMappings"),
    look=look,
)
