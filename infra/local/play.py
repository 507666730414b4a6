"""Plays a source of metrics through the whole service on an embedded AWS, in virtual time.

CloudWatch evaluates, SNS delivers into both queues, the real handlers of both rooms run, Slack is a stand-in on loopback,
and what remediation changes comes back through the source's metrics.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import notifier.bootstrap
import notifier.interactive_bootstrap
import remediators.bootstrap
from alarms import deploy
from alarms.desired import Desired
from alarms.domain.errors import Refused
from alarms.domain.event import iso
from alarms.domain.text import Language
from alarms.settings import Settings
from infra.local.aws import Embedded, embedded
from infra.local.clock import ALARMS
from infra.local.hand import Hand
from infra.local.metric_sources import Source
from infra.local.observers import AlarmObserver, AuditObserver, SlackObserver
from infra.local.pipeline import AFTER_ALARMS, EventSource
from infra.local.recorder import Recorder
from infra.local.slack import Workspace
from infra.local.slack_http import serving
from infra.local.slack_people import everybody
from infra.local.stack import Stack, build, next_visible
from infra.local.summary import summarise
from infra.local.timeline import Timeline

# The catalogue is applied this long before the first minute: apply keeps to three alarms a second.
SET_UP = timedelta(minutes=10)
# The platform stands for this long already: what a diagnosis finds changed lately was changed in the scenario.
STANDS = timedelta(days=1)
LOOK_S = 60.0
MOST_TICKS = 240


def tick_s(source: Source) -> float:
    """Return how many virtual seconds pass between two looks of the screen: a minute, or more for a long series."""
    return max(1, -(-source.lasts_s // (60 * MOST_TICKS))) * 60.0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is deployed: the alarms and the stage they belong to."""

    desired: tuple[Desired, ...]
    settings: Settings

    def speaking(self, language: Language | None) -> Catalogue:
        """Return the same with its Slack texts in ``language``; None leaves it as it is."""
        if language is None:
            return self
        desired = tuple(replace(one, alarm=replace(one.alarm, language=language)) for one in self.desired)
        return Catalogue(desired, replace(self.settings, language=language))


@dataclass(frozen=True, slots=True)
class Played:
    """A run: ``report.json`` is these two."""

    summary: dict[str, Any]
    timeline: list[dict[str, Any]]


def play(source: Source, catalogue: Catalogue, screen: Timeline) -> Played:
    """Play ``source`` to its end with ``catalogue`` deployed, shown on ``screen``."""
    recorder = Recorder()
    settings = catalogue.settings
    with ExitStack() as stack:
        aws = stack.enter_context(
            embedded(source.start - STANDS, region=settings.region, account=settings.account, seed=source.seed)
        )
        workspace = Workspace(lambda: aws.clock.now)
        workspace.people.update({name: person.document() for name, person in everybody().items()})
        address = stack.enter_context(serving(workspace))
        stage = _Stage(aws, recorder, workspace)
        stage.build(catalogue, address)
        source.open(aws, recorder)
        aws.clock.advance_to(source.start - SET_UP)
        stage.deploy(catalogue)
        stage.connect(source)
        stack.enter_context(screen)
        stage.run(source, screen)
        stage.read_back(source, catalogue)
    timeline = recorder.timeline
    given = {"title": source.title, "about": source.about, "timezone": source.timezone}
    return Played({**given, **summarise(timeline)}, timeline)


