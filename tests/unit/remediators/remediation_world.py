"""A platform, its alarms and the remediators' real handler on the embedded AWS: what the stories of remediation are told in."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.backends import get_backend

from alarms.domain.alarm import Alarm, Condition, Missing, Mode, Operator, Policy, Revert, Severity
from alarms.domain.bounds import Limit
from alarms.domain.event import State
from alarms.domain.report import Phase, Report
from alarms.domain.text import Language
from infra.local.aws import Embedded, embedded
from infra.local.seam import Call
from remediators import dynamodb as history
from remediators import journal
from remediators.bootstrap import App, build

START = datetime(2026, 10, 31, 15, 0, 0, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "ap-northeast-2"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:tocsin-alarms"
API, QUEUE_AGE = (
    "tocsin/dev/image-processing/ecs/cpu-high/image-api",
    "tocsin/dev/image-processing/sqs/oldest-message-age/image-jobs",
)
API_RESOURCE, CONSUMER_RESOURCE = "service/image/image-api", "service/image/image-consumer"
CHANGING = {"RegisterScalableTarget", "UpdateService", "UpdateEventSourceMapping"}
VISIBILITY_S = 180
ESCALATE = Policy("escalate", {}, Mode.OBSERVE, (), 0, 0, None)


class Killed(BaseException):
    """The process ends here, whatever it was doing."""


def policy(action: str, parameters: Mapping[str, Any], **changes: Any) -> Policy:
    """Return a policy in mode auto with the usual bounds."""
    usual = Policy(
        action=action,
        parameters=dict(parameters),
        mode=Mode.AUTO,
        limits=(Limit(3, 3600), Limit(10, 86400)),
        cooldown_s=600,
        verify_within_s=600,
        revert=Revert(after_ok_s=1800, at_latest_s=6 * 3600),
        otherwise=(ESCALATE,),
    )
    return replace(usual, **changes)


SCALE_API = policy("scale-service", {"cluster": "image", "service": "image-api", "max_tasks": 20, "step": 50.0})
SCALE_CONSUMERS = policy(
    "scale-consumers",
    {"drain_within": 600, "cluster": "image", "consumer": "image-consumer", "max_tasks": 40},
    verify_within_s=900,
)
SCALE_FUNCTION = policy("scale-consumers", {"drain_within": 600, "function": "thumbnails", "max_concurrency": 100})


def api_alarm(*policies: Policy, name: str = API, settle_s: int = 20, **changes: Any) -> Alarm:
    """Return the API's CPU alarm."""
    alarm = Alarm(
        name=name,
        account=ACCOUNT,
        region=REGION,
        catalogue="image",
        stage="dev",
        service="image-processing",
        component="ecs",
        row="image-processing/ecs/cpu-high",
        target={"ClusterName": "image", "ServiceName": "image-api"},
        title="CPU is saturated",
        severity=Severity.WARNING,
        owner="platform",
        notify="ops-alerts",
        channel="#ops",
        language=Language.EN,
        runbook="docs/runbooks/ecs-cpu-high.md",
        runbook_url="",
        condition=Condition(">= 80 %", "AWS/ECS CPUUtilization", Operator.GE, 80.0, "%"),
        period_s=60,
        evaluation_periods=5,
        datapoints_to_alarm=5,
        missing=Missing.IGNORE,
        policies=policies or (SCALE_API,),
        settle_s=settle_s,
    )
    return replace(alarm, **changes)


def queue_alarm(*policies: Policy, settle_s: int = 20, **changes: Any) -> Alarm:
    """Return the queue's age alarm."""
    return api_alarm(
        *(policies or (SCALE_CONSUMERS,)),
        name=QUEUE_AGE,
        settle_s=settle_s,
        component="sqs",
        row="image-processing/sqs/oldest-message-age",
        target={"QueueName": "image-jobs"},
        title="Queue backlog delays processing",
        severity=Severity.CRITICAL,
        condition=Condition(">= 600 s", "AWS/SQS ApproximateAgeOfOldestMessage", Operator.GE, 600.0, "s"),
        **changes,
    )


