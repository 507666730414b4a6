"""A story as Markdown, for a post-incident review. What AWS and people wrote is quoted in full, never as Markdown of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from alarms.domain.cause import Cause
from alarms.domain.event import iso
from alarms.domain.text import Language, Text
from remediators.looking_back.story import DecisionTold, Moment, Story

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>#|~!&"})
_NONE = Text("none", "없음")
_MARKS = {True: Text("yes", "예"), False: Text("no", "아니요"), None: Text("not known", "알 수 없음")}
_OUTCOMES = {
    "helped": Text("remediation helped", "자동 조치로 회복"),
    "no-help": Text("remediation did not help", "자동 조치 효과 없음"),
    "failed": Text("remediation failed", "자동 조치 실패"),
    "acted": Text("remediation acted, not verified yet", "자동 조치 실행, 아직 확인 전"),
    "waiting": Text("waits for a person's answer", "담당자 응답 대기"),
    "denied": Text("a person said no", "담당자가 거부함"),
    "expired": Text("nobody answered in time", "시간 안에 응답 없음"),
    "escalated": Text("handed to people", "담당자에게 넘김"),
    "proposed": Text("proposed only", "제안만 함"),
    "observed": Text("observed only: it would have acted", "관찰만 함: 조치했을 상황"),
    "nothing": Text("nothing was done", "조치 없음"),
}
_BACK = {
    "given back": Text("what was borrowed is given back", "빌린 것은 되돌렸음"),
    "kept": Text("what was borrowed stays, for a stated reason", "빌린 것은 사유가 있어 그대로 둠"),
    "changed by others": Text("others changed what was borrowed: left alone", "다른 변경이 있어 그대로 둠"),
    "not given back": Text("what was borrowed could not be given back: a person has to", "되돌리지 못함: 담당자 조치 필요"),
}


def markdown(told: Story, language: Language) -> str:
    """Return the report. Times are UTC; identities are in code, sentences are escaped."""
    return "\n".join(_lines(told, language)) + "\n"


def escaped(text: str) -> str:
    """Return ``text`` as one line of Markdown that says exactly that."""
    return " ".join(text.translate(_SPECIAL).split())


def _lines(told: Story, language: Language) -> Iterator[str]:
    yield from _head(told, language)
    yield from _section(Text("Timeline", "타임라인"), language)
    yield from (_moment(each, language) for each in told.timeline)
    if told.findings or told.evidence:
        yield from _section(Text("Diagnosis and evidence", "진단과 증거"), language)
        yield from _evidence(told, language)
    yield from _section(Text("Decisions", "결정"), language)
    for decision in told.decisions:
        yield from _decision(decision, language)
    if not told.decisions:
        yield _NONE.in_(language)
    yield from _section(Text("Changes", "변경"), language)
    yield from _changes(told, language)
    yield from _section(Text("People", "사람"), language)
    yield from ([_moment(each, language) for each in told.people] or [_NONE.in_(language)])
    yield from _section(Text("Follow-up", "후속 조치"), language)
    yield from (f"- [ ] {escaped(line.in_(language))}" for line in told.follow_up)


def _head(told: Story, language: Language) -> Iterator[str]:
    its = told.incident
    title = escaped(its.title or its.row or its.alarm)
    where = f" — {escaped(its.service)}" if its.service else ""
    yield f"# {escaped(its.severity.upper())} {title}{where}".replace("#  ", "# ")
    yield ""
    yield f"- {Text('Incident', '사고').in_(language)}: {code(its.id)}"
    yield f"- {Text('Alarm', '알람').in_(language)}: {code(its.alarm)}"
    yield f"- {Text('Rang', '발생').in_(language)}: {_time(its.started_at, language)}"
    lasted = f" ({_duration(its.lasted_s)})" if its.lasted_s is not None else ""
    yield f"- {Text('Ended', '종료').in_(language)}: {_time(its.ended_at, language)}{lasted}"
    outcome = _OUTCOMES[its.outcome.value].in_(language)
    back = f"; {_BACK[its.given_back].in_(language)}" if its.given_back else ""
    yield f"- {Text('Outcome', '결과').in_(language)}: {outcome}{back}"
    if told.cause is not Cause.UNKNOWN:
        yield f"- {Text('Probable cause', '추정 원인').in_(language)}: {escaped(told.cause.label.in_(language))}"


def _evidence(told: Story, language: Language) -> Iterator[str]:
    yield from (f"- {escaped(line.in_(language))}" for line in told.findings)
    for kept in told.evidence:
        cut = f" ({Text('cut: it was too large', '너무 커서 일부만 보관').in_(language)})" if kept.cut else ""
        reference = f"{told.incident.id}/{kept.reference}"
        yield f"- {Text('kept', '보관').in_(language)}: {code(reference)} {_time(kept.at, language)}{cut}"
    if not told.evidence:
        yield f"- {Text('No raw evidence is kept (any more).', '보관 중인 원본 증거가 없습니다.').in_(language)}"


def _decision(told: DecisionTold, language: Language) -> Iterator[str]:
    reason = f" ({escaped(told.reason)})" if told.reason else ""
    mode = f", {Text('mode', '모드').in_(language)} {escaped(told.mode)}" if told.mode else ""
    yield f"### {_clock(told.at)} {escaped(told.action)}: {escaped(told.verdict)}{reason}{mode}"
    yield ""
    if told.why.en:
        yield escaped(told.why.in_(language))
        yield ""
    if told.guards:
        heads = (Text("guard", "가드"), Text("passed", "통과"), Text("why", "이유"))
        rows = [(escaped(g.name), _MARKS[g.passed].in_(language), escaped(g.why.in_(language))) for g in told.guards]
        yield from _table([head.in_(language) for head in heads], rows)
        yield ""


def _changes(told: Story, language: Language) -> Iterator[str]:
    if not told.changes:
        yield _NONE.in_(language)
        return
    heads = [
        Text("when", "시각"),
        Text("action", "조치"),
        Text("what", "대상"),
        Text("before", "이전"),
        Text("after", "이후"),
        Text("AWS request", "AWS 요청"),
    ]
    back = Text("given back", "되돌림").in_(language)
    rows = [
        (
            _clock(each.at),
            f"{escaped(each.action)}{f' ({back})' if each.back else ''}",
            f"{code(each.resource)} {escaped(each.knob)}",
            _value(each.before, language),
            _value(each.after, language),
            " ".join(code(ident) for ident in each.request_ids) or "—",
        )
        for each in told.changes
    ]
    yield from _table([head.in_(language) for head in heads], rows)


def _moment(told: Moment, language: Language) -> str:
    by = f" {code(told.by)}" if told.by else ""
    why = f" — {escaped(told.why.in_(language))}" if told.why.en else ""
    again = f" ({told.times}×)" if told.times > 1 else ""
    return f"- {_clock(told.at)}{by} {escaped(told.what.in_(language))}{again}{why}"


def _section(title: Text, language: Language) -> Iterator[str]:
    yield ""
    yield f"## {title.in_(language)}"
    yield ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def code(text: str) -> str:
    """Return ``text`` as a code span that nothing in it can end; a cell's border is kept out too."""
    return f"`{' '.join(text.replace('`', chr(39)).replace('|', '/').split()) or '—'}`"


def _value(value: Any, language: Language) -> str:
    return Text("not set", "설정 없음").in_(language) if value is None else escaped(str(value))


def _time(moment: datetime | None, language: Language) -> str:
    return iso(moment)[:19].replace("T", " ") + " UTC" if moment else Text("not recorded", "기록 없음").in_(language)


def _clock(moment: datetime) -> str:
    return iso(moment)[11:19]


def _duration(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s"
