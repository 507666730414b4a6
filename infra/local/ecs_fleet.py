"""ECS on time: tasks start and stop with their delays, deployments go through their stages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from infra.local.clock import Clock
from infra.local.ecs_model import OPEN, Deployment, Service, Task

Change = Callable[[Service], object]


@dataclass
class Delays:
    """How long things take, in seconds. Defaults are what a small Fargate service shows."""

    start_s: float = 40.0
    stop_s: float = 30.0
    traffic_shift_s: float = 10.0
    rollback_s: float = 10.0
    stopped_kept_s: float = 3600.0


class Fleet:
    """Keeps every service moving towards what it wants. ``changed`` hears of each change of a service's tasks."""

    def __init__(self, clock: Clock, lock: threading.RLock | AbstractContextManager[Any], next_id: Callable[[], str]) -> None:
        self.delays = Delays()
        self.listeners: list[Change] = []
        self._clock = clock
        self._lock = lock
        self._next_id = next_id

    def reconcile(self, service: Service) -> None:
        """Start or stop tasks until each deployment has as many as it should, then take the deployment's next step."""
        for deployment in service.deployments:
            self._fit(service, deployment, self._wanted(service, deployment))
        self._step(service)
        steady = service.running == service.desired and not service.pending and service.open_deployment is None
        if steady and not service.steady:
            self._say(service, "has reached a steady state.")
        service.steady = steady
        for listener in tuple(self.listeners):
            listener(service)

    def settle(self, service: Service) -> None:
        """Skip the waiting: every task that starts runs at once (a scenario's first minute)."""
        self.reconcile(service)
        for task in list(service.tasks.values()):
            if task.live and task.last_status == "PENDING":
                task.last_status, task.started_at = "RUNNING", self._clock.now
        self.reconcile(service)

    def stop(self, service: Service, task: Task, code: str, reason: str, exit_code: int | None = None) -> None:
        """Tell a task to stop; it is gone after its delay and its record is kept for an hour."""
        if not task.live:
            return
        task.stopping_at, task.stop_code, task.stopped_reason = self._clock.now, code, reason
        task.last_status = "DEACTIVATING" if task.last_status == "RUNNING" else "STOPPING"
        delay = 0.0 if exit_code is not None else self.delays.stop_s
        self._later(delay, lambda: self._stopped(service, task, exit_code))

    def begin(self, service: Service, definition: str) -> Deployment:
        """Open a deployment of ``definition``."""
        now, number = self._clock.now, self._next_id().replace("-", "")
        tail = "/".join(service.arn.split("/")[-2:])
        prefix = service.arn.rsplit(":", 1)[0]
        source = next((item for item in reversed(service.deployments) if item.status == "SUCCESSFUL"), None)
        deployment = Deployment(
            id=f"ecs-svc/{int(number[:8], 16):019d}",
            arn=f"{prefix}:service-deployment/{tail}/{number[:21]}",
            revision_arn=f"{prefix}:service-revision/{tail}/{int(number[:8], 16):019d}",
            definition=definition,
            created_at=now,
            updated_at=now,
            configuration=dict(service.configuration),
            source=source,
            stage="SCALE_UP",
        )
        for other in service.deployments:
            if other.status in OPEN:
                self._end(other, "STOPPED")
        service.deployments.append(deployment)
        self.reconcile(service)
        return deployment

    def roll_back(self, service: Service, deployment: Deployment, reason: str) -> None:
        """Give the traffic back to the revision before: first asked for, then under way, then done."""
        deployment.status, deployment.updated_at = "ROLLBACK_REQUESTED", self._clock.now
        revision = deployment.source.revision_arn if deployment.source else deployment.revision_arn
        deployment.rollback = {"reason": reason, "startedAt": self._clock.now, "serviceRevisionArn": revision}
        self._later(self.delays.rollback_s / 2, lambda: self._rolling_back(service, deployment))

    def _wanted(self, service: Service, deployment: Deployment) -> int:
        """How many tasks a deployment should have: the old revision stays until the new one has taken over."""
        newest = service.deployments[-1]
        if deployment is service.primary:
            return service.desired
        if deployment is newest.source and newest.status in OPEN and newest.stage != "CLEAN_UP":
            return len(service.of(deployment))
        if deployment is newest and newest.status == "ROLLBACK_REQUESTED":
            return len(service.of(deployment))
        return 0

    def _fit(self, service: Service, deployment: Deployment, wanted: int) -> None:
        tasks = service.of(deployment)
        if len(tasks) < wanted:
            self._start(service, deployment, wanted - len(tasks))
        elif len(tasks) > wanted:
            # What only starts goes first, then the youngest.
            going = sorted(tasks, key=lambda task: (task.last_status == "PENDING", task.created_at), reverse=True)
            for task in going[: len(tasks) - wanted]:
                self.stop(service, task, "ServiceSchedulerInitiated", f"Scaling activity initiated by deployment {deployment.id}")
            self._say(service, f"has stopped {len(tasks) - wanted} running tasks.")

    def _start(self, service: Service, deployment: Deployment, count: int) -> None:
        if service.blocked:
            self._say(service, f"was unable to place a task. Reason: {service.blocked}.")
            return
        cluster = service.cluster_arn.rsplit("/", 1)[1]
        prefix = service.cluster_arn.rsplit(":", 1)[0]
        for _ in range(count):
            arn = f"{prefix}:task/{cluster}/{self._next_id().replace('-', '')}"
            task = Task(arn, deployment.id, deployment.definition, self._clock.now)
            service.tasks[arn] = task
            self._later(self.delays.start_s, partial(self._started, service, task))
        self._say(service, f"has started {count} tasks.")

    def _started(self, service: Service, task: Task) -> None:
        if task.live and task.last_status == "PENDING":
            task.last_status, task.started_at = "RUNNING", self._clock.now
            self.reconcile(service)

    def _stopped(self, service: Service, task: Task, exit_code: int | None) -> None:
        task.last_status, task.stopped_at = "STOPPED", self._clock.now
        task.exit_code = 0 if exit_code is None else exit_code
        self._later(self.delays.stopped_kept_s, lambda: service.tasks.pop(task.arn, None))
        self.reconcile(service)

    def _step(self, service: Service) -> None:
        """Take the next step of the open deployment once all its tasks run."""
        newest = service.deployments[-1]
        running = sum(task.last_status == "RUNNING" for task in service.of(newest))
        if newest.status not in OPEN or newest.stage != "SCALE_UP" or running < service.desired:
            return
        if newest.blue_green and newest.source is not None:
            self._enter(newest, "PRODUCTION_TRAFFIC_SHIFT")
            self._later(self.delays.traffic_shift_s, lambda: self._bake(service, newest))
        else:
            self._clean_up(service, newest)

    def _bake(self, service: Service, deployment: Deployment) -> None:
        if deployment.status in OPEN:
            self._enter(deployment, "BAKE_TIME")
            minutes = float(deployment.configuration.get("bakeTimeInMinutes", 0))
            self._later(minutes * 60, lambda: self._clean_up(service, deployment))

    def _clean_up(self, service: Service, deployment: Deployment) -> None:
        if deployment.status not in OPEN:
            return
        self._enter(deployment, "CLEAN_UP")
        if deployment.source is not None:
            self._fit(service, deployment.source, 0)
        self._end(deployment, "SUCCESSFUL")
        self._say(service, f"(deployment {deployment.id}) deployment completed.")

    def _rolling_back(self, service: Service, deployment: Deployment) -> None:
        self._enter(deployment, "CLEAN_UP")
        deployment.status = "ROLLBACK_IN_PROGRESS"
        self.reconcile(service)
        self._later(self.delays.rollback_s / 2, lambda: self._rolled_back(service, deployment))

    def _rolled_back(self, service: Service, deployment: Deployment) -> None:
        self._end(deployment, "ROLLBACK_SUCCESSFUL" if deployment.source else "ROLLBACK_FAILED")
        self.reconcile(service)

    def _enter(self, deployment: Deployment, stage: str) -> None:
        deployment.stage, deployment.updated_at = stage, self._clock.now

    def _end(self, deployment: Deployment, status: str) -> None:
        deployment.status, deployment.updated_at, deployment.finished_at = status, self._clock.now, self._clock.now

    def _say(self, service: Service, message: str) -> None:
        service.say(message, self._clock.now, self._next_id())

    def _later(self, seconds: float, step: Callable[[], object]) -> None:
        def run() -> None:
            with self._lock:
                step()

        self._clock.after(seconds, run, label="ecs")
