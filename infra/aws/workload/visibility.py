"""Keeps messages hidden while their images are worked on, and gives them back or deletes them at the end.

A message whose timeout ran out all the same is another consumer's by now: what is told to the queue about it does no harm then.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.workload.processing import Log

MOST = 10  # entries in one batch call of SQS


class Visibility:
    """The messages in hand of one consumer, by receipt handle."""

    def __init__(self, sqs: Any, queue_url: str, timeout_s: int, log: Log) -> None:
        self._sqs = sqs
        self._url = queue_url
        self._timeout_s = timeout_s
        self._log = log
        self._lock = threading.Lock()
        self._held: list[str] = []
        self._renewed = 0.0
        self.every_s = timeout_s / 3

    def add(self, handle: str) -> None:
        """Keep a message hidden from now on."""
        with self._lock:
            self._held.append(handle)

    def done(self, handle: str) -> None:
        """Delete a message. Where that fails it comes again, and is found done."""
        self._drop(handle)
        try:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=handle)
        except (ClientError, BotoCoreError) as error:
            self._log("message", level="warning", outcome="not-deleted", why=type(error).__name__)

    def back(self, handle: str) -> None:
        """Let a message be received again at once."""
        self._drop(handle)
        self._change([handle], 0)

    def give_back(self) -> None:
        """Give back all that is still in hand."""
        with self._lock:
            left, self._held = self._held, []
        self._change(left, 0)

    def renew(self) -> None:
        """Hide all that is in hand for another whole timeout."""
        self._renewed = time.monotonic()
        with self._lock:  # also while the queue is told: what is given back meanwhile must not be hidden again afterwards
            self._change(self._held, self._timeout_s)

    def renew_when_due(self) -> None:
        """Renew when a third of the timeout has passed since the last time."""
        if time.monotonic() - self._renewed >= self.every_s:
            self.renew()

    def _drop(self, handle: str) -> None:
        with self._lock:
            if handle in self._held:
                self._held.remove(handle)

    def _change(self, handles: list[str], timeout_s: int) -> None:
        for start in range(0, len(handles), MOST):
            batch = handles[start : start + MOST]
            entries = [{"Id": str(n), "ReceiptHandle": each, "VisibilityTimeout": timeout_s} for n, each in enumerate(batch)]
            try:
                self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                self._log("queue", level="warning", outcome="not-renewed", why=type(error).__name__)
