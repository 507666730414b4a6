"""What the catalogue may know of a remediation: its name, its parameters, its risk, its calls. Code is in ``remediators``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Risk(StrEnum):
    """What a remediation can break at worst."""

    READ_ONLY = "read-only"
    REVERSIBLE = "reversible"  # costs money or capacity, can be given back
    DISRUPTIVE = "disruptive"  # users may notice
    DESTRUCTIVE = "destructive"  # cannot be undone


class ParameterKind(StrEnum):
    """How a parameter is written in YAML and what the action receives."""

    COUNT = "count"  # a whole number >= 1
    DURATION = "duration"  # written "10 m", received in seconds
    TEXT = "text"  # a non-empty string
    PERCENT = "percent"  # written "25 %", received as 25.0
    NUMBER = "number"  # a number above 0, such as capacity units: 0.5
    TEXTS = "texts"  # a list of non-empty strings, received as a list; an empty list is refused
    FLAG = "flag"  # true or false


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an action. ``ceiling`` marks the one that bounds how far the action may ever go."""

    name: str
    kind: ParameterKind
    summary: str
    required: bool = True
    default: int | float | str | bool | tuple[str, ...] | None = None
    ceiling: bool = False
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """One IAM action and the resources it is needed on (``arn:{partition}:ecs:…:service/{cluster}/{service}``).

    What stands in braces is filled in from the row: partition, region, account, stage, prefix, the policy's parameters, and
    the target's dimensions (``QueueName`` as ``queue`` and ``queue_name``). A permission that needs an optional parameter is
    left out for a row without it; ``only_with`` names such a parameter where ``resource`` does not. ``condition`` is IAM's:
    operator → key → value, filled in the same way. ``why`` also says why a wildcard has to stand in ``resource``.
    """

    action: str
    resource: str
    why: str
    condition: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)
    only_with: str = ""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """Everything `check`, docs and `iam` need to know of an action. ``example`` is a ``remediate`` list in YAML.

    ``changes`` says that the action changes something: only then does a policy need limits, a ceiling and a revert before
    it may run in mode approve or auto. ``lends`` says that what it changes can and must be given back; where False there is
    no revert to state (an ended session stays ended). ``withdraws``: what did not help, or does harm, is given back at once.
    ``watch_every_s``: how often, in seconds, the action is asked whether its change does harm while it is out; 0 is never.
    ``scales``: it adds load to what the service calls, so it yields while a dependency rings. ``approval``: a person decides
    even in mode auto.
    """

    name: str
    summary: str
    risk: Risk
    changes: bool
    parameters: tuple[Parameter, ...]
    permissions: tuple[Permission, ...]
    example: str
    lends: bool = True
    withdraws: bool = False
    watch_every_s: int = 0
    scales: bool = False
    approval: bool = False


class Actions(Protocol):
    """The registry of actions as the catalogue sees it; ``cli`` passes the real one in."""

    def specs(self) -> Mapping[str, ActionSpec]:
        """Return every known action by name."""
        ...

    def problem(self, action: str, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong with ``parameters`` beyond their single kinds (cross-field rules), None when they fit."""
        ...
