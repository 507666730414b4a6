"""What the checks found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from infra.doctor.check import Finding, Verdict
from infra.doctor.run import Answered

SIGNS = {Verdict.OK: "+", Verdict.WRONG: "x", Verdict.UNKNOWN: "?"}
_LONGEST = 300


def lines(answered: Answered, *, everything: bool = False) -> Iterator[str]:
    """Return the lines of one check: what is wrong or unknown with why and fix; what is well in one line, unless all is asked."""
    troubled = [finding for finding in answered.findings if finding.verdict is not Verdict.OK]
    well = [finding for finding in answered.findings if finding.verdict is Verdict.OK]
    if not troubled and not everything:
        first = well[0]
        others = f" (and {len(well) - 1 + answered.more} more)" if len(well) + answered.more > 1 else ""
        yield f"{SIGNS[Verdict.OK]} {answered.name}  {_flat(first)}{others}"
        return
    for finding in [*troubled, *(well if everything else ())]:
        yield f"{SIGNS[finding.verdict]} {answered.name}  {_flat(finding)}"
        if finding.verdict is Verdict.WRONG and finding.fix:
            yield f"    fix: {finding.fix}"
    if answered.more:
        yield f"    and {answered.more} more"
    if any(finding.verdict is Verdict.WRONG for finding in troubled):
        yield f"    why: {answered.check.why}"
        if any(not finding.fix for finding in troubled if finding.verdict is Verdict.WRONG):
            yield f"    fix: {answered.check.fix}"


def summary(answered: Sequence[Answered], stage: str) -> str:
    """Return one line that counts checks by verdict."""
    counts = Counter(one.verdict for one in answered)
    said = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    return f"stage {stage}: {len(answered)} checks: {said}"


def document(answered: Sequence[Answered], stage: str) -> dict[str, Any]:
    """Return the report as JSON."""
    return {
        "stage": stage,
        "checks": [
            {
                "name": one.name,
                "asks": one.check.asks,
                "verdict": one.verdict.value,
                "why": one.check.why,
                "findings": [_finding(finding, one) for finding in one.findings],
                "more": one.more,
            }
            for one in answered
        ],
    }


def _finding(finding: Finding, of: Answered) -> dict[str, str]:
    found = {"verdict": finding.verdict.value, "subject": finding.subject, "said": finding.said}
    return found | ({"fix": finding.fix or of.check.fix} if finding.verdict is Verdict.WRONG else {})


def _flat(finding: Finding) -> str:
    """Return subject and words on one line: they may come from AWS or Slack."""
    shown = f"could not tell: {finding.said}" if finding.verdict is Verdict.UNKNOWN else finding.said
    text = "".join(sign if sign.isprintable() else " " for sign in f"{finding.subject}: {shown}")
    return " ".join(text.split())[:_LONGEST]
