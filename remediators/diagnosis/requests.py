"""Signal: the requests. How many, how many fail, who answers 5xx (the balancer or its targets), and whether they surged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis import metrics
from remediators.diagnosis.finding import Finding, Look, Signal
from remediators.diagnosis.metrics import Series

RECENT = timedelta(minutes=5)
_SURGE, _GREAT_SURGE = 2.0, 3.0
_ENOUGH = 20  # requests a minute below which a multiple says nothing


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests and failures of the last five whole minutes, and failures of the five before them."""

    total: float
    failed: float
    failed_earlier: float

    @property
    def share(self) -> float:
        """Failed requests as a share of all, 0 to 1; the balancer's own answers may be no requests, so it is capped."""
        return min(1.0, self.failed / self.total) if self.total else float(self.failed > 0)


def read(clients: Clients, look: Look, _: Callable[[], float]) -> tuple[Series, ...]:
    """Read the service's metrics (cloudwatch GetMetricData)."""
    return metrics.read(clients, look)


def measured(series: Sequence[Series]) -> Requests | None:
    """Return the figures at the outermost door that has any: API Gateway, else the load balancers; None without requests."""
    gateway = ("ApiName", "Stage")
    for count, failures, dimensions in (
        ("Count", ("5XXError",), gateway),
        ("RequestCount", ("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"), ("LoadBalancer",)),
    ):
        counts = metrics.of(series, count, *dimensions)
        failed = [item for name in failures for item in metrics.of(series, name, *dimensions)]
        if counts or failed:
            end = max(item.points[-1][0] for item in (*counts, *failed)) + timedelta(seconds=metrics.PERIOD_S)
            return Requests(
                sum(item.since(end - RECENT, end) for item in counts),
                sum(item.since(end - RECENT, end) for item in failed),
                sum(item.since(end - 2 * RECENT, end - RECENT) for item in failed),
            )
    return None


def judge(series: Sequence[Series], look: Look) -> tuple[Finding, ...]:
    """Say how many requests fail, who answers so, and whether there are many more of them than before."""
    return (*_failing(series), *_split(series, look), *_surge(series, look))


def _failing(series: Sequence[Series]) -> tuple[Finding, ...]:
    now = measured(series)
    if now is None:
        return ()
    facts = {"total": now.total, "failed": now.failed, "failed_earlier": now.failed_earlier}
    share = f"{100 * now.share:.1f} %"
    total, failed, earlier = f"{now.total:,.0f}", f"{now.failed:,.0f}", f"{now.failed_earlier:,.0f}"
    line = Text(
        f"{failed} of {total} requests of the last 5 min failed ({share}); {earlier} in the 5 before.",
        f"최근 5분 요청 {total}건 중 {failed}건 실패({share}), 그 전 5분 {earlier}건.",
    )
    return (Finding("requests", line, {}, facts),)


def _split(series: Sequence[Series], look: Look) -> tuple[Finding, ...]:
    own = sum(item.since(look.calm_until, look.now) for item in metrics.of(series, "HTTPCode_ELB_5XX_Count", "LoadBalancer"))
    targets = sum(
        item.since(look.calm_until, look.now) for item in metrics.of(series, "HTTPCode_Target_5XX_Count", "LoadBalancer")
    )
    if not own + targets:
        return ()
    facts = {"balancer_5xx": own, "target_5xx": targets}
    if own > targets:
        line = Text(
            f"The balancer itself answers most 5xx ({own:,.0f}; targets {targets:,.0f}): no target could.",
            f"5xx 대부분을 로드 밸런서가 직접 응답했습니다({own:,.0f}건, 대상 {targets:,.0f}건). 응답 가능한 대상이 없었습니다.",
        )
        return (Finding("split", line, {Cause.CAPACITY: 1}, facts),)
    line = Text(
        f"The targets answer most 5xx ({targets:,.0f}; balancer {own:,.0f}): the application fails, or what it calls.",
        f"5xx 대부분을 대상이 응답했습니다({targets:,.0f}건, 밸런서 {own:,.0f}건). 애플리케이션 또는 호출 대상의 문제입니다.",
    )
    return (Finding("split", line, {}, facts),)


def _surge(series: Sequence[Series], look: Look) -> tuple[Finding, ...]:
    doors = metrics.of(series, "Count", "ApiName", "Stage") or metrics.of(series, "RequestCount", "LoadBalancer")
    before = sum(item.before(look) or 0.0 for item in doors)
    during = sum(item.during(look) or 0.0 for item in doors)
    if before <= 0 or during < _ENOUGH or during < _SURGE * before:
        return ()
    times = during / before
    line = Text(
        f"Requests rose to {times:.1f} times what they were: {before:,.0f} → {during:,.0f} a minute.",
        f"요청이 분당 {before:,.0f} → {during:,.0f}건으로 {times:.1f}배가 되었습니다.",
    )
    points = 6 if times >= _GREAT_SURGE else 4
    return (Finding("surge", line, {Cause.TRAFFIC_SURGE: points}, {"before": before, "during": during}),)


def wanted(look: Look) -> bool:
    """Whether the service has a door whose requests are counted."""
    return bool(look.targets("ApiName", "Stage") or look.targets("LoadBalancer"))


SIGNAL = Signal("requests", Text("requests", "요청"), read, judge, wanted)
