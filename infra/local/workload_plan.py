"""What happens in a demonstration with the real workload: how many images are uploaded in which minute, and at what pace.

One virtual minute is a slice of real time, in which the consumers' processes do what they can. How much that is is theirs: the
plan only says how long one image takes at least, so that two processes cannot keep up on any machine, and sixteen can.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from infra.local.scenario import Deliveries, Press


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """``traffic`` are (from this minute on, images a minute). Other numbers: minutes, tasks, seconds of real time.

    ``broken_at``: two files are uploaded that are no images. ``discarded_at``: a person empties the dead letters.
    """

    title: str = "Month-end upload surge, with real images"
    start: datetime = datetime(2026, 10, 31, 14, 0, tzinfo=UTC)
    timezone: str = "Asia/Seoul"
    seed: int = 20261031
    minutes: int = 80
    slice_s: float = 0.8
    image_s: float = 0.5
    tasks: int = 2
    max_tasks: int = 16
    traffic: tuple[tuple[int, int], ...] = ((0, 2), (2, 9), (34, 2))
    broken_at: int = 1
    discarded_at: int = 12
    deliveries: Deliveries = field(default_factory=Deliveries)
    clicks: tuple[Press, ...] = ()

    def uploads(self, minute: int) -> int:
        """Return how many images are uploaded in a minute."""
        return next((count for begin, count in reversed(self.traffic) if minute >= begin), 0)

    @property
    def ends(self) -> datetime:
        """When the last minute is over."""
        return self.start + timedelta(minutes=self.minutes)
