"""A service behind a load balancer that is released blue/green; version 2 fails a fifth of its requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.aws import Embedded
from infra.local.clock import METERS
from infra.local.recorder import Recorder
from infra.local.scenario import Deliveries, Press

BALANCER = "app/image/0123456789abcdef"
REQUESTS = 600.0
FAILING = 0.2

CATALOGUE: Mapping[str, str] = {
    "tocsin.yaml": """\
catalogue: image-platform
default_stage: demo
stages:
  demo: {mode_cap: auto, account: "123456789012", region: ap-northeast-2, language: en}
""",
    "profiles/alb.yaml": """\
component: alb
alarms:
  - id: 5xx-rate
    title: Requests fail at the load balancer
    kind: ratio
    errors: [AWS/ApplicationELB HTTPCode_ELB_5XX_Count, AWS/ApplicationELB HTTPCode_Target_5XX_Count]
    of: AWS/ApplicationELB RequestCount
    per: [LoadBalancer]
    when: ">= 3 %"
    for: 1 m
    missing: not_breaching
    severity: critical
    runbook: docs/runbooks/alb-5xx-rate.md
    remediate:
      - action: roll-back-deployment
        with: {cluster: image, service: image-api, within: 1 h}
        mode: auto
        limits: [1 per hour, 3 per day]
        cooldown: 30 m
        verify_within: 25 m
        otherwise: [{action: escalate}]
""",
    "services/image-processing.yaml": """\
service: image-processing
owner: platform
notify: "#ops"
use: {alb: {targets: [{LoadBalancer: app/image/0123456789abcdef}]}}
""",
}


class ReleaseSource:
    """Version 1 runs; version 2 is released ten minutes in, and fails from ``fails_at`` seconds on, if it has the traffic."""

    title = "A release goes bad"
    about = ""
    timezone = "Asia/Seoul"
    start = datetime(2026, 10, 14, 1, 0, tzinfo=UTC)
    seed = 7
    deliveries = Deliveries()
    released_at = 600.0

    def __init__(self, *, bake_minutes: int, fails_at: float = 0.0, lasts_s: int = 3600, clicks: tuple[Press, ...] = ()) -> None:
        self.lasts_s = lasts_s
        self.clicks = clicks
        self._bake = bake_minutes
        self._fails_at = fails_at

    def open(self, aws: Embedded, recorder: Recorder) -> None:
        """Build the service and its two target groups, and go on the clock."""
        self._aws, self._recorder, self._ecs = aws, recorder, aws.client("ecs")
        blue, green = aws.balancing.preload("blue"), aws.balancing.preload("green")
        rules = {"alternateTargetGroupArn": green, "productionListenerRule": "rule", "roleArn": "role"}
        balancer = {"targetGroupArn": blue, "containerName": "api", "containerPort": 80, "advancedConfiguration": rules}
        with recorder.acting_as("platform"):
            self._ecs.create_cluster(clusterName="image")
            for version in (1, 2):
                image = f"123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/api@sha256:{version:064x}"
                self._ecs.register_task_definition(family="api", containerDefinitions=[{"name": "api", "image": image}])
            self._ecs.create_service(
                cluster="image",
                serviceName="image-api",
                taskDefinition="api:1",
                desiredCount=4,
                loadBalancers=[balancer],
                deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": self._bake},
            )
        aws.clock.at(self.start + timedelta(seconds=self.released_at), self._release, label="a pipeline")
        aws.clock.every(60, self._publish, first=self.start + timedelta(minutes=1), order=METERS, label="load balancer")

    def _release(self) -> None:
        with self._recorder.acting_as("pipeline"):
            self._ecs.update_service(cluster="image", service="image-api", taskDefinition="api:2")

    def _publish(self) -> None:
        """Publish the minute that has just ended: all of it went to whoever has the traffic now."""
        minute = self._aws.clock.now - timedelta(minutes=1)
        with self._recorder.acting_as("platform"):
            group, version = self._producing()
        passed = (self._aws.clock.now - self.start).total_seconds()
        failed = REQUESTS * FAILING if version == "2" and passed > self._fails_at else 0.0
        dimensions: list[dict[str, str]] = [{"LoadBalancer": BALANCER}, {"LoadBalancer": BALANCER, "TargetGroup": group}]
        data = [
            self._datum(name, value, minute, where) for where in dimensions for name, value in _values(failed).items() if value
        ]
        with self._recorder.acting_as("platform"):
            self._aws.client("cloudwatch").put_metric_data(Namespace="AWS/ApplicationELB", MetricData=data)

    def _producing(self) -> tuple[str, str]:
        """Return the target group (as its metrics name it) and the version that have the production traffic."""
        service = self._aws.ecs.service("image", "image-api")
        newest = service.deployments[-1]
        serving = newest if newest.production >= 50 or newest.source is None else newest.source
        group = serving.target_group(service.settings["loadBalancers"][0])
        return group.rsplit(":", 1)[-1], serving.definition.rsplit(":", 1)[-1]

    @staticmethod
    def _datum(name: str, value: float, minute: datetime, dimensions: Mapping[str, str]) -> dict[str, Any]:
        return {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": part} for key, part in dimensions.items()],
            "Timestamp": minute,
            "Value": value,
        }


def _values(failed: float) -> dict[str, float]:
    return {"RequestCount": REQUESTS, "HTTPCode_Target_5XX_Count": failed}
