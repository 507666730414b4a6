"""How much an Aurora Serverless v2 cluster may scale to, how much of it is used, and how to change it.

Capacity is in ACUs of about 2 GiB, in half steps. A change of the scaling configuration acts at once and restarts nothing; but
max_connections follows MaxCapacity only when an instance is rebooted. Sources: RDS's service model (ModifyDBCluster,
ServerlessV2ScalingConfiguration) and Aurora's guide to Serverless v2, "Setting capacity".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alarms.domain.errors import Permanent, Retryable
from remediators.action import Clients, Purpose, Situation

KNOB = "ServerlessV2ScalingConfiguration"
SERVERLESS = "db.serverless"
WINDOW = timedelta(minutes=5)
BUSY = "InvalidDBClusterStateFault"


@dataclass(frozen=True, slots=True)
class Capacity:
    """A cluster as its capacity is seen: bounds in ACUs (None: not Serverless v2), states, share used in percent (None: unknown).

    ``classes`` are its instances' classes, ``unready`` what is not available, "" when all is.
    """

    cluster: str
    smallest: float | None
    largest: float | None
    classes: tuple[str, ...]
    unready: str
    parameter_group: str = ""
    used: float | None = None

    @property
    def resource(self) -> str:
        """The lock key."""
        return lock_key(self.cluster)

    @property
    def serverless(self) -> bool:
        """Whether every instance scales by itself: the bounds mean nothing to one of a fixed class."""
        return bool(self.classes) and set(self.classes) == {SERVERLESS} and None not in (self.smallest, self.largest)

    @property
    def bounds(self) -> str | None:
        """Return the knob's value, ``0.5-16``; None when there is none."""
        return None if self.smallest is None or self.largest is None else written(self.smallest, self.largest)


def lock_key(cluster: str) -> str:
    """Return ``rds:cluster/<identifier>``."""
    return f"rds:cluster/{cluster}"


def written(smallest: float, largest: float) -> str:
    """Return ``0.5-16`` for bounds in ACUs."""
    return f"{smallest:g}-{largest:g}"


def half_step(acus: float) -> float:
    """Return the next half ACU at or above ``acus``."""
    return math.ceil(acus * 2) / 2


def observe(clients: Clients, cluster: str, situation: Situation) -> Capacity:
    """Read cluster and instances, before a decision also how much of the maximum is used. Permanent when it is not there."""
    rds = clients("rds")
    (found,) = rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
    instances = rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": [cluster]}])["DBInstances"]
    states = {found["DBClusterIdentifier"]: found["Status"]}
    states.update({item["DBInstanceIdentifier"]: item.get("DBInstanceStatus", "") for item in instances})
    bounds = found.get(KNOB, {})
    return Capacity(
        cluster=cluster,
        smallest=bounds.get("MinCapacity"),
        largest=bounds.get("MaxCapacity"),
        classes=tuple(sorted(item["DBInstanceClass"] for item in instances)),
        unready=", ".join(f"{name} {state}" for name, state in states.items() if state != "available"),
        parameter_group=found.get("DBClusterParameterGroup", ""),
        used=_used(clients, cluster, situation) if situation.purpose is Purpose.DECIDE else None,
    )


def _used(clients: Clients, cluster: str, situation: Situation) -> float | None:
    """Return the newest share of the maximum that is used, in percent, None when the last minutes have none."""
    metric = {
        "Namespace": "AWS/RDS",
        "MetricName": "ACUUtilization",
        "Dimensions": [{"Name": "DBClusterIdentifier", "Value": cluster}],
    }
    answer = clients("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "used", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
        StartTime=situation.now - WINDOW,
        EndTime=situation.now,
        ScanBy="TimestampDescending",
    )
    values = answer["MetricDataResults"][0]["Values"]
    return float(values[0]) if values else None


def bounds_now(clients: Clients, cluster: str) -> str | None:
    """Return the knob's value as it stands."""
    (found,) = clients("rds").describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
    bounds: Mapping[str, Any] = found.get(KNOB, {})
    return written(bounds["MinCapacity"], bounds["MaxCapacity"]) if {"MinCapacity", "MaxCapacity"} <= set(bounds) else None


def change_bounds(clients: Clients, cluster: str, bounds: str) -> str:
    """Set both bounds; returns the request's id. What else the configuration holds is left out, and so left alone.

    Retryable while another change of the cluster is being made.
    """
    smallest, largest = (float(part) for part in bounds.split("-"))
    try:
        answer = clients("rds").modify_db_cluster(
            DBClusterIdentifier=cluster, **{KNOB: {"MinCapacity": smallest, "MaxCapacity": largest}}, ApplyImmediately=True
        )
    except Permanent as refused:
        if refused.code == BUSY:
            raise Retryable(f"{cluster} is being changed by another") from None
        raise
    return str(answer["ResponseMetadata"]["RequestId"])
