"""What remediation says to people, in English and Korean: the guards' answers and the headlines of reports."""

from __future__ import annotations

from datetime import datetime

from alarms.domain.alarm import Mode
from alarms.domain.bounds import Limit
from alarms.domain.decision import Change, Reason, Value
from alarms.domain.event import State
from alarms.domain.text import Text
from remediators import headlines

LONGEST = 400  # characters of a vendor's message that are passed on
NOT_ASKED = Text("Not asked: an earlier guard decided.", "앞선 조건에서 이미 결정되어 확인하지 않았습니다.")
UNREAD = Text(
    "The resource's state could not be read; unknown is never a pass.", "리소스 상태를 읽지 못했습니다. 모르면 실행하지 않습니다."
)
STORE_UNREAD = Text(
    "The history could not be read; unknown is never a pass.", "이력을 읽지 못했습니다. 모르면 실행하지 않습니다."
)
SWITCH_UNREAD = Text(
    "The kill switch could not be read; unknown is never a pass.", "정지 스위치를 읽지 못했습니다. 모르면 실행하지 않습니다."
)
ALARM_UNREAD = Text("The alarm's present state could not be read.", "알람의 현재 상태를 읽지 못했습니다.")
RINGS = Text("The event is an ALARM.", "ALARM 이벤트입니다.")
NO_ROW = Text("No catalogue row describes this alarm.", "카탈로그에 이 알람의 행이 없습니다.")
ROW_UNREAD = Text(
    "This alarm's row in the catalogue cannot be read; unknown is never a pass.",
    "카탈로그에서 이 알람의 행을 읽을 수 없습니다. 모르면 실행하지 않습니다.",
)
HERE = Text("The alarm lives in this account and region.", "이 계정과 리전의 알람입니다.")
ROW_MOVED = Text(
    "The row has changed since this was decided; it is not gone on with.", "결정 이후 행이 바뀌어 이어서 실행하지 않습니다."
)
UNBOUNDED = Text(
    "Mode auto needs limits of at least 1 and a revert; unset or 0 never means unlimited.",
    "auto 모드에는 1 이상의 한도와 되돌리기가 필요합니다. 미설정이나 0은 무제한이 아닙니다.",
)
ACTIONS_DISABLED = Text("Somebody has disabled this alarm's actions.", "누군가 이 알람의 동작을 꺼 두었습니다.")
NOT_SUPPRESSED = Text("Neither muted nor suppressed.", "음소거나 억제 상태가 아닙니다.")
CLAIMED = Text("This delivery opened the episode.", "이 전달이 에피소드를 열었습니다.")
DUPLICATE = Text("This episode is claimed already.", "이미 처리 중인 에피소드입니다.")
LATE = Text(
    "Something newer is known of this alarm; the event is late.", "이 알람에 대해 더 새로운 정보가 있어 늦게 도착한 이벤트입니다."
)
SETTLED = Text("No other change is in flight for this service.", "이 서비스에 진행 중인 다른 변경이 없습니다.")
ALARM_GONE = Text("CloudWatch no longer knows this alarm.", "CloudWatch에 이 알람이 더 이상 없습니다.")
RANG_AGAIN = Text(
    "The alarm has recovered and rung again since; the newer event decides.", "그 사이 회복 후 다시 울려, 새 이벤트가 결정합니다."
)
STILL_RINGS = Text("Read again: it still rings.", "다시 확인한 결과 아직 울리고 있습니다.")
NOT_PAUSED = Text("Automation is not paused.", "자동 조치가 멈춰 있지 않습니다.")
CHANGES_NOTHING = Text("Not needed: this action changes nothing.", "아무것도 바꾸지 않는 조치라 필요 없습니다.")
OBSERVES = Text("Mode observe: it only says what it would do.", "observe 모드라 무엇을 할지만 알립니다.")
COOL = Text("The cooldown is over.", "대기 시간이 지났습니다.")
WITHIN_LIMITS = Text("Within every limit.", "모든 한도 안입니다.")
UNLOCKED = Text("No other run holds the resource.", "다른 실행이 이 리소스를 잡고 있지 않습니다.")
EMPTY_PROPOSAL = Text("The action proposed no change at all.", "조치가 아무 변경도 제안하지 않았습니다.")
STOPPED = Text(
    "Stopped before a changing call: the kill switch was thrown, or another worker took over.",
    "변경 직전에 멈췄습니다. 정지 스위치가 켜졌거나 다른 작업이 넘겨받았습니다.",
)
COVERED_STILL_RINGS = Text(
    "Another alarm that this run was to help still rings.", "이 실행이 도우려던 다른 알람이 아직 울리고 있습니다."
)
SUPERSEDED = Text("A later run has taken over what was borrowed.", "이후 실행이 빌린 용량을 넘겨받았습니다.")
RECOVERED_FIRST = Text("It recovered before anything was done.", "조치 전에 회복되었습니다.")


