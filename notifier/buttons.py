"""The buttons of an incident's live message, and what is said beside them: what exactly would be done, by whom, until when.

A button carries an opaque id (of a run or an episode) and nothing that decides what is done. Its block's id is new with
every edit, so that two clicks on one picture are one command.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alarms.domain.command import LONGEST, CommandKind
from alarms.domain.decision import Change, Value
from alarms.domain.report import Report
from alarms.domain.text import Language
from notifier import words as w
from notifier.escape import code, mrkdwn, person, plain
from notifier.message import Block, actions, button, context, date, dialog, mark, section
from notifier.standing import Silence, Standing

_PREFIX = "tocsin."
_SHOWN_CHANGES = 6  # of a question; beside Undo now, whose dialog says them again
_SHOWN_BESIDE = 1
_SHOWN_PEOPLE = 5
_CONFIRM, _CONFIRM_UNDO = 300, 200  # Slack's limit on a dialog's text; several changes may be out at once
_KINDS = {f"{_PREFIX}{kind.value}": kind for kind in CommandKind}


@dataclass(frozen=True, slots=True)
class Panel:
    """What the buttons of one edit depend on. ``edit`` names it, ``held`` and ``open`` say which stops are offered."""

    episode: str
    edit: str
    standing: Standing
    silence: Silence | None
    open: bool
    automated: bool
    now: datetime
    language: Language

    @property
    def silent(self) -> bool:
        """Tell whether people are silenced now."""
        return self.silence is not None and self.silence.holds(self.now)


def action_id(kind: CommandKind) -> str:
    """Return the stable action_id of a button."""
    return f"{_PREFIX}{kind.value}"


def kind_of(action: str) -> CommandKind | None:
    """Return what the button with this action_id asks for; None for any other element."""
    return _KINDS.get(action)


def opaque(ident: str) -> bool:
    """Tell whether ``ident`` is an id as we make them: short, ASCII, nothing to parse."""
    return 0 < len(ident) <= LONGEST and ident.isascii() and ident.replace("-", "").replace("_", "").isalnum()


def question(panel: Panel) -> Iterable[Block]:
    """Return what waits for a decision, with Approve and Deny; nothing where no question is open."""
    asked, language = panel.standing.question, panel.language
    if asked is None or not opaque(asked.run):
        return
    lines = [f"*{w.ASKS.in_(language).format(action=mrkdwn(asked.action.replace('*', '∗'), 80))}*"]
    if why := mrkdwn(asked.why.in_(language), 300):
        lines.append(why)
    yield section("\n".join([*lines, *changes(asked.changes, language)]))
    yield context(*(mark(text) for text in _conditions(asked, panel)))
    confirm = dialog(
        w.CONFIRM_APPROVE.in_(language),
        confirmation(asked, language),
        w.APPROVE.in_(language),
        w.CANCEL.in_(language),
    )
    approve = _button(w.APPROVE.in_(language), CommandKind.APPROVE, asked.run, style="primary", confirm=confirm)
    yield actions(_block_id(panel, "decide", asked.run), approve, _button(w.DENY.in_(language), CommandKind.DENY, asked.run))


def undoable(panel: Panel) -> Iterable[Block]:
    """Return each change that is out, with Undo now beside it."""
    language = panel.language
    for report in panel.standing.out:
        if not opaque(report.run):
            continue
        confirm = dialog(
            w.CONFIRM_UNDO.in_(language),
            _lines_within(_given_back(report.changes, language), language, _CONFIRM_UNDO),
            w.UNDO.in_(language),
            w.CANCEL.in_(language),
        )
        undo = _button(w.UNDO.in_(language), CommandKind.UNDO, report.run, style="danger", confirm=confirm)
        head = f"*{w.IS_OUT.in_(language).format(action=mrkdwn(report.action.replace('*', '∗'), 80))}*"
        text = "\n".join([head, *changes(report.changes, language, _SHOWN_BESIDE)])
        yield {**section(text), "block_id": _block_id(panel, "out", report.run), "accessory": undo}


def stops(panel: Panel) -> Iterable[Block]:
    """Return who holds and who silenced, until when, and the buttons to hold, release, mute and unmute."""
    hold, silence, language = panel.standing.hold, panel.silence, panel.language
    said = []
    if hold and hold.until:
        said.append(w.HELD.in_(language).format(by=person(hold.by), at=date(hold.until)))
    if silence and panel.silent:
        said.append(w.SILENCED.in_(language).format(by=person(silence.by), at=date(silence.until)))
    if said:
        yield context(*map(mark, said))
    row = []
    if hold:
        row.append(_button(w.RELEASE.in_(language), CommandKind.RELEASE, panel.episode))
    elif panel.open and panel.automated:
        row.append(_button(w.HOLD.in_(language), CommandKind.HOLD, panel.episode))
    if panel.silent:
        row.append(_button(w.UNMUTE.in_(language), CommandKind.UNMUTE, panel.episode))
    elif panel.open:
        row.append(_button(w.MUTE.in_(language), CommandKind.MUTE, panel.episode))
    if row:
        yield actions(_block_id(panel, "stop", panel.episode), *row)


def changes(moved: Sequence[Change], language: Language, most: int = _SHOWN_CHANGES) -> list[str]:
    """Return each knob's before and after as a line of mrkdwn, the resource beside it."""
    shown = [
        f"• {mrkdwn(change.knob.replace('*', '∗'), 40)} {_figure(change.before, language)} → "
        f"{_figure(change.after, language)}  {code(change.resource, 90)}"
        for change in moved[:most]
    ]
    more = len(moved) - len(shown)
    return [*shown, w.MORE.in_(language).format(count=more)] if more else shown


