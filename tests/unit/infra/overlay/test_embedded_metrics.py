"""The metric operations: what can be put, and how it is read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from overlay_story import QUEUE, ages

from infra.local.aws import Embedded

START = datetime(2026, 10, 31, 13, 0, tzinfo=UTC)
WINDOW = {"StartTime": START, "EndTime": START + timedelta(minutes=5)}


def query(identifier: str, name: str, stat: str = "Sum", **members: Any) -> dict[str, Any]:
    metric = {"Namespace": "AWS/SQS", "MetricName": name, "Dimensions": QUEUE}
    return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}, **members}


@pytest.fixture
def cloudwatch(aws: Embedded) -> Any:
    ages(aws, [1, 2, None, 4], "in")
    ages(aws, [10, 10, 10, 10], "out")
    aws.clock.advance(300)
    return aws.client("cloudwatch")


def test_series_come_newest_first_with_their_gaps_left_out(cloudwatch: Any) -> None:
    """Or oldest first when asked for."""
    newest = cloudwatch.get_metric_data(MetricDataQueries=[query("m1", "in")], **WINDOW)["MetricDataResults"][0]
    oldest = cloudwatch.get_metric_data(MetricDataQueries=[query("m1", "in")], ScanBy="TimestampAscending", **WINDOW)
    assert newest["Values"] == [4.0, 2.0, 1.0]
    assert newest["Timestamps"][0] == START + timedelta(minutes=3)
    assert (newest["Label"], newest["StatusCode"]) == ("in", "Complete")
    assert oldest["MetricDataResults"][0]["Values"] == [1.0, 2.0, 4.0]


def test_math_is_computed_over_hidden_series(cloudwatch: Any) -> None:
    """A missing point counts as nothing in arithmetic; hidden queries do not come back."""
    queries = [
        query("m1", "in", ReturnData=False),
        query("m2", "out", ReturnData=False),
        {"Id": "e1", "Expression": "m1/m2", "Label": "share"},
    ]
    (result,) = cloudwatch.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending", **WINDOW)["MetricDataResults"]
    assert (result["Label"], result["Values"]) == ("share", [0.1, 0.2, 0.0, 0.4])


def test_statistics_and_percentiles_are_read_per_period(cloudwatch: Any) -> None:
    """One of the two kinds in a request."""
    asked = {"Namespace": "AWS/SQS", "MetricName": "in", "Dimensions": QUEUE, "Period": 300, **WINDOW}
    (point,) = cloudwatch.get_metric_statistics(**asked, Statistics=["Average", "Maximum", "SampleCount"])["Datapoints"]
    assert (point["Maximum"], point["SampleCount"], point["Timestamp"]) == (4.0, 3.0, START)
    (point,) = cloudwatch.get_metric_statistics(**asked, ExtendedStatistics=["p50"])["Datapoints"]
    assert point["ExtendedStatistics"] == {"p50": 2.0}
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        cloudwatch.get_metric_statistics(**asked)
    wide = {"StartTime": START - timedelta(minutes=1436), "EndTime": START + timedelta(minutes=5)}
    with pytest.raises(ClientError, match="1441 datapoints"):
        cloudwatch.get_metric_statistics(**{**asked, **wide, "Period": 60}, Statistics=["Sum"])


def test_metrics_are_listed_by_what_they_carry(cloudwatch: Any) -> None:
    """Namespace, name, dimensions."""
    assert len(cloudwatch.list_metrics(Namespace="AWS/SQS")["Metrics"]) == 2
    assert cloudwatch.list_metrics(MetricName="in", Dimensions=[{"Name": "QueueName"}])["Metrics"][0]["Dimensions"] == QUEUE
    assert not cloudwatch.list_metrics(Dimensions=[{"Name": "QueueName", "Value": "other"}])["Metrics"]


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        ({}, "InvalidParameterCombination"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ({"Value": float("nan")}, "InvalidParameterValue"),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, "InvalidParameterValue"),
        ({"Values": [float(number) for number in range(151)]}, "InvalidParameterValue"),
        ({"Value": 1.0, "Timestamp": START - timedelta(days=15)}, "InvalidParameterValue"),
        ({"Value": 1.0, "Timestamp": START + timedelta(hours=3)}, "InvalidParameterValue"),
        ({"Value": 1.0, "StorageResolution": 10}, "InvalidParameterValue"),
    ],
)
def test_wrong_data_is_refused_whole(aws: Embedded, datum: dict[str, Any], code: str) -> None:
    """The good point beside it is not stored either."""
    cloudwatch = aws.client("cloudwatch")
    with pytest.raises(ClientError) as failure:
        cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "good", "Value": 1}, {"MetricName": "bad", **datum}])
    assert failure.value.response["Error"]["Code"] == code
    assert not cloudwatch.list_metrics()["Metrics"]
