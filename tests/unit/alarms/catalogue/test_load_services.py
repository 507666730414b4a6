"""Services: profiles laid under what a service and its stages say otherwise, every value with its place."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarms.domain.errors import BadInput
from alarms.provenance import shown

SERVICE = "services/image-processing.yaml"
Files = dict[str, Any]


def changed(house: Files, file: str, old: str, new: str) -> Files:
    """Return the catalogue with one change."""
    assert old in house[file]
    return {**house, file: house[file].replace(old, new, 1)}


def one_line(loaded: Any) -> str:
    """Return the one error as a user sees it."""
    (problem,) = loaded.errors
    return str(problem)


def test_a_service_fills_in_what_the_profile_leaves_open(catalogue: Any, house: Files) -> None:
    loaded = catalogue(house, stage="prod")

    (one,) = loaded.desired
    assert loaded.errors == ()
    assert one.id == "sqs/oldest-message-age"
    assert one.alarm.row == "image-processing/sqs/oldest-message-age"
    assert one.name == "tocsin/prod/image-processing/sqs/oldest-message-age/image-jobs"
    assert one.alarm.policies[0].parameters["max_tasks"] == 40
    assert (one.alarm.account, one.alarm.region, one.alarm.channel) == ("999999999999", "eu-west-1", "#ops")
    assert one.request["AlarmActions"] == ["arn:aws:sns:eu-west-1:999999999999:tocsin-alarms"]


def test_the_mode_is_the_lowest_of_row_service_and_stage(catalogue: Any, house: Files) -> None:
    assert catalogue(house, stage="prod").desired[0].alarm.policies[0].mode.value == "auto"
    assert catalogue(house, stage="dev").desired[0].alarm.policies[0].mode.value == "observe"


def test_a_stage_may_say_otherwise(catalogue: Any, house: Files) -> None:
    stage = 'dev: {mode_cap: observe, overrides: {sqs: {oldest-message-age: {when: ">= 900 s"}}}}'
    files = changed(house, SERVICE, "dev: {mode_cap: observe}", stage)

    assert catalogue(files, stage="dev").desired[0].request["Threshold"] == 900.0
    assert catalogue(files, stage="prod").desired[0].request["Threshold"] == 600.0


def test_show_says_where_every_value_was_set(catalogue: Any, house: Files) -> None:
    found = shown(catalogue(house, stage="dev"), "sqs/oldest-message-age")

    where = {value.path: value.where for value in found.values}
    assert where["when"].startswith("profiles/sqs.yaml:8:")
    assert where["remediate[0].with.max_tasks"].startswith(f"{SERVICE}:9:")
    assert where["remediate[0].with.drain_within"].startswith("profiles/sqs.yaml:15:")
    assert where["owner"].startswith(f"{SERVICE}:2:")
    assert where["remediate[0].cooldown"] == where["kind"] == "(default)"
    values = {value.path: value.value for value in found.values}
    assert values["remediate[0] may go as far as"] == "observe"


def test_showing_what_is_not_there_names_the_nearest(catalogue: Any, house: Files) -> None:
    with pytest.raises(BadInput, match="did you mean 'sqs/oldest-message-age'"):
        shown(catalogue(house), "sqs/oldest-mesage-age")


def test_a_disabled_row_makes_no_alarm_until_its_day(catalogue: Any, house: Files) -> None:
    old = "remediate: {scale-consumers: {with: {cluster: image, consumer: consumer, max_tasks: 40}, mode: auto}}"
    files = changed(house, SERVICE, old, "disable: moving to FIFO\n        until: 2027-03-31\n        " + old)

    before = catalogue(files, today=date(2027, 3, 31))
    assert (before.desired, before.errors) == ((), ())
    assert [(item.row, item.reason) for item in before.disabled] == [
        ("image-processing/sqs/oldest-message-age", "moving to FIFO")
    ]
    after = catalogue(files, today=date(2027, 4, 1))
    assert len(after.desired) == 1
    assert "which is over" in str(after.problems[0])


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (SERVICE, "      oldest-message-age:", "      oldest-mesage-age:", "has no row 'oldest-mesage-age'; did you mean"),
        (SERVICE, "  sqs:\n", "  sqz:\n", "there is no profile 'sqz'; did you mean 'sqs'?"),
        (SERVICE, "dev: {", "dve: {", "there is no stage 'dve'; did you mean 'dev'?"),
        (SERVICE, "max_tasks: 40", "max_task: 40", "scale-consumers has no parameter 'max_task'"),
        (SERVICE, "scale-consumers:", "scale-consumer:", "there is no action 'scale-consumer'; did you mean 'scale-consumers'?"),
        (SERVICE, "owner: platform\n", "", "'owner' is missing"),
        (SERVICE, "QueueName", "Queuename", "no row of sqs watches a target with Queuename; its rows are per QueueName"),
        (
            SERVICE,
            "notify: ops-alerts",
            "notify: #ops",
            '#ops is a comment to YAML, and the value is empty; write "#ops" in quotes',
        ),
        (SERVICE, "        remediate", "        id: other\n        remediate", "an override cannot change 'id'"),
        (SERVICE, "targets:", "discover: {team: a}\n    targets:", "they are not discovered by tags yet"),
        ("tocsin.yaml", "  dev:", "  Dev Stage:", "'Dev Stage' is not a short name"),
        ("tocsin.yaml", '"999999999999"', "099999999999", "099999999999 starts with a zero"),
        ("tocsin.yaml", '"999999999999"', "999999999999", 'write "999999999999" in quotes'),
        ("tocsin.yaml", "mode_cap: auto}", "mode_cap: automatic}", "did you mean 'auto'?"),
        ("tocsin.yaml", "account", "acount", "there is no key 'acount' in 'prod'; did you mean 'account'?"),
        (
            "profiles/sqs.yaml",
            "critical",
            "kritical",
            "profiles/sqs.yaml:11:15: error: sqs/oldest-message-age: severity: 'kritical'",
        ),
    ],
)
def test_one_mistake_in_a_service_is_told_where_it_stands(
    file: str, old: str, new: str, says: str, catalogue: Any, house: Files
) -> None:
    loaded = catalogue(changed(house, file, old, new))

    assert says in one_line(loaded)
    assert one_line(loaded).startswith(file)


def test_an_unknown_stage_names_the_nearest(catalogue: Any, house: Files) -> None:
    assert "there is no stage 'prd'; did you mean 'prod'?" in one_line(catalogue(house, stage="prd"))


def test_a_row_with_targets_of_its_own_never_takes_the_shared_ones(catalogue: Any, house: Files) -> None:
    files = changed(house, "profiles/sqs.yaml", "    per:", "    own_targets: true\n    per:")

    assert "the row needs targets of its own" in one_line(catalogue(files))
    stated = changed(
        files, SERVICE, "      oldest-message-age:\n", "      oldest-message-age:\n        targets: [{QueueName: dead}]\n"
    )
    assert [one.alarm.target for one in catalogue(stated).desired] == [{"QueueName": "dead"}]


def test_ids_are_shortened_only_where_they_are_unique(catalogue: Any, house: Files) -> None:
    files = {**house, "services/other.yaml": house[SERVICE].replace("image-processing", "other")}

    assert [one.id for one in catalogue(files).desired] == [
        "image-processing/sqs/oldest-message-age",
        "other/sqs/oldest-message-age",
    ]


def test_one_file_of_a_catalogue_loads_alone_with_its_profiles(catalogue: Any, house: Files) -> None:
    files = {**house, "services/other.yaml": house[SERVICE].replace("image-processing", "other")}
    loaded = catalogue(files, only="services/other.yaml")

    assert [one.alarm.service for one in loaded.desired] == ["other"]
    assert loaded.only == "services/other.yaml"


def test_account_and_region_of_the_caller_stand_in_where_none_is_declared(catalogue: Any, house: Files) -> None:
    dev = catalogue(house, stage="dev", account="111111111111", region="cn-north-1")
    assert dev.desired[0].request["AlarmActions"] == ["arn:aws-cn:sns:cn-north-1:111111111111:tocsin-alarms"]
    prod = catalogue(house, stage="prod", account="111111111111", region="cn-north-1")
    assert prod.settings.account == "999999999999"


def test_loading_twice_gives_the_same_alarms(catalogue: Any, house: Files) -> None:
    assert catalogue(house).desired == catalogue(house).desired


JUNK = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=6), st.sampled_from(["sqs", "oldest-message-age", "dev"])
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["sqs", "oldest-message-age", "dev", "overrides", "targets", "remediate", "disable", "scale-consumers"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["service", "owner", "use", "stages"]), junk=JUNK)
def test_junk_in_a_service_is_told_and_never_raises(key: str, junk: object, catalogue: Any, house: Files) -> None:
    service = {"service": "s", "owner": "o", "notify": "n", "use": {"sqs": {"targets": [{"QueueName": "q"}]}}, key: junk}
    loaded = catalogue({**house, SERVICE: json.dumps(service)}, stage="dev")

    assert all("\n" not in str(problem) for problem in loaded.problems)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=JUNK)
def test_junk_under_use_is_told_and_never_raises(junk: object, catalogue: Any, house: Files) -> None:
    use = {"sqs": {"targets": [{"QueueName": "q"}], "overrides": {"oldest-message-age": junk}}}
    service = {"service": "s", "owner": "o", "notify": "n", "use": use}
    loaded = catalogue({**house, SERVICE: json.dumps(service)}, stage="dev")

    assert all("\n" not in str(problem) for problem in loaded.problems)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(["catalogue", "prefix", "stages", "channels", "databases", "clusters", "settle", "account", "topic"]),
    junk=JUNK,
)
def test_junk_in_the_settings_is_told_and_never_raises(key: str, junk: object, catalogue: Any, house: Files) -> None:
    loaded = catalogue({**house, "tocsin.yaml": json.dumps({key: junk})}, stage="dev")

    assert all("\n" not in str(problem) for problem in loaded.problems)


def errors(loaded: Any) -> list[str]:
    """Return the errors as a user sees them."""
    return [str(problem) for problem in loaded.errors]


def test_a_default_stage_that_is_none_is_told_whatever_stage_is_loaded(catalogue: Any, house: Any) -> None:
    house["tocsin.yaml"] = house["tocsin.yaml"].replace("catalogue: test", "catalogue: test\ndefault_stage: prd")

    assert errors(catalogue(house, stage="dev")) == [
        "tocsin.yaml:2:1: error: there is no stage 'prd'; did you mean 'prod'? [settings]"
    ]


def test_a_topic_of_another_region_is_an_error_and_of_another_account_is_none(catalogue: Any, house: Any) -> None:
    """CloudWatch takes SNS actions of other accounts, never of other regions."""
    for region, said in (("eu-west-1", []), ("us-east-1", ["tocsin.yaml:4:109: error: topic: the topic is in us-east-1, t"])):
        topic = f'"#ops"}}, topic: "arn:aws:sns:{region}:111111111111:alarms"'
        files = {**house, "tocsin.yaml": house["tocsin.yaml"].replace('"#ops"}', topic)}

        assert [line[:61] for line in errors(catalogue(files, stage="prod"))] == said


def test_a_parameter_that_a_service_leaves_out_is_missed_in_the_service(catalogue: Any, house: Any) -> None:
    service = house["services/image-processing.yaml"].replace("consumer: consumer, ", "")

    (line,) = errors(catalogue({**house, "services/image-processing.yaml": service}))

    assert line.startswith("services/image-processing.yaml:9:45: error: image-processing/sqs/oldest-message-age: scale-consumers")


def test_disabling_takes_a_reason_not_a_yes(catalogue: Any, house: Any) -> None:
    service = house["services/image-processing.yaml"].replace("remediate: {", "disable: true\n        remediate: {")

    (line,) = errors(catalogue({**house, "services/image-processing.yaml": service}))

    assert 'disable: a reason is expected; say why, as in `disable: "' in line


def test_a_catalogue_below_another_folder_is_told_as_that_and_not_key_by_key(catalogue: Any, house: Any) -> None:
    below = {f"deep/{name}": content for name, content in house.items() if name == "tocsin.yaml"}

    (line,) = errors(catalogue({**house, **below}))

    assert line.startswith(
        "deep/tocsin.yaml: error: a tocsin.yaml stands in the catalogue's own folder, and this one is below it"
    )
