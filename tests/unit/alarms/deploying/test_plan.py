"""The plan as a pure function: minimal, converging, and blind to how CloudWatch words the same thing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from deploy_world import PAGER, TARGET, TOPIC, PureCloud, composite, row
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.configuration import Applied, fields, normal
from alarms.desired import TAG_APPLIED, Desired
from alarms.domain.alarm import Mode
from alarms.plan import plan, teardown
from alarms.plan_types import Cause, Plan, RefusalReason, Scope, Verb

EXAMPLES = settings(deadline=None, max_examples=80)

METRICS = [
    {"Id": "rate", "Expression": "100*(a+b)/r", "Label": "5xx"},
    *(
        {
            "Id": found,
            "ReturnData": False,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ApplicationELB",
                    "MetricName": name,
                    "Dimensions": [{"Name": "LoadBalancer", "Value": "app/x/1"}, {"Name": "TargetGroup", "Value": "t"}],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for found, name in (("a", "HTTPCode_ELB_5XX_Count"), ("b", "HTTPCode_Target_5XX_Count"), ("r", "RequestCount"))
    ),
]
NO_METRIC = {"Namespace": None, "MetricName": None, "Statistic": None, "Dimensions": None, "Period": None}

members = st.fixed_dictionaries(
    {},
    optional={
        "Threshold": st.sampled_from([600, 600.5, 0.05, 0]),
        "Period": st.sampled_from([60, 300]),
        "DatapointsToAlarm": st.sampled_from([3, 15]),
        "TreatMissingData": st.sampled_from(["missing", "breaching", None]),
        "AlarmDescription": st.sampled_from(["", "큐가 밀려 있습니다", None]),
        "ActionsEnabled": st.booleans(),
        "AlarmActions": st.sampled_from([[], [TOPIC], [TOPIC, PAGER], None]),
        "OKActions": st.sampled_from([[TOPIC], [PAGER, TOPIC]]),
        "Dimensions": st.sampled_from([[], [{"Name": "QueueName", "Value": "q"}]]),
    },
)
live_members = st.fixed_dictionaries(
    {},
    optional={
        "Threshold": st.sampled_from([1.0, 600.0]),
        "ActionsEnabled": st.booleans(),
        "AlarmActions": st.sampled_from([[], [TOPIC], [PAGER], [TOPIC, PAGER]]),
        "TreatMissingData": st.sampled_from(["ignore", "notBreaching"]),
    },
)
rows = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.tuples(members, st.sampled_from(list(Mode))), max_size=3)


def catalogue(found: dict[str, tuple[dict[str, Any], Mode]]) -> list[Desired]:
    return [row(id_, mode=mode, **request) for id_, (request, mode) in found.items()]


def planned(cloud: PureCloud, desired: list[Desired], **how: Any) -> Plan:
    return plan(desired, cloud.actual(), TARGET, rows=cloud.rows, **{"allow_deletes": 99, **how})


@given(rows, st.integers(0, 99))
@EXAMPLES
def test_what_was_applied_needs_nothing_more(found: dict[str, tuple[dict[str, Any], Mode]], seed: int) -> None:
    cloud = PureCloud(seed=seed)
    desired = catalogue(found)
    cloud.carry_out(planned(cloud, desired))

    again = planned(cloud, desired)

    assert again.empty
    assert len(again.unchanged) == len(desired)


@given(members, members)
@EXAMPLES
def test_a_plan_names_exactly_the_members_that_differ(before: dict[str, Any], after: dict[str, Any]) -> None:
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, [row(**before)]))

    items = planned(cloud, [row(**after)]).update
    named = {change.field for item in items for change in item.changes if not change.field.startswith(("row", "tag"))}

    one, two = (normal("PutMetricAlarm", row(**each).request) for each in (before, after))
    assert named == {field for field in fields("PutMetricAlarm") if one.get(field) != two.get(field)}
    assert {change.cause for item in items for change in item.changes} <= {Cause.YOU, Cause.RECORD}


@given(st.lists(st.one_of(rows, st.tuples(st.sampled_from(["a", "b", "c"]), live_members)), max_size=6), rows, st.integers(0, 99))
@EXAMPLES
def test_any_history_of_applies_and_live_edits_converges(history: list[Any], last: dict[str, Any], seed: int) -> None:
    """Also with people's holds: one apply is enough, and what people hold is still there."""
    cloud = PureCloud(seed=seed)
    for step in history:
        if isinstance(step, dict):
            cloud.carry_out(planned(cloud, catalogue(step)))
        elif (name := row(step[0]).name) in cloud.alarms:
            cloud.edit(name, **step[1])
    final = planned(cloud, catalogue(last))
    cloud.carry_out(final)

    assert planned(cloud, catalogue(last)).empty
    for hold in final.held:
        kept = cloud.alarms[hold.name].members
        assert kept["ActionsEnabled"] is False or "also has" in hold.what
        assert "also has" not in hold.what or hold.what.split()[-1] in kept[hold.what.split()[0]]


