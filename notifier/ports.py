"""What the notifier needs of the world, said by the notifier. Adapters and fakes fulfil it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from alarms.domain.alarm import Alarm
from alarms.domain.errors import Retryable
from alarms.domain.event import AlarmEvent
from notifier.record import Pointer, Thread, Timeline


class Unsure(Retryable):
    """A call to Slack may or may not have been applied: a timeout, a broken connection, a 5xx."""


class Throttled(Retryable):
    """Slack asks for patience (429): ``after_s`` is its Retry-After."""


class Busy(Retryable):
    """Another delivery is telling of the same incident right now."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Slack's own ids of a message."""

    channel: str
    ts: str


class Threads(Protocol):
    """The memory of what happened and what was told."""

    def record(self, event: AlarmEvent, now: datetime) -> bool:
        """Remember a transition; False when it was known already."""
        ...

    def around(self, subject: str, at: datetime) -> Timeline:
        """Return the subject's transitions near ``at``: at least the whole incident that ``at`` lies in, and the one before."""
        ...

    def claim(self, thread: Thread, *, owner: str, doing: str, now: datetime) -> bool:
        """Take the lease on ``thread`` as it was read; False when someone else wrote or claimed it since."""
        ...

    def save(self, thread: Thread, *, owner: str, doing: str = "") -> None:
        """Store ``thread``; give the lease back unless ``doing`` names what comes next. Busy: the lease was lost meanwhile."""
        ...

    def stray(self, subject: str, item: str, now: datetime) -> Thread:
        """Return what was told of a report that has no incident (made when it is new)."""
        ...

    def point(self, pointer: Pointer, now: datetime) -> None:
        """Let an incident be found again by its episode's id, which is all that a button carries."""
        ...

    def pointer(self, ident: str) -> Pointer | None:
        """Return the incident whose episode has this id; None when it is not known (any more)."""
        ...

    def learn(self, name: str, channel: str) -> None:
        """Remember the id of the channel called ``name``: Slack tells it with the first post only."""
        ...

    def channel_id(self, name: str) -> str:
        """Return the id of the channel called ``name``, as far as it was learnt; else ``name`` itself."""
        ...


class Rows(Protocol):
    """The catalogue table, read only."""

    def row(self, key: str, digest: str = "") -> Alarm | None:
        """Return the row of the alarm ``key``; where it was removed meanwhile, the one with ``digest``. None: there is none."""
        ...


class Slack(Protocol):
    """Slack, as far as we speak to it. Retryable, Unsure and Permanent (with Slack's code) are its failures."""

    def post(self, payload: Mapping[str, Any], now: datetime) -> Posted:
        """Post a message."""
        ...

    def update(self, payload: Mapping[str, Any], now: datetime) -> None:
        """Edit the message ``payload["ts"]``."""
        ...

    def find(self, channel: str, metadata: Mapping[str, Any], *, thread_ts: str, since: datetime, now: datetime) -> Posted | None:
        """Look for a message of ours by its metadata; None when there is none or when we may not look."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP. ``retry_after`` is the header's text."""

    status: int
    body: Mapping[str, Any]
    retry_after: str = ""


class Transport(Protocol):
    """One call of Slack's Web API; raises OSError or HTTPException when there is no answer."""

    def __call__(self, method: str, payload: Mapping[str, Any], token: str) -> Answer:
        """Return Slack's answer, whatever it says."""
        ...
