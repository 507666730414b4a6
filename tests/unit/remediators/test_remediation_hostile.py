"""What people and AWS do to remediation at the worst moment: what is borrowed is given back or reported, nothing is repeated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from remediation_world import (
    ACCOUNT,
    API,
    API_RESOURCE,
    CONSUMER_RESOURCE,
    ESCALATE,
    QUEUE_AGE,
    REGION,
    SCALE_API,
    SCALE_FUNCTION,
    Killed,
    World,
    api_alarm,
    queue_alarm,
    world,
)

from alarms.domain.alarm import Mode
from alarms.domain.event import State
from infra.local.seam import Call

RECEIVES = 5


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        dead = opened.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
        opened.client("sqs").set_queue_attributes(
            QueueUrl=opened.commands_url,
            Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})},
        )
        opened.dead_url = dead  # type: ignore[attr-defined]  # these stories alone have a dead-letter queue
        yield opened


def dead_letters(story: World) -> int:
    """Return how many records the queue gave up."""
    url = story.dead_url  # type: ignore[attr-defined]  # see the fixture
    found = story.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def after(story: World, operation: str, do: Callable[[], object]) -> None:
    """Do something right after the handlers' next call of ``operation``."""
    pending = [do]

    def saw(call: Call) -> None:
        if call.operation == operation and not call.internal and pending:
            pending.pop()()

    story.aws.seam.observe(saw)


def acted(story: World, alarm: Any = None) -> None:
    """Let the API's alarm ring and the floor be raised."""
    story.apply(alarm or api_alarm())
    story.ring(API)
    story.wait(60)
    assert story.floor() == 6


def delete_service(story: World, name: str = "image-api") -> None:
    story.aws.ecs.registry.clusters["image"].services.pop(name)


def die() -> None:
    """End the process right after the call that has just taken effect."""
    raise Killed


def floor(story: World) -> int:
    """Return the floor as it is, whatever answers AWS gives at the moment."""
    return story.aws.autoscaling.target(API_RESOURCE).minimum


def deregister(story: World, resource: str = API_RESOURCE) -> None:
    story.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="ecs", ResourceId=resource, ScalableDimension="ecs:service:DesiredCount"
    )


# --- borrowed, and never forgotten ------------------------------------------------------------------------------------


def test_a_change_that_timed_out_before_the_pause_is_ours_to_give_back(story: World) -> None:
    """The first attempt took effect without an answer, and automation is paused before the second: not "nothing was done"."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "timeout", times=1, after_effect=True)
    after(story, "RegisterScalableTarget", lambda: story.switch(paused=True))
    story.wait(60)

    assert story.floor() == 6
    assert story.phases() == ["acted"]
    story.switch()
    story.recover(API)
    story.wait(2400)
    assert story.floor() == 4


def test_a_change_whose_second_attempt_is_refused_is_ours_to_give_back(story: World) -> None:
    """As above, with IAM changed in between."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "timeout", times=1, after_effect=True)
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "AccessDeniedException", times=1)
    story.wait(60)

    assert story.phases() == ["acted"]
    story.recover(API)
    story.wait(2400)
    assert story.floor() == 4


@pytest.mark.parametrize("code", ["AccessDeniedException", "ServiceQuotaExceededException"])
def test_nothing_is_borrowed_when_no_timer_can_be_set_to_give_it_back(story: World, code: str) -> None:
    """The wake-up calls stand before the change: a scheduler that refuses them stops the run, and people are told."""
    story.apply(api_alarm())
    story.ring(API)
    story.aws.seam.fail("scheduler", "CreateSchedule", code, times=None)
    story.wait(1200, step=30)

    assert story.changes() == []
    assert [(report.phase.value, report.reason) for report in story.reports()] == [("skipped", "unsafe")]
    assert dead_letters(story) == 0


def test_a_scheduler_that_is_down_delays_the_change(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    fault = story.aws.seam.fail("scheduler", "CreateSchedule", "ThrottlingException", times=None)
    story.wait(60)
    assert story.changes() == []
    fault.lift()
    story.wait(300)

    assert story.changes() == [("RegisterScalableTarget", 6)]
    assert story.phases() == ["acted"]


@pytest.mark.parametrize("minutes", [20, 90])
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("application-autoscaling", "*"),
        ("dynamodb", "*"),
        ("cloudwatch", "DescribeAlarms"),
        ("ssm", "GetParameter"),
        ("sqs", "SendMessage"),
    ],
)
def test_an_outage_at_the_way_back_delays_it_and_loses_nothing(story: World, service: str, operation: str, minutes: int) -> None:
    """Longer than the queue is willing to bring a record back: the timer is renewed rather than given up."""
    acted(story)
    story.recover(API)
    story.wait(1700, step=60)
    fault = story.aws.seam.fail(service, operation, "unreachable", times=None)
    story.wait(minutes * 60, step=30)
    assert floor(story) == 6 or operation == "SendMessage"  # the change is made, the word about it is still to come
    fault.lift()
    story.wait(1800, step=60)

    assert story.floor() == 4
    assert story.phases() == ["acted", "helped", "reverted"]


