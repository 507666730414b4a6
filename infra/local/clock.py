"""The virtual clock: time stands still until it is advanced, and everything due on the way happens in order.

freezegun replaces the clock of the whole process, ``time.perf_counter`` and ``time.monotonic`` included: measure elapsed time
outside. Import every room before starting (a pydantic model first built under frozen time fails).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import freezegun

Callback = Callable[[], object]

# Order of what is due at the same moment: lower first, then in order of arrival.
METERS = -10  # what publishes metrics
NORMAL = 0
ALARMS = 10  # what evaluates them: a minute's points are in before that minute is judged


class Due:
    """One item of the agenda. ``cancel()`` takes it off; a recurring item stays until then."""

    __slots__ = ("callback", "cancelled", "every_s", "label", "order", "sequence", "when")

    def __init__(self, when: datetime, order: int, sequence: int, callback: Callback, every_s: float | None, label: str) -> None:
        self.when = when
        self.order = order
        self.sequence = sequence
        self.callback = callback
        self.every_s = every_s
        self.label = label
        self.cancelled = False

    def cancel(self) -> None:
        """Take the item off the agenda; harmless when it has run already."""
        self.cancelled = True

    def __lt__(self, other: Due) -> bool:
        """Earlier first; at the same moment by order, then by arrival."""
        return (self.when, self.order, self.sequence) < (other.when, other.order, other.sequence)


class Clock:
    """Virtual time in UTC. Not for several threads at once: one thread advances it, the others live in the moment."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start must be an aware datetime: a clock without a zone is wrong somewhere")
        self._now = start.astimezone(UTC)
        self._agenda: list[Due] = []
        self._sequence = 0
        self._moving = False
        self._frozen: Any = None
        self._freezer: Any = None

    @property
    def now(self) -> datetime:
        """The virtual time, aware, UTC."""
        return self._now

    @property
    def next_due(self) -> datetime | None:
        """When the next item is due; None when the agenda is empty."""
        while self._agenda and self._agenda[0].cancelled:
            heapq.heappop(self._agenda)
        return self._agenda[0].when if self._agenda else None

    def start(self) -> None:
        """Freeze the process's clock at this clock's time."""
        freezegun.configure(extend_ignore_list=["aws_lambda_powertools"])
        self._freezer = freezegun.freeze_time(self._now, tick=False)
        self._frozen = self._freezer.start()

    def stop(self) -> None:
        """Give the process its clock back."""
        if self._freezer is not None:
            self._freezer.stop()
            self._freezer = self._frozen = None

    def at(self, when: datetime, callback: Callback, *, order: int = NORMAL, label: str = "") -> Due:
        """Call ``callback`` once at ``when``; a past moment means as soon as time moves."""
        return self._add(max(when.astimezone(UTC), self._now), callback, order, None, label)

    def after(self, seconds: float, callback: Callback, *, order: int = NORMAL, label: str = "") -> Due:
        """Call ``callback`` once, ``seconds`` from now."""
        return self._add(self._now + timedelta(seconds=seconds), callback, order, None, label)

    def every(
        self, seconds: float, callback: Callback, *, first: datetime | None = None, order: int = NORMAL, label: str = ""
    ) -> Due:
        """Call ``callback`` every ``seconds``: first at ``first``, or at the next multiple of ``seconds`` since midnight UTC."""
        when = first.astimezone(UTC) if first else self._next_multiple(seconds)
        return self._add(when, callback, order, seconds, label)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass. Serves as a ``sleep`` for code that takes one."""
        self.advance_to(self._now + timedelta(seconds=seconds))

    def advance_to(self, moment: datetime) -> None:
        """Move to ``moment``, doing all that is due until then (its own instant included), each at its own time.

        RuntimeError when called from a callback: what is due cannot itself move time.
        """
        if self._moving:
            raise RuntimeError("the clock is already moving: a callback puts work on the agenda, it does not advance time")
        target = moment.astimezone(UTC)
        self._moving = True
        try:
            while (due := self.next_due) is not None and due <= target:
                item = heapq.heappop(self._agenda)
                self._move(max(item.when, self._now))
                self._repeat(item)
                item.callback()
            self._move(max(target, self._now))
        finally:
            self._moving = False

    def _add(self, when: datetime, callback: Callback, order: int, every_s: float | None, label: str) -> Due:
        self._sequence += 1
        item = Due(when, order, self._sequence, callback, every_s, label)
        heapq.heappush(self._agenda, item)
        return item

    def _repeat(self, item: Due) -> None:
        """Put a recurring item back before it runs, under the same place in the order, so that it may cancel itself."""
        if item.every_s is not None:
            item.when = item.when + timedelta(seconds=item.every_s)
            heapq.heappush(self._agenda, item)

    def _next_multiple(self, seconds: float) -> datetime:
        midnight = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = (self._now - midnight).total_seconds()
        return midnight + timedelta(seconds=(passed // seconds + 1) * seconds)

    def _move(self, moment: datetime) -> None:
        if self._frozen is not None and moment > self._now:
            self._frozen.tick(moment - self._now)
        self._now = moment