PEERS_UNREAD = Text(
    "What else rings could not be read; unknown is never a pass.", "다른 알람 상태를 읽지 못했습니다. 모르면 실행하지 않습니다."
)
NOT_HELD = Text("Nobody holds automation here.", "자동 조치를 보류한 사람이 없습니다.")
BREAKER_CLOSED = Text("It has not failed to help of late.", "최근 효과가 없던 적이 없습니다.")
TRIAL = Text("It did not help before; this is the one trial.", "이전에 효과가 없어 이번 한 번만 시험합니다.")
NO_DEPENDENCY = Text("Not needed: it loads no service that this one calls.", "의존 서비스에 부하를 주지 않아 필요 없습니다.")
DEPENDENCIES_QUIET = Text("No service that this one calls rings.", "의존 서비스에 울리는 알람이 없습니다.")
NOT_AS_SHOWN = Text(
    "Things have moved since this was shown: what would be done now is something else. Nothing was changed.",
    "표시된 이후 상황이 바뀌어 지금 실행하면 내용이 달라집니다. 아무것도 바꾸지 않았습니다.",
)
NOBODY_ANSWERED = Text("Nobody answered in time; nothing was changed.", "기한 내 응답이 없어 아무것도 바꾸지 않았습니다.")
NO_GOOD = Text("It did not help, so it is given back at once.", "효과가 없어 바로 되돌립니다.")
FREE = Text("Automation may act again", "자동 조치 재개")
RELEASED = Text("Automation may act here again.", "자동 조치를 다시 허용했습니다.")
NOTHING_OUT = Text("There is nothing (any more) to undo.", "되돌릴 것이 (더 이상) 없습니다.")
ANSWERED_ALREADY = Text("This question is answered already.", "이미 처리된 요청입니다.")


def hhmm(moment: datetime) -> str:
    """Return the time of day as texts show it, in UTC."""
    return moment.strftime("%H:%M UTC")


def row(name: str) -> Text:
    """Say which row describes the alarm."""
    return Text(f"Row {name}.", f"행 {name}.")


def policy(action: str) -> Text:
    """Say what the row allows."""
    return Text(f"The row allows {action}.", f"이 행은 {action}을(를) 허용합니다.")


def no_policy(stated: str) -> Text:
    """Say why nothing is safe to do."""
    tail = f": {stated}" if stated else "."
    return Text(f"Nothing is safe to do automatically{tail}", f"자동으로 해도 안전한 조치가 없습니다{tail}")


def no_such_action(action: str) -> Text:
    """Say that the row names an action that this version does not have."""
    return Text(f"This version knows no action {action}.", f"이 버전에는 {action} 조치가 없습니다.")


def unfit(action: str, problem: str) -> Text:
    """Say which parameter does not fit."""
    return Text(f"The row's parameters do not fit {action}: {problem}.", f"행의 매개변수가 {action}에 맞지 않습니다: {problem}.")


SPOKES_UNREAD = Text(
    "The list of places that may be acted in cannot be read.", "조치할 수 있는 계정과 리전의 목록을 읽을 수 없습니다."
)


def spoke(lives: str) -> Text:
    """Say that the alarm's account and region are on the list."""
    return Text(f"{lives} is on the list of places that may be acted in.", f"{lives}은(는) 조치 허용 목록에 있습니다.")


def elsewhere(lives: str, home: str) -> Text:
    """Say that the alarm belongs to another account or region."""
    return Text(
        f"The alarm lives in {lives}, this remediator acts in {home} only.",
        f"알람은 {lives}에 있고, 이 조치기는 {home}에서만 조치합니다.",
    )


def no_timer(code: str, message: str) -> Text:
    """Say that nothing is borrowed because nothing would remind us to give it back."""
    return Text(
        f"Nothing was changed: no timer could be set to give it back ({code}: {_short(message)}).",
        f"되돌릴 타이머를 설정할 수 없어 아무것도 바꾸지 않았습니다({code}: {_short(message)}).",
    )


def no_evidence(code: str, message: str) -> Text:
    """Say that nothing is changed because what shows the need for it cannot be kept."""
    return Text(
        f"Nothing was changed: its evidence could not be kept ({code}: {_short(message)}).",
        f"증거를 보관할 수 없어 아무것도 바꾸지 않았습니다({code}: {_short(message)}).",
    )


