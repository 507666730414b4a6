"""The demo, played once: what issue and README promise of it, recounted from the raw timeline without the code that counts."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from alarms.domain.text import Language
from alarms.load import load
from infra.local import demo, scenario
from infra.local.metric_sources import PlatformSource
from infra.local.play import Catalogue, Played, play
from remediators.registry import registry

CATALOGUE = Path(__file__).parents[2] / "alarms" / "catalog"
QUEUE_AGE = "image-processing/sqs/oldest-message-age"
Entry = dict[str, Any]


def run(language: Language | None = None) -> Played:
    """Play month-end as `tocsin demo` does."""
    loaded = load(CATALOGUE, stage="demo", actions=registry())
    catalogue = Catalogue(loaded.desired, loaded.settings).speaking(language)
    source = PlatformSource(scenario.read(scenario.MONTH_END))
    with Path("/dev/null").open("w") as nowhere:
        return play(source, catalogue, demo.screen(Console(file=nowhere), source, catalogue.desired, 0))


@pytest.fixture(scope="session")
def played() -> Played:
    """Return the run that every test of this file looks at."""
    return run()


@pytest.fixture(scope="session")
def report(played: Played, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Return report.html and report.json as they were written."""
    page, data = demo.write(played, tmp_path_factory.mktemp("demo"))
    return page.read_text(encoding="utf-8"), json.loads(data.read_text(encoding="utf-8"))


def kind(played: Played, name: str) -> list[Entry]:
    return [entry for entry in played.timeline if entry["kind"] == name]


def at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["at"])


def rang(played: Played, row: str) -> Entry:
    return next(entry for entry in kind(played, "alarm") if entry["row"] == row and entry["new"] == "ALARM")


def ages(played: Played) -> list[Entry]:
    name = "ApproximateAgeOfOldestMessage"
    return [item for item in kind(played, "metric") if item["name"] == name and item["dimensions"] == {"QueueName": "image-jobs"}]


