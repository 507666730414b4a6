"""One hub, many accounts and regions: it acts where it may and nowhere else, and never takes one place for another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import people
import pytest
from remediation_world import ACCOUNT, API, CHANGING, REGION, SCALE_API, World, api_alarm, world
from spoke_world import EXTERNAL_ID, HOME, Outpost, allow, assumed, made_in, write_list

from alarms.domain.alarm import Mode
from alarms.domain.bounds import Limit
from alarms.domain.command import CommandKind
from alarms.domain.event import State
from remediators.permissions.grants import Names, grants
from remediators.permissions.iam_actions import needed
from remediators.registry import registry
from remediators.timers import Timer, TimerKind

OTHER = "222222222222"


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


@pytest.fixture
def spoke(story: World) -> Outpost:
    return Outpost(story, OTHER, "eu-west-1")


def test_a_spokes_alarm_is_remediated_in_the_spoke_and_nothing_of_the_hub_is_touched(story: World, spoke: Outpost) -> None:
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    story.wait(60)

    assert spoke.floor() == 6
    assert story.floor() == 4
    assert story.phases() == ["acted"]
    assert not made_in(story, *HOME) & {*CHANGING, "DescribeAlarms", "DescribeServices", "DescribeScalableTargets"}


def test_the_session_says_whose_run_it_was_and_asks_with_the_external_id(story: World, spoke: Outpost) -> None:
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    story.wait(60)

    (run,) = {report.run for report in story.reports()}
    asked = assumed(story)
    assert [each["RoleSessionName"] for each in asked] == ["tocsin-look", f"tocsin-{run}"]
    assert {(each["RoleArn"], each["ExternalId"]) for each in asked} == {(spoke.role, EXTERNAL_ID)}
    assert EXTERNAL_ID not in json.dumps([story.audit, [report.to_document() for report in story.reports()]], default=str)


def test_what_was_borrowed_in_a_spoke_is_given_back_there_hours_later_with_fresh_credentials(
    story: World, spoke: Outpost
) -> None:
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    story.wait(1200)
    spoke.state(API, State.OK)
    story.wait(3600, step=60)

    assert spoke.floor() == 4
    assert story.phases()[-1] == "reverted"
    assert len(assumed(story)) == 3  # to look, to change, to give back
    assert all(call.error_code != "ExpiredTokenException" for call in story.calls)


def test_credentials_that_end_before_their_time_are_asked_for_anew(story: World, spoke: Outpost) -> None:
    """The clocks of two machines differ, and a session may be cut short."""
    allow(story, spoke)
    spoke.apply(spoke.alarm(settle_s=300))
    spoke.state(API, State.ALARM)
    story.wait(30)
    sessions = story.aws.sts.sessions
    for key, session in sessions.items():
        if session.role:
            sessions[key] = replace(session, until=story.now)
    story.wait(900)

    assert spoke.floor() == 6
    assert any(call.error_code == "ExpiredTokenException" for call in story.calls)


def test_a_place_off_the_list_is_told_and_never_acted_on(story: World, spoke: Outpost) -> None:
    third = Outpost(story, "333333333333", "eu-west-1")
    allow(story, spoke)
    third.apply(third.alarm())
    third.state(API, State.ALARM)
    story.wait(600)

    assert [report.reason for report in story.reports()] == ["elsewhere"]
    assert assumed(story) == []
    assert (third.floor(), spoke.floor(), story.floor()) == (4, 4, 4)


def test_without_a_list_only_home_is_acted_in(story: World, spoke: Outpost) -> None:
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    story.wait(60)

    assert [report.reason for report in story.reports()] == ["elsewhere"]
    assert assumed(story) == []


@pytest.mark.parametrize("text", ["no json", '{"places": {"222222222222/eu-west-1": {"role": "x"}}}', "{}"])
def test_a_list_that_cannot_be_read_lets_nothing_be_done_in_a_spoke(story: World, spoke: Outpost, text: str) -> None:
    allow(story, spoke)
    write_list(story, text)
    spoke.apply(spoke.alarm())
    story.apply(api_alarm())
    spoke.state(API, State.ALARM)
    story.ring(API)
    story.wait(60)

    assert spoke.floor() == 4
    assert story.floor() == 6  # home needs no list
    assert {report.reason for report in story.reports()} == {"unknown", ""}


def test_the_wrong_external_id_changes_nothing_and_people_are_told_why(story: World, spoke: Outpost) -> None:
    allow(story, spoke, external_id="guessed")
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    story.wait(2400, step=60)

    assert spoke.floor() == 4
    assert [report.reason for report in story.reports()] == ["unknown"]
    assert all(call.error_code == "AccessDenied" for call in story.calls if call.operation == "AssumeRole")


def test_sts_out_of_order_for_a_while_delays_and_loses_nothing(story: World, spoke: Outpost) -> None:
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    outage = story.aws.seam.fail("sts", "AssumeRole", "ServiceUnavailable", times=None)
    spoke.state(API, State.ALARM)
    story.wait(120)
    assert spoke.floor() == 4
    outage.lift()
    story.wait(600)

    assert spoke.floor() == 6


def test_parameter_store_out_of_order_for_a_while_delays_and_loses_nothing(story: World, spoke: Outpost) -> None:
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    story.wait(120)
    outage = story.aws.seam.fail("ssm", "GetParameter", "InternalServerError", times=None)
    spoke.state(API, State.ALARM)
    story.wait(60)
    assert spoke.floor() == 4
    outage.lift()
    story.wait(600)

    assert spoke.floor() == 6


def test_an_alarm_without_a_row_asks_for_no_list(story: World, spoke: Outpost) -> None:
    """Wherever it lives: there is nothing to be done about it."""
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    story.client("dynamodb").delete_item(
        TableName="tocsin-dev-catalogue", Key={"alarm": {"S": spoke.alarm().key}, "version": {"S": "current"}}
    )
    story.wait(120)
    start = len(story.calls)
    spoke.state(API, State.ALARM)
    story.wait(60)

    assert "GetParameter" not in {call.operation for call in story.calls[start:]}


def test_a_place_that_was_taken_off_the_list_gets_nothing_back_and_people_are_told(story: World, spoke: Outpost) -> None:
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    story.wait(1200)
    write_list(story, '{"places": {}}')
    spoke.state(API, State.OK)
    story.wait(7 * 3600, step=300)

    assert spoke.floor() == 6
    assert story.phases()[-2:] == ["failed", "escalated"]


def test_a_yes_and_an_undo_hours_later_reach_the_spoke_each_in_the_runs_own_name(story: World, spoke: Outpost) -> None:
    """The question waits in the hub, and so does what was lent; the credentials of the look are long gone."""
    allow(story, spoke)
    people.allow(story, people.OWNER)
    spoke.apply(spoke.alarm(replace(SCALE_API, mode=Mode.APPROVE, approve_within_s=4 * 3600)))
    spoke.state(API, State.ALARM)
    story.wait(3 * 3600, step=60)
    run = people.answer(story)
    story.wait(60)
    assert spoke.floor() == 6

    story.wait(2 * 3600, step=60)
    people.click(story, CommandKind.UNDO, run)
    story.wait(60)

    assert spoke.floor() == 4
    assert story.floor() == 4
    assert [each["RoleSessionName"] for each in assumed(story)].count(f"tocsin-{run}") >= 2
    assert all(call.error_code != "ExpiredTokenException" for call in story.calls)


# --- two places, the same names ---------------------------------------------------------------------------------------


def test_one_places_run_holds_no_other_places_lock_limit_or_cooldown(story: World, spoke: Outpost) -> None:
    """Both have a service image/image-api, and a row that may run once a day."""
    once = replace(SCALE_API, limits=(Limit(1, 86400),))
    again = Outpost(story, OTHER, "us-east-1")
    allow(story, spoke, again)
    story.apply(api_alarm(once))
    for post in (spoke, again):
        post.apply(post.alarm(once))
    story.ring(API)
    for post in (spoke, again):
        post.state(API, State.ALARM)
    story.wait(60)

    assert (story.floor(), spoke.floor(), again.floor()) == (6, 6, 6)
    assert sorted(story.phases()) == ["acted"] * 3
    assert len({report.run for report in story.reports()}) == 3


def test_every_key_of_the_history_names_its_place(story: World, spoke: Outpost) -> None:
    """But for what is counted over everything, and a run's own id, which is made of the place."""
    allow(story, spoke)
    story.apply(api_alarm())
    spoke.apply(spoke.alarm())
    story.ring(API)
    spoke.state(API, State.ALARM)
    story.wait(1500)

    items = story.client("dynamodb").scan(TableName="tocsin-dev-history")["Items"]
    keys = {item["pk"]["S"] for item in items}
    ours = {f"{ACCOUNT}/{REGION}", spoke.place}
    unplaced = {key for key in keys if not any(place in key for place in ours)}
    assert {key.partition("#")[0] for key in unplaced} == {"run", "bound"}
    assert "bound#all#all" in unplaced
    for place in ours:
        mine = {key.replace(place, "") for key in keys if place in key}
        assert {"resource#/ecs:service/image/image-api", "due#", "bound#account#"} <= mine


