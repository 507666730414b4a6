"""What to do after an incident so that it does not come back, by its cause: the checklist of a report. Data only."""

from __future__ import annotations

from collections.abc import Mapping

from alarms.domain.cause import Cause
from alarms.domain.text import Text


def checklist(cause: Cause | str) -> tuple[Text, ...]:
    """Return the cause's own items, then those of every incident. A cause that nobody knows has the list of UNKNOWN."""
    return (*_BY_CAUSE[Cause.read(cause)], *EVERY_INCIDENT)


EVERY_INCIDENT: tuple[Text, ...] = (
    Text(
        "Note when users first noticed and when the alarm rang; if the alarm was later, tighten its row.",
        "사용자가 처음 느낀 시각과 알람 시각을 비교하고, 알람이 늦었다면 해당 행의 조건을 조정하세요.",
    ),
    Text(
        "Name an owner and a day for each item of this list.",
        "이 목록의 각 항목에 담당자와 기한을 정하세요.",
    ),
)

_BY_CAUSE: Mapping[Cause, tuple[Text, ...]] = {
    Cause.BAD_DEPLOYMENT: (
        Text(
            "Tell the pipeline: pin or freeze it, or it deploys the bad revision again.",
            "파이프라인이 문제의 리비전을 다시 배포하지 않도록 고정하거나 중지하세요.",
        ),
        Text(
            "Add the alarm that rang to the deployment's own alarms, with rollback on, and a bake time longer than the alarm "
            "needs to ring.",
            "울린 알람을 배포 설정의 알람 목록에 추가해 롤백을 켜고, 베이크 시간을 알람이 울리는 데 걸리는 시간보다 길게 두세요.",
        ),
        Text(
            "Write the test that would have stopped it before production.",
            "운영 반영 전에 이 문제를 막았을 테스트를 작성하세요.",
        ),
        Text(
            "Check that its database migration works with both revisions.",
            "데이터베이스 마이그레이션이 이전·새 리비전 모두와 호환되는지 확인하세요.",
        ),
    ),
    Cause.AWS_OUTAGE: (
        Text(
            "Keep the AWS Health event's ARN and times with this report; claim SLA credit where it applies.",
            "AWS Health 이벤트의 ARN과 시각을 보고서에 남기고, 해당되면 SLA 크레딧을 신청하세요.",
        ),
        Text(
            "List what did not survive the loss of one zone, and spread it over three.",
            "가용 영역 하나의 손실을 견디지 못한 구성 요소를 찾아 세 영역에 분산하세요.",
        ),
        Text(
            "Check timeouts, retries and their back-off towards the AWS service that failed.",
            "장애가 난 AWS 서비스 호출의 타임아웃, 재시도, 백오프를 점검하세요.",
        ),
    ),
    Cause.OOM: (
        Text(
            "Compare the memory of the last deployments side by side: a line that only rises is a leak.",
            "최근 배포들의 메모리 그래프를 나란히 비교하세요. 계속 오르기만 하면 누수입니다.",
        ),
        Text(
            "Give the task a memory limit that its worst real work fits, and the work a limit that fits the task.",
            "최악의 실제 작업이 들어갈 만큼 태스크 메모리를 정하고, 작업 크기에도 상한을 두세요.",
        ),
        Text(
            "Take a heap dump on the way to the limit, not after the kill.",
            "종료된 뒤가 아니라 한계에 다가갈 때 힙 덤프를 남기도록 하세요.",
        ),
        Text(
            "Add an alarm on memory before the limit (80 %), if none rang.",
            "한계 전(80 %)에 울리는 메모리 알람이 없었다면 추가하세요.",
        ),
    ),
    Cause.EXPIRED_TOKEN: (
        Text(
            "Let Secrets Manager rotate it, well before it expires; where the partner allows no rotation, tag the secret "
            "tocsin:expires.",
            "Secrets Manager가 만료 전에 교체하도록 설정하세요. 교체할 수 없다면 비밀값에 tocsin:expires 태그를 다세요.",
        ),
        Text(
            "Let the client fetch the secret anew after a 401, instead of once at start.",
            "시작할 때 한 번이 아니라 401을 받으면 비밀값을 다시 읽도록 클라이언트를 고치세요.",
        ),
        Text("Keep two valid tokens while one replaces the other.", "교체하는 동안 유효한 토큰 두 개를 함께 두세요."),
        Text(
            "Write down who at the partner issues it, and how long that takes.",
            "파트너 측 발급 담당자와 소요 시간을 기록해 두세요.",
        ),
    ),
    Cause.DB_CONNECTIONS: (
        Text(
            "Pool size by load test: (tasks at the maximum of auto scaling, twice during a deployment) x pool size stays below "
            "80 % of max_connections.",
            "부하 테스트로 풀 크기를 정하세요. (오토 스케일링 최대 태스크 수, 배포 중에는 두 배) x 풀 크기가 "
            "max_connections의 80 % 아래여야 합니다.",
        ),
        Text(
            "Find the leak: sessions idle in transaction, by application, since which deployment.",
            "누수를 찾으세요. 어느 애플리케이션의 idle in transaction 세션이 어느 배포부터 늘었는지 확인하세요.",
        ),
        Text(
            "Set idle_in_transaction_session_timeout and idle_session_timeout for the application's role.",
            "애플리케이션 역할에 idle_in_transaction_session_timeout과 idle_session_timeout을 설정하세요.",
        ),
        Text(
            "Decide on RDS Proxy, or a larger class, for a planned window: max_connections changes only with a restart.",
            "RDS Proxy 도입이나 인스턴스 상향을 계획된 시간에 결정하세요. max_connections는 재시작해야 바뀝니다.",
        ),
    ),
    Cause.SLOW_DATABASE: (
        Text(
            "Take the top queries by load (Performance Insights) and tune the first three: EXPLAIN, index, limit.",
            "부하 상위 쿼리(Performance Insights) 세 개를 튜닝하세요. EXPLAIN, 인덱스, LIMIT를 확인하세요.",
        ),
        Text(
            "Set statement_timeout and lock_timeout for the application's role.",
            "애플리케이션 역할에 statement_timeout과 lock_timeout을 설정하세요.",
        ),
        Text(
            "Take schema changes and large updates out of busy hours; make them in small batches.",
            "스키마 변경과 대량 업데이트는 한가한 시간에 작은 단위로 나눠 실행하세요.",
        ),
    ),
    Cause.DEPENDENCY: (
        Text(
            "Give the caller a timeout, a circuit breaker and an answer without that service.",
            "호출하는 쪽에 타임아웃, 서킷 브레이커, 대체 응답을 두세요.",
        ),
        Text(
            "Write the dependency into the catalogue (depends_on) if it was missing there.",
            "카탈로그(depends_on)에 이 의존 관계가 없었다면 추가하세요.",
        ),
        Text("Hand the incident to the owner of the failing service.", "장애가 난 서비스의 담당자에게 이 사고를 전달하세요."),
    ),
    Cause.TRAFFIC_SURGE: (
        Text(
            "Was it announced (month-end, launch)? Then schedule the floor ahead of it.",
            "예고된 증가(월말, 출시)였다면 미리 최소 용량을 올리는 예약 작업을 두세요.",
        ),
        Text(
            "Load-test to twice the peak seen, and raise ceilings that were reached.",
            "관측된 최고치의 두 배까지 부하 테스트를 하고, 도달한 상한을 올리세요.",
        ),
        Text(
            "If it was an attack: keep the rate rule in place in Count, and measure what it would have blocked.",
            "공격이었다면 속도 제한 규칙을 Count로 유지하고 차단했을 요청을 측정하세요.",
        ),
    ),
    Cause.POISON_MESSAGE: (
        Text(
            "Keep one of the messages as a test of the consumer, with personal data taken out.",
            "개인정보를 지운 메시지 하나를 소비자 테스트로 남기세요.",
        ),
        Text(
            "Fix the consumer, deploy, and only then redrive, at a limited rate.",
            "소비자를 고쳐 배포한 뒤에만, 속도를 제한해 재처리하세요.",
        ),
        Text(
            "Let the producer check what it sends (size, type) before it is queued.",
            "생산자가 크기와 형식을 큐에 넣기 전에 검사하도록 하세요.",
        ),
        Text(
            "Keep messages in the dead-letter queue longer than in the queue: their age goes on.",
            "데드레터 큐의 보존 기간을 원래 큐보다 길게 두세요. 메시지 나이는 계속 셉니다.",
        ),
    ),
    Cause.CAPACITY: (
        Text(
            "Compare the ceiling (MaxCapacity, max_tasks) with the need at the peak, and with what the database can take.",
            "상한(MaxCapacity, max_tasks)을 최고 부하와 데이터베이스가 감당할 수 있는 양에 견주어 보세요.",
        ),
        Text(
            "Let target tracking react earlier: a lower target, a metric nearer to the load.",
            "목표 추적이 더 일찍 반응하도록 목표값을 낮추거나 부하에 가까운 지표를 쓰세요.",
        ),
        Text(
            "Profile what is saturated before buying more of it.",
            "자원을 늘리기 전에 무엇이 포화되는지 프로파일링하세요.",
        ),
    ),
    Cause.UNKNOWN: (
        Text(
            "Write down what was looked at and found healthy, so that the next one starts from there.",
            "확인해서 정상으로 판단한 항목을 기록해 다음 조사의 출발점으로 삼으세요.",
        ),
        Text(
            "Add the signal that would have told the cause: a log line, a metric, a permission that the diagnosis lacked.",
            "원인을 알려 주었을 신호(로그, 지표, 진단에 없던 권한)를 추가하세요.",
        ),
        Text(
            "Read the logs of the first minute once more, by the request that failed first.",
            "가장 먼저 실패한 요청을 기준으로 첫 1분의 로그를 다시 읽으세요.",
        ),
    ),
}
