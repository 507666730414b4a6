"""row x target x settings -> the alarm as every room knows it, and the request that makes it in CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alarms.aim import aimed
from alarms.desired import TAG_CATALOGUE, TAG_ROW, TAG_STAGE, Desired
from alarms.domain.alarm import Alarm, Mode, Policy, lowest
from alarms.kind import Shape, Surroundings
from alarms.limits import Resolve
from alarms.naming import alarm_name
from alarms.row import ALONE, Row, ServiceFacts, Target
from alarms.settings import Settings

MAX_DESCRIPTION = 1024


def compile_row(
    row: Row, target: Target, settings: Settings, limit: Resolve, shown_id: str, service: ServiceFacts = ALONE
) -> tuple[Desired, tuple[str, ...]]:
    """Return one alarm of ``row`` and what is worth telling of it; raises alarms.kind.Wrong when it cannot be one. Pure.

    ``shown_id`` is what people type for the row, ``service`` what its service brings along.
    """
    shape = row.kind.compile(Surroundings(target.dimensions, row.window, limit))
    alarm = _alarm(row, target, settings, shape, service)
    tags = {TAG_CATALOGUE: settings.catalogue, TAG_STAGE: settings.stage, TAG_ROW: row.full_id}
    request = _request(alarm, shape.members, settings)
    return Desired(shown_id, alarm, "PutMetricAlarm", request, tags, row.spot.place), shape.notes


def _alarm(row: Row, target: Target, settings: Settings, shape: Shape, service: ServiceFacts) -> Alarm:
    cap = lowest(settings.mode_cap, row.mode_cap)
    parts = [settings.prefix, settings.stage, *([row.service] if row.service else []), row.component, row.id]
    return Alarm(
        name=alarm_name(parts, target.dimensions),
        account=settings.account,
        region=settings.region,
        catalogue=settings.catalogue,
        stage=settings.stage,
        service=row.service,
        component=row.component,
        row=row.full_id,
        target=dict(target.dimensions),
        title=row.title,
        severity=row.severity,
        owner=row.owner,
        notify=row.notify,
        channel=settings.channel(row.notify),
        language=settings.language,
        runbook=row.runbook,
        runbook_url=settings.runbook_url(row.runbook),
        condition=shape.condition,
        period_s=row.window.period_s,
        evaluation_periods=row.window.periods,
        datapoints_to_alarm=row.window.datapoints,
        missing=row.missing,
        policies=tuple(_capped(aimed(policy, target.dimensions), cap) for policy in row.policies),
        no_action=row.no_action,
        settle_s=settings.settle_s,
        bounds=settings.bounds,
        depends_on=service.depends_on,
        resources=service.resources,
    )


def _capped(policy: Policy, cap: Mode) -> Policy:
    otherwise = tuple(_capped(step, cap) for step in policy.otherwise)
    return replace(policy, mode=lowest(policy.mode, cap), otherwise=otherwise)


def _request(alarm: Alarm, members: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return PutMetricAlarm's members. Unit is never sent: one that the metric does not carry silences the alarm for ever."""
    topic = [settings.topic_arn]
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": _description(alarm),
        "ActionsEnabled": True,
        "OKActions": topic,
        "AlarmActions": topic,
        "InsufficientDataActions": topic,
        **members,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm,
        "TreatMissingData": alarm.missing.cloudwatch,
    }


def _description(alarm: Alarm) -> str:
    """Return what a person reads in the console; where all of it is too long the title gives way."""
    window = f"{alarm.datapoints_to_alarm} of {alarm.evaluation_periods} x {alarm.period_s} s"
    lines = [
        f"{alarm.condition.metric} {alarm.condition.text}, {window}",
        *([f"Owner: {alarm.owner}"] if alarm.owner else []),
        f"Runbook: {alarm.runbook_url or alarm.runbook}",
        f"Row: {alarm.row}",
    ]
    rest = "\n".join(lines)[: MAX_DESCRIPTION - 2]
    return f"{alarm.title[: max(0, MAX_DESCRIPTION - len(rest) - 1)]}\n{rest}"
