"""A function's metrics reach CloudWatch whatever they are, and never stand in its way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from math import isfinite
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import given
from hypothesis import strategies as st

from alarms.domain.decision import Reason
from alarms.domain.meter import Meter
from alarms.domain.telemetry import METRICS, NAMESPACE, Function, Measured, lines

NOW = datetime(2026, 10, 31, 15, 3, 20, tzinfo=UTC)
ROOT = "1-67891233-abcdef012345678912345678"
HEADER = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
VALUES = st.dictionaries(st.sampled_from(sorted(METRICS)), st.lists(st.floats() | st.integers(0, 10**9), max_size=250))
REFUSED = st.dictionaries(st.sampled_from([reason.value for reason in Reason]), st.integers(1, 50))


@given(VALUES, REFUSED)
def test_every_line_keeps_the_formats_limits_and_loses_no_value(values: dict[str, list[float]], refused: dict[str, int]) -> None:
    written = lines(Measured(values, refused), stage="prod", function=Function.NOTIFIER, at_ms=1, about={"type": "invocation"})
    documents = [json.loads(line, parse_constant=pytest.fail) for line in written]
    for line, document in zip(written, documents, strict=True):
        assert len(line) <= 256 * 1024
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert directive["Namespace"] == NAMESPACE
            names = set(chain.from_iterable(directive["Dimensions"]))
            assert all(0 < len(dimensions) <= 30 for dimensions in directive["Dimensions"])
            assert all(isinstance(document[name], str) and document[name] for name in names)
            assert 0 < len(directive["Metrics"]) <= 100
            for metric in directive["Metrics"]:
                assert metric["Unit"] == METRICS[metric["Name"]].unit
                assert len(in_list(document[metric["Name"]])) <= 100
    ordinary = [document for document in documents if "Reason" not in document]
    for name, given_values in values.items():
        assert list(chain.from_iterable(in_list(document.get(name, [])) for document in ordinary)) == [
            value for value in given_values if isfinite(value)
        ]
    assert {document["Reason"]: document["Refused"] for document in documents if "Reason" in document} == refused


def in_list(value: Any) -> list[float]:
    return value if isinstance(value, list) else [value]


class Log:
    """A function's log, and its meter."""

    def __init__(self, read: Any = None, **environ: str) -> None:
        self.said: list[dict[str, Any]] = []
        self.written: list[str] = []
        self.meter = Meter(
            Function.NOTIFIER,
            {"TOCSIN_STAGE": "prod", **environ},
            read=read or (lambda entries: Measured({"Told": (len(entries),)})),
            say=self.said.append,
            write=self.written.append,
        )

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written]


def batch(*headers: str) -> dict[str, Any]:
    records = [{"messageId": str(place), "attributes": {"AWSTraceHeader": header}} for place, header in enumerate(headers)]
    return {"Records": [*records, {"messageId": "odd", "attributes": None}]}


def test_log_lines_and_metrics_of_one_invocation_are_found_by_its_request_and_its_trace() -> None:
    log = Log(_X_AMZN_TRACE_ID=HEADER)

    def work() -> dict[str, Any]:
        log.meter.log({"did": "posted"})
        return {"batchItemFailures": [{"itemIdentifier": "odd"}]}

    other = "1-00000000-000000000000000000000000"
    event = batch(HEADER, f"Parent=53995c3f42cd8ad8;Root={other};Sampled=0", HEADER, "no header", "Root=")
    log.meter.watch(work, event, SimpleNamespace(aws_request_id="r-1"), NOW)
    assert log.said == [{"did": "posted", "request": "r-1", "trace": ROOT}]
    (line,) = log.lines
    assert line["_aws"]["Timestamp"] == 1793459000000
    assert (line["request"], line["trace"], line["sent_by"]) == ("r-1", ROOT, [ROOT, other])
    assert (line["Stage"], line["Function"], line["Told"], line["Failed"], line["records"]) == ("prod", "notifier", 1, 1, 6)


def test_an_invocation_that_breaks_is_counted_and_its_failure_stays_its_own() -> None:
    log = Log()

    def work() -> None:
        raise LookupError("the table is gone")

    with pytest.raises(LookupError, match="the table is gone"):
        log.meter.watch(work, batch("", ""), None, NOW)
    assert [line["Failed"] for line in log.lines] == [3]


def test_an_invocation_that_measured_nothing_publishes_nothing() -> None:
    log = Log(read=lambda _: Measured())
    log.meter.watch(lambda: {"batchItemFailures": []}, {"Records": []}, None, NOW)
    assert [(line["type"], "_aws" in line) for line in log.lines] == [("invocation", False)]


def test_one_invocation_does_not_count_what_the_one_before_did() -> None:
    log = Log()
    for _ in range(2):
        log.meter.watch(lambda: log.meter.log({"did": "posted"}), {}, None, NOW)
    assert [line["Told"] for line in log.lines] == [1, 1]


def breaks(_: object) -> Any:
    raise ValueError("no")


@pytest.mark.parametrize("broken", ["read", "write"])
@pytest.mark.parametrize("event", [{"Records": "none"}, {}, {"Records": [7, None, []]}])
def test_telemetry_that_cannot_be_written_costs_nothing(broken: str, event: dict[str, Any]) -> None:
    parts: dict[str, Any] = {"read": lambda _: Measured(), "write": lambda _: None, broken: breaks}
    meter = Meter(Function.REMEDIATORS, {}, say=lambda _: None, **parts)
    assert meter.watch(lambda: "answer", event, None, NOW) == "answer"


def test_every_call_that_a_function_makes_carries_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore does it by itself in Lambda: this is what joins SNS, queues and functions to one picture without an SDK for it."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "tocsin-prod-remediators")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", HEADER)
    sent: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, Raw())

    client = botocore.session.get_session().create_client("sqs")
    client.meta.events.register("before-send", answer)
    client.send_message(QueueUrl="https://sqs.us-east-1.amazonaws.com/123456789012/x", MessageBody="x")
    assert [request.headers["X-Amzn-Trace-Id"] for request in sent] == [HEADER.encode()]


class Raw:
    """The stream of an answer with an empty JSON object."""

    def stream(self) -> Sequence[bytes]:
        return [b"{}"]