@given(members, live_members)
@EXAMPLES
def test_a_live_edit_alone_is_never_called_yours(request_: dict[str, Any], edit: dict[str, Any]) -> None:
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, [row(**request_)]))
    cloud.edit(row().name, **edit)

    causes = {change.cause for item in planned(cloud, [row(**request_)]).update for change in item.changes}

    assert causes <= {Cause.LIVE}


@pytest.mark.parametrize(
    "reported",
    [
        {"Threshold": 600.0},
        {"DatapointsToAlarm": 15},
        {"Dimensions": [{"Value": "image-jobs", "Name": "QueueName"}]},
        {"ActionsEnabled": True},
        {"EvaluateLowSampleCountPercentile": "evaluate"},
        {"EvaluationWindow": {"SlidingWindow": {}}},
        {"Metrics": []},
        {"ActionConfiguration": {"AlarmTagsPropagation": {"Enabled": False}}},
        {"StateValue": "ALARM", "StateReasonData": "{}", "SomethingNewer": 1},
    ],
)
def test_what_cloudwatch_words_differently_is_no_difference(reported: dict[str, Any]) -> None:
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, [row()]))
    known = cloud.alarms[row().name]
    cloud.alarms[row().name] = replace(known, members={**known.members, **reported})

    assert planned(cloud, [row()]).empty


def test_metrics_are_compared_whatever_their_order_and_the_orders_inside() -> None:
    cloud = PureCloud(seed=3)
    math = row(**NO_METRIC, Metrics=METRICS)
    cloud.carry_out(planned(cloud, [math]))
    known = cloud.alarms[math.name]
    turned = [{**entry, "ReturnData": entry.get("ReturnData", True)} for entry in reversed(known.members["Metrics"])]
    for entry in turned:
        if "MetricStat" in entry:
            metric = entry["MetricStat"]["Metric"]
            entry["MetricStat"] = {**entry["MetricStat"], "Metric": {**metric, "Dimensions": metric["Dimensions"][::-1]}}
            entry["AccountId"] = TARGET.account
    cloud.alarms[math.name] = replace(known, members={**known.members, "Metrics": turned})

    assert planned(cloud, [math]).empty


def test_without_a_record_nobody_is_blamed_and_actions_stay() -> None:
    cloud = PureCloud()
    cloud.put("PutMetricAlarm", {**row().request, "Threshold": 1, "AlarmActions": [PAGER]}, row().tags)

    (item,) = planned(cloud, [row()]).items

    assert {change.field: change.cause for change in item.changes if not change.field.startswith("row")} == {
        "Threshold": Cause.UNKNOWN,
        "AlarmActions": Cause.UNKNOWN,
    }
    assert item.request["AlarmActions"] == sorted([PAGER, TOPIC])


def test_a_record_of_a_later_version_counts_as_none() -> None:
    assert Applied.parse("PutMetricAlarm", "2/abc") is None
    assert Applied.parse("PutMetricAlarm", "") is None


def test_a_record_of_an_older_version_with_fewer_members_is_still_read() -> None:
    wanted = normal("PutMetricAlarm", row().request)
    record = Applied.of("PutMetricAlarm", wanted, row().tags).text.split("/")
    record[2] = record[2][: 14 * 4]  # up to Threshold

    older = Applied.parse("PutMetricAlarm", "/".join(record))

    assert older is not None
    assert older.was("Threshold", 600.0)
    assert older.was("EvaluationInterval", None)


