"""The door for buttons: who may press what, and that nothing gets in which Slack did not sign."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notifier_samples import NAME, REGION, T0, event, minute, report, row

from alarms.domain.command import Command, CommandKind
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.incident import Episode
from alarms.domain.report import Phase
from alarms.domain.text import Language
from infra.local.slack import Shown
from infra.local.slack_people import APPROVER, GUEST, MEMBER, SIGNING_SECRET, STRANGER, TEAM, payload, press, request
from notifier.buttons import action_id
from notifier.interactive import APPROVERS_ONLY, ON_DOUBT, SAID, Door, Refused
from notifier.members import Membership, judged
from notifier.record import Pointer, Thread
from notifier.render import incident
from notifier.signature import sign
from notifier.standing import Silence

RUN = "a1b2c3d4e5f60718"
EPISODE = Episode(event().subject_key, T0)
NOW = minute(4)
ASKED = report("asked", minute(1), Phase.ASKED, run=RUN, until=minute(31), risk="reversible")
ACTED = report("acted", minute(1), run="ffff", undoable=True)
HELD = report("held", minute(2), Phase.HELD, by=MEMBER, until=minute(62))


@dataclass
class Signing:
    """A secret that can be rotated and that counts how often it is asked for afresh."""

    now_valid: str = SIGNING_SECRET
    kept: str = SIGNING_SECRET
    kept_at: datetime = NOW - timedelta(minutes=2)
    fresh: int = 0
    failure: Exception | None = None

    def member(self, member: str, now: datetime, *, fresh: bool = False) -> str:
        assert member == "signing_secret"
        if self.failure:
            raise self.failure
        if fresh:
            self.fresh += 1
            self.kept, self.kept_at = self.now_valid, now
        return self.kept

    def age(self, now: datetime) -> timedelta:
        return now - self.kept_at


@dataclass
class People:
    """Who is what, and what was whispered to whom."""

    kinds: dict[str, Membership] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def of(self, user: str, now: datetime) -> Membership:
        known = {APPROVER: Membership.FULL, MEMBER: Membership.FULL, GUEST: Membership.OTHER}
        return {**known, **self.kinds}.get(user, Membership.UNKNOWN)

    def tell(self, answer_url: str, text: str) -> bool:
        self.told.append(text)
        return True


@dataclass
class Place:
    """A door with everything behind it, and what came through it."""

    signing: Signing = field(default_factory=Signing)
    people: People = field(default_factory=People)
    acts: list[Command] = field(default_factory=list)
    silences: list[Command] = field(default_factory=list)
    log: list[Mapping[str, Any]] = field(default_factory=list)
    approvers: Callable[[], frozenset[str]] = lambda: frozenset({APPROVER})
    broken: Exception | None = None

    def door(self, language: Language = Language.EN) -> Door:
        return Door(
            signing=self.signing,
            people=self.people,
            approvers=self.approvers,
            incident=lambda ident: Pointer(EPISODE, event().alarm_key) if ident == EPISODE.id else None,
            act=self._act,
            silence=self.silences.append,
            team=TEAM,
            language=language,
            log=lambda entry: self.log.append(dict(entry)),
        )

    def _act(self, command: Command) -> None:
        if self.broken:
            raise self.broken
        self.acts.append(command)

    def press(self, kind: CommandKind, user: str = APPROVER, *, now: datetime = NOW, **more: Any) -> int:
        """Press a button of the message that offers it; returns the HTTP status."""
        return self.sends(press(message(kind, **more), action_id(kind), user, now=now), now)

    def sends(self, sent: Mapping[str, Any], now: datetime = NOW) -> int:
        answer = self.door().handle(sent, now)
        assert answer["body"] == ""
        return int(answer["statusCode"])

    @property
    def reasons(self) -> list[str]:
        return [str(entry["reason"]) for entry in self.log if "reason" in entry]


@cache
def message(kind: CommandKind, revision: int = 3) -> Shown:
    """Return a message in Slack that has the button for ``kind``."""
    said = (ASKED, ACTED, HELD) if kind is CommandKind.RELEASE else (ASKED, ACTED)
    silence = Silence(MEMBER, minute(1), minute(61)) if kind is CommandKind.UNMUTE else None
    thread = Thread("", "", reports=said if kind is not CommandKind.APPROVE else (ASKED,), silence=silence, revision=revision)
    if kind is CommandKind.DENY:
        thread = replace(thread, reports=(ASKED,))
    shown = incident(event(), row(), channel="C1", thread=thread, now=NOW).payload()
    return Shown("C1", "1.000001", shown, NOW)


@pytest.mark.parametrize("kind", CommandKind)
def test_what_an_approver_presses_becomes_one_command_with_opaque_ids(kind: CommandKind) -> None:
    place = Place()
    assert place.press(kind) == 200
    (command,) = place.acts
    assert (command.kind, command.by, command.at) == (kind, APPROVER, NOW)
    runs = {CommandKind.APPROVE: RUN, CommandKind.DENY: RUN, CommandKind.UNDO: "ffff"}
    assert command.subject == runs.get(kind, EPISODE.id)
    assert command.alarm_key == ("" if kind in runs else f"123456789012/{REGION}/{NAME}")
    assert Command.from_document(json.loads(json.dumps(command.to_document()))) == command
    assert place.silences == ([command] if kind in (CommandKind.MUTE, CommandKind.UNMUTE) else [])
    assert place.people.told == []


@pytest.mark.parametrize("kind", CommandKind)
def test_a_full_member_who_is_no_approver_may_stop_but_not_decide(kind: CommandKind) -> None:
    place = Place()
    assert place.press(kind, MEMBER) == 200
    if kind in APPROVERS_ONLY:
        assert (place.acts, place.reasons) == ([], ["no-approver"])
        assert place.people.told == [SAID[Refused.NO_APPROVER].en]
    else:
        assert [command.by for command in place.acts] == [MEMBER]


@pytest.mark.parametrize("user", [GUEST, STRANGER])
@pytest.mark.parametrize("kind", CommandKind)
def test_guests_and_other_organisations_may_press_nothing(kind: CommandKind, user: str) -> None:
    place = Place(approvers=lambda: frozenset({GUEST, STRANGER}))
    assert place.press(kind, user) == 200
    assert place.acts == place.silences == []
    assert place.people.told == [SAID[Refused.NO_MEMBER].en]


@pytest.mark.parametrize("kind", CommandKind)
def test_while_slack_does_not_say_who_it_is_one_may_stop_and_not_start(kind: CommandKind) -> None:
    place = Place(people=People({APPROVER: Membership.UNKNOWN}))
    place.press(kind)
    if kind in ON_DOUBT:
        assert len(place.acts) == 1
    else:
        assert (place.acts, place.silences, place.reasons) == ([], [], ["membership-unverified"])
        assert place.people.told == [SAID[Refused.UNVERIFIED].en]


def test_an_empty_list_of_approvers_means_nobody() -> None:
    place = Place(approvers=frozenset)
    place.press(CommandKind.APPROVE)
    assert (place.acts, place.reasons) == ([], ["no-approver"])


@pytest.mark.parametrize("failure", [Retryable("throttled"), Permanent("denied", "AccessDeniedException")])
def test_an_unreadable_list_of_approvers_approves_nothing_and_still_lets_stop(failure: Exception) -> None:
    def unreadable() -> frozenset[str]:
        raise failure

    place = Place(approvers=unreadable)
    place.press(CommandKind.APPROVE)
    assert (place.acts, place.reasons) == ([], ["approvers-unreadable"])
    place.press(CommandKind.HOLD)
    assert len(place.acts) == 1


def test_pressed_twice_it_is_one_command_and_on_the_next_picture_another() -> None:
    place = Place()
    place.press(CommandKind.HOLD)
    place.press(CommandKind.HOLD, now=NOW + timedelta(seconds=2))
    place.press(CommandKind.HOLD, revision=4)
    place.press(CommandKind.HOLD, MEMBER)
    first, again, later, other = (command.id for command in place.acts)
    assert first == again
    assert len({first, later, other}) == 3


def test_the_same_request_again_is_the_very_same_command() -> None:
    place = Place()
    sent = press(message(CommandKind.MUTE), "tocsin.mute", MEMBER, now=NOW)
    for now in (NOW, NOW + timedelta(seconds=299)):
        assert place.sends(sent, now) == 200
    assert place.acts[0] == place.acts[1]
    assert place.silences[0] == place.silences[1]


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (300, 200), (301, 401), (-300, 200), (-301, 401), (10**9, 401)])
def test_a_request_older_or_younger_than_five_minutes_is_refused(seconds: int, status: int) -> None:
    place = Place()
    assert (
        place.sends(press(message(CommandKind.HOLD), "tocsin.hold", MEMBER, now=NOW), NOW + timedelta(seconds=seconds)) == status
    )
    assert len(place.acts) == (status == 200)


def test_a_message_may_be_older_than_five_minutes_the_runs_own_end_counts() -> None:
    place = Place()
    assert place.press(CommandKind.HOLD, MEMBER, now=NOW + timedelta(days=1)) == 200
    assert len(place.acts) == 1


def test_a_rotated_secret_works_at_once_and_is_not_fetched_for_every_forgery() -> None:
    place = Place(signing=Signing(now_valid="rotated"))
    sent = press(message(CommandKind.HOLD), "tocsin.hold", MEMBER, now=NOW, secret="rotated")
    assert place.sends(sent) == 200
    forged = press(message(CommandKind.HOLD), "tocsin.hold", MEMBER, now=NOW, secret="guess")
    assert [place.sends(forged) for _ in range(5)] == [401] * 5
    assert place.signing.fresh == 1


def test_without_a_readable_secret_nothing_is_let_in() -> None:
    place = Place(signing=Signing(failure=Retryable("down")))
    assert place.press(CommandKind.HOLD) == 500
    assert (place.acts, place.reasons) == ([], ["no-signing-secret"])


def test_an_empty_secret_signs_nothing() -> None:
    place = Place(signing=Signing(kept="", now_valid=""))
    assert place.sends(press(message(CommandKind.HOLD), "tocsin.hold", MEMBER, now=NOW, secret="")) == 401


def test_a_base64_body_and_headers_of_any_case_are_read() -> None:
    place = Place()
    sent = press(message(CommandKind.HOLD), "tocsin.hold", MEMBER, now=NOW)
    sent["body"] = base64.b64encode(sent["body"].encode()).decode()
    sent["isBase64Encoded"] = True
    sent["headers"] = {name.upper(): value for name, value in sent["headers"].items()}
    assert place.sends(sent) == 200
    assert len(place.acts) == 1


def test_a_link_button_is_acknowledged_and_does_nothing() -> None:
    place = Place()
    shown = message(CommandKind.HOLD)
    link = {"type": "button", "action_id": "link", "text": {"type": "plain_text", "text": "Runbook"}, "url": "https://x.example"}
    assert place.sends(request(payload(shown, {}, link, MEMBER, now=NOW, address=""), now=NOW)) == 200
    assert (place.acts, place.reasons) == ([], ["no-button"])


@pytest.mark.parametrize(
    "change",
    [
        {"team": {"id": "T0OTHERS"}},
        {"team": None},
        {"user": {"id": MEMBER, "team_id": "T0OTHERS"}},
        {"user": {"id": MEMBER}},
    ],
)
def test_another_workspace_is_refused_even_with_a_right_signature(change: dict[str, Any]) -> None:
    place = Place()
    shown = message(CommandKind.HOLD)
    block = next(
        block for block in shown.payload["attachments"][0]["blocks"] if block["type"] == "actions" and "stop" in block["block_id"]
    )
    document = {**payload(shown, block, block["elements"][0], MEMBER, now=NOW, address=""), **change}
    assert place.sends(request(document, now=NOW)) == 200
    assert (place.acts, place.reasons) == ([], ["other-organisation"])


def test_a_queue_that_is_down_is_told_to_the_one_who_pressed() -> None:
    place = Place(broken=Retryable("down"))
    assert place.press(CommandKind.UNDO, MEMBER) == 200
    assert (place.reasons, place.people.told) == (["not-passed-on"], [SAID[Refused.NOT_SENT].en])


def test_an_incident_that_nobody_remembers_is_told_as_such() -> None:
    place = Place()
    shown = message(CommandKind.HOLD)
    text = json.dumps(shown.payload).replace(EPISODE.id, "0123456789ab")
    place.sends(press(replace(shown, payload=json.loads(text)), "tocsin.hold", MEMBER, now=NOW))
    assert (place.acts, place.reasons) == ([], ["no-such-incident"])


def test_what_nobody_foresaw_is_an_error_without_a_word() -> None:
    place = Place(broken=RuntimeError("xoxb-secret in a message"))
    assert place.press(CommandKind.UNDO) == 500
    assert place.log == [{"did": "failed", "reason": "RuntimeError"}]


def test_refusals_are_told_in_the_stages_language_and_only_to_the_one_who_pressed() -> None:
    place = Place()
    sent = press(message(CommandKind.APPROVE), "tocsin.approve", MEMBER, now=NOW)
    place.door(Language.KO).handle(sent, NOW)
    assert place.people.told == [SAID[Refused.NO_APPROVER].ko]


def test_nothing_secret_is_logged() -> None:
    place = Place()
    for user in (APPROVER, MEMBER, GUEST):
        place.press(CommandKind.APPROVE, user)
    said = json.dumps(place.log)
    for secret in ("hooks.slack.com", "embedded", "v0=", "trigger", "verification"):
        assert secret not in said


HEADERS = st.dictionaries(
    st.sampled_from(["X-Slack-Signature", "x-slack-signature", "X-Slack-Request-Timestamp", "x-slack-request-timestamp", "a"]),
    st.none() | st.integers() | st.text(max_size=80) | st.from_regex(r"v0=[0-9a-f]{64}") | st.just(str(int(NOW.timestamp()))),
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(
    HEADERS | JSONS,
    st.none() | st.integers() | st.text(max_size=200) | st.text("\ud800a=&%", max_size=20),
    st.none() | st.booleans(),
)
def test_whatever_arrives_unsigned_nothing_raises_and_nothing_gets_in(headers: Any, body: Any, coded: Any) -> None:
    place = Place()
    for sent in ({"headers": headers, "body": body, "isBase64Encoded": coded}, {"headers": headers}, {}):
        assert place.sends(sent) == 401
    assert place.acts == place.silences == []


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_single_changed_byte_of_body_time_or_signature_is_refused(data: st.DataObject) -> None:
    place = Place()
    sent = press(message(CommandKind.APPROVE), "tocsin.approve", APPROVER, now=NOW)
    part = data.draw(st.sampled_from(["body", "x-slack-request-timestamp", "x-slack-signature"]))
    text = sent["body"] if part == "body" else sent["headers"][part]
    place_ = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda char: char != text[place_]))
    changed = text[:place_] + other + text[place_ + 1 :]
    if part == "body":
        sent["body"] = changed
    else:
        sent["headers"][part] = changed
    assert place.sends(sent) == 401
    assert place.acts == []


FIELDS = ["type", "user", "team", "actions", "response_url", "message", "container"]


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(st.sampled_from(FIELDS), JSONS, max_size=4),
    JSONS,
    st.dictionaries(st.sampled_from(["action_id", "value", "block_id", "action_ts"]), JSONS),
)
def test_whatever_a_signed_request_holds_nothing_raises_and_a_command_is_well_formed(
    changes: Any, other: Any, action: Any
) -> None:
    place = Place(people=People({APPROVER: Membership.FULL}))
    shown = message(CommandKind.HOLD)
    block = next(
        block for block in shown.payload["attachments"][0]["blocks"] if block["type"] == "actions" and "stop" in block["block_id"]
    )
    whole = payload(shown, block, block["elements"][0], APPROVER, now=NOW, address="")
    acted = {**whole, "actions": [{**whole["actions"][0], **action}]}
    for document in ({**whole, **changes}, {**acted, **changes}, acted, other):
        body = json.dumps(document)
        assert place.sends(raw(urlencode({"payload": body}))) == 200
        assert place.sends(raw(body)) == 200
    for command in place.acts:
        assert Command.from_document(command.to_document()) is not None


def raw(body: str) -> dict[str, Any]:
    """Return a signed event with any body at all."""
    timestamp = str(int(NOW.timestamp()))
    headers = {"x-slack-request-timestamp": timestamp, "x-slack-signature": sign(SIGNING_SECRET, timestamp, body.encode())}
    return {"headers": headers, "body": body}


@pytest.mark.parametrize(
    ("answer", "is_"),
    [
        ({"ok": True, "user": {"id": "U01", "team_id": TEAM}}, Membership.FULL),
        ({"ok": True, "user": {"id": "U01", "team_id": TEAM, "is_restricted": True}}, Membership.OTHER),
        ({"ok": True, "user": {"id": "U01", "team_id": TEAM, "is_ultra_restricted": True}}, Membership.OTHER),
        ({"ok": True, "user": {"id": "U01", "team_id": TEAM, "is_bot": True}}, Membership.OTHER),
        ({"ok": True, "user": {"id": "U01", "team_id": TEAM, "deleted": True}}, Membership.OTHER),
        ({"ok": True, "user": {"id": "U01", "team_id": "T0OTHERS"}}, Membership.OTHER),
        ({"ok": True, "user": {"id": "U01", "team_id": TEAM, "is_stranger": True}}, Membership.OTHER),
        ({"ok": True, "user": {"id": "U02", "team_id": TEAM}}, Membership.UNKNOWN),
        ({"ok": True, "user": {"id": "U01"}}, Membership.UNKNOWN),
        ({"ok": "true", "user": {"id": "U01", "team_id": TEAM}}, Membership.UNKNOWN),
        ({"ok": False, "error": "user_not_found"}, Membership.OTHER),
        ({"ok": False, "error": "missing_scope"}, Membership.UNKNOWN),
        ({"ok": False, "error": "ratelimited"}, Membership.UNKNOWN),
        ({}, Membership.UNKNOWN),
    ],
)
def test_what_is_not_said_of_a_user_is_not_known(answer: dict[str, Any], is_: Membership) -> None:
    assert judged(answer, "U01", TEAM) is is_
