"""Slack: the stand-in in process and over HTTP behave the same through the real adapter, and refuse what Slack refuses."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from notifier_samples import T0, event, report, row

from alarms.domain.errors import Permanent, Retryable
from alarms.domain.report import Phase
from infra.local.slack import TOKEN, Fault, Workspace
from infra.local.slack_http import serving
from infra.local.slack_people import GUEST, MEMBER, STRANGER, TEAM, buttons, everybody
from notifier import members
from notifier.members import Members, Membership
from notifier.members import judged as judged_member
from notifier.ports import Answer, Throttled, Transport, Unsure
from notifier.record import Thread
from notifier.render import incident
from notifier.secret import Token
from notifier.slack import SlackApi, WebTransport, judged

BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "action_id": "a", "value": "v"}
PAYLOAD = incident(event(), row(), channel="#ops").payload()


@dataclass
class Clock:
    now: datetime = T0

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Secrets:
    """A Secrets Manager with one secret; counts how often it is asked."""

    token: str = TOKEN
    asked: int = 0
    text: str = field(default="")

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's own spelling
        self.asked += 1
        return {"SecretString": self.text or json.dumps({"bot_token": self.token, "signing_secret": "s"})}


@dataclass
class Place:
    """A workspace, the adapter that speaks to it, and the secret it takes the token from."""

    workspace: Workspace
    slack: SlackApi
    secrets: Secrets
    clock: Clock

    def post(self, **changes: Any) -> Any:
        return self.slack.post({**PAYLOAD, **changes}, self.clock())


@pytest.fixture(params=["in process", "over http"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    clock, secrets = Clock(), Secrets()
    workspace = Workspace(clock, channels={"ops": "C00000001", "old": "C00000002", "closed": "C00000003"}, rate_limited=True)
    workspace.archived.add("old")
    workspace.not_in.add("closed")
    token = Token(lambda: secrets, "tocsin/dev/slack")
    if request.param == "in process":
        yield Place(workspace, SlackApi(workspace, token), secrets, clock)
        return
    with serving(workspace) as url:
        yield Place(workspace, SlackApi(WebTransport(url), token), secrets, clock)


def test_a_post_returns_the_channels_id_and_a_ts_of_its_own(place: Place) -> None:
    first = place.post()
    place.clock.now += timedelta(seconds=1)
    second = place.post()
    assert first.channel == second.channel == "C00000001"
    assert first.ts == f"{T0.timestamp():.6f}"
    assert second.ts > first.ts


def test_an_edit_changes_the_message_and_keeps_what_it_was(place: Place) -> None:
    posted = place.post()
    place.slack.update({"channel": posted.channel, "ts": posted.ts, "text": "resolved", "blocks": []}, T0)
    (shown,) = place.workspace.messages("#ops")
    assert shown.payload["text"] == "resolved"
    assert shown.history[0]["text"] == PAYLOAD["text"]


def test_a_reply_stands_in_the_thread_and_not_in_the_channel(place: Place) -> None:
    posted = place.post()
    place.clock.now += timedelta(seconds=1)
    place.post(channel=posted.channel, thread_ts=posted.ts)
    assert len(place.workspace.messages("#ops")) == 1
    assert len(place.workspace.replies("#ops", posted.ts)) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"channel": "#nowhere"}, "channel_not_found"),
        ({"channel": "#old"}, "is_archived"),
        ({"channel": "#closed"}, "not_in_channel"),
        ({"text": "", "blocks": [], "attachments": []}, "no_text"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider", "block_id": "a"}] * 2}, "invalid_blocks"),
        ({"blocks": [{"type": "mystery"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5}, "msg_blocks_too_long"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"attachments": [{"color": "good", "fallback": "x"}] * 101}, "too_many_attachments"),
        ({"thread_ts": "1.000001"}, "thread_not_found"),
    ],
)
def test_what_slack_refuses_is_refused_with_slacks_code(place: Place, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Permanent) as refused:
        place.post(**changes)
    assert refused.value.code == code
    assert place.workspace.messages("#ops") == ()


def test_an_edit_of_what_is_not_there_is_refused(place: Place) -> None:
    with pytest.raises(Permanent) as refused:
        place.slack.update({"channel": "C00000001", "ts": "1.000001", "text": "x"}, T0)
    assert refused.value.code == "message_not_found"


def test_a_second_message_in_one_second_has_to_wait(place: Place) -> None:
    place.post()
    with pytest.raises(Throttled) as throttled:
        place.post()
    assert throttled.value.after_s == 1


def test_a_429_says_after_how_many_seconds(place: Place) -> None:
    place.workspace.order(Fault.THROTTLED, retry_after_s=17)
    with pytest.raises(Throttled) as throttled:
        place.post()
    assert throttled.value.after_s == 17


@pytest.mark.parametrize(("fault", "shown"), [(Fault.BROKEN, 0), (Fault.TIMEOUT, 0), (Fault.LOST, 1)])
def test_an_answer_that_never_comes_leaves_the_outcome_unsure(place: Place, fault: Fault, shown: int) -> None:
    place.workspace.order(fault)
    with pytest.raises(Unsure):
        place.post()
    assert len(place.workspace.messages("#ops")) == shown


def test_a_message_is_found_again_by_its_metadata(place: Place) -> None:
    posted = place.post()
    metadata = PAYLOAD["metadata"]
    found = place.slack.find(posted.channel, metadata, thread_ts="", since=T0, now=T0)
    assert found == posted
    other = {**metadata, "event_payload": {"episode": "000000000000"}}
    assert place.slack.find(posted.channel, other, thread_ts="", since=T0, now=T0) is None


def test_without_the_scope_to_read_nothing_is_found_and_nothing_breaks(place: Place) -> None:
    assert place.slack.find("C99999999", PAYLOAD["metadata"], thread_ts="", since=T0, now=T0) is None


def test_the_token_is_asked_for_once_in_five_minutes(place: Place) -> None:
    for seconds in (0, 60, 299):
        place.clock.now = T0 + timedelta(seconds=seconds)
        place.post()
    assert place.secrets.asked == 1
    place.clock.now = T0 + timedelta(seconds=300)
    place.post()
    assert place.secrets.asked == 2


def test_a_rotated_token_is_fetched_once_and_the_call_goes_through(place: Place) -> None:
    place.post()
    place.workspace.tokens = {"xoxb-rotated"}
    place.secrets.token = "xoxb-rotated"
    place.clock.now += timedelta(seconds=2)
    place.post()
    assert place.secrets.asked == 2
    assert len(place.workspace.messages("#ops")) == 2


def test_a_token_that_stays_wrong_is_a_permanent_failure_that_does_not_show_it(place: Place) -> None:
    place.workspace.tokens = {"another"}
    with pytest.raises(Permanent) as refused:
        place.post()
    assert refused.value.code == "invalid_auth"
    assert TOKEN not in str(refused.value)
    assert place.secrets.asked == 2


@pytest.mark.parametrize("text", ["not json", "{}", '{"bot_token": ""}', "[]", '{"bot_token": 7}'])
def test_a_secret_without_a_token_says_what_it_must_hold(text: str) -> None:
    with pytest.raises(Permanent, match='must be JSON with a "bot_token"'):
        Token(lambda: Secrets(text=text), "tocsin/dev/slack")(T0)


def test_a_slack_that_cannot_be_reached_was_certainly_not_told() -> None:
    slack = SlackApi(WebTransport("http://127.0.0.1:9/api/"), Token(Secrets, "s"))
    with pytest.raises(Retryable) as failure:
        slack.post(PAYLOAD, T0)
    assert not isinstance(failure.value, Unsure)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200, {"ok": False, "error": "ratelimited"}), Throttled),
        (Answer(429, {}, "soon"), Throttled),
        (Answer(503, {}), Unsure),
        (Answer(200, {}), Unsure),
        (Answer(200, {"ok": False, "error": "Received a response in a non-JSON format: <html>"}), Unsure),
        (Answer(200, {"ok": False, "error": "fatal_error"}), Unsure),
        (Answer(200, {"ok": False, "error": "service_unavailable"}), Retryable),
        (Answer(404, {}), Permanent),
        (Answer(200, {"ok": False, "error": "an_error_of_tomorrow"}), Permanent),
    ],
)
def test_every_answer_has_a_verdict(answer: Answer, verdict: type[Exception]) -> None:
    with pytest.raises(verdict):
        judged("chat.postMessage", answer)


def test_the_workspace_is_a_transport() -> None:
    transport: Transport = Workspace(lambda: T0)
    assert transport("auth.test", {}, TOKEN).body["ok"] is True


BUTTONS = [
    ({"text": {"type": "plain_text", "text": "x" * 76}}, "longer label than Slack takes"),
    ({"style": "green"}, "a style that there is not"),
    ({"value": "x" * 2001}, "too long a value"),
    ({"text": {"type": "mrkdwn", "text": "*Approve*"}}, "a label with markup"),
    ({"confirm": {"title": {"type": "plain_text", "text": "?"}}}, "half a dialog"),
]


@pytest.mark.parametrize(("change", "why"), BUTTONS)
@pytest.mark.parametrize("beside", [True, False])
def test_a_button_that_slack_would_refuse_is_refused(place: Place, change: dict[str, Any], why: str, beside: bool) -> None:
    button = {**BUTTON, **change}
    section = {"type": "section", "text": {"type": "mrkdwn", "text": why}, "accessory": button}
    with pytest.raises(Permanent) as refused:
        place.post(blocks=[section if beside else {"type": "actions", "elements": [button]}])
    assert refused.value.code == "invalid_blocks"


def test_a_message_with_every_button_is_taken_and_edited(place: Place) -> None:
    asked = report("a", T0, Phase.ASKED, run="a1b2", until=T0 + timedelta(hours=1))
    out = report("b", T0, run="c3d4", undoable=True)
    shown = [incident(event(), row(), channel="#ops", thread=Thread("", "", reports=said)) for said in ((asked,), (asked, out))]
    posted = place.slack.post(shown[0].payload(), T0)
    place.slack.update(shown[1].edit(posted.channel, posted.ts), T0)
    assert set(buttons(place.workspace.messages("#ops")[0])) == {
        f"tocsin.{name}" for name in ("approve", "deny", "undo", "hold", "mute")
    }


@pytest.mark.parametrize(
    ("user", "is_"),
    [(MEMBER, Membership.FULL), (GUEST, Membership.OTHER), (STRANGER, Membership.OTHER), ("U0NOBODY", Membership.OTHER)],
)
def test_who_somebody_is_is_the_same_over_http_as_in_the_stand_ins_own_words(user: str, is_: Membership) -> None:
    workspace = Workspace(Clock())
    workspace.people.update({name: person.document() for name, person in everybody().items()})
    assert judged_member(workspace("users.info", {"user": user}, TOKEN).body, user, TEAM) is is_
    with serving(workspace) as url:
        asked = Members(url, lambda _: TOKEN, TEAM)
        assert asked.of(user, T0) is is_
        assert asked.of(user, T0) is is_
    assert len(workspace.calls) == 2


@pytest.mark.parametrize("fault", Fault)
def test_a_failing_slack_says_nothing_of_anybody_and_that_is_not_kept(fault: Fault) -> None:
    workspace = Workspace(Clock())
    workspace.people.update({name: person.document() for name, person in everybody().items()})
    with serving(workspace) as url:
        asked = Members(url, lambda _: TOKEN, TEAM)
        workspace.order(fault)
        assert asked.of(MEMBER, T0) is Membership.UNKNOWN
        assert asked.of(MEMBER, T0) is Membership.FULL


def test_a_slack_that_hangs_costs_no_more_than_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack waits three seconds for the door; asking who somebody is and telling them no have to fit with a cold start."""
    assert members.LOOK_S + members.SPEAK_S < 2.5
    monkeypatch.setattr(members, "LOOK_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        asked = Members(f"http://127.0.0.1:{silent.getsockname()[1]}/api/", lambda _: TOKEN, TEAM)
        before = time.monotonic()
        assert asked.of(MEMBER, T0) is Membership.UNKNOWN
        assert time.monotonic() - before < 2


def test_without_the_scope_or_with_a_wrong_token_nobody_is_known() -> None:
    workspace = Workspace(Clock(), denied=["users.info"])
    with serving(workspace) as url:
        assert Members(url, lambda _: TOKEN, TEAM).of(MEMBER, T0) is Membership.UNKNOWN
        assert Members(url, lambda _: "xoxb-old", TEAM).of(MEMBER, T0) is Membership.UNKNOWN


def test_a_word_to_one_person_reaches_only_slacks_own_addresses() -> None:
    workspace = Workspace(Clock())
    with serving(workspace) as url:
        asked = Members(url, lambda _: TOKEN, TEAM)
        assert asked.tell(f"{url.removesuffix('api/')}actions/{MEMBER}", "no")
        for elsewhere in ("https://evil.example/actions/x", "http://hooks.slack.com/x", "file:///etc/passwd", "", "https://["):
            assert not asked.tell(elsewhere, "no")
    assert workspace.whispers == [(MEMBER, "no")]
