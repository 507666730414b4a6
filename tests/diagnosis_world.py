"""A service on the embedded AWS with everything that a diagnosis reads, healthy until a story breaks it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alarms.domain.alarm import Alarm, Condition, Missing, Operator, Severity
from alarms.domain.decision import Proposal
from alarms.domain.text import Language
from infra.local.aws import Embedded, embedded
from remediators.action import Situation
from remediators.actions.diagnose import Diagnose
from remediators.aws import Clients

START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "ap-northeast-2"
BALANCER = "app/api/0123456789abcdef"
LOGS, SECRET = "/ecs/api", "partner/token"
QUIET_S = 3600


def alarm(service: str = "api", row: str = "alb/5xx-rate", metric: str = "5xx", **changes: Any) -> Alarm:
    """Return an alarm of ``service``; its resources are those of the world."""
    found = Alarm(
        name=f"tocsin/prod/{service}/{row}/t",
        account=ACCOUNT,
        region=REGION,
        catalogue="shop",
        stage="prod",
        service=service,
        component=row.split("/", maxsplit=1)[0],
        row=f"{service}/{row}",
        target={"LoadBalancer": BALANCER},
        title="Requests fail",
        severity=Severity.CRITICAL,
        owner="platform",
        notify="ops",
        channel="#ops",
        language=Language.EN,
        runbook="docs/runbooks/alb-5xx-rate.md",
        runbook_url="",
        condition=Condition(">= 3 %", metric, Operator.GE, 3.0, "%"),
        period_s=60,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        missing=Missing.NOT_BREACHING,
        resources={
            "alb": ({"LoadBalancer": BALANCER},),
            "ecs": ({"ClusterName": "shop", "ServiceName": "api"},),
            "aurora": ({"DBInstanceIdentifier": "shop-db-1"},),
            "logs": ({"LogGroupName": LOGS},),
            "secrets": ({"SecretId": SECRET},),
        },
    )
    return replace(found, **changes)


class World:
    """Four healthy servers behind a balancer, a database, logs, a partner's token; and who looks at them."""

    def __init__(self, aws: Embedded) -> None:
        self.aws = aws
        self.clients = Clients()
        self._made: dict[str, Any] = {}
        self._build()
        for minute in range(QUIET_S // 60):
            self.minute(START + timedelta(minutes=minute))
        aws.clock.advance(QUIET_S)

    def client(self, service: str) -> Any:
        """Return the story's own client."""
        if service not in self._made:
            self._made[service] = self.aws.client(service)
        return self._made[service]

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self.aws.clock.now

    def _build(self) -> None:
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="shop")
        for image in ("1", "2"):
            ecs.register_task_definition(family="api", containerDefinitions=[{"name": "app", "image": f"api:{image}"}])
        ecs.create_service(cluster="shop", serviceName="api", taskDefinition="api:1", desiredCount=4)
        self.aws.ecs.settle("shop", "api")
        self.client("secretsmanager").create_secret(Name=SECRET, SecretString="not to be read")
        self.client("rds").create_db_instance(DBInstanceIdentifier="shop-db-1", DBInstanceClass="db.r6g.large", Engine="postgres")

    def put(self, namespace: str, metric: str, target: Mapping[str, str], value: float, at: datetime) -> None:
        """Publish one point."""
        dimensions = [{"Name": key, "Value": held} for key, held in target.items()]
        data = [{"MetricName": metric, "Dimensions": dimensions, "Timestamp": at, "Value": value}]
        self.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)

    def minute(
        self,
        at: datetime,
        *,
        requests: float = 600,
        failed: float = 0,
        balancer: float = 0,
        memory: float = 55,
        connections: float = 40,
    ) -> None:
        """Publish one minute of the service's metrics, and a line of its logs."""
        server, database = {"ClusterName": "shop", "ServiceName": "api"}, {"DBInstanceIdentifier": "shop-db-1"}
        self.put("AWS/ApplicationELB", "RequestCount", {"LoadBalancer": BALANCER}, requests, at)
        self.put("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", {"LoadBalancer": BALANCER}, failed, at)
        if balancer:
            self.put("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", {"LoadBalancer": BALANCER}, balancer, at)
        self.put("AWS/ECS", "CPUUtilization", server, 35, at)
        self.put("AWS/ECS", "MemoryUtilization", server, memory, at)
        self.put("AWS/RDS", "DatabaseConnections", database, connections, at)
        self.log("INFO request served in 12 ms", at)

    def trouble(self, minutes: int, lines: Sequence[str] = (), **changes: float) -> None:
        """Let ``minutes`` pass with changed metrics, and ``lines`` in the logs five times a minute."""
        for _ in range(minutes):
            at = self.now
            self.minute(at, **changes)
            for second in range(5):
                for line in lines:
                    self.log(line, at + timedelta(seconds=10 * second))
            self.aws.clock.advance(60)

    def log(self, line: str, at: datetime) -> None:
        """Write one line of the service's logs."""
        self.aws.logs.preload(LOGS, [(at, line)])

    def ring(self, rang: Alarm, metric: str = "m") -> Alarm:
        """Let the alarm ring now."""
        cloudwatch = self.client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName=rang.name,
            Namespace="Story",
            MetricName=metric,
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="ignore",
        )
        cloudwatch.set_alarm_state(AlarmName=rang.name, StateValue="OK", StateReason="first data")
        self.aws.clock.advance(1)
        cloudwatch.set_alarm_state(AlarmName=rang.name, StateValue="ALARM", StateReason="Threshold Crossed")
        return rang

    def diagnose(self, rang: Alarm, **changes: Any) -> tuple[Proposal, dict[str, Any]]:
        """Run the action as the engine does; returns what people read and what is kept."""
        action, situation = Diagnose(), Situation(rang, None, None, self.now, **changes)  # type: ignore[arg-type]  # no policy
        observed = action.observe(self.clients, situation)
        kept = json.loads(json.dumps(action.evidence(observed, situation)))
        return action.propose(observed, situation), kept


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Open a fresh world, after one quiet hour."""
    with embedded(START, region=REGION, account=ACCOUNT) as aws:
        yield World(aws)
