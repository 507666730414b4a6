"""ECS on virtual time: clusters, task definitions, services, tasks, service deployments."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.ecs_deployments import DeploymentOperations
from infra.local.ecs_fleet import Change, Delays, Fleet
from infra.local.ecs_model import Cluster, Service, Task
from infra.local.ecs_registry import Registry
from infra.local.ecs_rollout import REVISIONED, Rollout
from infra.local.ecs_views import describe_service, describe_task
from infra.local.paging import page
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]

_SETTINGS = (
    "loadBalancers",
    "launchType",
    "platformVersion",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "tags",
    "propagateTags",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
)
_DEFAULTS = {"strategy": "ROLLING", "maximumPercent": 200, "minimumHealthyPercent": 100}


class Ecs:
    """ECS of one account. Beside the API: what a scenario does to it (``settle``, ``block``, ``crash``, ``sicken`` …).

    ``names_finished``: whether DescribeServices goes on naming a deployment that is over. ``state_of`` tells an alarm's state.
    """

    def __init__(
        self,
        clock: Clock,
        lock: threading.RLock | Any,
        place: Place,
        next_id: Callable[[], str],
        state_of: Callable[[str], str | None] = lambda _name: None,
    ) -> None:
        self.names_finished = False
        self._clock = clock
        self._lock = lock
        self.registry = Registry(place)
        self.fleet = Fleet(clock, lock, next_id)
        self._rollout = Rollout(clock, self.fleet, self.registry.workload, state_of)
        self._deployments = DeploymentOperations(self.registry, self._rollout)

    @property
    def delays(self) -> Delays:
        """How long tasks take to start and stop; change the values to change the delays."""
        return self.fleet.delays

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            **self.registry.operations,
            **self._deployments.operations,
            "CreateService": self.create_service,
            "UpdateService": self.update_service,
            "DescribeServices": self.describe_services,
            "ListServices": self.list_services,
            "ListTasks": self.list_tasks,
            "DescribeTasks": self.describe_tasks,
            "StopTask": self.stop_task,
        }

    def service(self, cluster: str, name: str) -> Service:
        """Return a service for reading; KeyError when there is none."""
        return self.registry.clusters[cluster].services[name]

    def on_change(self, listener: Change) -> None:
        """Tell ``listener`` of each service whose tasks or deployments change."""
        self.fleet.listeners.append(listener)

    def hear_alarm(self, event: Mapping[str, Any]) -> None:
        """Take an alarm's change of state: deployments may watch it."""
        with self._lock:
            self._rollout.hear_alarm(self.services(), event)

    def services(self) -> list[Service]:
        """Return every service, for reading."""
        return [service for cluster in self.registry.clusters.values() for service in cluster.services.values()]

    def settle(self, cluster: str, name: str) -> None:
        """Let all wanted tasks of a service run at once, without their start-up delay."""
        with self._lock:
            self.fleet.settle(self.service(cluster, name))

    def block(self, cluster: str, name: str, reason: str) -> None:
        """Let no new task be placed (``reason`` stands in the events); an empty reason ends that."""
        with self._lock:
            service = self.service(cluster, name)
            service.blocked = reason
            self.fleet.reconcile(service)

    def crash(
        self, cluster: str, name: str, count: int, reason: str = "Essential container in task exited", code: int = 1
    ) -> None:
        """Let ``count`` running tasks end by themselves; the service replaces them."""
        with self._lock:
            service = self.service(cluster, name)
            running = [task for task in service.tasks.values() if task.live and task.last_status == "RUNNING"]
            for task in running[:count]:
                self.fleet.stop(service, task, "EssentialContainerExited", reason, code)
            self.fleet.reconcile(service)

    def crash_loop(self, cluster: str, name: str, reason: str) -> None:
        """Let every task that starts from now on end at once (``reason`` stands in it); an empty reason ends that."""
        with self._lock:
            self.service(cluster, name).dies = reason

    def sicken(self, cluster: str, name: str, count: int, *, container: bool = True, target: str = "Target.Timeout") -> list[str]:
        """Let ``count`` running tasks, the oldest first, fail their container's or the load balancer's health checks.

        ``target`` is the reason that elbv2 gives ("": its checks pass). Returns their ARNs. ``count`` 0 makes all well again.
        """
        with self._lock:
            service = self.service(cluster, name)
            running = [task for task in service.tasks.values() if task.runs]
            for task in running if not count else running[:count]:
                task.health = ("UNHEALTHY" if container else task.health) if count else "HEALTHY"
                task.target_reason = target if count else ""
            return [task.arn for task in running[:count]]

    def fail_rollbacks(self, cluster: str, name: str) -> None:
        """Let each rollback of this service end in ROLLBACK_FAILED."""
        self.service(cluster, name).rollbacks_fail = True

    def set_desired(self, service: Service, count: int) -> None:
        """Change the desired count, as UpdateService and Application Auto Scaling do: no new deployment."""
        service.desired = count
        self.fleet.reconcile(service)

    def create_service(self, params: Params, _: Request) -> Answer:
        """Create a service; its tasks start at once and run after the start-up delay."""
        cluster = self.registry.cluster(params.get("cluster"))
        name = params["serviceName"]
        if name in cluster.services:
            raise AwsError("InvalidParameterException", "Creation of service was not idempotent.")
        definition = self.registry.deployable(params.get("taskDefinition"))
        service = Service(
            name=name,
            arn=self.registry.place.arn("ecs", f"service/{cluster.name}/{name}"),
            cluster_arn=cluster.arn,
            desired=_count(params.get("desiredCount", 1)),
            created_at=self._clock.now,
            settings={key: params[key] for key in _SETTINGS if key in params},
            configuration=_DEFAULTS | dict(params.get("deploymentConfiguration") or {}),
        )
        cluster.services[name] = service
        self._rollout.begin(service, definition)
        return {"service": self._shown(service)}

    def update_service(self, params: Params, _: Request) -> Answer:
        """Change a service. Another task definition, network or load balancer, or forceNewDeployment, starts a deployment."""
        cluster = self.registry.cluster(params.get("cluster"))
        service = self._active(cluster, params["service"])
        definition = self.registry.deployable(params["taskDefinition"]) if "taskDefinition" in params else None
        revisioned = any(name in params and params[name] != service.settings.get(name) for name in REVISIONED)
        if "desiredCount" in params:
            service.desired = _count(params["desiredCount"])
        service.configuration |= dict(params.get("deploymentConfiguration") or {})
        service.settings |= {key: params[key] for key in _SETTINGS if key in params}
        if params.get("forceNewDeployment") or revisioned or (definition and definition != service.primary.definition):
            self._rollout.begin(service, definition or service.primary.definition)
        else:
            self.fleet.reconcile(service)
        return {"service": self._shown(service)}

    def describe_services(self, params: Params, _: Request) -> Answer:
        """Describe up to ten services; unknown ones come back as failures."""
        cluster = self.registry.cluster(params.get("cluster"))
        if len(params["services"]) > 10:
            raise AwsError("InvalidParameterException", "Services cannot have more than 10 elements.")
        found, failures = [], []
        for reference in params["services"]:
            service = cluster.services.get(reference.rsplit("/", 1)[-1])
            if service is None:
                arn = self.registry.place.arn("ecs", f"service/{cluster.name}/{reference.rsplit('/', 1)[-1]}")
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                found.append(self._shown(service))
        return {"services": found, "failures": failures}

    def list_services(self, params: Params, _: Request) -> Answer:
        """List a cluster's services."""
        cluster = self.registry.cluster(params.get("cluster"))
        arns = [cluster.services[name].arn for name in sorted(cluster.services)]
        shown, token = page(arns, params.get("maxResults", 10), params.get("nextToken"), error="InvalidParameterException")
        return {"serviceArns": shown, **({"nextToken": token} if token else {})}

    def list_tasks(self, params: Params, _: Request) -> Answer:
        """List tasks: those that should run, or with desiredStatus=STOPPED those of the last hour that should not."""
        cluster = self.registry.cluster(params.get("cluster"))
        services = [self._active(cluster, params["serviceName"])] if "serviceName" in params else []
        wanted_live = params.get("desiredStatus", "RUNNING") != "STOPPED"
        arns = [
            task.arn
            for service in services or cluster.services.values()
            for task in service.tasks.values()
            if task.live == wanted_live and _family(task.definition) == params.get("family", _family(task.definition))
        ]
        shown, token = page(arns, params.get("maxResults", 100), params.get("nextToken"), error="InvalidParameterException")
        return {"taskArns": shown, **({"nextToken": token} if token else {})}

    def describe_tasks(self, params: Params, _: Request) -> Answer:
        """Describe tasks; unknown ones come back as failures."""
        cluster = self.registry.cluster(params.get("cluster"))
        found, failures = [], []
        for reference in params["tasks"]:
            service, task = self._task(cluster, reference)
            if service is None or task is None:
                failures.append({"arn": reference, "reason": "MISSING"})
            else:
                found.append(describe_task(service, task))
        return {"tasks": found, "failures": failures}

    def stop_task(self, params: Params, _: Request) -> Answer:
        """Stop one task; its service starts another."""
        cluster = self.registry.cluster(params.get("cluster"))
        service, task = self._task(cluster, params["task"])
        if service is None or task is None:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        self.fleet.stop(service, task, "UserInitiated", params.get("reason", "Task stopped by user"))
        self.fleet.reconcile(service)
        return {"task": describe_task(service, task)}

    def _shown(self, service: Service) -> Answer:
        return describe_service(service, names_finished=self.names_finished)

    def _active(self, cluster: Cluster, reference: str) -> Service:
        service = cluster.services.get(reference.rsplit("/", 1)[-1])
        if service is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return service

    def _task(self, cluster: Cluster, reference: str) -> tuple[Service | None, Task | None]:
        number = reference.rsplit("/", 1)[-1]
        for service in cluster.services.values():
            for arn, task in service.tasks.items():
                if arn.endswith(f"/{number}"):
                    return service, task
        return None, None


def _count(desired: int) -> int:
    if desired < 0:
        raise AwsError("InvalidParameterException", "desiredCount cannot be negative")
    return desired


def _family(definition: str) -> str:
    return definition.rsplit("/", 1)[-1].split(":", maxsplit=1)[0]
