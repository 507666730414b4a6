"""ECS service deployments as a rollback sees them: the newest, those before it, and how each one ended. Reads only.

[ecs ListServiceDeployments, DescribeServiceDeployments; ECS developer guide, Stopping Amazon ECS service deployments]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alarms.domain.errors import Permanent
from remediators.action import Clients

OPEN = ("PENDING", "IN_PROGRESS")
ROLLING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
# Stages in which the new revision of a blue/green deployment has production traffic, or had it in full.
SHIFTED = ("POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP")
SHIFTING = "PRODUCTION_TRAFFIC_SHIFT"
PAGE = 100
MOST_PAGES = 10


@dataclass(frozen=True, slots=True)
class Deployment:
    """One service deployment. ``revision`` and ``sources`` are ARNs of service revisions.

    ``stage``, ``updated_at``, ``strategy``, ``bake_s``, ``watched``, ``pause`` are known of the newest one only: the lifecycle
    stage, the alarms upon which ECS itself rolls it back, and the id of the PAUSE hook at which it waits ("" for none).
    """

    arn: str
    status: str
    revision: str
    created_at: datetime
    started_at: datetime
    finished_at: datetime | None = None
    sources: tuple[str, ...] = ()
    stage: str = ""
    updated_at: datetime | None = None
    strategy: str = "ROLLING"
    bake_s: float = 0.0
    watched: tuple[str, ...] = ()
    pause: str = ""

    @property
    def id(self) -> str:
        """The last part of its ARN: unique in the service, short enough to read out."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def open(self) -> bool:
        """Whether it goes forward."""
        return self.status in OPEN

    @property
    def blue_green(self) -> bool:
        """Whether traffic moves from one revision to another that runs beside it."""
        return self.strategy != "ROLLING" and bool(self.sources)


def observe(clients: Clients, cluster: str, service: str) -> tuple[Deployment, ...]:
    """Return the service's deployments, the newest first and described in full; () when none is known."""
    ecs = clients("ecs")
    found = sorted(_listed(ecs, cluster, service), key=lambda item: item.created_at, reverse=True)
    if not found:
        return ()
    told = ecs.describe_service_deployments(serviceDeploymentArns=[found[0].arn])["serviceDeployments"]
    return (_full(told[0]), *found[1:]) if told else tuple(found)


def _listed(ecs: Any, cluster: str, service: str) -> Iterator[Deployment]:
    """Yield every deployment that ECS remembers: AWS promises no order, so the newest may be on the last page."""
    token: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        answer = ecs.list_service_deployments(cluster=cluster, service=service, maxResults=PAGE, **token)
        yield from (_brief(item) for item in answer["serviceDeployments"])
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}
    raise Permanent(f"{service} has more deployments than can be looked at", "TooManyDeployments")


def _brief(item: Mapping[str, Any]) -> Deployment:
    return Deployment(
        arn=item["serviceDeploymentArn"],
        status=item["status"],
        revision=item.get("targetServiceRevisionArn", ""),
        created_at=item["createdAt"],
        started_at=item.get("startedAt", item["createdAt"]),
        finished_at=item.get("finishedAt"),
    )


def _full(item: Mapping[str, Any]) -> Deployment:
    configuration = item.get("deploymentConfiguration", {})
    alarms = configuration.get("alarms") or {}
    pauses = [
        hook["hookId"]
        for hook in item.get("lifecycleHookDetails", ())
        if hook.get("targetType") == "PAUSE" and hook.get("status") == "AWAITING_ACTION"
    ]
    return Deployment(
        arn=item["serviceDeploymentArn"],
        status=item["status"],
        revision=item["targetServiceRevision"]["arn"],
        created_at=item["createdAt"],
        started_at=item.get("startedAt", item["createdAt"]),
        finished_at=item.get("finishedAt"),
        sources=tuple(source["arn"] for source in item.get("sourceServiceRevisions", ())),
        stage=item.get("lifecycleStage", ""),
        updated_at=item.get("updatedAt"),
        strategy=configuration.get("strategy", "ROLLING"),
        bake_s=float(configuration.get("bakeTimeInMinutes", 0)) * 60,
        watched=tuple(alarms["alarmNames"]) if alarms.get("enable") and alarms.get("rollback") else (),
        pause=pauses[0] if pauses else "",
    )
