"""A first deploy that failed is tried again: nothing that it left behind stands in the way by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

NAMES = ("BucketName", "DBClusterIdentifier", "FunctionName", "LogGroupName", "Name", "QueueName", "RepositoryName", "TableName")
# CloudFormation could not delete these while they are protected, and a rollback that fails is worse than one that leaves them:
# they are imported instead (docs/deploying.md).
PROTECTED = ("DeletionProtection", "DeletionProtectionEnabled")


def kept_under_a_name(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, resource in template["Resources"].items():
        named = any(isinstance(resource.get("Properties", {}).get(member), str) for member in NAMES)
        if named and resource.get("DeletionPolicy", "Delete") != "Delete":
            yield name, resource


def test_what_is_kept_under_a_fixed_name_goes_with_a_creation_that_is_rolled_back(
    templates: Mapping[str, Mapping[str, Any]],
) -> None:
    """Or the next try would meet it (CloudFormation user guide, DeletionPolicy: RetainExceptOnCreate)."""
    found = [each for template in templates.values() for each in kept_under_a_name(template)]

    assert {"AWS::Logs::LogGroup", "AWS::SQS::Queue", "AWS::SecretsManager::Secret", "AWS::ECR::Repository"} <= {
        resource["Type"] for _, resource in found
    }
    for name, resource in found:
        protected = any(resource["Properties"].get(member) for member in PROTECTED)
        assert resource["DeletionPolicy"] == ("Retain" if protected else "RetainExceptOnCreate"), name
        assert resource["UpdateReplacePolicy"] == "Retain", name
