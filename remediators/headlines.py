"""The first line of what remediation reports: what was, would be or was not changed, in English and Korean."""

from __future__ import annotations

from alarms.domain.decision import Change
from alarms.domain.report import Phase
from alarms.domain.text import Text

_KNOBS = {
    "MinCapacity": Text("floor", "최소 용량"),
    "desiredCount": Text("desired count", "목표 태스크 수"),
    "MaximumConcurrency": Text("maximum concurrency", "최대 동시성"),
}


def change(value: Change) -> Text:
    """Say one change: ``floor of image/image-api 2 → 6``."""
    knob = _KNOBS.get(value.knob, Text(value.knob, value.knob))
    name = value.resource.split("/", 1)[-1]
    before, after = (("unset" if item is None else str(item)) for item in (value.before, value.after))
    return Text(f"{knob.en} of {name} {before} → {after}", f"{name} {knob.ko} {before} → {after}")


def changes(values: tuple[Change, ...]) -> Text:
    """Say several changes in one line: the first four, and how many more there are."""
    said, more = [change(value) for value in values[:4]], len(values[4:])
    en, ko = ", ".join(item.en for item in said), ", ".join(item.ko for item in said)
    return Text(f"{en} and {more} more", f"{ko} 외 {more}건") if more else Text(en, ko)


def headline(phase: Phase, action: str, values: tuple[Change, ...]) -> Text:
    """Return the first line of a report."""
    what = changes(values) if values else Text(action, action)
    return {
        Phase.SKIPPED: Text(f"{action}: not done", f"{action}: 실행하지 않음"),
        Phase.OBSERVED: Text(f"{action} would do: {what.en}", f"{action} 실행 시 예상 변경: {what.ko}"),
        Phase.PROPOSED: Text(f"{action} proposes: {what.en}", f"{action} 제안: {what.ko}"),
        Phase.ASKED: Text(f"{action} asks for approval: {what.en}", f"{action} 승인 요청: {what.ko}"),
        Phase.APPROVED: Text(f"{action} approved: {what.en}", f"{action} 승인됨: {what.ko}"),
        Phase.DENIED: Text(f"{action} denied", f"{action} 거부됨"),
        Phase.EXPIRED: Text(f"{action}: nobody answered in time", f"{action}: 기한 내 응답 없음"),
        Phase.DIAGNOSED: Text("Diagnosis", "진단"),
        Phase.HELD: Text("Automation is held", "자동 조치 보류"),
        Phase.ACTED: Text(f"{action} done: {what.en}", f"{action} 실행함: {what.ko}"),
        Phase.FAILED: Text(f"{action} failed", f"{action} 실패"),
        Phase.HELPED: Text(f"{action} helped: {what.en}", f"{action} 효과 있음: {what.ko}"),
        Phase.NO_HELP: Text(f"{action} did not help", f"{action} 효과 없음"),
        Phase.ESCALATED: Text("A person is needed now", "지금 사람이 확인해야 합니다"),
        Phase.REVERTED: Text(f"Given back: {what.en}", f"되돌림: {what.ko}"),
        Phase.KEPT: Text(f"{action}: nothing given back", f"{action}: 되돌리지 않음"),
        Phase.DRIFTED: Text(f"{action}: changed by someone else, left alone", f"{action}: 다른 변경이 있어 그대로 둠"),
    }[phase]
