"""CloudTrail remembers the changing calls that were really made, minutes late; AWS Health refuses who has no support plan."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded
from remediators.aws import Clients


def names(aws: Embedded, **asked: object) -> list[str]:
    return [event["EventName"] for event in aws.client("cloudtrail").lookup_events(**asked)["Events"]]


def test_a_change_is_seen_some_minutes_late_and_a_read_never(aws: Embedded) -> None:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="c")
    ecs.list_services(cluster="c")

    assert names(aws) == []
    aws.clock.advance(aws.trail.delay_s)
    assert names(aws) == ["CreateCluster"]


def test_the_data_plane_and_values_of_secrets_are_not_there(aws: Embedded) -> None:
    aws.trail.delay_s = 0
    url = aws.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="private")
    aws.client("ssm").put_parameter(Name="/app/key", Value="geheim", Type="SecureString")

    events = aws.client("cloudtrail").lookup_events()["Events"]

    assert [event["EventName"] for event in events] == ["PutParameter", "CreateQueue"]
    assert "geheim" not in json.dumps(events, default=str)
    assert json.loads(events[0]["CloudTrailEvent"])["requestParameters"]["name"] == "/app/key"


def test_a_refused_call_is_no_change(aws: Embedded) -> None:
    aws.trail.delay_s = 0
    aws.seam.fail("ecs", "CreateCluster", "AccessDeniedException")
    with pytest.raises(ClientError):
        aws.client("ecs").create_cluster(clusterName="c")

    assert names(aws) == []


def test_events_are_looked_up_by_one_attribute_and_in_a_window(aws: Embedded) -> None:
    aws.trail.delay_s = 0
    aws.trail.preload("UpdateService", "ecs.amazonaws.com", {"service": "api"}, aws.clock.now, user="kim")
    aws.trail.preload("RotateSecret", "secretsmanager.amazonaws.com", {"secretId": "s"}, aws.clock.now - timedelta(hours=2))

    assert names(aws, LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "kim"}]) == ["UpdateService"]
    assert names(aws, StartTime=aws.clock.now - timedelta(hours=1)) == ["UpdateService"]
    assert names(aws, LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "true"}]) == []
    two = [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}] * 2
    with pytest.raises(ClientError, match="only one lookup attribute"):
        names(aws, LookupAttributes=two)


def test_health_is_for_those_who_pay_for_support(aws: Embedded) -> None:
    with pytest.raises(ClientError) as refused:
        aws.client("health").describe_events()
    assert refused.value.response["Error"]["Code"] == "SubscriptionRequiredException"

    arn = aws.health.preload("RDS", affected=("image-db",))
    aws.health.preload("SQS", region="us-east-1")
    here = {"regions": [aws.place.region], "eventStatusCodes": ["open"]}

    assert [event["service"] for event in aws.client("health").describe_events(filter=here)["events"]] == ["RDS"]
    aws.health.end(arn)
    assert aws.client("health").describe_events(filter=here)["events"] == []


def test_the_remediators_ask_health_where_it_is(aws: Embedded) -> None:
    """Its endpoints are in one Region; botocore would ask one in ours, which does not exist."""
    aws.health.subscribed = True
    asked: list[str] = []
    client = Clients().boto("health")
    client.meta.events.register_first("before-call", lambda params, **_: asked.append(params["url"]))

    assert client.describe_events()["events"] == []
    assert asked == ["https://health.us-east-1.amazonaws.com/"]