def test_more_than_five_actions_are_refused_and_not_cut() -> None:
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, [row()]))
    cloud.edit(row().name, AlarmActions=[TOPIC, *(f"{PAGER}{number}" for number in range(4))])
    wanted = row(AlarmActions=[TOPIC, f"{TOPIC}-2"])

    (refusal,) = planned(cloud, [wanted]).refused

    assert (refusal.reason, refusal.detail) == (RefusalReason.TOO_MANY_ACTIONS, "AlarmActions")


def test_an_unpublished_row_is_work_and_a_plan_without_rows_asks_for_none() -> None:
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, [row()]))

    assert plan([row()], cloud.actual(), TARGET, rows=None).empty
    (item,) = plan([row()], cloud.actual(), TARGET, rows={}).items
    assert (item.verb, item.put, [change.field for change in item.changes]) == (Verb.UPDATE, False, ["row"])


@pytest.mark.parametrize(("live", "allowed"), [(1, 1), (9, 1), (10, 1), (29, 2), (1000, 100)])
def test_the_guard_is_a_tenth_and_at_least_one(live: int, allowed: int) -> None:
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, [row(f"r{number}") for number in range(live)]))

    found = plan([row("other")], cloud.actual(), TARGET, rows=cloud.rows)

    assert found.allowed_deletes == allowed
    assert bool(found.stop) == (live > allowed)


def test_a_delete_says_what_people_had_set() -> None:
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, [row("a"), row("b")]))
    cloud.edit(row("a").name, ActionsEnabled=False)

    (item,) = planned(cloud, [row("b")]).delete

    assert item.holds == ("actions are switched off (ActionsEnabled false)",)


def test_scope_covers_a_service_only_when_all_its_rows_are_there() -> None:
    whole = ["mail/sqs/a", "mail/ecs/b", "images/sqs/a", "sqs/alone"]

    assert Scope.covering(whole[:2], whole) == Scope(("mail",))
    assert Scope.covering(["mail/sqs/a", "images/sqs/a"], whole) == Scope(("images",))
    assert not Scope.covering(["sqs/alone"], whole).holds("sqs/alone")


def test_teardown_takes_parents_first_and_nothing_foreign() -> None:
    cloud = PureCloud()
    parent = composite("top", f'ALARM("{row().name}")')
    cloud.carry_out(planned(cloud, [row(), parent]))
    cloud.put("PutMetricAlarm", {**row("x").request, "AlarmName": "tocsin/dev/theirs"})

    assert [item.name for item in teardown(cloud.actual(), TARGET).items] == [parent.name, row().name]


def test_what_changed_is_planned_and_what_it_takes_at_three_a_second_is_said() -> None:
    desired = [row(f"r{number}") for number in range(300)]
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, desired))
    changed = [
        replace(one, request={**one.request, "Threshold": 900}) if index % 10 == 0 else one for index, one in enumerate(desired)
    ]

    found = plan(changed, cloud.actual(), TARGET, rows=cloud.rows)

    assert (len(found.update), len(found.unchanged), found.seconds) == (30, 270, 10)
    assert TAG_APPLIED in found.update[0].tags


def test_a_description_that_repeats_the_condition_is_not_named_beside_it() -> None:
    cloud = PureCloud()

    def described(title: str, threshold: float) -> Desired:
        text = f">= {float(threshold)} s"
        return row(Threshold=threshold, AlarmDescription=f"{title}\nAWS/SQS Age {text}, 15 of 15 x 60 s\nOwner: platform")

    cloud.carry_out(planned(cloud, [described("Backlog", 600)]))

    (one,) = planned(cloud, [described("Backlog", 900)]).update
    (both,) = planned(cloud, [described("Queue", 900)]).update

    assert [change.field for change in one.changes] == ["Threshold"]
    assert "900.0 s" in one.request["AlarmDescription"]
    assert [change.field for change in both.changes] == ["AlarmDescription", "Threshold"]
