"""The way back of an ECS service: which one there is, whether it may be taken, how far it has come. Pure but for ``observe``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from alarms.domain.text import Text
from remediators.action import Clients, Purpose, Refusal, Situation
from remediators.ecs import attribution, clues, deployments, revisions
from remediators.ecs.attribution import Clues
from remediators.ecs.deployments import Deployment
from remediators.ecs.ecs_tasks import lock_key
from remediators.ecs.revisions import Revision

DEPLOYMENT = "serviceDeployment"
DEFINITION = "taskDefinition"
# How long ECS may take to act upon its own deployment alarms before we do.
OWN_LOOP = timedelta(minutes=5)
_STACK = "aws:cloudformation:stack-name"


@dataclass(frozen=True, slots=True)
class Seen:
    """A service and its deployments, the newest first; ``known`` are revisions by ARN.

    ``previous`` is the last successful revision that is another; ``blocked`` why it cannot be deployed again. ``stack`` is the
    CloudFormation stack that owns the service, "" when none is known.
    """

    cluster: str
    service: str
    deployments: tuple[Deployment, ...] = ()
    known: Mapping[str, Revision] = field(default_factory=dict)
    clues: Clues | None = None
    previous: Revision | None = None
    blocked: Refusal | None = None
    stack: str = ""
    events: tuple[str, ...] = ()

    @property
    def newest(self) -> Deployment | None:
        """The newest deployment, None when there is none."""
        return self.deployments[0] if self.deployments else None

    @property
    def bad(self) -> Revision | None:
        """The revision that the newest deployment brings, None when ECS does not know it."""
        return self.known.get(self.newest.revision) if self.newest else None

    @property
    def resource(self) -> str:
        """The lock key."""
        return lock_key(self.cluster, self.service)


def observe(clients: Clients, situation: Situation) -> Seen:
    """Read what the purpose needs: deployments and the newest revision; to decide, clues and the revision to go back to."""
    parameters = situation.policy.parameters
    cluster, service = parameters["cluster"], parameters["service"]
    found = deployments.observe(clients, cluster, service)
    newest = found[0] if found else None
    if newest is None or situation.purpose is not Purpose.DECIDE or not (newest.open or newest.status == "SUCCESSFUL"):
        return Seen(cluster, service, found, revisions.observe(clients, [newest.revision] if newest else []))
    earlier = [item.revision for item in found[1:] if item.status == "SUCCESSFUL"]
    known = revisions.observe(clients, [newest.revision, *newest.sources, *earlier])
    told = clues.observe(clients, situation, newest, known)
    stack, events = _service(clients, cluster, service)
    bad = known.get(newest.revision)
    previous, blocked = None, None
    if newest.status == "SUCCESSFUL" and bad is not None:
        previous = revisions.before(bad, [known[arn] for arn in earlier if arn in known])
        blocked = revisions.deployable(clients, previous) if previous else None
    return Seen(cluster, service, found, known, told, previous, blocked, stack, events)


def proposal(seen: Seen, situation: Situation) -> Proposal | Refusal:
    """Propose the way back of the newest deployment, if it is the one to blame and there is a way."""
    newest = seen.newest
    stands = _stands(seen)
    if stands is not None or newest is None:
        return stands or Refusal(Reason.NOTHING_TO_DO, _none(seen.service))
    if seen.clues is None:
        return Refusal(Reason.UNKNOWN, Text("The clues were not read.", "판단 근거를 읽지 못했습니다."))
    refused = attribution.judged(newest, seen.clues, situation.policy.parameters["within"], situation.now)
    if refused is not None:
        return refused
    if newest.open:
        return _own_loop(seen, newest, seen.clues, situation) or _stop(seen, newest, seen.clues, situation)
    return _redeploy(seen, newest, seen.clues, situation)


def current(seen: Seen, change: Change) -> str | None:
    """Return the knob as observed. A rollback that is asked for counts as made: nothing is left to apply."""
    newest = seen.newest
    if newest is None:
        return None
    if change.knob == DEPLOYMENT:
        if newest.arn != change.via:
            return _state(newest)
        if newest.status in (*deployments.ROLLING_BACK, "ROLLBACK_SUCCESSFUL"):
            return str(change.after)
        return str(change.before) if newest.open else _state(newest)
    return seen.bad.name if seen.bad else None


def moved(seen: Seen, made: Proposal) -> bool | None:
    """Tell whether the way back came to its end: rolled back, or the revision before deployed."""
    newest, (change,) = seen.newest, made.changes
    if newest is None:
        return None
    if change.knob == DEPLOYMENT:
        if newest.arn != change.via:
            return False
        return None if newest.status in deployments.ROLLING_BACK else newest.status == "ROLLBACK_SUCCESSFUL"
    if newest.open:
        return None
    return newest.status == "SUCCESSFUL" and seen.bad is not None and seen.bad.name == change.after


def evidence(seen: Seen, situation: Situation) -> Mapping[str, Any]:
    """Return what was seen before the rollback, as JSON."""
    told = seen.clues
    return {
        "service": seen.resource,
        "alarm": situation.alarm.name,
        "deployments": [
            {
                "arn": item.arn,
                "status": item.status,
                "stage": item.stage,
                "revision": item.revision,
                "started_at": _iso(item.started_at),
                "finished_at": _iso(item.finished_at),
            }
            for item in seen.deployments[:10]
        ],
        "revisions": {arn: [item.definition, *(image.digest for image in item.images)] for arn, item in seen.known.items()},
        "rings_since": _iso(told.rings_since) if told else None,
        "answered": {
            name: {"requests": colour.requests, "errors": colour.errors}
            for name, colour in (("old", told.old), ("new", told.new))
            if colour is not None
        }
        if told
        else {},
        "events": list(seen.events),
    }


def another(newest: Deployment | None) -> Text:
    """Say that it is not the deployment decided upon."""
    which = newest.id if newest else "none"
    return Text(
        f"Another deployment is the newest by now ({which}): it may be somebody's fix, so it is left alone.",
        f"이제 다른 배포가 최신입니다({which}). 누군가의 조치일 수 있어 그대로 둡니다.",
    )


def ended(newest: Deployment) -> Text:
    """Say that the deployment is not in the state decided upon any more."""
    return Text(
        f"Deployment {newest.id} is {newest.status} by now: it cannot be rolled back so any more.",
        f"배포 {newest.id}이(가) 이제 {newest.status} 상태라 이 방법으로는 롤백할 수 없습니다.",
    )


def _stands(seen: Seen) -> Refusal | None:
    """Return why the newest deployment needs no rollback of ours, or bears none; None when it could have one."""
    newest = seen.newest
    if newest is None or newest.open or newest.status == "SUCCESSFUL":
        return None
    if newest.status == "ROLLBACK_FAILED":
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"The rollback of deployment {newest.id} FAILED. It is never tried again by itself: a person has to look at "
                f"{seen.service} now.",
                f"배포 {newest.id}의 롤백이 실패했습니다. 자동으로 다시 시도하지 않으니 지금 바로 "
                f"{seen.service}을(를) 확인해야 합니다.",
            ),
        )
    if newest.status in (*deployments.ROLLING_BACK, "STOP_REQUESTED"):
        return Refusal(
            Reason.YIELDS,
            Text(
                f"Deployment {newest.id} is {newest.status} already.", f"배포 {newest.id}이(가) 이미 {newest.status} 상태입니다."
            ),
        )
    return Refusal(
        Reason.NOTHING_TO_DO,
        Text(
            f"The last deployment of {seen.service} is {newest.status}: what went wrong is not in it.",
            f"{seen.service}의 마지막 배포가 {newest.status} 상태라 원인이 아닙니다.",
        ),
    )


def _own_loop(seen: Seen, newest: Deployment, told: Clues, situation: Situation) -> Refusal | None:
    """Yield to ECS where this very alarm is one upon which it rolls back itself, and has had no time to yet."""
    since = told.rings_since
    if situation.alarm.name not in newest.watched or since is None or situation.now - since >= OWN_LOOP:
        return None
    return Refusal(
        Reason.YIELDS,
        Text(
            f"ECS watches this alarm for deployment {newest.id} of {seen.service} and rolls back itself.",
            f"ECS가 {seen.service} 배포 {newest.id}에서 이 경보를 감시하며 직접 롤백합니다.",
        ),
    )


def _stop(seen: Seen, newest: Deployment, told: Clues, situation: Situation) -> Proposal | Refusal:
    source = seen.known.get(newest.sources[0]) if newest.sources else None
    if not newest.sources:
        return Refusal(
            Reason.NOTHING_TO_DO,
            Text(
                f"{seen.service} has no revision before this one: there is nothing to go back to.",
                f"{seen.service}에는 이전 리비전이 없어 되돌릴 곳이 없습니다.",
            ),
        )
    change = Change(seen.resource, DEPLOYMENT, _state(newest), f"ROLLBACK_SUCCESSFUL {newest.id}", newest.arn)
    back = source.name if source else "the revision before"
    how = (
        Text("the pause is answered with ROLLBACK", "일시 중지에 ROLLBACK으로 응답")
        if newest.pause
        else Text("it is stopped", "중단")
    )
    why = _why(seen, newest, told, situation)
    return Proposal(
        "roll-back-deployment",
        seen.resource,
        (change,),
        Text(f"{why.en} Back to {back}: {how.en}.", f"{why.ko} {back}(으)로 되돌립니다({how.ko})."),
        lines=(_drift(seen),),
    )


def _redeploy(seen: Seen, newest: Deployment, told: Clues, situation: Situation) -> Proposal | Refusal:
    bad, good = seen.bad, seen.previous
    if bad is None or good is None:
        return Refusal(
            Reason.NOTHING_TO_DO,
            Text(
                f"No other revision of {seen.service} was ever deployed successfully, or ECS knows it no more.",
                f"{seen.service}에 성공적으로 배포된 다른 리비전이 없거나 ECS에 남아 있지 않습니다.",
            ),
        )
    members = revisions.restored(bad, good)
    if isinstance(members, Refusal):
        return members
    if seen.blocked is not None:
        return seen.blocked
    change = Change(seen.resource, DEFINITION, bad.name, good.name, f"{newest.arn} {good.arn}")
    why = _why(seen, newest, told, situation)
    also = f", {', '.join(members)}" if members else ""
    return Proposal(
        "roll-back-deployment",
        seen.resource,
        (change,),
        Text(
            f"{why.en} It is over, so {good.name}{also} would be deployed anew.",
            f"{why.ko} 배포가 끝났으므로 {good.name}{also}을(를) 새로 배포하게 됩니다.",
        ),
        approval=True,
        lines=(
            Text(
                "A new deployment takes its hooks and bake time again and needs room for both revisions. What a migration "
                "changed in the database stays changed.",
                "새 배포는 훅과 베이크 시간을 다시 거치며 두 리비전의 용량이 필요합니다. "
                "마이그레이션으로 바뀐 데이터베이스는 그대로입니다.",
            ),
            _drift(seen),
        ),
    )


def _why(seen: Seen, newest: Deployment, told: Clues, situation: Situation) -> Text:
    name = seen.bad.name if seen.bad else newest.id
    since = told.rings_since or situation.now
    where = f"{newest.status}, {newest.stage}" if newest.open else newest.status
    errors = Text("", "")
    if told.about_errors and told.new is not None and told.old is not None and told.new.requests:
        errors = Text(
            f" It answers {told.new.share:.1%} of its requests with 5xx, the revision before {told.old.share:.1%}.",
            f" 새 리비전의 5xx {told.new.share:.1%}, 이전 {told.old.share:.1%}.",
        )
    return Text(
        f"{name} of {seen.service} (deployment {newest.id}, {where}) began at {newest.started_at:%H:%M} UTC, the alarm "
        f"rings since {since:%H:%M} and was OK before.{errors.en}",
        f"{seen.service}의 {name} 배포({newest.id}, {where})가 {newest.started_at:%H:%M} UTC에 시작되었고, 정상이던 경보가 "
        f"{since:%H:%M}부터 울립니다.{errors.ko}",
    )


def _drift(seen: Seen) -> Text:
    """Tell who will bring the bad version back unless they are held."""
    owner = f"CloudFormation (stack {seen.stack})" if seen.stack else "The pipeline, CloudFormation or Terraform"
    owner_ko = f"CloudFormation(스택 {seen.stack})" if seen.stack else "파이프라인, CloudFormation, Terraform"
    return Text(
        f"{owner} still says the bad version and will deploy it again: hold it until the fix is released.",
        f"{owner_ko}에는 문제의 버전이 남아 있어 다시 배포될 수 있습니다. 수정본을 배포할 때까지 멈춰 두십시오.",
    )


def _service(clients: Clients, cluster: str, service: str) -> tuple[str, tuple[str, ...]]:
    """Return the owning stack and the newest events (ecs DescribeServices); Permanent when there is no such service."""
    found = clients("ecs").describe_services(cluster=cluster, services=[service], include=["TAGS"])["services"]
    if not found:
        raise Permanent(f"no service {service} in cluster {cluster}", "ServiceNotFound")
    tags = {tag.get("key"): str(tag.get("value", "")) for tag in found[0].get("tags", ())}
    events = tuple(str(event.get("message", ""))[:300] for event in found[0].get("events", ())[:10])
    return tags.get(_STACK, "")[:128], events


def _none(service: str) -> Text:
    return Text(f"{service} has no deployment that ECS remembers.", f"{service}의 배포 기록이 없습니다.")


def _state(deployment: Deployment) -> str:
    return f"{deployment.status} {deployment.id}"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
