"""Puts findings into a verdict: the probable cause, the grade, what to do next, and the lines people read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.domain.alarm import Alarm
from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.diagnosis import impact
from remediators.diagnosis.finding import Finding, Gap, plain
from remediators.diagnosis.impact import Impact
from remediators.diagnosis.reading import SIGNALS, STRANGE, Seen, strange
from remediators.diagnosis.weighing import Confidence, Ranking, rank

MOST_LINES = 12
_RUNBOOKS = "docs/runbooks/"
# tocsin's own answers to each cause, the gentlest first; what a row allows of them is another matter.
ANSWERS: Mapping[Cause, tuple[str, ...]] = {
    Cause.BAD_DEPLOYMENT: ("roll-back-deployment",),
    Cause.AWS_OUTAGE: ("escalate",),
    Cause.OOM: ("restart-tasks", "escalate"),
    Cause.EXPIRED_TOKEN: ("escalate",),
    Cause.DB_CONNECTIONS: ("set-idle-timeouts", "end-database-sessions"),
    Cause.SLOW_DATABASE: ("end-database-sessions", "raise-database-capacity"),
    Cause.DEPENDENCY: ("escalate",),
    Cause.TRAFFIC_SURGE: ("answer-traffic-surge", "scale-service"),
    Cause.POISON_MESSAGE: ("redrive-dead-letters", "escalate"),
    Cause.CAPACITY: ("scale-service", "scale-consumers"),
    Cause.UNKNOWN: ("escalate",),
}
_BY_HAND: Mapping[Cause, Text] = {
    Cause.BAD_DEPLOYMENT: Text(
        "roll the deployment back before looking further, and hold the pipeline",
        "먼저 배포를 롤백하고 파이프라인을 멈춘 뒤 조사하세요",
    ),
    Cause.AWS_OUTAGE: Text(
        "change nothing that cannot be undone; move traffic out of the affected zone if there is one",
        "되돌릴 수 없는 변경은 하지 말고, 영향을 받는 가용 영역이 있으면 트래픽을 옮기세요",
    ),
    Cause.OOM: Text(
        "replace the tasks one by one to gain time, and give them more memory; more tasks do not shrink a leak",
        "태스크를 하나씩 교체해 시간을 벌고 메모리를 늘리세요. 태스크 수를 늘려도 누수는 줄지 않습니다",
    ),
    Cause.EXPIRED_TOKEN: Text(
        "renew the token with the partner, store it in Secrets Manager, replace the tasks so that they read it",
        "파트너에게 토큰을 재발급받아 Secrets Manager에 저장하고 태스크를 교체해 다시 읽게 하세요",
    ),
    Cause.DB_CONNECTIONS: Text(
        "end idle sessions or take tasks away; do not add tasks, each opens connections",
        "유휴 세션을 끊거나 태스크를 줄이세요. 태스크를 늘리면 연결이 더 늘어납니다",
    ),
    Cause.SLOW_DATABASE: Text(
        "find the query or the lock that the others wait for; end that session, not all",
        "다른 세션을 막고 있는 쿼리나 잠금을 찾아 그 세션만 종료하세요",
    ),
    Cause.DEPENDENCY: Text(
        "work on the failing service: nothing done here helps",
        "장애가 난 서비스를 먼저 조치하세요. 이 서비스의 조치는 도움이 되지 않습니다",
    ),
    Cause.TRAFFIC_SURGE: Text(
        "find out whether it is business or an attack before scaling or blocking",
        "확장이나 차단 전에 정상 트래픽인지 공격인지 먼저 확인하세요",
    ),
    Cause.POISON_MESSAGE: Text(
        "look at one message, fix the consumer, and only then redrive",
        "메시지 하나를 확인하고 소비자를 고친 뒤에만 재처리하세요",
    ),
    Cause.CAPACITY: Text(
        "add capacity where the ceiling allows it, and look at what the new tasks will call",
        "상한 안에서 용량을 늘리고, 늘어난 태스크가 호출할 대상의 여유도 확인하세요",
    ),
    Cause.UNKNOWN: Text("a person looks: nothing points anywhere", "뚜렷한 단서가 없어 사람이 확인해야 합니다"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole diagnosis. ``withholds``: an open issue at AWS concerns the service, nothing destructive should be done."""

    ranking: Ranking
    impact: Impact
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    withholds: bool

    @property
    def cause(self) -> Cause:
        """The most likely cause."""
        return self.ranking.first


def judge(seen: Seen) -> Verdict:
    """Judge what was read: every finding, the ranking of causes, the grade. What cannot be judged is one more gap."""
    findings: list[Finding] = []
    gaps = list(seen.gaps)
    for signal in SIGNALS:
        if signal.key in seen.read:
            try:
                findings += signal.judge(seen.read[signal.key], seen.look)
            except STRANGE as error:
                gaps.append(strange(signal, error))
    return Verdict(
        rank(findings, gaps),
        impact.grade(impact.measured(findings), seen.look.alarm.severity),
        tuple(findings),
        tuple(gaps),
        any(finding.facts.get("concerns") for finding in findings if finding.signal == "aws-health"),
    )