def test_an_outage_while_it_settles_delays_the_decision(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    fault = story.aws.seam.fail("dynamodb", "*", "unreachable", times=None)
    story.wait(3600, step=30)
    assert story.changes() == []
    fault.lift()
    story.wait(1800, step=60)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_service_that_is_deleted_is_reported_not_forgotten(story: World) -> None:
    """Between act and revert: nothing is left to give back, and people read so."""
    acted(story)
    story.recover(API)
    delete_service(story)
    deregister(story)
    story.wait(2400)

    assert story.phases()[-1] == "drifted"
    assert dead_letters(story) == 0


def test_a_way_back_that_may_not_be_read_calls_a_person(story: World) -> None:
    acted(story)
    story.recover(API)
    story.wait(1700, step=60)
    story.aws.seam.fail("ecs", "DescribeServices", "AccessDeniedException", times=None)
    story.wait(900)

    assert story.phases()[-2:] == ["failed", "escalated"]
    assert dead_letters(story) == 0


def gone(story: World) -> None:
    delete_service(story)
    deregister(story)
    die()


def test_an_intent_whose_service_is_gone_ends_and_frees_the_service(story: World) -> None:
    """Killed after the intent, and the service deleted meanwhile: the other alarm of the service is not held up by it."""
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.pump()
    after(story, "TransactWriteItems", lambda: gone(story))
    story.wait(60)
    story.ring(QUEUE_AGE)
    story.wait(600)

    assert story.phases()[:1] == ["failed"]
    assert story.floor(CONSUMER_RESOURCE) == 11
    assert dead_letters(story) == 0


def test_an_intent_that_may_no_longer_be_looked_at_keeps_its_way_back(story: World) -> None:
    """Killed right after the change, and IAM taken away: it may have been applied, so the latest moment still comes."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    after(story, "RegisterScalableTarget", die)
    fault = story.aws.seam.fail("ecs", "DescribeServices", "AccessDeniedException", times=None, when=lambda _: floor(story) == 6)
    story.wait(1200, step=30)
    assert story.phases() == ["failed", "escalated"]
    fault.lift()
    story.wait(6 * 3600, step=300)

    assert story.floor() == 4
    assert dead_letters(story) == 0


def test_reports_that_cannot_be_sent_do_not_keep_the_floor_up(story: World) -> None:
    """The way to people is closed for good: the audit says so, and what was borrowed is given back."""
    story.apply(api_alarm())
    story.pump()
    story.aws.seam.fail(
        "sqs", "SendMessage", "AccessDenied", times=None, when=lambda params: params["QueueUrl"] == story.reports_url
    )
    story.ring(API)
    story.wait(60)
    assert story.floor() == 6
    story.recover(API)
    story.wait(2400)

    assert story.floor() == 4
    assert [entry["type"] for entry in story.audit].count("untold") == 3
    assert dead_letters(story) == 0


def test_a_recovery_by_way_of_insufficient_data_is_one_when_data_says_ok(story: World) -> None:
    """ALARM, INSUFFICIENT_DATA, OK from data: it had rung, so this is no first evaluation."""
    acted(story)
    story.state(API, State.INSUFFICIENT_DATA, "Insufficient Data: 5 datapoints were unknown.")
    story.wait(120)
    story.recover(API)
    story.wait(2400)

    assert story.floor() == 4


# --- decided once, and always -----------------------------------------------------------------------------------------


def test_a_run_that_was_held_does_not_cover_the_other_alarms_for_ever(story: World) -> None:
    """Paused right before the change of the one: the other is decided too, and says that it is paused."""
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.pump()
    after(story, "TransactWriteItems", lambda: story.switch(paused=True))
    story.wait(120)

    assert story.changes() == []
    reasons = [(report.alarm_name, report.reason) for report in story.reports()]
    assert (QUEUE_AGE, "paused") in reasons
    assert (API, "paused") in reasons


def dying(lives: Callable[[World, int | None], tuple[int, int]], holds: Callable[[World], None]) -> None:
    """Live once undisturbed, then once for each crash point that leaves a state of its own, each in a fresh world."""
    with world() as undisturbed:
        points = undisturbed.crash_points(*lives(undisturbed, None))
        holds(undisturbed)
    for k in points:
        with world() as told:
            lives(told, k)
            try:
                holds(told)
            except AssertionError as failure:
                failure.add_note(f"killed after call {k}")
                raise


def two_policies(story: World, k: int | None) -> tuple[int, int]:
    story.apply(api_alarm(SCALE_API, ESCALATE))
    story.ring(API)
    story.pump()
    story.aws.clock.advance(20)
    since = len(story.calls)
    story.kill_after(k)
    story.pump()
    story.kill_after(None)
    until = len(story.calls)
    story.wait(300, step=30)
    return since, until


def test_both_policies_of_an_alarm_are_decided_wherever_it_dies() -> None:
    """Two policies, killed at any point of the plan: the change once, and the call for people."""

    def holds(story: World) -> None:
        assert story.changes() == [("RegisterScalableTarget", 6)]
        assert sorted(story.phases()) == ["acted", "escalated"]

    dying(two_policies, holds)


def test_two_changing_policies_of_one_alarm_run_one_after_the_other(story: World) -> None:
    """The second is covered by the first, decided anew when that did not help, and the first is not run again."""
    eager = replace(SCALE_API, cooldown_s=0, otherwise=())
    story.apply(queue_alarm(replace(queue_alarm().policies[0], cooldown_s=0, otherwise=()), eager))
    story.ring(QUEUE_AGE)
    story.wait(60)
    assert (story.floor(CONSUMER_RESOURCE), story.floor()) == (11, 4)
    story.wait(1200)

    assert (story.floor(CONSUMER_RESOURCE), story.floor()) == (11, 6)
    assert [value for _, value in story.changes()] == [11, 6]
    assert dead_letters(story) == 0


def test_what_yields_is_looked_at_again_although_another_policy_has_run(story: World) -> None:
    """A deployment is going on: people are called at once, and the service is scaled when it is over."""
    story.apply(api_alarm(SCALE_API, ESCALATE))
    story.client("ecs").update_service(cluster="image", service="image-api", forceNewDeployment=True)
    story.ring(API)
    story.wait(40)
    assert story.phases() == ["skipped", "escalated"]
    story.wait(400)

    assert story.changes() == [("RegisterScalableTarget", 6)]
    assert story.phases() == ["skipped", "escalated", "acted"]


def no_help_with_another_waiting(story: World, k: int | None) -> tuple[int, int]:
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.wait(60)
    story.aws.clock.advance(870)
    since = len(story.calls)
    story.kill_after(k)
    for _ in range(4):
        story.pump()
        story.aws.clock.advance(15)
    story.kill_after(None)
    until = len(story.calls)
    story.wait(600, step=30)
    return since, until


def test_a_step_is_taken_once_and_covered_alarms_are_freed_wherever_the_verify_dies() -> None:
    """No help, killed at any point of the verify: people are called once and the covered alarm gets its own run."""

    def holds(story: World) -> None:
        of_the_queue = [report.phase.value for report in story.reports() if report.alarm_name == QUEUE_AGE]
        assert of_the_queue.count("escalated") == 1
        assert [value for _, value in story.changes()] == [11, 6]

    dying(no_help_with_another_waiting, holds)


def test_a_lost_answer_to_putting_it_off_does_not_lose_the_second_look(story: World) -> None:
    """The write took effect, botocore's own retry finds it done: the timer is sent all the same."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.aws.seam.fail("ecs", "DescribeServices", "unreachable", times=1)
    client = story.app._ports.history  # the adapter, to play botocore's retry: the first attempt's effect, the second's answer
    put_off = type(client).put_off

    def twice(history: Any, service: str, episode: Any) -> bool:
        put_off(history, service, episode)
        return put_off(history, service, episode)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(client), "put_off", twice)
        story.wait(60)
    story.wait(600)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_the_settle_message_that_was_never_sent_is_sent_by_the_redelivery(story: World) -> None:
    """A crash between claim and settle: the event comes again, finds its own claim, and goes on."""
    story.apply(api_alarm())
    story.pump()
    story.ring(API)
    after(story, "UpdateItem", die)
    story.pump()
    assert not [call for call in story.calls if call.operation == "SendMessage"]
    story.wait(300)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_verify_that_may_not_read_the_alarm_calls_a_person(story: World) -> None:
    """DescribeAlarms denied at the deadline: nobody knows whether it helped, and that is said."""
    acted(story)
    story.aws.seam.fail("cloudwatch", "DescribeAlarms", "AccessDenied", times=None)
    story.wait(900)

    assert story.phases() == ["acted", "no-help", "skipped", "escalated"]
    assert dead_letters(story) == 0


