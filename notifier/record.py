"""What is remembered of an incident's message, and an event as JSON (for the threads table)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alarms.domain.event import AlarmEvent, Contributor, Envelope, Shape, State, Trigger, from_iso, iso
from alarms.domain.incident import Episode
from alarms.domain.report import Report
from notifier.standing import Silence, kept

_LONG = 1_200  # longest text kept of an event: CloudWatch's own reasons and descriptions are at most 1,024


@dataclass(frozen=True, slots=True)
class Thread:
    """What was told of one incident.

    ``item`` is the key of the ALARM that opened it. ``channel`` and ``ts`` are Slack's own ids of the message (empty
    before it is posted), ``digest`` what it looks like, ``told`` the keys of replies sent, ``reports`` the newest ones and
    those that something open follows from, ``note`` a remark about the delivery. ``doubt`` names the post whose outcome was
    lost. ``row_digest`` is the row it was first rendered with. ``silence`` says who silenced the incident last. ``episode`` is
    the id that its buttons carry, once that can be looked up. ``revision`` counts the writes: a claim holds only for what was
    read. ``busy_until`` is when the lease of whoever is telling at the moment ends, in epoch seconds (0: nobody is).
    """

    subject: str
    item: str
    channel: str = ""
    ts: str = ""
    digest: str = ""
    told: frozenset[str] = frozenset()
    reports: tuple[Report, ...] = ()
    note: str = ""
    doubt: str = ""
    row_digest: str = ""
    silence: Silence | None = None
    episode: str = ""
    revision: int = 0
    busy_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where an episode's id leads: to the episode, and to the alarm's key in the catalogue."""

    episode: Episode
    alarm_key: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A subject's transitions near a moment, oldest first, and what was told of each incident, by the item that opened it."""

    subject: str
    events: tuple[AlarmEvent, ...]
    threads: Mapping[str, Thread]

    def thread(self, items: Sequence[str]) -> Thread:
        """Return the thread kept under one of an incident's ``items``: the one that was used, else a new one under the first."""
        kept = [self.threads[item] for item in items if item in self.threads]
        used = [thread for thread in kept if thread.ts or thread.revision or thread.busy_until]
        return (used or kept or [Thread(self.subject, items[0])])[0]


def with_report(thread: Thread, report: Report) -> Thread:
    """Return ``thread`` with ``report`` among those it remembers, as it was said first; what only its reply shows is not kept."""
    if any(known.id == report.id for known in thread.reports):
        return thread
    return replace(thread, reports=kept((*thread.reports, replace(report, lines=(), answers=(), request_ids=()))))


def with_silence(thread: Thread, silence: Silence) -> Thread:
    """Return ``thread`` silenced, or speaking again; what somebody asked for later stays."""
    newest = thread.silence is None or thread.silence.at < silence.at
    return replace(thread, silence=silence) if newest else thread


def event_document(event: AlarmEvent) -> dict[str, Any]:
    """Return ``event`` as JSON, long texts cut: only what a message can show."""
    trigger = event.trigger
    return {
        "alarm_name": event.alarm_name,
        "alarm_arn": event.alarm_arn,
        "account": event.account,
        "region": event.region,
        "partition": event.partition,
        "state": event.state.value,
        "previous_state": event.previous_state.value if event.previous_state else None,
        "changed_at": iso(event.changed_at),
        "changed_at_known": event.changed_at_known,
        "reason": event.reason[:_LONG],
        "description": event.description[:_LONG],
        "envelope": event.envelope.value,
        "shape": event.shape.value,
        "trigger": _trigger_document(trigger),
        "contributor": [event.contributor.id, dict(event.contributor.attributes)] if event.contributor else None,
        "values": list(event.values[-3:]),
        "band": list(event.band) if event.band else None,
        "children": [child[:_LONG] for child in event.children[:20]],
        "no_data": event.no_data,
        "suppressed_by": event.suppressed_by,
        "muted": event.muted,
        "after_mute": event.after_mute,
    }


def event_from(document: Mapping[str, Any]) -> AlarmEvent:
    """Read what ``event_document`` wrote."""
    previous, contributor, band = document["previous_state"], document["contributor"], document["band"]
    return AlarmEvent(
        alarm_name=document["alarm_name"],
        alarm_arn=document["alarm_arn"],
        account=document["account"],
        region=document["region"],
        partition=document["partition"],
        state=State(document["state"]),
        previous_state=State(previous) if previous else None,
        changed_at=from_iso(document["changed_at"]),
        changed_at_known=document["changed_at_known"],
        reason=document["reason"],
        description=document["description"],
        envelope=Envelope(document["envelope"]),
        shape=Shape(document["shape"]),
        trigger=_trigger(document["trigger"]),
        contributor=Contributor(contributor[0], contributor[1]) if contributor else None,
        values=tuple(document["values"]),
        band=(band[0], band[1]) if band else None,
        children=tuple(document["children"]),
        no_data=document["no_data"],
        suppressed_by=document["suppressed_by"],
        muted=document["muted"],
        after_mute=document["after_mute"],
    )


def _trigger_document(trigger: Trigger) -> dict[str, Any]:
    """Return the trigger's members that are set."""
    document = {
        "namespace": trigger.namespace,
        "metric": trigger.metric,
        "statistic": trigger.statistic,
        "dimensions": dict(trigger.dimensions) if trigger.dimensions else None,
        "operator": trigger.operator,
        "threshold": trigger.threshold,
        "unit": trigger.unit,
        "metrics": list(trigger.metrics[:5]) or None,
        "expression": trigger.expression[:_LONG] if trigger.expression else None,
        "alarm_rule": trigger.alarm_rule[:_LONG] if trigger.alarm_rule else None,
    }
    return {name: value for name, value in document.items() if value is not None}


def _trigger(document: Mapping[str, Any]) -> Trigger:
    return Trigger(**{**document, "metrics": tuple(document.get("metrics", ()))})
