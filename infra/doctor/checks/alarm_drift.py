"""alarm-drift: the live alarms are those of the catalogue, as `tocsin plan` sees them."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.deploy import target_of
from alarms.plan import plan
from alarms.plan_types import Item, Verb
from infra.doctor.check import PIPELINE, SPOKE, Check, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment

_SAID = {Verb.CREATE: "it does not exist", Verb.DELETE: "it is live, and no row asks for it"}


def look(deployment: Deployment) -> Iterator[Finding]:
    """Say what a plan would change; rows that are not published are another check's."""
    if not deployment.desired:
        yield unknown("alarms", "the catalogue has no alarm for this stage")
        return
    made = plan(deployment.desired, deployment.alarms(), target_of(deployment.settings))
    yield from (wrong(item.name, _said(item)) for item in made.items)
    yield from (
        wrong(
            one.name,
            f"{one.reason.value}: {one.detail}" if one.detail else one.reason.value,
            "docs/deploying.md says why an alarm is refused",
        )
        for one in made.refused
    )
    if not made.items and not made.refused:
        yield ok("alarms", f"{len(made.unchanged)} alarms are as the catalogue says")


def _said(item: Item) -> str:
    if item.verb is not Verb.UPDATE:
        return _SAID[item.verb]
    first, *more = [f"{change.field} ({change.cause.value})" for change in item.changes]
    return f"it differs: {first}" + (f" and {len(more)} more" if more else "")


CHECK = Check(
    asks="Are the live alarms those of the catalogue, member by member?",
    why="An alarm that is missing or was changed by hand rings for something else than its row says.",
    fix="`tocsin plan` shows every member, `tocsin apply` puts it right",
    reads=("cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "tag:GetResources"),
    look=look,
    asked_of=(PIPELINE, SPOKE),
)
