"""A deployment goes bad: whose fault it is, which way back there is, and whom it is left to otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release_world import DATABASE, ERRORS, MANIFEST, PAUSE, ROLL_BACK, Release, errors_alarm, released, tagged
from remediation_world import api_alarm

from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from alarms.domain.event import State
from infra.local.seam import Call
from remediators.action import Overtaken, Purpose, Refusal
from remediators.aws import Clients
from remediators.ecs import attribution
from remediators.ecs.attribution import Clues, Colour
from remediators.ecs.deployments import Deployment
from remediators.permissions.iam_actions import implied, needed

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)


@pytest.fixture
def release() -> Iterator[Release]:
    with released() as opened:
        yield opened


def gone_bad(release: Release) -> str:
    """Release version 2, which fails a fifth of its requests; two minutes into its bake time the alarm rings."""
    arn = release.deploy()
    release.serve(3, new=0.2)
    release.ring()
    release.serve(1, new=0.2)
    return arn


def refused(answer: Proposal | Refusal) -> tuple[Reason, str]:
    assert isinstance(answer, Refusal), answer
    return answer.reason, answer.why.en


# --- in flight --------------------------------------------------------------------------------------------------------


def test_a_deployment_that_fails_in_its_bake_time_is_rolled_back(release: Release) -> None:
    arn = gone_bad(release)
    short = arn.rsplit("/", 1)[-1]
    proposal = release.proposed()
    assert proposal.changes == (
        Change("ecs:service/image/image-api", "serviceDeployment", f"IN_PROGRESS {short}", f"ROLLBACK_SUCCESSFUL {short}", arn),
    )
    assert not proposal.approval
    assert "api:2 of image-api" in proposal.why.en
    assert "It answers 20.0% of its requests with 5xx, the revision before 0.0%. Back to api:1: it is stopped." in proposal.why.en
    assert proposal.lines[0].en.startswith("The pipeline, CloudFormation or Terraform still says the bad version")
    assert release.run(proposal)
    assert release.newest()["status"] == "ROLLBACK_REQUESTED"
    assert release.action.moved(release.look(Purpose.VERIFY), proposal) is None
    release.aws.clock.advance(60)
    seen = release.look(Purpose.VERIFY)
    assert release.action.moved(seen, proposal) is True
    assert release.action.current(seen, proposal.changes[0]) == proposal.changes[0].after
    assert (release.service()["taskDefinition"][-5:], release.service()["runningCount"]) == ("api:1", 4)


def test_what_waits_at_a_pause_is_answered_there() -> None:
    with released(lifecycleHooks=[PAUSE]) as release:
        gone_bad(release)
        proposal = release.proposed()
        assert "the pause is answered with ROLLBACK" in proposal.why.en
        calls: list[str] = []
        release.aws.seam.observe(lambda call: calls.append(call.operation))
        release.run(proposal)
        assert calls[-1] == "ContinueServiceDeployment"
        release.aws.clock.advance(60)
        assert release.newest()["status"] == "ROLLBACK_SUCCESSFUL"


def test_a_rolling_deployment_is_rolled_back_too() -> None:
    with released(strategy="ROLLING") as release:
        release.deploy()
        release.serve(3)
        release.ring()
        release.run(release.proposed())
        release.aws.clock.advance(120)
        assert release.newest()["status"] == "ROLLBACK_SUCCESSFUL"
        assert release.service()["taskDefinition"].endswith("api:1")


def test_repeating_it_is_harmless(release: Release) -> None:
    gone_bad(release)
    proposal = release.proposed()
    release.run(proposal)
    assert release.run(proposal) == ()
    release.aws.clock.advance(60)
    assert release.run(proposal) == ()


def test_a_newer_deployment_is_left_alone_for_it_may_be_the_fix(release: Release) -> None:
    """Decided upon one, found another: nothing is stopped, and nobody is asked for a permit."""
    gone_bad(release)
    proposal = release.proposed()
    fix = release.deploy("api:1")
    with pytest.raises(Overtaken, match="may be somebody's fix"):
        release.run(proposal)
    assert release.newest()["serviceDeploymentArn"] == fix
    assert release.newest()["status"] == "IN_PROGRESS"
    assert release.action.moved(release.look(Purpose.VERIFY), proposal) is False


def test_one_that_ended_between_decision_and_act_is_not_stopped(release: Release) -> None:
    gone_bad(release)
    proposal = release.proposed()
    release.serve(15)
    with pytest.raises(Overtaken, match="SUCCESSFUL"):
        release.run(proposal)


def test_a_conflict_at_the_very_last_moment_is_no_failure(release: Release) -> None:
    gone_bad(release)
    proposal = release.proposed()
    release.aws.seam.fail("ecs", "StopServiceDeployment", "ConflictException")
    with pytest.raises(Overtaken):
        release.run(proposal)


def test_the_permit_is_asked_right_before_the_call(release: Release) -> None:
    gone_bad(release)
    (change,) = release.proposed().changes

    def no() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        release.action.run(Clients(), change, no)
    assert release.newest()["status"] == "IN_PROGRESS"


# --- whose fault ------------------------------------------------------------------------------------------------------


def test_what_rang_before_is_not_the_deployments(release: Release) -> None:
    release.ring()
    release.deploy()
    release.serve(3, old=0.2, new=0.2)
    assert refused(release.ask()) == (Reason.UNSAFE, "It rang before the deployment began.")


def test_what_came_and_went_before_is_not_the_deployments(release: Release) -> None:
    release.ring()
    release.serve(5)
    release.story.recover(ERRORS)
    release.serve(5)
    gone_bad(release)
    reason, why = refused(release.ask())
    assert reason is Reason.UNSAFE
    assert "in the hour before the deployment" in why


def test_before_the_traffic_has_moved_green_has_done_nothing(release: Release) -> None:
    release.deploy()
    release.aws.clock.advance(20)
    release.ring()
    assert refused(release.ask()) == (Reason.UNSAFE, "The new revision has no production traffic yet (SCALE_UP).")


def test_what_began_to_ring_before_the_traffic_had_moved_is_not_known_to_be_greens(release: Release) -> None:
    release.deploy()
    release.aws.clock.advance(20)
    release.ring()
    release.serve(3, new=0.2)
    reason, why = refused(release.ask())
    assert reason is Reason.UNKNOWN
    assert "that the new revision had traffic by then is not known" in why


def test_errors_that_blue_had_too_are_not_greens(release: Release) -> None:
    release.serve(15, old=0.15)
    gone_bad(release)
    reason, why = refused(release.ask())
    assert reason is Reason.UNSAFE
    assert why.startswith("The revision before failed too:")


def test_errors_that_green_does_not_answer_come_from_elsewhere(release: Release) -> None:
    release.deploy()
    release.serve(3)
    release.ring()
    reason, why = refused(release.ask())
    assert reason is Reason.UNSAFE
    assert why.endswith("without a 5xx: the errors come from elsewhere.")


def test_a_database_that_rings_is_not_mended_by_going_back(release: Release) -> None:
    gone_bad(release)
    release.ring(DATABASE)
    reason, why = refused(release.ask())
    assert reason is Reason.UNSAFE
    assert DATABASE in why


def test_a_service_that_is_called_and_rings_is_looked_at_first(release: Release) -> None:
    other = "tocsin/dev/accounts/ecs/cpu-high/accounts"
    release.story.apply(api_alarm(name=other))
    gone_bad(release)
    release.story.ring(other)
    assert isinstance(release.ask(), Proposal)  # another service of the stage, which this one does not call
    reason, why = refused(release.ask(depends_on=("accounts",)))
    assert (reason, "accounts" in why) == (Reason.UNSAFE, True)


def test_an_old_deployment_is_not_taken_for_the_cause(release: Release) -> None:
    release.deploy()
    release.serve(75)
    release.ring()
    reason, why = refused(release.ask())
    assert (reason, "older than within" in why) == (Reason.UNSAFE, True)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ecs", "ListServiceDeployments"),
        ("ecs", "DescribeServiceDeployments"),
        ("ecs", "DescribeServiceRevisions"),
        ("cloudwatch", "DescribeAlarms"),
        ("cloudwatch", "DescribeAlarmHistory"),
        ("cloudwatch", "GetMetricData"),
        ("elbv2", "DescribeTargetGroups"),
    ],
)
def test_what_cannot_be_read_is_no_pass(release: Release, service: str, operation: str) -> None:
    """The engine takes the failure for unknown."""
    gone_bad(release)
    release.aws.seam.fail(service, operation, "AccessDeniedException")
    with pytest.raises(Permanent):
        release.ask()


def test_the_newest_deployment_may_stand_on_the_last_page(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS promises no order of the list."""
    arn = gone_bad(release)
    monkeypatch.setattr("remediators.ecs.deployments.PAGE", 1)
    assert release.look().deployments[0].arn == arn
    monkeypatch.setattr("remediators.ecs.deployments.MOST_PAGES", 2)
    with pytest.raises(Permanent):
        release.look()


