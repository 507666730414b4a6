"""Times, Regions and reasons are read in every spelling AWS has used."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import botocore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain import readings, reason, regions
from alarms.domain.event import State

MOMENT = datetime(2022, 11, 6, 17, 43, 53, 496000, tzinfo=UTC)


@pytest.mark.parametrize(
    "spelling",
    [
        "2022-11-06T17:43:53.496+0000",
        "2022-11-06T17:43:53.496+00:00",
        "2022-11-06T17:43:53.496Z",
        "2022-11-06T17:43:53.496000Z",
        "2022-11-06 17:43:53.496",
        "2022-11-07T02:43:53.496+0900",
        1667756633.496,
        1667756633496,
        "1667756633496",
    ],
)
def test_a_moment_is_read_in_every_spelling(spelling: object) -> None:
    """With and without a colon in the offset, without a zone, as seconds and as milliseconds."""
    assert readings.moment(spelling) == MOMENT


@pytest.mark.parametrize(
    "junk", ["", "date", "2022-11-06", "20221106", None, True, [], {}, -1, 1e300, float("nan"), "0001-01-01T00:00:00Z"]
)
def test_what_is_no_moment_is_none(junk: object) -> None:
    """A default, a mask or a date alone is no time of a transition."""
    assert readings.moment(junk) is None


def public_regions() -> list[tuple[str, str]]:
    endpoints = json.loads((Path(botocore.__file__).parent / "data" / "endpoints.json").read_text(encoding="utf-8"))
    partitions = [part for part in endpoints["partitions"] if part["partition"] in ("aws", "aws-cn", "aws-us-gov", "aws-eusc")]
    return [(facts["description"], code) for part in partitions for code, facts in part["regions"].items()]


@pytest.mark.parametrize(("display", "code"), public_regions())
def test_every_region_that_botocore_knows_is_found_by_its_display_name(display: str, code: str) -> None:
    """A new Region that is missing from our table shows up here when botocore is updated."""
    assert regions.from_display_name(display) == code
    assert regions.code(code) == code


@pytest.mark.parametrize(
    ("display", "code"),
    [
        ("EU (Ireland)", "eu-west-1"),
        ("US (Virginia)", "us-east-1"),
        ("US - N. Virginia", "us-east-1"),
        ("US East - N. Virginia", "us-east-1"),
        ("US West - Oregon", "us-west-2"),
        ("APAC - Seoul", "ap-northeast-2"),
        ("AWS GovCloud (US)", "us-gov-west-1"),
        ("South America (São Paulo)", "sa-east-1"),
        ("ap-northeast-2", "ap-northeast-2"),
        ("US ISOB East (Ohio)", ""),
        ("EXAMPLE", ""),
        ("<region-name-full:1>", ""),
        ("", ""),
    ],
)
def test_old_spellings_are_known_and_strangers_are_not_guessed(display: str, code: str) -> None:
    """A wrong Region would be a wrong key and wrong links."""
    assert regions.from_display_name(display) == code


@pytest.mark.parametrize("junk", ["REGION", "<region>", "us-east", "us-east-x", "us--1", "x" * 40, None, 7])
def test_an_implausible_region_code_is_empty(junk: object) -> None:
    """Placeholders of samples are no Regions."""
    assert regions.code(junk) == ""


def test_the_name_in_an_arn_may_contain_colons() -> None:
    """Only the first five colons separate."""
    assert regions.alarm_name("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a:b:c") == "a:b:c"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("cn-north-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
        ("eu-west-1", "aws"),
        ("us-isob-east-1", "aws-iso-b"),
        ("", "aws"),
    ],
)
def test_the_partition_follows_from_the_region(region: str, partition: str) -> None:
    """A console link to China or GovCloud has another host."""
    assert regions.partition_of(region) == partition


def test_points_of_a_reason_are_sorted_by_their_day_first_dates() -> None:
    """DD/MM/YY: the second of October comes after the thirtieth of September."""
    said = reason.read(
        "Threshold Crossed: 2 datapoints [1.5E-4 (30/09/19 16:59:00), -99.5 (02/10/19 16:59:00)] were less than", None
    )

    assert said.values == (1.5e-4, -99.5)


def test_undated_points_are_taken_newest_first() -> None:
    """Emulators leave the dates out."""
    assert reason.read("Threshold Crossed: 3 datapoints [3.0, 2.0, 1.0] were greater than the threshold (0.0).", None).values == (
        1.0,
        2.0,
        3.0,
    )


def test_reason_data_win_over_the_sentence() -> None:
    """The sentence lists some points, the data all of them, the oldest first."""
    data = {
        "recentDatapoints": [1, 2, 3],
        "threshold": 2.5,
        "evaluatedDatapoints": [{"timestamp": "2026-10-31T06:02:00.000+0000", "value": 3}],
    }

    said = reason.read("… [9.0 (31/10/26 06:02:00)] was greater than the threshold (7.0)", data)

    assert (said.values, said.threshold) == ((1.0, 2.0, 3.0), 2.5)


@pytest.mark.parametrize(
    ("sentence", "operator"),
    [
        ("was not greater than or equal to the threshold (1.0)", "GreaterThanOrEqualToThreshold"),
        ("were less than or equal to the threshold (1.0)", "LessThanOrEqualToThreshold"),
        ("was greater than the threshold (1.0)", "GreaterThanThreshold"),
        ("was not less than the threshold (1.0)", "LessThanThreshold"),
        ("was greater than the upper thresholds [1.0]", "GreaterThanUpperThreshold"),
        ("disk full", None),
    ],
)
def test_the_comparison_is_read_from_the_sentence(sentence: str, operator: str | None) -> None:
    """EventBridge does not say it anywhere else."""
    assert reason.read(sentence, None).operator == operator


@pytest.mark.parametrize(
    ("sentence", "state", "missing"),
    [
        ("no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].", State.OK, True),
        ("no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].", State.ALARM, True),
        ("1 datapoint was received for 3 periods and 2 missing datapoints were treated as [Breaching].", State.ALARM, True),
        ("1 datapoint was received for 3 periods and 2 missing datapoints were treated as [NonBreaching].", State.OK, True),
        ("2 out of the last 3 … and 1 missing datapoint was treated as [NonBreaching].", State.ALARM, False),
        ("2 out of the last 3 … and 1 missing datapoint was treated as [Breaching].", State.OK, False),
        ("Insufficient Data: 5 datapoints were unknown.", State.INSUFFICIENT_DATA, True),
        ("Unchecked: Initial alarm creation", State.INSUFFICIENT_DATA, True),
        ("1 datapoint [1.0 (05/02/18 06:28:00)] was greater than the threshold (1.0).", State.ALARM, False),
        ("cause unknown, set by hand", State.ALARM, False),
    ],
)
def test_missing_data_are_told_from_points(sentence: str, state: State, missing: bool) -> None:
    """An OK that rests on silence is not a recovery; points treated as harmless cannot have caused the state."""
    assert (
        reason.speaks_of_missing_data(f"Threshold Crossed: {sentence}" if sentence[0].isdigit() else sentence, state) is missing
    )


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="[]() ,.0123456789E-/:abdhlotw", max_size=200))
def test_no_sentence_confuses_the_reader(sentence: str) -> None:
    """People write any reason they like with SetAlarmState."""
    said = reason.read(sentence, None)

    assert all(isinstance(value, float) for value in said.values)
