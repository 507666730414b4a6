"""The files of a catalogue around their rows: profiles, services, rows that stand alone, tocsin.yaml."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from alarms.schema.bounds import BreakerModel, LimitsModel, StormModel
from alarms.schema.fields import (
    Account,
    Count,
    Day,
    Dimensions,
    Duration,
    ExternalId,
    ForEach,
    LanguageName,
    Line,
    ModeName,
    Number,
    Reason,
    Region,
    Size,
    Slug,
    Topic,
)
from alarms.schema.rows import Strict

Map = dict[str, Any]


class RowsFile(Strict):
    """profiles/<component>.yaml, or rows that stand alone: with ``dimensions`` or ``for_each`` of their own."""

    component: Slug | None = Field(default=None, description="what is watched; a profile's services refer to it")
    service: Slug | None = Field(default=None, description="rows that stand alone: whose they are")
    depends_on: list[Slug] = Field(
        default_factory=list, description="rows that stand alone: the services that `service` calls itself"
    )
    defaults: Map = Field(default_factory=dict, description="what every row of this file says unless it says otherwise")
    alarms: list[Map] = Field(description="the rows")


class StandModel(Strict):
    """What a row that stands alone watches."""

    dimensions: Dimensions = Field(default_factory=dict, description="the metric's dimensions")
    for_each: ForEach | None = Field(
        default=None, description="one alarm each: a list of dimensions, or {Dimension: [values]}; joined with `dimensions`"
    )


class OverrideModel(Strict):
    """What a service changes of one row, beside the row's own keys."""

    disable: Reason | None = Field(default=None, description="the reason why this service has no such alarm")
    until: Day | None = Field(default=None, description="the last day of `disable`")
    targets: list[Dimensions] | None = Field(default=None, description="this row's targets, instead of the component's")


class UseModel(Strict):
    """How a service uses one component's profile."""

    targets: list[Dimensions] = Field(default_factory=list, description="one alarm per row and target")
    overrides: dict[str, Map] = Field(default_factory=dict, description="what is different here, by row id")


class ServiceStageModel(Strict):
    """What is different in one stage."""

    mode_cap: ModeName | None = Field(default=None, description="the most that any row of the service may do in this stage")
    overrides: dict[str, dict[str, Map]] = Field(default_factory=dict, description="by component, then by row id")


class ServiceFile(Strict):
    """services/<service>.yaml: owner, where it lives, what it changes."""

    service: Slug
    owner: Line
    notify: Line = Field(description="the logical channel")
    depends_on: list[Slug] = Field(default_factory=list, description="the services that this one calls itself")
    use: dict[str, UseModel]
    resources: dict[Slug, list[Dimensions]] = Field(
        default_factory=dict, description="what no alarm watches and a diagnosis should look at, by component"
    )
    stages: dict[str, ServiceStageModel] = Field(default_factory=dict)


class DatabaseModel(Strict):
    """What is declared of a database instance, for limits that cannot be read offline."""

    class_: Line | None = Field(default=None, alias="class")
    max_acu: Number | None = None
    min_acu: Number | None = None
    max_connections: Count | None = None
    local_storage: Size | None = None


class ClusterModel(Strict):
    """What is declared of an Aurora cluster."""

    volume_limit: Size | None = None


class StageModel(Strict):
    """One stage: where its alarms are, whom they tell, how far remediation may go."""

    account: Account | None = None
    region: Region | None = None
    topic: Topic | None = None
    language: LanguageName | None = None
    mode_cap: ModeName | None = Field(default=None, description="the most that any row may do here; observe when left out")
    channels: dict[str, Line] = Field(default_factory=dict)
    runbook_base: Line | None = None
    limits: LimitsModel | None = Field(default=None, description="at most so many runs together, by scope")
    storm: StormModel | None = Field(default=None, description="when so much rings at once that nothing is changed")
    breaker: BreakerModel | None = Field(default=None, description="when a policy that does not help is closed")
    databases: dict[str, DatabaseModel] = Field(default_factory=dict)
    clusters: dict[str, ClusterModel] = Field(default_factory=dict)


class SpokeModel(Strict):
    """An account and region that this stage's pipeline serves beside its own."""

    account: Account
    region: Region
    external_id: ExternalId


class HubModel(Strict):
    """The stage whose pipeline serves this one."""

    stage: Slug = Field(description="the hub's stage, in this catalogue or in another")
    account: Account
    region: Region
    external_id: ExternalId


class OneStageModel(StageModel):
    """One stage, with what cannot hold for all of them: whose pipeline serves it, or whom its own serves."""

    hub: HubModel | None = Field(default=None, description="this stage is a spoke: its rows and messages go to that stage")
    spokes: list[SpokeModel] = Field(default_factory=list, description="this stage is a hub: its pipeline serves these too")


class TocsinFile(StageModel):
    """tocsin.yaml: what holds for the whole catalogue, and its stages. A stage's own word wins."""

    catalogue: Slug = Field(default="tocsin", description="ownership: only alarms with this id in their tags are touched")
    prefix: Slug = "tocsin"
    default_stage: Slug | None = None
    settle: Duration = Field(default=20, description="alarms of one service that ring within this time get one plan")
    stages: dict[Slug, OneStageModel] = Field(default_factory=dict)
