"""Where the pipeline stands, and the ARNs of what is in it.

ARNs are made from names, not from the resources: a key's policy names the topic that the key encrypts, a role names the queue
that its own function reads, and neither waits for the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk

from alarms.domain.regions import partition_of
from infra.aws.stage_file import Stage


@dataclass(frozen=True, slots=True)
class Place:
    """One stage in one account and Region. ``account`` is a number, or CloudFormation's own where the catalogue declares none."""

    prefix: str
    stage: str
    partition: str
    region: str
    account: str

    @property
    def base(self) -> str:
        """What the names of all that belongs to the stage begin with."""
        return f"{self.prefix}-{self.stage}"

    def named(self, name: str) -> str:
        """Return the full name of the stage's ``name``."""
        return f"{self.base}-{name}"

    @property
    def secret(self) -> str:
        """The name of the secret that holds Slack's token and signing secret."""
        return f"{self.prefix}/{self.stage}/slack"

    def parameter(self, name: str) -> str:
        """Return the full name of the stage's parameter ``name``: ``switch`` or ``approvers``."""
        return f"/{self.prefix}/{self.stage}/{name}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of ``resource`` (``table/x``, ``log-group:x:*``) in this account; IAM's has no Region."""
        region = "" if service == "iam" else self.region
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"

    def via(self, service: str) -> str:
        """Return how KMS names ``service`` when it uses a key in a caller's name (``kms:ViaService``)."""
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return f"{service}.{self.region}.{suffix}"

    def table(self, name: str) -> str:
        """Return the ARN of the stage's table ``name``."""
        return self.arn("dynamodb", f"table/{self.named(name)}")

    def queue(self, name: str) -> str:
        """Return the ARN of the stage's queue ``name``."""
        return self.arn("sqs", self.named(name))

    def function(self, room: str) -> str:
        """Return the ARN of the stage's function ``room``."""
        return self.arn("lambda", f"function:{self.named(room)}")

    def queue_url(self, name: str) -> str:
        """Return the address of the stage's queue ``name``."""
        return f"https://sqs.{self.region}.{cdk.Aws.URL_SUFFIX}/{self.account}/{self.named(name)}"


def place_of(stage: Stage) -> Place:
    """Return the place of ``stage``."""
    settings = stage.settings
    account = settings.account if settings.account_declared else cdk.Aws.ACCOUNT_ID
    return Place(settings.prefix, settings.stage, partition_of(settings.region), settings.region, account)
