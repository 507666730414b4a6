"""Where the metrics of a run come from: the model of the platform under a scenario, or a recorded series.

A source builds what it needs in the embedded AWS and puts itself on the clock, before the alarms in the order of a moment:
a minute's points are in before that minute is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

from infra.local.aws import Embedded
from infra.local.clock import METERS
from infra.local.metrics_feed import API_SERVICE, CLUSTER, CONSUMER_SERVICE, DEAD_LETTERS, QUEUE, Reading, readings
from infra.local.platform import Capacity, Minute, Platform
from infra.local.recorder import Recorder
from infra.local.scenario import Deliveries, Fleet, Press, Scenario
from infra.local.seam import Request
from infra.local.series import Series, Subject

MINUTE = timedelta(minutes=1)
PREDEFINED = {"cpu": "ECSServiceAverageCPUUtilization", "memory": "ECSServiceAverageMemoryUtilization"}
MOST_DATA = 1000  # members of MetricData in one PutMetricData
# What GetQueueAttributes calls the model's counts.
COUNTED = {"ApproximateNumberOfMessages": "waiting", "ApproximateNumberOfMessagesNotVisible": "in_flight"}


class Source(Protocol):
    """What is played."""

    @property
    def title(self) -> str:
        """What the report is called."""
        ...

    @property
    def about(self) -> str:
        """One sentence more, may be empty."""
        ...

    @property
    def timezone(self) -> str:
        """In which people read its times."""
        ...

    @property
    def start(self) -> datetime:
        """When it begins, at a whole minute."""
        ...

    @property
    def lasts_s(self) -> int:
        """How many virtual seconds it lasts."""
        ...

    @property
    def seed(self) -> int:
        """What makes ids the same in every run."""
        ...

    @property
    def deliveries(self) -> Deliveries:
        """How often each record comes."""
        ...

    @property
    def clicks(self) -> tuple[Press, ...]:
        """What people press in Slack."""
        ...

    def open(self, aws: Embedded, recorder: Recorder) -> None:
        """Build what it needs and go on the clock."""
        ...


class PlatformSource:
    """The model of the platform under a scenario: publishes every minute and answers for its queue."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.title = scenario.title
        self.about = ""
        self.timezone = scenario.timezone
        self.start = scenario.start
        self.lasts_s = scenario.lasts
        self.seed = scenario.seed
        self.deliveries = scenario.deliveries
        self.clicks = scenario.clicks
        self._platform = Platform(scenario.traits, scenario.noise, scenario.seed)
        self._minute: Minute | None = None

    def open(self, aws: Embedded, recorder: Recorder) -> None:
        """Create the cluster, its two services with their scalable targets, the queues, and what a diagnosis looks at."""
        self._aws, self._recorder, self._cloudwatch = aws, recorder, aws.client("cloudwatch")
        self._ecs, self._scaling = aws.client("ecs"), aws.client("application-autoscaling")
        with recorder.acting_as("platform"):
            self._ecs.create_cluster(clusterName=CLUSTER)
            self._service(API_SERVICE, self._scenario.api)
            self._service(CONSUMER_SERVICE, self._scenario.consumers)
            for name in (DEAD_LETTERS, QUEUE):
                self._url = aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
            self._beside()
        aws.seam.serve("sqs", {"GetQueueAttributes": self._queue_attributes}, others_to_moto=True)
        aws.clock.every(60, self._publish, first=self.start + MINUTE, order=METERS, label="platform")

    def _beside(self) -> None:
        """Create what the services have beside what is measured: their database, logs, a secret and a parameter."""
        aws = self._aws
        aws.rds.preload("image-db", {"image-db-1": "db.r6g.large", "image-db-2": "db.r6g.large"})
        for group in (f"/ecs/{API_SERVICE}", f"/ecs/{CONSUMER_SERVICE}", f"/aws/apigateway/{API_SERVICE}"):
            aws.logs.preload(group, ())
        aws.client("secretsmanager").create_secret(Name="image/database", SecretString="{}")
        aws.client("ssm").put_parameter(Name="/image/settings", Value="{}", Type="String")

    def _service(self, name: str, fleet: Fleet) -> None:
        image = f"{self._aws.place.account}.dkr.ecr.{self._aws.place.region}.amazonaws.com/{name}:1"
        definition = self._ecs.register_task_definition(
            family=name,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="1024",
            memory="2048",
            containerDefinitions=[{"name": name, "image": image, "essential": True}],
        )["taskDefinition"]["taskDefinitionArn"]
        self._ecs.create_service(
            cluster=CLUSTER, serviceName=name, taskDefinition=definition, desiredCount=fleet.tasks, launchType="FARGATE"
        )
        self._scaling.register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/{CLUSTER}/{name}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=fleet.tasks,
            MaxCapacity=fleet.max_tasks,
        )
        if fleet.track is not None:
            self._track(name, *fleet.track)

    def _track(self, name: str, signal: str, percent: float) -> None:
        """Give a service target tracking on its CPU or its memory."""
        self._scaling.put_scaling_policy(
            PolicyName=f"{name}-{signal}",
            ServiceNamespace="ecs",
            ResourceId=f"service/{CLUSTER}/{name}",
            ScalableDimension="ecs:service:DesiredCount",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": percent,
                "PredefinedMetricSpecification": {"PredefinedMetricType": PREDEFINED[signal]},
            },
        )

    def _publish(self) -> None:
        """Play the minute that ends now and publish what was measured."""
        now = self._aws.clock.now
        since = (now - MINUTE - self.start).total_seconds()
        with self._recorder.acting_as("platform"):
            self._minute = self._platform.minute(self._scenario.uploads(since), self._capacity(), self._scenario.trouble(since))
            found = readings(self._minute)
            publish(self._cloudwatch, self._recorder, found, now=now, period_start=now - MINUTE, period_s=60)

    def _capacity(self) -> Capacity:
        answer = self._ecs.describe_services(cluster=CLUSTER, services=[API_SERVICE, CONSUMER_SERVICE])
        counts = {each["serviceName"]: (each["runningCount"], each["desiredCount"]) for each in answer["services"]}
        return Capacity(*counts[API_SERVICE], *counts[CONSUMER_SERVICE])

    def _queue_attributes(self, params: Mapping[str, Any], request: Request) -> Mapping[str, Any] | None:  # noqa: ARG002 - the overlay's signature
        """Answer GetQueueAttributes of the work queue from the model.

        The model's queue holds thousands of messages an hour as a fluid; holding each in moto would cost minutes and show
        nothing more. The counts are the ones that the metrics of the last whole minute were published from.
        """
        if params["QueueUrl"] != self._url:
            return None
        values = {name: str(round(getattr(self._minute, held) if self._minute else 0)) for name, held in COUNTED.items()}
        values |= {"ApproximateNumberOfMessagesDelayed": "0", "VisibilityTimeout": "180", "QueueArn": self._arn()}
        wanted = params.get("AttributeNames", [])
        return {"Attributes": {name: value for name, value in values.items() if name in wanted or "All" in wanted}}

    def _arn(self) -> str:
        return f"arn:aws:sqs:{self._aws.place.region}:{self._aws.place.account}:{QUEUE}"


