"""What a channel looks like after alarms, endings and reports came in any order, twice, and through a Slack that fails."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notifier_samples import NAME, T0, event, minute, notification, ok, record, report, row, unknown

from alarms.domain.alarm import Alarm
from alarms.domain.command import Command, CommandKind
from alarms.domain.event import AlarmEvent, Contributor, State
from alarms.domain.incident import Episode
from alarms.domain.report import Phase, Report
from alarms.domain.text import Text
from infra.local.slack import TOKEN, Fault, Shown, Workspace
from infra.local.slack_people import buttons
from notifier.bootstrap import App, build
from notifier.memory import MemoryRows, MemoryThreads
from notifier.ports import Answer
from notifier.record import Thread
from notifier.render import GREEN, GREY
from notifier.slack import SlackApi

RED = "#d92d20"
Said = AlarmEvent | Report | dict[str, Any]
ENVIRON = {"TOCSIN_DEFAULT_CHANNEL": "#default", "TOCSIN_LANGUAGE": "en"}


def token(now: datetime, *, fresh: bool = False) -> str:
    """Return the stand-in's token."""
    return TOKEN


@dataclass
class Story:
    """A notifier over the Slack stand-in, and a queue that brings back what failed, as SQS does."""

    rows: dict[str, Alarm] = field(default_factory=lambda: {row().key: row()})
    now: datetime = field(default_factory=lambda: minute(60))
    threads: Any = field(default_factory=MemoryThreads)
    denied: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.workspace = Workspace(lambda: self.now, denied=self.denied)
        self.log: list[dict[str, Any]] = []
        self.postponed: list[float] = []
        slack = SlackApi(self.workspace, token)
        self.app: App = build(
            ENVIRON,
            threads=self.threads,
            rows=MemoryRows(self.rows),
            slack=slack,
            log=lambda entry: self.log.append(dict(entry)),
            postpone=self.postpone,
        )

    def postpone(self, record: Any, after_s: float) -> None:
        self.postponed.append(after_s)

    def deliver(self, *said: Said, receives: int = 1) -> list[str]:
        """Hand over one batch; returns the ids that come again."""
        records = [record(f"m{index}", one, receives=receives) for index, one in enumerate(said)]
        failed = self.app.handle({"Records": records}, None, self.now)
        return [item["itemIdentifier"] for item in failed["batchItemFailures"]]

    def play(self, said: Sequence[Said], *, one_by_one: bool = True) -> None:
        """Deliver everything, and again what failed, until nothing is left; time goes on in between."""
        batches = [[one] for one in said] if one_by_one else [list(said)]
        left: list[tuple[Said, int]] = []
        for batch in batches:
            left += [(batch[int(identity[1:])], 2) for identity in self.deliver(*batch)]
            self.now += timedelta(seconds=5)
        for _ in range(20):
            again, left = left, []
            for one, receives in again:
                if self.deliver(one, receives=receives):
                    left.append((one, receives + 1))
                self.now += timedelta(seconds=130)

    def shown(self, channel: str = "#ops-alerts") -> tuple[Shown, ...]:
        return self.workspace.messages(channel)

    def headlines(self) -> list[str]:
        """Return the channel as a reader sees it: colour and first block of each message, oldest incident first."""
        return sorted(f"{colour(one)} {one.payload['blocks'][0]['text']['text']}" for one in self.shown())

    def replies(self, one: Shown) -> list[str]:
        return [str(reply.payload["text"]) for reply in self.workspace.replies(one.channel, one.ts)]

    def reasons(self) -> list[str]:
        return [entry["reason"] for entry in self.log if entry.get("did") == "dropped"]


def colour(one: Shown) -> str:
    attachments = one.payload.get("attachments") or [{}]
    return str(attachments[0].get("color", ""))


