"""Deploying, as the person who runs it sees it: on an embedded AWS that holds CloudWatch's calls per second."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from deploy_world import ACCOUNT, PAGER, REGION, SETTINGS, TARGET, TOPIC, World, composite, row

from alarms import deploy
from alarms.deploy import How
from alarms.deployment import Step
from alarms.desired import TAG_APPLIED, TAG_CATALOGUE, TAG_STAGE
from alarms.domain.alarm import Alarm, Mode
from alarms.domain.errors import CannotRun, Refused
from alarms.lease import Lease
from alarms.plan_types import Cause, RefusalReason, Scope
from infra.local.aws import embedded


def test_the_second_apply_writes_nothing(world: World) -> None:
    first = world.apply(
        [row(), row("dlq-not-empty"), composite("bad", 'ALARM("tocsin/dev/images/sqs/dlq-not-empty/image-jobs")')]
    )

    assert len(first.created) == 3
    second = world.apply(
        [row(), row("dlq-not-empty"), composite("bad", 'ALARM("tocsin/dev/images/sqs/dlq-not-empty/image-jobs")')]
    )

    assert world.written() == []
    assert second.ok
    assert second.plan.empty


def test_a_changed_threshold_is_the_one_field_the_plan_names(world: World) -> None:
    world.apply([row(Threshold=600), row("dlq-not-empty")])

    (item,) = world.plan([row(Threshold=900), row("dlq-not-empty")]).items

    assert [(change.field, change.before, change.after, change.cause) for change in item.changes] == [
        ("Threshold", 600.0, 900.0, Cause.YOU)
    ]


def test_a_live_change_is_told_as_someones_and_put_back(world: World) -> None:
    world.apply([row()])
    world.edit(row().name, Threshold=42.0)

    found = world.plan([row()])
    assert [(change.field, change.cause) for change in found.update[0].changes] == [("Threshold", Cause.LIVE)]
    assert found.drifted == found.update

    world.apply([row()])
    assert world.live()[row().name]["Threshold"] == 600.0
    assert world.plan([row()]).empty


def test_your_change_and_someones_live_change_are_told_apart_member_by_member(world: World) -> None:
    world.apply([row()])
    world.edit(row().name, Period=120, Threshold=1.0)

    (item,) = world.plan([row(Threshold=900, TreatMissingData="breaching")]).items

    assert {change.field: change.cause for change in item.changes} == {
        "Period": Cause.LIVE,
        "Threshold": Cause.BOTH,
        "TreatMissingData": Cause.YOU,
    }


def test_a_foreign_alarm_of_the_same_name_is_refused_and_left_as_it_is(world: World) -> None:
    world.clients("cloudwatch").put_metric_alarm(**{**row().request, "Threshold": 7.0})

    outcome = world.apply([row(), row("dlq-not-empty")])

    assert [refusal.reason for refusal in outcome.refused] == [RefusalReason.FOREIGN]
    assert not outcome.ok
    assert world.live()[row().name]["Threshold"] == 7.0
    assert outcome.created == (row("dlq-not-empty").name,)


def test_an_alarm_of_another_stage_under_the_same_name_is_refused(world: World) -> None:
    tags = [{"Key": TAG_CATALOGUE, "Value": "shop"}, {"Key": TAG_STAGE, "Value": "prod"}]
    world.clients("cloudwatch").put_metric_alarm(**row().request, Tags=tags)

    (refusal,) = world.apply([row()]).refused

    assert refusal.reason is RefusalReason.OTHER_OWNER
    assert "stage prod" in refusal.detail


def test_a_removed_row_deletes_its_alarm_and_its_current_row_but_keeps_the_history(world: World) -> None:
    world.apply([row(), row("dlq-not-empty")])
    assert world.current(row("dlq-not-empty").name)

    outcome = world.apply([row()])

    assert outcome.deleted == (row("dlq-not-empty").name,)
    assert set(world.live()) == {row().name}
    assert world.current(row("dlq-not-empty").name) is None
    versions = [item["version"]["S"] for item in world.clients("dynamodb").scan(TableName=TARGET.table)["Items"]]
    assert f"row#{row('dlq-not-empty').alarm.digest}" in versions


def test_deletes_above_the_guard_stop_the_whole_run(world: World) -> None:
    rows = [row(f"r{number}") for number in range(6)]
    world.apply(rows)

    stopped = world.apply([*rows[:4], row("new")])
    assert "--allow-deletes 2" in stopped.stopped
    assert [operation for operation in world.written() if operation != "UpdateItem"] == []  # the lease alone came and went
    assert len(world.live()) == 6

    assert len(world.apply([*rows[:4], row("new")], allow_deletes=2).deleted) == 2


def test_an_empty_catalogue_deletes_nothing_and_says_so(world: World) -> None:
    world.apply([row()])

    outcome = world.apply([], allow_deletes=100)

    assert outcome.plan.notes[0].startswith("the catalogue is empty: nothing is deleted, 1 alarm stays")
    assert set(world.live()) == {row().name}


def test_a_path_never_prunes_outside_itself(world: World) -> None:
    world.apply([row(), row("a", service="mail"), row("b", service="mail")])

    outcome = world.apply([row("a", service="mail")], scope=Scope(("mail",)), allow_deletes=9)

    assert outcome.deleted == (row("b", service="mail").name,)
    assert outcome.plan.outside == 1
    assert row().name in world.live()


def test_alarms_of_a_former_prefix_are_found_by_their_tags(world: World) -> None:
    old = row()
    world.clients("cloudwatch").put_metric_alarm(
        **{**old.request, "AlarmName": "former/name"}, Tags=[{"Key": key, "Value": value} for key, value in old.tags.items()]
    )

    outcome = world.apply([row()])

    assert outcome.deleted == ("former/name",)


def test_actions_that_somebody_switched_off_stay_off_through_an_update(world: World) -> None:
    world.apply([row()])
    world.clients("cloudwatch").disable_alarm_actions(AlarmNames=[row().name])

    assert world.plan([row()]).empty  # a hold is no drift
    outcome = world.apply([row(Threshold=900)])

    assert [hold.what for hold in outcome.plan.held] == ["actions are switched off (ActionsEnabled false)"]
    live = world.live()[row().name]
    assert (live["ActionsEnabled"], live["Threshold"]) == (False, 900.0)
    assert world.plan([row(Threshold=900)]).empty


def test_an_action_that_somebody_added_is_kept_while_ours_moves_to_another_topic(world: World) -> None:
    world.apply([row()])
    world.edit(row().name, AlarmActions=[TOPIC, PAGER])
    moved = row(AlarmActions=[f"{TOPIC}-2"])

    outcome = world.apply([moved])

    assert sorted(world.live()[row().name]["AlarmActions"]) == sorted([f"{TOPIC}-2", PAGER])
    assert [change.cause for change in outcome.plan.update[0].changes] == [Cause.YOU]
    assert world.plan([moved]).empty


def test_our_own_action_taken_off_live_is_drift_and_comes_back(world: World) -> None:
    world.apply([row()])
    world.edit(row().name, AlarmActions=[PAGER])

    outcome = world.apply([row()])

    assert outcome.plan.update[0].changes[0].cause is Cause.LIVE
    assert sorted(world.live()[row().name]["AlarmActions"]) == sorted([TOPIC, PAGER])


def test_actions_switched_off_in_the_catalogue_can_be_switched_on_there_again(world: World) -> None:
    world.apply([row(ActionsEnabled=False)])
    assert world.live()[row().name]["ActionsEnabled"] is False

    world.apply([row()])

    assert world.live()[row().name]["ActionsEnabled"] is True


def test_a_row_is_published_before_its_alarm_and_read_back_as_it_was(world: World) -> None:
    world.apply([row()])

    writes = [operation for operation in world.written() if operation != "UpdateItem"]
    assert writes == ["PutItem", "PutItem", "PutMetricAlarm"]
    found = world.current(row().name)
    assert found is not None
    assert Alarm.from_document(json.loads(found["document"]["S"])) == row().alarm


def test_a_change_of_policy_alone_publishes_the_row_and_touches_no_alarm(world: World) -> None:
    world.apply([row()])

    outcome = world.apply([row(mode=Mode.AUTO)])

    assert "PutMetricAlarm" not in world.written()
    assert [(change.field, change.before, change.after) for change in outcome.plan.update[0].changes] == [
        ("row policies[0].mode", "observe", "auto")
    ]


def test_a_tag_that_changed_is_set_without_putting_the_alarm(world: World) -> None:
    world.apply([row()])
    renamed = replace(row(), tags={**row().tags, "owner": "queues"})

    outcome = world.apply([renamed])

    assert [(change.field, change.cause) for change in outcome.plan.update[0].changes] == [("tag owner", Cause.YOU)]
    assert [operation for operation in world.written() if operation != "UpdateItem"] == ["TagResource"]
    assert world.plan([renamed]).empty


def test_children_are_made_before_parents_and_parents_deleted_before_children(world: World) -> None:
    child, middle = row("child"), composite("middle", f'ALARM("{row("child").name}")')
    top = composite(
        "top",
        f'ALARM("{middle.name}")',
        ActionsSuppressor=child.name,
        ActionsSuppressorWaitPeriod=60,
        ActionsSuppressorExtensionPeriod=60,
    )
    world.apply([top, middle, child, row()])

    puts = [call.params["AlarmName"] for call in world.calls if call.operation.startswith("Put") and "AlarmName" in call.params]
    assert puts.index(child.name) < puts.index(middle.name) < puts.index(top.name)

    outcome = world.apply([row()], allow_deletes=3)
    assert outcome.ok
    assert outcome.deleted == (top.name, middle.name, child.name)


def test_an_alarm_that_a_staying_composite_needs_is_not_deleted(world: World) -> None:
    needed = row("needed")
    world.apply([needed, row()])
    world.clients("cloudwatch").put_composite_alarm(AlarmName="tocsin/dev/theirs", AlarmRule=f'ALARM("{needed.name}")')

    (refusal,) = world.apply([row()]).refused

    assert (refusal.reason, refusal.detail) == (RefusalReason.IN_USE, "tocsin/dev/theirs")
    assert needed.name in world.live()


def test_a_circle_of_composites_is_broken_and_deleted(world: World) -> None:
    names = [composite(id_, "FALSE").name for id_ in "ab"]
    world.apply([composite("a", "FALSE"), composite("b", "FALSE"), row()])
    world.sleep(1)
    world.clients("cloudwatch").put_composite_alarm(AlarmName=names[0], AlarmRule=f'ALARM("{names[1]}")')
    world.clients("cloudwatch").put_composite_alarm(AlarmName=names[1], AlarmRule=f'ALARM("{names[0]}")')

    outcome = world.apply([row()], allow_deletes=2)

    assert outcome.ok
    assert set(world.live()) == {row().name}


def test_composites_that_would_form_a_circle_are_refused(world: World) -> None:
    one, two = composite("one", 'ALARM("tocsin/dev/images/all/two/x")'), composite("two", 'ALARM("tocsin/dev/images/all/one/x")')

    outcome = world.apply([one, two, row()])

    assert {refusal.reason for refusal in outcome.refused} == {RefusalReason.CYCLE}
    assert outcome.created == (row().name,)


def test_an_alarm_of_the_other_kind_is_refused(world: World) -> None:
    world.apply([row()])
    other = replace(composite("x", "TRUE"), alarm=row().alarm, request={"AlarmName": row().name, "AlarmRule": "TRUE"})

    (refusal,) = world.apply([other]).refused

    assert refusal.reason is RefusalReason.OTHER_KIND


def test_the_pace_keeps_a_large_apply_below_the_quota(world: World) -> None:
    begin = world.aws.clock.now
    outcome = world.apply([row(f"r{number:02}") for number in range(31)])

    assert outcome.ok
    assert not [call for call in world.calls if call.error_code]  # not one throttle: the pace kept the quota
    assert outcome.plan.seconds == 11
    assert 10 <= (world.aws.clock.now - begin).total_seconds() <= 20


def test_a_throttle_is_waited_out(world: World) -> None:
    world.aws.seam.fail("cloudwatch", "PutMetricAlarm", "Throttling", times=5)
    world.aws.seam.fail("cloudwatch", "DescribeAlarms", "Throttling", times=3)
    world.aws.seam.fail("resourcegroupstaggingapi", "GetResources", "ThrottledException", times=2)

    assert world.apply([row()]).ok


def test_a_throttle_that_lasts_stops_the_run_and_running_again_goes_on(world: World) -> None:
    rows = [row(f"r{number}") for number in range(4)]
    fault = world.aws.seam.fail(
        "cloudwatch", "PutMetricAlarm", "Throttling", times=None, when=lambda params: params["AlarmName"] == rows[2].name
    )
    stopped = world.apply(rows)
    assert "run it again" in stopped.stopped
    assert stopped.created == (rows[0].name, rows[1].name)

    fault.lift()
    assert world.apply(rows).created == (rows[2].name, rows[3].name)


def test_an_answer_that_never_came_is_asked_for_again(world: World) -> None:
    world.aws.seam.fail("cloudwatch", "PutMetricAlarm", "timeout", times=1, after_effect=True)

    assert world.apply([row()]).created == (row().name,)
    assert world.plan([row()]).empty


def test_one_alarm_that_cloudwatch_refuses_does_not_keep_the_others(world: World) -> None:
    world.aws.seam.fail(
        "cloudwatch",
        "PutMetricAlarm",
        "ValidationError",
        when=lambda params: params["AlarmName"] == row("bad").name,
        message="no such unit",
    )

    outcome = world.apply([row("bad"), row("good")])

    assert [failure.name for failure in outcome.failed] == [row("bad").name]
    assert "no such unit" in outcome.failed[0].why
    assert outcome.created == (row("good").name,)


def test_missing_permission_stops_at_the_first_alarm(world: World) -> None:
    world.aws.seam.fail("cloudwatch", "PutMetricAlarm", "AccessDenied", times=None)

    outcome = world.apply([row("a"), row("b")])

    assert len(outcome.failed) == 1
    assert "docs/deploying.md" in outcome.stopped


class Crash(BaseException):
    """The process ends here: no code of ours runs after it."""


@pytest.mark.parametrize("operation", ["PutItem", "PutMetricAlarm", "TagResource", "DeleteAlarms", "DeleteItem"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_is_resumed_by_running_again(
    world: World, operation: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row("stays"), row("changes"), row("goes")]
    world.apply(rows)
    wanted = [row("stays"), row("changes", Threshold=900), row("new")]
    _crash(world, operation, after=after, monkeypatch=monkeypatch)
    with pytest.raises(Crash):
        world.apply(wanted)
    monkeypatch.undo()

    world.sleep(200)  # the dead run's lease runs out
    assert world.apply(wanted).ok

    assert world.plan(wanted).empty
    assert set(world.live()) == {one.name for one in wanted}
    assert world.current(row("goes").name) is None
    found = world.current(row("changes").name)
    assert found is not None
    assert found["digest"]["S"] == row("changes", Threshold=900).alarm.digest


@pytest.mark.parametrize("operation", ["DeleteAlarms", "DeleteItem"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_while_destroying_leaves_no_current_row_once_it_is_run_again(
    world: World, operation: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row("one"), row("two")]
    world.apply(rows)
    _crash(world, operation, after=after, monkeypatch=monkeypatch)
    with pytest.raises(Crash):
        world.destroy()
    monkeypatch.undo()

    world.sleep(200)  # the dead run's lease runs out
    assert world.destroy().ok

    assert not world.live()
    assert [world.current(one.name) for one in rows] == [None, None]


def _crash(world: World, operation: str, *, after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process end at the first call of ``operation``, before or after it took effect; the lease is not given back."""
    import botocore.client

    original = vars(botocore.client.BaseClient)["_make_api_call"]
    dead = []

    def call(client: object, name: str, params: dict[str, object]) -> object:
        if dead or name == operation:
            first, _ = not dead, dead.append(name)
            if first and after:
                original(client, name, params)
            raise Crash(name)
        return original(client, name, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)