class World:
    """The story's teller: what people, AWS and time do. ``calls`` are the handlers' own AWS calls, in order."""

    def __init__(self, aws: Embedded) -> None:
        self.aws = aws
        self.calls: list[Call] = []
        self.handled_at: list[int] = []
        self._clients: dict[str, Any] = {}
        self.audit: list[dict[str, Any]] = []
        self.failed = 0
        self.queue: dict[str, int] = {"visible": 1240, "in_flight": 0}
        self._kill_after: int | None = None
        self._handling = False
        self.environ = self._pipeline()
        self._platform()
        aws.seam.observe(self._saw)
        self.restart()

    def client(self, service: str) -> Any:
        """Return the story's own client of ``service``."""
        if service not in self._clients:
            self._clients[service] = self.aws.client(service)
        return self._clients[service]

    # --- what was built -----------------------------------------------------------------------------------------------

    def _pipeline(self) -> dict[str, str]:
        sqs, dynamodb = self.client("sqs"), self.client("dynamodb")
        commands = sqs.create_queue(QueueName="tocsin-dev-remediators", Attributes={"VisibilityTimeout": str(VISIBILITY_S)})
        reports = sqs.create_queue(QueueName="tocsin-dev-notifier")
        for name, keys in (("catalogue", ("alarm", "version")), ("history", ("pk", "sk"))):
            dynamodb.create_table(
                TableName=f"tocsin-dev-{name}",
                KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                BillingMode="PAY_PER_REQUEST",
            )
        dynamodb.create_table(**history.table_definition("tocsin-dev-evidence"))
        dynamodb.create_table(**journal.table_definition("tocsin-dev-journal"))
        self.client("scheduler").create_schedule_group(Name="tocsin-dev")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:tocsin-dev-remediators"
        topic = self.client("sns").create_topic(Name="tocsin-alarms")["TopicArn"]
        self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self.reports_url = reports["QueueUrl"]
        self.commands_url = commands["QueueUrl"]
        return {
            "TOCSIN_STAGE": "dev",
            "TOCSIN_CATALOGUE_TABLE": "tocsin-dev-catalogue",
            "TOCSIN_HISTORY_TABLE": "tocsin-dev-history",
            "TOCSIN_EVIDENCE_TABLE": "tocsin-dev-evidence",
            "TOCSIN_JOURNAL_TABLE": "tocsin-dev-journal",
            "TOCSIN_REPORTS_QUEUE_URL": reports["QueueUrl"],
            "TOCSIN_COMMANDS_QUEUE_URL": commands["QueueUrl"],
            "TOCSIN_COMMANDS_QUEUE_ARN": arn,
            "TOCSIN_SCHEDULER_GROUP": "tocsin-dev",
            "TOCSIN_SCHEDULER_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/tocsin-dev-scheduler",
            "TOCSIN_SWITCH_PARAMETER": "/tocsin/dev/switch",
        }

    def _platform(self) -> None:
        self.client("sqs").create_queue(QueueName="image-jobs")
        self.aws.seam.serve("sqs", {"GetQueueAttributes": self._queue_attributes}, others_to_moto=True)
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="image")
        ecs.register_task_definition(family="image", containerDefinitions=[{"name": "app", "image": "image:1"}])
        for service, count in (("image-api", 4), ("image-consumer", 3)):
            ecs.create_service(cluster="image", serviceName=service, taskDefinition="image", desiredCount=count)
            self.aws.ecs.settle("image", service)
        self.aws.clock.advance(300)
        self.target(API_RESOURCE, 4, 20)
        self.target(CONSUMER_RESOURCE, 3, 40)
        self.rates(sent=100, received=62, deleted=62)
        self.switch()

    def _queue_attributes(self, params: Mapping[str, Any], _: Any) -> dict[str, Any] | None:
        if not params["QueueUrl"].endswith("/image-jobs"):
            return None
        return {
            "Attributes": {
                "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:image-jobs",
                "ApproximateNumberOfMessages": str(self.queue["visible"]),
                "ApproximateNumberOfMessagesNotVisible": str(self.queue["in_flight"]),
            }
        }

    # --- what people and AWS do ---------------------------------------------------------------------------------------

    def apply(self, alarm: Alarm) -> None:
        """Deploy a row: the alarm in CloudWatch and its row in the catalogue."""
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=alarm.name,
            Namespace="Story",
            MetricName=alarm.row.rsplit("/", 1)[-1],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="ignore",
            AlarmActions=[TOPIC],
            OKActions=[TOPIC],
            InsufficientDataActions=[TOPIC],
        )
        self.client("dynamodb").put_item(
            TableName="tocsin-dev-catalogue",
            Item={
                "alarm": {"S": alarm.key},
                "version": {"S": "current"},
                "document": {"S": json.dumps(alarm.to_document())},
                "digest": {"S": alarm.digest},
            },
        )
        self.state(alarm.name, State.OK)

    def state(self, name: str, state: State, reason: str = "Threshold Crossed: 1 datapoint was greater.") -> None:
        """Let the alarm go to ``state`` now; CloudWatch tells the topic."""
        self.aws.clock.advance(1)
        data = {"version": "1.0", "recentDatapoints": [91.0], "threshold": 80.0}
        self.client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue=state.value, StateReason=reason, StateReasonData=json.dumps(data)
        )

    def ring(self, name: str) -> None:
        """Let the alarm ring."""
        self.state(name, State.ALARM)

    def recover(self, name: str) -> None:
        """Let the alarm recover, seen in data."""
        self.state(name, State.OK)

    def switch(self, *, paused: bool = False, mode: str = "auto", policies: Mapping[str, Any] | None = None) -> None:
        """Set the live switch."""
        value = json.dumps({"paused": paused, "reason": "drill", "mode": mode, "policies": policies or {}})
        self.client("ssm").put_parameter(Name="/tocsin/dev/switch", Value=value, Type="String", Overwrite=True)

    def target(self, resource: str, floor: int, maximum: int | None = None) -> None:
        """Set a service's scalable target, as people or their tools do."""
        bounds = {"MinCapacity": floor, **({"MaxCapacity": maximum} if maximum else {})}
        self.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs", ResourceId=resource, ScalableDimension="ecs:service:DesiredCount", **bounds
        )

    def scale_in(self) -> None:
        """Bring both services back to their usual size, as target tracking does when it is quiet."""
        for service, count in (("image-api", 4), ("image-consumer", 3)):
            self.client("ecs").update_service(cluster="image", service=service, desiredCount=count)
            self.aws.ecs.settle("image", service)

    def rates(self, *, sent: float, received: float, deleted: float) -> None:
        """Publish the queue's rates of the last minutes."""
        end = self.now.replace(second=0, microsecond=0)
        for name, value in (("Sent", sent), ("Received", received), ("Deleted", deleted)):
            self.client("cloudwatch").put_metric_data(
                Namespace="AWS/SQS",
                MetricData=[
                    {
                        "MetricName": f"NumberOfMessages{name}",
                        "Dimensions": [{"Name": "QueueName", "Value": "image-jobs"}],
                        "Timestamp": end - timedelta(minutes=minute),
                        "Value": value,
                    }
                    for minute in range(1, 6)
                ],
            )

    # --- the handler --------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Start the Lambda afresh: nothing of the old process remains."""
        self.app: App = build(self.environ, self.audit.append)

    def kill_after(self, call: int | None) -> None:
        """End the process right after its ``call``-th AWS call from now on took effect."""
        self._kill_after = call

    def crash_points(self, since: int = 0, until: int | None = None) -> list[int]:
        """Return after which of the calls from ``since`` to ``until`` a death leaves a state of its own.

        A read changes nothing: dying after it is dying after the write before it. So these are the writes, and the first
        call of each delivery (by then the delivery before it is off the queue). Numbers count from ``since``.
        """
        reads = ("Describe", "Get", "List", "Query")
        writes = {number for number, call in enumerate(self.calls) if not call.operation.startswith(reads)}
        return sorted(number - since for number in writes | set(self.handled_at) if since <= number < (until or len(self.calls)))

    def receive(self) -> list[dict[str, Any]]:
        """Take what is visible on the remediators' queue."""
        found = self.client("sqs").receive_message(
            QueueUrl=self.commands_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": self.environ["TOCSIN_COMMANDS_QUEUE_ARN"],
                "awsRegion": REGION,
            }
            for message in found.get("Messages", [])
        ]

    def handle(self, records: list[dict[str, Any]]) -> set[str]:
        """Let the handler take ``records``; returns the ids that have to come again."""
        self._handling = True
        self.handled_at.append(len(self.calls))
        try:
            answer = self.app.handle({"Records": records}, None, self.now)
        except Killed:
            self.restart()
            return {record["messageId"] for record in records}
        finally:
            self._handling = False
        return {item["itemIdentifier"] for item in answer["batchItemFailures"]}

    def pump(self, copies: int = 1) -> int:
        """Deliver what is visible now, each record ``copies`` times; what failed stays for its visibility timeout."""
        taken = 0
        while self.visible() and (records := self.receive()):
            for record in records:
                again = set().union(*(self.handle([dict(record)]) for _ in range(copies)))
                self.failed += len(again)
                if not again:
                    self.client("sqs").delete_message(QueueUrl=self.commands_url, ReceiptHandle=record["receiptHandle"])
                taken += 1
        return taken

    def visible(self) -> bool:
        """Whether a message can be received now; read from moto's queue, so that hours of silence cost nothing."""
        held = get_backend("sqs")[ACCOUNT][REGION].queues["tocsin-dev-remediators"]._messages
        now = self.now.timestamp() * 1000
        return any(max(message.visible_at, message.delayed_until) <= now for message in held)

    def wait(self, seconds: float, copies: int = 1, step: float = 10) -> None:
        """Let time pass, delivering what comes."""
        end = self.now + timedelta(seconds=seconds)
        self.pump(copies)
        while self.now < end:
            self.aws.clock.advance(min(step, (end - self.now).total_seconds()))
            self.pump(copies)

    def _saw(self, call: Call) -> None:
        if not self._handling or call.internal:
            return
        self.calls.append(call)
        if self._kill_after is not None:
            self._kill_after -= 1
            if self._kill_after < 0:
                self._kill_after = None
                raise Killed

    @property
    def handling(self) -> bool:
        """Whether the handler is at work at this moment."""
        return self._handling

    # --- what is seen -------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.aws.clock.now

    def floor(self, resource: str = API_RESOURCE) -> int:
        """Return the scalable target's floor."""
        answer = self.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[resource])
        return int(answer["ScalableTargets"][0]["MinCapacity"])

    def desired(self, service: str = "image-api") -> int:
        """Return the service's desired count."""
        found = self.client("ecs").describe_services(cluster="image", services=[service])["services"]
        return int(found[0]["desiredCount"])

    def changes(self) -> list[tuple[str, Any]]:
        """Return the handlers' changing calls that took effect: operation and value."""
        knobs = {
            "RegisterScalableTarget": "MinCapacity",
            "UpdateService": "desiredCount",
            "UpdateEventSourceMapping": "ScalingConfig",
        }
        return [
            (call.operation, call.params[knobs[call.operation]])
            for call in self.calls
            if call.operation in CHANGING and call.error_code is None
        ]

    def reports(self) -> list[Report]:
        """All reports sent so far but what diagnosis found, each id once, in order."""
        sent = [
            Report.from_document(json.loads(call.params["MessageBody"]))
            for call in self.calls
            if call.operation == "SendMessage" and call.params["QueueUrl"] == self.reports_url and call.error_code is None
        ]
        return [report for report in {report.id: report for report in sent}.values() if report.phase is not Phase.DIAGNOSED]

    def phases(self) -> list[str]:
        """Phases of all reports, each id once, in order."""
        return [report.phase.value for report in self.reports()]

    def reasons(self) -> list[str]:
        """Reasons of all decisions to do nothing, as audited."""
        return [entry["reason"] for entry in self.audit if entry["type"] == "decision" and entry["reason"]]


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Open a fresh world."""
    with embedded(START, region=REGION, account=ACCOUNT) as aws:
        yield World(aws)