def test_an_alarm_that_recovered_meanwhile_blames_nobody(release: Release) -> None:
    gone_bad(release)
    release.story.state(ERRORS, State.OK)
    assert refused(release.ask())[0] is Reason.UNKNOWN


# --- what needs no rollback, or bears none ----------------------------------------------------------------------------


def test_ecs_rolls_back_itself_where_it_watches_this_alarm() -> None:
    """It is given time to; then it is not waited for any longer."""
    with released(alarms={"alarmNames": [ERRORS], "enable": True, "rollback": True}) as release:
        release.deploy()
        release.serve(3, new=0.2)
        told = release.look()
        ring_of = release.story.now
        clues = replace(told.clues or Clues(None), rings_since=ring_of)
        seen = replace(told, clues=clues)
        answer = release.action.propose(seen, release.situation())
        assert refused(answer)[0] is Reason.YIELDS
        later = replace(release.situation(), now=ring_of + timedelta(minutes=6))
        assert isinstance(release.action.propose(seen, later), Proposal)
        release.ring()
        assert refused(release.ask()) == (
            Reason.YIELDS,
            f"Deployment {release.newest()['serviceDeploymentArn'].rsplit('/', 1)[-1]} is ROLLBACK_REQUESTED already.",
        )
        release.aws.clock.advance(120)
        assert refused(release.ask())[0] is Reason.NOTHING_TO_DO


