"""A journal to look back on: a month-end evening with a backlog that was drained, and policies with a past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from alarms.domain.event import iso
from remediators.evidence import Kept

T0 = datetime(2026, 10, 31, 15, 3, 20, tzinfo=UTC)
EPISODE = "3f9a1c20be74"
RUN = "0123456789abcdef"
ALARM = "tocsin/prod/image-processing/sqs/oldest-message-age/image-jobs"
ROW = "image-processing/sqs/oldest-message-age"
RESOURCE = "ecs:service/image/image-consumer"
Entry = dict[str, Any]


def at(seconds: float, start: datetime = T0) -> str:
    return iso(start + timedelta(seconds=seconds))


def text(en: str, ko: str = "") -> dict[str, str]:
    return {"en": en, "ko": ko or en}


def guard(name: str, passed: bool | None, en: str, ko: str) -> dict[str, Any]:
    return {"guard": name, "passed": passed, "why": text(en, ko)}


def entry(kind: str, seconds: float, *, episode: str = EPISODE, start: datetime = T0, **more: Any) -> Entry:
    head = {"type": kind, "at": at(seconds, start), "episode": episode, "subject": f"x/{ALARM}", "alarm": ALARM, "row": ROW}
    return {**head, **more}


def rang(seconds: float = 1, **more: Any) -> Entry:
    known = {"service": "image-processing", "severity": "critical", "title": "Queue backlog delays processing"}
    start = more.get("start", T0)
    return entry("rang", seconds, started_at=iso(start), condition=">= 600 s", value=1260.0, **known, **more)


def ended(seconds: float, ending: str = "recovered", **more: Any) -> Entry:
    return entry("ended", seconds + 1, ended_at=at(seconds, more.get("start", T0)), ending=ending, **more)


def decision(seconds: float, verdict: str = "run", reason: str | None = None, **more: Any) -> Entry:
    change = {"resource": RESOURCE, "knob": "MinCapacity", "before": 3, "after": 11}
    why = text("11 tasks empty it in 10 min", "태스크 11개로 10분 안에 비움")
    given = {"action": "scale-consumers", "mode": "auto", "proposal": {"changes": [change]}, "guards": [], **more}
    return entry("decision", seconds, verdict=verdict, reason=reason, why=why, **given)


def run(seconds: float, phase: str, why: dict[str, str] | None = None, kind: str = "action", **more: Any) -> Entry:
    known = {"run": RUN, "action": "scale-consumers", "mode": "auto", "changes": [], "request_ids": [], "reason": "", "by": ""}
    return entry(kind, seconds, phase=phase, why=why or text(""), **{**known, **more})


def moved(before: Any, after: Any) -> list[dict[str, Any]]:
    return [{"resource": RESOURCE, "knob": "MinCapacity", "before": before, "after": after}]


def evening() -> list[Entry]:
    """Return the journal of one evening: rung, looked at, scaled, undone by nobody, given back."""
    guards = [
        guard("alarm-state", True, "it rings", "알람 상태"),
        guard("cooldown", True, "last run 3 h ago; 10 min are asked for", "3시간 전 실행, 10분 필요"),
        guard("limits", True, "1 of 3 an hour, 2 of 10 a day", "시간당 3회 중 1회, 하루 10회 중 2회"),
        guard("storm", None, "was not asked", "확인하지 않음"),
    ]
    lines = [text("age rises since 14:51; consumers are healthy", "14:51부터 증가, 소비자는 정상")]
    found = text("Probably too little capacity", "처리 용량 부족으로 보임")
    back = {"changes": moved(11, 3), "request_ids": ["9d2e7c64-0f0a"]}
    drained = text(
        "Backlog 1,240, 100/min arrive, 3 tasks drain 62/min", "백로그 1,240건, 분당 100건 유입, 태스크 3개가 분당 62건 처리"
    )
    done = text("The alarm is OK and 11 tasks run.", "알람이 OK이고 태스크 11개가 실행 중입니다.")
    return [
        rang(),
        entry("episode", 4, phase="diagnosed", action="diagnose", why=found, lines=lines, by=""),
        decision(21, guards=guards),
        run(21.2, "intent", changes=moved(3, 11)),
        run(22, "acted", drained, changes=moved(3, 11), request_ids=["5f1c2b3a-1111-2222"]),
        {"type": "click", "at": at(95), "kind": "hold", "subject": EPISODE, "by": "U01MIN", "id": "c1"},
        entry("episode", 96, phase="held", action="", why=text("Held for an hour", "1시간 보류"), by="U01MIN"),
        ended(540),
        run(542, "helped", done, changes=moved(3, 11)),
        run(2345, "reverted", text("Recovered 30 min ago.", "30분 전에 복구되었습니다."), "revert", **back),
    ]


def evidence() -> list[Kept]:
    """Return what was kept of that evening."""
    document = {"cause": "capacity", "grade": "sev3"}
    return [Kept("diagnose#1d2c3b4a5f607182", "diagnose", T0 + timedelta(seconds=4), document, cut=False)]


def months(observed: int, alone: int, helped: int, no_help: int) -> list[Entry]:
    """Return a past in which a policy only observed ``observed`` times, then ran."""
    found: list[Entry] = []
    for number in range(observed):
        known: dict[str, Any] = {"episode": f"observed{number:04d}", "start": T0 + timedelta(hours=number)}
        found += [rang(**known), decision(20, "skip", "mode-observe", mode="observe", **known)]
        found += [ended(600 + number, **known)] if number < alone else []
    for number in range(helped + no_help):
        known = {"episode": f"ran{number:04d}", "start": T0 + timedelta(days=20, hours=number)}
        ident = f"run{number:04d}"
        found += [rang(**known), decision(20, mode="approve", **known)]
        found += [run(20, "acted", run=ident, changes=moved(3, 11), mode="approve", **known), ended(300, **known)]
        found += [run(301, "helped" if number < helped else "no-help", run=ident, mode="approve", **known)]
    return found
