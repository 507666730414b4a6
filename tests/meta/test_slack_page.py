"""docs/slack.md is true: its manifest is YAML with the least scopes, its names are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from notifier.bootstrap import App
from notifier.route import Quiet

PAGE = (Path(__file__).parents[2] / "docs" / "slack.md").read_text("utf-8")


def test_the_manifest_asks_for_no_more_than_posting_needs() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    manifest = yaml.safe_load(found[1])
    assert manifest["oauth_config"]["scopes"] == {"bot": ["chat:write", "chat:write.public"]}


def test_every_reason_for_silence_is_on_the_page() -> None:
    assert [reason.value for reason in Quiet if f"`{reason.value}`" not in PAGE] == []


def test_the_page_names_the_variable_that_the_app_reads() -> None:
    assert "TOCSIN_DEFAULT_CHANNEL" in PAGE
    assert "default_channel" in App.__dataclass_fields__