def test_a_rollback_that_failed_is_never_tried_again(release: Release) -> None:
    release.aws.ecs.fail_rollbacks("image", "image-api")
    gone_bad(release)
    proposal = release.proposed()
    release.run(proposal)
    release.aws.clock.advance(60)
    reason, why = refused(release.ask())
    assert (reason, "FAILED" in why) == (Reason.UNSAFE, True)
    assert release.action.moved(release.look(Purpose.VERIFY), proposal) is False
    with pytest.raises(Overtaken, match="ROLLBACK_FAILED"):
        release.run(proposal)


def test_the_first_deployment_of_all_has_nothing_behind_it(release: Release) -> None:
    release.ecs.create_service(cluster="image", serviceName="fresh", taskDefinition="api:2", desiredCount=2)
    release.aws.clock.advance(10)
    rollback = replace(ROLL_BACK, parameters={**ROLL_BACK.parameters, "service": "fresh"})
    release.ring()
    assert refused(release.ask(rollback=rollback))[0] is Reason.NOTHING_TO_DO


# --- when it is over --------------------------------------------------------------------------------------------------


def over(release: Release) -> None:
    """Version 2 bakes through, is done, and fails ten minutes later."""
    release.deploy()
    release.serve(14)
    release.serve(3, new=0.2)
    release.ring()


def test_what_is_over_is_deployed_anew_and_a_person_is_asked(release: Release) -> None:
    over(release)
    assert release.newest()["status"] == "SUCCESSFUL"
    proposal = release.proposed()
    (change,) = proposal.changes
    assert proposal.approval
    assert (change.knob, change.before, change.after) == ("taskDefinition", "api:2", "api:1")
    assert proposal.why.en.endswith("It is over, so api:1 would be deployed anew.")
    assert release.ask() == proposal  # an approval is for the very same changes
    assert release.run(proposal)
    assert release.action.moved(release.look(Purpose.VERIFY), proposal) is None
    release.serve(15)
    seen = release.look(Purpose.VERIFY)
    assert release.action.moved(seen, proposal) is True
    assert release.action.current(seen, change) == "api:1"
    shown = release.service()
    assert (shown["taskDefinition"][-5:], shown["desiredCount"]) == ("api:1", 4)
    assert shown["deploymentConfiguration"]["strategy"] == "BLUE_GREEN"


def test_another_network_goes_back_with_it(release: Release) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
    release.update(networkConfiguration=network)
    release.serve(14)
    changed = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-2"]}}
    release.update(taskDefinition="api:2", networkConfiguration=changed)
    release.serve(14)
    release.serve(3, new=0.2)
    release.ring()
    proposal = release.proposed()
    assert proposal.why.en.endswith("so api:1, networkConfiguration would be deployed anew.")
    release.run(proposal)
    assert release.service()["networkConfiguration"] == network


