"""name-too-long: an alarm name that CloudWatch refuses, or that had to be cut."""

from __future__ import annotations

import re
from collections.abc import Iterator

from alarms.naming import MAX_NAME
from alarms.problem import Level
from alarms.rule import Finding, Rule, Subject

_CUT = re.compile(r"~[0-9a-f]{10}$")  # what alarms.naming puts in the place of what does not fit


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for a name beyond 255 characters or with control characters, a note for one that was cut."""
    name = subject.desired.name
    if len(name) > MAX_NAME:
        yield Finding(f"the alarm name has {len(name)} characters, CloudWatch takes {MAX_NAME}", level=Level.ERROR)
    elif len(name) == MAX_NAME and _CUT.search(name):
        yield Finding(f"the alarm name is cut to {MAX_NAME} characters, and no longer says its whole target")
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        yield Finding(f"the alarm name holds a control character: {name!r}", level=Level.ERROR)


RULE = Rule(
    level=Level.NOTE,
    what="An alarm name that had to be cut to CloudWatch's 255 characters (an error when it still does not fit).",
    why=(
        "The name is made of prefix, stage, service, component, row id and target. What does not fit is replaced by a digest: "
        "the alarm works, and people read half a target in the console."
    ),
    fix="shorten the row's id, the service's name or the prefix",
    bad=f"""\
component: jobs
alarms:
  - id: backlog
    metric: Example/Jobs Backlog
    dimensions: {{Path: {"/import-of-large-images" * 11}}}
    statistic: Maximum
    when: "> 100"
    for: 5 m
    missing: missing
""",
    good="""\
component: jobs
alarms:
  - id: backlog
    metric: Example/Jobs Backlog
    dimensions: {Path: /import-of-large-images}
    statistic: Maximum
    when: "> 100"
    for: 5 m
    missing: missing
""",
    check=check,
)
