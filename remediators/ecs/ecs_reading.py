"""Reads an ECS service as the scaling actions see it: no more calls than the purpose needs, three in the usual case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alarms.domain.errors import Permanent
from remediators.action import Clients, Purpose, Situation
from remediators.database import connections
from remediators.ecs import targets
from remediators.ecs.ecs_tasks import DIMENSION, Activity, ScheduledFloor, Target, Tasks, scalable

# A service deployment that changes nothing any more. [ecs ServiceDeployment.status]
OVER = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
_SETTING = re.compile(r"Setting (?:desired count|min capacity) to (\d+)")


def observe(clients: Clients, cluster: str, service: str, situation: Situation) -> Tasks:
    """Read the service, its scalable target and, as far as the purpose needs them, targets, activities, policies, schedules.

    To decide: ecs DescribeServices; application-autoscaling DescribeScalableTargets; elbv2 DescribeTargetHealth, where there is
    a load balancer; cloudwatch GetMetricData, where the row names a database; DescribeScalingActivities and
    DescribeScalingPolicies only while something grows. Raises Permanent when there is no such service.
    """
    purpose, parameters = situation.purpose, situation.policy.parameters
    found = active(clients, cluster, service)
    tasks = replace(_tasks(cluster, found), deploying=deploying(clients, found))
    scaling, which = clients("application-autoscaling"), scalable(cluster, service)
    registered = scaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[which["ResourceId"]], ScalableDimension=DIMENSION
    )["ScalableTargets"]
    tasks = replace(tasks, target=_target(registered))
    if purpose is Purpose.DECIDE and not tasks.deploying:
        tasks = replace(
            tasks,
            behind=targets.observe(clients, found.get("loadBalancers", ())),
            connections=connections.observe(clients, parameters, situation.now),
        )
    grows = purpose is Purpose.DECIDE and (tasks.desired > tasks.running or tasks.pending > 0)
    if registered and (grows or purpose is Purpose.REVERT):
        answer = scaling.describe_scaling_activities(**which, IncludeNotScaledActivities=True, MaxResults=20)
        seen = tuple(_activity(item) for item in answer["ScalingActivities"] if not item.get("NotScaledReasons"))
        tasks = replace(tasks, activities=seen)
    if registered and purpose is Purpose.REVERT:
        tasks = replace(tasks, scheduled=_scheduled(scaling.describe_scheduled_actions(**which)["ScheduledActions"]))
    if tasks.activities and grows:
        policies = scaling.describe_scaling_policies(**which)["ScalingPolicies"]
        tracking = tuple(item["PolicyName"] for item in policies if item["PolicyType"] == "TargetTrackingScaling")
        tasks = replace(tasks, tracking=tracking)
    return tasks


def active(clients: Clients, cluster: str, service: str) -> Mapping[str, Any]:
    """Return the service as ecs DescribeServices shows it; Permanent when there is no active one."""
    found = clients("ecs").describe_services(cluster=cluster, services=[service])["services"]
    alive = [item for item in found if item.get("status") == "ACTIVE"]
    if not alive:
        raise Permanent(f"no active service {service} in cluster {cluster}", "ServiceNotFound")
    shown: Mapping[str, Any] = alive[0]
    return shown


def deploying(clients: Clients, service: Mapping[str, Any]) -> bool:
    """Tell whether a deployment of any strategy is under way, in its bake time too.

    In blue/green both revisions run until the bake time is over. ``currentServiceDeployment`` alone does not say that the one it
    names still goes on, so its status is read (ecs DescribeServiceDeployments) unless everything else says it already.
    """
    deployments = service.get("deployments", [])
    rollouts = [item.get("rolloutState") for item in deployments if item.get("status") == "PRIMARY"]
    revisions = [item for item in service.get("currentServiceRevisions", []) if _runs(item)]
    if len(deployments) > 1 or len(revisions) > 1 or "IN_PROGRESS" in rollouts:
        return True
    current = service.get("currentServiceDeployment")
    if not current:
        return False
    told = clients("ecs").describe_service_deployments(serviceDeploymentArns=[current])["serviceDeployments"]
    return not told or told[0].get("status") not in OVER


def _runs(revision: Mapping[str, Any]) -> bool:
    return any(revision.get(name, 0) for name in ("requestedTaskCount", "runningTaskCount", "pendingTaskCount"))


def _tasks(cluster: str, service: Mapping[str, Any]) -> Tasks:
    deployments = service.get("deployments", [])
    primary: Mapping[str, Any] = next((item for item in deployments if item.get("status") == "PRIMARY"), {})
    return Tasks(
        cluster=cluster,
        service=service["serviceName"],
        desired=service["desiredCount"],
        # Of the revision that it wants: while both colours run, the service's own counts hold them both.
        running=primary.get("runningCount", service["runningCount"]),
        pending=primary.get("pendingCount", service["pendingCount"]),
        deploying=True,
        failed=primary.get("failedTasks", 0),
    )


def _target(targets: list[Mapping[str, Any]]) -> Target | None:
    if not targets:
        return None
    suspended = targets[0].get("SuspendedState", {}).get("DynamicScalingOutSuspended", False)
    return Target(targets[0]["MinCapacity"], targets[0]["MaxCapacity"], bool(suspended))


def _activity(item: Mapping[str, Any]) -> Activity:
    found = _SETTING.search(item.get("Description", ""))
    status = item["StatusCode"]
    return Activity(
        sets=int(found.group(1)) if found else None,
        under_way=status in ("Pending", "InProgress"),
        failed=status in ("Failed", "Unfulfilled", "Overridden"),
        cause=item.get("Cause", ""),
        started_at=item.get("StartTime"),
    )


def _scheduled(items: list[Mapping[str, Any]]) -> tuple[ScheduledFloor, ...]:
    """Return those that write a floor."""
    return tuple(
        ScheduledFloor(item["ScheduledActionName"], item["Schedule"], item["ScalableTargetAction"]["MinCapacity"])
        for item in items
        if "MinCapacity" in item.get("ScalableTargetAction", {})
    )
