"""alarm-actions: every live alarm of ours rings the topic, and is not held by a person."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.deploy import target_of
from infra.doctor.check import PIPELINE, SPOKE, Check, Finding, judged, unknown, wrong
from infra.doctor.deployment import Deployment

MEMBERS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the actions of each alarm that carries our tags."""
    target, topic = target_of(deployment.settings), deployment.settings.topic_arn
    ours = [alarm for alarm in deployment.alarms() if alarm.belongs_to(target)]
    if not ours:
        yield unknown("alarms", "no alarm of this catalogue and stage is live")
    for alarm in ours:
        faults = []
        if not alarm.members.get("ActionsEnabled", True):
            faults.append("its actions are switched off: it rings unheard")
        silent = [name for name in MEMBERS if topic not in (alarm.members.get(name) or ())]
        if silent:
            faults.append(f"{', '.join(silent)} lack the topic")
        yield judged(wrong, alarm.name, faults, "rings the topic")


CHECK = Check(
    asks="Does every live alarm tell the topic when it rings, recovers and falls silent?",
    why="An alarm whose actions are off changes its state in the console, and nobody is told.",
    fix="aws cloudwatch enable-alarm-actions for one that a person holds no more; `tocsin apply` for one without the topic",
    reads=("cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "tag:GetResources"),
    look=look,
    asked_of=(PIPELINE, SPOKE),
)
