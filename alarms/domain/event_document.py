"""An AlarmEvent as a JSON document, for people and programs that ask what was understood (`tocsin explain`)."""

from __future__ import annotations

from alarms.domain.event import AlarmEvent, Trigger, iso


def event_document(event: AlarmEvent) -> dict[str, object]:
    """Return every fact of ``event`` under a stable key; None where the message did not say, so that no key is ever missing."""
    contributor = event.contributor
    return {
        "alarm_arn": event.alarm_arn or None,
        "alarm_name": event.alarm_name,
        "account": event.account or None,
        "region": event.region or None,
        "partition": event.partition,
        "state": event.state.value,
        "previous_state": event.previous_state.value if event.previous_state else None,
        "changed_at": iso(event.changed_at),
        "changed_at_known": event.changed_at_known,
        "contributor": {"id": contributor.id, "attributes": dict(contributor.attributes)} if contributor else None,
        "envelope": event.envelope.value,
        "shape": event.shape.value,
        "reason": event.reason,
        "description": event.description,
        "trigger": _trigger(event.trigger),
        "values": list(event.values),
        "band": list(event.band) if event.band else None,
        "children": list(event.children),
        "no_data": event.no_data,
        "suppressed_by": event.suppressed_by or None,
        "muted": event.muted,
        "after_mute": event.after_mute,
        "topic_arn": event.topic_arn or None,
    }


def _trigger(trigger: Trigger) -> dict[str, object]:
    return {
        "namespace": trigger.namespace,
        "metric": trigger.metric,
        "statistic": trigger.statistic,
        "dimensions": None if trigger.dimensions is None else dict(trigger.dimensions),
        "period_s": trigger.period_s,
        "evaluation_periods": trigger.evaluation_periods,
        "datapoints_to_alarm": trigger.datapoints_to_alarm,
        "operator": trigger.operator,
        "threshold": trigger.threshold,
        "missing": trigger.missing,
        "unit": trigger.unit,
        "metrics": list(trigger.metrics),
        "expression": trigger.expression,
        "alarm_rule": trigger.alarm_rule,
    }
