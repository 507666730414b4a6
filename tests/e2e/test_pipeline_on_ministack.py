"""The template, the zips and the command line, played together in real time: an alarm rings, people hear of it, it is put right.

One story, because its waits overlap: a verify of seconds, a give-back of a minute, dead letters after five deliveries, the sweep.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deployed_pipeline import Deployment, knock, log_of, tocsin
from gaps import UNSAID
from ministack_process import ACCOUNT, REGION, eventually

from infra.local.slack import Shown
from infra.local.slack_people import MEMBER, STRANGER, press

CATALOGUE = str(Path(__file__).parent / "catalogue")
CPU, BACKLOG = "tocsin/e2e/web/ecs/cpu/shop,web", "tocsin/e2e/orders/sqs/backlog/orders"
WEB, WORKER = "service/shop/web", "service/shop/worker"
GREEN = "#12b76a"


class Shop:
    """What is watched: a service that is busy, and a queue with its consumers, behind."""

    def __init__(self, deployment: Deployment) -> None:
        self.aws, self.slack, self.scaling, self.door = deployment.aws, deployment.slack, deployment.scaling, deployment.door
        self.cloudwatch = self.aws.client("cloudwatch")
        self.started = datetime.now(UTC)  # noqa: TID251 - it is played in real time

    def open(self) -> None:
        """Start two services of two tasks each, and leave a hundred orders in the queue."""
        ecs, sqs = self.aws.client("ecs"), self.aws.client("sqs")
        ecs.create_cluster(clusterName="shop")
        ecs.register_task_definition(family="shop", containerDefinitions=[{"name": "shop", "image": "shop", "memory": 128}])
        for service, resource in (("web", WEB), ("worker", WORKER)):
            ecs.create_service(cluster="shop", serviceName=service, taskDefinition="shop", desiredCount=2)
            bounds = {"ResourceId": resource, "MinCapacity": 2, "MaxCapacity": 10}
            self.scaling.answer("RegisterScalableTarget", {**bounds, "ServiceNamespace": "ecs", "ScalableDimension": "x"})
        self.scaling.floors.clear()
        orders = sqs.create_queue(QueueName="orders")["QueueUrl"]
        for _ in range(10):
            sqs.send_message_batch(QueueUrl=orders, Entries=[{"Id": str(place), "MessageBody": "order"} for place in range(10)])
        for name in ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted"):
            for minutes in range(1, 6):
                self.point("AWS/SQS", name, 20.0, {"QueueName": "orders"}, self.started - timedelta(minutes=minutes))

    def point(self, namespace: str, metric: str, value: float, dimensions: dict[str, str], at: datetime) -> None:
        named = [{"Name": name, "Value": each} for name, each in dimensions.items()]
        datum = {"MetricName": metric, "Dimensions": named, "Value": value, "Timestamp": at}
        self.cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])

    def listen(self) -> None:
        """Subscribe a queue of our own to the alarms' topic, to have the very messages that the functions have."""
        self.topic, own = f"arn:aws:sns:{REGION}:{ACCOUNT}:tocsin-alarms", f"arn:aws:sqs:{REGION}:{ACCOUNT}:witness"
        may = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": own}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
        self.witness = self.aws.client("sqs").create_queue(QueueName="witness", Attributes={"Policy": policy})["QueueUrl"]
        raw = {"RawMessageDelivery": "true"}
        self.aws.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=own, Attributes=raw)

    def heard(self, at_least: int) -> list[str]:
        """Return the alarms' messages as SNS has delivered them, none before there are so many."""
        answer = self.aws.client("sqs").receive_message(QueueUrl=self.witness, MaxNumberOfMessages=10, VisibilityTimeout=0)
        found = [message["Body"] for message in answer.get("Messages", [])]
        return found if len(found) >= at_least else []

    def turns(self, alarm: str, state: str, value: float) -> None:
        """Let ``alarm`` change its state, as `aws cloudwatch set-alarm-state` does."""
        crossed = "was" if state == "ALARM" else "was not"
        stamp = f"{datetime.now(UTC):%d/%m/%y %H:%M:00}"  # noqa: TID251 - it is played in real time
        reason = f"Threshold Crossed: 1 datapoint [{value} ({stamp})] {crossed} greater than or equal to the threshold (60.0)."
        self.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason=reason)

    def message(self, channel: str) -> Shown:
        """Return the one message of a channel; a second one would be a second telling."""
        (shown,) = eventually(f"a message in {channel}", lambda: self.slack.messages(channel))
        return shown

    def thread(self, channel: str) -> list[str]:
        return [str(reply.payload["text"]) for reply in self.slack.replies(channel, self.message(channel).ts)]

    def says(self, channel: str, words: str, within_s: float = 60.0) -> None:
        """Wait until the thread of the channel's message says ``words``."""
        heard = f"{words!r} in the thread of {channel}"
        eventually(heard, lambda: any(words in text for text in self.thread(channel)), within_s, lambda: self.thread(channel))

    def floors(self, resource: str) -> list[int]:
        return [floor for name, floor in self.scaling.floors if name == resource]

    def waiting(self, queue: str) -> int:
        sqs = self.aws.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        name = "ApproximateNumberOfMessages"
        return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def colour(shown: Shown) -> str:
    return str(shown.payload["attachments"][0]["color"])


