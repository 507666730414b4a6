"""Signal: the errors in the service's logs, by pattern, during the symptom against the same time before it.

A pattern is a line without its numbers, ids, quoted texts and addresses: what is counted and shown holds no personal data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from alarms.domain.cause import Cause
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.masking import masked
from alarms.domain.readings import decoded, table, text
from alarms.domain.text import Text
from remediators import log_insights
from remediators.action import Clients
from remediators.diagnosis.finding import Finding, Look, Signal, short
from remediators.log_insights import Question

QUERY = (
    "fields @timestamp, @message"
    " | filter @message like /(?i)(error|exception|fatal|refused|denied|unauthorized|expired|timed? ?out|too many|killed|throttl"
    "| 40[13] | 50[0234] )/"
    " | sort @timestamp desc | limit 500"
)
LIMIT = 500
_LONGEST = timedelta(minutes=15)
_BUDGET_S = 5.0
_LINE, _PATTERN = 2000, 160
_SHOWN = 3
_TIMES, _LEAST = 3, 3  # a pattern is new or much more frequent

_PLACEHOLDERS = (
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b"), "<mail>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "<ip>"),
    (re.compile(r"\"[^\"]{0,300}\"|'[^']{0,300}'"), "<text>"),
    (re.compile(r"\b(?=[A-Za-z0-9+/_=-]*\d)[A-Za-z0-9+/_=-]{16,}"), "<token>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
)
_FIELDS = ("level", "status", "message", "msg", "error", "err", "exception", "reason", "log")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_STATUS = re.compile(r"\b(?:40[0-9]|429|50[0-4])\b")  # a status code is the one number that tells something

# What a pattern speaks for: searched in the pattern, in lower case, the first that fits.
_SPEAKS_FOR: Sequence[tuple[re.Pattern[str], Mapping[Cause, int]]] = tuple(
    (re.compile(words, re.IGNORECASE), points)
    for words, points in (
        (
            r"remaining connection slots|too many (?:connections|clients)|connection pool|queuepool|could not obtain connection",
            {Cause.DB_CONNECTIONS: 5},
        ),
        (r"deadlock|lock timeout|lock wait|statement timeout|canceling statement", {Cause.SLOW_DATABASE: 4}),
        (r"out ?of ?memory|java heap space|memoryerror|cannot allocate memory", {Cause.OOM: 4}),
        (
            r"token (?:has )?expired|expired token|invalid[_ ]token|unauthorized|\b401\b|\b403\b|expiredtoken|signature.*expired",
            {Cause.EXPIRED_TOKEN: 5},
        ),
        (r"throttl|rate exceeded|toomanyrequests|\b429\b", {Cause.CAPACITY: 1}),
        (r"connection refused|econnrefused|no route to host|name or service not known|\b50[234]\b", {Cause.DEPENDENCY: 2}),
    )
)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Lines counted by pattern, before and during; ``complete``: both windows were read whole. ``trouble`` says why not."""

    before: Mapping[str, int]
    during: Mapping[str, int]
    complete: bool = True
    trouble: str = ""


def pattern(message: str) -> str:
    """Return the line without what differs from one time to the next, cut to 160 characters.

    Of a JSON line the fields that say what happened, in the order of their usual names.
    """
    facts = table(decoded(message))
    spoken = [said for name in _FIELDS if (said := text(facts.get(name), _LINE) or _number(facts.get(name)))]
    line = masked(" ".join(spoken) if spoken else message[:_LINE])
    for expression, name in _PLACEHOLDERS:
        line = expression.sub(name, line)
    kept = {match.start() for match in _STATUS.finditer(line)}
    line = _NUMBER.sub(lambda match: match.group() if match.start() in kept else "#", line)
    return short(line, _PATTERN)


def _number(value: object) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def read(clients: Clients, look: Look, left_s: Callable[[], float]) -> Patterns:
    """Ask Logs Insights twice (logs StartQuery, GetQueryResults): since the symptom, and as long before it.

    At most 15 minutes and 500 lines each, the newest. Raises Retryable or Permanent when not even the first was answered.
    """
    length = min(max(look.now - look.began, timedelta(minutes=5)), _LONGEST)
    counts: list[Counter[str]] = []
    trouble = ""
    for start in (look.now - length, look.calm_until - length):
        question = Question(look.named("logs"), QUERY, start, start + length, LIMIT)
        answer = log_insights.ask(clients, question, budget_s=_BUDGET_S, left_s=left_s)
        trouble = trouble or answer.trouble
        if not counts and not answer.rows and answer.trouble:
            raise _failure(answer.trouble)
        counts.append(Counter(pattern(row.get("@message", "")) for row in answer.rows))
    during, before = counts
    return Patterns(dict(before), dict(during), not trouble, trouble)


def judge(seen: Patterns, _: Look) -> tuple[Finding, ...]:
    """Say the patterns that are new, or three times as frequent as before, the most frequent first."""
    risen = [(line, count) for line, count in seen.during.items() if count >= max(_LEAST, _TIMES * seen.before.get(line, 0))]
    risen.sort(key=lambda entry: (-entry[1], entry[0]))
    return tuple(_findings(risen, seen))


def _findings(risen: Sequence[tuple[str, int]], seen: Patterns) -> Iterator[Finding]:
    if not risen:
        line = Text("No error in the logs is more frequent than before.", "로그에서 이전보다 늘어난 오류가 없습니다.")
        yield Finding("logs", line, {}, {"before": sum(seen.before.values()), "during": sum(seen.during.values())})
        return
    spoken: set[Cause] = set()
    shown = 0
    for found, count in risen:
        points = {cause: weight for cause, weight in speaks_for(found).items() if cause not in spoken}
        if shown >= _SHOWN and not points:
            continue
        spoken |= points.keys()
        shown += 1
        before = seen.before.get(found, 0)
        line = Text(f"In the logs {count} times (before: {before}): {found}", f"로그에서 {count}회(이전 {before}회): {found}")
        yield Finding("logs", line, points, {"pattern": found, "count": count, "before": before})


def speaks_for(line: str) -> Mapping[Cause, int]:
    """Return the points that a pattern gives."""
    return next((points for expression, points in _SPEAKS_FOR if expression.search(line)), {})


def _failure(trouble: str) -> Permanent | Retryable:
    passing = trouble in ("unreachable", "Running", "Scheduled", "Timeout", "LimitExceededException")
    return Retryable(f"Logs Insights: {trouble}") if passing else Permanent(f"Logs Insights: {trouble}", trouble)


SIGNAL = Signal(
    "logs",
    Text("logs", "로그"),
    read,
    judge,
    lambda look: bool(look.named("logs")),
    Text("the service names no `logs`", "서비스에 `logs`가 지정되지 않았습니다"),
    least_s=6.0,
)