ALARM, OK = event(), ok(minute(21))
ALARM2, OK2 = event(at=minute(30), values=(900.0,)), ok(minute(41), values=(12.0,))
ACTED, HELPED = report("acted", minute(1)), report("helped", minute(15), Phase.HELPED, headline=Text("it drains", "줄어듭니다"))
LATE_ACTED, LATE_HELPED = replace(ACTED, at=minute(43)), replace(HELPED, at=minute(44))
STORY: tuple[Said, ...] = (ALARM, OK, ALARM2, OK2)
AT_THE_END = [
    f"{GREEN} CRITICAL resolved · prod · image-processing · 12 s (≥ 600 s)",
    f"{GREEN} CRITICAL resolved · prod · image-processing · 35 s (≥ 600 s)",
]


@pytest.mark.parametrize("order", list(itertools.permutations(STORY)))
def test_two_episodes_in_any_order_are_two_resolved_messages(order: tuple[Said, ...]) -> None:
    story = Story()
    story.play(order)
    assert story.headlines() == AT_THE_END


@pytest.mark.parametrize("order", list(itertools.permutations((ALARM, OK, ACTED, HELPED))))
@pytest.mark.parametrize("one_by_one", [True, False])
def test_reports_and_endings_in_any_order_are_shown_once_in_one_message(order: tuple[Said, ...], one_by_one: bool) -> None:
    story = Story(now=minute(2))
    story.play(order, one_by_one=one_by_one)
    (only,) = story.shown()
    assert colour(only) == GREEN
    done = [text for text in story.replies(only) if text.startswith(("image-consumer", "it drains"))]
    assert sorted(done) == ["image-consumer: floor 4 → 12 tasks", "it drains"]
    lines = str(only.payload["attachments"][0]["blocks"])
    assert lines.index("image-consumer: floor") < lines.index("it drains")


@settings(deadline=None, max_examples=60)
@given(st.permutations([ALARM, OK, ALARM2, OK2, LATE_ACTED, LATE_HELPED] * 2), st.integers(0, 2**32))
def test_everything_twice_in_any_order_through_a_failing_slack_ends_the_same(order: list[Said], seed: int) -> None:
    """Whatever the order: one message per incident, in its right final state; the faults only delay."""
    story, chance = Story(now=minute(45)), random.Random(seed)  # noqa: S311 - not for secrets
    story.workspace("chat.postMessage", {"channel": "#ops-alerts", "text": "makes the channel", "thread_ts": ""}, TOKEN)
    story.workspace.delete("#ops-alerts", story.shown()[0].ts)
    story.threads.learn("#ops-alerts", "C00000001")
    for fault in chance.sample([Fault.THROTTLED, Fault.BROKEN, Fault.TIMEOUT, Fault.LOST] * 2, 5):
        story.workspace.order(fault, chance.randint(0, 1))
    story.play(order)
    assert story.headlines() == AT_THE_END
    told = list(itertools.chain.from_iterable(story.replies(one) for one in story.shown()))
    assert sorted(text for text in told if text.startswith(("image-consumer", "it drains"))) == [
        "image-consumer: floor 4 → 12 tasks",
        "it drains",
    ]


def test_the_second_delivery_of_every_event_changes_nothing() -> None:
    story = Story()
    story.play([ALARM, OK, ACTED])
    calls = len(story.workspace.calls)
    story.play([ALARM, OK, ACTED])
    assert len(story.workspace.calls) == calls
    assert story.reasons() == ["duplicate", "duplicate", "report-already-shown"]


def test_in_one_batch_an_ok_never_overtakes_its_alarm() -> None:
    story = Story()
    story.deliver(OK, ALARM)
    (only,) = story.shown()
    assert [colour(one) for one in (only,)] == [GREEN]
    assert len(only.history) == 1
    assert story.replies(only) == ["CRITICAL resolved · prod · image-processing · 35 s (≥ 600 s) · Resolved after 21 min"]


def test_a_late_alarm_whose_ok_was_seen_is_posted_already_resolved() -> None:
    story = Story()
    story.deliver(OK)
    assert story.shown() == ()
    assert story.reasons() == ["ok-without-incident"]
    story.deliver(ALARM)
    (only,) = story.shown()
    assert (colour(only), len(only.history), story.replies(only)) == (GREEN, 0, [])


def test_a_first_ok_says_nothing() -> None:
    story = Story()
    story.deliver(ok(T0, previous_state=State.INSUFFICIENT_DATA))
    assert story.workspace.calls == []
    assert story.reasons() == ["first-ok"]


