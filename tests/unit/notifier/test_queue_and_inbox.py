"""The queue's side: records read in the order of what they tell, failed ones postponed."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from notifier_samples import ACCOUNT, REGION, T0, event, minute, ok, record, report

from notifier.inbox import opened
from notifier.queue import Visibility


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