def test_a_question_about_one_place_leaves_the_other_free(story: World, spoke: Outpost) -> None:
    ask = replace(SCALE_API, mode=Mode.APPROVE)
    allow(story, spoke)
    story.apply(api_alarm(ask))
    spoke.apply(spoke.alarm())
    story.ring(API)
    spoke.state(API, State.ALARM)
    story.wait(60)

    assert (story.floor(), spoke.floor()) == (4, 6)


# --- the reconciler ---------------------------------------------------------------------------------------------------


def sweep(story: World) -> None:
    """Let the one schedule fire: home's."""
    text = json.dumps(Timer(TimerKind.SWEEP, f"{ACCOUNT}/{REGION}").to_document())
    story.client("sqs").send_message(QueueUrl=story.commands_url, MessageBody=text)
    story.wait(300, step=60)


def test_a_lost_message_of_a_spoke_is_found_by_the_hubs_own_schedule(story: World, spoke: Outpost) -> None:
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    lose(story)
    story.wait(180, step=60)
    for _ in range(4):
        sweep(story)

    assert spoke.floor() == 6
    assert story.floor() == 4
    assert [report.reason for report in story.reports()][:1] == ["first-seen"]


def test_a_spoke_that_lets_nobody_in_keeps_no_other_from_being_swept(story: World, spoke: Outpost) -> None:
    shut = Outpost(story, "111111111111", "eu-west-1")
    allow(story, shut, spoke)
    del story.aws.sts.roles[shut.role]
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    lose(story)
    story.wait(180, step=60)
    for _ in range(4):
        sweep(story)

    assert spoke.floor() == 6
    assert story.failed == 0


