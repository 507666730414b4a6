"""What remediation will do about an alarm, from its row, and what it has done, from its reports: short lines of mrkdwn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alarms.domain.alarm import Alarm, Policy
from alarms.domain.bounds import Limit
from alarms.domain.report import Phase, Report
from alarms.domain.text import Language
from notifier import words as w
from notifier.escape import bold, is_user, mrkdwn, naming, person
from notifier.figures import span
from notifier.message import date
from notifier.standing import SHOWN_REPORTS

_SHOWN_POLICIES = 3
# Where nothing was changed the headline alone would leave the reader with a question.
_WANTS_WHY = (Phase.SKIPPED, Phase.FAILED, Phase.NO_HELP, Phase.ESCALATED, Phase.KEPT, Phase.DRIFTED, Phase.DIAGNOSED)


def plan(row: Alarm | None, language: Language) -> str:
    """Return ``scale-consumers: automatic`` and its limits, or the stated reason why nothing is done."""
    if row is None:
        return w.FOREIGN.in_(language)
    if row.policies:
        lines = [_policy(policy, language) for policy in row.policies[:_SHOWN_POLICIES]]
        more = len(row.policies) - len(lines)
        return "\n".join([*lines, w.MORE.in_(language).format(count=more)] if more else lines)
    if row.no_action:
        return w.NOTHING_SAFE.in_(language).format(why=mrkdwn(row.no_action, 300))
    return w.NO_POLICY.in_(language)


def done(reports: Sequence[Report], language: Language) -> str:
    """Return the newest reports, oldest first, one line each."""
    newest = sorted(reports, key=lambda report: (report.at, report.id))[-SHOWN_REPORTS:]
    return "\n".join(_line(report, language) for report in newest)


def _line(report: Report, language: Language) -> str:
    line = f"{date(report.at)} {mrkdwn(report.headline.in_(language), 140)}"
    if is_user(report.by):
        line += f" · {person(report.by)}"
    why = naming(mrkdwn(report.why.in_(language), 140), report.by)
    return f"{line}: {why}" if why and report.phase in _WANTS_WHY else line


def _policy(policy: Policy, language: Language) -> str:
    line = f"{bold(policy.action, 80)}: {w.MODE[policy.mode].in_(language)}"
    bounds = "; ".join(_bounds(policy, language))
    return f"{line} ({bounds})" if bounds else line


def _bounds(policy: Policy, language: Language) -> Iterable[str]:
    if policy.limits:
        shown = ", ".join(_per(limit, language) for limit in policy.limits[:4])
        yield w.AT_MOST.in_(language).format(limits=shown)
    if policy.revert:
        after, latest = (span(seconds, language) for seconds in (policy.revert.after_ok_s, policy.revert.at_latest_s))
        yield w.GIVEN_BACK.in_(language).format(span=after, latest=latest)
    if policy.otherwise:
        steps = ", ".join(mrkdwn(step.action, 60) for step in policy.otherwise[:3])
        yield w.OTHERWISE.in_(language).format(steps=steps)


def _per(limit: Limit, language: Language) -> str:
    known = w.PER.get(limit.window_s)
    if known:
        return known.in_(language).format(count=limit.count)
    return w.PER_OTHER.in_(language).format(count=limit.count, span=span(limit.window_s, language))
