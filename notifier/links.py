"""Console links: the alarm's own partition and region, and nothing guessed. An unknown region gives a link without one."""

from __future__ import annotations

import re
from urllib.parse import quote

from alarms.domain.alarm import Alarm
from alarms.domain.event import AlarmEvent

# Console host by partition. Partitions that are not listed (isolated ones) have consoles we know nothing of: no link.
HOSTS = {
    "": "console.aws.amazon.com",
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-\d{1,2}\Z")


def alarm_page(event: AlarmEvent, row: Alarm | None) -> str:
    """Return the address of the alarm's page in the CloudWatch console, empty for a partition without a known host."""
    return _page(event, row, "cloudwatch", f"alarmsV2:alarm/{quote(event.alarm_name, safe='')}")


def resource_page(event: AlarmEvent, row: Alarm | None) -> str:
    """Return the console page of the watched resource where its dimensions name one, else an empty string."""
    target = dict(row.target) if row else dict(event.trigger.dimensions or {})
    cluster, service = target.get("ClusterName"), target.get("ServiceName")
    if cluster and service:
        return _page(event, row, f"ecs/v2/clusters/{quote(cluster, safe='')}/services/{quote(service, safe='')}/health", "")
    database = target.get("DBClusterIdentifier") or target.get("DBInstanceIdentifier")
    if database:
        kind = "true" if "DBClusterIdentifier" in target else "false"
        return _page(event, row, "rds", f"database:id={quote(database, safe='')};is-cluster={kind}")
    return ""


def region_of(event: AlarmEvent, row: Alarm | None) -> str:
    """Return the alarm's own region, the row's when the message has none, empty when neither looks like a region."""
    for region in (event.region, row.region if row else ""):
        if _REGION.match(region):
            return region
    return ""


def _page(event: AlarmEvent, row: Alarm | None, path: str, fragment: str) -> str:
    host = HOSTS.get(event.partition)
    if not host:
        return ""
    region = region_of(event, row)
    home = path if "/" in path else f"{path}/home"
    return f"https://{host}/{home}" + (f"?region={region}" if region else "") + (f"#{fragment}" if fragment else "")
