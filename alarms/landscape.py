"""Who calls whom around one service: what its rows carry so that a diagnosis can tell the source from those that suffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alarms.dependencies import nearest_first
from alarms.resources import Resource


def landscape(service: str, graph: Mapping[str, Sequence[str]]) -> tuple[Resource, ...]:
    """Return ``{service, calls}`` of each other service around ``service`` that calls any; ``calls`` are joined by commas.

    Around it are all that it calls and all that call it, directly or through others. ``graph``: the direct calls of each service.
    """
    called = set(nearest_first(service, graph))
    around = [other for other in graph if other != service and (other in called or service in nearest_first(other, graph))]
    return tuple({"service": other, "calls": ",".join(sorted(set(graph[other])))} for other in sorted(around) if graph[other])
