"""The seam: which clients are served, what observers see, ordered failures, one lock, and a clean exit."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.handlers
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError
from overlay_story import age_alarm

from infra.local.aws import Embedded, embedded
from infra.local.seam import Call

START = datetime(2026, 10, 31, 13, 0, tzinfo=UTC)


def test_every_session_of_the_process_is_served(aws: Embedded) -> None:
    """The default session, a new boto3 session, a bare botocore session."""
    boto3.client("cloudwatch").put_metric_alarm(**age_alarm())
    bare = botocore.session.get_session().create_client("cloudwatch", region_name=aws.place.region)
    for client in (boto3.client("cloudwatch"), boto3.Session().client("cloudwatch"), bare):
        assert [alarm["AlarmName"] for alarm in client.describe_alarms()["MetricAlarms"]] == ["old"]


def test_all_arns_carry_the_embedded_account() -> None:
    """The account is the one that was asked for, in moto's answers as in the overlay's."""
    with embedded(START, account="210987654321", region="eu-west-1") as aws:
        cloudwatch = aws.client("cloudwatch")
        cloudwatch.put_metric_alarm(**age_alarm())
        arns = [
            boto3.client("sts").get_caller_identity()["Account"],
            boto3.client("sns").create_topic(Name="t")["TopicArn"],
            cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"],
        ]
        assert all("210987654321" in arn for arn in arns)


def test_after_the_exit_botocore_is_as_it_was_and_a_left_over_client_refuses() -> None:
    """No later test, and no real account, is reached by accident."""
    before = list(botocore.handlers.BUILTIN_HANDLERS)
    call = vars(botocore.client.BaseClient)["_make_api_call"]
    with embedded(START) as aws:
        left_over = aws.client("cloudwatch")
    assert before == botocore.handlers.BUILTIN_HANDLERS
    assert vars(botocore.client.BaseClient)["_make_api_call"] is call
    with pytest.raises(RuntimeError, match="closed"):
        left_over.describe_alarms()


def test_two_at_once_are_refused(aws: Embedded) -> None:
    """The clock and botocore's handlers are the process's: there is one."""
    with pytest.raises(RuntimeError, match="open already"), embedded(START):
        pass


def test_a_call_in_another_region_says_so(aws: Embedded) -> None:
    """A stage with the wrong region would otherwise find an empty account."""
    with pytest.raises(RuntimeError, match=r"nobody has opened 123456789012/us-east-1 .* cloudwatch DescribeAlarms"):
        boto3.client("cloudwatch", region_name="us-east-1").describe_alarms()


def test_an_operation_that_is_not_there_is_named(aws: Embedded) -> None:
    """Silence would look like an empty answer."""
    with pytest.raises(NotImplementedError, match="no cloudwatch PutInsightRule"):
        aws.client("cloudwatch").put_insight_rule(RuleName="r", RuleDefinition="{}")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"Statistic": "average"}, "Statistic"),
        ({"AlarmName": "x" * 256}, "256 characters, more than 255"),
        ({"AlarmActions": ["arn:aws:sns:ap-northeast-2:1:t"] * 6}, "6 items, more than 5"),
        ({"Namespace": ":colon"}, "does not match"),
    ],
)
def test_requests_are_checked_beyond_what_botocore_checks(aws: Embedded, members: dict[str, Any], said: str) -> None:
    """Enums, maxima, patterns: AWS refuses them, so does this."""
    with pytest.raises(ClientError, match=said) as failure:
        aws.client("cloudwatch").put_metric_alarm(**age_alarm(**members))
    assert failure.value.response["Error"]["Code"] == "ValidationError"


def test_botocores_own_validation_stands(aws: Embedded) -> None:
    """The overlay answers behind it, not instead of it."""
    with pytest.raises(ParamValidationError):
        aws.client("cloudwatch").put_metric_alarm(AlarmName=3)


def test_an_error_looks_as_awss(aws: Embedded) -> None:
    """Code, HTTP status, request id, and the client's own exception class."""
    ecs = aws.client("ecs")
    with pytest.raises(ecs.exceptions.ClusterNotFoundException) as failure:
        ecs.describe_services(cluster="none", services=["a"])
    metadata = failure.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 400
    assert len(metadata["RequestId"]) == 36


def test_observers_see_every_call_whoever_answered(aws: Embedded) -> None:
    """Service, operation, members, answer, id, virtual time; a refused call with its code; AWS's own calls marked."""
    calls: list[Call] = []
    topic = aws.client("sns").create_topic(Name="t")["TopicArn"]
    stop = aws.seam.observe(calls.append)
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**age_alarm(topic=topic))
    cloudwatch.set_alarm_state(AlarmName="old", StateValue="ALARM", StateReason="drill")
    with pytest.raises(ClientError):
        aws.client("sqs").get_queue_url(QueueName="none")
    stop()
    cloudwatch.describe_alarms()

    assert [(call.service, call.operation, call.served, call.internal) for call in calls] == [
        ("cloudwatch", "PutMetricAlarm", "overlay", False),
        ("sns", "Publish", "moto", True),
        ("cloudwatch", "SetAlarmState", "overlay", False),
        ("sqs", "GetQueueUrl", "moto", False),
    ]
    assert calls[0].params["AlarmName"] == "old"
    assert calls[0].at == START
    assert all(call.request_id for call in calls)
    assert calls[3].response is None
    assert "NonExistentQueue" in (calls[3].error_code or "")


