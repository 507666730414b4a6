"""The embedded AWS: moto, the overlay and a virtual clock, for every boto3 client of this process while it is open."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.moto_api._internal import mock_random

from infra.local.arns import Place
from infra.local.clock import Clock
from infra.local.cloudwatch import CloudWatch
from infra.local.seam import Seam
from infra.local.tagging import Tagging

_FORGOTTEN = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_REGION")
_open = False


@dataclass(frozen=True)
class Embedded:
    """An open embedded AWS. ``session`` is a boto3 session in its region; any other is served too."""

    clock: Clock
    seam: Seam
    place: Place
    session: boto3.Session
    cloudwatch: CloudWatch

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
    seam = Seam(lambda: clock.now, region)
    place = Place(account, region)
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
            yield _assemble(clock, seam, place, throttle)
        finally:
            _open = False


def _assemble(clock: Clock, seam: Seam, place: Place, throttle: bool) -> Embedded:
    session = boto3.Session(region_name=place.region)
    clients: dict[str, Any] = {}

    def publish(topic: str, subject: str, message: str) -> object:
        if "sns" not in clients:
            clients["sns"] = session.client("sns")
        with seam.internal():
            return clients["sns"].publish(TopicArn=topic, Subject=subject, Message=message)

    cloudwatch = CloudWatch(clock, seam, place, publish, throttle=throttle)
    seam.serve("cloudwatch", cloudwatch.operations)
    seam.serve("resourcegroupstaggingapi", Tagging(cloudwatch.alarms).operations, others_to_moto=True)
    return Embedded(clock, seam, place, session, cloudwatch)


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
