"""A recorded series is read with its step; a malformed file is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain.errors import BadInput
from infra.local import series


def test_times_without_a_zone_are_utc_and_the_step_is_the_usual_distance() -> None:
    read = series.parse("timestamp,value\n2014-04-10 00:02:00,14\n2014-04-10 00:07:00,13.5\n2014-04-10 00:12:00,15\n", "rds.csv")

    assert read.step_s == 300
    assert read.points[0][0].isoformat() == "2014-04-10T00:02:00+00:00"
    assert [value for _, value in read.points] == [14, 13.5, 15]


def test_lines_of_one_time_are_samples_of_one_moment() -> None:
    read = series.parse("timestamp,value\n2014-03-09 01:59:00,1\n2014-03-09 03:00:00,2\n2014-03-09 03:00:00,4\n", "x.csv")

    assert [value for _, value in read.points] == [1, 3]


def test_a_gap_in_the_series_does_not_change_its_step() -> None:
    text = "timestamp,value\n2014-04-10 00:00:00,1\n2014-04-10 00:05:00,1\n2014-04-10 01:05:00,1\n2014-04-10 01:10:00,1\n"

    assert series.parse(text, "x.csv").step_s == 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.csv:1: the first line is ''; it must be timestamp,value"),
        ("timestamp,value\n9999-12-31 23:50,1\n", "f.csv:2: '9999-12-31 23:50' is not in the years 1971 to 2199"),
        ("timestamp,value\n0001-01-01 00:00+14:00,1\n", "f.csv:2: '0001-01-01 00:00+14:00' is not in the years 1971 to 2199"),
        (
            "timestamp,value\n2000-01-01 00:00,1\n2000-01-01 00:01,7\n2026-01-01 00:00,6\n",
            "f.csv: 9497 days from first to last point; cut out a part of at most 400 days",
        ),
        ("a,b\n1,2", "f.csv:1: the first line is 'a,b'; it must be timestamp,value"),
        ("timestamp,value\n2014-01-01,x\n", "f.csv:2: 'x' is no number"),
        ("timestamp,value\n2014-01-01,nan\n", "f.csv:2: 'nan' is no number"),
        ("timestamp,value\nyesterday,1\n", "f.csv:2: 'yesterday' is no time; write it like 2014-04-10 00:02:00"),
        ("timestamp,value\n2014-01-01\n", "f.csv:2: '2014-01-01' has no value; write timestamp,value"),
        (
            "timestamp,value\n2014-01-02,1\n2014-01-01,2\n",
            "f.csv:3: 2014-01-01 is earlier than the line before it; sort the file by time",
        ),
        ("timestamp,value\n2014-01-01,1\n", "f.csv: 1 point; a series has at least two"),
        (
            "timestamp,value\n2014-01-01,1\n2014-01-09,1\n",
            "f.csv: points are 691200 s apart; CloudWatch alarms look at periods of at most 86400 s",
        ),
    ],
)
def test_a_malformed_file_is_one_line_that_says_where_and_what(text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        series.parse(text, "f.csv")

    assert str(caught.value) == message


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        series.read(tmp_path / "none.csv")


def test_a_file_that_is_not_text_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="cannot be read as UTF-8"):
        series.read(path)


def test_as_names_namespace_metric_and_dimensions() -> None:
    subject = series.subject("AWS/RDS CPUUtilization DBInstanceIdentifier=x")

    assert (subject.namespace, subject.metric, dict(subject.dimensions)) == (
        "AWS/RDS",
        "CPUUtilization",
        {"DBInstanceIdentifier": "x"},
    )
    assert str(subject) == "AWS/RDS CPUUtilization DBInstanceIdentifier=x"


@pytest.mark.parametrize(
    "text", ["", "AWS/RDS", "AWS/RDS CPUUtilization x", "AWS/RDS CPUUtilization A=", "AWS/RDS CPUUtilization =b", "A B C=1 D"]
)
def test_an_as_that_is_not_complete_says_how_it_is_written(text: str) -> None:
    with pytest.raises(BadInput, match="--as"):
        series.subject(text)


def refusal(content: str) -> str:
    """Return what the reader says against ``content``, nothing when it takes it."""
    try:
        series.parse(content, "x.csv")
    except BadInput as error:
        return str(error)
    return ""


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=120))
def test_no_text_makes_the_reader_fail_in_another_way(text: str) -> None:
    for content in (text, f"timestamp,value\n{text}"):
        assert "\n" not in refusal(content)
