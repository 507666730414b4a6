"""The metric catalogue: what it knows, what it proposes, what it leaves open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alarms import metrics
from alarms.metrics import Trait

ROOT = Path(metrics.__file__).parent


@pytest.mark.parametrize(
    ("namespace", "name", "unit", "dimensions"),
    [
        ("AWS/ECS", "CPUUtilization", "Percent", {"ClusterName", "ServiceName"}),
        ("AWS/ECS", "MemoryUtilization", "Percent", {"ClusterName", "ServiceName"}),
        ("ECS/ContainerInsights", "RunningTaskCount", "Count", {"ClusterName", "ServiceName"}),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "Seconds", {"QueueName"}),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Count", {"QueueName"}),
        ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Count", {"LoadBalancer"}),
        ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Count", {"LoadBalancer", "TargetGroup"}),
        ("AWS/ApplicationELB", "RequestCount", "Count", {"LoadBalancer"}),
        ("AWS/ApplicationELB", "TargetResponseTime", "Seconds", {"LoadBalancer"}),
        ("AWS/ApiGateway", "5XXError", "Count", {"ApiName", "Stage"}),
        ("AWS/ApiGateway", "Latency", "Milliseconds", {"ApiName", "Stage"}),
        ("AWS/ApiGateway", "IntegrationLatency", "Milliseconds", {"ApiId", "Stage"}),
        ("AWS/RDS", "CPUUtilization", "Percent", {"DBInstanceIdentifier"}),
        ("AWS/RDS", "DatabaseConnections", "Count", {"DBInstanceIdentifier"}),
        ("AWS/RDS", "VolumeBytesUsed", "Bytes", {"DBClusterIdentifier"}),
    ],
)
def test_every_metric_of_the_product_has_its_unit_and_dimensions(
    namespace: str, name: str, unit: str, dimensions: set[str]
) -> None:
    fact = metrics.metric(namespace, name)

    assert fact is not None
    assert fact.unit == unit
    assert frozenset(dimensions) in fact.dimensions
    assert fact.dimensions_whole


def test_what_is_not_in_the_catalogue_is_unknown_not_wrong() -> None:
    assert metrics.metric("MyCompany/Orders", "Backlog") is None
    assert metrics.suggest("MyCompany/Orders", "Backlog") is None
    assert not metrics.known("MyCompany/Orders")


@pytest.mark.parametrize(
    ("namespace", "typed", "meant"),
    [
        ("AWS/SQS", "ApproximateAgeOfOldestMesage", "ApproximateAgeOfOldestMessage"),
        ("AWS/ECS", "CpuUtilisation", "CPUUtilization"),
        ("AWS/ApiGateway", "5xxError", "5XXError"),
        ("AWS/RDS", "DatabaseConnection", "DatabaseConnections"),
    ],
)
def test_a_misspelt_metric_is_told_what_it_most_likely_means(namespace: str, typed: str, meant: str) -> None:
    assert metrics.suggest(namespace, typed) == meant


def test_a_right_or_a_hopeless_name_gets_no_suggestion() -> None:
    assert metrics.suggest("AWS/SQS", "SentMessageSize") is None
    assert metrics.suggest("AWS/SQS", "Zebra") is None


def test_a_namespace_in_the_wrong_case_is_told_the_right_one() -> None:
    assert metrics.suggest_namespace("AWS/Sqs") == "AWS/SQS"
    assert metrics.suggest_namespace("AWS/SQS") is None
    assert metrics.suggest_namespace("AWS/NetworkELB") is None


def test_published_dimension_sets_are_hints_and_ours_are_whole() -> None:
    published = metrics.metric("AWS/Lambda", "Errors")

    assert published is not None
    assert published.dimensions
    assert not published.dimensions_whole


def test_what_each_metric_does_in_an_alarm_is_known() -> None:
    errors = metrics.metric("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count")
    rate = metrics.metric("AWS/ApiGateway", "5XXError")
    dead = metrics.metric("AWS/RDS", "FreeStorageSpace")

    assert errors is not None
    assert errors.has(Trait.ONES)
    assert rate is not None
    assert rate.has(Trait.FRACTION)
    assert dead is not None
    assert dead.has(Trait.NOT_AURORA)


@pytest.mark.parametrize("file", ["metrics.json", "metrics_supplement.json"])
def test_the_files_are_sorted_with_one_metric_a_line(file: str) -> None:
    """A change of one metric is a diff of one line."""
    text = (ROOT / file).read_text("utf-8")
    content = json.loads(text)

    assert list(content) == sorted(content)
    assert all(list(names) == sorted(names) for names in content.values())
    assert text.count("\n  ") == sum(len(names) for names in content.values())
    assert len(text) < 100_000
