"""The journal holds every decision, change and verdict once, and never stands in the way of a remediation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remediation_world import API, API_RESOURCE, World, api_alarm, world

from alarms.domain.errors import CannotRun, Permanent, Retryable
from alarms.domain.event import iso
from remediators.aws import Client
from remediators.journal import Journal, key_of, retention
from remediators.looking_back.incidents import Outcome, incidents
from remediators.looking_back.journal_reader import JournalReader
from remediators.looking_back.story import story as story_of

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
TABLE = "tocsin-dev-journal"
DECISION = {
    "type": "decision",
    "at": "2026-10-31T15:00:00.000Z",
    "episode": "e1",
    "verdict": "run",
    "why": {"en": "a", "ko": "b"},
}


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def entries(story: World) -> list[dict[str, Any]]:
    found = story.client("dynamodb").scan(TableName=TABLE)["Items"]
    items = sorted(found, key=lambda item: item["sk"]["S"])
    return [json.loads(item["document"]["S"]) for item in items]


def nowhere(text: str, seconds: int) -> None:
    """Lose what is given, as a queue that nobody reads."""


def journal(story: World, later: Callable[[str, int], None] = nowhere, **changes: Any) -> Journal:
    client = story.client("dynamodb")
    given = {"kept_for": timedelta(days=400), "say": story.audit.append, "later": later, **changes}
    return Journal(lambda: client, TABLE, **given)


def test_the_whole_life_of_a_run_stands_in_the_journal(story: World) -> None:
    """Decision with its guards, intent, act with AWS's request id, verdict, and what was given back."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60, copies=2)
    story.recover(API)
    story.wait(2400, copies=2)

    told = entries(story)
    assert {(entry["type"], entry.get("phase", entry.get("verdict"))) for entry in told} >= {
        ("decision", "run"),
        ("action", "intent"),
        ("action", "acted"),
        ("action", "helped"),
        ("revert", "reverted"),
    }
    (acted,) = [entry for entry in told if entry.get("phase") == "acted"]
    assert acted["request_ids"]
    assert [change["after"] for change in acted["changes"]] == [6]
    assert {entry["type"] for entry in told}.isdisjoint({"note", "ignored"})


def test_what_the_journal_holds_is_read_back_as_the_incident_that_it_was(story: World) -> None:
    """From the ring to what was given back, as `tocsin incidents` and `tocsin report` show it."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.recover(API)
    story.wait(2400)

    reader = JournalReader(Client(story.client("dynamodb")), TABLE)
    (one,) = incidents(reader.between(story.now - timedelta(hours=2), story.now))
    assert (one.outcome, one.ending, one.given_back) == (Outcome.HELPED, "recovered", "given back")
    assert (one.service, one.severity, one.acted) == ("image-processing", "warning", ("scale-service",))

    told = story_of(one.id, reader.of(one.id))
    assert [(change.before, change.after, change.back) for change in told.changes] == [(4, 6, False), (6, 4, True)]
    assert all(change.request_ids for change in told.changes)
    assert [decision.verdict for decision in told.decisions] == ["run"]
    assert all(guard.why.en for guard in told.decisions[0].guards)


def test_the_journal_is_written_once_a_delivery(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    story.ring(API)
    story.wait(60)

    writes = [
        number
        for number, call in enumerate(story.calls)
        if call.operation == "TransactWriteItems" and TABLE in json.dumps(call.params)
    ]
    deliveries = [sum(1 for start in story.handled_at if start <= number) for number in writes]
    assert len(deliveries) == len(set(deliveries))
    assert len(entries(story)) > len(writes) > 0


def test_the_same_entries_twice_are_written_once(story: World) -> None:
    book = journal(story)
    for _ in range(2):
        book.note(dict(DECISION))
        book.flush(NOW)
    book.note(dict(DECISION))
    book.note({**DECISION, "verdict": "skip"})
    book.flush(NOW)

    assert [entry["verdict"] for entry in entries(story)] == ["run", "skip"] or len(entries(story)) == 2


@settings(deadline=None, max_examples=8)
@given(st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=5))
def test_whatever_is_repeated_each_entry_stands_once_and_none_is_lost(batches: list[list[int]]) -> None:
    """Deliveries that overlap in any way, each flushed by itself."""
    with world() as story:
        book = journal(story)
        for batch in batches:
            for number in batch:
                book.note({**DECISION, "number": number})
            book.flush(NOW)

        assert sorted(entry["number"] for entry in entries(story)) == sorted({number for batch in batches for number in batch})


def test_more_than_a_transaction_takes_is_written_too(story: World) -> None:
    book = journal(story)
    for number in range(250):
        book.note({**DECISION, "number": number})
    book.flush(NOW)

    assert len(entries(story)) == 250


def unreachable(story: World) -> Callable[[], None]:
    """Let the journal's table answer nothing; returns how to bring it back."""
    fault = story.aws.seam.fail(
        "dynamodb", "TransactWriteItems", "InternalServerError", times=None, when=lambda params: TABLE in json.dumps(params)
    )
    return fault.lift


