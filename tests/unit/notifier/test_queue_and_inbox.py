"""The queue's side: records read in the order of what they tell, failed ones postponed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from notifier_samples import ACCOUNT, REGION, T0, event, minute, ok, record, report, row

from infra.local.slack import TOKEN, Workspace
from notifier.bootstrap import build
from notifier.inbox import opened
from notifier.memory import MemoryRows, MemoryThreads
from notifier.queue import Visibility
from notifier.render import GREEN
from notifier.slack import SlackApi


class Sqs:
    """An SQS that remembers what it was asked, or refuses."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked: list[dict[str, Any]] = []
        self.refuses = refuses

    def get_queue_url(self, **members: Any) -> dict[str, str]:
        self.asked.append(members)
        return {"QueueUrl": "https://queue"}

    def change_message_visibility(self, **members: Any) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ChangeMessageVisibility")
        self.asked.append(members)


def test_letters_are_sorted_by_the_time_of_what_they_tell() -> None:
    said = [ok(minute(21)), report("1", minute(5)), event(), report("0", T0)]
    letters = opened({"Records": [record(str(index), one) for index, one in enumerate(said)]}, minute(60))
    assert [letter.id for letter in letters] == ["2", "3", "1", "0"]


def test_a_message_without_a_time_of_its_own_stands_at_the_time_sqs_took_it() -> None:
    (letter,) = opened({"Records": [record("x", "plain text", sent=minute(3))]}, minute(60))
    assert letter.at == minute(3)


def test_an_alarm_that_quotes_our_report_type_is_still_an_alarm() -> None:
    (letter,) = opened({"Records": [record("x", event(description='"tocsin.report/1"'))]}, minute(60))
    assert letter.report is None
    assert len(letter.events) == 1


def test_a_failed_record_is_made_visible_when_slack_wishes() -> None:
    sqs = Sqs()
    visibility = Visibility(lambda: sqs)
    for seconds in (16.2, 0.0, 9999.0):
        visibility.postpone(record("x", "body"), seconds)
    assert sqs.asked[0] == {"QueueName": "tocsin-prod-notifier", "QueueOwnerAWSAccountId": ACCOUNT}
    assert [members["VisibilityTimeout"] for members in sqs.asked[1:]] == [17, 1, 900]
    assert sqs.asked[1]["ReceiptHandle"] == "handle-x"


def test_without_the_grant_the_queues_own_timeout_holds() -> None:
    Visibility(lambda: Sqs(refuses=True)).postpone(record("x", "body"), 5)
    Visibility(Sqs).postpone({"receiptHandle": "h", "eventSourceARN": REGION}, 5)


ODD = [None, [], 7, {"ApproximateReceiveCount": "many", "SentTimestamp": {}}, {"SentTimestamp": "1e400"}]


@pytest.mark.parametrize("attributes", ODD)
def test_attributes_of_any_form_do_not_hold_up_the_batch(attributes: Any) -> None:
    odd = {**record("odd", event()), "attributes": attributes}
    assert [letter.receives for letter in opened({"Records": [odd, record("good", ok(minute(21)))]}, minute(60))] == [1, 1]


def test_a_report_whose_time_has_no_zone_is_sorted_with_the_others() -> None:
    body = record("x", report("1", minute(5)))["body"].replace("15:08:20.000Z", "15:08:20")
    letters = opened({"Records": [record("alarm", event()), record("naive", body)]}, minute(60))
    assert [letter.at for letter in letters] == [T0, minute(5)]


def test_an_alarm_from_the_future_counts_from_when_sqs_took_it() -> None:
    (letter,) = opened({"Records": [record("x", event(at=minute(60 * 24 * 365)), sent=minute(3))]}, minute(60))
    (said,) = letter.events
    assert (said.changed_at, said.changed_at_known) == (minute(3), False)


def test_a_report_that_nobody_foresaw_is_logged_and_holds_up_nothing() -> None:
    """It reads as a report and cannot be shown: it goes to the dead letters, in words, and the good record is told."""
    log: list[Mapping[str, Any]] = []
    workspace = Workspace(lambda: minute(6))
    threads, rows = MemoryThreads(), MemoryRows({row().key: row()})
    slack = SlackApi(workspace, lambda *_, **__: TOKEN)
    app = build({"TOCSIN_DEFAULT_CHANNEL": "#default"}, threads=threads, rows=rows, slack=slack, log=log.append, postpone=print)
    body = json.dumps({**report("1", minute(5)).to_document(), "reason": ["not", "text"]})
    records = [record("alarm", event()), record("bad", body), record("good", ok(minute(5)))]
    assert app.handle({"Records": records}, None, minute(6)) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert [entry["reason"] for entry in log if entry["did"] == "failed"] == ["unforeseen"]
    (shown,) = workspace.messages("#ops-alerts")
    assert shown.payload["attachments"][0]["color"] == GREEN