def test_two_applies_at_once_one_waits(world: World) -> None:
    """The first holds still in the middle until the second has said that it waits."""
    waiting, done = threading.Event(), []
    rows = [row("a"), row("b")]

    def first_says(step: Step) -> None:
        if step.done == 1:
            assert waiting.wait(20)

    def second_says(step: Step) -> None:
        if "waiting for it" in step.text:
            world.lines.append(step.text)
            waiting.set()

    def run(owner: str, says: object, desired: list[object]) -> None:
        how = How(owner=owner, progress=says, allow_deletes=5)  # type: ignore[arg-type]  # a callback of this test
        outcome = deploy.apply(world.clients, desired, SETTINGS, now=world.now, sleep=lambda _: time.sleep(0.01), how=how)  # type: ignore[arg-type]
        done.append((owner, outcome))

    first = threading.Thread(target=run, args=("anna's apply", first_says, rows))
    first.start()
    while first.is_alive() and not [call for call in world.calls if call.operation == "PutMetricAlarm"]:
        time.sleep(0.005)
    second = threading.Thread(target=run, args=("ben's apply", second_says, [*rows, row("c")]))
    second.start()
    first.join(30)
    second.join(30)

    assert [owner for owner, _ in done] == ["anna's apply", "ben's apply"]
    assert all(outcome.ok for _, outcome in done)
    assert done[1][1].created == (row("c").name,)  # planned after the wait: a and b were there
    assert "anna's apply is applying shop/dev right now" in world.lines[0]


