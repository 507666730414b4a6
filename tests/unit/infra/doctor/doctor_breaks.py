"""One way to break a deployment each: what people, other tools and other stacks do to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from doctor_world import ACCOUNT, BASE, REGION, TOPIC, World, document, statement, trusting

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{BASE}-notifier"
Break = Callable[[World], object]


def topic(name: str, value: str) -> Break:
    return lambda world: world.client("sns").set_topic_attributes(TopicArn=TOPIC, AttributeName=name, AttributeValue=value)


def queue(name: str, **attributes: str) -> Break:
    def change(world: World) -> None:
        sqs, url = world.client("sqs"), world.queue(name)
        policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]  # moto forgets it
        sqs.set_queue_attributes(QueueUrl=url, Attributes={**policy, **attributes})

    return change


def key_policy(*services: str) -> Break:
    """Let the key serve ``services`` only."""

    def change(world: World) -> None:
        use = statement(list(services), ["kms:Decrypt", "kms:GenerateDataKey*"])
        world.client("kms").put_key_policy(KeyId=world.key, PolicyName="default", Policy=document(use))

    return change


def unsubscribe(world: World) -> None:
    for one in world.client("sns").list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
        if one["Endpoint"] == QUEUE:
            world.client("sns").unsubscribe(SubscriptionArn=one["SubscriptionArn"])


def subscription(**attributes: str) -> Break:
    def change(world: World) -> None:
        for one in world.client("sns").list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
            for name, value in attributes.items() if one["Endpoint"] == QUEUE else ():
                members = {"SubscriptionArn": one["SubscriptionArn"], "AttributeName": name, "AttributeValue": value}
                world.client("sns").set_subscription_attributes(**members)

    return change


def send(name: str, **members: Any) -> Break:
    return lambda world: world.client("sqs").send_message(QueueUrl=world.queue(name), MessageBody="{}", **members)


def grown_old(world: World) -> None:
    send("notifier")(world)
    world.point("AWS/SQS", "ApproximateAgeOfOldestMessage", [{"Name": "QueueName", "Value": f"{BASE}-notifier"}], 700)


def mapping(**changes: Any) -> Break:
    def change(world: World) -> None:
        world.client("lambda").update_event_source_mapping(UUID=world.mappings["notifier"], **changes)
        world.aws.clock.advance(11)

    return change


def another_consumer(world: World) -> None:
    world.aws.mappings.preload(function="somebody-s:live", queue_arn=QUEUE)


def alias(world: World) -> None:
    """Give the notifier an alias, and let the mapping call the unpublished version."""
    world.client("lambda").publish_version(FunctionName=f"{BASE}-notifier")
    world.client("lambda").create_alias(FunctionName=f"{BASE}-notifier", Name="live", FunctionVersion="1")
    world.aws.mappings._mappings[world.mappings["notifier"]]["FunctionArn"] = (
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{BASE}-notifier"
    )


def switched_off(world: World) -> None:
    world.aws.mappings._reserved[f"{BASE}-notifier"] = 0


def few_reserved(world: World) -> None:
    world.aws.mappings._reserved[f"{BASE}-notifier"] = 2


def function(**changes: Any) -> Break:
    return lambda world: world.client("lambda").update_function_configuration(FunctionName=f"{BASE}-notifier", **changes)


def failing(world: World) -> None:
    world.point("AWS/Lambda", "Errors", [{"Name": "FunctionName", "Value": f"{BASE}-remediators"}], 3)


def other_keys(world: World) -> None:
    dynamodb = world.client("dynamodb")
    dynamodb.delete_table(TableName=f"{BASE}-journal")
    dynamodb.create_table(
        TableName=f"{BASE}-journal",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": world.key},
    )
    recovery(on=True)(world)
    dynamodb.update_time_to_live(
        TableName=f"{BASE}-journal", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
    )


def recovery(*, on: bool) -> Break:
    specification = {"PointInTimeRecoveryEnabled": on}
    return lambda world: world.client("dynamodb").update_continuous_backups(
        TableName=f"{BASE}-journal", PointInTimeRecoverySpecification=specification
    )


def no_expiry(world: World) -> None:
    specification = {"Enabled": False, "AttributeName": "expires_at"}
    world.client("dynamodb").update_time_to_live(TableName=f"{BASE}-history", TimeToLiveSpecification=specification)


def schedule(**changes: Any) -> Break:
    def change(world: World) -> None:
        client = world.client("scheduler")
        found = client.get_schedule(GroupName=BASE, Name="sweep")
        names = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State")
        kept = {name: found[name] for name in names if name in found}
        client.update_schedule(**{**kept, **changes, "Target": {**kept["Target"], **changes.get("Target", {})}})

    return change


def no_schedule(world: World) -> None:
    world.client("scheduler").delete_schedule(GroupName=BASE, Name="sweep")


def role_of_nobody(world: World) -> None:
    trust = trusting("lambda.amazonaws.com")
    world.client("iam").update_assume_role_policy(RoleName=f"{BASE}-scheduler", PolicyDocument=trust)


def no_sweep(world: World) -> None:
    world.aws.clock.advance(timedelta(minutes=40).total_seconds())
    for room in ("notifier", "remediators"):  # what rang meanwhile was told
        world.client("sqs").purge_queue(QueueUrl=world.queue(room))
    for room in ("notifier", "remediators", "interactive"):
        world.point("AWS/Lambda", "Invocations", [{"Name": "FunctionName", "Value": f"{BASE}-{room}"}])


def parameter(name: str, value: str) -> Break:
    return lambda world: world.client("ssm").put_parameter(Name=f"/tocsin/demo/{name}", Value=value, Overwrite=True)


def secret(**members: str) -> Break:
    return lambda world: world.client("secretsmanager").put_secret_value(
        SecretId="tocsin/demo/slack", SecretString=json.dumps(members)
    )


def slack(**changes: Any) -> Break:
    def change(world: World) -> None:
        for name, value in changes.items():
            setattr(world.workspace, name, value)

    return change


def alarm(name: str) -> str:
    return f"tocsin/demo/image-processing/{name}"


CPU = alarm("ecs/cpu-high/image,image-api")


def held(world: World) -> None:
    world.client("cloudwatch").disable_alarm_actions(AlarmNames=[CPU])


def drifted(world: World) -> None:
    found = next(one for one in world.desired if one.name == CPU)
    world.client("cloudwatch").put_metric_alarm(**{**found.request, "Threshold": 99.0})


def removed(world: World) -> None:
    world.client("cloudwatch").delete_alarms(AlarmNames=[CPU])


def unpublished(world: World) -> None:
    table, name = f"{BASE}-catalogue", CPU
    items = world.client("dynamodb").scan(TableName=table)["Items"]
    for item in items:
        if item["alarm"]["S"].endswith(name):
            world.client("dynamodb").delete_item(TableName=table, Key={key: item[key] for key in ("alarm", "version")})


def never_published(world: World) -> None:
    """Stand in a fresh store where the database publishes under another name than the catalogue has."""
    store = world.aws.cloudwatch.metrics
    store._series.clear()

    def spoil(point: dict[str, Any]) -> dict[str, Any]:
        given = [{**one, "Value": one["Value"].replace("image-db-1", "imagedb-1")} for one in point["Dimensions"]]
        return {**point, "Dimensions": given if point["MetricName"] == "DatabaseConnections" else point["Dimensions"]}

    world.publish(spoil)


def unheard(world: World) -> None:
    """Let an alarm ring while its topic does not take it, and put the topic back."""
    world.aws.seam.fail("sns", "Publish", "KMSAccessDenied", times=None)
    with world.aws.seam.lock:
        failing_publish = world.aws.cloudwatch.transitions._publish
        world.aws.cloudwatch.transitions._publish = lambda *_: _refused()  # type: ignore[method-assign,assignment]  # AWS's own call, which no fault strikes
        world.client("cloudwatch").set_alarm_state(AlarmName=CPU, StateValue="ALARM", StateReason="a test")
        world.aws.cloudwatch.transitions._publish = failing_publish  # type: ignore[method-assign]  # as above


def _refused() -> None:
    from botocore.exceptions import ClientError

    raise ClientError({"Error": {"Code": "KMSAccessDenied", "Message": "no access to the key"}}, "Publish")


def ungranted(world: World) -> None:
    world.denied.add("ecs:UpdateService")
