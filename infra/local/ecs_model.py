"""What ECS knows: clusters, services, deployments, tasks; and how the API shows them. No behaviour on time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LIVE = ("PROVISIONING", "PENDING", "RUNNING")
# A service deployment that can still be stopped. [ecs StopServiceDeployment]
OPEN = ("PENDING", "IN_PROGRESS")
ROLLING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


@dataclass
class Task:
    """One task. It is live until it is told to stop; ``stopping_at`` is that moment."""

    arn: str
    deployment_id: str
    definition: str
    created_at: datetime
    last_status: str = "PENDING"
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_code: str = ""
    stopped_reason: str = ""
    exit_code: int | None = None

    @property
    def live(self) -> bool:
        """Whether it runs or is about to."""
        return self.stopping_at is None


@dataclass
class Deployment:
    """One roll-out of one revision. ``status`` is the service deployment's, ``rollout`` what DescribeServices shows."""

    id: str
    arn: str
    revision_arn: str
    definition: str
    created_at: datetime
    updated_at: datetime
    configuration: dict[str, Any]
    source: Deployment | None = None
    status: str = "IN_PROGRESS"
    stage: str = "RECONCILE_SERVICE"
    finished_at: datetime | None = None
    rollback: dict[str, Any] | None = None

    @property
    def rollout(self) -> str:
        """IN_PROGRESS, COMPLETED or FAILED."""
        if self.status in OPEN or self.status in ROLLING_BACK:
            return "IN_PROGRESS"
        return "COMPLETED" if self.status == "SUCCESSFUL" else "FAILED"

    @property
    def blue_green(self) -> bool:
        """Whether both revisions run until the bake time is over."""
        return bool(self.configuration.get("strategy", "ROLLING") != "ROLLING")


@dataclass
class Service:
    """One service. ``deployments`` holds all, oldest first; ``primary`` is the one that it wants to run."""

    name: str
    arn: str
    cluster_arn: str
    desired: int
    created_at: datetime
    settings: dict[str, Any]
    configuration: dict[str, Any]
    deployments: list[Deployment] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=100))
    blocked: str = ""  # why no task can be placed
    steady: bool = False

    @property
    def primary(self) -> Deployment:
        """The deployment that the service wants."""
        newest = self.deployments[-1]
        back = newest.status in (*ROLLING_BACK, "ROLLBACK_SUCCESSFUL")
        return newest.source if back and newest.source else newest

    @property
    def running(self) -> int:
        """Tasks that run, of all deployments."""
        return sum(task.live and task.last_status == "RUNNING" for task in self.tasks.values())

    @property
    def pending(self) -> int:
        """Tasks that start."""
        return sum(task.live and task.last_status == "PENDING" for task in self.tasks.values())

    @property
    def open_deployment(self) -> Deployment | None:
        """The deployment under way."""
        newest = self.deployments[-1]
        return newest if newest.rollout == "IN_PROGRESS" else None

    def of(self, deployment: Deployment) -> list[Task]:
        """Return the live tasks of one deployment, oldest first."""
        return [task for task in self.tasks.values() if task.live and task.deployment_id == deployment.id]

    def say(self, message: str, at: datetime, event_id: str) -> None:
        """Add an event, newest first, as AWS keeps them: the last hundred."""
        self.events.appendleft({"id": event_id, "createdAt": at, "message": f"(service {self.name}) {message}"})


@dataclass
class Cluster:
    """One cluster and its services by name."""

    name: str
    arn: str
    settings: list[dict[str, str]] = field(default_factory=list)
    services: dict[str, Service] = field(default_factory=dict)


def describe_service(service: Service) -> dict[str, Any]:
    """Return a service as DescribeServices shows it."""
    shown: dict[str, Any] = {
        **service.settings,
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "status": "ACTIVE",
        "desiredCount": service.desired,
        "runningCount": service.running,
        "pendingCount": service.pending,
        "taskDefinition": service.primary.definition,
        "deploymentConfiguration": dict(service.configuration),
        "deployments": [_deployment(service, item) for item in _shown_deployments(service)],
        "events": list(service.events),
        "createdAt": service.created_at,
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
    }
    if service.open_deployment is not None:
        shown["currentServiceDeployment"] = service.open_deployment.arn
    shown["currentServiceRevisions"] = [_revision(service, item) for item in _shown_deployments(service)]
    return shown


