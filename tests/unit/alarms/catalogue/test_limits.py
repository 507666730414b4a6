"""Limits that shares are taken of: from tables, from declarations, from AWS, and never silently guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from alarms.limits import Known, Unresolved, limits, resolver
from alarms.limits.max_connections import BYTES_PER_CONNECTION
from alarms.settings import Cluster, Database

INSTANCE = {"DBInstanceIdentifier": "db"}
CLUSTER = {"DBClusterIdentifier": "c"}


def connections(database: Database, live: Database | None = None) -> tuple[int, bool]:
    """Return max_connections of a declared (and perhaps live) database, and whether it is estimated."""
    found = resolver(Known({"db": database}, {}, _Live(live)))("max_connections", INSTANCE)
    return int(found.value), found.estimated


class _Live:
    """AWS with one database, or none."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def database(self, instance: str) -> Database | None:
        return self._database

    def cluster(self, cluster: str) -> Cluster | None:
        return Cluster(volume_limit=256 * 2**40)


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        (Database("db.r6g.large"), 1722),
        (Database("db.t4g.medium"), 405),
        (Database("db.r6g.2xlarge"), 5000),
        (Database("db.x2g.16xlarge"), 5000),
        (Database(max_acu=16, min_acu=1), 3360),
        (Database(max_acu=16, min_acu=0.5), 2000),
        (Database(max_acu=64, min_acu=0), 2000),
        (Database(max_acu=128, min_acu=2), 5000),
        (Database(max_acu=1, min_acu=0.5), 189),
        (Database(max_connections=500), 500),
        (Database("db.r6g.large", max_connections=500), 500),
    ],
)
def test_max_connections_that_aws_documents(database: Database, expected: int) -> None:
    assert connections(database) == (expected, False)


def test_between_the_documented_capacities_it_is_estimated_from_below() -> None:
    value, estimated = connections(Database(max_acu=2, min_acu=1))

    assert estimated
    assert 189 < value < 2 * 2 * 2**30 / BYTES_PER_CONNECTION


def test_an_undocumented_class_is_estimated_below_its_nominal_memory() -> None:
    value, estimated = connections(Database("db.r7g.large"))

    assert estimated
    assert value == int(Decimal(16 * 2**30) / BYTES_PER_CONNECTION * Decimal("0.9"))


def test_a_class_that_nobody_knows_asks_for_a_number() -> None:
    with pytest.raises(Unresolved) as caught:
        connections(Database("db.z9.small"))
    assert "max_connections: 500" in caught.value.fix


def test_what_aws_says_wins_over_the_declared_class_but_not_over_a_declared_number() -> None:
    assert connections(Database("db.r6g.large"), Database("db.r6g.xlarge")) == (3479, False)
    assert connections(Database(max_connections=500), Database("db.r6g.xlarge")) == (500, False)


def test_the_volume_limit_is_128_tebibytes_unless_told_otherwise() -> None:
    assert resolver(Known({}, {}))("cluster_volume", CLUSTER).value == 128 * 2**40
    assert resolver(Known({}, {"c": Cluster(256 * 2**40)}))("cluster_volume", CLUSTER).value == 256 * 2**40
    assert resolver(Known({}, {}, _Live(None)))("cluster_volume", CLUSTER).value == 256 * 2**40


def test_a_serverless_instance_has_no_local_storage() -> None:
    with pytest.raises(Unresolved, match="serverless"):
        resolver(Known({"db": Database(max_acu=8)}, {}))("local_storage", INSTANCE)
    assert resolver(Known({"db": Database("db.r6g.large")}, {}))("local_storage", INSTANCE).value == 32 * 2**30


@pytest.mark.parametrize("name", sorted(limits()))
def test_a_target_without_the_limits_dimension_says_which(name: str) -> None:
    with pytest.raises(Unresolved, match=limits()[name].DIMENSION):
        resolver(Known({}, {}))(name, {"QueueName": "q"})
