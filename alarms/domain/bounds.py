"""How much may be done at all: limits wider than one row, when a storm begins, when a policy that does not help is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` runs in any window of ``window_s`` seconds. ``count`` is at least 1: 0 never means unlimited."""

    count: int
    window_s: int


class Scope(StrEnum):
    """What a wider limit counts together. A row's own limits count per policy and resource."""

    POLICY = "policy"  # one row's action, whatever the resource
    SERVICE = "service"
    ACCOUNT = "account"  # one account and region
    ALL = "all"  # whatever shares this history table


@dataclass(frozen=True, slots=True)
class Storm:
    """When so many things ring at once that a cause of one service is unlikely: nothing is changed until it is over.

    ``services`` other services in ALARM make a storm; it ends ``cool_down_s`` after there were fewer.
    """

    services: int = 4
    cool_down_s: int = 900


@dataclass(frozen=True, slots=True)
class Breaker:
    """After ``no_help`` runs of a policy that did not help within ``within_s`` it is closed for ``open_for_s``.

    Then one trial is allowed: its help closes the breaker, its failure opens it again. A person may reset it at any time.
    """

    no_help: int = 2
    within_s: int = 6 * HOUR_S
    open_for_s: int = DAY_S


DEFAULT_LIMITS: Mapping[Scope, tuple[Limit, ...]] = MappingProxyType(
    {
        Scope.POLICY: (Limit(10, HOUR_S),),
        Scope.SERVICE: (Limit(10, HOUR_S), Limit(30, DAY_S)),
        Scope.ACCOUNT: (Limit(30, HOUR_S), Limit(100, DAY_S)),
        Scope.ALL: (Limit(60, HOUR_S),),
    }
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """All of it, for one stage. A scope that nobody set has its default: unset never means unlimited."""

    limits: Mapping[Scope, tuple[Limit, ...]] = field(default_factory=lambda: DEFAULT_LIMITS)
    storm: Storm = field(default_factory=Storm)
    breaker: Breaker = field(default_factory=Breaker)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON document that a row carries."""
        return {
            "limits": {scope.value: [[limit.count, limit.window_s] for limit in held] for scope, held in self.limits.items()},
            "storm": [self.storm.services, self.storm.cool_down_s],
            "breaker": [self.breaker.no_help, self.breaker.within_s, self.breaker.open_for_s],
        }

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Bounds:
        """Read what ``to_document`` wrote; what an older version did not write has its default."""
        written = document.get("limits", {})
        limits = {
            scope: tuple(Limit(int(count), int(window)) for count, window in written[scope.value])
            for scope in Scope
            if written.get(scope.value)
        }
        return Bounds(
            limits={**DEFAULT_LIMITS, **limits},
            storm=Storm(*document["storm"]) if "storm" in document else Storm(),
            breaker=Breaker(*document["breaker"]) if "breaker" in document else Breaker(),
        )
