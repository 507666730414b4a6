"""The statements of which the functions' roles are made. Pure: IAM's JSON in, IAM's JSON out, each with the reason in its Sid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.aws.pipeline.place import Place

Statement = Mapping[str, Any]
# What DynamoDB does with a table's key in the caller's name (developer guide, customer managed keys).
READ_KEY = ("kms:Decrypt", "kms:DescribeKey")
WRITE_KEY = (*READ_KEY, "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")
CONSUME = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def document(statements: Iterable[Statement]) -> dict[str, Any]:
    """Return IAM's document of ``statements``."""
    return {"Version": "2012-10-17", "Statement": [dict(one) for one in statements]}


def allow(sid: str, actions: Iterable[str], resources: Iterable[str], **conditions: Mapping[str, Any]) -> Statement:
    """Return one statement; ``conditions`` are by operator (``StringEquals={"key": "value"}``)."""
    found: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return {**found, "Condition": dict(conditions)} if conditions else found


def through(sid: str, key_arn: str, actions: Iterable[str], service: str, place: Place) -> Statement:
    """Let the key be used through one AWS service only: a stolen role cannot decrypt by itself what it got elsewhere."""
    return allow(sid, actions, [key_arn], StringEquals={"kms:ViaService": place.via(service)})


def log(place: Place, room: str) -> Statement:
    """Return what Lambda needs to write the function's own log, and no other; the group itself is the stack's."""
    group = place.arn("logs", f"log-group:/aws/lambda/{place.named(room)}:*")
    return allow("OwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [group])


def trace() -> Statement:
    """Return what X-Ray asks for; it knows no resources."""
    return allow("Trace", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"])


def network(place: Place, room: str) -> tuple[Statement, Statement]:
    """Return what Lambda asks for in the name of a function in a VPC; the interfaces are not known before, nor tagged.

    The second statement keeps the function's own code from it (Lambda developer guide, lambda:SourceFunctionArn).
    """
    interface = ("CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets")
    addresses = ("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")
    actions = [f"ec2:{action}" for action in (*interface, *addresses)]
    by_its_code = {"lambda:SourceFunctionArn": place.function(room)}
    denied = {**allow("NotByItsCode", actions, ["*"], ArnEquals=by_its_code), "Effect": "Deny"}
    return allow("NetworkInterfaces", actions, ["*"]), denied