def root_messages(played: Played) -> dict[str, list[Entry]]:
    """Every message in a channel with all that was done to it, by its ts; replies left out."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for call in kind(played, "slack_call"):
        if call["ok"] and not call["thread_ts"] and call["method"] in {"chat.postMessage", "chat.update"}:
            found[call["ts"]].append(call)
    return found


def test_the_queue_age_alarm_rings_when_the_fifteenth_bad_minute_in_a_row_is_in_and_not_before(played: Played) -> None:
    ring = rang(played, QUEUE_AGE)
    before = [item for item in ages(played) if at(item) <= at(ring)]
    newest = before[-15:]

    assert [item["value"] >= 600 for item in newest] == [True] * 15
    assert before[-16]["value"] < 600, "the alarm could have rung earlier"
    assert timedelta(0) <= at(ring) - at(newest[-1]) < timedelta(minutes=1)


def test_the_consumers_scale_within_a_minute_of_the_bell(played: Played) -> None:
    ring = rang(played, QUEUE_AGE)
    raised = [
        call
        for call in kind(played, "aws_call")
        if call["operation"] == "RegisterScalableTarget"
        and call["caller"] == "remediators"
        and call["params"]["ResourceId"] == "service/image/image-consumer"
    ]

    assert raised[0]["params"]["MinCapacity"] > 2
    assert at(raised[0]) - at(ring) < timedelta(minutes=1)


def test_the_consumers_really_run_and_the_queue_recovers(played: Played) -> None:
    ring = rang(played, QUEUE_AGE)
    running = [
        item["value"]
        for item in kind(played, "metric")
        if item["name"] == "RunningTaskCount" and item["dimensions"]["ServiceName"] == "image-consumer" and at(item) > at(ring)
    ]
    later = [item["value"] for item in ages(played) if at(item) > at(ring) + timedelta(minutes=15)]

    assert max(running) > 10
    assert max(later) < 600


def test_each_incident_has_exactly_one_message_and_it_ends_as_resolved(played: Played) -> None:
    roots = root_messages(played)
    rings = [entry for entry in kind(played, "alarm") if entry["new"] == "ALARM"]

    assert len(roots) == len(rings)
    for calls in roots.values():
        assert [call["method"] for call in calls].count("chat.postMessage") == 1
        assert calls[-1]["method"] == "chat.update"
        assert "resolved" in calls[-1]["text"].lower()
        assert calls[-1]["payload"]["attachments"][0]["color"] == "#12b76a"


def test_every_alarm_that_rang_is_ok_at_the_end(played: Played) -> None:
    last = {entry["name"]: entry["new"] for entry in kind(played, "alarm")}

    assert {name: state for name, state in last.items() if state != "OK"} == {}


def test_at_least_one_alarm_rings_for_which_nothing_is_safe_to_do_and_says_why(played: Played) -> None:
    refused = [entry for entry in kind(played, "decision") if entry["reason"] == "no-policy"]
    backend = rang(played, "image-processing/api-gateway/integration-latency-p90")

    assert backend["remediation"] is None
    assert any(entry["alarm"] == backend["name"] and entry["why"] for entry in refused)


@pytest.mark.parametrize("service", ["image-api", "image-consumer"])
def test_the_floor_is_raised_and_restored(played: Played, service: str) -> None:
    set_to = [
        call["params"]["MinCapacity"]
        for call in kind(played, "aws_call")
        if call["operation"] == "RegisterScalableTarget" and call["params"]["ResourceId"] == f"service/image/{service}"
    ]
    asked_last = [call for call in kind(played, "aws_call") if call["caller"] == "demo"][-1]
    as_it_is = {target["ResourceId"]: target["MinCapacity"] for target in asked_last["result"]["ScalableTargets"]}

    assert len(set_to) == 3
    assert set_to[0] == set_to[2] < set_to[1]
    assert as_it_is[f"service/image/{service}"] == set_to[0]


def test_a_revert_waits_for_thirty_minutes_of_recovery(played: Played) -> None:
    for entry in kind(played, "revert"):
        recovered = [item for item in kind(played, "alarm") if item["name"] == entry["alarm"] and item["new"] == "OK"][-1]
        assert timedelta(minutes=30) <= at(entry) - at(recovered) < timedelta(minutes=32)


def test_the_second_delivery_of_every_event_changed_nothing(played: Played) -> None:
    """Recounted from the calls of each invocation: no Slack message, no call that changes the platform or tells anyone."""
    first = [entry for entry in kind(played, "delivery") if not entry["duplicate"]]
    again = [entry for entry in kind(played, "delivery") if entry["duplicate"]]
    invocations = {entry["invocation"] for entry in again}
    caused = [entry for entry in played.timeline if entry.get("invocation") in invocations and entry["kind"] != "delivery"]
    outside = [
        entry
        for entry in caused
        if (entry["kind"] == "slack_call" and entry["writes"])
        or entry["kind"] in {"action", "revert"}
        or (entry["kind"] == "aws_call" and entry["changing"] and not entry["error"] and not own_memory_or_timer(entry))
    ]

    assert sorted(entry["message_id"] for entry in first) == sorted(entry["message_id"] for entry in again)
    assert all(entry["outcome"] == "done" for entry in again)
    assert outside == []


def own_memory_or_timer(call: Entry) -> bool:
    """Tell whether a call is a write to the own table, or a wake-up that a room sends to itself: seen by nobody else."""
    timer = call["operation"] == "SendMessage" and '"tocsin.timer/1"' in call["params"]["MessageBody"]
    return call["service"] in {"dynamodb", "scheduler"} or timer


def test_some_second_deliveries_come_late(played: Played) -> None:
    first = {entry["message_id"]: at(entry) for entry in kind(played, "delivery") if not entry["duplicate"]}
    delays = {at(entry) - first[entry["message_id"]] for entry in kind(played, "delivery") if entry["duplicate"]}

    assert delays == {timedelta(0), timedelta(seconds=45)}


def test_the_summary_can_be_recounted_from_the_raw_timeline(report: tuple[str, dict[str, Any]]) -> None:
    summary, timeline = report[1]["summary"], report[1]["timeline"]
    rings = [entry for entry in timeline if entry["kind"] == "alarm" and entry["new"] == "ALARM"]
    posts = [
        e for e in timeline if e["kind"] == "slack_call" and e["method"] == "chat.postMessage" and not e["thread_ts"] and e["ok"]
    ]
    deliveries = [entry for entry in timeline if entry["kind"] == "delivery"]

    assert summary["alarms_rung"] == len(rings)
    assert summary["alarms_resolved"] == len(rings)
    assert summary["incidents"] == len(posts) == len({entry["incident"] for entry in posts})
    assert summary["incidents_resolved"] == len(posts)
    assert summary["slack_messages_per_incident"] == [1]
    assert summary["actions"] == sum(e["kind"] == "action" and e["phase"] == "acted" for e in timeline)
    assert summary["reverts"] == sum(e["kind"] == "revert" and e["phase"] == "reverted" for e in timeline)
    assert summary["deliveries"]["total"] == len(deliveries)
    assert summary["deliveries"]["duplicates"] == sum(entry["duplicate"] for entry in deliveries)
    assert summary["deliveries"]["duplicates_that_changed_something"] == 0
    assert summary["virtual_s"] == 3 * 3600
    assert [ring["detected_after_s"] for ring in summary["alarms"] if ring["row"] == QUEUE_AGE] == [15 * 60]


def test_the_timeline_is_in_order_and_knows_eight_kinds(report: tuple[str, dict[str, Any]]) -> None:
    timeline = report[1]["timeline"]

    assert {e["kind"] for e in timeline} == {
        "metric",
        "alarm",
        "delivery",
        "slack_call",
        "aws_call",
        "decision",
        "action",
        "revert",
    }
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)


class Outside(HTMLParser):
    """Collects every address that a browser would fetch by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "srcset", "data", "action", "poster", "background"} or (name == "href" and tag != "a"):
                self.fetched.append((tag, value or ""))


def test_the_report_needs_nothing_beside_itself(report: tuple[str, dict[str, Any]]) -> None:
    page = report[0]
    found = Outside()
    found.feed(page)
    style = page[page.index("<style>") : page.index("</style>")]

    assert found.fetched == []
    assert "url(" not in style
    assert "@import" not in style


def test_the_report_shows_charts_messages_actions_and_the_timeline(report: tuple[str, dict[str, Any]]) -> None:
    page = report[0]

    assert page.count('<figure class="chart">') > 20
    assert page.count('<article class="msg card">') == report[1]["summary"]["incidents"]
    assert "(edited)" in page
    assert "MinCapacity" in page
    assert ">= 600 s for 15 m (15 of 15)".replace(">", "&gt;") in page


def test_slack_speaks_korean_when_asked(played: Played) -> None:
    spoken = run(Language.KO)
    texts = [call["text"] for call in kind(spoken, "slack_call") if call["writes"]]

    assert all(any("가" <= letter <= "힣" for letter in text) for text in texts)
    assert [alarm["at"] for alarm in kind(spoken, "alarm")] == [alarm["at"] for alarm in kind(played, "alarm")]


def test_the_last_lines_tell_the_story_in_short(played: Played) -> None:
    said = "\n".join(demo.ending(played))

    assert "one message each" in said
    assert "15 min after the first bad minute began: scale-consumers" in said
    assert "floor of image-consumer: 2 before" in said
