"""What is known of one incident: a pure function of the set of transitions seen, so their order of arrival cannot matter.

An incident begins with an ALARM and takes in what follows until the first OK, or until the next ALARM. A later ALARM that
itself came from ALARM (a composite whose suppression ended) belongs to the same incident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alarms.domain.event import AlarmEvent, State, iso
from alarms.domain.incident import Ending, Episode, ending_of


@dataclass(frozen=True, slots=True)
class Incident:
    """One episode as people see it.

    ``alarms`` are the ALARMs of one stay (nearly always one), ``after`` what followed them up to the first OK, both oldest
    first. ``next_at`` is when the next incident of the same subject began.
    """

    alarms: tuple[AlarmEvent, ...]
    after: tuple[AlarmEvent, ...] = ()
    next_at: datetime | None = None

    @property
    def opened(self) -> AlarmEvent:
        """The ALARM that began it."""
        return self.alarms[0]

    @property
    def alarm(self) -> AlarmEvent:
        """The newest ALARM of the stay."""
        return self.alarms[-1]

    @property
    def episode(self) -> Episode:
        """The identity shared with remediation."""
        return Episode(self.opened.subject_key, self.opened.changed_at)

    @property
    def last(self) -> AlarmEvent:
        """The newest transition that belongs to it: what its message shows."""
        return self.after[-1] if self.after else self.alarm

    @property
    def ending(self) -> Ending | None:
        """How it ended; None while it lasts. An OK from data that follows INSUFFICIENT_DATA is a recovery: it did ring."""
        ending = ending_of(self.last)
        return Ending.RECOVERED if ending is Ending.FIRST_OK else ending

    @property
    def unseen_end(self) -> bool:
        """True when a newer incident proves that it ended although no message said so."""
        return self.ending is None and self.next_at is not None

    @property
    def lasted(self) -> timedelta | None:
        """From the ALARM to what ended it; None while it lasts or when either time is not known."""
        known = self.opened.changed_at_known and self.last.changed_at_known and self.opened.state is State.ALARM
        return self.last.changed_at - self.opened.changed_at if self.after and known else None

    def holds(self, event: AlarmEvent) -> bool:
        """Tell whether ``event`` is one of its transitions."""
        return any(same(event, known) for known in (*self.alarms, *self.after))


def same(one: AlarmEvent, other: AlarmEvent) -> bool:
    """Tell whether two messages speak of one transition."""
    return item_key(one) == item_key(other)


def item_key(event: AlarmEvent) -> str:
    """Return ``<time>#<state>``: the transition's key within its subject, sortable by time."""
    return f"{iso(event.changed_at)}#{event.state.value}"


def incidents(transitions: Sequence[AlarmEvent]) -> tuple[Incident, ...]:
    """Return the incidents in ``transitions`` of one subject, oldest first."""
    found: list[Incident] = []
    distinct = {item_key(event): event for event in transitions}
    for _, event in sorted(distinct.items()):
        current = found[-1] if found else None
        if event.state is State.ALARM:
            _ring(found, current, event)
        elif current and current.last.state is not State.OK:
            found[-1] = replace(current, after=(*current.after, event))
    return tuple(found)


def _ring(found: list[Incident], current: Incident | None, event: AlarmEvent) -> None:
    """Begin an incident with ``event``, or prolong the current one when the alarm was in ALARM already."""
    if current and not current.after and _prolongs(event):
        found[-1] = replace(current, alarms=(*current.alarms, event))
        return
    if current:
        found[-1] = replace(current, next_at=event.changed_at)
    found.append(Incident((event,)))


def _prolongs(event: AlarmEvent) -> bool:
    """Tell whether a second ALARM is no second stay: it comes from ALARM itself, or has no time to prove one by."""
    return event.previous_state is State.ALARM or not event.changed_at_known


def incident_of(transitions: Sequence[AlarmEvent], event: AlarmEvent) -> Incident | None:
    """Return the incident that ``event`` belongs to; None when it belongs to none (an OK that nothing rang before)."""
    return next((incident for incident in incidents(transitions) if incident.holds(event)), None)


def incident_at(transitions: Sequence[AlarmEvent], started_at: datetime) -> Incident | None:
    """Return the incident that a report about ``started_at`` means: the exact one, else the last that began before it."""
    known = incidents(transitions)
    exact = next((incident for incident in known if iso(incident.opened.changed_at) == iso(started_at)), None)
    return exact or next((incident for incident in reversed(known) if _may_mean(incident, started_at)), None)


def _may_mean(incident: Incident, started_at: datetime) -> bool:
    """Another room may time an episode by its own reading of the alarm; it still lies within the incident."""
    begins = incident.opened.changed_at - timedelta(seconds=90)
    ends = incident.last.changed_at if incident.after else None
    return not incident.opened.changed_at_known or (begins <= started_at and (ends is None or started_at <= ends))