def test_insufficient_data_then_ok_turns_grey_then_green() -> None:
    story = Story()
    story.deliver(ALARM)
    story.deliver(unknown(minute(5)))
    (only,) = story.shown()
    assert colour(only) == GREY
    story.deliver(ok(minute(9), previous_state=State.INSUFFICIENT_DATA))
    assert [colour(one) for one in story.shown()] == [GREEN]
    assert len(story.replies(only)) == 2


def test_an_older_ending_does_not_overwrite_a_newer_one() -> None:
    story = Story()
    for said in (ALARM, ok(minute(9), previous_state=State.INSUFFICIENT_DATA), unknown(minute(5))):
        story.deliver(said)
    assert [colour(one) for one in story.shown()] == [GREEN]
    assert story.reasons() == ["older-than-shown"]


def test_an_incident_whose_ok_was_lost_turns_grey_when_the_next_begins_and_green_if_it_comes_after_all() -> None:
    story = Story()
    story.deliver(ALARM)
    story.deliver(ALARM2)
    assert [colour(one) for one in story.shown()] == [GREY, RED]
    story.deliver(OK)
    assert [colour(one) for one in story.shown()] == [GREEN, RED]


def test_each_contributor_has_its_own_message_and_its_own_ending() -> None:
    one, two = (Contributor(identity * 16, {"QueueName": name}) for identity, name in (("a", "left"), ("b", "right")))
    story = Story()
    threads = [event(contributor=one), event(contributor=two), ok(minute(3), contributor=one)]
    for said in threads:
        body = {**notification(said), "AlarmContributorId": said.contributor.id if said.contributor else ""}
        body["AlarmContributorAttributes"] = dict(said.contributor.attributes) if said.contributor else {}
        story.app.handle({"Records": [record("m", body)]}, None, story.now)
    assert [colour(shown) for shown in story.shown()] == [GREEN, RED]


def test_an_alarm_without_a_row_goes_to_the_default_channel() -> None:
    story = Story(rows={})
    story.deliver(ALARM)
    (only,) = story.shown("#default")
    assert "No row of the catalogue" in str(only.payload)


def test_a_channel_that_slack_refuses_falls_back_to_the_default_one_with_a_note() -> None:
    story = Story()
    story.workspace.archived.add("ops-alerts")
    story.workspace("chat.postMessage", {"channel": "#ops-alerts", "text": "x"}, TOKEN)
    assert story.deliver(ALARM) == []
    (only,) = story.shown("#default")
    assert "Meant for #ops-alerts, which Slack refused (is_archived)." in str(only.payload)
    story.deliver(OK)
    assert [colour(one) for one in story.shown("#default")] == [GREEN]


def test_a_message_that_someone_deleted_is_posted_anew() -> None:
    story = Story()
    story.deliver(ALARM)
    (first,) = story.shown()
    story.workspace.delete("#ops-alerts", first.ts)
    story.deliver(OK)
    assert [colour(one) for one in story.shown()] == [GREEN]


def test_blocks_that_slack_refuses_are_said_in_plain_text() -> None:
    story = Story()
    refused = itertools.count()

    def picky(method: str, payload: Any, token: str) -> Any:
        if payload.get("blocks"):
            next(refused)
            return Answer(200, {"ok": False, "error": "invalid_blocks"})
        return story.workspace(method, payload, token)

    story.app = build(
        ENVIRON,
        threads=MemoryThreads(),
        rows=MemoryRows(story.rows),
        slack=SlackApi(picky, token),
        log=story.log.append,
        postpone=story.postpone,
    )
    assert story.deliver(ALARM, ACTED, OK) == []
    (only,) = story.shown()
    assert only.payload["text"].startswith("CRITICAL resolved · prod")
    assert "QueueName `image-jobs`" in only.payload["text"]
    assert next(refused) > 0


def test_a_429_sends_the_record_back_and_asks_the_queue_to_wait_as_slack_wishes() -> None:
    story = Story()
    story.workspace.order(Fault.THROTTLED, retry_after_s=17)
    assert story.deliver(ALARM) == ["m0"]
    assert story.postponed == [17]
    assert story.deliver(ALARM) == []
    assert len(story.shown()) == 1


