"""Resource Groups Tagging API: GetResources for alarms, in pages, with tag filters. Other resource types go to moto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.alarm_store import AlarmStore
from infra.local.paging import page
from infra.local.seam import Operation, Request

ALARMS = ("cloudwatch:alarm", "cloudwatch")


class Tagging:
    """Answers for the alarms of ``store``."""

    def __init__(self, store: AlarmStore) -> None:
        self._store = store

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {"GetResources": self.get_resources}

    def get_resources(self, params: Mapping[str, Any], _: Request) -> dict[str, Any] | None:
        """List alarms by tags: every filter must match; within one, any of its values (none given: any value).

        Only resources that have or had tags are known to this API: an alarm without tags is not listed.
        """
        types: Sequence[str] = params.get("ResourceTypeFilters", ())
        arns: Sequence[str] = params.get("ResourceARNList", ())
        if not (types and set(types) <= set(ALARMS)) and not (arns and all(":alarm:" in arn for arn in arns)):
            return None
        filters = params.get("TagFilters", ())
        found = [
            {"ResourceARN": alarm.arn, "Tags": [{"Key": key, "Value": value} for key, value in sorted(alarm.tags.items())]}
            for alarm in self._store
            if alarm.tags and (not arns or alarm.arn in arns) and _matches(alarm.tags, filters)
        ]
        size = params.get("ResourcesPerPage", 50)
        items, token = page(found, size, params.get("PaginationToken"), error="InvalidParameterException")
        return {"PaginationToken": token or "", "ResourceTagMappingList": items}


def _matches(tags: Mapping[str, str], filters: Sequence[Mapping[str, Any]]) -> bool:
    return all(item["Key"] in tags and (not item.get("Values") or tags[item["Key"]] in item["Values"]) for item in filters)
