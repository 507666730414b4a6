"""The alarm half of the CloudWatch API: put, describe, delete, tags, actions on and off, forced states, history."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from infra.local.alarm_rules import check_composite_alarm, check_metric_alarm, check_tags, invalid
from infra.local.alarm_store import COMPOSITE, METRIC, AlarmRecord, AlarmStore
from infra.local.alarm_transitions import Transitions
from infra.local.alarm_watch import prepare
from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.composite_rules import CompositeRule, RuleError
from infra.local.paging import page
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]


class AlarmOperations:
    """Answers the alarm operations from ``store``. ``changed`` is told of each alarm that was put or forced."""

    def __init__(
        self, store: AlarmStore, transitions: Transitions, place: Place, changed: Callable[[AlarmRecord, datetime], None]
    ) -> None:
        self._store = store
        self._transitions = transitions
        self._place = place
        self._changed = changed

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "PutMetricAlarm": self.put_metric_alarm,
            "PutCompositeAlarm": self.put_composite_alarm,
            "DescribeAlarms": self.describe_alarms,
            "DescribeAlarmsForMetric": self.describe_alarms_for_metric,
            "DescribeAlarmHistory": self.describe_alarm_history,
            "DeleteAlarms": self.delete_alarms,
            "EnableAlarmActions": lambda params, _: self._switch_actions(params, True),
            "DisableAlarmActions": lambda params, _: self._switch_actions(params, False),
            "SetAlarmState": self.set_alarm_state,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
        }

    def put_metric_alarm(self, params: Params, request: Request) -> Answer:
        """Create or overwrite a metric alarm. A new one is INSUFFICIENT_DATA; an update keeps state and tags."""
        check_metric_alarm(params, self._place.region)
        prepare(params)
        return self._put(METRIC, params, request)

    def put_composite_alarm(self, params: Params, request: Request) -> Answer:
        """Create or overwrite a composite alarm whose children exist."""
        check_composite_alarm(params, self._place.region)
        self._check_rule(params)
        return self._put(COMPOSITE, params, request)

    def describe_alarms(self, params: Params, _: Request) -> Answer:
        """List alarms by name. Without AlarmTypes only metric alarms come."""
        if "AlarmNames" in params and "AlarmNamePrefix" in params:
            raise invalid("AlarmNames and AlarmNamePrefix are mutually exclusive.")
        for related in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
            if related in params:
                return self._relatives(params[related], related)
        types = params.get("AlarmTypes") or [METRIC]
        found = [alarm for alarm in self._store if alarm.type in types and _wanted(alarm, params)]
        shown, token = page(found, params.get("MaxRecords", 50), params.get("NextToken"))
        answer: Answer = {
            "MetricAlarms": [alarm.describe() for alarm in shown if alarm.type == METRIC],
            "CompositeAlarms": [alarm.describe() for alarm in shown if alarm.type == COMPOSITE],
        }
        return {**answer, "NextToken": token} if token else answer

    def describe_alarms_for_metric(self, params: Params, _: Request) -> Answer:
        """List the single-metric alarms on one metric."""
        asked = ("Namespace", "MetricName", "Statistic", "ExtendedStatistic", "Period", "Unit")
        dimensions = _dimension_set(params.get("Dimensions", ()))
        found = [
            alarm.describe()
            for alarm in self._store
            if "MetricName" in alarm.config
            and all(alarm.config.get(name) == params[name] for name in asked if name in params)
            and _dimension_set(alarm.config["Dimensions"]) == dimensions
        ]
        return {"MetricAlarms": found}

    def describe_alarm_history(self, params: Params, _: Request) -> Answer:
        """List history, newest first unless asked otherwise; metric alarms only unless AlarmTypes says so."""
        types = params.get("AlarmTypes") or ([METRIC] if "AlarmName" not in params else [METRIC, COMPOSITE])
        found = [item for item in self._store.history if item["AlarmType"] in types and _in_history(item, params)]
        if params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
            found.reverse()
        items, token = page(found, params.get("MaxRecords", 100), params.get("NextToken"))
        answer: Answer = {"AlarmHistoryItems": [dict(item) for item in items]}
        return {**answer, "NextToken": token} if token else answer

    def delete_alarms(self, params: Params, request: Request) -> Answer:
        """Delete the named alarms that exist. Nothing is deleted when a composite that stays refers to one of them."""
        found = [alarm for name in dict.fromkeys(params["AlarmNames"]) if (alarm := self._store.get(name)) is not None]
        if sum(alarm.type == COMPOSITE for alarm in found) > 1:
            raise invalid("At most one composite alarm can be deleted in one operation.")
        going = {alarm.name for alarm in found}
        for alarm in found:
            parents = [parent.name for parent in self.parents(alarm) if parent.name not in going]
            if parents:
                raise invalid(f"Alarm {alarm.name} is used by composite alarm {parents[0]} and cannot be deleted.")
        for alarm in found:
            self._store.delete(alarm, request.at)
        return {}

    def set_alarm_state(self, params: Params, request: Request) -> Answer:
        """Force a state until the next evaluation; actions run when that is a change."""
        alarm = self._store.get(params["AlarmName"])
        if alarm is None:
            raise AwsError("ResourceNotFound", "Alarm does not exist")
        data = params.get("StateReasonData", "")
        if data:
            _check_json(data)
        self._transitions.move(alarm, params["StateValue"], params["StateReason"], data, request.at)
        alarm.reason, alarm.reason_data, alarm.state_updated_at = params["StateReason"], data, request.at
        self._changed(alarm, request.at)
        return {}

    def tag_resource(self, params: Params, _: Request) -> Answer:
        """Add tags to an alarm, or change their values."""
        check_tags(params["Tags"])
        alarm = self._tagged(params)
        tags = alarm.tags | {tag["Key"]: tag["Value"] for tag in params["Tags"]}
        if len(tags) > 50:
            raise invalid("A resource can have at most 50 tags.")
        alarm.tags = tags
        return {}

    def untag_resource(self, params: Params, _: Request) -> Answer:
        """Take tags off an alarm."""
        alarm = self._tagged(params)
        alarm.tags = {key: value for key, value in alarm.tags.items() if key not in params["TagKeys"]}
        return {}

    def list_tags_for_resource(self, params: Params, _: Request) -> Answer:
        """List an alarm's tags."""
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(self._tagged(params).tags.items())]}

    def parents(self, child: AlarmRecord) -> list[AlarmRecord]:
        """Return the composites that refer to ``child``, as a rule's child or as a suppressor."""
        return [alarm for alarm in self._store if alarm.type == COMPOSITE and {child.name, child.arn} & set(_references(alarm))]

    def _put(self, alarm_type: str, params: Params, request: Request) -> Answer:
        known = self._store.get(params["AlarmName"])
        if known is not None and known.type != alarm_type:
            raise invalid(f"An alarm of another type with the name {known.name} exists already.")
        record = self._store.put(alarm_type, self._place.alarm(params["AlarmName"]), params, request.at)
        self._changed(record, request.at)
        return {}

    def _check_rule(self, params: Params) -> None:
        try:
            children = CompositeRule.parse(params["AlarmRule"]).children
        except RuleError as error:
            raise invalid(f"AlarmRule: {error}.") from None
        suppressor = params.get("ActionsSuppressor")
        for child in (*children, *([suppressor] if suppressor else ())):
            if self._find(child) is None:
                raise invalid(f"AlarmRule refers to an alarm that does not exist: {child}.")

    def _find(self, reference: str) -> AlarmRecord | None:
        return self._store.by_arn(reference) if reference.startswith("arn:") else self._store.get(reference)

    def _relatives(self, name: str, kind: str) -> Answer:
        alarm = self._store.get(name)
        if alarm is None:
            raise AwsError("ResourceNotFound", "Alarm does not exist")
        if kind == "ParentsOfAlarmName":
            related = self.parents(alarm)
        else:
            names = _references(alarm) if alarm.type == COMPOSITE else ()
            related = [child for reference in names if (child := self._find(reference)) is not None]
        # AWS answers with a short form of the relatives: name, ARN and state. [DescribeAlarms, ChildrenOfAlarmName]
        short = {kind: [_short(item) for item in related if item.type == kind] for kind in (METRIC, COMPOSITE)}
        return {"MetricAlarms": short[METRIC], "CompositeAlarms": short[COMPOSITE]}

    def _switch_actions(self, params: Params, enabled: bool) -> Answer:
        for alarm in (self._store.get(name) for name in params["AlarmNames"]):
            if alarm is not None:
                alarm.config["ActionsEnabled"] = enabled
        return {}

    def _tagged(self, params: Params) -> AlarmRecord:
        alarm = self._store.by_arn(params["ResourceARN"])
        if alarm is None:
            raise AwsError("ResourceNotFoundException", f"Resource {params['ResourceARN']} does not exist")
        return alarm


