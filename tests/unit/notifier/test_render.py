"""The incident's message: what it says, and that Slack takes it whatever the alarm says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notifier_samples import POLICY, event, minute, ok, report, row, unknown

from alarms.domain.alarm import Alarm, Condition, Mode, Operator, Severity
from alarms.domain.decision import Change, GuardAnswer
from alarms.domain.event import AlarmEvent, Contributor, Envelope, Shape, State, Trigger
from alarms.domain.readings import text as received
from alarms.domain.report import Phase, Report
from alarms.domain.text import Language, Text
from notifier.limits import problems
from notifier.record import Thread, with_report
from notifier.render import GREEN, GREY, incident
from notifier.standing import Silence
from notifier.thread import ending_reply, plain_report, report_reply
from notifier.timeline import Incident, incident_of

CHANNEL = "#ops-alerts"


def shown(said: AlarmEvent, of: Alarm | None, **more: Any) -> dict[str, Any]:
    """Return the payload of the message for one event."""
    return incident(said, of, channel=CHANNEL, **more).payload()


def told(*reports: Report) -> Thread:
    """Return what is remembered once ``reports`` came."""
    return reduce(with_report, reports, Thread("subject", "item"))


def of_all(*seen: AlarmEvent, of: Alarm | None = None, **more: Any) -> dict[str, Any]:
    """Return the payload of the message of the first incident in ``seen``."""
    known = incident_of(seen, seen[0])
    assert known
    return shown(known.last, of or row(), known=known, **more)


def said_in(payload: dict[str, Any]) -> str:
    """Return every text of a payload, joined."""
    return json.dumps(payload, ensure_ascii=False)


def first_block(payload: dict[str, Any]) -> str:
    return str(payload["blocks"][0]["text"]["text"])


def colour(payload: dict[str, Any]) -> str:
    return str(payload["attachments"][0]["color"])


def test_a_locked_phone_shows_severity_stage_service_and_value_against_threshold() -> None:
    payload = shown(event(), row())
    assert first_block(payload) == "CRITICAL · prod · image-processing · 742 s (≥ 600 s)"
    assert payload["text"].startswith(first_block(payload))
    assert len(first_block(payload)) <= 80


def test_long_names_do_not_push_the_value_off_a_locked_phone() -> None:
    long = row(service="the-service-with-a-name-that-nobody-ever-wanted-to-type-in-full", stage="production-ap-northeast-2")
    assert "742 s (≥ 600 s)" in first_block(shown(event(), long))[:80]


def test_the_message_says_what_where_how_bad_since_when_and_what_to_do() -> None:
    text = said_in(shown(event(), row()))
    for words in (
        "Queue backlog delays processing",
        "AWS/SQS ApproximateAgeOfOldestMessage &gt;= 600 s, for 15 min",
        "QueueName `image-jobs`",
        "742 s",
        "≥ 600 s",
        "<!date^1793459000^{date_short_pretty} {time_secs}|2026-10-31 15:03:20 UTC>",
        "In alarm",
        "CloudWatch says: Threshold Crossed",
        "|Runbook>",
        "region=ap-northeast-2#alarmsV2:alarm/tocsin%2Fprod",
        "platform",
        "*scale-consumers*: automatic (at most 3 per hour, 10 per day; given back 30 min after recovery",
        "if it does not help: escalate",
    ):
        assert words in text


def test_the_rows_language_wins() -> None:
    text = said_in(shown(event(), row(language=Language.KO), language=Language.EN))
    for words in ("심각 · prod", "경보 중", "런북", "15분 동안", "자동 (최대 시간당 3회", "CloudWatch 사유"):
        assert words in text


def test_where_nothing_is_safe_the_reason_is_told() -> None:
    text = said_in(shown(event(), row(policies=(), no_action="terminating sessions loses work")))
    assert "Nothing is done automatically: terminating sessions loses work" in text


@pytest.mark.parametrize(("mode", "words"), [(Mode.OBSERVE, "observes only"), (Mode.PROPOSE, "a person decides")])
def test_the_mode_is_told_in_words(mode: Mode, words: str) -> None:
    assert words in said_in(shown(event(), row(policies=(replace(POLICY, mode=mode),))))


def test_three_of_five_points_are_told_as_such() -> None:
    text = said_in(shown(event(), row(evaluation_periods=5, datapoints_to_alarm=3)))
    assert "3 of 5 points of 1 min" in text


def test_an_alarm_without_a_row_says_so_and_shows_all_it_knows() -> None:
    payload = shown(event(), None)
    text = said_in(payload)
    assert first_block(payload).startswith("ALARM · tocsin/prod")
    for words in ("No row of the catalogue describes this alarm", "QueueName `image-jobs`", "742", "|CloudWatch alarm>"):
        assert words in text


def test_reports_are_told_in_short_lines_oldest_first() -> None:
    done = (report("2", minute(3), Phase.HELPED, headline=Text("the queue drains", "큐가 줄어듭니다")), report("1", minute(2)))
    text = said_in(shown(event(), row(), thread=told(*done)))
    assert text.index("image-consumer: floor") < text.index("the queue drains")


def test_a_recovery_is_green_and_has_its_duration() -> None:
    payload = of_all(event(), ok(minute(21)))
    assert colour(payload) == GREEN
    assert "Resolved after 21 min" in said_in(payload)
    assert first_block(payload) == "CRITICAL resolved · prod · image-processing · 35 s (≥ 600 s)"


def test_an_ok_from_missing_data_is_grey_and_no_proof() -> None:
    payload = of_all(event(), ok(minute(21), values=(), no_data=True))
    assert colour(payload) == GREY
    assert "not proof of recovery" in said_in(payload)
    assert "esolved" not in said_in(payload)


def test_insufficient_data_is_grey_and_no_longer_known() -> None:
    payload = of_all(event(), unknown(minute(21)))
    assert colour(payload) == GREY
    assert "No longer known" in said_in(payload)


def test_an_incident_whose_end_nobody_reported_is_grey_and_says_so() -> None:
    payload = of_all(event(), event(at=minute(30)))
    assert colour(payload) == GREY
    assert "never reported" in said_in(payload)


def test_an_ending_by_itself_does_not_pretend_to_know_the_start() -> None:
    text = said_in(shown(ok(minute(21)), row()))
    assert "*Since*\\nnot known → <!date^" in text
    assert "Resolved after" not in text


def test_a_time_that_the_message_did_not_carry_is_not_invented() -> None:
    assert "not in the message; received <!date^" in said_in(shown(event(changed_at_known=False), row()))


def test_a_composite_shows_its_rule_and_the_alarms_behind_it() -> None:
    composite = event(
        shape=Shape.COMPOSITE,
        values=(),
        children=("api-5xx", "db-cpu"),
        trigger=Trigger(alarm_rule="ALARM(api-5xx) OR ALARM(db-cpu)"),
        suppressed_by="WaitPeriod",
    )
    text = said_in(shown(composite, None))
    for words in ("`api-5xx`\\n`db-cpu`", "`ALARM(api-5xx) OR ALARM(db-cpu)`", "suppressed by `WaitPeriod`"):
        assert words in text


def test_a_contributor_is_named_by_its_attributes() -> None:
    one = event(
        shape=Shape.CONTRIBUTOR, contributor=Contributor("0123456789abcdef", {"QueueName": "image-jobs", "Region": "<x>"})
    )
    text = said_in(shown(one, None))
    assert "*Contributor*\\nQueueName `image-jobs`\\nRegion `&lt;x&gt;`" in text


def test_a_runbook_without_an_address_is_shown_by_its_path() -> None:
    assert "Runbook `docs/runbooks/sqs-oldest-message-age.md`" in said_in(shown(event(), row(runbook_url="")))


def test_nothing_of_an_alarm_can_ping_or_forge_a_link() -> None:
    hostile = "<!channel> <https://evil.example|Runbook> *x* `y` @here"
    payload = shown(event(alarm_name=hostile, reason=hostile, description=hostile), row(title=hostile, owner=hostile))
    assert problems(payload) == []
    assert "<!channel>" not in said_in({"blocks": [b for b in payload["attachments"][0]["blocks"] if b["type"] == "section"]})


TEXTS = st.text(st.characters(), max_size=60) | st.sampled_from(
    ["<!here>" * 300, "&" * 3000, "𝕏" * 3000, '`*_~"' * 600, "\ud800\n"]
)
NAMES = TEXTS.map(received)  # what the door lets through: no lone surrogates
PAIRS = st.dictionaries(TEXTS, TEXTS, max_size=12)
FLOATS = st.floats()
TIMES = st.integers(-500_000_000, 500_000_000).map(minute).filter(lambda moment: 1971 < moment.year < 9000)
TRIGGERS = st.builds(
    Trigger,
    *(st.none() | TEXTS for _ in range(3)),
    dimensions=st.none() | PAIRS,
    operator=st.none() | TEXTS,
    threshold=st.none() | FLOATS,
    unit=st.none() | TEXTS,
    metrics=st.lists(TEXTS, max_size=8).map(tuple),
    expression=st.none() | TEXTS,
    alarm_rule=st.none() | TEXTS,
)
EVENTS = st.builds(
    AlarmEvent,
    alarm_name=NAMES,
    alarm_arn=NAMES,
    account=NAMES,
    region=NAMES,
    partition=TEXTS | st.just("aws"),
    state=st.sampled_from(State),
    previous_state=st.sampled_from(State),
    changed_at=TIMES,
    changed_at_known=st.booleans(),
    reason=TEXTS,
    description=TEXTS,
    envelope=st.sampled_from(Envelope),
    shape=st.sampled_from(Shape),
    trigger=TRIGGERS,
    contributor=st.none() | st.builds(Contributor, NAMES, PAIRS),
    values=st.lists(FLOATS, max_size=3).map(tuple),
    band=st.none() | st.tuples(FLOATS, FLOATS),
    children=st.lists(TEXTS, max_size=30).map(tuple),
    no_data=st.booleans(),
    suppressed_by=TEXTS,
    muted=st.booleans(),
    after_mute=st.booleans(),
)
CONDITIONS = st.builds(Condition, TEXTS, TEXTS, st.sampled_from(Operator), FLOATS, TEXTS, FLOATS)
POLICIES = st.lists(
    st.builds(lambda action: replace(POLICY, action=action, limits=POLICY.limits * 5, otherwise=(POLICY,) * 9), TEXTS), max_size=9
).map(tuple)
ROWS = st.builds(
    lambda texts, condition, target, policies, severity, language: row(
        stage=texts[0], service=texts[1], component=texts[2], row=texts[3], title=texts[4], owner=texts[5], runbook=texts[6],
        runbook_url="https://x/" + texts[7], no_action=texts[8], condition=condition, target=target, policies=policies,
        severity=severity, language=language,
    ),
    st.lists(TEXTS, min_size=9, max_size=9),
    CONDITIONS,
    PAIRS,
    POLICIES,
    st.sampled_from(Severity),
    st.sampled_from(Language),
)  # fmt: skip
REPORTS = st.builds(
    lambda texts, at, phase, count: Report(
        id=texts[0], episode=report("1", at).episode, alarm_name=texts[1], at=at, phase=phase, action=texts[2], mode=texts[3],
        headline=Text(texts[4], texts[4]), why=Text(texts[5], texts[5]), reason=texts[6], next_at=at,
        changes=(Change(texts[7], texts[8], 1, texts[0]),) * count,
        answers=(GuardAnswer(texts[1], False, Text(texts[2], texts[2])),) * count,
        lines=(Text(texts[3], texts[3]),) * count * 9, run=texts[8] or RUN, by=texts[7] or "U0AAAAAAA", until=at + AN_HOUR,
        undoable=count % 2 == 0, risk=texts[6], approvers=(texts[1], "U0AAAAAAA") * count,
        approvals=(texts[2],) * count, needed=2,
    ),
    st.lists(TEXTS, min_size=9, max_size=9),
    TIMES,
    st.sampled_from(Phase),
    st.integers(0, 12),
)  # fmt: skip
RUN, AN_HOUR = "a1b2c3d4e5f60718", timedelta(hours=1)


@settings(deadline=None, max_examples=150)
@given(EVENTS, st.none() | ROWS, st.lists(EVENTS, max_size=2), st.lists(REPORTS, max_size=7))
def test_slack_takes_the_message_of_any_alarm(
    said: AlarmEvent, of: Alarm | None, after: list[AlarmEvent], done: list[Report]
) -> None:
    known = Incident((said,), tuple(after)) if said.state is State.ALARM else None
    now = max((one.at for one in done), default=said.changed_at)
    message = incident(said, of, channel=CHANNEL, known=known, thread=told(*done), now=now)
    assert problems(message.payload()) == []
    assert problems(message.bare().payload()) == []
    assert problems(message.edit("C1", "1.000001")) == []


@settings(deadline=None, max_examples=100)
@given(EVENTS, st.none() | ROWS, REPORTS, st.sampled_from(Language))
def test_slack_takes_every_reply(said: AlarmEvent, of: Alarm | None, done: Report, language: Language) -> None:
    ending = ending_reply(Incident((said,), (said,)), of, channel=CHANNEL, thread_ts="1.000001", language=language)
    reply = report_reply(done, channel=CHANNEL, thread_ts="1.000001", language=language)
    for message in (ending, reply, plain_report(done, channel=CHANNEL, note="", language=language)):
        assert problems(message.payload()) == []
        assert problems(message.bare().payload()) == []


@pytest.mark.parametrize("filler", ['"', "<", "&", "𝕏", "가", "\\", "`", "*", "a "])
@pytest.mark.parametrize("shape", [Shape.COMPOSITE, Shape.CONTRIBUTOR])
def test_the_longest_message_there_can_be_still_fits(filler: str, shape: Shape) -> None:
    long = filler * 6000
    pairs = {f"{index}{long}": long for index in range(30)}
    said = event(
        shape=shape,
        alarm_name=long,
        account=long,
        reason=long,
        description=long,
        trigger=Trigger(long, long, long, pairs, metrics=(long,) * 9, expression=long, alarm_rule=long, unit=long),
        contributor=Contributor("1", pairs),
        children=(long,) * 99,
        suppressed_by=long,
        muted=True,
        after_mute=True,
    )
    policies = (replace(POLICY, action=long, limits=POLICY.limits * 9, otherwise=(replace(POLICY, action=long),) * 9),) * 9
    condition = Condition(long, long, Operator.GE, 1.0, long)
    names = dict.fromkeys(("stage", "service", "component", "row", "title", "owner", "runbook", "no_action"), long)
    full = row(**names, condition=condition, target=pairs, policies=policies, runbook_url="https://a.example/" + filler * 1900)
    change = Change(long, long, long, long)
    texts = {"headline": Text(long, long), "why": Text(long, long), "action": long, "changes": (change,) * 99}
    asked = {
        **texts,
        "until": minute(30),
        "approvers": ("U0AAAAAAA",) * 99,
        "needed": 2,
        "approvals": (long,),
        "lines": (Text(long, long),) * 99,
    }
    done = [report(str(index), minute(index), **texts) for index in range(4)]
    done += [report(f"out{index}", minute(index), run=f"r{index}", undoable=True, **texts) for index in range(3)]
    done += [
        report("asked", minute(9), Phase.ASKED, run=RUN, **asked),
        report("held", minute(9), Phase.HELD, by=long, until=minute(30)),
    ]
    thread = replace(told(*done), note="n" * 200, silence=Silence("U0AAAAAAA" * 2, minute(1), minute(61)))
    reply = report_reply(done[-2], channel=CHANNEL, thread_ts="1.000001", language=Language.KO)
    assert problems(reply.payload()) == []
    for of in (full, replace(full, policies=()), None):
        message = incident(said, of, channel=CHANNEL, thread=thread, now=minute(10))
        assert problems(message.payload()) == []
        assert problems(message.bare().payload()) == []


def test_whoever_decided_is_a_name_in_what_remediation_says() -> None:
    said = report("1", minute(1), Phase.HELD, by="U0AAAAAAA", until=minute(61), why=Text("U0AAAAAAA holds it <here>", "보류"))
    text = said_in(report_reply(said, channel=CHANNEL, thread_ts="1.000001", language=Language.EN).payload())
    assert "<@U0AAAAAAA> holds it &lt;here&gt;" in text


def test_findings_are_a_list_and_what_has_no_room_is_counted() -> None:
    said = report("1", minute(1), Phase.DIAGNOSED, lines=tuple(Text(f"finding {index} {'x' * 300}", "") for index in range(99)))
    payload = report_reply(said, channel=CHANNEL, thread_ts="1.000001", language=Language.EN).payload()
    text = said_in(payload)
    assert problems(payload) == []
    assert "• finding 0 " in text
    assert text.count("• finding ") + int(text.split(" more")[0].rsplit(" ", 1)[-1]) == 99