# --- the catalogue moves ----------------------------------------------------------------------------------------------


def put_row(story: World, alarm: Any, document: str) -> None:
    item = {"alarm": {"S": alarm.key}, "version": {"S": "current"}, "document": {"S": document}}
    story.client("dynamodb").put_item(TableName="tocsin-dev-catalogue", Item=item)


@pytest.mark.parametrize("document", ["not json", "[]", "{}", json.dumps({**api_alarm().to_document(), "severity": "purple"})])
def test_a_row_that_cannot_be_read_stops_its_own_alarm_only(story: World, document: str) -> None:
    """Code and rows may differ by a version: people are told, and the service's other alarm gets its plan."""
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.pump()
    put_row(story, api_alarm(), document)
    story.wait(120)

    assert story.floor(CONSUMER_RESOURCE) == 11
    assert story.floor(API_RESOURCE) == 4
    assert "unknown" in [report.reason for report in story.reports() if report.alarm_name == API]


def test_a_ring_whose_row_cannot_be_read_is_told_and_not_acted_on(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    put_row(story, api_alarm(), "{}")
    story.ring(API)
    story.wait(1200, step=60)

    assert story.changes() == []
    assert [report.reason for report in story.reports()] == ["unknown"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"cluster": "image", "service": "image-api"},
        {"cluster": "image", "service": "image-api", "max_tasks": 0},
        {"cluster": "image", "service": "image-api", "max_tasks": None},
        {"cluster": "image", "service": "image-api", "max_tasks": "20"},
        {"cluster": "image", "service": "", "max_tasks": 20},
        {"cluster": "image", "service": "image-api", "max_tasks": 20, "step": -5.0},
    ],
)
def test_parameters_that_do_not_fit_the_action_are_refused_by_name(story: World, parameters: dict[str, Any]) -> None:
    """Unset, 0 and nonsense never mean "no limit"; the other alarm of the service is not disturbed."""
    story.apply(api_alarm(replace(SCALE_API, parameters=parameters)))
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.wait(60)

    assert story.floor(API_RESOURCE) == 4
    assert [report.reason for report in story.reports() if report.alarm_name == API] == ["invalid"]
    assert story.floor(CONSUMER_RESOURCE) == 11


