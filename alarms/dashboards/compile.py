"""The desired alarms of a stage -> one dashboard for each component and one overview."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from alarms.dashboards import overview, vitals
from alarms.dashboards.graph import graphs
from alarms.dashboards.pages import HEAD_BYTES, Entry, arns_of, body, split
from alarms.dashboards.series import measured, shown_window
from alarms.dashboards.widget import Widget, as_text, plain, text
from alarms.desired import Desired
from alarms.domain.regions import partition_of
from alarms.settings import Settings

OVERVIEW = "overview"
ALONE = "Without a service"
MOST_WORDS = 300  # of a reason, where the catalogue has more
MOST_NAME = 255  # [botocore cloudwatch PutDashboardInput.DashboardName: A-Z a-z 0-9 - _]

_IN_AN_ADDRESS = ":/?#@!$&'*+,;=%~"
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page: its name, the body that CloudWatch takes, and the alarms whose own drawing it holds."""

    name: str
    body: Mapping[str, Any]
    alarms: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the body as PutDashboard takes it."""
        return as_text(self.body)


def marker(settings: Settings) -> str:
    """Return the sentence by which a dashboard is known to be ours: the catalogue's and the stage's."""
    return f"Made by `tocsin dashboards` from catalogue `{settings.catalogue}`, stage `{settings.stage}`"


def dashboards(desired: Sequence[Desired], settings: Settings) -> tuple[Dashboard, ...]:
    """Return the overview and a dashboard for each component, each split into pages where one does not hold it.

    Pure and deterministic. Without alarms there are none. Every alarm is drawn on exactly one page of its component.
    """
    if not desired:
        return ()
    names = {one.name: one for one in desired}
    services: dict[str, list[Desired]] = {}
    for one in desired:
        services.setdefault(one.alarm.service or ALONE, []).append(one)
    targets = {service: vitals.targets_of(alarms) for service, alarms in services.items()}
    drawn = vitals.drawn_by(desired)
    subjects = {OVERVIEW: list(overview.entries(services, targets))}
    for component in dict.fromkeys(
        [*(one.alarm.component for one in desired), *(name for found in targets.values() for name in found)]
    ):
        shown = {service: tuple(found.get(component, {}).values()) for service, found in targets.items()}
        subjects[f"={component}"] = [*_component(component, services, names, _Beside(shown, drawn))]
    arns = arns_of(desired)
    pages = {subject: split(found, {} if subject == OVERVIEW else arns) for subject, found in subjects.items()}
    called = _names(settings, {subject: len(found) for subject, found in pages.items()})
    made = []
    for subject, found in pages.items():
        for number, page in enumerate(found):
            head = _head(settings, subject.lstrip("="), number, called, called[subject])
            filled = body(head, page, {} if subject == OVERVIEW else arns)
            made.append(Dashboard(called[subject][number], filled, tuple(page.alarms)))
    return tuple(made)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What a component shows beside its rows: targets by service, without those metrics that a row's graph draws."""

    targets: Mapping[str, tuple[vitals.Target, ...]]
    drawn: set[vitals.Read]


def _component(
    component: str, services: Mapping[str, Sequence[Desired]], names: Mapping[str, Desired], beside: _Beside
) -> Iterator[Entry]:
    for service, alarms in services.items():
        rows: dict[str, list[Desired]] = {}
        for one in alarms:
            if one.alarm.component == component:
                rows.setdefault(one.alarm.row, []).append(one)
        for row in rows.values():
            band = _band(row[0], len(row))
            yield from (Entry(plain(service), widget, band) for widget in graphs(row, names))
        band = text("### Shown beside the rows\nNo row rings for these.", height=2)
        for widget in vitals.without_row(beside.targets[service], beside.drawn, alarms[0].alarm.region):
            yield Entry(plain(service), widget, band)


def _band(one: Desired, targets: int) -> Widget:
    """Return what stands above a row's graphs: what it means, whom it tells, what may be done, and the runbook."""
    alarm = one.alarm
    does = ", ".join(f"{policy.action} ({policy.mode.value})" for policy in alarm.policies)
    done = f"may be done: {plain(does)}" if does else f"nothing is done: {plain(alarm.no_action[:MOST_WORDS])}"
    runbook = (
        f"[runbook]({quote(alarm.runbook_url, safe=_IN_AN_ADDRESS)})" if alarm.runbook_url else f"runbook: {plain(alarm.runbook)}"
    )
    condition = (
        "" if "AlarmRule" in one.request else f" · {plain(f'{measured(one)} {alarm.condition.text}')}, {shown_window(one)}"
    )
    facts = f"{plain(one.id)} · {alarm.severity.value}{condition} · {targets} target{'s' * (targets != 1)}"
    return text(f"### {plain(alarm.title)}\n{facts} · tells {plain(alarm.channel)} · {runbook} · {done}", height=2)


def _names(settings: Settings, pages: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the names of each subject's pages: ``<prefix>-<stage>-<component>``, from the second on with a number."""
    taken: set[str] = set()
    found: dict[str, list[str]] = {}
    for subject, count in pages.items():
        base = _clean(f"{settings.prefix}-{settings.stage}-{subject.lstrip('=')}")
        wanted = [base, *(f"{base}-{number}" for number in range(2, count + 1))][:count]
        if taken & set(wanted) or base != f"{settings.prefix}-{settings.stage}-{subject.lstrip('=')}":
            base = f"{base}-{hashlib.sha256(subject.encode()).hexdigest()[:8]}"
            wanted = [base, *(f"{base}-{number}" for number in range(2, count + 1))][:count]
        taken.update(wanted)
        found[subject] = wanted
    return found


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)[: MOST_NAME - 20]


def _head(settings: Settings, subject: str, number: int, called: Mapping[str, list[str]], own: Sequence[str]) -> Widget:
    """Return the top of a page: what it shows, the way to the others, and whose it is."""
    title = f"# {plain(subject)} · {plain(settings.stage)}" + (f" · page {number + 1} of {len(own)}" if len(own) > 1 else "")
    made = f"{marker(settings)}: what is changed here by hand is overwritten by the next run."
    others = [(key.lstrip("="), names[0]) for key, names in called.items()]
    others += [(f"page {page + 1}", own[page]) for page in (number - 1, number + 1) if len(own) > 1 and 0 <= page < len(own)]
    lines = [title, "", made]
    links: list[str] = []
    room = HEAD_BYTES - 2 * len("\n".join(lines).encode()) - 1000
    for shown, name in others:
        link = f"[{plain(shown)}]({_address(settings.region, name)})"
        room -= 2 * len(link.encode())
        if room < 0:
            break
        links.append(link)
    return text("\n".join([title, " · ".join(links), "", made]), height=3)


def _address(region: str, name: str) -> str:
    console = _CONSOLES.get(partition_of(region), "console.aws.amazon.com")
    return f"https://{region}.{console}/cloudwatch/home?region={region}#dashboards/dashboard/{name}"
