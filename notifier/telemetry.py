"""What the log entries of the notifier, and of the door for buttons, count for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alarms.domain.telemetry import FAILED, PRESS_REFUSED, PRESSED, SLACK_THROTTLED, TELL_DELAY, TOLD, Measured, counted

TELLING = frozenset({"posted", "updated", "replied"})
Entries = Sequence[Mapping[str, Any]]


def told(entries: Entries) -> Measured:
    """Return what one batch of the notifier measured. ``delay_ms`` of an entry is how long it took until Slack answered."""
    spoken = [entry for entry in entries if entry.get("did") in TELLING]
    throttled = sum(entry.get("did") == "again" and entry.get("reason") == "throttled" for entry in entries)
    delays = tuple(entry["delay_ms"] for entry in spoken if "delay_ms" in entry)
    counts = counted(**{TOLD.name: len(spoken), SLACK_THROTTLED.name: throttled})
    return Measured({**counts, TELL_DELAY.name: delays})


def pressed(entries: Entries) -> Measured:
    """Return what one request at the door measured. An entry with a ``kind`` is a press that Slack signed."""
    counts = {
        PRESSED.name: sum("kind" in entry for entry in entries),
        PRESS_REFUSED.name: sum(entry.get("did") == "refused" for entry in entries),
        FAILED.name: sum(entry.get("did") == "failed" for entry in entries),
    }
    return Measured(counted(**counts))
