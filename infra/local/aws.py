"""The embedded AWS: moto, the overlay and a virtual clock, for every boto3 client of this process while it is open."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.moto_api._internal import mock_random

from infra.local.arns import Place
from infra.local.autoscaling import AutoScaling
from infra.local.aws_health import AwsHealth
from infra.local.balancing import Balancing
from infra.local.clock import Clock
from infra.local.cloudtrail import CloudTrail
from infra.local.cloudwatch import CloudWatch
from infra.local.ecs import Ecs
from infra.local.lambda_mappings import LambdaMappings
from infra.local.logs import Logs
from infra.local.performance_insights import PerformanceInsights
from infra.local.queue_moves import QueueMoves
from infra.local.rds import Rds
from infra.local.rds_data import RdsData
from infra.local.scheduler import Scheduler
from infra.local.seam import Seam
from infra.local.shield import Shield
from infra.local.stages import Stages
from infra.local.sts import Sts
from infra.local.tagging import Tagging
from infra.local.waf import Waf

_FORGOTTEN = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_REGION")
_SIGNS = "EMBEDDED"  # nobody checks a signature here
_open = False


@dataclass(frozen=True)
class Embedded:
    """An open embedded AWS. ``session`` is a boto3 session in its region; any other session is served too.

    Every overlaid service has its own attribute with what only a test or a scenario may do: preload, crash, settle, delays.
    """

    clock: Clock
    seam: Seam
    place: Place
    session: boto3.Session
    cloudwatch: CloudWatch
    ecs: Ecs
    autoscaling: AutoScaling
    scheduler: Scheduler
    mappings: LambdaMappings
    balancing: Balancing
    logs: Logs
    rds_data: RdsData
    rds: Rds
    moves: QueueMoves
    waf: Waf
    shield: Shield
    stages: Stages
    trail: CloudTrail
    health: AwsHealth
    insights: PerformanceInsights
    sts: Sts

    def outpost(self, account: str, region: str) -> Embedded:
        """Open another account or region beside this one: its own alarms, services and metrics, the same clock and seam."""
        place = Place(account, region)
        return _assemble(self.clock, self.seam, place, _session(self.sts, place), self.sts, throttle=False)

    def client(self, service: str) -> Any:
        """Return a boto3 client of ``service`` in the embedded region."""
        return self.session.client(service)  # type: ignore[call-overload]  # the name is not a literal


@contextlib.contextmanager
def embedded(
    start: datetime,
    *,
    region: str = "ap-northeast-2",
    account: str = "123456789012",
    throttle: bool = False,
    seed: int = 0,
) -> Iterator[Embedded]:
    """Open an AWS of one account and region in this process, its clock standing at ``start``.

    ``throttle``: CloudWatch's calls per second hold. Ids are the same in every run with one ``seed``. One at a time in a process:
    RuntimeError otherwise.
    """
    global _open  # noqa: PLW0603 - botocore's handlers are the process's: so is this
    if _open:
        raise RuntimeError("an embedded AWS is open already in this process")
    clock = Clock(start)
    place = Place(account, region)
    seam = Seam(lambda: clock.now, place)
    sts = Sts(account, lambda: clock.now)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_environment(place))
        stack.enter_context(mock_aws())
        mock_random.seed(seed)
        seam.open()
        stack.callback(seam.close)
        clock.start()
        stack.callback(clock.stop)
        _open = True
        try:
            seam.account_of = sts.account_of
            seam.serve("sts", sts.operations, others_to_moto=True)
            yield _assemble(clock, seam, place, boto3.Session(region_name=region), sts, throttle=throttle)
        finally:
            _open = False


def _assemble(clock: Clock, seam: Seam, place: Place, session: boto3.Session, sts: Sts, *, throttle: bool) -> Embedded:
    own = _OwnCalls(session, seam, place, sts)
    cloudwatch = CloudWatch(clock, seam, place, own.publish, throttle=throttle)
    ecs = Ecs(clock, seam.lock, place, seam.next_id, cloudwatch.state_or_none)
    cloudwatch.on_event(ecs.hear_alarm)
    balancing = Balancing(clock, place, ecs)
    autoscaling = AutoScaling(clock, seam, place, ecs, cloudwatch.metrics)
    scheduler = Scheduler(clock, seam, place, own.send)
    mappings = LambdaMappings(clock, seam, place)
    logs = Logs(clock, seam, place)
    rds_data = RdsData(own.secret)
    rds = Rds(clock, seam, place)
    moves = QueueMoves(clock, seam, place)
    waf, shield, stages = Waf(clock, seam, place), Shield(seam), Stages()
    trail = CloudTrail(place, seam.next_id)
    health = AwsHealth(clock, place)
    insights = PerformanceInsights()
    seam.observe(lambda call: trail.hear(call) if call.account == place.account else None)
    serve = partial(seam.serve, place=place)
    serve("cloudwatch", cloudwatch.operations)
    serve("ecs", ecs.operations)
    serve("application-autoscaling", autoscaling.operations)
    serve("scheduler", scheduler.operations)
    serve("resourcegroupstaggingapi", Tagging(cloudwatch.alarms).operations, others_to_moto=True)
    serve("elbv2", balancing.operations, others_to_moto=True)
    serve("lambda", mappings.operations, others_to_moto=True)
    serve("sqs", moves.operations, others_to_moto=True)
    serve("wafv2", waf.operations)
    serve("shield", shield.operations)
    serve("apigateway", stages.rest_operations, others_to_moto=True)
    serve("apigatewayv2", stages.http_operations, others_to_moto=True)
    serve("logs", logs.operations, others_to_moto=True)
    serve("rds-data", rds_data.operations)
    serve("rds", rds.operations, others_to_moto=True)
    serve("cloudtrail", trail.operations, others_to_moto=True)
    serve("health", health.operations)
    serve("pi", insights.operations)
    return Embedded(
        clock=clock,
        seam=seam,
        place=place,
        session=session,
        cloudwatch=cloudwatch,
        ecs=ecs,
        autoscaling=autoscaling,
        scheduler=scheduler,
        mappings=mappings,
        balancing=balancing,
        logs=logs,
        rds_data=rds_data,
        rds=rds,
        moves=moves,
        waf=waf,
        shield=shield,
        stages=stages,
        trail=trail,
        health=health,
        insights=insights,
        sts=sts,
    )


class _OwnCalls:
    """The calls that AWS's services make to each other: an alarm's message, a schedule's delivery; perhaps to another account."""

    def __init__(self, session: boto3.Session, seam: Seam, place: Place, sts: Sts) -> None:
        self._session = session
        self._seam = seam
        self._place = place
        self._sts = sts
        self._clients: dict[tuple[str, Place], Any] = {}

    def publish(self, topic: str, subject: str, message: str) -> None:
        """Publish to an SNS topic."""
        _, _, _, region, account, _ = topic.split(":", 5)
        with self._seam.internal():
            self._client("sns", Place(account, region)).publish(TopicArn=topic, Subject=subject, Message=message)

    def send(self, queue_arn: str, body: str, group: str | None) -> None:
        """Send to an SQS queue, known by its ARN."""
        sqs = self._client("sqs", self._place)
        fifo = {"MessageGroupId": group} if group else {}
        with self._seam.internal():
            url = sqs.get_queue_url(QueueName=queue_arn.rsplit(":", 1)[-1])["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody=body, **fifo)

    def secret(self, arn: str) -> str:
        """Return a secret's text; LookupError when there is none."""
        secrets = self._client("secretsmanager", self._place)
        with self._seam.internal():
            try:
                return str(secrets.get_secret_value(SecretId=arn)["SecretString"])
            except secrets.exceptions.ResourceNotFoundException:
                raise LookupError(arn) from None

    def _client(self, service: str, place: Place) -> Any:
        if (service, place) not in self._clients:
            session = self._session if place.account == self._place.account else _session(self._sts, place)
            made = session.client(service, region_name=place.region)  # type: ignore[call-overload]  # not a literal
            self._clients[service, place] = made
        return self._clients[service, place]


def _session(sts: Sts, place: Place) -> boto3.Session:
    """Return a session of somebody in ``place``'s account."""
    return boto3.Session(region_name=place.region, aws_access_key_id=sts.key_of(place.account), aws_secret_access_key=_SIGNS)


@contextlib.contextmanager
def _environment(place: Place) -> Iterator[None]:
    """Give the process an account of its own and nothing of the developer's."""
    values = {
        "AWS_ACCESS_KEY_ID": "EMBEDDED",
        "AWS_SECRET_ACCESS_KEY": "EMBEDDED",
        "AWS_DEFAULT_REGION": place.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "MOTO_ACCOUNT_ID": place.account,
    }
    with patch.dict(os.environ, values):
        for name in _FORGOTTEN:
            os.environ.pop(name, None)
        yield