def test_what_only_a_person_can_give_back_is_left_to_one(release: Release) -> None:
    balancer = {"targetGroupArn": release.groups[0], "containerName": "app", "containerPort": 81}
    release.update(taskDefinition="api:2", loadBalancers=[balancer])
    release.serve(14)
    release.serve(3, new=0.2)
    release.ring()
    reason, why = refused(release.ask())
    assert (reason, "loadBalancers" in why) == (Reason.UNSAFE, True)


def test_an_inactive_task_definition_is_not_deployed_again(release: Release) -> None:
    over(release)
    proposal = release.proposed()
    release.ecs.deregister_task_definition(taskDefinition="api:1")
    assert refused(release.ask()) == (Reason.UNSAFE, "api:1 is INACTIVE: ECS deploys it no more.")
    with pytest.raises(Overtaken, match="INACTIVE"):
        release.run(proposal)


def tagged_and_bad(release: Release, *, ecr: bool) -> None:
    """Release version 3 by a tag, then version 4, which fails when it is done."""
    tagged(release, ecr=ecr)
    release.deploy("api:4")
    release.serve(14)
    release.serve(3, new=0.2)
    release.ring()


def test_a_tag_that_still_stands_for_the_same_image_may_be_deployed(release: Release) -> None:
    tagged_and_bad(release, ecr=True)
    assert release.proposed().changes[0].after == "api:3"


def test_a_tag_that_was_pushed_again_would_bring_other_code(release: Release) -> None:
    tagged_and_bad(release, ecr=True)
    proposal = release.proposed()
    client = release.story.client("ecr")
    client.put_image(repositoryName="api", imageManifest='{"content": "bad"}', imageManifestMediaType=MANIFEST, imageTag="v3")
    reason, why = refused(release.ask())
    assert (reason, "has been pushed again" in why) == (Reason.UNSAFE, True)
    with pytest.raises(Overtaken, match="pushed again"):
        release.run(proposal)


def test_a_tag_of_another_registry_cannot_be_looked_up(release: Release) -> None:
    tagged_and_bad(release, ecr=False)
    assert refused(release.ask())[0] is Reason.UNKNOWN


def test_a_newer_release_in_between_ends_an_approved_rollback(release: Release) -> None:
    """A person said yes to going back from that one, not from the next."""
    over(release)
    proposal = release.proposed()
    release.update(forceNewDeployment=True)
    with pytest.raises(Overtaken):
        release.run(proposal)


def test_a_deployment_of_the_same_content_is_no_way_back(release: Release) -> None:
    """Version 2 was forced anew: the revision before it is version 2 too, so version 1 it is."""
    release.deploy()
    release.serve(14)
    release.update(forceNewDeployment=True)
    release.serve(14)
    release.serve(3, new=0.2)
    release.ring()
    assert release.proposed().changes[0].after == "api:1"


def test_the_stack_that_owns_the_service_is_named(release: Release) -> None:
    release.update(propagateTags="SERVICE")
    release.aws.ecs.service("image", "image-api").settings["tags"] = [
        {"key": "aws:cloudformation:stack-name", "value": "image-prod"}
    ]
    gone_bad(release)
    assert release.proposed().lines[-1].en.startswith("CloudFormation (stack image-prod) still says the bad version")


def test_the_evidence_holds_what_was_there_before(release: Release) -> None:
    arn = gone_bad(release)
    kept = release.action.evidence(release.look(), release.situation())
    assert kept["deployments"][0]["arn"] == arn
    assert kept["answered"]["new"]["errors"] == pytest.approx(0.2 * kept["answered"]["new"]["requests"])
    assert kept["rings_since"].startswith("2026-")


def test_every_call_is_declared_and_every_right_is_needed() -> None:
    """In flight, at a pause, and when it is over; deciding, acting, verifying."""
    used: set[str] = set()

    def saw(call: Call) -> None:
        used.update(needed(call.service, call.operation, call.params))

    for configuration in ({}, {"lifecycleHooks": [PAUSE]}, {"bakeTimeInMinutes": 5}):
        with released(**configuration) as release:
            if "bakeTimeInMinutes" in configuration:
                tagged_and_bad(release, ecr=True)
            else:
                gone_bad(release)
            end = release.aws.seam.observe(saw)
            proposal = release.proposed()
            release.run(proposal)
            release.look(Purpose.VERIFY)
            end()
    declared = {permission.action for permission in Release.action.spec.permissions}
    assert used | implied("ecs:UpdateService") == declared


# --- through the engine ---------------------------------------------------------------------------------------------------


