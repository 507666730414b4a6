"""Every fixed sentence that tocsin says in Slack, in both languages. Plain text: nothing here needs escaping."""

from __future__ import annotations

from alarms.domain.alarm import Mode, Severity
from alarms.domain.incident import Ending
from alarms.domain.text import Text

SEVERITY = {
    Severity.CRITICAL: Text("CRITICAL", "심각"),
    Severity.WARNING: Text("WARNING", "경고"),
    Severity.INFO: Text("INFO", "정보"),
}
UNRATED = Text("ALARM", "경보")  # an alarm that no row describes has no severity
STATE_IN_ALARM = Text("In alarm", "경보 중")
# What stands in the lock-screen line, after the severity.
ENDED = {
    Ending.RECOVERED: Text("resolved", "해결됨"),
    Ending.NO_DATA_OK: Text("no data, counted as OK", "데이터 없음, 정상으로 간주"),
    Ending.INSUFFICIENT: Text("state unknown", "상태 알 수 없음"),
    Ending.FIRST_OK: Text("first OK", "첫 정상"),
}
STATE = {
    Ending.RECOVERED: Text("Resolved", "해결됨"),
    Ending.NO_DATA_OK: Text(
        "OK, but without data: missing data counts as good here. This is not proof of recovery.",
        "정상이지만 데이터 없음: 이 알람은 누락된 데이터를 정상으로 간주합니다. 복구되었다는 증거가 아닙니다.",
    ),
    Ending.INSUFFICIENT: Text(
        "No longer known: CloudWatch has too little data to say.", "더 이상 알 수 없음: CloudWatch가 판단할 데이터가 부족합니다."
    ),
    Ending.FIRST_OK: Text("First OK after creation", "생성 후 첫 정상"),
}
SUPERSEDED_SHORT = Text("ended unseen", "종료 확인 안 됨")
SUPERSEDED = Text(
    "Ended at a time that was never reported: a newer incident has begun.",
    "종료 시각이 보고되지 않음: 새로운 인시던트가 시작되었습니다.",
)
RESOLVED_AFTER = Text("Resolved after {span}", "{span} 만에 해결됨")
ENDED_AFTER = Text("It ended after {span}.", "{span} 후 종료.")

VALUE = Text("Value", "현재 값")
LIMIT = Text("Limit", "기준")
STATE_LABEL = Text("State", "상태")
SINCE = Text("Since", "시작")
TARGET = Text("Target", "대상")
OWNER = Text("Owner", "담당")
CONTRIBUTOR = Text("Contributor", "기여 시계열")
RULE = Text("Rule", "규칙")
CHILDREN = Text("Triggering alarms", "발생시킨 알람")
REMEDIATION = Text("Remediation", "자동 조치")
DONE = Text("What was done", "수행 내역")
REASON = Text("CloudWatch says: {reason}", "CloudWatch 사유: {reason}")
NO_DATA = Text("no data", "데이터 없음")
NOT_GIVEN = Text("value not given", "값 미제공")
OUTSIDE = Text("outside", "범위 이탈")
THRESHOLD = Text("threshold", "임계값")
ABOVE = Text("above {limit}", "{limit} 초과")
BELOW = Text("below {limit}", "{limit} 미만")
RULE_HOLDS = Text("its rule holds", "규칙 충족")
TIME_UNKNOWN = Text("not in the message; received {at}", "메시지에 없음; 수신 {at}")
START_UNKNOWN = Text("not known", "알 수 없음")
FOR_POINTS = Text("{m} of {n} points of {period}", "{period} 간격 {n}개 중 {m}개")
FOR_ALL = Text("for {span}", "{span} 동안")

RUNBOOK = Text("Runbook", "런북")
ALARM_PAGE = Text("CloudWatch alarm", "CloudWatch 알람")
RESOURCE_PAGE = Text("Resource", "리소스")
ROW = Text("Row", "행")
EPISODE = Text("Episode {episode}", "에피소드 {episode}")
VERSION = Text("row version {digest}", "행 버전 {digest}")
FOREIGN = Text(
    "No row of the catalogue describes this alarm, so nothing is done about it.",
    "카탈로그에 이 알람을 설명하는 행이 없어 아무 조치도 하지 않습니다.",
)
NOTHING_SAFE = Text("Nothing is done automatically: {why}", "자동 조치 없음: {why}")
NO_POLICY = Text("Nothing is done automatically.", "자동 조치 없음.")
SUPPRESSED = Text("Its actions are suppressed by {by}.", "{by}에 의해 액션이 억제됨.")
MUTED = Text("Muted by an alarm mute rule.", "알람 음소거 규칙에 의해 음소거됨.")
AFTER_MUTE = Text("Held back by a mute rule until now.", "음소거 규칙으로 인해 지금까지 보류됨.")
NOT_DELIVERED = Text(
    "Meant for {channel}, which Slack refused ({code}).", "{channel} 채널로 보내려 했으나 Slack이 거부함 ({code})."
)

