"""functions: the three functions exist, took their last update, and run on what their zips were built for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infra.doctor.check import Check, Finding, each, judged, wrong
from infra.doctor.deployment import FUNCTIONS, Deployment

RUNTIME, ARCHITECTURE = "python3.13", "arm64"  # what the wheels and the bytecode in the zips are for


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge state, runtime and architecture of each function."""
    yield from each([f"{deployment.base}-{room}" for room in FUNCTIONS], lambda name: _judged(deployment, name))


def _judged(deployment: Deployment, name: str) -> Iterable[Finding]:
    found = deployment.function(name)
    faults = []
    if (state := found.get("State", "Active")) not in ("Active", "Inactive"):  # Inactive: asleep, woken by the next call
        faults.append(f"it is {str(state).lower()}: {found.get('StateReason', 'no reason given')}")
    if (update := found.get("LastUpdateStatus", "Successful")) == "Failed":
        faults.append(f"its last update failed: {found.get('LastUpdateStatusReason', 'no reason given')}")
    if found.get("Runtime") != RUNTIME:
        faults.append(f"it runs on {found.get('Runtime')}, its zip is for {RUNTIME}")
    if ARCHITECTURE not in (found.get("Architectures") or ["x86_64"]):
        faults.append(f"it runs on {', '.join(found.get('Architectures') or ['x86_64'])}, its zip is for {ARCHITECTURE}")
    well = f"{RUNTIME} on {ARCHITECTURE}" + ("" if update == "Successful" else ", an update is under way")
    return [judged(wrong, name, faults, well)]


CHECK = Check(
    asks="Do the functions exist, took their last update, and run on the runtime their zips are built for?",
    why="On another runtime or processor the zip's compiled parts cannot be loaded, and every record becomes a dead letter.",
    fix="deploy the pipeline's stack again",
    reads=("lambda:GetFunctionConfiguration",),
    look=look,
)
