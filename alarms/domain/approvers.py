"""Who may start what: the parameter ``/<prefix>/<stage>/approvers``, read at every click and never cached across them.

``{"approvers": {"reversible": ["U0123"], "disruptive": [...], "destructive": [...]}, "services": {"image-processing":
{"reversible": ["U0456"]}}}``. A service's entry for a risk stands instead of the general one. Whoever may approve a riskier
class is not by that allowed a lesser one: each list says all of its people. Missing, empty and unreadable mean: nobody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from alarms.domain import readings
from alarms.domain.action import Risk


@dataclass(frozen=True, slots=True)
class Approvers:
    """Slack user ids by risk, and by service and risk."""

    general: Mapping[Risk, frozenset[str]] = field(default_factory=dict)
    services: Mapping[str, Mapping[Risk, frozenset[str]]] = field(default_factory=dict)

    def of(self, service: str, risk: Risk) -> frozenset[str]:
        """Return who may approve an action of ``risk`` for ``service``."""
        own = self.services.get(service, {})
        return own.get(risk, self.general.get(risk, frozenset()))

    def anyone(self) -> frozenset[str]:
        """Return everybody who may approve anything."""
        maps = [self.general, *self.services.values()]
        return frozenset().union(*(users for entry in maps for users in entry.values()))


def needed(risk: Risk) -> int:
    """Return how many different people have to say yes: two for what cannot be undone."""
    return 2 if risk is Risk.DESTRUCTIVE else 1


def parse(text: str) -> Approvers:
    """Read the parameter's value; whatever cannot be read allows nobody."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Approvers()
    document = readings.table(document)
    services = readings.table(document.get("services"))
    return Approvers(
        general=_by_risk(document.get("approvers")),
        services={name: _by_risk(entry) for name, entry in services.items()},
    )


def _by_risk(value: object) -> dict[Risk, frozenset[str]]:
    entry = readings.table(value)
    return {risk: _users(entry[risk.value]) for risk in Risk if risk.value in entry}


def _users(value: object) -> frozenset[str]:
    return frozenset(user for user in readings.rows(value) if isinstance(user, str) and user)
