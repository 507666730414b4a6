"""notifier.ports in memory: the fakes that tests and `explain` use, held to the adapters' behaviour by the contract tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alarms.domain.alarm import Alarm
from alarms.domain.event import AlarmEvent
from notifier.ports import Busy
from notifier.record import Pointer, Thread, Timeline, event_document, event_from
from notifier.timeline import item_key

_LEASE = timedelta(seconds=120)


@dataclass
class MemoryThreads:
    """notifier.ports.Threads without a table."""

    events: dict[str, dict[str, AlarmEvent]] = field(default_factory=dict)
    threads: dict[tuple[str, str], Thread] = field(default_factory=dict)
    owners: dict[tuple[str, str], str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    pointers: dict[str, Pointer] = field(default_factory=dict)

    def record(self, event: AlarmEvent, now: datetime) -> bool:  # noqa: ARG002 - the port's signature: nothing expires here
        """Remember a transition; False when it was known already."""
        known = self.events.setdefault(event.subject_key, {})
        new = item_key(event) not in known
        known.setdefault(item_key(event), event_from(event_document(event)))
        return new

    def around(self, subject: str, at: datetime) -> Timeline:  # noqa: ARG002 - the port's signature: everything is near
        """Return every transition of the subject."""
        known = self.events.get(subject, {})
        threads = {item: self.threads.get((subject, item), Thread(subject, item)) for item in known}
        return Timeline(subject, tuple(known[item] for item in sorted(known)), threads)

    def claim(self, thread: Thread, *, owner: str, doing: str, now: datetime) -> bool:
        """Take the lease on ``thread`` as it was read."""
        key = (thread.subject, thread.item)
        kept = self.threads.get(key, Thread(*key))
        if kept.revision != thread.revision or kept.busy_until > now.timestamp():
            return False
        self.threads[key] = replace(kept, busy_until=(now + _LEASE).timestamp(), doubt=doing)
        self.owners[key] = owner
        return True

    def save(self, thread: Thread, *, owner: str, doing: str = "") -> None:
        """Store ``thread``; give the lease back unless ``doing`` names what comes next."""
        key = (thread.subject, thread.item)
        if self.owners.get(key) != owner:
            raise Busy("the lease ended before the work did")
        kept = self.threads[key]
        until = kept.busy_until if doing else 0.0
        self.threads[key] = replace(thread, revision=kept.revision + 1, busy_until=until, doubt=doing or thread.doubt)
        if not doing:
            del self.owners[key]

    def stray(self, subject: str, item: str, now: datetime) -> Thread:  # noqa: ARG002 - the port's signature: nothing expires here
        """Return what was told of a report that has no incident."""
        return self.threads.setdefault((subject, item), Thread(subject, item))

    def point(self, pointer: Pointer, now: datetime) -> None:  # noqa: ARG002 - the port's signature: nothing expires here
        """Let an incident be found again by its episode's id."""
        self.pointers[pointer.episode.id] = pointer

    def pointer(self, ident: str) -> Pointer | None:
        """Return the incident whose episode has this id."""
        return self.pointers.get(ident)

    def learn(self, name: str, channel: str) -> None:
        """Remember the id of the channel called ``name``."""
        self.channels[name] = channel

    def channel_id(self, name: str) -> str:
        """Return the id of the channel called ``name``, else ``name`` itself."""
        return self.channels.get(name, name)


@dataclass
class MemoryRows:
    """notifier.ports.Rows from a mapping of alarm key to row."""

    rows: dict[str, Alarm] = field(default_factory=dict)

    def row(self, key: str, digest: str = "") -> Alarm | None:  # noqa: ARG002 - the port's signature: one version is kept
        """Return the row of the alarm ``key``."""
        return self.rows.get(key)
