"""The overview: the state of everything, the golden signals of each service, and queues beside those who work them off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alarms.dashboards.graph import HEIGHT, horizontal, properties
from alarms.dashboards.pages import Entry
from alarms.dashboards.series import Series, target_label
from alarms.dashboards.vitals import PERIOD_S, VITALS, Signal, Target, Vital, line
from alarms.dashboards.widget import MOST_ALARMS_OF_A_WIDGET, Widget, arn_of, label, plain, status
from alarms.desired import Desired

MOST_LINES = 20  # of one graph of the overview: more of them are a ball of wool

_QUEUE, _SERVICE = frozenset({"QueueName"}), frozenset({"ClusterName", "ServiceName"})
_UNITS = {Signal.TRAFFIC: "Count", Signal.ERRORS: "Count", Signal.LATENCY: "Milliseconds", Signal.SATURATION: "Percent"}
_AGE, _DEPTH = "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"


def entries(
    services: Mapping[str, Sequence[Desired]], targets: Mapping[str, Mapping[str, Mapping[str, Target]]]
) -> Iterator[Entry]:
    """Return the overview's widgets: first the state of all alarms, by service, then what each service does.

    ``services`` are the alarms of each service, ``targets`` its targets by component and label.
    """
    for service, alarms in services.items():
        arns = [arn_of(one.alarm.account, one.alarm.region, one.name) for one in alarms]
        for start in range(0, len(arns), MOST_ALARMS_OF_A_WIDGET):
            part = arns[start : start + MOST_ALARMS_OF_A_WIDGET]
            yield Entry("State of all alarms", status(label(f"{service}: {len(alarms)} alarms"), part))
    for service, alarms in services.items():
        own = [target for found in targets[service].values() for target in found.values()]
        region = alarms[0].alarm.region
        for widget in (*_golden(own, region), *_queues(own, alarms, region)):
            yield Entry(plain(service), widget)


def _golden(targets: Sequence[Target], region: str) -> Iterator[Widget]:
    for signal, unit in _UNITS.items():
        found = [(vital, target) for target in targets for vital in VITALS[frozenset(target)] if vital.signal is signal]
        series = [
            entry for number, (vital, target) in enumerate(found[:MOST_LINES], 1) for entry in _lines(vital, target, number)
        ]
        if series:
            axis = {"left": {"label": unit, "showUnits": False, "min": 0}}
            yield Widget("metric", 6, HEIGHT, properties(signal.value, region, series, PERIOD_S, axis), metrics=len(series))


def _lines(vital: Vital, target: Target, number: int) -> list[Series]:
    named = label(f"{target_label(target)}: {vital.name}")
    if not vital.to_ms:
        return [line(vital, target, {"label": named}, vital.golden)]
    hidden = line(vital, target, {"id": f"s{number}", "visible": False})
    return [hidden, [{"expression": f"1000*s{number}", "id": f"ms{number}", "label": named}]]


def _queues(targets: Sequence[Target], alarms: Sequence[Desired], region: str) -> Iterator[Widget]:
    """Return depth and age of a service's queues, each beside the tasks that run: a backlog is either or both."""
    queues = [target for target in targets if frozenset(target) == _QUEUE][:MOST_LINES]
    fleet = [target for target in targets if frozenset(target) == _SERVICE][:MOST_LINES]
    if not queues:
        return
    (running,) = (vital for vital in VITALS[_SERVICE] if vital.name == "RunningTaskCount")
    tasks = [
        line(running, target, {"label": label(f"{target_label(target)}: tasks running"), "yAxis": "right"}) for target in fleet
    ]
    right = {"label": "Tasks", "showUnits": False, "min": 0}
    for name, title, unit in (
        (_DEPTH, "Queue depth and running tasks", "Messages"),
        (_AGE, "Age of the oldest message and running tasks", "Seconds"),
    ):
        (vital,) = (vital for vital in VITALS[_QUEUE] if vital.name == name)
        series = [*(line(vital, queue, {"label": label(target_label(queue))}) for queue in queues), *tasks]
        axis = {"left": {"label": unit, "showUnits": False, "min": 0}, "right": right}
        shown = properties(title, region, series, PERIOD_S, axis)
        rings = [one.alarm.condition for one in alarms if one.request.get("MetricName") == name and one.alarm.target in queues]
        if name == _AGE and rings:
            lines = {condition.threshold: horizontal(condition, "#d62728") for condition in rings}
            shown["annotations"] = {"horizontal": [lines[threshold] for threshold in sorted(lines)][:MOST_LINES]}
        yield Widget("metric", 12, HEIGHT, shown, metrics=len(series))
