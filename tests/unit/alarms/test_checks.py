"""The lint rules, each on the alarms it must tell apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from desired_alarms import desired, math_request, request

from alarms import checks
from alarms.desired import Desired
from alarms.domain.alarm import Mode, Policy, Revert, Severity
from alarms.domain.bounds import Limit
from alarms.problem import Level, Problem
from alarms.settings import Database, Settings
from remediators.registry import registry


def problems(*items: Desired, settings: Settings | None = None, **more: Any) -> list[Problem]:
    return checks.run(items, settings or Settings(), registry(), **more)


def found(rule: str, *items: Desired, **more: Any) -> list[Problem]:
    """Return what one rule finds."""
    return [problem for problem in problems(*items, **more) if problem.check == rule]


def by(**dimensions: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


ALB = by(LoadBalancer="app/image/0123456789abcdef")
API = by(ApiName="image-api", Stage="prod")
SERVICE = by(ClusterName="image", ServiceName="image-api")
INSTANCE = by(DBInstanceIdentifier="image-db-1")


def policy(action: str = "scale-service", **changes: Any) -> Policy:
    values: dict[str, Any] = {
        "action": action,
        "parameters": {"cluster": "image", "service": "image-api", "max_tasks": 20},
        "mode": Mode.OBSERVE,
        "limits": (Limit(3, 3600),),
        "cooldown_s": 900,
        "verify_within_s": 900,
        "revert": Revert(1800, 21600),
    }
    return Policy(**{**values, **changes})


def ecs(**changes: Any) -> dict[str, Any]:
    return request("AWS/ECS CPUUtilization", Dimensions=SERVICE, Statistic="Average", Threshold=80.0, **changes)


def series(identifier: str, metric: str, stat: str = "Sum", dimensions: Iterable[dict[str, str]] = ()) -> dict[str, Any]:
    namespace, name = metric.split(" ")
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": list(dimensions)},
            "Period": 60,
            "Stat": stat,
        },
        "ReturnData": False,
    }


def math(text: str) -> dict[str, Any]:
    return {"Id": "e1", "Expression": text, "ReturnData": True}


class TestMetricUnknown:
    def test_a_misspelt_metric_is_an_error_that_names_the_right_one(self) -> None:
        (problem,) = found("metric-unknown", desired(request("AWS/SQS ApproximateAgeOfOldestMesage")))

        assert problem.level is Level.ERROR
        assert "did you mean 'ApproximateAgeOfOldestMessage'?" in str(problem)
        assert str(problem).startswith("catalog/sqs.yaml:3:5: error: sqs/backlog: ")

    def test_a_namespace_in_the_wrong_case_is_an_error(self) -> None:
        (problem,) = found("metric-unknown", desired(request("AWS/sqs SentMessageSize")))

        assert "did you mean 'AWS/SQS'?" in problem.fix

    @pytest.mark.parametrize(
        "metric", ["MyCompany/Orders Backlog", "AWS/NetworkELB ActiveFlowCount", "AWS/Lambda BrandNewMetric"]
    )
    def test_what_nobody_can_know_is_no_finding(self, metric: str) -> None:
        assert found("metric-unknown", desired(request(metric))) == []

    def test_a_near_miss_in_a_namespace_with_holes_is_a_warning(self) -> None:
        (problem,) = found("metric-unknown", desired(request("AWS/Lambda Throtles")))

        assert problem.level is Level.WARNING

    def test_every_metric_of_an_expression_is_looked_at(self) -> None:
        members = math_request([series("m1", "AWS/SQS Sent"), series("m2", "AWS/SQS SentMessageSize"), math("m1/m2")])

        assert len(found("metric-unknown", desired(members))) == 1


class TestMetricDeadOnAurora:
    STORAGE = request("AWS/RDS FreeStorageSpace", Dimensions=INSTANCE, Statistic="Minimum")

    def test_whoever_writes_free_storage_space_for_aurora_is_told_what_works(self) -> None:
        (problem,) = found("metric-dead-on-aurora", desired(self.STORAGE, component="aurora"))

        assert problem.level is Level.WARNING
        assert "VolumeBytesUsed" in problem.fix

    def test_an_unnamed_engine_is_taken_for_aurora_which_the_platform_runs(self) -> None:
        assert found("metric-dead-on-aurora", desired(self.STORAGE, component="database"))

    def test_a_component_named_after_another_engine_is_left_alone(self) -> None:
        assert not found("metric-dead-on-aurora", desired(self.STORAGE, component="rds"))

    def test_a_database_declared_with_capacity_units_is_aurora(self) -> None:
        settings = Settings(databases={"image-db-1": Database(max_acu=16.0)})

        assert found("metric-dead-on-aurora", desired(self.STORAGE, component="rds"), settings=settings)

    def test_the_volume_metric_of_aurora_mysql_is_dead_on_postgresql(self) -> None:
        members = request("AWS/RDS AuroraVolumeBytesLeftTotal", Dimensions=by(DBClusterIdentifier="x"), Period=300)

        assert found("metric-dead-on-aurora", desired(members, component="aurora"))
        assert not found("metric-dead-on-aurora", desired(members, component="aurora-mysql"))


class TestStatisticFit:
    @pytest.mark.parametrize(
        ("metric", "statistic", "dimensions", "fix"),
        [
            ("AWS/ApplicationELB HTTPCode_ELB_5XX_Count", "Average", ALB, "Sum"),
            ("AWS/ApplicationELB RequestCount", "Maximum", ALB, "Sum"),
            ("AWS/SQS ApproximateAgeOfOldestMessage", "Average", by(QueueName="q"), "Maximum"),
            ("AWS/ECS CPUUtilization", "Sum", SERVICE, "Average"),
            ("AWS/ApiGateway Latency", "Sum", API, "p90"),
            ("AWS/ApiGateway 5XXError", "Maximum", API, "Average"),
        ],
    )
    def test_a_statistic_that_says_nothing_is_told_the_right_one(
        self, metric: str, statistic: str, dimensions: Any, fix: str
    ) -> None:
        (problem,) = found("statistic-fit", desired(request(metric, Statistic=statistic, Dimensions=dimensions)))

        assert fix in problem.fix

    @pytest.mark.parametrize(
        ("metric", "statistic"),
        [
            ("AWS/ApplicationELB RequestCount", "Sum"),
            ("AWS/SQS ApproximateAgeOfOldestMessage", "Maximum"),
            ("AWS/ECS CPUUtilization", "SampleCount"),
            ("AWS/ApiGateway 5XXError", "Average"),
            ("AWS/ApiGateway 5XXError", "Sum"),
            ("Mine/Orders Backlog", "Sum"),
        ],
    )
    def test_a_useful_statistic_is_left_alone(self, metric: str, statistic: str) -> None:
        assert found("statistic-fit", desired(request(metric, Statistic=statistic))) == []


class TestDimensionSet:
    def test_the_balancers_own_errors_by_target_group_have_no_data(self) -> None:
        members = request(
            "AWS/ApplicationELB HTTPCode_ELB_5XX_Count",
            Statistic="Sum",
            Dimensions=[*ALB, {"Name": "TargetGroup", "Value": "targetgroup/x/1"}],
        )
        (problem,) = found("dimension-set", desired(members))

        assert "LoadBalancer + TargetGroup" in problem.summary
        assert "it is published by LoadBalancer; AvailabilityZone + LoadBalancer" in problem.fix

    def test_no_dimension_at_all_is_a_set_of_its_own(self) -> None:
        assert "no dimension at all" in found("dimension-set", desired(request(Dimensions=[])))[0].summary

    def test_a_metric_whose_sets_are_only_partly_known_is_not_judged(self) -> None:
        assert found("dimension-set", desired(request("AWS/Lambda Errors", Dimensions=by(Alias="x")))) == []


class TestPercentileLowTraffic:
    @pytest.mark.parametrize(("stat", "samples"), [("p90", 100), ("p99", 1000), ("p99.9", 10000), ("p50", 20), ("p10", 100)])
    def test_the_number_of_samples_is_cloudwatchs_own(self, stat: str, samples: int) -> None:
        members = request("AWS/ApiGateway Latency", Dimensions=API, Statistic=None, ExtendedStatistic=stat)
        (problem,) = found("percentile-low-traffic", desired(members))

        assert problem.level is Level.NOTE
        assert f"below {samples} samples" in problem.summary

    def test_ignoring_few_samples_freezes_the_state(self) -> None:
        members = request(
            "AWS/ApiGateway Latency",
            Dimensions=API,
            Statistic=None,
            ExtendedStatistic="p90",
            EvaluateLowSampleCountPercentile="ignore",
        )

        assert "freezes" in found("percentile-low-traffic", desired(members))[0].summary

    def test_a_trimmed_mean_is_no_percentile(self) -> None:
        assert not found("percentile-low-traffic", desired(request(Statistic=None, ExtendedStatistic="tm99")))


class TestFractionThreshold:
    def test_five_of_a_rate_from_0_to_1_never_rings(self) -> None:
        members = request("AWS/ApiGateway 5XXError", Dimensions=API, Statistic="Average", Threshold=5.0)
        (problem,) = found("fraction-threshold", desired(members))

        assert "write `5 %`, which compiles to 0.05" in problem.fix

    def test_a_share_of_a_percent_metric_always_rings(self) -> None:
        assert "write `80 %`" in found("fraction-threshold", desired(ecs() | {"Threshold": 0.8}))[0].fix

    @pytest.mark.parametrize("threshold", [0.05, 1.0])
    def test_a_fraction_of_a_fraction_is_right(self, threshold: float) -> None:
        members = request("AWS/ApiGateway 5XXError", Dimensions=API, Statistic="Average", Threshold=threshold)

        assert not found("fraction-threshold", desired(members))


class TestThresholdReach:
    @pytest.mark.parametrize(
        ("operator", "threshold", "verdict"),
        [
            ("GreaterThanOrEqualToThreshold", 0.0, "always"),
            ("GreaterThanThreshold", -1.0, "always"),
            ("LessThanThreshold", 0.0, "never"),
            ("LessThanOrEqualToThreshold", -1.0, "never"),
        ],
    )
    def test_a_condition_that_no_value_or_every_value_meets(self, operator: str, threshold: float, verdict: str) -> None:
        (problem,) = found("threshold-reach", desired(request(ComparisonOperator=operator, Threshold=threshold)))

        assert f"{verdict} true" in problem.summary

    @pytest.mark.parametrize("operator", ["GreaterThanThreshold", "LessThanOrEqualToThreshold"])
    def test_any_and_none_are_said_with_zero(self, operator: str) -> None:
        assert not found("threshold-reach", desired(request(ComparisonOperator=operator, Threshold=0.0)))


class TestMissingData:
    @pytest.mark.parametrize(
        ("metric", "dimensions", "missing"),
        [
            ("AWS/ECS CPUUtilization", SERVICE, "missing: missing"),
            ("AWS/ApiGateway 5XXError", API, "not_breaching"),
            ("AWS/ApplicationELB HTTPCode_ELB_5XX_Count", ALB, "not_breaching"),
            ("AWS/ApplicationELB TargetResponseTime", ALB, "not_breaching"),
            ("AWS/SQS ApproximateAgeOfOldestMessage", by(QueueName="q"), "not_breaching"),
        ],
    )
    def test_normal_silence_must_not_ring(self, metric: str, dimensions: Any, missing: str) -> None:
        (problem,) = found("missing-data", desired(request(metric, Dimensions=dimensions, TreatMissingData="breaching")))

        assert problem.level is Level.WARNING
        assert missing in problem.fix

    def test_a_rate_without_requests_must_not_ring(self) -> None:
        metrics = [series("m1", "AWS/ApplicationELB HTTPCode_ELB_5XX_Count"), series("m2", "AWS/ApplicationELB RequestCount")]
        members = math_request([*metrics, math("100*m1/m2")], TreatMissingData="breaching")

        assert "without requests the rate has no data" in found("missing-data", desired(members))[0].summary

    def test_a_service_that_died_must_not_look_healthy(self) -> None:
        (problem,) = found("missing-data", desired(ecs()))

        assert problem.level is Level.NOTE

    def test_no_healthy_target_is_missing_data(self) -> None:
        members = request(
            "AWS/ApplicationELB HealthyHostCount",
            Dimensions=[*ALB, {"Name": "TargetGroup", "Value": "targetgroup/x/1"}],
            Statistic="Minimum",
            Threshold=1.0,
            ComparisonOperator="LessThanThreshold",
        )

        assert "breaching" in found("missing-data", desired(members))[0].fix
        assert not found("missing-data", desired({**members, "TreatMissingData": "breaching"}))


class TestSmallWindows:
    def test_one_minute_of_a_rate_is_noted(self) -> None:
        members = request("AWS/ApiGateway 5XXError", Dimensions=API, Statistic="Average", Threshold=0.05, EvaluationPeriods=1)

        assert found("one-datapoint", desired({**members, "DatapointsToAlarm": 1}))[0].level is Level.NOTE

    def test_one_minute_of_a_queue_that_should_be_empty_is_right(self) -> None:
        members = request("AWS/SQS ApproximateNumberOfMessagesVisible", EvaluationPeriods=1, DatapointsToAlarm=1)

        assert not found("one-datapoint", desired(members))

    def test_a_critical_age_alarm_says_when_it_rings_at_the_earliest(self) -> None:
        """600 s of age, fifteen minutes in a row, three minutes of delay."""
        (problem,) = found("slow-detection", desired(severity=Severity.CRITICAL))

        assert "rings 28 minutes after the fault began" in problem.summary
        assert not found("slow-detection", desired(severity=Severity.WARNING))

    @pytest.mark.parametrize("expression", ["m1-m2", "m1 - FILL(m2,0)", "IF(m1>0,FILL(m2,0),1)"])
    def test_n_of_n_must_not_wait_for_the_newest_minute(self, expression: str) -> None:
        metrics = [series("m1", "ECS/ContainerInsights DesiredTaskCount"), series("m2", "ECS/ContainerInsights RunningTaskCount")]
        members = math_request([*metrics, math(expression)], EvaluationPeriods=5, DatapointsToAlarm=5)

        assert found("newest-minute", desired(members))[0].fix == "ask for 5 of 6"
        assert not found("newest-minute", desired({**members, "EvaluationPeriods": 6}))

    def test_a_period_below_the_metrics_own_has_no_points(self) -> None:
        volume = request("AWS/RDS VolumeBytesUsed", Dimensions=by(DBClusterIdentifier="x"))

        assert "300 s" in found("period-too-short", desired(volume))[0].fix
        assert found("period-too-short", desired(request(Period=10)))
        assert found("period-too-short", desired(request("AWS/NetworkELB ActiveFlowCount", Period=30)))
        assert not found("period-too-short", desired(request("Mine/Orders Backlog", Period=10)))


class TestDeadLetterAge:
    @pytest.mark.parametrize("queue", ["jobs-dlq", "jobs-dead", "dead-letter-jobs", "jobs_deadletters", "DLQ", "jobs-dlq.fifo"])
    def test_a_dead_letter_queue_has_no_age_worth_an_alarm(self, queue: str) -> None:
        assert found("dead-letter-age", desired(request(Dimensions=by(QueueName=queue))))

    @pytest.mark.parametrize("queue", ["jobs", "deadline-jobs", "undeadly"])
    def test_other_names_are_left_alone(self, queue: str) -> None:
        assert not found("dead-letter-age", desired(request(Dimensions=by(QueueName=queue))))


class TestWhatCloudWatchTakes:
    def test_a_name_that_does_not_fit_is_an_error_and_one_that_was_cut_a_note(self) -> None:
        too_long, cut = "x" * 256, "x" * 244 + "~0123456789"

        assert found("name-too-long", desired(request(AlarmName=too_long)))[0].level is Level.ERROR
        assert found("name-too-long", desired(request(AlarmName=cut)))[0].level is Level.NOTE
        assert not found("name-too-long", desired(request(AlarmName="x" * 255)))

    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"AlarmDescription": "x" * 1025}, "1025 characters in the description"),
            ({"AlarmActions": [f"arn:{n}" for n in range(6)]}, "6 AlarmActions"),
            ({"Dimensions": by(**{f"d{n}": "x" for n in range(31)})}, "31 dimensions"),
        ],
    )
    def test_a_request_beyond_a_quota_is_an_error(self, members: dict[str, Any], words: str) -> None:
        (problem,) = found("quotas", desired(request("Mine/Orders Backlog", **members)))

        assert problem.level is Level.ERROR
        assert words in problem.summary

    def test_more_than_ten_metrics_do_not_fit_one_expression(self) -> None:
        metrics = [series(f"m{n}", f"Mine/Orders Backlog{n}") for n in range(11)]

        assert "11 metrics" in found("quotas", desired(math_request([*metrics, math("SUM(METRICS())")])))[0].summary


class TestRunbookMissing:
    def test_a_path_without_a_file_is_found_when_someone_can_look(self) -> None:
        item = desired(runbook="docs/runbooks/none.md")

        assert found("runbook-missing", item, exists=frozenset[str]().__contains__)
        assert not found("runbook-missing", item, exists={"docs/runbooks/none.md"}.__contains__)
        assert not found("runbook-missing", item)

    def test_an_address_is_not_looked_up(self) -> None:
        assert not found("runbook-missing", desired(runbook="https://wiki.example/x"), exists=frozenset[str]().__contains__)


class TestRemediation:
    def test_consumers_are_scaled_by_a_queues_alarm_only(self) -> None:
        consumers = policy("scale-consumers", parameters={"drain_within": 600, "max_tasks": 9})

        assert found("remediate-mismatch", desired(ecs(), policies=(consumers,)))
        assert not found("remediate-mismatch", desired(policies=(consumers,)))

    def test_more_tasks_do_not_help_a_full_database(self) -> None:
        members = request("AWS/RDS DatabaseConnections", Dimensions=INSTANCE, Statistic="Average")

        assert "more connections" in found("remediate-mismatch", desired(members, policies=(policy(),)))[0].summary

    def test_a_service_scales_itself(self) -> None:
        other = policy(parameters={"cluster": "image", "service": "image-consumer", "max_tasks": 20})

        assert found("remediate-mismatch", desired(ecs(), policies=(other,)))
        assert not found("remediate-mismatch", desired(ecs(), policies=(policy(),)))

    def test_dead_letters_are_those_of_the_watched_queue(self) -> None:
        letters = policy("redrive-dead-letters", parameters={"source": "work", "max_messages": 9})
        dead, work = (request("AWS/SQS ApproximateNumberOfMessagesVisible", Dimensions=by(QueueName=q)) for q in ("dead", "work"))

        assert not found("remediate-mismatch", desired(dead, policies=(letters,)))
        assert "back to itself" in found("remediate-mismatch", desired(work, policies=(letters,)))[0].summary
        assert found("remediate-mismatch", desired(ecs(), policies=(letters,)))

    def test_a_later_step_is_judged_too(self) -> None:
        first = policy(otherwise=(policy("scale-consumers", parameters={"drain_within": 600}),))

        assert found("remediate-mismatch", desired(ecs(), policies=(first,)))

    def test_a_ceiling_of_one_leaves_nothing_to_raise(self) -> None:
        low = policy(parameters={"cluster": "image", "service": "image-api", "max_tasks": 1})

        assert "max_tasks: 1" in found("ceiling-too-low", desired(ecs(), policies=(low,)))[0].summary
        assert not found("ceiling-too-low", desired(ecs(), policies=(policy(),)))

    def test_a_cooldown_ends_after_the_verdict(self) -> None:
        assert found("cooldown-before-verdict", desired(ecs(), policies=(policy(cooldown_s=300),)))
        assert not found("cooldown-before-verdict", desired(ecs(), policies=(policy(),)))

    def test_a_verdict_waits_for_good_data(self) -> None:
        """3 of 5: three good minutes break it, and AWS is up to three minutes late."""
        members = ecs() | {"EvaluationPeriods": 5, "DatapointsToAlarm": 3}

        assert found("verify-too-early", desired(members, policies=(policy(verify_within_s=359),)))[0].fix.startswith(
            "verify_within: 6 m"
        )
        assert not found("verify-too-early", desired(members, policies=(policy(verify_within_s=360),)))

    def test_a_verdict_waits_for_the_drain_it_was_promised(self) -> None:
        consumers = policy("scale-consumers", parameters={"drain_within": 1200}, verify_within_s=900)

        assert found("verify-too-early", desired(policies=(consumers,)))

    def test_help_is_not_taken_back_before_its_verdict(self) -> None:
        assert found("revert-too-early", desired(ecs(), policies=(policy(revert=Revert(300, 900)),)))

    def test_the_latest_revert_leaves_room_for_a_recovery(self) -> None:
        assert found("revert-too-early", desired(ecs(), policies=(policy(revert=Revert(1800, 1800)),)))
        assert not found("revert-too-early", desired(ecs(), policies=(policy(),)))

    def test_escalation_has_no_verdict_to_wait_for(self) -> None:
        only = policy("escalate", parameters={}, cooldown_s=1, verify_within_s=60, revert=None)

        assert not [p for p in problems(desired(ecs(), policies=(only,))) if "verdict" in p.check or "verify" in p.check]


def test_connections_of_a_cluster_are_not_one_instances() -> None:
    members = request("AWS/RDS DatabaseConnections", Dimensions=by(DBClusterIdentifier="x"), Statistic="Average")

    assert found("connections-aggregated", desired(members))
    assert not found("connections-aggregated", desired({**members, "Dimensions": INSTANCE}))


def test_container_insights_is_noted_once_an_alarm() -> None:
    metrics = [series("m1", "ECS/ContainerInsights DesiredTaskCount"), series("m2", "ECS/ContainerInsights RunningTaskCount")]

    (problem,) = found("container-insights", desired(math_request([*metrics, math("m1-m2")])))
    assert "DesiredTaskCount and RunningTaskCount" in problem.summary


class TestRun:
    def test_a_composite_is_judged_without_metrics(self) -> None:
        members = {"AlarmName": "tocsin/all", "AlarmRule": 'ALARM("a")'}

        assert problems(desired(members, operation="PutCompositeAlarm")) == []

    def test_findings_come_in_the_order_of_the_files(self) -> None:
        late = desired(request("AWS/SQS Nothing", Dimensions=[]), line=9)
        early = desired(request(Statistic="Average"), line=2)

        lines = [problem.place.line for problem in problems(late, early)]
        assert lines == sorted(lines)
        assert len(lines) > 1

    def test_a_row_with_many_targets_is_reported_once(self) -> None:
        items = [desired(request(AlarmName=f"a{n}", Statistic="Average", Dimensions=by(QueueName=f"q{n}"))) for n in range(50)]

        assert len(found("statistic-fit", *items)) == 1
