"""Load balancers' target groups: the health of the tasks that ECS services have registered in them.

The targets are read from ECS at each call, so that they are never another fleet than the one that runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.ecs import Ecs
from infra.local.ecs_model import Task
from infra.local.paging import page
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]

PORT = 8080
_DESCRIBED = {
    "Target.ResponseCodeMismatch": "Health checks failed with these codes: [503]",
    "Target.Timeout": "Request timed out",
    "Target.FailedHealthChecks": "Health checks failed",
}


class Balancing:
    """The target groups that the platform put here."""

    def __init__(self, clock: Clock, place: Place, ecs: Ecs) -> None:
        self._clock = clock
        self._place = place
        self._ecs = ecs
        self._groups: dict[str, dict[str, Any]] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {"DescribeTargetGroups": self.describe_target_groups, "DescribeTargetHealth": self.describe_target_health}

    def preload(self, name: str, balancer: str = "app/image/0123456789abcdef") -> str:
        """Put a target group there; returns its ARN, which a service's loadBalancers then name."""
        arn = self._place.arn("elasticloadbalancing", f"targetgroup/{name}/{len(self._groups) + 1:016x}")
        self._groups[arn] = {
            "TargetGroupArn": arn,
            "TargetGroupName": name,
            "Protocol": "HTTP",
            "Port": PORT,
            "VpcId": "vpc-0123456789abcdef0",
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPort": "traffic-port",
            "HealthCheckEnabled": True,
            "HealthCheckIntervalSeconds": 15,
            "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
            "HealthCheckPath": "/health",
            "Matcher": {"HttpCode": "200"},
            "LoadBalancerArns": [self._place.arn("elasticloadbalancing", f"loadbalancer/{balancer}")],
            "TargetType": "ip",
            "ProtocolVersion": "HTTP1",
            "IpAddressType": "ipv4",
        }
        return arn

    def describe_target_groups(self, params: Params, _: Request) -> Answer:
        """List target groups; one that is asked for and is not there is an error."""
        known = {item["TargetGroupName"]: arn for arn, item in self._groups.items()}
        asked = [*params.get("TargetGroupArns", ()), *(known.get(name, name) for name in params.get("Names", ()))]
        for arn in asked:
            self._group(arn)
        balancer = params.get("LoadBalancerArn")
        found = [
            dict(item)
            for arn, item in self._groups.items()
            if (not asked or arn in asked) and (balancer is None or balancer in item["LoadBalancerArns"])
        ]
        shown, token = page(found, params.get("PageSize", 400), params.get("Marker"), error="ValidationError")
        return {"TargetGroups": shown, **({"NextMarker": token} if token else {})}

    def describe_target_health(self, params: Params, _: Request) -> Answer:
        """Tell the health of a group's targets, or of those that are asked for: one that is not registered is unused."""
        arn = params["TargetGroupArn"]
        self._group(arn)
        found = {task.address: _health(*self._judge(task)) for task in self._registered(arn)}
        for target in params.get("Targets", ()):
            found.setdefault(target["Id"], _health("unused", "Target.NotRegistered"))
        asked = [target["Id"] for target in params.get("Targets", ())] or list(found)
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": address, "Port": PORT}, "HealthCheckPort": str(PORT), "TargetHealth": found[address]}
                for address in asked
            ]
        }

    def _group(self, arn: str) -> dict[str, Any]:
        group = self._groups.get(arn)
        if group is None:
            raise AwsError("TargetGroupNotFound", f"One or more target groups not found: {arn}")
        return group

    def _registered(self, arn: str) -> Iterator[Task]:
        """Return the tasks that stand in a group: from the moment they run until they are gone."""
        for service in self._ecs.services():
            for deployment in service.deployments:
                balancers = deployment.revision.settings.get("loadBalancers", ())
                if not any(deployment.target_group(item) == arn for item in balancers):
                    continue
                for task in service.tasks.values():
                    if task.deployment_id == deployment.id and task.last_status in ("RUNNING", "DEACTIVATING"):
                        yield task

    def _judge(self, task: Task) -> tuple[str, str]:
        """Return a target's (state, reason)."""
        if not task.live:
            return "draining", "Target.DeregistrationInProgress"
        began = task.started_at or task.created_at
        if (self._clock.now - began).total_seconds() < self._ecs.delays.health_checks_s:
            return "initial", "Elb.InitialHealthChecking"
        return ("unhealthy", task.target_reason) if task.target_reason else ("healthy", "")


def _health(state: str, reason: str) -> dict[str, str]:
    if state == "healthy":
        return {"State": state}
    described = _DESCRIBED.get(reason, reason)
    return {"State": state, "Reason": reason, "Description": described}
