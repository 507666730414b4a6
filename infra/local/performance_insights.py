"""Performance Insights: the load of a database by what its sessions wait for, as much of it as a diagnosis asks.

An instance without it is answered as AWS answers: NotAuthorizedException.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.aws_error import AwsError
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]
METRIC, GROUP = "db.load.avg", "db.wait_event"


class PerformanceInsights:
    """The loads that a story put here, by the instance's resource id (``db-ABC…``)."""

    def __init__(self) -> None:
        self._waits: dict[str, dict[str, float]] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {"DescribeDimensionKeys": self.describe_dimension_keys}

    def preload(self, identifier: str, waits: Mapping[str, float]) -> None:
        """Let an instance have this load: average sessions by wait, ``Lock:transactionid`` or ``CPU``."""
        self._waits[identifier] = dict(waits)

    def describe_dimension_keys(self, params: Params, _: Request) -> Answer:
        """Return the load by wait event, most first."""
        if params["ServiceType"] != "RDS" or params["EndTime"] <= params["StartTime"]:
            raise AwsError("InvalidArgumentException", "The service type or the time range is not valid.")
        if params["Metric"] != METRIC or params["GroupBy"]["Group"] != GROUP:
            raise NotImplementedError("the embedded Performance Insights knows db.load.avg by db.wait_event only")
        if params["Identifier"] not in self._waits:
            raise AwsError("NotAuthorizedException", "Performance Insights is not enabled for this instance.")
        waits = sorted(self._waits[params["Identifier"]].items(), key=lambda item: -item[1])[: params["GroupBy"].get("Limit", 10)]
        return {
            "AlignedStartTime": params["StartTime"],
            "AlignedEndTime": params["EndTime"],
            "Keys": [{"Dimensions": _dimensions(wait), "Total": value} for wait, value in waits],
        }


def _dimensions(wait: str) -> dict[str, str]:
    kind, _, name = wait.partition(":")
    return {"db.wait_event.type": kind, "db.wait_event.name": name or kind}
