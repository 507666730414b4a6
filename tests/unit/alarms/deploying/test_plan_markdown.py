"""A plan as a pull request's comment: found again, never too long, and nothing in it ends its fence."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from deploy_world import TARGET, row
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.plan import plan
from alarms.plan_markdown import LONGEST, marker, to_markdown
from alarms.plan_types import Plan


def planned(*ids: str, **members: object) -> Plan:
    return plan([row(found, **members) for found in ids], [], TARGET)


def fenced(text: str) -> list[str]:
    """Return the lines inside the comment's fence, as Markdown reads them."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if re.fullmatch("`{3,}diff", line))
    fence = lines[start].removesuffix("diff")
    end = next(place for place in range(start + 1, len(lines)) if re.fullmatch(f"{fence}`*", lines[place].strip()))
    return lines[start + 1 : end]


def test_a_reader_sees_the_summary_first_and_each_alarm_below() -> None:
    text = to_markdown(planned("age", "other"))

    assert text.startswith("<!-- tocsin plan shop/dev -->\n### tocsin: shop, stage dev (123456789012, ap-northeast-2)\n")
    assert "**2 to create, 0 to update, 0 to delete, 0 unchanged" in text
    assert [line[:2] for line in fenced(text)] == ["+ ", "+ "]


def test_a_plan_without_changes_is_three_lines() -> None:
    nothing = replace(planned(), live=3)

    assert to_markdown(nothing).splitlines()[-1].startswith("**Nothing to do: 0 to create")


def test_more_deletes_than_allowed_are_what_the_comment_begins_with() -> None:
    stopped = replace(planned("a"), allowed_deletes=-1)

    assert "**Stopped: 0 of 0 alarms would be deleted" in to_markdown(stopped)


def test_a_huge_plan_is_cut_and_says_how_much_is_missing() -> None:
    text = to_markdown(planned(*(f"row-{number}" for number in range(2000))))

    assert len(text) <= LONGEST
    (left,) = re.findall(r"(\d+) more lines: `tocsin plan --stage dev`", text)
    assert len(fenced(text)) + int(left) == 2000


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("`~ \n<>x", min_size=1, max_size=30), min_size=1, max_size=4))
def test_no_text_of_a_plan_ends_its_fence(metrics: list[str]) -> None:
    many = [row(f"r{place}", MetricName=name) for place, name in enumerate(metrics)]

    text = to_markdown(plan(many, [], TARGET))

    assert len([line for line in fenced(text) if line.startswith("+ ")]) == len(metrics)
    assert text.startswith(marker(planned()))
    assert json.dumps(text)
