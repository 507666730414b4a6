"""Signal: what the database's sessions wait for, where Performance Insights is on for an instance.

https://docs.aws.amazon.com/performance-insights/latest/APIReference/API_DescribeDimensionKeys.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis.finding import Finding, Look, Signal, short

_INSTANCES, _WAITS = 3, 5
_MUCH, _SHARE = 1.0, 0.3
_CPU = "CPU"
# What a wait's kind speaks for. PostgreSQL's waits are named ``<type>:<event>`` here; CPU stands alone.
_SPEAKS_FOR: Mapping[str, Mapping[Cause, int]] = {
    "Lock": {Cause.SLOW_DATABASE: 5},
    "LWLock": {Cause.SLOW_DATABASE: 2},
    "IO": {Cause.SLOW_DATABASE: 3},
    _CPU: {Cause.SLOW_DATABASE: 1},
}


@dataclass(frozen=True, slots=True)
class Load:
    """One instance: average sessions at work or waiting since the symptom began, by what they wait for, most first."""

    instance: str
    waits: tuple[tuple[str, float], ...]


def read(clients: Clients, look: Look, _: Callable[[], float]) -> tuple[Load, ...]:
    """Read rds DescribeDBInstances, and pi DescribeDimensionKeys of those instances that have Performance Insights."""
    found = []
    for target in look.targets("DBInstanceIdentifier")[:_INSTANCES]:
        name = target["DBInstanceIdentifier"]
        instances = clients("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        if not instances or not instances[0].get("PerformanceInsightsEnabled"):
            continue
        answer = clients("pi").describe_dimension_keys(
            ServiceType="RDS",
            Identifier=instances[0]["DbiResourceId"],
            Metric="db.load.avg",
            GroupBy={"Group": "db.wait_event", "Limit": _WAITS},
            StartTime=min(look.began, look.now - timedelta(minutes=2)),
            EndTime=look.now,
            PeriodInSeconds=60,
        )
        found.append(Load(name, tuple(_wait(item) for item in answer.get("Keys", ()))))
    return tuple(found)


def judge(seen: Sequence[Load], _: Look) -> tuple[Finding, ...]:
    """Say what the sessions wait for, where they wait at all."""
    return tuple(finding for load in seen for finding in _findings(load))


def _findings(load: Load) -> Iterator[Finding]:
    total = sum(value for _, value in load.waits)
    if total < _MUCH:
        return
    wait, value = max(load.waits, key=lambda item: item[1])
    kind = wait.split(":")[0]
    share, name = value / total, short(load.instance, 60)
    line = Text(
        f"{name}: {total:.1f} sessions at work; {100 * share:.0f} % of the time on {short(wait, 60)}.",
        f"{name}: 활성 세션 {total:.1f}개, 그중 {100 * share:.0f} %가 {short(wait, 60)}.",
    )
    points = _SPEAKS_FOR.get(kind, {}) if share >= _SHARE else {}
    yield Finding("database-load", line, points, {"instance": load.instance, "waits": [list(item) for item in load.waits]})


def _wait(item: Mapping[str, object]) -> tuple[str, float]:
    dimensions, total = item.get("Dimensions"), item.get("Total")
    named = dimensions if isinstance(dimensions, Mapping) else {}
    kind, name = str(named.get("db.wait_event.type", "")), str(named.get("db.wait_event.name", "?"))
    value = float(total) if isinstance(total, (int, float)) else 0.0
    return (_CPU if _CPU in (kind, name) else f"{kind}:{name}" if kind else name), value


SIGNAL = Signal(
    "database-load",
    Text("database load (Performance Insights)", "데이터베이스 부하(Performance Insights)"),
    read,
    judge,
    lambda look: bool(look.targets("DBInstanceIdentifier")),
)
