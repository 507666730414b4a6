"""The pace, the retries and the words of failures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.calls import ATTEMPTS, Caller, Pace
from alarms.domain.errors import CannotRun, Permanent, Retryable


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


def refusing(code: str, status: int = 400, times: int = 99) -> Callable[[], str]:
    left = [times]

    def call() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise ClientError(
                {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutMetricAlarm"
            )  # type: ignore[typeddict-item]
        return "done"

    return call


@given(st.lists(st.floats(0, 2), max_size=40))
@settings(deadline=None, max_examples=60)
def test_no_second_ever_holds_more_than_three_calls(pauses: list[float]) -> None:
    clock, starts = Time(), []
    pace = Pace(3, clock.now, clock.sleep)
    for pause in pauses:
        pace.wait()
        starts.append(clock.at)
        clock.at += timedelta(seconds=pause)

    for index, start in enumerate(starts):
        assert sum(1 for other in starts[index:] if (other - start).total_seconds() < 1) <= 3


def test_a_clock_that_jumps_back_does_not_make_it_wait_long() -> None:
    clock = Time()
    pace = Pace(3, clock.now, clock.sleep)
    pace.wait()
    clock.at -= timedelta(hours=1)
    pace.wait()

    assert sum(clock.slept) < 1


def test_a_throttle_is_retried_with_growing_waits() -> None:
    clock = Time()

    assert Caller(clock.sleep)("PutMetricAlarm x", refusing("Throttling", times=4)) == "done"
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (refusing("Throttling"), Retryable, "run it again"),
        (refusing("InternalFailure", 500), Retryable, "not now"),
        (refusing("ValidationError"), Permanent, "ValidationError"),
        (refusing("AccessDenied", 403), Permanent, "docs/deploying.md"),
        (refusing("ExpiredToken", 403), CannotRun, "--profile"),
    ],
)
def test_every_failure_is_one_line_of_our_own(call: Callable[[], str], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        Caller(Time().sleep)("PutMetricAlarm x", call)

    assert str(caught.value).startswith("PutMetricAlarm x: ")
    assert "\n" not in str(caught.value)


def test_missing_credentials_and_no_network_are_told_apart() -> None:
    clock = Time()

    def no_credentials() -> None:
        raise NoCredentialsError

    def no_network() -> None:
        raise EndpointConnectionError(endpoint_url="https://monitoring.example")

    with pytest.raises(CannotRun, match="AWS_PROFILE"):
        Caller(clock.sleep)("GetCallerIdentity", no_credentials)
    assert clock.slept == []
    with pytest.raises(Retryable, match="not now"):
        Caller(clock.sleep)("GetCallerIdentity", no_network)
    assert len(clock.slept) == ATTEMPTS - 1