def gone(message: str) -> Text:
    """Say that what had been changed is not there any more."""
    return Text(f"There is nothing left to give back: {_short(message)}.", f"되돌릴 대상이 더 이상 없습니다: {_short(message)}.")


def not_ringing(state: State) -> Text:
    """Say that the event is no ALARM."""
    return Text(f"The event says {state.value}: nothing to remedy.", f"이벤트 상태가 {state.value}이므로 조치할 것이 없습니다.")


def no_longer_rings(state: State) -> Text:
    """Say that the alarm is over."""
    return Text(f"Read again: the alarm is {state.value} now.", f"다시 확인한 결과 알람이 지금 {state.value} 상태입니다.")


def untrusted(evaluation: str) -> Text:
    """Say that CloudWatch itself does not trust its evaluation."""
    return Text(
        f"CloudWatch reports {evaluation}: the signal is not trusted.",
        f"CloudWatch가 {evaluation}을(를) 보고하여 신호를 믿지 않습니다.",
    )


def suppressed(by: str) -> Text:
    """Say who silences the alarm."""
    return Text(f"Suppressed{' by ' + by if by else ' by a mute'}.", f"{by or '음소거'}에 의해 억제되었습니다.")


def covered(by: str) -> Text:
    """Say that one plan is in flight already."""
    return Text(
        f"Covered: run {by} is in flight for this service; one change at a time.",
        f"이 서비스에 실행 {by}이(가) 진행 중입니다. 한 번에 하나만 바꿉니다.",
    )


def paused(scope: str, reason: str) -> Text:
    """Say that people hold automation."""
    tail = f": {reason}" if reason else "."
    return Text(f"Paused ({scope}){tail}", f"자동 조치가 멈춰 있습니다({scope}){tail}")


def mode(value: Mode) -> Text:
    """Say which mode is in force."""
    return Text(f"Mode {value.value}.", f"{value.value} 모드입니다.")


def cooldown(last: datetime, until: datetime) -> Text:
    """Say until when it rests."""
    return Text(f"Ran at {hhmm(last)}; rests until {hhmm(until)}.", f"{hhmm(last)}에 실행했고 {hhmm(until)}까지 쉽니다.")


_COUNTED = {
    "": Text("", ""),
    "policy": Text(" of this policy", " (이 정책)"),
    "service": Text(" in this service", " (이 서비스)"),
    "account": Text(" in this account", " (이 계정)"),
    "all": Text(" everywhere", " (전체)"),
}


def limit(value: Limit, count: int, until: datetime, scope: str = "") -> Text:
    """Say which limit is reached; ``scope`` names what is counted together, "" for one policy on one resource."""
    window = f"{value.window_s // 3600} h" if value.window_s % 3600 == 0 else f"{value.window_s // 60} min"
    of = _COUNTED[scope]
    return Text(
        f"{count} runs{of.en} in {window}, {value.count} allowed; next at {hhmm(until)}.",
        f"{window} 안에 {count}회 실행{of.ko}, 한도 {value.count}회. 다음 가능 시각 {hhmm(until)}.",
    )


def storm(groups: list[str], allowed: int) -> Text:
    """Say that too much rings at once for a cause of one service."""
    shown = ", ".join(groups[:5]) + ("…" if len(groups) > 5 else "")
    return Text(
        f"Storm: {len(groups)} other services began to ring ({shown}), {allowed} make a storm. One cause outside is likely.",
        f"알람 폭주: 다른 서비스 {len(groups)}개가 울리기 시작했습니다({shown}). 기준 {allowed}개. 외부 공통 원인으로 보입니다.",
    )


def after_storm(until: datetime) -> Text:
    """Say that a storm has only just passed."""
    return Text(f"After a storm: quiet until {hhmm(until)}.", f"알람 폭주 직후입니다. {hhmm(until)}까지 기다립니다.")


def peers(count: int, allowed: int) -> Text:
    """Say how much else rings."""
    return Text(
        f"{count} other services began to ring, {allowed} make a storm.", f"다른 서비스 {count}개, 폭주 기준 {allowed}개."
    )


def held(by: str, until: datetime) -> Text:
    """Say who holds automation, and how long."""
    return Text(f"{by} holds automation here until {hhmm(until)}.", f"{by}님이 {hhmm(until)}까지 자동 조치를 보류했습니다.")


def breaker(failures: int, until: datetime) -> Text:
    """Say that the policy is closed because it did not help."""
    return Text(
        f"It did not help {failures} times; closed until {hhmm(until)}.",
        f"{failures}회 효과가 없어 {hhmm(until)}까지 닫았습니다.",
    )


