"""The run is shown as a picture on a terminal and as lines anywhere else."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from infra.local.story import Face
from infra.local.timeline import Gauge, LiveTimeline, Picture, PlainTimeline, sparkline

START = datetime(2026, 10, 31, 14, 0, tzinfo=UTC)
AGE = Gauge("Age image-jobs", "AWS/SQS Age", {"QueueName": "image-jobs"}, ">=", 600.0, "s")


def metric(value: float) -> dict[str, Any]:
    facts = {"namespace": "AWS/SQS", "name": "Age", "dimensions": {"QueueName": "image-jobs"}}
    return {"at": "2026-10-31T14:01:00.000Z", "kind": "metric", **facts, "value": value}


def alarm(new: str) -> dict[str, Any]:
    condition = {"text": ">= 600 s", "metric": "AWS/SQS Age", "operator": ">=", "threshold": 600.0, "unit": "s", "scale": 1.0}
    facts = {"name": "tocsin/demo/sqs/age/image-jobs", "title": "Queue backlog", "target": {"QueueName": "image-jobs"}}
    more = {"old": "OK", "new": new, "reason": "", "condition": condition, "evaluated": [700.0], "datapoints": "15 m (15 of 15)"}
    return {"at": "2026-10-31T14:43:00.000Z", "kind": "alarm", **facts, **more}


def picture() -> Picture:
    return Picture("Month-end", Face(ZoneInfo("Asia/Seoul")), (START, START + timedelta(hours=3)), [AGE])


def test_outside_a_terminal_each_thing_worth_telling_is_one_plain_line() -> None:
    out = io.StringIO()
    with PlainTimeline(Console(file=out, width=40), picture()) as screen:
        screen.tick(START, [metric(100), alarm("ALARM"), alarm("OK")])
    lines = out.getvalue().splitlines()

    assert lines[0] == "23:43:00  alarm     Queue backlog (image-jobs): 700 s, >= 600 s for 15 m (15 of 15)"
    assert len(lines) == 2
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_the_picture_shows_clock_sparkline_states_and_events() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, height=40)
    with LiveTimeline(console, picture()) as screen:
        screen.tick(START + timedelta(minutes=43), [metric(100), metric(700), alarm("ALARM")])
    shown = out.getvalue()

    assert "2026-10-31 23:43:00" in shown
    assert "700 s" in shown
    assert "● sqs/age/image-jobs" in shown or "image-jobs" in shown
    assert "Queue backlog (image-jobs)" in shown


def test_bad_values_are_red_and_a_full_bar_is_the_larger_of_peak_and_threshold() -> None:
    drawn = sparkline([0.0, 300.0, 600.0], AGE, 10)

    assert drawn.plain == "▁▅█" + " " * 7
    assert [span.style for span in drawn.spans] == ["blue", "blue", "red"]


def test_sparklines_take_what_the_longest_name_leaves_of_the_terminal() -> None:
    def bars(columns: int) -> int:
        return Picture("x", Face(ZoneInfo("UTC")), (START, START), [AGE], columns).width

    assert (bars(300), bars(80), bars(20)) == (120, 36, 8)


def test_a_sparkline_shows_the_whole_run_each_bar_the_worst_of_its_stretch() -> None:
    """At the end of a run the surge in its middle must still be seen."""
    shown = Picture("x", Face(ZoneInfo("UTC")), (START, START + timedelta(hours=3)), [AGE], 62)
    for minute in range(1, 181):
        at = (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
        shown.take(metric(900.0 if minute == 75 else 10.0) | {"at": at})
    bars = shown.values[AGE.title]

    assert len(bars) == shown.width == 18
    assert [place for place, value in enumerate(bars) if value == 900.0] == [7]
    assert shown.newest[AGE.title] == 10.0


def test_a_long_sentence_ends_in_an_ellipsis_inside_the_frame() -> None:
    """Cut off without a sign it would read as a whole sentence."""
    shown = picture()
    shown.take(alarm("ALARM"))
    console = Console(file=io.StringIO(), width=60, record=True)
    console.print(shown.draw(START))
    line = next(line for line in console.export_text().splitlines() if "23:43:00" in line)

    assert line.endswith("… │")
    assert len(line) == 60


def test_the_last_picture_stays_on_the_terminal_above_the_ending() -> None:
    out = io.StringIO()
    with LiveTimeline(Console(file=out, force_terminal=True, width=80, height=40), picture()) as screen:
        screen.tick(START, [alarm("ALARM")])
    after = out.getvalue().rsplit("Queue backlog", 1)[1]

    assert "\x1b[2K" not in after


def test_a_run_of_days_shows_dates() -> None:
    assert Face(ZoneInfo("UTC"), dated=True).shows("2014-04-13T06:57:00.000Z") == "04-13 06:57"
