"""Whatever a catalogue compiles to, the rules answer, in single lines that say what would be right."""

from __future__ import annotations

from typing import Any

from desired_alarms import desired, request
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms import checks, metrics
from alarms.settings import Settings
from remediators.registry import registry

KNOWN = [
    f"{namespace} {name}" for namespace in ("AWS/SQS", "AWS/RDS", "AWS/ECS", "AWS/ApiGateway") for name in ("Latency", "Sum")
]
KNOWN += ["AWS/ECS CPUUtilization", "AWS/RDS FreeStorageSpace", "AWS/SQS ApproximateAgeOfOldestMessage", "Mine/Orders Backlog"]
TEXT = st.text(max_size=30)
DIMENSIONS = st.dictionaries(st.sampled_from(["QueueName", "ServiceName", "DBClusterIdentifier", "x"]), TEXT, max_size=4)
STATISTICS = st.sampled_from(
    [{"Statistic": name} for name in ("Average", "Sum", "Maximum", "SampleCount")]
    + [{"Statistic": None, "ExtendedStatistic": name} for name in ("p90", "p100", "p0", "p99.999", "tm90", "IQM", "PR(:300)")]
)


@settings(deadline=None, max_examples=150)
@given(
    metric=st.sampled_from(KNOWN),
    dimensions=DIMENSIONS,
    statistic=STATISTICS,
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    period=st.sampled_from([10, 60, 300, 86400]),
    points=st.integers(1, 20),
    missing=st.sampled_from(["missing", "ignore", "breaching", "notBreaching"]),
    operator=st.sampled_from(["GreaterThanThreshold", "LessThanOrEqualToThreshold", "LessThanThreshold"]),
)
def test_every_finding_is_one_line_with_a_fix(
    *,
    metric: str,
    dimensions: dict[str, str],
    statistic: dict[str, Any],
    threshold: float,
    period: int,
    points: int,
    missing: str,
    operator: str,
) -> None:
    members = request(
        metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        Threshold=threshold,
        Period=period,
        EvaluationPeriods=points,
        DatapointsToAlarm=points,
        TreatMissingData=missing,
        ComparisonOperator=operator,
        **statistic,
    )
    found = checks.run([desired(members)], Settings(), registry())

    assert all(problem.summary and problem.fix and problem.why and "\n" not in str(problem) for problem in found)
    assert found == checks.run([desired(members)], Settings(), registry())


@settings(deadline=None, max_examples=100)
@given(namespace=st.one_of(TEXT, st.sampled_from(metrics.namespaces())), name=TEXT)
def test_a_suggestion_is_always_a_metric_that_is_known(namespace: str, name: str) -> None:
    near = metrics.suggest(namespace, name)

    assert near is None or metrics.metric(namespace, near) is not None
