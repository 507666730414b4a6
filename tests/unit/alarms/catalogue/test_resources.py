"""What a diagnosis of a service may look at travels with each of its rows, small however large the service is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.resources import MAX_BYTES, MAX_OF_COMPONENT, chosen

SERVICE = "services/image-processing.yaml"
Files = dict[str, Any]


def with_resources(house: Files, resources: str) -> Files:
    return {**house, SERVICE: house[SERVICE].replace("stages:", f"resources: {resources}\nstages:")}


def carried(loaded: Any) -> Any:
    """Return the resources that every row of the catalogue carries."""
    assert loaded.errors == ()
    first, *others = [one.alarm.resources for one in loaded.desired]
    assert all(other == first for other in others)
    return first


def test_a_row_carries_what_all_rows_of_its_service_watch(catalogue: Any, house: Files) -> None:
    files = {**house, SERVICE: house[SERVICE].replace("[{QueueName: image-jobs}]", "[{QueueName: b}, {QueueName: a}]")}

    assert carried(catalogue(files)) == {"sqs": ({"QueueName": "a"}, {"QueueName": "b"})}


def test_targets_of_a_row_alone_count_also_where_the_row_is_switched_off(catalogue: Any, house: Files) -> None:
    profile = house["profiles/sqs.yaml"]
    dead = profile[profile.index("  - id") :].replace("oldest-message-age", "dead-letters", 1)
    row = "dead-letters: {targets: [{QueueName: dead}], disable: not here}"
    files = {
        **house,
        "profiles/sqs.yaml": profile + dead,
        SERVICE: house[SERVICE].replace("    overrides:\n", f"    overrides:\n      {row}\n"),
    }

    assert carried(catalogue(files)) == {"sqs": ({"QueueName": "dead"}, {"QueueName": "image-jobs"})}


def test_a_service_states_what_no_alarm_watches(catalogue: Any, house: Files) -> None:
    stated = "{logs: [{LogGroupName: /ecs/image-api}], secrets: [{SecretId: image/partner-token}], sqs: [{QueueName: audit}]}"

    assert carried(catalogue(with_resources(house, stated))) == {
        "logs": ({"LogGroupName": "/ecs/image-api"},),
        "secrets": ({"SecretId": "image/partner-token"},),
        "sqs": ({"QueueName": "audit"}, {"QueueName": "image-jobs"}),
    }


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ("{logz: [{LogGroupName: a}]}", "10:20: error: image-processing: resources: there is no component 'logz'; did you mean"),
        ("{logs: [{LogGroup: a}]}", "logs is stated by LogGroupName; write `{LogGroupName: …}`"),
        ("{logs: [{LogGroupName: a, More: b}]}", "logs is stated by LogGroupName"),
        ("{logs: []}", "10:19: error: image-processing: resources: the list of logs is empty; name one, or remove it"),
        ("{logs: [{}]}", "resources: an empty map names nothing of logs"),
        ("{logs: {LogGroupName: a}}", "logs: a list is expected here"),
        ("{logs: [{LogGroupName: 5}]}", 'LogGroupName: 5 is read as a number: write "5" in quotes'),
        ("{Logs: [{LogGroupName: a}]}", "'Logs' is not a short name"),
        ("[logs]", "resources: a map (key: value) is expected here"),
    ],
)
def test_a_resource_that_nobody_could_look_up_is_one_line(stated: str, says: str, catalogue: Any, house: Files) -> None:
    (problem,) = catalogue(with_resources(house, stated)).errors

    assert says in str(problem)
    assert str(problem).startswith(SERVICE)


def test_a_service_with_a_thousand_queues_puts_twenty_into_each_row(catalogue: Any, house: Files) -> None:
    queues = ", ".join(f"{{QueueName: q{n:04}}}" for n in range(1000))
    files = {**house, SERVICE: house[SERVICE].replace("{QueueName: image-jobs}", queues)}
    loaded = catalogue(with_resources(files, "{sqs: [{QueueName: zz-the-one-to-look-at}]}"))

    (found,) = carried(loaded).values()
    assert [queue["QueueName"] for queue in found] == [*(f"q{n:04}" for n in range(19)), "zz-the-one-to-look-at"]
    assert max(len(json.dumps(one.alarm.to_document())) for one in loaded.desired) < 5_000


RESOURCES = st.dictionaries(
    st.sampled_from(["sqs", "ecs", "logs"]),
    st.lists(st.dictionaries(st.sampled_from("ab"), st.text(max_size=3), min_size=1), max_size=30),
)


@given(stated=RESOURCES, watched=RESOURCES, seed=st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_no_row(stated: Any, watched: Any, seed: Any) -> None:
    found = chosen(stated, watched)
    for resources in (stated, watched):
        for each in resources.values():
            seed.shuffle(each)

    assert chosen(stated, watched) == found
    for component, each in found.items():
        known = [*stated.get(component, ()), *watched.get(component, ())]
        assert 0 < len(each) <= MAX_OF_COMPONENT
        assert all(resource in known for resource in each)
        assert len({json.dumps(resource, sort_keys=True) for resource in each}) == len(each)


def test_resources_with_names_of_any_length_stay_far_below_a_document_of_dynamodb() -> None:
    long = [{"a": f"{n}" + "x" * 1000, "b": "y" * 1000} for n in range(100)]

    found = chosen({f"c{n}": long for n in range(30)}, {})

    assert len(json.dumps(found)) < 2 * MAX_BYTES
