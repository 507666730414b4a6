"""While AWS itself reports an open issue with what a service stands on, nothing destructive is done to it.

Only a known issue holds back. An account without a support plan, or a function that cannot reach AWS Health (its API is in one
Region, mostly out of reach from inside a VPC), decides as before: what is destructive has been approved by people, and the
diagnosis tells them that AWS Health was not seen.
"""

from __future__ import annotations

from alarms.domain.action import ActionSpec, Risk
from alarms.domain.decision import Reason
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.text import Text
from remediators.action import Clients, Purpose, Refusal, Situation
from remediators.diagnosis import aws_health
from remediators.diagnosis.finding import Look

_LEAST_S = 15.0  # connections that time out take about ten seconds, and the change itself wants some


def refusal(clients: Clients, spec: ActionSpec, situation: Situation) -> Refusal | None:
    """Refuse what is destructive while AWS has an open issue here (health DescribeEvents, DescribeAffectedEntities)."""
    if spec.risk is not Risk.DESTRUCTIVE or situation.purpose is not Purpose.DECIDE or situation.left_s() < _LEAST_S:
        return None
    look = Look(situation.alarm, situation.now, situation.now)
    try:
        events = aws_health.read(clients, look, situation.left_s)
    except (Permanent, Retryable):
        return None
    concerning = [found.line for found in aws_health.judge(events, look) if found.facts.get("concerns")]
    if not concerning:
        return None
    return Refusal(
        Reason.UNSAFE,
        Text(
            f"{concerning[0].en} Nothing destructive is done until it is over.",
            f"{concerning[0].ko} 종료될 때까지 파괴적인 조치는 하지 않습니다.",
        ),
    )
