"""failed-actions: no alarm failed to tell the topic lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from infra.doctor.check import PIPELINE, SPOKE, Check, Finding, ok, wrong
from infra.doctor.deployment import Deployment

SINCE = timedelta(days=1)
MOST_PAGES = 200  # of 100 items
FAILED = "Failed to execute action"


def look(deployment: Deployment) -> Iterator[Finding]:
    """Read the history of the alarms' actions: the only place where a failed one is written down."""
    now = deployment.now()
    asked = {
        "HistoryItemType": "Action",
        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
        "StartDate": now - SINCE,
        "EndDate": now,
        "MaxRecords": 100,
        "ScanBy": "TimestampDescending",
    }
    prefix = f"{deployment.settings.prefix}/{deployment.settings.stage}/"
    failed: Counter[str] = Counter()
    last: dict[str, str] = {}
    seen = 0
    for page in deployment.aws.pages("cloudwatch", "DescribeAlarmHistory", "NextToken", MOST_PAGES, **asked):
        for item in page["AlarmHistoryItems"]:
            if not item["AlarmName"].startswith(prefix):
                continue
            seen += 1
            if item["HistorySummary"].startswith(FAILED):
                failed[item["AlarmName"]] += 1
                last.setdefault(item["AlarmName"], item["HistorySummary"][len(FAILED) :].strip())
    for name, count in failed.items():
        yield wrong(name, f"{count} of its actions failed in the last day: {last[name][:160]}")
    if not failed:
        yield ok("actions", f"{seen} in the last day, none failed")


CHECK = Check(
    asks="Did every action of the alarms in the last day succeed?",
    why="An alarm that could not publish rang unheard: AWS writes it into the alarm's history and tells nobody.",
    fix="look at topic-policy and topic-encryption; CloudWatch does not try again",
    reads=("cloudwatch:DescribeAlarmHistory",),
    look=look,
    asked_of=(PIPELINE, SPOKE),
)
