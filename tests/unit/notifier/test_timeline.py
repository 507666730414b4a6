"""What belongs to one incident."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from notifier_samples import T0, event, minute, ok, unknown

from alarms.domain.event import State
from alarms.domain.incident import Ending
from notifier.timeline import incident_at, incident_of, incidents


def test_an_ok_from_data_is_a_recovery_and_has_a_duration() -> None:
    (incident,) = incidents([event(), ok(minute(21))])
    assert (incident.ending, incident.lasted) == (Ending.RECOVERED, timedelta(minutes=21))


def test_what_comes_after_the_first_ok_does_not_touch_the_incident() -> None:
    later = unknown(minute(900), previous_state=State.OK)
    (incident,) = incidents([event(), ok(minute(21)), later])
    assert incident.last.changed_at == minute(21)
    assert incident_of([event(), ok(minute(21)), later], later) is None


def test_an_ok_after_insufficient_data_is_a_recovery_since_it_did_ring() -> None:
    (incident,) = incidents([event(), unknown(minute(5)), ok(minute(9), previous_state=State.INSUFFICIENT_DATA)])
    assert incident.ending is Ending.RECOVERED


def test_a_second_alarm_is_a_second_incident_and_ends_the_first_unseen() -> None:
    first, second = incidents([event(), event(at=minute(30))])
    assert (first.unseen_end, second.unseen_end) == (True, False)
    assert first.episode.id != second.episode.id


def test_an_alarm_that_comes_from_alarm_prolongs_the_incident() -> None:
    again = event(at=minute(2), previous_state=State.ALARM)
    (incident,) = incidents([event(), again])
    assert (incident.opened.changed_at, incident.alarm.changed_at) == (T0, minute(2))


def test_an_alarm_without_a_time_proves_no_second_stay() -> None:
    assert len(incidents([event(), event(at=minute(2), changed_at_known=False)])) == 1


def test_a_duration_is_not_claimed_where_a_time_is_not_known() -> None:
    (incident,) = incidents([event(changed_at_known=False), ok(minute(21))])
    assert incident.lasted is None


def test_a_report_finds_its_incident_by_start_or_by_lying_within_it() -> None:
    known = [event(), ok(minute(21)), event(at=minute(30))]
    for start, opened in ((T0, T0), (minute(1), T0), (minute(-1), T0), (minute(30), minute(30)), (minute(40), minute(30))):
        found = incident_at(known, start)
        assert found is not None
        assert found.opened.changed_at == opened
    assert incident_at(known[:2], minute(25)) is None


def test_the_order_of_arrival_cannot_matter() -> None:
    seen = [event(), unknown(minute(3)), ok(minute(9)), event(at=minute(30)), ok(minute(31))]
    expected = incidents(seen)
    assert all(incidents(order) == expected for order in permutations(seen))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(State), st.sampled_from(State), st.integers(0, 50)), max_size=12))
def test_every_alarm_lies_in_exactly_one_incident(drawn: list[tuple[State, State, int]]) -> None:
    seen = [event(state, minute(at), previous_state=before) for state, before, at in drawn]
    for alarm in (one for one in seen if one.state is State.ALARM):
        assert sum(incident.holds(alarm) for incident in incidents(seen)) == 1
