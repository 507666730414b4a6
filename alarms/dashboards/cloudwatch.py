"""CloudWatch's dashboards: read those of a stage, write and delete. All of an account are global, whatever region is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.calls import Caller, Now, Pace, Sleep
from alarms.cloudwatch import batches
from alarms.dashboards.compile import Dashboard
from alarms.dashboards.plan import Item, Plan
from alarms.desired import TAG_CATALOGUE, TAG_STAGE
from alarms.domain.errors import Permanent
from alarms.plan_types import Verb
from alarms.settings import Settings

PER_SECOND = 9  # PutDashboard, GetDashboard, ListDashboards, DeleteDashboards allow 10 [CloudWatch quotas]
DELETES = 100  # names in one DeleteDashboards [botocore cloudwatch DeleteDashboards]
_NOT_THERE = frozenset({"ResourceNotFound", "ResourceNotFoundException", "DashboardNotFoundError"})


@dataclass(frozen=True, slots=True)
class Written:
    """What a run did. ``warnings`` are CloudWatch's own remarks on a body that it took."""

    done: tuple[Item, ...]
    warnings: tuple[str, ...] = ()


class Dashboards:
    """The dashboards of one account. ``clients(name)`` returns a boto3 client."""

    def __init__(self, clients: Callable[[str], Any], *, now: Now, sleep: Sleep) -> None:
        self._client = clients("cloudwatch")
        self._call = Caller(sleep)
        self._pace = Pace(PER_SECOND, now, sleep)

    def gather(self, wanted: Sequence[Dashboard], settings: Settings) -> dict[str, str]:
        """Return the bodies of the dashboards under our prefix, and of those of our names."""
        listed = self._names(f"{settings.prefix}-{settings.stage}-")
        found = {name: self._body(name) for name in dict.fromkeys([*listed, *(one.name for one in wanted)])}
        return {name: body for name, body in found.items() if body is not None}

    def write(self, plan: Plan, settings: Settings) -> Written:
        """Write what ``plan`` says, deletes last. Each step is safe to repeat. Errors as alarms.calls.Caller."""
        tags = [{"Key": TAG_CATALOGUE, "Value": settings.catalogue}, {"Key": TAG_STAGE, "Value": settings.stage}]
        warnings: list[str] = []
        puts = [item for item in plan.items if item.verb is not Verb.DELETE]
        for item in puts:
            # CloudWatch takes tags for a new dashboard only.
            warnings += self._put(item, {"Tags": tags} if item.verb is Verb.CREATE else {})
        deletes = [item for item in plan.items if item.verb is Verb.DELETE]
        for batch in batches([item.name for item in deletes], DELETES):
            self._delete(batch)
        return Written((*puts, *deletes), tuple(warnings))

    def _put(self, item: Item, extra: Mapping[str, Any]) -> list[str]:
        answer = self._call(
            f"PutDashboard {item.name}",
            lambda: self._client.put_dashboard(DashboardName=item.name, DashboardBody=item.body, **extra),
            self._pace,
        )
        found = answer.get("DashboardValidationMessages") or ()
        return [f"{item.name}: {message.get('DataPath', '')} {message.get('Message', '')}" for message in found]

    def _delete(self, names: list[str]) -> None:
        self._call(f"DeleteDashboards ({len(names)})", lambda: self._client.delete_dashboards(DashboardNames=names), self._pace)

    def _names(self, prefix: str) -> list[str]:
        asked: dict[str, Any] = {"DashboardNamePrefix": prefix}
        names: list[str] = []
        while True:
            page = self._call("ListDashboards", lambda: self._client.list_dashboards(**asked), self._pace)
            names += [entry["DashboardName"] for entry in page.get("DashboardEntries", ())]
            if not page.get("NextToken"):
                return names
            asked["NextToken"] = page["NextToken"]

    def _body(self, name: str) -> str | None:
        try:
            answer = self._call(f"GetDashboard {name}", lambda: self._client.get_dashboard(DashboardName=name), self._pace)
        except Permanent as error:
            if error.code in _NOT_THERE:
                return None
            raise
        return str(answer["DashboardBody"])
