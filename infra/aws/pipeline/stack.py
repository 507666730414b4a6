"""The pipeline's stack: what stands between CloudWatch, Slack and what remediation changes. It only puts the parts together."""

from __future__ import annotations

from functools import partial
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.aws.pipeline import dashboard, environment, parameters, roles, watching
from infra.aws.pipeline import settings as pipeline_settings
from infra.aws.pipeline.consumers import consume
from infra.aws.pipeline.deployments import shift_gradually
from infra.aws.pipeline.door import address, door
from infra.aws.pipeline.functions import TIMEOUT_S, Deployed, function
from infra.aws.pipeline.keys import keys
from infra.aws.pipeline.place import Place, place_of
from infra.aws.pipeline.queues import Inbox, inbox, schedules_dead
from infra.aws.pipeline.schedules import pulses, schedules
from infra.aws.pipeline.self_alarms import door_5xx, errors, self_alarms
from infra.aws.pipeline.tables import tables
from infra.aws.pipeline.topic import deliver, deliverers, topic, topic_name
from infra.aws.spokes import access, opening
from infra.aws.spokes import settings as spokes_settings
from infra.aws.stage_file import Stage

VISIBILITY_TIMES = 6  # a queue's visibility timeout in timeouts of its function, as Lambda's documentation asks for


class PipelineStack(cdk.Stack):
    """One stage's pipeline. Its names begin with ``<prefix>-<stage>``, as `tocsin iam` supposes."""

    def __init__(self, scope: Construct, ident: str, *, stage: Stage, **kwargs: Any) -> None:
        super().__init__(
            scope, ident, description=f"tocsin's pipeline, stage {stage.settings.stage}", termination_protection=True, **kwargs
        )
        self.place = place = place_of(stage)
        self.settings = pipeline_settings.read(stage.sections.get("pipeline"))
        name, own = topic_name(stage.settings), place.named("self")
        self.hub = spokes_settings.read(stage.sections.get("hub"), stage.settings)
        self.ears = opening.topics(place, name, self.hub)  # the topics in the spokes' regions
        self.deliverers = deliverers(place.region, self.hub.other_regions(place.region) if self.hub else ())
        self.keys = keys(self, place, (*(place.arn("sns", one) for one in (name, own)), *self.ears), self.deliverers)
        self.topic = topic(self, "Alarms", place, name, key=self.keys.messages, more=self._spokes_here(place, name))
        self.tables = tables(self, place, self.keys.data)
        if self.hub:
            catalogue = self.tables["catalogue"]
            opening.open_to_spokes(self, place, stage.settings, self.hub, keys=self.keys, catalogue=catalogue)
        parameters.slack_secret(self, place, self.keys.data)
        if self.settings.approvers is not None:
            parameters.approvers(self, place, self.settings.approvers)
        self.inboxes = {room: self._inbox(room) for room in ("notifier", "remediators")}
        self.schedules_dead = schedules_dead(self, place, self.keys.messages)
        self.door: apigateway.HttpApi | None = None
        self.functions = {deployed.room: deployed for deployed in self._functions(stage)}
        for room, box in self.inboxes.items():
            self._feed(room, box)
        self._schedule()
        self._watch(name, own)
        self._out("TopicArn", self.topic.topic_arn, "what alarms tell; `topic` in tocsin.yaml")
        for table in self.tables:
            self._out(f"{table.capitalize()}TableName", place.named(table), f"the table {table}")

    def _spokes_here(self, place: Place, name: str) -> list[iam.PolicyStatement]:
        """Return what lets spokes in the hub's own region tell its topic."""
        if not self.hub or not self.hub.accounts_in(place.region):
            return []
        return [access.spokes_publish(place.arn("sns", name), place.region, self.hub, place.partition)]

    def _inbox(self, room: str) -> Inbox:
        patience, topics = VISIBILITY_TIMES * TIMEOUT_S[room], (self.topic.topic_arn, *self.ears)
        told = {"topics": topics, "deliverers": self.deliverers}
        return inbox(self, self.place, room, key=self.keys.messages, visibility_s=patience, **told)

    def _feed(self, room: str, box: Inbox) -> None:
        """Lead the topic into the room's queue, and the queue into its function."""
        consume(self, self.functions[room], box.queue.queue_arn, self.settings.concurrency[room])
        into, else_into = box.queue.queue_arn, box.undelivered.queue_arn
        told = deliver(self, f"{room.capitalize()}Subscribes", self.topic, queue_arn=into, undelivered_arn=else_into)
        for queue in (box.queue, box.undelivered):
            told.node.add_dependency(queue.node.find_child("Policy"))  # before the first message

    def _schedule(self) -> None:
        """Make what comes by the clock, after the queues that it goes to."""
        sweep = schedules(self, self.place, self.keys)
        for queue in (self.inboxes["remediators"].queue, self.schedules_dead):
            sweep.node.add_dependency(queue.node.default_child)
        pulses(self, self.place, [self.functions[room] for room in self.inboxes])

    def _functions(self, stage: Stage) -> list[Deployed]:
        """Make the functions; the door only where the stage file names the workspace whose people may press."""
        place, settings, catalogue = self.place, self.settings, stage.settings
        make = partial(function, self, place, settings=settings, keys=self.keys)
        told = environment.notifier(place, catalogue, settings)
        found = [make("notifier", role=roles.notifier(self, place, self.keys), environment=told)]
        told = environment.remediators(place, settings, is_hub=self.hub is not None)
        may = roles.remediators(self, place, self.keys, stage, in_vpc=settings.vpc is not None)
        found.append(make("remediators", role=may, environment=told))
        if settings.slack_team:
            told = environment.interactive(place, catalogue, settings.slack_team)
            found.append(make("interactive", role=roles.interactive(self, place, self.keys), environment=told))
            self.door = door(self, place, found[-1], settings, self.keys)
            self._out("DoorUrl", address(self.door), "Slack's Request URL, for buttons")
        return found

    def _watch(self, topic_name: str, own: str) -> None:
        """Make what tells that the pipeline itself fails, and what turns a deploy back."""
        place = self.place
        self.self_topic = topic(self, "Self", place, own, key=self.keys.messages)
        watching.mail(self, self.self_topic, self.settings.alarm_emails)
        rooms = {room: self.settings.concurrency[room] for room in self.functions}
        wanted = self_alarms(place, rooms, {"alarms": topic_name, "self": own})
        wanted += [door_5xx(self.door.api_id)] if self.door else []
        made = {one.name: watching.watch(self, place, one, (self.self_topic, self.topic)) for one in wanted}
        turning = {room: made[errors(place, room).name] for room in self.functions}
        shift_gradually(self, place, self.functions, turning)
        dashboard.dashboard(self, place, tuple(self.functions), [alarm.attr_arn for alarm in made.values()])
        self._out("DashboardUrl", dashboard.address(place), "the pipeline's own dashboard")

    def _out(self, name: str, value: str, description: str) -> None:
        cdk.CfnOutput(self, name, value=value, description=description)
