"""Tells people of one event or report, or lets them silence it: gather, decide (pure), then post, edit or reply under a lease.

Whoever records a transition re-reads the timeline before it claims, and a claim holds only for the revision that was
read: so the last one to speak has seen everything that was recorded before, in whatever order messages came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from alarms.domain.alarm import Alarm
from alarms.domain.command import Command
from alarms.domain.event import AlarmEvent, State
from alarms.domain.report import Report
from alarms.domain.text import Language
from notifier import render, route
from notifier.message import Message
from notifier.ports import Busy, Rows, Slack, Threads
from notifier.record import Pointer, Thread, Timeline, with_report, with_silence
from notifier.route import Decision, Drop, Post, Quiet, Reply, Update, Wait
from notifier.speech import Speech
from notifier.standing import Silence
from notifier.thread import ending_key, ending_reply, plain_report, report_key, report_reply
from notifier.timeline import Incident, incident_at, incident_of, incidents, item_key

_TRIES = 3  # reads of a timeline that others keep changing, before the queue takes the record back
_BUSY_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What the notifier works with. ``owner`` names this delivery in leases."""

    threads: Threads
    rows: Rows
    slack: Slack
    default_channel: str
    language: Language
    owner: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one message, for the log. ``did`` is posted, updated, replied, dropped; ``reason`` names a "no".

    ``changed_at``: of a transition, when it was.
    """

    did: str
    subject: str = ""
    episode: str = ""
    reason: str = ""
    channel: str = ""
    ts: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """One incident as read at one moment, and how it would look now. ``thread`` holds the news, ``new`` if it was any."""

    timeline: Timeline
    known: Incident | None
    row: Alarm | None
    thread: Thread
    message: Message | None
    new: bool = False


@dataclass(frozen=True, slots=True)
class _Question:
    """Which incident of a subject is meant, what to decide about it, and the news: a report or a silence, or neither."""

    subject: str
    at: datetime
    find: Callable[[tuple[AlarmEvent, ...]], Incident | None]
    decide: Callable[[_Case], Decision]
    news: Report | Silence | None = None

    def turned(self, thread: Thread) -> Thread:
        """Return ``thread`` as it will be once the news is part of it."""
        if isinstance(self.news, Report):
            return with_report(thread, self.news)
        return with_silence(thread, self.news) if self.news else thread


def event(said: AlarmEvent, desk: Desk, now: datetime) -> Outcome:
    """Tell of one transition. Retryable and Permanent mean that the record goes back to the queue."""
    seen = not desk.threads.record(said, now)

    def decide(case: _Case) -> Decision:
        return route.for_event(said, case.known, case.thread, _digest(case), seen=seen)

    find = partial(incident_of, event=said)
    outcome, timeline = _settle(desk, _Question(said.subject_key, said.changed_at, find, decide), now)
    if said.state is State.ALARM:
        _close_unseen(desk, timeline, said, now)
    return replace(outcome, changed_at=said.changed_at)


def report(said: Report, desk: Desk, now: datetime, receives: int) -> Outcome:
    """Tell of one report of remediation; it waits for its incident, not for ever."""

    def decide(case: _Case) -> Decision:
        return route.for_report(said, case.thread, _digest(case)) if case.known else Drop(Quiet.NO_INCIDENT)

    at = said.episode.started_at
    question = _Question(said.episode.subject, at, partial(incident_at, started_at=at), decide, said)
    outcome, _ = _settle(desk, question, now)
    return outcome if outcome.episode else _stray(said, desk, now, receives)


def silence(said: Command, desk: Desk, now: datetime) -> Outcome:
    """Silence an incident or let it speak again, as a person asked by a button."""
    pointer = desk.threads.pointer(said.subject)
    if pointer is None:
        return Outcome("dropped", episode=said.subject, reason=Quiet.NO_EPISODE.value)

    def decide(case: _Case) -> Decision:
        if case.known is None:
            return Drop(Quiet.NO_EPISODE)
        if not case.thread.ts:  # pressed on a message whose post we were not told of
            raise Busy(f"the message of {pointer.episode.id} is not known yet", 4 * _BUSY_AGAIN_S)
        return route.for_silence(new=case.new)

    at = pointer.episode.started_at
    question = _Question(pointer.episode.subject, at, partial(incident_at, started_at=at), decide, Silence.of(said))
    return _settle(desk, question, now)[0]


def _settle(desk: Desk, question: _Question, now: datetime) -> tuple[Outcome, Timeline]:
    """Read, decide and, unless there is nothing to say, claim and speak; read again when someone else spoke meanwhile."""
    for _ in range(_TRIES):
        case = _gather(desk, question, now)
        decision = question.decide(case)
        if isinstance(decision, Drop) or case.known is None:
            return _silent(case, decision), case.timeline
        if case.thread.busy_until > now.timestamp():
            break
        doing = "post" if isinstance(decision, Post) else (*decision.replies, "update")[0]
        if desk.threads.claim(case.thread, owner=desk.owner, doing=doing, now=now):
            return _speak(desk, case, case.known, decision, now, question.news), case.timeline
    raise Busy(f"another delivery is telling of {question.subject}", _BUSY_AGAIN_S)


def _gather(desk: Desk, question: _Question, now: datetime) -> _Case:
    timeline = desk.threads.around(question.subject, question.at)
    known = question.find(timeline.events)
    if known is None:
        return _Case(timeline, None, None, Thread(timeline.subject, ""), None)
    kept = timeline.thread([item_key(alarm) for alarm in known.alarms])
    thread = question.turned(kept)
    row = desk.rows.row(known.alarm.alarm_key, thread.row_digest)
    return _Case(timeline, known, row, thread, _message(desk, known, row, thread, now), thread is not kept)


def _message(desk: Desk, known: Incident, row: Alarm | None, thread: Thread, now: datetime) -> Message:
    return render.incident(
        known.last,
        row,
        channel=thread.channel or route.channel(row, desk.default_channel),
        language=desk.language,
        known=known,
        thread=thread,
        now=now,
    )


def _digest(case: _Case) -> str:
    return case.message.digest if case.message else ""


def _silent(case: _Case, decision: Decision) -> Outcome:
    reason = decision.reason.value if isinstance(decision, Drop) else ""
    episode = case.known.episode.id if case.known else ""
    return Outcome("dropped", case.timeline.subject, episode, reason, case.thread.channel, case.thread.ts)


def _speak(
    desk: Desk, case: _Case, known: Incident, decision: Post | Update | Reply, now: datetime, news: Report | Silence | None
) -> Outcome:
    """Apply a decision under the lease that is held; what was reached is stored even when a later step fails."""
    speech = Speech(desk.slack, desk.threads, case.thread, desk.owner, now)
    language = case.row.language if case.row else desk.language
    muted = case.thread.silence is not None and case.thread.silence.holds(now)
    try:
        speech.about(case.row, Pointer(known.episode, known.alarm.alarm_key))
        speech.show(
            lambda thread: _message(desk, known, case.row, thread, now),
            fallback=desk.default_channel,
            language=language,
            since=known.opened.changed_at,
        )
        if isinstance(decision, Post) and known.ending:
            speech.told(ending_key(known))  # the message itself says so: a reply would say it twice
        for key in decision.replies:
            if muted:
                speech.told(key)
            else:
                speech.reply(key, partial(_reply, key, known, case.row, news, language))
    finally:
        speech.close()
    did = {Post: "posted", Update: "updated", Reply: "dropped" if muted else "replied"}[type(decision)]
    reason = Quiet.MUTED.value if muted and decision.replies else ""
    return Outcome(did, case.timeline.subject, known.episode.id, reason, speech.thread.channel, speech.thread.ts)


def _reply(
    key: str, known: Incident, row: Alarm | None, news: Report | Silence | None, language: Language, thread: Thread
) -> Message:
    if isinstance(news, Report) and key == report_key(news):
        return report_reply(news, channel=thread.channel, thread_ts=thread.ts, language=language)
    return ending_reply(known, row, channel=thread.channel, thread_ts=thread.ts, language=language)


def _close_unseen(desk: Desk, timeline: Timeline, said: AlarmEvent, now: datetime) -> None:
    """Turn the incident before ``said`` grey when nothing ever said that it ended; its own delivery may do so first."""
    before = [known for known in incidents(timeline.events) if known.opened.changed_at < said.changed_at]
    last = next((known for known in reversed(before) if not known.holds(said)), None)
    if last is None or not last.unseen_end:
        return

    def decide(case: _Case) -> Decision:
        stale = case.known and case.known.unseen_end and case.thread.ts and case.thread.digest != _digest(case)
        return Update() if stale else Drop(Quiet.UNCHANGED)

    try:
        _settle(desk, _Question(timeline.subject, said.changed_at, partial(incident_of, event=last.opened), decide), now)
    except Busy:
        return


def _stray(said: Report, desk: Desk, now: datetime, receives: int) -> Outcome:
    """Show a report whose incident never came, once; before that, let the queue bring it back."""
    decision = route.for_stray(said, now=now, receives=receives)
    if isinstance(decision, Wait):
        raise Busy(decision.why, 4 * _BUSY_AGAIN_S)
    return _show_stray(said, desk, desk.threads.stray(said.episode.subject, report_key(said), now), now)


def _show_stray(said: Report, desk: Desk, thread: Thread, now: datetime) -> Outcome:
    subject = said.episode.subject
    if thread.ts:
        return Outcome("dropped", subject, said.episode.id, Quiet.REPORT_SHOWN.value, thread.channel, thread.ts)
    if thread.busy_until > now.timestamp() or not desk.threads.claim(thread, owner=desk.owner, doing="post", now=now):
        raise Busy(f"another delivery is telling of {subject}", _BUSY_AGAIN_S)
    row = desk.rows.row("/".join([*subject.split("/")[:2], said.alarm_name]), said.row_digest)
    language = row.language if row else desk.language
    speech = Speech(desk.slack, desk.threads, thread, desk.owner, now)
    try:
        speech.show(
            lambda kept: plain_report(
                said, channel=kept.channel or route.channel(row, desk.default_channel), note=kept.note, language=language
            ),
            fallback=desk.default_channel,
            language=language,
            since=said.at,
        )
    finally:
        speech.close()
    return Outcome("posted", subject, said.episode.id, "without-incident", speech.thread.channel, speech.thread.ts)
