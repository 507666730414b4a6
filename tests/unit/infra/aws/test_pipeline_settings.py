"""The section ``pipeline`` of a stage file: strict, with a place and a remedy in one line."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import yaml_door
from alarms.domain.errors import BadInput
from alarms.problem import Place
from alarms.settings import Settings, topic_arn
from alarms.yaml_door import Spot
from infra.aws import node
from infra.aws.pipeline.settings import FIELDS, PipelineSettings, read
from infra.written import Node

LEAST = "default_channel: '#ops'\nalarm_emails: []\n"


def section(tmp_path: Path, text: str) -> PipelineSettings:
    file = tmp_path / "prod.yaml"
    file.write_text(text, "utf-8")
    document = yaml_door.read_path(file)
    return read(Node(document.value, document.spot, "pipeline"))


def test_two_settings_are_enough_and_leave_the_door_out(tmp_path: Path) -> None:
    settings = section(tmp_path, LEAST)

    assert (settings.slack_team, settings.vpc, settings.approvers) == (None, None, None)
    assert (settings.evidence_days, settings.journal_days, settings.log_days) == (14, 400, 90)
    assert settings.reserved_concurrency


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alarm_emails: []", "default_channel, the Slack channel of alarms without a row, is missing"),
        ("default_channel: '#ops'", "alarm_emails, who is mailed when the pipeline itself fails"),
        (LEAST + "slack_tema: T0123456789", "unknown key; did you mean slack_team?"),
        (LEAST + "slack_team: acme", "a workspace's id like T0123456789, not 'acme'"),
        (LEAST + "log_days: 91", "pipeline.log_days: one of the days that CloudWatch Logs knows"),
        (LEAST + "journal_days: 0", "pipeline.journal_days: a whole number from 1 to 36500, not 0"),
        (LEAST + "memory: {notifier: 64}", "pipeline.memory.notifier: a whole number from 128 to 10240"),
        (LEAST + "concurrency: {remediators: 1}", "pipeline.concurrency.remediators: a whole number from 2 to 1000"),
        (LEAST + "concurrency: {everything: 50}", "unknown key"),
        (LEAST + "reserved_concurrency: 3", "true or false"),
        (LEAST + "vpc: {subnets: [subnet-0123456789abcdef0]}", "pipeline.vpc: security_groups is missing"),
        (LEAST + "vpc: {subnets: [a], security_groups: [sg-0123456789abcdef0]}", "pipeline.vpc.subnets[0]: a subnet's id"),
        (LEAST + "approvers: {reversible: [ann]}", "pipeline.approvers.reversible[0]: a Slack user's id like U0123456789"),
        (LEAST + "approvers: {reversable: []}", "did you mean reversible?"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=r"prod\.yaml:\d+") as failure:
        section(tmp_path, text)

    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_hub_of_many_accounts_lets_more_run_at_once(tmp_path: Path) -> None:
    assert section(tmp_path, LEAST).concurrency == {"notifier": 5, "remediators": 5, "interactive": 5}
    more = section(tmp_path, LEAST + "concurrency: {remediators: 50}").concurrency

    assert more == {"notifier": 5, "remediators": 50, "interactive": 5}


def test_a_stage_without_the_section_is_told_where_one_is_shown() -> None:
    with pytest.raises(BadInput, match=r"no section pipeline; stages/prod\.yaml shows one"):
        read(None)


def test_a_journal_may_be_kept_for_ever(tmp_path: Path) -> None:
    assert section(tmp_path, LEAST + "journal_days: keep").journal_days is None


_scalars = st.none() | st.booleans() | st.integers(-9, 99_999) | st.text(max_size=12) | st.floats(allow_nan=False)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
_known = st.sampled_from([*FIELDS, "subnets", "security_groups", "notifier", "reversible"])


@given(st.dictionaries(_known, _values | st.dictionaries(_known, _values, max_size=4), max_size=8) | _values)
def test_whatever_is_written_there_is_read_or_refused_in_words(value: object) -> None:
    with suppress(BadInput):
        assert isinstance(read(Node(value, Spot(Place("prod.yaml", 1, 1)), "pipeline")), PipelineSettings)


def test_a_topic_that_another_account_owns_is_not_made_here() -> None:
    node.provide()
    from infra.aws.pipeline.topic import topic_name

    own = Settings(topic="bell", topic_arn=topic_arn("bell", "us-east-1", "123456789012"))
    foreign = replace(own, topic_arn="arn:aws:sns:us-east-1:999999999999:bell")

    assert topic_name(own) == "bell"
    with pytest.raises(BadInput, match="is elsewhere; name it without an ARN"):
        topic_name(foreign)