def test_waiting_for_another_apply_ends(world: World) -> None:
    class Tireless(Lease):
        """Another run that renews its lease for ever."""

    other = Tireless(world.clients, TARGET, "somebody", now=world.now, sleep=world.sleep)
    other.take(world.lines.append)

    def sleep(seconds: float) -> None:
        world.sleep(seconds)
        other.keep()

    with pytest.raises(Refused, match="somebody is still applying shop/dev"):
        deploy.apply(world.clients, [row()], SETTINGS, now=world.now, sleep=sleep, how=replace(world.how, wait_s=300))
    assert not world.live()


def test_the_lease_of_a_dead_run_runs_out(world: World) -> None:
    Lease(world.clients, TARGET, "dead", now=world.now, sleep=world.sleep).take(world.lines.append)

    assert world.apply([row()]).ok


def test_a_run_that_lost_its_lease_stops_and_its_late_row_is_not_written_over_the_newer(world: World) -> None:
    rows = [row(f"r{number}") for number in range(3)]
    taken = []

    def stall(step: Step) -> None:
        if step.done == 1 and not taken:
            taken.append(step)
            world.sleep(200)
            Lease(world.clients, TARGET, "later", now=world.now, sleep=world.sleep).take(world.lines.append)

    outcome = world.apply(rows, progress=stall)

    assert "lease on shop/dev was lost" in outcome.stopped
    assert len(outcome.created) == 1


