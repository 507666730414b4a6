"""A Serverless v2 cluster that may grow further for a while: within its ceiling, not against other hands, honest about slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from remediation_world import api_alarm, policy

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.text import Text
from infra.local.aws import Embedded, embedded
from remediators.action import Overtaken, Purpose, Refusal, Situation
from remediators.actions.raise_database_capacity import RaiseDatabaseCapacity
from remediators.aws import Clients
from remediators.database.aurora_capacity import Capacity, half_step

START = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
ACTION = RaiseDatabaseCapacity()
SERVERLESS = {"image-db-1": "db.serverless", "image-db-2": "db.serverless"}
SEEN = Capacity("image-db", 0.5, 16.0, ("db.serverless",), "", used=97.0)


@pytest.fixture
def aws() -> Iterator[Embedded]:
    with embedded(START) as opened:
        opened.rds.preload("image-db", SERVERLESS, MinCapacity=0.5, MaxCapacity=16)
        used(opened, 97)
        yield opened


def used(aws: Embedded, percent: float) -> None:
    point = {
        "MetricName": "ACUUtilization",
        "Dimensions": [{"Name": "DBClusterIdentifier", "Value": "image-db"}],
        "Timestamp": aws.clock.now - timedelta(minutes=1),
        "Value": percent,
    }
    aws.client("cloudwatch").put_metric_data(Namespace="AWS/RDS", MetricData=[point])


def situation(purpose: Purpose = Purpose.DECIDE, metric: str = "AWS/RDS CPUUtilization", **parameters: Any) -> Situation:
    alarm = api_alarm(policy("raise-database-capacity", {"cluster": "image-db", "max_acu": 32.0, **parameters}))
    alarm = replace(alarm, condition=replace(alarm.condition, metric=metric))
    return Situation(alarm, alarm.policies[0], 95.0, START, purpose)


def decide(**parameters: Any) -> Proposal | Refusal:
    asked = situation(**parameters)
    assert ACTION.problem(asked.policy.parameters) is None
    return ACTION.propose(ACTION.observe(Clients(), asked), asked)


def run(change: Change) -> tuple[str, ...]:
    return ACTION.run(Clients(), change, lambda: None)


def bounds(aws: Embedded) -> dict[str, Any]:
    found = aws.client("rds").describe_db_clusters(DBClusterIdentifier="image-db")["DBClusters"][0]
    return dict(found["ServerlessV2ScalingConfiguration"])


def changed(answer: Proposal | Refusal) -> Change:
    assert isinstance(answer, Proposal), answer
    (change,) = answer.changes
    return change


def refused(answer: Proposal | Refusal) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def test_a_full_cluster_may_grow_is_verified_and_shrinks_back(aws: Embedded) -> None:
    proposal = decide()
    change = changed(proposal)
    assert (change.before, change.after) == ("0.5-16", "0.5-24")

    assert len(run(change)) == 1
    assert run(change) == ()  # delivered twice

    assert bounds(aws) == {"MinCapacity": 0.5, "MaxCapacity": 24.0}
    seen = ACTION.observe(Clients(), situation(Purpose.VERIFY))
    assert ACTION.moved(seen, proposal) is None  # still modifying
    assert refused(ACTION.restore(seen, proposal, situation(Purpose.REVERT))).reason is Reason.YIELDS
    aws.clock.advance(60)
    seen = ACTION.observe(Clients(), situation(Purpose.VERIFY))
    assert ACTION.moved(seen, proposal) is True

    run(changed(ACTION.restore(seen, proposal, situation(Purpose.REVERT))))

    assert bounds(aws) == {"MinCapacity": 0.5, "MaxCapacity": 16.0}
    seen = ACTION.observe(Clients(), situation(Purpose.REVERT))
    assert refused(ACTION.restore(seen, proposal, situation(Purpose.REVERT))).reason is Reason.NOTHING_TO_DO


def test_the_time_until_it_pauses_is_left_alone(aws: Embedded) -> None:
    aws.rds.preload("image-db", SERVERLESS, MinCapacity=0, MaxCapacity=16, SecondsUntilAutoPause=600)
    run(changed(decide()))
    assert bounds(aws) == {"MinCapacity": 0, "MaxCapacity": 24.0, "SecondsUntilAutoPause": 600}


def test_bounds_that_others_changed_are_left_alone(aws: Embedded) -> None:
    change = changed(decide())
    aws.rds.preload("image-db", SERVERLESS, MinCapacity=2, MaxCapacity=64)

    with pytest.raises(Overtaken):
        run(change)
    seen = ACTION.observe(Clients(), situation(Purpose.REVERT))
    lent = Proposal("raise-database-capacity", change.resource, (change,), Text("", ""))
    assert refused(ACTION.restore(seen, lent, situation(Purpose.REVERT))).reason is Reason.DRIFTED
    assert bounds(aws) == {"MinCapacity": 2, "MaxCapacity": 64}


def test_a_cluster_that_is_being_changed_is_waited_for(aws: Embedded) -> None:
    change = changed(decide())
    aws.rds.become("image-db", "backing-up")
    assert refused(decide()).reason is Reason.YIELDS
    with pytest.raises(Retryable):
        run(change)


@pytest.mark.parametrize(("percent", "reason"), [(40.0, Reason.NOTHING_TO_DO), (None, Reason.UNKNOWN)])
def test_capacity_that_is_not_the_limit_or_not_known_is_not_raised(aws: Embedded, percent: float | None, reason: Reason) -> None:
    aws.clock.advance(600)
    asked = replace(situation(), now=aws.clock.now)
    if percent is not None:
        used(aws, percent)
    assert refused(ACTION.propose(ACTION.observe(Clients(), asked), asked)).reason is reason


def test_more_slots_are_told_to_need_a_reboot(aws: Embedded) -> None:
    answer = refused(decide(metric="AWS/RDS DatabaseConnections"))
    assert answer.reason is Reason.UNSAFE
    assert "rebooted" in answer.why.en
    assert "재부팅" in answer.why.ko


@pytest.mark.parametrize(
    "classes", [{"image-db-1": "db.r6g.large"}, {"image-db-1": "db.serverless", "image-db-2": "db.r6g.large"}, {}]
)
def test_a_fixed_class_gets_words_and_no_change(aws: Embedded, classes: dict[str, str]) -> None:
    aws.rds.preload("image-db", classes, MinCapacity=0.5, MaxCapacity=16)
    answer = refused(decide())
    assert answer.reason is Reason.UNSAFE
    assert "max_connections" in answer.why.en
    assert "reboot" in answer.why.en
    assert bounds(aws) == {"MinCapacity": 0.5, "MaxCapacity": 16}


def test_no_such_cluster_is_a_no(aws: Embedded) -> None:
    with pytest.raises(Permanent) as failure:
        decide(cluster="other")
    assert failure.value.code == "DBClusterNotFoundFault"


@given(
    smallest=st.integers(0, 64).map(lambda n: n / 2),
    grows=st.integers(2, 400).map(lambda n: n / 2),
    most=st.integers(2, 512).map(lambda n: n / 2),
    step=st.floats(0.1, 500),
    least=st.none() | st.integers(1, 512).map(lambda n: n / 2),
)
def test_no_bound_is_ever_lowered_nor_raised_above_the_ceiling(
    smallest: float, grows: float, most: float, step: float, least: float | None
) -> None:
    largest = min(256.0, max(1.0, smallest + grows))
    asked = situation(max_acu=most, step=step, **({} if least is None else {"min_acu": min(least, most)}))
    answer = ACTION.propose(replace(SEEN, smallest=smallest, largest=largest), asked)
    if isinstance(answer, Refusal):
        assert answer.reason is Reason.AT_CEILING
        return
    floor, top = (float(part) for part in str(changed(answer).after).split("-"))
    assert smallest <= floor <= top
    assert largest <= top <= max(largest, most)
    assert floor <= max(smallest, least or 0)
    assert (floor, top) == (half_step(floor), half_step(top))
    assert (floor, top) != (smallest, largest)


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"max_acu": 0.4}, "max_acu"),
        ({"max_acu": 300}, "max_acu"),
        ({"max_acu": 8.2}, "half"),
        ({"max_acu": 8, "min_acu": 9}, "min_acu"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(parameters: dict[str, Any], wrong: str) -> None:
    assert wrong in str(ACTION.problem(parameters))


@pytest.mark.parametrize(("smallest", "largest"), [(0.5, 257), (8, 4), (0.5, 16.3), (-1, 4), (0, 0.5)])
def test_the_embedded_rds_takes_no_bounds_that_aws_refuses(aws: Embedded, smallest: float, largest: float) -> None:
    with pytest.raises(ClientError) as failure:
        aws.client("rds").modify_db_cluster(
            DBClusterIdentifier="image-db",
            ServerlessV2ScalingConfiguration={"MinCapacity": smallest, "MaxCapacity": largest},
        )
    assert failure.value.response["Error"]["Code"].startswith("InvalidParameter")


def test_clusters_of_others_stay_motos(aws: Embedded) -> None:
    rds = aws.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="other", Engine="aurora-postgresql", MasterUsername="u", MasterUserPassword="long-enough"
    )
    assert rds.describe_db_clusters(DBClusterIdentifier="other")["DBClusters"][0]["Status"] == "available"
    assert len(rds.describe_db_instances(Filters=[{"Name": "db-cluster-id", "Values": ["image-db"]}])["DBInstances"]) == 2
