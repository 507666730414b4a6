"""The sentences of a report's timeline, in both languages. What is not known by name is shown as the journal wrote it."""

from __future__ import annotations

from alarms.domain.incident import Ending
from alarms.domain.text import Text

_PHASES = {
    "intent": Text("intent written down", "실행 의도를 기록함"),
    "asked": Text("waits for approval", "승인 대기"),
    "approved": Text("approved", "승인됨"),
    "denied": Text("denied", "거부됨"),
    "expired": Text("nobody answered in time", "시간 안에 응답 없음"),
    "diagnosed": Text("diagnosed", "진단함"),
    "held": Text("automation held or released", "자동 조치 보류 또는 해제"),
    "acted": Text("changed", "변경함"),
    "failed": Text("failed", "실패"),
    "skipped": Text("not done", "실행하지 않음"),
    "helped": Text("helped", "효과 있음"),
    "no-help": Text("did not help", "효과 없음"),
    "escalated": Text("handed to a person", "담당자에게 넘김"),
    "reverted": Text("given back", "되돌림"),
    "kept": Text("kept", "그대로 둠"),
    "drifted": Text("changed by others meanwhile, left alone", "그 사이 다른 변경이 있어 그대로 둠"),
    "returning": Text("is being given back", "되돌리는 중"),
    "postponed": Text("giving back is put off", "되돌리기를 미룸"),
    "superseded": Text("a later run gives it back", "이후 실행이 되돌림"),
    "revert-failed": Text("could not be given back", "되돌리지 못함"),
}
_ENDINGS = {
    Ending.RECOVERED.value: Text("Recovered, seen in data", "데이터로 확인된 복구"),
    Ending.FIRST_OK.value: Text("OK again, after a time without data", "데이터 공백 뒤 다시 OK"),
    Ending.NO_DATA_OK.value: Text("OK only because data are missing", "데이터가 없어 OK로 처리됨"),
    Ending.INSUFFICIENT.value: Text("Not enough data to tell", "데이터가 부족해 알 수 없음"),
}
_CLICKS = {
    "approve": Text("pressed Approve", "승인 버튼을 누름"),
    "deny": Text("pressed Deny", "거부 버튼을 누름"),
    "undo": Text("pressed Undo now", "지금 되돌리기 버튼을 누름"),
    "hold": Text("held automation", "자동 조치를 보류함"),
    "release": Text("released automation", "자동 조치 보류를 해제함"),
    "mute": Text("silenced the incident", "사고 알림을 끔"),
    "unmute": Text("ended the silence", "사고 알림을 다시 켬"),
}
_VERDICTS = {
    "run": Text("decided to act", "조치하기로 결정"),
    "ask": Text("decided to ask", "물어보기로 결정"),
    "skip": Text("decided not to act", "조치하지 않기로 결정"),
}
_SWEEPS = {
    "lost-edge": Text("The reconciler found it ringing: its message was lost", "재확인 작업이 유실된 알람을 발견함"),
    "first-seen": Text("The reconciler saw it for the first time, and only tells", "재확인 작업이 처음 발견해 알리기만 함"),
    "left-alone": Text("The reconciler leaves it alone", "재확인 작업이 손대지 않음"),
    "overdue": Text("The reconciler did what was overdue", "재확인 작업이 지연된 일을 처리함"),
    "closed": Text("The reconciler closed it: the alarm is OK", "재확인 작업이 종료함: 알람이 OK임"),
}
UNTOLD = Text("a report could not be sent to people", "보고를 전달하지 못함")


def rang(condition: str, value: float | None) -> Text:
    """Say that it rang, with its condition and value where they are known."""
    seen = f": {value:g}" if value is not None else ""
    wanted = f" ({condition})" if condition else ""
    return Text(f"The alarm rang{seen}{wanted}", f"알람 발생{seen}{wanted}")


def ended(ending: str) -> Text:
    """Say how it ended."""
    return _ENDINGS.get(ending, Text("No longer in ALARM", "ALARM 상태가 끝남"))


def decided(action: str, verdict: str, reason: str) -> Text:
    """Say what was decided about ``action``; a "no" is named."""
    said = _VERDICTS.get(verdict, Text(verdict, verdict))
    return _of(action, said, reason)


def phase(action: str, name: str, reason: str) -> Text:
    """Say where in its life a run spoke."""
    return _of(action, _PHASES.get(name, Text(name, name)), reason)


def clicked(kind: str) -> Text:
    """Say what a person pressed."""
    return _CLICKS.get(kind, Text(f"pressed {kind}", f"{kind} 버튼을 누름"))


def swept(about: str) -> Text:
    """Say what the reconciler did."""
    return _SWEEPS.get(about, Text(f"The reconciler: {about}", f"재확인 작업: {about}"))


def _of(action: str, said: Text, reason: str) -> Text:
    named, why = f"{action}: " if action else "", f" ({reason})" if reason else ""
    return Text(f"{named}{said.en}{why}", f"{named}{said.ko}{why}")
