"""No message, however broken, makes the parser raise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain.event import AlarmEvent, Ignored, State
from alarms.domain.event_document import event_document
from alarms.domain.payload import parse, parse_all

EVENTS = sorted((Path(__file__).parents[3] / "events").glob("*.json"))
FIXTURES = [json.loads(path.read_text(encoding="utf-8")) for path in EVENTS]
RECEIVED = datetime(2026, 10, 31, 6, 4, tzinfo=UTC)
WORDS = ["AlarmName", "NewStateValue", "Trigger", "Records", "Sns", "body", "Body", "messageId", "MessageId", "Type", "Message"]
WORDS += [
    "detail-type",
    "detail",
    "state",
    "reasonData",
    "alarmData",
    "configuration",
    "metrics",
    "Metrics",
    "AlarmContributorId",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["OK", "ALARM", "Notification"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)


def holds_what_it_promises(message: object) -> None:
    """Check the promises of types: known state, aware time, texts that UTF-8 can carry, a document that JSON can carry."""
    answers = parse_all(message, received_at=RECEIVED)
    assert answers
    for answer in answers:
        if isinstance(answer, Ignored):
            assert answer.detail
            answer.detail.encode()
            continue
        assert answer.alarm_name
        assert answer.state in State
        assert answer.changed_at.tzinfo is UTC
        assert len(answer.account) in (0, 12)
        json.dumps(event_document(answer), ensure_ascii=False, allow_nan=False).encode()
    assert isinstance(parse(message, received_at=RECEIVED), (AlarmEvent, Ignored))


@settings(deadline=None, max_examples=150)
@given(values)
def test_any_json_value_is_answered(message: object) -> None:
    """Whatever JSON arrives, decoded or as text."""
    holds_what_it_promises(message)
    holds_what_it_promises(json.dumps(message))


@settings(deadline=None, max_examples=100)
@given(st.text() | st.binary())
def test_any_text_is_answered(message: str | bytes) -> None:
    """Whatever text arrives."""
    holds_what_it_promises(message)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Draw a real payload in which some values, at any depth and inside text too, are replaced, dropped or doubled."""
    return _mutate(draw, draw(st.sampled_from(FIXTURES)))


def _mutate(draw: st.DrawFn, value: Any) -> Any:
    if draw(st.integers(0, 24)) == 0:
        return draw(values)
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if draw(st.integers(0, 24))}
        return {key: _mutate(draw, item) for key, item in kept.items()}
    if isinstance(value, list):
        return [_mutate(draw, item) for item in value]
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(_mutate(draw, json.loads(value)))
    return value


@settings(deadline=None, max_examples=200)
@given(mutated())
def test_a_damaged_alarm_is_answered(message: Any) -> None:
    """Members missing, of another type, or full of junk."""
    holds_what_it_promises(message)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(FIXTURES), st.data())
def test_a_cut_off_message_is_answered(payload: Any, data: st.DataObject) -> None:
    """A message that ends too early is plain text, not a crash."""
    text = json.dumps(payload)
    holds_what_it_promises(text[: data.draw(st.integers(0, len(text)))])


@settings(deadline=None, max_examples=50)
@given(st.sampled_from([item for item in FIXTURES if "Records" in item]))
def test_reading_twice_gives_the_same_event(payload: Any) -> None:
    """A redelivered message is the same event: nothing in it depends on when it is read."""
    later = datetime(2027, 1, 1, tzinfo=UTC)

    first = [event for event in parse_all(payload, received_at=RECEIVED) if isinstance(event, AlarmEvent)]
    second = [event for event in parse_all(payload, received_at=later) if isinstance(event, AlarmEvent)]

    assert first == second
