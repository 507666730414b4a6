"""raise-database-capacity: a Serverless v2 cluster may grow while it is full, and no longer."""

from __future__ import annotations

from dataclasses import replace

from remediation_world import World, api_alarm, policy

from action_stories import ActionStory, often
from infra.local.seam import Call

CLUSTER = "image-db"


def cluster(told: World) -> None:
    told.aws.rds.preload(CLUSTER, {"image-db-1": "db.serverless"}, MinCapacity=0.5, MaxCapacity=16)


def full(told: World) -> None:
    """Bring the bounds back, and let the cluster use all of them."""
    cluster(told)
    point = {
        "MetricName": "ACUUtilization",
        "Dimensions": [{"Name": "DBClusterIdentifier", "Value": CLUSTER}],
        "Timestamp": told.now,
        "Value": 98.0,
    }
    told.client("cloudwatch").put_metric_data(Namespace="AWS/RDS", MetricData=[point])


def bounds(told: World) -> object:
    found = told.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"][0]
    return found["ServerlessV2ScalingConfiguration"]


def is_change(call: Call) -> bool:
    return call.operation == "ModifyDBCluster"


STORIES = (
    ActionStory(
        "a full cluster",
        replace(
            api_alarm(often(policy("raise-database-capacity", {"cluster": CLUSTER, "max_acu": 32.0}))),
            name="tocsin/dev/image-processing/aurora/cpu-high/image-db-1",
            row="image-processing/aurora/cpu-high",
            target={"DBInstanceIdentifier": "image-db-1"},
        ),
        state=bounds,
        prepare=cluster,
        again=full,
        is_change=is_change,
    ),
)
