"""What the checkers found and people accepted: each with a reason, all of them in one list that reviewers see change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def accepted(assembly: Path, templates: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield (checker, rule, where, reason)."""
    report = json.loads((assembly / "validation-report.json").read_text("utf-8"))
    for plugin in report["pluginReports"]:
        if plugin["pluginName"] == "AwsSolutions":
            for found in plugin["suppressedViolations"]:
                where = found["acknowledgedAt"].removeprefix("tocsin-prod-")
                yield "cdk-nag", found["ruleName"].removeprefix("AwsSolutions-"), where, found["reason"]
    for stack, template in templates.items():
        for ident, resource in template["Resources"].items():
            metadata = resource.get("Metadata", {})
            where = f"{stack}/{ident}"
            for skip in metadata.get("checkov", {}).get("skip", []):
                yield "checkov", skip["id"], where, skip["comment"]
            reasons = metadata.get("cfn-lint", {}).get("reasons", {})
            for rule in metadata.get("cfn-lint", {}).get("config", {}).get("ignore_checks", []):
                yield "cfn-lint", rule, where, reasons.get(rule, "")


def test_no_finding_is_left_open(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text("utf-8"))

    assert "AwsSolutions" in {plugin["pluginName"] for plugin in report["pluginReports"]}
    assert [found for plugin in report["pluginReports"] for found in plugin["violations"]] == []


def test_every_accepted_finding_says_why(assembly: Path, templates: Mapping[str, Any]) -> None:
    assert [line for line in accepted(assembly, templates) if len(line[3]) < 20] == []


def test_the_list_of_accepted_findings_is_reviewed(assembly: Path, templates: Mapping[str, Any], golden: Any) -> None:
    grouped: dict[tuple[str, str, str], set[str]] = {}
    for checker, rule, where, reason in accepted(assembly, templates):
        stack, _, place = where.partition("/")
        grouped.setdefault((checker, rule, f"{stack}: {reason}"), set()).add(place)
    lines = ["| checker | rule | stack: why it is accepted | where |", "|---|---|---|---|"]
    for (checker, rule, reason), places in sorted(grouped.items()):
        lines.append(f"| {checker} | {rule} | {reason} | {len(places)} × `{min(places)}` |")

    golden.check("security/accepted-findings.md", "\n".join(lines) + "\n")


SECRET = re.compile(r"AKIA[A-Z0-9]{16}|xox[bp]-\d|BEGIN [A-Z ]*PRIVATE KEY|aws_secret_access_key", re.IGNORECASE)


def test_no_template_holds_a_secret(templates: Mapping[str, Any]) -> None:
    assert SECRET.findall(json.dumps(templates)) == []
