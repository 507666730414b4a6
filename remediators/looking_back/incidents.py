"""What the journal tells of each episode, in a line: when it rang, what was done about it, how it went. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from alarms.domain import readings
from alarms.domain.event import iso
from alarms.domain.incident import Ending
from remediators.looking_back.chronicle import ENDED, RANG, Entry, in_order, moment, word


class Outcome(StrEnum):
    """What came of an episode, the most telling first."""

    HELPED = "helped"
    NO_HELP = "no-help"
    FAILED = "failed"
    ACTED = "acted"  # not verified yet
    WAITING = "waiting"  # for a person's answer
    DENIED = "denied"
    EXPIRED = "expired"
    ESCALATED = "escalated"
    PROPOSED = "proposed"
    OBSERVED = "observed"  # it would have acted
    NOTHING = "nothing"  # a named guard said no, or nothing was decided yet


# What was borrowed, and how that ended.
BACK = {"reverted": "given back", "kept": "kept", "drifted": "changed by others", "revert-failed": "not given back"}


@dataclass(frozen=True, slots=True)
class Incident:
    """One episode. ``ended_at`` is None while it lasts, or where its end was not recorded; ``ending`` is the kind of end.

    ``acted`` names the actions that changed something, ``given_back`` what became of what was borrowed ("" when nothing was).
    """

    id: str
    alarm: str
    row: str
    service: str
    severity: str
    title: str
    started_at: datetime | None
    ended_at: datetime | None
    ending: str
    acted: tuple[str, ...]
    outcome: Outcome
    given_back: str

    @property
    def lasted_s(self) -> int | None:
        """Seconds from the transition into ALARM to the one out of it, None while that is not known."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(int((self.ended_at - self.started_at).total_seconds()), 0)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON document that `tocsin incidents` prints."""
        return {
            "id": self.id,
            "alarm": self.alarm,
            "row": self.row,
            "service": self.service,
            "severity": self.severity,
            "title": self.title,
            "started_at": iso(self.started_at) if self.started_at else None,
            "ended_at": iso(self.ended_at) if self.ended_at else None,
            "ending": self.ending,
            "lasted_s": self.lasted_s,
            "acted": list(self.acted),
            "outcome": self.outcome.value,
            "given_back": self.given_back,
        }


def incidents(entries: Iterable[Entry], *, service: str = "") -> list[Incident]:
    """Return the episodes that ``entries`` tell of, the newest first; of one service only where one is named."""
    grouped = by_episode(entries)
    found = [incident(key, its) for key, its in grouped.items()]
    wanted = [each for each in found if not service or each.service == service]
    return sorted(wanted, key=lambda each: (iso(each.started_at) if each.started_at else "", each.id), reverse=True)


def by_episode(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each episode."""
    grouped: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if key := word(entry, "episode", 64):
            grouped[key].append(entry)
    return grouped


def incident(key: str, entries: Iterable[Entry]) -> Incident:
    """Return one episode in short."""
    its = in_order(list(entries))
    opening = next((entry for entry in its if entry.get("type") == RANG), its[0] if its else {})
    named: Entry = next((entry for entry in its if word(entry, "row")), opening)
    end = _end(its)
    acted = dict.fromkeys(word(entry, "action") for entry in its if _phase(entry) == "acted")
    back = [BACK[_phase(entry)] for entry in its if entry.get("type") == "revert" and _phase(entry) in BACK]
    return Incident(
        id=key,
        alarm=word(opening, "alarm", 300),
        row=word(named, "row", 300),
        service=word(opening, "service", 100) or service_of(word(opening, "alarm", 300)),
        severity=word(opening, "severity", 20),
        title=word(opening, "title", 300),
        started_at=moment(opening, "started_at") or moment(opening),
        ended_at=moment(end, "ended_at"),
        ending=word(end, "ending", 40),
        acted=tuple(filter(None, acted)),
        outcome=_outcome(its),
        given_back=back[-1] if back else "",
    )


def service_of(alarm: str) -> str:
    """Return the service in an alarm's name, ``<prefix>/<stage>/<service>/<component>/<id>/<target>``; "" without one."""
    parts = alarm.split("/")
    return parts[2] if len(parts) >= 6 else ""


def would_act(entry: Entry) -> bool:
    """Tell whether a decision says what a lower mode kept it from doing."""
    if entry.get("type") != "decision" or not readings.table(entry.get("proposal")).get("changes"):
        return False
    return entry.get("verdict") == "ask" or entry.get("reason") == "mode-observe"


def _phase(entry: Entry) -> str:
    return word(entry, "phase", 40)


def _end(entries: list[Entry]) -> Entry:
    """Return how it ended: a recovery seen in data wins over "nobody knows", which may come before it."""
    ends = [entry for entry in entries if entry.get("type") == ENDED]
    recovered = [entry for entry in ends if entry.get("ending") in (Ending.RECOVERED.value, Ending.FIRST_OK.value)]
    return (recovered or ends or [{}])[-1 if not recovered else 0]


def _outcome(entries: list[Entry]) -> Outcome:
    phases = {_phase(entry) for entry in entries if entry.get("type") in ("action", "revert")}
    if "asked" in phases and not phases & {"approved", "denied", "expired", "acted", "skipped", "failed", "escalated"}:
        return Outcome.WAITING
    for outcome in (Outcome.HELPED, Outcome.NO_HELP, Outcome.FAILED, Outcome.ACTED, Outcome.DENIED, Outcome.EXPIRED):
        if outcome.value in phases:
            return outcome
    if Outcome.ESCALATED.value in phases:
        return Outcome.ESCALATED
    wished = [entry for entry in entries if would_act(entry)]
    if wished:
        return Outcome.PROPOSED if wished[-1].get("verdict") == "ask" else Outcome.OBSERVED
    return Outcome.NOTHING
