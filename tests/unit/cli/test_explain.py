"""`tocsin explain`: any payload, what it leads to, and one clear line for what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alarms.domain.errors import BadInput
from cli.app import build
from notifier.limits import problems

EVENTS = Path(__file__).parents[2] / "events"
QUEUE_AGE = "tocsin/demo/image-processing/sqs/oldest-message-age/image-jobs"


def explained(path: Path, *options: str) -> dict[str, Any]:
    """Run the verb and return its JSON."""
    result = CliRunner().invoke(build(("explain",)), [str(path), "--format", "json", *options])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def queue_age_alarm(state: str = "ALARM", name: str = QUEUE_AGE) -> dict[str, Any]:
    """Return what SNS would carry for the product's queue-age alarm."""
    return {
        "AlarmName": name,
        "AlarmArn": f"arn:aws:cloudwatch:ap-northeast-2:123456789012:alarm:{name}",
        "AWSAccountId": "123456789012",
        "NewStateValue": state,
        "OldStateValue": "OK" if state == "ALARM" else "ALARM",
        "NewStateReason": "Threshold Crossed: 1 datapoint [640.0 (31/10/26 14:00:00)] was greater than the threshold (600.0).",
        "StateChangeTime": "2026-10-31T14:01:00.000+0000",
        "Region": "Asia Pacific (Seoul)",
        "Trigger": {"MetricName": "ApproximateAgeOfOldestMessage", "Namespace": "AWS/SQS", "Threshold": 600.0},
    }


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Write a payload to a file and return its path."""

    def write(payload: object) -> Path:
        path = tmp_path / "event.json"
        path.write_text(payload if isinstance(payload, str) else json.dumps(payload), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_shape_is_explained_or_named_as_no_alarm(path: Path) -> None:
    """No payload of the shelf raises; each alarm has a message within Slack's limits, each other message a name."""
    entries = explained(path)["events"]
    assert entries
    for entry in entries:
        if "ignored" in entry:
            assert entry["detail"]
            continue
        assert entry["event"]["alarm_name"]
        assert {answer["guard"] for answer in entry["guards"]} >= {"alarm-state", "row", "kill-switch", "proposal"}
        if entry["slack"]["method"]:
            assert problems(entry["slack"]["payload"]) == []


def test_a_row_of_the_catalogue_is_found_by_its_alarm_and_its_policy_is_asked(written: Any) -> None:
    entry = explained(written(queue_age_alarm()))["events"][0]
    assert entry["route"]["row"] == "image-processing/sqs/oldest-message-age"
    assert entry["route"]["stage"] == "demo"
    assert entry["decision"]["action"] == "scale-consumers"
    assert entry["decision"]["mode"] == "auto"
    by_name = {answer["guard"]: answer["passed"] for answer in entry["guards"]}
    assert by_name.pop("proposal") is None, "the resource is not read offline, and unknown is never a pass"
    assert set(by_name.values()) == {True}
    assert entry["decision"]["assumed"]


def test_in_a_stage_whose_cap_is_observe_the_same_row_only_observes(written: Any) -> None:
    entry = explained(written(queue_age_alarm(name=QUEUE_AGE.replace("/demo/", "/dev/"))))["events"][0]
    assert entry["decision"]["reason"] == "mode-observe"


def test_a_row_of_another_account_is_not_ours(written: Any) -> None:
    """The handlers find rows by account, region and name; explain must not promise more."""
    alarm = queue_age_alarm()
    alarm["AlarmArn"] = alarm["AlarmArn"].replace("123456789012", "999999999999")
    alarm["AWSAccountId"] = "999999999999"
    entry = explained(written(alarm))["events"][0]
    assert entry["route"]["row"] is None
    assert entry["decision"]["reason"] == "no-row"


def test_a_recovery_edits_the_message_and_remedies_nothing(written: Any) -> None:
    entry = explained(written(queue_age_alarm("OK")))["events"][0]
    assert entry["slack"]["method"] == "chat.update"
    assert entry["decision"]["reason"] == "not-an-alarm-state"


def test_plain_text_is_a_message_that_is_no_alarm(written: Any) -> None:
    entry = explained(written("AWS Budgets: your budget has exceeded its limit"))["events"][0]
    assert entry["ignored"] == "plain-text"


@pytest.mark.parametrize(
    ("text", "says"),
    [('{"AlarmName": ', "not valid JSON"), ("[" * 100_000, "nested too deep"), ("x" * (1 << 20 | 1), "larger than 1 MiB")],
    ids=["broken", "deep", "large"],
)
def test_what_cannot_be_read_is_one_clear_line(written: Any, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as refused:
        explained(written(text))
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        explained(tmp_path / "nothing.json")


def test_people_read_what_was_asked_and_what_was_not(written: Any) -> None:
    result = CliRunner().invoke(build(("explain",)), [str(written(queue_age_alarm(name="someone-elses")))])
    assert "not asked: policy" in result.stdout
    assert "640 (>= 600" in result.stdout or "640" in result.stdout.split("slack", 1)[1]