LOWERED = replace(SCALE_API, mode=Mode.OBSERVE)


@pytest.mark.parametrize("row", ["gone", api_alarm(LOWERED), api_alarm(ESCALATE), api_alarm(no_action="by hand")])
def test_an_intent_is_not_resumed_when_its_row_no_longer_allows_it(story: World, row: Any) -> None:
    """Killed between intent and change; meanwhile the row is removed, lowered to observe, or names another action."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()

    def meanwhile() -> None:
        if row == "gone":
            key = {"alarm": {"S": api_alarm().key}, "version": {"S": "current"}}
            story.client("dynamodb").delete_item(TableName="tocsin-dev-catalogue", Key=key)
        else:
            document = row.to_document() if row.no_action == "" else {**row.to_document(), "policies": []}
            put_row(story, api_alarm(), json.dumps(document))
        die()

    after(story, "TransactWriteItems", meanwhile)
    story.wait(600)

    assert story.changes() == []
    assert story.phases() == ["skipped"]
    assert story.reports()[0].reason == "stale"


# --- not ours to touch ------------------------------------------------------------------------------------------------


def elsewhere(story: World, record: dict[str, Any], account: str, region: str) -> dict[str, Any]:
    """Return the record as if the alarm had been forwarded from another account or region."""
    envelope = json.loads(record["body"])
    message = json.loads(envelope["Message"])
    message["AlarmArn"] = f"arn:aws:cloudwatch:{region}:{account}:alarm:{message['AlarmName']}"
    message["AWSAccountId"] = account
    return {**record, "messageId": "forwarded", "body": json.dumps({**envelope, "Message": json.dumps(message)})}


@pytest.mark.parametrize(("account", "region"), [(ACCOUNT, "us-east-1"), ("999999999999", REGION)])
def test_an_alarm_of_another_account_or_region_is_never_acted_on_here(story: World, account: str, region: str) -> None:
    """The same name rings here too: reading it in this Lambda's region would answer for the wrong alarm."""
    alarm = api_alarm(settle_s=0, account=account, region=region)
    story.apply(api_alarm(settle_s=0))
    put_row(story, alarm, json.dumps(alarm.to_document()))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    story.handle([elsewhere(story, record, account, region)])

    assert story.changes() == []
    assert [report.reason for report in story.reports()] == ["elsewhere"]