MODE = {
    Mode.OBSERVE: Text("observes only, changes nothing", "관찰만 하고 변경하지 않음"),
    Mode.PROPOSE: Text("proposes, a person decides", "제안만 하고 사람이 결정"),
    Mode.APPROVE: Text("acts once a person approves", "사람이 승인하면 실행"),
    Mode.AUTO: Text("automatic", "자동"),
}
PER = {
    3_600: Text("{count} per hour", "시간당 {count}회"),
    86_400: Text("{count} per day", "하루 {count}회"),
    60: Text("{count} per minute", "분당 {count}회"),
}
PER_OTHER = Text("{count} per {span}", "{span}당 {count}회")
AT_MOST = Text("at most {limits}", "최대 {limits}")
GIVEN_BACK = Text("given back {span} after recovery, {latest} at the latest", "복구 {span} 후 원복, 늦어도 {latest} 후")
OTHERWISE = Text("if it does not help: {steps}", "효과가 없으면: {steps}")

GUARD_REFUSED = Text("Stopped by", "막은 조건")
NOT_SET = Text("not set", "미설정")
NEXT = Text("Next: {at}", "다음: {at}")
LATE_REPORT = Text(
    "Its alarm message has not arrived; shown by itself.", "해당 알람 메시지가 아직 도착하지 않아 단독으로 표시합니다."
)
MORE = Text("and {count} more", "외 {count}개")

# What a person decides. The labels of buttons are the imperative; what follows a click is told by its report.
APPROVE = Text("Approve", "승인")
DENY = Text("Deny", "거부")
UNDO = Text("Undo now", "지금 되돌리기")
HOLD = Text("Hold automation 1 h", "자동 조치 1시간 보류")
RELEASE = Text("Release automation", "자동 조치 재개")
MUTE = Text("Mute 1 h", "1시간 알림 끄기")
UNMUTE = Text("Unmute", "알림 켜기")
CANCEL = Text("Cancel", "취소")
ASKS = Text("Waits for a decision: {action}", "결정 대기: {action}")
MAY_APPROVE = Text("May approve: {users}", "승인 가능: {users}")
NOBODY = Text("nobody is listed", "등록된 승인자 없음")
UNTIL = Text("until {at}", "{at}까지")
TWO_NEEDED = Text("{count} different people have to approve", "서로 다른 {count}명의 승인 필요")
APPROVED_SO_FAR = Text("approved so far by {users}", "현재까지 승인: {users}")
DECIDE_ABOVE = Text("The buttons are on the incident's message.", "버튼은 인시던트 메시지에 있습니다.")
IS_OUT = Text("Changed, can be undone: {action}", "변경됨, 되돌릴 수 있음: {action}")
HELD = Text("Automation of this service is held by {by} until {at}.", "이 서비스의 자동 조치를 {by} 님이 {at}까지 보류했습니다.")
SILENCED = Text(
    "Muted by {by} until {at}: only this message changes, the thread stays silent.",
    "{by} 님이 {at}까지 알림을 껐습니다. 이 메시지만 갱신되고 스레드에는 알리지 않습니다.",
)
APPROVED_BY = Text("Approved by {by}", "승인: {by}")
APPROVED_OF = Text("{count} of {needed} approvals", "승인 {needed}건 중 {count}건")
DENIED_BY = Text("Denied by {by}", "거부: {by}")
HELD_BY = Text("Held by {by} until {at}", "보류: {by}, {at}까지")
RELEASED_BY = Text("Released by {by}", "재개: {by}")
ASKED_BY = Text("Asked for by {by}", "요청: {by}")
CONFIRM_APPROVE = Text("Do exactly this?", "정확히 다음을 실행할까요?")
CONFIRM_UNDO = Text("Give this back now?", "지금 되돌릴까요?")
ALL_OF_THEM = Text("and {count} more: see the message", "외 {count}건: 메시지 참조")
RISK = {
    "read-only": Text("Risk: none, it only reads.", "위험: 없음, 읽기만 합니다."),
    "reversible": Text("Risk: costs money or capacity; can be given back.", "위험: 비용이나 용량을 쓰며, 되돌릴 수 있습니다."),
    "disruptive": Text("Risk: disruptive, users may notice.", "위험: 서비스 영향 가능, 사용자가 느낄 수 있습니다."),
    "destructive": Text("Risk: destructive, cannot be undone.", "위험: 되돌릴 수 없는 작업입니다."),
}
RISK_UNKNOWN = Text("Risk: not stated.", "위험: 명시되지 않음.")

# What only the one who pressed sees.
ONLY_MEMBERS = Text(
    "Only full members of this workspace can press this: guests and other organisations cannot.",
    "이 버튼은 이 워크스페이스의 정식 멤버만 누를 수 있습니다. 게스트와 외부 조직은 사용할 수 없습니다.",
)
NOT_VERIFIED = Text(
    "Slack did not say in time whether you are a full member, so nothing was done. Press again in a moment.",
    "정식 멤버인지 제때 확인할 수 없어 아무것도 실행하지 않았습니다. 잠시 후 다시 눌러 주세요.",
)
NO_APPROVER = Text(
    "You are not among this stage's approvers, so nothing was done. Hold automation is open to you.",
    "이 스테이지의 승인자가 아니므로 아무것도 실행하지 않았습니다. 자동 조치 보류는 누를 수 있습니다.",
)
NO_LIST = Text(
    "The list of approvers cannot be read, so nothing was done. Press again, or hold automation.",
    "승인자 목록을 읽을 수 없어 아무것도 실행하지 않았습니다. 다시 누르거나 자동 조치를 보류해 주세요.",
)
FORGOTTEN = Text("This incident is too old: nothing is remembered of it.", "너무 오래된 인시던트라 기록이 남아 있지 않습니다.")
NOT_SENT = Text("This could not be passed on. Please press again.", "요청을 전달하지 못했습니다. 다시 눌러 주세요.")
