"""Asks SQS to bring a failed record back after a wished delay instead of a whole visibility timeout. Best effort."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_SHORTEST_S, _LONGEST_S = 1, 900


class Visibility:
    """``postpone`` changes a record's visibility timeout; when it cannot, the queue's own timeout holds."""

    def __init__(self, client: Callable[[], Any]) -> None:
        self._make = client
        self._client: Any = None
        self._urls: dict[str, str] = {}

    def postpone(self, record: Mapping[str, Any], after_s: float) -> None:
        """Make ``record`` visible again after ``after_s`` seconds (1 to 900)."""
        seconds = min(max(math.ceil(after_s), _SHORTEST_S), _LONGEST_S)
        try:
            self._client = self._client or self._make()
            self._client.change_message_visibility(
                QueueUrl=self._url(record["eventSourceARN"]), ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds
            )
        except (BotoCoreError, ClientError, KeyError, ValueError):
            return

    def _url(self, arn: str) -> str:
        """Return the queue's address, asked once per queue."""
        if arn not in self._urls:
            *_, account, name = arn.split(":")
            self._urls[arn] = self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        return self._urls[arn]
