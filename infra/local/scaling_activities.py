"""What Application Auto Scaling did and did not do, and why: the record behind DescribeScalingActivities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from infra.local.scaling_model import Target

KEPT = 1000


class Activities:
    """Activities, newest last. One that scaled nothing is kept once per cause and minute."""

    def __init__(self, next_id: Callable[[], str]) -> None:
        self._next_id = next_id
        self.all: list[dict[str, Any]] = []

    def scaled(self, target: Target, count: int, cause: str, now: datetime) -> None:
        """Record that the capacity was set."""
        self._add(
            target, f"Setting desired count to {count}.", cause, now, "InProgress", f"Successfully set desired count to {count}."
        )

    def fulfilled(self, target: Target, now: datetime) -> None:
        """Mark the target's open activities as done: ECS runs what was asked for."""
        for item in self.all:
            if item["ResourceId"] == target.resource and item["StatusCode"] == "InProgress":
                item["StatusCode"], item["EndTime"] = "Successful", now
                item["StatusMessage"] += " Change successfully fulfilled by ecs."

    def bounds(self, target: Target, cause: str, now: datetime) -> None:
        """Record that a schedule or a registration set the bounds."""
        said = f"Setting min capacity to {target.minimum} and max capacity to {target.maximum}"
        done = f"Successfully set min capacity to {target.minimum} and max capacity to {target.maximum}"
        item = self._add(target, said, cause, now, "Successful", done)
        item["EndTime"] = now

    def not_scaled(self, target: Target, cause: str, code: str, current: int, now: datetime) -> None:
        """Record that a policy wanted something and why nothing came of it."""
        reason: dict[str, Any] = {"Code": code}
        if code == "AlreadyAtMaxCapacity":
            reason["MaxCapacity"] = target.maximum
        elif code == "AlreadyAtMinCapacity":
            reason["MinCapacity"] = target.minimum
        else:
            reason["CurrentCapacity"] = current
        newest = self.all[-1] if self.all else {}
        if newest.get("NotScaledReasons") == [reason] and newest["Cause"] == cause:
            return
        item = self._add(target, "Attempting to scale due to alarm triggered", cause, now, "Failed", "")
        item["EndTime"], item["NotScaledReasons"] = now, [reason]

    def _add(self, target: Target, said: str, cause: str, now: datetime, status: str, message: str) -> dict[str, Any]:
        item: dict[str, Any] = {
            "ActivityId": self._next_id(),
            "ServiceNamespace": "ecs",
            "ResourceId": target.resource,
            "ScalableDimension": target.dimension,
            "Description": said,
            "Cause": cause,
            "StartTime": now,
            "StatusCode": status,
            "StatusMessage": message,
        }
        self.all.append(item)
        del self.all[:-KEPT]
        return item
