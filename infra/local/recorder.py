"""Writes down what happens in a run, entry by entry, raw enough that an outsider can recount the summary.

The document is ``{"summary": …, "timeline": [{"at", "kind", …}]}``; docs/demo.md describes every kind. Entries of one handler
invocation carry its ``invocation``, so that what a delivery caused can be counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from alarms.domain.event import iso
from infra.local.metrics_feed import Reading
from infra.local.seam import Call
from remediators.timers import TIMER_TYPE

# Operations that only read begin with one of these; every other one may change something.
READING = ("Describe", "Get", "List", "BatchGet", "Query", "Scan", "Receive", "Lookup", "Head", "Search", "Simulate")
# The rooms' own memory. A delivery that only wrote here, say to take and release a lock, changed nothing outside.
BOOKKEEPING = frozenset({"dynamodb"})
# Whoever stands where Lambda's event source mapping stands.
POLLER = "poller"
TRIMMED = 600
DEPTH = 6


class Recorder:
    """Collects the timeline. ``caller`` names the room on whose behalf calls are made just now."""

    def __init__(self) -> None:
        self.timeline: list[dict[str, Any]] = []
        self.caller = "platform"
        self.invocation = ""
        self._invocations = 0

    @contextmanager
    def acting_as(self, caller: str) -> Iterator[None]:
        """Attribute the calls made inside to ``caller``."""
        before, self.caller = self.caller, caller
        try:
            yield
        finally:
            self.caller = before

    @contextmanager
    def invoking(self, room: str) -> Iterator[str]:
        """Attribute the calls made inside to one fresh invocation of ``room``'s handler; gives its id."""
        self._invocations += 1
        before, self.invocation = self.invocation, f"{room}-{self._invocations}"
        try:
            with self.acting_as(room):
                yield self.invocation
        finally:
            self.invocation = before

    def add(self, at: datetime, kind: str, **facts: Any) -> dict[str, Any]:
        """Append an entry; returns it, so that what is known later can be added."""
        entry = {"at": iso(at), "kind": kind, **facts}
        if self.invocation and "invocation" not in entry:
            entry["invocation"] = self.invocation
        self.timeline.append(entry)
        return entry

    def metric(self, at: datetime, period_start: datetime, period_s: int, reading: Reading) -> None:
        """Write down one metric of one period, under the statistic that people look at."""
        self.add(
            at,
            "metric",
            period_start=iso(period_start),
            period_s=period_s,
            namespace=reading.namespace,
            name=reading.name,
            dimensions=dict(reading.dimensions),
            unit=reading.unit,
            statistic=reading.statistic,
            value=round(reading.value, 4),
        )

    def call(self, call: Call) -> None:
        """Write down one AWS call of a room, of the deployment, or of the platform's set-up."""
        reading = not is_changing(call.operation)
        if call.internal or (self.caller == "platform" and (reading or call.operation == "PutMetricData")):
            return  # what AWS does by itself, and the model's own looking round: kinds `alarm` and `metric` say it
        if self.caller == POLLER:
            return  # kind `delivery` says it
        self.add(
            call.at,
            "aws_call",
            caller=self.caller,
            service=call.service,
            operation=call.operation,
            changing=not reading,
            params=trimmed(call.params),
            request_id=call.request_id,
            error=call.error_code,
            **({"result": trimmed(_result(call))} if self.caller == "demo" else {}),
        )

    def effects(self, since: int) -> dict[str, int]:
        """Count what happened from entry ``since`` on, by where it can be seen.

        ``changed``: anything outside the room, its messages to the other room included. ``slack_writes``: messages posted or
        edited. ``wake_ups``: timers that a room set for itself. ``state_writes``: writes to its own table.
        """
        entries = self.timeline[since:]
        calls = [entry for entry in entries if entry["kind"] == "aws_call" and entry["changing"] and not entry["error"]]
        kinds = [effect_of(call) for call in calls]
        return {
            "changed": kinds.count("changed"),
            "slack_writes": sum(entry["kind"] == "slack_call" and entry["ok"] and entry["writes"] for entry in entries),
            "wake_ups": kinds.count("wake_up"),
            "state_writes": kinds.count("state"),
        }


def effect_of(call: Mapping[str, Any]) -> str:
    """Return what a changing call amounts to: ``state`` (own memory), ``wake_up`` (own timer) or ``changed`` (all else)."""
    if call["service"] in BOOKKEEPING:
        return "state"
    timer = call["operation"] == "SendMessage" and TIMER_TYPE in str(call["params"].get("MessageBody", ""))
    return "wake_up" if timer or call["service"] == "scheduler" else "changed"


def is_changing(operation: str) -> bool:
    """Tell whether an AWS operation may change something, from its name."""
    return not operation.startswith(READING)


def trimmed(value: Any, depth: int = DEPTH, longest: int = TRIMMED) -> Any:
    """Return ``value`` as JSON with long texts cut and bytes and times as text; deeper than ``depth`` is left out."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        return value if len(value) <= longest else f"{value[:longest]}… ({len(value)} characters)"
    if isinstance(value, Mapping):
        return {str(key): trimmed(item, depth - 1, longest) for key, item in value.items()} if depth else "…"
    if isinstance(value, Sequence | set | frozenset):
        return [trimmed(item, depth - 1, longest) for item in value] if depth else "…"
    return value if isinstance(value, int | float | bool) or value is None else str(value)


def _result(call: Call) -> Mapping[str, Any]:
    return {key: value for key, value in (call.response or {}).items() if key != "ResponseMetadata"}
