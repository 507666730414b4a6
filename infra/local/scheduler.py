"""EventBridge Scheduler: schedules in groups, checked as AWS checks them, delivered into SQS on the virtual clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock, Due
from infra.local.paging import page
from infra.local.schedule_expressions import Schedule, ScheduleError, parse
from infra.local.seam import Operation, Request, Seam

Params = Mapping[str, Any]
Answer = dict[str, Any]
# send(queue ARN, body, FIFO group or None): sends to SQS, raises as boto3 does
Send = Callable[[str, str, "str | None"], object]

DEFAULT_GROUP = "default"
RETRY_S = 60.0
_SHOWN = (
    "ScheduleExpression",
    "StartDate",
    "EndDate",
    "Description",
    "ScheduleExpressionTimezone",
    "State",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
)


@dataclass
class _Entry:
    group: str
    name: str
    arn: str
    members: dict[str, Any]
    token: str
    created_at: datetime
    changed_at: datetime
    schedule: Schedule
    due: Due | None = None
    attempts: int = 0


@dataclass
class _Group:
    name: str
    arn: str
    created_at: datetime
    entries: dict[str, _Entry] = field(default_factory=dict)


class Scheduler:
    """The schedules of one account. ``delay_s``: how late it delivers (AWS: anywhere within the minute).

    ``undelivered`` holds (schedule ARN, error) of what could not be sent after its last attempt.
    """

    def __init__(self, clock: Clock, seam: Seam, place: Place, send: Send) -> None:
        self.delay_s = 0.0
        self.undelivered: list[tuple[str, str]] = []
        self._clock = clock
        self._seam = seam
        self._place = place
        self._send = send
        self._groups = {DEFAULT_GROUP: _Group(DEFAULT_GROUP, self._group_arn(DEFAULT_GROUP), clock.now)}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "CreateScheduleGroup": self.create_schedule_group,
            "GetScheduleGroup": self.get_schedule_group,
            "DeleteScheduleGroup": self.delete_schedule_group,
            "ListScheduleGroups": self.list_schedule_groups,
            "CreateSchedule": self.create_schedule,
            "GetSchedule": self.get_schedule,
            "UpdateSchedule": self.update_schedule,
            "DeleteSchedule": self.delete_schedule,
            "ListSchedules": self.list_schedules,
        }

    def names(self, group: str) -> list[str]:
        """Return the names of a group's schedules, for tests."""
        return sorted(self._groups[group].entries)

    def create_schedule_group(self, params: Params, request: Request) -> Answer:
        """Create a group; one of the same name is a conflict."""
        name = params["Name"]
        if name in self._groups:
            raise AwsError("ConflictException", f"Schedule group {name} already exists.")
        self._groups[name] = _Group(name, self._group_arn(name), request.at)
        return {"ScheduleGroupArn": self._groups[name].arn}

    def get_schedule_group(self, params: Params, _: Request) -> Answer:
        """Describe a group."""
        return _describe_group(self._group(params["Name"]))

    def delete_schedule_group(self, params: Params, _: Request) -> Answer:
        """Delete a group and all its schedules."""
        group = self._group(params["Name"])
        if group.name == DEFAULT_GROUP:
            raise AwsError("ValidationException", "The default schedule group cannot be deleted.")
        for entry in group.entries.values():
            _cancel(entry)
        del self._groups[group.name]
        return {}

    def list_schedule_groups(self, params: Params, _: Request) -> Answer:
        """List groups by name."""
        found = [group for name, group in sorted(self._groups.items()) if name.startswith(params.get("NamePrefix", ""))]
        shown, token = page(found, params.get("MaxResults", 100), params.get("NextToken"), error="ValidationException")
        return {"ScheduleGroups": [_describe_group(group) for group in shown], **({"NextToken": token} if token else {})}

    def create_schedule(self, params: Params, request: Request) -> Answer:
        """Create a schedule. A repeated ClientToken with the same request is the same creation; else a used name conflicts."""
        group = self._group(params.get("GroupName", DEFAULT_GROUP))
        members = _members(params)
        known = group.entries.get(params["Name"])
        if known is not None:
            if known.token and known.token == params.get("ClientToken") and known.members == members:
                return {"ScheduleArn": known.arn}
            raise AwsError("ConflictException", f"Schedule {known.name} already exists.")
        schedule = self._checked(members, request.at)
        arn = self._place.arn("scheduler", f"schedule/{group.name}/{params['Name']}")
        token = params.get("ClientToken", "")
        entry = _Entry(group.name, params["Name"], arn, members, token, request.at, request.at, schedule)
        group.entries[entry.name] = entry
        self._plan(entry, request.at)
        return {"ScheduleArn": arn}

    def get_schedule(self, params: Params, _: Request) -> Answer:
        """Describe a schedule."""
        return _describe(self._entry(params))

    def update_schedule(self, params: Params, request: Request) -> Answer:
        """Replace all members of a schedule: what is left out gets its default."""
        entry = self._entry(params)
        members = _members(params)
        entry.schedule = self._checked(members, request.at)
        entry.members, entry.changed_at, entry.attempts = members, request.at, 0
        _cancel(entry)
        self._plan(entry, request.at)
        return {"ScheduleArn": entry.arn}

    def delete_schedule(self, params: Params, _: Request) -> Answer:
        """Delete a schedule; an unknown one is an error."""
        entry = self._entry(params)
        _cancel(entry)
        del self._groups[entry.group].entries[entry.name]
        return {}

    def list_schedules(self, params: Params, _: Request) -> Answer:
        """List schedules in short form, of one group or all."""
        groups = [self._group(params["GroupName"])] if "GroupName" in params else list(self._groups.values())
        found = [
            _brief(entry)
            for group in sorted(groups, key=lambda item: item.name)
            for name, entry in sorted(group.entries.items())
            if name.startswith(params.get("NamePrefix", ""))
            and params.get("State", entry.members["State"]) == entry.members["State"]
        ]
        shown, token = page(found, params.get("MaxResults", 100), params.get("NextToken"), error="ValidationException")
        return {"Schedules": shown, **({"NextToken": token} if token else {})}

    def _checked(self, members: Params, now: datetime) -> Schedule:
        """Refuse what AWS refuses; returns the expression, read."""
        window = members["FlexibleTimeWindow"]
        if (window["Mode"] == "OFF") == ("MaximumWindowInMinutes" in window):
            raise AwsError("ValidationException", "MaximumWindowInMinutes goes with Mode FLEXIBLE, and only with it.")
        target = members["Target"]["Arn"].split(":")
        if len(target) < 6 or target[0] != "arn":
            raise AwsError("ValidationException", "Provided Arn is not in correct format.")
        if target[2] != "sqs":
            raise NotImplementedError(f"the embedded scheduler delivers to SQS only, not to {members['Target']['Arn']}")
        zone, start = members.get("ScheduleExpressionTimezone", "UTC"), members.get("StartDate")
        try:
            schedule = parse(members["ScheduleExpression"], zone, start or now)
        except ScheduleError as error:
            raise AwsError("ValidationException", str(error)) from None
        if schedule.once and schedule.next_after(now) is None:
            raise AwsError("ValidationException", f"Invalid Schedule Expression {schedule.text}. It lies in the past.")
        return schedule

    def _plan(self, entry: _Entry, after: datetime) -> None:
        """Put the next delivery on the agenda, unless the schedule is disabled or has ended."""
        begin = entry.members.get("StartDate")
        when = entry.schedule.next_after(max(after, begin) if begin and not entry.schedule.once else after)
        end = entry.members.get("EndDate")
        if entry.members["State"] == "ENABLED" and when is not None and (end is None or when <= end):
            late = when + timedelta(seconds=self.delay_s)
            entry.due = self._clock.at(late, lambda: self._fire(entry, when), label=f"schedule {entry.name}")

    def _fire(self, entry: _Entry, when: datetime) -> None:
        with self._seam.lock:
            error = self._deliver(entry)
            if error is not None and self._again(entry, when):
                return
            if error is not None:
                self.undelivered.append((entry.arn, error))
            entry.due, entry.attempts = None, 0
            self._plan(entry, when)
            if entry.due is None and entry.members["ActionAfterCompletion"] == "DELETE":
                self._groups[entry.group].entries.pop(entry.name, None)

    def _deliver(self, entry: _Entry) -> str | None:
        target = entry.members["Target"]
        group = target.get("SqsParameters", {}).get("MessageGroupId")
        body = target.get("Input") or json.dumps({"scheduleArn": entry.arn, "scheduledTime": self._clock.now.isoformat()})
        try:
            self._send(target["Arn"], body, group)
        except (ClientError, BotoCoreError) as error:
            return str(error)
        return None

    def _again(self, entry: _Entry, when: datetime) -> bool:
        """Plan another attempt, as the target's retry policy allows (185 by default)."""
        entry.attempts += 1
        policy = entry.members["Target"].get("RetryPolicy", {})
        if entry.attempts > policy.get("MaximumRetryAttempts", 185):
            return False
        entry.due = self._clock.after(RETRY_S, lambda: self._fire(entry, when), label=f"schedule {entry.name} again")
        return True

    def _group(self, name: str) -> _Group:
        group = self._groups.get(name)
        if group is None:
            raise AwsError("ResourceNotFoundException", f"Schedule group {name} does not exist.")
        return group

    def _entry(self, params: Params) -> _Entry:
        entry = self._group(params.get("GroupName", DEFAULT_GROUP)).entries.get(params["Name"])
        if entry is None:
            raise AwsError("ResourceNotFoundException", f"Schedule {params['Name']} does not exist.")
        return entry

    def _group_arn(self, name: str) -> str:
        return self._place.arn("scheduler", f"schedule-group/{name}")


def _members(params: Params) -> dict[str, Any]:
    members = {name: params[name] for name in _SHOWN if params.get(name) is not None}
    for name in ("StartDate", "EndDate"):
        if name in members and members[name].tzinfo is None:
            members[name] = members[name].replace(tzinfo=UTC)
    return {"State": "ENABLED", "ActionAfterCompletion": "NONE", "ScheduleExpressionTimezone": "UTC", **members}


def _describe(entry: _Entry) -> Answer:
    dates = {"CreationDate": entry.created_at, "LastModificationDate": entry.changed_at}
    return {"Arn": entry.arn, "GroupName": entry.group, "Name": entry.name, **dates, **entry.members}


def _brief(entry: _Entry) -> Answer:
    shown = _describe(entry)
    names = ("Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate")
    return {**{name: shown[name] for name in names}, "Target": {"Arn": entry.members["Target"]["Arn"]}}


def _describe_group(group: _Group) -> Answer:
    dates = {"CreationDate": group.created_at, "LastModificationDate": group.created_at}
    return {"Arn": group.arn, "Name": group.name, "State": "ACTIVE", **dates}


def _cancel(entry: _Entry) -> None:
    if entry.due is not None:
        entry.due.cancel()
        entry.due = None
