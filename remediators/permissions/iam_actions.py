"""What IAM knows of the calls that tocsin makes: the actions a call needs, those without a resource, conditions worth setting.

From the Service Authorization Reference. An action is mostly the call's own name behind the service's prefix; what differs
stands here, once, for the policy that `tocsin iam` prints and for the tests that hold it against recorded calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

Condition = Mapping[str, Mapping[str, str]]

# Prefixes that are not the name given to ``boto3.client``.
_PREFIX = {
    "apigatewayv2": "apigateway",
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
    "stepfunctions": "states",
}
# Calls whose action has another name.
_RENAMED = {
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("sqs", "ChangeMessageVisibilityBatch"): "sqs:ChangeMessageVisibility",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
}
# API Gateway's control plane authorises the HTTP verb on the resource's path.
_HTTP_VERBS = {"Create": "POST", "Delete": "DELETE", "Get": "GET", "Put": "PUT", "Update": "PATCH"}
# DynamoDB authorises a transaction by its parts.
_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
# What AWS asks of the caller beside the call's own action, because it goes on in the caller's name.
IMPLIED: Mapping[str, tuple[str, ...]] = {
    "ecs:UpdateService": ("iam:PassRole",),  # a task definition with roles is only deployed by whoever may pass them
    "rds-data:ExecuteStatement": ("secretsmanager:GetSecretValue",),
    "rds-data:BatchExecuteStatement": ("secretsmanager:GetSecretValue",),
    "scheduler:CreateSchedule": ("iam:PassRole",),
    "sqs:StartMessageMoveTask": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"),
    "logs:StartQuery": ("logs:GetQueryResults", "logs:StopQuery"),
}
# Actions that AWS authorises on "*" only; patterns of a whole action's name.
WITHOUT_RESOURCE: tuple[str, ...] = (
    "application-autoscaling:Describe*",
    "cloudtrail:LookupEvents",
    "cloudwatch:DescribeAlarm*",  # composite alarms are returned on "*" only
    "cloudwatch:GetMetricData",
    "cloudwatch:ListAlarmMuteRules",
    "cloudwatch:ListMetrics",
    "ec2:Describe*",
    "ecs:DescribeTaskDefinition",
    "ecs:ListServices",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
    "elasticloadbalancing:Describe*",
    "health:Describe*",
    "lambda:ListEventSourceMappings",
    "logs:DescribeQueries",
    "logs:GetQueryResults",
    "logs:StopQuery",
    "shield:*",
    "ssm:DescribeParameters",
    "sts:GetCallerIdentity",
    "tag:GetResources",
    "wafv2:List*",
)
# Keys that narrow what an ARN cannot: the id of a scalable target is opaque, a task list knows its cluster only.
_SCALABLE: Condition = {
    "StringEquals": {
        "application-autoscaling:service-namespace": "ecs",
        "application-autoscaling:scalable-dimension": "ecs:service:DesiredCount",
    }
}
_CLUSTER: Condition = {"ArnEquals": {"ecs:cluster": "arn:{partition}:ecs:{region}:{account}:cluster/{cluster}"}}
CONDITIONS: Mapping[str, Condition] = {
    "application-autoscaling:RegisterScalableTarget": _SCALABLE,
    "ecs:ListServices": _CLUSTER,
    "ecs:ListTasks": _CLUSTER,
    "lambda:UpdateEventSourceMapping": {
        "ArnEquals": {"lambda:FunctionArn": "arn:{partition}:lambda:{region}:{account}:function:{function}"}
    },
}


def needed(service: str, operation: str, params: Mapping[str, Any]) -> frozenset[str]:
    """Return the IAM actions that one call is authorised by. ``service`` is the name given to ``boto3.client``."""
    if service in ("apigateway", "apigatewayv2"):
        verb = next((http for word, http in _HTTP_VERBS.items() if operation.startswith(word)), operation)
        return frozenset({f"apigateway:{verb}"})
    if (service, operation) in (("dynamodb", "TransactWriteItems"), ("dynamodb", "TransactGetItems")):
        kinds = {kind for item in params.get("TransactItems", ()) for kind in item}
        return frozenset(f"dynamodb:{_TRANSACTION[kind]}" for kind in kinds)
    named = _RENAMED.get((service, operation))
    return frozenset({named or f"{_PREFIX.get(service, service)}:{operation}"})


def implied(action: str) -> frozenset[str]:
    """Return what AWS may ask of the caller beside ``action`` when it is called."""
    return frozenset(IMPLIED.get(action, ()))


def knows_no_resource(action: str) -> bool:
    """Tell whether AWS authorises ``action`` on "*" only."""
    return any(fnmatchcase(action, pattern) for pattern in WITHOUT_RESOURCE)


def reads(action: str) -> bool:
    """Tell whether ``action`` only looks, by the first word of its name."""
    return action.split(":", 1)[1].startswith(
        ("BatchGet", "Describe", "Filter", "Get", "GET", "List", "Lookup", "Query", "StartQuery", "StopQuery")
    )
