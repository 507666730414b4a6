"""One stage of a catalogue: where its alarms go, what they are called, whom they tell, how far remediation may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alarms.domain.alarm import Mode
from alarms.domain.bounds import Bounds
from alarms.domain.text import Language
from alarms.hub import Hub, SpokePlace, role_arn

PLACEHOLDER_ACCOUNT = "123456789012"  # AWS's own documentation account: stands in where nobody declared one
DEFAULT_REGION = "us-east-1"
DEFAULT_STAGE = "dev"
DEFAULT_TOPIC = "tocsin-alarms"


@dataclass(frozen=True, slots=True)
class Database:
    """What is known of one database instance. Unknown members are None.

    ``instance_class`` is written ``db.r6g.large``; ``max_acu`` and ``min_acu`` are Aurora Serverless v2's capacity range;
    ``max_connections`` is the server's own number; ``local_storage`` and ``memory`` are in bytes.
    """

    instance_class: str | None = None
    max_acu: float | None = None
    min_acu: float | None = None
    max_connections: int | None = None
    local_storage: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is known of one Aurora cluster: ``volume_limit`` is the size in bytes that its volume may reach at most."""

    volume_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``tocsin.yaml`` says of one stage, with the defaults of a catalogue without that file.

    ``account`` is the placeholder unless ``account_declared``; ``region`` likewise. ``topic`` is a name, ``topic_arn`` where
    it is. ``channels`` maps logical channels to Slack channels: one that is not in it is used as it is. ``runbook_base`` is
    the address that a row's ``runbook`` path is appended to, empty when there is none. ``settle_s`` is how long alarms of
    one service are collected before one plan. ``bounds`` are the limits wider than one row. ``stages`` are the names of all
    stages (any name is allowed unless ``stages_declared``), ``databases`` and ``clusters`` what limits are taken from
    offline. ``hub`` is whose pipeline serves this stage, None when its own does; ``spokes`` are the other places that its own
    pipeline serves.
    """

    catalogue: str = "tocsin"
    prefix: str = "tocsin"
    stage: str = DEFAULT_STAGE
    account: str = PLACEHOLDER_ACCOUNT
    region: str = DEFAULT_REGION
    topic: str = DEFAULT_TOPIC
    topic_arn: str = f"arn:aws:sns:{DEFAULT_REGION}:{PLACEHOLDER_ACCOUNT}:{DEFAULT_TOPIC}"
    language: Language = Language.EN
    mode_cap: Mode = Mode.OBSERVE
    channels: Mapping[str, str] = field(default_factory=dict)
    runbook_base: str = ""
    settle_s: int = 20
    bounds: Bounds = field(default_factory=Bounds)
    databases: Mapping[str, Database] = field(default_factory=dict)
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    stages: tuple[str, ...] = (DEFAULT_STAGE,)
    account_declared: bool = False
    region_declared: bool = False
    stages_declared: bool = False
    hub: Hub | None = None
    spokes: tuple[SpokePlace, ...] = ()

    @property
    def rows_in(self) -> str:
        """Return the ARN of the catalogue table that the rows go to, "" for the one of this stage's own account and region."""
        if self.hub is None:
            return ""
        table = f"table/{self.prefix}-{self.hub.stage}-catalogue"
        return f"arn:{partition(self.hub.region)}:dynamodb:{self.hub.region}:{self.hub.account}:{table}"

    @property
    def spoke_roles(self) -> Mapping[str, str]:
        """Return the role that each spoke lends to this stage's pipeline, by place."""
        return {spoke.place: role_arn(self.prefix, self.stage, spoke, partition(spoke.region)) for spoke in self.spokes}

    def channel(self, logical: str) -> str:
        """Return the Slack channel that a logical one means in this stage; an unmapped name is used as it is."""
        return self.channels.get(logical, logical)

    def runbook_url(self, path: str) -> str:
        """Return where a reader opens the runbook ``path``: itself when it is an address, empty without a base."""
        if path.startswith(("https://", "http://")):
            return path
        return f"{self.runbook_base.rstrip('/')}/{path.lstrip('/')}" if self.runbook_base and path else ""


def partition(region: str) -> str:
    """Return the ARN partition of ``region``: aws, aws-cn or aws-us-gov."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def topic_arn(topic: str, region: str, account: str) -> str:
    """Return the ARN of the SNS topic ``topic``, which may be an ARN already."""
    return topic if topic.startswith("arn:") else f"arn:{partition(region)}:sns:{region}:{account}:{topic}"
