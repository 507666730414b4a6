"""The Lambda door of the hook.

Its environment: ``HOOK_HOST``, ``HOOK_PORT`` and, with TLS, ``HOOK_NAME`` are the test listener; ``HOOK_BUCKET`` and
``HOOK_PREFIX`` where a form must lead; ``HOOK_ROUNDS``, ``HOOK_FAILURES`` and ``HOOK_SLOWEST_MS`` what is asked of green;
``HOOK_PATIENCE`` how often ECS is asked to call again while nothing behind the listener is ready.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from infra.aws.lifecycle_hook.called import Answer, Called, Status, parse
from infra.aws.lifecycle_hook.expectations import Expected, Outcome, verdict
from infra.aws.lifecycle_hook.trying import Address, Green

AGAIN_S = 10  # a rule's new weights reach every node of the balancer within seconds
PATIENCE = 12
_LOG = logging.getLogger("tocsin.lifecycle_hook")


def handler(event: object, _context: object) -> dict[str, Any]:
    """Answer ECS. A failure that nobody foresaw raises, and ECS rolls back."""
    answer = answer_to(parse(event), os.environ, time.perf_counter)
    _LOG.warning("%s: %s", answer.status.value, answer.why)  # warnings pass every level that a function may be set to
    return answer.document()


def answer_to(called: Called, environ: Mapping[str, str], clock: Callable[[], float]) -> Answer:
    """Return whether the deployment goes on."""
    if not called.ours:
        return Answer(Status.SUCCEEDED, f"nothing is tried at {called.stage}")
    expected = Expected(
        bucket=environ["HOOK_BUCKET"],
        prefix=environ["HOOK_PREFIX"],
        rounds=int(environ.get("HOOK_ROUNDS", "5")),
        failures=int(environ.get("HOOK_FAILURES", "1")),
        slowest_ms=float(environ.get("HOOK_SLOWEST_MS", "1000")),
    )
    address = Address(environ["HOOK_HOST"], int(environ["HOOK_PORT"]), environ.get("HOOK_NAME", ""))
    green = Green(address, expected, clock)
    # On the first deployment there is no blue, and nothing is different: what is behind the test listener is tried.
    if called.shifted is False or not green.ready():
        return _wait(called.attempt, int(environ.get("HOOK_PATIENCE", PATIENCE)))
    return _judge(green, expected)


def _wait(attempt: int, patience: int) -> Answer:
    if attempt >= patience:
        return Answer(Status.FAILED, f"nothing behind the test listener was ready after {attempt + 1} looks")
    return Answer(Status.IN_PROGRESS, "nothing behind the test listener is ready yet", attempt + 1, AGAIN_S)


def _judge(green: Green, expected: Expected) -> Answer:
    """Try green out, and stop as soon as it has failed too often: each failure may have cost a whole timeout."""
    outcomes: list[Outcome] = []
    for outcome in green.try_out():
        outcomes.append(outcome)
        if sum(bool(each.why) for each in outcomes) > expected.failures:
            break
    if why := verdict(outcomes, expected):
        return Answer(Status.FAILED, why)
    return Answer(Status.SUCCEEDED, f"{len(outcomes)} requests through the test listener were answered as they should be")
