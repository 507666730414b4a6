"""What `tocsin doctor` prints, and the table of its checks: reviewed as files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.doctor.check import Check, Finding, ok, unknown, wrong
from infra.doctor.checks import checks
from infra.doctor.report import document, lines, summary
from infra.doctor.run import Answered

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
CHECKS = sorted(checks().items())

FOUND: dict[str, tuple[Finding, ...]] = {
    "alarm-drift": (ok("alarms", "20 alarms are as the catalogue says"),),
    "consumers": (
        wrong("tocsin-prod-notifier", "its consumer is disabled: messages wait unheard"),
        ok("tocsin-prod-remediators", "its function takes from it"),
    ),
    "dead-alarms": (
        wrong(
            "aurora/cpu-high",
            "AWS/RDS CPUUtilization DBInstanceIdentifier=image-db-1 was not published in the last two weeks; "
            "DBInstanceIdentifier=imagedb-1 was",
            "correct the target in the catalogue, then `tocsin apply`",
        ),
    ),
    "grants": (unknown("grants", "the permission iam:SimulatePrincipalPolicy is missing"),),
    "slack-channels": (unknown("#ops", "Slack says\x1b[31m \n something\u202e else"),),
}


@pytest.fixture
def answered() -> list[Answered]:
    return [Answered(name, checks()[name], found, 3 if name == "grants" else 0) for name, found in FOUND.items()]


def test_the_report(answered: list[Answered], golden: Any) -> None:
    shown = [line for one in answered for line in lines(one)]
    golden.check("doctor/report.txt", "\n".join([*shown, summary(answered, "prod")]) + "\n")


def test_the_report_with_all_that_is_well(answered: list[Answered], golden: Any) -> None:
    shown = [line for one in answered for line in lines(one, everything=True)]
    golden.check("doctor/report.all.txt", "\n".join(shown) + "\n")


def test_the_report_as_json(answered: list[Answered], golden: Any) -> None:
    golden.check("doctor/report.json", json.dumps(document(answered, "prod"), ensure_ascii=False, indent=1) + "\n")


def row(name: str, check: Check) -> str:
    """Return the line of one check in the page's table."""
    source = f"../infra/doctor/checks/{name.replace('-', '_')}.py"
    return f"| [{name}]({source}) | {check.asks} | {', '.join(f'`{right}`' for right in check.reads)} |"


def test_the_page_lists_every_check_in_its_own_words(request: pytest.FixtureRequest) -> None:
    head = "| check | asks | reads |\n|---|---|---|\n"
    table = "".join(f"{row(name, check)}\n" for name, check in CHECKS)
    text = PAGE.read_text("utf-8")
    if request.config.getoption("--golden-update"):
        text = re.sub(re.escape(head) + r"(\|.*\n)*", lambda _: head + table, text)
        PAGE.write_text(text, "utf-8")

    assert head + table + "\n" in text, "run `make golden`"


@pytest.mark.parametrize(("name", "check"), CHECKS, ids=[name for name, _ in CHECKS])
def test_every_check_speaks_for_itself(name: str, check: Check) -> None:
    assert check.asks.endswith("?")
    assert check.why.endswith(".")
    assert check.fix
    assert not check.fix.endswith(".")
    assert check.reads
    source = (PAGE.parent.parent / "infra" / "doctor" / "checks" / f"{name.replace('-', '_')}.py").read_text("utf-8")
    assert source.startswith(f'"""{name}: ')
