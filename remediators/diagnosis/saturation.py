"""Signal: what is full. CPU and memory of the tasks, connections and load of the database, the dead-letter queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis import metrics
from remediators.diagnosis.finding import Finding, Look, Signal, short
from remediators.diagnosis.metrics import Series

BUSY, FULL = 80.0, 95.0
_DB_BUSY = 90.0
_MANY_TIMES, _SOME_LOAD, _MANY_CONNECTIONS = 2.0, 4.0, 50.0
_DEAD = ("dead", "dlq")


def read(clients: Clients, look: Look, _: Callable[[], float]) -> tuple[Series, ...]:
    """Read the service's metrics (cloudwatch GetMetricData)."""
    return metrics.read(clients, look)


def judge(series: Sequence[Series], look: Look) -> tuple[Finding, ...]:
    """Say what is near its limit."""
    return (*_tasks(series, look), *_database(series, look), *_dead_letters(series, look))


def _tasks(series: Sequence[Series], look: Look) -> Iterator[Finding]:
    for item in metrics.of(series, "CPUUtilization", "ClusterName", "ServiceName"):
        level, name = item.during(look), short(item.target["ServiceName"], 60)
        if level is not None and level >= BUSY:
            line = Text(f"{name}: CPU at {level:.0f} % on average.", f"{name}: CPU 평균 {level:.0f} %.")
            yield Finding("cpu", line, {Cause.CAPACITY: 3}, {"service": name, "cpu": level})
    for item in metrics.of(series, "MemoryUtilization", "ClusterName", "ServiceName"):
        level, name = item.peak(look), short(item.target["ServiceName"], 60)
        if level is not None and level >= FULL:
            line = Text(f"{name}: memory reached {level:.0f} %.", f"{name}: 메모리가 {level:.0f} %까지 올랐습니다.")
            yield Finding("memory", line, {Cause.OOM: 3}, {"service": name, "memory": level})


def _database(series: Sequence[Series], look: Look) -> Iterator[Finding]:
    dimension = "DBInstanceIdentifier"
    for item in metrics.of(series, "DatabaseConnections", dimension):
        before, peak, name = item.before(look), item.peak(look), short(item.target[dimension], 60)
        if peak is not None and before is not None and peak >= _MANY_CONNECTIONS and peak >= _MANY_TIMES * before:
            line = Text(
                f"{name}: connections rose from {before:.0f} to {peak:.0f}.",
                f"{name}: 연결 수가 {before:.0f}에서 {peak:.0f}(으)로 늘었습니다.",
            )
            yield Finding("connections", line, {Cause.DB_CONNECTIONS: 3}, {"instance": name, "before": before, "peak": peak})
    for item in metrics.of(series, "DBLoad", dimension):
        before, load, name = item.before(look) or 0.0, item.during(look), short(item.target[dimension], 60)
        if load is not None and load >= _SOME_LOAD and load >= _MANY_TIMES * before:
            line = Text(
                f"{name}: {load:.1f} sessions are at work or wait at any moment (before: {before:.1f}).",
                f"{name}: 동시에 실행·대기 중인 세션 {load:.1f}개(이전 {before:.1f}개).",
            )
            yield Finding("load", line, {Cause.SLOW_DATABASE: 3}, {"instance": name, "before": before, "load": load})
    for item in metrics.of(series, "CPUUtilization", dimension):
        level, name = item.during(look), short(item.target[dimension], 60)
        if level is not None and level >= _DB_BUSY:
            line = Text(f"{name}: database CPU at {level:.0f} %.", f"{name}: 데이터베이스 CPU {level:.0f} %.")
            yield Finding("database-cpu", line, {Cause.SLOW_DATABASE: 2}, {"instance": name, "cpu": level})


def _dead_letters(series: Sequence[Series], look: Look) -> Iterator[Finding]:
    for item in metrics.of(series, "ApproximateNumberOfMessagesVisible", "QueueName"):
        name = item.target["QueueName"]
        before, peak = item.before(look) or 0.0, item.peak(look) or 0.0
        if any(mark in name.lower() for mark in _DEAD) and peak > before:
            line = Text(
                f"{short(name, 60)}: dead letters rose from {before:,.0f} to {peak:,.0f}.",
                f"{short(name, 60)}: 데드레터가 {before:,.0f}건에서 {peak:,.0f}건으로 늘었습니다.",
            )
            yield Finding("dead-letters", line, {Cause.POISON_MESSAGE: 5}, {"queue": name, "before": before, "peak": peak})


def wanted(look: Look) -> bool:
    """Whether the service has anything that can be full."""
    return bool(look.targets("ClusterName", "ServiceName") or look.targets("DBInstanceIdentifier") or look.targets("QueueName"))


SIGNAL = Signal("saturation", Text("saturation", "포화 상태"), read, judge, wanted)