def test_a_journal_that_is_down_stops_nothing_and_is_written_when_it_is_back(story: World) -> None:
    """The service gets its tasks and gives them back, people are told; the entries wait on the queue."""
    bring_back = unreachable(story)
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.recover(API)
    story.wait(2400)

    assert story.phases() == ["acted", "helped", "reverted"]
    assert story.floor(API_RESOURCE) == 4
    assert entries(story) == []
    assert any(entry["type"] == "unjournalled" for entry in story.audit)

    bring_back()
    story.wait(400)
    phases = {entry.get("phase") for entry in entries(story)}
    assert {"intent", "acted", "helped", "reverted"} <= phases


def test_entries_wait_in_memory_when_the_queue_is_down_too(story: World) -> None:
    def refuse(text: str, seconds: int) -> None:
        raise Retryable("down")

    bring_back = unreachable(story)
    book = journal(story, refuse)
    book.note(dict(DECISION))
    book.flush(NOW)
    bring_back()
    book.flush(NOW)

    assert len(entries(story)) == 1


def test_a_table_that_may_not_be_written_is_told_on_the_log(story: World) -> None:
    class Refusing:
        def transact_write_items(self, **_: Any) -> None:
            raise Permanent("not authorized", "AccessDeniedException")

    sent: list[str] = []

    def later(text: str, seconds: int) -> None:
        sent.append(text)

    book = Journal(Refusing, TABLE, kept_for=None, say=story.audit.append, later=later)
    book.note(dict(DECISION))
    book.flush(NOW)

    assert story.audit[-1]["type"] == "unjournalled"
    assert [entry["episode"] for text in sent for entry in json.loads(text)["entries"]] == ["e1"]


def test_sentences_are_masked_and_identities_are_not(story: World) -> None:
    book = journal(story)
    run = {"type": "action", "at": DECISION["at"], "run": "0123456789abcdef", "token": 7, "request_ids": ["5f1c2b3a-1111"]}
    book.note({**run, "why": {"en": "user min@example.com", "ko": "010-1234-5678"}})
    book.flush(NOW)

    (entry,) = entries(story)
    assert entry == {**run, "why": {"en": "user [email]", "ko": "[phone]"}}


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"episode": "e1", "run": "r1"}, "e1"),
        ({"run": "r1"}, "r1"),
        ({"subject": "r1"}, "r1"),
        ({"subject": "123456789012/ap-northeast-2/tocsin/dev/x"}, "-"),
        ({"episode": "", "subject": 7}, "-"),
        ({"episode": "x" * 3000}, "-"),
    ],
)
def test_every_entry_has_its_place(entry: dict[str, Any], key: str) -> None:
    assert key_of(entry) == key


@pytest.mark.parametrize(("value", "days"), [(None, 400), ("", 400), ("0", 400), ("90", 90)])
def test_a_journal_is_kept_for_a_stated_time(value: str | None, days: int) -> None:
    assert retention(value) == timedelta(days=days)


def test_only_a_word_keeps_for_ever(story: World) -> None:
    assert retention("keep") is None
    for wrong in ("forever", "-1", "inf"):
        with pytest.raises(CannotRun):
            retention(wrong)

    book = journal(story, kept_for=retention("keep"))
    book.note(dict(DECISION))
    book.flush(NOW)
    (item,) = story.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert "expires_at" not in item


def test_a_months_entries_are_spread_and_read_back_in_order(story: World) -> None:
    """One partition of the index takes a thousand small writes a second: all of a month in one would be the first to give way."""
    written = journal(story)
    moments = [NOW - timedelta(seconds=number) for number in range(60)]
    written.write([{**DECISION, "at": iso(moment), "episode": f"e{number % 7}"} for number, moment in enumerate(moments)], NOW)
    items = story.client("dynamodb").scan(TableName=TABLE)["Items"]
    old = {**items[0], "month": {"S": "2026-10"}, "pk": {"S": "as-earlier-versions-wrote-it"}}
    story.client("dynamodb").put_item(TableName=TABLE, Item=old)

    months = {item["month"]["S"] for item in items}
    assert {month.partition("#")[0] for month in months} == {"2026-10"}
    assert len(months) > 8
    read = JournalReader(Client(story.client("dynamodb")), TABLE).between(NOW - timedelta(minutes=1), NOW)
    assert [entry["at"] for entry in read] == sorted(entry["at"] for entry in read)
    assert len(read) == len(items) + 1
