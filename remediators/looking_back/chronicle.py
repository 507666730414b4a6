"""How an episode begins and ends, as entries of the journal, and the reading of an entry's parts, whatever wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alarms.domain import readings
from alarms.domain.alarm import Alarm
from alarms.domain.event import iso
from alarms.domain.incident import Ending
from alarms.domain.text import Text
from remediators.records import Ring

RANG, ENDED, SWEPT = "rang", "ended", "swept"
Entry = Mapping[str, Any]
NOTHING = Text("", "")


def rang(ring: Ring, alarm: Alarm, now: datetime) -> dict[str, Any]:
    """Return the entry of an episode that begins."""
    return {
        **_of(RANG, ring, now),
        "row": alarm.row,
        "row_digest": alarm.digest,
        "service": alarm.service,
        "severity": alarm.severity.value,
        "title": alarm.title,
        "condition": alarm.condition.text,
        "value": ring.value,
    }


def ended(ring: Ring, ending: Ending | None, at: datetime, now: datetime) -> dict[str, Any]:
    """Return the entry of an episode that is over, ``at`` being the time of the transition."""
    return {**_of(ENDED, ring, now), "ended_at": iso(at), "ending": ending.value if ending else ""}


def _of(kind: str, ring: Ring, now: datetime) -> dict[str, Any]:
    return {
        "type": kind,
        "at": iso(now),
        "episode": ring.episode.id,
        "subject": ring.subject,
        "alarm": ring.alarm_name,
        "started_at": iso(ring.started_at),
    }


# --- reading --------------------------------------------------------------------------------------------------------------


def word(entry: Entry, name: str, longest: int = 500) -> str:
    """Return the text called ``name``, "" where there is none."""
    return readings.text(entry.get(name), longest)


def moment(entry: Entry, name: str = "at") -> datetime | None:
    """Return the time called ``name``, None where there is none that can be read."""
    return readings.moment(entry.get(name))


def sentence(value: object) -> Text:
    """Read a sentence in two languages; what is none is empty."""
    found = readings.table(value)
    return Text(readings.text(found.get("en"), 2000), readings.text(found.get("ko"), 2000))


def in_order(entries: list[Entry]) -> list[Entry]:
    """Return the entries that tell their time, the oldest first; of one moment in the order of the journal."""
    dated = [(found, entry) for entry in entries if (found := moment(entry)) is not None]
    return [entry for _, entry in sorted(dated, key=lambda pair: pair[0])]