def test_a_fix_that_is_deployed_between_decision_and_call_is_not_stopped(release: Release) -> None:
    """The run ends as stale, people read why, and nothing was changed."""
    story = release.story
    release.deploy()
    release.serve(3, new=0.2)
    fixed: list[str] = []

    def fix(call: Call) -> None:
        if call.params.get("include") == ["TAGS"] and not fixed:  # the last that is read before it is decided
            fixed.append("being deployed")
            fixed[0] = release.deploy("api:1")

    story.aws.seam.observe(fix)
    release.ring()
    story.wait(60)
    assert release.newest()["serviceDeploymentArn"] == fixed[0]
    assert release.newest()["status"] == "IN_PROGRESS"
    assert not [call for call in story.calls if call.operation == "StopServiceDeployment"]
    said = [report for report in story.reports() if "may be somebody's fix" in report.why.en]
    assert [report.reason for report in said] == ["stale"]


def test_a_rollback_that_fails_calls_a_person_at_once_and_is_not_tried_again(release: Release) -> None:
    story = release.story
    release.aws.ecs.fail_rollbacks("image", "image-api")
    release.deploy()
    release.serve(3, new=0.2)
    release.ring()
    story.wait(1200, step=30)
    stops = [call for call in story.calls if call.operation == "StopServiceDeployment"]
    assert len(stops) == 1
    assert {"no-help", "escalated"} <= set(story.phases())


# --- attribution, for anything ----------------------------------------------------------------------------------------

moments = st.integers(-7200, 7200).map(lambda seconds: NOW + timedelta(seconds=seconds))
colours = st.builds(Colour, st.floats(0, 1e5), st.floats(0, 1e5), st.one_of(st.none(), moments))
names = st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple)
deployments_ = st.builds(
    Deployment,
    arn=st.just("a/b/c/d"),
    status=st.sampled_from(["PENDING", "IN_PROGRESS", "SUCCESSFUL"]),
    revision=st.just("r2"),
    created_at=moments,
    started_at=moments,
    finished_at=st.one_of(st.none(), moments),
    sources=st.sampled_from([(), ("r1",)]),
    stage=st.sampled_from(["", "SCALE_UP", "TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"]),
    updated_at=st.one_of(st.none(), moments),
    strategy=st.sampled_from(["ROLLING", "BLUE_GREEN", "CANARY"]),
    bake_s=st.floats(0, 3600),
)
clues_ = st.builds(
    Clues,
    rings_since=st.one_of(st.none(), moments),
    rang_before=st.one_of(st.none(), st.none(), moments),
    databases=names,
    dependencies=names,
    old=st.one_of(st.none(), colours),
    new=st.one_of(st.none(), colours),
    about_errors=st.booleans(),
)


@settings(deadline=None, max_examples=500)
@given(deployment=deployments_, clues=clues_, within=st.integers(1, 86_400))
def test_nothing_is_blamed_that_is_not_known_to_be_its_fault(deployment: Deployment, clues: Clues, within: int) -> None:
    if attribution.judged(deployment, clues, within, NOW) is not None:
        return
    assert clues.rings_since is not None
    assert clues.rings_since > deployment.started_at
    assert not clues.databases
    assert not clues.dependencies
    assert clues.rang_before is None
    assert NOW - (deployment.finished_at or deployment.started_at) <= timedelta(seconds=within)
    if deployment.blue_green:
        shift = attribution.shift_by(deployment, clues)
        assert shift is not None
        assert clues.rings_since >= shift
        assert not deployment.open or deployment.stage not in ("", "SCALE_UP", "TEST_TRAFFIC_SHIFT")
    if clues.about_errors and clues.old and clues.new and clues.new.requests:
        assert clues.new.errors > 0
        assert clues.new.share >= clues.old.share


@settings(deadline=None, max_examples=300)
@given(deployment=deployments_, clues=clues_, within=st.integers(1, 86_400), other=st.text(min_size=1, max_size=5))
def test_more_that_rings_never_makes_it_more_to_blame(deployment: Deployment, clues: Clues, within: int, other: str) -> None:
    for more in ({"databases": (other,)}, {"dependencies": (other,)}, {"rang_before": NOW}, {"rings_since": None}):
        worse: Clues = replace(clues, **more)  # type: ignore[arg-type]  # one field each
        assert attribution.judged(deployment, worse, within, NOW) is not None


def test_the_alarm_itself_names_the_row(release: Release) -> None:
    assert release.action.resource(release.situation()) == "ecs:service/image/image-api"
    assert errors_alarm().name == ERRORS
