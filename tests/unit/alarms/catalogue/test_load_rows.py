"""Rows that stand alone: what a user writes becomes an alarm, or one clear line each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarms.problem import Level

ROW = """\
component: sqs
defaults: {notify: ops-alerts, owner: platform}
alarms:
  - id: oldest-message-age
    title: Queue backlog
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    statistic: Maximum
    dimensions: {QueueName: image-jobs}
    when: ">= 600 s"
    for: 15 m
    missing: not_breaching
    severity: critical
    runbook: docs/runbooks/sqs-oldest-message-age.md
    no_action: "nothing is safe"
"""


def lines(loaded: Any) -> list[str]:
    """Return the errors as a user sees them."""
    return [str(problem) for problem in loaded.errors]


def test_a_row_that_stands_alone_becomes_one_alarm(catalogue: Any) -> None:
    loaded = catalogue(ROW)

    (one,) = loaded.desired
    assert loaded.problems == ()
    assert one.id == "sqs/oldest-message-age"
    assert one.name == "tocsin/dev/sqs/oldest-message-age/image-jobs"
    topic = ["arn:aws:sns:us-east-1:123456789012:tocsin-alarms"]
    assert one.request["AlarmActions"] == one.request["OKActions"] == one.request["InsufficientDataActions"] == topic
    assert one.request["Dimensions"] == [{"Name": "QueueName", "Value": "image-jobs"}]
    assert (one.alarm.owner, one.alarm.channel) == ("platform", "ops-alerts")
    assert str(one.place) == "rows.yaml:4:5"


def test_a_korean_title_is_fine_everywhere(catalogue: Any) -> None:
    loaded = catalogue(ROW.replace("Queue backlog", "큐 처리가 밀린다"))

    assert loaded.problems == ()
    assert loaded.desired[0].alarm.title == "큐 처리가 밀린다"
    assert loaded.desired[0].request["AlarmDescription"].startswith("큐 처리가 밀린다\n")


@pytest.mark.parametrize(
    ("each", "keys"),
    [
        ("[{QueueName: a}, {QueueName: b}]", ["a", "b"]),
        ("{QueueName: [a, b, c]}", ["a", "b", "c"]),
        ("{QueueName: [a], X: [y, z]}", ["a,y", "a,z"]),
    ],
)
def test_for_each_makes_one_alarm_each(each: str, keys: list[str], catalogue: Any) -> None:
    loaded = catalogue(ROW.replace("dimensions: {QueueName: image-jobs}", f"for_each: {each}"))

    assert [one.name.rsplit("/", 1)[1] for one in loaded.desired] == keys
    assert {one.id for one in loaded.desired} == {"sqs/oldest-message-age"}


def test_the_component_is_the_metrics_when_nobody_says_it(catalogue: Any) -> None:
    assert catalogue(ROW.replace("component: sqs\n", "")).desired[0].alarm.component == "sqs"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "missing:",
            "mising:",
            "rows.yaml:11:5: error: sqs/oldest-message-age: there is no key 'mising'; did you mean 'missing'?",
        ),
        ("    dimensions", "    dimension", "there is no key 'dimension'; did you mean 'dimensions'?"),
        ("not_breaching", "notbreaching", "did you mean 'not_breaching'?"),
        ("critical", "kritical", "did you mean 'critical'?"),
        ("600 s", "600 %", "rows.yaml:9:11: error: sqs/oldest-message-age: `>= 600 %` does not fit AWS/SQS"),
        ("600 s", "600 sec", "there is no unit 'sec'; did you mean 's'?"),
        ("600 s", "600", "has no unit"),
        (">= 600 s", "=> 600 s", "is not a condition"),
        (">= 600 s", ">= 60 % of max_connections", "say `kind: share_of_limit`"),
        ("for: 15 m", "for: {period: 60 s, datapoints: 6 of 5}", "rows.yaml:10:10: error: sqs/oldest-message-age: for: '6 of 5'"),
        ("for: 15 m", "for: {period: 45 s, datapoints: 3 of 5}", "the period 45 s is not possible"),
        ("for: 15 m", "for: {period: 60 s, datapoint: 3 of 5}", "did you mean 'datapoints'?"),
        ("for: 15 m", "for: 2 d", "CloudWatch's limit"),
        ("for: 15 m", "datapoints: 6 of 5", "write `for: {period: 60 s, datapoints: 3 of 5}`"),
        ("Maximum", "Max", "did you mean 'Maximum'?"),
        ("Maximum", "P90", "did you mean 'p90'?"),
        ("AWS/SQS Approx", "AWS/SQS", "is not a metric"),
        ("metric:", "kind: treshold\n    metric:", "there is no kind 'treshold'; did you mean 'threshold'?"),
        ("notify: ops-alerts,", "notify: #ops,", '#ops starts a comment to YAML, and the rest of the line is lost; write "#ops"'),
        ("Queue backlog", "#backlog", "#backlog is a comment to YAML, and the value is empty"),
        ("Queue backlog", "2027-01-01", 'is read as a date: write "2027-01-01" in quotes'),
        ("image-jobs", "012345678901", "012345678901 starts with a zero"),
        ("image-jobs", "12345", 'write "12345" in quotes'),
        ("notify: ops-alerts, ", "", "'notify' is missing: nobody would hear of it"),
        ('no_action: "nothing is safe"', "no_action: x\n    remediate: [{action: escalate}]", "both 'remediate' and 'no_action'"),
        ('no_action: "nothing is safe"', "remediate: [{action: scale-consumer}]", "did you mean 'scale-consumers'?"),
        ('no_action: "nothing is safe"', "remediate: {escalate: 5}", "a map (key: value) is expected"),
        ("    title: Queue backlog\n", "", "rows.yaml:4:5: error: sqs/oldest-message-age: 'title' is missing"),
        ("oldest-message-age\n", "Oldest\n", "'Oldest' is not a short name"),
        ("alarms:", "alarm:", "there is no key 'alarm'; did you mean 'alarms'?"),
    ],
)
def test_one_mistake_is_one_clear_line(old: str, new: str, says: str, catalogue: Any) -> None:
    (line,) = lines(catalogue(ROW.replace(old, new, 1)))

    assert says in line
    assert line.startswith("rows.yaml:")


def test_a_row_that_says_nothing_of_remediation_is_usable_with_a_warning(catalogue: Any) -> None:
    loaded = catalogue(ROW.replace('    no_action: "nothing is safe"\n', "", 1))

    (warning,) = loaded.problems
    assert (warning.level, loaded.errors) == (Level.WARNING, ())
    assert "neither 'remediate' nor 'no_action'" in warning.summary
    assert len(loaded.desired) == 1


def test_a_missing_point_counts_as_in_cloudwatch_when_the_row_does_not_say(catalogue: Any) -> None:
    (one,) = catalogue(ROW.replace("    missing: not_breaching\n", "", 1)).desired

    assert one.request["TreatMissingData"] == "missing"


def test_a_row_that_stands_twice_names_both_places(catalogue: Any) -> None:
    (line,) = lines(catalogue({"a.yaml": ROW, "b.yaml": ROW}))

    assert line.startswith("b.yaml:4:5: error: sqs/oldest-message-age:")
    assert "a.yaml:4:5" in line


def test_two_targets_that_meet_in_one_name_are_an_error(catalogue: Any) -> None:
    (line,) = lines(catalogue(ROW.replace("dimensions: {QueueName: image-jobs}", "for_each: [{QueueName: a}, {QueueName: a}]")))

    assert "the alarm name 'tocsin/dev/sqs/oldest-message-age/a' is taken" in line


def test_an_enormous_product_of_targets_is_refused(catalogue: Any) -> None:
    values = ", ".join(f"v{n}" for n in range(200))
    each = f"for_each: {{A: [{values}], B: [{values}], C: [{values}]}}"

    (line,) = lines(catalogue(ROW.replace("dimensions: {QueueName: image-jobs}", each)))

    assert line.startswith("rows.yaml:8:15: error: sqs/oldest-message-age: for_each makes 8000000 alarms of one row")


@pytest.mark.parametrize(
    ("each", "said"),
    [
        ("q", "rows.yaml:8:15: error: oldest-message-age: for_each: a map (key: value) is expected here [schema]"),
        ("[q]", "rows.yaml:8:16: error: oldest-message-age: for_each: a map (key: value) is expected here [schema]"),
        ("{QueueName: q}", "rows.yaml:8:27: error: oldest-message-age: QueueName: a list is expected here [schema]"),
        (
            "{QueueName: [a, 5]}",
            'rows.yaml:8:31: error: oldest-message-age: QueueName: 5 is read as a number: write "5" in quotes [schema]',
        ),
        (
            "[{QueueName: a}, {QueueName: 5}]",
            'rows.yaml:8:44: error: oldest-message-age: QueueName: 5 is read as a number: write "5" in quotes [schema]',
        ),
    ],
)
def test_a_wrong_for_each_is_one_line_at_the_value_that_is_wrong(each: str, said: str, catalogue: Any) -> None:
    assert lines(catalogue(ROW.replace("dimensions: {QueueName: image-jobs}", f"for_each: {each}"))) == [said]


@pytest.mark.parametrize("name", ["한글", ":name", "a\\nb", "D" * 256])
def test_a_dimension_that_cloudwatch_refuses_is_an_error_of_one_line(name: str, catalogue: Any) -> None:
    (line,) = lines(catalogue(ROW.replace("{QueueName: image-jobs}", f'{{"{name}": x}}')))

    assert line.startswith("rows.yaml:8:18: error: oldest-message-age:")
    assert "no name of a dimension" in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("unseen", ["\\x7f", "\\x9f", "\\u202e", "\\0"])
def test_a_title_holds_nothing_that_nobody_sees(unseen: str, catalogue: Any) -> None:
    (line,) = lines(catalogue(ROW.replace("Queue backlog", f'"a{unseen}b"')))

    assert line.startswith("rows.yaml:5:12: error: sqs/oldest-message-age: title: the text holds '")


def test_families_of_emoji_stay_one(catalogue: Any) -> None:
    family = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}"

    assert catalogue(ROW.replace("Queue backlog", family)).desired[0].alarm.title == family


@pytest.mark.parametrize("statistic", ["TM(:)", '"TM(500%:1%)"', "TM(10%:90)", "PR(10%:20%)", '"PR(:%%%)"'])
def test_a_range_that_cloudwatch_refuses_is_no_statistic(statistic: str, catalogue: Any) -> None:
    (line,) = lines(catalogue(ROW.replace("statistic: Maximum", f"statistic: {statistic}")))

    assert "there is no statistic" in line


@pytest.mark.parametrize("statistic", ["TM(10%:90%)", "TM(:90%)", "TC(0.005:0.030)", "PR(:300)", "WM(80%:)", "p99.9"])
def test_every_statistic_of_cloudwatch_can_be_asked_for(statistic: str, catalogue: Any) -> None:
    assert not lines(catalogue(ROW.replace("statistic: Maximum", f"statistic: {statistic}")))


def test_a_custom_metric_may_have_spaces_in_its_name(catalogue: Any) -> None:
    loaded = catalogue(
        ROW.replace("AWS/SQS ApproximateAgeOfOldestMessage", "CWAgent LogicalDisk % Free Space").replace("600 s", "10")
    )

    assert loaded.desired[0].request["MetricName"] == "LogicalDisk % Free Space"


def test_an_unknown_default_is_told_once_however_many_rows_there_are(catalogue: Any) -> None:
    rows = ROW + ROW.split("alarms:\n")[1].replace("id: oldest-message-age", "id: other")

    assert lines(catalogue(rows.replace("owner: platform", "ower: platform"))) == [
        "rows.yaml:2:32: error: there is no key 'ower' in 'defaults'; did you mean 'owner'? [catalogue]"
    ]


def test_an_enormous_value_is_one_line_that_can_be_read(catalogue: Any) -> None:
    (line,) = lines(catalogue(ROW.replace("critical", "c" * 500_000)))

    assert len(line) < 2000


def test_a_list_that_is_wrong_throughout_is_told_of_in_part(catalogue: Any) -> None:
    found = lines(catalogue(f"alarms: [{', '.join(['a'] * 300)}]"))

    assert len(found) == 51
    assert found[0] == "rows.yaml:1:1: error: 250 more problems of this kind are not listed [schema]"


def test_a_stage_that_cannot_be_one_is_told_for_a_single_file_too(catalogue: Any) -> None:
    (line,) = lines(catalogue(ROW, only="rows.yaml", stage="Prod!"))

    assert line == "--stage: error: 'Prod!' is no name of a stage; small letters, digits and - [settings]"


def test_an_error_never_leaves_a_silently_smaller_catalogue(catalogue: Any) -> None:
    loaded = catalogue({"a.yaml": ROW, "b.yaml": ROW.replace("oldest-message-age\n", "other\n").replace("600 s", "600 %")})

    assert len(loaded.desired) == 1
    assert len(loaded.errors) == 1


AUTO = "remediate: [{action: scale-consumers, mode: auto, with: {drain_within: 10 m, cluster: c, consumer: d, max_tasks: 4}"
EARNED = ", limits: [3 per hour], revert: {after_ok: 30 m, at_latest: 6 h}"


def test_auto_needs_limits_a_ceiling_and_a_revert(catalogue: Any) -> None:
    row = ROW.replace('no_action: "nothing is safe"', AUTO + "}]")

    text = "\n".join(lines(catalogue(row)))
    assert "needs limits" in text
    assert "needs a revert" in text
    assert "needs a ceiling" in "\n".join(lines(catalogue(row.replace(", max_tasks: 4", ""))))


@pytest.mark.parametrize("mode", ["auto", "propose"])
def test_a_policy_that_has_earned_its_mode_loads(mode: str, catalogue: Any) -> None:
    row = ROW.replace('no_action: "nothing is safe"', AUTO.replace("auto", mode) + EARNED + "}]")
    loaded = catalogue({"rows.yaml": row, "tocsin.yaml": "stages: {dev: {mode_cap: auto}}\n"})

    (policy,) = loaded.desired[0].alarm.policies
    assert loaded.errors == ()
    assert policy.mode.value == mode
    assert policy.parameters == {"drain_within": 600, "cluster": "c", "consumer": "d", "max_tasks": 4}


def test_without_a_declared_cap_a_stage_only_observes(catalogue: Any) -> None:
    row = ROW.replace('no_action: "nothing is safe"', AUTO + EARNED + "}]")

    assert catalogue(row).desired[0].alarm.policies[0].mode.value == "observe"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("limits: [3 per hour]", "limits: [0 per hour]", "does not mean unlimited"),
        ("max_tasks: 4", "max_tasks: 0", "is not a whole number of at least 1"),
        ("max_tasks: 4", "max_tasks: 99999", "is above 5000"),
        ("max_tasks: 4", "max_task: 4", "scale-consumers has no parameter 'max_task'; did you mean 'max_tasks'?"),
        ("drain_within: 10 m", "drain_within: 10", "is not text"),
        ("drain_within: 10 m, ", "", "scale-consumers needs 'drain_within'"),
        ("cluster: c, ", "", "cluster missing"),
        ("at_latest: 6 h", "at_latest: 1 m", "at_latest comes before after_ok"),
        ("mode: auto", "mode: automatic", "did you mean 'auto'?"),
    ],
)
def test_a_policy_with_one_mistake_is_one_clear_line(old: str, new: str, says: str, catalogue: Any) -> None:
    row = ROW.replace('no_action: "nothing is safe"', (AUTO + EARNED + "}]").replace(old, new))

    text = lines(catalogue(row))
    assert len([line for line in text if says in line]) == 1


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.dates()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["id", "title", "kind", "metric", "statistic", "dimensions", "for_each", "when", "for", "missing", "severity", "runbook"]
KEYS += ["remediate", "no_action", "per", "own_targets", "component", "service", "owner", "notify", "errors", "of", "low_samples"]


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS), junk=JUNK)
def test_junk_under_any_key_is_told_and_never_raises(key: str, junk: object, catalogue: Any) -> None:
    """JSON is YAML, so any value can be written into a row."""
    import json

    row = {
        "id": "age",
        "title": "t",
        "metric": "AWS/SQS ApproximateAgeOfOldestMessage",
        "statistic": "Maximum",
        "dimensions": {"QueueName": "q"},
        "when": ">= 600 s",
        "for": "15 m",
        "missing": "missing",
        "severity": "info",
        "runbook": "x",
        "no_action": "y",
        "notify": "ops",
        key: junk,
    }
    loaded = catalogue(json.dumps({"alarms": [row]}, default=str))

    assert all("\n" not in str(problem) for problem in loaded.problems)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=60), at=st.integers(0, len(ROW)))
def test_a_damaged_file_is_told_and_never_raises(junk: bytes, at: int, catalogue: Any) -> None:
    loaded = catalogue({"rows.yaml": ROW.encode()[:at] + junk + ROW.encode()[at:]})

    assert all("\n" not in str(problem) for problem in loaded.problems)
