"""What stands open in an incident: the question nobody answered, the changes that are out, the hold, the silence. Pure.

All of it follows from the set of reports, whatever order they came in; ``kept`` says which of them have to be remembered for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alarms.domain.command import Command, CommandKind
from alarms.domain.decision import Reason
from alarms.domain.report import Phase, Report

SHOWN_REPORTS = 4  # in the incident's message; the thread itself has all of them
SILENCE = timedelta(hours=1)
_RUNS = 3  # runs of one incident that buttons are offered for
_GIVEN_BACK = (Phase.REVERTED, Phase.KEPT, Phase.DRIFTED)
_LEAVES_OPEN = (Phase.ASKED, Phase.APPROVED, Phase.DIAGNOSED, Phase.HELD)


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody silenced the incident (``until`` after ``at``), or let it speak again (``until`` is ``at``)."""

    by: str
    at: datetime
    until: datetime

    def holds(self, now: datetime) -> bool:
        """Tell whether people are silenced at ``now``; clocks that differ do not prolong what was ended."""
        return self.at < self.until and now < self.until

    @staticmethod
    def of(command: Command) -> Silence:
        """Return what MUTE or UNMUTE asks for."""
        lasts = SILENCE if command.kind is CommandKind.MUTE else timedelta(0)
        return Silence(command.by, command.at, command.at + lasts)


@dataclass(frozen=True, slots=True)
class Standing:
    """``question`` waits for a person, ``approvals`` said yes to it so far; ``out`` can be undone, oldest first."""

    question: Report | None = None
    approvals: tuple[str, ...] = ()
    out: tuple[Report, ...] = ()
    hold: Report | None = None


def standing(reports: Sequence[Report], now: datetime) -> Standing:
    """Return what stands open at ``now``; a question or a hold past its ``until`` does not."""
    runs = _by_run(reports)
    asked = [(report, said) for said in runs.values() if (report := _question(said, now))]
    question, said = max(asked, key=lambda pair: _age(pair[0]), default=(None, ()))
    out = sorted((report for said in runs.values() if (report := _out(said))), key=_age)
    hold = _newest(report for report in reports if report.phase is Phase.HELD)
    return Standing(question, _approvals(said), tuple(out[-_RUNS:]), hold if hold and _lasts(hold, now) else None)


def kept(reports: Iterable[Report]) -> tuple[Report, ...]:
    """Return the reports to remember, each once, oldest first: the newest, and those that something open follows from."""
    ordered = sorted({report.id: report for report in reports}.values(), key=_age)
    runs = sorted(_by_run(ordered).values(), key=lambda said: _age(said[-1]))[-_RUNS:]
    needed = [*ordered[-SHOWN_REPORTS:], *(report for said in runs for report in _bearing(said))]
    if hold := _newest(report for report in ordered if report.phase is Phase.HELD):
        needed.append(hold)
    ids = {report.id for report in needed}
    return tuple(report for report in ordered if report.id in ids)


def _by_run(reports: Iterable[Report]) -> dict[str, list[Report]]:
    runs: dict[str, list[Report]] = {}
    for report in sorted(reports, key=_age):
        if report.run:
            runs.setdefault(report.run, []).append(report)
    return runs


def _bearing(said: Sequence[Report]) -> Iterable[Report]:
    """Return the reports of one run that buttons follow from: at most one of each sort."""
    sorts = (
        lambda report: report.phase is Phase.ASKED,
        lambda report: report.phase is Phase.APPROVED,
        _answers,
        lambda report: report.undoable,
        lambda report: report.phase in _GIVEN_BACK,
    )
    for sort in sorts:
        if found := _newest(filter(sort, said)):
            yield found


def _question(said: Sequence[Report], now: datetime) -> Report | None:
    """Return the run's ASKED while nothing answered it and its time is not over. One without an end is not open."""
    asked = _newest(report for report in said if report.phase is Phase.ASKED)
    return asked if asked and _lasts(asked, now) and not any(map(_answers, said)) else None


def _answers(report: Report) -> bool:
    """Tell whether a report of a run ends its question: anything but one yes of several, or a click that did not count."""
    if report.phase is Phase.APPROVED:
        return len(_said_yes(report)) >= report.needed
    return report.phase not in _LEAVES_OPEN and report.reason != Reason.NOT_ALLOWED.value


def _said_yes(report: Report) -> tuple[str, ...]:
    return tuple(dict.fromkeys(report.approvals)) or ((report.by,) if report.by else ())


def _out(said: Sequence[Report]) -> Report | None:
    """Return the report of a change that is out and can be undone."""
    given_back = any(report.phase in _GIVEN_BACK for report in said)
    return None if given_back else _newest(report for report in said if report.undoable)


def _approvals(said: Sequence[Report]) -> tuple[str, ...]:
    newest = _newest(report for report in said if report.phase is Phase.APPROVED)
    return _said_yes(newest) if newest else ()


def _newest(reports: Iterable[Report]) -> Report | None:
    return max(reports, key=_age, default=None)


def _age(report: Report) -> tuple[datetime, str]:
    return report.at, report.id


def _lasts(report: Report, now: datetime) -> bool:
    return report.until is not None and now < report.until
