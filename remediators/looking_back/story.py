"""The story of one episode as the journal tells it: timeline, decisions with every guard, changes, people, follow-up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alarms.domain import readings
from alarms.domain.cause import Cause
from alarms.domain.event import iso
from alarms.domain.followup import checklist
from alarms.domain.text import Text
from remediators.evidence import Kept
from remediators.looking_back import story_words as words
from remediators.looking_back.chronicle import ENDED, NOTHING, RANG, SWEPT, Entry, in_order, moment, sentence, word
from remediators.looking_back.incidents import Incident, incident


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline. ``by`` is the Slack user id of who did it, "" when the engine did."""

    at: datetime
    what: Text
    why: Text = NOTHING
    by: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard's answer as it was given; ``passed`` is None when it could not be known or was not asked."""

    name: str
    passed: bool | None
    why: Text


@dataclass(frozen=True, slots=True)
class DecisionTold:
    """One decision with every guard's answer."""

    at: datetime
    action: str
    mode: str
    verdict: str
    reason: str
    why: Text
    guards: tuple[Guard, ...]


@dataclass(frozen=True, slots=True)
class ChangeTold:
    """One knob as it was moved, by which run, and AWS's ids of the requests. ``back`` marks what was given back."""

    at: datetime
    run: str
    action: str
    resource: str
    knob: str
    before: Any
    after: Any
    request_ids: tuple[str, ...]
    back: bool


@dataclass(frozen=True, slots=True)
class Story:
    """All of it. ``findings`` are the diagnosis' own lines, ``cause`` what it held for probable."""

    incident: Incident
    timeline: tuple[Moment, ...]
    decisions: tuple[DecisionTold, ...]
    changes: tuple[ChangeTold, ...]
    people: tuple[Moment, ...]
    findings: tuple[Text, ...]
    evidence: tuple[Kept, ...]
    cause: Cause

    @property
    def follow_up(self) -> tuple[Text, ...]:
        """What to do so that it does not come back."""
        return checklist(self.cause)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON document that `tocsin report --format json` prints."""
        return {
            "incident": self.incident.to_document(),
            "timeline": [_moment(each) for each in self.timeline],
            "decisions": [_decision(each) for each in self.decisions],
            "changes": [_change(each) for each in self.changes],
            "people": [_moment(each) for each in self.people],
            "findings": [line.to_document() for line in self.findings],
            "evidence": [
                {"reference": f"{self.incident.id}/{kept.reference}", "kind": kept.kind, "at": iso(kept.at), "cut": kept.cut}
                for kept in self.evidence
            ],
            "cause": self.cause.value,
            "follow_up": [line.to_document() for line in self.follow_up],
        }


def story(key: str, entries: Iterable[Entry], evidence: Sequence[Kept] = ()) -> Story:
    """Return the story of episode ``key`` as its ``entries`` tell it, whatever their order, repetitions and gaps."""
    its = in_order(list(entries))
    findings = _findings(its)
    return Story(
        incident=incident(key, [entry for entry in its if entry.get("episode") == key]),
        timeline=_timeline(its),
        decisions=_decisions(its),
        changes=_changes(its),
        people=tuple(each for each in _timeline(its) if each.by),
        findings=tuple(line for finding in findings for line in _lines(finding)),
        evidence=tuple(evidence),
        cause=_cause(findings, evidence),
    )


def runs_of(entries: Iterable[Entry]) -> list[str]:
    """Return the ids of the runs that ``entries`` name: clicks on them stand under those."""
    return list(dict.fromkeys(run for entry in entries if (run := word(entry, "run", 64))))


# --- timeline -------------------------------------------------------------------------------------------------------------


def _timeline(entries: list[Entry]) -> tuple[Moment, ...]:
    """Return what happened in order; what is said again word for word is counted where it was said first."""
    found: dict[tuple[str, str, str], Moment] = {}
    for entry in entries:
        told = _told(entry)
        if told is None:
            continue
        key = (told.what.en, told.why.en, told.by)
        known = found.get(key)
        found[key] = Moment(known.at, known.what, known.why, known.by, known.times + 1) if known else told
    return tuple(sorted(found.values(), key=lambda each: each.at))


def _told(entry: Entry) -> Moment | None:
    at, tell = moment(entry), _TELLERS.get(word(entry, "type"))
    return tell(entry, at) if at is not None and tell is not None else None


def _rang(entry: Entry, at: datetime) -> Moment:
    what = words.rang(word(entry, "condition"), readings.number(entry.get("value")))
    return Moment(moment(entry, "started_at") or at, what)


def _ended(entry: Entry, at: datetime) -> Moment:
    return Moment(moment(entry, "ended_at") or at, words.ended(word(entry, "ending")))


def _decided(entry: Entry, at: datetime) -> Moment:
    what = words.decided(word(entry, "action", 80), word(entry, "verdict"), word(entry, "reason"))
    return Moment(at, what, sentence(entry.get("why")))


def _spoke(entry: Entry, at: datetime) -> Moment:
    what = words.phase(word(entry, "action", 80), word(entry, "phase"), word(entry, "reason"))
    return Moment(at, what, sentence(entry.get("why")), word(entry, "by", 64))


def _clicked(entry: Entry, at: datetime) -> Moment:
    return Moment(at, words.clicked(word(entry, "kind")), by=word(entry, "by", 64))


def _untold(entry: Entry, at: datetime) -> Moment:
    return Moment(at, words.UNTOLD, Text(word(entry, "why"), word(entry, "why")))


def _swept(entry: Entry, at: datetime) -> Moment:
    return Moment(at, words.swept(word(entry, "about")), sentence(entry.get("why")))


_TELLERS: Mapping[str, Callable[[Entry, datetime], Moment]] = {
    RANG: _rang,
    ENDED: _ended,
    SWEPT: _swept,
    "decision": _decided,
    "action": _spoke,
    "revert": _spoke,
    "episode": _spoke,
    "click": _clicked,
    "untold": _untold,
}


# --- decisions and changes ------------------------------------------------------------------------------------------------


def _decisions(entries: list[Entry]) -> tuple[DecisionTold, ...]:
    """Return each different decision once, at its first time."""
    found: dict[tuple[object, ...], DecisionTold] = {}
    for entry in entries:
        at = moment(entry)
        if entry.get("type") != "decision" or at is None:
            continue
        told = DecisionTold(
            at=at,
            action=word(entry, "action", 80),
            mode=word(entry, "mode", 20),
            verdict=word(entry, "verdict", 20),
            reason=word(entry, "reason", 40),
            why=sentence(entry.get("why")),
            guards=tuple(_guard(item) for item in readings.rows(entry.get("guards"))),
        )
        found.setdefault((told.action, told.verdict, told.reason, told.why, told.guards), told)
    return tuple(found.values())


def _guard(item: object) -> Guard:
    read = readings.table(item)
    passed = read.get("passed")
    return Guard(readings.text(read.get("guard"), 40), passed if isinstance(passed, bool) else None, sentence(read.get("why")))


def _changes(entries: list[Entry]) -> tuple[ChangeTold, ...]:
    """Return what was moved and what was moved back, each once; where AWS's ids were told later, with them."""
    found: dict[tuple[object, ...], ChangeTold] = {}
    for entry in entries:
        phase, at = entry.get("phase"), moment(entry)
        if phase not in ("acted", "reverted") or at is None:
            continue
        ids = tuple(text for item in readings.rows(entry.get("request_ids")) if (text := readings.text(item, 100)))
        for item in readings.rows(entry.get("changes")):
            read = readings.table(item)
            told = ChangeTold(
                at=at,
                run=word(entry, "run", 64),
                action=word(entry, "action", 80),
                resource=readings.text(read.get("resource"), 300),
                knob=readings.text(read.get("knob"), 100),
                before=read.get("before"),
                after=read.get("after"),
                request_ids=ids,
                back=phase == "reverted",
            )
            key = (told.run, told.back, told.resource, told.knob, str(told.before), str(told.after))
            if key not in found or (ids and not found[key].request_ids):
                found[key] = told
    return tuple(found.values())


