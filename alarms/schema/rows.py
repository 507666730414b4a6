"""A row of the catalogue: the keys that every alarm has, and those of its kind."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, ClassVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from alarms.domain.alarm import Missing
from alarms.kind import LowSamples, Metric, Statistic
from alarms.kinds import DEFAULT, kinds
from alarms.quantity import When
from alarms.schema.fields import (
    Count,
    Duration,
    Flag,
    LimitText,
    Line,
    LowSamplesName,
    MetricText,
    MissingName,
    ModeName,
    SeverityName,
    Slug,
    StatisticText,
    WhenText,
    WindowField,
)

# How the fields of a kind's dataclass are read from YAML.
_FIELD_TYPES: dict[Any, Any] = {
    Metric: MetricText,
    tuple[Metric, ...]: list[MetricText],
    Statistic: StatisticText,
    When: WhenText,
    LowSamples: LowSamplesName,
    int | None: Count,
    str: Line,
}


class Strict(BaseModel):
    """Base of every model: unknown keys are errors, nothing is coerced, nothing changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)


class RevertModel(Strict):
    """When borrowed capacity is given back."""

    after_ok: Duration = Field(description="after this much recovery")
    at_latest: Duration = Field(description="this long after the change, recovered or not")


class StepModel(Strict):
    """One remediation step."""

    action: Line = Field(description="what is done; `tocsin schema` lists the actions")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="the action's own parameters")
    mode: ModeName | None = Field(
        default=None, description="how far it may go: observe (when left out), propose, approve or auto"
    )
    limits: list[LimitText] = Field(
        default_factory=list, description="at most so often, per policy and resource; all of them hold"
    )
    cooldown: Duration | None = Field(
        default=None, description="no second run on the resource within this time; 10 m when left out"
    )
    verify_within: Duration | None = Field(default=None, description="it must have helped by then; 15 m when left out")
    approve_within: Duration | None = Field(
        default=None, description="an approval that nobody has given by then expires; 30 m when left out"
    )
    revert: RevertModel | None = Field(default=None, description="when what was changed is given back")
    otherwise: list[StepModel] = Field(default_factory=list, description="what follows, in order, when it did not help")


class RowModel(Strict):
    """What every row says, whatever its kind."""

    ALSO: ClassVar[tuple[str, ...]] = ("dimensions", "for_each", "targets", "disable", "until")  # read before the row itself

    id: Slug = Field(description="identity within the component; never holds a threshold")
    title: Line = Field(description="what people read first")
    kind: Line = Field(default=DEFAULT, description="the alarm's shape")
    for_: WindowField = Field(alias="for")
    missing: MissingName = Field(
        default=Missing.MISSING, description="what a missing point counts as; missing, CloudWatch's own default, when left out"
    )
    severity: SeverityName
    runbook: Line = Field(description="path in the repository, or an address")
    remediate: list[StepModel] = Field(default_factory=list, description="what may be done about it, in order")
    no_action: Line | None = Field(default=None, description="why nothing is safe to do; a row has this or `remediate`")
    per: list[Line] | None = Field(default=None, description="the dimensions that a target of this row has")
    own_targets: Flag = Field(default=False, description="a service must state this row's targets itself")
    component: Slug | None = Field(default=None, description="rows that stand alone: what is watched")
    service: Slug | None = Field(default=None, description="rows that stand alone: whose it is")
    owner: Line | None = Field(default=None, description="rows that stand alone: who answers for it")
    notify: Line | None = Field(default=None, description="rows that stand alone: the logical channel")


@cache
def row_model(kind: str) -> type[RowModel]:
    """Return the model of rows of ``kind``, made from the kind's own fields."""
    kind_class = kinds()[kind]
    hints = get_type_hints(kind_class)
    fields: dict[str, Any] = {
        field.name: (_FIELD_TYPES[hints[field.name]], _info(field)) for field in dataclasses.fields(kind_class)
    }
    name = "".join(word.capitalize() for word in kind.split("_")) + "Row"
    model: type[RowModel] = create_model(name, __base__=RowModel, __doc__=kind_class.__doc__, **fields)
    return model


@cache
def default_keys() -> frozenset[str]:
    """Return the keys that a file's ``defaults`` may hold: those of any kind of row."""
    models = [row_model(kind) for kind in kinds()]
    return frozenset(RowModel.ALSO).union(
        *({field.alias or name for name, field in model.model_fields.items()} for model in models)
    )


def build_kind(kind: str, model: RowModel) -> Any:
    """Return the kind's dataclass with the fields of a validated row."""
    kind_class = kinds()[kind]
    values = {field.name: getattr(model, field.name) for field in dataclasses.fields(kind_class)}
    return kind_class(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _info(field: dataclasses.Field[Any]) -> Any:
    description = field.metadata.get("summary", "")
    if field.default is not dataclasses.MISSING:
        return Field(default=field.default, description=description)
    if field.default_factory is not dataclasses.MISSING:
        return Field(default_factory=field.default_factory, description=description)
    return Field(description=description)
