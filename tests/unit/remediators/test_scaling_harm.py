"""More tasks are load and may be harm: unhealthy targets, a full database, a deployment, a service that crashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remediation_world import API, QUEUE_AGE, SCALE_API, SCALE_CONSUMERS, World, api_alarm, queue_alarm, world

from alarms.domain.decision import Proposal, Reason
from remediators.action import Purpose, Refusal, Situation
from remediators.actions.scale_consumers import ScaleConsumers
from remediators.actions.scale_service import ScaleService
from remediators.aws import Clients
from remediators.database.connections import Connections
from remediators.ecs.ecs_tasks import Target as Floor
from remediators.ecs.ecs_tasks import Tasks
from remediators.ecs.targets import Target, Targets
from remediators.permissions.iam_actions import needed

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
DATABASE = {"database": "image-db-1", "connections_per_task": 10, "max_connections": 200}
WITH_DATABASE = replace(SCALE_API, parameters={**SCALE_API.parameters, **DATABASE})
SEEN = Tasks("image", "image-api", desired=4, running=4, pending=0, deploying=False, target=Floor(4, 20))


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def ask(story: World, policy: Any = SCALE_API, purpose: Purpose = Purpose.DECIDE) -> tuple[Proposal | Refusal, list[str]]:
    """Let scale-service look at the embedded AWS and answer; and which calls that took."""
    calls: list[str] = []
    end = story.aws.seam.observe(lambda call: calls.append(call.operation))
    situation = Situation(api_alarm(policy), policy, 91.0, story.now, purpose)
    action = ScaleService()
    answer = action.propose(action.observe(Clients(), situation), situation)
    end()
    return answer, calls


def connections(story: World, used: float, **dimensions: str) -> None:
    story.client("cloudwatch").put_metric_data(
        Namespace="AWS/RDS",
        MetricData=[
            {
                "MetricName": "DatabaseConnections",
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "Timestamp": story.now,
                "Value": used,
            }
        ],
    )


def balanced(story: World, **configuration: Any) -> tuple[str, str]:
    """Put the API behind a load balancer; returns its two target groups."""
    blue, green = story.aws.balancing.preload("blue"), story.aws.balancing.preload("green")
    rules = {"alternateTargetGroupArn": green, "productionListenerRule": "p", "roleArn": "r"}
    balancer = {"targetGroupArn": blue, "containerName": "app", "containerPort": 80, "advancedConfiguration": rules}
    story.client("ecs").update_service(
        cluster="image", service="image-api", loadBalancers=[balancer], deploymentConfiguration=configuration
    )
    story.aws.clock.advance(900)
    return blue, green


def reason(answer: Proposal | Refusal) -> Reason | None:
    return answer.reason if isinstance(answer, Refusal) else None


# --- the looks it takes -------------------------------------------------------------------------------------------------


def test_three_looks_are_enough_when_nothing_is_the_matter(story: World) -> None:
    balanced(story)
    answer, calls = ask(story)
    assert isinstance(answer, Proposal)
    assert calls == ["DescribeServices", "DescribeScalableTargets", "DescribeTargetHealth"]


def test_what_grows_already_is_looked_into(story: World) -> None:
    """And yields to whoever makes it grow."""
    story.target("service/image/image-api", 8)
    answer, calls = ask(story)
    assert reason(answer) is Reason.YIELDS
    assert calls[-2:] == ["DescribeScalingActivities", "DescribeScalingPolicies"]


# --- health -------------------------------------------------------------------------------------------------------------


def test_unhealthy_targets_are_not_multiplied(story: World) -> None:
    balanced(story)
    story.aws.ecs.sicken("image", "image-api", 1, container=False, target="Target.ResponseCodeMismatch")
    answer, _ = ask(story)
    assert reason(answer) is Reason.UNSAFE
    assert isinstance(answer, Refusal)
    assert answer.why.en == (
        "1 of 4 targets of image-api are unhealthy (Target.ResponseCodeMismatch): more tasks of the same would be so too."
    )


def test_health_that_may_not_be_read_is_no_pass(story: World) -> None:
    balanced(story)
    story.aws.seam.fail("elbv2", "DescribeTargetHealth", "AccessDenied")
    answer, _ = ask(story)
    assert reason(answer) is Reason.UNKNOWN
    assert isinstance(answer, Refusal)
    assert "AccessDenied" in answer.why.en


def test_both_colours_are_one_service(story: World) -> None:
    """After a blue/green deployment its tasks stand in the other group."""
    blue, green = balanced(story, strategy="BLUE_GREEN", bakeTimeInMinutes=5)
    story.client("ecs").update_service(cluster="image", service="image-api", forceNewDeployment=True)
    story.aws.clock.advance(900)
    elb = story.client("elbv2")
    groups = [elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] for group in (blue, green)]
    assert sorted(len(group) for group in groups) == [0, 4]
    assert isinstance(ask(story)[0], Proposal)
    story.aws.ecs.sicken("image", "image-api", 4)
    assert reason(ask(story)[0]) is Reason.UNSAFE


def target(state: str, count: int = 1) -> tuple[Target, ...]:
    return tuple(Target(f"10.0.0.{number}", state) for number in range(count))


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        ((Targets(target("healthy", 4)),), None),
        ((Targets(target("healthy", 3) + target("initial")),), None),
        ((Targets(target("healthy", 4) + target("draining", 4)),), None),
        ((Targets(target("healthy", 3) + target("unhealthy")),), Reason.UNSAFE),
        ((Targets(target("healthy", 4) + target("unhealthy.draining")),), Reason.UNSAFE),
        ((Targets(target("healthy", 3)),), Reason.UNKNOWN),  # one that runs is not registered
        ((Targets(target("initial", 4)),), Reason.UNKNOWN),
        ((Targets(target("unavailable", 4)),), Reason.UNKNOWN),
        ((Targets(target("unused", 4)),), Reason.UNKNOWN),
        ((Targets(),), Reason.UNKNOWN),
        ((Targets(unread="AccessDenied"),), Reason.UNKNOWN),
        ((Targets(target("healthy", 4)), Targets(target("unhealthy", 4))), Reason.UNSAFE),
        ((), None),  # no load balancer: whether they run is all there is to know
    ],
)
def test_only_targets_known_to_be_healthy_pass(behind: tuple[Targets, ...], expected: Reason | None) -> None:
    answer = ScaleService().propose(replace(SEEN, behind=behind), Situation(api_alarm(), SCALE_API, 91.0, NOW))
    assert reason(answer) is expected


# --- the database ---------------------------------------------------------------------------------------------------------


def test_scaling_out_does_not_exhaust_the_connections_of_the_database(story: World) -> None:
    """20 of 200 stay free, 165 are used: of the two tasks that were wanted one fits; and then none."""
    connections(story, 165, DBInstanceIdentifier="image-db-1")
    answer, _ = ask(story, WITH_DATABASE)
    assert isinstance(answer, Proposal)
    assert [change.after for change in answer.changes] == [5]
    assert "6 would be right; image-db-1 has connections for 5 (165 of 200 in use)." in answer.why.en
    connections(story, 171, DBInstanceIdentifier="image-db-1")
    answer, _ = ask(story, WITH_DATABASE)
    assert reason(answer) is Reason.UNSAFE
    assert isinstance(answer, Refusal)
    assert "171 of 200 connections in use, 20 stay free: not one more task with 10 fits." in answer.why.en


def test_connections_that_nobody_knows_are_no_pass(story: World) -> None:
    connections(story, 10, DBInstanceIdentifier="another-db")
    assert reason(ask(story, WITH_DATABASE)[0]) is Reason.UNKNOWN
    connections(story, 10, DBInstanceIdentifier="image-db-1")
    story.aws.clock.advance(600)
    assert reason(ask(story, WITH_DATABASE)[0]) is Reason.UNKNOWN


def test_of_a_cluster_its_writer_counts(story: World) -> None:
    """The sum over all instances would be compared with one instance's maximum."""
    policy = replace(SCALE_API, parameters={**SCALE_API.parameters, **DATABASE, "database": "image-db"})
    connections(story, 175, DBClusterIdentifier="image-db")
    assert reason(ask(story, policy)[0]) is Reason.UNSAFE
    connections(story, 100, DBClusterIdentifier="image-db", Role="WRITER")
    assert isinstance(ask(story, policy)[0], Proposal)


