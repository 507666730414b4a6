"""What the notifier and its door say of themselves in numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from notifier_samples import T0, event, minute, ok, record, report, row

from infra.local.slack import TOKEN, Fault, Workspace
from notifier import bootstrap, handler, interactive_handler
from notifier.memory import MemoryRows, MemoryThreads
from notifier.slack import SlackApi
from notifier.telemetry import pressed, told


@pytest.fixture
def log() -> list[Mapping[str, Any]]:
    return []


def app(log: list[Mapping[str, Any]], *faults: Fault) -> bootstrap.App:
    """Return a notifier that sees two seconds go by each time it looks at its clock."""
    workspace, ticks = Workspace(lambda: T0), iter(range(0, 1000, 2))
    for fault in faults:
        workspace.order(fault, retry_after_s=30)
    return bootstrap.App(
        threads=MemoryThreads(),
        rows=MemoryRows({row().key: row()}),
        slack=SlackApi(workspace, lambda *_, **__: TOKEN),
        default_channel="#default",
        language=row().language,
        log=log.append,
        postpone=lambda *_: None,
        elapsed=lambda: float(next(ticks)),
    )


def tell(log: list[Mapping[str, Any]], *said: Any, late: float = 0.5, faults: tuple[Fault, ...] = ()) -> dict[str, list[float]]:
    records = [record(str(place), each) for place, each in enumerate(said)]
    app(log, *faults).handle({"Records": records}, None, minute(late))
    return {name: list(values) for name, values in told(log).values.items() if values}


def test_the_delay_is_from_the_alarms_change_to_slacks_answer(log: list[Mapping[str, Any]]) -> None:
    assert tell(log, event()) == {"Told": [1], "TellDelay": [32_000.0]}


def test_reports_are_told_but_only_changes_of_state_have_a_delay(log: list[Mapping[str, Any]]) -> None:
    counts = tell(log, event(), report("1", minute(1)), ok(minute(2)), late=3)
    assert counts["Told"] == [3]
    assert len(counts["TellDelay"]) == 2


def test_what_was_said_already_is_told_no_second_time(log: list[Mapping[str, Any]]) -> None:
    counts = tell(log, event(), event())
    assert (counts["Told"], len(counts["TellDelay"])) == ([1], 1)


def test_a_storm_against_slacks_patience_is_counted_by_record(log: list[Mapping[str, Any]]) -> None:
    other = event(alarm_name=event().alarm_name + "-2")
    assert tell(log, event(), other, faults=(Fault.THROTTLED,)) == {"SlackThrottled": [2]}


def test_an_alarm_whose_clock_is_ahead_has_no_negative_delay(log: list[Mapping[str, Any]]) -> None:
    assert tell(log, event(at=T0 + timedelta(seconds=20)), late=0)["TellDelay"][0] >= 0


@pytest.mark.parametrize(
    ("entry", "counts"),
    [
        ({"did": "passed-on", "kind": "hold"}, {"Pressed": (1,)}),
        ({"did": "refused", "reason": "no-approver", "kind": "approve"}, {"Pressed": (1,), "PressRefused": (1,)}),
        ({"did": "refused", "reason": "unsigned"}, {"PressRefused": (1,)}),
        ({"did": "ignored", "reason": "no-button"}, {}),
        ({"did": "failed", "reason": "KeyError"}, {"Failed": (1,)}),
    ],
)
def test_what_comes_to_the_door_is_counted(entry: dict[str, Any], counts: dict[str, tuple[int, ...]]) -> None:
    assert pressed([entry]).values == counts


def metric_lines(out: str) -> list[dict[str, Any]]:
    return [document for line in out.splitlines() if (document := json.loads(line)).get("type") == "invocation"]


def test_a_notifier_that_cannot_start_still_says_how_many_records_it_left(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(handler, "_built", {})
    with pytest.raises(bootstrap.CannotRun, match="TOCSIN_"):
        handler.handler({"Records": [record("1", "{}"), record("2", "{}")]}, None)
    (line,) = metric_lines(capfd.readouterr().out)
    assert (line["Function"], line["Failed"]) == ("notifier", 2)


def test_the_door_counts_what_nobody_signed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    needed = ("SLACK_SECRET", "SLACK_TEAM", "APPROVERS_PARAMETER", "THREADS_TABLE", "COMMANDS_QUEUE_URL", "REPORTS_QUEUE_URL")
    for name in needed:
        monkeypatch.setenv(f"TOCSIN_{name}", "x")
    monkeypatch.setenv("TOCSIN_STAGE", "prod")
    monkeypatch.setattr(interactive_handler, "_built", {})
    for _ in range(2):  # the first builds the door, the second finds it
        assert interactive_handler.handler({"headers": {}, "body": ""}, None)["statusCode"] == 401
    found = metric_lines(capfd.readouterr().out)
    assert [(line["Stage"], line["Function"], line["PressRefused"]) for line in found] == [("prod", "interactive", 1)] * 2