# --- what was found -------------------------------------------------------------------------------------------------------


def _findings(entries: list[Entry]) -> list[Entry]:
    """Return the newest diagnosis, if there is one."""
    return [entry for entry in entries if entry.get("phase") == "diagnosed"][-1:]


def _lines(finding: Entry) -> tuple[Text, ...]:
    lines = (sentence(item) for item in readings.rows(finding.get("lines")))
    return tuple(line for line in (sentence(finding.get("why")), *lines) if line.en)


def _cause(findings: Sequence[Entry], evidence: Sequence[Kept]) -> Cause:
    """Return the cause that the kept diagnosis names; when that has expired, the one whose name the diagnosis said."""
    for kept in reversed(evidence):
        named = Cause.read(kept.document.get("cause")) if isinstance(kept.document, Mapping) else Cause.UNKNOWN
        if named is not Cause.UNKNOWN:
            return named
    said = " ".join(sentence(finding.get("why")).en for finding in findings)
    return next((cause for cause in Cause if cause is not Cause.UNKNOWN and cause.label.en in said), Cause.UNKNOWN)


def _moment(told: Moment) -> dict[str, Any]:
    return {
        "at": iso(told.at),
        "what": told.what.to_document(),
        "why": told.why.to_document(),
        "by": told.by,
        "times": told.times,
    }


def _decision(told: DecisionTold) -> dict[str, Any]:
    guards = [{"guard": each.name, "passed": each.passed, "why": each.why.to_document()} for each in told.guards]
    return {
        "at": iso(told.at),
        "action": told.action,
        "mode": told.mode,
        "verdict": told.verdict,
        "reason": told.reason,
        "why": told.why.to_document(),
        "guards": guards,
    }


def _change(told: ChangeTold) -> dict[str, Any]:
    return {
        "at": iso(told.at),
        "run": told.run,
        "action": told.action,
        "resource": told.resource,
        "knob": told.knob,
        "before": told.before,
        "after": told.after,
        "request_ids": list(told.request_ids),
        "back": told.back,
    }
