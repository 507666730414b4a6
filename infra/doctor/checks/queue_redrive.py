"""queue-redrive: what a room cannot take goes to dead letters, not in circles and not away."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from infra.doctor.check import Absent, Check, CouldNotTell, Finding, each, judged, wrong
from infra.doctor.deployment import ROOMS, Deployment

FEWEST_RECEIVES = 5  # fewer, and a throttled function alone fills the dead letters [Lambda developer guide, SQS]
TIMEOUTS = 6  # times the function's timeout, as Lambda's documentation asks for


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge redrive policy and visibility timeout of each room's queue."""
    yield from each(ROOMS, lambda room: _judged(deployment, room))


def _judged(deployment: Deployment, room: str) -> Iterable[Finding]:
    name = f"{deployment.base}-{room}"
    attributes = deployment.queue(name)
    policy = json.loads(attributes.get("RedrivePolicy") or "{}")
    target = str(policy.get("deadLetterTargetArn") or "")
    faults = []
    if not target:
        faults.append("it has no dead letters: what fails comes round until it expires")
    else:
        if int(policy.get("maxReceiveCount", 0)) < FEWEST_RECEIVES:
            faults.append(f"it gives up after {policy.get('maxReceiveCount')} tries, fewer than {FEWEST_RECEIVES}")
        try:
            deployment.queue(target.rsplit(":", 1)[-1])
        except Absent:
            faults.append(f"its dead-letter queue {target.rsplit(':', 1)[-1]} does not exist")
    visible = int(attributes.get("VisibilityTimeout", 0))
    if not faults and visible < (timeout := _timeout(deployment, name)):
        faults.append(f"a message comes again after {visible} s while the function may still work on it for {timeout} s")
    return [judged(wrong, name, faults, f"dead letters after {policy.get('maxReceiveCount')} tries")]


def _timeout(deployment: Deployment, name: str) -> int:
    """Return the function's timeout in seconds. CouldNotTell where it cannot be known."""
    try:
        return int(deployment.function(name).get("Timeout") or 0)
    except Absent:
        raise CouldNotTell("there is no function to compare its visibility timeout with") from None


CHECK = Check(
    asks="Does each room's queue give up into an existing dead-letter queue, and wait for the function before it tries again?",
    why="A message that cannot be processed must be kept apart and be found; one that comes again too early is worked on twice.",
    fix=(
        f"set RedrivePolicy (maxReceiveCount {FEWEST_RECEIVES} or more) "
        f"and a VisibilityTimeout of {TIMEOUTS} times the function's timeout"
    ),
    reads=("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "lambda:GetFunctionConfiguration"),
    look=look,
)
