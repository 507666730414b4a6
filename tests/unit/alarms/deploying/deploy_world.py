"""What the tests of deploying stand on: rows made by hand, a pure CloudWatch, and an embedded one that records its writes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from alarms import deploy
from alarms.deploy import How
from alarms.deployment import Outcome
from alarms.desired import TAG_CATALOGUE, TAG_ROW, TAG_STAGE, Desired, Operation
from alarms.domain.alarm import Alarm, Condition, Missing, Mode, Operator, Policy, Severity
from alarms.domain.text import Language
from alarms.plan_types import Actual, Plan, Published, Target, Verb
from alarms.problem import Place
from alarms.rows import table_definition
from alarms.settings import Settings
from infra.local.aws import Embedded
from infra.local.seam import Call

ACCOUNT = "123456789012"
REGION = "ap-northeast-2"
SETTINGS = Settings(catalogue="shop", stage="dev", account=ACCOUNT, region=REGION)
TARGET = deploy.target_of(SETTINGS)
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:tocsin-alarms"
PAGER = f"arn:aws:sns:{REGION}:{ACCOUNT}:somebody-s-pager"
WRITES = {
    "PutMetricAlarm",
    "PutCompositeAlarm",
    "DeleteAlarms",
    "TagResource",
    "UntagResource",
    "PutItem",
    "DeleteItem",
    "UpdateItem",
    "BatchWriteItem",
    "TransactWriteItems",
}


def row(id_: str = "oldest-message-age", *, service: str = "images", mode: Mode = Mode.OBSERVE, **members: Any) -> Desired:
    """Return one desired metric alarm; ``members`` replace those of its request, None takes one out."""
    name = f"tocsin/dev/{service}/sqs/{id_}/image-jobs"
    request = {
        "AlarmName": name,
        "AlarmDescription": "Queue backlog delays processing",
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Statistic": "Maximum",
        "Dimensions": [{"Name": "QueueName", "Value": "image-jobs"}],
        "Period": 60,
        "EvaluationPeriods": 15,
        "Threshold": 600,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
        "InsufficientDataActions": [TOPIC],
        **members,
    }
    request = {key: value for key, value in request.items() if value is not None}
    return _desired(
        f"{service}/sqs/{id_}", _alarm(name, service, id_, float(request.get("Threshold", 0)), mode), "PutMetricAlarm", request
    )


def composite(id_: str, rule: str, *, service: str = "images", **members: Any) -> Desired:
    """Return one desired composite alarm."""
    name = f"tocsin/dev/{service}/all/{id_}/x"
    request = {"AlarmName": name, "AlarmRule": rule, "AlarmActions": [TOPIC], **members}
    return _desired(f"{service}/all/{id_}", _alarm(name, service, id_, 0.0, Mode.OBSERVE), "PutCompositeAlarm", request)


def _desired(full: str, alarm: Alarm, operation: Operation, request: Mapping[str, Any]) -> Desired:
    tags = {TAG_CATALOGUE: "shop", TAG_STAGE: "dev", TAG_ROW: full, "owner": alarm.owner}
    return Desired(full.split("/", 1)[1], replace(alarm, row=full), operation, request, tags, Place("catalog.yaml", 1, 1))


def _alarm(name: str, service: str, id_: str, threshold: float, mode: Mode) -> Alarm:
    policy = Policy("scale-consumers", {"cluster": "image", "max_tasks": 40}, mode, (), 600, 900, None)
    return Alarm(
        name=name,
        account=ACCOUNT,
        region=REGION,
        catalogue="shop",
        stage="dev",
        service=service,
        component="sqs",
        row=f"{service}/sqs/{id_}",
        target={"QueueName": "image-jobs"},
        title="Queue backlog delays processing",
        severity=Severity.CRITICAL,
        owner="platform",
        notify="ops",
        channel="#ops",
        language=Language.EN,
        runbook="docs/runbooks/sqs.md",
        runbook_url="",
        condition=Condition(f">= {threshold} s", "AWS/SQS ApproximateAgeOfOldestMessage", Operator.GE, threshold, "s"),
        period_s=60,
        evaluation_periods=15,
        datapoints_to_alarm=15,
        missing=Missing.NOT_BREACHING,
        policies=(policy,),
    )


class PureCloud:
    """CloudWatch and the table as values: it reports as the real one does, with defaults filled in and lists reordered."""

    def __init__(self, target: Target = TARGET, seed: int = 0) -> None:
        self.target = target
        self.alarms: dict[str, Actual] = {}
        self.rows: dict[str, Published] = {}
        self._random = random.Random(seed)  # noqa: S311 - shuffles lists, keeps no secret

    def carry_out(self, plan: Plan) -> None:
        """Do what a plan says, without asking."""
        for item in plan.items:
            if item.verb is Verb.DELETE:
                del self.alarms[item.name]
                self.rows.pop(item.name, None)
                continue
            if item.row is not None:
                self.rows[item.name] = Published(item.row_digest, item.row)
            if item.put:
                self.put(item.operation, item.request)
            known = self.alarms[item.name]
            self.alarms[item.name] = replace(known, tags={**known.tags, **item.tags})

    def put(self, operation: Operation, request: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> None:
        """Replace the whole configuration, as CloudWatch does; an existing alarm keeps its tags."""
        name = request["AlarmName"]
        known = self.alarms.get(name)
        kept = known.tags if known else dict(tags or {})
        arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
        self.alarms[name] = Actual(name, arn, operation, self._reported(operation, request), kept)

    def edit(self, name: str, **members: Any) -> None:
        """Change members of a live alarm behind our back."""
        known = self.alarms[name]
        self.put(known.operation, {**known.members, **members})

    def actual(self) -> list[Actual]:
        """Return every live alarm, in any order."""
        return self._random.sample(list(self.alarms.values()), len(self.alarms))

    def _reported(self, operation: Operation, request: Mapping[str, Any]) -> dict[str, Any]:
        members = {
            "AlarmDescription": "",
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
        }
        members |= {"StateValue": "OK", "StateReason": "because"}
        if operation == "PutMetricAlarm":
            members |= {"Dimensions": [], "TreatMissingData": "missing", "DatapointsToAlarm": request.get("EvaluationPeriods")}
        members |= request
        for field in ("Dimensions", "Metrics", "OKActions", "AlarmActions", "InsufficientDataActions"):
            if field in members:
                members[field] = self._random.sample(list(members[field]), len(members[field]))
        if members.get("Threshold") is not None:
            members["Threshold"] = float(members["Threshold"])
        return members


class World:
    """An embedded AWS with a catalogue table, and what is written to it."""

    def __init__(self, aws: Embedded, *, table: bool = True) -> None:
        self.aws = aws
        self.clients = deploy.clients_of(aws.session, REGION)
        if table:
            self.clients("dynamodb").create_table(**table_definition(TARGET.table))
        self.calls: list[Call] = []
        self.lines: list[str] = []
        aws.seam.observe(self.calls.append)

    @property
    def how(self) -> How:
        """How the tests run: what is said is kept in ``lines``."""
        return How(progress=lambda step: self.lines.append(step.text))

    def apply(self, desired: Sequence[Desired], how: How | None = None, **changed: Any) -> Outcome:
        """Apply, and start recording anew."""
        self.calls.clear()
        return deploy.apply(
            self.clients, desired, SETTINGS, now=self.now, sleep=self.sleep, how=replace(how or self.how, **changed)
        )

    def plan(self, desired: Sequence[Desired], **changed: Any) -> Plan:
        """Plan, and start recording anew."""
        self.calls.clear()
        return deploy.plan(self.clients, desired, SETTINGS, now=self.now, sleep=self.sleep, how=replace(self.how, **changed))

    def apply_saved(self, saved: Plan, **changed: Any) -> Outcome:
        """Apply a saved plan, and start recording anew."""
        self.calls.clear()
        return deploy.apply_saved(self.clients, saved, SETTINGS, now=self.now, sleep=self.sleep, how=replace(self.how, **changed))

    def destroy(self, **changed: Any) -> Outcome:
        """Destroy, and start recording anew."""
        self.calls.clear()
        return deploy.destroy(self.clients, SETTINGS, now=self.now, sleep=self.sleep, how=replace(self.how, **changed))

    def written(self) -> list[str]:
        """Return the names of the changing calls since recording started, in order."""
        return [call.operation for call in self.calls if call.operation in WRITES]

    def live(self) -> dict[str, dict[str, Any]]:
        """Return every live alarm by name."""
        answer = self.clients("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100)
        return {alarm["AlarmName"]: alarm for alarm in (*answer["MetricAlarms"], *answer["CompositeAlarms"])}

    def edit(self, name: str, **members: Any) -> None:
        """Change members of a live alarm behind our back, as somebody at the console would."""
        self.sleep(1)  # the quota is the account's: somebody at the console has to share it
        known = self.live()[name]
        kept = set(self.clients("cloudwatch").meta.service_model.operation_model("PutMetricAlarm").input_shape.members)
        self.clients("cloudwatch").put_metric_alarm(**{**{key: known[key] for key in known if key in kept}, **members})

    def current(self, name: str) -> dict[str, Any] | None:
        """Return the published row of an alarm as the table holds it."""
        key = {"alarm": {"S": f"{ACCOUNT}/{REGION}/{name}"}, "version": {"S": "current"}}
        found: dict[str, Any] | None = self.clients("dynamodb").get_item(TableName=TARGET.table, Key=key).get("Item")
        return found

    @property
    def now(self) -> Callable[[], Any]:
        """The virtual clock."""
        return lambda: self.aws.clock.now

    @property
    def sleep(self) -> Callable[[float], None]:
        """Waiting moves the virtual clock."""
        return self.aws.clock.advance