def _wanted(alarm: AlarmRecord, params: Params) -> bool:
    actions = alarm.config["OKActions"] + alarm.config["AlarmActions"] + alarm.config["InsufficientDataActions"]
    return (
        alarm.name.startswith(params.get("AlarmNamePrefix", ""))
        and ("AlarmNames" not in params or alarm.name in params["AlarmNames"])
        and params.get("StateValue", alarm.state) == alarm.state
        and ("ActionPrefix" not in params or any(action.startswith(params["ActionPrefix"]) for action in actions))
    )


def _in_history(item: Params, params: Params) -> bool:
    return (
        params.get("AlarmName", item["AlarmName"]) == item["AlarmName"]
        and params.get("HistoryItemType", item["HistoryItemType"]) == item["HistoryItemType"]
        and ("StartDate" not in params or item["Timestamp"] >= params["StartDate"])
        and ("EndDate" not in params or item["Timestamp"] <= params["EndDate"])
    )


def _references(composite: AlarmRecord) -> tuple[str, ...]:
    children = CompositeRule.parse(composite.config["AlarmRule"]).children
    suppressor = composite.config.get("ActionsSuppressor")
    return (*children, suppressor) if suppressor else children


def _short(alarm: AlarmRecord) -> dict[str, Any]:
    shown = alarm.describe()
    return {name: shown[name] for name in ("AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp")}


def _dimension_set(dimensions: Sequence[Mapping[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset((item["Name"], item["Value"]) for item in dimensions)


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        raise AwsError("InvalidFormat", "StateReasonData must be valid JSON") from None
