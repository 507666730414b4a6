"""A template as CloudFormation would deploy it: references become names and ARNs of one account, and policies can be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import translate
from re import fullmatch
from typing import Any

ACCOUNT, REGION = "123456789012", "ap-northeast-2"
_PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Partition": "aws", "AWS::Region": REGION, "AWS::URLSuffix": "amazonaws.com"}
# How an ARN ends, by type: the service, the property that names the resource, and what stands before the name.
_ARNS = {
    "AWS::SQS::Queue": ("sqs", "QueueName", ""),
    "AWS::SNS::Topic": ("sns", "TopicName", ""),
    "AWS::IAM::Role": ("iam", "RoleName", "role/"),
    "AWS::IAM::ManagedPolicy": ("iam", "ManagedPolicyName", "policy/"),
    "AWS::Lambda::Function": ("lambda", "FunctionName", "function:"),
    "AWS::Logs::LogGroup": ("logs", "LogGroupName", "log-group:"),
}
Json = Mapping[str, Any]


def arn(service: str, resource: str) -> str:
    """Return the ARN of something in the test's account."""
    return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{ACCOUNT}:{resource}"


class Deployed:
    """The resources of one template by type, with every reference resolved."""

    def __init__(self, template: Json) -> None:
        self._raw = template["Resources"]
        self.outputs = {name: self._resolved(output["Value"]) for name, output in template.get("Outputs", {}).items()}

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the resolved properties of each resource of ``kind`` (``SQS::Queue``) by its logical id."""
        return {
            name: self._resolved(item.get("Properties", {})) for name, item in self._raw.items() if item["Type"] == f"AWS::{kind}"
        }

    def named(self, kind: str, member: str) -> dict[str, dict[str, Any]]:
        """Return the resources of ``kind`` by the property ``member`` that names them."""
        return {properties[member]: properties for properties in self.of(kind).values()}

    def kept(self, kind: str) -> set[str]:
        """Return what happens to the resources of ``kind`` when their stack goes, or when they are replaced."""
        policies = ("DeletionPolicy", "UpdateReplacePolicy")
        return {str(item.get(one)) for item in self._raw.values() if item["Type"] == f"AWS::{kind}" for one in policies}

    def may(self, role: str) -> list[dict[str, Any]]:
        """Return every statement of the role ``role``: its own, and those of the policies attached to it."""
        properties = self.named("IAM::Role", "RoleName")[role]
        attached = {
            arn("iam", f"policy/{name}"): item for name, item in self.named("IAM::ManagedPolicy", "ManagedPolicyName").items()
        }
        policies = [one["PolicyDocument"] for one in properties.get("Policies", ())]
        policies += [attached[one]["PolicyDocument"] for one in properties.get("ManagedPolicyArns", ())]
        return [statement for policy in policies for statement in policy["Statement"]]

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Ref"}:
            return _PSEUDO.get(value["Ref"]) or self._reference(value["Ref"])
        if set(value) == {"Fn::GetAtt"}:
            name, member = value["Fn::GetAtt"]
            return self._arn(name) if member in ("Arn", "TopicArn") else f"{name}.{member}"
        if set(value) == {"Fn::Join"}:
            separator, parts = value["Fn::Join"]
            return separator.join(str(self._resolved(part)) for part in parts)
        return {name: self._resolved(member) for name, member in value.items()}

    def _reference(self, name: str) -> str:
        kind = self._raw.get(name, {}).get("Type")
        return self._arn(name) if kind in ("AWS::SNS::Topic", "AWS::IAM::ManagedPolicy") else name

    def _arn(self, name: str) -> str:
        item = self._raw[name]
        if item["Type"] not in _ARNS:
            return f"{name}.Arn"
        service, member, before = _ARNS[item["Type"]]
        return arn(service, f"{before}{self._resolved(item['Properties'][member])}")


def allows(statements: Iterable[Json], action: str, resource: str, **context: str) -> bool:
    """Tell whether ``statements`` allow ``action`` on ``resource``; ``context`` are condition keys, ``:`` written ``__``."""
    given = {name.replace("__", ":"): value for name, value in context.items()}
    return any(
        statement["Effect"] == "Allow"
        and _matches(action, statement["Action"])
        and _matches(resource, statement["Resource"])
        and all(_holds(operator, keys, given) for operator, keys in statement.get("Condition", {}).items())
        for statement in statements
    )


def _holds(operator: str, keys: Json, given: Json) -> bool:
    assert operator in ("StringEquals", "ArnEquals", "ArnLike"), operator
    return all(key in given and _matches(given[key], wanted) for key, wanted in keys.items())


def _matches(value: str, patterns: str | list[str]) -> bool:
    return any(fullmatch(translate(pattern), value) for pattern in ([patterns] if isinstance(patterns, str) else patterns))