def test_after_a_429_the_rest_of_the_batch_is_not_sent_against_the_wall() -> None:
    story = Story()
    story.workspace.order(Fault.THROTTLED)
    assert story.deliver(ALARM, OK, ALARM2, ACTED) == ["m0", "m3", "m1", "m2"]
    assert len(story.workspace.calls) == 1


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.TIMEOUT, Fault.LOST])
def test_a_post_whose_answer_is_lost_is_found_again_and_not_repeated(fault: Fault) -> None:
    story = Story()
    story.deliver(event(at=minute(-60)))  # the channel's id is known from an earlier message
    story.workspace.order(fault)
    assert story.deliver(ALARM) == ["m0"]
    assert story.deliver(ALARM) == []
    story.deliver(OK)
    assert [colour(one) for one in story.shown()] == [GREY, GREEN]


def test_without_the_scope_to_look_a_lost_post_is_said_twice_rather_than_never() -> None:
    story = Story(denied=("conversations.history",))
    story.workspace.order(Fault.LOST)
    story.deliver(ALARM)
    assert story.deliver(ALARM) == []
    assert len(story.shown()) == 2


class Crash(BaseException):
    """The function is gone from one instruction to the next."""


class CrashingThreads(MemoryThreads):
    """Crashes instead of storing what was posted, once."""

    crash = True

    def save(self, thread: Thread, *, owner: str, doing: str = "") -> None:
        if self.crash:
            type(self).crash = False
            raise Crash
        super().save(thread, owner=owner, doing=doing)


def test_a_crash_between_the_post_and_its_record_leaves_one_message() -> None:
    story = Story(threads=CrashingThreads())
    story.workspace("chat.postMessage", {"channel": "#ops-alerts", "text": "earlier"}, TOKEN)
    story.threads.learn("#ops-alerts", "C00000001")
    with pytest.raises(Crash):
        story.deliver(ALARM)
    assert story.deliver(ALARM) == ["m0"]  # the lease of the dead still holds
    story.now += timedelta(seconds=121)
    assert story.deliver(ALARM) == []
    story.deliver(OK)
    assert [colour(one) for one in story.shown()][1:] == [GREEN]


def test_two_deliveries_at_once_post_one_message() -> None:
    """The second one arrives while the first is speaking: it goes back to the queue and finds everything said."""
    story = Story()
    meanwhile: list[list[str]] = []

    def interrupted(method: str, payload: Any, token: str) -> Any:
        if not meanwhile:
            meanwhile.append([])
            meanwhile[0] = story.deliver(ALARM, receives=2)
        return story.workspace(method, payload, token)

    inner = story.app
    story.app = build(
        ENVIRON,
        threads=story.threads,
        rows=MemoryRows(story.rows),
        slack=SlackApi(interrupted, token),
        log=story.log.append,
        postpone=story.postpone,
    )
    first, story.app = story.app, inner
    failed = first.handle({"Records": [record("m0", ALARM)]}, None, story.now)
    assert failed == {"batchItemFailures": []}
    assert meanwhile == [["m0"]]
    assert story.postponed == [5.0]
    story.deliver(ALARM)
    assert len(story.shown()) == 1


def test_a_report_waits_for_its_incident_but_not_for_ever() -> None:
    story = Story(now=minute(2))
    assert story.deliver(ACTED, receives=1) == ["m0"]
    assert story.deliver(ACTED, receives=3) == ["m0"]
    assert story.deliver(ACTED, receives=4) == []
    (plain,) = story.shown()
    assert "Its alarm message has not arrived" in str(plain.payload)
    assert story.deliver(ACTED, receives=5) == []
    assert len(story.shown()) == 1


def test_an_old_report_without_an_incident_is_shown_at_once() -> None:
    story = Story(now=minute(11))
    assert story.deliver(ACTED) == []
    assert len(story.shown()) == 1