def test_a_missing_table_is_one_clear_line_and_no_rows_does_without(world: World) -> None:
    world.clients("dynamodb").delete_table(TableName=TARGET.table)

    with pytest.raises(CannotRun, match="there is no table tocsin-dev-catalogue"):
        world.plan([row()])
    outcome = world.apply([row()], rows=False)

    assert outcome.ok
    assert world.apply([row()], rows=False).plan.empty


def test_the_wrong_account_is_refused_before_anything_is_read(world: World) -> None:
    settings = replace(SETTINGS, account="999999999999")
    world.calls.clear()

    with pytest.raises(Refused, match="account 999999999999, the credentials are of account 123456789012"):
        deploy.plan(world.clients, [row()], settings, now=world.now, sleep=world.sleep)

    assert [call.operation for call in world.calls] == ["GetCallerIdentity"]


def test_another_region_than_the_stages_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="stage dev is in us-east-1"):
        deploy.plan(world.clients, [row()], replace(SETTINGS, region="us-east-1"), now=world.now, sleep=world.sleep)


def test_the_tagging_api_may_lag_behind(world: World) -> None:
    """It still says nothing of an alarm that was just made: what it says is not taken for foreign."""
    world.apply([row()])
    seam = world.aws.seam
    seam.serve("resourcegroupstaggingapi", {"GetResources": lambda *_: {"PaginationToken": "", "ResourceTagMappingList": []}})

    outcome = world.apply([row()])

    assert outcome.ok
    assert world.written() == []


