"""An unhealthy task is stopped and replaced; a healthy one, the last one, or one that nobody calls unhealthy never is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remediation_world import World, api_alarm, policy, world

from alarms.domain.decision import Change, Proposal, Reason
from remediators.action import Overtaken, Purpose, Refusal, Situation
from remediators.actions.restart_tasks import RestartTasks
from remediators.aws import Clients
from remediators.ecs.sick_tasks import Group, Task
from remediators.permissions.iam_actions import needed

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
RESTART = policy("restart-tasks", {"cluster": "image", "service": "web", "max_tasks": 1}, revert=None)
ACTION = RestartTasks()


class Web:
    """A service of four tasks behind a load balancer, each with a container health check."""

    def __init__(self, story: World) -> None:
        self.story, self.aws, self.ecs = story, story.aws, story.client("ecs")
        group = self.aws.balancing.preload("web")
        check = {"name": "web", "image": "web:1", "healthCheck": {"command": ["CMD", "true"]}}
        self.ecs.register_task_definition(family="web", containerDefinitions=[check])
        self.ecs.create_service(
            cluster="image",
            serviceName="web",
            taskDefinition="web",
            desiredCount=4,
            loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 80}],
        )
        self.aws.ecs.settle("image", "web")
        self.aws.clock.advance(600)

    def situation(self, purpose: Purpose = Purpose.DECIDE, acted_at: datetime | None = None, **parameters: Any) -> Situation:
        restart = replace(RESTART, parameters={**RESTART.parameters, **parameters})
        return Situation(api_alarm(restart), restart, 4.0, self.story.now, purpose, acted_at)

    def look(self, purpose: Purpose = Purpose.DECIDE, acted_at: datetime | None = None) -> Group:
        return ACTION.observe(Clients(), self.situation(purpose, acted_at))

    def ask(self, **parameters: Any) -> Proposal | Refusal:
        return ACTION.propose(self.look(), self.situation(**parameters))

    def proposed(self, **parameters: Any) -> Proposal:
        answer = self.ask(**parameters)
        assert isinstance(answer, Proposal), answer
        return answer

    def run(self, change: Change) -> tuple[str, ...]:
        return ACTION.run(Clients(), change, lambda: None)

    def sicken(self, count: int, **how: Any) -> list[str]:
        return [arn.rsplit("/", 1)[-1] for arn in self.aws.ecs.sicken("image", "web", count, **how)]

    def running(self) -> int:
        return int(self.ecs.describe_services(cluster="image", services=["web"])["services"][0]["runningCount"])


@pytest.fixture
def web() -> Iterator[Web]:
    with world() as story:
        yield Web(story)


def refused(answer: Proposal | Refusal) -> Reason:
    assert isinstance(answer, Refusal), answer
    return answer.reason


def test_an_unhealthy_task_is_stopped_and_its_replacement_is_seen_healthy(web: Web) -> None:
    (sick,) = web.sicken(1, target="Target.ResponseCodeMismatch")
    proposal = web.proposed()
    assert proposal.changes == (Change(f"ecs:task/image/{sick}", "lastStatus", "RUNNING", "STOPPED", "web"),)
    assert proposal.resource == "ecs:service/image/web"
    assert proposal.why.en == (
        f"1 of 4 tasks of web are unhealthy, 3 are healthy; {sick[:12]} (container health check) is stopped and replaced."
    )
    acted_at = web.story.now
    assert web.run(proposal.changes[0])
    seen = web.look(Purpose.VERIFY, acted_at)
    assert ACTION.current(seen, proposal.changes[0]) == "STOPPED"
    assert ACTION.moved(seen, proposal) is None
    web.aws.clock.advance(45)
    assert ACTION.moved(web.look(Purpose.VERIFY, acted_at), proposal) is None  # it runs, its first checks are not over
    web.aws.clock.advance(30)
    assert ACTION.moved(web.look(Purpose.VERIFY, acted_at), proposal) is True
    (stopped,) = web.ecs.list_tasks(cluster="image", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    (told,) = web.ecs.describe_tasks(cluster="image", tasks=[stopped])["tasks"]
    assert told["stoppedReason"] == "tocsin: unhealthy (container health check)"


def test_the_load_balancers_word_is_enough(web: Web) -> None:
    (sick,) = web.sicken(1, container=False, target="Target.Timeout")
    assert web.proposed().changes[0].resource.endswith(sick)


def test_a_check_that_the_balancer_could_not_make_is_no_word_on_the_task(web: Web) -> None:
    web.sicken(1, container=False, target="Elb.InternalError")
    assert refused(web.ask()) is Reason.NOTHING_TO_DO


def test_one_at_a_time_unless_the_row_says_more(web: Web) -> None:
    sick = web.sicken(2)
    assert [change.resource.rsplit("/", 1)[-1] for change in web.proposed().changes] == sick[:1]
    assert len(web.proposed(max_tasks=3).changes) == 2


def test_each_of_several_is_looked_at_again_before_it_is_stopped(web: Web) -> None:
    web.sicken(2)
    first, second = web.proposed(max_tasks=2).changes
    web.run(first)
    web.run(second)
    web.aws.clock.advance(120)
    assert web.running() == 4


def test_when_all_is_well_nobody_is_stopped(web: Web) -> None:
    assert refused(web.ask()) is Reason.NOTHING_TO_DO


@pytest.mark.parametrize("count", [3, 4])
def test_when_most_are_unhealthy_the_cause_is_not_in_one_of_them(web: Web, count: int) -> None:
    """Above all the last healthy one is never alone."""
    web.sicken(count)
    assert refused(web.ask()) is Reason.UNSAFE


def test_not_during_a_deployment(web: Web) -> None:
    web.sicken(1)
    web.ecs.update_service(cluster="image", service="web", forceNewDeployment=True)
    assert refused(web.ask()) is Reason.YIELDS


def test_not_while_another_is_on_its_way(web: Web) -> None:
    """ECS replaces one already; and what does not come to run would not be replaced at all."""
    web.sicken(1)
    web.aws.ecs.crash_loop("image", "web", "Essential container in task exited")
    web.aws.ecs.crash("image", "web", 1)
    assert refused(web.ask()) is Reason.YIELDS
    web.aws.clock.advance(90)
    assert refused(web.ask()) in (Reason.UNSAFE, Reason.YIELDS)
    assert web.look().failed


def test_health_that_may_not_be_read_is_no_pass(web: Web) -> None:
    web.sicken(1)
    web.aws.seam.fail("elbv2", "DescribeTargetHealth", "AccessDenied")
    assert refused(web.ask()) is Reason.UNKNOWN


def test_a_task_in_its_grace_period_is_given_time(web: Web) -> None:
    web.ecs.update_service(cluster="image", service="web", healthCheckGracePeriodSeconds=3600)
    web.sicken(1)
    assert refused(web.ask()) is Reason.NOTHING_TO_DO
    web.aws.clock.advance(3600)
    assert isinstance(web.ask(), Proposal)


def test_a_service_without_checks_has_no_unhealthy_tasks(web: Web) -> None:
    assert refused(web.ask(service="image-api")) is Reason.NOTHING_TO_DO


# --- between decision and act ---------------------------------------------------------------------------------------------


def test_a_task_that_was_replaced_meanwhile_is_left_alone(web: Web) -> None:
    (sick,) = web.sicken(1)
    (change,) = web.proposed().changes
    web.ecs.stop_task(cluster="image", task=sick, reason="a person was quicker")
    web.aws.clock.advance(120)
    with pytest.raises(Overtaken, match="gone already"):
        web.run(change)
    assert web.running() == 4


def test_a_task_that_is_healthy_again_is_left_alone(web: Web) -> None:
    web.sicken(1)
    (change,) = web.proposed().changes
    web.sicken(0)
    with pytest.raises(Overtaken, match="not unhealthy any more"):
        web.run(change)


def test_the_last_one_is_left_alone_when_the_others_fell_ill_meanwhile(web: Web) -> None:
    web.sicken(1)
    (change,) = web.proposed().changes
    web.sicken(4)
    with pytest.raises(Overtaken, match="no other task is known to be healthy"):
        web.run(change)
    assert web.running() == 4


def test_a_deployment_that_began_meanwhile_replaces_it_anyway(web: Web) -> None:
    web.sicken(1)
    (change,) = web.proposed().changes
    web.ecs.update_service(cluster="image", service="web", forceNewDeployment=True)
    with pytest.raises(Overtaken, match="being deployed"):
        web.run(change)


def test_the_permit_is_asked_right_before_the_call(web: Web) -> None:
    web.sicken(1)
    (change,) = web.proposed().changes

    def no() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        ACTION.run(Clients(), change, no)
    assert web.running() == 4


def test_a_replacement_that_does_not_come_to_run_has_not_helped(web: Web) -> None:
    web.sicken(1)
    proposal = web.proposed()
    acted_at = web.story.now
    web.aws.ecs.crash_loop("image", "web", "Essential container in task exited")
    web.run(proposal.changes[0])
    web.aws.clock.advance(120)
    assert ACTION.moved(web.look(Purpose.VERIFY, acted_at), proposal) is False


def test_the_evidence_tells_how_tasks_were_and_why_others_ended(web: Web) -> None:
    web.aws.ecs.crash("image", "web", 1, "OutOfMemoryError: Container killed due to memory usage", 137)
    web.aws.clock.advance(120)
    (sick,) = web.sicken(1)
    seen = web.look()
    kept = ACTION.evidence(seen, web.situation())
    assert [task["health"] for task in kept["tasks"] if task["id"] == sick] == ["UNHEALTHY"]
    assert kept["stopped"][0]["exits"] == [[137, "OutOfMemoryError: Container killed due to memory usage"]]
    assert "Ended lately, 1 times: EssentialContainerExited" in web.proposed().lines[0].en


def test_every_call_is_declared_and_every_right_is_needed(web: Web) -> None:
    used: set[str] = set()
    web.sicken(1)
    web.aws.ecs.names_finished = True
    end = web.aws.seam.observe(lambda call: used.update(needed(call.service, call.operation, call.params)))
    (change,) = web.proposed().changes
    web.run(change)
    web.look(Purpose.VERIFY)
    end()
    assert used == {permission.action for permission in ACTION.spec.permissions}


# --- for anything -----------------------------------------------------------------------------------------------------------

states = st.sampled_from(["healthy", "unhealthy", "initial", "draining", "unused", "unavailable", "unregistered"])
reasons = st.sampled_from(["", "Target.Timeout", "Elb.InternalError", "Target.FailedHealthChecks"])
tasks_ = st.builds(
    Task,
    id=st.uuids().map(str),
    status=st.sampled_from(["RUNNING", "PENDING", "DEACTIVATING"]),
    health=st.sampled_from(["HEALTHY", "UNHEALTHY", "UNKNOWN"]),
    address=st.just("10.0.0.4"),
    started_at=st.one_of(st.none(), st.integers(0, 7200).map(lambda seconds: NOW - timedelta(seconds=seconds))),
    behind=st.lists(st.tuples(states, reasons), max_size=2).map(tuple),
)
groups = st.builds(
    Group,
    cluster=st.just("image"),
    service=st.just("web"),
    desired=st.integers(0, 8),
    running=st.integers(0, 8),
    deploying=st.booleans(),
    failed=st.integers(0, 2),
    grace_s=st.sampled_from([0.0, 60.0, 3600.0]),
    tasks=st.lists(tasks_, max_size=8).map(tuple),
    now=st.just(NOW),
    unread=st.sampled_from(["", "", "AccessDenied"]),
)


@settings(deadline=None, max_examples=500)
@given(group=groups, most=st.integers(1, 10))
def test_only_what_is_called_unhealthy_is_stopped_and_a_healthy_one_stays(group: Group, most: int) -> None:
    restart = replace(RESTART, parameters={**RESTART.parameters, "max_tasks": most})
    answer = ACTION.propose(group, Situation(api_alarm(restart), restart, 1.0, NOW))
    if isinstance(answer, Refusal):
        return
    stopped = {change.resource.rsplit("/", 1)[-1] for change in answer.changes}
    assert 0 < len(stopped) <= most
    assert not group.deploying
    assert not group.unread
    assert group.running >= group.desired > 0
    chosen = [task for task in group.tasks if task.id in stopped]
    assert all(task.sick and not task.healthy and task.status == "RUNNING" for task in chosen)
    assert [task for task in group.healthy if task.id not in stopped]
    assert len(group.sick) <= len(group.healthy)
