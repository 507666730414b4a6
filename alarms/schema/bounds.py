"""What tocsin.yaml says of how much may be done at all: wider limits, when a storm begins, when a policy is closed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from alarms.domain.bounds import DEFAULT_LIMITS, Limit, Scope
from alarms.quantity import duration_text
from alarms.schema.fields import Count, Duration, LimitText
from alarms.schema.rows import Strict


def _some(limits: list[Limit]) -> list[Limit]:
    if not limits:
        raise ValueError("the list is empty, which never means unlimited; leave the key out for the default")
    return limits


Limits = Annotated[list[LimitText], AfterValidator(_some), Field(json_schema_extra={"minItems": 1})]


def limit_text(limit: Limit) -> str:
    """Write a limit as rows do: ``10 per 1 h``; the inverse of ``parse_limit``."""
    return f"{limit.count} per {duration_text(limit.window_s)}"


def _default(scope: Scope) -> str:
    return f"{', '.join(limit_text(limit) for limit in DEFAULT_LIMITS[scope])} when left out"


class BoundModel(Strict):
    """Base of the maps of bounds: never empty."""

    @model_validator(mode="before")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        if value == {}:
            raise ValueError("nothing is in it, which never means unlimited; leave the key out for the defaults")
        return value


class LimitsModel(BoundModel):
    """At most so many runs together. A scope that is left out has its default."""

    policy: Limits | None = Field(default=None, description=f"one row's action, whatever it acts on; {_default(Scope.POLICY)}")
    service: Limits | None = Field(default=None, description=f"all that is done for one service; {_default(Scope.SERVICE)}")
    account: Limits | None = Field(default=None, description=f"in one account and region; {_default(Scope.ACCOUNT)}")
    all: Limits | None = Field(default=None, description=f"whatever shares one history; {_default(Scope.ALL)}")


class StormModel(BoundModel):
    """When so much rings at once that nothing is changed."""

    services: Count | None = Field(default=None, description="so many other services in ALARM are a storm; 4 when left out")
    cool_down: Duration | None = Field(default=None, description="it ends this long after there were fewer; 15 m when left out")


class BreakerModel(BoundModel):
    """When a policy that does not help is closed."""

    no_help: Count | None = Field(default=None, description="after so many runs that did not help; 2 when left out")
    within: Duration | None = Field(default=None, description="in this time; 6 h when left out")
    open_for: Duration | None = Field(default=None, description="for this long, then one trial is allowed; 24 h when left out")