def test_ids_are_the_same_in_every_run() -> None:
    """A report of one run can be compared with another's."""

    def ids() -> list[str]:
        seen: list[str] = []
        with embedded(START) as aws:
            aws.seam.observe(lambda call: seen.append(call.request_id))
            queue = aws.client("sqs").create_queue(QueueName="q")["QueueUrl"]
            seen.append(aws.client("sqs").send_message(QueueUrl=queue, MessageBody="x")["MessageId"])
            aws.client("cloudwatch").put_metric_alarm(**age_alarm())
            aws.seam.observe(lambda call: seen.append(call.params["ClientToken"]))
            aws.client("scheduler").create_schedule_group(Name="g")
        return seen

    assert ids() == ids()


def test_an_ordered_failure_strikes_so_often_and_leaves_nothing_behind(aws: Embedded) -> None:
    """Two throttles, then the call works."""
    cloudwatch = aws.client("cloudwatch")
    aws.seam.fail("cloudwatch", "PutMetricAlarm", "Throttling", times=2)
    for _ in range(2):
        with pytest.raises(ClientError, match="Throttling"):
            cloudwatch.put_metric_alarm(**age_alarm())
        assert not cloudwatch.describe_alarms()["MetricAlarms"]
    cloudwatch.put_metric_alarm(**age_alarm())
    assert cloudwatch.describe_alarms()["MetricAlarms"]


def test_a_timeout_after_the_effect_leaves_the_effect(aws: Embedded) -> None:
    """The hardest failure: the change is made and nobody knows."""
    sqs = aws.client("sqs")
    aws.seam.fail("sqs", "CreateQueue", "timeout", after_effect=True)
    with pytest.raises(ReadTimeoutError):
        sqs.create_queue(QueueName="made")
    assert sqs.list_queues()["QueueUrls"][0].endswith("/made")


def test_a_failure_may_choose_its_victim_and_be_lifted(aws: Embedded) -> None:
    """``when`` looks at the members; ``lift`` ends a lasting failure."""
    sqs = aws.client("sqs")
    fault = aws.seam.fail("sqs", "*", "AccessDenied", times=None, when=lambda params: params.get("QueueName") == "b")
    sqs.create_queue(QueueName="a")
    with pytest.raises(ClientError, match="AccessDenied") as failure:
        sqs.create_queue(QueueName="b")
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    fault.lift()
    sqs.create_queue(QueueName="b")


def test_conditional_writes_from_many_threads_have_one_winner_each(aws: Embedded) -> None:
    """Moto alone gave more winners than keys; one lock round each call gives exactly one."""
    key = {"AttributeName": "pk", "KeyType": "HASH"}
    table = {"TableName": "t", "KeySchema": [key], "BillingMode": "PAY_PER_REQUEST"}
    aws.client("dynamodb").create_table(**table, AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    winners: list[int] = []
    dynamodb = aws.session.client("dynamodb", config=Config(max_pool_connections=16))

    def claim(number: int) -> None:
        for item in range(10):
            try:
                dynamodb.put_item(TableName="t", Item={"pk": {"S": str(item)}}, ConditionExpression="attribute_not_exists(pk)")
                winners.append(number)
            except ClientError:
                pass

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 10


def test_nobody_reaches_into_the_store(aws: Embedded) -> None:
    """Neither through what was given nor through what was answered."""
    cloudwatch, dimensions = aws.client("cloudwatch"), [{"Name": "QueueName", "Value": "image-jobs"}]
    cloudwatch.put_metric_alarm(**age_alarm(Dimensions=dimensions))
    dimensions[0]["Value"] = "changed"
    cloudwatch.describe_alarms()["MetricAlarms"][0]["Dimensions"].clear()
    assert cloudwatch.describe_alarms()["MetricAlarms"][0]["Dimensions"] == [{"Name": "QueueName", "Value": "image-jobs"}]


def test_a_call_that_the_overlay_passes_on_is_told_as_motos(aws: Embedded) -> None:
    """Whoever reads a report must know which AWS answered."""
    sqs = aws.client("sqs")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("ours", "motos")]
    answer = {"Attributes": {"VisibilityTimeout": "7"}}
    aws.seam.serve(
        "sqs", {"GetQueueAttributes": lambda params, _: answer if params["QueueUrl"] == urls[0] else None}, others_to_moto=True
    )
    calls: list[Call] = []
    aws.seam.observe(calls.append)
    for url in urls:
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])

    assert [call.served for call in calls] == ["overlay", "moto"]


def test_items_of_every_kind_come_back_as_they_went_in(aws: Embedded) -> None:
    """Plain values take a quicker way through moto; nested, binary and empty ones must not notice."""
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {
        "id": {"S": "한 글 <&>"}, "none": {"NULL": True}, "no": {"BOOL": False}, "number": {"N": "0.1"}, "empty": {"S": ""},
        "bytes": {"B": b"\x00\xff"}, "set": {"SS": ["a", "b"]}, "numbers": {"NS": ["1", "2"]}, "blobs": {"BS": [b"\x01"]},
        "list": {"L": [{"S": "x"}, {"M": {"deep": {"L": [{"B": b"y"}, {"NULL": True}]}}}]}, "map": {"M": {}},
        "S": {"S": "named as a kind"},
    }  # fmt: skip
    dynamodb.put_item(TableName="t", Item=item)

    assert dynamodb.get_item(TableName="t", Key={"id": item["id"]})["Item"] == item
    assert dynamodb.scan(TableName="t")["Items"] == [item]
