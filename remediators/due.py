"""When a run next needs something done, whoever does it: the reconciler's side of every timer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from remediators.records import Lending, RunRecord, RunStatus


def partition(place: str) -> str:
    """Return the history table's partition with one item for each outstanding run of ``place`` (``account/region``)."""
    return f"due#{place}"


@dataclass(frozen=True, slots=True)
class Due:
    """One outstanding run. ``alarm`` is empty where its present level tells nothing: a series of an alarm, or recovered."""

    run: str
    at: datetime
    alarm: str = ""


def due_at(run: RunRecord) -> datetime | None:
    """Return the next moment at which something has to be done about ``run``; None when all is done."""
    if run.status is RunStatus.ASKED:
        return run.asked_until
    if run.status is RunStatus.INTENT:
        return run.acting_until
    verdict = None if run.concluded else run.verify_at or run.acting_until
    back = {Lending.HELD: run.give_back_at(), Lending.RETURNING: run.acting_until}.get(run.lending)
    return min((moment for moment in (verdict, back) if moment is not None), default=None)


def watched_alarm(run: RunRecord) -> str:
    """Return the alarm whose recovery ``run`` still waits for, "" when it waits for none that can be asked for."""
    return "" if run.recovered_at is not None or run.ring.contributor else run.ring.alarm_name
