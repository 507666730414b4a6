"""A scenario file is read strictly: what is wrong is one line with its place and what would be right."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain.errors import BadInput
from infra.local import scenario
from infra.local.metrics_feed import readings
from infra.local.platform import Capacity, Platform, Trouble
from infra.local.play import SET_UP

GOOD = b"""\
scenario: small
title: Small
start: "2026-10-31T13:15:00Z"
lasts: 3 h
timezone: Asia/Seoul
noise: 2 %
platform:
  api: {tasks: 4, max_tasks: 20, requests_per_task: 250, track: {memory: 70 %}}
traffic:
  - {at: 0 m, uploads: 80}
  - {at: 9 m, uploads: 90}
troubles:
  - {at: 60 m, lasts: 1 m, errors: 6 %}
deliveries: {copies: 2, late: 45 s}
"""

EXTRAS = b"seed: 7\n"


def refused(content: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        scenario.parse(content, "month.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_scenario_that_ships_plays_three_hours_around_month_end_in_seoul() -> None:
    read = scenario.read(scenario.MONTH_END)

    assert read.minutes == 180
    assert read.timezone == "Asia/Seoul"
    midnight = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
    assert 0 < (midnight - read.start).total_seconds() < read.lasts


def test_traffic_runs_straight_between_two_points_and_level_outside_them() -> None:
    text = (
        b"scenario: x\nstart: '2026-01-01T00:00:00Z'\nlasts: 10 m\ntraffic: [{at: 1 m, uploads: 100}, {at: 3 m, uploads: 300}]\n"
    )
    read = scenario.parse(text, "x.yaml")

    assert [read.uploads(second) for second in (0, 60, 120, 180, 600)] == [100, 100, 200, 300, 300]


@pytest.mark.parametrize(
    ("old", "new", "place", "right"),
    [
        (b"uploads: 90}", b"uplods: 90}", "month.yaml:11:", "did you mean uploads?"),
        (b"lasts: 3 h", b"lasts: 3 hours", "month.yaml:4:8", "a duration like 45 s"),
        (b"noise: 2 %", b"noise: 2", "month.yaml:6:8", "a share like 6 %"),
        (b"Asia/Seoul", b"Asia/Seul", "month.yaml:5:11", "a time zone like Asia/Seoul"),
        (b"{at: 9 m", b"{at: 0 m", "month.yaml:11:", "later than the point before it"),
        (b"13:15:00Z", b"13:15:00", "month.yaml:3:8", "a time with its zone"),
        (b"13:15:00Z", b"13:15:07Z", "month.yaml:3:8", "a whole minute"),
        (b"traffic:", b"trafic:", "month.yaml:9:1", "did you mean traffic?"),
        (b"tasks: 4, max_tasks: 20", b"tasks: 4, max_tasks: 2", "month.yaml:8:", "at least tasks, which is 4"),
        (b"copies: 2", b"copies: 0", "month.yaml:", "a whole number from 1 to 5"),
        (b"{memory: 70 %}", b"{disk: 70 %}", "month.yaml:8:", "known: cpu, memory"),
        (b"{memory: 70 %}", b"{}", "month.yaml:8:", "one of {cpu: 75 %} and {memory: 70 %}"),
        (b"errors: 6 %", b"errors: 600 %", "month.yaml:", "at most 100 %"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_what_is_right(old: bytes, new: bytes, place: str, right: str) -> None:
    message = refused(GOOD.replace(old, new, 1))

    assert message.startswith(place)
    assert right in message


@pytest.mark.parametrize("content", [b"", b"[]", b"a: b", b"\xff\xfe", b"x: &a 1\ny: *a", b"- 1\n- 2", b"scenario: x"])
def test_what_is_no_scenario_is_refused_in_one_line(content: bytes) -> None:
    refused(content)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such scenario file"):
        scenario.read(tmp_path / "none.yaml")


def refusal(content: bytes) -> str:
    """Return what the reader says against ``content``, nothing when it takes it."""
    try:
        scenario.parse(content, "x.yaml")
    except BadInput as error:
        return str(error)
    return ""


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_in_another_way(content: bytes) -> None:
    assert "\n" not in refusal(content)


def test_the_scenario_in_the_docs_is_one_and_uses_every_key() -> None:
    page = (Path(__file__).parents[3] / "docs" / "demo.md").read_text(encoding="utf-8")
    read = scenario.parse(page.split("```yaml\n")[1].split("```")[0].encode(), "docs/demo.md")

    assert read.name == "evening-peak"
    assert read.api.track == ("memory", 70.0)
    for key in Trouble.__dataclass_fields__:
        assert f"`{key}`" in page


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(["0 m", "1 m", "2 d", "9" * 400 + " d", "6 %", "101 %", "0.0 %", "1e9", "2 %\n"]),
    st.sampled_from(["Asia/Seoul", "../etc", "한 글"]),
    st.sampled_from(["2026-10-31T13:15:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:00-12:00", "2026-10-31", "24:00"]),
    st.text(max_size=8),
)
ANYTHING = st.recursive(SCALARS, lambda held: st.lists(held, max_size=3) | st.dictionaries(st.text(max_size=6), held, max_size=3))


@st.composite
def nearly_right(draw: st.DrawFn) -> bytes:
    """Return a right scenario in which one to three values, anywhere, are something else."""
    document = yaml.safe_load((GOOD + EXTRAS).decode())
    for _ in range(draw(st.integers(1, 3))):
        spots = list(_spots(document))
        holder, key = spots[draw(st.integers(0, len(spots) - 1))]
        holder[key] = draw(ANYTHING)
    return json.dumps(document).encode()


def parsed(content: bytes) -> scenario.Scenario | str:
    """Return the scenario, or the line that refuses it."""
    try:
        return scenario.parse(content, "month.yaml")
    except BadInput as error:
        return str(error)


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(inner):
        yield value, key
        yield from _spots(item)


@settings(deadline=None, max_examples=300)
@given(nearly_right())
def test_a_scenario_with_any_wrong_value_is_one_line_or_can_be_played(content: bytes) -> None:
    """What passes the reader must not fail later, in the middle of a run."""
    read = parsed(content)
    if isinstance(read, str):
        assert re.fullmatch(r"month\.yaml:1:\d+: .+", read)
        return
    model = Platform(read.traits, read.noise, read.seed)
    capacity = Capacity(read.api.tasks, read.api.tasks, read.consumers.tasks, read.consumers.tasks)
    for minute in (0, 1, read.minutes - 1):
        seconds = minute * 60.0
        measured = readings(model.minute(read.uploads(seconds), capacity, read.trouble(seconds)))
        assert all(math.isfinite(reading.value) for reading in measured)
    assert (read.start - SET_UP).year > 1969 < (read.start + timedelta(seconds=read.lasts)).year


@pytest.mark.parametrize("name", ["month-end", "quiet-day"])
def test_every_scenario_that_ships_is_named_as_its_file(name: str) -> None:
    assert scenario.read(scenario.MONTH_END.with_name(f"{name}.yaml")).name == name


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (b"  - {at: 5 m, press: launch, by: member}", "one of approve, deny, undo"),
        (b"  - {at: 5 m, press: hold, by: anybody}", "one of approver, second, member"),
        (b"  - {at: 5 m, press: hold}", "by"),
    ],
)
def test_a_click_names_a_button_and_somebody_who_is_there(line: bytes, wanted: str) -> None:
    assert wanted in refused(GOOD + b"clicks:\n" + line + b"\n")
