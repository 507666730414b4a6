"""Which alarm watches a recorded series: the catalogue's rows for its metric, or one made on the spot from ``--when``."""

from __future__ import annotations

import json
import re

from alarms import yaml_door
from alarms.desired import Desired
from alarms.domain.action import Actions
from alarms.domain.errors import BadInput
from alarms.load import Loaded, load_sources
from alarms.quantity import duration_text, parse_datapoints, parse_duration
from alarms.sources import Sources
from infra.local.series import Subject

FILE = "--when"


def made(subject: Subject, when: str, how_long: str | None, step_s: int, actions: Actions) -> Loaded:
    """Return a catalogue of one row: ``when`` on the series, for one period of its step unless ``how_long`` says longer.

    ``how_long`` is a duration (``15 m``: that many periods in a row) or ``3 of 5``. BadInput names what is wrong.
    """
    if not subject.dimensions:
        raise BadInput(f"--as '{subject}': say whose metric it is, like '{subject} DBInstanceIdentifier=x'")
    datapoints = _periods(how_long, step_s)
    row = {
        "id": "recorded",
        "title": f"{subject.metric} {when}",
        "metric": f"{subject.namespace} {subject.metric}",
        "statistic": "Average",
        "dimensions": dict(subject.dimensions),
        "when": when,
        "for": {"period": duration_text(step_s), "datapoints": datapoints},
        "missing": "not_breaching",
        "severity": "warning",
        "runbook": "docs/demo.md",
        "no_action": "A recorded series does not answer to what is done: nothing is scaled.",
    }
    document = {"defaults": {"owner": "you", "notify": "#ops-alerts"}, "alarms": [row]}
    # JSON is YAML: every value arrives as it was given, whatever it looks like.
    read = yaml_door.read(json.dumps(document, ensure_ascii=False).encode(), FILE)
    loaded = load_sources(Sources(None, (), (), (read,), read.problems), stage=None, actions=actions)
    if loaded.errors:
        problem = loaded.errors[0]
        fix = f"; {problem.fix}" if problem.fix else ""
        raise BadInput(f"--when {when!r}: {problem.summary}{fix}")
    return loaded


def _periods(how_long: str | None, step_s: int) -> str:
    if how_long is None:
        return "1 of 1"
    try:
        if re.fullmatch(r"\d+ of \d+", how_long.strip()):
            return "{} of {}".format(*parse_datapoints(how_long))
        seconds = parse_duration(how_long)
    except ValueError as error:
        raise BadInput(f"--for: {error}") from None
    if seconds % step_s:
        raise BadInput(f"--for {how_long!r}: the series has a point every {duration_text(step_s)}; give a multiple of that")
    return f"{seconds // step_s} of {seconds // step_s}"


def matching(desired: tuple[Desired, ...], subject: Subject, where: str) -> tuple[Desired, ...]:
    """Return the alarms that watch exactly this metric and target; BadInput says which ones come near when none does."""
    found = tuple(
        one for one in desired if _metric(one) == (subject.namespace, subject.metric) and _target(one) == subject.dimensions
    )
    if found:
        return found
    near = sorted({_written(one) for one in desired if _metric(one) == (subject.namespace, subject.metric)})
    hint = f"its rows for this metric watch {' or '.join(near[:4])}" if near else "it has no row for this metric"
    raise BadInput(
        f"no row of {where} watches {subject}: {hint}; name one of its targets in --as, or make a row with --when '> 50 %'"
    )


def shortest_period(desired: tuple[Desired, ...]) -> int:
    """Return the shortest period in seconds that any of the rows looks at."""
    return min(one.alarm.period_s for one in desired)


def remark(desired: tuple[Desired, ...], step_s: int) -> str:
    """Return what to know when a row looks at shorter periods than the series has; empty when none does."""
    shortest = shortest_period(desired)
    if shortest >= step_s:
        return ""
    return f"the rows look at periods of {duration_text(shortest)}: each value is held for its {duration_text(step_s)}"


def _metric(one: Desired) -> tuple[str, str]:
    return one.request.get("Namespace", ""), one.request.get("MetricName", "")


def _target(one: Desired) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in one.request.get("Dimensions", ())}


def _written(one: Desired) -> str:
    return " ".join(f"{name}={value}" for name, value in _target(one).items())
