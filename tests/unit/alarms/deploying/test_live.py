"""Limits as RDS tells them, on answers in the shape of RDS's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from alarms.domain.errors import CannotRun
from alarms.limits import Known, resolver
from alarms.live import LiveRds
from alarms.settings import Cluster, Database


class Rds:
    """RDS as far as limits are asked of it; records what it was asked."""

    def __init__(self) -> None:
        self.instances: dict[str, dict[str, Any]] = {}
        self.clusters: dict[str, dict[str, Any]] = {}
        self.parameters: dict[str, list[list[tuple[str, str]]]] = {}
        self.asked: list[str] = []
        self.denied = False

    def describe_db_instances(self, DBInstanceIdentifier: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's spelling
        self.asked.append(DBInstanceIdentifier)
        return {"DBInstances": [self._found(self.instances, DBInstanceIdentifier, "DBInstanceNotFound")]}

    def describe_db_clusters(self, DBClusterIdentifier: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's spelling
        self.asked.append(DBClusterIdentifier)
        return {"DBClusters": [self._found(self.clusters, DBClusterIdentifier, "DBClusterNotFoundFault")]}

    def describe_db_parameters(self, **asked: str) -> Mapping[str, Any]:
        return self._page(asked["DBParameterGroupName"], asked["Source"], int(asked.get("Marker", 0)))

    def describe_db_cluster_parameters(self, **asked: str) -> Mapping[str, Any]:
        return self._page(asked["DBClusterParameterGroupName"], asked["Source"], int(asked.get("Marker", 0)))

    def _page(self, group: str, source: str, page: int) -> Mapping[str, Any]:
        assert source == "user"
        pages = self.parameters.get(group, [[]])
        found = [{"ParameterName": name, "ParameterValue": value} for name, value in pages[page]]
        return {"Parameters": found, **({"Marker": str(page + 1)} if page + 1 < len(pages) else {})}

    def _found(self, known: Mapping[str, Any], name: str, code: str) -> Any:
        if self.denied or name not in known:
            raise ClientError({"Error": {"Code": "AccessDenied" if self.denied else code, "Message": name}}, "Describe")
        return known[name]


@pytest.fixture
def rds() -> Rds:
    """RDS with one provisioned and one serverless instance of one cluster."""
    rds = Rds()
    groups = {"DBParameterGroups": [{"DBParameterGroupName": "instance-group"}]}
    rds.instances["db-1"] = {"DBInstanceClass": "db.r6g.large", "DBClusterIdentifier": "image-db", **groups}
    rds.instances["db-2"] = {"DBInstanceClass": "db.serverless", "DBClusterIdentifier": "image-db", **groups}
    rds.instances["alone"] = {"DBInstanceClass": "db.t4g.medium"}
    capacity = {"ServerlessV2ScalingConfiguration": {"MinCapacity": 2.0, "MaxCapacity": 16.0}}
    rds.clusters["image-db"] = {"DBClusterParameterGroup": "cluster-group", **capacity}
    return rds


def live(rds: Rds) -> LiveRds:
    return LiveRds(lambda _: rds, sleep=lambda _: None)


def test_class_and_capacity_come_from_instance_and_cluster(rds: Rds) -> None:
    assert live(rds).database("db-1") == Database(instance_class="db.r6g.large")
    assert live(rds).database("db-2") == Database(instance_class="db.serverless", max_acu=16.0, min_acu=2.0)
    assert live(rds).database("alone") == Database(instance_class="db.t4g.medium")


def test_a_number_set_in_the_instances_group_wins_over_the_clusters(rds: Rds) -> None:
    rds.parameters["cluster-group"] = [[("work_mem", "4")], [("max_connections", "900")]]
    database = live(rds).database("db-1")
    assert database is not None
    assert database.max_connections == 900  # found on the second page

    rds.parameters["instance-group"] = [[("max_connections", "500")]]
    database = live(rds).database("db-1")
    assert database is not None
    assert database.max_connections == 500


def test_a_formula_over_memory_is_left_to_the_class(rds: Rds) -> None:
    rds.parameters["cluster-group"] = [[("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)")]]

    database = live(rds).database("db-1")

    assert database is not None
    assert database.max_connections is None
    assert resolver(Known({}, {}, live(rds)))("max_connections", {"DBInstanceIdentifier": "db-1"}).value == 1722


def test_aws_own_parameter_groups_hold_nothing_that_people_set(rds: Rds) -> None:
    rds.clusters["image-db"]["DBClusterParameterGroup"] = "default.aurora-postgresql16"
    rds.parameters["default.aurora-postgresql16"] = [[("max_connections", "1")]]

    database = live(rds).database("db-1")

    assert database is not None
    assert database.max_connections is None


def test_what_aws_does_not_know_is_none_and_each_thing_is_asked_once(rds: Rds) -> None:
    facts = live(rds)

    assert facts.database("nobody") is None
    assert facts.cluster("nobody") is None
    assert facts.cluster("image-db") == Cluster()
    for _ in range(3):
        facts.database("db-1")
        facts.database("db-2")
        facts.database("nobody")
        facts.cluster("nobody")
    assert sorted(rds.asked) == ["db-1", "db-2", "image-db", "nobody", "nobody"]


def test_missing_permission_is_one_line_that_says_why_it_is_needed(rds: Rds) -> None:
    rds.denied = True

    with pytest.raises(CannotRun, match="limits of databases are read from RDS"):
        live(rds).database("db-1")
