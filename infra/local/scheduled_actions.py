"""Scheduled actions of Application Auto Scaling: at, rate, cron with a time zone, fired on the virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.paging import page
from infra.local.scaling_model import Planned, Target
from infra.local.schedule_expressions import Schedule, ScheduleError, parse
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]
# apply(target, ScalableTargetAction, action's name, now)
Apply = Callable[[Target, Mapping[str, Any], str, datetime], None]

_KEPT = ("Schedule", "Timezone", "ScalableTargetAction", "StartTime", "EndTime")


class ScheduledActions:
    """Keeps and fires the scheduled actions of the targets that ``find`` returns."""

    def __init__(
        self, clock: Clock, lock: AbstractContextManager[Any], place: Place, find: Callable[[str], Target], apply: Apply
    ) -> None:
        self._clock = clock
        self._lock = lock
        self._place = place
        self._find = find
        self._apply = apply
        self._seen: dict[str, Target] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "PutScheduledAction": self.put_scheduled_action,
            "DescribeScheduledActions": self.describe_scheduled_actions,
            "DeleteScheduledAction": self.delete_scheduled_action,
        }

    def put_scheduled_action(self, params: Params, request: Request) -> Answer:
        """Create or change one. A change keeps what it does not name, StartTime and EndTime excepted: those it drops."""
        target = self._find(params["ResourceId"])
        name = params["ScheduledActionName"]
        known = target.planned.get(name)
        kept = {key: known.members[key] for key in _KEPT[:3] if key in known.members} if known else {}
        members = {**kept, **{key: params[key] for key in _KEPT if params.get(key) is not None}}
        schedule = _checked(members, request.at)
        if known is not None and known.due is not None:
            known.due.cancel()
        arn = self._place.arn(
            "autoscaling", f"scheduledAction:{target.arn[-20:]}:resource/ecs/{target.resource}:scheduledActionName/{name}"
        )
        planned = Planned(name, arn, members, schedule, known.created_at if known else request.at)
        target.planned[name] = planned
        self._seen[target.resource] = target
        self._plan(target, planned, request.at)
        return {}

    def describe_scheduled_actions(self, params: Params, _: Request) -> Answer:
        """List scheduled actions of one resource or of all."""
        names = params.get("ScheduledActionNames")
        found = [
            _describe(target, planned)
            for resource, target in sorted(self._seen.items())
            if params.get("ResourceId", resource) == resource
            for name, planned in sorted(target.planned.items())
            if not names or name in names
        ]
        shown, token = page(found, params.get("MaxResults", 50), params.get("NextToken"), error="InvalidNextTokenException")
        return {"ScheduledActions": shown, **({"NextToken": token} if token else {})}

    def delete_scheduled_action(self, params: Params, _: Request) -> Answer:
        """Delete one."""
        target = self._find(params["ResourceId"])
        planned = target.planned.pop(params["ScheduledActionName"], None)
        if planned is None:
            raise AwsError("ObjectNotFoundException", f"No scheduled action found for name {params['ScheduledActionName']}")
        if planned.due is not None:
            planned.due.cancel()
        return {}

    def _plan(self, target: Target, planned: Planned, after: datetime) -> None:
        start, end = _utc(planned.members.get("StartTime")), _utc(planned.members.get("EndTime"))
        when = planned.schedule.next_after(max(after, start) if start else after)
        if when is not None and (end is None or when <= end):
            planned.due = self._clock.at(when, lambda: self._fire(target, planned, when), label=f"scheduled {planned.name}")

    def _fire(self, target: Target, planned: Planned, when: datetime) -> None:
        with self._lock:
            self._apply(target, planned.members.get("ScalableTargetAction", {}), planned.name, self._clock.now)
            self._plan(target, planned, when)


def _checked(members: Params, now: datetime) -> Schedule:
    if "Schedule" not in members or not members.get("ScalableTargetAction"):
        raise AwsError("ValidationException", "Schedule and ScalableTargetAction are required for a new scheduled action")
    bounds = members["ScalableTargetAction"]
    if bounds.get("MinCapacity", 0) > bounds.get("MaxCapacity", bounds.get("MinCapacity", 0)):
        raise AwsError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
    try:
        schedule = parse(members["Schedule"], members.get("Timezone", "UTC"), _utc(members.get("StartTime")) or now)
    except ScheduleError as error:
        raise AwsError("ValidationException", str(error)) from None
    if schedule.once and schedule.next_after(now) is None:
        raise AwsError("ValidationException", "Schedule must not be in the past")
    return schedule


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _describe(target: Target, planned: Planned) -> dict[str, Any]:
    return {
        "ScheduledActionName": planned.name,
        "ScheduledActionARN": planned.arn,
        "ServiceNamespace": "ecs",
        "ResourceId": target.resource,
        "ScalableDimension": target.dimension,
        "CreationTime": planned.created_at,
        **planned.members,
    }
