"""The door that Slack's buttons knock at: an HTTP request in, at most one command out, an answer within three seconds.

Anyone may stop, few may start: a signed click from our own workspace is proof enough to hold or undo, unless its user is known
to be a guest; whatever starts, silences or releases needs a full member that Slack vouches for; Approve and Deny need an
approver besides. What exactly may be approved by whom, the remediators check again. Everything here is over ports.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from alarms.domain import readings
from alarms.domain.command import Command, CommandKind
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.text import Language, Text
from notifier import words as w
from notifier.click import Click, clicked
from notifier.members import Membership
from notifier.record import Pointer
from notifier.signature import plausible, valid

ON_DOUBT = frozenset({CommandKind.HOLD, CommandKind.UNDO, CommandKind.DENY})  # stopping: no proof of membership needed
APPROVERS_ONLY = frozenset({CommandKind.APPROVE, CommandKind.DENY})
OF_AN_EPISODE = frozenset({CommandKind.HOLD, CommandKind.RELEASE, CommandKind.MUTE, CommandKind.UNMUTE})
SILENCING = frozenset({CommandKind.MUTE, CommandKind.UNMUTE})
_ROTATES = timedelta(seconds=10)  # a secret this young is not fetched again for a signature that does not fit
_LONGEST = 300_000  # characters of a body; Slack's are a tenth of it

Response = dict[str, Any]


class Refused(StrEnum):
    """Why a request led to no command. The value is what the log shows."""

    UNSIGNED = "unsigned"  # not from Slack, or more than five minutes old
    NO_BUTTON = "no-button"  # signed, but not one of our buttons: acknowledged, nothing else
    NO_KEY = "no-signing-secret"  # it cannot be read: nothing can be verified
    OTHER_TEAM = "other-organisation"
    NO_MEMBER = "no-full-member"
    UNVERIFIED = "membership-unverified"
    NO_APPROVER = "no-approver"
    NO_LIST = "approvers-unreadable"
    FORGOTTEN = "no-such-incident"
    NOT_SENT = "not-passed-on"


SAID: Mapping[Refused, Text] = {
    Refused.OTHER_TEAM: w.ONLY_MEMBERS,
    Refused.NO_MEMBER: w.ONLY_MEMBERS,
    Refused.UNVERIFIED: w.NOT_VERIFIED,
    Refused.NO_APPROVER: w.NO_APPROVER,
    Refused.NO_LIST: w.NO_LIST,
    Refused.FORGOTTEN: w.FORGOTTEN,
    Refused.NOT_SENT: w.NOT_SENT,
}


class Signing(Protocol):
    """The signing secret. Retryable or Permanent when it cannot be had."""

    def member(self, member: str, now: datetime, *, fresh: bool = False) -> str:
        """Return one text of the secret."""
        ...

    def age(self, now: datetime) -> timedelta:
        """Return how old the kept copy is."""
        ...


class People(Protocol):
    """Who pressed."""

    def of(self, user: str, now: datetime) -> Membership:
        """Return what a user is; never raises."""
        ...

    def tell(self, answer_url: str, text: str) -> bool:
        """Say something to the one who pressed; False when that was not possible."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """Everything behind it can be a fake.

    ``approvers`` reads who may approve anything; ``incident`` finds one by the id on a button; ``act`` puts a command on
    the remediators' queue, ``silence`` on the notifier's. They fail by Retryable or Permanent. ``team`` is our workspace's id.
    """

    signing: Signing
    people: People
    approvers: Callable[[], frozenset[str]]
    incident: Callable[[str], Pointer | None]
    act: Callable[[Command], None]
    silence: Callable[[Command], None]
    team: str
    language: Language
    log: Callable[[Mapping[str, Any]], None]

    def handle(self, event: Mapping[str, Any], now: datetime) -> Response:
        """Answer one event of an HTTP API (payload format 2.0). Never raises; 200 means that the click was dealt with."""
        try:
            return self._handled(event, now)
        except Exception as failure:  # noqa: BLE001 - whoever pressed sees that it failed, and nobody sees how
            self.log({"did": "failed", "reason": type(failure).__name__})
            return _answer(500)

    def _handled(self, event: Mapping[str, Any], now: datetime) -> Response:
        body, headers = _body(event), _headers(event)
        timestamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        if body is None or not plausible(timestamp, signature, now):
            return self._closed(Refused.UNSIGNED, 401)
        try:
            signed = self._signed(timestamp, signature, body, now)
        except (Retryable, Permanent):
            return self._closed(Refused.NO_KEY, 500)
        if not signed:
            return self._closed(Refused.UNSIGNED, 401)
        click = clicked(body, datetime.fromtimestamp(int(timestamp), UTC))
        if click is None:
            return self._closed(Refused.NO_BUTTON, 200)
        return self._pressed(click, now)

    def _signed(self, timestamp: str, signature: str, body: bytes, now: datetime) -> bool:
        """Verify with the kept secret, once more with a fresh one: it may have been rotated."""
        if valid(self.signing.member("signing_secret", now), timestamp, signature, body):
            return True
        if self.signing.age(now) < _ROTATES:
            return False
        return valid(self.signing.member("signing_secret", now, fresh=True), timestamp, signature, body)

    def _pressed(self, click: Click, now: datetime) -> Response:
        refused = self._refusal(click, now)
        if refused is None:
            try:
                refused = self._passed_on(click)
            except (Retryable, Permanent):
                refused = Refused.NOT_SENT
        entry = {"kind": click.kind.value, "subject": click.subject, "by": click.user}
        if refused is None:
            self.log({"did": "passed-on", **entry})
        else:
            told = self.people.tell(click.answer_url, SAID[refused].in_(self.language))
            self.log({"did": "refused", "reason": refused.value, "told": told, **entry})
        return _answer(200)

    def _refusal(self, click: Click, now: datetime) -> Refused | None:
        """Return why this user may not do this; None when they may, as far as can be told here."""
        if not self.team or click.team != self.team or click.home != self.team:
            return Refused.OTHER_TEAM
        member = self.people.of(click.user, now)
        if member is Membership.OTHER:
            return Refused.NO_MEMBER
        if member is not Membership.FULL and click.kind not in ON_DOUBT:
            return Refused.UNVERIFIED
        return self._no_approver(click) if click.kind in APPROVERS_ONLY else None

    def _no_approver(self, click: Click) -> Refused | None:
        try:
            return None if click.user in self.approvers() else Refused.NO_APPROVER
        except (Retryable, Permanent):
            return Refused.NO_LIST

    def _passed_on(self, click: Click) -> Refused | None:
        """Send the command to the rooms that it concerns; the remediators learn of a silence too, and leave it alone."""
        alarm_key = ""
        if click.kind in OF_AN_EPISODE:
            pointer = self.incident(click.subject)
            if pointer is None:
                return Refused.FORGOTTEN
            alarm_key = pointer.alarm_key
        command = click.command(alarm_key)
        if command.kind in SILENCING:
            self.silence(command)
        self.act(command)
        return None

    def _closed(self, refused: Refused, status: int) -> Response:
        self.log({"did": "ignored" if status == 200 else "refused", "reason": refused.value})
        return _answer(status)


def _answer(status: int) -> Response:
    return {"statusCode": status, "headers": {"content-type": "text/plain"}, "body": ""}


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers by their names in lower case; one that is given twice has no value to trust."""
    found: dict[str, str] = {}
    for name, value in readings.table(event.get("headers")).items():
        lower = str(name).lower()
        found[lower] = value if isinstance(value, str) and lower not in found else ""
    return found


def _body(event: Mapping[str, Any]) -> bytes | None:
    """Return the raw body, byte for byte as it was signed; None when there is none that can be read."""
    body = event.get("body")
    if not isinstance(body, str) or len(body) > _LONGEST:
        return None
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") is True else body.encode("utf-8")
    except (binascii.Error, ValueError):  # no base64, or a lone surrogate
        return None
