"""A plan as a comment on a pull request: the summary first, every line below it, never longer than such a comment may be."""

from __future__ import annotations

import re

from alarms.plan_text import plan_lines, summary
from alarms.plan_types import Plan

# GitHub refuses a longer comment: 65,536 characters.
LONGEST = 65_000


def to_markdown(plan: Plan) -> str:
    """Return the comment: one marker that finds it again, a line that says it all, and the plan as it is printed.

    Lines that no longer fit are counted instead. Names and texts of a plan come from people and from a live account: they stand
    in a fence that none of them can close.
    """
    lines = [line for line in plan_lines(plan) if line != summary(plan)]
    target = plan.target
    title = f"tocsin: {target.catalogue}, stage {target.stage} ({target.account}, {target.region})"
    head = f"{marker(plan)}\n### {title}\n\n**{_verdict(plan)}**\n"
    if not lines:
        return head
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    room = LONGEST - len(head) - 2 * len(fence) - 200
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    more = f"\n{left} more lines: `tocsin plan --stage {target.stage}` prints them all.\n" if left else ""
    opened = " open" if len(lines) <= 30 else ""
    body = "\n".join(kept)
    return f"{head}\n<details{opened}><summary>What would change</summary>\n\n{fence}diff\n{body}\n{fence}\n{more}</details>\n"


def marker(plan: Plan) -> str:
    """Return the comment in the comment by which the next run finds it, one for each catalogue and stage."""
    return f"<!-- tocsin plan {plan.target.catalogue}/{plan.target.stage} -->"


def _verdict(plan: Plan) -> str:
    if plan.stop:
        return f"Stopped: {plan.stop}"
    if plan.empty and not plan.refused:
        return f"Nothing to do: {summary(plan)}"
    return summary(plan)