def describe_deployment(service: Service, deployment: Deployment) -> dict[str, Any]:
    """Return a service deployment as DescribeServiceDeployments shows it."""
    shown: dict[str, Any] = {
        **brief(service, deployment),
        "updatedAt": deployment.updated_at,
        "sourceServiceRevisions": [_weighted(service, deployment.source, 0.0)] if deployment.source else [],
        "targetServiceRevision": _weighted(service, deployment, 100.0),
        "lifecycleStage": deployment.stage,
        "deploymentConfiguration": dict(deployment.configuration),
    }
    del shown["targetServiceRevisionArn"]
    alarms = deployment.configuration.get("alarms")
    if alarms:
        status = "MONITORING" if deployment.rollout == "IN_PROGRESS" else "MONITORING_COMPLETE"
        shown["alarms"] = {"status": status, "alarmNames": alarms["alarmNames"], "triggeredAlarmNames": []}
    return {**shown, "rollback": dict(deployment.rollback)} if deployment.rollback else shown


def brief(service: Service, deployment: Deployment) -> dict[str, Any]:
    """Return a service deployment as ListServiceDeployments shows it."""
    shown: dict[str, Any] = {
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "createdAt": deployment.created_at,
        "startedAt": deployment.created_at,
        "targetServiceRevisionArn": deployment.revision_arn,
        "status": deployment.status,
    }
    return {**shown, "finishedAt": deployment.finished_at} if deployment.finished_at else shown


def describe_task(service: Service, task: Task) -> dict[str, Any]:
    """Return a task as DescribeTasks shows it."""
    container: dict[str, Any] = {"name": service.name, "taskArn": task.arn, "lastStatus": task.last_status}
    if task.exit_code is not None:
        container["exitCode"] = task.exit_code
    shown: dict[str, Any] = {
        "taskArn": task.arn,
        "clusterArn": service.cluster_arn,
        "taskDefinitionArn": task.definition,
        "group": f"service:{service.name}",
        "startedBy": task.deployment_id,
        "lastStatus": task.last_status,
        "desiredStatus": "RUNNING" if task.live else "STOPPED",
        "createdAt": task.created_at,
        "launchType": "FARGATE",
        "containers": [container],
    }
    times = {"startedAt": task.started_at, "stoppingAt": task.stopping_at, "stoppedAt": task.stopped_at}
    words = {"stopCode": task.stop_code, "stoppedReason": task.stopped_reason}
    return shown | {name: value for name, value in (times | words).items() if value}


def _shown_deployments(service: Service) -> list[Deployment]:
    """Return the primary first, then whatever still has tasks."""
    others = [item for item in reversed(service.deployments) if item is not service.primary and service.of(item)]
    return [service.primary, *others]


def _deployment(service: Service, deployment: Deployment) -> dict[str, Any]:
    primary = deployment is service.primary
    counts = _counts(service, deployment)
    return {
        "id": deployment.id,
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": deployment.definition,
        "desiredCount": service.desired if primary else counts["runningTaskCount"] + counts["pendingTaskCount"],
        "pendingCount": counts["pendingTaskCount"],
        "runningCount": counts["runningTaskCount"],
        "failedTasks": 0,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "launchType": "FARGATE",
        "rolloutState": deployment.rollout,
        "rolloutStateReason": f"ECS deployment {deployment.id} {_WORDS[deployment.rollout]}.",
    }


_WORDS = {"IN_PROGRESS": "in progress", "COMPLETED": "completed", "FAILED": "failed"}


def _revision(service: Service, deployment: Deployment) -> dict[str, Any]:
    return {"arn": deployment.revision_arn, **_counts(service, deployment)}


def _weighted(service: Service, deployment: Deployment, weight: float) -> dict[str, Any]:
    return {**_revision(service, deployment), "requestedProductionTrafficWeight": weight}


def _counts(service: Service, deployment: Deployment) -> Mapping[str, Any]:
    tasks = service.of(deployment)
    return {
        "requestedTaskCount": service.desired if deployment is service.primary else len(tasks),
        "runningTaskCount": sum(task.last_status == "RUNNING" for task in tasks),
        "pendingTaskCount": sum(task.last_status == "PENDING" for task in tasks),
    }