def test_a_report_about_another_rooms_reading_of_the_start_finds_the_incident() -> None:
    story = Story(now=minute(2))
    story.deliver(ALARM)
    late = report("x", minute(2), episode=Episode(ALARM.subject_key, T0 + timedelta(seconds=40)))
    assert story.deliver(late) == []
    assert len(story.replies(story.shown()[0])) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("budget of October exceeded", "not-an-alarm"),
        ({"Type": "SubscriptionConfirmation", "SubscribeURL": "https://x", "Token": "t"}, "not-an-alarm"),
    ],
)
def test_what_is_no_alarm_is_dropped_by_name(body: Any, reason: str) -> None:
    story = Story()
    assert story.app.handle({"Records": [record("m0", body)]}, None, story.now) == {"batchItemFailures": []}
    assert story.reasons() == [reason]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "tocsin.report/1", "id": "x"},
        {"type": "tocsin.report/2"},
        {"AlarmName": "x", "NewStateValue": "SIDEWAYS", "NewStateReason": "r", "StateChangeTime": "now"},
    ],
)
def test_what_cannot_be_read_goes_to_the_dead_letters_and_not_into_silence(body: dict[str, Any]) -> None:
    story = Story()
    story.deliver(ALARM)
    failed = story.app.handle({"Records": [record("m0", body), record("m1", OK)]}, None, story.now)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert [colour(one) for one in story.shown()] == [GREEN]


@pytest.mark.parametrize("batch", [{}, {"Records": []}, {"Records": None}, {"Records": ["x", {"Sns": {}}]}])
def test_a_batch_without_records_is_no_failure(batch: dict[str, Any]) -> None:
    assert Story().app.handle(batch, None, T0) == {"batchItemFailures": []}


class NoTimeLeft:
    def get_remaining_time_in_millis(self) -> int:
        return 3_000


def test_a_function_that_is_about_to_end_does_not_begin_to_speak() -> None:
    story = Story()
    failed = story.app.handle({"Records": [record("m0", ALARM)]}, NoTimeLeft(), story.now)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert story.workspace.calls == []


def test_each_outcome_is_logged_with_its_reason_and_no_secret() -> None:
    story = Story()
    story.deliver(ALARM)
    story.deliver(ALARM)
    assert [(entry["did"], entry.get("reason")) for entry in story.log] == [("posted", None), ("dropped", "duplicate")]
    assert TOKEN not in str(story.log)
    assert NAME in story.log[0]["subject"]


def command(kind: CommandKind, at: datetime, *, by: str = "U0DDDDDDD", subject: str = "") -> dict[str, Any]:
    """Return what pressing a button puts on the notifier's queue."""
    said = Command(kind, subject or Episode(ALARM.subject_key, T0).id, by, at, f"{kind.value}-{at.timestamp()}", ALARM.alarm_key)
    return said.to_document()


def test_a_muted_incident_changes_in_place_and_says_nothing_in_its_thread_until_the_hour_is_over() -> None:
    story = Story(now=minute(2))
    story.play([ALARM, command(CommandKind.MUTE, minute(2)), replace(ACTED, at=minute(3))])
    (only,) = story.shown()
    assert "Muted by <@U0DDDDDDD>" in str(only.payload)
    assert "image-consumer: floor" in str(only.payload)
    assert story.replies(only) == []
    story.now = minute(62.5)
    story.play([replace(HELPED, at=minute(62)), replace(ACTED, at=minute(3))])
    assert story.replies(only) == ["it drains"]
    assert "Muted by" not in str(only.payload)


def test_a_muted_incident_still_turns_green() -> None:
    story = Story(now=minute(2))
    story.play([ALARM, command(CommandKind.MUTE, minute(2)), OK])
    assert colour(story.shown()[0]) == GREEN
    assert story.replies(story.shown()[0]) == []


def test_unmuted_it_speaks_again() -> None:
    story = Story(now=minute(2))
    story.play([ALARM, command(CommandKind.MUTE, minute(2)), command(CommandKind.UNMUTE, minute(3)), OK])
    assert len(story.replies(story.shown()[0])) == 1


