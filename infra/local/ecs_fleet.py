"""ECS's tasks on time: they start and stop with their delays, and are replaced when they end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from infra.local.clock import Clock
from infra.local.ecs_model import Deployment, Service, Task

Change = Callable[[Service], object]


@dataclass
class Delays:
    """How long things take, in seconds. Defaults are what a small Fargate service shows.

    ``health_checks_s`` is how long a new target's first health checks take.
    """

    start_s: float = 40.0
    stop_s: float = 30.0
    traffic_shift_s: float = 10.0
    rollback_s: float = 10.0
    health_checks_s: float = 15.0
    stopped_kept_s: float = 3600.0


class Fleet:
    """Keeps every service's tasks as many as they should be. ``step`` then takes its deployment further."""

    def __init__(self, clock: Clock, lock: threading.RLock | AbstractContextManager[Any], next_id: Callable[[], str]) -> None:
        self.delays = Delays()
        self.listeners: list[Change] = []
        self.step: Change = lambda _service: None
        self.next_id = next_id
        self._clock = clock
        self._lock = lock
        self._addresses = 0

    def reconcile(self, service: Service) -> None:
        """Start or stop tasks until each deployment has as many as it should, then take the deployment's next step."""
        for deployment in service.deployments:
            self.fit(service, deployment, _wanted(service, deployment))
        self.step(service)
        steady = service.running == service.desired and not service.pending and service.open_deployment is None
        if steady and not service.steady:
            self.say(service, "has reached a steady state.")
        service.steady = steady
        for listener in tuple(self.listeners):
            listener(service)

    def settle(self, service: Service) -> None:
        """Skip the waiting: every task that starts runs at once and has passed its checks (a scenario's first minute)."""
        self.reconcile(service)
        for task in list(service.tasks.values()):
            if task.live and task.last_status == "PENDING":
                task.last_status = "RUNNING"
                task.created_at = task.started_at = self._clock.now - timedelta(seconds=self.delays.health_checks_s)
        self.reconcile(service)

    def stop(self, service: Service, task: Task, code: str, reason: str, exit_code: int | None = None) -> None:
        """Tell a task to stop; it is gone after its delay and its record is kept for an hour."""
        if not task.live:
            return
        if reason.startswith("OutOfMemoryError"):  # AWS tells it of the container, and of the task only that it ended
            task.container_reason, reason = reason, "Essential container in task exited"
        task.stopping_at, task.stop_code, task.stopped_reason = self._clock.now, code, reason
        task.last_status = "DEACTIVATING" if task.last_status == "RUNNING" else "STOPPING"
        delay = 0.0 if exit_code is not None else self.delays.stop_s
        self.later(delay, lambda: self._stopped(service, task, exit_code))

    def fit(self, service: Service, deployment: Deployment, wanted: int) -> None:
        """Start or stop tasks of one deployment until it has ``wanted``."""
        tasks = service.of(deployment)
        if len(tasks) < wanted:
            self._start(service, deployment, wanted - len(tasks))
        elif len(tasks) > wanted:
            # What only starts goes first, then the youngest.
            going = sorted(tasks, key=lambda task: (task.last_status == "PENDING", task.created_at), reverse=True)
            for task in going[: len(tasks) - wanted]:
                self.stop(service, task, "ServiceSchedulerInitiated", f"Scaling activity initiated by deployment {deployment.id}")
            self.say(service, f"has stopped {len(tasks) - wanted} running tasks.")

    def say(self, service: Service, message: str) -> None:
        """Add an event to the service's."""
        service.say(message, self._clock.now, self.next_id())

    def later(self, seconds: float, step: Callable[[], object]) -> None:
        """Take ``step`` after ``seconds``, under the lock."""

        def run() -> None:
            with self._lock:
                step()

        self._clock.after(seconds, run, label="ecs")

    def _start(self, service: Service, deployment: Deployment, count: int) -> None:
        if service.blocked:
            self.say(service, f"was unable to place a task. Reason: {service.blocked}.")
            return
        cluster = service.cluster_arn.rsplit("/", 1)[1]
        prefix = service.cluster_arn.rsplit(":", 1)[0]
        for _ in range(count):
            arn = f"{prefix}:task/{cluster}/{self.next_id().replace('-', '')}"
            self._addresses += 1
            address = f"10.0.{self._addresses // 250}.{self._addresses % 250 + 4}"
            task = Task(arn, deployment.id, deployment.definition, self._clock.now, address, deployment.revision.images)
            task.health = "HEALTHY" if deployment.revision.checked else "UNKNOWN"
            service.tasks[arn] = task
            self.later(self.delays.start_s, partial(self._started, service, deployment, task))
        self.say(service, f"has started {count} tasks.")

    def _started(self, service: Service, deployment: Deployment, task: Task) -> None:
        if not task.live or task.last_status != "PENDING":
            return
        if service.dies:
            # Consecutive failures to come to run; reset by the first that does. [ecs Deployment.failedTasks]
            deployment.failed += 1
            self.stop(service, task, "EssentialContainerExited", service.dies, 1)
        else:
            deployment.failed = 0
            task.last_status, task.started_at = "RUNNING", self._clock.now
        self.reconcile(service)

    def _stopped(self, service: Service, task: Task, exit_code: int | None) -> None:
        task.last_status, task.stopped_at = "STOPPED", self._clock.now
        task.exit_code = 0 if exit_code is None else exit_code
        self.later(self.delays.stopped_kept_s, lambda: service.tasks.pop(task.arn, None))
        self.reconcile(service)


def _wanted(service: Service, deployment: Deployment) -> int:
    """How many tasks a deployment should have: nothing is taken away before its successor has taken over."""
    newest, there = service.deployments[-1], len(service.of(deployment))
    if deployment is service.primary:
        return service.desired
    if deployment is newest:  # it is being rolled back: its tasks stay until the revision before runs in full
        return 0 if newest.source is None or service.all_run(newest.source) else there
    if deployment is not newest.source or newest.stage == "CLEAN_UP":
        return 0
    if newest.status == "ROLLBACK_REQUESTED":
        return there
    taken_over = not newest.blue_green and newest.stage != "SCALE_UP"
    return there if newest.status != "SUCCESSFUL" and not taken_over else 0
