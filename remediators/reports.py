"""Sends what remediation has to say to the notifier's queue."""

from __future__ import annotations

import json

from alarms.domain.report import Report
from remediators.aws import Clients


class Reports:
    """The way to people. A report may be sent twice: its id says that it is the same."""

    def __init__(self, clients: Clients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

    def send(self, report: Report) -> None:
        """Put ``report`` on the notifier's queue, in ASCII: SQS refuses some characters that a name may hold."""
        self._clients("sqs").send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(report.to_document()))
