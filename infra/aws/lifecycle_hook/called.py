"""What ECS says when it calls the hook, and what it wants to hear. Pure.

The documented event has its members at the top; the samples that AWS publishes read some of them from ``executionDetails``. Both
are taken. [ECS developer guide, Lambda functions for service deployment lifecycle hooks]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

TEST_TRAFFIC = "POST_TEST_TRAFFIC_SHIFT"
# The others that a hook can be called at. None of them is ours: what comes there passes, a way back above all.
OTHERS = frozenset(
    {
        "RECONCILE_SERVICE",
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
    }
)
MOST_ATTEMPTS = 1000


class Status(StrEnum):
    """What ECS does next: goes on, rolls back, or calls again."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    IN_PROGRESS = "IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class Called:
    """One call. ``attempt`` counts from 0; ``shifted`` tells whether test traffic goes to the new revision, None: not said."""

    stage: str
    service: str
    attempt: int
    shifted: bool | None

    @property
    def ours(self) -> bool:
        """Whether green is to be tried. A stage that nobody knows is tried too: passing it blindly would let anything through."""
        return self.stage not in OTHERS


@dataclass(frozen=True, slots=True)
class Answer:
    """What ECS is told. ``again_s`` is after how many seconds it calls again, when it shall."""

    status: Status
    why: str
    attempt: int = 0
    again_s: int = 0

    def document(self) -> dict[str, Any]:
        """Return the function's result."""
        if self.status is not Status.IN_PROGRESS:
            return {"hookStatus": self.status.value}
        return {
            "hookStatus": self.status.value,
            "callBackDelay": self.again_s,
            "hookDetails": {"attempt": self.attempt},
        }


def parse(event: object) -> Called:
    """Read a call; what is missing or of another kind counts as not said."""
    top = event if isinstance(event, Mapping) else {}
    details = top.get("executionDetails")
    members = {**(details if isinstance(details, Mapping) else {}), **top}
    return Called(
        stage=_text(members.get("lifecycleStage")),
        service=_text(members.get("serviceArn")) or _text(members.get("resourceArn")),
        attempt=_attempt(members.get("hookDetails")),
        shifted=_shifted(members.get("testTrafficWeights"), _text(members.get("targetServiceRevisionArn"))),
    )


def _attempt(details: object) -> int:
    """Return how often ECS has called before: what the answer before handed on, as an object or as its text."""
    if isinstance(details, str):
        try:
            details = json.loads(details)
        except (ValueError, RecursionError):
            return 0
    attempt = details.get("attempt") if isinstance(details, Mapping) else None
    return attempt if isinstance(attempt, int) and not isinstance(attempt, bool) and 0 <= attempt <= MOST_ATTEMPTS else 0


def _shifted(weights: object, target: str) -> bool | None:
    """Tell whether all test traffic goes to ``target``; None when the event does not say."""
    if not isinstance(weights, Mapping) or not target or target not in weights:
        return None
    weight = weights[target]
    return isinstance(weight, int | float) and weight >= 100


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
