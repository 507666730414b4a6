"""A row as it is compiled: every default filled in, every value checked, its targets known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alarms.domain.alarm import Missing, Mode, Policy, Severity
from alarms.kind import Kind
from alarms.problem import Place
from alarms.quantity import Window
from alarms.yaml_door import Spot


@dataclass(frozen=True, slots=True)
class Target:
    """What one alarm of a row watches: the metric's dimensions, and where they stand."""

    dimensions: Mapping[str, str]
    place: Place


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What every alarm of one service carries: whom the service calls, nearest first, and what a diagnosis may look at."""

    depends_on: tuple[str, ...] = ()
    resources: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)


ALONE = ServiceFacts()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of one service, or one that stands alone (``service`` is empty then).

    ``mode_cap`` is the service's own for the stage; the stage's is in the settings. ``spot`` is where each of its keys was
    set; ``files`` are all the files that had a say.
    """

    service: str
    component: str
    id: str
    title: str
    severity: Severity
    owner: str
    notify: str
    runbook: str
    kind: Kind
    window: Window
    missing: Missing
    policies: tuple[Policy, ...]
    no_action: str
    mode_cap: Mode
    targets: tuple[Target, ...]
    spot: Spot
    files: frozenset[str]

    @property
    def full_id(self) -> str:
        """``<service>/<component>/<id>``, or ``<component>/<id>`` for a row that stands alone."""
        return "/".join(part for part in (self.service, self.component, self.id) if part)

    @property
    def short_id(self) -> str:
        """``<component>/<id>``."""
        return f"{self.component}/{self.id}"
