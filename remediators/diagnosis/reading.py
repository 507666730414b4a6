"""Reads all signals within a time budget. A signal that fails is a gap with a reason; it never spoils the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from alarms.domain.errors import Permanent, Retryable
from alarms.domain.text import Text
from remediators.action import Clients, Situation
from remediators.diagnosis import (
    aws_health,
    credentials,
    database_load,
    deployments,
    log_patterns,
    requests,
    ringing,
    saturation,
    services,
    sessions,
    stopped_tasks,
    target_health,
    trail,
)
from remediators.diagnosis.finding import Gap, Look, Signal, short

BUDGET_S = 20.0
RESERVE_S = 5.0  # of the invocation, for storing and telling what was found
# What tells most for its time comes first. AWS Health is often unreachable from inside a VPC, the logs take longest.
SIGNALS: tuple[Signal, ...] = (
    ringing.SIGNAL,
    deployments.SIGNAL,
    stopped_tasks.SIGNAL,
    requests.SIGNAL,
    saturation.SIGNAL,
    services.SIGNAL,
    target_health.SIGNAL,
    credentials.SIGNAL,
    sessions.SIGNAL,
    database_load.SIGNAL,
    aws_health.SIGNAL,
    trail.SIGNAL,
    log_patterns.SIGNAL,
)
_NO_PLAN = "SubscriptionRequiredException"
_SHARED = frozenset({"get_metric_data", "describe_services"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read: the place and time of the look, plain data by signal, and what could not be read."""

    look: Look
    read: Mapping[str, Any]
    gaps: tuple[Gap, ...]


def observe(clients: Clients, situation: Situation, signals: Sequence[Signal] = SIGNALS) -> Seen:
    """Read every signal that the service has anything for, while there is time; never raises for what AWS answers."""
    left_s = _budget(situation.left_s)
    shared = Shared(clients)
    alarm = situation.alarm
    # Until the alarm's own transition is known: a symptom rings when enough of its periods are over.
    needed = timedelta(seconds=alarm.period_s * alarm.evaluation_periods)
    look = Look(alarm, situation.now, situation.now - needed - timedelta(minutes=1))
    found: dict[str, Any] = {}
    gaps: list[Gap] = []
    for signal in signals:
        gap = _read(signal, shared, look, left_s, found)
        if gap is not None:
            gaps.append(gap)
        if signal.key == ringing.SIGNAL.key:
            rang = ringing.began(found.get(signal.key), alarm)
            look = replace(look, began=rang - needed) if rang else look
    return Seen(look, found, tuple(gaps))


def _read(signal: Signal, clients: Clients, look: Look, left_s: Callable[[], float], found: dict[str, Any]) -> Gap | None:
    if not signal.wanted(look):
        return Gap(signal.key, signal.name, signal.unset, chosen=True) if signal.unset else None
    if left_s() < signal.least_s:
        return Gap(signal.key, signal.name, Text("no time was left", "시간 부족"))
    try:
        found[signal.key] = signal.read(clients, look, left_s)
    except Permanent as failure:
        return Gap(signal.key, signal.name, _refused(failure.code), chosen=failure.code == _NO_PLAN)
    except Retryable:
        return Gap(signal.key, signal.name, Text("AWS did not answer in time, or throttled", "AWS 응답 지연 또는 호출 제한"))
    except STRANGE as error:
        return strange(signal, error)
    return None


# What an answer in an unknown shape raises: one such answer must not cost the rest of the diagnosis.
STRANGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


def strange(signal: Signal, error: Exception) -> Gap:
    """Return the gap that an answer in an unknown shape leaves."""
    kind = type(error).__name__
    why = Text(f"AWS's answer could not be read ({kind})", f"AWS 응답을 해석할 수 없음({kind})")
    return Gap(signal.key, signal.name, why)


def _refused(code: str) -> Text:
    if code == _NO_PLAN:
        return Text("not available without a support plan", "유료 지원 플랜이 없어 사용할 수 없음")
    if "AccessDenied" in code or "NotAuthorized" in code or code == "UnauthorizedOperation":
        return Text("no permission", "권한 없음")
    if "NotFound" in code:
        return Text(f"it does not exist ({short(code, 60)})", f"존재하지 않음({short(code, 60)})")
    return Text(f"AWS refused ({short(code, 60) or 'no code'})", f"AWS 거부({short(code, 60) or '코드 없음'})")


def _budget(left_s: Callable[[], float]) -> Callable[[], float]:
    """Return how much of the diagnosis's own budget is left: within the invocation, less what telling needs."""
    start = left_s()
    if not math.isfinite(start):
        return lambda: BUDGET_S
    return lambda: min(BUDGET_S - (start - left_s()), left_s() - RESERVE_S)


class Shared:
    """Clients that ask AWS once for what several signals read: the same answer, or the same failure, for each."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._answers: dict[tuple[str, str, str], Any] = {}

    def __call__(self, service: str) -> Any:
        """Return the client of ``service``."""
        return _SharedClient(self, service, self._clients(service))

    def ask(self, service: str, operation: str, call: Callable[..., Any], request: Mapping[str, Any]) -> Any:
        """Make a call, or repeat its outcome."""
        if operation not in _SHARED:
            return call(**request)
        key = (service, operation, repr(sorted(request.items())))
        if key not in self._answers:
            try:
                self._answers[key] = call(**request)
            except (Permanent, Retryable) as failure:
                self._answers[key] = failure
        outcome = self._answers[key]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class _SharedClient:
    def __init__(self, shared: Shared, service: str, client: Any) -> None:
        self._shared, self._service, self._client = shared, service, client

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._client, operation)
        return lambda **request: self._shared.ask(self._service, operation, call, request)
