"""The threads' memory: the fake and the DynamoDB adapter behave the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from notifier_samples import T0, event, minute, ok, report, row

from alarms.domain.errors import Retryable
from alarms.domain.incident import Episode
from alarms.rows import table_definition as catalogue_definition
from notifier.dynamodb import LEASE, DynamoRows, DynamoThreads, table_definition
from notifier.memory import MemoryThreads
from notifier.ports import Busy, Threads
from notifier.record import Pointer, Thread
from notifier.standing import Silence
from notifier.timeline import item_key

SUBJECT = event().subject_key


@pytest.fixture(params=["memory", "dynamodb"])
def threads(request: pytest.FixtureRequest) -> Iterator[Threads]:
    if request.param == "memory":
        yield MemoryThreads()
        return
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(**table_definition("threads"))
        yield DynamoThreads(client, "threads")


def kept(threads: Threads) -> Thread:
    """Return the thread of the incident that began at T0."""
    return threads.around(SUBJECT, T0).thread([item_key(event())])


def test_a_transition_is_new_once(threads: Threads) -> None:
    assert threads.record(event(), T0)
    assert not threads.record(event(), minute(1))
    assert threads.around(SUBJECT, T0).events == (event(),)


def test_transitions_are_read_back_in_order_with_all_that_a_message_shows(threads: Threads) -> None:
    for said in (ok(minute(21)), event()):
        threads.record(said, T0)
    assert threads.around(SUBJECT, minute(21)).events == (event(), ok(minute(21)))


def test_one_of_two_claims_wins(threads: Threads) -> None:
    threads.record(event(), T0)
    thread = kept(threads)
    assert threads.claim(thread, owner="a", doing="post", now=T0)
    assert not threads.claim(thread, owner="b", doing="post", now=T0)


def test_what_was_told_is_read_back_and_the_lease_is_free_again(threads: Threads) -> None:
    threads.record(event(), T0)
    told = replace(
        kept(threads),
        channel="C1",
        ts="1.000001",
        digest="d",
        told=frozenset({"x"}),
        reports=(report("1", T0),),
        note="n",
        row_digest="r",
        silence=Silence("U0AAAAAAA", T0, minute(60)),
        episode="398ad5f9819a",
    )
    assert threads.claim(kept(threads), owner="a", doing="post", now=T0)
    threads.save(told, owner="a")
    assert kept(threads) == replace(told, revision=1)
    assert threads.claim(kept(threads), owner="b", doing="update", now=T0)


def test_a_claim_holds_only_for_what_was_read(threads: Threads) -> None:
    threads.record(event(), T0)
    stale = kept(threads)
    assert threads.claim(stale, owner="a", doing="post", now=T0)
    threads.save(stale, owner="a")
    assert not threads.claim(stale, owner="b", doing="post", now=T0)


def test_the_lease_of_the_dead_ends_and_leaves_a_doubt(threads: Threads) -> None:
    threads.record(event(), T0)
    assert threads.claim(kept(threads), owner="dead", doing="post", now=T0)
    thread = kept(threads)
    assert thread.busy_until == (T0 + LEASE).timestamp()
    assert thread.doubt == "post"
    assert not threads.claim(thread, owner="b", doing="post", now=T0 + LEASE - timedelta(seconds=1))
    assert threads.claim(thread, owner="b", doing="post", now=T0 + LEASE)


def test_nothing_is_written_over_the_lease_of_another(threads: Threads) -> None:
    threads.record(event(), T0)
    thread = kept(threads)
    assert threads.claim(thread, owner="slow", doing="post", now=T0)
    assert threads.claim(kept(threads), owner="b", doing="post", now=T0 + LEASE)
    with pytest.raises(Busy):
        threads.save(replace(thread, ts="9.9"), owner="slow")


def test_a_lease_can_be_kept_for_what_comes_next(threads: Threads) -> None:
    threads.record(event(), T0)
    assert threads.claim(kept(threads), owner="a", doing="post", now=T0)
    threads.save(replace(kept(threads), ts="1.1"), owner="a", doing="report:1")
    assert (kept(threads).ts, kept(threads).doubt) == ("1.1", "report:1")
    assert not threads.claim(kept(threads), owner="b", doing="post", now=T0)


def test_a_doubt_outlives_the_lease(threads: Threads) -> None:
    threads.record(event(), T0)
    assert threads.claim(kept(threads), owner="a", doing="post", now=T0)
    threads.save(replace(kept(threads), doubt="post"), owner="a")
    assert kept(threads).doubt == "post"
    assert kept(threads).busy_until == 0


def test_a_report_without_an_incident_has_a_memory_of_its_own(threads: Threads) -> None:
    stray = threads.stray(SUBJECT, "report:1", T0)
    assert threads.claim(stray, owner="a", doing="post", now=T0)
    threads.save(replace(stray, ts="1.1"), owner="a")
    assert threads.stray(SUBJECT, "report:1", T0).ts == "1.1"
    assert threads.around(SUBJECT, T0).events == ()


def test_the_id_of_a_channel_is_learnt_by_its_name(threads: Threads) -> None:
    assert threads.channel_id("#ops") == "#ops"
    threads.learn("#ops", "C1")
    assert threads.channel_id("#ops") == "C1"


@pytest.mark.parametrize("place", [0, 1, 20, 39])
def test_an_old_incident_is_found_behind_many_newer_ones(threads: Threads, place: int) -> None:
    for index in range(40):
        threads.record(event(at=minute(10 * index)), T0)
        threads.record(ok(minute(10 * index + 5)), T0)
    seen = threads.around(SUBJECT, minute(10 * place)).events
    wanted = [event(at=minute(10 * place)), ok(minute(10 * place + 5)), *([event(at=minute(10 * place - 10))] if place else [])]
    assert {item_key(one) for one in wanted} <= {item_key(one) for one in seen}


@mock_aws
def test_every_item_of_the_table_expires_after_ninety_days() -> None:
    client = boto3.client("dynamodb")
    client.create_table(**table_definition("threads"))
    threads = DynamoThreads(client, "threads")
    threads.record(event(), T0)
    threads.stray(SUBJECT, "report:1", T0)
    expiries = [int(item["expires"]["N"]) for item in client.scan(TableName="threads")["Items"]]
    assert expiries == [int((T0 + timedelta(days=90)).timestamp())] * 2


class Failing:
    """A client whose every call fails."""

    def __getattr__(self, operation: str) -> Any:
        def call(**members: Any) -> Any:
            raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, operation)

        return call


def test_a_table_that_throttles_sends_the_record_back_to_the_queue() -> None:
    with pytest.raises(Retryable, match="ProvisionedThroughputExceeded"):
        DynamoThreads(Failing(), "threads").record(event(), T0)


@mock_aws
def test_a_row_is_found_by_its_alarm_and_after_its_removal_by_its_digest() -> None:
    client = boto3.client("dynamodb")
    client.create_table(**catalogue_definition("catalogue"))
    rows = DynamoRows(client, "catalogue")
    document = {"S": json.dumps(row().to_document())}
    old = {"alarm": {"S": row().key}, "version": {"S": f"row#{row().digest}"}, "document": document}
    client.put_item(TableName="catalogue", Item=old)
    assert rows.row(row().key) is None
    assert rows.row(row().key, row().digest) == row()
    client.put_item(TableName="catalogue", Item={**old, "version": {"S": "current"}})
    assert rows.row(row().key) == row()
    client.put_item(TableName="catalogue", Item={**old, "version": {"S": "current"}, "document": {"S": "{}"}})
    assert rows.row(row().key) is None


def test_an_incident_is_found_again_by_its_episodes_id(threads: Threads) -> None:
    pointer = Pointer(Episode(SUBJECT, T0), event().alarm_key)
    assert threads.pointer(pointer.episode.id) is None
    for _ in range(2):
        threads.point(pointer, T0)
    assert threads.pointer(pointer.episode.id) == pointer