def dependency(service: str) -> Text:
    """Say that a service further down rings."""
    return Text(
        f"{service}, which this service calls, rings: more load would only hurt it.",
        f"이 서비스가 의존하는 {service}에 알람이 울리고 있습니다. 부하를 더하면 악화됩니다.",
    )


def one_more(count: int, needed: int) -> Text:
    """Say that a second person is needed."""
    return Text(f"{count} of {needed} approvals; one more person is needed.", f"승인 {count}/{needed}. 한 명 더 필요합니다.")


def not_allowed(by: str, service: str, risk: str) -> Text:
    """Say who may not decide what."""
    return Text(
        f"{by} is not among the approvers of {risk} actions for {service or 'this row'}.",
        f"{by}님은 {service or '이 행'}의 {risk} 조치 승인자가 아닙니다.",
    )


def undone(by: str) -> Text:
    """Say that a person wanted it undone."""
    return Text(f"{by} pressed Undo now.", f"{by}님이 지금 되돌리기를 눌렀습니다.")


def denied(by: str) -> Text:
    """Say that a person said no."""
    return Text(f"{by} said no; nothing was changed.", f"{by}님이 거부하여 아무것도 바꾸지 않았습니다.")


def locked(run: str) -> Text:
    """Say who holds the resource."""
    return Text(f"Run {run} holds the resource.", f"실행 {run}이(가) 리소스를 잡고 있습니다.")


def lent_otherwise(run: str) -> Text:
    """Say that something else of the resource is lent, which one more run would make forgotten."""
    return Text(
        f"Run {run} still has something else of this resource to give back.",
        f"실행 {run}이(가) 이 리소스의 다른 변경을 아직 되돌리지 않았습니다.",
    )


def observes_a_refusal(reason: Reason, why: Text) -> Text:
    """Say that mode observe saw the action itself refuse."""
    return Text(
        f"Mode observe; it would have done nothing ({reason.value}): {why.en}",
        f"observe 모드. 실행했더라도 하지 않았을 것입니다({reason.value}): {why.ko}",
    )


def moved_meanwhile(value: Change, current: Value) -> Text:
    """Say that somebody else changed what a resumed run was about to change."""
    said = headlines.change(value)
    return Text(
        f"Stopped: it is {current} now, neither before nor after of “{said.en}”; someone else changed it.",
        f"중단: 현재 값 {current}은(는) “{said.ko}”의 이전도 이후도 아닙니다. 다른 변경이 있었습니다.",
    )


def refused(code: str, message: str) -> Text:
    """Say that AWS refused the change."""
    said = _short(message)
    return Text(f"AWS refused ({code}): {said}", f"AWS가 거부했습니다({code}): {said}")


def _short(message: str) -> str:
    """Return what a vendor said on one line, cut: it may echo anything, at any length."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def helped() -> Text:
    """Say that a run helped."""
    return Text("The alarm is OK and the change is in place.", "알람이 OK이고 변경도 실제로 적용되었습니다.")


def no_help(state: State | None, moved: bool | None) -> Text:
    """Say what is still missing at the deadline."""
    now = state.value if state else "unknown"
    mechanism = {True: "the change is in place", False: "the change never took hold", None: "the change could not be seen"}[moved]
    korean = {True: "변경은 적용되었습니다", False: "변경이 적용되지 않았습니다", None: "변경 결과를 확인하지 못했습니다"}[moved]
    return Text(f"At the deadline the alarm is {now} and {mechanism}.", f"기한에 알람은 {now} 상태이고 {korean}.")


def and_closed(why: Text, failures: int, until: datetime) -> Text:
    """Add to a verdict that the policy is closed by it."""
    said = breaker(failures, until)
    return Text(f"{why.en} {said.en}", f"{why.ko} {said.ko}")


def needs_a_person(action: str) -> Text:
    """Say that automation is at its end."""
    return Text(
        f"{action} did not help and no further step is allowed.", f"{action}이(가) 효과가 없었고 더 허용된 조치가 없습니다."
    )


def given_back(after_recovery: bool, withdraw: Text | None = None) -> Text:
    """Say why it was given back now."""
    if withdraw is not None:
        return withdraw
    if after_recovery:
        return Text("Recovered and stable: what was borrowed is given back.", "회복 후 안정되어 빌린 용량을 되돌렸습니다.")
    return Text(
        "The latest moment has come: what was borrowed is given back, recovered or not.",
        "최대 기한이 되어 회복 여부와 관계없이 빌린 용량을 되돌렸습니다.",
    )