def test_consumers_are_bounded_by_the_same_connections(story: World) -> None:
    """Eleven are wanted; the report says why there are fewer, and how long it then takes."""
    connections(story, 150, DBInstanceIdentifier="image-db-1")
    policy = replace(SCALE_CONSUMERS, parameters={**SCALE_CONSUMERS.parameters, **DATABASE})
    situation = Situation(queue_alarm(policy), policy, 700.0, story.now)
    action = ScaleConsumers()
    answer = action.propose(action.observe(Clients(), situation), situation)
    assert isinstance(answer, Proposal)
    assert [change.after for change in answer.changes] == [6]
    assert "11 would be right; image-db-1 has connections for 6" in answer.why.en
    assert answer.lines[0].en == "Expected drain time: 52 min (1,240 / (124 - 100) a minute), never as it is."


@pytest.mark.parametrize("missing", list(DATABASE))
def test_the_three_parameters_of_the_database_go_together(missing: str) -> None:
    given_ = {name: value for name, value in WITH_DATABASE.parameters.items() if name != missing}
    assert missing in (ScaleService().problem(given_) or "")


@settings(deadline=None, max_examples=300)
@given(
    used=st.one_of(st.none(), st.floats(0, 5000)),
    most=st.integers(1, 5000),
    per_task=st.integers(1, 200),
    running=st.integers(1, 40),
    pending=st.integers(0, 5),
    step=st.floats(1, 400),
)
def test_whatever_is_added_fits_into_the_database(
    used: float | None, most: int, per_task: int, running: int, pending: int, step: float
) -> None:
    """Tasks that only start have not opened theirs yet: they count as added."""
    database = Connections("db", used, most, per_task)
    tasks = replace(SEEN, desired=running + pending, running=running, pending=pending, connections=database)
    policy = replace(SCALE_API, parameters={**SCALE_API.parameters, "max_tasks": 100, "step": step})
    answer = ScaleService().propose(replace(tasks, target=None), Situation(api_alarm(policy), policy, 91.0, NOW))
    if isinstance(answer, Proposal):
        (change,) = answer.changes
        assert used is not None
        assert isinstance(change.after, int)
        assert used + (change.after - running) * per_task <= most - database.reserve
        assert change.after > running + pending