def confirmation(asked: Report, language: Language) -> str:
    """Return the dialog's text: the risk, and every change as far as Slack has room for it."""
    risk = w.RISK.get(asked.risk, w.RISK_UNKNOWN).in_(language)
    head = [risk] if asked.needed <= 1 else [risk, w.TWO_NEEDED.in_(language).format(count=asked.needed)]
    room = _CONFIRM - sum(len(line) + 1 for line in head)
    moved = [_plain(change.knob, change.before, change.after, change.resource, language) for change in asked.changes]
    return "\n".join(part for part in (_lines_within(moved, language, room), *head) if part)


def _given_back(moved: Sequence[Change], language: Language) -> list[str]:
    return [_plain(change.knob, change.after, change.before, change.resource, language) for change in moved]


def _plain(knob: str, before: Value, after: Value, resource: str, language: Language) -> str:
    """Return a change on one line of plain text; the end of a resource tells more than its beginning."""
    first, last = (w.NOT_SET.in_(language) if value is None else plain(str(value), 24) for value in (before, after))
    where = plain(resource, 200)
    where = where if len(where) <= 60 else "…" + where[-59:]
    return plain(f"{plain(knob, 40)} {first} → {last} ({where})", 140)


def _lines_within(lines: Sequence[str], language: Language, room: int) -> str:
    """Return as many whole lines as fit, and how many do not: a change is never cut in half."""
    rest = len(w.ALL_OF_THEM.in_(language)) + 6
    kept: list[str] = []
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        used = sum(_units(one) + 1 for one in kept) + _units(line)
        if used + (0 if last else rest) > room:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    return "\n".join([*kept, w.ALL_OF_THEM.in_(language).format(count=left)] if left else kept)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _conditions(asked: Report, panel: Panel) -> list[str]:
    """Return who may approve until when, at which risk, and who did."""
    language = panel.language
    users = ", ".join(map(person, asked.approvers[:_SHOWN_PEOPLE])) or w.NOBODY.in_(language)
    said = [w.MAY_APPROVE.in_(language).format(users=users)]
    if asked.until:
        said.append(w.UNTIL.in_(language).format(at=date(asked.until)))
    said.append(w.RISK.get(asked.risk, w.RISK_UNKNOWN).in_(language))
    if asked.needed > 1:
        said.append(w.TWO_NEEDED.in_(language).format(count=asked.needed))
    if panel.standing.approvals:
        yes = ", ".join(map(person, panel.standing.approvals[:_SHOWN_PEOPLE]))
        said.append(w.APPROVED_SO_FAR.in_(language).format(users=yes))
    return [" · ".join(said[:2]), *said[2:]]


def _figure(value: Value, language: Language) -> str:
    return w.NOT_SET.in_(language) if value is None else mrkdwn(str(value), 32)


def _button(label: str, kind: CommandKind, value: str, *, style: str = "", confirm: Block | None = None) -> Block:
    return button(label, action_id(kind), value, style=style, confirm=confirm)


def _block_id(panel: Panel, part: str, ident: str) -> str:
    return f"{_PREFIX}{part}.{ident}.{panel.edit}"
