"""A spoke beside the world of the stories: another account or region with services of the same names, and its door to the hub."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from remediation_world import ACCOUNT, REGION, World, api_alarm

from alarms.domain.alarm import Alarm, Policy
from alarms.domain.event import State
from remediators.spokes import Spoke, text_of

PARAMETER = "/tocsin/dev/spokes"
EXTERNAL_ID = "7d1f0c5e9b"


class Outpost:
    """One spoke: cluster, services, alarms; its alarms ring on the hub's topic of its region."""

    def __init__(self, story: World, account: str, region: str) -> None:
        self._story = story
        self.account, self.region, self.place = account, region, f"{account}/{region}"
        self.aws = story.aws.outpost(account, region)
        self.role = f"arn:aws:iam::{account}:role/tocsin-dev-spoke-{region}"
        story.aws.sts.roles[self.role] = EXTERNAL_ID
        sns = story.aws.session.client("sns", region_name=region)
        self.topic = sns.create_topic(Name="tocsin-alarms")["TopicArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=story.environ["TOCSIN_COMMANDS_QUEUE_ARN"])
        self._platform()

    def client(self, service: str) -> Any:
        """Return a client of somebody in the spoke."""
        return self.aws.client(service)

    def _platform(self) -> None:
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="image")
        ecs.register_task_definition(family="image", containerDefinitions=[{"name": "app", "image": "image:1"}])
        ecs.create_service(cluster="image", serviceName="image-api", taskDefinition="image", desiredCount=4)
        self.aws.ecs.settle("image", "image-api")
        self.aws.clock.advance(300)
        self.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId="service/image/image-api",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=4,
            MaxCapacity=20,
        )

    def alarm(self, *policies: Policy, **changes: Any) -> Alarm:
        """Return the row of the spoke's API: the hub's own, in another place."""
        return replace(api_alarm(*policies, **changes), account=self.account, region=self.region)

    def apply(self, alarm: Alarm) -> None:
        """Deploy a row: the alarm here, its row in the hub's catalogue."""
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=alarm.name,
            Namespace="Story",
            MetricName="cpu-high",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="ignore",
            AlarmActions=[self.topic],
            OKActions=[self.topic],
        )
        item = {"alarm": alarm.key, "version": "current", "document": json.dumps(alarm.to_document()), "digest": alarm.digest}
        row = {name: {"S": value} for name, value in item.items()}
        self._story.client("dynamodb").put_item(TableName="tocsin-dev-catalogue", Item=row)
        self.state(alarm.name, State.OK)

    def state(self, name: str, state: State) -> None:
        """Let the alarm go to ``state`` now."""
        self.aws.clock.advance(1)
        data = {"version": "1.0", "recentDatapoints": [91.0], "threshold": 80.0}
        self.client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue=state.value, StateReason="Threshold Crossed", StateReasonData=json.dumps(data)
        )

    def floor(self) -> int:
        """Return the scalable target's floor."""
        scaling = self.client("application-autoscaling")
        found = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["service/image/image-api"])
        return int(found["ScalableTargets"][0]["MinCapacity"])


def allow(story: World, *outposts: Outpost, external_id: str = EXTERNAL_ID) -> None:
    """Put these on the hub's list, and start its Lambda afresh."""
    spokes = {post.place: Spoke(post.account, post.region, post.role, external_id) for post in outposts}
    write_list(story, text_of(spokes))
    story.environ["TOCSIN_SPOKES_PARAMETER"] = PARAMETER
    story.restart()


def write_list(story: World, text: str) -> None:
    """Write the list as it stands in Parameter Store."""
    story.client("ssm").put_parameter(Name=PARAMETER, Value=text, Type="String", Overwrite=True)


def assumed(story: World) -> list[dict[str, Any]]:
    """Return what the handlers asked STS for, in order."""
    return [dict(call.params) for call in story.calls if call.operation == "AssumeRole"]


def made_in(story: World, account: str, region: str) -> set[str]:
    """Return the operations that the handlers called in one place and that took effect."""
    return {
        call.operation for call in story.calls if (call.account, call.region) == (account, region) and call.error_code is None
    }


HOME = (ACCOUNT, REGION)
