"""What a diagnosis is made of: where it may look, what a signal found, which signals could not be read and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from alarms.domain.alarm import Alarm
from alarms.domain.cause import Cause
from alarms.domain.event import iso
from alarms.domain.text import Text
from remediators.action import Clients

WINDOW = timedelta(minutes=60)  # how far back a change may lie and still be suspected
ONSET = timedelta(minutes=5)  # an alarm sees a symptom late: the minutes before it began are neither before nor during
_MOST_TARGETS = 10
_SHARED_NAMES = ("Stage", "ClusterName", "Database")  # of which more than one service has its part
_SHORT = 200


@dataclass(frozen=True, slots=True)
class Look:
    """Where one diagnosis looks. ``began`` is when the symptom began, as far as it is known: before the alarm could ring."""

    alarm: Alarm
    now: datetime
    began: datetime

    def targets(self, *dimensions: str) -> tuple[Mapping[str, str], ...]:
        """Return the service's targets that have exactly these dimensions, the alarm's own first; at most ten."""
        every = (self.alarm.target, *(target for found in self.alarm.resources.values() for target in found))
        wanted = [tuple(sorted(target.items())) for target in every if set(target) == set(dimensions)]
        return tuple(dict(target) for target in dict.fromkeys(wanted))[:_MOST_TARGETS]

    def named(self, component: str) -> tuple[str, ...]:
        """Return what stands under ``component`` (``logs``, ``secrets``, ``parameters``): each entry's value; at most ten."""
        entries = self.alarm.resources.get(component, ())
        return tuple(dict.fromkeys(next(iter(entry.values())) for entry in entries if entry))[:_MOST_TARGETS]

    @property
    def calm_until(self) -> datetime:
        """Until when all was well for certain: what is compared with the symptom lies before it."""
        return self.began - ONSET

    @property
    def names(self) -> frozenset[str]:
        """Every name of a resource of the service: what a change must have touched to be suspected."""
        stated = (found for component, found in self.alarm.resources.items() if component != "landscape")
        entries = (self.alarm.target, *(target for found in stated for target in found))
        return frozenset(value for entry in entries for key, value in entry.items() if key not in _SHARED_NAMES)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was seen: the line for people, what it speaks for (points per cause), the raw figures as evidence.

    ``weight`` orders lines; a finding that speaks for no cause is shown after all that do.
    """

    signal: str
    line: Text
    points: Mapping[Cause, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """How much it says at most about any one cause."""
        return max(self.points.values(), default=0)


@dataclass(frozen=True, slots=True)
class Gap:
    """A signal that could not be read, and why: its absence is said, and is no sign of health.

    ``chosen``: people live without it (no support plan, no log group named); only what should have been seen and was not
    makes a diagnosis less sure.
    """

    signal: str
    name: Text
    why: Text
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal: ``read`` makes the read-only calls and returns plain data, ``judge`` is pure.

    ``wanted`` says whether the service has anything to look at; where it has not, ``unset`` (when given) names what to
    declare. ``least_s`` is the time without which it is not begun.
    """

    key: str
    name: Text
    read: Callable[[Clients, Look, Callable[[], float]], Any]
    judge: Callable[[Any, Look], tuple[Finding, ...]]
    wanted: Callable[[Look], bool] = lambda _: True
    unset: Text | None = None
    least_s: float = 2.0


def short(value: object, longest: int = _SHORT) -> str:
    """Return an untrusted string on one line, cut: it is shown to people, never interpreted."""
    text = " ".join(str(value).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def clock(moment: datetime) -> str:
    """Return ``15:04 UTC``."""
    return f"{moment:%H:%M} UTC"


def minutes_before(look: Look, moment: datetime) -> int:
    """Return how many whole minutes ``moment`` lies before the symptom began; negative when after."""
    return round((look.began - moment).total_seconds() / 60)


def when(look: Look, moment: datetime) -> Text:
    """Return ``at 15:04 UTC, 6 min before the symptom``."""
    minutes = minutes_before(look, moment)
    if minutes > 0:
        return Text(f"at {clock(moment)}, {minutes} min before the symptom", f"{clock(moment)}, 증상 {minutes}분 전")
    if minutes == 0:
        return Text(f"at {clock(moment)}, as the symptom began", f"{clock(moment)}, 증상 시작 시점")
    return Text(f"at {clock(moment)}, {-minutes} min after the symptom began", f"{clock(moment)}, 증상 시작 {-minutes}분 후")


def plain(value: Any) -> Any:
    """Return ``value`` as JSON: times as ISO 8601, texts cut, unknown things as their text."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in _ordered(value)]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return short(value, 500)


def _ordered(value: Iterable[Any]) -> Iterable[Any]:
    return sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
