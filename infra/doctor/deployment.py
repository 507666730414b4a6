"""What the checks are told: the stage's names, what its catalogue wants, and how to ask AWS and Slack."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from alarms.calls import Now, Sleep
from alarms.cloudwatch import CloudWatch
from alarms.deploy import CONFIRM_AT_MOST, target_of
from alarms.desired import Desired
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.regions import partition_of
from alarms.plan_types import Actual
from alarms.settings import Settings
from infra.doctor.account import Account, said_no
from infra.doctor.check import PIPELINE, SPOKE, Absent, CouldNotTell
from infra.doctor.slack import SlackWeb

ROOMS = ("notifier", "remediators")  # those that listen to a queue
FUNCTIONS = (*ROOMS, "interactive")
ALIAS = "live"  # what the queues and the door call


@dataclass(frozen=True)
class Deployment:
    """One stage as it should be, and the ways to see how it is. ``slack`` returns Slack for a bot token.

    ``hub`` are clients in the region of a hub's table, None where the rows stay in the stage's own.
    """

    settings: Settings
    desired: tuple[Desired, ...]
    clients: Callable[[str], Any]
    slack: Callable[[str], SlackWeb]
    now: Now
    sleep: Sleep
    hub: Callable[[str], Any] | None = None
    aws: Account = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "aws", Account(self.clients, now=self.now, sleep=self.sleep))

    @property
    def kind(self) -> str:
        """What the stage is: PIPELINE or SPOKE."""
        return SPOKE if self.settings.hub else PIPELINE

    @property
    def base(self) -> str:
        """What the names of the stage's resources begin with."""
        return f"{self.settings.prefix}-{self.settings.stage}"

    def parameter(self, name: str) -> str:
        """Return the name of one of the stage's parameters."""
        return f"/{self.settings.prefix}/{self.settings.stage}/{name}"

    @property
    def secret(self) -> str:
        """The name of Slack's secret."""
        return f"{self.settings.prefix}/{self.settings.stage}/slack"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account and region."""
        return f"arn:{partition_of(self.settings.region)}:{service}:{self.settings.region}:{self.settings.account}:{resource}"

    @property
    def alarm_arn(self) -> str:
        """The ARN of an alarm of the stage: what a policy's condition on the source is held against."""
        name = self.desired[0].name if self.desired else f"{self.settings.prefix}/{self.settings.stage}/any"
        return self.arn("cloudwatch", f"alarm:{name}")

    def queue(self, name: str) -> Mapping[str, str]:
        """Return a queue's attributes. Absent when there is none."""
        url = self.aws.ask("sqs", "GetQueueUrl", QueueName=name)["QueueUrl"]
        found: Mapping[str, str] = self.aws.ask("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return found

    def function(self, name: str) -> Mapping[str, Any]:
        """Return the configuration that is called: the alias's version, or the unpublished one where there is no alias."""
        try:
            return self.aws.ask("lambda", "GetFunctionConfiguration", FunctionName=name, Qualifier=ALIAS)
        except Absent:
            return self.aws.ask("lambda", "GetFunctionConfiguration", FunctionName=name)

    def environment(self, room: str) -> Mapping[str, str]:
        """Return the variables of a room's function."""
        found: Mapping[str, str] = self.function(f"{self.base}-{room}").get("Environment", {}).get("Variables", {})
        return found

    def slack_secret(self) -> Mapping[str, Any]:
        """Return the members of Slack's secret; what is no JSON object has none. Never shown."""
        text = self.aws.ask("secretsmanager", "GetSecretValue", SecretId=self.secret).get("SecretString", "")
        try:
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def bot(self) -> SlackWeb:
        """Return Slack with the stage's own token. CouldNotTell where there is none."""
        token = self.slack_secret().get("bot_token")
        if not isinstance(token, str) or not token.strip():
            raise CouldNotTell(f"{self.secret} holds no bot_token")
        return self.slack(token.strip())

    @property
    def channels(self) -> tuple[str, ...]:
        """The Slack channels that the rows tell."""
        return tuple(sorted({one.alarm.channel for one in self.desired if one.alarm.channel}))

    @cached_property
    def _live(self) -> Sequence[Actual] | CouldNotTell:
        target = target_of(self.settings)
        aws = CloudWatch(self.clients, now=self.now, sleep=self.sleep)
        try:
            found = aws.gather(target)
            # The tagging API lags: whose an alarm is that seems to be nobody's is asked of CloudWatch itself.
            doubtful = {alarm.name for alarm in [one for one in found if not one.belongs_to(target)][:CONFIRM_AT_MOST]}
            return [replace(alarm, tags=aws.tags(alarm.arn)) if alarm.name in doubtful else alarm for alarm in found]
        except Permanent as error:
            tags = str(error).startswith("GetResources")
            asked = "GetResources" if tags else str(error).split(":")[0].split(" ")[0]
            return said_no("resourcegroupstaggingapi" if tags else "cloudwatch", asked, error)
        except Retryable as error:
            return CouldNotTell(f"DescribeAlarms: AWS does not answer now ({error})")

    def alarms(self) -> Sequence[Actual]:
        """Return every live alarm under the stage's prefix or with its tags."""
        if isinstance(self._live, CouldNotTell):
            raise self._live
        return self._live

    def sums(self, queries: Mapping[str, Mapping[str, Any]], start: datetime) -> dict[str, float | None]:
        """Return the sum of each metric since ``start``; None for one without a single point.

        ``queries`` are by any name: ``Namespace``, ``MetricName``, ``Dimensions`` (a mapping), ``Stat``.
        """
        names = list(queries)
        found: dict[str, float | None] = dict.fromkeys(names)
        for first in range(0, len(names), 500):
            part = names[first : first + 500]
            asked = [_query(number, queries[name]) for number, name in enumerate(part)]
            members = {"MetricDataQueries": asked, "StartTime": start, "EndTime": self.now()}
            for page in self.aws.pages("cloudwatch", "GetMetricData", "NextToken", 50, **members):
                for result in page["MetricDataResults"]:
                    if result.get("Values"):
                        name = part[int(result["Id"][1:])]
                        found[name] = (found[name] or 0.0) + sum(result["Values"])
        return found


def _query(number: int, query: Mapping[str, Any]) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in sorted(query["Dimensions"].items())]
    metric = {"Namespace": query["Namespace"], "MetricName": query["MetricName"], "Dimensions": dimensions}
    return {"Id": f"q{number}", "MetricStat": {"Metric": metric, "Period": 300, "Stat": query["Stat"]}, "ReturnData": True}
