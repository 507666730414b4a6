"""What ministack lacks of the pipeline's template and of AWS, with how the end-to-end test gets along without it.

Found by trying. Tests hold the list to what the emulator does: a gap that has closed fails them, and so does a new one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Template = dict[str, Any]

# Resource types that it refuses up front, and what is not seen because of it.
REJECTED: Mapping[str, str] = {
    "AWS::CodeDeploy::Application": "gradual shifts of the functions' aliases are not seen: the first deploy shifts nothing",
    "AWS::CodeDeploy::DeploymentGroup": "as above",
}
# Properties that it takes and does not keep. What they are for is asserted on the template itself, by its own tests.
DROPPED: Mapping[str, str] = {
    "AWS::DynamoDB::Table.PointInTimeRecoverySpecification": "no table can be restored",
    "AWS::DynamoDB::Table.SSESpecification": "tables are not encrypted by our key",
    "AWS::DynamoDB::Table.TimeToLiveSpecification": "nothing expires",
    "AWS::Lambda::Function.RecursiveLoop": "no chain of calls is stopped, long or short",
    "AWS::Lambda::Function.ReservedConcurrentExecutions": "functions share what there is",
    "AWS::SNS::Topic.KmsMasterKeyId": "topics are not encrypted by our key",
}
# Members of CloudWatch's alarm message that its own lacks. The parser does without; tests/events has messages as AWS sends them.
UNSAID = ("AlarmArn", "AlarmConfigurationUpdatedTimestamp", "OKActions", "AlarmActions", "InsufficientDataActions")
# Actions that it asks for and that AWS does not have: granted beside the one that AWS asks for.
INVENTED: Mapping[str, str] = {"sqs:SendMessageBatch": "sqs:SendMessage"}
# Resources that it asks permission for in place of the one that AWS asks for, which is granted beside it. By pattern: the
# cluster, and not the service, its tasks or its deployments; the group "default", whatever group a schedule stands in.
MISAIMED: Mapping[str, str] = {
    r"(arn:aws:ecs:[^:]+:[^:]+:)(?:service|task|service-deployment)/([^/*]+)/.*": r"\1cluster/\2",
    r"(arn:aws:scheduler:[^:]+:[^:]+:schedule/)[^/]+/(.*)": r"\1default/\2",
}
# What the test changes so that minutes become seconds: no gap, but no longer the template either.
HURRIED: Mapping[str, str] = {
    "AWS::Scheduler::Schedule.ScheduleExpression": "the sweep comes each minute, not each five",
    "AWS::SQS::Queue.VisibilityTimeout": "the notifier's queue brings a failed message back after 6 s, not 180 s",
}
# Services that remediation calls and the emulator does not have; the double stands in for the first.
ABSENT: Mapping[str, str] = {
    "application-autoscaling": "autoscaling_double.py, over the emulator's ECS",
    "health": "the diagnosis says that AWS Health was not seen",
}


def fitted(template: Template) -> Template:
    """Return the template without what is refused, hurried as said above."""
    refused = {name for name, resource in template["Resources"].items() if resource["Type"] in REJECTED}
    resources = {name: dict(resource) for name, resource in template["Resources"].items() if name not in refused}
    for resource in resources.values():
        if "CodeDeployLambdaAliasUpdate" in resource.get("UpdatePolicy", {}):
            del resource["UpdatePolicy"]  # it names the refused resources
        if resource["Type"] == "AWS::Scheduler::Schedule":
            resource["Properties"] = {**resource["Properties"], "ScheduleExpression": "rate(1 minute)"}
        if resource["Type"] == "AWS::SQS::Queue" and resource["Properties"]["QueueName"].endswith("-notifier"):
            resource["Properties"] = {**resource["Properties"], "VisibilityTimeout": 6}
    return {**template, "Resources": {name: _granted(resource) for name, resource in resources.items()}}


def _granted(value: Any) -> Any:
    """Return a policy's statements with the actions that only the emulator has, wherever their like is granted."""
    if isinstance(value, list):
        return [_granted(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _granted(one) for name, one in value.items()}
    if found.get("Effect") == "Allow":
        actions = found["Action"] if isinstance(found.get("Action"), list) else [found.get("Action")]
        found["Action"] = [*actions, *(own for own, like in INVENTED.items() if like in actions)]
        resources = found["Resource"] if isinstance(found.get("Resource"), list) else [found.get("Resource")]
        others = {
            re.sub(ours, theirs, str(one))
            for ours, theirs in MISAIMED.items()
            for one in resources
            if re.fullmatch(ours, str(one))
        }
        found["Resource"] = [*resources, *sorted(others)]
    return found
