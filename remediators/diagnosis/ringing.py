"""Signal: which alarms of the same stage ring, which service rang first, and which of several services is the source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alarms.domain.alarm import Alarm
from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.action import Clients
from remediators.diagnosis.finding import WINDOW, Finding, Look, Signal, clock, short
from remediators.diagnosis.landscape import Ringing, source

_PAGE = 100
_WENT_OFF = "to ALARM"
# What a ringing alarm of the service itself speaks for, by the metric that it watches. CPU that is busy is seldom a cause.
_POINTS: Mapping[str, tuple[Cause, int]] = {
    "DatabaseConnections": (Cause.DB_CONNECTIONS, 4),
    "DBLoad": (Cause.SLOW_DATABASE, 3),
    "MemoryUtilization": (Cause.OOM, 1),
    "CPUUtilization": (Cause.CAPACITY, 1),
    "ApproximateAgeOfOldestMessage": (Cause.CAPACITY, 1),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One alarm that rings, or that rang within the last hour. ``service`` is "" for a row that stands alone."""

    name: str
    service: str
    since: datetime
    metric: str = ""
    rings: bool = True


@dataclass(frozen=True, slots=True)
class Alarms:
    """What rings and rang in the stage; ``more``: there was another page that was not read."""

    rung: tuple[Rung, ...]
    more: bool = False


def service_of(name: str) -> str:
    """Return the service in an alarm's name ``<prefix>/<stage>/<service>/<component>/<id>/<target>``, "" when it has none."""
    parts = name.split("/")
    return parts[2] if len(parts) == 6 else ""


def stage_prefix(alarm: Alarm) -> str:
    """Return what the names of all alarms of this stage begin with: ``tocsin/prod/``."""
    return "/".join(alarm.name.split("/")[:2]) + "/"


def read(clients: Clients, look: Look, _: Callable[[], float]) -> Alarms:
    """Read cloudwatch DescribeAlarms (ALARM, our prefix) and DescribeAlarmHistory (state changes of the last hour)."""
    prefix, cloudwatch = stage_prefix(look.alarm), clients("cloudwatch")
    answer = cloudwatch.describe_alarms(AlarmNamePrefix=prefix, StateValue="ALARM", AlarmTypes=["MetricAlarm"], MaxRecords=_PAGE)
    rung = {item["AlarmName"]: _ringing(item) for item in answer["MetricAlarms"]}
    history = cloudwatch.describe_alarm_history(
        AlarmTypes=["MetricAlarm"],
        HistoryItemType="StateUpdate",
        StartDate=look.now - WINDOW,
        EndDate=look.now,
        MaxRecords=_PAGE,
        ScanBy="TimestampDescending",
    )
    for item in history["AlarmHistoryItems"]:  # the newest first: the oldest of several stays
        name = item.get("AlarmName", "")
        if name.startswith(prefix) and item.get("HistorySummary", "").endswith(_WENT_OFF) and not _rings(rung.get(name)):
            rung[name] = Rung(name, service_of(name), item["Timestamp"], rings=False)
    return Alarms(tuple(sorted(rung.values(), key=lambda item: (item.since, item.name))), "NextToken" in answer)


def began(rung: Alarms | None, alarm: Alarm) -> datetime | None:
    """Return when ``alarm`` began to ring, None when it is not seen to ring."""
    return next((item.since for item in rung.rung if item.name == alarm.name and item.rings), None) if rung else None


def judge(seen: Alarms, look: Look) -> tuple[Finding, ...]:
    """Say who rings, who rang first, and whether the source is another service."""
    loud = [item for item in seen.rung if item.rings]
    own = [item for item in loud if item.service == look.alarm.service]
    points: Counter[Cause] = Counter()
    for cause, weight in {_POINTS[item.metric] for item in own if item.metric in _POINTS}:
        points[cause] = max(points[cause], weight)
    found = [Finding("alarms", _who(seen, loud), dict(points), {"ringing": [(item.name, item.since) for item in seen.rung]})]
    suspect = _suspect(loud, look)
    return (suspect, *found) if suspect else tuple(found)


