"""published-rows: the handlers find each alarm's row in the catalogue's table, as the catalogue has it."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.deploy import target_of
from alarms.domain.errors import CannotRun, Permanent, Retryable
from alarms.rows import Rows
from infra.doctor.account import said_no
from infra.doctor.check import PIPELINE, SPOKE, Check, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment


def look(deployment: Deployment) -> Iterator[Finding]:
    """Compare the digest of each row with the one that is published."""
    rows = Rows(deployment.hub or deployment.clients, target_of(deployment.settings), sleep=deployment.sleep)
    try:
        found = rows.digests([one.name for one in deployment.desired])
    except Permanent as error:
        raise said_no("dynamodb", "BatchGetItem", error) from error
    except (CannotRun, Retryable) as error:
        yield unknown(f"{deployment.base}-catalogue", str(error))
        return
    for one in deployment.desired:
        if one.name not in found:
            yield wrong(one.name, "its row is not published: people are told, nothing is acted on")
        elif found[one.name].digest != one.alarm.digest:
            yield wrong(one.name, "another version of its row is published")
        else:
            yield ok(one.name, "its row is published")


CHECK = Check(
    asks="Is the row of every alarm published to the handlers, in the catalogue's version?",
    why="An alarm without a row is told in the default channel and never acted on.",
    fix="`tocsin apply` publishes rows",
    reads=("dynamodb:BatchGetItem",),
    look=look,
    asked_of=(PIPELINE, SPOKE),
)
