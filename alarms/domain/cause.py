"""What may be behind an incident: the causes that a diagnosis tells apart, with their names for people."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from alarms.domain.text import Text


class Cause(StrEnum):
    """A probable cause. The value stands in evidence, in reports, and names the cause's runbook (``cause-oom.md``)."""

    AWS_OUTAGE = "aws-outage"
    BAD_DEPLOYMENT = "bad-deployment"
    OOM = "oom"
    EXPIRED_TOKEN = "expired-token"  # noqa: S105 - the name of a cause, no secret
    DB_CONNECTIONS = "db-connections"
    SLOW_DATABASE = "slow-database"
    DEPENDENCY = "dependency"
    TRAFFIC_SURGE = "traffic-surge"
    POISON_MESSAGE = "poison-message"
    CAPACITY = "capacity"
    UNKNOWN = "unknown"

    @staticmethod
    def read(value: object) -> Cause:
        """Return the cause called ``value``; UNKNOWN for anything else, such as a cause of a newer version."""
        return Cause(value) if isinstance(value, str) and value in tuple(Cause) else Cause.UNKNOWN

    @property
    def label(self) -> Text:
        """Its name in a sentence: "the latest deployment"."""
        return _LABELS[self]


_LABELS: Mapping[Cause, Text] = {
    Cause.AWS_OUTAGE: Text("an outage at AWS", "AWS 장애"),
    Cause.BAD_DEPLOYMENT: Text("the latest deployment", "최근 배포"),
    Cause.OOM: Text("tasks killed for lack of memory", "메모리 부족으로 인한 태스크 종료"),
    Cause.EXPIRED_TOKEN: Text("an expired token or secret of a partner", "만료된 외부 연동 토큰 또는 비밀값"),
    Cause.DB_CONNECTIONS: Text("too few database connections", "데이터베이스 연결 부족"),
    Cause.SLOW_DATABASE: Text("slow queries or locks in the database", "데이터베이스의 느린 쿼리 또는 잠금"),
    Cause.DEPENDENCY: Text("a failing service that this one calls", "호출 대상 서비스의 장애"),
    Cause.TRAFFIC_SURGE: Text("a surge of traffic", "트래픽 급증"),
    Cause.POISON_MESSAGE: Text("messages that no consumer can process", "처리할 수 없는 메시지"),
    Cause.CAPACITY: Text("too little capacity", "처리 용량 부족"),
    Cause.UNKNOWN: Text("unknown", "알 수 없음"),
}