def lose(story: World) -> None:
    """Let every message that waits now be lost."""
    while story.visible() and (records := story.receive()):
        for record in records:
            story.client("sqs").delete_message(QueueUrl=story.commands_url, ReceiptHandle=record["receiptHandle"])


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_home_alone_asks_neither_sts_nor_for_a_list(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    assert story.floor() == 6
    assert not {call.operation for call in story.calls} & {"AssumeRole"}
    assert {call.params["Name"] for call in story.calls if call.operation == "GetParameter"} == {"/tocsin/dev/switch"}


def test_a_spoke_costs_one_list_and_two_sessions(story: World, spoke: Outpost) -> None:
    """However much rings there within a session's time."""
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    for _ in range(3):
        spoke.state(API, State.ALARM)
        story.wait(20)
        spoke.state(API, State.OK)
        story.wait(20)

    assert [each["RoleSessionName"] for each in assumed(story)].count("tocsin-look") == 1
    lists = [call for call in story.calls if call.operation == "GetParameter" and call.params["Name"].endswith("/spokes")]
    assert len(lists) <= 3


# --- what IAM has to allow --------------------------------------------------------------------------------------------


def test_every_call_is_allowed_where_it_is_made(story: World, spoke: Outpost) -> None:
    """By the policy that `tocsin iam` prints for the hub, and by that of the role which the spoke lends."""
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    spoke.state(API, State.ALARM)
    story.wait(1200)
    sweep(story)
    spoke.state(API, State.OK)
    story.wait(3600, step=60)

    assert spoke.floor() == 4
    hub = Names("tocsin", "dev", "aws", REGION, ACCOUNT, (spoke.role,))
    lent = Names("tocsin", "dev-spoke", "aws", spoke.region, OTHER, is_spoke=True)
    allowed = {
        ACCOUNT: {grant.action for grant in grants([], registry().specs(), hub)},
        OTHER: {grant.action for grant in grants([spoke.alarm()], registry().specs(), lent)},
    }
    made = {(call.account, action) for call in story.calls for action in needed(call.service, call.operation, call.params)}
    assert {account for account, _ in made} == {ACCOUNT, OTHER}
    assert {(account, action) for account, action in made if action not in allowed[account]} == set()
    assert {grant.resource for grant in grants([], {}, hub) if grant.action == "sts:AssumeRole"} == {spoke.role}
