"""Every lint rule explains itself, by examples that behave as it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from alarms import checks
from alarms.load import load
from alarms.problem import Level, Problem
from alarms.rule import Rule
from remediators.registry import registry

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "checks"
RULES = sorted(checks.rules().items())
IDS = [name for name, _ in RULES]
# What an example leaves out because it does not matter there.
COMMON = {
    "title": "An example",
    "severity": "warning",
    "runbook": "docs/runbooks/sqs-oldest-message-age.md",
    "owner": "platform",
    "notify": "ops-alerts",
}


def judged(example: str, folder: Path) -> list[Problem]:
    """Return everything that `tocsin check` would find in an example."""
    content: dict[str, Any] = yaml.safe_load(example)
    for row in content["alarms"]:
        for key, value in COMMON.items():
            row.setdefault(key, value)
        if "remediate" not in row:
            row.setdefault("no_action", "It is an example.")
    (folder / "tocsin.yaml").write_text("catalogue: examples\n", "utf-8")
    (folder / "example.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    loaded = load(folder, stage=None, actions=registry(), facts=None)
    found = checks.run(loaded.desired, loaded.settings, registry(), exists=lambda path: (ROOT / path).is_file())
    return [*loaded.problems, *found]


@pytest.mark.parametrize(("name", "rule"), RULES, ids=IDS)
def test_the_bad_example_is_found_and_is_otherwise_a_catalogue(name: str, rule: Rule, tmp_path: Path) -> None:
    problems = judged(rule.bad, tmp_path)

    assert name in {problem.check for problem in problems}
    assert [str(p) for p in problems if p.level is Level.ERROR and p.check != name] == []


@pytest.mark.parametrize(("name", "rule"), RULES, ids=IDS)
def test_the_good_example_is_not_found_and_loads(name: str, rule: Rule, tmp_path: Path) -> None:
    problems = judged(rule.good, tmp_path)

    assert [str(p) for p in problems if p.check == name or p.level is not Level.NOTE] == []


def test_no_page_is_left_of_a_rule_that_is_gone() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == set(IDS)


@pytest.mark.parametrize("part", ["what", "why", "fix"])
def test_a_rule_says_what_why_and_how_in_a_few_words(part: str) -> None:
    assert [name for name, rule in RULES if not 20 <= len(getattr(rule, part)) <= 600] == []


def test_the_list_of_rules_names_each_with_its_level() -> None:
    text = (PAGES / "README.md").read_text("utf-8")

    assert [name for name, rule in RULES if f"| [{name}]({name}.md) | {rule.level.value} |" not in text] == []


def test_the_products_own_catalogue_has_nothing_but_notes() -> None:
    for stage in ("dev", "staging", "prod", "demo"):
        loaded = load(ROOT / "alarms" / "catalog", stage=stage, actions=registry(), facts=None)
        found = checks.run(loaded.desired, loaded.settings, registry(), exists=lambda path: (ROOT / path).is_file())

        assert [str(p) for p in (*loaded.problems, *found) if p.level is not Level.NOTE] == []
