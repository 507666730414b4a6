"""What the engine needs of the world, one small port each; ``bootstrap`` fills them with the AWS adapters, tests with fakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from alarms.domain.alarm import Alarm
from alarms.domain.approvers import Approvers
from alarms.domain.errors import Retryable
from alarms.domain.report import Report
from alarms.domain.text import Text
from remediators.action import Action, Clients, unbounded
from remediators.dynamodb import History
from remediators.facts import LiveAlarm
from remediators.levels import Levels
from remediators.outstanding import Outstanding
from remediators.surroundings import Surroundings
from remediators.switch import Switch
from remediators.timers import Timer


class Rows(Protocol):
    """The published catalogue."""

    def row(self, alarm_key: str) -> Alarm | None:
        """Return the alarm's row, None when there is none."""
        ...


class LiveAlarms(Protocol):
    """CloudWatch's own view."""

    def states(self, names: list[str]) -> Mapping[str, LiveAlarm]:
        """Return those alarms that exist, by name."""
        ...

    def ringing(self, prefix: str) -> Mapping[str, LiveAlarm]:
        """Return up to a hundred alarms in ALARM whose names begin with ``prefix``, by name."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """One account and region as the engine sees it and acts in it."""

    clients: Clients
    alarms: LiveAlarms
    levels: Levels


class Places(Protocol):
    """Where may be acted. ``home`` is this remediator's own ``account/region``; a hub has others."""

    home: str

    def reaches(self, place: str, now: datetime) -> bool | None:
        """Tell whether ``place`` may be acted in; None when that cannot be known. Raises Retryable."""
        ...

    def spokes(self, now: datetime) -> Mapping[str, object]:
        """Return the places beside home by ``account/region``. Raises Retryable or Permanent."""
        ...

    def at(self, place: str, now: datetime, run: str = "") -> Site:
        """Return the site of ``place``, on behalf of ``run`` where there is one. Raises Retryable, Permanent where it may not."""
        ...


class Evidence(Protocol):
    """The store of raw evidence: encrypted, short-lived, never shown."""

    def keep(self, episode: str, kind: str, document: Mapping[str, Any], now: datetime) -> str:
        """Store ``document`` under the episode's id and return its reference; the same twice is the same."""
        ...


class ApproverSource(Protocol):
    """Who may start what."""

    def read(self) -> Approvers:
        """Return the approvers as they are at this moment."""
        ...


class SwitchSource(Protocol):
    """The live switch."""

    def read(self) -> Switch:
        """Return the switch as it is at this moment."""
        ...


class Timers(Protocol):
    """Wake-up calls to the own queue; a repeated one is harmless."""

    def after(self, seconds: int, timer: Timer) -> None:
        """Deliver ``timer`` after up to fifteen minutes."""
        ...

    def soon(self, timers: Sequence[tuple[int, Timer]]) -> None:
        """Deliver each timer after its seconds, up to fifteen minutes; in one call, all or told."""
        ...

    def at(self, moment: datetime, timer: Timer, now: datetime) -> None:
        """Deliver ``timer`` at ``moment``."""
        ...


class Outbox(Protocol):
    """The way to people."""

    def send(self, report: Report) -> None:
        """Send ``report``; it may arrive twice, and its id says so."""
        ...


class ActionSource(Protocol):
    """The registry of actions."""

    def get(self, name: str) -> Action:
        """Return the action called ``name``; KeyError when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside."""

    rows: Rows
    sites: Places
    switch: SwitchSource
    history: History
    surroundings: Surroundings
    evidence: Evidence
    approvers: ApproverSource
    timers: Timers
    outbox: Outbox
    actions: ActionSource
    audit: Callable[[dict[str, Any]], None]
    outstanding: Outstanding
    prefix: str = ""  # what the names of this stage's alarms begin with


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of one message: ``owner`` is the message's id, the same for each of its redeliveries.

    ``left_s`` tells how many seconds the invocation may still take.
    """

    owner: str
    now: datetime
    left_s: Callable[[], float] = unbounded


class Contended(Retryable):
    """Another worker moved what this one had read: read again."""


class Held(Exception):
    """People hold automation; raised right before a changing call, so nothing was changed by it."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why
