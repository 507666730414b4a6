"""What ECS knows: clusters, services, revisions, deployments, tasks. No behaviour on time, no shapes of the API."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# A service deployment that can still be stopped. [ECS developer guide, Stopping Amazon ECS service deployments]
OPEN = ("PENDING", "IN_PROGRESS")
ROLLING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


@dataclass
class Task:
    """One task. It is live until it is told to stop; ``stopping_at`` is that moment.

    ``health`` is what its container health checks say, ``target_reason`` why the load balancer's checks fail ("" when they pass).
    """

    arn: str
    deployment_id: str
    definition: str
    created_at: datetime
    address: str = ""
    images: tuple[Mapping[str, str], ...] = ()
    health: str = "UNKNOWN"
    target_reason: str = ""
    last_status: str = "PENDING"
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_code: str = ""
    stopped_reason: str = ""
    container_reason: str = ""
    exit_code: int | None = None

    @property
    def live(self) -> bool:
        """Whether it runs or is about to."""
        return self.stopping_at is None

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.live and self.last_status == "RUNNING"


@dataclass(frozen=True)
class Revision:
    """What a service ran from one moment on. ``images`` are {containerName, image, imageDigest}: the digest is fixed then.

    ``checked``: a container has a health check, so that ECS knows how its tasks are.
    """

    arn: str
    definition: str
    created_at: datetime
    settings: Mapping[str, Any]
    images: tuple[Mapping[str, str], ...]
    checked: bool = False


@dataclass
class Pause:
    """A PAUSE hook at which a deployment waits, or waited."""

    hook_id: str
    stage: str
    expires_at: datetime
    timeout_action: str
    status: str = "AWAITING_ACTION"


@dataclass
class Deployment:
    """One roll-out of one revision. ``status`` is the service deployment's, ``rollout`` what DescribeServices shows.

    ``alternate``: its tasks stand in the alternate target group. ``production`` and ``test`` are its shares of the traffic in
    percent. ``failed`` are tasks that never came to run. ``ignored`` are alarms that rang when it began. ``waits``: a timer or
    a person has to let it go on.
    """

    id: str
    arn: str
    revision: Revision
    created_at: datetime
    updated_at: datetime
    configuration: dict[str, Any]
    source: Deployment | None = None
    status: str = "IN_PROGRESS"
    status_reason: str = ""
    stage: str = ""
    finished_at: datetime | None = None
    stopped_at: datetime | None = None
    rollback: dict[str, Any] | None = None
    alternate: bool = False
    production: float = 0.0
    test: float = 0.0
    failed: int = 0
    ignored: frozenset[str] = frozenset()
    triggered: list[str] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    waits: bool = False

    @property
    def definition(self) -> str:
        """The task definition that it rolls out."""
        return self.revision.definition

    @property
    def rollout(self) -> str:
        """IN_PROGRESS, COMPLETED or FAILED."""
        if self.status in OPEN or self.status in ROLLING_BACK:
            return "IN_PROGRESS"
        return "COMPLETED" if self.status == "SUCCESSFUL" else "FAILED"

    @property
    def blue_green(self) -> bool:
        """Whether both revisions run until the bake time is over."""
        return bool(self.configuration.get("strategy", "ROLLING") != "ROLLING") and self.source is not None

    @property
    def alarms(self) -> Mapping[str, Any]:
        """The alarms that it watches; {} when it watches none."""
        configured: Mapping[str, Any] = self.configuration.get("alarms") or {}
        return configured if configured.get("enable") else {}

    def target_group(self, balancer: Mapping[str, Any]) -> str:
        """Return the target group of one of the service's load balancers in which this deployment's tasks stand; "" without."""
        other = balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn", "")
        return str(other if self.alternate and other else balancer.get("targetGroupArn", ""))


@dataclass
class Service:
    """One service. ``deployments`` holds all, oldest first; ``primary`` is the one that it wants to run.

    ``blocked`` is why no task can be placed, ``dies`` why every task that starts ends at once; "" for neither.
    """

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
    blocked: str = ""
    dies: str = ""
    rollbacks_fail: bool = False
    steady: bool = False

    @property
    def primary(self) -> Deployment:
        """The deployment that the service wants."""
        newest = self.deployments[-1]
        back = newest.status in ("ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL")
        return newest.source if back and newest.source else newest

    @property
    def running(self) -> int:
        """Tasks that run, of all deployments."""
        return sum(task.runs for task in self.tasks.values())

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

    def all_run(self, deployment: Deployment) -> bool:
        """Tell whether a deployment has as many running tasks as the service wants."""
        return sum(task.runs for task in self.of(deployment)) >= self.desired

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
