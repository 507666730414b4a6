"""A healthy deployment on the embedded AWS, as docs/deploying.md names its parts, and a doctor who looks at it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import alarms
from alarms import deploy
from alarms.deploy import How
from alarms.desired import Desired
from alarms.domain.action import Risk
from alarms.load import load
from infra.aws.permissions import names_of
from infra.doctor.check import Finding, Verdict
from infra.doctor.checks import checks
from infra.doctor.checks.tables import DEFINITIONS
from infra.doctor.deployment import ALIAS, FUNCTIONS, ROOMS, Deployment
from infra.doctor.run import Answered, examine
from infra.doctor.slack import SlackWeb
from infra.local.aws import Embedded
from infra.local.slack import TEAM, TOKEN, Workspace
from infra.local.slack_people import APPROVER, SECOND_APPROVER, SIGNING_SECRET
from remediators.permissions.grants import grants
from remediators.registry import registry
from remediators.timers import Timer, TimerKind

START = datetime(2026, 11, 28, 9, tzinfo=UTC)
REGION, ACCOUNT = "ap-northeast-2", "123456789012"
BASE = "tocsin-demo"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:tocsin-alarms"
EXPIRES = {"threads": "expires", "history": "expires_at", "evidence": "expires_at", "journal": "expires_at"}
SERVICES_OF_THE_KEY = ["cloudwatch.amazonaws.com", "sns.amazonaws.com"]


def statement(service: str | list[str], action: str | list[str], resource: str = "*", **conditions: Any) -> dict[str, Any]:
    """Return one Allow for services."""
    found = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource}
    return found | ({"Condition": conditions} if conditions else {})


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(service: str, **conditions: Any) -> str:
    """Return the trust of a role, which has no resource."""
    found = statement(service, "sts:AssumeRole", **conditions)
    return document({key: value for key, value in found.items() if key != "Resource"})


class World:
    """The deployment and what a test breaks in it. ``mappings`` are the consumers' UUIDs by room."""

    def __init__(self, aws: Embedded, workspace: Workspace, slack_url: str, desired: tuple[Desired, ...], settings: Any) -> None:
        self.aws, self.workspace, self.slack_url = aws, workspace, slack_url
        self.desired, self.settings = desired, settings
        self.mappings: dict[str, str] = {}
        self.denied: set[str] = set()
        self.key = self._key()
        self._topic()
        self._queues()
        self._tables()
        self._roles()
        self._functions()
        self._settings()
        self._alarms()
        aws.seam.serve("iam", {"SimulatePrincipalPolicy": self._simulated}, others_to_moto=True)
        self.publish()

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    def deployment(self) -> Deployment:
        clients = deploy.clients_of(self.aws.session, REGION)
        slack = lambda token: SlackWeb(self.slack_url, token)  # noqa: E731 - one line says it
        return Deployment(self.settings, self.desired, clients, slack, lambda: self.aws.clock.now, self.aws.clock.advance)

    def examined(self, *names: str) -> list[Answered]:
        """Let a doctor look, at the named checks or at everything."""
        asked = {name: check for name, check in checks().items() if not names or name in names}
        return list(examine(self.deployment(), asked))

    def troubles(self, *names: str) -> dict[str, list[Finding]]:
        """Return what is not ok, by check."""
        found = {
            one.name: [finding for finding in one.findings if finding.verdict is not Verdict.OK] for one in self.examined(*names)
        }
        return {name: findings for name, findings in found.items() if findings}

    def queue(self, name: str) -> str:
        url: str = self.client("sqs").get_queue_url(QueueName=f"{BASE}-{name}")["QueueUrl"]
        return url

    def publish(self, spoil: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda one: one) -> None:
        """Publish a point of everything that the alarms read, of the functions and of the heartbeat."""
        points: dict[tuple[str, str, str], dict[str, Any]] = {}
        for one in self.desired:
            entries = [entry["MetricStat"]["Metric"] for entry in one.request.get("Metrics", ()) if "MetricStat" in entry]
            for metric in entries or [one.request]:
                point = {key: metric[key] for key in ("Namespace", "MetricName", "Dimensions")}
                points[(point["Namespace"], point["MetricName"], json.dumps(point["Dimensions"]))] = point
        for point in points.values():
            if spoiled := spoil(point):
                self.point(**spoiled)
        for room in FUNCTIONS:
            self.point("AWS/Lambda", "Invocations", [{"Name": "FunctionName", "Value": f"{BASE}-{room}"}], 12)
        self.point("Tocsin", "Swept", [{"Name": "Stage", "Value": "demo"}])

    def point(self, Namespace: str, MetricName: str, Dimensions: list[dict[str, str]], value: float = 1) -> None:  # noqa: N803 - the members of an alarm
        datum = {
            "MetricName": MetricName,
            "Dimensions": Dimensions,
            "Value": value,
            "Timestamp": self.aws.clock.now - timedelta(minutes=2),
        }
        self.client("cloudwatch").put_metric_data(Namespace=Namespace, MetricData=[datum])

    def environment(self, room: str, **changes: str | None) -> None:
        """Change variables of a function; None takes one away."""
        name = f"{BASE}-{room}"
        found = self.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        kept = {key: value for key, value in {**found, **changes}.items() if value is not None}
        self.client("lambda").update_function_configuration(FunctionName=name, Environment={"Variables": kept})

    def _key(self) -> str:
        owner = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
        use = statement(SERVICES_OF_THE_KEY, ["kms:Decrypt", "kms:GenerateDataKey*"], StringEquals={"aws:SourceAccount": ACCOUNT})
        key: str = self.client("kms").create_key(Policy=document(owner, use))["KeyMetadata"]["Arn"]
        return key

    def _topic(self) -> None:
        policy = document(
            statement("cloudwatch.amazonaws.com", "sns:Publish", TOPIC, StringEquals={"aws:SourceAccount": ACCOUNT})
        )
        self.client("sns").create_topic(Name="tocsin-alarms", Attributes={"KmsMasterKeyId": self.key, "Policy": policy})

    def _queues(self) -> None:
        sqs, sns = self.client("sqs"), self.client("sns")
        for name in (*(f"{room}-{kind}" for room in ROOMS for kind in ("dead", "undelivered")), "schedules-dead"):
            sqs.create_queue(QueueName=f"{BASE}-{name}", Attributes={"KmsMasterKeyId": self.key})
        for room in ROOMS:
            arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{BASE}-{room}"
            attributes = {
                "KmsMasterKeyId": self.key,
                "VisibilityTimeout": "360",
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{arn}-dead", "maxReceiveCount": 5}),
                "Policy": document(statement("sns.amazonaws.com", "sqs:SendMessage", arn, ArnEquals={"aws:SourceArn": TOPIC})),
            }
            sqs.create_queue(QueueName=f"{BASE}-{room}", Attributes=attributes)
            redrive = json.dumps({"deadLetterTargetArn": f"{arn}-undelivered"})
            sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn, Attributes={"RedrivePolicy": redrive})
            self.mappings[room] = self.aws.mappings.preload(
                function=f"{BASE}-{room}:{ALIAS}", queue_arn=arn, maximum_concurrency=5, reserved=5
            )

    def _tables(self) -> None:
        dynamodb = self.client("dynamodb")
        for name, define in DEFINITIONS.items():
            sse = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": self.key}
            dynamodb.create_table(**define(f"{BASE}-{name}"), SSESpecification=sse)
            dynamodb.update_continuous_backups(
                TableName=f"{BASE}-{name}", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
            if name in EXPIRES:
                expiry = {"Enabled": True, "AttributeName": EXPIRES[name]}
                dynamodb.update_time_to_live(TableName=f"{BASE}-{name}", TimeToLiveSpecification=expiry)

    def _roles(self) -> None:
        iam = self.client("iam")
        group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{BASE}"
        conditions = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": group}
        trusts = {"scheduler": ("scheduler.amazonaws.com", conditions), "remediators": ("lambda.amazonaws.com", {})}
        for name, (service, equal) in trusts.items():
            trust = trusting(service, StringEquals=equal)
            iam.create_role(RoleName=f"{BASE}-{name}", AssumeRolePolicyDocument=trust)
        self.client("scheduler").create_schedule_group(Name=BASE)
        self.client("scheduler").create_schedule(
            Name="sweep",
            GroupName=BASE,
            ScheduleExpression="rate(5 minutes)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{BASE}-remediators",
                "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{BASE}-scheduler",
                "Input": json.dumps(Timer(TimerKind.SWEEP, f"{ACCOUNT}/{REGION}").to_document()),
            },
        )

    def _functions(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as code:
            code.writestr("notifier.py", "")
        for room, variables in environments(self.slack_url).items():
            self.client("lambda").create_function(
                FunctionName=f"{BASE}-{room}",
                Runtime="python3.13",
                Architectures=["arm64"],
                Role=f"arn:aws:iam::{ACCOUNT}:role/{BASE}-remediators",
                Handler="notifier.handler",
                Code={"ZipFile": packed.getvalue()},
                Timeout=60,
                Environment={"Variables": dict(variables)},
            )

    def _settings(self) -> None:
        self.client("secretsmanager").create_secret(
            Name="tocsin/demo/slack", SecretString=json.dumps({"bot_token": TOKEN, "signing_secret": SIGNING_SECRET})
        )
        put = self.client("ssm").put_parameter
        put(Name="/tocsin/demo/switch", Value=json.dumps({"paused": False, "mode": "auto"}), Type="String")
        people = {risk.value: [APPROVER, SECOND_APPROVER] for risk in Risk}
        put(Name="/tocsin/demo/approvers", Value=json.dumps({"approvers": people}), Type="String")

    def _alarms(self) -> None:
        clients = deploy.clients_of(self.aws.session, REGION)
        outcome = deploy.apply(
            clients, self.desired, self.settings, now=lambda: self.aws.clock.now, sleep=self.aws.clock.advance, how=How()
        )
        assert outcome.ok, outcome

    def _simulated(self, params: Mapping[str, Any], _: object) -> Mapping[str, Any]:
        """Answer as IAM's simulator does for a role that holds what `tocsin iam` prints, without what a test took away."""
        held = grants((one.alarm for one in self.desired), registry().specs(), names_of(self.settings))
        (resource,) = params["ResourceArns"]
        given = {(key["ContextKeyName"], key["ContextKeyValues"][0]) for key in params.get("ContextEntries", ())}
        results = []
        for action in params["ActionNames"]:
            may = action not in self.denied and any(
                grant.action == action
                and fnmatchcase(resource, grant.resource)
                and {(key, value.replace("*", "any")) for _, key, value in grant.condition} <= given
                for grant in held
            )
            results.append(
                {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed" if may else "implicitDeny"}
            )
        return {"EvaluationResults": results}


def environments(slack_url: str) -> dict[str, Mapping[str, str]]:
    """Return the variables of each function, as docs/deploying.md lists them."""
    queue = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{BASE}-"
    shared = {"TOCSIN_STAGE": "demo", "TOCSIN_SLACK_SECRET": "tocsin/demo/slack", "TOCSIN_SLACK_URL": slack_url}
    return {
        "notifier": {
            **shared,
            "TOCSIN_CATALOGUE_TABLE": f"{BASE}-catalogue",
            "TOCSIN_THREADS_TABLE": f"{BASE}-threads",
            "TOCSIN_DEFAULT_CHANNEL": "#ops-alerts",
        },
        "remediators": {
            "TOCSIN_STAGE": "demo",
            **{f"TOCSIN_{name.upper()}_TABLE": f"{BASE}-{name}" for name in ("catalogue", "history", "evidence", "journal")},
            "TOCSIN_REPORTS_QUEUE_URL": f"{queue}notifier",
            "TOCSIN_COMMANDS_QUEUE_URL": f"{queue}remediators",
            "TOCSIN_COMMANDS_QUEUE_ARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{BASE}-remediators",
            "TOCSIN_SCHEDULER_GROUP": BASE,
            "TOCSIN_SCHEDULER_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/{BASE}-scheduler",
            "TOCSIN_SWITCH_PARAMETER": "/tocsin/demo/switch",
        },
        "interactive": {
            **shared,
            "TOCSIN_THREADS_TABLE": f"{BASE}-threads",
            "TOCSIN_SLACK_TEAM": TEAM,
            "TOCSIN_APPROVERS_PARAMETER": "/tocsin/demo/approvers",
            "TOCSIN_COMMANDS_QUEUE_URL": f"{queue}remediators",
            "TOCSIN_REPORTS_QUEUE_URL": f"{queue}notifier",
        },
    }


def catalogue() -> Any:
    """Return the product's own catalogue for the stage that the embedded AWS is."""
    return load(Path(alarms.__file__).parent / "catalog", stage="demo", actions=registry(), today=date(2026, 11, 28))
