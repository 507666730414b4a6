"""docs/deploying.md keeps its word: its policy is what deploying calls, its table is the table."""

from __future__ import annotations

import json
import re
from pathlib import Path

from deploy_world import TARGET, World, composite, row

from alarms.rows import table_definition

PAGE = Path(__file__).parents[4] / "docs" / "deploying.md"
IAM_PREFIX = {"resourcegroupstaggingapi": "tag"}
NEEDS_NO_PERMISSION = {"sts:GetCallerIdentity"}
ASKED_FOR_LIMITS = {
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "rds:DescribeDBParameters",
    "rds:DescribeDBClusterParameters",
}


def policy() -> dict[str, set[str]]:
    """Return the page's policy: statement to actions."""
    (text,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {
        statement["Sid"]: set([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        for statement in json.loads(text)["Statement"]
    }


def used(world: World) -> set[str]:
    """Return the IAM actions of the calls that were recorded."""
    return {f"{IAM_PREFIX.get(call.service, call.service)}:{call.operation}" for call in world.calls} - NEEDS_NO_PERMISSION


def test_the_policy_allows_every_call_of_a_deployment_and_no_other(world: World) -> None:
    seen: set[str] = set()
    rows = [row("a"), row("b"), composite("top", f'ALARM("{row("a").name}")')]
    for desired in (rows, [row("a", Threshold=9), row("b")], [row("a")]):
        world.apply(desired, allow_deletes=9)
        seen |= used(world)
    world.apply([row("a", Threshold=10)])
    seen |= used(world)
    world.destroy()
    seen |= used(world)

    assert seen | ASKED_FOR_LIMITS == set().union(*policy().values())


def test_a_plan_calls_only_what_the_reading_statements_allow(world: World) -> None:
    world.apply([row("a")])
    world.plan([row("a", Threshold=9), row("b")])

    allowed = policy()
    assert used(world) <= allowed["Look"] | allowed["LookInTheTable"]


def test_the_tables_command_makes_the_table_that_is_used() -> None:
    text = PAGE.read_text(encoding="utf-8")
    definition = table_definition(TARGET.table)

    for key in definition["KeySchema"]:
        assert f"AttributeName={key['AttributeName']},KeyType={key['KeyType']}" in text
    assert definition["BillingMode"] in text
