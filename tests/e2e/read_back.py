"""Reads the resources of a created stack back by their own APIs, and tells which properties of the template are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError
from ministack_process import Ministack

Read = Mapping[str, Any]
Reader = Callable[[Ministack, str], Read]


def lost(aws: Ministack, template: Mapping[str, Any], ids: Mapping[str, str]) -> set[str]:
    """Return ``Type.Property`` of each property that was given and cannot be read; ``ids`` are the physical ids."""
    return {name for logical, resource in template["Resources"].items() for name in _lost(aws, resource, ids[logical])}


def _lost(aws: Ministack, resource: Mapping[str, Any], physical: str) -> Iterator[str]:
    reader = READERS.get(resource["Type"])
    if reader is None:
        return
    found = reader(aws, physical)
    for name, given in resource.get("Properties", {}).items():
        if name in found and not _same(given, found[name]):
            yield f"{resource['Type']}.{name}"


def _same(given: Any, found: Any) -> bool:
    """Tell whether ``found`` is what was given; of what CloudFormation computes, that there is something."""
    if isinstance(given, dict) and any(name.startswith("Fn::") or name == "Ref" for name in given):
        return bool(found)
    if isinstance(given, dict):
        return isinstance(found, Mapping) and all(_same(value, found.get(name)) for name, value in given.items())
    if isinstance(given, list):
        return isinstance(found, list) and len(found) == len(given) and all(map(_same, given, found))
    return str(found).lower() == str(given).lower()


def _queue(aws: Ministack, url: str) -> Read:
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "VisibilityTimeout", "MessageRetentionPeriod")
    return {name: found.get(name) for name in names}


def _topic(aws: Ministack, arn: str) -> Read:
    found = aws.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    return {name: found.get(name) for name in ("KmsMasterKeyId", "DisplayName")}


def _subscription(aws: Ministack, arn: str) -> Read:
    found = aws.client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    redrive = found.get("RedrivePolicy")
    return {"RawMessageDelivery": found.get("RawMessageDelivery"), "RedrivePolicy": redrive and {"deadLetterTargetArn": redrive}}


def _table(aws: Ministack, name: str) -> Read:
    dynamodb = aws.client("dynamodb")
    table = dynamodb.describe_table(TableName=name)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    restorable = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"
    expires = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    sse = table.get("SSEDescription", {})
    return {
        "DeletionProtectionEnabled": table.get("DeletionProtectionEnabled"),
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": restorable},
        "TimeToLiveSpecification": {"AttributeName": expires.get("AttributeName"), "Enabled": "AttributeName" in expires},
        "SSESpecification": {
            "SSEEnabled": bool(sse),
            "SSEType": sse.get("SSEType"),
            "KMSMasterKeyId": sse.get("KMSMasterKeyArn"),
        },
        "BillingMode": table.get("BillingModeSummary", {}).get("BillingMode"),
    }


def _function(aws: Ministack, name: str) -> Read:
    lambdas = aws.client("lambda")
    found = lambdas.get_function_configuration(FunctionName=name)
    reserved = lambdas.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    names = ("Architectures", "Handler", "Runtime", "MemorySize", "Timeout", "TracingConfig", "LoggingConfig")
    loop = None
    with suppress(ClientError):  # the emulator knows no such call
        loop = lambdas.get_function_recursion_config(FunctionName=name)["RecursiveLoop"]
    return {**{each: found.get(each) for each in names}, "ReservedConcurrentExecutions": reserved, "RecursiveLoop": loop}


def _mapping(aws: Ministack, uuid: str) -> Read:
    found = aws.client("lambda").get_event_source_mapping(UUID=uuid)
    names = ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "ScalingConfig")
    return {each: found.get(each) for each in names}


def _log(aws: Ministack, name: str) -> Read:
    (found,) = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return {"RetentionInDays": found.get("retentionInDays"), "KmsKeyId": found.get("kmsKeyId")}


def _alarm(aws: Ministack, name: str) -> Read:
    (found,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    names = (
        *("AlarmDescription", "MetricName", "Namespace", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Metrics"),
        *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "AlarmActions"),
    )
    number = found.get("Threshold")
    return {**{each: found.get(each) for each in names}, "Threshold": int(number) if number == int(number) else number}


def _schedule(aws: Ministack, name: str) -> Read:
    found = aws.client("scheduler").get_schedule(Name=name.rpartition("/")[2], GroupName="tocsin-e2e")
    return {"Target": found.get("Target"), "FlexibleTimeWindow": found.get("FlexibleTimeWindow")}


def _secret(aws: Ministack, arn: str) -> Read:
    return {"KmsKeyId": aws.client("secretsmanager").describe_secret(SecretId=arn).get("KmsKeyId")}


def _key(aws: Ministack, key: str) -> Read:
    return {"EnableKeyRotation": aws.client("kms").get_key_rotation_status(KeyId=key).get("KeyRotationEnabled")}


READERS: Mapping[str, Reader] = {
    "AWS::SQS::Queue": _queue,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::Subscription": _subscription,
    "AWS::DynamoDB::Table": _table,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Logs::LogGroup": _log,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::KMS::Key": _key,
}