@dataclass
class SeriesSource:
    """A recorded series, published point by point at its own times.

    ``period_s`` is the shortest period that a row looks at. Where it is shorter than the series' step, each value is held
    for its step: an average over five minutes is the best that is known of each of them.
    """

    series: Series
    subject: Subject
    period_s: int
    statistic: str = "Average"
    unit: str = "None"
    timezone: str = "UTC"
    seed: int = 0
    deliveries: Deliveries = field(default_factory=Deliveries)
    clicks: tuple[Press, ...] = ()

    @property
    def title(self) -> str:
        """What the report is called."""
        return f"{self.series.name} as {self.subject.namespace} {self.subject.metric}"

    @property
    def about(self) -> str:
        """One sentence on the data."""
        return f"{len(self.series.points)} recorded points, {self.series.step_s} s apart."

    @property
    def start(self) -> datetime:
        """The first point's minute."""
        return self.series.points[0][0].replace(second=0, microsecond=0)

    @property
    def lasts_s(self) -> int:
        """Until a few periods after the last point, so that the last alarm may end."""
        span = self.series.points[-1][0] - self.start
        return (int(span.total_seconds()) // 60 + 1) * 60 + 3 * self.series.step_s

    def open(self, aws: Embedded, recorder: Recorder) -> None:
        """Go on the clock: the point of a period is in when the period is over."""
        self._clock, self._recorder, self._cloudwatch = aws.clock, recorder, aws.client("cloudwatch")
        self._left = self._held()
        self._next()

    def _held(self) -> Iterator[tuple[datetime, float]]:
        """Yield each point as often as periods fit into its step."""
        for at, value in self.series.points:
            for begin in range(0, self.series.step_s, self._length):
                yield at + timedelta(seconds=begin), value

    @property
    def _length(self) -> int:
        """How long one published value stands for, in seconds."""
        return self.period_s if self.series.step_s % self.period_s == 0 else self.series.step_s

    def _next(self) -> None:
        point = next(self._left, None)
        if point is not None:
            due = point[0] + timedelta(seconds=self._length)
            self._clock.at(due, lambda: self._publish(*point), order=METERS, label="series")

    def _publish(self, at: datetime, value: float) -> None:
        subject = self.subject
        reading = Reading(subject.namespace, subject.metric, subject.dimensions, self.unit, self.statistic, (value,), (1.0,))
        with self._recorder.acting_as("platform"):
            publish(self._cloudwatch, self._recorder, [reading], now=self._clock.now, period_start=at, period_s=self._length)
        self._next()


def publish(
    cloudwatch: Any, recorder: Recorder, found: Iterable[Reading], *, now: datetime, period_start: datetime, period_s: int
) -> None:
    """Put the readings of one period into CloudWatch and into the record."""
    for namespace, group in groupby(found, key=lambda reading: reading.namespace):
        data = list(group)
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=[reading.datum(period_start) for reading in data][:MOST_DATA])
        for reading in data:
            recorder.metric(now, period_start, period_s, reading)
