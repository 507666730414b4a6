"""What every room would make of a message, put side by side: the event, its route, the Slack message, the decision.

Nothing live is read. What a decision would read is assumed as for a first, fresh delivery, and each assumption is said.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from alarms.domain.alarm import Alarm, Mode, Policy
from alarms.domain.decision import decision_document
from alarms.domain.event import AlarmEvent, Ignored, State
from alarms.domain.event_document import event_document
from alarms.domain.payload import parse_all
from alarms.domain.text import Language
from notifier import explain as notifier_explain
from notifier import route
from remediators.decide import decide, precedence
from remediators.facts import Facts, LiveAlarm
from remediators.records import Claimed, Ring
from remediators.registry import Registry
from remediators.standing import ResourceState, Standing
from remediators.switch import Hold, Switch

FindRow = Callable[[AlarmEvent], Alarm | None]

ASSUMED = (
    "this is the event's first delivery",
    "the alarm still rings",
    "the live switch allows every mode",
    "nothing of the service is in flight, held or closed, nothing ran before",
    "no other service rings",
    "the resource was not read: what the action would change is not known here",
)


def explanation(
    payload: object, *, row_of: FindRow, actions: Registry, default_channel: str, language: Language, now: datetime
) -> dict[str, Any]:
    """Return ``{"events": [...]}``: one entry for each message in ``payload``, or why it is none."""

    def one(found: AlarmEvent | Ignored) -> dict[str, Any]:
        if isinstance(found, Ignored):
            return {"ignored": found.why.value, "detail": found.detail}
        row = row_of(found)
        return {
            "event": event_document(found),
            "route": _route(found, row, default_channel, language),
            "slack": notifier_explain.explain(found, row, default_channel=default_channel, language=language),
            **_decision(found, row, actions, now),
        }

    return {"events": [one(found) for found in parse_all(payload, received_at=now)]}


def _route(event: AlarmEvent, row: Alarm | None, default_channel: str, language: Language) -> dict[str, Any]:
    why = (
        f"row {row.row} notifies {row.notify}"
        if row
        else "no row describes this alarm: the default channel, told but never acted on"
    )
    return {
        "channel": route.channel(row, default_channel),
        "language": (row.language if row else language).value,
        "row": row.row if row else None,
        "stage": row.stage if row else None,
        "owner": row.owner if row else None,
        "alarm_key": event.alarm_key,
        "why": why,
    }


def _decision(event: AlarmEvent, row: Alarm | None, actions: Registry, now: datetime) -> dict[str, Any]:
    policy = _first(row)
    spec = actions.specs().get(policy.action) if policy else None
    facts = Facts(
        now=now,
        ring=Ring.of(event),
        alarm=row,
        policy=policy,
        spec=spec,
        claimed=Claimed.NEW,
        covered_by="",
        live=LiveAlarm(State.ALARM, event.changed_at),
        switch=Switch(Hold(paused=False, mode=Mode.AUTO)),
        peers={},
        resource=ResourceState(),
        standing=Standing(),
    )
    decision = decide(facts)
    answers = [answer.to_document() for answer in decision.answers]
    guards = [{**answer, "why": answer["why"]["en"]} for answer in answers]
    mode = facts.mode()
    asked = {"action": policy.action if policy else None, "mode": mode.value if mode else None}
    assumed = list(ASSUMED) if policy and event.state is State.ALARM else []
    return {"decision": {**asked, **decision_document(decision), "assumed": assumed}, "guards": guards}


def _first(row: Alarm | None) -> Policy | None:
    """Return the policy that would be asked first."""
    return min(row.policies, key=lambda policy: precedence(policy.action)) if row and row.policies else None
