"""The page of every lint rule, made from the rule's own words; `make golden` rewrites them, and they are reviewed as a diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from alarms import checks
from alarms.problem import Level
from alarms.rule import Rule

PAGES = Path(__file__).parents[2] / "docs" / "checks"
RULES = sorted(checks.rules().items())
LEVELS = {
    Level.ERROR: "error: CloudWatch refuses the alarm, or it can never work; `check` exits 1",
    Level.WARNING: "warning: the alarm can be deployed, and will surprise; `check` exits 1",
    Level.NOTE: "note: worth knowing; `check` still exits 0",
}


def page(name: str, rule: Rule) -> str:
    """Return the page of a rule, in Markdown."""
    return f"""\
# {name}

{rule.what}

*{LEVELS[rule.level]}*

## Why

{rule.why}

## Finds

```yaml
{rule.bad}```

## Does not find

```yaml
{rule.good}```

## Fix

{rule.fix[:1].upper()}{rule.fix[1:]}.

---
Examples show the keys that matter here; a row also has a title, severity, runbook, owner, `notify`, and `remediate` or
`no_action`. The rule is [alarms/checks/{name.replace("-", "_")}.py](../../alarms/checks/{name.replace("-", "_")}.py).
"""


@pytest.mark.parametrize(("name", "rule"), RULES, ids=[name for name, _ in RULES])
def test_every_rule_has_its_page_in_its_own_words(name: str, rule: Rule, request: pytest.FixtureRequest) -> None:
    path, expected = PAGES / f"{name}.md", page(name, rule)
    if request.config.getoption("--golden-update"):
        path.write_text(expected, "utf-8")

    assert path.is_file(), f"no page {path.name}: run `make golden`"
    assert path.read_text("utf-8") == expected
