"""ECS's service deployments: what is under way, what was, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.aws_error import AwsError
from infra.local.ecs_model import OPEN, ROLLING_BACK, Deployment, Service
from infra.local.ecs_registry import Registry
from infra.local.ecs_rollout import Rollout
from infra.local.ecs_views import brief, describe_deployment, describe_revision
from infra.local.paging import page
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]


class DeploymentOperations:
    """List, describe and stop the deployments of the services in ``registry``."""

    def __init__(self, registry: Registry, rollout: Rollout) -> None:
        self._registry = registry
        self._rollout = rollout

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "ListServiceDeployments": self.list_service_deployments,
            "DescribeServiceDeployments": self.describe_service_deployments,
            "DescribeServiceRevisions": self.describe_service_revisions,
            "StopServiceDeployment": self.stop_service_deployment,
            "ContinueServiceDeployment": self.continue_service_deployment,
        }

    def list_service_deployments(self, params: Params, _: Request) -> Answer:
        """List a service's deployments, newest first."""
        service = self._service(params)
        window = params.get("createdAt", {})
        found = [
            brief(service, item)
            for item in reversed(service.deployments)
            if item.status in (params.get("status") or [item.status])
            and ("after" not in window or item.created_at > window["after"])
            and ("before" not in window or item.created_at < window["before"])
        ]
        shown, token = page(found, params.get("maxResults", 100), params.get("nextToken"), error="InvalidParameterException")
        return {"serviceDeployments": shown, **({"nextToken": token} if token else {})}

    def describe_service_deployments(self, params: Params, _: Request) -> Answer:
        """Describe deployments; unknown ones come back as failures."""
        found, failures = [], []
        for arn in params["serviceDeploymentArns"]:
            known = self._find(arn)
            if known is None:
                failures.append({"arn": arn, "reason": "MISSING"})
            else:
                found.append(describe_deployment(*known))
        return {"serviceDeployments": found, "failures": failures}

    def describe_service_revisions(self, params: Params, _: Request) -> Answer:
        """Describe revisions: which task definition, images and settings each one runs."""
        known = {item.revision.arn: (service, item) for service, item in self._all()}
        found = [arn for arn in params["serviceRevisionArns"] if arn in known]
        return {
            "serviceRevisions": [describe_revision(*known[arn]) for arn in found],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in params["serviceRevisionArns"] if arn not in found],
        }

    def stop_service_deployment(self, params: Params, _: Request) -> Answer:
        """Roll an open deployment back. Repeating it while it rolls back is harmless; afterwards it conflicts."""
        if params.get("stopType", "ROLLBACK") != "ROLLBACK":
            raise AwsError("InvalidParameterException", "The stopType is not supported.")
        known = self._find(params["serviceDeploymentArn"])
        if known is None:
            raise AwsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
        service, deployment = known
        if deployment.status in OPEN:
            self._rollout.roll_back(
                service, deployment, "Service deployment rolled back because of a StopServiceDeployment call."
            )
        elif deployment.status not in ROLLING_BACK:
            raise AwsError("ConflictException", f"The service deployment is in {deployment.status} state and cannot be stopped.")
        return {"serviceDeploymentArn": deployment.arn}

    def continue_service_deployment(self, params: Params, _: Request) -> Answer:
        """Let a deployment that waits at a PAUSE hook go on, or back."""
        known = self._find(params["serviceDeploymentArn"])
        if known is None:
            raise AwsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
        service, deployment = known
        waiting = [item for item in deployment.pauses if item.hook_id == params["hookId"] and item.status == "AWAITING_ACTION"]
        if deployment.status not in OPEN or not waiting:
            raise AwsError("InvalidParameterException", "The service deployment does not wait at this lifecycle hook.")
        self._rollout.resume(service, deployment, waiting[0], params.get("action", "CONTINUE"))
        return {"serviceDeploymentArn": deployment.arn}

    def _service(self, params: Params) -> Service:
        cluster = self._registry.cluster(params.get("cluster"))
        service = cluster.services.get(params["service"].rsplit("/", 1)[-1])
        if service is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return service

    def _all(self) -> list[tuple[Service, Deployment]]:
        services = [service for cluster in self._registry.clusters.values() for service in cluster.services.values()]
        return [(service, item) for service in services for item in service.deployments]

    def _find(self, arn: str) -> tuple[Service, Deployment] | None:
        return next(((service, item) for service, item in self._all() if item.arn == arn), None)