# --- deployments ----------------------------------------------------------------------------------------------------------


def test_in_bake_time_no_count_is_taken_for_the_services(story: World) -> None:
    """Both colours run: eight tasks that are four."""
    balanced(story, strategy="BLUE_GREEN", bakeTimeInMinutes=10)
    story.client("ecs").update_service(cluster="image", service="image-api", forceNewDeployment=True)
    story.aws.clock.advance(120)
    shown = story.client("ecs").describe_services(cluster="image", services=["image-api"])["services"][0]
    assert shown["runningCount"] == 8
    answer, calls = ask(story)
    assert reason(answer) is Reason.YIELDS
    assert calls == ["DescribeServices", "DescribeScalableTargets"]
    situation = Situation(api_alarm(), SCALE_API, 91.0, story.now, Purpose.VERIFY)
    assert ScaleService().observe(Clients(), situation).running == 4


def test_the_name_of_a_finished_deployment_is_no_deployment(story: World) -> None:
    """AWS does not say when it stops naming one: its status decides, and one that nobody can describe is under way."""
    story.aws.ecs.names_finished = True
    answer, calls = ask(story)
    assert isinstance(answer, Proposal)
    assert "DescribeServiceDeployments" in calls
    story.aws.seam.serve("ecs", {"DescribeServiceDeployments": nothing_known})
    assert reason(ask(story)[0]) is Reason.YIELDS


def nothing_known(params: Mapping[str, Any], _: Any) -> dict[str, Any]:
    return {"serviceDeployments": [], "failures": [{"arn": arn, "reason": "MISSING"} for arn in params["serviceDeploymentArns"]]}


def test_every_call_of_scale_service_is_declared_and_every_right_is_needed(story: World) -> None:
    """With and without a scalable target, while something grows, and on the way back."""
    used: set[str] = set()
    balanced(story)
    connections(story, 10, DBInstanceIdentifier="image-db-1")
    story.aws.ecs.names_finished = True
    end = story.aws.seam.observe(lambda call: used.update(needed(call.service, call.operation, call.params)))
    action, clients = ScaleService(), Clients()
    answer, _ = ask(story, WITH_DATABASE)
    assert isinstance(answer, Proposal)
    action.run(clients, answer.changes[0], lambda: None)
    ask(story, WITH_DATABASE)  # it grows now
    action.observe(clients, Situation(api_alarm(), SCALE_API, 91.0, story.now, Purpose.REVERT))
    action.run(clients, replace(answer.changes[0], knob="desiredCount"), lambda: None)
    end()
    assert used == {permission.action for permission in action.spec.permissions}


# --- bugs that others have had ----------------------------------------------------------------------------------------------


def test_a_service_whose_tasks_crash_gets_no_more_of_them(story: World) -> None:
    story.apply(api_alarm())
    story.aws.ecs.crash_loop("image", "image-api", "Essential container in task exited")
    story.aws.ecs.crash("image", "image-api", 1)
    story.aws.clock.advance(130)
    story.ring(API)
    story.wait(60)
    assert story.changes() == []
    assert "unsafe" in story.reasons()


def test_target_tracking_and_we_do_not_fight_over_the_desired_count(story: World) -> None:
    """Only the floor is ours, so what tracking asks for later stays, and coming back takes nothing from it."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(120)
    assert story.changes() == [("RegisterScalableTarget", 6)]
    story.client("ecs").update_service(cluster="image", service="image-api", desiredCount=12)  # tracking went on from there
    story.aws.ecs.settle("image", "image-api")
    story.recover(API)
    story.wait(2 * 3600, step=60)
    assert (story.floor(), story.desired()) == (4, 12)
    assert {operation for operation, _ in story.changes()} == {"RegisterScalableTarget"}


def test_the_original_floor_outlives_a_second_rise(story: World) -> None:
    """What the first run saved is not overwritten by the value that it wrote itself."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(700)
    story.recover(API)
    story.wait(60)
    story.ring(API)
    story.wait(900)
    assert [value for _, value in story.changes()] == [6, 9]
    story.recover(API)
    story.wait(3 * 3600, step=60)
    assert story.floor() == 4


def test_the_way_back_is_written_down_before_anything_is_changed(story: World) -> None:
    """A process that dies right after the changing call still gives back."""
    story.apply(queue_alarm())
    story.ring(QUEUE_AGE)
    story.wait(60)
    first = next(number for number, call in enumerate(story.calls) if call.operation == "RegisterScalableTarget")
    before = [call.operation for call in story.calls[:first]]
    assert "TransactWriteItems" in before
    assert any(operation.startswith(("CreateSchedule", "SendMessage")) for operation in before)
