"""What Application Auto Scaling keeps of a resource: bounds, suspensions, policies, scheduled actions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.clock import Due
from infra.local.schedule_expressions import Schedule


@dataclass
class Tracking:
    """One target-tracking policy and what it remembers between minutes.

    ``above_s`` and ``below_s``: since how long the metric has been beyond the target. ``out_at``, ``in_at``: when it last
    scaled, for the cool-downs.
    """

    name: str
    arn: str
    configuration: dict[str, Any]
    created_at: datetime
    alarms: list[dict[str, str]]
    above: int = 0
    below: int = 0
    out_at: datetime | None = None
    in_at: datetime | None = None
    out_to: int = 0


@dataclass
class Planned:
    """One scheduled action. ``members`` are those of PutScheduledAction."""

    name: str
    arn: str
    members: dict[str, Any]
    schedule: Schedule
    created_at: datetime
    due: Due | None = None


@dataclass
class Target:
    """One scalable target."""

    resource: str
    dimension: str
    arn: str
    role: str
    minimum: int
    maximum: int
    created_at: datetime
    suspended: dict[str, bool] = field(default_factory=dict)
    policies: dict[str, Tracking] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)

    @property
    def service(self) -> tuple[str, str]:
        """The ECS cluster and service."""
        _, cluster, name = self.resource.split("/")
        return cluster, name

    def suspends(self, what: str) -> bool:
        """Tell whether DynamicScalingIn, DynamicScalingOut or ScheduledScaling is suspended."""
        return self.suspended.get(f"{what}Suspended", False)
