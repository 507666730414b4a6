"""The report draws what was recorded, escapes all of it, and fetches nothing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.report_charts import BOTTOM, HEIGHT, Chart, Mark, Series, draw, number, thinned
from infra.local.report_html import render
from infra.local.report_slack import message, mrkdwn
from infra.local.summary import summarise

SEOUL = ZoneInfo("Asia/Seoul")
START = datetime(2026, 10, 31, 14, 0, tzinfo=UTC)
EVIL = "</script><img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """Collects tags, addresses and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


def tags(page: str) -> Tags:
    found = Tags()
    found.feed(page)
    return found


def entry(minute: int, kind: str, **facts: Any) -> dict[str, Any]:
    return {"at": (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000Z"), "kind": kind, **facts}


def metric(minute: int, value: float, name: str = "Age") -> dict[str, Any]:
    begin = (START + timedelta(minutes=minute - 1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    facts = {"period_start": begin, "period_s": 60, "namespace": "X/Y", "name": name, "dimensions": {"Q": EVIL}}
    return entry(minute, "metric", **facts, unit="Seconds", statistic="Maximum", value=value)


def alarm(minute: int, old: str, new: str) -> dict[str, Any]:
    condition = {"text": ">= 600 s", "metric": "X/Y Age", "operator": ">=", "threshold": 600.0, "unit": "s", "scale": 1.0}
    facts = {"row": "a/b", "title": EVIL, "severity": "critical", "target": {"Q": EVIL}, "condition": condition}
    more = {"datapoints": "3 m (3 of 3)", "evaluated": [700.0], "remediation": "scale-consumers", "reason": EVIL}
    return entry(minute, "alarm", name=f"tocsin/demo/{EVIL}", old=old, new=new, **facts, **more)


def slack(minute: int, method: str, ts: str, text: str, *, thread: str = "", resolved: bool = False) -> dict[str, Any]:
    payload = {"text": text, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}
    place = {"channel": "C1", "channel_name": "#ops", "ts": ts, "thread_ts": thread, "incident": thread or ts}
    state = {"ok": True, "error": None, "writes": True, "resolved": resolved}
    return entry(minute, "slack_call", method=method, text=text, payload=payload, **place, **state)


TIMELINE = [
    *(metric(minute, 100 if minute < 4 else 700) for minute in range(1, 7)),
    alarm(6, "OK", "ALARM"),
    slack(6, "chat.postMessage", "1.0", EVIL),
    slack(7, "chat.postMessage", "1.1", "reply", thread="1.0"),
    metric(8, 10),
    alarm(8, "ALARM", "OK"),
    slack(8, "chat.update", "1.0", "resolved", resolved=True),
]


def test_the_summary_counts_rings_incidents_and_the_time_to_the_bell() -> None:
    summary = summarise(TIMELINE)

    assert (summary["alarms_rung"], summary["alarms_resolved"], summary["incidents"], summary["incidents_resolved"]) == (
        1,
        1,
        1,
        1,
    )
    assert summary["slack_messages_per_incident"] == [1]
    assert summary["alarms"][0]["detected_after_s"] == 180
    assert summary["slack"][0]["replies"] == 1


def test_a_second_message_for_one_incident_shows_in_the_summary() -> None:
    twice = {**slack(7, "chat.postMessage", "9.9", "again"), "incident": "1.0"}

    assert summarise([*TIMELINE, twice])["slack_messages_per_incident"] == [2]


def test_nothing_that_was_recorded_becomes_markup() -> None:
    page = render({"title": EVIL, **summarise(TIMELINE)}, TIMELINE)
    found = tags(page)

    assert "img" not in found.tags
    assert found.tags.count("script") == 2
    assert "onerror" not in page.replace("onerror=alert(1)&gt;", "").replace("onerror=alert(1)\\u003e", "")


def test_the_embedded_rows_are_json_that_cannot_end_their_element() -> None:
    page = render({"title": "x", **summarise(TIMELINE)}, TIMELINE)
    text = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]

    assert len(json.loads(text)) == len(TIMELINE)


def test_a_run_in_which_nothing_rang_has_a_report_too() -> None:
    quiet = [metric(minute, 1) for minute in range(1, 5)]
    page = render({"title": "quiet", **summarise(quiet)}, quiet)

    assert "Nothing rang." in page
    assert "What was watched" in page
    assert "What was acted on" not in page
    assert "one message each" not in page


def test_an_incident_that_did_not_end_as_resolved_says_why_its_tile_is_red() -> None:
    grey = [*TIMELINE[:-1], slack(8, "chat.update", "1.0", "no data", resolved=False)]
    page = render({"title": "x", **summarise(grey)}, grey)

    assert "one message each; 1 did not end as resolved" in page
    assert '<div class="card tile bad"><b>1</b><span>incidents in Slack</span>' in page


def test_a_chart_of_values_below_zero_has_an_axis_below_zero() -> None:
    """Drawn on the axis of 0 they would read as zero."""
    drawn = chart([(START + timedelta(minutes=place), value) for place, value in enumerate([-40.0, 20.0, -10.0])])
    heights = [float(point.split(" ")[1]) for point in re.findall(r'd="M(.*?)"', drawn)[0].split("L")]

    assert ">-40</text>" in drawn
    assert heights[1] < heights[2] < heights[0] < HEIGHT - BOTTOM


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* _it_ ~no~ `a<b`", "<b>bold</b> <i>it</i> <s>no</s> <code>a&lt;b</code>"),
        ("a &lt;b&gt; &amp;amp; c", "a &lt;b&gt; &amp;amp; c"),
        ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
        ("line\nnext", "line<br>next"),
        (":rotating_light: :unheard_of:", "🚨 :unheard_of:"),
        ("<!date^1793455200^{date_num} {time_secs}|x>", '<time datetime="2026-10-31T14:00:00+00:00">2026-10-31 23:00:00</time>'),
        ("<!channel>", '<span class="s-mention">@channel</span>'),
        (
            "<https://example.com/?a=1&amp;b=2|Run &lt;it&gt;>",
            '<a href="https://example.com/?a=1&amp;b=2" rel="noreferrer noopener">Run &lt;it&gt;</a>',
        ),
    ],
)
def test_mrkdwn_is_drawn_as_slack_draws_it(text: str, shown: str) -> None:
    assert mrkdwn(text, SEOUL) == shown


@pytest.mark.parametrize("text", ["<javascript:alert(1)|click>", "<data:text/html,x|y>", "<file:///etc/passwd>"])
def test_only_web_addresses_become_links(text: str) -> None:
    assert tags(mrkdwn(text, SEOUL)).tags == []


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet=st.sampled_from('ab<>&"*_`~|!@#:/\n \x000123'), max_size=60))
def test_no_text_breaks_out_of_a_message(text: str) -> None:
    found = tags(message({"text": text}, SEOUL))

    assert set(found.tags) <= {"div", "b", "i", "s", "code", "pre", "br", "q", "a", "time", "span"}
    assert all(link.startswith(("http://", "https://")) for link in found.links)


