"""Which services a service calls, directly or through others: the order in which they are looked at before it is scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alarms.kind import did_you_mean
from alarms.problem import Level, Place, Problem

CHECK = "dependencies"
MAX_DEPENDENCIES = 50  # of one service: each is looked up before something is changed


@dataclass(frozen=True, slots=True)
class Calls:
    """What one service says in ``depends_on``, in its order, each with its place."""

    services: tuple[str, ...]
    places: tuple[Place, ...]


def nearest_first(service: str, graph: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return every service that ``service`` calls, directly or through others: the nearest first, each once, never itself."""
    found: dict[str, None] = {}
    level = [service]
    while level:
        level = list(dict.fromkeys(name for caller in level for name in graph.get(caller, ()) if name not in found))
        found |= dict.fromkeys(level)
    found.pop(service, None)
    return tuple(found)


def dependencies(
    stated: Mapping[str, Calls], known: set[str], watched: set[str]
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Return what each service depends on, nearest first, and what is wrong with what is ``stated``. Pure.

    ``known`` are all services of the catalogue, ``watched`` those with alarms in this stage: of others a note says that they
    never ring. Of more than MAX_DEPENDENCIES the nearest are kept, and a note says so.
    """
    problems = [problem for service, calls in stated.items() for problem in _strange(service, calls, known)]
    problems += [problem for service, calls in stated.items() for problem in _silent(service, calls, known - watched)]
    graph = {service: tuple(name for name in calls.services if name in known) for service, calls in stated.items()}
    problems += _cycles(graph, stated)
    reached = {service: nearest_first(service, graph) for service in graph}
    problems += [_many(service, len(all_), stated[service]) for service, all_ in reached.items() if len(all_) > MAX_DEPENDENCIES]
    return {service: all_[:MAX_DEPENDENCIES] for service, all_ in reached.items()}, problems


def _strange(service: str, calls: Calls, known: set[str]) -> list[Problem]:
    problems = []
    for index, (name, place) in enumerate(zip(calls.services, calls.places, strict=True)):
        if name not in known:
            hint = did_you_mean(name, known - {service}) or "only services of this catalogue can be looked at"
            problems.append(_error(place, service, f"depends_on: there is no service {name!r}", hint))
        elif name in calls.services[:index]:
            problems.append(_error(place, service, f"depends_on: {name!r} stands twice", "keep one"))
    return problems


def _silent(service: str, calls: Calls, unwatched: set[str]) -> list[Problem]:
    return [
        Problem(
            place,
            Level.NOTE,
            CHECK,
            service,
            f"depends_on: {name!r} has no alarm in this stage: it never rings, and scaling never waits for it",
            fix=f"give {name!r} an alarm, or remove it here",
        )
        for name, place in zip(calls.services, calls.places, strict=True)
        if name in unwatched
    ]


def _cycles(graph: Mapping[str, Sequence[str]], stated: Mapping[str, Calls]) -> list[Problem]:
    """Return one error for each way round, at the first of its services in the order of the files."""
    problems = []
    told: set[str] = set()
    for service in graph:
        cycle = None if service in told else _cycle(service, graph)
        if cycle is None:
            continue
        told |= set(cycle)
        place = stated[service].places[stated[service].services.index(cycle[1])]
        summary = f"depends_on goes round: {' → '.join(cycle)}"
        problems.append(_error(place, service, summary, "say only what a service cannot answer without"))
    return problems


def _cycle(service: str, graph: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Return the shortest way from ``service`` back to itself, both ends included; None when there is none."""
    came: dict[str, str] = {}
    level = [service]
    while level:
        following: list[str] = []
        for caller in level:
            for name in graph.get(caller, ()):
                if name == service:
                    return _way(service, caller, came)
                if name not in came:
                    came[name] = caller
                    following.append(name)
        level = following
    return None


def _way(service: str, last: str, came: Mapping[str, str]) -> list[str]:
    back = [last]
    while back[-1] != service:
        back.append(came[back[-1]])
    return [*reversed(back), service]


def _many(service: str, count: int, calls: Calls) -> Problem:
    summary = f"{service} depends on {count} services, directly or through others: the {MAX_DEPENDENCIES} nearest are looked at"
    return Problem(calls.places[0], Level.NOTE, CHECK, service, summary, fix="say only what a service cannot answer without")


def _error(place: Place, service: str, summary: str, fix: str) -> Problem:
    return Problem(place, Level.ERROR, CHECK, service, summary, fix=fix)
