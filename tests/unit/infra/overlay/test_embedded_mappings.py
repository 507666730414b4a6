"""Event source mappings: a change takes its time, and two kinds of scaling exclude each other."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from infra.local.aws import Embedded

QUEUE = "arn:aws:sqs:ap-northeast-2:123456789012:image-jobs"


@pytest.fixture
def lambdas(aws: Embedded) -> Any:
    return aws.client("lambda")


@pytest.fixture
def mapping(aws: Embedded) -> str:
    return aws.mappings.preload(function="consumer", queue_arn=QUEUE, maximum_concurrency=5, reserved=50)


def test_a_change_is_updating_first_and_busy_meanwhile(aws: Embedded, lambdas: Any, mapping: str) -> None:
    """Then Enabled with the new value."""
    changed = lambdas.update_event_source_mapping(UUID=mapping, ScalingConfig={"MaximumConcurrency": 20})
    assert (changed["State"], changed["ScalingConfig"]) == ("Updating", {"MaximumConcurrency": 20})
    with pytest.raises(ClientError, match="ResourceInUseException"):
        lambdas.update_event_source_mapping(UUID=mapping, ScalingConfig={"MaximumConcurrency": 30})
    aws.clock.advance(10)
    found = lambdas.list_event_source_mappings(EventSourceArn=QUEUE)["EventSourceMappings"]
    assert [(item["State"], item["ScalingConfig"]["MaximumConcurrency"]) for item in found] == [("Enabled", 20)]


@pytest.mark.parametrize("value", [1, 1001])
def test_concurrency_is_between_two_and_a_thousand(lambdas: Any, mapping: str, value: int) -> None:
    """One is not an option."""
    with pytest.raises((ClientError, ParamValidationError)):
        lambdas.update_event_source_mapping(UUID=mapping, ScalingConfig={"MaximumConcurrency": value})


def test_concurrency_and_provisioned_pollers_exclude_each_other(aws: Embedded, lambdas: Any) -> None:
    """Until the one is taken away by an empty structure."""
    mapping = aws.mappings.preload(function="consumer", queue_arn=QUEUE, pollers=(2, 10))
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        lambdas.update_event_source_mapping(UUID=mapping, ScalingConfig={"MaximumConcurrency": 5})
    lambdas.update_event_source_mapping(UUID=mapping, ScalingConfig={"MaximumConcurrency": 5}, ProvisionedPollerConfig={})
    assert "ProvisionedPollerConfig" not in lambdas.get_event_source_mapping(UUID=mapping)


def test_a_mapping_can_be_switched_off(aws: Embedded, lambdas: Any, mapping: str) -> None:
    """And on again."""
    for enabled, state in ((False, "Disabled"), (True, "Enabled")):
        lambdas.update_event_source_mapping(UUID=mapping, Enabled=enabled)
        aws.clock.advance(10)
        assert lambdas.get_event_source_mapping(UUID=mapping)["State"] == state


def test_reserved_concurrency_is_told_when_there_is_any(lambdas: Any, mapping: str) -> None:
    """By name or ARN; an unknown mapping is an error."""
    arn = "arn:aws:lambda:ap-northeast-2:123456789012:function:consumer"
    assert lambdas.get_function_concurrency(FunctionName=arn)["ReservedConcurrentExecutions"] == 50
    assert "ReservedConcurrentExecutions" not in lambdas.get_function_concurrency(FunctionName="other")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        lambdas.get_event_source_mapping(UUID=mapping[::-1])


def test_other_lambda_operations_go_to_moto(lambdas: Any) -> None:
    """Only what moto gets wrong is overlaid."""
    assert lambdas.list_functions()["Functions"] == []
