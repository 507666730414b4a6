"""The report and the scoreboard as people read them, reviewed as files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from past_samples import EPISODE, evening, evidence, months

from alarms.domain.alarm import Mode
from alarms.domain.text import Language
from remediators.looking_back.scoreboard import scoreboard, table_lines
from remediators.looking_back.story import story
from remediators.looking_back.story_text import markdown


@pytest.mark.parametrize("language", Language)
def test_a_report(language: Language, golden: Any) -> None:
    golden.check(f"history/report.{language.value}.md", markdown(story(EPISODE, evening(), evidence()), language))


def test_a_report_as_json(golden: Any) -> None:
    document = story(EPISODE, evening(), evidence()).to_document()
    golden.check("history/report.json", json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def test_a_scoreboard(golden: Any) -> None:
    scores = scoreboard(months(observed=8, alone=2, helped=14, no_help=1), {"scale-consumers": Mode.AUTO})
    golden.check("history/scoreboard.txt", "\n".join(table_lines(scores)) + "\n")
