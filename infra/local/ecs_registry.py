"""ECS's names: clusters and task definitions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.ecs_model import Cluster
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]

_DEFINITION = ("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes", "cpu", "memory")
_DEFINITION_MORE = ("requiresCompatibilities", "runtimePlatform", "ephemeralStorage", "placementConstraints")


class Registry:
    """Clusters by name, task definitions by family and revision."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.clusters: dict[str, Cluster] = {}
        self._definitions: dict[str, list[dict[str, Any]]] = {}
        self._pushed: dict[str, str] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "CreateCluster": self.create_cluster,
            "DescribeClusters": self.describe_clusters,
            "RegisterTaskDefinition": self.register_task_definition,
            "DescribeTaskDefinition": self.describe_task_definition,
            "DeregisterTaskDefinition": self.deregister_task_definition,
        }

    def cluster(self, reference: str | None) -> Cluster:
        """Return the cluster of a name or an ARN ("default" when none is given); AwsError when there is none."""
        cluster = self.clusters.get((reference or "default").rsplit("/", 1)[-1])
        if cluster is None:
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return cluster

    def definition(self, reference: str | None) -> str:
        """Return the ARN of a task definition given as family, family:revision or ARN."""
        return str(self._find(reference)["taskDefinitionArn"])

    def deployable(self, reference: str | None) -> str:
        """Return the ARN of a task definition that a service may run; AwsError when it is INACTIVE."""
        found = self._find(reference)
        if found["status"] != "ACTIVE":
            raise AwsError("ClientException", "TaskDefinition is inactive")
        return str(found["taskDefinitionArn"])

    def workload(self, reference: str) -> tuple[tuple[Mapping[str, str], ...], bool]:
        """Return the images that a deployment of a task definition would run now, by digest; and whether it has health checks."""
        containers = self._find(reference).get("containerDefinitions", ())
        images = tuple(
            {"containerName": item["name"], "image": item["image"], "imageDigest": self.digest(item["image"])}
            for item in containers
        )
        return images, any("healthCheck" in item for item in containers)

    def digest(self, image: str) -> str:
        """Return what an image reference stands for at this moment."""
        if "@" in image:
            return image.split("@", 1)[1]
        return self._pushed.get(image) or "sha256:" + hashlib.sha256(image.encode()).hexdigest()

    def stands_for(self, image: str, digest: str) -> None:
        """Let a tag stand for an image that a registry really holds."""
        self._pushed[image] = digest

    def push(self, image: str, content: str) -> str:
        """Let a tag stand for other content from now on, as a push to the registry does; returns the new digest."""
        self._pushed[image] = "sha256:" + hashlib.sha256(f"{image} {content}".encode()).hexdigest()
        return self._pushed[image]

    def create_cluster(self, params: Params, _: Request) -> Answer:
        """Create a cluster; one that exists is returned as it is."""
        name = params.get("clusterName", "default")
        arn = self.place.arn("ecs", f"cluster/{name}")
        cluster = self.clusters.setdefault(name, Cluster(name, arn, list(params.get("settings", ()))))
        return {"cluster": _describe(cluster)}

    def describe_clusters(self, params: Params, _: Request) -> Answer:
        """Describe clusters; unknown ones come back as failures."""
        names = [reference.rsplit("/", 1)[-1] for reference in params.get("clusters", ("default",))]
        missing = [name for name in names if name not in self.clusters]
        return {
            "clusters": [_describe(self.clusters[name]) for name in names if name in self.clusters],
            "failures": [{"arn": self.place.arn("ecs", f"cluster/{name}"), "reason": "MISSING"} for name in missing],
        }

    def register_task_definition(self, params: Params, request: Request) -> Answer:
        """Register the next revision of a family."""
        revisions = self._definitions.setdefault(params["family"], [])
        number = len(revisions) + 1
        known = {name: params[name] for name in (*_DEFINITION, *_DEFINITION_MORE) if name in params}
        arn = self.place.arn("ecs", f"task-definition/{params['family']}:{number}")
        known |= {"taskDefinitionArn": arn, "revision": number, "status": "ACTIVE", "registeredAt": request.at}
        revisions.append(known)
        return {"taskDefinition": dict(known), "tags": list(params.get("tags", ()))}

    def describe_task_definition(self, params: Params, _: Request) -> Answer:
        """Describe one task definition."""
        return {"taskDefinition": dict(self._find(params["taskDefinition"]))}

    def deregister_task_definition(self, params: Params, request: Request) -> Answer:
        """Make one revision INACTIVE: services that run it go on, no new one may."""
        found = self._find(params["taskDefinition"])
        found |= {"status": "INACTIVE", "deregisteredAt": request.at}
        return {"taskDefinition": dict(found)}

    def _find(self, reference: str | None) -> dict[str, Any]:
        family, _, revision = (reference or "").rsplit("/", 1)[-1].partition(":")
        revisions = self._definitions.get(family, [])
        active = [item["revision"] for item in revisions if item["status"] == "ACTIVE"]
        number = int(revision) if revision.isdigit() else max(active, default=0)
        if not 1 <= number <= len(revisions):
            raise AwsError("ClientException", "Unable to describe task definition.")
        return revisions[number - 1]


def _describe(cluster: Cluster) -> dict[str, Any]:
    services = cluster.services.values()
    return {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": "ACTIVE",
        "runningTasksCount": sum(service.running for service in services),
        "pendingTasksCount": sum(service.pending for service in services),
        "activeServicesCount": len(cluster.services),
        "settings": [dict(item) for item in cluster.settings],
    }
