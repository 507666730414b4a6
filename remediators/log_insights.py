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
    (found,) = ask_all(clients, (question,), budget_s=budget_s, left_s=left_s, pause=pause)
    return found


def ask_all(
    clients: Clients,
    questions: Sequence[Question],
    *,
    budget_s: float,
    left_s: Callable[[], float],
    pause: Callable[[float], object] = time.sleep,
) -> tuple[Findings, ...]:
    """Return what each query found, all of them running at the same time within one ``budget_s``; otherwise as ``ask``."""
    logs = clients("logs")
    asked = [_Asked.start(logs, question) for question in questions]
    # Counted, not timed: a clock that stands still must not make this wait for ever.
    for round_ in range(math.ceil(max(0.0, budget_s) / POLL_S) + 1):
        for query in asked:
            query.read(logs)
        if not any(query.running for query in asked) or left_s() <= POLL_S:
            break
        if round_ < math.ceil(max(0.0, budget_s) / POLL_S):
            pause(POLL_S)
    for query in asked:
        if query.running:
            _stop(logs, query.identifier)
    return tuple(query.findings() for query in asked)


@dataclass
class _Asked:
    """One query under way: ``answer`` is the newest, ``trouble`` why there is none."""

    identifier: str = ""
    answer: Mapping[str, Any] | None = None
    trouble: str = ""

    @staticmethod
    def start(logs: Any, question: Question) -> _Asked:
        try:
            answer = logs.start_query(
                logGroupNames=list(question.groups),
                queryString=question.query,
                startTime=int(question.start.timestamp()),
                endTime=int(question.end.timestamp()),
                limit=question.limit,
            )
        except (Permanent, Retryable) as failure:
            return _Asked(trouble=_code(failure))
        return _Asked(answer["queryId"])

    @property
    def running(self) -> bool:
        return not self.trouble and (self.answer is None or self.answer["status"] in _RUNNING)

    def read(self, logs: Any) -> None:
        if not self.running:
            return
        try:
            self.answer = logs.get_query_results(queryId=self.identifier)
        except (Permanent, Retryable) as failure:
            self.trouble = _code(failure)

    def findings(self) -> Findings:
        if self.trouble or self.answer is None:
            return Findings(trouble=self.trouble or "unread")
        complete = self.answer["status"] == "Complete"
        return Findings(tuple(_row(item) for item in self.answer["results"]), complete, "" if complete else self.answer["status"])


def _code(failure: Permanent | Retryable) -> str:
    return getattr(failure, "code", "") or "unreachable"


def _stop(logs: Any, identifier: str) -> None:
    """Free the slot in the quota; it may have ended meanwhile, which is as good."""
    try:
        logs.stop_query(queryId=identifier)
    except (Permanent, Retryable):
        return


def _row(cells: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    return {cell["field"]: cell.get("value", "") for cell in cells if cell["field"] != "@ptr"}
