"""A service that is released blue/green on the embedded AWS, with traffic that each colour answers in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from remediation_world import World, api_alarm, policy, world

from alarms.domain.alarm import Alarm, Condition, Operator, Policy
from alarms.domain.decision import Proposal
from remediators.action import Purpose, Refusal, Situation
from remediators.actions.roll_back_deployment import RollBackDeployment
from remediators.aws import Clients
from remediators.ecs.rollback import Seen

ERRORS = "tocsin/dev/image-processing/alb/5xx-rate/image"
DATABASE = "tocsin/dev/image-processing/aurora/connections-near-max/image-db-1"
ROLL_BACK: Policy = policy(
    "roll-back-deployment", {"cluster": "image", "service": "image-api", "within": 3600}, revert=None, verify_within_s=900
)
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
REPOSITORY = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/api"
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_PRODUCTION_TRAFFIC_SHIFT"]}


def errors_alarm(rollback: Policy = ROLL_BACK, **changes: Any) -> Alarm:
    """Return the alarm on the load balancer's 5xx answers."""
    return replace(
        api_alarm(rollback, name=ERRORS),
        component="alb",
        row="image-processing/alb/5xx-rate",
        target={"LoadBalancer": "app/image/0123456789abcdef"},
        title="Requests fail",
        condition=Condition(">= 3 %", "AWS/ApplicationELB 5XX rate", Operator.GE, 3.0, "%"),
        **changes,
    )


class Release:
    """``image-api`` with two target groups, version 1 running; version 2 waits to be released."""

    action = RollBackDeployment()

    def __init__(self, story: World, **configuration: Any) -> None:
        self.story, self.aws = story, story.aws
        self.ecs = story.client("ecs")
        self.groups = [self.aws.balancing.preload("blue"), self.aws.balancing.preload("green")]
        for version in (1, 2):
            image = {"name": "app", "image": f"registry.example/api@sha256:{version:064x}"}
            self.ecs.register_task_definition(family="api", containerDefinitions=[image])
        rules = {"alternateTargetGroupArn": self.groups[1], "productionListenerRule": "p", "roleArn": "r"}
        balancer = {
            "targetGroupArn": self.groups[0],
            "containerName": "app",
            "containerPort": 80,
            "advancedConfiguration": rules,
        }
        how = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 10, **configuration}
        self.update(taskDefinition="api:1", loadBalancers=[balancer], deploymentConfiguration=how)
        self.aws.ecs.settle("image", "image-api")
        self.aws.clock.advance(1800)
        self.colour = self._producing()
        story.apply(errors_alarm())
        story.client("cloudwatch").put_metric_alarm(
            AlarmName=DATABASE,
            Namespace="AWS/RDS",
            MetricName="DatabaseConnections",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "image-db-1"}],
            Statistic="Average",
            Period=60,
            EvaluationPeriods=5,
            Threshold=900,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
        story.recover(DATABASE)
        self.serve(15)

    def update(self, **members: Any) -> None:
        """Change the service; whichever revision has the traffic then is the old one from now on."""
        self.colour = self._producing()
        self.ecs.update_service(cluster="image", service="image-api", **members)

    def deploy(self, definition: str = "api:2") -> str:
        """Begin a deployment; returns its ARN."""
        self.update(taskDefinition=definition)
        return self.newest()["serviceDeploymentArn"]

    def serve(self, minutes: int, old: float = 0.0, new: float = 0.0) -> None:
        """Let minutes pass with 600 requests each; ``old`` and ``new`` are the shares that each revision fails."""
        for _ in range(minutes):
            self.aws.clock.advance(60)
            group = self._producing()
            share = old if group == self.colour else new
            self._publish(group, share)

    def newest(self) -> dict[str, Any]:
        """Return the newest deployment as ECS describes it."""
        listed = self.ecs.list_service_deployments(cluster="image", service="image-api")["serviceDeployments"]
        arn = listed[0]["serviceDeploymentArn"]
        return dict(self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0])

    def service(self) -> dict[str, Any]:
        """Return the service as ECS describes it."""
        return dict(self.ecs.describe_services(cluster="image", services=["image-api"])["services"][0])

    def ring(self, name: str = ERRORS) -> None:
        """Let an alarm ring."""
        self.story.ring(name)

    def situation(self, purpose: Purpose = Purpose.DECIDE, **changes: Any) -> Situation:
        """Return what the engine would hand to the action."""
        alarm = errors_alarm(**changes)
        return Situation(alarm, alarm.policies[0], 12.0, self.story.now, purpose)

    def look(self, purpose: Purpose = Purpose.DECIDE) -> Seen:
        """Let the action look."""
        return self.action.observe(Clients(), self.situation(purpose))

    def ask(self, **changes: Any) -> Proposal | Refusal:
        """Let the action look and answer."""
        situation = self.situation(**changes)
        return self.action.propose(self.action.observe(Clients(), situation), situation)

    def proposed(self) -> Proposal:
        """Return the action's proposal; AssertionError when it refuses."""
        answer = self.ask()
        assert isinstance(answer, Proposal), answer
        return answer

    def run(self, proposal: Proposal) -> tuple[str, ...]:
        """Let the action make its change."""
        (change,) = proposal.changes
        return self.action.run(Clients(), change, lambda: None)

    def _producing(self) -> str:
        """Return the target group that has the production traffic."""
        newest = self.newest()
        source, target = newest["sourceServiceRevisions"], newest["targetServiceRevision"]
        ahead = target["requestedProductionTrafficWeight"] >= 50 or not source
        revision = target["arn"] if ahead else source[0]["arn"]
        told = self.ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"][0]
        behind = told.get("resolvedConfiguration", {}).get("loadBalancers", [])
        return str(behind[0]["targetGroupArn"]) if behind else ""

    def _publish(self, group: str, share: float) -> None:
        minute: datetime = self.story.now.replace(second=0, microsecond=0) - timedelta(minutes=1)
        names = {"TargetGroup": group.rsplit(":", 1)[-1], "LoadBalancer": "app/image/0123456789abcdef"}
        dimensions = [{"Name": key, "Value": value} for key, value in names.items()]
        values = {"RequestCount": 600.0, "HTTPCode_Target_5XX_Count": 600.0 * share}
        self.story.client("cloudwatch").put_metric_data(
            Namespace="AWS/ApplicationELB",
            MetricData=[
                {"MetricName": name, "Dimensions": dimensions, "Timestamp": minute, "Value": value}
                for name, value in values.items()
                if value
            ],
        )


def tagged(release: Release, *, ecr: bool = True) -> None:
    """Release version 3 by a tag (of the account's own registry, or another), and have a bad version 4 at hand."""
    reference = f"{REPOSITORY if ecr else 'docker.example/api'}:v3"
    if ecr:
        client = release.story.client("ecr")
        client.create_repository(repositoryName="api")
        put = client.put_image(
            repositoryName="api", imageManifest='{"content": "good"}', imageManifestMediaType=MANIFEST, imageTag="v3"
        )
        release.aws.ecs.registry.stands_for(reference, put["image"]["imageId"]["imageDigest"])
    for image in (reference, f"registry.example/api@sha256:{4:064x}"):
        release.ecs.register_task_definition(family="api", containerDefinitions=[{"name": "app", "image": image}])
    release.deploy("api:3")
    release.serve(15)


@contextmanager
def released(**configuration: Any) -> Iterator[Release]:
    """Open a world with the service in it."""
    with world() as story:
        yield Release(story, **configuration)
