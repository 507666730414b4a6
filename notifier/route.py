"""Where a message goes and whether there is anything to say: pure, and every "no" has a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alarms.domain.alarm import Alarm
from alarms.domain.event import AlarmEvent
from alarms.domain.incident import Ending, ending_of
from alarms.domain.report import Report
from notifier.record import Thread
from notifier.thread import ending_key, report_key
from notifier.timeline import Incident, same

PATIENCE = timedelta(minutes=10)  # how long a report waits for its incident's message …
RECEIVES = 4  # … or how many deliveries, so that it is shown before the queue gives it up


class Quiet(StrEnum):
    """Why nothing is sent. The value is what logs, metrics and `explain` show."""

    NOT_AN_ALARM = "not-an-alarm"
    FIRST_OK = "first-ok"  # the first evaluation after creation: nothing had rung
    NO_INCIDENT = "ok-without-incident"  # it ends something that nobody was told of
    DUPLICATE = "duplicate"  # this very transition was seen and shown before
    OLDER = "older-than-shown"  # the message shows something newer already
    UNCHANGED = "unchanged"  # a reader would see no difference
    REPORT_SHOWN = "report-already-shown"
    MUTED = "muted"  # somebody silenced the incident: its message is edited, its thread stays as it is
    NO_EPISODE = "no-such-incident"  # a button of an incident that is not remembered any more


@dataclass(frozen=True, slots=True)
class Post:
    """Post the incident's message, and what is to be said in its thread."""

    replies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Edit the incident's message, and what is to be said in its thread."""

    replies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """Say something in the thread only."""

    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plain:
    """Show a report as a message of its own: its incident never came."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Give a report back to the queue: its incident's message may still come."""

    why: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Say nothing, for a named reason."""

    reason: Quiet
    detail: str = ""


Decision = Post | Update | Reply | Drop


def channel(row: Alarm | None, default: str) -> str:
    """Return the Slack channel of an alarm: its row's, or the default one for an alarm without a row."""
    return row.channel if row and row.channel else default


def for_event(event: AlarmEvent, known: Incident | None, thread: Thread, digest: str, *, seen: bool) -> Decision:
    """Decide what a transition changes.

    ``known`` is its incident (None when it belongs to none), ``thread`` what was told so far, ``digest`` what the message
    would look like now, ``seen`` whether this very transition had been recorded before.
    """
    if known is None:
        return Drop(Quiet.FIRST_OK if ending_of(event) is Ending.FIRST_OK else Quiet.NO_INCIDENT)
    if not thread.ts:
        return Post()
    replies = _ending_due(known, thread)
    if digest != thread.digest:
        return Update(replies)
    if replies:
        return Reply(replies)
    if seen:
        return Drop(Quiet.DUPLICATE)
    return Drop(Quiet.UNCHANGED if same(known.last, event) else Quiet.OLDER)


def for_report(report: Report, thread: Thread, digest: str) -> Decision:
    """Decide what a report changes in the thread of its incident."""
    key = report_key(report)
    if not thread.ts:
        return Post((key,))
    replies = () if key in thread.told else (key,)
    if digest != thread.digest:
        return Update(replies)
    return Reply(replies) if replies else Drop(Quiet.REPORT_SHOWN)


def for_silence(*, new: bool) -> Decision:
    """Decide what muting or unmuting changes: the message alone, since an edit notifies nobody."""
    return Update() if new else Drop(Quiet.DUPLICATE)


def for_stray(report: Report, *, now: datetime, receives: int) -> Plain | Wait:
    """Decide about a report whose incident is not known: wait a while, then show it by itself rather than never."""
    if receives >= RECEIVES or now - report.at >= PATIENCE:
        return Plain()
    return Wait(f"no incident yet for episode {report.episode.id} of {report.alarm_name}")


def _ending_due(known: Incident, thread: Thread) -> tuple[str, ...]:
    key = ending_key(known)
    return (key,) if known.ending and key not in thread.told else ()