def headline(verdict: Verdict) -> Text:
    """Return the one sentence: the probable cause and how sure, the grade and why."""
    said, because = verdict.cause.label, verdict.impact.why
    sure, grade = verdict.ranking.confidence.words, verdict.impact.grade.value
    if verdict.cause is Cause.UNKNOWN:
        return Text(
            f"{grade} ({because.en}). The cause is not known: no signal points to one.",
            f"{grade} ({because.ko}). 원인을 알 수 없습니다. 뚜렷한 신호가 없습니다.",
        )
    return Text(
        f"{grade} ({because.en}). Most likely {said.en} (confidence {sure.en}).",
        f"{grade} ({because.ko}). 가장 유력한 원인: {said.ko} (확신도 {sure.ko}).",
    )


def lines(verdict: Verdict, alarm: Alarm) -> tuple[Text, ...]:
    """Return what people read, most important first: why, what else it may be, what to do, what else was seen, what was not."""
    first = verdict.cause
    speaking = sorted(verdict.findings, key=lambda finding: (-finding.points.get(first, 0), -finding.weight))
    for_it = [finding.line for finding in speaking if finding.points.get(first, 0) > 0]
    others = [finding.line for finding in speaking if finding.points.get(first, 0) <= 0]
    ends = (*_rivals(verdict.ranking), _next(first), *_page(first, alarm), *_withheld(verdict), *_unseen(verdict.gaps))
    room = max(1, MOST_LINES - len(ends))
    shown = [*for_it, *others][:room]
    kept = len([line for line in for_it if line in shown])
    return (*shown[:kept], *ends[: len(ends) - len(_unseen(verdict.gaps))], *shown[kept:], *_unseen(verdict.gaps))


def document(verdict: Verdict, seen: Seen) -> Mapping[str, Any]:
    """Return all of it as JSON: the raw figures behind each line, for those who look into it later."""
    shown: Mapping[str, Any] = plain(
        {
            "cause": verdict.cause.value,
            "confidence": verdict.ranking.confidence.value,
            "causes": [[cause.value, points] for cause, points in verdict.ranking.causes],
            "grade": verdict.impact.grade.value,
            "impact": verdict.impact.why.to_document(),
            "began": seen.look.began,
            "looked": seen.look.now,
            "withholds": verdict.withholds,
            "answers": ANSWERS[verdict.cause],
            "findings": [
                {
                    "signal": finding.signal,
                    "line": finding.line.en,
                    "points": {cause.value: points for cause, points in finding.points.items()},
                    "facts": finding.facts,
                }
                for finding in verdict.findings
            ],
            "gaps": [{"signal": gap.signal, "why": gap.why.en} for gap in verdict.gaps],
        }
    )
    return shown


def _rivals(ranking: Ranking) -> tuple[Text, ...]:
    rest = [cause.label for cause, _ in ranking.causes[1:3]]
    if not rest:
        return ()
    return (
        Text(
            f"Also possible: {', '.join(label.en for label in rest)}.",
            f"다른 가능성: {', '.join(label.ko for label in rest)}.",
        ),
    )


def _next(cause: Cause) -> Text:
    own, by_hand = [name for name in ANSWERS[cause] if name != "escalate"], _BY_HAND[cause]
    tail = Text(f" (tocsin: {', '.join(own)})", f" (tocsin 조치: {', '.join(own)})") if own else Text("", "")
    return Text(f"Next: {by_hand.en}{tail.en}.", f"다음 조치: {by_hand.ko}{tail.ko}.")


def _page(cause: Cause, alarm: Alarm) -> tuple[Text, ...]:
    """Return where the cause's runbook stands: beside the row's own, where that is one of the product's."""
    if not alarm.runbook.startswith(_RUNBOOKS) or not alarm.runbook_url.endswith(alarm.runbook):
        return ()
    address = f"{alarm.runbook_url.removesuffix(alarm.runbook)}{_RUNBOOKS}cause-{cause.value}.md"
    return (Text(f"Runbook of this cause: {address}", f"원인별 런북: {address}"),)


def _withheld(verdict: Verdict) -> tuple[Text, ...]:
    if not verdict.withholds:
        return ()
    return (
        Text(
            "AWS has an open issue here: nothing destructive should be done until it is over.",
            "AWS 장애가 진행 중이므로 끝날 때까지 파괴적인 조치는 하지 않는 것이 좋습니다.",
        ),
    )


def _unseen(gaps: Sequence[Gap]) -> tuple[Text, ...]:
    if not gaps:
        return ()
    return (
        Text(
            f"Not seen: {'; '.join(f'{gap.name.en} ({gap.why.en})' for gap in gaps)}.",
            f"확인하지 못한 항목: {'; '.join(f'{gap.name.ko}({gap.why.ko})' for gap in gaps)}.",
        ),
    )


__all__ = ["ANSWERS", "Confidence", "Verdict", "document", "headline", "judge", "lines"]
