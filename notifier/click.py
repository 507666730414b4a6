"""Reads what Slack sends when somebody presses a button. Pure, and nothing in it raises: a body is untrusted until it is read.

Source: docs.slack.dev, block_actions payload: a form with one field ``payload`` that holds JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from alarms.domain import readings
from alarms.domain.command import Command, CommandKind
from notifier.buttons import kind_of, opaque
from notifier.escape import is_user

_CLOCKS = timedelta(minutes=10)  # between the click and Slack's request: more, and the time of the click is not believed
_LONGEST_ID = 255  # a block_id
_LONGEST_URL = 1_000


@dataclass(frozen=True, slots=True)
class Click:
    """One press of one of our buttons, as its signed request tells it.

    ``team`` is the workspace that the message stands in, ``home`` that of the user: they differ for people of other
    organisations. ``picture`` is the id of the block as it was shown. ``answer_url`` takes answers that only the user sees;
    it is a secret for half an hour.
    """

    kind: CommandKind
    subject: str
    user: str
    team: str
    home: str
    picture: str
    at: datetime
    answer_url: str

    def command(self, alarm_key: str = "") -> Command:
        """Return the command. Its id is the same for every click of one person on one picture of one button."""
        identity = "|".join((self.kind.value, self.subject, self.user, self.picture))
        ident = hashlib.sha256(identity.encode()).hexdigest()[:32]
        return Command(self.kind, self.subject, self.user, self.at, ident, alarm_key)


def clicked(body: bytes, signed_at: datetime) -> Click | None:
    """Return the click in a request's raw body; None when it is anything else (a link, another app's element, no form).

    ``signed_at`` is the request's own time: it stands in where the click has no believable one.
    """
    payload = readings.table(readings.decoded(_field(body)))
    if payload.get("type") != "block_actions":
        return None
    pressed = (
        (kind_of(_text(action, "action_id")), action) for action in map(readings.table, readings.rows(payload.get("actions")))
    )
    kind, action = next(((kind, action) for kind, action in pressed if kind), (None, {}))
    user = readings.table(payload.get("user"))
    subject, who = _text(action, "value"), _text(user, "id")
    if kind is None or not opaque(subject) or not is_user(who):
        return None
    return Click(
        kind=kind,
        subject=subject,
        user=who,
        team=_text(readings.table(payload.get("team")), "id"),
        home=_text(user, "team_id"),
        picture=_text(action, "block_id"),
        at=_at(action, signed_at),
        answer_url=readings.text(payload.get("response_url"), _LONGEST_URL),
    )


def _field(body: bytes) -> str | None:
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=20)
    except ValueError:  # not UTF-8, or a flood of fields
        return None
    return fields.get("payload", [None])[0]


def _text(table: Mapping[str, object], name: str) -> str:
    return readings.text(table.get(name), _LONGEST_ID)


def _at(action: Mapping[str, object], signed_at: datetime) -> datetime:
    """Return when it was pressed, to the microsecond: the later of two clicks within a second is the one that counts."""
    pressed = readings.moment(readings.number(action.get("action_ts")))
    return pressed if pressed and abs(pressed - signed_at) <= _CLOCKS else signed_at