def measured(lines: list[dict[str, Any]]) -> dict[str, float]:
    """Return the sums of a log's metrics, by name."""
    sums: dict[str, float] = {}
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            if ["Stage"] in directive["Dimensions"]:
                for metric in directive["Metrics"]:
                    values = line[metric["Name"]]
                    sums[metric["Name"]] = sums.get(metric["Name"], 0) + (sum(values) if isinstance(values, list) else values)
    return sums


def test_an_alarm_is_told_put_right_and_given_back_by_what_was_deployed(deployment: Deployment) -> None:
    shop = Shop(deployment)
    shop.open()
    assert "2 created" in tocsin(shop.aws, "apply", CATALOGUE, "--yes")
    assert "2 unchanged" in tocsin(shop.aws, "plan", CATALOGUE)
    shop.listen()
    poison = json.dumps({"type": "tocsin.report/1", "id": "no report"})
    notifier = shop.aws.client("sqs").get_queue_url(QueueName="tocsin-e2e-notifier")["QueueUrl"]
    shop.aws.client("sqs").send_message(QueueUrl=notifier, MessageBody=poison)

    # The emulator evaluates the alarm by itself; the other one is told to ring.
    shop.point("AWS/ECS", "CPUUtilization", 95.0, {"ClusterName": "shop", "ServiceName": "web"}, shop.started)
    shop.turns(BACKLOG, "ALARM", 742.0)
    assert "WARNING" in shop.message("#shop").payload["text"]
    assert "CRITICAL · e2e · orders · 742 s" in shop.message("#orders").payload["text"]

    # The remediators settle, decide and act, through the report's own queue into the thread.
    shop.says("#shop", "shop/web 2 → 3")
    shop.says("#orders", "shop/worker 2 → 4")
    assert (shop.floors(WEB), shop.floors(WORKER)) == ([3], [4])
    (web,) = shop.aws.client("ecs").describe_services(cluster="shop", services=["web"])["services"]
    assert web["desiredCount"] == 3

    # The end of one is told, and its change is judged by it: from now on a schedule of a minute runs, to give back what was lent.
    shop.turns(CPU, "OK", 35.0)
    eventually("#shop is green", lambda: colour(shop.message("#shop")) == GREEN)
    shop.says("#shop", "helped")

    # Everything SNS has delivered comes again, twice: nobody is told twice, nothing is changed twice (see the end).
    heard = eventually("all three messages", lambda: shop.heard(at_least=3))
    assert not set(UNSAID) & set(json.loads(heard[0]))
    for copy in heard * 2:
        shop.aws.client("sns").publish(TopicArn=shop.topic, Message=copy)

    # What did not help calls people when its verify timer fires; a person takes it back by the button, a stranger may not.
    shop.says("#orders", "did not help")
    offered = shop.message("#orders")
    for user in (STRANGER, MEMBER):
        pressed = press(offered, "tocsin.undo", user, now=datetime.now(UTC), address=deployment.slack_url)  # noqa: TID251 - Slack signs the real time
        assert knock(shop.aws, shop.door, pressed) == 200
    assert [user for user, _ in shop.slack.whispers] == [STRANGER]
    unsigned = {**pressed, "headers": {**pressed["headers"], "x-slack-signature": "v0=" + "0" * 64}}
    assert knock(shop.aws, shop.door, unsigned) == 401
    shop.says("#orders", "Given back")
    assert shop.floors(WORKER) == [4, 2]
    shop.turns(BACKLOG, "OK", 3.0)
    eventually("#orders is green", lambda: colour(shop.message("#orders")) == GREEN)

    # The schedule of a minute has fired.
    shop.says("#shop", "Given back", within_s=120)
    assert shop.floors(WEB) == [3, 2]

    # The poisoned message is a dead letter by now, and the sweep has come by itself.
    eventually("a dead letter", lambda: shop.waiting("tocsin-e2e-notifier-dead"), within_s=120)
    acted = eventually("a sweep", lambda: (found := measured(log_of(shop.aws, "remediators")())).get("Swept") and found, 120)
    assert (acted["Changed"], acted["Helped"], acted["NotHelped"], acted["GivenBack"]) == (2, 1, 1, 2)
    told = measured(log_of(shop.aws, "notifier")())
    assert told["Failed"] >= 5  # the poison's deliveries; two of one incident at once may make one more
    assert 0 < told["TellDelay"] / told["Told"] < 60_000
    door = measured(log_of(shop.aws, "interactive")())
    assert (door["Pressed"], door["PressRefused"]) == (2, 2)
    assert shop.waiting("tocsin-e2e-remediators-dead") == 0

    # One message an incident, each thing said once, each change made once.
    assert [len(shop.slack.messages(channel)) for channel in ("#shop", "#orders")] == [1, 1]
    for channel in ("#shop", "#orders"):
        assert len(shop.thread(channel)) == len(set(shop.thread(channel)))
    assert (shop.floors(WEB), shop.floors(WORKER)) == ([3, 2], [4, 2])
    history = tocsin(shop.aws, "incidents", CATALOGUE, "--since", "1h")
    assert "web/ecs/cpu" in history
    assert "orders/sqs/backlog" in history
