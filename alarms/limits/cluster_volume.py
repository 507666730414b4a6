"""cluster_volume: the size in bytes that an Aurora cluster's volume may reach.

128 TiB, 256 TiB on newer engine versions (Aurora user guide, storage and reliability). DBCluster.AllocatedStorage is no
such number and is never used. Without a word from anyone the smaller limit holds: it rings too early, never too late.
"""

from __future__ import annotations

from decimal import Decimal

from alarms.limits import Known, Resolved

DIMENSION = "DBClusterIdentifier"
DEFAULT = 128 * 2**40


def resolve(identifier: str, known: Known) -> Resolved:
    """Return the volume limit of the cluster ``identifier``, in bytes."""
    cluster = known.cluster(identifier)
    if cluster is None or cluster.volume_limit is None:
        return Resolved(Decimal(DEFAULT), "Aurora's volume limit of 128 TiB")
    return Resolved(Decimal(cluster.volume_limit), "configured")