@pytest.mark.parametrize(
    "order", list(itertools.permutations((command(CommandKind.MUTE, minute(2)), command(CommandKind.UNMUTE, minute(3)))))
)
def test_the_last_click_counts_in_whatever_order_and_however_often_clicks_arrive(order: tuple[dict[str, Any], ...]) -> None:
    story = Story(now=minute(4))
    story.play([ALARM, *order, order[0]])
    assert "Muted by" not in str(story.shown()[0].payload)


def test_a_second_delivery_of_a_click_changes_nothing() -> None:
    story = Story(now=minute(2))
    story.play([ALARM, *[command(CommandKind.MUTE, minute(2))] * 2])
    assert len(story.shown()[0].history) == 1
    assert story.reasons() == ["duplicate"]


def test_a_click_on_an_incident_that_is_not_remembered_is_dropped_with_a_name() -> None:
    story = Story()
    story.play([command(CommandKind.MUTE, minute(2), subject="0123456789ab")])
    assert story.reasons() == ["no-such-incident"]


def test_a_command_for_the_other_room_goes_to_the_dead_letters_and_not_in_silence() -> None:
    story = Story()
    assert story.deliver(command(CommandKind.APPROVE, minute(2), subject="a1b2")) == ["m0"]
    assert story.log[-1]["reason"] == "unreadable"


def test_a_question_keeps_its_buttons_through_many_reports_and_loses_them_when_answered() -> None:
    story = Story(now=minute(2))
    asked = report("asked", minute(1), Phase.ASKED, run="a1b2", until=minute(59))
    later = [report(f"later{index}", minute(2), Phase.SKIPPED) for index in range(6)]
    story.play([ALARM, asked, *later])
    assert "tocsin.approve" in str(story.shown()[0].payload)
    story.play([report("denied", minute(3), Phase.DENIED, run="a1b2", by="U0BBBBBBB")])
    assert "tocsin.approve" not in str(story.shown()[0].payload)
    assert "<@U0BBBBBBB>" in str(story.shown()[0].payload)


RUN = "a1b2c3d4e5f60718"
RUN_SAYS = (
    report("asked", minute(1), Phase.ASKED, run=RUN, until=minute(300), headline=Text("asks", "요청")),
    report("yes", minute(2), Phase.APPROVED, run=RUN, by="U0AAAAAAA", headline=Text("yes", "승인")),
    report("acted", minute(3), run=RUN, undoable=True),
    report("back", minute(5), Phase.REVERTED, run=RUN, by="U0DDDDDDD", headline=Text("given back", "원복")),
    report("held", minute(6), Phase.HELD, by="U0DDDDDDD", until=minute(66), headline=Text("held", "보류")),
    report("free", minute(7), Phase.HELD, by="U0DDDDDDD", headline=Text("released", "재개")),
)
CLICKED = (command(CommandKind.MUTE, minute(8)), command(CommandKind.UNMUTE, minute(9)))


@settings(deadline=None, max_examples=60)
@given(st.permutations([*RUN_SAYS, *CLICKED] * 2), st.integers(0, 2**32))
def test_reports_and_clicks_twice_in_any_order_through_a_failing_slack_leave_the_same_buttons(
    order: list[Said], seed: int
) -> None:
    """Nothing that was answered or given back can be pressed again, whatever came when."""
    story, chance = Story(now=minute(10)), random.Random(seed)  # noqa: S311 - not for secrets
    story.play([ALARM])
    for _ in range(6):
        story.workspace.order(chance.choice([Fault.THROTTLED, Fault.BROKEN]), chance.randint(0, 2))
    story.play(order)
    (only,) = story.shown()
    assert set(buttons(only)) == {"tocsin.hold", "tocsin.mute"}
    assert "Muted by" not in str(only.payload)
    assert "is held by" not in str(only.payload)


def test_a_click_on_a_message_whose_post_got_no_answer_waits_until_it_is_known() -> None:
    story = Story(now=minute(2))
    story.workspace.order(Fault.LOST)
    assert story.deliver(ALARM) == ["m0"]
    assert story.deliver(command(CommandKind.MUTE, minute(2))) == ["m0"]
    story.now = minute(5)
    story.play([ALARM, command(CommandKind.MUTE, minute(2))])
    assert "Muted by" in str(story.shown()[-1].payload)
