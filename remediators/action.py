"""The contract that every file in ``remediators/actions`` fulfils.

An action never decides whether it may run and never keeps state: the engine does. It reads, proposes, applies exactly what
was proposed, tells whether the mechanism moved, and proposes the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from alarms.domain.action import ActionSpec, Parameter, ParameterKind
from alarms.domain.alarm import Alarm, Policy
from alarms.domain.decision import Change, Proposal, Reason, Value
from alarms.domain.text import Text


class Purpose(StrEnum):
    """What a look at the world is for, so that an action reads no more than it needs."""

    DECIDE = "decide"
    VERIFY = "verify"
    WATCH = "watch"
    REVERT = "revert"


def unbounded() -> float:
    """Return the seconds left where nothing ends them."""
    return float("inf")


@dataclass(frozen=True, slots=True)
class Situation:
    """What the engine hands to an action: the row, the policy step, the newest value of the alarm's metric, the time.

    ``acted_at`` is when the change was made that is now verified or given back; None while deciding. ``left_s`` tells how
    many seconds this invocation may still take: what is time-boxed asks it between its calls.
    """

    alarm: Alarm
    policy: Policy
    value: float | None
    now: datetime
    purpose: Purpose = Purpose.DECIDE
    acted_at: datetime | None = None
    left_s: Callable[[], float] = unbounded


@dataclass(frozen=True, slots=True)
class Refusal:
    """The action's own "no", named, with the values that led to it."""

    reason: Reason
    why: Text


class Clients(Protocol):
    """Where an action gets its AWS clients: ``clients("ecs").describe_services(...)``.

    The client has boto3's methods and answers; its failures are already told apart: Retryable or Permanent (with AWS's code).
    """

    def __call__(self, service: str) -> Any:
        """Return the client of ``service``, made on first use."""
        ...


# Raises when the kill switch was thrown or the resource's lock is no longer ours; called right before every changing call.
Permit = Callable[[], None]


class Overtaken(Exception):
    """What was decided upon is no longer so: another deployment is in flight, the session is another one by now.

    Raised by ``Action.run`` right before a changing call: nothing is changed, and the run ends as stale.
    """

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


def unfit(action: Action, policy: Policy) -> str:
    """Return what of the policy's parameters does not fit ``action``, "" when all do: None and 0 never mean unlimited."""
    for parameter in action.spec.parameters:
        if parameter.name not in policy.parameters and not parameter.required:
            continue
        if not _fits(parameter, policy.parameters.get(parameter.name)):
            return f"{parameter.name} is not a {parameter.kind.value}"
    return action.problem(policy.parameters) or ""


def _fits(parameter: Parameter, value: object) -> bool:
    if parameter.kind is ParameterKind.TEXT:
        return isinstance(value, str) and bool(value)
    if parameter.kind is ParameterKind.FLAG:
        return isinstance(value, bool)
    if parameter.kind is ParameterKind.TEXTS:
        return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, str) and item for item in value)
    if parameter.kind in (ParameterKind.PERCENT, ParameterKind.NUMBER):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        return False
    return parameter.maximum is None or value <= parameter.maximum


class Action(Protocol):
    """One kind of remediation."""

    spec: ActionSpec

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between ``parameters`` (each already of its kind), None when they fit together."""
        ...

    def resource(self, situation: Situation) -> str:
        """Return the lock key of what it would change (``ecs:service/<cluster>/<service>``), from the row alone."""
        ...

    def observe(self, clients: Clients, situation: Situation) -> Any:
        """Read the state it depends on. Read-only calls; raises Retryable or Permanent when it cannot see."""
        ...

    def propose(self, observed: Any, situation: Situation) -> Proposal | Refusal:
        """Say what it would do now, or its named refusal. Pure."""
        ...

    def evidence(self, observed: Any, situation: Situation) -> Mapping[str, Any] | None:
        """Return what has to be kept before anything is changed, as JSON; None when the intent itself says it all. Pure.

        It is stored encrypted and short-lived, never shown: query texts and addresses may stand in it, secrets masked.
        """
        ...

    def current(self, observed: Any, change: Change) -> Value:
        """Return the knob's value as observed: compared with ``before`` and ``after`` when a run is resumed. Pure."""
        ...

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Make one change of a proposal, ``permit()`` first; safe to repeat. Returns AWS request ids.

        Also called with the changes that ``restore`` proposes. Raises Overtaken instead of changing what is not as decided.
        """
        ...

    def moved(self, observed: Any, proposal: Proposal) -> bool | None:
        """Tell whether the mechanism reached the proposed state (tasks run, not only asked for); None when unknown. Pure."""
        ...

    def harm(self, observed: Any, proposal: Proposal, situation: Situation) -> Text | None:
        """Say what harm the change does while it is out, None when none is seen. Pure; asked every ``spec.watch_every_s``."""
        ...

    def restore(self, observed: Any, proposal: Proposal, situation: Situation) -> Proposal | Refusal:
        """Propose the way back for what is still ours. Pure.

        Refusals: DRIFTED when somebody else changed it meanwhile (the lease is dropped), NOTHING_TO_DO when there is
        nothing to give back (kept), YIELDS when it should be tried again later.
        """
        ...
