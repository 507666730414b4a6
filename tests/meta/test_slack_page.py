"""docs/slack.md is true: its manifest is YAML with the least scopes, its names are those of the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import yaml

from alarms.domain import approvers
from alarms.domain.action import Risk
from infra.doctor.checks.slack_scopes import NEEDED
from notifier import interactive_bootstrap, words
from notifier.bootstrap import App
from notifier.escape import is_user
from notifier.route import Quiet

PAGE = (Path(__file__).parents[2] / "docs" / "slack.md").read_text("utf-8")


def test_the_manifest_asks_for_no_more_than_posting_needs() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    manifest = yaml.safe_load(found[1])
    assert manifest["oauth_config"]["scopes"] == {"bot": ["chat:write", "chat:write.public", "users:read"]}
    assert manifest["settings"]["interactivity"]["is_enabled"] is True


def test_every_reason_for_silence_is_on_the_page() -> None:
    assert [reason.value for reason in Quiet if f"`{reason.value}`" not in PAGE] == []


def test_every_variable_that_the_door_reads_and_every_button_is_on_the_page() -> None:
    source = inspect.getsource(interactive_bootstrap)
    assert [name for name in set(re.findall(r"TOCSIN_\w+", source)) - {"TOCSIN_SLACK_URL"} if f"`{name}`" not in PAGE] == []
    labels = (words.APPROVE, words.DENY, words.UNDO, words.HOLD, words.RELEASE, words.MUTE, words.UNMUTE)
    assert [label.en for label in labels if f"**{label.en}**" not in PAGE] == []


def test_the_example_of_approvers_can_be_read() -> None:
    found = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert found
    read = approvers.parse(found[1])
    assert read.of("any", Risk.DESTRUCTIVE) == {"U0123456789", "U0987654321"}
    assert read.of("image-processing", Risk.REVERSIBLE) == {"U0456789012"}
    assert all(map(is_user, read.anyone()))


def test_the_page_names_the_variable_that_the_app_reads() -> None:
    assert "TOCSIN_DEFAULT_CHANNEL" in PAGE
    assert "default_channel" in App.__dataclass_fields__


def test_the_doctor_asks_for_the_scopes_of_the_manifest() -> None:
    assert set(NEEDED) == {"chat:write", "chat:write.public", "users:read"}
