"""A spoke's alarms are its own, its rows are the hub's: `apply` writes each where it belongs, under keys that name the spoke."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from deploy_world import REGION, TARGET, row

from alarms import deploy
from alarms.deploy import How
from alarms.deployment import Outcome
from alarms.domain.errors import CannotRun, Permanent
from alarms.hub import Hub, hub_of
from alarms.plan_file import from_text, to_text
from alarms.rows import table_definition
from alarms.settings import Settings
from infra.local.aws import Embedded, embedded
from infra.local.seam import Call

SPOKE, HUB = "222222222222", "123456789012"
TABLE = f"arn:aws:dynamodb:{REGION}:{HUB}:table/tocsin-dev-catalogue"
TOPIC = f"arn:aws:sns:eu-west-1:{HUB}:tocsin-alarms"
SETTINGS = Settings(
    catalogue="shop",
    stage="shop-eu",
    account=SPOKE,
    region="eu-west-1",
    account_declared=True,
    region_declared=True,
    hub=Hub("dev", HUB, REGION, "7d1f0c5e9b"),
)


def desired() -> Any:
    mine = row(AlarmActions=[TOPIC], OKActions=[TOPIC], InsufficientDataActions=[TOPIC])
    return replace(
        mine,
        alarm=replace(mine.alarm, account=SPOKE, region="eu-west-1"),
        tags={**mine.tags, "tocsin:stage": "shop-eu"},
        request={**mine.request, "AlarmName": mine.alarm.name},
    )


class Two:
    """A hub's embedded AWS with its table, and a spoke's; the deployer has the spoke's credentials."""

    def __init__(self, hub: Embedded) -> None:
        self.hub, self.spoke = hub, hub.outpost(SPOKE, "eu-west-1")
        hub.client("dynamodb").create_table(**table_definition(TARGET.table))
        self.clients = deploy.clients_of(self.spoke.session, "eu-west-1")
        self.how = How(hub=deploy.clients_of(self.spoke.session, REGION))
        self.calls: list[Call] = []
        hub.seam.observe(self.calls.append)

    def apply(self) -> Outcome:
        clock = self.hub.clock
        return deploy.apply(self.clients, [desired()], SETTINGS, now=lambda: clock.now, sleep=clock.advance, how=self.how)

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.hub.client("dynamodb").scan(TableName=TARGET.table)["Items"]
        return found


@pytest.fixture
def two() -> Iterator[Two]:
    with embedded(datetime(2026, 10, 30, 9, tzinfo=UTC), region=REGION, account=HUB) as aws:
        yield Two(aws)


def test_the_alarm_stands_in_the_spoke_and_its_row_in_the_hub(two: Two) -> None:
    outcome = two.apply()

    assert outcome.ok
    assert len(outcome.created) == 1
    assert two.spoke.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert not two.hub.client("cloudwatch").describe_alarms()["MetricAlarms"]
    keys = {item["alarm"]["S"] for item in two.items()}
    assert desired().alarm.key in keys
    assert all(key.startswith(f"{SPOKE}/eu-west-1/") for key in keys), "the hub's table lets an account write its own keys only"


def test_the_second_apply_writes_nothing(two: Two) -> None:
    two.apply()
    two.calls.clear()

    assert two.apply().created == ()
    assert not [call for call in two.calls if call.operation.startswith(("Put", "Update", "Delete"))]


def test_every_call_to_the_table_points_at_it_by_its_arn(two: Two) -> None:
    """A name would be a table of the spoke's own account."""
    two.apply()

    tables = {
        call.params.get("TableName") or next(iter(call.params["RequestItems"]))
        for call in two.calls
        if call.service == "dynamodb"
    }
    assert tables == {TABLE}


def test_a_saved_plan_knows_its_hub(two: Two) -> None:
    clock = two.hub.clock
    now = clock.now
    plan = deploy.plan(two.clients, [desired()], SETTINGS, now=lambda: now, sleep=clock.advance, how=two.how)
    text = to_text(plan, now)
    saved = from_text(text, "plan.json")

    assert saved.target.rows_in == TABLE
    hub = hub_of(saved.target.rows_in, saved.target.prefix)
    assert hub == Hub("dev", HUB, REGION)
    assert "7d1f0c5e9b" not in text
    settings = replace(SETTINGS, hub=hub)
    outcome = deploy.apply_saved(two.clients, saved, settings, now=lambda: clock.now, sleep=clock.advance, how=two.how)
    assert outcome.ok
    assert desired().alarm.key in {item["alarm"]["S"] for item in two.items()}


def test_without_the_hubs_table_nothing_is_deployed_and_the_failure_names_it(two: Two) -> None:
    two.hub.client("dynamodb").delete_table(TableName=TARGET.table)

    with pytest.raises(CannotRun, match=TABLE):
        two.apply()
    assert not two.spoke.client("cloudwatch").describe_alarms()["MetricAlarms"]


def test_a_hub_that_does_not_let_the_deployer_in_says_no_before_any_alarm_is_written(two: Two) -> None:
    two.hub.seam.fail("dynamodb", "*", "AccessDeniedException", times=None)

    with pytest.raises(Permanent, match="AccessDenied"):
        two.apply()
    assert not two.spoke.client("cloudwatch").describe_alarms()["MetricAlarms"]


def test_the_row_of_a_hubs_own_stage_keeps_its_key_and_lease() -> None:
    """Who has no hub deploys as before."""
    own = deploy.target_of(Settings(catalogue="shop", stage="dev"))

    assert own.table == "tocsin-dev-catalogue"
    assert json.loads(to_text(deploy.Plan(own, deploy.WHOLE, ()), datetime(2026, 10, 30, tzinfo=UTC))).get("rows_in") is None
