"""RDS's Aurora clusters as capacity is read and changed: Serverless v2 scaling, members, states that take time to pass.

A cluster that was put here is answered here, all else is moto's. moto drops the member of the scaling configuration that a change
leaves out, takes any number, and is never busy. Source of the rules: RDS's service model, Aurora's guide to Serverless v2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.seam import Operation, Request, Seam

Params = Mapping[str, Any]
Answer = dict[str, Any]

SERVERLESS = "db.serverless"
SMALLEST_MAXIMUM, LARGEST = 1.0, 256.0
_CHANGEABLE = {"DBClusterIdentifier", "ServerlessV2ScalingConfiguration", "ApplyImmediately"}


@dataclass
class _Cluster:
    name: str
    instances: dict[str, str]  # identifier → class; the first one writes
    scaling: dict[str, Any] = field(default_factory=dict)
    status: str = "available"


class Rds:
    """The clusters that were put here. A change is seen at once, and the cluster is ``modifying`` for ``modify_s`` seconds."""

    def __init__(self, clock: Clock, seam: Seam, place: Place) -> None:
        self.modify_s = 60.0
        self._clock = clock
        self._seam = seam
        self._place = place
        self._clusters: dict[str, _Cluster] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "DescribeDBClusters": self.describe_db_clusters,
            "DescribeDBInstances": self.describe_db_instances,
            "ModifyDBCluster": self.modify_db_cluster,
        }

    def preload(self, cluster: str, instances: Mapping[str, str], **scaling: float) -> None:
        """Put a cluster there: ``instances`` by identifier with their class, ``scaling`` by RDS's own member names."""
        self._clusters[cluster] = _Cluster(cluster, dict(instances), dict(scaling))

    def become(self, cluster: str, status: str) -> None:
        """Let a cluster be in ``status``."""
        self._clusters[cluster].status = status

    def describe_db_clusters(self, params: Params, _: Request) -> Answer | None:
        """Describe one cluster, or all that are here."""
        name = params.get("DBClusterIdentifier")
        if name is None:
            return {"DBClusters": [self._shown(one) for one in self._clusters.values()]} if self._clusters else None
        known = self._clusters.get(name.rsplit(":", 1)[-1])
        return {"DBClusters": [self._shown(known)]} if known else None

    def describe_db_instances(self, params: Params, _: Request) -> Answer | None:
        """Describe one instance, or those of the clusters in the filter ``db-cluster-id``."""
        wanted = next((item["Values"] for item in params.get("Filters", ()) if item["Name"] == "db-cluster-id"), None)
        found = [
            self._instance(cluster, name)
            for cluster in self._clusters.values()
            for name in cluster.instances
            if (wanted is None or cluster.name in wanted) and params.get("DBInstanceIdentifier", name) == name
        ]
        return {"DBInstances": found} if found else None

    def modify_db_cluster(self, params: Params, _: Request) -> Answer | None:
        """Change the scaling configuration; members that are left out keep their value."""
        cluster = self._clusters.get(params["DBClusterIdentifier"])
        if cluster is None:
            return None
        others = sorted(set(params) - _CHANGEABLE)
        if others:
            raise NotImplementedError(f"the embedded RDS changes no {others[0]}")
        if cluster.status != "available":
            raise AwsError("InvalidDBClusterStateFault", f"DB cluster {cluster.name} is not in available state: {cluster.status}")
        scaling = {**cluster.scaling, **params.get("ServerlessV2ScalingConfiguration", {})}
        _check(scaling)
        cluster.scaling, cluster.status = scaling, "modifying"
        self._clock.after(self.modify_s, lambda: self._settled(cluster), label="DB cluster")
        return {"DBCluster": self._shown(cluster)}

    def _settled(self, cluster: _Cluster) -> None:
        with self._seam.lock:
            if cluster.status == "modifying":
                cluster.status = "available"

    def _shown(self, cluster: _Cluster) -> Answer:
        shown: Answer = {
            "DBClusterIdentifier": cluster.name,
            "DBClusterArn": self._place.arn("rds", f"cluster:{cluster.name}"),
            "DBClusterParameterGroup": "default.aurora-postgresql16",
            "Engine": "aurora-postgresql",
            "EngineMode": "provisioned",  # Serverless v2 too
            "EngineVersion": "16.6",
            "Status": cluster.status,
            "HttpEndpointEnabled": True,
            "AllocatedStorage": 1,
            "DBClusterMembers": [
                {"DBInstanceIdentifier": name, "IsClusterWriter": number == 0, "DBClusterParameterGroupStatus": "in-sync"}
                for number, name in enumerate(cluster.instances)
            ],
        }
        return shown | ({"ServerlessV2ScalingConfiguration": dict(cluster.scaling)} if cluster.scaling else {})

    def _instance(self, cluster: _Cluster, name: str) -> Answer:
        return {
            "DBInstanceIdentifier": name,
            "DBInstanceArn": self._place.arn("rds", f"db:{name}"),
            "DBClusterIdentifier": cluster.name,
            "DBInstanceClass": cluster.instances[name],
            "DBInstanceStatus": "available",
            "Engine": "aurora-postgresql",
        }


def _check(scaling: Mapping[str, Any]) -> None:
    """Refuse what Serverless v2 does not take: half steps from 0 to 256, the maximum at least 1 and the minimum."""
    smallest, largest = scaling.get("MinCapacity"), scaling.get("MaxCapacity")
    if smallest is None or largest is None:
        raise AwsError("InvalidParameterCombination", "MinCapacity and MaxCapacity are both needed")
    halves = all(value * 2 == int(value * 2) for value in (smallest, largest))
    if not halves or not (0 <= smallest <= largest and SMALLEST_MAXIMUM <= largest <= LARGEST):
        raise AwsError("InvalidParameterValue", f"Serverless v2 cannot scale from {smallest} to {largest} ACUs")