# --- clocks -----------------------------------------------------------------------------------------------------------


def told_at(record: dict[str, Any], at: Any, **members: Any) -> dict[str, Any]:
    """Return the record with another StateChangeTime (None: without one) and without SNS's own."""
    envelope = json.loads(record["body"])
    message = {**json.loads(envelope["Message"]), "StateChangeTime": at, **members}
    return {**record, "body": json.dumps(message)}


@pytest.mark.parametrize("at", [None, "yesterday", "", "0000-00-00", 10**30])
def test_a_ring_without_a_readable_time_opens_one_episode_however_often_it_comes(story: World, at: Any) -> None:
    """Raw delivery, no time at all: when SQS took the message is the same for each of its deliveries."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=0), settle_s=0))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    for _ in range(4):
        story.handle([told_at(record, at)])
        story.aws.clock.advance(1200)
    story.handle([{**told_at(record, at), "messageId": "other", "attributes": {}}])

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_ring_from_the_future_does_not_deafen_the_alarm(story: World) -> None:
    """A clock ten years ahead: the recovery and the next ring are still heard."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=0), settle_s=0))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    story.handle([told_at(record, "2036-10-31T15:03:20.123+0000")])
    story.wait(120)
    story.recover(API)
    story.wait(2400)
    assert story.floor() == 4
    story.scale_in()
    story.ring(API)
    story.wait(60)

    assert story.floor() == 6


