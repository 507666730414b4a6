"""How bad it is for users: a grade from SEV1 to SEV4 with its reasons. Pure. What is not known is never the mildest grade."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alarms.domain.alarm import Severity
from alarms.domain.text import Text
from remediators.diagnosis.finding import Finding

_MOST, _MANY = 0.25, 0.03  # shares of failed requests
_MOST_DOWN = 0.5  # share of tasks or targets that are gone
_GROWS = 1.2


class Grade(StrEnum):
    """SEV1: the service is down for most. SEV2: many users fail, or soon will. SEV3: few, or none yet. SEV4: nobody."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known; None where it is not. Counts are of five minutes."""

    requests: float | None = None
    failed: float | None = None
    failed_earlier: float | None = None
    up: int | None = None  # tasks that run, or targets that are healthy: the scarcer
    wanted: int | None = None

    @property
    def share(self) -> float | None:
        """Failed requests as a share of all, 0 to 1."""
        if self.requests is None or self.failed is None:
            return None
        return min(1.0, self.failed / self.requests) if self.requests else float(self.failed > 0)

    @property
    def growing(self) -> bool:
        """Whether more requests fail than five minutes before."""
        return self.failed is not None and self.failed > _GROWS * (self.failed_earlier or 0.0)


@dataclass(frozen=True, slots=True)
class Impact:
    """The grade and why, in a few words."""

    grade: Grade
    why: Text


def measured(findings: Iterable[Finding]) -> Measured:
    """Collect the figures from what the signals found."""
    facts: dict[str, list[Mapping[str, Any]]] = {}
    for finding in findings:
        facts.setdefault(finding.signal, []).append(finding.facts)
    requests = facts.get("requests", [{}])[0]
    pairs = [(item["running"], item["desired"]) for item in facts.get("tasks", ())]
    pairs += [(item["healthy"], item["total"]) for item in facts.get("targets", ()) if item["total"]]
    up, wanted = min((pair for pair in pairs if pair[1]), key=lambda pair: pair[0] / pair[1], default=(None, None))
    return Measured(requests.get("total"), requests.get("failed"), requests.get("failed_earlier"), up, wanted)


def grade(known: Measured, severity: Severity) -> Impact:
    """Grade by the share of failed requests and by how much of the service is gone, whichever is worse.

    Without either the alarm's own severity decides, and the reasons say so.
    """
    share, down = known.share, _down(known)
    if share is None and down is None:
        found = Grade.SEV2 if severity is Severity.CRITICAL else Grade.SEV3
        why = Text(
            f"graded by the alarm's severity ({severity.value}): no request count is known",
            f"요청 수를 알 수 없어 알람 심각도({severity.value})로 판단",
        )
        return Impact(found, why)
    return Impact(min(_by_share(share, severity), _by_loss(down)), _why(known))


def _by_share(share: float | None, severity: Severity) -> Grade:
    if share is None:
        return Grade.SEV3 if severity is not Severity.CRITICAL else Grade.SEV2
    if share >= _MOST:
        return Grade.SEV1
    if share >= _MANY:
        return Grade.SEV2
    if share > 0:
        return Grade.SEV3
    # Nobody fails; a critical alarm says that somebody soon will.
    return Grade.SEV3 if severity is Severity.CRITICAL else Grade.SEV4


def _by_loss(down: float | None) -> Grade:
    if not down:
        return Grade.SEV4
    if down >= 1:
        return Grade.SEV1
    return Grade.SEV2 if down >= _MOST_DOWN else Grade.SEV3


def _down(known: Measured) -> float | None:
    if known.up is None or not known.wanted:
        return None
    return max(0.0, 1 - known.up / known.wanted)


def _why(known: Measured) -> Text:
    english, korean = [], []
    share = known.share
    if share is not None and known.requests is not None and known.failed is not None:
        trend = ("growing", "증가 중") if known.growing else ("not growing", "증가하지 않음")
        tail = trend if known.failed else ("", "")
        english.append(f"{100 * share:.1f} % of {known.requests:,.0f} requests in 5 min fail{', ' + tail[0] if tail[0] else ''}")
        korean.append(f"최근 5분 요청 {known.requests:,.0f}건의 {100 * share:.1f} % 실패{', ' + tail[1] if tail[1] else ''}")
    else:
        english.append("no request count is known")
        korean.append("요청 수를 알 수 없음")
    if known.up is not None and known.wanted:
        if known.up <= 0:
            english.append("the whole service is down")
            korean.append("서비스 전체 중단")
        elif known.up < known.wanted:
            english.append(f"{known.wanted - known.up} of {known.wanted} servers are out")
            korean.append(f"서버 {known.wanted}대 중 {known.wanted - known.up}대 이상")
    return Text("; ".join(english), "; ".join(korean))