def _suspect(loud: list[Rung], look: Look) -> Finding | None:
    per: dict[str, list[Rung]] = {}
    for item in loud:
        if item.service:
            per.setdefault(item.service, []).append(item)
    rows = [Ringing(service, min(item.since for item in items), len(items)) for service, items in per.items()]
    own = look.alarm.service
    calls = calls_of(look.alarm)
    found = source(calls, rows)
    if found is None or len(rows) < 2 or not own:
        return None
    facts = {"source": found.service, "callers": list(found.because), "sure": found.sure}
    since = clock(min(item.since for item in per[found.service]))
    if found.service == own:
        others = ", ".join(short(name, 60) for name in found.because)
        if not others:
            return None
        return Finding(
            "source",
            Text(
                f"The source is this service: what it calls is quiet, and {others} ring because they call it.",
                f"원인은 이 서비스에 있습니다. 호출 대상은 정상이고, {others}은(는) 이 서비스를 호출하기 때문에 울립니다.",
            ),
            {},
            facts,
        )
    if found.service not in calls.get(own, ()):
        return None  # it rings too, but nothing says that this service calls it
    quiet = Text("all that it calls is quiet", "그 호출 대상은 모두 정상입니다")
    return Finding(
        "source",
        Text(
            f"The source is {short(found.service, 60)}: it rings since {since}, {quiet.en}, and this service calls it.",
            f"원인은 {short(found.service, 60)}입니다. {since}부터 울리고 있고 {quiet.ko}. 이 서비스가 호출합니다.",
        ),
        {Cause.DEPENDENCY: 8 if found.sure else 5},
        facts,
    )


def calls_of(alarm: Alarm) -> dict[str, tuple[str, ...]]:
    """Return what is known of who calls whom: the service's own callees, and entries ``{service, calls}`` of ``landscape``.

    ``calls`` lists names, separated by commas. Without such entries nothing is known of calls between the callees.
    """
    known = {alarm.service: tuple(alarm.depends_on)} if alarm.service else {}
    for entry in alarm.resources.get("landscape", ()):
        names = tuple(name.strip() for name in entry.get("calls", "").split(",") if name.strip())
        if entry.get("service") and entry["service"] != alarm.service:
            known[entry["service"]] = names
    return known


def _who(seen: Alarms, loud: list[Rung]) -> Text:
    services = sorted({item.service for item in loud if item.service})
    count = f"{len(loud)}+" if seen.more else str(len(loud))
    if not seen.rung:
        return Text("No alarm of this stage rings any more.", "이 스테이지에서 울리는 알람이 더 없습니다.")
    if len(seen.rung) == 1 and loud:
        return Text("No other alarm of this stage rings.", "이 스테이지에서 울리는 다른 알람은 없습니다.")
    first = seen.rung[0]
    name, at = short("/".join(first.name.split("/")[2:]), 120), clock(first.since)
    return Text(
        f"{count} alarms ring in {len(services)} services; the first of the last hour was {name} at {at}.",
        f"서비스 {len(services)}개에서 알람 {count}개가 울리고 있습니다. 최근 한 시간 중 처음은 {name}({at})입니다.",
    )


def _ringing(item: Mapping[str, Any]) -> Rung:
    since = item.get("StateTransitionedTimestamp") or item["StateUpdatedTimestamp"]
    metrics = [entry["MetricStat"]["Metric"]["MetricName"] for entry in item.get("Metrics", ()) if "MetricStat" in entry]
    return Rung(item["AlarmName"], service_of(item["AlarmName"]), since, item.get("MetricName") or next(iter(metrics), ""))


def _rings(item: Rung | None) -> bool:
    return item is not None and item.rings


SIGNAL = Signal("alarms", Text("alarms of the stage", "스테이지의 알람"), read, judge)
