"""One file per limit that a share is taken of: what it is for one target, from AWS where it can be asked, or as declared."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Protocol

from alarms.settings import Cluster, Database


class LiveFacts(Protocol):
    """What AWS says, asked at plan time; the adapter implements it. None means that AWS knows no such resource.

    Raises Retryable or CannotRun when it cannot be asked. A parameter group's own ``max_connections`` (Source ``user``)
    is told as ``max_connections``; the engine's default formula is left out, because its memory is not the class's.
    """

    def database(self, instance: str) -> Database | None:
        """Return what AWS says of the database instance with the identifier ``instance``."""
        ...

    def cluster(self, cluster: str) -> Cluster | None:
        """Return what AWS says of the Aurora cluster with the identifier ``cluster``."""
        ...


class Unresolved(Exception):
    """A limit that nobody knows: what is unknown, and what to declare."""

    def __init__(self, summary: str, fix: str) -> None:
        super().__init__(summary)
        self.summary, self.fix = summary, fix


@dataclass(frozen=True, slots=True)
class Resolved:
    """A limit's value in the unit of its metric, and how it was found; ``estimated`` when it is not known for certain."""

    value: Decimal
    how: str
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is declared and what AWS says, together: a declared number wins, all else is AWS's where it answers."""

    databases: Mapping[str, Database]
    clusters: Mapping[str, Cluster]
    live: LiveFacts | None = None

    def database(self, instance: str) -> Database | None:
        """Return what is known of a database instance, None when nothing is."""
        declared, live = self.databases.get(instance), self.live.database(instance) if self.live else None
        if declared is None or live is None:
            return live or declared
        return replace(
            live,
            max_connections=declared.max_connections or live.max_connections,
            local_storage=declared.local_storage or live.local_storage,
        )

    def cluster(self, cluster: str) -> Cluster | None:
        """Return what is known of a cluster, None when nothing is."""
        return self.clusters.get(cluster) or (self.live.cluster(cluster) if self.live else None)


class Limit(Protocol):
    """One limit: the module's ``resolve``, and ``DIMENSION``, which a target must have."""

    DIMENSION: str

    def resolve(self, identifier: str, known: Known) -> Resolved:
        """Return the limit of the resource ``identifier``; raises Unresolved. Pure but for ``known.live``."""
        ...


Resolve = Callable[[str, Mapping[str, str]], Resolved]


@cache
def limits() -> Mapping[str, Limit]:
    """Return every limit by name: a file of this package is the limit of its name."""
    return {module.name: _limit(module.name) for module in pkgutil.iter_modules(__path__)}


def resolver(known: Known) -> Resolve:
    """Return the function that kinds ask: (limit's name, target's dimensions) -> Resolved, or Unresolved raised."""

    def resolve(name: str, dimensions: Mapping[str, str]) -> Resolved:
        limit = limits()[name]
        identifier = dimensions.get(limit.DIMENSION)
        if identifier is None:
            raise Unresolved(f"{name} is known per {limit.DIMENSION}, which the target lacks", f"say `per: [{limit.DIMENSION}]`")
        return limit.resolve(identifier, known)

    return resolve


def _limit(name: str) -> Limit:
    module: Limit = importlib.import_module(f"{__name__}.{name}")
    return module
