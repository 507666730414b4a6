"""Which of several services is the source: from who calls whom, who rings, and who rang first. Pure.

A service that rings while all that it calls is healthy is the suspect; whoever calls it rings because of it, often louder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Ringing:
    """One service that rings: since when, and how many of its alarms."""

    service: str
    since: datetime
    alarms: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """The suspect. ``because`` are the ringing services that reach it by calls; ``sure`` is False when there were others."""

    service: str
    because: tuple[str, ...]
    sure: bool


def source(calls: Mapping[str, Sequence[str]], ringing: Sequence[Ringing]) -> Source | None:
    """Return the suspect among ``ringing``; None when nothing rings.

    ``calls``: for each service those that it calls, directly or through others. Suspects are those ringing services whose
    callees are all quiet; of several the one with the most ringing callers, then the one that rang first, then by name. How
    many alarms a service has counts nowhere: the loudest is seldom the source. Services that stand in no call are suspects only
    when there is no other: nothing is known of them. In a circle of calls all are suspects.
    """
    rings = {item.service: item for item in sorted(ringing, key=lambda item: (item.since, item.service), reverse=True)}
    if not rings:
        return None
    reach = {service: _reach(calls, service) for service in {*rings, *calls}}
    known = {*calls, *(callee for callees in calls.values() for callee in callees)}
    rows = [service for service in rings if service in known] or list(rings)
    loud = {service: reach[service] & rings.keys() for service in rings}
    suspects = [service for service in rows if not loud[service] - {service}]
    # A circle has no quiet end: leave out only those outside who merely call into it.
    suspects = suspects or [service for service in rows if all(service in reach[other] for other in loud[service])]
    callers = {
        service: tuple(sorted(other for other in rings if other != service and service in loud[other])) for service in rows
    }
    best = min(suspects, key=lambda service: (-len(callers[service]), rings[service].since, service))
    rivals = [service for service in suspects if len(callers[service]) == len(callers[best])]
    return Source(best, callers[best], len(rivals) == 1)


def _reach(calls: Mapping[str, Sequence[str]], start: str) -> set[str]:
    """Return everything that ``start`` calls, through others too; ``start`` itself only when it is in a circle."""
    found: set[str] = set()
    open_ends = list(calls.get(start, ()))
    while open_ends:
        service = open_ends.pop()
        if service not in found:
            found.add(service)
            open_ends.extend(calls.get(service, ()))
    return found
