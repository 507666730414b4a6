"""How ECS's API shows services, revisions, deployments and tasks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.ecs_model import OPEN, ROLLING_BACK, Deployment, Pause, Revision, Service, Task

_WORDS = {"IN_PROGRESS": "in progress", "COMPLETED": "completed", "FAILED": "failed"}
# A stage at which a hook may wait and which DescribeServiceDeployments does not name: it shows the stage before.
_SHOWN_AS = {"PRE_PRODUCTION_TRAFFIC_SHIFT": "POST_TEST_TRAFFIC_SHIFT"}


def describe_service(service: Service, *, names_finished: bool = False) -> dict[str, Any]:
    """Return a service as DescribeServices shows it.

    ``names_finished``: currentServiceDeployment also names the last deployment when it is over. AWS's model says only "the ARN of
    the current service deployment", so whoever reads it has to live with both.
    """
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
    if service.open_deployment is not None or names_finished:
        shown["currentServiceDeployment"] = service.deployments[-1].arn
    shown["currentServiceRevisions"] = [_counted(service, item) for item in _shown_deployments(service)]
    return shown


def describe_deployment(service: Service, deployment: Deployment) -> dict[str, Any]:
    """Return a service deployment as DescribeServiceDeployments shows it."""
    source = deployment.source
    shown: dict[str, Any] = {
        **brief(service, deployment),
        "updatedAt": deployment.updated_at,
        "sourceServiceRevisions": [_weighted(service, source, 100.0 - deployment.production, 0.0)] if source else [],
        "targetServiceRevision": _weighted(service, deployment, deployment.production, deployment.test),
        "lifecycleStage": _SHOWN_AS.get(deployment.stage, deployment.stage),
        "deploymentConfiguration": dict(deployment.configuration),
    }
    del shown["targetServiceRevisionArn"]
    if deployment.stopped_at:
        shown["stoppedAt"] = deployment.stopped_at
    if deployment.pauses:
        shown["lifecycleHookDetails"] = [_pause(item) for item in deployment.pauses]
    if deployment.configuration.get("alarms"):
        shown["alarms"] = _alarms(deployment)
    return {**shown, "rollback": dict(deployment.rollback)} if deployment.rollback else shown


def brief(service: Service, deployment: Deployment) -> dict[str, Any]:
    """Return a service deployment as ListServiceDeployments shows it."""
    shown: dict[str, Any] = {
        "serviceDeploymentArn": deployment.arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "createdAt": deployment.created_at,
        "startedAt": deployment.created_at,
        "targetServiceRevisionArn": deployment.revision.arn,
        "status": deployment.status,
    }
    if deployment.status_reason:
        shown["statusReason"] = deployment.status_reason
    return {**shown, "finishedAt": deployment.finished_at} if deployment.finished_at else shown


def describe_revision(service: Service, deployment: Deployment) -> dict[str, Any]:
    """Return a revision as DescribeServiceRevisions shows it: the workload as it was deployed, images by digest."""
    revision: Revision = deployment.revision
    shown: dict[str, Any] = {
        **revision.settings,
        "serviceRevisionArn": revision.arn,
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "taskDefinition": revision.definition,
        "containerImages": [dict(image) for image in revision.images],
        "createdAt": revision.created_at,
    }
    groups = [deployment.target_group(item) for item in revision.settings.get("loadBalancers", ())]
    if groups:
        shown["resolvedConfiguration"] = {"loadBalancers": [{"targetGroupArn": group} for group in groups]}
    return shown


def describe_task(service: Service, task: Task) -> dict[str, Any]:
    """Return a task as DescribeTasks shows it."""
    address = [{"attachmentId": task.arn.rsplit("/", 1)[-1], "privateIpv4Address": task.address}]
    container: dict[str, Any] = {
        "name": service.name,
        "taskArn": task.arn,
        "lastStatus": task.last_status,
        "healthStatus": task.health,
        "networkInterfaces": address,
    }
    if task.exit_code is not None:
        container["exitCode"] = task.exit_code
    if task.container_reason:
        container["reason"] = task.container_reason
    containers = [{**container, **_image(image)} for image in task.images] or [container]
    shown: dict[str, Any] = {
        "taskArn": task.arn,
        "clusterArn": service.cluster_arn,
        "taskDefinitionArn": task.definition,
        "group": f"service:{service.name}",
        "startedBy": task.deployment_id,
        "lastStatus": task.last_status,
        "desiredStatus": "RUNNING" if task.live else "STOPPED",
        "healthStatus": task.health,
        "createdAt": task.created_at,
        "launchType": "FARGATE",
        "containers": containers,
        "attachments": [
            {
                "id": task.arn.rsplit("/", 1)[-1],
                "type": "ElasticNetworkInterface",
                "status": "ATTACHED" if task.live else "DELETED",
                "details": [{"name": "privateIPv4Address", "value": task.address}],
            }
        ],
    }
    times = {"startedAt": task.started_at, "stoppingAt": task.stopping_at, "stoppedAt": task.stopped_at}
    words = {"stopCode": task.stop_code, "stoppedReason": task.stopped_reason}
    return shown | {name: value for name, value in (times | words).items() if value}


def _image(image: Mapping[str, str]) -> dict[str, str]:
    return {"name": image["containerName"], "image": image["image"], "imageDigest": image["imageDigest"]}


def _pause(pause: Pause) -> dict[str, Any]:
    return {
        "hookId": pause.hook_id,
        "targetType": "PAUSE",
        "status": pause.status,
        "expiresAt": pause.expires_at,
        "timeoutAction": pause.timeout_action,
    }


def _alarms(deployment: Deployment) -> dict[str, Any]:
    configured = deployment.configuration["alarms"]
    watching = deployment.status in OPEN
    status = "MONITORING" if watching else "MONITORING_COMPLETE"
    if not configured["enable"]:
        status = "DISABLED"
    elif deployment.triggered:
        status = "TRIGGERED"
    return {"status": status, "alarmNames": configured["alarmNames"], "triggeredAlarmNames": list(deployment.triggered)}


def _shown_deployments(service: Service) -> list[Deployment]:
    """Return the primary first, then whatever still has tasks."""
    others = [item for item in reversed(service.deployments) if item is not service.primary and service.of(item)]
    return [service.primary, *others]


def _deployment(service: Service, deployment: Deployment) -> dict[str, Any]:
    primary = deployment is service.primary
    counts = _counts(service, deployment)
    newest = service.deployments[-1]
    rollout = "IN_PROGRESS" if primary and newest.status in ROLLING_BACK else deployment.rollout
    return {
        "id": deployment.id,
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": deployment.definition,
        "desiredCount": service.desired if primary else counts["runningTaskCount"] + counts["pendingTaskCount"],
        "pendingCount": counts["pendingTaskCount"],
        "runningCount": counts["runningTaskCount"],
        "failedTasks": deployment.failed,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "launchType": "FARGATE",
        "rolloutState": rollout,
        "rolloutStateReason": f"ECS deployment {deployment.id} {_WORDS[rollout]}.",
    }


def _counted(service: Service, deployment: Deployment) -> dict[str, Any]:
    return {"arn": deployment.revision.arn, **_counts(service, deployment)}


def _weighted(service: Service, deployment: Deployment, production: float, test: float) -> dict[str, Any]:
    weights = {"requestedProductionTrafficWeight": production, "requestedTestTrafficWeight": test}
    return {**_counted(service, deployment), **weights}


def _counts(service: Service, deployment: Deployment) -> Mapping[str, Any]:
    tasks = service.of(deployment)
    return {
        "requestedTaskCount": service.desired if deployment is service.primary else len(tasks),
        "runningTaskCount": sum(task.last_status == "RUNNING" for task in tasks),
        "pendingTaskCount": sum(task.last_status == "PENDING" for task in tasks),
    }