class _Stage:
    """The embedded AWS with the service in it."""

    def __init__(self, aws: Embedded, recorder: Recorder, workspace: Workspace) -> None:
        self._aws = aws
        self._recorder = recorder
        self._slack, self._workspace = SlackObserver(recorder, workspace), workspace
        self._sources: list[EventSource] = []

    def build(self, catalogue: Catalogue, slack_url: str) -> None:
        """Build the pipeline; what is called from then on is recorded."""
        channel = next(iter(catalogue.desired)).alarm.channel if catalogue.desired else "#ops-alerts"
        self._stack: Stack = build(self._aws, catalogue.settings, slack_url=slack_url, channel=channel)
        self._address = slack_url.removesuffix("api/")
        self._aws.seam.observe(self._recorder.call)

    def deploy(self, catalogue: Catalogue) -> None:
        """Apply the catalogue with the same code as ``tocsin apply``."""
        aws, recorder = self._aws, self._recorder
        with recorder.acting_as("apply"):
            clients = deploy.clients_of(aws.session, catalogue.settings.region)
            outcome = deploy.apply(
                clients, catalogue.desired, catalogue.settings, now=lambda: aws.clock.now, sleep=aws.clock.advance
            )
        if not outcome.ok:
            raise Refused(f"the catalogue cannot be applied: {outcome.stopped or [*outcome.refused, *outcome.failed][0]}")
        aws.cloudwatch.on_event(AlarmObserver(recorder, aws.clock, catalogue.desired))

    def connect(self, source: Source) -> None:
        """Put both handlers behind their queues."""
        environ = self._stack.environ
        audit = AuditObserver(self._recorder, self._aws.clock)
        telling = notifier.bootstrap.build(environ, log=lambda entry: None)  # noqa: ARG005 - the timeline says it
        acting = remediators.bootstrap.build(environ, audit=audit)
        sqs = self._aws.client("sqs")
        for queue, app in ((self._stack.notifier, telling), (self._stack.remediators, acting)):
            self._sources.append(
                EventSource(
                    queue=queue,
                    handle=app.handle,
                    sqs=sqs,
                    clock=self._aws.clock,
                    recorder=self._recorder,
                    deliveries=source.deliveries,
                    next_visible=lambda queue=queue: next_visible(self._aws, queue),  # type: ignore[misc]  # bound now
                    after_call=self._slack.drain,
                )
            )
        door = notifier.interactive_bootstrap.build(environ, log=lambda entry: None)  # noqa: ARG005 - the timeline says it
        hand = Hand(self._workspace, door, self._aws.clock, self._recorder, self._address)
        for wish in source.clicks:
            when = source.start + timedelta(seconds=wish.at)
            self._aws.clock.at(when, partial(hand.press, wish), order=AFTER_ALARMS + 1, label="click")
        self._aws.seam.observe(self._listen)
        self._aws.clock.every(LOOK_S, self._look, order=AFTER_ALARMS, label="look")

    def _listen(self, call: Any) -> None:
        """Look at the queues when something may have arrived in them."""
        if call.operation in {"SendMessage", "SendMessageBatch", "Publish", "ChangeMessageVisibility"}:
            self._aws.clock.after(0, self._look, order=ALARMS + 1, label="look")

    def _look(self) -> None:
        for each in self._sources:
            each.look()

    def run(self, source: Source, screen: Timeline) -> None:
        """Let time pass, minute by minute."""
        self._aws.clock.advance_to(source.start)
        shown = 0
        for _ in range(-(-source.lasts_s // int(tick_s(source)))):
            self._aws.clock.advance(tick_s(source))
            screen.tick(self._aws.clock.now, self._recorder.timeline[shown:])
            shown = len(self._recorder.timeline)

    def read_back(self, source: Source, catalogue: Catalogue) -> None:
        """Read the floors as they are at the end, and the values that alarms on several metrics compared."""
        with self._recorder.acting_as("demo"):
            self._aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
        with self._recorder.acting_as("platform"):
            found = [entry for one in catalogue.desired for entry in self._compared(one, source)]
        # Sorting is stable: a minute's values stand before what followed from them at that same moment.
        self._recorder.timeline[:] = sorted([*found, *self._recorder.timeline], key=lambda entry: str(entry["at"]))

    def _compared(self, one: Desired, source: Source) -> list[dict[str, Any]]:
        """Return the values of an alarm's own expression as metric entries; none for an alarm on a single metric."""
        if "Metrics" not in one.request:
            return []
        answer = self._aws.client("cloudwatch").get_metric_data(
            MetricDataQueries=one.request["Metrics"],
            StartTime=source.start,
            EndTime=self._aws.clock.now,
            ScanBy="TimestampAscending",
        )
        period = timedelta(seconds=one.alarm.period_s)
        return [
            expression_entry(one, moment, value, period)
            for result in answer["MetricDataResults"]
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
        ]


def expression_entry(one: Desired, moment: datetime, value: float, period: timedelta) -> dict[str, Any]:
    """Return one value of an alarm's expression as an entry of the timeline."""
    return {
        "at": iso(moment + period),
        "kind": "metric",
        "period_start": iso(moment),
        "period_s": int(period.total_seconds()),
        "namespace": "",
        "name": one.alarm.condition.metric,
        "dimensions": dict(one.alarm.target),
        "unit": one.alarm.condition.unit,
        "statistic": "expression",
        "value": round(value, 4),
        "alarm": one.name,
    }
