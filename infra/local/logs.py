"""CloudWatch Logs Insights over the events that moto's PutLogEvents keeps: StartQuery, GetQueryResults, StopQuery.

A query reads its events when it is started. It is Running until ``delay_s`` of virtual time have passed and only then Complete;
with the default of 0 the first read finds it Complete, because whoever waits inside this process cannot let virtual time pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.logs.models import logs_backends

from infra.local import logs_language
from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.logs_query import LogLine, Outcome, answer
from infra.local.paging import page
from infra.local.seam import Operation, Request, Seam

Params = Mapping[str, Any]
Answer = dict[str, Any]

_OVER = ("Complete", "Failed", "Cancelled", "Timeout")


@dataclass
class _Query:
    """One query. ``ends`` is the status that it reaches at ``due``."""

    outcome: Outcome
    started_at: datetime
    due: datetime
    ends: str
    groups: int
    stopped: bool = False

    def status(self, now: datetime) -> str:
        """Return its status at ``now``."""
        if self.stopped:
            return "Cancelled"
        return self.ends if now >= self.due else "Running"


class Logs:
    """The queries of this account. ``at_once`` queries may run together (AWS: 100); ``ends`` may be set to Failed or Timeout."""

    def __init__(self, clock: Clock, seam: Seam, place: Place) -> None:
        self.delay_s = 0.0
        self.at_once = 100
        self.ends = "Complete"
        self._clock = clock
        self._seam = seam
        self._place = place
        self._queries: dict[str, _Query] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "StartQuery": self.start_query,
            "GetQueryResults": self.get_query_results,
            "StopQuery": self.stop_query,
        }

    def preload(self, group: str, events: Iterable[tuple[datetime, str]], *, stream: str = "stream") -> None:
        """Put (time, message) events into a log group of moto's, made where there is none. Its readers see them too."""
        with self._seam.lock:
            backend = logs_backends[self._place.account][self._place.region]
            if group not in backend.groups:
                backend.create_log_group(group, {})
            known = backend.groups[group]
            if stream not in known.streams:
                known.create_log_stream(stream)
            found = [{"timestamp": _milliseconds(at), "message": message} for at, message in events]
            known.streams[stream].put_log_events(found)

    def start_query(self, params: Params, request: Request) -> Answer:
        """Start a query over log groups and an inclusive window, in epoch seconds.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
        """
        named = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if name in params]
        if len(named) != 1:
            raise AwsError(
                "InvalidParameterException", "Exactly one of logGroupName, logGroupNames, logGroupIdentifiers is needed."
            )
        if params["startTime"] > params["endTime"]:
            raise AwsError("InvalidParameterException", "The start time must not be after the end time.")
        if params.get("queryLanguage", "CWLI") != "CWLI":
            raise AwsError("InvalidParameterException", "the embedded Logs Insights speaks CWLI only")
        commands = _commands(params["queryString"])
        running = sum(query.status(request.at) not in _OVER for query in self._queries.values())
        if running >= self.at_once:
            raise AwsError("LimitExceededException", f"{running} queries are running already.")
        value = params[named[0]]
        groups = [value] if isinstance(value, str) else list(value)
        if not 1 <= len(groups) <= 50:
            raise AwsError("InvalidParameterException", "A query reads 1 to 50 log groups.")
        outcome = answer(commands, self._lines(groups, params["startTime"], params["endTime"]))
        if "limit" in params and not any(command.verb == "limit" for command in commands):
            outcome = Outcome(outcome.rows[: params["limit"]], outcome.scanned, outcome.matched, outcome.scanned_bytes)
        identifier = self._seam.next_id()
        due = request.at + timedelta(seconds=self.delay_s)
        self._queries[identifier] = _Query(outcome, request.at, due, self.ends, len(groups))
        return {"queryId": identifier}

    def get_query_results(self, params: Params, request: Request) -> Answer:
        """Return the rows; while the query is Running those found so far, as many as of its time has passed."""
        query = self._query(params["queryId"])
        status, rows = query.status(request.at), query.outcome.rows
        if status != "Complete":
            whole = (query.due - query.started_at).total_seconds()
            passed = (request.at - query.started_at).total_seconds()
            rows = rows[: int(len(rows) * min(1.0, passed / whole))] if whole else ()
        size = params.get("maxItems") or logs_language.MOST_ROWS
        shown, token = page(rows, size, params.get("nextToken"), error="InvalidParameterException")
        return {
            "queryLanguage": "CWLI",
            "results": [[{"field": name, "value": text} for name, text in row] for row in shown],
            "statistics": {
                "recordsMatched": float(query.outcome.matched),
                "recordsScanned": float(query.outcome.scanned),
                "bytesScanned": float(query.outcome.scanned_bytes),
                "estimatedRecordsSkipped": 0.0,
                "estimatedBytesSkipped": 0.0,
                "logGroupsScanned": float(query.groups),
            },
            "status": status,
            **({"nextToken": token} if token else {}),
        }

    def stop_query(self, params: Params, request: Request) -> Answer:
        """Stop a running query; one that has ended cannot be stopped."""
        query = self._query(params["queryId"])
        if query.status(request.at) in _OVER:
            raise AwsError("InvalidParameterException", "The specified query has ended already.")
        query.stopped = True
        return {"success": True}

    def _query(self, identifier: str) -> _Query:
        query = self._queries.get(identifier)
        if query is None:
            raise AwsError("ResourceNotFoundException", "The specified query does not exist.")
        return query

    def _lines(self, groups: Iterable[str], start_s: int, end_s: int) -> Iterator[LogLine]:
        backend = logs_backends[self._place.account][self._place.region]
        for reference in groups:
            name = reference.split(":log-group:")[-1].removesuffix(":*")
            if name not in backend.groups:
                raise AwsError("ResourceNotFoundException", f"Log group '{name}' does not exist for account.")
            for stream_name, stream in backend.groups[name].streams.items():
                for index, event in enumerate(stream.events):
                    if start_s * 1000 <= event.timestamp <= end_s * 1000:
                        pointer = f"{name}/{stream_name}/{index:09d}"
                        yield LogLine(event.timestamp, event.message, stream_name, f"{self._place.account}:{name}", pointer)


def _commands(query: str) -> tuple[logs_language.Command, ...]:
    try:
        return logs_language.parse(query)
    except logs_language.Malformed as error:
        location = {"startCharOffset": error.at, "endCharOffset": error.at + 1}
        extra = {"queryCompileError": {"location": location, "message": str(error)}}
        raise AwsError("MalformedQueryException", str(error), extra=extra) from None


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
