"""Asks CloudWatch Logs Insights one question within a time box; a partial answer is an answer that says so.

Bounded on purpose: one window, one limit of rows, and the query is stopped when its time is up, because running queries share
one quota of the account and cost by the bytes they scan.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alarms.domain.errors import Permanent, Retryable
from remediators.action import Clients

POLL_S = 0.5
_RUNNING = ("Scheduled", "Running", "Unknown")


@dataclass(frozen=True, slots=True)
class Findings:
    """The rows, by field; a missing field is left out. ``complete``: the whole window was read. ``trouble`` says why not."""

    rows: tuple[Mapping[str, str], ...] = ()
    complete: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A query over log groups, from ``start`` to ``end`` (aware, both inclusive, whole seconds)."""

    groups: Sequence[str]
    query: str
    start: datetime
    end: datetime
    limit: int = 1000


def ask(
    clients: Clients,
    question: Question,
    *,
    budget_s: float,
    left_s: Callable[[], float],
    pause: Callable[[float], object] = time.sleep,
) -> Findings:
    """Return what the query found within ``budget_s`` and ``left_s()``; never raises for what AWS answers.

    logs StartQuery, GetQueryResults, StopQuery. A query that cannot be started or read (no such group, quota, throttling) is
    ``Findings(trouble=<AWS's code>)``: unknown, not empty.
    """
    logs = clients("logs")
    try:
        identifier = logs.start_query(
            logGroupNames=list(question.groups),
            queryString=question.query,
            startTime=int(question.start.timestamp()),
            endTime=int(question.end.timestamp()),
            limit=question.limit,
        )["queryId"]
        answer = logs.get_query_results(queryId=identifier)
        # Counted, not timed: a clock that stands still must not make this wait for ever.
        for _ in range(math.ceil(max(0.0, budget_s) / POLL_S)):
            if answer["status"] not in _RUNNING or left_s() <= POLL_S:
                break
            pause(POLL_S)
            answer = logs.get_query_results(queryId=identifier)
    except (Permanent, Retryable) as failure:
        return Findings(trouble=getattr(failure, "code", "") or "unreachable")
    if answer["status"] in _RUNNING:
        _stop(logs, identifier)
    complete = answer["status"] == "Complete"
    return Findings(tuple(_row(item) for item in answer["results"]), complete, "" if complete else answer["status"])


def _stop(logs: Any, identifier: str) -> None:
    """Free the slot in the quota; it may have ended meanwhile, which is as good."""
    try:
        logs.stop_query(queryId=identifier)
    except (Permanent, Retryable):
        return


def _row(cells: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    return {cell["field"]: cell.get("value", "") for cell in cells if cell["field"] != "@ptr"}
