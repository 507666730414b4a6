"""Collects, file by file, what a service is beyond its rows: whom it calls, what it watches, what else is worth a look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from alarms.dependencies import Calls, dependencies
from alarms.landscape import landscape
from alarms.problem import Place
from alarms.resources import Resource, chosen, strange
from alarms.row import ServiceFacts
from alarms.row_builder import Findings
from alarms.yaml_door import Spot


class FactsOfServices:
    """Hears of every service and what it states; answers once all files are read."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._names: dict[str, None] = {}
        self._calls: dict[str, Calls] = {}
        self._watched: dict[str, dict[str, list[Resource]]] = {}
        self._stated: dict[str, dict[str, list[tuple[Resource, Place]]]] = {}

    def exists(self, service: object) -> None:
        """Note that there is such a service, whatever else may be wrong with its file."""
        if isinstance(service, str) and service:
            self._names.setdefault(service)

    def calls(self, service: str, depends_on: Sequence[str], spot: Spot) -> None:
        """Note what ``service`` says in ``depends_on``, which stands at ``spot``."""
        places = tuple(spot.at((index,)).place for index in range(len(depends_on)))
        before = self._calls.get(service, Calls((), ()))
        if depends_on:
            self._calls[service] = Calls((*before.services, *depends_on), (*before.places, *places))

    def watches(self, service: str, component: str, resources: Iterable[Resource]) -> None:
        """Note what alarms of ``service`` watch."""
        self._watched.setdefault(service, {}).setdefault(component, []).extend(resources)

    def states(self, service: str, resources: Mapping[str, Sequence[Resource]], spot: Spot) -> None:
        """Note what ``service`` says in ``resources``, which stands at ``spot``."""
        for component, stated in resources.items():
            if not stated:
                place = spot.at((component,)).place
                self._findings.error(place, service, f"resources: the list of {component} is empty", "name one, or remove it")
            places = [(resource, spot.at((component, index)).place) for index, resource in enumerate(stated)]
            self._stated.setdefault(service, {}).setdefault(component, []).extend(places)

    def of_services(self, components: set[str], watched: set[str]) -> dict[str, ServiceFacts]:
        """Return the facts of every service; what is wrong is added to the findings.

        ``components`` are those with a profile, ``watched`` the services with rows in this stage.
        """
        depends_on, problems = dependencies(self._calls, set(self._names), watched)
        self._findings += problems
        return {
            service: ServiceFacts(depends_on.get(service, ()), self._resources(service, components)) for service in self._names
        }

    def _resources(self, service: str, components: set[str]) -> Mapping[str, tuple[Resource, ...]]:
        stated = self._stated.get(service, {})
        for component, found in stated.items():
            for resource, place in found:
                if wrong := strange(component, resource, components):
                    self._findings.error(place, service, *wrong)
        stated_only = {component: [resource for resource, _ in found] for component, found in stated.items()}
        around = landscape(service, {name: calls.services for name, calls in self._calls.items()})
        return chosen(stated_only, {**self._watched.get(service, {}), **({"landscape": around} if around else {})})
