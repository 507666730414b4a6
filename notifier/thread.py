"""Replies in an incident's thread: what remediation reports, how the incident ended. An edit notifies nobody, a reply does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from alarms.domain.alarm import Alarm
from alarms.domain.decision import Change, Value
from alarms.domain.event import iso
from alarms.domain.report import Phase, Report
from alarms.domain.text import Language
from notifier import words as w
from notifier.escape import bold, code, mrkdwn, naming, person, plain
from notifier.message import Block, Message, columns, context, date, header, mark, section
from notifier.render import headline, state
from notifier.timeline import Incident

EVENT_TYPE = "tocsin_reply"
_WHO = {
    Phase.APPROVED: w.APPROVED_BY,
    Phase.ACTED: w.APPROVED_BY,
    Phase.FAILED: w.APPROVED_BY,
    Phase.DENIED: w.DENIED_BY,
}
_PEOPLE = 5
_LINE = 400  # characters of one finding
_SECTION = 2_900  # of one section's text, of which Slack takes 3,000
_ROOM = 12_000  # characters of JSON: all blocks of a message have a limit together
_GUARDS_EXPLAIN = (Phase.SKIPPED, Phase.OBSERVED, Phase.PROPOSED)


def report_key(report: Report) -> str:
    """Return the name by which a thread remembers that ``report`` was shown."""
    return f"report:{report.id}"


def ending_key(known: Incident) -> str:
    """Return the name by which a thread remembers that this ending was told."""
    return f"ending:{iso(known.last.changed_at)}:{known.last.state.value}"


def report_reply(report: Report, *, channel: str, thread_ts: str, language: Language) -> Message:
    """Return the thread reply for one report of remediation."""
    paragraph, rest = section(_paragraph(report, language)), [*_changes(report, language), *_small(report, language)]
    room = _ROOM - len(json.dumps([paragraph, rest], ensure_ascii=False)) if report.lines else 0
    blocks = [paragraph, *_findings(report, language, room), *rest]
    return Message(
        channel=channel,
        text=mrkdwn(report.headline.in_(language), 300),
        blocks=tuple(blocks),
        metadata=_metadata(report_key(report)),
        thread_ts=thread_ts,
    )


def ending_reply(known: Incident, row: Alarm | None, *, channel: str, thread_ts: str, language: Language) -> Message:
    """Return the thread reply that tells followers how the incident ended."""
    speaks = row.language if row else language
    said = state(known, speaks)
    return Message(
        channel=channel,
        text=mrkdwn(f"{headline(known, row, speaks)} · {said}", 400),
        blocks=(section(said), context(mark(date(known.last.changed_at)))),
        metadata=_metadata(ending_key(known)),
        thread_ts=thread_ts,
    )


def plain_report(report: Report, *, channel: str, note: str, language: Language) -> Message:
    """Return a report as a message of its own: its incident's message never came."""
    lead = plain(report.headline.in_(language), 140)
    reply = report_reply(report, channel=channel, thread_ts="", language=language)
    late = context(*(mark(text) for text in (code(report.alarm_name, 255), w.LATE_REPORT.in_(language), note) if text))
    return Message(channel, mrkdwn(lead, 300), (header(lead), *reply.blocks, late), metadata=reply.metadata)


def _metadata(key: str) -> Block:
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}


def _paragraph(report: Report, language: Language) -> str:
    lines = [bold(report.headline.in_(language), 400)]
    if (why := report.why.in_(language)) and why != report.headline.in_(language):
        lines.append(naming(mrkdwn(why, 900), report.by))
    return "\n".join(lines)


def _findings(report: Report, language: Language, room: int) -> Iterable[Block]:
    """Return what was found as a list, as far as ``room`` characters of JSON go, and how many lines were left out."""
    lines = [f"• {line}" for text in report.lines if (line := mrkdwn(text.in_(language), _LINE))]
    fitting = 0
    for line in lines:
        room -= len(json.dumps(line, ensure_ascii=False))
        fitting += room >= 0
    left = len(lines) - fitting
    shown = [*lines[:fitting], w.MORE.in_(language).format(count=left)] if left else lines
    for part in _parts(shown):
        yield section("\n".join(part))


def _parts(lines: Sequence[str]) -> list[list[str]]:
    """Return the lines in as few groups as a section's text has room for."""
    parts: list[list[str]] = []
    room = 0
    for line in lines:
        length = len(line.encode("utf-16-le")) // 2 + 1
        if length > room:
            parts.append([])
            room = _SECTION
        parts[-1].append(line)
        room -= length
    return parts


def _changes(report: Report, language: Language) -> Iterable[Block]:
    """Return before and after of each knob, at most eight."""
    if report.changes:
        yield columns([(_knob(change), _moved(change, language)) for change in report.changes[:8]])


def _knob(change: Change) -> str:
    return mrkdwn(change.knob.replace("*", "∗"), 80)


def _moved(change: Change, language: Language) -> str:
    before, after = (_figure(value, language) for value in (change.before, change.after))
    return f"{before} → {after}\n{code(change.resource, 200)}"


def _figure(value: Value, language: Language) -> str:
    return w.NOT_SET.in_(language) if value is None else mrkdwn(str(value), 100)


def _small(report: Report, language: Language) -> Iterable[Block]:
    """Return the small print: action and mode, who decided, the guard that said no, when it goes on."""
    parts = [code(report.action, 80), mrkdwn(report.mode, 20), mrkdwn(report.reason, 60), date(report.at)]
    said = [" · ".join(part for part in parts if part), *_decided(report, language), *_refused(report, language)]
    if report.next_at:
        said.append(w.NEXT.in_(language).format(at=date(report.next_at)))
    said.append(_identity(report, language))
    yield context(*(mark(text) for text in said if text))


def _identity(report: Report, language: Language) -> str:
    """Return which episode a report is about and which version of its row it was decided by."""
    parts = [w.EPISODE.in_(language).format(episode=report.episode.id)]
    if report.row_digest:
        parts.append(w.VERSION.in_(language).format(digest=mrkdwn(report.row_digest, 16)))
    return ", ".join(parts)


def _decided(report: Report, language: Language) -> Iterable[str]:
    """Return who may decide, or who did."""
    by, until = person(report.by), date(report.until) if report.until else ""
    if report.phase is Phase.ASKED:
        users = ", ".join(map(person, report.approvers[:_PEOPLE])) or w.NOBODY.in_(language)
        ends = [w.UNTIL.in_(language).format(at=until)] if until else []
        yield " · ".join([w.MAY_APPROVE.in_(language).format(users=users), *ends])
        yield w.DECIDE_ABOVE.in_(language)
    elif report.phase is Phase.HELD and by:
        said = w.HELD_BY if until else w.RELEASED_BY
        yield said.in_(language).format(by=by, at=until)
    elif by:
        yield _WHO.get(report.phase, w.ASKED_BY).in_(language).format(by=by)
    if report.phase is Phase.APPROVED and report.needed > 1:
        yield w.APPROVED_OF.in_(language).format(count=len(set(report.approvals)) or 1, needed=report.needed)


def _refused(report: Report, language: Language) -> Iterable[str]:
    if report.phase not in _GUARDS_EXPLAIN:
        return
    for answer in report.answers:
        if answer.passed is False:
            yield f"{w.GUARD_REFUSED.in_(language)} {code(answer.guard, 60)}: {mrkdwn(answer.why.in_(language), 300)}"
            return