def test_fields_buttons_context_and_the_colour_bar_are_drawn() -> None:
    blocks = [
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*A*\n1"}, {"type": "plain_text", "text": "<b>"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}]},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Ack"}, "style": "primary"}]},
        {"type": "divider"},
        {"type": "novel"},
    ]
    drawn = message({"text": "t", "attachments": [{"color": "#12b76a", "blocks": blocks}]}, SEOUL)

    assert 'border-left-color:#12b76a"' in drawn
    assert "<div>&lt;b&gt;</div>" in drawn
    assert '<span class="s-button s-primary">Ack</span>' in drawn
    assert "[novel block]" in drawn


def test_a_colour_that_is_none_cannot_carry_style() -> None:
    drawn = message({"text": "t", "attachments": [{"color": 'red;background:url("x")', "text": "y"}]}, SEOUL)

    assert "url(" not in drawn


def chart(points: list[tuple[datetime, float]], **more: Any) -> str:
    end = START + timedelta(hours=3)
    return draw(Chart("Age", "x", "s", [Series("age", points)], (START, end), **more), SEOUL)


def test_a_chart_shows_threshold_ribbon_and_marks() -> None:
    points = [(START + timedelta(minutes=minute), float(minute)) for minute in range(180)]
    times = [(START + timedelta(minutes=40), START + timedelta(minutes=50))]
    drawn = chart(points, threshold=60.0, threshold_label=">= 60 s", alarms=times, marks=[Mark(START, "scale", "action")])

    assert "&gt;= 60 s" in drawn
    assert "<title>ALARM</title>" in drawn
    assert ">scale</text>" in drawn
    assert ">23:30</text>" in drawn


@pytest.mark.parametrize("values", [[], [0.0], [0.0, 0.0], [1e15, -5.0], [1e-9]])
def test_a_chart_of_any_values_can_be_drawn(values: list[float]) -> None:
    drawn = chart([(START + timedelta(minutes=place), value) for place, value in enumerate(values)])

    assert "nan" not in drawn
    assert "inf" not in drawn


def test_thinning_keeps_the_peak() -> None:
    points = [(START + timedelta(minutes=minute), 1.0) for minute in range(10_000)]
    points[7777] = (points[7777][0], 99.0)
    kept = thinned(points, 500)

    assert len(kept) <= 600
    assert max(value for _, value in kept) == 99.0
    assert kept == sorted(kept)


@pytest.mark.parametrize(("value", "text"), [(600, "600"), (12_000, "12k"), (1.5e9, "1.5G"), (0.05, "0.05"), (2_500_000, "2.5M")])
def test_numbers_on_an_axis_are_short(value: float, text: str) -> None:
    assert number(value) == text
