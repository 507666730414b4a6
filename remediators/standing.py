"""How things stand before a change: who holds the resource, what is lent, how often it ran, what is held, stormy or closed.

Frozen values; one read of the history table fills them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alarms.domain.bounds import Breaker, Scope
from alarms.domain.decision import Change


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds a resource. ``run`` is empty when nobody does; the token stays, and only grows."""

    run: str = ""
    until: datetime | None = None
    token: int = 0

    def held(self, now: datetime, *, by_other_than: str = "") -> bool:
        """Tell whether somebody else holds it at ``now``."""
        return bool(self.run) and self.run != by_other_than and self.until is not None and self.until > now


@dataclass(frozen=True, slots=True)
class Lease:
    """What is borrowed on a resource: the original values and ours, and the run that has to give them back."""

    run: str
    changes: tuple[Change, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Counter:
    """Start times of one policy's runs on one resource, oldest first."""

    runs: tuple[datetime, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class ResourceState:
    """All that the table knows of one resource, read in one call."""

    lock: Lock = field(default_factory=Lock)
    lease: Lease | None = None
    counters: Mapping[str, Counter] = field(default_factory=dict)

    def counter(self, policy: str) -> Counter:
        """Return the runs of ``policy``, none when it never ran here."""
        return self.counters.get(policy, Counter())


@dataclass(frozen=True, slots=True)
class Hold:
    """A person's wish that automation leaves a service alone. ``by`` is a Slack user id."""

    by: str
    until: datetime

    def holds(self, now: datetime) -> bool:
        """Tell whether it still holds at ``now``."""
        return now < self.until


@dataclass(frozen=True, slots=True)
class BreakerState:
    """When a policy did not help, oldest first, and until when it is closed for that."""

    failures: tuple[datetime, ...] = ()
    open_until: datetime | None = None
    version: int = 0

    def is_open(self, now: datetime) -> bool:
        """Tell whether it lets nothing through at ``now``. Afterwards one trial is let through."""
        return self.open_until is not None and now < self.open_until

    def failed(self, now: datetime, bounds: Breaker) -> BreakerState:
        """Return the state after a run that did not help: a failed trial opens it again by itself."""
        within = timedelta(seconds=bounds.within_s)
        failures = (*(moment for moment in self.failures if moment > now - within), now)
        trips = len(failures) >= bounds.no_help or self.open_until is not None
        return BreakerState(failures, now + timedelta(seconds=bounds.open_for_s) if trips else None, self.version)


@dataclass(frozen=True, slots=True)
class Standing:
    """All that the table knows of what surrounds a change beside the resource itself."""

    wider: Mapping[Scope, Counter] = field(default_factory=dict)
    breaker: BreakerState = field(default_factory=BreakerState)
    storm_until: datetime | None = None
    hold: Hold | None = None

    def counter(self, scope: Scope) -> Counter:
        """Return the runs that ``scope`` counts together, none when there were none."""
        return self.wider.get(scope, Counter())


@dataclass(frozen=True, slots=True)
class Around:
    """The keys under which a change's surroundings are kept: ``place`` is ``account/region``, ``stage`` place and stage.

    ``service`` is the service key, ``policy`` the policy's identity in its place and stage, ``row`` the id under which the
    resource counts its runs.
    """

    resource: str
    row: str
    policy: str
    service: str
    place: str
    stage: str

    def of(self, scope: Scope) -> str:
        """Return the key of what ``scope`` counts together."""
        return {Scope.POLICY: self.policy, Scope.SERVICE: self.service, Scope.ACCOUNT: self.place, Scope.ALL: "all"}[scope]
