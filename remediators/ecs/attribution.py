"""Is it the deployment's fault? Decided from when it began to ring, what rang before, what else rings, what each colour answers.

Three-valued: a rollback takes traffic from what people have just released, so whatever is not known to be the deployment's is not
taken for it. Pure; what it needs is read by ``remediators.ecs.clues``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alarms.domain.decision import Reason
from alarms.domain.text import Text
from remediators.action import Refusal
from remediators.ecs.deployments import SHIFTED, SHIFTING, Deployment

MINUTE = timedelta(minutes=1)
# The new revision has to fail clearly more often than the one before did.
WORSE = 2.0


@dataclass(frozen=True, slots=True)
class Colour:
    """What one target group answered: requests and 5xx answers, and the first minute in which it had requests."""

    requests: float = 0.0
    errors: float = 0.0
    first: datetime | None = None

    @property
    def share(self) -> float:
        """5xx answers as a share of all."""
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Clues:
    """What speaks for and against the deployment.

    ``rings_since`` is when the alarm began to ring, None when it does not ring or that is not known. ``rang_before`` is the last
    time it rang in the hour before the deployment. ``databases`` and ``dependencies`` are other alarms that ring. ``old`` and
    ``new`` are what the revisions answered, None without per-target-group metrics. ``about_errors``: the alarm counts 5xx.
    """

    rings_since: datetime | None
    rang_before: datetime | None = None
    databases: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    old: Colour | None = None
    new: Colour | None = None
    about_errors: bool = False


def judged(deployment: Deployment, clues: Clues, within_s: float, now: datetime) -> Refusal | None:
    """Return why the deployment is not known to be the cause; None when all speaks for it."""
    since, age = clues.rings_since, now - (deployment.finished_at or deployment.started_at)
    if age > timedelta(seconds=within_s):
        minutes = round(age.total_seconds() / 60)
        return _no(
            f"The newest deployment is {minutes} min old, older than within: it is not taken for the cause.",
            f"최근 배포가 {minutes}분 전이라 within보다 오래되어 원인으로 보지 않습니다.",
        )
    if since is None:
        return _unknown("Since when the alarm rings is not known.", "경보가 언제부터 울렸는지 알 수 없습니다.")
    if since <= deployment.started_at:
        return _no("It rang before the deployment began.", "배포가 시작되기 전부터 경보가 울렸습니다.")
    if clues.rang_before is not None:
        return _no(
            f"It rang at {clues.rang_before:%H:%M} UTC already, in the hour before the deployment.",
            f"배포 전 1시간 안에({clues.rang_before:%H:%M} UTC) 이미 울린 경보입니다.",
        )
    return _elsewhere(clues) or _shifted(deployment, clues, since) or _answers(clues)


def shift_by(deployment: Deployment, clues: Clues) -> datetime | None:
    """Return a moment by which the new revision surely had production traffic; None when nothing says it.

    AWS gives no time of the shift. It had happened by the end of the first minute in which the new target group had requests;
    by the last update of a deployment that stands in a later stage; and a bake time before a deployment finished.
    """
    known = []
    if clues.new is not None and clues.new.first is not None:
        known.append(clues.new.first + MINUTE)
    if deployment.open and deployment.stage in SHIFTED and deployment.updated_at is not None:
        known.append(deployment.updated_at)
    if deployment.status == "SUCCESSFUL" and deployment.finished_at is not None:
        known.append(deployment.finished_at - timedelta(seconds=deployment.bake_s))
    return min(known, default=None)


def _elsewhere(clues: Clues) -> Refusal | None:
    """Refuse when the cause may lie in what the service calls: going back would not help there."""
    if clues.databases:
        return _no(
            f"A database alarm rings too ({_listed(clues.databases)}): going back would not mend that.",
            f"데이터베이스 경보도 울리고 있습니다({_listed(clues.databases)}). 롤백으로 해결되지 않습니다.",
        )
    if clues.dependencies:
        return _no(
            f"A service that this one calls rings too ({_listed(clues.dependencies)}).",
            f"이 서비스가 호출하는 서비스의 경보도 울리고 있습니다({_listed(clues.dependencies)}).",
        )
    return None


def _shifted(deployment: Deployment, clues: Clues, since: datetime) -> Refusal | None:
    """Refuse when the new revision had no production traffic yet as it began to ring. A rolling one has from its start."""
    if not deployment.blue_green:
        return None
    if deployment.open and deployment.stage not in (SHIFTING, *SHIFTED):
        return _no(
            f"The new revision has no production traffic yet ({deployment.stage}).",
            f"새 리비전이 아직 운영 트래픽을 받지 않습니다({deployment.stage}).",
        )
    shift = shift_by(deployment, clues)
    if shift is None:
        return _unknown(
            "When the new revision got production traffic is not known.",
            "새 리비전이 언제 운영 트래픽을 받았는지 알 수 없습니다.",
        )
    if since < shift:
        return _unknown(
            f"It began to ring at {since:%H:%M:%S} UTC, and that the new revision had traffic by then is not known.",
            f"경보는 {since:%H:%M:%S} UTC에 울렸으나 그때 새 리비전이 트래픽을 받고 있었는지 알 수 없습니다.",
        )
    return None


def _answers(clues: Clues) -> Refusal | None:
    """Refuse when the revision before failed about as often, or the new one not at all."""
    old, new = clues.old, clues.new
    if not clues.about_errors or old is None or new is None or not new.requests:
        return None
    if not new.errors:
        return _no(
            f"The new revision answered {new.requests:,.0f} requests without a 5xx: the errors come from elsewhere.",
            f"새 리비전은 요청 {new.requests:,.0f}건에 5xx가 없습니다. 오류의 원인은 다른 곳입니다.",
        )
    if old.errors and new.share < WORSE * old.share:
        return _no(
            f"The revision before failed too: {old.share:.1%} of its requests, the new one {new.share:.1%}.",
            f"이전 리비전도 실패했습니다. 이전 {old.share:.1%}, 새 리비전 {new.share:.1%}.",
        )
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name[:120] for name in names[:3])


def _no(en: str, ko: str) -> Refusal:
    return Refusal(Reason.UNSAFE, Text(en, ko))


def _unknown(en: str, ko: str) -> Refusal:
    return Refusal(Reason.UNKNOWN, Text(en, ko))
