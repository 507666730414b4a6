"""No key of one account and region is ever another's: whatever stages, services, rows and resources are called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from remediation_world import api_alarm

from alarms.domain.alarm import Alarm
from alarms.domain.bounds import Scope
from alarms.domain.incident import Episode
from remediators.due import partition
from remediators.records import around, policy_id, resource_key, run_id, service_key

AT = datetime(2026, 10, 31, 15, tzinfo=UTC)
NAMES = st.text("abz019-_./#:", min_size=1, max_size=12)
PLACES = st.sampled_from(
    [(account, region) for account in ("111111111111", "222222222222") for region in ("eu-west-1", "eu-west-2", "us-gov-west-1")]
)
ALARMS = st.builds(
    lambda place, stage, service, row, name: replace(
        api_alarm(), account=place[0], region=place[1], stage=stage, service=service, row=row, name=name
    ),
    PLACES,
    NAMES,
    NAMES | st.just(""),
    NAMES,
    NAMES,
)
SHARED = {"all"}  # the widest limit counts over every place, as it says


def keys(alarm: Alarm, action: str, resource: str) -> set[str]:
    """Return whatever the history keeps anything of this alarm under."""
    there = around(alarm, action, resource)
    run = run_id(policy_id(alarm, action), resource, Episode(alarm.key, AT), 0)
    kept = {there.resource, there.policy, there.service, there.place, there.stage, *(there.of(scope) for scope in Scope)}
    return {*kept, service_key(alarm), resource_key(alarm, resource), partition(alarm.place), alarm.key, run} - SHARED


@given(ALARMS, ALARMS, NAMES, NAMES)
def test_two_places_share_no_key(one: Alarm, other: Alarm, action: str, resource: str) -> None:
    if one.place == other.place:
        other = replace(other, account="333333333333")

    assert not keys(one, action, resource) & keys(other, action, resource)


@given(ALARMS, PLACES, NAMES, NAMES)
def test_the_same_alarm_elsewhere_is_another(alarm: Alarm, place: tuple[str, str], action: str, resource: str) -> None:
    elsewhere = replace(alarm, account=place[0], region=place[1])

    shared = keys(alarm, action, resource) & keys(elsewhere, action, resource)
    assert shared == (keys(alarm, action, resource) if elsewhere.place == alarm.place else set())
