"""Watches one function at work: stamps its log lines with request and trace, and ends each invocation with a line of metrics.

Telemetry never stands in the way: whatever goes wrong here is dropped, and the function's answer or failure stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from alarms.domain import readings
from alarms.domain.telemetry import FAILED, MOST_TRACES, Function, Measured, lines

# The runtime sets it anew for each invocation; botocore sends it on as the header X-Amzn-Trace-Id with every call.
TRACE = "_X_AMZN_TRACE_ID"
_LONGEST = 100  # characters of a trace's id; X-Ray's own have 35

Entry = Mapping[str, Any]
T = TypeVar("T")


class Meter:
    """One function's.

    ``read`` tells what its log entries count for (pure); ``say`` writes an entry, ``write`` a line as it is.
    """

    def __init__(
        self,
        function: Function,
        environ: Mapping[str, str],
        *,
        read: Callable[[Sequence[Entry]], Measured],
        say: Callable[[dict[str, Any]], None],
        write: Callable[[str], object],
    ) -> None:
        self._function, self._environ = function, environ
        self._read, self._say, self._write = read, say, write
        self._stamp: dict[str, str] = {}
        self._entries: list[Entry] = []

    def log(self, entry: Entry) -> None:
        """Log ``entry`` with the request and the trace that it belongs to, and count it."""
        self._entries.append(entry)
        self._say({**entry, **self._stamp})

    def watch(self, work: Callable[[], T], event: Mapping[str, Any], context: object, now: datetime) -> T:
        """Return what ``work`` returns; afterwards, also when it raises, write the invocation's line."""
        self._entries = []
        self._stamp = stamp(self._environ, context)
        records = [readings.table(record) for record in readings.rows(event.get("Records"))]
        failed = len(records)
        try:
            answer = work()
            failed = _given_back(answer)
        finally:
            with suppress(Exception):
                self._flush(records, failed, now)
        return answer

    def _flush(self, records: Sequence[Entry], failed: int, now: datetime) -> None:
        measured = self._read(self._entries)
        values = {**measured.values, FAILED.name: (failed,)} if failed else measured.values
        about: dict[str, Any] = {"type": "invocation", "records": len(records), **self._stamp}
        if sent_by := traces(records):
            about["sent_by"] = sent_by
        stage = self._environ.get("TOCSIN_STAGE") or "dev"
        at_ms = int(now.timestamp() * 1000)
        measured = Measured(values, measured.refused)
        for line in lines(measured, stage=stage, function=self._function, at_ms=at_ms, about=about):
            self._write(line + "\n")


def stamp(environ: Mapping[str, str], context: object) -> dict[str, str]:
    """Return ``{"request", "trace"}`` of an invocation, as far as they are known."""
    found = {"request": str(getattr(context, "aws_request_id", "") or ""), "trace": _root(environ.get(TRACE))}
    return {name: value for name, value in found.items() if value}


def traces(records: Sequence[Entry]) -> list[str]:
    """Return the traces that sent the records of a batch, each once. With several in a batch Lambda begins a trace of its own."""
    headers = (readings.table(record.get("attributes")).get("AWSTraceHeader") for record in records)
    return list(dict.fromkeys(root for header in headers if (root := _root(header))))[:MOST_TRACES]


def _root(header: object) -> str:
    """Return the trace's id in a tracing header, ``Root=1-67891233-abc…;Parent=…;Sampled=1``; "" where there is none."""
    parts = header.split(";") if isinstance(header, str) else []
    return next((part[5:] for part in parts if part.startswith("Root=")), "")[:_LONGEST]


def _given_back(answer: object) -> int:
    return len(readings.rows(readings.table(answer).get("batchItemFailures")))
