"""A saved plan: what was reviewed is what is applied, or refused by name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from deploy_world import TARGET, PureCloud, World, composite, row
from hypothesis import given, settings
from test_plan import catalogue, planned, rows

from alarms.configuration import canonical
from alarms.domain.alarm import Mode
from alarms.domain.errors import BadInput, Refused
from alarms.plan_file import PLAN_TYPE, from_text, to_text
from alarms.plan_types import Plan, RefusalReason

AT = datetime(2026, 10, 30, 9, tzinfo=UTC)


def through_a_file(plan: Plan) -> Plan:
    return from_text(to_text(plan, AT), "plan.json")


@given(rows, rows)
@settings(deadline=None, max_examples=50)
def test_a_plan_is_read_back_as_it_was_written(before: dict, after: dict) -> None:  # type: ignore[type-arg]
    cloud = PureCloud()
    cloud.carry_out(planned(cloud, catalogue(before)))
    plan = planned(cloud, catalogue(after))

    assert to_text(through_a_file(plan), AT) == to_text(plan, AT)


def test_a_saved_plan_does_exactly_what_it_says(world: World) -> None:
    world.apply([row(), row("goes"), row("b")])
    saved = through_a_file(world.plan([row(Threshold=900), row("new"), row("b")]))

    outcome = world.apply_saved(saved)

    assert (outcome.created, outcome.updated, outcome.deleted) == ((row("new").name,), (row().name,), (row("goes").name,))
    assert world.plan([row(Threshold=900), row("new"), row("b")]).empty


def test_a_saved_plan_may_be_applied_again_and_then_writes_nothing(world: World) -> None:
    world.apply([row("goes"), row("b")])
    saved = through_a_file(world.plan([row("new"), row("b"), composite("top", f'ALARM("{row("b").name}")')]))
    assert world.apply_saved(saved).ok

    outcome = world.apply_saved(saved)

    assert outcome.ok
    assert set(world.written()) == {"UpdateItem"}  # the lease, and what it remembers; no alarm, no row but the removed one's
    assert (outcome.created, outcome.updated, outcome.deleted) == ((), (), ())


def test_what_moved_since_is_refused_by_name_and_the_rest_is_done(world: World) -> None:
    world.apply([row("a"), row("b"), row("gone")])
    saved = through_a_file(world.plan([row("a", Threshold=900), row("b", Threshold=900), row("gone", Threshold=900), row("new")]))
    world.edit(row("a").name, Threshold=5.0)
    world.sleep(1)
    world.clients("cloudwatch").delete_alarms(AlarmNames=[row("gone").name])
    world.clients("cloudwatch").put_metric_alarm(**row("new").request, Tags=[])

    outcome = world.apply_saved(saved)

    assert {refusal.name: refusal.detail for refusal in outcome.refused} == {
        row("a").name: "its configuration was changed",
        row("gone").name: "it was deleted",
        row("new").name: "somebody made an alarm of this name",
    }
    assert {refusal.reason for refusal in outcome.refused} == {RefusalReason.MOVED}
    assert outcome.updated == (row("b").name,)
    assert not outcome.ok


def test_an_alarm_to_delete_that_was_changed_since_is_not_deleted(world: World) -> None:
    world.apply([row("a"), row("goes")])
    saved = through_a_file(world.plan([row("a")]))
    world.clients("cloudwatch").disable_alarm_actions(AlarmNames=[row("goes").name])

    assert [refusal.name for refusal in world.apply_saved(saved).refused] == [row("goes").name]
    assert row("goes").name in world.live()


def test_a_row_published_since_is_not_overwritten_by_an_older_plan(world: World) -> None:
    world.apply([row()])
    saved = through_a_file(world.plan([row(mode=Mode.AUTO)]))
    world.apply([row(mode=Mode.PROPOSE)])

    (refusal,) = world.apply_saved(saved).refused

    assert refusal.detail == "another row was published for it"


def test_a_saved_plan_over_the_guard_needs_the_number_said(world: World) -> None:
    rows_ = [row(f"r{number}") for number in range(5)]
    world.apply(rows_)
    assert "--allow-deletes 3" in world.apply_saved(through_a_file(world.plan(rows_[:2]))).stopped

    assert len(world.apply_saved(through_a_file(world.plan(rows_[:2])), allow_deletes=3).deleted) == 3


def test_a_plan_for_another_account_is_refused(world: World) -> None:
    saved = replace(world.plan([row()]), target=replace(TARGET, account="999999999999"))

    with pytest.raises(Refused, match="the plan was made for catalogue shop, stage dev, account 999999999999"):
        world.apply_saved(saved)


def signed(text: str, **changed: object) -> str:
    """Return a plan's text with other members and the digest that fits them."""
    body = {key: value for key, value in json.loads(text).items() if key != "digest"} | changed
    return json.dumps({**body, "digest": hashlib.sha256(canonical(body).encode()).hexdigest()})


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text[:-40], "not a saved plan"),
        (lambda _: "alarms: []", "not a saved plan"),
        (lambda _: "[]", "not a saved plan of this version"),
        (lambda text: text.replace(PLAN_TYPE, "tocsin.plan/2"), "of this version"),
        (lambda text: text.replace("900", "901"), "was changed since"),
        (lambda _: "[" * 100_000, "not a saved plan"),
        (lambda text: signed(text, items=None), "not a saved plan as"),
        (lambda text: signed(text, items=[{"verb": "explode"}]), "not a saved plan as"),
    ],
)
def test_a_file_that_is_no_plan_or_was_edited_is_one_clear_line(spoil: object, says: str) -> None:
    text = to_text(planned(PureCloud(), [row(Threshold=900)]), AT)

    with pytest.raises(BadInput, match=says) as caught:
        from_text(spoil(text), "plan.json")  # type: ignore[operator]

    assert str(caught.value).startswith("plan.json: ")
    assert "\n" not in str(caught.value)


def test_a_plan_file_says_what_it_is() -> None:
    document = json.loads(to_text(planned(PureCloud(), [row()]), AT))

    assert {key: document[key] for key in ("type", "created_at", "catalogue", "stage", "account", "region")} == {
        "type": "tocsin.plan/1",
        "created_at": "2026-10-30T09:00:00.000Z",
        "catalogue": "shop",
        "stage": "dev",
        "account": "123456789012",
        "region": "ap-northeast-2",
    }
    assert document["items"][0]["request"]["Threshold"] == 600
