"""The incident's one live message: what, where, how bad, since when, what was done. Pure; all text from outside is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from alarms.domain.alarm import Alarm, Severity
from alarms.domain.event import AlarmEvent, Shape, State
from alarms.domain.incident import Ending
from alarms.domain.report import Report
from alarms.domain.text import Language
from notifier import buttons
from notifier import words as w
from notifier.buttons import Panel
from notifier.escape import bold, code, link, mrkdwn, plain
from notifier.figures import against, duration, limit_alone, measured, span
from notifier.links import alarm_page, region_of, resource_page
from notifier.message import Block, Message, coloured, columns, context, date, header, mark, section, words
from notifier.record import Thread
from notifier.remedy import done, plan
from notifier.standing import standing
from notifier.timeline import Incident

EVENT_TYPE = "tocsin_incident"  # Slack message metadata: finds the message when a post's outcome was lost
COLOURS = {Severity.CRITICAL: "#d92d20", Severity.WARNING: "#f5a524", Severity.INFO: "#2e90fa"}
UNRATED_COLOUR = COLOURS[Severity.WARNING]
GREEN = "#12b76a"
GREY = "#98a2b3"
_ROOM = 12_300  # characters of JSON: Slack refuses somewhat more, and the header takes some
_FACTS, _DETAILS, _PLAN, _DONE, _LINKS = 1, 3, 4, 5, 7  # places in the message of what may make way
LOCK_SCREEN = 80  # what a locked phone shows of a notification


def incident(
    event: AlarmEvent,
    row: Alarm | None,
    *,
    channel: str,
    language: Language = Language.EN,
    known: Incident | None = None,
    thread: Thread | None = None,
    now: datetime | None = None,
) -> Message:
    """Return the message of the incident that ``event`` belongs to.

    ``row`` is the alarm's catalogue row (None for an alarm that is not ours) and its language wins over ``language``.
    ``known`` is all that is known of the incident; without it the message says what ``event`` alone allows. ``thread`` is
    what was said of it so far: reports, who silenced it, a remark. ``now`` (the transition's time where it is not given)
    decides which questions and holds still stand.
    """
    speaks = row.language if row else language
    known = known or alone(event)
    thread = thread or Thread(event.subject_key, "")
    panel = _panel(known, row, speaks, thread, now or known.last.changed_at)
    lead = headline(known, row, speaks)
    said = f"{lead} · {plain(_title(known, row), 150)}" if row or known.last.description else lead
    blocks = _fitted(
        [
            [_what(known, row, speaks)],
            [columns(_facts(known, row, speaks))],
            list(buttons.question(panel)),
            list(_details(known, row, speaks)),
            list(_remediation(known, row, speaks)),
            list(_done(thread.reports, speaks)),
            list(buttons.undoable(panel)),
            list(_links(known, row, speaks)),
            [*buttons.stops(panel), _footer(known, row, speaks, thread.note)],
        ]
    )
    return Message(
        channel=channel,
        text=mrkdwn(said, 300),
        blocks=(header(lead),),
        attachments=(coloured(colour(known, row), plain(said, 300), blocks),),
        metadata={"event_type": EVENT_TYPE, "event_payload": {"episode": known.episode.id}},
    )


def _panel(known: Incident, row: Alarm | None, language: Language, thread: Thread, now: datetime) -> Panel:
    """Return what the buttons depend on. An end that nobody is sure of leaves the incident open to be held or silenced."""
    over = known.unseen_end or known.ending in (Ending.RECOVERED, Ending.NO_DATA_OK)
    return Panel(
        episode=known.episode.id,
        edit=str(thread.revision),
        standing=standing(thread.reports, now),
        silence=thread.silence,
        open=not over,
        automated=row is not None and bool(row.policies),
        now=now,
        language=language,
    )


def alone(event: AlarmEvent) -> Incident:
    """Return the incident as one event by itself tells it; an ending without its beginning has no known start."""
    return Incident((event,)) if event.state is State.ALARM else Incident((event,), (event,))


def headline(known: Incident, row: Alarm | None, language: Language) -> str:
    """Return severity, stage, service, value against threshold: the first ~80 characters that a locked phone shows."""
    loud = w.SEVERITY[row.severity] if row else w.UNRATED
    ended = w.ENDED[known.ending] if known.ending else w.SUPERSEDED_SHORT if known.unseen_end else None
    first = loud.in_(language) + (f" {ended.in_(language)}" if ended else "")
    figures = plain(against(known.last, row, language), 48)
    room = max(12, LOCK_SCREEN - len(first) - len(figures) - 9)
    return plain(" · ".join((first, *_where(known.last, row, room), figures)), 150)


def colour(known: Incident, row: Alarm | None) -> str:
    """Return the bar's colour: severity while it rings, green for a recovery only, grey for every other ending."""
    if known.ending is Ending.RECOVERED:
        return GREEN
    if known.ending or known.unseen_end:
        return GREY
    return COLOURS[row.severity] if row else UNRATED_COLOUR


def _where(event: AlarmEvent, row: Alarm | None, room: int) -> tuple[str, ...]:
    """Return stage and service, or for a foreign alarm its name; never wider than ``room``."""
    series = _series(event)
    room -= sum(len(part) + 3 for part in series)
    if not row:
        return plain(event.alarm_name, max(room, 24)), *series
    stage = plain(row.stage, 16)
    return stage, plain(row.service or row.component, max(room - len(stage), 12)), *series


def _series(event: AlarmEvent) -> tuple[str, ...]:
    """Return what tells a contributor's message from its sister's: the first attribute's value, else its id."""
    if event.contributor is None:
        return ()
    return (plain(next(iter(event.contributor.attributes.values()), "") or event.contributor.id, 20),)


def _title(known: Incident, row: Alarm | None) -> str:
    return row.title if row else known.last.description or known.last.alarm_name


def _what(known: Incident, row: Alarm | None, language: Language) -> Block:
    """Return the title, and under it what is measured and for how long."""
    event = known.alarm
    lines = [bold(_title(known, row), 200) or code(event.alarm_name, 200)]
    if row:
        lines.append(f"{mrkdwn(row.condition.metric, 160)} {mrkdwn(row.condition.text, 160)}, {sustained(row, language)}")
    elif watched(event):
        lines.append(mrkdwn(watched(event), 300))
    return section("\n".join(lines))


def sustained(row: Alarm, language: Language) -> str:
    """Return ``for 15 min``, or ``3 of 5 points of 1 min`` where not every point must breach."""
    n, m = row.evaluation_periods, row.datapoints_to_alarm
    if m == n:
        return w.FOR_ALL.in_(language).format(span=span(n * row.period_s, language))
    return w.FOR_POINTS.in_(language).format(m=m, n=n, period=span(row.period_s, language))


def watched(event: AlarmEvent) -> str:
    """Return what a foreign alarm watches, as far as its message says."""
    trigger = event.trigger
    if trigger.metric:
        return " ".join(part for part in (trigger.namespace, trigger.metric, trigger.statistic) if part)
    inputs = ", ".join(trigger.metrics[:5])
    return " · ".join(part for part in (trigger.expression, inputs) if part)


def _facts(known: Incident, row: Alarm | None, language: Language) -> list[tuple[str, str]]:
    """Return the two-column fields, most wanted first."""
    event = known.last
    facts = [(w.STATE_LABEL, state(known, language)), (w.SINCE, _since(known, language))]
    if event.shape is not Shape.COMPOSITE:
        edge = limit_alone(known.alarm, row, language)
        if edge or event.no_data or event.value is not None:
            facts += [(w.VALUE, mrkdwn(measured(event, row, language), 80)), (w.LIMIT, mrkdwn(edge or "—", 120))]
    if target := _pairs(row.target if row else event.trigger.dimensions or {}):
        facts.append((w.TARGET, target))
    if event.contributor:
        facts.append((w.CONTRIBUTOR, _pairs(event.contributor.attributes) or code(event.contributor.id, 60)))
    if row and row.owner:
        facts.append((w.OWNER, mrkdwn(row.owner, 80)))
    return [(label.in_(language), value) for label, value in facts]


def state(known: Incident, language: Language) -> str:
    """Return the state in a sentence that does not promise more than is known."""
    if known.unseen_end:
        return w.SUPERSEDED.in_(language)
    if not known.ending:
        return w.STATE_IN_ALARM.in_(language)
    said = w.STATE[known.ending].in_(language)
    if known.lasted is None:
        return said
    lasted = duration(known.lasted, language)
    if known.ending is Ending.RECOVERED:
        return w.RESOLVED_AFTER.in_(language).format(span=lasted)
    return f"{said}\n{w.ENDED_AFTER.in_(language).format(span=lasted)}"


def _since(known: Incident, language: Language) -> str:
    """Return when it began and, once over, when it ended."""
    if known.opened.state is not State.ALARM:
        began = w.START_UNKNOWN.in_(language)
    elif known.opened.changed_at_known:
        began = date(known.opened.changed_at)
    else:
        began = w.TIME_UNKNOWN.in_(language).format(at=date(known.opened.changed_at))
    return f"{began} → {date(known.last.changed_at)}" if known.after else began


def _details(known: Incident, row: Alarm | None, language: Language) -> Iterable[Block]:
    """Return what only some shapes have: a composite's children and rule; then CloudWatch's own words, small and unparsed."""
    event = known.last
    if event.shape is Shape.COMPOSITE:
        yield from _composite(event, language)
    if row is None and event.description and event.description != _title(known, row):
        yield context(words(plain(event.description, 300)))
    if event.reason:
        yield context(words(plain(w.REASON.in_(language).format(reason=event.reason), 450)))


def _composite(event: AlarmEvent, language: Language) -> Iterable[Block]:
    if event.children:
        shown = [code(child, 100) for child in event.children[:5]]
        more = len(event.children) - len(shown)
        tail = [w.MORE.in_(language).format(count=more)] if more else []
        yield section("\n".join([f"*{w.CHILDREN.in_(language)}*", *shown, *tail]))
    if event.trigger.alarm_rule:
        yield section(f"*{w.RULE.in_(language)}*\n{code(event.trigger.alarm_rule, 400)}")


def _remediation(known: Incident, row: Alarm | None, language: Language) -> Iterable[Block]:
    """Return what remediation will do about it."""
    if known.opened.state is State.ALARM or row:
        yield section(f"*{w.REMEDIATION.in_(language)}*\n{plan(row, language)}")


def _done(reports: Sequence[Report], language: Language) -> Iterable[Block]:
    """Return what remediation did so far."""
    if reports:
        yield section(f"*{w.DONE.in_(language)}*\n{done(reports, language)}")


def _fitted(parts: list[list[Block]]) -> list[Block]:
    """Return the parts as one list; where Slack has no room for all of them, the least needed make way for the buttons."""
    leaving = [part for part in (parts[_DETAILS], parts[_PLAN], parts[_LINKS], parts[_DONE], parts[_FACTS]) if part]
    while leaving and len(json.dumps(parts, ensure_ascii=False)) > _ROOM:
        leaving.pop(0).clear()
    return [block for part in parts for block in part]


def _links(known: Incident, row: Alarm | None, language: Language) -> Iterable[Block]:
    """Return the links as mrkdwn: buttons are for what changes something."""
    event = known.last
    pairs = [
        (row.runbook_url if row else "", w.RUNBOOK),
        (alarm_page(event, row), w.ALARM_PAGE),
        (resource_page(event, row), w.RESOURCE_PAGE),
    ]
    shown = [link(url, label.in_(language)) for url, label in pairs if url]
    if row and row.runbook and not row.runbook_url:
        shown.insert(0, f"{w.RUNBOOK.in_(language)} {code(row.runbook, 200)}")
    if shown:
        yield section("  ·  ".join(shown))


def _footer(known: Incident, row: Alarm | None, language: Language, note: str) -> Block:
    """Return identity: row, alarm name, account and region, episode; and what held the alarm's own actions back."""
    event = known.last
    place = " ".join(part for part in (mrkdwn(event.account, 40), region_of(event, row)) if part)
    parts = [code(event.alarm_name, 255), place, w.EPISODE.in_(language).format(episode=known.episode.id)]
    if row:
        parts.insert(0, f"{w.ROW.in_(language)} {code(row.row, 120)}")
    said = [" · ".join(part for part in parts if part), *_held(event, language), note]
    return context(*[mark(text) for text in said if text] or [mark("")])


def _held(event: AlarmEvent, language: Language) -> Iterable[str]:
    if event.suppressed_by:
        yield w.SUPPRESSED.in_(language).format(by=code(event.suppressed_by, 100))
    if event.muted:
        yield w.MUTED.in_(language)
    if event.after_mute:
        yield w.AFTER_MUTE.in_(language)


def _pairs(pairs: Mapping[str, str]) -> str:
    """Return dimensions as ``QueueName `image-jobs``` lines, at most four."""
    items = list(pairs.items())
    shown = [f"{mrkdwn(name, 50)} {code(value, 90)}".rstrip() for name, value in items[:4]]
    return "\n".join([*shown, "…"] if len(items) > 4 else shown)