def test_an_alarm_changed_between_plan_and_write_is_refused_and_the_others_are_written(world: World) -> None:
    world.apply([row("a"), row("b")])

    def meddle(step: Step) -> None:
        if step.done == 1:
            world.edit(row("b").name, Threshold=1.0)

    outcome = world.apply([row("a", Threshold=900), row("b", Threshold=900), row("c")], progress=meddle)

    assert [(refusal.name, refusal.reason) for refusal in outcome.refused] == [(row("b").name, RefusalReason.MOVED)]
    assert world.live()[row("b").name]["Threshold"] == 1.0
    assert row("c").name in world.live()


def test_destroy_deletes_what_is_ours_in_this_stage_and_nothing_else(world: World) -> None:
    top = composite("top", f'ALARM("{row().name}")')
    world.apply([row(), top])
    world.clients("cloudwatch").put_metric_alarm(**{**row().request, "AlarmName": "tocsin/dev/theirs"})

    shown = []
    assert "not approved" in world.destroy(approve=lambda plan: bool(shown.append(plan))).stopped
    assert [item.name for item in shown[0].delete] == [top.name, row().name]
    assert len(world.live()) == 3

    assert world.destroy().ok
    assert set(world.live()) == {"tocsin/dev/theirs"}
    assert world.current(row().name) is None


def test_the_record_of_the_last_apply_fits_a_tag() -> None:
    actions = [f"{TOPIC}-{number}" for number in range(5)]
    wide = row(AlarmActions=actions, OKActions=actions, InsufficientDataActions=actions)
    with embedded(datetime(2026, 10, 30, tzinfo=UTC), region=REGION) as aws:
        world = World(aws)
        world.apply([wide])
        (tag,) = [
            pair["Value"]
            for pair in world.clients("cloudwatch").list_tags_for_resource(
                ResourceARN=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{wide.name}"
            )["Tags"]
            if pair["Key"] == TAG_APPLIED
        ]

    assert len(tag) <= 256