def test_a_second_alarm_message_of_the_same_stay_is_not_a_second_episode(story: World) -> None:
    """After a mute or a suppressor's wait, ALARM comes from ALARM: the stay goes on."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=0), settle_s=0))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    story.handle([record])
    story.wait(1200)
    later = f"{story.now + timedelta(minutes=-1):%Y-%m-%dT%H:%M:%S}.000+0000"
    again = told_at(record, later, OldStateValue="ALARM")
    story.handle([{**again, "messageId": "again"}])

    assert story.changes() == [("RegisterScalableTarget", 6)]


# --- poison -----------------------------------------------------------------------------------------------------------

POISON = [
    "",
    "null",
    "[]",
    "{",
    "[" * 50_000,
    '{"type": "tocsin.timer/1"}',
    '{"type": "tocsin.timer/1", "kind": "bogus", "subject": "x"}',
    '{"type": "tocsin.timer/1", "kind": "verify", "subject": null}',
    '{"type": "tocsin.timer/1", "kind": ["verify"], "subject": {}}',
    '{"type": "tocsin.timer/1", "kind": "revert", "subject": ""}',
    '{"type": "tocsin.timer/1", "kind": "settle", "subject": ""}',
    '{"type": "tocsin.timer/1", "kind": "revert", "subject": "' + "x" * 5000 + '"}',
    '"tocsin.timer/1' + "[" * 50_000,
    '{"AlarmName": "\\ud800", "NewStateValue": "ALARM"}',
    json.dumps({"AlarmName": "x" * 255, "NewStateValue": "ALARM", "AWSAccountId": ACCOUNT, "AlarmArn": "arn:" + "x" * 9000}),
    json.dumps({"AlarmName": "n", "NewStateValue": "ALARM", "AlarmContributorId": "c" * 10_000, "StateChangeTime": {}}),
]


def test_poison_does_not_hold_up_the_batch_and_is_not_delivered_for_ever(story: World) -> None:
    """Whatever is in the queue: nothing is raised, the good record is taken, nothing that can never be read comes again."""
    story.apply(api_alarm(settle_s=0))
    story.pump()
    story.ring(API)
    (good,) = story.receive()
    bad = [{**good, "messageId": f"bad-{number}", "body": body} for number, body in enumerate(POISON)]
    again = story.handle([*bad[:8], good, *bad[8:]])

    assert again == set()
    assert story.changes() == [("RegisterScalableTarget", 6)]


@pytest.mark.parametrize("records", [(), (None,), ([],), ("x",), ([None, 3, {}, {"body": 1}],)])
def test_what_is_no_queue_event_at_all_raises_nothing(story: World, records: tuple[Any, ...]) -> None:
    event = {"Records": records[0]} if records else {}
    assert story.app.handle(event, None, story.now) == {"batchItemFailures": []}


DEEP = '{"paused": false, "mode": "auto", "policies": {"x": ' + "[" * 3000


@pytest.mark.parametrize("value", ["[" * 4000, DEEP, "null", "7", '"auto"', "{}"])
def test_a_switch_that_cannot_be_read_holds(story: World, value: str) -> None:
    story.client("ssm").put_parameter(Name="/tocsin/dev/switch", Value=value, Type="String", Overwrite=True)
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    assert story.changes() == []
    assert story.phases() in (["skipped"], ["observed"])


def test_the_switchs_reason_may_hold_anything(story: World) -> None:
    """Text that UTF-8, SQS or a reader cannot take: people are told, with what is left of it."""
    value = json.dumps({"paused": True, "mode": "auto", "reason": "\ud800 <!channel> \uffff\x00 " + "x" * 3000})
    story.client("ssm").put_parameter(Name="/tocsin/dev/switch", Value=value, Type="String", Overwrite=True)
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    (report,) = story.reports()
    assert report.reason == "paused"
    assert len(report.why.en) < 1200


# --- consumers --------------------------------------------------------------------------------------------------------


def mapping(story: World, **members: Any) -> str:
    """Return the UUID of a fresh mapping between the queue and the function."""
    uuid: str = story.aws.mappings.preload(
        function="thumbnails", queue_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:image-jobs", **members
    )
    return uuid


def test_a_mapping_that_is_deleted_is_reported_not_forgotten(story: World) -> None:
    uuid = mapping(story, maximum_concurrency=5)
    story.apply(queue_alarm(SCALE_FUNCTION))
    story.ring(QUEUE_AGE)
    story.wait(60)
    assert [value["MaximumConcurrency"] for _, value in story.changes()] == [19]
    story.recover(QUEUE_AGE)
    story.aws.mappings._mappings.pop(uuid)
    story.wait(2400)

    assert story.phases()[-1] == "drifted"
    assert dead_letters(story) == 0


@pytest.mark.parametrize(
    "trouble",
    [
        {"fault": ("sqs", "GetQueueAttributes", "AccessDenied")},
        {"fault": ("cloudwatch", "GetMetricData", "AccessDenied")},
        {"rates": None},
        {"desired": 0},
        {"deleted": 0},
    ],
)
def test_consumers_are_not_scaled_on_what_is_not_known_or_not_working(story: World, trouble: dict[str, Any]) -> None:
    story.apply(queue_alarm())
    story.pump()
    if "fault" in trouble:
        story.aws.seam.fail(*trouble["fault"], times=None)
    if "rates" in trouble:
        story.aws.clock.advance(3600)
    if "desired" in trouble:
        deregister(story, CONSUMER_RESOURCE)
        story.client("ecs").update_service(cluster="image", service="image-consumer", desiredCount=0)
        story.aws.ecs.settle("image", "image-consumer")
    if "deleted" in trouble:
        story.aws.clock.advance(900)
        story.rates(sent=100, received=90, deleted=0)
    story.ring(QUEUE_AGE)
    story.wait(60)

    assert story.changes() == []
    assert story.reports()[0].reason in ("unknown", "unsafe")


def lowered(story: World) -> None:
    story.target(API_RESOURCE, 4, 5)
    die()


def test_a_maximum_lowered_between_intent_and_change_is_not_passed(story: World) -> None:
    """Killed after the intent, then MaxCapacity goes from 20 to 5: the floor never goes above it."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    after(story, "TransactWriteItems", lambda: lowered(story))
    story.wait(600)

    assert story.floor() == 4
    assert story.phases()[0] == "failed"


def test_giving_the_floor_back_leaves_the_running_capacity_to_autoscaling(story: World) -> None:
    """Twelve tasks run by the time of the way back: only the floor moves, not one task is stopped by it."""
    acted(story)
    story.recover(API)
    story.client("ecs").update_service(cluster="image", service="image-api", desiredCount=12)
    story.aws.ecs.settle("image", "image-api")
    story.wait(2400)

    assert (story.floor(), story.desired()) == (4, 12)
