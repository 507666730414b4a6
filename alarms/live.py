"""What AWS says of databases, asked at plan time: the limits that shares are taken of (fulfils ``alarms.limits.LiveFacts``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alarms.calls import Caller, Sleep
from alarms.domain.errors import CannotRun, Permanent
from alarms.settings import Cluster, Database

_UNKNOWN = frozenset(
    {"DBInstanceNotFound", "DBInstanceNotFoundFault", "DBClusterNotFoundFault", "DBClusterNotFound", "DBParameterGroupNotFound"}
)
_NOBODY_S = "default."  # AWS's own parameter groups: nobody can change a value in them [RDS user guide, parameter groups]
_MAX_CONNECTIONS = "max_connections"
SERVERLESS = "db.serverless"


class LiveRds:
    """Asks RDS, each resource once. Raises CannotRun when it may not be asked, Retryable when it does not answer."""

    def __init__(self, clients: Callable[[str], Any], *, sleep: Sleep) -> None:
        self._clients = clients
        self._call = Caller(sleep)
        self._databases: dict[str, Database | None] = {}
        self._clusters: dict[str, Mapping[str, Any] | None] = {}
        self._numbers: dict[str, int | None] = {}

    def database(self, instance: str) -> Database | None:
        """Return class, capacity range and configured ``max_connections`` of an instance; None when there is none."""
        if instance not in self._databases:
            found = self._ask("DescribeDBInstances", "describe_db_instances", "DBInstances", DBInstanceIdentifier=instance)
            self._databases[instance] = self._database(found) if found else None
        return self._databases[instance]

    def cluster(self, cluster: str) -> Cluster | None:
        """Tell whether the cluster exists. Its volume's limit is in no answer of AWS's: it stays unknown here."""
        return Cluster() if self._cluster(cluster) else None

    def _database(self, instance: Mapping[str, Any]) -> Database:
        cluster = self._cluster(instance.get("DBClusterIdentifier", "")) or {}
        kind = str(instance["DBInstanceClass"])
        capacity = cluster.get("ServerlessV2ScalingConfiguration", {}) if kind == SERVERLESS else {}
        return Database(
            instance_class=kind,
            max_acu=capacity.get("MaxCapacity"),
            min_acu=capacity.get("MinCapacity"),
            max_connections=self._configured(instance, cluster),
        )

    def _cluster(self, cluster: str) -> Mapping[str, Any] | None:
        if cluster and cluster not in self._clusters:
            found = self._ask("DescribeDBClusters", "describe_db_clusters", "DBClusters", DBClusterIdentifier=cluster)
            self._clusters[cluster] = found
        return self._clusters.get(cluster)

    def _configured(self, instance: Mapping[str, Any], cluster: Mapping[str, Any]) -> int | None:
        """Return what people set: the instance's parameter group wins over its cluster's."""
        for group in instance.get("DBParameterGroups", ()):
            number = self._number("describe_db_parameters", "DBParameterGroupName", str(group["DBParameterGroupName"]))
            if number is not None:
                return number
        group_of_cluster = str(cluster.get("DBClusterParameterGroup") or "")
        if not group_of_cluster:
            return None
        return self._number("describe_db_cluster_parameters", "DBClusterParameterGroupName", group_of_cluster)

    def _number(self, operation: str, key: str, group: str) -> int | None:
        if group.startswith(_NOBODY_S):
            return None
        if f"{key}={group}" not in self._numbers:
            self._numbers[f"{key}={group}"] = self._read_number(operation, key, group)
        return self._numbers[f"{key}={group}"]

    def _read_number(self, operation: str, key: str, group: str) -> int | None:
        """Return a ``max_connections`` that people set as a number; a formula over the class's memory is left out."""
        call = getattr(self._clients("rds"), operation)
        asked: dict[str, Any] = {key: group, "Source": "user"}
        while True:
            page = self._answer(f"rds {operation} {group}", lambda: call(**asked))
            for parameter in page.get("Parameters", ()):
                value = str(parameter.get("ParameterValue", ""))
                if parameter.get("ParameterName") == _MAX_CONNECTIONS and value.isdecimal():
                    return int(value)
            if not page.get("Marker"):
                return None
            asked["Marker"] = page["Marker"]

    def _ask(self, what: str, operation: str, member: str, **asked: str) -> Mapping[str, Any] | None:
        """Return the one resource that was asked for, None when AWS knows none of that name."""
        call = getattr(self._clients("rds"), operation)
        name = next(iter(asked.values()))
        found = self._answer(f"{what} {name}", lambda: call(**asked)).get(member) or [None]
        first: Mapping[str, Any] | None = found[0]
        return first

    def _answer(self, what: str, call: Callable[[], Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = self._call(what, call)
        except Permanent as error:
            if error.code in _UNKNOWN:
                return {}
            raise CannotRun(f"{error}; the limits of databases are read from RDS at plan time") from error
        return answer
